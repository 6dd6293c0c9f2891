"""Draws functions of one variable and their derivatives."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from experiments.common.plots.style import BLUE, VERMILLION, label_axes


def plot_functions(x: np.ndarray, curves: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str) -> Figure:
    """For each name a panel with its values and its slopes at x."""
    columns = 2
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(5.5 * columns, 3.8 * rows), layout="constrained", sharex=True
    )
    figure.suptitle(title)
    for ax, (name, (values, slopes)) in zip(axes.flat, curves.items(), strict=True):
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.axvline(0, color="0.6", linewidth=0.8)
        ax.plot(x, values, color=BLUE, linewidth=2.2, label=f"{name}(x)")
        ax.plot(x, slopes, "--", color=VERMILLION, linewidth=2, label="its derivative")
        ax.set_title(name)
        label_axes(ax, "$x$", "")
        ax.legend(frameon=False, loc="upper left")
    return figure
