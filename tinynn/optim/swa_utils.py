"""Averages of a model along its training: AveragedModel (SWA, EMA), update_bn for it, and the rates of SWALR.

    averaged = AveragedModel(model)                 or, for EMA, with multi_avg_fn=get_ema_multi_avg_fn(0.999)
    averaged.update_parameters(model)               after each epoch, or each step
    update_bn(loader, averaged)                     at the end

Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization,
https://arxiv.org/abs/1803.05407
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any

from tinynn.autograd.grad_mode import no_grad
from tinynn.creation import tensor
from tinynn.dtypes import dtype
from tinynn.nn.module import Module
from tinynn.nn.normalization import _BatchNorm
from tinynn.optim.lr_scheduler.base import LRScheduler, Rates, per_group
from tinynn.optim.optimizer import Optimizer
from tinynn.tensor import Tensor

Average = Callable[[Tensor, Tensor, Any], Tensor]  # of the average, the current value, and how many it is of
Averages = Callable[[list[Tensor], list[Tensor], Any], None]  # of lists, in place


def get_swa_avg_fn() -> Average:
    """averaged + (current - averaged) / (n + 1): the mean of n values and the current one."""

    @no_grad()
    def swa_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return averaged + (current - averaged) / (num_averaged + 1)

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """decay * averaged + (1 - decay) * current. Raises ValueError for a decay outside of [0, 1]."""
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")

    @no_grad()
    def ema_update(averaged: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_multi_avg_fn() -> Averages:
    """`get_swa_avg_fn` for lists of tensors, in place."""
    return _for_each(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """`get_ema_avg_fn` for lists of tensors, in place."""
    return _for_each(get_ema_avg_fn(decay))


def _for_each(average: Average) -> Averages:
    @no_grad()
    def update(averaged_params: list[Tensor], current_params: list[Tensor], num_averaged: Any) -> None:
        for averaged, current in zip(averaged_params, current_params, strict=True):
            averaged.copy_(average(averaged, current, num_averaged))

    return update


class AveragedModel(Module):
    """A copy of `model` whose parameters are averages of those that `update_parameters` was shown.

    `avg_fn(averaged, current, n)` returns the new average of one, `multi_avg_fn` updates lists of one dtype;
    without either, the mean. Buffers are averaged with `use_buffers`, else those of the latest model.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of `model` into the averages; the first time, begin with them."""
        averaged, current = ([x.detach() for x in self._averaged_of(m)] for m in (self.module, model))
        if self.n_averaged == 0:
            for own, other in zip(averaged, current, strict=True):
                own.copy_(other)
        elif self.multi_avg_fn is not None:
            for owns, others in _by_dtype(averaged, current):
                self.multi_avg_fn(owns, others, self.n_averaged)
        else:
            _for_each(self.avg_fn or get_swa_avg_fn())(averaged, current, self.n_averaged)
        if not self.use_buffers:
            for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                own.detach().copy_(other.detach())
        self.n_averaged += 1

    def _averaged_of(self, module: Module) -> Iterator[Tensor]:
        return itertools.chain(module.parameters(), module.buffers() if self.use_buffers else ())


def _by_dtype(averaged: list[Tensor], current: list[Tensor]) -> Iterable[tuple[list[Tensor], list[Tensor]]]:
    groups: dict[dtype, tuple[list[Tensor], list[Tensor]]] = {}
    for own, other in zip(averaged, current, strict=True):
        owns, others = groups.setdefault(own.dtype, ([], []))
        owns.append(own)
        others.append(other)
    return groups.values()


def update_bn(loader: Iterable, model: Module, device: Any = None) -> None:
    """Compute the running mean and var of all BatchNorm layers anew, over the batches of `loader`.

    A batch is the model's input, or a list or tuple that begins with it.
    """
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None  # the mean of all batches
    with no_grad():
        for batch in loader:
            x = batch[0] if isinstance(batch, list | tuple) else batch
            model(x if device is None else x.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the rate of the moment to swa_lr in anneal_epochs, then constant.

    lr = (1 - alpha) * start + alpha * swa_lr, with alpha from 0 to 1 along a line ("linear") or a cosine
    ("cos"). Raises ValueError for another strategy, or for anneal_epochs that is no integer >= 0.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):
        swa_lrs = per_group("swa_lr", optimizer, swa_lr)
        for group, rate in zip(optimizer.param_groups, swa_lrs, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> Rates:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, alpha = self._alpha(step - 1), self._alpha(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, swa_lr = group["lr"], group["swa_lr"]
            start = swa_lr if before == 1 else (lr - before * swa_lr) / (1 - before)
            rates.append(swa_lr * alpha + start * (1 - alpha))
        return rates

    def _alpha(self, step: int) -> float:
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
