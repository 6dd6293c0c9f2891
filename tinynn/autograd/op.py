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
from collections.abc import Callable, Iterator, Sequence
from types import MethodType
from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.grad_mode import thread
from tinynn.autograd.node import USED_TWICE, Node, attached, edge_to
from tinynn.autograd.variable import Variable

OPERAND, SHAPE, STATIC, RESULT = "operand", "shape", "static", "result"
INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it "
    "in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)


class Plan(NamedTuple):
    """What to save and which VJPs to run, for one choice of operands that require grad."""

    saves: tuple[tuple[str, int], ...]  # (kind, argument position), in the order of Record.saved
    rules: tuple[tuple[int | None, Callable, tuple[int, ...]], ...]  # (operand, vjp, places in (g, *saved))
    keeps_arrays: bool


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
        self.operands: range | None = range(len(vjps))
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
        """Compute on arrays, giving an array; on tensors, giving a tensor that remembers how it was made."""
        if len(args) < len(self.parameters):
            args += self.defaults[len(args) - len(self.parameters) :]
        arrays, needs, source, feature_major = list(args), 0, None, self.feature_major
        for i in self.operands or range(self.first, len(args)):
            operand = args[i]
            if isinstance(operand, Variable):
                source = operand if source is None else source
                if operand._base is not None:
                    operand.refresh()
                if operand._requires_grad:
                    needs |= 1 << i
                if operand._feature_major:
                    feature_major = True
                arrays[i] = operand._array
        if source is None:
            return self.forward(*args)
        if self.view:
            arrays[0] = source.row_major()
        result = self._compute(arrays)
        out = self._wrap(result, source, args, feature_major)
        if needs and thread.enabled:
            self._record(needs, args, result, out)
        return out

    def _compute(self, arrays: list) -> Any:
        try:
            return thread.quietly(self.forward, *(arrays if self.cast is None else self.cast(arrays)))
        except ValueError as error:
            raise (_size_mismatch(arrays) if self.cast else None) or error from None

    def _wrap(self, result: Any, source: Variable, args: tuple, feature_major: bool) -> Any:
        if type(result) is tuple:
            return tuple(self._wrap(one, source, args, feature_major) for one in result)
        out = Variable.wrap(result)
        if self.view:
            out._base = source if source._base is None else source._base
            out._replay = (*source._replay, (self, args[1:]))
            out._counter, out._seen = source._counter, source._counter[0]
            out._inference = source._inference
        else:
            if feature_major:
                out._feature_major = True
            if thread.inference:
                out._inference = True
        return out

    def _record(self, needs: int, args: tuple, result: Any, out: Any) -> None:
        """Put a Node behind `out` that holds what the plan says."""
        plan = self.plans[needs] if needs in self.plans else self._plan(needs)
        if plan is None:  # none of the operands that require grad has a derivative
            return
        saved, versions = [], []
        for kind, i in plan.saves:
            if kind is RESULT:
                saved.append(result)
                versions.append((out._counter, out._counter[0]))
            elif kind is SHAPE:
                saved.append(_shape(args[i]))
            elif kind is OPERAND and isinstance(args[i], Variable):
                if args[i]._inference:
                    raise RuntimeError(INFERENCE_SAVED)
                saved.append(args[i]._array)
                versions.append((args[i]._counter, args[i]._counter[0]))
            else:
                saved.append(args[i])
        Record(self, plan, saved, versions, args, out)

    def _plan(self, needs: int) -> Plan | None:
        saves: list[tuple[str, int]] = []
        rules = []
        for operand, vjp in enumerate(self.vjps):
            if vjp is not None and needs >> operand & 1:
                wanted = [self._source(name) for name in _signature(vjp)[0][1:]]
                saves += [source for source in wanted if source not in saves]
                rules.append((operand, vjp, tuple(1 + saves.index(source) for source in wanted)))
        keeps_arrays = any(kind in (OPERAND, RESULT) for kind, _ in saves)
        self.plans[needs] = Plan(tuple(saves), tuple(rules), keeps_arrays) if rules else None
        return self.plans[needs]

    def _source(self, name: str) -> tuple[str, int]:
        """Where the value for a VJP's parameter comes from."""
        if name == "y":
            return RESULT, 0
        if name in self.parameters:
            position = self.parameters.index(name)
            return (OPERAND if position < len(self.vjps) else STATIC), position
        if name.endswith("_shape") and name[:-6] in self.parameters:
            return SHAPE, self.parameters.index(name[:-6])
        raise TypeError(f"a VJP asks for '{name}', which is neither g, y, nor one of {self.parameters}")


class VariadicOp(Op):
    """An Op over any number of operands, which come last: `cat(axis, *xs)`.

    Its one VJP returns the gradients of all of them; `xs` and `xs_shapes` name their values and shapes.
    """

    def __init__(self, forward: Callable, vjp: Callable, **options: Any):
        self.first = len(_signature(forward)[0]) - 1
        super().__init__(forward, vjp, **options)
        self.operands = None

    def _plan(self, needs: int) -> Plan | None:
        return self.plans.setdefault(needs, None)

    def _record(self, needs: int, args: tuple, result: Any, out: Any) -> None:
        operands = [arg._array if isinstance(arg, Variable) else arg for arg in args[self.first :]]
        available = dict(zip(self.parameters, args, strict=False))
        available.update(xs=operands, xs_shapes=[np.shape(x) for x in operands])
        wanted = _signature(self.vjps[0])[0][1:]  # type: ignore[arg-type]
        saved = [available[name] for name in wanted]
        versions = [(arg._counter, arg._counter[0]) for arg in args[self.first :] if isinstance(arg, Variable)]
        keeps = "xs" in wanted
        rule = (None, self.vjps[0], tuple(range(1, 1 + len(wanted))))
        plan = Plan(tuple((OPERAND if name == "xs" else STATIC, 0) for name in wanted), (rule,), keeps)  # type: ignore[arg-type]
        Record(self, plan, saved, versions if keeps else [], args, out)


class Record(Node):
    """The Node that calling an Op leaves behind: its plan, and the values that the plan says to keep."""

    __slots__ = ("plan", "saved", "versions")

    def __init__(self, op: Op, plan: Plan, saved: list, versions: list, args: tuple, out: Any):
        edges, metas = [], []
        for i in op.operands or range(op.first, len(args)):
            operand = args[i]
            if isinstance(operand, Variable):
                array = operand._array
                edges.append(edge_to(operand) if operand._requires_grad else None)
                metas.append((array.shape, array.dtype))
            else:
                edges.append(None)
                metas.append(None)
        several = type(out) is tuple
        super().__init__(op.name, edges, metas, [(o._array.shape, o._array.dtype) for o in out] if several else None)
        self.plan = plan
        self.saved: list | None = saved
        self.versions = versions  # [(version counter, its count when the value was saved)]
        for index, tensor in enumerate(out if several else (out,)):
            tensor._node, tensor._index, tensor._requires_grad = self, index, True

    def gradients(self, g: Any, create_graph: bool) -> Iterator[tuple[int, Any]]:
        values = (g, *self._unpack(create_graph))
        for operand, vjp, places in self.plan.rules:
            chosen = [values[place] for place in places]
            gradient = vjp(g, *chosen) if create_graph else thread.quietly(vjp, g, *chosen)
            if operand is None:
                yield from enumerate(gradient)
            else:
                yield operand, gradient

    def release(self) -> None:
        if self.plan.keeps_arrays:
            self.saved = None

    def _unpack(self, as_tensors: bool) -> list:
        """The saved values; as tensors that are part of the graph again, if they are to be differentiated."""
        if self.saved is None:
            raise RuntimeError(USED_TWICE)
        for counter, count in self.versions:
            if counter[0] != count:
                raise RuntimeError(self._stale(count, counter[0]))
        if not as_tensors:
            return self.saved
        return [self._as_tensor(value, *source) for value, source in zip(self.saved, self.plan.saves, strict=True)]

    def _as_tensor(self, value: Any, kind: str, position: int) -> Any:
        if kind is RESULT:
            several = type(value) is tuple
            return tuple(attached(v, (self, i)) for i, v in enumerate(value)) if several else attached(value, (self, 0))
        if kind is OPERAND and type(value) is list:  # the operands of a VariadicOp
            return [attached(v, edge) for v, edge in zip(value, self.edges, strict=True)]
        if kind is OPERAND and isinstance(value, np.ndarray):
            return attached(value, self.edges[position])
        return value

    def rebind_result(self, tensor: Variable) -> None:
        """`tensor` was overwritten with this node's result: let the saved result be the tensor's own array."""
        for place, (kind, _) in enumerate(self.plan.saves):
            if kind is RESULT and self.saved is not None:
                self.saved[place] = tensor._array
                self.versions = [*self.versions[:-1], (tensor._counter, tensor._counter[0])]

    def _stale(self, expected: int, found: int) -> str:
        """torch's message about a saved value that was overwritten, naming the value."""
        versions = iter(self.versions)
        for value, (kind, position) in zip(self.saved or (), self.plan.saves, strict=True):
            if kind not in (OPERAND, RESULT) or not isinstance(value, np.ndarray):
                continue
            counter, count = next(versions)
            if counter[0] != count:
                maker = (self, 0) if kind is RESULT else self.edges[position]
                break
        of = f", which is output {maker[1]} of {maker[0].label}," if maker and isinstance(maker[0], Node) else ""
        return (
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[tinynn.{_TYPE_NAMES.get(value.dtype.name, 'Float')}Tensor {list(value.shape)}]{of} is at version {found}; "
            f"expected version {expected} instead. Hint: {self.label} needs the old values; use the out-of-place "
            "operation, or clone() the tensor before it is overwritten."
        )


_TYPE_NAMES = {"float16": "Half", "float32": "Float", "float64": "Double", "int64": "Long", "bool": "Bool"}


def _shape(operand: Any) -> tuple:
    return operand._array.shape if isinstance(operand, Variable) else np.shape(operand)


def _signature(function: Callable) -> tuple[tuple[str, ...], tuple]:
    """The parameter names of `function`, and the default values of the last of them."""
    if isinstance(function, np.ufunc):
        return (("x",) if function.nin == 1 else ("a", "b")), ()
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters), tuple(p.default for p in parameters if p.default is not p.empty)


def _size_mismatch(operands: Sequence) -> RuntimeError | None:
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
