"""torch's own database of operations, `op_db`, run on both libraries: what agrees, sample by sample.

Each entry of the database makes sample inputs in every dtype the operation supports, and inputs that it must
refuse. `Examination` runs them and yields what it compared: a `Finding` for each aspect of each sample.

    python -m parity_tests.op_db [names...]

examines every operation that tinynn has (or the named ones) on all samples and prints a line for each.
"""

import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, OpInfo, SampleInput, UnaryUfuncInfo

import tinynn
from parity_tests.conditioning import within_rounding
from parity_tests.databases import (
    ERRORS,
    GRADIENTS,
    IN_PLACE,
    METHOD,
    SECOND,
    SEED,
    VALUES,
    Finding,
    Tally,
    as_draw,
    differentiable_twice,
    print_ledger,
    problem_of,
    refusal,
    seed_everything,
    tallied,
    ulps_of_gradients,
    ulps_of_values,
    with_tensors,
    without_tensors,
)
from parity_tests.differences import NOT_COMPARED
from parity_tests.harness import (
    FLOATS,
    INTEGERS,
    Case,
    Side,
    assert_same_kind_of_outcome,
    assert_same_outcome,
    check_derivatives,
)

ASPECTS = (VALUES, GRADIENTS, SECOND, METHOD, IN_PLACE, ERRORS)
SUMS = {"logaddexp", "logaddexp2"}  # what they add may cancel
# Their values are whatever was in memory.
MADE_OF_NOTHING = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}


# --- which operation of tinynn an entry is about


def full_name(op: OpInfo) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def resolve(name: str) -> Callable | None:
    """tinynn's function of this name; or, if there is only that, the Tensor method."""
    found: Any = tinynn
    for part in name.split("."):
        found = getattr(found, part, None)
    return found or getattr(tinynn.Tensor, name, None)


def counterpart(op: OpInfo) -> Callable | None:
    """What tinynn runs where torch runs `op.op`; None if it has no such operation.

    Where the database wraps the operation in a function of its own, that function is run with tinynn as its
    `torch`.
    """
    known = resolve(op.name) or getattr(tinynn.Tensor, f"{op.name}_", None)
    wrapper = op.op
    if known is None or not (
        isinstance(wrapper, FunctionType) and wrapper.__module__.startswith("torch.testing")
    ):
        return known
    names = {**wrapper.__globals__, "torch": tinynn, "wrapper_set_seed": _seeded}
    return FunctionType(wrapper.__code__, names, wrapper.__name__, wrapper.__defaults__, wrapper.__closure__)


def _seeded(function: Callable, *args: Any, **kwargs: Any) -> Any:
    tinynn.manual_seed(SEED)
    return function(*args, **kwargs)


PRESENT = {full_name(op): op for op in op_db if counterpart(op) is not None and not NOT_COMPARED.entry(op)}


# --- a sample as a Case


def case_of(op: OpInfo, sample: SampleInput, run: Callable, second: bool = False) -> Case:
    """`run(library, input, *args, **kwargs)` on a sample."""
    tensors: list[torch.Tensor] = []
    arguments = without_tensors((sample.input, sample.args, sample.kwargs), tensors)

    def call(library: Any, *own: Any) -> Any:
        given, args, kwargs = with_tensors(arguments, library, own)
        with warnings.catch_warnings(), differentiable_twice(second):  # both warn
            warnings.simplefilter("ignore", UserWarning)
            result = run(library, given, *args, **kwargs)
        return shape_of(result) if op.name in MADE_OF_NOTHING else result

    return Case(
        full_name(op),
        call,
        *map(as_draw, tensors),
        scaled=not isinstance(op, UnaryUfuncInfo | BinaryUfuncInfo)
        or op.name in SUMS
        or "alpha" in sample.kwargs,
        second=second,
        names=False,
    )


def shape_of(tensor: Any) -> tuple:
    return tuple(tensor.shape), str(tensor.dtype).rpartition(".")[2]


# --- what is compared


class Examination:
    """An entry of the database on both libraries.

    `limit` samples of each dtype are drawn, the same ones each time; None takes them all.
    """

    def __init__(self, op: OpInfo, limit: int | None = None):
        self.op, self.name, self.limit = op, full_name(op), limit
        self.own = counterpart(op)
        supported = {str(dtype).removeprefix("torch.") for dtype in op.supported_dtypes("cpu")}
        self.dtypes = [dtype for dtype in (*FLOATS, *INTEGERS) if dtype in supported]

    def findings(self) -> Iterator[Finding]:
        for dtype in self.dtypes:
            for sample in self.samples(dtype):
                yield from self.compared(sample, dtype)
        yield from self.refusals()

    def samples(self, dtype: str) -> list[SampleInput]:
        """The database's samples; its own iterator over them is slow: it looks up the stack at each step."""
        floating = dtype in FLOATS and self.op.supports_autograd
        seed_everything()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [
                sample
                for sample in self.op.sample_inputs_func(self.op, "cpu", getattr(torch, dtype), floating)
                if not NOT_COMPARED.sample(sample)
            ]
        if self.limit is None or len(found) <= self.limit:
            return found
        chosen = np.random.default_rng(zlib.crc32(f"{self.name} {dtype}".encode()))
        return [found[i] for i in sorted(chosen.choice(len(found), self.limit, replace=False))]

    def compared(self, sample: SampleInput, dtype: str) -> Iterator[Finding]:
        """The aspects of one sample."""
        second = dtype == "float64" and self.op.supports_gradgrad
        case = case_of(self.op, sample, self.function(sample), second)
        ours, theirs = sides(case)
        if "not implemented for" in theirs.error:
            return  # torch has no such kernel: nothing to agree with
        problem = problem_of(assert_same_outcome, ours, theirs)
        apart = 0.0 if problem else ulps_of_values(ours, theirs)
        yield self.finding(VALUES, dtype, sample, problem, theirs, apart)
        if not problem and not theirs.error:
            yield from self.derivatives(case, ours, theirs, dtype, sample)
        for aspect, torchs, name in (
            (METHOD, self.op.method_variant, self.op.name),
            (IN_PLACE, self.op.inplace_variant, f"{self.op.name}_"),
        ):
            tinynns = getattr(tinynn.Tensor, name, None)
            if torchs is not None and tinynns is not None and isinstance(sample.input, torch.Tensor):
                run = self.method(tinynns, torchs, sample, copied=aspect == IN_PLACE)
                pair = sides(case_of(self.op, sample, run, second))
                if "not implemented for" in pair[1].error:
                    continue
                problem = problem_of(assert_same_kind_of_outcome, *pair)
                if not problem and aspect == IN_PLACE and dtype == "float64" and not pair[1].error:
                    problem = problem_of(check_derivatives, *pair)
                yield self.finding(aspect, dtype, sample, problem, pair[1])

    def finding(
        self, aspect: str, dtype: str, sample: SampleInput, problem: str, theirs: Side, apart: float = 0.0
    ) -> Finding:
        rounding = bool(problem) and within_rounding(problem, theirs)
        return Finding(self.name, aspect, dtype, sample, problem, within_rounding=rounding, ulps=apart)

    def derivatives(self, case, ours, theirs, dtype, sample) -> Iterator[Finding]:
        if dtype not in FLOATS or not any(x.requires_grad for x in theirs.outputs):
            return
        problem = problem_of(check_derivatives, ours, theirs)
        first = "gradient of input" in problem or "in backward" in problem
        apart = 0.0 if first else ulps_of_gradients(ours, theirs)
        yield self.finding(GRADIENTS, dtype, sample, problem if first else "", theirs, apart)
        if case.second and not first:
            yield self.finding(SECOND, dtype, sample, problem, theirs)

    def refusals(self) -> Iterator[Finding]:
        """What must be refused is refused with the same exception."""
        if self.op.error_inputs_func is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seed_everything()
            errors = [error.sample_input for error in self.op.error_inputs_func(self.op, "cpu")]
        for sample in errors:
            if NOT_COMPARED.sample(sample):
                continue
            ours, theirs = sides(case_of(self.op, sample, self.function(sample)))
            yield refusal(self.name, sample, ours, theirs)

    def function(self, sample: SampleInput) -> Callable:
        def run(library: Any, *args: Any, **kwargs: Any) -> Any:
            library.manual_seed(SEED)
            result = (self.own if library is tinynn else self.op.op)(*args, **kwargs)
            return sample.output_process_fn_grad(result)

        return run

    def method(self, own: Callable, theirs: Callable, sample: SampleInput, copied: bool) -> Callable:
        def run(library: Any, given: Any, *args: Any, **kwargs: Any) -> Any:
            library.manual_seed(SEED)
            given = given.clone() if copied else given
            result = (own if library is tinynn else theirs)(given, *args, **kwargs)
            return result if copied else sample.output_process_fn_grad(result)

        return run


def sides(case: Case) -> tuple[Side, Side]:
    arrays = [draw.make(None) for draw in case.inputs]  # type: ignore[arg-type]
    return Side(tinynn, case, arrays), Side(torch, case, arrays)


# --- the ledger


def tally(op: OpInfo, limit: int | None = None) -> Tally:
    return tallied(Examination(op, limit).findings())


def main(names: list[str]) -> None:
    """Print a line for each operation, and the totals."""
    chosen = {name: op for name, op in PRESENT.items() if not names or op.name in names or name in names}
    print_ledger(chosen, tally, len(op_db))


if __name__ == "__main__":
    main(sys.argv[1:])
