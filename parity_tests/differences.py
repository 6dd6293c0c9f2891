"""What differs from torch on purpose, where torch's databases show it, each with its reason.

The lists are checked: an entry that no sample needs any more fails test_op_db.py or test_module_db.py.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

DTYPES = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "")
ALL_ASPECTS = ("values", "gradients", "second derivatives", "method", "in place", "errors")


class Difference(NamedTuple):
    """The entries `names` differ in `aspects`, for these dtypes and for samples of which `samples` is true.

    `rounding`: only as far as torch's own answer moves when its inputs are rounded, see conditioning.py.
    """

    names: tuple[str, ...]
    aspects: tuple[str, ...]
    reason: str
    dtypes: tuple[str, ...] = DTYPES
    samples: Callable[[Any], bool] = lambda sample: True
    rounding: bool = False


DIFFERENCES: list[Difference] = [
    Difference(
        ("__rmod__", "__rpow__", "__rsub__"),
        ("errors",),
        "torch's are functions in Python, which make a tensor of two numbers",
        samples=lambda sample: not isinstance(sample.args[0], torch.Tensor),
    ),
    Difference(
        ("as_strided_scatter",),
        ("gradients", "second derivatives"),
        "torch gives the input the gradient of the overwritten places, and 0 for those that were kept",
    ),
    Difference(
        ("addbmm",),
        ("in place",),
        "torch resizes the tensor where the product is larger; here a tensor keeps its shape",
        samples=lambda sample: sample.input.dim() < 2,
    ),
    Difference(
        (
            "linalg.svd",
            "linalg.eigh",
            "svd",
            "linalg.pinv",
            "linalg.pinv.hermitian",
            "pinverse",
            "linalg.lstsq",
            "linalg.lstsq.grad_oriented",
        ),
        ("gradients", "second derivatives"),
        "rounding is divided by small singular values, and by the gaps between them",
        rounding=True,
    ),
    Difference(
        ("linalg.cond", "linalg.tensorsolve", "linalg.householder_product", "matrix_exp", "cdist"),
        ("gradients",),
        "rounding is multiplied: by the condition number, by long reflections, by e^|x|, by 1 / distance",
        rounding=True,
    ),
    Difference(
        ("nn.functional.scaled_dot_product_attention",),
        ("gradients", "second derivatives"),
        "scores as large as 300 are rounded, and exp makes that the relative error of the weights",
        rounding=True,
    ),
    Difference(
        ("linalg.norm", "prod", "triangular_solve", "linalg.householder_product"),
        ("second derivatives",),
        "terms much larger than their sum cancel, and what rounding leaves of them differs",
        ("float64",),
        rounding=True,
    ),
    Difference(
        ("lgamma",),
        ("values", "method", "in place"),
        "near its zeros below 0, lgamma is a difference of large terms",
        ("float64",),
        rounding=True,
    ),
    Difference(
        ("linalg.householder_product", "ormqr"),
        ("gradients",),
        "torch leaves a gradient undefined that is zero: where there is no reflection",
        samples=lambda sample: not (sample.input.numel() and sample.args[0].numel()),
    ),
    Difference(
        ("nn.functional.layer_norm", "nn.functional.group_norm"),
        ("gradients",),
        "one value is normalized to 0, two to -1 and 1: of gradients of 0 rounding leaves something",
        samples=lambda sample: sample.input.numel() <= 2,
    ),
    Difference(
        ("nn.functional.normalize",),
        ("gradients",),
        "one value is normalized to -1 or 1: of gradients of 0 rounding leaves something",
        samples=lambda sample: (
            sample.kwargs.get("p", 2) < 1 and sample.input.shape[sample.kwargs["dim"]] == 1
        ),
    ),
    Difference(
        ("nn.functional.linear_cross_entropy.chunked",),
        ("second derivatives",),
        "torch takes the gradients that it computed in pieces for constants; here they can be differentiated",
        ("float64",),
    ),
    Difference(
        ("nn.functional.linear_cross_entropy.chunked_none",),
        ("gradients",),
        "torch refuses create_graph=True; here it works",
        ("float64",),
    ),
    Difference(
        ("nn.functional.softshrink",),
        ("values",),
        "between the bounds torch gives 0, but -0 to a negative one of the last, which fill no vector",
        ("float32",),
    ),
]

MODULE_DIFFERENCES: list[Difference] = [
    Difference(
        ("nn.LinearCrossEntropyLoss",),
        ("second derivatives", "strided input"),
        "torch takes the gradient of what it computed in pieces for a constant",
        ("float64",),
        samples=lambda sample: sample.made_of[1]["options"] is not None,
    ),
]


class NotCompared:
    """What tinynn has no counterpart of, wherever it occurs."""

    def entry(self, op: Any) -> bool:
        """Whether the entry is about something else than the dense real tensors that tinynn has."""
        return op.name.startswith(("masked.", "_refs", "torch.ops", "sparse."))

    def sample(self, sample: Any) -> bool:
        """Whether a sample has what tinynn has not: complex numbers, layouts, `out=`, 65 dimensions."""
        return (
            any(map(_foreign, _leaves((sample.input, sample.args, sample.kwargs)))) or "out" in sample.kwargs
        )


def _leaves(value: Any) -> list:
    if isinstance(value, dict):
        return _leaves(list(value.values()))
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _foreign(value: Any) -> bool:
    if isinstance(value, torch.Tensor):
        strange = value.is_complex() or value.layout != torch.strided or value.is_meta
        return strange or value.dtype in _FOREIGN_DTYPES or value.dim() > 64
    if isinstance(value, torch.dtype):
        return value.is_complex or value in _FOREIGN_DTYPES
    return isinstance(value, complex | torch.memory_format | torch.layout)


_FOREIGN_DTYPES = {torch.bfloat16, torch.uint16, torch.uint32, torch.uint64}
NOT_COMPARED = NotCompared()
