"""Layers that make x longer at its ends: ZeroPad, ConstantPad, ReflectionPad, ReplicationPad, CircularPad.

Each is there for 1, 2 and 3 dimensions. `padding` is one width for all sides, or holds (before, after) of the
last dimension, then of the one before it, and so on, as in F.pad.
"""

from __future__ import annotations

from tinynn.nn import functional as F
from tinynn.nn.functional.checks import Ints, for_each_dimension
from tinynn.nn.module import Module
from tinynn.tensor import Tensor


class _Pad(Module):
    dimensions: int

    def __init__(self, padding: Ints):
        super().__init__()
        self.padding = for_each_dimension(padding, 2 * self.dimensions)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """`value` on all sides."""

    def __init__(self, padding: Ints, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` on both sides of x (..., L)."""

    dimensions = 1


class ConstantPad2d(_ConstantPad):
    """`value` on all sides of x (..., H, W)."""

    dimensions = 2


class ConstantPad3d(_ConstantPad):
    """`value` on all sides of x (..., D, H, W)."""

    dimensions = 3


class _ZeroPad(_ConstantPad):
    """Zeros on all sides."""

    def __init__(self, padding: Ints):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Zeros on both sides of x (..., L)."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Zeros on all sides of x (..., H, W)."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Zeros on all sides of x (..., D, H, W)."""


class _ReflectionPad(_Pad):
    """The input, mirrored in its first and last values."""

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "reflect")


class ReflectionPad1d(_ReflectionPad):
    """x (N, C, L) or (C, L), mirrored at its ends."""

    dimensions = 1


class ReflectionPad2d(_ReflectionPad):
    """x (N, C, H, W) or (C, H, W), mirrored at its edges."""

    dimensions = 2


class ReflectionPad3d(_ReflectionPad):
    """x (N, C, D, H, W) or (C, D, H, W), mirrored at its faces."""

    dimensions = 3


class _ReplicationPad(_Pad):
    """The first and last values, repeated."""

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "replicate")


class ReplicationPad1d(_ReplicationPad):
    """x (N, C, L) or (C, L), its ends repeated."""

    dimensions = 1


class ReplicationPad2d(_ReplicationPad):
    """x (N, C, H, W) or (C, H, W), its edges repeated."""

    dimensions = 2


class ReplicationPad3d(_ReplicationPad):
    """x (N, C, D, H, W) or (C, D, H, W), its faces repeated."""

    dimensions = 3


class _CircularPad(_Pad):
    """The input, started again at each end."""

    def forward(self, input: Tensor) -> Tensor:
        n = self.dimensions
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")
        return F.pad(input, self.padding, "circular")


class CircularPad1d(_CircularPad):
    """x (N, C, L) or (C, L) as a part of an endless repetition."""

    dimensions = 1


class CircularPad2d(_CircularPad):
    """x (N, C, H, W) or (C, H, W) as a part of an endless repetition."""

    dimensions = 2


class CircularPad3d(_CircularPad):
    """x (N, C, D, H, W) or (C, D, H, W) as a part of an endless repetition."""

    dimensions = 3
