"""RNN, GRU, LSTM, their cells, and batches of sequences of different lengths, against PyTorch."""

import functools

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.harness import (
    FLOATS,
    Case,
    Side,
    assert_same,
    assert_same_outcome,
    check,
    check_derivatives,
    neutral,
    normal,
)
from parity_tests.layers import LIBRARIES, build, check_looks, check_random_start, check_refused
from parity_tests.recurrent_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_case(case):
    for dtype in case.dtypes:
        check(case, dtype)


# --- layers

KINDS = {
    "RNN": lambda nn, **options: nn.RNN(3, 4, **options),
    "RNN relu": lambda nn, **options: nn.RNN(3, 4, nonlinearity="relu", **options),
    "GRU": lambda nn, **options: nn.GRU(3, 4, **options),
    "LSTM": lambda nn, **options: nn.LSTM(3, 4, **options),
    "LSTM projected": lambda nn, **options: nn.LSTM(3, 4, proj_size=2, **options),
}
OPTIONS = [
    {},
    {"num_layers": 2},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "bias": False, "batch_first": True},
]
PACKED, UNSORTED = [3, 2, 2, 1], [1, 3, 2, 2]


def first_states(kind, options):
    """Draws of h, and c if the kind has one, for a batch of 4."""
    rows = options.get("num_layers", 1) * (1 + options.get("bidirectional", False))
    if kind.startswith("LSTM"):
        return [normal(rows, 4, 2 if "projected" in kind else 4), normal(rows, 4, 4)]
    return [normal(rows, 4, 4)]


def as_hx(states):
    return None if not states else states[0] if len(states) == 1 else tuple(states)


CALLS = {  # how a layer is called with x, a batch of 4 sequences of 3 steps, and with states or without
    "batch": lambda torch, layer, x, *states: layer(x, as_hx(states)),
    "sequence": lambda torch, layer, x, *states: layer(
        x[0] if layer.batch_first else x[:, 0], as_hx([state[:, 1] for state in states])
    ),
    "packed": lambda torch, layer, x, *states: layer(
        torch.nn.utils.rnn.pack_padded_sequence(x, PACKED, layer.batch_first), as_hx(states)
    ),
    "unsorted": lambda torch, layer, x, *states: layer(
        torch.nn.utils.rnn.pack_padded_sequence(x, UNSORTED, layer.batch_first, enforce_sorted=False),
        as_hx(states),
    ),
    "last state": lambda torch, layer, x, *states: layer(x, as_hx(states))[1],
    "last of last": lambda torch, layer, x, *states: layer(x, as_hx(states))[1][-1],
    "last step": lambda torch, layer, x, *states: layer(x, as_hx(states))[0][-1],
}


def check_layer(name, make, call, *inputs, dtype, second=True):
    """The same results, and the same derivatives with respect to the inputs and the parameters."""
    layers = {}

    def run(library, *tensors):
        layers[library] = build(library, make, dtype)
        return call(library, layers[library], *tensors)

    case = Case(name, run, *inputs, scaled=True, names=False, second=second)
    ours, theirs = (Side(library, case, case.arrays(dtype)) for library in (tinynn, torch))
    assert not theirs.error
    assert_same_outcome(ours, theirs)
    for side in (ours, theirs):
        side.wanted += layers[side.library].parameters()
    check_derivatives(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch warns that it cannot use oneDNN
def test_layer(kind, call, dtype):
    for options in OPTIONS:
        x = normal(4, 3, 3) if options.get("batch_first") else normal(3, 4, 3)
        for states in ([], first_states(kind, options)):
            name = f"{kind} {call} {options} {len(states)}"
            make = functools.partial(KINDS[kind], **options)
            second = dtype == "float64" and call in ("batch", "packed", "last of last")
            check_layer(name, make, CALLS[call], x, *states, dtype=dtype, second=second)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_sizes_of_nothing(kind):
    """No sequences in the batch; a single step."""
    for shape in ((5, 0, 3), (1, 2, 3)):
        check_layer(
            f"{kind} {shape}",
            KINDS[kind],
            CALLS["batch"],
            normal(*shape),
            dtype="float64",
            second=shape[1] > 0,
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_layout_of_results(kind):
    """Strides are torch's, and outputs may be written to before backward."""
    for options in OPTIONS:
        results = []
        for library in LIBRARIES:
            layer = build(library, functools.partial(KINDS[kind], **options), "float64")
            output, hx = layer(library.ones(3, 4, 3, dtype=library.float64))
            states = hx if isinstance(hx, tuple) else (hx,)
            strides = [x.stride() for x in (output, *states)]
            output.mul_(2)
            states[0].add_(1)
            (output.sum() + sum((s * s).sum() for s in states)).backward()
            results.append((strides, [p.grad for p in layer.parameters()]))
        assert_same(results[1], results[0], "results", scale=10.0)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_dropout_between_layers(kind, p):
    """torch's masks, in training only, and the generator's state after them."""
    for batch_first in (False, True):
        for call in ("batch", "packed"):
            for training in (True, False):

                def make(nn, batch_first=batch_first, training=training):
                    layer = KINDS[kind](
                        nn, num_layers=3, dropout=p, bidirectional=True, batch_first=batch_first
                    )
                    return layer.train(training)

                def run(library, layer, x, call=call):
                    library.manual_seed(5)
                    return CALLS[call](library, layer, x), library.rand(2)

                name = f"{kind} {p} {batch_first} {call} {training}"
                x = normal(4, 3, 3) if batch_first else normal(3, 4, 3)
                check_layer(name, make, run, x, dtype="float32", second=False)


LAYERS = {
    f"{kind} {options}": lambda nn, kind=kind, options=options: KINDS[kind](nn, **options)
    for kind in KINDS
    for options in OPTIONS
}
CELLS = {
    "RNNCell": lambda nn: nn.RNNCell(3, 4),
    "RNNCell relu": lambda nn: nn.RNNCell(3, 4, nonlinearity="relu"),
    "RNNCell no bias": lambda nn: nn.RNNCell(3, 4, False),
    "GRUCell": lambda nn: nn.GRUCell(3, 4),
    "GRUCell no bias": lambda nn: nn.GRUCell(3, 4, bias=False),
    "LSTMCell": lambda nn: nn.LSTMCell(3, 4),
    "LSTMCell no bias": lambda nn: nn.LSTMCell(3, 4, bias=False),
}


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_looks_and_start(name):
    make = {**LAYERS, **CELLS}[name]
    check_looks(make)
    check_random_start(make)


def test_lists_of_weights():
    shown = []
    for library in LIBRARIES:
        layer = build(library, lambda nn: nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2))
        assert layer.flatten_parameters() is None
        assert all(own is named for own, named in zip(layer._flat_weights, layer.parameters(), strict=True))
        shown.append((layer._flat_weights_names, [[tuple(w.shape) for w in ws] for ws in layer.all_weights]))
    assert shown[0] == shown[1]


def test_bases():
    check_looks(lambda nn: nn.RNNBase("GRU", 3, 4, bidirectional=True))
    check_looks(lambda nn: nn.RNNCellBase(3, 4, True, 2))
    check_random_start(lambda nn: nn.RNNBase("LSTM", 3, 4, 2))


def test_a_layer_takes_a_seed_and_a_dtype():
    for library in LIBRARIES:
        layer = library.nn.LSTM(3, 4, dtype=library.float64, device="cpu")
        assert {p.dtype for p in layer.parameters()} == {library.float64}
        assert {p.dtype for p in library.nn.GRUCell(3, 4, dtype=library.float16).parameters()} == {
            library.float16
        }


# --- cells

CELL_CALLS = {
    "batch": lambda torch, cell, x, *states: cell(x, as_hx(states)),
    "single": lambda torch, cell, x, *states: cell(x[0], as_hx([state[0] for state in states])),
    "steps": lambda torch, cell, x, *states: cell(x, cell(x * 2, cell(x, as_hx(states)))),
    "overwritten": lambda torch, cell, x, *states: overwritten(cell(x, as_hx(states))),
}


def overwritten(hx):
    """The new states, written to; some cells need them for backward, and some do not."""
    return tuple(state.mul_(2) for state in hx) if isinstance(hx, tuple) else hx.mul_(2)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("call", CELL_CALLS)
@pytest.mark.parametrize("kind", CELLS)
def test_cell(kind, call, dtype):
    for states in ([], [normal(2, 4)] * (2 if "LSTM" in kind else 1)):
        name = f"{kind} {call} {len(states)}"
        check_layer(name, CELLS[kind], CELL_CALLS[call], normal(2, 3), *states, dtype=dtype)


# --- what is refused


@pytest.mark.parametrize(
    "source",
    [
        "nn.RNN(3, 4, nonlinearity='x')",
        "nn.RNN(3, 4, proj_size=2)",
        "nn.GRU(3, 4, proj_size=2)",
        "nn.LSTM(3, 4, proj_size=4)",
        "nn.LSTM(3, 4, proj_size=-1)",
        "nn.LSTM(0, 4)",
        "nn.LSTM(3, 0)",
        "nn.LSTM(3.0, 4)",
        "nn.LSTM(3, 4.0)",
        "nn.LSTM(3, 4, num_layers=0)",
        "nn.LSTM(3, 4, num_layers=-1)",
        "nn.LSTM(3, 4, num_layers=1.5)",
        "nn.LSTM(3, 4, bias=1)",
        "nn.LSTM(3, 4, batch_first=1)",
        "nn.LSTM(3, 4, dropout=1.5)",
        "nn.LSTM(3, 4, dropout=-0.5)",
        "nn.LSTM(3, 4, dropout=True)",
        "nn.LSTM(3, 4, dropout='a')",
        "nn.LSTM(3)",
        "nn.RNNBase('X', 3, 4)",
        "nn.RNNBase('LSTM', 3, 4)(z(2, 2, 3))",
        "nn.RNNCellBase(3, 4, True, 2)(z(2, 3))",
        "nn.LSTM(3, 4)(z(5))",
        "nn.GRU(3, 4)(z(5))",
        "nn.RNN(3, 4)(z(5))",
        "nn.LSTM(3, 4)(3)",
        "nn.LSTM(3, 4)(z(5, 2, 2))",
        "nn.LSTM(3, 4)(z(0, 2, 3))",
        "nn.GRU(3, 4)(z(5, 2, 3).double())",
        "nn.GRU(3, 4)(z(2, 3).long())",
        "nn.LSTM(3, 4)(z(5, 2, 3), z(1, 2, 4))",
        "nn.LSTM(3, 4)(z(5, 2, 3), (z(1, 2, 4),))",
        "nn.LSTM(3, 4)(z(5, 2, 3), (z(1, 2, 4), z(1, 2, 4), z(1, 2, 4)))",
        "nn.LSTM(3, 4)(z(5, 2, 3), (z(1, 2, 3), z(1, 2, 4)))",
        "nn.LSTM(3, 4)(z(5, 2, 3), (z(1, 2, 4), z(1, 2, 3)))",
        "nn.LSTM(3, 4)(z(5, 2, 3), (z(1, 4), z(1, 2, 3)))",
        "nn.LSTM(3, 4)(z(5, 3), (z(1, 2, 4), z(1, 2, 3)))",
        "nn.LSTM(3, 4)(z(5, 3), (z(1, 4), z(2, 4)))",
        "nn.LSTM(3, 4, proj_size=2)(z(5, 2, 3), (z(1, 2, 4), z(1, 2, 4)))",
        "nn.GRU(3, 4)(z(5, 2, 3), z(1, 4))",
        "nn.GRU(3, 4)(z(5, 3), z(1, 2, 4))",
        "nn.GRU(3, 4)(z(5, 2, 3), z(1, 3, 4))",
        "nn.GRU(3, 4)(z(5, 2, 3), z(2, 2, 4))",
        "nn.GRU(3, 4)(z(5, 2, 3), z(1, 2, 4).double())",
        "nn.GRU(3, 4)(z(5, 2, 3), (z(1, 2, 4),))",
        "nn.RNN(3, 4)(z(5, 2, 3), z(1, 2, 4).double())",
        "nn.GRU(3, 4)(nn.utils.rnn.pack_sequence([z(2, 3), z(1, 3)]), z(1, 3, 4))",
        "nn.GRU(3, 4)(nn.utils.rnn.pack_sequence([z(2), z(1)]))",
        "nn.GRU(3, 4)(nn.utils.rnn.pack_sequence([z(2, 3), z(1, 3)]).double())",
        "nn.RNNCell(3, 4)(z(2, 3), z(2, 5))",
        "nn.RNNCell(3, 4)(z(2, 2), z(2, 4))",
        "nn.RNNCell(3, 4)(z(2, 3), z(3, 4))",
        "nn.RNNCell(3, 4)(z(2, 3, 1))",
        "nn.RNNCell(3, 4)(z(2, 3), z(1, 1, 1))",
        "nn.RNNCell(3, 4, nonlinearity='x')(z(2, 3))",
        "nn.RNNCell(3, 4)(z(2, 3).double())",
        "nn.RNNCell(3, 4)(z(2, 3), z(2, 4).double())",
        "nn.RNNCell(3, 4)(z(3), z(2, 4))",
        "nn.RNNCell(3, 4)(z(2, 3), z(4))",
        "nn.GRUCell(3, 4)(3)",
        "nn.LSTMCell(3, 4)(z(2, 3), z(4))",
        "nn.LSTMCell(3, 4)(z(2, 3), (z(4), z(4)))",
        "nn.LSTMCell(3, 4)(z(2, 3), (z(2, 4), z(2, 5)))",
        "nn.LSTMCell(3, 4)(z(2, 3), (z(2, 4), z(3, 4)))",
        "nn.LSTMCell(3, 4)(z(2, 3), (z(2, 4),))",
        "nn.LSTMCell(3, 4)(z(2, 3), (z(2, 4), z(2, 4), z(2, 4)))",
        "nn.LSTMCell(3, 4)(z(2, 3), (z(1, 1, 4), z(2, 4)))",
        "torch.lstm_cell(z(2, 3), z(2, 2, 4), z(16, 3), z(16, 4))",
        "torch.lstm_cell(z(2, 3), (z(2, 4), z(2, 4)), z(12, 3), z(16, 4))",
        "torch.lstm_cell(z(2, 3), (z(2, 4), z(2, 4)), z(16, 3), z(12, 4))",
        "torch.lstm_cell(z(2, 3), (z(2, 4), z(2, 4)), z(16, 3), z(16, 4), z(16), z(5))",
        "torch.lstm_cell(z(2, 3), (z(2, 4), z(2, 4)), z(16, 3), z(16, 4).double())",
        "torch.lstm_cell(z(2, 3), (z(2, 5), z(2, 5)), z(12, 3), z(9, 4))",
        "torch.gru_cell(z(2, 3), z(2, 5), z(12, 3), z(9, 4))",
        "torch.gru_cell(z(2, 3), z(2, 4), z(12, 3), z(12, 4), z(5), z(12))",
        "torch.gru_cell(3, z(2, 4), z(12, 3), z(12, 4))",
        "torch.gru_cell(z(2, 3), 4, z(12, 3), z(12, 4))",
        "torch.gru_cell(z(2, 3), z(2, 4), z(12, 3), None)",
        "torch.rnn_tanh_cell(z(2, 3), z(2, 4), z(5, 3), z(4, 4))",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), [3])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), [])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), [3, 0])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), [2, 3])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), [[2, 1]])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), torch.tensor(2))",
        "nn.utils.rnn.pack_padded_sequence(z(0, 2, 1), [2, 1])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 0), [2, 1])",
        "nn.utils.rnn.pack_padded_sequence(z(3), [2])",
        "nn.utils.rnn.pack_padded_sequence(z(3, 2, 1), [-1, 1], enforce_sorted=False)",
        "nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_sequence([z(3)]), total_length=2)",
        "nn.utils.rnn.pad_packed_sequence(z(3))",
        "nn.utils.rnn.pad_sequence([])",
        "nn.utils.rnn.pad_sequence(3)",
        "nn.utils.rnn.pad_sequence([1, 2])",
        "nn.utils.rnn.pad_sequence([z(2), 3])",
        "nn.utils.rnn.pad_sequence([z(2, 3), z(1, 2)])",
        "nn.utils.rnn.pad_sequence([z(2, 3), z(1, 3, 1)])",
        "nn.utils.rnn.pad_sequence([z(3), z(())])",
        "nn.utils.rnn.pad_sequence([z(2), z(3)], padding_side='up')",
        "nn.utils.rnn.pack_sequence([z(2), z(3)])",
        "nn.utils.rnn.pack_sequence([z(2), z(0)])",
        "nn.utils.rnn.pack_sequence([])",
        "nn.utils.rnn.unpad_sequence(z(3, 2), torch.tensor([1]))",
        "nn.utils.rnn.invert_permutation(torch.tensor([1, 0, 2]).int())",
        "nn.utils.rnn.PackedSequence(z(3))",
        "nn.utils.rnn.PackedSequence(z(3), [2, 1])",
        "nn.utils.rnn.pack_sequence([z(2)]).cuda()",
    ],
)
def test_refused(source):
    check_refused(source)


def test_dropout_after_the_last_layer_is_warned_of():
    messages = []
    for library in LIBRARIES:
        with pytest.warns(UserWarning, match="dropout option adds dropout") as caught:
            library.nn.GRU(3, 4, dropout=0.5)
        messages.append(str(caught[0].message))
    assert messages[0] == messages[1]


# --- packed sequences


def test_packed_sequences_look_alike():
    shown = []
    for library in LIBRARIES:
        rnn = library.nn.utils.rnn
        packed = rnn.pack_sequence([library.ones(1), library.ones(3), library.zeros(2)], enforce_sorted=False)
        assert isinstance(packed, tuple)
        again = rnn.PackedSequence((packed.data, packed.batch_sizes), sorted_indices=packed.sorted_indices)
        permutation = rnn.invert_permutation(library.tensor([2, 0, 1]))
        shown.append((neutral(f"{packed} {again} {permutation}"), packed.is_cuda, packed.is_pinned()))
    assert shown[0] == shown[1]


def test_padding_takes_the_first_sequences_dtype():
    results = []
    for library in LIBRARIES:
        rnn = library.nn.utils.rnn
        long, single = library.tensor([1, 2]), library.tensor([0.5, 1.5, 2.5])
        packed = rnn.pack_padded_sequence(library.arange(6).reshape(3, 2), library.tensor([3.0, 1.0]))
        results.append(
            [
                rnn.pad_sequence([long, single], padding_value=-1.5),
                rnn.pad_sequence([single, long], padding_side="left"),
                *rnn.pad_packed_sequence(packed, padding_value=-1.5),
            ]
        )
    assert_same(results[1], results[0], "padded")


# --- training and files


def step_many(library, make, optimizer, steps=20):
    """The losses and the last parameters of a network that learns to tell sequences apart."""
    library.manual_seed(1)
    rng = np.random.default_rng(2)
    network = library.nn.ModuleList([make(library.nn), library.nn.Linear(8, 3)]).to(library.float64)
    losses, chosen = [], optimizer(library.optim, network.parameters())
    for _ in range(steps):
        lengths = rng.integers(2, 7, 4)
        sequences = [library.from_numpy(rng.standard_normal((n, 3))) for n in lengths]
        packed = library.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
        target = library.from_numpy(rng.integers(0, 3, 4))
        output, _ = network[0](packed)
        padded, sizes = library.nn.utils.rnn.pad_packed_sequence(output, batch_first=True)
        last = padded[library.arange(4), sizes - 1]
        loss = library.nn.functional.cross_entropy(network[1](last), target)
        chosen.zero_grad()
        loss.backward()
        library.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        chosen.step()
        losses.append(loss.item())
    return losses, [p.detach().numpy() for p in network.parameters()]


@pytest.mark.parametrize("kind", ["RNN", "RNN relu", "GRU", "LSTM"])
def test_training_run(kind):
    def make(nn):
        return KINDS[kind](nn, num_layers=2, bidirectional=True, dropout=0.2)

    theirs, ours = (
        step_many(library, make, lambda optim, parameters: optim.Adam(parameters, lr=0.01))
        for library in LIBRARIES
    )
    for own, other in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("source", "target"), [LIBRARIES, LIBRARIES[::-1]], ids=["from torch", "to torch"])
@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_pth_files_of_either_library(kind, source, target, tmp_path):
    def make(nn):
        return KINDS[kind](nn, num_layers=2, bidirectional=True)

    saved, loaded = build(source, make, seed=0), build(target, make, seed=1)
    source.save(saved.state_dict(), tmp_path / "layer.pth")
    state = target.load(tmp_path / "layer.pth", weights_only=True)
    assert str(loaded.load_state_dict(state)) == "<All keys matched successfully>"
    outputs = {
        lib: layer(lib.ones(2, 1, 3, dtype=lib.float64)) for lib, layer in ((source, saved), (target, loaded))
    }
    assert_same(outputs[tinynn], outputs[torch], "outputs", scale=1.0)


def test_unpadding_leaves_the_batch_as_it_is():
    """torch transposes it in place, unless it is batch_first."""
    shapes = []
    for library in LIBRARIES:
        batch = library.zeros(3, 2)
        library.nn.utils.rnn.unpad_sequence(batch, library.tensor([3, 1]))
        shapes.append(tuple(batch.shape))
    assert shapes == [(2, 3), (3, 2)]


def test_a_length_beyond_the_batch_is_refused():
    """torch makes a packed batch whose sizes do not fit its data."""
    broken = torch.nn.utils.rnn.pack_padded_sequence(torch.zeros(3, 2, 1), [4, 3])
    assert len(broken.data) != broken.batch_sizes.sum()
    with pytest.raises(RuntimeError, match="cannot be taken from a batch padded to 3"):
        tinynn.nn.utils.rnn.pack_padded_sequence(tinynn.zeros(3, 2, 1), [4, 3])
