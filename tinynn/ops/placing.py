"""The derivative table, more views and writes: sliding windows, extremes and products of what lands in one place."""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import where, zero_where
from tinynn.ops.indexing import at, index_add_at


def _windows(x, axis, size, step):
    """Every `step`-th window of `size` places along the axis, as a new last axis: a view."""
    view = np.lib.stride_tricks.sliding_window_view(x, size, axis, writeable=x.flags.writeable)
    return view[(slice(None),) * axis + (slice(None, None, step),)]


def _add_windows(x, shape, axis, size, step):
    """The reverse: each window added where it came from."""
    out = np.zeros(shape, x.dtype)
    for i in range(size):
        places = slice(i, i + step * (x.shape[axis] - 1) + 1, step)
        out[(slice(None),) * axis + (places,)] += x[..., i]
    return out


def _scatter_extreme(x, src, index, extreme):
    """x, where each place is raised (lowered) to the largest (smallest) src that lands there."""
    out = np.array(x)
    extreme.at(out, index, src)
    return out


def _extreme_back(g, x, src, y, index):
    """All that attain the extreme share its gradient: x itself where it does, and every such src."""
    return zero_where(g / _attaining(x, src, y, index), ~(x == y))


def _extreme_back_src(g, x, src, y, index):
    return zero_where(at(g / _attaining(x, src, y, index), index), ~(src == at(y, index)))


def _attaining(x, src, y, index):
    """How many attain the extreme, at each place."""
    return index_add_at(where(x == y, 1.0, 0.0), where(src == at(y, index), 1.0, 0.0), index)


def _scatter_prod(x, src, index):
    """x times every src that lands in its place."""
    out = np.array(x)
    np.multiply.at(out, index, src)
    return out


def _prod_back_src(g, x, src, y, index):
    """y / src; where src is the only 0 in its place, the product of all the others."""
    zero = src == 0
    zeros = at(index_add_at(where(x == x, 0.0, 0.0), where(zero, 1.0, 0.0), index), index)
    alone = zero & (zeros == 1)
    without = scatter_prod(x, where(alone, 1.0, src), index)
    return where(alone, at(g * without, index), at(g * y, index) / where(zero, 1.0, src))


# fmt: off
windows         = Op(_windows,         lambda g, x_shape, axis, size, step: add_windows(g, x_shape, axis, size, step), view=True, name="UnfoldBackward0")
add_windows     = Op(_add_windows,     lambda g, axis, size, step: windows(g, axis, size, step),                      name="UnfoldBackwardBackward0")
scatter_extreme = Op(_scatter_extreme, lambda g, x, src, y, index: _extreme_back(g, x, src, y, index),
                                       lambda g, x, src, y, index: _extreme_back_src(g, x, src, y, index),            name="ScatterReduceBackward0")
scatter_prod    = Op(_scatter_prod,    lambda g, x, src, index: g * scatter_prod(x * 0 + 1, src, index),
                                       lambda g, x, src, y, index: _prod_back_src(g, x, src, y, index),               name="ScatterReduceBackward0")
# fmt: on
