"""How a row of the derivative table becomes a method, an operator, or an in-place method of Tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.inplace import check_writable
from tinynn.autograd.op import size_mismatch
from tinynn.autograd.overlap import check_apart
from tinynn.autograd.variable import Variable

if TYPE_CHECKING:
    from tinynn.tensor import Tensor

NUMBERS = (int, float, np.number, np.bool_)
OPERANDS = (Variable, *NUMBERS)  # what may stand beside a tensor in an expression
UNARY: list[str] = []  # the names of the methods that `unary` made


def later(name: str) -> Callable[..., Any]:
    """The row of this name, from a file of the table that is imported when the row is first called."""
    return lambda *args: getattr(ops, name)(*args)


def unary(name: str, row: Callable, doc: str) -> Callable[[Any], Any]:
    """`self.name()`, which is also a function of the package."""

    def method(self: Tensor) -> Tensor:
        return row(self)

    UNARY.append(name)
    return called(name, method, doc)


def binary(name: str, row: Callable, doc: str) -> Callable[[Any, Any], Any]:
    """`self.name(other)`, for a tensor or a number `other`; TypeError for others."""

    def method(self: Tensor, other: Any) -> Tensor:
        if not isinstance(other, OPERANDS):
            raise not_an_operand(name, other)
        return row(self, other)

    return called(name, method, doc)


def tensors_only(name: str, row: Callable, doc: str) -> Callable[[Any, Any], Any]:
    """`self.name(other)`, for a tensor `other`; TypeError for others, numbers among them."""

    def method(self: Tensor, other: Tensor) -> Tensor:
        if not isinstance(other, Variable):
            raise not_an_operand(name, other)
        return row(self, other)

    return called(name, method, doc)


def not_an_operand(name: str, other: Any, argument: str = "other") -> TypeError:
    """torch's error for an operand that is neither a tensor nor, where that would do, a number."""
    return TypeError(
        f"{name}(): argument '{argument}' (position 1) must be Tensor, not {type(other).__name__}"
    )


def operator(name: str, row: Callable) -> Callable[[Any, Any], Any]:
    """`self row other`, for a tensor, a number or an array `other`, as the method `name`."""

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, OPERANDS):
            return row(self, other)
        if not isinstance(other, np.ndarray):
            return NotImplemented
        # an array without dimensions is no number: its dtype counts
        array = other.reshape(1) if self._array.ndim and not other.ndim else other
        return row(self, Variable.wrap(array))

    return called(name, method, f"The operator `{name}`, for a tensor, a number or an array.")


def commuted(name: str, row: Callable) -> Callable[[Any, Any], Any]:
    """`other row self`, for a number `other` and a row that does not mind the order."""

    def method(self: Tensor, other: Any) -> Any:
        _need_tensor(name, self)
        return row(self, other) if isinstance(other, OPERANDS) else NotImplemented

    return called(name, method, f"The operator `{name}`, for a number.")


def _need_tensor(name: str, self: Any) -> None:
    if not isinstance(self, Variable):
        raise TypeError(
            f"descriptor '{name}' for 'tinynn.Tensor' objects doesn't apply to a '{type(self).__name__}' "
            "object"
        )


def reflected(row: Callable) -> Callable[[Any, Any], Any]:
    """`other row self`, for a number `other`."""

    def method(self: Tensor, other: Any) -> Any:
        _need_tensor("a reflected operator", self)
        if isinstance(other, Variable):
            return row(other, self)
        if not isinstance(other, NUMBERS):
            return NotImplemented
        return row(Variable.wrap(dtypes.convert(other, dtypes.result_type(self._array, other))), self)

    return method


def in_place(operation: Callable, check: Callable = check_apart) -> Callable[..., Any]:
    """The in-place twin of a method: its result overwrites the tensor.

    `check(tensor, *args)` refuses memory that operands share.
    """

    @functools.wraps(operation)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        check_writable(self, *args)
        check(self, *args)
        result = operation(self, *args, **kwargs)
        return result if result is NotImplemented else self._overwrite(result)

    name = operation.__name__
    own_name = name.replace("__", "__i", 1) if name.startswith("__") else name + "_"
    return called(own_name, method, f"`{name}`, written over the tensor itself.")


def called(name: str, method: Callable, doc: str) -> Callable[..., Any]:
    """`method`, under the name and with the docstring that `help` shows."""
    method.__name__, method.__qualname__, method.__doc__ = name, f"Tensor.{name}", doc
    return method


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(method: Callable) -> Callable[..., Any]:
    """A method that takes `axis` for `dim` and `keepdims` for `keepdim`, as torch's reductions do."""

    @functools.wraps(method)
    def either(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {_NUMPY_NAMES.get(name, name): value for name, value in kwargs.items()}
        return method(self, *args, **kwargs)

    return either


def check_broadcastable(a: Sequence[int], b: Sequence[int]) -> None:
    """Raise torch's error for shapes that do not broadcast."""
    mismatch = size_mismatch([np.broadcast_to(0, shape) for shape in (a, b)])
    if mismatch:
        raise mismatch
