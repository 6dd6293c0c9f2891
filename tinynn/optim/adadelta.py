"""Adadelta: steps as long as the last ones were, in each coordinate, so that no learning rate is needed.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p
    v = rho * v + (1 - rho) * g^2                          "square_avg", the mean of the squared gradients
    delta = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * delta^2                      "acc_delta", the mean of the squared steps
    p = p - lr * delta

Zeiler, ADADELTA: An Adaptive Learning Rate Method, https://arxiv.org/abs/1212.5701
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array
from tinynn.tensor import Tensor


class Adadelta(Elementwise):
    """Adadelta, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for negative hyperparameters, and for rho > 1.
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
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        lr, rho, eps, weight_decay = float(group["lr"]), group["rho"], group["eps"], group["weight_decay"]
        v, u = state["square_avg"], state["acc_delta"]

        if group["maximize"]:
            g = np.negative(g, out=b)
        if weight_decay != 0:
            g = np.add(g, np.multiply(p, weight_decay, out=a), out=b)

        g_squared = np.multiply(g, 1 - rho, out=a)
        g_squared *= g
        v *= rho
        v += g_squared

        delta = np.sqrt(u + eps)
        delta /= np.sqrt(np.add(v, eps, out=a), out=a)
        delta *= g

        delta_squared = np.multiply(delta, 1 - rho, out=a)
        delta_squared *= delta
        u *= rho
        u += delta_squared
        p += np.multiply(delta, -lr, out=a)
