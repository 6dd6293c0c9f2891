"""From whole numbers to vectors: one_hot, embedding, and sums, means and maxima of bags of embeddings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.grad_mode import no_grad
from tinynn.autograd.variable import Variable
from tinynn.nn.functional.checks import need_tensor
from tinynn.size import legacy_name
from tinynn.tensor import Tensor


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the class that `input` (int64, any shape) names, 0 at the others, in a new last dimension.

    Without num_classes there are as many as the largest class needs. Raises RuntimeError for other dtypes and
    for classes outside of the range.
    """
    need_tensor("one_hot", input)
    if not isinstance(num_classes, int):
        kind = type(num_classes).__name__
        raise TypeError(f"one_hot(): argument 'num_classes' (position 2) must be int, not {kind}")
    classes = input._array
    if classes.dtype != np.int64:
        raise RuntimeError(
            "one_hot is only applicable to index tensor of type LongTensor.\nConvert it first, with .long()."
        )
    if not classes.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if classes.size and classes.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    count = classes.max() + 1 if num_classes == -1 else num_classes
    if classes.size and classes.max() >= count:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return Variable.wrap((classes[..., None] == np.arange(count)).astype(np.int64))


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows weight[input]: indices (*) and a table (rows, features) to (*, features).

    No gradient goes to row padding_idx. max_norm shortens, in place, the rows that are used and longer than
    that in the norm_type norm. scale_grad_by_freq divides the gradient of a row by how often it was used.
    Raises IndexError for an index outside of the table; NotImplementedError for sparse=True.
    """
    need_tensor("embedding", weight, "weight")
    need_tensor("embedding", input, "indices", 2)
    _refuse_sparse(sparse)
    padding_idx = _padding_row(padding_idx, weight)
    if max_norm is not None:
        _check_indices("embedding_renorm_", input, 2)
        _shorten(weight, input, max_norm, norm_type)
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_indices("embedding", input)
    if not _in_table(input, weight):
        raise IndexError(
            f"index out of range in self\nThe table has {len(weight)} rows, 0 to {len(weight) - 1}."
        )
    return ops.embedding(weight, input._array, padding_idx, bool(scale_grad_by_freq))


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The "sum", "mean" or "max" of the rows weight[i] over the i of each bag, zeros for an empty bag.

    The bags are the rows of `input` (bags, size), or parts of `input` (n,) that begin at `offsets`, of which
    the last is only an end if include_last_offset. per_sample_weights, shaped as `input`, multiply the rows
    of a sum. padding_idx is left out of its bag. The other arguments: see `embedding`.
    """
    input, weight = _in_new_order(input, weight)
    _check_bags(input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights)
    _refuse_sparse(sparse)
    starts = _first_places(input, offsets, include_last_offset)
    places, shares = input._array.reshape(-1), per_sample_weights
    if max_norm is not None:
        _shorten(weight, input, max_norm, norm_type)
    if shares is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
            f"mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )
    _check_table(input, weight, shares, starts)
    bags = np.searchsorted(starts, np.arange(len(places)), side="right") - 1
    if shares is not None:
        shares = shares.reshape(-1)
    if padding_idx is not None:
        kept = _not_padding(places, padding_idx, len(weight))
        places, bags = places[kept], bags[kept]
        shares = None if shares is None else ops.index(shares, (kept,))
    if mode == "max":
        return _largest(weight, places, bags, len(starts))
    if mode == "mean":
        shares = Variable.wrap((1 / np.bincount(bags, minlength=1)[bags]).astype(weight._array.dtype))
    return ops.embedding_bag(weight, shares, places, bags, len(starts), bool(scale_grad_by_freq))


def _largest(weight: Tensor, places: np.ndarray, bags: np.ndarray, count: int) -> Tensor:
    """The maximum over each bag and feature; of equal ones the first gets the gradient."""
    filled, begins = np.unique(bags, return_index=True)
    columns = np.arange(weight.shape[1])
    winners = np.empty((len(filled), len(columns)), np.int64)
    for i, bag in enumerate(np.split(places, begins[1:]) if len(filled) else []):
        winners[i] = bag[weight._array[bag].argmax(0)]
    return ops.embedding_bag_max(weight, winners, filled, count)


def _first_places(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> np.ndarray:
    """Where each bag begins."""
    if input.ndim == 2:
        if not input.shape[1]:
            raise RuntimeError("step must be nonzero\nThe bags are empty: input has the shape (bags, 0).")
        return np.arange(0, input.numel(), input.shape[1])
    assert offsets is not None
    if include_last_offset and not len(offsets):
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    return offsets._array[:-1] if include_last_offset else offsets._array


def _not_padding(places: np.ndarray, padding_idx: int, rows: int) -> np.ndarray:
    if not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got "
            f"{padding_idx}"
        )
    return np.flatnonzero(places != padding_idx % rows)


def _padding_row(padding_idx: Any, weight: Tensor) -> int | None:
    """padding_idx counted from the front."""
    if padding_idx is None:
        return None
    if isinstance(padding_idx, bool) or not isinstance(padding_idx, int):
        kind = type(padding_idx).__name__
        raise TypeError(f"embedding(): argument 'padding_idx' (position 3) must be int, not {kind}")
    if not -len(weight) <= padding_idx < len(weight):
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % len(weight)


@no_grad()
def _shorten(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are used and longer than max_norm to that length, in place."""
    if weight.ndim != 2:
        raise RuntimeError(
            f"Expected 2-dimensional tensor, but got {weight.ndim}-dimensional tensor for argument #1 'self' "
            "(while checking arguments for embedding_renorm_)"
        )
    if not isinstance(max_norm, int | float):
        kind = type(max_norm).__name__
        raise TypeError(f"embedding_renorm_(): argument 'max_norm' (position 3) must be float, not {kind}")
    used: Any = Variable.wrap(np.unique(input._array))
    rows = weight.detach().index_select(0, used)
    length = rows.norm(norm_type, 1, keepdim=True)
    weight.detach().index_copy_(0, used, (rows * (max_norm / (length + 1e-7))).where(length > max_norm, rows))


# --- torch's errors


def _refuse_sparse(sparse: bool) -> None:
    if sparse:
        raise NotImplementedError(
            "sparse=True: there are no sparse tensors, which the gradient would be.\n"
            "Leave it out: the gradient is then dense, and every optimizer takes it."
        )


def _check_indices(function: str, indices: Tensor, position: int = 1) -> None:
    if indices._array.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"Expected tensor for argument #{position} 'indices' to have one of the following scalar types: "
            f"Long, Int; but got {legacy_name(indices._array.dtype)} instead (while checking arguments for "
            f"{function})\nConvert it first, with .long()."
        )


def _in_table(indices: Tensor, weight: Tensor) -> bool:
    places = indices._array
    return not places.size or bool(places.min() >= 0 and places.max() < len(weight))


def _in_new_order(input: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    if weight._array.dtype == np.int64 and input._array.dtype.kind == "f":
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, "
            "...)` is deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=3,
        )
        return weight, input
    return input, weight


def _check_bags(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None,
    scale_grad_by_freq: bool,
    mode: str,
    sparse: bool,
    per_sample_weights: Tensor | None,
) -> None:
    """What torch's Python function refuses."""
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must "
            f"have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if input.dim() == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
            f"length sequences. However, found offsets of type <class 'tinynn.{type(offsets).__name__}'>"
        )
    if input.dim() == 1 and offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets is not None and offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")


def _check_table(input: Tensor, weight: Tensor, shares: Tensor | None, starts: np.ndarray) -> None:
    """What torch's kernel refuses."""
    _check_indices("embedding_bag", input)
    _check_indices("embedding_bag", Variable.wrap(starts))
    table = legacy_name(weight._array.dtype)
    if weight._array.dtype.kind != "f":
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, "
            f"BFloat16, Float, Double; but got {table} instead (while checking arguments for embedding_bag)"
        )
    if len(starts) and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position "
            f"0. However, got {starts[0]}"
        )
    if len(starts) and starts[-1] > input.numel():
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {input.numel()} but got offsets[-1] of "
            f"{starts[-1]}"
        )
    if (np.diff(starts) < 0).any():
        raise RuntimeError("offsets must not decrease: a bag ends where the next one begins")
    if shares is not None and shares._array.dtype is not weight._array.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
            f"'per_sample_weights'; but type {table} does not equal {legacy_name(shares._array.dtype)} "
            "(while checking arguments for embedding_bag)"
        )
    if not _in_table(input, weight):
        places = input._array
        outside = places[(places < 0) | (places >= len(weight))]
        raise RuntimeError(
            f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {outside.flat[0]}"
        )
