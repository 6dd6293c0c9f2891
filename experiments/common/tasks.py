"""What a model is asked to learn: from its outputs to logits, loss, accuracy and probabilities."""

from types import ModuleType
from typing import Any


class BinaryClassification:
    """Two classes, one logit z a point: P(class 1) = sigmoid(z); loss = mean of -log P(right class)."""

    def __init__(self, backend: ModuleType) -> None:
        self.backend = backend
        self.loss_fn = backend.nn.BCEWithLogitsLoss()

    def logits(self, model: Any, X: Any) -> Any:
        """One logit a point, (n,): the model returns a column, (n, 1)."""
        return model(X).squeeze(dim=1)

    def predict(self, logits: Any) -> Any:
        """The label each logit stands for, (n,): the probability rounded."""
        return self.backend.round(self.backend.sigmoid(logits))

    def correct(self, logits: Any, y: Any) -> int:
        """How many points get the right label."""
        return self.backend.eq(self.predict(logits), y).sum().item()

    def probability(self, model: Any, X: Any) -> Any:
        """P(class 1) at the points X, (n,), from the model in eval mode and without recording."""
        model.eval()
        with self.backend.inference_mode():
            return self.backend.sigmoid(self.logits(model, X))
