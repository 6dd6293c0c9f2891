"""Laws of tinynn.utils.data: each sample comes once, rows read at once are the samples, no process starts."""

import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinynn
from tinynn.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    StackDataset,
    Subset,
    TensorDataset,
    default_collate,
    get_worker_info,
    random_split,
)

exhaustive = settings(max_examples=100, deadline=None, derandomize=True, database=None)


class OneByOne(Dataset[tuple]):
    """The samples of another dataset, in a class that the loader knows nothing about."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index]


def numbered(n):
    return TensorDataset(tinynn.arange(3 * n).reshape(n, 3).float(), tinynn.arange(n))


def indices_in(batches):
    return [i for _, y in batches for i in y.tolist()]


@exhaustive
@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans())
def test_an_epoch_has_every_sample_once_in_batches_of_one_size(n, batch_size, shuffle, drop_last):
    loader = DataLoader(numbered(n), batch_size, shuffle, drop_last=drop_last)
    batches = [*loader]
    sizes = [len(y) for _, y in batches]
    assert len(sizes) == len(loader)
    assert all(size == batch_size for size in sizes[:-1])
    seen = indices_in(batches)
    assert len({*seen}) == len(seen) == (n - n % batch_size if drop_last else n)
    assert shuffle or seen == [*range(len(seen))]


@exhaustive
@given(st.integers(2, 40), st.integers(1, 20), st.integers(0, 2**32), st.booleans())
def test_rows_read_at_once_are_the_samples_stacked(n, batch_size, seed, within_subset):
    dataset = numbered(n)
    if within_subset:
        dataset = random_split(dataset, [n // 2, n - n // 2])[1]
    known, unknown = (
        DataLoader(x, batch_size, shuffle=True, generator=tinynn.Generator().manual_seed(seed))
        for x in (dataset, OneByOne(dataset))
    )
    for own, other in zip(known, unknown, strict=True):
        assert type(own) is type(other) is list
        for a, b in zip(own, other, strict=True):
            assert (a.dtype, a.shape, a.stride(), a.tolist()) == (b.dtype, b.shape, b.stride(), b.tolist())


def test_rows_of_tensors_are_read_at_once(monkeypatch):
    def refuse(dataset, index):
        raise AssertionError("a sample was read by itself")

    monkeypatch.setattr(TensorDataset, "__getitem__", refuse)
    assert indices_in(DataLoader(numbered(5), 2)) == [0, 1, 2, 3, 4]
    assert indices_in(DataLoader(Subset(numbered(5), np.array([4, 2, 0])), 2)) == [4, 2, 0]


@pytest.mark.parametrize(
    "wrap", [lambda x: x, OneByOne, lambda x: Subset(x, range(6)), lambda x: x.tensors[0]]
)
def test_a_batch_is_a_copy(wrap):
    dataset = numbered(6)
    for batch in DataLoader(wrap(dataset), 2):
        x = batch[0] if isinstance(batch, list) else batch
        x.zero_()
    assert dataset.tensors[0].tolist() == numbered(6).tensors[0].tolist()


def test_gradients_flow_back_to_the_dataset():
    x = tinynn.ones(4, 2, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), 3):
        (batch * len(batch)).sum().backward()
    assert x.grad.tolist() == [[3, 3], [3, 3], [3, 3], [1, 1]]


def test_batches_made_in_inference_mode_are_inference_tensors():
    with tinynn.inference_mode():
        (batch,) = next(iter(DataLoader(TensorDataset(tinynn.ones(4)), 2)))
    assert batch.is_inference()


def test_methods_of_a_subclass_are_called():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * x for x in super().__getitem__(index))

    class InBatches(TensorDataset):
        def __getitems__(self, indices):
            return [("batch of", len(indices))] * len(indices)

    class Own(Subset):
        def __getitems__(self, indices):
            return [(-index,) for index in indices]

    x = tinynn.arange(4)
    assert [batch[0].tolist() for batch in DataLoader(Doubled(x), 2)] == [[0, 2], [4, 6]]
    assert [batch[1].tolist() for batch in DataLoader(InBatches(x), 3)] == [[3, 3, 3], [1]]
    assert [batch[0].tolist() for batch in DataLoader(Own(TensorDataset(x), [0, 1]), 2)] == [[0, -1]]
    nested = StackDataset(InBatches(x), Subset(InBatches(x), [3, 2, 1, 0]))
    assert DataLoader(nested, 4, collate_fn=lambda samples: samples[-1]).__iter__().__next__() == (
        ("batch of", 4),
        ("batch of", 4),
    )


def test_collate_fn_gets_the_samples():
    batches = DataLoader(numbered(5), 2, collate_fn=lambda samples: [y.item() for _, y in samples])
    assert [*batches] == [[0, 1], [2, 3], [4]]


def test_two_loops_over_one_loader_are_independent():
    loader = DataLoader(range(6), 2)
    pairs = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert pairs == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4, 5], [4, 5])]
    inner = [(a.tolist()[0], b.tolist()[0]) for a in loader for b in loader]
    assert len({*inner}) == 9


@pytest.mark.parametrize("options", [{}, {"num_workers": 2}, {"num_workers": 1, "persistent_workers": True}])
def test_samples_are_loaded_in_this_process(options):
    class Witness(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            assert get_worker_info() is None
            return os.getpid()

    def never(worker):
        raise AssertionError("there are no workers")

    batches = [*DataLoader(Witness(), 2, worker_init_fn=never, **options)]
    assert [batch.tolist() for batch in batches] == [[os.getpid()] * 2] * 2


def test_a_stream_is_read_once_whatever_the_number_of_workers():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(5))

    assert [batch.tolist() for batch in DataLoader(Stream(), 2, num_workers=3)] == [[0, 1], [2, 3], [4]]


def test_a_stream_is_read_as_far_as_it_is_needed():
    read = []

    class Stream(IterableDataset):
        def __iter__(self):
            for i in range(100):
                read.append(i)
                yield i

    next(iter(DataLoader(Stream(), 3)))
    assert read == [0, 1, 2]


def test_more_workers_than_processors_are_no_reason_to_warn():
    assert len([*DataLoader(range(3), num_workers=1000)]) == 3


def test_a_loader_can_be_copied_and_pickled():
    loader = DataLoader(numbered(5), 2)
    for twin in (copy.deepcopy(loader), pickle.loads(pickle.dumps(loader))):
        assert indices_in(twin) == [0, 1, 2, 3, 4]
        with pytest.raises(ValueError, match="should not be set after DataLoader is initialized"):
            twin.batch_size = 3


def test_a_subclass_of_loader_may_add_attributes_and_refine_iteration():
    class Counting(DataLoader):
        def __init__(self, *args):
            self.epochs = 0
            super().__init__(*args)

        def __iter__(self):
            self.epochs += 1
            return super().__iter__()

    loader = Counting(range(3), 2)
    assert [len([*loader]), len([*loader]), loader.epochs] == [2, 2, 2]


def test_an_epoch_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        epoch = iter(DataLoader(numbered(4), 2, shuffle=True))
        next(epoch)
        freed = weakref.ref(epoch)
        del epoch
        assert freed() is None
    finally:
        gc.enable()


@exhaustive
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_random_split_shares_all_samples_out(lengths):
    n = sum(lengths)
    assume(n != 1)  # those would be fractions
    parts = random_split(range(n), lengths)
    assert [len(part) for part in parts] == lengths
    assert sorted(i for part in parts for i in part) == [*range(n)]


def test_concat_dataset_finds_each_sample():
    parts = [range(10 * k, 10 * k + size) for k, size in enumerate([2, 0, 3, 1])]
    joined = ConcatDataset(parts)
    expected = [i for part in parts for i in part]
    assert [joined[i] for i in range(len(joined))] == expected
    assert [joined[i] for i in range(-len(joined), 0)] == expected


def test_random_sampler_follows_a_dataset_that_grows():
    data = [0, 1]
    sampler = RandomSampler(data)
    data += [2, 3]
    assert len(sampler) == 4
    assert sorted(sampler) == [0, 1, 2, 3]


def test_batch_sampler_takes_any_iterable():
    assert [*BatchSampler((i for i in range(5)), 2, False)] == [[0, 1], [2, 3], [4]]
    assert [*BatchSampler("abcde", 2, True)] == [["a", "b"], ["c", "d"]]


def test_arrays_are_collated_in_row_major_order():
    batch = default_collate([np.asfortranarray(np.arange(6.0).reshape(2, 3))] * 2)
    assert batch.is_contiguous()
    assert batch[1].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_would_help_is_said():
    hints = {
        "A collate_fn of your own": lambda: default_collate([None]),
        "can pad them": lambda: default_collate([[1], [1, 2]]),
        "an empty one cannot be shuffled": lambda: DataLoader([], shuffle=True),
        "ConcatDataset joins": lambda: len(tinynn.utils.data.ChainDataset([[1]])),
        "first dimensions are": lambda: TensorDataset(tinynn.zeros(2), tinynn.zeros(3)),
        "the dataset has 3 samples": lambda: random_split(range(3), [1, 1]),
    }
    for hint, refused in hints.items():
        with pytest.raises((TypeError, RuntimeError, ValueError, AssertionError), match=hint) as caught:
            refused()
        assert hint not in str(caught.value).splitlines()[0]


def test_it_is_there_after_import_tinynn_and_loaded_when_it_is_used():
    program = (
        "import sys, tinynn; assert 'tinynn.utils.data' not in sys.modules; tinynn.utils.data.DataLoader; "
        "assert 'tinynn.utils.data' in sys.modules; assert 'multiprocessing' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match=r"module 'tinynn\.utils' has no attribute 'missing'"):
        tinynn.utils.missing  # noqa: B018
