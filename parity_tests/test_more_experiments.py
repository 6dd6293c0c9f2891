"""Regularization, optimizers and tabular: the same numbers on tinynn, on PyTorch, and on both at once."""

import json
import re

import numpy as np
import pytest
import torch

import tinynn
from experiments import optimizers, regularization, tabular
from experiments.common.contender import fit
from experiments.common.run_folder import RunFolder

RUNS = {
    regularization: ["--seeds", "1", "--epochs", "8", "--width", "16"],
    optimizers: ["--seeds", "1", "--epochs", "20", "--samples", "100"],
    tabular: ["--folds", "2", "--epochs", "3"],
}
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


@pytest.fixture(autouse=True)
def _one_thread_and_no_painting(monkeypatch):
    """Painting takes most of the time of a short run; the experiments set the threads of PyTorch."""
    monkeypatch.setattr(RunFolder, "write_figure", lambda folder, name, figure: folder.files.append(name))
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def printed(program, backend, dtype, folder, capsys):
    """What a run prints between its header and its list of files."""
    options = ["--backend", backend, "--dtype", dtype, "--out", str(folder / backend)]
    assert program.main([*RUNS[program], *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    return "\n".join(lines[2:-1]).replace(backend, "BACKEND")


@pytest.mark.parametrize("program", RUNS)
class TestTheSameNumbers:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_are_printed_and_written(self, tmp_path, capsys, program, dtype):
        """In the same words; of the numbers the last digit may be rounded the other way."""
        ours, theirs = (printed(program, backend, dtype, tmp_path, capsys) for backend in ("tinynn", "torch"))
        assert re.sub(r" +", " ", NUMBER.sub("#", ours)) == re.sub(r" +", " ", NUMBER.sub("#", theirs))
        pairs = list(zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True))
        assert len(pairs) > 50
        for one, other in pairs:
            assert float(one.replace(",", "")) == pytest.approx(
                float(other.replace(",", "")), abs=1.01 * last_digit(other)
            )
        ours, theirs = (
            json.loads((tmp_path / backend / "metrics.json").read_text())["final"][backend]
            for backend in ("tinynn", "torch")
        )
        assert ours == pytest.approx(theirs, rel={"float32": 1e-4, "float64": 1e-9}[dtype])

    def test_come_from_both_in_lockstep(self, tmp_path, capsys, program):
        options = ["--backend", "both", "--dtype", "float64", "--out", str(tmp_path)]
        assert program.main([*RUNS[program], *options]) == 0
        assert "Verdict: parity holds" in capsys.readouterr().out.splitlines()[-1]
        content = json.loads((tmp_path / "metrics.json").read_text())
        assert max(content["parameter_differences"]) <= 1e-9
        assert content["final"]["tinynn"] == pytest.approx(content["final"]["torch"], rel=1e-9)


def last_digit(number):
    """What a step of 1 in the last digit of a printed number is: 0.01 for `86.86`."""
    digits, _, exponent = number.partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))


@pytest.mark.parametrize("name", ["dropout", "batchnorm"])
def test_train_and_eval_mode(name):
    """Dropout leaves the same units out, BatchNorm keeps the same statistics."""
    experiment = regularization.Moons()
    config = experiment.configure(name, epochs=5, width=16, dtype="float64")
    ours, theirs = (fit(experiment, backend, config) for backend in (tinynn, torch))
    points = regularization.ACROSS[::6]
    np.testing.assert_allclose(
        *(regularization.passes_in_train_mode(contender, points) for contender in (ours, theirs)), atol=1e-9
    )
    np.testing.assert_allclose(*(one.interpret(points) for one in (ours, theirs)), atol=1e-9)
    statistics = [contender.model.state_dict() for contender in (ours, theirs)]
    for key, value in statistics[1].items():
        np.testing.assert_allclose(statistics[0][key].numpy(), value.numpy(), atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("surface", optimizers.SURFACES)
@pytest.mark.parametrize("name", optimizers.OPTIMIZERS)
def test_paths(surface, name, dtype):
    ours, theirs = (
        optimizers.descend(backend, optimizers.SURFACES[surface], name, dtype, "cpu")
        for backend in (tinynn, torch)
    )
    assert ours.dtype == theirs.dtype == dtype
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=optimizers.PATH_BOUNDS[dtype])
