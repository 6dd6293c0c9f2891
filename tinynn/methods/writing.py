"""Overwriting a tensor's values: with another tensor's, with one number, with zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.inplace import check_writable, overwrite
from tinynn.autograd.overlap import check_apart, check_not_expanded, same_places
from tinynn.autograd.variable import Variable
from tinynn.methods.rows import NUMBERS, OPERANDS, check_broadcastable, not_an_operand


class Writing(Variable):
    """What is written into a tensor as a whole; `x[i] = v` is in indexing.py."""

    def copy_(self, src: Any, non_blocking: bool = False) -> Any:
        """Overwrite with the (broadcast) values of `src`, cast to this tensor's dtype."""
        if not isinstance(src, Variable):
            if not isinstance(src, NUMBERS):
                raise not_an_operand("copy_", src)
            src = Variable.wrap(np.asarray(src))
        check_writable(self, src)
        if not same_places(self._array, src._array):
            check_apart(self, src)
        check_broadcastable(self._array.shape, src._array.shape)
        if np.broadcast_shapes(self._array.shape, src._array.shape) != self._array.shape:
            raise RuntimeError(
                f"output with shape {list(self._array.shape)} doesn't match the broadcast shape "
                f"{list(np.broadcast_shapes(self._array.shape, src._array.shape))}"
            )
        return overwrite(self, ops.copy(self, src))

    def fill_(self, value: Any) -> Any:
        """Overwrite with one value."""
        check_writable(self, value)
        if not isinstance(value, OPERANDS):
            raise TypeError(
                f"fill_() received an invalid combination of arguments - got ({type(value).__name__})"
            )
        if isinstance(value, Variable):
            if value._array.ndim:
                raise RuntimeError(
                    f"fill_ only supports 0-dimension value tensor but got tensor with {value._array.ndim} "
                    "dimensions."
                )
            check_not_expanded(self)
        row = ops.fill_tensor if isinstance(value, Variable) else ops.fill
        return overwrite(self, row(self, value))

    def zero_(self) -> Any:
        """Overwrite with zeros."""
        check_writable(self)
        return overwrite(self, ops.zero(self, 0))
