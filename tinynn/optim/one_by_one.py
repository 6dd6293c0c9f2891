"""OneByOne: the optimizers whose update looks at a whole parameter, or at numbers that belong to it.

`Elementwise` (elementwise.py) cannot lay such parameters end to end: here `update` is called for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinynn.autograd.grad_mode import enable_grad, thread
from tinynn.optim.optimizer import Group, Optimizer
from tinynn.optim.parts import Array, check_shapes, number, refuse_what_cannot_be
from tinynn.tensor import Tensor


class OneByOne(Optimizer):
    """An optimizer given by `initial_state` and `update`.

    `like_p`: which arrays of the state have the parameter's shape.
    `older_options`: what options mean that are missing from a saved state of an older version.
    """

    like_p: ClassVar[tuple[str, ...]]
    older_options: ClassVar[dict[str, Any]] = {}

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        """`state[p]` before its first update."""
        raise NotImplementedError

    def update(self, p: Array, g: Array, state: dict[str, Array], group: Group) -> None:
        """Update the values p by the gradient g. Writes p and the arrays in `state`."""
        raise NotImplementedError

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return the loss, if a closure computes it first."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p._grad is not None]
            if params:
                refuse_what_cannot_be(group, params)
            for p in params:
                thread.quietly(self._step_one, p, group)
        return loss

    def _step_one(self, p: Tensor, group: Group) -> None:
        state = self.state[p]
        if not state:
            state.update(self.initial_state(p, group))
        arrays = {name: held._array for name, held in state.items()}
        check_shapes(p._array, {name: arrays[name] for name in self.like_p if name in arrays})
        self.update(p._array, p._grad._array, arrays, group)  # type: ignore[union-attr]
        for tensor in (p, *state.values()):
            tensor.bump()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for option, value in self.older_options.items():
                group.setdefault(option, value)
            for p in group["params"]:
                held = self.state.get(p, {})
                for name, value in held.items():
                    if not isinstance(value, Tensor):
                        held[name] = number(float(value), group)
