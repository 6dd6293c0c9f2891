"""torch.FloatTensor, torch.LongTensor, ..., and autograd.Variable: the oldest ways to make a tensor."""

from __future__ import annotations

import warnings
from typing import Any

from tinynn import dtypes
from tinynn.device import check_device
from tinynn.sequences import constructed
from tinynn.size import type_name
from tinynn.tensor import Tensor


class _TensorType(type):
    """The class of FloatTensor and its like: `LongTensor([1, 2])`, `isinstance(x, LongTensor)`."""

    dtype: dtypes.dtype

    def __call__(cls, *data: Any, device: Any = None) -> Any:
        check_device(device)
        return Tensor.wrap(constructed(data, cls.dtype.numpy))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


for _dtype in dtypes.ALL:
    _name = f"{type_name(_dtype.numpy)}Tensor"
    globals()[_name] = _TensorType(_name, (), {"dtype": _dtype, "__module__": "tinynn"})


class _AnyTensor(type):
    def __call__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_AnyTensor):
    """`Variable(x)`, from the time when tensors had no gradients: the same values, as a leaf."""


def set_default_tensor_type(t: Any) -> None:
    """`set_default_dtype` by a class or its name: `set_default_tensor_type(torch.DoubleTensor)`."""
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use "
        "torch.set_default_dtype() and torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    if isinstance(t, str):
        t = globals()[t.rpartition(".")[2]]
    if not isinstance(t, _TensorType):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    dtypes.set_default_dtype(t.dtype)
