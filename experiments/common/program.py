"""The program that every experiment is: reads the command line, checks it, runs or compares."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from experiments.common import cli, torchrun
from experiments.common.backends import load_backends, require
from experiments.common.comparison import Comparison
from experiments.common.experiment import Experiment
from experiments.common.run import Run
from experiments.common.run_folder import RunFolder


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> int:
    """Run an experiment with command line `arguments`; returns the exit code."""
    parser = experiment.parser()
    if torchrun.is_follower():
        return torchrun.follow(experiment, parser, arguments)
    given = parser.parse_args(arguments)
    return cli.run(experiment.program, lambda: start(experiment, given))


def start(experiment: Experiment, given: argparse.Namespace) -> int:
    """Check everything that can be wrong before anything is computed, then execute what is asked for."""
    require(("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("tqdm", "tqdm"))
    models, config = experiment.models(given), experiment.config(given)
    backends = load_backends(given.backend, config.device, config.dtype)
    folder = RunFolder(given.out or Path("runs", experiment.run_name(models, config, given.backend)))
    console = cli.Console(given.quiet)

    # matplotlib takes a second to load, which `--help` and a wrong option should not wait for.
    from experiments.common import plots

    with plots.screen(given.show, console.conclude), torchrun.leading(backends, config.device, console):
        surroundings = (backends, folder, console, plots, given.checkpoint_every)
        if len(models) > 1:
            return Comparison(experiment, models, config, *surroundings).execute(given.resume)
        return Run(experiment, config, *surroundings).execute(given.resume)
