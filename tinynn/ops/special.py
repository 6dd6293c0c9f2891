"""The derivative table, more elementwise operations: the rest of trigonometry, powers and logarithms to other
bases, the error function's family, interpolation, and what is done to nan, bits and signs.

Nothing here is needed to understand backward(); ops/elementwise.py says how rows of this kind are read.
"""

from __future__ import annotations

import math

import numpy as np

from tinynn._erf import erf as _erf
from tinynn._erf import erfc as _erfc
from tinynn._erf import erfinv as _erfinv
from tinynn.autograd.op import Op
from tinynn.dtypes import convert, promote, promote_to_float, result_type
from tinynn.ops.elementwise import (
    abs,
    clamp,
    clamp_tensors,
    cos,
    exp,
    isfinite,
    nothing,
    rsqrt,
    sign,
    sin,
    where,
    zero_where,
)


def _arithmetic(forward, *vjps, name=""):
    return Op(forward, *vjps, name=name, cast=promote if len(vjps) == 2 else None)


def _real(forward, *vjps, name=""):
    return Op(forward, *vjps, name=name, cast=promote_to_float)


def _promote_three(operands):
    """The first three operands in their common dtype; constants follow."""
    common = result_type(*operands[:3])
    return [*(convert(operand, common) for operand in operands[:3]), *operands[3:]]


def _float_first(operands):
    """The first operand as a float; constants follow."""
    return [*promote_to_float(operands[:1]), *operands[1:]]


# --- forward functions that NumPy lacks, or computes otherwise than torch


def _sinc(x):
    """sin(pi x) / (pi x), and 1 at 0."""
    angle = np.where(x == 0, 1, x * math.pi)
    return np.where(x == 0, 1, np.sin(angle) / angle).astype(x.dtype, copy=False)


def _logit(x, eps=None):
    """log(x / (1 - x)); with eps, of x limited to [eps, 1 - eps]."""
    if eps is not None:
        x = np.clip(x, x.dtype.type(eps), x.dtype.type(1 - eps))
    return np.log(x / (1 - x))


def _nan_to_num(x, nan, posinf, neginf):
    if x.dtype.kind != "f":
        return x.copy()
    info = np.finfo(x.dtype)
    y = np.where(np.isnan(x), x.dtype.type(nan or 0), x)
    y = np.where(x == math.inf, x.dtype.type(info.max if posinf is None else posinf), y)
    return np.where(x == -math.inf, x.dtype.type(info.min if neginf is None else neginf), y)


def _angle(x):
    """pi below 0, else 0; nan stays."""
    return np.where(np.isnan(x), x, np.where(x < 0, math.pi, 0)).astype(x.dtype)


def _scaled_by(factor):
    return lambda x: x * x.dtype.type(factor)


def _lerp(start, end, weight):
    """start + weight (end - start), computed from the nearer end, so that both are exact."""
    step = end - start
    return np.where(np.abs(weight) < 0.5, start + weight * step, end - step * (1 - weight))


def _addcmul(x, a, b, value=1):
    return x + _times(value, a) * b


def _addcdiv(x, a, b, value=1):
    return x + _times(value, a) / b


def _times(value, a):
    return a if value == 1 else a * convert(value, a.dtype)


def _heaviside(a, b):
    """0 below 0 (and at nan), 1 above, b at 0."""
    return np.where(a == 0, b, a > 0).astype(a.dtype)


# --- derivatives that are longer than a line


def eps_of(x):
    """The distance from 1 to the next number, in the dtype of an array or a tensor."""
    return float(np.finfo(x.dtype if isinstance(x, np.ndarray) else x.dtype.numpy).eps)


def _atan2_back(g, a, b):
    """g a / (a^2 + b^2), and 0 at the origin."""
    return g * zero_where(a / (a * a + b * b), (a == 0) & (b == 0))


def _sinc_back(g, x):
    angle = x * math.pi
    square = x * angle
    return zero_where(g * ((angle * cos(angle) - sin(angle)) / square), square == 0)


def _logit_back(g, x, eps):
    """0 where eps took over; without eps, nan outside of [0, 1], inf at its ends."""
    g = g / abs(x * (1 - x))
    if eps is None:
        return where((x >= 0) & (x <= 1), g, math.nan)
    return zero_where(g, (x < eps) | (x > 1 - eps))


def _weight(a, b):
    """The weight of a in log(e^a + e^b)."""
    return 1 / (1 + exp(b - a))


def _fmax_is_b(a, b):
    """nan is less than any number, and of a tie it is a."""
    return ~((a >= b) | (b != b))


def _fmin_is_b(a, b):
    return ~((a <= b) | (b != b))


def _xlogy(a, b):
    """a log b, and 0 for a = 0 whatever b is (but nan)."""
    return np.where((a == 0) & (b == b), 0, a * np.log(b)).astype(a.dtype, copy=False)


def _xlogy_back(g, a, b):
    return zero_where(xlogy(g, b), (a == 0) & (b <= 0))


def not_implemented(name):
    """A derivative that torch has not, either."""

    def vjp(g):
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return vjp


_LOG_10, _LOG_2 = math.log(10), math.log(2)
_ERF_SLOPE = 2 / math.sqrt(math.pi)  # of erf, at 0


# fmt: off

# --- trigonometry and hyperbolic functions
tan        = _real(np.tan,                  lambda g, y: g * (y * y + 1))
asin       = _real(np.arcsin,               lambda g, x: g * rsqrt(1 - x * x))
acos       = _real(np.arccos,               lambda g, x: -g * rsqrt(1 - x * x))
atan       = _real(np.arctan,               lambda g, x: g / (x * x + 1))
sinh       = _real(np.sinh,                 lambda g, x: g * cosh(x))
cosh       = _real(np.cosh,                 lambda g, x: g * sinh(x))
asinh      = _real(np.arcsinh,              lambda g, x: g * rsqrt(x * x + 1))
acosh      = _real(np.arccosh,              lambda g, x: g * rsqrt(x * x - 1))
atanh      = _real(np.arctanh,              lambda g, x: g / (1 - x * x))
atan2      = _real(np.arctan2,              lambda g, a, b: _atan2_back(g, b, a),           lambda g, a, b: _atan2_back(g, -a, b))
hypot      = _arithmetic(np.hypot,          lambda g, a, y: g * (a / y),                    lambda g, b, y: g * (b / y))
sinc       = _real(_sinc,                   lambda g, x: _sinc_back(g, x))
deg2rad    = _real(_scaled_by(math.pi / 180), lambda g: g * (math.pi / 180),                name="Deg2RadBackward0")
rad2deg    = _real(_scaled_by(180 / math.pi), lambda g: g * (180 / math.pi),                name="Rad2DegBackward0")
angle      = _real(_angle,                  lambda g: nothing(g))

# --- powers and logarithms
exp2       = _real(np.exp2,                 lambda g, y: g * y * _LOG_2)
log2       = _real(np.log2,                 lambda g, x: g / (x * _LOG_2))
log10      = _real(np.log10,                lambda g, x: g / (x * _LOG_10))
logaddexp  = _arithmetic(np.logaddexp,      lambda g, a, b: g * _weight(a, b),              lambda g, a, b: g * _weight(b, a))
logaddexp2 = _arithmetic(np.logaddexp2,     lambda g, a, b: g * _weight(a * _LOG_2, b * _LOG_2),
                                            lambda g, a, b: g * _weight(b * _LOG_2, a * _LOG_2), name="Logaddexp2Backward0")
logit      = Op(_logit,                     lambda g, x, eps: _logit_back(g, x, eps),       cast=_float_first)

# --- the error function's family
xlogy      = _real(_xlogy,                  _xlogy_back,                                    lambda g, a, b: g * a / b)
erf        = _real(_erf,                    lambda g, x: g * exp(-x * x) * _ERF_SLOPE)
erfc       = _real(_erfc,                   lambda g, x: -g * exp(-x * x) * _ERF_SLOPE)
erfinv     = _real(_erfinv,                 lambda g, y: g * exp(y * y) * (1 / _ERF_SLOPE))

# --- between values
lerp       = Op(_lerp,                      lambda g, weight: g * (1 - weight),             lambda g, weight: g * weight,
                                            lambda g, start, end: g * (end - start),        cast=_promote_three)
lerp_tensor = lerp.named("LerpBackward1")
addcmul    = Op(_addcmul,                   lambda g: g,                                    lambda g, b, value: g * b * value,
                                            lambda g, a, value: g * a * value,              cast=_promote_three)
addcdiv    = Op(_addcdiv,                   lambda g: g,                                    lambda g, b, value: g * value / b,
                                            lambda g, a, b, value: -g * (value * a / (b * b)), cast=_promote_three)
clamp_min, clamp_max = clamp.named("ClampMinBackward0"), clamp.named("ClampMaxBackward0")
clamp_min_tensor, clamp_max_tensor = clamp_tensors.named("ClampMinBackward1"), clamp_tensors.named("ClampMaxBackward1")
fmax       = _arithmetic(np.fmax,           lambda g, a, b: zero_where(g, _fmax_is_b(a, b)), lambda g, a, b: zero_where(g, ~_fmax_is_b(a, b)))
fmin       = _arithmetic(np.fmin,           lambda g, a, b: zero_where(g, _fmin_is_b(a, b)), lambda g, a, b: zero_where(g, ~_fmin_is_b(a, b)))

# --- where torch has no derivative of the in-place function
asinh_in_place = _real(np.arcsinh,          not_implemented("inplace version of asinh"))
acosh_in_place = _real(np.arccosh,          not_implemented("inplace version of acosh"))
atanh_in_place = _real(np.arctanh,          not_implemented("inplace version of atanh"))

# --- signs, nan, bits
copysign   = _real(np.copysign,             lambda g, a, y: g * zero_where(y / a, a == 0), lambda g: nothing(g))  # 0 at 0
copysign_number = copysign.named("CopysignBackward1")
frac       = Op(lambda x: x - np.trunc(x),  lambda g: g)
frexp      = Op(lambda x, exponent: np.ldexp(x, -exponent), lambda g, exponent: g / np.exp2(exponent))  # the mantissa
nan_to_num = Op(_nan_to_num,                lambda g, x: zero_where(g, ~isfinite(x)))
nextafter  = _arithmetic(np.nextafter,      lambda g, a, b: zero_where(g, a == b),     lambda g: nothing(g))
heaviside  = _arithmetic(_heaviside,        None,                                           None)
gcd        = _arithmetic(np.gcd,            None,                                           None)
lcm        = _arithmetic(np.lcm,            None,                                           None)
bitwise_left_shift  = _arithmetic(np.left_shift,  None,                                     None)  # by all bits, or by less than 0: 0,
bitwise_right_shift = _arithmetic(np.right_shift, None,                                     None)  # and -1 for a < 0
sgn        = sign.named("SgnBackward0")
isposinf   = Op(lambda x: x == math.inf,    None)
isneginf   = Op(lambda x: x == -math.inf,   None)
# fmt: on
