"""The engine: record operations, run them backwards. Knows no derivative; those are in `tinynn.ops`.

Read op.py (what a row of the derivative table is), node.py (what it leaves behind), engine.py (backward).
"""

from tinynn.autograd.engine import backward, grad
from tinynn.autograd.function import Function, once_differentiable
from tinynn.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from tinynn.autograd.gradcheck import gradcheck, gradgradcheck
from tinynn.autograd.variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]
