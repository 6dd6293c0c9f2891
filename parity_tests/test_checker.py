"""The checker itself: a row of the derivative table that is wrong, in any of these ways, must not pass.

First by hand, for errors that people make; then every derivative of every row, one at a time.
"""

import functools

import numpy as np
import pytest

import tinynn
from parity_tests import nn_cases
from parity_tests.cases import CASES
from parity_tests.harness import Side, altered, check, recording
from tinynn import ops
from tinynn.autograd.variable import Variable

BY_NAME = {case.name: case for case in CASES}


def fails(case, dtype="float32"):
    try:
        check(case, dtype)
    except Exception:
        return True
    return False


# --- errors that people make

# fmt: off
WRONG = {
    "sign":            ("cos matrix",          ops.cos,     {"vjps": {0: lambda g, x: g * ops.sin(x)}}),
    "factor":          ("square matrix",       ops.square,  {"vjps": {0: lambda g, x: g * x}}),
    "small factor":    ("exp matrix",          ops.exp,     {"vjps": {0: lambda g, y: g * y * 1.0001}}),
    "operand":         ("mul same shape",      ops.mul,     {"vjps": {0: lambda g, a: g * a}}),
    "missing term":    ("tanh matrix",         ops.tanh,    {"vjps": {0: lambda g, y: g * (0 - y * y)}}),
    "missing operand": ("mul same shape",      ops.mul,     {"vjps": {1: None}}),
    "unbroadcast":     ("add right broadcast", ops.add,     {"vjps": {1: lambda g: g[0]}}),
    "mean for sum":    ("sum 0 3-d",           ops.sum_dim, {"vjps": {0: ops.mean_dim.vjps[0]}}),
    "transposed":      ("mm",                  ops.mm,      {"vjps": {0: lambda g, b: g @ b[:4, :4]}}),
    "saved value":     ("sqrt matrix",         ops.sqrt,    {"vjps": {0: lambda g, x: g / (2 * x)}}),
    "constant":        ("log matrix",          ops.log,     {"vjps": {0: lambda g, x: g / Variable.wrap(x._array) if isinstance(x, Variable) else g / x}}),
    "kink":            ("relu kinks",          ops.relu,    {"vjps": {0: lambda g, x: ops.keep(g, x < 0)}}),
    "tie":             ("maximum ties",        ops.maximum, {"vjps": {0: lambda g, a, b: ops.keep(g, a < b)}}),
    "nan":             ("sign special",        ops.sign,    {"forward": lambda x: np.sign(x)}),
    "sign of zero":    ("neg kinks",           ops.neg,     {"forward": lambda x: 0 - x}),
    "dtype":           ("exp matrix",          ops.exp,     {"forward": lambda x: np.exp(x.astype(np.float64))}),
    "shape":           ("sum 1 keepdim 3-d",   ops.sum_dim, {"forward": lambda x, axis, keepdims: x.sum(axis)}),
    "ulps":            ("exp matrix",          ops.exp,     {"forward": lambda x: np.exp(x) * np.float32(1 + 1e-6)}),
    "name":            ("exp matrix",          ops.exp,     {"name": "SinBackward0"}),
    "promotion":       ("add 0-d right",       ops.add,     {"forward": lambda a, b: np.add(a, b, dtype=np.float64)}),
}
# fmt: on


@pytest.mark.parametrize("error", WRONG)
def test_wrong_row_fails(error):
    name, row, changes = WRONG[error]
    check(BY_NAME[name], "float32")
    with altered(row, **changes):
        assert fails(BY_NAME[name])
    check(BY_NAME[name], "float32")


# --- every derivative of every row


def shifted(vjp):
    """The derivative, off by a thousandth."""

    def wrong(*args):
        right = vjp(*args)
        return [one + 1e-3 for one in right] if isinstance(right, list | tuple) else None if right is None else right + 1e-3

    return functools.update_wrapper(wrong, vjp)


def runs_of(case):
    """The VJPs that a case runs."""
    with recording() as ran:
        Side(tinynn, case, case.arrays("float32")).differentiate(case.second)
    return ran.backward


@pytest.fixture(scope="module")
def cases_of():
    """VJP -> the cases that run it (a few are enough)."""
    found = {}
    for case in (*CASES, *nn_cases.CASES):
        if "float32" in case.dtypes:
            for vjp in runs_of(case):
                found.setdefault(vjp, []).append(case)
    return found


DERIVATIVES = {
    f"{name}[{i}]": (row, i, vjp) for name, row in ops.TABLE.items() for i, vjp in enumerate(row.vjps) if vjp is not None
}
RAISING = {"floor_divide[0]", "floor_divide[1]"}  # they have no derivative, and say so


@pytest.mark.parametrize("derivative", sorted(DERIVATIVES.keys() - RAISING))
def test_every_wrong_derivative_fails(derivative, cases_of):
    row, i, vjp = DERIVATIVES[derivative]
    rows = [other for other in {*ops.TABLE.values()} if vjp in other.vjps]
    for other in rows:  # those that share the VJP are wrong together
        other.vjps = tuple(shifted(vjp) if one is vjp else one for one in other.vjps)
        other.plans = {}
    try:
        assert any(fails(case) for case in cases_of[vjp][:40])
    finally:
        for other in rows:
            other.vjps = tuple(vjp if getattr(one, "__wrapped__", None) is vjp else one for one in other.vjps)
            other.plans = {}
