"""The derivative table, padding: longer or shorter at the ends of the last dimensions.

`widths` holds (before, after) for each of those dimensions; a negative width takes values away.
"""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op


def _constant_pad(x, widths, value):
    """x with `value` around it."""
    start = x.ndim - len(widths)
    size = [n + before + after for n, (before, after) in zip(x.shape[start:], widths, strict=True)]
    out = np.full_like(x, value, shape=(*x.shape[:start], *size))
    out[_kept(widths, 1)] = x[_kept(widths, -1)]
    return out


def _kept(widths, sign):
    """The index of what is in both arrays: in the longer one, where the widths of that `sign` are cut off."""
    cuts = [(max(sign * before, 0), max(sign * after, 0)) for before, after in widths]
    return (..., *(slice(before, -after or None) for before, after in cuts))


def _opposite(widths):
    return tuple((-before, -after) for before, after in widths)


# Which value stands at position i, of n values at 0 ... n - 1.
_SOURCE = {
    "replicate": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": lambda i, n: n - 1 - np.abs(n - 1 - np.abs(i)),
    "circular": lambda i, n: i % n,
}


def _sources(n, before, after, mode):
    return _SOURCE[mode](np.arange(-before, n + after), n)


def _border_pad(x, widths, mode):
    """x continued by its own values."""
    for axis, (before, after) in enumerate(widths, x.ndim - len(widths)):
        if before or after:
            x = x.take(_sources(x.shape[axis], before, after, mode), axis)
    return x


def _border_pad_back(g, widths, mode):
    """What was copied from one value is added up there."""
    for axis, (before, after) in enumerate(widths, g.ndim - len(widths)):
        if before or after:
            g = _folded(g, axis, before, after, mode)
    return g


def _folded(g, axis, before, after, mode):
    """The middle as a whole, then the borders line by line."""
    m, n = g.shape[axis], g.shape[axis] - before - after
    g, sources = np.moveaxis(g, axis, 0), _sources(n, before, after, mode)
    out = np.zeros_like(g, shape=(n, *g.shape[1:]))
    start, stop = max(before, 0), min(before + n, m)
    out[start - before : stop - before] = g[start:stop]
    for i in (*range(start), *range(stop, m)):
        out[sources[i]] += g[i]
    return np.moveaxis(out, 0, axis)


# fmt: off
constant_pad    = Op(_constant_pad,    lambda g, widths: constant_pad(g, _opposite(widths), 0), name="ConstantPadNdBackward0")
border_pad      = Op(_border_pad,      lambda g, widths, mode: border_pad_back(g, widths, mode))
border_pad_back = Op(_border_pad_back, lambda g, widths, mode: border_pad(g, widths, mode))

reflection_pad1d, reflection_pad2d, reflection_pad3d = (border_pad.named(f"ReflectionPad{n}DBackward0") for n in (1, 2, 3))
replication_pad1d, replication_pad2d, replication_pad3d = (border_pad.named(f"ReplicationPad{n}DBackward0") for n in (1, 2, 3))
# fmt: on
