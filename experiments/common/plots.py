"""Draws data, decision boundaries, training curves, two backends in lockstep; importing it loads matplotlib.

The colours come from Okabe and Ito's palette, which people with any colour vision can tell apart; the classes
differ by their markers too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from experiments.common.data import Split
from experiments.common.lockstep import QUANTITIES, Bound, Lockstep
from experiments.common.training import EpochMetrics

BLUE, VERMILLION, ORANGE, GREEN = "#0072B2", "#D55E00", "#E69F00", "#009E73"
CLASS_COLORS = (BLUE, VERMILLION)
CLASS_MARKERS = ("o", "^")
PROBABILITY_COLORS = LinearSegmentedColormap.from_list("probability", ["#8cc3e6", "#ffffff", "#f9b98a"])
FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg")
GRID_SIDE = 240  # points along each side of a probability map


@contextmanager
def screen(wanted: bool) -> Iterator[bool]:
    """Around the making of figures: if `wanted` and there is a screen, show them all in windows at the end.

    Yields whether there will be windows; without, figures only go to files.
    """
    try:
        plt.switch_backend(matplotlib.get_backend() if wanted else "agg")
    except ImportError:  # a windowing backend is configured that cannot run here
        plt.switch_backend("agg")
    windows = matplotlib.get_backend().lower() not in FILE_BACKENDS
    try:
        yield windows
        if windows:
            plt.show()
    finally:
        plt.close("all")


@dataclass(frozen=True)
class ProbabilityMap:
    """P(class 1) over a square of the plane: values[i, j] at x2_i, x1_j, both from -limit to limit."""

    values: np.ndarray
    limit: float


def probability_map(probability: Callable[[np.ndarray], np.ndarray], split: Split) -> ProbabilityMap:
    """Ask `probability`, which takes points (n, 2), on a grid somewhat larger than the points of `split`."""
    limit = 1.1 * max(np.abs(split.X_train).max(), np.abs(split.X_test).max())
    ticks = np.linspace(-limit, limit, GRID_SIDE)
    x, y = np.meshgrid(ticks, ticks)
    values = probability(np.column_stack([x.ravel(), y.ravel()]))
    return ProbabilityMap(values.reshape(x.shape), limit)


@dataclass(frozen=True)
class BoundaryPanel:
    """One square of a boundary picture: its shading, and points (n, 2) with labels and predictions (n,)."""

    title: str
    map: ProbabilityMap
    X: np.ndarray
    y: np.ndarray
    predicted: np.ndarray


def plot_data(split: Split, title: str) -> Figure:
    """The training and the test points, side by side."""
    figure, axes = _squares(2, title)
    for ax, name, X, y in (
        (axes[0], "training", split.X_train, split.y_train),
        (axes[1], "test", split.X_test, split.y_test),
    ):
        _scatter(ax, X, y)
        ax.set_title(f"{len(X):,} {name} points")
    _legend(figure, axes)
    return figure


def plot_boundary(panels: Sequence[BoundaryPanel], title: str) -> Figure:
    """P(class 1) as shading, the boundary P = 1/2 as a line, the points, hollow where the model is wrong."""
    figure, axes = _squares(len(panels), title)
    for ax, panel in zip(axes, panels, strict=True):
        image = _shade(ax, panel.map)
        _scatter(ax, panel.X, panel.y, wrong=panel.y != panel.predicted)
        ax.set_title(panel.title)
    lowest = min(panel.map.values.min() for panel in panels)
    highest = max(panel.map.values.max() for panel in panels)
    label = f"P(class 1), here from {lowest:.2f} to {highest:.2f}"
    figure.colorbar(image, ax=list(axes), label=label, ticks=[0, 0.25, 0.5, 0.75, 1], shrink=0.9, pad=0.02)
    axes[0].plot([], [], color="black", linewidth=1.6, label="boundary, P = 1/2")
    _legend(figure, axes)
    return figure


def plot_curves(history: Sequence[EpochMetrics], title: str) -> Figure:
    """Loss and accuracy after every epoch, for training and test points."""
    epochs = [metrics.epoch for metrics in history]
    figure, (loss_ax, acc_ax) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    figure.suptitle(title)
    for ax, quantity, title, digits in (
        (loss_ax, "loss", "Loss", ".5f"),
        (acc_ax, "acc", "Accuracy (%)", ".2f"),
    ):
        for prefix, name, color, style in (("", "train", BLUE, "-"), ("test_", "test", VERMILLION, "--")):
            values = _finite([getattr(metrics, prefix + quantity) for metrics in history])
            label = f"{name}, at the end {values[-1]:{digits}}"
            ax.plot(epochs, values, style, color=color, linewidth=2, label=label)
        _label_epochs(ax, title)
        ax.legend(frameon=False)
    _start_at_zero(loss_ax)
    acc_ax.set_ylim(0, 103)
    acc_ax.axhline(50, color="grey", linewidth=1, linestyle=":")
    acc_ax.annotate(
        "guessing", (epochs[-1], 50), xytext=(0, 3), textcoords="offset points", ha="right", color="grey"
    )
    return figure


def plot_lockstep(lockstep: Lockstep, names: Sequence[str], bound: Bound, title: str) -> Figure:
    """The losses of both laid over each other, and on a log axis the largest differences of each epoch."""
    figure, (loss_ax, difference_ax) = plt.subplots(1, 2, figsize=(13, 4.8), layout="constrained")
    figure.suptitle(title)
    looks = ((ORANGE, "-", 5), (BLUE, "--", 1.8))
    for trainer, name, (color, style, width) in zip(lockstep.trainers, names, looks, strict=True):
        losses = _finite([metrics.loss for metrics in trainer.history])
        loss_ax.plot(losses, style, color=color, linewidth=width, label=name)
    loss_ax.set_title("The losses, laid over each other")
    _label_epochs(loss_ax, "Training loss")
    _start_at_zero(loss_ax)
    loss_ax.legend(frameon=False)
    _plot_differences(difference_ax, lockstep, bound)
    return figure


def _plot_differences(ax: Axes, lockstep: Lockstep, bound: Bound) -> None:
    """A log axis has no place for 0: an epoch without any difference leaves a gap."""
    for quantity, color in zip(QUANTITIES, (BLUE, ORANGE, GREEN, VERMILLION), strict=True):
        values = _finite([getattr(difference, quantity) for difference in lockstep.history])
        values[values == 0] = np.nan
        ax.plot(values, ".-", color=color, linewidth=1, markersize=2, label=quantity)
    ax.axhline(bound.value, color="black", linestyle="--", label="bound for\nparameters")
    seen = np.concatenate([line.get_ydata() for line in ax.lines])
    ax.set(yscale="log", ylim=(np.nanmin(seen) / 5, np.nanmax(seen) * 5))
    parting = lockstep.parting
    ax.set_title(
        f"First difference: epoch {parting.epoch}, {parting.name}" if parting else "Every bit agrees"
    )
    _label_epochs(ax, "Largest absolute difference")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _squares(count: int, title: str) -> tuple[Figure, Any]:
    figure, axes = plt.subplots(
        1, count, figsize=(5.6 * count, 5.9), layout="constrained", sharex=True, sharey=True
    )
    figure.suptitle(title)
    axes = np.atleast_1d(axes)
    for ax in axes:
        ax.set(aspect="equal", xlabel="$x_1$")
    axes[0].set_ylabel("$x_2$")
    return figure, axes


def _scatter(ax: Axes, X: np.ndarray, y: np.ndarray, wrong: np.ndarray | None = None) -> None:
    """The points of each class with its colour and marker; `wrong` ones hollow, and large enough to see."""
    size = np.clip(12_000 / len(X), 4, 26)
    wrong = np.zeros(len(X), dtype=bool) if wrong is None else wrong
    right_look: dict[str, Any] = {"s": size, "edgecolors": "white", "linewidths": size / 60}
    wrong_look: dict[str, Any] = {"s": max(size, 22), "edgecolors": "black", "color": "white"}
    for label, color, marker in zip((0, 1), CLASS_COLORS, CLASS_MARKERS, strict=True):
        x1, x2 = X[(y == label) & ~wrong].T
        ax.scatter(x1, x2, color=color, marker=marker, label=f"class {label}", **right_look)
    for label, marker in zip((0, 1), CLASS_MARKERS, strict=True):
        x1, x2 = X[(y == label) & wrong].T
        if len(x1):
            ax.scatter(x1, x2, marker=marker, label=f"class {label}, wrong", **wrong_look)


def _shade(ax: Axes, map: ProbabilityMap) -> Any:
    """The map as an image whose pixels are centred on the points asked, and the line where P = 1/2."""
    edge = map.limit * GRID_SIDE / (GRID_SIDE - 1)
    box = (-edge, edge, -edge, edge)
    image = ax.imshow(
        map.values,
        extent=box,
        origin="lower",
        vmin=0,
        vmax=1,
        cmap=PROBABILITY_COLORS,
        interpolation="bilinear",
    )
    if map.values.min() < 0.5 < map.values.max():
        ax.contour(map.values, levels=[0.5], extent=box, origin="lower", colors="black", linewidths=1.6)
    return image


def _legend(figure: Figure, axes: Any) -> None:
    """One legend for all axes, below them, with markers large enough to see."""
    entries = {
        label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    legend = figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries), frameon=False
    )
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([40])


def _label_epochs(ax: Axes, quantity: str) -> None:
    ax.set(xlabel="Epoch", ylabel=quantity)
    ax.grid(color="0.9")
    ax.spines[["top", "right"]].set_visible(False)


def _start_at_zero(ax: Axes) -> None:
    """Losses are seen from 0 up, with some room above the largest."""
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])


def _finite(values: Sequence[float]) -> np.ndarray:
    """nan and infinity become gaps: a diverged run has them."""
    array = np.asarray(values, dtype=float)
    return np.where(np.isfinite(array), array, np.nan)
