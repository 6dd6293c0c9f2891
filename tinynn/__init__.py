"""tinynn: PyTorch's API and semantics on NumPy, small enough to read. `import tinynn as torch`."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from tinynn import autograd, cuda
from tinynn._memory import keep_freed_memory as _keep_freed_memory
from tinynn._tensor_str import set_printoptions
from tinynn.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tinynn.combining import *  # noqa: F403
from tinynn.creation import *  # noqa: F403
from tinynn.device import device
from tinynn.dtypes import bool_ as bool
from tinynn.dtypes import (
    double,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
)
from tinynn.dtypes import float_ as float
from tinynn.dtypes import int_ as int
from tinynn.functions import *  # noqa: F403
from tinynn.random import Generator, default_generator
from tinynn.size import Size
from tinynn.tensor import Tensor

__version__ = "0.1.0"

_keep_freed_memory()


# Imported when they are first asked for: with them, `import tinynn` would take half as long again.
_LATER = {name: f"tinynn.{name}" for name in ("_C", "linalg", "nn", "optim", "serialization", "utils")}
_LATER_FROM = {"load": "tinynn.serialization", "save": "tinynn.serialization"}

if _TYPE_CHECKING:
    from tinynn import linalg, nn, optim, utils
    from tinynn.serialization import load, save


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        return _importlib.import_module(_LATER[name])
    if name in _LATER_FROM:
        return getattr(_importlib.import_module(_LATER_FROM[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_LATER_FROM})
