"""Spectral normalisation: w = W / sigma(W), with the greatest singular value sigma of the matrix W.

Miyato, Kataoka, Koyama and Yoshida, 2018. sigma = u . W v, where the vectors u and v come nearer to the
singular ones with every forward in training: u = W v / |W v|, v = W^T u / |W^T u|.

`spectral_norm` computes w before each forward; the newer one, which computes it whenever it is read, is in
tinynn.nn.utils.parametrizations.
"""

from __future__ import annotations

from typing import Any, TypeVar

from tinynn.autograd.grad_mode import no_grad
from tinynn.autograd.hooks import RemovableHandle
from tinynn.nn.conv import _ConvNd
from tinynn.nn.functional import normalize
from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter, is_lazy
from tinynn.nn.utils.named_hooks import add_hook, remove_hook
from tinynn.tensor import Tensor

M = TypeVar("M", bound=Module)


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """The weight as a matrix whose rows are its slices along `dim`."""
    return weight.movedim(dim, 0).flatten(1)


def divided_by_sigma(weight: Tensor, dim: int, u: Tensor, v: Tensor) -> Tensor:
    """W / (u . W v). u and v are copied: the next forward will overwrite them."""
    u, v = u.clone(), v.clone()
    return weight / u.dot(as_matrix(weight, dim).mv(v))


def improve(target: Tensor, matrix: Tensor, other: Tensor, eps: float) -> None:
    """One half of a step of power iteration: target = matrix other / |matrix other|, in place."""
    target.copy_(normalize(matrix.mv(other), dim=0, eps=eps))


def random_direction(size: int, like: Tensor, eps: float) -> Tensor:
    """A vector of length 1."""
    return normalize(like.new_empty(size).normal_(0, 1), dim=0, eps=eps)


def default_dim(module: Module) -> int:
    """The dimension of outputs: 1 in transposed convolutions, else 0."""
    return int(isinstance(module, _ConvNd) and module.transposed)


def check_iterations(n_power_iterations: int) -> None:
    """Raise ValueError unless it is positive."""
    if n_power_iterations <= 0:
        raise ValueError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
        )


class SpectralNorm:
    """The hook that computes the weight `name` from `name_orig`, a parameter, and `name_u`, `name_v`."""

    _version = 1
    noting: RemovableHandle

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        check_iterations(n_power_iterations)
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        if do_power_iteration:
            with no_grad():
                matrix = as_matrix(weight, self.dim)
                for _ in range(self.n_power_iterations):
                    improve(v, matrix.t(), u, self.eps)
                    improve(u, matrix, v, self.eps)
        return divided_by_sigma(weight, self.dim, u, v)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def note_version(self, module: Module, state: dict, prefix: str, local_metadata: dict) -> None:
        """Write into a state_dict which kind of entries it holds."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = self._version

    def remove(self, module: Module) -> None:
        """Leave one parameter with the weight's present value."""
        with no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight))
        self.noting.remove()


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide the parameter `name` of the module by its greatest singular value. Returns the module.

    n_power_iterations: steps towards it in each forward. dim: that of the outputs; see `default_dim`. Raises
    RuntimeError for a second time, and ValueError if there is no such parameter.
    """
    hook = SpectralNorm(name, n_power_iterations, default_dim(module) if dim is None else dim, eps)
    weight = module._parameters[name]
    add_hook(module, hook, "spectral_norm")
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the "
            "dummy forward before applying spectral normalization"
        )
    with no_grad():
        h, w = as_matrix(weight, hook.dim).shape
        u, v = random_direction(h, weight, eps), random_direction(w, weight, eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    hook.noting = module.register_state_dict_post_hook(hook.note_version)
    return module


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Undo `spectral_norm`, keeping the weight's value. Raises ValueError if there is none on `name`."""
    remove_hook(module, SpectralNorm, name, "spectral_norm")
    return module
