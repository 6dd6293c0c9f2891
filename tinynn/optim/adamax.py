"""Adamax: Adam with the largest gradient of late where Adam has the root of their mean square.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g             "exp_avg", the mean of the gradients
    u = max(beta2 * u, |g| + eps)               "exp_inf", the largest of them, those long ago made small
    p = p - lr / (1 - beta1^t) * m / u          m began at 0: undo that bias; u has none

Kingma and Ba, Adam: A Method for Stochastic Optimization, section 7.1, https://arxiv.org/abs/1412.6980
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, lerp
from tinynn.tensor import Tensor


class Adamax(Elementwise):
    """Adamax, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for negative or (betas) too large hyperparameters.
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
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i in (0, 1):
            if not 0.0 <= betas[i] < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        lr, (beta1, beta2), weight_decay = float(group["lr"]), group["betas"], group["weight_decay"]
        m, u = state["exp_avg"], state["exp_inf"]

        if group["maximize"]:
            g = np.negative(g, out=b)
        if weight_decay != 0:
            g = np.add(g, np.multiply(p, weight_decay, out=a), out=b)

        lerp(m, g, 1 - beta1, scratch=a)  # m = beta1 * m + (1 - beta1) * g
        magnitude = np.absolute(g, out=a)
        magnitude += group["eps"]
        u *= beta2
        np.maximum(u, magnitude, out=u)

        change = np.multiply(m, -lr / (1 - beta1**t), out=a)
        change /= u
        p += change
