"""torch.func: modules as functions of their parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tinynn.nn.module import Module
from tinynn.nn.utils.stateless import call_with
from tinynn.tensor import Tensor

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs), with other tensors in the place of its parameters and buffers.

    The tensors are given by dotted name, in one dict or in several with different keys; gradients flow to
    them. The module keeps its own. Buffers that the call replaces are replaced in the dict. tie_weights: what
    is given for one name of a shared parameter counts for all. strict: all names must be given, and no other.
    """
    if isinstance(parameter_and_buffer_dicts, dict):
        tensors = parameter_and_buffer_dicts
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        tensors = _joined(parameter_and_buffer_dicts)
    else:
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    return call_with(module, tensors, args, kwargs, tie_weights, strict)


def _joined(dicts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    if not all(isinstance(part, dict) for part in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    repeated = [key for key, n in Counter(key for part in dicts for key in part).items() if n > 1]
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {key: tensor for part in dicts for key, tensor in part.items()}
