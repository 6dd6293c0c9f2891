"""More of the same values in another shape or order: tiles, windows, rotations, parts written into a copy.

Every method here is a function of the package too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import ops
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import check_broadcastable
from tinynn.methods.shapes import Shapes
from tinynn.size import one_dim, shape_of

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Rearranging(Shapes):
    """Repeating, cutting, turning, and diagonals."""

    moveaxis = Shapes.movedim

    def tile(self, *dims: Any) -> Tensor:
        """`repeat`, where missing repeats are 1."""
        times = shape_of(dims, "tile", "dims")
        return self.repeat(*(1,) * (self._array.ndim - len(times)), *times)

    def repeat_interleave(
        self, repeats: Any = None, dim: int | None = None, *, output_size: Any = None
    ) -> Tensor:
        """Each place along `dim` `repeats` times, one after the other; without `dim`, of all elements.

        Of a vector of counts alone, each index as often as its count says.
        """
        if repeats is None:
            return Variable.wrap(np.repeat(np.arange(len(self._array)), self._array))
        x: Any = self.reshape(-1) if dim is None or not self._array.ndim else self
        axis = 0 if dim is None else one_dim(dim, self._array.ndim)
        counts = repeats._array if isinstance(repeats, Variable) else np.asarray(repeats)
        size = x.shape[axis]
        if counts.ndim > 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        if counts.ndim and len(counts) not in (1, size):
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) = "
                f"{len(counts)} and input.size({axis}) = {size}"
            )
        if (counts < 0).any():
            raise RuntimeError("Repeats must be non-negative")
        return x.index_select(axis, Variable.wrap(np.repeat(np.arange(size), counts)))

    def unfold(self, dimension: int, size: int, step: int) -> Tensor:
        """A view of every `step`-th window of `size` places along a dimension, as a new last dimension."""
        axis = one_dim(dimension, self._array.ndim)
        x: Any = self if self._array.ndim else self.reshape(1)
        if size < 0:
            raise RuntimeError(f"size is {size} but must be >= 0")
        if size > x.shape[axis]:
            raise RuntimeError(
                f"maximum size for tensor at dimension {axis} is {x.shape[axis]} but size is {size}"
            )
        if step <= 0:
            raise RuntimeError(f"step is {step} but must be > 0")
        out = ops.windows(x, axis, size, step)
        return out if self._array.ndim else out.squeeze(0)

    # --- cutting

    def tensor_split(self, indices_or_sections: Any, dim: int = 0) -> tuple:
        """Views of parts along `dim`: so many of nearly equal size, or those that begin at the indices."""
        if not self._array.ndim:
            raise RuntimeError(
                "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
            )
        axis = one_dim(dim, self._array.ndim)
        where = indices_or_sections
        if isinstance(where, Variable):
            where = where._array.tolist()
        size = self._array.shape[axis]
        if isinstance(where, int):
            if where <= 0:
                raise RuntimeError(f"number of sections must be larger than 0, got {where}")
            each, more = divmod(size, where)
            where = [i * each + min(i, more) for i in range(1, where)]
        edges = [slice(i, j).indices(size)[:2] for i, j in zip([0, *where], [*where, size], strict=True)]
        return tuple(self.narrow(axis, start, max(end - start, 0)) for start, end in edges)

    def hsplit(self, indices_or_sections: Any) -> tuple:
        """Parts along the second dimension, of a vector along its only one."""
        return self._split_evenly("hsplit", indices_or_sections, 0 if self._array.ndim == 1 else 1, 1)

    def vsplit(self, indices_or_sections: Any) -> tuple:
        """Parts along the first dimension."""
        return self._split_evenly("vsplit", indices_or_sections, 0, 2)

    def dsplit(self, indices_or_sections: Any) -> tuple:
        """Parts along the third dimension."""
        return self._split_evenly("dsplit", indices_or_sections, 2, 3)

    def _split_evenly(self, name: str, where: Any, dim: int, least: int) -> tuple:
        if self._array.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with "
                f"{self._array.ndim} dimensions!"
            )
        if isinstance(where, int) and (where <= 0 or self._array.shape[dim] % where):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
                f"{self._array.shape[dim]} is not divisible by the split_size {where}!"
            )
        return self.tensor_split(where, dim)

    def unsafe_split(self, split_size: int, dim: int = 0) -> tuple:
        """`split` into copies."""
        return tuple(ops.clone(part) for part in self.split(split_size, dim))

    def unsafe_chunk(self, chunks: int, dim: int = 0) -> tuple:
        """`chunk` into copies."""
        return tuple(ops.clone(part) for part in self.chunk(chunks, dim))

    def split_with_sizes(self, split_sizes: Sequence[int], dim: int = 0) -> tuple:
        """`split` into parts of these sizes."""
        return self.split(tuple(split_sizes), dim)

    def narrow_copy(self, dim: int, start: Any, length: int) -> Tensor:
        """A copy of `narrow`."""
        if dim >= self._array.ndim:
            raise RuntimeError(
                "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could "
                "this error message be improved?  If so, please report an enhancement request to PyTorch.)\n"
                f"There are {self._array.ndim} dimensions."
            )
        return ops.clone(self.narrow(dim, start, length))

    # --- turning

    def fliplr(self) -> Tensor:
        """With the second dimension in reverse order."""
        if self._array.ndim < 2:
            raise RuntimeError("Input must be >= 2-d.")
        return self.flip(1)

    def flipud(self) -> Tensor:
        """With the first dimension in reverse order."""
        if self._array.ndim < 1:
            raise RuntimeError("Input must be >= 1-d.")
        return self.flip(0)

    def rot90(self, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
        """Turned k times by 90 degrees, from the first of `dims` towards the second."""
        if len(dims) != 2:
            raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
        if self._array.ndim < 2:
            raise RuntimeError(f"expected total dims >= 2, but got total dims = {self._array.ndim}")
        a, b = (one_dim(dim, self._array.ndim) for dim in dims)
        if a == b:
            raise RuntimeError(
                f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
            )
        turns = k % 4
        if turns == 0:
            return ops.clone(self)
        if turns == 2:
            return self.flip(a, b)
        return self.flip(b).transpose(a, b) if turns == 1 else self.flip(a).transpose(a, b)

    # --- diagonals

    def diag_embed(self, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
        """Matrices with the last dimension on their diagonal; dim1 and dim2 are theirs in the result."""
        ndim = self._array.ndim + 1
        a, b = one_dim(dim1, ndim), one_dim(dim2, ndim)
        if a == b:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        n = self._array.shape[-1] + abs(offset)
        shape = list(self._array.shape[:-1])
        for axis in sorted((a, b)):
            shape.insert(axis, n)
        return ops.diag_embed(self, offset, a, b, tuple(shape))

    def diagflat(self, offset: int = 0) -> Tensor:
        """The matrix with all elements on its diagonal."""
        return self.reshape(-1).diag_embed(offset)

    def trace(self) -> Tensor:
        """The sum of a matrix's diagonal."""
        if self._array.ndim != 2:
            raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self._array.ndim}")
        return self.diagonal().sum()

    # --- a part of a copy overwritten

    def select_scatter(self, src: Tensor, dim: int, index: int) -> Tensor:
        """A copy with `src` at one place along `dim`."""
        places = (slice(None),) * one_dim(dim, self._array.ndim) + (index,)
        return self._with_part(src, self.select(dim, index), places)  # type: ignore[attr-defined]

    def slice_scatter(
        self, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
    ) -> Tensor:
        """A copy with `src` at the places start, start + step, ... below end along `dim`."""
        places = (slice(None),) * one_dim(dim, self._array.ndim) + (slice(start, end, step),)
        return self._with_part(src, self[places], places)  # type: ignore[index]

    def diagonal_scatter(self, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """A copy with `src` on a diagonal."""
        out = ops.clone(self)
        part = out.diagonal(offset, dim1, dim2)
        _need_same_size(src, part)
        part.copy_(src)
        return out

    def _with_part(self, src: Tensor, part: Tensor, places: tuple) -> Tensor:
        _need_same_size(src, part)
        out = ops.clone(self)
        out[places] = src
        return out

    def sum_to_size(self, *size: Any) -> Tensor:
        """Summed over the dimensions in which `size` would be broadcast to the shape."""
        wanted = shape_of(size, "sum_to_size")
        try:
            check_broadcastable(wanted, self._array.shape)
            fits = np.broadcast_shapes(wanted, self._array.shape) == self._array.shape
        except RuntimeError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"size {{{list(wanted)}}} is not expandable to size {{{list(self._array.shape)}}}."
            )
        if not wanted:
            return self.sum()  # type: ignore[attr-defined]
        if wanted == self._array.shape:
            return self  # type: ignore[return-value]
        return ops.sum_to(
            self if self._array.dtype.kind == "f" else ops.cast(self, np.dtype(np.int64)), wanted
        )


def _need_same_size(src: Variable, part: Variable) -> None:
    if src._array.shape != part._array.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._array.shape)}, slice size = {list(part._array.shape)}"
        )
