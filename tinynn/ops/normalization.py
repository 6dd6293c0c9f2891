"""The derivative table, normalisations: to mean 0 and variance 1, then to weight and bias."""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.adjust import ones
from tinynn.autograd.op import Op
from tinynn.ops.elementwise import rsqrt
from tinynn.ops.nn import _weighted
from tinynn.ops.reduce import sum
from tinynn.ops.shape import reshape

# --- over the last axes of each sample


def _mean(x, axes):
    return sum(x, axes, True) / math.prod(x.shape[axis] for axis in axes)


def _unit(x, axes, eps):
    """x shifted and scaled to mean 0 and variance 1 (a little less, for eps) over `axes`, and that scale."""
    centred = x - _mean(x, axes)
    scale = rsqrt(_mean(centred * centred, axes) + eps)
    return centred * scale, scale


def _unit_back(g, x, axes, eps):
    """Moving one value moves the mean and the variance of all: what g has in common with those cancels."""
    unit, scale = _unit(x, axes, eps)
    return scale * (g - _mean(g, axes) - unit * _mean(g * unit, axes))


def _layer_norm(x, weight, bias, axes, eps):
    out = _weighted(_unit(x, axes, eps)[0], weight)
    return out if bias is None else out + bias


def _layer_norm_back(g, x, weight, axes, eps):
    return _unit_back(_weighted(g, weight), x, axes, eps)


def _layer_norm_weight_back(g, x, axes, eps):
    return g * _unit(x, axes, eps)[0]


# --- over the batch, for each channel


def channel_sum(x):
    """The sum over all axes but 1, where the channels are.

    With the batch last in memory it is a product with ones, twice as fast as NumPy's sum.
    """
    if isinstance(x, np.ndarray):
        batch_last = x.transpose(*range(1, x.ndim), 0)
        if batch_last.flags.c_contiguous and x.dtype.kind == "f":
            matrix = batch_last.reshape(x.shape[1], math.prod(x.shape) // max(x.shape[1], 1))
            return matrix.dot(ones(matrix.shape[1], x.dtype))
    return sum(x, (0, *range(2, len(x.shape))))


def _count(x):
    """How many values a channel has."""
    return math.prod(x.shape) // x.shape[1]


def _per_channel(value, x):
    """(C,) as (1, C, 1, ...), to go with x."""
    return reshape(value, (1, -1) + (1,) * (len(x.shape) - 2))


def _centred(x, mean):
    return x - _per_channel(mean, x)


def channel_moments(x):
    """The mean and the (biased) variance of each channel."""
    mean = channel_sum(x) / _count(x)
    centred = _centred(x, mean)
    return mean, channel_sum(centred * centred) / _count(x)


def _moments_of_batch(x, mean, variance):
    """The moments as they are known; where they are to be differentiated, as functions of x."""
    return (mean, variance) if isinstance(x, np.ndarray) else channel_moments(x)


def _batch_norm(x, weight, bias, mean, variance, training, eps):
    """(x - mean) / sqrt(variance + eps) * weight + bias, for each channel, as x * scale + shift."""
    scale = _weighted(rsqrt(variance + eps), weight)
    shift = -mean * scale if bias is None else bias - mean * scale
    out = x * _per_channel(scale, x)
    out += _per_channel(shift, x)
    return out


def _batch_norm_back(g, x, weight, mean, variance, training, eps):
    """In training, mean and variance are functions of x too; otherwise they are constants."""
    if training:
        mean, variance = _moments_of_batch(x, mean, variance)
    rate = rsqrt(variance + eps)
    scale = _per_channel(_weighted(rate, weight), x)
    if not training:
        return g * scale
    n, centred = _count(x), _centred(x, mean)
    along = channel_sum(g * centred) * rate * rate / n
    return (_centred(g, channel_sum(g) / n) - centred * _per_channel(along, x)) * scale


def _batch_norm_weight_back(g, x, mean, variance, training, eps):
    if training:
        mean, variance = _moments_of_batch(x, mean, variance)
    return channel_sum(g * _centred(x, mean)) * rsqrt(variance + eps)


# --- over groups of the channels of each sample


def _grouped(x, groups):
    """(N, C, ...) as (N, groups, the values of a group)."""
    return reshape(x, (x.shape[0], groups, math.prod(x.shape[1:]) // groups))


def _group_unit(x, groups, eps):
    return reshape(_unit(_grouped(x, groups), (2,), eps)[0], tuple(x.shape))


def _group_norm(x, weight, bias, groups, eps):
    out = _group_unit(x, groups, eps)
    out = out if weight is None else out * _per_channel(weight, x)
    return out if bias is None else out + _per_channel(bias, x)


def _group_norm_back(g, x, weight, groups, eps):
    g = g if weight is None else g * _per_channel(weight, x)
    return reshape(_unit_back(_grouped(g, groups), _grouped(x, groups), (2,), eps), tuple(x.shape))


def _group_norm_weight_back(g, x, groups, eps):
    return channel_sum(g * _group_unit(x, groups, eps))


# VJPs of the input, the weight and the bias
# fmt: off
batch_norm  = Op(_batch_norm, _batch_norm_back, _batch_norm_weight_back, channel_sum, None, None, name="NativeBatchNormBackward0")
group_norm  = Op(_group_norm, _group_norm_back, _group_norm_weight_back, channel_sum, name="NativeGroupNormBackward0")
layer_norm  = Op(_layer_norm, _layer_norm_back, _layer_norm_weight_back, lambda g: g, contiguous=True, name="NativeLayerNormBackward0")
# fmt: on
