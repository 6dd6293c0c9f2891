"""How the elements lie in memory: strides, contiguity, and where a view begins in its storage."""

from __future__ import annotations

import math
from typing import Any

from tinynn import ops
from tinynn.autograd.variable import Variable
from tinynn.size import one_dim


class Memory(Variable):
    """The memory layout, as torch would have laid it out (see `row_major`)."""

    def stride(self, dim: int | None = None) -> Any:
        """How many elements lie between neighbours, for each dimension (or one)."""
        array = self.row_major()
        if array.size > 1:
            strides = tuple(s // array.itemsize for s in array.strides)
        else:  # NumPy's are others then
            strides = tuple(math.prod(max(n, 1) for n in array.shape[i:]) for i in range(1, array.ndim + 1))
        return strides if dim is None else strides[one_dim(dim, self._array.ndim)]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in row-major order, without gaps."""
        return self.row_major().flags.c_contiguous

    def contiguous(self) -> Any:
        """The tensor itself if it is contiguous, else a contiguous copy."""
        return self if self.is_contiguous() else ops.clone(self)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.row_major().__array_interface__["data"][0]

    def storage_offset(self) -> int:
        """How many elements of the storage lie before this view."""
        base = self._array if self._base is None else self._base._array
        first, own = base.__array_interface__["data"][0], self._array.__array_interface__["data"][0]
        return (own - first) // base.itemsize
