"""Rprop: every weight has a step size of its own, and of the gradient only the sign counts.

    g = -gradient if maximize, else gradient
    agreement = g * prev                                    "prev", the gradient of the step before
    step_size = step_size * (eta_plus if agreement > 0, eta_minus if < 0, else 1), within step_sizes
    g = 0 where agreement < 0                               the last step went too far: wait
    p = p - sign(g) * step_size                             "step_size", which began at lr
    prev = g

For gradients of all the data: with minibatches, signs change by chance.

Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm,
https://doi.org/10.1109/ICNN.1993.298623
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.ops.elementwise import sign
from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array
from tinynn.tensor import Tensor


class Rprop(Elementwise):
    """Rprop, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for a negative lr, or unless 0 < eta_minus < 1 < eta_plus.
    """

    older_options: ClassVar = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        return ("prev", "step_size")

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        """A step count of 0, no gradient before, and step sizes of lr."""
        state = super().initial_state(p, group)
        state["step_size"]._array += float(group["lr"])
        return state

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        prev, step_size = state["prev"], state["step_size"]
        eta_minus, eta_plus = group["etas"]

        if group["maximize"]:
            g = np.negative(g, out=b)
        agreement = np.multiply(g, prev, out=a)
        turned = agreement < 0

        factor = np.ones_like(step_size)
        factor[agreement > 0] = eta_plus
        factor[turned] = eta_minus
        step_size *= factor
        np.clip(step_size, *group["step_sizes"], out=step_size)

        prev[...] = g
        prev[turned] = 0
        p -= sign(prev) * step_size
