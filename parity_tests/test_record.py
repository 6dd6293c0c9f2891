"""The recorded answers are torch's still: recorded anew, in memory, and compared."""

import pytest

from parity_tests import golden, module_db, op_db, record

SAME_MACHINE = {key: golden.header()[key] for key in record.made_with()} == record.made_with()
REASON = (
    "recorded with another torch or other kernels: the last bits are compared by test_golden.py's tolerances"
)
EVERY = 12  # of so many entries one is recorded anew by default


def known(kind):
    """The records of a kind, by name."""
    found = {}
    for one in golden.load()[kind]:
        found.setdefault(one["name"], []).append(golden.bits(one))
    return found


def again(records):
    return [golden.bits(one) for one in records]


def check_entries(names):
    operations, modules = known(golden.OPERATIONS), known(golden.MODULES)
    for name in names:
        if name in op_db.PRESENT:
            assert again(record.of_operation(name)) == operations.get(name, []), name
        else:
            assert again(record.of_module(name)) == modules.get(name, []), name


ENTRIES = [*op_db.PRESENT, *module_db.PRESENT]


@pytest.mark.skipif(not SAME_MACHINE, reason=REASON)
def test_some_entries():
    check_entries(ENTRIES[::EVERY])


@pytest.mark.slow
@pytest.mark.skipif(not SAME_MACHINE, reason=REASON)
def test_all_entries():
    check_entries(ENTRIES)


@pytest.mark.skipif(not SAME_MACHINE, reason=REASON)
def test_the_rest():
    for kind, records in (
        (golden.OPTIMIZERS, [*record.optimizer_inputs(), *record.of_optimizers()]),
        (golden.STREAMS, record.of_streams()),
        (golden.TRAINING, record.of_training()),
    ):
        assert again(records) == again(golden.load()[kind]), kind
