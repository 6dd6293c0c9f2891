"""Storages: the memory that tensors look at, on its way from tensors into a file and back."""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from tinynn.autograd.variable import Variable
from tinynn.dtypes import bool_, dtype
from tinynn.serialization.source import LoadError
from tinynn.tensor import Tensor


class Storage(NamedTuple):
    """The bytes that one or several tensors look at, and the dtype that they see in them."""

    dtype: dtype
    data: np.ndarray

    @property
    def numel(self) -> int:
        """How many elements it holds."""
        return self.data.size // self.dtype.itemsize


# --- out of tensors


class Storages:
    """The storages of the tensors that are being saved; the key of the first is "0"."""

    def __init__(self) -> None:
        self.by_key: dict[str, Storage] = {}
        self._keys: dict[int, str] = {}
        self._owners: list[np.ndarray] = []  # kept, or their ids would be given to others

    def add(self, tensor: Tensor) -> tuple[str, int, tuple[int, ...]]:
        """The key of the tensor's storage, the number of elements there before its first, and its stride."""
        array = _within(tensor.row_major())
        owner = _owner(array)
        key = self._keys.get(id(owner))
        if key is None:
            key = self._keys[id(owner)] = str(len(self._keys))
            self._owners.append(owner)
            self.by_key[key] = Storage(tensor.dtype, _memory_of(owner))
        if self.by_key[key].dtype is not tensor.dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types\n"
                "Save clone() of one of them."
            )
        offset = (_address(array) - _address(owner)) // array.itemsize
        return key, offset, Variable.wrap(array).stride()


def _owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory this one looks at."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _within(array: np.ndarray) -> np.ndarray:
    """`array`, or a copy if torch has no words for where its elements lie in the owner's memory."""
    owner = _owner(array)
    low, high = byte_bounds(owner)
    steps = [step for step, n in zip(array.strides, array.shape, strict=True) if n > 1]
    distances = [_address(array) - low, low - _address(owner), high - low, *steps]
    whole = all(distance >= 0 and distance % array.itemsize == 0 for distance in distances)
    return array if whole and not owner.dtype.hasobject else array.copy()


def _memory_of(owner: np.ndarray) -> np.ndarray:
    """All of its memory, as bytes."""
    low, high = byte_bounds(owner)
    return as_strided(owner, ((high - low) // owner.itemsize,), (owner.itemsize,)).view(np.uint8)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


# --- into tensors


def in_order(data: np.ndarray, of: dtype, order: str) -> np.ndarray:
    """Bytes whose elements are in `order` ("little" or "big") as this machine has them, or back."""
    return data if order == sys.byteorder else data.view(of.numpy).byteswap().view(np.uint8)


def as_truth(data: np.ndarray, of: dtype) -> None:
    """Make bytes that are to be bools 0 or 1: NumPy adds up a bool of 7 as 7."""
    if of is bool_:
        np.not_equal(data, 0, out=data.view(np.bool_))


def view_of(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    """The tensor of this size and stride whose first element is the storage's `offset`-th."""
    if type(storage) is not Storage or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise TypeError("A tensor is made of a storage, an offset, a size and a stride.")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or len(size) > _MOST_DIMENSIONS or not all(map(is_count, numbers)):
        raise ValueError("Sizes and strides are numbers from 0 on, as many of the ones as of the others.")
    item = storage.dtype.itemsize
    last = sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    needed = (offset + last + 1) * item if math.prod(size) else 0
    if needed > storage.data.size:
        raise LoadError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize "
            f"{item} requiring a storage size of {needed} are out of bounds for storage of size "
            f"{storage.data.size}"
        )
    start = min(offset * item, storage.data.size)
    steps = [step * item for step in stride]
    return Variable.wrap(np.ndarray(size, storage.dtype.numpy, storage.data, start, steps))


def is_count(value: Any) -> bool:
    """Whether it is a number from 0 on, one that fits into 64 bits."""
    return type(value) is int and 0 <= value < 1 << 63


_MOST_DIMENSIONS = 64  # of NumPy's arrays, and of torch's tensors
