"""tinynn against recorded answers of torch; `pytest parity_tests --golden` runs this alone, without torch."""

import sys

import numpy as np
import pytest

import tinynn
from experiments.common.lockstep import BOUNDS
from parity_tests import golden
from parity_tests.harness import (
    assert_same,
    assert_same_kind_of_outcome,
    assert_same_outcome,
    check_derivatives,
)
from parity_tests.optim_runs import check_close, slack_of

RECORDS = golden.load()
INPUTS, *OPTIMIZERS = RECORDS[golden.OPTIMIZERS]


def recorded(records, *keys):
    """A parameter for each record, its id made of the values of the keys."""
    ids = ["-".join(str(record[key]) for key in keys) for record in records]
    return pytest.mark.parametrize("record", records, ids=ids)


def check(ours, answer, values=assert_same_outcome):
    """Compare a run with the answer, and its derivatives if there are recorded ones."""
    theirs = golden.Recorded(ours.case, ours.inputs, answer)
    values(ours, theirs)
    if not theirs.error and {"gradients", "backward error"} & {*answer}:
        check_derivatives(ours, theirs)


def test_all_records_are_there():
    assert {kind: len(records) for kind, records in RECORDS.items()} == golden.header()["records"]


def test_without_torch(pytestconfig):
    if not pytestconfig.getoption("--golden"):
        pytest.skip("the other tests import torch")
    with pytest.raises(ImportError):
        import torch  # noqa: F401
    assert not [name for name in sys.modules if name.startswith("torch.")]


@recorded(RECORDS[golden.OPERATIONS], "name", "dtype")
def test_operation(record):
    for answers in record["answers"]:
        answer = answers["answer"]
        for path in answers["of"]:
            case = golden.case_of(record, golden.operation(path), "second derivatives" in answer)
            ours = golden.GoldenSide(tinynn, case, golden.arrays_of(case))
            check(ours, answer, assert_same_kind_of_outcome)


@recorded(RECORDS[golden.MODULES], "name", "dtype")
def test_module(record):
    answer = record["answer"]
    check(golden.ModuleRun(tinynn, record, "second derivatives" in answer), answer)


@recorded(OPTIMIZERS, "name", "dtype")
def test_optimizer(record):
    """As against torch: two ulp a step; where there is a closure, a minimum: the loss is flat there."""
    ours = golden.optimized(tinynn, record, INPUTS)
    theirs = golden.as_answer(record["answer"])
    slack = slack_of(record["name"], record["lr"])
    if record["closure"]:
        slack = 2 * np.finfo(record["dtype"]).eps ** 0.5
    for i, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        check_close(p.numpy(), q.numpy(), f"parameter {i}", slack)


@recorded(RECORDS[golden.STREAMS], "name", "seed")
def test_stream(record):
    theirs = golden.as_answer(record["answer"])
    assert_same(golden.drawn(tinynn, record), theirs, "stream")


@recorded(RECORDS[golden.TRAINING], "name", "optimizer", "dtype")
def test_training(record):
    bound = BOUNDS[record["dtype"]].value
    np.testing.assert_allclose(golden.losses(tinynn, record), record["losses"], rtol=0, atol=bound)
