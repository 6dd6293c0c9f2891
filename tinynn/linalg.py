"""torch.linalg: norms, inverses, systems of equations and decompositions, all for batches of matrices."""

# ruff: noqa: N803 - torch's names of arguments

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinynn import ops
from tinynn.combining import multi_dot
from tinynn.methods.linear_algebra import LinAlgError, SignLogabsdet, singular_values, square
from tinynn.methods.reductions import _need_float
from tinynn.ops.linear_algebra import eigh_parts, qr_parts, svd_parts
from tinynn.size import one_dim
from tinynn.tensor import Tensor

# fmt: off
__all__ = [
    "LinAlgError", "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "svd", "svdvals",
    "vander", "vecdot", "vector_norm",
]
# fmt: on


class Eigh(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVD(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class QR(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


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
matmul = _method("matmul")


def slogdet(A: Tensor) -> SignLogabsdet:
    """(sign, log|det|) of each matrix: no overflow."""
    return A.slogdet()


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
    if b.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )
    batch = np.broadcast_shapes(A.shape[:-2], b.shape[:-2])
    a, b = (x.expand(*batch, *x.shape[-2:]) for x in (A, b))
    try:
        x = ops.solve(a, b) if left else ops.solve(a.mT, b.mT).mT
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "torch.linalg.solve: The solver failed because the input matrix is singular."
        ) from None
    return x.squeeze(-1) if vector else x


def pinv(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """The pseudoinverse, by singular values; those below max(atol, rtol * the largest) count as 0."""
    if A.ndim < 2:
        raise RuntimeError("linalg.pinv: The input tensor A must have at least 2 dimensions.")
    if not A.numel():
        return A.mT.clone()
    if hermitian:
        square("linalg.pinv", A)
    return ops.pinv(A, *_tolerances(A, atol, rtol), hermitian)


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


def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """Eigenvalues, rising, and eigenvectors, as columns, of symmetric matrices; UPLO: which triangle."""
    square("linalg.eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return Eigh(*eigh_parts(ops.eigh(A, UPLO.upper())))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric matrices, rising."""
    square("linalg.eigvalsh", A)
    return eigh(A, UPLO).eigenvalues


def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """U diag(S) Vh = A, the singular values S falling; reduced where full_matrices=False.

    Only the reduced factors have derivatives here: the others are arbitrary.
    """
    if A.ndim < 2:
        raise RuntimeError("linalg.svd: The input tensor A must have at least 2 dimensions.")
    _need_float("linalg.svd", A)
    u, s, vh = svd_parts(ops.svd(A), A.shape[-2])
    if full_matrices and A.shape[-2] != A.shape[-1]:
        whole_u, _, whole_vh = np.linalg.svd(A._array)
        if A.shape[-2] > A.shape[-1]:
            u = ops.cat(u.ndim - 1, u, Tensor.wrap(np.ascontiguousarray(whole_u[..., A.shape[-1] :])))
        else:
            vh = ops.cat(vh.ndim - 2, vh, Tensor.wrap(np.ascontiguousarray(whole_vh[..., A.shape[-2] :, :])))
    return SVD(u, s, vh)


def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values, falling."""
    if A.ndim < 2:
        raise RuntimeError("linalg.svdvals: The input tensor A must have at least 2 dimensions.")
    return singular_values(A)


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """Q R = A with orthogonal Q and upper triangular R."""
    if A.ndim < 2:
        raise RuntimeError("linalg.qr: The input tensor A must have at least 2 dimensions.")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )
    rows = A.shape[-2]
    if mode == "complete" and rows > A.shape[-1]:
        q, r = np.linalg.qr(A._array, "complete")
        return QR(Tensor.wrap(q), Tensor.wrap(r))
    q, r = qr_parts(ops.qr(A), rows)
    return QR(q.new_empty(0) if mode == "r" else q, r)


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
