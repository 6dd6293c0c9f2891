"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` in one step when the block ends without an exception.

    Until then it is another file in the same folder. What is no ordinary file, such as a pipe, is written to
    directly. Raises OSError as `open` does, and RuntimeError, as torch, if there is no such folder.
    """
    target = os.path.realpath(path)  # so that a link stays one
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    if os.path.exists(target) and not os.path.isfile(target):
        with open(path, "wb") as file:
            yield file
        return
    if os.path.exists(target):
        open(target, "ab").close()  # raises if it is write-protected
    temporary = os.path.join(folder, f".{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
