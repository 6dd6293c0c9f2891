"""Find the operation behind a gradient that is nan, or that cannot be computed: `detect_anomaly`.

While it is on, every recorded operation remembers the lines that called it, and backward() says which
operation of the forward pass an error comes from. It is on for all threads, and it is slow.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.variable import Variable

PACKAGE = __file__.rpartition("autograd")[0]


class Trace(NamedTuple):
    """Where an operation was called: the frames, and the node whose gradient was being computed there."""

    stack: Any  # a traceback.StackSummary, the outermost frame first
    induced_by: Any


class _Anomaly:
    """Whether the mode is on, and what backward() does then."""

    enabled = False
    check_nan = True
    running: Any = None  # the node whose gradients are being computed

    def here(self) -> Trace:
        """The line being executed outside of this package, and all that led there."""
        import traceback

        frames = traceback.walk_stack(user_frame())
        stack = traceback.StackSummary.extract(frames, lookup_lines=False)
        stack.reverse()
        return Trace(stack, self.running)

    def hint(self) -> str:
        """torch's advice about a saved value that was overwritten."""
        if self.enabled:
            return (
                "the backtrace further above shows the operation that failed to compute its gradient. The "
                "variable in question was changed in there or anywhere later. Good luck!"
            )
        return (
            "enable anomaly detection to find the operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )

    def gradients(self, node: Any, g: Any, create_graph: bool) -> list:
        """`node.gradients(g, create_graph)`, with a warning that says where it was made if that fails.

        Raises RuntimeError for nan among them.
        """
        before, self.running = self.running, node
        try:
            gradients = node.gradients(g, create_graph)
            for i, gradient in enumerate(gradients if self.check_nan else ()):
                array = gradient._array if isinstance(gradient, Variable) else gradient
                if array is not None and np.isnan(array).any():
                    place = node.operand(i)
                    raise RuntimeError(
                        f"Function '{node.label}' returned nan values in its {place}th output."
                    )
        except Exception:
            _warn(node)
            raise
        finally:
            self.running = before
        return gradients


anomaly = _Anomaly()


def user_frame() -> Any:
    """The frame, outside of this package, that is being executed."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame


def _warn(node: Any) -> None:
    if node.trace is None:
        message = (
            f"Error detected in {node.label}. No forward pass information available. Enable detect anomaly "
            "during forward pass for more information."
        )
    else:
        message = (
            f"Error detected in {node.label}. Traceback of forward call that caused the error:\n"
            + "".join(node.trace.stack.format())
        )
    warnings.warn(message, stacklevel=2)
    cause = node.trace and node.trace.induced_by
    while cause is not None and cause.trace is not None:
        warnings.warn(
            f"\n\nPrevious calculation was induced by {cause.label}. Traceback of forward call that induced "
            "the previous calculation:\n" + "".join(cause.trace.stack.format()),
            stacklevel=2,
        )
        cause = cause.trace.induced_by


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return anomaly.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for nan."""
    return anomaly.check_nan


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off."""
    anomaly.enabled, anomaly.check_nan = bool(mode), bool(check_nan)


class set_detect_anomaly:  # noqa: N801 - torch's name
    """Turn anomaly detection on or off, from here on; as a context manager, until its end."""

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before = anomaly.enabled, anomaly.check_nan
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        set_anomaly_enabled(*self.before)


class detect_anomaly:  # noqa: N801 - torch's name
    """As a context manager: operations remember where they were called; backward() says so where it fails.

    With `check_nan`, a gradient that is nan is such a failure.
    """

    def __init__(self, check_nan: bool = True):
        self.before, self.check_nan = (anomaly.enabled, anomaly.check_nan), check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be "
            "enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exception: object) -> None:
        set_anomaly_enabled(*self.before)
