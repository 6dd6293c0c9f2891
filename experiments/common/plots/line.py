"""Draws points on a line, and what models say of them."""

from collections.abc import Callable, Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from experiments.common.data import Split
from experiments.common.plots.style import BLUE, GREEN, VERMILLION, label_axes


def plot_line(split: Split, models: Mapping[str, Callable[[np.ndarray], np.ndarray]], title: str) -> Figure:
    """The training and test points, and for each model, side by side, its predictions of both."""
    figure, axes = plt.subplots(
        1, len(models), figsize=(7.2 * len(models), 5), layout="constrained", sharey=True, squeeze=False
    )
    figure.suptitle(title)
    for ax, (name, predict) in zip(axes[0], models.items(), strict=True):
        ax.plot(split.X_train, split.y_train, "o", markersize=4, color=BLUE, label="training points")
        ax.plot(split.X_test, split.y_test, "s", markersize=5, color=GREEN, label="test points")
        x = np.concatenate([split.X_train, split.X_test])
        ax.plot(x, predict(x), "--", linewidth=2.5, color=VERMILLION, label=f"predicted by {name}")
        label_axes(ax, "$x$", "$y$")
        ax.legend(frameon=False)
    return figure
