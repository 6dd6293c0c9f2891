"""Hooks that compute one parameter of a module before each forward: how they are added, found and removed."""

from __future__ import annotations

from typing import Any

from tinynn.nn.module import Module


def add_hook(module: Module, hook: Any, what: str) -> None:
    """Register `hook` before forward. Raises RuntimeError if its parameter has one of the same kind."""
    for other in module._forward_pre_hooks.values():
        if isinstance(other.function, type(hook)) and other.function.name == hook.name:
            raise RuntimeError(f"Cannot register two {what} hooks on the same parameter {hook.name}")
    module.register_forward_pre_hook(hook)


def remove_hook(module: Module, kind: type, name: str, what: str) -> None:
    """Take the hook away and let it put the parameter back. Raises ValueError if there is none."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook.function, kind) and hook.function.name == name:  # type: ignore[attr-defined]
            hook.function.remove(module)  # type: ignore[attr-defined]
            del module._forward_pre_hooks[key]
            return
    raise ValueError(f"{what} of '{name}' not found in {module}")
