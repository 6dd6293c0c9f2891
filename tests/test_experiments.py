"""Blobs, regression, activations and comparisons on tinynn; what all experiments share."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import classification_report, root_mean_squared_error

import tinynn
from experiments import activations, blobs, circles, regression
from experiments.common import data, optimizers
from experiments.common.contender import Contender, fit
from experiments.common.experiment import DEFAULTS
from experiments.common.tasks import MultiClassification, Regression
from experiments.common.training import Minibatches, Trainer

HERE = Path(circles.__file__).parent


def final(folder):
    """The numbers a run is quoted by."""
    return json.loads((folder / "metrics.json").read_text())["final"]["tinynn"]


def result_line(capsys):
    return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Result of tinynn"))


@pytest.mark.usefixtures("unpainted")
class TestBlobs:
    def test_the_studied_run(self, tmp_path, capsys):
        assert blobs.main(["--out", str(tmp_path)]) == 0
        assert "1,000 points in 4 clouds, spread 1.5: 800 to train, 200 to test" in capsys.readouterr().out
        got = final(tmp_path)
        assert got["loss"] == pytest.approx(0.02378, abs=2e-5)
        assert (got["train_acc"], got["test_acc"]) == (99.25, 99.5)

    def test_the_report_is_that_of_the_labels_that_are_drawn(self, tmp_path, capsys):
        experiment = blobs.Blobs()
        contender = fit(experiment, tinynn, experiment.configure(epochs=20))
        _, test = contender.evaluate()
        labels = contender.data.y_test.numpy()
        predicted = contender.interpret(experiment.data(contender.config).X_test).argmax(axis=1)
        np.testing.assert_array_equal(contender.predict(test), predicted)
        names = [f"class {label}" for label in range(4)]
        expected = classification_report(labels, predicted, target_names=names, digits=4)
        assert experiment.report(contender).endswith(expected)
        blobs.main(["--epochs", "20", "--out", str(tmp_path)])
        assert expected in capsys.readouterr().out
        assert (tmp_path / "report.txt").read_text().rstrip().endswith(expected.rstrip())

    def test_a_report_when_a_class_is_never_chosen(self, tmp_path):
        assert blobs.main(["--epochs", "1", "--lr", "1e-9", "--samples", "20", "--out", str(tmp_path)]) == 0

    def test_straight_boundaries_do(self, tmp_path):
        blobs.main(["--model", "linear", "--out", str(tmp_path)])
        assert final(tmp_path)["test_acc"] > 99


@pytest.mark.usefixtures("unpainted")
class TestRegression:
    def test_the_studied_run(self, tmp_path, capsys):
        assert regression.main(["--out", str(tmp_path)]) == 0
        assert result_line(capsys) == (
            "Result of tinynn after 1,000 epochs"
            " | Loss: 0.01250, RMSE: 0.02044 | Test Loss: 0.03951, Test RMSE: 0.03959"
        )
        got = final(tmp_path)
        assert got["loss"] == pytest.approx(0.0125, abs=5e-5)
        assert got["test_loss"] == pytest.approx(0.0395, abs=5e-5)

    def test_squared_errors_find_the_line(self, tmp_path):
        assert regression.main(["--loss", "mse", "--out", str(tmp_path)]) == 0
        assert final(tmp_path)["loss"] == pytest.approx(3.534e-7, abs=1e-9)
        assert final(tmp_path)["test_rmse"] == pytest.approx(1.503e-6**0.5, abs=1e-5)

    def test_columns_are_named_by_the_metric(self, tmp_path):
        regression.main(["--epochs", "2", "--out", str(tmp_path)])
        with open(tmp_path / "metrics.csv", newline="") as file:
            assert next(csv.reader(file)) == ["epoch", "loss", "rmse", "test_loss", "test_rmse"]

    def test_the_loss_names_the_folder(self):
        line = regression.Line()
        assert line.run_name(["line"], line.configure(loss="mse"), "torch") == "regression-torch-lossmse"
        assert line.run_name(["line"], line.configure(), "tinynn") == "regression-tinynn"


class TestActivations:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_values_and_slopes(self, dtype):
        x = activations.points()
        assert x[len(x) // 2] == 0
        curves = activations.curves(tinynn, dtype, "cpu")
        s = 1 / (1 + np.exp(-x))
        known = {
            "ReLU": (np.maximum(x, 0), x > 0),
            "sigmoid": (s, s * (1 - s)),
            "tanh": (np.tanh(x), 1 - np.tanh(x) ** 2),
        }
        for name, (values, slopes) in known.items():
            np.testing.assert_allclose(curves[name].values, values, atol=1e-6)
            np.testing.assert_allclose(curves[name].slopes, slopes, atol=1e-6)
        gelu = curves["GELU"]
        assert gelu.values.dtype == gelu.slopes.dtype == dtype
        between = (x[1:] + x[:-1]) / 2
        rises = np.diff(activations.curves(tinynn, "float64", "cpu")["GELU"].values) / np.diff(x)
        np.testing.assert_allclose(rises, np.interp(between, x, gelu.slopes), atol=1e-4)

    def test_files(self, tmp_path, capsys):
        assert activations.main(["--out", str(tmp_path)]) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["activations.csv", "activations.png"]
        output = capsys.readouterr().out
        assert output.startswith("Backend   tinynn on cpu, float32\n")
        assert f"In {tmp_path}: activations.png, activations.csv" in output
        with open(tmp_path / "activations.csv", newline="") as file:
            header, *rows = csv.reader(file)
        assert header[:3] == ["x", "ReLU", "ReLU_derivative"]
        assert len(rows) == activations.POINTS
        assert [float(value) for value in rows[-1][:3]] == [5, 5, 1]

    def test_a_difference_fails(self, capsys):
        curves = activations.curves(tinynn, "float32", "cpu")
        console = activations.cli.Console(quiet=False)
        bound = activations.BOUNDS["float32"]
        assert activations.compare({"one": curves, "other": curves}, bound, console) == 0
        wrong = curves | {"tanh": activations.Curve(curves["tanh"].values, curves["tanh"].slopes + 1e-5)}
        assert activations.compare({"one": curves, "other": wrong}, bound, console) == 1
        assert "Verdict: parity fails: largest difference 1e-5" in capsys.readouterr().out


@pytest.mark.usefixtures("unpainted")
class TestTwoWaysToWriteAModel:
    @pytest.mark.parametrize("model", ["v0", "v1", "v2"])
    @pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
    def test_module_and_sequential_give_the_same_numbers(self, model, optimizer):
        experiment = circles.Circles()
        own = {"samples": 60, "epochs": 10, "batch_size": 16, "optimizer": optimizer}
        module, sequential = (
            fit(experiment, tinynn, experiment.configure(name, **own))
            for name in (model, f"{model}-sequential")
        )
        assert module.history == sequential.history
        for one, other in zip(module.model.parameters(), sequential.model.parameters(), strict=True):
            assert one.detach().numpy().tobytes() == other.detach().numpy().tobytes()

    def test_on_the_command_line(self, tmp_path):
        for model in ("v2", "v2-sequential"):
            circles.main(["--model", model, "--epochs", "50", "--out", str(tmp_path / model)])
        first, second = (tmp_path / model / "metrics.csv" for model in ("v2", "v2-sequential"))
        assert first.read_text() == second.read_text()
        assert list(tinynn.load(tmp_path / "v2-sequential" / "model.pth")) == [
            "0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"
        ]  # fmt: skip


@pytest.mark.usefixtures("unpainted")
class TestCompare:
    SMALL = ["--samples", "60", "--epochs", "5", "--batch-size", "16"]

    def test_each_model_is_the_run_it_is_by_itself(self, tmp_path, capsys):
        assert circles.main(["--compare", "v0,v2", *self.SMALL, "--out", str(tmp_path / "both")]) == 0
        output = capsys.readouterr().out
        assert f"In {tmp_path / 'both'}: comparison.png, and a folder for each model" in output
        for model in ("v0", "v2"):
            circles.main(["--model", model, *self.SMALL, "--out", str(tmp_path / model)])
            together, alone = tmp_path / "both" / model / "metrics.csv", tmp_path / model / "metrics.csv"
            assert together.read_text() == alone.read_text()
            assert f"{model}  {result_line(capsys)}" in output
        summary = json.loads((tmp_path / "both" / "comparison.json").read_text())
        assert summary["final"]["tinynn"] == {name: final(tmp_path / name) for name in ("v0", "v2")}

    def test_all_as_the_last_of_them_is_studied(self):
        experiment = circles.Circles()
        config = experiment.config(experiment.parser().parse_args(["--compare", "binary,v0,v1"]))
        assert (config.epochs, config.optimizer, config.samples) == (1_000, "sgd", 1_000)

    @pytest.mark.parametrize(("options", "message"), [
        (["--compare", "v0"],                  "must be two or more, each once, not 'v0'"),
        (["--compare", "v0,v0"],               "must be two or more, each once, not 'v0,v0'"),
        (["--compare", "v0,v9"],               "'v9' is none of v0, v1, v2, binary"),
        (["--compare", "v0,v1", "--model", "v0"], "not allowed with argument"),
    ])  # fmt: skip
    def test_bad_choices(self, tmp_path, capsys, options, message):
        with pytest.raises(SystemExit):
            circles.main([*options, "--out", str(tmp_path / "run")])
        assert message in capsys.readouterr().err


class TestShared:
    @pytest.mark.parametrize(
        "program", ["blobs.py", "regression.py", "activations.py", "digits.py", "run_all.py"]
    )
    def test_help_loads_nothing_slow(self, program):
        code = (
            f"import runpy, sys\nsys.argv = [{program!r}, '--help']\n"
            f"try:\n    runpy.run_path({str(HERE / program)!r}, run_name='__main__')\n"
            "except SystemExit as end:\n    assert end.code == 0\n"
            "slow = {'torch', 'tinynn', 'sklearn', 'matplotlib', 'tqdm'} & set(sys.modules)\n"
            "assert not slow, slow\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    def test_what_is_given_goes_before_what_is_the_models_own(self):
        experiment = blobs.Blobs()
        own = experiment.configure()
        assert (own.model, own.optimizer, own.lr, own.epochs) == ("relu", "sgd", 0.1, 500)
        assert (own.batch_size, own.seed) == (DEFAULTS["batch_size"], DEFAULTS["seed"])
        changed = experiment.configure("linear", optimizer="adam", batch_size=8, epochs=None)
        assert (changed.model, changed.lr, changed.batch_size, changed.epochs) == ("linear", 0.01, 8, 500)
        assert experiment.configure(optimizer="adam", lr=0.5).lr == 0.5
        assert regression.Line().configure().lr == 0.01, "the model's own, not the optimizer's"

    def test_the_straight_line(self):
        split = data.straight_line(weight=0.7, bias=0.3, step=0.01)
        assert (len(split.X_train), len(split.X_test)) == (80, 20)
        assert split.X_train.max() < split.X_test.min() == 0.8
        np.testing.assert_allclose(split.y_test, 0.7 * split.X_test[:, 0] + 0.3)

    def test_the_score_of_a_regression_adds_up_over_minibatches(self):
        task = Regression(tinynn, tinynn.nn.MSELoss())
        outputs, y = tinynn.rand(10), tinynn.rand(10)
        tally = sum(task.tally(outputs[part], y[part]) for part in (slice(0, 7), slice(7, 10)))
        expected = root_mean_squared_error(y.numpy(), outputs.numpy())
        assert task.score(tally, 10) == pytest.approx(expected)

    def test_many_classes(self):
        task = MultiClassification(tinynn)
        outputs = tinynn.tensor([[1.0, 3.0, 2.0], [5.0, 0.0, 0.0]])
        assert task.predict(outputs).tolist() == [1, 0]
        assert task.score(task.tally(outputs, tinynn.tensor([1, 2])), 2) == 50
        np.testing.assert_allclose(task.interpret(outputs).sum(dim=1).numpy(), 1, rtol=1e-6)

    def test_batches_of_an_experiments_own(self):
        experiment = blobs.Blobs()
        config = experiment.configure(epochs=3, samples=40)
        contender = Contender(tinynn, experiment, config, experiment.data(config))
        seen, whole = [], contender.trainer
        batches = [(whole.data.X_train[i : i + 8], whole.data.y_train[i : i + 8]) for i in (0, 8, 16)]
        counted = (seen.append(len(y)) or (X, y) for X, y in batches)
        trainer = Trainer(whole.task, whole.model, whole.optimizer, whole.data, batches=counted)
        trainer.run_epoch()
        assert seen == [8, 8, 8]

    def test_minibatches_go_once_through_all_points_in_another_order_each_time(self):
        task = MultiClassification(tinynn)
        X, y = tinynn.arange(10.0).unsqueeze(1), tinynn.arange(10)
        batches = Minibatches(task, X, y, batch_size=4)
        passes = [[label for _, labels in batches for label in labels.tolist()] for _ in range(2)]
        assert [len(labels) for _, labels in batches] == [4, 4, 2]
        assert passes[0] != passes[1]
        assert sorted(passes[0]) == sorted(passes[1]) == list(range(10))
