"""torch.return_types: the named tuples of functions with several results, with torch's names and looks."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

# fmt: off
FIELDS = {
    "frexp":               "mantissa exponent",
    "geqrf":               "a tau",
    "histogram":           "hist bin_edges",
    "linalg_cholesky_ex":  "L info",
    "linalg_eigh":         "eigenvalues eigenvectors",
    "linalg_inv_ex":       "inverse info",
    "linalg_lstsq":        "solution residuals rank singular_values",
    "linalg_lu":           "P L U",
    "linalg_lu_factor":    "LU pivots",
    "linalg_lu_factor_ex": "LU pivots info",
    "linalg_qr":           "Q R",
    "linalg_solve_ex":     "result info",
    "linalg_svd":          "U S Vh",
    "linalg_slogdet":      "sign logabsdet",
    "lu_unpack":           "P L U",
    "qr":                  "Q R",
    "slogdet":             "sign logabsdet",
    "svd":                 "U S V",
    "triangular_solve":    "solution cloned_coefficient",
}
# fmt: on


class _Shown:
    """A line for each field."""

    __slots__ = ()

    def __repr__(self) -> str:
        parts = (f"{name}={getattr(self, name)!r}" for name in self._fields)  # type: ignore[attr-defined]
        return f"tinynn.return_types.{type(self).__name__}(\n" + ",\n".join(parts) + ")"


def __getattr__(name: str) -> Any:
    """The tuple of this name, made when it is first asked for."""
    if name not in FIELDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type(name, (_Shown, namedtuple(name, FIELDS[name])), {"__slots__": ()})
    return globals().setdefault(name, made)
