"""tinynn.optim on torch's own database of optimizers: `torch.testing._internal.common_optimizers.optim_db`.

Every configuration that torch tests is trained for 20 steps in float32 and in float64, and every input that
torch refuses is refused with the same exception.
"""

import numpy as np
import pytest
import torch
from torch.testing._internal.common_optimizers import optim_db

import tinynn
from parity_tests.harness import FLOATS
from parity_tests.optim_runs import array, build, check_same, converted, outcome, train
from parity_tests.test_optim_lbfgs import logistic, start

LIBRARIES = (tinynn, torch)
SHAPES = [(4, 3), (5,), (), (2, 3, 4), (6, 6)]
ABSENT = {"SparseAdam": "there are no sparse tensors"}
PRESENT = [info for info in optim_db if info.name not in ABSENT]
WITHOUT_COMPLEX_NUMBERS = "does not support complex parameters"


def configurations(infos):
    return [
        pytest.param(info.name, config.kwargs, id=f"{info.name}-{config.desc}")
        for info in infos
        for config in info.optim_inputs_func(device="cpu")
    ]


def refusals():
    return [
        pytest.param(info.name, given.params, given.kwargs, id=f"{info.name}-{given.desc}")
        for info in PRESENT
        for given in (
            error.optimizer_error_input
            for error in info.optim_error_inputs_func(device="cpu", dtype=torch.float32)
        )
        if given.desc != WITHOUT_COMPLEX_NUMBERS
    ]


def test_what_is_absent():
    assert {info.name for info in optim_db if not hasattr(tinynn.optim, info.name)} == set(ABSENT)


@pytest.mark.parametrize(
    ("name", "options"), configurations(info for info in PRESENT if not info.step_requires_closure)
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_twenty_steps(name, options, dtype):
    runs = [build(lib, name, dtype, SHAPES, **converted(options, lib)) for lib in LIBRARIES]
    for lib, (params, optimizer) in zip(LIBRARIES, runs, strict=True):
        train(lib, optimizer, params)
    check_same(*runs)


@pytest.mark.parametrize(
    ("name", "options"), configurations(info for info in PRESENT if info.step_requires_closure)
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_twenty_steps_with_a_closure(name, options, dtype):
    """Of LBFGS, up to 400 iterations. At a minimum the loss does not tell x from x + sqrt(eps)."""
    runs = [start(lib, logistic, dtype, **converted(options, lib)) for lib in LIBRARIES]
    losses = [[optimizer.step(closure).item() for _ in range(20)] for _, optimizer, closure in runs]
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(*losses, rtol=20 * eps)
    for p, q in zip(runs[0][0], runs[1][0], strict=True):
        np.testing.assert_allclose(array(p), array(q), rtol=0, atol=2 * eps**0.5)


@pytest.mark.parametrize(("name", "params", "options"), refusals())
def test_refusals(name, params, options):
    def attempt(lib):
        known = {}
        given = [lib.ones(2, 3, requires_grad=True)] if params is None else translated(params, lib, known)
        return repr(getattr(lib.optim, name)(given, **translated(options, lib, known)))

    results = [outcome(lambda lib=lib: attempt(lib)) for lib in LIBRARIES]
    assert results[0] == results[1]


def translated(value, lib, known):
    """`value` with its tensors made tensors of `lib`: what is one object there (in `known`) is one here."""
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            known[id(value)] = lib.tensor(array(value), requires_grad=value.requires_grad)
        return known[id(value)]
    if isinstance(value, dict):
        return {key: translated(v, lib, known) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(translated(v, lib, known) for v in value)
    return value
