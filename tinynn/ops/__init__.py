"""The derivative table: every operation tinynn knows, one row each, by kind. Knows arrays, and no Tensor.

Rows are read as `ops.exp`, `ops.linear`, wherever they stand; `TABLE` lists them all. The files in FIRST hold
what every program needs; the others are imported when one of their rows is first asked for.
"""

from importlib import import_module
from typing import Any

from tinynn.autograd.op import Op

FIRST = ("elementwise", "shape", "reduce", "indexing", "linalg", "special")
LATER = (
    *("activation", "nn", "margins", "linear_cross_entropy", "distance", "normalization", "embedding"),
    *("conv", "pool", "fractional", "padding", "folding", "resampling", "grids", "attention", "recurrent"),
    *("cumulative", "placing", "linear_algebra", "factorizations", "gamma", "bessel", "gaussian", "drawing"),
)  # fmt: skip


def _rows(files: tuple[str, ...]) -> dict[str, Op]:
    """The rows of these files by name; those that the table gave no name of torch's get one from their own."""
    parts = [import_module(f"tinynn.ops.{file}") for file in files]
    rows = {name: row for part in parts for name, row in vars(part).items() if isinstance(row, Op)}
    for name, row in rows.items():
        row.name = row.name or "".join(word.capitalize() for word in name.split("_")) + "Backward0"
    return rows


globals().update(_rows(FIRST))


def __getattr__(name: str) -> Any:
    """Reached for a row, or for TABLE, that is not there yet."""
    if "TABLE" not in globals() and not name.startswith("__"):
        globals().update(_rows(LATER))
        globals()["TABLE"] = _rows(FIRST + LATER)
    if name not in globals():
        raise AttributeError(f"there is no row '{name}' in the derivative table")
    return globals()[name]
