"""Compare SGD, momentum, Nesterov, RMSprop, Adam and AdamW: on the circles, and down two surfaces.

python experiments/optimizers.py                     model v2 of circles.py, with ten seeds for each
python experiments/optimizers.py --batch-size 32     minibatches: many more steps in an epoch
python experiments/optimizers.py --backend both      tinynn and PyTorch, training by training

The surfaces are functions of two parameters; their slopes are what `backward()` computes.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.circles import Circles
from experiments.common import cli
from experiments.common.cli import integer
from experiments.common.contender import Contender
from experiments.common.lockstep import brief, largest_difference
from experiments.common.optimizers import OPTIMIZERS, make_optimizer
from experiments.common.options import add_backend_options, add_output_options
from experiments.common.study import Study, Team, open_study, spread
from experiments.common.tables import aligned

FIRST_SEED = 42
MODEL = "v2"
GOOD = 95.0  # percent of the test points right: how many epochs does it take?


# --- surfaces


@dataclass(frozen=True)
class Surface:
    """A function of (x, y) with one minimum, where its value is 0; where to start, and how to go down.

    `function` works on tensors, for the gradients, and on arrays, for the picture.
    """

    title: str
    formula: str
    function: Callable[[Any, Any], Any]
    start: tuple[float, float]
    minimum: tuple[float, float]
    box: tuple[float, float, float, float]  # what to draw: left, right, bottom, top
    steps: int
    rates: Mapping[str, float]  # the learning rate of each optimizer


# The rates let each of them come down fast without leaving the picture.
# fmt: off
SURFACES = {
    "ravine": Surface(
        "A ravine, 25 times as steep across as along", "(x² + 25 y²) / 2",
        lambda x, y: (x * x + 25 * y * y) / 2,
        start=(-4.0, 1.5), minimum=(0.0, 0.0), box=(-4.6, 1.8, -1.6, 1.8), steps=100,
        rates={"sgd": 0.06, "momentum": 0.02, "nesterov": 0.02, "rmsprop": 0.1, "adam": 0.3, "adamw": 0.3},
    ),
    "bend": Surface(
        "A bent ravine (Rosenbrock's function)", "(1 - x)² + 10 (y - x²)²",
        lambda x, y: (1 - x) * (1 - x) + 10 * (y - x * x) * (y - x * x),
        start=(-1.5, 1.5), minimum=(1.0, 1.0), box=(-1.9, 1.7, -0.7, 2.5), steps=200,
        rates={"sgd": 0.01, "momentum": 0.005, "nesterov": 0.005, "rmsprop": 0.05, "adam": 0.1, "adamw": 0.1},
    ),
}
# fmt: on

# What adds up in some 200 steps; down a smooth surface roundings do not multiply.
PATH_BOUNDS = {"float64": 1e-13, "float32": 1e-4}


def descend(backend: ModuleType, surface: Surface, name: str, dtype: str, device: str) -> np.ndarray:
    """Where an optimizer is at first and after each of its steps, (1 + steps, 2)."""
    point = backend.tensor(surface.start, dtype=getattr(backend, dtype), device=device, requires_grad=True)
    optimizer = make_optimizer(backend, name, [point], surface.rates[name])
    path = [point.detach().cpu().numpy().copy()]
    for _ in range(surface.steps):
        optimizer.zero_grad()
        surface.function(point[0], point[1]).backward()
        optimizer.step()
        path.append(point.detach().cpu().numpy().copy())
    return np.array(path)


def heights(surface: Surface, path: np.ndarray) -> np.ndarray:
    """The function's value at each place of a path, computed in float64."""
    return surface.function(*path.T.astype(np.float64))


# --- the study


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="optimizers.py",
        description="Compare six optimizers on circles and on two surfaces: on tinynn, PyTorch, or both.",
    )
    add = parser.add_argument
    add_backend_options(parser)
    own = "(default: %(default)s)"
    about_seeds = f"trainings with each, with seeds {FIRST_SEED}, {FIRST_SEED + 1}, ... {own}"
    add("--seeds", type=integer(1), default=10, metavar="N", help=about_seeds)
    about_epochs = f"passes over the training points {own}"
    add("--epochs", type=integer(1), default=300, metavar="N", help=about_epochs)
    add("--batch-size", type=integer(1), metavar="N", help="points a step (default: all)")
    add("--samples", type=integer(10), default=1_000, metavar="N", help=f"points {own}")
    add_output_options(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    return cli.run(parser.prog, lambda: run(parser, given))


def run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    """Train with all optimizers and all seeds, go down the surfaces, write; returns the exit code."""
    with open_study(parser, given) as study:
        introduce(study, given)
        paths_agree = go_down(study, given)
        rounds = study.rounds(
            range(FIRST_SEED, FIRST_SEED + given.seeds),
            lambda seed: train(study, given, seed),
            len(OPTIMIZERS) * given.seeds * given.epochs,
        )
        code = conclude(study, given, rounds)
        return code if paths_agree else max(code, cli.EXIT_FAILED)


def configure(given: argparse.Namespace, optimizer: str, seed: int = FIRST_SEED) -> Any:
    """The config of a training: model v2 of circles.py, each optimizer with its usual learning rate."""
    names = ("epochs", "batch_size", "samples", "dtype", "device")
    options = {name: getattr(given, name) for name in names}
    return Circles().configure(MODEL, optimizer=optimizer, lr=OPTIMIZERS[optimizer].lr, seed=seed, **options)


def introduce(study: Study, given: argparse.Namespace) -> None:
    """Print what is about to happen."""
    config = configure(given, "sgd")
    batches = f"minibatches of {config.batch_size}" if config.batch_size else "full batch"
    study.introduce(
        given,
        Model=f"{MODEL}: {Circles.presets[MODEL].layers}, {given.seeds} trainings with each optimizer",
        Data=Circles().describe_data(config),
        Training=f"{config.epochs:,} epochs, {batches}",
    )


def go_down(study: Study, given: argparse.Namespace) -> bool:
    """Print, draw and write every optimizer's path; returns whether two backends' paths are the same."""
    paths = {
        backend.__name__: {
            name: {
                optimizer: descend(backend, surface, optimizer, given.dtype, given.device)
                for optimizer in OPTIMIZERS
            }
            for name, surface in SURFACES.items()
        }
        for backend in study.backends
    }
    first = next(iter(paths.values()))
    for name, surface in SURFACES.items():
        study.console.say(f"{surface.title}: {surface.formula}, from {surface.start}, {surface.steps} steps")
        rows = [("optimizer", "lr", "height at the end", "from the minimum")]
        for optimizer, path in first[name].items():
            distance = float(np.hypot(*(path[-1] - surface.minimum)))
            height = float(heights(surface, path)[-1])
            rows.append((optimizer, f"{surface.rates[optimizer]:g}", f"{height:.2g}", f"{distance:.2g}"))
        study.console.say(aligned(rows) + "\n")
    for backend, down in paths.items():
        drawn = {surface: (SURFACES[surface], found) for surface, found in down.items()}
        title = f"The same way down with six optimizers, by the gradients of {backend}"
        study.draw(study.file_name("paths.png", backend), study.plots.plot_paths(drawn, title))
        write_paths(study, study.file_name("paths.csv", backend), down)
    return len(paths) == 1 or compare_paths(study, paths, given.dtype)


def write_paths(study: Study, name: str, down: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """A line for each step."""
    rows = [
        (surface, optimizer, step, float(x), float(y))
        for surface, found in down.items()
        for optimizer, path in found.items()
        for step, (x, y) in enumerate(path)
    ]
    study.folder.write_csv(name, ("surface", "optimizer", "step", "x", "y"), rows)


def compare_paths(study: Study, paths: Mapping[str, Any], dtype: str) -> bool:
    """Print how far the paths of two backends are apart; returns whether they are the same."""
    ours, theirs = paths.values()
    largest = max(
        largest_difference(ours[surface][optimizer], theirs[surface][optimizer])
        for surface in SURFACES
        for optimizer in OPTIMIZERS
    )
    bound = PATH_BOUNDS[dtype]
    agree = largest <= bound
    verdict = f"{'the same' if agree else 'different'}, at most {brief(largest)} apart"
    study.console.conclude(f"Paths of both: {verdict} (bound {brief(bound)}, {dtype})\n")
    return agree


def train(study: Study, given: argparse.Namespace, seed: int) -> Mapping[str, Team]:
    """One training with each optimizer, all from the same first weights."""
    teams = {}
    for name in OPTIMIZERS:
        teams[name] = study.train(study.begin(Circles(), configure(given, name, seed)))
    losses = (f"{name} {team[0].history[-1].loss:.4f}" for name, team in teams.items())
    study.console.say(f"Seed {seed}, loss: {', '.join(losses)}")
    return teams


def conclude(study: Study, given: argparse.Namespace, rounds: Mapping[int, Mapping[str, Team]]) -> int:
    """Print the table, draw, write; returns the exit code."""
    study.console.say()
    final = {}
    for backend, trained in study.sides(rounds).items():
        study.console.conclude(f"On {backend}, mean and standard deviation (n = {len(rounds)}):")
        study.console.conclude(table(trained) + "\n")
        draw(study, backend, trained)
        study.write_results(backend, trained)
        final[backend] = {
            f"{name}_{quantity}": spread([contender.result()[quantity] for contender in team]).mean
            for name, team in trained.items()
            for quantity in ("loss", "test_loss", "test_acc")
        }
    study.write_summary(given, final)
    return study.conclude(Circles().bounds[given.dtype], given.dtype)


def table(trained: Mapping[str, Sequence[Contender]]) -> str:
    """A row for each optimizer; the last column is the median of those that get there, and how many do."""
    rows = [("optimizer", "lr", "loss", "test acc %", f"epochs to {GOOD:g} %")]
    for name, team in trained.items():
        loss = spread([contender.history[-1].loss for contender in team]).text(4)
        score = spread([contender.history[-1].test_score for contender in team]).text(2)
        rows.append((name, f"{team[0].config.lr:g}", loss, score, epochs_until_good(team)))
    return aligned(rows)


def epochs_until_good(team: Sequence[Contender]) -> str:
    """`74 (9 of 10)`: the median number of epochs, of the trainings that reach GOOD at all."""
    firsts = [
        next((m.epoch + 1 for m in contender.history if m.test_score >= GOOD), None) for contender in team
    ]
    reached = [epoch for epoch in firsts if epoch is not None]
    share = f"({len(reached)} of {len(team)})"
    return f"{np.median(reached):.0f} {share}" if reached else f"- {share}"


def draw(study: Study, backend: str, trained: Mapping[str, Sequence[Contender]]) -> None:
    """The curves over all seeds."""
    team = next(iter(trained.values()))
    config = team[0].config
    histories = {
        f"{name}, lr {team[0].config.lr:g}": [contender.history for contender in team]
        for name, team in trained.items()
    }
    what = f"{Circles().describe_data(config)}, model {MODEL} on {backend}"
    title = f"Six optimizers: {what}; mean and standard deviation (n = {len(team)})"
    figure = study.plots.plot_bands(histories, team[0].task.metric, title, Circles.guessing)
    study.draw(study.file_name("comparison.png", backend), figure)


if __name__ == "__main__":
    sys.exit(main())
