"""AdamW: Adam whose weight decay shrinks the parameters themselves, not through the gradient.

    p = p - lr * weight_decay * p
    then Adam's step on the gradient alone (adam.py has the equations)

In Adam, weight decay is a part of g, so parameters with large gradients decay less; here all decay alike.

Loshchilov and Hutter, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinynn.optim.adam import Adam
from tinynn.tensor import Tensor


class AdamW(Adam):
    """Adam with decoupled weight decay; arguments and errors as Adam's."""

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True  # also after loading the state of an Adam
