"""The ledger: what agrees with torch on torch's own databases, counted and measured.

    python -m parity_tests.report

examines every entry of op_db, module_db and optim_db on all samples, in two processes, and writes
docs/PARITY.md, its picture, and the totals in README.md. On one machine two runs write the same bytes.
"""

import os
import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch

import tinynn
from experiments.common.lockstep import brief
from parity_tests import module_db, op_db, optim_db
from parity_tests.absent import reason_of
from parity_tests.databases import (
    AGREES,
    DIFFERS,
    ERRORS,
    EXPLAINED,
    GRADIENTS,
    IN_PLACE,
    METHOD,
    SECOND,
    VALUES,
    Tally,
)
from parity_tests.differences import DIFFERENCES, MODULE_DIFFERENCES, Difference
from parity_tests.harness import FLOATS, INTEGERS
from parity_tests.picture import draw

ROOT = Path(__file__).resolve().parents[1]
LEDGER, README = ROOT / "docs" / "PARITY.md", ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "parity.svg"
TOTALS = re.compile(r"(?<=<!-- parity totals -->\n).*?(?=<!-- end of parity totals -->)", re.DOTALL)
WORKERS = 2


class Database(NamedTuple):
    """One of torch's databases: `examinations` has PRESENT and `tally`; `all_names`: of all entries."""

    name: str
    entries: str
    examinations: ModuleType
    all_names: list[str]


DATABASES = {
    database.name: database
    for database in (
        Database("op_db", "operation", op_db, [op_db.full_name(op) for op in op_db.op_db]),
        Database("module_db", "module", module_db, [info.name for info in module_db.module_db]),
        Database("optim_db", "optimizer", optim_db, [info.name for info in optim_db.optim_db]),
    )
}

Tallies = Mapping[str, Mapping[str, Tally]]  # by the database's name, then by the entry's


# --- measuring


def measure() -> Tallies:
    """The tally of every entry of every database."""
    tasks = [(name, entry) for name, database in DATABASES.items() for entry in database.examinations.PRESENT]
    # A thread for each process; and sets of strings in one order: the database makes some samples from sets.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        found = list(pool.map(tally_of, *zip(*tasks, strict=True)))
    return {
        name: {entry: tally for (of, entry), tally in zip(tasks, found, strict=True) if of == name}
        for name in DATABASES
    }


def tally_of(database: str, entry: str) -> Tally:
    examinations = DATABASES[database].examinations
    return examinations.tally(examinations.PRESENT[entry])


def measured_with() -> str:
    """The versions that the numbers hold for, and what kernels torch chose on this processor."""
    kernels = torch.backends.cpu.get_cpu_capability()
    return (
        f"torch {torch.__version__.partition('+')[0]} with {kernels} kernels, NumPy {np.__version__}, "
        f"tinynn {tinynn.__version__}, Python {platform.python_version()}"
    )


# --- the page


def page(tallies: Tallies) -> str:
    """docs/PARITY.md."""
    return f"""# The parity ledger

tinynn and PyTorch, run on the samples of PyTorch's own databases. `python -m parity_tests.report` wrote this
page, its picture and the totals in the README: no number in them was typed. Measured with
{measured_with()}.

{totals_block(tallies)}
![How many entries of each database agree, and by how many ulp values and gradients differ]\
(images/{PICTURE.name})

## How to read it

A sample is one set of arguments in one dtype: float32, float64, the integers and bool, as far as the
operation takes them. `24/24`: all 24 samples agree, by the rules and tolerances of
[semantics.md](semantics.md). Where some do not, the cell says how many are *explained*, that is covered by a
[deliberate difference](#differences), and in bold how many *differ* without an explanation. An empty cell:
nothing to compare. Left out are samples with complex numbers, layouts of memory and `out=`, and those for
which PyTorch itself has no kernel; of a few entries that leaves no sample.

- *errors*: inputs that PyTorch refuses are refused with the same type of exception; *same words*: the first
  line of its message agrees too.
- *ulp*, float32 / float64: the worst distance among the samples that agree. Of unary and binary functions
  each value is measured by itself, in floating point numbers from one to the other. Other operations, and
  gradients, add numbers up, which may cancel to almost nothing: there the unit is the last place of the
  largest number that goes in or comes out (of gradients: of the largest gradient plus 1, the size of the
  upstream gradients).

## Operations

{table(OPERATION_COLUMNS, tallies["op_db"], DATABASES["op_db"])}

{absent_list(DATABASES["op_db"])}

## Modules

*start*: the parameters and buffers after `manual_seed`, bit for bit, the repr and the keys of the state.
*strided*: the same for inputs that are not contiguous. *state*: copied, pickled, loaded, moved to dtypes.
*reference*: PyTorch's own reference in NumPy.

{table(MODULE_COLUMNS, tallies["module_db"], DATABASES["module_db"])}

{absent_list(DATABASES["module_db"])}

## Optimizers

A sample is one configuration, trained for 20 steps: parameters, state and repr; the unit of *ulp* is the last
place of the largest parameter, or of 1. Muon rounds its directions to bfloat16, and where they fall on the
other side they are 2^-8 apart; LBFGS, after hundreds of iterations, stands at a minimum, where the loss does
not tell x from x + sqrt(eps).

{table(OPTIMIZER_COLUMNS, tallies["optim_db"], DATABASES["optim_db"])}

{absent_list(DATABASES["optim_db"])}

## Differences

Deliberate ones, and rounding that nobody can agree on. The list is `parity_tests/differences.py`; an entry
that no sample needs fails the tests.

| of | in | because |
|---|---|---|
{"".join(map(difference_row, [*DIFFERENCES, *MODULE_DIFFERENCES]))}"""


def table(columns: dict, tallies: Mapping[str, Tally], database: Database) -> str:
    """A row for each entry that is present."""
    lines = [[database.entries, *columns], ["---"] * (1 + len(columns))]
    lines += [cells(columns, name, tally) for name, tally in sorted(tallies.items())]
    return "\n".join(map(as_row, lines))


def cells(columns: dict, name: str, tally: Tally) -> list[str]:
    return [f"`{name}`", *(cell(tally) for cell in columns.values())]


def as_row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def counted(aspect: str):
    """The cell that counts the samples of an aspect."""

    def cell(tally: Tally) -> str:
        total = tally.number(aspect=aspect)
        explained, differ = (tally.number(verdict, aspect) for verdict in (EXPLAINED, DIFFERS))
        text = f"{tally.number(AGREES, aspect)}/{total}" if total else ""
        text += f" ({explained} explained)" if explained else ""
        return f"**{text}, {differ} differ**" if differ else text

    return cell


def same_words(tally: Tally) -> str:
    total = tally.number(aspect=ERRORS)
    return f"{tally.same_words}/{total}" if total else ""


def ulps(aspect: str):
    """The cell with the worst distance in each of the two float dtypes."""

    def cell(tally: Tally) -> str:
        worst = [tally.ulps.get((aspect, dtype)) for dtype in FLOATS]
        if worst == [None, None]:
            return ""
        return " / ".join("-" if w is None else brief(w) for w in worst)

    return cell


OPERATION_COLUMNS = {
    "values": counted(VALUES),
    "gradients": counted(GRADIENTS),
    "second": counted(SECOND),
    "method": counted(METHOD),
    "in place": counted(IN_PLACE),
    "errors": counted(ERRORS),
    "same words": same_words,
    "ulp": ulps(VALUES),
    "ulp of gradients": ulps(GRADIENTS),
}
MODULE_COLUMNS = {
    "start": counted(module_db.START),
    "values": counted(VALUES),
    "gradients": counted(GRADIENTS),
    "second": counted(SECOND),
    "strided": counted(module_db.STRIDED),
    "in place": counted(IN_PLACE),
    "state": counted(module_db.STATE),
    "reference": counted(module_db.REFERENCE),
    "errors": counted(ERRORS),
    "same words": same_words,
    "ulp": ulps(VALUES),
    "ulp of gradients": ulps(GRADIENTS),
}
OPTIMIZER_COLUMNS = {
    "values": counted(VALUES),
    "errors": counted(ERRORS),
    "same words": same_words,
    "ulp": ulps(VALUES),
}


def absent_list(database: Database) -> str:
    """The entries that are not compared, by reason."""
    grouped: dict[str, list[str]] = {}
    for name in database.all_names:
        if name not in database.examinations.PRESENT:
            grouped.setdefault(reason_of(name), []).append(f"`{name}`")
    lines = [f"- {reason} ({len(names)}): {', '.join(names)}" for reason, names in sorted(grouped.items())]
    absent = sum(map(len, grouped.values()))
    return "\n".join([f"Not compared are {absent} of {len(database.all_names)} entries:\n", *lines])


def difference_row(difference: Difference) -> str:
    names = ", ".join(f"`{name}`" for name in difference.names)
    limit = " (by no more than rounding the inputs moves PyTorch's own answer)" if difference.rounding else ""
    return as_row([names, ", ".join(difference.aspects), f"{difference.reason}{limit}"]) + "\n"


# --- the totals


class Claim(NamedTuple):
    """A line of the totals: about the entries of a database, in some aspects and dtypes."""

    database: str
    text: str
    aspects: tuple[str, ...] = ("",)
    dtypes: tuple[str, ...] = ()


CLAIMS = [
    Claim("op_db", "values and gradients, float32 and float64", (VALUES, GRADIENTS), FLOATS),
    Claim("op_db", "second derivatives", (SECOND,)),
    Claim("op_db", "values, integers and bools", (VALUES,), INTEGERS),
    Claim("op_db", "as a method, and in place", (METHOD, IN_PLACE)),
    Claim("op_db", "errors", (ERRORS,)),
    Claim("op_db", "everything"),
    Claim("module_db", "values and gradients", (VALUES, GRADIENTS)),
    Claim("module_db", "everything"),
    Claim("optim_db", "everything"),
]


def outcome(tally: Tally, claim: Claim) -> str:
    """The worst verdict among an entry's samples; "" if the claim has nothing to say of it."""
    for verdict in (DIFFERS, EXPLAINED, AGREES):
        if any(tally.number(verdict, aspect, claim.dtypes) for aspect in claim.aspects):
            return verdict
    return ""


def totals(tallies: Tallies) -> str:
    """How many entries there are, and how many agree on every sample."""
    present = ",\n".join(
        f"{len(tallies[name])} of the {len(database.all_names)} {database.entries}s of `{name}`"
        for name, database in DATABASES.items()
    )
    samples = sum(tally.number() for of in tallies.values() for tally in of.values())
    lines = [
        ["entries that have", "compared", "agree on every sample", "differ as explained", "differ"],
        ["---"] * 5,
    ]
    for claim in CLAIMS:
        found = Counter(outcome(tally, claim) for tally in tallies[claim.database].values())
        compared = found[AGREES] + found[EXPLAINED] + found[DIFFERS]
        agree = f"{found[AGREES]} ({100 * found[AGREES] / compared:.1f} %)"
        lines.append(
            [
                f"`{claim.database}`: {claim.text}",
                f"{compared}",
                agree,
                f"{found[EXPLAINED]}",
                f"{found[DIFFERS]}",
            ]
        )
    return (
        f"Present are {present}; {samples:,} comparisons were made.\n\n"
        + "\n".join(map(as_row, lines))
        + "\n"
    )


def totals_block(tallies: Tallies) -> str:
    return f"<!-- parity totals -->\n{totals(tallies)}<!-- end of parity totals -->\n"


# --- the files


def main() -> None:
    """Measure, and write the page, the picture and the README's totals."""
    tallies = measure()
    LEDGER.write_text(page(tallies))
    README.write_text(TOTALS.sub(lambda _: totals(tallies), README.read_text()))
    draw(fates(tallies), worst(tallies["op_db"]), PICTURE)


def fates(tallies: Tallies) -> dict[str, Counter]:
    """For each database: how many entries agree, differ as explained, differ, are absent."""
    found = {
        name: Counter(outcome(tally, Claim(name, "everything")) for tally in of.values())
        for name, of in tallies.items()
    }
    for name, database in DATABASES.items():
        found[name]["absent"] = len(database.all_names) - len(tallies[name])
    return found


def worst(tallies: Mapping[str, Tally]) -> dict[str, dict[str, list[float]]]:
    """For values and for gradients, in each float dtype: the worst distance of every entry."""
    return {
        aspect: {
            dtype: [tally.ulps[aspect, dtype] for tally in tallies.values() if (aspect, dtype) in tally.ulps]
            for dtype in FLOATS
        }
        for aspect in (VALUES, GRADIENTS)
    }


if __name__ == "__main__":
    main()
