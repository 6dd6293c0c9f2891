"""The graph that a forward pass leaves behind: one Node for each recorded operation.

A Node is what `tensor.grad_fn` shows. It holds what the operation's derivatives need and where their results
go (`edges`), and never a Tensor that it made itself: a graph that nobody needs any more is freed at once.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from tinynn.autograd.anomaly_mode import Trace, anomaly
from tinynn.autograd.variable import Variable

next_number = itertools.count().__next__

USED_TWICE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have "
    "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
    "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or "
    "if you need to access saved tensors after calling backward."
)


# Where a gradient goes and what it must look like there: (target, index, shape, dtype). The target is a Node,
# and the index says which of its outputs it is; or it is a leaf tensor, where the path ends.
Edge = tuple[Any, int, tuple[int, ...], np.dtype]


class Node:
    """What every recorded operation has: edges to its operands, and a number that orders it in time.

    An edge is None where no gradient goes.
    """

    label: str
    outputs: list | None = None  # [(shape, dtype)] of the outputs where there are several
    zeros_for_none = True  # whether an output that nothing was computed from gets a gradient of zeros
    hooks: dict[int, dict] | None = None  # output index -> {id: hook}
    retained: dict | None = None  # output index -> weak reference to a tensor that wants its .grad
    trace: Trace | None = None  # where it was made, under detect_anomaly

    def __init__(self, edges: list[Edge | None]):
        self.edges = edges
        self.number = next_number()
        if anomaly.enabled:
            self.trace = anomaly.here()

    def gradients(self, g: Any, create_graph: bool) -> list:
        """The gradient for each edge (None for none), from the gradient `g` of the output.

        For a node with several outputs `g` is a list of gradients.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Forget what was saved: this node has passed its gradients on."""

    def operand(self, edge: int) -> int:
        """The number, among the operands, of the one that this edge leads to."""
        return edge

    def name(self) -> str:
        """torch's name of the operation, `MulBackward0` for instance."""
        has_prefix = self.label in ("CopySlices", "CopyBackwards")
        return f"torch::autograd::{self.label}" if has_prefix else self.label

    @property
    def next_functions(self) -> tuple:
        """((grad_fn, output index), ...) of the operands, as torch shows them."""
        return tuple(shown(edge) for edge in self.edges)

    def __repr__(self) -> str:
        return f"<{self.label} object at {id(self):#x}>"


def operation(node_name: str) -> str:
    """The operation behind a name: `Mul` behind MulBackward0."""
    return re.sub(r"Backward\d*$", "", node_name)


class AccumulateGrad:
    """The end of a path: what `next_functions` shows for a leaf, which the edge itself points to."""

    def __init__(self, variable: Any):
        self.variable = variable
        self.next_functions = ()

    def name(self) -> str:
        """torch's name of this node."""
        return "torch::autograd::AccumulateGrad"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and self.variable is other.variable

    def __hash__(self) -> int:
        return hash(self.variable)

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self.variable):#x}>"


def shown(edge: Edge | None) -> tuple:
    """The (grad_fn, output index) that `next_functions` has for an edge."""
    if edge is None:
        return None, 0
    return (AccumulateGrad(edge[0]) if isinstance(edge[0], Variable) else edge[0]), edge[1]


def edge_to(tensor: Variable) -> Edge:
    """Where the gradient of `tensor` goes: to the operation that made it, or to itself if it is a leaf."""
    array = tensor._array
    return (tensor if tensor._node is None else tensor._node), tensor._index, array.shape, array.dtype


def attached(array: np.ndarray, edge: Edge | None) -> Any:
    """A tensor around a saved array, back in its place in the graph: it can be differentiated again."""
    if edge is not None and isinstance(edge[0], Variable):
        return edge[0]
    tensor = Variable.wrap(array)
    if edge is not None:
        tensor._node, tensor._index, tensor._requires_grad = edge[0], edge[1], True
    return tensor


def move_retained(tensor: Any, node: Node, index: int) -> None:
    """A tensor that retains its gradient wants that of its new value, which is this output of `node`."""
    reference = forget_retained(tensor)
    if reference is not None:
        node.retained = {**(node.retained or {}), index: reference}


def forget_retained(tensor: Any) -> Any:
    """Take back the wish of a tensor for its gradient, which stands in its node."""
    if tensor._node is None or not tensor._node.retained:
        return None
    return tensor._node.retained.pop(tensor._index, None)
