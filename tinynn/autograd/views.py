"""Views: tensors that share the storage of another one, their base, and what becomes of them in the graph.

A write to the base, or to another view of it, changes the values of a view; so its gradient must flow to the
base's new history. Whatever operation made it, it is cut out of the base again by `as_strided`, as soon as
somebody looks (`View.refresh`). A view whose `_origin` does not allow that refuses.
"""

from __future__ import annotations

from typing import Any

from tinynn.autograd.grad_mode import inference_mode
from tinynn.autograd.node import move_retained, operation
from tinynn.autograd.strided import as_strided, place_in
from tinynn.autograd.variable import FUNCTION, INFERENCE, NO_GRAD, SEVERAL, Variable


class View(Variable):
    """What a tensor does that may be a view."""

    def refresh(self) -> None:
        """Bring a view's place in the graph up to date after a write to its base or to another view of it.

        Raises RuntimeError for a view that cannot follow.
        """
        base = self._base
        if base is None or not (base._requires_grad or self._node is not None):
            return
        self._requires_grad = True
        if self._seen != self._counter[0]:
            if self._origin:
                raise RuntimeError(refusal(self, "its base or another view of its base has been"))
            with inference_mode(False):
                again = as_strided(base, place_in(base._array, self._array))
            move_retained(self, again._node, 0)
            self._node, self._index = again._node, 0
            self._seen = self._counter[0]


_MOVE = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by "
    "moving both the view and the inplace either both inside the {0} block (if you don't want the inplace to "
    "be tracked) or both outside (if you want the inplace to be tracked)."
)
_REASONS = {
    NO_GRAD: _MOVE.format("no_grad"),
    INFERENCE: _MOVE.format("inference_mode"),
    SEVERAL: (
        "This view is the output of a function that returns multiple views. Such functions do not allow the "
        "output views to be modified inplace. You should replace the inplace operation by an out-of-place "
        "one."
    ),
    FUNCTION: (
        "This view was created inside a custom Function (or because an input was returned as-is) and the "
        "autograd logic to handle view+inplace would override the custom backward associated with the custom "
        "Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning "
        "the output of the custom Function."
    ),
}


def refusal(view: Any, written: str = "is being") -> str:
    """Why this view cannot be written to, or cannot follow a write to its base."""
    node, index = view._node, view._index
    maker = node and f"Output {index} of {operation(node.name())} is a view"
    if node is None or view._origin in (NO_GRAD, INFERENCE):
        start = f"{maker} of a view which was created in" if node else "A view was created in"
        inference = view._origin == INFERENCE
        mode, outside = (
            ("inference", "in normal mode") if inference else ("no_grad", "with grad mode enabled")
        )
        what = f"{start} {mode} mode and {written} modified inplace {outside}."
    else:
        what = f"{maker} and {written} modified inplace."
    return f"{what} {_REASONS[view._origin]}"
