"""How layers are compared: what two training steps show, how they look and start, what they refuse."""

import warnings

import numpy as np
import torch

import tinynn
from parity_tests.harness import assert_same, outcome

LIBRARIES = (torch, tinynn)
SEEDS = range(50)


def build(library, make, dtype="float64", seed=0):
    """The layer, with its parameters drawn from `seed` in float32 and then converted."""
    library.manual_seed(seed)
    return make(library.nn).to(getattr(library, dtype))


def check_training(make, shape, dtype):
    """The same outputs, gradients and states over two steps, on two inputs of this shape."""
    data = np.random.default_rng(7).standard_normal((2, *shape)).astype(dtype)
    theirs, ours = (run_layer(library, make, data, dtype) for library in LIBRARIES)
    assert_same(ours, theirs, "result", scale=10.0)


def run_layer(library, make, data, dtype):
    """Everything two training steps on a layer show: outputs, gradients, and the state they leave."""
    layer = build(library, make, dtype)
    outputs, gradients = [], []
    for batch in data:
        x = library.from_numpy(batch.copy()).requires_grad_()
        y = layer(x)
        weights = np.random.default_rng(8).standard_normal(tuple(y.shape)).astype(dtype)
        (y * y * library.from_numpy(weights)).sum().backward()
        outputs.append(y)
        gradients += [x.grad, *(p.grad.clone() for p in layer.parameters())]
    return outputs, gradients, list(layer.state_dict().items()), layer.training


def check_looks(make):
    """The same repr and names."""
    theirs, ours = (build(library, make) for library in LIBRARIES)
    assert repr(ours) == repr(theirs)
    for listing in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [k for k, _ in getattr(ours, listing)()] == [k for k, _ in getattr(theirs, listing)()]
    for listing in ("named_parameters", "named_modules"):
        own, other = (list(getattr(m, listing)(prefix="p", remove_duplicate=False)) for m in (ours, theirs))
        assert [k for k, _ in own] == [k for k, _ in other]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    assert list(ours.state_dict(prefix="x.")) == list(theirs.state_dict(prefix="x."))


def check_random_start(make):
    """The same first parameters, bit for bit."""
    for seed in SEEDS:
        for library in LIBRARIES:
            library.manual_seed(seed)
        theirs, ours = make(torch.nn), make(tinynn.nn)
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert np.array_equal(own.detach().numpy(), other.detach().numpy())


def check_refused(source):
    """The same exception, with the same first line, from an expression of torch, nn, F, z and o."""
    theirs, ours = (refusal(library, source) for library in LIBRARIES)
    assert theirs.partition(":")[0].endswith("Error"), f"torch accepts it: {theirs}"
    assert ours == theirs, f"tinynn: {ours}\ntorch: {theirs}"


def refusal(library, source):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(outcome(lambda _: evaluated(library, source), library))


def evaluated(library, source):
    """The value of an expression of torch, nn, F, z(eros) and o(nes)."""
    names = {
        "torch": library,
        "nn": library.nn,
        "F": library.nn.functional,
        "z": library.zeros,
        "o": library.ones,
    }
    return eval(source, names)
