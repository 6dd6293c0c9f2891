"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from tinynn.functions import cat
from tinynn.nn.module import type_name
from tinynn.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The parameters' values one after the other; gradients flow back to them."""
    return cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let each parameter view its part of `vec`. Raises TypeError if that is no tensor."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected tinynn.Tensor, but got: {type_name(vec)}")
    start = 0
    for parameter in parameters:
        n = parameter.numel()
        parameter.data = vec[start : start + n].view_as(parameter).data
        start += n
