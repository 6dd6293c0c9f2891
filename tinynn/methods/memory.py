"""How the elements lie in memory: strides, contiguity, and where a view begins in its storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinynn import dtypes, ops
from tinynn.autograd.strided import address
from tinynn.autograd.variable import Variable
from tinynn.device import check_device
from tinynn.methods.strided import Strided
from tinynn.size import one_dim
from tinynn.storage import UntypedStorage, storage_of, strided_memory, strides_of


class Memory(Strided):
    """The memory layout, as torch would have laid it out (see `row_major`)."""

    def stride(self, dim: int | None = None) -> Any:
        """How many elements lie between neighbours, for each dimension (or one)."""
        strides = strides_of(self.row_major())
        return strides if dim is None else strides[one_dim(dim, self._array.ndim)]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in row-major order, without gaps."""
        return self.row_major().flags.c_contiguous

    def contiguous(self) -> Any:
        """The tensor itself if it is contiguous, else a contiguous copy."""
        return self if self.is_contiguous() else ops.clone(self)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return address(self.row_major()) if self._array.size else 0

    def storage_offset(self) -> int:
        """How many elements of the storage lie before this view."""
        array = self.row_major()
        return (address(array) - address(storage_of(self))) // array.itemsize

    def new_empty_strided(
        self,
        size: Sequence[int],
        stride: Sequence[int],
        dtype: Any = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Any:
        """Uninitialised memory with these strides, of this tensor's dtype unless another is given."""
        check_device(device)
        kind = self._array.dtype if dtype is None else dtypes.as_numpy(dtype)
        new = Variable.wrap(strided_memory(size, stride, kind))
        return new.requires_grad_() if requires_grad else new

    def untyped_storage(self) -> UntypedStorage:
        """The block of memory that this tensor is a part, or all, of."""
        return UntypedStorage(storage_of(self))

    def is_set_to(self, tensor: Any) -> bool:
        """Whether `tensor` is the same part of the same storage, in the same shape."""
        own, other = (
            (address(storage_of(x)), x.storage_offset(), x._array.shape, x.stride()) for x in (self, tensor)
        )
        return own == other

    def _is_view(self) -> bool:
        return self._base is not None and not self._inference
