"""From many values to few: sums, means, extremes, norms, and the softmax family.

`dim` is a dimension, several, or None for all of them; `keepdim=True` keeps the reduced ones with size 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.op import Op
from tinynn.autograd.variable import Variable
from tinynn.methods.linear_algebra import singular_values
from tinynn.methods.rows import in_place, numpy_names
from tinynn.methods.types import Types
from tinynn.ops.indexing import along
from tinynn.size import dims_of, one_dim, type_name

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class ValuesIndices(NamedTuple):
    """What `max(dim)`, `min(dim)`, `sort` and `topk` return: values, and where they were."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return (
            f"tinynn.return_types.{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"
        )


MaxMin = {name: type(name, (ValuesIndices,), {}) for name in ("max", "min")}


class Reductions(Types):
    """Reductions over dimensions, and what is normalized by one."""

    @numpy_names
    def sum(self, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The sum over `dim`, or over everything; integers and bools are summed as int64."""
        boolean = dtype is None and self._array.dtype.kind == "b"  # NumPy itself makes int64 of these
        x: Any = self if boolean else self._summed_as(dtype)
        axis = dims_of(dim, x.ndim)
        return ops.sum(x) if dim is None else ops.sum_dim(x, axis, keepdim)

    @numpy_names
    def prod(
        self, dim: int | None = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
    ) -> Tensor:
        """The product over `dim`, or over everything."""
        x = self._summed_as(dtype)
        if dim is None:
            return ops.prod(x)
        axis = one_dim(dim, x.ndim)
        return ops.prod_dim(x, axis if x.ndim else None, keepdim)

    @numpy_names
    def cumsum(self, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The running sum along `dim`."""
        x = self._summed_as(dtype)
        axis = one_dim(dim, x.ndim)
        return ops.cumsum(x, axis) if x.ndim else x.clone()

    cumsum_ = in_place(cumsum)

    def _summed_as(self, dtype: dtypes.dtype | None) -> Any:
        if dtype is None and self._array.dtype.kind in "iub":
            dtype = dtypes.int64
        return self if dtype is None else self.to(dtype)

    @numpy_names
    def mean(self, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The mean over `dim`, or over everything. Raises RuntimeError for integers."""
        x: Any = self if dtype is None else self.to(dtype)
        _need_float("mean", x)
        return ops.mean(x) if dim is None else ops.mean_dim(x, dims_of(dim, x.ndim), keepdim)

    @numpy_names
    def var(
        self, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
    ) -> Tensor:
        """sum((x - mean)^2) / (n - correction); correction is 1 unless unbiased=False or it is given."""
        return self._spread(ops.var, dim, unbiased, keepdim, correction)

    @numpy_names
    def std(
        self, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None
    ) -> Tensor:
        """The square root of `var`."""
        return self._spread(ops.std, dim, unbiased, keepdim, correction)

    def _spread(self, row: Op, dim: Any, unbiased: bool, keepdim: bool, correction: Any) -> Tensor:
        if isinstance(dim, bool):  # x.var(False): torch's old spelling of unbiased
            dim, unbiased = None, dim
        if self._array.dtype.kind != "f":
            raise RuntimeError("std and var only support floating point and complex dtypes")
        correction = (1 if unbiased else 0) if correction is None else correction
        return row(self, dims_of(dim, self._array.ndim), correction, keepdim)

    @numpy_names
    def norm(self, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Tensor:
        """(sum |x|^p)^(1/p) over `dim`, or over everything."""
        _need_float("linalg.vector_norm", self)
        if p == "nuc":
            return self._nuclear((0, 1) if dim is None else dim, keepdim)
        if math.isinf(float(p) if p != "fro" else 2.0) and self._array.size == 0:
            _refuse_empty_norm(self._array.shape, float(p), dim)
        return ops.norm(self, 2.0 if p == "fro" else float(p), dims_of(dim, self._array.ndim), keepdim)

    def _nuclear(self, dims: Any, keepdim: bool) -> Tensor:
        axes = dims_of(tuple(dims), self._array.ndim)
        x = self.movedim(axes, (-2, -1))  # type: ignore[attr-defined]
        out = singular_values(x).sum(-1)
        for axis in sorted(axes) if keepdim else ():  # type: ignore[arg-type]
            out = out.unsqueeze(axis)
        return out

    @numpy_names
    def amax(self, dim: Any = (), keepdim: bool = False) -> Tensor:
        """The maximum over `dim`; its gradient is shared evenly by ties."""
        return ops.amax(_not_empty("amax", self, dim), dims_of(dim, self._array.ndim), keepdim)

    @numpy_names
    def amin(self, dim: Any = (), keepdim: bool = False) -> Tensor:
        """The minimum over `dim`; its gradient is shared evenly by ties."""
        return ops.amin(_not_empty("amin", self, dim), dims_of(dim, self._array.ndim), keepdim)

    @numpy_names
    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The maximum of everything; (values, indices) along `dim`; the elementwise maximum with a tensor."""
        return self._extreme("max", dim, keepdim)

    @numpy_names
    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The minimum of everything; (values, indices) along `dim`; the elementwise minimum with a tensor."""
        return self._extreme("min", dim, keepdim)

    def _extreme(self, name: str, dim: Any, keepdim: bool) -> Any:
        if isinstance(dim, Variable):
            return (ops.maximum if name == "max" else ops.minimum)(self, dim)
        if dim is None:
            return (ops.max if name == "max" else ops.min)(_not_empty(name, self, None))
        row, function = (ops.max_dim, np.argmax) if name == "max" else (ops.min_dim, np.argmin)
        chosen = self._arg(function, name, dim, True)._array
        axis = one_dim(dim, self._array.ndim)
        places = along(chosen, axis) if self._array.ndim else ()
        if self._array.ndim and not keepdim:
            chosen, places = chosen.squeeze(axis), tuple(place.squeeze(axis) for place in places)
        return MaxMin[name](row(self, places), Variable.wrap(chosen))

    @numpy_names
    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The index of the (first) maximum."""
        return self._arg(np.argmax, "argmax", dim, keepdim)

    @numpy_names
    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The index of the (first) minimum."""
        return self._arg(np.argmin, "argmin", dim, keepdim)

    def _arg(self, function: Callable, name: str, dim: int | None, keepdim: bool) -> Tensor:
        array = self._array
        if array.dtype.kind == "b" and name.startswith("arg"):
            raise RuntimeError(f"{name}(): does not support bool input")
        if dim is not None:
            axis = one_dim(dim, array.ndim)
            if array.ndim and array.shape[axis] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")
            return Variable.wrap(function(array, axis=axis if array.ndim else None, keepdims=keepdim))
        if array.size == 0:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        return Variable.wrap(function(array, keepdims=keepdim))

    @numpy_names
    def all(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Whether all elements are true."""
        return self._truth(np.all, dim, keepdim)

    @numpy_names
    def any(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Whether any element is true."""
        return self._truth(np.any, dim, keepdim)

    def _truth(self, function: Callable, dim: Any, keepdim: bool) -> Tensor:
        if dim == ():  # here, and only here, torch reads () as "no dimension"
            answer = self._array != 0
        else:
            answer = function(self._array, axis=dims_of(dim, self._array.ndim), keepdims=keepdim)
        return Variable.wrap(answer.astype(np.uint8) if self._array.dtype == np.uint8 else answer)

    @numpy_names
    def count_nonzero(self, dim: Any = None) -> Tensor:
        """How many elements are not 0."""
        return ops.ne(self, 0).sum(dim)

    @numpy_names
    def logsumexp(self, dim: Any, keepdim: bool = False) -> Tensor:
        """log(sum(exp(x))) over `dim`, without overflow."""
        x: Any = self if self._array.dtype.kind == "f" else self.to(dtypes.get_default_dtype())
        return ops.logsumexp(x, dims_of(dim, x.ndim), keepdim)

    def softmax(self, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
        """exp(x) / sum(exp(x)) along `dim`."""
        return self._softmax("softmax", dim, dtype)

    def log_softmax(self, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
        """log(softmax(x)) along `dim`."""
        return self._softmax("log_softmax", dim, dtype)

    def _softmax(self, name: str, dim: int, dtype: dtypes.dtype | None) -> Tensor:
        x: Any = self if dtype is None else self.to(dtype)
        row, array = getattr(ops, name), x._array
        axis = one_dim(dim, array.ndim)
        if array.dtype.kind != "f":
            kernel = (
                f"{name}_lastdim_kernel_impl" if axis == max(array.ndim, 1) - 1 else f"{name}_kernel_impl"
            )
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(array.dtype)}'")
        return row(x, axis) if array.ndim else row(x.reshape(1), axis).reshape(())


def _need_float(name: str, x: Variable) -> None:
    if x._array.dtype.kind != "f":
        got = type_name(x._array.dtype)
        if name == "mean":
            raise RuntimeError(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or "
                f"complex dtype. Got: {got}"
            )
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {got}")


def _not_empty(name: str, x: Variable, dim: Any) -> Variable:
    array = x._array
    axis = dims_of(dim, array.ndim)
    axes = range(array.ndim) if axis is None else np.atleast_1d(axis).tolist()
    if array.size == 0 and (axis is None or any(array.shape[i] == 0 for i in axes)):
        if axis is None:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
                "reduction dim with the 'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return x


def _refuse_empty_norm(shape: tuple[int, ...], p: float, dim: Any) -> None:
    axis = dims_of(dim, len(shape))
    for i in range(len(shape)) if axis is None else np.atleast_1d(dim).tolist():
        if shape[i] == 0:
            where = "an empty tensor" if axis is None else f"the dimension {i}"
            because = "the operation" if axis is None else "this dimension is empty and the operation"
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p:.0f} norm on "
                f"{where}{' ' if axis is None else ''}because {because} does not have an identity"
            )
