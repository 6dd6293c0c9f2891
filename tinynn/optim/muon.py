"""Muon: momentum for the matrices of hidden layers, each step made a nearly orthogonal matrix.

    m = momentum * m + (1 - momentum) * gradient                "momentum_buffer"
    X = momentum * m + (1 - momentum) * gradient if nesterov, else m
    X = X / |X|, then ns_steps times:                           Newton and Schulz's iteration: the singular
        S = X X^T;  X = a X + (b S + c S S) X                   values of X all go to about 1
    p = p - lr * weight_decay * p
    p = p - lr * ratio * X                                      ratio = sqrt(max(1, rows / columns)), or
                                                                0.2 * sqrt(max(rows, columns)), to match Adam

The iteration is computed in bfloat16, as in torch: 8 bits are enough for a direction. For biases and other
parameters that are not matrices take another optimizer, such as AdamW.

Jordan, Muon: An optimizer for hidden layers in neural networks, https://kellerjordan.github.io/posts/muon/
Liu et al., Muon is Scalable for LLM Training ("match_rms_adamw"), https://arxiv.org/abs/2502.16982
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinynn.optim.one_by_one import OneByOne
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, lerp, zeros
from tinynn.tensor import Tensor


class Muon(OneByOne):
    """Muon, with torch's arguments.

    `adjust_lr_fn` is "original" (or None) or "match_rms_adamw", which ratio to take.
    Raises ValueError for negative hyperparameters, and for parameters that are no matrices.
    """

    like_p = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}\n"
                        "Give it the weights of hidden layers, and all else to another optimizer."
                    )

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        return {"momentum_buffer": zeros(p)}

    def update(self, p: Array, g: Array, state: dict[str, Array], group: Group) -> None:
        lr, momentum, m = float(group["lr"]), group["momentum"], state["momentum_buffer"]

        lerp(m, g, 1 - momentum, scratch=np.empty_like(m))  # m = momentum * m + (1 - momentum) * g
        direction = m
        if group["nesterov"]:
            direction = g.copy()
            lerp(direction, m, momentum, scratch=np.empty_like(m))

        direction = _orthogonalized(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        p *= 1 - lr * group["weight_decay"]
        p += direction.astype(p.dtype) * (-lr * _ratio(group["adjust_lr_fn"], *p.shape))


def _orthogonalized(matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """U V^T, for the matrix U diag(s) V^T, roughly: the singular values become 0.7 to 1.2."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = _bfloat16(matrix.T if tall else matrix)  # wide, so that x @ x.T is small
    x = _bfloat16(x / np.maximum(_bfloat16(float(np.linalg.norm(x))), _bfloat16(eps)))
    for _ in range(steps):
        s = _bfloat16(x @ x.T)
        s = _bfloat16(b * s + c * (s @ s))
        x = _bfloat16(a * x + s @ x)
    return x.T if tall else x


def _bfloat16(x: Array | float) -> Array:
    """x rounded to the 8 bits of bfloat16, half to even: a float32 whose lower 16 bits are 0."""
    bits = np.array(x, np.float32).view(np.uint32)
    bits += 0x7FFF + (bits >> 16 & 1)
    bits &= 0xFFFF0000
    return bits.view(np.float32)


def _ratio(adjust_lr_fn: str | None, rows: int, columns: int) -> float:
    if adjust_lr_fn == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
