"""The derivative table, attention: a softmax for rows of scores that may all be masked."""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.reduce import _sum, softmax


def _safe_softmax(x, axis):
    """exp(x) / sum(exp(x)) along the axis; zeros, not nan, where all of x is -inf: nothing may be looked at."""
    top = x.max(axis=axis, keepdims=True, initial=-math.inf)
    top[top == -math.inf] = 0
    out = np.exp(x - top)
    total = _sum(out, axis, True)
    total[total == 0] = 1
    out /= total
    return out


# fmt: off
safe_softmax = Op(_safe_softmax, *softmax.vjps, contiguous=True)
# fmt: on
