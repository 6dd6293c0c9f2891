"""Whole derivatives of a function, and their products with vectors: `jacobian`, `hessian`, `vjp`, `jvp`, ...

    jacobian(torch.exp, torch.zeros(2))                    # tensor([[1., 0.], [0., 1.]])
    hessian(lambda x: (x ** 3).sum(), torch.ones(2))       # tensor([[6., 0.], [0., 6.]])

Below, y are the outputs of `func` and x its inputs, each a Tensor or a tuple of Tensors; J is dy/dx, H is
d2y/dx2 of a `func` that returns one number, and v a vector: tensors shaped like y (in v J) or like x (in J v,
v H and H v). All is computed by backward.

With `create_graph=True` the results can be differentiated again. With `strict=True` a result that is zero
because nothing depends on an input is a RuntimeError; otherwise it is zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinynn.autograd.engine import grad
from tinynn.autograd.grad_mode import enable_grad
from tinynn.autograd.variable import Variable
from tinynn.combining import stack
from tinynn.creation import eye, zeros_like

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = Any  # a Tensor, or a tuple of them


def vjp(
    func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False
) -> tuple[Tensors, Tensors]:
    """Return (func(*inputs), v J); v may be left out where y is one number."""
    with enable_grad():
        at = _Point("vjp", inputs, create_graph, strict)
        ys = at.outputs_of(func)
        if v is None and not _is_one_number(ys):
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a "
                "single element."
            )
        weights = at.vector(v, ys, at.several_outputs)
    products = at.complete(_gradients(ys, at.xs, weights, create_graph), at.xs, _NO_INPUT, _CONSTANT_J)
    return at.finished(ys, at.several_outputs), at.finished(products, at.several_inputs)


def jvp(
    func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False
) -> tuple[Tensors, Tensors]:
    """Return (func(*inputs), J v); v may be left out where x is one number.

    u J is linear in u: its derivative by u, times v, is J v, whatever u is.
    """
    with enable_grad():
        at = _Point("jvp", inputs, create_graph, strict)
        direction = at.direction(v)
        ys = at.outputs_of(func)
        us = [zeros_like(y, requires_grad=True) for y in ys]
        uj = _gradients(ys, at.xs, us, create_graph=True)
        _require_dependence(uj, strict, _CONSTANT_UJ)
    products = at.complete(_gradients(uj, us, direction, create_graph), ys, _NO_U, _CONSTANT_J)
    return at.finished(ys, at.several_outputs), at.finished(products, at.several_outputs)


def vhp(
    func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False
) -> tuple[Tensors, Tensors]:
    """Return (func(*inputs), v H); v may be left out where x is one number."""
    with enable_grad():
        at = _Point("vhp", inputs, create_graph, strict)
        weights = at.direction(v)
        y = at.number_from(func)
        j = _gradients([y], at.xs, None, create_graph=True)
        _require_dependence(j, strict, _CONSTANT_GRADIENT)
    products = at.complete(_gradients(j, at.xs, weights, create_graph), at.xs, _NO_INPUT_OF_J, _CONSTANT_H)
    return at.finished([y], several=False), at.finished(products, at.several_inputs)


def hvp(
    func: Callable, inputs: Tensors, v: Tensors = None, create_graph: bool = False, strict: bool = False
) -> tuple[Tensors, Tensors]:
    """Return (func(*inputs), H v), as `jvp` does it. Where H is symmetric, `vhp` returns the same sooner."""
    with enable_grad():
        at = _Point("hvp", inputs, create_graph, strict)
        direction = at.direction(v)
        y = at.number_from(func)
        j = _gradients([y], at.xs, None, create_graph=True)
        _require_dependence(j, strict, _CONSTANT_GRADIENT)
        us = [zeros_like(x, requires_grad=True) for x in at.xs]
        uh = _gradients(j, at.xs, us, create_graph=True)
    products = at.complete(_gradients(uh, us, direction, create_graph), at.xs, _NO_U_OF_J, _CONSTANT_H)
    return at.finished([y], several=False), at.finished(products, at.several_inputs)


def jacobian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return J, of shape (*y.shape, *x.shape), by a backward for each element of y.

    Of several inputs it is a tuple, of several outputs a tuple of those: `jacobian(...)[output][input]`.
    `vectorize` and `strategy="forward-mode"` are refused where torch refuses them, and compute the same;
    forward mode gives J the dtype of y as in torch, and lists for the tuples of several inputs.
    """
    if strategy not in _STRATEGIES:
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has '
            'more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use '
            '"reverse-mode".'
        )
    forward = strategy == "forward-mode"
    if forward:
        _check_forward_mode(create_graph, strict, vectorize)
    with enable_grad():
        at = _Point("jacobian", inputs, create_graph, strict)
        ys = at.outputs_of(func)
        if strict and vectorize:
            raise RuntimeError(_NOT_VECTORIZED)
        rows: list = [at.finished(_derivatives(i, y, at), several=True) for i, y in enumerate(ys)]
    if forward:
        rows = [[j.to(y.dtype) for j in row] for row, y in zip(rows, ys, strict=True)]
    if not at.several_inputs:
        rows = [row[0] for row in rows]
    if not at.several_outputs:
        return rows[0]
    return rows if forward and at.several_inputs else tuple(rows)


def hessian(
    func: Callable,
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return H, of shape (*x.shape, *x.shape); of several inputs, a tuple of tuples `hessian(...)[i][j]`.

    It is the Jacobian of the gradient, and the options are those of `jacobian`.
    """
    several, xs = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in _STRATEGIES:
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def number(*xs: Any) -> Any:
        return _number(func, xs, "hessian", strict).squeeze()

    def gradient(*xs: Any) -> tuple:
        j = jacobian(number, xs, create_graph=True)
        _require_dependence(j, strict, _CONSTANT_GRADIENT)
        return j

    h = jacobian(gradient, xs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return h if several else h[0][0]


# --- how they are made


class _Point:
    """Where a derivative is taken, at `xs`, fresh copies of the inputs; and the options it is taken with."""

    def __init__(self, name: str, inputs: Tensors, create_graph: bool, strict: bool):
        self.name, self.create_graph, self.strict = name, create_graph, strict
        self.several_inputs, given = _as_tuple(inputs, "inputs", name)
        self.xs = tuple(self._fresh(x).requires_grad_() for x in given)
        self.several_outputs = False

    def _fresh(self, x: Any) -> Any:
        """Another tensor with the value of x: `func` may know x itself as well, and that is a constant."""
        return x.view_as(x) if self.create_graph and x.requires_grad else x.detach()

    def outputs_of(self, func: Callable) -> tuple:
        self.several_outputs, ys = _outputs(func, self.xs, self.name, self.strict)
        return ys

    def number_from(self, func: Callable) -> Any:
        return _number(func, self.xs, self.name, self.strict)

    def direction(self, v: Tensors) -> tuple | None:
        """v, shaped like the inputs; None stands for 1."""
        if v is None and not _is_one_number(self.xs):
            raise RuntimeError(
                "The vector v can only be None if the input to the user-provided function is a single Tensor "
                "with a single element."
            )
        return self.vector(v, self.xs, self.several_inputs)

    def vector(self, v: Tensors, like: tuple, several: bool) -> tuple | None:
        """v as a tuple of tensors, shaped like those of `like`."""
        if v is None:
            return None
        vs = tuple(self._fresh(part) for part in _as_tuple(v, "v", self.name)[1])
        if len(vs) != len(like):
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}."
                if several
                else "The given v should contain a single Tensor."
            )
        for i, (part, other) in enumerate(zip(vs, like, strict=True)):
            if part.shape != other.shape:
                where = f"Entry {i} in " if several else ""
                raise RuntimeError(
                    f"{where}v has invalid size: should be {other.shape} but got {part.shape}."
                )
        return vs

    def complete(self, gradients: Sequence, like: Sequence, absent: str, constant: str) -> list:
        """The gradients, zeros for None; if strict, an error where they are zero or constant by construction.

        `absent` and `constant` are the messages, for the i-th of them.
        """
        for i, g in enumerate(gradients):
            if self.strict and g is None:
                raise RuntimeError(absent.format(i=i))
            if self.strict and self.create_graph and not g.requires_grad:
                raise RuntimeError(constant.format(i=i))
        return [zeros_like(x) if g is None else g for g, x in zip(gradients, like, strict=True)]

    def finished(self, tensors: Sequence, several: bool) -> Tensors:
        """What the user gets: a tuple if they work with `several`, part of a graph if they asked for one."""
        results = tuple(tensors if self.create_graph else [tensor.detach() for tensor in tensors])
        return results if several else results[0]


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, tuple]:
    """Whether it is a tuple, and the tensors in it."""
    several = isinstance(value, tuple)
    tensors = value if several else (value,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, Variable):
            which = f"value at index {i}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {which} "
                f"has type {type(tensor)}."
            )
    return several, tensors


def _outputs(func: Callable, xs: tuple, name: str, strict: bool) -> tuple[bool, tuple]:
    several, ys = _as_tuple(func(*xs), "outputs of the user-provided function", name)
    _require_dependence(ys, strict, _CONSTANT_Y)
    return several, ys


def _number(func: Callable, xs: tuple, name: str, strict: bool) -> Any:
    several, ys = _outputs(func, xs, name, strict)
    if several:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if not _is_one_number(ys):
        raise RuntimeError(
            f"The Tensor returned by the function given to {name} should contain a single element"
        )
    return ys[0]


def _is_one_number(tensors: tuple) -> bool:
    return len(tensors) == 1 and tensors[0].numel() == 1


def _gradients(ys: Sequence, xs: Sequence, weights: Sequence | None, create_graph: bool) -> tuple:
    """weights dy/dx for each x; None where no y depends on it. A y that is None or a constant has no part."""
    weighted = [
        (y, weight)
        for y, weight in zip(ys, weights or [None] * len(ys), strict=True)
        if y is not None and y.requires_grad
    ]
    if not weighted:
        return (None,) * len(xs)
    used, of_used = zip(*weighted, strict=True)
    return grad(used, xs, of_used, retain_graph=True, create_graph=create_graph, allow_unused=True)


def _derivatives(index: int, y: Any, at: _Point) -> list:
    """dy/dx for each x; y is output number `index`."""
    absent = f"Output {index} of the user-provided function is independent of input {{i}}.{_NOT_ALLOWED}"
    constant = _CONSTANT_J.format(i=index)
    rows = [
        at.complete(_gradients([y], at.xs, [one_hot], at.create_graph), at.xs, absent, constant)
        for one_hot in eye(y.numel(), dtype=y.dtype).view(y.numel(), *y.shape)
    ]
    return [stack([row[i] for row in rows]).view(y.shape + x.shape) for i, x in enumerate(at.xs)]


# --- what torch refuses


def _require_dependence(tensors: Sequence, strict: bool, constant: str) -> None:
    """If strict, raise where there is no tensor, or, saying `constant`, one that does not require grad."""
    for i, tensor in enumerate(tensors if strict else ()):
        if tensor is None:
            raise RuntimeError(_NO_INPUT.format(i=i))
        if not tensor.requires_grad:
            raise RuntimeError(constant.format(i=i))


def _check_forward_mode(create_graph: bool, strict: bool, vectorize: bool) -> None:
    if create_graph:
        raise NotImplementedError(_NOT_TOGETHER.format("create_graph"))
    if strict:
        raise RuntimeError(_NOT_TOGETHER.format("strict"))
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for "
            "`vectorize=True`."
        )


_STRATEGIES = ("forward-mode", "reverse-mode")
_NOT_TOGETHER = (
    'torch.autograd.functional.jacobian: `{0}=True` and `strategy="forward-mode"` are not supported together '
    '(yet). Please either set `{0}=False` or `strategy="reverse-mode"`.'
)
_NOT_VECTORIZED = (
    "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. "
    "Please either set `strict=False` or `vectorize=False`."
)

# Messages of strict mode, for input, output or entry i.
_NOT_ALLOWED = " This is not allowed in strict mode."
_NO_INPUT = "The output of the user-provided function is independent of input {i}." + _NOT_ALLOWED
_NO_INPUT_OF_J = "The jacobian of the user-provided function is independent of input {i}." + _NOT_ALLOWED
_NO_U = (
    "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the "
    "double backward trick to compute forward mode gradients." + _NOT_ALLOWED
)
_NO_U_OF_J = (
    "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian. This is not "
    "allowed in strict mode as it prevents from using the double backward trick to replace forward mode AD."
)
_CONSTANT_Y = (
    "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode."
)
_CONSTANT_UJ = (
    "The gradient with respect to input {i} is independent of the inputs of the user-provided function."
    + _NOT_ALLOWED
)
_CONSTANT_GRADIENT = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to "
    "input {i} is independent of the input. This is not allowed in strict mode. You should ensure that your "
    "function is twice differentiable and that the jacobian depends on the inputs (this would be violated by "
    "a linear function for example)."
)
_CONSTANT_J = _NO_INPUT_OF_J.removesuffix(".") + " when create_graph=True."
_CONSTANT_H = _CONSTANT_J.replace("jacobian", "hessian")
