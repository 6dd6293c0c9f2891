"""torch's dtypes and promotion rules, on top of NumPy's.

`float32`, `int64`, ... are the dtype objects scripts compare and pass around; `promote` is what every
arithmetic operation does to its operands first. torch and NumPy differ in three ways that clones miss:

- integers become float32, not float64, when a float is asked of them (`tensor(1) / 2`, `tensor(1).exp()`);
- a 0-d tensor does not widen a tensor with dimensions of the same kind (float32 * 0-d float64 is float32);
- a Python number never widens a tensor of its kind (float32 * 2.5 is float32), and integers wrap around.

Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion
"""

from typing import Any

import numpy as np

Array = np.ndarray


class dtype:  # noqa: N801 - torch's name
    """An element type, as `torch.float32` is one: compared by identity, printed with its module."""

    __slots__ = ("is_floating_point", "is_signed", "itemsize", "max", "name", "numpy")
    is_complex = False

    def __init__(self, name: str):
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        self.is_signed = self.numpy.kind in "if"

    def __repr__(self) -> str:
        return f"tinynn.{self.name}"

    def __reduce__(self) -> tuple:
        return from_numpy_dtype, (self.numpy,)


# fmt: off
float16 = half   = dtype("float16")
float32 = float_ = dtype("float32")
float64 = double = dtype("float64")
int8             = dtype("int8")
int16   = short  = dtype("int16")
int32   = int_   = dtype("int32")
int64   = long   = dtype("int64")
uint8            = dtype("uint8")
bool_            = dtype("bool")
# fmt: on

ALL = (float16, float32, float64, int8, int16, int32, int64, uint8, bool_)
BY_NUMPY = {d.numpy: d for d in ALL}
_PYTHON_TYPES = {float: float64, int: int64, bool: bool_}
_default = np.dtype("float32")


def from_numpy_dtype(numpy_dtype: np.dtype) -> dtype:
    """The dtype object of a NumPy dtype. Raises TypeError for what torch (or tinynn) cannot hold."""
    try:
        return BY_NUMPY[numpy_dtype]
    except KeyError:
        supported = ", ".join(d.name for d in reversed(ALL))
        raise TypeError(
            f"can't convert np.ndarray of type {numpy_dtype}. The only supported types are: {supported}."
        ) from None


def own(array: np.ndarray) -> np.ndarray:
    """The array, its dtype made the same object as everybody's: one from a pickle is only equal to it."""
    expected = from_numpy_dtype(array.dtype).numpy
    return array if array.dtype is expected else array.view(expected)


def as_numpy(kind: Any) -> np.dtype:
    """The NumPy dtype that `kind` (a dtype, or Python's float, int, bool) stands for."""
    if isinstance(kind, dtype):
        return kind.numpy
    if kind in _PYTHON_TYPES:
        return _PYTHON_TYPES[kind].numpy
    raise TypeError(f"dtype must be tinynn.dtype, not {type(kind).__name__}")


def default_dtype() -> np.dtype:
    """The NumPy dtype that floats get when nothing says otherwise."""
    return _default


def get_default_dtype() -> dtype:
    """The dtype of `tensor([1.0])`; float32 unless `set_default_dtype` changed it."""
    return BY_NUMPY[_default]


def set_default_dtype(d: dtype) -> None:
    """Make `d`, a floating point dtype, what floats get when nothing says otherwise."""
    global _default
    if not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type\nGot {d}.")
    _default = d.numpy


# --- promotion: each function takes the operands of an operation and returns them ready for NumPy

CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2}


def number_dtype(value: Any) -> np.dtype:
    """The dtype a Python number has on its own: bool, int64, or the default float."""
    if isinstance(value, (bool, np.bool_)):
        return bool_.numpy
    return int64.numpy if isinstance(value, (int, np.integer)) else _default


def promote_types(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest dtype that holds both, torch's way: any integer with a float is that float."""
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def result_type(*operands: Any) -> np.dtype:
    """torch's result dtype for arrays and Python numbers.

    Operands rank as arrays with dimensions, then 0-d arrays, then Python numbers; a lower rank only
    counts when its category (bool < integer < float) is higher than everything ranked above it.
    """
    ranks: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        rank, own = (
            (operand.ndim == 0, operand.dtype) if isinstance(operand, Array) else (2, number_dtype(operand))
        )
        so_far = ranks[rank]
        ranks[rank] = own if so_far is None else promote_types(so_far, own)
    best = None
    for own in ranks:
        if own is not None and (best is None or CATEGORY[own.kind] > CATEGORY[best.kind]):
            best = own
    assert best is not None
    return best


def convert(operand: Any, to: np.dtype) -> Any:
    """`operand` as dtype `to`; an array that has it already is returned itself, integers wrap around."""
    if isinstance(operand, Array):
        return operand if operand.dtype is to else operand.astype(to)
    if to.kind in "iu" and not isinstance(operand, (bool, float)):
        return np.asarray(int(operand) & (2**64 - 1), dtype=np.uint64).astype(to)
    return np.asarray(operand, dtype=to)


def promote(operands: list) -> list:
    """Operands of an arithmetic operation, in their common dtype."""
    a, b = operands
    if a.dtype is getattr(b, "dtype", float) or (type(b) is float and a.dtype.kind == "f"):
        return operands  # the usual cases need no cast
    common = result_type(*operands)
    return [convert(operand, common) for operand in operands]


def promote_to_float(operands: list) -> list:
    """Operands of an operation about real numbers: their common dtype, or the default float for integers."""
    if len(operands) == 1 and operands[0].dtype.kind == "f":
        return operands
    common = result_type(*operands)
    common = common if common.kind == "f" else _default
    return [convert(operand, common) for operand in operands]
