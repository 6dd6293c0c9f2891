"""The derivative table, shapes: operations that move values without changing them.

Rows with view=True share memory with their operand, as torch's do. The gradient of a rearrangement is the
rearrangement back; the gradient of a copy to many places is the sum over those places.
"""

from __future__ import annotations

import itertools

import numpy as np

from tinynn.autograd.adjust import cast, clone, expand, sum_to
from tinynn.autograd.op import Op, VariadicOp

__all__ = ["cast", "clone", "expand", "sum_to"]  # the engine's own rows belong to this table too


def _back(axes):
    return tuple(int(i) for i in np.argsort(axes))


def _cat(axis, *xs):
    return np.concatenate(xs, axis=axis)


def _cat_back(g, axis, xs_shapes):
    ends = np.cumsum([0] + [shape[axis] for shape in xs_shapes])
    return [narrow(g, axis, int(a), int(b - a)) for a, b in itertools.pairwise(ends)]


def _narrow(x, axis, start, length):
    return x[(slice(None),) * axis + (slice(start, start + length),)]


def _narrow_back(g, axis, start, length, x_shape):
    return unnarrow(g, axis, start, length, x_shape[axis])


def _unnarrow(x, axis, start, length, total):
    """The reverse of narrow: x, with zeros on either side of it."""
    out = np.zeros((*x.shape[:axis], total, *x.shape[axis + 1 :]), x.dtype)
    _narrow(out, axis, start, length)[...] = x
    return out


def _unnarrow_back(g, axis, start, length):
    return narrow(g, axis, start, length)


def _split(x, axis, sizes):
    starts = np.cumsum((0, *sizes[:-1]))
    return tuple(_narrow(x, axis, int(start), size) for start, size in zip(starts, sizes, strict=True))


def _unbind(x, axis):
    return tuple(np.moveaxis(x, axis, 0)[i, ...] for i in range(x.shape[axis]))


def _repeat_back(g, x_shape, times):
    """Fold each repeated axis into (times, n) and sum over the times."""
    padded = (1,) * (len(times) - len(x_shape)) + tuple(x_shape)
    folded = reshape(g, tuple(k for pair in zip(times, padded, strict=True) for k in pair))
    return reshape(sum_to(folded, tuple(k for n in padded for k in (1, n))), x_shape)


def _diagonal(x, offset, axis1, axis2):
    view = np.diagonal(x, offset, axis1, axis2)
    view.flags.writeable = x.flags.writeable  # NumPy hands it out read-only
    return view


def _diagonal_back(g, offset, axis1, axis2, x_shape):
    return undiagonal(g, offset, axis1, axis2, x_shape)


def _undiagonal(x, offset, axis1, axis2, shape):
    out = np.zeros(shape, x.dtype)
    _diagonal(out, offset, axis1, axis2)[...] = x
    return out


def _stack(axis, *xs):
    return np.stack(xs, axis) if axis else np.array(xs)  # half the time, for the rows of a batch


# fmt: off
reshape   = Op(lambda x, shape: x.reshape(shape),        lambda g, x_shape: reshape(g, x_shape),     view=True, name="ViewBackward0")
reshape_alias = reshape.named("ReshapeAliasBackward0")
unsafe_view = Op(lambda x, shape: x.reshape(shape),      lambda g, x_shape: reshape(g, x_shape),     name="UnsafeViewBackward0")  # of a temporary: shared with nobody
squeeze   = Op(lambda x, axis: x.squeeze(axis),          lambda g, x_shape: reshape(g, x_shape),     view=True, name="SqueezeBackward1")
unsqueeze = Op(lambda x, axis: np.expand_dims(x, axis),  lambda g, x_shape: reshape(g, x_shape),     view=True)
squeeze_all, squeeze_dims = squeeze.named("SqueezeBackward0"), squeeze.named("SqueezeBackward2")
permute   = Op(lambda x, axes: x.transpose(axes),        lambda g, axes: permute(g, _back(axes)),    view=True)
transpose = Op(lambda x, a, b: x.swapaxes(a, b) if x.ndim else x[...], lambda g, a, b: transpose(g, a, b),         view=True)
t         = Op(lambda x: x.T,                            lambda g: t(g),                             view=True)
narrow    = Op(_narrow,                                  _narrow_back,                               view=True, name="SliceBackward0")
unnarrow  = Op(_unnarrow,                                _unnarrow_back,                             name="SliceBackward0")
split     = Op(_split,                                   lambda g, axis: cat(axis, *g),              view=True, name="SplitBackward0")
split_with_sizes = split.named("SplitWithSizesBackward0")
unbind    = Op(_unbind,                                  lambda g, axis: stack(axis, *g),            view=True)
diagonal  = Op(_diagonal,                                _diagonal_back,                             view=True)
undiagonal = Op(_undiagonal,                             lambda g, offset, axis1, axis2: diagonal(g, offset, axis1, axis2))
diag_embed = undiagonal.named("DiagEmbedBackward0")
flip      = Op(lambda x, axes: np.flip(x, axes).copy(),  lambda g, axes: flip(g, axes))
roll      = Op(lambda x, shifts, axes: np.roll(x, shifts, axes), lambda g, shifts, axes: roll(g, tuple(-s for s in shifts), axes))
repeat    = Op(lambda x, times: np.tile(x, times),       lambda g, x_shape, times: _repeat_back(g, x_shape, times))
tril      = Op(lambda x, k: np.tril(x, k),               lambda g, k: tril(g, k))
triu      = Op(lambda x, k: np.triu(x, k),               lambda g, k: triu(g, k))
cat       = VariadicOp(_cat,                             lambda g, axis, xs_shapes: _cat_back(g, axis, xs_shapes))
stack     = VariadicOp(_stack,                           lambda g, axis: list(unbind(g, axis)))
# fmt: on
