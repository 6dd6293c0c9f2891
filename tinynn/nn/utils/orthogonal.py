"""A matrix with orthonormal columns (rows, if it is wide), as a function of any matrix X."""

# ruff: noqa: N803, N806 - torch's names of matrices

from __future__ import annotations

from tinynn import linalg
from tinynn.autograd.grad_mode import no_grad
from tinynn.creation import eye, full_like, randn
from tinynn.functions import cat
from tinynn.nn.module import Module
from tinynn.tensor import Tensor
from tinynn.type_info import finfo

MAPS = ("matrix_exp", "cayley", "householder")


class Orthogonal(Module):
    """Q(X) by the map `kind`, times a fixed matrix `base` unless use_trivialization=False.

    "matrix_exp" is e^A, "cayley" (I - A/2)^-1 (I + A/2), both of the skew-symmetric A = L - L^T, where L is
    the lower triangle of X; "householder" is a product of reflections, one for each column of X. With a base,
    X can stay near 0, where the maps are well conditioned. Lezcano-Casado and Martinez-Rubio, 2019.
    """

    base: Tensor

    def __init__(self, weight: Tensor, kind: str, use_trivialization: bool = True):
        super().__init__()
        self.shape, self.kind = weight.shape, kind
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.size(-2) < X.size(-1)
        tall = X.mT if wide else X
        Q = _reflected(tall) if self.kind == "householder" else _rotated(tall, self.kind)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """An X that gives Q, for which the base is made."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape "
                f"{Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        tall = Q.mT if wide else Q
        if hasattr(self, "base"):
            self.base = _basis(tall)
            X = full_like(Q, 0.0)
            X.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return X
        if self.kind != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        X, tau = tall.geqrf()
        diagonal = X.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1
        return X.mT if wide else X


def _rotated(X: Tensor, kind: str) -> Tensor:
    """The first columns of a rotation, from the lower triangle of a tall X."""
    n, k = X.shape[-2:]
    L = X.tril()
    if k < n:
        L = cat([L, L.new_zeros(n, n - k).expand(*L.shape[:-2], -1, -1)], dim=-1)
    A = L - L.mT
    if kind == "matrix_exp":
        return linalg.matrix_exp(A)[..., :k]
    identity = eye(n, dtype=A.dtype)
    return linalg.solve(identity - 0.5 * A, identity + 0.5 * A)[..., :k]


def _reflected(X: Tensor) -> Tensor:
    """The first columns of a product of reflections, whose signs are on the diagonal of a tall X."""
    A = X.tril(diagonal=-1)
    tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
    signs = X.diagonal(dim1=-2, dim2=-1).int()
    return linalg.householder_product(A, tau) * signs.unsqueeze(-2)


def _basis(Q: Tensor) -> Tensor:
    """A square orthogonal matrix that begins with the columns of Q, made orthonormal if they are not."""
    n, k = Q.shape[-2:]
    if k < n:
        return _orthonormal(cat([Q, randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype)], dim=-1))
    tolerance = 10 * n * finfo(Q.dtype).eps
    if (Q.mT @ Q).allclose(eye(k, dtype=Q.dtype), atol=tolerance):
        return Q.clone()
    return _orthonormal(Q)


def _orthonormal(A: Tensor) -> Tensor:
    """The Q of A = Q R, with the signs that make the diagonal of R positive."""
    X, tau = A.geqrf()
    return linalg.householder_product(X, tau) * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)
