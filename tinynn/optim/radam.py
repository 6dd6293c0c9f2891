"""RAdam: Adam that leaves out the division by sqrt(v_hat) until v has seen enough gradients to be trusted.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p                    or, decoupled:  p = p - lr * weight_decay * p
    m = beta1 * m + (1 - beta1) * g             "exp_avg"
    v = beta2 * v + (1 - beta2) * g^2           "exp_avg_sq"
    m_hat = m / (1 - beta1^t)
    rho_inf = 2 / (1 - beta2) - 1               the length of the average v is, at last,
    rho = rho_inf - 2 t beta2^t / (1 - beta2^t)     and after t steps
    if rho > 5: p = p - lr * m_hat * r * sqrt(1 - beta2^t) / (sqrt(v) + eps),
                r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho))
    else:       p = p - lr * m_hat

Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, https://arxiv.org/abs/1908.03265
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, lerp
from tinynn.tensor import Tensor


class RAdam(Elementwise):
    """RAdam, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for negative or (betas) too large hyperparameters.
    """

    older_options: ClassVar = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        lr, (beta1, beta2), weight_decay = float(group["lr"]), group["betas"], group["weight_decay"]
        m, v = state["exp_avg"], state["exp_avg_sq"]

        if group["maximize"]:
            g = np.negative(g, out=b)
        if weight_decay != 0 and group["decoupled_weight_decay"]:
            p *= 1 - lr * weight_decay
        elif weight_decay != 0:
            g = np.add(g, np.multiply(p, weight_decay, out=a), out=b)

        lerp(m, g, 1 - beta1, scratch=a)  # m = beta1 * m + (1 - beta1) * g
        g_squared = np.multiply(g, 1 - beta2, out=a)
        g_squared *= g
        v *= beta2
        v += g_squared

        change = np.divide(m, 1 - beta1**t, out=b)  # m_hat
        change *= lr
        rho_inf = 2 / (1 - beta2) - 1
        rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 5.0:
            r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
            scale = np.sqrt(v, out=a)
            scale += group["eps"]
            np.reciprocal(scale, out=scale)
            scale *= (1 - beta2**t) ** 0.5
            change *= scale
            change *= r
        p -= change
