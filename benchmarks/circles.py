"""Train on the circles with tinynn and with PyTorch in turns: how much longer does PyTorch take?

    python -m benchmarks.circles                       all workloads; wants a quiet machine
    python -m benchmarks.circles --only v2 binary      some of them
    python -m benchmarks.circles --json ratios.json    every round's ratio, for other programs
    python -m benchmarks.circles --profile v2          where tinynn spends its time

PyTorch runs eagerly. Each is given 1 thread and 2, and compared at its better one. Over 1, tinynn is ahead.
"""

from collections.abc import Sequence

from benchmarks import training
from benchmarks.workloads import CIRCLES


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    return training.main("circles", __doc__, CIRCLES, argv)


if __name__ == "__main__":
    raise SystemExit(main())
