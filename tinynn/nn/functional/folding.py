"""Images rearranged: windows as columns, unfold and fold; channels as finer images, pixel_shuffle."""

from __future__ import annotations

import math
from typing import Any

from tinynn import ops
from tinynn.nn.functional.checks import Ints, for_each_dimension, need_float, need_tensor, whole_numbers
from tinynn.ops.sliding import Windows
from tinynn.size import one_dim
from tinynn.tensor import Tensor


def unfold(
    input: Tensor, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """The windows of x (N, C, H, W) or (C, H, W), each a column: (N, C * KH * KW, places)."""
    need_tensor("im2col", input)
    settings = _settings(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        one_dim(2, input.ndim)
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions "
            f"for input, but got: {list(input.shape)}"
        )
    windows = _windows(input.shape[-2:], settings)
    if min(windows.places) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(input.shape[-2:])}, kernel_size={windows.kernel}, "
            f"dilation={windows.dilation}, padding={windows.padding}, calculated shape of the array of "
            f"sliding blocks as {windows.places}, but its components must be at least one."
        )
    if input._array.dtype.kind != "b":
        need_float("im2col_out_cpu", input)
    return ops.unfold(input, windows)


def fold(
    input: Tensor,
    output_size: Ints,
    kernel_size: Ints,
    dilation: Ints = 1,
    padding: Ints = 0,
    stride: Ints = 1,
) -> Tensor:
    """The sum of columns (N, C * KH * KW, places) in the places that unfold took them from: (N, C, H, W)."""
    need_tensor("col2im", input)
    settings = _settings(
        output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
            f"dimensions for input, but got: {list(input.shape)}"
        )
    windows = _windows(settings["output_size"], settings)
    if input.shape[-2] % math.prod(windows.kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={input.shape[-2]} and kernel_size={windows.kernel}."
        )
    if input.shape[-1] != math.prod(windows.places):
        given = ", ".join(f"{name}={value}" for name, value in settings.items())
        raise RuntimeError(
            f"Given {given}, expected size of input's dimension 2 to match the calculated number of sliding "
            f"blocks {windows.places[0]} * {windows.places[1]} = {math.prod(windows.places)}, but got "
            f"input.size(2)={input.shape[-1]}."
        )
    if input._array.dtype.kind != "b":
        need_float("col2im_out_cpu", input)
    return ops.fold(input, settings["output_size"], windows)


def _windows(size: tuple[int, ...], settings: dict[str, tuple[int, ...]]) -> Windows:
    kernel, stride, padding, dilation = (
        settings[name] for name in ("kernel_size", "stride", "padding", "dilation")
    )
    sides = zip(size, kernel, stride, padding, dilation, strict=True)
    places = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sides)
    return Windows(kernel, stride, padding, dilation, places)


def _settings(**given: Any) -> dict[str, tuple[int, ...]]:
    """Each setting as two numbers."""
    pairs = {}
    for name, value in given.items():
        pairs[name] = whole_numbers("im2col", for_each_dimension(value, 2), 2, name, 2)
        if len(pairs[name]) != 2:
            raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(pairs[name])}")
    for name, (what, short) in {
        "kernel_size": ("kernel size", "kernel"),
        "dilation": ("dilation", "dilation"),
        "padding": ("padding", "pad"),
        "stride": ("stride", "stride"),
    }.items():
        height, width = pairs[name]
        if min(height, width) < (0 if name == "padding" else 1):
            bound = "non-negative" if name == "padding" else "greater than zero"
            raise RuntimeError(
                f"{what} should be {bound}, but got {short}_height: {height} {short}_width: {width}"
            )
    return pairs


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(..., C r^2, H, W) to (..., C, H r, W r), for r = upscale_factor. Shi et al., 2016."""
    _check_shuffle("pixel_shuffle", input, "upscale_factor", upscale_factor)
    if input.shape[-3] % upscale_factor**2:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={input.shape[-3]} is not divisible by {upscale_factor**2}"
        )
    return ops.pixel_shuffle(input, upscale_factor)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(..., C, H r, W r) to (..., C r^2, H, W), for r = downscale_factor."""
    _check_shuffle("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    for name, dim in (("height", -2), ("width", -1)):
        if input.shape[dim] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({dim})={input.shape[dim]} is not divisible by {downscale_factor}"
            )
    return ops.pixel_unshuffle(input, downscale_factor)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of x (N, C, ...), one of each of the groups by turns. Zhang et al., 2018."""
    need_tensor("channel_shuffle", input)
    if input.ndim < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if input.shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {input.shape[1]} channels and {groups} "
            "groups."
        )
    return ops.channel_shuffle(input, groups)


def _check_shuffle(function: str, input: Any, name: str, factor: Any) -> None:
    need_tensor(function, input)
    if not hasattr(factor, "__index__"):
        kind = type(factor).__name__
        raise TypeError(f"{function}(): argument '{name}' (position 2) must be int, not {kind}")
    if input.ndim < 3:
        raise RuntimeError(
            f"{function} expects input to have at least 3 dimensions, but got input with {input.ndim} "
            "dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{function} expects a positive {name}, but got {factor}")
