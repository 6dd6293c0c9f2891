"""The options that experiments share."""

import argparse
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from experiments.common.backends import BACKENDS, DTYPES
from experiments.common.cli import folder, integer, number
from experiments.common.optimizers import Recipe


@dataclass(frozen=True)
class Every:
    """How often: after so many epochs, or at the end of the epoch when so many seconds have gone by."""

    epochs: int | None = None
    seconds: float | None = None

    def due(self, epochs: int, seconds: float) -> bool:
        """Whether it is time, after `epochs` epochs and `seconds` since the last time."""
        by_epochs = self.epochs is not None and epochs % self.epochs == 0
        return by_epochs or (self.seconds is not None and seconds >= self.seconds)


EVERY_FEW_SECONDS = Every(seconds=5)  # writing a checkpoint takes milliseconds: well below 1 % of the time


def every(text: str) -> Every:
    """An argparse type: `10` epochs, or `10s` for seconds."""
    if text.endswith("s"):
        return Every(seconds=number(0, 1e9, exclusive=True)(text.removesuffix("s")))
    return Every(epochs=integer(1)(text))


def some_of(names: Collection[str]) -> Callable[[str], list[str]]:
    """An argparse type: two or more of `names` with commas between them."""

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(names)}")
        if len(set(chosen)) < max(2, len(chosen)):
            raise argparse.ArgumentTypeError(f"must be two or more, each once, not {text!r}")
        return chosen

    return parse


def option_name(field: str) -> str:
    """`--batch-size`, from `batch_size`."""
    return "--" + field.replace("_", "-")


def add_backend_options(parser: argparse.ArgumentParser) -> None:
    """What to compute with."""
    add = parser.add_argument
    add(
        "--backend",
        choices=[*BACKENDS, "both"],
        default="tinynn",
        help="what to compute with; both: side by side, and compared (default: %(default)s)",
    )
    add("--dtype", choices=DTYPES, default="float32", help="(default: %(default)s)")
    add("--device", default="cpu", help="for --backend torch, such as cuda or mps (default: %(default)s)")


def add_training_options(parser: argparse.ArgumentParser, optimizers: Mapping[str, Recipe]) -> None:
    """How to train; None, where it is the default, stands for the model's own."""
    own = "(default: the model's own)"
    rates = ", ".join(f"{recipe.lr:g} with {name}" for name, recipe in optimizers.items())
    add = parser.add_argument
    add("--optimizer", choices=optimizers, help=own)
    add(
        "--lr",
        type=number(0, 1e30, exclusive=True),
        help=f"learning rate (default: the model's own; with another optimizer than its own {rates})",
    )
    add("--epochs", type=integer(1), metavar="N", help=f"passes over the training points {own}")
    add("--batch-size", type=integer(1), metavar="N", help=f"points a step {own}")
    add(
        "--seed",
        type=integer(0, 2**63 - 1),
        default=42,
        help="decides first weights and minibatches; the points are always the same (default: %(default)s)",
    )
    add(
        "--checkpoint-every",
        type=every,
        default=EVERY_FEW_SECONDS,
        metavar="N",
        help="write a checkpoint every N epochs, or with `10s` every 10 seconds (default: 5s)",
    )
    add("--resume", action="store_true", help="go on from the newest checkpoint in the folder")


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Where to write, and what to show."""
    add = parser.add_argument
    add(
        "--out",
        type=folder,
        metavar="DIR",
        help="where to write results (default: a folder in runs/, named by the options)",
    )
    add("--show", action="store_true", help="also open the pictures in windows")
    add("--quiet", action="store_true", help="print the result only")
