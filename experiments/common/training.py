"""The training loop: forward, loss, zero_grad, backward, step on the training set; a look at the test set."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from experiments.common.data import Split


@dataclass(frozen=True)
class EpochMetrics:
    """What one epoch showed; accuracies in percent.

    `loss` and `acc` were seen while training, that is before each step; the other two after the last step.
    """

    epoch: int
    loss: float
    acc: float
    test_loss: float
    test_acc: float

    def line(self) -> str:
        """The line printed while training."""
        return (
            f"Epoch: {self.epoch} | Loss: {self.loss:.5f}, Acc: {self.acc:.2f}% | "
            f"Test Loss: {self.test_loss:.5f}, Test Acc: {self.test_acc:.2f}%"
        )


class Evaluation(NamedTuple):
    """What a model makes of some points: mean loss, percent right, one logit a point."""

    loss: float
    acc: float
    logits: Any


def evaluate(task: Any, model: Any, X: Any, y: Any) -> Evaluation:
    """Look at the model as it is now, in eval mode and without recording."""
    model.eval()
    with task.backend.inference_mode():
        logits = task.logits(model, X)
        loss = task.loss_fn(logits, y).item()
        acc = 100 * task.correct(logits, y) / len(y)
    return Evaluation(loss, acc, logits)


class Trainer:
    """Trains `model` on `data` (a Split of tensors), one epoch a call of `run_epoch`.

    `batch_size=None` takes all training points in one step; else each epoch draws an order with `randperm`.
    After an epoch `train_logits` (of its last step), `test_logits` and the parameters' `.grad` can be read.
    """

    def __init__(
        self, task: Any, model: Any, optimizer: Any, data: Split, batch_size: int | None = None
    ) -> None:
        self.task = task
        self.model = model
        self.optimizer = optimizer
        self.data = data
        self.batch_size = batch_size
        self.history: list[EpochMetrics] = []
        self.train_logits: Any = None
        self.test_logits: Any = None

    def run_epoch(self) -> EpochMetrics:
        """One pass over the training points and one look at the test points; the metrics join `history`."""
        loss, acc = self._train()
        test = evaluate(self.task, self.model, self.data.X_test, self.data.y_test)
        self.test_logits = test.logits
        metrics = EpochMetrics(len(self.history), loss, acc, test.loss, test.acc)
        self.history.append(metrics)
        return metrics

    def _train(self) -> tuple[float, float]:
        """Step through the training points; returns the mean loss and the accuracy over them."""
        task, optimizer = self.task, self.optimizer
        points = len(self.data.y_train)
        mean_loss, correct = 0.0, 0
        self.model.train()
        for X, y in self._batches():
            logits = task.logits(self.model, X)
            loss = task.loss_fn(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.train_logits = logits.detach()
            mean_loss += loss.item() * (len(y) / points)
            correct += task.correct(self.train_logits, y)
        return mean_loss, 100 * correct / points

    def _batches(self) -> Iterable[tuple[Any, Any]]:
        """The training points, whole or in shuffled minibatches (the last may be smaller)."""
        X, y = self.data.X_train, self.data.y_train
        if self.batch_size is None:
            return [(X, y)]
        order = self.task.backend.randperm(len(y)).to(y.device)
        return zip(X[order].split(self.batch_size), y[order].split(self.batch_size), strict=True)
