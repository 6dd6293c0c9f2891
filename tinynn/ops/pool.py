"""The derivative table, pools: one value for each window of an array, the largest or the mean.

A pool works on the last dimensions of its operand, as many as its kernel has. Of the values in a window that
are the largest, the first gets the gradient (of several nans the last), as in torch; a mean shares it out.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import _truncating_divide, _zero_where
from tinynn.ops.indexing import index, zeros_put
from tinynn.ops.sliding import Windows, offsets, per_place, range_sums, resized


def _combined(ufunc, x, pool):
    """ufunc of all values of each window; a dimension at a time, which takes k + k steps, not k * k."""
    for axis in range(-len(pool.kernel), 0):
        x = functools.reduce(ufunc, pool.parts_along(axis, x))
    return x if max(pool.kernel) > 1 else x.copy("K")  # nothing was computed then


# --- the largest


def _lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_pool(x, pool):
    """The largest value of each window, and nan where there is one."""
    return _combined(np.maximum, pool.padded(x, _lowest(x.dtype)), pool)


def _largest(x, top, pool):
    """For each offset in the kernel, in which windows it has the value that `top` is."""
    parts = pool.parts(pool.padded(x, _lowest(x.dtype)))
    in_padding = ~pool.padded(np.ones(pool.size_of(x.shape), bool), False)
    outside = pool.parts(in_padding) if in_padding.any() else [None] * len(parts)
    chosen, missing = [], np.ones_like(top, bool)
    for part, is_outside in zip(parts, outside, strict=True):  # of equal values the first
        here = part == top
        here &= missing if is_outside is None else missing & ~is_outside
        missing ^= here
        chosen.append(here)
    if missing.any():  # nan equals nothing: the last
        for here, part in zip(reversed(chosen), reversed(parts), strict=True):
            here |= (part != part) & missing
            missing &= ~here
    return chosen


def _max_pool_back(g, x, top, pool):
    """g, each value in the place of what was the largest of its window."""
    size = pool.size_of(x.shape)
    out, g = resized(x, pool.padded_size(size)), _laid_out_as(top, g)
    for part, here in zip(pool.parts(out), _largest(x, top, pool), strict=True):
        if pool.apart:
            part[...] = _zero_where(g, ~here)
        else:
            part += _zero_where(g, ~here)
    return pool.without_padding(out, size)


def _laid_out_as(like, x):
    """x in the memory order of `like`: NumPy is slow where two operands differ in it."""
    if x.strides == like.strides:
        return x
    out = np.empty_like(like)
    out[...] = x
    return out


def _max_pool_pick(x, like, top, pool):
    """Of each window of x the value in the place where `like` is the largest."""
    out = np.zeros_like(top)
    for part, here in zip(pool.parts(pool.padded(x, 0)), _largest(like, top, pool), strict=True):
        out += _zero_where(part, ~here)
    return out


def max_places(x: np.ndarray, top: np.ndarray, pool: Windows) -> np.ndarray:
    """Where the largest value of each window is: its index in x with the pooled dimensions flattened."""
    size, out = pool.size_of(x.shape), np.zeros(top.shape, np.int64)
    rows = [math.prod(size[i + 1 :]) for i in range(len(size))]  # how far apart neighbours are when flattened
    for axis, row in enumerate(rows, -len(size)):
        starts = np.arange(pool.places[axis]) * pool.stride[axis] - pool.padding[axis]
        out += starts.reshape(-1, *(1,) * (-axis - 1)) * row
    for k, here in zip(offsets(pool.kernel), _largest(x, top, pool), strict=True):
        out += here * sum(i * d * row for i, d, row in zip(k, pool.dilation, rows, strict=True))
    return out


# --- the mean


def _avg_pool(x, pool, divisor):
    """The sum of each window, divided: by one number, or by one for each place."""
    total = _combined(np.add, pool.padded(x, 0), pool)
    return _truncating_divide(total, divisor) if x.dtype.kind == "i" else np.divide(total, divisor, out=total)


def _avg_pool_back(g, size, pool, divisor):
    """g / divisor, spread over each window."""
    out = g / divisor
    padded = pool.padded_size(size)
    for axis in range(-1, -1 - len(size), -1):
        spread = resized(out, (padded[axis], *out.shape[out.ndim + axis + 1 :]))
        for part in pool.parts_along(axis, spread):
            part += out
        out = spread
    return pool.without_padding(out, size)


# --- the mean of windows of unequal size, as even as the sizes allow


def even_windows(n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Where m windows that cover n values begin and end; neighbours may share a value."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def _adaptive_avg_pool(x, size):
    """The means of evenly spread windows, as many in each dimension as `size` says."""
    for axis, m in enumerate(size, x.ndim - len(size)):
        starts, ends = even_windows(x.shape[axis], m)
        total = _evenly_cut(x, axis, m) if m and x.shape[axis] % m == 0 else range_sums(x, axis, starts, ends)
        x = total / per_place(ends - starts, axis, x)
    return x


def _evenly_cut(x, axis, m):
    """The sums of m windows of one length, side by side: several times as fast as `range_sums`."""
    step = x.shape[axis] // m
    parts = [x[(slice(None),) * axis + (slice(i, None, step),)] for i in range(step)]
    return functools.reduce(np.add, parts)


def _adaptive_avg_pool_back(g, size):
    """The windows that a value is in are a range of windows again."""
    for axis, n in enumerate(size, g.ndim - len(size)):
        m = g.shape[axis]
        starts, ends = even_windows(n, m)
        g = g / per_place(ends - starts, axis, g)
        if m and n % m == 0:
            g = g.repeat(n // m, axis)
        else:
            i = np.arange(n)
            g = range_sums(g, axis, np.searchsorted(ends, i, "right"), np.searchsorted(starts, i, "right"))
    return g


def even_max_places(x: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Where the largest value of each of the even windows is, as `max_places` counts."""
    lead, pooled = x.shape[: x.ndim - len(size)], x.shape[x.ndim - len(size) :]
    inside = [_inside_windows(n, m) for n, m in zip(pooled, size, strict=True)]
    here = np.ix_(*(places.ravel() for places in inside))
    split = [length for places in inside for length in places.shape]

    def seen_in(array, lead):
        """(*lead, *pooled) to (*lead, *size, the values of a window)."""
        parts = array[(..., *here)].reshape(*lead, *split)
        within = range(len(lead) + 1, parts.ndim, 2)
        return np.moveaxis(parts, within, range(-len(size), 0)).reshape(*lead, *size, math.prod(split[1::2]))

    seen, places = seen_in(x, lead), seen_in(np.arange(math.prod(pooled)).reshape(pooled), ())
    chosen = _last_nan(seen, seen.argmax(-1))
    return np.take_along_axis(places.reshape((1,) * len(lead) + places.shape), chosen[..., None], -1)[..., 0]


def _inside_windows(n, m):
    """The places in each of m even windows over n values; in shorter ones the last is repeated."""
    starts, ends = even_windows(n, m)
    longest = np.arange((ends - starts).max(initial=1))
    return np.minimum(starts[:, None] + longest, ends[:, None] - 1)


def _last_nan(seen, largest):
    """The place of the last nan in each row, and `largest` where there is none."""
    nan = seen != seen
    return np.where(nan.any(-1), seen.shape[-1] - 1 - nan[..., ::-1].argmax(-1), largest)


def element_index(places: np.ndarray, size: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """`max_places` or its like as an index of an array (*lead, *size)."""
    lead = places.ndim - len(size)
    return (*np.ogrid[tuple(slice(n) for n in places.shape)][:lead], *np.unravel_index(places, size))


# fmt: off
max_pool2d    = Op(_max_pool,       lambda g, x, y, pool: max_pool_back(g, x, y, pool),                        name="MaxPool2DWithIndicesBackward0")
max_pool_back = Op(_max_pool_back,  lambda g, x, top, pool: max_pool_pick(g, x, top, pool),       None, None,  name="MaxPool2DWithIndicesBackwardBackward0")
max_pool_pick = Op(_max_pool_pick,  lambda g, like, top, pool: max_pool_back(g, like, top, pool), None, None)
avg_pool2d    = Op(_avg_pool,       lambda g, x_shape, pool, divisor: avg_pool_back(g, pool.size_of(x_shape), pool, divisor), name="AvgPool2DBackward0")
avg_pool_back = Op(_avg_pool_back,  lambda g, pool, divisor: avg_pool2d(g, pool, divisor),                       name="AvgPool2DBackwardBackward0")
adaptive_avg_pool2d = Op(_adaptive_avg_pool, lambda g, x_shape, size: adaptive_avg_pool_back(g, x_shape[-len(size):]), name="AdaptiveAvgPool2DBackward0")
adaptive_avg_pool_back = Op(_adaptive_avg_pool_back, lambda g, g_shape, size: adaptive_avg_pool2d(g, g_shape[-len(size):]), name="AdaptiveAvgPool2DBackwardBackward0")

# the same rows for other numbers of dimensions, and for windows that are evenly spread
max_pool1d, max_pool3d = max_pool2d.named("SqueezeBackward1"), max_pool2d.named("MaxPool3DWithIndicesBackward0")
avg_pool1d, avg_pool3d = avg_pool2d.named("SqueezeBackward1"), avg_pool2d.named("AvgPool3DBackward0")
adaptive_avg_pool1d, adaptive_avg_pool3d = adaptive_avg_pool2d.named("SqueezeBackward1"), adaptive_avg_pool2d.named("AdaptiveAvgPool3DBackward0")
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (index.named(name) for name in ("SqueezeBackward1", "AdaptiveMaxPool2DBackward0", "AdaptiveMaxPool3DBackward0"))
max_unpool1d, max_unpool2d, max_unpool3d = (zeros_put.named(name) for name in ("SqueezeBackward1", "MaxUnpool2DBackward0", "MaxUnpool3DBackward0"))
# fmt: on
