"""Tell four clouds of points apart: one logit a class, softmax to probabilities, argmax to a label.

python experiments/blobs.py                           2-8-8-4 with ReLU: over 99 % of the tests right
python experiments/blobs.py --compare linear,relu     straight boundaries do here: not so with circles
python experiments/blobs.py --backend both            tinynn and PyTorch, epoch by epoch
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
from experiments.common.contender import Contender
from experiments.common.experiment import Config, Preset
from experiments.common.models import blob_models
from experiments.common.plane import PlaneExperiment
from experiments.common.reports import class_report
from experiments.common.tasks import MultiClassification

CLASSES = 4
SPLIT_SEED = 42


@dataclass(frozen=True)
class BlobsConfig(Config):
    """A run on the blobs."""

    samples: int
    spread: float


# fmt: off
OWN = {"samples": 1_000, "spread": 1.5, "optimizer": "sgd", "lr": 0.1, "epochs": 500}

PRESETS = {
    "relu":   Preset("2-8-8-4 ReLU",   "boundaries can bend",         **OWN),
    "linear": Preset("2-8-8-4 linear", "straight boundaries do here", **OWN),
}
# fmt: on


class Blobs(PlaneExperiment):
    """Four round clouds of points, and a model that returns a logit for each."""

    program = "blobs.py"
    title = "Blobs"
    description = "Tell four clouds of points apart: on tinynn, PyTorch, or both."
    presets = PRESETS
    default_model = "relu"
    config_type = BlobsConfig
    guessing = 100 / CLASSES

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        own = "(default: the model's own)"
        about_samples = f"points, a fifth of them kept for testing {own}"
        about_spread = f"standard deviation of the points around their centre {own}"
        parser.add_argument("--samples", type=integer(20), metavar="N", help=about_samples)
        parser.add_argument("--spread", type=number(0, 100), help=about_spread)

    def data(self, config: BlobsConfig) -> data.Split:
        return data.blobs(config.samples, CLASSES, config.spread, SPLIT_SEED)

    def describe_data(self, config: BlobsConfig) -> str:
        return f"{config.samples:,} points in {CLASSES} clouds, spread {config.spread:g}"

    def task(self, backend: ModuleType, config: BlobsConfig) -> MultiClassification:
        return MultiClassification(backend)

    def model(self, backend: ModuleType, config: BlobsConfig) -> Any:
        return blob_models(backend)[config.model](CLASSES)

    def report(self, contender: Contender) -> str:
        return class_report(contender, [f"class {label}" for label in range(CLASSES)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    return program.main(Blobs(), arguments)


if __name__ == "__main__":
    sys.exit(main())
