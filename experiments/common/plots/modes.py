"""Draws what layers do that work differently in train and in eval mode."""

from collections.abc import Mapping
from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from experiments.common.plots.style import BLACK, ORANGE, SKY, VERMILLION, label_axes

Passes = tuple[np.ndarray, np.ndarray]  # P at n places: each time in train mode (times, n), in eval mode (n,)


class Statistics(Protocol):
    """For "mean" and "variance" of a layer's inputs a list of arrays (units,), one for each step.

    `running` has one more, from before the first step.
    """

    batch: Mapping[str, list[np.ndarray]]
    running: Mapping[str, list[np.ndarray]]

    def liveliest(self) -> int:
        """The unit to draw."""


def plot_modes(
    x: np.ndarray, x_label: str, passes: Mapping[str, Passes], statistics: Statistics, title: str
) -> Figure:
    """Above, what models say in both modes; below, a BatchNorm unit's statistics step by step."""
    figure, axes = plt.subplots(2, 2, figsize=(12, 8), layout="constrained")
    figure.suptitle(title)
    for ax, (name, (trained, evaluated)) in zip(axes[0], passes.items(), strict=True):
        lines = ax.plot(x, trained.T, color=SKY, linewidth=1)
        lines[0].set_label("train mode, each time")
        ax.plot(x, evaluated, "--", color=BLACK, linewidth=2.2, label="eval mode, every time")
        ax.set_title(name)
        ax.set(ylim=(-0.03, 1.18), yticks=np.linspace(0, 1, 6))  # the legend has its place above 1
        label_axes(ax, x_label, "P(class 1)")
        ax.legend(frameon=False, loc="upper center", ncols=2)
    unit = statistics.liveliest()
    for ax, what in zip(axes[1], ("mean", "variance"), strict=True):
        batches, running = ([one[unit] for one in of[what]] for of in (statistics.batch, statistics.running))
        steps = np.arange(len(running))
        ax.plot(steps[1:], batches, "o", color=ORANGE, markersize=3, label="of the batch: train mode uses it")
        ax.plot(steps, running, color=VERMILLION, linewidth=2, label="running: eval mode uses it")
        ax.set_title(f"BatchNorm: {what} of what reaches hidden unit {unit}")
        label_axes(ax, "Step", what.capitalize())
        ax.legend()
    return figure
