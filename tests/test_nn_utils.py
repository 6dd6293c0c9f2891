"""Lazy layers and tinynn.nn.utils without PyTorch at hand: what each of them promises, as a law."""

import pytest

import tinynn
from tinynn import nn
from tinynn.autograd import gradcheck
from tinynn.func import functional_call
from tinynn.nn.utils import parametrizations, parametrize


def test_a_lazy_layer_becomes_the_layer_of_the_same_seed():
    x = tinynn.randn(5, 3)
    tinynn.manual_seed(1)
    lazy = nn.LazyLinear(4)
    lazy(x)
    tinynn.manual_seed(1)
    whole = nn.Linear(3, 4)
    assert type(lazy) is nn.Linear
    assert repr(lazy) == repr(whole)
    assert lazy(x).equal(whole(x))


def test_an_uninitialized_parameter_says_what_to_do():
    with pytest.raises(ValueError, match="Call `forward` with a dummy batch"):
        nn.LazyLinear(3).weight.sum()


def test_weight_norm_separates_length_from_direction():
    layer = parametrizations.weight_norm(nn.Linear(3, 4))
    length, direction = layer.parametrizations.weight.originals()
    with tinynn.no_grad():
        length.copy_(tinynn.arange(1.0, 5.0).reshape(4, 1))
        direction.mul_(7)
    assert layer.weight.norm(dim=1).tolist() == pytest.approx([1, 2, 3, 4])


def test_spectral_norm_makes_the_greatest_singular_value_one():
    layer = parametrizations.spectral_norm(nn.Conv2d(3, 4, 2), n_power_iterations=100)
    assert tinynn.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_derivatives_through_a_norm(norm):
    layer = norm(nn.Linear(3, 4, dtype=tinynn.float64)).eval()
    originals = layer.parametrizations.weight.originals()
    assert gradcheck(lambda *_: layer.weight, tuple(originals))


def test_a_parametrization_can_be_taken_away():
    layer = nn.Linear(3, 3)
    before = layer.weight.detach().clone()
    parametrizations.weight_norm(layer)
    assert parametrize.is_parametrized(layer, "weight")
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear
    assert layer.weight.detach().allclose(before)
    assert [name for name, _ in layer.named_parameters()] == ["bias", "weight"]


def test_a_functional_call_is_a_call_of_the_module_with_these_parameters():
    x, model, other = tinynn.randn(5, 3), nn.Linear(3, 2), nn.Linear(3, 2)
    given = {name: value.detach().requires_grad_() for name, value in other.named_parameters()}
    result = functional_call(model, given, (x,))
    result.sum().backward()
    assert result.equal(other(x))
    assert given["bias"].grad.tolist() == [5, 5]
    assert model.weight.grad is None


def test_a_fused_layer_computes_both():
    conv, bn = nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4)
    bn(conv(tinynn.randn(8, 3, 5, 5)))
    conv.eval()
    bn.eval()
    x = tinynn.randn(2, 3, 5, 5)
    assert nn.utils.fuse_conv_bn_eval(conv, bn)(x).allclose(bn(conv(x)), atol=1e-5)


def test_skip_init_draws_nothing():
    tinynn.manual_seed(0)
    first = tinynn.rand(1)
    tinynn.manual_seed(0)
    nn.utils.skip_init(nn.Linear, 100, 100)
    assert tinynn.rand(1).equal(first)


def test_hooks_change_a_state_dict_on_its_way():
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    model.register_state_dict_post_hook(lambda module, state, prefix, metadata: state.update(extra=1))
    model.register_load_state_dict_pre_hook(lambda module, state, prefix, *rest: state.pop("extra") and None)
    state = model.state_dict()
    assert [*state] == ["0.weight", "extra"]
    assert str(model.load_state_dict(state)) == "<All keys matched successfully>"
