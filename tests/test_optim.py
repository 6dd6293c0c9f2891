"""Optimizers and schedulers without PyTorch: the laws that every one of them keeps."""

import copy
import pickle

import numpy as np
import pytest

import tinynn
from tinynn import optim
from tinynn.optim import elementwise

EVERY = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "SGD nesterov": lambda params: optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adam": lambda params: optim.Adam(params, lr=0.1),
    "Adam amsgrad": lambda params: optim.Adam(params, lr=0.1, weight_decay=0.1, amsgrad=True),
    "AdamW": lambda params: optim.AdamW(params, lr=0.1),
    "RMSprop": lambda params: optim.RMSprop(params, lr=0.05),
    "RMSprop centered": lambda params: optim.RMSprop(params, lr=0.02, momentum=0.5, centered=True),
    "Adagrad": lambda params: optim.Adagrad(params, lr=0.5),
    "Adadelta": lambda params: optim.Adadelta(params, lr=0.5, eps=1e-2),
    "Adamax": lambda params: optim.Adamax(params, lr=0.1),
    "NAdam": lambda params: optim.NAdam(params, lr=0.1),
    "RAdam": lambda params: optim.RAdam(params, lr=0.1),
    "ASGD": lambda params: optim.ASGD(params, lr=0.1, lambd=1e-3, t0=100),
    "Rprop": lambda params: optim.Rprop(params, lr=0.1),
}
every = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY.keys())
SHAPES = [(4, 3), (4,), (), (0,), (100, 90), (300, 230)]


def leaves(dtype="float64", shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [tinynn.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in shapes]


def train(optimizer, params, steps):
    for step in steps:
        rng = np.random.default_rng(100 + step)
        for p in params:
            p.grad = tinynn.tensor(rng.standard_normal(p.shape).astype(p.detach().numpy().dtype))
        optimizer.step()


def values(params):
    return [p.detach().numpy().copy() for p in params]


def assert_equal(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@every
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_end_to_end_in_slices_or_alone_is_the_same(make, dtype, monkeypatch):
    results = []
    for small, piece in (
        (elementwise.SMALL, elementwise.SLICE),
        (0, elementwise.SLICE),
        (10**6, 10**6),
        (50, 7),
    ):
        monkeypatch.setattr(elementwise, "SMALL", small)
        monkeypatch.setattr(elementwise, "SLICE", piece)
        params = leaves(dtype, SHAPES[:5])
        optimizer = make(params)
        train(optimizer, params, range(6))
        states = [x.numpy() for held in optimizer.state.values() for x in held.values()]
        results.append(values(params) + states)
    for other in results[1:]:
        assert_equal(results[0], other)


@every
def test_minimizes(make):
    x, y = tinynn.tensor([3.0, -2.0], requires_grad=True), tinynn.tensor(1.5, requires_grad=True)
    optimizer = make([x, y])

    def closure():
        optimizer.zero_grad()
        loss = ((x - 1) ** 2).sum() + (y + 1) ** 2
        loss.backward()
        return loss

    first = optimizer.step(closure).item()
    for _ in range(150):
        loss = optimizer.step(closure)
    assert first == pytest.approx(4 + 9 + 6.25)
    assert loss.item() < 0.1


@every
def test_views_see_every_update(make):
    params = leaves()
    views = [params[0].detach(), params[1].detach().reshape(-1)]
    optimizer = make(params)
    train(optimizer, params, range(3))
    views += [p.detach().reshape(-1) for p in params]
    train(optimizer, params, range(3, 6))
    for p, view in zip([*params[:2], *params], views, strict=True):
        assert view.reshape(-1).tolist() == p.reshape(-1).tolist()


@every
def test_parameters_that_others_hold_stay_in_their_memory(make):
    params = leaves()
    arrays = [p.detach().numpy() for p in params]
    train(make(params), params, range(4))
    for p, array in zip(params, arrays, strict=True):
        assert p.detach().numpy() is array


@every
def test_resuming_from_a_state_dict_is_going_on(make):
    """In float32, as loading casts every number but "step" to the parameter's dtype: NAdam's product too."""
    params = leaves("float32")
    optimizer = make(params)
    train(optimizer, params, range(4))
    saved = pickle.loads(pickle.dumps((params, optimizer.state_dict())))
    train(optimizer, params, range(4, 9))
    again = make(saved[0])
    again.load_state_dict(saved[1])
    train(again, saved[0], range(4, 9))
    assert_equal(values(params), values(saved[0]))


@every
def test_a_deep_copy_is_independent(make):
    params = leaves()
    optimizer = make(params)
    train(optimizer, params, range(4))
    other_params, other = copy.deepcopy((params, optimizer))
    before = values(params)
    train(other, other_params, range(4, 9))
    assert_equal(values(params), before)
    train(optimizer, params, range(4, 9))
    assert_equal(values(params), values(other_params))


@every
def test_no_gradient_no_update(make):
    params = leaves()
    before = values(params)
    optimizer = make(params)
    optimizer.step()
    assert_equal(values(params), before)
    params[0].grad = tinynn.zeros_like(params[0])
    optimizer.step()
    assert_equal(values(params[1:]), before[1:])


@every
def test_state_tensors_stay_the_same_objects(make):
    params = leaves()
    optimizer = make(params)
    train(optimizer, params, range(1))
    first = [x for p in params for x in optimizer.state[p].values()]
    train(optimizer, params, range(1, 4))
    assert all(
        x is y for x, y in zip(first, (x for p in params for x in optimizer.state[p].values()), strict=True)
    )


# --- those that look at whole parameters

WHOLE = {
    "Adafactor": lambda params: optim.Adafactor(params, lr=0.2),
    "Muon": lambda params: optim.Muon(params, lr=0.05, weight_decay=0.0),
    "LBFGS": lambda params: optim.LBFGS(params, max_iter=3, lr=0.2),
    "LBFGS, line search": lambda params: optim.LBFGS(params, max_iter=2, line_search_fn="strong_wolfe"),
}


MATRICES = [(4, 3), (3, 3)]
TARGET = np.arange(12.0).reshape(4, 3) / 6 - 1
whole = pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE.keys())


def distance(params):
    return ((params[0] - tinynn.tensor(TARGET)) ** 2).sum() + (params[1] ** 2).sum() * 2


def step_on(optimizer, loss, count):
    """The losses before each of `count` steps."""

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return [optimizer.step(closure).item() for _ in range(count)]


@whole
def test_whole_parameters_minimize(make):
    params = leaves(shapes=MATRICES)
    losses = step_on(make(params), lambda: distance(params), 150)
    assert losses[0] > 10
    assert losses[-1] < 0.1


@whole
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_whole_parameters_go_on_in_a_duplicate(make, duplicate):
    params = leaves(shapes=MATRICES)
    optimizer = make(params)
    step_on(optimizer, lambda: distance(params), 3)
    others, other = duplicate((params, optimizer))
    assert step_on(other, lambda: distance(others), 3) == step_on(optimizer, lambda: distance(params), 3)
    assert_equal(values(others), values(params))


@whole
def test_whole_parameters_go_on_from_a_state_dict(make):
    params = leaves(shapes=MATRICES)
    optimizer = make(params)
    step_on(optimizer, lambda: distance(params), 3)
    others, state = copy.deepcopy((params, optimizer.state_dict()))
    other = make(others)
    other.load_state_dict(state)
    assert step_on(other, lambda: distance(others), 3) == step_on(optimizer, lambda: distance(params), 3)
    assert_equal(values(others), values(params))


def test_newton_reaches_the_minimum_of_a_quadratic_at_once():
    """In one call of step: what the curvature has been seen to be is exact there."""
    rng = np.random.default_rng(3)
    root = tinynn.tensor(rng.standard_normal((4, 4)) + 2 * np.eye(4))
    x = tinynn.zeros(4, dtype=tinynn.float64, requires_grad=True)
    target = tinynn.tensor(rng.standard_normal(4))
    optimizer = optim.LBFGS([x], max_iter=40, tolerance_change=1e-18, line_search_fn="strong_wolfe")
    step_on(optimizer, lambda: ((root @ (x - target)) ** 2).sum(), 1)
    np.testing.assert_allclose(x.detach().numpy(), target.numpy(), atol=1e-7)
    assert optimizer.state[x]["n_iter"] < 40


def test_asgd_averages():
    p = tinynn.zeros(3, dtype=tinynn.float64, requires_grad=True)
    optimizer = optim.ASGD([p], lr=1.0, lambd=0.0, t0=0)
    places = []
    for step in range(5):
        p.grad = tinynn.full((3,), float(step), dtype=tinynn.float64)
        optimizer.step()
        places.append(p.detach().numpy().copy())
    # from the second step on: mu is for the step to come, and 1 after the first
    np.testing.assert_allclose(optimizer.state[p]["ax"].numpy(), np.mean(places[1:], axis=0), rtol=1e-6)


def test_muon_steps_are_nearly_orthogonal():
    (p,) = leaves(shapes=[(6, 4)])
    before = values([p])[0]
    p.grad = tinynn.tensor(np.random.default_rng(4).standard_normal((6, 4)))
    optim.Muon([p], lr=1.0, weight_decay=0.0, adjust_lr_fn="original").step()
    change = (before - values([p])[0]) / (6 / 4) ** 0.5
    spread = np.linalg.svd(change, compute_uv=False)
    assert ((spread > 0.6) & (spread < 1.3)).all()


def test_writing_into_the_state_counts():
    params = leaves()
    optimizer = optim.SGD(params, lr=1.0, momentum=0.5)
    train(optimizer, params, range(3))
    for p in params:
        optimizer.state[p]["momentum_buffer"].zero_()
    before = values(params)
    train(optimizer, params, [3])
    for p, old in zip(params, before, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), old - p.grad.numpy())


def test_small_parameters_get_laid_end_to_end():
    params = leaves(shapes=[(4, 3), (4,), ()])
    optimizer = optim.SGD(params, lr=0.1)
    train(optimizer, params, range(3))
    assert optimizer._layouts[0].alone == []
    optimizer.param_groups[0]["momentum"] = (
        0.9  # the next step makes the buffers, the one after it lays them out
    )
    train(optimizer, params, range(3))
    assert optimizer._layouts[0].alone == []
    assert [flat.p.size for flat in optimizer._layouts[0].flats] == [17]


def test_a_step_invalidates_saved_values():
    p, q = leaves(shapes=[(2,), (3,)])
    optimizer = optim.SGD([p, q], lr=0.1)
    for _ in range(3):
        loss = (p * p).sum() + (q * q).sum()
        loss.backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: optim.SGD([p], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, "Invalid beta parameter at index 1: 1.0"),
        (lambda p: optim.Adam([]), ValueError, "optimizer got an empty parameter list"),
        (lambda p: optim.Adam(p), TypeError, "params argument given to the optimizer should be an iterable"),
        (lambda p: optim.Adam([p * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (
            lambda p: optim.Adam([{"params": [p]}, {"params": [p]}]),
            ValueError,
            "more than one parameter group",
        ),
        (lambda p: optim.lr_scheduler.StepLR(p, 1), TypeError, "Tensor is not an Optimizer"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(tinynn.ones(2, requires_grad=True))


def test_differentiable_says_no():
    p = tinynn.ones(2, requires_grad=True)
    optimizer = optim.SGD([p], differentiable=True)
    p.grad = tinynn.ones(2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place"):
        optimizer.step()
    p.requires_grad_(False)
    with pytest.raises(NotImplementedError, match="steps are not recorded"):
        optimizer.step()


def test_schedulers_follow_their_equations():
    lr_scheduler = optim.lr_scheduler
    expected = [
        (lambda o: lr_scheduler.StepLR(o, 3, 0.5), lambda n: 0.5 ** (n // 3)),
        (lambda o: lr_scheduler.MultiStepLR(o, [2, 4], 0.1), lambda n: 0.1 ** ((n >= 2) + (n >= 4))),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.9), lambda n: 0.9**n),
        (lambda o: lr_scheduler.LambdaLR(o, lambda n: 1 / (1 + n)), lambda n: 1 / (1 + n)),
        (lambda o: lr_scheduler.LinearLR(o, 0.5, 1.0, 4), lambda n: 0.5 + 0.5 * min(n, 4) / 4),
        (lambda o: lr_scheduler.PolynomialLR(o, 10, 2.0), lambda n: (1 - n / 10) ** 2),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 5), lambda n: (1 + np.cos(np.pi * n / 5)) / 2),
    ]
    for make, factor in expected:
        optimizer = optim.SGD([tinynn.ones(1)], lr=2.0)
        scheduler = make(optimizer)
        for n in range(8):
            assert scheduler.get_last_lr() == pytest.approx([2.0 * factor(n)], abs=1e-12)
            optimizer.step()
            scheduler.step()
