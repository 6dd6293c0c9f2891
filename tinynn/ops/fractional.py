"""The derivative table, pools whose windows begin at random places. Graham, 2014."""

from __future__ import annotations

import math

import numpy as np

from tinynn.ops.indexing import index
from tinynn.ops.pool import _last_nan


def _starts(u, n, k, m):
    """Where m windows of length k begin along n values: u in [0, 1) shifts steps of equal length."""
    starts = np.full((*u.shape, m), n - k)
    if m > 1:
        step = u.dtype.type(n - k) / u.dtype.type(m - 1)
        u = u[..., None]
        starts[..., :-1] = ((np.arange(m - 1, dtype=u.dtype) + u) * step).astype(int) - (u * step).astype(int)
    return starts


def random_max_places(
    x: np.ndarray, samples: list[np.ndarray], kernel: tuple[int, ...], size: tuple[int, ...]
) -> np.ndarray:
    """Where in x (N, C, *pooled) the largest value of each window is, as pool.py's `max_places` counts.

    `samples` holds, for each pooled dimension, one u for each image and channel: (N, C).
    """
    d, lead = len(size), x.shape[:2]
    inside = np.zeros((*lead, *(1,) * (2 * d)), int)  # places (*size, *kernel) in the flattened dimensions
    for axis, (u, n, k, m) in enumerate(zip(samples, x.shape[2:], kernel, size, strict=True)):
        along = _starts(u, n, k, m)[..., None] + np.arange(k)
        shape = [1] * (2 * d)
        shape[axis], shape[d + axis] = m, k
        inside = inside * n + along.reshape(*lead, *shape)
    windows, within = math.prod(size), math.prod(kernel)
    flat_x, flat = x.reshape(*lead, math.prod(x.shape[2:])), inside.reshape(*lead, windows * within)
    seen = np.take_along_axis(flat_x, flat, -1).reshape(*lead, *size, within)
    inside = inside.reshape(seen.shape)
    chosen = _last_nan(seen, seen.argmax(-1))
    return np.take_along_axis(inside, chosen[..., None], -1)[..., 0]


# fmt: off
fractional_max_pool2d = index.named("FractionalMaxPool2DBackward0")
fractional_max_pool3d = index.named("FractionalMaxPool3DBackward0")
# fmt: on
