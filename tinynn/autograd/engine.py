"""backward(): carry gradients from a result back to every leaf it was computed from.

Each operation left a Node behind (see op.py). Nodes are numbered as they are made, so an operation always has
a higher number than those whose results it used. Taking the nodes by falling number therefore visits each one
after everything that used it: when its turn comes, its gradient is complete. No recursion, no sorting of the
graph: a chain of a million operations works like a short one.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

import numpy as np

from tinynn.autograd.adjust import cast, clone, sum_to
from tinynn.autograd.anomaly_mode import anomaly
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.node import Edge, Node, edge_to
from tinynn.autograd.variable import Variable


def backpropagate(
    roots: list[tuple[Edge, Any]],
    create_graph: bool,
    retain_graph: bool,
    wanted: set | None = None,
) -> dict[Any, Any]:
    """Send each root's gradient backwards; return the gradients that arrive, {leaf: gradient}.

    With `wanted`, a set of leaves and of (Node, output index), only the paths to these are followed.
    Gradients are arrays; with create_graph they are Tensors, and computing them is itself recorded.
    """
    arriving: dict[Node, list] = {}  # the gradients of a node's outputs, as far as they have come in
    queue: list[tuple[int, Node]] = []  # the nodes in `arriving`, the latest first
    results: dict[Any, Any] = {}
    on_path = None if wanted is None else _nodes_towards(wanted, roots)
    edges: list = [edge for edge, _ in roots]
    gradients: list = [gradient for _, gradient in roots]
    g = None
    while True:
        for edge, gradient in zip(edges, gradients):  # noqa: B905 - strict costs as much as the loop's own work
            if edge is None or gradient is None:
                continue
            target, index, shape, dtype = edge
            array = gradient._array if create_graph else gradient
            if array.shape != shape:  # the operand was broadcast
                gradient = sum_to(gradient, shape)
                array = gradient._array if create_graph else gradient
            if array.dtype is not dtype:  # the operand was cast
                gradient = cast(gradient, dtype)
            if isinstance(target, Variable):
                if wanted is None or target in wanted:
                    # A leaf keeps it: nobody may share its memory.
                    if gradient is g or array.base is not None:
                        gradient = clone(gradient)
                    first = results.setdefault(target, gradient)
                    if first is not gradient:
                        results[target] = first + gradient
            elif target in arriving:
                slots = arriving[target]
                slots[index] = gradient if slots[index] is None else slots[index] + gradient
            elif on_path is None or target in on_path:
                arriving[target] = slots = [None] * (1 if target.outputs is None else len(target.outputs))
                slots[index] = gradient
                heappush(queue, (-target.number, target))
        if not queue:
            return results
        node = heappop(queue)[1]
        incoming = arriving.pop(node)
        if node.hooks or node.retained:
            _run_hooks(node, incoming)
        if wanted is not None:
            results.update(((node, i), one) for i, one in enumerate(incoming) if (node, i) in wanted)
        edges = []
        if on_path is None or on_path[node]:
            if node.outputs is None:
                g = incoming[0]
            else:
                g = _complete(incoming, node.outputs, create_graph) if node.zeros_for_none else incoming
            edges = node.edges
            if anomaly.enabled:
                gradients = anomaly.gradients(node, g, create_graph)
            else:
                gradients = node.gradients(g, create_graph)
            if not retain_graph:
                node.release()


def _complete(incoming: list, outputs: list, as_tensors: bool) -> list:
    """The gradients of a many-output operation: zeros for outputs that nothing was computed from.

    A leaf must not end up with one of them itself, so they are handed on as views.
    """
    wrap = Variable.wrap if as_tensors else (lambda array: array)
    filled = [
        wrap(np.zeros(*output)) if g is None else g for g, output in zip(incoming, outputs, strict=True)
    ]
    return filled if as_tensors else [np.asarray(g)[...] for g in filled]


def _nodes_towards(wanted: set, roots: list) -> dict[Node, bool]:
    """The nodes to visit on the way to `wanted`; True where the way goes on behind the node."""
    found: set[Node] = set()
    stack = [edge[0] for edge, _ in roots if isinstance(edge[0], Node)]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [edge[0] for edge in node.edges if edge and isinstance(edge[0], Node)]
    ends = {end[0] for end in wanted if isinstance(end, tuple)}
    on_path: dict[Node, bool] = {}
    for node in sorted(found, key=lambda node: node.number):  # what a node used comes before it
        leads_on = any(edge and (edge[0] in wanted or edge[0] in on_path) for edge in node.edges)
        if leads_on or node in ends:
            on_path[node] = leads_on
    return on_path


def _run_hooks(node: Node, incoming: list) -> None:
    """Let hooks see and replace the gradients of a node's outputs; fill .grad where it is retained."""
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
    if inputs is None:
        for leaf, gradient in _run(roots, create_graph, retain_graph, None).items():
            if leaf._requires_grad:  # it may have been switched off since
                _accumulate(leaf, gradient)
        return
    receivers = {_key(tensor): tensor for tensor in _as_tuple(inputs)}
    if not receivers:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    for key, gradient in _run(roots, create_graph, retain_graph, set(receivers)).items():
        _accumulate(receivers[key], gradient if isinstance(key, Variable) else clone(gradient))


def _key(tensor: Variable) -> Any:
    """How `backpropagate` names this tensor in `wanted` and in its results."""
    return tensor if tensor._node is None else (tensor._node, tensor._index)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """Return d(outputs)/d(input) for each of `inputs`, leaving every `.grad` alone.

    `inputs` may be a dict, and the answer has its keys then. `only_inputs` is history, and without effect.
    Raises RuntimeError if an input does not require grad, or was not used (unless `allow_unused=True`, which
    gives None for it, or `materialize_grads=True`, which gives zeros).
    """
    if is_grads_batched:
        raise NotImplementedError("is_grads_batched=True\nCall grad() for each of the gradients.")
    given = tuple(inputs.values()) if isinstance(inputs, dict) else _as_tuple(inputs)
    if not given:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for tensor in given:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    roots = _roots(_as_tuple(outputs), grad_outputs, create_graph)
    results = _run(roots, create_graph, retain_graph, {_key(tensor) for tensor in given})
    answers = []
    for i, tensor in enumerate(given):
        gradient = results.get(_key(tensor))
        if gradient is None:
            if not (allow_unused or materialize_grads):
                raise RuntimeError(
                    f"The differentiated Tensor at index {i} appears to not have been used in the graph. "
                    "Set allow_unused=True if this is the desired behavior."
                )
            gradient = np.zeros_like(tensor._array) if materialize_grads else None
        answers.append(Variable.wrap(gradient) if isinstance(gradient, np.ndarray | np.generic) else gradient)
    return dict(zip(inputs, answers, strict=True)) if isinstance(inputs, dict) else tuple(answers)


def _run(roots: list, create_graph: bool, retain_graph: bool | None, wanted: set | None) -> dict[Any, Any]:
    retain_graph = create_graph if retain_graph is None else retain_graph
    before = thread.enabled, thread.inference
    thread.switch(create_graph, thread.inference)
    try:
        results = thread.all_quietly(backpropagate, roots, create_graph, retain_graph, wanted)
        for target, gradient in results.items():
            if isinstance(target, Variable) and target._hooks:  # the hook may keep what it was given
                results[target] = clone(apply_hooks(target._hooks, gradient))
        return results
    finally:
        thread.switch(*before)


def _roots(outputs: tuple, gradients: Any, create_graph: bool) -> list[tuple[Edge, Any]]:
    given = (None,) * len(outputs) if gradients is None else _as_tuple(gradients)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    roots: list[tuple[Edge, Any]] = []
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
                "grad can be implicitly created only for scalar outputs\nThis output has shape "
                f"{list(array.shape)}: reduce it (.sum(), .mean()) or pass its gradient."
            )
        one = np.array(1, array.dtype).reshape(array.shape)
        return Variable.wrap(one) if create_graph else one
    if gradient._array.shape != array.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has a shape of "
            f"{output.shape}."
        )
    given = gradient if create_graph else gradient._array
    return clone(given) if output._node is None else given  # a leaf would keep it


def _as_tuple(tensors: Any) -> tuple:
    return (tensors,) if isinstance(tensors, Variable) else tuple(tensors)
