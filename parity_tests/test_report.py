"""The ledger says what the examinations found, and the committed one is what they find."""

import pytest

from parity_tests import databases, report
from parity_tests.databases import AGREES, DIFFERS, ERRORS, EXPLAINED, GRADIENTS, VALUES, Finding, tallied
from parity_tests.differences import Difference
from parity_tests.report import DATABASES, LEDGER, as_row, cells, measured_with, tally_of

PAGE = LEDGER.read_text()
COLUMNS = {
    "op_db": report.OPERATION_COLUMNS,
    "module_db": report.MODULE_COLUMNS,
    "optim_db": report.OPTIMIZER_COLUMNS,
}
CHOSEN = [
    *(("op_db", name) for name in ("add", "acosh", "cumsum", "linalg.norm", "nn.functional.conv2d", "sort")),
    *(("module_db", name) for name in ("nn.Linear", "nn.BatchNorm2d")),
    ("optim_db", "Adam"),
]


def finding(aspect=VALUES, problem="", **options):
    return Finding("add", aspect, "float32", None, problem, **options)


def test_a_sample_that_differs_shows():
    tally = tallied([finding(), finding(problem="off by 1"), finding(GRADIENTS)])
    assert report.counted(VALUES)(tally) == "**1/2, 1 differ**"
    assert report.counted(GRADIENTS)(tally) == "1/1"
    assert report.counted(ERRORS)(tally) == ""
    assert [
        report.outcome(tally, report.Claim("op_db", "", (aspect,))) for aspect in (VALUES, GRADIENTS)
    ] == [
        DIFFERS,
        AGREES,
    ]


def test_what_is_explained_is_counted_apart(monkeypatch):
    monkeypatch.setattr(databases, "DIFFERENCES", [Difference(("add",), (ERRORS,), "a reason", ("float32",))])
    tally = tallied([finding(ERRORS, "another exception", same_words=False)])
    assert report.counted(ERRORS)(tally) == "0/1 (1 explained)"
    assert report.same_words(tally) == "0/1"
    assert report.outcome(tally, report.Claim("op_db", "")) == EXPLAINED


def test_the_worst_distance_of_the_samples_that_agree():
    tally = tallied([finding(ulps=0.5), finding(ulps=2.5), finding(problem="off", ulps=9.0)])
    assert report.ulps(VALUES)(tally) == "2.5 / -"


@pytest.mark.slow
def test_every_entry_has_its_row():
    for database in DATABASES.values():
        missing = [name for name in database.examinations.PRESENT if f"\n| `{name}` |" not in PAGE]
        assert missing == [], "run python -m parity_tests.report"


@pytest.mark.slow
@pytest.mark.parametrize(("database", "name"), CHOSEN)
def test_rows_are_what_is_found(database, name):
    """With another torch or processor the last bits may be others, and with them the distances."""
    columns = COLUMNS[database]
    row = cells(columns, name, tally_of(database, name))
    if measured_with() in PAGE:
        assert as_row(row) in PAGE
    else:
        counts = [text for text, column in zip(row, ["entry", *columns], strict=True) if "ulp" not in column]
        assert as_row(counts).removesuffix(" |") in PAGE
