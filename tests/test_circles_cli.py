"""The circles experiment on tinynn alone: what it prints, writes, refuses, and keeps when interrupted."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinynn
from experiments import circles
from experiments.common import backends, cli, lockstep
from experiments.common.contender import Contender
from experiments.common.errors import UserError
from experiments.common.run_folder import RunFolder

SCRIPT = Path(circles.__file__)
SMALL = ["--model", "v2", "--samples", "60", "--epochs", "20"]
PICTURES = ["data.png", "boundary_before.png", "boundary_after.png", "curves.png"]
EPOCH_LINE = re.compile(
    r"Epoch: \d+ \| Loss: \d\.\d{5}, Acc: \d+\.\d\d% \| Test Loss: \d\.\d{5}, Test Acc: \d+\.\d\d%"
)
RESULT_LINE = re.compile(
    r"Result of tinynn after ([\d,]+) epochs \| Loss: ([\d.]+), Acc: ([\d.]+)%"
    r" \| Test Loss: ([\d.]+), Test Acc: ([\d.]+)%"
)

# fmt: off
STUDIED_RUNS = [
    (["--model", "v0"],                     0.69302, 50.50,  46.50),
    (["--model", "v1"],                     0.69298, 51.00,  46.00),
    (["--model", "v2", "--epochs", "1000"], 0.56890, 87.75,  86.50),
    (["--model", "v2"],                     0.01673, 99.875, 100.0),
    (["--model", "binary"],                 0.16588, 99.95,  99.90),
]

BAD_ARGUMENTS = [
    (["--out="], "must name a folder"),
    (["--epochs", "-1"],       "argument --epochs: must be at least 1, not -1"),
    (["--epochs", "0"],        "argument --epochs: must be at least 1, not 0"),
    (["--epochs", "ten"],      "argument --epochs: must be a whole number, not 'ten'"),
    (["--samples", "9"],       "argument --samples: must be at least 10, not 9"),
    (["--batch-size", "0"],    "argument --batch-size: must be at least 1, not 0"),
    (["--lr", "0"],            "argument --lr: must be greater than 0, not 0"),
    (["--lr", "nan"],          "argument --lr: must be greater than 0, not nan"),
    (["--lr", "inf"],          "argument --lr: must be at most 1e+30, not inf"),
    (["--noise", "-0.1"],      "argument --noise: must be at least 0, not -0.1"),
    (["--noise", "much"],      "argument --noise: must be a number, not 'much'"),
    (["--seed", "-1"],         "argument --seed: must be at least 0, not -1"),
    (["--seed", str(2**63)],   f"argument --seed: must be at most {2**63 - 1}, not {2**63}"),
    (["--model", "v9"],        "argument --model: invalid choice: 'v9'"),
    (["--backend", "jax"],     "argument --backend: invalid choice: 'jax'"),
    (["--dtype", "float16"],   "argument --dtype: invalid choice: 'float16'"),
    (["--optimizer", "lbfgs"], "argument --optimizer: invalid choice: 'lbfgs'"),
    (["--speed", "9"],         "unrecognized arguments: --speed 9"),
]
# fmt: on


def run(tmp_path, *options):
    """Exit code of a run that writes into `tmp_path / 'run'`."""
    return circles.main([*options, "--out", str(tmp_path / "run")])


def rows(path):
    """A CSV file's rows, as dictionaries of floats."""
    with open(path, newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.usefixtures("unpainted")
class TestResults:
    """The runs the models are studied with give the numbers PyTorch gives for them."""

    @pytest.mark.parametrize(("options", "loss", "acc", "test_acc"), STUDIED_RUNS)
    def test_the_studied_runs(self, tmp_path, options, loss, acc, test_acc):
        assert run(tmp_path, *options, "--quiet") == 0
        final = json.loads((tmp_path / "run" / "metrics.json").read_text())["final"]["tinynn"]
        assert final["loss"] == pytest.approx(loss, abs=2e-5)
        assert final["train_acc"] == pytest.approx(acc, abs=0.05)
        assert final["test_acc"] == pytest.approx(test_acc, abs=0.05)

    def test_adam_with_its_own_learning_rate(self, tmp_path, capsys):
        assert run(tmp_path, "--model", "v2", "--optimizer", "adam", "--epochs", "200") == 0
        output = capsys.readouterr().out
        assert "adam with lr 0.01, 200 epochs" in output
        assert float(RESULT_LINE.search(output)[2]) == pytest.approx(0.01524, abs=2e-5)

    def test_the_same_options_give_the_same_numbers_and_another_seed_others(self, tmp_path):
        for name, seed in (("first", "42"), ("second", "42"), ("third", "7")):
            circles.main([*SMALL, "--batch-size", "16", "--seed", seed, "--out", str(tmp_path / name)])
        first, second, third = (
            (tmp_path / n / "metrics.csv").read_text() for n in ("first", "second", "third")
        )
        assert first == second != third

    def test_float64_starts_from_the_weights_of_float32(self, tmp_path):
        for dtype in ("float32", "float64"):
            assert circles.main([*SMALL, "--dtype", dtype, "--out", str(tmp_path / dtype)]) == 0
        single, double = (
            rows(tmp_path / "float32" / "metrics.csv"),
            rows(tmp_path / "float64" / "metrics.csv"),
        )
        np.testing.assert_allclose([r["loss"] for r in single], [r["loss"] for r in double], atol=1e-6)
        assert [r["loss"] for r in single] != [r["loss"] for r in double]
        state = tinynn.load(tmp_path / "float64" / "model.pth")
        assert {value.dtype for value in state.values()} == {tinynn.float64}

    def test_minibatches_with_a_last_batch_of_one_point(self, tmp_path):
        assert run(tmp_path, "--model", "v2", "--samples", "60", "--epochs", "3", "--batch-size", "47") == 0
        assert len(rows(tmp_path / "run" / "metrics.csv")) == 3


@pytest.mark.usefixtures("unpainted")
class TestPrinting:
    def test_header_lines_and_summary(self, tmp_path, capsys):
        assert run(tmp_path, *SMALL) == 0
        captured = capsys.readouterr()
        lines = captured.out.splitlines()
        assert lines[0] == "Backend   tinynn on cpu, float32, seed 42"
        assert f"tinynn {tinynn.__version__}" in lines[1]
        assert f"numpy {np.__version__}" in lines[1]
        assert "2-10-10-1 ReLU, 151 parameters" in lines[2]
        assert "60 points on two circles, noise 0.03: 48 to train, 12 to test" in lines[3]
        assert "sgd with lr 0.1, 20 epochs, full batch" in lines[4]
        epochs = [line for line in lines if EPOCH_LINE.fullmatch(line)]
        assert [int(line.split()[1]) for line in epochs] == [*range(0, 20, 2), 19]
        assert RESULT_LINE.fullmatch(lines[-5])[1] == "20"
        assert captured.err == "", "no progress bar into a pipe"

    def test_the_lines_are_the_numbers_of_the_csv(self, tmp_path, capsys):
        run(tmp_path, *SMALL)
        table = rows(tmp_path / "run" / "metrics.csv")
        line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Epoch: 10 "))
        row = table[10]
        assert line == (
            f"Epoch: 10 | Loss: {row['loss']:.5f}, Acc: {row['acc']:.2f}%"
            f" | Test Loss: {row['test_loss']:.5f}, Test Acc: {row['test_acc']:.2f}%"
        )

    @pytest.mark.parametrize(("epochs", "printed"), [(1, [0]), (3, [0, 1, 2]), (25, [*range(0, 25, 2)])])
    def test_a_line_every_tenth_and_for_the_last(self, tmp_path, capsys, epochs, printed):
        run(tmp_path, "--model", "v0", "--samples", "20", "--epochs", str(epochs))
        lines = filter(EPOCH_LINE.fullmatch, capsys.readouterr().out.splitlines())
        assert [int(line.split()[1]) for line in lines] == printed

    def test_quiet_prints_the_result_only(self, tmp_path, capsys):
        run(tmp_path, *SMALL, "--quiet")
        result, files = capsys.readouterr().out.splitlines()
        assert RESULT_LINE.fullmatch(result)
        assert files.startswith(f"In {tmp_path / 'run'}: data.png")

    def test_on_a_terminal_the_bar_leaves_the_lines_whole(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        console = cli.Console(quiet=False)
        for epoch in console.epochs(3):
            console.say(f"Epoch: {epoch}")
        console.say("done")
        captured = capsys.readouterr()
        assert captured.out == "Epoch: 0\nEpoch: 1\nEpoch: 2\ndone\n"
        assert "/3" in captured.err

    def test_a_diverged_run_says_so_and_its_json_is_strict(self, tmp_path, capsys):
        assert run(tmp_path, *SMALL, "--lr", "1e30") == 0
        assert "training diverged" in capsys.readouterr().out

        def refuse(constant):
            raise AssertionError(f"{constant} is not JSON")

        text = (tmp_path / "run" / "metrics.json").read_text()
        assert json.loads(text, parse_constant=refuse)["final"]["tinynn"]["loss"] is None

    def test_help_shows_each_models_own_run_and_loads_nothing_slow(self):
        code = (
            "import runpy, sys\n"
            f"sys.argv = ['circles.py', '--help']\n"
            "try:\n"
            f"    runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
            "except SystemExit as end:\n"
            "    assert end.code == 0\n"
            "slow = {'torch', 'tinynn', 'sklearn', 'matplotlib', 'tqdm'} & set(sys.modules)\n"
            "assert not slow, slow\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert re.search(r"v2 .*1,000 points .*noise 0.03; sgd lr 0.1, 3,000 epochs", done.stdout)
        assert re.search(r"binary .*10,000 points .*noise 0.02; adam lr 0.01, 100 epochs", done.stdout)


class TestFiles:
    def test_everything_is_written_and_nothing_else(self, tmp_path):
        run(tmp_path, *SMALL)
        written = sorted(path.name for path in (tmp_path / "run").iterdir())
        assert written == sorted([*PICTURES, "metrics.csv", "metrics.json", "model.pth"])
        for name in PICTURES:
            assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")

    def test_the_json_holds_config_versions_history_and_result(self, tmp_path):
        run(tmp_path, *SMALL, "--lr", "0.5")
        content = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert content["config"]["lr"] == 0.5
        assert content["config"]["samples"] == 60
        assert content["versions"]["numpy"] == np.__version__
        history = content["history"]["tinynn"]
        assert [entry["epoch"] for entry in history] == list(range(20))
        assert history == rows(tmp_path / "run" / "metrics.csv")
        assert content["final"]["tinynn"]["loss"] == history[-1]["loss"]
        assert content["final"]["tinynn"]["test_loss"] == history[-1]["test_loss"]
        assert content["training"]["interrupted"] is False

    def test_the_model_can_be_read_back(self, tmp_path):
        run(tmp_path, *SMALL)
        state = tinynn.load(tmp_path / "run" / "model.pth")
        assert {name: tuple(value.shape) for name, value in state.items()} == {
            "layer_1.weight": (10, 2), "layer_1.bias": (10,),
            "layer_2.weight": (10, 10), "layer_2.bias": (10,),
            "layer_3.weight": (1, 10), "layer_3.bias": (1,),
        }  # fmt: skip

    def test_a_model_that_reads_back_differently_is_an_error(self, tmp_path, monkeypatch):
        monkeypatch.setattr(RunFolder, "load_model", lambda *arguments: None)
        with pytest.raises(RuntimeError, match="gives other outputs"):
            run(tmp_path, *SMALL)

    def test_from_another_folder_into_one_named_by_the_options(self, tmp_path):
        command = [sys.executable, str(SCRIPT), "--epochs", "2", "--samples", "40", "--lr", "0.02"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        folder = Path("runs", "circles-binary-tinynn-lr0.02-epochs2-samples40")
        assert f"In {folder}: " in done.stdout
        assert (tmp_path / folder / "metrics.json").exists()

    def test_a_failed_write_leaves_the_old_file(self, tmp_path):
        folder = RunFolder(tmp_path)
        folder.write("name", lambda file: file.write(b"old"))

        def fail(file):
            file.write(b"half")
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            folder.write("name", fail)
        assert (tmp_path / "name").read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["name"]


class TestRefusals:
    @pytest.mark.parametrize(("options", "message"), BAD_ARGUMENTS)
    def test_bad_arguments(self, tmp_path, capsys, options, message):
        with pytest.raises(SystemExit) as end:
            run(tmp_path, *options)
        assert end.value.code == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "run").exists()

    def test_a_device_tinynn_does_not_have(self, tmp_path, capsys):
        assert run(tmp_path, "--device", "cuda") == 2
        captured = capsys.readouterr()
        assert "circles.py: error: --device cuda: tinynn computes on the CPU only" in captured.err
        assert captured.out == ""

    @pytest.mark.parametrize("backend", ["torch", "both"])
    def test_without_pytorch(self, tmp_path, capsys, monkeypatch, backend):
        find_spec = backends.importlib.util.find_spec
        hidden = lambda name: None if name == "torch" else find_spec(name)
        monkeypatch.setattr(backends.importlib.util, "find_spec", hidden)
        assert run(tmp_path, "--backend", backend) == 2
        assert "pip install torch" in capsys.readouterr().err

    def test_without_the_packages_for_data_and_pictures(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(backends.importlib.util, "find_spec", lambda name: None)
        assert run(tmp_path) == 2
        assert "pip install scikit-learn matplotlib tqdm" in capsys.readouterr().err

    def test_a_folder_that_cannot_be(self, tmp_path, capsys):
        (tmp_path / "run").write_text("a file")
        assert run(tmp_path, *SMALL) == 2
        assert f"cannot write results into {tmp_path / 'run'}" in capsys.readouterr().err

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_without_permission(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(UserError, match="cannot write results"):
            RunFolder(tmp_path / "run")

    def test_show_without_a_screen(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv("MPLBACKEND", "agg")
        assert run(tmp_path, *SMALL, "--show") == 0
        assert "there is no screen" in capsys.readouterr().out


class TestInterrupt:
    def test_ctrl_c_keeps_what_was_computed(self, tmp_path):
        # The signal's own handler, as in a terminal, whatever the one running the tests has set.
        code = (
            "import runpy, signal, sys\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"sys.argv = ['', '--model', 'v0', '--epochs', '100000000', '--out', {str(tmp_path)!r}]\n"
            f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        )
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if line.startswith("Epoch: 0"):
                    process.send_signal(signal.SIGINT)
                    break
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        epochs = int(re.search(r"those of ([\d,]+) of 100,000,000 epochs", output)[1].replace(",", ""))
        assert len(rows(tmp_path / "metrics.csv")) == epochs >= 1
        assert json.loads((tmp_path / "metrics.json").read_text())["training"]["interrupted"] is True
        assert {*PICTURES, "model.pth"} <= {path.name for path in tmp_path.iterdir()}

    def test_a_second_ctrl_c_stops_at_once(self):
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with cli.Interrupt() as interrupt:
                signal.raise_signal(signal.SIGINT)
                assert interrupt.requested
                with pytest.raises(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        finally:
            signal.signal(signal.SIGINT, previous)

    def test_ctrl_c_outside_the_loop(self, capsys):
        def interrupted():
            raise KeyboardInterrupt

        assert cli.run("program", interrupted) == 130
        assert "program: interrupted" in capsys.readouterr().err


class TestLockstep:
    """The comparison itself, with tinynn in both places."""

    @staticmethod
    def pair(*options):
        experiment = circles.Circles()
        config = experiment.config(experiment.parser().parse_args([*SMALL, *options]))
        split = experiment.data(config)
        first, second = (Contender(tinynn, experiment, config, split) for _ in range(2))
        return first.trainer, second.trainer

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_two_equal_trainers_never_part(self, dtype):
        compared = lockstep.Lockstep(*self.pair("--dtype", dtype))
        for _ in range(5):
            compared.run_epoch()
        assert compared.parting is None
        assert [compared.largest(quantity) for quantity in lockstep.QUANTITIES] == [0, 0, 0, 0]

    def test_one_ulp_in_one_weight_is_found_before_the_first_epoch(self):
        first, second = self.pair()
        with tinynn.no_grad():
            weight = second.model.layer_2.weight
            weight[3, 4] = float(np.nextafter(np.float32(weight[3, 4].item()), np.float32(2)))
        parting = lockstep.Lockstep(first, second).parting
        assert (parting.epoch, parting.name) == (0, "initial layer_2.weight")
        assert (parting.differing, parting.size, parting.ulps) == (1, 100, 1)

    def test_another_learning_rate_is_found_at_the_first_parameter_it_changes(self):
        first, second = self.pair()
        second.optimizer.param_groups[0]["lr"] = 0.2
        compared = lockstep.Lockstep(first, second)
        difference = compared.run_epoch()
        assert (compared.parting.epoch, compared.parting.name) == (0, "layer_1.weight")
        assert difference.gradients == 0
        assert difference.parameters > 1e-4

    def test_the_order_is_the_order_of_computation(self):
        first, second = self.pair()
        second.task.loss_fn = tinynn.nn.BCEWithLogitsLoss(pos_weight=tinynn.tensor(2.0))
        compared = lockstep.Lockstep(first, second)
        compared.run_epoch()
        assert compared.parting.name == "training loss"

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_ulps(self, dtype):
        one = np.array([1, -1, 0, 2**100], dtype)
        above = np.nextafter(one, dtype(np.inf))
        assert lockstep.ulps_between(one, above).tolist() == [1, 1, 1, 1]
        assert lockstep.ulps_between(one, one).tolist() == [0, 0, 0, 0]
        tiny = np.nextafter(np.zeros(1, dtype), dtype(1))
        assert lockstep.ulps_between(tiny, -tiny).tolist() == [2]
        assert lockstep.ulps_between(np.zeros(1, dtype), -np.zeros(1, dtype)).tolist() == [0]

    def test_largest_difference_where_values_are_not_finite(self):
        nan, inf = np.nan, np.inf
        compare = lockstep.largest_difference
        assert compare(np.array([nan, inf, 1.0]), np.array([nan, inf, 3.0])) == 2
        assert compare(np.array([nan, 1.0]), np.array([0.0, 1.0])) == inf
        assert compare(np.array([inf]), np.array([-inf])) == inf

    def test_every_bound_says_why(self):
        assert set(lockstep.BOUNDS) == set(backends.DTYPES)
        assert all(bound.value > 0 and len(bound.reason) > 40 for bound in lockstep.BOUNDS.values())
