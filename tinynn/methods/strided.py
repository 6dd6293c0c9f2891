"""Tensors cut out of a storage by hand: `as_strided`, `set_`, `resize_`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn.autograd.inplace import check_writable
from tinynn.autograd.op import Op
from tinynn.autograd.strided import (
    Place,
    as_strided,
    cut_out,
    laid_out,
    outside,
    place_of,
    reach,
    strided,
)
from tinynn.autograd.variable import Variable
from tinynn.autograd.views import View
from tinynn.size import c_name, shape_of
from tinynn.storage import contiguous, elements, storage_of

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


def _scatter(x: np.ndarray, source: np.ndarray, place: Place) -> np.ndarray:
    out, view = laid_out(place, x.dtype)
    out[...] = x
    view[...] = source
    return out


as_strided_copy = strided.named("AsStridedBackward0_copy")
as_strided_scatter = Op(
    _scatter,
    lambda g, place: outside(g, place),
    lambda g, place: strided(g, place),
    name="AsStridedScatterBackward0",
)
as_strided_in_place = strided.named("AsStridedBackward1")


class Strided(View):
    """What looks past the shape of a tensor at its storage. Sizes, strides and offsets count elements."""

    def as_strided(
        self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Tensor:
        """A view of the storage: element (i, j) lies at storage_offset + i * stride[0] + j * stride[1].

        Without an offset it begins where this tensor does. Elements may overlap; then their gradients add up.
        Raises RuntimeError where the storage ends before that.
        """
        return as_strided(self, self._place(size, stride, storage_offset))

    def as_strided_copy(
        self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Tensor:
        """A copy of that view."""
        return as_strided_copy(self, self._place(size, stride, storage_offset))

    def as_strided_scatter(
        self, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Tensor:
        """A copy of this tensor in which that view holds `src`."""
        place = self._place(size, stride, storage_offset)
        if src.shape != place.shape:
            raise RuntimeError(
                f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, "
                f"slice size = {list(place.shape)}"
            )
        return as_strided_scatter(self, src, place)

    def as_strided_(
        self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
    ) -> Any:
        """Become that view of the own storage."""
        check_writable(self)
        place = self._place(size, stride, storage_offset)
        self._place_anew(cut_out(self.row_major(), *place[:3]), as_strided_in_place(self, place))
        return self

    def _place(self, size: Sequence[int], stride: Sequence[int], storage_offset: int | None) -> Place:
        shape, strides = tuple(map(int, size)), tuple(map(int, stride))
        own: int = self.storage_offset()  # type: ignore[attr-defined]
        start = own if storage_offset is None else storage_offset
        if start < 0:
            raise RuntimeError(f"Tensor: invalid storage offset {start}")
        if len(shape) != len(strides):
            raise RuntimeError("mismatch in length of strides and shape")
        if min(shape, default=0) < 0:
            raise RuntimeError(
                f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(strides)}"
            )
        if min(strides, default=0) < 0:
            raise RuntimeError(
                "as_strided: Negative strides are not supported at the moment, got strides: "
                f"[{', '.join(map(str, strides))}]"
            )
        storage = storage_of(self)
        needed, there = reach(shape, strides), elements(storage)
        if needed and start + needed > there:
            item = storage.itemsize
            raise RuntimeError(
                f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {start}, and "
                f"itemsize {item} requiring a storage size of {(start + needed) * item} are out of bounds "
                f"for storage of size {there * item}"
            )
        return place_of(self.row_major(), shape, strides, start - own)

    def _place_anew(self, array: np.ndarray, result: Variable | None = None) -> None:
        """Lie elsewhere in memory from now on; `result` tells the history of the values there."""
        self._storage = storage_of(self)
        self._array = array
        self.bump()
        if result is not None and result._requires_grad:
            self._node, self._index = result._node, result._index

    def set_(
        self,
        source: Any = None,
        storage_offset: int = 0,
        size: Sequence[int] | None = None,
        stride: Sequence[int] | None = None,
    ) -> Any:
        """Share the storage of another tensor (or, given a size, a part of it); without one, be empty."""
        if source is None:
            source = Variable.wrap(np.empty(0, self._array.dtype))
        if source._array.dtype is not self._array.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {c_name(source._array.dtype)} to a tensor of type "
                f"{c_name(self._array.dtype)}"
            )
        check_writable(self)
        if size is not None:
            source = source.as_strided(size, contiguous(size) if stride is None else stride, storage_offset)
        self._storage, self._array, self._feature_major = storage_of(source), source.row_major(), False
        self.bump()
        return self

    def resize_(self, *size: Any, memory_format: Any = None) -> Any:
        """Become a contiguous tensor of another size on the same storage, which grows if need be.

        What is new is uninitialised. Where the storage grows, views of it keep the old one.
        """
        if not size:
            raise TypeError('resize_() missing 1 required positional arguments: "size"')
        if self.requires_grad:  # type: ignore[attr-defined]
            raise RuntimeError("cannot resize variables that require grad")
        shape = shape_of(size, "resize_")
        if min(shape, default=0) < 0:
            raise RuntimeError("numel: integer multiplication overflow")
        storage, start = storage_of(self), self.storage_offset()  # type: ignore[attr-defined]
        there, needed = elements(storage), start + math.prod(shape)
        if needed > there:
            larger = np.empty(needed, storage.dtype)
            larger[:there] = cut_out(storage, (there,), (1,), 0)
            storage, self._base = larger, None
        if self._array.shape != shape:
            self._array, self._storage = cut_out(storage, shape, contiguous(shape), start), storage
        self.bump()
        return self

    def resize_as_(self, the_template: Tensor, *, memory_format: Any = None) -> Any:
        """`resize_` to the size of another tensor."""
        return self.resize_(the_template.shape)
