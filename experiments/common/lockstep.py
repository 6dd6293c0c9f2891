"""Trains two backends side by side and measures after every epoch how far, and since when, they differ."""

from dataclasses import asdict, astuple, dataclass
from typing import Any, NamedTuple

import numpy as np

from experiments.common.tasks import Metric
from experiments.common.training import Trainer

QUANTITIES = ("loss", "outputs", "gradients", "parameters")


@dataclass(frozen=True)
class Bound:
    """The largest difference of a parameter over a whole run that still counts as parity, and why."""

    value: float
    reason: str


BOUNDS = {
    "float64": Bound(
        1e-9,
        "each step rounds differently by about 1e-16, which training magnifies (in PyTorch against itself,"
        " adding in another order, to at most 3e-11); another formula or random number shows at 1e-3 or more",
    ),
    "float32": Bound(
        1e-2,
        "on the models' own runs PyTorch against itself, adding in another order, differs by up to 9e-4: a"
        " ReLU input that rounds to the other side of 0 moves a gradient by a whole point's share, and"
        " training magnifies that; longer runs and larger steps can go further",
    ),
}


def brief(value: float) -> str:
    """Two digits: 3.1e-16, 0.012, 1e-9."""
    return f"{value:.2g}".replace("e-0", "e-")


@dataclass(frozen=True)
class Difference:
    """One epoch of both: their training losses, and the largest absolute difference of each quantity."""

    epoch: int
    losses: tuple[float, float]
    loss: float
    outputs: float
    gradients: float
    parameters: float

    def line(self, metric: Metric) -> str:
        """The line printed while training; how good either is, the metric, would be too much for it."""
        parts = ", ".join(f"{quantity} {brief(getattr(self, quantity))}" for quantity in QUANTITIES)
        first, second = self.losses
        return f"Epoch: {self.epoch} | Loss: {first:.5f} and {second:.5f} | Largest difference: {parts}"


@dataclass(frozen=True)
class Parting:
    """The first tensor in which the two differ: in how many of its values, and by how much at most."""

    epoch: int
    name: str
    differing: int
    size: int
    ulps: int
    difference: float

    def __str__(self) -> str:
        ulps = f"{self.ulps:,}" if self.ulps < 10**6 else brief(self.ulps)
        difference = f"by at most {ulps} ulp ({brief(self.difference)})"
        return f"epoch {self.epoch}, {self.name}: {self.differing:,} of {self.size:,} values, {difference}"


class Observed(NamedTuple):
    """One thing to compare: the quantity it counts for, its own name, its values."""

    quantity: str
    name: str
    values: np.ndarray


class Lockstep:
    """Trains two trainers with the same model, data and dtype epoch by epoch, and compares them after each.

    `parting` is where they first differed, in the order an epoch computes in; None while every bit agrees.
    """

    def __init__(self, first: Trainer, second: Trainer) -> None:
        self.trainers = (first, second)
        self.history: list[Difference] = []
        self.parting = first_parting(0, _parameters(first, "initial "), _parameters(second, "initial "))

    def run_epoch(self) -> Difference:
        """One epoch of both, then the comparison of all that came of it; the differences join `history`."""
        first, second = self.trainers
        losses = first.run_epoch().loss, second.run_epoch().loss
        epoch = len(self.history)
        seen = _observe(first), _observe(second)
        self.parting = self.parting or first_parting(epoch, *seen)
        largest = dict.fromkeys(QUANTITIES, 0.0)
        for a, b in zip(*seen, strict=True):
            largest[a.quantity] = max(largest[a.quantity], largest_difference(a.values, b.values))
        difference = Difference(epoch, losses, **largest)
        self.history.append(difference)
        return difference

    def largest(self, quantity: str) -> float:
        """The largest difference of a quantity over all epochs so far."""
        return max(getattr(difference, quantity) for difference in self.history)

    def table(self) -> tuple[list[str], list[list[float]]]:
        """Header and rows of the comparison, a row an epoch."""
        losses = [f"{trainer.task.backend.__name__}_loss" for trainer in self.trainers]
        header = ["epoch", *losses, *(f"{quantity}_difference" for quantity in QUANTITIES)]
        rows = [[d.epoch, *d.losses, *(getattr(d, name) for name in QUANTITIES)] for d in self.history]
        return header, rows

    def state_dict(self) -> dict[str, Any]:
        """The comparison so far."""
        parting = None if self.parting is None else astuple(self.parting)
        return {"history": [astuple(difference) for difference in self.history], "parting": parting}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`; the trainers load their own."""
        self.history = [Difference(*difference) for difference in state["history"]]
        self.parting = None if state["parting"] is None else Parting(*state["parting"])

    def summary(self, bound: Bound) -> dict[str, Any]:
        """What the comparison showed, for a file."""
        return {
            "largest_difference": {quantity: self.largest(quantity) for quantity in QUANTITIES},
            "parting": None if self.parting is None else asdict(self.parting),
            "bound": asdict(bound),
        }


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    """max |a - b|, where nan and nan, or inf and inf, agree, and nan is infinitely far from a number."""
    same = _same(a, b)
    if same.all():
        return 0.0
    difference = np.abs(a[~same].astype(np.float64) - b[~same].astype(np.float64))
    return float(np.nan_to_num(difference, nan=np.inf, posinf=np.inf).max())


def first_parting(epoch: int, first: list[Observed], second: list[Observed]) -> Parting | None:
    """The first pair of tensors that is not equal in every value, described; None if there is none."""
    for (_, name, a), (_, _, b) in zip(first, second, strict=True):
        differing = ~_same(a, b)
        if differing.any():
            ulps = int(ulps_between(a[differing], b[differing]).max())
            return Parting(epoch, name, int(differing.sum()), a.size, ulps, largest_difference(a, b))
    return None


def ulps_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many steps from one floating point number to the next lead from `a` to `b`: 1 for neighbours.

    The bits of a positive float, read as an integer, count the floats from 0 to it. So with equal signs the
    distance is the difference of these counts, and with unlike signs, the way leading through 0, their sum.
    """
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    count_a, count_b = np.abs(a).view(unsigned), np.abs(b).view(unsigned)
    same_sign = np.signbit(a) == np.signbit(b)
    return np.where(same_sign, np.maximum(count_a, count_b) - np.minimum(count_a, count_b), count_a + count_b)


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Elementwise: equal, or both nan."""
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _observe(trainer: Trainer) -> list[Observed]:
    """What an epoch computed, in the order in which it did: backward reaches the last layer first."""
    metrics = trainer.history[-1]
    train_outputs = _array(trainer.train_outputs)
    gradients = [
        Observed("gradients", f"gradient of {name}", _array(parameter.grad))
        for name, parameter in trainer.model.named_parameters()
    ]
    return [
        Observed("outputs", "training outputs", train_outputs),
        Observed("loss", "training loss", np.asarray([metrics.loss], train_outputs.dtype)),
        *reversed(gradients),
        *_parameters(trainer),
        Observed("outputs", "test outputs", _array(trainer.test_outputs)),
        Observed("loss", "test loss", np.asarray([metrics.test_loss], train_outputs.dtype)),
    ]


def _parameters(trainer: Trainer, prefix: str = "") -> list[Observed]:
    return [
        Observed("parameters", prefix + name, _array(parameter))
        for name, parameter in trainer.model.named_parameters()
    ]


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()
