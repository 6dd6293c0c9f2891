"""The digits on PyTorch, on both backends epoch by epoch, and the trained model read by the other library."""

import json

import numpy as np
import pytest
import torch

import tinynn
from experiments import digits
from experiments.common.contender import Contender, fit
from experiments.common.lockstep import Lockstep
from experiments.common.run_folder import RunFolder

EXPERIMENT = digits.Digits()


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def undrawn(undrawn, monkeypatch):
    """No pictures of the digits either."""
    monkeypatch.setattr(digits.Digits, "draw_before", lambda *arguments: None)
    monkeypatch.setattr(digits.Digits, "draw_after", lambda *arguments: None)


def lockstep(folder, *options):
    """The exit code of two epochs side by side, and the largest differences."""
    code = digits.main(["--backend", "both", "--epochs", "2", *options, "--out", str(folder)])
    return code, json.loads((folder / "metrics.json").read_text())["lockstep"]["largest_difference"]


def test_the_studied_run_on_torch():
    assert fit(EXPERIMENT, torch, EXPERIMENT.configure()).result()["test_acc"] >= 98


@pytest.mark.usefixtures("undrawn")
class TestLockstep:
    def test_float64(self, tmp_path, capsys):
        code, largest = lockstep(tmp_path, "--dtype", "float64")
        assert code == 0
        assert "Verdict: parity holds" in capsys.readouterr().out.splitlines()[-1]
        assert largest["parameters"] <= 1e-9
        assert largest["outputs"] <= 1e-9
        assert largest["gradients"] <= 1e-9

    def test_float32(self, tmp_path, capsys):
        code, largest = lockstep(tmp_path)
        assert code == 0
        assert "Verdict: parity holds" in capsys.readouterr().out.splitlines()[-1]
        assert largest["parameters"] <= digits.FLOAT32_BOUND.value

    @pytest.mark.parametrize("optimizer", ["nesterov", "rmsprop", "adamw"])
    def test_other_optimizers_and_batches(self, tmp_path, optimizer):
        code, largest = lockstep(
            tmp_path, "--dtype", "float64", "--optimizer", optimizer, "--batch-size", "220"
        )
        assert (code, largest["parameters"] <= 1e-9) == (0, True)

    def test_a_difference_in_the_model_fails(self, tmp_path, capsys, monkeypatch):
        def model(experiment, backend, config):
            return digits.digit_model(backend, config.dropout + 0.01 * (backend is torch))

        monkeypatch.setattr(digits.Digits, "model", model)
        code, _ = lockstep(tmp_path, "--dtype", "float64", "--batch-size", "220")
        assert code == 1
        assert "Verdict: parity fails" in capsys.readouterr().out

    def test_resumed_bit_for_bit(self, tmp_path, monkeypatch):
        options = ["--backend", "both", "--epochs", "2", "--batch-size", "220", "--checkpoint-every", "1"]
        run_epoch, whole, cut = Lockstep.run_epoch, tmp_path / "whole", tmp_path / "cut"

        def stop_after_one(lockstep):
            if lockstep.history:
                raise KeyboardInterrupt
            return run_epoch(lockstep)

        digits.main([*options, "--out", str(whole)])
        with monkeypatch.context() as patch:
            patch.setattr(Lockstep, "run_epoch", stop_after_one)
            assert digits.main([*options, "--out", str(cut)]) == 130
        assert digits.main([*options, "--resume", "--out", str(cut)]) == 0
        for name in ("lockstep.csv", "metrics-tinynn.csv", "metrics-torch.csv"):
            assert (whole / name).read_text() == (cut / name).read_text()


def test_buffers_agree():
    """The lockstep compares parameters; the batch norms have running statistics besides."""
    config = EXPERIMENT.configure(dtype="float64", batch_size=220)
    ours, theirs = (
        Contender(backend, EXPERIMENT, config, EXPERIMENT.data(config)) for backend in (tinynn, torch)
    )
    Lockstep(ours.trainer, theirs.trainer).run_epoch()
    buffers = [dict(each.model.named_buffers()) for each in (ours, theirs)]
    assert buffers[0].keys() == buffers[1].keys()
    assert len(buffers[0]) == 6
    for name, value in buffers[0].items():
        np.testing.assert_allclose(value.numpy(), buffers[1][name].numpy(), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(("writer", "reader"), [(tinynn, torch), (torch, tinynn)])
def test_a_model_trained_on_one_answers_on_the_other(tmp_path, writer, reader):
    config = EXPERIMENT.configure(epochs=1, dtype="float64", batch_size=220)
    trained = fit(EXPERIMENT, writer, config)
    folder = RunFolder(tmp_path)
    folder.write_model("model.pth", writer, trained.model)
    other = Contender(reader, EXPERIMENT, config, EXPERIMENT.data(config))
    folder.load_model("model.pth", reader, other.model)
    images = EXPERIMENT.data(config).X_test
    np.testing.assert_allclose(trained.interpret(images), other.interpret(images), rtol=1e-12, atol=1e-15)
