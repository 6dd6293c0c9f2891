"""tinynn: PyTorch's API and semantics on NumPy, small enough to read. `import tinynn as torch`."""

from tinynn import autograd, cuda, nn, optim
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
