"""Read and write chosen places: `x[...]`, `gather`, masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import indices, ops
from tinynn.autograd.op import Op
from tinynn.autograd.overlap import check_disjoint, warn_of_expanded
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import check_broadcastable, in_place
from tinynn.ops.indexing import along
from tinynn.size import c_name, check_expandable, legacy_name, one_dim, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Indexing(Variable):
    """Reading from chosen places, and writing to them."""

    def __getitem__(self, index: Any) -> Tensor:
        """The elements at `index`: a view if it is made of ints, slices and None, else a copy."""
        shape = self._array.shape
        if type(index) is int and shape and -shape[0] <= index < shape[0]:
            return ops.select(self, (index,))  # a row: a quarter of the time that the general way takes
        basic, advanced = indices.normalize(index, shape)
        whole = ops.slice if type(index) is slice else ops.alias
        out: Any = self if basic is None else self._basic(basic, whole)
        return out if advanced is None else ops.index(out, advanced)

    def _basic(self, basic: tuple, whole: Op) -> Tensor:
        """A view by ints, slices and None: as in torch, a step for each; by `whole` if nothing is cut off."""
        view: Any = self
        dim = 0
        for item in basic:
            if not (isinstance(item, slice) and item == slice(None)):
                row = ops.unsqueeze_index if item is None else ops.slice
                row = ops.select if isinstance(item, int) else row
                view = row(view, (slice(None),) * dim + (item,))
            dim += not isinstance(item, int)
        return whole(self, ()) if view is self else view

    def __setitem__(self, index: Any, value: Any) -> None:
        """Overwrite the elements at `index` with the (broadcast) `value`."""
        basic, advanced = indices.normalize(index, self._array.shape)
        parts = [] if basic is None else indices.cutting(basic, self._array.shape)
        cut = any(part != slice(None) for part in parts)
        target: Any = self._basic(tuple(parts), ops.alias) if cut else self
        given = isinstance(value, Variable)
        values: Any = value if given else Variable.wrap(np.asarray(value, self._array.dtype))
        write = target.copy_ if values.ndim else target.fill_
        if values.ndim and values.shape[0] == 1 and values.shape != target.shape:
            values = values.reshape(_without_leading_ones(values.shape))
        if advanced is None:
            check_expandable(values.shape, target.shape, legacy_name(values._array.dtype))
            write(values)
        else:
            target.index_put_(advanced, values)

    def select(self, dim: int, index: int) -> Tensor:
        """A view of one place along `dim`."""
        axis = one_dim(dim, self._array.ndim)
        if not -self._array.shape[axis] <= index < self._array.shape[axis]:
            raise IndexError(
                f"select(): index {index} out of range for tensor of size {list(self._array.shape)} at "
                f"dimension {dim}"
            )
        return self[(slice(None),) * axis + (index,)]

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The places along `dim` that a vector names."""
        axis = one_dim(dim, self._array.ndim)
        size = self._array.shape[axis] if self._array.ndim else 1
        if index.numel() and (index._array.min() < 0 or index._array.max() >= size):
            raise IndexError("index out of range in self")
        if not self._array.ndim:
            return ops.clone(self)
        return ops.index_select(self, (slice(None),) * axis + (np.atleast_1d(index._array),))

    def gather(self, dim: int, index: Tensor) -> Tensor:
        """out[i][j][k] = self[i][index[i][j][k]][k] for dim = 1; likewise for other dims."""
        axis = one_dim(dim, self._array.ndim)
        if not index.numel():
            return ops.gather(ops.reshape(self, (-1,)), (index._array.astype(np.int64),))
        if max(index.ndim, 1) != max(self._array.ndim, 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
        _check_gather_index(index, self, axis)
        if self._array.ndim and index.ndim:
            return places_along(ops.gather, self, dim, index)
        return ops.gather(ops.reshape(self, (-1,)), (index._array,))

    def scatter_add(self, dim: int, index: Tensor, src: Tensor) -> Tensor:
        """A copy with src[i][j][k] added at [i][index[i][j][k]][k] for dim = 1; likewise for other dims."""
        axis = one_dim(dim, self._array.ndim)
        if index.numel() and max(index.ndim, 1) != max(self._array.ndim, 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
        _check_gather_index(index, self, axis)
        if src._array.dtype is not self._array.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        part = src[tuple(slice(n) for n in index.shape)] if src.shape != index.shape else src
        return ops.scatter_add(self, part, along(index._array, axis))

    def index_put(self, indices_: Any, values: Tensor, accumulate: bool = False) -> Tensor:
        """A copy with `values` written (or added) at the places that a tuple of index tensors names."""
        places = tuple(i._array if isinstance(i, Variable) else i for i in indices_)
        wanted = self._array[places].shape
        try:
            np.broadcast_to(values._array, wanted)
        except ValueError:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing "
                f"result of shape {list(wanted)}"
            ) from None
        if values._array.dtype is not self._array.dtype:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{type_name(self._array.dtype)} for the destination and {type_name(values._array.dtype)} "
                "for the source."
            )
        return (ops.index_add_at if accumulate else ops.index_put)(self, values, places)

    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        """`value` where mask is true, else self."""
        if mask._array.dtype.kind != "b":
            raise RuntimeError(
                "masked_fill_ only supports boolean masks, but got mask with dtype "
                f"{c_name(mask._array.dtype)}"
            )
        if isinstance(value, Variable) and value._array.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._array.ndim} dimension(s)."
            )
        return (ops.masked_fill_tensor if isinstance(value, Variable) else ops.masked_fill)(self, mask, value)

    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where mask is true, as a vector."""
        if mask._array.dtype.kind != "b":
            raise RuntimeError("masked_select: expected BoolTensor for mask")
        check_broadcastable(mask.shape, self._array.shape)
        shape = np.broadcast_shapes(self._array.shape, mask.shape) or (1,)
        return ops.masked_select(ops.expand(self, shape), np.broadcast_to(mask._array, shape).nonzero())

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """The indices of the elements that are not 0: a row for each, or a tensor for each dimension."""
        if as_tuple:
            return tuple(Variable.wrap(axis) for axis in np.atleast_1d(self._array).nonzero())
        if self._array.ndim == 0:
            return Variable.wrap(np.empty((int(bool(self._array)), 0), np.int64))
        return Variable.wrap(np.stack(self._array.nonzero(), axis=1).astype(np.int64))

    index_put_ = in_place(index_put, warn_of_expanded("index_put_", "tensor[indices] = tensor"))
    masked_fill_ = in_place(masked_fill, warn_of_expanded("masked_fill_", "tensor[mask] = scalar"))
    scatter_add_ = in_place(scatter_add, check_disjoint)


def places_along(row: Op, x: Variable, dim: int, places: Tensor) -> Tensor:
    """The elements of x that `places` names along `dim`, by the row that says so under the caller's name."""
    if x._array.ndim == 0:
        return row(x, ())
    return row(x, along(places._array, one_dim(dim, x._array.ndim)))


def _check_gather_index(index: Tensor, x: Variable, axis: int) -> None:
    for d, (n, m) in enumerate(zip(index.shape, x._array.shape, strict=False)):
        if n > m and d != axis:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger "
                f"than self {list(x._array.shape)} apart from dimension {axis}"
            )
    size = x._array.shape[axis] if x._array.ndim else 1
    outside = index._array[(index._array < 0) | (index._array >= size)]
    if outside.size:
        raise RuntimeError(f"index {outside.flat[0]} is out of bounds for dimension {axis} with size {size}")


def _without_leading_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """torch lets a value have extra dimensions of size 1 in front when it is assigned."""
    while shape and shape[0] == 1:
        shape = shape[1:]
    return tuple(shape)
