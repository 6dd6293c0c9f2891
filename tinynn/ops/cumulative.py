"""The derivative table, running results along one axis: products, extremes, and logarithms of sums of powers."""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import exp, keep
from tinynn.ops.indexing import index
from tinynn.ops.reduce import cumsum, sum
from tinynn.ops.shape import expand, flip, transpose, unsqueeze


def _cumprod(x, axis):
    return x.cumprod(axis=axis, dtype=x.dtype)


def _cumprod_back(g, x, y, axis):
    """x_i is a factor of every y_k from k = i on: the sum of g_k y_k / x_i, unless there are zeros."""
    if x.shape[axis] == 1:
        return g
    if not (x == 0).any():
        return flip(cumsum(flip(g * y, axis), axis), axis) / x
    last, n = x.ndim - 1, x.shape[axis]
    rows = unsqueeze(transpose(x, axis, last), last)
    square = (*rows.shape[:-2], n, n)
    others = keep(expand(rows, square), np.broadcast_to(np.eye(n, dtype=bool), square)) + np.eye(
        n, dtype=bool
    )
    return _weighted(g, cumprod(others, last + 1), axis)  # row i of others: x, with x_i replaced by 1


def _weighted(g, weights, axis):
    """out_i: the sum of g_k weights[i, k] from k = i on, along the axis of g."""
    last = g.ndim - 1
    before = np.broadcast_to(np.tri(weights.shape[-1], k=-1, dtype=bool), weights.shape)
    terms = keep(weights, before) * unsqueeze(transpose(g, axis, last), last)
    return transpose(sum(terms, last + 1), axis, last)


def _logcumsumexp(x, axis):
    return np.logaddexp.accumulate(x, axis=axis)


def _logcumsumexp_back(g, x, y, axis):
    """The share of e^(x_i) in e^(y_k), for each k from i on; no sum in fewer steps keeps all its digits."""
    last = x.ndim - 1
    rows, totals = (transpose(one, axis, last) for one in (x, y))
    return _weighted(g, exp(unsqueeze(rows, last + 1) - unsqueeze(totals, last)), axis)


# fmt: off
cumprod      = Op(_cumprod,      lambda g, x, y, axis: _cumprod_back(g, x, y, axis))
logcumsumexp = Op(_logcumsumexp, lambda g, x, y, axis: _logcumsumexp_back(g, x, y, axis))

# extremes are read from where they were seen last
cummax, cummin = index.named("CummaxBackward0"), index.named("CumminBackward0")
# fmt: on
