"""What differs from torch on purpose, where torch's database of operations shows it, each with its reason.

The list is checked: an entry that no sample needs any more fails test_op_db.py.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

DTYPES = ("float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "")
ALL_ASPECTS = ("values", "gradients", "second derivatives", "method", "in place", "errors")


class Difference(NamedTuple):
    """`ops` differ in `aspects`, for these dtypes and for samples of which `samples` is true."""

    ops: tuple[str, ...]
    aspects: tuple[str, ...]
    reason: str
    dtypes: tuple[str, ...] = DTYPES
    samples: Callable[[Any], bool] = lambda sample: True


INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "bool")
TIES = "torch promises no order of equal elements; here the first come first"

DIFFERENCES: list[Difference] = [
    Difference(("sort", "argsort"), ("values", "method"), TIES, ("int8", "uint8", "bool")),
    Difference(("topk", "kthvalue", "mode"), ("values", "method"), TIES, INTEGERS),
    Difference(
        ("__radd__", "__rmul__", "__rand__", "__ror__", "__rxor__", "__rmod__", "__rpow__", "__rsub__"),
        ("errors",),
        "a method in C and a function in Python refuse a `self` that is no tensor with other exceptions",
    ),
    Difference(
        ("addbmm",),
        ("in place",),
        "torch resizes the tensor where the product is larger; here a tensor keeps its shape",
        samples=lambda sample: sample.input.dim() < 2,
    ),
    Difference(
        ("linalg.svd", "linalg.eigh"),
        ("gradients", "second derivatives"),
        "rounding is divided by the gaps between singular values or eigenvalues, and they may be narrow",
    ),
    Difference(
        ("linalg.pinv", "linalg.pinv.hermitian"),
        ("gradients", "second derivatives"),
        "rounding is divided by the squares of small singular values",
    ),
    Difference(
        ("linalg.qr", "linalg.norm", "prod"),
        ("second derivatives",),
        "terms much larger than their sum cancel, and what rounding leaves of them differs",
        ("float64",),
    ),
    Difference(
        ("cdist",),
        ("gradients",),
        "torch computes distances by a product of matrices, which rounds small ones by more",
        ("float32", "float64"),
        samples=lambda sample: "use_mm_for_euclid_dist" in sample.args,
    ),
    Difference(
        ("nn.functional.layer_norm", "nn.functional.group_norm"),
        ("gradients",),
        "one value is normalized to 0, two to -1 and 1: of gradients of 0 rounding leaves something",
        samples=lambda sample: sample.input.numel() <= 2,
    ),
    Difference(
        ("narrow_copy",),
        ("errors",),
        "torch fails an assertion of its own for a dimension out of range; here it is narrow's IndexError",
    ),
    Difference(
        ("asinh", "acosh", "atanh"),
        ("in place",),
        "torch has no derivative of the in-place function; here it has that of its out-of-place twin",
        ("float64",),
    ),
    Difference(
        ("logcumsumexp",),
        ("gradients",),
        "torch sums gradients by their logarithms: of inputs near 10000 few digits remain after the point",
    ),
    Difference(
        ("erfinv",),
        ("values", "method", "in place"),
        "near the ends one ulp of erf moves y by several, and exp(y^2) multiplies them",
        ("float64",),
    ),
    Difference(
        ("nn.functional.binary_cross_entropy",),
        ("second derivatives",),
        "torch adds 1e-12 to x and to 1 - x; here it is the derivative of the first",
        ("float64",),
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
