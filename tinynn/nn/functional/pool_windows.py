"""The windows that torch's arguments of a pool describe, or torch's error."""

from __future__ import annotations

import functools
from typing import Any

from tinynn.nn.functional.checks import need_tensor, whole_numbers
from tinynn.ops.sliding import Windows
from tinynn.size import listed


def pool_windows(
    function: str, n: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> Windows:
    """The windows over the last n dimensions of the input."""
    need_tensor(function, input)
    if not isinstance(ceil_mode, bool):
        raise TypeError(f"{function}(): argument 'ceil_mode' must be bool, not {type(ceil_mode).__name__}")
    kernel_size = whole_numbers(function, kernel, n, "kernel_size", 2)
    settings = {
        "kernel_size": kernel_size,
        "stride": kernel_size if stride is None else whole_numbers(function, stride, n, "stride", 3),
        "padding": whole_numbers(function, padding, n, "padding", 4),
        "dilation": whole_numbers(function, dilation, n, "dilation", 5),
    }
    settings["stride"] = settings["stride"] or kernel_size
    return _windows(function, n, input.shape, ceil_mode, **settings)


@functools.lru_cache
def _windows(function: str, n: int, shape: tuple[int, ...], ceil_mode: bool, **settings: tuple) -> Windows:
    kernel, stride, padding, dilation = (
        _for_each(function, n, name, values) for name, values in settings.items()
    )
    _check_dimensions(function, n, shape)
    if function == "max_pool1d":
        _check_max_pool1d(*kernel, *stride, *padding, *dilation)
    else:
        _check_settings(n, kernel, stride, padding, dilation)
    size = shape[len(shape) - n :]
    sides = zip(size, kernel, stride, padding, dilation, strict=True)
    windows = Windows(kernel, stride, padding, dilation, tuple(_places(*side, ceil_mode) for side in sides))
    _check_places(function, shape, windows)
    return windows


def _places(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """How many windows there are along a dimension of size n."""
    room = n + 2 * p - d * (k - 1) - 1
    places = (room + (s - 1 if ceil_mode else 0)) // s + 1
    return places - 1 if ceil_mode and (places - 1) * s >= n + p else places  # each begins in x or before it


# --- torch's errors


def _for_each(function: str, n: int, name: str, values: tuple[int, ...]) -> tuple[int, ...]:
    """The values, one for each dimension."""
    if len(values) not in (1, n):
        raise RuntimeError(_wrong_length(function, n, name, len(values)))
    return values * n if len(values) == 1 else values


def _wrong_length(function: str, n: int, name: str, found: int) -> str:
    if function == "max_pool1d":
        comma = "," if name in ("stride", "padding") else ""
        none = "None, " if name == "stride" else ""
        return (
            f"max_pool1d() {name} must be {none}an int, list of ints{comma} or tuple of ints of size 1 but "
            f"got size {found}"
        )
    if function == "avg_pool1d":
        return f"avg_pool1d() argument '{name}' should contain one int (got {found})"
    either = "" if function == "avg_pool3d" else "either "
    must = {"stride": f"{either}be omitted, a", "dilation": "be either a"}.get(name, f"{either}be a")
    return f"{function}: {name} must {must} single int, or a tuple of {'two' if n == 2 else 'three'} ints"


def _check_dimensions(function: str, n: int, shape: tuple[int, ...]) -> None:
    """Is it a sample or a batch, and no size but that of the batch 0?"""
    right = len(shape) in (n + 1, n + 2)
    if function == "avg_pool1d" and not right:
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' "
            "(while checking arguments for avg_pool1d)"
        )
    if not right and function in ("max_pool2d", "max_pool3d", "avg_pool3d"):
        raise RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input")
    if not right or 0 in shape[len(shape) - n - 1 :]:
        prefix = "max_pool1d: " if function == "max_pool1d" else ""
        raise RuntimeError(
            f"{prefix}Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch size for "
            f"input, but got:{list(shape)}"
        )


def _check_max_pool1d(kernel: int, stride: int, padding: int, dilation: int) -> None:
    for name, value in {"kernel_size": kernel, "stride": stride, "dilation": dilation}.items():
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={padding} and "
            f"kernel_size={kernel}"
        )


def _check_settings(n: int, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple) -> None:
    for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True):
        if s == 0:
            raise RuntimeError("stride should not be zero")
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if k > 0 and p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    for what, values, letter in (
        ("kernel size", kernel, "k"),
        ("stride", stride, "d"),
        ("dilation", dilation, "dilation"),
    ):
        if min(values) <= 0:
            got = " ".join(f"{letter}{axis}: {value}" for axis, value in zip("THW"[-n:], values, strict=True))
            raise RuntimeError(f"{what} should be greater than zero, but got {got}")


def _check_places(function: str, shape: tuple[int, ...], windows: Windows) -> None:
    if min(windows.places) > 0:
        return
    if function == "max_pool1d":
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {windows.places[0]}")
    size = windows.size_of(shape)
    channels = shape[len(shape) - len(size) - 1]
    raise RuntimeError(
        f"Given input size: ({channels}x{listed(size)}). Calculated output size: "
        f"({channels}x{listed(windows.places)}). Output size is too small"
    )
