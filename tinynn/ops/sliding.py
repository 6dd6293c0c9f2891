"""Windows: the parts of an array that a kernel sees as it moves. Convolutions, pools and folds look at them.

Along each dimension a window begins at p * stride - padding, for a place p, and from there takes what lies
k * dilation on, for the offsets k in the kernel. Windows may overlap.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


def windows(x, start, kernel, places, stride, dilation):
    """The windows over the dimensions of x from `start` on: (..., *kernel, *places, ...).

    A view: nothing is copied, and what is written to one window is written to all that overlap it. At one
    offset no two of them do. Raises ValueError where a window would reach over the end.
    """
    end = start + len(kernel)
    for n, k, m, s, d in zip(x.shape[start:end], kernel, places, stride, dilation, strict=True):
        if m and d * (k - 1) + s * (m - 1) >= n:
            raise ValueError(
                f"{m} windows, of {k} values {d} apart, {s} from each to the next, in {n} values"
            )
    steps = x.strides[start:end]
    within = (step * d for step, d in zip(steps, dilation, strict=True))
    between = (step * s for step, s in zip(steps, stride, strict=True))
    shape = (*x.shape[:start], *kernel, *places, *x.shape[end:])
    strides = (*x.strides[:start], *within, *between, *x.strides[end:])
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def offsets(kernel: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """All offsets in a kernel, in row-major order."""
    return itertools.product(*map(range, kernel))


class Windows(NamedTuple):
    """The windows over the last dimensions of an array: a number for each of them."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    places: tuple[int, ...]

    def size_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The dimensions with windows."""
        return shape[len(shape) - len(self.kernel) :]

    def padded_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """The size with its padding on both sides, or as far as the last windows see."""
        sides = zip(size, *self, strict=True)
        return tuple(max(n + 2 * p, s * (m - 1) + d * (k - 1) + 1) for n, k, s, p, d, m in sides)

    def padded(self, x: np.ndarray, value: Any) -> np.ndarray:
        """x with `value` on all sides."""
        size = self.size_of(x.shape)
        if self.padded_size(size) == size:
            return x
        out = resized(x, self.padded_size(size), value)
        self.without_padding(out, size)[...] = x
        return out

    def without_padding(self, x: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """The view of a padded array that had this size."""
        inside: Any = (..., *(slice(p, p + n) for p, n in zip(self.padding, size, strict=True)))
        return x[inside]

    def seen(self, x: np.ndarray) -> np.ndarray:
        """The windows of a padded array, (..., *kernel, *places), as a view."""
        return windows(x, x.ndim - len(self.kernel), self.kernel, self.places, self.stride, self.dilation)

    def parts(self, x: np.ndarray) -> list[np.ndarray]:
        """What all windows see of a padded array at one offset, (..., *places), for each of the offsets."""
        before = (slice(None),) * (x.ndim - len(self.kernel))
        seen = self.seen(x)
        return [seen[before + k] for k in offsets(self.kernel)]

    def parts_along(self, axis: int, x: np.ndarray) -> list[np.ndarray]:
        """The same for windows along one dimension only, counted from -1 backwards."""
        k, s, _, d, m = (setting[axis] for setting in self)
        before = (slice(None),) * (x.ndim + axis)
        return [x[(*before, slice(i * d, i * d + s * (m - 1) + 1, s))] for i in range(k)]

    @property
    def apart(self) -> bool:
        """Whether no two windows overlap."""
        return all(s > d * (k - 1) for k, s, d in zip(self.kernel, self.stride, self.dilation, strict=True))


def resized(x: np.ndarray, size: tuple[int, ...], value: Any = 0) -> np.ndarray:
    """A new array with other last dimensions, full of `value`, in the memory order of x."""
    return np.full_like(x, value, shape=(*x.shape[: x.ndim - len(size)], *size))


def range_sums(x: np.ndarray, axis: int, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The sum of x from each start to each end, along an axis."""
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    one_more = np.concatenate([x, np.zeros((*before, 1, *after), x.dtype)], axis)  # an end may be len(x)
    sums = np.add.reduceat(one_more, np.stack([starts, ends], 1).ravel(), axis)
    sums = sums.take(range(0, 2 * len(starts), 2), axis)  # the others are from an end to the next start
    sums[(slice(None),) * axis + (starts == ends,)] = 0  # reduceat takes one value there
    return sums


def per_place(values: np.ndarray, axis: int, x: np.ndarray) -> np.ndarray:
    """A value for each place along an axis of x, in a shape and dtype that go with x."""
    return values.reshape((-1,) + (1,) * (x.ndim - 1 - axis)).astype(x.dtype)
