"""The derivative table, convolutions, in any number of dimensions.

Three arrays take part in a convolution,

    x[n, c, p * stride + k * dilation - padding]  *  weight[o, c, k]  *  z[n, o, p]

with samples n, channels c and o, places p, and offsets k in the kernel. Multiply two of them and sum, and you
have a row: x and the weight give z, the convolution; z and the weight give x, the transposed convolution; x
and z give the gradient of the weight. So the derivatives of each row are the other two. A row is told the
size of what it makes: with strides, several are possible.

Each row is a product of matrices; the windows of x, copied to columns, are one of them. Inside, the batch is
the last axis, (c, *size, n): what lies side by side in a window is then whole batches, copied at once. In
torch's order every copy would be a few numbers long, and take longer than the product (64 x 16 x 4 x 4, kernel
3: 290 us; with the batch last 13 us, and the product 106). Results stay so in memory until somebody could see
it (feature_major: see `Variable.row_major`), and NumPy's loops over them are long, too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.normalization import channel_sum
from tinynn.ops.sliding import offsets, windows


class Steps(NamedTuple):
    """How a kernel moves: a number for each dimension."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1  # both kinds of channels are dealt into so many groups, which do not mix


_BLOCK = 1 << 19  # so many numbers of the columns are made at a time: more would leave the processor's caches


def _batch_last(x):
    return np.ascontiguousarray(x.transpose(*range(1, x.ndim), 0))


def _batch_first(x):
    return x.transpose(x.ndim - 1, *range(x.ndim - 1))


def _padded(x, padding):
    """x (N, C, *size) with zeros on all sides, as (C, *size, N)."""
    if not any(padding):
        return _batch_last(x)
    out = _zeros(x.shape[1], x.shape[2:], x.shape[0], padding, x.dtype)
    _inside(out, padding)[...] = x.transpose(*range(1, x.ndim), 0)
    return out


def _zeros(channels, size, batch, padding, dtype):
    return np.zeros((channels, *(n + 2 * p for n, p in zip(size, padding, strict=True)), batch), dtype)


def _inside(x, padding):
    """The view of x (C, *size, N) without its padding."""
    return x[(slice(None), *(slice(p, n - p) for n, p in zip(x.shape[1:-1], padding, strict=True)))]


def _windows(x, kernel, places, steps):
    """The windows of x (C, *size, N), a view: (C, *kernel, *places, N)."""
    return windows(x, 1, kernel, places, steps.stride, steps.dilation)


def _blocks(seen):
    """Cut the windows into blocks: (a slice of the first of the places, the windows there)."""
    axis = seen.ndim // 2
    rows = seen.shape[axis]
    length = max(1, _BLOCK * rows // max(seen.size, 1))
    for start in range(0, rows, length):
        cut = slice(start, start + length)
        yield cut, seen[(slice(None),) * axis + (cut,)]


def _matrices(x, groups, rows=1):
    """x as a matrix for each group, with the first axes of x as its rows."""
    return x.reshape(groups, math.prod(x.shape[:rows]) // groups, math.prod(x.shape[rows:]))


def _columns(block, groups):
    """The windows of a block, each a column: (groups, C / groups * kernel, places * N)."""
    return _matrices(block, groups, block.ndim // 2)


def _plus_bias(x, bias):
    return x if bias is None else np.add(x, bias.reshape(-1, *(1,) * (x.ndim - 1)), out=x)


def _convolution(x, weight, bias, places, steps):
    """x (N, C, *size), weight (O, C / groups, *kernel), bias (O,) to (N, O, *places)."""
    seen = _windows(_padded(x, steps.padding), weight.shape[2:], places, steps)
    z = np.empty((weight.shape[0], *places, x.shape[0]), x.dtype)
    matrix = _matrices(weight, steps.groups)
    for cut, block in _blocks(seen):
        np.matmul(matrix, _columns(block, steps.groups), out=_matrices(z[:, cut], steps.groups))
    return _batch_first(_plus_bias(z, bias))


def _conv_transpose(z, weight, bias, size, steps):
    """z (N, O, *places), weight (O, C / groups, *kernel), bias (C,) to (N, C, *size)."""
    x = _zeros(weight.shape[1] * steps.groups, size, z.shape[0], steps.padding, z.dtype)
    seen = _windows(x, weight.shape[2:], z.shape[2:], steps)
    z, matrix = _batch_last(z), _matrices(weight, steps.groups).swapaxes(1, 2)
    for cut, block in _blocks(seen):
        columns = (matrix @ _matrices(z[:, cut], steps.groups)).reshape(block.shape)
        for k in offsets(weight.shape[2:]):
            block[:, *k] += columns[:, *k]
    return _batch_first(_plus_bias(_inside(x, steps.padding), bias))


def _conv_weight(x, z, kernel, steps):
    """x (N, C, *size), z (N, O, *places) to the gradient of the weight, (O, C / groups, *kernel)."""
    seen = _windows(_padded(x, steps.padding), kernel, z.shape[2:], steps)
    z, groups, channels = _batch_last(z), steps.groups, x.shape[1] // steps.groups
    weight = np.zeros((groups, z.shape[0] // groups, channels * math.prod(kernel)), z.dtype)
    for cut, block in _blocks(seen):
        weight += _matrices(z[:, cut], groups) @ _columns(block, groups).swapaxes(1, 2)
    return weight.reshape(z.shape[0], channels, *kernel)


# fmt: off
convolution    = Op(_convolution,    lambda g, x_shape, weight, steps: conv_transpose(g, weight, None, x_shape[2:], steps),
                                     lambda g, x, weight_shape, steps: conv_weight(x, g, weight_shape[2:], steps),
                                     channel_sum, feature_major=True)
conv_transpose = Op(_conv_transpose, lambda g, z_shape, weight, steps: convolution(g, weight, None, z_shape[2:], steps),
                                     lambda g, z, weight_shape, steps: conv_weight(g, z, weight_shape[2:], steps),
                                     channel_sum, feature_major=True, name="ConvolutionBackward0")
conv_weight    = Op(_conv_weight,    lambda g, x_shape, z, steps: conv_transpose(z, g, None, x_shape[2:], steps),
                                     lambda g, x, z_shape, steps: convolution(x, g, None, z_shape[2:], steps),
                                     name="ConvolutionBackwardBackward0")
# fmt: on
