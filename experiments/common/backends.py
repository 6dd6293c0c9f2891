"""Lets one program run on tinynn or on PyTorch: loads the backend and checks what it needs."""

import importlib
import importlib.util
import platform
from types import ModuleType
from typing import Any

from experiments.common.errors import UserError

BACKENDS = ("tinynn", "torch")
DTYPES = ("float32", "float64")


def require(*packages: tuple[str, str]) -> None:
    """Raise UserError naming the pip command, unless every `(module, pip name)` can be imported."""
    missing = [pip_name for module, pip_name in packages if importlib.util.find_spec(module) is None]
    if missing:
        names = " ".join(missing)
        raise UserError(
            f"this needs packages that are not installed; install them with:\n    pip install {names}"
        )


def load_backend(name: str) -> ModuleType:
    """The module `tinynn`, or `torch` kept to one thread; UserError when it is not installed."""
    require((name, "torch" if name == "torch" else "tinynn-numpy"))
    backend = importlib.import_module(name)
    if name == "torch":
        backend.set_num_threads(
            1
        )  # more gain nothing on networks this small, and cost much where the cores are busy
    return backend


def load_backends(chosen: str, device: str, dtype: str) -> list[ModuleType]:
    """What `--backend` chose, or all for `both`; UserError unless each can hold `dtype` on `device`."""
    backends = [load_backend(name) for name in (BACKENDS if chosen == "both" else [chosen])]
    for backend in backends:
        check_device(backend, device, dtype)
    return backends


def check_device(backend: ModuleType, device: str, dtype: str) -> None:
    """Raise UserError unless `backend` can hold a tensor of `dtype` on `device`."""
    if backend.__name__ == "tinynn":
        if device != "cpu":
            raise UserError(
                f"--device {device}: tinynn computes on the CPU only (--backend torch has devices)"
            )
        return
    try:
        backend.zeros(1, dtype=getattr(backend, dtype), device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"--device {device}: PyTorch cannot use it here for {dtype}: {reason}") from error


def versions(*backends: ModuleType) -> dict[str, str]:
    """Name -> version of everything that decides the numbers of a run."""
    modules: tuple[Any, ...] = (
        *backends,
        importlib.import_module("numpy"),
        importlib.import_module("sklearn"),
    )
    return {"python": platform.python_version()} | {
        module.__name__: str(module.__version__)  # PyTorch's is an object of its own
        for module in modules
    }
