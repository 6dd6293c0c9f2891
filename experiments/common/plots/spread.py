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
    highest = 0.0
    for column, (name, histories) in zip(axes.T, models.items(), strict=True):
        for ax, quantity, digits in zip(column, ("loss", "score"), (3, 1), strict=True):
            for prefix, points, color, style in (
                ("", "training points, in train mode", BLUE, "-"),
                ("test_", "test points, in eval mode", VERMILLION, "--"),
            ):
                mean = band(ax, histories, prefix + quantity, color=color, linestyle=style, label=points)
            ax.annotate(
                f"at the end {mean[-1]:.{digits}f}",
                (len(mean) - 1, mean[-1]),
                xytext=(0, 7 if quantity == "loss" else -16),
                textcoords="offset points",
                ha="right",
                color=VERMILLION,
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1},
            )
            highest = max(highest, np.nanmax(mean)) if quantity == "loss" else highest
            label_axes(ax, "Epoch", "Loss" if quantity == "loss" else metric.label)
            ax.label_outer()
        column[0].set_title(name)
    axes[0, 0].set_ylim(0, 1.15 * highest)
    if metric.is_percentage:
        axes[1, 0].set_ylim(top=102)
    shared_legend(figure, [axes[0, 0]])
    return figure


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
        for number, (name, histories) in enumerate(models.items()):
            band(ax, histories, quantity, label=name, **line_look(number))
        label_axes(ax, "Epoch", label)
    loss_ax.set_ylim(bottom=0)
    if metric.is_percentage:
        score_ax.set_ylim(40, 102)
    if guessing is not None:
        score_ax.axhline(guessing, color="grey", linewidth=1, linestyle=":")
        where = {"xytext": (4, 3), "textcoords": "offset points", "ha": "left", "color": "grey"}
        score_ax.annotate("guessing", (0, guessing), **where)
    shared_legend(figure, [loss_ax])
    return figure
