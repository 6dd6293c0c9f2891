"""Activations: functions of each element, and the softmax family along a dimension."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.inplace import check_writable
from tinynn.creation import empty_like, zeros_like
from tinynn.dtypes import dtype as Dtype
from tinynn.nn.functional.checks import need_float, need_tensor
from tinynn.random import default_generator
from tinynn.size import one_dim, type_name
from tinynn.tensor import Tensor


def _activate(
    row: Callable, input: Tensor, *settings: Any, inplace: bool, over: Callable | None = None
) -> Tensor:
    """row(input, *settings); in place it is written over the input, and `over` is the row for that."""
    if not inplace:
        return row(input, *settings)
    check_writable(input)
    return input._overwrite((over or row)(input, *settings))


def _in_place(function: Callable) -> Callable[..., Tensor]:
    """relu_ of relu: it writes its result over the input."""
    name = f"{function.__name__}_"

    def twin(input: Tensor, *settings: Any, **named: Any) -> Tensor:
        need_tensor(name, input)
        return function(input, *settings, **named, inplace=True)

    twin.__name__ = twin.__qualname__ = name
    twin.__doc__ = f"`{function.__name__}`, written over the input."
    return twin


# --- kinks


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0). Its gradient at 0 is 0."""
    need_tensor("relu", input)
    if input._array.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return input.relu_() if inplace else ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]. Its gradient on the limits is 0."""
    need_tensor("hardtanh", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    kind = input._array.dtype.kind
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if kind == "u" and min_val < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    limits = (min_val, max_val) if kind == "f" else (int(min_val), int(max_val))
    return _activate(ops.hardtanh, input, *limits, inplace=inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope * x."""
    need_tensor("leaky_relu", input)
    need_float("leaky_relu_cpu", input)
    return _activate(ops.leaky_relu, input, negative_slope, inplace=inplace, over=ops.leaky_relu_in_place)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight * x, with one weight for all of x, or one for each channel (dimension 1).

    He et al., 2015.
    """
    need_tensor("prelu", input)
    need_tensor("prelu", weight, "weight", 2)
    return input.prelu(weight)


def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """x where x > 0, else x times a slope: in training drawn from U(lower, upper), else the middle of that.

    Xu et al., 2015.
    """
    need_tensor("rrelu", input)
    for name, bound in {"lower": lower, "upper": upper}.items():
        if not math.isfinite(bound):
            raise RuntimeError(f"rrelu: {name} bound must be finite, got {bound}")
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        need_float("leaky_relu_cpu", input)
        middle = (lower + upper) / 2
        over = ops.rrelu_evaluated_in_place
        return _activate(ops.rrelu_evaluated, input, middle, inplace=inplace, over=over)
    need_float("rrelu_with_noise_out_cpu", input, half=False)
    slopes = _drawn_slopes(input._array, lower, upper)
    return _activate(ops.rrelu, input, slopes, inplace=inplace, over=ops.rrelu_in_place)


def _drawn_slopes(x: np.ndarray, lower: float, upper: float) -> np.ndarray:
    """1 where x > 0; torch draws for the others only, in float64."""
    slopes = np.ones(x.shape, x.dtype)
    falling = x <= 0
    slopes[falling] = default_generator.uniform((int(falling.sum()),), np.float64, lower, upper)
    return slopes


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    need_tensor("threshold", input)
    if input._array.dtype.kind != "f":
        threshold, value = int(threshold), int(value)
    over = ops.threshold_in_place
    return _activate(ops.threshold, input, threshold, value, inplace=inplace, over=over)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > lambd, else 0."""
    need_tensor("hardshrink", input)
    return input.hardshrink(lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards 0 by lambd, and no farther."""
    need_tensor("softshrink", input)
    need_float("softshrink_check", input)
    if not lambd >= 0:
        dtype = input._array.dtype
        most = float(np.finfo(dtype).max)
        raise RuntimeError(
            f"lambda must be in range [0, {most:g}] for input dtype {type_name(dtype)}, but found {lambd:g}"
        )
    return ops.softshrink(input, lambd)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1 / 2, limited to [0, 1]."""
    need_tensor("hardsigmoid", input)
    need_float("hardsigmoid_cpu", input)
    return _activate(ops.hardsigmoid, input, inplace=inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x hardsigmoid(x). Howard et al., 2019."""
    need_tensor("hardswish", input)
    need_float("hardswish_cpu", input)
    return _activate(ops.hardswish, input, inplace=inplace)


# --- exponentials


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha * (exp(x) - 1). Clevert et al., 2016."""
    need_tensor("elu", input)
    need_float("elu_cpu", input)
    return _activate(ops.elu, input, alpha, inplace=inplace, over=ops.elu_in_place)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha * (exp(x / alpha) - 1). Barron, 2017."""
    need_tensor("celu", input)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    need_float("elu_cpu", input)
    return _activate(ops.celu, input, alpha, inplace=inplace, over=ops.celu_in_place)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """1.0507 x where x > 0, else 1.7581 (exp(x) - 1): it keeps mean 0 and variance 1.

    Klambauer et al., 2017.
    """
    need_tensor("selu", input)
    need_float("elu_cpu", input)
    return _activate(ops.elu, input, _SELU_ALPHA, _SELU_SCALE, inplace=inplace, over=ops.elu_in_place)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), for the halves a and b of x along `dim`. Dauphin et al., 2017."""
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = one_dim(dim, input.ndim)
    size = input.shape[axis]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {size}")
    need_float("glu_cpu", input)
    return ops.glu(input, axis)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x)."""
    need_tensor("silu", input)
    need_float("silu_cpu", input)
    return _activate(ops.silu, input, inplace=inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)). Misra, 2019."""
    need_tensor("mish", input)
    need_float("mish_cpu", input)
    return _activate(ops.mish, input, inplace=inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x, or ("tanh") an approximation of that."""
    need_tensor("gelu", input)
    if not isinstance(approximate, str):
        kind = type(approximate).__name__
        raise TypeError(f"gelu(): argument 'approximate' must be str, not {kind}")
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    need_float("GeluKernelImpl", input)
    return ops.gelu(input) if approximate == "none" else ops.gelu_tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return input.tanh()


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    need_tensor("softplus", input)
    need_float("softplus_cpu", input)
    return ops.softplus(input, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), without overflow."""
    need_tensor("log_sigmoid", input)
    need_float("log_sigmoid_cpu", input)
    return ops.logsigmoid(input)


def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


# --- the softmax family


def _softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None
) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`."""
    return input.softmax(_softmax_dim("softmax", input.ndim, _stacklevel) if dim is None else dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None
) -> Tensor:
    """softmax(-x) along `dim`."""
    return (-input).softmax(_softmax_dim("softmin", input.ndim, _stacklevel) if dim is None else dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None
) -> Tensor:
    """log(softmax(x)) along `dim`."""
    return input.log_softmax(
        _softmax_dim("log_softmax", input.ndim, _stacklevel) if dim is None else dim, dtype
    )


def gumbel_softmax(
    logits: Tensor, tau: float = 1.0, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A category drawn with the probabilities softmax(logits), such that gradients flow through the draw.

    softmax((logits + n) / tau) along `dim`, with noise n = -log(-log(u)). `hard`: 1 for the largest and 0 for
    the others, with the same gradient. Jang et al., 2017.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = soft.max(dim, keepdim=True)[1]
    return zeros_like(logits).scatter_(dim, chosen, 1.0) - soft.detach() + soft


celu_, elu_, selu_, leaky_relu_ = _in_place(celu), _in_place(elu), _in_place(selu), _in_place(leaky_relu)
relu_, rrelu_, hardtanh_ = _in_place(relu), _in_place(rrelu), _in_place(hardtanh)
threshold_ = _in_place(threshold)
