"""Pools that shrink by any factor: the largest value of windows that begin at random places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinynn import ops
from tinynn.creation import rand
from tinynn.nn.functional.checks import Ints, for_each_dimension, need_float, whole_numbers
from tinynn.ops.fractional import random_max_places
from tinynn.ops.pool import element_index
from tinynn.tensor import Tensor

SIDES = ("time", "height", "width")


def _fractional_max_pool(n: int) -> Callable:
    function = f"fractional_max_pool{n}d"
    row = ops.fractional_max_pool2d if n == 2 else ops.fractional_max_pool3d

    def fractional_max_pool(
        input: Tensor,
        kernel_size: Ints,
        output_size: Ints | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> Any:
        """The largest values of output_size windows, for x (N, C, *size) or (C, *size). Graham, 2014.

        Instead of output_size, output_ratio may say which part of x's size that is. Along a dimension of n
        values, m windows of k begin at int((i + u) a) - int(u a) for i < m - 1, with a = (n - k) / (m - 1),
        and the last at n - k; u is drawn for each image, channel and dimension, unless _random_samples
        (N, C, dimensions) gives it. With return_indices also where in x, with its size flattened, they are.
        """
        if output_size is None:
            output_size = _size_of_ratio(function, n, input, output_ratio)
        samples = _random_samples
        if samples is None:
            images = 1 if input.dim() == n + 1 else input.size(0)
            samples = rand(images, input.size(-n - 1), n, dtype=input.dtype)
        size = _for_each(function, n, "output_size", output_size, 3)
        kernel = _for_each(function, n, "kernel_size", kernel_size, 2)
        _check(function if n == 2 else f"{function}_out", n, input, kernel, size)
        _check_samples(function, n, input, samples)
        x = input._array if input.ndim == n + 2 else input._array[None]
        drawn = [samples._array[: len(x), :, i] for i in range(n)]
        places = random_max_places(x, drawn[::-1] if n == 2 else drawn, kernel, size)
        places = places.reshape(*input.shape[:-n], *size)
        out = row(input, element_index(places, input.shape[-n:]))
        return (out, Tensor.wrap(places)) if return_indices else out

    fractional_max_pool.__name__ = fractional_max_pool.__qualname__ = function
    return fractional_max_pool


def _size_of_ratio(function: str, n: int, input: Tensor, ratio: Any) -> list[int]:
    if ratio is None:
        raise ValueError(f"{function} requires specifying either an output_size or an output_ratio")
    if n == 2 and len(ratio) > 2:
        raise ValueError(f"{function} requires output_ratio to either be a single Int or tuple of Ints.")
    ratios = for_each_dimension(ratio, n)
    return [int(input.size(i - n) * ratios[i]) for i in range(n)]


# --- torch's errors


def _for_each(function: str, n: int, name: str, value: Any, position: int) -> tuple[int, ...]:
    values = whole_numbers(function, value, n, name, position)
    if len(values) != n:
        many = "Ints" if n == 2 else "three Ints"
        raise RuntimeError(f"{function}: {name} must either be a single Int or tuple of {many}")
    return values


def _check(function: str, n: int, input: Tensor, kernel: tuple[int, ...], size: tuple[int, ...]) -> None:
    shape = list(input.shape)
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{function}(): Expected {n + 1}D or {n + 2}D tensor, but got: {shape}")
    for dim in range(input.ndim - n - 1, input.ndim):
        if shape[dim] == 0:
            raise RuntimeError(
                f"{function}(): Expected input to have non-zero size for non-batch dimensions, but got"
                f"{shape} with dimension {dim} being empty."
            )
    for side, length, k, m in zip(SIDES[-n:], shape[-n:], kernel, size, strict=True):
        if m + k - 1 > length:
            raise RuntimeError(f"{function}(): pool {side} {k} too large relative to input {side} {length}")
    if min(size) < 0:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(size)}: {[*shape[:-n], *size]}"
        )
    if min(kernel) < 1:
        raise RuntimeError(f"{function}(): kernel_size must be greater than 0, but got {list(kernel)}")


def _check_samples(function: str, n: int, input: Tensor, samples: Tensor) -> None:
    images, channels = input.shape[0] if input.ndim == n + 2 else 1, input.shape[-n - 1]
    if samples.dtype is not input.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.ndim}")
    if samples.shape[0] < images:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if samples.shape[1] != channels:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if samples.shape[2] != n:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {n}; got {samples.shape[2]}.")
    need_float(f"{function}_out_frame", input)


fractional_max_pool2d, fractional_max_pool3d = _fractional_max_pool(2), _fractional_max_pool(3)
