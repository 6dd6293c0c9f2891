"""The derivative table, triangular systems and LU: what NumPy lacks, column by column for batches of matrices."""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import nothing
from tinynn.ops.linalg import matmul, mT
from tinynn.ops.shape import cat, narrow, tril, triu

# --- LU with partial pivoting: P x = L U, with L (but for its diagonal of ones) below U in one array


def lu_pivots(x):
    """(pivots, order): the row (from 1) that each row k was swapped with in turn; x[order] needs no swaps."""
    a = x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:]).copy()
    batch, m = np.arange(len(a)), a.shape[-2]
    order = np.tile(np.arange(m), (len(a), 1))
    pivots = np.empty((len(a), min(a.shape[-2:])), np.int32)
    for k in range(pivots.shape[1]):
        chosen = k + np.abs(a[:, k:, k]).argmax(-1)
        for rows in (a, order):
            rows[batch, chosen], rows[batch, k] = rows[batch, k], rows[batch, chosen]
        pivots[:, k] = chosen + 1
        _eliminate(a, k)
    return pivots.reshape(*x.shape[:-2], pivots.shape[1]), order.reshape(*x.shape[:-2], m)


def _eliminate(a, k):
    """Make zeros below a[k, k] by subtracting multiples of row k; the multiples are kept where the zeros were."""
    pivot = a[..., k, k][..., None]
    a[..., k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
    a[..., k + 1 :, k + 1 :] -= a[..., k + 1 :, k, None] * a[..., k, None, k + 1 :]


def _lu(x, order):
    a = np.take_along_axis(x, order[..., None], -2)
    for k in range(min(a.shape[-2:])):
        _eliminate(a, k)
    return a


def _lu_back(g, y, order):
    """With g_L and g_U the triangles of g: L^-T (tril(L^T g_L, -1) + triu(g_U U^T)) U^-T, its rows put back.

    Where x is wide, x = [x_1 x_2] = L [U_1 U_2], or high, what the second part takes of L or U is subtracted.
    """
    rows, last, k = len(y.shape) - 2, len(y.shape) - 1, min(y.shape[-2:])
    wide, high = y.shape[-1] - k, y.shape[-2] - k
    top, g_top = narrow(y, rows, 0, k), narrow(g, rows, 0, k)
    square, g_square = narrow(top, last, 0, k), narrow(g_top, last, 0, k)
    lower, upper = (
        matmul(mT(_unit(square)), tril(g_square, -1)),
        matmul(triu(g_square, 0), mT(triu(square, 0))),
    )
    if wide:
        g_beyond = narrow(g_top, last, k, wide)
        lower = lower - matmul(g_beyond, mT(narrow(top, last, k, wide)))
    if high:
        g_below = narrow(g, rows, k, high)
        upper = upper - matmul(mT(narrow(y, rows, k, high)), g_below)
    inner = solve_triangular(mT(square), tril(lower, -1) + triu(upper, 0), True, True)
    out = right_of(inner, square)
    if wide:
        out = cat(last, out, solve_triangular(mT(square), g_beyond, True, True))
    if high:
        out = cat(rows, out, right_of(g_below, square))
    return permute_rows(out, np.argsort(order, -1))


def _unit(square):
    """The lower triangle, with ones on the diagonal."""
    return tril(square, -1) + np.eye(square.shape[-1], dtype=bool)


def right_of(x, square):
    """x U^-T, with U the upper triangle of a square matrix."""
    return mT(solve_triangular(square, mT(x), True, False))


# --- triangular systems


def _solve_triangular(a, b, upper, unit):
    """The x with a x = b, row by row: each takes away what is known from b, and divides by a's diagonal."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x, n = np.array(np.broadcast_to(b, batch + b.shape[-2:])), a.shape[-1]
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        rest = x[..., i, :] - (a[..., i, None, known] @ x[..., known, :])[..., 0, :]
        x[..., i, :] = rest if unit else rest / a[..., i, i, None]
    return x


def _triangular_back(g, a, y, upper, unit):
    moved = -matmul(solve_triangular(mT(a), g, not upper, unit), mT(y))
    return triu(moved, int(unit)) if upper else tril(moved, -int(unit))


# --- by a Cholesky factor l, of l l^T


def _cholesky_solve(b, factor):
    return _solve_triangular(factor.swapaxes(-1, -2), _solve_triangular(factor, b, False, False), True, False)


def _cholesky_solve_back(g, factor, y):
    """-(c + c^T) l with c = g_b y^T: as in torch not only in l's triangle."""
    common = matmul(cholesky_solve(g, factor), mT(y))
    return -matmul(common + mT(common), factor)


def _cholesky_inverse(factor):
    return _cholesky_solve(np.eye(factor.shape[-1], dtype=factor.dtype), factor)


# --- e^x


def _matrix_exp(x):
    """Taylor's series of x / 2^k, whose norm is below 1, squared k times. k is each matrix's own."""
    norm = np.abs(x).sum(-2).max(-1, initial=0)
    halvings = np.maximum(np.ceil(np.log2(np.where(np.isfinite(norm) & (norm > 0), norm, 1))), 0)
    halvings = np.where(np.isfinite(halvings), halvings, 0).astype(int)
    scaled = np.ldexp(x, -halvings[..., None, None])
    one = np.eye(x.shape[-1], dtype=x.dtype)
    out = np.broadcast_to(one, x.shape)
    for i in range(_TERMS, 0, -1):
        out = one + scaled @ out / i
    for k in range(int(halvings.max(initial=0))):
        out = np.where((halvings > k)[..., None, None], out @ out, out)
    return out.astype(x.dtype, copy=False)


_TERMS = 18  # 1 / 19! is below the rounding of float64


def _matrix_exp_back(g, x):
    """The right upper part of e^[[x^T, g], [0, x^T]] (R. Mathias, 1996)."""
    rows, last, n = len(x.shape) - 2, len(x.shape) - 1, x.shape[-1]
    block = cat(rows, cat(last, mT(x), g), cat(last, nothing(g), mT(x)))
    return narrow(narrow(matrix_exp(block), rows, 0, n), last, n, n)


# --- rows of each matrix in another order


def _put_in_order(x, order):
    return np.take_along_axis(x, order[..., None], -2)


# fmt: off
lu               = Op(_lu,               lambda g, y, order: _lu_back(g, y, order),                 name="LinalgLuFactorExBackward0")
solve_triangular = Op(_solve_triangular, lambda g, a, y, upper, unit: _triangular_back(g, a, y, upper, unit),
                                         lambda g, a, upper, unit: solve_triangular(mT(a), g, not upper, unit), name="LinalgSolveTriangularBackward0")
cholesky_solve   = Op(_cholesky_solve,   lambda g, factor: cholesky_solve(g, factor),
                                         lambda g, factor, y: _cholesky_solve_back(g, factor, y))
cholesky_inverse = Op(_cholesky_inverse, lambda g, factor, y: -matmul(matmul(y, matmul(g + mT(g), y)), factor))
matrix_exp       = Op(_matrix_exp,       lambda g, x: _matrix_exp_back(g, x),                       name="LinalgMatrixExpBackward0")
permute_rows     = Op(_put_in_order,     lambda g, order: permute_rows(g, np.argsort(order, -1)),          name="IndexBackward0")
# fmt: on
