"""The makers of mutants: which there are, that they are programs, that a draw can be repeated."""

import ast
import itertools
from pathlib import Path

import pytest

from parity_tests.mutants import Examiner, rows_using, snapshot
from parity_tests.mutations import KINDS, drawn, mutants_of

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tinynn/ops/elementwise.py"


def mutated(source, kind):
    return [mutant.applied(source) for mutant in mutants_of("f.py", source) if mutant.kind == kind]


# ruff: noqa: E501 - an example is a line
# fmt: off
EXAMPLES = [
    ("sign",         "a + b",                   ["(a - b)"]),
    ("sign",         "-a",                      ["a"]),
    ("sign",         "p -= g",                  ["p += g"]),
    ("sign",         "np.add(a, b)",            ["(np.subtract)(a, b)"]),
    ("sign",         "lambda g: g",             ["(lambda g: -g)"]),
    ("operand",      "a / b",                   ["(b / a)"]),
    ("operand",      "f(a, b)",                 ["(f(b, a))"]),
    ("operand",      "lambda a, b: a * 2",      ["lambda a, b: b * 2"]),
    ("operand",      "def f(a: int, b: str, c: int):\n    return a", ["def f(a: int, b: str, c: int):\n    return c"]),
    ("constant",     "3 * a",                   ["0 * a", "4 * a", "6 * a"]),
    ("constant",     "f(True, 'text', None)",   []),
    ("comparison",   "a < b",                   ["(a <= b)", "(a > b)"]),
    ("comparison",   "a == b",                  ["(a != b)"]),
    ("comparison",   "a is b",                  []),
    ("missing term", "a * b",                   ["a", "b"]),
    ("missing term", "a and b",                 ["a", "b"]),
    ("missing term", "p *= g",                  ["pass"]),
    ("missing term", "lerp(m, g)",              ["pass"]),
    ("saved value",  "lambda g, y: g * y",      ["(lambda g, a: g * a)", "(lambda g, b: g * b)", "(lambda g, x: g * x)", "(lambda g, y: g * g)"]),
    ("saved value",  "lambda x, y: x * y",      []),
]
# fmt: on


@pytest.mark.parametrize(("kind", "source", "expected"), EXAMPLES)
def test_mutants(kind, source, expected):
    assert mutated(source, kind) == expected


def test_what_does_not_compute_stays():
    source = 'from a import b\n\ndef f(x: list[2] = ()) -> "c":\n    raise ValueError(f"{1 + 1}")\n'
    assert [*mutants_of("f.py", source)] == []


def test_what_is_for_speed_stays():
    assert [*mutants_of("f.py", "SMALL = 8192\nx.size < 4096\n")] == []
    assert [*mutants_of("f.py", "LARGE = 8192\nx.ndim < 2\n")] != []


def test_every_mutant_is_another_program():
    source = TABLE.read_text()
    mutants = [*mutants_of("elementwise.py", source)]
    assert {mutant.kind for mutant in mutants} == {*KINDS}
    original = ast.dump(ast.parse(source))
    for mutant in mutants[::100]:
        assert ast.dump(ast.parse(mutant.applied(source))) != original
        before, after = mutant.change(source)
        assert before in source
        assert after in mutant.applied(source)


def test_draw():
    mutants = [*mutants_of("elementwise.py", TABLE.read_text())]
    first = [*itertools.islice(drawn(mutants, 1), 60)]
    assert first == [*itertools.islice(drawn(mutants[::-1], 1), 60)]
    assert first != [*itertools.islice(drawn(mutants, 2), 60)]
    assert [mutant.kind for mutant in first[:12]] == [*KINDS, *KINDS]
    assert sorted(drawn(mutants, 1)) == sorted(mutants)


def test_rows_using():
    source = "def _f(x):\n    return x\n\ng = Op(_f)\nh = Op(k, lambda g_: g(g_))\nk = Op(f)\n"
    assert rows_using(2, source) == {"g", "h"}
    assert rows_using(6, source) == {"k", "h"}
    assert rows_using(5, source) == {"h"}


@pytest.mark.slow
def test_examination(tmp_path):
    """A wrong derivative is killed by a test of its row, and then the copy of the tree is what it was."""
    examiner = Examiner(snapshot(tmp_path), near_only=True)
    source = TABLE.read_text()
    wrong = next(
        m for m in mutants_of("tinynn/ops/elementwise.py", source) if "np.tanh" in m.change(source)[0]
    )
    assert "tanh" in examiner.examine(wrong).killed_by
    assert (examiner.tree / wrong.path).read_text() == source
