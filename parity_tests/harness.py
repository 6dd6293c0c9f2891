"""The checker: run one function on PyTorch and on tinynn, and compare everything a user could see of the
results.

A `Case` holds one function of `(torch, *inputs)`, where `torch` is either library, and how to draw its
inputs: nothing is typed twice. `check(case, dtype)` compares, in this order: the kind of result (or the
exception and its first line), dtype, shape, values (nan in the same places, zeros of the same sign), the name
of grad_fn, then the gradient of every float input for a random upstream gradient, then the second
derivatives.

Nothing here imports torch but `check`: recorded answers are compared without it, by the same code.
"""

import re
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

import tinynn
from tinynn.autograd.op import Op, Record, VariadicOp

FLOATS = ("float32", "float64")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8", "bool")


class Tolerance(NamedTuple):
    """|own - torch| <= eps * (ulps * |torch| + rounding * scale); scale: see `assert_close`."""

    ulps: float
    rounding: float


# The only tolerances of these tests. `ulps` is for one operation: NumPy's and torch's exp, log, sin, tanh and
# pow are different code, each within 1 to 3.5 ulp of the true value, so that they are up to 4 apart; + - * /
# and sqrt are exact in both. `rounding` is for derivatives, sums and products of matrices: they add numbers
# up in another order, and an error of one ulp of the largest term survives where large terms cancel (1 - y *
# y near y = 1). float16 rounds results that were computed in float32: one rounding of 2^-11 apart.
TOLERANCE = {
    "float16": Tolerance(ulps=2, rounding=2),
    "float32": Tolerance(ulps=4, rounding=8),
    "float64": Tolerance(ulps=4, rounding=8),
}


class Draw(NamedTuple):
    """One input: an array drawn with a generator. Floats are drawn as float64 and become the dtype tested."""

    make: Callable[[np.random.Generator], np.ndarray]
    differentiable: bool = True

    @property
    def constant(self) -> "Draw":
        """The same input without requires_grad."""
        return self._replace(differentiable=False)


def normal(*shape: int) -> Draw:
    return Draw(lambda rng: rng.standard_normal(shape))


def positive(*shape: int) -> Draw:
    return Draw(lambda rng: rng.uniform(0.5, 2.0, shape))


def integers(high: int, *shape: int) -> Draw:
    """Integers below `high`, for indices: they keep their dtype."""
    return Draw(lambda rng: rng.integers(0, high, shape), False)


def mask(*shape: int) -> Draw:
    return Draw(lambda rng: rng.random(shape) < 0.5, False)


def values(data: Any) -> Draw:
    return Draw(lambda rng: np.array(data))


class Case:
    """`run(torch, *inputs)` on inputs drawn from `inputs`.

    `dtypes`: those in which values are compared; derivatives are compared in the floats among them. `scaled`:
    the values are sums, whose error is relative to their largest terms. `names`: compare grad_fn's name.
    """

    def __init__(
        self,
        name: str,
        run: Callable,
        *inputs: Draw,
        dtypes: tuple[str, ...] = FLOATS,
        scaled: bool = False,
        second: bool = True,
        names: bool = True,
    ):
        self.name, self.run, self.inputs, self.dtypes = name, run, inputs, dtypes
        self.scaled, self.second, self.names = scaled, second, names

    def arrays(self, dtype: str) -> list[np.ndarray]:
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return [_as_tested(draw.make(rng), dtype) for draw in self.inputs]

    def __repr__(self) -> str:
        return self.name


def _as_tested(array: np.ndarray, dtype: str) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    if dtype == "bool":
        return array > 0
    if np.dtype(dtype).kind in "iu":
        return (np.nan_to_num(array, posinf=3, neginf=-3) * 3).clip(-100, 100).astype(np.int64).astype(dtype)
    with np.errstate(over="ignore"):
        return array.astype(dtype)


# --- the check


def check(case: Case, dtype: str) -> None:
    """Raise AssertionError, saying what differs, unless tinynn does what torch does."""
    import torch

    arrays = case.arrays(dtype)
    theirs, ours = Side(torch, case, arrays), Side(tinynn, case, arrays)
    if "not implemented for" in theirs.error:
        return  # torch has no such kernel: nothing to agree with
    assert_same_outcome(ours, theirs)
    if not theirs.error and dtype in FLOATS:
        check_derivatives(ours, theirs)


def check_derivatives(ours: "Side", theirs: "Side") -> None:
    """Compare the gradients and, if the case asks for them, the second derivatives of two results."""
    for side in (ours, theirs):
        side.differentiate(side.case.second and all(x.numel() for x in side.inputs))
    assert ours.error == theirs.error, f"in backward, tinynn: {ours.error}\ntorch: {theirs.error}"
    assert_same_derivatives(ours, theirs)


def assert_same_derivatives(ours: "Side", theirs: "Side", moves: Sequence[float] = ()) -> None:
    """The same gradients and second derivatives. `moves`: how far rounding the inputs moves each, in eps."""
    moved = dict(enumerate(moves))
    first = 1.0 + largest(theirs.gradients)
    for i, (own, other) in enumerate(zip(ours.gradients, theirs.gradients, strict=True)):
        scale = first * _added_up(other, theirs) ** 0.5 + moved.get(i, 0.0)
        assert_same(own, other, f"gradient of input {i}", scale)
    both = first + largest(theirs.second)
    for i, (own, other) in enumerate(zip(ours.second, theirs.second, strict=True)):
        scale = both * _added_up(other, theirs) ** 0.5 + moved.get(len(ours.gradients) + i, 0.0)
        assert_same(own, other, f"second derivative {i}", scale)


def _added_up(gradient: Any, side: "Side") -> float:
    """How many terms are summed in each value of a gradient: several where its operand was broadcast."""
    if gradient is None or not gradient.numel():
        return 1.0
    return max([1.0, *(x.numel() / gradient.numel() for x in (*side.inputs, *side.outputs))])


class Side:
    """One library's run of a case. `generator(1)` draws the upstream gradients."""

    generator: Callable[[int], Any] = staticmethod(np.random.default_rng)

    def __init__(self, library: Any, case: Case, arrays: list[np.ndarray]):
        self.library, self.case = library, case
        self.inputs = [library.from_numpy(np.array(array)) for array in arrays]
        self.wanted = [
            tensor.requires_grad_()
            for tensor, draw in zip(self.inputs, case.inputs, strict=True)
            if draw.differentiable and tensor.is_floating_point()
        ]
        self.error = ""
        self.result: Any = None
        with warnings.catch_warnings():  # torch warns of what it is about to return; tinynn returns it
            warnings.simplefilter("error" if library is tinynn else "ignore")
            try:
                self.result = case.run(library, *self.inputs)
            except Exception as error:
                self.error = described(error)
        self.outputs = list(tensors_in(self.result))
        self.gradients: list = []
        self.second: list = []

    def differentiate(self, second: bool) -> None:
        """Fill `gradients`, and `second` if asked for."""
        try:
            self._differentiate(self.generator(1), second)
        except Exception as error:
            self.error = described(error)

    def _differentiate(self, rng: Any, second: bool) -> None:
        roots = [output for output in self.outputs if output.requires_grad]
        if not (roots and self.wanted):
            return
        upstream = [self._noise(rng, root).requires_grad_(second) for root in roots]
        self.gradients = list(self._grad(roots, self.wanted, upstream, create_graph=second))
        again = [g for g in self.gradients if g is not None and g.requires_grad] if second else []
        variables = [*self.wanted, *upstream]
        if (
            second
        ):  # an undefined second derivative is zero: which of the two a library returns is its own choice
            noise = [self._noise(rng, g) for g in self.gradients if g is not None]
            chosen = [
                n
                for n, g in zip(noise, [g for g in self.gradients if g is not None], strict=True)
                if g.requires_grad
            ]
            results = self._grad(again, variables, chosen) if again else [None] * len(variables)
            zeros = self.library.zeros_like
            self.second = [zeros(x) if g is None else g for g, x in zip(results, variables, strict=True)]

    def _noise(self, rng: Any, like: Any) -> Any:
        array = np.array(rng.standard_normal(tuple(like.shape)))
        return self.library.from_numpy(array.astype(dtype_name(like)))

    def _grad(self, outputs: list, inputs: list, upstream: list, create_graph: bool = False) -> tuple:
        return self.library.autograd.grad(
            outputs, inputs, upstream, create_graph=create_graph, allow_unused=True
        )


def assert_same_outcome(ours: Side, theirs: Side) -> None:
    """The same exception, or results of the same structure, kind and value."""
    assert ours.error == theirs.error, (
        f"tinynn: {ours.error or ours.result!r:.300}\ntorch: {theirs.error or theirs.result!r:.300}"
    )
    assert_same(ours.result, theirs.result, "result", sum_scale(theirs) if theirs.case.scaled else 0.0)
    if ours.case.names:
        own, other = ([_grad_fn_name(x) for x in side.outputs] for side in (ours, theirs))
        assert own == other, f"grad_fn: tinynn {own}, torch {other}"


def assert_same_kind_of_outcome(ours: Side, theirs: Side) -> None:
    """As `assert_same_outcome`, but of an error only its type."""
    if theirs.error and ours.error.partition(":")[0] == theirs.error.partition(":")[0]:
        return
    assert_same_outcome(ours, theirs)


def sum_scale(side: Side) -> float:
    """The magnitude of a sum of all elements of an input, where their signs are random."""
    return largest([*side.inputs, *side.outputs]) * max([1, *(x.numel() for x in side.inputs)]) ** 0.5


def assert_same(own: Any, other: Any, what: str, scale: float = 0.0) -> None:
    """`own` is what `other` is: a tensor, a number, or a sequence or dict of them, in the same type."""
    assert kind(own) == kind(other), f"{what}: tinynn gives {kind(own)}, torch {kind(other)}"
    if isinstance(other, tuple | list):
        assert len(own) == len(other), f"{what}: tinynn gives {len(own)}, torch {len(other)} values"
        for i, (x, y) in enumerate(zip(own, other, strict=True)):
            assert_same(x, y, f"{what}[{i}]", scale)
    elif isinstance(other, dict):
        assert [*own] == [*other], f"{what}: tinynn has the keys {[*own]}, torch {[*other]}"
        assert_same([*own.values()], [*other.values()], what, scale)
    elif is_tensor(other):
        assert dtype_name(own) == dtype_name(other), (
            f"{what}: dtype {dtype_name(own)}, torch {dtype_name(other)}"
        )
        assert tuple(own.shape) == tuple(other.shape), (
            f"{what}: shape {tuple(own.shape)}, torch {tuple(other.shape)}"
        )
        if other.requires_grad or what.startswith("result"):  # a zero gradient may be a constant, or computed
            assert own.requires_grad == other.requires_grad, f"{what}: requires_grad is {own.requires_grad}"
        assert_close(own.numpy(force=True), other.numpy(force=True), what, scale)
    elif type(other).__name__ in ("dtype", "device", "str"):
        assert neutral(str(own)) == neutral(str(other)), f"{what}: {own}, torch {other}"
    elif isinstance(other, float):
        assert_close(np.array(own), np.array(other), what, scale)
    else:
        assert own == other, f"{what}: {own}, torch {other}"


def assert_close(own: np.ndarray, other: np.ndarray, what: str, scale: float = 0.0) -> None:
    """Equal but for rounding. `scale` is the magnitude of what was added up; 0: nothing was."""
    if other.dtype.kind != "f":
        assert np.array_equal(own, other), f"{what}:\n{own}\ntorch:\n{other}"
        return
    tolerance, eps = TOLERANCE[other.dtype.name], float(np.finfo(other.dtype).eps)
    assert np.array_equal(np.isnan(own), np.isnan(other)), f"nan in other places: {_both(what, own, other)}"
    infinite = np.isinf(other) | np.isinf(own)
    assert np.array_equal(own[infinite], other[infinite]), f"infinities differ: {_both(what, own, other)}"
    finite = np.isfinite(other)
    a, b = own[finite].astype(np.float64), other[finite].astype(np.float64)
    smallest = np.finfo(other.dtype).smallest_subnormal
    allowed = eps * tolerance.ulps * np.abs(b) + 2 * smallest
    allowed += eps * tolerance.rounding * min(scale, float(np.finfo(other.dtype).max))
    difference = np.abs(a - b)
    worst = difference.argmax() if difference.size else 0
    assert (difference <= allowed).all(), (
        f"off by {difference[worst]} at {b[worst]}: {_both(what, own, other)}"
    )
    zeros = (own == 0) & (other == 0)
    if not scale and other.dtype != np.float16:
        same = np.array_equal(np.signbit(own[zeros]), np.signbit(other[zeros]))
        assert same, f"sign of zero: {_both(what, own, other)}"


def _both(what: str, own: np.ndarray, other: np.ndarray) -> str:
    """For the message; making it takes longer than the comparison."""
    return f"{what}:\n{own!r}\ntorch:\n{other!r}"


def largest(tensors: list) -> float:
    """The largest finite magnitude among float tensors."""
    largest = 0.0
    for tensor in tensors:
        if is_tensor(tensor) and tensor.is_floating_point():
            array = tensor.numpy(force=True)
            largest = max([largest, *np.abs(array[np.isfinite(array)]).ravel().tolist()])
    return largest


# --- what both libraries call by the same name


def described(error: Exception) -> str:
    """The exception's type and the first line of its message, without the library's name.

    Two kinds of message are only compared by their type: those of the parser of arguments, which list
    overloads, and which value an in-place operation overwrote (the end of that line gives advice).
    """
    text = str(error)
    if isinstance(error, TypeError) and re.search(
        "invalid combination of arg|missing .* arg|unexpected keyword", text
    ):
        return "TypeError: arguments"
    if "modified by an inplace operation" in text:
        return "RuntimeError: modified by an inplace operation"
    return neutral(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def neutral(text: str) -> str:
    return re.sub(r"\btinynn\b", "torch", text)


def outcome(run: Callable, library: Any) -> Any:
    """What `run(library)` returns, or the exception described."""
    try:
        return run(library)
    except Exception as error:
        return described(error)


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of either library."""
    return hasattr(value, "requires_grad_") and hasattr(value, "grad_fn")


def kind(value: Any) -> str:
    """The type's name. A tensor is a tensor in both libraries; torch's own result tuples are tuples."""
    if is_tensor(value):
        return "Tensor"
    return "tuple" if isinstance(value, tuple) else type(value).__name__


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype).rpartition(".")[2]


def tensors_in(value: Any) -> Iterator:
    if is_tensor(value):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)


def _grad_fn_name(tensor: Any) -> str:
    return "" if tensor.grad_fn is None else tensor.grad_fn.name().removeprefix("torch::autograd::")


# --- which rows of the table a case runs


class Ran(NamedTuple):
    """The rows that ran forward, and the VJPs that backward ran (rows that share them do so on purpose)."""

    forward: set[Op]
    backward: set[Callable]


@contextmanager
def recording() -> Iterator[Ran]:
    """Note which rows of the derivative table run inside the block."""
    ran = Ran(set(), set())
    calls, gradients = {kind: kind.__call__ for kind in (Op, VariadicOp)}, Record.gradients

    def noting_gradients(record: Record, g: Any, create_graph: bool) -> list:
        ran.backward.update(vjp for vjp, _ in record.plan.rules)
        return gradients(record, g, create_graph)

    Record.gradients = noting_gradients
    for kind, call in calls.items():
        kind.__call__ = _noting(ran.forward, call)
    try:
        yield ran
    finally:
        Record.gradients = gradients
        for kind, call in calls.items():
            kind.__call__ = call


def _noting(seen: set[Op], call: Callable) -> Callable:
    def noting_call(op: Op, *args: Any) -> Any:
        seen.add(op)
        return call(op, *args)

    return noting_call


@contextmanager
def altered(row: Op, **attributes: Any) -> Iterator:
    """The row with another `forward`, other `vjps` (by operand) or options, for the length of a block."""
    before = dict(row.__dict__)
    changed = attributes.pop("vjps", {})
    row.vjps = tuple(changed.get(i, vjp) for i, vjp in enumerate(row.vjps))
    row.plans = {}
    row.__dict__.update(attributes)
    try:
        yield
    finally:
        row.__dict__.clear()
        row.__dict__.update(before)
