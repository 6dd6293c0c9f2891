"""Shapes and dimensions as torch has them: `Size`, negative dims, -1 in a shape, and the errors for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


class Size(tuple):
    """A shape: a tuple that prints as torch's and knows its number of elements."""

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"tinynn.Size({list(self)})"

    def __add__(self, other: Any) -> Size:
        return Size(tuple(self) + tuple(other))

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return Size(item) if isinstance(index, slice) else item


def one_dim(dim: Any, ndim: int) -> int:
    """`dim` counted from the front. A 0-d tensor is treated as if it had one dimension, as in torch."""
    ndim = max(ndim, 1)
    if not hasattr(dim, "__index__"):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
        )
    return int(dim) % ndim


def dims_of(dim: Any, ndim: int) -> int | tuple[int, ...] | None:
    """`dim` (None, an int, or several) as NumPy's axis; None and an empty sequence mean all."""
    if dim is None:
        return None
    if isinstance(dim, tuple | list):
        axes = tuple(one_dim(d, ndim) for d in dim)
        if len(set(axes)) < len(axes):
            twice = next(a for a in axes if axes.count(a) > 1)
            raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
        return (axes or None) if ndim else None
    axis = one_dim(dim, ndim)
    return axis if ndim else None


def shape_of(sizes: tuple, function: str, argument: str = "size") -> tuple[int, ...]:
    """The shape in `f(2, 3)`, `f((2, 3))` or `f(Size([2, 3]))`. Raises TypeError for what is no int."""
    together = len(sizes) == 1 and isinstance(sizes[0], tuple | list)
    if together:
        sizes = tuple(sizes[0])
    for place, size in enumerate(sizes):
        if not hasattr(size, "__index__") or (place == 0 and isinstance(size, bool)):
            raise _no_int(f"{function}(): argument '{argument}'", type(size).__name__, place, together)
    return tuple([size.__index__() for size in sizes])


def _no_int(argument: str, got: str, place: int, together: bool) -> TypeError:
    if place:
        reason = f'"type must be tuple of ints,but got {got}"'
        what = f"failed to unpack the object at pos {place + 1} with error {reason}"
    elif together:
        what = f"(position 1) must be tuple of ints, but found element of type {got} at pos 0"
    else:
        what = f"(position 1) must be tuple of ints, not {got}"
    return TypeError(f"{argument} {what}")


def shape_of_new(sizes: tuple, function: str) -> tuple[int, ...]:
    """`shape_of`, for memory that is to be made: no size may be negative."""
    shape = shape_of(sizes, function)
    for size in shape:
        if size < 0 and function == "zeros":
            raise RuntimeError("zeros: Dimension size must be non-negative.")
        if size < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {size}: {list(shape)}")
    return shape


def one_shape(size: Any, function: str) -> tuple[int, ...]:
    """`shape_of_new`, where the size is one argument, which must be a sequence."""
    if not isinstance(size, tuple | list):
        raise TypeError(
            f"{function}(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}"
        )
    return shape_of_new((size,), function)


def new_shape(sizes: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """`sizes` with its -1 replaced by what makes `numel` elements."""
    error = RuntimeError(f"shape '{list(sizes)}' is invalid for input of size {numel}")
    unknown = [i for i, size in enumerate(sizes) if size == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    low = min(sizes, default=0)
    if low < -1:
        raise RuntimeError(
            f"invalid shape dimension {low} at index {sizes.index(low)} of shape {list(sizes)}"
        )
    known = math.prod(size for size in sizes if size != -1)
    if not unknown:
        if known != numel:
            raise error
        return tuple(sizes)
    if known == 0 and numel == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(sizes)} because the unspecified dimension "
            "size -1 can be any value and is ambiguous"
        )
    if known == 0 or numel % known:
        raise error
    return tuple(numel // known if size == -1 else size for size in sizes)


def check_expandable(shape: Sequence[int], target: Sequence[int], kind: str = "tinynn.FloatTensor") -> None:
    """Raise torch's error unless a tensor of `shape`, a `kind`, can be expanded to `target`."""
    extra = len(target) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand({kind}{{{list(shape)}}}, size={list(target)}): the number of sizes provided "
            f"({len(target)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(shape)})"
        )
    for i, n in reversed(list(enumerate(shape))):
        if n not in (1, target[extra + i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[extra + i]}) must match the existing size ({n}) "
                f"at non-singleton dimension {extra + i}.  Target sizes: {list(target)}.  Tensor sizes: "
                f"{list(shape)}"
            )


# fmt: off
_TYPE_NAMES = {"float16": "Half", "float32": "Float", "float64": "Double", "int8": "Char", "int16": "Short",
               "int32": "Int", "int64": "Long", "uint8": "Byte", "bool": "Bool"}
_C_NAMES = {"float16": "c10::Half", "float32": "float", "float64": "double", "int8": "signed char",
            "int16": "short int", "int32": "int", "int64": "long int",
            "uint8": "unsigned char", "bool": "bool"}
# fmt: on


def type_name(numpy_dtype: np.dtype) -> str:
    """torch's name of the dtype in messages: Float, Long, ..."""
    return _TYPE_NAMES[numpy_dtype.name]


def c_name(numpy_dtype: np.dtype) -> str:
    """torch's other name of the dtype in messages: float, long int, ..."""
    return _C_NAMES[numpy_dtype.name]


def listed(shape: Iterable[int]) -> str:
    """A shape as `2x3`, as messages about matrices have it."""
    return "x".join(str(n) for n in shape)


def legacy_name(numpy_dtype: np.dtype) -> str:
    """The tensor's class in torch's oldest messages."""
    return "CPUBoolType" if numpy_dtype.kind == "b" else f"tinynn.{type_name(numpy_dtype)}Tensor"
