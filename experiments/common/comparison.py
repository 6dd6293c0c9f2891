"""Trains several models of an experiment under the same conditions and draws them side by side."""

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from experiments.common import cli
from experiments.common.checkpoint import check_identity, identity
from experiments.common.contender import Contender
from experiments.common.experiment import Experiment
from experiments.common.options import EVERY_FEW_SECONDS, Every
from experiments.common.run import Run
from experiments.common.run_folder import RunFolder

SUMMARY = "comparison.json"


class Comparison:
    """A Run for each of `models`, in a folder of its own, with the settings of `config`; then one picture."""

    def __init__(
        self,
        experiment: Experiment,
        models: Sequence[str],
        config: Any,
        backends: Sequence[ModuleType],
        folder: RunFolder,
        console: cli.Console,
        plots: Any,
        checkpoint_every: Every = EVERY_FEW_SECONDS,
    ) -> None:
        self.experiment = experiment
        self.models = models
        self.config = config
        self.backends = backends
        self.folder = folder
        self.console = console
        self.plots = plots
        self.checkpoint_every = checkpoint_every
        self.identity = identity(experiment, backends, config) | {"model": ",".join(models)}
        self.runs: list[Run] = []

    def execute(self, resume: bool = False) -> int:
        """Train every model, draw and print the comparison; returns the exit code."""
        if resume and self.is_finished():
            self.console.conclude(
                f"The comparison in {self.folder.path} is finished; there is nothing to resume."
            )
            return cli.EXIT_OK
        self.folder.remove(SUMMARY)  # says that a comparison is finished
        code = cli.EXIT_OK
        for model in self.models:
            run = self.new_run(model)
            self.runs.append(run)
            code = max(code, run.execute(resume, part_of_more=True))
            if code == cli.EXIT_INTERRUPTED:
                return code
            self.console.say()
        self.draw()
        self.conclude()
        self.write_summary()
        for run in self.runs:
            run.checkpoints.clear()
        return code

    def is_finished(self) -> bool:
        """Whether an earlier comparison in this folder came to its end; UserError if it was another one."""
        content = self.folder.read_json(SUMMARY)
        if content is None:
            return False
        check_identity(content["run"], self.identity, f"The comparison in {self.folder.path}")
        return True

    def new_run(self, model: str) -> Run:
        """The Run of a model, to be executed before the next is made: its random numbers start here."""
        folder = RunFolder(self.folder.path / model)
        config = replace(self.config, model=model)
        return Run(
            self.experiment,
            config,
            self.backends,
            folder,
            self.console,
            self.plots,
            self.checkpoint_every,
        )

    def sides(self) -> list[tuple[str, list[Contender]]]:
        """For each backend its name, and its contender in every run."""
        teams = zip(*(run.contenders for run in self.runs), strict=True)
        return [(team[0].name, list(team)) for team in teams]

    def draw(self) -> None:
        """Write `comparison.png`, or with two backends one for each."""
        experiment, config, first = self.experiment, self.config, self.runs[0]
        for backend, team in self.sides():
            panels = [
                panel
                for run, contender in zip(self.runs, team, strict=True)
                for panel in experiment.comparison_panels(run, contender)
            ]
            how = f"{config.optimizer}, lr {config.lr:g}, {config.epochs:,} epochs each, on {backend}"
            figure = self.plots.plot_comparison(
                {contender.config.model: contender.history for contender in team},
                first.metric,
                f"{experiment.title}: {' against '.join(self.models)} ({how})",
                panels,
                experiment.guessing,
            )
            self.folder.write_figure(first.file_name("comparison.png", team[0]), figure)
            self.plots.done_with(figure)

    def conclude(self) -> None:
        """Print a line for each model."""
        width = max(map(len, self.models))
        for run in self.runs:
            for contender in run.contenders:
                self.console.conclude(f"{run.config.model:<{width}}  {run.result_line(contender)}")
        self.console.conclude(
            f"In {self.folder.path}: {', '.join(self.folder.files)}, and a folder for each model"
        )

    def write_summary(self) -> None:
        """Write every model's result; that makes a comparison finished."""
        final = {
            backend: {contender.config.model: contender.result() for contender in team}
            for backend, team in self.sides()
        }
        self.folder.write_json(SUMMARY, {"run": self.identity, "final": final})
