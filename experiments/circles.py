"""Train a small network to tell two circles of points apart: on tinynn, on PyTorch, or on both side by side.

    python experiments/circles.py                               10,000 points, over 99 % of the tests right
    python experiments/circles.py --model v0                    a linear model, and why it fails
    python experiments/circles.py --model v2 --backend torch    the same program on PyTorch
    python experiments/circles.py --model v2 --backend both     are the two the same, epoch by epoch?

Model, loop, metrics and pictures are written once, against PyTorch's API; the backend is a module passed in.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import cli
from experiments.common.backends import BACKENDS, DTYPES, check_device, load_backend, require, versions
from experiments.common.data import Split, circles, to_tensors
from experiments.common.lockstep import BOUNDS, Lockstep, brief
from experiments.common.models import circle_models
from experiments.common.run_folder import RunFolder
from experiments.common.tasks import BinaryClassification
from experiments.common.training import EpochMetrics, Evaluation, Trainer, evaluate

PROGRAM = "circles.py"
LEARNING_RATES = {"sgd": 0.1, "adam": 0.01}


@dataclass(frozen=True)
class Preset:
    """What `--model` names: an architecture, and the run it is studied with."""

    layers: str
    lesson: str
    samples: int
    noise: float
    optimizer: str
    epochs: int
    split_seed: int


# fmt: off
PRESETS = {
    "v0":     Preset("2-5-1 linear",     "a line cannot part circles",       1_000, 0.03, "sgd",    100, 42),
    "v1":     Preset("2-10-10-1 linear", "deeper, and still a line",         1_000, 0.03, "sgd",  1_000, 42),
    "v2":     Preset("2-10-10-1 ReLU",   "v1 with ReLU: the line bends",     1_000, 0.03, "sgd",  3_000, 42),
    "binary": Preset("2-10-10-1 ReLU",   "more points, and Adam: faster",   10_000, 0.02, "adam",   100, 34),
}
# fmt: on


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run, apart from the backend."""

    model: str
    optimizer: str
    lr: float
    epochs: int
    batch_size: int | None
    samples: int
    noise: float
    split_seed: int
    seed: int
    dtype: str
    device: str

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Config":
        """The options given, and the model's own where none is."""
        preset = PRESETS[options.model]
        optimizer = options.optimizer or preset.optimizer
        return cls(
            model=options.model,
            optimizer=optimizer,
            lr=options.lr or LEARNING_RATES[optimizer],
            epochs=options.epochs or preset.epochs,
            batch_size=options.batch_size,
            samples=options.samples or preset.samples,
            noise=preset.noise if options.noise is None else options.noise,
            split_seed=preset.split_seed,
            seed=options.seed,
            dtype=options.dtype,
            device=options.device,
        )

    def run_name(self, backend: str) -> str:
        """Names a folder: model, backend, and what is not the model's own: `circles-v2-torch-epochs500`."""
        own = asdict(Config.of(build_parser().parse_args(["--model", self.model])))
        changed = [f"-{name}{value}" for name, value in asdict(self).items() if value != own[name]]
        return f"circles-{self.model}-{backend}" + "".join(changed).replace("_", "").replace(":", "")


class Contender:
    """One backend's share of a run: its model (built right after `manual_seed`), its tensors, its trainer."""

    def __init__(self, backend: ModuleType, config: Config, split: Split) -> None:
        self.backend = backend
        self.name = backend.__name__
        self.config = config
        self.dtype = getattr(backend, config.dtype)
        self.task = BinaryClassification(backend)
        backend.manual_seed(config.seed)
        self.model = self.new_model()
        self.data = to_tensors(backend, split, config.dtype, config.device)
        optimizers = {"sgd": backend.optim.SGD, "adam": backend.optim.Adam}
        optimizer = optimizers[config.optimizer](self.model.parameters(), lr=config.lr)
        self.trainer = Trainer(self.task, self.model, optimizer, self.data, config.batch_size)

    def new_model(self) -> Any:
        """The model with fresh weights, of the run's dtype and on its device."""
        return circle_models(self.backend)[self.config.model]().to(
            device=self.config.device, dtype=self.dtype
        )

    def evaluate(self) -> tuple[Evaluation, Evaluation]:
        """The model as it is now, on the training and on the test points."""
        data = self.data
        train = evaluate(self.task, self.model, data.X_train, data.y_train)
        return train, evaluate(self.task, self.model, data.X_test, data.y_test)

    def probability(self, points: np.ndarray) -> np.ndarray:
        """P(class 1) at points (n, 2), as the model is now."""
        X = self.backend.from_numpy(points).type(self.dtype).to(self.config.device)
        return self.task.probability(self.model, X).cpu().numpy()

    def predict(self, evaluation: Evaluation) -> np.ndarray:
        """The labels the model gave, (n,)."""
        return self.task.predict(evaluation.logits).cpu().numpy()

    def result(self) -> dict[str, float]:
        """What a run is quoted by: the loss of its last training step, and how good the trained model is."""
        train, test = self.evaluate()
        return {
            "loss": self.trainer.history[-1].loss,
            "train_loss": train.loss,
            "train_acc": train.acc,
            "test_loss": test.loss,
            "test_acc": test.acc,
        }

    def save_model(self, folder: RunFolder, name: str) -> None:
        """Write the model, read it back into a fresh one, and make sure it gives the same test logits."""
        folder.write_model(name, self.model)
        reloaded = self.new_model()
        folder.load_model(name, self.backend, reloaded)
        points, labels = self.data.X_test, self.data.y_test
        saved, read = (evaluate(self.task, model, points, labels).logits for model in (self.model, reloaded))
        if not np.array_equal(saved.cpu().numpy(), read.cpu().numpy(), equal_nan=True):
            raise RuntimeError(
                f"{folder.path / name}: the model read back gives other logits than the one saved"
            )


@dataclass(frozen=True)
class Training:
    """How the training loop went."""

    epochs: int
    seconds: float
    interrupted: bool


def train(study: Trainer | Lockstep, epochs: int, console: cli.Console) -> Training:
    """Run the epochs, printing a line every tenth of them and for the last; Ctrl-C ends after its epoch."""
    every = max(1, epochs // 10)
    done = 0
    start = time.perf_counter()
    with cli.Interrupt() as interrupt:
        for epoch in console.epochs(epochs):
            report = study.run_epoch()
            done += 1
            if epoch % every == 0 or done == epochs:
                console.say(report.line())
            if interrupt.requested:
                break
    return Training(done, time.perf_counter() - start, interrupt.requested)


class Run:
    """One run of the experiment with one or two contenders: `execute` is the whole of it.

    `plots` is the module `experiments.common.plots`, which only a run imports: matplotlib is slow to load.
    """

    def __init__(
        self,
        config: Config,
        backends: Sequence[ModuleType],
        folder: RunFolder,
        console: cli.Console,
        plots: Any,
    ) -> None:
        self.config = config
        self.folder = folder
        self.console = console
        self.plots = plots
        self.split = circles(config.samples, config.noise, config.split_seed)
        self.contenders = [Contender(backend, config, self.split) for backend in backends]
        trainers = [contender.trainer for contender in self.contenders]
        self.lockstep = Lockstep(*trainers) if len(trainers) == 2 else None
        self.study = self.lockstep or trainers[0]

    def execute(self) -> int:
        """Train, write every file, print what came out; returns the exit code."""
        self.console.say(self.header())
        self.draw_data()
        self.draw_boundary("boundary_before.png", "before training")
        training = train(self.study, self.config.epochs, self.console)
        self.draw_boundary("boundary_after.png", f"after {training.epochs:,} epochs")
        self.draw_histories()
        self.write_numbers(training)
        return self.conclude(training)

    def header(self) -> str:
        """What is about to happen, in a line each."""
        config, preset = self.config, PRESETS[self.config.model]
        model = self.contenders[0].model
        parameters = sum(parameter.numel() for parameter in model.parameters())
        used = versions(*(contender.backend for contender in self.contenders))
        points = f"{len(self.split.y_train):,} to train, {len(self.split.y_test):,} to test"
        batches = f"minibatches of {config.batch_size}" if config.batch_size else "full batch"
        lines = {
            "Backend": f"{self.backends()} on {config.device}, {config.dtype}, seed {config.seed}",
            "Versions": ", ".join(f"{name} {version}" for name, version in used.items()),
            "Model": f"{config.model}: {preset.layers}, {parameters} parameters ({preset.lesson})",
            "Data": f"{config.samples:,} points on two circles, noise {config.noise:g}: {points}",
            "Training": f"{config.optimizer} with lr {config.lr:g}, {config.epochs:,} epochs, {batches}",
        }
        return "".join(f"{name:<10}{text}\n" for name, text in lines.items())

    def backends(self) -> str:
        """The contenders' names: `tinynn`, or `tinynn and torch`."""
        return " and ".join(contender.name for contender in self.contenders)

    def file_name(self, name: str, contender: Contender) -> str:
        """`metrics.csv`, or with two contenders `metrics-torch.csv`."""
        path = Path(name)
        return name if self.lockstep is None else f"{path.stem}-{contender.name}{path.suffix}"

    def draw_data(self) -> None:
        """Write `data.png`."""
        title = f"Two circles: {self.config.samples:,} points, noise {self.config.noise:g}"
        self.folder.write_figure("data.png", self.plots.plot_data(self.split, title))

    def draw_boundary(self, name: str, when: str) -> None:
        """Write the boundary as it is now: training beside test points, or one contender beside the other."""
        panels = []
        for contender in self.contenders:
            train, test = self.boundary_panels(contender)
            panels += [train, test] if self.lockstep is None else [test]
        title = f"Model {self.config.model} ({PRESETS[self.config.model].layers}) on {self.backends()} {when}"
        self.folder.write_figure(name, self.plots.plot_boundary(panels, title))

    def boundary_panels(self, contender: Contender) -> list[Any]:
        """A contender's training and test points over the probabilities it sees everywhere."""
        split = self.split
        shading = self.plots.probability_map(contender.probability, split)
        train, test = contender.evaluate()
        where = f" on {contender.name}" if self.lockstep else ""
        return [
            self.plots.BoundaryPanel(
                f"{kind} points{where}: {seen.acc:.2f} % right", shading, X, y, contender.predict(seen)
            )
            for kind, seen, X, y in (
                ("Training", train, split.X_train, split.y_train),
                ("Test", test, split.X_test, split.y_test),
            )
        ]

    def draw_histories(self) -> None:
        """Write the curves of each contender, and with two of them the comparison."""
        config = self.config
        how = f"{config.optimizer}, lr {config.lr:g}, {config.dtype}"
        for contender in self.contenders:
            title = f"Model {config.model} on {contender.name}: {how}"
            figure = self.plots.plot_curves(contender.trainer.history, title)
            self.folder.write_figure(self.file_name("curves.png", contender), figure)
        if self.lockstep:
            names = [contender.name for contender in self.contenders]
            title = f"Model {config.model} on {self.backends()} in lockstep: {how}"
            figure = self.plots.plot_lockstep(self.lockstep, names, BOUNDS[config.dtype], title)
            self.folder.write_figure("lockstep.png", figure)

    def write_numbers(self, training: Training) -> None:
        """Write every epoch's metrics, the summary of the run, and the model, checked by reading it back."""
        contenders = self.contenders
        for contender in contenders:
            history = contender.trainer.history
            header = [field.name for field in fields(EpochMetrics)]
            self.folder.write_csv(self.file_name("metrics.csv", contender), header, map(astuple, history))
            contender.save_model(self.folder, self.file_name("model.npz", contender))
        summary = {
            "config": asdict(self.config),
            "versions": versions(*(contender.backend for contender in contenders)),
            "training": asdict(training),
            "final": {contender.name: contender.result() for contender in contenders},
            "history": {
                contender.name: [asdict(m) for m in contender.trainer.history] for contender in contenders
            },
        }
        if self.lockstep:
            self.folder.write_csv("lockstep.csv", *self.lockstep.table())
            summary["lockstep"] = self.lockstep.summary(BOUNDS[self.config.dtype])
        self.folder.write_json("metrics.json", summary)

    def conclude(self, training: Training) -> int:
        """Print what came out; returns the exit code."""
        console, config = self.console, self.config
        console.say()
        if training.interrupted:
            console.conclude(
                f"Interrupted: the results are those of {training.epochs:,} of {config.epochs:,} epochs."
            )
        for contender in self.contenders:
            console.conclude(self.result_line(contender))
            if not math.isfinite(contender.trainer.history[-1].loss):
                console.conclude("The loss is not a number any more: training diverged; try a smaller --lr.")
        console.say("(Loss is the last training step's; the other three are the trained model's.)")
        console.say("The model was saved, read back, and gives the same logits.")
        milliseconds = 1000 * training.seconds / training.epochs
        console.say(f"Trained in {training.seconds:.2f} s, {milliseconds:.3g} ms an epoch.")
        console.conclude(f"In {self.folder.path}: {', '.join(self.folder.files)}")
        parity = self.lockstep is None or self.conclude_lockstep(self.lockstep)
        if training.interrupted:
            return cli.EXIT_INTERRUPTED
        return cli.EXIT_OK if parity else cli.EXIT_FAILED

    def result_line(self, contender: Contender) -> str:
        """What a contender reached, in the words of the epochs' lines."""
        result = contender.result()
        return (
            f"Result of {contender.name} after {len(contender.trainer.history):,} epochs"
            f" | Loss: {result['loss']:.5f}, Acc: {result['train_acc']:.2f}%"
            f" | Test Loss: {result['test_loss']:.5f}, Test Acc: {result['test_acc']:.2f}%"
        )

    def conclude_lockstep(self, lockstep: Lockstep) -> bool:
        """Print where the two first part and the verdict; returns whether parity holds."""
        console, dtype = self.console, self.config.dtype
        bound, largest = BOUNDS[dtype], lockstep.largest("parameters")
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


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train a small network to tell two circles of points apart: on tinynn, PyTorch, or both.",
        epilog=presets_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own = "(default: the model's own)"
    add = parser.add_argument
    add("--model", choices=PRESETS, default="binary", help="what to train, see below (default: %(default)s)")
    add(
        "--backend",
        choices=[*BACKENDS, "both"],
        default="tinynn",
        help="what to train with; both: side by side, compared epoch by epoch (default: %(default)s)",
    )
    add("--optimizer", choices=LEARNING_RATES, help=own)
    add(
        "--lr",
        type=cli.number(0, 1e30, exclusive=True),
        help="learning rate (default: 0.1 with sgd, 0.01 with adam)",
    )
    add("--epochs", type=cli.integer(1), metavar="N", help=f"passes over the training points {own}")
    add("--batch-size", type=cli.integer(1), metavar="N", help="points a step (default: all of them)")
    add(
        "--samples", type=cli.integer(10), metavar="N", help=f"points, a fifth of them kept for testing {own}"
    )
    add(
        "--noise", type=cli.number(0, 100), help=f"standard deviation of the points around their circle {own}"
    )
    add(
        "--seed",
        type=cli.integer(0, 2**63 - 1),
        default=42,
        help="decides first weights and minibatches; the points are always the same (default: %(default)s)",
    )
    add("--dtype", choices=DTYPES, default="float32", help="(default: %(default)s)")
    add("--device", default="cpu", help="for --backend torch, such as cuda or mps (default: %(default)s)")
    add(
        "--out",
        type=cli.folder,
        metavar="DIR",
        help="where to write results (default: a folder in runs/, named by the options)",
    )
    add("--show", action="store_true", help="also open the pictures in windows")
    add("--quiet", action="store_true", help="print the result only")
    return parser


def presets_help() -> str:
    """The models and their own runs, as a table."""
    rows = [
        f"  {name:<8}{preset.layers:<18}{preset.samples:>6,} points, noise {preset.noise:g},"
        f" {preset.optimizer} lr {LEARNING_RATES[preset.optimizer]:g}, {preset.epochs:,} epochs"
        for name, preset in PRESETS.items()
    ]
    return "\n".join(["models, and the run each is studied with:", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    options = build_parser().parse_args(arguments)
    return cli.run(PROGRAM, lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Check everything that can be wrong before anything is computed, then execute the run."""
    require(("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("tqdm", "tqdm"))
    config = Config.of(options)
    backends = [load_backend(name) for name in (BACKENDS if options.backend == "both" else [options.backend])]
    for backend in backends:
        check_device(backend, config.device, config.dtype)
    folder = RunFolder(options.out or Path("runs", config.run_name(options.backend)))
    console = cli.Console(options.quiet)

    from experiments.common import plots

    with plots.screen(options.show) as windows:
        if options.show and not windows:
            console.conclude(
                "--show: there is no screen to open windows on; the pictures are in the folder below"
            )
        return Run(config, backends, folder, console, plots).execute()


if __name__ == "__main__":
    sys.exit(main())
