"""Makes the data an experiment learns from, as NumPy arrays, and hands them to a backend as tensors."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

# scikit-learn is imported where it is used: it takes a second to import, and `--help` should not.

DATA_SEED = 42
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Points (n, ...) and targets (n,), divided into those to learn from and those to test on.

    The fields are ndarrays as they come from scikit-learn, or tensors after `to_tensors`.
    """

    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any


def split_at_random(X: np.ndarray, y: np.ndarray, seed: int) -> Split:
    """A fifth of the points is kept for testing."""
    from sklearn.model_selection import train_test_split

    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=TEST_SHARE, random_state=seed)
    return Split(X_train, y_train, X_test, y_test)


def circles(samples: int, noise: float, split_seed: int) -> Split:
    """Two concentric circles, label 0 the outer, 1 the inner."""
    from sklearn.datasets import make_circles

    X, y = make_circles(samples, noise=noise, random_state=DATA_SEED)
    return split_at_random(X, y, split_seed)


def blobs(samples: int, classes: int, spread: float, split_seed: int) -> Split:
    """A round cloud of points for each class, with standard deviation `spread`."""
    from sklearn.datasets import make_blobs

    X, y = make_blobs(samples, centers=classes, cluster_std=spread, random_state=DATA_SEED)
    return split_at_random(X, y, split_seed)


def straight_line(weight: float, bias: float, step: float) -> Split:
    """y = weight x + bias on x = 0, step, ... below 1; the last fifth, to the right, is kept for testing."""
    x = np.arange(0, 1, step)
    X, y = x[:, None], weight * x + bias
    first = round(len(x) * (1 - TEST_SHARE))
    return Split(X[:first], y[:first], X[first:], y[first:])


def to_tensors(
    backend: ModuleType, split: Split, dtype: str, device: str, target_dtype: str | None = None
) -> Split:
    """The same points as tensors of the floating `dtype`; the targets too, unless `target_dtype` is given."""

    def tensor(array: np.ndarray, dtype: str) -> Any:
        return backend.from_numpy(array).type(getattr(backend, dtype)).to(device)

    of_y = target_dtype or dtype
    return Split(
        tensor(split.X_train, dtype),
        tensor(split.y_train, of_y),
        tensor(split.X_test, dtype),
        tensor(split.y_test, of_y),
    )
