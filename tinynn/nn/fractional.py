"""Pools that shrink by any factor, as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinynn.nn import functional as F
from tinynn.nn.functional.checks import Ints, for_each_dimension
from tinynn.nn.module import Module
from tinynn.tensor import Tensor


class _FractionalMaxPool(Module):
    """The largest values of windows that begin at random places."""

    dimensions: int
    function: Callable
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Ints,
        output_size: Ints | None = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ):
        super().__init__()
        n, name = self.dimensions, type(self).__name__
        self.kernel_size = for_each_dimension(kernel_size, n)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else for_each_dimension(output_size, n)
        self.output_ratio = None if output_ratio is None else for_each_dimension(output_ratio, n)
        if n == 3 and not all(k > 0 for k in self.kernel_size):
            raise ValueError(f"kernel_size must be greater than 0, but got {kernel_size}")
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < ratio < 1 for ratio in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Any:
        return self.function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """F.fractional_max_pool2d of x (N, C, H, W) or (C, H, W)."""

    dimensions = 2
    function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """F.fractional_max_pool3d of x (N, C, D, H, W) or (C, D, H, W)."""

    dimensions = 3
    function = staticmethod(F.fractional_max_pool3d)
