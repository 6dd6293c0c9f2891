"""Printing, character for character: `tensor_str(array)` is `repr(torch.from_numpy(array))`.

The dtype prints under torch's name here (`dtype_name`), it is not replaced afterwards: "tinynn." is a letter
longer than "torch.", and a letter can decide whether the suffix still fits on the line.
"""

import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch._tensor_str import get_printoptions as torch_options
from torch._tensor_str import printoptions as torch_printoptions

import tinynn
from tinynn._tensor_str import get_printoptions, printoptions, set_printoptions, tensor_str

FLOATS = ["float16", "float32", "float64"]
DTYPES = [*FLOATS, "int8", "int16", "int32", "int64", "uint8", "bool"]
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf]
EDGES = [1e-4, 0.99e-4, 1e-3, 0.1, 1.0, 1000.0, 1001.0, 1e8, 1.01e8, 0.5, 0.00005, 9.99995, 99999.5]

many = settings(max_examples=800, derandomize=True, deadline=None)


@contextmanager
def both(**options):
    """The same print options on both sides, for the length of a block."""
    with torch_printoptions(**options), printoptions(**options):
        yield


def text(tensor: torch.Tensor, *suffixes: str, **arguments) -> str:
    array = tensor.detach().as_subclass(torch.Tensor).numpy()
    return tensor_str(array, suffixes=suffixes, dtype_name=str(tensor.dtype), **arguments)


def check(array: np.ndarray) -> None:
    tensor = torch.from_numpy(array)
    assert text(tensor) == repr(tensor)


HAND_MADE = {
    "scalar": 1.5,
    "integral scalar": 3.0,
    "int scalar": 7,
    "bool scalar": True,
    "small scalar": 1e-8,
    "nan scalar": np.nan,
    "one": [1.0],
    "integral floats": [1.0, 2.0, -3.0],
    "fractions": [1.0, 2.5],
    "ratio of 1000": [1.0, 1000.0],
    "ratio above 1000": [1.0, 1001.0],
    "fractional, ratio above 1000": [0.5, 1001.0],
    "1e8": [1e8],
    "above 1e8": [100000008.0],
    "1e-4 in float64": [1e-4],
    "below 1e-4": [0.99e-4],
    "ratio that overflows": [1e-300, 1e300],
    "subnormal": [5e-324],
    "zeros": [0.0, 0.0],
    "negative zeros": [-0.0, 0.0, -0.0],
    "negative zero among integers": [-0.0, 1.0, 2.0],
    "negative zero among fractions": [-0.0, 0.5],
    "rounds to negative zero": [-0.00011, 0.1],
    "rounds up to a wider number": [9.99996, 1.0],
    "only nan": [np.nan],
    "only infinities": [np.inf, -np.inf],
    "nan among integers": [np.nan, 1.0],
    "infinity among wide integers": [np.inf, 123456.0],
    "infinity among fractions": [[np.inf, 0.25], [-np.inf, -1.5]],
    "nan in scientific": [np.nan, 1e-6, 1e6],
    "zero in scientific": [0.0, 1e-6],
    "integral scientific": [1.0, 1e10],
    "negative ints": [[1, -20], [300, 4]],
    "bools": [[True, False], [False, False]],
    "row": [[1.0, 2.0, 3.0]],
    "column": [[1.0], [2.0], [3.0]],
    "ones in 5-D": np.ones((1, 2, 1, 2, 2)),
    "singletons": np.ones((1, 1, 1, 1)),
    "line break": np.linspace(0, 1, 25),
    "line break in blocks": np.linspace(-1, 1, 90).reshape(2, 3, 15),
    "1000 elements": np.arange(1000),
    "1001 elements": np.arange(1001),
    "summarized floats": np.linspace(0, 1, 5000),
    "summarized matrix": np.arange(10000.0).reshape(100, 100),
    "summarized columns": np.arange(2002).reshape(2, 1001),
    "summarized rows": np.arange(2002).reshape(1001, 2),
    "summarized, no middle in six rows": np.arange(1200).reshape(6, 200),
    "summarized, a middle in seven rows": np.arange(1400).reshape(7, 200),
    "summarized blocks": np.arange(2401.0).reshape(7, 7, 7, 7),
    "summarized, three long columns": np.arange(4200).reshape(2, 700, 3),
    "extremes hidden by the summary": np.r_[np.ones(600), 1e9, 1e-9, 0.5, np.ones(600)],
    "longest ints": [np.iinfo("int64").min, np.iinfo("int64").max],
    "transposed": np.arange(12.0).reshape(3, 4).T,
    "strided": np.arange(40.0)[::3],
}


@pytest.mark.parametrize("values", HAND_MADE.values(), ids=HAND_MADE.keys())
def test_hand_made(values):
    check(np.asarray(values))


@pytest.mark.parametrize("values", HAND_MADE.values(), ids=HAND_MADE.keys())
@pytest.mark.parametrize("dtype", DTYPES)
def test_hand_made_in_every_dtype(values, dtype):
    with warnings.catch_warnings(action="ignore"):  # nan and 1e300 have no integer and no float16
        array = np.asarray(values).astype(dtype)
    check(array)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_empty(shape, dtype):
    check(np.zeros(shape, dtype))
    with both(edgeitems=0, threshold=0):
        check(np.zeros(shape, dtype))


def random_array(rng: np.random.Generator, dtype: str) -> np.ndarray:
    """An array of a random magnitude and spread, one in three integral, one in three with nan, inf and -0."""
    shape = tuple(rng.integers(1, 8, rng.integers(0, 4)))
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    spread = 10.0 ** rng.uniform(-1, rng.choice([0, 3]), shape)
    values = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 10) * spread
    if rng.random() < 1 / 3:
        values = np.round(values)
    limits = np.finfo(dtype) if dtype in FLOATS else np.iinfo(dtype)
    values = np.clip(values, max(float(limits.min), -1e15), min(float(limits.max), 1e15))
    if dtype in FLOATS and rng.random() < 1 / 3:
        values = np.where(rng.random(shape) < 0.3, rng.choice(SPECIAL, shape), values)
    return np.asarray(values, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_random_arrays(dtype):
    rng = np.random.default_rng(0)
    for _ in range(1000):
        check(random_array(rng, dtype))


def floats(dtype):
    width = 8 * np.dtype(dtype).itemsize
    fitting = [v for v in EDGES if v <= float(np.finfo(dtype).max)]
    special = st.sampled_from(np.array(SPECIAL + fitting, dtype).tolist())
    integral = st.integers(-2000, 2000).map(float)
    return special | integral | st.floats(-10, 10, width=width) | st.floats(width=width)


def any_array(shape):
    def of(dtype):
        return arrays(dtype, shape, elements=floats(dtype) if dtype in FLOATS else None)

    return st.sampled_from(DTYPES).flatmap(of)


print_options = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 9),
        "threshold": st.sampled_from([0, 1, 5, 20, np.inf]),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(1, 130) | st.floats(1, 130),
        "profile": st.sampled_from(["default", "short", "full", "unknown"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@many
@given(any_array(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)))
def test_any_array(array):
    check(array)


@many
@given(any_array(st.integers(0, 60)))
def test_any_vector(array):
    check(array)


@many
@given(any_array(array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=12)), print_options)
def test_any_options(array, options):
    with both(**options):
        check(array)


@many
@given(st.lists(print_options, max_size=5))
def test_options_add_up(calls):
    with both():
        for options in calls:
            torch.set_printoptions(**options)
            set_printoptions(**options)
            assert get_printoptions() == torch_options()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"linewidth": np.inf}, OverflowError),
        ({"precision": -1}, ValueError),
        ({"precision": "many"}, ValueError),
    ],
)
def test_bad_options(options, error):
    with both(**options):
        with pytest.raises(error) as expected:
            repr(torch.tensor([0.5]))
        with pytest.raises(error) as raised:
            tensor_str(np.array([0.5], np.float32))
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", range(1, 40))
def test_suffixes_wrap(size, dtype):
    """Every length of the last line, from well inside to well beyond where a suffix stops fitting."""
    leaf = torch.arange(float(size), dtype=getattr(torch, dtype)).requires_grad_()
    assert text(leaf, "requires_grad=True") == repr(leaf)
    for result in (leaf * 2, leaf.exp(), leaf.sum(), leaf.reshape(1, 1, -1)):
        assert text(result, f"grad_fn=<{type(result.grad_fn).__name__}>") == repr(result)


@pytest.mark.parametrize("linewidth", range(8, 70, 3))
def test_several_suffixes_wrap(linewidth):
    with both(linewidth=linewidth, edgeitems=0):
        for leaf in (torch.ones(2, 3, dtype=torch.float64), torch.ones(0, 3, dtype=torch.float16)):
            leaf.requires_grad_()
            assert text(leaf, "requires_grad=True") == repr(leaf)


@pytest.mark.parametrize("name", ["T", "Named", "A_class_with_a_name_of_some_length"])
def test_subclasses_print_their_name(name):
    subclass = type(name, (torch.Tensor,), {})
    for shape in [(), (0, 2), (3,), (30,), (2, 3), (2, 2, 12)]:
        tensor = torch.linspace(0, 1, int(np.prod(shape)), dtype=torch.float64).reshape(shape)
        assert text(tensor, prefix=f"{name}(") == repr(tensor.as_subclass(subclass))


@pytest.mark.parametrize("default", FLOATS)
@pytest.mark.parametrize("shape", [(), (2,), (0,), (0, 3)])
def test_the_default_dtype_is_not_printed(default, shape):
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, default))
    try:
        for dtype in DTYPES:
            tensor = torch.ones(shape, dtype=getattr(torch, dtype))
            assert text(tensor, default_dtype=default) == repr(tensor)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("call", ["x.max(0)", "x.min(1)", "x.sort()", "x.topk(1)"])
def test_named_results(call):
    ours, theirs = (repr(eval(call, {"x": lib.tensor([[3.0, 1.0], [2.0, 4.0]])})) for lib in (tinynn, torch))
    assert ours == theirs.replace("torch.", "tinynn.")
