"""Networks without PyTorch at hand: known values, laws of modules, derivatives by finite differences."""

import copy
import gc
import math
import pickle
import weakref

import numpy as np
import pytest

import tinynn
from tinynn import nn
from tinynn._erf import erf
from tinynn.autograd import gradcheck, gradgradcheck
from tinynn.nn import functional as F


def double(*shape, low=-1.0, high=1.0):
    values = np.random.default_rng(0).uniform(low, high, shape)
    return tinynn.from_numpy(values).requires_grad_()


def test_linear_starts_where_torch_starts():
    tinynn.manual_seed(42)
    layer = nn.Linear(2, 8)
    assert layer.weight[0].tolist() == pytest.approx([0.5406, 0.5869], abs=1e-4)
    assert layer.bias[:2].tolist() == pytest.approx([0.5451, 0.1045], abs=1e-4)


def test_a_model_prints_its_layers():
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU())
    assert repr(model) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=8, bias=True)\n  (1): ReLU()\n)"
    )


def test_a_network_learns_xor():
    tinynn.manual_seed(0)
    x = tinynn.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = tinynn.tensor([[0.0], [1.0], [1.0], [0.0]])
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    loss_fn = nn.BCEWithLogitsLoss()
    for _ in range(200):
        model.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        with tinynn.no_grad():
            for p in model.parameters():
                p -= 1.0 * p.grad
    assert loss.item() < 0.05
    assert (model(x) > 0).float().equal(y)


def test_known_losses():
    half = tinynn.zeros(3)
    assert F.binary_cross_entropy_with_logits(half, tinynn.ones(3)).item() == pytest.approx(math.log(2))
    assert F.cross_entropy(tinynn.zeros(2, 4), tinynn.tensor([0, 3])).item() == pytest.approx(math.log(4))
    assert F.mse_loss(tinynn.tensor([1.0, 3.0]), tinynn.tensor([1.0, 1.0])).item() == 2
    assert F.huber_loss(tinynn.tensor([3.0]), tinynn.tensor([0.0])).item() == 2.5


def test_extreme_logits_stay_finite():
    x = tinynn.tensor([1e4, -1e4], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, tinynn.tensor([0.0, 1.0]), reduction="sum")
    loss.backward()
    assert loss.item() == 2e4
    assert x.grad.tolist() == [1.0, -1.0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.leaky_relu(x, 0.2),
        lambda x: F.elu(x, 0.7),
        F.gelu,
        lambda x: F.gelu(x, approximate="tanh"),
        F.silu,
        lambda x: F.layer_norm(x, (3,)),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.cross_entropy(x, tinynn.tensor([0, 2, 1, 0])),
        lambda x: F.binary_cross_entropy_with_logits(x, 0.5 + 0.4 * double(4, 3).detach()),
        lambda x: F.smooth_l1_loss(x, double(4, 3).detach() * 0.3, beta=0.2),
    ],
)
def test_derivatives_by_finite_differences(function):
    x = double(4, 3)
    assert gradcheck(function, (x,))
    assert gradgradcheck(function, (x,))


def test_error_function():
    x = np.concatenate([np.linspace(-6.5, 6.5, 10_001), [0.0, -0.0, np.inf, -np.inf]])
    exact = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(erf(x), exact, rtol=5e-16, atol=0)
    single = x.astype(np.float32)
    assert np.array_equal(erf(single), np.array([math.erf(v) for v in single], np.float32))
    assert np.isnan(erf(np.array(math.nan)))


def test_batch_norm_normalises_each_feature():
    layer = nn.BatchNorm1d(3)
    y = layer(double(50, 3, low=3.0, high=9.0).float())
    assert y.mean(0).abs().max().item() < 1e-5
    assert (y.var(0, correction=0) - 1).abs().max().item() < 1e-4
    assert layer.num_batches_tracked.item() == 1


def test_dropout_keeps_the_mean_and_does_nothing_in_evaluation():
    tinynn.manual_seed(0)
    layer, x = nn.Dropout(0.25), tinynn.ones(10_000)
    y = layer(x)
    assert set(y.tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert y.mean().item() == pytest.approx(1, abs=0.02)
    assert layer.eval()(x) is x


# --- modules


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.scale = nn.Parameter(tinynn.ones(1))
        self.register_buffer("count", tinynn.zeros(1))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x * self.scale


def test_reading_a_parameter_is_reading_an_attribute():
    model = Model()
    assert model.__dict__["scale"] is model.scale is model._parameters["scale"]
    assert model.__dict__["layers"] is model._modules["layers"]
    assert list(model.state_dict())[:2] == ["scale", "count"]


def test_names_are_kept_in_step():
    model = Model()
    model._parameters["scale"] = new = nn.Parameter(tinynn.zeros(1))
    assert model.scale is new
    del model.count
    with pytest.raises(KeyError):
        model._buffers["count"]
    with pytest.raises(AttributeError, match="'Model' object has no attribute 'count'"):
        model.count  # noqa: B018
    with pytest.raises(TypeError, match=r"cannot assign 'tinynn\.FloatTensor' as parameter 'scale'"):
        model.scale = tinynn.zeros(1)


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_twins_compute_the_same_and_share_nothing(twin_of):
    model, x = Model(), tinynn.ones(3, 2)
    twin = twin_of(model)
    assert twin(x).equal(model(x))
    with tinynn.no_grad():
        twin.scale.fill_(5.0)
    assert model.scale.item() == 1.0
    assert not twin(x).equal(model(x))


def test_a_module_is_freed_when_the_last_name_goes():
    gc.disable()
    try:
        model = Model()
        model(tinynn.ones(3, 2)).sum().backward()
        gone = [weakref.ref(model), weakref.ref(model.layers[0]), weakref.ref(model.scale)]
        del model
        assert [ref() for ref in gone] == [None, None, None]
    finally:
        gc.enable()


def test_a_module_with_hooks_is_freed_too():
    gc.disable()
    try:
        layer = nn.Linear(2, 1)
        layer.register_forward_hook(lambda module, args, out: out)
        layer.register_full_backward_hook(lambda module, grad_input, grad_output: None)
        layer(tinynn.ones(1, 2, requires_grad=True)).sum().backward()
        gone = weakref.ref(layer)
        del layer
        assert gone() is None
    finally:
        gc.enable()


def test_helpful_messages():
    with pytest.raises(RuntimeError, match=r"2x3 and 2x5\)\nThe input has 3 features; the layer expects 2\."):
        nn.Linear(2, 5)(tinynn.zeros(2, 3))
    with pytest.raises(ValueError, match=r"\nUse input.squeeze\(dim=1\) or target.unsqueeze\(dim=1\)"):
        nn.BCEWithLogitsLoss()(tinynn.zeros(8, 1), tinynn.zeros(8))
    with pytest.raises(
        AttributeError, match=r"before Module.__init__\(\) call\nCall super\(\).__init__\(\) first."
    ):
        type("Forgetful", (nn.Module,), {"__init__": lambda self: setattr(self, "a", nn.ReLU())})()
