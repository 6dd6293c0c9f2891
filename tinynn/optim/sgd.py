"""SGD: a step down the gradient, with momentum if asked for.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p
    buf = g                                          the first time: "momentum_buffer"
    buf = momentum * buf + (1 - dampening) * g       every other time
    g = g + momentum * buf if nesterov, else buf
    p = p - lr * g

The learning rate stands outside of buf: changing it takes effect at once (Sutskever et al. have it inside).

Sutskever, Martens, Dahl and Hinton, On the importance of initialization and momentum in deep learning,
https://www.cs.toronto.edu/~hinton/absps/momentum.pdf
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.elementwise import Elementwise
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array
from tinynn.tensor import Tensor


class SGD(Elementwise):
    """SGD, with torch's arguments; `foreach` and `fused` are accepted and change nothing.

    Raises ValueError for negative hyperparameters, and for nesterov without momentum or with dampening.
    """

    counts_steps = False
    older_options: ClassVar = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def state_names(self, group: Group) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        """Nothing: the first update makes the momentum buffer, from its gradient."""
        return {}

    def update(
        self, p: Array, g: Array, state: dict[str, Array], t: float, group: Group, a: Array, b: Array
    ) -> None:
        lr, momentum, weight_decay = float(group["lr"]), group["momentum"], float(group["weight_decay"])

        if group["maximize"]:
            g = np.negative(g, out=b)
        if weight_decay != 0:
            g = np.add(g, np.multiply(p, weight_decay, out=a), out=b)

        if momentum != 0:
            if "momentum_buffer" not in state:
                buf = state["momentum_buffer"] = g.copy("K")
            else:
                buf = state["momentum_buffer"]
                buf *= momentum
                buf += np.multiply(g, 1 - group["dampening"], out=a)
            g = np.add(g, np.multiply(buf, momentum, out=a), out=b) if group["nesterov"] else buf

        p += np.multiply(g, -lr, out=a)
