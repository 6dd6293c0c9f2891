"""Random numbers on their own: the stream, its state, the draws, and arithmetic that rounds as torch does."""

import copy
import math
import pickle
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinynn.random
from tinynn._vector_math import fma, log, sincos
from tinynn.random import Generator

DRAWS = {
    "uniform": lambda g: g.uniform((5,)),
    "uniform of float64": lambda g: g.uniform((5,), np.float64, -1, 3),
    "random": lambda g: g.random((5,)),
    "randint": lambda g: g.randint(0, 10, (5,)),
    "bernoulli": lambda g: g.bernoulli((5,), 0.5),
    "few normals": lambda g: g.normal((5,)),
    "many normals": lambda g: g.normal((21,)),
    "exponential": lambda g: g.exponential((5,)),
    "randperm": lambda g: g.randperm(5),
    "multinomial": lambda g: g.multinomial(np.ones(5), 3, replacement=True),
}


def seeded(seed: int = 42) -> Generator:
    return Generator().manual_seed(seed)


# --- values recorded from torch 2.13


def test_recorded_values():
    g = seeded(42)
    assert g.uniform((3,)).tolist() == [0.8822692632675171, 0.9150039553642273, 0.38286375999450684]
    assert seeded(0).randperm(5).tolist() == [4, 0, 1, 3, 2]
    assert seeded(0).randint(0, 10, (5,)).tolist() == [4, 9, 3, 0, 3]
    assert seeded(42).normal((3,)).tolist() == [0.33669036626815796, 0.12880940735340118, 0.23446236550807953]
    assert seeded(42).normal((16,))[:3].tolist() == [
        1.9269152879714966,
        1.4872840642929077,
        0.9007171988487244,
    ]
    assert seeded(0).bernoulli((8,), 0.5, np.uint8).tolist() == [0, 0, 1, 0, 0, 0, 1, 1]


# --- the stream


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_stream_is_decided_by_its_seed(draw):
    first, again, other = draw(seeded(1)), draw(seeded(1)), draw(seeded(2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_words_do_not_depend_on_how_many_are_taken_at_once():
    at_once, pieces = seeded().random_raw(2000), seeded()
    assert np.array_equal(at_once, np.concatenate([pieces.random_raw(n) for n in (0, 1, 623, 1, 1375)]))
    assert at_once.dtype == np.uint32


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_state_continues_where_it_was_taken(draw):
    g = seeded()
    g.normal((3,))  # leaves one waiting
    state = g.get_state()
    expected = [draw(g).tolist(), g.normal((2,)).tolist()]
    for continued in (Generator(), g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        continued.set_state(state)
        assert [draw(continued).tolist(), continued.normal((2,)).tolist()] == expected


def test_copies_continue_apart():
    g = seeded()
    g.normal((3,))
    for duplicate in (g.clone_state(), copy.deepcopy(g), pickle.loads(pickle.dumps(g))):
        expected = g.clone_state().normal((3,)).tolist()
        assert duplicate.normal((3,)).tolist() == expected
        assert g.clone_state().normal((3,)).tolist() == expected


def test_a_state_is_a_copy():
    g = seeded()
    state = g.get_state()
    before = state.copy()
    g.random_raw(1000)
    assert np.array_equal(state, before)
    g.set_state(state)
    g.random_raw(1000)
    assert np.array_equal(state, before)


def test_seed_is_different_every_time():
    g = Generator()
    assert g.seed() != g.seed()
    assert 0 <= g.initial_seed() < 2**64


def test_the_module_works_on_the_default_generator():
    with tinynn.random.fork_rng():
        assert tinynn.random.manual_seed("5") is tinynn.random.default_generator
        assert tinynn.random.initial_seed() == 5
        state = tinynn.random.get_rng_state()
        first = tinynn.random.default_generator.random_raw(3).tolist()
        tinynn.random.set_rng_state(state)
        again = tinynn.random.default_generator.random_raw(3).tolist()
        assert again == first == seeded(5).random_raw(3).tolist()
        assert tinynn.random.seed() == tinynn.random.initial_seed()


def test_fork_rng_restores_after_an_exception():
    def fail():
        with tinynn.random.fork_rng():
            tinynn.random.manual_seed(1)
            raise ZeroDivisionError

    before = tinynn.random.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        fail()
    assert np.array_equal(tinynn.random.get_rng_state(), before)


def test_seeding_does_not_load_numpys_random_module():
    script = (
        "import sys, numpy; eager = 'numpy.random' in sys.modules\n"
        "import tinynn.random; tinynn.random.manual_seed(1); tinynn.random.Generator().manual_seed(2)\n"
        "assert eager or 'numpy.random' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# --- the draws


def test_uniforms_never_reach_their_upper_end():
    for dtype, low, high in [(np.float16, 0, 1), (np.float16, 2, 2.01), (np.float32, 1, 1 + 2**-23)]:
        values = seeded().uniform((20000,), dtype, low, high)
        assert values.min() == dtype(low)
        assert values.max() < dtype(high)


def test_empty_draws_leave_the_stream_alone():
    g = seeded()
    g.normal((3,))
    before = g.get_state()
    for shape in ((0,), (2, 0)):
        drawn = [g.uniform(shape), g.normal(shape), g.exponential(shape), g.random(shape)]
        assert all(values.shape == shape for values in [*drawn, g.bernoulli(shape, 0.5)])
    assert g.randperm(0).tolist() == []
    assert g.randperm(1).tolist() == [0]
    assert np.array_equal(g.get_state(), before)


@pytest.mark.parametrize("n", [2, 16, 1000])
def test_randperm_is_a_permutation(n):
    assert sorted(seeded().randperm(n).tolist()) == list(range(n))


def test_the_distributions():
    """Mean and variance within five standard errors, at 10^5 draws and one seed."""
    n, g = 10**5, seeded(0)
    # fmt: off
    draws = [  # values, mean, variance, fourth central moment
        (g.uniform((n,), np.float64, -1, 3),         1,   4 / 3,   16 / 5),
        (g.normal((n,), np.float32, 2, 3),           2,   9,       243),
        (g.normal((n,), np.float64),                 0,   1,       3),
        (g.exponential((n,), np.float64, 2),         0.5, 0.25,    9 / 16),
        (g.bernoulli((n,), 0.3, np.float64),         0.3, 0.21,    0.0777),
        (g.randint(-5, 6, (n,)).astype(np.float64),  0,   10,      178),
    ]
    # fmt: on
    for values, mean, variance, fourth in draws:
        assert abs(values.mean() - mean) < 5 * math.sqrt(variance / n)
        assert abs(values.var() - variance) < 5 * math.sqrt((fourth - variance**2) / n)


def test_multinomial_follows_its_weights():
    p = np.array([0.0, 1.0, 3.0, 0.0, 4.0])
    counts = np.bincount(seeded().multinomial(p, 8000, replacement=True), minlength=5)
    assert counts[[0, 3]].tolist() == [0, 0]
    assert np.abs(counts - 1000 * p).max() < 5 * math.sqrt(8000) / 2
    for row in seeded().multinomial(np.tile(p, (50, 1)), 3):
        assert sorted(row.tolist()) == [1, 2, 4]


def test_messages_end_with_what_would_help():
    with pytest.raises(RuntimeError, match=r"but found from=1 > to=0\nSwap the two\."):
        seeded().uniform((2,), np.float32, 1, 0)
    with pytest.raises(ValueError, match=r"Overflow when unpacking long long\nA seed lies in"):
        Generator().manual_seed(2**64)


# --- the arithmetic below

many = settings(max_examples=500, derandomize=True, deadline=None)
moderate = st.floats(-(2.0**400), 2.0**400).filter(lambda v: v == 0 or abs(v) > 2.0**-400)


@many
@given(moderate, moderate, moderate)
@example(5265459092895921.0, 1.5, -(2.0**-242))  # a product half way between two floats, and a little less
@example(0.5293121601967704, 0.7857857007138075, -0.41592592669655837)  # what rounding took from the product
def test_fma_of_float64_rounds_once(x, y, z):
    exact = float(Fraction(x) * Fraction(y) + Fraction(z))
    assert fma(np.array([x]), y, z).tolist() == [exact]


@many
@given(st.floats(0, 1, exclude_max=True), st.floats(2.0**-30, 2.0**30))
def test_fma_of_float64_where_the_sum_cancels(u, bound):
    exact = float(Fraction(u) * Fraction(2 * bound) - Fraction(bound))
    assert fma(np.array([u]), 2 * bound, -bound).tolist() == [exact]


def test_fma_of_float32_rounds_once():
    rng = np.random.default_rng(0)
    x, y, z = rng.standard_normal((3, 20000)).astype(np.float32)
    triples = zip(x.tolist(), y.tolist(), z.tolist(), strict=True)
    exact = [Fraction(a) * Fraction(b) + Fraction(c) for a, b, c in triples]
    result = fma(x, y, z)
    assert result.dtype == np.float32
    for neighbour in (np.nextafter(result, np.float32(np.inf)), np.nextafter(result, np.float32(-np.inf))):
        for value, other, wanted in zip(result.tolist(), neighbour.tolist(), exact, strict=True):
            assert abs(Fraction(value) - wanted) <= abs(Fraction(other) - wanted)


def test_fma_with_infinities_and_signed_zeros():
    inf = math.inf
    assert fma(np.array([1.0, -1.0, 0.0]), inf, 1.0)[:2].tolist() == [inf, -inf]
    assert np.isnan(fma(np.array([0.0]), inf, 1.0))[0]
    assert fma(np.array([1e300]), 1e300, -1.0).tolist() == [inf]
    assert not np.signbit(fma(np.array([-0.0]), 1.0, 0.0))[0]


def test_log_and_sincos_are_accurate_to_float32():
    u = np.concatenate([np.arange(1, 5000), np.arange(2**24 - 5000, 2**24 + 1), np.arange(1, 2**24, 4001)])
    u = (u / 2**24).astype(np.float32)
    np.testing.assert_allclose(log(u), np.log(u.astype(np.float64)), rtol=2**-22, atol=2**-30)
    theta = np.float32(2 * math.pi) * u
    sine, cosine = sincos(theta)
    np.testing.assert_allclose(sine, np.sin(theta.astype(np.float64)), rtol=0, atol=2**-23)
    np.testing.assert_allclose(cosine, np.cos(theta.astype(np.float64)), rtol=0, atol=2**-23)
    assert sine.dtype == cosine.dtype == log(u).dtype == np.float32
