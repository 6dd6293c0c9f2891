"""LRScheduler, the base of all schedulers. Subclass it and define `get_lr` to write one of your own."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable
from typing import Any

from tinynn.optim.optimizer import Group, Optimizer
from tinynn.tensor import Tensor

Rates = list[Any]  # a number (or a one-element Tensor) for each parameter group

EPOCH_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different "
    "from None, the closed form is used instead of the new chainable form, where available. Please open an "
    "issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)


def check_optimizer(optimizer: Any) -> Optimizer:
    """The optimizer; a TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def values(optimizer: Optimizer, option: str) -> Rates:
    """An option of every group; copies, where they are Tensors."""
    return [_copied(group[option]) for group in optimizer.param_groups]


def per_group(name: str, optimizer: Optimizer, given: Any) -> Rates:
    """The argument `name` as one value for each group: `given` is a list of them, or the same for all."""
    groups = optimizer.param_groups
    if not isinstance(given, list | tuple):
        given = [given] * len(groups)
    elif len(given) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(given)} values, param_groups has {len(groups)}."
        )
    return [_copied(value) for value in given]


def set_rate(group: Group, rate: Any) -> None:
    """Make `rate` the group's learning rate; a rate that is a Tensor stays that Tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate.squeeze() if isinstance(rate, Tensor) else rate)
    else:
        group["lr"] = rate


def attributes(function: Callable) -> dict[str, Any] | None:
    """What a state_dict keeps of a function: a callable object's attributes; of a plain function None."""
    return None if isinstance(function, types.FunctionType) else function.__dict__.copy()


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


class LRScheduler:
    """Base class: subclasses define `get_lr()`, the new rates.

    Each group's rate at the beginning is kept as its option "initial_lr", and in `base_lrs`.
    Raises TypeError if `optimizer` is none, KeyError when resuming (last_epoch >= 0) without "initial_lr".
    """

    _get_lr_called_within_step = False
    _is_initial = False  # during the step that the constructor makes

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0.\n"
                    "This typically happens when:\n"
                    "1. You're trying to resume training from a checkpoint but haven't properly loaded the "
                    "optimizer state\n"
                    "2. You're using last_epoch >= 0 for a fresh training run (not recommended)"
                )
        self.base_lrs = values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        if optimizer._opt_called is None:
            optimizer._opt_called = False
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> Rates:
        """The rates for epoch `last_epoch`, from those the groups have now."""
        raise NotImplementedError

    def get_last_lr(self) -> Rates:
        """The rates that the last step set."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Set the next epoch's rates. Call it after `optimizer.step()`."""
        if self._step_count == 1 and self.optimizer._opt_called is False:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and "
                "later, you should call them in the opposite order: `optimizer.step()` before "
                "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the first "
                "value of the learning rate schedule. See more details at "
                "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed_form = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        self._set_rates_by(closed_form or self.get_lr)

    def _set_rates_by(self, formula: Callable[[], Rates]) -> None:
        self._get_lr_called_within_step = True
        try:
            rates = formula()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = values(self.optimizer, "lr")

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _times(self, factor: float) -> Rates:
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _unchanged(self) -> Rates:
        return values(self.optimizer, "lr")

    def state_dict(self) -> dict[str, Any]:
        """Everything the scheduler knows, except the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another scheduler's `state_dict()` was taken."""
        self.__dict__.update(state_dict)
