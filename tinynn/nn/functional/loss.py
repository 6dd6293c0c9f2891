"""Losses: how far a prediction is from its target, for each element, or their mean or sum."""

from __future__ import annotations

import math
import warnings

import numpy as np

from tinynn import ops
from tinynn.autograd.grad_mode import no_grad
from tinynn.creation import ones_like
from tinynn.functions import broadcast_tensors
from tinynn.nn.functional.checks import need_constant, need_float, need_size, need_tensor, need_tensors
from tinynn.size import type_name
from tinynn.tensor import Tensor


def legacy_reduction(size_average: bool | None, reduce: bool | None, stacklevel: int = 4) -> str:
    """The reduction that torch's old arguments ask for."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction\nChoose 'mean', 'sum' or 'none'.")
    return reduction


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-w (p t log s(x) + (1 - t) log(1 - s(x))) with the sigmoid s, for logits x and targets t of one shape.

    `weight` w and `pos_weight` p broadcast to that shape; the mean divides by the number of elements.
    """
    reduction = _reduction(size_average, reduce, reduction)
    need_tensors(input, target)
    x, t = input._array, target._array
    if x.shape != t.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})\n"
            "Use input.squeeze(dim=1) or target.unsqueeze(dim=1) to give them one shape."
        )
    if x.dtype.kind != "f" or t.dtype.kind != "f":
        _raise_for_logits_dtype(input, target)
    if weight is not None or pos_weight is not None:
        if pos_weight is not None:
            need_size(pos_weight, target, output=target)
        if weight is not None:
            need_size(target, weight, output=target)
        need_constant("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    return ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def _raise_for_logits_dtype(input: Tensor, target: Tensor) -> None:
    if target._array.dtype.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead.\n"
            "Convert the target: target.float()."
        )
    need_float("log_sigmoid_cpu", input)
    raise RuntimeError(
        f"result type {type_name(input._array.dtype)} can't be cast to the desired output type "
        f"{type_name(target._array.dtype)}\n"
        "Convert the target: target.float()."
    )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w (t log x + (1 - t) log(1 - x)) for probabilities x and t; each log counts as at least -100."""
    reduction = _reduction(size_average, reduce, reduction)
    need_tensors(input, target)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = _expanded_weight(weight, target)
    for tensor in (target, weight):
        if tensor is not None and tensor.dtype is not input.dtype:
            raise RuntimeError(
                f"Found dtype {type_name(tensor._array.dtype)} but expected {type_name(input._array.dtype)}"
            )
    for name, tensor in {"input": input, "target": target}.items():
        if not ((tensor._array >= 0) & (tensor._array <= 1)).all():
            raise RuntimeError(
                f"all elements of {name} should be between 0 and 1\n"
                "For logits, use binary_cross_entropy_with_logits."
            )
    need_constant("binary_cross_entropy", weight=weight)
    need_float("binary_cross_entropy", input)
    return ops.binary_cross_entropy(input, target, weight, reduction)


def _expanded_weight(weight: Tensor, target: Tensor) -> Tensor:
    for back, (n, m) in enumerate(zip(reversed(weight.shape), reversed(target.shape), strict=False), 1):
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {n} at -{back}! Mismatching argument at "
                f"index 1 had {weight.shape}; but expected shape should be broadcastable to "
                f"{list(target.shape)}"
            )
    return weight.expand(np.broadcast_shapes(weight.shape, target.shape))


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w[t] x[n, t], log-probabilities x of shape (C,), (N, C) or (N, C, d1, ...), classes t without the C.

    Targets equal to ignore_index count nothing; the mean divides by the sum of the weights w[t].
    """
    reduction = _reduction(size_average, reduce, reduction)
    need_tensor("nll_loss_nd", input)
    need_tensor("nll_loss_nd", target, "target", 2)
    _check_nll(input, target, weight)
    _check_classes(target, input._array.shape[min(1, input.ndim - 1)], ignore_index)
    if input.ndim <= 2:
        target = target if input.ndim == 2 else target.reshape(())
        return ops.nll_loss(input, target, weight, ignore_index, reduction)
    if input.ndim == 4:
        return ops.nll_loss_2d(input, target, weight, ignore_index, reduction)
    n, classes = input.shape[:2]
    flat = input.reshape(n, classes, 1, -1), target.reshape(n, 1, -1)
    out = ops.nll_loss_2d(*flat, weight, ignore_index, reduction)
    return out.view(target.shape) if reduction == "none" else out


_CLASS_DTYPES = (np.dtype("int64"), np.dtype("uint8"))


def _check_nll(input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    x, t = input._array, target._array
    if x.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {x.ndim})")
    if x.ndim == 1 and t.ndim == 1 and len(t) != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {len(t)}")
    if x.ndim != 1 and (t.ndim == 0 or len(x) != len(t)):
        n = len(t) if t.ndim else 1
        raise ValueError(f"Expected input batch_size ({len(x)}) to match target batch_size ({n}).")
    if x.ndim <= 2 and t.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    expected = [*x.shape[:1], *x.shape[2:]]
    if x.ndim > 2 and list(t.shape) != expected:
        if x.ndim == 4 and t.ndim == 3:
            raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}")
        raise RuntimeError(f"Expected target size {expected}, got {list(t.shape)}")
    if t.dtype not in _CLASS_DTYPES:
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {type_name(t.dtype)}\n"
            "Convert classes with target.long(); class probabilities have the shape of the input."
        )
    _check_class_weight(input, weight)
    need_constant("nll_loss_forward", weight=weight)
    need_float("nll_loss_out_frame", input)
    if weight is not None and weight._array.dtype != x.dtype:
        raise RuntimeError(
            f"expected scalar type {type_name(x.dtype)} but found {type_name(weight._array.dtype)}"
        )


def _check_class_weight(input: Tensor, weight: Tensor | None, prefix: str = "") -> None:
    if weight is None:
        return
    classes = input.shape[min(1, input.ndim - 1)]
    if weight.shape != (classes,):
        raise RuntimeError(
            f"{prefix}weight tensor should be defined either for all {classes} classes or no classes but got "
            f"weight tensor of shape: {list(weight.shape)}"
        )


def _check_classes(target: Tensor, classes: int, ignore_index: int) -> None:
    t = target._array
    if t.size and np.minimum.reduce(t, axis=None) >= 0 and np.maximum.reduce(t, axis=None) < classes:
        return
    outside = t[((t < 0) | (t >= classes)) & (t != ignore_index)]
    if outside.size:
        raise IndexError(f"Target {outside[0]} is out of bounds.\nThere are {classes} classes, from 0 on.")


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-w[t] log(softmax(x))[t] for logits x of shape (C,), (N, C) or (N, C, d1, ...).

    The target holds classes (no dimension C), or class probabilities (the shape of x). label_smoothing moves
    that much of the probability evenly to all classes.
    """
    reduction = _reduction(size_average, reduce, reduction)
    need_tensor("cross_entropy_loss", input)
    need_tensor("cross_entropy_loss", target, "target", 2)
    if input.ndim == 0 or input._array.shape == target._array.shape:
        return _cross_entropy_of_probabilities(
            input, target, weight, ignore_index, reduction, label_smoothing
        )
    if label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    class_dim = min(1, input.ndim - 1)
    log_p = input.log_softmax(class_dim)
    loss = nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing <= 0:
        return loss
    even = _smooth_loss(log_p, target, weight, ignore_index, reduction, class_dim)
    return (1 - label_smoothing) * loss + even * (label_smoothing / input.shape[class_dim])


def _smooth_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, class_dim: int
) -> Tensor:
    """The cross entropy with all classes at once, reduced as nll_loss is."""
    weighted = log_p if weight is None else log_p * _along_classes(weight, log_p)
    ignored = target == ignore_index
    losses = (-weighted.sum(class_dim)).masked_fill(ignored, 0.0)
    if reduction != "mean":
        return _reduced(losses, reduction)
    counted = ~ignored if weight is None else weight[target.masked_fill(ignored, 0)] * ~ignored
    return losses.sum() / counted.sum()


def _along_classes(weight: Tensor, x: Tensor) -> Tensor:
    return weight if x.ndim == 1 else weight.view((1, -1) + (1,) * (x.ndim - 2))


def _cross_entropy_of_probabilities(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    if target._array.dtype.kind != "f":
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{type_name(target._array.dtype)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _check_class_weight(input, weight, "cross_entropy: ")
    class_dim = min(1, input.ndim - 1)
    classes = input.shape[class_dim] if input.ndim else 1
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = input.log_softmax(class_dim) * target
    if weight is not None:
        terms = terms * _along_classes(weight, input)
    if reduction == "none":
        return -terms.sum(class_dim)
    if reduction == "sum":
        return -terms.sum()
    return -terms.sum() / (input.numel() / classes if input.numel() else math.nan)


def _paired(input: Tensor, target: Tensor, stacklevel: int = 3) -> tuple[Tensor, Tensor]:
    """Input and target in their common shape; torch warns where they differ."""
    need_tensors(input, target)
    if input._array.shape == target._array.shape:
        return input, target
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This "
        "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=stacklevel,
    )
    try:
        pair = broadcast_tensors(input, target)
    except ValueError:
        need_size(input, target, output=input)
        raise
    return pair[0], pair[1]


def _need_same_size(weight: Tensor, input: Tensor) -> None:
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")


def _weighted_mean(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    weighted = losses * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else _reduced(weighted, reduction)


def _need_float_pair(kernel: str, input: Tensor, target: Tensor) -> None:
    if input._array.dtype.kind != "f" and target._array.dtype.kind != "f":
        need_float(kernel, input)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(x - t)^2; a weighted mean divides by the sum of the weights."""
    reduction = _reduction(size_average, reduce, reduction)
    x, t = _paired(input, target)
    if weight is not None:
        _need_same_size(weight, input)
        return _weighted_mean((x - t).pow(2), weight, reduction)
    _need_float_pair("mse_cpu", x, t)
    return ops.mse_loss(x, t, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|x - t|; a weighted mean divides by the sum of the weights."""
    reduction = _reduction(size_average, reduce, reduction)
    x, t = _paired(input, target)
    losses = (x - t).abs()
    if weight is None:
        return _reduced(losses, reduction)
    _need_same_size(weight, input)
    return _weighted_mean(losses, weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, with d = x - t."""
    reduction = _reduction(size_average, reduce, reduction)
    x, t = _paired(input, target)
    if beta == 0.0:
        return _reduced((x - t).abs(), reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    _need_float_pair("smooth_l1_cpu", x, t)
    return ops.smooth_l1_loss(x, t, reduction, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = x - t; a weighted mean divides by n.

    The losses have the dtype of x, whatever that of t is.
    """
    reduction = _reduction(None, None, reduction)
    x, t = _paired(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _need_float_pair("huber_cpu", x, t)
    if weight is None and x.dtype is t.dtype:
        return ops.huber_loss(x, t, reduction, delta)
    if x._array.dtype.kind != "f":
        found, wanted = type_name(t._array.dtype), type_name(x._array.dtype)
        raise RuntimeError(f"result type {found} can't be cast to the desired output type {wanted}")
    losses = ops.huber_loss(x, t, "none", delta).to(x.dtype)
    if weight is None:
        return _reduced(losses, reduction)
    _need_same_size(weight, input)
    return _reduced(losses * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t (log t - x) for log-probabilities x and probabilities t (log_target: their logs).

    "batchmean" divides the sum by the first size: the Kullback-Leibler divergence; "mean" divides by all.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce, stacklevel=3)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    batchmean = reduction == "batchmean"
    reduction = "sum" if batchmean else _reduction(None, None, reduction)
    need_tensor("kl_div", input)
    need_tensor("kl_div", target, "target", 2)
    if input._array.dtype.kind != "f" or target._array.dtype.kind != "f":
        raise RuntimeError("kl_div: Integral inputs not supported.\nConvert them first, with .float().")
    terms = target.exp() * (target - input) if log_target else ops.xlogy(target, target) - target * input
    out = _reduced(terms, reduction)
    return out / input.shape[0] if batchmean and input.ndim else out


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(x) - t x for counts t of a Poisson distribution of rate exp(x); x - t log(x + eps) for the rate x.

    `full` adds log(t!), by Stirling's formula t log t - t + log(2 pi t) / 2 where t > 1.
    """
    reduction = _reduction(size_average, reduce, reduction)
    need_tensor("poisson_nll_loss", input)
    need_tensor("poisson_nll_loss", target, "target", 2)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        log_factorial = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + log_factorial.masked_fill(target <= 1, 0)
    return _reduced(losses, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log v + (x - t)^2 / v) / 2 for the mean x and the variance v = max(var, eps); full: + log(2 pi) / 2.

    `var` has the shape of x, or that with a last dimension of 1 or none, or one dimension of 1.
    """
    if (var < 0) if isinstance(var, float) else (var < 0).any():  # type: ignore[union-attr]
        raise ValueError("var has negative entry/entries")
    variance = _variance_of(input, var).clone()
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid\nChoose 'mean', 'sum' or 'none'.")
    with no_grad():  # as torch: below eps, the derivative is that of var
        variance.clamp_(min=eps)
    losses = 0.5 * (variance.log() + (input - target) ** 2 / variance)
    return _reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _variance_of(input: Tensor, var: Tensor | float) -> Tensor:
    """`var` in a shape that broadcasts to the input's."""
    if isinstance(var, float):
        return var * ones_like(input)
    if var.shape == input.shape:
        return var
    if var.shape == input.shape[:-1]:
        return var.unsqueeze(-1)
    if var.ndim == input.ndim and sum(m for n, m in zip(input.shape, var.shape, strict=True) if n != m) == 1:
        return var
    raise ValueError("var is of incorrect size")
