"""The optimizers an experiment can be trained with, by the names of `--optimizer`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A class of `torch.optim`, the learning rate it gets unless told otherwise, and its other options."""

    algorithm: str
    lr: float
    options: dict[str, Any] = field(default_factory=dict)


# fmt: off
OPTIMIZERS = {
    "sgd":      Recipe("SGD",     0.1),
    "momentum": Recipe("SGD",     0.1, {"momentum": 0.9}),
    "nesterov": Recipe("SGD",     0.1, {"momentum": 0.9, "nesterov": True}),
    "rmsprop":  Recipe("RMSprop", 0.01),
    "adam":     Recipe("Adam",    0.01),
    "adamw":    Recipe("AdamW",   0.01),
}
# fmt: on


def make_optimizer(backend: ModuleType, name: str, parameters: Iterable[Any], lr: float) -> Any:
    """The optimizer called `name` in OPTIMIZERS, for these parameters."""
    recipe = OPTIMIZERS[name]
    return getattr(backend.optim, recipe.algorithm)(parameters, lr=lr, **recipe.options)
