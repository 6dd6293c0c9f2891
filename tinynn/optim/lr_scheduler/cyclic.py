"""Schedules that rise and fall: CyclicLR, OneCycleLR (each with the momentum against it), warm restarts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinynn.optim.lr_scheduler.base import (
    LRScheduler,
    Rates,
    attributes,
    check_optimizer,
    per_group,
    set_rate,
)
from tinynn.optim.optimizer import Group, Optimizer


class _WithMomentum(LRScheduler):
    """A schedule that also sets each group's momentum: `momentum`, or the first of `betas`."""

    cycle_momentum: bool
    use_beta1: bool

    def _find_momentum(self) -> None:
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled\n"
                "Pass cycle_momentum=False to cycle the learning rate alone."
            )
        self.use_beta1 = "betas" in defaults

    def _begin_momentum(self, base_momentums: Rates, max_momentums: Rates) -> None:
        """Begin at the largest, and keep the bounds as options of the groups."""
        for group, low, high in zip(self.optimizer.param_groups, base_momentums, max_momentums, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low

    def _set_momentum(self, group: Group, momentum: Any) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_WithMomentum):
    """Up from base_lr to max_lr in `step_size_up` steps, down again in `step_size_down`, and so on.

    height = n's way up, or its way left down, from 0 to 1
    lr = base_lr + (max_lr - base_lr) * height * scale
    momentum = max_momentum - (max_momentum - base_momentum) * height * scale

    scale is 1 ("triangular"), halved with each cycle ("triangular2"), gamma^n ("exp_range"), or given by
    `scale_fn`, a function of the number of the cycle or of n, as `scale_mode` says.
    Raises ValueError for an unknown mode, or for an optimizer without momentum if that is to be cycled.

    Smith, Cyclical Learning Rates for Training Neural Networks, https://arxiv.org/abs/1506.01186
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ):
        self.optimizer = check_optimizer(optimizer)
        base_lrs = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                set_rate(group, rate)
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        if scale_fn is None:
            self.scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._find_momentum()
            self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                self._begin_momentum(self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """What the amplitude is multiplied by in cycle x, or (see `scale_mode`) at step x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> Rates:
        """The rates of step `last_epoch`; sets the momentum, too."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle  # where in the cycle, from 0 to 1
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            momentums = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (low, high) in zip(self.optimizer.param_groups, momentums, strict=True):
                self._set_momentum(group, high - (high - low) * height * scale)
        rates = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in rates]

    def state_dict(self) -> dict[str, Any]:
        """As of any scheduler; of `scale_fn` the attributes of a callable object, None for a function."""
        state = super().state_dict()
        custom = state.pop("_scale_fn_custom")
        state["_scale_fn_custom"] = None if custom is None else attributes(custom)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another scheduler's `state_dict()` was taken; `scale_fn` stays this scheduler's own."""
        super().load_state_dict({k: value for k, value in state_dict.items() if k != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"] is not None:
            self._scale_fn_custom.__dict__.update(state_dict["_scale_fn_custom"])


class OneCycleLR(_WithMomentum):
    """One cycle for the whole training: up to max_lr in pct_start of the steps, then down to almost nothing.

    From max_lr / div_factor up to max_lr and down to max_lr / div_factor / final_div_factor; the momentum
    from max_momentum down to base_momentum and up again. With `three_phase` the way down stops over at the
    initial rate after as many steps as the way up. From start to end, with x going from 0 to 1:

    "cos":    end + (start - end) * (1 + cos(pi * x)) / 2
    "linear": start + (end - start) * x

    The length is total_steps, or epochs * steps_per_epoch; `step()` is to be called after every batch.
    Raises ValueError without a length, after its end, or for an optimizer without momentum to be cycled.

    Smith and Topin, Super-Convergence, https://arxiv.org/abs/1708.07120
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        self.optimizer = check_optimizer(optimizer)
        self.total_steps = _length(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        max_lrs = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, max_lrs, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._find_momentum()
            max_momentums = per_group("max_momentum", optimizer, max_momentum)
            base_momentums = per_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                self._begin_momentum(base_momentums, max_momentums)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        """The rates of step `last_epoch`; sets the momentum, too."""
        self._warn_outside_step()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        phase, x = self._place()
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                start, end = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(start, end, x))
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], x) for group in groups]

    def _place(self) -> tuple[dict[str, Any], float]:
        """The phase of step `last_epoch`, and how far into it that is, from 0 to 1."""
        start = 0.0
        for phase in self._schedule_phases[:-1]:
            if self.last_epoch <= phase["end_step"]:
                break
            start = phase["end_step"]
        else:
            phase = self._schedule_phases[-1]
        return phase, (self.last_epoch - start) / (phase["end_step"] - start)

    def _between(self, start: Any, end: Any, x: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * x + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * x) + 1)


def _length(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is not None:
        lengths = {"total_steps": total_steps}
    elif epochs is not None and steps_per_epoch is not None:
        lengths = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    else:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, length in lengths.items():
        if not isinstance(length, int) or length <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {length}")
    return math.prod(lengths.values())


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """The phases, each with the step it ends at and the names of the options it goes between."""
    top = float(pct_start * total_steps) - 1
    if three_phase:
        back = float(2 * pct_start * total_steps) - 2
        return [
            _phase(top, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
            _phase(back, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            _phase(total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]
    return [
        _phase(top, "initial_lr", "max_lr", "max_momentum", "base_momentum"),
        _phase(total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"),
    ]


def _phase(end: float, start_lr: str, end_lr: str, start_momentum: str, end_momentum: str) -> dict[str, Any]:
    return {
        "end_step": end,
        "start_lr": start_lr,
        "end_lr": end_lr,
        "start_momentum": start_momentum,
        "end_momentum": end_momentum,
    }


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (base - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2.

    T_cur counts the steps since the last restart, of T_i up to the next: T_0 to the first, and to each later
    one T_mult times as many. `step(epoch + batch / batches)` sets the rate within an epoch.
    Raises ValueError for T_0 or T_mult that are no positive integers.

    Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts,
    https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803 - torch's name
        T_mult: int = 1,  # noqa: N803 - torch's name
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, float | int):
            raise ValueError(f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}")
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        self._warn_outside_step()
        cosine = math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * (1 + cosine) / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of `epoch`, a number >= 0 (else ValueError)."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        else:
            self._find_restart(epoch)
        self.last_epoch = math.floor(epoch)
        self._set_rates_by(self.get_lr)

    def _find_restart(self, epoch: float) -> None:
        """T_cur and T_i at this epoch. The n-th restart is at T_0 * (1 + T_mult + ... + T_mult^(n - 1))."""
        if epoch < self.T_0:
            self.T_cur, self.T_i = epoch, self.T_0
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            n = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**n - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**n
