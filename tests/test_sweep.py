"""sweep.py: what it runs, writes, goes on with, and survives; on dask and on ray (slow) the same numbers."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments import sweep
from experiments.circles import Circles
from experiments.common import engines, trials
from experiments.common.errors import WorkerLostError
from experiments.common.plots import Cell, plot_heat_map
from experiments.common.results import FILE
from experiments.common.run_folder import RunFolder
from experiments.common.tasks import BinaryClassification, Regression
from experiments.common.trials import DIVERGED, FAILED, OK, Outcome

SCRIPT = Path(sweep.__file__)
SMALL = ["--models", "v0,v2", "--optimizers", "sgd,adam", "--lrs", "0.01,0.1", "--seeds", "2"]
SMALL += ["--samples", "40", "--epochs", "4"]
TRIALS = 16
PATIENCE = 120  # seconds until what does not end has failed
LARGE = ["--models", "v2", "--samples", "500", "--epochs", "150"]  # 48 trials

# fmt: off
BAD_ARGUMENTS = [
    (["--models", "v9"],               "argument --models: 'v9' is none of v0, v1, v2, binary,"),
    (["--models", ""],                 "argument --models: '' is none of"),
    (["--optimizers", "sgd,sgd"],      "argument --optimizers: must have each once, not 'sgd,sgd'"),
    (["--lrs", "0.1,0"],               "argument --lrs: must be greater than 0, not 0"),
    (["--lrs", "0.1,x"],               "argument --lrs: must be a number, not 'x'"),
    (["--seeds", "0"],                 "argument --seeds: must be at least 1, not 0"),
    (["--jobs", "0"],                  "argument --jobs: must be at least 1, not 0"),
    (["--backend", "both"],            "argument --backend: invalid choice: 'both'"),
    (["--experiment", "moons"],        "argument --experiment: invalid choice: 'moons'"),
    (["--engine", "spark"],            "argument --engine: invalid choice: 'spark'"),
    (["--engine", "dask"],             "--engine dask wants the --scheduler ADDRESS"),
    (["--scheduler", "host:1"],        "--scheduler is for --engine dask or ray"),
    (["--engine", "dask", "--scheduler", "host:1", "--jobs", "2"], "--jobs: a dask cluster does as many"),
]
# fmt: on


@pytest.fixture(autouse=True)
def _unpainted(monkeypatch):
    """Figures are made but not painted, which takes most of the time of a small sweep."""
    monkeypatch.setattr(RunFolder, "write_figure", lambda folder, name, figure: folder.files.append(name))


def only_local(options):
    """One trial after the other, in this process."""
    return [] if "--engine" in options else ["--jobs", "1"]


def run(folder, *options):
    return sweep.main([*SMALL, *only_local(options), "--out", str(folder), *options])


def rows(folder):
    with open(folder / FILE, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def sequential(tmp_path_factory):
    """What the small sweep gives, one trial after the other."""
    folder = tmp_path_factory.mktemp("sequential")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "write_figure", lambda folder, name, figure: None)
        assert run(folder, "--quiet") == 0
    return (folder / FILE).read_bytes()


@pytest.fixture
def counted(monkeypatch):
    """The trials that are trained, in this process: (optimizer, lr, seed)."""
    trained = []
    train = trials.train

    def counting(experiment, backend, parameters):
        trained.append((parameters["optimizer"], parameters["lr"], parameters["seed"]))
        return train(experiment, backend, parameters)

    monkeypatch.setattr(trials, "train", counting)
    return trained


@pytest.fixture
def spoiled(monkeypatch):
    """Circles cannot be built with seed 43 while `spoiled[0]` is set."""
    spoil, model = [True], Circles.model

    def building(self, backend, config):
        if spoil[0] and config.seed == 43:
            raise RuntimeError("no such seed\nand more")
        return model(self, backend, config)

    monkeypatch.setattr(Circles, "model", building)
    return spoil


class TestResults:
    def test_a_row_for_each_trial_and_what_they_come_to(self, tmp_path, capsys):
        assert run(tmp_path) == 0
        table = rows(tmp_path)
        assert len(table) == TRIALS
        assert {row["status"] for row in table} == {OK}
        assert [row["seed"] for row in table[:3]] == ["42", "43", "42"]
        output = capsys.readouterr().out
        assert f"{TRIALS:>4} of {TRIALS}  v2 adam lr 0.1 seed 43" in output
        assert f"In {tmp_path}: results.csv, summary.csv, heat_map.png" in output
        with open(tmp_path / "summary.csv", newline="") as file:
            summary = list(csv.DictReader(file))
        assert len(summary) == TRIALS // 2
        scores = [float(row["test_acc"]) for row in table[:2]]
        assert float(summary[0]["test_acc"]) == np.mean(scores)
        assert float(summary[0]["test_acc_std"]) == np.std(scores)

    def test_a_row_is_what_the_experiment_gives_by_itself(self, tmp_path, sequential):
        from experiments import circles

        single = ["--model", "v2", "--optimizer", "adam", "--lr", "0.1", "--seed", "43", "--quiet"]
        circles.main([*single, "--samples", "40", "--epochs", "4", "--out", str(tmp_path)])
        final = json.loads((tmp_path / "metrics.json").read_text())["final"]["tinynn"]
        (tmp_path / FILE).write_bytes(sequential)
        del final["loss"]  # of the last step, before it
        assert {name: float(rows(tmp_path)[-1][name]) for name in final} == final

    def test_two_processes_give_the_same_file(self, tmp_path, sequential):
        assert run(tmp_path, "--jobs", "2", "--quiet") == 0
        assert (tmp_path / FILE).read_bytes() == sequential

    def test_the_best_come_first(self, tmp_path, capsys):
        run(tmp_path, "--quiet", "--models", "v2", "--epochs", "60", "--samples", "200")
        lines = capsys.readouterr().out.splitlines()
        first = lines.index(next(line for line in lines if line.startswith("model")))
        best = [line.split() for line in lines[first + 1 : first + 3]]
        assert [line[1] for line in best] == ["adam", "sgd"]
        assert float(best[0][3]) > float(best[1][3])

    def test_another_experiment_and_another_metric(self, tmp_path, capsys):
        options = ["--experiment", "regression", "--optimizers", "sgd", "--lrs", "0.01,1000", "--seeds", "1"]
        assert sweep.main([*options, "--epochs", "20", "--jobs", "1", "--out", str(tmp_path)]) == 0
        good, bad = rows(tmp_path)
        assert float(good["test_rmse"]) > 0
        assert (bad["status"], bad["test_rmse"]) == (DIVERGED, "")
        output = capsys.readouterr().out
        assert "DIVERGED: the loss is" in output
        assert "1 trials gave no result:" in output


class TestFailures:
    def test_a_trial_that_raises_is_told_and_the_others_run(self, tmp_path, spoiled, capsys):
        assert run(tmp_path) == 1
        table = rows(tmp_path)
        assert [row["status"] for row in table] == [OK, FAILED] * (TRIALS // 2)
        assert {row["reason"] for row in table if row["status"] == FAILED} == {"RuntimeError: no such seed"}
        assert "  v0 sgd lr 0.01 seed 43: failed: RuntimeError: no such seed" in capsys.readouterr().out
        with open(tmp_path / "summary.csv", newline="") as file:
            assert {row["lacking"] for row in csv.DictReader(file)} == {"1 of 2 failed"}

    def test_resume_runs_it_again(self, tmp_path, spoiled, counted, sequential):
        assert run(tmp_path, "--quiet") == 1
        spoiled[0] = False
        counted.clear()
        assert run(tmp_path, "--quiet", "--resume") == 0
        assert {seed for _, _, seed in counted} == {43}
        assert (tmp_path / FILE).read_bytes() == sequential

    def test_none_has_a_result(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(trials, "train", lambda *_: (_ for _ in ()).throw(MemoryError()))
        assert run(tmp_path, "--quiet") == 1
        assert "No trial gave a result." in capsys.readouterr().out
        assert {row["reason"] for row in rows(tmp_path)} == {"MemoryError"}

    def test_a_worker_that_dies_is_noticed(self):
        with engines.engine("local", 2, None) as one_by_one, pytest.raises(WorkerLostError, match="killed"):
            list(engines.results("os:_exit", [(1,), (1,)], one_by_one))

    def test_what_died_with_its_worker_is_run_again(self, tmp_path, monkeypatch, counted, capsys, sequential):
        results, calls_left = engines.results, []

        def dying(function, calls, one_by_one):
            calls_left.append(len(calls))
            for number, result in enumerate(results(function, calls, one_by_one)):
                if number == 5:
                    raise WorkerLostError("a worker died")
                yield result

        monkeypatch.setattr(engines, "results", dying)
        assert run(tmp_path) == 0
        assert calls_left == [16, 11, 6, 1]
        assert "A worker died; starting the 11 trials that are left again." in capsys.readouterr().out
        assert (tmp_path / FILE).read_bytes() == sequential

    def test_it_gives_up_on_what_kills_every_worker(self, tmp_path, monkeypatch, capsys):
        def dying(function, calls, one_by_one):
            yield 0, Outcome(DIVERGED, {}, "as if")
            raise WorkerLostError("a worker died")

        monkeypatch.setattr(engines, "results", dying)
        assert run(tmp_path, "--quiet") == 1
        assert "A worker died; giving up." in capsys.readouterr().out
        assert len(rows(tmp_path)) == 4


class TestResume:
    def test_ctrl_c_keeps_what_was_computed(self, tmp_path, monkeypatch, counted, capsys, sequential):
        add = sweep.Results.add

        def interrupting(self, number, outcome):
            row = add(self, number, outcome)
            if number == 6:
                raise KeyboardInterrupt
            return row

        with monkeypatch.context() as patch:
            patch.setattr(sweep.Results, "add", interrupting)
            assert run(tmp_path) == 130
        output = capsys.readouterr().out
        assert f"Interrupted: 7 of 16 trials are in {tmp_path / FILE}." in output
        assert (tmp_path / FILE).read_bytes() == b"".join(sequential.splitlines(keepends=True)[:8])
        counted.clear()
        assert run(tmp_path, "--resume") == 0
        assert len(counted) == 9
        assert "7 are done" in capsys.readouterr().out
        assert (tmp_path / FILE).read_bytes() == sequential

    def test_kill_9_loses_no_row(self, tmp_path, sequential):
        """The file is whole at any moment; --resume makes it the same file."""
        command = [sys.executable, str(SCRIPT), *SMALL, "--jobs", "1", "--out", str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if "5 of 16" in line:
                process.kill()
        process.wait(PATIENCE)
        process.stdout.close()
        count = len(rows(tmp_path))
        assert count >= 5
        assert run(tmp_path, "--resume", "--quiet") == 0
        assert (tmp_path / FILE).read_bytes() == sequential

    def test_a_finished_sweep_runs_nothing(self, tmp_path, counted, sequential):
        (tmp_path / FILE).write_bytes(sequential)
        assert run(tmp_path, "--resume", "--quiet") == 0
        assert counted == []

    def test_more_seeds_run_the_new_ones_only(self, tmp_path, counted, sequential):
        (tmp_path / FILE).write_bytes(sequential)
        assert run(tmp_path, "--resume", "--quiet", "--seeds", "3") == 0
        assert {seed for _, _, seed in counted} == {44}
        assert len(rows(tmp_path)) == TRIALS + TRIALS // 2

    def test_other_conditions_are_other_trials(self, tmp_path, counted, sequential):
        (tmp_path / FILE).write_bytes(sequential)
        assert run(tmp_path, "--resume", "--quiet", "--epochs", "1") == 0
        assert len(counted) == TRIALS
        assert len(rows(tmp_path)) == 2 * TRIALS

    def test_without_resume_it_starts_anew(self, tmp_path, counted, capsys, sequential):
        (tmp_path / FILE).write_bytes(sequential)
        assert run(tmp_path) == 0
        assert len(counted) == TRIALS
        assert "--resume would go on with it" in capsys.readouterr().out

    @pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe", b'"'])
    def test_a_file_that_is_none(self, tmp_path, capsys, content):
        (tmp_path / FILE).write_bytes(content)
        assert run(tmp_path, "--resume") == 2
        assert str(tmp_path / FILE) in capsys.readouterr().err
        assert (tmp_path / FILE).read_bytes() == content

    def test_a_row_cut_short(self, tmp_path, capsys, sequential):
        (tmp_path / FILE).write_bytes(sequential[:-40])
        assert run(tmp_path, "--resume") == 2
        assert "its columns are others" in capsys.readouterr().err


class TestCommandLine:
    @pytest.mark.parametrize(("options", "message"), BAD_ARGUMENTS)
    def test_bad_arguments(self, options, message, capsys):
        with pytest.raises(SystemExit) as ended:
            sweep.main(options)
        assert ended.value.code == 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("engine", "module", "name"), [("dask", "distributed", "dask\\[distributed"), ("ray", "ray", "ray")]
    )
    def test_a_missing_engine_is_named(self, tmp_path, monkeypatch, capsys, engine, module, name):
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda wanted: None if wanted == module else find_spec(wanted)
        )
        options = [*SMALL, "--engine", engine, "--scheduler", "127.0.0.1:1", "--out", str(tmp_path)]
        assert sweep.main(options) == 2
        error = capsys.readouterr().err
        assert "pip install" in error
        assert name.replace("\\", "") in error

    def test_a_folder_that_cannot_be_made(self, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert run(tmp_path / "file" / "folder") == 2
        assert "cannot write results" in capsys.readouterr().err


class TestHeatMap:
    CELLS = {
        ("v2, sgd", "0.1"): Cell(97.5, "97.5 ± 1"),
        ("v2, sgd", "1"): Cell(50.0, "50\n1 of 3 diverged", marked=True),
        ("v2, adam", "0.1"): Cell(100.0, "100"),
        ("v2, adam", "1"): Cell(None, "3 of 3 failed", marked=True),
    }

    def test_texts_labels_and_marks(self, tmp_path):
        figure = plot_heat_map(self.CELLS, ("Optimizer", "Rate"), BinaryClassification.metric, "Title")
        ax, bar = figure.axes
        assert [text.get_text() for text in ax.texts] == [cell.text for cell in self.CELLS.values()]
        assert [patch.get_hatch() for patch in ax.patches] == ["///", "///"]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "1"]
        assert [label.get_text() for label in ax.get_yticklabels()] == ["v2, sgd", "v2, adam"]
        assert (ax.get_ylabel(), ax.get_xlabel(), bar.get_ylabel()) == ("Optimizer", "Rate", "Accuracy (%)")
        assert ax.yaxis_inverted()
        values = ax.collections[0].get_array()
        assert values.mask.tolist() == [[False, False], [False, True]]
        figure.savefig(tmp_path / "map.png")
        plt.close(figure)

    def test_text_stands_out_from_its_cell(self):
        figure = plot_heat_map(self.CELLS, ("", ""), BinaryClassification.metric, "")
        for text in figure.axes[0].texts:
            ink = np.mean(plt.matplotlib.colors.to_rgb(text.get_color()))
            ground = np.mean(text.get_bbox_patch().get_facecolor()[:3])
            assert abs(ink - ground) > 0.4
        plt.close(figure)

    def test_errors_have_a_logarithmic_scale(self):
        cells = {("a", "1"): Cell(1e-3, ""), ("a", "2"): Cell(1e9, "")}
        figure = plot_heat_map(cells, ("", ""), Regression.metric, "")
        assert isinstance(figure.axes[0].collections[0].norm, plt.matplotlib.colors.LogNorm)
        plt.close(figure)

    def test_nothing_to_colour(self, tmp_path):
        figure = plot_heat_map({("a", "1"): Cell(None, "not run", True)}, ("", ""), Regression.metric, "")
        assert len(figure.axes) == 1
        figure.savefig(tmp_path / "map.png")
        plt.close(figure)


def wait_for(condition):
    """Wait until `condition()` is true and return that."""
    end = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)
    return result


def script(folder, *options):
    """The sweep as a program of its own, with one thread for each computation as a user would have it."""
    command = [sys.executable, str(SCRIPT), *LARGE, "--out", str(folder), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The results of 48 trials, one after the other."""
    folder = tmp_path_factory.mktemp("large")
    output, _ = script(folder, "--jobs", "1").communicate(timeout=PATIENCE)
    assert "48 of 48" in output, output
    return (folder / FILE).read_bytes()


@pytest.fixture
def cluster(tmp_path):
    """A dask scheduler and two workers here: its address, their processes, and what starts one more."""
    pytest.importorskip("distributed", reason="dask is not installed: pip install 'dask[distributed]'")
    processes = []
    about = tmp_path / "scheduler.json"

    def start(*arguments):
        with open(tmp_path / f"{arguments[0]}-{len(processes)}.txt", "w") as log:
            command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
        return processes[-1]

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(about))
        wait_for(about.exists)
        address = wait_for(lambda: about.read_text() and json.loads(about.read_text())["address"])
        start_worker = partial(start, "worker", address, "--nthreads", "1", "--no-nanny")
        yield address, [start_worker(), start_worker()], start_worker
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
class TestDask:
    def test_two_workers_give_the_same_file(self, tmp_path, cluster, large):
        address, *_ = cluster
        output, _ = script(tmp_path / "out", "--engine", "dask", "--scheduler", address).communicate(
            timeout=PATIENCE
        )
        assert "48 of 48" in output, output
        assert (tmp_path / "out" / FILE).read_bytes() == large

    def test_killing_a_worker_loses_no_trial(self, tmp_path, cluster, large):
        address, (victim, _), _ = cluster
        from distributed import Client

        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=PATIENCE)
            process = script(tmp_path / "out", "--engine", "dask", "--scheduler", address)
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "12 of 48" in line:
                    os.kill(victim.pid, signal.SIGKILL)
            assert len(client.scheduler_info()["workers"]) == 1
        assert process.wait(PATIENCE) == 0, "".join(lines)
        process.stdout.close()
        assert (tmp_path / "out" / FILE).read_bytes() == large

    def test_a_call_that_kills_its_workers_ends_with_an_error(self, cluster):
        """Dask tries three others; joblib's own backend would then wait for ever."""
        address, workers, start_worker = cluster
        workers += [start_worker(), start_worker()]
        code = (
            "from experiments.common import engines\n"
            f"with engines.engine('dask', None, {address!r}) as one_by_one:\n"
            "    list(engines.results('os:_exit', [(1,)], one_by_one))\n"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, cwd=engines.ROOT, timeout=PATIENCE)
        assert "WorkerLostError: dask gave up a call: Attempted to run task" in done.stderr

    def test_nobody_there(self, tmp_path, capsys):
        pytest.importorskip("distributed", reason="dask is not installed: pip install 'dask[distributed]'")
        assert run(tmp_path, "--engine", "dask", "--scheduler", "nonsense") == 2
        assert "--scheduler nonsense: no dask scheduler answers there" in capsys.readouterr().err


@pytest.mark.slow
class TestRay:
    def test_its_workers_give_the_same_file(self, tmp_path, large):
        pytest.importorskip("ray", reason="ray is not installed: pip install ray")
        output, _ = script(tmp_path, "--engine", "ray", "--jobs", "2").communicate(timeout=PATIENCE)
        assert "48 of 48" in output, output
        assert (tmp_path / FILE).read_bytes() == large

    def test_nobody_there(self, tmp_path):
        pytest.importorskip("ray", reason="ray is not installed: pip install ray")
        process = script(tmp_path, "--engine", "ray", "--scheduler", "127.0.0.1:9")
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        assert "--scheduler 127.0.0.1:9: no ray cluster answers there" in output
