"""Random streams: after every draw, the values and the 5056 bytes of state are torch's, bit for bit."""

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynn.random
from tinynn.random import Generator

SIZES = (0, 1, 2, 15, 16, 17, 31, 32, 33, 100, 1000, 10007)
SEEDS = (0, 1, 42, -3, 2**40 + 17, 2**64 - 1)
FLOATS = ("float16", "float32", "float64")
INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")

pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="without AVX2, torch's own last bits are others: it does not fuse multiply and add",
)


def both(seed: int) -> tuple[Generator, torch.Generator]:
    return Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def assert_same(ours: np.ndarray, theirs: torch.Tensor) -> None:
    expected = theirs.numpy()
    assert type(ours) is np.ndarray
    assert (ours.dtype, ours.shape) == (expected.dtype, expected.shape)
    if ours.tobytes() != expected.tobytes():
        np.testing.assert_array_equal(ours, expected)
        raise AssertionError("equal values, other bits: a sign of zero, or a nan")


def assert_in_step(ours: Generator, theirs: torch.Generator) -> None:
    assert ours.get_state().tobytes() == theirs.get_state().numpy().tobytes()


def empty(n: int, dtype: str) -> torch.Tensor:
    return torch.empty(n, dtype=getattr(torch, dtype))


def weights(n: int, dtype: str) -> np.ndarray:
    return np.linspace(0, 1, n + 1)[1:].astype(dtype)


# One draw, done by either library: draw(generator, n, dtype, parameters).
DRAWS = {
    "uniform": (
        lambda g, n, dtype, low, high: g.uniform((n,), dtype, low, high),
        lambda g, n, dtype, low, high: empty(n, dtype).uniform_(low, high, generator=g),
    ),
    "normal": (
        lambda g, n, dtype, mean, std: g.normal((n,), dtype, mean, std),
        lambda g, n, dtype, mean, std: empty(n, dtype).normal_(mean, std, generator=g),
    ),
    "exponential": (
        lambda g, n, dtype, lambd: g.exponential((n,), dtype, lambd),
        lambda g, n, dtype, lambd: empty(n, dtype).exponential_(lambd, generator=g),
    ),
    "random": (
        lambda g, n, dtype, *bounds: g.random((n,), dtype, *bounds),
        lambda g, n, dtype, *bounds: empty(n, dtype).random_(*bounds, generator=g),
    ),
    "bernoulli by a number": (
        lambda g, n, dtype, p: g.bernoulli((n,), p, dtype),
        lambda g, n, dtype, p: empty(n, dtype).bernoulli_(p, generator=g),
    ),
    "bernoulli by an array": (
        lambda g, n, dtype: g.bernoulli((n,), weights(n, dtype), dtype),
        lambda g, n, dtype: torch.bernoulli(torch.from_numpy(weights(n, dtype)), generator=g),
    ),
    "randperm": (
        lambda g, n, dtype: g.randperm(n, dtype),
        lambda g, n, dtype: torch.randperm(n, dtype=getattr(torch, dtype), generator=g),
    ),
    "multinomial": (
        lambda g, n, dtype, samples, again: g.multinomial(weights(n + 5, dtype), samples, again),
        lambda g, n, dtype, samples, again: torch.multinomial(
            torch.from_numpy(weights(n + 5, dtype)), samples, again, generator=g
        ),
    ),
}

UNIFORM = [(0.0, 1.0), (-0.3, 0.3), (-0.1, 0.7), (0.0, 5.0), (3.0, 3.0), (2.0, 2.0009), (-6e4, 5e3)]
NORMAL = [(0.0, 1.0), (0.3, 0.02), (-5.0, 3.0), (0.0, 0.1), (2.0, 0.0), (6e4, 1e4)]
WIDE = [
    (-5, 2**27),
    (0, 2**28 - 1),
    (0, 2**28),
    (-7, 2**28 - 7),
    (0, 2**32),
    (-(2**63), 2**63 - 1),
    (9, None),
]

# fmt: off
CASES = [
    *(("uniform", dtype, p) for dtype in FLOATS for p in UNIFORM),
    ("uniform", "float64", (-1e300, 1e300)),
    *(("normal", dtype, p) for dtype in FLOATS for p in NORMAL),
    ("normal", "float32", (1e39, 1.0)),
    ("normal", "float64", (0.0, math.inf)),
    *(("exponential", dtype, (rate,)) for dtype in FLOATS for rate in (1.0, 3.0, 1e-5, math.inf)),
    *(("random", dtype, bounds) for dtype in INTEGERS + FLOATS for bounds in [(), (0, 2), (1, None)]),
    *(("random", "int64", bounds) for bounds in [*WIDE, (-(2**63), None)]),
    *(("random", dtype, (-(2**63), None)) for dtype in ("float32", "float64")),
    *(("bernoulli by a number", dtype, (p,)) for dtype in INTEGERS + FLOATS for p in (0, 0.3, 0.5, 1.0)),
    *(("bernoulli by an array", dtype, ()) for dtype in FLOATS),
    *(("randperm", dtype, ()) for dtype in ("int16", "int32", "int64", "float32", "float64")),
    *(("multinomial", dtype, p) for dtype in FLOATS for p in [(1, False), (1, True), (5, True)]),
    *(("multinomial", dtype, (5, False)) for dtype in ("float32", "float64")),
]
# fmt: on


@pytest.mark.parametrize(("draw", "dtype", "parameters"), CASES, ids=str)
def test_a_draw_of_every_size(draw, dtype, parameters):
    ours, theirs = DRAWS[draw]
    for seed in SEEDS:
        a, b = both(seed)
        for n in SIZES:
            assert_same(ours(a, n, dtype, *parameters), theirs(b, n, dtype, *parameters))
            assert_in_step(a, b)


STEPS = st.tuples(st.sampled_from(CASES), st.sampled_from(SIZES[:-1]))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(seed=st.integers(-(2**63), 2**64 - 1), program=st.lists(STEPS, min_size=2, max_size=12))
def test_draws_of_different_kinds_after_each_other(seed, program):
    a, b = both(seed)
    for (draw, dtype, parameters), n in program:
        ours, theirs = DRAWS[draw]
        assert_same(ours(a, n, dtype, *parameters), theirs(b, n, dtype, *parameters))
    assert_in_step(a, b)


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_odd_normal_waits_for_the_next_small_call(dtype):
    a, b = both(7)
    for n in (3, 0, 20, 1, 1, 5, 16, 2):  # neither 0 nor 16 and more touch the one that waits
        assert_same(a.normal((n,), dtype), empty(n, dtype).normal_(generator=b))
        assert_in_step(a, b)


def test_a_million_normals():
    a, b = both(3)
    assert_same(a.normal((2**20 + 5,)), torch.randn(2**20 + 5, generator=b))


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3), (4, 1, 5)])
def test_shapes(shape):
    a, b = both(5)
    assert_same(a.uniform(shape), torch.rand(shape, generator=b))
    assert_same(a.normal(shape), torch.randn(shape, generator=b))
    assert_same(a.randint(-2, 9, shape), torch.randint(-2, 9, shape, generator=b))
    assert_same(a.random(shape), torch.empty(shape, dtype=torch.int64).random_(generator=b))
    assert_same(a.exponential(shape), torch.empty(shape).exponential_(generator=b))
    assert_same(a.bernoulli(shape, 0.5), torch.empty(shape).bernoulli_(0.5, generator=b))
    p = np.full(shape, 0.25, np.float32)
    assert_same(a.bernoulli(shape, p), torch.bernoulli(torch.from_numpy(p), generator=b))
    assert_in_step(a, b)


def test_probabilities_are_broadcast_and_their_dtype_decides_the_bits():
    a, b = both(5)
    for p in (np.array([0.1, 0.5, 0.9]), np.array([[0.1], [0.7]], np.float32), np.array(0.5, np.float16)):
        ours = a.bernoulli((2, 3), p, np.int64)
        assert_same(ours, torch.empty(2, 3, dtype=torch.int64).bernoulli_(torch.from_numpy(p), generator=b))
    assert_in_step(a, b)


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial_of_several_rows(replacement):
    p = np.arange(1.0, 22.0).reshape(3, 7)
    p[0, 2] = 0
    a, b = both(11)
    for samples in (1, 2, 6):
        assert_same(
            a.multinomial(p, samples, replacement),
            torch.multinomial(torch.from_numpy(p), samples, replacement, generator=b),
        )
    no_rows = a.multinomial(np.zeros((0, 3)), 1, replacement)
    assert_same(no_rows, torch.multinomial(torch.zeros(0, 3), 1, replacement, generator=b))
    assert_in_step(a, b)


@pytest.mark.parametrize("dtype", FLOATS)
def test_multinomial_adds_up_in_the_dtype_of_the_weights(dtype):
    p = np.random.RandomState(0).rand(2, 3000).astype(dtype)
    a, b = both(6)
    ours = a.multinomial(p, 100_000, replacement=True)
    assert_same(ours, torch.multinomial(torch.from_numpy(p), 100_000, replacement=True, generator=b))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "bounds", [(0, 4000), (-4097, -4094), (-60000, 65504), (0, 65505), (0, 2048), (1, 2049)]
)
@pytest.mark.filterwarnings("ignore:.*is out of bounds:UserWarning")
def test_integers_that_float16_skips(dtype, bounds):
    a, b = both(2)
    assert_same(a.random((3000,), dtype, *bounds), empty(3000, dtype).random_(*bounds, generator=b))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "bounds", [(0, 2**26 + 1), (-(2**26) - 1, 5), (0, 2**55 + 1), (-(2**63) + 1, 2**63 - 1), (0, 2**63 - 1)]
)
@pytest.mark.filterwarnings("ignore:.*is out of bounds:UserWarning")
def test_integers_that_wider_floats_skip(dtype, bounds):
    a, b = both(2)
    assert_same(a.random((3000,), dtype, *bounds), empty(3000, dtype).random_(*bounds, generator=b))


# --- what models draw


def test_linear_layers_of_fifty_seeds():
    for seed in range(50):
        a = Generator().manual_seed(seed)
        torch.manual_seed(seed)
        for fan_in, fan_out in ((2, 10), (10, 10), (10, 1), (784, 32)):
            theirs = torch.nn.Linear(fan_in, fan_out)
            bound = math.sqrt(3.0) * math.sqrt(2.0 / (1 + 5)) / math.sqrt(fan_in)  # kaiming_uniform(a=sqrt 5)
            assert_same(a.uniform((fan_out, fan_in), np.float32, -bound, bound), theirs.weight.detach())
            bound = 1 / math.sqrt(fan_in)
            assert_same(a.uniform((fan_out,), np.float32, -bound, bound), theirs.bias.detach())


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dropout_masks_of_fifty_seeds(p, dtype):
    x = torch.ones(32, 10, dtype=getattr(torch, dtype))
    for seed in range(50):
        torch.manual_seed(seed)
        theirs = torch.nn.functional.dropout(x, p)
        ours = Generator().manual_seed(seed).bernoulli((32, 10), 1 - p, dtype)
        assert_same(ours.astype(bool), theirs != 0)


# --- the stream and its state


@pytest.mark.parametrize("seed", [*SEEDS, 2**32 - 1, 2**32, -1, -(2**63), 2**63])
def test_seeds(seed):
    a, b = both(seed)
    assert a.initial_seed() == b.initial_seed()
    assert_in_step(a, b)
    assert_same(a.uniform((5,)), torch.rand(5, generator=b))


def test_a_new_generator_has_torchs_default_seed_and_device():
    assert Generator().initial_seed() == torch.Generator().initial_seed()
    assert (
        Generator("cpu").device.type == Generator(device="cpu:0").device.type == torch.Generator().device.type
    )
    assert str(Generator("cpu:0").device) == str(torch.Generator("cpu:0").device)


@pytest.mark.parametrize("words", [0, 1, 2, 622, 623, 624, 625, 1247, 1248, 1249, 5000])
def test_state_bytes_around_the_ends_of_a_block(words):
    a, b = both(42)
    a.random_raw(words)
    torch.empty(words, dtype=torch.int32).random_(generator=b)
    assert_in_step(a, b)


@pytest.mark.parametrize("words", [0, 1, 623, 624, 625])
@pytest.mark.parametrize("waiting", [True, False])
def test_states_travel_both_ways(words, waiting):
    _, theirs = both(9)
    torch.empty(words, dtype=torch.int32).random_(generator=theirs)
    if waiting:
        torch.randn(1, generator=theirs)
    ours = Generator()
    ours.set_state(theirs.get_state().numpy())
    assert_in_step(ours, theirs)
    assert ours.initial_seed() == theirs.initial_seed()
    assert_same(ours.normal((3,)), torch.randn(3, generator=theirs))

    back = torch.Generator()
    back.set_state(torch.from_numpy(ours.get_state()))
    assert_same(ours.normal((4,)), torch.randn(4, generator=back))
    assert_in_step(ours, back)


def test_set_state_takes_a_tensor():
    a, b = Generator(), torch.Generator().manual_seed(8)
    a.set_state(b.get_state())
    assert_same(a.uniform((3,)), torch.rand(3, generator=b))


def test_seeding_forgets_the_waiting_normal():
    a, b = both(1)
    for g in (a, b):
        g.manual_seed(1)
    a.normal((1,)), torch.randn(1, generator=b)
    a.manual_seed(2), b.manual_seed(2)
    assert_same(a.normal((1,)), torch.randn(1, generator=b))


def test_clone_state_and_a_new_seed():
    a, b = both(4)
    a.normal((3,)), torch.randn(3, generator=b)
    assert_same(a.clone_state().normal((2,)), torch.randn(2, generator=b.clone_state()))
    assert_in_step(a, b)
    assert b.manual_seed(a.seed()).initial_seed() == a.initial_seed()
    assert_in_step(a, b)


# --- the module's functions, on the default generator


def test_the_default_generator():
    assert tinynn.random.manual_seed(3.7) is tinynn.random.default_generator
    torch.manual_seed(3.7)
    assert tinynn.random.initial_seed() == torch.initial_seed()
    draw = tinynn.random.default_generator.uniform
    assert_same(draw((5,)), torch.rand(5))
    assert tinynn.random.get_rng_state().tobytes() == torch.get_rng_state().numpy().tobytes()
    for enabled in (True, False):
        with tinynn.random.fork_rng(enabled=enabled), torch.random.fork_rng(enabled=enabled):
            assert_same(draw((7,)), torch.rand(7))
        assert_same(draw((5,)), torch.rand(5))
    tinynn.random.set_rng_state(torch.manual_seed(tinynn.random.seed()).get_state())
    assert_same(draw((5,)), torch.rand(5))


# --- what is refused: torch's exception, torch's first line


def errors(ours, theirs):
    raised = []
    for call in (ours, theirs):
        with pytest.raises((RuntimeError, TypeError, ValueError)) as error:
            call()
        raised.append(error.value)
    return raised


def assert_same_error(ours, theirs):
    a, b = errors(ours, theirs)
    first, _, help_line = str(a).partition("\n")
    assert (type(a), first) == (type(b), str(b).partition("\n")[0])
    assert help_line


# fmt: off
REFUSED = [
    *(("uniform", "float32", p) for p in [(1, 0), (1.25, 0.1), (-1e39, 1.0), (-3e38, 3e38)]),
    *(("uniform", "float32", p) for p in [(math.nan, 1.0), (0.0, math.inf)]),
    ("uniform", "float16", (-6e4, 6e4)), ("uniform", "float16", (0.0, 65519.0)),
    ("uniform", "int64", (0.0, 1.0)), ("uniform", "bool", (0.0, 1.0)),
    ("normal", "float32", (0.0, -1.0)), ("normal", "float32", (0.0, math.nan)),
    ("normal", "int64", (0.0, 1.0)), ("exponential", "int64", (1.0,)),
    ("exponential", "float32", (0.0,)), ("exponential", "float32", (-0.25,)),
    *(("bernoulli by a number", "float32", (p,)) for p in (2, -0.1, math.nan)),
    ("bernoulli by an array", "int64", ()),
    *(("random", "int64", p) for p in [(5, 5), (0, 0), (0, -3), (0, -(2**63))]),
    ("random", "int64", (0, 2**63)), ("random", "int64", (-(2**63) - 1, 0)),
    ("random", "uint8", (0, 300)), ("random", "uint8", (-1, 30)), ("random", "uint8", (300, None)),
    ("random", "int8", (0, 129)), ("random", "int16", (0, 70000)), ("random", "int32", (0, 2**40)),
    ("random", "int32", (-(2**31) - 1, None)), ("random", "bool", (0, 3)), ("random", "float16", (0, 100000)),
    ("random", "float16", (-70000, 5)), ("random", "float16", (4097, 4098)),
    ("random", "float32", (2**24 + 1, None)),
    *(("random", dtype, (-(2**63), None)) for dtype in ("bool", "uint8", "int16", "int32", "float16")),
    ("randperm", "uint8", ()), ("randperm", "int8", ()), ("randperm", "bool", ()),
    *(("multinomial", "float32", p) for p in [(1000, False), (0, True), (-1, False)]),
    ("multinomial", "int64", (1, False)),
]
# fmt: on


@pytest.mark.parametrize(("draw", "dtype", "parameters"), REFUSED, ids=str)
def test_refused_draws(draw, dtype, parameters):
    ours, theirs = DRAWS[draw]
    a, b = both(0)
    n = 400
    assert_same_error(lambda: ours(a, n, dtype, *parameters), lambda: theirs(b, n, dtype, *parameters))
    assert_in_step(a, b)


def test_refused_permutations():
    a, b = both(0)
    for n, dtype in ((-1, "int64"), (40000, "int16"), (2050, "float16"), (0, "bool")):
        ours, theirs = DRAWS["randperm"]
        assert_same_error(lambda: ours(a, n, dtype), lambda: theirs(b, n, dtype))  # noqa: B023 - called at once


@pytest.mark.parametrize("p", [[2.0], [0.5, math.nan], [-0.1]])
def test_refused_probabilities(p):
    p = np.array(p)
    assert_same_error(
        lambda: Generator().bernoulli(p.shape, p), lambda: torch.bernoulli(torch.from_numpy(p)).shape
    )


@pytest.mark.parametrize(
    ("p", "samples", "replacement"),
    [
        ([0.0, 0.0], 1, False),
        ([[0.0, 0.0], [1.0, 1.0]], 2, True),
        ([0.0, 1.0], 3, False),
        ([-1.0, 1.0], 1, True),
        ([-1.0, 1.0], 2, True),
        ([math.inf, 1.0], 1, False),
        ([math.nan, 1.0], 2, True),
        ([[[1.0]]], 1, False),
        (1.0, 1, True),
    ],
)
def test_refused_weights(p, samples, replacement):
    p = np.array(p)
    assert_same_error(
        lambda: Generator().multinomial(p, samples, replacement),
        lambda: torch.multinomial(torch.from_numpy(p), samples, replacement),
    )


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, "a", None, True, np.int64(3)], ids=repr)
def test_refused_seeds(seed):
    assert_same_error(lambda: Generator().manual_seed(seed), lambda: torch.Generator().manual_seed(seed))


def test_refused_states():
    ours, theirs = Generator(), torch.Generator()
    states = [
        (s.numpy(), s) for s in (torch.zeros(5, dtype=torch.uint8), torch.zeros(5056, dtype=torch.uint8))
    ]
    states += [(np.zeros(5056, np.float32), torch.zeros(5056)), (3, 3), ([1, 2], [1, 2])]
    for a, b in states:
        assert_same_error(lambda: ours.set_state(a), lambda: theirs.set_state(b))  # noqa: B023 - called at once
    assert_in_step(ours, theirs)


def test_a_device_without_tensors():
    with pytest.raises(RuntimeError):
        torch.Generator("cuda")
    with pytest.raises(RuntimeError):
        Generator("cuda")


@pytest.mark.parametrize(
    "case", [("float16", (0, 4000)), ("float32", (-(2**26), 1)), ("float64", (-(2**55), 2**55))]
)
def test_warnings_about_skipped_integers(case):
    dtype, bounds = case
    heard = []
    for draw, generator in zip(DRAWS["random"], both(0), strict=True):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            draw(generator, 1, dtype, *bounds)
        heard.append([(w.category, str(w.message).partition(" (Triggered")[0]) for w in caught])
    assert heard[0] == heard[1] != []
