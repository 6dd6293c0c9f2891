"""The derivative table, distances between points."""

from __future__ import annotations

import math

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import abs, nothing, sign
from tinynn.ops.indexing import index, zeros_add_at
from tinynn.ops.reduce import _norm, _norm_back, norm
from tinynn.ops.shape import unsqueeze


def _pdist(x, p=2.0):
    """The p-norm of x[i] - x[j], for all i < j."""
    if not x.shape[1]:
        return np.zeros(math.comb(len(x), 2), x.dtype)
    i, j = np.triu_indices(len(x), 1)
    return _norm(x[i] - x[j], p, 1)


def _pdist_back(g, x, y, p):
    if p == 0:
        return nothing(x)
    i, j = np.triu_indices(len(x), 1)
    difference = index(x, (i,)) - index(x, (j,))
    if p == math.inf:  # unlike in a norm, each of the largest gets the whole gradient
        pull = unsqueeze(g, 1) * sign(difference) * (abs(difference) == unsqueeze(y, 1))
    else:
        pull = _norm_back(g, difference, y, p, 1)
    return zeros_add_at(pull, x.shape, (i,)) - zeros_add_at(pull, x.shape, (j,))


# fmt: off
pdist         = Op(_pdist,      _pdist_back)
pairwise_norm = norm.named("NormBackward1")
# fmt: on
