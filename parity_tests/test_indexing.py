"""x[index] and x[index] = value for indices that hypothesis writes: values, memory sharing, gradients and
errors.
"""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynn
from parity_tests.harness import assert_same, described

many = settings(max_examples=400, derandomize=True, deadline=None)

SHAPES = [(), (4,), (3, 4), (2, 3, 4), (1, 3), (0, 3)]

# An index is described by plain data, from which each library builds its own.
ints = st.integers(-4, 4).map(lambda i: ("int", i))
slices = st.tuples(
    st.none() | st.integers(-5, 5), st.none() | st.integers(-5, 5), st.none() | st.integers(1, 3)
)
basic = st.one_of(ints, slices.map(lambda s: ("slice", s)), st.just(("none",)), st.just(("dots",)))
places = st.lists(st.integers(-2, 2), min_size=1, max_size=3).map(lambda data: ("tensor", data))
tables = st.lists(st.lists(st.integers(-1, 1), min_size=2, max_size=2), min_size=1, max_size=3).map(
    lambda d: ("tensor", d)
)
rows = st.lists(st.integers(0, 1), min_size=2, max_size=2).map(lambda data: ("list", data))
masks = st.lists(st.booleans(), min_size=2, max_size=4).map(lambda data: ("tensor", data))
parts = st.one_of(basic, basic, basic, places, tables, rows, masks, st.booleans().map(lambda b: ("bool", b)))


def one_ellipsis(items):
    return [item for i, item in enumerate(items) if item != ("dots",) or item not in items[:i]]


indices = st.lists(parts, min_size=1, max_size=4).map(one_ellipsis)


def built(lib, items):
    kinds = {
        "int": lambda value: value,
        "slice": lambda value: slice(*value),
        "none": lambda: None,
        "dots": lambda: Ellipsis,
        "tensor": lambda data: lib.tensor(data),
        "list": lambda data: data,
        "bool": lambda value: value,
    }
    index = tuple(kinds[name](*value) for name, *value in items)
    return index if len(index) > 1 else index[0]


def data_of(shape):
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape)


def attempt(run, lib):
    """What `run` returns, or the type of its exception. What indices cannot do together has many messages."""
    try:
        return run(lib)
    except Exception as error:
        return described(error).partition(":")[0]


@given(st.sampled_from(SHAPES), indices)
@many
def test_reading(shape, items):
    def run(lib):
        x = lib.from_numpy(data_of(shape)).requires_grad_()
        y = x[built(lib, items)]
        (y * y).sum().backward()
        return y, x.grad, y.detach().is_contiguous(), y._version

    ours, theirs = attempt(run, tinynn), attempt(run, torch)
    assert_same(ours, theirs, "result")


@given(st.sampled_from(SHAPES), indices)
@many
def test_a_view_shares_memory_and_a_copy_does_not(shape, items):
    def run(lib):
        x = lib.from_numpy(data_of(shape))
        x[built(lib, items)].mul_(-1)
        return x, x._version

    ours, theirs = attempt(run, tinynn), attempt(run, torch)
    assert_same(ours, theirs, "result")


def no_place_twice(items):
    """Which of two values a place gets is nobody's promise."""
    return all(name not in ("tensor", "list") or isinstance(value[0][0], bool) for name, *value in items)


@given(st.sampled_from(SHAPES), indices, st.sampled_from(["number", "0-d", "ones", "like", "wrong"]))
@many
def test_writing(shape, items, kind):
    def run(lib):
        x = lib.from_numpy(data_of(shape)).requires_grad_()
        index = built(lib, items)
        y = x * 1
        part = tuple(y[index].shape)
        like = {"number": (), "0-d": (), "ones": (1, *part), "like": part, "wrong": (*part, 7)}[kind]
        source = lib.from_numpy(
            np.ones(like) if not no_place_twice(items) else -data_of(like)
        ).requires_grad_()
        y[index] = 2.5 if kind == "number" else source
        (y * y).sum().backward()
        return y, x.grad, (source.grad, y._version) if no_place_twice(items) and np.prod(part) else None

    ours, theirs = attempt(run, tinynn), attempt(run, torch)
    assert_same(ours, theirs, "result")


@given(st.sampled_from(SHAPES), indices)
@many
def test_second_derivative_of_reading(shape, items):
    def run(lib):
        x = lib.from_numpy(data_of(shape)).requires_grad_()
        y = x[built(lib, items)]
        (g,) = lib.autograd.grad((y * y * y).sum(), x, create_graph=True)
        return lib.autograd.grad((g * g).sum(), x)

    ours, theirs = attempt(run, tinynn), attempt(run, torch)
    assert_same(ours, theirs, "result")


@given(
    st.sampled_from(SHAPES[1:5]),
    st.integers(-3, 3),
    st.lists(st.integers(-1, 4), min_size=1, max_size=4),
    st.booleans(),
)
@many
def test_index_select_gather_and_scatter(shape, dim, data, accumulate):
    def run(lib):
        x = lib.from_numpy(data_of(shape)).requires_grad_()
        index = lib.tensor(data) % min(shape)
        picked = x.index_select(dim, index)
        along = index.reshape([-1 if d == dim % len(shape) else 1 for d in range(len(shape))])
        gathered = x.gather(dim, along)
        added = (x * 1).scatter_add(dim, along, gathered * 2)
        put = (x * 1).index_put((index % shape[0],), lib.ones((), dtype=x.dtype), accumulate=accumulate)
        (picked.sum() + (gathered * gathered).sum() + (added * added).sum() + (put * put).sum()).backward()
        return picked, gathered, added, put, x.grad

    ours, theirs = attempt(run, tinynn), attempt(run, torch)
    assert_same(ours, theirs, "result")
