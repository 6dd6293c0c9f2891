"""In which order the samples of a dataset come: an iterable of indices, and batches of them.

Each epoch iterates anew. The random samplers draw what torch's draw, from the same generators: after a seed
the order is torch's, and so is everything that is drawn later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np

from tinynn.creation import as_tensor
from tinynn.dtypes import float64
from tinynn.random import Generator, default_generator

T = TypeVar("T", covariant=True)

_CHUNK = 32  # with replacement, indices are drawn so many at a time


class Sampler(Generic[T]):
    """What a DataLoader iterates over for the indices of its samples.

    Subclasses define `__iter__`, and `__len__` if the length is known.
    """

    def __iter__(self) -> Iterator[T]:
        raise NotImplementedError


class SequentialSampler(Sampler[int]):
    """0, 1, ... in order."""

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices of the dataset, shuffled; with `replacement`, each drawn from all of them.

    `num_samples` (default: the length of the dataset) may be larger than the dataset: then several
    shufflings follow one another. Without a `generator`, each epoch has a new one, seeded by the default
    generator. Raises TypeError and ValueError for options that are no bool, or no positive number.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}\n"
                "Unless it is given, it is the length of the dataset; an empty one cannot be shuffled."
            )

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = self.generator
        if generator is None:  # drawn when the first index is asked for, not by iter()
            generator = Generator().manual_seed(int(default_generator.random(())))
        for indices in self._drawn(generator, len(self.data_source)):
            yield from indices.tolist()

    def _drawn(self, generator: Generator, n: int) -> Iterator[np.ndarray]:
        """The indices of an epoch, as many at a time as torch draws."""
        whole, rest = divmod(self.num_samples, _CHUNK if self.replacement else n)
        if self.replacement:
            for size in [_CHUNK] * whole + [rest]:
                yield generator.randint(0, n, (size,))
            return
        for _ in range(whole):
            yield generator.randperm(n)
        # torch draws this without a rest too, which nobody can see unless the generator was given
        if rest or generator is self.generator:
            yield generator.randperm(n)[:rest]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices, shuffled."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = (self.generator or default_generator).randperm(len(self.indices))
        for place in order.tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """`num_samples` indices, i with a probability proportional to weights[i]; see `tinynn.multinomial`.

    Raises ValueError for weights that are no vector, and for options that are no bool, or no positive number.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        _check_positive("num_samples", num_samples)
        _check_bool("replacement", replacement)
        self.weights = as_tensor(weights, dtype=float64)
        if self.weights.ndim != 1:
            raise ValueError(
                "weights should be a 1d sequence but given weights have shape "
                f"{tuple(self.weights.shape)}\nGive one weight for each sample of the dataset."
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        generator = self.generator or default_generator
        yield from generator.multinomial(self.weights._array, self.num_samples, self.replacement).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of `batch_size`; `drop_last` leaves out a shorter last one."""

    def __init__(self, sampler: Sampler[int] | Iterable[int], batch_size: int, drop_last: bool):
        _check_positive("batch_size", batch_size)
        _check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


def _check_bool(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{name} should be a boolean value, but got {name}={value}")
