"""The workloads of `benchmarks.circles`: a model, data and an optimizer, trained by the experiment's code."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

from experiments.common.data import Split, circles, to_tensors
from experiments.common.models import circle_models
from experiments.common.tasks import BinaryClassification
from experiments.common.training import Trainer

SEED = 42


@dataclass(frozen=True)
class Workload:
    """One way to train on the circles. `hidden` is None for the experiment's own model of that name."""

    model: str
    optimizer: str
    lr: float
    samples: int
    noise: float
    batch_size: int | None = None
    hidden: tuple[int, ...] | None = None

    def split(self) -> Split:
        """The points, as arrays."""
        return circles(self.samples, self.noise, SEED)

    def trainer(self, backend: ModuleType, split: Split) -> Trainer:
        """Model, optimizer and data on a backend, as the experiment sets them up; always the same weights."""
        backend.manual_seed(SEED)
        model = (
            circle_models(backend)[self.model]() if self.hidden is None else _network(backend, self.hidden)
        )
        optimizer = getattr(backend.optim, self.optimizer)(model.parameters(), lr=self.lr)
        data = to_tensors(backend, split, "float32", "cpu")
        return Trainer(BinaryClassification(backend), model, optimizer, data, self.batch_size)


# fmt: off
WORKLOADS = {
    "v0":          Workload("v0",     "SGD",  0.1,   1_000, 0.03),
    "v2":          Workload("v2",     "SGD",  0.1,   1_000, 0.03),
    "binary":      Workload("binary", "Adam", 0.01, 10_000, 0.02),
    "minibatches": Workload("v2",     "Adam", 0.01,  1_000, 0.03, batch_size=32),
    "wide":        Workload("wide",   "Adam", 0.01,  1_000, 0.03, hidden=(256, 256)),
}
TITLES = {
    "v0":          "2-5-1 linear, 1,000 points, SGD",
    "v2":          "2-10-10-1 ReLU, 1,000 points, SGD",
    "binary":      "2-10-10-1 ReLU, 10,000 points, Adam",
    "minibatches": "2-10-10-1 ReLU, 1,000 points in 32s, Adam",
    "wide":        "2-256-256-1 ReLU, 1,000 points, Adam",
}
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
