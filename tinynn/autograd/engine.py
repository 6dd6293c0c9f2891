"""backward(): carry gradients from a result back to every leaf it was computed from.

Each operation left a Node behind (see op.py). Nodes are numbered as they are made, so an operation always has
a higher number than those whose results it used. Taking the nodes by falling number therefore visits each one
after everything that used it: when its turn comes, its gradient is complete. No recursion, no sorting of the
graph: a chain of a million operations works like a short one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from tinynn.autograd.adjust import cast, clone, sum_to
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.node import Node, edge_to
from tinynn.autograd.variable import Variable

Edge = tuple[Any, int]  # (Node, output index), or (leaf tensor, 0)


def backpropagate(
    roots: Sequence[tuple[Edge, Any]],
    create_graph: bool,
    retain_graph: bool,
    wanted: set[Edge] | None = None,
) -> dict[Edge, Any]:
    """Send each root's gradient backwards; return the gradients that arrive at leaves (or at `wanted` edges).

    Gradients are arrays; with create_graph they are Tensors, and computing them is itself recorded.
    """
    arriving: dict[Node, list] = {}  # the gradients of a node's outputs, as far as they have come in
    queue: list[tuple[int, Node]] = []  # the nodes in `arriving`, highest number first
    results: dict[Edge, Any] = {}
    on_path = None if wanted is None else _nodes_towards(wanted, (edge for edge, _ in roots))

    def deliver(edge: Edge, gradient: Any) -> None:
        target, index = edge
        if isinstance(target, Variable):
            if wanted is None or edge in wanted:
                results[edge] = _add(results[edge], gradient) if edge in results else gradient
            return
        if target not in arriving:
            if on_path is not None and target not in on_path:
                return
            arriving[target] = [None] * (len(target.outputs) if target.outputs else 1)
            heappush(queue, (-target.number, target))
        slots = arriving[target]
        slots[index] = gradient if slots[index] is None else _add(slots[index], gradient)

    for edge, gradient in roots:
        deliver(edge, gradient)
    while queue:
        node = heappop(queue)[1]
        incoming = arriving.pop(node)
        if node.hooks or node.retained:
            _run_hooks(node, incoming)
        if wanted is not None:
            results.update(((node, i), g) for i, g in enumerate(incoming) if (node, i) in wanted)
            if not on_path[node]:  # type: ignore[index]  # only wanted itself: nothing that is wanted lies behind it
                continue
        g = incoming[0] if node.outputs is None else _complete(incoming, node.outputs, create_graph)
        for operand, gradient in node.gradients(g, create_graph):
            edge = node.edges[operand]
            if edge is not None and gradient is not None:
                gradient = _fit(gradient, *node.metas[operand])
                if isinstance(edge[0], Variable) and _may_be_shared(gradient, incoming):
                    gradient = clone(gradient)
                deliver(edge, gradient)
        if not retain_graph:
            node.release()
    return results


def _add(a: Any, b: Any) -> Any:
    return a + b if isinstance(a, Variable) else thread.quietly(operator.add, a, b)


def _fit(gradient: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Undo what broadcasting and promotion did to the operand: a gradient has its operand's shape and dtype."""
    array = gradient._array if isinstance(gradient, Variable) else gradient
    if array.shape != shape:
        gradient = sum_to(gradient, shape)
    return gradient if array.dtype == dtype else cast(gradient, dtype)


def _may_be_shared(gradient: Any, incoming: list) -> bool:
    """Whether a leaf must copy `gradient` before it keeps it: a row may return `g` itself, or a view."""
    array = gradient._array if isinstance(gradient, Variable) else gradient
    return array.base is not None or any(gradient is g for g in incoming)


def _complete(incoming: list, outputs: list, as_tensors: bool) -> list:
    """Zeros for the outputs of a many-output operation that nothing was computed from."""
    zeros = [np.zeros(*output) if g is None else None for g, output in zip(incoming, outputs, strict=True)]
    return [
        g if zero is None else (Variable.wrap(zero) if as_tensors else zero)
        for g, zero in zip(incoming, zeros, strict=True)
    ]


def _nodes_towards(wanted: set[Edge], roots: Iterable[Edge]) -> dict[Node, bool]:
    """The nodes to visit on the way to `wanted`; True where the way goes on behind the node."""
    found: set[Node] = set()
    stack = [target for target, _ in roots if isinstance(target, Node)]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [edge[0] for edge in node.edges if edge and isinstance(edge[0], Node)]
    nodes = {node for node, _ in wanted if isinstance(node, Node)}
    on_path: dict[Node, bool] = {}
    for node in sorted(found, key=lambda node: node.number):  # what a node used comes before it
        leads_on = any(edge and (edge in wanted or edge[0] in on_path) for edge in node.edges)
        if leads_on or node in nodes:
            on_path[node] = leads_on
    return on_path


def _run_hooks(node: Node, incoming: list) -> None:
    """Let `register_hook` functions see and replace the gradients of a node's outputs; fill retained .grad."""
    for index, hooks in (node.hooks or {}).items():
        if incoming[index] is not None:
            incoming[index] = apply_hooks(hooks, incoming[index])
    for index, reference in (node.retained or {}).items():
        tensor, gradient = reference(), incoming[index]
        if tensor is not None and gradient is not None:
            _accumulate(tensor, clone(gradient))


def apply_hooks(hooks: dict, gradient: Any) -> Any:
    """Call each hook with the gradient as a Tensor; what it returns takes its place."""
    given_tensor = isinstance(gradient, Variable)
    tensor = gradient if given_tensor else Variable.wrap(gradient)
    for hook in tuple(hooks.values()):
        replacement = hook(tensor)
        tensor = tensor if replacement is None else replacement
    return tensor if given_tensor else tensor._array


def _accumulate(tensor: Any, gradient: Any) -> None:
    """tensor.grad += gradient; the first one is kept as it is."""
    if tensor._grad is None:
        tensor._grad = gradient if isinstance(gradient, Variable) else Variable.wrap(gradient)
    elif isinstance(gradient, Variable):
        tensor._grad = tensor._grad + gradient
    else:
        np.add(tensor._grad._array, gradient, out=tensor._grad._array)
        tensor._grad.bump()


# --- what users call


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add d(tensors)/d(leaf) to the `.grad` of every leaf they depend on (or of `inputs` only).

    `grad_tensors` are the gradients of `tensors`; a one-element tensor may leave it out (it is 1 then).
    The graph's saved values are freed unless retain_graph (which create_graph implies).
    Raises RuntimeError as torch does: no graph, no gradient for a non-scalar, a graph used twice.
    """
    roots = _roots(_as_tuple(tensors), grad_tensors, create_graph)
    if inputs is not None and len(_as_tuple(inputs)) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    wanted = None if inputs is None else {edge_to(t) for t in _as_tuple(inputs)}
    results = _run(roots, create_graph, retain_graph, wanted)
    owners = {edge_to(t): t for t in _as_tuple(inputs)} if inputs is not None else {}
    for edge, gradient in results.items():
        owner = owners.get(edge, edge[0])
        if owner._node is None and owner._hooks:
            gradient = apply_hooks(owner._hooks, gradient)
        _accumulate(owner, clone(gradient) if owner._node is not None else gradient)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple:
    """Return d(outputs)/d(input) for each of `inputs`, leaving every `.grad` alone.

    Raises RuntimeError if an input does not require grad, or was not used (then `allow_unused=True` gives None
    and `materialize_grads=True` zeros).
    """
    given = _as_tuple(inputs)
    for tensor in given:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    roots = _roots(_as_tuple(outputs), grad_outputs, create_graph)
    results = _run(roots, create_graph, retain_graph, {edge_to(t) for t in given})
    answers = []
    for tensor in given:
        gradient = results.get(edge_to(tensor))
        if gradient is not None and tensor._node is None and tensor._hooks:
            gradient = apply_hooks(tensor._hooks, gradient)
        if gradient is None:
            if not (allow_unused or materialize_grads):
                raise RuntimeError(
                    "One of the differentiated Tensors appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
            gradient = np.zeros_like(tensor._array) if materialize_grads else None
        answers.append(gradient if gradient is None or isinstance(gradient, Variable) else Variable.wrap(gradient))
    return tuple(answers)


def _run(roots: list, create_graph: bool, retain_graph: bool | None, wanted: set | None) -> dict[Edge, Any]:
    before, thread.enabled = thread.enabled, create_graph
    try:
        return backpropagate(roots, create_graph, create_graph if retain_graph is None else retain_graph, wanted)
    finally:
        thread.enabled = before


def _roots(outputs: tuple, gradients: Any, create_graph: bool) -> list[tuple[Edge, Any]]:
    given = (None,) * len(outputs) if gradients is None else _as_tuple(gradients)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    roots = []
    for i, (output, gradient) in enumerate(zip(outputs, given, strict=True)):
        if not output.requires_grad:
            raise RuntimeError(
                f"element {i} of tensors does not require grad and does not have a grad_fn\n"
                "Nothing it was computed from has requires_grad=True, or it was computed under no_grad()."
            )
        roots.append((edge_to(output), _root_gradient(output, gradient, create_graph)))
    return roots


def _root_gradient(output: Any, gradient: Any, create_graph: bool) -> Any:
    array = output._array
    if gradient is None:
        if array.size != 1:
            raise RuntimeError(
                "grad can be implicitly created only for scalar outputs\n"
                f"This output has shape {list(array.shape)}: reduce it (.sum(), .mean()), or pass its gradient."
            )
        ones = np.ones(array.shape, array.dtype)
        return Variable.wrap(ones) if create_graph else ones
    if gradient._array.shape != array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has a shape of "
            f"{output.shape}."
        )
    fitted = _fit(gradient if create_graph else gradient._array, array.shape, array.dtype)
    return clone(fitted) if output._node is None else fitted


def _as_tuple(tensors: Any) -> tuple:
    return (tensors,) if isinstance(tensors, Variable) else tuple(tensors)
