"""The derivative table, the normal distribution's functions: its quantiles, logarithms of its tails, entropy."""

from __future__ import annotations

import math

import numpy as np

from tinynn._erf import erfc, erfcinv, erfinv
from tinynn._erf import erfcx as _erfcx
from tinynn.autograd.op import Op
from tinynn.dtypes import promote_to_float
from tinynn.ops.elementwise import exp, log, zero_where

_SQRT_HALF, _SQRT_2_PI = math.sqrt(0.5), math.sqrt(2 * math.pi)


def _log_ndtr(x):
    """log of the integral of the normal density from -inf to x, in the far tail by erfcx."""
    t = x * x.dtype.type(_SQRT_HALF)
    tail = np.log(_erfcx(-np.minimum(t, 0)) / 2) - t * t
    return np.where(x < -1, tail, np.log1p(-erfc(t) / 2))


def _ndtri(p):
    """The x with ndtr(x) = p; ndtr(x) is erfc(-x / sqrt(2)) / 2."""
    values = np.asarray(p, np.float64)
    tail = np.where(values > 0.5, 1 - values, values)
    far = np.copysign(erfcinv(np.clip(2 * tail, 0, 0.5)), values - 0.5)
    near = erfinv(2 * values - 1)
    out = np.where(tail < 0.25, far, near) / _SQRT_HALF
    return np.where(tail >= 0, out, math.nan).astype(p.dtype)


def _entr(x):
    """-x log x; 0 at 0, and -inf below."""
    return np.where(x > 0, -x * np.log(x), np.where(x == 0, 0, np.where(x < 0, -math.inf, x))).astype(x.dtype)


def _xlog1py(a, b):
    return np.where((a == 0) & (b == b), 0, a * np.log1p(b)).astype(a.dtype, copy=False)


# fmt: off
erfcx    = Op(lambda x: _erfcx(x), lambda g, x, y: g * (2 * x * y - 2 / math.sqrt(math.pi)),      cast=promote_to_float, name="SpecialErfcxBackward0")
log_ndtr = Op(_log_ndtr, lambda g, x, y: g / _SQRT_2_PI * exp(-(y + x * x / 2)),                      cast=promote_to_float, name="SpecialLogNdtrBackward0")
ndtri    = Op(_ndtri,    lambda g, y: g * _SQRT_2_PI * exp(y * y / 2),                             cast=promote_to_float, name="SpecialNdtriBackward0")
entr     = Op(_entr,     lambda g, x: g * (-log(x) - 1),                                           cast=promote_to_float, name="SpecialEntrBackward0")
xlog1py  = Op(_xlog1py,  lambda g, a, b: zero_where(xlog1py(g, b), (a == 0) & (b <= -1)), lambda g, a, b: g * a / (b + 1), cast=promote_to_float, name="SpecialXlog1PyBackward0")
# fmt: on
