"""What the tests of optimizers share: one script for both libraries, and how the two runs are compared."""

import functools
import warnings

import numpy as np

from parity_tests.harness import is_tensor

# 0-d, empty, small, larger than what is laid end to end, larger than a slice
SHAPES = [(10, 2), (10,), (), (0, 3), (1,), (3, 4, 2), (90, 100), (300, 230)]
LITTLE = SHAPES[:6]
STEPS = 20


def array(tensor):
    return tensor.detach().numpy()


def leaves(lib, dtype, shapes=SHAPES):
    rng = np.random.default_rng(1)
    return [lib.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in shapes]


@functools.cache
def gradients_of(step, *shapes_and_dtypes):
    rng = np.random.default_rng(100 + step)
    return [rng.standard_normal(shape).astype(dtype) for shape, dtype in shapes_and_dtypes]


def train(lib, optimizer, params, steps=range(STEPS), gradients=lambda step, i: True):
    """Steps with random gradients; `gradients(step, i)` says whether parameter i has one."""
    for step in steps:
        drawn = gradients_of(step, *((tuple(p.shape), array(p).dtype) for p in params))
        for i, (p, g) in enumerate(zip(params, drawn, strict=True)):
            p.grad = lib.tensor(g) if gradients(step, i) else None
        optimizer.step()


def build(lib, name, dtype, shapes=SHAPES, **options):
    params = leaves(lib, dtype, shapes_for(name, shapes))
    return params, getattr(lib.optim, name)(params, **options)


def two_groups(lib, name="SGD"):
    a, b = leaves(lib, "float64", [(2, 3), (3,)])
    options = {"momentum": 0.5} if name == "SGD" else {}
    return [a, b], getattr(lib.optim, name)([{"params": [a], "lr": 0.1}, {"params": [b], "lr": 1}], **options)


def logistic(lib, dtype):
    """A strictly convex loss of a vector and a number."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((20, 3))
    y = (x[:, 0] - x[:, 1] + 0.5 * rng.standard_normal(20) > 0).astype(float)
    x, y = (lib.tensor(v.astype(dtype)) for v in (x, y))
    w, b = leaves(lib, dtype, [(3,), ()])

    def loss():
        z = x @ w + b
        return (lib.nn.functional.softplus(z) - y * z).mean() + 0.01 * ((w * w).sum() + b * b)

    return [w, b], loss


def start(lib, problem, dtype, **options):
    params, loss = problem(lib, dtype)
    optimizer = lib.optim.LBFGS(params, **options)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return params, optimizer, closure


def shapes_for(name, shapes):
    """Those that the optimizer takes: Muon matrices, Adafactor what has elements."""
    if name == "Muon":
        return [(3, 4), (7, 7), *(shape for shape in shapes if len(shape) == 2 and max(shape) <= 10)]
    return [shape for shape in shapes if name != "Adafactor" or 0 not in shape]


def check_close(ours, theirs, where, slack=0.0):
    """Within two ulp for each step, of the largest value or of 1, the size of what it is summed from."""
    assert ours.shape == theirs.shape, where
    assert ours.dtype == theirs.dtype, where
    if ours.size:
        bound = STEPS * (2 * np.finfo(ours.dtype).eps * max(1.0, np.abs(theirs).max()) + slack)
        assert np.abs(ours - theirs).max() <= bound, where


def slack_of(name, lr):
    """By how much a parameter may differ after a step, two ulp aside.

    Muon computes a direction in bfloat16. Where fused multiply-add falls on the other side of a boundary
    between two such numbers, an entry is off by their distance, 2^-8, times lr and at most sqrt(rows).
    """
    return 2.0**-8 * lr * 10**0.5 if name == "Muon" else 0.0


def check_same_structure(ours, theirs, where="state_dict"):
    """Keys in order, types, dtypes, shapes and values."""
    if is_tensor(theirs):
        assert is_tensor(ours), where
        check_close(array(ours), array(theirs), where)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            check_same_structure(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs), where
        assert len(ours) == len(theirs), where
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            check_same_structure(one, other, f"{where}[{i}]")
    else:
        assert type(ours) is type(theirs), where
        assert ours == theirs, where


def check_same(ours, theirs):
    """Two (params, optimizer) pairs."""
    slack = slack_of(type(theirs[1]).__name__, float(theirs[1].defaults["lr"]))
    for i, (p, q) in enumerate(zip(ours[0], theirs[0], strict=True)):
        check_close(array(p), array(q), f"parameter {i}", slack)
    check_same_structure(ours[1].state_dict(), theirs[1].state_dict())
    assert repr(ours[1]) == repr(theirs[1])


def converted(value, lib):
    """A state dict with its tensors made tensors of `lib`."""
    if is_tensor(value):
        return lib.tensor(array(value).copy())
    if isinstance(value, dict):
        return {key: converted(v, lib) for key, v in value.items()}
    return [converted(v, lib) for v in value] if isinstance(value, list) else value


def outcome(run):
    """What it returns or raises (type and first line), and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = run()
        except Exception as error:
            result = type(error).__name__, (str(error).splitlines() or [""])[0].replace("tinynn", "torch")
    return result, [(w.category.__name__, " ".join(str(w.message).split())) for w in caught]
