"""The error for a value that was saved for backward and overwritten since: what it was, and who wrote."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.anomaly_mode import anomaly
from tinynn.autograd.node import Edge, Node, operation
from tinynn.size import type_name


class Written(NamedTuple):
    """The last write of an in-place method to a storage; it stands behind the count in a version counter."""

    version: int  # what the counter was afterwards
    maker: str | None  # the name of the base's grad_fn since then
    file: str
    line: int


def stale(node: Any, value: Any, maker: Edge | None, counter: list, expected: int) -> RuntimeError:
    """torch's error for `node`, which saved `value` at the count `expected`; below it, the lines if known.

    `maker` leads to the operation that made the value, or to the leaf.
    """
    found, written = counter[0], counter[1] if len(counter) > 1 else None
    what = "an operand"
    if isinstance(value, np.ndarray):
        what = f"[tinynn.{type_name(value.dtype)}Tensor {list(value.shape)}]"
        source, index = (maker[0], maker[1]) if maker else (None, 0)
        maker_name = source.name() if isinstance(source, Node) else None
        if source is not node:  # an operand: torch names what made its present value
            if isinstance(source, Node) and getattr(getattr(source, "op", None), "view", False):
                maker_name, index = "AsStrided", 0
            elif written and written.maker:
                maker_name, index = written.maker, 0
        if maker_name:
            what += f", which is output {index} of {operation(maker_name)},"
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"{what} is at version {found}; expected version {expected} instead. Hint: {anomaly.hint()}\n"
        f"{node.label} needs the old values{_saved_at(node)}. {_written_at(written, found)} Use the "
        "out-of-place operation there, or clone() the tensor before it is overwritten."
    )


def _saved_at(node: Node) -> str:
    if node.trace is None:
        return ""
    frame = node.trace.stack[-1]
    return f", which it saved at {frame.filename}:{frame.lineno}"


def _written_at(written: Written | None, found: int) -> str:
    if written is None or written.version != found:
        return (
            "They were overwritten by code that leaves no note of its line (an optimizer, a running average)."
        )
    return f"They were last overwritten at {written.file}:{written.line}."
