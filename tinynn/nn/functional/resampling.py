"""interpolate: images (1, 2 or 3 dimensions) made larger or smaller."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.nn.functional.checks import wrong_arguments
from tinynn.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from tinynn.ops.resampling import Taps
from tinynn.tensor import Tensor

AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
DIMENSIONS = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2, "lanczos": 2}


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """x (N, C, *size) with another size: the one given, or the old one times scale_factor, rounded down.

    A result is computed from the values around the place in x that it comes from. mode says how: "nearest"
    and "nearest-exact" (which differ in rounding), "linear" (1 dimension), "bilinear" (2), "trilinear" (3),
    "bicubic" (2), "lanczos" (2, with antialias), or "area", the mean. Scale factors say which place it is,
    or, with recompute_scale_factor, the ratio of the sizes; with align_corners the outermost values stay
    where they are. antialias: to make smaller, average over as many values as become one.
    """
    exact = mode in ("nearest", "area", "nearest-exact")
    if exact and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic "
            "| trilinear"
        )
    n = input.dim() - 2
    sizes, factors = _sizes_and_factors(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if recompute_scale_factor:
        factors = [None] * n
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D "
            "tensor as input"
        )
    _check_mode(n, mode, bool(align_corners), antialias)
    if mode == "area":
        return AREA[n](input, sizes)
    _check_sizes(input, sizes)
    taps = tuple(
        _taps(mode, old, new, factor, bool(align_corners), antialias, input._array.dtype)
        for old, new, factor in zip(input.shape[2:], sizes, factors, strict=True)
    )
    return _row(mode, n, antialias)(input, taps)


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """`interpolate` under an old name."""
    _warn("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode="nearest", under an old name."""
    _warn("upsample_nearest")
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
) -> Tensor:
    """`interpolate` with mode="bilinear" and align_corners=True, under an old name."""
    _warn("upsample_bilinear")
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def _warn(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3
    )


def _row(mode: str, n: int, antialias: bool) -> Callable:
    if mode == "lanczos":
        return ops.upsample_lanczos2d_aa
    return getattr(ops, f"upsample_{mode.replace('-', '_')}{n}d" + ("_aa" if antialias else ""))


# --- which values a result is made of, along one dimension


@functools.lru_cache(maxsize=32)
def _taps(
    mode: str, old: int, new: int, factor: float | None, align_corners: bool, antialias: bool, dtype: np.dtype
) -> Taps:
    """Places in 0 ... old - 1 and weights, for each of the `new` results; computed in torch's precision."""
    single = mode.startswith("nearest") or (dtype.kind == "f" and dtype != np.float64)
    real = np.dtype(np.float32 if single else np.float64)
    i = np.arange(new, dtype=real)
    if mode.startswith("nearest"):
        scale = real.type(1 / factor if factor else np.divide(old, new, dtype=real))
        place = np.floor((i + (0.5 if mode == "nearest-exact" else 0)) * scale)
        return Taps(old, np.minimum(place.astype(np.int64), old - 1)[None], None)
    if align_corners:
        scale = real.type(old - 1) / real.type(new - 1) if new > 1 else real.type(0)
    else:
        scale = real.type(1 / factor if factor else np.divide(old, new, dtype=real))
    if antialias:
        return _filtered(mode, old, i, scale)
    source = i * scale if align_corners else (i + real.type(0.5)) * scale - real.type(0.5)
    return _cubic(source, old) if mode == "bicubic" else _linear(source, old)


def _linear(source: np.ndarray, n: int) -> Taps:
    """The two neighbours, weighted by how near they are."""
    source = np.maximum(source, 0)
    left = np.minimum(np.floor(source).astype(np.int64), n - 1)
    right = np.minimum(left + 1, n - 1)
    way = np.clip(source - left.astype(source.dtype), 0, 1)
    return Taps(n, np.stack([left, right]), np.stack([1 - way, way]))


def _cubic(source: np.ndarray, n: int) -> Taps:
    """The four neighbours, weighted by the cubic convolution kernel. Keys, 1981."""
    left = np.floor(source)
    neighbours = left + np.arange(-1, 3, dtype=source.dtype)[:, None]
    weights = _keys(source - neighbours, -0.75)
    return Taps(n, np.clip(neighbours.astype(np.int64), 0, n - 1), weights)


def _filtered(mode: str, n: int, i: np.ndarray, scale: Any) -> Taps:
    """All values that a filter as wide as a result sees, weighted by it. As in Pillow."""
    function, width = FILTERS[mode]
    stretch = max(scale, i.dtype.type(1))
    reach, centre = width / 2 * stretch, scale * (i + i.dtype.type(0.5))
    starts = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    ends = np.minimum((centre + reach + 0.5).astype(np.int64), n)
    places = starts + np.arange((ends - starts).max())[:, None]
    weights = function((places.astype(i.dtype) - centre + i.dtype.type(0.5)) / stretch) * (places < ends)
    return Taps(n, np.minimum(places, ends - 1), weights / weights.sum(0))


def _keys(x: np.ndarray, a: float) -> np.ndarray:
    """(a + 2) |x|^3 - (a + 3) |x|^2 + 1 up to 1, a |x|^3 - 5a |x|^2 + 8a |x| - 4a up to 2, then 0."""
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, x.dtype.type(0)))


FILTERS: dict[str, tuple[Callable, float]] = {  # and how many values wide they are
    "bilinear": (lambda x: np.maximum(1 - np.abs(x), 0), 2),
    "bicubic": (lambda x: _keys(x, -0.5), 4),
    "lanczos": (lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0).astype(x.dtype), 6),
}


# --- the sizes, with torch's errors


def _sizes_and_factors(input: Tensor, size: Any, scale_factor: Any) -> tuple[list[int], list]:
    n, given = input.dim() - 2, list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if not isinstance(size, list | tuple):
            size = [size] * n
            if n > 0 and not hasattr(size[0], "__index__"):
                raise wrong_arguments("interpolate", size=size[0])
        elif len(size) != n:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with "
                f"spatial dimensions of {given} and output size of {size}. Please provide input tensor in "
                "(N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
            )
        elif not all(hasattr(one, "__index__") for one in size):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], "
                f"but got size with types {[type(one) for one in size]}"
            )
        return [int(one) for one in size], [None] * n
    if not isinstance(scale_factor, list | tuple):
        scale_factor = [scale_factor] * n
    elif len(scale_factor) != n:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {given} and scale_factor of shape {scale_factor}. Please provide input "
            "tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    if not all(isinstance(factor, int | float) for factor in scale_factor):
        raise wrong_arguments("interpolate", scale_factor=scale_factor[0])
    return [int(old * factor) for old, factor in zip(given, scale_factor, strict=True)], list(scale_factor)


def _check_mode(n: int, mode: str, align_corners: bool, antialias: bool) -> None:
    """Is there such a mode for n dimensions?"""
    if mode == "lanczos" and n == 2:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if n in (1, 2, 3) and mode in ("linear", "bilinear", "trilinear") and n != DIMENSIONS[mode]:
        raise NotImplementedError(f"Got {n + 2}D input, but {mode} mode needs {DIMENSIONS[mode] + 2}D input")
    known = n in (1, 2, 3) if mode in ("nearest", "nearest-exact", "area") else n == DIMENSIONS.get(mode)
    if not known:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {n + 2}D) for the modes: nearest "
            f"| linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )


def _check_sizes(input: Tensor, sizes: list[int]) -> None:
    old, names = input.shape[2:], "DHW"[-len(sizes) :]
    if min(*old, *sizes) <= 0:
        before, after = (
            ", ".join(f"{name}: {n}" for name, n in zip(names, each, strict=True)) for each in (old, sizes)
        )
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({before}) output ({after})"
        )
    if input.shape[1] == 0:
        raise RuntimeError(
            f"Non-empty {input.ndim}D data tensor expected but got a tensor with sizes {list(input.shape)}"
        )
