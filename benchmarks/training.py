"""What the benchmarks that train have in common: the turns of tinynn and PyTorch, the table of ratios."""

import argparse
import cProfile
import pstats
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tinynn
from benchmarks import report
from benchmarks.contest import Turn, Worker, compete, workers
from benchmarks.workloads import PARTS, Workload, Workloads, epoch
from experiments.common.cli import integer

SECONDS = 0.15  # a contender's turn
PROFILED_SECONDS = 3
HEADER = ("workload", "", "part", "torch / tinynn", "threads of tinynn, torch")


def main(name: str, description: str, workloads: Workloads, argv: Sequence[str] | None = None) -> int:
    """The program `benchmarks.{name}`; returns its exit code."""
    options = build_parser(name, description, workloads).parse_args(argv)
    if options.profile:
        profile(workloads[options.profile])
        return 0
    facts = report.machine()
    results: list[dict[str, Any]] = []
    for chosen in options.only or workloads:
        with workers() as team:
            facts |= {worker.contender.backend: worker.version for worker in team}
            results += measure(team, chosen, workloads[chosen], options.rounds)
    print(report.machine_line(facts))
    print(f"How many times as long as tinynn PyTorch takes: median of {options.rounds} rounds (quartiles)\n")
    print(report.table(HEADER, [row(result, workloads) for result in results]))
    if options.json:
        report.write_json(options.json, facts, results)
    return 0


def build_parser(name: str, description: str, workloads: Workloads) -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=integer(1), default=11, help="how often each contender has its turn")
    parser.add_argument("--only", nargs="+", choices=workloads, metavar="WORKLOAD", help=", ".join(workloads))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every ratio there")
    parser.add_argument("--profile", choices=workloads, metavar="WORKLOAD", help="profile tinynn's epochs")
    return parser


def measure(team: Sequence[Worker], name: str, workload: Workload, rounds: int) -> list[dict[str, Any]]:
    """The ratios of a workload's epoch and of its training step."""
    split = workload.split()
    results = []
    for part, make in PARTS.items():
        comparison = report.Comparison.of(compete(team, Turn(make, (workload, split), SECONDS), rounds))
        results.append({"workload": name, "part": part, **comparison.facts()})
    return results


def row(result: dict[str, Any], workloads: Workloads) -> tuple[str, ...]:
    """A line of the table."""
    name = result["workload"]
    threads = f"{result['tinynn_threads']}, {result['torch_threads']}"
    return name, workloads[name].title, result["part"], str(report.Spread.of(result["ratios"])), threads


def profile(workload: Workload) -> None:
    """Print where tinynn's epochs of a workload spend their time, function by function."""
    run_epoch = epoch(tinynn, workload, workload.split())
    run_epoch()
    with cProfile.Profile() as profiler:
        end = time.perf_counter() + PROFILED_SECONDS
        while time.perf_counter() < end:
            run_epoch()
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(30)
