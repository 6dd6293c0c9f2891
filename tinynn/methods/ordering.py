"""Sort, and choose by rank: `sort`, `argsort`, `topk`, `unique`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import ops
from tinynn._selection import in_order, settled, smallest
from tinynn.autograd.variable import Variable
from tinynn.methods.indexing import places_along
from tinynn.methods.reductions import ValuesIndices
from tinynn.size import one_dim

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


Sorted = type("sort", (ValuesIndices,), {})
TopK = type("topk", (ValuesIndices,), {})


def chosen(*answers: tuple[np.ndarray, bool]) -> Any:
    """Those of the answers that are wanted, as tensors: a tuple if there are several."""
    tensors = tuple(Variable.wrap(answer) for answer, wanted in answers if wanted)
    return tensors if len(tensors) > 1 else tensors[0]


class Ordering(Variable):
    """Orders along a dimension; gradients flow through the values back to their places."""

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = False) -> ValuesIndices:
        """(values, indices) in rising (falling) order along `dim`; equal elements keep theirs if stable."""
        axis = one_dim(dim, self._array.ndim)
        array = np.atleast_1d(self._array)
        if descending:
            last = array.shape[axis] - 1
            order = last - np.flip(np.argsort(np.flip(array, axis), axis=axis, kind="stable"), axis)
        else:
            order = np.argsort(array, axis=axis, kind="stable")
        if not stable and array.shape[axis] > 16:
            order = settled(array, order, axis, in_order, slice(0, array.shape[axis]))
        order_tensor = Variable.wrap(np.ascontiguousarray(order).reshape(self._array.shape))
        return Sorted(places_along(ops.sort, self, dim, order_tensor), order_tensor)

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
        """The indices that sort along `dim`."""
        return self.sort(dim, descending, stable).indices

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
        """The k largest (smallest) elements along `dim` and their indices, best first."""
        axis = one_dim(dim, self._array.ndim)
        if not 0 <= k <= (self._array.shape[axis] if self._array.ndim else 1):
            raise RuntimeError("selected index k out of range")
        order = self.sort(dim, largest, stable=True).indices
        if self._array.dtype.kind == "b":
            raise RuntimeError("topk does not support bool dtypes on CPU")
        if self._array.ndim and k:
            found = settled(self._array, order._array, axis, lambda keys: smallest(keys, k), slice(0, k))
            best = Variable.wrap(np.ascontiguousarray(found))
        else:
            best = order.narrow(dim, 0, k).contiguous() if self._array.ndim else order
        return TopK(places_along(ops.topk, self, dim, best), best)

    def unique(
        self,
        sorted: bool = True,
        return_inverse: bool = False,
        return_counts: bool = False,
        dim: int | None = None,
    ) -> Any:
        """The different values (or slices along `dim`), rising; the place of each, and their counts."""
        axis = None if dim is None or not self._array.ndim else one_dim(dim, self._array.ndim)
        values, inverse, counts = np.unique(
            self._array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
        )
        inverse = inverse.reshape(self._array.shape if axis is None else -1)
        return chosen((values, True), (inverse, return_inverse), (counts, return_counts))
