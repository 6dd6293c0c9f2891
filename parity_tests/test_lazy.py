"""Lazy layers: what they are before their first input, what they become, and how their states are loaded."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch

from parity_tests.harness import FLOATS, neutral
from parity_tests.layers import LIBRARIES, check_looks, check_refused, check_training

# fmt: off
LAYERS = {  # (layer, shape of its input)
    "Linear":           (lambda nn: nn.LazyLinear(4), (5, 3)),
    "Linear no bias":   (lambda nn: nn.LazyLinear(4, bias=False), (2, 5, 3)),
    "Linear 1-d":       (lambda nn: nn.LazyLinear(4), (3,)),
    "Conv1d":           (lambda nn: nn.LazyConv1d(4, 3, 2, 1, 1, 2), (2, 6, 7)),
    "Conv1d unbatched": (lambda nn: nn.LazyConv1d(4, 3), (6, 7)),
    "Conv2d":           (lambda nn: nn.LazyConv2d(4, (3, 1), padding="same", bias=False), (2, 6, 5, 4)),
    "Conv2d circular":  (lambda nn: nn.LazyConv2d(4, 3, padding=1, padding_mode="circular"), (2, 3, 5, 4)),
    "Conv3d":           (lambda nn: nn.LazyConv3d(2, 2), (2, 3, 4, 3, 3)),
    "ConvTranspose1d":  (lambda nn: nn.LazyConvTranspose1d(4, 3, 3, 1, 2, 2), (2, 6, 7)),
    "ConvTranspose2d":  (lambda nn: nn.LazyConvTranspose2d(4, 3, bias=False, dilation=2), (2, 3, 5, 4)),
    "ConvTranspose3d":  (lambda nn: nn.LazyConvTranspose3d(2, 2), (2, 3, 4, 3, 3)),
    "BatchNorm1d":      (lambda nn: nn.LazyBatchNorm1d(1e-3, 0.3), (5, 3)),
    "BatchNorm1d bare": (lambda nn: nn.LazyBatchNorm1d(affine=False, track_running_stats=False), (5, 3)),
    "BatchNorm2d":      (lambda nn: nn.LazyBatchNorm2d(momentum=None, bias=False), (5, 3, 2, 4)),
    "BatchNorm3d":      (lambda nn: nn.LazyBatchNorm3d(affine=False), (5, 3, 2, 4, 2)),
    "BatchNorm eval":   (lambda nn: nn.LazyBatchNorm1d().eval(), (5, 3)),
    "InstanceNorm1d":   (lambda nn: nn.LazyInstanceNorm1d(), (5, 3, 4)),
    "InstanceNorm2d":   (lambda nn: nn.LazyInstanceNorm2d(affine=False), (5, 3, 2, 4)),
    "InstanceNorm3d":   (lambda nn: nn.LazyInstanceNorm3d(track_running_stats=False), (5, 3, 2, 4, 2)),
    "in a Sequential":  (lambda nn:
                          nn.Sequential(nn.LazyLinear(4), nn.Tanh(), nn.LazyLinear(1)), (5, 3)),
}
# fmt: on


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    make, shape = LAYERS[name]
    check_looks(make)
    for dtype in FLOATS:
        check_training(make, shape, dtype)


@pytest.mark.parametrize("name", LAYERS)
def test_becoming(name):
    """The class, the repr and the first parameters, bit for bit, after the first input."""
    make, shape = LAYERS[name]
    seen = []
    for library in LIBRARIES:
        layer = make(library.nn)
        library.manual_seed(3)
        layer(library.ones(shape))
        kinds = [type(module).__name__ for module in layer.modules()]
        state = [(key, value.numpy().tobytes()) for key, value in layer.state_dict().items()]
        seen.append((repr(layer), kinds, state, list(layer.__dict__.get("_forward_pre_hooks"))))
    assert seen[0] == seen[1]


def shown(run):
    """The repr of the result, or the exception, up to the operation that torch names in its message."""
    try:
        return neutral(repr(run()))
    except Exception as error:
        return re.sub(r" in <.*|\. This.*", "", neutral(f"{type(error).__name__}: {error}"))


STATES = {
    "state_dict": lambda t, lazy, whole: lazy.state_dict(),
    "keep_vars": lambda t, lazy, whole: lazy.state_dict(keep_vars=True),
    "whole into lazy": lambda t, lazy, whole: (
        lazy.load_state_dict(whole.state_dict()),
        lazy.state_dict(),
        lazy,
    ),
    "assigned": lambda t, lazy, whole: (lazy.load_state_dict(whole.state_dict(), assign=True), lazy),
    "lazy into lazy": lambda t, lazy, whole: (lazy.load_state_dict(lazy.state_dict()), lazy.state_dict()),
    "lazy into whole": lambda t, lazy, whole: whole.load_state_dict(lazy.state_dict()),
    "loaded and called": lambda t, lazy, whole: (
        lazy.load_state_dict(whole.state_dict()),
        lazy(t.ones(2, 3, 4)),
        lazy,
    ),
    "copied and called": lambda t, lazy, whole: copy.deepcopy(lazy)(t.ones(2, 3, 4)).shape,
    "pickled and called": lambda t, lazy, whole: pickle.loads(pickle.dumps(lazy))(t.ones(2, 3, 4)).shape,
    "double": lambda t, lazy, whole: (lazy.double(), [p.dtype for p in lazy.parameters()], lazy.state_dict()),
    "half, then called": lambda t, lazy, whole: lazy.to(t.float64)(t.ones(2, 3, 4).double()).dtype,
    "frozen": lambda t, lazy, whole: lazy.requires_grad_(False),
    "zero_grad": lambda t, lazy, whole: lazy.zero_grad(),
    "an optimizer of both": lambda t, lazy, whole: len(t.optim.SGD(lazy.parameters(), lr=0.1).param_groups),
    "modules": lambda t, lazy, whole: (list(lazy.named_parameters()), list(lazy.named_buffers())),
    "has_uninitialized_params": lambda t, lazy, whole: lazy.has_uninitialized_params(),
}


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize(
    ("lazy", "whole"),
    [
        (lambda nn: nn.LazyLinear(2), lambda nn: nn.Linear(4, 2)),
        (lambda nn: nn.LazyConv1d(2, 2), lambda nn: nn.Conv1d(3, 2, 2)),
        (lambda nn: nn.LazyBatchNorm1d(), lambda nn: nn.BatchNorm1d(3)),
        (lambda nn: nn.LazyInstanceNorm1d(), lambda nn: nn.InstanceNorm1d(3, affine=True)),
    ],
    ids=["Linear", "Conv1d", "BatchNorm1d", "InstanceNorm1d"],
)
def test_state(name, lazy, whole):
    if name == "copied and called" and list(lazy(torch.nn).buffers()):
        pytest.skip("torch cannot copy an UninitializedBuffer")
    seen = []
    for library in LIBRARIES:
        library.manual_seed(1)
        seen.append(shown(lambda t=library: STATES[name](t, lazy(t.nn), whole(t.nn))))
    assert seen[0] == seen[1]


PARAMETER = {
    "repr": lambda t, p: p,
    "shape": lambda t, p: p.shape,
    "dtype": lambda t, p: (p.dtype, p.is_floating_point(), p.device, p.requires_grad, p.is_leaf, p.grad),
    "float64": lambda t, p: t.nn.UninitializedParameter(dtype=t.float64).dtype,
    "data": lambda t, p: p.data,
    "numel": lambda t, p: p.numel(),
    "add": lambda t, p: p + 1,
    "relu": lambda t, p: t.relu(p),
    "linear": lambda t, p: t.nn.functional.linear(t.ones(2, 3), p),
    "clone": lambda t, p: p.clone(),
    "len": lambda t, p: len(p),
    "index": lambda t, p: p[0],
    "==": lambda t, p: p == p,
    "tolist": lambda t, p: p.tolist(),
    "requires_grad_": lambda t, p: p.requires_grad_(False),
    "materialize": lambda t, p: (p.materialize((2, 3)), p.shape, type(p).__name__, p.requires_grad, p.dtype),
    "materialize as": lambda t, p: (p.materialize((2, 3), dtype=t.float64), p.dtype),
    "twice": lambda t, p: (p.materialize((2, 3)), p.materialize((2, 3))),
    "copied": lambda t, p: (copy.deepcopy(p), copy.deepcopy(p).requires_grad),
    "frozen": lambda t, p: t.nn.UninitializedParameter(requires_grad=False).requires_grad,
    "buffer": lambda t, p: (t.nn.UninitializedBuffer(), t.nn.UninitializedBuffer().requires_grad),
    "buffer shape": lambda t, p: t.nn.UninitializedBuffer().shape,
    "is_lazy": lambda t, p: [t.nn.parameter.is_lazy(x) for x in (p, t.nn.UninitializedBuffer(), t.ones(2))],
    "isinstance": lambda t, p: [
        isinstance(p, t.nn.Parameter),
        isinstance(t.nn.UninitializedBuffer(), t.nn.Buffer),
    ],
}


@pytest.mark.parametrize("name", PARAMETER)
def test_uninitialized(name):
    seen = [
        shown(lambda t=library: PARAMETER[name](t, t.nn.UninitializedParameter())) for library in LIBRARIES
    ]
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "source",
    [
        "nn.LazyConv2d(3, 2)(o(2))",
        "nn.LazyConv2d(3, 2)(o(2, 3, 4, 5, 6))",
        "nn.LazyConvTranspose1d(3, 2)(o(2))",
        "nn.LazyConv2d(3, 2, groups=3)(o(2, 4, 5, 5))",
        "nn.LazyConv2d(4, 2, groups=3)(o(2, 3, 5, 5))",
        "nn.LazyConv2d(3, 2, groups=0)",
        "nn.LazyConvTranspose2d(3, 2, padding_mode='reflect')",
        "nn.LazyBatchNorm1d()(o(2))",
        "nn.LazyBatchNorm1d()(o(2, 3, 4, 5))",
        "nn.LazyInstanceNorm1d()(o(3, 4))",
        "(lambda m: (m.load_state_dict(nn.Linear(2, 4).state_dict()), m(o(5, 3))))(nn.LazyLinear(4))",
        "nn.LazyLinear(3).weight.shape",
        "nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict())",
        "nn.LazyLinear(4).load_state_dict(nn.LazyLinear(4, bias=False).state_dict())",
    ],
)
def test_refused(source):
    check_refused(source)


def own_class(library):
    """A lazy module of one's own, which stays of its class."""
    lazy = library.nn.modules.lazy if library is torch else library.nn.lazy

    class Scale(lazy.LazyModuleMixin, library.nn.Module):
        materializes = True

        def __init__(self):
            super().__init__()
            self.scale = library.nn.UninitializedParameter()
            self.calls = 0

        def initialize_parameters(self, x):
            self.calls += 1
            if self.materializes:
                self.scale.materialize(x.shape[-1:])
                library.nn.init.constant_(self.scale, 2.0)

        def forward(self, x):
            return x * self.scale

    return Scale


def test_own_class():
    seen = []
    for library in LIBRARIES:
        scale = own_class(library)()
        results = [scale(library.ones(2, 3)).detach().numpy() for _ in range(2)]
        seen.append((np.array(results).tolist(), scale.calls, repr(scale), type(scale).__name__))
    assert seen[0] == seen[1]


def test_own_class_that_does_not_materialize():
    seen = []
    for library in LIBRARIES:
        cls = own_class(library)
        cls.materializes = False
        seen.append(shown(lambda cls=cls, library=library: cls()(library.ones(2))))
        del cls.initialize_parameters
        seen.append(shown(lambda cls=cls, library=library: cls()(library.ones(2))))
    assert seen[:2] == seen[2:]
