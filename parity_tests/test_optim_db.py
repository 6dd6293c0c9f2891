"""tinynn.optim on torch's own database of optimizers: every configuration, every input that torch refuses."""

import pytest
from torch.testing._internal.common_optimizers import optim_db

import tinynn
from parity_tests.databases import unexplained
from parity_tests.optim_db import ABSENT, PRESENT, Examination


def test_what_is_absent():
    assert {info.name for info in optim_db if not hasattr(tinynn.optim, info.name)} == set(ABSENT)


@pytest.mark.parametrize("name", PRESENT)
def test_optimizer(name):
    assert unexplained(Examination(PRESENT[name]).findings()) == []
