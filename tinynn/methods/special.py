"""More functions of each element: the rest of trigonometry, the error and the gamma function's families,
interpolation, and what is done to nan, bits and signs. Every method here is a function of the package too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import dtypes, ops, return_types
from tinynn.autograd.op import Op
from tinynn.autograd.variable import Variable
from tinynn.methods.elementwise import Elementwise, power, subtract
from tinynn.methods.rows import (
    binary,
    called,
    check_broadcastable,
    in_place,
    later,
    not_an_operand,
    tensors_only,
    unary,
)
from tinynn.size import c_name, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


def _frac(x: Tensor) -> Tensor:
    if x._array.dtype.kind != "f":
        raise NotImplementedError(f"\"frac_cpu\" not implemented for '{type_name(x._array.dtype)}'")
    return ops.frac(x)


def _copysign(x: Tensor, other: Any) -> Tensor:
    return (ops.copysign if isinstance(other, Variable) else ops.copysign_number)(x, other)


def left_shift(x: Any, other: Any) -> Any:
    """x << other: times 2 ** other."""
    return _shifted("lshift_cpu", ops.bitwise_left_shift, x, other)


def right_shift(x: Any, other: Any) -> Any:
    """x >> other: by 2 ** other, rounded down."""
    return _shifted("rshift_cpu", ops.bitwise_right_shift, x, other)


def _shifted(kernel: str, row: Op, x: Any, other: Any) -> Any:
    """Bits are shifted in integers; a bool on the left counts as one, on the right as 0 or 1."""
    common = dtypes.result_type(*(y._array if isinstance(y, Variable) else y for y in (x, other)))
    if common.kind not in "iu":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(common)}'")
    return row(x, other)


def _compared(row: Op) -> Callable[[Any, Any], Any]:
    """The comparison written over the tensor itself: no gradient comes through."""

    def method(self: Tensor, other: Any) -> Tensor:
        result = row(self, other)
        return ops.copy(self, result) if result.shape == self.shape else result  # which `in_place` refuses

    return in_place(called(row.forward.__name__, method, ""))


class Special(Variable):
    """Functions of one tensor, of two, of three, and their in-place twins."""

    # fmt: off
    # --- one tensor
    tan         = unary("tan", ops.tan,                 "The tangent.")
    asin        = unary("asin", ops.asin,               "The inverse of the sine; nan outside of [-1, 1].")
    acos        = unary("acos", ops.acos,               "The inverse of the cosine; nan outside of [-1, 1].")
    atan        = unary("atan", ops.atan,               "The inverse of the tangent.")
    sinh        = unary("sinh", ops.sinh,               "The hyperbolic sine.")
    cosh        = unary("cosh", ops.cosh,               "The hyperbolic cosine.")
    asinh       = unary("asinh", ops.asinh,             "The inverse of the hyperbolic sine.")
    acosh       = unary("acosh", ops.acosh,             "The inverse of the hyperbolic cosine; nan below 1.")
    atanh       = unary("atanh", ops.atanh,             "The inverse of tanh; nan outside of [-1, 1].")
    sinc        = unary("sinc", ops.sinc,               "sin(pi * self) / (pi * self); 1 at 0.")
    deg2rad     = unary("deg2rad", ops.deg2rad,         "From degrees to radians.")
    rad2deg     = unary("rad2deg", ops.rad2deg,         "From radians to degrees.")
    angle       = unary("angle", ops.angle,             "pi where self is negative, else 0.")
    exp2        = unary("exp2", ops.exp2,               "2 ** self.")
    log2        = unary("log2", ops.log2,               "The logarithm to base 2; nan below 0.")
    log10       = unary("log10", ops.log10,             "The logarithm to base 10; nan below 0.")
    erfc        = unary("erfc", ops.erfc,               "1 - erf(self), exact where that is nearly 0.")
    erfinv      = unary("erfinv", ops.erfinv,           "The inverse of erf; nan outside of [-1, 1].")
    lgamma      = unary("lgamma", later("lgamma"),      "log |gamma(self)|, where gamma(n + 1) is n!.")
    digamma     = unary("digamma", later("digamma"),    "The derivative of lgamma.")
    i0          = unary("i0", later("i0"),              "The modified Bessel function of order 0.")
    frac        = unary("frac", _frac,                  "The digits after the point, with the sign of self.")
    sgn         = unary("sgn", ops.sgn,                 "-1, 0 or 1.")
    isposinf    = unary("isposinf", ops.isposinf,       "Where self is inf.")
    isneginf    = unary("isneginf", ops.isneginf,       "Where self is -inf.")
    greater, greater_equal = Elementwise.gt, Elementwise.ge
    less, less_equal, not_equal = Elementwise.lt, Elementwise.le, Elementwise.ne
    arcsin, arccos, arctan = asin, acos, atan
    arcsinh, arccosh, arctanh = asinh, acosh, atanh
    fix = Elementwise.trunc

    # --- two tensors, or a tensor and a number
    atan2       = tensors_only("atan2", ops.atan2,          "The angle of the point (other, self).")
    hypot       = tensors_only("hypot", ops.hypot,          "sqrt(self^2 + other^2), without overflow.")
    logaddexp   = tensors_only("logaddexp", ops.logaddexp,  "log(e^self + e^other).")
    logaddexp2  = tensors_only("logaddexp2", ops.logaddexp2, "The same to base 2.")
    fmax        = tensors_only("fmax", ops.fmax,            "The larger of two; nan only where both are.")
    fmin        = tensors_only("fmin", ops.fmin,            "The smaller of two; nan only where both are.")
    nextafter   = tensors_only("nextafter", ops.nextafter,  "The next float after self towards other.")
    gcd         = tensors_only("gcd", ops.gcd,              "The greatest common divisor.")
    lcm         = tensors_only("lcm", ops.lcm,              "The least common multiple.")
    copysign    = binary("copysign", _copysign,             "|self| with the sign of other.")
    bitwise_left_shift  = binary("bitwise_left_shift", left_shift,   "self << other.")
    bitwise_right_shift = binary("bitwise_right_shift", right_shift, "self >> other.")
    xlogy       = binary("xlogy", ops.xlogy,                "self * log(other); 0 where self is 0.")
    arctan2 = atan2
    # fmt: on

    def heaviside(self, values: Tensor) -> Tensor:
        """0 below 0, 1 above, and `values` at 0; of tensors of the same dtype."""
        if not isinstance(values, Variable):
            raise not_an_operand("heaviside", values, "values")
        if self._array.dtype is not values._array.dtype:
            raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
        return ops.heaviside(self, values)

    def ldexp(self, other: Tensor) -> Tensor:
        """self * 2 ** other."""
        if not isinstance(other, Variable):
            raise not_an_operand("ldexp", other)
        return ops.mul(self, 2.0**other)  # type: ignore[operator]

    def float_power(self, exponent: Any) -> Tensor:
        """self ** exponent, computed in float64."""
        if isinstance(exponent, Variable):
            exponent = exponent.double()  # type: ignore[attr-defined]
        return power(self.double(), exponent)  # type: ignore[attr-defined]

    def clamp_min(self, min: Any) -> Tensor:
        """The larger of self and min."""
        return (ops.clamp_min_tensor if isinstance(min, Variable) else ops.clamp_min)(self, min, None)

    def clamp_max(self, max: Any) -> Tensor:
        """The smaller of self and max."""
        if isinstance(max, Variable):
            check_broadcastable(self._array.shape, max._array.shape)
        return (ops.clamp_max_tensor if isinstance(max, Variable) else ops.clamp_max)(self, None, max)

    def rsub(self, other: Any, *, alpha: float = 1) -> Tensor:
        """other - alpha * self."""
        scaled = self if alpha == 1 else ops.mul(self, alpha)
        return subtract(other, scaled) if isinstance(other, Variable) else other - scaled  # type: ignore[operator]

    def polygamma(self, n: int) -> Tensor:
        """The n-th derivative of digamma."""
        if n < 0:
            raise RuntimeError("polygamma(n, x) does not support negative n.")
        return ops.polygamma(self, n)

    def mvlgamma(self, p: int) -> Tensor:
        """log of the multivariate gamma function: the sum of lgamma(self - k / 2), k < p, and a constant."""
        if p < 1:
            raise RuntimeError("p has to be greater than or equal to 1")
        x = self if self._array.dtype.kind == "f" else ops.cast(self, dtypes.default_dtype())
        halves = Variable.wrap(np.arange(1 - p, 1).astype(x._array.dtype) / 2)
        parts = ops.lgamma(ops.add(ops.unsqueeze(x, x._array.ndim), halves))
        return ops.add(ops.sum_dim(parts, -1, False), p * (p - 1) / 4 * math.log(math.pi))

    def frexp(self) -> Any:
        """(mantissa, exponent) with self = mantissa * 2 ** exponent and the mantissa in [1/2, 1), or 0."""
        if self._array.dtype.kind != "f":
            raise RuntimeError("torch.frexp() only supports floating-point dtypes")
        exponent = np.asarray(np.frexp(self._array)[1])
        return return_types.frexp(ops.frexp(self, exponent), Variable.wrap(exponent))

    def logit(self, eps: float | None = None) -> Tensor:
        """log(self / (1 - self)), the inverse of the sigmoid; with eps, self is limited to [eps, 1 - eps]."""
        return ops.logit(self, eps)

    def nan_to_num(
        self, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
    ) -> Tensor:
        """With nan (0), inf (the dtype's largest number) and -inf (its smallest) replaced."""
        return ops.nan_to_num(self, nan, posinf, neginf)

    def positive(self) -> Tensor:
        """Itself. Raises RuntimeError for bools."""
        if self._array.dtype.kind == "b":
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self  # type: ignore[return-value]

    # --- three tensors

    def lerp(self, end: Tensor, weight: Any) -> Tensor:
        """self + weight * (end - self)."""
        for name, other in (("end", end), ("weight", weight)):
            if isinstance(other, Variable) and other._array.dtype is not self._array.dtype:
                expected, got = (c_name(x._array.dtype) for x in (self, other))
                raise RuntimeError(f"expected dtype {expected} for `{name}` but got dtype {got}")
        return (ops.lerp_tensor if isinstance(weight, Variable) else ops.lerp)(self, end, weight)

    def addcmul(self, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
        """self + value * tensor1 * tensor2."""
        return ops.addcmul(self, tensor1, tensor2, value)

    def addcdiv(self, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
        """self + value * tensor1 / tensor2. Raises RuntimeError where both are integers."""
        if tensor1._array.dtype.kind != "f" and tensor2._array.dtype.kind != "f":
            raise RuntimeError(
                "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will "
                "perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be "
                "implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer "
                "inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv "
                "behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all "
                "dtypes."
            )
        return ops.addcdiv(self, tensor1, tensor2, value)

    # --- in place

    def float_power_(self, exponent: Any) -> Tensor:
        """`float_power`, written over the tensor itself, which must be float64."""
        if self._array.dtype != np.float64:
            raise RuntimeError(
                f"the base given to float_power_ has dtype {type_name(self._array.dtype)} but the "
                "operation's result requires dtype Double"
            )
        return in_place(type(self).float_power)(self, exponent)

    # fmt: off
    tan_, asin_, acos_, atan_   = in_place(tan), in_place(asin), in_place(acos), in_place(atan)
    asinh_ = in_place(called("asinh", lambda self: ops.asinh_in_place(self), ""))
    acosh_ = in_place(called("acosh", lambda self: ops.acosh_in_place(self), ""))
    atanh_ = in_place(called("atanh", lambda self: ops.atanh_in_place(self), ""))
    sinc_, deg2rad_, rad2deg_   = in_place(sinc), in_place(deg2rad), in_place(rad2deg)
    log10_, erfc_, erfinv_      = in_place(log10), in_place(erfc), in_place(erfinv)
    sinh_, cosh_, log2_         = in_place(sinh), in_place(cosh), in_place(log2)
    exp2_                       = in_place(exp2)
    lgamma_, digamma_, i0_      = in_place(lgamma), in_place(digamma), in_place(i0)
    polygamma_, mvlgamma_       = in_place(polygamma), in_place(mvlgamma)
    frac_, sgn_, fix_           = in_place(frac), in_place(sgn), in_place(fix)
    atan2_, hypot_, copysign_   = in_place(atan2), in_place(hypot), in_place(copysign)
    gcd_, lcm_, nextafter_      = in_place(gcd), in_place(lcm), in_place(nextafter)
    bitwise_left_shift_         = in_place(bitwise_left_shift)
    bitwise_right_shift_        = in_place(bitwise_right_shift)
    xlogy_, heaviside_, ldexp_  = in_place(xlogy), in_place(heaviside), in_place(ldexp)
    logit_                      = in_place(logit)
    clamp_min_, clamp_max_      = in_place(clamp_min), in_place(clamp_max)
    nan_to_num_, lerp_          = in_place(nan_to_num), in_place(lerp)
    addcmul_, addcdiv_          = in_place(addcmul), in_place(addcdiv)
    arcsin_, arccos_, arctan_   = asin_, acos_, atan_
    arcsinh_, arccosh_, arctanh_ = asinh_, acosh_, atanh_
    arctan2_, absolute_ = atan2_, Elementwise.abs_
    greater_ = gt_ = _compared(ops.gt)
    greater_equal_ = ge_ = _compared(ops.ge)
    less_ = lt_ = _compared(ops.lt)
    less_equal_ = le_ = _compared(ops.le)
    not_equal_ = ne_ = _compared(ops.ne)
    eq_, fmod_ = _compared(ops.eq), in_place(Elementwise.fmod)
    divide_ = true_divide_ = Elementwise.div_
    multiply_, subtract_, negative_ = Elementwise.mul_, Elementwise.sub_, Elementwise.neg_
    logical_and_, logical_or_ = in_place(Elementwise.logical_and), in_place(Elementwise.logical_or)
    logical_xor_, logical_not_ = in_place(Elementwise.logical_xor), in_place(Elementwise.logical_not)
    bitwise_and_, bitwise_or_ = in_place(Elementwise.bitwise_and), in_place(Elementwise.bitwise_or)
    bitwise_xor_, bitwise_not_ = in_place(Elementwise.bitwise_xor), in_place(Elementwise.bitwise_not)
    # fmt: on
