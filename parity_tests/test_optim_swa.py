"""tinynn.optim.swa_utils against torch's: averaged models, their BatchNorm layers, the rates of SWALR."""

import copy
import inspect

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.optim_runs import array, outcome, two_groups

LIBRARIES = (tinynn, torch)
AVERAGES = {
    "mean": lambda s: {},
    "mean and buffers": lambda s: {"use_buffers": True},
    "swa": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "swa of lists": lambda s: {"multi_avg_fn": s.get_swa_multi_avg_fn()},
    "ema": lambda s: {"avg_fn": s.get_ema_avg_fn(0.7), "use_buffers": True},
    "ema of lists": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.4), "use_buffers": True},
    "ema by default": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn()},
    "one's own": lambda s: {"avg_fn": lambda averaged, current, n: averaged * n + current},
    "one's own of lists": lambda s: {"multi_avg_fn": lambda own, new, n: own[0].add_(len(own))},
    "on a device": lambda s: {"device": "cpu"},
}


def network(lib):
    model = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2).double())
    draw(lib, model, 0)
    return model


def draw(lib, model, seed):
    """Other parameters, and other running statistics."""
    rng = np.random.default_rng(seed)
    with lib.no_grad():
        for x in [*model.parameters(), *model.buffers()]:
            if x.is_floating_point():
                x.copy_(lib.tensor(rng.uniform(0.5, 1.5, tuple(x.shape))))
            else:
                x.fill_(seed)


def check_same_states(ours, theirs):
    assert list(ours) == list(theirs)
    for key, other in theirs.items():
        assert array(ours[key]).dtype == array(other).dtype
        np.testing.assert_allclose(array(ours[key]), array(other), rtol=1e-6, err_msg=key)


@pytest.mark.parametrize("options", AVERAGES.values(), ids=AVERAGES.keys())
def test_averaged_model(options):
    runs = []
    for lib in LIBRARIES:
        model = network(lib)
        averaged = lib.optim.swa_utils.AveragedModel(model, **options(lib.optim.swa_utils))
        for seed in range(1, 5):
            draw(lib, model, seed)
            averaged.update_parameters(model)
        again = copy.deepcopy(averaged)
        again.load_state_dict(averaged.state_dict())
        draw(lib, model, 9)
        again.update_parameters(model)
        runs.append((averaged, again))
    check_same_states(runs[0][0].state_dict(), runs[1][0].state_dict())
    check_same_states(runs[0][1].state_dict(), runs[1][1].state_dict())
    assert repr(runs[0][0]) == repr(runs[1][0])


@pytest.mark.parametrize("batches", [list, tuple, None])
def test_update_bn(batches):
    runs = []
    for lib in LIBRARIES:
        model = network(lib)[:2]
        averaged = lib.optim.swa_utils.AveragedModel(model)
        averaged.update_parameters(model)
        averaged.eval()
        rng = np.random.default_rng(4)
        data = [lib.tensor(rng.standard_normal((8, 3)).astype("float32")) for _ in range(3)]
        loader = [x if batches is None else batches((x, "label")) for x in data]
        lib.optim.swa_utils.update_bn(loader, averaged, None if batches is None else "cpu")
        out = averaged(data[0])
        runs.append((averaged.state_dict(), out, averaged.training, averaged.module[1].momentum))
    check_same_states(runs[0][0], runs[1][0])
    np.testing.assert_allclose(array(runs[0][1]), array(runs[1][1]), rtol=1e-5, atol=1e-6)
    assert runs[0][2:] == runs[1][2:]


RATES = {
    "default": {},
    "linear": {"anneal_epochs": 4, "anneal_strategy": "linear"},
    "one epoch": {"anneal_epochs": 1},
    "at once": {"anneal_epochs": 0},
    "each": {"swa_lr": [0.5, 0.25], "anneal_epochs": 3},
}


@pytest.mark.parametrize("options", RATES.values(), ids=RATES.keys())
def test_swalr(options):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        s = lib.optim.swa_utils
        given = {"swa_lr": 0.05, **options}
        scheduler = s.SWALR(optimizer, **given)
        rates = []
        for step in range(9):
            if step == 3:
                state = copy.deepcopy(scheduler.state_dict())
                scheduler = s.SWALR(optimizer, **given)
                scheduler.load_state_dict(state)
            optimizer.step()
            scheduler.step()
            rates.append(scheduler.get_last_lr())
        seen.append((rates, scheduler.state_dict(), list(scheduler.state_dict())))
    assert seen[0] == seen[1]


REFUSED = {
    "decay": lambda lib, s: s.get_ema_avg_fn(1.5),
    "decay of lists": lambda lib, s: s.get_ema_multi_avg_fn(-0.1),
    "both": lambda lib, s: s.AveragedModel(lib.nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max),
    "strategy": lambda lib, s: s.SWALR(two_groups(lib)[1], 0.1, anneal_strategy="exp"),
    "epochs": lambda lib, s: s.SWALR(two_groups(lib)[1], 0.1, anneal_epochs=-1),
    "half epochs": lambda lib, s: s.SWALR(two_groups(lib)[1], 0.1, anneal_epochs=2.5),
    "rates": lambda lib, s: s.SWALR(two_groups(lib)[1], [0.1]),
    "no optimizer": lambda lib, s: s.SWALR(3, 0.1),
    "no BatchNorm": lambda lib, s: s.update_bn(3, lib.nn.Linear(1, 1)),
}


@pytest.mark.parametrize("run", REFUSED.values(), ids=REFUSED.keys())
def test_refusals(run):
    ours, theirs = (outcome(lambda lib=lib: run(lib, lib.optim.swa_utils)) for lib in LIBRARIES)
    assert ours == theirs


@pytest.mark.parametrize("decay", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("name", ["get_ema_avg_fn", "get_ema_multi_avg_fn"])
def test_decay_of_a_moving_average(name, decay):
    averages = []
    for lib in LIBRARIES:
        averaged, current = lib.tensor([1.0, 2.0]), lib.tensor([3.0, 8.0])
        average = getattr(lib.optim.swa_utils, name)(decay)
        if "multi" in name:
            average([averaged], [current], 1)
            averages.append(averaged.tolist())
        else:
            averages.append(average(averaged, current, 1).tolist())
    assert averages[0] == averages[1]


def test_every_name_and_signature():
    ours, theirs = (lib.optim.swa_utils for lib in LIBRARIES)
    for name in theirs.__all__:
        described = [
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(s, name)).parameters.values()]
            for s in (ours, theirs)
        ]
        assert described[0] == described[1], name
