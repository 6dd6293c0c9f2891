"""What functions of several kinds ask of their arguments, with torch's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinynn.autograd.grad_mode import thread
from tinynn.methods.activation import need_float as need_float
from tinynn.tensor import Tensor

Ints = int | Sequence[int]  # one number for all dimensions, or one for each


def in_dimensions(make: Callable[[int], Callable]) -> tuple[Callable, Callable, Callable]:
    """What `make` makes for 1, 2 and 3 dimensions, under torch's names: conv1d, conv2d, conv3d."""
    functions = make(1), make(2), make(3)
    for n, function in enumerate(functions, 1):
        function.__name__ = function.__qualname__ = f"{function.__name__}{n}d"
    return functions


def need_tensor(function: str, value: Any, name: str = "input", position: int = 1) -> None:
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise TypeError(f"{function}(): argument '{name}' (position {position}) must be Tensor, not {kind}")


def need_constant(function: str, **arguments: Tensor | None) -> None:
    """Raise torch's error for an argument that requires grad and that the loss has no derivative for."""
    for name, tensor in arguments.items():
        if tensor is not None and tensor.requires_grad and thread.recording:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. This "
                "input cannot have requires_grad True."
            )


def need_tensors(input: Any, target: Any) -> None:
    for name, value in {"input": input, "target": target}.items():
        if not isinstance(value, Tensor):
            raise AttributeError(
                f"'{type(value).__name__}' object has no attribute 'size'\n"
                f"The {name} must be a Tensor: make one with tinynn.tensor(...)."
            )


def need_size(a: Tensor, b: Tensor, output: Tensor) -> None:
    """Raise torch's error unless a and b broadcast, to no more than the shape of `output`."""
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        for back in range(1, min(a.ndim, b.ndim) + 1):
            n, m = a.shape[-back], b.shape[-back]
            if n != m and 1 not in (n, m):
                dim = max(a.ndim, b.ndim) - back
                raise RuntimeError(
                    f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton "
                    f"dimension {dim}"
                ) from None
        raise
    if np.broadcast_shapes(shape, output.shape) != tuple(output.shape):
        raise RuntimeError(
            f"output with shape {list(output.shape)} doesn't match the broadcast shape "
            f"{list(np.broadcast_shapes(shape, output.shape))}"
        )


def wrong_arguments(function: str, **arguments: Any) -> TypeError:
    """torch's error of functions with several signatures."""
    got = ", ".join(f"{name}={type(value).__name__}" for name, value in arguments.items())
    return TypeError(f"{function}() received an invalid combination of arguments - got ({got})")


def whole_numbers(
    function: str, value: Any, n: int, argument: str = "", position: int = 0
) -> tuple[int, ...]:
    """An argument that holds an int for each of n dimensions, or one int that is the same for all.

    A sequence may have any length here. With the name and position of the argument, the error names them.
    """
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return (int(value),) * n
    wrong = [value]
    if isinstance(value, tuple | list):
        wrong = [one for one in value if not hasattr(one, "__index__") or isinstance(one, bool)]
    if not wrong:
        return tuple(int(one) for one in value)
    if not argument:
        raise wrong_arguments(function, value=value)
    kind = type(wrong[0]).__name__
    found = (
        f"not {kind}"
        if wrong[0] is value
        else f"but found element of type {kind} at pos {list(value).index(wrong[0])}"
    )
    raise TypeError(
        f"{function}(): argument '{argument}' (position {position}) must be tuple of ints, {found}"
    )


def for_each_dimension(value: Any, n: int) -> tuple:
    """One value for all n dimensions, or what holds one for each: a layer's setting."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * n
