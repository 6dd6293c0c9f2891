"""Make tensors: from data (`tensor`, `from_numpy`), filled (`zeros`, `arange`, ...), random (`rand`, ...)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinynn import dtypes
from tinynn.autograd.grad_mode import thread
from tinynn.device import check_device
from tinynn.methods.rows import NUMBERS
from tinynn.random import Generator, default_generator
from tinynn.sequences import copied
from tinynn.size import one_shape, shape_of_new
from tinynn.storage import strided_memory
from tinynn.tensor import Tensor

# fmt: off
__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "empty_strided", "eye", "from_numpy", "full", "full_like",
    "linspace", "logspace", "ones", "ones_like", "rand", "rand_like", "randn", "randn_like", "range",
    "scalar_tensor", "tensor", "zeros", "zeros_like",
]
# fmt: on


def _finish(array: np.ndarray, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A tensor around a new array, with the options that every creation function takes."""
    check_device(device)
    out = Tensor.wrap(array)
    out._inference = thread.inference
    if requires_grad and array.dtype.kind != "f":
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return out.requires_grad_() if requires_grad else out


def _numpy_dtype(dtype: Any, otherwise: np.dtype | None = None) -> np.dtype:
    return (otherwise or dtypes.default_dtype()) if dtype is None else dtypes.as_numpy(dtype)


# --- from data


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new leaf with a copy of `data` (numbers, nested sequences, arrays, tensors).

    Python floats become the default dtype, ints int64, bools bool; arrays keep their dtype.
    Raises ValueError for ragged sequences, TypeError for what holds no numbers.
    """
    return _finish(copied(data, dtype), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, without a copy where its memory can be shared."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data) if dtype is None else from_numpy(data).to(dtype)
    return tensor(data, dtype=dtype, device=device)


def from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory.

    Raises TypeError for other types and dtypes, ValueError for negative strides.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    array = dtypes.own(array)
    if any(stride < 0 for stride in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides "
            "are not currently supported. (You can probably work around this by making a copy of your "
            "array  with array.copy().) "
        )
    return Tensor.wrap(array)


# --- filled


def _filled(name: str, make: Callable, *choices: str) -> Callable:
    """A function that makes tensors with `make(shape, dtype)`; `choices` name further options of `make`."""

    def create(
        *size: Any,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        **options: Any,
    ) -> Tensor:
        if "size" in options:
            size = (*size, options.pop("size"))
        if not size:
            raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
        for option in options:
            if option not in choices:
                raise TypeError(f"{name}() got an unexpected keyword argument '{option}'")
        array = make(shape_of_new(size, name), _numpy_dtype(dtype), **options)
        return _finish(array, requires_grad, device)

    create.__name__ = create.__qualname__ = name
    return create


def _uniform(shape: tuple, dtype: np.dtype, generator: Generator | None = None) -> np.ndarray:
    return (generator or default_generator).uniform(shape, dtype)


def _normal(shape: tuple, dtype: np.dtype, generator: Generator | None = None) -> np.ndarray:
    return (generator or default_generator).normal(shape, dtype)


# fmt: off
zeros = _filled("zeros", np.zeros)
ones  = _filled("ones",  np.ones)
empty = _filled("empty", np.empty)
rand  = _filled("rand",  _uniform, "generator")
randn = _filled("randn", _normal,  "generator")
zeros.__doc__ = "Zeros, in the given size: `zeros(2, 3)` or `zeros((2, 3))`; the dtype is the default one."
ones.__doc__  = "Ones, likewise."
empty.__doc__ = "Uninitialised memory, likewise."
rand.__doc__  = "Draws from U(0, 1), likewise."
randn.__doc__ = "Draws from N(0, 1), likewise."
# fmt: on


def empty_strided(
    size: Sequence[int],
    stride: Sequence[int],
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uninitialised memory: element (i, j) lies i * stride[0] + j * stride[1] elements after the first."""
    return _finish(strided_memory(size, stride, _numpy_dtype(dtype)), requires_grad, device)


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor filled with one value, whose type gives the dtype."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    return _finish(
        np.full(
            one_shape(size, "full"),
            dtypes.convert(value, _numpy_dtype(dtype, dtypes.number_dtype(value))),
        ),
        requires_grad,
        device,
    )


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The identity matrix (n, m)."""
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    if m is not None and m < 0:
        raise RuntimeError(f"m must be greater or equal to 0, got {m}")
    return _finish(np.eye(n, m, dtype=_numpy_dtype(dtype)), requires_grad, device)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below end; int64 if all three are integers."""
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    numbers = [dtypes.number_dtype(number) for number in (start, end, step)]
    kind = dtypes.default_dtype() if any(number.kind == "f" for number in numbers) else dtypes.int64.numpy
    kind = _numpy_dtype(dtype, kind)
    if kind == np.int64:
        start, end, step = int(start), int(end), int(step)
    places = np.arange(math.ceil((end - start) / step))
    if kind.kind != "f":
        start, step = int(start), int(step)
    exact = start + places * step  # in float64 or int64, as torch computes it
    return _finish(exact.astype(kind), requires_grad, device)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` values from start to end, both included, at equal distances."""
    kind = _numpy_dtype(dtype)
    values = _evenly_spaced("linspace", start, end, steps, kind)
    values = values.astype(np.int64) if kind.kind == "u" else values
    return _finish(values.astype(kind), requires_grad, device)


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base ** x for `steps` values x from start to end, both included, at equal distances."""
    kind = _numpy_dtype(dtype)
    exponents = _evenly_spaced("logspace", start, end, steps, kind)
    powers = thread.quietly(np.power, exponents.dtype.type(base), exponents)
    return _finish(thread.quietly(powers.astype, kind), requires_grad, device)


def _evenly_spaced(name: str, start: Any, end: Any, steps: int, kind: np.dtype) -> np.ndarray:
    """What `linspace` returns, in the dtype in which it is computed."""
    if not hasattr(steps, "__index__"):
        raise TypeError(f"{name}(): argument 'steps' must be int, not {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    first, last = (_end(name, value, kind) for value in (start, end))
    working = kind if kind.kind == "f" else np.dtype(np.float64)
    if steps == 1:
        return np.full(1, first, working)
    step = (working.type(last) - working.type(first)) / working.type(max(steps - 1, 1))
    places = np.arange(steps, dtype=working)
    # torch counts from the nearer end, so that both ends are exact
    return np.where(places < steps // 2, first + step * places, last - step * (steps - 1 - places))


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The number s as a tensor without dimensions, of the default dtype whatever s is."""
    return _finish(np.asarray(s).astype(_numpy_dtype(dtype)), requires_grad, device)


def range(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... up to end, which is included; `arange` is what Python has."""
    if end is None:
        start, end = 0, start
    places = np.arange(math.floor((end - start) / step) + 1)
    return _finish((start + places * step).astype(_numpy_dtype(dtype)), requires_grad, device)


def _end(name: str, value: Any, kind: np.dtype) -> Any:
    """An end of `linspace` or `logspace`, a number or a 0-d tensor, in its dtype."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"{name} only supports 0-dimensional start and end tensors, but got a tensor with "
            f"{value.ndim} dimension(s)."
        )
    if not isinstance(value, (Tensor, *NUMBERS)):
        raise TypeError(f"{name}(): argument must be Number, not {type(value).__name__}")
    return np.asarray(value.item() if isinstance(value, Tensor) else value).astype(kind)[()]


def _like(create: Callable) -> Callable:
    def create_like(
        input: Tensor,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        return create(input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad)

    create_like.__name__ = create_like.__qualname__ = f"{create.__name__}_like"
    create_like.__doc__ = f"`{create.__name__}` with the shape and dtype of `input`."
    return create_like


zeros_like, ones_like, empty_like = _like(zeros), _like(ones), _like(empty)
rand_like, randn_like = _like(rand), _like(randn)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`full` with the shape and dtype of `input`."""
    return full(
        input.shape, fill_value, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad
    )
