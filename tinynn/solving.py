"""The part of torch.linalg that solves: systems of equations, LU, least squares, and what reports in place of
raising errors (`inv_ex`, ...). tinynn/linalg.py has it all.
"""

# ruff: noqa: N803 - torch's names of arguments

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn import ops, return_types
from tinynn.methods.factoring import (
    lu_factored,
    lu_solved,
    lu_unpack,
    pseudoinverse,
    zeros_of,
)
from tinynn.methods.linear_algebra import (
    NOT_DEFINITE,
    SINGULAR,
    LinAlgError,
    first_not_definite,
    refuse,
    square,
)
from tinynn.size import type_name
from tinynn.tensor import Tensor


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B, or X A = B if not left; B holds vectors if it has a dimension less than A."""
    square("linalg.solve", A)
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of "
            f"type {B.dtype} instead"
        )
    vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])
    b = B.unsqueeze(-1) if vector else B
    _need_fitting("linalg.solve", A, b, left)
    batch = np.broadcast_shapes(A.shape[:-2], b.shape[:-2])
    a, b = (x.expand(*batch, *x.shape[-2:]) for x in (A, b))
    try:
        x = ops.solve(a, b) if left else ops.solve(a.mT, b.mT).mT
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "torch.linalg.solve: The solver failed because the input matrix is singular."
        ) from None
    return x.squeeze(-1) if vector else x


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The X with A X = B (X A = B if not left) for a triangular A; the other triangle is not read."""
    square("linalg.solve_triangular", A, floating=False)
    if B.ndim < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    _need_fitting("linalg.solve_triangular", A, B, left)
    if left:
        return ops.solve_triangular(A, B, upper, unitriangular)
    return ops.solve_triangular(A.mT, B.mT, not upper, unitriangular).mT


def _need_fitting(name: str, A: Tensor, B: Tensor, left: bool) -> None:
    if B.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a matrix: its first `ind` dimensions are the rows, the others the columns."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = A.shape[:ind], A.shape[ind:]
    n, m = math.prod(rows), math.prod(columns)
    if n != m:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but "
            f"got {m} != {n}"
        )
    return A.reshape(n, m).inverse().reshape(*columns, *rows)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first."""
    moved = () if dims is None else tuple(dims)
    a = A.movedim(moved, tuple(range(A.ndim - len(moved), A.ndim)))
    n = B.numel()
    return solve(a.reshape(n, n), B.reshape(n)).reshape(a.shape[B.ndim :])


# --- LU


def lu(A: Tensor, *, pivot: bool = True) -> Any:
    """P L U = A: a permutation, a lower triangle with ones on its diagonal, and an upper one."""
    return return_types.linalg_lu(*lu_unpack(*lu_factored("linalg.lu", A, pivot)))


def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """(L and U in one matrix, the swaps of rows), for `lu_solve`. RuntimeError if that would divide by 0."""
    packed, pivots, info = lu_factor_ex(A, pivot=pivot)
    first = int(info._array.max(initial=0))
    if first:
        raise RuntimeError(
            f"torch.linalg.lu_factor: U[{first},{first}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, "
            "pivot) or linalg.lu_factor_ex(A, pivot)"
        )
    return return_types.linalg_lu_factor(packed, pivots)


def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor` and, in place of an error, where it divides by 0."""
    packed, pivots = lu_factored("torch.lu_factor", A, pivot)
    info = zeros_of(packed)
    if check_errors:
        refuse(info._array, "torch.linalg.lu_factor_ex", SINGULAR.format("{0}", "factorization"))
    return return_types.linalg_lu_factor_ex(packed, pivots, info)


def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """The X with A X = B (X A = B if not left; A^T for A if adjoint); `lu_factor(A)` gave the first two."""
    square("torch.linalg.lu_solve", LU)
    _need_fitting("linalg.lu_solve", LU, B, left)
    if left:
        return lu_solved(LU, pivots, B, adjoint)
    return lu_solved(LU, pivots, B.mT, not adjoint).mT


# --- in place of an error, a number


def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """`inv`; matrices that have no inverse give nan, and a number in info."""
    info = zeros_of(lu_factored("linalg.inv", square("linalg.inv", A))[0])
    if check_errors:
        refuse(info._array, "linalg.inv_ex", SINGULAR.format("{0}", "inversion"))
    return return_types.linalg_inv_ex(_where_possible(Tensor.inverse, info, A), info)


def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`; matrices that have no inverse give nan, and a number in info."""
    info = zeros_of(lu_factored("linalg.solve", square("linalg.solve", A))[0])
    if check_errors and info._array.any():
        raise LinAlgError("torch.linalg.solve_ex: The solver failed because the input matrix is singular.")
    result = _where_possible(lambda a: solve(a, B, left=left), info, A)
    return return_types.linalg_solve_ex(result, info)


def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky`; matrices that are not positive-definite give nan, and a number in info."""
    info = Tensor.wrap(first_not_definite(square("linalg.cholesky", A)._array))
    if check_errors:
        refuse(info._array, "linalg.cholesky_ex", NOT_DEFINITE)
    return return_types.linalg_cholesky_ex(_where_possible(lambda a: a.cholesky(upper), info, A), info)


def _where_possible(function: Callable[[Tensor], Tensor], info: Tensor, A: Tensor) -> Tensor:
    """The function of those matrices whose info is 0; nan for the others."""
    if not info._array.any():
        return function(A)
    failed = info._array != 0
    one = Tensor.wrap(np.eye(A.shape[-1], dtype=A._array.dtype))
    result = function(one.where(Tensor.wrap(failed[..., None, None]), A))
    return result.masked_fill(
        Tensor.wrap(failed.reshape(failed.shape + (1,) * (result.ndim - failed.ndim))), math.nan
    )


# --- least squares


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X for which ||A X - B|| is least, and of several the smallest, by the pseudoinverse of A.

    As in torch `residuals` are the squared norms where A is high and of full rank, for the drivers gels,
    gelsd and gelss; `rank` is there for all but gels, `singular_values` for gelsd and gelss; else empty.
    """
    driver = driver or "gelsy"
    vector = A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]
    b = B.unsqueeze(-1) if vector else B
    _check_lstsq(A, b, driver)
    eps = float(np.finfo(A._array.dtype).eps)
    part = np.asarray(max(A.shape[-2:]) * eps if rcond is None else rcond)
    solution = pseudoinverse(A, np.zeros(()), part, False).matmul(b)
    values = np.linalg.svd(A._array, compute_uv=False)
    rank = np.asarray((values > part * values.max(-1, keepdims=True, initial=0)).sum(-1))
    rows, columns = A.shape[-2:]
    residuals = A.reshape(-1)[:0]
    if driver != "gelsy" and rows > columns and (rank == columns).all():
        residuals = (A.matmul(solution) - b).square().sum(-2)
    return return_types.linalg_lstsq(
        solution.squeeze(-1) if vector else solution,
        residuals,
        Tensor.wrap(rank if driver != "gels" else np.empty(0, np.int64)),
        Tensor.wrap(values) if driver in ("gelsd", "gelss") else A.new_empty(0),
    )


def _check_lstsq(A: Tensor, B: Tensor, driver: str) -> None:
    name = "torch.linalg.lstsq"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if B.ndim < 2 or A.shape[-2] != B.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    if A.dtype is not B.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype "
            f"{type_name(A._array.dtype)} and other's dtype {type_name(B._array.dtype)}"
        )
    if driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
