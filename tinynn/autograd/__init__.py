"""The engine: record operations, run them backwards. Knows no derivative; those are in `tinynn.ops`.

Read op.py (what a row of the derivative table is), node.py (what it leaves behind), engine.py (backward).
"""

from importlib import import_module
from typing import Any

from tinynn.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from tinynn.autograd.engine import backward, grad
from tinynn.autograd.function import Function, once_differentiable
from tinynn.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from tinynn.autograd.gradcheck import gradcheck, gradgradcheck

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    """`functional` and `Variable` stand on top of tinynn, and are imported when they are first asked for."""
    if name == "functional":
        return import_module("tinynn.autograd.functional")
    if name == "Variable":
        return import_module("tinynn.typed_tensors").Variable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
