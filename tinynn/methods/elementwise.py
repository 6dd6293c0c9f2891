"""Functions of each element, and of the elements of two tensors side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import (
    OPERANDS,
    binary,
    check_broadcastable,
    in_place,
    not_an_operand,
    tensors_only,
    unary,
)
from tinynn.size import type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


def subtract(a: Any, b: Any) -> Any:
    """a - b."""
    refuse_bools(a, b)
    return ops.sub(a, b)


def refuse_bools(a: Any, b: Any) -> None:
    """torch does not subtract bools."""
    bools = _is_bool(a) + _is_bool(b)
    if bools:
        which = "two bool tensors" if bools == 2 else "a bool tensor"
        advice = (
            "Use the `^` or `logical_xor()` operator instead."
            if bools == 2
            else "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
        raise RuntimeError(f"Subtraction, the `-` operator, with {which} is not supported. {advice}")


def _is_bool(operand: Any) -> bool:
    return isinstance(operand, bool) or (isinstance(operand, Variable) and operand._array.dtype.kind == "b")


def power(a: Tensor, b: Any) -> Tensor:
    """a ** b."""
    if isinstance(b, Variable):
        return ops.pow_tensor(a, b)
    if a._array.dtype.kind in "biu" and isinstance(b, int) and b < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return ops.pow(a, b)


def remainder(a: Tensor, b: Any) -> Tensor:
    """a modulo b, with the sign of b."""
    return (ops.remainder_tensor if isinstance(b, Variable) else ops.remainder)(a, b)


def fmod(a: Tensor, b: Any) -> Tensor:
    """a modulo b, with the sign of a."""
    return (ops.fmod_tensor if isinstance(b, Variable) else ops.fmod)(a, b)


class Elementwise(Variable):
    """Functions of one tensor, of two, and their in-place twins (with a trailing underscore)."""

    # fmt: off
    # --- one tensor
    abs         = unary("abs", ops.abs,                 "The absolute value. The gradient at 0 is 0.")
    exp         = unary("exp", ops.exp,                 "e ** self.")
    expm1       = unary("expm1", ops.expm1,             "exp(self) - 1, exact near 0.")
    log         = unary("log", ops.log,                 "The natural logarithm; nan below 0.")
    log1p       = unary("log1p", ops.log1p,             "log(1 + self), exact near 0.")
    sqrt        = unary("sqrt", ops.sqrt,               "The square root; nan below 0.")
    rsqrt       = unary("rsqrt", ops.rsqrt,             "1 / sqrt(self).")
    square      = unary("square", ops.square,           "self * self.")
    reciprocal  = unary("reciprocal", ops.reciprocal,   "1 / self.")
    sin         = unary("sin", ops.sin,                 "The sine.")
    cos         = unary("cos", ops.cos,                 "The cosine.")
    tanh        = unary("tanh", ops.tanh,               "The hyperbolic tangent.")
    sigmoid     = unary("sigmoid", ops.sigmoid,         "1 / (1 + exp(-self)).")
    erf         = unary("erf", ops.erf,                 "2 / sqrt(pi) * integral of exp(-t^2), 0 to self.")
    relu        = unary("relu", ops.relu,               "max(self, 0). The gradient at 0 is 0.")
    sign        = unary("sign", ops.sign,               "-1, 0 or 1.")
    floor       = unary("floor", ops.floor,             "The largest integer that is not above self.")
    ceil        = unary("ceil", ops.ceil,               "The smallest integer that is not below self.")
    trunc       = unary("trunc", ops.trunc,             "Without the digits after the point.")
    isnan       = unary("isnan", ops.isnan,             "Where self is nan.")
    isinf       = unary("isinf", ops.isinf,             "Where self is inf or -inf.")
    isfinite    = unary("isfinite", ops.isfinite,       "Where self is neither infinite nor nan.")
    signbit     = unary("signbit", ops.signbit,         "Where self is negative; also for -0.")
    logical_not = unary("logical_not", ops.logical_not, "Where self is 0.")
    absolute    = abs

    # --- two tensors, or a tensor and a number
    mul          = binary("mul", ops.mul,                   "self * other.")
    true_divide  = binary("div", ops.div,                   "self / other.")
    floor_divide = binary("floor_divide", ops.floor_divide, "self / other, rounded down.")
    remainder    = binary("remainder", remainder,           "self modulo other, with the sign of other.")
    fmod         = binary("fmod", fmod,                     "self modulo other, with the sign of self.")
    pow          = binary("pow", power,                     "self ** other.")
    maximum      = tensors_only("maximum", ops.maximum,     "The larger of two; a tie shares the gradient.")
    minimum      = tensors_only("minimum", ops.minimum,     "The smaller of two; a tie shares the gradient.")
    eq           = binary("eq", ops.eq,                     "Where self == other.")
    ne           = binary("ne", ops.ne,                     "Where self != other.")
    lt           = binary("lt", ops.lt,                     "Where self < other.")
    le           = binary("le", ops.le,                     "Where self <= other.")
    gt           = binary("gt", ops.gt,                     "Where self > other.")
    ge           = binary("ge", ops.ge,                     "Where self >= other.")
    bitwise_and  = binary("bitwise_and", ops.bitwise_and,   "self & other.")
    bitwise_or   = binary("bitwise_or", ops.bitwise_or,     "self | other.")
    bitwise_xor  = binary("bitwise_xor", ops.bitwise_xor,   "self ^ other.")
    logical_and  = tensors_only("logical_and", ops.logical_and, "Where neither is 0.")
    logical_or   = tensors_only("logical_or", ops.logical_or, "Where one is not 0.")
    logical_xor  = tensors_only("logical_xor", ops.logical_xor, "Where exactly one is not 0.")
    multiply     = mul
    # fmt: on

    def add(self, other: Any, *, alpha: float = 1) -> Tensor:
        """self + alpha * other."""
        if not isinstance(other, OPERANDS):
            raise not_an_operand("add", other)
        return ops.add(self, other if alpha == 1 else _scaled(self, other, alpha))

    def sub(self, other: Any, *, alpha: float = 1) -> Tensor:
        """self - alpha * other."""
        if not isinstance(other, OPERANDS):
            raise not_an_operand("sub", other)
        return subtract(self, other if alpha == 1 else _scaled(self, other, alpha))

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """self / other; rounded down or towards zero with rounding_mode "floor" or "trunc"."""
        if rounding_mode is None:
            return self.true_divide(other)
        if rounding_mode not in ("floor", "trunc"):
            raise RuntimeError(
                "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
                f"'{rounding_mode}'"
            )
        return (ops.div_floor if rounding_mode == "floor" else ops.div_trunc)(self, other)

    def neg(self) -> Tensor:
        """-self."""
        if self._array.dtype.kind == "b":
            raise RuntimeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
                "a mask, use the `~` or `logical_not()` operator instead."
            )
        return ops.neg(self)

    def bitwise_not(self) -> Tensor:
        """~self: every bit, or truth value, inverted."""
        if self._array.dtype.kind == "f":
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return ops.bitwise_not(self)

    def round(self, *, decimals: int = 0) -> Tensor:
        """To the nearest integer (or multiple of 10 ** -decimals), halves to even."""
        return ops.round(self) if decimals == 0 else ops.round(ops.mul(self, 10.0**decimals)) / 10.0**decimals

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit to [min, max]; where min > max the result is max. The gradient passes on the bounds."""
        if min is None and max is None:
            raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
        for bound in (min, max):
            if isinstance(bound, Variable):
                check_broadcastable(self._array.shape, bound._array.shape)
        tensors = isinstance(min, Variable) or isinstance(max, Variable)
        return (ops.clamp_tensors if tensors else ops.clamp)(self, min, max)

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """self where condition, else other."""
        if condition._array.dtype.kind != "b":
            raise RuntimeError(
                "where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{type_name(condition._array.dtype)}"
            )
        return ops.where(condition, self, other)

    def isclose(
        self, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> Tensor:
        """|self - other| <= atol + rtol |other|, elementwise."""
        if not isinstance(other, Variable):
            raise not_an_operand("isclose", other)
        for name, tolerance in (("rtol", rtol), ("atol", atol)):
            if tolerance < 0:
                raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance}")
        if self._array.dtype is not other._array.dtype:
            raise RuntimeError(
                f"{type_name(self._array.dtype)} did not match {type_name(other._array.dtype)}"
            )
        check_broadcastable(self._array.shape, other.shape)
        return Variable.wrap(
            thread.quietly(np.isclose, self._array, other._array, rtol=rtol, atol=atol, equal_nan=equal_nan)
        )

    def allclose(
        self, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> bool:
        """Whether all elements are close."""
        return bool(self.isclose(other, rtol, atol, equal_nan)._array.all())

    def equal(self, other: Tensor) -> bool:
        """Whether shape and all values are the same."""
        return self._array.shape == other.shape and bool((self._array == other._array).all())

    clip, divide, subtract, negative = clamp, div, sub, neg

    # --- in place
    # fmt: off
    add_, sub_, mul_, div_      = in_place(add), in_place(sub), in_place(mul), in_place(div)
    pow_, floor_divide_, remainder_ = in_place(pow), in_place(floor_divide), in_place(remainder)
    exp_, expm1_, log_, log1p_  = in_place(exp), in_place(expm1), in_place(log), in_place(log1p)
    sqrt_, rsqrt_, square_      = in_place(sqrt), in_place(rsqrt), in_place(square)
    sin_, cos_, tanh_, sigmoid_ = in_place(sin), in_place(cos), in_place(tanh), in_place(sigmoid)
    reciprocal_, relu_, sign_   = in_place(reciprocal), in_place(relu), in_place(sign)
    abs_, neg_, round_, erf_    = in_place(abs), in_place(neg), in_place(round), in_place(erf)
    floor_, ceil_, trunc_       = in_place(floor), in_place(ceil), in_place(trunc)
    clamp_ = clip_              = in_place(clamp)
    # fmt: on


def _scaled(x: Variable, other: Any, alpha: float) -> Any:
    """alpha * other, for `x.add(other, alpha=alpha)`; a bool stays one."""
    if isinstance(alpha, float) and dtypes.result_type(x._array, _raw(other)).kind != "f":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other * alpha if not _is_bool(other) else other if alpha else other ^ other


def _raw(operand: Any) -> Any:
    return operand._array if isinstance(operand, Variable) else operand
