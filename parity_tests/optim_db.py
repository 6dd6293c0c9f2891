"""torch's own database of optimizers, `optim_db`, run on both libraries: what agrees, option by option.

Every configuration that torch tests is trained for 20 steps in float32 and in float64, and every input that
torch refuses must be refused with the same exception in the same words. `Examination` yields a `Finding` for
each.

    python -m parity_tests.optim_db [names...]

prints a line for each optimizer.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_optimizers import OptimizerInfo, optim_db

import tinynn
from parity_tests.databases import (
    ERRORS,
    VALUES,
    Finding,
    Tally,
    print_ledger,
    problem_of,
    tallied,
    worst_ulps,
)
from parity_tests.harness import FLOATS, largest
from parity_tests.optim_runs import array, build, check_same, converted, logistic, outcome, start, train

LIBRARIES = (tinynn, torch)
SHAPES = [(4, 3), (5,), (), (2, 3, 4), (6, 6)]
ABSENT = {"SparseAdam": "there are no sparse tensors"}
WITHOUT_COMPLEX_NUMBERS = "does not support complex parameters"
PRESENT = {info.name: info for info in optim_db if info.name not in ABSENT}


class Examination:
    """An entry of the database on both libraries."""

    def __init__(self, info: OptimizerInfo):
        self.info, self.name = info, info.name

    def findings(self) -> Iterator[Finding]:
        compared = self.with_a_closure if self.info.step_requires_closure else self.twenty_steps
        for config in self.info.optim_inputs_func(device="cpu"):
            for dtype in FLOATS:
                yield compared(config, dtype)
        yield from self.refusals()

    def twenty_steps(self, config: Any, dtype: str) -> Finding:
        """The parameters, the state and the repr after 20 steps."""
        runs = [build(lib, self.name, dtype, SHAPES, **converted(config.kwargs, lib)) for lib in LIBRARIES]
        for lib, (params, optimizer) in zip(LIBRARIES, runs, strict=True):
            train(lib, optimizer, params)
        return self.finding(config, dtype, check_same, *runs)

    def with_a_closure(self, config: Any, dtype: str) -> Finding:
        """Of LBFGS, up to 400 iterations. At a minimum the loss does not tell x from x + sqrt(eps)."""
        runs = []
        for lib in LIBRARIES:
            params, optimizer, closure = start(lib, logistic, dtype, **converted(config.kwargs, lib))
            runs.append((params, [optimizer.step(closure).item() for _ in range(20)]))
        return self.finding(config, dtype, check_same_descent, *runs)

    def finding(self, config: Any, dtype: str, check: Callable, ours: tuple, theirs: tuple) -> Finding:
        problem = problem_of(check, ours, theirs)
        scale = max(1.0, largest(theirs[0]))
        apart = 0.0 if problem else worst_ulps(ours[0], theirs[0], scale)
        return Finding(self.name, VALUES, dtype, config, problem, ulps=apart)

    def refusals(self) -> Iterator[Finding]:
        """What must be refused is refused with the same exception, in the same words."""
        for error in self.info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
            given = error.optimizer_error_input
            if given.desc != WITHOUT_COMPLEX_NUMBERS:
                ours, theirs = (outcome(partial(self.attempt, lib, given)) for lib in LIBRARIES)
                problem = "" if ours == theirs else f"tinynn: {ours}\ntorch: {theirs}"
                yield Finding(self.name, ERRORS, "", given, problem, same_words=not problem)

    def attempt(self, lib: Any, given: Any) -> str:
        known: dict[int, Any] = {}
        params = given.params
        params = [lib.ones(2, 3, requires_grad=True)] if params is None else translated(params, lib, known)
        return repr(getattr(lib.optim, self.name)(params, **translated(given.kwargs, lib, known)))


def check_same_descent(ours: tuple, theirs: tuple) -> None:
    """Two (params, losses) pairs."""
    eps = np.finfo(array(theirs[0][0]).dtype).eps
    np.testing.assert_allclose(ours[1], theirs[1], rtol=20 * eps)
    for p, q in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(array(p), array(q), rtol=0, atol=2 * eps**0.5)


def translated(value: Any, lib: Any, known: dict[int, Any]) -> Any:
    """`value` with its tensors made tensors of `lib`: what is one object there (in `known`) is one here."""
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            known[id(value)] = lib.tensor(array(value), requires_grad=value.requires_grad)
        return known[id(value)]
    if isinstance(value, dict):
        return {key: translated(v, lib, known) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(translated(v, lib, known) for v in value)
    return value


def tally(info: OptimizerInfo) -> Tally:
    return tallied(Examination(info).findings())


def main(names: list[str]) -> None:
    """Print a line for each optimizer, and the totals."""
    chosen = {name: info for name, info in PRESENT.items() if not names or name in names}
    print_ledger(chosen, tally, len(optim_db))


if __name__ == "__main__":
    main(sys.argv[1:])
