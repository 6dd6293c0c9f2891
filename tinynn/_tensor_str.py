"""Print an array the way PyTorch prints a tensor: `tensor([[0.5000, 1.0000]], dtype=tinynn.float64)`.

`tensor_str` makes the text and `set_printoptions` changes how. The work is done in four steps: choose the
entries to show, choose one number format for all of them, lay the texts out in brackets, append the suffixes
(size, dtype, what the caller adds). Only entries that are shown are ever formatted.

The layout is that of torch 2.13, quirks included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt  # takes a millisecond to import


@dataclass
class _PrintOptions:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = _PrintOptions()

_PROFILES: dict[str, dict[str, Any]] = {  # what each changes in the defaults
    "default": {},
    "short": {"precision": 2, "edgeitems": 2},
    "full": {"threshold": math.inf},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors print. What is left at None stays as it is, except `sci_mode`.

    - `precision`: digits after the point (default 4);
    - `threshold`: tensors of more elements are summarized (default 1000);
    - `edgeitems`: entries kept at either end of a summarized dimension (default 3);
    - `linewidth`: the column at which lines are wrapped (default 80);
    - `profile`: 'default', 'short' (2 digits, 2 edge items) or 'full' (nothing is summarized). It sets the
      four options above, except those given beside it. As in torch, an unknown name is ignored;
    - `sci_mode`: scientific notation always (True), never (False), or when the values call for it (None).
      As in torch, every call sets it: leaving it out means None.
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    options = asdict(_PrintOptions()) | _PROFILES[profile] if profile in _PROFILES else {}
    options |= {name: value for name, value in given.items() if value is not None}
    options["sci_mode"] = sci_mode
    for name, value in options.items():
        setattr(PRINT_OPTS, name, value)


def get_printoptions() -> dict[str, Any]:
    """The current options, as keyword arguments for `set_printoptions`."""
    return asdict(PRINT_OPTS)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """`set_printoptions(**options)` for the length of a `with` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_str(
    array: np.ndarray,
    *,
    suffixes: Sequence[str] = (),
    prefix: str = "tensor(",
    dtype_name: str | None = None,
    default_dtype: npt.DTypeLike = np.float32,
) -> str:
    """`array` as torch would print it, closing parenthesis included.

    `suffixes` follow the size and the dtype, for example `"requires_grad=True"`. The dtype prints as
    `dtype_name` (by default `tinynn.` and NumPy's name), unless the values already tell it: `default_dtype`
    never prints, int64 and bool only when there are no values.
    """
    self_evident: list[npt.DTypeLike] = [default_dtype, np.int64, np.bool_] if array.size else [default_dtype]
    notes = []
    if (array.size == 0 and array.ndim != 1) or (array.size > 0 and PRINT_OPTS.edgeitems == 0):
        notes.append(f"size={array.shape}")
    if array.dtype not in self_evident:
        notes.append(f"dtype={dtype_name or f'tinynn.{array.dtype.name}'}")
    return _with_suffixes(prefix + _contents(array, len(prefix)), [*notes, *suffixes], len(prefix)) + ")"


def _contents(array: np.ndarray, indent: int) -> str:
    """The values in their brackets, as they look when they start at column `indent`."""
    if array.size == 0:
        return "[]"
    summarized = array.size > PRINT_OPTS.threshold and array.ndim > 0
    if summarized and PRINT_OPTS.edgeitems == 0:
        return "[...]"
    edge = PRINT_OPTS.edgeitems if summarized else array.size  # with array.size, nothing is left out
    shown = array[np.ix_(*(_shown_indices(n, edge) for n in array.shape))] if summarized else array
    texts, width = _aligned_texts(shown.ravel())
    if array.ndim == 0:
        return texts[0]
    return _brackets(np.array(texts, dtype=object).reshape(shown.shape), array.shape, indent, width, edge)


def _shown_indices(n: int, edge: int) -> np.ndarray:
    return np.r_[:edge, n - edge : n] if n > 2 * edge else np.arange(n)


def _aligned_texts(values: np.ndarray) -> tuple[list[str], int]:
    """One text for each of the flat `values`, right-aligned to the width that is returned with them.

    Zeros, infinities and nans do not count for that width (nor for the format): they may stick out.
    """
    if values.dtype.kind == "f":
        counts = np.isfinite(values) & (values != 0)
        spec = _float_spec(values[counts])
    else:
        counts = np.ones(values.shape, dtype=bool)
        spec = ""
    texts = [format(value, spec) for value in values.tolist()]
    width = max(map(len, compress(texts, counts.tolist())), default=1)
    return [text.rjust(width) for text in texts], width


def _float_spec(numbers: np.ndarray) -> str:
    """One format for all `numbers` (finite, none zero): integral `1.`, fixed point or scientific."""
    if numbers.size == 0:
        return "#.0f"
    if PRINT_OPTS.sci_mode is None:
        magnitudes = np.abs(numbers)
        low, high = float(magnitudes.min()), float(magnitudes.max())
        scientific = high / low > 1000 or high > 1e8 or low < 1e-4
    else:
        scientific = PRINT_OPTS.sci_mode
    if scientific:
        return f".{PRINT_OPTS.precision}e"
    return "#.0f" if (numbers == np.ceil(numbers)).all() else f".{PRINT_OPTS.precision}f"


def _brackets(texts: np.ndarray, shape: tuple[int, ...], indent: int, width: int, edge: int) -> str:
    """Lay out `texts`, what is shown of a tensor of `shape`: vectors fill their lines, blocks stack up."""
    length, *inner = shape
    if inner:
        items = [_brackets(block, tuple(inner), indent + 1, width, edge) for block in texts]
        ellipsis, per_line = "...", 1
    else:
        items = list(texts)
        ellipsis, per_line = " ...", max(1, math.floor((PRINT_OPTS.linewidth - indent) / (width + 2)))
    if length > 2 * edge:
        items.insert(edge, ellipsis)
    lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
    newlines = "\n" * max(1, len(inner))  # the deeper the blocks, the more blank lines between them
    return "[" + f",{newlines}{' ' * (indent + 1)}".join(lines) + "]"


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    """Append `, suffix` for each suffix, on a new line where it would not fit on the last one."""
    column = len(text) - text.rfind("\n") + 1  # torch counts 2 columns more than the last line has
    for suffix in suffixes:
        if column + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += f",\n{' ' * indent}{suffix}"
            column = indent + len(suffix)
        else:
            text += f", {suffix}"
            column += len(suffix) + 2
    return text
