"""Convolutional layers: Conv1d, 2d, 3d and ConvTranspose1d, 2d, 3d."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tinynn.creation import empty
from tinynn.nn import functional as F
from tinynn.nn import init
from tinynn.nn.functional.checks import Ints, for_each_dimension
from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter
from tinynn.tensor import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """The settings and parameters of a convolution in `dimensions` dimensions.

    Weight and bias start as draws from U(-k, k) with k = 1 / sqrt(inputs of an output).
    """

    dimensions: int
    function: Callable
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints,
        padding: Ints | str,
        dilation: Ints,
        output_padding: Ints,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ):
        super().__init__()
        n = self.dimensions
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = for_each_dimension(kernel_size, n)
        self.stride = for_each_dimension(stride, n)
        self.padding = padding if isinstance(padding, str) else for_each_dimension(padding, n)
        self.dilation = for_each_dimension(dilation, n)
        self.output_padding = for_each_dimension(output_padding, n)
        self.groups = groups
        self.padding_mode = padding_mode
        self._check()
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        self.bias: Parameter | None
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check(self) -> None:
        if self.groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name in ("in_channels", "out_channels"):
            if getattr(self, name) % self.groups:
                raise ValueError(f"{name} must be divisible by groups")
        if isinstance(self.padding, str):
            if self.padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {self.padding!r}, should be 'same' or 'valid'")
            if self.padding == "same" and any(step != 1 for step in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if self.padding_mode not in PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {PADDING_MODES}, but got padding_mode='{self.padding_mode}'"
            )

    def _weight_shape(self) -> tuple[int, ...]:
        outer, inner = self.out_channels, self.in_channels
        if self.transposed:
            outer, inner = inner, outer
        return (outer, inner // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        """Draw new weights, then new biases."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        ]
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            setting = getattr(self, name)
            if setting != (usual,) * self.dimensions:
                parts.append(f"{name}={setting}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution of x (N, in_channels, *size) or (in_channels, *size); F.conv1d has the equation.

    padding_mode says what lies around x: "zeros", or x itself as F.pad continues it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        padding: Ints | str = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._widths(), self.padding_mode), 0
        return self.function(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _widths(self) -> list[int]:
        """The padding as F.pad wants it: before and after, the last dimension first."""
        totals = [0] * self.dimensions
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        elif not isinstance(self.padding, str):
            totals = [2 * p for p in self.padding]
        return [side for total in reversed(totals) for side in (total // 2, total - total // 2)]


class Conv1d(_Conv):
    """A convolution of x (N, in_channels, L) or (in_channels, L): see F.conv1d."""

    dimensions, function = 1, staticmethod(F.conv1d)


class Conv2d(_Conv):
    """A convolution of x (N, in_channels, H, W) or (in_channels, H, W): see F.conv2d."""

    dimensions, function = 2, staticmethod(F.conv2d)


class Conv3d(_Conv):
    """A convolution of x (N, in_channels, D, H, W) or (in_channels, D, H, W): see F.conv3d."""

    dimensions, function = 3, staticmethod(F.conv3d)


class _ConvTranspose(_ConvNd):
    """The transpose of a convolution; F.conv_transpose1d has the equation."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """output_size, where strides leave a choice, takes the place of output_padding."""
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return self.function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _extra(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that leads to this size. Raises ValueError if none does."""
        n = self.dimensions
        lead = 2 if input.ndim == n + 2 else 1
        wanted = tuple(output_size[lead:] if len(output_size) == lead + n else output_size)
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.ndim}D input, output_size must have {n} or {lead + n} "
                f"elements (got {len(wanted)})"
            )
        settings = zip(
            input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
        )
        least = [(m - 1) * s - 2 * p + d * (k - 1) + 1 for m, s, p, d, k in settings]
        most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
        if any(not low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an "
                f"input of {input.shape[2:]})"
            )
        return tuple(size - low for size, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolution of x (N, in_channels, L) or (in_channels, L): see F.conv_transpose1d."""

    dimensions, function = 1, staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolution of x (N, in_channels, H, W) or (in_channels, H, W): see F.conv_transpose2d."""

    dimensions, function = 2, staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """A transposed convolution of x (N, in_channels, D, H, W) or (in_channels, D, H, W)."""

    dimensions, function = 3, staticmethod(F.conv_transpose3d)
