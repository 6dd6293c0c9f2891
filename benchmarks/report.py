"""Turns times into ratios with their spread, and prints them as a table under a line about the machine."""

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contest import Contender


class Spread(NamedTuple):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:5.2f}  ({self.low:.2f} to {self.high:.2f})"


class Comparison(NamedTuple):
    """tinynn and torch, each with the number of threads that suits it best: the seconds of every round."""

    tinynn: Contender
    torch: Contender
    seconds: dict[Contender, Sequence[float]]

    @classmethod
    def of(cls, times: Mapping[Contender, Sequence[float]]) -> "Comparison":
        best = {
            backend: min(
                (contender for contender in times if contender.backend == backend),
                key=lambda contender: statistics.median(times[contender]),
            )
            for backend in ("tinynn", "torch")
        }
        return cls(**best, seconds={contender: times[contender] for contender in best.values()})

    @property
    def ratios(self) -> list[float]:
        """How many times as long as tinynn torch took, round by round; over 1 tinynn is ahead."""
        rounds = zip(self.seconds[self.torch], self.seconds[self.tinynn], strict=True)
        return [theirs / ours for theirs, ours in rounds]

    def facts(self) -> dict[str, Any]:
        """The comparison as JSON can hold it."""
        threads = {"tinynn_threads": self.tinynn.threads, "torch_threads": self.torch.threads}
        return {**Spread.of(self.ratios)._asdict(), **threads, "ratios": self.ratios}


def machine() -> dict[str, Any]:
    """What the numbers depend on, apart from the code. Ask before the work starts: it is a load itself."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    """The kind of processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def machine_line(facts: Mapping[str, Any]) -> str:
    """The machine in one line, with a warning if it is doing something else already."""
    libraries = ", ".join(
        f"{name} {facts[name]}" for name in facts if name not in ("processor", "cores", "load")
    )
    line = f"{facts['processor']}, {facts['cores']} cores, load {facts['load']}; {libraries}"
    if facts["load"] > facts["cores"] / 2:
        line += "\nThe machine is busy: the ratios below will scatter."
    return line


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned, the header underlined."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(_aligned(line, widths) for line in lines)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def write_json(path: Path, facts: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> None:
    """Everything measured, for other programs."""
    path.write_text(json.dumps({"machine": facts, "results": results}, indent=1) + "\n")
