"""Draws a cross-validation: every model's score on every fold."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from experiments.common.plots.style import BLACK, LINE_COLORS, finite, label_axes

MARKERS = "os^Dv"


def plot_folds(panels: Mapping[str, tuple[str, Mapping[str, Sequence[float]]]], title: str) -> Figure:
    """For each name a panel: what is measured, and each model's scores; grey lines join a fold's."""
    count = len(next(iter(panels.values()))[1])
    width = max(6.5, 1.5 * count * len(panels))
    figure, axes = plt.subplots(1, len(panels), figsize=(width, 5), layout="constrained", squeeze=False)
    figure.suptitle(title)
    for ax, (name, (unit, models)) in zip(axes[0], panels.items(), strict=True):
        scores = np.array([finite(values) for values in models.values()])  # (models, folds)
        places = np.arange(len(models))
        ax.plot(places, scores, color="0.75", linewidth=1, zorder=1)
        for place, values in zip(places, scores, strict=True):
            look = {"color": LINE_COLORS[place], "marker": MARKERS[place % len(MARKERS)]}
            ax.scatter(np.full(len(values), place), values, s=36, zorder=2, **look)
            mean = float(values.mean())
            ax.hlines(mean, place - 0.25, place + 0.25, color=BLACK, linewidth=2.5, zorder=3)
            white = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1}
            ax.annotate(f"{mean:.1f}", (place + 0.29, mean), va="center", fontweight="bold", bbox=white)
        ax.set_title(name)
        label_axes(ax, "", unit)
        names = [model.replace(" ", "\n") for model in models]
        ax.set(xticks=places, xticklabels=names, xlim=(-0.5, len(models) - 0.25))
    return figure
