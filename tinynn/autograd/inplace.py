"""Writing into a tensor that may be part of a graph: `add_`, `x[i] = v`, `copy_`, ...

An in-place operation is its out-of-place twin, whose result then overwrites the tensor and whose Node takes
the tensor's place in the graph. A write to a view is a write to its base: the base's history becomes
`CopySlices`, and every view of it looks its own place up again (View.refresh in views.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinynn.autograd.anomaly_mode import user_frame
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.node import Edge, Node, edge_to, forget_retained, move_retained, shown
from tinynn.autograd.overlap import is_expanded
from tinynn.autograd.stale import Written
from tinynn.autograd.strided import Place, outside, place_in, strided
from tinynn.autograd.variable import Variable
from tinynn.autograd.views import refusal


class CopySlices(Node):
    """The history of a base that was written to through a view.

    Inside of the view the gradient goes to what was written there, outside of it to the base as it was.
    """

    label = "CopySlices"

    def __init__(self, before: Edge | None, written: Edge, place: Place):
        super().__init__([before, written])
        self.place = place

    def gradients(self, g: Any, create_graph: bool) -> list:
        return [outside(g, self.place), strided(g, self.place)]

    @property
    def next_functions(self) -> tuple:
        """Of the base, and of the operands of the operation that wrote but for the view itself."""
        return shown(self.edges[0]), *self.edges[1][0].next_functions[1:]  # type: ignore[index]


def check_writable(tensor: Any, *sources: Any) -> None:
    """Raise torch's RuntimeError where an operation on `sources` must not overwrite `tensor`."""
    if tensor._inference and not thread.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed."
            "You can make a clone to get a normal tensor before doing inplace update."
            "See https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    operands: Any = [x for x in (tensor, *sources) if isinstance(x, Variable)]
    if thread.enabled and any(x.requires_grad for x in operands):
        _check_history(tensor)


def _check_history(tensor: Any) -> None:
    if tensor._base is not None:
        if tensor._origin:
            raise RuntimeError(refusal(tensor))
        if tensor.requires_grad and tensor._base._node is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
    if tensor.requires_grad and tensor._node is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation.\n"
            "Update parameters under no_grad(), or make a new tensor: x = x + 1."
        )


def overwrite(tensor: Any, result: Any) -> Any:
    """Replace the values of `tensor` by those of `result`, and its history by the history of `result`.

    Casts to the tensor's dtype. Returns `tensor`.
    """
    check_writable(tensor, result)
    recorded = thread.recording and result._requires_grad and tensor._array.dtype.kind == "f"
    if recorded:
        result._node.before_overwriting(tensor)
    thread.quietly(_copy, tensor._array, result._array)
    tensor.bump()
    if recorded and tensor._base is None:
        move_retained(tensor, result._node, result._index)
        tensor._node, tensor._index, tensor._requires_grad = result._node, result._index, True
        result._node.after_overwriting(tensor)
    elif recorded:
        forget_retained(tensor)
        rewrite_base(tensor, edge_to(result))
    base = tensor if tensor._base is None else tensor._base
    frame, maker = user_frame(), base._node and base._node.name()
    tensor._counter[1:] = [Written(tensor._counter[0], maker, frame.f_code.co_filename, frame.f_lineno)]
    return tensor


def _copy(own: np.ndarray, new: np.ndarray) -> None:
    """own[...] = new; where elements of own share a place, only what changes is written."""
    if not own.flags.writeable:
        own.flags.writeable = True  # NumPy hands out some views (of broadcasting) read-only
    np.copyto(own, new, casting="unsafe", where=(own != new) if is_expanded(own) else True)


def rewrite_base(view: Any, written: Edge) -> None:
    """A write to a view is a write to its base: give the base a new history."""
    base = view._base
    before = edge_to(base) if base._requires_grad else None
    history = CopySlices(before, written, place_in(base._array, view._array))
    move_retained(base, history, 0)
    base._node, base._index, base._requires_grad = history, 0, True
    view.refresh()
