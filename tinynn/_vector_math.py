"""Arithmetic rounded as torch's vectorised CPU code (AVX2) rounds it: random numbers equal to the last bit.

NumPy has no fused multiply-add, and its float32 `log`, `sin` and `cos` round one value in seven differently.
"""

from typing import Any

import numpy as np

Array = np.ndarray


def fma(x: Array, y: Any, z: Any) -> Array:
    """x * y + z, rounded once instead of twice, for x in float32 or float64 and y, z of the same dtype.

    float32: float64 holds the product exactly, which leaves the sum's rounding. (A sum longer than 53 bits is
    rounded on the way too, which shows once in 2^29 such sums. Those of U(-b, b) are shorter.)
    float64: with errors of rounding that are computed exactly (Boldo and Melquiond, Emulation of FMA, 2008).
    """
    if not isinstance(z, Array) and z == 0:
        return x * y + z  # the product's is the only rounding
    if x.dtype == np.float32:
        return np.add(np.multiply(x, y, dtype=np.float64), z).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        product, product_error = _two_product(x, np.asarray(y, np.float64))
        low, low_error = _two_sum(np.asarray(z, np.float64), product_error)
        high, high_error = _two_sum(product, low)
        total = high + _sum_to_odd(low_error, high_error)
        return np.where(np.isfinite(total), total, product + z)


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    """x + y rounded, and what the rounding lost (Knuth)."""
    total = x + y
    y_kept = total - x
    return total, (x - (total - y_kept)) + (y - y_kept)


def _two_product(x: Array, y: Array) -> tuple[Array, Array]:
    """x * y rounded, and what the rounding lost (Dekker): products of halves are exact."""
    product = x * y
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _halves(x: Array) -> tuple[Array, Array]:
    """float64 x as a sum of two numbers of 26 bits."""
    high = ((x.view(np.int64) + (1 << 26)) & -(1 << 27)).view(np.float64)
    return high, x - high


def _sum_to_odd(x: Array, y: Array) -> Array:
    """x + y if float64 has it, else the neighbour with an odd last bit: the next rounding stays right."""
    total, error = _two_sum(x, y)
    even = total.view(np.int64) & 1 == 0
    return np.where((error != 0) & even, np.nextafter(total, np.copysign(np.inf, error)), total)


def _polynomial(x: Array, coefficients: Array) -> Array:
    """Horner's rule with fused steps, the highest power first."""
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y = fma(y, x, c)
    return y


# The constants of Cephes (S. Moshier, https://www.netlib.org/cephes, logf.c and sinf.c), as in torch's code.
# fmt: off
_LOG = np.array([7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                 -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1], np.float32)
# fmt: on
_COS = np.array([2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2], np.float32)
_SIN = np.array([-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1], np.float32)
_LN2 = np.array([-2.12194440e-4, 0.693359375], np.float32)  # their sum is ln 2, beyond float32's precision
_QUARTER_PI = np.array([0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8], np.float32)
_ONE, _HALF, _SQRT_HALF, _FOUR_OVER_PI = np.array([1, 0.5, np.sqrt(0.5), 4 / np.pi], np.float32)


def log(x: Array) -> Array:
    """Natural logarithm of float32 x = 2^e (1 + r) > 0, 1/sqrt(2) <= 1 + r < sqrt(2).

    log x = e ln 2 + r - r^2 / 2 + r^3 P(r)
    """
    mantissa, exponent = np.frexp(x)
    small = mantissa < _SQRT_HALF
    r = np.where(small, mantissa + mantissa, mantissa) - _ONE
    e = (exponent - small).astype(np.float32)
    square = r * r
    tail = fma(square, -_HALF, fma(_polynomial(r, _LOG) * r, square, e * _LN2[0]))
    return fma(e, _LN2[1], r + tail)


def sincos(x: Array) -> tuple[Array, Array]:
    """Sine and cosine of float32 x = q pi/2 + r >= 0, |r| <= pi/4.

    sin r = r + r^3 S(r^2),  cos r = 1 - r^2 / 2 + r^4 C(r^2);  q says which is which, and the signs.
    """
    q = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) >> 1
    r = x
    for part in _QUARTER_PI:
        r = fma((2 * q).astype(np.float32), -part, r)
    square = r * r
    sin_r = fma(_polynomial(square, _SIN) * square, r, r)
    cos_r = fma(square, _polynomial(square, _COS) * square, -(square * _HALF)) + _ONE
    sine, cosine = np.where(q & 1, cos_r, sin_r), np.where(q & 1, sin_r, cos_r)
    return np.where(q & 2, -sine, sine), np.where((q + 1) & 2, -cosine, cosine)
