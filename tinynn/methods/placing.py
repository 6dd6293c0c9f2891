"""More reading from chosen places and writing to them: `take`, `put`, `index_add`, `scatter` and their like.

Every method here is a function of the package too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import ops
from tinynn.autograd.inplace import overwrite
from tinynn.autograd.overlap import check_disjoint, check_not_expanded, warn_of_expanded
from tinynn.autograd.variable import Variable
from tinynn.methods.indexing import Indexing, _check_gather_index
from tinynn.methods.rows import check_broadcastable, in_place
from tinynn.ops.indexing import along
from tinynn.size import one_dim, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Placing(Indexing):
    """What is written replaces, or is combined with, what was there."""

    # --- all elements in a row

    def take(self, index: Tensor) -> Tensor:
        """The elements at these places of the flattened tensor."""
        return ops.take(ops.reshape(self, (-1,)), (_places("take", index, self._array.size),))

    def put(self, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
        """A copy with `source` written (or added) at these places of the flattened tensor."""
        if index.numel() != source.numel():
            raise IndexError(
                "put_(): Expected source and index to have the same number of elements, but got "
                f"source.numel() = {source.numel()}, index.numel() = {index.numel()}"
            )
        _need_same_dtype("put_", self, source)
        places = _places("put_", index, self._array.size).reshape(-1)
        row = ops.index_add_at if accumulate else ops.index_put
        flat = row(ops.reshape(self, (-1,)), source.reshape(-1), (places,))
        return flat.reshape(self._array.shape)

    def take_along_dim(self, indices: Tensor, dim: int | None = None) -> Tensor:
        """`gather`, broadcasting; without `dim`, `take`."""
        if indices._array.dtype != np.int64:
            raise RuntimeError(
                "torch.take_along_dim(): dtype of indices should be Long but got "
                f"{type_name(indices._array.dtype)}"
            )
        if dim is None:
            return self.reshape(-1).gather(0, indices.reshape(-1))  # type: ignore[attr-defined]
        if indices.ndim != self._array.ndim:
            raise RuntimeError(
                "torch.take_along_dim(): input and indices should have the same number of dimensions, but "
                f"got {self._array.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
            )
        axis = one_dim(dim, self._array.ndim)
        size = self._array.shape[axis] if self._array.ndim else 1
        indices = Variable.wrap(np.where(indices._array < 0, indices._array + size, indices._array))
        own, wanted = [*self._array.shape], [*indices.shape]
        own[axis] = wanted[axis] = 1
        shared = [*np.broadcast_shapes(tuple(own), tuple(wanted))]
        shapes = []
        for x in (self, indices):
            shared[axis] = x._array.shape[axis]
            shapes.append(tuple(shared))
        return ops.expand(self, shapes[0]).gather(axis, ops.expand(indices, shapes[1]))

    def masked_scatter(self, mask: Tensor, source: Tensor) -> Tensor:
        """A copy with the elements of `source`, in order, where mask is true."""
        if mask._array.dtype.kind != "b":
            raise RuntimeError(
                "masked_scatter_ only supports boolean masks, but got mask with dtype "
                f"{type_name(mask._array.dtype)}"
            )
        if source._array.dtype is not self._array.dtype:
            raise RuntimeError(
                "masked_scatter: expected self and source to have same dtypes but got "
                f"{type_name(self._array.dtype)} and {type_name(source._array.dtype)}"
            )
        check_broadcastable(mask.shape, self._array.shape)
        shape = np.broadcast_shapes(mask.shape, self._array.shape)
        places = np.broadcast_to(mask._array, shape).nonzero() if shape else (mask._array[None].nonzero()[0],)
        if len(places[0]) > source.numel():
            raise RuntimeError("Number of elements of source < number of ones in mask")
        values = source.reshape(-1)[: len(places[0])]
        x: Any = ops.expand(self, shape)
        return ops.index_put(x if shape else x.reshape(1), values, places).reshape(shape)

    def nonzero_static(self, *, size: int, fill_value: int = -1) -> Tensor:
        """The first `size` rows of `nonzero`; where there are fewer, rows of fill_value."""
        if size < 0:
            raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
        found: Any = self.nonzero()
        rows = np.full((size, self._array.ndim), fill_value, np.int64)
        rows[: len(found)] = found._array[:size]
        return Variable.wrap(rows)

    def fill_diagonal_(self, fill_value: float, wrap: bool = False) -> Tensor:
        """Overwrite the diagonal; with wrap=True a high matrix has more of them, one row apart."""
        shape = self._array.shape
        if len(shape) < 2:
            raise RuntimeError("dimensions must larger than 1")
        if len(shape) > 2 and len({*shape}) > 1:
            raise RuntimeError("all dimensions of input must be of equal length")
        rows = np.arange(shape[0] if wrap and len(shape) == 2 else min(shape))
        columns = rows % (shape[1] + 1)
        inside = columns < shape[1]
        places = (rows[inside], *[columns[inside]] * (len(shape) - 1))
        value = Variable.wrap(np.asarray(fill_value).astype(self._array.dtype))
        return in_place(Indexing.index_put)(self, places, value)

    def apply_(self, callable: Callable[[Any], Any]) -> Tensor:
        """Overwrite each element with what a Python function makes of it; no gradient follows."""
        return self._by_python(callable, self)

    def map_(self, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
        """Overwrite each element with what a Python function makes of it and of the one in `tensor`."""
        return self._by_python(callable, self, tensor)

    def _by_python(self, callable: Callable, *tensors: Any) -> Tensor:
        if self._requires_grad:
            name = "apply_" if len(tensors) == 1 else "map_"
            raise RuntimeError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
            )
        columns = (np.broadcast_to(x._array, self._array.shape).ravel().tolist() for x in tensors)
        values = np.array([*map(callable, *columns)]).astype(self._array.dtype)
        return overwrite(self, Variable.wrap(values.reshape(self._array.shape)))

    # --- whole places along a dimension

    def index_add(self, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1) -> Tensor:
        """A copy with alpha * source[i] added at index[i] along `dim`."""
        axis, source = self._whole_places("index_add", dim, index, source)
        return self._index_put(ops.index_add, axis, index, source if alpha == 1 else source * alpha)

    def index_copy(self, dim: int, index: Tensor, source: Tensor) -> Tensor:
        """A copy with source[i] at index[i] along `dim`."""
        axis, source = self._whole_places("index_copy", dim, index, source)
        return self._index_put(ops.index_copy, axis, index, source)

    def index_fill(self, dim: int, index: Tensor, value: Any) -> Tensor:
        """A copy with one value at the places that `index` names along `dim`."""
        axis = one_dim(dim, self._array.ndim)
        if isinstance(value, Variable):
            if value._array.ndim:
                raise RuntimeError(
                    "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                    f"{value._array.ndim} dimension(s)."
                )
            filling: Any = ops.cast(value, self._array.dtype)
        else:
            filling = Variable.wrap(np.asarray(value).astype(self._array.dtype))
        _check_outside("index_fill", index, self, axis)
        once = Variable.wrap(np.unique(index._array))
        return self._index_put(ops.index_fill, axis, once, filling)

    def index_reduce(
        self, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
    ) -> Tensor:
        """A copy with all source[i] of one index[i] along `dim` combined, in a way of `scatter_reduce`."""
        if reduce not in ("prod", "mean", "amax", "amin"):
            raise RuntimeError(
                f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
            )
        axis = one_dim(dim, self._array.ndim)
        _check_index_reduce(self, axis, index, source)
        column = [index.numel() if d == axis else 1 for d in range(source.ndim)]
        places = index._array.astype(np.int64).reshape(column)
        everywhere = Variable.wrap(np.broadcast_to(places, source.shape).copy())
        return self.scatter_reduce(dim, everywhere, source, reduce, include_self=include_self)

    def _whole_places(self, name: str, dim: int, index: Tensor, source: Tensor) -> tuple[int, Tensor]:
        axis = one_dim(dim, self._array.ndim)
        if index.ndim > 1:
            raise IndexError(f"{name}_(): Index should have dimension 1 or 0 (got {index.ndim})")
        if index._array.dtype.name not in ("int64", "int32"):
            raise RuntimeError(f"{name}_(): Expected dtype int32/int64 for index")
        _need_same_dtype(f"{name}_", self, source)
        size = source.shape[axis] if source.ndim else 1
        if index.numel() != size:
            error = RuntimeError if name == "index_add" else IndexError
            raise error(
                f"{name}_(): Number of indices ({index.numel()}) should be equal to source.size(dim): "
                f"({size}), for dim: {axis}"
            )
        own, given = ([n for i, n in enumerate(x._array.shape) if i != axis] for x in (self, source))
        if own != given:
            raise RuntimeError(
                f"{name}_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
                f"{own} at dimension {axis} and source slice shape: {given} at dimension 0."
            )
        _check_outside(name, index, self, axis)
        return axis, source

    def _index_put(self, row: Any, axis: int, index: Tensor, source: Any) -> Tensor:
        places = (slice(None),) * axis + (np.atleast_1d(index._array),)
        if self._array.ndim:
            values = source.unsqueeze(axis) if 0 < source.ndim < self._array.ndim else source
            return row(self, values, places)
        return row(ops.reshape(self, (1,)), source.reshape(-1), places).reshape(())

    # --- one place for each element of an index: see `gather`

    def scatter(
        self, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None
    ) -> Tensor:
        """A copy with src[i][j][k] at [i][index[i][j][k]][k] for dim = 1; likewise for other dims.

        `src` may be a number; reduce="add" or "multiply" combines it with what was there.
        """
        src = value if src is None else src
        put = ops.scatter
        if not isinstance(src, Variable):
            put, src = ops.scatter_number, Variable.wrap(np.full(index.shape, src).astype(self._array.dtype))
        if reduce not in (None, "add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        row = {None: put, "add": ops.scatter_add, "multiply": ops.scatter_prod}[reduce]
        return self._scatter(row, dim, index, src)

    def scatter_reduce(
        self, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
    ) -> Tensor:
        """`scatter` with all that lands in one place combined: "sum", "prod", "mean", "amax" or "amin"."""
        if reduce not in _NEUTRAL:
            raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
        x: Any = self
        if not include_self and index.numel():
            neutral = _NEUTRAL[reduce](self._array.dtype)
            x = self.scatter(dim, index, value=neutral)
        if reduce in ("amax", "amin"):
            return x._scatter(
                ops.scatter_extreme, dim, index, src, np.maximum if reduce == "amax" else np.minimum
            )
        if reduce == "prod":
            return x._scatter(ops.scatter_prod, dim, index, src)
        total = x._scatter(ops.scatter_add, dim, index, src)
        if reduce == "sum":
            return total
        zeros, one = np.zeros(self._array.shape, np.int64), np.ones(index.shape, np.int64)
        count = Variable.wrap(zeros)._scatter(ops.scatter_add, dim, index, Variable.wrap(one)) + int(
            include_self
        )
        count = ops.cast(count.clamp(min=1), self._array.dtype)
        return total / count if self._array.dtype.kind == "f" else total.div(count, rounding_mode="floor")

    def _scatter(self, row: Any, dim: int, index: Tensor, src: Tensor, *constants: Any) -> Tensor:
        axis = one_dim(dim, self._array.ndim)
        if not index.numel():
            return ops.clone(self)
        if max(index.ndim, 1) != max(self._array.ndim, 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
        if max(index.ndim, 1) != max(src.ndim, 1):
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
        _check_gather_index(index, self, axis)
        if any(n > m for n, m in zip(index.shape, src.shape, strict=False)):
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than src {list(src.shape)} in all "
                "dimensions"
            )
        if src._array.dtype is not self._array.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        part: Any = src[tuple(slice(n) for n in index.shape)] if src.shape != index.shape else src
        if self._array.ndim and index.ndim:
            return row(self, part, along(index._array, axis), *constants)
        flat = (np.atleast_1d(index._array),)
        vector = ops.reshape(ops.clone(self), (-1,))  # a copy: in place, self is overwritten before backward
        return row(vector, part.reshape(-1), flat, *constants).reshape(self._array.shape)

    put_, scatter_ = in_place(put, check_disjoint), in_place(scatter, check_disjoint)
    scatter_reduce_, index_reduce_ = (
        in_place(scatter_reduce, check_disjoint),
        in_place(index_reduce, check_disjoint),
    )
    index_add_, index_copy_ = in_place(index_add, check_disjoint), in_place(index_copy, check_disjoint)
    masked_scatter_ = in_place(masked_scatter, check_not_expanded)
    index_fill_ = in_place(index_fill, warn_of_expanded("index_fill_", "tensor[mask] = scalar"))


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


_NEUTRAL: dict = {
    "sum": lambda _: 0,
    "mean": lambda _: 0,
    "prod": lambda _: 1,
    "amax": _lowest,
    "amin": _highest,
}


def _places(name: str, index: Variable, size: int) -> np.ndarray:
    """Places of a flattened tensor of this size, checked."""
    array = index._array
    if array.dtype != np.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {type_name(array.dtype)}")
    outside = array[(array < -size) | (array >= size)]
    if outside.size:
        raise IndexError(
            f"out of range: tried to access index {outside.flat[0]} on a tensor of {size} elements."
        )
    return array


def _check_outside(name: str, index: Variable, x: Variable, axis: int) -> None:
    size = x._array.shape[axis] if x._array.ndim else 1
    low = -size if name == "index_fill" else 0
    outside = index._array[(index._array < low) | (index._array >= size)]
    if outside.size:
        message = f"index {outside.flat[0]} is out of bounds for dimension {axis} with size {size}"
        raise RuntimeError(message) if name == "index_add" else IndexError(message)


def _check_index_reduce(x: Variable, axis: int, index: Variable, source: Variable) -> None:
    """Refuse what `index_reduce` refuses, in its words."""
    given, own = source._array.shape, x._array.shape
    if index._array.ndim > 1:
        raise IndexError(
            f"index_reduce_(): Index is supposed to be a vector, but got dim: {index._array.ndim} with type: "
            f"{type_name(index._array.dtype)} and size: {[*index._array.shape]}"
        )
    if index._array.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"index_reduce_(): Expected dtype int32/int64 for index but got: {type_name(index._array.dtype)}"
        )
    if source._array.dtype is not x._array.dtype:
        raise RuntimeError(
            f"index_reduce_(): self ({type_name(x._array.dtype)}) and source "
            f"({type_name(source._array.dtype)}) must have the same scalar type"
        )
    size = given[axis] if given else 1
    if index._array.size != size:
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({index._array.size}) should be equal to source.size(dim): "
            f"({size}), for dim: {axis}"
        )
    if [n for d, n in enumerate(own) if d != axis] != [n for d, n in enumerate(given) if d != axis]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got "
            f"self.shape = {[*own]} source.shape = {[*given]}"
        )
    if ((index._array < 0) | (index._array >= (own[axis] if own else 1))).any():
        raise IndexError("index out of range in self")


def _need_same_dtype(name: str, x: Variable, source: Variable) -> None:
    own, other = (type_name(tensor._array.dtype) for tensor in (x, source))
    if own != other and name in ("index_add_", "index_reduce_"):
        raise RuntimeError(f"{name}(): self ({own}) and source ({other}) must have the same scalar type")
    if own != other:
        both = (
            f"(self) {own} and (source) {other}"
            if name != "put_"
            else f"self.dtype = {own} and source.dtype = {other}"
        )
        raise RuntimeError(f"{name}(): self and source expected to have the same dtype, but got {both}")
