"""The graph that a forward pass leaves behind: one Node for each recorded operation.

A Node is what `tensor.grad_fn` shows. It holds what the operation's derivatives need (`saved`) and where
their results go (`edges`), and never a Tensor that it made itself: an unused graph is freed at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from tinynn.autograd.variable import Variable

_next_number = itertools.count().__next__

USED_TWICE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)


class Node:
    """What every recorded operation has: edges to follow, and a number that orders it in time.

    edges[i] is where the gradient of operand i goes: (Node, output index), or (leaf tensor, 0), or None.
    metas[i] is the (shape, dtype) that this gradient must have.
    """

    __slots__ = ("__weakref__", "edges", "hooks", "label", "metas", "number", "outputs", "retained")

    def __init__(self, label: str, edges: list, metas: list, outputs: list | None = None):
        self.label = label
        self.edges = edges
        self.metas = metas
        self.outputs = outputs  # [(shape, dtype)] of the outputs where there are several, else None
        self.number = _next_number()
        self.hooks: dict[int, dict] | None = None  # output index -> {id: hook}
        self.retained: dict | None = None  # output index -> weak reference to a tensor that wants its .grad

    def gradients(self, g: Any, create_graph: bool) -> Iterator[tuple[int, Any]]:
        """Yield (operand, its gradient) for the gradient `g` of the output (a list, where there are several)."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget what was saved: this node has passed its gradients on."""

    @property
    def next_functions(self) -> tuple:
        """((grad_fn, output index), ...) of the operands, as torch shows them."""
        return tuple(_shown(edge) for edge in self.edges)

    def name(self) -> str:
        """torch's name of the operation, `MulBackward0` for instance."""
        return self.label

    def __repr__(self) -> str:
        return f"<{self.label} object at {id(self):#x}>"


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


def _shown(edge: tuple | None) -> tuple:
    if edge is None:
        return None, 0
    return (AccumulateGrad(edge[0]), 0) if isinstance(edge[0], Variable) else edge


def edge_to(tensor: Variable) -> tuple:
    """Where the gradient of `tensor` goes: to the operation that made it, or to itself if it is a leaf."""
    return (tensor, 0) if tensor._node is None else (tensor._node, tensor._index)


def attached(array: Any, edge: tuple | None) -> Any:
    """A tensor around a saved array, put back in its place in the graph so that it can be differentiated again."""
    if edge is not None and isinstance(edge[0], Variable):
        return edge[0]
    tensor = Variable.wrap(array)
    if edge is not None:
        tensor._node, tensor._index = edge
        tensor._requires_grad = True
    return tensor
