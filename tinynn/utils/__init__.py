"""What a training script needs around the model: `data`, to load batches."""

import importlib
from typing import Any

__all__ = ["data"]


def __getattr__(name: str) -> Any:
    """Import `data` at its first use: `import tinynn` is to cost little more than `import numpy`."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
