"""`DataLoader`: iterate over a dataset in batches, in the order that a sampler gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from tinynn import ops
from tinynn.random import Generator, default_generator
from tinynn.tensor import Tensor
from tinynn.utils.data.collate import default_collate, default_convert
from tinynn.utils.data.dataset import Dataset, IterableDataset, Subset, TensorDataset, samples_at
from tinynn.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

T = TypeVar("T", covariant=True)

_INTEGERS = {int, np.int64}

# What the loader's samplers were made of: setting one of these later would not change them.
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[T]):
    """`for batch in loader:` the samples of a dataset, collated in batches; each loop is a new epoch.

    `batch_size=None` gives the samples one by one. `shuffle`, a `sampler` of indices and a `batch_sampler` of
    lists of them exclude each other. `collate_fn` makes a batch of a list of samples. `generator` shuffles.

    The order, and the state of every generator at every moment, are torch's with `num_workers=0`. Batches are
    always loaded in this process, when they are asked for: `num_workers` and the options about workers are
    checked as torch checks them, and that is all (`worker_init_fn` is not called). `pin_memory` only warns.

    Raises ValueError for options that contradict each other, TypeError for a `multiprocessing_context` that
    is none.
    """

    _initialized = False

    def __init__(
        self,
        dataset: Dataset[T],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            sampler = self._default_sampler(bool(shuffle))
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn
        self._seeded = False
        self._reported: int | None = None  # the length that an IterableDataset gave to len(loader)
        self._initialized = True

    def _default_sampler(self, shuffle: bool) -> Sampler:
        if isinstance(self.dataset, IterableDataset):
            return _InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)  # type: ignore[arg-type]
        return SequentialSampler(self.dataset)  # type: ignore[arg-type]

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized\n"
                "Make another loader."
            )
        super().__setattr__(name, value)

    @property
    def _index_sampler(self) -> Any:
        """What is iterated over: batches of indices, or indices."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator:
        # torch seeds worker processes with a draw, whether there are any or not; persistent ones only once.
        draws = not (self.persistent_workers and self._seeded)
        self._seeded = True
        return _Epoch(self, draws)

    def __len__(self) -> int:
        """The number of batches; for an IterableDataset, what its length makes likely."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        n = self._reported = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


class _InfiniteConstantSampler(Sampler[None]):
    """The sampler of a dataset that has no indices."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class _Epoch:
    """One loop over a loader."""

    def __init__(self, loader: DataLoader, draws: bool):
        _warn_of_pinning(loader)
        self._loader = loader
        indices = iter(loader._index_sampler)
        if draws:
            (loader.generator or default_generator).random(())
        if loader.timeout and not loader.num_workers:
            raise AssertionError(
                "_SingleProcessDataLoaderIter requires timeout == 0\nThere are no workers to wait for."
            )
        # A map, unlike a generator, goes on with the next batch after one that raised an exception.
        self._batches = map(_fetcher(loader), indices)
        self._expected = loader._reported
        self._count = 0

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        batch = next(self._batches)
        self._count += 1
        if self._expected is not None and self._count > self._expected:
            warnings.warn(
                f"Length of IterableDataset {self._loader.dataset} was reported to be {self._expected}"
                f"(when accessing len(dataloader)), but {self._count} samples have been fetched. ",
                stacklevel=2,
            )
        return batch

    def __len__(self) -> int:
        return len(self._loader._index_sampler)


def _fetcher(loader: DataLoader) -> Callable[[Any], Any]:
    """A function from an index, or from a batch of indices, to what the loader yields for it."""
    dataset, collate_fn = loader.dataset, loader.collate_fn
    if isinstance(dataset, IterableDataset):
        return _stream_fetcher(loader)
    if loader.batch_sampler is None:
        return lambda index: collate_fn(dataset[index])
    if collate_fn is not default_collate:
        return lambda indices: collate_fn(samples_at(dataset, indices))

    def fetch(indices: Any) -> Any:
        batch = _gathered(dataset, indices)
        return default_collate(samples_at(dataset, indices)) if batch is None else batch

    return fetch


def _stream_fetcher(loader: DataLoader) -> Callable[[Any], Any]:
    """Of the indices of an endless sampler only the number counts."""
    stream, collate_fn = iter(loader.dataset), loader.collate_fn
    if loader.batch_sampler is None:
        return lambda _: collate_fn(next(stream))

    def fetch(indices: list[None]) -> Any:
        samples = list(islice(stream, len(indices)))
        if len(samples) < (len(indices) if loader.drop_last else 1):
            raise StopIteration
        return collate_fn(samples)

    return fetch


def _gathered(dataset: Any, indices: Any) -> Any:
    """What `default_collate` makes of samples that are rows of tensors, read at once: ten times as fast.

    None where somebody could tell the difference: a row that requires grad, an index that is no plain int or
    out of range, or any other class of dataset, whose methods are its own.
    """
    if type(indices) is not list or not indices:
        return None
    if type(dataset) is Subset:
        return _gathered(dataset.dataset, [dataset.indices[i] for i in indices])
    tensors = dataset.tensors if type(dataset) is TensorDataset else (dataset,)
    if any(type(x) is not Tensor or x.requires_grad for x in tensors) or {*map(type, indices)} - _INTEGERS:
        return None
    places = (np.array(indices, np.int64),)
    try:
        batch = [ops.index(x, places) for x in tensors]
    except IndexError:
        return None
    return batch if type(dataset) is TensorDataset else batch[0]


def get_worker_info() -> None:
    """None: no code runs in a worker process."""
    return None


# --- what torch refuses


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _context(multiprocessing_context: Any, num_workers: int) -> Any:
    """The context object that the option stands for, checked as if worker processes were to start."""
    if multiprocessing_context is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={num_workers}"
        )
    import multiprocessing  # as slow to import as a quarter of NumPy, and hardly ever needed

    methods = multiprocessing.get_all_start_methods()
    if isinstance(multiprocessing_context, str):
        if multiprocessing_context not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                f"multiprocessing_context={multiprocessing_context!r}"
            )
        return multiprocessing.get_context(multiprocessing_context)
    if not isinstance(multiprocessing_context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the "
            f"start method, but got multiprocessing_context={multiprocessing_context}"
        )
    return multiprocessing_context


def _check_order(
    dataset: Any, batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool
) -> None:
    """Refuse options that contradict each other about which samples come when."""
    if isinstance(dataset, IterableDataset):
        given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                    f"{name}={value}\nIts samples come in the order of its own __iter__."
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle\nA RandomSampler shuffles.")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        )
    if batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _warn_of_pinning(loader: DataLoader) -> None:
    if loader.pin_memory and loader.pin_memory_device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,ignore "
            f"pin_memory_device='{loader.pin_memory_device}'.",
            stacklevel=4,
        )
    if loader.pin_memory:
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory "
            "won't be used.",
            stacklevel=4,
        )
