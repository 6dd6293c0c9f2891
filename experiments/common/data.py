"""Makes the data an experiment learns from, as NumPy arrays, and hands them to a backend as tensors."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

DATA_SEED = 42
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Split:
    """Points (n, 2) and labels (n,), divided into those to learn from and those to test on.

    The fields are ndarrays as they come from scikit-learn, or tensors after `to_tensors`.
    """

    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any


def circles(samples: int, noise: float, split_seed: int) -> Split:
    """Two concentric circles, label 0 the outer, 1 the inner; a fifth of the points is kept for testing."""
    # Imported here because scikit-learn takes a second to import, and `--help` should not.
    from sklearn.datasets import make_circles
    from sklearn.model_selection import train_test_split

    X, y = make_circles(samples, noise=noise, random_state=DATA_SEED)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=TEST_SHARE, random_state=split_seed)
    return Split(X_train, y_train, X_test, y_test)


def to_tensors(backend: ModuleType, split: Split, dtype: str, device: str) -> Split:
    """The same points and labels as tensors of `backend`, both of the floating `dtype`."""

    def tensor(array: np.ndarray) -> Any:
        return backend.from_numpy(array).type(getattr(backend, dtype)).to(device)

    return Split(tensor(split.X_train), tensor(split.y_train), tensor(split.X_test), tensor(split.y_test))
