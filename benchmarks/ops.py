"""What single operations cost: recorded forward pass and backward pass, on tinynn and on PyTorch in turns.

    python -m benchmarks.ops                      all of them, in three sizes
    python -m benchmarks.ops --only matmul exp    some of them

Small operations show what recording costs, large ones how fast the arithmetic is.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.contest import Turn, compete, workers
from experiments.common.cli import integer

SECONDS = 0.03  # a contender's turn
SIZES = ((10, 10), (1000, 10), (1000, 1000))


class Case(NamedTuple):
    """An operation on `(torch, x, ...)`, and the shapes of its operands in size (n, m); all require grad."""

    function: Callable
    shapes: Callable[[int, int], tuple[tuple[int, ...], ...]] = lambda n, m: ((n, m),)


def two(n: int, m: int) -> tuple[tuple[int, ...], ...]:
    return (n, m), (n, m)


# ruff: noqa: E501 - a case is a line
# fmt: off
CASES = {
    "add":            Case(lambda torch, a, b: a + b, two),
    "add a row":      Case(lambda torch, a, b: a + b, lambda n, m: ((n, m), (m,))),
    "mul":            Case(lambda torch, a, b: a * b, two),
    "div":            Case(lambda torch, a, b: a / b, two),
    "exp":            Case(lambda torch, x: x.exp()),
    "tanh":           Case(lambda torch, x: x.tanh()),
    "sigmoid":        Case(lambda torch, x: x.sigmoid()),
    "relu":           Case(lambda torch, x: x.relu()),
    "where":          Case(lambda torch, a, b: torch.where(a > b, a, b), two),
    "sum":            Case(lambda torch, x: x.sum()),
    "mean of rows":   Case(lambda torch, x: x.mean(0)),
    "max of columns": Case(lambda torch, x: x.amax(1)),
    "softmax":        Case(lambda torch, x: x.softmax(1)),
    "transpose":      Case(lambda torch, x: x.t()),
    "cat":            Case(lambda torch, a, b: torch.cat([a, b], 1), two),
    "index rows":     Case(lambda torch, x: x[torch.arange(0, len(x), 2)]),
    "matmul":         Case(lambda torch, a, b: a @ b, lambda n, m: ((n, m), (m, m))),
    "linear":         Case(lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), lambda n, m: ((n, m), (m, m), (m,))),
    "bce_with_logits": Case(lambda torch, x: torch.nn.functional.binary_cross_entropy_with_logits(x, torch.ones_like(x))),
}
# fmt: on


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ops",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=integer(1), default=5, help="how often each contender has its turn")
    parser.add_argument("--only", nargs="+", choices=CASES, metavar="OPERATION", help=", ".join(CASES))
    options = parser.parse_args(argv)
    facts = report.machine()
    with workers() as team:
        facts |= {worker.contender.backend: worker.version for worker in team}
        rows = [
            (
                name,
                *(
                    cell(compete(team, Turn(operation, (name, size), SECONDS), options.rounds))
                    for size in SIZES
                ),
            )
            for name in options.only or CASES
        ]
    print(report.machine_line(facts))
    print(
        "Microseconds of tinynn / of torch (each at the better of 1 and 2 threads), and how many times as long torch takes\n"
    )
    print(report.table(("forward and backward", *(f"{n} x {m}" for n, m in SIZES)), rows))
    return 0


def operation(backend: ModuleType, name: str, size: tuple[int, int]) -> Callable[[], None]:
    """The forward pass of an operation, its backward pass, and taking the gradients away again."""
    function, shapes = CASES[name]
    draw = np.random.default_rng(0)
    leaves = [_leaf(backend, draw.uniform(0.5, 1.5, shape)) for shape in shapes(*size)]
    gradient = backend.ones_like(function(backend, *leaves).detach())

    def run() -> None:
        function(backend, *leaves).backward(gradient)
        for leaf in leaves:
            leaf.grad = None

    return run


def _leaf(backend: ModuleType, values: np.ndarray) -> Any:
    return backend.from_numpy(values.astype(np.float32)).requires_grad_()


def cell(times: dict) -> str:
    """An entry of the table."""
    comparison = report.Comparison.of(times)
    ours, theirs = (
        1e6 * statistics.median(times[contender]) for contender in (comparison.tinynn, comparison.torch)
    )
    return f"{ours:8.1f} / {theirs:8.1f}  {statistics.median(comparison.ratios):5.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
