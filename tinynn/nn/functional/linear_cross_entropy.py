"""The cross entropy of a linear layer's output, at once or in pieces that need less memory."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from tinynn import dtypes, ops
from tinynn.nn.functional.affine import linear
from tinynn.nn.functional.loss import _check_class_weight, cross_entropy
from tinynn.ops.nn import _class_weights
from tinynn.tensor import Tensor


@dataclass(frozen=True, slots=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` divides its work: into pieces of `batch_chunk_size` samples.

    `chunking_method` "aspect_ratio:K" chooses a size such that the logits of a piece take a K-th of the
    input's memory; "auto" means K = 2, unless a size is given. `acc_dtype` is what float16 is computed in.
    `acc_policy` and `allow_retain_graph` are for torch's programs: here backward computes the logits once
    more, in `acc_dtype`, and may run again.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        size, method = self.batch_chunk_size, self.chunking_method
        if self.acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {self.acc_policy!r}")
        if method not in (None, "auto", "aspect_ratio"):
            name, _, factor = method.partition(":")
            if name != "aspect_ratio" or not factor.isdigit() or int(factor) < 1:
                raise ValueError(f"invalid chunking_method: {method!r}")
        if size is not None and (not isinstance(size, int) or size < 1):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {size!r}")
        if self.acc_dtype not in (None, dtypes.float16, dtypes.float32, dtypes.float64):
            raise ValueError(
                "acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, "
                f"torch.float64}}, got {self.acc_dtype!r}. Pass acc_dtype=None to let the op pick "
                "automatically."
            )

    def samples_at_once(self, n: int, features: int, classes: int) -> int:
        """The size of a piece, for n samples."""
        size, method = self.batch_chunk_size, self.chunking_method
        if method == "auto":
            method = "aspect_ratio:2" if size is None else None
        if method is None:
            return max(1, min(n if size is None else size, n))
        as_input = -(-n // -(-classes // features))
        chosen = min((1 << (as_input - 1).bit_length()) // int(method.partition(":")[2] or 1), n)
        if size is not None and size != chosen:
            raise ValueError(
                f"batch_chunk_size (={size}) and chunking_method ('{method}') give different chunk sizes "
                f"({size} vs {chosen}); pass only one."
            )
        return max(1, chosen)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """`cross_entropy` of `linear`, for x of shape (N, D) or (D,) and linear weights of shape (C, ..., D).

    With `options` it is computed in pieces, where that can be: for classes of dtype int64 and weights (C, D).
    """
    _check_linear(input, linear_weight, linear_bias)
    shape = (*input.shape[:-1], *linear_weight.shape[:-1])
    if ignore_index is not None and target.shape == shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        whole = linear_weight.ndim > 2 or label_smoothing != 0.0 or target.dtype is not dtypes.int64
        if not whole and reduction in ("mean", "sum", "none"):
            return _in_pieces(input, linear_weight, linear_bias, target, weight, ignored, reduction, options)
        _warn_of_options(linear_weight, linear_bias, target, reduction, label_smoothing)
    flat_weight = linear_weight.reshape(-1, input.shape[-1])
    flat_bias = None if linear_bias is None else linear_bias.reshape(-1)
    return cross_entropy(
        linear(input, flat_weight, flat_bias).reshape(shape),
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=ignored,
        label_smoothing=label_smoothing,
    )


def _in_pieces(
    input: Tensor,
    linear_weight: Tensor,
    linear_bias: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
    ignored: int,
    reduction: str,
    options: LinearCrossEntropyOptions,
) -> Tensor:
    if input.ndim == 1:
        batch = input.unsqueeze(0), linear_weight, linear_bias, target.unsqueeze(0)
        return _in_pieces(*batch, weight, ignored, reduction, options).squeeze(0)
    dtype, classes = _computed_in(input, options), len(linear_weight)
    t = target._array
    if t.shape != input.shape[:1]:
        raise RuntimeError(f"Expected target size {list(input.shape[:1])}, got {list(t.shape)}")
    outside = t[((t < 0) | (t >= classes)) & (t != ignored)]
    if outside.size:
        raise RuntimeError(f"index {outside[0]} is out of bounds for dimension 1 with size {classes}")
    _check_class_weight(linear_weight.T, weight)
    of_classes = None if weight is None else weight._array.astype(dtype.numpy)
    weights = _class_weights(t, of_classes, ignored, dtype.numpy)
    size = options.samples_at_once(len(input), input.shape[1], classes)
    xs = [x.to(dtype) for x in (input, linear_weight, linear_bias) if x is not None]
    return ops.linear_cross_entropy(*weights, reduction, size, *xs).to(input.dtype)


def _computed_in(input: Tensor, options: LinearCrossEntropyOptions) -> dtypes.dtype:
    half = input.dtype is dtypes.float16
    chosen = options.acc_dtype or (dtypes.float32 if half and options.acc_policy == "auto" else input.dtype)
    if chosen is not input.dtype and not (half and chosen is dtypes.float32):
        raise RuntimeError(
            "linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got "
            f"{chosen} acc_dtype and {input.dtype} inputs."
        )
    return chosen


def _warn_of_options(
    linear_weight: Tensor, linear_bias: Tensor | None, target: Tensor, reduction: str, label_smoothing: float
) -> None:
    bias = None if linear_bias is None else tuple(linear_bias.shape)
    warnings.warn(
        "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
        "label_smoothing == 0, target.dtype == int64, out_features == (). Got "
        f"reduction={reduction!r}, label_smoothing={label_smoothing}, target.dtype={target.dtype}, "
        f"out_features={tuple(linear_weight.shape[1:-1])}, tracing=False, linear_bias.shape={bias}.",
        stacklevel=3,
    )


def _check_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    if not 1 <= input.dim() <= 2:
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {weight.dim()}")
    features = input.shape[-1]
    if features != weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{features} and {weight.shape[-1]}, respectively"
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise RuntimeError(f"expected linear_bias shape {tuple(weight.shape[:-1])}, got {tuple(bias.shape)}")
    if weight.ndim > 2 and input.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(weight.shape)} requires batched "
            f"input, (N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
