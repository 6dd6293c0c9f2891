"""What the engine knows of a tensor: an array, and the operation that its gradient flows back to.

`tinynn.Tensor` is the one subclass; it adds everything a user sees. Keeping this part apart lets you read
the engine without the hundreds of methods of a Tensor, and keeps imports one way: Tensor -> ops -> autograd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinynn.autograd.node import Node

NO_GRAD, INFERENCE, SEVERAL, FUNCTION = "no_grad", "inference", "several", "function"  # origins of views


class Variable:
    """An array with a place in the graph. The class attributes are what a fresh leaf looks like."""

    _array: np.ndarray
    _counter: list  # [how often the storage was written to]; one list for all views of a storage
    _requires_grad: bool = False
    _node: Node | None = None  # the operation that made it, None for a leaf
    _index: int = 0  # which of that operation's outputs it is
    _grad: Any = None
    _retains_grad: bool = False
    _hooks: dict | None = None
    _base: Any = None  # the tensor whose storage this one is a view of
    _origin: str = ""  # of a view: how it was made, where that forbids to write to it
    _storage: np.ndarray | None = None  # what the storage begins with, where not with the array or the base
    _seen: int = 0  # the count in _counter when _node was last brought up to date; only views need it
    _number: int = 0  # its hash, once somebody asked for it
    _inference: bool = False  # made under inference_mode: no gradients, ever
    _feature_major: bool = False  # the array is column-major, though torch's would not be: see row_major

    tensor: type[Any]  # the class of every operation's result; tensor.py sets it to Tensor

    @classmethod
    def wrap(cls, array: Any) -> Any:
        """A new tensor around `array`, without copying it."""
        new = object.__new__(cls.tensor)
        new._array = array if type(array) is np.ndarray else np.asarray(array)
        new._counter = [0]
        return new

    def row_major(self) -> np.ndarray:
        """The array, laid out as torch would have laid it out.

        `linear` leaves a batch (n, features) in feature-major order, because NumPy's loops are then n long
        instead of a few features long: several times faster. Convolutions have the batch last in memory, too.
        The order is private until somebody could see it (a view, strides, memory shared with NumPy); then
        this makes it torch's.
        """
        if self._feature_major:
            self._array = np.asarray(self._array, order="C")
            self._feature_major = False
        return self._array

    def bump(self) -> None:
        """Count a write to the storage, so that a backward() that needs the old values notices."""
        self._counter[0] += 1

    def refresh(self) -> None:
        """Bring a view's place in the graph up to date after a write to its base: see views.py."""
        raise NotImplementedError
