"""What all pictures share: colours that people with any colour vision can tell apart, axes, windows.

The colours are Okabe and Ito's palette (https://jfly.uni-koeln.de/color/). Nothing depends on colour alone:
lines differ by their style too, classes by their markers.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, BLACK = "#56B4E9", "#CC79A7", "#000000"
LINE_COLORS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
LINE_STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
LEGEND_COLUMN = 1.7  # inches
FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg")


@contextmanager
def screen(wanted: bool, say: Callable[[str], None] = print) -> Iterator[bool]:
    """Around the making of figures: if `wanted` and there is a screen, show them all in windows at the end.

    Yields whether there will be windows; without, figures only go to files, and `say` tells who wanted them.
    """
    try:
        plt.switch_backend(matplotlib.get_backend() if wanted else "agg")
    except ImportError:  # a windowing backend is configured that cannot run here
        plt.switch_backend("agg")
    windows = _has_windows()
    if wanted and not windows:
        say("--show: there is no screen to open windows on; the pictures are in the folder below")
    try:
        with plt.rc_context({"figure.max_open_warning": 0}):
            yield windows
        if windows:
            plt.show()
    finally:
        plt.close("all")


def done_with(figure: Figure) -> None:
    """Forget a figure that has been written, unless it is to be shown in a window."""
    if not _has_windows():
        plt.close(figure)


def _has_windows() -> bool:
    return matplotlib.get_backend().lower() not in FILE_BACKENDS


def line_look(number: int) -> dict[str, Any]:
    """Colour and style of the n-th of several lines."""
    return {
        "color": LINE_COLORS[number % len(LINE_COLORS)],
        "linestyle": LINE_STYLES[number % len(LINE_STYLES)],
    }


def label_axes(ax: Axes, x: str, y: str) -> None:
    """Name both axes, and leave only what helps to read values."""
    ax.set(xlabel=x, ylabel=y)
    ax.grid(color="0.9")
    ax.spines[["top", "right"]].set_visible(False)


def start_at_zero(ax: Axes) -> None:
    """Values are seen from 0 up, with some room above the largest."""
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])


def logarithmic(ax: Axes) -> None:
    """Values are seen by their magnitude, if any can be: a log axis needs one above 0."""
    if any((line.get_ydata() > 0).any() for line in ax.lines):
        ax.set_yscale("log")


def finite(values: Sequence[float]) -> np.ndarray:
    """nan and infinity become gaps: a diverged run has them."""
    array = np.asarray(values, dtype=float)
    return np.where(np.isfinite(array), array, np.nan)


def shared_legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """One legend for all axes, below them, with markers large enough to see."""
    entries = {
        label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)
    }
    legend = figure.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=min(len(entries), int(figure.get_figwidth() / LEGEND_COLUMN)),
        frameon=False,
    )
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([40])
