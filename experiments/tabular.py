"""Real data in tables, cross-validated, beside scikit-learn's network of the same shape on the same folds.

python experiments/tabular.py                     breast cancer, wine and diabetes, five folds each
python experiments/tabular.py --dataset wine      one of them
python experiments/tabular.py --folds 10          ten folds
python experiments/tabular.py --backend both      tinynn and PyTorch, fold by fold

A linear model and a guess stand beside them: with tables as small as these, a line does as well as a network.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

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
from experiments.common.tasks import BinaryClassification, MultiClassification, Regression, Task

HIDDEN = (32, 16)
GUESSING = "guessing"
REFERENCES = ("scikit-learn MLP", "linear model", GUESSING)

Scores = dict[str, list[float]]  # of each model, on every fold


class Dataset(NamedTuple):
    """What loads it from scikit-learn, the question, in what answers are measured, and how many classes."""

    loader: str
    question: str
    unit: str
    classes: int | None = None  # None: the answer is a number

    @property
    def outputs(self) -> int:
        """How many numbers a model returns for each row: a logit for each class, or for two classes one."""
        return self.classes if self.classes is not None and self.classes > 2 else 1


RIGHT, ERROR = "% right", "RMSE, lower is better"
# fmt: off
DATASETS = {
    "breast-cancer": Dataset("load_breast_cancer", "is a tumour benign, by its cells' nuclei?", RIGHT, 2),
    "wine":          Dataset("load_wine",          "who grew a wine, by its chemistry?",         RIGHT, 3),
    "diabetes":      Dataset("load_diabetes",      "how far is the disease in a year?",          ERROR),
}
# fmt: on


@dataclass(frozen=True)
class TableConfig(Config):
    """A training on all folds but the one numbered `fold`; `model` names the data set."""

    folds: int
    fold: int


class Tables(Experiment):
    """A network with two hidden layers for each table of measurements."""

    presets = {
        name: Preset(
            "linear, ReLU", dataset.question, optimizer="adam", lr=0.003, epochs=30, batch_size=32, folds=5
        )
        for name, dataset in DATASETS.items()
    }
    default_model = "breast-cancer"
    config_type = TableConfig

    def data(self, config: TableConfig) -> Split:
        return standardised(config)[0]

    def describe_data(self, config: TableConfig) -> str:
        X, _ = load(config.model)
        return f"{len(X)} rows of {X.shape[1]} measurements: {DATASETS[config.model].question}"

    def task(self, backend: ModuleType, config: TableConfig) -> Task:
        classes = DATASETS[config.model].classes
        if classes is None:
            return Regression(backend, backend.nn.MSELoss())
        return BinaryClassification(backend) if classes == 2 else MultiClassification(backend)

    def model(self, backend: ModuleType, config: TableConfig) -> Any:
        """Rows (n, columns) to (n, outputs)."""
        nn = backend.nn
        first, second = HIDDEN
        columns, outputs = load(config.model)[0].shape[1], DATASETS[config.model].outputs
        return nn.Sequential(
            nn.Linear(columns, first),
            nn.ReLU(),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.Linear(second, outputs),
        )


# --- data


@cache
def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The table (rows, columns) and the answers (rows,)."""
    from sklearn import datasets

    return getattr(datasets, DATASETS[name].loader)(return_X_y=True)


def standardised(config: TableConfig) -> tuple[Split, float]:
    """One fold to test on, the others to train on; and what 1 in the targets stands for.

    Every column gets mean 0 and standard deviation 1, a number to be told too. Both are taken from the
    training rows alone: of the test rows nothing may be known before the test.
    """
    from sklearn.preprocessing import StandardScaler

    X, y = load(config.model)
    train, test = rows_of(config)
    scaler = StandardScaler().fit(X[train])
    middle, unit = (0, 1.0) if DATASETS[config.model].classes else (y[train].mean(), float(y[train].std()))
    targets = (y - middle) / unit if unit != 1 else y
    return Split(scaler.transform(X[train]), targets[train], scaler.transform(X[test]), targets[test]), unit


def rows_of(config: TableConfig) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows to train and to test on; the classes have the same shares in every fold."""
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = StratifiedKFold if DATASETS[config.model].classes else KFold
    folds = kind(config.folds, shuffle=True, random_state=config.seed)
    return list(folds.split(*load(config.model)))[config.fold]


# --- scikit-learn on the same fold


def reference_scores(config: TableConfig) -> dict[str, float]:
    """What each of REFERENCES reaches on the fold, in the data set's unit."""
    split, unit = standardised(config)
    scores = {}
    for name, estimator in zip(REFERENCES, references(config, len(split.y_train)), strict=True):
        with warnings.catch_warnings():
            # It warns that it may not have converged: it is to stop after as many epochs as ours.
            warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
            answers = estimator.fit(split.X_train, split.y_train).predict(split.X_test)
        if DATASETS[config.model].classes:
            scores[name] = 100 * float(np.mean(answers == split.y_test))
        else:
            scores[name] = unit * float(np.sqrt(np.mean((answers - split.y_test) ** 2)))
    return scores


def references(config: TableConfig, rows: int) -> list[Any]:
    """A network of the same shape, trained in the same way for as long; a line; a guess."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    same = {
        "hidden_layer_sizes": HIDDEN,
        "learning_rate_init": config.lr,
        "batch_size": min(config.batch_size, rows),
        "max_iter": config.epochs,
        "n_iter_no_change": config.epochs,  # no early end
        "alpha": 0.0,  # no weight decay
        "random_state": config.seed,  # first weights of its own, by another rule, and another order
    }
    if DATASETS[config.model].classes:
        return [MLPClassifier(**same), LogisticRegression(), DummyClassifier()]
    return [MLPRegressor(**same), LinearRegression(), DummyRegressor()]


# --- the study


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tabular.py",
        description="Cross-validate a network on real data, beside scikit-learn's.",
    )
    add = parser.add_argument
    own = Tables().configure(fold=0)
    add_backend_options(parser)
    add("--dataset", choices=[*DATASETS, "all"], default="all", help="(default: %(default)s)")

    def setting(field: str, kind: Callable[[str], Any], about: str) -> None:
        default = getattr(own, field)
        add(option_name(field), type=kind, default=default, help=f"{about} (default: %(default)s)")

    setting("folds", integer(2), "parts to cut the rows into; each is the test once")
    setting("epochs", integer(1), "passes over the training rows")
    setting("lr", number(0, 1, exclusive=True), "learning rate of Adam, at most 1")
    setting("batch_size", integer(1), "rows a step")
    setting("seed", integer(0, 2**32 - 1), "decides the folds, first weights and minibatches")
    add_output_options(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    return cli.run(parser.prog, lambda: run(parser, given))


def run(parser: argparse.ArgumentParser, given: argparse.Namespace) -> int:
    """Train on every fold of every data set, compare, draw and write; returns the exit code."""
    names = list(DATASETS) if given.dataset == "all" else [given.dataset]
    with open_study(parser, given) as study:
        check_folds(names, given.folds)
        introduce(study, given, names)
        rounds = study.rounds(
            range(given.folds),
            lambda fold: train(study, given, names, fold),
            given.folds * len(names) * given.epochs,
        )
        return conclude(study, given, names, rounds)


def configure(given: argparse.Namespace, name: str, fold: int = 0) -> TableConfig:
    """The config of a training."""
    fields = ("folds", "epochs", "lr", "batch_size", "seed", "dtype", "device")
    return Tables().configure(name, fold=fold, **{field: getattr(given, field) for field in fields})


def check_folds(names: Sequence[str], folds: int) -> None:
    """Raise UserError unless every fold can have rows of every class."""
    for name in names:
        _, y = load(name)
        most = int(np.unique(y, return_counts=True)[1].min()) if DATASETS[name].classes else len(y)
        if folds > most:
            raise UserError(f"--folds {folds}: {name} can be cut into {most} at most")


def introduce(study: Study, given: argparse.Namespace, names: Sequence[str]) -> None:
    """Print what is about to happen."""
    study.introduce(
        given,
        Model="-".join(map(str, ("columns", *HIDDEN, "outputs"))) + ", ReLU",
        Training=f"Adam with lr {given.lr:g}, {given.epochs:,} epochs, minibatches of {given.batch_size}",
        Testing=f"{given.folds} folds, seed {given.seed}",
    )
    width = max(map(len, names))
    for name in names:
        study.console.say(f"{name:<{width}}  {Tables().describe_data(configure(given, name))}")
    study.console.say()


def train(study: Study, given: argparse.Namespace, names: Sequence[str], fold: int) -> Mapping[str, Team]:
    """One training on each data set, with the same fold kept for the test."""
    teams = {}
    for name in names:
        teams[name] = study.train(study.begin(Tables(), configure(given, name, fold)))
    scores = (f"{name} {score(team[0]):.2f}" for name, team in teams.items())
    study.console.say(f"Fold {fold + 1} of {given.folds}: {', '.join(scores)}")
    return teams


def score(contender: Contender) -> float:
    """How well the test fold is answered, in the data set's unit."""
    _, unit = standardised(contender.config)
    return unit * contender.history[-1].test_score


def conclude(
    study: Study,
    given: argparse.Namespace,
    names: Sequence[str],
    rounds: Mapping[int, Mapping[str, Team]],
) -> int:
    """Print the tables, draw, write; returns the exit code."""
    study.console.say()
    compared = {name: all_scores(study, given, name, rounds) for name in names}
    for name, scores in compared.items():
        unit = DATASETS[name].unit
        study.console.conclude(f"{name}: {unit}; mean and standard deviation of {len(rounds)} folds")
        study.console.conclude(table(scores, study.backends[0].__name__) + "\n")
    draw(study, compared)
    rows = [
        (name, model, fold, value)
        for name, scores in compared.items()
        for model, values in scores.items()
        for fold, value in zip(rounds, values, strict=True)
    ]
    study.folder.write_csv("results.csv", ("dataset", "model", "fold", "score"), rows)
    study.write_summary(given, final_numbers(compared))
    return study.conclude(Tables.bounds[given.dtype], given.dtype)


def all_scores(
    study: Study, given: argparse.Namespace, name: str, rounds: Mapping[int, Mapping[str, Team]]
) -> Scores:
    """Those of each backend and of each reference on the folds of a data set."""
    ours = {
        backend: [score(one) for one in trained[name]] for backend, trained in study.sides(rounds).items()
    }
    theirs = [reference_scores(configure(given, name, fold)) for fold in rounds]
    return ours | {model: [scores[model] for scores in theirs] for model in REFERENCES}


def table(scores: Scores, ours: str) -> str:
    """A row for each model; its difference is taken fold by fold."""
    rows = [("model", "score", f"against {ours}")]
    for model, values in scores.items():
        against = spread([value - our for value, our in zip(values, scores[ours], strict=True)])
        rows.append((model, spread(values).text(2), "" if model == ours else against.signed_text(2)))
    return aligned(rows)


def draw(study: Study, compared: Mapping[str, Scores]) -> None:
    """Every fold's score with every model but the guess, which would be far off; it is in the title."""
    panels = {}
    for name, scores in compared.items():
        guess = spread(scores[GUESSING]).mean
        shown = {model: values for model, values in scores.items() if model != GUESSING}
        panels[f"{name}\n(guessing: {guess:.1f})"] = (DATASETS[name].unit, shown)
    folds = len(next(iter(shown.values())))
    title = f"The same {folds} folds with each model: a line joins a fold's scores, a bar is the mean"
    study.draw("comparison.png", study.plots.plot_folds(panels, title))


def final_numbers(compared: Mapping[str, Scores]) -> dict[str, dict[str, float]]:
    """For each model its mean scores: `{"tinynn": {"wine_acc": ..., "diabetes_rmse": ...}, ...}`."""
    models = list(next(iter(compared.values())))
    return {
        model: {
            f"{name}_{'acc' if DATASETS[name].classes else 'rmse'}": spread(scores[model]).mean
            for name, scores in compared.items()
        }
        for model in models
    }


if __name__ == "__main__":
    sys.exit(main())
