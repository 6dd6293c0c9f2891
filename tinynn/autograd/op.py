"""`Op`: one row of the derivative table, and what happens when it is called.

    mul = Op(np.multiply, lambda g, b: g * b, lambda g, a: g * a)

is all that tinynn needs to multiply, to differentiate a product, and to differentiate that again. The first
argument computes the operation on arrays. After it comes one VJP (vector-Jacobian product) for each operand:
from the gradient `g` of the output it computes the gradient of that operand. Arguments beyond the last VJP
(`axis`, `keepdims`) are constants.

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
from copy import copy
from itertools import pairwise
from operator import itemgetter
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.anomaly_mode import anomaly
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.node import USED_TWICE, Edge, Node, attached, edge_to, next_number, shown
from tinynn.autograd.stale import stale
from tinynn.autograd.variable import INFERENCE, NO_GRAD, SEVERAL, Variable

VALUE, SHAPE, OUTPUT = "value", "shape", "output"  # what a VJP may ask for
EVERY = -1  # as a set of operands, one bit for each: all of them
RESULT = -1  # stands for the result where a number stands for an argument
Stamp = tuple[int, list[int], int]  # (argument, its version counter, the count when it was saved)
INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and "
    "use it in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)


class Plan(NamedTuple):
    """What to save and which VJPs to run, for one choice of operands that require grad.

    What is saved: the arguments `kept`, in this order; the shapes of `shapes`; the result, if `result`.
    """

    operands: tuple[int, ...]  # those that get a gradient
    rules: tuple[tuple[Callable, Callable], ...]  # for each: its VJP, and what picks its values from saved
    array_rules: list[tuple[Callable, Callable]]  # the same for arrays; filled in when first needed
    kept: tuple[int, ...]
    keep: Callable[[Sequence], tuple]  # picks `kept` from the arguments
    checks: tuple[int, ...]  # operands among `kept`: nobody may write to them before backward
    shapes: tuple[int, ...]
    result: bool


def _picker(places: Sequence[int]) -> Callable[[Sequence], Any]:
    """A function that returns the elements of a sequence at `places`."""
    if len(places) == 1:
        return itemgetter(slice(places[0], places[0] + 1 or None))
    return itemgetter(*places) if places else itemgetter(slice(0))


class Op:
    """An operation on arrays, with its derivatives: see the top of this file.

    `cast` brings the operands to a common dtype first. `view=True` says that the output shares the memory of
    the first operand, `contiguous=True` that the output is row-major, whatever the operands are, as in torch.
    `feature_major=True`: see `Variable.row_major`. `name` is torch's name of the grad_fn; ops/__init__.py
    makes it from the row's own name where none is given.
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
        contiguous: bool = False,
    ):
        self.forward = forward
        self.vjps = vjps
        self.name = name
        self.cast = cast
        self.view = view
        self.feature_major = feature_major
        self.contiguous = contiguous
        self.parameters, self.defaults = _signature(forward)
        self.arity = len(self.parameters)
        self.differentiable = any(vjps)
        self.operands = tuple((i, 1 << i) for i in range(len(vjps)))  # their positions, and a bit for each
        self.plans: dict[int, Plan | None] = {}
        for vjp in vjps:
            self._sources(vjp)  # a misspelt name in a row fails here, at import

    def named(self, name: str) -> Op:
        """The same row under another of torch's names."""
        row = copy(self)
        row.name, row.plans = name, {}
        return row

    def __repr__(self) -> str:
        return f"<Op {self.name}>"

    def __call__(self, *args: Any) -> Any:
        """Compute on arrays, giving an array; on tensors, giving a tensor that remembers how it was made.

        An ndarray as the first argument means arrays. Otherwise one tensor among the operands is enough.
        """
        if type(args[0]) is np.ndarray:
            return self.forward(*args)
        if len(args) < self.arity:
            args += self.defaults[len(args) - self.arity :]
        arrays, needs, is_tensor, feature_major = [*args], 0, False, self.feature_major
        for i, bit in self.operands:
            operand = args[i]
            if isinstance(operand, Variable):
                is_tensor = True
                arrays[i] = operand._array
                if operand._base is not None and thread.recording and self.differentiable:
                    operand.refresh()
                if operand._requires_grad:
                    needs |= bit
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
            elif self.contiguous:
                result = out._array = np.asarray(result, order="C")
        if thread.recording:
            if needs:
                plan = self.plans[needs] if needs in self.plans else self._plan(needs)
                if plan is not None:
                    Record(self, plan, args, arrays, result, out)
        elif thread.inference and not self.view:  # a view is what its storage is
            out._inference = True
        return out

    def _view(self, result: Any, args: tuple) -> Any:
        """A tensor that shares its operand's storage and version counter; or several of them."""
        if type(result) is tuple:
            parts = [self._view(one, args) for one in result]
            for part in parts:
                if thread.recording and part._origin != INFERENCE:
                    part._origin = SEVERAL
            return tuple(parts)
        out, source = Variable.wrap(result), args[0]
        out._base = source if source._base is None else source._base
        out._counter, out._seen = source._counter, source._counter[0]
        out._inference = source._inference
        made = "" if thread.recording else INFERENCE if thread.inference else NO_GRAD
        if made or source._origin:
            out._origin = source._origin if source._origin == INFERENCE or not made else made
        return out

    def _plan(self, needs: int) -> Plan | None:
        """What to save and run for the operands whose bits are set in `needs`; None for nothing."""
        wanted = {
            operand: (vjp, self._sources(vjp))
            for operand, vjp in enumerate(self.vjps)
            if vjp is not None and needs >> operand & 1
        }
        sources = {source for _, values in wanted.values() for source in values}
        kept = tuple(sorted(place for kind, place in sources if kind == VALUE))
        shapes = tuple(sorted(place for kind, place in sources if kind == SHAPE))
        saved = [(VALUE, i) for i in kept] + [(SHAPE, i) for i in shapes] + [(OUTPUT, 0)]
        plan = Plan(
            operands=tuple(wanted),
            rules=tuple(
                (vjp, _picker([saved.index(source) for source in values])) for vjp, values in wanted.values()
            ),
            array_rules=[],
            kept=kept,
            keep=_picker(kept),
            checks=tuple(i for i in kept if self.first <= i < len(self.vjps)),
            shapes=shapes,
            result=(OUTPUT, 0) in sources,
        )
        self.plans[needs] = plan if wanted else None
        return self.plans[needs]

    def _sources(self, vjp: Callable | None) -> list[tuple[str, int]]:
        """Where the values for a VJP's parameters come from; the first parameter is g."""
        return [] if vjp is None else [self._source(name) for name in _signature(vjp)[0][1:]]

    def _source(self, name: str) -> tuple[str, int]:
        """Where the value for a parameter of this name comes from."""
        if name == "y":
            return OUTPUT, 0
        if name in self.parameters:
            return VALUE, self.parameters.index(name)
        argument, suffix, _ = name.rpartition("_shape")
        if suffix and argument in self.parameters:
            return SHAPE, self.parameters.index(argument)
        raise TypeError(f"a VJP asks for '{name}', which is neither g, y, nor one of {self.parameters}")


class VariadicOp(Op):
    """An Op over any number of operands, which come last: `cat(axis, *xs)`.

    Its one VJP returns the list of their gradients; `xs` and `xs_shapes` are their values and shapes. There
    may be several results, in a tuple: `g` and `y` then hold one for each, `g` None where no gradient came.
    """

    def __init__(self, forward: Callable, vjp: Callable, **options: Any):
        self.first = len(_signature(forward)[0]) - 1
        super().__init__(forward, *(None,) * self.first, vjp, **options)

    def __call__(self, *args: Any) -> Any:
        xs = args[self.first :]
        tensors = [x for x in xs if isinstance(x, Variable)]
        if not tensors:
            return self.forward(*args)
        arrays = [*args[: self.first], *[x._array if isinstance(x, Variable) else x for x in xs]]
        if thread.recording:
            for x in tensors:
                x.refresh()
        result = thread.quietly(self.forward, *arrays)
        out = Variable.wrap(result) if type(result) is not tuple else tuple(map(Variable.wrap, result))
        for one in _all_of(out):
            one._inference = thread.inference
        if thread.recording and any(x._requires_grad for x in tensors):
            packed = [*arrays[: self.first], arrays[self.first :]]  # as if xs were one argument
            plan = self.plans.get(EVERY) or self._plan(EVERY)
            VariadicRecord(self, plan, xs, packed, result, out)  # type: ignore[arg-type]
        return out


class Record(Node):
    """The Node that calling an Op leaves behind: its plan, and the values that the plan says to keep."""

    def __init__(self, op: Op, plan: Plan, args: Sequence, arrays: Sequence, result: Any, out: Any):
        operands, _, _, _, keep, checks, shapes, saves_result = plan
        self.op = op
        self.plan = plan
        self.number = next_number()
        if anomaly.enabled:
            self.trace = anomaly.here()
        edges: list[Edge | None] = []
        for i in operands:
            operand, array = args[i], arrays[i]
            node = operand._node
            edges.append((operand if node is None else node, operand._index, array.shape, array.dtype))
        self.edges = edges
        stamps: list[Stamp] = []
        for i in checks:
            operand = args[i]
            if isinstance(operand, Variable):
                if operand._inference:
                    raise RuntimeError(INFERENCE_SAVED)
                stamps.append((i, operand._counter, operand._counter[0]))
        saved = keep(arrays)
        if shapes:
            for i in shapes:
                saved += (arrays[i].shape,)
        if saves_result:
            saved = (*saved, result)
            stamps.append((RESULT, out._counter, out._counter[0]))
        self.stamps = stamps
        self.saved: tuple | None = saved
        self._made(out)

    def _made(self, out: Any) -> None:
        """Tell the results where they come from."""
        if type(out) is tuple:
            self.outputs = [(one._array.shape, one._array.dtype) for one in out]
            for index, one in enumerate(out):
                one._node, one._index, one._requires_grad = self, index, True
        else:
            out._node, out._requires_grad = self, True

    @property
    def label(self) -> str:  # type: ignore[override]
        return self.op.name

    @property
    def next_functions(self) -> tuple:
        return tuple(shown(self._edge_of(i)) for i, vjp in enumerate(self.op.vjps) if vjp is not None)

    def gradients(self, g: Any, create_graph: bool) -> list:
        saved: Sequence | None = self.saved
        plan = self.plan
        if saved is None:
            raise RuntimeError(USED_TWICE)
        for place, counter, count in self.stamps:
            if counter[0] != count:
                raise self._stale(place, counter, count)
        rules: Sequence = plan.array_rules
        if create_graph:
            rules, saved = plan.rules, self._as_tensors()
        elif not rules:
            plan.array_rules.extend((on_arrays(vjp), pick) for vjp, pick in plan.rules)
        gradients = []
        for vjp, pick in rules:
            gradients.append(vjp(g, *pick(saved)))
        return gradients

    def release(self) -> None:
        if self.stamps or self.plan.checks or (self.plan.kept and _has_array(self.saved)):
            self.saved = None  # where no values were saved, torch lets backward run again

    def operand(self, edge: int) -> int:
        return self.plan.operands[edge]

    def _edge_of(self, place: int) -> Edge | None:
        """The edge to the operand at this place among the arguments."""
        return dict(zip(self.plan.operands, self.edges, strict=True)).get(place)

    def _as_tensors(self) -> list:
        """The saved values as tensors that are part of the graph again: they can be differentiated."""
        values = list(self.saved or ())
        for at, place in enumerate(self.plan.kept):
            if place in self.plan.checks and isinstance(values[at], np.ndarray):
                values[at] = attached(values[at], self._edge_of(place))
        if self.plan.result:
            values[-1] = attached(values[-1], (self, 0, values[-1].shape, values[-1].dtype))
        return values

    def before_overwriting(self, tensor: Variable) -> None:
        """`tensor`, the first operand, is about to be overwritten with this node's result: keep a copy."""
        if self.saved and self.plan.kept[:1] == (0,):
            self.saved = (self.saved[0].copy(), *self.saved[1:])
            self.stamps = [stamp for stamp in self.stamps if stamp[0] != 0]

    def after_overwriting(self, tensor: Variable) -> None:
        """`tensor` was overwritten with this node's result: it is now what was saved as the result."""
        if self.saved and self.plan.result:
            self.saved = (*self.saved[:-1], tensor._array)
            self.stamps[-1] = (RESULT, tensor._counter, tensor._counter[0])

    def _stale(self, place: int, counter: list, expected: int) -> RuntimeError:
        """The error about the saved value at this place among the arguments."""
        value = self.saved[-1 if place == RESULT else self.plan.kept.index(place)]  # type: ignore[index]
        maker = (self, 0, (), None) if place == RESULT else None if self.op.first else self._edge_of(place)
        return stale(self, value, maker, counter, expected)  # type: ignore[arg-type]


class VariadicRecord(Record):
    """The Node of a VariadicOp: an edge for each of the xs."""

    zeros_for_none = False

    def __init__(self, op: Op, plan: Plan, args: Sequence, arrays: Sequence, result: Any, out: Any):
        self.op, self.plan = op, plan
        self.number = next_number()
        if anomaly.enabled:
            self.trace = anomaly.here()
        self.edges = [edge_to(x) if isinstance(x, Variable) and x._requires_grad else None for x in args]
        tensors = [x for x in args if isinstance(x, Variable)] if plan.checks else []
        if any(x._inference for x in tensors):
            raise RuntimeError(INFERENCE_SAVED)
        self.stamps = [(op.first, x._counter, x._counter[0]) for x in tensors]
        self.saved = plan.keep(arrays)
        if plan.shapes:
            self.saved = (*self.saved, [np.shape(x) for x in arrays[-1]])
        if plan.result:
            self.saved = (*self.saved, result)
            self.stamps += [(RESULT, one._counter, one._counter[0]) for one in _all_of(out)]
        self._made(out)

    @property
    def next_functions(self) -> tuple:
        return tuple(shown(edge) for edge in self.edges)

    def gradients(self, g: Any, create_graph: bool) -> list:
        return super().gradients(g, create_graph)[0]  # its one VJP returned them all

    def _as_tensors(self) -> list:
        values = list(self.saved or ())
        for at, place in enumerate(self.plan.kept):
            if place in self.plan.checks:
                values[at] = [attached(x, edge) for x, edge in zip(values[at], self.edges, strict=True)]
        if self.plan.result:
            places = [(self, i, one.shape, one.dtype) for i, one in enumerate(_all_of(values[-1]))]
            results = [attached(*pair) for pair in zip(_all_of(values[-1]), places, strict=True)]
            values[-1] = results if self.outputs else results[0]
        return values


def _all_of(results: Any) -> tuple:
    """The results of an operation that may have one or several."""
    return results if type(results) is tuple else (results,)


def _has_array(values: Any) -> bool:
    """Whether there is an array among the values, or in a tuple (of indices) among them."""
    return any(
        isinstance(value, np.ndarray) or (type(value) is tuple and _has_array(value))
        for value in values or ()
    )


def on_arrays(vjp: Callable) -> Callable:
    """The same VJP, where each row it names is the row's forward function: on arrays a row does no more."""
    if not isinstance(vjp, FunctionType):
        return vjp
    names = {
        name: value.forward if isinstance(value, Op) else value for name, value in vjp.__globals__.items()
    }
    return FunctionType(vjp.__code__, names, vjp.__name__, vjp.__defaults__, vjp.__closure__)


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
    for a, b in pairwise(np.shape(operand) for operand in operands):
        for back, (m, n) in enumerate(zip(reversed(a), reversed(b), strict=False), 1):
            if m != n and 1 not in (m, n):
                return RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton "
                    f"dimension {max(len(a), len(b)) - back}\n"
                    f"The shapes are {list(a)} and {list(b)}; they are aligned at the last dimension, and a "
                    "dimension of size 1 stretches."
                )
    return None
