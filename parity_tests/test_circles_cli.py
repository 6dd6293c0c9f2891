"""The circles experiment on PyTorch, and on both backends side by side."""

import json
import re

import numpy as np
import pytest
import torch

from experiments import circles
from experiments.common import backends, lockstep

VERDICT = re.compile(
    r"Verdict: parity (holds|fails): largest parameter difference (\S+) \(bound (\S+), (float32|float64)\)"
)

# fmt: off
STUDIED_RUNS = [
    (["--model", "v0"],                                           0.69302, 50.50,  46.50),
    (["--model", "v1"],                                           0.69298, 51.00,  46.00),
    (["--model", "v2", "--epochs", "1000"],                       0.56890, 87.75,  86.50),
    (["--model", "v2", "--epochs", "2000"],                       0.04182, 99.875, 100.0),
    (["--model", "v2"],                                           0.01673, 99.875, 100.0),
    (["--model", "v2", "--optimizer", "adam", "--epochs", "200"], 0.01524, 100.0,  100.0),
    (["--model", "binary"],                                       0.16588, 99.95,  99.90),
]

LOCKSTEP_RUNS = [
    ["--model", "v0"],
    ["--model", "v1"],
    ["--model", "v2"],
    ["--model", "binary"],
    ["--model", "v2", "--optimizer", "adam", "--epochs", "300"],
    ["--model", "v2", "--batch-size", "32", "--epochs", "20"],
    ["--model", "v2", "--batch-size", "32", "--epochs", "20", "--optimizer", "adam"],
]
# fmt: on


@pytest.fixture(autouse=True)
def _restore_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def run(tmp_path, *options):
    """Exit code of a run that writes into `tmp_path`."""
    return circles.main([*options, "--out", str(tmp_path)])


def losses_printed(output):
    """The training losses in the printed lines, by epoch, as text."""
    return dict(re.findall(r"^Epoch: (\d+) \| Loss: ([\d.]+),", output, re.MULTILINE))


@pytest.mark.parametrize(("options", "loss", "acc", "test_acc"), STUDIED_RUNS)
@pytest.mark.usefixtures("unpainted")
def test_the_studied_runs_on_pytorch(tmp_path, options, loss, acc, test_acc):
    assert run(tmp_path, "--backend", "torch", "--quiet", *options) == 0
    final = json.loads((tmp_path / "metrics.json").read_text())["final"]["torch"]
    assert final["loss"] == pytest.approx(loss, abs=2e-5)
    assert final["train_acc"] == pytest.approx(acc, abs=0.05)
    assert final["test_acc"] == pytest.approx(test_acc, abs=0.05)


@pytest.mark.parametrize("model", ["v0", "binary"])
@pytest.mark.usefixtures("unpainted")
def test_the_printed_losses_agree_to_four_decimals(tmp_path, capsys, model):
    printed = {}
    for backend in ("tinynn", "torch"):
        assert run(tmp_path / backend, "--model", model, "--backend", backend) == 0
        printed[backend] = losses_printed(capsys.readouterr().out)
    assert len(printed["torch"]) == 11
    for epoch, loss in printed["torch"].items():
        assert float(printed["tinynn"][epoch]) == pytest.approx(float(loss), abs=2e-5)


@pytest.mark.parametrize("options", LOCKSTEP_RUNS)
@pytest.mark.usefixtures("unpainted")
def test_both_in_lockstep_in_float64(tmp_path, capsys, options):
    assert run(tmp_path, "--backend", "both", "--dtype", "float64", *options) == 0
    verdict = VERDICT.fullmatch(capsys.readouterr().out.splitlines()[-1])
    assert verdict[1] == "holds"
    assert float(verdict[2]) <= 1e-9 == float(verdict[3])


@pytest.mark.parametrize("model", ["v0", "v1", "v2", "binary"])
@pytest.mark.usefixtures("unpainted")
def test_both_in_lockstep_in_float32(tmp_path, capsys, model):
    assert run(tmp_path, "--backend", "both", "--model", model) == 0
    verdict = VERDICT.fullmatch(capsys.readouterr().out.splitlines()[-1])
    assert (verdict[1], verdict[4]) == ("holds", "float32")


def test_a_lockstep_run_writes_both_and_the_comparison(tmp_path, capsys):
    assert run(tmp_path, "--backend", "both", "--model", "v2", "--epochs", "20") == 0
    output = capsys.readouterr().out
    assert re.search(
        r"^Epoch: 10 \| Loss: 0\.\d{5} and 0\.\d{5} \| Largest difference: loss ", output, re.MULTILINE
    )
    assert re.search(
        r"^First difference: (epoch \d+, .+ values, by at most [\d,]+ ulp|none)", output, re.MULTILINE
    )
    expected = {"data.png", "boundary_before.png", "boundary_after.png", "lockstep.png", "lockstep.csv"}
    expected |= {f"{name}-{backend}.{ending}" for backend in ("tinynn", "torch")
                 for name, ending in (("curves", "png"), ("metrics", "csv"), ("model", "pth"))}  # fmt: skip
    assert {path.name for path in tmp_path.iterdir()} == expected | {"metrics.json"}
    content = json.loads((tmp_path / "metrics.json").read_text())
    assert set(content["final"]) == set(content["history"]) == {"tinynn", "torch"}
    table = np.genfromtxt(tmp_path / "lockstep.csv", delimiter=",", names=True)
    assert len(table) == 20
    np.testing.assert_allclose(table["tinynn_loss"], table["torch_loss"], atol=1e-6)
    assert table["parameters_difference"].max() == content["lockstep"]["largest_difference"]["parameters"]


@pytest.mark.usefixtures("unpainted")
def test_the_first_weights_agree_bit_for_bit(tmp_path):
    run(tmp_path, "--backend", "both", "--model", "v2", "--epochs", "1")
    parting = json.loads((tmp_path / "metrics.json").read_text())["lockstep"]["parting"]
    assert parting is None or "initial" not in parting["name"]


@pytest.mark.usefixtures("unpainted")
def test_a_real_difference_fails(tmp_path, capsys, monkeypatch):
    """A backend whose ReLU leaks a hundred-thousandth of the negative side must not pass as PyTorch."""
    honest = backends.load_backend

    def leaking(name):
        backend = honest(name)
        if name == "tinynn":
            monkeypatch.setattr(backend.nn, "ReLU", lambda: backend.nn.LeakyReLU(1e-5))
        return backend

    monkeypatch.setattr(backends, "load_backend", leaking)
    options = ["--backend", "both", "--model", "v2", "--dtype", "float64", "--epochs", "300"]
    assert run(tmp_path, *options) == 1
    assert VERDICT.fullmatch(capsys.readouterr().out.splitlines()[-1])[1] == "fails"


@pytest.mark.usefixtures("unpainted")
def test_a_float32_run_past_its_bound_says_how_to_tell_rounding_from_a_bug(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(lockstep.BOUNDS, "float32", lockstep.Bound(1e-30, "no difference will do"))
    assert run(tmp_path, "--backend", "both", "--model", "v2", "--epochs", "100") == 1
    assert "--dtype float64 tells" in capsys.readouterr().out


@pytest.mark.parametrize(("backend", "device", "message"), [
    ("torch", "nonsense", "PyTorch cannot use it here for float32"),
    ("both", "cuda", "tinynn computes on the CPU only"),
])  # fmt: skip
def test_devices_that_are_not_there(tmp_path, capsys, backend, device, message):
    assert run(tmp_path, "--backend", backend, "--device", device) == 2
    assert message in capsys.readouterr().err
