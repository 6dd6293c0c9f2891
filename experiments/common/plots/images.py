"""Draws small grey images: examples, what a model gets wrong, and what a convolution looks for in them."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from experiments.common.plots.style import BLUE, VERMILLION

INK = "gray_r"  # 0 is paper, 1 is black
SIGNED = "PuOr_r"  # below 0 violet, 0 white, above 0 orange: apart for any colour vision
EDGE = "0.8"  # of a sheet of paper
DARKEST = 0.6  # of a cell's colour: its number is black
EXAMPLES = 12  # of each class
HARDEST = 24
IN_A_ROW = 8  # of the hardest, or of the filters


def plot_examples(images: np.ndarray, labels: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """The first images (n, height, width) of each class, a row for each, one pixel apart."""
    height, width = images.shape[1] + 1, images.shape[2] + 1
    page = np.full((len(names) * height + 1, EXAMPLES * width + 1), np.nan)
    for row in range(len(names)):
        for column, image in enumerate(images[labels == row][:EXAMPLES]):
            top, left = row * height + 1, column * width + 1
            page[top : top + height - 1, left : left + width - 1] = image
    figure, ax = plt.subplots(figsize=(9, 7.8), layout="constrained")
    ax.set_title(title)
    _show_ink(ax, page)
    ax.set_facecolor(EDGE)
    ax.set_yticks(np.arange(len(names)) * height + height / 2, names, fontsize=13)
    ax.tick_params(length=0)
    return figure


def plot_confusion(matrix: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """How often each class (a row) is taken for each (a column): blue is right, orange-red is wrong."""
    figure, ax = plt.subplots(figsize=(6.6, 6.6), layout="constrained")
    ax.set_title(title)
    ax.imshow(_confusion_colors(matrix))
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            ax.text(column, row, f"{count}", ha="center", va="center", fontweight="bold")
    ticks = range(len(names))
    ax.set(xlabel="What the model says", ylabel="What it is", xticks=ticks, yticks=ticks)
    ax.set(xticklabels=names, yticklabels=names)
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="0.85")
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    return figure


def _confusion_colors(matrix: np.ndarray) -> np.ndarray:
    """(classes, classes, 3): the more often, the darker. What is wrong has a scale of its own: it is rare."""
    right = np.eye(len(matrix), dtype=bool)
    of_class = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    shades = np.where(right, of_class, matrix / max(matrix[~right].max(), 1))
    colors = np.where(right[..., None], to_rgb(BLUE), to_rgb(VERMILLION))
    return 1 - DARKEST * shades[..., None] * (1 - colors)


def plot_hardest(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str], title: str
) -> Figure:
    """What a model gets wrong, framed, and then what it gets right and is least sure of.

    `images` (n, height, width) have `labels` (n,); the model gives `probabilities` (n, classes).
    """
    said, of_label = probabilities.argmax(axis=1), probabilities[np.arange(len(labels)), labels]
    hardest = np.lexsort([of_label, said == labels])[:HARDEST]
    rows = -(-len(hardest) // IN_A_ROW)
    figure, axes = plt.subplots(rows, IN_A_ROW, figsize=(10.8, 1.35 * rows + 0.6), layout="constrained")
    figure.suptitle(title)
    _empty(axes)
    for ax, i in zip(axes.flat, hardest, strict=False):
        _show_ink(ax, images[i])
        name = names[labels[i]]
        sure = f"P({name}) = {of_label[i]:.2f}"
        if said[i] == labels[i]:
            ax.set_title(f"a {name}: right\n{sure}", fontsize=9)
        else:
            text = f"a {name}, taken for {names[said[i]]}\n{sure}"
            ax.set_title(text, fontsize=9, fontweight="bold", color=VERMILLION)
            _frame(ax, VERMILLION)
    return figure


def plot_filters(image: np.ndarray, filters: np.ndarray, responses: np.ndarray, title: str) -> Figure:
    """The image on the left, and each of the filters (k, 3, 3) over its response (k, height, width) to it."""
    blocks = -(-len(filters) // IN_A_ROW)
    figure = plt.figure(figsize=(12, 2.7 * blocks + 0.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subfigures(1, 2, width_ratios=(2, 10))
    shown = left.subplots()
    shown.set_title("what it is shown")
    _show_ink(shown, image)
    limit, strongest = np.abs(filters).max(), responses.max()
    for block, part in enumerate(right.subfigures(blocks, 1, squeeze=False)[:, 0]):
        here = slice(block * IN_A_ROW, (block + 1) * IN_A_ROW)
        above, below = axes = part.subplots(2, IN_A_ROW)
        _empty(axes)
        for k, (ax, weights) in enumerate(zip(above, filters[here], strict=False), here.start):
            ax.set_title(f"filter {k}", fontsize=9)
            scale = _show(ax, weights, cmap=SIGNED, vmin=-limit, vmax=limit)
        for ax, response in zip(below, responses[here], strict=False):
            _show(ax, response, cmap=INK, vmin=0, vmax=strongest)
    left.colorbar(scale, ax=shown, location="bottom", label="weight of a filter")
    return figure


def _empty(axes: Any) -> None:
    """Show nothing, not even a frame, until there is an image."""
    for ax in axes.flat:
        ax.set_axis_off()


def _show_ink(ax: Axes, image: np.ndarray) -> None:
    _show(ax, image, cmap=INK, vmin=0, vmax=1)


def _show(ax: Axes, image: np.ndarray, **look: Any) -> Any:
    """Pixel by pixel in a thin frame; returns what a colour bar needs."""
    _frame(ax, EDGE, 0.6)
    return ax.imshow(image, interpolation="nearest", **look)


def _frame(ax: Axes, color: str, width: float = 2.5) -> None:
    ax.set_axis_on()
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(color=color, linewidth=width)
