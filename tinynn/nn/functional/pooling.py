"""Pools: the largest value or the mean of each window, in 1, 2 and 3 dimensions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.nn.functional.activation import relu
from tinynn.nn.functional.checks import Ints, in_dimensions, need_float, need_tensor, whole_numbers
from tinynn.nn.functional.pool_windows import pool_windows
from tinynn.ops.pool import element_index, even_max_places, max_places
from tinynn.ops.sliding import Windows
from tinynn.size import listed, type_name
from tinynn.tensor import Tensor

# --- the largest value of each window


def _max_pool(n: int) -> Callable:
    row = (ops.max_pool1d, ops.max_pool2d, ops.max_pool3d)[n - 1]

    def max_pool(
        input: Tensor,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        """y[..., p] = max over k of x[..., stride p + dilation k - padding]; x (N, C, *size) or (C, *size).

        stride is kernel_size if None; what is outside of x counts as -inf. In ceil_mode a last window may
        reach over the end. With return_indices also where in x, with its size flattened, each y stands.
        """
        pool = pool_windows(f"max_pool{n}d", n, input, kernel_size, stride, padding, dilation, ceil_mode)
        if input._array.dtype.kind == "b":
            raise NotImplementedError(f"\"max_pool{n}d\" not implemented for 'Bool'")
        out = row(input, pool)
        return (out, Tensor.wrap(max_places(input._array, out._array, pool))) if return_indices else out

    return max_pool


def _adaptive_max_pool(n: int) -> Callable:
    row = (ops.adaptive_max_pool1d, ops.adaptive_max_pool2d, ops.adaptive_max_pool3d)[n - 1]

    def adaptive_max_pool(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        """The largest values of `output_size` windows that cover x (N, C, *size) or (C, *size) evenly.

        None in output_size keeps a dimension as it is. return_indices: as in max_pool.
        """
        size = _output_size(f"adaptive_max_pool{n}d", n, input, output_size)
        places = even_max_places(input._array, size)
        out = row(input, element_index(places, input.shape[-n:]))
        return (out, Tensor.wrap(places)) if return_indices else out

    return adaptive_max_pool


def _max_unpool(n: int) -> Callable:
    row = (ops.max_unpool1d, ops.max_unpool2d, ops.max_unpool3d)[n - 1]

    def max_unpool(
        input: Tensor,
        indices: Tensor,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        output_size: Any = None,
    ) -> Tensor:
        """The values of a max_pool with return_indices back in their places, among zeros.

        output_size: the size of what was pooled, if it is not the least that leads to the input's.
        """
        kernel, paddings = (whole_numbers(f"max_unpool{n}d", one, n) for one in (kernel_size, padding))
        steps = kernel if stride is None else whole_numbers(f"max_unpool{n}d", stride, n)
        sizes = zip(input.shape[-n:], kernel, steps, paddings, strict=True)
        least = [(m - 1) * s + k - 2 * p for m, k, s, p in sizes]
        size = _unpooled_size(least, steps, output_size)
        _check_unpool(n, input, indices, size)
        return row(input, (*input.shape[:-n], *size), element_index(indices._array, size))

    return max_unpool


max_pool1d, max_pool2d, max_pool3d = in_dimensions(_max_pool)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = in_dimensions(_adaptive_max_pool)
max_unpool1d, max_unpool2d, max_unpool3d = in_dimensions(_max_unpool)


# --- the mean of each window


def _avg_pool(n: int) -> Callable:
    row = (ops.avg_pool1d, ops.avg_pool2d, ops.avg_pool3d)[n - 1]

    def avg_pool(
        input: Tensor,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        """y[..., p] = mean over k of x[..., stride p + k - padding], for x (N, C, *size) or (C, *size).

        stride is kernel_size if None; what is outside of x counts as 0, or, without count_include_pad, not
        at all. In ceil_mode a last window may reach over the end. divisor_override: to divide the sum by.
        """
        pool = pool_windows(f"avg_pool{n}d", n, input, kernel_size, stride, padding, 1, ceil_mode)
        if divisor_override is not None and not hasattr(divisor_override, "__index__"):
            kind = type(divisor_override).__name__
            raise TypeError(f"avg_pool{n}d(): argument 'divisor_override' must be int, not {kind}")
        if divisor_override == 0:
            raise RuntimeError("divisor must be not zero")
        divisor = divisor_override or _divisor(pool, input.shape[-n:], count_include_pad, input._array.dtype)
        return row(input, pool, divisor)

    return avg_pool


@functools.lru_cache
def _divisor(pool: Windows, size: tuple[int, ...], count_padding: bool, dtype: np.dtype) -> Any:
    """How many values each window has, those of the padding included or not: a number, or one per place."""
    counts: Any = 1
    for n, k, s, p, _, m in zip(size, *pool, strict=True):
        starts = np.arange(m) * s - p
        ends = np.minimum(starts + k, n + p)
        if not count_padding:
            starts, ends = np.maximum(starts, 0), np.minimum(ends, n)
        counts = np.multiply.outer(counts, ends - starts)
    whole = math.prod(pool.kernel)
    return whole if (counts == whole).all() else counts.astype(dtype)


def _adaptive_avg_pool(n: int) -> Callable:
    row = (ops.adaptive_avg_pool1d, ops.adaptive_avg_pool2d, ops.adaptive_avg_pool3d)[n - 1]

    def adaptive_avg_pool(input: Tensor, output_size: Any) -> Tensor:
        """The means of `output_size` windows that cover x (N, C, *size) or (C, *size) evenly.

        None in output_size keeps a dimension as it is.
        """
        size = _output_size(f"adaptive_avg_pool{n}d", n, input, output_size)
        if n > 1 and max(size) == min(size) == 1:
            return input.mean(tuple(range(-n, 0)), keepdim=True)
        return row(input, size)

    return adaptive_avg_pool


def _lp_pool(n: int) -> Callable:
    avg_pool = (avg_pool1d, avg_pool2d, avg_pool3d)[n - 1]

    def lp_pool(
        input: Tensor,
        norm_type: float,
        kernel_size: Ints,
        stride: Ints | None = None,
        ceil_mode: bool = False,
    ) -> Tensor:
        """y[..., p] = (sum over k of x[..., stride p + k] ^ norm_type) ^ (1 / norm_type)."""
        mean = avg_pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        count = math.prod(whole_numbers(f"lp_pool{n}d", kernel_size, n))
        return (mean.sign() * relu(mean.abs())).mul(count).pow(1.0 / norm_type)

    return lp_pool


avg_pool1d, avg_pool2d, avg_pool3d = in_dimensions(_avg_pool)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = in_dimensions(_adaptive_avg_pool)
lp_pool1d, lp_pool2d, lp_pool3d = in_dimensions(_lp_pool)


# --- sizes, with torch's errors


def _output_size(function: str, n: int, input: Any, output_size: Any) -> tuple[int, ...]:
    """The size of what an adaptive pool returns."""
    need_tensor(function, input)
    if isinstance(output_size, tuple | list):
        if n > 1 and input.ndim <= len(output_size):
            raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
        pairs = zip(output_size, input.shape[-len(output_size) :], strict=False)
        size = tuple(given if wanted is None else wanted for wanted, given in pairs)
    elif n > 1 and not hasattr(output_size, "__index__"):
        raise TypeError(f"object of type '{type(output_size).__name__}' has no len()")
    else:
        size = whole_numbers(function, output_size, n, "output_size", 2)
    if n == 1 and len(size) != 1:
        raise RuntimeError(f"{function}() argument 'output_size' should contain one int (got {len(size)})")
    if len(size) != n:
        raise RuntimeError(f"{function}: output_size must be {n}")
    if n == 1 and input.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input.ndim}-dimensional tensor for argument #1 'self' "
            f"(while checking arguments for {function})"
        )
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(f"{function}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}")
    if min(size) < 0:
        raise RuntimeError(
            f"{function}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, size))}}}"
        )
    empty = [dim for dim in range(input.ndim - n, input.ndim) if input.shape[dim] == 0]
    if empty:
        raise RuntimeError(
            f"{function}(): Expected input to have non-zero size for non-batch dimensions, but input has "
            f"sizes {list(input.shape)} with dimension {empty[0]} being empty"
        )
    need_float(function, input)
    return size


def _unpooled_size(least: list[int], steps: tuple[int, ...], wanted: Any) -> tuple[int, ...]:
    """The size that a pool had, if it can be the wanted one."""
    if wanted is None:
        return tuple(least)
    n, size = len(least), tuple(wanted)
    if len(size) == n + 2:
        size = size[2:]
    if len(size) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
            f"'{len(size)}'"
        )
    for d, (length, low, step) in enumerate(zip(size, least, steps, strict=True)):
        if not low - step < length < low + step:
            raise ValueError(
                f'invalid output_size "{size}" (dim {d} must be between {low - step} and {low + step})'
            )
    return size


def _check_unpool(n: int, input: Tensor, indices: Tensor, size: tuple[int, ...]) -> None:
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Input to max_unpooling{n}d should be a {n + 1}d or {n + 2}d Tensor, but got a tensor with "
            f"{input.ndim} dimensions."
        )
    if indices._array.dtype != np.int64:
        raise RuntimeError(
            f"elements in indices should be type int64 but got: {type_name(indices._array.dtype)}"
        )
    if indices.shape != input.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got "
            f"indices tensor with shape: {list(indices.shape)}"
        )
    outside = indices._array[(indices._array < 0) | (indices._array >= math.prod(size))]
    if outside.size:
        raise RuntimeError(
            f"Found an invalid max index: {outside[0]} (output volumes are of size {listed(size)})"
        )
