"""`Function`: write an operation of your own, forward and backward, in Python on Tensors.

class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x * x * g

y = Cube.apply(x)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn.autograd.adjust import clone
from tinynn.autograd.anomaly_mode import Trace
from tinynn.autograd.grad_mode import no_grad, thread
from tinynn.autograd.inplace import check_writable, rewrite_base
from tinynn.autograd.node import USED_TWICE, Node, edge_to
from tinynn.autograd.stale import stale
from tinynn.autograd.strided import as_strided, place_in
from tinynn.autograd.variable import FUNCTION, SEVERAL, Variable


class FunctionCtx:
    """What forward leaves for backward: saved tensors, and any attribute that you set."""

    needs_input_grad: tuple[bool, ...] = ()
    label: str
    trace: Trace | None
    _saved: tuple | None = ()
    _versions: tuple = ()
    _without_gradient: tuple = ()
    _written: tuple = ()
    _zeros_for_none = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward, where `ctx.saved_tensors` gives them back if nobody wrote to them."""
        self._saved = tensors
        self._versions = tuple(None if t is None else t._counter[0] for t in tensors)

    @property
    def saved_tensors(self) -> tuple:
        if self._saved is None:
            raise RuntimeError(USED_TWICE)
        for tensor, count in zip(self._saved, self._versions, strict=True):
            if tensor is not None and tensor._counter[0] != count:
                raise stale(self, tensor._array, edge_to(tensor), tensor._counter, count)
        return self._saved

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """These outputs get no gradient."""
        self._without_gradient = outputs

    def mark_dirty(self, *inputs: Any) -> None:
        """forward wrote to these inputs and returns them."""
        self._written = inputs

    def check_written(self, outputs: Any) -> None:
        """Raise torch's RuntimeError where autograd cannot follow what forward wrote to."""
        for x in self._written:
            if not _among(x, tuple(outputs)):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned as output. "
                    "The inputs that are modified inplace must all be outputs of the Function."
                )
            if x._requires_grad and x._node is None:
                raise RuntimeError(
                    "a leaf Variable that requires grad has been used in an in-place operation."
                )
            if x._base is not None and len(outputs) > 1:
                raise RuntimeError(
                    "If your Function modifies inplace an input that is a view of another Tensor, your "
                    "Function cannot return more than one Tensor. This is not supported by the current "
                    "autograd engine. You should either make sure the input is not a view (using .clone() "
                    "for example) or make your Function only return one Tensor (potentially splitting it "
                    "into two Functions: one doing the inplace that returns a single Tensor and a second "
                    "one that does the other operations). You can ask on the forum "
                    "https://discuss.pytorch.org/ if you need help to do this change."
                )
            check_writable(x)

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for an output that nothing was computed from."""
        self._zeros_for_none = value


class _FunctionNode(Node):
    """The Node behind the outputs of a Function."""

    def __init__(self, function: type[Function], ctx: FunctionCtx, inputs: tuple, outputs: tuple):
        edges = [edge_to(x) if isinstance(x, Variable) and x._requires_grad else None for x in inputs]
        super().__init__(edges)
        self.label = f"{function.__name__}Backward"
        self.outputs = [(o._array.shape, o._array.dtype) for o in outputs]
        self.function, self.ctx = function, ctx
        ctx.label, ctx.trace = self.label, self.trace  # for an error: see stale.py
        self.zeros_for_none = ctx._zeros_for_none

    def gradients(self, g: Any, create_graph: bool) -> list:
        tensors = [Variable.wrap(one) if isinstance(one, np.ndarray | np.generic) else one for one in g]
        answer = self.function.backward(self.ctx, *tensors)
        answers = answer if isinstance(answer, tuple) else (answer,)
        if len(answers) < len(self.edges) or any(extra is not None for extra in answers[len(self.edges) :]):
            raise RuntimeError(
                f"function {self.label} returned an incorrect number of gradients (expected "
                f"{len(self.edges)}, got {len(answers)})"
            )
        kept: list = []
        for operand, (edge, gradient) in enumerate(zip(self.edges, answers, strict=False)):
            if edge is not None and gradient is not None:
                if not isinstance(gradient, Variable):
                    raise RuntimeError(f"expected Variable or None (got {type(gradient).__name__})")
                self._check_shape(operand, edge[2], gradient._array.shape)
                kept.append(clone(gradient if create_graph else gradient._array))
            else:
                kept.append(None)
        return kept

    def _check_shape(self, operand: int, wanted: tuple, got: tuple) -> None:
        try:
            fits = np.broadcast_shapes(wanted, got) == tuple(got)
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"Function {self.label} returned an invalid gradient at index {operand} - got {list(got)} "
                f"but expected shape compatible with {list(wanted)}"
            )

    def release(self) -> None:
        if self.ctx._saved:
            self.ctx._saved = None


class Function:
    """Base class of operations written by users: define `forward(ctx, ...)` and `backward(ctx, *g)`.

    `backward` returns one gradient (or None) for each argument of forward. It is recorded under create_graph,
    so it can be differentiated again if it is made of tensor operations. Instead of taking `ctx`, forward may
    leave the saving to `setup_context(ctx, inputs, output)`.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple, output: Any) -> None:
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Any) -> Any:
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use "
            "it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward on the arguments, and record backward for their gradients."""
        ctx = FunctionCtx()
        needs = tuple(isinstance(x, Variable) and x.requires_grad for x in args)  # type: ignore[attr-defined]
        ctx.needs_input_grad = needs
        with no_grad():
            if cls.setup_context is Function.setup_context:
                result = cls.forward(ctx, *args, **kwargs)
            else:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
        several = isinstance(result, tuple | list)
        tracked = any(needs) and thread.enabled
        if tracked:
            ctx.check_written(result if several else (result,))
        outputs = [cls._output(ctx, one, args) for one in (result if several else (result,))]
        tensors = tuple(one for one in outputs if isinstance(one, Variable))
        if thread.enabled:
            for tensor in tensors:
                if tensor._base is not None and not _among(tensor, ctx._written):
                    tensor._origin = FUNCTION if len(tensors) == 1 else SEVERAL
        if tracked:
            node = _FunctionNode(cls, ctx, args, tensors)
            for index, tensor in enumerate(tensors):
                if not _among(tensor, ctx._without_gradient):
                    _put_behind(tensor, node, index, ctx)
        return tuple(outputs) if several else outputs[0]

    @staticmethod
    def _output(ctx: FunctionCtx, output: Any, args: tuple) -> Any:
        """An input that forward returned untouched gets a tensor of its own: it must not become non-leaf."""
        if _among(output, ctx._written):
            output.bump()
        elif _among(output, args):
            if not thread.enabled:
                return output.detach()
            with no_grad():
                return as_strided(output, place_in(output._array, output.row_major()))
        return output


def _among(one: Any, several: tuple) -> bool:
    return any(one is other for other in several)


def _put_behind(tensor: Any, node: Node, index: int, ctx: FunctionCtx) -> None:
    """Make `tensor` an output of `node`."""
    if tensor._base is not None and _among(tensor, ctx._written):
        rewrite_base(tensor, (node, index, tensor._array.shape, tensor._array.dtype))
    else:
        tensor._node, tensor._index, tensor._requires_grad = node, index, True
        tensor._seen = tensor._counter[0]


def once_differentiable(backward: Callable) -> Callable:
    """Decorator for a `backward` that must not be recorded: its results cannot be differentiated again."""

    @functools.wraps(backward)
    def unrecorded(ctx: FunctionCtx, *grad_outputs: Any) -> Any:
        with no_grad():
            return backward(ctx, *grad_outputs)

    return unrecorded
