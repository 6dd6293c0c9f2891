"""Draws several trainings of each model as one: their mean as a line, their spread as a band around it."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.plots.style import BLUE, VERMILLION, finite, label_axes, line_look, shared_legend
from experiments.common.tasks import Metric
from experiments.common.training import EpochMetrics

Histories = Sequence[Sequence[EpochMetrics]]  # of one model, with several seeds


def band(ax: Axes, histories: Histories, quantity: str, **look: Any) -> np.ndarray:
    """The mean over the histories, returned too, and a standard deviation to both sides."""
    values = np.array([finite([getattr(metrics, quantity) for metrics in one]) for one in histories])
    mean = values.mean(axis=0)
    deviation = values.std(axis=0, ddof=min(1, len(values) - 1))
    epochs = np.arange(len(mean))
    (line,) = ax.plot(epochs, mean, linewidth=2, **look)
    ax.fill_between(
        epochs, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.15, linewidth=0
    )
    return mean


def plot_overfitting(models: Mapping[str, Histories], metric: Metric, title: str) -> Figure:
    """A column for each model: loss above, score below, each on training and on test points."""
    figure, axes = plt.subplots(
        2,
        len(models),
        figsize=(3.6 * len(models), 6.6),
        layout="constrained",
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    figure.suptitle(title)
    for column, (name, histories) in zip(axes.T, models.items(), strict=True):
        column[0].set_title(name)
        for ax, quantity, label in zip(column, ("loss", "score"), ("Loss", metric.label), strict=True):
            seen = {"color": BLUE, "label": "training points, in train mode"}
            new = {"color": VERMILLION, "label": "test points, in eval mode", "linestyle": "--"}
            band(ax, histories, quantity, **seen)
            mean = band(ax, histories, f"test_{quantity}", **new)
            if quantity == "loss":
                _mark_end(ax, mean, digits=3, lift=7)
            else:
                _mark_end(ax, mean, digits=1, lift=-16)
            label_axes(ax, "Epoch", label)
            ax.label_outer()
    axes[0, 0].set_ylim(0, 1.15 * max(np.nanmax(line.get_ydata()) for ax in axes[0] for line in ax.lines))
    if metric.is_percentage:
        axes[1, 0].set_ylim(top=102)
    shared_legend(figure, [axes[0, 0]])
    return figure


def _mark_end(ax: Axes, mean: np.ndarray, digits: int, lift: float) -> None:
    """The last value of the line of test points, in its colour, so many points above or below it."""
    ax.annotate(
        f"at the end {mean[-1]:.{digits}f}",
        (len(mean) - 1, mean[-1]),
        xytext=(0, lift),
        textcoords="offset points",
        ha="right",
        color=VERMILLION,
        bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1},
    )


def plot_bands(
    models: Mapping[str, Histories], metric: Metric, title: str, guessing: float | None = None
) -> Figure:
    """The models' training losses in one panel, their test scores in the other."""
    figure, (loss_ax, score_ax) = plt.subplots(1, 2, figsize=(13, 5.4), layout="constrained")
    figure.suptitle(title)
    for ax, quantity, label in (
        (loss_ax, "loss", "Training loss"),
        (score_ax, "test_score", f"{metric.label}, test points"),
    ):
        means = [
            band(ax, histories, quantity, label=name, **line_look(number))
            for number, (name, histories) in enumerate(models.items())
        ]
        if quantity == "loss":
            ax.set_ylim(0, 1.15 * np.nanmax(means))
        label_axes(ax, "Epoch", label)
    if metric.is_percentage:
        score_ax.set_ylim(40, 102)
    if guessing is not None:
        score_ax.axhline(guessing, color="grey", linewidth=1, linestyle=":")
        where = {"xytext": (0, -12), "textcoords": "offset points", "ha": "right", "color": "grey"}
        score_ax.annotate("guessing", (len(means[0]) - 1, guessing), **where)
    shared_legend(figure, [loss_ax])
    return figure
