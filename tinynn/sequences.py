"""What scripts pass as data, made into arrays: numbers, nested sequences, arrays, tensors."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinynn import dtypes
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import NUMBERS
from tinynn.size import Size, c_name, shape_of_new


def copied(data: Any, dtype: Any = None) -> np.ndarray:
    """A copy of `data`, in its own dtype unless another is given: what `tinynn.tensor` wraps."""
    if isinstance(data, Variable):
        data = data._array
    if not isinstance(data, np.ndarray | np.generic):
        _check_sequence(data)
        if isinstance(_first(data), Variable):
            data = _values(data)
    array = np.array(data)
    if array.dtype == np.uint64 and not isinstance(data, np.ndarray | np.generic):
        raise ValueError("Overflow when unpacking long long\nIntegers are at most 2**63 - 1.")
    if array.dtype.kind not in "fiub":
        raise _not_numbers(data, array)
    if dtype is not None:
        wanted = dtypes.as_numpy(dtype)
        return dtypes.convert(array, wanted) if array.size else array.astype(wanted)
    if isinstance(data, np.ndarray | np.generic):
        return dtypes.own(array)
    if isinstance(_first(data), np.generic):
        return array.astype(functools.reduce(dtypes.promote_types, {*map(_own_dtype, _flat(data))}))
    return array.astype(dtypes.default_dtype()) if array.dtype.kind == "f" or not array.size else array


def _first(data: Any) -> Any:
    """The first element of nested sequences."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return data


def _flat(data: Any) -> Iterator:
    """The elements of nested sequences."""
    if isinstance(data, list | tuple):
        for item in data:
            yield from _flat(item)
    else:
        yield data


def _own_dtype(value: Any) -> np.dtype:
    own = value.dtype if isinstance(value, np.generic | np.ndarray) else dtypes.number_dtype(value)
    return dtypes.from_numpy_dtype(own).numpy


def _values(data: Any) -> Any:
    """Nested lists with tensors in them as nested lists of numbers."""
    return [_values(item) for item in data] if isinstance(data, list | tuple) else data.tolist()


def _check_sequence(data: Any, dim: int = 0) -> None:
    """Raise torch's ValueError if nested sequences differ in length."""
    if not isinstance(data, list | tuple) or not data or not isinstance(data[0], list | tuple):
        return
    expected = len(data[0])
    for item in data:
        if not isinstance(item, list | tuple):
            raise TypeError(f"not a sequence\nExpected a sequence of length {expected} at dim {dim + 1}")
        if len(item) != expected:
            raise ValueError(f"expected sequence of length {expected} at dim {dim + 1} (got {len(item)})")
        _check_sequence(item, dim + 1)


def _not_numbers(data: Any, array: np.ndarray) -> Exception:
    strange = type(next((item for item in _flat(data) if not isinstance(item, NUMBERS)), data)).__name__
    if data is None or array.dtype.kind == "O":
        return RuntimeError(f"Could not infer dtype of {strange}")
    if array.dtype.kind in "US" and not isinstance(data, np.ndarray):
        if isinstance(data, list | tuple) and isinstance(_first(data), str):
            return ValueError(
                "too many dimensions 'str'\nTo torch a string is a sequence; it holds no numbers."
            )
        return TypeError(f"new(): invalid data type '{strange}'")
    return TypeError(
        f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}."
    )


def constructed(data: tuple, dtype: np.dtype) -> np.ndarray:
    """What torch's oldest constructors make of their arguments: data is copied, sizes are memory to fill.

    `Tensor([2, 3])` has two elements, `Tensor(2, 3)` and `Tensor(x.shape)` have six. Raises TypeError for a
    tensor of another dtype, and for a number that is no size.
    """
    if not data:
        return np.empty(0, dtype)
    if len(data) != 1 or isinstance(data[0], Size | np.integer) or type(data[0]) is int:
        return np.empty(shape_of_new(data, "new"), dtype)
    values = data[0]
    if isinstance(values, Variable):
        if values._array.dtype != dtype:
            raise TypeError(
                f"expected a tensor of {c_name(dtype)} (got one of {c_name(values._array.dtype)})\n"
                "To convert one, call its to()."
            )
        return values.row_major()
    if isinstance(values, str):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(values, "__len__"):
        raise TypeError(f"new(): data must be a sequence (got {type(values).__name__})")
    return copied(list(values) if isinstance(values, range) else values, dtypes.BY_NUMPY[dtype])
