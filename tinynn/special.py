"""torch.special: functions of each element under the names that mathematics and SciPy give them.

Most are functions of the package under another name; the others stand here, on rows of the derivative table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tinynn import dtypes, functions, ops
from tinynn.methods.rows import NUMBERS
from tinynn.tensor import Tensor

_SAME = """
    digamma erf erfc erfinv exp2 expm1 i0 log1p log_softmax logit logsumexp polygamma round sinc softmax xlogy
""".split()  # noqa: SIM905 - a list would take a line for each
_OTHERWISE = {"expit": "sigmoid", "gammaln": "lgamma", "multigammaln": "mvlgamma", "psi": "digamma"}
_HERE = ["entr", "erfcx", "i0e", "i1", "i1e", "log_ndtr", "ndtr", "ndtri", "xlog1py", "zeta"]
__all__ = [*_SAME, *_OTHERWISE, *_HERE]

globals().update({name: getattr(functions, name) for name in _SAME})
globals().update({name: getattr(functions, own) for name, own in _OTHERWISE.items()})


def _function(row: str, doc: str) -> Callable[[Tensor], Tensor]:
    def function(input: Tensor) -> Tensor:
        if not isinstance(input, Tensor):
            raise TypeError(
                f"special_{row}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
            )
        return getattr(ops, row)(input)

    function.__name__, function.__qualname__, function.__doc__ = row, row, doc
    return function


# fmt: off
entr     = _function("entr",     "-input * log(input); 0 at 0, -inf below.")
erfcx    = _function("erfcx",    "e^(input^2) * erfc(input), which does not fall to 0 as fast as erfc.")
i0e      = _function("i0e",      "The modified Bessel function of order 0, divided by e^|input|.")
i1       = _function("i1",       "The modified Bessel function of order 1.")
i1e      = _function("i1e",      "The modified Bessel function of order 1, divided by e^|input|.")
log_ndtr = _function("log_ndtr", "log(ndtr(input)), exact where ndtr is nearly 0.")
ndtri    = _function("ndtri",    "The inverse of ndtr: quantiles of the normal distribution.")
# fmt: on


def ndtr(input: Tensor) -> Tensor:
    """The normal distribution's integral from -inf to input: (1 + erf(input / sqrt(2))) / 2."""
    return ((input * math.sqrt(0.5)).erf() + 1) * 0.5


def xlog1py(input: Any, other: Any) -> Tensor:
    """input * log(1 + other), and 0 where input is 0; one of the two may be a number."""
    return _of_two("xlog1py", input, other)


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function: the sum of (other + k)^-input over k = 0, 1, ...; no derivative by input."""
    return _of_two("zeta", input, other)


def _of_two(row: str, input: Any, other: Any) -> Tensor:
    if not (isinstance(input, Tensor) or isinstance(other, Tensor)):
        names = ", ".join(type(x).__name__ for x in (input, other))
        raise TypeError(f"special_{row}() received an invalid combination of arguments - got ({names})")
    first, second = (_wrapped(x, y) for x, y in ((input, other), (other, input)))
    return getattr(ops, row)(first, second)


def _wrapped(x: Any, beside: Any) -> Any:
    """A number becomes a tensor, of the dtype that it has beside the other operand."""
    if not isinstance(x, NUMBERS):
        return x
    return Tensor.wrap(dtypes.convert(x, dtypes.result_type(beside._array, x)))
