"""Bytes from a file that may be damaged or hostile: what is asked for, whole, or a LoadError."""

from __future__ import annotations

import io
import mmap
import pickle
from typing import Any

import numpy as np


class LoadError(pickle.UnpicklingError, RuntimeError):
    """The file cannot be loaded: it is damaged, or it asks for what `load` does not do.

    torch raises UnpicklingError for a class it refuses and RuntimeError for a damaged archive. This is both,
    and it is all that `load` raises about the content of a file.
    """


class Source:
    """A file to read from; positions count from where it stood.

    `mapped`, a map of the whole file into memory, makes `read_array` return pieces of it.
    """

    def __init__(self, file: Any, mapped: mmap.mmap | None = None):
        _check_file(file)
        self._file, self._mapped = file, mapped
        self._start = file.tell()
        file.seek(0, io.SEEK_END)
        self.size = file.tell() - self._start
        self.seek(0)

    def seek(self, position: int) -> None:
        """Go on reading at `position`."""
        if not 0 <= position <= self.size:
            raise LoadError(f"The file is damaged: it points to byte {position} of {self.size}.")
        self._file.seek(self._start + position)
        self.position = position

    def check(self, n: int) -> None:
        """Raise LoadError unless there are n more bytes: no memory is made on the file's word alone."""
        if n < 0:
            raise LoadError(f"The file is damaged: it speaks of {n} bytes.")
        missing = self.position + n - self.size
        if missing > 0:
            raise LoadError(f"unexpected EOF, expected {missing} more bytes. The file might be corrupted.")

    def read(self, n: int) -> bytes:
        """The next n bytes."""
        self.check(n)
        data = self._file.read(n)
        while len(data) < n:  # files without a buffer return what comes first
            more = self._file.read(n - len(data))
            if not more:
                raise LoadError("The file was cut short while it was read.")
            data += more
        self.position += n
        return data

    def read_line(self) -> bytes:
        """What is left of this line, without its end."""
        line = self._file.readline(_LONGEST_LINE)
        self.position += len(line)
        if not line.endswith(b"\n"):
            raise LoadError("The file is damaged: a line in it has no end.")
        return line[:-1]

    def read_array(self, n: int) -> np.ndarray:
        """The next n bytes as an array of them."""
        self.check(n)
        if self._mapped is not None and n > 0:
            array = np.frombuffer(self._mapped, np.uint8, n, self.position)
            self.seek(self.position + n)
        else:
            array = np.empty(n, np.uint8)
            self.read_into(array)
        return array

    def read_into(self, array: np.ndarray) -> None:
        """Fill an array of bytes."""
        for start in range(0, array.size, _PIECE):
            piece = array[start : start + _PIECE]
            piece[...] = np.frombuffer(self.read(piece.size), np.uint8)


_LONGEST_LINE = 1000  # such a line is the name of a class
_PIECE = 1 << 20  # what is read passes through a copy of this size, which stays in cache


def _check_file(file: Any) -> None:
    try:
        file.seek(file.tell())
    except (io.UnsupportedOperation, AttributeError) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data into a "
            "buffer like io.BytesIO and try to load from it instead."
        ) from None
    if isinstance(file.read(0), str):
        raise AssertionError("Expected bytes, got str\nOpen the file in binary mode: open(name, 'rb').")
