"""Several trainings in one program: of variants, optimizers or folds, over seeds; mean and spread come out.

A program that is not a single Run (run.py) does its work inside `with open_study(parser, given) as study:`.
With `--backend both` every training is done on both backends in lockstep, and compared.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from experiments.common import cli
from experiments.common.backends import load_backends, require, versions
from experiments.common.contender import Contender
from experiments.common.experiment import Config, Experiment
from experiments.common.lockstep import Bound, Lockstep, brief
from experiments.common.run_folder import RunFolder
from experiments.common.training import EpochMetrics

Key = TypeVar("Key")
Team = list[Contender]  # one training, by each backend
Round = Mapping[str, Team]  # a training for each variant, with the same seed or on the same fold

SUMMARY = "metrics.json"
ABOUT_WHERE = {"backend", "out", "show", "quiet"}  # options that do not decide numbers


class Spread(NamedTuple):
    """Mean and standard deviation (with n - 1; 0 if n = 1) of some numbers."""

    mean: float
    deviation: float

    def text(self, digits: int) -> str:
        """`85.7 ± 2.0`."""
        return f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}"

    def signed_text(self, digits: int) -> str:
        """`+1.3 ± 2.0`, for differences."""
        return f"{self.mean:+z.{digits}f} ± {self.deviation:.{digits}f}"


def spread(values: Sequence[float]) -> Spread:
    """Of at least one number; nan if one of them is."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return Spread(float(np.mean(values)), float(deviation))


@contextmanager
def open_study(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Iterator["Study"]:
    """Check everything that can be wrong before anything is computed; at the end show the windows, if any."""
    require(("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("tqdm", "tqdm"))
    backends = load_backends(given.backend, given.device, given.dtype)
    folder = RunFolder(given.out or Path("runs", folder_name(parser, given)))
    console = cli.Console(given.quiet)

    # matplotlib takes a second to load, which `--help` and a wrong option should not wait for.
    from experiments.common import plots

    with plots.screen(given.show, console.conclude):
        yield Study(backends, folder, console, plots)


def folder_name(parser: argparse.ArgumentParser, given: argparse.Namespace) -> str:
    """Names a folder: program, backend, and what is not the default: `optimizers-torch-epochs50`."""
    changed = [
        f"{name}{value}"
        for name, value in vars(given).items()
        if name not in ABOUT_WHERE and value != parser.get_default(name)
    ]
    return "-".join([Path(parser.prog).stem, given.backend, *changed]).replace("_", "").replace(":", "")


class Study:
    """What a program trains with, on one backend or two, and the folder for what comes out.

    `plots` is the package `experiments.common.plots`.
    """

    def __init__(
        self, backends: Sequence[ModuleType], folder: RunFolder, console: cli.Console, plots: Any
    ) -> None:
        self.backends = backends
        self.folder = folder
        self.console = console
        self.plots = plots
        self.differences: list[float] = []  # with two backends, the parameters' largest in each training
        self.interrupted = False
        self._progress: Iterator[int] = iter(())
        folder.remove(SUMMARY)  # says that a study is finished

    def introduce(self, given: argparse.Namespace, **facts: str) -> None:
        """Print what is about to happen, in a line each."""
        used = ", ".join(f"{name} {version}" for name, version in versions(*self.backends).items())
        names = " and ".join(backend.__name__ for backend in self.backends)
        lines = {"Backend": f"{names} on {given.device}, {given.dtype}", "Versions": used, **facts}
        self.console.say("".join(f"{name:<10}{text}\n" for name, text in lines.items()))

    # --- training

    def rounds(self, keys: Sequence[Key], train: Callable[[Key], Any], epochs: int) -> dict[Key, Any]:
        """`train(key)` for each of the keys, with a progress bar over so many epochs in all.

        Ctrl-C leaves the round it falls into away; the study goes on with those before, if there are any.
        """
        done = {}
        self._progress = self.console.epochs(epochs)
        next(self._progress)
        try:
            for key in keys:
                done[key] = train(key)
        except KeyboardInterrupt:
            if not done:
                raise
            self.interrupted = True
        finally:
            self._progress.close()
        if self.interrupted:
            self.console.conclude(
                f"\nInterrupted: the results are those of {len(done)} of {len(keys)} rounds."
            )
        return done

    def begin(self, experiment: Experiment, config: Config) -> Team:
        """Untrained contenders, to be trained before the next: their random numbers start here."""
        split = experiment.data(config)
        return [Contender(backend, experiment, config, split) for backend in self.backends]

    def train(self, team: Team) -> Team:
        """Train the contenders to their end, in lockstep if there are two; returns them."""
        trainers = [contender.trainer for contender in team]
        lockstep = Lockstep(*trainers) if len(trainers) == 2 else None
        for _ in range(team[0].config.epochs):
            (lockstep or trainers[0]).run_epoch()
            next(self._progress, None)
        if lockstep:
            self.differences.append(lockstep.largest("parameters"))
        return team

    def sides(self, rounds: Mapping[Any, Round]) -> dict[str, dict[str, list[Contender]]]:
        """For each backend and variant, its contender in every round."""
        variants = list(next(iter(rounds.values())))
        return {
            backend.__name__: {name: [teams[name][i] for teams in rounds.values()] for name in variants}
            for i, backend in enumerate(self.backends)
        }

    # --- what comes out

    def file_name(self, name: str, backend: str) -> str:
        """`paths.png`, or with two backends `paths-torch.png`."""
        path = Path(name)
        return name if len(self.backends) == 1 else f"{path.stem}-{backend}{path.suffix}"

    def draw(self, name: str, figure: Any) -> None:
        """Write a figure into the folder."""
        self.folder.write_figure(name, figure)
        self.plots.done_with(figure)

    def write_results(self, backend: str, contenders: Mapping[str, Sequence[Contender]]) -> None:
        """Tables of what came of every training, and of every epoch of it."""
        trained = [(name, contender) for name, team in contenders.items() for contender in team]
        metric = trained[0][1].task.metric
        results = [(name, contender.config.seed, contender.result()) for name, contender in trained]
        self.folder.write_csv(
            self.file_name("results.csv", backend),
            ("name", "seed", *results[0][2]),
            [(name, seed, *result.values()) for name, seed, result in results],
        )
        self.folder.write_csv(
            self.file_name("epochs.csv", backend),
            ("name", "seed", *EpochMetrics.names(metric)),
            [
                (name, contender.config.seed, *astuple(metrics))
                for name, contender in trained
                for metrics in contender.history
            ],
        )

    def write_summary(self, given: argparse.Namespace, final: Mapping[str, Mapping[str, float]]) -> None:
        """Write, last of all, the numbers a study is quoted by: for each backend, by name."""
        options = {name: value for name, value in vars(given).items() if name not in ABOUT_WHERE}
        content = {
            "options": options,
            "versions": versions(*self.backends),
            "interrupted": self.interrupted,
            "final": final,
        }
        if self.differences:
            content["parameter_differences"] = self.differences
        self.folder.write_json(SUMMARY, content)

    def conclude(self, bound: Bound, dtype: str) -> int:
        """Print where the results are and, of two backends, the verdict; returns the exit code."""
        self.console.conclude(f"In {self.folder.path}: {', '.join(self.folder.files)}")
        holds = not self.differences or self._conclude_lockstep(bound, dtype)
        if self.interrupted:
            return cli.EXIT_INTERRUPTED
        return cli.EXIT_OK if holds else cli.EXIT_FAILED

    def _conclude_lockstep(self, bound: Bound, dtype: str) -> bool:
        """Print how far the two are apart and the verdict; returns whether parity holds.

        Of many trainings in float32 a few come so close to a kink of ReLU that a rounding decides the side,
        and go another way from there, PyTorch against itself too: there the median training is judged.
        """
        median, largest = float(np.median(self.differences)), max(self.differences)
        judged, which = (largest, "all") if dtype == "float64" else (median, "the median training")
        holds = judged <= bound.value
        self.console.say(f"The bound is {brief(bound.value)} for {dtype}, because {bound.reason}.")
        self.console.conclude(
            f"Verdict: parity {'holds' if holds else 'fails'}: parameters differ by {brief(median)} in the"
            f" median of {len(self.differences)} trainings, by at most {brief(largest)}"
            f" (bound for {which} {brief(bound.value)}, {dtype})"
        )
        return holds
