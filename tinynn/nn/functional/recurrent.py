"""Recurrent cells as functions of one step, and the stack of layers that RNN, GRU and LSTM are.

Both run the rows of tinynn/ops/recurrent.py, where the equations are: a single step is a sequence of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tinynn import ops
from tinynn.nn.functional.affine import check_linear_dtypes
from tinynn.nn.functional.checks import need_tensor
from tinynn.nn.functional.dropouts import dropout as silence
from tinynn.ops.recurrent import Steps, steps_of
from tinynn.size import check_expandable
from tinynn.tensor import Tensor

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}  # rows of the table: how often W has H rows


class Weights(NamedTuple):
    """The parameters of one layer in one direction."""

    w_ih: Tensor  # (gates * H, in)
    w_hh: Tensor  # (gates * H, H), or (4 * H, P) with a projection
    b_ih: Tensor | None = None  # (gates * H,)
    b_hh: Tensor | None = None
    w_hr: Tensor | None = None  # (P, H), the projection of an LSTM


# --- one step


def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), for x (N, in), h (N, H), W_ih (H, in), W_hh (H, H)."""
    return _cell("rnn_tanh", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """`rnn_tanh_cell` with relu in place of tanh."""
    return _cell("rnn_relu", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """One step of a GRU, from h to h', for x (N, in), h (N, H), W_ih (3 H, in), W_hh (3 H, H)."""
    return _cell("gru", input, (hx,), Weights(w_ih, w_hh, b_ih, b_hh))[0]


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of an LSTM, from hx = (h, c) to (h', c'), for x (N, in), h and c (N, H), W_ih (4 H, in)."""
    need_two_states("lstm_cell", hx)
    h, c = _cell("lstm", input, tuple(hx), Weights(w_ih, w_hh, b_ih, b_hh))
    return h, c


def _cell(kind: str, input: Tensor, states: tuple[Tensor, ...], weights: Weights) -> list[Tensor]:
    arguments = {"input": input, "hx": states[0], "w_ih": weights.w_ih, "w_hh": weights.w_hh}
    for position, (name, argument) in enumerate(arguments.items(), 1):
        need_tensor(f"{kind}_cell", argument, name, position)
    checks = [_check_weights, _check_states]
    for check in reversed(checks) if kind == "gru" else checks:  # the order that torch has
        check(kind, input, states, weights)
    outputs = one_direction(kind, steps_of((len(input),)), input, states, weights)
    # In torch these are a sum and a product, which backward does not need: they may be overwritten.
    return [ops.clone(output) for output in outputs] if kind in ("gru", "lstm") else outputs


# --- all steps


def one_direction(
    kind: str, steps: Steps, data: Tensor, states: Sequence[Tensor], weights: Weights
) -> list[Tensor]:
    """The states after each step, for data (rows, in): h of shape (rows, H), and c if there is one."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    check_linear_dtypes(data, w_ih, b_ih)
    check_linear_dtypes(states[0], w_hh, b_hh)
    further = [w_hh] if w_hr is None else [w_hh, w_hr]
    if b_hh is not None:
        if kind == "gru":  # its n has this bias inside a product with r
            further.append(b_hh)
        else:
            b_ih = b_hh if b_ih is None else b_ih + b_hh
    x = ops.mm(data, w_ih.t()) if b_ih is None else ops.addmm(b_ih, data, w_ih.t())
    results = getattr(ops, kind)(steps, x, *states, *further)
    return list(results[: len(states)])


def all_layers(
    kind: str,
    data: Tensor,
    batch_sizes: tuple[int, ...],
    states: Sequence[Tensor],
    weights: Sequence[Weights],
    bidirectional: bool,
    dropout: float,
) -> tuple[Tensor, list[Tensor]]:
    """Layers of `kind` on a packed batch: data (rows, in) has batch_sizes[t] rows for step t.

    `states` are h, and c if there is one, before the first step: (layers * directions, batch_sizes[0], H).
    `dropout` silences some of what one layer hands to the next. Returns h of the last layer after each step,
    (rows, directions * H), and the states after the last one.
    """
    directions = [
        steps_of(batch_sizes, reverse) for reverse in ((False, True) if bidirectional else (False,))
    ]
    last = []
    for first in range(0, len(weights), len(directions)):
        if first and dropout:
            data = silence(data, dropout)
        outputs = []
        for i, steps in enumerate(directions, first):
            over_time = one_direction(kind, steps, data, [state[i] for state in states], weights[i])
            outputs.append(over_time[0])
            last.append([state[steps.last] for state in over_time])
        # A copy, for backward needs what the row returned, and what a layer returns may be overwritten.
        data = ops.cat(1, *outputs) if bidirectional else ops.clone(outputs[0])
    return data, [ops.stack(0, *state) for state in zip(*last, strict=True)]


# --- torch's errors


def need_two_states(function: str, hx: Sequence[Tensor]) -> None:
    if isinstance(hx, Tensor):
        raise TypeError(f"{function}(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor")
    if len(hx) != 2:
        raise RuntimeError(f"{function} expects two hidden states\nThey are h and c, in a tuple.")


def _check_states(kind: str, input: Tensor, states: Sequence[Tensor], weights: Weights) -> None:
    found, wanted = input.size(1), weights.w_ih.size(1)
    if found != wanted:
        raise RuntimeError(f"input has inconsistent input_size: got {found} expected {wanted}")
    n, hidden = len(input), weights.w_hh.size(1)
    for i, state in enumerate(states):
        if len(state) != n:
            raise RuntimeError(f"Input batch size {n} doesn't match hidden{i} batch size {len(state)}")
        if state.size(1) != hidden:
            raise RuntimeError(
                f"hidden{i} has inconsistent hidden_size: got {state.size(1)}, expected {hidden}"
            )


def _check_weights(kind: str, input: Tensor, states: Sequence[Tensor], weights: Weights) -> None:
    gates, hidden = GATES[kind], weights.w_hh.size(1)
    for name, weight in (("weight_ih", weights.w_ih), ("weight_hh", weights.w_hh)):
        if len(weight) != gates * hidden:
            raise RuntimeError(
                f"{name} first dim must be {gates} * hidden_size = {gates * hidden}, but got {len(weight)}"
            )
    for bias in (weights.b_ih, weights.b_hh):
        if bias is not None:
            check_expandable(bias.shape, (len(input), gates * hidden))
