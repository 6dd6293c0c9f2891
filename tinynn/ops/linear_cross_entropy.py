"""The derivative table, the cross entropy of a linear layer's output, some samples at a time.

With C classes, the logits of N samples are N C numbers: for the words of a language, much more memory than the
input and the weights together. Here those of `size` samples exist at a time; backward computes them once more.
"""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import VariadicOp
from tinynn.ops.elementwise import exp
from tinynn.ops.linalg import matmul
from tinynn.ops.nn import _reduce, _total
from tinynn.ops.reduce import log_softmax, sum
from tinynn.ops.shape import cat, narrow, transpose, unsqueeze


def _pieces(xs, size):
    """For each piece of x: where it starts, its rows, and their log-probabilities of the classes."""
    x, weight, *bias = xs
    for start in range(0, x.shape[0], size):
        rows = narrow(x, 0, start, min(size, x.shape[0] - start))
        logits = matmul(rows, transpose(weight, 0, 1))
        yield start, rows, log_softmax(logits + bias[0] if bias else logits, 1)


def _right(classes, start, log_p):
    """Where the right class of each row is."""
    return classes[start : start + log_p.shape[0], None] == np.arange(log_p.shape[1])


def _linear_cross_entropy(classes, weights, reduction, size, *xs):
    """-weights[n] log(softmax(W x[n] + b))[classes[n]]; the mean divides by the sum of the weights."""
    chosen = [log_p[_right(classes, start, log_p)] for start, _, log_p in _pieces(xs, size)]
    losses = -np.concatenate([xs[0][:0, 0], *chosen]) * weights
    return _total(losses) / _total(weights) if reduction == "mean" else _reduce(losses, reduction)


def _linear_cross_entropy_back(g, classes, weights, reduction, size, xs):
    """Each row of logits gets (softmax, minus 1 at the right class) times its loss's gradient."""
    losses = g * (weights / _total(weights) if reduction == "mean" else weights)
    x, *parameters = xs
    x_parts, totals = [x[:0]], [part * 0 for part in parameters]
    for start, rows, log_p in _pieces(xs, size):
        each = unsqueeze(narrow(losses, 0, start, rows.shape[0]), 1)
        slope = (exp(log_p) - _right(classes, start, log_p).view(np.int8)) * each
        x_parts.append(matmul(slope, parameters[0]))
        own = matmul(transpose(slope, 0, 1), rows), sum(slope, 0)
        totals = [total + part for total, part in zip(totals, own, strict=False)]
    return [cat(0, *x_parts), *totals]


# fmt: off
linear_cross_entropy = VariadicOp(_linear_cross_entropy, _linear_cross_entropy_back)
# fmt: on
