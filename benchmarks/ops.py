"""What single operations cost: recorded forward pass and backward pass, on tinynn and on PyTorch in turns.

    python -m benchmarks.ops                      all of them, in three sizes
    python -m benchmarks.ops --only matmul conv2d some of them

Small operations show what recording costs, large ones how fast the arithmetic is.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from benchmarks import report
from benchmarks.contest import Turn, Worker, compete, workers
from experiments.common.cli import integer

SECONDS = 0.03  # a contender's turn
MATRICES = ((10, 10), (1000, 10), (1000, 1000))
IMAGES = ((64, 1, 8, 8), (64, 16, 8, 8), (8, 32, 32, 32))  # how many, channels, height, width


class Case(NamedTuple):
    """An operation on `(torch, x, ...)`, and the shapes of its operands in each of the sizes; all require grad."""

    function: Callable
    shapes: Callable[..., tuple[tuple[int, ...], ...]] = lambda *size: (size,)
    sizes: tuple[tuple[int, ...], ...] = MATRICES


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
    "conv2d":         Case(lambda torch, x, w, b: torch.nn.functional.conv2d(x, w, b, padding=1), lambda n, c, *size: ((n, c, *size), (32, c, 3, 3), (32,)), IMAGES),
    "conv_transpose2d": Case(lambda torch, x, w, b: torch.nn.functional.conv_transpose2d(x, w, b, 2), lambda n, c, *size: ((n, c, *size), (c, 16, 2, 2), (16,)), IMAGES),
    "batch_norm":     Case(lambda torch, x, w, b: torch.nn.functional.batch_norm(x, None, None, w, b, True), lambda n, c, *size: ((n, c, *size), (c,), (c,)), IMAGES),
    "max_pool2d":     Case(lambda torch, x: torch.nn.functional.max_pool2d(x, 2), sizes=IMAGES),
    "avg_pool2d":     Case(lambda torch, x: torch.nn.functional.avg_pool2d(x, 2), sizes=IMAGES),
    "bilinear":       Case(lambda torch, x: torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear"), sizes=IMAGES),
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
        rows = {name: raced(team, name, options.rounds) for name in options.only or CASES}
    print(report.machine_line(facts))
    print(
        "Microseconds of tinynn / of torch (each at the better of 1 and 2 threads), and how many times as long torch takes"
    )
    for sizes in (MATRICES, IMAGES):
        chosen = [(name, *row) for name, row in rows.items() if CASES[name].sizes == sizes]
        if chosen:
            titles = (" x ".join(str(n) for n in size) for size in sizes)
            print("\n" + report.table(("forward and backward", *titles), chosen))
    return 0


def raced(team: Sequence[Worker], name: str, rounds: int) -> list[str]:
    """The entries of an operation in the table, for each of its sizes."""
    turns = (Turn(operation, (name, size), SECONDS) for size in CASES[name].sizes)
    return [cell(compete(team, turn, rounds)) for turn in turns]


def operation(backend: ModuleType, name: str, size: tuple[int, ...]) -> Callable[[], None]:
    """The forward pass of an operation, its backward pass, and taking the gradients away again."""
    function, shapes, _ = CASES[name]
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
