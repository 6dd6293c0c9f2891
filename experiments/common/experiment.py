"""What an experiment is: options, data, models, task, pictures. `program.main` makes a program of it."""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from experiments.common import options
from experiments.common.data import Split
from experiments.common.lockstep import BOUNDS, Bound
from experiments.common.optimizers import OPTIMIZERS, make_optimizer
from experiments.common.tasks import Task

if TYPE_CHECKING:
    from experiments.common.contender import Contender
    from experiments.common.run import Run


class Preset:
    """What `--model` names: an architecture, and the run it is studied with.

    `own` are values of Config's fields: what that run has unless an option says otherwise.
    """

    def __init__(self, layers: str, lesson: str, **own: Any) -> None:
        self.layers = layers
        self.lesson = lesson
        self.own = own


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run, apart from the backend. Experiments add fields."""

    model: str
    optimizer: str
    lr: float
    epochs: int
    batch_size: int | None
    seed: int
    dtype: str
    device: str


DEFAULTS = {"batch_size": None, "seed": 42, "dtype": "float32", "device": "cpu"}


class Experiment(ABC):
    """A program that trains models. It has no state: what a run computes is in `Run` and `Contender`."""

    program: ClassVar[str]  # its file
    title: ClassVar[str]  # what pictures call it
    description: ClassVar[str]  # what `--help` says
    presets: ClassVar[Mapping[str, Preset]]
    default_model: ClassVar[str]
    config_type: ClassVar[type[Config]] = Config
    bounds: ClassVar[Mapping[str, Bound]] = BOUNDS  # what `--backend both` holds the parameters to

    default_comparison: ClassVar[Sequence[str]] = ()  # what is trained with neither --model nor --compare
    guessing: ClassVar[float | None] = None  # the score of a model that has learned nothing

    # --- what every experiment says

    @abstractmethod
    def data(self, config: Any) -> Split:
        """The points and targets, as arrays."""

    @abstractmethod
    def describe_data(self, config: Any) -> str:
        """Them in a few words, as `1,000 points on two circles, noise 0.03`."""

    @abstractmethod
    def task(self, backend: ModuleType, config: Any) -> Task:
        """What is learned from them."""

    @abstractmethod
    def model(self, backend: ModuleType, config: Any) -> Any:
        """A model with fresh weights, written against `backend.nn`."""

    # --- what it may say

    def add_options(self, parser: argparse.ArgumentParser) -> None:  # noqa: B027
        """Its own options: each is a field of `config_type`, where None stands for the model's own value."""

    def batches(self, backend: ModuleType, data: Split, config: Any) -> Iterable[tuple[Any, Any]] | None:
        """What to go through in each epoch; None: the training points, `config.batch_size` at a time."""
        return None

    def optimizer(self, backend: ModuleType, parameters: Iterable[Any], config: Any) -> Any:
        """What takes the steps; by default `config.optimizer` of OPTIMIZERS, with `config.lr`."""
        return make_optimizer(backend, config.optimizer, parameters, config.lr)

    def scheduler(self, backend: ModuleType, optimizer: Any, config: Any) -> Any:
        """A learning rate scheduler that takes a step at the end of each epoch; None: the rate stays."""
        return None

    def draw_before(self, run: "Run") -> None:  # noqa: B027
        """Pictures of the data and of the untrained models, by `run.draw`."""

    def draw_after(self, run: "Run") -> None:  # noqa: B027
        """Pictures of the trained models, by `run.draw`; the training curves are drawn anyway."""

    def comparison_panels(self, run: "Run", contender: "Contender") -> list[Any]:
        """The panels, if any, that a trained model has in the picture of `--compare`: BoundaryPanel."""
        return []

    def report(self, contender: "Contender") -> str | None:
        """A text about the trained model, to be printed and to be written as `report.txt`."""
        return None

    # --- what follows

    @property
    def name(self) -> str:
        """The program's name without its ending."""
        return Path(self.program).stem

    def configure(self, model: str | None = None, **given: Any) -> Any:
        """The Config of a run: the model's own, with what is given (None is not)."""
        model = model or self.default_model
        own = self.presets[model].own
        values = DEFAULTS | own | {name: value for name, value in given.items() if value is not None}
        if given.get("lr") is None and ("lr" not in own or values["optimizer"] != own["optimizer"]):
            values["lr"] = OPTIMIZERS[values["optimizer"]].lr
        return self.config_type(model=model, **values)

    def models(self, given: argparse.Namespace) -> Sequence[str]:
        """The models that the command line asks for; more than one are compared."""
        if len(self.presets) == 1:
            return [self.default_model]
        chosen = given.compare or (given.model and [given.model])
        return chosen or self.default_comparison or [self.default_model]

    def config(self, given: argparse.Namespace) -> Any:
        """The Config that the command line asks for: that of the last model, if several are compared."""
        names = {field.name for field in fields(self.config_type)} - {"model"}
        options = {name: value for name, value in vars(given).items() if name in names}
        return self.configure(self.models(given)[-1], **options)

    def run_name(self, models: Sequence[str], config: Config, backend: str) -> str:
        """Names a folder: models, backend, and what is not the model's own: `circles-v2-torch-epochs500`."""
        own = asdict(self.configure(config.model))
        named = models if len(self.presets) > 1 else []
        changed = [f"{name}{value}" for name, value in asdict(config).items() if value != own[name]]
        return "-".join([self.name, *named, backend, *changed]).replace("_", "").replace(":", "")

    def parser(self) -> argparse.ArgumentParser:
        """The command line."""
        parser = argparse.ArgumentParser(
            prog=self.program,
            description=self.description,
            epilog=self._presets_help(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if len(self.presets) > 1:
            default = self.default_model if not self.default_comparison else "a comparison"
            what = parser.add_mutually_exclusive_group()
            what.add_argument(
                "--model",
                choices=self.presets,
                metavar="MODEL",
                help=f"what to train, see below (default: {default})",
            )
            what.add_argument(
                "--compare",
                type=options.some_of(self.presets),
                metavar="A,B,...",
                help="train these models, all as the last of them is studied, and draw them side by side",
            )
        options.add_backend_options(parser)
        self.add_options(parser)
        options.add_training_options(parser, OPTIMIZERS)
        options.add_output_options(parser)
        return parser

    def _presets_help(self) -> str:
        """The models and their own runs, as a table."""
        width = 2 + max(map(len, self.presets))
        layers_width = 2 + max(len(preset.layers) for preset in self.presets.values())
        rows = []
        for name, preset in self.presets.items():
            own = self.configure(name)
            studied = f"{self.describe_data(own)}; {own.optimizer} lr {own.lr:g}, {own.epochs:,} epochs"
            rows.append(f"  {name:<{width}}{preset.layers:<{layers_width}}{studied}")
        return "\n".join(["models, and the run each is studied with:", *rows])
