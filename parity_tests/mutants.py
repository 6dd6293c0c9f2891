"""Do the tests notice? Small errors are put into the derivative table and the optimizers, one at a time.

    python -m parity_tests.mutants                         # 100 mutants, drawn with seed 0
    python -m parity_tests.mutants --number 20 --seed 7 --jobs 4

Each mutant (mutations.py says which there are) is written into a copy of the tree. The tests that are most
likely to notice run first, then the others, until one fails: the mutant is killed, if that test passes on the
tree as it is. A mutant that no test kills survives: a test is missing, or the mutant computes the same, which
EQUIVALENT explains. What cannot even be imported does not count, and is replaced by the next that is drawn.

Outcomes are kept in `runs/mutants.jsonl` and used again, so that a run that was interrupted goes on. `--near`
leaves out the tests that have to do with neither rows nor optimizers, which take most of a survivor's time.
"""

import argparse
import ast
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from parity_tests.mutations import KINDS, Mutant, drawn, mutants_of

ROOT = Path(__file__).parents[1]
OUTCOMES = ROOT / "runs/mutants.jsonl"
OWN = ("tinynn", "tests", "parity_tests", "experiments", "benchmarks", "conftest")  # a tree's own modules
HEAVY = ("torch", "torch.testing._internal.common_methods_invocations", "hypothesis")
TEST_LIMIT = 300  # seconds for one test: a mutant may never end


def _parity_tests(*names: str) -> list[str]:
    return [f"parity_tests/test_{name}.py" for name in names]


# Where the tests of rows and of optimizers are, in groups; the quickest first.
NEAR = {
    "ops": (
        ["tests/test_engine.py", *_parity_tests("exact", "ops", "nn", "conv")],
        _parity_tests("op_db", "losses", "recurrent", "attention", "indexing"),
        _parity_tests("module_db", "autograd", "views", "dtypes", "saves"),
    ),
    "optim": ([*_parity_tests("optim*", "exact"), "tests/test_optim.py"],),
}


class Equivalent(NamedTuple):
    """A mutant that no test can notice, and why."""

    path: str
    before: str
    after: str
    why: str


EQUIVALENT = [
    Equivalent(
        "tinynn/optim/elementwise.py",
        "return 0.0",
        "return 1.0",
        "the number of a step that nobody counts: only optimizers that do not ask for it count none",
    ),
    Equivalent(
        "tinynn/ops/bessel.py",
        "return where(tiny, 0.5, i0(x) - y / where(tiny, 1.0, x))",
        "return where(tiny, 0.5, i0(x) - y / where(tiny, 2.0, x))",
        "where x is tiny the outer `where` takes 0.5, whatever it was divided by",
    ),
    Equivalent(
        "tinynn/ops/elementwise.py",
        "2.0: lambda a: a * a,",
        "3.0: lambda a: a * a,",
        "the next line is for 3.0 again, and counts; a ** 2.0 is then NumPy's power, which squares",
    ),
    Equivalent(
        "tinynn/ops/nn.py",
        "return _reduce(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)",
        "return _reduce(np.where((size <= beta), 0.5 * size * size / beta, size - 0.5 * beta), reduction)",
        "where size is beta, both sides are beta / 2",
    ),
    Equivalent(
        "tinynn/ops/normalization.py",
        "return reshape(_unit_back(_grouped(g, groups), _grouped(x, groups), (2,), eps), tuple(x.shape))",
        "return reshape(_unit_back(_grouped(g, groups), _grouped(x, groups), (2,), eps), tuple(g.shape))",
        "g has the shape of the result, which is that of x",
    ),
]
NOT_EXPLAINED = "NOT EXPLAINED: write a test, or say in EQUIVALENT why it computes the same"


class Outcome(NamedTuple):
    """`killed_by`: the test that fails; "" for a survivor."""

    mutant: Mutant
    before: str
    after: str
    killed_by: str
    seconds: float

    @property
    def explanation(self) -> str:
        change = (self.mutant.path, self.before, self.after)
        return next((known.why for known in EQUIVALENT if known[:3] == change), "")


# --- which tests


def selections(mutant: Mutant, tree: Path, near_only: bool) -> Iterator[list[str]]:
    """Arguments of pytest, the most promising tests first.

    Tests of the row, or the optimizer, that the mutant is about have its name in theirs.
    """
    package, name = Path(mutant.path).parts[1:]
    near = [
        [str(path.relative_to(tree)) for pattern in group for path in sorted(tree.glob(pattern))]
        for group in NEAR[package]
    ]
    source = (tree / mutant.path).read_text()
    about = rows_using(mutant.line, source) if package == "ops" else {name.removesuffix(".py")}
    if about:
        yield from ([*files, "-k", " or ".join(sorted(about))] for files in near)
    yield from near
    if not near_only:
        yield ["tests", "parity_tests", *(f"--ignore={path}" for files in near for path in files)]


def rows_using(line: int, source: str) -> set[str]:
    """The public names of a module that depend on this line of it."""
    parts = []  # (the names that a statement defines, the names that it reads)
    changed: set[str] = set()
    for statement in ast.parse(source).body:
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        defined = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined = {statement.name}
        parts.append((defined, {node.id for node in names if isinstance(node.ctx, ast.Load)}))
        if statement.lineno <= line <= statement.end_lineno:
            changed |= defined
    before: set[str] = set()
    while changed != before:
        before = set(changed)
        changed.update(*(defined for defined, read in parts if read & changed))
    return {name for name in changed if not name.startswith("_")}


# --- running tests in a tree


class Watch:
    """A plugin of pytest: which tests failed, and an alarm for those that do not end."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        signal.signal(signal.SIGALRM, self.too_long)
        signal.alarm(TEST_LIMIT)
        try:
            return (yield)
        finally:
            signal.alarm(0)

    def too_long(self, *_: Any) -> None:
        raise TimeoutError(f"no end after {TEST_LIMIT} seconds")


def failures(selection: list[str], without: Iterable[str] = (), at_most: int = 0) -> list[str]:
    """The selected tests that fail; the run stops at `at_most` of them, if that is given."""
    watch = Watch()
    options = ["-q", "--assert=plain", f"--maxfail={at_most}", *(f"--deselect={test}" for test in without)]
    status = pytest.main([*options, *selection], plugins=[watch])
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise RuntimeError(f"pytest {' '.join(selection)}: {status!r}")
    return watch.failed


def imports() -> bool:
    """Whether the library can be imported, all of its rows and optimizers."""
    try:
        importlib.import_module("tinynn.ops").TABLE  # noqa: B018
        importlib.import_module("tinynn.optim")
        importlib.import_module("tinynn.nn")
    except Exception:
        return False
    return True


def in_tree(tree: Path, work: Callable[[], Any]) -> Any:
    """What `work` returns (JSON) in a new process whose modules are this tree's.

    The process is forked from one that has imported PyTorch already, and none of the tree's modules.
    """
    answer, child = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setsid()
            log = os.open(tree.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(tree)
            for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
                del sys.modules[name]
            sys.path[:] = [str(tree), *(path for path in sys.path if path and Path(path) != ROOT)]
            os.environ["PYTHONPATH"] = str(tree)
            os.write(child, json.dumps(work()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(0)
    os.close(child)
    try:
        with os.fdopen(answer, "rb") as pipe:
            text = pipe.read()
    except KeyboardInterrupt:
        os.killpg(pid, signal.SIGKILL)
        raise
    finally:
        os.waitpid(pid, 0)
    if not text:
        raise RuntimeError(f"the tests were not run: {tree.with_suffix('.log').read_text()[-2000:]}")
    return json.loads(text)


# --- examining a mutant


class Examiner:
    """One process's copy of the tree, into which it writes one mutant after another."""

    def __init__(self, original: Path, near_only: bool):
        self.original, self.near_only = original, near_only
        self.tree = original.with_name(f"tree-{os.getpid()}")
        shutil.copytree(original, self.tree)
        self.broken: list[str] = []  # tests that fail on the original
        for module in HEAVY:
            importlib.import_module(module)

    def is_viable(self, mutant: Mutant) -> bool:
        with self.written(mutant):
            return in_tree(self.tree, imports)

    def examine(self, mutant: Mutant) -> Outcome:
        begin = time.monotonic()
        with self.written(mutant):
            chosen = selections(mutant, self.original, self.near_only)
            killed_by = next(filter(None, map(self.failure, chosen)), "")
        change = mutant.change(self.source(mutant))
        return Outcome(mutant, *change, killed_by, round(time.monotonic() - begin, 1))

    def failure(self, selection: list[str]) -> str:
        """The first of these tests that fails because of the mutant; "" if none does."""
        while failed := in_tree(self.tree, partial(failures, selection, self.broken, at_most=1)):
            if not in_tree(self.original, partial(failures, failed)):
                return failed[0]
            self.broken += in_tree(self.original, partial(failures, selection, self.broken))
            if not all("::" in test for test in self.broken):
                raise RuntimeError(f"some of {selection} cannot be collected, without any mutant")
        return ""

    def source(self, mutant: Mutant) -> str:
        return (self.original / mutant.path).read_text()

    @contextmanager
    def written(self, mutant: Mutant) -> Iterator[None]:
        self.write(mutant.path, mutant.applied(self.source(mutant)))
        try:
            yield
        finally:
            self.write(mutant.path, self.source(mutant))

    def write(self, name: str, text: str) -> None:
        path = self.tree / name
        path.write_text(text)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()  # of a source that is as old and as long, it would be taken for this one's


examiner: Examiner  # of this process


def start(original: Path, near_only: bool) -> None:
    global examiner
    examiner = Examiner(original, near_only)


def is_viable(mutant: Mutant) -> bool:
    return examiner.is_viable(mutant)


def examine(mutant: Mutant) -> Outcome:
    return examiner.examine(mutant)


# --- the run


def snapshot(folder: Path) -> Path:
    """A copy of the tree, for the mutants of a run to come from, whatever is edited meanwhile."""
    kept_out = shutil.ignore_patterns(".*", "runs", "__pycache__", "build", "*.egg-info")
    return shutil.copytree(ROOT, folder / "original", ignore=kept_out)


def run(number: int, seed: int, jobs: int, near_only: bool) -> list[Outcome]:
    """Draw the mutants and examine those of which there is no outcome yet."""
    with tempfile.TemporaryDirectory() as folder:
        original = snapshot(Path(folder))
        everything = [
            mutant
            for package in ("ops", "optim")
            for path in sorted((original / "tinynn" / package).glob("*.py"))
            for mutant in mutants_of(str(path.relative_to(original)), path.read_text())
        ]
        print(f"{len(everything):,} mutants, {number} of them drawn with seed {seed}", flush=True)
        with ProcessPoolExecutor(jobs, get_context("fork"), start, (original, near_only)) as pool:
            candidates = [*islice(drawn(everything, seed), 2 * number)]
            viable = pool.map(is_viable, candidates)
            chosen = [*islice((m for m, is_one in zip(candidates, viable, strict=True) if is_one), number)]
            known = read_outcomes(original)
            outcomes = [known[mutant] for mutant in chosen if mutant in known]
            waiting = [pool.submit(examine, mutant) for mutant in chosen if mutant not in known]
            for done in as_completed(waiting):
                outcomes.append(done.result())
                keep(outcomes[-1], original)
                print(f"{len(outcomes):4} {described(outcomes[-1])}", flush=True)
    return outcomes


def read_outcomes(original: Path) -> dict[Mutant, Outcome]:
    """The outcomes of earlier runs that are about the same sources. Survivors are examined again."""
    found = {}
    for line in OUTCOMES.read_text().splitlines() if OUTCOMES.exists() else []:
        source, mutant, *rest = json.loads(line)
        outcome = Outcome(Mutant(*mutant), *rest)
        if outcome.killed_by and source == digest(original / outcome.mutant.path):
            found[outcome.mutant] = outcome
    return found


def keep(outcome: Outcome, original: Path) -> None:
    OUTCOMES.parent.mkdir(exist_ok=True)
    with OUTCOMES.open("a") as file:
        print(json.dumps([digest(original / outcome.mutant.path), *outcome]), file=file)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def described(outcome: Outcome) -> str:
    mutant = outcome.mutant
    verdict = f"killed by {outcome.killed_by}" if outcome.killed_by else "SURVIVES"
    return (
        f"{verdict} ({outcome.seconds:.0f} s)\n     {mutant.kind}, {mutant.path}:{mutant.line}\n"
        f"     - {outcome.before}\n     + {outcome.after}"
    )


def report(outcomes: list[Outcome]) -> bool:
    """Print what came out; whether every survivor is explained."""
    survivors = [outcome for outcome in outcomes if not outcome.killed_by]
    drawn_by_kind = Counter(outcome.mutant.kind for outcome in outcomes)
    killed_by_kind = Counter(outcome.mutant.kind for outcome in outcomes if outcome.killed_by)
    explained = sum(bool(outcome.explanation) for outcome in survivors)
    killed, different = len(outcomes) - len(survivors), len(outcomes) - explained
    print(f"\n{killed} of {len(outcomes)} killed: {100 * killed / max(1, len(outcomes)):.1f} %")
    print(f"{explained} compute the same; of the others {100 * killed / max(1, different):.1f} % are killed")
    for kind in KINDS:
        print(f"    {kind:14}{killed_by_kind[kind]:4} of {drawn_by_kind[kind]}")
    for outcome in survivors:
        print(described(outcome))
        print(f"     {outcome.explanation or NOT_EXPLAINED}")
    return all(outcome.explanation for outcome in survivors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=100, help="how many mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    parser.add_argument("--near", action="store_true", help="only tests of rows and optimizers")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(not report(run(options.number, options.seed, options.jobs, options.near)))


if __name__ == "__main__":
    main()
