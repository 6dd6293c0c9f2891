"""Train an experiment with every combination of models, optimizers, learning rates and seeds.

python experiments/sweep.py                      48 trials, as many at a time as there are processors
python experiments/sweep.py --models v1,v2 --lrs 0.01,0.1 --seeds 5
python experiments/sweep.py --resume             go on with what was interrupted
python experiments/sweep.py --engine dask --scheduler tcp://HOST:8786
python experiments/sweep.py --engine ray --scheduler HOST:6379

A trial depends on its parameters alone: results.csv is the same, byte by byte, wherever they were run.
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import cli, engines
from experiments.common.backends import BACKENDS, DTYPES, check_device, load_backend, require, versions
from experiments.common.errors import WorkerLostError
from experiments.common.experiment import Experiment
from experiments.common.optimizers import OPTIMIZERS
from experiments.common.options import add_output_options
from experiments.common.results import FILE, Results, Row, Setting, as_text
from experiments.common.run_folder import RunFolder
from experiments.common.tables import aligned
from experiments.common.trials import EXPERIMENTS, OK, load_experiment

PROGRAM = "sweep.py"
FIRST_SEED = 42
TIMES_LOST = 3  # so often the trials that dead workers left are started again
EPILOG = """\
What is not swept, and not said by an option, is as the last of the models is studied.
A trial whose loss became infinite or nan has diverged; that is a result too. One that raised an error is run
again by --resume. Workers of a cluster import this repository: start them where it is in the same folder as
here, or with PYTHONPATH naming it.
Exit code: 0; 1 if a trial raised an error, or none has a result; 2 for bad arguments, a missing package or a
scheduler that does not answer; 130 after Ctrl-C.
"""


class Sweep:
    """Runs the trials that have no result yet, and sums up all of them."""

    def __init__(self, experiment: Experiment, options: argparse.Namespace, folder: RunFolder) -> None:
        self.experiment = experiment
        self.options = options
        self.folder = folder
        self.console = cli.Console(options.quiet)
        self.backend = load_backend(options.backend)
        self.base = base_config(experiment, options)
        self.metric = experiment.task(self.backend, self.base).metric
        self.seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
        swept = product(options.models, options.optimizers, options.lrs, self.seeds)
        self.configs = [
            replace(self.base, model=model, optimizer=optimizer, lr=lr, seed=seed)
            for model, optimizer, lr, seed in swept
        ]
        origin = {"experiment": experiment.name, "backend": options.backend}
        self.results = Results(folder, self.metric, [as_text(origin | asdict(c)) for c in self.configs])

    def execute(self, plots: Any) -> int:
        """Run, with a line for each trial, sum up and draw; returns the exit code."""
        if self.options.resume and self.results.exist():
            self.results.load()
        elif self.results.exist():
            self.console.say(
                "An earlier sweep's results here give way to new ones: --resume would go on with it.\n"
            )
        self.console.say(self.header())
        interrupted = False
        try:
            self.run()
        except KeyboardInterrupt:
            interrupted = True
        self.conclude(plots)
        if interrupted:
            rows = self.results.rows()
            done = f"{len(rows) - rows.count(None)} of {len(rows)} trials"
            self.console.conclude(f"Interrupted: {done} are in {self.folder.path / FILE}.")
            self.console.conclude("The same command with --resume runs the others.")
            return cli.EXIT_INTERRUPTED
        return self.exit_code()

    def exit_code(self) -> int:
        """Failed unless every trial came to an end, and one at least has a result."""
        ends = [row and row["status"] for row in self.results.rows()]
        return cli.EXIT_FAILED if self.results.unfinished() or OK not in ends else cli.EXIT_OK

    # --- running

    def run(self) -> None:
        """Run what is unfinished, and again what was lost with its worker."""
        options, left = self.options, self.results.unfinished()
        if not left:
            return
        with engines.engine(options.engine, options.jobs, options.scheduler) as one_by_one:
            for chances in reversed(range(TIMES_LOST + 1)):
                try:
                    return self.run_once(left, one_by_one)
                except WorkerLostError as error:
                    what = f"starting the {len(left)} trials that are left again" if chances else "giving up"
                    self.console.conclude(f"{str(error).capitalize()}; {what}.")

    def run_once(self, left: list[int], one_by_one: bool) -> None:
        """Run the trials with the numbers in `left`; each leaves the list when it has ended."""
        total, numbers = len(self.configs), list(left)
        calls = [(self.experiment.name, self.options.backend, asdict(self.configs[n])) for n in numbers]
        outcomes = engines.results("experiments.common.trials:run_trial", calls, one_by_one)
        with warnings.catch_warnings(), closing(outcomes):
            warnings.filterwarnings("ignore", ".*have been cancelled")  # after Ctrl-C that is as it should be
            for place, outcome in outcomes:
                row = self.results.add(numbers[place], outcome)
                left.remove(numbers[place])
                self.console.say(
                    f"{total - len(left):>4} of {total}  {name_of(row):<40} {self.described(row)}"
                )

    # --- printing

    def header(self) -> str:
        """What is about to happen, in a line each."""
        options, base = self.options, self.base
        rates = ", ".join(f"{lr:g}" for lr in options.lrs)
        batches = f"minibatches of {base.batch_size}" if base.batch_size else "full batch"
        done = len(self.configs) - len(self.results.unfinished())
        lines = {
            "Backend": f"{options.backend} on {base.device}, {base.dtype}",
            "Versions": ", ".join(f"{name} {version}" for name, version in versions(self.backend).items()),
            "Data": self.experiment.describe_data(base),
            "Training": f"{base.epochs:,} epochs, {batches}",
            "Sweep": f"{', '.join(options.models)} by {', '.join(options.optimizers)} by lr {rates}",
            "Trials": f"{len(self.configs)}, with {options.seeds} seeds"
            + (f"; {done} are done" if done else ""),
            "Engine": options.engine + (f" at {options.scheduler}" if options.scheduler else ""),
        }
        return "".join(f"{name:<10}{text}\n" for name, text in lines.items())

    def described(self, row: Row) -> str:
        """How a trial ended."""
        if row["status"] != OK:
            return f"{row['status'].upper()}: {row['reason']}"
        score = self.metric.text(float(row[f"test_{self.metric.name}"]))
        return f"Test Loss: {float(row['test_loss']):.5f}, Test {score}"

    # --- summing up

    def conclude(self, plots: Any) -> None:
        """Write and print what the results come to."""
        settings, metric = self.settings(), f"test_{self.metric.name}"
        header = ["model", "optimizer", "lr", metric, f"{metric}_std", "test_loss", "lacking"]
        table = [[s.model, s.optimizer, s.lr, *s.summary(), s.lacking()] for s in settings]
        self.folder.write_csv("summary.csv", header, table)
        figure = self.draw(settings, plots)
        self.folder.write_figure("heat_map.png", figure)
        plots.done_with(figure)
        self.print_failures()
        self.print_best(settings)
        self.console.conclude(f"In {self.folder.path}: {', '.join(self.folder.files)}")

    def settings(self) -> list[Setting]:
        """The combinations of everything but the seeds, in the sweep's order."""
        rows, count = self.results.rows(), len(self.seeds)
        return [
            Setting(config.model, config.optimizer, config.lr, self.metric, rows[first : first + count])
            for first, config in list(enumerate(self.configs))[::count]
        ]

    def draw(self, settings: Sequence[Setting], plots: Any) -> Any:
        """Models and optimizers by learning rates, with the mean score as colour."""
        over = f"mean over {len(self.seeds)} seeds, {self.base.epochs:,} epochs"
        return plots.plot_heat_map(
            {(f"{s.model}, {s.optimizer}", f"{s.lr:g}"): self.cell(s, plots) for s in settings},
            ("Model, optimizer", "Learning rate"),
            self.metric,
            f"{self.experiment.title} on {self.options.backend}, test points: {over}",
        )

    def cell(self, setting: Setting, plots: Any) -> Any:
        """A setting's mean score and spread, and what it lacks."""
        lines = [setting.lacking()] if setting.incomplete else []
        mean, spread, _ = setting.summary()
        if setting.scores:
            lines.insert(0, f"{mean:.4g} ± {spread:.2g}" if len(self.seeds) > 1 else f"{mean:.4g}")
        return plots.Cell(mean if setting.scores else None, "\n".join(lines), setting.incomplete)

    def print_failures(self) -> None:
        """Each trial without a result, with the reason."""
        rows = [row for row in self.results.rows() if row and row["status"] != OK]
        if rows:
            self.console.conclude(f"\n{len(rows)} trials gave no result:")
        for row in rows:
            self.console.conclude(f"  {name_of(row)}: {row['status']}: {row['reason']}")

    def print_best(self, settings: Sequence[Setting]) -> None:
        """For each model and optimizer the best learning rate, the best of all first."""
        ranked = sorted((s for s in settings if s.scores), key=Setting.rank)
        if not ranked:
            self.console.conclude("\nNo trial gave a result.")
            return
        best = {(s.model, s.optimizer): s for s in reversed(ranked)}
        table = [["model", "optimizer", "best lr", f"test {self.metric.name}", "std", "test loss", "lacking"]]
        for setting in sorted(best.values(), key=Setting.rank):
            score, spread, loss = setting.summary()
            numbers = [f"{score:.4f}", f"{spread:.4f}", f"{loss:.5f}"]
            table.append(
                [setting.model, setting.optimizer, f"{setting.lr:g}", *numbers, setting.lacking() or "-"]
            )
        self.console.conclude(f"\nThe best learning rates, by the mean over {len(self.seeds)} seeds:")
        self.console.conclude(aligned(table) + "\n")


def name_of(row: Row) -> str:
    """`v2 adam lr 0.1 seed 42`."""
    return f"{row['model']} {row['optimizer']} lr {float(row['lr']):g} seed {row['seed']}"


def base_config(experiment: Experiment, options: argparse.Namespace) -> Any:
    """What all trials share: the last model's own settings, with what the command line says."""
    names = {field.name for field in fields(experiment.config_type)} - {"model", "optimizer", "lr", "seed"}
    given = {name: value for name, value in vars(options).items() if name in names}
    return experiment.configure(options.models[-1], **given)


# --- the command line


def each(parse: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """An argparse type: values with commas between them, each once."""

    def parse_all(text: str) -> list[Any]:
        values = [parse(part) for part in text.split(",")]
        if len(set(values)) < len(values):
            raise argparse.ArgumentTypeError(f"must have each once, not {text!r}")
        return values

    return parse_all


def one_of(names: Sequence[str]) -> Callable[[str], str]:
    """An argparse type: one of `names`."""

    def parse(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
        return text

    return parse


def build_parser(experiment: Experiment) -> argparse.ArgumentParser:
    """The command line, with the options of the experiment to be swept."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Train with every combination of models, optimizers, learning rates and seeds.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--experiment", choices=EXPERIMENTS, default="circles", help="(default: %(default)s)")
    add(
        "--models",
        type=each(one_of(list(experiment.presets))),
        default=[experiment.default_model],
        metavar="A,B,...",
        help=f"of {', '.join(experiment.presets)} (default: {experiment.default_model})",
    )
    add(
        "--optimizers",
        type=each(one_of(list(OPTIMIZERS))),
        default=["sgd", "momentum", "rmsprop", "adam"],
        metavar="A,B,...",
        help=f"of {', '.join(OPTIMIZERS)} (default: sgd,momentum,rmsprop,adam)",
    )
    add(
        "--lrs",
        type=each(cli.number(0, 1e30, exclusive=True)),
        default=[0.001, 0.01, 0.1, 1.0],
        metavar="X,Y,...",
        help="learning rates (default: 0.001,0.01,0.1,1)",
    )
    add("--seeds", type=cli.integer(1), default=3, metavar="N", help="how many, from 42 on (default: 3)")
    own = "(default: the model's own)"
    add("--epochs", type=cli.integer(1), metavar="N", help=f"passes over the training points {own}")
    add("--batch-size", type=cli.integer(1), metavar="N", help=f"points a step {own}")
    experiment.add_options(parser)
    add("--backend", choices=BACKENDS, default="tinynn", help="(default: %(default)s)")
    add("--dtype", choices=DTYPES, default="float32", help="(default: %(default)s)")
    add("--device", default="cpu", help="for --backend torch, such as cuda or mps (default: %(default)s)")
    add(
        "--engine",
        choices=engines.ENGINES,
        default="local",
        help="where trials run: processes here, or a cluster's workers (default: %(default)s)",
    )
    add("--scheduler", metavar="ADDRESS", help="of the cluster; without it ray starts one on this machine")
    add("--jobs", type=cli.integer(1), metavar="N", help="trials at a time (default: as many as processors)")
    add("--resume", action="store_true", help="keep the results in the folder, and run what is missing")
    add_output_options(parser)
    return parser


def parse(arguments: Sequence[str] | None) -> tuple[Experiment, argparse.Namespace]:
    """The experiment, which decides what options there are, and their values."""
    first = argparse.ArgumentParser(add_help=False, prog=PROGRAM)
    first.add_argument("--experiment", choices=EXPERIMENTS, default="circles")
    experiment = load_experiment(first.parse_known_args(arguments)[0].experiment)
    parser = build_parser(experiment)
    options = parser.parse_args(arguments)
    if options.engine == "dask" and not options.scheduler:
        parser.error("--engine dask wants the --scheduler ADDRESS that `dask scheduler` prints")
    if options.engine == "dask" and options.jobs:
        parser.error("--jobs: a dask cluster does as many trials at a time as its workers have threads")
    if options.engine == "local" and options.scheduler:
        parser.error("--scheduler is for --engine dask or ray")
    return experiment, options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep with command line `arguments`; returns the exit code."""
    experiment, options = parse(arguments)
    return cli.run(PROGRAM, lambda: start(experiment, options))


def start(experiment: Experiment, options: argparse.Namespace) -> int:
    """Check what can be wrong before anything is computed, then execute."""
    require(("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"))
    if options.engine == "local":  # a cluster's workers may have other devices than this machine
        check_device(load_backend(options.backend), options.device, options.dtype)
    folder = RunFolder(options.out or Path("runs", f"sweep-{experiment.name}-{options.backend}"))

    from experiments.common import plots  # matplotlib takes a second to load

    sweep = Sweep(experiment, options, folder)
    with plots.screen(options.show, sweep.console.conclude):
        return sweep.execute(plots)


if __name__ == "__main__":
    sys.exit(main())
