"""Batches of sequences of different lengths: padded to one length, or packed without padding.

A packed batch holds the first elements of all sequences, then the second elements of those that have one, and
so on, longest sequence first: each step of a recurrent layer finds its rows side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from tinynn import dtypes, ops
from tinynn.autograd.variable import Variable
from tinynn.creation import arange, as_tensor, empty_like
from tinynn.functions import cat
from tinynn.size import type_name
from tinynn.tensor import Tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """A packed batch, as `pack_padded_sequence` and `pack_sequence` make it.

    data                (rows, ...), all steps one after the other
    batch_sizes         how many sequences take part in each step: int64, on the CPU
    sorted_indices      which sequences of the unsorted batch these are; None if it was sorted already
    unsorted_indices    the inverse permutation
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, list | tuple) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError("batch_sizes should always be on CPU.")
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The same batch with data.to(...)."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """Raises torch's error for a build without CUDA."""
        return self.to(*args, **{"device": "cuda", **kwargs})

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """Itself: the CPU is the one device there is."""
        return self.to(*args, **{"device": "cpu", **kwargs})

    def pin_memory(self) -> Self:
        """Itself."""
        return self

    # fmt: off
    def double(self) -> Self: return self.to(dtype=dtypes.float64)
    def float(self) -> Self: return self.to(dtype=dtypes.float32)
    def half(self) -> Self: return self.to(dtype=dtypes.float16)
    def long(self) -> Self: return self.to(dtype=dtypes.int64)
    def int(self) -> Self: return self.to(dtype=dtypes.int32)
    def short(self) -> Self: return self.to(dtype=dtypes.int16)
    def char(self) -> Self: return self.to(dtype=dtypes.int8)
    def byte(self) -> Self: return self.to(dtype=dtypes.uint8)
    # fmt: on

    @property
    def is_cuda(self) -> bool:
        """False: there is no GPU."""
        return self.data.is_cuda

    def is_pinned(self) -> bool:
        """False: without a GPU no memory is."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes this one."""
    if permutation is None:
        return None
    return empty_like(permutation).scatter_(0, permutation, arange(len(permutation)))


def _places(lengths: np.ndarray) -> tuple[np.ndarray, ...]:
    """The step and the sequence of each row of a packed batch, for lengths in falling order."""
    return np.nonzero(np.arange(lengths[0])[:, None] < lengths)


# --- packing


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch (T, N, ...), or (N, T, ...) with batch_first: N sequences of the given lengths.

    With enforce_sorted they must come longest first; else they are sorted, and their order is kept beside.
    """
    lengths = lengths if isinstance(lengths, Tensor) else as_tensor(lengths, dtype=dtypes.int64)
    lengths, order = lengths.to(dtypes.int64), None
    if not enforce_sorted:
        lengths, order = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, order)
    _check_packable(input, lengths, batch_first)
    steps, sequences = _places(lengths._array)
    data = ops.packed(input, (sequences, steps) if batch_first else (steps, sequences))
    return PackedSequence(data, Variable.wrap(np.bincount(steps)), order)


def _check_packable(input: Tensor, lengths: Tensor, batch_first: bool) -> None:
    if input.numel() == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if lengths.ndim != 1:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.ndim}D cpu {type_name(lengths._array.dtype)} tensor"
        )
    n = input.size(0 if batch_first else 1)
    if len(lengths) != n:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={n})"
        )
    if (lengths[1:] > lengths[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
            "requirement if you do not need ONNX exportability."
        )
    if (lengths <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    longest, size = int(lengths[0]), input.size(1 if batch_first else 0)
    if longest > size:
        raise RuntimeError(f"a sequence of length {longest} cannot be taken from a batch padded to {size}")


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The batch padded to the longest length, or to `total_length`, in the first order; and the lengths.

    (T, N, ...), or (N, T, ...) with batch_first.
    """
    sizes = sequence.batch_sizes._array
    longest = len(sizes) if total_length is None else total_length
    if longest < len(sizes):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {len(sizes)}"
        )
    lengths = (sizes[:, None] > np.arange(sizes[0])).sum(0)
    steps, sequences = _places(lengths)
    padded = _padded(sequence.data, steps, sequences, (longest, len(lengths)), batch_first, padding_value)
    order = sequence.unsorted_indices
    if order is None:
        return padded, Variable.wrap(lengths)
    return padded.index_select(0 if batch_first else 1, order), Variable.wrap(lengths)[order]


def _padded(
    data: Tensor, steps: Any, sequences: Any, size: tuple[int, int], batch_first: bool, padding_value: float
) -> Tensor:
    """A batch of `size` = (T, N) filled with the padding, but for the places of the rows of `data`."""
    batch = data.new_full((*size, *data.shape[1:]), padding_value)
    padded = ops.index_put(batch, data, (steps, sequences))
    return padded.transpose(0, 1) if batch_first else padded


# --- lists of sequences


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (length, ...) in one batch (T, N, ...), or (N, T, ...), padded behind, or before ("left")."""
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    _check_sequences(sequences, padding_side)
    lengths = [sequence.size(0) for sequence in sequences]
    longest = max(lengths)
    starts = [longest - length if padding_side == "left" else 0 for length in lengths]
    steps = np.concatenate([start + np.arange(n) for start, n in zip(starts, lengths, strict=True)])
    columns = np.repeat(np.arange(len(lengths)), lengths)
    data = cat([_like(sequences[0], sequence) for sequence in sequences])
    return _padded(data, steps, columns, (longest, len(lengths)), batch_first, padding_value)


def _like(first: Tensor, sequence: Tensor) -> Tensor:
    """The sequence with elements of the first one's shape and dtype."""
    shape = (sequence.size(0), *first.shape[1:])
    if sequence.shape == shape and sequence.dtype is first.dtype:
        return sequence
    return first.new_empty(shape).copy_(sequence)


def _check_sequences(sequences: Sequence, padding_side: str) -> None:
    for i, sequence in enumerate(sequences):
        if not isinstance(sequence, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(sequence).__name__}"
            )
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch, without the padding behind them."""
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    places = arange(batch.shape[1])
    return [sequence[places < length] for sequence, length in zip(batch, lengths, strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """`pad_sequence`, then `pack_padded_sequence`: a packed batch of sequences (length, ...)."""
    lengths = as_tensor([sequence.size(0) for sequence in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in their first order."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
