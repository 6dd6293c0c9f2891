"""LBFGS against torch's: paths, line searches, what is kept from step to step, when it stops."""

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.optim_runs import array, converted, leaves, logistic, outcome, start

LIBRARIES = (tinynn, torch)
FLOATS = ("float32", "float64")


def valley(lib, dtype):
    """Rosenbrock's, curved and narrow, from the usual start."""
    x, y = (lib.tensor(np.array(v, dtype), requires_grad=True) for v in (-1.2, 1.0))
    return [x, y], lambda: 100 * (y - x * x) ** 2 + (1 - x) ** 2


def saddle(lib, dtype):
    """Not convex: the curvature along a step may be negative."""
    (x,) = leaves(lib, dtype, [(2, 3)])
    return [x], lambda: (x.cos() * 2 + 0.6 * x * x).sum() + (x[0] * x[1]).sum()


def check_same_place(ours, theirs, tolerance):
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(array(p), array(q), rtol=tolerance, atol=tolerance)


# fmt: off
PATHS = [
    (logistic, {}),
    (logistic, {"lr": 0.1}),
    (logistic, {"max_iter": 1}),
    (logistic, {"max_iter": 4, "history_size": 2}),
    (logistic, {"max_eval": 3}),
    (logistic, {"tolerance_grad": 1e-2}),
    (logistic, {"tolerance_change": 1e-3}),
    (logistic, {"line_search_fn": "strong_wolfe"}),
    (valley,   {"lr": 1e-3}),
    (valley,   {"line_search_fn": "strong_wolfe", "max_iter": 4}),
    (valley,   {"line_search_fn": "strong_wolfe", "max_iter": 5, "history_size": 2, "lr": 0.3}),
    (valley,   {"line_search_fn": "strong_wolfe", "max_eval": 4, "lr": 20.0}),
    (valley,   {"line_search_fn": "strong_wolfe", "max_iter": 2, "max_eval": 40, "lr": 1e-4}),
    (saddle,   {"lr": 0.1, "max_iter": 3}),
    (saddle,   {"line_search_fn": "strong_wolfe", "max_iter": 3}),
    (saddle,   {"line_search_fn": "strong_wolfe", "max_iter": 3, "lr": 5.0}),
]
# fmt: on


@pytest.mark.parametrize(("problem", "options"), PATHS, ids=lambda value: getattr(value, "__name__", None))
@pytest.mark.parametrize(("dtype", "steps"), [("float32", 2), ("float64", 5)])
def test_paths(problem, options, dtype, steps):
    """Rounding grows along a path, more so in a valley; a wrong term would show in the first digits."""
    runs = [start(lib, problem, dtype, **options) for lib in LIBRARIES]
    tolerance = {"float32": 1e-3, "float64": 1e-9}[dtype]
    for _ in range(steps):
        losses = [optimizer.step(closure).item() for _, optimizer, closure in runs]
        assert losses[0] == pytest.approx(losses[1], rel=tolerance, abs=tolerance)
        check_same_place(runs[0][0], runs[1][0], tolerance)
        if dtype == "float64":
            check_same_kind(*(optimizer.state_dict() for _, optimizer, _ in runs))


def check_same_kind(ours, theirs):
    """The same keys in the same order, kinds, dtypes and shapes; counts and options are equal."""
    assert type(ours).__name__ == type(theirs).__name__
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        ours, theirs = list(ours.values()), list(theirs.values())
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            check_same_kind(mine, other)
    elif isinstance(theirs, torch.Tensor):
        assert (array(ours).dtype, array(ours).shape) == (array(theirs).dtype, array(theirs).shape)
    elif not isinstance(theirs, float):
        assert ours == theirs


@pytest.mark.parametrize("source", LIBRARIES, ids=["ours", "torch's"])
@pytest.mark.parametrize("line_search_fn", [None, "strong_wolfe"])
def test_both_load_a_state_midway(source, line_search_fn):
    options = {"max_iter": 4, "line_search_fn": line_search_fn, "lr": 0.1}
    params, optimizer, closure = start(source, logistic, "float64", **options)
    for _ in range(2):
        optimizer.step(closure)
    saved = optimizer.state_dict()
    runs = []
    for lib in LIBRARIES:
        mine, again, its_closure = start(lib, logistic, "float64")
        with lib.no_grad():
            for p, q in zip(mine, params, strict=True):
                p.copy_(lib.tensor(array(q)))
        again.load_state_dict(converted(saved, lib))
        losses = [again.step(its_closure).item() for _ in range(3)]
        runs.append((mine, losses, again.state_dict()))
    assert runs[0][1] == pytest.approx(runs[1][1], rel=1e-12)
    check_same_place(runs[0][0], runs[1][0], 1e-12)
    check_same_kind(runs[0][2], runs[1][2])
    for name, mine in runs[0][2]["state"][0].items():
        for x, y in zip(_numbers(mine), _numbers(runs[1][2]["state"][0][name]), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-8 * np.abs(y).max(), err_msg=name)


def _numbers(value):
    """The arrays and numbers of an entry of the state; None marks what is not used yet."""
    entries = value if isinstance(value, list) else [value]
    return [array(x) if hasattr(x, "detach") else x for x in entries if x is not None]


def waves(x, a, w, b):
    return (a * (5 * w * x + 6 * b).sin()).sum() + 0.02 * x * x


def kinks(x, a, w, b):
    """Where the slope never becomes small: the bracket does."""
    return (w * (x - 4 * a + 2 * b).abs()).sum() + 0.1 * x * x


def stairs(x, a, w, b):
    """What a cubic does not fit: the points found stay close to an end of the bracket."""
    return 3 * (a * (20 * w * (x - 6 * b + 3)).sigmoid()).sum() + 0.1 * x * x


@pytest.mark.parametrize("line", [waves, kinks, stairs])
@pytest.mark.parametrize("lr", [0.05, 1.0, 12.0])
def test_where_the_line_search_looks(line, lr):
    """Every point it tries: after steps too short or too long, between minima, stuck near an end."""
    for seed in range(40):
        drawn = np.random.default_rng(seed).uniform(0.1, 1.0, (4, 4))
        places = []
        for lib in LIBRARIES:
            x = lib.tensor(drawn[3, 0] * 6 - 3, requires_grad=True)
            a, w, b = (lib.tensor(v) for v in drawn[:3])
            optimizer = lib.optim.LBFGS([x], lr, max_iter=1, max_eval=30, line_search_fn="strong_wolfe")
            seen = []

            def closure(x=x, a=a, w=w, b=b, optimizer=optimizer, seen=seen):
                optimizer.zero_grad()
                loss = line(x, a, w, b)
                loss.backward()
                seen.append(x.item())
                return loss

            optimizer.step(closure)
            places.append([*seen, x.item()])
        # where slopes cancel, the square root in a cubic's minimum leaves half of the digits, or fewer
        assert places[0] == pytest.approx(places[1], rel=1e-4, abs=1e-4)


def test_every_kind_of_parameter():
    """Without gradient, without elements, a view with gaps, of another dtype: all in one vector."""
    runs = []
    for lib in LIBRARIES:
        a, b, c, d = leaves(lib, "float64", [(2, 3), (4,), (0, 2), ()])
        unused = lib.ones(3, dtype=lib.float64, requires_grad=True)
        gaps = a.detach()[:, ::2].requires_grad_()
        single = lib.ones(2, requires_grad=True)
        params = [unused, gaps, b, c, d, single]
        optimizer = lib.optim.LBFGS(params, max_iter=5, lr=0.5)

        def closure(lib=lib, used=(gaps, b, d, single), optimizer=optimizer):
            optimizer.zero_grad(set_to_none=True)
            loss = sum(((p - 2) ** 2 * 1.5 + p.sin()).sum() for p in used)
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(3)]
        runs.append((params, losses))
    assert runs[0][1] == pytest.approx(runs[1][1], rel=1e-6)
    check_same_place(runs[0][0], runs[1][0], 1e-6)


def test_when_it_stops():
    """At a minimum; where the loss is not a number; where the gradient is of no use."""
    for value in (0.0, float("nan"), float("inf"), 1e-12):
        for line_search_fn in (None, "strong_wolfe"):
            runs = []
            for lib in LIBRARIES:
                x = lib.tensor([0.0, value], dtype=lib.float64, requires_grad=True)
                optimizer = lib.optim.LBFGS([x], line_search_fn=line_search_fn)
                calls = []

                def closure(x=x, optimizer=optimizer, calls=calls):
                    optimizer.zero_grad()
                    loss = (x * x).sum()
                    loss.backward()
                    calls.append(loss.item())
                    return loss

                first = optimizer.step(closure)
                state = optimizer.state[x]
                runs.append(
                    ([*calls, first.item(), *array(x)], list(state), state["n_iter"], state["func_evals"])
                )
            np.testing.assert_array_equal(runs[0][0], runs[1][0])
            assert runs[0][1:] == runs[1][1:]


def test_the_closure_records_and_the_step_is_a_write():
    seen = []
    for lib in LIBRARIES:
        params, optimizer, closure = start(lib, logistic, "float64", max_iter=2)
        modes = []

        def watched(closure=closure, modes=modes, lib=lib):
            modes.append(lib.is_grad_enabled())
            return closure()

        with lib.no_grad():
            loss = optimizer.step(watched)
        seen.append((modes, loss.requires_grad, [p._version for p in params], params[0].is_leaf))
    assert seen[0] == seen[1]


def _step(lib, closure=None, groups=1, **options):
    params = [lib.ones(2, requires_grad=True) for _ in range(groups)]
    optimizer = lib.optim.LBFGS(params[:1], **options)
    for p in params[1:]:
        optimizer.add_param_group({"params": [p]})
    return optimizer.step(closure or (lambda: (params[0].sum().backward(), params[0].sum())[1])).item()


REFUSED = {
    "no closure": lambda lib: lib.optim.LBFGS([lib.ones(2, requires_grad=True)]).step(),
    "None": lambda lib: lib.optim.LBFGS([lib.ones(2, requires_grad=True)]).step(None),
    "groups": lambda lib: lib.optim.LBFGS([{"params": [lib.ones(2)]}, {"params": [lib.ones(2)]}]),
    "a group later": lambda lib: _step(lib, groups=2),
    "search": lambda lib: _step(lib, line_search_fn="golden"),
    "history": lambda lib: _step(lib, history_size=0, lr=0.1),
    "no loss": lambda lib: _step(lib, closure=lambda: None),
    "no gradients": lambda lib: _step(lib, closure=lambda: lib.ones(())),
    "no elements": lambda lib: lib.optim.LBFGS([lib.ones(0)]).step(lambda: 1.0),
}


@pytest.mark.parametrize("run", REFUSED.values(), ids=REFUSED.keys())
def test_refusals(run):
    ours, theirs = (outcome(lambda lib=lib: run(lib)) for lib in LIBRARIES)
    assert ours == theirs
