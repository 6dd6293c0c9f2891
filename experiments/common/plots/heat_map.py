"""Draws a table of values as colours, each with its number written into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.common.plots.style import BLACK
from experiments.common.tasks import Metric

COLORS = "cividis"  # its lightness grows evenly: the same order for any colour vision, and in print
CELL = (1.45, 0.62)  # inches
DARK = 0.5  # on cells less light than this the text is white


@dataclass(frozen=True)
class Cell:
    """A value, None if there is none; what is written there; whether it is marked as incomplete."""

    value: float | None
    text: str
    marked: bool = False


def plot_heat_map(
    cells: Mapping[tuple[str, str], Cell], labels: tuple[str, str], metric: Metric, title: str
) -> Figure:
    """The cells by the names of their row and column; `labels` say what rows and columns are."""
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    size = (max(6.5, CELL[0] * len(columns) + 3.2), CELL[1] * len(rows) + 2.2)
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    figure.suptitle(title)
    values = np.array([[_number(cells[row, column]) for column in columns] for row in rows])
    norm = _norm(values, metric)
    image = ax.pcolormesh(
        np.ma.masked_invalid(values), norm=norm, cmap=COLORS, edgecolors="white", linewidth=2
    )
    for (row, column), cell in cells.items():
        _write(ax, columns.index(column), rows.index(row), cell, image)
    _name_ticks(ax, rows, columns)
    ax.set(ylabel=labels[0], xlabel=labels[1])
    if not np.isnan(values).all():
        figure.colorbar(image, label=metric.label)
    return figure


def _number(cell: Cell) -> float:
    return np.nan if cell.value is None else cell.value


def _norm(values: np.ndarray, metric: Metric) -> Normalize:
    """Errors differ by magnitudes, percentages by points."""
    known = values[np.isfinite(values)]
    logarithmic = not metric.is_percentage and known.size > 0 and known.min() > 0
    norm = LogNorm() if logarithmic else Normalize()
    norm.autoscale(known)
    return norm


def _write(ax: Axes, x: int, y: int, cell: Cell, image: QuadMesh) -> None:
    """The text in the middle; over a marked cell lines, beside which it stays legible."""
    shade = (1.0, 1.0, 1.0, 1.0) if cell.value is None else image.cmap(float(image.norm(cell.value)))
    red, green, blue, _ = shade
    dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < DARK
    ink, ground = ("white", (red, green, blue)) if dark else (BLACK, (red, green, blue))
    if cell.marked:
        ax.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch="///", edgecolor=ink, linewidth=0, alpha=0.45))
    box = {"facecolor": ground, "edgecolor": "none", "pad": 2}
    ax.text(x + 0.5, y + 0.5, cell.text, ha="center", va="center", color=ink, fontsize="small", bbox=box)


def _name_ticks(ax: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """The first row at the top."""
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.tick_params(length=0)
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
