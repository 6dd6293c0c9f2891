"""The derivative table, lookups: rows of a table, and sums and maxima of bags of them.

`places` says which row of the table stands at each place. What arrives at a place goes back to its row, and
adds up there.
"""

from __future__ import annotations

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import zero_where
from tinynn.ops.indexing import _zeros_add_at, at, zeros_add_at
from tinynn.ops.reduce import sum
from tinynn.ops.shape import unsqueeze


def _embedding(weight, places, padding_idx=None, by_frequency=False):
    return weight[places]


def _embedding_back(g, weight_shape, places, padding_idx, by_frequency):
    """No gradient goes to the row of the padding; by_frequency: a row's is a mean over its places, no sum."""
    g = _shared(g, places, by_frequency)
    g = g if padding_idx is None else zero_where(g, (places == padding_idx)[..., None])
    return zeros_add_at(g, weight_shape, (places,))


def _shared(g, places, by_frequency):
    if not by_frequency:
        return g
    _, which, counts = np.unique(places, return_inverse=True, return_counts=True)
    return g / counts[which].reshape(places.shape)[..., None].astype(np.float32)


# --- bags: place i belongs to bag bags[i], with the share shares[i]; None: 1


def _scaled(rows, shares):
    return rows if shares is None else rows * unsqueeze(shares, 1)


def _embedding_bag(weight, shares, places, bags, count, by_frequency=False):
    """In each bag, the sum of its rows of the table, times their shares."""
    return _zeros_add_at(_scaled(weight[places], shares), (count, weight.shape[1]), (bags,))


def _embedding_bag_back(g, weight_shape, shares, places, bags, by_frequency):
    to_places = _shared(_scaled(at(g, (bags,)), shares), places, by_frequency)
    return zeros_add_at(to_places, weight_shape, (places,))


def _embedding_bag_shares_back(g, weight, places, bags):
    return sum(at(g, (bags,)) * at(weight, (places,)), 1)


def _embedding_bag_max(weight, winners, filled, count):
    """In bag filled[i], feature j is that of row winners[i, j]; other bags are empty and get zeros."""
    out = np.zeros((count, weight.shape[1]), weight.dtype)
    out[filled] = weight[_each_feature(winners)]
    return out


def _each_feature(winners):
    return winners, np.arange(winners.shape[1])


def _embedding_bag_max_back(g, weight_shape, winners, filled):
    return zeros_add_at(at(g, (filled,)), weight_shape, _each_feature(winners))


# fmt: off
embedding         = Op(_embedding,         _embedding_back)
embedding_bag     = Op(_embedding_bag,     _embedding_bag_back, _embedding_bag_shares_back)
embedding_bag_max = Op(_embedding_bag_max, _embedding_bag_max_back, name="EmbeddingBagBackward0")
# fmt: on
