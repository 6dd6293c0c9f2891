"""The derivative table, losses with a margin: what a classifier pays until the right classes lead by it.

As in ops/nn.py, `reduction` is "none" for one loss per sample, or their "mean" or "sum". x has a row of scores
for each sample; a vector is one sample.
"""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import exp, zero_where
from tinynn.ops.indexing import index, zeros_add_at
from tinynn.ops.nn import _reduce, _share
from tinynn.ops.reduce import sum
from tinynn.ops.shape import reshape, unsqueeze


def _soft_margin(x, target, reduction="mean"):
    """log(1 + exp(-t x)) for targets t of -1 and 1."""
    return _reduce(np.log(1 + np.exp(-target * x)), reduction)


def _soft_margin_back(g, x, target, reduction):
    e = exp(-target * x)
    return _share(g, x, reduction) * -target * e / (e + 1)


def _rows(x):
    return reshape(x, (-1, x.shape[-1] if x.ndim else 1))


def _of_samples(g, samples, reduction):
    """The gradient of each sample's loss, as a column; or of them all, as a number."""
    return reshape(g, (-1, 1)) if reduction == "none" else g / samples if reduction == "mean" else g


def _lags(rows, n, target, margin):
    """What each score in row n lacks to be `margin` below the target's: of each of many pairs (n, target)."""
    return margin - unsqueeze(index(rows, (n, target)), 1) + index(rows, (n,))


# --- one right class for each sample


def _class_lags(rows, target, margin):
    """Lags, above 0; of the right class itself: 0."""
    target = target.reshape(-1)
    lags = _lags(rows, np.arange(len(target)), target, margin)
    return zero_where(lags, ~(lags > 0) | _right(rows, target))


def _right(rows, target):
    return np.arange(rows.shape[1]) == target.reshape(-1, 1)


def _multi_margin(x, target, weight=None, p=1, margin=1.0, reduction="mean"):
    """The sum over the classes c of w[t] max(0, margin - x[t] + x[c])^p / C, without c = t, for each sample."""
    rows = _rows(x)
    losses = (_class_lags(rows, target, margin) ** p).sum(1) / x.dtype.type(rows.shape[1])
    losses = losses.reshape(target.shape)
    return _reduce(losses if weight is None else losses * weight[target], reduction)


def _multi_margin_back(g, x, target, weight, p, margin, reduction):
    rows = _rows(x)
    lags = _class_lags(rows, target, margin)
    slopes = (lags * 2 if p == 2 else lags > 0) * (_of_samples(g, target.size, reduction) / rows.shape[1])
    if weight is not None:
        slopes = slopes * weight[target.reshape(-1, 1)]
    return reshape(slopes - sum(slopes, 1, True) * _right(rows, target), x.shape)


# --- several right classes for each sample


def _label_lags(rows, target):
    """Samples n, their labels t, and for each such pair: lags, above 0; of right classes: 0.

    Of the labels in a row of the target, those before the first -1 count.
    """
    target = target.reshape(rows.shape)
    named = np.minimum.accumulate(target >= 0, axis=1)
    n, t = np.nonzero(named)[0], target[named]
    right = np.zeros(rows.shape, bool)
    right[n, t] = True
    lags = _lags(rows, n, t, 1)
    return n, t, zero_where(lags, ~(lags > 0) | right[n])


def _multilabel_margin(x, target, reduction="mean"):
    """The sum over labels t and classes c that are none of max(0, 1 - x[t] + x[c]) / C, for each sample."""
    rows = _rows(x)
    n, _, lags = _label_lags(rows, target)
    losses = np.zeros(len(rows), x.dtype)
    np.add.at(losses, n, lags.sum(1))
    losses /= x.dtype.type(rows.shape[1])
    return _reduce(losses.reshape(x.shape[:-1]), reduction)


def _multilabel_margin_back(g, x, target, reduction):
    rows = _rows(x)
    n, t, lags = _label_lags(rows, target)
    each = _of_samples(g, len(rows), reduction) / rows.shape[1]
    slopes = (lags > 0) * (index(each, (n,)) if reduction == "none" else each)
    pulls = zeros_add_at(slopes, rows.shape, (n,)) - zeros_add_at(sum(slopes, 1), rows.shape, (n, t))
    return reshape(pulls, x.shape)


# fmt: off
soft_margin_loss       = Op(_soft_margin,       _soft_margin_back, None)
multi_margin_loss      = Op(_multi_margin,      _multi_margin_back)
multilabel_margin_loss = Op(_multilabel_margin, _multilabel_margin_back)
# fmt: on
