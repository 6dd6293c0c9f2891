"""More products (`outer`, `baddbmm`, `kron`, ...), inverses, determinants and decompositions.

Every method here is a function of the package too; tinynn/linalg.py has those of torch.linalg.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import dtypes, ops, return_types
from tinynn.autograd.variable import Variable
from tinynn.methods.products import Products
from tinynn.methods.rows import in_place
from tinynn.ops.factorizations import lu_pivots
from tinynn.ops.linear_algebra import svd_parts
from tinynn.size import check_expandable, one_dim, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class _LinAlgError(RuntimeError):
    """A matrix has not the inverse, or the factors, that were asked for."""


LinAlgError = _LinAlgError


class LinearAlgebra(Products):
    """Products that add to something, products of vectors, and what belongs to a matrix."""

    # --- self, scaled, plus a product, scaled

    def addmv(self, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """beta * self + alpha * (mat @ vec)."""
        return self._plus(mat.mv(vec), beta, alpha)

    def addr(self, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """beta * self + alpha * outer(vec1, vec2)."""
        return self._plus(vec1.outer(vec2), beta, alpha)

    def baddbmm(self, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """beta * self + alpha * (batch1 @ batch2), for batches of matrices."""
        return self._plus(batch1.bmm(batch2), beta, alpha)

    def addbmm(self, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """beta * self + alpha * the sum of batch1[i] @ batch2[i]."""
        product = batch1.bmm(batch2)
        return self._plus(product.sum(0, dtype=product.dtype), beta, alpha)

    def _plus(self, product: Tensor, beta: float, alpha: float) -> Tensor:
        """What self holds does not matter where beta is 0: not even nan."""
        check_expandable(self._array.shape, product.shape)
        whole = {"b": bool, "i": int, "u": int}.get(product._array.dtype.kind)
        if whole:  # torch cuts the factors to the dtype
            beta, alpha = whole(beta), whole(alpha)
        scaled = product if alpha == 1 else product * alpha
        if beta == 0:
            return ops.copy(ops.expand(self, product.shape), scaled)
        return ops.add(self if beta == 1 else ops.mul(self, beta), scaled)

    # --- products of vectors and more

    def outer(self, vec2: Tensor) -> Tensor:
        """The product of each element of one vector with each of another, (n,) x (m,) -> (n, m)."""
        for name, x in (("self", self), ("vec2", vec2)):
            if x._array.ndim != 1:
                raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x._array.ndim}-D")
        return ops.mul(ops.unsqueeze(self, 1), vec2)

    ger = outer

    def inner(self, other: Tensor) -> Tensor:
        """The sum of products over the last dimension of both."""
        if not self._array.ndim or not other.ndim:
            return ops.mul(self, other)
        if self._array.shape[-1] != other.shape[-1]:
            raise RuntimeError(
                "inner() the last dimension must match on both input tensors but got shapes "
                f"{list(self._array.shape)} and {list(other.shape)}"
            )
        n = other.shape[-1]
        rows = self.reshape(math.prod(self._array.shape[:-1]), n)  # type: ignore[attr-defined]
        columns = other.reshape(math.prod(other.shape[:-1]), n)
        return rows.mm(columns.t()).reshape(self._array.shape[:-1] + tuple(other.shape[:-1]))

    def vdot(self, other: Tensor) -> Tensor:
        """`dot`, for real numbers."""
        return self.dot(other)

    def kron(self, other: Tensor) -> Tensor:
        """Every element of self times all of `other`, in its place."""
        ndim = max(self._array.ndim, other.ndim)
        a, b = ((1,) * (ndim - x._array.ndim) + tuple(x._array.shape) for x in (self, other))
        spread = self.reshape([n for size in a for n in (size, 1)])  # type: ignore[attr-defined]
        tile = other.reshape([n for size in b for n in (1, size)])
        return (spread * tile).reshape([n * m for n, m in zip(a, b, strict=True)])

    def cross(self, other: Tensor, dim: int | None = None) -> Tensor:
        """The cross product of vectors of 3, along `dim` or the first dimension of size 3."""
        if dim is None:
            if 3 not in self._array.shape:
                raise RuntimeError("no dimension of size 3 in input")
            dim = self._array.shape.index(3)
        if self._array.ndim != other.ndim:
            raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
        axis = one_dim(dim, self._array.ndim)
        sizes = self._array.shape[axis], other.shape[axis]
        if sizes != (3, 3):
            raise RuntimeError(
                f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and {sizes[1]}"
            )
        (a1, a2), (b1, b2) = ([x.roll(-shift, axis) for shift in (1, 2)] for x in (self, other))  # type: ignore[attr-defined]
        return a1 * b2 - a2 * b1

    def dist(self, other: Tensor, p: float = 2) -> Tensor:
        """The p-norm of the difference."""
        return ops.sub(self, other).norm(p)

    def cov(self, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
        """The covariance matrix of variables, a row each, weighted by counts or by importance."""
        if self._array.ndim > 2:
            raise RuntimeError(
                "cov(): expected input to have two or fewer dimensions but got an input with "
                f"{self._array.ndim} dimensions"
            )
        x: Any = self if self._array.ndim == 2 else self.reshape(1, -1)  # type: ignore[attr-defined]
        weights = None
        for given in (fweights, aweights):
            if given is not None:
                if given.ndim > 1 or given.numel() != x.shape[1]:
                    raise RuntimeError("cov(): expected weights to have one value for each observation")
                if (given is fweights) == (given._array.dtype.kind == "f"):
                    raise RuntimeError("cov(): fweights must be integers, and aweights floats")
                if bool((given < 0).any()):
                    raise RuntimeError("cov(): weights cannot be negative")
                weights = given if weights is None else weights * given
        if x._array.dtype.kind != "f":
            x = ops.cast(x, dtypes.default_dtype())
        if weights is None:
            total: Any = x.shape[1]
            mean = x.mean(1, keepdim=True)
        else:
            total = weights.sum()
            mean = (x * weights).sum(1, keepdim=True) / total
        centred = x - mean
        spare = total - correction
        if aweights is not None and correction:
            spare = total - correction * (weights * aweights).sum() / total
        spare = max(spare, 0) if isinstance(spare, int) else spare.clamp(min=0)
        product = centred.mm((centred if weights is None else centred * weights).t())
        return (product / spare).squeeze()

    def corrcoef(self) -> Tensor:
        """The correlation coefficients of variables, a row each: `cov` of what has unit variance."""
        if self._array.ndim > 2:
            raise RuntimeError(
                "corrcoef(): expected input to have two or fewer dimensions but got an input with "
                f"{self._array.ndim} dimensions"
            )
        c: Any = self.cov()
        if not c.ndim:
            return c / c
        spread = c.diag().sqrt()
        return (c / spread.unsqueeze(-1) / spread).clamp(-1, 1)

    # --- what belongs to a matrix

    def inverse(self) -> Tensor:
        """The inverse of each matrix of a batch. Raises RuntimeError (LinAlgError) if it has none."""
        x = square("linalg.inv", self)
        try:
            return ops.inv(x)
        except np.linalg.LinAlgError:
            packed = ops.lu(x._array, lu_pivots(x._array)[1])
            refuse(first_zero(packed), "linalg.inv", SINGULAR.format("{0}", "inversion"))
            raise

    def det(self) -> Tensor:
        """The determinant of each matrix."""
        return ops.det(square("linalg.det", self))

    def slogdet(self) -> Any:
        """(sign, logabsdet) of each matrix, det = sign * e^logabsdet: no overflow."""
        x = square("linalg.slogdet", self)
        sign, logabsdet = Variable.wrap(np.linalg.slogdet(x._array)[0]), ops.logabsdet(x)
        return return_types.slogdet(ops.copy(logabsdet, sign), logabsdet)

    def logdet(self) -> Tensor:
        """log(det) of each matrix; nan where that is negative."""
        sign, logabsdet = self.slogdet()
        return ops.where(sign < 0, math.nan, logabsdet) if (sign._array < 0).any() else logabsdet

    def matrix_power(self, n: int) -> Tensor:
        """The product of n copies of each matrix; of its inverse, for negative n."""
        if not isinstance(n, int):
            raise TypeError(
                f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
            )
        if n < 0:
            return self.inverse().matrix_power(-n)
        power: Any = square("linalg.matrix_power", self, floating=False)
        if n == 0:
            return ops.copy(self, Variable.wrap(np.eye(power.shape[-1], dtype=power._array.dtype)))
        result = None
        while n:  # by squaring: the bits of n say which squares are factors
            if n & 1:
                result = power if result is None else result.matmul(power)
            n >>= 1
            power = power.matmul(power) if n else power
        return ops.clone(self) if result is self else result  # type: ignore[return-value]

    def cholesky(self, upper: bool = False) -> Tensor:
        """The lower triangular L with L L^T = self, or its transpose."""
        x = square("linalg.cholesky", self)
        try:
            factor = ops.cholesky(x)
        except np.linalg.LinAlgError:
            refuse(first_not_definite(x._array), "linalg.cholesky", NOT_DEFINITE)
            raise
        return factor.mT if upper else factor

    def renorm(self, p: float, dim: int, maxnorm: float) -> Tensor:
        """With each slice along `dim` scaled down to p-norm maxnorm, if its norm is larger."""
        if self._array.ndim < 2:
            raise RuntimeError(
                f"renorm: input needs at least 2 dimensions, got {self._array.ndim} dimensions"
            )
        if p <= 0:
            raise RuntimeError("renorm: non-positive-norm not supported")
        if maxnorm < 0:
            raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
        axis = one_dim(dim, self._array.ndim)
        others = tuple(d for d in range(self._array.ndim) if d != axis)
        x = ops.clone(self)  # in place, self is overwritten before backward
        norm = x.norm(p, others, keepdim=True)
        return ops.mul(x, ops.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1.0))

    addmv_, addr_ = in_place(addmv), in_place(addr)
    addbmm_, baddbmm_, renorm_ = in_place(addbmm), in_place(baddbmm), in_place(renorm)
    addmm_ = in_place(Products.addmm)


def singular_values(x: Any) -> Tensor:
    """The singular values of each matrix, falling."""
    return svd_parts(ops.svd(x), x.shape[-2])[1]


def square(name: str, x: Variable, floating: bool = True) -> Variable:
    """x, if it is a batch of square matrices of floats. Raises RuntimeError otherwise."""
    shape = x._array.shape
    if len(shape) < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    if floating and x._array.dtype.kind != "f":
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {type_name(x._array.dtype)}"
        )
    return x


# --- which matrix has not what was asked for

NOT_DEFINITE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor "
    "of order {0} is not positive-definite)."
)
SINGULAR = (
    "The diagonal element {0} is zero, the {1} could not be completed because the input matrix is singular."
)


def refuse(info: np.ndarray, name: str, why: str) -> None:
    """Raise LinAlgError for the first matrix whose info, which `why` has a place for, is not 0."""
    failed = np.flatnonzero(info)
    if failed.size:
        element = f"(Batch element {failed[0]}): " if info.ndim else ""
        raise LinAlgError(f"{name}: {element}{why.format(info.reshape(-1)[failed[0]])}")


def first_zero(packed: np.ndarray) -> np.ndarray:
    """For each L and U in one matrix where (from 1) the first zero is on U's diagonal; 0 if there is none."""
    zero = np.diagonal(packed, 0, -2, -1) == 0
    found = np.where(zero.any(-1), zero.argmax(-1) + 1, 0) if zero.shape[-1] else np.zeros(zero.shape[:-1])
    return np.asarray(found, np.int32)


def first_not_definite(x: np.ndarray) -> np.ndarray:
    """For each matrix the order of its first leading minor that is not positive; 0 if all are."""
    info = np.zeros(x.shape[:-2], np.int32)
    for place in np.ndindex(info.shape):
        orders = range(1, x.shape[-1] + 1)
        info[place] = next((k for k in orders if not _definite(x[place][:k, :k])), 0)
    return info


def _definite(x: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return False
    return True
