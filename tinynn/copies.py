"""The operations that return views, returning copies: `t_copy(x)` is `x.t().clone()`, in row-major order."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from tinynn import ops
from tinynn.size import one_dim
from tinynn.tensor import Tensor


def _slice(input: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    return input[(builtins.slice(None),) * one_dim(dim, input.ndim) + (builtins.slice(start, end, step),)]


VIEWS: dict[str, Callable] = {
    name: getattr(Tensor, name)
    for name in (
        *("diagonal", "expand", "permute", "select", "split", "split_with_sizes", "squeeze", "t"),
        *("transpose", "unbind", "unfold", "unsqueeze", "view"),
    )
}
VIEWS |= {"alias": lambda input: input, "detach": lambda input: input, "slice": _slice}
__all__ = [f"{name}_copy" for name in VIEWS]


def _copying(name: str, view: Callable) -> Callable:
    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        result = view(input, *args, **kwargs)
        if isinstance(result, tuple):
            return tuple(ops.clone(part, "C") for part in result)
        return ops.clone(result, "C")

    function.__name__ = function.__qualname__ = f"{name}_copy"
    function.__doc__ = f"A copy of what `{name}` returns a view of; of each, if they are several."
    return function


globals().update({f"{name}_copy": _copying(name, view) for name, view in VIEWS.items()})
