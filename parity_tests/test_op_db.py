"""tinynn on torch's own database of operations: every entry that tinynn has, sample by sample.

By default a few samples of each dtype, drawn once for all; the slow tests run them all.
"""

import pytest

from parity_tests.databases import explains, unexplained
from parity_tests.differences import DIFFERENCES
from parity_tests.op_db import PRESENT, Examination

DRAWN = 2  # samples of each dtype that are examined by default


@pytest.mark.parametrize("name", PRESENT)
def test_drawn_samples(name):
    assert unexplained(Examination(PRESENT[name], DRAWN).findings()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESENT)
def test_all_samples(name):
    assert unexplained(Examination(PRESENT[name]).findings()) == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: " ".join(difference.names)[:40])
def test_difference_is_there(difference):
    """Of every operation that a difference names, some sample needs it."""
    for name in difference.names:
        findings = Examination(PRESENT[name]).findings()
        assert any(finding.problem and explains(difference, finding) for finding in findings), name
