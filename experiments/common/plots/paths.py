"""Draws how optimizers go down a surface: their paths over its contours, and their height step by step."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.plots.style import label_axes, line_look, shared_legend

GRID_SIDE = 200
CONTOURS = 14
LOWEST = 1e-9  # who is lower than that has arrived
MARKERS = "os^Dv*"  # a path's end


class Surface(Protocol):
    """A function whose least value is 0, where that is, and which part of it to draw."""

    title: str
    formula: str
    function: Callable[[Any, Any], Any]
    start: tuple[float, float]
    minimum: tuple[float, float]
    box: tuple[float, float, float, float]


Paths = Mapping[str, np.ndarray]  # of each optimizer, (steps, 2)


def plot_paths(surfaces: Mapping[str, tuple[Surface, Paths]], title: str) -> Figure:
    """A column for each surface: above the paths, below the heights on a log axis."""
    figure, axes = plt.subplots(
        2,
        len(surfaces),
        figsize=(7.5 * len(surfaces), 9.5),
        layout="constrained",
        squeeze=False,
        height_ratios=(3, 2),
    )
    figure.suptitle(title)
    for (above, below), (surface, paths) in zip(axes.T, surfaces.values(), strict=True):
        draw_surface(above, surface)
        for number, (name, path) in enumerate(paths.items()):
            look = line_look(number)
            x, y = path.T.astype(np.float64)
            end = {"marker": MARKERS[number % len(MARKERS)], "markevery": [len(path) - 1], "markersize": 8}
            above.plot(x, y, linewidth=1.8, label=name, **look, **end)
            below.plot(surface.function(x, y), linewidth=1.8, **look, **end)
        above.set_title(f"{surface.title}\n{surface.formula}")
        below.set(yscale="log", ylim=(max(LOWEST, below.get_ylim()[0]), None))
        label_axes(below, "Step", "Height, log scale")
    shared_legend(figure, [axes[0, 0]])
    return figure


def draw_surface(ax: Axes, surface: Surface) -> None:
    """Contours, the closer to the minimum the denser in height; the start and the minimum marked."""
    left, right, bottom, top = surface.box
    x, y = np.meshgrid(np.linspace(left, right, GRID_SIDE), np.linspace(bottom, top, GRID_SIDE))
    z = surface.function(x, y)
    levels = np.geomspace(z.max() / 10_000, z.max(), CONTOURS)
    ax.contourf(x, y, z, levels=[0, *levels], cmap="Greys", norm="log", alpha=0.35)
    ax.contour(x, y, z, levels=levels, colors="0.7", linewidths=0.6)
    ax.plot(*surface.start, "o", color="white", markeredgecolor="black", markersize=9, label="start")
    ax.plot(*surface.minimum, "P", color="black", markeredgecolor="white", markersize=11, label="minimum")
    ax.set(xlim=(left, right), ylim=(bottom, top), xlabel="$x$", ylabel="$y$")
