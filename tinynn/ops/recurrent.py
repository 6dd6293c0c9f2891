"""The derivative table, recurrent networks: RNN, GRU and LSTM, a whole batch of sequences in one row.

A row takes all steps of one layer in one direction. Its operands are `x`, what each step's input adds to the
gates (W_ih x + b_ih, for all steps one product), the first states, and the weights of the recurrence. Each cell
is here twice: as its equations (`_lstm`), and as their derivatives (`_lstm_back`). Those are linear in what
comes back through time, so their factors are worked out for all steps at once, and a step back in time is a few
products.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinynn.autograd.op import Op, VariadicOp
from tinynn.ops.elementwise import _relu, _sigmoid, nothing, tanh, zero_where
from tinynn.ops.indexing import _read, zeros_put
from tinynn.ops.shape import cat, narrow, reshape, sum_to


class Steps(NamedTuple):
    """Where in a packed batch the steps are, for one direction.

    A batch of sequences is packed step after step, longest sequence first: the rows of a step belong to its
    first sequences, as many as are that long. `before` says for each row where the state before it is, in
    (first states, all rows' states).
    """

    spans: tuple[slice, ...]  # the rows of each step, in the order in which the steps are taken
    before: slice | np.ndarray
    last: slice | np.ndarray  # for each sequence, the row of the last step taken


@functools.lru_cache(maxsize=64)
def steps_of(sizes: tuple[int, ...], reverse: bool = False) -> Steps:
    """The steps of a packed batch with `sizes[t]` sequences in step t."""
    ends = np.cumsum(sizes).tolist()
    spans = tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True))
    spans = spans[::-1] if reverse else spans
    n = sizes[0]
    before, state = np.empty(ends[-1], np.intp), np.arange(n)
    for span in spans:
        rows = np.arange(span.start, span.stop)
        before[rows] = state[: len(rows)]
        state[: len(rows)] = n + rows
    return Steps(spans, _as_slice(before), _as_slice(state - n))


def _as_slice(places: np.ndarray) -> slice | np.ndarray:
    """The same places as a slice, if they are side by side: what that reads is a view."""
    start = int(places[0]) if len(places) else 0
    side_by_side = np.array_equal(places, np.arange(start, start + len(places)))
    return slice(start, start + len(places)) if side_by_side else places


# --- through time and back


def _take_steps(step: Callable, steps: Steps, x: np.ndarray, *states: np.ndarray) -> tuple:
    """What `step` returns, for all rows: first the new states, then what the derivative needs."""
    taken = {}
    for span in steps.spans:
        taken[span.start] = now = step(x[span], *_first(states, span))
        states = _replaced(states, now)
    return tuple(_by_row(taken))


def _go_back(back: Callable, steps: Steps, *states: Any) -> tuple[list, tuple]:
    """From the gradients of the states after the last step to those of the first ones.

    `back(span, *gradients of the states after a step)` gives the gradients of the states before it, and then
    others, which are returned for all rows.
    """
    taken = {}
    for span in reversed(steps.spans):
        now = back(span, *_first(states, span))
        taken[span.start] = now[len(states) :]
        states = _replaced(states, now)
    return _by_row(taken), states


def _by_row(taken: dict[int, tuple]) -> list:
    """Each of the things that the steps gave, for all rows, from {the first row of a step: what it gave}."""
    if len(taken) == 1:
        return [*taken.popitem()[1]]
    return [cat(0, *parts) for parts in zip(*[taken[start] for start in sorted(taken)], strict=True)]


def _before(first: Any, after: Any, steps: Steps) -> Any:
    """The state before each row's step, from the first ones and those after each row's step."""
    return first if len(steps.spans) == 1 else cat(0, first, after)[steps.before]


def _first(states: Any, span: slice) -> Any:
    """The states of the sequences that take part in this step."""
    n = span.stop - span.start
    return states if n == len(states[0]) else [state[:n] for state in states]


def _replaced(states: Any, now: tuple) -> tuple:
    """The states with those of the first sequences new: a sequence that takes no part keeps its own."""
    n = len(now[0])
    if n == len(states[0]):
        return now[: len(states)]
    return tuple([cat(0, new, old[n:]) for new, old in zip(now, states, strict=False)])


def _plus(gradient: Any, g: Any, span: slice) -> Any:
    """The gradient, and what arrives at these rows from outside, if anything does."""
    return gradient if g is None else gradient + g[span]


def _parts(x: Any, n: int) -> list:
    """x cut into n equal parts along axis 1."""
    size = x.shape[1] // n
    return [narrow(x, 1, i * size, size) for i in range(n)]


def _times(x: Any, factors: Any) -> Any:
    """x (rows, size) times each of the n parts of factors (rows, n * size)."""
    rows, size = x.shape
    parts = reshape(factors, (rows, factors.shape[1] // size if size else 0, size))
    return reshape(x[:, None] * parts, factors.shape)


# --- RNN


def _rnn(activation, steps, xs):
    """h' = activation(x + W h)."""
    x, h, weight = xs
    return _take_steps(lambda x, h: (activation(x + h.dot(weight.T)),), steps, x, h)


def _rnn_back(activation_back, g, steps, xs, y):
    (_, h, weight), (g,), (after,) = xs, g, y

    def back(span, dh):
        d = activation_back(_plus(dh, g, span), after[span])
        return d @ weight, d

    (d,), (dh,) = _go_back(back, steps, nothing(h))
    return [d, dh, d.T @ _before(h, after, steps)]


# --- GRU


def _gru(steps, *xs):
    """r, z = sigmoid(x_r + W_r h + b_r), sigmoid(x_z + W_z h + b_z)
    n = tanh(x_n + r q)    with q = W_n h + b_n
    h' = (1 - z) n + z h
    """
    x, h, weight, *bias = xs
    size = h.shape[1]

    def step(x, h):
        a = h.dot(weight.T)
        if bias:
            a += bias[0]
        gates, q = _sigmoid(x[:, : 2 * size] + a[:, : 2 * size]), a[:, 2 * size :]
        r, z = gates[:, :size], gates[:, size:]
        n = np.tanh(x[:, 2 * size :] + r * q)
        return (h - n) * z + n, np.concatenate([gates, q, n], 1)

    return _take_steps(step, steps, x, h)


def _gru_back(g, steps, xs, y):
    (_, h, weight, *bias), (g_h, g_gates), (after, gates) = xs, g, y
    r, z, q, n = _parts(gates, 4)
    before, size = _before(h, after, steps), h.shape[1]

    def through(dr, dz, dq, dn):
        """From the gradients of r, z, q and n to those of what the sigmoids, the product and tanh are of."""
        dn = dn * (1 - n * n)
        return cat(1, (dr + dn * q) * r * (1 - r), dz * z * (1 - z), dq + dn * r, dn)

    zero = nothing(z)
    by_h = through(zero, before - n, zero, 1 - z)
    more = None if g_gates is None else through(*_parts(g_gates, 4))

    def back(span, dh):
        dh = _plus(dh, g_h, span)
        d = _plus(_times(dh, by_h[span]), more, span)
        return dh * z[span] + d[:, : 3 * size] @ weight, d

    (d,), (dh,) = _go_back(back, steps, nothing(h))
    dx, da = cat(1, d[:, : 2 * size], d[:, 3 * size :]), d[:, : 3 * size]
    return [dx, dh, da.T @ before, *[sum_to(da, b.shape) for b in bias]]


# --- LSTM


def _lstm(steps, *xs):
    """i, f, o = sigmoid(x_i + W_i h), sigmoid(x_f + W_f h), sigmoid(x_o + W_o h)
    g = tanh(x_g + W_g h)
    c' = f c + i g
    h' = o tanh(c'), or its projection P (o tanh(c'))
    """
    x, h, c, weight, *projection = xs
    size = c.shape[1]

    def step(x, h, c):
        a = h.dot(weight.T)
        a += x
        gates = _sigmoid(a)
        i, f, g, o = [gates[:, k : k + size] for k in range(0, 4 * size, size)]
        np.tanh(a[:, 2 * size : 3 * size], out=g)
        c = f * c + i * g
        h = o * np.tanh(c)
        return h.dot(projection[0].T) if projection else h, c, gates

    return _take_steps(step, steps, x, h, c)


def _lstm_back(g, steps, xs, y):
    (_, h, c, weight, *projection), (g_h, g_c, g_gates), (after_h, after_c, gates) = xs, g, y
    i, f, g, o = _parts(gates, 4)
    before, tanh_c = _before(c, after_c, steps), tanh(after_c)
    by_c = cat(1, i * (1 - i) * g, f * (1 - f) * before, (1 - g * g) * i)
    by_h, c_by_h = o * (1 - o) * tanh_c, o * (1 - tanh_c * tanh_c)
    more = None if g_gates is None else g_gates * cat(1, i * (1 - i), f * (1 - f), 1 - g * g, o * (1 - o))

    def back(span, dh, dc):
        dh = shown = _plus(dh, g_h, span)
        if projection:
            dh = shown @ projection[0]
        dc = _plus(dc, g_c, span) + dh * c_by_h[span]
        d = _plus(cat(1, _times(dc, by_c[span]), dh * by_h[span]), more, span)
        return d @ weight, dc * f[span], d, *([shown] if projection else [])

    (d, *shown), (dh, dc) = _go_back(back, steps, nothing(h), nothing(c))
    return [d, dh, dc, d.T @ _before(h, after_h, steps), *[s.T @ (o * tanh_c) for s in shown]]


# fmt: off
# VJPs of x, of the first states, of the weights
rnn_tanh = VariadicOp(lambda steps, *xs: _rnn(np.tanh, steps, xs), lambda g, steps, xs, y: _rnn_back(lambda g, y: g * (1 - y * y), g, steps, xs, y))
rnn_relu = VariadicOp(lambda steps, *xs: _rnn(_relu, steps, xs),   lambda g, steps, xs, y: _rnn_back(lambda g, y: zero_where(g, y <= 0), g, steps, xs, y))
gru      = VariadicOp(_gru,      _gru_back)
lstm     = VariadicOp(_lstm,     _lstm_back)

# what a packed batch takes from a padded one: every place at most once
packed   = Op(_read,             lambda g, x_shape, index: zeros_put(g, x_shape, index), name="PackPaddedSequenceBackward0")
# fmt: on
