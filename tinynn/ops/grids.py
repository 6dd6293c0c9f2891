"""The derivative table, images read at any places: between pixels, a weighted sum of those around.

A place is a point of a grid; what a pixel weighs depends on it smoothly but for kinks, and so it has a gradient.
"""

from __future__ import annotations

import functools
import itertools
import operator

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import nothing, zero_where
from tinynn.ops.indexing import index, select, zeros_add_at
from tinynn.ops.linalg import matmul
from tinynn.ops.reduce import sum
from tinynn.ops.shape import permute, reshape, stack, transpose, unsqueeze


class Side:
    """One dimension of the image: for each point of the grid, the pixels along it that are looked at.

    `offset` is how far the point is from the first of them that counts (t), `slope` how fast that moves with
    the grid's coordinate; `places` are the pixels, and `outside` says where there is none.
    """

    @np.errstate(invalid="ignore", over="ignore")  # of points that are nowhere
    def __init__(self, coordinate: np.ndarray, n: int, mode: str, padding: str, align: bool):
        self.mode, self.lost = mode, ~np.isfinite(coordinate)
        self.coordinate = np.where(self.lost, coordinate.dtype.type(0), coordinate)
        scale = (n - 1) / 2 if align else n / 2
        position = (coordinate + 1) * coordinate.dtype.type(scale) - (0 if align else 0.5)
        self.slope = np.full_like(position, scale)
        if mode != "bicubic":
            position, moves = _inside(position, n, padding, align)
            self.slope *= moves
        base = np.rint(position) if mode == "nearest" else np.floor(position)
        self.offset = position - base
        taps = {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}[mode]
        pixels = [base + tap for tap in taps]
        if mode == "bicubic":
            pixels = [_inside(pixel, n, padding, align)[0] for pixel in pixels]
        self.outside = [~((pixel >= 0) & (pixel <= n - 1)) for pixel in pixels]
        self.places = [
            np.where(out, 0, pixel).astype(np.int64) for out, pixel in zip(self.outside, pixels, strict=True)
        ]

    def _t(self, coordinate):
        """`offset`, as a function of the coordinate: it adds 0, which has a derivative."""
        return (zero_where(coordinate, self.lost) - self.coordinate) * self.slope + self.offset

    def weights(self, coordinate):
        """What each of the pixels weighs."""
        if self.mode == "nearest":
            return [1.0]
        t = self._t(coordinate)
        return [1 - t, t] if self.mode == "bilinear" else [_far(t + 1), _near(t), _near(1 - t), _far(2 - t)]

    def weight_slopes(self, coordinate):
        """How fast the weights change with the coordinate."""
        if self.mode == "bilinear":
            return [-self.slope, self.slope]
        t = self._t(coordinate)
        in_t = _far_slope(t + 1), _near_slope(t), -_near_slope(1 - t), -_far_slope(2 - t)
        return [slope * self.slope for slope in in_t]


def _inside(position, n, padding, align):
    """The position moved into the image, and how it moves there with the position: 1, -1 or 0."""
    if padding == "zeros":
        return position, 1
    moves = np.ones_like(position)
    if padding == "reflection":
        low, span = (0, n - 1) if align else (-0.5, n)
        if span == 0:
            return position * 0, 0
        away = np.abs(position - low)
        back = np.floor(away / span) % 2 == 1
        moves = np.where(position < low, -1, 1) * np.where(back, -1, 1)
        rest = np.fmod(away, span)
        position = np.where(back, span - rest, rest) + position.dtype.type(low)
    moves = moves * ((position > 0) & (position < n - 1))
    inside = np.where(position > 0, np.minimum(position, n - 1), 0)  # of nan, 0
    return inside.astype(position.dtype), moves.astype(position.dtype)


# Keys' cubic (1981), with a = -0.75 as in torch: up to a distance of 1, and from 1 to 2
_A = -0.75


def _near(d):
    return ((_A + 2) * d - (_A + 3)) * d * d + 1


def _far(d):
    return ((_A * d - 5 * _A) * d + 8 * _A) * d - 4 * _A


def _near_slope(d):
    return (3 * (_A + 2) * d - 2 * (_A + 3)) * d


def _far_slope(d):
    return (3 * _A * d - 10 * _A) * d + 8 * _A


def _corners(sides, factors):
    """For each combination of pixels: their index in (N, *size, C), where it is outside, and their factor."""
    samples = np.arange(len(sides[0].coordinate)).reshape(-1, *(1,) * (sides[0].coordinate.ndim - 1))
    for taps in itertools.product(*(range(len(side.places)) for side in sides)):
        places = [side.places[tap] for side, tap in zip(sides, taps, strict=True)]
        outside = np.any([side.outside[tap] for side, tap in zip(sides, taps, strict=True)], axis=0)
        chosen = [factor[tap] for factor, tap in zip(factors, taps, strict=True)]
        chosen.sort(key=lambda factor: isinstance(factor, np.ndarray))  # none may come before a tensor
        yield (samples, *places), outside[..., None], functools.reduce(operator.mul, chosen)


def _coordinate(grid, i):
    """The i-th coordinate of all points; the last one is that of the first dimension."""
    return select(grid, (slice(None),) * (grid.ndim - 1) + (grid.shape[-1] - 1 - i,))


def _weights(grid, sides):
    return [side.weights(_coordinate(grid, i)) for i, side in enumerate(sides)]


def _channels_last(x):
    return permute(x, (0, *range(2, x.ndim), 1))


def _channels_second(x):
    return permute(x, (0, x.ndim - 1, *range(1, x.ndim - 1)))


def _pixels(x, places, outside):
    return zero_where(index(x, places), outside)


def _column(factor):
    return factor if isinstance(factor, float) else unsqueeze(factor, factor.ndim)


def _grid_sampler(x, grid, sides):
    x = _channels_last(x)
    terms = [
        _pixels(x, places, outside) * _column(weight)
        for places, outside, weight in _corners(sides, _weights(grid, sides))
    ]
    return np.ascontiguousarray(_channels_second(functools.reduce(np.add, terms)))


def _grid_sampler_back(g, x_shape, grid, sides):
    """What a result took from a pixel goes back to it."""
    g, shape = _channels_last(g), (x_shape[0], *x_shape[2:], x_shape[1])
    total = 0.0
    for places, outside, weight in _corners(sides, _weights(grid, sides)):
        total = zeros_add_at(zero_where(g * _column(weight), outside), shape, places) + total
    return _channels_second(total)


def _grid_sampler_grid_back(g, x, grid, sides):
    """The sum over pixels and channels of g x, times how fast the pixel's weight changes."""
    if sides[0].mode == "nearest":
        return nothing(grid)
    x, g, weights = _channels_last(x), _channels_last(g), _weights(grid, sides)
    slopes = []
    for i, side in enumerate(sides):
        factors = [*weights[:i], side.weight_slopes(_coordinate(grid, i)), *weights[i + 1 :]]
        slope = 0.0
        for places, outside, factor in _corners(sides, factors):
            slope = sum(_pixels(x, places, outside) * g, g.ndim - 1) * factor + slope
        slopes.append(slope)
    return stack(grid.ndim - 1, *reversed(slopes))


def _affine_grid(theta, points, shape):
    """theta (x, y, [z,] 1) for all points (count, dimensions + 1)."""
    return (points @ theta.swapaxes(1, 2)).reshape(shape)


def _affine_grid_back(g, theta_shape, points):
    flat = reshape(g, (theta_shape[0], len(points), theta_shape[1]))
    return matmul(transpose(flat, 1, 2), points)


# fmt: off
affine_grid     = Op(_affine_grid,  _affine_grid_back, name="AffineGridGeneratorBackward0")
grid_sampler_2d = Op(_grid_sampler, _grid_sampler_back, _grid_sampler_grid_back, name="GridSampler2DBackward0")
grid_sampler_3d = grid_sampler_2d.named("GridSampler3DBackward0")
# fmt: on
