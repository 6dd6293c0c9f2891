"""Check a derivative against finite differences: `gradcheck` for the first, `gradgradcheck` for the second.

    gradcheck(lambda x: (x * x).sum(), tensor([1.0, 2.0], dtype=float64, requires_grad=True))   # True

An oracle that needs no other library, only the function itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn.autograd.engine import grad
from tinynn.autograd.variable import Variable


class GradcheckError(RuntimeError):
    """A derivative that disagrees with finite differences."""


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the Jacobian by backward with (f(x + eps) - f(x - eps)) / (2 eps), input by input.

    Inputs that require grad should be float64. Raises GradcheckError (or returns False) where
    |analytical - numerical| > atol + rtol |numerical|.
    """
    given = inputs if isinstance(inputs, tuple | list) else (inputs,)
    checked = [x for x in given if isinstance(x, Variable) and x._requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have "
            "requires_grad=True."
        )
    outputs = _differentiable(func(*given))
    for i, x in enumerate(checked):
        numerical = _numerical_jacobians(lambda: _differentiable(func(*given)), x, eps)
        for o, output in enumerate(outputs):
            analytical = _jacobian(output, x)
            if not np.allclose(analytical, numerical[o], rtol, atol, equal_nan=True):
                if not raise_exception:
                    return False
                raise GradcheckError(
                    f"Jacobian mismatch for output {o} with respect to input {i},\n"
                    f"numerical:{numerical[o]}\nanalytical:{analytical}\n"
                )
    return True


def gradgradcheck(func: Callable, inputs: Any, *, seed: int = 0, **options: Any) -> bool:
    """`gradcheck` of the gradient of `func`, with random gradients at its outputs."""
    given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    outputs = _differentiable(func(*given))
    draw = np.random.default_rng(seed)
    seeds = [Variable.wrap(draw.standard_normal(o._array.shape).astype(o._array.dtype)) for o in outputs]
    for s in seeds:
        s._requires_grad = True

    def first_derivative(*args: Any) -> tuple:
        xs, gs = args[: len(given)], args[len(given) :]
        wanted = [x for x in xs if isinstance(x, Variable) and x._requires_grad]
        results = grad(_differentiable(func(*xs)), wanted, list(gs), create_graph=True, allow_unused=True)
        return tuple(result for result in results if result is not None)

    return gradcheck(first_derivative, (*given, *seeds), **options)


def _differentiable(outputs: Any) -> list:
    outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
    return [output for output in outputs if isinstance(output, Variable) and output._requires_grad]


def _jacobian(output: Any, x: Any) -> np.ndarray:
    """d output / d x by backward, a row for each element of the output."""
    rows = []
    for i in range(output._array.size):
        one_hot = np.zeros(output._array.size, output._array.dtype)
        one_hot[i] = 1
        seed = Variable.wrap(one_hot.reshape(output._array.shape))
        row = grad(output, x, seed, retain_graph=True, allow_unused=True)[0]
        rows.append(np.zeros(x._array.size) if row is None else row._array.ravel())
    return np.array(rows).reshape(output._array.size, x._array.size)


def _numerical_jacobians(outputs: Callable, x: Any, eps: float) -> list[np.ndarray]:
    """d outputs / d x by central differences."""
    columns = []
    array = x._array
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + eps
        above = [output._array.copy() for output in outputs()]
        array[place] = kept - eps
        below = [output._array.copy() for output in outputs()]
        array[place] = kept
        columns.append([((a - b) / (2 * eps)).ravel() for a, b in zip(above, below, strict=True)])
    return [np.array(column).T.reshape(-1, array.size) for column in zip(*columns, strict=True)]
