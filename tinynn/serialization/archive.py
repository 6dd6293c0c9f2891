"""The zip archive that a .pth file is: written byte for byte as torch writes it, and read with suspicion.

    archive/data.pkl                the object, pickled; it refers to storages by number
    archive/.format_version         1
    archive/.storage_alignment      64
    archive/byteorder               little
    archive/data/0, data/1, ...     the storages
    archive/version                 3
    archive/.data/serialization_id  a fingerprint

Records are stored, not compressed, and begin at multiples of 64 bytes: they can be mapped into memory.
The format is described in https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import Any, NamedTuple

import numpy as np

from tinynn.serialization.source import LoadError, Source

# fmt: off
_LOCAL       = struct.Struct("<4s5H3L2H")     # signature, version, flags, method, time, date,
                                              # crc, stored size, size, lengths of name and extra field
_CENTRAL     = struct.Struct("<4s6H3L5H2L")   # as above after one more version, length of comment, disk,
                                              # attributes (inner, outer), position of the local header
_END         = struct.Struct("<4s4H2LH")      # signature, disks, records (here, all), size and position of
                                              # the central directory, length of comment
_END_64      = struct.Struct("<4sQ2H2L4Q")    # the same for large archives, after its own size and versions
_LOCATOR_64  = struct.Struct("<4sLQL")        # signature, disk, position of _END_64, disks
_DESCRIPTOR    = struct.Struct("<4s3L")       # signature, crc, stored size, size
_DESCRIPTOR_64 = struct.Struct("<4sL2Q")
# fmt: on
_LOCAL_MARK, _CENTRAL_MARK, _DESCRIPTOR_MARK = b"PK\3\4", b"PK\1\2", b"PK\7\x08"
_END_MARK, _END_64_MARK, _LOCATOR_64_MARK = b"PK\5\6", b"PK\6\6", b"PK\6\7"
MARK = _LOCAL_MARK  # how an archive begins
ALIGNMENT = 64

_ROOT = "archive/"
_DESCRIBED, _UTF8, _ENCRYPTED = 1 << 3, 1 << 11, 1 << 0  # flags; described: crc and sizes follow the data
_TOO_LARGE = 0xFFFFFFFF  # stands in a 32-bit field whose number is in the extra field of type 1
_HAVE_64, _MADE_BY, _NEEDS = 1, 0x031E, 45
_INVALID = "reading zip archive: invalid header or archive is corrupted"


class _Entry(NamedTuple):
    """A line of the central directory."""

    name: str
    start: int  # of the local header when writing, of the data when reading
    size: int
    crc: int

    @property
    def flags(self) -> int:
        return _UTF8 | (_DESCRIBED if self.size else 0)

    @property
    def is_large(self) -> bool:
        return self.size >= _TOO_LARGE or self.start >= _TOO_LARGE


# --- writing


class ArchiveWriter:
    """Writes records into a file, one after the other; `close` adds the central directory."""

    def __init__(self, file: Any):
        self._file = file
        self._position = 0
        self._entries: list[_Entry] = []

    def write(self, name: str, data: Any) -> None:
        """Add a record: bytes, or an array of them."""
        entry = _Entry(_ROOT + name, self._position, len(data), zlib.crc32(data))
        self._entries.append(entry)
        encoded = entry.name.encode()
        extra = _sizes_64(entry)
        unaligned = self._position + _LOCAL.size + len(encoded) + len(extra) + 4
        extra += b"FB" + struct.pack("<H", -unaligned % ALIGNMENT) + b"Z" * (-unaligned % ALIGNMENT)
        self._put(_LOCAL.pack(_LOCAL_MARK, 0, entry.flags, 0, 0, 0, 0, 0, 0, len(encoded), len(extra)))
        self._put(encoded + extra)
        self._put(memoryview(data))
        if entry.size:
            layout = _DESCRIPTOR_64 if entry.is_large else _DESCRIPTOR
            self._put(layout.pack(_DESCRIPTOR_MARK, entry.crc, entry.size, entry.size))

    def close(self) -> None:
        """Write the records that torch adds at the end, and the central directory."""
        self.write("version", b"3\n")
        self.write(".data/serialization_id", self._fingerprint().encode())
        start = self._position
        for entry in self._entries:
            self._put(_central_line(entry))
        end, n = self._position, len(self._entries)
        self._put(
            _END_64.pack(_END_64_MARK, _END_64.size - 12, _MADE_BY, _NEEDS, 0, 0, n, n, end - start, start)
        )
        self._put(_LOCATOR_64.pack(_LOCATOR_64_MARK, 0, end, 1))
        few = min(n, 0xFFFF)
        sizes = min(end - start, _TOO_LARGE), min(start, _TOO_LARGE)
        self._put(_END.pack(_END_MARK, 0, 0, few, few, *sizes, 0))

    def _put(self, data: Any) -> None:
        self._file.write(data)
        self._position += len(data)

    def _fingerprint(self) -> str:
        """Two numbers of 20 digits: a hash of the names, and one of the checksums."""
        names = contents = 0
        for entry in self._entries:
            names = _combined(names, zlib.crc32(entry.name.encode()))
            contents = _combined(contents, entry.crc)
        return f"{names:020}{contents:020}"


def _combined(seed: int, value: int) -> int:
    """torch's hash_combine."""
    return seed ^ (value + 0x9E3779B9 + (seed << 6) + (seed >> 2)) & (1 << 64) - 1


def _sizes_64(entry: _Entry) -> bytes:
    """The extra field with the numbers that do not fit into 32 bits; empty if all do."""
    numbers = [entry.size] * 2 if entry.size >= _TOO_LARGE else []
    numbers += [entry.start] if entry.start >= _TOO_LARGE else []
    content = struct.pack(f"<{len(numbers)}Q", *numbers)
    return struct.pack("<2H", _HAVE_64, len(content)) + content if numbers else b""


def _central_line(entry: _Entry) -> bytes:
    encoded, extra = entry.name.encode(), _sizes_64(entry)
    size, start = min(entry.size, _TOO_LARGE), min(entry.start, _TOO_LARGE)
    lengths = len(encoded), len(extra), 0
    line = _CENTRAL.pack(
        _CENTRAL_MARK, 0, 0, entry.flags, 0, 0, 0, entry.crc, size, size, *lengths, 0, 0, 0, start
    )
    return line + encoded + extra


# --- reading


class ArchiveReader:
    """The records of an archive by name, without the folder they are all in."""

    def __init__(self, source: Source):
        self._source = source
        position, size, count = self._find_directory()
        source.seek(position)
        lines = _directory(source.read(size), count)
        self._entries = self._located(lines, position)
        # torch.serialization.set_crc32_options(False) leaves every checksum 0
        self._checked = any(entry.crc for entry in self._entries.values())

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> np.ndarray:
        """The bytes of a record, when they have been compared with its checksum."""
        if name not in self._entries:
            raise _damaged(f"locating file {name}: file not found")
        entry = self._entries[name]
        self._source.seek(entry.start)
        data = self._source.read_array(entry.size)
        if self._checked and zlib.crc32(data.data) != entry.crc:
            raise _damaged(f"reading file {name}: file crc32 check failed")
        return data

    def _find_directory(self) -> tuple[int, int, int]:
        """Where the central directory is, its size in bytes, and how many records it lists."""
        source = self._source
        tail_start = max(0, source.size - (_END.size + 0xFFFF))  # a comment may follow
        source.seek(tail_start)
        tail = source.read(source.size - tail_start)
        found = tail.rfind(_END_MARK)
        if found < 0 or len(tail) - found < _END.size:
            raise _damaged("reading zip archive: failed finding central directory")
        _, _, _, _, count, size, position, _ = _END.unpack_from(tail, found)
        end = tail_start + found
        if end >= _LOCATOR_64.size:
            source.seek(end - _LOCATOR_64.size)
            mark, _, end_64, _ = _LOCATOR_64.unpack(source.read(_LOCATOR_64.size))
            if mark == _LOCATOR_64_MARK:
                source.seek(end_64)
                mark, _, _, _, _, _, _, count, size, position = _END_64.unpack(source.read(_END_64.size))
                if mark != _END_64_MARK:
                    raise _damaged(_INVALID)
        if position + size > end:
            raise _damaged(_INVALID)
        return position, size, count

    def _located(self, lines: list[_Entry], end: int) -> dict[str, _Entry]:
        """The records by name, each with the place of its data; no two may share a name or a byte."""
        entries: dict[str, _Entry] = {}
        root = lines[0].name.partition("/")[0] + "/" if lines else ""
        used = 0  # up to here, bytes belong to a record
        for line in sorted(lines, key=lambda line: line.start):
            start = self._data_start(line)
            if line.start < used or start + line.size > end:
                raise _damaged(f"reading file {line.name!r}: it overlaps with another")
            used = start + line.size
            if not line.name.startswith(root):
                raise LoadError(f"file in archive is not in a subdirectory: {line.name!r}")
            name = line.name.removeprefix(root)
            if name in entries:
                raise _damaged(f"reading file {name!r}: there are two of this name")
            entries[name] = line._replace(start=start)
        return entries

    def _data_start(self, line: _Entry) -> int:
        self._source.seek(line.start)
        header = _LOCAL.unpack(self._source.read(_LOCAL.size))
        name = self._source.read(header[-2])
        if header[0] != _LOCAL_MARK or name != line.name.encode():
            raise _damaged(f"reading file {line.name!r}: invalid header or archive is corrupted")
        return self._source.position + header[-1]


def _directory(data: bytes, count: int) -> list[_Entry]:
    """The lines of a central directory; `start` is that of the local header as yet."""
    lines = []
    at = 0
    for _ in range(count):
        if len(data) - at < _CENTRAL.size:
            raise _damaged(_INVALID)
        header = _CENTRAL.unpack_from(data, at)
        mark, _, _, flags, method, _, _, crc, stored, size, *lengths, _, _, _, start = header
        name_at = at + _CENTRAL.size
        _, extra_at, comment_at, at = itertools.accumulate(lengths, initial=name_at)
        name, extra = data[name_at:extra_at], data[extra_at:comment_at]
        if mark != _CENTRAL_MARK or at > len(data):
            raise _damaged(_INVALID)
        try:
            entry = _Entry(name.decode(), start, size, crc)
        except UnicodeDecodeError:
            raise _damaged(_INVALID) from None
        if method or flags & _ENCRYPTED or stored != size:
            raise _damaged(
                f"reading file {entry.name!r}: it is compressed or encrypted, which torch never does"
            )
        lines.append(_with_sizes_64(entry, extra))
    return lines


def _with_sizes_64(entry: _Entry, extra: bytes) -> _Entry:
    """The entry with the numbers that stand in its extra field, if any."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        content, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _HAVE_64:
            numbers = [number for (number,) in struct.iter_unpack("<Q", content[: len(content) // 8 * 8])]
            if entry.size == _TOO_LARGE and len(numbers) >= 2 and numbers[0] == numbers[1]:
                entry = entry._replace(size=numbers[0])
                numbers = numbers[2:]
            if entry.start == _TOO_LARGE and numbers:
                entry = entry._replace(start=numbers[0])
    return entry


def _damaged(what: str) -> LoadError:
    """torch's error about an archive."""
    return LoadError(
        f"PytorchStreamReader failed {what}.\n"
        "The file is damaged: was it cut short when it was saved or copied, or changed since?"
    )
