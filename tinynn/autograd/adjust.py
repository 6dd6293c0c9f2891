"""The few operations that the engine needs itself to hand a gradient on: undo broadcasting or a cast, copy.

They are ordinary rows (so that gradients of gradients flow through them), and `ops` lists them too.
"""

from __future__ import annotations

import functools

import numpy as np

from tinynn.autograd.op import Op


def _sum_to(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum x over the dimensions in which `shape` was broadcast to x.shape."""
    extra = x.ndim - len(shape)
    if extra == 1 and x.ndim == 2 and x.shape[1:] == shape and x.dtype.kind == "f":
        return x.T.dot(ones(len(x), x.dtype))  # as NumPy's sum, 3 times faster
    if x.shape[extra:] == shape:
        return np.add.reduce(x, axis=0 if extra == 1 else tuple(range(extra)))
    stretched = tuple(extra + i for i, n in enumerate(shape) if n == 1 and x.shape[extra + i] != 1)
    return x.sum(axis=(*range(extra), *stretched), keepdims=True).reshape(shape)


@functools.lru_cache(maxsize=8)
def ones(n: int, dtype: np.dtype) -> np.ndarray:
    """A vector of ones, to sum with; not to be written to."""
    return np.ones(n, dtype)


# Broadcasting copies a value to many places, so its gradient is the sum over those places; and the reverse.
# fmt: off
expand = Op(lambda x, shape: np.broadcast_to(x, shape),    lambda g, x_shape: sum_to(g, x_shape), name="ExpandBackward0", view=True)
sum_to = Op(_sum_to,                                       lambda g, x_shape: expand(g, x_shape), name="SumBackward1")
cast   = Op(lambda x, numpy_dtype: x.astype(numpy_dtype),  lambda g: g,                           name="ToCopyBackward0")
clone  = Op(lambda x, order="C": np.array(x, order=order), lambda g: g,                           name="CloneBackward0")
# fmt: on
