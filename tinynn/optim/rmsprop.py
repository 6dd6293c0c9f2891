"""RMSprop: the gradient divided by a running average of its magnitude.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p
    v = alpha * v + (1 - alpha) * g^2                "square_avg"
    m = alpha * m + (1 - alpha) * g                  "grad_avg", if centered
    scale = sqrt(v - m^2 if centered, else v) + eps
    buf = momentum * buf + g / scale                 "momentum_buffer", if momentum > 0
    p = p - lr * (buf if momentum > 0, else g / scale)

Hinton, Neural Networks for Machine Learning, lecture 6,
https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
Graves, Generating Sequences With Recurrent Neural Networks (centered), https://arxiv.org/abs/1308.0850
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, lerp
from tinynn.tensor import Tensor


class RMSprop(Elementwise):
    """RMSprop, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for negative hyperparameters.
    """

    older_options: ClassVar = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        if not momentum >= 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not alpha >= 0.0:
            raise ValueError(f"Invalid alpha value: {alpha}")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        momentum_buffer = ("momentum_buffer",) if group["momentum"] > 0 else ()
        grad_avg = ("grad_avg",) if group["centered"] else ()
        return ("square_avg", *momentum_buffer, *grad_avg)

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        lr, alpha, weight_decay = float(group["lr"]), group["alpha"], group["weight_decay"]
        v = state["square_avg"]

        if group["maximize"]:
            g = np.negative(g, out=b)
        if weight_decay != 0:
            g = np.add(g, np.multiply(p, weight_decay, out=a), out=b)

        g_squared = np.multiply(g, 1 - alpha, out=a)
        g_squared *= g
        v *= alpha
        v += g_squared

        if group["centered"]:
            m = state["grad_avg"]
            lerp(m, g, 1 - alpha, scratch=a)  # m = alpha * m + (1 - alpha) * g
            scale = np.subtract(v, np.multiply(m, m, out=a), out=a)
            np.sqrt(scale, out=scale)
        else:
            scale = np.sqrt(v, out=a)
        scale += group["eps"]

        if group["momentum"] > 0:
            buf = state["momentum_buffer"]
            buf *= group["momentum"]
            buf += np.divide(g, scale, out=a)
            p += np.multiply(buf, -lr, out=a)
        else:
            change = np.multiply(g, -lr, out=b)
            change /= scale
            p += change
