"""The two activations that are methods of Tensor too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinynn import ops
from tinynn.autograd.variable import Variable
from tinynn.size import type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Activations(Variable):
    """Each is a function of the package, and of nn.functional."""

    def prelu(self, weight: Tensor) -> Tensor:
        """self where self > 0, else weight * self, for one weight or one for each channel (dimension 1)."""
        if not isinstance(weight, Variable):
            raise TypeError(
                f"prelu(): argument 'weight' (position 1) must be Tensor, not {type(weight).__name__}"
            )
        own, other = self._array.dtype, weight._array.dtype
        if own != other:
            raise RuntimeError(
                f"prelu: Type promoting not supported. Got {type_name(own)} and {type_name(other)}"
            )
        if weight.ndim > 1:
            raise RuntimeError(
                f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}"
            )
        need_float("prelu_cpu", self)
        return ops.prelu(self, ops.reshape(weight, _for_channels(self._array.shape, weight._array.size)))

    def hardshrink(self, lambd: float = 0.5) -> Tensor:
        """self where |self| > lambd, else 0."""
        need_float("hardshrink_cpu", self)
        return ops.hardshrink(self, lambd)


def _for_channels(shape: tuple[int, ...], weights: int) -> tuple[int, ...]:
    """The shape in which the weights broadcast to `shape`."""
    if weights == 1:
        return (1,) * min(1, len(shape))
    if not shape:
        raise RuntimeError("Not allow zero-dim input tensor.")
    channels = shape[1] if len(shape) > 1 else 1
    if channels != weights:
        raise RuntimeError(
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{weights} and channel size = {channels}."
        )
    return (weights, *(1,) * (len(shape) - 2))


def need_float(kernel: str, x: Variable, half: bool = True) -> None:
    """Raise torch's error unless the kernel is there for the dtype of x: floats, with float16 or without."""
    dtype = x._array.dtype
    if dtype.kind != "f" or (dtype.itemsize == 2 and not half):
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{type_name(dtype)}'\nConvert it first, with .float()."
        )
