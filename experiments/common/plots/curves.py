"""Draws how training went: one run, several side by side, two backends in lockstep."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.lockstep import QUANTITIES, Bound, Lockstep
from experiments.common.plots.plane import BoundaryPanel, draw_panel, make_square
from experiments.common.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILLION,
    finite,
    label_axes,
    line_look,
    logarithmic,
    shared_legend,
    start_at_zero,
)
from experiments.common.tasks import Metric
from experiments.common.training import EpochMetrics

History = Sequence[EpochMetrics]


def plot_curves(history: History, metric: Metric, title: str, guessing: float | None = None) -> Figure:
    """Loss and score after every epoch, for training and test points; `guessing` marks a score."""
    epochs = [metrics.epoch for metrics in history]
    figure, (loss_ax, score_ax) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    figure.suptitle(title)
    for ax, quantity, label in ((loss_ax, "loss", "Loss"), (score_ax, "score", metric.label)):
        for prefix, name, color, style in (("", "train", BLUE, "-"), ("test_", "test", VERMILLION, "--")):
            values = finite([getattr(metrics, prefix + quantity) for metrics in history])
            digits = 2 if ax is score_ax and metric.is_percentage else 5
            last = f"{name}, at the end {values[-1]:.{digits}f}"
            ax.plot(
                epochs, values, style, color=color, linewidth=1.8, label=last, zorder=2 + (name == "train")
            )
        label_axes(ax, "Epoch", label)
        ax.legend(frameon=False)
    _scale(loss_ax, score_ax, metric)
    _mark_guessing(score_ax, guessing, epochs[-1])
    return figure


def plot_comparison(
    histories: Mapping[str, History],
    metric: Metric,
    title: str,
    panels: Sequence[BoundaryPanel] = (),
    guessing: float | None = None,
) -> Figure:
    """Above, a boundary for each of the models if there are `panels`; below, their losses and scores."""
    rows = 2 if panels else 1
    figure = plt.figure(figsize=(max(11, 4.2 * len(panels)), 4.6 * rows), layout="constrained")
    figure.suptitle(title, fontsize="x-large")
    parts = figure.subfigures(rows, 1, squeeze=False)[:, 0]
    legends = []
    if panels:
        axes = parts[0].subplots(1, len(panels), sharex=True, sharey=True)
        for ax, panel in zip(axes, panels, strict=True):
            make_square(ax)
            draw_panel(ax, panel)
            ax.label_outer()
        legends += [*axes]
    loss_ax, score_ax = parts[-1].subplots(1, 2)
    for ax, quantity, label in ((loss_ax, "loss", "Training loss"), (score_ax, "test_score", metric.label)):
        for number, (name, history) in enumerate(histories.items()):
            values = finite([getattr(metrics, quantity) for metrics in history])
            ax.plot(values, linewidth=2, label=name, **line_look(number))
        label_axes(ax, "Epoch", label)
    score_ax.set_ylabel(f"{metric.label}, test points")
    _scale(loss_ax, score_ax, metric)
    _mark_guessing(score_ax, guessing, max(map(len, histories.values())))
    shared_legend(figure, [loss_ax, *legends])
    return figure


def plot_lockstep(lockstep: Lockstep, names: Sequence[str], bound: Bound, title: str) -> Figure:
    """The losses of both laid over each other, and on a log axis the largest differences of each epoch."""
    figure, (loss_ax, difference_ax) = plt.subplots(1, 2, figsize=(13, 4.8), layout="constrained")
    figure.suptitle(title)
    looks = ((ORANGE, "-", 5), (BLUE, "--", 1.8))
    for trainer, name, (color, style, width) in zip(lockstep.trainers, names, looks, strict=True):
        losses = finite([metrics.loss for metrics in trainer.history])
        loss_ax.plot(losses, style, color=color, linewidth=width, label=name)
    loss_ax.set_title("The losses, laid over each other")
    label_axes(loss_ax, "Epoch", "Training loss")
    start_at_zero(loss_ax)
    loss_ax.legend(frameon=False)
    _plot_differences(difference_ax, lockstep, bound)
    return figure


def _plot_differences(ax: Axes, lockstep: Lockstep, bound: Bound) -> None:
    """A log axis has no place for 0: an epoch without any difference leaves a gap."""
    for quantity, color in zip(QUANTITIES, (BLUE, ORANGE, GREEN, VERMILLION), strict=True):
        values = finite([getattr(difference, quantity) for difference in lockstep.history])
        values[values == 0] = np.nan
        ax.plot(values, ".-", color=color, linewidth=1, markersize=2, label=quantity)
    ax.axhline(bound.value, color="black", linestyle="--", label="bound for\nparameters")
    seen = np.concatenate([line.get_ydata() for line in ax.lines])
    ax.set(yscale="log", ylim=(np.nanmin(seen) / 5, np.nanmax(seen) * 5))
    parting = lockstep.parting
    ax.set_title(
        f"First difference: epoch {parting.epoch}, {parting.name}" if parting else "Every bit agrees"
    )
    label_axes(ax, "Epoch", "Largest absolute difference")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _scale(loss_ax: Axes, score_ax: Axes, metric: Metric) -> None:
    """A percentage is seen as a whole; errors, which training takes through magnitudes, on a log axis."""
    if metric.is_percentage:
        start_at_zero(loss_ax)
        score_ax.set_ylim(0, 103)
    else:
        logarithmic(loss_ax)
        logarithmic(score_ax)


def _mark_guessing(ax: Axes, score: float | None, last_epoch: int) -> None:
    """A dotted line at the score of a model that has learned nothing."""
    if score is not None:
        ax.axhline(score, color="grey", linewidth=1, linestyle=":")
        where = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right"}
        ax.annotate("guessing", (last_epoch, score), color="grey", **where)
