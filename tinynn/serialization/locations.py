"""`map_location`: where the storages of a file are to go, and whether that is a place they can go to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tinynn.device import device
from tinynn.serialization.source import LoadError
from tinynn.serialization.storage import Storage


def restorer(map_location: Any) -> Callable[[Storage, str], None]:
    """The function that is called with each storage and the location its file gives for it, such as "cuda:0".

    It raises LoadError unless `map_location` (None, a device or its name, a dict from locations to
    locations, or a function of storage and location) leads to the CPU.
    """
    if map_location is None:
        return lambda storage, location: check_location(location)
    if isinstance(map_location, dict):
        return lambda storage, location: check_location(str(map_location.get(location, location)))
    if isinstance(map_location, str | device):
        return lambda storage, location: check_location(str(map_location))
    if not callable(map_location):
        raise TypeError(
            f"'{type(map_location).__name__}' object is not callable\n"
            "map_location is a device, a dict of locations, or a function of storage and location."
        )

    def restore(storage: Storage, location: str) -> None:
        result = map_location(storage, location)
        if result is None:
            check_location(location)
        elif result is not storage:
            raise TypeError(
                f"map_location must return the storage it was given, or None, but got {type(result)}"
            )

    return restore


def check_location(location: str) -> None:
    """Raise LoadError unless a storage can go there."""
    if location == "cpu":
        return
    gpu = re.match(r"(cuda|hpu|xpu|mtia)(:|\d|$)", location)
    if gpu:
        raise LoadError(
            f"Attempting to deserialize object on a {gpu[1].upper()} device but "
            f"torch.{gpu[1]}.is_available() is False. If you are running on a CPU-only machine, please use "
            "torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
        )
    raise LoadError(
        "don't know how to restore data location of torch.storage.UntypedStorage (tagged with "
        f"{location})\nOn this machine everything is on the CPU: load(..., map_location='cpu')."
    )
