"""The checker itself: a row of the derivative table that is wrong, in any of these ways, must not pass.

First by hand, for errors that people make; then every row and every derivative, one at a time, a little off.
"""

import contextlib

import numpy as np
import pytest

import tinynn
from parity_tests import attention_cases, conv_cases, function_cases, nn_cases, recurrent_cases
from parity_tests.cases import CASES
from parity_tests.harness import Side, altered, check, recording
from tinynn import ops
from tinynn.autograd.op import _signature
from tinynn.autograd.variable import Variable

BY_NAME = {case.name: case for case in CASES}


def fails(case):
    try:
        for dtype in {"float32", "int64"}.intersection(case.dtypes):
            check(case, dtype)
    except Exception:
        return True
    return False


# --- errors that people make

# ruff: noqa: E501 - a wrong row is a line
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
    "kink":            ("relu kinks",          ops.relu,    {"vjps": {0: lambda g, x: ops.zero_where(g, x < 0)}}),
    "tie":             ("maximum ties",        ops.maximum, {"vjps": {0: lambda g, a, b: ops.zero_where(g, a < b)}}),
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


# --- every row, and every derivative of every row


def off(value):
    """Nearly the value, of the same kind."""
    if isinstance(value, list | tuple):
        return type(value)(off(one) for one in value)
    if value is None or isinstance(value, Variable):
        return None if value is None else value + 1e-3
    kind = np.asarray(value).dtype.kind
    if kind == "b":
        return ~np.asarray(value)
    return value + (1 if kind in "iu" else np.asarray(value).dtype.type(4e-3))


@pytest.fixture(scope="module")
def cases_of():
    """Row or VJP -> the cases that run it."""
    found = {}
    for case in (
        *CASES,
        *nn_cases.CASES,
        *conv_cases.CASES,
        *function_cases.CASES,
        *recurrent_cases.CASES,
        *attention_cases.CASES,
    ):
        if "float32" in case.dtypes:
            with recording() as ran:
                Side(tinynn, case, case.arrays("float32")).differentiate(case.second)
            for part in ran.forward | ran.backward:
                found.setdefault(part, []).append(case)
    return found


ROWS = {id(row): name for name, row in ops.TABLE.items()}  # some have two names
FORWARD = sorted(ROWS.values())
BACKWARD = sorted(f"{name}[{i}]" for name in FORWARD for i, vjp in enumerate(ops.TABLE[name].vjps) if vjp)
# they have no derivative, and say so
RAISING = {"floor_divide[0]", "floor_divide[1]", "zeta[0]"}
RAISING |= {f"{name}_in_place[0]" for name in ("asinh", "acosh", "atanh")}


def same(value):
    return value


def followed_by(change, vjp):
    """The VJP with its result changed. A row reads the names of a VJP's parameters, so they stay."""
    names = ", ".join(_signature(vjp)[0])
    return eval(f"lambda {names}: change(vjp({names}))", {"change": change, "vjp": vjp})


@pytest.mark.parametrize("name", FORWARD)
def test_every_wrong_row_fails(name, cases_of):
    row = ops.TABLE[name]
    for change in (same, off):
        with altered(row, forward=lambda *args, change=change, right=row.forward: change(right(*args))):
            assert any(fails(case) for case in cases_of[row][:20]) == (change is off)


@pytest.mark.parametrize("derivative", sorted({*BACKWARD} - RAISING))
def test_every_wrong_derivative_fails(derivative, cases_of):
    name, _, i = derivative.rstrip("]").partition("[")
    right = ops.TABLE[name].vjps[int(i)]
    for change in (same, off):
        with contextlib.ExitStack() as stack:
            for row in {*ops.TABLE.values()}:  # rows that share a derivative are wrong together
                places = [place for place, vjp in enumerate(row.vjps) if vjp is right]
                if places:
                    stack.enter_context(altered(row, vjps=dict.fromkeys(places, followed_by(change, right))))
            assert any(fails(case) for case in cases_of[right][:20]) == (change is off)
