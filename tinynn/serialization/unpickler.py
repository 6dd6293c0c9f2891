"""A reader of pickles that runs nothing: it builds plain containers, and calls only what it was told to.

A pickle is a program for a little machine with a stack. Most of its instructions put a value there, or gather
some into a list or a dict. Three of them can do anything when Python reads them: GLOBAL imports what it
names, REDUCE calls it, BUILD sets attributes. Here GLOBAL looks into a table, REDUCE calls the builder that
goes with the entry and checks what it is given, and BUILD adds attributes to an OrderedDict alone.

The instructions are those of torch's own weights_only reader, which are pickle's protocol 2. Python's
pickletools.py describes them.
"""

from __future__ import annotations

import re
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinynn.serialization.source import LoadError, Source

_MODULES = {"__builtin__": "builtins"}  # protocol 2 has Python 2's names
_FOREIGN_DTYPE = re.compile(r"torch\.(cuda\.)?(\w+Storage|[a-z]*(int|float|complex|bits)\d\w*)")
_SCALARS = (str, bytes, int, float, complex, bool, type(None))
_LONGEST_KEY, _MOST_PARTS = 4096, 64  # in characters; in tuples and what is in them
_MOST_TWINS = 100  # keys of a dict that share one hash


def refusal(reason: str) -> LoadError:
    """The error for a pickle that is not read."""
    return LoadError(f"Weights only load failed. {reason}")


class Unpickler:
    """Reads pickles from `source`.

    `names` are the globals that a pickle may name, `builders` maps those of them that it may call to the
    functions that do it: they raise TypeError, ValueError or RuntimeError for arguments they do not like.
    `persistent_load(id)` returns what is stored outside of the pickle. `encoding` is for Python 2's strings.
    """

    def __init__(
        self,
        source: Source,
        names: Mapping[str, Any],
        builders: Mapping[Any, Callable],
        persistent_load: Callable[[Any], Any],
        encoding: str = "utf-8",
    ):
        own = {set: self._set, Counter: self._counter, OrderedDict: self._ordered_dict}
        self._names = {**_NAMES, **names}
        self._builders = {id(known): build for known, build in {**_BUILDERS, **own, **builders}.items()}
        self._persistent_load = persistent_load
        self._encoding = encoding
        self._source = source

    def load(self) -> Any:
        """The value of the pickle that begins where the source stands. Raises LoadError."""
        self._start = self._source.position
        self._copied = 0
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._hashes: dict[int, tuple[Any, Counter[int]]] = {}
        while (instruction := self._source.read(1)) != _STOP:
            if instruction not in _INSTRUCTIONS:
                raise refusal(
                    f"Unsupported operand {instruction[0]}\n"
                    "It is no instruction of pickle's protocol 2, which is what PyTorch writes by default."
                )
            _INSTRUCTIONS[instruction](self)
        return self._pop()

    # --- the stack and the memo

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise refusal("The pickle is damaged: it takes a value from an empty stack.")
        return self._stack.pop()

    def _top(self, *kinds: type) -> Any:
        if not self._stack:
            raise refusal("The pickle is damaged: it looks at an empty stack.")
        if kinds and type(self._stack[-1]) not in kinds:
            allowed = ", ".join(kind.__name__ for kind in kinds)
            raise refusal(f"Can only add to {allowed}, but got {type(self._stack[-1])}")
        return self._stack[-1]

    def _mark(self) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _pop_mark(self) -> list[Any]:
        if not self._marks:
            raise refusal("The pickle is damaged: it goes back to a mark that it never made.")
        values, self._stack = self._stack, self._marks.pop()
        return values

    def _number(self, layout: str) -> Any:
        return struct.unpack(layout, self._source.read(struct.calcsize(layout)))[0]

    def _get(self, layout: str) -> None:
        number = self._number(layout)
        if number not in self._memo:
            raise refusal(f"The pickle is damaged: it refers to value {number}, which it did not store.")
        self._push(self._memo[number])

    def _put(self, layout: str) -> None:
        self._memo[self._number(layout)] = self._top()

    # --- values

    def _protocol(self) -> None:
        self._number("B")  # what matters is which instructions come

    def _long(self) -> None:
        self._push(int.from_bytes(self._source.read(self._number("B")), "little", signed=True))

    def _text(self) -> None:
        data = self._source.read(self._number("<I"))
        self._push(_decoded(data, "utf-8", "surrogatepass"))

    def _python_2_string(self) -> None:
        data = self._source.read(self._number("B"))
        self._push(data if self._encoding == "bytes" else _decoded(data, self._encoding))

    def _tuple(self, n: int) -> None:
        self._push(tuple([self._pop() for _ in range(n)][::-1]))

    # --- containers

    def _append(self) -> None:
        value = self._pop()
        self._top(list).append(value)

    def _extend(self) -> None:
        values = self._pop_mark()
        self._top(list).extend(values)

    def _set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _set_items(self, keys_and_values: list[Any]) -> None:
        if len(keys_and_values) % 2:
            raise refusal("The pickle is damaged: a key has no value.")
        target = self._top(dict, OrderedDict, Counter)
        pairs = iter(keys_and_values)
        self._fill(target, zip(pairs, pairs, strict=True))

    def _fill(self, target: Any, pairs: Iterable) -> Any:
        for key, value in pairs:
            self._check_key(target, key)
            target[key] = value
        return target

    def _check_key(self, target: Any, key: Any) -> None:
        """Raise LoadError for a key that has no hash, or that would take Python forever.

        Python hashes a tuple anew each time, and by recursion: `x = (x, x)` fifty times over never ends. Keys
        of one hash are compared, every one with every other; for texts that hash is not to be foreseen.
        """
        parts, seen = [key], 0
        while parts:
            part = parts.pop()
            seen += 1
            if seen > _MOST_PARTS or (isinstance(part, str | bytes | tuple) and len(part) > _LONGEST_KEY):
                raise refusal("The key of a dict is too large.")
            if isinstance(part, tuple):
                parts.extend(part)
            elif not (isinstance(part, _SCALARS) or type(part).__hash__ is object.__hash__):
                raise refusal(f"The key of a dict cannot be hashed: there is a {type(part).__name__} in it.")
        if not isinstance(key, str | bytes):
            _, hashes = self._hashes.setdefault(id(target), (target, Counter()))
            hashes[hash(key)] += 1
            if hashes[hash(key)] > _MOST_TWINS:
                raise refusal("The keys of a dict were chosen to have the same hash.")

    # --- what could do anything

    def _global(self) -> None:
        module, name = (_decoded(self._source.read_line(), "utf-8") for _ in range(2))
        path = f"{_MODULES.get(module, module)}.{name}"
        if path not in self._names:
            raise _unsupported(path)
        self._push(self._names[path])

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if id(function) not in self._builders or type(arguments) is not tuple:
            raise refusal(f"Trying to call reduce for unrecognized function {type(function).__name__}")
        self._account_for(arguments)
        try:
            self._push(self._builders[id(function)](*arguments))
        except LoadError:
            raise
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            name = getattr(function, "__name__", function)
            raise refusal(f"The arguments of {name} are wrong.\n{error}") from error

    def _account_for(self, values: tuple) -> None:
        """Raise LoadError if more is copied, the contents of `values` now, than was ever read.

        Whoever writes a value spells it out; one that is stored once and copied a thousand times would turn
        a small file into any amount of memory.
        """
        self._copied += sum(len(a) for a in values if isinstance(a, str | bytes | tuple | list | dict))
        if self._copied > 2 * (self._source.position - self._start):
            raise refusal("The pickle copies the same values again and again.")

    def _build(self) -> None:
        attributes, target = self._pop(), self._top(OrderedDict)
        if type(attributes) is not dict or any(
            type(name) is not str or hasattr(OrderedDict, name) for name in attributes
        ):
            raise refusal("Can only give an OrderedDict attributes of new names.")
        self._account_for((attributes,))
        vars(target).update(attributes)

    def _persistent(self) -> None:
        self._push(self._persistent_load(self._pop()))

    # --- builders of plain values

    def _set(self, items: Any = ()) -> set:
        result: set = set()
        for item in _sequence(items):
            self._check_key(result, item)
            result.add(item)
        return result

    def _ordered_dict(self, pairs: Any = ()) -> OrderedDict:
        return self._fill(OrderedDict(), _sequence(pairs))

    def _counter(self, counts: Any = None) -> Counter:
        return self._fill(Counter(), dict.items({} if counts is None else counts))


def _unsupported(path: str) -> LoadError:
    shown = path.removeprefix("builtins.") if path.isprintable() else ascii(path)
    if _FOREIGN_DTYPE.fullmatch(path):
        return refusal(
            f"Unsupported dtype: the file holds {shown}, which tinynn does not have.\n"
            "In PyTorch, convert its tensors before they are saved: "
            "{name: x.float() for name, x in state_dict.items()}."
        )
    return refusal(
        f"Unsupported global: GLOBAL {shown} was not an allowed global by default.\n"
        "A file may hold tensors and plain containers. What else it names would have to be imported and "
        "called, which is never done, with weights_only=False neither: it could be any code. If you trust "
        "the file, load it in PyTorch and save the state_dict() of what is in it."
    )


def _sequence(items: Any) -> Any:
    if not isinstance(items, list | tuple):
        raise TypeError(f"They should be a list, not a {type(items).__name__}.")
    return items


def _decoded(data: bytes, encoding: str, errors: str = "strict") -> str:
    try:
        return str(data, encoding, errors)
    except UnicodeDecodeError as error:
        raise refusal(f"The pickle is damaged: a text is not {encoding}.") from error


def _encode(text: Any, encoding: Any) -> bytes:
    """How protocol 2 writes bytes: one character a byte."""
    if type(text) is not str or encoding != "latin1":
        raise TypeError("Bytes are written as a latin1 text.")
    return text.encode("latin1")


def _bytearray(data: Any = b"") -> bytearray:
    if type(data) is not bytes:  # an int would be how many
        raise TypeError(f"A bytearray is made of bytes, not of {type(data).__name__}.")
    return bytearray(data)


def _no_bytes() -> bytes:
    return b""


def _complex(real: Any, imag: Any) -> complex:
    if type(real) is not float or type(imag) is not float:
        raise TypeError("A complex number has two float parts.")
    return complex(real, imag)


_BUILDERS: dict[Any, Callable] = {
    _encode: _encode,
    bytearray: _bytearray,
    bytes: _no_bytes,
    complex: _complex,
}
_NAMES = {
    "_codecs.encode": _encode,
    "builtins.bytearray": bytearray,
    "builtins.bytes": bytes,
    "builtins.complex": complex,
    "builtins.set": set,
    "collections.Counter": Counter,
    "collections.OrderedDict": OrderedDict,
}

# fmt: off
PROTOCOL, _STOP = b"\x80", b"."  # how a pickle begins and ends
_INSTRUCTIONS: dict[bytes, Callable[[Unpickler], None]] = {
    PROTOCOL: Unpickler._protocol,                           # PROTO
    b"N":    lambda self: self._push(None),                  # NONE
    b"\x88": lambda self: self._push(True),                  # NEWTRUE
    b"\x89": lambda self: self._push(False),                 # NEWFALSE
    b"K":    lambda self: self._push(self._number("B")),     # BININT1
    b"M":    lambda self: self._push(self._number("<H")),    # BININT2
    b"J":    lambda self: self._push(self._number("<i")),    # BININT
    b"\x8a": Unpickler._long,                                # LONG1
    b"G":    lambda self: self._push(self._number(">d")),    # BINFLOAT
    b"X":    Unpickler._text,                                # BINUNICODE
    b"U":    Unpickler._python_2_string,                     # SHORT_BINSTRING
    b")":    lambda self: self._push(()),                    # EMPTY_TUPLE
    b"]":    lambda self: self._push([]),                    # EMPTY_LIST
    b"}":    lambda self: self._push({}),                    # EMPTY_DICT
    b"(":    Unpickler._mark,                                # MARK
    b"\x85": lambda self: self._tuple(1),                    # TUPLE1
    b"\x86": lambda self: self._tuple(2),                    # TUPLE2
    b"\x87": lambda self: self._tuple(3),                    # TUPLE3
    b"t":    lambda self: self._push(tuple(self._pop_mark())),  # TUPLE
    b"a":    Unpickler._append,                              # APPEND
    b"e":    Unpickler._extend,                              # APPENDS
    b"s":    Unpickler._set_item,                            # SETITEM
    b"u":    lambda self: self._set_items(self._pop_mark()),  # SETITEMS
    b"h":    lambda self: self._get("B"),                    # BINGET
    b"j":    lambda self: self._get("<I"),                   # LONG_BINGET
    b"q":    lambda self: self._put("B"),                    # BINPUT
    b"r":    lambda self: self._put("<I"),                   # LONG_BINPUT
    b"c":    Unpickler._global,                              # GLOBAL
    b"R":    Unpickler._reduce,                              # REDUCE
    b"b":    Unpickler._build,                               # BUILD
    b"Q":    Unpickler._persistent,                          # BINPERSID
}
# fmt: on
