"""Checkpoints and `--resume`: what a resumed run computes is bit for bit what the uninterrupted one does."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinynn
from experiments import circles
from experiments.common import options, program
from experiments.common.experiment import Experiment, Preset
from experiments.common.plane import PlaneExperiment
from experiments.common.run_folder import RunFolder
from experiments.common.tasks import MultiClassification
from experiments.common.training import Trainer

SMALL = ["--model", "v2", "--samples", "60", "--epochs", "12", "--checkpoint-every", "1"]
SHUFFLED = [*SMALL, "--batch-size", "16", "--optimizer", "adam"]

RUNS = [
    SMALL,
    SHUFFLED,
    [*SMALL, "--optimizer", "nesterov", "--dtype", "float64"],
    [*SMALL, "--optimizer", "rmsprop", "--checkpoint-every", "5"],
]


pytestmark = pytest.mark.usefixtures("undrawn")


class Stop:
    """Makes training end, as if killed, when it wants to begin another epoch after so many."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.run_epoch = Trainer.run_epoch

    def after(self, epochs, how=KeyboardInterrupt):
        done = 0

        def run_epoch(trainer):
            nonlocal done
            if done == epochs:
                raise how
            done += 1
            return self.run_epoch(trainer)

        self.monkeypatch.setattr(Trainer, "run_epoch", run_epoch)

    def never(self):
        self.monkeypatch.setattr(Trainer, "run_epoch", self.run_epoch)


@pytest.fixture
def stop(monkeypatch):
    return Stop(monkeypatch)


def run(folder, *arguments, main=circles.main):
    """Exit code of a run that writes into `folder`."""
    return main([*arguments, "--out", str(folder)])


def interrupted(stop, folder, *arguments, epochs, main=circles.main):
    """A run that ended without warning after so many epochs."""
    stop.after(epochs)
    assert run(folder, *arguments, main=main) == 130
    stop.never()


def parameters(path):
    """The saved model: for each name dtype, shape and bytes."""
    return {
        name: (value.dtype, value.shape, value.numpy().tobytes()) for name, value in tinynn.load(path).items()
    }


def assert_same_run(first, second):
    """Every epoch's metrics and every parameter, to the last bit."""
    assert (first / "metrics.csv").read_text() == (second / "metrics.csv").read_text()
    assert parameters(first / "model.pth") == parameters(second / "model.pth")
    results = [json.loads((folder / "metrics.json").read_text())["final"] for folder in (first, second)]
    assert results[0] == results[1]


def checkpoints(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("checkpoint"))


class TestBitForBit:
    @pytest.mark.parametrize("arguments", RUNS)
    @pytest.mark.parametrize("epochs", [1, 7, 11])
    def test_resumed_once(self, tmp_path, stop, arguments, epochs):
        run(tmp_path / "whole", *arguments)
        interrupted(stop, tmp_path / "cut", *arguments, epochs=epochs)
        assert run(tmp_path / "cut", *arguments, "--resume") == 0
        assert_same_run(tmp_path / "whole", tmp_path / "cut")
        assert checkpoints(tmp_path / "cut") == []

    def test_resumed_at_every_epoch(self, tmp_path, stop):
        run(tmp_path / "whole", *SHUFFLED)
        interrupted(stop, tmp_path / "cut", *SHUFFLED, epochs=1)
        for _ in range(10):
            interrupted(stop, tmp_path / "cut", *SHUFFLED, "--resume", epochs=1)
        assert run(tmp_path / "cut", *SHUFFLED, "--resume") == 0
        assert_same_run(tmp_path / "whole", tmp_path / "cut")

    def test_dropout_running_statistics_and_a_schedule(self, tmp_path, stop):
        def main(arguments):
            return program.main(Noisy(), arguments)

        run(tmp_path / "whole", "--checkpoint-every", "2", main=main)
        interrupted(stop, tmp_path / "cut", "--checkpoint-every", "2", epochs=9, main=main)
        assert run(tmp_path / "cut", "--resume", main=main) == 0
        assert_same_run(tmp_path / "whole", tmp_path / "cut")

    def test_the_history_is_whole_and_the_time_adds_up(self, tmp_path, stop, capsys):
        interrupted(stop, tmp_path, *SMALL, epochs=7)
        capsys.readouterr()
        run(tmp_path, *SMALL, "--resume")
        output = capsys.readouterr().out
        assert f"Resuming after epoch 7, from {tmp_path}" in output
        assert [int(n) for n in re.findall(r"^Epoch: (\d+)", output, re.MULTILINE)] == [7, 8, 9, 10, 11]
        content = json.loads((tmp_path / "metrics.json").read_text())
        assert [entry["epoch"] for entry in content["history"]["tinynn"]] == list(range(12))
        assert content["training"]["epochs"] == 12


class Noisy(PlaneExperiment):
    """All that has a state between epochs: shuffling, dropout, running statistics, momentum, a schedule."""

    program = "noisy.py"
    title = "Noisy"
    description = "For tests."
    presets = {"noisy": Preset("2-8-3", "for tests", optimizer="nesterov", lr=0.1, epochs=12, batch_size=16)}
    default_model = "noisy"

    def data(self, config):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((60, 2)), rng.integers(0, 3, 60)
        return circles.data.Split(X[:48], y[:48], X[48:], y[48:])

    def describe_data(self, config):
        return "60 points"

    def task(self, backend, config):
        return MultiClassification(backend)

    def model(self, backend, config):
        nn = backend.nn
        return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))

    def scheduler(self, backend, optimizer, config):
        return backend.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.epochs)


class TestWhatResumeSays:
    def test_a_finished_run(self, tmp_path, capsys):
        run(tmp_path, *SMALL)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        capsys.readouterr()
        assert run(tmp_path, *SMALL, "--resume") == 0
        assert capsys.readouterr().out == f"The run in {tmp_path} is finished; there is nothing to resume.\n"
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_no_checkpoint(self, tmp_path, capsys):
        assert run(tmp_path / "cut", *SMALL, "--resume") == 0
        assert f"No checkpoint in {tmp_path / 'cut'}: starting from the beginning" in capsys.readouterr().out
        run(tmp_path / "whole", *SMALL)
        assert_same_run(tmp_path / "whole", tmp_path / "cut")

    @pytest.mark.parametrize(("others", "message"), [
        (["--lr", "0.5"], "--lr was 0.1, not 0.5"),
        (["--model", "v1"], "--model was v2, not v1"),
        (["--batch-size", "8"], "--batch-size was not given, not 8"),
        (["--epochs", "13", "--seed", "1"], "--epochs was 12, not 13; --seed was 42, not 1"),
    ])  # fmt: skip
    @pytest.mark.parametrize("finished", [True, False])
    def test_other_options_are_refused_and_nothing_is_touched(
        self, tmp_path, stop, capsys, others, message, finished
    ):
        run(tmp_path, *SMALL) if finished else interrupted(stop, tmp_path, *SMALL, epochs=5)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert run(tmp_path, *SMALL, *others, "--resume") == 2
        error = capsys.readouterr().err
        assert f"The run in {tmp_path} has other options: {message}\n" in error
        assert "--resume goes on with the options a run was started with" in error
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_another_experiments_folder_is_refused(self, tmp_path, stop, capsys):
        interrupted(stop, tmp_path, *SMALL, epochs=5)
        assert run(tmp_path, "--resume", main=lambda arguments: program.main(Noisy(), arguments)) == 2
        assert "--program was circles.py, not noisy.py" in capsys.readouterr().err

    def test_checkpoints_of_other_versions(self, tmp_path, stop, capsys, monkeypatch):
        interrupted(stop, tmp_path, *SMALL, epochs=5)
        monkeypatch.setattr(tinynn, "__version__", "0.0.1")
        assert run(tmp_path, *SMALL, "--resume") == 0
        assert "Other versions wrote that" in capsys.readouterr().out


def cut_off(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def change_one_bit(path):
    """Of a weight: the file looks as before."""
    state = tinynn.load(path)["contender"]["trainer"]["model"]["layer_2.weight"].numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(state) + 50] ^= 1
    path.write_bytes(content)


def replace_by_another_file(path):
    RunFolder(path.parent).write_state(path.name, tinynn, {"not": "a checkpoint"})


class TestDamage:
    @pytest.mark.parametrize("damage", [cut_off, empty, change_one_bit, replace_by_another_file])
    def test_a_damaged_checkpoint_is_passed_over(self, tmp_path, stop, capsys, damage):
        run(tmp_path / "whole", *SHUFFLED)
        interrupted(stop, tmp_path / "cut", *SHUFFLED, epochs=8)
        newest = tmp_path / "cut" / checkpoints(tmp_path / "cut")[-1]
        damage(newest)
        capsys.readouterr()
        assert run(tmp_path / "cut", *SHUFFLED, "--resume", "--quiet") == 0
        output = capsys.readouterr().out
        assert re.search(f"{re.escape(str(newest))} (cannot be read: |is not a checkpoint)", output)
        assert "Going back to the checkpoint before." in output
        assert_same_run(tmp_path / "whole", tmp_path / "cut")

    def test_a_damaged_summary_is_named(self, tmp_path, capsys):
        run(tmp_path, *SMALL)
        cut_off(tmp_path / "metrics.json")
        assert run(tmp_path, *SMALL, "--resume") == 2
        assert f"circles.py: error: {tmp_path / 'metrics.json'} is not JSON" in capsys.readouterr().err

    def test_when_all_are_damaged_it_starts_anew(self, tmp_path, stop, capsys):
        run(tmp_path / "whole", *SMALL)
        interrupted(stop, tmp_path / "cut", *SMALL, epochs=8)
        for name in checkpoints(tmp_path / "cut"):
            empty(tmp_path / "cut" / name)
        assert run(tmp_path / "cut", *SMALL, "--resume") == 0
        assert "starting from the beginning" in capsys.readouterr().out
        assert_same_run(tmp_path / "whole", tmp_path / "cut")

    def test_a_full_disk_ends_the_run_and_leaves_the_last_checkpoint(self, tmp_path, capsys, monkeypatch):
        replace = os.replace

        def full(source, target):
            if "checkpoint-00000006" in str(target):
                raise OSError(28, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(os, "replace", full)
        assert run(tmp_path, *SMALL) == 1
        assert "circles.py: error: [Errno 28] No space left on device" in capsys.readouterr().err
        assert checkpoints(tmp_path) == ["checkpoint-00000004-tinynn.pth", "checkpoint-00000005-tinynn.pth"]
        monkeypatch.undo()
        assert run(tmp_path, *SMALL, "--resume", "--quiet") == 0


class TestFiles:
    def test_two_are_kept(self, tmp_path, stop):
        interrupted(stop, tmp_path, *SMALL, "--checkpoint-every", "3", epochs=11)
        assert checkpoints(tmp_path) == ["checkpoint-00000006-tinynn.pth", "checkpoint-00000009-tinynn.pth"]

    def test_a_run_that_starts_anew_forgets_the_old_ones(self, tmp_path, stop):
        interrupted(stop, tmp_path, *SMALL, epochs=8)
        interrupted(stop, tmp_path, *SMALL, "--lr", "0.3", epochs=2)
        assert checkpoints(tmp_path) == ["checkpoint-00000001-tinynn.pth", "checkpoint-00000002-tinynn.pth"]
        assert run(tmp_path, *SMALL, "--lr", "0.3", "--resume") == 0

    def test_what_a_killed_program_left_is_swept_up(self, tmp_path):
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        (tmp_path / f".model.pth.{process.pid}.tmp").write_bytes(b"half")
        alive = tmp_path / f".model.pth.{os.getpid()}.tmp"
        alive.write_bytes(b"being written")
        RunFolder(tmp_path)
        assert list(tmp_path.iterdir()) == [alive]

    @pytest.mark.parametrize(("text", "every"), [
        ("10", options.Every(epochs=10)),
        ("2.5s", options.Every(seconds=2.5)),
    ])  # fmt: skip
    def test_how_often(self, text, every):
        assert options.every(text) == every

    def test_due(self):
        assert [epoch for epoch in range(1, 10) if options.Every(epochs=4).due(epoch, 1e9)] == [4, 8]
        assert not options.Every(seconds=5).due(100, 4.9)
        assert options.Every(seconds=5).due(101, 5.0)

    @pytest.mark.parametrize("text", ["0", "often", "0s", "nans", "s"])
    def test_bad_intervals(self, tmp_path, text, capsys):
        with pytest.raises(SystemExit):
            run(tmp_path, *SMALL, "--checkpoint-every", text)
        assert "argument --checkpoint-every: must be " in capsys.readouterr().err

    def test_by_seconds_and_no_checkpoints_without_need(self, tmp_path, stop):
        interrupted(stop, tmp_path / "never", *SMALL[:-2], epochs=5)
        assert checkpoints(tmp_path / "never") == []
        interrupted(stop, tmp_path / "always", *SMALL[:-2], "--checkpoint-every", "1e-9s", epochs=5)
        assert checkpoints(tmp_path / "always")[-1] == "checkpoint-00000005-tinynn.pth"


class TestCtrlC:
    def test_writes_a_checkpoint_to_go_on_from(self, tmp_path, monkeypatch, capsys):
        run(tmp_path / "whole", *SHUFFLED)
        rare = [*SHUFFLED, "--checkpoint-every", "1000"]
        run_epoch = Trainer.run_epoch

        def press_ctrl_c(trainer):
            if len(trainer.history) == 4:
                signal.raise_signal(signal.SIGINT)
            return run_epoch(trainer)

        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            monkeypatch.setattr(Trainer, "run_epoch", press_ctrl_c)
            assert run(tmp_path / "cut", *rare) == 130
        finally:
            signal.signal(signal.SIGINT, previous)
            monkeypatch.setattr(Trainer, "run_epoch", run_epoch)
        assert "The same command with --resume goes on from here." in capsys.readouterr().out
        assert checkpoints(tmp_path / "cut") == ["checkpoint-00000005-tinynn.pth"]
        assert run(tmp_path / "cut", *rare, "--resume") == 0
        assert_same_run(tmp_path / "whole", tmp_path / "cut")


class TestComparison:
    COMPARE = ["--compare", "v0,v2", *SHUFFLED[2:]]

    def test_goes_on_in_the_model_where_it_ended(self, tmp_path, stop, capsys):
        run(tmp_path / "whole", *self.COMPARE)
        interrupted(stop, tmp_path / "cut", *self.COMPARE, epochs=12 + 5)
        capsys.readouterr()
        assert run(tmp_path / "cut", *self.COMPARE, "--resume") == 0
        output = capsys.readouterr().out
        assert "Resuming after epoch 12" in output, "v0 is done, but has to be drawn"
        assert "Resuming after epoch 5" in output
        for model in ("v0", "v2"):
            assert_same_run(tmp_path / "whole" / model, tmp_path / "cut" / model)
            assert checkpoints(tmp_path / "cut" / model) == []
        same = [(tmp_path / name / "comparison.json").read_text() for name in ("whole", "cut")]
        assert same[0] == same[1]

    def test_finished_and_refused(self, tmp_path, capsys):
        run(tmp_path, *self.COMPARE)
        capsys.readouterr()
        assert run(tmp_path, *self.COMPARE, "--resume") == 0
        assert "is finished; there is nothing to resume" in capsys.readouterr().out
        assert run(tmp_path, "--compare", "v1,v2", *SHUFFLED[2:], "--resume") == 2
        assert "--model was v0,v2, not v1,v2" in capsys.readouterr().err


class Killed:
    """A run in a process of its own that is killed, without warning, again and again."""

    ARGUMENTS = ["--model", "v2", "--samples", "60", "--batch-size", "16", "--optimizer", "adam",
                 "--checkpoint-every", "1"]  # fmt: skip
    PROGRAM = (
        "import sys; sys.path.insert(0, {root!r})\n"
        "from experiments import circles\n"
        "from experiments.common.run_folder import RunFolder\n"
        "RunFolder.write_figure = lambda folder, name, figure: folder.files.append(name)\n"
        "sys.exit(circles.main(sys.argv[1:]))"
    )

    def __init__(self, folder, epochs, *others):
        code = self.PROGRAM.format(root=str(Path(circles.__file__).parents[1]))
        arguments = [*self.ARGUMENTS, "--epochs", str(epochs), *others, "--out", str(folder)]
        self.command = [sys.executable, "-c", code, *arguments]
        self.folder = folder

    def kill(self, rng, seconds):
        """Go on, and kill before training has begun or, more often, within so many seconds of it."""
        with subprocess.Popen(
            [*self.command, "--resume"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            if rng.random() < 0.2:
                time.sleep(rng.uniform(0, 0.8))
            else:
                for line in process.stdout:
                    if line.startswith(("Resuming", "Epoch")):
                        break
                time.sleep(rng.uniform(0, seconds))
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL, "it must have been running"

    def newest(self):
        """The epoch of the newest checkpoint, which can be read; 0 without."""
        names = checkpoints(self.folder) if self.folder.exists() else []
        if not names:
            return 0
        state = RunFolder(self.folder).read_state(names[-1], tinynn)
        return len(state["contender"]["trainer"]["history"])

    def finish(self):
        subprocess.run([*self.command, "--resume", "--quiet"], check=True, capture_output=True)


def kill_again_and_again(tmp_path, times, epochs):
    """The kills together come before the run could be at its end."""
    whole, cut = Killed(tmp_path / "whole", epochs), Killed(tmp_path / "cut", epochs)
    whole.finish()
    seconds = json.loads((tmp_path / "whole" / "metrics.json").read_text())["training"]["seconds"]
    rng = random.Random(0)
    reached = [0]
    for _ in range(times):
        cut.kill(rng, seconds / times)
        reached.append(cut.newest())
    assert reached == sorted(reached), "no kill loses what was written"
    assert reached[-1] > 0
    cut.finish()
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX only")
def test_killed_twice(tmp_path):
    kill_again_and_again(tmp_path, times=2, epochs=200)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX only")
def test_killed_thirty_times(tmp_path):
    kill_again_and_again(tmp_path, times=30, epochs=900)


def test_experiments_say_what_they_must():
    with pytest.raises(TypeError, match="abstract method"):
        Experiment()
