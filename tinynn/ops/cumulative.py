"""The derivative table, running results along one axis: products, extremes, logarithms of sums of powers."""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import abs, exp, log, where, zero_where
from tinynn.ops.indexing import index
from tinynn.ops.reduce import cumsum, sum
from tinynn.ops.shape import expand, flip, transpose, unsqueeze


def _cumprod(x, axis):
    return x.cumprod(axis=axis, dtype=x.dtype)


def _cumprod_back(g, x, y, axis):
    """x_i is a factor of every y_k from k = i on: the sum of g_k y_k / x_i.

    If x_i is the first 0, y_k without it is the running product with 1 in its place.
    """
    if x.shape[axis] == 1:
        return g
    zero = x == 0
    if not zero.any():
        return _sum_from_each(g * y, axis) / x
    if not isinstance(x, np.ndarray):  # what is to be differentiated again must be right about two zeros
        return _cumprod_back_of_zeros(g, x, axis)
    first = zero & (np.add.accumulate(zero, axis, dtype=np.int64) == 1)
    without = cumprod(np.where(first, x.dtype.type(1), x), axis)
    others = _sum_from_each(g * y, axis) / np.where(zero, x.dtype.type(1), x)
    return np.where(first, _sum_from_each(g * without, axis), others)


def _sum_from_each(x, axis):
    return flip(cumsum(flip(x, axis), axis), axis)


def _cumprod_back_of_zeros(g, x, axis):
    """The same from a running product for each i, with x_i replaced by 1."""
    last, n = x.ndim - 1, x.shape[axis]
    rows = unsqueeze(transpose(x, axis, last), last)
    square, one = (*rows.shape[:-2], n, n), np.eye(n, dtype=bool)
    products = cumprod(zero_where(expand(rows, square), np.broadcast_to(one, square)) + one, last + 1)
    terms = zero_where(products, np.broadcast_to(np.tri(n, k=-1, dtype=bool), square))
    return transpose(sum(terms * unsqueeze(transpose(g, axis, last), last), last + 1), axis, last)


def _logcumsumexp(x, axis):
    """In float64, as torch: near 10000 an ulp of float32 is 0.001."""
    return np.logaddexp.accumulate(x, axis=axis, dtype=np.float64).astype(x.dtype)


def _logcumsumexp_back(g, x, y, axis):
    """e^(x_i) has the share e^(x_i - y_k) in each e^(y_k) from k = i on: added up by logarithms, as in torch."""
    lowest = float(np.finfo(g.dtype if isinstance(g, np.ndarray) else g.dtype.numpy).min)  # for the log of 0
    logs = log(abs(g))
    return _share(where(g > 0, logs, lowest), x, y, axis) - _share(where(g < 0, logs, lowest), x, y, axis)


def _share(log_g, x, y, axis):
    return exp(flip(logcumsumexp(flip(log_g - y, axis), axis), axis) + x)


# fmt: off
cumprod      = Op(_cumprod,      lambda g, x, y, axis: _cumprod_back(g, x, y, axis))
logcumsumexp = Op(_logcumsumexp, lambda g, x, y, axis: _logcumsumexp_back(g, x, y, axis))

# extremes are read from where they were seen last
cummax, cummin = index.named("CummaxBackward0"), index.named("CumminBackward0")
# fmt: on
