"""Read digits, by convolutions, with tinynn and with PyTorch in turns: how much longer does PyTorch take?

    python -m benchmarks.digits                        wants a quiet machine
    python -m benchmarks.digits --json ratios.json     every round's ratio, for other programs
    python -m benchmarks.digits --profile cnn          where tinynn spends its time

PyTorch runs eagerly. Each is given 1 thread and 2, and compared at its better one. Over 1, tinynn is ahead.
An epoch has what its step has not: the DataLoader, the metrics, and the look at the test images.
"""

from collections.abc import Sequence

from benchmarks import training
from benchmarks.workloads import DIGITS


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    return training.main("digits", __doc__, DIGITS, argv)


if __name__ == "__main__":
    raise SystemExit(main())
