"""`skip_init`: a module whose parameters are about to be overwritten anyway."""

from __future__ import annotations

import inspect
from typing import Any

from tinynn.device import check_device
from tinynn.nn.module import Module
from tinynn.random import fork_rng


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """module_cls(*args, **kwargs), whose parameters mean nothing yet; the random stream stays where it was.

    Raises RuntimeError unless the class takes a `device`.
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    check_device(kwargs.get("device"))
    with fork_rng():
        return module_cls(*args, **kwargs)
