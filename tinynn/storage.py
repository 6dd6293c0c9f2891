"""The memory behind tensors, as `tensor.untyped_storage()` shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinynn.autograd.strided import address, cut_out, reach


def storage_of(tensor: Any) -> np.ndarray:
    """The array at whose first element the storage of `tensor` begins."""
    owner = tensor if tensor._base is None else tensor._base
    return owner.row_major() if owner._storage is None else owner._storage


def strides_of(array: np.ndarray) -> tuple[int, ...]:
    """The strides that torch would give to this array, counted in elements."""
    if not array.size and not any(array.strides):  # NumPy's own choice for a new array
        return contiguous(array.shape)
    strides = [stride // array.itemsize for stride in array.strides]
    for i in reversed(range(array.ndim)):
        if array.shape[i] == 1 and strides[i] == 0:  # a dimension that NumPy inserted
            strides[i] = array.shape[i + 1] * strides[i + 1] if i + 1 < array.ndim else 1
    return tuple(strides)


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of a contiguous tensor."""
    return tuple(math.prod(max(n, 1) for n in shape[i:]) for i in range(1, len(shape) + 1))


def strided_memory(size: Sequence[int], stride: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """A new array of uninitialised memory with these strides. Raises torch's RuntimeErrors."""
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})"
        )
    if min(size, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if min(stride, default=0) < 0:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}"
        )
    return cut_out(np.empty(reach(tuple(size), tuple(stride)), dtype), tuple(size), tuple(stride), 0)


class UntypedStorage:
    """A block of bytes. Two tensors share memory where their storages have the same `data_ptr()`."""

    def __init__(self, array: np.ndarray):
        self._array = array

    def data_ptr(self) -> int:
        """The address of the first byte; 0 if there is none."""
        return address(self._array) if self._array.size else 0

    def nbytes(self) -> int:
        """The number of bytes."""
        return elements(self._array) * self._array.itemsize

    size = __len__ = nbytes


def elements(storage: np.ndarray) -> int:
    """How many elements the storage has room for that begins with this array."""
    return reach(storage.shape, tuple(stride // storage.itemsize for stride in storage.strides))
