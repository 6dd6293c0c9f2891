"""Switches that scripts set in their first lines: tinynn is deterministic and on the CPU in any case."""

from __future__ import annotations

import warnings
from typing import Any

from tinynn.device import check_device, cpu, device

_chosen: dict[str, Any] = {"deterministic": False, "precision": "highest", "threads": 1}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remember `mode`; every algorithm here is deterministic."""
    if not isinstance(mode, bool):
        raise TypeError(
            "_set_deterministic_algorithms(): argument 'mode' (position 1) must be bool, "
            f"not {type(mode).__name__}"
        )
    _chosen["deterministic"] = mode


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return _chosen["deterministic"]


def set_float32_matmul_precision(precision: str) -> None:
    """Remember "highest", "high" or "medium"; float32 products are computed in float32."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    _chosen["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return _chosen["precision"]


def set_num_threads(num: int) -> None:
    """Remember `num`. NumPy's threads are set from outside: OMP_NUM_THREADS=1 python script.py"""
    if not isinstance(num, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _chosen["threads"] = num


def get_num_threads() -> int:
    """What `set_num_threads` was told; 1 if nothing."""
    return _chosen["threads"]


def set_default_device(where: Any) -> None:
    """Nothing to do for "cpu". Raises AssertionError for any other: there is none."""
    check_device(where)


def get_default_device() -> device:
    """The CPU."""
    return cpu
