"""Tensor, torch's tensor around an ndarray: what it is, its place in the graph, how Python and NumPy see it.

What a Tensor can do beyond that is in `tinynn.methods`, by kind.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinynn import dtypes, ops
from tinynn._tensor_str import tensor_str
from tinynn.autograd import engine
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.hooks import RemovableHandle
from tinynn.autograd.inplace import overwrite
from tinynn.autograd.node import Node, next_number
from tinynn.autograd.variable import Variable
from tinynn.device import cpu, device
from tinynn.methods.activation import Activations
from tinynn.methods.conjugation import Conjugation
from tinynn.methods.elementwise import Elementwise, power, refuse_bools, remainder, subtract
from tinynn.methods.factoring import Factoring
from tinynn.methods.linear_algebra import LinearAlgebra
from tinynn.methods.memory import Memory
from tinynn.methods.ordering import Ordering
from tinynn.methods.placing import Placing
from tinynn.methods.random import Random
from tinynn.methods.rearranging import Rearranging
from tinynn.methods.rows import OPERANDS, commuted, in_place, operator, reflected
from tinynn.methods.special import Special, left_shift, right_shift
from tinynn.methods.statistics import Statistics
from tinynn.methods.types import Types
from tinynn.methods.writing import Writing
from tinynn.sequences import constructed
from tinynn.size import Size, c_name, one_dim, type_name
from tinynn.storage import storage_of

_numbering = threading.Lock()


class Tensor(
    Elementwise,
    Special,
    Activations,
    Statistics,
    Ordering,
    LinearAlgebra,
    Factoring,
    Rearranging,
    Placing,
    Types,
    Memory,
    Writing,
    Random,
    Conjugation,
):
    """An n-dimensional array that remembers how it was computed.

    `Tensor([1, 2])` copies data into the default float dtype, `Tensor(2, 3)` is uninitialised memory of that
    shape; `tinynn.tensor(data)`, which infers the dtype, is the usual way to make one.
    """

    __array_priority__ = 1000  # NumPy leaves `array * tensor` to us (and we refuse it, as torch does)

    def __new__(cls, *data: Any) -> Any:
        new = object.__new__(cls)
        new._counter = [0]
        if len(data) == 1 and isinstance(data[0], Tensor):
            new._array = data[0].row_major()
        else:
            new._array = constructed(data, dtypes.default_dtype())
        return new

    # --- what it is

    @property
    def shape(self) -> Size:
        """The sizes of the dimensions."""
        return Size(self._array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.BY_NUMPY[self._array.dtype]

    @property
    def device(self) -> device:
        """Where the elements are: the CPU."""
        return cpu

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self._array.nbytes

    is_sparse = is_cuda = is_quantized = is_mps = is_meta = False
    layout = "tinynn.strided"

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        if dim is not None and not self._array.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        return self.shape if dim is None else self._array.shape[one_dim(dim, self.ndim)]

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    def element_size(self) -> int:
        """The bytes of one element."""
        return self._array.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is one of float16, float32, float64."""
        return self._array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """False: there are no complex dtypes."""
        return False

    # --- its place in the graph

    @property
    def requires_grad(self) -> bool:
        """Whether backward() computes a gradient for this tensor. May be set on a leaf."""
        return self._requires_grad or (self._base is not None and self._base._requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value and self._array.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad` of a leaf, and return it."""
        if self._node is not None and not requires_grad:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed "
                "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if requires_grad and self._array.dtype.kind != "f":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and self._inference and not thread.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
            )
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
                    "assigned grad expected to be a Tensor or None but got grad of type "
                    f"{type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.dtype is not self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{c_name(value._array.dtype)}' to a tensor "
                    f"with grad_dtype '{type_name(self._array.dtype)}'. The gradient must match the tensor's "
                    "grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype "
                    "attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with "
                    "caution. Diverging the dtypes of a tensor and its gradient may break downstream "
                    "systems that assume they match."
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
        return self.grad_fn is None

    @property
    def output_nr(self) -> int:
        """Which of the outputs of `grad_fn` this is."""
        return self._index

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad()` was called on a tensor that is not a leaf."""
        return self._retains_grad

    @property
    def _version(self) -> int:
        if self._inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._counter[0]

    def is_inference(self) -> bool:
        """Whether it was made under `inference_mode`."""
        return self._inference

    def retain_grad(self) -> None:
        """Let backward() fill `.grad` of this tensor although it is not a leaf."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None and not self._retains_grad:
            self.refresh()
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
        """Call `hook(gradient)` when the gradient of this tensor is computed; what it returns replaces it."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.grad_fn
        if node is None:
            self._hooks = {} if self._hooks is None else self._hooks
            return RemovableHandle(self._hooks, hook)
        if node.hooks is None:
            node.hooks = {}
        return RemovableHandle(node.hooks.setdefault(self._index, {}), hook)

    def detach(self) -> Tensor:
        """The same storage, outside of the graph."""
        out = self.data
        out._counter = self._counter
        return out

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph. Raises RuntimeError for a view: its base would stay in it."""
        if thread.inference:
            return self
        if self._base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using "
                "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, "
                "gradients are views of DDP buckets, and hence detach_() cannot be called on these "
                "gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
                "torch/optim/optimizer.py as the solution.\nOr detach_() the tensor it is a view of."
            )
        self._node, self._index, self._requires_grad = None, 0, False
        return self

    @property
    def data(self) -> Tensor:
        """The same storage outside of the graph, with a version counter of its own: writes go unnoticed."""
        out = Variable.wrap(self.row_major())
        if self._base is not None or self._storage is not None:
            out._storage = storage_of(self)
        out._inference = self._inference
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self.requires_grad and value._array.dtype.kind != "f":
            raise RuntimeError(
                "data set to a tensor that requires gradients must be floating point or complex dtype"
            )
        self._array, self._storage = value.row_major(), storage_of(value)
        self._feature_major = False

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
            values = "values" if kind == "no" else "value"
            raise RuntimeError(f"Boolean value of Tensor with {kind} {values} is ambiguous")
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

    def __hash__(self) -> int:
        """By identity, although == compares values. A number, because an `id` comes again."""
        return self._number or self._numbered()

    def _numbered(self) -> int:
        with _numbering:  # two threads must be told the same number
            self._number = self._number or next_number()
        return self._number

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    def __repr__(self) -> str:
        name = type(self).__name__
        prefix = "tensor(" if name in ("Tensor", "Parameter") else f"{name}("
        return tensor_str(
            self._array,
            suffixes=self._history(),
            prefix=prefix,
            dtype_name=str(self.dtype),
            default_dtype=dtypes.default_dtype(),
        )

    def _history(self) -> list[str]:
        """What `repr` says of the graph."""
        try:
            maker = self.grad_fn
        except RuntimeError:  # a view that cannot follow a write to its base
            return ["grad_fn=<Invalid>"]
        if maker is not None:
            return [f"grad_fn=<{maker.label}>"]
        return ["requires_grad=True"] if self.requires_grad else []

    def __deepcopy__(self, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol "
                "at the moment.  If you were attempting to deepcopy a module, this may be because of a "
                "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) not in memo:
            memo[id(self)] = new = object.__new__(type(self))
            new.__dict__.update(
                self.__dict__,
                _array=self.row_major().copy(),
                _counter=[0],
                _base=None,
                _hooks=None,
                _storage=None,
                _origin="",
                _number=0,
            )
            new._grad = None if self._grad is None else self._grad.__deepcopy__(memo)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _rebuild, (type(self), self.row_major(), self._requires_grad)

    # --- operators
    # fmt: off
    __add__, __sub__ = operator("__add__", ops.add), operator("__sub__", subtract)
    __mul__, __truediv__ = operator("__mul__", ops.mul), operator("__truediv__", ops.div)
    __floordiv__, __mod__ = operator("__floordiv__", ops.floor_divide), operator("__mod__", remainder)
    __pow__ = operator("__pow__", power)
    __and__, __or__ = operator("__and__", ops.bitwise_and), operator("__or__", ops.bitwise_or)
    __xor__ = operator("__xor__", ops.bitwise_xor)
    __lshift__, __rshift__ = operator("__lshift__", left_shift), operator("__rshift__", right_shift)
    __lt__, __le__ = operator("__lt__", ops.lt), operator("__le__", ops.le)
    __gt__, __ge__ = operator("__gt__", ops.gt), operator("__ge__", ops.ge)
    __eq__, __ne__ = operator("__eq__", ops.eq), operator("__ne__", ops.ne)  # type: ignore[assignment]
    __neg__, __abs__, __invert__ = Elementwise.neg, Elementwise.abs, Elementwise.bitwise_not

    __radd__, __rmul__ = commuted("__radd__", ops.add), commuted("__rmul__", ops.mul)
    __rand__, __ror__ = commuted("__rand__", ops.bitwise_and), commuted("__ror__", ops.bitwise_or)
    __rxor__ = commuted("__rxor__", ops.bitwise_xor)
    __rfloordiv__, __rmod__ = reflected(ops.floor_divide), reflected(ops.remainder)
    __rlshift__, __rrshift__ = reflected(left_shift), reflected(right_shift)
    __rpow__, _subtracted_from = reflected(ops.rpow), reflected(ops.rsub)

    __iadd__, __isub__ = in_place(__add__), in_place(__sub__)
    __imul__, __itruediv__ = in_place(__mul__), in_place(__truediv__)
    __ifloordiv__, __imod__ = in_place(__floordiv__), in_place(__mod__)
    __ipow__ = in_place(__pow__)
    __ilshift__, __irshift__ = in_place(__lshift__), in_place(__rshift__)
    __iand__, __ior__, __ixor__ = in_place(__and__), in_place(__or__), in_place(__xor__)
    # fmt: on

    def __rsub__(self, other: Any) -> Any:
        refuse_bools(other, self)
        return self._subtracted_from(other)

    def __rtruediv__(self, other: Any) -> Any:
        if not isinstance(other, OPERANDS):
            return NotImplemented
        return ops.mul(self.reciprocal(), other)  # as torch rounds it

    __rdiv__ = __rtruediv__

    def __pos__(self) -> Tensor:
        if self._array.dtype.kind == "b":
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __matmul__(self, other: Any) -> Tensor:
        return self.matmul(other) if isinstance(other, Tensor) else NotImplemented

    def __rmatmul__(self, other: Any) -> Tensor:
        return other.matmul(self) if isinstance(other, Tensor) else NotImplemented

    # --- in place

    def _overwrite(self, result: Tensor) -> Tensor:
        """Take the values and the history of `result`, if its dtype and shape allow."""
        own, new = self._array, result._array
        if new.shape != own.shape and np.broadcast_shapes(new.shape, own.shape) != own.shape:
            raise RuntimeError(
                f"output with shape {list(own.shape)} doesn't match the broadcast shape {list(new.shape)}"
            )
        if dtypes.CATEGORY[new.dtype.kind] > dtypes.CATEGORY[own.dtype.kind]:
            raise RuntimeError(
                f"result type {type_name(new.dtype)} can't be cast to the desired output type "
                f"{type_name(own.dtype)}"
            )
        return overwrite(self, result)


def _only_value(x: Tensor) -> Any:
    if x.numel() != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    return x._array.item()


def _rebuild(cls: type, array: np.ndarray, requires_grad: bool) -> Tensor:
    """Unpickle a tensor."""
    new: Any = object.__new__(cls)
    new._array, new._counter, new._requires_grad = dtypes.own(array), [0], requires_grad
    return new


Variable.tensor = Tensor
