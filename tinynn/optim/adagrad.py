"""Adagrad: the gradient divided by the root of the sum of all its squares so far.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p
    rate = lr / (1 + (t - 1) * lr_decay)
    total = total + g^2                              "sum", which began at initial_accumulator_value
    p = p - rate * g / (sqrt(total) + eps)

Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization,
https://jmlr.org/papers/v12/duchi11a.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array
from tinynn.tensor import Tensor


class Adagrad(Elementwise):
    """Adagrad, with torch's arguments; `foreach` and `fused` are accepted and change nothing.

    Raises ValueError for negative hyperparameters.
    """

    older_options: ClassVar = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not lr_decay >= 0.0:
            raise ValueError(f"Invalid lr_decay value: {lr_decay}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not initial_accumulator_value >= 0.0:
            raise ValueError(f"Invalid initial_accumulator_value value: {initial_accumulator_value}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p].update(self.initial_state(p, group))

    def state_names(self, group: Group) -> tuple[str, ...]:
        return ("sum",)

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        """A step count of 0, and the sum's initial value (the constructor's for all groups, as in torch)."""
        state = super().initial_state(p, group)
        state["sum"]._array += self.defaults["initial_accumulator_value"]
        return state

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        rate = float(group["lr"]) / (1 + (t - 1) * group["lr_decay"])
        total, weight_decay = state["sum"], group["weight_decay"]

        if group["maximize"]:
            g = np.negative(g, out=b)
        if weight_decay != 0:
            g = np.add(g, np.multiply(p, weight_decay, out=a), out=b)

        total += np.multiply(g, g, out=a)
        scale = np.sqrt(total, out=a)
        scale += group["eps"]
        change = np.multiply(g, -rate, out=b)
        change /= scale
        p += change
