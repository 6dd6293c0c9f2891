"""The derivative table, elementwise operations: arithmetic, powers, exponentials, kinks, comparisons.

Each row is `name = Op(forward, VJP of the first operand, VJP of the second, ...)`; autograd/op.py says how to
read one. A trailing comment marks a choice that PyTorch made where mathematics leaves one.
"""

from __future__ import annotations

import functools

import numpy as np

from tinynn.autograd.op import Op
from tinynn.dtypes import convert, promote, promote_to_float, result_type


def _arithmetic(forward, *vjps, name=""):
    """A row whose operands, if there are two, are first brought to their common dtype."""
    return Op(forward, *vjps, name=name, cast=promote if len(vjps) == 2 else None)


def _real(forward, *vjps, name=""):
    """A row about real numbers: integers become floats first."""
    return Op(forward, *vjps, name=name, cast=promote_to_float)


# --- forward functions that NumPy lacks, or computes otherwise than torch


def _pow(a, b):
    """a ** b. Small powers are products and roots, as in torch: NumPy's general power is 20 times slower."""
    if a.dtype.kind == "b":
        return a | ~np.asarray(b)
    if a.dtype.kind == "i" and np.any(np.less(b, 0)):
        return _negative_integer_power(a, b)
    shortcut = _SHORT_POWERS.get(float(b)) if np.ndim(b) == 0 and a.dtype in _SHORTENED else None
    return np.power(a, b) if shortcut is None else shortcut(a)


def _negative_integer_power(a, b):
    """a ** b for integers, cut to an integer: 1 / a is 0 but for a = 1 and -1."""
    unit = np.where(np.remainder(b, 2) == 0, np.abs(a), a) * (np.abs(a) == 1)
    return np.where(np.less(b, 0), unit, np.power(a, np.maximum(b, 0))).astype(a.dtype)


_SHORTENED = (np.float32, np.float64)
_SHORT_POWERS = {
    2.0: lambda a: a * a,
    3.0: lambda a: a * a * a,
    0.5: np.sqrt,
    -0.5: lambda a: 1 / np.sqrt(a),
    -1.0: lambda a: 1 / a,
    -2.0: lambda a: 1 / (a * a),
}


def _square(x):
    return np.square(x) if x.dtype.kind != "b" else x.astype(np.int64)


def _no_zero_divisor(a, b):
    if np.asarray(a).dtype.kind in "iu" and np.any(np.equal(b, 0)) and np.broadcast(a, b).size:
        raise RuntimeError("ZeroDivisionError")


def _floor_divide(a, b):
    _no_zero_divisor(a, b)
    return np.floor_divide(a, b)


def _truncating_divide(a, b):
    _no_zero_divisor(a, b)
    quotient = np.floor_divide(a, b)
    if quotient.dtype.kind == "f":
        return np.trunc(np.divide(a, b))
    return quotient + ((quotient < 0) & (quotient * b != a))


def _remainder(a, b):
    """a - b * floor(a / b): it has the sign of b; a zero keeps the sign of a."""
    _no_zero_divisor(a, b)
    rest = np.fmod(a, b)
    return np.where((rest != 0) & ((rest < 0) != np.less(b, 0)), rest + b, rest)


def _fmod(a, b):
    _no_zero_divisor(a, b)
    return np.fmod(a, b)


def _rsqrt(x):
    return 1 / np.sqrt(x)


def _sign(x):
    return x.copy() if x.dtype.kind == "b" else (x > 0).astype(x.dtype) - (x < 0)  # torch: sign(nan) is 0


def _integral(function):
    """floor, ceil, ... of what is an integer already changes nothing."""
    return lambda x: function(x) if x.dtype.kind == "f" else x.copy()


def _sigmoid(x):
    """1 / (1 + exp(-x)); exp may overflow to inf, whose reciprocal is the right 0."""
    e = np.exp(np.negative(x))
    e += ONE[e.dtype]
    return np.reciprocal(e)


# NumPy converts a Python number anew at each call, which takes as long as adding two small arrays.
ZERO, ONE = ({np.dtype(f"f{n}"): np.array(number, f"f{n}") for n in (2, 4, 8)} for number in (0, 1))


def _relu(x):
    """max(0, x); this order of the operands keeps -0, as torch does.

    NumPy's maximum of two arrays is vectorised and that with a single number is not: for 8000 x 10, 5 us and 24.
    """
    if x.dtype not in ZERO:
        return np.maximum(0, x)
    if x.size < 4096:
        return np.maximum(ZERO[x.dtype], x)
    if x.size < 1 << 20:
        return np.maximum(_zeros(x.shape, x.strides, x.dtype), x)
    return _zero_where(x, x < 0)


@functools.lru_cache(maxsize=8)
def _zeros(shape, strides, dtype):
    """Zeros, ordered in memory as an array with these strides."""
    return np.zeros_like(np.lib.stride_tricks.as_strided(np.empty(0, dtype), shape, strides))


def _zero_where(g, condition):
    """g, with 0 where `condition` holds. A product with a mask would make nan of inf there.

    np.where branches on each element; from a few thousand on, a bitwise AND with all ones or all zeros is up to
    14 times faster (8000 x 10: 18 us, against 252).
    """
    if g.size < 2048:
        return np.where(condition, ZERO[g.dtype], g)
    ones_or_zero = condition.view(np.int8) - np.int8(1)
    return (g.view(_BITS[g.dtype.itemsize]) & ones_or_zero).view(g.dtype)


_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def _softplus(x, beta=1.0, threshold=20.0):
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    scaled = x * beta
    return np.where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


def _logsigmoid(x):
    """log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|))."""
    return np.minimum(x, ZERO[x.dtype]) - np.log1p(np.exp(np.negative(np.abs(x))))


def _where(condition, a, b):
    return np.where(condition, a, b)


def _promote_branches(operands):
    common = result_type(*operands[1:])
    return [operands[0], *(convert(operand, common) for operand in operands[1:])]


def _clamp(x, min=None, max=None):
    if min is not None:
        x = np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def _promote_given(operands):
    """`promote`, but for the bounds that are None."""
    common = result_type(*(operand for operand in operands if operand is not None))
    return [operand if operand is None else convert(operand, common) for operand in operands]


# --- derivatives that are longer than a line


def _pow_base(g, a, b):
    """d(a ** b)/da = b a ** (b - 1), and 0 for b = 0 even where a ** -1 is inf or nan."""
    if isinstance(b, int | float):
        return nothing(g) if b == 0 else g * (b * a ** (b - 1))
    return zero_where(g * (b * a ** (b - 1)), b == 0)


def _pow_exponent(g, a, b, y):
    """d(a ** b)/db = y log a, and 0 where a = 0 and b >= 0 (the limit), as PyTorch."""
    return g * where((a == 0) & (b >= 0), 0.0, y * log(a))


def nothing(g):
    """The gradient through what is flat: 0, also where g is inf or nan."""
    return zero_where(g, np.True_)


def _clamp_back(g, x, min, max):
    """clamp's result moves with x inside of [min, max], the bounds included; not at nan."""
    if max is None:
        return zero_where(g, ~(x >= min))
    return zero_where(g, ~(x <= max) if min is None else ~((x >= min) & (x <= max)))


def _clamp_min_back(g, x, min, max):
    """... with the lower bound where x is below it, unless the upper bound is lower still."""
    return zero_where(g, ~(x < min) if max is None else ~((x < min) & (min < max)))


def _clamp_max_back(g, x, min, max):
    """... with the upper bound where x is above it, or the lower bound is."""
    return zero_where(g, ~(x > max) if min is None else ~((x > max) | (max < min)))


def _half_of_ties(g, a, b, loses):
    """A maximum (minimum) hands its gradient to the larger (smaller) operand, and half to each of a tie."""
    return zero_where(where(a == b, g / 2, g), loses)


def _not_implemented(name):
    """A derivative that torch has not, either."""

    def vjp(g):
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return vjp


# fmt: off

# --- arithmetic
add        = _arithmetic(np.add,            lambda g: g,                            lambda g: g)
sub        = _arithmetic(np.subtract,       lambda g: g,                            lambda g: -g)
mul        = _arithmetic(np.multiply,       lambda g, b: g * b,                     lambda g, a: g * a)
div        = _real      (np.divide,         lambda g, b: g / b,                     lambda g, a, b: -g * ((a / b) / b))
neg        = _arithmetic(np.negative,       lambda g: -g)
pow        = _arithmetic(_pow,              lambda g, a, b: _pow_base(g, a, b),     lambda g, a, b, y: _pow_exponent(g, a, b, y))
floor_divide = _arithmetic(_floor_divide,   _not_implemented("floor_divide"),       _not_implemented("floor_divide"), name="NotImplemented")
div_trunc  = _arithmetic(_truncating_divide, lambda g: nothing(g),                  lambda g: nothing(g),              name="DivBackward2")
div_floor  = _arithmetic(_floor_divide,     lambda g: nothing(g),                   lambda g: nothing(g),           name="DivBackward2")
remainder  = _arithmetic(_remainder,        lambda g: g,                            lambda g, a, b: -g * div_floor(a, b))
fmod       = _arithmetic(_fmod,             lambda g: g,                            lambda g, a, b: -g * div_trunc(a, b))

# --- powers and exponentials
square     = _arithmetic(_square,           lambda g, x: g * 2 * x,                 name="PowBackward0")
sqrt       = _real(np.sqrt,                 lambda g, y: g / (2 * y))
rsqrt      = _real(_rsqrt,                  lambda g, y: -0.5 * g * y * y * y)
reciprocal = _real(np.reciprocal,           lambda g, y: -g * y * y)
exp        = _real(np.exp,                  lambda g, y: g * y)
expm1      = _real(np.expm1,                lambda g, y: g * (y + 1))
log        = _real(np.log,                  lambda g, x: g / x)
log1p      = _real(np.log1p,                lambda g, x: g / (x + 1),               name="Log1PBackward0")

# --- trigonometry and the sigmoids
sin        = _real(np.sin,                  lambda g, x: g * cos(x))
cos        = _real(np.cos,                  lambda g, x: -g * sin(x))
tanh       = _real(np.tanh,                 lambda g, y: g * (1 - y * y))
sigmoid    = _real(_sigmoid,                lambda g, y: g * (1 - y) * y)
logsigmoid = _real(_logsigmoid,             lambda g, x: g * sigmoid(-x),           name="LogSigmoidBackward0")
softplus   = Op   (_softplus,               lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)))

# --- kinks and ties
abs        = _arithmetic(np.absolute,       lambda g, x: g * sign(x))                # 0 at 0
sign       = _arithmetic(_sign,             lambda g: nothing(g))
relu       = _arithmetic(_relu,             lambda g, y: threshold_backward(g, y))   # 0 at 0, passes at nan; -0 stays
clamp      = Op(_clamp, _clamp_back,        name="ClampBackward1", cast=_promote_given)   # passes on the bounds
clamp_tensors = Op(_clamp, _clamp_back,     _clamp_min_back, _clamp_max_back,       name="ClampBackward0", cast=_promote_given)
maximum    = _arithmetic(np.maximum,        lambda g, a, b: _half_of_ties(g, a, b, a < b), lambda g, a, b: _half_of_ties(g, a, b, b < a))
minimum    = _arithmetic(np.minimum,        lambda g, a, b: _half_of_ties(g, a, b, a > b), lambda g, a, b: _half_of_ties(g, a, b, b > a))
floor      = _arithmetic(_integral(np.floor), lambda g: nothing(g))
ceil       = _arithmetic(_integral(np.ceil),  lambda g: nothing(g))
trunc      = _arithmetic(_integral(np.trunc), lambda g: nothing(g))
round      = _arithmetic(_integral(np.rint),  lambda g: nothing(g))                       # half to even

# --- the same rows where torch numbers its overloads: tensor or number on either side
pow_tensor, rpow = pow.named("PowBackward1"), pow.named("PowBackward2")
rsub = sub.named("RsubBackward1")
remainder_tensor, fmod_tensor = remainder.named("RemainderBackward1"), fmod.named("FmodBackward1")

# --- choosing
where      = Op(_where,                     None,                                   lambda g, condition: zero_where(g, ~condition),
                                            lambda g, condition: zero_where(g, condition), cast=_promote_branches)
zero_where = Op(_zero_where,                lambda g, condition: zero_where(g, condition), None)
threshold_backward = Op(lambda g, x: _zero_where(g, x <= 0), lambda g, x: threshold_backward(g, x), lambda g: nothing(g))

# --- comparisons and predicates: no derivative
eq         = _arithmetic(np.equal,          None,                                   None)
ne         = _arithmetic(np.not_equal,      None,                                   None)
lt         = _arithmetic(np.less,           None,                                   None)
le         = _arithmetic(np.less_equal,     None,                                   None)
gt         = _arithmetic(np.greater,        None,                                   None)
ge         = _arithmetic(np.greater_equal,  None,                                   None)
logical_and = _arithmetic(np.logical_and,   None,                                   None)
logical_or  = _arithmetic(np.logical_or,    None,                                   None)
logical_xor = _arithmetic(np.logical_xor,   None,                                   None)
logical_not = Op(np.logical_not,            None)
bitwise_and = _arithmetic(np.bitwise_and,   None,                                   None)
bitwise_or  = _arithmetic(np.bitwise_or,    None,                                   None)
bitwise_xor = _arithmetic(np.bitwise_xor,   None,                                   None)
bitwise_not = Op(np.invert,                 None)
isnan      = Op(np.isnan,                   None)
isinf      = Op(np.isinf,                   None)
isfinite   = Op(np.isfinite,                None)
signbit    = Op(np.signbit,                 None)
# fmt: on
