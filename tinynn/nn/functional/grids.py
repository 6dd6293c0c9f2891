"""Images transformed: where each pixel of the new image lies in the old one, and what is read there."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tinynn import ops
from tinynn.nn.functional.checks import need_float, need_tensor
from tinynn.ops.grids import Side
from tinynn.size import type_name
from tinynn.tensor import Tensor


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """x (N, C, *size) read at the points of grid (N, *new size, dimensions): (N, C, *new size).

    A point's coordinates, the last dimension's first, go from -1 to 1: from the middle of the first pixel to
    that of the last with align_corners, else from edge to edge. "bilinear" weighs the pixels around it by
    their distance, "bicubic" 16 of them (two dimensions only), "nearest" takes one. Outside of x are zeros,
    its "border", repeated, or its "reflection". Jaderberg et al., 2015.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: "
            f"'{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'"
        )
    align = _aligned(align_corners)
    _check(input, grid, mode)
    points = grid._array
    sides = [Side(points[..., -1 - i], n, mode, padding_mode, align) for i, n in enumerate(input.shape[2:])]
    return (ops.grid_sampler_2d if input.ndim == 4 else ops.grid_sampler_3d)(input, grid, sides)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid for `grid_sample` that reads an image of `size` (N, C, H, W) moved by matrices (N, 2, 3).

    In three dimensions: size (N, C, D, H, W) and matrices (N, 3, 4). Each point is theta (x, y, [z,] 1).
    """
    align = _aligned(align_corners)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    _check_theta(theta, size)
    images, _, *spatial = size
    if align and min(spatial) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the documentation of "
            "affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    d = len(spatial)
    if len(theta) != images:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{images}, {d + 1}] but got: "
            f"[{len(theta)}, {d + 1}]."
        )
    lines = [_line(n, align, theta._array.dtype) for n in spatial]
    axes = np.meshgrid(*lines, indexing="ij")[::-1]
    points = np.stack([*axes, np.ones(spatial, theta._array.dtype)], -1).reshape(-1, d + 1)
    return ops.affine_grid(theta, points, (images, *spatial, d))


def _line(n: int, align: bool, dtype: np.dtype) -> np.ndarray:
    """The coordinates of n pixels along a dimension."""
    line = np.linspace(-1, 1, n) if n > 1 else np.zeros(n)
    return (line if align or n == 0 else line * (n - 1) / n).astype(dtype)


# --- torch's errors


def _aligned(align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
            "Please specify align_corners=True if the old behavior is desired. See the documentation of "
            "grid_sample for details.",
            stacklevel=3,
        )
    return bool(align_corners)


def _check(input: Tensor, grid: Tensor, mode: str) -> None:
    need_tensor("grid_sampler", input)
    need_tensor("grid_sampler", grid, "grid", 2)
    x, points, d = list(input.shape), list(grid.shape), input.ndim - 2
    if x[:1] != points[:1]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{x} and grid with sizes {points}"
        )
    if points[-1:] != [d]:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {d} in last dimension, but got grid with sizes "
            f"{points}"
        )
    for dim, n in enumerate(x[2:], 2):
        if n == 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{x} with dimension {dim} being empty"
            )
    if input.ndim not in (4, 5) or grid.ndim != input.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input "
            f"with sizes {x} and grid with sizes {points}"
        )
    if mode == "bicubic" and input.ndim == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    own, other = input._array.dtype, grid._array.dtype
    need_float("grid_sampler_2d_cpu_kernel_impl" if d == 2 else "grid_sampler3d_cpu", input)
    if own != other:
        raise RuntimeError(f"expected scalar type {type_name(own)} but found {type_name(other)}")


def _check_theta(theta: Tensor, size: Sequence[int]) -> None:
    shapes = {4: ("2D", "Nx2x3", (2, 3)), 5: ("3D", "Nx3x4", (3, 4))}
    if len(size) not in shapes:
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got "
            f"size {size}."
        )
    kind, written, matrix = shapes[len(size)]
    if theta.dim() != 3 or tuple(theta.shape[1:]) != matrix:
        raise ValueError(
            f"Expected a batch of {kind} affine matrices of shape {written} for size {size}. Got "
            f"{theta.shape}."
        )
