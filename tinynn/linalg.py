"""torch.linalg: norms, inverses, systems of equations and decompositions, all for batches of matrices."""

# ruff: noqa: N803 - torch's names of arguments

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn import ops, return_types
from tinynn.combining import multi_dot
from tinynn.methods.factoring import (
    orthogonal_factors,
    pseudoinverse,
    reflections_product,
    singular_factors,
)
from tinynn.methods.linear_algebra import LinAlgError, singular_values, square
from tinynn.methods.reductions import _need_float
from tinynn.ops.linear_algebra import eigh_parts
from tinynn.size import one_dim, type_name
from tinynn.solving import (
    cholesky_ex,
    inv_ex,
    lstsq,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from tinynn.tensor import Tensor

# fmt: off
__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eigh", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul",
    "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet",
    "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot",
    "vector_norm",
]
# fmt: on


# --- norms


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over `dim`, or over everything; for inf, -inf and 0 their limits."""
    _need_float("linalg.vector_norm", x)
    return (x if dtype is None else x.to(dtype)).norm(ord, dim, keepdim)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A norm of matrices: "fro", "nuc" (the sum of singular values), inf or 1 (sums of rows, columns), 2."""
    _need_float("linalg.matrix_norm", A)
    if not isinstance(dim, tuple | list) or len(dim) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    rows, columns = (one_dim(d, A.ndim) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    x = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return vector_norm(x, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        values = svdvals(x.movedim((rows, columns), (-2, -1)))
        out = values.sum(-1) if ord == "nuc" else (values.amax if ord == 2 else values.amin)((-1,))
    elif ord in (1, -1, math.inf, -math.inf):
        summed, compared = (columns, rows) if abs(ord) == math.inf else (rows, columns)
        sums = x.abs().sum(summed, keepdim=True)
        out = (sums.amax if ord > 0 else sums.amin)((compared,), keepdim=True)
        return out if keepdim else out.squeeze((rows, columns))
    else:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    return out.reshape([1 if d in (rows, columns) else n for d, n in enumerate(x.shape)]) if keepdim else out


def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """`matrix_norm` of matrices (two dims, or ord is a name), else `vector_norm`."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and A.ndim > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    matrix = isinstance(ord, str) or (
        A.ndim == 2 if dim is None else isinstance(dim, tuple | list) and len(dim) == 2
    )
    if matrix:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


# --- inverses and systems of equations


def _method(name: str) -> Callable:
    method = getattr(Tensor, name)

    def function(A: Tensor, *args: Any, **kwargs: Any) -> Any:
        return method(A, *args, **kwargs)

    function.__name__ = function.__qualname__ = "inv" if name == "inverse" else name
    function.__doc__ = method.__doc__
    return function


inv, det, cholesky, matrix_power = map(_method, ("inverse", "det", "cholesky", "matrix_power"))
matmul, matrix_exp = _method("matmul"), _method("matrix_exp")


def slogdet(A: Tensor) -> Any:
    """(sign, logabsdet) of each matrix, det = sign * e^logabsdet: no overflow."""
    return return_types.linalg_slogdet(*A.slogdet())


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number ||A|| ||A^-1|| in the norm p; by singular values for None, 2 and -2."""
    if A.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor A must have at least 2 dimensions.")
    if p in (None, 2, -2):
        values = svdvals(A)
        largest, smallest = values.select(-1, 0), values.select(-1, values.shape[-1] - 1)
        return smallest / largest if p == -2 else largest / smallest
    if p not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    square(f"linalg.cond(ord={p})", A)
    inverse, info = inv_ex(A)
    out = matrix_norm(A, p) * matrix_norm(inverse, p)
    return out.masked_fill(info != 0, math.inf) if info._array.any() else out


def pinv(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """The pseudoinverse, by singular values; those below max(atol, rtol * the largest) count as 0."""
    if hermitian:
        square("linalg.pinv", A)
    least, part = _tolerances(A, atol, rtol)
    return pseudoinverse(A, least, part, hermitian)


def _tolerances(A: Tensor, atol: Any, rtol: Any) -> list[np.ndarray]:
    """(atol, rtol), for each matrix; without either, rtol is eps times the longer side."""
    if rtol is None:
        rtol = max(A.shape[-2:]) * float(np.finfo(A._array.dtype).eps) if atol is None else 0.0
    given = (atol, rtol)
    return [np.asarray(x.numpy(force=True) if isinstance(x, Tensor) else x or 0.0) for x in given]


def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """How many singular values are above max(atol, rtol * the largest); `tol` is atol's old name."""
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    if not A.numel():
        return Tensor.wrap(np.zeros(A.shape[:-2], np.int64))
    least, part = _tolerances(A, atol if tol is None else tol, rtol)
    x = A._array
    size = np.abs(np.linalg.eigvalsh(x)) if hermitian else np.linalg.svd(x, compute_uv=False)
    threshold = np.maximum(least[..., None], part[..., None] * size.max(-1, keepdims=True))
    return Tensor.wrap((size > threshold).sum(-1))


# --- decompositions


def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, rising, and eigenvectors, as columns, of symmetric matrices; UPLO: which triangle."""
    square("linalg.eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return return_types.linalg_eigh(*eigh_parts(ops.eigh(A, UPLO.upper())))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, rising."""
    square("linalg.eigvalsh", A)
    return eigh(A, UPLO).eigenvalues


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """U diag(S) Vh = A, the singular values S falling; reduced where full_matrices=False.

    Only the reduced factors have derivatives here: the others are arbitrary.
    """
    if A.ndim < 2:
        raise RuntimeError("linalg.svd: The input tensor A must have at least 2 dimensions.")
    _need_float("linalg.svd", A)
    return return_types.linalg_svd(*singular_factors(A, full_matrices))


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, falling."""
    if A.ndim < 2:
        raise RuntimeError("linalg.svdvals: The input tensor A must have at least 2 dimensions.")
    if A._array.dtype.kind != "f":
        raise RuntimeError(
            "linalg.svd: Expected a floating point or complex tensor as input. Got "
            f"{type_name(A._array.dtype)}"
        )
    return singular_values(A)


def qr(A: Tensor, mode: str = "reduced") -> Any:
    """Q R = A with orthogonal Q and upper triangular R."""
    if A.ndim < 2:
        raise RuntimeError("linalg.qr: The input tensor A must have at least 2 dimensions.")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    q, r = orthogonal_factors(A, mode)
    return return_types.linalg_qr(q.new_empty(0) if mode == "r" else q, r)


householder_product = reflections_product


# --- products


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum of products along `dim`."""
    product = x * y
    return product.sum(dim, dtype=product.dtype)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of 3 along `dim`."""
    return input.cross(other, dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonal of the last two dimensions."""
    return A.diagonal(offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The powers 0, 1, ... of each element, as a new last dimension."""
    x = x if x.ndim else x.reshape(1)
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    base: Any = x.long() if x._array.dtype.kind in "iub" else x
    return base.unsqueeze(-1) ** Tensor.wrap(np.arange(n).astype(base._array.dtype))
