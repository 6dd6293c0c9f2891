"""What the optimizers share: new state for a parameter, checks, and a step between two values."""

from __future__ import annotations

import numpy as np

from tinynn import dtypes
from tinynn.autograd.grad_mode import enable_grad
from tinynn.autograd.inplace import check_writable
from tinynn.autograd.op import size_mismatch
from tinynn.optim.optimizer import Group
from tinynn.tensor import Tensor

Array = np.ndarray


def zeros(p: Tensor) -> Tensor:
    """Zeros of p's shape, dtype and order in memory."""
    return Tensor.wrap(np.zeros_like(p.row_major()))


def number(value: float, group: Group) -> Tensor:
    """A number of a parameter's state as torch keeps it: a 0-d float tensor (with `fused` always float32)."""
    single = group.get("fused") or dtypes.get_default_dtype() is not dtypes.float64
    return Tensor.wrap(np.array(value, np.float32 if single else np.float64))


def check_shapes(p: Array, state: dict[str, Array]) -> None:
    """Raise torch's error for an array of the state that is not of p's shape."""
    for name, x in state.items():
        if x.shape != p.shape:
            error = size_mismatch((x, p))
            if error is None:
                shape = list(np.broadcast_shapes(x.shape, p.shape))
                error = RuntimeError(
                    f"output with shape {list(x.shape)} doesn't match the broadcast shape {shape}"
                )
            error.add_note(f"The state '{name}' is another parameter's: was it saved from another model?")
            raise error


def refuse_what_cannot_be(group: Group, params: list[Tensor]) -> None:
    """Raise torch's error for options that have no meaning here."""
    if group.get("capturable"):
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            "['cuda', 'xpu', 'hpu', 'privateuseone', 'xla'].\nThere is nothing to capture on a CPU."
        )
    if group.get("differentiable"):
        with enable_grad():
            for p in params:
                check_writable(p)
        raise NotImplementedError("differentiable=True is not supported: steps are not recorded.")


def lerp(start: Array, end: Array, weight: float, scratch: Array) -> None:
    """start += weight * (end - start), in place; computed from the nearer end, as torch does.

    torch's kernels round once where the CPU has fused multiply-add, which NumPy cannot ask for: the last bit
    may differ.
    """
    difference = np.subtract(end, start, out=scratch)
    if abs(weight) < 0.5:
        difference *= weight
        start += difference
    else:
        one = start.dtype.type(1)
        difference *= one - one * start.dtype.type(weight)
        np.subtract(end, difference, out=start)
