"""torch's own database of modules, `module_db`, run on both libraries: what agrees, sample by sample.

Each entry of the database makes samples: arguments of a module's constructor and inputs of its forward; and
some that it must refuse. `Examination` runs them and yields what it compared: a `Finding` for each aspect of
each sample, in float32 and float64, and in training and evaluation where these differ.

    python -m parity_tests.module_db [names...]

examines every module that tinynn has (or the named ones) on all samples and prints a line for each.
"""

import copy
import inspect
import pickle
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.testing._internal.common_modules import ModuleInfo, module_db

import tinynn
from parity_tests.conditioning import TRIALS, distance, rounded
from parity_tests.databases import (
    ERRORS,
    GRADIENTS,
    IN_PLACE,
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
from parity_tests.harness import (
    FLOATS,
    Case,
    Side,
    assert_same,
    assert_same_derivatives,
    assert_same_outcome,
    check_derivatives,
    dtype_name,
    neutral,
    sum_scale,
    tensors_in,
)

START, FACTORY, STRIDED, STATE, REFERENCE = "start", "dtype", "strided input", "state", "reference"
ASPECTS = (START, FACTORY, VALUES, GRADIENTS, SECOND, STRIDED, IN_PLACE, STATE, REFERENCE, ERRORS)


def counterpart(info: ModuleInfo) -> type | None:
    """tinynn's class of the same name; None if it has none."""
    return getattr(tinynn.nn, info.module_cls.__name__, None)


PRESENT = {info.name: info for info in module_db if counterpart(info) is not None}


# --- a sample on one library


class Sample(NamedTuple):
    """What a module is made of, what it is called with, and whether it is training."""

    made_of: tuple[tuple, dict]
    called_with: tuple[tuple, dict]
    dtype: str
    training: bool
    reference: Callable | None = None

    def __repr__(self) -> str:
        made, called = (_shown(*arguments) for arguments in (self.made_of, self.called_with))
        mode = "training" if self.training else "evaluation"
        return f"made of ({made}), called with ({called}), in {mode}"


def _shown(args: tuple, kwargs: dict) -> str:
    tensors: list[torch.Tensor] = []
    args, kwargs = without_tensors((args, kwargs), tensors)
    shown = [f"{arg}" for arg in args] + [f"{name}={value}" for name, value in kwargs.items()]
    text = ", ".join(shown)
    for i, tensor in enumerate(tensors):
        text = text.replace(f"Slot(index={i})", f"{dtype_name(tensor)}{list(tensor.shape)}")
    return text


class Run(NamedTuple):
    """How a sample is run: each floating point input is given as `prepare(library, input)`.

    `options` are further arguments of the constructor; `second`: compare second derivatives, too; `moved`
    draws by how much rounding moves each number of the inputs and of the parameters.
    """

    prepare: Callable = lambda library, tensor: tensor
    options: dict = {}
    second: bool = False
    moved: np.random.Generator | None = None


PLAIN = Run()


class ModuleSide(Side):
    """One library's run of a sample: what Side compares, and the module.

    The module's parameters are differentiated by as the inputs are; its buffers are part of the result.
    """

    module: Any = None
    start: Any = None
    arguments: Any = None

    def __init__(self, library: Any, info: ModuleInfo, sample: Sample, how: Run):
        tensors: list[torch.Tensor] = []
        arguments = without_tensors((sample.made_of, sample.called_with), tensors)

        def run(library: Any, *own: Any) -> Any:
            given = [how.prepare(library, x) if x.is_floating_point() else x for x in own]
            made_of, _ = with_tensors(arguments, library, own)
            _, self.arguments = with_tensors(arguments, library, tuple(given))
            with warnings.catch_warnings(), differentiable_twice(how.second):  # both warn
                warnings.simplefilter("ignore", UserWarning)
                self.module = build(library, info, made_of, sample, how.options)
                self.start = state_of(self.module)
                if how.moved is not None:
                    self.move_parameters(how.moved)
                outcome = self.call(self.module)
            self.parameters = list(self.module.parameters())
            return outcome

        self.info, self.sample, self.how, self.parameters = info, sample, how, []
        draws = list(map(as_draw, tensors))
        case = Case(info.name, run, *draws, scaled=True, second=how.second, names=False)
        arrays = [draw.make(None) for draw in draws]  # type: ignore[arg-type]
        if how.moved is not None:
            arrays = [rounded(array, how.moved) for array in arrays]
        super().__init__(library, case, arrays)
        self.wanted += self.parameters

    def move_parameters(self, draw: np.random.Generator) -> None:
        with self.library.no_grad():
            for parameter in filter(_is_there, self.module.parameters()):
                parameter.copy_(self.library.from_numpy(rounded(parameter.numpy(force=True), draw)))

    def differentiates_twice(self) -> bool:
        """Whether the library has second derivatives of what the module computed; torch has not of all."""
        self.differentiate(second=True)
        return not self.error

    def moves(self) -> list[float]:
        """How far, in units of eps, each derivative moves when inputs and parameters are rounded."""
        own = [*self.gradients, *self.second]
        moves = [0.0] * len(own)
        for seed in range(TRIALS):
            how = self.how._replace(moved=np.random.default_rng(seed))
            side = ModuleSide(self.library, self.info, self.sample, how)
            side.differentiate(how.second)
            apart = map(distance, own, [*side.gradients, *side.second])
            moves = [max(move, far) for move, far in zip(moves, apart, strict=True)]
        eps = np.finfo(self.sample.dtype).eps
        return [move / eps for move in moves]

    def call(self, module: Any) -> tuple:
        """What the module returns for the sample's inputs, and its buffers afterwards."""
        args, kwargs = self.arguments
        self.library.manual_seed(SEED)
        return module(*args, **kwargs), [buffer.clone() for buffer in module.buffers()]


def build(library: Any, info: ModuleInfo, made_of: tuple, sample: Sample, options: dict) -> Any:
    """The module, drawn from the seed, in the sample's dtype and mode."""
    args, kwargs = made_of
    library.manual_seed(SEED)
    cls = counterpart(info) if library is tinynn else info.module_cls
    assert cls is not None
    module = cls(*args, **kwargs, **with_tensors(options, library, ())).train(sample.training)
    return module if "dtype" in options else module.to(getattr(library, sample.dtype))


def state_of(module: Any) -> dict:
    """What a user sees of a module without calling it."""
    state = module.state_dict()
    return {
        "repr": neutral(repr(module)),
        "str": neutral(str(module)),
        "modules": [f"{name}: {type(child).__name__}" for name, child in module.named_modules()],
        "parameters": [(name, p.requires_grad) for name, p in module.named_parameters()],
        "buffers": [name for name, _ in module.named_buffers()],
        "training": [child.training for child in module.modules()],
        "metadata": dict(state._metadata),
        "keys": list(state),
        "state": [value.clone() if _is_there(value) else type(value).__name__ for value in state.values()],
    }


def _is_there(value: Any) -> bool:
    return not type(value).__name__.startswith("Uninitialized")


# --- what is compared


class Examination:
    """An entry of the database on both libraries.

    `limit` samples of each dtype and mode are drawn, the same ones each time; None takes them all.
    """

    def __init__(self, info: ModuleInfo, limit: int | None = None):
        self.info, self.name, self.limit = info, info.name, limit
        self.modes = (True, False) if info.train_and_eval_differ else (True,)

    def findings(self, wanted: Callable[[Sample], bool] = lambda sample: True) -> Iterator[Finding]:
        """Of the samples that are wanted; and what must be refused is refused."""
        for dtype in FLOATS:
            for training in self.modes:
                for sample in filter(wanted, self.samples(dtype, training)):
                    with warnings.catch_warnings():  # both warn, of the same
                        warnings.simplefilter("ignore", UserWarning)
                        compared = list(self.compared(sample))
                    yield from compared
        yield from self.refusals()

    def samples(self, dtype: str, training: bool) -> list[Sample]:
        found = [
            Sample(
                (given.constructor_input.args, given.constructor_input.kwargs),
                (given.forward_input.args, given.forward_input.kwargs),
                dtype,
                training,
                given.reference_fn,
            )
            for given in self.generated(self.info.module_inputs_func, dtype, training)
            if given.forward_input is not None
        ]
        if self.limit is None or len(found) <= self.limit:
            return found
        chosen = np.random.default_rng(zlib.crc32(f"{self.name} {dtype} {training}".encode()))
        return [found[i] for i in sorted(chosen.choice(len(found), self.limit, replace=False))]

    def generated(self, function: Callable, dtype: str, training: bool) -> list:
        seed_everything()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(
                function(
                    self.info,
                    device="cpu",
                    dtype=getattr(torch, dtype),
                    requires_grad=True,
                    training=training,
                )
            )

    def compared(self, sample: Sample) -> Iterator[Finding]:
        """The aspects of one sample."""
        ours, theirs = self.sides(sample)
        yield self.finding(START, sample, problem_of(assert_same_start, ours, theirs))
        if self.takes("dtype") and not sample.made_of[1].keys() & {"device", "dtype"}:
            made_as = Run(options={"device": "cpu", "dtype": getattr(torch, sample.dtype)})
            pair = [self.side(library, sample, made_as) for library in (tinynn, torch)]
            yield self.finding(FACTORY, sample, problem_of(assert_same_start, *pair))
        problem = problem_of(assert_same_outcome, ours, theirs)
        yield self.finding(VALUES, sample, problem, 0.0 if problem else ulps_of_values(ours, theirs))
        if problem or theirs.error:
            return
        if any(x.requires_grad for x in theirs.outputs):
            problem = problem_of(check_same_derivatives, ours, theirs)
            first = "gradient of input" in problem or "in backward" in problem
            apart = 0.0 if first else ulps_of_gradients(ours, theirs)
            yield self.finding(GRADIENTS, sample, problem if first else "", apart)
            if theirs.case.second and not first:
                yield self.finding(SECOND, sample, problem)
        yield self.finding(STRIDED, sample, problem_of(assert_same_run, *self.sides(sample, Run(strided))))
        if self.takes("inplace"):
            pair = self.sides(sample, Run(copied, {"inplace": True}))
            yield self.finding(IN_PLACE, sample, problem_of(assert_same_run, *pair))
        if sample.reference is not None and not problem_of(assert_as_referred, theirs, theirs):
            yield self.finding(REFERENCE, sample, problem_of(assert_as_referred, ours, theirs))
        yield self.finding(STATE, sample, problem_of(assert_same_life, ours, theirs))

    def takes(self, argument: str) -> bool:
        """Whether the constructor has an argument of this name."""
        return argument in inspect.signature(self.info.module_cls).parameters

    def side(self, library: Any, sample: Sample, how: Run) -> ModuleSide:
        return ModuleSide(library, self.info, sample, how)

    def sides(self, sample: Sample, how: Run = PLAIN) -> tuple[ModuleSide, ModuleSide]:
        if sample.dtype == "float64":
            twice = self.side(torch, sample, how._replace(second=True)).differentiates_twice()
            how = how._replace(second=twice)
        return self.side(tinynn, sample, how), self.side(torch, sample, how)

    def finding(self, aspect: str, sample: Sample, problem: str, ulps: float = 0.0) -> Finding:
        return Finding(self.name, aspect, sample.dtype, sample, problem, ulps=ulps)

    def refusals(self) -> Iterator[Finding]:
        """What must be refused, by the constructor or by forward, is refused with the same exception."""
        if self.info.module_error_inputs_func is None:
            return
        for error in self.generated(self.info.module_error_inputs_func, "float32", True):
            given = error.module_error_input
            called = given.forward_input
            sample = Sample(
                (given.constructor_input.args, given.constructor_input.kwargs),
                ((), {}) if called is None else (called.args, called.kwargs),
                "float32",
                True,
            )
            yield refusal(self.name, sample, *self.sides(sample))


def copied(library: Any, tensor: Any) -> Any:
    return tensor.clone()


def strided(library: Any, tensor: Any) -> Any:
    """The same values, of which every second stands in memory."""
    return library.stack([tensor, tensor], -1)[..., 0]


def assert_same_start(ours: ModuleSide, theirs: ModuleSide) -> None:
    """The same module before its first call: bit for bit the same parameters and buffers."""
    assert (ours.start is None) == (theirs.start is None), f"tinynn: {ours.error}\ntorch: {theirs.error}"
    if theirs.start is None:
        return
    for key, other in theirs.start.items():
        own = ours.start[key]
        if key != "state":
            assert own == other, f"{key}:\n{own}\ntorch:\n{other}"
    for key, own, other in zip(theirs.start["keys"], ours.start["state"], theirs.start["state"], strict=True):
        assert_same(own, other, f"state {key}")
        if isinstance(other, torch.Tensor):
            assert np.array_equal(own.numpy(), other.numpy()), f"start of {key}: {own}\ntorch:\n{other}"


def assert_same_run(ours: ModuleSide, theirs: ModuleSide) -> None:
    """The same outcome and derivatives, and what the module was called with has become the same."""
    assert_same_outcome(ours, theirs)
    for own, other in zip(ours.arguments, theirs.arguments, strict=True):
        assert_same([*tensors_in(own)], [*tensors_in(other)], "result in its arguments", sum_scale(theirs))
    if not theirs.error:
        check_same_derivatives(ours, theirs)


def check_same_derivatives(ours: ModuleSide, theirs: ModuleSide) -> None:
    """As check_derivatives; but they may differ by as much as rounding the inputs moves torch's.

    A module computes in many steps, some of which enlarge what rounding leaves: see conditioning.py.
    """
    try:
        check_derivatives(ours, theirs)
    except AssertionError:
        if ours.error or theirs.error:
            raise
        assert_same_derivatives(ours, theirs, theirs.moves())


def assert_same_life(ours: ModuleSide, theirs: ModuleSide) -> None:
    """The same module after it has been loaded, copied, pickled, converted and frozen."""
    weights = {
        name: (value.numpy() / 2 + 0.125).astype(value.numpy().dtype)
        for name, value in theirs.module.state_dict().items()
    }
    lives = [life(side, weights) for side in (ours, theirs)]
    for stage, other in lives[1].items():
        assert_same(lives[0][stage], other, f"result of {stage}", sum_scale(theirs))


def life(side: ModuleSide, weights: dict[str, np.ndarray]) -> dict[str, Any]:
    """What each stage leaves of a module."""
    library, module = side.library, side.module
    stages = {"load_state_dict": str(module.load_state_dict(as_state(library, weights)))}
    stages["load_state_dict refusing"] = refused(lambda: module.load_state_dict({"unknown": library.ones(2)}))
    others = {name: np.ones((2, 3, 5, 7)) for name in weights}
    stages["load_state_dict of other shapes"] = refused(
        lambda: module.load_state_dict(as_state(library, others))
    )
    stages |= converted(library, copy.deepcopy(module))
    copies = {"deepcopy": copy.deepcopy(module), "pickle": pickle.loads(pickle.dumps(module)), "": module}
    return stages | {f"{stage} called": (side.call(m), state_of(m)) for stage, m in copies.items()}


def converted(library: Any, module: Any) -> dict[str, Any]:
    """What conversions leave of a module."""
    stages: dict[str, Any] = {}
    for parameter in module.parameters():
        parameter.grad = library.ones_like(parameter)
    for dtype in ("float64", "float32"):
        module.to(getattr(library, dtype))
        stages[f"to({dtype})"] = state_of(module), [p.grad for p in module.parameters()]
    module.zero_grad(set_to_none=False)
    stages["zero_grad(False)"] = [p.grad for p in module.parameters()]
    module.zero_grad()
    stages["zero_grad()"] = [p.grad for p in module.parameters()]
    stages["eval()"] = state_of(module.eval())
    stages["requires_grad_(False)"] = state_of(module.requires_grad_(False))
    return stages


def as_state(library: Any, weights: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: library.from_numpy(np.array(array)) for name, array in weights.items()}


def refused(run: Callable) -> str:
    """The exception with its whole message; "" if there is none."""
    try:
        run()
    except Exception as error:
        return neutral(f"{type(error).__name__}: {error}")
    return ""


def assert_as_referred(ours: ModuleSide, theirs: ModuleSide) -> None:
    """What the database's own reference computes, within the tolerance of torch's tests."""
    reference = theirs.sample.reference
    assert reference is not None
    args, kwargs = theirs.arguments
    expected = tensors_in(reference(copy.deepcopy(theirs.module), *args, **kwargs))
    for own, other in zip(tensors_in(ours.result[0]), expected, strict=True):
        torch.testing.assert_close(torch.from_numpy(own.numpy(force=True)), other.detach(), equal_nan=True)


# --- the ledger


def tally(info: ModuleInfo, limit: int | None = None) -> Tally:
    return tallied(Examination(info, limit).findings())


def main(names: list[str]) -> None:
    """Print a line for each module, and the totals."""
    asked = {name.removeprefix("nn.") for name in names}
    chosen = {name: info for name, info in PRESENT.items() if not asked or name.removeprefix("nn.") in asked}
    print_ledger(chosen, tally, len(module_db))


if __name__ == "__main__":
    main(sys.argv[1:])
