"""What a .pth file may name of torch's, what that is here, and what is done when the file calls it.

A tensor is written as a call: `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)`.
The functions below are what is called instead of torch's, with arguments that are not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinynn import dtypes
from tinynn.device import device
from tinynn.dtypes import dtype
from tinynn.nn.parameter import Buffer, Parameter
from tinynn.serialization.storage import Storage, is_count, view_of
from tinynn.serialization.unpickler import refusal
from tinynn.size import Size, type_name
from tinynn.tensor import Tensor


class StorageType(NamedTuple):
    """torch.FloatStorage and its like: what a file says a storage is made of."""

    dtype: dtype


_LONGEST_NAME = 1000  # of a storage or a location


class NamedStorages:
    """The storages that a pickle names by ids ("storage", type, key, location, numel, ...).

    `make(dtype, key, numel)` is called once for each key, then `restore(storage, location)`.
    """

    def __init__(self, make: Callable[[dtype, str, int], Storage], restore: Callable[[Storage, str], None]):
        self._make, self._restore = make, restore
        self.by_key: dict[str, Storage] = {}

    def find(self, id: Any, length: int) -> Storage:
        """The storage with an id of this length."""
        if type(id) is not tuple or len(id) != length or as_str(id[0]) != "storage":
            raise refusal("Only persistent_load of storage is allowed.")
        kind, key, location, numel = id[1:5]
        key, location = as_str(key), as_str(location)
        if type(kind) is not StorageType or not is_count(numel):
            raise refusal("The pickle is damaged: it names a storage without a type and a size.")
        if key not in self.by_key:
            self.by_key[key] = self._make(kind.dtype, key, numel)
            self._restore(self.by_key[key], location)
        storage = self.by_key[key]
        if (storage.dtype, storage.numel) != (kind.dtype, numel):
            raise refusal("The pickle is damaged: it gives a storage two types or sizes.")
        return storage


def as_str(text: Any) -> str:
    """`text`, which is bytes if Python 2 wrote it and the reader was told to leave it so."""
    if not isinstance(text, str | bytes) or len(text) > _LONGEST_NAME:
        raise refusal("The pickle is damaged: it gives something else for a name of a storage.")
    return text if isinstance(text, str) else text.decode("latin1")


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    return view_of(storage, offset, size, stride)


def _rebuild_tensor_v2(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Tensor:
    if metadata:
        raise ValueError("There are no conjugated and no negated views.")
    return view_of(storage, offset, size, stride).requires_grad_(_flag(requires_grad))


def _rebuild_tensor_v3(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    of: Any,
    metadata: Any = None,
) -> Tensor:
    """The storage is bytes, whatever dtype the tensor has."""
    if type(storage) is not Storage or type(of) is not dtype:
        raise TypeError("A tensor is made of a storage and a dtype.")
    return _rebuild_tensor_v2(Storage(of, storage.data), offset, size, stride, requires_grad, hooks, metadata)


def _rebuild_parameter(data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Parameter:
    if type(data) is not Tensor:
        raise TypeError(f"A Parameter is made of a Tensor, not of a {type(data).__name__}.")
    parameter = Parameter(data, _flag(requires_grad))
    _set_attributes(parameter, state)
    return parameter


def _rebuild_from_type_v2(rebuild: Any, cls: Any, arguments: Any, state: Any) -> Tensor:
    """A tensor with attributes of its own: a Buffer, or one that users gave some."""
    known = rebuild is _rebuild_tensor_v2 or rebuild is _rebuild_tensor_v3
    if not known or cls is not Tensor or type(arguments) is not tuple:
        raise TypeError("Only a Tensor can be given attributes.")
    tensor = rebuild(*arguments)
    if type(state) is dict and state.get("_is_buffer") is True:
        tensor = Buffer(tensor, persistent=_flag(state.get("persistent", True)))
        state = {name: value for name, value in state.items() if name not in ("_is_buffer", "persistent")}
    _set_attributes(tensor, state)
    return tensor


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(f"It should be True or False, not a {type(value).__name__}.")
    return value


def _set_attributes(tensor: Tensor, attributes: Any) -> None:
    if attributes is None:
        return
    if type(attributes) is not dict:
        raise TypeError("A tensor's attributes are a dict from their names.")
    for name, value in attributes.items():
        if type(name) is not str or hasattr(tensor, name):
            raise ValueError("A tensor can only be given attributes of new names.")
        setattr(tensor, name, value)


def _size(sizes: Any = ()) -> Size:
    if type(sizes) is not tuple or any(type(n) is not int for n in sizes):
        raise TypeError("A Size is made of a tuple of ints.")
    return Size(sizes)


def _device(name: Any, index: Any = None) -> device:
    if type(name) is not str or type(index) not in (int, type(None)):
        raise TypeError("A device has a type and an index.")
    return device(name, index)


_REBUILD = (
    _rebuild_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
    _rebuild_parameter,
    _rebuild_from_type_v2,
)
BUILDERS: dict[Any, Callable] = {
    **{function: function for function in _REBUILD},
    Size: _size,
    device: _device,
}
NAMES: dict[str, Any] = {
    **{f"torch.{d.name}": d for d in dtypes.ALL},
    **{f"torch.{type_name(d.numpy)}Storage": StorageType(d) for d in dtypes.ALL},
    **{f"torch.cuda.{type_name(d.numpy)}Storage": StorageType(d) for d in dtypes.ALL},
    "torch.storage.UntypedStorage": StorageType(dtypes.uint8),
    "torch.Size": Size,
    "torch.Tensor": Tensor,
    "torch.device": device,
    "torch.nn.parameter.Parameter": Parameter,
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
}
