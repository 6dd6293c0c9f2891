"""The same values as another dtype or copied, new values of the same dtype: `to`, `clone`, `new_zeros`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.variable import Variable
from tinynn.device import check_device, device
from tinynn.methods.rows import called
from tinynn.sequences import constructed, copied
from tinynn.size import one_shape, shape_of_new, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


def _cast(name: str, dtype: dtypes.dtype) -> Callable[[Any], Any]:
    """The method `name`, short for `to(dtype)`."""

    def method(self: Tensor) -> Tensor:
        return self.to(dtype)

    return called(name, method, f"As {dtype.name}; itself if it is one.")


class Types(Variable):
    """Conversions, copies, and new tensors of the same dtype."""

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """As another dtype (or like another tensor); itself if nothing changes and copy=False."""
        own = dtypes.BY_NUMPY[self._array.dtype]
        wanted, copy = own, kwargs.pop("copy", False)
        for arg in (*args, kwargs.pop("dtype", None), kwargs.pop("device", None), kwargs.pop("other", None)):
            if isinstance(arg, dtypes.dtype):
                wanted = arg
            elif isinstance(arg, Variable):
                wanted = dtypes.BY_NUMPY[arg._array.dtype]
            elif arg in (float, int, bool):
                wanted = dtypes.BY_NUMPY[dtypes.as_numpy(arg)]
            elif isinstance(arg, str | device):
                check_device(arg)
            elif not isinstance(arg, bool | None):
                raise TypeError(
                    f"to() received an invalid combination of arguments - got ({type(arg).__name__})\n"
                    "It takes a tinynn.dtype, a device or a tensor."
                )
        if wanted is own:
            return self.clone() if copy else self  # type: ignore[return-value]
        return ops.cast(self if wanted.is_floating_point else Variable.wrap(self.row_major()), wanted.numpy)

    def type(self, dtype: Any = None, non_blocking: Any = False) -> Any:
        """As another dtype; without one, the type's name as torch has it."""
        if dtype is None:
            return f"tinynn.{type_name(self._array.dtype)}Tensor"
        if isinstance(dtype, str):
            dtype = _by_type_name(dtype)
        dtype = getattr(dtype, "dtype", dtype)  # which tinynn.LongTensor has
        return self.to(
            dtype if isinstance(dtype, dtypes.dtype) else dtypes.from_numpy_dtype(dtypes.as_numpy(dtype))
        )

    def type_as(self, other: Tensor) -> Tensor:
        """With the dtype of `other`."""
        return self.to(other.dtype)

    # fmt: off
    half   = _cast("half", dtypes.float16)
    float  = _cast("float", dtypes.float32)
    double = _cast("double", dtypes.float64)
    short  = _cast("short", dtypes.int16)
    int    = _cast("int", dtypes.int32)
    long   = _cast("long", dtypes.int64)
    char   = _cast("char", dtypes.int8)
    byte   = _cast("byte", dtypes.uint8)
    bool   = _cast("bool", dtypes.bool_)
    # fmt: on

    def is_signed(self) -> Any:
        """Whether the dtype has negative numbers."""
        return self._array.dtype.kind in "if"

    def is_nonzero(self) -> Any:
        """Whether the one element is not 0. Raises RuntimeError unless there is exactly one."""
        return self.__bool__()  # type: ignore[attr-defined]

    def is_same_size(self, other: Tensor) -> Any:
        """Whether the shapes are the same."""
        return self._array.shape == other._array.shape

    def nelement(self) -> Any:
        """How many elements there are."""
        return self._array.size

    def ndimension(self) -> Any:
        """How many dimensions there are."""
        return self._array.ndim

    def cpu(self) -> Self:
        """Itself: the CPU is the one device there is."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raises torch's error for a build without CUDA."""
        check_device("cuda")
        return self

    def pin_memory(self) -> Self:
        """Itself."""
        return self

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy that gradients flow through."""
        return ops.clone(self, "C" if self._feature_major else "K")

    def new(self, *data: Any) -> Tensor:
        """`Tensor(*data)` with this tensor's dtype: an old way to write new_tensor and new_empty."""
        return Variable.wrap(constructed(data, self._array.dtype))

    def new_tensor(
        self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """A copy of `data`, with this tensor's dtype unless another is given; likewise the next four."""
        return self._new(lambda kind: copied(data, dtypes.BY_NUMPY[kind]), dtype, device, requires_grad)

    def new_zeros(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Zeros of the given size."""
        shape = shape_of_new(size, "new_zeros")
        return self._new(lambda kind: np.zeros(shape, kind), dtype, device, requires_grad)

    def new_ones(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Ones of the given size."""
        shape = shape_of_new(size, "new_ones")
        return self._new(lambda kind: np.ones(shape, kind), dtype, device, requires_grad)

    def new_empty(
        self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """Uninitialised memory of the given size."""
        shape = shape_of_new(size, "new_empty")
        return self._new(lambda kind: np.empty(shape, kind), dtype, device, requires_grad)

    def new_full(
        self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False
    ) -> Tensor:
        """One value, `size` times."""
        shape = one_shape(size, "new_full")
        return self._new(lambda kind: np.full(shape, fill_value, kind), dtype, device, requires_grad)

    def _new(
        self, make: Callable[[np.dtype], np.ndarray], dtype: Any, device: Any, requires_grad: Any
    ) -> Tensor:
        check_device(device)
        new = Variable.wrap(make(self._array.dtype if dtype is None else dtypes.as_numpy(dtype)))
        return new.requires_grad_() if requires_grad else new


def _by_type_name(name: str) -> dtypes.dtype:
    short = name.rpartition(".")[2]
    for d in dtypes.ALL:
        if short in (f"{type_name(d.numpy)}Tensor", d.name):
            return d
    raise ValueError(f"invalid type: '{name}'")
