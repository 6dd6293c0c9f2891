"""The derivative table, decompositions: inverses, determinants, Cholesky, QR, eigenvalues, singular values.

All take batches of matrices. A row has one output, so a decomposition returns its factors side by side in one
array; `eigh_parts`, `svd_parts` and `qr_parts` take them apart. Derivatives: M. B. Giles, "An extended collection of matrix derivative
results for forward and reverse mode algorithmic differentiation", Oxford, 2008.
"""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import zero_where
from tinynn.ops.factorizations import right_of
from tinynn.ops.linalg import matmul, mT
from tinynn.ops.shape import diag_embed, diagonal, narrow, reshape, tril, triu, unnarrow, unsqueeze


def _col(x):
    return unsqueeze(x, len(x.shape))


def _row(x):
    return unsqueeze(x, len(x.shape) - 1)


def _diag(x):
    return diag_embed(x, 0, len(x.shape) - 1, len(x.shape), (*x.shape, x.shape[-1]))


def _diagonal(x):
    return diagonal(x, 0, len(x.shape) - 2, len(x.shape) - 1)


def _solve(a, b):
    return np.linalg.solve(a, b)


def _logabsdet(x):
    return np.asarray(np.linalg.slogdet(x)[1])


def _det(x):
    return np.asarray(np.linalg.det(x))


def _det_back(g, x, y):
    """g times the matrix of cofactors: det(x) x^-T, or by singular values where x has no inverse."""
    if not (y == 0).any():
        return _col(_col(g * y)) * mT(inv(x))
    return _col(_col(g)) * cofactors(x)


def _cofactors(x):
    """det(u) det(v) u diag(the product of all the other singular values) v, exact for singular x too."""
    u, s, v = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
    return (np.linalg.det(u) * np.linalg.det(v))[..., None, None] * ((u * others[..., None, :]) @ v)


def _cholesky_back(g, y):
    """L^-T phi(L^T g) L^-1, made symmetric; phi is the lower triangle with half the diagonal."""
    lower = tril(matmul(mT(y), g), 0)
    phi = lower - _diag(_diagonal(lower)) * 0.5
    half = mT(solve(mT(y), mT(solve(mT(y), phi))))
    return (half + mT(half)) * 0.5


# --- eigenvalues of symmetric matrices: the values as a first row, the vectors below


def _eigh(x, triangle):
    values, vectors = np.linalg.eigh(x, triangle)
    return np.concatenate([values[..., None, :], vectors], -2)


def eigh_parts(packed):
    axis, n = len(packed.shape) - 2, packed.shape[-1]
    values = narrow(packed, axis, 0, 1)
    return reshape(values, (*packed.shape[:-2], n)), narrow(packed, axis, 1, n)


def _eigh_back(g, y):
    """V (diag(g_values) + V^T g_V / (value_j - value_i)) V^T, made symmetric as what it is the gradient of."""
    (values, v), (g_values, g_v) = eigh_parts(y), eigh_parts(g)
    gaps = _row(values) - _col(values)
    moved = _over(matmul(mT(v), g_v), gaps)
    out = matmul(v, matmul(_diag(g_values) + moved, mT(v)))
    return (out + mT(out)) * 0.5


def _over(x, gaps):
    """x / gaps off the diagonal, 0 on it; and 0 where x is, though values may coincide there."""
    diagonal = np.eye(gaps.shape[-1], dtype=bool)
    return zero_where(x / (gaps + diagonal), (x == 0) | diagonal)


# --- singular values x = u diag(s) v^T, reduced: u^T, s as a column, v^T side by side


def _svd(x):
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return np.concatenate([u.swapaxes(-1, -2), s[..., None], vt], -1)


def svd_parts(packed, rows):
    last, k = len(packed.shape) - 1, packed.shape[-2]
    u = mT(narrow(packed, last, 0, rows))
    s = reshape(narrow(packed, last, rows, 1), (*packed.shape[:-2], k))
    return u, s, narrow(packed, last, rows + 1, packed.shape[-1] - rows - 1)


def _svd_back(g, y, x_shape):
    """The parts of g along and across the singular vectors."""
    rows, columns = x_shape[-2:]
    (u, s, vt), (g_u, g_s, g_vt) = svd_parts(y, rows), svd_parts(g, rows)
    gaps = _row(s * s) - _col(s * s)
    left, right = matmul(mT(u), g_u), matmul(vt, mT(g_vt))
    inner = _over(left - mT(left), gaps) * _row(s) + _col(s) * _over(right - mT(right), gaps) + _diag(g_s)
    out = matmul(u, matmul(inner, vt))
    k = y.shape[-2]
    if rows > k:
        out = out + matmul((g_u - matmul(u, left)) / _row(s), vt)
    if columns > k:
        out = out + matmul(u, (g_vt - matmul(mT(right), vt)) / _col(s))
    return out


# --- x = q r, reduced: q^T and r side by side


def _qr(x):
    q, r = np.linalg.qr(x)
    return np.concatenate([q.swapaxes(-1, -2), r], -1)


def qr_parts(packed, rows):
    last = len(packed.shape) - 1
    return mT(narrow(packed, last, 0, rows)), narrow(packed, last, rows, packed.shape[-1] - rows)


def _qr_back(g, y, x_shape):
    """Of a high x: (g_q + q s) r^-T, s the symmetric matrix with the lower triangle of r g_r^T - g_q^T q.

    Otherwise q is square: q (g_r + [tril(w - w^T, -1) r_1^-T, 0]) with w = q^T g_q - g_r r^T, where r_1 is the
    square part of r on the left. That is the same without a difference of large terms.
    """
    rows, columns = x_shape[-2:]
    (q, r), (g_q, g_r) = qr_parts(y, rows), qr_parts(g, rows)
    if rows > columns:
        m = matmul(r, mT(g_r)) - matmul(mT(g_q), q)
        return right_of(g_q + matmul(q, tril(m, 0) + mT(tril(m, -1))), r)
    g_r, last = triu(g_r, 0), len(x_shape) - 1
    w = matmul(mT(q), g_q) - matmul(g_r, mT(r))
    turned = right_of(tril(w - mT(w), -1), narrow(r, last, 0, rows))
    return matmul(q, g_r + unnarrow(turned, last, 0, rows, columns))


# --- the pseudoinverse


def _pinv(x, atol, rtol, hermitian):
    """The inverse where values are above max(atol, rtol * the largest): singular ones, or eigenvalues."""
    if hermitian:
        values, vectors = np.linalg.eigh(x)
        inverted = _inverted(values, atol, rtol)
        return (vectors * inverted[..., None, :]) @ vectors.swapaxes(-1, -2)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    inverted = _inverted(s, atol, rtol)
    return (vt.swapaxes(-1, -2) * inverted[..., None, :]) @ u.swapaxes(-1, -2)


def _inverted(values, atol, rtol):
    """1 / value, or 0 where the value counts as 0."""
    size = np.abs(values)
    threshold = np.maximum(atol[..., None], rtol[..., None] * size.max(-1, keepdims=True, initial=0))
    return np.where(size > threshold, 1 / values, 0).astype(values.dtype)


def _pinv_back(g, x, y):
    """-y^T g y^T, and what moves the ranges of x and of y (G. H. Golub and V. Pereyra, 1973)."""
    yt, gt = mT(y), mT(g)
    outside, inside = matmul(gt, matmul(y, yt)), matmul(matmul(yt, y), gt)
    moved = outside - matmul(x, matmul(y, outside)) + inside - matmul(matmul(inside, y), x)
    return moved - matmul(yt, matmul(g, yt))


# fmt: off
inv       = Op(lambda x: np.linalg.inv(x),    lambda g, y: -matmul(mT(y), matmul(g, mT(y))),    name="LinalgInvExBackward0")
solve     = Op(_solve,                        lambda g, a, y: -matmul(solve(mT(a), g), mT(y)),  lambda g, a: solve(mT(a), g), name="LinalgSolveExBackward0")
det       = Op(_det,                          lambda g, x, y: _det_back(g, x, y),               name="LinalgDetBackward0")
cofactors = Op(_cofactors,                    None)
logabsdet = Op(_logabsdet,                    lambda g, x: _col(_col(g)) * mT(inv(x)),          name="LinalgSlogdetBackward0")
cholesky  = Op(lambda x: np.linalg.cholesky(x), lambda g, y: _cholesky_back(g, y),              name="LinalgCholeskyExBackward0")
pinv      = Op(_pinv,                         lambda g, x, y: _pinv_back(g, x, y),              name="LinalgPinvBackward0")
eigh      = Op(_eigh,                         lambda g, y: _eigh_back(g, y),                    name="LinalgEighBackward0")
svd       = Op(_svd,                          lambda g, y, x_shape: _svd_back(g, y, x_shape),   name="LinalgSvdBackward0")
qr        = Op(_qr,                           lambda g, y, x_shape: _qr_back(g, y, x_shape),    name="LinalgQrBackward0")
# fmt: on
