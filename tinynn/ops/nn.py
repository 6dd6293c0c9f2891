"""The derivative table, losses.

Each is one operation in torch too. They could be written with the other rows; fused, they are more accurate
(no overflow, no log of 0) or faster. A loss takes `reduction`: "none" for one loss per element, or their
"mean" or "sum".
"""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.dtypes import promote
from tinynn.ops.activation import hardtanh
from tinynn.ops.elementwise import ONE, _logsigmoid, clamp, log, logsigmoid, sigmoid
from tinynn.ops.indexing import along
from tinynn.ops.linalg import linear


def _promote_two(operands):
    """The input and the target of a loss in their common dtype."""
    return [*promote(operands[:2]), *operands[2:]]


def _total(losses):
    return np.add.reduce(losses, axis=None)  # losses.sum() calls it too, after 1 us of Python


def _reduce(losses, reduction):
    if reduction == "none":
        return losses
    return _total(losses) if reduction == "sum" else _total(losses) / losses.size


def _share(g, x, reduction):
    """The gradient of each element's loss."""
    return g / (math.prod(x.shape) or 1) if reduction == "mean" else g


def _weighted(loss, weight):
    return loss if weight is None else loss * weight


def _bce_with_logits(x, target, weight=None, pos_weight=None, reduction="mean"):
    """(1 - t) x - log(sigmoid(x)), where a pos_weight multiplies the loss of the positives (t = 1)."""
    log_sigmoid = _logsigmoid(x)
    if pos_weight is not None:
        log_sigmoid *= (pos_weight - 1) * target + 1
    losses = ONE[target.dtype] - target
    losses *= x
    losses -= log_sigmoid
    if weight is not None:
        losses *= weight
    return _reduce(losses, reduction)


def _bce_with_logits_back(g, x, target, weight, pos_weight, reduction):
    if pos_weight is None:
        slope = sigmoid(x) - target
    else:
        slope = (1 + (pos_weight - 1) * target) * sigmoid(x) - pos_weight * target
    return _weighted(slope, weight) * _share(g, x, reduction)


def _bce_with_logits_target_back(g, x, weight, pos_weight, reduction):
    slope = -x if pos_weight is None else logsigmoid(-x) - pos_weight * logsigmoid(x)
    return _weighted(slope, weight) * _share(g, x, reduction)


def _bce(x, target, weight=None, reduction="mean"):
    """-(t log x + (1 - t) log(1 - x)); each log is at least -100: a wrong 0 or 1 costs 100, not inf."""
    losses = (target - 1) * np.maximum(np.log1p(-x), -100) - target * np.maximum(np.log(x), -100)
    return _reduce(_weighted(losses, weight), reduction)


_LEAST_VARIANCE = float(np.float32(1e-12))  # a float in torch's kernel, for float64 too


def _bce_of_input(g, x, target, weight, reduction):
    return binary_cross_entropy_back(g, x, target, weight, reduction)


def _bce_back(gradient, x, target, weight=None, reduction="mean"):
    slope = (x - target) / clamp((1 - x) * x, _LEAST_VARIANCE)
    return _weighted(slope, weight) * _share(gradient, x, reduction)


def _bce_back_of_gradient(g, x, target, weight, reduction):
    """torch differentiates the gradient with 1e-12 added to x and to 1 - x."""
    slope = (x - target) / ((x + 1e-12) * (1 - x + 1e-12))
    return _weighted(slope, weight) * _share(g, x, reduction)


def _bce_back_of_input(g, gradient, x, target, weight, reduction):
    bend = (x * x - 2 * x * target + target) / ((x + 1e-12) ** 2 * (1 - x + 1e-12) ** 2)
    return _weighted(bend, weight) * _share(g * gradient, x, reduction)


def _bce_back_of_target(g, gradient, x, weight, reduction):
    slope = -1 / clamp((1 - x) * x, _LEAST_VARIANCE)
    return _weighted(slope, weight) * _share(g * gradient, x, reduction)


def _bce_target_back(g, x, weight, reduction):
    return _weighted(log(1 - x) - log(x), weight) * _share(g, x, reduction)


def _mse(x, target, reduction="mean"):
    difference = x - target
    return _reduce(difference * difference, reduction)


def _mse_back(g, x, target, reduction):
    return (x - target) * (2 * _share(g, x, reduction))


def _smooth_l1(x, target, reduction="mean", beta=1.0):
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, for d = x - t."""
    size = np.abs(x - target)
    return _reduce(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


def _smooth_l1_back(g, x, target, reduction, beta):
    return hardtanh((x - target) / beta, -1.0, 1.0) * _share(g, x, reduction)


def _huber(x, target, reduction="mean", delta=1.0):
    """d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), for d = x - t."""
    size = np.abs(x - target)
    return _reduce(np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction)


def _huber_back(g, x, target, reduction, delta):
    return hardtanh(x - target, -delta, delta) * _share(g, x, reduction)


def _class_weights(target, weight, ignore_index, dtype):
    """The class of each target and its weight; an ignored target counts as class 0 with weight 0."""
    valid = target != ignore_index
    classes = np.where(valid, target, 0)
    return classes, valid.astype(dtype) if weight is None else weight[classes] * valid


def _class_index(classes, ndim):
    """The index of each target's class along axis 1 (axis 0 for a single sample)."""
    if ndim == 2:
        return np.arange(len(classes)), classes
    axis = min(ndim - 1, 1)
    return along(np.expand_dims(classes, axis), axis)


def _nll(x, target, weight=None, ignore_index=-100, reduction="mean"):
    """-w[t] x[n, t, ...]; the mean divides by the sum of the weights w[t]."""
    classes, weights = _class_weights(target, weight, ignore_index, x.dtype)
    chosen = x[_class_index(classes, x.ndim)].reshape(classes.shape)
    losses = np.where(target != ignore_index, -chosen * weights, x.dtype.type(0))
    return _total(losses) / _total(weights) if reduction == "mean" else _reduce(losses, reduction)


def _nll_back(g, target, weight, x_shape, ignore_index, reduction):
    """The loss is linear in x: its gradient is -w[t] at each target, and 0 elsewhere."""
    classes, weights = _class_weights(target, weight, ignore_index, g.dtype)
    slopes = -weights / _total(weights) if reduction == "mean" else -weights
    out = np.zeros(x_shape, g.dtype)
    index = _class_index(classes, len(x_shape))
    out[index] = np.where(target != ignore_index, slopes * g, 0).reshape(out[index].shape)
    return out


def _nll_of_input(g, x_shape, target, weight, ignore_index, reduction):
    return nll_loss_back(g, target, weight, x_shape, ignore_index, reduction)


def _nll_of_gradient(g, target, weight, ignore_index, reduction):
    return nll_loss(g, target, weight, ignore_index, reduction)


# fmt: off
# VJPs of the input, of the target, and none of the weights
mse_loss    = Op(_mse,          _mse_back,
                 lambda g, x, target, reduction: -_mse_back(g, x, target, reduction), cast=_promote_two)
huber_loss  = Op(_huber,        _huber_back,
                 lambda g, x, target, reduction, delta: -_huber_back(g, x, target, reduction, delta),
                 cast=_promote_two)
smooth_l1_loss = Op(_smooth_l1, _smooth_l1_back,
                 lambda g, x, target, reduction, beta: -_smooth_l1_back(g, x, target, reduction, beta),
                 cast=_promote_two, name="SmoothL1LossBackward0")
binary_cross_entropy = Op(_bce, _bce_of_input,      _bce_target_back, None)
binary_cross_entropy_back = Op(_bce_back, _bce_back_of_gradient, _bce_back_of_input, _bce_back_of_target, None,
                               name="BinaryCrossEntropyBackwardBackward0")
binary_cross_entropy_with_logits = Op(
    _bce_with_logits,           _bce_with_logits_back, _bce_with_logits_target_back, None, None)
nll_loss    = Op(_nll,          _nll_of_input,      None, None)
nll_loss_back = Op(_nll_back,   _nll_of_gradient,   None, None, name="NllLossBackwardBackward0")
nll_loss_2d = nll_loss.named("NllLoss2DBackward0")

# --- layers: the rows of a linear layer under the names they have without a bias
linear_no_bias = linear.named("MmBackward0")
# fmt: on
