"""Writing into a tensor that may be part of a graph: `add_`, `x[i] = v`, `copy_`, ...

An in-place operation is its out-of-place twin, whose result then overwrites the tensor and whose Node takes
the tensor's place in the graph. A write to a view is a write to its base: the base's history becomes
`copy_slices(old base, new part)`, and every view of it looks its own place up again (Variable.refresh).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinynn.autograd.grad_mode import thread
from tinynn.autograd.op import Op
from tinynn.autograd.variable import Variable, follow


def _with_slice(base: np.ndarray, part: np.ndarray, replay: tuple) -> np.ndarray:
    """A copy of `base` in which the view that `replay` leads to holds `part`."""
    out = np.array(base)
    _writable(out, replay)[...] = part
    return out


def _writable(base: np.ndarray, replay: tuple) -> np.ndarray:
    view = follow(base, replay)
    view.flags.writeable = True  # NumPy hands out some views (diagonal) read-only
    return view


copy_slices: Op = Op(
    _with_slice,
    lambda g, part_shape, replay: copy_slices(g, np.zeros(part_shape), replay),
    lambda g, replay: follow(g, replay),
    name="CopySlices",
)


def check_writable(tensor: Variable) -> None:
    """Raise torch's RuntimeError where an in-place operation is not allowed."""
    if tensor._inference and not thread.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed."
            "You can make a clone to get a normal tensor before doing inplace update."
            "See https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if thread.enabled:
        _check_leaf(tensor)
    array = tensor._array
    overlaps = any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True))
    if overlaps and array.size:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )


def _check_leaf(tensor: Variable) -> None:
    base = tensor._base
    if base is not None:
        tensor.refresh()
        if base._requires_grad and base._node is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
            )
        if base._requires_grad and not tensor._requires_grad:
            raise RuntimeError(
                "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
                "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
                "your code by moving both the view and the inplace either both inside the no_grad block (if "
                "you don't want the inplace to be tracked) or both outside (if you want the inplace to be "
                "tracked)."
            )
        if tensor._node is not None and tensor._node.outputs is not None:
            maker = tensor._node.label.removesuffix("Backward0")
            raise RuntimeError(
                f"Output {tensor._index} of {maker} is a view and is being modified inplace. This view is "
                "the output of a function that returns multiple views. Such functions do not allow the "
                "output views to be modified inplace. You should replace the inplace operation by an "
                "out-of-place one."
            )
    elif tensor._requires_grad and tensor._node is None:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation.\n"
            "Update parameters under no_grad(), or make a new tensor: x = x + 1."
        )


def overwrite(tensor: Any, result: Any) -> Any:
    """Replace the values of `tensor` by those of `result`, and its history by the history of `result`.

    Casts to the tensor's dtype. Returns `tensor`.
    """
    check_writable(tensor)
    recorded = thread.recording and result._requires_grad
    if recorded:
        result._node.before_overwriting(tensor)
    thread.quietly(np.copyto, tensor._array, result._array, casting="unsafe")
    tensor.bump()
    if recorded and tensor._base is None:
        tensor._node, tensor._index, tensor._requires_grad = result._node, result._index, True
        result._node.after_overwriting(tensor)
    elif recorded:
        _rewrite_base(tensor, result)
    return tensor


def _rewrite_base(view: Any, result: Any) -> None:
    """A write to a view is a write to its base: give the base a new history."""
    base = view._base
    before = Variable.wrap(base._array)  # the base as it was; only its place in the graph matters here
    if base._requires_grad:
        before._node, before._index, before._requires_grad = base._node, base._index, True
    rewritten = copy_slices(before, result, view._replay)
    base._node, base._index, base._requires_grad = rewritten._node, rewritten._index, True
    view.refresh()
