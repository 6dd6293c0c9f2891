"""Train a small network to tell two circles of points apart: on tinynn, on PyTorch, or on both side by side.

    python experiments/circles.py                               10,000 points, over 99 % of the tests right
    python experiments/circles.py --model v0                    a linear model, and why it fails
    python experiments/circles.py --compare v0,v1,v2            why it takes a non-linearity, in one picture
    python experiments/circles.py --model v2 --backend torch    the same program on PyTorch
    python experiments/circles.py --model v2 --backend both     are the two the same, epoch by epoch?

Model, loop, metrics and pictures are written once, against PyTorch's API; the backend is a module passed in.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import data, program
from experiments.common.cli import integer, number
from experiments.common.experiment import Config, Preset
from experiments.common.models import circle_models
from experiments.common.plane import PlaneExperiment
from experiments.common.tasks import BinaryClassification


@dataclass(frozen=True)
class CirclesConfig(Config):
    """A run on the circles."""

    samples: int
    noise: float
    split_seed: int


# fmt: off
SMALL = {"samples":  1_000, "noise": 0.03, "split_seed": 42, "optimizer": "sgd"}
LARGE = {"samples": 10_000, "noise": 0.02, "split_seed": 34, "optimizer": "adam"}

PRESETS = {
    "v0":     Preset("2-5-1 linear",     "a line cannot part circles",    **SMALL, epochs=100),
    "v1":     Preset("2-10-10-1 linear", "deeper, and still a line",      **SMALL, epochs=1_000),
    "v2":     Preset("2-10-10-1 ReLU",   "v1 with ReLU: the line bends",  **SMALL, epochs=3_000),
    "binary": Preset("2-10-10-1 ReLU",   "more points, and Adam: faster", **LARGE, epochs=100),
}
# fmt: on
PRESETS |= {f"{name}-sequential": PRESETS[name] for name in ("v0", "v1", "v2")}  # the same, written shorter


class Circles(PlaneExperiment):
    """Two circles, one inside the other, and models with and without a non-linearity."""

    program = "circles.py"
    title = "Circles"
    description = "Train a small network to tell two circles of points apart: on tinynn, PyTorch, or both."
    presets = PRESETS
    default_model = "binary"
    config_type = CirclesConfig
    guessing = 50

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        own = "(default: the model's own)"
        about_samples = f"points, a fifth of them kept for testing {own}"
        about_noise = f"standard deviation of the points around their circle {own}"
        parser.add_argument("--samples", type=integer(10), metavar="N", help=about_samples)
        parser.add_argument("--noise", type=number(0, 100), help=about_noise)

    def data(self, config: CirclesConfig) -> data.Split:
        return data.circles(config.samples, config.noise, config.split_seed)

    def describe_data(self, config: CirclesConfig) -> str:
        return f"{config.samples:,} points on two circles, noise {config.noise:g}"

    def task(self, backend: ModuleType, config: CirclesConfig) -> BinaryClassification:
        return BinaryClassification(backend)

    def model(self, backend: ModuleType, config: CirclesConfig) -> Any:
        return circle_models(backend)[config.model]()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    return program.main(Circles(), arguments)


if __name__ == "__main__":
    sys.exit(main())
