"""What a model is asked to learn: the loss of its outputs, what they mean, and how well they answer."""

from abc import ABC, abstractmethod
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

Tensor = Any  # a backend's


class Metric(NamedTuple):
    """What the quality of answers is called: in files, beside an axis, and, with its value, in a line."""

    name: str
    label: str
    template: str

    def text(self, score: float) -> str:
        """`Acc: 97.50%`."""
        return self.template.format(score)

    @property
    def is_percentage(self) -> bool:
        """Whether 100 is all there is."""
        return "%" in self.template


class Task(ABC):
    """One kind of question. A model's outputs have a row for each of n points; so have the targets `y`.

    How good some answers are is a `tally` that adds up over minibatches, and the `score` made of its total.
    """

    metric: ClassVar[Metric]
    target_dtype: ClassVar[str | None] = None  # of the targets; None: that of the points

    def __init__(self, backend: ModuleType, loss_fn: Any) -> None:
        self.backend = backend
        self.loss_fn = loss_fn

    @abstractmethod
    def outputs(self, model: Any, X: Tensor) -> Tensor:
        """The model's outputs at the points X, as `loss_fn` wants them."""

    @abstractmethod
    def interpret(self, outputs: Tensor) -> Tensor:
        """What the outputs say: probabilities, or values."""

    @abstractmethod
    def predict(self, outputs: Tensor) -> Tensor:
        """The answer each output stands for, (n,): to be compared with y."""

    @abstractmethod
    def tally(self, outputs: Tensor, y: Tensor) -> float:
        """How well, or how badly, the points are answered, added up over them."""

    @abstractmethod
    def score(self, tally: float, points: int) -> float:
        """The metric's value, from the tally of so many points."""


class Classification(Task):
    """Counts the points that get the right label; the score is their percentage."""

    metric = Metric("acc", "Accuracy (%)", "Acc: {:.2f}%")

    def tally(self, outputs: Tensor, y: Tensor) -> int:
        return self.backend.eq(self.predict(outputs), y).sum().item()

    def score(self, tally: float, points: int) -> float:
        return 100 * tally / points


class BinaryClassification(Classification):
    """Two classes, one logit z a point: P(class 1) = sigmoid(z); loss = mean of -log P(right class)."""

    def __init__(self, backend: ModuleType) -> None:
        super().__init__(backend, backend.nn.BCEWithLogitsLoss())

    def outputs(self, model: Any, X: Tensor) -> Tensor:
        """One logit a point, (n,): the model returns a column, (n, 1)."""
        return model(X).squeeze(dim=1)

    def interpret(self, outputs: Tensor) -> Tensor:
        """P(class 1), (n,)."""
        return self.backend.sigmoid(outputs)

    def predict(self, outputs: Tensor) -> Tensor:
        """The label, 0 or 1: the probability rounded."""
        return self.backend.round(self.backend.sigmoid(outputs))


class MultiClassification(Classification):
    """K classes, K logits a point: P = softmax(logits); loss = mean of -log P(right class)."""

    target_dtype = "int64"

    def __init__(self, backend: ModuleType) -> None:
        super().__init__(backend, backend.nn.CrossEntropyLoss())

    def outputs(self, model: Any, X: Tensor) -> Tensor:
        """The logits, (n, K), as the model returns them."""
        return model(X)

    def interpret(self, outputs: Tensor) -> Tensor:
        """P of each class, (n, K)."""
        return self.backend.softmax(outputs, dim=1)

    def predict(self, outputs: Tensor) -> Tensor:
        """The class with the largest probability."""
        return self.backend.softmax(outputs, dim=1).argmax(dim=1)


class Regression(Task):
    """A number for each point. The score is the root of the mean squared error, in the unit of y."""

    metric = Metric("rmse", "Root mean squared error", "RMSE: {:.5f}")

    def outputs(self, model: Any, X: Tensor) -> Tensor:
        """One value a point, (n,): the model returns a column, (n, 1)."""
        return model(X).squeeze(dim=1)

    def interpret(self, outputs: Tensor) -> Tensor:
        return outputs

    def predict(self, outputs: Tensor) -> Tensor:
        return outputs

    def tally(self, outputs: Tensor, y: Tensor) -> float:
        """The sum of the squared errors."""
        return ((outputs - y) ** 2).sum().item()

    def score(self, tally: float, points: int) -> float:
        return (tally / points) ** 0.5
