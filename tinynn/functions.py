"""torch's functions on tensors: `tinynn.exp(x)` beside `x.exp()`, and those that take several tensors.

A function that is also a method is that method, with torch's message for an argument that is no Tensor.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.grad_mode import no_grad
from tinynn.creation import _finish, _numpy_dtype
from tinynn.methods.conjugation import imag, real
from tinynn.methods.factoring import Factoring, lu_unpack
from tinynn.methods.linear_algebra import LinearAlgebra
from tinynn.methods.placing import Placing
from tinynn.methods.rearranging import Rearranging
from tinynn.methods.rows import NUMBERS, UNARY
from tinynn.methods.special import Special
from tinynn.methods.statistics import Statistics
from tinynn.methods.strided import Strided
from tinynn.ops.linalg import LETTERS
from tinynn.random import Generator, default_generator
from tinynn.size import one_dim, one_shape
from tinynn.tensor import Tensor

# The methods that are functions too, besides those of `unary`.
OTHERS = """
    absolute add addmm all allclose amax amin any argmax argmin argsort bitwise_and bitwise_not
    bitwise_or bitwise_xor bmm broadcast_to chunk clamp clip clone count_nonzero cumsum detach diag
    diagonal div divide dot eq equal flatten flip floor_divide fmod gather ge gt index_put index_select
    is_floating_point isclose le log_softmax logical_and logical_or logical_xor logsumexp lt masked_fill
    masked_select matmul max maximum mean min minimum mm movedim mul multinomial multiply mv narrow ne neg
    negative nonzero norm numel permute pow prod ravel remainder reshape roll round scatter_add select
    softmax sort split squeeze std sub subtract sum swapaxes t topk transpose tril triu true_divide unbind
    unflatten unique unsqueeze var
    adjoint conj conj_physical conj_physical_ is_complex is_conj is_inference is_neg is_nonzero is_same_size
    is_signed isreal resolve_conj resolve_neg swapdims
""".split()  # noqa: SIM905 - a list would take a line for each
# The in-place methods that torch has as functions too.
IN_PLACE = """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_
    atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ cos_ cosh_ deg2rad_ detach_ erf_ erfc_ exp_ expm1_
    fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_
    negative_ rad2deg_ reciprocal_ relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_
    tanh_ trunc_ xlogy_
""".split()  # noqa: SIM905
# all their methods are functions
KINDS = (Special, Statistics, Rearranging, Placing, LinearAlgebra, Factoring, Strided)


def _methods_of(kind: type) -> list[str]:
    """The methods that write nothing."""
    return [name for name in vars(kind) if not name.startswith("_") and not name.endswith("_")]


METHODS = [*dict.fromkeys([*UNARY, *OTHERS, *chain(*map(_methods_of, KINDS))])]

# fmt: off
__all__ = [
    *METHODS, *IN_PLACE, "bernoulli", "broadcast_tensors", "cat", "concat", "concatenate", "einsum", "fill",
    "fill_", "get_rng_state", "imag", "initial_seed", "is_tensor", "lu_unpack", "manual_seed", "normal",
    "promote_types", "randint",
    "randint_like", "randperm", "real", "resize_as_", "result_type", "seed",
    "set_rng_state", "stack", "where", "zero_",
]
# fmt: on


_OF_NUMBERS = """
    add bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor div float_power mul pow
    remainder sub xlogy
""".split()  # noqa: SIM905 - their first operand may be a number


def _function(name: str) -> Callable:
    method = getattr(Tensor, name)

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(input, Tensor):
            if name in _OF_NUMBERS and isinstance(input, NUMBERS) and args and isinstance(args[0], Tensor):
                input = Tensor.wrap(np.asarray(input, dtypes.number_dtype(input)))
            else:
                raise TypeError(
                    f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
                )
        return method(input, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`input.{name}(...)`: {getattr(method, '__doc__', '')}"
    return function


globals().update({name: _function(name) for name in (*METHODS, *IN_PLACE)})


def polygamma(n: int, input: Tensor) -> Tensor:
    """`input.polygamma(n)`."""
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}")
    return input.polygamma(n)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where condition, else other; with the condition alone, the indices where it holds."""
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    for value in (input, other):
        if not isinstance(value, (Tensor, *NUMBERS)):
            raise TypeError(
                "where() received an invalid combination of arguments - got "
                f"({', '.join(type(a).__name__ for a in (condition, input, other))}), but expected one of: "
                "(Tensor condition), (Tensor condition, Tensor or Number input, Tensor or Number other)"
            )
    if isinstance(input, Tensor):
        return input.where(condition, other)
    follows = isinstance(other, Tensor) and not isinstance(input, float)
    dtype = other._array.dtype if follows else dtypes.number_dtype(input)
    return Tensor.wrap(np.asarray(input, dtype)).where(condition, other)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like `input`, filled with one value."""
    return input.clone().fill_(value)


def fill_(input: Tensor, value: Any) -> Tensor:
    """`input.fill_(value)`."""
    return input.fill_(value)


def zero_(input: Tensor) -> Tensor:
    """`input.zero_()`."""
    return input.zero_()


def resize_as_(input: Tensor, the_template: Tensor) -> Tensor:
    """`input.resize_as_(the_template)`."""
    return input.resize_as_(the_template)


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along an existing dimension. Empty vectors are skipped, as in torch."""
    _check_tensors(tensors, "cat")
    if len(tensors) == 0:
        raise ValueError("tinynn.cat(): expected a non-empty list of Tensors")
    kept = [x for x in tensors if x.shape != (0,)] or list(tensors)
    axis = one_dim(dim, kept[0].ndim)
    if builtins.any(x.ndim == 0 for x in kept):
        raise RuntimeError(
            f"zero-dimensional tensor (at position {[x.ndim for x in kept].index(0)}) cannot be concatenated"
        )
    for i, x in enumerate(kept):
        if x.ndim != kept[0].ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {kept[0].ndim} and {x.ndim}"
            )
        for n, m, d in zip(kept[0].shape, x.shape, range(x.ndim), strict=True):
            if n != m and d != axis:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {n} but got size "
                    f"{m} for tensor number {i} in the list."
                )
    nothing = (*kept[0].shape[:axis], 0, *kept[0].shape[axis + 1 :])
    return ops.cat(axis, *_promoted([x.reshape(nothing) if x.shape == (0,) else x for x in tensors]))


concat = concatenate = cat


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along a new dimension."""
    _check_tensors(tensors, "stack")
    if len(tensors) == 0:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0]._array.shape
    for i, x in enumerate(tensors):
        if x._array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.shape)} at entry {i}"
            )
    return ops.stack(one_dim(dim, tensors[0].ndim + 1), *_promoted(tensors))


def _check_tensors(tensors: Any, name: str) -> None:
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(tensors).__name__}"
        )
    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")


def _promoted(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    if len({x._array.dtype for x in tensors}) == 1:
        return tensors
    common = dtypes.BY_NUMPY[dtypes.result_type(*(x._array for x in tensors))]
    return [x.to(common) for x in tensors]


def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors, each expanded to their common shape."""
    shape = np.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(x if x.shape == shape else x.expand(shape) for x in tensors)


def result_type(a: Any, b: Any) -> dtypes.dtype:
    """The dtype of an arithmetic operation between two tensors or numbers."""
    return dtypes.BY_NUMPY[dtypes.result_type(*(x._array if isinstance(x, Tensor) else x for x in (a, b)))]


def promote_types(a: dtypes.dtype, b: dtypes.dtype) -> dtypes.dtype:
    """The smallest dtype that holds both."""
    return dtypes.BY_NUMPY[dtypes.promote_types(a.numpy, b.numpy)]


def is_tensor(value: Any) -> bool:
    """Whether `value` is a Tensor."""
    return isinstance(value, Tensor)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum of products by Einstein's notation: `einsum("ij,jk->ik", a, b)` is the matrix product."""
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    explicit = _explicit_equation(equation.replace(" ", ""), [x.ndim for x in tensors])
    _check_sizes(explicit.partition("->")[0].split(","), tensors)
    return ops.einsum(explicit, *tensors)


def _check_sizes(terms: list[str], tensors: Sequence[Tensor]) -> None:
    """A letter stands for one size (or 1) in all operands."""
    sizes: dict[str, int] = {}
    for i, (term, x) in enumerate(zip(terms, tensors, strict=True)):
        for letter, n in zip(term, x.shape, strict=True):
            if n != sizes.setdefault(letter, n) and 1 not in (n, sizes[letter]):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {n} for operand {i} which does not broadcast "
                    f"with previously seen size {sizes[letter]}"
                )
            sizes[letter] = builtins.max(n, sizes[letter])


def _explicit_equation(equation: str, ndims: list[int]) -> str:
    """`equation` with its output written out, and letters in place of `...`."""
    inputs, arrow, output = equation.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        how_many = "more" if len(ndims) > len(terms) else "fewer"
        raise RuntimeError(f"einsum(): {how_many} operands were provided than specified in the equation")
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        named = len(term.replace("...", ""))
        if named != ndim and ("..." not in term or named > ndim):
            ellipsis = "" if "..." in term else " and no ellipsis was given"
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match the number of "
                f"dimensions ({ndim}) for operand {i}{ellipsis}"
            )
    used = set(equation)
    spare = "".join(c for c in LETTERS if c not in used)
    most = builtins.max(
        (ndim - len(term) + 3 for term, ndim in zip(terms, ndims, strict=True) if "..." in term), default=0
    )
    dots = spare[:most]
    full = [
        term.replace("...", dots[most - (ndim - len(term) + 3) :]) if "..." in term else term
        for term, ndim in zip(terms, ndims, strict=True)
    ]
    for c in output.replace("...", ""):
        if c not in inputs:
            raise RuntimeError(
                f"einsum(): output subscript {c} does not appear in the equation for any input operand"
            )
    if not arrow:
        letters = "".join(terms).replace(".", "")
        output = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return ",".join(full) + "->" + output.replace("...", dots)


# --- random


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers from low (default 0) below high: `randint(10, (2, 3))`, `randint(5, 10, (2, 3))`."""
    if size is None:
        low, high, size = 0, low, high
    drawn = (generator or default_generator).randint(
        low, high, one_shape(size, "randint"), _numpy_dtype(dtype, dtypes.int64.numpy)
    )
    return _finish(drawn, requires_grad, device)


def randint_like(
    input: Tensor, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """`randint` with the shape and dtype of `input`."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, dtype=dtype or input.dtype, device=device)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None) -> Tensor:
    """The numbers below n in random order."""
    return _finish(
        (generator or default_generator).randperm(n, _numpy_dtype(dtype, dtypes.int64.numpy)), False, device
    )


def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that `input` gives for each element (or with p), else 0."""
    return input.bernoulli(p, generator=generator)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Draws from N(mean, std^2). With tensors, one draw for each element; with numbers, `size` of them.

    As in torch no gradient flows through a draw: those of the tensors are zeros.
    """
    draw = (generator or default_generator).normal
    given = [x for x in (mean, std) if is_tensor(x)]
    if not given:
        return _finish(draw(one_shape(size, "normal"), _numpy_dtype(dtype), mean, std), False, device)
    if is_tensor(std) and (std < 0).any():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    if not is_tensor(std) and std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    shape = np.broadcast_shapes(*(x.shape for x in given))
    with no_grad():
        drawn = _finish(draw(shape, given[0].dtype.numpy)) * std + mean
    return ops.drawn_normal(mean, std, drawn._array)


def manual_seed(seed: int) -> Generator:
    """Seed the generator that all draws use unless they are given another; returns it."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Seed the default generator from the system's randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator was last given."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state, as torch's uint8 tensor."""
    return Tensor.wrap(default_generator.get_state())


def set_rng_state(new_state: Tensor) -> None:
    """Continue from a state that `get_rng_state` gave, here or in torch."""
    default_generator.set_state(new_state)
