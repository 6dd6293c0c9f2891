"""NAdam: Adam with Nesterov's momentum, which looks one step ahead along m.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p                        or, decoupled:  p = p - lr * weight_decay * p
    m = beta1 * m + (1 - beta1) * g                 "exp_avg"
    v = beta2 * v + (1 - beta2) * g^2               "exp_avg_sq"
    mu = beta1 * (1 - 0.96^(t * momentum_decay) / 2)            the momentum of step t, mu_next that of t + 1
    product = product * mu                          "mu_product", of all mu so far
    scale = sqrt(v / (1 - beta2^t)) + eps
    p = p - lr * (1 - mu) / (1 - product) * g / scale
          - lr * mu_next / (1 - product * mu_next) * m / scale

Dozat, Incorporating Nesterov Momentum into Adam, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.one_by_one import OneByOne
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, lerp, number, zeros
from tinynn.tensor import Tensor


class NAdam(OneByOne):
    """NAdam, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for negative or (betas) too large hyperparameters.
    """

    like_p = ("exp_avg", "exp_avg_sq")
    older_options: ClassVar = {
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        if not momentum_decay >= 0.0:
            raise ValueError(f"Invalid momentum_decay value: {momentum_decay}")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        return {
            "step": number(0.0, group),
            "mu_product": number(1.0, group),
            "exp_avg": zeros(p),
            "exp_avg_sq": zeros(p),
        }

    def update(self, p: Array, g: Array, state: dict[str, Array], group: Group) -> None:
        lr, (beta1, beta2), weight_decay = float(group["lr"]), group["betas"], group["weight_decay"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        state["step"] += 1
        t = state["step"].item()

        if group["maximize"]:
            g = -g
        if weight_decay != 0 and group["decoupled_weight_decay"]:
            p *= 1 - lr * weight_decay
        elif weight_decay != 0:
            g = g + p * weight_decay

        lerp(m, g, 1 - beta1, scratch=np.empty_like(m))  # m = beta1 * m + (1 - beta1) * g
        v *= beta2
        v += g * (1 - beta2) * g

        mu, mu_next = (beta1 * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"])) for step in (t, t + 1))
        state["mu_product"] *= mu
        product = state["mu_product"].item()
        scale = np.sqrt(v / (1 - beta2**t)) + group["eps"]
        p += g * (-lr * (1.0 - mu) / (1.0 - product)) / scale
        p += m * (-lr * mu_next / (1.0 - product * mu_next)) / scale
