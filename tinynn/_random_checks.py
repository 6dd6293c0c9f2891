"""What torch refuses to draw: its exceptions and first lines, each with a line on what would help.

Conditions are negated (`not low <= high`) so that nan fails them.
"""

import warnings
from typing import Any

import numpy as np

from tinynn.size import c_name, type_name

Array = np.ndarray

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


# The largest integer that each dtype holds together with all smaller ones.
# fmt: off
LARGEST_INTEGER = {
    np.dtype("bool"):    1,
    np.dtype("uint8"):   2**8 - 1,
    np.dtype("int8"):    2**7 - 1,
    np.dtype("int16"):   2**15 - 1,
    np.dtype("int32"):   2**31 - 1,
    np.dtype("int64"):   2**63 - 1,
    np.dtype("float16"): 2**11,
    np.dtype("float32"): 2**24,
    np.dtype("float64"): 2**53,
}
# fmt: on


def _not_implemented(kernel: str, dtype: np.dtype, instead: str) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(dtype)}'\nUse {instead}.")


# --- the stream


def seed(value: Any) -> None:
    if isinstance(value, np.integer):
        raise TypeError("an integer is required\nPass int(seed).")
    if not isinstance(value, int) or isinstance(value, bool):
        raise RuntimeError(f"manual_seed expected a long, but got {type(value).__name__}\nPass int(seed).")
    if not INT64_MIN <= value < 2**64:
        raise ValueError("Overflow when unpacking long long\nA seed lies in [-2**63, 2**64).")


def state_bytes(state: Any, size: int) -> None:
    if not hasattr(state, "__array__"):
        raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}\nPass a get_state().")
    array = np.asarray(state)
    if array.dtype != np.uint8:
        raise TypeError("RNG state must be a torch.ByteTensor\nPass a get_state(), which is of uint8.")
    if array.size != size:
        raise RuntimeError(
            f"Expected a CPUGeneratorImplState of size {size} but found the input RNG state size to be "
            f"{array.size}\nPass a get_state()."
        )


# --- the draws


def uniform(dtype: np.dtype, low: float, high: float) -> None:
    if dtype.kind != "f":
        raise _not_implemented("check_uniform_bounds", dtype, "a floating point dtype")
    limit = float(np.finfo(dtype).max)
    for bound, value in (("from", low), ("to", high)):
        if not abs(value) <= limit:
            raise RuntimeError(f"{bound} is out of bounds for {c_name(dtype)}\nIt is {value:g}.")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}\n"
            "Swap the two."
        )
    if high - low > limit:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{type_name(dtype)}>::max(), but found "
            f"to={high:g} and from={low:g} which result in to-from to exceed the limit\nIt is {limit:g}."
        )


def probability(p: float) -> None:
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}\nIt is a probability.")


def probabilities(p: Array) -> None:
    if p.dtype.kind != "f":
        raise _not_implemented("bernoulli_tensor_cpu_p_", p.dtype, "a floating point dtype")
    if not np.all((p >= 0) & (p <= 1)):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
            "improved?  If so, please report an enhancement request to PyTorch.)\n"
            "A probability is below 0, above 1, or nan."
        )


def normal(dtype: np.dtype, n: int, std: float) -> None:
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}\nIt is a standard deviation.")
    if n > 0 and dtype.kind != "f":
        raise _not_implemented("normal_kernel_cpu", dtype, "a floating point dtype")


def exponential(dtype: np.dtype, n: int, lambd: float) -> None:
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}\nIt is a rate.")
    if n > 0 and dtype.kind != "f":
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a floating "
            f"point but you specified {type_name(dtype)}\nDraw floats and convert them."
        )


def cauchy(dtype: np.dtype, sigma: float) -> None:
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}\nIt is a scale.")
    if dtype.kind != "f":
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point "
            f"but you specified {c_name(dtype)}\nDraw floats and convert them."
        )


def geometric(dtype: np.dtype, p: float) -> None:
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}\nIt is a probability.")
    if dtype.kind == "b":
        raise _not_implemented("geometric_cpu", dtype, "an integer dtype")


def log_normal(dtype: np.dtype, std: float) -> None:
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}\nIt is a scale.")
    if dtype.kind != "f":
        raise _not_implemented("log_normal_cpu", dtype, "a float dtype")


def randperm(dtype: np.dtype, n: int) -> None:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]\nn is a count.")
    if dtype == np.bool_:
        raise _not_implemented("randperm", dtype, "an integer dtype")
    if n <= LARGEST_INTEGER[dtype] + 1:
        return
    if dtype.kind == "f":
        most = "2049" if dtype == np.float16 else f"2^{np.finfo(dtype).nmant + 1}+1"
        raise RuntimeError(f"n cannot be greater than {most} for {type_name(dtype)} type.\nUse int64.")
    raise RuntimeError(f"value cannot be converted to type {dtype}_t without overflow\nUse int64.")


def multinomial(p: Array, num_samples: int, replacement: bool) -> None:
    if p.dtype.kind != "f":
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{type_name(p.dtype)}\nConvert the weights."
        )
    if not 1 <= p.ndim <= 2:
        raise RuntimeError(f"prob_dist must be 1 or 2 dim\nIt has {p.ndim} dimensions.")
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples\nnum_samples is {num_samples}.")
    if not replacement and num_samples > p.shape[-1]:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement\n"
            f"There are {p.shape[-1]} categories, and num_samples is {num_samples}."
        )
    if not np.all(np.isfinite(p) & (p >= 0)):
        if replacement and num_samples > 1:
            raise RuntimeError(
                "invalid multinomial distribution (encountering probability entry < 0)\nOr one is nan or inf."
            )
        raise RuntimeError(
            "probability tensor contains either `inf`, `nan` or element < 0\nWeights are finite, from 0 on."
        )
    if not np.all(np.any(p > 0, axis=-1)):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)\nA row is all 0.")


# --- ranges of integers


def whole_range(dtype: np.dtype) -> None:
    """`random_(-2**63, None)`, any int64: only for the dtypes that torch has it for."""
    kernel = "random_full_64_bits_range_kernel_cpu"
    if dtype in (np.bool_, np.float16):
        raise _not_implemented(kernel, dtype, "int64")
    if dtype not in (np.int64, np.float32, np.float64):
        raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16\nUse int64.")


def integer_range(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """The range to draw from, its end excluded, all of which `dtype` can hold."""
    largest = LARGEST_INTEGER[dtype]
    end = largest + 1 if high is None else high
    if not (INT64_MIN <= low <= INT64_MAX and INT64_MIN <= end <= INT64_MAX + (high is None)):
        raise ValueError("Overflow when unpacking long long\nBounds lie in [-2**63, 2**63).")
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}\n"
            "The range is empty."
        )
    limit = float(np.finfo(dtype).max) if dtype.kind == "f" else largest
    smallest = {"b": 0, "u": 0, "i": -limit - 1, "f": -limit}[dtype.kind]
    for bound, value in (("from", low), ("to - 1", end - 1)):
        if not smallest <= value <= limit:
            raise RuntimeError(f"{bound} is out of bounds for {c_name(dtype)}\nIt is {value}.")
    return (low, end) if dtype.kind != "f" else _representable(dtype, low, end, bounded=high is not None)


def _representable(dtype: np.dtype, low: int, end: int, bounded: bool) -> tuple[int, int]:
    """Past 2^digits a float dtype skips integers: the ends move inwards, so that rounding stays in range."""
    largest, digits = LARGEST_INTEGER[dtype], np.finfo(dtype).nmant + 1

    def rounded(value: int) -> int:
        return int(np.array(value, np.int64).astype(dtype))

    cast = "random_ expects 'from' casted to dtype to be less than"
    if not bounded and low >= largest:
        raise RuntimeError(
            f"{cast} or equal to 'to_inc' casted to dtype, but got from={low} > to_inc={largest}\n"
            "Give an upper bound as well."
        )
    if rounded(low + 1) < low:
        low = rounded(low + 1) + 2 ** (abs(low + 1).bit_length() - digits)
    if bounded and end <= rounded(end - 1) <= INT64_MAX:
        end = rounded(end - 1) - 2 ** (abs(end - 1).bit_length() - digits)
    if low >= end:
        raise RuntimeError(
            f"{cast} 'to' casted to dtype, but got from={low} >= to={end}\n"
            f"{dtype} has no integer in the range."
        )
    for bound, value in (("from", low), ("to - 1", end - 1)):
        if abs(value) > largest:
            warnings.warn(
                f"{bound} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                f"{c_name(dtype)} can support discrete uniform distribution only within this range. This "
                "warning will become an error in version 1.7 release, please fix the code in advance",
                stacklevel=4,
            )
    return low, end
