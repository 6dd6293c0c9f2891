"""tinynn.optim.lr_scheduler against torch's: rates, momentum, states, restarts and errors, exactly equal."""

import copy
import inspect
import json
import pickle
import warnings

import pytest
import torch

import tinynn
from parity_tests.optim_runs import LITTLE, build, leaves, outcome, train, two_groups

LIBRARIES = (tinynn, torch)


def group_options(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def runs(optimizer, scheduler, count):
    """`count` epochs; the options of the groups after each, and the rates the scheduler says it set."""
    seen = []
    for _ in range(count):
        optimizer.step()
        scheduler.step()
        seen.append((group_options(optimizer), scheduler.get_last_lr()))
    return seen


class Power:
    """A callable object, whose attributes belong to the state."""

    def __init__(self, base):
        self.base = base

    def __call__(self, n):
        return self.base**n


def _half_life(n):
    return 0.5**n


def _warm_up_then_decay(s, o, **more):
    parts = [s.LinearLR(o, 0.25, total_iters=4), s.StepLR(o, 3, 0.5), s.ExponentialLR(o, 0.9)]
    return s.SequentialLR(o, parts, [4, 10], **more)


def _at_once(s, o, **more):
    return s.ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9), s.StepLR(o, 3)], **more)


def _nested(s, o, **more):
    first = s.ChainedScheduler([s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)])
    o.step()  # the SequentialLR takes a first step of `first`, which wants the optimizer's before it
    inner = s.SequentialLR(o, [s.StepLR(o, 2), s.CosineAnnealingWarmRestarts(o, 3)], [5])
    return s.SequentialLR(o, [first, s.ChainedScheduler([inner], o)], [40], **more)


# fmt: off
SCHEDULERS = {  # each of (lr_scheduler, optimizer, further options)
    "LambdaLR":             lambda s, o, **m: s.LambdaLR(o, lambda n: 0.95**n, **m),
    "LambdaLR, each":       lambda s, o, **m: s.LambdaLR(o, [Power(0.9), lambda n: 1 / (n + 1)], **m),
    "MultiplicativeLR":     lambda s, o, **m: s.MultiplicativeLR(o, lambda n: 1 - 0.01 * n, **m),
    "StepLR":               lambda s, o, **m: s.StepLR(o, 3, 0.3, **m),
    "MultiStepLR":          lambda s, o, **m: s.MultiStepLR(o, [2, 5, 5, 11], 0.3, **m),
    "ConstantLR":           lambda s, o, **m: s.ConstantLR(o, 0.25, 4, **m),
    "LinearLR":             lambda s, o, **m: s.LinearLR(o, 0.25, 0.75, 7, **m),
    "LinearLR, defaults":   lambda s, o, **m: s.LinearLR(o, **m),
    "ExponentialLR":        lambda s, o, **m: s.ExponentialLR(o, 0.9, **m),
    "PolynomialLR":         lambda s, o, **m: s.PolynomialLR(o, 8, 2.0, **m),
    "CosineAnnealingLR":    lambda s, o, **m: s.CosineAnnealingLR(o, 3, 0.01, **m),
    "WarmRestarts":         lambda s, o, **m: s.CosineAnnealingWarmRestarts(o, 3, **m),
    "WarmRestarts, always": lambda s, o, **m: s.CosineAnnealingWarmRestarts(o, 1, **m),
    "WarmRestarts, longer": lambda s, o, **m: s.CosineAnnealingWarmRestarts(o, 2, 3, 0.01, **m),
    "CyclicLR":             lambda s, o, **m: s.CyclicLR(o, 0.01, 0.3, 3, **m),
    "CyclicLR, lopsided":   lambda s, o, **m: s.CyclicLR(o, [0.01, 0.1], [0.3, 0.7], 4, 2,
                                                         "triangular2", **m),
    "CyclicLR, exponent":   lambda s, o, **m: s.CyclicLR(o, 0.01, 0.3, 3, 4, "exp_range", 0.9,
                                                         base_momentum=[0.1, 0.2], max_momentum=0.7, **m),
    "CyclicLR, a function": lambda s, o, **m: s.CyclicLR(o, 0.01, 0.3, 3, scale_fn=_half_life, **m),
    "CyclicLR, an object":  lambda s, o, **m: s.CyclicLR(o, 0.01, 0.3, 3, mode="my own", scale_fn=Power(0.8),
                                                         scale_mode="iterations", **m),
    "CyclicLR, rate only":  lambda s, o, **m: s.CyclicLR(o, 0.01, 0.3, 3, cycle_momentum=False, **m),
    "OneCycleLR":           lambda s, o, **m: s.OneCycleLR(o, 0.7, 30, **m),
    "OneCycleLR, linear":   lambda s, o, **m: s.OneCycleLR(o, [0.7, 2.0], None, 6, 5, 0.25, "linear",
                                                           div_factor=5.0, final_div_factor=100.0, **m),
    "OneCycleLR, three":    lambda s, o, **m: s.OneCycleLR(o, 0.7, 17, pct_start=0.4, three_phase=True,
                                                           base_momentum=[0.3, 0.4], max_momentum=0.6, **m),
    "OneCycleLR, no rise":  lambda s, o, **m: s.OneCycleLR(o, 0.7, 25, pct_start=0.0, **m),
    "OneCycleLR, no fall":  lambda s, o, **m: s.OneCycleLR(o, 0.7, 25, pct_start=1.0, **m),
    "OneCycleLR, rate only": lambda s, o, **m: s.OneCycleLR(o, 0.7, 25, cycle_momentum=False, **m),
    "SequentialLR":         _warm_up_then_decay,
    "SequentialLR, soon":   lambda s, o, **m: s.SequentialLR(
        o, [s.CosineAnnealingWarmRestarts(o, 4), s.StepLR(o, 2), s.ConstantLR(o)], [1, 4], **m),
    "SequentialLR, at once": lambda s, o, **m: s.SequentialLR(o, [s.StepLR(o, 2), s.LinearLR(o)], [0], **m),
    "SequentialLR of one":  lambda s, o, **m: s.SequentialLR(o, [s.CosineAnnealingWarmRestarts(o, 4)], [],
                                                             **m),
    "ChainedScheduler":     _at_once,
    "nested":               _nested,
}
# fmt: on
SHORT = {name: make for name, make in SCHEDULERS.items() if name not in ("ChainedScheduler", "nested")}
every = pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS.keys())
every_with_an_epoch = pytest.mark.parametrize("make", SHORT.values(), ids=SHORT.keys())
optimizers = pytest.mark.parametrize("optimizer_name", ["SGD", "Adam"])


@every
@optimizers
def test_rates_momentum_and_state(make, optimizer_name):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib, optimizer_name)
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        first = scheduler.get_last_lr()
        states = [copy.deepcopy(scheduler.state_dict())]
        steps = runs(optimizer, scheduler, 14)
        states.append(scheduler.state_dict())
        seen.append((first, steps, states, [list(state) for state in states]))
    assert seen[0] == seen[1]


@every
@pytest.mark.parametrize(("source", "destination"), [(tinynn, tinynn), (torch, tinynn), (tinynn, torch)])
def test_go_on_from_a_state(make, source, destination):
    """What was saved midway, by either library, continues in a new scheduler of either."""
    _, optimizer = two_groups(source)
    scheduler = make(source.optim.lr_scheduler, optimizer)
    runs(optimizer, scheduler, 6)
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
    expected = runs(optimizer, scheduler, 9)
    _, optimizer = two_groups(destination)
    again = make(destination.optim.lr_scheduler, optimizer)
    optimizer.load_state_dict(saved[0])
    again.load_state_dict(saved[1])
    assert runs(optimizer, again, 9) == expected
    assert again.state_dict() == scheduler.state_dict()


@every
def test_loading_leaves_the_given_state_as_it_is(make):
    _, optimizer = two_groups(tinynn)
    scheduler = make(tinynn.optim.lr_scheduler, optimizer)
    state = copy.deepcopy(scheduler.state_dict())
    scheduler.load_state_dict(state)
    assert state == scheduler.state_dict()


@every
def test_state_survives_json(make):
    """Numbers, strings, lists, dicts: nothing that ties a checkpoint to this library's classes."""
    _, optimizer = two_groups(tinynn)
    scheduler = make(tinynn.optim.lr_scheduler, optimizer)
    state = scheduler.state_dict()
    assert json.loads(json.dumps(state)).keys() == state.keys()


@every_with_an_epoch
@pytest.mark.parametrize("last_epoch", [0, 4, 6])
def test_restart_with_last_epoch(make, last_epoch):
    """A new scheduler on groups that know their beginning, told how many epochs there were."""
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        runs(optimizer, make(lib.optim.lr_scheduler, optimizer), last_epoch + 1)
        with warnings.catch_warnings(action="ignore"):
            scheduler = make(lib.optim.lr_scheduler, optimizer, last_epoch=last_epoch)
        state, rates = copy.deepcopy(scheduler.state_dict()), outcome(scheduler.get_lr)
        seen.append((group_options(optimizer), state, rates, runs(optimizer, scheduler, 6)))
    assert seen[0] == seen[1]


@every_with_an_epoch
def test_another_initial_rate(make):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.5
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        rates = outcome(scheduler.get_lr)  # and a warning that this is not the way
        seen.append((group_options(optimizer), rates, runs(optimizer, scheduler, 5)))
    assert seen[0] == seen[1]


@every
@pytest.mark.parametrize("epochs", [[7, None, 2, None], [0, 1, 2, 3], [2.5, 2.75, None, 9.5], [-1, 4, 5, 12]])
def test_step_to_an_epoch(make, epochs):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        optimizer.step()
        for epoch in epochs:
            step = scheduler.step if epoch is None else lambda s=scheduler, e=epoch: s.step(e)
            seen.append((lib, _argument_error(outcome(step)), copy.deepcopy(group_options(optimizer))))
            seen.append((lib, scheduler.state_dict().get("T_i"), scheduler.get_last_lr()))
    ours, theirs = ([entry[1:] for entry in seen if entry[0] is lib] for lib in LIBRARIES)
    assert ours == theirs


def _argument_error(result):
    """The outcome; of a wrong number of arguments its type alone."""
    return "TypeError" if result[0] is not None and result[0][0] == "TypeError" else result


@every
def test_a_rate_changed_by_hand(make):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        runs(optimizer, scheduler, 3)
        optimizer.param_groups[0]["lr"] *= 0.5
        seen.append(runs(optimizer, scheduler, 6))
    assert seen[0] == seen[1]


@every
def test_rates_that_are_tensors(make):
    seen = []
    for lib in LIBRARIES:
        params, optimizer = build(lib, "SGD", "float64", LITTLE[:2], lr=lib.tensor(0.5), momentum=0.5)
        optimizer.add_param_group({"params": leaves(lib, "float64", [(2,)]), "lr": lib.tensor([0.25])})
        rates = [group["lr"] for group in optimizer.param_groups]
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        followed = [[rate.item() for rate in rates]]
        for step in range(8):
            train(lib, optimizer, params, [step])
            scheduler.step()
            followed.append([rate.item() for rate in rates])
        assert all(group["lr"] is rate for group, rate in zip(optimizer.param_groups, rates, strict=True))
        last = scheduler.get_last_lr()
        assert not any(one is other for one in last for other in rates)
        seen.append((followed, [(rate.item(), tuple(rate.shape)) for rate in last]))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", ["OneCycleLR", "CyclicLR"])
def test_bounds_that_are_tensors(name):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        high, low = ([lib.tensor(x), lib.tensor(2 * x)] for x in (0.5, 0.125))
        s = lib.optim.lr_scheduler
        scheduler = (
            s.OneCycleLR(optimizer, high, 9) if name == "OneCycleLR" else s.CyclicLR(optimizer, low, high, 3)
        )
        steps = []
        for _ in range(7):
            optimizer.step()
            scheduler.step()
            steps.append([[float(rate), type(rate).__name__] for rate in scheduler.get_last_lr()])
        seen.append(steps)
    assert seen[0] == seen[1]


def test_duplicates_go_on_by_themselves():
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        s = lib.optim.lr_scheduler
        scheduler = s.CyclicLR(optimizer, 0.01, 0.3, 3, scale_fn=Power(0.9))
        runs(optimizer, scheduler, 4)
        for copied in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
            with warnings.catch_warnings(action="ignore"):
                seen.append((lib, runs(copied.optimizer, copied, 4)))
        seen.append((lib, runs(optimizer, scheduler, 2)))
    ours, theirs = ([entry[1] for entry in seen if entry[0] is lib] for lib in LIBRARIES)
    assert ours == theirs


@pytest.mark.parametrize("base", ["LRScheduler", "_LRScheduler"])
def test_a_scheduler_of_ones_own(base):
    seen = []
    for lib in LIBRARIES:

        class Halved(getattr(lib.optim.lr_scheduler, base)):
            def __init__(self, optimizer, every, last_epoch=-1):
                self.every = every
                super().__init__(optimizer, last_epoch)

            def get_lr(self):
                return [rate * 0.5 ** (self.last_epoch // self.every) for rate in self.base_lrs]

        _, optimizer = two_groups(lib)
        scheduler = Halved(optimizer, 3)
        seen.append((runs(optimizer, scheduler, 7), scheduler.state_dict()))
    assert seen[0] == seen[1]


# --- ReduceLROnPlateau

PLATEAUS = [
    {"patience": 1},
    {"mode": "max", "patience": 0},
    {"threshold_mode": "abs", "threshold": 0.3, "patience": 1, "cooldown": 2},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.3, "patience": 1, "min_lr": [0.01, 0.5]},
    {"patience": 0, "eps": 0.2, "factor": 0.5},
]


@pytest.mark.parametrize("options", PLATEAUS)
def test_reduce_on_plateau(options):
    metrics = [3, 2.5, 2.6, 2.4, 2.4, 2.7, 2.8, 2.39, 2.3, 2.3, 2.3, 2.3, float("nan"), 1.0, 1.1, 1.1]
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        rates = []
        for i, metric in enumerate(metrics):
            if i == 7:  # go on in another one
                state, (_, optimizer) = copy.deepcopy(scheduler.state_dict()), two_groups(lib)
                scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=77)
                scheduler.load_state_dict(state)
            scheduler.step(lib.tensor(metric, dtype=lib.float64))
            rates.append((scheduler.get_last_lr(), scheduler.in_cooldown))
        state = scheduler.state_dict()
        seen.append((rates, state, list(state)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("min_lr", [0.05, [0.05, 0.5]])
def test_reduce_on_plateau_with_a_new_group(min_lr):
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=min_lr)
        scheduler.step(1.0)
        optimizer.add_param_group({"params": leaves(lib, "float64", [(2,)]), "lr": 0.25})
        seen.append((outcome(lambda s=scheduler: s.step(2.0)), scheduler.state_dict()))
    assert seen[0] == seen[1]


def test_reduce_on_plateau_to_an_epoch_and_from_a_wrong_state():
    seen = []
    for lib in LIBRARIES:
        _, optimizer = two_groups(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", patience=0)
        results = [outcome(lambda s=scheduler: s.step(1.0, 5)), scheduler.last_epoch]
        state = scheduler.state_dict()
        del state["mode_worse"]
        scheduler.load_state_dict(state)
        results += [outcome(lambda s=scheduler: s.load_state_dict({"mode": "low"})), scheduler.mode_worse]
        seen.append(results)
    assert seen[0] == seen[1]


# --- arguments, errors, warnings


def test_every_name_and_signature():
    ours, theirs = (lib.optim.lr_scheduler for lib in LIBRARIES)
    assert sorted(ours.__all__) == sorted(theirs.__all__)
    for name in theirs.__all__:
        described = [
            [(p.name, p.kind, p.default) for p in inspect.signature(getattr(s, name)).parameters.values()]
            for s in (ours, theirs)
        ]
        assert described[0] == described[1], name


def _first_scheduler_step_before_the_optimizers(lib):
    _, optimizer = two_groups(lib)
    scheduler = lib.optim.lr_scheduler.StepLR(optimizer, 1)
    scheduler.step()
    return scheduler.get_last_lr()


def _scheduler(make, name="SGD"):
    def run(lib):
        _, optimizer = two_groups(lib, name)
        make(lib.optim.lr_scheduler, optimizer)

    return run


def _beyond_the_end(s, o):
    scheduler = s.OneCycleLR(o, 0.1, 3)
    o.step()
    for _ in range(4):
        scheduler.step()


def _of_another(make):
    def run(lib):
        (_, one), (_, other) = two_groups(lib), two_groups(lib)
        s = lib.optim.lr_scheduler
        make(s, one, s.StepLR(other, 1))

    return run


ERRORS = {
    "order": _first_scheduler_step_before_the_optimizers,
    "no optimizer": _scheduler(lambda s, o: s.StepLR(3, 1)),
    "plateau: no optimizer": _scheduler(lambda s, o: s.ReduceLROnPlateau(3)),
    "cyclic: no optimizer": _scheduler(lambda s, o: s.CyclicLR(3, 0.1, 1.0)),
    "one cycle: no optimizer": _scheduler(lambda s, o: s.OneCycleLR(3, 0.1)),
    "lambda: no optimizer": _scheduler(lambda s, o: s.LambdaLR(3, 0.1)),
    "resume": _scheduler(lambda s, o: s.StepLR(o, 1, last_epoch=3)),
    "resume one cycle": _scheduler(lambda s, o: s.OneCycleLR(o, 1.0, 30, last_epoch=3)),
    "resume cyclic": _scheduler(lambda s, o: s.CyclicLR(o, 0.1, 1.0, last_epoch=3)),
    "lambdas": _scheduler(lambda s, o: s.LambdaLR(o, [abs])),
    "lambda not callable": _scheduler(lambda s, o: s.LambdaLR(o, 3)),
    "not callable": _scheduler(lambda s, o: s.MultiplicativeLR(o, 3)),
    "not callable, and too few": _scheduler(lambda s, o: s.MultiplicativeLR(o, [3])),
    "constant": _scheduler(lambda s, o: s.ConstantLR(o, 2.0)),
    "constant below": _scheduler(lambda s, o: s.ConstantLR(o, -0.1)),
    "constant bounds": _scheduler(lambda s, o: (s.ConstantLR(o, 0.0), s.ConstantLR(o, 1.0))),
    "linear start": _scheduler(lambda s, o: s.LinearLR(o, 0.0)),
    "linear start above": _scheduler(lambda s, o: s.LinearLR(o, 1.1)),
    "linear end": _scheduler(lambda s, o: s.LinearLR(o, 0.5, 2.0)),
    "linear end below": _scheduler(lambda s, o: s.LinearLR(o, 0.5, -0.1)),
    "linear bounds": _scheduler(lambda s, o: s.LinearLR(o, 1.0, 0.0)),
    "plateau factor": _scheduler(lambda s, o: s.ReduceLROnPlateau(o, factor=1.0)),
    "plateau mode": _scheduler(lambda s, o: s.ReduceLROnPlateau(o, mode="low")),
    "plateau threshold": _scheduler(lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="low")),
    "plateau min_lr": _scheduler(lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1])),
    "get_lr": _scheduler(lambda s, o: s.StepLR(o, 1).get_lr()),
    "get_lr of a cycle": _scheduler(lambda s, o: s.CyclicLR(o, 0.1, 1.0).get_lr()),
    "none": _scheduler(lambda s, o: s.SequentialLR(o, [], [])),
    "milestones": _scheduler(lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1)], [3])),
    "plateau in sequence": _scheduler(lambda s, o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], [])),
    "no scheduler in sequence": _scheduler(lambda s, o: s.SequentialLR(o, [s.StepLR(o, 1), 3], [2])),
    "another's in sequence": _of_another(lambda s, o, other: s.SequentialLR(o, [s.StepLR(o, 1), other], [2])),
    "none chained": _scheduler(lambda s, o: s.ChainedScheduler([])),
    "plateau chained": _scheduler(lambda s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)])),
    "no scheduler chained": _scheduler(lambda s, o: s.ChainedScheduler([s.StepLR(o, 1), 3])),
    "another's chained": _of_another(lambda s, o, other: s.ChainedScheduler([s.StepLR(o, 1), other])),
    "another's optimizer": _of_another(lambda s, o, other: s.ChainedScheduler([other], o)),
    "base": _scheduler(lambda s, o: s.LRScheduler(o)),
    "cyclic: momentum": _scheduler(lambda s, o: s.CyclicLR(o, 0.1, 1.0), "Adagrad"),
    "cyclic: bounds": _scheduler(lambda s, o: s.CyclicLR(o, [0.1], 1.0)),
    "cyclic: upper bounds": _scheduler(lambda s, o: s.CyclicLR(o, 0.1, (1.0, 2.0, 3.0))),
    "cyclic: momentums": _scheduler(lambda s, o: s.CyclicLR(o, 0.1, 1.0, base_momentum=[0.1])),
    "cyclic: mode": _scheduler(lambda s, o: s.CyclicLR(o, 0.1, 1.0, mode="square")),
    "one cycle: momentum": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 9), "Adagrad"),
    "one cycle: bounds": _scheduler(lambda s, o: s.OneCycleLR(o, [0.1], 9)),
    "one cycle: momentums": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 9, max_momentum=[0.1])),
    "one cycle: no length": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, epochs=3)),
    "one cycle: no steps": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 0)),
    "one cycle: half a step": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 2.5)),
    "one cycle: no epochs": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=1)),
    "one cycle: steps": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, epochs=2, steps_per_epoch=1.5)),
    "one cycle: start": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 9, pct_start=1.5)),
    "one cycle: start is int": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 9, pct_start=1)),
    "one cycle: strategy": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 9, anneal_strategy="exp")),
    "one cycle: one step": _scheduler(lambda s, o: s.OneCycleLR(o, 0.1, 1)),
    "one cycle: beyond its end": _scheduler(_beyond_the_end),
    "restarts: T_0": _scheduler(lambda s, o: s.CosineAnnealingWarmRestarts(o, 0)),
    "restarts: T_0 no integer": _scheduler(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2.5)),
    "restarts: T_mult": _scheduler(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, 0)),
    "restarts: eta_min": _scheduler(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2, eta_min="1")),
    "restarts: epoch": _scheduler(lambda s, o: s.CosineAnnealingWarmRestarts(o, 2).step(-1)),
}


@pytest.mark.parametrize("run", ERRORS.values(), ids=ERRORS.keys())
def test_errors_and_warnings(run):
    ours, theirs = (outcome(lambda lib=lib: run(lib)) for lib in LIBRARIES)
    assert ours == theirs
