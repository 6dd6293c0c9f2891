"""The functions that make tensors: values to the last bit, dtypes, shapes, requires_grad, and what they
refuse.
"""

import pickle

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.harness import assert_same, outcome

# ruff: noqa: E501 - a case is a line
# fmt: off
MADE = {
    "tensor":           lambda lib: lib.tensor([[1, 2], [3, 4]]),
    "tensor float":     lambda lib: lib.tensor([1.5, 2]),
    "tensor bool":      lambda lib: lib.tensor([True, False]),
    "tensor mixed":     lambda lib: lib.tensor([True, 2]),
    "tensor mixed float": lambda lib: lib.tensor([True, 2, 0.5]),
    "tensor 0-d":       lambda lib: lib.tensor(3),
    "tensor empty":     lambda lib: lib.tensor([]),
    "tensor empties":   lambda lib: lib.tensor([[], []]),
    "tensor tuple":     lambda lib: lib.tensor(((1, 2), (3, 4))),
    "tensor range":     lambda lib: lib.tensor(range(3)),
    "tensor of tensors": lambda lib: lib.tensor([lib.tensor(1.0), lib.tensor(2.0)]),
    "tensor of tensor": lambda lib: lib.as_tensor(lib.tensor([1.0, 2.0])),
    "tensor of floats64": lambda lib: lib.tensor(np.ones(2)),
    "tensor of float32": lambda lib: lib.tensor(np.ones(2, np.float32)),
    "tensor of ints32": lambda lib: lib.tensor(np.ones((2, 1), np.int32)),
    "tensor of a scalar": lambda lib: lib.tensor(np.float64(1.5)),
    "tensor of scalars": lambda lib: lib.tensor([np.float32(1.5), np.float32(2.5)]),
    "tensor of a float32 and a float": lambda lib: lib.tensor([np.float32(1.5), 2.5]),
    "tensor of an int32 and a float32": lambda lib: lib.tensor([[np.int32(1)], [np.float32(2.5)]]),
    "tensor of an int8 and an int": lambda lib: lib.tensor([np.int8(1), 2]),
    "tensor of arrays": lambda lib: lib.tensor(np.array([np.ones(2), np.zeros(2)])),
    "tensor dtype":     lambda lib: lib.tensor([1.9, -1.9], dtype=lib.int64),
    "tensor to bool":   lambda lib: lib.tensor([0.5, 0.0], dtype=lib.bool),
    "tensor requires_grad": lambda lib: lib.tensor([1.0], requires_grad=True),
    "tensor nan":       lambda lib: lib.tensor([float("nan"), float("inf"), -0.0]),
    "tensor big":       lambda lib: lib.tensor([2**62, -(2**62)]),
    "Tensor":           lambda lib: lib.Tensor([1, 2]),
    "Tensor sizes":     lambda lib: lib.Tensor(2, 3).shape.numel(),
    "as_tensor":        lambda lib: lib.as_tensor([1, 2]),
    "as_tensor dtype":  lambda lib: lib.as_tensor(np.ones(2), dtype=lib.float32),
    "from_numpy":       lambda lib: lib.from_numpy(np.arange(6).reshape(2, 3).T),
    "from_numpy half":  lambda lib: lib.from_numpy(np.ones(2, np.float16)),
    "zeros":            lambda lib: lib.zeros(2, 3),
    "zeros tuple":      lambda lib: lib.zeros((2, 3)),
    "zeros list":       lambda lib: lib.zeros([2]),
    "zeros size":       lambda lib: lib.zeros(size=(2, 1)),
    "zeros none":       lambda lib: lib.zeros(()),
    "zeros int":        lambda lib: lib.zeros(3, dtype=lib.int64),
    "ones":             lambda lib: lib.ones(2, 3, dtype=lib.float64, requires_grad=True),
    "ones of Size":     lambda lib: lib.ones(lib.zeros(2, 3).shape),
    "empty":            lambda lib: list(lib.empty(2, 3).shape),
    "full":             lambda lib: lib.full((2, 3), 7),
    "full float":       lambda lib: lib.full((2,), 0.5),
    "full bool":        lambda lib: lib.full((2,), True),
    "full dtype":       lambda lib: lib.full((2,), 3, dtype=lib.float64),
    "eye":              lambda lib: lib.eye(3),
    "eye n m":          lambda lib: lib.eye(2, 3, dtype=lib.int32),
    "arange":           lambda lib: lib.arange(5),
    "arange start":     lambda lib: lib.arange(2, 7),
    "arange step":      lambda lib: lib.arange(1, 10, 3),
    "arange float":     lambda lib: lib.arange(0.0, 1.0, 0.1),
    "arange float64":   lambda lib: lib.arange(0, 2, 0.3, dtype=lib.float64),
    "arange down":      lambda lib: lib.arange(5, 0, -2),
    "arange nothing":   lambda lib: lib.arange(3, 3),
    "arange of a float": lambda lib: lib.arange(3.0),
    "linspace":         lambda lib: lib.linspace(0, 1, 7),
    "linspace down":    lambda lib: lib.linspace(3, -2, 11),
    "linspace float64": lambda lib: lib.linspace(-1, 1, 10, dtype=lib.float64),
    "linspace one":     lambda lib: lib.linspace(2, 5, 1),
    "linspace none":    lambda lib: lib.linspace(2, 5, 0),
    "linspace long":    lambda lib: lib.linspace(0.1, 12.3, 1001),
    "zeros_like":       lambda lib: lib.zeros_like(lib.ones(2, 3, dtype=lib.float64)),
    "ones_like":        lambda lib: lib.ones_like(lib.tensor([1, 2])),
    "ones_like dtype":  lambda lib: lib.ones_like(lib.tensor([1, 2]), dtype=lib.float32),
    "ones_like grad":   lambda lib: lib.ones_like(lib.ones(1, requires_grad=True)),
    "full_like":        lambda lib: lib.full_like(lib.ones(2), 3),
    "empty_like":       lambda lib: list(lib.empty_like(lib.ones(2, 3)).shape),
    "rand_like":        lambda lib: (lib.manual_seed(1), lib.rand_like(lib.ones(2, 3)))[1],
    "randn_like":       lambda lib: (lib.manual_seed(1), lib.randn_like(lib.ones(2, 3)))[1],
    "randint":          lambda lib: (lib.manual_seed(1), lib.randint(10, (2, 3)), lib.randint(5, 10, (4,)))[1:],
    "randint_like":     lambda lib: (lib.manual_seed(1), lib.randint_like(lib.ones(3), 10))[1],
    "randperm":         lambda lib: (lib.manual_seed(1), lib.randperm(10))[1],
    "device":           lambda lib: (lib.zeros(2, device="cpu"), str(lib.zeros(2, device=lib.device("cpu")).device)),
    "new_zeros":        lambda lib: (lib.ones(1, dtype=lib.float64).new_zeros(2, 3), lib.ones(1).new_ones((2,), dtype=lib.int64)),
    "is_tensor":        lambda lib: (lib.is_tensor(lib.ones(1)), lib.is_tensor([1])),
}

REFUSED = {
    "ragged":           lambda lib: lib.tensor([[1, 2], [3]]),
    "ragged inside":    lambda lib: lib.tensor([[[1], [2]], [[3], [4, 5]]]),
    "not a sequence":   lambda lib: lib.tensor([[1, 2], 3]),
    "text":             lambda lib: lib.tensor("a"),
    "texts":            lambda lib: lib.tensor([1, "a"]),
    "text first":       lambda lib: lib.tensor([["a"], ["b"]]),
    "bytes":            lambda lib: lib.tensor([b"a"]),
    "None":             lambda lib: lib.tensor(None),
    "None inside":      lambda lib: lib.tensor([[1], [None]]),
    "dict inside":      lambda lib: lib.tensor([1.0, {}]),
    "object":           lambda lib: lib.tensor(object()),
    "grad of ints":     lambda lib: lib.tensor([1], requires_grad=True),
    "grad of zeros":    lambda lib: lib.zeros(2, dtype=lib.int64, requires_grad=True),
    "from_numpy list":  lambda lib: lib.from_numpy([1]),
    "from_numpy reversed": lambda lib: lib.from_numpy(np.arange(3)[::-1]),
    "negative size":    lambda lib: lib.zeros(-1),
    "float size":       lambda lib: lib.zeros(2.0),
    "arange":           lambda lib: lib.arange(3, 0),
    "arange step 0":    lambda lib: lib.arange(0, 3, 0),
    "linspace":         lambda lib: lib.linspace(0, 1, -1),
    "eye":              lambda lib: lib.eye(-1),
    "randint":          lambda lib: lib.randint(5, 5, (2,)),
    "randperm":         lambda lib: lib.randperm(-1),
}
# torch's messages list what tinynn has not
REFUSED_IN_OTHER_WORDS = {
    "from_numpy text":  lambda lib: lib.from_numpy(np.array(["a"])),
    "device":           lambda lib: lib.zeros(2, device="foo"),
}
# fmt: on


@pytest.mark.parametrize("name", MADE)
def test_made(name):
    assert_same(outcome(MADE[name], tinynn), outcome(MADE[name], torch), name)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    ours, theirs = outcome(REFUSED[name], tinynn), outcome(REFUSED[name], torch)
    assert isinstance(theirs, str)
    assert ours == theirs


@pytest.mark.parametrize("name", REFUSED_IN_OTHER_WORDS)
def test_refused_in_other_words(name):
    ours, theirs = (outcome(REFUSED_IN_OTHER_WORDS[name], lib) for lib in (tinynn, torch))
    assert ours.partition(":")[0] == theirs.partition(":")[0]


@pytest.mark.parametrize("steps", [2, 3, 16, 17, 100])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linspace(steps, dtype):
    for start, end in [(0, 1), (-1, 1), (0.1, 0.7), (5, -3), (-1e6, 1e-3)]:
        own, other = (
            lib.linspace(start, end, steps, dtype=getattr(lib, dtype)).numpy() for lib in (tinynn, torch)
        )
        last_bit = np.spacing(np.array(max(abs(start), abs(end)), dtype))
        # torch's vector code multiplies and adds in one rounding
        assert np.abs(own - other).max() <= last_bit


def test_tensor_copies_and_from_numpy_shares():
    for lib in (tinynn, torch):
        array = np.zeros(2)
        copied, shared, seen = lib.tensor(array), lib.from_numpy(array), lib.as_tensor(array)
        array.fill(7)
        assert (copied.tolist(), shared.tolist(), seen.tolist()) == ([0, 0], [7, 7], [7, 7])


def test_arrays_from_a_pickle():
    """Their dtype is an object of its own, equal to NumPy's float32."""
    for lib in (tinynn, torch):
        array = pickle.loads(pickle.dumps(np.ones((2, 3), np.float32)))
        unpickled = pickle.loads(pickle.dumps(lib.ones(2, 3)))
        for x in (lib.tensor(array), lib.from_numpy(array), lib.as_tensor(array), unpickled):
            assert (x @ lib.ones(3, 2)).tolist() == [[3, 3], [3, 3]]
            assert lib.nn.functional.linear(x, lib.ones(1, 3)).tolist() == [[3], [3]]
