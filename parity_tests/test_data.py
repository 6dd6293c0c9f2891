"""tinynn.utils.data against torch's: the order of the samples and when what is drawn for it, the batches, and
what is refused.
"""

import collections
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynn
from parity_tests.harness import assert_same, outcome

LIBRARIES = (tinynn, torch)
Point = collections.namedtuple("Point", "x y")


def both(run, *args):
    """What `run` returns, or the exception it raises, is the same in both libraries."""
    ours, theirs = (outcome(lambda lib: run(lib, *args), lib) for lib in LIBRARIES)
    assert_same(ours, theirs, "result")


# --- the order, and the generators


def tensors(lib, n):
    """Samples (x of 3 floats, y) of which x[0] and y are the index."""
    rows = [[float(i), i / 7, -i] for i in range(n)]
    return lib.utils.data.TensorDataset(lib.tensor(rows), lib.arange(n))


def samples(lib, n):
    """The same from a class of the user's."""

    class Samples(lib.utils.data.Dataset):
        def __len__(self):
            return n

        def __getitem__(self, index):
            return tensors(lib, n)[index]

    return Samples()


def stream(lib, n):
    """The same, one after the other."""

    class Stream(lib.utils.data.IterableDataset):
        def __len__(self):
            return n

        def __iter__(self):
            return iter([tensors(lib, n)[i] for i in range(n)])

    return Stream()


def state(source):
    """The whole state of a generator, or of a library's default one, as one number."""
    get = source.get_rng_state if hasattr(source, "get_rng_state") else source.get_state
    return zlib.crc32(np.asarray(get()))


def traced(lib, loader, generator):
    """Three epochs, the second of them cut short: each batch, and the generators' states at every moment."""

    def states():
        return [state(lib), state(generator)]

    seen = [states()]
    for last in (None, 2, None):
        batches = iter(loader)
        seen.append(states())
        for count, batch in enumerate(batches, 1):
            seen += [batch, states()]
            if count == last:
                break
        seen.append(states())
    return seen


# fmt: off
LOADERS = {
    "in order":           lambda d, g, x: d.DataLoader(x, 4),
    "one each":           lambda d, g, x: d.DataLoader(x),
    "larger than all":    lambda d, g, x: d.DataLoader(x, 100),
    "one by one":         lambda d, g, x: d.DataLoader(x, None),
    "last dropped":       lambda d, g, x: d.DataLoader(x, 4, drop_last=True),
    "in order, g":        lambda d, g, x: d.DataLoader(x, 4, generator=g),
    "collate_fn":         lambda d, g, x: d.DataLoader(x, 4, collate_fn=lambda batch: [len(batch), batch[0]]),
}
SHUFFLING = {
    "shuffle":            lambda d, g, x: d.DataLoader(x, 4, True),
    "drop_last":          lambda d, g, x: d.DataLoader(x, 4, shuffle=True, drop_last=True),
    "by g":               lambda d, g, x: d.DataLoader(x, 4, shuffle=True, generator=g),
    "by g, drop_last":    lambda d, g, x: d.DataLoader(x, 4, shuffle=True, generator=g, drop_last=True),
    "one by one":         lambda d, g, x: d.DataLoader(x, None, shuffle=True),
    "one by one, by g":   lambda d, g, x: d.DataLoader(x, None, shuffle=True, generator=g),
    "lists":              lambda d, g, x: d.DataLoader(x, batch_sampler=[[3, 1], [-2], [1, 0, 0]]),
    "BatchSampler":       lambda d, g, x: d.DataLoader(x, batch_sampler=d.BatchSampler([3, 1, 4], 2, True)),
}
SAMPLERS = {
    "a list":             lambda d, g, x: [3, 1, -2, 1, 0],
    "RandomSampler":      lambda d, g, x: d.RandomSampler(x),
    "RandomSampler of g": lambda d, g, x: d.RandomSampler(x, generator=g),
    "more than all":      lambda d, g, x: d.RandomSampler(x, num_samples=30, generator=g),
    "twice all":          lambda d, g, x: d.RandomSampler(x, num_samples=2 * len(x), generator=g),
    "fewer than all":     lambda d, g, x: d.RandomSampler(x, num_samples=3),
    "replacement":        lambda d, g, x: d.RandomSampler(x, True, 75),
    "replacement of g":   lambda d, g, x: d.RandomSampler(x, True, 75, g),
    "replacement, 64":    lambda d, g, x: d.RandomSampler(x, True, 64, g),
    "replacement of all": lambda d, g, x: d.RandomSampler(x, True, generator=g),
    "subset":             lambda d, g, x: d.SubsetRandomSampler([1, 4, 4, 0, 9]),
    "subset of g":        lambda d, g, x: d.SubsetRandomSampler(range(2, 9), g),
    "weighted":           lambda d, g, x: d.WeightedRandomSampler([0, 1.5, 4, 2, 0.1], 11),
    "weighted of g":      lambda d, g, x: d.WeightedRandomSampler([3, 1, 1, 0], 9, True, g),
    "weighted, once each": lambda d, g, x: d.WeightedRandomSampler([3, 1, 1, 0], 3, False, g),
    "weighted, one":      lambda d, g, x: d.WeightedRandomSampler(np.ones(7), 1),
    "batches as indices": lambda d, g, x: d.BatchSampler(d.RandomSampler(x), 4, False),
}
# fmt: on


@pytest.mark.parametrize("n", [10, 12])
@pytest.mark.parametrize("dataset", [tensors, samples, stream])
@pytest.mark.parametrize("name", LOADERS)
def test_batches_come_in_order_and_draw_the_same(name, dataset, n):
    def run(lib):
        lib.manual_seed(n)
        g = lib.Generator().manual_seed(5)
        return traced(lib, LOADERS[name](lib.utils.data, g, dataset(lib, n)), g)

    both(run)


@pytest.mark.parametrize("n", [10, 12])
@pytest.mark.parametrize("name", SHUFFLING)
def test_shuffled_batches_come_in_torchs_order_and_draw_the_same(name, n):
    def run(lib):
        lib.manual_seed(n)
        g = lib.Generator().manual_seed(5)
        return traced(lib, SHUFFLING[name](lib.utils.data, g, tensors(lib, n)), g)

    both(run)


@pytest.mark.parametrize("batch_size", [4, None])
@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_give_torchs_order_and_draw_the_same(name, batch_size):
    def run(lib):
        lib.manual_seed(6)
        dataset, g = tensors(lib, 10), lib.Generator().manual_seed(7)
        sampler = SAMPLERS[name](lib.utils.data, g, dataset)
        return len(sampler), traced(lib, lib.utils.data.DataLoader(dataset, batch_size, sampler=sampler), g)

    both(run)


@pytest.mark.parametrize("batch_size", [2, None])
def test_a_sampler_and_samples_that_draw_numbers_themselves(batch_size):
    def run(lib):
        class Eager(lib.utils.data.Sampler):
            """Draws as soon as it is asked for an iterator."""

            def __iter__(self):
                return iter(lib.randperm(5).tolist())

        class Drawing(lib.utils.data.Dataset):
            def __getitem__(self, index):
                return index + lib.rand(2)

        lib.manual_seed(4)
        g = lib.Generator().manual_seed(7)
        return traced(lib, lib.utils.data.DataLoader(Drawing(), batch_size, sampler=Eager()), g)

    both(run)


def test_after_a_sample_that_raises_the_next_batch_follows():
    def run(lib):
        batches = iter(lib.utils.data.DataLoader([1, 2, None, 4, "a", 6, 7], 2))
        return [outcome(lambda _: next(batches), lib) for _ in range(6)]

    both(run)


def test_a_sample_that_raises_stop_iteration_ends_the_epoch():
    class Ending:
        def __len__(self):
            return 9

        def __getitem__(self, index):
            if index == 5:
                raise StopIteration
            return index

    both(lambda lib: [*lib.utils.data.DataLoader(Ending(), 2)])


# fmt: off
DATASETS = {
    "tensor":         lambda lib, d: lib.arange(12).reshape(6, 2),
    "vector":         lambda lib, d: lib.arange(6),
    "array":          lambda lib, d: np.arange(12.0).reshape(6, 2),
    "list":           lambda lib, d: [(0.5, i, str(i)) for i in range(6)],
    "dicts":          lambda lib, d: [{"x": np.float32(i), "y": lib.tensor([i])} for i in range(6)],
    "samples":        lambda lib, d: samples(lib, 6),
    "Subset":         lambda lib, d: d.Subset(tensors(lib, 9), [8, 3, 0, 1, 1, -2]),
    "Subset of Subset": lambda lib, d: d.Subset(d.Subset(tensors(lib, 9), range(1, 9)), np.array([5, 4, 0])),
    "Subset of samples": lambda lib, d: d.Subset(samples(lib, 9), [8, 3, 0]),
    "Subset by a tensor": lambda lib, d: d.Subset(tensors(lib, 9), lib.tensor([8, 3, 0])),
    "random_split":   lambda lib, d: d.random_split(tensors(lib, 9), [7, 2])[0],
    "fractions":      lambda lib, d: d.random_split(samples(lib, 9), [0.3, 0.3, 0.4])[1],
    "sum":            lambda lib, d: tensors(lib, 3) + samples(lib, 4),
    "ConcatDataset":  lambda lib, d: d.ConcatDataset([tensors(lib, 3), [], tensors(lib, 2), samples(lib, 1)]),
    "StackDataset":   lambda lib, d: d.StackDataset(tensors(lib, 6), lib.arange(6), range(6)),
    "names":          lambda lib, d: d.StackDataset(a=tensors(lib, 6), b=d.Subset([*"uvwxyz"], range(6))),
    "Subset of names": lambda lib, d: d.Subset(d.StackDataset(a=tensors(lib, 6), b=range(6)), [4, 2, 1]),
    "no rows":        lambda lib, d: d.TensorDataset(lib.zeros(6, 0), lib.zeros(6, dtype=lib.bool)),
    "halves":         lambda lib, d: d.TensorDataset(lib.arange(12).reshape(6, 2).to(lib.float16)),
    "transposed":     lambda lib, d: d.TensorDataset(lib.arange(18).reshape(3, 6).T),
    "requires grad":  lambda lib, d: d.TensorDataset(lib.ones(6, 2, requires_grad=True), lib.arange(6)),
    "computed":       lambda lib, d: d.TensorDataset(lib.ones(6, 2, requires_grad=True) * 2),
}
# fmt: on


@pytest.mark.parametrize("name", DATASETS)
def test_each_kind_of_dataset_gives_the_same_batches(name):
    def run(lib):
        lib.manual_seed(3)
        dataset = DATASETS[name](lib, lib.utils.data)
        loader = lib.utils.data.DataLoader(dataset, 4, shuffle=True)
        batches = [*loader, *loader, lib.utils.data.default_convert([dataset[0], dataset[-1]])]
        names = [None if x.grad_fn is None else x.grad_fn.name() for x in _tensors(batches)]
        return batches, names, len(loader), state(lib)

    both(run)


def _tensors(value):
    if isinstance(value, tinynn.Tensor | torch.Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors(item)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # as torch forks
@pytest.mark.parametrize("persistent", [False, True])
def test_order_and_draws_are_those_of_torchs_worker_processes(persistent):
    def run(lib):
        lib.manual_seed(8)
        options = {"num_workers": 1, "persistent_workers": persistent, "shuffle": True}
        loader = lib.utils.data.DataLoader(tensors(lib, 10), 4, **options)
        return [([*loader], state(lib)) for _ in range(3)]

    both(run)


PARTS = [[5, 3, 2], [10], [1], [0.5, 0.5], [0.33, 0.33, 0.34], [0.25] * 4, [0, 10]]


@pytest.mark.parametrize("lengths", PARTS)
@pytest.mark.parametrize("given", [True, False])
def test_random_split(lengths, given):
    def run(lib):
        lib.manual_seed(1)
        g = lib.Generator().manual_seed(2)
        parts = lib.utils.data.random_split(range(10), lengths, **({"generator": g} if given else {}))
        return [(len(part), [*part]) for part in parts], state(lib), state(g)

    both(run)


def test_random_split_without_a_generator_and_lengths_of_numpy():
    both(lambda lib: _seeded(lib).utils.data.random_split(range(10), np.array([4, 6]), None)[0].indices)


def _seeded(lib):
    lib.manual_seed(0)
    return lib


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.integers(1, 70), st.integers(1, 40), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 2**63)
)
def test_any_length_and_batch_size(n, batch_size, shuffle, drop_last, given, seed):
    def run(lib):
        lib.manual_seed(seed)
        g = lib.Generator().manual_seed(seed) if given else None
        loader = lib.utils.data.DataLoader(
            lib.arange(n), batch_size, shuffle, drop_last=drop_last, generator=g
        )
        return len(loader), [*loader], [*loader], state(lib), len(iter(loader))

    both(run)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 70), st.none() | st.integers(1, 150), st.booleans(), st.integers(0, 2**63))
def test_random_sampler(n, num_samples, replacement, seed):
    def run(lib):
        g = lib.Generator().manual_seed(seed)
        sampler = lib.utils.data.RandomSampler(range(n), replacement, num_samples, g)
        return len(sampler), [*sampler], state(g), [*sampler], state(g)

    both(run)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=40), st.integers(1, 50), st.booleans(), st.integers()
)
def test_weighted_random_sampler(weights, num_samples, replacement, seed):
    def run(lib):
        g = lib.Generator().manual_seed(seed % 2**64)
        sampler = lib.utils.data.WeightedRandomSampler(weights, num_samples, replacement, g)
        return sampler.weights, len(sampler), [*sampler], [*sampler], state(g)

    both(run)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multinomial_function_and_method(dtype):
    def run(lib):
        lib.manual_seed(2)
        weights = [[0.1, 2.0, 0.0, 3.0], [1.0, 1.0, 5.0, 2.0]]
        x = lib.tensor(weights, dtype=getattr(lib, dtype), requires_grad=True)
        g = lib.Generator().manual_seed(4)
        with lib.inference_mode():
            inference = x.multinomial(1).is_inference()
        return x.multinomial(3), lib.multinomial(x, 9, replacement=True, generator=g), state(lib), inference

    both(run)
    both(lambda lib: lib.multinomial([1.0], 2))


# --- streams


def stream_of(lib, items, length=None):
    class Items(lib.utils.data.IterableDataset):
        def __iter__(self):
            return iter(items)

        if length is not None:

            def __len__(self):
                return length

    return Items()


# fmt: off
STREAMS = {
    "batches":     lambda d, x: [*d.DataLoader(x([1, 2, 3, 4, 5]), 2)],
    "drop_last":   lambda d, x: [*d.DataLoader(x([1, 2, 3, 4, 5]), 2, drop_last=True)],
    "no batches":  lambda d, x: [*d.DataLoader(x([1, np.zeros(2), "a"]), None)],
    "empty":       lambda d, x: [*d.DataLoader(x([]), 2)],
    "no length":   lambda d, x: len(d.DataLoader(x([1, 2, 3]), 2)),
    "length":      lambda d, x: len(d.DataLoader(x([1, 2, 3], 3), 2)),
    "whole length": lambda d, x: len(d.DataLoader(x([1, 2, 3], 3), 2, drop_last=True)),
    "single length": lambda d, x: len(d.DataLoader(x([1, 2, 3], 3), None)),
    "length of an epoch": lambda d, x: len(iter(d.DataLoader(x([1, 2, 3], 3), 2))),
    "sum":         lambda d, x: [*d.DataLoader(x([1, 2], 2) + x([3, 4, 5], 3), 2)],
    "ChainDataset": lambda d, x: [*d.ChainDataset([x([1, 2]), x("ab")])],
    "length of a chain": lambda d, x: len(d.ChainDataset([x([1, 2], 2), x("ab", 2)])),
    "no length of a chain": lambda d, x: len(d.ChainDataset([x([1, 2], 2), x("ab")])),
    "shuffle":     lambda d, x: d.DataLoader(x([1]), shuffle=True),
    "shuffle=False": lambda d, x: [*d.DataLoader(x([1]), shuffle=False)],
    "sampler":     lambda d, x: d.DataLoader(x([1]), sampler=[0]),
    "batch_sampler": lambda d, x: d.DataLoader(x([1]), batch_sampler=[[0]]),
    "abstract":    lambda d, x: d.IterableDataset(),
    "chain of others": lambda d, x: [*d.ChainDataset([[1]])],
    "length of a chain of others": lambda d, x: len(d.ChainDataset([[1]])),
    "concatenated": lambda d, x: d.ConcatDataset([x([1])]),
}
# fmt: on


@pytest.mark.parametrize("name", STREAMS)
def test_streams(name):
    both(lambda lib: STREAMS[name](lib.utils.data, lambda *args: stream_of(lib, *args)))


# --- batches


def _structures():
    """How a sample is made of values: each structure is a function of (lib, rng), giving a sample."""
    dtypes = st.sampled_from(["float32", "float64", "int64", "int32", "uint8", "bool", "float16"])
    shapes = st.sampled_from([(), (1,), (3,), (2, 3), (0,), (2, 0)])

    def array(shape, dtype):
        return lambda lib, rng: np.asarray(rng.random(shape) * 9).astype(dtype)

    def tensor(shape, dtype):
        return lambda lib, rng: lib.from_numpy(array(shape, dtype)(lib, rng))

    def scalar(dtype):
        return lambda lib, rng: array((), dtype)(lib, rng)[()]

    def container(build):
        return lambda parts: lambda lib, rng: build([part(lib, rng) for part in parts])

    plain = [lambda n: n / 7, int, lambda n: n > 9, str, lambda n: str(n).encode()]
    leaves = st.one_of(
        *[st.just(lambda lib, rng, make=make: make(int(rng.integers(99)))) for make in plain],
        st.builds(array, shapes, dtypes),
        st.builds(tensor, shapes, dtypes),
        st.builds(scalar, dtypes),
    )
    dicts = [lambda items: dict(enumerate(items)), lambda items: collections.OrderedDict(enumerate(items))]
    builds = [tuple, list, collections.deque, *dicts, lambda items: Point(items[0], items[-1])]

    def containers(parts):
        few = st.lists(parts, min_size=1, max_size=3)
        return st.one_of([st.builds(container(build), few) for build in builds])

    return st.recursive(leaves, containers, max_leaves=6)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(_structures(), st.integers(1, 4), st.integers(0, 2**32))
def test_any_structure_is_collated_and_converted(structure, count, seed):
    def run(lib, make):
        rng = np.random.default_rng(seed)
        return make(lib.utils.data, [structure(lib, rng) for _ in range(count)])

    both(run, lambda data, batch: plain(data.default_collate(batch)))
    both(run, lambda data, batch: plain(data.default_convert(batch)))


def plain(value):
    """Containers of special types as a list, together with their type's name."""
    if isinstance(value, collections.deque | collections.OrderedDict | Point):
        items = value.values() if isinstance(value, dict) else value
        return [type(value).__name__, *map(plain, items)]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return type(value)(map(plain, value)) if isinstance(value, list | tuple) else value


class Frozen(collections.abc.Mapping):
    """A mapping that cannot be written to, and that cannot be made from a dict either."""

    def __init__(self, a, b):
        self.values_ = {"a": a, "b": b}

    def __getitem__(self, key):
        return self.values_[key]

    def __iter__(self):
        return iter(self.values_)

    def __len__(self):
        return 2


class Extra(dict):
    """A dict that has something else."""

    unit = "cm"


# fmt: off
BATCHES = {
    "ints":             lambda lib: [1, 2],
    "int first":        lambda lib: [1, 2.5],
    "float first":      lambda lib: [1.5, 2],
    "bool first":       lambda lib: [True, 0],
    "a tuple of ints":  lambda lib: (1, 2),
    "strings":          lambda lib: ("a", "b"),
    "bytes":            lambda lib: [b"a", b"b"],
    "np.str_":          lambda lib: [np.str_("a")],
    "ranges":           lambda lib: [range(2), range(2)],
    "None":             lambda lib: [None, None],
    "None second":      lambda lib: [1, None],
    "str second":       lambda lib: [1, "a"],
    "objects":          lambda lib: [object(), object()],
    "sets":             lambda lib: [{1}, {2}],
    "complex":          lambda lib: [1 + 2j],
    "none":             lambda lib: [],
    "lengths":          lambda lib: [[1], [1, 2]],
    "lengths of tuples": lambda lib: [(1, 2), (1,)],
    "sizes":            lambda lib: [lib.zeros(2, 1), lib.zeros(3)],
    "sizes of arrays":  lambda lib: [np.zeros(2), np.zeros(3)],
    "dtypes":           lambda lib: [lib.zeros(2), lib.zeros(2, dtype=lib.float64)],
    "dtypes of arrays": lambda lib: [np.zeros(1, np.int32), np.zeros(1, np.float32)],
    "dtypes of scalars": lambda lib: [np.int32(1), np.float32(2)],
    "scalar first":     lambda lib: [np.float32(1), 2.5],
    "tensor first":     lambda lib: [lib.zeros(1), 1],
    "text arrays":      lambda lib: [np.array(["a"])],
    "object arrays":    lambda lib: [np.array([None])],
    "dates":            lambda lib: [np.datetime64(1, "s")],
    "backwards":        lambda lib: [np.zeros(2)[::-1]],
    "keys":             lambda lib: [{"a": 1}, {}],
    "more keys":        lambda lib: [{"a": 1}, {"a": 2, "b": 3}],
    "defaultdict":      lambda lib: [collections.defaultdict(int, a=1, b=np.ones(2)) for _ in range(2)],
    "one tensor":       lambda lib: lib.arange(3),
    "an array":         lambda lib: np.arange(3),
    "grad":             lambda lib: [lib.ones(2, requires_grad=True), lib.zeros(2)],
    "an iterator":      lambda lib: iter([1]),
}
# fmt: on


@pytest.mark.parametrize("name", BATCHES)
def test_collate_and_convert(name):
    both(lambda lib: plain(lib.utils.data.default_collate(BATCHES[name](lib))))
    if name not in ("none", "objects", "one tensor", "an iterator", "dates"):
        both(lambda lib: plain(lib.utils.data.default_convert(BATCHES[name](lib))))


def test_containers_keep_what_else_they_hold():
    def run(lib):
        collate, convert = lib.utils.data.default_collate, lib.utils.data.default_convert
        batch, data = collate([Extra(a=1), Extra(a=2)]), convert(Extra(a=np.zeros(2)))
        frozen = collate([Frozen(1, 2), Frozen(3, 4)]), type(convert(Frozen(1, 2))).__name__
        return type(batch).__name__, batch["a"], type(data).__name__, data["a"], frozen

    both(run)


# --- what is refused


def _set(loader, name, value):
    setattr(loader, name, value)
    return getattr(loader, name)


# fmt: off
REFUSED = {
    "batch_size=0":      lambda d, x: d.DataLoader(x, 0),
    "batch_size=True":   lambda d, x: d.DataLoader(x, True),
    "batch_size=2.5":    lambda d, x: d.DataLoader(x, 2.5),
    "drop_last=1":       lambda d, x: d.DataLoader(x, drop_last=1),
    "num_workers":       lambda d, x: d.DataLoader(x, num_workers=-1),
    "timeout":           lambda d, x: d.DataLoader(x, timeout=-1),
    "timeout without workers": lambda d, x: iter(d.DataLoader(x, timeout=3)),
    "prefetch_factor":   lambda d, x: d.DataLoader(x, num_workers=1, prefetch_factor=-2),
    "prefetch_factor without workers": lambda d, x: d.DataLoader(x, prefetch_factor=2),
    "persistent_workers": lambda d, x: d.DataLoader(x, persistent_workers=True),
    "context without workers": lambda d, x: d.DataLoader(x, multiprocessing_context="fork"),
    "context of no name": lambda d, x: d.DataLoader(x, num_workers=1, multiprocessing_context="x"),
    "context of no kind": lambda d, x: d.DataLoader(x, num_workers=1, multiprocessing_context=3),
    "no batches and drop_last": lambda d, x: d.DataLoader(x, None, drop_last=True),
    "sampler and shuffle": lambda d, x: d.DataLoader(x, sampler=[1], shuffle=True),
    "batch_sampler and batch_size": lambda d, x: d.DataLoader(x, 2, batch_sampler=[[1]]),
    "batch_sampler and shuffle": lambda d, x: d.DataLoader(x, batch_sampler=[[1]], shuffle=True),
    "batch_sampler and sampler": lambda d, x: d.DataLoader(x, batch_sampler=[[1]], sampler=[1]),
    "batch_sampler and drop_last": lambda d, x: d.DataLoader(x, batch_sampler=[[1]], drop_last=True),
    "batch_sampler and no batches": lambda d, x: d.DataLoader(x, None, batch_sampler=[[1]]),
    "shuffle nothing":   lambda d, x: d.DataLoader([], shuffle=True),
    "shuffle without length": lambda d, x: d.DataLoader(d.Dataset(), shuffle=True),
    "length of a sampler": lambda d, x: len(d.DataLoader(x, sampler=iter([1]))),
    "length of a dataset": lambda d, x: len(d.DataLoader(d.Dataset())),
    "set batch_size":    lambda d, x: _set(d.DataLoader(x), "batch_size", 3),
    "set dataset":       lambda d, x: _set(d.DataLoader(x), "dataset", x),
    "set sampler":       lambda d, x: _set(d.DataLoader(x), "sampler", [1]),
    "set num_workers":   lambda d, x: _set(d.DataLoader(x), "num_workers", 2),
    "far index":         lambda d, x: [*d.DataLoader(x, sampler=[9])],
    "far below":         lambda d, x: [*d.DataLoader(x, sampler=[-7])],
    "float index":       lambda d, x: [*d.DataLoader(x, sampler=[1.5])],
    "bool index":        lambda d, x: [*d.DataLoader(x, sampler=[True])],
    "slice":             lambda d, x: [*d.DataLoader(x, sampler=[slice(0, 2)])],
    "list index":        lambda d, x: [*d.DataLoader(x, sampler=[[0, 1]])],
    "no indices":        lambda d, x: [*d.DataLoader(x, batch_sampler=[[]])],
    "tuple of indices":  lambda d, x: [*d.DataLoader(x, batch_sampler=[(1, 2)])],
    "tensor of indices": lambda d, x: [*d.DataLoader(x, batch_sampler=[x.tensors[0][1:3]])],
    "numpy indices":     lambda d, x: [*d.DataLoader(x, 2, sampler=np.arange(3))],
    "int32 indices":     lambda d, x: [*d.DataLoader(x, 2, sampler=np.arange(3, dtype=np.int32))],
    "no batch_sampler":  lambda d, x: [*d.DataLoader(x, batch_sampler=5)],
    "Dataset":           lambda d, x: d.Dataset()[0],
    "Sampler":           lambda d, x: iter(d.Sampler()),
    "len of Sampler":    lambda d, x: len(d.Sampler()),
    "0-d tensors":       lambda d, x: d.TensorDataset(x.tensors[0].sum()),
    "lengths":           lambda d, x: d.TensorDataset(x.tensors[0], x.tensors[0][1:]),
    "no tensors":        lambda d, x: len(d.TensorDataset()),
    "a list for a tensor": lambda d, x: d.TensorDataset([1]),
    "an array for a tensor": lambda d, x: d.TensorDataset(np.zeros(3)),
    "no datasets":       lambda d, x: d.ConcatDataset([]),
    "ConcatDataset, far": lambda d, x: d.ConcatDataset([x, x])[12],
    "ConcatDataset, below": lambda d, x: d.ConcatDataset([x, x])[-13],
    "ConcatDataset, last": lambda d, x: d.ConcatDataset([x, x])[-1],
    "StackDataset":      lambda d, x: d.StackDataset(),
    "StackDataset, mixed": lambda d, x: d.StackDataset(x, a=x),
    "StackDataset, lengths": lambda d, x: d.StackDataset(x, [1]),
    "StackDataset, getitems": lambda d, x: d.StackDataset(Short(), range(3)).__getitems__([1, 2]),
    "StackDataset, getitems of names": lambda d, x: d.StackDataset(a=Short()).__getitems__([1, 2]),
    "Subset, list":      lambda d, x: d.Subset(x, [2, 3, 1])[[0, 2]],
    "Subset, far":       lambda d, x: d.Subset(x, [0])[3],
    "Subset, far in x":  lambda d, x: [*d.DataLoader(d.Subset(x, [9]))],
    "Subset, __getitem__": lambda d, x: type("Own", (d.Subset,), {"__getitem__": lambda self, i: i})(x, [0]),
    "replacement=1":     lambda d, x: d.RandomSampler(x, replacement=1),
    "num_samples=0":     lambda d, x: d.RandomSampler(x, num_samples=0),
    "num_samples=2.0":   lambda d, x: d.RandomSampler(x, num_samples=2.0),
    "no data":           lambda d, x: d.RandomSampler([]),
    "no data, replacement": lambda d, x: [*d.RandomSampler([], True, 3)],
    "no data, num_samples": lambda d, x: [*d.RandomSampler([], False, 3)],
    "matrix of weights": lambda d, x: d.WeightedRandomSampler([[1.0]], 2),
    "text for weights":  lambda d, x: d.WeightedRandomSampler(["a"], 2),
    "weights run out":   lambda d, x: [*d.WeightedRandomSampler([1.0], 2, False)],
    "negative weight":   lambda d, x: [*d.WeightedRandomSampler([-1.0, 2], 2)],
    "weights of 0":      lambda d, x: [*d.WeightedRandomSampler([0.0, 0], 2)],
    "no weights":        lambda d, x: [*d.WeightedRandomSampler([], 2)],
    "weighted, replacement=1": lambda d, x: d.WeightedRandomSampler([1.0], 2, 1),
    "weighted, num_samples=2.0": lambda d, x: d.WeightedRandomSampler([1.0], 2.0),
    "weighted, num_samples=True": lambda d, x: d.WeightedRandomSampler([1.0], True),
    "split too few":     lambda d, x: d.random_split(x, [1, 2]),
    "split too much":    lambda d, x: d.random_split(x, [0.5, 0.6]),
    "split no fraction": lambda d, x: d.random_split(x, [1.5, -0.5]),
    "split floats":      lambda d, x: d.random_split(x, [3.0, 3.0]),
    "split into none":   lambda d, x: d.random_split(x, []),
    "split by less than 0": lambda d, x: [len(part) for part in d.random_split(x, [-1, 7])],
}
# fmt: on


class Short:
    """A dataset that gives fewer samples than it was asked for."""

    def __len__(self):
        return 3

    def __getitems__(self, indices):
        return [0]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    def run(lib):
        lib.manual_seed(0)
        return REFUSED[name](lib.utils.data, lib.utils.data.TensorDataset(lib.arange(6)))

    both(run)


# --- what the user is warned of, and what can be read


# fmt: off
WARNED = {
    "empty part":  lambda d, lib: d.random_split(range(5), [0.9, 0.1, 0.0])[2].indices,
    "pin_memory":  lambda d, lib: [*d.DataLoader([1, 2], pin_memory=True)],
    "pin_memory_device": lambda d, lib: [*d.DataLoader([1, 2], pin_memory=True, pin_memory_device="cuda")],
    "pin_memory_device alone": lambda d, lib: [*d.DataLoader([1, 2], pin_memory_device="cuda")],
    "long stream": lambda d, lib: [(len(x), [*x]) for x in [d.DataLoader(stream_of(lib, [1, 2, 3], 1))]],
    "long stream, no len()": lambda d, lib: [*d.DataLoader(stream_of(lib, [1, 2, 3], 1))],
}
# fmt: on


@pytest.mark.parametrize("name", WARNED)
def test_warnings(name):
    def run(lib):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = WARNED[name](lib.utils.data, _seeded(lib))
        words = [str(w.message).partition(" at 0x")[0].rpartition(".")[2] for w in caught]
        return result, words, [w.category.__name__ for w in caught]

    both(run)


ATTRIBUTES = """batch_size drop_last num_workers prefetch_factor pin_memory pin_memory_device timeout in_order
    persistent_workers worker_init_fn""".split()  # noqa: SIM905 - a list would take a line for each


OPTIONS = [
    {},
    {"batch_size": 3},
    {"batch_size": None},
    {"batch_sampler": [[1]]},
    {"sampler": [1]},
    {"shuffle": True},
    {"collate_fn": len},
    {"num_workers": 1},
    {"num_workers": 2, "prefetch_factor": 5, "timeout": 3, "persistent_workers": True, "in_order": False},
    {"num_workers": 1, "multiprocessing_context": "spawn"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_attributes_of_a_loader(options):
    def run(lib):
        loader = lib.utils.data.DataLoader(range(6), **options)
        parts = (loader.sampler, loader.batch_sampler, loader.collate_fn, loader.multiprocessing_context)
        names = [getattr(part, "__name__", type(part).__name__) for part in parts]
        return [getattr(loader, name) for name in ATTRIBUTES], names, loader.generator is None

    both(run)


# fmt: off
NOT_HERE = {
    "DFIterDataPipe", "DataChunk", "DistributedSampler", "IterDataPipe", "MapDataPipe", "_DatasetKind",
    "argument_validation", "functional_datapipe", "guaranteed_datapipes_determinism", "non_deterministic",
    "runtime_validation", "runtime_validation_disabled",
}
# fmt: on


def test_public_names():
    """Those of torch, but for its DataPipes, and for training on several machines."""
    assert tinynn.utils.data.__all__ == sorted({*torch.utils.data.__all__} - NOT_HERE)
    assert torch.utils.data.get_worker_info() is tinynn.utils.data.get_worker_info() is None
