"""Every operation against PyTorch: the table of cases in all their dtypes, and a gate that no row goes
without a case.
"""

from collections import Counter

import pytest
import torch

import tinynn
from parity_tests import attention_cases, conv_cases, function_cases, nn_cases, recurrent_cases
from parity_tests.cases import CASES
from parity_tests.harness import Side, check, recording
from tinynn.ops import TABLE


@pytest.mark.parametrize("case", [*CASES, *function_cases.CASES], ids=repr)
def test_case(case):
    for dtype in case.dtypes:
        check(case, dtype)


@pytest.fixture(scope="module")
def ran():
    """The rows that all cases run, forward and backward."""
    with recording() as ran:
        for case in (
            *CASES,
            *nn_cases.CASES,
            *conv_cases.CASES,
            *function_cases.CASES,
            *recurrent_cases.CASES,
            *attention_cases.CASES,
        ):
            dtype = "float32" if "float32" in case.dtypes else case.dtypes[0]
            Side(tinynn, case, case.arrays(dtype)).differentiate(case.second)
    return ran


def test_every_row_has_a_case(ran):
    assert sorted(name for name, row in TABLE.items() if row not in ran.forward) == []


def test_every_derivative_has_a_case(ran):
    assert sorted(name for name, row in TABLE.items() if not {*row.vjps} - {None} <= ran.backward) == []


@pytest.mark.parametrize(
    "cases",
    [
        CASES,
        nn_cases.CASES,
        conv_cases.CASES,
        function_cases.CASES,
        recurrent_cases.CASES,
        attention_cases.CASES,
    ],
    ids=["operations", "networks", "windows", "functions", "recurrent", "attention"],
)
def test_names_are_unique(cases):
    """A case draws its inputs by its name, and is found by it."""
    assert [name for name, count in Counter(case.name for case in cases).items() if count > 1] == []


@pytest.mark.parametrize(
    "call", ["sum(axis=0)", "mean(axis=-1, keepdims=True)", "std(axis=1)", "amax(axis=0)"]
)
def test_reductions_take_numpy_names(call):
    ours, theirs = (eval(f"x.{call}", {"x": lib.arange(6.0).reshape(2, 3)}) for lib in (tinynn, torch))
    assert ours.shape == theirs.shape
    assert ours.flatten().tolist() == pytest.approx(theirs.flatten().tolist())


@pytest.mark.parametrize("n", [10, 5000, 2_000_000])
def test_relu_of_many_elements(n):
    """However many there are, the sign of zero and nan are torch's."""
    values = [-0.0, 0.0, float("nan"), -1.0, 2.0, float("-inf"), float("inf"), -1e-40]
    ours, theirs = (lib.tensor(values).repeat(n // 8 + 1).relu() for lib in (tinynn, torch))
    assert ours.numpy().tobytes() == theirs.numpy().tobytes()
