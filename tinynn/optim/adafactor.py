"""Adafactor: Adam's division by sqrt(v), where v of a matrix is kept as its rows' and columns' means alone.

    g = -gradient if maximize, else gradient
    w = t^beta2_decay                                   1 - beta2: falls, so that v forgets ever less
    alpha = max(eps2, RMS(p)) * min(lr, 1 / sqrt(t))    steps in proportion to the parameters
    p = p - lr * weight_decay * p
    row = row + w * (mean of g^2 over columns - row)    "row_var"
    col = col + w * (mean of g^2 over rows - col)       "col_var"
    v = row * col / max(mean of row, eps1)
    or, for vectors:  v = v + w * (g^2 - v)             "variance"
    u = g / sqrt(max(v, eps1^2))
    p = p - alpha * u / max(1, RMS(u) / d)              not more than d at a time

RMS(x) = sqrt(mean of x^2). Dimensions before the last two are those of separate matrices. As in torch, lr is
the largest relative step (0.01 in the paper), and eps1 = None is the machine epsilon of p's dtype.

Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost,
https://arxiv.org/abs/1804.04235
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from tinynn.optim.one_by_one import OneByOne
from tinynn.optim.optimizer import Group
from tinynn.optim.parts import Array, check_shapes, lerp, number, zeros
from tinynn.tensor import Tensor


class Adafactor(OneByOne):
    """Adafactor, with torch's arguments; `foreach` is accepted and changes nothing.

    Raises ValueError for hyperparameters out of range, ZeroDivisionError for parameters without elements.
    """

    like_p = ("variance",)
    older_options: ClassVar = {"foreach": None}

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def initial_state(self, p: Tensor, group: Group) -> dict[str, Tensor]:
        step = {"step": number(0.0, group)}
        if p.ndim < 2:
            return {**step, "variance": zeros(p)}
        *matrices, rows, columns = p.shape
        row_var, col_var = (
            np.zeros((*matrices, *size), p._array.dtype) for size in ((rows, 1), (1, columns))
        )
        return {**step, "row_var": Tensor.wrap(row_var), "col_var": Tensor.wrap(col_var)}

    def update(self, p: Array, g: Array, state: dict[str, Array], group: Group) -> None:
        lr, weight_decay, (eps1, eps2) = float(group["lr"]), group["weight_decay"], group["eps"]
        if eps1 is None:
            eps1 = float(np.finfo(p.dtype).eps)
        state["step"] += 1
        t = state["step"].item()

        if group["maximize"]:
            g = -g
        alpha = max(eps2, _rms(p)) * min(lr, 1 / t**0.5)
        if weight_decay != 0:
            p *= 1 - lr * weight_decay

        v = self._variance(g, state, t ** group["beta2_decay"], eps1)
        u = g / np.sqrt(np.maximum(v, eps1 * eps1))
        p += u * (-alpha / max(1.0, _rms(u) / group["d"]))

    def _variance(self, g: Array, state: dict[str, Array], w: float, eps1: float) -> Array:
        """The estimate of the mean of g^2, after the state has seen g with weight w."""
        if g.ndim < 2:
            v = state["variance"]
            lerp(v, g * g, w, scratch=np.empty_like(v))
            return v
        for name, axis in (("row_var", -1), ("col_var", -2)):
            mean = np.linalg.norm(g, axis=axis, keepdims=True) ** 2 / g.shape[axis]
            check_shapes(mean, {name: state[name]})
            lerp(state[name], mean, w, scratch=np.empty_like(mean))
        row, col = state["row_var"], state["col_var"]
        return row * col / np.maximum(row.mean(axis=-2, keepdims=True), eps1)


def _rms(x: Array) -> float:
    return float(np.linalg.norm(x)) / x.size**0.5
