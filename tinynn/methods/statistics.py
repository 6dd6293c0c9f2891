"""Ranks, counts and running results: medians, quantiles, histograms, `cumprod`, `cummax`, differences.

Every method here is a function of the package too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinynn import dtypes, ops, return_types
from tinynn._selection import LARGEST, in_order, kth, settled
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.op import Op
from tinynn.autograd.variable import Variable
from tinynn.methods.indexing import places_along
from tinynn.methods.ordering import chosen
from tinynn.methods.reductions import Reductions, ValuesIndices
from tinynn.methods.rows import in_place, numpy_names
from tinynn.ops.indexing import along
from tinynn.size import dims_of, one_dim, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor

_NAMES = ("median", "nanmedian", "mode", "kthvalue", "cummax", "cummin")
RETURNED = {name: type(name, (ValuesIndices,), {}) for name in _NAMES}


class aminmax(NamedTuple):  # noqa: N801 - torch's name
    """What `aminmax` returns."""

    min: Tensor
    max: Tensor


class Statistics(Reductions):
    """What is known of values by their order, and running results."""

    # --- running results

    @numpy_names
    def cumprod(self, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The running product along `dim`."""
        x = self._summed_as(dtype)
        axis = one_dim(dim, x.ndim)
        return ops.cumprod(x, axis) if x.ndim else x.clone()

    @numpy_names
    def logcumsumexp(self, dim: int) -> Tensor:
        """log of the running sum of e^x along `dim`, without overflow."""
        axis = one_dim(dim, self._array.ndim)
        if self._array.dtype.kind != "f":
            raise NotImplementedError(
                f"\"logcumsumexp_out_cpu\" not implemented for '{type_name(self._array.dtype)}'"
            )
        return ops.logcumsumexp(self, axis) if self._array.ndim else ops.clone(self)

    @numpy_names
    def cummax(self, dim: int) -> ValuesIndices:
        """The largest value so far along `dim`, and where it was seen last; nan is the largest."""
        return self._running(ops.cummax, np.maximum, dim)

    @numpy_names
    def cummin(self, dim: int) -> ValuesIndices:
        """The smallest value so far along `dim`, and where it was seen last; nan is the smallest."""
        return self._running(ops.cummin, np.minimum, dim)

    def _running(self, row: Op, extreme: np.ufunc, dim: int) -> ValuesIndices:
        name = "cummax" if row is ops.cummax else "cummin"
        if not self._array.ndim and dim not in (0, -1):
            raise IndexError(f"{name}(): Expected reduction dim -1 or 0 for scalar but got {dim}")
        axis, x = one_dim(dim, self._array.ndim), np.atleast_1d(self._array)
        so_far = thread.quietly(extreme.accumulate, x, axis) if x.size else x
        places = np.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
        seen = np.where((x == so_far) | (x != x), places, 0)
        where = Variable.wrap(
            np.maximum.accumulate(seen, axis).reshape(self._array.shape) if x.size else seen
        )
        return RETURNED[name](places_along(row, self, dim, where), where)

    def diff(self, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
        """The differences between neighbours along `dim`, n times, of prepend, self and append joined."""
        if not self._array.ndim:
            raise RuntimeError("diff expects input to be at least one-dimensional")
        if n < 0:
            raise RuntimeError(f"order must be non-negative but got {n}")
        axis = one_dim(dim, self._array.ndim)
        parts = [part for part in (prepend, self, append) if part is not None]
        x: Any = ops.cat(axis, *parts) if len(parts) > 1 else self
        if not n:
            return ops.clone(self)
        for _ in range(min(n, x.shape[axis])):
            rest = x.shape[axis] - 1
            after, before = x.narrow(axis, 1, rest), x.narrow(axis, 0, rest)
            x = after ^ before if x._array.dtype.kind == "b" else after - before
        return x

    # --- sums without nan, two results at once

    @numpy_names
    def nansum(self, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The sum over `dim`, with nan taken as 0."""
        if self._array.dtype.kind != "f":
            return self.sum(dim, keepdim, dtype=dtype)
        x: Any = self if dtype is None else self.to(dtype)
        return ops.nansum(x, dims_of(dim, x.ndim), keepdim)

    @numpy_names
    def nanmean(self, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The mean over `dim` of what is not nan."""
        if self._array.dtype.kind != "f":
            raise RuntimeError(
                "nanmean(): expected input to have floating point or complex dtype but got "
                f"{type_name(self._array.dtype)}"
            )
        count = ops.logical_not(ops.isnan(self)).sum(dim, keepdim)
        return self.nansum(dim, keepdim, dtype=dtype) / count

    @numpy_names
    def std_mean(
        self, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
    ) -> tuple[Tensor, Tensor]:
        """(std, mean) over `dim`."""
        return self.std(dim, unbiased, keepdim, correction=correction), self._mean_beside(dim, keepdim)

    @numpy_names
    def var_mean(
        self, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
    ) -> tuple[Tensor, Tensor]:
        """(var, mean) over `dim`."""
        return self.var(dim, unbiased, keepdim, correction=correction), self._mean_beside(dim, keepdim)

    def _mean_beside(self, dim: Any, keepdim: bool) -> Tensor:
        dim = None if isinstance(dim, bool) else dim
        return ops.mean(self, dims_of(dim, self._array.ndim), keepdim)

    @numpy_names
    def aminmax(self, *, dim: int | None = None, keepdim: bool = False) -> aminmax:
        """(min, max) over `dim`, or over everything; ties share the gradient."""
        if dim is None and not self._array.size:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        if dim is None:
            return aminmax(self.amin((), keepdim), self.amax((), keepdim))
        axis = one_dim(dim, self._array.ndim)
        if self._array.ndim and not self._array.shape[axis]:
            raise IndexError(f"aminmax: Expected reduction dim {axis} to have non-zero size.")
        return aminmax(self.amin(axis, keepdim), self.amax(axis, keepdim))

    # --- by rank

    @numpy_names
    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The lower of the middle values; (values, indices) along `dim`. nan if there is one."""
        return self._middle("median", dim, keepdim)

    @numpy_names
    def nanmedian(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """`median` of what is not nan."""
        return self._middle("nanmedian", dim, keepdim)

    def _middle(self, name: str, dim: int | None, keepdim: bool) -> Any:
        array = self._array
        if array.dtype.kind == "b":
            raise NotImplementedError("\"median_cpu\" not implemented for 'Bool'")
        if dim is None:
            row = ops.median if name == "median" else ops.nanmedian
            return row(self)
        axis = one_dim(dim, array.ndim)
        if array.ndim and not array.shape[axis]:
            raise IndexError(f"median(): Expected reduction dim {axis} to have non-zero size.")
        x = np.atleast_1d(array)
        unknown = np.isnan(x)
        count = x.shape[axis] - unknown.sum(axis, keepdims=True)
        rank = np.maximum(count - 1, 0) // 2
        if name == "median":  # the first nan, which comes after all numbers
            rank = np.where(count < x.shape[axis], count, (x.shape[axis] - 1) // 2)
        return self._at_rank(name, rank, axis, keepdim)

    def kthvalue(self, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
        """The k-th smallest value along `dim` and its index, counting from 1."""
        axis = one_dim(dim, self._array.ndim)
        x = np.atleast_1d(self._array)
        if not 1 <= k <= x.shape[axis]:
            raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
        order = np.argsort(x, axis, kind="stable")
        places = settled(x, order, axis, lambda keys: kth(keys, k - 1), slice(k - 1, k))
        return self._picked("kthvalue", places, axis, keepdim)

    def _at_rank(self, name: str, rank: np.ndarray, axis: int, keepdim: bool) -> ValuesIndices:
        order = np.argsort(np.atleast_1d(self._array), axis, kind="stable")
        return self._picked(name, np.take_along_axis(order, rank, axis), axis, keepdim)

    def mode(self, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
        """The most frequent value along `dim` (of several the smallest), and where it is last."""
        axis = one_dim(dim, self._array.ndim)
        x = np.atleast_1d(self._array)
        if not x.shape[axis]:
            raise IndexError(f"mode(): Expected reduction dim {axis} to have non-zero size.")
        places = (
            np.apply_along_axis(_last_of_most_frequent, axis, x) if x.size else x.sum(axis).astype(np.int64)
        )
        return self._picked("mode", np.expand_dims(places, axis), axis, keepdim)

    def _picked(self, name: str, places: np.ndarray, axis: int, keepdim: bool) -> ValuesIndices:
        """What is at `places` along the axis, without that axis unless keepdim."""
        row = getattr(ops, f"{name}_dim")
        if not self._array.ndim:
            return RETURNED[name](row(self, ()), Variable.wrap(places.reshape(())))
        index = along(places, axis)
        if not keepdim:
            places, index = places.squeeze(axis), tuple(place.squeeze(axis) for place in index)
        return RETURNED[name](row(self, index), Variable.wrap(places))

    def msort(self) -> Tensor:
        """Sorted along the first dimension."""
        return self.sort(0).values  # type: ignore[attr-defined]

    def quantile(
        self, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        """The value below which the part q of the values lies; with several qs, one for each, in front."""
        return self._quantile("quantile", q, dim, keepdim, interpolation)

    def nanquantile(
        self, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Tensor:
        """`quantile` of what is not nan."""
        return self._quantile("nanquantile", q, dim, keepdim, interpolation)

    def _quantile(self, name: str, q: Any, dim: int | None, keepdim: bool, interpolation: str) -> Tensor:
        parts = _checked_parts(self, q, interpolation)
        axis = 0 if dim is None else one_dim(dim, self._array.ndim)
        x: Any = self.reshape(-1) if dim is None or not self._array.ndim else self  # type: ignore[attr-defined]
        ordered = x.movedim(axis, -1).sort(-1, stable=True).values
        array = ordered._array
        last = (array == array).sum(-1, keepdims=True) - 1  # nan comes last
        rank: Any = parts.reshape(-1) * Variable.wrap(np.maximum(last, 0).astype(array.dtype))
        if name == "quantile":
            rank = rank.masked_fill(Variable.wrap(last < array.shape[-1] - 1), array.shape[-1] - 1)
        rank = _ROUNDED.get(interpolation, ops.clone)(rank)
        below = rank.floor()
        out = ordered.gather(-1, below.long())
        if interpolation in ("linear", "midpoint"):
            weight = (
                rank - below if interpolation == "linear" else Variable.wrap(np.full_like(rank._array, 0.5))
            )
            out = out.lerp(ordered.gather(-1, rank.ceil().long()), weight)
        out = out.movedim(-1, 0)  # the qs in front
        if keepdim:
            kept = [1] * self._array.ndim if dim is None else list(self._array.shape)
            if dim is not None and kept:
                kept[axis] = 1
            out = out.reshape(len(out), *kept)
        return out if parts.ndim else out.squeeze(0)

    # --- counts

    def histc(self, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
        """How many values lie in each of `bins` equal intervals from min to max (by default, the values')."""
        if self._array.dtype.kind != "f":
            raise NotImplementedError(
                f"\"histogram_cpu\" not implemented for '{type_name(self._array.dtype)}'"
            )
        if bins <= 0:
            raise RuntimeError("torch.histc(): bins must be > 0")
        low, high = float(min), float(max)
        if low == high and self._array.size:
            low, high = float(self._array.min()), float(self._array.max())
        if low == high:
            low, high = low - 1, high + 1
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(f"histogram: range of [{low}, {high}] is not finite")
        if low > high:
            raise RuntimeError("torch.histc(): max must be larger than min")
        x = self._array[(self._array >= low) & (self._array <= high)]
        places = np.minimum(((x - low) / (high - low) * bins).astype(np.int64), bins - 1)
        return Variable.wrap(np.bincount(places, minlength=bins).astype(self._array.dtype))

    def histogram(self, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
        """(hist, bin_edges): the number, or the weight, of the values in each of `bins` equal intervals.

        `bins` may be a vector of edges; by default the intervals span the values. The last includes its end.
        With density=True the histogram's integral is 1.
        """
        edges = self._edges(bins, range)
        array = self._array.reshape(-1)
        if weight is not None and weight.shape != self._array.shape:
            raise RuntimeError(
                "torch.histogramdd: if weight tensor is provided it should have the same shape as the input "
                f"tensor excluding its innermost dimension, but got input with shape {[array.size, 1]} and "
                f"weight with shape {[*weight.shape]}"
            )
        inside = (array >= edges[0]) & (array <= edges[-1])
        places = np.minimum(np.searchsorted(edges, array[inside], "right") - 1, len(edges) - 2)
        weights = None if weight is None else weight._array.reshape(-1)[inside]
        counts = np.bincount(places, weights, len(edges) - 1).astype(array.dtype)
        if density:
            counts = thread.quietly(np.divide, counts, counts.sum() * np.diff(edges))
        return return_types.histogram(Variable.wrap(counts), Variable.wrap(edges))

    def _edges(self, bins: Any, range: Any) -> np.ndarray:
        """The edges of a histogram's intervals."""
        if self._array.dtype.kind != "f":
            raise NotImplementedError(f"\"histogramdd\" not implemented for '{type_name(self._array.dtype)}'")
        if isinstance(bins, Variable):
            return bins._array
        if bins <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        low, high = (0.0, 1.0) if not self._array.size else (self._array.min(), self._array.max())
        low, high = (low, high) if range is None else range
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for "
                "dimension 0"
            )
        if low == high:
            low, high = low - 0.5, high + 0.5
        places = np.arange(bins + 1)
        step = (high - low) / bins
        edges = np.where(places < (bins + 1) // 2, low + step * places, high - step * (bins - places))
        return edges.astype(self._array.dtype)

    def bincount(self, weights: Any = None, minlength: int = 0) -> Tensor:
        """How often each integer from 0 on occurs; or the sum of the weights of its occurrences."""
        array = self._array
        if minlength < 0:
            raise RuntimeError("minlength should be >= 0")
        if array.dtype.kind not in "iu":
            raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{type_name(array.dtype)}'")
        if array.ndim != 1 or (array.size and array.min() < 0):
            raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
        if weights is not None and weights.shape != array.shape:
            raise RuntimeError("weights should be 1-d and have the same length as input")
        if weights is None:
            return Variable.wrap(np.bincount(array, minlength=minlength).astype(np.int64))
        counts = np.bincount(array, weights._array, minlength)
        return Variable.wrap(
            counts.astype(weights._array.dtype if weights._array.dtype == np.float32 else float)
        )

    def unique_consecutive(
        self, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
    ) -> Any:
        """The values (or slices along `dim`) without those that repeat the one before; places and counts."""
        axis = 0 if dim is None else one_dim(dim, self._array.ndim)
        rows = np.moveaxis(self._array, axis, 0) if dim is not None else self._array.reshape(-1)
        new = np.ones(len(rows), bool)
        new[1:] = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
        inverse, starts = np.cumsum(new) - 1, np.flatnonzero(new)
        values = np.moveaxis(rows[new], 0, axis) if dim is not None else rows[new]
        counts = np.diff(np.append(starts, len(rows)))
        shape = (-1,) if dim is not None else self._array.shape
        return chosen((values, True), (inverse.reshape(shape), return_inverse), (counts, return_counts))

    def argwhere(self) -> Tensor:
        """The indices of the elements that are not 0, a row for each."""
        return self.nonzero()  # type: ignore[attr-defined]

    cumprod_ = in_place(cumprod)


def _last_of_most_frequent(row: np.ndarray) -> int:
    """Of the most frequent value (the smallest of several) the place that comes last after sorting."""
    _, keys, counts = np.unique(row, return_inverse=True, return_counts=True, equal_nan=False)
    if not (row == row).any():
        return 0
    most = counts.argmax()
    if 16 < len(row) <= LARGEST:
        return [place for place in in_order(keys.tolist()) if keys[place] == most][-1]
    return int(np.flatnonzero(keys == most)[-1])


_ROUNDED = {"lower": ops.floor, "higher": ops.ceil, "nearest": ops.round}


def _checked_parts(x: Variable, q: Any, interpolation: str) -> Any:
    """The qs as a tensor of x's dtype. RuntimeError for what is not in [0, 1], and for wrong dtypes."""
    if not x._array.size:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if x._array.dtype.name not in ("float32", "float64"):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if isinstance(q, Variable):
        if q._array.ndim > 1:
            raise RuntimeError("quantile() q must be a scalar or 1D tensor")
        if q._array.dtype is not x._array.dtype:
            raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "midpoint", *_ROUNDED):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    parts = q if isinstance(q, Variable) else Variable.wrap(np.asarray(q, x._array.dtype))
    if not ((parts._array >= 0) & (parts._array <= 1)).all():
        got = f" but got {q}" if not isinstance(q, Variable) else ""
        raise RuntimeError(f"quantile() q {'values ' if not got else ''}must be in the range [0, 1]{got}")
    return parts
