"""What complex numbers would need, for real ones: conjugates and real parts are the numbers themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinynn.autograd.variable import Variable

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Conjugation(Variable):
    """Real parts, conjugates, and transposed conjugates."""

    def conj(self) -> Self:
        """Itself."""
        return self

    conj_physical = resolve_conj = resolve_neg = conj_physical_ = conj

    def is_conj(self) -> bool:
        """False: no tensor is stored as the conjugate of another, ..."""
        return False

    is_neg = is_conj

    def isreal(self) -> Tensor:
        """True everywhere."""
        return Variable.wrap(np.ones(self._array.shape, bool))

    @property
    def real(self) -> Self:
        """Itself."""
        return self

    @property
    def imag(self) -> Tensor:
        """Raises torch's RuntimeError."""
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")

    @property
    def H(self) -> Any:  # noqa: N802 - torch's name
        """A view of a matrix, transposed (and conjugated)."""
        if self._array.ndim not in (0, 2):
            more = " For batches of matrices, consider using tensor.mH" if self._array.ndim > 2 else ""
            raise RuntimeError(
                "tensor.H is only supported on matrices (2-D tensors). Got "
                f"{self._array.ndim}-D tensor.{more}"
            )
        return self.transpose(0, 1) if self._array.ndim else self  # type: ignore[attr-defined]

    @property
    def mH(self) -> Any:  # noqa: N802 - torch's name
        """A view with each matrix of a batch transposed (and conjugated)."""
        return self._adjoint("tensor.mH")

    def adjoint(self) -> Any:
        """`mH`."""
        return self._adjoint("tensor.adjoint()")

    def _adjoint(self, name: str) -> Any:
        if self._array.ndim == 0:
            return self
        if self._array.ndim == 1:
            raise RuntimeError(
                f"{name} is only supported on matrices or batches of matrices. Got 1-D tensor."
            )
        return self.transpose(-2, -1)  # type: ignore[attr-defined]


def real(input: Tensor) -> Tensor:
    """`input` itself."""
    return input.real


def imag(input: Tensor) -> Tensor:
    """Raises torch's RuntimeError."""
    return input.imag
