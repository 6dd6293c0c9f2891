"""The same values in another shape or order: views where torch gives views, copies where it copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.overlap import allow
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import in_place
from tinynn.size import check_expandable, dims_of, legacy_name, new_shape, one_dim, shape_of, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Shapes(Variable):
    """Reshaping, reordering, repeating and cutting."""

    def view(self, *sizes: Any) -> Tensor:
        """The same memory in another shape (or, given a dtype, the same bits as another type)."""
        if len(sizes) == 1 and isinstance(sizes[0], dtypes.dtype):
            return self._bits_as(sizes[0].numpy)
        shape = new_shape(shape_of(sizes, "view"), self._array.size)
        if not self._can_view(shape):
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension "
                "spans across two contiguous subspaces). Use .reshape(...) instead."
            )
        return ops.reshape(self, shape)

    def _bits_as(self, kind: np.dtype) -> Tensor:
        array = self.row_major()
        own, wanted = array.itemsize, kind.itemsize
        sizes = f"to view {type_name(array.dtype)} as {type_name(kind)} (different element sizes)"
        if own != wanted and not array.ndim:
            raise RuntimeError(f"self.dim() cannot be 0 {sizes}")
        if wanted > own and array.shape[-1] * own % wanted:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {wanted // own} {sizes}, but got {array.shape[-1]}"
            )
        out: Any = self.detach()  # type: ignore[attr-defined]
        out._array = array.view(kind)
        return out

    def _can_view(self, shape: tuple[int, ...]) -> bool:
        array = self.row_major()
        if array.flags.c_contiguous:
            return True
        try:
            np.reshape(array, shape, copy=False)
        except ValueError:
            return False
        return True

    def reshape(self, *shape: Any) -> Tensor:
        """A view in another shape where memory allows it, else a copy."""
        wanted = new_shape(shape_of(shape, "reshape", "shape"), self._array.size)
        if self.row_major().flags.c_contiguous:
            return ops.reshape(self, wanted)
        if self._can_view(wanted):
            return ops.reshape_alias(self, wanted)
        return ops.unsafe_view(ops.clone(self), wanted)

    def view_as(self, other: Tensor) -> Tensor:
        """`view` in the shape of `other`."""
        return self.view(other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """`reshape` to the shape of `other`."""
        return self.reshape(other.shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The dimensions from start_dim to end_dim as one."""
        if self._array.ndim == 0:
            return self.reshape(1)
        start, end = one_dim(start_dim, self._array.ndim), one_dim(end_dim, self._array.ndim)
        if start > end:
            raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
        if start == end:
            return self  # type: ignore[return-value]
        shape = self._array.shape
        return self.reshape(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])

    def ravel(self) -> Tensor:
        """All elements as a vector."""
        return self.contiguous().view(-1)  # type: ignore[attr-defined]

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Tensor:
        """One dimension as several."""
        axis = one_dim(dim, self._array.ndim)
        return self.reshape(
            *self._array.shape[:axis],
            *new_shape(tuple(sizes), self._array.shape[axis]),
            *self._array.shape[axis + 1 :],
        )

    def squeeze(self, dim: Any = None) -> Tensor:
        """Without the dimensions of size 1 (or only `dim`, where it has size 1)."""
        shape = self._array.shape
        if dim is None:
            return ops.squeeze_all(self, tuple([i for i, n in enumerate(shape) if n == 1]))
        if isinstance(dim, tuple | list):
            axes = [one_dim(d, len(shape)) for d in dim]
            return ops.squeeze_dims(self, tuple([axis for axis in axes if shape and shape[axis] == 1]))
        axis = one_dim(dim, len(shape))
        return ops.squeeze(self, axis if shape and shape[axis] == 1 else ())

    def unsqueeze(self, dim: int) -> Tensor:
        """With a dimension of size 1 inserted at `dim`."""
        return ops.unsqueeze(self, one_dim(dim, self._array.ndim + 1))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """With two dimensions swapped."""
        a, b = one_dim(dim0, self._array.ndim), one_dim(dim1, self._array.ndim)
        return ops.transpose(self, a, b)

    swapaxes = swapdims = transpose

    def t(self) -> Tensor:
        """The transposed matrix; a vector or scalar itself."""
        if self._array.ndim > 2:
            raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self._array.ndim}D")
        return ops.t(self)

    @property
    def T(self) -> Tensor:  # noqa: N802 - torch's name
        """A view with the dimensions in reverse order."""
        return ops.permute(self, tuple(reversed(range(self._array.ndim))))

    @property
    def mT(self) -> Tensor:  # noqa: N802 - torch's name
        """A view with the last two dimensions swapped: each matrix of a batch transposed."""
        if self._array.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self._array.ndim}-D "
                "tensor."
            )
        return ops.transpose(self, self._array.ndim - 2, self._array.ndim - 1)

    def permute(self, *dims: Any) -> Tensor:
        """With the dimensions in another order."""
        order = shape_of(dims, "permute", "dims")
        if len(order) != self._array.ndim:
            raise RuntimeError(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of "
                f"the desired ordering of dimensions i.e. input.dim() = {self._array.ndim} is not equal to "
                f"len(dims) = {len(order)}"
            )
        axes = tuple(one_dim(dim, self._array.ndim) for dim in order)
        if len(set(axes)) < len(axes):
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        return ops.permute(self, axes)

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """With some dimensions moved to other places, the rest in order."""
        return self.permute(*_moved(self._array.ndim, source, destination))

    def expand(self, *sizes: Any) -> Tensor:
        """A view in which dimensions of size 1 are repeated without copying; -1 keeps a size."""
        wanted = shape_of(sizes, "expand")
        extra = len(wanted) - self._array.ndim
        if extra < 0:
            raise RuntimeError(
                f"expand({legacy_name(self._array.dtype)}{{{list(self._array.shape)}}}, "
                f"size={list(wanted)}): the number of sizes provided ({len(wanted)}) must be greater or "
                f"equal to the number of dimensions in the tensor ({self._array.ndim})"
            )
        if -1 in wanted[:extra]:
            raise RuntimeError(
                "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension "
                f"{wanted.index(-1)}"
            )
        shape = tuple(
            self._array.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(wanted)
        )
        check_expandable(self._array.shape, shape)
        return ops.expand(self, shape)

    broadcast_to = expand

    def expand_as(self, other: Tensor) -> Tensor:
        """`expand` to the shape of `other`."""
        return self.expand(other.shape)

    def repeat(self, *repeats: Any) -> Tensor:
        """Copies laid side by side, `repeats[i]` times along dimension i."""
        times = shape_of(repeats, "repeat", "repeats")
        if len(times) < self._array.ndim:
            raise RuntimeError(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
            )
        return ops.repeat(self, times)

    def narrow(self, dim: int, start: Any, length: int) -> Tensor:
        """A view of `length` places along `dim` from `start` on (an int, or a 0-d tensor of one)."""
        if not self._array.ndim:
            raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
        if isinstance(start, Variable):
            if start._array.ndim or start._array.dtype.kind not in "iu":
                raise RuntimeError("start must be an 0-dim integral Tensor.")
            start = int(start._array)
        if length < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        axis = one_dim(dim, self._array.ndim)
        size = self._array.shape[axis]
        if not -size <= start <= size:
            raise IndexError(
                f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
            )
        start = start + size if start < 0 else start
        if start + length > size:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
        return ops.narrow(self, axis, start, length)

    def split(self, split_size: Any, dim: int = 0) -> tuple:
        """Views of consecutive parts along `dim`, of the given size (the last may be smaller) or sizes."""
        axis = one_dim(dim, self._array.ndim)
        n = self._array.shape[axis]
        if isinstance(split_size, int):
            if split_size < 0:
                raise RuntimeError(
                    f"split expects split_size be non-negative, but got split_size={split_size}"
                )
            if split_size == 0 and n:
                raise RuntimeError(
                    f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
                )
            starts = range(0, n, split_size) if n else range(1)
            return ops.split(self, axis, tuple(min(split_size, n - start) for start in starts))
        sizes = tuple(split_size)
        if sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
                f"dimension {axis}), but got split_sizes={list(sizes)}"
            )
        return ops.split_with_sizes(self, axis, sizes)

    def chunk(self, chunks: int, dim: int = 0) -> tuple:
        """At most `chunks` views of equal size (but the last) along `dim`."""
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        n = self._array.shape[one_dim(dim, self._array.ndim)]
        return self.split(-(-n // chunks), dim) if n else self.split((0,) * chunks, dim)

    def unbind(self, dim: int = 0) -> tuple:
        """Views of each place along `dim`."""
        return ops.unbind(self, one_dim(dim, self._array.ndim))

    def flip(self, *places: Any, dims: Any = ()) -> Tensor:
        """In reverse order along `dims`: `x.flip(0, 1)` or `x.flip(dims=(0, 1))`."""
        return ops.flip(self, dims_of(shape_of(places or (dims,), "flip", "dims"), self._array.ndim) or ())

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """Shifted along `dims`; what leaves at one end enters at the other."""
        steps, along = _listed(shifts), [] if dims is None else _listed(dims)
        if not steps:
            raise RuntimeError("`shifts` required")
        if not along and len(steps) == 1:
            return ops.roll(self, tuple(steps), None)
        if len(steps) != len(along):
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(along)}")
        if not self._array.ndim:
            raise IndexError(f"Dimension specified as {along[0]} but tensor has no dimensions")
        return ops.roll(self, tuple(steps), tuple(one_dim(d, self._array.ndim) for d in along))

    def tril(self, diagonal: int = 0) -> Tensor:
        """The lower triangle, zeros above."""
        return ops.tril(_matrix("tril", self), diagonal)

    def triu(self, diagonal: int = 0) -> Tensor:
        """The upper triangle, zeros below."""
        return ops.triu(_matrix("triu", self), diagonal)

    tril_, triu_ = in_place(tril, allow), in_place(triu, allow)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """A view of the diagonal of two dimensions, as the last dimension."""
        a, b = one_dim(dim1, self._array.ndim), one_dim(dim2, self._array.ndim)
        if a == b:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        return ops.diagonal(self, offset, a, b)

    def diag(self, diagonal: int = 0) -> Tensor:
        """The diagonal of a matrix; of a vector, the matrix with it on the diagonal."""
        if self._array.ndim == 2:
            return ops.clone(self.diagonal(diagonal))
        if self._array.ndim != 1:
            raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {self._array.ndim}D")
        n = len(self._array) + abs(diagonal)
        return ops.diag_embed(self, diagonal, 0, 1, (n, n))


def _matrix(name: str, x: Variable) -> Variable:
    if x._array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return x


def _moved(ndim: int, source: Any, destination: Any) -> list[int]:
    """The order of dimensions after moving `source` to `destination`."""
    given, wanted = _listed(source), _listed(destination)
    if len(given) != len(wanted):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({given} dims) should contain the same "
            f"number of dims as destination ({wanted} dims)"
        )
    sources, places = ([one_dim(d, ndim) for d in dims] for dims in (given, wanted))
    for name, axes, dims in (("source", sources, given), ("destination", places, wanted)):
        if len({*axes}) < len(axes):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    order = [d for d in range(ndim) if d not in sources]
    for place, dim in sorted(zip(places, sources, strict=True)):
        order.insert(place, dim)
    return order[:ndim]  # a 0-d tensor takes dim 0, and has none


def _listed(one_or_several: Any) -> list:
    return list(one_or_several) if isinstance(one_or_several, tuple | list) else [one_or_several]
