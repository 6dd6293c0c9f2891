"""The derivative table, activations: fused functions of each element, with torch's choices at their kinks.

They could be written with the rows of elementwise.py; fused, they are faster, and more accurate far from 0.
"""

from __future__ import annotations

import math

import numpy as np

from tinynn._erf import erf as _erf
from tinynn.autograd.op import Op
from tinynn.ops.elementwise import _sigmoid, _zero_where, abs, exp, sigmoid, softplus, tanh, where, zero_where
from tinynn.ops.shape import cat, narrow
from tinynn.ops.special import erf

# --- kinks: in each, the gradient on the bounds is torch's choice


def _hardtanh(x, min, max):
    return np.minimum(np.maximum(min, x), max)


def _leaky_relu(x, slope):
    return np.maximum(x, x * slope) if 0 < slope <= 1 else np.where(x > 0, x, x * slope)


def _leaky_relu_back(g, x, slope):
    positive = x > 0
    return zero_where(g, ~positive) + zero_where(g, positive) * slope


def _leaky_relu_back_of_result(g, y, slope):
    """y has the sign of x, unless the slope is negative."""
    if slope < 0:
        raise RuntimeError(
            f"In-place leakyReLu {_NEGATIVE_SLOPE} File an issue at https://github.com/pytorch/pytorch if you "
            "do require supporting in-place leakRelu backward calculation with negative slope"
        )
    return _leaky_relu_back(g, y, slope)


_NEGATIVE_SLOPE = (
    "backward calculation is triggered with a negative slope which is not supported. This is caused by "
    "calling in-place forward function with a negative slope, please call out-of-place version instead."
)


def _prelu(x, weight):
    """x for x > 0, else weight x."""
    return np.where(x > 0, x, x * weight)


def _prelu_back(g, x, weight):
    positive = x > 0
    return zero_where(g, ~positive) + zero_where(g * weight, positive)


def _between(x, low, high):
    return (x >= low) & (x <= high)


def _hardsigmoid(x):
    """x / 6 + 1 / 2, limited to [0, 1]."""
    return np.minimum(np.maximum(x + 3, 0), 6) / 6


_SIXTH = float(np.float32(1 / 6))  # a float in torch's kernel, for float64 too


def _hardsigmoid_back(g, x):
    return zero_where(g * _SIXTH, ~((x > -3) & (x < 3)))


def _hardswish(x):
    """x hardsigmoid(x)."""
    return x * np.minimum(np.maximum(x + 3, 0), 6) / 6


def _hardswish_back(g, x):
    """0 up to -3, x / 3 + 1 / 2 up to 3, then 1."""
    inside = zero_where(x, ~(abs(x) < 3))  # 0 where it is not wanted: with inf, the rest would be nan
    rising = inside / 3 + 0.5
    return zero_where(g * where(x < 3, rising, 1.0), x <= -3)


# --- exponentials


def _times(x, factor):
    """x * factor; x itself where that is 1, for a multiplication reads and writes all of x."""
    return x if factor == 1 else x * factor


def _elu(x, alpha=1.0, scale=1.0, input_scale=1.0):
    """scale x for x >= 0, else scale alpha (exp(input_scale x) - 1)."""
    falling = np.expm1(_times(x, input_scale)) * (alpha * scale)
    return np.where(x < 0, falling, _times(x, scale))


def _elu_back(g, x, alpha, scale, input_scale):
    negative = x <= 0
    falling = exp(_times(zero_where(x, ~(x < 0)), input_scale))  # of 0 where x > 0: exp(x) could overflow
    below = zero_where(g * falling * (alpha * scale * input_scale), ~negative)
    return _times(zero_where(g, negative), scale) + below


def _elu_back_of_result(g, y, alpha, scale, input_scale):
    """The same from y, which is scale alpha (exp(...) - 1) where it is negative, as x is."""
    if alpha < 0:
        raise RuntimeError(f"In-place elu {_NEGATIVE_SLOPE}")
    negative = y <= 0
    falling = zero_where(y, ~(y < 0)) + alpha * scale
    return _times(zero_where(g, negative), scale) + _times(zero_where(g * falling, ~negative), input_scale)


def _celu(x, alpha=1.0):
    """max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)."""
    return _elu(x, alpha, 1.0, 1 / alpha)


def _inverse(alpha):
    return 1 / float(np.float32(alpha))  # a float in torch's derivative, for float64 too


def _glu(x, axis):
    """a sigmoid(b), for the halves a and b of x."""
    a, b = _halves(x, axis)
    return a * _sigmoid(b)


def _halves(x, axis):
    n = x.shape[axis] // 2
    return narrow(x, axis, 0, n), narrow(x, axis, n, n)


def _glu_back(g, x, axis):
    a, b = _halves(x, axis)
    s = sigmoid(b)
    return cat(axis, g * s, g * a * s * (1 - s))


def _mish(x):
    """x tanh(log(1 + exp(x)))."""
    return x * np.tanh(np.log1p(np.exp(x)))


def _mish_back(g, x):
    bend = tanh(softplus(x))
    return g * (bend + x * sigmoid(x) * (1 - bend * bend))


_SQRT_HALF, _DENSITY_AT_0 = math.sqrt(0.5), 1 / math.sqrt(2 * math.pi)
_TANH_SCALE, _TANH_CUBE = math.sqrt(2 / math.pi), 0.044715


def _gelu(x):
    """x times the normal distribution function of x."""
    return x * 0.5 * (1 + _erf(x * _SQRT_HALF))


def _gelu_back(g, x):
    return g * (0.5 * (1 + erf(x * _SQRT_HALF)) + x * (exp(x * x * -0.5) * _DENSITY_AT_0))


def _gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(_TANH_SCALE * (x + _TANH_CUBE * x * x * x)))


def _gelu_tanh_back(g, x):
    bend = tanh(_TANH_SCALE * (x + _TANH_CUBE * x * x * x))
    slope = (1 - bend * bend) * _TANH_SCALE * (1 + 3 * _TANH_CUBE * x * x)
    return g * (0.5 * (1 + bend) + 0.5 * x * slope)


def _silu(x):
    return x * _sigmoid(x)


def _silu_back(g, x):
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


# fmt: off
# --- kinks
hardtanh    = Op(_hardtanh,     lambda g, x, min, max: zero_where(g, (x <= min) | (x >= max)))  # 0 on the bounds
leaky_relu  = Op(_leaky_relu,   _leaky_relu_back)                                         # the slope at 0
prelu       = Op(_prelu,        _prelu_back,            lambda g, x: zero_where(g * x, x > 0), name="PreluKernelBackward0")
rrelu       = Op(lambda x, slopes: x * slopes,          lambda g, slopes: g * slopes,    name="RreluWithNoiseBackward0")
threshold   = Op(lambda x, threshold, value: np.where(x <= threshold, value, x),
                 lambda g, x, threshold: zero_where(g, x <= threshold))
hardshrink  = Op(lambda x, lambd: _zero_where(x, _between(x, -lambd, lambd)),
                 lambda g, x, lambd: zero_where(g, _between(x, -lambd, lambd)))
softshrink  = Op(lambda x, lambd: x - np.clip(x, -lambd, lambd),
                 lambda g, x, lambd: zero_where(g, _between(x, -lambd, lambd)))
hardsigmoid = Op(_hardsigmoid,  _hardsigmoid_back)
hardswish   = Op(_hardswish,    _hardswish_back)

# --- exponentials
elu         = Op(_elu,          _elu_back)
celu        = Op(_celu,         lambda g, x, alpha: _elu_back(g, x, alpha, 1.0, _inverse(alpha)))
glu         = Op(_glu,          _glu_back)
mish        = Op(_mish,         _mish_back)
gelu        = Op(_gelu,         _gelu_back)
gelu_tanh   = Op(_gelu_tanh,    _gelu_tanh_back,        name="GeluBackward0")
silu        = Op(_silu,         _silu_back)

# --- the same, whose result is about to overwrite x: some derivatives are computed from it, as in torch
elu_in_place = Op(_elu,         _elu_back_of_result,    name="EluBackward1")
celu_in_place = Op(_celu,       lambda g, y, alpha: _elu_back_of_result(g, y, alpha, 1.0, _inverse(alpha)), name="CeluBackward1")
leaky_relu_in_place = Op(_leaky_relu, _leaky_relu_back_of_result, name="LeakyReluBackward1")
threshold_in_place, rrelu_in_place = threshold.named("ThresholdBackward1"), rrelu.named("RreluWithNoiseBackward1")

# --- rrelu with one slope for all
rrelu_evaluated = leaky_relu.named("RreluWithNoiseBackward0")
rrelu_evaluated_in_place = leaky_relu_in_place.named("RreluWithNoiseBackward1")
# fmt: on
