"""ASGD: SGD with a falling rate, and the average of where it has been.

    g = -gradient if maximize, else gradient
    g = g + weight_decay * p
    p = p - lambd * eta * p - eta * g
    ax = ax + mu * (p - ax)                         "ax", the average: mu = 1 until averaging begins, at t0
    eta = lr / (1 + lambd * lr * t)^alpha           "eta" of the next step, and
    mu = 1 / max(1, t - t0)                         "mu" of the next step

Evaluate the model with its parameters set to their averages, `state[p]["ax"]`.

Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging,
https://doi.org/10.1137/0330046
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from tinynn.dtypes import default_dtype
from tinynn.optim.one_by_one import OneByOne
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, number, zeros
from tinynn.tensor import Tensor


class ASGD(OneByOne):
    """ASGD, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for a negative lr or weight_decay.
    """

    like_p = ("ax",)
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
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        return {
            "step": number(0.0, group),
            "eta": number(float(group["lr"]), group),
            "mu": number(1.0, group),
            "ax": zeros(p),
        }

    def update(self, p: Array, g: Array, state: dict[str, Array], group: Group) -> None:
        lr, lambd, weight_decay = float(group["lr"]), group["lambd"], group["weight_decay"]
        eta, mu, ax = state["eta"].item(), state["mu"].item(), state["ax"]
        state["step"] += 1
        t = state["step"].item()

        if group["maximize"]:
            g = -g
        if weight_decay != 0:
            g = g + p * weight_decay

        p *= 1 - lambd * eta
        p += g * -eta
        if mu != 1:
            ax += (p - ax) * mu
        else:
            ax[...] = p

        rounded = default_dtype().type  # as torch, also where the state has another dtype
        state["eta"][...] = rounded(lr / (1 + lambd * lr * t) ** group["alpha"])
        state["mu"][...] = rounded(1 / max(1, t - group["t0"]))
