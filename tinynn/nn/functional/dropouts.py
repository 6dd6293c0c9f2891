"""Noise in training: random elements, or whole channels, are silenced. Srivastava et al., 2014."""

from __future__ import annotations

import math
import warnings

import numpy as np

from tinynn.autograd.variable import Variable
from tinynn.nn.functional.checks import need_tensor
from tinynn.random import default_generator
from tinynn.size import type_name
from tinynn.tensor import Tensor


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, set each element to 0 with probability p, and multiply the others by 1 / (1 - p)."""
    _check_probability(p)
    need_tensor("dropout", input)
    return _dropped(input, False, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of x (N, C, L) or (C, L)."""
    _check_probability(p)
    if input.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d "
            "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, "
            "and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _channels_dropped(input, input.ndim == 3, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of x (N, C, H, W). As in torch, three dimensions mean (N, C, L)."""
    _check_probability(p)
    if input.ndim not in (3, 4):
        _warn_of_dimensions(2, input.ndim)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior "
            "is desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior "
            "will change in a future release to interpret the input as one without a batch dimension, i.e. "
            "shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using "
            "dropout1d instead.",
            stacklevel=2,
        )
    return _channels_dropped(input, True, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of x (N, C, D, H, W) or (C, D, H, W)."""
    _check_probability(p)
    if input.ndim not in (4, 5):
        _warn_of_dimensions(3, input.ndim)
    return _channels_dropped(input, input.ndim == 5, p, training, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """In training, set each element to selu's lower limit with probability p; keep mean 0 and variance 1.

    Klambauer et al., 2017.
    """
    _check_probability(p)
    return _alpha_dropped(input, False, p, training, inplace)


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels, of x (N, C, ...)."""
    _check_probability(p)
    return _alpha_dropped(input, True, p, training, inplace)


def _channels_dropped(input: Tensor, batched: bool, p: float, training: bool, inplace: bool) -> Tensor:
    batch = input if batched else input.unsqueeze(0)
    out = _dropped(batch, True, p, training, inplace)
    return out if batched else input if inplace else out.squeeze(0)


def _dropped(input: Tensor, channels: bool, p: float, training: bool, inplace: bool) -> Tensor:
    """The input times noise, which for `channels` is the same all over a channel."""
    if not training or p == 0 or input.numel() == 0:
        return input
    noise = Variable.wrap(_kept(input, channels, p) * _reciprocal(1 - p, input) if p < 1 else _nothing(input))
    return input.mul_(noise) if inplace else input * noise


_LIMIT = 1.7580993408473766  # selu(-inf) = -1.758...


def _alpha_dropped(input: Tensor, channels: bool, p: float, training: bool, inplace: bool) -> Tensor:
    """x where it is kept, else -1.758, times a, plus what brings the mean back to 0."""
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        noise = Variable.wrap(_nothing(input))
        return input.mul_(noise) if inplace else input * noise
    a = 1 / math.sqrt((_LIMIT**2 * p + 1) * (1 - p))
    kept = _kept(input, channels, p)
    noise, shift = Variable.wrap(kept * a), Variable.wrap((kept - 1) * (_LIMIT * a) + _LIMIT * a * p)
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


def _kept(input: Tensor, channels: bool, p: float) -> np.ndarray:
    """1 with probability 1 - p, else 0, for each element or each channel: torch's draws."""
    shape, dtype = tuple(input.shape), input._array.dtype
    if channels and len(shape) < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    if dtype.kind != "f":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {type_name(dtype)}")
    if channels:
        shape = shape[:2] + (1,) * (len(shape) - 2)
        return default_generator.bernoulli(shape, 1 - p, dtype)
    order = _order_in_memory(input)
    drawn = default_generator.bernoulli(tuple(shape[axis] for axis in order), 1 - p, dtype)
    return drawn.transpose(np.argsort(order))


def _order_in_memory(input: Tensor) -> list[int]:
    """The axes, outermost first: torch draws in the order in which the elements lie in memory.

    An insertion sort by strides, as torch's: a repeated axis (of stride 0) stays where it is.
    """
    strides = input._array.strides
    axes = list(range(len(strides)))
    if input._feature_major or input._array.flags.c_contiguous:
        return axes
    axes.reverse()
    for start in range(1, len(axes)):
        place = start
        for inner in range(place - 1, -1, -1):
            one, other = strides[axes[inner]], strides[axes[place]]
            if one and other and one < other:
                break
            if one and other and one > other:
                axes[inner], axes[place] = axes[place], axes[inner]
                place = inner
    return axes[::-1]


def _reciprocal(value: float, input: Tensor) -> np.generic:
    """1 / value in the input's dtype; for float16 it is computed in float32, as in torch."""
    dtype = input._array.dtype
    real = np.promote_types(dtype, np.float32).type
    return dtype.type(real(1) / real(value))


def _nothing(input: Tensor) -> np.ndarray:
    return np.zeros((), input._array.dtype)


# --- torch's errors and warnings


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _warn_of_dimensions(n: int, ndim: int) -> None:
    warnings.warn(
        f"dropout{n}d: Received a {ndim}-D input to dropout{n}d, which is deprecated and will result in an "
        "error in a future release. To retain the behavior and silence this warning, please use dropout "
        f"instead. Note that dropout{n}d exists to provide channel-wise dropout on inputs with {n} spatial "
        f"dimensions, a channel dimension, and an optional batch dimension (i.e. {n + 1}D or {n + 2}D "
        "inputs).",
        stacklevel=3,
    )
