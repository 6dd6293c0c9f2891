"""Adam: steps of about the learning rate in every coordinate, whatever the scale of its gradient.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p                    or, decoupled:  p = p - lr * weight_decay * p
    m = beta1 * m + (1 - beta1) * g             "exp_avg", the mean of the gradients
    v = beta2 * v + (1 - beta2) * g^2           "exp_avg_sq", the mean of their squares
    m_hat = m / (1 - beta1^t)                   both began at 0: undo that bias
    v_hat = v / (1 - beta2^t)                   with amsgrad of max(v), over all steps: "max_exp_avg_sq"
    p = p - lr * m_hat / (sqrt(v_hat) + eps)

Kingma and Ba, Adam: A Method for Stochastic Optimization, https://arxiv.org/abs/1412.6980
Reddi, Kale and Kumar, On the Convergence of Adam and Beyond (amsgrad),
https://openreview.net/forum?id=ryQu7f-RZ
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, lerp
from tinynn.tensor import Tensor


class Adam(Elementwise):
    """Adam, with torch's arguments; `foreach` and `fused` are accepted and change nothing.

    Raises ValueError for negative or (betas) too large hyperparameters.
    """

    older_options: ClassVar = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):
        if isinstance(lr, Tensor):
            if foreach and not capturable:
                raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
            if lr.numel() != 1:
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
        _check_types(betas, foreach and not capturable)
        defaults = {
            "lr": lr,
            "betas": tuple(beta.squeeze() if isinstance(beta, Tensor) else beta for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        names = ("exp_avg", "exp_avg_sq")
        return (*names, "max_exp_avg_sq") if group["amsgrad"] else names

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        lr, beta1, beta2 = float(group["lr"]), float(group["betas"][0]), float(group["betas"][1])
        m, v, weight_decay = state["exp_avg"], state["exp_avg_sq"], group["weight_decay"]

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

        if group["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        denominator = np.sqrt(v, out=a)
        denominator /= (1 - beta2**t) ** 0.5
        denominator += group["eps"]
        change = np.multiply(m, -lr / (1 - beta1**t), out=b)
        change /= denominator
        p += change


def _check_types(betas: Any, refuse_tensors: Any) -> None:
    tensors = [isinstance(beta, Tensor) for beta in betas]
    if not (all(tensors) or all(isinstance(beta, float) for beta in betas)):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if tensors[i] and refuse_tensors:
            raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
        if tensors[i] and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")
