"""Run every experiment and hold what comes out against what is known: a table, and an exit code.

python experiments/run_all.py                     all of them on tinynn, one after the other
python experiments/run_all.py --backend torch     the same on PyTorch
python experiments/run_all.py --jobs 4            four at a time
python experiments/run_all.py --quick             a few epochs of each: does everything run?
python experiments/run_all.py --only blobs        what has `blobs` in its name
python experiments/run_all.py --resume            go on with what was interrupted
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import cli
from experiments.common.backends import BACKENDS, load_backend, require
from experiments.common.errors import DamagedFileError
from experiments.common.run_folder import RunFolder
from experiments.common.tables import aligned

PROGRAM = "run_all.py"
HERE = Path(__file__).resolve().parent
NO_EXPERIMENTS = {"__init__.py", "run_all.py", "sweep.py"}
LOG = "output.txt"
HEADER = ("experiment", "backend", "quantity", "expected", "got", "verdict")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Numbers = dict[str, dict[str, float | None]]  # for each backend, what its run is quoted by


@dataclass(frozen=True)
class Expected:
    """A number that a run must give, as far as its digits are known; or one that it must reach."""

    quantity: str  # a key of "final" in metrics.json
    value: float
    within: float = 0.0
    at_least: bool = False

    def holds(self, got: float | None) -> bool:
        """Whether `got`, None for nan and for what is not there, is as expected."""
        if got is None:
            return False
        return got >= self.value if self.at_least else abs(got - self.value) <= self.within

    def shown(self, value: float | None) -> str:
        """A value with as many digits as are known of this quantity; a hyphen for one that is not there."""
        if value is None:
            return "-"
        return f"{value:.2f}" if self.quantity.endswith("_acc") else f"{value:.5f}"

    def row(self, got: float | None) -> tuple[str, str, str, str]:
        """`loss 0.69302 0.69302 ok`, in columns."""
        limit = "at least " if self.at_least else ""
        verdict = "ok" if self.holds(got) else "WRONG"
        return self.quantity, limit + self.shown(self.value), self.shown(got), verdict


@dataclass(frozen=True)
class Entry:
    """One program with its options, what is expected of it, and the options that make it quick."""

    name: str
    program: str
    options: tuple[str, ...] = ()
    expected: tuple[Expected, ...] = ()
    quick: tuple[str, ...] = ("--epochs", "2")
    resumes: bool = True  # whether the program has --resume


@dataclass(frozen=True)
class Outcome:
    """How an entry went."""

    entry: Entry
    code: int
    seconds: float
    found: Numbers


def classified(loss: float | None, train: float | None, test: float) -> tuple[Expected, ...]:
    """A classification's known figures: the loss to four digits, the accuracies to a tenth of a percent."""
    figures = (("loss", loss, 2e-5), ("train_acc", train, 0.05), ("test_acc", test, 0.05))
    return tuple(Expected(name, value, within) for name, value, within in figures if value is not None)


def reaching(**least: float) -> tuple[Expected, ...]:
    """What the named quantities must reach."""
    return tuple(Expected(quantity, value, at_least=True) for quantity, value in least.items())


def circles(model: str, expected: tuple[Expected, ...], *options: str) -> Entry:
    """A model of circles.py, named by its options."""
    name = "-".join(["circles", model, *(option.removeprefix("--") for option in options)])
    return Entry(name, "circles.py", ("--model", model, *options), expected)


# fmt: off
LINE = (Expected("loss", 0.0125, within=5e-5), Expected("test_loss", 0.0395, within=5e-5))
READ = reaching(test_acc=98)
HELPED = reaching(dropout_test_acc=88, batchnorm_test_acc=88, weight_decay_test_acc=88)
QUICKEST = reaching(adam_test_acc=99, momentum_test_acc=98)
TOLD = reaching(**{"breast-cancer_acc": 96, "wine_acc": 95})
FEW = ("--seeds", "1", "--epochs", "2")
FOLDS = ("--folds", "2", "--epochs", "1")

KNOWN = [
    circles("v0",            classified(0.69302, 50.50, 46.5)),
    circles("v1",            classified(None,    51.00, 46.0)),
    circles("v2",            classified(0.56890, 87.75, 86.5),  "--epochs", "1000"),
    circles("v2",            classified(0.04182, 99.87, 100.0), "--epochs", "2000"),
    circles("v2",            classified(0.01673, None,  100.0)),
    circles("v2-sequential", classified(0.01673, None,  100.0)),
    circles("v2",            classified(None,    None,  99.0),  "--optimizer", "adam", "--epochs", "100"),
    circles("v2",            classified(0.01524, 100.0, 100.0), "--optimizer", "adam", "--epochs", "200"),
    circles("binary",        classified(0.16588, 99.95, 99.9)),
    Entry("circles-compare", "circles.py",     ("--compare", "v0,v1,v2")),
    Entry("blobs",           "blobs.py",       expected=classified(0.02378, 99.25, 99.5)),
    Entry("regression",      "regression.py",  expected=LINE),
    Entry("regression-mse",  "regression.py",  ("--loss", "mse")),
    Entry("activations",     "activations.py", quick=(), resumes=False),
    Entry("digits",          "digits.py",      expected=READ),
    Entry("regularization",  "regularization.py", (), HELPED,   FEW, resumes=False),
    Entry("optimizers",      "optimizers.py",     (), QUICKEST, FEW, resumes=False),
    Entry("tabular",         "tabular.py",        (), TOLD,     FOLDS, resumes=False),
]
# fmt: on


def entries() -> list[Entry]:
    """All there is to run: KNOWN, and every other experiment in this folder as it is."""
    programs = {entry.program for entry in KNOWN} | NO_EXPERIMENTS
    others = sorted(path.name for path in HERE.glob("*.py") if path.name not in programs)
    return KNOWN + [Entry(Path(name).stem, name) for name in others]


class Everything:
    """Runs entries, as many at a time as asked for, each in a process and a folder of its own."""

    def __init__(self, options: argparse.Namespace, folder: RunFolder, console: cli.Console) -> None:
        self.options = options
        self.folder = folder
        self.console = console

    def execute(self, chosen: Sequence[Entry]) -> int:
        """Run them all, print how each went and the summary; returns the exit code."""
        outcomes: list[Outcome] = []
        try:
            for outcome in self.outcomes(chosen):
                outcomes.append(outcome)
                self.tell(outcome, len(outcomes), len(chosen))
        except KeyboardInterrupt:
            self.console.conclude("\nInterrupted; --resume goes on with what is not finished.")
            return cli.EXIT_INTERRUPTED
        outcomes.sort(key=lambda outcome: chosen.index(outcome.entry))
        return self.conclude(outcomes)

    def outcomes(self, chosen: Sequence[Entry]) -> Iterator[Outcome]:
        """What came of each entry, as they end."""
        with ThreadPoolExecutor(self.options.jobs) as pool:
            running = [pool.submit(self.run, entry) for entry in chosen]
            try:
                for future in as_completed(running):
                    yield future.result()
            except KeyboardInterrupt:  # the terminal has told the programs as well: they come to an end
                pool.shutdown(cancel_futures=True)
                raise

    def run(self, entry: Entry) -> Outcome:
        """Run one program to its end, with what it prints in a file."""
        folder = RunFolder(self.folder.path / entry.name)
        command = self.command(entry, folder.path)
        start = time.perf_counter()
        with open(folder.path / LOG, "w") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=self.environment())
        return Outcome(entry, done.returncode, time.perf_counter() - start, final_numbers(folder))

    def command(self, entry: Entry, folder: Path) -> list[str]:
        """The command line of an entry."""
        quick = entry.quick if self.options.quick else ()
        resume = ["--resume"] if self.options.resume and entry.resumes else []
        shared = ["--backend", self.options.backend, *resume, "--out", str(folder)]
        return [sys.executable, str(HERE / entry.program), *entry.options, *quick, *shared]

    def environment(self) -> dict[str, str]:
        """Programs that run side by side get a thread each."""
        threads = dict.fromkeys(THREAD_VARIABLES, "1") if self.options.jobs > 1 else {}
        return threads | os.environ

    def checks(self, outcome: Outcome) -> list[tuple[str, Expected, float | None]]:
        """For each backend what is expected, and what was found; nothing when only a few epochs were run."""
        if self.options.quick:
            return []
        backends = BACKENDS if self.options.backend == "both" else [self.options.backend]
        return [
            (backend, expected, outcome.found.get(backend, {}).get(expected.quantity))
            for backend in backends
            for expected in outcome.entry.expected
        ]

    def passed(self, outcome: Outcome) -> bool:
        """Whether the program ended well and gave what is known."""
        as_known = all(expected.holds(got) for _, expected, got in self.checks(outcome))
        return outcome.code == cli.EXIT_OK and as_known

    def tell(self, outcome: Outcome, number: int, total: int) -> None:
        """Print a line about an entry, and what the program printed last if it did not end well."""
        name, passed = outcome.entry.name, "passed" if self.passed(outcome) else "FAILED"
        self.console.say(f"{number:>3} of {total}  {passed}  {outcome.seconds:>6.1f} s  {name}")
        if outcome.code != cli.EXIT_OK:
            log = self.folder.path / name / LOG
            lines = log.read_text().splitlines()[-12:]
            self.console.conclude("\n".join([f"    exit code {outcome.code}; the end of {log}:", *lines]))

    def conclude(self, outcomes: Sequence[Outcome]) -> int:
        """Print and write the summary; returns the exit code."""
        table = [
            (outcome.entry.name, backend, *expected.row(got))
            for outcome in outcomes
            for backend, expected, got in self.checks(outcome)
        ]
        if table:
            self.console.conclude("\n" + aligned([HEADER, *table]))
            self.folder.write_csv("expected_and_got.csv", HEADER, table)
        failed = [outcome.entry.name for outcome in outcomes if not self.passed(outcome)]
        seconds = sum(outcome.seconds for outcome in outcomes)
        passed = f"{len(outcomes) - len(failed)} passed"
        lost = f"{len(failed)} failed: {', '.join(failed)}" if failed else "none failed"
        self.console.conclude(f"\n{len(outcomes)} experiments, {passed}, {lost}")
        self.console.conclude(f"{seconds:.0f} seconds of work; everything is in {self.folder.path}")
        return cli.EXIT_FAILED if failed else cli.EXIT_OK


def final_numbers(folder: RunFolder) -> Numbers:
    """What the run in a folder is quoted by; nothing if it wrote no such file."""
    try:
        content: Any = folder.read_json("metrics.json") or {}
    except DamagedFileError:
        return {}
    return content.get("final", {})


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Run every experiment and compare what comes out with what is known."
    )
    add = parser.add_argument
    add("--backend", choices=[*BACKENDS, "both"], default="tinynn", help="(default: %(default)s)")
    add("--jobs", type=cli.integer(1), default=1, metavar="N", help="how many at a time (default: 1)")
    add("--quick", action="store_true", help="a few epochs of each, without looking at the numbers")
    add("--only", nargs="+", metavar="NAME", help="only those with one of these in their names")
    add("--resume", action="store_true", help="go on with what was interrupted in the folder")
    add(
        "--out",
        type=cli.folder,
        metavar="DIR",
        help="where to write results (default: a folder in runs/, named by the options)",
    )
    add("--quiet", action="store_true", help="print the summary only")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, with command line `arguments`; returns the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    known = entries()
    chosen = [e for e in known if options.only is None or any(part in e.name for part in options.only)]
    if not chosen:
        names = ", ".join(entry.name for entry in known)
        parser.error(f"argument --only: none has that in its name; there are {names}")
    return cli.run(PROGRAM, lambda: run(options, chosen))


def run(options: argparse.Namespace, chosen: Sequence[Entry]) -> int:
    """Check that there is what the experiments need, then run them."""
    require(("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"), ("tqdm", "tqdm"))
    for name in BACKENDS if options.backend == "both" else [options.backend]:
        load_backend(name)
    quick = "-quick" if options.quick else ""
    folder = RunFolder(options.out or Path("runs", f"all-{options.backend}{quick}"))
    return Everything(options, folder, cli.Console(options.quiet)).execute(chosen)


if __name__ == "__main__":
    sys.exit(main())
