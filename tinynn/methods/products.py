"""Products of vectors and matrices: `a @ b`, and torch's functions for each combination of dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinynn import ops
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import check_broadcastable
from tinynn.size import c_name, check_expandable, listed, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Products(Variable):
    """Products; the operands must have the same dtype, as in torch."""

    def mm(self, other: Tensor) -> Tensor:
        """The product of two matrices, (n, k) @ (k, m)."""
        if self._array.ndim != 2 or other.ndim != 2:
            raise RuntimeError(f"{'self' if self._array.ndim != 2 else 'mat2'} must be a matrix")
        if self._array.shape[1] != other.shape[0]:
            raise RuntimeError(_cannot_multiply(self._array.shape, other.shape))
        _need_same_dtype(self, other)
        return ops.mm(self, other)

    def matmul(self, other: Tensor) -> Tensor:
        """The product of vectors, matrices, or (broadcast) batches of matrices."""
        if self._array.ndim == 0 or other.ndim == 0:
            raise RuntimeError(
                f"both arguments to matmul need to be at least 1D, but they are {self._array.ndim}D and "
                f"{other.ndim}D"
            )
        if self._array.ndim == 1 and other.ndim == 1:
            return self.dot(other)
        if self._array.ndim == 2 and other.ndim <= 2:
            return self.mm(other) if other.ndim == 2 else self.mv(other)
        if self._array.ndim == 1:
            return ops.unsqueeze(self, 0).matmul(other).squeeze(-2)
        if other.ndim == 1:
            return self.matmul(other.unsqueeze(1)).squeeze(-1)
        _need_same_dtype(self, other)
        if self._array.shape[-1] != other.shape[-2]:
            if other.ndim == 2:
                raise RuntimeError(
                    _cannot_multiply((math.prod(self._array.shape[:-1]), self._array.shape[-1]), other.shape)
                )
            raise RuntimeError(
                f"Expected size for first two dimensions of batch2 tensor to be: [{other.shape[0]}, "
                f"{self._array.shape[-1]}] but got: {list(other.shape[-3:-1])}.\n"
                f"The shapes are {list(self._array.shape)} and {list(other.shape)}."
            )
        check_broadcastable(self._array.shape[:-2], other.shape[:-2])
        return ops.matmul(self, other)

    def bmm(self, other: Tensor) -> Tensor:
        """Matrix by matrix products of two batches, (b, n, k) @ (b, k, m)."""
        for name, batch in (("batch1", self._array), ("batch2", other._array)):
            if batch.ndim != 3:
                raise RuntimeError(f"{name} must be a 3D tensor")
        if (self._array.shape[0], self._array.shape[2]) != (other.shape[0], other.shape[1]):
            raise RuntimeError(
                f"Expected size for first two dimensions of batch2 tensor to be: [{self._array.shape[0]}, "
                f"{self._array.shape[2]}] but got: [{other.shape[0]}, {other.shape[1]}]."
            )
        return self.matmul(other)

    def mv(self, vec: Tensor) -> Tensor:
        """The product of a matrix and a vector, (n, k) @ (k,)."""
        if self._array.ndim != 2 or vec.ndim != 1:
            raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self._array.ndim}, {vec.ndim}")
        if self._array.shape[1] != vec.shape[0]:
            n, k = self._array.shape
            raise RuntimeError(f"size mismatch, got input ({n}), mat ({n}x{k}), vec ({vec.shape[0]})")
        _need_same_dtype(self, vec)
        return ops.mv(self, vec)

    def dot(self, other: Tensor) -> Tensor:
        """The sum of the products of two vectors."""
        if self._array.ndim != 1 or other.ndim != 1:
            raise RuntimeError(f"1D tensors expected, but got {self._array.ndim}D and {other.ndim}D tensors")
        if self._array.shape != other.shape:
            n, m = len(self._array), len(other._array)
            raise RuntimeError(
                f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of "
                f"elements, but got {n} and {m} elements respectively"
            )
        if self._array.dtype is not other._array.dtype:
            found = f"{type_name(self._array.dtype)} and {type_name(other._array.dtype)}"
            raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {found}")
        return ops.dot(self, other)

    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """beta * self + alpha * (mat1 @ mat2)."""
        _need_same_dtype(mat1, mat2)
        if mat1.shape[1] != mat2.shape[0]:
            raise RuntimeError(_cannot_multiply(mat1.shape, mat2.shape))
        check_expandable(self._array.shape, (mat1.shape[0], mat2.shape[1]))
        return ops.addmm(
            self if beta == 1 else ops.mul(self, beta), mat1 if alpha == 1 else mat1 * alpha, mat2
        )


def _need_same_dtype(a: Variable, b: Variable) -> None:
    if a._array.dtype is not b._array.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{c_name(a._array.dtype)} != {c_name(b._array.dtype)}"
        )


def _cannot_multiply(a: Sequence[int], b: Sequence[int]) -> str:
    return (
        f"mat1 and mat2 shapes cannot be multiplied ({listed(a)} and {listed(b)})\n"
        "The last size of the first must equal the first size of the second."
    )
