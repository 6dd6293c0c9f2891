"""torch's format from before version 1.6: five pickles, then the storages.

    a magic number; the version of the format; what the machine was like; the object; the storages' keys
    for each key the number of elements, in 8 bytes, and the elements, all in little-endian order

When the object is read, the bytes of its tensors are still to come.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn.dtypes import dtype
from tinynn.serialization.pickler import Pickler
from tinynn.serialization.rebuild import BUILDERS, NAMES, NamedStorages, as_str
from tinynn.serialization.source import LoadError, Source
from tinynn.serialization.storage import Storage, Storages, as_truth, in_order, is_count
from tinynn.serialization.unpickler import Unpickler, refusal

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_TYPE_SIZES = {"short": 2, "int": 4, "long": 4}


def save_legacy(value: Any, file: Any) -> None:
    """Write `value` in the legacy format."""
    storages = Storages()
    pickler = Pickler(storages, after_id=(None,))
    machine = {
        "protocol_version": _VERSION,
        "little_endian": sys.byteorder == "little",
        "type_sizes": _TYPE_SIZES,
    }
    for part in (_MAGIC_NUMBER, _VERSION, machine, value):
        file.write(pickler.dump(part))
    file.write(pickler.dump(list(storages.by_key)))
    for storage in storages.by_key.values():
        file.write(struct.pack("<q", storage.numel))
        file.write(in_order(storage.data, storage.dtype, "little").data)


def load_legacy(source: Source, restore: Callable[[Storage, str], None], encoding: str) -> Any:
    """Read what stands in `source` in the legacy format."""
    storages = _Storages(source, restore)
    unpickler = Unpickler(source, NAMES, BUILDERS, storages.persistent_load, encoding)
    magic_number = unpickler.load()
    if type(magic_number) is not int or magic_number != _MAGIC_NUMBER:
        raise LoadError("Invalid magic number; corrupt file?")
    version = unpickler.load()
    if type(version) is not int or version != _VERSION:
        raise LoadError("Invalid protocol version" + (f": {version}" if type(version) is int else ""))
    unpickler.load()  # what the machine was like: storages are little-endian all the same
    value = unpickler.load()
    storages.fill(unpickler.load())
    return value


class _Storages:
    """The storages that the object names. `fill` reads their bytes, which come after it."""

    def __init__(self, source: Source, restore: Callable[[Storage, str], None]):
        self._source = source
        self._named = NamedStorages(self._empty, restore)
        self._promised = 0  # bytes, of all storages together

    def persistent_load(self, id: Any) -> Storage:
        """The storage, or the part of it, that has this id."""
        storage = self._named.find(id, 6)
        return storage if id[5] is None else _part(storage, id[5])

    def _empty(self, dtype: dtype, key: str, numel: int) -> Storage:
        self._promised += numel * dtype.itemsize
        self._source.check(self._promised)
        return Storage(dtype, np.empty(numel * dtype.itemsize, np.uint8))

    def fill(self, keys: Any) -> None:
        """Read the storages, which come in the order of `keys`."""
        waiting = dict(self._named.by_key)
        for key in keys if type(keys) is list else []:
            storage = waiting.pop(as_str(key), None)
            if storage is None:
                raise refusal("The file is damaged: it has a storage that no tensor needs.")
            (numel,) = struct.unpack("<q", self._source.read(8))
            if numel != storage.numel:
                raise LoadError(f"storage has wrong size: expected {storage.numel} got {numel}")
            self._source.read_into(storage.data)
            storage.data[...] = in_order(storage.data, storage.dtype, "little")
            as_truth(storage.data, storage.dtype)
        if waiting:
            raise refusal("The file is damaged: a storage that a tensor needs is not in it.")


def _part(storage: Storage, view: Any) -> Storage:
    """What old files call a view: (its key, its offset, its number of elements)."""
    if type(view) is not tuple or len(view) != 3 or not all(map(is_count, view[1:])):
        raise refusal("The pickle is damaged: it gives no offset and size for a part of a storage.")
    _, offset, numel = view
    if offset + numel > storage.numel:
        raise refusal("The pickle is damaged: a part of a storage goes beyond its end.")
    item = storage.dtype.itemsize
    return Storage(storage.dtype, storage.data[offset * item : (offset + numel) * item])
