"""The distance between results: what a neighbour is, across 0, at the ends, and with nan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_tests.ulps import ulps

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
class TestFloats:
    @pytest.fixture
    def tiny(self, dtype):
        return np.finfo(dtype).smallest_subnormal

    def test_neighbours(self, dtype):
        a = np.array([1, -1, 0, 2**10, -(2**-10)], dtype)
        for end in (INF, -INF):
            assert ulps(a, np.nextafter(a, np.array(end, dtype))) == 1
        assert ulps(a, a) == 0

    def test_way_through_zero(self, dtype, tiny):
        assert ulps(np.array(tiny), np.array(-tiny)) == 2
        assert ulps(np.array(0.0, dtype), np.array(-0.0, dtype)) == 0

    def test_infinity_comes_after_the_largest_number(self, dtype):
        largest = np.finfo(dtype).max
        assert ulps(np.array(largest), np.array(INF, dtype)) == 1
        assert ulps(np.array([INF, -INF], dtype), np.array([INF, -INF], dtype)) == 0

    def test_ends_are_as_far_apart_as_there_are_numbers(self, dtype):
        info = np.finfo(dtype)
        numbers = 2 * (2**info.nexp - 1) * 2**info.nmant  # of each sign: exponents times fractions
        assert ulps(np.array(-INF, dtype), np.array(INF, dtype)) == numbers

    def test_nan(self, dtype):
        a, b = np.array([NAN, 1.0], dtype), np.array([1.0, NAN], dtype)
        assert ulps(a, a) == 0
        assert ulps(a, b) == ulps(b, a) == INF
        assert ulps(a, np.nextafter(a, np.array(2, dtype))) == 1

    def test_worst_counts(self, dtype):
        a = np.ones((2, 3), dtype)
        b = a.copy()
        b[0, 1] += 3 * np.finfo(dtype).eps
        b[1, 2] -= np.finfo(dtype).eps / 2
        assert ulps(a, b) == 3

    def test_unlike_arrays(self, dtype):
        a = np.ones(2, dtype)
        for other in (a[:1], a.astype(np.int64)):
            with pytest.raises(ValueError, match="not comparable"):
                ulps(a, other)

    def test_nothing_differs_by_nothing(self, dtype):
        assert ulps(np.ones((0, 3), dtype), np.ones((0, 3), dtype)) == 0


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_what_is_no_float_is_exact(dtype):
    a = np.array([0, 1], dtype)
    assert ulps(a, a) == 0
    assert ulps(a, a[::-1]) == INF


@given(st.floats(width=32), st.floats(width=32), st.floats(width=32))
@settings(derandomize=True, deadline=None)
def test_it_is_a_distance(a, b, c):
    a, b, c = (np.array(x, np.float32) for x in (a, b, c))
    assert ulps(a, b) == ulps(b, a)
    assert ulps(a, c) <= ulps(a, b) + ulps(b, c)
