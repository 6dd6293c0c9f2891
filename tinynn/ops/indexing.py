"""The derivative table, indexing: reading from chosen places, writing to chosen places.

Reading and writing are each other's derivative: what was read from a place sends its gradient back there, and
where a place was read several times the gradients add up. An `index` is anything NumPy takes between brackets.
"""

from __future__ import annotations

import builtins

import numpy as np

from tinynn.autograd.op import Op
from tinynn.ops.elementwise import nothing, zero_where


def _read(x, index):
    return np.asarray(x[index], order="C")  # NumPy may order the copy's axes in memory as it likes


def _view(x, index):
    """A view, also where ints name a single element: NumPy would make that a copy."""
    return x[(*index, ...)]


def _add_at(x, values, index):
    """x with `values` added at `index`; repeated places accumulate."""
    out = np.array(x)
    _accumulate(out, index, values)
    return out


def _accumulate(out, index, values):
    """out[index] += values, where repeated places add up.

    Of whole rows, those for one place are summed first: several times faster than NumPy's add.at (512 rows of
    64 to 65 places: 40 us, not 200).
    """
    places = index[0] if len(index) == 1 else None
    whole_rows = isinstance(places, np.ndarray) and out.ndim > 1 and places.size >= 64
    if not whole_rows or values.shape != places.shape + out.shape[1:]:
        np.add.at(out, index, values)
        return
    places = places.ravel() % len(out)  # -1 is the last one
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    rows = values.reshape(len(places), *out.shape[1:])
    out[places[order[starts]]] += np.add.reduceat(rows[order], starts)


def _put(x, values, index):
    """x with `values` written to `index`; of repeated places the last one wins."""
    out = np.array(x)
    out[index] = values
    return out


def _zeros_put(values, shape, index):
    out = np.zeros(shape, values.dtype)
    out[index] = values
    return out


def _zeros_add_at(values, shape, index):
    out = np.zeros(shape, values.dtype)
    _accumulate(out, index, values)
    return out


def _copy(old, x):
    """x in the shape and dtype of what it overwrites."""
    return np.broadcast_to(x, old.shape).astype(old.dtype)


def _masked_fill(x, mask, value):
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


def along(index: np.ndarray, axis: int) -> tuple:
    """The index that picks, at each position of `index`, the element it names along `axis` (torch's gather)."""
    grid: list = list(np.ogrid[tuple(builtins.slice(n) for n in index.shape)])
    if index.ndim:
        grid[axis] = index
    return tuple(grid)


def _zeros(g):
    return np.zeros((), g.dtype) if isinstance(g, np.ndarray) else 0.0


# fmt: off
# ints, slices and None give a view, arrays of places a copy
select       = Op(_view,         lambda g, x_shape, index: zeros_put(g, x_shape, index),    view=True)
index        = Op(_read,         lambda g, x_shape, index: zeros_add_at(g, x_shape, index))
index_put    = Op(_put,          lambda g, index: index_put(g, _zeros(g), index),  lambda g, index: at(g, index))
index_add_at = Op(_add_at,       lambda g: g,                                   lambda g, index: at(g, index),  name="IndexPutBackward0")
zeros_put    = Op(_zeros_put,    lambda g, index: at(g, index),                 name="SelectBackwardBackward0")
zeros_add_at = Op(_zeros_add_at, lambda g, index: at(g, index),                 name="IndexPutBackward0")
masked_fill  = Op(_masked_fill,  lambda g, mask: zero_where(g, mask),           None)
masked_fill_tensor = Op(_masked_fill, lambda g, mask: zero_where(g, mask),      None,   lambda g, mask: zero_where(g, ~mask), name="MaskedFillBackward1")
copy         = Op(_copy,         lambda g: nothing(g),                          lambda g: g,    name="CopyBackwards")
fill         = Op(_copy,         lambda g: nothing(g),                          name="FillBackward2")

# The same rows where torch calls them by another name: `x.max(dim)`, `sort` and `gather` all read from chosen places.
at, slice, unsqueeze_index = index, select.named("SliceBackward0"), select.named("UnsqueezeBackward0")
alias = select.named("AliasBackward0")
gather, index_select = index.named("GatherBackward0"), index.named("IndexSelectBackward0")
masked_select = index.named("MaskedSelectBackward0")
max_dim, min_dim, sort, topk = (index.named(f"{name}Backward0") for name in ("Max", "Min", "Sort", "Topk"))
median_dim, nanmedian_dim = index.named("MedianBackward1"), index.named("NanmedianBackward1")
mode_dim, kthvalue_dim = index.named("ModeBackward0"), index.named("KthvalueBackward0")
fill_tensor, zero = copy.named("FillBackward3"), fill.named("ZeroBackward0")
take, scatter = index.named("TakeBackward0"), index_put.named("ScatterBackward0")
scatter_number = index_put.named("ScatterBackward1")
scatter_add, index_add = index_add_at.named("ScatterAddBackward0"), index_add_at.named("IndexAddBackward0")
index_copy, index_fill = index_put.named("IndexCopyBackward0"), index_put.named("IndexFillBackward0")
# fmt: on
