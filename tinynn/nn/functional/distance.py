"""Distances: between two sets of points, row by row, and between all points of one."""

from __future__ import annotations

from tinynn import ops
from tinynn.autograd.grad_mode import no_grad
from tinynn.dtypes import BY_NUMPY, result_type
from tinynn.functions import broadcast_tensors
from tinynn.methods.rows import check_broadcastable
from tinynn.nn.functional.checks import need_tensor
from tinynn.size import type_name
from tinynn.tensor import Tensor


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension, of tensors that broadcast."""
    _need_two("pairwise_distance", x1, x2)
    difference = x1 - x2 + eps
    return ops.pairwise_norm(difference, p, -1 if difference.ndim else None, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) along `dim`, of tensors that broadcast."""
    _need_two("cosine_similarity", x1, x2)
    common = result_type(x1._array, x2._array)
    if common.kind != "f":
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {type_name(common)}"
        )
    check_broadcastable(x1.shape, x2.shape)
    a, b = broadcast_tensors(x1.to(BY_NUMPY[common]), x2.to(BY_NUMPY[common]))
    return (_unit(a, dim, eps) * _unit(b, dim, eps)).sum(dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    """x / max(|x|, eps), with the derivative of x / |x| also where eps is larger, as in torch."""
    length = x.norm(2, dim, keepdim=True).clone()
    with no_grad():
        length.clamp_min_(eps)
    return x / length


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norms of x[i] - x[j] for all rows i < j of a matrix x: n (n - 1) / 2 of them."""
    need_tensor("pdist", input)
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if input._array.dtype.kind != "f":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if not p >= 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return ops.pdist(input, p)


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|, eps), with the p-norm |x| along `dim`."""
    return input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)


def _need_two(function: str, x1: Tensor, x2: Tensor) -> None:
    need_tensor(function, x1, "x1")
    need_tensor(function, x2, "x2", 2)
