"""Losses with a margin: nothing is lost any more where a pair, or a class, leads by that much."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinynn import ops
from tinynn.methods.rows import check_broadcastable
from tinynn.nn.functional.activation import logsigmoid
from tinynn.nn.functional.checks import need_constant, need_float, need_tensor
from tinynn.nn.functional.distance import pairwise_distance
from tinynn.nn.functional.loss import _reduced, _reduction, legacy_reduction
from tinynn.size import type_name
from tinynn.tensor import Tensor


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -t (x1 - x2) + margin), where t is 1 if x1 should be the larger, and -1 if x2 should."""
    reduction = _reduction(size_average, reduce, reduction)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return _reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """x where t = 1, max(0, margin - x) where t = -1, for distances x of pairs that are alike (1) or not."""
    reduction = _reduction(size_average, reduce, reduction)
    _need_tensors("hinge_embedding_loss", input=input, target=target)
    if input._array.dtype.kind != "f":
        margin = int(margin)  # as torch: the result is an integer too
    unlike = (margin - input).clamp_min(0).where(target != 1, 0)
    return _reduced(unlike + input.where(target != -1, 0), reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - c where t = 1, max(0, c - margin) where t = -1, c the cosine of the angle between x1 and x2.

    x1 and x2 of shape (N, D) and t of (N,), or (D,) and ().
    """
    reduction = _reduction(size_average, reduce, reduction)
    _need_tensors("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    _check_pairs(input1, input2, target)
    dim = target.ndim
    square1, square2 = ((x * x).sum(dim) + 1e-12 for x in (input1, input2))
    cosine = (input1 * input2).sum(dim) / (square1 * square2).sqrt()
    alike = (1 - cosine).where(target == 1, 0)
    return _reduced(alike + (cosine - margin).clamp_min(0).where(target == -1, 0), reduction)


def _check_pairs(input1: Tensor, input2: Tensor, target: Tensor) -> None:
    dim = target.ndim
    if dim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not input1.ndim == input2.ndim == dim + 1:
        raise RuntimeError(
            f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-t x)) for targets t of -1 and 1."""
    reduction = _reduction(size_average, reduce, reduction)
    _need_tensors("soft_margin_loss", input=input, target=target)
    need_constant("soft_margin_loss", target=target)
    if input._array.dtype.kind != "f":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {type_name(input._array.dtype)}"
        )
    check_broadcastable(input.shape, target.shape)
    return ops.soft_margin_loss(input, target.to(input.dtype), reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over the classes c other than t of w[t] max(0, margin - x[t] + x[c])^p / C, with p = 1 or 2.

    Scores x of shape (N, C) and classes t of (N,), or (C,) and ().
    """
    reduction = _reduction(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    _need_tensors("multi_margin_loss", input=input, target=target)
    need_constant("multi_margin_loss", weight=weight)
    _check_scores(input)
    _check_class_of_each(input, target, weight)
    constant = weight if weight is None else weight._array
    return ops.multi_margin_loss(input, target._array, constant, p, margin, reduction)


def _check_class_of_each(input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    x, t = input._array, target._array
    samples, classes = (len(x) if x.ndim > 1 else 1), (x.shape[-1] if x.ndim else 1)
    if t.ndim > 1 or t.size != samples:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples "
            f"(batch size). Expected target size [{samples}], but got {list(t.shape)}. Input has shape "
            f"{list(x.shape)}."
        )
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    need_float("multi_margin_loss_cpu_kernel", input, half=False)
    _need_long(target)
    if weight is not None and weight.dtype is not input.dtype:
        got = type_name(weight._array.dtype)
        raise RuntimeError(f"expected scalar type {type_name(x.dtype)} but found {got}")
    if ((t < 0) | (t >= classes)).any():
        raise RuntimeError(f"target out of range\nThere are {classes} classes, from 0 on.")


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum over the labels t and the classes c that are none of max(0, 1 - x[t] + x[c]) / C.

    Scores x of shape (N, C) or (C,). The target has that shape too: of each row, the classes before the first
    -1 are the sample's labels.
    """
    reduction = _reduction(size_average, reduce, reduction)
    _need_tensors("multilabel_margin_loss", input=input, target=target)
    _check_scores(input)
    x, t = input._array, target._array
    if x.shape != t.shape and not (x.ndim <= 1 and t.ndim <= 1 and x.size == t.size):
        raise RuntimeError(f"inconsistent target size: {list(t.shape)} for input of size: {list(x.shape)}")
    classes = x.shape[-1] if x.ndim else 1
    if ((t < -1) | (t >= classes)).any():
        raise RuntimeError(f"argument #2 'target' is out of range\nIt may hold -1 to {classes - 1}.")
    need_float("multilabel_margin_loss_forward_out_frame", input, half=False)
    _need_long(target)
    return ops.multilabel_margin_loss(input, target._array, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of -(t log s(x) + (1 - t) log s(-x)), s the sigmoid; one loss per sample."""
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce, stacklevel=3)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    losses = losses.sum(-1) / input.size(-1)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid\nChoose 'mean', 'sum' or 'none'.")
    return _reduced(losses, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the `pairwise_distance`.

    `swap` takes the smaller of d(anchor, negative) and d(positive, negative). Balntas et al., 2016.
    """
    reduction = _reduction(size_average, reduce, reduction)

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _reduced(_triplet_losses(anchor, positive, negative, distance, margin, swap), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance; without one, `pairwise_distance`."""
    reduction = _reduction(None, None, reduction)
    distance = distance_function or pairwise_distance
    return _reduced(_triplet_losses(anchor, positive, negative, distance, margin, swap), reduction)


def _triplet_losses(
    anchor: Tensor, positive: Tensor, negative: Tensor, distance: Callable, margin: float, swap: bool
) -> Tensor:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    dims = anchor.dim(), positive.dim(), negative.dim()
    if len({*dims}) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            "but got: anchor {}D, positive {}D, and negative {}D inputs".format(*dims)
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return (margin + near - far).clamp_min(0)


# --- torch's errors


def _need_tensors(function: str, **arguments: Tensor) -> None:
    for position, (name, value) in enumerate(arguments.items(), 1):
        need_tensor(function, value, name, position)


def _check_scores(input: Tensor) -> None:
    x = input._array
    if x.ndim > 2 or 0 in x.shape[-1:]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}"
        )


def _need_long(target: Tensor) -> None:
    if target._array.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {type_name(target._array.dtype)}")
