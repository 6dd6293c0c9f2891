"""torch's format since version 1.6: an archive of one pickle, data.pkl, and a record for each storage."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

from tinynn.dtypes import dtype
from tinynn.serialization.archive import ALIGNMENT, ArchiveReader, ArchiveWriter
from tinynn.serialization.pickler import Pickler
from tinynn.serialization.rebuild import BUILDERS, NAMES, NamedStorages
from tinynn.serialization.source import LoadError, Source
from tinynn.serialization.storage import Storage, Storages, as_truth, in_order
from tinynn.serialization.unpickler import Unpickler


def save_zipped(value: Any, file: Any) -> None:
    """Write `value` as an archive."""
    storages = Storages()
    archive = ArchiveWriter(file)
    archive.write("data.pkl", Pickler(storages).dump(value))
    archive.write(".format_version", b"1")
    archive.write(".storage_alignment", str(ALIGNMENT).encode())
    archive.write("byteorder", sys.byteorder.encode())
    for key, storage in storages.by_key.items():
        archive.write(f"data/{key}", storage.data)
    archive.close()


def load_zipped(source: Source, restore: Callable[[Storage, str], None], encoding: str) -> Any:
    """Read the archive in `source`."""
    archive = ArchiveReader(source)
    if "constants.pkl" in archive:
        raise LoadError(
            "Cannot use ``weights_only=True`` with TorchScript archives passed to ``torch.load``.\n"
            "They are programs. Load it in PyTorch and save its state_dict()."
        )
    order = archive.read("byteorder").tobytes() if "byteorder" in archive else b"little"
    if order not in (b"little", b"big"):
        raise LoadError("Unknown endianness type: it is neither little nor big.")

    def make(dtype: dtype, key: str, numel: int) -> Storage:
        data = archive.read(f"data/{key}")
        if data.size != numel * dtype.itemsize:
            raise LoadError(f"storage has wrong byte size: expected {numel * dtype.itemsize} got {data.size}")
        data = in_order(data, dtype, order.decode())
        as_truth(data, dtype)
        return Storage(dtype, data)

    storages = NamedStorages(make, restore)
    pickle = Source(io.BytesIO(archive.read("data.pkl").tobytes()))
    return Unpickler(pickle, NAMES, BUILDERS, lambda id: storages.find(id, 5), encoding).load()
