"""The ledger's picture: how many entries agree, and how far apart the numbers are that do."""

from collections import Counter
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.common.plots.style import BLUE, ORANGE, SKY, VERMILLION
from parity_tests.databases import AGREES, DIFFERS, EXPLAINED

# fmt: off
FATES = {  # colour, hatching, ink for the number
    AGREES:    (BLUE,       "",   "white"),
    EXPLAINED: (ORANGE,     "//", "black"),
    DIFFERS:   (VERMILLION, "xx", "black"),
    "absent":  ("0.88",     "",   "black"),
}
# fmt: on
EDGES = (0, 0.5, 1, 2, 4, 8)  # ulp; the last bar is for what is above


def draw(fates: dict[str, Counter], worst: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Left, for each database, how its entries fare; right, the operations by their worst distance.

    `fates` counts entries; `worst` has a distance for each operation, by aspect and dtype. Writes an SVG, the
    same bytes for the same numbers.
    """
    with matplotlib.rc_context({"svg.hashsalt": "parity", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(9.5, 2.9), layout="constrained", facecolor="white")
        left, *right = figure.subplots(1, 1 + len(worst), width_ratios=[1.3, *[1] * len(worst)])
        draw_fates(left, fates)
        for ax, (aspect, distances) in zip(right, worst.items(), strict=True):
            draw_distances(ax, aspect, distances)
        right[0].set_ylabel("operations")
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines))


def draw_fates(ax: Axes, fates: dict[str, Counter]) -> None:
    """A bar for each database, of length 1, with the numbers of entries in it."""
    for place, counts in enumerate(fates.values()):
        start = 0.0
        for fate, (color, hatch, ink) in FATES.items():
            share = counts[fate] / counts.total()
            label = fate if place == 0 else None
            ax.barh(place, share, left=start, color=color, hatch=hatch, edgecolor="white", label=label)
            if share > 0.03:
                box = {"facecolor": color, "edgecolor": "none", "pad": 1}
                middle = start + share / 2
                ax.text(middle, place, counts[fate], ha="center", va="center", color=ink, bbox=box)
            start += share
    ax.set(yticks=range(len(fates)), yticklabels=fates, xticks=[], xlim=(0, 1), title="entries")
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
    ax.tick_params(left=False)
    ax.legend(
        ncols=len(FATES), loc="upper center", bbox_to_anchor=(0.4, 0.02), frameon=False, handlelength=1.2
    )


def draw_distances(ax: Axes, aspect: str, distances: dict[str, list[float]]) -> None:
    """How many operations are how many ulp apart at their worst sample, a bar for each dtype."""
    labels = ["0", *(f"≤{edge:g}" for edge in EDGES[1:]), f">{EDGES[-1]}"]
    for i, (dtype, found) in enumerate(distances.items()):
        counts = np.bincount(np.searchsorted(EDGES, found), minlength=len(labels))
        places = np.arange(len(labels)) + 0.4 * (i - 0.5)
        ax.bar(places, counts, 0.4, color=(BLUE, SKY)[i], hatch=("", "//")[i], edgecolor="white", label=dtype)
    ax.set(xticks=range(len(labels)), xticklabels=labels, title=f"{aspect} of operations")
    ax.set_xlabel("worst distance in ulp")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
