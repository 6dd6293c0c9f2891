"""Pools as layers: MaxPool, MaxUnpool, AvgPool, LPPool, AdaptiveMaxPool, AdaptiveAvgPool, each 1d, 2d and 3d.

Each calls its function in nn.functional, which has the equation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinynn.nn import functional as F
from tinynn.nn.functional.checks import Ints, for_each_dimension
from tinynn.nn.module import Module
from tinynn.tensor import Tensor


class _MaxPool(Module):
    """The largest value of each window; with return_indices, also where it was found."""

    function: Callable

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        return self.function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """F.max_pool1d of x (N, C, L) or (C, L)."""

    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """F.max_pool2d of x (N, C, H, W) or (C, H, W)."""

    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """F.max_pool3d of x (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(F.max_pool3d)


class _MaxUnpool(Module):
    """The values of a pool, with the indices it returned, back in their places among zeros."""

    dimensions: int
    function: Callable

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0):
        super().__init__()
        n = self.dimensions
        self.kernel_size = for_each_dimension(kernel_size, n)
        self.stride = for_each_dimension(kernel_size if stride is None else stride, n)
        self.padding = for_each_dimension(padding, n)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return self.function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """F.max_unpool1d: undoes MaxPool1d."""

    dimensions, function = 1, staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """F.max_unpool2d: undoes MaxPool2d."""

    dimensions, function = 2, staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """F.max_unpool3d: undoes MaxPool3d."""

    dimensions, function = 3, staticmethod(F.max_unpool3d)


class _AvgPool(Module):
    """The mean of each window."""

    function: Callable

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return self.function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """F.avg_pool1d of x (N, C, L) or (C, L)."""

    function = staticmethod(F.avg_pool1d)

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        kernel = for_each_dimension(kernel_size, 1)
        steps = kernel if stride is None else for_each_dimension(stride, 1)
        super().__init__(kernel, steps, for_each_dimension(padding, 1), ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """F.avg_pool2d of x (N, C, H, W) or (C, H, W)."""

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """F.avg_pool3d of x (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(F.avg_pool3d)


class _LPPool(Module):
    """The norm of each window: (sum of x ^ norm_type) ^ (1 / norm_type)."""

    function: Callable

    def __init__(
        self, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
    ):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """F.lp_pool1d of x (N, C, L) or (C, L)."""

    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """F.lp_pool2d of x (N, C, H, W) or (C, H, W)."""

    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """F.lp_pool3d of x (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(F.lp_pool3d)


class _AdaptiveMaxPool(Module):
    """The largest values of output_size windows; None in output_size keeps a dimension as it is."""

    function: Callable

    def __init__(self, output_size: Any, return_indices: bool = False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        return self.function(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """F.adaptive_max_pool1d of x (N, C, L) or (C, L)."""

    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """F.adaptive_max_pool2d of x (N, C, H, W) or (C, H, W)."""

    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """F.adaptive_max_pool3d of x (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(F.adaptive_max_pool3d)


class _AdaptiveAvgPool(Module):
    """The means of output_size windows; None in output_size keeps a dimension as it is."""

    function: Callable

    def __init__(self, output_size: Any):
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """F.adaptive_avg_pool1d of x (N, C, L) or (C, L)."""

    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """F.adaptive_avg_pool2d of x (N, C, H, W) or (C, H, W)."""

    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """F.adaptive_avg_pool3d of x (N, C, D, H, W) or (C, D, H, W)."""

    function = staticmethod(F.adaptive_avg_pool3d)
