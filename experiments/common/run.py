"""One run of an experiment: train on one backend or on both in lockstep, print, draw, write, resume."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.common import cli
from experiments.common.checkpoint import Checkpoint, Checkpoints, check_identity
from experiments.common.contender import Contender
from experiments.common.experiment import Experiment
from experiments.common.lockstep import Lockstep, brief
from experiments.common.options import EVERY_FEW_SECONDS, Every
from experiments.common.run_folder import RunFolder
from experiments.common.training import EpochMetrics


@dataclass(frozen=True)
class Training:
    """How the training loop went."""

    epochs: int
    seconds: float
    interrupted: bool


class Run:
    """One run of an experiment with one or two contenders: `execute` is the whole of it.

    `plots` is the package `experiments.common.plots`, which only a run imports.
    """

    def __init__(
        self,
        experiment: Experiment,
        config: Any,
        backends: Sequence[ModuleType],
        folder: RunFolder,
        console: cli.Console,
        plots: Any,
        checkpoint_every: Every = EVERY_FEW_SECONDS,
    ) -> None:
        self.experiment = experiment
        self.config = config
        self.preset = experiment.presets[config.model]
        self.folder = folder
        self.console = console
        self.plots = plots
        self.split = experiment.data(config)
        self.contenders = [Contender(backend, experiment, config, self.split) for backend in backends]
        self.metric = self.contenders[0].task.metric
        trainers = [contender.trainer for contender in self.contenders]
        self.lockstep = Lockstep(*trainers) if len(trainers) == 2 else None
        self.study = self.lockstep or trainers[0]
        self.checkpoints = Checkpoints(folder, self.contenders, self.lockstep, checkpoint_every)

    def execute(self, resume: bool = False, part_of_more: bool = False) -> int:
        """Train, write every file, print what came out; returns the exit code.

        With `resume` it goes on where an earlier run in this folder was left, and if that was at its end does
        nothing. A run that is `part_of_more` has to be there in any case, and keeps its last checkpoint so
        that a later one need not train again.
        """
        if resume and not part_of_more and self.is_finished():
            self.console.conclude(f"The run in {self.folder.path} is finished; there is nothing to resume.")
            return cli.EXIT_OK
        checkpoint = self.checkpoints.newest(self.console) if resume else None
        self.folder.remove("metrics.json")  # says that a run is finished
        if not resume and self.checkpoints.epochs():
            self.console.say("An interrupted run is left behind here: --resume would have gone on with it.\n")
            self.checkpoints.clear()
        self.console.say(self.header())
        self.experiment.draw_before(self)
        if resume:
            self.go_on_from(checkpoint)
        training = self.train(checkpoint.seconds if checkpoint else 0.0)
        keep_checkpoint = part_of_more or training.interrupted
        if keep_checkpoint:
            self.checkpoints.write(training.epochs, training.seconds)
        self.experiment.draw_after(self)
        self.draw_histories()
        self.write_numbers(training)
        if not keep_checkpoint:
            self.checkpoints.clear()
        return self.conclude(training)

    def is_finished(self) -> bool:
        """Whether an earlier run in this folder came to its end; UserError if that had other options."""
        content = self.folder.read_json("metrics.json")
        if content is None or content["training"]["interrupted"] or self.checkpoints.epochs():
            return False
        check_identity(content["run"], self.checkpoints.identity, f"The run in {self.folder.path}")
        return True

    def go_on_from(self, checkpoint: Checkpoint | None) -> None:
        """Bring the contenders to where they were when the checkpoint was written, and say so."""
        if checkpoint is None:
            self.console.conclude(f"No checkpoint in {self.folder.path}: starting from the beginning.")
        else:
            self.checkpoints.restore(checkpoint)
            self.console.say(f"Resuming after epoch {checkpoint.epochs:,}, from {self.folder.path}")
            if checkpoint.versions != self.checkpoints.versions:
                self.console.say("Other versions wrote that: numbers may differ in their last bits.")
        self.console.say()

    # --- training

    def train(self, seconds: float) -> Training:
        """Run the epochs that are left, printing a line every tenth of all and for the last.

        `seconds` were spent on those before. Ctrl-C ends after its epoch.
        """
        epochs, done = self.config.epochs, len(self.contenders[0].history)
        every = max(1, epochs // 10)
        start = time.perf_counter() - seconds
        with cli.Interrupt() as interrupt:
            for epoch in self.console.epochs(epochs, start=done):
                report = self.study.run_epoch()
                done += 1
                if epoch % every == 0 or done == epochs:
                    self.console.say(report.line(self.metric))
                if interrupt.requested:
                    break
                self.checkpoints.epoch_done(done, time.perf_counter() - start)
        return Training(done, time.perf_counter() - start, interrupted=done < epochs)

    # --- printing

    def header(self) -> str:
        """What is about to happen, in a line each."""
        config, preset, split = self.config, self.preset, self.split
        model = self.contenders[0].model
        parameters = sum(parameter.numel() for parameter in model.parameters())
        points = f"{len(split.y_train):,} to train, {len(split.y_test):,} to test"
        batches = f"minibatches of {config.batch_size}" if config.batch_size else "full batch"
        lines = {
            "Backend": f"{self.backends()} on {config.device}, {config.dtype}, seed {config.seed}",
            "Versions": ", ".join(f"{name} {version}" for name, version in self.checkpoints.versions.items()),
            "Model": f"{config.model}: {preset.layers}, {parameters:,} parameters ({preset.lesson})",
            "Data": f"{self.experiment.describe_data(config)}: {points}",
            "Training": f"{config.optimizer} with lr {config.lr:g}, {config.epochs:,} epochs, {batches}",
        }
        return "".join(f"{name:<10}{text}\n" for name, text in lines.items())

    def backends(self) -> str:
        """The contenders' names: `tinynn`, or `tinynn and torch`."""
        return " and ".join(contender.name for contender in self.contenders)

    def conclude(self, training: Training) -> int:
        """Print what came out; returns the exit code."""
        console = self.console
        console.say()
        if training.interrupted:
            done, wanted = f"{training.epochs:,}", f"{self.config.epochs:,}"
            console.conclude(f"Interrupted: the results are those of {done} of {wanted} epochs.")
            console.conclude("The same command with --resume goes on from here.")
        for contender in self.contenders:
            console.conclude(self.result_line(contender))
            if not math.isfinite(contender.history[-1].loss):
                console.conclude("The loss is not a number any more: training diverged; try a smaller --lr.")
        console.say("(Loss is the last training step's; the other three are the trained model's.)")
        console.say("The model was saved, read back, and gives the same outputs.")
        milliseconds = 1000 * training.seconds / training.epochs
        console.say(f"Trained in {training.seconds:.2f} s, {milliseconds:.3g} ms an epoch.")
        console.conclude(f"In {self.folder.path}: {', '.join(self.folder.files)}")
        parity = self.lockstep is None or self.conclude_lockstep(self.lockstep)
        if training.interrupted:
            return cli.EXIT_INTERRUPTED
        return cli.EXIT_OK if parity else cli.EXIT_FAILED

    def result_line(self, contender: Contender) -> str:
        """What a contender reached, in the words of the epochs' lines."""
        result, metric = contender.result(), self.metric
        return (
            f"Result of {contender.name} after {len(contender.history):,} epochs"
            f" | Loss: {result['loss']:.5f}, {metric.text(result[f'train_{metric.name}'])}"
            f" | Test Loss: {result['test_loss']:.5f}, Test {metric.text(result[f'test_{metric.name}'])}"
        )

    def conclude_lockstep(self, lockstep: Lockstep) -> bool:
        """Print where the two first part and the verdict; returns whether parity holds."""
        console, dtype = self.console, self.config.dtype
        bound, largest = self.experiment.bounds[dtype], lockstep.largest("parameters")
        holds = largest <= bound.value
        console.say(f"First difference: {lockstep.parting or 'none, every bit agrees'}")
        console.say(f"The bound is {brief(bound.value)} for {dtype}, because {bound.reason}.")
        if not holds and dtype == "float32":
            console.conclude("Is it rounding, or a real difference? --dtype float64 tells.")
        console.conclude(
            f"Verdict: parity {'holds' if holds else 'fails'}: "
            f"largest parameter difference {brief(largest)} (bound {brief(bound.value)}, {dtype})"
        )
        return holds

    # --- files

    def file_name(self, name: str, contender: Contender) -> str:
        """`metrics.csv`, or with two contenders `metrics-torch.csv`."""
        path = Path(name)
        return name if self.lockstep is None else f"{path.stem}-{contender.name}{path.suffix}"

    def draw(self, name: str, figure: Any) -> None:
        """Write a figure into the folder."""
        self.folder.write_figure(name, figure)
        self.plots.done_with(figure)

    def draw_histories(self) -> None:
        """Write the curves of each contender, and with two of them the comparison."""
        config = self.config
        how = f"{config.optimizer}, lr {config.lr:g}, {config.dtype}"
        what = f"{self.experiment.title}, model {config.model}"
        for contender in self.contenders:
            title = f"{what} on {contender.name}: {how}"
            figure = self.plots.plot_curves(contender.history, self.metric, title, self.experiment.guessing)
            self.draw(self.file_name("curves.png", contender), figure)
        if self.lockstep:
            names = [contender.name for contender in self.contenders]
            title = f"{what} on {self.backends()} in lockstep: {how}"
            bound = self.experiment.bounds[config.dtype]
            self.draw("lockstep.png", self.plots.plot_lockstep(self.lockstep, names, bound, title))

    def write_numbers(self, training: Training) -> None:
        """Write every epoch's metrics, report, model, and last the summary: with it a run is finished."""
        for contender in self.contenders:
            table = map(astuple, contender.history)
            self.folder.write_csv(
                self.file_name("metrics.csv", contender), EpochMetrics.names(self.metric), table
            )
            self.save_model(contender)
            self.write_report(contender)
        summary = {
            "run": self.checkpoints.identity,
            "config": asdict(self.config),
            "versions": self.checkpoints.versions,
            "training": asdict(training),
            "final": {contender.name: contender.result() for contender in self.contenders},
            "history": {
                contender.name: [metrics.named(self.metric) for metrics in contender.history]
                for contender in self.contenders
            },
        }
        if self.lockstep:
            self.folder.write_csv("lockstep.csv", *self.lockstep.table())
            summary["lockstep"] = self.lockstep.summary(self.experiment.bounds[self.config.dtype])
        self.folder.write_json("metrics.json", summary)

    def write_report(self, contender: Contender) -> None:
        """Print and write what the experiment has to say about the trained model."""
        text = self.experiment.report(contender)
        if text is not None:
            self.console.say(f"\n{text}")
            self.folder.write_text(self.file_name("report.txt", contender), text + "\n")

    def save_model(self, contender: Contender) -> None:
        """Write the model, read it back into a fresh one, and make sure it gives the same test outputs."""
        name = self.file_name("model.pth", contender)
        self.folder.write_model(name, contender.backend, contender.model)
        reloaded = contender.new_model()
        self.folder.load_model(name, contender.backend, reloaded)
        if not contender.answers_like(reloaded):
            raise RuntimeError(
                f"{self.folder.path / name}: the model read back gives other outputs than the one saved"
            )
