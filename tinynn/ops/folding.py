"""The derivative table, folds: the windows of images as columns, and their sum; channels dealt out anew."""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.sliding import offsets


def _unfold(x, windows):
    """The windows of x (..., C, *size), each a column: (..., C * kernel, places)."""
    seen = windows.seen(windows.padded(x, 0))
    n = len(windows.kernel)
    lead = seen.shape[: -2 * n - 1]
    return seen.reshape(*lead, seen.shape[-2 * n - 1] * math.prod(windows.kernel), math.prod(windows.places))


def _fold(x, size, windows):
    """The sum of columns (..., C * kernel, places) in the places they came from: (..., C, *size)."""
    channels = x.shape[-2] // math.prod(windows.kernel)
    columns = x.reshape(*x.shape[:-2], channels, *windows.kernel, *windows.places)
    out = np.zeros((*x.shape[:-2], channels, *windows.padded_size(size)), x.dtype)
    before = (slice(None),) * (out.ndim - len(size))
    for place, k in zip(windows.parts(out), offsets(windows.kernel), strict=True):
        place += columns[before + k]
    return windows.without_padding(out, size)


def _pixel_shuffle(x, r):
    """(..., C r^2, H, W) to (..., C, H r, W r)."""
    *lead, c, h, w = x.shape
    finer = np.moveaxis(x.reshape(*lead, c // r**2, r, r, h, w), (-4, -3), (-3, -1))
    return finer.reshape(*lead, c // r**2, h * r, w * r)


def _pixel_unshuffle(x, r):
    """(..., C, H r, W r) to (..., C r^2, H, W)."""
    *lead, c, h, w = x.shape
    coarser = np.moveaxis(x.reshape(*lead, c, h // r, r, w // r, r), (-3, -1), (-4, -3))
    return coarser.reshape(*lead, c * r**2, h // r, w // r)


def _channel_shuffle(x, groups):
    """The channels (axis 1) of all groups by turns: the transpose of (groups, channels of a group)."""
    n, c, *size = x.shape
    return x.reshape(n, groups, c // groups, *size).swapaxes(1, 2).reshape(x.shape)


# fmt: off
unfold = Op(_unfold, lambda g, x_shape, windows: fold(g, windows.size_of(x_shape), windows), name="Im2ColBackward0")
fold   = Op(_fold,   lambda g, windows: unfold(g, windows),                                  name="Col2ImBackward0")
pixel_shuffle   = Op(_pixel_shuffle,   lambda g, r: pixel_unshuffle(g, r))
pixel_unshuffle = Op(_pixel_unshuffle, lambda g, r: pixel_shuffle(g, r))
channel_shuffle = Op(_channel_shuffle, lambda g, x_shape, groups: channel_shuffle(g, x_shape[1] // groups))
# fmt: on
