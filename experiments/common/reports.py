"""Texts about a trained model."""

from collections.abc import Sequence

from experiments.common.contender import Contender


def class_report(contender: Contender, names: Sequence[str]) -> str:
    """Precision, recall and F1 score of each class, by its name, on the test points."""
    from sklearn.metrics import classification_report  # slow to load, and only needed here

    _, test = contender.evaluate()
    table = classification_report(
        contender.data.y_test.cpu().numpy(),
        contender.predict(test),
        labels=range(len(names)),
        target_names=names,
        digits=4,
        zero_division=0,
    )
    return f"The test points, class by class, as {contender.name} labels them:\n{table}"
