"""Functions of several tensors that are no methods: joining (`hstack`, `block_diag`), grids (`meshgrid`),
looking up (`searchsorted`, `isin`), distances (`cdist`), integrals (`trapezoid`).
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tinynn import dtypes
from tinynn.functions import cat, stack
from tinynn.size import Size, one_dim
from tinynn.tensor import Tensor

# fmt: off
__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "bucketize",
    "cartesian_prod", "cdist", "chain_matmul", "column_stack", "combinations", "cumulative_trapezoid",
    "dstack", "gradient", "hstack", "isin", "meshgrid", "row_stack", "searchsorted", "tensordot", "trapezoid",
    "trapz", "tril_indices", "triu_indices", "unravel_index", "vander", "vstack",
]
# fmt: on


# --- joining


def _each(change: Any, tensors: Sequence) -> Any:
    """`f(x)`, `f(x, y)` or `f([x, y])`: one result for one tensor, else a tuple of them."""
    if len(tensors) == 1:
        return change(tensors[0]) if isinstance(tensors[0], Tensor) else tuple(map(change, tensors[0]))
    return tuple(map(change, tensors))


def atleast_1d(*tensors: Any) -> Any:
    """The tensors, those without a dimension with one."""
    return _each(lambda x: x if x.ndim else x.reshape(1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """The tensors, those with fewer than 2 dimensions as a row."""
    return _each(lambda x: x if x.ndim > 1 else x.reshape(1, -1) if x.ndim else x.reshape(1, 1), tensors)


def atleast_3d(*tensors: Any) -> Any:
    """The tensors with at least 3 dimensions: a vector becomes (1, n, 1), a matrix (n, m, 1)."""
    return _each(lambda x: x if x.ndim > 2 else atleast_2d(x).unsqueeze(-1), tensors)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side: along the second dimension, vectors along their only one."""
    _need_tensors("hstack", tensors)
    parts = atleast_1d(tensors)
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors below each other, vectors as rows."""
    _need_tensors("vstack", tensors)
    return cat(atleast_2d(tensors), 0)


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors behind each other, along the third dimension."""
    _need_tensors("dstack", tensors)
    return cat(atleast_3d(tensors), 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors side by side, vectors as columns."""
    _need_tensors("column_stack", tensors)
    return hstack([x if x.ndim > 1 else x.reshape(-1, 1) for x in tensors])


row_stack = vstack


def _need_tensors(name: str, tensors: Sequence) -> None:
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")


def block_diag(*tensors: Tensor) -> Tensor:
    """A matrix with the given matrices along its diagonal, zeros elsewhere."""
    for i, x in enumerate(tensors):
        if x.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {x.ndim} dimensions"
            )
    blocks = [atleast_2d(x) for x in tensors] or [Tensor.wrap(np.empty((1, 0), dtypes.default_dtype()))]
    width = sum(block.shape[1] for block in blocks)
    rows, start = [], 0
    for block in blocks:
        n, m = block.shape
        rows.append(cat([block.new_zeros(n, start), block, block.new_zeros(n, width - start - m)], 1))
        start += m
    return cat(rows)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of the grid that vectors span, each expanded; "xy" swaps the first two dimensions."""
    vectors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    if not len(vectors):
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in vectors:
        if x.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x}")
        if x.dtype is not vectors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swapped = indexing == "xy" and len(vectors) > 1
    order = [1, 0, *range(2, len(vectors))] if swapped else [*range(len(vectors))]
    shape = [vectors[i].numel() for i in order]
    grids = {}
    for place, i in enumerate(order):
        column = [1] * len(vectors)
        column[place] = -1
        grids[i] = vectors[i].reshape(*column).expand(*shape)
    return tuple(grids[i] for i in range(len(vectors)))


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every combination of one element from each vector, a row for each."""
    for x in tensors:
        if x.ndim != 1:
            raise RuntimeError("Expect a 1D vector, but got shape " + str([*x.shape]))
    if len(tensors) == 1:
        return tensors[0]
    return stack([grid.reshape(-1) for grid in meshgrid(*tensors)], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of r elements of a vector in order, a row for each."""
    if input.ndim != 1:
        raise RuntimeError("Expect a 1D vector, but got shape " + str([*input.shape]))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    n = input.numel()
    grid = np.indices((n,) * r).reshape(r, -1)
    step = np.diff(grid, axis=0)
    kept = (step >= 0 if with_replacement else step > 0).all(0)
    columns = [input[Tensor.wrap(np.ascontiguousarray(row[kept]))] for row in grid]
    return stack(columns, 1)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape of tensors of these shapes after broadcasting."""
    sized = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    try:
        return Size(np.broadcast_shapes(*sized))
    except ValueError:
        raise RuntimeError(
            "Shape mismatch: objects cannot be broadcast to a single shape: " + ", ".join(map(str, sized))
        ) from None


# --- places


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The indices of the lower triangle of a (row, col) matrix: a row of rows, a row of columns."""
    return _triangle(np.tri(row, col, offset, dtype=bool), dtype)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The indices of the upper triangle."""
    return _triangle(~np.tri(row, col, offset - 1, dtype=bool), dtype)


def _triangle(mask: np.ndarray, dtype: Any) -> Tensor:
    kind = dtypes.int64.numpy if dtype is None else dtypes.as_numpy(dtype)
    return Tensor.wrap(np.stack(mask.nonzero()).astype(kind))


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where `elements` are among `test_elements`; one of the two may be a number."""
    own, among = (x._array if isinstance(x, Tensor) else np.asarray(x) for x in (elements, test_elements))
    return Tensor.wrap(np.isin(own, among, invert=invert))


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where each value belongs to keep the last dimension sorted: before its equals, or after."""
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right "
            "was True"
        )
    edges = sorted_sequence._array
    if sorter is not None:
        edges = np.take_along_axis(edges, sorter._array, -1)
    values = input._array if isinstance(input, Tensor) else np.asarray(input)
    where: Any = "right" if right or side == "right" else "left"
    if edges.ndim == 1:
        found = np.searchsorted(edges, values, where)
    else:
        if values.shape[:-1] != edges.shape[:-1]:
            raise RuntimeError(
                "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
                "of boundaries tensor and input value tensor must match, but we got boundaries tensor "
                f"{list(edges.shape)} and input value tensor {list(values.shape)}"
            )
        found = np.empty(values.shape, np.int64)
        for place in np.ndindex(edges.shape[:-1]):
            found[place] = np.searchsorted(edges[place], values[place], where)
    return Tensor.wrap(np.asarray(found, np.int32 if out_int32 else np.int64))


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The interval between the sorted `boundaries` that each value lies in."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The places in a tensor of this shape of what has these places in a row: a tensor for each dimension."""
    if indices._array.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    rest, places = indices._array.astype(np.int64), []
    for size in reversed(sizes):
        places.append(Tensor.wrap(np.asarray(rest % size)))
        rest = rest // size
    return tuple(reversed(places))


# --- derivatives and integrals


def gradient(
    input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The slope of `input` along each dimension (or those of `dim`), by differences of neighbours.

    `spacing` is the distance of neighbours, one for each dimension, or tensors of their coordinates. At both
    ends the slope is that of the line through two values, or the parabola through three with edge_order=2.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = [one_dim(d, input.ndim) for d in dims]
    for axis in axes:
        if axes.count(axis) > 1:
            raise RuntimeError(f"dim {axis} appears multiple times in the list of dims")
        if input.shape[axis] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    several = isinstance(spacing, tuple | list)
    if several and len(spacing) != len(axes):
        why = "dim argument was not given" if dim is None else "dim argument was given"
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
            f"'self.dim() = {input.ndim}', since {why}, but got a list of length {len(spacing)}"
        )
    steps = spacing if several else [1 if spacing is None else spacing] * len(axes)
    return tuple(_slopes(input, axis, step, edge_order) for axis, step in zip(axes, steps, strict=True))


def _slopes(x: Tensor, axis: int, step: Any, edge_order: int) -> Tensor:
    """Between neighbours at distances h and k the slope is the mean of both rises, weighted by k and h."""
    n = x.shape[axis]
    if isinstance(step, Tensor):
        gaps = step.diff().reshape(-1, *[1] * (x.ndim - 1 - axis))
    else:
        floating = x.dtype if x.is_floating_point() else dtypes.get_default_dtype()
        gaps = x.new_full((n - 1, *[1] * (x.ndim - 1 - axis)), step, dtype=floating)
    rises = x.diff(dim=axis) / gaps
    before, after = rises.narrow(axis, 0, n - 2), rises.narrow(axis, 1, n - 2)
    h, k = gaps.narrow(0, 0, n - 2), gaps.narrow(0, 1, n - 2)
    inner = (before * k + after * h) / (h + k)
    first, last = rises.narrow(axis, 0, 1), rises.narrow(axis, n - 2, 1)
    if edge_order == 2:  # as much steeper (or flatter) than the first rise as the first inner slope is not
        first = first * 2 - inner.narrow(axis, 0, 1)
        last = last * 2 - inner.narrow(axis, n - 3, 1)
    return cat([first, inner, last], axis)


# --- integrals


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The integral of y along `dim` by the trapezoidal rule, over x or at distances dx."""
    return _trapezoids(y, x, dx, dim).sum(dim)


trapz = trapezoid


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The running integral."""
    return _trapezoids(y, x, dx, dim).cumsum(dim)


def _trapezoids(y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    axis = one_dim(dim, y.ndim)
    if not y.shape[axis]:
        return y
    width: Any = dx
    if x is not None:
        if x.ndim == 1 and y.ndim > 1:
            x = x.reshape(-1, *[1] * (y.ndim - 1 - axis))
        along = x.ndim - (y.ndim - axis)
        width = x.diff(dim=along)
    rest = y.shape[axis] - 1
    return (y.narrow(axis, 0, rest) + y.narrow(axis, 1, rest)) * width / 2


# --- products and distances


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices, the largest inner sizes first."""
    return multi_dot(matrices)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of matrices (a vector may be first or last), the largest inner sizes first."""
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    for i, x in enumerate(tensors):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(tensors) - 1)):
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {x.ndim}D")
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    chain = [*tensors]
    chain[0] = chain[0].reshape(1, -1) if first else chain[0]
    chain[-1] = chain[-1].reshape(-1, 1) if last else chain[-1]
    for i, (a, b) in enumerate(pairwise(chain)):
        if a.shape[1] != b.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(tensors[i].shape)} and "
                f"{list(tensors[i + 1].shape)} cannot be multiplied"
            )
    while len(chain) > 1:  # the most expensive inner size goes first
        i = builtins.max(range(len(chain) - 1), key=lambda j: chain[j].shape[1])
        chain[i : i + 2] = [chain[i].mm(chain[i + 1])]
    out = chain[0]
    out = out.squeeze(0) if first else out
    return out.squeeze(-1) if last else out


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The sum of products over the last `dims` dimensions of a and the first of b, or over pairs of lists."""
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > builtins.min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims = [range(a.ndim - dims, a.ndim), range(dims)]
    left, right = ([one_dim(d, x.ndim) for d in dim] for dim, x in zip(dims, (a, b), strict=True))
    if len(left) != len(right):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(left, right, strict=True):
        if a.shape[i] != b.shape[j] and 1 not in (a.shape[i], b.shape[j]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second "
                f"has size {b.shape[j]} in dim {j}"
            )
        if 1 in (a.shape[i], b.shape[j]):  # broadcast: the sum of products is the product of sums
            a, b = a.sum(i, keepdim=True, dtype=a.dtype), b.sum(j, keepdim=True, dtype=b.dtype)
    rows = [d for d in range(a.ndim) if d not in left]
    columns = [d for d in range(b.ndim) if d not in right]
    n = math.prod(a.shape[d] for d in left)
    shape = [a.shape[d] for d in rows] + [b.shape[d] for d in columns]
    matrix_a = a.permute(rows + left).reshape(math.prod(a.shape[d] for d in rows), n)
    matrix_b = b.permute(right + columns).reshape(n, math.prod(b.shape[d] for d in columns))
    return matrix_a.mm(matrix_b).reshape(shape)


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = None) -> Tensor:
    """The p-norm of every row of x1 minus every row of x2, for batches of matrices."""
    for name, x in (("X1", x1), ("X2", x2)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    difference = x1.unsqueeze(-2) - x2.unsqueeze(-3)
    if not x1.shape[-1]:
        return difference.sum(-1)
    return difference.norm(p, -1) if p else difference.sign().abs().sum(-1)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:  # noqa: N803 - torch's name
    """The powers of a vector's elements, a row for each: from the highest down to 0, or up."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.numel() if N is None else N
    powers = stack([x**i for i in range(n)], 1) if n else x.new_zeros(x.numel(), 0)
    powers = powers.long() if powers._array.dtype.kind in "iub" else powers
    return powers if increasing else powers.flip(1)
