"""Cases for images read at random or chosen places: fractional pools, grids, and reading at their points."""

import itertools

import numpy as np

from parity_tests.harness import Case, normal, values

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
ALIGNED = (True, False)
# On pixels, between them, on the edges and far outside; not on the kinks of the derivative.
POINTS = values(np.random.default_rng(0).uniform(-2.2, 2.2, (2, 3, 4, 2)))
POINTS_3D = values(np.random.default_rng(0).uniform(-2.2, 2.2, (1, 2, 3, 4, 3)))
EDGES = values([[[[-1.0, 1.0], [0.0, 0.0], [1.0, -1.0], [7.0, -7.0]]]])


def grid_samples(name, inputs, modes):
    for mode, padding, aligned in itertools.product(modes, PADDINGS, ALIGNED):
        yield Case(
            f"grid_sample {name} {mode} {padding} {aligned}",
            lambda torch, x, grid, settings=(mode, padding, aligned): torch.nn.functional.grid_sample(
                x, grid, *settings
            ),
            *inputs,
            scaled=True,
        )


def drawn(function, *settings, **options):
    """A function of nn.functional after the same seed, and what the generator gives next."""
    return lambda torch, x: (
        torch.manual_seed(3),
        getattr(torch.nn.functional, function)(x, *settings, **options),
        torch.rand(3),
    )[1:]


TIES = values(np.random.default_rng(1).integers(0, 3, (2, 2, 5, 6)).astype(float))
WITH_NAN = values([[[[1.0, float("nan"), 2.0, 3.0], [float("nan"), 0.0, 1.0, 5.0], [7.0, 1.0, 1.0, 2.0]]]])

# ruff: noqa: E501 - a case is a line
LOST = values([[[[np.nan, 0.0], [np.inf, 0.0], [-np.inf, 0.3], [0.0, np.nan], [1e20, 0.0], [0.1, 0.2]]]])

# fmt: off
CASES = [
    *grid_samples("2-d", (normal(2, 3, 4, 5), POINTS), MODES),
    *grid_samples("3-d", (normal(1, 2, 3, 4, 5), POINTS_3D), ("bilinear", "nearest")),
    *grid_samples("edges", (normal(1, 2, 4, 5).constant, EDGES.constant), MODES),
    *grid_samples("lost", (normal(1, 2, 4, 5).constant, LOST.constant), MODES),
    *grid_samples("pixel", (normal(1, 2, 1, 1), EDGES.constant), MODES),
    Case("affine_grid", lambda torch, x: torch.nn.functional.affine_grid(x, (2, 3, 4, 5), False), normal(2, 2, 3), scaled=True),
    Case("affine_grid aligned", lambda torch, x: torch.nn.functional.affine_grid(x, (2, 3, 4, 5), True), normal(2, 2, 3), scaled=True),
    Case("affine_grid 3-d", lambda torch, x: torch.nn.functional.affine_grid(x, (1, 1, 3, 4, 5), True), normal(1, 3, 4), scaled=True),
    Case("fractional 2-d", drawn("fractional_max_pool2d", (2, 3), (3, 2), return_indices=True), normal(2, 3, 7, 8)),
    Case("fractional 2-d ratio", drawn("fractional_max_pool2d", 2, output_ratio=(0.6, 0.4)), normal(3, 7, 8)),
    Case("fractional 2-d ties", drawn("fractional_max_pool2d", 2, 3, return_indices=True), TIES),
    Case("fractional 2-d nan", drawn("fractional_max_pool2d", 2, 2, return_indices=True), WITH_NAN),
    Case("fractional 2-d one", drawn("fractional_max_pool2d", 3, 1), normal(2, 3, 7, 8)),
    Case("fractional 3-d", drawn("fractional_max_pool3d", (2, 3, 1), (3, 2, 4), return_indices=True), normal(2, 2, 5, 6, 7)),
    Case("fractional 3-d ratio", drawn("fractional_max_pool3d", 2, output_ratio=0.6), normal(2, 5, 6, 7)),
    Case("fractional none", drawn("fractional_max_pool2d", 2, 3), normal(0, 3, 7, 8)),
]
# fmt: on
