"""To mean 0 and variance 1, over the batch, a sample, a group of channels, or the last dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.grad_mode import thread
from tinynn.dtypes import float16
from tinynn.nn.functional.checks import need_float
from tinynn.nn.functional.padding import pad
from tinynn.nn.functional.pooling import avg_pool2d
from tinynn.ops.normalization import channel_moments
from tinynn.size import type_name
from tinynn.tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, for each channel of an input of shape (N, C, ...).

    In training, mean and var are those of the batch, and the running ones move towards them by `momentum`
    (the running variance towards the unbiased one); otherwise they are the running ones.
    """
    x = input._array
    if training and math.prod(x.shape[:1] + x.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if not x.size:
        return _empty_batch_norm(input, weight, bias)
    _check_batch_norm(input, running_mean, running_var, weight, bias, training)
    if not training:
        return ops.batch_norm(input, weight, bias, running_mean, running_var, False, eps)
    mean, variance = thread.quietly(channel_moments, x)
    if running_mean is not None and running_var is not None:
        n = x.size // x.shape[1]
        _move(running_mean, mean, momentum)
        _move(running_var, variance * (n / (n - 1)), momentum)
    return ops.batch_norm(input, weight, bias, mean, variance, True, eps)


def _empty_batch_norm(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Of no values; but weight and bias were used, says torch."""
    out = input.clone() if weight is None else input.clone() * weight[0]
    return out if bias is None else out + bias[0]


def _move(running: Tensor, value: np.ndarray, momentum: float) -> None:
    running._array *= 1 - momentum
    running._array += momentum * value
    running.bump()


def _check_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
) -> None:
    channels = input.shape[1] if input.ndim > 1 else 0
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, tensor in named.items():
        if tensor is None:
            if name.startswith("running") and not training:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        elif tensor.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {tensor.numel()}")
    need_float("batch_norm", input)
    if any(tensor is not None and tensor.dtype is not input.dtype for tensor in named.values()):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`batch_norm` of each sample by itself, x (N, C, ...); the running statistics are the samples' means.

    use_input_stats=False takes the running statistics instead. Ulyanov, Vedaldi and Lempitsky, 2016.
    """
    n, c, *size = input.shape
    if use_input_stats and math.prod(size) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    mean, var, w, b = (
        None if tensor is None else tensor.repeat(n) for tensor in (running_mean, running_var, weight, bias)
    )
    samples = input.contiguous().view(1, n * c, *size)
    out = batch_norm(samples, mean, var, w, b, use_input_stats, momentum, eps)
    for running, repeated in ((running_mean, mean), (running_var, var)):
        if running is not None and repeated is not None and use_input_stats:
            running.detach().copy_(repeated.view(n, c).mean(0))
    return out.view(input.shape)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var over a group of channels of a sample.

    x (N, C, ...), weight and bias (C,). Wu and He, 2018.
    """
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    shape = input.shape
    if math.prod((shape[0] * shape[1] // num_groups, *shape[2:])) == 1:
        size = [shape[0] * shape[1] // num_groups, num_groups, *shape[2:]]
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    for name, tensor in {"weight": weight, "bias": bias}.items():
        if tensor is not None and tensor.shape != (shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got "
                f"{name} of shape {list((tensor if weight is None else weight).shape)} and input of shape "
                f"{list(shape)}"
            )
    need_float("GroupNormKernelImpl", input)
    if any(tensor is not None and tensor.dtype is not input.dtype for tensor in (weight, bias)):
        kind = type_name(input._array.dtype)
        raise RuntimeError(f"mixed dtype (CPU): expect parameter to have scalar type of {kind}")
    return ops.group_norm(input, weight, bias, int(num_groups), eps)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight, the mean over the last (normalized) dimensions.

    eps is that of the dtype if None. Zhang and Sennrich, 2019.
    """
    shape = _normalized_shape("rms_norm", input, normalized_shape, weight=weight)
    need_float("rms_norm", input)
    eps = float(np.finfo(input._array.dtype).eps) if eps is None else eps
    x = input.float() if input.dtype is float16 else input
    out = x * (x.pow(2).mean(tuple(range(-len(shape), 0)), keepdim=True) + eps).rsqrt()
    return (out if weight is None else out * weight).to(input.dtype)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """x / (k + alpha * mean(x^2))^beta, the mean over `size` neighbouring channels of x (N, C, ...).

    Krizhevsky, Sutskever and Hinton, 2012.
    """
    if input.dim() < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          input "
            f"(got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    rows = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    means = avg_pool2d(pad(rows, (0, 0, size // 2, (size - 1) // 2)), (size, 1), stride=1)
    return input / means.view(input.shape).mul(alpha).add(k).pow(beta)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var over the last (normalized) dimensions."""
    shape = _normalized_shape("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    need_float("LayerNormKernelImpl", input)
    if any(tensor is not None and tensor.dtype is not input.dtype for tensor in (weight, bias)):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    return ops.layer_norm(input, weight, bias, tuple(range(input.ndim - len(shape), input.ndim)), eps)


def _normalized_shape(
    function: str, input: Tensor, normalized_shape: Any, **parameters: Tensor | None
) -> tuple[int, ...]:
    """The shape of the dimensions to normalise, which must be the input's last and the parameters' own."""
    if not isinstance(normalized_shape, Sequence):
        kind = type(normalized_shape).__name__
        raise TypeError(
            f"{function}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {kind}"
        )
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = []"
        )
    for name, tensor in parameters.items():
        if tensor is not None and tensor.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(tensor.shape)} and normalized_shape = {list(shape)}"
            )
    if input.shape[-len(shape) :] != shape:
        wanted = ("*" if function == "rms_norm" else "*, ") + ", ".join(map(str, shape))  # torch's commas
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [{wanted}], but got input of "
            f"size{list(input.shape)}"
        )
    return shape
