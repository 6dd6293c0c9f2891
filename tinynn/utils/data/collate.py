"""Samples to a batch: `default_collate` stacks what can be stacked, inside containers too."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from tinynn.creation import as_tensor, tensor
from tinynn.dtypes import float64
from tinynn.functions import stack
from tinynn.tensor import Tensor


def default_collate(batch: Sequence) -> Any:
    """A list of samples as one batch, by what the first one is:

        tensor, array                a tensor, with a new first dimension
        float, int, bool             a vector: float64, int64, bool
        str, bytes                   the list itself
        dict, namedtuple, list       the same, of the collated values
        tuple                        a list of the collated values

    Raises TypeError for anything else, RuntimeError for tensors or sequences of different sizes.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch)
    if isinstance(first, np.ndarray):
        if first.dtype.kind in "SUO":
            raise _no_collation(first.dtype)
        return default_collate([as_tensor(array) for array in batch])
    if isinstance(first, np.number | np.bool_):
        return as_tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        columns = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return _like_mapping(first, columns)
    if _is_namedtuple(first):
        return type(first)(*map(default_collate, zip(*batch, strict=False)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError(
                "each element in list of batch should be of equal size\n"
                f"The sizes are {[len(sample) for sample in batch]}; a collate_fn of your own can pad them."
            )
        collated = [default_collate(column) for column in zip(*batch, strict=True)]
        return collated if isinstance(first, tuple) else _like_sequence(first, collated)
    raise _no_collation(type(first))


def default_convert(data: Any) -> Any:
    """Arrays as tensors, inside containers too (a tuple becomes a list); what is no array as it is."""
    if isinstance(data, Tensor):
        return data
    if type(data).__module__ == "numpy" and not isinstance(data, np.str_):
        if isinstance(data, np.ndarray) and data.dtype.kind in "SUO":
            return data
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if _is_namedtuple(data):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        items = [default_convert(item) for item in data]
        return items if isinstance(data, tuple) else _like_sequence(data, items)
    return data


def _no_collation(found: Any) -> TypeError:
    return TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{found}\nA collate_fn of your own can make a batch of them."
    )


def _is_namedtuple(data: Any) -> bool:
    return isinstance(data, tuple) and hasattr(data, "_fields")


def _like_mapping(original: Any, values: dict) -> Any:
    """`values` in a copy of `original`; in a plain dict if its type does not allow that."""
    try:
        if not isinstance(original, MutableMapping):
            return type(original)(values)
        filled = copy.copy(original)
        filled.update(values)
        return filled
    except TypeError:
        return values


def _like_sequence(original: Any, values: list) -> Any:
    """`values` in a copy of `original`; in a plain list if its type does not allow that."""
    try:
        if not isinstance(original, MutableSequence):
            return type(original)(values)
        filled = copy.copy(original)
        for i, value in enumerate(values):
            filled[i] = value
        return filled
    except TypeError:
        return values
