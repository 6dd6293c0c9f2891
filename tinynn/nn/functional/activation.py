"""Activations: functions of each element, and the softmax family along a dimension."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from tinynn import ops
from tinynn.dtypes import dtype as Dtype
from tinynn.nn.functional.checks import need_float, need_tensor
from tinynn.tensor import Tensor


def _activate(row: Callable, input: Tensor, *settings: Any, inplace: bool = False) -> Tensor:
    """row(input); in place, of a copy, because its derivative needs the values that are overwritten."""
    return input._overwrite(row(input.clone(), *settings)) if inplace else row(input, *settings)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0). Its gradient at 0 is 0."""
    need_tensor("relu", input)
    return input.relu_() if inplace else ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]. Its gradient on the limits is 0."""
    need_tensor("hardtanh", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input._array.dtype.kind != "f":
        min_val, max_val = int(min_val), int(max_val)
    return _activate(ops.hardtanh, input, min_val, max_val, inplace=inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope * x."""
    need_tensor("leaky_relu", input)
    need_float("leaky_relu_cpu", input)
    return _activate(ops.leaky_relu, input, negative_slope, inplace=inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha * (exp(x) - 1)."""
    need_tensor("elu", input)
    need_float("elu_cpu", input)
    return _activate(ops.elu, input, alpha, inplace=inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x)."""
    need_tensor("silu", input)
    need_float("silu_cpu", input)
    return _activate(ops.silu, input, inplace=inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x, or ("tanh") an approximation of that."""
    need_tensor("gelu", input)
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
