"""torch.nn.utils and torch.func: parameters computed from others, calls with others, hooks of states.

Each case is run on both libraries and returns everything a user could see of the module afterwards.
"""

import copy
import pickle
import warnings

import numpy as np
import pytest

from parity_tests.harness import assert_same, neutral, outcome
from parity_tests.layers import LIBRARIES, check_refused


def both(case):
    """The case's result in torch and in tinynn, with what it warned of."""
    seen = []
    for library in LIBRARIES:
        library.manual_seed(0)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = outcome(case, library)
        seen.append((result, [w.category.__name__ for w in caught]))
    return seen


def check_same(case):
    theirs, ours = both(case)
    assert_same(ours, theirs, "result", scale=10.0)


def data(t, *shape, seed=0):
    return t.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def trained(t, layer, *shapes, steps=2):
    """Outputs, gradients and state over some steps of SGD; then evaluation."""
    x = data(t, *shapes)
    optimizer = t.optim.SGD(layer.parameters(), lr=0.1)
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        y = layer(x)
        (y * y).mean().backward()
        seen.append((y, [p.grad.clone() for p in layer.parameters()]))
        optimizer.step()
    return seen, shown(layer), layer.eval()(x), layer(x)


def shown(layer):
    """What the module looks like, and its state."""
    state = layer.state_dict()
    names = [name for name, _ in layer.named_parameters()], [name for name, _ in layer.named_buffers()]
    metadata = {key: dict(value) for key, value in state._metadata.items()}
    return neutral(repr(layer)), names, metadata, [*state], [value.clone() for value in state.values()]


# --- weight and spectral normalisation

# fmt: off
LAYERS = {  # (layer, shape of its input)
    "Linear":          (lambda nn: nn.Linear(3, 4), (5, 3)),
    "no bias":         (lambda nn: nn.Linear(3, 4, bias=False), (5, 3)),
    "Conv1d":          (lambda nn: nn.Conv1d(3, 4, 3), (2, 3, 6)),
    "Conv2d":          (lambda nn: nn.Conv2d(3, 4, 3), (2, 3, 6, 5)),
    "ConvTranspose2d": (lambda nn: nn.ConvTranspose2d(3, 4, 3), (2, 3, 4, 3)),
}
# fmt: on
OPTIONS = {
    "weight_norm": [{}, {"dim": 1}, {"dim": None}, {"dim": -2}],
    "spectral_norm": [{}, {"n_power_iterations": 3}, {"dim": 1}, {"eps": 0.1}],
}
NORMS = [(kind, options) for kind in OPTIONS for options in OPTIONS[kind]]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("kind", "options"), NORMS, ids=str)
@pytest.mark.parametrize("place", ["utils", "parametrizations"])
def test_norm(place, kind, options, name):
    make, shape = LAYERS[name]

    def case(t):
        functions = t.nn.utils if place == "utils" else t.nn.utils.parametrizations
        layer = getattr(functions, kind)(make(t.nn), **options)
        return shown(layer), trained(t, layer, *shape)

    check_same(case)


@pytest.mark.parametrize("kind", OPTIONS)
def test_removing(kind):
    def case(t):
        utils = t.nn.utils
        layer = getattr(utils, kind)(t.nn.Linear(3, 4))
        layer(data(t, 5, 3))
        removed = getattr(utils, f"remove_{kind}")(layer)
        return shown(removed), trained(t, removed, 5, 3), [*layer._forward_pre_hooks]

    check_same(case)


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("place", ["utils", "parametrizations"])
def test_normed_states(place, kind):
    """State dicts loaded and copies made; the older ones fit the newer kind of weight_norm."""

    def case(t):
        functions = t.nn.utils if place == "utils" else t.nn.utils.parametrizations
        first, second = (getattr(functions, kind)(t.nn.Linear(3, 4)) for _ in range(2))
        loaded = str(second.load_state_dict(first.state_dict()))
        copied = copy.deepcopy(first)
        x = data(t, 5, 3)
        return loaded, second(x), copied(x), shown(second), shown(copied)

    check_same(case)


def test_old_weight_norm_into_the_new():
    def case(t):
        old = t.nn.utils.weight_norm(t.nn.Linear(3, 4))
        new = t.nn.utils.parametrizations.weight_norm(t.nn.Linear(3, 4))
        return str(new.load_state_dict(old.state_dict())), shown(new), new(data(t, 5, 3))

    check_same(case)


def test_spectral_norm_of_a_vector():
    def case(t):
        layer = t.nn.Linear(3, 4)
        t.nn.utils.parametrizations.spectral_norm(layer, "bias")
        return trained(t, layer, 5, 3)

    check_same(case)


def test_old_norms_are_pickled():
    for library in LIBRARIES:
        layer = library.nn.utils.spectral_norm(library.nn.Linear(3, 4)).eval()
        x = data(library, 5, 3)
        assert (pickle.loads(pickle.dumps(layer))(x) == layer(x)).all()


@pytest.mark.parametrize(
    "source",
    [
        "nn.utils.weight_norm(nn.utils.weight_norm(nn.Linear(2, 3)))",
        "nn.utils.spectral_norm(nn.utils.spectral_norm(nn.Linear(2, 3)), 'weight_orig') and 1 / 0",
        "nn.utils.spectral_norm(nn.Linear(2, 3), n_power_iterations=0)",
        "nn.utils.spectral_norm(nn.Linear(2, 3, bias=False), 'bias')",
        "nn.utils.spectral_norm(nn.Linear(2, 3), 'no')",
        "nn.utils.weight_norm(nn.Linear(2, 3), 'no')",
        "nn.utils.weight_norm(nn.LazyLinear(2))",
        "nn.utils.spectral_norm(nn.LazyLinear(2))",
        "nn.utils.remove_weight_norm(nn.Linear(2, 3))",
        "nn.utils.remove_spectral_norm(nn.Linear(2, 3))",
        "nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3), 'no')",
        "nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3), dim=2)",
        "nn.utils.parametrizations.spectral_norm(nn.Linear(2, 3), n_power_iterations=0)",
    ],
)
def test_norms_refused(source):
    check_refused(source)


# --- parametrizations of one's own


def symmetric(t):
    class Symmetric(t.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, a):
            return a.triu()

    return Symmetric()


def doubled(t):
    class Doubled(t.nn.Module):
        def forward(self, x):
            return 2 * x

        def right_inverse(self, a):
            return a / 2

    return Doubled()


def split(t):
    class Split(t.nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, x):
            return x * 0.5, x * 0.5

    return Split()


def returning(t, value, inverse=None):
    """A parametrization that computes `value(x)`."""

    class Returning(t.nn.Module):
        def forward(self, *x):
            return value(*x)

    if inverse is not None:
        Returning.right_inverse = lambda self, x: inverse(x)
    return Returning()


def registered(t, *kinds, **options):
    layer = t.nn.Linear(3, 3)
    for kind in kinds:
        t.nn.utils.parametrize.register_parametrization(layer, "weight", kind(t), **options)
    return layer


def assigned(t, layer):
    layer.weight = data(t, 3, 3, seed=4)
    return layer.weight, shown(layer)


PARAMETRIZED = {
    "symmetric": lambda t: trained(t, registered(t, symmetric), 5, 3),
    "two": lambda t: trained(t, registered(t, symmetric, doubled), 5, 3),
    "two originals": lambda t: trained(t, registered(t, split), 5, 3),
    "two originals, two parametrizations": lambda t: trained(t, registered(t, split, doubled), 5, 3),
    "assigned": lambda t: assigned(t, registered(t, symmetric, doubled)),
    "assigned to two": lambda t: assigned(t, registered(t, split)),
    "assigned without inverse": lambda t: assigned(t, registered(t, lambda t: returning(t, lambda x: x * 3))),
    "removed": lambda t: shown(
        t.nn.utils.parametrize.remove_parametrizations(registered(t, symmetric), "weight")
    ),
    "removed, and trained": lambda t: trained(
        t, t.nn.utils.parametrize.remove_parametrizations(registered(t, symmetric, doubled), "weight"), 5, 3
    ),
    "removed, original": lambda t: shown(
        t.nn.utils.parametrize.remove_parametrizations(
            registered(t, symmetric), "weight", leave_parametrized=False
        )
    ),
    "removed from two": lambda t: shown(
        t.nn.utils.parametrize.remove_parametrizations(registered(t, split), "weight")
    ),
    "removed from two, original": lambda t: t.nn.utils.parametrize.remove_parametrizations(
        registered(t, split), "weight", False
    ),
    "not there": lambda t: t.nn.utils.parametrize.remove_parametrizations(t.nn.Linear(2, 2), "weight"),
    "a buffer": lambda t: shown(
        t.nn.utils.parametrize.register_parametrization(t.nn.BatchNorm1d(3), "running_var", doubled(t))
    ),
    "is_parametrized": lambda t: [
        t.nn.utils.parametrize.is_parametrized(registered(t, symmetric)),
        t.nn.utils.parametrize.is_parametrized(registered(t, symmetric), "weight"),
        t.nn.utils.parametrize.is_parametrized(registered(t, symmetric), "bias"),
        t.nn.utils.parametrize.is_parametrized(t.nn.Linear(2, 2)),
        t.nn.utils.parametrize.type_before_parametrizations(registered(t, symmetric)).__name__,
        t.nn.utils.parametrize.type_before_parametrizations(t.nn.Linear(2, 2)).__name__,
        type(registered(t, symmetric)).__name__,
        isinstance(registered(t, symmetric), t.nn.Linear),
    ],
    "copied": lambda t: trained(t, copy.deepcopy(registered(t, symmetric)), 5, 3),
    "pickled": lambda t: pickle.dumps(registered(t, symmetric)),
    "unsafe": lambda t: registered(t, lambda t: returning(t, lambda x: x[:2]), unsafe=True).weight,
    "of another shape": lambda t: registered(t, lambda t: returning(t, lambda x: x[:2])),
    "of another dtype": lambda t: registered(t, lambda t: returning(t, lambda x: x.double())),
    "no tensor": lambda t: registered(t, lambda t: returning(t, lambda x: 3)),
    "second of another shape": lambda t: registered(t, symmetric, lambda t: returning(t, lambda x: x[:2])),
    "second no tensor": lambda t: registered(t, symmetric, lambda t: returning(t, lambda x: "no")),
    "second, inverse of another shape": lambda t: registered(
        t, symmetric, lambda t: returning(t, lambda x: x, lambda x: x[:2])
    ),
    "second, inverse no tensor": lambda t: registered(
        t, symmetric, lambda t: returning(t, lambda x: x, lambda x: 3)
    ),
    "inverse of another dtype": lambda t: registered(
        t, lambda t: returning(t, lambda x: x, lambda x: x.double())
    ),
    "inverse no tensor": lambda t: registered(t, lambda t: returning(t, lambda x: x, lambda x: 3)),
    "inverse of no tensors": lambda t: registered(t, lambda t: returning(t, lambda x: x, lambda x: [3])),
    "no such parameter": lambda t: t.nn.utils.parametrize.register_parametrization(
        t.nn.Linear(2, 2), "no", symmetric(t)
    ),
    "an empty list": lambda t: t.nn.utils.parametrize.ParametrizationList([], t.ones(2)),
}


@pytest.mark.parametrize("name", PARAMETRIZED)
def test_parametrized(name):
    check_same(PARAMETRIZED[name])


def test_cached():
    for library in LIBRARIES:
        cached = library.nn.utils.parametrize.cached
        layer = registered(library, symmetric)
        assert layer.weight is not layer.weight
        with cached():
            first = layer.weight
            with cached():
                assert layer.weight is first
            assert layer.weight is first
        assert layer.weight is not first


def test_training_reaches_parametrizations():
    for library in LIBRARIES:
        layer = registered(library, symmetric).eval()
        assert not layer.parametrizations.weight.training
        assert not layer.parametrizations.weight[0].training


# --- calling with other parameters


def network(t):
    return t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.Tanh(), t.nn.Linear(4, 2))


def shared(t):
    layer = t.nn.Linear(3, 3)
    return t.nn.Sequential(layer, t.nn.Tanh(), layer)


def called(t, module, *dicts, names=None, **options):
    """The result, the gradients of what was given, what became of it, and the module's own state."""
    given = {
        name: (value.detach() * 0.5).requires_grad_(value.requires_grad)
        for name, value in module.state_dict(keep_vars=True).items()
        if value.is_floating_point() and (names is None or name in names)
    }
    leaves = dict(given)
    result = t.func.functional_call(module, given, (data(t, 5, 3),), **options)
    result.sum().backward()
    gradients = [None if leaf.grad is None else leaf.grad for leaf in leaves.values()]
    return (
        result,
        gradients,
        [*given],
        [*given.values()],
        shown(module),
        [p.grad for p in module.parameters()],
    )


CALLED = {
    "all": lambda t: called(t, network(t)),
    "one": lambda t: called(t, network(t), names=["0.weight"]),
    "running_mean": lambda t: called(t, network(t), names=["1.running_mean"]),
    "shared": lambda t: called(t, shared(t), names=["0.weight"]),
    "shared, the other name": lambda t: called(t, shared(t), names=["2.weight"]),
    "shared, not tied": lambda t: called(t, shared(t), names=["0.weight"], tie_weights=False),
    "strict": lambda t: called(t, t.nn.Linear(3, 2), strict=True),
    "strict, missing": lambda t: called(t, network(t), names=["0.weight"], strict=True),
    "one argument": lambda t: t.func.functional_call(t.nn.ReLU(), {}, data(t, 3)),
    "keywords": lambda t: t.func.functional_call(t.nn.ReLU(), {}, kwargs={"input": data(t, 3)}),
    "parametrized": lambda t: called(t, registered(t, symmetric), names=["parametrizations.weight.original"]),
    "several dicts": lambda t: t.func.functional_call(
        t.nn.Linear(3, 2), [{"weight": t.ones(2, 3)}, {"bias": t.zeros(2)}], data(t, 5, 3)
    ),
    "a name twice": lambda t: t.func.functional_call(
        t.nn.Linear(3, 2), [{"weight": t.ones(2, 3)}, {"weight": t.zeros(2)}], data(t, 5, 3)
    ),
    "not dicts": lambda t: t.func.functional_call(t.nn.Linear(3, 2), [3], data(t, 5, 3)),
    "no dict": lambda t: t.func.functional_call(t.nn.Linear(3, 2), 3, data(t, 5, 3)),
    "tied, of two values": lambda t: t.func.functional_call(
        shared(t), {"0.weight": t.ones(3, 3), "2.weight": t.zeros(3, 3)}, data(t, 5, 3)
    ),
    "no tensor": lambda t: t.func.functional_call(t.nn.Linear(3, 2), {"weight": 3}, data(t, 5, 3)),
    "no such module": lambda t: t.func.functional_call(t.nn.Linear(3, 2), {"a.b": t.ones(2)}, data(t, 5, 3)),
    "no name": lambda t: t.func.functional_call(t.nn.Linear(3, 2), {"": t.ones(2)}, data(t, 5, 3)),
    "a name of a number": lambda t: t.func.functional_call(
        t.nn.Linear(3, 2), {"in_features": t.ones(2)}, data(t, 5, 3)
    ),
    "unknown": lambda t: t.func.functional_call(t.nn.Linear(3, 2), {"other": t.ones(2)}, data(t, 5, 3)),
    "unknown, strict": lambda t: t.func.functional_call(
        t.nn.Linear(3, 2), {"other": t.ones(2)}, data(t, 5, 3), strict=True
    ),
    "stateless": lambda t: t.nn.utils.stateless.functional_call(
        t.nn.Linear(3, 2), {"weight": t.ones(2, 3)}, data(t, 5, 3)
    ),
}


@pytest.mark.parametrize("name", CALLED)
def test_functional_call(name):
    check_same(CALLED[name])


def test_functional_call_that_fails_leaves_the_module_as_it_was():
    for library in LIBRARIES:
        layer = library.nn.Linear(3, 2)
        weight = layer.weight
        with pytest.raises(RuntimeError):
            library.func.functional_call(layer, {"weight": library.ones(7, 7)}, data(library, 5, 3))
        assert layer.weight is weight


# --- a layer and its BatchNorm as one


def fused(t, function, layer, bn, *shape, **options):
    for _ in range(3):
        bn(layer(data(t, *shape)))
    layer.eval()
    bn.eval()
    x = data(t, *shape, seed=1)
    one = getattr(t.nn.utils, function)(layer, bn, **options)
    return shown(one), one(x), bn(layer(x)), [p.requires_grad for p in one.parameters()]


FUSED = {
    "Conv1d": lambda t: fused(t, "fuse_conv_bn_eval", t.nn.Conv1d(3, 4, 2), t.nn.BatchNorm1d(4), 5, 3, 6),
    "Conv2d": lambda t: fused(
        t,
        "fuse_conv_bn_eval",
        t.nn.Conv2d(3, 4, 2, bias=False),
        t.nn.BatchNorm2d(4, affine=False),
        2,
        3,
        6,
        5,
    ),
    "ConvTranspose2d": lambda t: fused(
        t, "fuse_conv_bn_eval", t.nn.ConvTranspose2d(3, 4, 2), t.nn.BatchNorm2d(4), 2, 3, 6, 5, transpose=True
    ),
    "Linear": lambda t: fused(t, "fuse_linear_bn_eval", t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), 5, 3),
    "Linear no bias": lambda t: fused(
        t, "fuse_linear_bn_eval", t.nn.Linear(3, 4, bias=False), t.nn.BatchNorm1d(4), 5, 3
    ),
    "frozen": lambda t: fused(
        t, "fuse_conv_bn_eval", t.nn.Conv1d(3, 4, 2).requires_grad_(False), t.nn.BatchNorm1d(4), 5, 3, 6
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_fusion(name):
    check_same(FUSED[name])


@pytest.mark.parametrize(
    "source",
    [
        "nn.utils.fuse_conv_bn_eval(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3))",
        "nn.utils.fuse_conv_bn_eval(nn.Conv1d(2, 3, 2).eval(), nn.BatchNorm1d(3))",
        "nn.utils.fuse_conv_bn_eval(nn.Conv1d(2, 3, 2).eval(), "
        "nn.BatchNorm1d(3, track_running_stats=False).eval())",
        "nn.utils.fuse_linear_bn_eval(nn.Linear(2, 3), nn.BatchNorm1d(3))",
        "nn.utils.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(4).eval())",
    ],
)
def test_fusion_refused(source):
    check_refused(source)


# --- skip_init


def test_skip_init():
    def case(t):
        layer = t.nn.utils.skip_init(t.nn.Linear, 3, 4, bias=False)
        next_draw = t.rand(2)
        other = t.nn.utils.skip_init(t.nn.Conv2d, 3, 4, 2, dtype=t.float64)
        return repr(layer), layer.weight.shape, next_draw, repr(other), other.weight.dtype == t.float64

    check_same(case)


@pytest.mark.parametrize(
    "source", ["nn.utils.skip_init(nn.ReLU)", "nn.utils.skip_init(int)", "nn.utils.skip_init(nn.Linear, 3)"]
)
def test_skip_init_refuses(source):
    check_refused(source)


# --- hooks of states


def hooked(t, **answers):
    """A network whose hooks note what they were called with, and the notes."""
    module = t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Sequential(t.nn.Linear(2, 1)))
    notes = []

    def noting(moment):
        def hook(owner, *args):
            told = [str(arg) if isinstance(arg, str | bool) else [*map(str, arg)] for arg in args]
            notes.append((moment, type(owner).__name__, told))
            return answers.get(moment)

        return hook

    for owner in module.modules():
        for moment in ("state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post"):
            getattr(owner, f"register_{moment}_hook")(noting(moment))
    return module, notes


def saved_and_loaded(t, state=None, **answers):
    module, notes = hooked(t, **answers)
    state = module.state_dict() if state is None else state
    return str(module.load_state_dict(state)), notes


def forgiving(t):
    """A hook that removes a missing key from the list."""
    layer = t.nn.Linear(2, 2)
    layer.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    return str(layer.load_state_dict({"weight": t.ones(2, 2)})), layer.weight


def renaming(t):
    """Hooks that save under another name, and load from it."""
    layer = t.nn.Linear(2, 2)
    layer.register_state_dict_post_hook(
        lambda m, s, prefix, _: s.update({prefix + "w": s.pop(prefix + "weight")})
    )
    layer.register_load_state_dict_pre_hook(
        lambda m, s, prefix, *rest: s.update({prefix + "weight": s.pop(prefix + "w")})
    )
    state = t.nn.Sequential(layer).state_dict()
    return [*state], str(t.nn.Sequential(layer).load_state_dict(state))


def removed(t):
    layer = t.nn.Linear(2, 2)
    handle = layer.register_state_dict_post_hook(lambda *args: 1 / 0)
    handle.remove()
    return [*layer.state_dict()]


STATE_HOOKS = {
    "noting": saved_and_loaded,
    "incomplete": lambda t: saved_and_loaded(t, {"0.weight": t.ones(2, 2), "no": t.ones(1)}),
    "post answers": lambda t: saved_and_loaded(t, state_dict_post=3),
    "load post answers": lambda t: saved_and_loaded(t, load_state_dict_post=3),
    "pre answers": lambda t: saved_and_loaded(t, state_dict_pre=3, load_state_dict_pre=3),
    "forgiving": forgiving,
    "renaming": renaming,
    "removed": removed,
}


@pytest.mark.parametrize("name", STATE_HOOKS)
def test_state_hooks(name):
    check_same(STATE_HOOKS[name])


# --- parts of a module replaced


def replaced(t, target, part, **options):
    module = t.nn.Sequential(t.nn.Sequential(t.nn.Linear(2, 3), t.nn.ReLU()), t.nn.Linear(3, 1))
    module.set_submodule(target, part, **options)
    return repr(module)


def emptied(t):
    layer = t.nn.BatchNorm1d(3)
    weight, mean = layer.weight, layer.running_mean
    assert layer.to_empty(device="cpu") is layer
    kept = layer.weight is weight, layer.running_mean is mean
    return kept, [(name, value.shape, value.dtype) for name, value in layer.state_dict().items()]


def in_parallel(t):
    module = t.nn.DataParallel(t.nn.Linear(3, 2), dim=0)
    return shown(module), trained(t, module, 5, 3), module.device_ids


PARTS = {
    "set": lambda t: replaced(t, "0.1", t.nn.Tanh()),
    "added": lambda t: replaced(t, "0.a", t.nn.Tanh()),
    "strict": lambda t: replaced(t, "1", t.nn.Tanh(), strict=True),
    "strict, new": lambda t: replaced(t, "0.a", t.nn.Tanh(), strict=True),
    "no name": lambda t: replaced(t, "", t.nn.Tanh()),
    "no module": lambda t: replaced(t, "1", 3),
    "in the place of no module": lambda t: replaced(t, "1.in_features", t.nn.Tanh()),
    "no such parent": lambda t: replaced(t, "3.a", t.nn.Tanh()),
    "to_empty": emptied,
    "DataParallel": in_parallel,
}


@pytest.mark.parametrize("name", PARTS)
def test_parts(name):
    check_same(PARTS[name])
