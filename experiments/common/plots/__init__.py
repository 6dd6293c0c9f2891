"""Pictures of data, decision boundaries, training curves, comparisons; importing it loads matplotlib."""

from experiments.common.plots.curves import plot_comparison, plot_curves, plot_lockstep
from experiments.common.plots.folds import plot_folds
from experiments.common.plots.functions import plot_functions
from experiments.common.plots.heat_map import Cell, plot_heat_map
from experiments.common.plots.images import plot_confusion, plot_examples, plot_filters, plot_hardest
from experiments.common.plots.line import plot_line
from experiments.common.plots.modes import plot_modes
from experiments.common.plots.paths import plot_paths
from experiments.common.plots.plane import BoundaryPanel, PlaneMap, plane_map, plot_boundary, plot_data
from experiments.common.plots.spread import plot_bands, plot_overfitting
from experiments.common.plots.style import done_with, screen

__all__ = [
    "BoundaryPanel",
    "Cell",
    "PlaneMap",
    "done_with",
    "plane_map",
    "plot_bands",
    "plot_boundary",
    "plot_comparison",
    "plot_confusion",
    "plot_curves",
    "plot_data",
    "plot_examples",
    "plot_filters",
    "plot_folds",
    "plot_functions",
    "plot_hardest",
    "plot_heat_map",
    "plot_line",
    "plot_lockstep",
    "plot_modes",
    "plot_overfitting",
    "plot_paths",
    "screen",
]
