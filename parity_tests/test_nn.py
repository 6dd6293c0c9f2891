"""Layers, losses, containers and initialisers against PyTorch, down to reprs, states, errors and draws."""

import copy
import pickle
import re
import warnings
from collections import OrderedDict
from functools import partial

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.harness import FLOATS, assert_close, assert_same, check, neutral, outcome
from parity_tests.layers import (
    LIBRARIES,
    SEEDS,
    build,
    check_looks,
    check_random_start,
    check_refused,
    check_training,
)
from parity_tests.nn_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_function(case):
    for dtype in case.dtypes:
        check(case, dtype)


# --- layers: output, gradients, state, repr, and their random start

# fmt: off
LAYERS = {  # (layer, shape of its input)
    "Linear":           (lambda nn: nn.Linear(3, 4), (5, 3)),
    "Linear no bias":   (lambda nn: nn.Linear(3, 4, bias=False), (5, 3)),
    "Linear 1":         (lambda nn: nn.Linear(1, 1), (7, 1)),
    "Linear 3-d":       (lambda nn: nn.Linear(3, 4), (2, 5, 3)),
    "Linear 1-d":       (lambda nn: nn.Linear(3, 4), (3,)),
    "Identity":         (lambda nn: nn.Identity(3, unused=True), (5, 3)),
    "ReLU":             (lambda nn: nn.ReLU(), (5, 3)),
    "ReLU6":            (lambda nn: nn.ReLU6(), (5, 3)),
    "Hardtanh":         (lambda nn: nn.Hardtanh(-0.5, 0.7), (5, 3)),
    "LeakyReLU":        (lambda nn: nn.LeakyReLU(0.2), (5, 3)),
    "ELU":              (lambda nn: nn.ELU(0.5), (5, 3)),
    "SiLU":             (lambda nn: nn.SiLU(), (5, 3)),
    "GELU":             (lambda nn: nn.GELU(), (5, 3)),
    "GELU tanh":        (lambda nn: nn.GELU("tanh"), (5, 3)),
    "Sigmoid":          (lambda nn: nn.Sigmoid(), (5, 3)),
    "Tanh":             (lambda nn: nn.Tanh(), (5, 3)),
    "LogSigmoid":       (lambda nn: nn.LogSigmoid(), (5, 3)),
    "Softplus":         (lambda nn: nn.Softplus(2.0, 1.0), (5, 3)),
    "Softmax":          (lambda nn: nn.Softmax(dim=1), (5, 3)),
    "LogSoftmax":       (lambda nn: nn.LogSoftmax(dim=-1), (5, 3)),
    "Flatten":          (lambda nn: nn.Flatten(), (5, 3, 2)),
    "Flatten all":      (lambda nn: nn.Flatten(0, -1), (5, 3, 2)),
    "Unflatten":        (lambda nn: nn.Unflatten(1, (2, -1)), (5, 6)),
    "BatchNorm1d":      (lambda nn: nn.BatchNorm1d(3), (6, 3)),
    "BatchNorm1d 3-d":  (lambda nn: nn.BatchNorm1d(3, eps=0.1, momentum=0.3), (6, 3, 2)),
    "BatchNorm1d mean": (lambda nn: nn.BatchNorm1d(3, momentum=None), (6, 3)),
    "BatchNorm1d bare": (lambda nn: nn.BatchNorm1d(3, affine=False, track_running_stats=False), (6, 3)),
    "BatchNorm1d no bias": (lambda nn: nn.BatchNorm1d(3, bias=False), (6, 3)),
    "BatchNorm1d eval": (lambda nn: nn.BatchNorm1d(3).eval(), (6, 3)),
    "LayerNorm":        (lambda nn: nn.LayerNorm(3), (5, 3)),
    "LayerNorm 2":      (lambda nn: nn.LayerNorm((4, 3), bias=False), (5, 4, 3)),
    "LayerNorm bare":   (lambda nn: nn.LayerNorm(3, elementwise_affine=False), (5, 3)),
    "Dropout":          (lambda nn: nn.Dropout(0.3), (5, 3)),
    "Dropout eval":     (lambda nn: nn.Dropout(0.3).eval(), (5, 3)),
    "Sequential":       (lambda nn: nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU()), (6, 3)),
    "Sequential named": (lambda nn:
                          nn.Sequential(OrderedDict([("a", nn.Linear(3, 2)), ("b", nn.Tanh())])), (6, 3)),
    "shared":           (lambda nn: (lambda a: nn.Sequential(a, nn.ReLU(), a))(nn.Linear(3, 3)), (6, 3)),
    "nested":           (lambda nn:
                          nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.ELU()), nn.Linear(3, 1)), (6, 3)),
}
# fmt: on


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, dtype):
    check_training(*LAYERS[name], dtype)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_looks_the_same(name):
    check_looks(LAYERS[name][0])


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Linear(2, 10),
        lambda nn: nn.Linear(7, 3, bias=False),
        lambda nn: nn.Linear(10, 1),
        lambda nn: nn.Linear(3, 5, dtype=(torch if nn is torch.nn else tinynn).float64),
        lambda nn: nn.Bilinear(2, 3, 4),
        lambda nn: nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)),
    ],
)
def test_random_start_bit_for_bit(make):
    check_random_start(make)


@pytest.mark.parametrize("dtype", ["float16", *FLOATS])
@pytest.mark.parametrize("p", [0.5, 0.1, 0.9])
def test_dropout_masks_bit_for_bit(p, dtype):
    for seed in SEEDS:
        masks = []
        for library in LIBRARIES:
            library.manual_seed(seed)
            x = library.ones(7, 5, dtype=getattr(library, dtype))
            masks.append(library.nn.Dropout(p)(x).numpy())
            masks.append(library.nn.functional.dropout(x * 3, p, inplace=True).numpy())
        assert np.array_equal(masks[0], masks[2])
        assert np.array_equal(masks[1], masks[3])


# fmt: off
INITIALISERS = {
    "uniform_":         lambda init, w: init.uniform_(w, -2, 3),
    "constant_":        lambda init, w: init.constant_(w, 0.3),
    "ones_":            lambda init, w: init.ones_(w),
    "zeros_":           lambda init, w: init.zeros_(w),
    "eye_":             lambda init, w: init.eye_(w),
    "xavier_uniform_":  lambda init, w: init.xavier_uniform_(w, gain=2.0),
    "kaiming_uniform_": lambda init, w: init.kaiming_uniform_(w, mode="fan_out", nonlinearity="relu"),
    "kaiming leaky":    lambda init, w: init.kaiming_uniform_(w, a=0.3),
}
NORMALS = {  # the last bit of a normal draw depends on the processor in torch
    "normal_":          lambda init, w: init.normal_(w, 1, 2),
    "xavier_normal_":   lambda init, w: init.xavier_normal_(w),
    "kaiming_normal_":  lambda init, w: init.kaiming_normal_(w, nonlinearity="tanh"),
    "trunc_normal_":    lambda init, w: init.trunc_normal_(w, std=1.5),
    "trunc_normal_ tail": lambda init, w: init.trunc_normal_(w, 0.0, 1.0, 1.5, 2.0),
    "sparse_":          lambda init, w: init.sparse_(w, 0.3),
    "orthogonal_":      lambda init, w: init.orthogonal_(w, 2.0),
}
# fmt: on


@pytest.mark.parametrize("shape", [(6, 4), (3, 8), (20, 20)])
@pytest.mark.parametrize("name", [*INITIALISERS, *NORMALS])
def test_initialiser(name, shape):
    fill = (INITIALISERS | NORMALS)[name]
    for seed in range(5):
        filled = []
        for library in LIBRARIES:
            library.manual_seed(seed)
            weight = library.nn.Parameter(library.empty(shape))
            assert fill(library.nn.init, weight) is weight
            filled.append(weight.detach().numpy())
        if name in INITIALISERS:
            assert np.array_equal(*filled)
        else:
            assert_close(filled[1], filled[0], name, scale=3.0)


def test_initialiser_of_a_convolution():
    filled = [library.nn.init.dirac_(library.empty(6, 2, 3, 3), groups=2).numpy() for library in LIBRARIES]
    assert np.array_equal(*filled)


@pytest.mark.parametrize(
    "nonlinearity", ["linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "gelu"]
)
def test_gain(nonlinearity):
    for param in (None, 0.2, True, "x"):
        run = partial(_gain, nonlinearity=nonlinearity, param=param)
        assert outcome(run, tinynn) == outcome(run, torch)


def _gain(library, nonlinearity, param):
    return library.nn.init.calculate_gain(nonlinearity, param)


# --- losses as modules

LOSSES = {
    "BCEWithLogitsLoss": lambda t: t.nn.BCEWithLogitsLoss(weight=t.ones(3) * 2, pos_weight=t.arange(3.0)),
    "BCELoss": lambda t: t.nn.BCELoss(weight=t.arange(3.0)),
    "CrossEntropyLoss": lambda t: t.nn.CrossEntropyLoss(t.arange(3.0), label_smoothing=0.1, reduction="sum"),
    "MSELoss": lambda t: t.nn.MSELoss(reduction="none"),
    "L1Loss": lambda t: t.nn.L1Loss(),
    "SmoothL1Loss": lambda t: t.nn.SmoothL1Loss(beta=0.3),
    "HuberLoss": lambda t: t.nn.HuberLoss(delta=0.3),
    "KLDivLoss": lambda t: t.nn.KLDivLoss(reduction="batchmean", log_target=True),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_module(name):
    data = np.random.default_rng(3).uniform(0.1, 0.9, (2, 5, 3)).astype(np.float32)
    results = []
    for library in LIBRARIES:
        loss = LOSSES[name](library)
        value = loss(*(library.from_numpy(x.copy()) for x in data))
        results.append((value, repr(loss), list(loss.state_dict().items())))
    assert_same(results[1], results[0], "result", scale=1.0)


def test_nll_loss_module():
    log_p = np.log(np.random.default_rng(3).dirichlet(np.ones(4), 6)).astype(np.float32)
    values = [
        library.nn.NLLLoss(library.arange(4.0), ignore_index=1)(
            library.from_numpy(log_p.copy()), library.arange(6) % 4
        )
        for library in LIBRARIES
    ]
    assert_same(values[1], values[0], "result", scale=1.0)


@pytest.mark.parametrize(
    "options", [{"size_average": False}, {"reduce": False}, {"size_average": True, "reduce": True}]
)
def test_old_reduction_arguments_warn(options):
    for library in LIBRARIES:
        with pytest.warns(UserWarning, match="please use reduction='(sum|none|mean)' instead"):
            loss = library.nn.MSELoss(**options)
        assert (
            loss.reduction == {"size_average": "sum", "reduce": "none"}.get(next(iter(options)))
            or "reduce" in options
        )


@pytest.mark.parametrize(
    "run",
    [
        lambda t: t.nn.functional.mse_loss(t.zeros(3, 1), t.zeros(3)),
        lambda t: t.nn.functional.l1_loss(t.zeros(3, 1), t.zeros(3)),
        lambda t: t.nn.functional.kl_div(t.zeros(3), t.zeros(3)),
        lambda t: t.nn.functional.softmax(t.zeros(2, 3)),
        lambda t: t.nn.LogSoftmax()(t.zeros(2, 3, 4)),
        lambda t: t.nn.init.kaiming_uniform_(t.empty(0, 3)),
        lambda t: t.nn.init.trunc_normal_(t.empty(3), 9.0),
        lambda t: t.nn.utils.clip_grad_norm_((p for p in ()), 1.0),
    ],
)
def test_same_warning_at_the_callers_line(run):
    messages = []
    for library in LIBRARIES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run(library)
        if library is tinynn:  # torch blames a line of its own for some
            assert [warning.filename for warning in caught] == [__file__]
        messages.append([(warning.category, neutral(str(warning.message))) for warning in caught])
    assert messages[0] == messages[1]


# --- what is refused, and in which words

# fmt: off
REFUSED = [line.strip() for line in """
    F.binary_cross_entropy_with_logits(z(8, 1), z(8))
    F.binary_cross_entropy_with_logits(z(2), torch.tensor([0, 1]))
    F.binary_cross_entropy_with_logits(torch.tensor([0, 1]), z(2))
    F.binary_cross_entropy_with_logits(z(2), z(2), weight=z(3))
    F.binary_cross_entropy_with_logits(z(2), z(2), pos_weight=z(3))
    F.binary_cross_entropy_with_logits(z(2, 2), z(2, 2), weight=z(2, 2, 2))
    F.binary_cross_entropy_with_logits(z(2, 1), z(2, 1), pos_weight=z(2))
    F.binary_cross_entropy_with_logits(z(2), z(2), reduction="foo")
    F.binary_cross_entropy_with_logits(z(2), [0.0, 1.0])
    F.binary_cross_entropy_with_logits(z(2), z(2, dtype=torch.bool))
    F.binary_cross_entropy(z(2), z(3))
    F.binary_cross_entropy(z(2), z(2).double())
    F.binary_cross_entropy(z(2), z(2), weight=o(3))
    F.binary_cross_entropy(torch.tensor([1.1]), z(1))
    F.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([2.0]))
    F.binary_cross_entropy(torch.tensor([float("nan")]), z(1))
    F.mse_loss(z(2), z(3))
    F.mse_loss(z(2).long(), z(2).long())
    F.mse_loss(z(2), 0.0)
    F.mse_loss(z(2), z(2), weight=o(3))
    F.l1_loss(z(2), z(2), reduction="foo")
    F.smooth_l1_loss(z(2), z(2), beta=-1.0)
    F.huber_loss(z(2), z(2), delta=0.0)
    F.nll_loss(z(2, 3), z(2))
    F.nll_loss(z(2, 3), z(3).long())
    F.nll_loss(z(2, 3), torch.tensor([0, 3]))
    F.nll_loss(z(2, 3), torch.tensor([0, -1]))
    F.nll_loss(z(2, 3), z(2).long(), weight=o(2))
    F.nll_loss(z(2, 3), z(2).long(), weight=o(3).double())
    F.nll_loss(z(()), z(()).long())
    F.nll_loss(z(3), z(3).long())
    F.nll_loss(z(2, 3), z(2, 2).long())
    F.nll_loss(z(2, 3, 4), z(2, 5).long())
    F.nll_loss(z(2, 3, 4, 5), z(2, 5, 4).long())
    F.nll_loss(z(2, 3).long(), z(2).long())
    F.cross_entropy(z(2, 3), z(2))
    F.cross_entropy(z(2, 3), torch.tensor([0, 3]))
    F.cross_entropy(z(2, 3), z(2, 3).long())
    F.cross_entropy(z(2, 3), z(2, 3), ignore_index=1)
    F.cross_entropy(z(2, 3), z(2).long(), label_smoothing=2.0)
    F.cross_entropy(z(2, 3), z(2, 3), weight=o(2))
    F.cross_entropy(z(2, 3, 4, 5, 6), z(2, 4, 4).long())
    F.cross_entropy(z(2, 3), z(2, 1).long())
    F.dropout(o(2), 1.5)
    F.dropout(o(2).long(), 0.5)
    F.linear(o(2, 3), o(5, 4))
    F.linear(o(2, 3), o(5, 4), o(5))
    F.linear(o(2, 3), o(5, 3), o(4))
    F.linear(o(3), o(5, 4), o(5))
    F.linear(o(2, 2, 3), o(5, 4))
    F.linear(o(2, 3).double(), o(5, 3))
    F.linear(o(2, 3).double(), o(5, 3), o(5))
    F.linear(o(2, 3), o(5, 3), o(5).double())
    F.linear(o(2, 3).long(), o(5, 3))
    F.linear(o(()), o(5, 3))
    F.linear(o(2, 3), o(3), o(()))
    F.linear([1.0], o(5, 3))
    F.batch_norm(z(1, 2), None, None, training=True)
    F.batch_norm(z(2, 2), None, None)
    F.batch_norm(z(2, 2), z(3), o(3))
    F.batch_norm(z(2, 2), z(2), o(2), weight=o(3))
    F.batch_norm(z(2, 2).double(), z(2), o(2))
    F.batch_norm(z(2, 2).long(), z(2), o(2))
    F.batch_norm(z(3, 2), None, None, training=True, eps=0.0)
    F.layer_norm(z(2, 3), (2,))
    F.layer_norm(z(2, 3), 3)
    F.layer_norm(z(2, 3), (3,), weight=o(2))
    F.layer_norm(z(2, 3), ())
    F.layer_norm(z(2, 3).double(), (3,), o(3))
    F.layer_norm(z(2, 3).long(), (3,))
    F.hardtanh(z(2), 1.0, -1.0)
    F.gelu(z(2), approximate="foo")
    F.gelu(z(2).long())
    F.elu(z(2).long())
    F.leaky_relu(z(2).long())
    F.silu(z(2).long())
    F.softplus(z(2).long())
    F.logsigmoid(z(2).long())
    F.relu([1.0])
    F.bilinear(z(2, 3), z(3, 3), z(1, 3, 3))
    F.bilinear(z(2, 3), z(2, 4), z(1, 3, 3))
    nn.Linear(2, 3)(z(2, 3))
    nn.Linear(3, 3)(z(2, 3).double())
    nn.BatchNorm1d(2)(z(2))
    nn.BatchNorm1d(2)(z(2, 2, 2, 2))
    nn.BatchNorm1d(2)(z(2, 3))
    nn.BatchNorm1d(2)(z(1, 2))
    nn.Dropout(-1)
    nn.Hardtanh(1.0, -1.0)
    nn.Bilinear(0, 2, 3)
    nn.Flatten()(z(3))
    nn.Unflatten(1, 6)
    nn.Unflatten(1, (2.0, 3))
    nn.Unflatten(1, (2, 2))(z(2, 6))
    nn.Sequential(1)
    nn.Sequential(nn.ReLU())[3]
    nn.Sequential(nn.ReLU()) + 1
    nn.Sequential().insert(1, nn.ReLU())
    nn.ModuleList([1])
    nn.ModuleList(1)
    nn.ModuleList([nn.ReLU()])(z(1))
    nn.ModuleDict({"a.b": nn.ReLU()})
    nn.ModuleDict({"": nn.ReLU()})
    nn.ModuleDict({1: nn.ReLU()})
    nn.ModuleDict([1])
    nn.ModuleDict([(1, 2, 3)])
    nn.ModuleDict({"a": nn.ReLU()})["b"]
    nn.Module()(1)
    nn.Linear(1, 1).foo
    nn.Parameter([1.0])
    nn.Linear(1, 1).register_parameter("a.b", None)
    nn.Linear(1, 1).register_parameter("", None)
    nn.Linear(1, 1).register_parameter(1, None)
    nn.Linear(1, 1).register_parameter("forward", None)
    nn.Linear(1, 1).register_parameter("a", z(1))
    nn.Linear(1, 1).register_parameter("a", 1)
    nn.Linear(1, 1).register_parameter("a", nn.Parameter(z(1)).__mul__(2))
    nn.Linear(1, 1).register_buffer("weight", None)
    nn.Linear(1, 1).register_buffer("a", 1)
    nn.Linear(1, 1).add_module("weight", nn.ReLU())
    nn.Linear(1, 1).add_module("a", 1)
    nn.Linear(1, 1).add_module("a.b", nn.ReLU())
    nn.Linear(1, 1).__setattr__("weight", z(1))
    nn.Linear(1, 1).__setattr__("weight", 3.0)
    nn.Sequential(nn.ReLU()).__setattr__("0", 1)
    nn.Sequential(nn.ReLU()).__setattr__("0", z(1))
    nn.BatchNorm1d(1).__setattr__("running_mean", 1)
    nn.BatchNorm1d(1).__delattr__("foo")
    nn.Linear(1, 1).load_state_dict({})
    nn.Linear(1, 1).load_state_dict(1)
    nn.Linear(1, 1).train(1)
    nn.Linear(1, 1).to(torch.long)
    nn.Linear(1, 1).get_submodule("a.b")
    nn.Linear(1, 1).get_submodule("weight")
    nn.Linear(1, 1).get_parameter("a")
    nn.Linear(1, 1).get_parameter("forward")
    nn.BatchNorm1d(1).get_buffer("weight")
    nn.init.eye_(z(3))
    nn.init.dirac_(z(3))
    nn.init.dirac_(z(3, 2, 2), groups=2)
    nn.init.xavier_uniform_(z(3))
    nn.init.kaiming_uniform_(z(3, 3), mode="fan")
    nn.init.orthogonal_(z(3))
    nn.utils.vector_to_parameters([1.0], [nn.Parameter(z(1))])
    type("M", (nn.Module,), {"__init__": lambda s: setattr(s, "l", nn.Linear(1, 1))})()
    type("M", (nn.Module,), {"__init__": lambda s: setattr(s, "p", nn.Parameter(z(1)))})()
    type("M", (nn.Module,), {"__init__": lambda s: s.register_buffer("b", z(1))})()
    type("M", (nn.Module,), {"__init__": lambda s: s.l})()
""".strip().splitlines()]
# fmt: on


@pytest.mark.parametrize("source", REFUSED)
def test_refused_alike(source):
    check_refused(source)


def test_missing_unexpected_and_misshapen_keys_in_torchs_words():
    def load(t, strict):
        target = t.nn.Sequential(t.nn.Linear(2, 1), t.nn.ReLU(), t.nn.BatchNorm1d(1))
        given = {
            "0.weight": t.zeros(3, 1),
            "0.bias": 1,
            "1.x": t.zeros(1),
            "y": t.zeros(1),
            "2.bias": t.ones(1),
        }
        return str(target.load_state_dict(given, strict=strict))

    messages = []
    for library in LIBRARIES:
        for strict in (True, False):
            with pytest.raises(RuntimeError) as error:
                load(library, strict)
            messages.append(neutral(str(error.value)))
    assert messages[:2] == messages[2:]


# --- state


@pytest.mark.parametrize("dtype", FLOATS)
def test_state_goes_from_torch_to_tinynn_and_back(dtype):
    def make(nn):
        return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))

    theirs, ours = build(torch, make, dtype, seed=1), build(tinynn, make, dtype, seed=2)
    state = {k: tinynn.from_numpy(v.numpy().copy()) for k, v in theirs.state_dict().items()}
    before = list(ours.parameters())
    answer = ours.load_state_dict(state)
    assert repr(answer) == "<All keys matched successfully>"
    assert all(a is b for a, b in zip(before, ours.parameters(), strict=True))
    assert_same(list(ours.state_dict().items()), list(theirs.state_dict().items()), "state")
    theirs.load_state_dict({k: torch.from_numpy(v.numpy()) for k, v in ours.state_dict().items()})


def test_load_state_dict_returns_what_did_not_fit():
    answers = []
    for library in LIBRARIES:
        layer = library.nn.Linear(1, 1)
        answers.append(layer.load_state_dict({"bias": library.ones(1), "x": library.ones(1)}, strict=False))
    assert repr(answers[1]) == repr(answers[0])
    assert tuple(answers[1]) == tuple(answers[0])


@pytest.mark.parametrize("torch", LIBRARIES, ids=["torch", "tinynn"])
class TestModule:
    """Laws that hold for both libraries: the parameter `torch` is either."""

    def test_load_with_assign_takes_the_tensors(self, torch):
        layer = torch.nn.Linear(2, 1)
        given = {"weight": torch.ones(1, 2, dtype=torch.float64), "bias": torch.zeros(1)}
        layer.bias.requires_grad_(False)
        layer.load_state_dict(given, assign=True)
        assert layer.weight.dtype is torch.float64
        assert isinstance(layer.weight, torch.nn.Parameter)
        assert layer.weight.requires_grad
        assert not layer.bias.requires_grad
        given["bias"].fill_(5)
        assert layer.bias.item() == 5

    def test_old_state_of_batch_norm_lacks_the_count(self, torch):
        layer = torch.nn.BatchNorm1d(2)
        state = {k: v for k, v in layer.state_dict().items() if k != "num_batches_tracked"}
        assert layer.load_state_dict(state).missing_keys == []

    def test_extra_state(self, torch):
        class Counting(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.count = 3

            def get_extra_state(self):
                return {"count": self.count}

            def set_extra_state(self, state):
                self.count = state["count"]

        other = torch.nn.Sequential(Counting())
        other[0].count = 9
        state = other.state_dict()
        assert dict(state) == {"0._extra_state": {"count": 9}}
        fresh = torch.nn.Sequential(Counting())
        fresh.load_state_dict(state)
        assert fresh[0].count == 9

    def test_registers_by_assignment(self, torch):
        module = torch.nn.Module()
        module.p = torch.nn.Parameter(torch.ones(2))
        module.plain = torch.ones(2)
        module.listed = [torch.nn.Linear(1, 1)]
        module.child = torch.nn.Linear(1, 1, bias=False)
        module.b = torch.nn.Buffer(torch.zeros(1))
        module.register_buffer("hidden", torch.zeros(1), persistent=False)
        assert [name for name, _ in module.named_parameters()] == ["p", "child.weight"]
        assert [name for name, _ in module.named_buffers()] == ["b", "hidden"]
        assert list(module.state_dict()) == ["p", "b", "child.weight"]
        assert {"p", "b", "child", "plain"} <= set(dir(module))

    def test_registries_and_attributes_are_one(self, torch):
        layer = torch.nn.Linear(1, 1)
        new = torch.nn.Parameter(torch.ones(1, 1))
        layer._parameters["weight"] = new
        assert layer.weight is new
        layer.bias = None
        assert dict(layer._parameters) == {"weight": new, "bias": None}
        assert list(layer.state_dict()) == ["weight"]
        del layer.weight
        assert list(layer._parameters) == ["bias"]
        assert not hasattr(layer, "weight")
        layer._buffers["weight"] = torch.zeros(1)
        assert [name for name, _ in layer.named_buffers()] == ["weight"]
        layer.weight = torch.nn.Parameter(torch.ones(1))
        assert [name for name, _ in layer.named_parameters()] == ["weight"]
        assert list(layer.buffers()) == []

    def test_a_name_changes_its_kind(self, torch):
        module = torch.nn.Module()
        module.x = 5
        module.x = torch.nn.Linear(1, 1)
        assert [name for name, _ in module.named_children()] == ["x"]
        module.x = torch.nn.Parameter(torch.ones(1))
        assert list(module.children()) == []
        assert [name for name, _ in module.named_parameters()] == ["x"]
        module.x = None
        assert module.x is None
        module.x = torch.nn.Parameter(torch.ones(1))
        assert len(list(module.parameters())) == 1

    def test_getattr_of_a_subclass_may_call_that_of_module(self, torch):
        class Wrapper(torch.nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner

            def __getattr__(self, name):
                try:
                    return super().__getattr__(name)
                except AttributeError:
                    return getattr(self.inner, name)

        wrapped = Wrapper(torch.nn.Linear(3, 2))
        assert wrapped.in_features == 3
        with pytest.raises(AttributeError):
            wrapped.nothing  # noqa: B018

    def test_converts_dtype_in_place(self, torch):
        model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        weight = model[0].weight
        model(torch.ones(4, 2)).sum().backward()
        assert model.double() is model
        assert model[0].weight is weight
        assert weight.dtype is torch.float64
        assert weight.grad.dtype is torch.float64
        assert model[1].running_mean.dtype is torch.float64
        assert model[1].num_batches_tracked.dtype is torch.int64
        assert model.to(torch.float16)[0].bias.dtype is torch.float16
        assert model.to("cpu").to(torch.ones(1))[0].bias.dtype is torch.float32
        assert model.half().float().type(torch.float64)[1].num_batches_tracked.dtype is torch.float64

    def test_copies_and_pickles(self, torch):
        make = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout())
        make(torch.ones(4, 2)).sum().backward()
        for twin in (copy.deepcopy(make), pickle.loads(pickle.dumps(make))):
            assert repr(twin) == repr(make)
            assert twin[0].weight is not make[0].weight
            assert twin[0].weight.grad is None
            assert torch.equal(twin[0].weight, make[0].weight)
            with torch.no_grad():
                twin[0].weight.fill_(7)
            assert twin[0].weight.detach().numpy().max() == 7
            assert not torch.equal(twin[0].weight, make[0].weight)
            twin.eval()
            assert make.training

    def test_deepcopy_keeps_sharing(self, torch):
        layer = torch.nn.Linear(2, 2)
        twin = copy.deepcopy(torch.nn.Sequential(layer, layer))
        assert twin[0] is twin[1]
        assert len(list(twin.parameters())) == 2

    def test_apply_goes_inside_out(self, torch):
        seen = []
        model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Sequential(torch.nn.ReLU()))
        assert model.apply(lambda m: seen.append(type(m).__name__)) is model
        assert seen == ["Linear", "ReLU", "Sequential", "Sequential"]

    def test_zero_grad_and_freezing(self, torch):
        model = torch.nn.Linear(2, 1)
        model(torch.ones(1, 2)).sum().backward()
        model.zero_grad(set_to_none=False)
        assert model.weight.grad.tolist() == [[0.0, 0.0]]
        model.zero_grad()
        assert model.weight.grad is None
        assert model.requires_grad_(False) is model
        assert not model(torch.ones(1, 2)).requires_grad

    def test_parameter(self, torch):
        data = torch.ones(2)
        p = torch.nn.Parameter(data)
        with torch.no_grad():
            p.add_(1)
        assert data.tolist() == [2, 2]
        assert p.is_leaf
        assert isinstance(p, torch.Tensor)
        assert type(p + 1) is torch.Tensor
        assert repr(p) == "Parameter containing:\ntensor([2., 2.], requires_grad=True)"
        with torch.no_grad():
            assert torch.nn.Parameter(data).requires_grad
        assert not torch.nn.Parameter(data, requires_grad=False).requires_grad
        assert torch.nn.Parameter().shape == (0,)

    def test_sequential_is_a_list(self, torch):
        nn = torch.nn
        a, b, c, d = nn.Linear(1, 2), nn.ReLU(), nn.Tanh(), nn.Sigmoid()
        model = nn.Sequential(a, b, c)
        assert (len(model), model[-1] is c, list(model) == [a, b, c]) == (3, True, True)
        assert list(model[1:].state_dict()) == []
        assert [name for name, _ in model[1:].named_children()] == ["1", "2"]
        model[1] = d
        assert model[1] is d
        del model[0]
        assert [name for name, _ in model.named_children()] == ["0", "1"]
        assert model.append(a) is model
        assert model.insert(0, b) is model
        assert model.insert(-1, nn.ELU()) is model
        assert [type(m).__name__ for m in model] == ["ReLU", "Sigmoid", "Tanh", "ELU", "Linear"]
        assert model.extend([c, d]).pop(0) is b
        assert len(model * 2) == 2 * len(model)
        assert len(2 * model + model) == 3 * len(model)
        model += nn.Sequential(nn.ReLU())
        model *= 2
        assert [name for name, _ in model.named_modules(remove_duplicate=False)][-1] == "13"
        del model[1:]
        assert len(model) == 1

    def test_module_list_and_dict(self, torch):
        nn = torch.nn
        modules = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)])
        modules += [nn.ReLU()]
        modules.insert(1, nn.Tanh())
        assert [type(m).__name__ for m in modules] == ["Linear", "Tanh", "Linear", "Linear", "ReLU"]
        assert type(modules[1:3]) is nn.ModuleList
        assert len(modules + [nn.ReLU()]) == 6
        assert len(list(modules.parameters())) == 6
        assert modules.pop(-1) is not None
        named = nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.ReLU()})
        named.update([("c", nn.Tanh())])
        named["b"] = nn.Sigmoid()
        assert list(named) == list(named.keys()) == ["a", "b", "c"]
        assert "a" in named
        assert len(named) == len(list(named.items())) == len(list(named.values())) == 3
        assert type(named.pop("b")).__name__ == "Sigmoid"
        del named["a"]
        named.clear()
        assert len(named) == 0

    def test_forward_hooks(self, torch):
        seen = []
        layer = torch.nn.Linear(1, 1, bias=False)
        with torch.no_grad():
            layer.weight.fill_(2.0)
        first = layer.register_forward_hook(lambda m, args, out: seen.append(("out", out.item())))
        layer.register_forward_pre_hook(lambda m, args: args[0] + 1)
        layer.register_forward_pre_hook(
            lambda m, args, kwargs: seen.append(("kwargs", len(kwargs))), with_kwargs=True
        )
        layer.register_forward_hook(lambda m, args, out: out * 10, prepend=True)
        assert layer(torch.ones(1, 1)).item() == 40
        assert seen == [("kwargs", 0), ("out", 40.0)]
        first.remove()
        layer(torch.ones(1, 1))
        assert len(seen) == 3

    def test_a_hook_that_is_always_called(self, torch):
        seen = []
        layer = torch.nn.Linear(2, 1)
        layer.register_forward_hook(lambda m, args, out: seen.append("usual"))
        layer.register_forward_hook(lambda m, args, out: seen.append("always"), always_call=True)
        with pytest.raises(RuntimeError, match="mat1 and mat2"):
            layer(torch.ones(1, 1))
        assert seen == ["always"]

    def test_full_backward_hooks(self, torch):
        seen = []
        model = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Tanh())
        layer = model[1]
        layer.register_full_backward_pre_hook(lambda m, g: (g[0] * 3,))
        layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0].tolist(), go[0].tolist())))
        layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 0 + 1,))
        x = torch.zeros(1, 2, requires_grad=True)
        with torch.no_grad():
            model[0].bias.zero_()
        y = model(x)
        assert y.grad_fn.name() == "BackwardHookFunctionBackward"
        y.sum().backward()
        assert seen == [([[3.0]], [[3.0]])]
        assert model[0].bias.grad.tolist() == [1.0]

    def test_backward_hook_without_inputs_that_need_it(self, torch):
        seen = []
        layer = torch.nn.Linear(2, 1)
        layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
        with pytest.warns(
            UserWarning, match="Full backward hook is firing when gradients are computed with respect"
        ):
            layer(torch.ones(1, 2)).sum().backward()
        assert seen == [((None,), [[1.0]])]
        assert layer.bias.grad.tolist() == [1.0]

    def test_batch_norm_trains_and_evaluates(self, torch):
        layer = torch.nn.BatchNorm1d(1)
        x = torch.tensor([[0.0], [2.0]])
        layer(x)
        assert layer.num_batches_tracked.item() == 1
        layer.eval()(x)
        assert layer.num_batches_tracked.item() == 1
        layer.reset_running_stats()
        assert (layer.running_mean.item(), layer.running_var.item(), layer.num_batches_tracked.item()) == (
            0,
            1,
            0,
        )

    def test_vectors_of_parameters(self, torch):
        model = torch.nn.Linear(2, 1)
        vector = torch.nn.utils.parameters_to_vector(model.parameters())
        vector.sum().backward()
        assert model.weight.grad.tolist() == [[1.0, 1.0]]
        new = torch.arange(3.0)
        torch.nn.utils.vector_to_parameters(new, model.parameters())
        assert model.weight.tolist() == [[0.0, 1.0]]
        new.fill_(9)
        assert model.bias.tolist() == [9.0]


@pytest.mark.parametrize("norm_type", [2.0, 1.0, float("inf"), 3.0])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad(norm_type, max_norm):
    results = []
    for library in LIBRARIES:
        layer = build(library, lambda nn: nn.Linear(3, 2), "float64")
        layer(library.arange(12.0, dtype=library.float64).reshape(4, 3)).pow(2).sum().backward()
        norm = library.nn.utils.clip_grad_norm_(layer.parameters(), max_norm, norm_type)
        clipped = [p.grad.clone() for p in layer.parameters()]
        library.nn.utils.clip_grad_value_(layer.parameters(), 0.1)
        results.append((norm, clipped, [p.grad for p in layer.parameters()]))
    assert_same(results[1], results[0], "gradients", scale=1.0)


def test_clip_grad_norm_refuses_what_is_not_finite():
    for library in LIBRARIES:
        p = library.nn.Parameter(library.ones(1))
        p.grad = library.tensor([float("inf")])
        with pytest.raises(
            RuntimeError, match=re.escape("The total norm of order 2.0 for gradients from `parameters`")
        ):
            library.nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)


# fmt: off
REPRS = [
    lambda nn: nn.ModuleList(
        [nn.ReLU(), nn.ReLU(), nn.Linear(1, 2), nn.Sequential(nn.Tanh()), nn.Sequential(nn.Tanh())]
    ),
    lambda nn: nn.ModuleList(),
    lambda nn: nn.ModuleDict({"a": nn.ReLU(), "b": nn.Sequential(nn.Linear(1, 1))}),
    lambda nn: nn.Sequential(),
    lambda nn: nn.ReLU(inplace=True),
    lambda nn: nn.LeakyReLU(0.1, True),
    lambda nn: nn.ReLU6(True),
    lambda nn: nn.Hardtanh(inplace=True),
    lambda nn: nn.SiLU(True),
    lambda nn: nn.ELU(2.0, True),
    lambda nn: nn.Softmax(),
    lambda nn: nn.CrossEntropyLoss(),
    lambda nn: nn.Bilinear(2, 3, 4, bias=False),
    lambda nn: nn.ParameterList([nn.Parameter((torch if nn is torch.nn else tinynn).zeros(2, 3))]),
    lambda nn: nn.ParameterDict({"a": nn.Parameter((torch if nn is torch.nn else tinynn).zeros(2))}),
    lambda nn: type("Model", (nn.Module,), {"extra_repr": lambda self: "two\nlines"})(),
]
# fmt: on


@pytest.mark.parametrize("make", REPRS)
def test_repr(make):
    assert neutral(repr(make(tinynn.nn))) == repr(make(torch.nn))


def test_names_of_tinynn_nn_are_torchs():
    assert [name for name in vars(tinynn.nn) if name[0].isupper() and not hasattr(torch.nn, name)] == []
    assert [name for name in tinynn.nn.utils.__all__ if not hasattr(torch.nn.utils, name)] == []


@pytest.mark.parametrize(
    "loss",
    [
        lambda F, x, t, w: F.binary_cross_entropy(x, t, weight=w),
        lambda F, x, t, w: F.binary_cross_entropy_with_logits(x, t, weight=w),
        lambda F, x, t, w: F.binary_cross_entropy_with_logits(x, t, pos_weight=w),
        lambda F, x, t, w: F.nll_loss(x, t[0].long(), weight=w),
        lambda F, x, t, w: F.cross_entropy(x, t[0].long(), weight=w),
    ],
)
def test_a_weight_that_requires_grad_is_refused(loss):
    messages = []
    for lib in (torch, tinynn):
        x, t, w = lib.full((2, 2), 0.5), lib.ones(2, 2), lib.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="is not differentiable with respect to argument") as caught:
            loss(lib.nn.functional, x, t, w)
        messages.append(str(caught.value).splitlines()[0])
    assert messages[0] == messages[1]
