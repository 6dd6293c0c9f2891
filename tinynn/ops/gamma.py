"""The derivative table, the gamma function's family: lgamma, digamma, polygamma and Hurwitz's zeta function."""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.dtypes import promote_to_float
from tinynn.ops.special import not_implemented

EULER_GAMMA = 0.57721566490153286061
_HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
# Bernoulli's numbers B_2, B_4, ..., B_24, which all the expansions for large x have in common.
# fmt: off
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
              -174611 / 330, 854513 / 138, -236364091 / 2730)
# fmt: on
_STIRLING = [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI[:8], 1)]
_DIGAMMA = [b / (2 * k) for k, b in enumerate(_BERNOULLI[:7], 1)]
_DIGAMMA_10 = 2.25175258906672110764


def _horner(coefficients, x):
    """The polynomial with these coefficients, the constant first."""
    return np.polyval(coefficients[::-1], x)


# --- log |gamma(x)|


def _lgamma(x):
    """Computed in float64. Below 0 by reflection: gamma(-t) gamma(t) = -pi / (t sin(pi t))."""
    values = np.asarray(x, np.float64)
    size = np.abs(values)
    out = np.where(size < 10, _lgamma_below_10(np.minimum(size, 10)), _lgamma_large(np.maximum(size, 10)))
    fraction = size - np.rint(size)
    reflected = np.log(math.pi / (size * np.abs(np.sin(math.pi * fraction)))) - out
    below = np.where(np.isinf(size) | (fraction == 0), math.inf, reflected)
    return np.where(values < 0, below, out).astype(x.dtype)


def _lgamma_below_10(x):
    """From gamma(x + 1) = x gamma(x) and the series about 2: no digits are lost near the zeros, 1 and 2."""
    small = x < 1.3
    rest = np.where(x < 0.5, x + 2, np.where(small, x + 1, x))
    factors = np.where(x < 0.5, x * (x + 1), np.where(small, x, 1.0))
    for _ in range(8):
        above = rest >= 2.5
        rest = np.where(above, rest - 1, rest)
        factors = np.where(above, factors * rest, factors)
    z = np.where(x < 0.5, x, np.where(small, x - 1, rest - 2))
    logs = np.log(factors)
    return z * _horner(_series_about_2(), z) + np.where(small, -logs, logs)


def _series_about_2():
    """lgamma(2 + z) = (1 - gamma) z + sum of (zeta(k) - 1) (-z)^k / k; zeta(k) - 1 is zeta(k, 2)."""
    k = np.arange(2.0, 36.0)
    return np.append(1 - EULER_GAMMA, (-1) ** k * _zeta(k, np.full_like(k, 2.0)) / k)


def _lgamma_large(x):
    """Stirling's series."""
    y = 1 / x
    return (x - 0.5) * (np.log(x) - 1) + (_HALF_LOG_2_PI - 0.5) + y * _horner(_STIRLING, y * y)


# --- its derivatives. Two are rounded as torch's CPU code, which sums in the dtype itself


def _in_float64(function, x):
    """Rounded once, as the C library's float32 functions nearly are; NumPy's own are not."""
    return function(x.astype(np.float64)).astype(x.dtype)


def _digamma(x):
    """log x - 1 / 2x - sum of B_2k / (2k x^2k), from x = 10 on; steps of 1 lead there. S. Moshier's Cephes."""
    below = x < 0
    total, at = np.zeros_like(x), np.where(below, 1 - x, x)
    while (steps := at < 10).any():
        total = np.where(steps, total - 1 / at, total)
        at = np.where(steps, at + 1, at)
    z = 1 / (at * at)
    tail = np.where(at < 1e17, z * _horner([x.dtype.type(c) for c in _DIGAMMA], z), 0)
    out = np.where(
        at == 10, total + x.dtype.type(_DIGAMMA_10), total + _in_float64(np.log, at) - 0.5 / at - tail
    )
    fraction = np.fmod(x, 1).astype(np.float64)
    reflected = out - (math.pi / np.tan(math.pi * fraction)).astype(x.dtype)
    out = np.where(below, np.where(fraction == 0, math.nan, reflected), out)
    return np.where(x == 0, np.copysign(math.inf, -x), out).astype(x.dtype, copy=False)


def _trigamma(x):
    """The sum of 1 / (x + k)^2: six terms, and as many of the expansion as torch takes, which is 9 digits."""
    small = x < 0.5
    at, sine = np.where(small, 1 - x, x), _in_float64(np.sin, x.dtype.type(math.pi) * x)
    total = np.where(small, -(x.dtype.type(math.pi**2) / (sine * sine)), 0)
    for _ in range(6):
        total, at = total + 1 / (at * at), at + 1
    z = 1 / (at * at)
    total = total + (1 + 1 / (2 * at) + z * (1 / 6 - z * (1 / 30 - z * (1 / 42)))) / at
    return np.where(small, -total, total).astype(x.dtype, copy=False)


def _polygamma(x, n):
    """The n-th derivative of digamma: -(-1)^n n! zeta(n + 1, x) for n > 0."""
    if n < 2:
        return _trigamma(x) if n else _digamma(x)
    factorial = x.dtype.type(math.exp(math.log(math.factorial(n))))  # torch's, rounded twice
    return (1 if n % 2 else -1) * factorial * _zeta(np.full_like(x, n + 1), x)


def _zeta(x, q):
    """The sum of (q + k)^-x over k >= 0: terms to q + k > 9, the rest by Euler and Maclaurin's formula."""
    dtype = x.dtype
    x, q = np.broadcast_arrays(x.astype(np.float64), q.astype(np.float64))
    pole = (q <= 0) & (q == np.floor(q))
    at, step = np.where(pole, 1, q), 0
    total = last = at**-x
    while step < 9 or (at <= 9).any():
        on = (at <= 9) | (step < 9)
        at = np.where(on, at + 1, at)
        last = np.where(on, at**-x, last)
        total, step = np.where(on, total + last, total), step + 1
    total = total + last * at / (x - 1) - last / 2
    rising = np.ones_like(x)
    for k, b in enumerate(_BERNOULLI):
        rising, last = rising * (x + 2 * k), last / at
        total = total + rising * last / (math.factorial(2 * k + 2) / b)
        rising, last = rising * (x + 2 * k + 1), last / at
    total = np.where((q < 0) & (x != np.floor(x)), math.nan, np.where(pole, math.inf, total))
    return np.where(x == 1, math.inf, np.where(x < 1, math.nan, total)).astype(dtype)


def _float_first(operands):
    return [*promote_to_float(operands[:1]), *operands[1:]]


# fmt: off
lgamma    = Op(_lgamma,    lambda g, x: g * digamma(x),                               cast=promote_to_float)
digamma   = Op(_digamma,   lambda g, x: g * polygamma(x, 1),                          cast=promote_to_float)
polygamma = Op(_polygamma, lambda g, x, n: g * polygamma(x, n + 1),                   cast=_float_first)
zeta      = Op(_zeta,      not_implemented("zeta"), lambda g, x, q: g * -x * zeta(x + 1, q), cast=promote_to_float, name="SpecialZetaBackward0")
# fmt: on
