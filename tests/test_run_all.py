"""run_all.py: what it runs, how it judges, what it prints and returns."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest

from experiments import run_all
from experiments.run_all import Entry, Expected

HERE = Path(run_all.__file__).parent

PASSES = 'import json, pathlib\nfinal = {"tinynn": {"loss": 0.25, "test_acc": 99.5}}\n'
WRITES = 'pathlib.Path(out, "metrics.json").write_text(json.dumps({"final": final}))\n'
READS = 'import sys\nout = sys.argv[sys.argv.index("--out") + 1]\nprint(*sys.argv[1:])\n'


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder with programs in place of the experiments: name -> its code."""
    folder = tmp_path / "experiments"
    folder.mkdir()
    monkeypatch.setattr(run_all, "HERE", folder)
    monkeypatch.setattr(run_all, "KNOWN", [])

    def write(**codes):
        for name, code in codes.items():
            (folder / f"{name}.py").write_text(READS + code)

    return write


def run(tmp_path, *options):
    return run_all.main([*options, "--out", str(tmp_path / "out")])


def expect(monkeypatch, *entries):
    monkeypatch.setattr(run_all, "KNOWN", list(entries))


class TestJudgement:
    def test_all_pass(self, tmp_path, programs, monkeypatch, capsys):
        programs(one=PASSES + WRITES, two="")
        expect(monkeypatch, Entry("one", "one.py", ("--fast",), (Expected("loss", 0.25, 1e-5),)))
        assert run(tmp_path) == 0
        output = capsys.readouterr().out
        assert re.search(r"1 of 2  passed +\d+\.\d s  one\n", output)
        assert re.search(r"one +tinynn +loss +0\.25000 +0\.25000 +ok\n", output)
        assert "2 experiments, 2 passed, none failed" in output
        printed = (tmp_path / "out" / "one" / "output.txt").read_text()
        assert printed == f"--fast --backend tinynn --out {tmp_path / 'out' / 'one'}\n"
        with open(tmp_path / "out" / "expected_and_got.csv", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["experiment"], row["expected"], row["verdict"]) == ("one", "0.25000", "ok")

    @pytest.mark.parametrize(("expected", "got"), [
        (Expected("loss", 0.2501, 1e-5),               "0.25010          0.25000  WRONG"),
        (Expected("test_acc", 99.6, at_least=True),    "at least 99.60  99.50    WRONG"),
        (Expected("train_acc", 50, 0.05),              "50.00            -        WRONG"),
    ])  # fmt: skip
    def test_a_wrong_number_fails(self, tmp_path, programs, monkeypatch, capsys, expected, got):
        programs(one=PASSES + WRITES)
        expect(monkeypatch, Entry("one", "one.py", (), (expected,)))
        assert run(tmp_path) == 1
        output = capsys.readouterr().out
        assert " ".join(got.split()) in " ".join(output.split())
        assert "1 experiments, 0 passed, 1 failed: one" in output

    def test_a_number_that_is_reached(self, tmp_path, programs, monkeypatch, capsys):
        programs(one=PASSES + WRITES)
        expect(monkeypatch, Entry("one", "one.py", (), (Expected("test_acc", 98, at_least=True),)))
        assert run(tmp_path) == 0
        assert re.search(r"test_acc +at least 98\.00 +99\.50 +ok", capsys.readouterr().out)

    def test_a_program_that_fails_shows_its_end_and_the_others_run(self, tmp_path, programs, capsys):
        programs(bad="print('before')\nraise RuntimeError('what went wrong')", good="")
        assert run(tmp_path, "--quiet") == 1
        output = capsys.readouterr().out
        assert "exit code 1; the end of" in output
        assert "RuntimeError: what went wrong" in output
        assert "2 experiments, 1 passed, 1 failed: bad" in output

    @pytest.mark.parametrize("content", ["{", '{"final": {"tinynn": {"loss": null}}}', "{}"])
    def test_numbers_that_are_not_there(self, tmp_path, programs, monkeypatch, content):
        programs(one=f"import pathlib\npathlib.Path(out, 'metrics.json').write_text({content!r})")
        expect(monkeypatch, Entry("one", "one.py", (), (Expected("loss", 0.25, 1e-5),)))
        assert run(tmp_path) == 1

    def test_quick_does_not_look_at_the_numbers(self, tmp_path, programs, monkeypatch, capsys):
        programs(one="")
        expect(monkeypatch, Entry("one", "one.py", ("--epochs", "9"), (Expected("loss", 0.25, 1e-5),)))
        assert run(tmp_path, "--quick") == 0
        assert "expected" not in capsys.readouterr().out
        printed = (tmp_path / "out" / "one" / "output.txt").read_text()
        assert printed.startswith("--epochs 9 --epochs 2 --backend tinynn")


class TestRunning:
    def test_in_parallel_in_the_order_of_the_table(self, tmp_path, programs, monkeypatch, capsys):
        waits = "import time; time.sleep(0.3)\n"
        programs(one=waits + PASSES + WRITES, two=PASSES + WRITES)
        known = (Expected("loss", 0.25, 1e-5),)
        expect(monkeypatch, Entry("one", "one.py", (), known), Entry("two", "two.py", (), known))
        assert run(tmp_path, "--jobs", "2") == 0
        output = capsys.readouterr().out
        assert output.index("  two") < output.index("  one"), "told as they end"
        assert output.index("\none ") < output.index("\ntwo "), "summed up in order"

    def test_threads_are_shared_out(self, tmp_path, programs, monkeypatch):
        programs(one="import os; print(os.environ.get('OPENBLAS_NUM_THREADS'))")
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
        for jobs, threads in (("1", "None"), ("2", "1")):
            run(tmp_path, "--jobs", jobs)
            assert (tmp_path / "out" / "one" / "output.txt").read_text().splitlines()[-1] == threads

    def test_resume_is_passed_on_to_what_can(self, tmp_path, programs, monkeypatch):
        programs(one="", two="")
        expect(monkeypatch, Entry("one", "one.py"), Entry("two", "two.py", resumes=False))
        run(tmp_path, "--resume")
        printed = [(tmp_path / "out" / name / "output.txt").read_text() for name in ("one", "two")]
        assert ["--resume" in text for text in printed] == [True, False]

    def test_interrupted(self, tmp_path, programs, monkeypatch, capsys):
        programs(one="", two="")
        monkeypatch.setattr(run_all.Everything, "tell", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert run(tmp_path) == 130
        assert "--resume goes on" in capsys.readouterr().out

    def test_only_some(self, tmp_path, programs, capsys):
        programs(one="", two="", three="")
        assert run(tmp_path, "--only", "t", "--quiet") == 0
        assert "2 experiments" in capsys.readouterr().out
        with pytest.raises(SystemExit) as end:
            run(tmp_path, "--only", "four")
        assert end.value.code == 2
        assert "none has that in its name; there are one, three, two" in capsys.readouterr().err


class TestWhatThereIs:
    def test_every_experiment_is_run(self):
        programs = {path.name for path in HERE.glob("*.py")} - run_all.NO_EXPERIMENTS
        assert programs == {entry.program for entry in run_all.entries()}

    def test_names_are_folders_of_their_own(self):
        names = [entry.name for entry in run_all.entries()]
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[\w-]+", name) for name in names)

    def test_what_is_known_is_checked_for_real(self, tmp_path, capsys):
        assert run(tmp_path, "--only", "circles-v0") == 0
        output = capsys.readouterr().out
        assert re.search(r"circles-v0 +tinynn +loss +0\.69302 +0\.69302 +ok", output)
        content = json.loads((tmp_path / "out" / "circles-v0" / "metrics.json").read_text())
        assert content["training"]["epochs"] == 100

    @pytest.mark.slow
    def test_everything(self, tmp_path):
        assert run(tmp_path, "--jobs", "2") == 0

    @pytest.mark.slow
    def test_everything_quick(self, tmp_path):
        assert run(tmp_path, "--quick", "--jobs", "2") == 0


def test_it_runs_with_this_python(tmp_path, programs):
    programs(one="print(sys.executable)")
    run(tmp_path)
    assert (tmp_path / "out" / "one" / "output.txt").read_text().splitlines()[-1] == sys.executable
