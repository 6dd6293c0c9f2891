"""tinynn: PyTorch's API and semantics on NumPy, small enough to read. `import tinynn as torch`."""

import importlib as _importlib
from math import e, inf, nan, pi
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from tinynn import autograd, cuda
from tinynn._memory import keep_freed_memory as _keep_freed_memory
from tinynn._tensor_str import set_printoptions
from tinynn.autograd.anomaly_mode import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)
from tinynn.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tinynn.combining import *  # noqa: F403
from tinynn.copies import *  # noqa: F403
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
newaxis = None

_keep_freed_memory()


# Imported when they are first asked for: with them, `import tinynn` would take half as long again.
_MODULES = "_C", "amp", "backends", "func", "linalg", "nn", "optim", "serialization", "special", "utils"
_LATER = {name: f"tinynn.{name}" for name in _MODULES}
# fmt: off
_NAMES_OF = {
    "tinynn.serialization": ("load", "save"),
    "tinynn.type_info": ("finfo", "iinfo"),
    "tinynn.typed_tensors": (
        "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
        "LongTensor", "ShortTensor", "set_default_tensor_type",
    ),
    "tinynn.settings": (
        "are_deterministic_algorithms_enabled", "get_default_device", "get_float32_matmul_precision",
        "get_num_threads", "set_default_device", "set_float32_matmul_precision", "set_num_threads",
        "use_deterministic_algorithms",
    ),
    "tinynn.amp": ("autocast", "GradScaler"),
    "tinynn.nn.functional": (
        "avg_pool1d", "adaptive_avg_pool1d", "bilinear", "channel_shuffle", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "group_norm",
        "layer_norm", "max_pool1d", "max_pool2d", "max_pool3d", "pixel_shuffle", "pixel_unshuffle",
        "rms_norm",
        "celu", "celu_", "hardshrink", "prelu", "relu_", "rrelu", "rrelu_", "selu", "selu_", "threshold",
        "threshold_", "cosine_similarity", "pairwise_distance", "pdist",
    ),
    "tinynn.nn.functional.recurrent": ("rnn_tanh_cell", "rnn_relu_cell", "gru_cell", "lstm_cell"),
}
# fmt: on
_LATER_FROM = {name: module for module, names in _NAMES_OF.items() for name in names}

if _TYPE_CHECKING:
    from tinynn import amp, backends, func, linalg, nn, optim, special, utils
    from tinynn.serialization import load, save


def __getattr__(name: str) -> _Any:
    if name in _LATER:
        return _importlib.import_module(_LATER[name])
    if name in _LATER_FROM:
        return getattr(_importlib.import_module(_LATER_FROM[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER, *_LATER_FROM})
