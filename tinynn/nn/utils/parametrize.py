"""Parameters that are computed, whenever they are read, from others: `register_parametrization`.

    class Symmetric(Module):
        def forward(self, X):
            return X.triu() + X.triu(1).T

    register_parametrization(layer, "weight", Symmetric())  # layer.weight is symmetric from now on

What is trained is `layer.parametrizations.weight.original`. The module becomes of a class of its own, in
which `weight` is a property. A method `right_inverse` of the parametrization makes it assignable.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from tinynn.autograd.grad_mode import no_grad
from tinynn.nn.containers import ModuleDict, ModuleList
from tinynn.nn.module import BUFFER, PARAMETER, Module
from tinynn.nn.parameter import Parameter
from tinynn.tensor import Tensor

M = TypeVar("M", bound=Module)


class _Cache:
    """What has been computed inside the outermost `with cached():`."""

    depth = 0
    values: dict[tuple[int, str], Tensor] = {}


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Inside `with cached():` a parametrized parameter is computed once, however often it is read."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values.clear()


class ParametrizationList(ModuleList):
    """The parametrizations of one parameter, and what they compute it from: `original`, or `original0` ...

    `self()` is the parameter. Raises ValueError where the parametrizations do not fit it.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = self._inverse_of(original)
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype != dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            original.data = new.data
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                _register(self, f"original{i}", _as_kind_of(original, part, i))
        if not unsafe:
            self._check(self(), shape, dtype)

    def _inverse_of(self, original: Tensor) -> Tensor | Sequence[Any]:
        """What to compute from, at the start: where a right_inverse is missing, the identity."""
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):
                        new = module.right_inverse(new)
        if not isinstance(new, Tensor | Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(new).__name__}"
            )
        return new

    def _check(self, computed: Any, shape: Any, dtype: Any) -> None:
        if not isinstance(computed, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(computed).__name__}.")
        for what, before, after in (("dtype", dtype, computed.dtype), ("shape", shape, computed.shape)):
            if before != after:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` "
                    f"flag is enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
                )

    def originals(self) -> list[Tensor]:
        """What the parameter is computed from."""
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def forward(self) -> Tensor:
        first, *others = self
        computed = first(*self.originals())
        for module in others:
            computed = module(computed)
        return computed

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals to what makes the parameter `value`. Raises RuntimeError if that is unknown."""
        with no_grad():
            given: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                given = module.right_inverse(given)
            for target, new in zip(self.originals(), self._checked_parts(given), strict=True):
                target.data = new.data

    def _checked_parts(self, given: Any) -> Sequence[Tensor]:
        if self.is_tensor:
            if not isinstance(given, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(given).__name__}")
            if given.dtype != self.original.dtype:
                raise ValueError(
                    f"The tensor returned by `right_inverse` has dtype {given.dtype} while `original` has "
                    f"dtype {self.original.dtype}"
                )
            return [given]
        if not isinstance(given, Sequence):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors. Got {type(given).__name__}."
            )
        if len(given) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a "
                f"sequence of length {len(given)}."
            )
        return given


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _as_kind_of(original: Tensor, part: Any, i: int) -> Tensor:
    """`part`, a parameter if the original is one."""
    if not isinstance(part, Tensor):
        raise ValueError(
            "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
            f"{i} of the sequence with type {type(part).__name__}."
        )
    if isinstance(original, Parameter):
        return Parameter(part, original.requires_grad)
    return part.requires_grad_(original.requires_grad)


def register_parametrization(
    module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> M:
    """Let `parametrization` compute the parameter or buffer `tensor_name`. Returns the module.

    A second one computes from what the first computes. unsafe=True: it may change shape and dtype. Raises
    ValueError if there is no such parameter, or if the parametrization does not fit it.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        registered: Any = module.parametrizations[tensor_name]
        if not unsafe:
            _check_added(module, tensor_name, parametrization)
        registered.append(parametrization)
        registered.unsafe |= unsafe
    elif module._kinds.get(tensor_name) in (PARAMETER, BUFFER):
        original = getattr(module, tensor_name)
        computing = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_own_class(module)
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _computed(tensor_name))
        module.parametrizations[tensor_name] = computing
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_added(module: Module, name: str, parametrization: Any) -> None:
    """Raise ValueError if it makes something else of what is computed so far, or cannot be inverted to it."""
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for what in ("dtype", "shape"):
        own, new = getattr(before, what), getattr(after, what)
        if own != new:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless the `unsafe` "
                f"flag is enabled.\nmodule.{name}.{what}: {own}\nparametrization(module.{name}).{what}: {new}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    with contextlib.suppress(NotImplementedError):
        inverse = parametrization.right_inverse(after)
        if not isinstance(inverse, Tensor):
            raise ValueError(
                f"parametrization.right_inverse must return a tensor. Got: {type(inverse).__name__}"
            )
        for what in ("dtype", "shape"):
            own, new = getattr(before, what), getattr(inverse, what)
            if own != new:
                raise ValueError(
                    f"The tensor returned by parametrization.right_inverse must have the same {what} as "
                    f"module.{name}, unless the `unsafe` flag is enabled.\nmodule.{name}.{what}: {own}\n"
                    f"returned {what}: {new}"
                )


def _give_own_class(module: Module) -> None:
    """Make the module of a subclass of its class, which only it has: there the properties will be."""
    cls = type(module)
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), {"__getstate__": _refuse_to_be_pickled})
    module.__class__.__deepcopy__ = _deepcopy  # type: ignore[attr-defined]


def _refuse_to_be_pickled(module: Module) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "Module.state_dict, and Module.load_state_dict of a module with the same parametrizations."
    )


def _deepcopy(module: Module, memo: dict) -> Module:
    replica = memo[id(module)] = object.__new__(type(module))
    replica.__dict__.update(copy.deepcopy(module.__dict__, memo))
    return replica


def _computed(name: str) -> property:
    """The property that computes the parameter `name`."""

    def get(module: Any) -> Tensor:
        computing = module.parametrizations[name]
        if not _Cache.depth:
            return computing()
        key = id(module), name
        if key not in _Cache.values:
            _Cache.values[key] = computing()
        return _Cache.values[key]

    def put(module: Any, value: Tensor) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(get, put)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the parameter of this name (any, if None) is computed by parametrizations."""
    computed = getattr(module, "parametrizations", None)
    if not isinstance(computed, ModuleDict):
        return False
    return len(computed) > 0 if tensor_name is None else tensor_name in computed


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make `tensor_name` an ordinary parameter again. Returns the module.

    Its value is what was computed or, if leave_parametrized=False, the original. Raises ValueError if it has
    no parametrization, or several originals to choose from.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    computing: Any = module.parametrizations[tensor_name]
    if not computing.is_tensor and not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms "
            "of a sequence of tensors."
        )
    if computing.is_tensor:
        restored = computing.original
        if leave_parametrized:
            with no_grad():
                restored.data = getattr(module, tensor_name).data
    else:
        value = getattr(module, tensor_name)
        restored = Parameter(value.detach()) if value.requires_grad else value
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, restored)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]  # type: ignore[assignment]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class, but for the one that parametrizations gave it."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
