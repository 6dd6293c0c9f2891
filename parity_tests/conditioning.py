"""How far an answer of torch's can be trusted: `within_rounding` moves the inputs by a rounding error each,
and looks how far torch's own results or derivatives move.

Where a matrix is nearly singular, or two eigenvalues nearly coincide, derivatives multiply rounding errors by
much. What differs by no more than that is no error of either library; what differs by more is.
"""

import re
import warnings
from typing import Any

import numpy as np
import torch

from parity_tests.harness import Side

TRIALS = 6
MARGIN = 8.0  # a sound algorithm's answer is exact for an input a few roundings away
REPORT = re.compile(r"off by (\S+) at \S+: (result|gradient of input|second derivative)")


def within_rounding(problem: str, theirs: Side) -> bool:
    """Whether the difference that `problem` reports is no larger than what rounding does to torch."""
    report = REPORT.match(problem)
    if report is None:
        return False
    moves = movement(theirs)[report[2]]
    return float(report[1]) <= MARGIN * moves


def movement(theirs: Side) -> dict[str, float]:
    """The largest change of torch's results, gradients and second derivatives, by their names in reports."""
    arrays = [x.numpy(force=True) for x in theirs.inputs]
    draw, start = np.random.default_rng(0), answers(theirs.case, arrays)
    moved = dict.fromkeys(start, 0.0)
    for _ in range(TRIALS):
        nearby = answers(theirs.case, [rounded(array, draw) for array in arrays])
        for name, values in start.items():
            moved[name] = max([moved[name], *map(distance, values, nearby[name])])
    return moved


def answers(case: Any, arrays: list[np.ndarray]) -> dict[str, list]:
    side = Side(torch, case, arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        side.differentiate(case.second and all(x.numel() for x in side.inputs))
    return {
        "result": side.outputs,
        "gradient of input": side.gradients,
        "second derivative": side.second,
    }


def rounded(array: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Each element half an ulp or one away."""
    if array.dtype.kind != "f":
        return array
    return array * (1 + draw.choice([-1.0, 1.0], array.shape) * np.finfo(array.dtype).eps).astype(array.dtype)


def distance(a: Any, b: Any) -> float:
    if a is None or b is None or not a.is_floating_point() or a.shape != b.shape:
        return 0.0
    apart = (a.detach() - b.detach()).abs()
    return float(apart[apart.isfinite()].max()) if apart.isfinite().any() else 0.0
