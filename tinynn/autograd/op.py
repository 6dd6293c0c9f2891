"""`Op`: one row of the derivative table, and what happens when it is called.

    mul = Op(np.multiply, lambda g, b: g * b, lambda g, a: g * a)

is all that tinynn needs to multiply, to differentiate a product, and to differentiate that again. The first
argument computes the operation on arrays. After it comes one VJP (vector-Jacobian product) for each operand:
from the gradient `g` of the output it computes the gradient of that operand.

The names of a VJP's parameters say what must be kept for it, and nothing else is kept:

    g          the gradient of the output
    y          the output itself
    a, x, ...  an argument of the forward function, by its name there (`a`, `b` or `x` for NumPy's ufuncs)
    x_shape    only the shape of that argument

`None` in place of a VJP marks an operand without a derivative. A VJP is an expression that works on arrays
and on Tensors alike: backward() runs it on arrays; with create_graph=True the same row runs on Tensors, is
recorded like any other computation, and so higher derivatives need no rows of their own.

The engine, not the row, sums over broadcast dimensions and casts a gradient to its operand's dtype.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.grad_mode import thread
from tinynn.autograd.node import USED_TWICE, Edge, Node, attached, next_number
from tinynn.autograd.variable import Variable
from tinynn.size import type_name

RESULT = -1  # the place of an operation's result in Record.saved
INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it "
    "in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)


class Plan(NamedTuple):
    """What to save and which VJPs to run, for one choice of operands that require grad.

    What is saved begins as the list of all arguments, and becomes what the VJPs ask for.
    """

    rules: tuple[tuple[int, Callable, tuple[int, ...]], ...]  # (operand, vjp, the places in saved of its values)
    drops: tuple[int, ...]  # arguments that no VJP asks for
    checks: tuple[int, ...]  # operands whose values are kept: nobody may write to them before backward
    shapes: tuple[int, ...]  # arguments whose shapes are appended
    result: bool  # whether the result is appended


class Op:
    """An operation on arrays, with its derivatives: see the top of this file.

    `cast` brings the operands to a common dtype first. `view=True` says that the output shares the memory of
    the first operand. `feature_major=True`: see `Variable.row_major`. `name` is torch's name of the grad_fn.
    """

    first = 0  # the position of the first operand

    def __init__(
        self,
        forward: Callable,
        *vjps: Callable | None,
        name: str = "",
        cast: Callable | None = None,
        view: bool = False,
        feature_major: bool = False,
    ):
        self.forward = forward
        self.vjps = vjps
        self.name = name
        self.cast = cast
        self.view = view
        self.feature_major = feature_major
        self.parameters, self.defaults = _signature(forward)
        self.arity = len(self.parameters)
        self.positions: Sequence[int] | None = tuple(range(len(vjps)))  # of the operands
        self.plans: dict[int, Plan | None] = {}
        self._plan(-1)  # a misspelt name in a row fails here, at import

    def named(self, name: str) -> Op:
        """The same row under another of torch's names."""
        options = {"cast": self.cast, "view": self.view, "feature_major": self.feature_major}
        return type(self)(self.forward, *self.vjps, name=name, **options)

    def __get__(self, instance: Any, owner: type) -> Any:
        """`exp = ops.exp` in a class body makes a method, as a function would."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<Op {self.name}>"

    def __call__(self, *args: Any) -> Any:
        """Compute on arrays, giving an array; on tensors, giving a tensor that remembers how it was made.

        The first operand decides which of the two it is.
        """
        if type(args[self.first]) is np.ndarray:
            return self.forward(*args)
        if len(args) < self.arity:
            args += self.defaults[len(args) - self.arity :]
        arrays, needs, is_tensor, feature_major = [*args], 0, False, self.feature_major
        for i in self.positions or range(self.first, len(args)):
            operand = args[i]
            if isinstance(operand, Variable):
                is_tensor = True
                arrays[i] = operand._array
                if operand._base is not None:
                    operand.refresh()
                if operand._requires_grad:
                    needs |= 1 << i
                if operand._feature_major:
                    feature_major = True
        if not is_tensor:  # NumPy scalars and Python numbers
            return self.forward(*args)
        if self.view:
            arrays[0] = args[0].row_major()
        try:
            result = thread.quietly(self.forward, *(arrays if self.cast is None else self.cast(arrays)))
        except ValueError as error:
            raise (size_mismatch(arrays) if self.cast else None) or error from None
        if self.view:
            out: Any = self._view(result, args)
        else:
            out = Variable.wrap(result)
            if feature_major:
                out._feature_major = True
            if thread.inference:
                out._inference = True
        if needs and thread.enabled:
            plan = self.plans[needs] if needs in self.plans else self._plan(needs)
            if plan is not None:
                Record(self, plan, needs, args, arrays, result, out)
        return out

    def _view(self, result: Any, args: tuple) -> Any:
        """A tensor that shares its operand's storage and version counter; or several of them."""
        if type(result) is tuple:
            return tuple([self._view(one, args) for one in result])
        out, source = Variable.wrap(result), args[0]
        out._base = source if source._base is None else source._base
        out._replay = (*source._replay, (self, args[1:]))
        out._counter, out._seen = source._counter, source._counter[0]
        if source._inference or thread.inference:
            out._inference = True
        return out

    def packed(self, arguments: list) -> list:
        """The arguments, one for each parameter of the forward function."""
        return arguments

    def _plan(self, needs: int) -> Plan | None:
        """What to save and run for the operands whose bits are set in `needs`; None if there is nothing to run."""
        rules: list = []
        shapes: list[int] = []
        for operand, vjp in enumerate(self.vjps):
            if vjp is not None and needs >> operand & 1:
                places = tuple(self._place(name, shapes) for name in _signature(vjp)[0][1:])
                rules.append((operand, vjp, places))
        kept = {place for _, _, places in rules for place in places}
        self.plans[needs] = rules and Plan(
            rules=tuple(rules),
            drops=tuple(i for i in range(len(self.parameters)) if i not in kept),
            checks=tuple(i for i in range(len(self.vjps)) if i in kept),
            shapes=tuple(shapes),
            result=RESULT in kept,
        ) or None
        return self.plans[needs]

    def _place(self, name: str, shapes: list[int]) -> int:
        """Where Record.saved has the value for a VJP's parameter: the arguments, then shapes; the result is last."""
        if name == "y":
            return RESULT
        if name in self.parameters:
            return self.parameters.index(name)
        argument, suffix, _ = name.rpartition("_shape")
        if suffix and argument in self.parameters:
            position = self.parameters.index(argument)
            if position not in shapes:
                shapes.append(position)
            return len(self.parameters) + shapes.index(position)
        raise TypeError(f"a VJP asks for '{name}', which is neither g, y, nor one of {self.parameters}")


class VariadicOp(Op):
    """An Op over any number of operands, which come last: `cat(axis, *xs)`.

    Its one VJP returns the gradients of all of them; `xs` and `xs_shapes` name their values and shapes.
    """

    def __init__(self, forward: Callable, vjp: Callable, **options: Any):
        self.first = len(_signature(forward)[0]) - 1
        super().__init__(forward, *(None,) * self.first, vjp, **options)
        self.positions = None  # all arguments from `first` on

    def packed(self, arguments: list) -> list:
        return [*arguments[: self.first], arguments[self.first :]]

    def _plan(self, needs: int) -> Plan | None:
        self.plans[needs] = super()._plan(1 << self.first)  # the same whichever operands need it
        return self.plans[needs]


class Record(Node):
    """The Node that calling an Op leaves behind: its plan, and the values that the plan says to keep."""

    def __init__(self, op: Op, plan: Plan, needs: int, args: tuple, arrays: list, result: Any, out: Any):
        edges: list[Edge | None] = []
        for i in op.positions or range(op.first, len(args)):
            if needs >> i & 1:
                operand, array, node = args[i], arrays[i], args[i]._node
                edges.append((operand if node is None else node, operand._index, array.shape, array.dtype))
            else:
                edges.append(None)
        self.edges = edges
        self.number = next_number()
        self.op = op
        self.plan = plan
        self.stamps: list[tuple[int, list, int]] = []  # (place in saved, version counter, its count when saved)
        for i in plan.checks:
            for operand in args[i:] if op.first else (args[i],):
                if isinstance(operand, Variable):
                    self._stamp(i, operand)
        self.saved: list | None = op.packed(arrays)
        for i in plan.shapes:
            self.saved.append(_shape(self.saved[i]))
        for i in plan.drops:
            self.saved[i] = None
        if plan.result:
            self.saved.append(result)
            self._stamp(RESULT, out)
        if type(out) is tuple:
            self.outputs = [(one._array.shape, one._array.dtype) for one in out]
            for index, one in enumerate(out):
                one._node, one._index, one._requires_grad = self, index, True
        else:
            out._node, out._requires_grad = self, True

    def _stamp(self, place: int, tensor: Any) -> None:
        """Note the version of a tensor whose values are kept."""
        if tensor._inference:
            raise RuntimeError(INFERENCE_SAVED)
        self.stamps.append((place, tensor._counter, tensor._counter[0]))

    @property
    def label(self) -> str:  # type: ignore[override]
        return self.op.name

    def gradients(self, g: Any, create_graph: bool) -> list[tuple[Edge | None, Any]]:
        saved = self._unpack(create_graph)
        return self._apply(g, saved) if create_graph else thread.quietly(self._apply, g, saved)

    def _apply(self, g: Any, saved: list) -> list[tuple[Edge | None, Any]]:
        """Run the VJPs that are needed."""
        answers = []
        for operand, vjp, places in self.plan.rules:
            gradient = vjp(g, *[saved[place] for place in places])
            if type(gradient) is list:  # a VariadicOp's
                return list(zip(self.edges, gradient, strict=True))
            answers.append((self.edges[operand], gradient))
        return answers

    def release(self) -> None:
        if self.stamps:
            self.saved = None

    def _unpack(self, as_tensors: bool) -> list:
        """The saved values; as tensors that are part of the graph again, if they are to be differentiated."""
        if self.saved is None:
            raise RuntimeError(USED_TWICE)
        for place, counter, count in self.stamps:
            if counter[0] != count:
                raise RuntimeError(self._stale(place, counter[0], count))
        return self._as_tensors() if as_tensors else self.saved

    def _as_tensors(self) -> list:
        values = list(self.saved or ())
        for i in self.plan.checks:
            if type(values[i]) is list:  # a VariadicOp's operands
                values[i] = [attached(x, edge) for x, edge in zip(values[i], self.edges, strict=True)]
            elif isinstance(values[i], np.ndarray):
                values[i] = attached(values[i], self.edges[i])
        if self.plan.result:
            values[RESULT] = attached(values[RESULT], (self, 0, values[RESULT].shape, values[RESULT].dtype))
        return values

    def before_overwriting(self, tensor: Variable) -> None:
        """`tensor`, the first operand, is about to be overwritten with this node's result: keep a copy of it."""
        if self.saved is not None and self.saved[0] is tensor._array:
            self.saved[0] = tensor._array.copy()
            self.stamps = [stamp for stamp in self.stamps if stamp[0] != 0]

    def after_overwriting(self, tensor: Variable) -> None:
        """`tensor` was overwritten with this node's result, which it now holds instead of the saved one."""
        if self.plan.result and self.saved is not None:
            self.saved[RESULT] = tensor._array
            self.stamps[-1] = (RESULT, tensor._counter, tensor._counter[0])

    def _stale(self, place: int, found: int, expected: int) -> str:
        """torch's message about a saved value that was overwritten, naming the value."""
        value = self.saved[place]  # type: ignore[index]
        maker = (self, 0) if place == RESULT else None if self.op.first else self.edges[place]
        of = f", which is output {maker[1]} of {maker[0].label}," if maker and isinstance(maker[0], Node) else ""
        what = f"[tinynn.{type_name(value.dtype)}Tensor {list(value.shape)}]" if isinstance(value, np.ndarray) else "an operand"
        return (
            f"one of the variables needed for gradient computation has been modified by an inplace operation: {what}{of} is "
            f"at version {found}; expected version {expected} instead. Hint: {self.label} needs the old values: use the "
            "out-of-place operation, or clone() the tensor before it is overwritten."
        )


def _shape(operand: Any) -> Any:
    """The shape of an array or number, or of each in a list."""
    return [np.shape(x) for x in operand] if type(operand) is list else np.shape(operand)


def _signature(function: Callable) -> tuple[tuple[str, ...], tuple]:
    """The parameter names of a Python function or a ufunc, and the default values of the last of them.

    Read off the code object: `inspect.signature` would double the time that `import tinynn` takes.
    """
    if isinstance(function, np.ufunc):
        return (("x",) if function.nin == 1 else ("a", "b")), ()
    code = function.__code__
    takes_any_number = bool(code.co_flags & inspect.CO_VARARGS)
    return code.co_varnames[: code.co_argcount + takes_any_number], function.__defaults__ or ()


def size_mismatch(operands: Sequence) -> RuntimeError | None:
    """torch's error for shapes that do not broadcast, or None if that is not what is wrong."""
    shapes = [np.shape(operand) for operand in operands]
    for a, b in zip(shapes, shapes[1:], strict=False):
        for back, (m, n) in enumerate(zip(reversed(a), reversed(b), strict=False), 1):
            if m != n and 1 not in (m, n):
                return RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension "
                    f"{max(len(a), len(b)) - back}\nThe shapes are {list(a)} and {list(b)}; they are aligned at the "
                    "last dimension, and a dimension of size 1 stretches."
                )
    return None
