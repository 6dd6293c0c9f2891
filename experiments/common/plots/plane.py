"""Draws points in the plane and what a model makes of every place in it: the regions of its classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from experiments.common.data import Split
from experiments.common.plots.style import BLUE, GREEN, ORANGE, PURPLE, VERMILLION, shared_legend

CLASS_COLORS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)
CLASS_MARKERS = ("o", "^", "s", "D", "v")
PROBABILITY_COLORS = LinearSegmentedColormap.from_list("probability", ["#8cc3e6", "#ffffff", "#f9b98a"])
GRID_SIDE = 240  # points along each side of a map
MARGIN = 0.1  # of a map around the points, as a share of half its side


@dataclass(frozen=True)
class PlaneMap:
    """What a model says on a grid of GRID_SIDE x GRID_SIDE places in a square of the plane.

    `values[i, j]` belongs to the j-th place from the left, the i-th from below: P(class 1), or for more than
    two classes P of each.
    """

    values: np.ndarray
    left: float
    bottom: float
    side: float

    def class_probabilities(self) -> np.ndarray:
        """(GRID_SIDE, GRID_SIDE, classes)."""
        if self.values.ndim == 3:
            return self.values
        return np.stack([1 - self.values, self.values], axis=2)

    def box(self) -> tuple[float, float, float, float]:
        """left, right, bottom, top of an image whose pixels are centred on the places."""
        half_a_pixel = self.side / (GRID_SIDE - 1) / 2
        right, top = self.left + self.side, self.bottom + self.side
        return (
            self.left - half_a_pixel,
            right + half_a_pixel,
            self.bottom - half_a_pixel,
            top + half_a_pixel,
        )


def plane_map(interpret: Callable[[np.ndarray], np.ndarray], split: Split) -> PlaneMap:
    """Ask `interpret`, which takes points (n, 2), on a grid in the square around the points of `split`."""
    points = np.concatenate([split.X_train, split.X_test])
    lowest, highest = points.min(axis=0), points.max(axis=0)
    side = (1 + MARGIN) * (highest - lowest).max()
    left, bottom = (lowest + highest - side) / 2
    x, y = np.meshgrid(*(np.linspace(start, start + side, GRID_SIDE) for start in (left, bottom)))
    values = interpret(np.column_stack([x.ravel(), y.ravel()]))
    return PlaneMap(values.reshape(*x.shape, *values.shape[1:]), float(left), float(bottom), float(side))


@dataclass(frozen=True)
class BoundaryPanel:
    """One square of a boundary picture: its shading, and points (n, 2) with labels and predictions (n,)."""

    title: str
    map: PlaneMap
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
        scatter(ax, X, y)
        ax.set_title(f"{len(X):,} {name} points")
    shared_legend(figure, axes)
    return figure


def plot_boundary(panels: Sequence[BoundaryPanel], title: str) -> Figure:
    """The probabilities as shading, a line where the answer changes, the points, hollow where it is wrong."""
    figure, axes = _squares(len(panels), title)
    for ax, panel in zip(axes, panels, strict=True):
        image = draw_panel(ax, panel)
    if panels[0].map.values.ndim == 2:
        _color_bar(figure, axes, image, [panel.map for panel in panels])
        line = "boundary, P = 1/2"
    else:
        line = "where the most likely class changes"
    axes[0].plot([], [], color="black", linewidth=1.6, label=line)
    shared_legend(figure, axes)
    return figure


def draw_panel(ax: Axes, panel: BoundaryPanel) -> Any:
    """Fill one square; returns the image that shades it."""
    image = _shade(ax, panel.map)
    _draw_lines(ax, panel.map)
    scatter(ax, panel.X, panel.y, wrong=panel.y != panel.predicted)
    ax.set_title(panel.title)
    return image


def make_square(ax: Axes) -> None:
    """A square of the plane: one unit is as long to the right as it is upwards."""
    ax.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")


def scatter(ax: Axes, X: np.ndarray, y: np.ndarray, wrong: np.ndarray | None = None) -> None:
    """The points of each class with its colour and marker; `wrong` ones hollow, and large enough to see."""
    size = np.clip(12_000 / len(X), 4, 26)
    wrong = np.zeros(len(X), dtype=bool) if wrong is None else wrong
    right_look: dict[str, Any] = {"s": size, "edgecolors": "white", "linewidths": size / 60}
    wrong_look: dict[str, Any] = {"s": max(size, 22), "edgecolors": "black", "color": "white"}
    labels = np.unique(y).astype(int)
    for label in labels:
        x1, x2 = X[(y == label) & ~wrong].T
        look = right_look | {"color": CLASS_COLORS[label], "marker": CLASS_MARKERS[label]}
        ax.scatter(x1, x2, label=f"class {label}", **look)
    for label in labels:
        x1, x2 = X[(y == label) & wrong].T
        if len(x1):
            ax.scatter(x1, x2, marker=CLASS_MARKERS[label], label=f"class {label}, wrong", **wrong_look)


def _squares(count: int, title: str) -> tuple[Figure, Any]:
    figure, axes = plt.subplots(
        1, count, figsize=(5.6 * count, 5.9), layout="constrained", sharex=True, sharey=True
    )
    figure.suptitle(title)
    axes = np.atleast_1d(axes)
    for ax in axes:
        make_square(ax)
        ax.label_outer()
    return figure, axes


def _shade(ax: Axes, map: PlaneMap) -> Any:
    """Two classes on a scale through white at P = 1/2; more, their colours, mixed by the probabilities."""
    look = {"extent": map.box(), "origin": "lower", "interpolation": "bilinear"}
    if map.values.ndim == 2:
        return ax.imshow(map.values, vmin=0, vmax=1, cmap=PROBABILITY_COLORS, **look)
    colors = np.array([to_rgb(color) for color in CLASS_COLORS[: map.values.shape[2]]])
    tints = 1 - 0.45 * (1 - colors)  # lighter than the points
    return ax.imshow(np.nan_to_num(map.values) @ tints, **look)


def _draw_lines(ax: Axes, map: PlaneMap) -> None:
    """For each class the line on which it is as likely as the likeliest of the others."""
    probabilities = map.class_probabilities()
    classes = probabilities.shape[2]
    for label in range(classes - 1 if classes == 2 else classes):
        others = np.delete(probabilities, label, axis=2).max(axis=2)
        lead = probabilities[:, :, label] - others
        if lead.min() < 0 < lead.max():
            ax.contour(lead, levels=[0], extent=map.box(), origin="lower", colors="black", linewidths=1.6)


def _color_bar(figure: Figure, axes: Any, image: Any, maps: Sequence[PlaneMap]) -> None:
    lowest, highest = min(map.values.min() for map in maps), max(map.values.max() for map in maps)
    label = f"P(class 1), here from {lowest:.2f} to {highest:.2f}"
    figure.colorbar(image, ax=list(axes), label=label, ticks=[0, 0.25, 0.5, 0.75, 1], shrink=0.9, pad=0.02)
