"""Tensor: torch's tensor around a NumPy array. What it is, what it can do, and how NumPy sees it.

The methods are a list, by kind. Most are rows of the derivative table under torch's name; the others put
torch's arguments (`dim`, `keepdim`) into the rows' terms, or are compositions of rows.
"""

from __future__ import annotations

import builtins
import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinynn import dtypes, indices, ops
from tinynn._tensor_str import tensor_str
from tinynn.autograd import engine
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.hooks import RemovableHandle
from tinynn.autograd.inplace import check_writable, overwrite
from tinynn.autograd.node import Node
from tinynn.autograd.op import Op, size_mismatch
from tinynn.autograd.variable import Variable
from tinynn.device import check_device, cpu, device
from tinynn.ops.indexing import along
from tinynn.random import Generator, default_generator
from tinynn.size import Size, c_name, dims_of, listed, new_shape, one_dim, shape_of, type_name

NUMBERS = (int, float, np.number, np.bool_)
OPERANDS = (Variable, *NUMBERS)  # what may stand beside a tensor in an expression


class ValuesIndices(NamedTuple):
    """What `max(dim)`, `min(dim)`, `sort` and `topk` return."""

    values: Tensor
    indices: Tensor


# --- how a row becomes a method


def _operator(row: Callable) -> Callable:
    """`self row other`, for a tensor, a number or an array `other`."""

    def method(self: Tensor, other: Any) -> Any:
        if isinstance(other, OPERANDS):
            return row(self, other)
        return row(self, Variable.wrap(other)) if isinstance(other, np.ndarray) else NotImplemented

    return method


def _method(name: str, row: Callable) -> Callable:
    """`self.name(other)`, which refuses other types than `_operator` with torch's message."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            raise TypeError(
                f"{name}(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}"
            )
        return row(self, other)

    return method


def _subtract(a: Any, b: Any) -> Any:
    """a - b."""
    _refuse_bools(a, b)
    return ops.sub(a, b)


def _refuse_bools(a: Any, b: Any) -> None:
    """torch does not subtract bools."""
    bools = _is_bool(a) + _is_bool(b)
    if bools:
        which = "two bool tensors" if bools == 2 else "a bool tensor"
        advice = (
            "Use the `^` or `logical_xor()` operator instead."
            if bools == 2
            else "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )
        raise RuntimeError(f"Subtraction, the `-` operator, with {which} is not supported. {advice}")


def _is_bool(operand: Any) -> bool:
    return isinstance(operand, bool) or (isinstance(operand, Variable) and operand._array.dtype.kind == "b")


def _reflected(row: Callable) -> Callable:
    """`other row self`, for a number `other`."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, NUMBERS):
            return NotImplemented
        return row(Variable.wrap(dtypes.convert(other, dtypes.result_type(self._array, other))), self)

    return method


def _power(a: Tensor, b: Any) -> Tensor:
    """a ** b."""
    if isinstance(b, Variable):
        return ops.pow_tensor(a, b)
    if a._array.dtype.kind in "biu" and isinstance(b, int) and b < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return ops.pow(a, b)


def _remainder(a: Tensor, b: Any) -> Tensor:
    return (ops.remainder_tensor if isinstance(b, Variable) else ops.remainder)(a, b)


def _fmod(a: Tensor, b: Any) -> Tensor:
    return (ops.fmod_tensor if isinstance(b, Variable) else ops.fmod)(a, b)


def _in_place(operation: Callable) -> Callable:
    """The in-place twin of a method: its result overwrites the tensor."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(self)
        result = operation.__get__(self, type(self))(*args, **kwargs)
        return result if result is NotImplemented else self._overwrite(result)

    return method


class Tensor(Variable):
    """An n-dimensional array that remembers how it was computed.

    `Tensor([1, 2])` copies data into the default float dtype and `Tensor(2, 3)` is uninitialised memory of that
    shape; `tinynn.tensor(data)`, which infers the dtype, is the usual way to make one.
    """

    __array_priority__ = 1000  # NumPy leaves `array * tensor` to us (and we refuse it, as torch does)

    def __new__(cls, *data: Any) -> Any:
        new = object.__new__(cls)
        new._counter = [0]
        if len(data) == 1 and isinstance(data[0], Tensor):
            new._array = data[0]._array
        elif len(data) == 1 and not isinstance(data[0], int):
            new._array = np.array(data[0], dtype=dtypes.default_dtype())
        else:
            new._array = np.empty(data or (0,), dtype=dtypes.default_dtype())
        return new

    # --- what it is

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.BY_NUMPY[self._array.dtype]

    @property
    def device(self) -> device:
        return cpu

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    is_sparse = is_cuda = is_quantized = is_mps = is_meta = False
    layout = "tinynn.strided"

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self._array.shape[one_dim(dim, self.ndim)]

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._array.itemsize

    def is_floating_point(self) -> bool:
        return self._array.dtype.kind == "f"

    def is_complex(self) -> bool:
        return False

    def stride(self, dim: int | None = None) -> Any:
        """How many elements lie between neighbours, for each dimension (or one)."""
        array = self.row_major()
        fixed = np.empty(array.shape, np.int8).strides if array.size <= 1 else None
        strides = fixed or tuple(s // array.itemsize for s in array.strides)
        return strides if dim is None else strides[one_dim(dim, self.ndim)]

    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory in row-major order, without gaps."""
        return self.row_major().flags.c_contiguous

    def contiguous(self) -> Tensor:
        """The tensor itself if it is contiguous, else a contiguous copy."""
        return self if self.is_contiguous() else ops.clone(self)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self.row_major().__array_interface__["data"][0]

    def storage_offset(self) -> int:
        """How many elements of the storage lie before this view."""
        base = self._array if self._base is None else self._base._array
        return (self._array.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // self.itemsize

    # --- its place in the graph

    @property
    def requires_grad(self) -> bool:
        """Whether backward() computes a gradient for this tensor. May be set on a leaf."""
        if self._base is not None:
            self.refresh()
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` of a leaf, and return it."""
        if self._node is not None and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and self._inference and not thread.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._requires_grad = bool(requires_grad)
        return self

    @property
    def grad(self) -> Tensor | None:
        """The sum of the gradients that backward() brought here; None before the first."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{c_name(value._array.dtype)}' to a tensor with "
                    f"grad_dtype '{type_name(self._array.dtype)}'. The gradient must match the tensor's grad_dtype "
                    "(defaults to the tensor's dtype). You can set the tensor's grad_dtype attribute with a specific "
                    "dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor "
                    "and its gradient may break downstream systems that assume they match."
                )
            if value.shape != self.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
        self._grad = value

    @property
    def grad_fn(self) -> Node | None:
        """The operation that made this tensor; None for a leaf."""
        if self._base is not None:
            self.refresh()
        return self._node

    @property
    def is_leaf(self) -> bool:
        """Whether gradients stop here: made by the user, or not requiring grad."""
        return self._node is None

    @property
    def output_nr(self) -> int:
        return self._index

    @property
    def retains_grad(self) -> bool:
        return self._retains_grad

    @property
    def _version(self) -> int:
        if self._inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._counter[0]

    def is_inference(self) -> bool:
        return self._inference

    def retain_grad(self) -> None:
        """Let backward() fill `.grad` of this tensor although it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None:
            self._node.retained = {**(self._node.retained or {}), self._index: weakref.ref(self)}
            self._retains_grad = True

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Compute the gradient of this tensor with respect to the leaves, and add it to their `.grad`."""
        engine.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(gradient)` whenever the gradient of this tensor is computed; what it returns replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is None:
            self._hooks = {} if self._hooks is None else self._hooks
            return RemovableHandle(self._hooks, hook)
        if self._node.hooks is None:
            self._node.hooks = {}
        return RemovableHandle(self._node.hooks.setdefault(self._index, {}), hook)

    def detach(self) -> Tensor:
        """The same storage, outside of the graph."""
        out = Variable.wrap(self.row_major())
        out._counter, out._inference = self._counter, self._inference
        out._base = None
        return out

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph."""
        self._node, self._index, self._requires_grad = None, 0, False
        return self

    @property
    def data(self) -> Tensor:
        """The same storage outside of the graph, with a version counter of its own: writes go unnoticed."""
        return Variable.wrap(self.row_major())

    @data.setter
    def data(self, value: Tensor) -> None:
        self._array = value.row_major()

    # --- values out

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._array.item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._array.tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values as an ndarray that shares this tensor's memory."""
        if self.requires_grad and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        return self.row_major()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Tensor:
        return Variable.wrap(array)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __bool__(self) -> bool:
        if self._array.size != 1:
            kind = "no" if self._array.size == 0 else "more than one"
            raise RuntimeError(f"Boolean value of Tensor with {kind} value{'s' if kind == 'no' else ''} is ambiguous")
        return bool(self._array.item())

    def __float__(self) -> float:
        return float(_only_value(self))

    def __int__(self) -> int:
        return int(_only_value(self))

    def __index__(self) -> int:
        if self._array.size != 1 or self._array.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any().item())

    __hash__ = object.__hash__  # by identity, although == compares values

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    def __repr__(self) -> str:
        suffixes = []
        if self.grad_fn is not None:
            suffixes.append(f"grad_fn=<{self._node.label}>")  # type: ignore[union-attr]
        elif self._requires_grad:
            suffixes.append("requires_grad=True")
        prefix = f"{type(self).__name__}(" if type(self).__name__ not in ("Tensor", "Parameter") else "tensor("
        return tensor_str(
            self._array,
            suffixes=suffixes,
            prefix=prefix,
            dtype_name=str(self.dtype),
            default_dtype=dtypes.default_dtype(),
        )

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.  If you were attempting to deepcopy a module, this may be because of a torch.nn.utils."
                "weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) not in memo:
            memo[id(self)] = new = object.__new__(type(self))
            new.__dict__.update(self.__dict__, _array=self.row_major().copy(), _counter=[0], _base=None, _hooks=None)
            new._grad = None if self._grad is None else self._grad.__deepcopy__(memo)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (type(self), self.row_major(), self._requires_grad)

    # --- arithmetic and comparison
    # fmt: off
    __add__      = _operator(ops.add)
    __sub__      = _operator(_subtract)
    __mul__      = _operator(ops.mul)
    __truediv__  = _operator(ops.div)
    __floordiv__ = _operator(ops.floor_divide)
    __mod__      = _operator(_remainder)
    __pow__      = _operator(_power)
    __and__      = _operator(ops.bitwise_and)
    __or__       = _operator(ops.bitwise_or)
    __xor__      = _operator(ops.bitwise_xor)
    __lt__       = _operator(ops.lt)
    __le__       = _operator(ops.le)
    __gt__       = _operator(ops.gt)
    __ge__       = _operator(ops.ge)
    __eq__       = _operator(ops.eq)  # type: ignore[assignment]
    __ne__       = _operator(ops.ne)  # type: ignore[assignment]
    __radd__, __rmul__ = __add__, __mul__
    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    __rfloordiv__ = _reflected(ops.floor_divide)
    __rmod__     = _reflected(ops.remainder)
    __rpow__     = _reflected(ops.rpow)

    sub, multiply = _method("sub", _subtract), _method("mul", ops.mul)
    mul, true_divide, pow = multiply, _method("div", ops.div), _method("pow", _power)
    floor_divide, remainder, fmod = _method("floor_divide", ops.floor_divide), _method("remainder", _remainder), _method("fmod", _fmod)
    eq, ne, lt, le, gt, ge = (_method(name, getattr(ops, name)) for name in ("eq", "ne", "lt", "le", "gt", "ge"))
    bitwise_and, bitwise_or, bitwise_xor = _method("bitwise_and", ops.bitwise_and), _method("bitwise_or", ops.bitwise_or), _method("bitwise_xor", ops.bitwise_xor)
    logical_and, logical_or, logical_xor = _method("logical_and", ops.logical_and), _method("logical_or", ops.logical_or), _method("logical_xor", ops.logical_xor)
    maximum, minimum = _method("maximum", ops.maximum), _method("minimum", ops.minimum)

    # --- elementwise
    exp, expm1, log, log1p   = ops.exp, ops.expm1, ops.log, ops.log1p
    sqrt, rsqrt, square      = ops.sqrt, ops.rsqrt, ops.square
    sin, cos, tanh, sigmoid  = ops.sin, ops.cos, ops.tanh, ops.sigmoid
    reciprocal, relu, sign   = ops.reciprocal, ops.relu, ops.sign
    abs = __abs__ = absolute = ops.abs
    floor, ceil, trunc       = ops.floor, ops.ceil, ops.trunc
    isnan, isinf, isfinite   = ops.isnan, ops.isinf, ops.isfinite
    signbit, logical_not     = ops.signbit, ops.logical_not
    # fmt: on

    def __rsub__(self, other: Any) -> Any:
        _refuse_bools(other, self)
        return _reflected(ops.rsub)(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.reciprocal() * other if isinstance(other, NUMBERS) else NotImplemented  # as torch rounds it

    def add(self, other: Any, *, alpha: float = 1) -> Tensor:
        """self + alpha * other."""
        return _method("add", ops.add)(self, other if alpha == 1 else _scaled(self, other, alpha))

    def sub(self, other: Any, *, alpha: float = 1) -> Tensor:
        """self - alpha * other."""
        return _method("sub", _subtract)(self, other if alpha == 1 else _scaled(self, other, alpha))

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """self / other; rounded down or towards zero with rounding_mode "floor" or "trunc"."""
        if rounding_mode is None:
            return self.true_divide(other)
        if rounding_mode not in ("floor", "trunc"):
            raise RuntimeError(
                f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
            )
        return (ops.div_floor if rounding_mode == "floor" else ops.div_trunc)(self, other)

    divide = div
    subtract = sub

    def neg(self) -> Tensor:
        """-self."""
        if self._array.dtype.kind == "b":
            raise RuntimeError(
                "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, "
                "use the `~` or `logical_not()` operator instead."
            )
        return ops.neg(self)

    __neg__ = negative = neg

    def __pos__(self) -> Tensor:
        if self._array.dtype.kind == "b":
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __invert__(self) -> Tensor:
        if self._array.dtype.kind == "f":
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return ops.bitwise_not(self)

    bitwise_not = __invert__

    def __matmul__(self, other: Any) -> Tensor:
        return self.matmul(other) if isinstance(other, Tensor) else NotImplemented

    def round(self, *, decimals: int = 0) -> Tensor:
        """To the nearest integer (or multiple of 10 ** -decimals), halves to even."""
        return ops.round(self) if decimals == 0 else ops.round(self * 10.0**decimals) / 10.0**decimals

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit to [min, max]; where min > max the result is max. The gradient passes on the bounds."""
        if min is None and max is None:
            raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
        tensors = isinstance(min, Variable) or isinstance(max, Variable)
        return (ops.clamp_tensors if tensors else ops.clamp)(self, min, max)

    clip = clamp

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """self where condition, else other."""
        if condition._array.dtype.kind != "b":
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype "
                f"{type_name(condition._array.dtype)}"
            )
        return ops.where(condition, self, other)

    def isclose(self, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
        """|self - other| <= atol + rtol |other|, elementwise."""
        if self.dtype is not other.dtype:
            raise RuntimeError(f"{type_name(self._array.dtype)} did not match {type_name(other._array.dtype)}")
        _check_broadcastable(self.shape, other.shape)
        return Variable.wrap(
            thread.quietly(np.isclose, self._array, other._array, rtol=rtol, atol=atol, equal_nan=equal_nan)
        )

    def allclose(self, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
        """Whether all elements are close."""
        return bool(self.isclose(other, rtol, atol, equal_nan)._array.all())

    def equal(self, other: Tensor) -> bool:
        """Whether shape and all values are the same."""
        return self.shape == other.shape and bool((self._array == other._array).all())

    # --- reductions

    def sum(self, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The sum over `dim`, or over everything; integers and bools are summed as int64."""
        x = self._summed_as(dtype)
        axis = dims_of(dim, x.ndim)
        return ops.sum(x) if dim is None else ops.sum_dim(x, axis, keepdim)

    def prod(self, dim: int | None = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The product over `dim`, or over everything."""
        x = self._summed_as(dtype)
        if dim is None:
            return ops.prod(x)
        axis = one_dim(dim, x.ndim)
        return ops.prod_dim(x, axis if x.ndim else None, keepdim)

    def cumsum(self, dim: int, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The running sum along `dim`."""
        x = self._summed_as(dtype)
        axis = one_dim(dim, x.ndim)
        return ops.cumsum(x, axis) if x.ndim else x.clone()

    def _summed_as(self, dtype: dtypes.dtype | None) -> Tensor:
        if dtype is None and self._array.dtype.kind in "iub":
            dtype = dtypes.int64
        return self if dtype is None else self.to(dtype)

    def mean(self, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Tensor:
        """The mean over `dim`, or over everything. Raises RuntimeError for integers."""
        x = self if dtype is None else self.to(dtype)
        _need_float("mean", x)
        return ops.mean(x) if dim is None else ops.mean_dim(x, dims_of(dim, x.ndim), keepdim)

    def var(self, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None) -> Tensor:
        """sum((x - mean)^2) / (n - correction); correction is 1 unless unbiased=False or it is given."""
        return self._spread(ops.var, dim, unbiased, keepdim, correction)

    def std(self, dim: Any = None, unbiased: Any = True, keepdim: bool = False, *, correction: Any = None) -> Tensor:
        """The square root of `var`."""
        return self._spread(ops.std, dim, unbiased, keepdim, correction)

    def _spread(self, row: Op, dim: Any, unbiased: bool, keepdim: bool, correction: Any) -> Tensor:
        if isinstance(dim, bool):  # x.var(False): torch's old spelling of unbiased
            dim, unbiased = None, dim
        if self._array.dtype.kind != "f":
            raise RuntimeError("std and var only support floating point and complex dtypes")
        correction = (1 if unbiased else 0) if correction is None else correction
        return row(self, dims_of(dim, self.ndim), correction, keepdim)

    def norm(self, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Tensor:
        """(sum |x|^p)^(1/p) over `dim`, or over everything."""
        _need_float("linalg.vector_norm", self)
        if math.isinf(float(p) if p != "fro" else 2.0) and self.numel() == 0:
            _refuse_empty_norm(self, float(p), dim)
        return ops.norm(self, 2.0 if p == "fro" else float(p), dims_of(dim, self.ndim), keepdim)

    def amax(self, dim: Any = (), keepdim: bool = False) -> Tensor:
        """The maximum over `dim`; its gradient is shared evenly by ties."""
        return ops.amax(_not_empty("amax", self, dim), dims_of(dim, self.ndim), keepdim)

    def amin(self, dim: Any = (), keepdim: bool = False) -> Tensor:
        """The minimum over `dim`; its gradient is shared evenly by ties."""
        return ops.amin(_not_empty("amin", self, dim), dims_of(dim, self.ndim), keepdim)

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The maximum of everything; (values, indices) along `dim`; the elementwise maximum with a tensor."""
        return self._extreme("max", dim, keepdim)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The minimum of everything; (values, indices) along `dim`; the elementwise minimum with a tensor."""
        return self._extreme("min", dim, keepdim)

    def _extreme(self, name: str, dim: Any, keepdim: bool) -> Any:
        if isinstance(dim, Tensor):
            return self.maximum(dim) if name == "max" else self.minimum(dim)
        if dim is None:
            return (ops.max if name == "max" else ops.min)(_not_empty(name, self, None))
        row, function = (ops.max_dim, np.argmax) if name == "max" else (ops.min_dim, np.argmin)
        chosen = self._arg(function, name, dim, True)._array
        axis = one_dim(dim, self.ndim)
        places = along(chosen, axis) if self.ndim else ()
        if self.ndim and not keepdim:
            chosen, places = chosen.squeeze(axis), tuple(place.squeeze(axis) for place in places)
        return ValuesIndices(row(self, places), Variable.wrap(chosen))

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """The index of the (first) maximum."""
        return self._arg(np.argmax, "argmax", dim, keepdim)

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

    def all(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Whether all elements are true."""
        return self._truth(np.all, dim, keepdim)

    def any(self, dim: Any = None, keepdim: bool = False) -> Tensor:
        """Whether any element is true."""
        return self._truth(np.any, dim, keepdim)

    def _truth(self, function: Callable, dim: Any, keepdim: bool) -> Tensor:
        if dim == ():  # here, and only here, torch reads () as "no dimension"
            answer = self._array != 0
        else:
            answer = function(self._array, axis=dims_of(dim, self.ndim), keepdims=keepdim)
        return Variable.wrap(answer.astype(np.uint8) if self._array.dtype == np.uint8 else answer)

    def logsumexp(self, dim: Any, keepdim: bool = False) -> Tensor:
        """log(sum(exp(x))) over `dim`, without overflow."""
        x = self if self._array.dtype.kind == "f" else self.to(dtypes.get_default_dtype())
        return ops.logsumexp(x, dims_of(dim, x.ndim), keepdim)

    def softmax(self, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
        """exp(x) / sum(exp(x)) along `dim`."""
        return self._softmax(ops.softmax, dim, dtype)

    def log_softmax(self, dim: int, dtype: dtypes.dtype | None = None) -> Tensor:
        """log(softmax(x)) along `dim`."""
        return self._softmax(ops.log_softmax, dim, dtype)

    def _softmax(self, row: Op, dim: int, dtype: dtypes.dtype | None) -> Tensor:
        x = self if dtype is None else self.to(dtype)
        if x._array.dtype.kind != "f":
            raise RuntimeError(f'"softmax_lastdim_kernel_impl" not implemented for \'{type_name(x._array.dtype)}\'')
        axis = one_dim(dim, x.ndim)
        return row(x, axis) if x.ndim else row(x.reshape(1), axis).reshape(())

    def count_nonzero(self, dim: Any = None) -> Tensor:
        """How many elements are not 0."""
        return (self != 0).sum(dim)

    def unique(self, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False) -> Any:
        """The different values in rising order; with the place of each element among them, and their counts."""
        values, inverse, counts = np.unique(self._array, return_inverse=True, return_counts=True)
        answers = [values] + [inverse.reshape(self.shape)] * return_inverse + [counts] * return_counts
        tensors = tuple(Variable.wrap(answer) for answer in answers)
        return tensors if len(tensors) > 1 else tensors[0]

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> ValuesIndices:
        """(values, indices) in rising (falling) order along `dim`; equal elements keep their order."""
        axis = one_dim(dim, self.ndim)
        array = np.atleast_1d(self._array)
        if descending:
            last = array.shape[axis] - 1
            order = last - np.flip(np.argsort(np.flip(array, axis), axis=axis, kind="stable"), axis)
        else:
            order = np.argsort(array, axis=axis, kind="stable")
        order_tensor = Variable.wrap(np.ascontiguousarray(order).reshape(self.shape))
        return ValuesIndices(self._along(ops.sort, dim, order_tensor), order_tensor)

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
        """The indices that sort along `dim`."""
        return self.sort(dim, descending, stable).indices

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
        """The k largest (smallest) elements along `dim` and their indices, best first."""
        axis = one_dim(dim, self.ndim)
        if not 0 <= k <= (self._array.shape[axis] if self.ndim else 1):
            raise RuntimeError("selected index k out of range")
        order = self.sort(dim, descending=largest).indices
        if self._array.dtype.kind == "b":
            raise RuntimeError("topk does not support bool dtypes on CPU")
        best = order.narrow(dim, 0, k).contiguous() if self.ndim else order
        return ValuesIndices(self._along(ops.topk, dim, best), best)

    def _along(self, row: Op, dim: int, places: Tensor) -> Tensor:
        """The elements that `places` names along `dim`, by the row that says so under the caller's name."""
        if self.ndim == 0:
            return row(self, ())
        return row(self, along(places._array, one_dim(dim, self.ndim)))

    # --- products of matrices

    def mm(self, other: Tensor) -> Tensor:
        """The product of two matrices, (n, k) @ (k, m)."""
        if self.ndim != 2 or other.ndim != 2:
            raise RuntimeError(f"{'self' if self.ndim != 2 else 'mat2'} must be a matrix")
        if self.shape[1] != other.shape[0]:
            raise RuntimeError(_cannot_multiply(self.shape, other.shape))
        _need_same_dtype(self, other)
        return ops.mm(self, other)

    def matmul(self, other: Tensor) -> Tensor:
        """The product of vectors, matrices, or (broadcast) batches of matrices."""
        if self.ndim == 0 or other.ndim == 0:
            raise RuntimeError(
                f"both arguments to matmul need to be at least 1D, but they are {self.ndim}D and {other.ndim}D"
            )
        if self.ndim == 1 and other.ndim == 1:
            return self.dot(other)
        if self.ndim == 2 and other.ndim <= 2:
            return self.mm(other) if other.ndim == 2 else self.mv(other)
        if self.ndim == 1:
            return self.unsqueeze(0).matmul(other).squeeze(-2)
        if other.ndim == 1:
            return self.matmul(other.unsqueeze(1)).squeeze(-1)
        _need_same_dtype(self, other)
        if self.shape[-1] != other.shape[-2]:
            if other.ndim == 2:
                raise RuntimeError(_cannot_multiply((math.prod(self.shape[:-1]), self.shape[-1]), other.shape))
            raise RuntimeError(
                f"Expected size for first two dimensions of batch2 tensor to be: [{other.shape[0]}, "
                f"{self.shape[-1]}] but got: {list(other.shape[-3:-1])}.\nThe shapes are {list(self.shape)} and "
                f"{list(other.shape)}."
            )
        _check_broadcastable(self.shape[:-2], other.shape[:-2])
        return ops.matmul(self, other)

    def bmm(self, other: Tensor) -> Tensor:
        """Matrix by matrix products of two batches, (b, n, k) @ (b, k, m)."""
        for name, batch in (("batch1", self), ("batch2", other)):
            if batch.ndim != 3:
                raise RuntimeError(f"{name} must be a 3D tensor")
        if (self.shape[0], self.shape[2]) != (other.shape[0], other.shape[1]):
            raise RuntimeError(
                f"Expected size for first two dimensions of batch2 tensor to be: [{self.shape[0]}, {self.shape[2]}] "
                f"but got: [{other.shape[0]}, {other.shape[1]}]."
            )
        return self.matmul(other)

    def mv(self, vec: Tensor) -> Tensor:
        """The product of a matrix and a vector, (n, k) @ (k,)."""
        if self.ndim != 2 or vec.ndim != 1:
            raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
        if self.shape[1] != vec.shape[0]:
            n, k = self.shape
            raise RuntimeError(f"size mismatch, got input ({n}), mat ({n}x{k}), vec ({vec.shape[0]})")
        _need_same_dtype(self, vec)
        return ops.mv(self, vec)

    def dot(self, other: Tensor) -> Tensor:
        """The sum of the products of two vectors."""
        if self.ndim != 1 or other.ndim != 1:
            raise RuntimeError(f"1D tensors expected, but got {self.ndim}D and {other.ndim}D tensors")
        if self.shape != other.shape:
            n, m = len(self), len(other)
            raise RuntimeError(
                f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, "
                f"but got {n} and {m} elements respectively"
            )
        if self.dtype is not other.dtype:
            found = f"{type_name(self._array.dtype)} and {type_name(other._array.dtype)}"
            raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {found}")
        return ops.dot(self, other)

    def addmm(self, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
        """beta * self + alpha * (mat1 @ mat2)."""
        _need_same_dtype(mat1, mat2)
        if mat1.shape[1] != mat2.shape[0]:
            raise RuntimeError(_cannot_multiply(mat1.shape, mat2.shape))
        _check_expandable(self.shape, (mat1.shape[0], mat2.shape[1]))
        return ops.addmm(self if beta == 1 else self * beta, mat1 if alpha == 1 else mat1 * alpha, mat2)

    # --- shapes

    def view(self, *sizes: Any) -> Tensor:
        """The same memory in another shape (or, given a dtype, the same bits as another type)."""
        if len(sizes) == 1 and isinstance(sizes[0], dtypes.dtype):
            return Variable.wrap(self.row_major().view(sizes[0].numpy))
        shape = new_shape(shape_of(sizes, "view"), self.numel())
        if not self._can_view(shape):
            raise RuntimeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across "
                "two contiguous subspaces). Use .reshape(...) instead."
            )
        return ops.reshape(self, shape)

    def _can_view(self, shape: tuple[int, ...]) -> bool:
        array = self.row_major()
        if array.flags.c_contiguous:
            return True
        try:
            np.reshape(array, shape, copy=False)
        except ValueError:
            return False
        return True

    def reshape(self, *shape: Any) -> Tensor:
        """A view in another shape where memory allows it, else a copy."""
        wanted = new_shape(shape_of(shape, "reshape"), self.numel())
        return ops.reshape(self if self._can_view(wanted) else ops.clone(self), wanted)

    def view_as(self, other: Tensor) -> Tensor:
        return self.view(other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        return self.reshape(other.shape)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """The dimensions from start_dim to end_dim as one."""
        if self.ndim == 0:
            return self.reshape(1)
        start, end = one_dim(start_dim, self.ndim), one_dim(end_dim, self.ndim)
        if start > end:
            raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
        merged = math.prod(self.shape[start : end + 1])
        return self if start == end else self.reshape(*self.shape[:start], merged, *self.shape[end + 1 :])

    def ravel(self) -> Tensor:
        return self.reshape(-1)

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Tensor:
        """One dimension as several."""
        axis = one_dim(dim, self.ndim)
        return self.reshape(*self.shape[:axis], *new_shape(tuple(sizes), self.shape[axis]), *self.shape[axis + 1 :])

    def squeeze(self, dim: Any = None) -> Tensor:
        """Without the dimensions of size 1 (or only `dim`, where it has size 1)."""
        shape = self._array.shape
        if dim is None:
            return ops.squeeze_all(self, tuple([i for i, n in enumerate(shape) if n == 1]))
        dims = dim if isinstance(dim, tuple | list) else (dim,)
        axes = tuple(one_dim(d, len(shape)) for d in dims)
        row = ops.squeeze if isinstance(dim, int) else ops.squeeze_dims
        return row(self, tuple(axis for axis in axes if shape and shape[axis] == 1))

    def unsqueeze(self, dim: int) -> Tensor:
        """With a dimension of size 1 inserted at `dim`."""
        return ops.unsqueeze(self, one_dim(dim, self.ndim + 1))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """With two dimensions swapped."""
        a, b = one_dim(dim0, self.ndim), one_dim(dim1, self.ndim)
        return ops.transpose(self, a, b) if self.ndim else ops.permute(self, ())

    swapaxes = swapdims = transpose

    def t(self) -> Tensor:
        """The transposed matrix; a vector or scalar itself."""
        if self.ndim > 2:
            raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
        return ops.t(self)

    @property
    def T(self) -> Tensor:  # noqa: N802 - torch's name
        return ops.permute(self, tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:  # noqa: N802 - torch's name
        if self.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor."
            )
        return ops.transpose(self, self.ndim - 2, self.ndim - 1)

    def permute(self, *dims: Any) -> Tensor:
        """With the dimensions in another order."""
        order = shape_of(dims, "permute")
        if len(order) != self.ndim:
            raise RuntimeError(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                f"desired ordering of dimensions i.e. input.dim() = {self.ndim} is not equal to len(dims) = {len(order)}"
            )
        axes = tuple(one_dim(dim, self.ndim) for dim in order)
        if len(set(axes)) < len(axes):
            raise RuntimeError("permute(): duplicate dims are not allowed.")
        return ops.permute(self, axes)

    def movedim(self, source: Any, destination: Any) -> Tensor:
        """With some dimensions moved to other places, the rest in order."""
        return self.permute(*_moved(self.ndim, source, destination))

    def expand(self, *sizes: Any) -> Tensor:
        """A view in which dimensions of size 1 are repeated without copying; -1 keeps a size."""
        wanted = shape_of(sizes, "expand")
        extra = len(wanted) - self.ndim
        if extra < 0:
            raise RuntimeError(
                f"expand({_legacy_name(self._array.dtype)}{{{list(self.shape)}}}, size={list(wanted)}): the "
                f"number of sizes provided ({len(wanted)}) must be greater or equal to the number of dimensions in the "
                f"tensor ({self.ndim})"
            )
        if -1 in wanted[:extra]:
            raise RuntimeError(
                "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension "
                f"{wanted.index(-1)}"
            )
        shape = tuple(self._array.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(wanted))
        _check_expandable(self.shape, shape)
        return ops.expand(self, shape)

    broadcast_to = expand

    def expand_as(self, other: Tensor) -> Tensor:
        return self.expand(other.shape)

    def repeat(self, *repeats: Any) -> Tensor:
        """Copies laid side by side, `repeats[i]` times along dimension i."""
        times = shape_of(repeats, "repeat")
        if len(times) < self.ndim:
            raise RuntimeError(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
            )
        return ops.repeat(self, times)

    def narrow(self, dim: int, start: int, length: int) -> Tensor:
        """A view of `length` places along `dim` from `start` on."""
        axis = one_dim(dim, self.ndim)
        size = self.shape[axis]
        start = start + size if start < 0 else start
        if start + length > size:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
        return ops.narrow(self, axis, start, length)

    def select(self, dim: int, index: int) -> Tensor:
        """A view of one place along `dim`."""
        axis = one_dim(dim, self.ndim)
        if not -self.shape[axis] <= index < self.shape[axis]:
            raise IndexError(
                f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {dim}"
            )
        return self[(slice(None),) * axis + (index,)]

    def split(self, split_size: Any, dim: int = 0) -> tuple:
        """Views of consecutive parts along `dim`, of the given size (the last may be smaller) or sizes."""
        axis = one_dim(dim, self.ndim)
        n = self.shape[axis]
        if isinstance(split_size, int):
            if split_size < 0:
                raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
            if split_size == 0 and n:
                raise RuntimeError(
                    f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
                )
            starts = range(0, n, split_size) if n else range(1)
            return ops.split(self, axis, tuple(builtins.min(split_size, n - start) for start in starts))
        sizes = tuple(split_size)
        if builtins.sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {axis}), "
                f"but got split_sizes={list(sizes)}"
            )
        return ops.split_with_sizes(self, axis, sizes)

    def chunk(self, chunks: int, dim: int = 0) -> tuple:
        """At most `chunks` views of equal size (but the last) along `dim`."""
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        n = self.shape[one_dim(dim, self.ndim)]
        return self.split(-(-n // chunks), dim) if n else self.split((0,) * chunks, dim)

    def unbind(self, dim: int = 0) -> tuple:
        """Views of each place along `dim`."""
        return ops.unbind(self, one_dim(dim, self.ndim))

    def flip(self, *dims: Any) -> Tensor:
        """In reverse order along `dims`."""
        return ops.flip(self, dims_of(shape_of(dims, "flip"), self.ndim) or ())

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """Shifted along `dims`; what leaves at one end enters at the other."""
        if dims is None:
            return ops.roll(self, (shifts,), None)
        pairs = list(zip(np.atleast_1d(shifts).tolist(), np.atleast_1d(dims).tolist(), strict=True))
        return ops.roll(self, tuple(s for s, _ in pairs), tuple(one_dim(d, self.ndim) for _, d in pairs))

    def tril(self, diagonal: int = 0) -> Tensor:
        """The lower triangle, zeros above."""
        return ops.tril(_matrix("tril", self), diagonal)

    def triu(self, diagonal: int = 0) -> Tensor:
        """The upper triangle, zeros below."""
        return ops.triu(_matrix("triu", self), diagonal)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """A view of the diagonal of two dimensions, as the last dimension."""
        a, b = one_dim(dim1, self.ndim), one_dim(dim2, self.ndim)
        if a == b:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        return ops.diagonal(self, offset, a, b)

    def diag(self, diagonal: int = 0) -> Tensor:
        """The diagonal of a matrix; of a vector, the matrix with it on the diagonal."""
        if self.ndim == 2:
            return self.diagonal(diagonal).clone()
        n = len(self) + builtins.abs(diagonal)
        return ops.diag_embed(self, diagonal, 0, 1, (n, n))

    # --- indexing

    def __getitem__(self, index: Any) -> Tensor:
        basic, advanced = indices.normalize(index, self._array.shape)
        out = self if basic is None else self._basic(basic)
        return out if advanced is None else ops.index(out, advanced)

    def _basic(self, basic: tuple) -> Tensor:
        """A view by ints, slices and None, under torch's name of the last step taken."""
        last = next((item for item in reversed(basic) if not (isinstance(item, slice) and item == slice(None))), None)
        if isinstance(last, int):
            return ops.select(self, basic)
        return ops.slice(self, basic) if last is not None or None not in basic else ops.unsqueeze_index(self, basic)

    def __setitem__(self, index: Any, value: Any) -> None:
        basic, advanced = indices.normalize(index, self._array.shape)
        if basic is None or (advanced is None and all(item == slice(None) for item in basic)):
            target = self
        else:
            target = self._basic(basic)
        values = value if isinstance(value, Tensor) else Variable.wrap(np.asarray(value, self._array.dtype))
        if values.ndim and values.shape[0] == 1:
            values = values.reshape(_without_leading_ones(values.shape))
        if advanced is None:
            _check_expandable(values.shape, target.shape)
            target.copy_(values)
        else:
            target.index_put_(advanced, values)

    def index_put(self, indices_: Any, values: Tensor, accumulate: bool = False) -> Tensor:
        """A copy with `values` written (or added) at the places that a tuple of index tensors names."""
        places = tuple(i._array if isinstance(i, Tensor) else i for i in indices_)
        wanted = self._array[places].shape
        try:
            np.broadcast_to(values._array, wanted)
        except ValueError:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of "
                f"shape {list(wanted)}"
            ) from None
        if values.dtype is not self.dtype:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{type_name(self._array.dtype)} for the destination and {type_name(values._array.dtype)} for the source."
            )
        return (ops.index_add_at if accumulate else ops.index_put)(self, values, places)

    index_put_ = _in_place(index_put)

    def gather(self, dim: int, index: Tensor) -> Tensor:
        """out[i][j][k] = self[i][index[i][j][k]][k] for dim = 1; likewise for other dims."""
        axis = one_dim(dim, self.ndim)
        if index.ndim != self.ndim and index.numel():
            raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
        _check_gather_index(index, self, axis)
        return self._along(ops.gather, dim, index)

    def scatter_add(self, dim: int, index: Tensor, src: Tensor) -> Tensor:
        """A copy with src[i][j][k] added at [i][index[i][j][k]][k] for dim = 1; likewise for other dims."""
        axis = one_dim(dim, self.ndim)
        _check_gather_index(index, self, axis)
        if src.dtype is not self.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        part = src[tuple(slice(n) for n in index.shape)] if src.shape != index.shape else src
        return ops.scatter_add(self, part, along(index._array, axis))

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """The places along `dim` that a vector names."""
        axis = one_dim(dim, self.ndim)
        size = self.shape[axis] if self.ndim else 1
        if index.numel() and not (0 <= index._array.min() and index._array.max() < size):
            raise IndexError("index out of range in self")
        return ops.index_select(self, (slice(None),) * axis + (np.atleast_1d(index._array),)) if self.ndim else self.clone()

    def masked_fill(self, mask: Tensor, value: Any) -> Tensor:
        """`value` where mask is true, else self."""
        if mask._array.dtype.kind != "b":
            raise RuntimeError(
                f"masked_fill_ only supports boolean masks, but got mask with dtype {c_name(mask._array.dtype)}"
            )
        if isinstance(value, Tensor) and value.ndim:
            raise RuntimeError(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value.ndim} dimension(s)."
            )
        return (ops.masked_fill_tensor if isinstance(value, Tensor) else ops.masked_fill)(self, mask, value)

    def masked_select(self, mask: Tensor) -> Tensor:
        """The elements where mask is true, as a vector."""
        if mask._array.dtype.kind != "b":
            raise RuntimeError(f"masked_select: expected BoolTensor for mask")
        shape = np.broadcast_shapes(self.shape, mask.shape)
        return ops.masked_select(self.expand(shape), np.broadcast_to(mask._array, shape).nonzero())

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """The indices of the elements that are not 0: a row for each, or a tensor for each dimension."""
        places = np.atleast_1d(self._array).nonzero() if as_tuple else self._array.nonzero() if self.ndim else ()
        if as_tuple:
            return tuple(Variable.wrap(axis) for axis in places)
        if not self.ndim:
            return Variable.wrap(np.empty((int(bool(self._array)), 0), np.int64))
        return Variable.wrap(np.stack(places, axis=1).astype(np.int64))

    # --- types, copies

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """As another dtype (or like another tensor); itself if nothing changes and copy=False."""
        wanted, copy = self.dtype, kwargs.pop("copy", False)
        for arg in (*args, kwargs.pop("dtype", None), kwargs.pop("device", None), kwargs.pop("other", None)):
            if isinstance(arg, dtypes.dtype):
                wanted = arg
            elif isinstance(arg, Tensor):
                wanted = arg.dtype
            elif isinstance(arg, str | device):
                check_device(arg)
        if wanted is self.dtype:
            return self.clone() if copy else self
        return ops.cast(self if wanted.is_floating_point else self.detach(), wanted.numpy)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """As another dtype; without one, the type's name as torch has it."""
        if dtype is None:
            return f"tinynn.{type_name(self._array.dtype)}Tensor"
        if isinstance(dtype, str):
            dtype = _by_type_name(dtype)
        return self.to(dtype if isinstance(dtype, dtypes.dtype) else dtypes.from_numpy_dtype(dtypes.as_numpy(dtype)))

    def type_as(self, other: Tensor) -> Tensor:
        return self.to(other.dtype)

    # fmt: off
    def half(self)   -> Tensor: return self.to(dtypes.float16)
    def float(self)  -> Tensor: return self.to(dtypes.float32)
    def double(self) -> Tensor: return self.to(dtypes.float64)
    def int(self)    -> Tensor: return self.to(dtypes.int32)
    def long(self)   -> Tensor: return self.to(dtypes.int64)
    def short(self)  -> Tensor: return self.to(dtypes.int16)
    def bool(self)   -> Tensor: return self.to(dtypes.bool_)
    def byte(self)   -> Tensor: return self.to(dtypes.uint8)
    # fmt: on

    def cpu(self) -> Tensor:
        return self

    def cuda(self, device: Any = None) -> Tensor:
        check_device("cuda")
        return self

    def pin_memory(self) -> Tensor:
        return self

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy that gradients flow through."""
        return ops.clone(self, "C" if self._feature_major else "K")

    # fmt: off
    def new_tensor(self, data: Any, dtype: Any = None)  -> Tensor: return Variable.wrap(np.array(data, dtype=(dtype or self.dtype).numpy))
    def new_zeros(self, *size: Any, dtype: Any = None)  -> Tensor: return Variable.wrap(np.zeros(shape_of(size), (dtype or self.dtype).numpy))
    def new_ones(self, *size: Any, dtype: Any = None)   -> Tensor: return Variable.wrap(np.ones(shape_of(size), (dtype or self.dtype).numpy))
    def new_empty(self, *size: Any, dtype: Any = None)  -> Tensor: return Variable.wrap(np.empty(shape_of(size), (dtype or self.dtype).numpy))
    def new_full(self, size: Any, fill_value: Any, dtype: Any = None) -> Tensor: return Variable.wrap(np.full(shape_of((size,)), fill_value, (dtype or self.dtype).numpy))
    # fmt: on

    # --- in place

    def _overwrite(self, result: Tensor) -> Tensor:
        """Take the values and the history of `result`, if its dtype and shape allow."""
        own, new = self._array, result._array
        if "biuf".index(new.dtype.kind.replace("u", "i")) > "biuf".index(own.dtype.kind.replace("u", "i")):
            raise RuntimeError(
                f"result type {type_name(new.dtype)} can't be cast to the desired output type {type_name(own.dtype)}"
            )
        if new.shape != own.shape and np.broadcast_shapes(new.shape, own.shape) != own.shape:
            raise RuntimeError(
                f"output with shape {list(own.shape)} doesn't match the broadcast shape {list(new.shape)}"
            )
        return overwrite(self, result)

    # fmt: off
    add_, sub_, mul_, div_    = _in_place(add), _in_place(sub), _in_place(mul), _in_place(div)
    __iadd__, __isub__        = _in_place(__add__), _in_place(__sub__)
    __imul__, __itruediv__    = _in_place(__mul__), _in_place(__truediv__)
    __ifloordiv__, __imod__   = _in_place(__floordiv__), _in_place(__mod__)
    __iand__, __ior__, __ixor__ = _in_place(__and__), _in_place(__or__), _in_place(__xor__)
    pow_ = __ipow__           = _in_place(pow)
    floor_divide_, remainder_ = _in_place(floor_divide), _in_place(remainder)
    exp_, expm1_, log_, log1p_  = (_in_place(row) for row in (exp, expm1, log, log1p))
    sqrt_, rsqrt_, square_      = (_in_place(row) for row in (sqrt, rsqrt, square))
    sin_, cos_, tanh_, sigmoid_ = (_in_place(row) for row in (sin, cos, tanh, sigmoid))
    reciprocal_, relu_, sign_   = (_in_place(row) for row in (reciprocal, relu, sign))
    abs_, neg_, round_          = _in_place(abs), _in_place(neg), _in_place(round)
    floor_, ceil_, trunc_       = (_in_place(row) for row in (floor, ceil, trunc))
    clamp_ = clip_              = _in_place(clamp)
    masked_fill_, scatter_add_  = _in_place(masked_fill), _in_place(scatter_add)
    tril_, triu_                = _in_place(tril), _in_place(triu)
    # fmt: on

    def copy_(self, src: Any, non_blocking: bool = False) -> Tensor:
        """Overwrite with the (broadcast) values of `src`, cast to this tensor's dtype."""
        check_writable(self)
        _check_broadcastable(self.shape, src.shape)
        if np.broadcast_shapes(self.shape, src.shape) != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape "
                f"{list(np.broadcast_shapes(self.shape, src.shape))}"
            )
        return overwrite(self, ops.copy(self, src))

    def fill_(self, value: Any) -> Tensor:
        """Overwrite with one value."""
        check_writable(self)
        row = ops.fill_tensor if isinstance(value, Tensor) else ops.fill
        return overwrite(self, row(self, value))

    def zero_(self) -> Tensor:
        """Overwrite with zeros."""
        check_writable(self)
        return overwrite(self, ops.zero(self, 0))

    # --- random values, in place

    def uniform_(
        self, a: builtins.float = 0.0, b: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with draws from U(a, b)."""
        return self._draw(generator, "uniform", a, b)

    def normal_(
        self, mean: builtins.float = 0.0, std: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with draws from N(mean, std^2)."""
        return self._draw(generator, "normal", mean, std)

    def exponential_(self, lambd: builtins.float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fill with draws from the exponential distribution of rate lambd."""
        return self._draw(generator, "exponential", lambd)

    def random_(self, *bounds: builtins.int, generator: Generator | None = None) -> Tensor:
        """Fill with integers: of the dtype's whole range, below `to`, or from `from_` up to below `to`."""
        return self._draw(generator, "random", *((0, *bounds) if len(bounds) == 1 else bounds))

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fill with ones, with probability p (a number, or a tensor of them), and zeros."""
        check_writable(self)
        drawn = (generator or default_generator).bernoulli(
            self._array.shape, p._array if isinstance(p, Tensor) else p, self._array.dtype
        )
        return overwrite(self, ops.copy(self, Variable.wrap(drawn)))

    def _draw(self, generator: Generator | None, distribution: str, *parameters: Any) -> Tensor:
        check_writable(self)
        draw = getattr(generator or default_generator, distribution)
        return overwrite(self, ops.copy(self, Variable.wrap(draw(self._array.shape, self._array.dtype, *parameters))))


# --- what several methods check


def _scaled(x: Tensor, other: Any, alpha: float) -> Any:
    """alpha * other, for `x.add(other, alpha=alpha)`; a bool stays one."""
    if isinstance(alpha, float) and dtypes.result_type(x._array, _raw(other)).kind != "f":
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other * alpha if not _is_bool(other) else other if alpha else other ^ other


def _raw(operand: Any) -> Any:
    return operand._array if isinstance(operand, Variable) else operand


def _need_float(name: str, x: Tensor) -> None:
    if x._array.dtype.kind != "f":
        got = type_name(x._array.dtype)
        if name == "mean":
            raise RuntimeError(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                f"Got: {got}"
            )
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {got}")


def _need_same_dtype(a: Tensor, b: Tensor) -> None:
    if a._array.dtype is not b._array.dtype:
        raise RuntimeError(
            "expected m1 and m2 to have the same dtype, but got: "
            f"{c_name(a._array.dtype)} != {c_name(b._array.dtype)}"
        )


def _not_empty(name: str, x: Tensor, dim: Any) -> Tensor:
    axis = dims_of(dim, x.ndim)
    axes = range(x.ndim) if axis is None else np.atleast_1d(axis).tolist()
    if x.numel() == 0 and (axis is None or any(x.shape[i] == 0 for i in axes)):
        if axis is None:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                "with the 'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return x


def _refuse_empty_norm(x: Tensor, p: builtins.float, dim: Any) -> None:
    axis = dims_of(dim, x.ndim)
    for i in range(x.ndim) if axis is None else np.atleast_1d(dim).tolist():
        if x.shape[i] == 0:
            where = "an empty tensor" if axis is None else f"the dimension {i}"
            because = "the operation" if axis is None else "this dimension is empty and the operation"
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p:.0f} norm on {where}{' ' if axis is None else ''}because "
                f"{because} does not have an identity"
            )


def _only_value(x: Tensor) -> Any:
    if x.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return x._array.item()


def _matrix(name: str, x: Tensor) -> Tensor:
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    return x


def _cannot_multiply(a: Sequence[int], b: Sequence[int]) -> str:
    return (
        f"mat1 and mat2 shapes cannot be multiplied ({listed(a)} and {listed(b)})\n"
        "The last size of the first must equal the first size of the second."
    )


def _check_broadcastable(a: Sequence[int], b: Sequence[int]) -> None:
    mismatch = size_mismatch([np.broadcast_to(0, shape) for shape in (a, b)])
    if mismatch:
        raise mismatch


def _legacy_name(numpy_dtype: np.dtype) -> str:
    """The tensor's class in torch's oldest messages."""
    return "CPUBoolType" if numpy_dtype.kind == "b" else f"tinynn.{type_name(numpy_dtype)}Tensor"


def _check_expandable(shape: Sequence[int], target: Sequence[int]) -> None:
    """Raise torch's error unless a tensor of `shape` can be expanded to `target`."""
    extra = len(target) - len(shape)
    if extra < 0:
        raise RuntimeError(
            f"expand(tinynn.FloatTensor{{{list(shape)}}}, size={list(target)}): the number of sizes provided "
            f"({len(target)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    for i, n in reversed(list(enumerate(shape))):
        if n not in (1, target[extra + i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[extra + i]}) must match the existing size ({n}) at "
                f"non-singleton dimension {extra + i}.  Target sizes: {list(target)}.  Tensor sizes: {list(shape)}"
            )


def _check_gather_index(index: Tensor, x: Tensor, axis: int) -> None:
    for d, (n, m) in enumerate(zip(index.shape, x.shape, strict=False)):
        if n > m and d != axis:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than self "
                f"{list(x.shape)} apart from dimension {axis}"
            )
    size = x.shape[axis] if x.ndim else 1
    outside = index._array[(index._array < 0) | (index._array >= size)]
    if outside.size:
        raise RuntimeError(f"index {outside.flat[0]} is out of bounds for dimension {axis} with size {size}")


def _without_leading_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """torch lets a value have extra dimensions of size 1 in front when it is assigned."""
    while shape and shape[0] == 1:
        shape = shape[1:]
    return tuple(shape)


def _moved(ndim: int, source: Any, destination: Any) -> list[int]:
    """The order of dimensions after moving `source` to `destination`."""
    sources = [one_dim(d, ndim) for d in np.atleast_1d(source).tolist()]
    order = [d for d in range(ndim) if d not in sources]
    for place, dim in sorted(zip([one_dim(d, ndim) for d in np.atleast_1d(destination).tolist()], sources, strict=True)):
        order.insert(place, dim)
    return order


def _by_type_name(name: str) -> dtypes.dtype:
    short = name.rpartition(".")[2]
    for d in dtypes.ALL:
        if short in (f"{type_name(d.numpy)}Tensor", d.name):
            return d
    raise ValueError(f"invalid type: '{name}'")


def _rebuild(cls: type, array: np.ndarray, requires_grad: bool) -> Tensor:
    """Unpickle a tensor."""
    new = object.__new__(cls)
    new._array, new._counter, new._requires_grad = array, [0], requires_grad
    return new


Variable.tensor = Tensor
