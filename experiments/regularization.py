"""Keep a network from learning its few training points by heart: Dropout, BatchNorm, weight decay.

python experiments/regularization.py                                     without and with each, over ten seeds
python experiments/regularization.py --batch-size 60                     full batch: no noise for BatchNorm
python experiments/regularization.py --samples 1000 --batch-size 100     so many points leave little to do
python experiments/regularization.py --backend both                      tinynn and PyTorch side by side

Both layers work differently in `train()` and in `eval()`: `modes.png` shows how.
"""

import argparse
import copy
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import cli
from experiments.common.cli import integer, number
from experiments.common.contender import Contender
from experiments.common.data import Split
from experiments.common.errors import UserError
from experiments.common.experiment import Config, Experiment, Preset
from experiments.common.options import add_backend_options, add_output_options, option_name
from experiments.common.study import Study, Team, open_study, spread
from experiments.common.tables import aligned
from experiments.common.tasks import BinaryClassification

FIRST_SEED = 42
TEST_POINTS = 1_000
RESULTS = ("loss", "train_loss", "train_acc", "test_loss", "test_acc")

BETWEEN = (0.5, 0.25)  # a place between the moons
ACROSS = np.column_stack([np.linspace(-1.75, 2.75, 61), np.full(61, BETWEEN[1])])  # a line through both
PASSES = 12  # in train mode, to be drawn beside the one in eval mode


@dataclass(frozen=True)
class MoonsConfig(Config):
    """A training on the moons. A model uses the strength that is named like it, and not the others'."""

    samples: int
    noise: float
    width: int
    dropout: float
    weight_decay: float


# fmt: off
OWN = {"optimizer": "adamw", "lr": 0.01, "epochs": 200, "batch_size": 20,
       "samples": 60, "noise": 0.3, "width": 128, "dropout": 0.5, "weight_decay": 1.0}

PRESETS = {
    "plain":        Preset("linear, ReLU",            "learns its points by heart, and their noise",  **OWN),
    "dropout":      Preset("linear, ReLU, Dropout",   "no unit can rely on a certain other one",      **OWN),
    "batchnorm":    Preset("linear, BatchNorm, ReLU", "a point looks otherwise in each batch",        **OWN),
    "weight decay": Preset("linear, ReLU",            "every step pulls the weights towards 0",       **OWN),
}
# fmt: on


class Moons(Experiment):
    """Two moons, so noisy that they overlap, few points to train on, and a network far too wide for them."""

    title = "Moons"
    presets = PRESETS
    default_model = "plain"
    config_type = MoonsConfig
    guessing = 50

    def data(self, config: MoonsConfig) -> Split:
        """Drawn anew for every seed; there are many test points, so that what they say is certain."""
        from sklearn.datasets import make_moons
        from sklearn.model_selection import train_test_split

        X, y = make_moons(config.samples + TEST_POINTS, noise=config.noise, random_state=config.seed)
        parts = train_test_split(X, y, test_size=TEST_POINTS, stratify=y, random_state=config.seed)
        X_train, X_test, y_train, y_test = parts
        return Split(X_train, y_train, X_test, y_test)

    def describe_data(self, config: MoonsConfig) -> str:
        return f"two moons, noise {config.noise:g}"

    def task(self, backend: ModuleType, config: MoonsConfig) -> BinaryClassification:
        return BinaryClassification(backend)

    def model(self, backend: ModuleType, config: MoonsConfig) -> Any:
        """Points (n, 2) to logits (n, 1), by two hidden layers."""
        nn = backend.nn

        def hidden(inputs: int) -> list[Any]:
            if config.model == "batchnorm":  # it subtracts the mean, and with it a bias; and has its own
                linear = nn.Linear(inputs, config.width, bias=False)
                return [linear, nn.BatchNorm1d(config.width), nn.ReLU()]
            if config.model == "dropout":
                return [nn.Linear(inputs, config.width), nn.ReLU(), nn.Dropout(config.dropout)]
            return [nn.Linear(inputs, config.width), nn.ReLU()]

        return nn.Sequential(*hidden(2), *hidden(config.width), nn.Linear(config.width, 1))

    def optimizer(self, backend: ModuleType, parameters: Iterable[Any], config: MoonsConfig) -> Any:
        decay = config.weight_decay if config.model == "weight decay" else 0.0
        return backend.optim.AdamW(parameters, lr=config.lr, weight_decay=decay)


# --- train and eval mode


def passes_in_train_mode(contender: Contender, points: np.ndarray) -> np.ndarray:
    """P(class 1) at points (n, 2), as train mode tells it each time it is asked, (PASSES, n).

    A Dropout layer draws other units to leave out each time; BatchNorm takes mean and variance of the batch,
    and so what it says of a point depends on the others: each time others out of the training points.
    """
    model = copy.deepcopy(contender.model).train()  # to look in train mode changes the running statistics
    contender.backend.manual_seed(contender.config.seed)
    if contender.config.model == "dropout":
        return np.array([probabilities(contender, model, points) for _ in range(PASSES)])
    chosen = np.random.default_rng(contender.config.seed)
    everyone = contender.data.X_train.cpu().numpy()
    others = min(contender.config.batch_size, len(everyone)) - 1
    batches = [chosen.choice(everyone, others, replace=False) for _ in range(PASSES)]
    return np.array([in_company(contender, model, points, companions) for companions in batches])


def probabilities(contender: Contender, model: Any, points: np.ndarray) -> np.ndarray:
    """P(class 1) at points (n, 2), (n,), by `model`, which is like the contender's, in the mode it is in."""
    X = contender.backend.from_numpy(points).type(contender.dtype).to(contender.config.device)
    with contender.backend.inference_mode():
        return contender.task.interpret(contender.task.outputs(model, X)).cpu().numpy()


def in_company(contender: Contender, model: Any, points: np.ndarray, companions: np.ndarray) -> np.ndarray:
    """P(class 1) at each of the points when it shares its batch with `companions` only, (n,)."""
    batches = (np.vstack([point, companions]) for point in points)
    return np.array([probabilities(contender, model, batch)[0] for batch in batches])


class RunningStatistics:
    """Notes at every step what a BatchNorm layer's batch was like, and what the layer keeps of all so far.

    In train mode the layer normalises by the batch's own mean and variance, and remembers
    running = (1 - momentum) running + momentum of_the_batch, which is what eval mode normalises by.
    The lists have for every step the values of all the layer's units, (units,); `running` begins before any.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.batch: dict[str, list[np.ndarray]] = {"mean": [], "variance": []}
        self.running: dict[str, list[np.ndarray]] = {"mean": [], "variance": []}
        self._note_running()
        self._hook = layer.register_forward_hook(self._note)

    def stop(self) -> None:
        """Note nothing more."""
        self._hook.remove()

    def _note(self, layer: Any, inputs: tuple[Any], output: Any) -> None:
        if layer.training:
            x = inputs[0].detach().cpu().numpy()
            self.batch["mean"].append(x.mean(axis=0))
            self.batch["variance"].append(x.var(axis=0, ddof=1))
            self._note_running()

    def _note_running(self) -> None:
        self.running["mean"].append(self.layer.running_mean.cpu().numpy().copy())
        self.running["variance"].append(self.layer.running_var.cpu().numpy().copy())

    def liveliest(self) -> int:
        """The unit whose running mean went farthest."""
        return int(np.abs(self.running["mean"][-1]).argmax())


def describe_modes(dropout: Contender, batchnorm: Contender, seen: RunningStatistics) -> str:
    """The difference between train and eval mode, in numbers: one place, asked about twice."""
    point = np.array([BETWEEN])
    rows = [("", "train mode, twice", "eval mode, twice")]
    for name, contender in (("Dropout", dropout), ("BatchNorm", batchnorm)):
        trained = passes_in_train_mode(contender, point)[:2, 0]
        evaluated = [contender.interpret(point)[0] for _ in range(2)]
        rows.append((name, *("{:.4f}  {:.4f}".format(*twice) for twice in (trained, evaluated))))
    unit, momentum = seen.liveliest(), seen.layer.momentum
    first, last = (float(seen.running["mean"][step][unit]) for step in (1, -1))
    batch = float(seen.batch["mean"][0][unit])
    return (
        f"P(class 1) at x = {BETWEEN}, as the trained models tell it:\n{aligned(rows)}\n"
        "Dropout draws other units to leave out each time; BatchNorm looks at the rest of the batch, which\n"
        "was another. In eval mode nothing is left out, and BatchNorm goes by its running statistics:\n"
        f"hidden unit {unit}, running mean 0 before training, after one step {momentum:g} x {batch:.4f}"
        f" = {first:.4f},\nafter all {len(seen.batch['mean']):,} steps {last:.4f}"
    )


# --- the study


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="regularization.py",
        description="Dropout, BatchNorm and weight decay against overfitting: on tinynn, PyTorch, or both.",
    )
    add = parser.add_argument
    add_backend_options(parser)
    about_seeds = f"trainings of each model, with seeds {FIRST_SEED}, {FIRST_SEED + 1}, ..."
    add("--seeds", type=integer(1), default=10, metavar="N", help=f"{about_seeds} (default: %(default)s)")

    def own(name: str, kind: Callable[[str], Any], about: str) -> None:
        add(option_name(name), type=kind, default=OWN[name], help=f"{about} (default: %(default)s)")

    own("samples", integer(10), f"points to train on; {TEST_POINTS:,} more are there to test")
    own("noise", number(0, 100), "standard deviation of the points around their moon")
    own("width", integer(1), "units in each of the two hidden layers")
    own("dropout", number(0, 1), "probability with which Dropout leaves a unit out")
    own("weight_decay", number(0, 1e6), "times lr: the share that a weight loses at each step")
    own("epochs", integer(1), "passes over the training points")
    own("batch_size", integer(2), "points a step")
    add_output_options(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    return cli.run(parser.prog, lambda: run(parser, given))


def run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    """Train all models with all seeds, print, draw and write what comes out; returns the exit code."""
    if given.samples % given.batch_size == 1:
        raise UserError(
            f"--samples {given.samples} leaves one point for the last batch of {given.batch_size},"
            " and one point has no variance for BatchNorm"
        )
    with open_study(parser, given) as study:
        introduce(study, given)
        seen: list[RunningStatistics] = []
        rounds = study.rounds(
            range(FIRST_SEED, FIRST_SEED + given.seeds),
            lambda seed: train(study, given, seed, seen),
            len(PRESETS) * given.seeds * given.epochs,
        )
        return conclude(study, given, rounds, seen)


def configure(name: str, given: argparse.Namespace, seed: int = FIRST_SEED) -> MoonsConfig:
    """A model's config with the options given."""
    options = {option: getattr(given, option) for option in (*OWN, "dtype", "device") if option in given}
    return Moons().configure(name, seed=seed, **options)


def introduce(study: Study, given: argparse.Namespace) -> None:
    """Print what is about to happen."""
    config = configure("plain", given)
    points = f"{config.samples:,} points to train, {TEST_POINTS:,} to test, others for each seed"
    how = f"AdamW with lr {config.lr:g}, {config.epochs:,} epochs, minibatches of {config.batch_size}"
    study.introduce(
        given,
        Models=f"2-{config.width}-{config.width}-1, {given.seeds} trainings of each",
        Data=f"{Moons().describe_data(config)}: {points}",
        Training=how,
    )
    width = max(map(len, PRESETS))
    for name, preset in PRESETS.items():
        study.console.say(f"{name:<{width}}  {preset.layers}: {preset.lesson}")
    study.console.say()


def train(
    study: Study, given: argparse.Namespace, seed: int, seen: list[RunningStatistics]
) -> Mapping[str, Team]:
    """One training of each model; with the first seed, note BatchNorm's statistics for each backend."""
    teams = {}
    for name in PRESETS:
        teams[name] = team = study.begin(Moons(), configure(name, given, seed))
        if name == "batchnorm" and seed == FIRST_SEED:
            seen += [RunningStatistics(contender.model[1]) for contender in team]
        study.train(team)
    for statistics in seen:
        statistics.stop()
    accuracies = (f"{name} {team[0].history[-1].test_score:.2f} %" for name, team in teams.items())
    study.console.say(f"Seed {seed}, test points right: {', '.join(accuracies)}")
    return teams


def conclude(
    study: Study,
    given: argparse.Namespace,
    rounds: Mapping[int, Mapping[str, Team]],
    seen: Sequence[RunningStatistics],
) -> int:
    """Print the table, draw, write; returns the exit code."""
    study.console.say()
    final = {}
    for (backend, models), statistics in zip(study.sides(rounds).items(), seen, strict=True):
        results = {name: [contender.result() for contender in team] for name, team in models.items()}
        study.console.conclude(f"On {backend}, mean and standard deviation (n = {len(rounds)}):")
        study.console.conclude(table(results) + "\n")
        first = {name: team[0] for name, team in models.items()}
        study.console.say(describe_modes(first["dropout"], first["batchnorm"], statistics) + "\n")
        draw(study, backend, models, statistics)
        study.write_results(backend, models)
        final[backend] = {
            f"{name}_{quantity}".replace(" ", "_"): spread([result[quantity] for result in runs]).mean
            for name, runs in results.items()
            for quantity in RESULTS
        }
    study.write_summary(given, final)
    return study.conclude(Moons().bounds[given.dtype], given.dtype)


def table(results: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A row for each model; the last column compares it with the plain one of the same seed."""
    rows = [("model", "train loss", "test loss", "train acc %", "test acc %", "against plain")]
    for name, runs in results.items():
        losses, accuracies = (
            [spread([run[key] for run in runs]).text(digits) for key in keys]
            for keys, digits in ((("train_loss", "test_loss"), 3), (("train_acc", "test_acc"), 2))
        )
        pairs = zip(runs, results["plain"], strict=True)
        against = spread([run["test_acc"] - plain["test_acc"] for run, plain in pairs])
        rows.append((name, *losses, *accuracies, "" if name == "plain" else against.signed_text(2)))
    return aligned(rows)


def draw(
    study: Study, backend: str, models: Mapping[str, Sequence[Contender]], statistics: RunningStatistics
) -> None:
    """The curves over all seeds; the boundaries and the two modes with the first seed."""
    plots = study.plots
    first = {name: team[0] for name, team in models.items()}
    config = first["plain"].config
    what = f"{config.samples} points to train, noise {config.noise:g}, on {backend}"

    histories = {name: [contender.history for contender in team] for name, team in models.items()}
    seeds = len(histories["plain"])
    title = f"Overfitting, and what helps: {what}; mean and standard deviation (n = {seeds})"
    figure = plots.plot_overfitting(histories, BinaryClassification.metric, title)
    study.draw(study.file_name("curves.png", backend), figure)

    panels = [boundary_panel(plots, name, contender) for name, contender in first.items()]
    title = f"What was learned from {what}, seed {config.seed}"
    study.draw(study.file_name("boundaries.png", backend), plots.plot_boundary(panels, title))

    passes = {
        title: (passes_in_train_mode(first[name], ACROSS), first[name].interpret(ACROSS))
        for name, title in (
            ("dropout", "Dropout: each time, at each place, other units are left out"),
            ("batchnorm", "BatchNorm: each time in another batch"),
        )
    }
    title = f"train() and eval(): the same places asked about {PASSES} times, on {backend}"
    figure = plots.plot_modes(ACROSS[:, 0], f"$x_1$, at $x_2$ = {BETWEEN[1]:g}", passes, statistics, title)
    study.draw(study.file_name("modes.png", backend), figure)


def boundary_panel(plots: Any, name: str, contender: Contender) -> Any:
    """The training points over what the model says everywhere."""
    split = contender.experiment.data(contender.config)
    split = replace(split, X_test=split.X_train)  # to see the training points as large as can be
    train, test = contender.evaluate()
    title = f"{name}\n{train.score:.1f} % of the training, {test.score:.1f} % of the test points right"
    shading = plots.plane_map(contender.interpret, split)
    return plots.BoundaryPanel(title, shading, split.X_train, split.y_train, contender.predict(train))


if __name__ == "__main__":
    sys.exit(main())
