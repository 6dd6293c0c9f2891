"""How long does `import tinynn` take, as a multiple of `import numpy`?

    python -m benchmarks.imports [--rounds 25]

Each import is timed in an interpreter of its own, in turns, with the bytecode compiled before.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from experiments.common.cli import integer

ROOT = Path(__file__).resolve().parents[1]
TIMED = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=integer(1), default=25, help="how often each is imported")
    options = parser.parse_args(argv)
    facts = report.machine()
    seconds("tinynn")  # compiles the bytecode, of NumPy too
    ratios = [seconds("tinynn") / seconds("numpy") for _ in range(options.rounds)]
    print(report.machine_line(facts))
    print(f"import tinynn / import numpy, median of {options.rounds} (quartiles): {report.Spread.of(ratios)}")
    return 0


def seconds(module: str) -> float:
    """The time that importing `module` takes a new interpreter."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", TIMED.format(module)]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return float(run.stdout)


if __name__ == "__main__":
    raise SystemExit(main())
