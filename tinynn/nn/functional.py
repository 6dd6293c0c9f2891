"""torch.nn.functional: layers, activations and losses as functions of tensors."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.variable import Variable
from tinynn.functions import broadcast_tensors
from tinynn.random import Generator, default_generator
from tinynn.size import c_name, listed, one_dim, type_name
from tinynn.tensor import Tensor

# --- layers


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b: (..., in) to (..., out), for W of shape (out, in) or (in,) and b of (out,).

    Raises RuntimeError where shapes or dtypes do not fit.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"linear(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    x, w = input._array, weight._array
    if x.ndim == 2 and w.ndim == 2 and x.shape[1] == w.shape[1] and x.dtype is w.dtype:
        if bias is None:
            return ops.linear_no_bias(input, weight)
        if bias._array.shape == w.shape[:1] and bias._array.dtype is x.dtype:
            return ops.linear(input, weight, bias)
    return _unusual_linear(input, weight, bias)
