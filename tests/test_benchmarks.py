"""The benchmarks run, and turn times into the right ratios. How fast anything is, no test says."""

import json

import pytest

import tinynn
from benchmarks import circles, contest, digits, imports, ops, report, training, workloads
from benchmarks.contest import Turn

TINYNN_1, TINYNN_2, TORCH_1, TORCH_2 = contest.CONTENDERS
WORKLOADS = workloads.CIRCLES | workloads.DIGITS


def test_each_is_compared_at_its_better_number_of_threads_round_by_round():
    times = {
        TINYNN_1: [1.0, 2.0, 1.0],
        TINYNN_2: [1.0, 3.0, 3.0],
        TORCH_1: [9.0, 9.0, 9.0],
        TORCH_2: [3.0, 8.0, 5.0],
    }
    assert report.Comparison.of(times).facts() == {
        "median": 4.0,
        "low": 3.5,
        "high": 4.5,
        "tinynn_threads": 1,
        "torch_threads": 2,
        "ratios": [3.0, 4.0, 5.0],
    }


def test_spread_of_one_round():
    assert str(report.Spread.of([2.5])) == " 2.50  (2.50 to 2.50)"


def test_every_round_starts_with_another_contender():
    order = []

    class Worker:
        def __init__(self, contender):
            self.contender = contender

        def seconds_per_call(self, turn):
            order.append(self.contender)
            return 1.0

    times = contest.compete([Worker(contender) for contender in contest.CONTENDERS], None, 4)
    assert order[::4] == order[:4] == [*contest.CONTENDERS]
    assert all(len(seconds) == 4 for seconds in times.values())


def test_contender_in_a_process_of_its_own():
    with contest.workers([TINYNN_1]) as team:
        times = contest.compete(team, Turn(ops.operation, ("add", (2, 3)), 0.01), 2)
        assert team[0].version == tinynn.__version__
    assert all(seconds > 0 for seconds in times[TINYNN_1])
    assert not team[0].process.is_alive()


@pytest.mark.parametrize("part", workloads.PARTS)
@pytest.mark.parametrize("name", WORKLOADS)
def test_workload_runs(name, part):
    workload = WORKLOADS[name]
    workloads.PARTS[part](tinynn, workload, workload.split())()


@pytest.mark.parametrize("name", ops.CASES)
def test_operation_runs(name):
    small = ((2, 3), (4, 4)) if ops.CASES[name].sizes == ops.MATRICES else ((2, 3, 4, 5), (1, 1, 2, 2))
    for size in small:
        ops.operation(tinynn, name, size)()


def test_table_and_json(tmp_path, capsys, monkeypatch):
    """The whole program, but for the race."""
    times = {TINYNN_1: [1.0, 2.0], TORCH_1: [4.0, 8.0], TORCH_2: [5.0, 9.0]}
    monkeypatch.setattr(training, "compete", lambda team, turn, rounds: times)
    monkeypatch.setattr(training, "workers", lambda: contest.workers([TINYNN_1]))
    file = tmp_path / "ratios.json"
    assert circles.main(["--only", "v0", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed.count(" 4.00  (4.00 to 4.00)  1, 1") == 2
    written = json.loads(file.read_text())
    assert [result["part"] for result in written["results"]] == ["epoch", "step"]
    assert written["results"][0]["median"] == 4
    assert written["machine"]["tinynn"] == tinynn.__version__


@pytest.mark.parametrize(("program", "workload"), [(circles, "v0"), (digits, "cnn")])
def test_profile(capsys, monkeypatch, program, workload):
    monkeypatch.setattr(training, "PROFILED_SECONDS", 0.01)
    assert program.main(["--profile", workload]) == 0
    printed = capsys.readouterr().out
    assert "Ordered by: internal time" in printed
    assert "op.py" in printed  # where an operation is called


def test_imports(capsys):
    assert imports.main(["--rounds", "1"]) == 0
    assert "import tinynn / import numpy" in capsys.readouterr().out


def test_bad_rounds(capsys):
    with pytest.raises(SystemExit):
        circles.main(["--rounds", "0"])
    assert "must be at least 1, not 0" in capsys.readouterr().err
