"""torch's own database of operations, `op_db`, run on both libraries: what agrees, sample by sample.

Each entry of the database makes sample inputs in every dtype the operation supports, and inputs that it must
refuse. `Examination` runs them and yields what it compared: a `Finding` for each aspect of each sample.

    python -m parity_tests.op_db [names...]

examines every operation that tinynn has (or the named ones) on all samples and prints a line for each.
"""

import random
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, OpInfo, SampleInput, UnaryUfuncInfo

import tinynn
from parity_tests.differences import DIFFERENCES, NOT_COMPARED, Difference
from parity_tests.harness import FLOATS, INTEGERS, Case, Draw, Side, assert_same_outcome, check_derivatives

SEED = 42  # of torch's generator where an operation draws: the one that torch's own tests use
SUMS = {"logaddexp", "logaddexp2"}  # what they add may cancel
MADE_OF_NOTHING = {"empty", "empty_like", "new_empty"}  # their values are whatever was in memory
VALUES, GRADIENTS, SECOND, METHOD, IN_PLACE, ERRORS = ASPECTS = (
    "values",
    "gradients",
    "second derivatives",
    "method",
    "in place",
    "errors",
)


class Finding(NamedTuple):
    """One aspect of one sample: `problem` says what differs; it is "" where the libraries agree."""

    op: str
    aspect: str
    dtype: str
    sample: SampleInput
    problem: str
    same_words: bool = True  # of an error: the first line of its message agrees

    @property
    def explained(self) -> bool:
        return any(explains(difference, self) for difference in DIFFERENCES)


def explains(difference: Difference, finding: Finding) -> bool:
    """Whether the difference is about this finding."""
    return (
        finding.op in difference.ops
        and finding.aspect in difference.aspects
        and finding.dtype in difference.dtypes
        and difference.samples(finding.sample)
    )


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


class Slot(NamedTuple):
    """The place of the i-th tensor in the arguments of a sample."""

    index: int


def without_tensors(value: Any, tensors: list) -> Any:
    """`value` with each tensor in it replaced by a Slot, and appended to `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return Slot(len(tensors) - 1)
    if isinstance(value, dict):
        return {key: without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [without_tensors(item, tensors) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def with_tensors(value: Any, library: Any, tensors: tuple) -> Any:
    """The reverse, with the library's own tensors and dtypes."""
    if isinstance(value, Slot):
        return tensors[value.index]
    if isinstance(value, dict):
        return {key: with_tensors(item, library, tensors) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(with_tensors(item, library, tensors) for item in value)
    if isinstance(value, torch.dtype):
        return getattr(library, str(value).removeprefix("torch."))
    return value


def case_of(op: OpInfo, sample: SampleInput, run: Callable, second: bool = False) -> Case:
    """`run(library, input, *args, **kwargs)` on a sample."""
    tensors: list[torch.Tensor] = []
    arguments = without_tensors((sample.input, sample.args, sample.kwargs), tensors)

    def call(library: Any, *own: Any) -> Any:
        given, args, kwargs = with_tensors(arguments, library, own)
        with warnings.catch_warnings():  # both warn, of the same; NumPy must not
            warnings.simplefilter("ignore", UserWarning)
            result = run(library, given, *args, **kwargs)
        return shape_of(result) if op.name in MADE_OF_NOTHING else result

    return Case(
        full_name(op),
        call,
        *(
            Draw(lambda _, x=x: x.numpy(force=True), differentiable=x.requires_grad)  # type: ignore[misc]
            for x in tensors
        ),
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
        _seed_everything()
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
        yield Finding(self.name, VALUES, dtype, sample, problem)
        if not problem and not theirs.error:
            yield from self.derivatives(case, ours, theirs, dtype, sample)
        for aspect, torchs, name in (
            (METHOD, self.op.method_variant, self.op.name),
            (IN_PLACE, self.op.inplace_variant, f"{self.op.name}_"),
        ):
            tinynns = getattr(tinynn.Tensor, name, None)
            if torchs is not None and tinynns is not None and isinstance(sample.input, torch.Tensor):
                run = self.method(tinynns, torchs, copied=aspect == IN_PLACE)
                pair = sides(case_of(self.op, sample, run, second))
                if "not implemented for" in pair[1].error:
                    continue
                problem = problem_of(assert_same_kind_of_outcome, *pair)
                if not problem and aspect == IN_PLACE and dtype == "float64" and not pair[1].error:
                    problem = problem_of(check_derivatives, *pair)
                yield Finding(self.name, aspect, dtype, sample, problem)

    def derivatives(self, case, ours, theirs, dtype, sample) -> Iterator[Finding]:
        if dtype not in FLOATS or not any(x.requires_grad for x in theirs.outputs):
            return
        problem = problem_of(check_derivatives, ours, theirs)
        first = "gradient of input" in problem or "in backward" in problem
        yield Finding(self.name, GRADIENTS, dtype, sample, problem if first else "")
        if case.second and not first:
            yield Finding(self.name, SECOND, dtype, sample, problem)

    def refusals(self) -> Iterator[Finding]:
        """What must be refused is refused with the same exception."""
        if self.op.error_inputs_func is None:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _seed_everything()
            errors = [error.sample_input for error in self.op.error_inputs_func(self.op, "cpu")]
        for sample in errors:
            if NOT_COMPARED.sample(sample):
                continue
            ours, theirs = sides(case_of(self.op, sample, self.function(sample)))
            kinds = [side.error.partition(":")[0] for side in (ours, theirs)]
            problem = (
                ""
                if kinds[0] == kinds[1]
                else f"tinynn: {ours.error or ours.result!r:.200}\ntorch: {theirs.error}"
            )
            yield Finding(self.name, ERRORS, "", sample, problem, ours.error == theirs.error)

    def function(self, sample: SampleInput) -> Callable:
        def run(library: Any, *args: Any, **kwargs: Any) -> Any:
            library.manual_seed(SEED)
            result = (self.own if library is tinynn else self.op.op)(*args, **kwargs)
            return sample.output_process_fn_grad(result)

        return run

    def method(self, own: Callable, theirs: Callable, copied: bool) -> Callable:
        def run(library: Any, given: Any, *args: Any, **kwargs: Any) -> Any:
            library.manual_seed(SEED)
            given = given.clone() if copied else given
            return (own if library is tinynn else theirs)(given, *args, **kwargs)

        return run


def _seed_everything() -> None:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def sides(case: Case) -> tuple[Side, Side]:
    arrays = [draw.make(None) for draw in case.inputs]  # type: ignore[arg-type]
    return Side(tinynn, case, arrays), Side(torch, case, arrays)


def problem_of(check: Callable, ours: Side, theirs: Side) -> str:
    """What `check` finds wrong; "" if nothing."""
    try:
        check(ours, theirs)
    except AssertionError as error:
        return str(error)
    return ""


def assert_same_kind_of_outcome(ours: Side, theirs: Side) -> None:
    """As `assert_same_outcome`, but of an error only its type."""
    if theirs.error and ours.error.partition(":")[0] == theirs.error.partition(":")[0]:
        return
    assert_same_outcome(ours, theirs)


# --- the ledger


class Tally(NamedTuple):
    """How many samples of an operation agree, and how many were compared, for each aspect."""

    agree: Counter
    compared: Counter
    explained: int
    same_words: int

    @property
    def passes(self) -> bool:
        return self.agree == self.compared


def tally(op: OpInfo, limit: int | None = None) -> Tally:
    agree: Counter = Counter()
    compared: Counter = Counter()
    explained = same_words = 0
    for finding in Examination(op, limit).findings():
        compared[finding.aspect] += 1
        agree[finding.aspect] += not finding.problem
        explained += bool(finding.problem) and finding.explained
        same_words += finding.aspect == ERRORS and finding.same_words
    return Tally(agree, compared, explained, same_words)


def main(names: list[str]) -> None:
    """Print a line for each operation, and the totals."""
    chosen = {name: op for name, op in PRESENT.items() if not names or op.name in names or name in names}
    passing = 0
    for name, op in chosen.items():
        result = tally(op)
        passing += result.passes
        counts = "  ".join(f"{aspect} {result.agree[aspect]}/{n}" for aspect, n in result.compared.items())
        print(f"{'ok  ' if result.passes else 'FAIL'}  {name:45} {counts}", flush=True)
    print(f"{len(chosen)} entries of {len(op_db)} are present, {passing} agree on every sample")


if __name__ == "__main__":
    main(sys.argv[1:])
