"""Train on the circles with tinynn and with PyTorch in turns: how much longer does PyTorch take?

    python -m benchmarks.circles                       all workloads; wants a quiet machine
    python -m benchmarks.circles --only v2 binary      some of them
    python -m benchmarks.circles --json ratios.json    every round's ratio, for other programs
    python -m benchmarks.circles --profile v2          where tinynn spends its time

PyTorch runs eagerly. Each is given 1 thread and 2, and compared at its better one. Over 1, tinynn is ahead.
"""

import argparse
import cProfile
import pstats
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tinynn
from benchmarks import report
from benchmarks.contest import Turn, Worker, compete, workers
from benchmarks.workloads import PARTS, TITLES, WORKLOADS, epoch
from experiments.common.cli import integer

SECONDS = 0.15  # a contender's turn
PROFILED_EPOCHS = 300
HEADER = ("workload", "", "part", "torch / tinynn", "threads of tinynn, torch")


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    options = build_parser().parse_args(argv)
    if options.profile:
        profile(options.profile)
        return 0
    facts = report.machine()
    results: list[dict[str, Any]] = []
    for name in options.only or WORKLOADS:
        with workers() as team:
            facts |= {worker.contender.backend: worker.version for worker in team}
            results += measure(team, name, options.rounds)
    print(report.machine_line(facts))
    print(f"How many times as long as tinynn PyTorch takes: median of {options.rounds} rounds (quartiles)\n")
    print(report.table(HEADER, [row(result) for result in results]))
    if options.json:
        report.write_json(options.json, facts, results)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.circles",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=integer(1), default=11, help="how often each contender has its turn")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every ratio there")
    parser.add_argument("--profile", choices=WORKLOADS, metavar="WORKLOAD", help="profile tinynn's epochs")
    return parser


def measure(team: Sequence[Worker], name: str, rounds: int) -> list[dict[str, Any]]:
    """The ratios of a workload's epoch and of its training step."""
    workload = WORKLOADS[name]
    split = workload.split()
    results = []
    for part, make in PARTS.items():
        comparison = report.Comparison.of(compete(team, Turn(make, (workload, split), SECONDS), rounds))
        results.append({"workload": name, "part": part, **comparison.facts()})
    return results


def row(result: dict[str, Any]) -> tuple[str, ...]:
    """A line of the table."""
    name = result["workload"]
    threads = f"{result['tinynn_threads']}, {result['torch_threads']}"
    return name, TITLES[name], result["part"], str(report.Spread.of(result["ratios"])), threads


def profile(name: str) -> None:
    """Print where tinynn's epochs of a workload spend their time, function by function."""
    workload = WORKLOADS[name]
    run_epoch = epoch(tinynn, workload, workload.split())
    run_epoch()
    with cProfile.Profile() as profiler:
        for _ in range(PROFILED_EPOCHS):
            run_epoch()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    raise SystemExit(main())
