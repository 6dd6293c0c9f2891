"""`Module`: the base class of everything with parameters. Subclass it, assign layers, define `forward`.

    class Model(Module):
        def __init__(self):
            super().__init__()
            self.layer = Linear(2, 1)

        def forward(self, x):
            return self.layer(x).relu()

A parameter, a buffer or a submodule is an ordinary attribute of its module, so reading it costs no more than
reading any other. What makes `layer` a submodule is one entry, `_kinds["layer"] = "module"`, that assigning
it leaves; the order of the entries is the order of `parameters()` and of the keys of a state_dict.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, Self

from tinynn import dtypes
from tinynn.autograd.grad_mode import no_grad
from tinynn.autograd.hooks import RemovableHandle
from tinynn.creation import empty_like
from tinynn.device import check_device
from tinynn.device import device as Device
from tinynn.nn.hooks import Hook, call_with_hooks, register
from tinynn.nn.parameter import Buffer, Parameter
from tinynn.nn.state_hooks import AFTER_LOADING, AFTER_SAVING, BEFORE_LOADING, BEFORE_SAVING, StateHooks
from tinynn.tensor import Tensor

PARAMETER, BUFFER, MODULE = "parameter", "buffer", "module"
EXTRA_STATE = "_extra_state"


class Registry(MutableMapping):
    """A module's parameters, or its buffers, or its submodules, as a dict; writing to it registers."""

    def __init__(self, module: Module, kind: str):
        self._attributes, self._kinds, self._kind = module.__dict__, module._kinds, kind

    def __getitem__(self, name: str) -> Any:
        if self._kinds.get(name) != self._kind:
            raise KeyError(name)
        return self._attributes[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if self._kinds.get(name) != self._kind:
            self._kinds.pop(name, None)  # a name has one kind; its new entry goes to the end
            self._kinds[name] = self._kind
        self._attributes[name] = value

    def __delitem__(self, name: str) -> None:
        self[name]  # raises KeyError for a name of another kind
        del self._kinds[name], self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, kind in self._kinds.items() if kind == self._kind])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __repr__(self) -> str:
        return repr(dict(self))


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the keys it missed, and those it had no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module(StateHooks):
    """Base class of layers and models: see the top of this file.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it; a plain tensor, or a list of
    modules, it does not. `module(x)` runs `forward(x)` and the hooks.
    """

    training: bool
    _hooked = False  # whether a hook was ever registered
    _version = 1
    _kinds: dict[str, str]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _kinds={},
            _non_persistent_buffers_set=set(),
            _forward_pre_hooks={},
            _forward_hooks={},
            _backward_pre_hooks={},
            _backward_hooks={},
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation that calling the module performs; every subclass defines its own."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function\n'
            "Define `def forward(self, x)` in your class, at the indentation of __init__."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # --- what belongs to it

    def _registry(self, kind: str) -> Registry:
        if "_kinds" not in self.__dict__:
            raise AttributeError(
                f"cannot assign {kind} before Module.__init__() call\nCall super().__init__() first."
            )
        return Registry(self, kind)

    @property
    def _parameters(self) -> Registry:
        return Registry(self, PARAMETER)

    @property
    def _buffers(self) -> Registry:
        return Registry(self, BUFFER)

    @property
    def _modules(self) -> Registry:
        return Registry(self, MODULE)

    def _members(self, kind: str) -> list[tuple[str, Any]]:
        """The (name, value) of one kind, in order."""
        attributes = self.__dict__
        return [(name, attributes[name]) for name, own in self._kinds.items() if own == kind]

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = self.__dict__.get("_kinds")
        registered = None if kinds is None else kinds.get(name)
        kind = _kind_of(value, registered)
        if kind is None:
            object.__setattr__(self, name, value)
        elif kinds is None:
            plural = "s" if kind == PARAMETER else ""
            raise AttributeError(
                f"cannot assign {kind}{plural} before Module.__init__() call\nCall super().__init__() first."
            )
        else:
            _check_assignable(kind, name, value)
            if registered != kind:
                self.__dict__.pop(name, None)
            self._register(kind, name, value)

    def _register(self, kind: str, name: str, value: Any) -> None:
        if kind == PARAMETER:
            self.register_parameter(name, value)
        elif kind == BUFFER:
            kept = name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, getattr(value, "persistent", kept))
        else:
            self._modules[name] = value

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name, obj=self)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._kinds.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *(name for name in self.__dict__ if not name[:1].isdigit())})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, to be read as `module.name`; None keeps the place of one that is not there."""
        registry = self._registry(PARAMETER)
        self._check_name(PARAMETER, name)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{type_name(param)}' object to parameter '{name}' (tinynn.nn.Parameter "
                    "or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in "
                    "the forward() method."
                )
        registry[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but not trained; if not persistent, it is never saved."""
        registry = self._registry(BUFFER)
        self._check_name(BUFFER, name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (tinynn Tensor or None "
                "required)"
            )
        registry[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(
            name
        )

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule, to be read as `module.name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type_name(module)} is not a Module subclass")
        self._check_name(MODULE, name)
        self._registry(MODULE)[name] = module

    register_module = add_module

    def _check_name(self, kind: str, name: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type_name(name)}")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == MODULE else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if self._kinds.get(name) != kind and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    # --- walking through it

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself ("") and, depth first, all modules inside it, with dotted names."""
        memo = set() if memo is None else memo
        if self not in memo:
            if remove_duplicate:
                memo.add(self)
            yield prefix, self
            for name, child in self._members(MODULE):
                if child is not None:
                    yield from child.named_modules(
                        memo, f"{prefix}.{name}" if prefix else name, remove_duplicate
                    )

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """The module itself and all modules inside it, each once."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names, each once."""
        seen = set()
        for name, child in self._members(MODULE):
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The direct submodules, each once."""
        return (child for _, child in self.named_children())

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        for path, module in (
            self.named_modules(None, prefix, remove_duplicate) if recurse else [(prefix, self)]
        ):
            for name, value in module._members(kind):
                if value is not None and value not in seen:
                    if remove_duplicate:
                        seen.add(value)
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters here and (unless recurse=False) in submodules, by dotted name; shared ones once."""
        return self._named(PARAMETER, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters here and (unless recurse=False) in all submodules, shared ones once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers here and (unless recurse=False) in all submodules, with dotted names."""
        return self._named(BUFFER, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers here and (unless recurse=False) in all submodules."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with the dotted name `target`; "" is the module itself. Raises AttributeError."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` where the dotted name points. strict: AttributeError if there was none before."""
        path, _, name = target.rpartition(".")
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)  # raises unless it is a module
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with the dotted name `target`. Raises AttributeError."""
        owner, name = self._find(target)
        parameter = getattr(owner, name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with the dotted name `target`. Raises AttributeError."""
        owner, name = self._find(target)
        if owner._kinds.get(name) != BUFFER:
            raise AttributeError(f"`{name}` is not a buffer")
        return getattr(owner, name)

    def _find(self, target: str) -> tuple[Module, str]:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
        return owner, name

    # --- changing all of it

    def train(self, mode: bool = True) -> Self:
        """Switch to training (dropout drops, batch norm uses the batch), here and in all submodules."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        attributes = self.__dict__
        attributes["training"] = mode  # no need to ask, as __setattr__ does, whether it is a parameter
        for name, kind in self._kinds.items():
            if kind == MODULE and attributes[name] is not None:
                attributes[name].train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation: train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set requires_grad of all parameters: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters (or fill them with zeros)."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn(module)` for all submodules, innermost first, and then for the module itself."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the values of all parameters, their gradients and all buffers by fn(value)."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        with no_grad():
            for _, parameter in self._members(PARAMETER):
                if parameter is not None:
                    parameter.data = fn(parameter)
                    if parameter.grad is not None:
                        parameter.grad.data = fn(parameter.grad)
            for name, buffer in self._members(BUFFER):
                if buffer is not None:
                    self.__dict__[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """`to(dtype)`, `to(device)`, `to(tensor)`: floating point parameters and buffers to another dtype."""
        dtype = kwargs.get("dtype")
        for arg in (*args, kwargs.get("device"), kwargs.get("tensor")):
            if isinstance(arg, dtypes.dtype):
                dtype = arg
            elif isinstance(arg, Tensor):
                dtype = arg.dtype
            elif isinstance(arg, str | Device):
                check_device(arg)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self if dtype is None else self._to_float(dtype)

    def _to_float(self, dtype: dtypes.dtype) -> Self:
        return self._apply(lambda x: x.to(dtype) if x.is_floating_point() else x)

    # fmt: off
    def float(self) -> Self:  return self._to_float(dtypes.float32)
    def double(self) -> Self: return self._to_float(dtypes.float64)
    def half(self) -> Self:   return self._to_float(dtypes.float16)
    def cpu(self) -> Self:    return self
    # fmt: on

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Give all parameters and buffers new memory, with whatever values are in it."""
        check_device(device)
        return self._apply(empty_like, recurse)

    def cuda(self, device: Any = None) -> Self:
        """Raises torch's error: there is only the CPU."""
        check_device("cuda")
        return self

    def type(self, dst_type: Any) -> Self:
        """All parameters and buffers, integers too, to another dtype."""
        return self._apply(lambda x: x.type(dst_type))

    # --- its state

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """All parameters and persistent buffers by dotted name: detached tensors that share their memory."""
        destination, prefix, keep_vars = itertools.islice(
            (*args, *(destination, prefix, keep_vars)[len(args) :]), 3
        )
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # type: ignore[attr-defined]  # as torch: versions of the modules
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        self._call_state_hooks(BEFORE_SAVING, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._members(MODULE):
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        self._call_state_hooks(AFTER_SAVING, destination, prefix, local_metadata)
        return destination

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        """Put what this module itself holds into `destination`."""
        for name, value in self._own_state():
            destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> list[tuple[str, Tensor]]:
        lasting = [item for item in self._members(BUFFER) if item[0] not in self._non_persistent_buffers_set]
        return [item for item in self._members(PARAMETER) + lasting if item[1] is not None]

    def get_extra_state(self) -> Any:
        """Define it, together with set_extra_state, to save something else with the state_dict."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Receives from load_state_dict what get_extra_state returned."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy a state_dict into the parameters and buffers (assign=True: put its tensors in their place).

        Raises RuntimeError where shapes differ and, if strict, where keys are missing or left over; what fits
        has then been loaded.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", {})
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []

        def load(module: Module, part: dict, prefix: str) -> None:
            local = metadata.get(prefix[:-1], {}) | ({"assign_to_params_buffers": True} if assign else {})
            module._load_from_state_dict(part, prefix, local, True, missing, unexpected, errors)
            for name, child in module._members(MODULE):
                if child is not None:
                    below = f"{prefix}{name}."
                    load(child, {k: v for k, v in part.items() if k.startswith(below)}, below)
            module._call_state_hooks(AFTER_LOADING, IncompatibleKeys(missing, unexpected))

        load(self, dict(state_dict), "")
        if strict:
            told = [
                f"{what} key(s) in state_dict: {_quoted(keys)}. "
                for what, keys in (("Missing", missing), ("Unexpected", unexpected))
                if keys
            ]
            errors = told + errors
        if errors:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {self._get_name()}:\n\t" + "\n\t".join(errors)
            )
        return IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load what this module itself holds; add to the three lists what went wrong."""
        problems = missing_keys, unexpected_keys, error_msgs
        self._call_state_hooks(BEFORE_LOADING, state_dict, prefix, local_metadata, strict, *problems)
        own = dict(self._own_state())
        for name, value in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.append(key)
            else:
                problem = self._load_one(
                    name, key, value, state_dict[key], "assign_to_params_buffers" in local_metadata
                )
                error_msgs.extend([problem] if problem else [])
        extra = prefix + EXTRA_STATE
        if type(self).set_extra_state is not Module.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            else:
                missing_keys.append(extra)
        elif extra in state_dict:
            unexpected_keys.append(extra)
        for key in state_dict:
            if key.startswith(prefix) and key != extra:
                first, dot, _ = key[len(prefix) :].partition(".")
                if self._kinds.get(first) != MODULE if dot else first not in own:
                    unexpected_keys.append(key)

    def _load_one(self, name: str, key: str, value: Tensor, given: Any, assign: bool) -> str | None:
        """Copy `given` into `value`, or put it in its place. Returns what went wrong."""
        if not isinstance(given, Tensor):
            return (
                f'While copying the parameter named "{key}", expected tinynn.Tensor or Tensor-like object '
                f"from checkpoint but received {type(given)}"
            )
        if value.shape == () and given.shape == (1,):
            given = given[0]
        if given.shape != value.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, the "
                f"shape in current model is {value.shape}."
            )
        with no_grad():
            if not assign:
                value.copy_(given)
            elif isinstance(value, Parameter) and not isinstance(given, Parameter):
                setattr(self, name, Parameter(given, requires_grad=value.requires_grad))
            else:
                setattr(self, name, given.requires_grad_(value.requires_grad))
        return None

    # --- hooks

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns replaces the arguments.

        with_kwargs: `hook(module, args, kwargs)`, returning None or (args, kwargs).
        """
        return self._register_hook(self._forward_pre_hooks, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        with_kwargs: `hook(module, args, kwargs, output)`. always_call: even if forward raises.
        """
        return self._register_hook(self._forward_hooks, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are computed.

        Both are tuples; what it returns replaces grad_input.
        """
        return self._register_hook(self._backward_hooks, Hook(hook), prepend)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when those of the outputs are; its answer replaces them."""
        return self._register_hook(self._backward_pre_hooks, Hook(hook), prepend)

    def _register_hook(self, hooks: dict, hook: Hook, prepend: bool) -> RemovableHandle:
        object.__setattr__(self, "_hooked", True)
        return register(hooks, hook, prepend)

    # --- how it prints

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr; a layer's own settings."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [
            f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._members(MODULE)
        ]
        if len(extra) == 1 and not children:
            return f"{self._get_name()}({extra[0]})"
        body = "\n  ".join(extra + children)
        return f"{self._get_name()}(\n  {body}\n)" if body else f"{self._get_name()}()"


def type_name(value: Any) -> str:
    """The type of `value`, as torch's messages name it."""
    if isinstance(value, Tensor):
        return value.type()
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _kind_of(value: Any, registered: str | None) -> str | None:
    """What assigning `value`, to a name that is `registered` already, makes of that name."""
    if isinstance(value, Parameter):
        return PARAMETER
    if isinstance(value, Module) and registered != PARAMETER:
        return MODULE
    return BUFFER if isinstance(value, Buffer) and registered is None else registered


# fmt: off
_ASSIGNABLE: dict[str, tuple[type, str, str]] = {
    PARAMETER: (Parameter, "parameter",    "tinynn.nn.Parameter or None expected"),
    BUFFER:    (Tensor,    "buffer",       "tinynn.nn.Buffer, tinynn.Tensor or None expected"),
    MODULE:    (Module,    "child module", "tinynn.nn.Module or None expected"),
}
# fmt: on


def _check_assignable(kind: str, name: str, value: Any) -> None:
    wanted, role, advice = _ASSIGNABLE[kind]
    if value is not None and not isinstance(value, wanted):
        raise TypeError(f"cannot assign '{type_name(value)}' as {role} '{name}' ({advice})")
