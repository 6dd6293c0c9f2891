"""torch.finfo and torch.iinfo: the limits of a dtype, such as `finfo(x.dtype).eps`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinynn import dtypes


class _Limits:
    """What both have; two of one dtype are equal."""

    dtype: str
    bits: int

    def __init__(self, type: dtypes.dtype):
        self.dtype = type.name
        self.bits = 8 * type.itemsize

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Limits) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class finfo(_Limits):  # noqa: N801 - torch's name
    """The limits of a floating point dtype: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: Any = None):
        type = dtypes.get_default_dtype() if type is None else _checked(type, "finfo")
        if not type.is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        super().__init__(type)
        own = np.finfo(type.numpy)
        self.eps, self.max, self.min = float(own.eps), float(own.max), float(own.min)
        self.tiny = self.smallest_normal = float(own.tiny)
        self.resolution = 10.0**-own.precision

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in shown)}, dtype={self.dtype})"


class iinfo(_Limits):  # noqa: N801 - torch's name
    """The limits of an integer dtype: bits, max, min."""

    def __init__(self, type: Any):
        type = _checked(type, "iinfo")
        if type.is_floating_point:
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
            )
        if type is dtypes.bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        super().__init__(type)
        own = np.iinfo(type.numpy)
        self.max, self.min = int(own.max), int(own.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


def _checked(type_: Any, function: str) -> dtypes.dtype:
    if not isinstance(type_, dtypes.dtype):
        raise TypeError(
            f"{function}(): argument 'type' (position 1) must be torch.dtype, not {type(type_).__name__}"
        )
    return type_
