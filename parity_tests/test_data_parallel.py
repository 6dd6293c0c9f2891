"""Training shared by processes that torchrun starts gives what one process gives, and ends when one fails."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from experiments import circles
from experiments.common.contender import Contender
from experiments.common.data_parallel import (
    SharedTrainer,
    is_shared,
    refuse_what_sees_the_batch,
    share_out,
)
from experiments.common.errors import UserError
from experiments.common.lockstep import BOUNDS
from experiments.common.training import Trainer

SCRIPT = Path(circles.__file__)
PATIENCE = 120  # seconds until what does not end has failed


@pytest.fixture
def _alone():
    """This process as a group of one."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def contender(**options):
    experiment = circles.Circles()
    config = experiment.configure("v2", **({"samples": 60, "epochs": 5} | options))
    return Contender(torch, experiment, config, experiment.data(config))


class TestShares:
    @pytest.mark.parametrize(("points", "ranks"), [(8, 2), (7, 2), (7, 3), (2, 3), (1, 4), (100, 7)])
    def test_every_point_once_and_as_many_for_each(self, points, ranks):
        shares = share_out(points, ranks)
        assert [point for share in shares for point in range(points)[share]] == list(range(points))
        sizes = [share.stop - share.start for share in shares]
        assert len(sizes) == ranks
        assert max(sizes) - min(sizes) <= 1

    @pytest.mark.usefixtures("_alone")
    @pytest.mark.parametrize(("points", "ranks"), [(8, 2), (7, 3), (2, 3)])
    def test_the_parts_add_up_to_loss_and_gradient_of_the_whole(self, points, ranks):
        shared = contender(dtype="float64")
        trainer, task, model = shared.trainer, shared.task, shared.model
        X, y = shared.data.X_train[:points], shared.data.y_train[:points]
        whole = task.loss_fn(task.outputs(model, X), y)
        parts = [
            trainer.part_of_loss(task.outputs(model, X[share]), y[share], points)
            for share in share_out(points, ranks)
        ]
        torch.testing.assert_close(sum(parts), whole)
        parameters = list(model.parameters())
        torch.testing.assert_close(
            torch.autograd.grad(sum(parts), parameters), torch.autograd.grad(whole, parameters)
        )

    @pytest.mark.parametrize("batch_size", [None, 7])
    def test_a_group_of_one_trains_bit_for_bit_as_no_group(self, request, batch_size):
        alone = contender(batch_size=batch_size)
        assert type(alone.trainer) is Trainer
        for _ in range(5):
            alone.trainer.run_epoch()
        request.getfixturevalue("_alone")
        assert is_shared(torch)
        shared = contender(batch_size=batch_size)
        assert type(shared.trainer) is SharedTrainer
        for _ in range(5):
            shared.trainer.run_epoch()
        assert alone.history == shared.history
        for ours, theirs in zip(alone.model.parameters(), shared.model.parameters(), strict=True):
            assert torch.equal(ours, theirs)

    @pytest.mark.parametrize("layer", [torch.nn.BatchNorm1d(3), torch.nn.Dropout(), torch.nn.Dropout2d()])
    def test_layers_that_see_the_batch_are_refused(self, layer):
        with pytest.raises(UserError, match=f"has {type(layer).__name__}, which would not do"):
            refuse_what_sees_the_batch(torch, torch.nn.Sequential(torch.nn.Linear(3, 3), layer))


def launch(ranks, script, *options):
    """`torchrun`, with this interpreter; returns its exit code and all that was printed."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks)]
    done = subprocess.run(
        [*command, str(script), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout


def assert_same_run(one, other, dtype):
    """Models, losses and results agree as closely as two backends do: sums in another order, here too."""
    bound = BOUNDS[dtype].value
    first, second = (torch.load(folder / "model.pth") for folder in (one, other))
    for name, values in first.items():
        torch.testing.assert_close(values, second[name], rtol=0, atol=bound)
    tables = []
    for folder in (one, other):
        with open(folder / "metrics.csv", newline="") as file:
            tables.append([[float(row["loss"]), float(row["test_loss"])] for row in csv.DictReader(file)])
    torch.testing.assert_close(torch.tensor(tables[0]), torch.tensor(tables[1]), rtol=0, atol=bound)
    finals = [json.loads((folder / "metrics.json").read_text())["final"]["torch"] for folder in (one, other)]
    assert finals[0] == pytest.approx(finals[1], abs=bound)


FAILING = """
import os, sys
sys.path.insert(0, {root!r})
from experiments import circles
from experiments.common import data_parallel, program

class Failing(circles.Circles):
    def task(self, backend, config):
        task = super().task(backend, config)
        loss_fn, calls = task.loss_fn, []

        def loss(*arguments):
            calls.append(1)
            if len(calls) > 20 and os.environ["RANK"] == {rank!r}:
                raise ArithmeticError("rank {rank} gives up")
            return loss_fn(*arguments)

        task.loss_fn = loss
        return task

sys.exit(program.main(Failing()))
"""


@pytest.mark.slow
class TestTorchrun:
    @pytest.mark.parametrize(("ranks", "dtype", "options"), [
        (2, "float64", ["--model", "v2", "--samples", "101", "--epochs", "40"]),
        (3, "float64", ["--model", "v2", "--samples", "101", "--epochs", "10", "--batch-size", "9"]),
        (2, "float32", ["--epochs", "100"]),
    ])  # fmt: skip
    def test_the_same_as_one_process(self, tmp_path, ranks, dtype, options):
        options = ["--backend", "torch", "--dtype", dtype, *options, "--out"]
        assert circles.main([*options, str(tmp_path / "one"), "--quiet"]) == 0
        code, output = launch(ranks, SCRIPT, *options, str(tmp_path / "more"))
        assert code == 0, output
        assert output.count("Epoch: 0 |") == 1, "one process prints"
        assert f"Processes {ranks}, started by torchrun" in output
        assert_same_run(tmp_path / "one", tmp_path / "more", dtype)

    @pytest.mark.parametrize("rank", ["0", "1"])
    def test_one_that_fails_ends_all_and_the_run_goes_on_later(self, tmp_path, rank):
        script = tmp_path / "failing.py"
        script.write_text(FAILING.format(root=str(SCRIPT.parents[1]), rank=rank))
        options = ["--backend", "torch", "--dtype", "float64", "--model", "v2", "--samples", "60"]
        options += ["--epochs", "20", "--checkpoint-every", "3", "--out"]
        code, output = launch(2, script, *options, str(tmp_path / "more"))
        assert code == 1
        assert f"ArithmeticError: rank {rank} gives up" in output
        assert list((tmp_path / "more").glob("checkpoint-*"))
        code, output = launch(2, SCRIPT, *options, str(tmp_path / "more"), "--resume")
        assert code == 0, output
        assert "Resuming after epoch 9" in output
        assert circles.main([*options, str(tmp_path / "one"), "--quiet"]) == 0
        assert_same_run(tmp_path / "one", tmp_path / "more", "float64")

    def test_comparing_models(self, tmp_path):
        options = ["--backend", "torch", "--compare", "v0,v2", "--samples", "60", "--epochs", "5"]
        code, output = launch(2, SCRIPT, *options, "--quiet", "--out", str(tmp_path))
        assert code == 0, output
        assert (tmp_path / "comparison.png").exists()

    @pytest.mark.parametrize(("options", "message"), [
        (["--backend", "tinynn"], "add --backend torch, or start the program without torchrun"),
        (["--backend", "both"], "add --backend torch, or start the program without torchrun"),
        (["--backend", "torch", "--epochs", "0"], "argument --epochs: must be at least 1, not 0"),
    ])  # fmt: skip
    def test_what_cannot_be_shared_is_told_once(self, tmp_path, options, message):
        code, output = launch(2, SCRIPT, *options, "--out", str(tmp_path))
        assert code == 1  # torchrun's; the program's is 2
        assert "exitcode  : 2" in output
        assert output.count(message) == 1
