"""What stands between the brackets of `x[...]`, in torch's meaning.

torch takes an index in two steps: first the basic parts (ints, slices, None, ...), which give a view; then
the tensors (of ints or bools) on what is left, which give a copy. NumPy mixes the two (`x[0, :, rows]` has
its axes the other way round there), so the steps are taken one after the other here as well.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.variable import Variable

_INVALID = (
    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
    "(got {})"
)


class Index(NamedTuple):
    """An index in its two steps; a step that does nothing is None."""

    basic: tuple | None
    advanced: tuple | None


def normalize(index: Any, shape: tuple[int, ...]) -> Index:
    """Split `index` into its two steps, checked against `shape`. Raises torch's IndexErrors."""
    if not shape and isinstance(index, slice):
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    items = [_item(item) for item in (index if isinstance(index, tuple) else (index,))]
    used = sum(_consumed(item) for item in items)
    if used and not shape and isinstance(index, int | np.integer):
        raise IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
            "convert a 0-dim tensor to a number"
        )
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    _check_together([item for item in items if isinstance(item, np.ndarray) and item.dtype != bool])
    basic: list = []
    advanced: list = []
    dim = 0
    for item in _spell_out_ellipsis(items, len(shape) - used):
        if isinstance(item, np.ndarray) and item.dtype == bool:
            _check_mask(item, shape, dim)
            basic += [slice(None)] * item.ndim or [None]  # x[True] adds a dimension, of size 1 or 0
            advanced += item.nonzero() if item.ndim else [np.arange(int(item))]
        elif isinstance(item, np.ndarray):
            tensors_before = sum(isinstance(one, np.ndarray) for one in advanced)
            _check_places(item, shape[dim], tensors_before)  # torch counts tensors
            basic.append(slice(None))
            advanced.append(item)
        else:
            if isinstance(item, int):
                _check_places(np.asarray(item), shape[dim], dim)
            basic.append(item)
            if not isinstance(item, int):
                advanced.append(slice(None))
        dim += _consumed(item)
    has_basic = any(not (isinstance(item, slice) and item == slice(None)) for item in basic)
    has_advanced = any(isinstance(item, np.ndarray) for item in advanced)
    return Index(
        tuple(basic) if has_basic or not has_advanced else None, tuple(advanced) if has_advanced else None
    )


def cutting(basic: tuple, shape: tuple[int, ...]) -> list:
    """The basic step with `:` in place of slices that cut nothing off."""
    parts, sizes = [], iter(shape)
    for item in basic:
        size = None if item is None else next(sizes)
        whole = isinstance(item, slice) and item.indices(size) == (0, size, 1)  # type: ignore[arg-type]
        parts.append(slice(None) if whole else item)
    return parts


def _item(item: Any) -> Any:
    """One element of an index in NumPy's terms."""
    if item is None or item is Ellipsis:
        return item
    if isinstance(item, slice):
        start, stop, step = (
            None if part is None else part.__index__() for part in (item.start, item.stop, item.step)
        )
        if step is not None and step <= 0:
            raise ValueError("step must be greater than zero")
        return slice(start, stop, step)
    if isinstance(item, bool | np.bool_):
        return np.asarray(bool(item))
    if isinstance(item, int | np.integer):
        return int(item)
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(item, Variable):
        array = item._array
    elif isinstance(item, list | range | np.ndarray):
        array = np.asarray(item)
    else:
        raise IndexError(_INVALID.format(type(item).__name__))
    if isinstance(item, list) and not item:
        array = array.astype(np.int64)
    if array.dtype.kind == "f":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if array.dtype == np.uint8:  # torch's old masks
        array = array.astype(bool)
    return int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array


def _consumed(item: Any) -> int:
    """How many dimensions of the tensor this element is about."""
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if isinstance(item, np.ndarray) and item.dtype == bool else 1


def _spell_out_ellipsis(items: list, missing: int) -> list:
    if not any(item is Ellipsis for item in items):
        return items
    first = next(i for i, item in enumerate(items) if item is Ellipsis)
    rest = [item for item in items[first + 1 :] if item is not Ellipsis]
    return items[:first] + [slice(None)] * missing + rest


def _check_mask(mask: np.ndarray, shape: tuple[int, ...], dim: int) -> None:
    for i, (n, m) in enumerate(zip(mask.shape, shape[dim:], strict=False)):
        if n != m:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {i} does not match the shape of the "
                f"indexed tensor {list(shape)} at index {dim + i}"
            )


def _check_together(tensors: list[np.ndarray]) -> None:
    try:
        np.broadcast_shapes(*(tensor.shape for tensor in tensors))
    except ValueError:
        shapes = ", ".join(str(list(tensor.shape)) for tensor in tensors)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None


def _check_places(places: np.ndarray, size: int, dim: int) -> None:
    outside = places[(places < -size) | (places >= size)]
    if outside.size:
        raise IndexError(f"index {outside.flat[0]} is out of bounds for dimension {dim} with size {size}")
