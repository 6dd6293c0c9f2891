"""Recurrent layers against themselves: a layer is its cell, step by step, whichever way its batch comes."""

import gc
import weakref

import pytest

import tinynn as torch
from tinynn import nn
from tinynn.nn.utils.rnn import pack_sequence, unpack_sequence
from tinynn.ops.recurrent import steps_of

LAYERS = {
    "RNN": (nn.RNN, nn.RNNCell),
    "GRU": (nn.GRU, nn.GRUCell),
    "LSTM": (nn.LSTM, nn.LSTMCell),
}


def close(a, b):
    assert torch.allclose(a, b, rtol=0, atol=1e-12)


def last_h(hx):
    return hx[0] if isinstance(hx, tuple) else hx


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_is_its_cell_step_by_step(kind):
    layer, cell = (make(3, 4).double() for make in LAYERS[kind])
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    output, hx = layer(x)
    state, by_hand = None, []
    for step in x:
        state = cell(step, state)
        by_hand.append(last_h(state))
    close(output, torch.stack(by_hand))
    close(last_h(hx)[0], by_hand[-1])
    (output**2).sum().backward()
    (torch.stack(by_hand) ** 2).sum().backward()
    for own, other in zip(layer.parameters(), cell.parameters(), strict=True):
        close(own.grad, other.grad)


@pytest.mark.parametrize("kind", LAYERS)
def test_a_packed_sequence_knows_nothing_of_the_others(kind):
    layer = LAYERS[kind][0](3, 4, num_layers=2, bidirectional=True).double()
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in (2, 5, 1, 5)]
    packed, hx = layer(pack_sequence(sequences, enforce_sorted=False))
    for i, output in enumerate(unpack_sequence(packed)):
        alone, own_hx = layer(sequences[i])
        close(output, alone)
        close(last_h(hx)[:, i], last_h(own_hx))


@pytest.mark.parametrize("kind", LAYERS)
def test_the_reverse_direction_reads_backwards(kind):
    both = LAYERS[kind][0](3, 4, bidirectional=True).double()
    one = LAYERS[kind][0](3, 4).double()
    one.load_state_dict({name: both.state_dict()[f"{name}_reverse"] for name in one.state_dict()})
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    close(both(x)[0][..., 4:], one(x.flip(0))[0].flip(0))


@pytest.mark.parametrize("kind", LAYERS)
def test_a_graph_is_freed_at_once(kind):
    layer = LAYERS[kind][0](3, 4)
    gc.disable()
    try:
        output, hx = layer(torch.randn(5, 2, 3))
        node = weakref.ref(output.grad_fn)
        del output, hx
        assert node() is None
    finally:
        gc.enable()


def test_where_the_steps_are():
    """Sequences of lengths 3, 2, 1: rows 0-2 are step 0, rows 3-4 step 1, row 5 step 2."""
    spans = [slice(0, 3), slice(3, 5), slice(5, 6)]
    forwards, backwards = steps_of((3, 2, 1)), steps_of((3, 2, 1), reverse=True)
    assert [*forwards.spans] == spans
    assert [*backwards.spans] == spans[::-1]
    assert forwards.before.tolist() == [
        0,
        1,
        2,
        3,
        4,
        6,
    ]  # three first states, then from 3 on the rows' states
    assert backwards.before.tolist() == [6, 7, 2, 8, 1, 0]
    assert forwards.last.tolist() == [5, 4, 2]
    assert backwards.last == slice(0, 3)
    assert steps_of((2, 2)).before == slice(0, 4)
