"""The training loop: forward, loss, zero_grad, backward, step on the training set; a look at the test set."""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

from experiments.common.data import Split
from experiments.common.tasks import Metric, Task


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch showed; the scores are the task's metric.

    `loss` and `score` were seen while training, that is before each step; the other two after the last step.
    """

    epoch: int
    loss: float
    score: float
    test_loss: float
    test_score: float

    def line(self, metric: Metric) -> str:
        """The line printed while training."""
        return (
            f"Epoch: {self.epoch} | Loss: {self.loss:.5f}, {metric.text(self.score)} | "
            f"Test Loss: {self.test_loss:.5f}, Test {metric.text(self.test_score)}"
        )

    @staticmethod
    def names(metric: Metric) -> list[str]:
        """What the fields are called in files."""
        return ["epoch", "loss", metric.name, "test_loss", f"test_{metric.name}"]

    def named(self, metric: Metric) -> dict[str, float]:
        """The fields under these names."""
        return dict(zip(self.names(metric), astuple(self), strict=True))


class Evaluation(NamedTuple):
    """What a model makes of some points: mean loss, score, and its outputs."""

    loss: float
    score: float
    outputs: Any


def evaluate(task: Task, model: Any, X: Any, y: Any) -> Evaluation:
    """Look at the model as it is now, in eval mode and without recording."""
    model.eval()
    with task.backend.inference_mode():
        outputs = task.outputs(model, X)
        loss = task.loss_fn(outputs, y).item()
        score = task.score(task.tally(outputs, y), len(y))
    return Evaluation(loss, score, outputs)


class Minibatches:
    """The points in an order drawn with `randperm` at each pass, `batch_size` at a time, at last fewer."""

    def __init__(self, task: Task, X: Any, y: Any, batch_size: int) -> None:
        self.task = task
        self.X = X
        self.y = y
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        order = self.task.backend.randperm(len(self.y)).to(self.y.device)
        X, y = self.X[order].split(self.batch_size), self.y[order].split(self.batch_size)
        return zip(X, y, strict=True)


class Trainer:
    """Trains `model` on `data` (a Split of tensors), one epoch a call of `run_epoch`.

    An epoch goes once through `batches`, pairs of points and targets: by default all training points in one
    step, or `Minibatches` of `batch_size`. A `scheduler` takes its step at the end of each epoch.
    After an epoch `train_outputs` (of its last step), `test_outputs` and the parameters' `.grad` can be read.
    """

    def __init__(
        self,
        task: Task,
        model: Any,
        optimizer: Any,
        data: Split,
        batch_size: int | None = None,
        *,
        batches: Iterable[tuple[Any, Any]] | None = None,
        scheduler: Any = None,
    ) -> None:
        self.task = task
        self.model = model
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.data = data
        if batches is None and batch_size is None:
            batches = [(data.X_train, data.y_train)]
        elif batches is None:
            batches = Minibatches(task, data.X_train, data.y_train, batch_size)
        self.batches = batches
        self.history: list[EpochMetrics] = []
        self.train_outputs: Any = None
        self.test_outputs: Any = None

    def run_epoch(self) -> EpochMetrics:
        """One pass over the training points and one look at the test points; the metrics join `history`."""
        loss, score = self._train()
        if self.scheduler is not None:
            self.scheduler.step()
        test = evaluate(self.task, self.model, self.data.X_test, self.data.y_test)
        self.test_outputs = test.outputs
        metrics = EpochMetrics(len(self.history), loss, score, test.loss, test.score)
        self.history.append(metrics)
        return metrics

    def _train(self) -> tuple[float, float]:
        """Step through the batches; returns the mean loss and the score over their points."""
        losses, sizes, tally = [], [], 0.0
        self.model.train()
        for X, y in self.batches:
            loss, self.train_outputs = self.step(X, y)
            losses.append(loss)
            sizes.append(len(y))
            tally += self.task.tally(self.train_outputs, y)
        points = sum(sizes)
        mean_loss = sum(loss * (size / points) for loss, size in zip(losses, sizes, strict=True))
        return mean_loss, self.task.score(tally, points)

    def step(self, X: Any, y: Any) -> tuple[float, Any]:
        """One step on the batch; returns its loss and the outputs, both from before the step."""
        outputs = self.task.outputs(self.model, X)
        loss = self.task.loss_fn(outputs, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item(), outputs.detach()

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on, but for the data and the backend's random numbers."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "history": [astuple(metrics) for metrics in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` of a trainer built alike."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        self.history = [EpochMetrics(*metrics) for metrics in state["history"]]
