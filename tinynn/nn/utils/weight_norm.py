"""Weight normalisation: w = g v / |v|, with the length g and the direction v as parameters.

Salimans and Kingma, 2016. `weight_norm` computes w before each forward; the newer one, which computes it
whenever it is read, is in tinynn.nn.utils.parametrizations.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter, is_lazy
from tinynn.nn.utils.named_hooks import add_hook, remove_hook
from tinynn.tensor import Tensor

M = TypeVar("M", bound=Module)


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The norm of each slice of v along `dim`, shaped to broadcast against v; of all of v if dim is -1."""
    if dim == -1:
        return v.norm()
    return v.norm(dim=[d for d in range(v.dim()) if d != dim % v.dim()], keepdim=True)


def normalized(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """g v / |v|."""
    return v * (g / norm_except_dim(v, dim))


class WeightNorm:
    """The hook that computes the weight `name` from the parameters `name_g` and `name_v`."""

    def __init__(self, name: str, dim: int | None):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        return normalized(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module: Module) -> None:
        """Leave one parameter with the weight's present value."""
        weight = self.compute_weight(module)
        for name in (self.name, f"{self.name}_g", f"{self.name}_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight.data))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Give the module `name_g` and `name_v` for the parameter `name`; g: the lengths of slices along `dim`.

    dim=None: one length for the whole weight. Returns the module. Raises RuntimeError for a second time.
    """
    warnings.warn(
        "`tinynn.nn.utils.weight_norm` is deprecated in favor of "
        "`tinynn.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    add_hook(module, hook, "weight_norm")
    if is_lazy(weight):
        raise ValueError(
            "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the "
            "dummy forward before applying weight normalization"
        )
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(norm_except_dim(weight, hook.dim).data))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    hook(module, ())
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`, keeping the weight's value. Raises ValueError if there is none on `name`."""
    remove_hook(module, WeightNorm, name, "weight_norm")
    return module
