"""What the benchmarks train, by the experiments' code: a model, data and an optimizer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

from experiments.common.contender import Contender
from experiments.common.data import Split, circles, to_tensors
from experiments.common.models import circle_models
from experiments.common.tasks import BinaryClassification
from experiments.common.training import Trainer
from experiments.digits import Digits

SEED = 42


class Workload(ABC):
    """One way to train. `batch_size` is None for the full batch."""

    title: str
    batch_size: int | None

    @abstractmethod
    def split(self) -> Split:
        """The points, as arrays."""

    @abstractmethod
    def trainer(self, backend: ModuleType, split: Split) -> Trainer:
        """Model, optimizer and data on a backend, as the experiment sets them up; always the same weights."""


Workloads = Mapping[str, Workload]


@dataclass(frozen=True)
class CirclesWorkload(Workload):
    """One way to train on the circles. `hidden` is None for the experiment's own model of that name."""

    title: str
    model: str
    optimizer: str
    lr: float
    samples: int
    noise: float
    batch_size: int | None = None
    hidden: tuple[int, ...] | None = None

    def split(self) -> Split:
        return circles(self.samples, self.noise, SEED)

    def trainer(self, backend: ModuleType, split: Split) -> Trainer:
        backend.manual_seed(SEED)
        model = (
            circle_models(backend)[self.model]() if self.hidden is None else _network(backend, self.hidden)
        )
        optimizer = getattr(backend.optim, self.optimizer)(model.parameters(), lr=self.lr)
        data = to_tensors(backend, split, "float32", "cpu")
        return Trainer(BinaryClassification(backend), model, optimizer, data, self.batch_size)


class DigitsWorkload(Workload):
    """The digits as the experiment reads them."""

    title = "two convolutions, 1,437 images of 8 x 8 in 32s, Adam"
    experiment = Digits()
    config = experiment.configure()
    batch_size = config.batch_size

    def split(self) -> Split:
        return self.experiment.data(self.config)

    def trainer(self, backend: ModuleType, split: Split) -> Trainer:
        return Contender(backend, self.experiment, self.config, split).trainer


# ruff: noqa: E501 - a workload is a line
# fmt: off
CIRCLES = {
    "v0":          CirclesWorkload("2-5-1 linear, 1,000 points, SGD",             "v0",     "SGD",  0.1,   1_000, 0.03),
    "v2":          CirclesWorkload("2-10-10-1 ReLU, 1,000 points, SGD",           "v2",     "SGD",  0.1,   1_000, 0.03),
    "binary":      CirclesWorkload("2-10-10-1 ReLU, 10,000 points, Adam",         "binary", "Adam", 0.01, 10_000, 0.02),
    "minibatches": CirclesWorkload("2-10-10-1 ReLU, 1,000 points in 32s, Adam",   "v2",     "Adam", 0.01,  1_000, 0.03, batch_size=32),
    "wide":        CirclesWorkload("2-256-256-1 ReLU, 1,000 points, Adam",        "wide",   "Adam", 0.01,  1_000, 0.03, hidden=(256, 256)),
}
DIGITS = {"cnn": DigitsWorkload()}
# fmt: on


def _network(backend: ModuleType, hidden: tuple[int, ...]) -> Any:
    """Linear layers with ReLU between them, from 2 features to 1 logit."""
    nn, sizes = backend.nn, (2, *hidden)
    layers = [nn.Sequential(nn.Linear(n, m), nn.ReLU()) for n, m in pairwise(sizes)]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 1))


def epoch(backend: ModuleType, workload: Workload, split: Split) -> Callable[[], Any]:
    """An epoch as the experiment runs it: its training steps, the look at the test points, the metrics."""
    return workload.trainer(backend, split).run_epoch


def step(backend: ModuleType, workload: Workload, split: Split) -> Callable[[], None]:
    """One training step and nothing else, always on the same batch."""
    trainer = workload.trainer(backend, split)
    task, model, optimizer = trainer.task, trainer.model, trainer.optimizer
    points, labels = (
        tensor[: workload.batch_size] for tensor in (trainer.data.X_train, trainer.data.y_train)
    )
    model.train()

    def one_step() -> None:
        loss = task.loss_fn(task.outputs(model, points), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return one_step


PARTS = {"epoch": epoch, "step": step}
