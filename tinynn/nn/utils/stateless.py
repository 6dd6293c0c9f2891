"""Calling a module with other parameters than its own, which it keeps: see tinynn.func.functional_call."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from tinynn.nn.module import Module
from tinynn.tensor import Tensor

ABSENT = object()  # what stands where a module has no attribute of a name


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The old name of `tinynn.func.functional_call`."""
    warnings.warn(
        "`tinynn.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in "
        "a future version of PyTorch. Please use `tinynn.func.functional_call` instead which is a drop-in "
        "replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Module,
    tensors: dict[str, Tensor],
    args: Any,
    kwargs: dict | None,
    tie_weights: bool,
    strict: bool,
) -> Any:
    """module(*args, **kwargs), with `tensors` (by dotted name) in the place of its parameters and buffers."""
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with _in_place(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextlib.contextmanager
def _in_place(module: Module, tensors: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    """`tensors` in their places for a `with` block; afterwards they are what the block made of them."""
    given = _for_tied_names_too(module, tensors) if tie_weights else tensors
    if strict:
        _check_names(module, given)
    before: dict[str, Any] = {}
    try:
        for name, tensor in given.items():
            before[name] = _swap(module, name, tensor)
        yield
    finally:
        after = {name: _swap(module, name, tensor) for name, tensor in before.items()}
        tensors.update({name: after[name] for name in tensors if name in after})


def _swap(module: Module, name: str, tensor: Any) -> Any:
    """Put `tensor` where the dotted name points; returns what was there."""
    path, _, last = name.rpartition(".")
    attributes = module.get_submodule(path).__dict__
    if not last:
        raise KeyError('tensor name can\'t be empty string ""')
    if tensor is not ABSENT and tensor is not None and not isinstance(tensor, Tensor):
        raise TypeError(f"{tensor} is not an instance of tinynn.Tensor")
    before = attributes.get(last, ABSENT)
    if before is not ABSENT and before is not None and not isinstance(before, Tensor):
        raise TypeError(f"attribute `{last}`: {before} is not an instance of tinynn.Tensor")
    if tensor is ABSENT:
        del attributes[last]
    else:
        attributes[last] = tensor
    return before


def _named_tensors(module: Module) -> dict[str, Tensor]:
    """All parameters and buffers; shared ones by each of their names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _for_tied_names_too(module: Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """What is given for one name of a shared tensor, given for all its names."""
    names_of: dict[int, list[str]] = {}
    for name, tensor in _named_tensors(module).items():
        names_of.setdefault(id(tensor), []).append(name)
    complete = dict(tensors)
    for names in names_of.values():
        values = [tensors[name] for name in names if name in tensors]
        if any(value is not values[0] for value in values):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider "
                "using tie_weights=False"
            )
        complete.update(dict.fromkeys(names, values[0]) if values else {})
    return complete


def _check_names(module: Module, tensors: dict[str, Tensor]) -> None:
    own = _named_tensors(module)
    told = [
        f"{what} key(s): {', '.join(map(repr, sorted(names)))}."
        for what, names in (
            ("Unexpected", tensors.keys() - own.keys()),
            ("Missing", own.keys() - tensors.keys()),
        )
        if names
    ]
    if told:
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(told))
