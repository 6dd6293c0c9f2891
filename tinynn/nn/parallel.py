"""`DataParallel`, as torch has it on a machine without GPUs: the module it wraps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinynn.nn.module import Module


class DataParallel(Module):
    """Calls `module`. Its state_dict has the keys of the module's, with "module." in front.

    There is one device, so that the other arguments change nothing.
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Any] | None = None,
        output_device: Any = None,
        dim: int = 0,
    ):
        super().__init__()
        self.module = module
        self.device_ids: list[Any] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)
