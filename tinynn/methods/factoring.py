"""What is solved by factors of matrices: LU, Cholesky, triangular systems, reflections; the exponential.

Every method here is a function of the package too; tinynn/linalg.py gives them the names of torch.linalg.
"""

# ruff: noqa: N803 - torch's names of matrices

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import ops, return_types
from tinynn.autograd.variable import Variable
from tinynn.methods.linear_algebra import first_zero, square
from tinynn.ops.factorizations import lu_pivots
from tinynn.ops.linear_algebra import qr_parts, svd_parts
from tinynn.size import type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Factoring(Variable):
    """Factors of matrices and what they solve, all for batches."""

    # --- LU

    def lu(self, pivot: bool = True, get_infos: bool = False) -> tuple:
        """(LU, pivots), and with get_infos=True where U has its first 0; see `linalg.lu_factor`."""
        packed, pivots = lu_factored("linalg.lu_factor", self, pivot)
        return (packed, pivots, zeros_of(packed)) if get_infos else (packed, pivots)

    def lu_solve(self, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
        """The X with A X = self, where `A.lu()` gave the other two."""
        return lu_solved(LU_data, LU_pivots, self)

    # --- Cholesky

    def cholesky_solve(self, L: Tensor, upper: bool = False) -> Tensor:
        """The X with A X = self, where L is the Cholesky factor of A."""
        name = "cholesky_solve"
        for label, x in (("b", self), ("A", L)):
            if x._array.ndim < 2:
                raise RuntimeError(
                    f"{label} should have at least 2 dimensions, but has {x._array.ndim} dimensions instead"
                )
        if self._array.dtype is not L._array.dtype:
            raise RuntimeError(
                "Expected b and A to have the same dtype, but found b of type "
                f"{type_name(self._array.dtype)} and A of type {type_name(L._array.dtype)} instead."
            )
        factor: Any = square(name, L)
        if self._array.shape[-2] != L.shape[-1]:
            raise RuntimeError(
                f"Incompatible matrix sizes for {name}: each A matrix is {L.shape[-1]} by {L.shape[-1]} but "
                f"each b matrix is {self._array.shape[-2]} by {self._array.shape[-1]}"
            )
        return ops.cholesky_solve(self, factor.mT if upper else factor)

    def cholesky_inverse(self, upper: bool = False) -> Tensor:
        """The inverse of the matrix of which self is the Cholesky factor."""
        factor: Any = square("cholesky_inverse", self)
        return ops.cholesky_inverse(factor.mT if upper else factor)

    # --- triangular systems

    def triangular_solve(
        self, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
    ) -> Any:
        """The X with A X = self for a triangular A; see `linalg.solve_triangular`."""
        square("triangular_solve", A)
        a: Any = A.mT if transpose else A
        solution = ops.solve_triangular(a, self, upper != transpose, unitriangular)
        return return_types.triangular_solve(solution, ops.clone(A))

    # --- orthogonal factors

    def qr(self, some: bool = True) -> Any:
        """Q R = self; all columns of Q with some=False. `linalg.qr` is its new name."""
        return return_types.qr(*orthogonal_factors(self, "reduced" if some else "complete"))

    def svd(self, some: bool = True, compute_uv: bool = True) -> Any:
        """U diag(S) V^T = self; all columns of U and V with some=False. `linalg.svd` returns V^T."""
        if not compute_uv:
            (rows, columns), batch = self._array.shape[-2:], self._array.shape[:-2]
            u, v = (Variable.wrap(np.zeros((*batch, n, n), self._array.dtype)) for n in (rows, columns))
            return return_types.svd(u, svd_parts(ops.svd(self), rows)[1], v)
        u, s, vh = singular_factors(self, not some)
        return return_types.svd(u, s, vh.mT)

    def pinverse(self, rcond: float = 1e-15) -> Tensor:
        """The pseudoinverse; singular values below rcond times the largest count as 0. See `linalg.pinv`."""
        return pseudoinverse(self, np.zeros(()), np.asarray(rcond), False)

    def geqrf(self) -> Any:
        """QR as LAPACK leaves it: R, below it the vectors of Q's reflections, and their factors."""
        x = self._array
        packed, tau = np.empty(x.shape, x.dtype), np.empty((*x.shape[:-2], min(x.shape[-2:])), x.dtype)
        for place in np.ndindex(x.shape[:-2]):
            h, tau[place] = np.linalg.qr(x[place], mode="raw")
            packed[place] = h.T
        return return_types.geqrf(Variable.wrap(packed), Variable.wrap(tau))

    def orgqr(self, input2: Tensor) -> Tensor:
        """The first columns of the product of reflections: see `linalg.householder_product`."""
        return reflections_product(self, input2)

    def ormqr(self, input2: Tensor, input3: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
        """Q C, C Q, Q^T C or C Q^T for C = input3 and the product Q of all reflections (self, input2)."""
        if left:
            return reflected(self, input2, input3, backwards=not transpose)
        return reflected(self, input2, input3.mT, backwards=transpose).mT

    # --- functions of a matrix

    def matrix_exp(self) -> Tensor:
        """e^A, the sum of A^k / k!, for each matrix A."""
        return ops.matrix_exp(square("linalg.matrix_exp", self))


# --- LU


def lu_factored(name: str, x: Variable, pivot: bool = True) -> tuple[Tensor, Tensor]:
    """(L and U in one, pivots): row k was swapped with row pivots[k], counting from 1, as in LAPACK."""
    if x._array.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: {[*x._array.shape]} instead"
        )
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    if x._array.dtype.kind != "f":
        raise NotImplementedError(f"\"lu_cpu\" not implemented for '{type_name(x._array.dtype)}'")
    pivots, order = lu_pivots(x._array)
    return ops.lu(x, order), Variable.wrap(pivots)


def zeros_of(packed: Variable) -> Tensor:
    """Where (from 1) the first zero on U's diagonal is; 0 if there is none."""
    return Variable.wrap(first_zero(packed._array))


def order_of(pivots: Variable, rows: int) -> np.ndarray:
    """The order of the rows after all the swaps."""
    shape = pivots._array.shape
    swaps = pivots._array.reshape(math.prod(shape[:-1]), shape[-1])
    order = np.tile(np.arange(rows), (len(swaps), 1))
    batch = np.arange(len(swaps))
    for k in range(swaps.shape[1]):
        chosen = swaps[:, k] - 1
        order[batch, chosen], order[batch, k] = order[batch, k], order[batch, chosen]
    return order.reshape(*shape[:-1], rows)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> Any:
    """(P, L, U) of what `linalg.lu_factor` returns; empty tensors for what is not wanted."""
    if LU_pivots._array.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype."
        )
    rows, columns = LU_data.shape[-2:]
    k = min(rows, columns)
    nothing = LU_data.reshape(-1)[:0]
    p = lower = upper = nothing
    if unpack_pivots:
        one = np.eye(rows, dtype=LU_data._array.dtype)
        p = Variable.wrap(np.ascontiguousarray(one[order_of(LU_pivots, rows)].swapaxes(-1, -2)))
    if unpack_data:
        one = np.eye(rows, k, dtype=LU_data._array.dtype)
        lower = LU_data.narrow(-1, 0, k).tril(-1) + one
        upper = LU_data.narrow(-2, 0, k).triu()
    return return_types.lu_unpack(p, lower, upper)


def lu_solved(packed: Any, pivots: Any, b: Any, adjoint: bool = False) -> Tensor:
    """The X with A X = b (A^T X = b if adjoint): P L U X = b by two triangular systems."""
    order = order_of(pivots, packed.shape[-1])
    if adjoint:
        x = ops.solve_triangular(packed.mT, b, False, False)
        x = ops.solve_triangular(packed.mT, x, True, True)
        return _in_order(x, np.argsort(order, -1))
    x = ops.solve_triangular(packed, _in_order(b, order), False, True)
    return ops.solve_triangular(packed, x, True, False)


def _in_order(x: Any, order: np.ndarray) -> Tensor:
    batch = np.broadcast_shapes(x.shape[:-2], order.shape[:-1])
    return ops.permute_rows(
        x.expand(*batch, *x.shape[-2:]), np.broadcast_to(order, (*batch, order.shape[-1]))
    )


# --- orthogonal factors


def orthogonal_factors(x: Any, mode: str) -> tuple[Tensor, Tensor]:
    """(Q, R); with mode="complete" all columns of Q, the others than the reduced ones without derivative."""
    rows = x.shape[-2]
    if mode == "complete" and rows > x.shape[-1]:
        q, r = np.linalg.qr(x._array, "complete")
        return Variable.wrap(q), Variable.wrap(r)
    return qr_parts(ops.qr(x), rows)


def singular_factors(x: Any, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V^T); the columns and rows that only the full factors have are without derivative."""
    rows, columns = x.shape[-2:]
    u, s, vh = svd_parts(ops.svd(x), rows)
    if full and rows != columns:
        whole_u, _, whole_vh = np.linalg.svd(x._array)
        if rows > columns:
            u = ops.cat(u.ndim - 1, u, Variable.wrap(np.ascontiguousarray(whole_u[..., columns:])))
        else:
            vh = ops.cat(vh.ndim - 2, vh, Variable.wrap(np.ascontiguousarray(whole_vh[..., rows:, :])))
    return u, s, vh


def pseudoinverse(x: Any, atol: np.ndarray, rtol: np.ndarray, hermitian: bool) -> Tensor:
    """The pseudoinverse, where values below max(atol, rtol * the largest) count as 0."""
    if x.ndim < 2:
        raise RuntimeError("linalg.pinv: The input tensor A must have at least 2 dimensions.")
    return ops.pinv(x, atol, rtol, hermitian) if x.numel() else x.mT.clone()


def reflections_product(x: Any, tau: Any) -> Tensor:
    """The first columns of H_1 H_2 ...: H_i = 1 - tau_i v_i v_i^T, v_i is 1 and x's column i below it."""
    name = "torch.linalg.householder_product"
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    rows, columns = x.shape[-2:]
    if rows < columns:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if tau.shape[-1] > columns:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    one = ops.copy(x, Variable.wrap(np.eye(rows, columns, dtype=x._array.dtype)))
    return reflected(x, tau, one, backwards=True)


def reflected(x: Any, tau: Any, c: Any, backwards: bool) -> Tensor:
    """c after all reflections, the last one first if backwards."""
    vectors = x.tril(-1) + np.eye(*x.shape[-2:], dtype=x._array.dtype)
    places = range(tau.shape[-1])
    for i in reversed(places) if backwards else places:
        v = vectors.narrow(-1, i, 1)
        c = c - tau.narrow(-1, i, 1).unsqueeze(-1) * v.matmul(v.mT.matmul(c))
    return c
