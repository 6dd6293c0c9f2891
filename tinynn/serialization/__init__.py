"""`save` and `load`: PyTorch's .pth files, written and read without PyTorch, and without running code.

    tinynn.save(model.state_dict(), "model.pth")        # PyTorch can load it, with weights_only=True
    model.load_state_dict(tinynn.load("model.pth"))     # whether tinynn or PyTorch has saved it

A .pth file is a zip archive (archive.py) of one pickle and the raw memory of the tensors in it. Pickles are
written by pickler.py and read by unpickler.py; storage.py goes from tensors to their memory and back, and
rebuild.py knows what torch's names in a file mean here.
"""

from __future__ import annotations

import codecs
import contextlib
import mmap as memory_map
import os
from collections.abc import Iterator
from typing import Any

from tinynn.serialization.archive import MARK
from tinynn.serialization.atomic import replacing
from tinynn.serialization.legacy import load_legacy, save_legacy
from tinynn.serialization.locations import restorer
from tinynn.serialization.safetensors import load_safetensors, save_safetensors
from tinynn.serialization.source import LoadError, Source
from tinynn.serialization.unpickler import PROTOCOL
from tinynn.serialization.zipped import load_zipped, save_zipped

__all__ = ["LoadError", "load", "save"]


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write `obj` into `f`, a path or a file to write to, in PyTorch's format.

    `obj` is a tensor or anything built of tensors, numbers, str, bytes, bool, None, dtypes, Sizes and devices
    with tuple, list, dict, set, OrderedDict and Counter: a state_dict of a module, an optimizer, a scheduler.
    Tensors that share their memory share it when they are loaded. A path ending in .safetensors gets that
    format, which holds a dict from names to tensors, by way of the safetensors package.

    A path is replaced in one step when everything is written; until then, and if anything fails, it has its
    old content. The pickle is always one of protocol 2: `pickle_module` and `pickle_protocol` are accepted.

    Raises PicklingError for what torch.load(f, weights_only=True) would refuse, a whole Module for one;
    RuntimeError for tensors that see the same memory as different dtypes, and if the folder does not exist;
    ValueError for what the .safetensors format does not have; AttributeError for a file without `write`;
    OSError if the path cannot be written.
    """
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with replacing(path) as file:
            if _is_safetensors(path):
                save_safetensors(obj, file)
            else:
                _write(obj, file, _use_new_zipfile_serialization)
    elif hasattr(f, "write"):
        _write(obj, f, _use_new_zipfile_serialization)
        f.flush()
    else:
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    encoding: str = "utf-8",
) -> Any:
    """Read what `save` or PyTorch's save wrote into `f`, a path or a file to read and seek in.

    Reads PyTorch's format, the one from before 1.6, and that of a path ending in .safetensors. No code in the
    file is ever run, with `weights_only=False` neither: what is read is what PyTorch reads with True.

    `map_location` may say that storages from a GPU go to the CPU: "cpu", a device, a dict as
    {"cuda:0": "cpu"}, or a function of storage and location that returns None or the storage. With `mmap` the
    tensors of a path are pieces of the file, mapped into memory; writing to them does not write to it.
    `encoding` is that of the strings of Python 2.

    Raises LoadError (an UnpicklingError and a RuntimeError) for all that can be wrong in a file: cut short,
    changed (the checksums are compared), sizes that are not true, a class that is not allowed, a dtype that
    tinynn does not have, storages on a GPU; OSError if the path cannot be read.
    """
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if encoding != "bytes":
        codecs.lookup(encoding)
    if isinstance(f, str | os.PathLike) and _is_safetensors(os.fspath(f)):
        return load_safetensors(os.fspath(f), map_location)
    with _opened(f, bool(mmap)) as source:
        first = source.read(min(len(MARK), source.size))
        source.seek(0)
        if first == MARK:
            return load_zipped(source, restorer(map_location), encoding)
        if first[:1] != PROTOCOL:
            raise LoadError("Invalid magic number; corrupt file?\nNo version of `save` has written this.")
        if mmap:
            raise RuntimeError(
                "mmap can only be used with files saved with "
                "`torch.save(_use_new_zipfile_serialization=True), please torch.save your checkpoint with "
                "this option in order to use mmap."
            )
        return load_legacy(source, restorer(map_location), encoding)


@contextlib.contextmanager
def _opened(f: Any, mmap: bool) -> Iterator[Source]:
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            mapped = None
            if mmap and os.fstat(file.fileno()).st_size:  # what is empty cannot be mapped
                mapped = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
            yield Source(file, mapped)
    elif mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    else:
        yield Source(f)


def _write(obj: Any, file: Any, zipped: bool) -> None:
    (save_zipped if zipped else save_legacy)(obj, file)


def _is_safetensors(path: str) -> bool:
    return path.endswith(".safetensors")
