"""Fit a straight line with the network that cannot tell circles apart: there its data is to blame.

python experiments/regression.py                   mean absolute error (L1)
python experiments/regression.py --loss mse        mean squared error
python experiments/regression.py --backend both    tinynn and PyTorch, epoch by epoch
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
from experiments.common.experiment import Config, Experiment, Preset
from experiments.common.models import line_model
from experiments.common.run import Run
from experiments.common.tasks import Regression

WEIGHT, BIAS, STEP = 0.7, 0.3, 0.01
LOSSES = {"l1": "L1Loss", "mse": "MSELoss"}


@dataclass(frozen=True)
class LineConfig(Config):
    """A run on the straight line."""

    loss: str


class Line(Experiment):
    """Points on a straight line; the model learns its left four fifths and goes on from there."""

    program = "regression.py"
    title = "Straight line"
    description = "Fit a straight line with linear layers: on tinynn, PyTorch, or both."
    presets = {
        "line": Preset(
            "1-10-10-1 linear", "a line is all it can be", optimizer="sgd", lr=0.01, epochs=1_000, loss="l1"
        )
    }
    default_model = "line"
    config_type = LineConfig

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--loss", choices=LOSSES, help="mean absolute or squared error (default: l1)")

    def data(self, config: LineConfig) -> data.Split:
        return data.straight_line(WEIGHT, BIAS, STEP)

    def describe_data(self, config: LineConfig) -> str:
        return f"{round(1 / STEP)} points on y = {WEIGHT:g} x + {BIAS:g}"

    def task(self, backend: ModuleType, config: LineConfig) -> Regression:
        return Regression(backend, getattr(backend.nn, LOSSES[config.loss])())

    def model(self, backend: ModuleType, config: LineConfig) -> Any:
        return line_model(backend)

    def draw_before(self, run: Run) -> None:
        draw_predictions(run, "predictions_before.png", "before training")

    def draw_after(self, run: Run) -> None:
        epochs = len(run.contenders[0].history)
        draw_predictions(
            run, "predictions_after.png", f"after {epochs:,} epochs of {LOSSES[run.config.loss]}"
        )


def draw_predictions(run: Run, name: str, when: str) -> None:
    """Write what the models, as they are now, say of all the points."""
    predictions = {contender.name: contender.interpret for contender in run.contenders}
    title = f"y = {WEIGHT:g} x + {BIAS:g}, and what a linear network makes of it {when}"
    run.draw(name, run.plots.plot_line(run.split, predictions, title))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    return program.main(Line(), arguments)


if __name__ == "__main__":
    sys.exit(main())
