"""`Parameter`: a tensor that a module counts among its parameters; `Buffer`: one only part of its state."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinynn import dtypes
from tinynn.autograd.variable import Variable
from tinynn.tensor import Tensor


def _leaf_of(cls: type, data: Tensor | None, requires_grad: bool) -> Any:
    """A leaf of class `cls` that shares the memory of `data`."""
    source = Variable.wrap(np.empty(0, dtypes.default_dtype())) if data is None else data
    if not isinstance(source, Tensor):
        raise AttributeError(
            f"'{type(data).__name__}' object has no attribute 'detach'\n"
            f"{cls.__name__} takes a Tensor: make one first, with tinynn.tensor(...)."
        )
    if requires_grad and source._array.dtype.kind != "f":
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    new: Any = object.__new__(cls)
    new._array, new._counter = source.row_major(), source._counter
    return new.requires_grad_(requires_grad)


class Parameter(Tensor):
    """A tensor that registers itself where it is assigned: `self.weight = Parameter(tensor)` in a Module.

    It shares the memory of `data`. It is a leaf, and requires grad unless told otherwise, even under no_grad.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        return _leaf_of(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)  # without its .grad
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that is part of a module's state but not trained, as a running mean is."""

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        new = _leaf_of(cls, data, requires_grad=False)
        new.persistent = persistent
        return new
