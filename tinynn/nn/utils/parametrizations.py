"""Ready-made parametrizations, computed when the weight is read: weight_norm, spectral_norm, orthogonal."""

from __future__ import annotations

from typing import TypeVar

from tinynn.autograd.grad_mode import no_grad
from tinynn.nn.functional import normalize
from tinynn.nn.module import Module
from tinynn.nn.utils.orthogonal import MAPS, Orthogonal
from tinynn.nn.utils.parametrize import register_parametrization
from tinynn.nn.utils.spectral_norm import (
    as_matrix,
    check_iterations,
    default_dim,
    divided_by_sigma,
    improve,
    random_direction,
)
from tinynn.nn.utils.weight_norm import norm_except_dim, normalized
from tinynn.tensor import Tensor

M = TypeVar("M", bound=Module)


class _WeightNorm(Module):
    """g v / |v|."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return normalized(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except_dim(weight, self.dim), weight


class _SpectralNorm(Module):
    """W / sigma(W); a vector is divided by its length."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})"
            )
        check_iterations(n_power_iterations)
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            u, v = (random_direction(size, matrix, eps) for size in matrix.shape)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._improve(matrix, 15)

    @no_grad()
    def _improve(self, matrix: Tensor, n_power_iterations: int) -> None:
        for _ in range(n_power_iterations):
            improve(self._u, matrix, self._v, self.eps)
            improve(self._v, matrix.t(), self._u, self.eps)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        if self.training:
            self._improve(as_matrix(weight, self.dim), self.n_power_iterations)
        return divided_by_sigma(weight, self.dim, self._u, self._v)

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Compute the parameter `name` as g v / |v|, with the lengths of slices along `dim`, or one if None.

    `module.parametrizations.weight` has g as `original0`, v as `original1`. State dicts of the older
    tinynn.nn.utils.weight_norm can be loaded.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(module: Module, state_dict: dict, prefix: str, *rest: object) -> None:
        old = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module.register_load_state_dict_pre_hook(rename)
    return module


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Compute the parameter `name` as W / sigma(W): see tinynn.nn.utils.spectral_norm.

    Raises ValueError if there is no such parameter.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = default_dim(module) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))


def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> M:
    """Compute the parameter `name` as a matrix with orthonormal columns, or rows: see orthogonal.Orthogonal.

    The map is "matrix_exp", "cayley" or "householder"; None is the first for square matrices, else the last.
    Raises ValueError if there is no such parameter, or it has fewer than 2 dimensions, or no such map.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.size(-2) == weight.size(-1) else "householder"
    if orthogonal_map not in MAPS:
        named = ", ".join(f'"{kind}"' for kind in MAPS)
        raise ValueError(f"orthogonal_map has to be one of {named}. Got: {orthogonal_map}")
    parametrization = Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)
