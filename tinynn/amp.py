"""torch.amp without a GPU: loops written for mixed precision run in full precision, as PyTorch's do."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from tinynn.device import device
from tinynn.optim.optimizer import Optimizer
from tinynn.tensor import Tensor


class autocast:  # noqa: N801 - torch's name
    """A block in mixed precision, where there is a GPU for it: here it changes nothing, and says so once.

    Raises NotImplementedError for mixed precision on the CPU.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ):
        if enabled and device(device_type).type == "cpu":
            raise NotImplementedError(
                "mixed precision on the CPU\nPass enabled=False, or leave autocast away."
            )
        if enabled:
            warnings.warn(
                f"{device_type.upper()} is not available or torch_xla is imported. Disabling autocast.",
                UserWarning,
                stacklevel=2,
            )

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


class GradScaler:
    """Scales losses so that float16 gradients do not vanish; without a GPU, it leaves everything as it is.

    Raises NotImplementedError for device="cpu" unless enabled=False.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ):
        if enabled and device == "cpu":
            raise NotImplementedError("GradScaler on the CPU\nPass enabled=False.")
        if enabled:
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )

    def scale(self, outputs: Any) -> Any:
        """The outputs."""
        return outputs

    def unscale_(self, optimizer: Optimizer) -> None:
        """Nothing to do."""

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Nothing to do."""

    def get_scale(self) -> float:
        """1."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict:
        """Empty."""
        return {}

    def load_state_dict(self, state_dict: dict) -> None:
        """Nothing to do."""
