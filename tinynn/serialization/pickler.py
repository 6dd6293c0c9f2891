"""Writes pickles that name torch's classes, without having them: what torch's weights_only reader can read.

The instructions are those of pickle's protocol 2, and the same that `torch.save` writes. An object is written
once; where it is met again, a reference to it is.
"""

from __future__ import annotations

import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.variable import Variable
from tinynn.device import device
from tinynn.dtypes import dtype
from tinynn.nn.parameter import Buffer, Parameter
from tinynn.serialization.storage import Storages
from tinynn.size import Size, type_name
from tinynn.tensor import Tensor


class _Global(NamedTuple):
    """A class or function that the reader of the pickle has."""

    module: str
    name: str


class _Persistent(NamedTuple):
    """The id of what is stored outside of the pickle."""

    id: tuple


class Pickler:
    """Turns objects into pickles, and gathers the storages of their tensors in `storages`.

    `after_id` is put after what names a storage: the legacy format has one value more there.
    """

    def __init__(self, storages: Storages, after_id: tuple = ()):
        self._storages, self._after_id = storages, after_id

    def dump(self, value: Any) -> bytes:
        """The pickle of `value`. Raises PicklingError for what torch's weights_only reader would refuse."""
        self._written: list[bytes] = [b"\x80\x02"]
        self._memo: dict[Any, int] = {}
        self._met: list[Any] = []  # kept, or their ids would be given to others
        self._save(value)
        return b"".join([*self._written, b"."])

    def _write(self, instruction: bytes, layout: str = "", *numbers: Any) -> None:
        self._written.append(instruction + struct.pack("<" + layout, *numbers))

    def _save(self, value: Any) -> None:
        number = self._memo.get(value if type(value) is _Global else id(value))
        if number is not None:
            self._write(b"h", "B", number) if number < 256 else self._write(b"j", "I", number)
        else:
            _SAVE.get(type(value), Pickler._refuse)(self, value)

    def _remember(self, value: Any) -> None:
        number = len(self._memo)
        self._memo[value if type(value) is _Global else id(value)] = number
        self._met.append(value)
        self._write(b"q", "B", number) if number < 256 else self._write(b"r", "I", number)

    def _refuse(self, value: Any) -> None:
        raise pickle.PicklingError(
            f"Can't pickle {type(value)}: files hold no such objects\n{_advice(value)}"
        )

    # --- plain values

    def _int(self, value: int) -> None:
        if 0 <= value < 1 << 8:
            self._write(b"K", "B", value)
        elif 0 <= value < 1 << 16:
            self._write(b"M", "H", value)
        elif -1 << 31 <= value < 1 << 31:
            self._write(b"J", "i", value)
        else:
            data = pickle.encode_long(value)
            if len(data) > 255:
                raise pickle.PicklingError(
                    "Can't pickle an int of more than 255 bytes: torch would not read it"
                )
            self._write(b"\x8a" + bytes([len(data)]) + data)

    def _str(self, value: str) -> None:
        data = value.encode("utf-8", "surrogatepass")
        self._write(b"X", "I", len(data))
        self._write(data)
        self._remember(value)

    def _global(self, value: _Global) -> None:
        self._write(f"c{value.module}\n{value.name}\n".encode())
        self._remember(value)

    def _bytes(self, value: bytes) -> None:
        self._call(value, _Global("_codecs", "encode"), str(value, "latin1"), "latin1")

    def _bytearray(self, value: bytearray) -> None:
        self._call(value, _Global("__builtin__", "bytearray"), *([bytes(value)] if value else []))

    # --- containers

    def _tuple(self, value: tuple) -> None:
        if len(value) > 3:
            self._write(b"(")
        for item in value:
            self._save(item)
        self._write(_TUPLES.get(len(value), b"t"))
        if value:
            self._remember(value)

    def _list(self, value: list) -> None:
        self._write(b"]")
        self._remember(value)
        self._save_in_batches(value, b"a", b"e")

    def _dict(self, value: dict) -> None:
        self._write(b"}")
        self._remember(value)
        self._save_in_batches(list(value.items()), b"s", b"u")

    def _ordered_dict(self, value: OrderedDict) -> None:
        self._call(value, _Global("collections", "OrderedDict"))
        self._save_in_batches(list(value.items()), b"s", b"u")
        if vars(value):  # a state_dict's _metadata
            self._save(vars(value))
            self._write(b"b")

    def _save_in_batches(self, items: Sequence, one: bytes, several: bytes) -> None:
        """Add the items, or pairs, to the container on the stack: one with `one`, more with `several`."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            if len(batch) > 1:
                self._write(b"(")
            for item in batch:
                for part in item if several == b"u" else (item,):
                    self._save(part)
            self._write(one if len(batch) == 1 else several)

    # --- what is written as a call

    def _call(self, value: Any, function: _Global, *arguments: Any) -> None:
        """Write that `value` is function(*arguments)."""
        self._save(function)
        self._save(arguments)
        self._write(b"R")
        self._remember(value)

    def _persistent(self, value: _Persistent) -> None:
        self._save(value.id)
        self._write(b"Q")

    def _tensor(self, tensor: Tensor) -> None:
        attributes = _attributes_of(tensor)
        if isinstance(tensor, Buffer):
            attributes["_is_buffer"] = True
        if attributes:
            arguments = (_REBUILD_TENSOR, _Global("torch", "Tensor"), self._layout_of(tensor), attributes)
            self._call(tensor, _Global("torch._tensor", "_rebuild_from_type_v2"), *arguments)
        else:
            self._call(tensor, _REBUILD_TENSOR, *self._layout_of(tensor))

    def _layout_of(self, tensor: Tensor) -> tuple:
        key, offset, stride = self._storages.add(tensor)
        numel = self._storages.by_key[key].numel
        storage_type = _Global("torch", type_name(tensor.dtype.numpy) + "Storage")
        storage = _Persistent(("storage", storage_type, key, "cpu", numel, *self._after_id))
        return storage, offset, tuple(tensor.shape), stride, tensor.requires_grad, OrderedDict()

    def _parameter(self, parameter: Parameter) -> None:
        arguments: tuple = parameter.data, parameter.requires_grad, OrderedDict()
        attributes = _attributes_of(parameter)
        if attributes:
            rebuild = _Global("torch._utils", "_rebuild_parameter_with_state")
            self._call(parameter, rebuild, *arguments, attributes)
        else:
            self._call(parameter, _Global("torch._utils", "_rebuild_parameter"), *arguments)


def _attributes_of(tensor: Tensor) -> dict[str, Any]:
    """What users have set on the tensor."""
    return {name: value for name, value in vars(tensor).items() if name not in Variable.__annotations__}


def _advice(value: Any) -> str:
    """What to save instead of `value`."""
    if hasattr(value, "state_dict"):
        return "Save its state_dict()."
    if isinstance(value, np.ndarray):
        return "Save tinynn.from_numpy(array)."
    if isinstance(value, np.generic):
        return "Save number.item()."
    for plain in (int, float, str, bytes, tuple, list, dict, set):
        if isinstance(value, plain):
            return f"Save {plain.__name__}(value)."
    return (
        "Loading runs no code, so it makes no objects of classes of your own. Save what they are made of: "
        "tensors, numbers, str, bytes, bool, None, and tuple, list, dict, set, OrderedDict, Counter of these."
    )


_BATCH = 1000  # as many as pickle itself gathers on the stack
_REBUILD_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_TUPLES = {0: b")", 1: b"\x85", 2: b"\x86", 3: b"\x87"}
_SAVE: dict[type, Callable[[Pickler, Any], None]] = {
    type(None): lambda self, value: self._write(b"N"),
    bool: lambda self, value: self._write(b"\x88" if value else b"\x89"),
    int: Pickler._int,
    float: lambda self, value: self._written.append(b"G" + struct.pack(">d", value)),
    complex: lambda self, z: self._call(z, _Global("__builtin__", "complex"), z.real, z.imag),
    str: Pickler._str,
    bytes: Pickler._bytes,
    bytearray: Pickler._bytearray,
    tuple: Pickler._tuple,
    list: Pickler._list,
    dict: Pickler._dict,
    set: lambda self, value: self._call(value, _Global("__builtin__", "set"), list(value)),
    OrderedDict: Pickler._ordered_dict,
    Counter: lambda self, value: self._call(value, _Global("collections", "Counter"), dict(value)),
    Size: lambda self, value: self._call(value, _Global("torch", "Size"), tuple(value)),
    dtype: lambda self, value: self._save(_Global("torch", value.name)),
    device: lambda self, value: self._call(value, _Global("torch", "device"), *_parts(value)),
    Tensor: Pickler._tensor,
    Buffer: Pickler._tensor,
    Parameter: Pickler._parameter,
    _Global: Pickler._global,
    _Persistent: Pickler._persistent,
}


def _parts(value: device) -> tuple:
    return (value.type,) if value.index is None else (value.type, value.index)
