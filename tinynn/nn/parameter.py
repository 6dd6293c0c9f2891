"""`Parameter`: a tensor that a module counts among its parameters; `Buffer`: one only part of its state.

`UninitializedParameter` and `UninitializedBuffer` do not know their shape yet: see tinynn.nn.lazy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tinynn import dtypes
from tinynn.autograd.variable import Variable
from tinynn.device import check_device
from tinynn.tensor import Tensor


def _leaf_of(cls: type, data: Tensor | None, requires_grad: bool) -> Any:
    """A leaf of class `cls` that shares the memory of `data`."""
    source = Variable.wrap(np.empty(0, dtypes.default_dtype())) if data is None else data
    if not isinstance(source, Tensor):
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach'\n"
            f"{cls.__name__} takes a Tensor: make one first, with tinynn.tensor(...)."
        )
    if requires_grad and source._array.dtype.kind != "f":
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    new: Any = object.__new__(cls)
    new._array, new._counter = source.row_major(), source._counter
    return new.requires_grad_(requires_grad)


class Parameter(Tensor):
    """A tensor that registers itself where it is assigned: `self.weight = Parameter(tensor)` in a Module.

    It shares the memory of `data`. It is a leaf, and requires grad unless told otherwise, even under no_grad.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return _leaf_of(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)  # without its .grad
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that is part of a module's state but not trained, as a running mean is."""

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        new = _leaf_of(cls, data, requires_grad=False)
        new.persistent = persistent
        return new


class _NoArray:
    """What stands in the place of an uninitialized tensor's array: reading it raises."""

    def __get__(self, tensor: Any, cls: type) -> Any:
        raise ValueError(
            "Attempted to use an uninitialized parameter. This error happens when you are using a "
            f"`LazyModule` or explicitly manipulating `tinynn.nn.parameter.{cls.__name__}` objects. When "
            "using LazyModules Call `forward` with a dummy batch to initialize the parameters before calling "
            "tinynn functions"
        )


class UninitializedTensorMixin(Tensor):
    """A tensor with a dtype, but neither shape nor values, until `materialize(shape)` gives it both.

    What needs values raises ValueError, and reading the shape RuntimeError. Its dtype may change.
    """

    cls_to_become: type[Tensor] = Tensor
    _array: Any = _NoArray()
    _dtype: dtypes.dtype

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Self:
        check_device(device)
        new = object.__new__(cls)
        new._counter, new._dtype, new._requires_grad = [0], dtype or dtypes.get_default_dtype(), requires_grad
        return new

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or tensor of this shape, with whatever values are in memory."""
        check_device(device)
        self._array = np.empty(tuple(shape), (dtype or self._dtype).numpy)
        del self._dtype
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call "
            "`forward` to initialize the parameters before accessing their attributes."
        )

    @property
    def dtype(self) -> dtypes.dtype:
        return self._dtype

    def is_floating_point(self) -> bool:
        return self._dtype.is_floating_point

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """One of another dtype, uninitialized as this one is."""
        return type(self)(self.requires_grad, dtype=self.data.to(*args, **kwargs).dtype)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        return self._array  # raises: it is decided when the parameter is made

    @property
    def data(self) -> Tensor:
        """An empty tensor of its dtype; setting it sets the dtype."""
        return Variable.wrap(np.empty(0, self._dtype.numpy))

    @data.setter
    def data(self, value: Tensor) -> None:
        self._dtype = value.dtype

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict) -> Self:
        return memo.setdefault(id(self), type(self)(self.requires_grad, dtype=self._dtype))

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return type(self), (self.requires_grad, None, self._dtype)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter that is told its shape later."""

    cls_to_become = Parameter


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A tensor of a module's state that is told its shape later."""

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Self:
        new = super().__new__(cls, requires_grad, device, dtype)
        new.persistent = persistent
        return new


def is_lazy(param: Any) -> bool:
    """Whether it is an UninitializedParameter or an UninitializedBuffer."""
    return isinstance(param, UninitializedTensorMixin)
