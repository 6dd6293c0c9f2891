"""The derivative table, resampling: images made larger or smaller.

One dimension after the other is resampled; along each, a result is a weighted sum of a few values (its taps).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.sliding import per_place, range_sums


class Taps:
    """Which of n values results are made of: places and weights, (taps of a result, results).

    Each row of places rises. Without weights there is one tap, of weight 1.
    """

    def __init__(self, n: int, places: np.ndarray, weights: np.ndarray | None):
        self.n, self.places, self.weights = n, places, weights

    @functools.cached_property
    def matrix(self) -> np.ndarray:
        """The same as a matrix to multiply with, (results, n)."""
        results = np.arange(self.places.shape[1])
        matrix = np.zeros((len(results), self.n), np.float64 if self.weights is None else self.weights.dtype)
        np.add.at(matrix, (results, self.places), 1 if self.weights is None else self.weights)
        return matrix


def _axes(x, taps):
    return zip(range(x.ndim - len(taps), x.ndim), taps, strict=True)


def _resample(x, taps):
    if taps[0].weights is None:
        for axis, tap in _axes(x, taps):
            x = x.take(tap.places[0], axis)
        return x
    if x.dtype == np.uint8:
        return _resample_bytes(x, taps)
    if _not_finite(x):
        return _one_by_one(x, taps)
    for axis, tap in _axes(x, taps):
        x = _product(tap.matrix, x, axis)
    return x


def _resample_back(g, taps):
    """What a result took from a value goes back to it."""
    if _not_finite(g):
        return _one_by_one_back(g, taps)
    for axis, tap in _axes(g, taps):
        g = _product(tap.matrix.T, g, axis)
    return g


def _product(matrix, x, axis):
    """The matrix times x along an axis: 3 to 14 times as fast as tap by tap. x keeps its order in memory."""
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    inner, place = np.ascontiguousarray(x.transpose(order)), order.index(axis)
    before, after = inner.shape[:place], inner.shape[place + 1 :]
    matrix = matrix.astype(x.dtype, copy=False)
    if math.prod(after) == 1:
        out = inner.reshape(math.prod(before), x.shape[axis]) @ matrix.T
    else:
        out = matrix @ inner.reshape(math.prod(before), x.shape[axis], math.prod(after))
    return out.reshape(*before, len(matrix), *after).transpose(np.argsort(order))


def _not_finite(x):
    """Whether x holds nan or infinities; in a product of matrices they would spread, for 0 * nan is nan."""
    return not np.isfinite(np.add.reduce(x, None))


def _one_by_one(x, taps):
    for axis, tap in _axes(x, taps):
        terms = [
            x.take(places, axis) * per_place(weights, axis, x)
            for places, weights in zip(tap.places, tap.weights, strict=True)
        ]
        x = functools.reduce(np.add, terms)
    return x


def _one_by_one_back(g, taps):
    """Taken from one value were neighbours, because the places rise: their sum goes back."""
    for axis, tap in _axes(g, taps):
        weighted = [g] if tap.weights is None else [g * per_place(row, axis, g) for row in tap.weights]
        values = np.arange(tap.n)
        sums = [
            range_sums(part, axis, np.searchsorted(row, values), np.searchsorted(row, values, "right"))
            for part, row in zip(weighted, tap.places, strict=True)
        ]
        g = functools.reduce(np.add, sums)
    return g


def _resample_bytes(x, taps):
    """Images of bytes, as Pillow and torch resample them: in whole numbers, rounded after each dimension."""
    for axis, tap in reversed([*_axes(x, taps)]):
        if tap.n != len(tap.matrix):
            scale = _whole_scale(tap.matrix.max())
            matrix = np.trunc(tap.matrix * scale + np.copysign(0.5, tap.matrix))
            total = _product(matrix, x.astype(np.float64), axis)
            x = np.clip((total + scale // 2) // scale, 0, 255).astype(np.uint8)
    return x


def _whole_scale(largest):
    """The largest power of 2 that brings all weights into 16 bits."""
    exponent = 0
    while exponent < 22 and 0.5 + largest * 2 ** (exponent + 1) < 2**15:
        exponent += 1
    return 2**exponent


# fmt: off
resample      = Op(_resample,      lambda g, taps: resample_back(g, taps))
resample_back = Op(_resample_back, lambda g, taps: resample(g, taps))

upsample_nearest1d, upsample_nearest2d, upsample_nearest3d = (resample.named(f"UpsampleNearest{n}DBackward0") for n in (1, 2, 3))
upsample_nearest_exact1d, upsample_nearest_exact2d, upsample_nearest_exact3d = (resample.named(f"UpsampleNearestExact{n}DBackward0") for n in (1, 2, 3))
upsample_linear1d, upsample_bilinear2d, upsample_trilinear3d = (resample.named(f"Upsample{name}Backward0") for name in ("Linear1D", "Bilinear2D", "Trilinear3D"))
upsample_bicubic2d = resample.named("UpsampleBicubic2DBackward0")
upsample_bilinear2d_aa, upsample_bicubic2d_aa, upsample_lanczos2d_aa = (resample.named(f"Upsample{name}2DAaBackward0") for name in ("Bilinear", "Bicubic", "Lanczos"))
# fmt: on
