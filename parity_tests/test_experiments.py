"""Blobs, regression, activations and resumed runs: on PyTorch, on both backends, and files between them."""

import dataclasses
import json
import re

import pytest
import torch

import tinynn
from experiments import activations, blobs, circles, regression
from experiments.common import contender
from experiments.common.errors import DamagedFileError
from experiments.common.optimizers import OPTIMIZERS
from experiments.common.run_folder import RunFolder
from experiments.common.training import Trainer

SMALL = ["--model", "v2", "--samples", "60", "--epochs", "12", "--checkpoint-every", "1",
         "--batch-size", "16", "--optimizer", "adam"]  # fmt: skip


pytestmark = pytest.mark.usefixtures("unpainted")


@pytest.fixture(autouse=True)
def _restore_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def final(folder, backend="torch"):
    """The numbers a run is quoted by."""
    return json.loads((folder / "metrics.json").read_text())["final"][backend]


@pytest.mark.usefixtures("undrawn")
class TestStudiedRuns:
    def test_blobs(self, tmp_path):
        assert blobs.main(["--backend", "torch", "--out", str(tmp_path)]) == 0
        got = final(tmp_path)
        assert got["loss"] == pytest.approx(0.02378, abs=2e-5)
        assert (got["train_acc"], got["test_acc"]) == (99.25, 99.5)

    def test_regression(self, tmp_path):
        assert regression.main(["--backend", "torch", "--out", str(tmp_path)]) == 0
        got = final(tmp_path)
        assert got["loss"] == pytest.approx(0.0125, abs=5e-5)
        assert got["test_loss"] == pytest.approx(0.0395, abs=5e-5)


LOCKSTEP_RUNS = [
    (blobs, ["--epochs", "200"]),
    (blobs, ["--model", "linear", "--epochs", "200", "--optimizer", "adamw"]),
    (blobs, ["--batch-size", "32", "--epochs", "5", "--optimizer", "nesterov", "--lr", "0.01"]),
    (regression, []),
    (regression, ["--loss", "mse"]),
    (regression, ["--batch-size", "7", "--epochs", "20", "--optimizer", "rmsprop", "--lr", "0.001"]),
    (circles, ["--model", "v2-sequential", "--epochs", "300"]),
]


class TestLockstep:
    @pytest.mark.parametrize(("experiment", "options"), LOCKSTEP_RUNS)
    def test_both_in_float64(self, tmp_path, capsys, experiment, options):
        assert (
            experiment.main(["--backend", "both", "--dtype", "float64", *options, "--out", str(tmp_path)])
            == 0
        )
        assert "Verdict: parity holds" in capsys.readouterr().out.splitlines()[-1]
        content = json.loads((tmp_path / "metrics.json").read_text())
        assert content["lockstep"]["largest_difference"]["parameters"] <= 1e-9

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_activations(self, tmp_path, capsys, dtype):
        assert activations.main(["--backend", "both", "--dtype", dtype, "--out", str(tmp_path)]) == 0
        assert "Verdict: parity holds" in capsys.readouterr().out
        names = {f"activations-{backend}.csv" for backend in ("tinynn", "torch")}
        assert {path.name for path in tmp_path.iterdir()} == names

    def test_a_comparison_of_both(self, tmp_path, capsys):
        options = ["--compare", "v0,v2", "--backend", "both", "--samples", "60", "--epochs", "5"]
        assert circles.main([*options, "--out", str(tmp_path)]) == 0
        output = capsys.readouterr().out
        assert f"In {tmp_path}: comparison-tinynn.png, comparison-torch.png, and a folder" in output
        assert len(re.findall("Verdict: parity holds", output)) == 2

    def test_module_and_sequential_give_the_same_numbers_on_pytorch(self):
        experiment = circles.Circles()
        one, other = (
            contender.fit(experiment, torch, experiment.configure(name, samples=60, epochs=10, batch_size=16))
            for name in ("v2", "v2-sequential")
        )
        assert one.history == other.history


@pytest.mark.usefixtures("undrawn")
class TestResume:
    @pytest.mark.parametrize(
        ("backend", "optimizer"), [("torch", "sgd"), *(("both", name) for name in OPTIMIZERS)]
    )
    def test_bit_for_bit(self, tmp_path, monkeypatch, backend, optimizer):
        options = [*SMALL, "--backend", backend, "--optimizer", optimizer]
        circles.main([*options, "--out", str(tmp_path / "whole")])
        with monkeypatch.context() as patch:
            run_epoch = Trainer.run_epoch

            def end_after_five(trainer):
                if len(trainer.history) == 5:
                    raise KeyboardInterrupt
                return run_epoch(trainer)

            patch.setattr(Trainer, "run_epoch", end_after_five)
            assert circles.main([*options, "--out", str(tmp_path / "cut")]) == 130
        assert circles.main([*options, "--out", str(tmp_path / "cut"), "--resume"]) == 0
        tables = sorted(path.name for path in (tmp_path / "whole").glob("*.csv"))
        assert len(tables) == (3 if backend == "both" else 1)
        for name in tables:
            assert (tmp_path / "whole" / name).read_text() == (tmp_path / "cut" / name).read_text()
        for path in (tmp_path / "whole").glob("*.pth"):
            one, other = torch.load(path), torch.load(tmp_path / "cut" / path.name)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one)

    def test_a_checkpoint_of_one_backend_only(self, tmp_path, monkeypatch, capsys):
        """Killed between the two files: the one before is complete."""
        options = [*SMALL, "--backend", "both"]
        write_state = RunFolder.write_state

        def end_in_between(folder, name, *others):
            if name == "checkpoint-00000004-torch.pth":
                raise KeyboardInterrupt
            write_state(folder, name, *others)

        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "write_state", end_in_between)
            assert circles.main([*options, "--out", str(tmp_path)]) == 130
        assert (tmp_path / "checkpoint-00000004-tinynn.pth").exists()
        assert circles.main([*options, "--out", str(tmp_path), "--resume"]) == 0
        assert "Resuming after epoch 3" in capsys.readouterr().out

    def test_the_random_numbers_of_another_device(self, monkeypatch):
        """There is none here: its generator is played by an object."""

        class Device:
            state = 7

            def get_rng_state(self):
                return self.state

            def set_rng_state(self, state):
                self.state = state

        gpu = Device()
        experiment = blobs.Blobs()
        config = experiment.configure(samples=20)
        trained = contender.Contender(torch, experiment, config, experiment.data(config))
        trained.config = dataclasses.replace(config, device="cuda:0")
        monkeypatch.setattr(torch, "get_device_module", lambda device: gpu)
        state = trained.state_dict()
        assert list(state["random"]) == ["cpu", "cuda:0"]
        gpu.state = 8
        expected = torch.rand(3)
        trained.load_state_dict(state)
        assert gpu.state == 7
        assert torch.equal(torch.rand(3), expected)

    def test_one_changed_bit_is_seen(self, tmp_path):
        """PyTorch's own reader would take it."""
        folder = RunFolder(tmp_path)
        folder.write_state("state.pth", torch, {"weights": torch.full((9,), 1.5)})
        content = bytearray((tmp_path / "state.pth").read_bytes())
        content[content.index(torch.full((9,), 1.5).numpy().tobytes())] ^= 1
        (tmp_path / "state.pth").write_bytes(content)
        assert torch.load(tmp_path / "state.pth")["weights"][0] != 1.5
        with pytest.raises(DamagedFileError, match="was changed after it was written"):
            folder.read_state("state.pth", torch)


@pytest.mark.usefixtures("undrawn")
class TestModelFiles:
    @pytest.mark.parametrize("experiment", [blobs, regression, circles])
    def test_each_library_reads_the_others(self, tmp_path, experiment):
        experiment.main(["--backend", "both", "--epochs", "3", "--out", str(tmp_path)])
        for writer in ("tinynn", "torch"):
            path = tmp_path / f"model-{writer}.pth"
            on_torch, on_tinynn = torch.load(path, weights_only=True), tinynn.load(path, weights_only=True)
            assert list(on_torch) == list(on_tinynn)
            for name, value in on_torch.items():
                assert str(value.dtype) == str(on_tinynn[name].dtype).replace("tinynn", "torch")
                assert value.numpy().tobytes() == on_tinynn[name].numpy().tobytes()

    def test_a_model_trained_on_one_goes_on_on_the_other(self, tmp_path):
        experiment = blobs.Blobs()
        config = experiment.configure(epochs=5, dtype="float64")
        trained = contender.fit(experiment, tinynn, config)
        RunFolder(tmp_path).write_model("model.pth", tinynn, trained.model)
        other = contender.Contender(torch, experiment, config, experiment.data(config))
        RunFolder(tmp_path).load_model("model.pth", torch, other.model)
        for ours, theirs in zip(trained.evaluate(), other.evaluate(), strict=True):
            assert theirs.loss == pytest.approx(ours.loss, rel=1e-12)
            assert theirs.score == ours.score
