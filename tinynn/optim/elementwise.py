"""Elementwise: the optimizers whose update of an element looks at that element alone.

Such an algorithm is one `update` on arrays. As it does not matter to it which elements stand side by side,
`update` is called in the fastest of three ways, and cannot tell them apart:

- small parameters laid end to end, once for all of them: NumPy's price for a call is that of 1000 elements;
- large parameters in slices that fit the processor's cache;
- what is neither (not contiguous, or without state as yet) one by one.

Parameters whose memory nobody else holds move into the flat array, of which they become a view, as does
`state[p]["exp_avg"]`. The other parameters stay where they are: they are copied into the flat array, updated
there, and copied back. Whatever users replace is found, and laid out anew, at the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_
from sys import getrefcount
from typing import Any, ClassVar

import numpy as np

from tinynn.autograd.grad_mode import enable_grad, thread
from tinynn.optim.optimizer import Group, Optimizer
from tinynn.optim.parts import Array, check_shapes, number, refuse_what_cannot_be, zeros
from tinynn.tensor import Tensor

SMALL = 8192  # up to this size a parameter is copied beside the others
SLICE = 65536  # elements that are updated at a time, so that the arrays of an update stay in cache


class Elementwise(Optimizer):
    """An optimizer given by `update` and the names of what it remembers.

    `counts_steps`: the state has "step", how many updates a parameter has seen.
    `older_options`: what options mean that are missing from a saved state of an older version.
    """

    counts_steps = True
    older_options: ClassVar[dict[str, Any]] = {}

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self._forget_layout()
        super().__init__(params, defaults)
        if defaults.get("fused"):
            if defaults["differentiable"]:
                raise RuntimeError("`fused` does not support `differentiable`")
            if defaults["foreach"]:
                raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def _forget_layout(self) -> None:
        self._layouts: dict[int, _Layout] = {}  # by the number of the group
        self._scratch: dict[np.dtype, Array] = {}

    # --- what an algorithm says of itself

    def state_names(self, group: Group) -> tuple[str, ...]:
        """The arrays in `state[p]` that `update` needs under the group's options, in torch's order."""
        raise NotImplementedError

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        """`state[p]` before its first update: a step count of 0, and zeros."""
        arrays = {name: zeros(p) for name in self.state_names(group)}
        return {"step": number(0.0, group), **arrays} if self.counts_steps else arrays

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        """The t-th update of the values p by the gradient g. Writes p, `state`, and a and b, for scratch."""
        raise NotImplementedError

    # --- one step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return the loss, if a closure computes it first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for index, group in enumerate(self.param_groups):
            params = [p for p in group["params"] if p._grad is not None]
            if params:
                refuse_what_cannot_be(group, params)
                thread.quietly(self._step_group, index, group, params)
        return loss

    def _step_group(self, index: int, group: Group, params: list[Tensor]) -> None:
        names = self.state_names(group)
        layout = self._layouts.get(index)
        if layout is None or not _same(layout.params, params):
            # Laying out pays from the second step on; who has a gradient may change with every step.
            self._layouts[index] = _Layout(params)
            alone = params
        else:
            stored = ("step", *names) if self.counts_steps else names
            if not layout.is_current(self.state, stored):
                layout.lay_out(self.state, stored)
            for flat in layout.flats:
                t = flat.gather()
                self._update_slices(flat.p, flat.g, flat.state, t, group)
                flat.scatter()
            alone = layout.alone
        for p in alone:
            self._update_alone(p, group, names)
        for p in params:
            p._counter[0] += 1

    def _update_alone(self, p: Tensor, group: Group, names: tuple[str, ...]) -> None:
        state = self.state[p] if names else {}
        if not state:
            state.update(self.initial_state(p, group))
        t = 0.0
        if self.counts_steps:
            state["step"]._array += 1
            state["step"].bump()
            t = state["step"].item()
        array, gradient = p._array, p._grad._array  # type: ignore[union-attr]
        arrays = {name: held._array for name in names if (held := state.get(name)) is not None}
        check_shapes(array, arrays)
        if len(arrays) == len(names) and all(x.flags.c_contiguous for x in (array, *arrays.values())):
            gradient = np.ascontiguousarray(gradient)
            lines = {name: x.reshape(-1) for name, x in arrays.items()}
            self._update_slices(array.reshape(-1), gradient.reshape(-1), lines, t, group)
        else:
            self.update(array, gradient, arrays, t, group, np.empty_like(array), np.empty_like(array))
        for name, x in arrays.items():
            if state.get(name) is None:
                state[name] = Tensor.wrap(x)
            else:
                state[name].bump()

    def _update_slices(self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group) -> None:
        """`update`, a slice at a time, for one-dimensional arrays."""
        scratch = self._scratch.get(p.dtype)
        if scratch is None:
            scratch = self._scratch[p.dtype] = np.empty((2, SLICE), p.dtype)
        n = p.size
        if n <= SLICE:
            self.update(p, g, state, t, group, scratch[0, :n], scratch[1, :n])
            return
        for start in range(0, n, SLICE):
            part = slice(start, start + SLICE)
            a, b = scratch[:, : n - start]
            self.update(p[part], g[part], {name: s[part] for name, s in state.items()}, t, group, a, b)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget_layout()
        for group in self.param_groups:
            for option, value in self.older_options.items():
                group.setdefault(option, value)
            for p in group["params"] if self.counts_steps else ():
                held = self.state.get(p)
                if held and not isinstance(held["step"], Tensor):
                    held["step"] = number(float(held["step"]), group)


class _Layout:
    """How a group's parameters are updated: those in `flats` end to end, those in `alone` one by one."""

    def __init__(self, params: list[Tensor]):
        self.params = params
        self.flats: list[_Flat] = []
        self.alone: list[Tensor] = []
        self.stored: tuple[str, ...] | None = None

    def is_current(self, state: dict, stored: tuple[str, ...]) -> bool:
        """Whether every array is where it was when it was laid out. Users may replace any, at any time."""
        return self.stored == stored and all(flat.is_current(state) for flat in self.flats)

    def lay_out(self, state: dict, stored: tuple[str, ...]) -> None:
        """Decide anew who goes where; all in one flat share a dtype and a step count."""
        disjoint = _disjoint(self.params)
        flats: dict[tuple, list[Tensor]] = {}
        self.alone = []
        for p in self.params:
            if id(p) in disjoint and _fits(p, state, stored):
                flats.setdefault(_kind(p, state, stored), []).append(p)
            else:
                self.alone.append(p)
        self.alone += [members[0] for members in flats.values() if len(members) == 1]
        self.flats = [_Flat(members, state, stored) for members in flats.values() if len(members) > 1]
        complete = all(name in state.get(p, ()) for p in self.params for name in stored)
        self.stored = stored if complete else None  # this step's update makes what is missing: look again


class _Flat:
    """Parameters end to end in one array, their gradients in another, and so their state."""

    def __init__(self, params: list[Tensor], state: dict, stored: tuple[str, ...]):
        self.params = params
        self.stored = stored
        shapes = [p._array.shape for p in params]
        self.p, pieces = _end_to_end(shapes, params[0]._array.dtype)
        self.g = np.empty_like(self.p)
        self.copied = [
            (p._array, piece) for p, piece in zip(params, pieces, strict=True) if not _moved(p, piece)
        ]
        self.state: dict[str, Array] = {}
        self.steps: Array | None = None
        self.counter = [0]
        for name in stored:
            tensors = [state[p][name] for p in params]
            flat, pieces = _end_to_end([x._array.shape for x in tensors], tensors[0]._array.dtype)
            for tensor, piece in zip(tensors, pieces, strict=True):
                piece[...] = tensor._array
                tensor._array, tensor._counter = piece, self.counter
            if name == "step":
                self.steps = flat
            else:
                self.state[name] = flat
        self.arrays = [p._array for p in params]
        self.held = self._held(state)

    def _held(self, state: dict) -> list[Array]:
        """The arrays of the state, as they are now."""
        if not self.stored:
            return []
        states: list[Any] = [state.get(p) for p in self.params]
        return [held[name]._array for held in states for name in self.stored]

    def is_current(self, state: dict) -> bool:
        """Whether parameters and state have the arrays that were laid out, and all the same step count."""
        try:
            held = self._held(state)
        except (KeyError, TypeError, AttributeError):  # state is gone, or no Tensor any more
            return False
        if not (_same(held, self.held) and _same([p._array for p in self.params], self.arrays)):
            return False
        if self.steps is None:
            return True
        steps = self.steps.tolist()
        return steps.count(steps[0]) == len(steps)

    def gather(self) -> float:
        """Fetch parameters and gradients; return the number of this step (0 if nobody counts)."""
        for array, piece in self.copied:
            piece[...] = array
        np.concatenate([p._grad._array for p in self.params], axis=None, out=self.g)  # type: ignore[union-attr]
        if self.steps is None:
            return 0.0
        self.steps += 1
        return self.steps.item(0)

    def scatter(self) -> None:
        """Copy the updated parameters back to where they live."""
        for array, piece in self.copied:
            array[...] = piece
        self.counter[0] += 1


def _moved(p: Tensor, piece: Array) -> bool:
    """Make `piece` the memory of p, if nobody else (a view, a state_dict, a graph) holds what it has now."""
    array = p._array
    if array.base is not None or getrefcount(array) > _OWN_REFERENCES:
        return False
    piece[...] = array
    p._array = piece
    return True


_OWN_REFERENCES = 3  # to an array that only its tensor holds: that, a variable, and getrefcount's argument


def _end_to_end(shapes: list[tuple[int, ...]], dtype: np.dtype) -> tuple[Array, list[Array]]:
    """A flat array, and its pieces of these shapes.

    NumPy does not know the pieces as views of one array: that they lie there is nobody else's business, and
    `save` writes of each what is its own.
    """
    starts = [0, *np.cumsum([int(np.prod(shape)) for shape in shapes]).tolist()]
    memory = bytearray(starts.pop() * dtype.itemsize)
    return np.frombuffer(memory, dtype), [
        np.frombuffer(memory, dtype, int(np.prod(shape)), start * dtype.itemsize).reshape(shape)
        for shape, start in zip(shapes, starts, strict=True)
    ]


def _same(these: list, those: list) -> bool:
    """Whether the lists hold the same objects."""
    return len(these) == len(those) and all(map(is_, these, those))


def _fits(p: Tensor, state: dict, stored: tuple[str, ...]) -> bool:
    """Whether p is small and its state is complete, of its dtype and shape, and nobody else's memory."""
    if not 0 < p._array.size <= SMALL:
        return False
    held = state.get(p, {})
    for name in stored:
        tensor = held.get(name)
        if not isinstance(tensor, Tensor) or tensor._base is not None:
            return False
        array = tensor._array
        if name != "step" and (array.shape, array.dtype) != (p._array.shape, p._array.dtype):
            return False
    return True


def _kind(p: Tensor, state: dict, stored: tuple[str, ...]) -> tuple:
    """What all parameters in one flat array have in common: the dtype, and the step count and its dtype."""
    if "step" not in stored:
        return (p._array.dtype,)
    step = state[p]["step"]._array
    return p._array.dtype, step.dtype, step.item()


def _disjoint(params: list[Tensor]) -> set[int]:
    """The ids of those that share memory with no other: two that do are updated one after the other."""
    bounds = [np.lib.array_utils.byte_bounds(p._array) for p in params]
    shared: set[int] = set()
    last, end = -1, 0  # who reaches furthest so far, and how far
    for i in sorted(range(len(params)), key=bounds.__getitem__):
        if bounds[i][0] < end:
            shared |= {i, last}
        if bounds[i][1] > end:
            last, end = i, bounds[i][1]
    return {id(p) for p in params} - {id(params[i]) for i in shared}
