"""Modules made of modules: Sequential, ModuleList, ModuleDict; and ParameterList, ParameterDict."""

from __future__ import annotations

import itertools
import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from tinynn.nn.module import MODULE, Module
from tinynn.nn.parameter import Parameter
from tinynn.size import listed
from tinynn.tensor import Tensor


class _Numbered(Module):
    """Modules in a row, named "0", "1", ... (or, in a Sequential, by an OrderedDict)."""

    def _children(self) -> list[Module]:
        attributes = self.__dict__
        return [attributes[name] for name, kind in self._kinds.items() if kind == MODULE]

    def _name_at(self, index: Any) -> str:
        index, names = operator.index(index), list(self._modules)
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range")
        return names[index]

    def __getitem__(self, index: Any) -> Any:
        return self._part(index) if isinstance(index, slice) else self._modules[self._name_at(index)]

    def _part(self, index: slice) -> Self:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: Any) -> None:
        doomed = list(self._modules)[index] if isinstance(index, slice) else [self._name_at(index)]
        for name in doomed:
            delattr(self, name)
        self._renumber(self._children())

    def _renumber(self, modules: list[Module]) -> None:
        self._modules.clear()
        self._modules.update((str(i), module) for i, module in enumerate(modules))

    def __len__(self) -> int:
        return len(self._children())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._children())

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: Any) -> Any:
        """Take the module at `key` (or the modules of a slice) away, and return it."""
        removed = self[key]
        del self[key]
        return removed


class Sequential(_Numbered):
    """Modules that are called one after the other: `Sequential(a, b)(x)` is b(a(x)).

    `Sequential(OrderedDict([("hidden", a), ("out", b)]))` gives them names.
    """

    def __init__(self, *args: Any):
        super().__init__()
        given = args[0] if len(args) == 1 and isinstance(args[0], OrderedDict) else dict(enumerate(args))
        for name, module in given.items():
            self.add_module(str(name), module)

    def _part(self, index: slice) -> Self:
        return type(self)(OrderedDict(list(self._modules.items())[index]))

    def forward(self, input: Any) -> Any:
        for module in self._children():
            input = module(input)
        return input

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before position `index`; those after it move up."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        modules = self._children()
        if not -len(modules) <= index <= len(modules):
            raise IndexError(f"Index out of range: {index}")
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self, *_sequential(other))

    def __iadd__(self, other: Sequential) -> Self:
        return self.extend(_sequential(other))

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*self._children() * _factor(self, times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(self._children() * (_factor(self, times) - 1))


def _sequential(other: Any) -> Sequential:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )
    return other


def _factor(module: Module, times: Any) -> int:
    if not isinstance(times, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(module)} and {type(times)}")
    if times <= 0:
        raise ValueError(f"Non-positive multiplication factor {times} for {type(module)}")
    return times


class ModuleList(_Numbered):
    """A list of modules that are registered; it has no forward of its own."""

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def _part(self, index: slice) -> Self:
        return type(self)(self._children()[index])

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        return super().extend(modules)

    def insert(self, index: int, module: Module) -> None:
        """Add a module before position `index`; those after it move up."""
        modules = self._children()
        modules.insert(index, module)
        self._renumber(modules)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(itertools.chain(self, other))

    def __repr__(self) -> str:
        """Neighbours that print the same are shown once, as `(0-3): 4 x ReLU()`."""
        lines, start = [], 0
        for text, group in itertools.groupby(repr(child) for child in self):
            n = len(list(group))
            place = f"({start}): " if n == 1 else f"({start}-{start + n - 1}): {n} x "
            lines.append(place + text)
            start += n
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{self._get_name()}(\n  {body}\n)" if lines else f"{self._get_name()}()"


def _pairs(name: str, given: Any) -> Iterable[tuple[str, Any]]:
    """The (key, value) pairs of a mapping, or of an iterable of pairs."""
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{name}.update should be called with an iterable of key/value pairs, but got "
            f"{type(given).__name__}"
        )
    if isinstance(given, Mapping | _Named):
        return given.items()
    pairs = list(given)
    for i, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(
                f"{name} update sequence element #{i} should be Iterable; is{type(pair).__name__}"
            )
        if len(pair) != 2:  # type: ignore[arg-type]
            raise ValueError(f"{name} update sequence element #{i} has length {len(pair)}; 2 is required")  # type: ignore[arg-type]
    return pairs


class _Named(Module):
    """Values under names of the user's."""

    def _registry_of_values(self) -> Any:
        return self._modules

    def __getitem__(self, key: str) -> Any:
        return self._registry_of_values()[key]

    def __delitem__(self, key: str) -> None:
        del self._registry_of_values()[key]

    def __len__(self) -> int:
        return len(self._registry_of_values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._registry_of_values())

    def __contains__(self, key: str) -> bool:
        return key in self._registry_of_values()

    def __setitem__(self, key: str, value: Any) -> None:
        raise NotImplementedError

    def clear(self) -> None:
        """Remove everything."""
        self._registry_of_values().clear()

    def pop(self, key: str) -> Any:
        """Remove a key, and return its value."""
        return self._registry_of_values().pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._registry_of_values().keys()

    def items(self) -> Any:
        """The (name, value) pairs."""
        return self._registry_of_values().items()

    def values(self) -> Any:
        """The values."""
        return self._registry_of_values().values()

    def update(self, given: Any) -> None:
        """Add the pairs of a mapping, or of an iterable of pairs; same names are overwritten."""
        for key, value in _pairs(self._get_name(), given):
            self[key] = value


class ModuleDict(_Named):
    """A dict of modules that are registered; it has no forward of its own."""

    def __init__(self, modules: Any = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)


class ParameterDict(_Named):
    """A dict of parameters that are registered; tensors become parameters."""

    def __init__(self, parameters: Any = None):
        super().__init__()
        if parameters is not None:
            self.update(parameters)

    def _registry_of_values(self) -> Any:
        return self._parameters

    def __setitem__(self, key: str, value: Tensor) -> None:
        self.register_parameter(key, value if isinstance(value, Parameter) else Parameter(value))

    def extra_repr(self) -> str:
        return "\n".join(f"  ({name}): {_described(p, p.type())}" for name, p in self.items())


class ParameterList(Module):
    """A list of parameters that are registered; tensors become parameters."""

    def __init__(self, values: Iterable[Tensor] | None = None):
        super().__init__()
        if values is not None:
            self.extend(values)

    def _values(self) -> list[Parameter]:
        return list(self._parameters.values())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._values()[index])
        return self._values()[self._place(index)]

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, str(self._place(index)), value if isinstance(value, Parameter) else Parameter(value))

    def _place(self, index: Any) -> int:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range")
        return index % len(self)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._values())

    def append(self, value: Tensor) -> Self:
        """Add a parameter at the end."""
        self.register_parameter(str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> Self:
        """Add several parameters at the end."""
        for value in list(values):
            self.append(value)
        return self

    __iadd__ = extend

    def extra_repr(self) -> str:
        return "\n".join(f"  ({i}): {_described(p, repr(p.dtype))}" for i, p in enumerate(self))


def _described(parameter: Parameter, kind: str) -> str:
    return f"Parameter containing: [{kind} of size {listed(parameter.shape)}]"
