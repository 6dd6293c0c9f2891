"""What an in-place operation refuses: to write to memory that several elements share, or that it still reads.

Each check here takes the tensor to be overwritten and the operands.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tinynn.autograd.strided import address, overlapping, reach
from tinynn.autograd.variable import Variable

_CLONE = "Please clone() the tensor before performing the operation."


def is_expanded(array: np.ndarray) -> bool:
    """Whether elements share a place in memory because a dimension was expanded."""
    return bool(array.size) and any(
        stride == 0 and n > 1 for stride, n in zip(array.strides, array.shape, strict=True)
    )


def check_apart(tensor: Any, *operands: Any) -> None:
    """Refuse an expanded tensor, and an operand that lies in the same memory, but not in the same places."""
    check_not_expanded(tensor)
    for operand in operands:
        if isinstance(operand, Variable) and _share(tensor._array, operand._array, entirely=False):
            raise _shared()


def check_disjoint(tensor: Any, *operands: Any) -> None:
    """Refuse an expanded tensor, and an operand that lies in the same memory."""
    check_not_expanded(tensor)
    for operand in operands:
        if isinstance(operand, Variable) and _share(tensor._array, operand._array, entirely=True):
            raise _shared()


def check_not_expanded(tensor: Any, *operands: Any) -> None:
    """Refuse an expanded tensor."""
    if is_expanded(tensor._array):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. " + _CLONE
        )


def allow(tensor: Any, *operands: Any) -> None:
    """Refuse nothing."""


def warn_of_expanded(name: str, example: str) -> Callable[..., None]:
    """As torch does for a few operations: warn of an expanded tensor, and write to it."""

    def check(tensor: Any, *operands: Any) -> None:
        if is_expanded(tensor._array):
            warnings.warn(
                f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before "
                f"performing this operation. This also applies to advanced indexing e.g. {example}",
                stacklevel=3,
            )
        else:
            check_disjoint(tensor, *operands)

    return check


def _shared() -> RuntimeError:
    return RuntimeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
        "single memory location. " + _CLONE
    )


def _share(a: np.ndarray, b: np.ndarray, entirely: bool) -> bool:
    """Whether arrays share memory: shifted or, if `entirely`, at all. As in torch, those with gaps do not."""
    if not a.size or not np.may_share_memory(a, b):
        return False
    return _dense(a) and _dense(b) and (entirely or not same_places(a, b))


def _dense(array: np.ndarray) -> bool:
    return not overlapping(array.shape, array.strides) and reach(array.shape, array.strides) == (
        1 + array.nbytes - array.itemsize
    )


def same_places(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether each element of one lies where that of the other does."""
    own, other = ([(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n > 1] for x in (a, b))
    return address(a) == address(b) and own == other
