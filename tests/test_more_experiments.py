"""Regularization, optimizers and tabular on tinynn, and what they share: several trainings in one study."""

import argparse
import contextlib
import csv
import io
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tinynn
from experiments import optimizers, regularization, tabular
from experiments.common import study
from experiments.common.cli import Console
from experiments.common.contender import Contender, fit
from experiments.common.lockstep import Bound
from experiments.common.optimizers import OPTIMIZERS
from experiments.common.run_folder import RunFolder
from experiments.common.training import EpochMetrics, Trainer

HERE = Path(regularization.__file__).parent
QUICK = {
    regularization: ["--seeds", "2", "--epochs", "2", "--width", "32"],
    optimizers: ["--seeds", "2", "--epochs", "3", "--samples", "50"],
    tabular: ["--folds", "2", "--epochs", "2"],
}


@pytest.fixture(autouse=True, scope="module")
def _unpainted():
    """Figures are made but not painted, which takes most of the time of a short run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "write_figure", lambda folder, name, figure: folder.files.append(name))
        yield


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory):
    """Runs a program with its QUICK options, once; its folder, and what it printed."""

    @cache
    def run(program):
        folder, output = tmp_path_factory.mktemp("run"), io.StringIO()
        with contextlib.redirect_stdout(output):
            assert program.main([*QUICK[program], "--out", str(folder)]) == 0
        return folder, output.getvalue()

    return run


def final(folder, backend="tinynn"):
    """The numbers a study is quoted by."""
    return json.loads((folder / "metrics.json").read_text())["final"][backend]


def table(path):
    """The rows of a CSV file, as dicts."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def moons(model, **given):
    """A trained contender of regularization.py."""
    experiment = regularization.Moons()
    return fit(experiment, tinynn, experiment.configure(model, **given))


class TestEveryProgram:
    @pytest.mark.parametrize("program", QUICK)
    def test_help_loads_nothing_slow(self, program):
        code = (
            f"import runpy, sys\nsys.argv = ['program', '--help']\n"
            f"try:\n    runpy.run_path({program.__file__!r}, run_name='__main__')\n"
            "except SystemExit as end:\n    assert end.code == 0\n"
            "slow = {'torch', 'tinynn', 'sklearn', 'matplotlib', 'tqdm'} & set(sys.modules)\n"
            "assert not slow, slow\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    @pytest.mark.parametrize(
        ("program", "files"),
        [
            (regularization, "curves.png, boundaries.png, modes.png, results.csv, epochs.csv, metrics.json"),
            (optimizers, "paths.png, paths.csv, comparison.png, results.csv, epochs.csv, metrics.json"),
            (tabular, "comparison.png, results.csv, metrics.json"),
        ],
    )
    def test_it_says_what_it_wrote(self, quick_run, program, files):
        folder, output = quick_run(program)
        assert output.endswith(f"\nIn {folder}: {files}\n")
        assert all((folder / name).exists() for name in files.split(", ") if not name.endswith(".png"))

    @pytest.mark.parametrize(
        ("program", "options", "message"),
        [
            (regularization, ["--batch-size", "1"], "must be at least 2"),
            (regularization, ["--samples", "61"], "--samples 61 leaves one point for the last batch of 20"),
            (regularization, ["--dropout", "1.5"], "must be at most 1"),
            (optimizers, ["--seeds", "0"], "must be at least 1"),
            (optimizers, ["--device", "cuda"], "tinynn computes on the CPU only"),
            (tabular, ["--dataset", "iris"], "invalid choice: 'iris'"),
            (tabular, ["--folds", "1"], "must be at least 2"),
            (tabular, ["--folds", "49"], "wine can be cut into 48 at most"),
        ],
    )
    def test_bad_arguments(self, tmp_path, capsys, program, options, message):
        try:
            code = program.main([*options, "--out", str(tmp_path)])
        except SystemExit as end:
            code = end.code
        assert code == 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("program", QUICK)
    def test_ctrl_c_keeps_the_rounds_that_are_done(self, tmp_path, capsys, monkeypatch, quick_run, program):
        whole, _ = quick_run(program)
        run_epoch, left = Trainer.run_epoch, {regularization: 9, optimizers: 20, tabular: 7}[program]

        def interrupted(trainer):
            nonlocal left
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
            return run_epoch(trainer)

        monkeypatch.setattr(Trainer, "run_epoch", interrupted)
        assert program.main([*QUICK[program], "--out", str(tmp_path)]) == 130
        assert "Interrupted: the results are those of 1 of 2 rounds." in capsys.readouterr().out
        kept, rows = table(tmp_path / "results.csv"), table(whole / "results.csv")
        assert kept == [row for row in rows if row in kept]
        assert len(kept) == len(rows) / 2

    def test_ctrl_c_before_anything_is_done(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Trainer, "run_epoch", lambda trainer: (_ for _ in ()).throw(KeyboardInterrupt))
        assert tabular.main(["--out", str(tmp_path)]) == 130
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("program", [regularization, optimizers])
    def test_means_are_those_of_the_table(self, quick_run, program):
        folder, _ = quick_run(program)
        rows = table(folder / "results.csv")
        assert {row["seed"] for row in rows} == {"42", "43"}
        for name in {row["name"] for row in rows}:
            seen = [float(row["test_loss"]) for row in rows if row["name"] == name]
            assert final(folder)[f"{name}_test_loss".replace(" ", "_")] == pytest.approx(np.mean(seen))
        last = table(folder / "epochs.csv")[-1]
        assert last["test_loss"] == rows[-1]["test_loss"]


class TestStudy:
    def test_spread(self):
        assert study.spread([1.0, 2.0, 3.0]) == (2.0, 1.0)
        assert study.spread([5.0]) == (5.0, 0.0)
        assert study.spread([1.0, 2.0, 3.0]).text(1) == "2.0 ± 1.0"
        assert study.Spread(-1e-9, 0.5).signed_text(2) == "+0.00 ± 0.50"

    def test_what_is_not_the_default_names_the_folder(self):
        parser = tabular.build_parser()
        for options, name in (
            ([], "tabular-tinynn"),
            (["--backend", "torch", "--batch-size", "8", "--quiet"], "tabular-torch-batchsize8"),
        ):
            assert study.folder_name(parser, parser.parse_args(options)) == name

    @pytest.mark.parametrize(
        ("dtype", "differences", "code"),
        [
            ("float64", [1e-15, 1e-15, 2e-9], 1),
            ("float64", [1e-15, 1e-15, 1e-10], 0),
            ("float32", [1e-15, 1e-15, 2e-9], 0),
            ("float32", [1e-15, 2e-9, 2e-9], 1),
        ],
    )
    def test_all_trainings_count_or_the_median(self, tmp_path, capsys, dtype, differences, code):
        one = study.Study([tinynn, tinynn], RunFolder(tmp_path), Console(quiet=True), None)
        one.differences = differences
        assert one.conclude(Bound(1e-9, "of a reason"), dtype) == code
        assert f"Verdict: parity {'fails' if code else 'holds'}" in capsys.readouterr().out

    def test_an_earlier_summary_goes_away_at_the_start(self, tmp_path):
        (tmp_path / "metrics.json").write_text("{}")
        study.Study([tinynn], RunFolder(tmp_path), Console(quiet=True), None)
        assert not (tmp_path / "metrics.json").exists()


class TestRegularization:
    def test_the_lesson(self, tmp_path):
        """A third of the studied run's seeds and epochs shows it already."""
        assert regularization.main(["--seeds", "3", "--epochs", "100", "--out", str(tmp_path)]) == 0
        got = final(tmp_path)
        assert got["plain_train_acc"] > got["plain_test_acc"] + 8
        assert got["plain_test_loss"] > 10 * got["plain_train_loss"]
        for name in ("dropout", "batchnorm", "weight_decay"):
            assert got[f"{name}_test_loss"] < got["plain_test_loss"] / 1.5
            assert got[f"{name}_test_acc"] > got["plain_test_acc"] + 0.5

    def test_points(self):
        experiment = regularization.Moons()
        first, other = (experiment.data(experiment.configure(seed=seed)) for seed in (42, 43))
        assert (len(first.y_train), len(first.y_test)) == (60, 1_000)
        assert first.y_train.sum() == 30
        assert not np.array_equal(first.X_train, other.X_train)

    def test_each_model_has_what_it_is_called(self):
        layers = {
            name: [type(layer).__name__ for layer in regularization.Moons().model(tinynn, config)]
            for name in regularization.PRESETS
            for config in [regularization.Moons().configure(name, width=3)]
        }
        linear = ["Linear", "ReLU"]
        assert layers["plain"] == layers["weight decay"] == [*linear, *linear, "Linear"]
        assert layers["dropout"] == [*linear, "Dropout", *linear, "Dropout", "Linear"]
        assert layers["batchnorm"] == 2 * ["Linear", "BatchNorm1d", "ReLU"] + ["Linear"]

    @pytest.mark.parametrize("name", regularization.PRESETS)
    def test_only_weight_decay_decays(self, name):
        experiment = regularization.Moons()
        config = experiment.configure(name)
        contender = Contender(tinynn, experiment, config, experiment.data(config))
        (group,) = contender.trainer.optimizer.param_groups
        assert group["weight_decay"] == (1.0 if name == "weight decay" else 0.0)

    @pytest.mark.parametrize("name", ["dropout", "batchnorm"])
    def test_train_mode_varies_and_eval_mode_does_not(self, name):
        contender = moons(name, epochs=5, width=16)
        points = regularization.ACROSS[::12]
        before = {key: value.numpy().copy() for key, value in contender.model.state_dict().items()}
        passes = regularization.passes_in_train_mode(contender, points)
        assert passes.shape == (regularization.PASSES, len(points))
        assert (passes.std(axis=0) > 1e-4).all()
        np.testing.assert_array_equal(*(contender.interpret(points) for _ in range(2)))
        for key, value in contender.model.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), before[key])

    def test_dropout_means_what_eval_mode_says(self):
        """In the first layers' outputs exactly: a unit is left out or doubled, which is itself on average."""
        contender = moons("dropout", epochs=1, width=8)
        x = tinynn.from_numpy(regularization.ACROSS).float()
        block = contender.model[:3]
        with tinynn.no_grad():
            evaluated = block.eval()(x).numpy()
            seen = np.array([block.train()(x).numpy() for _ in range(400)])
        assert set(np.unique(seen / np.where(evaluated == 0, 1, evaluated)).round(5)) <= {0.0, 1.0, 2.0}
        np.testing.assert_allclose(seen.mean(axis=0), evaluated, atol=0.2 * evaluated.max())

    def test_running_statistics(self):
        experiment = regularization.Moons()
        config = experiment.configure("batchnorm", epochs=4, width=8, dtype="float64")
        contender = Contender(tinynn, experiment, config, experiment.data(config))
        seen = regularization.RunningStatistics(contender.model[1])
        for _ in range(config.epochs):
            contender.trainer.run_epoch()
        seen.stop()
        contender.model.train()
        contender.model(contender.data.X_train)
        for what, first in (("mean", 0), ("variance", 1)):
            assert len(seen.batch[what]) == 12
            assert (seen.running[what][0] == first).all()
            for step, batch in enumerate(seen.batch[what]):
                expected = 0.9 * seen.running[what][step] + 0.1 * batch
                np.testing.assert_allclose(seen.running[what][step + 1], expected, rtol=1e-12)
        assert abs(seen.running["mean"][-1]).argmax() == seen.liveliest()

    def test_it_tells_of_both_modes(self, quick_run):
        _, output = quick_run(regularization)
        lines = output.splitlines()
        for name in ("Dropout", "BatchNorm"):
            (numbers,) = (line.split()[1:] for line in lines if line.startswith(f"{name}  "))
            assert numbers[0] != numbers[1]
            assert numbers[2] == numbers[3]


class TestOptimizers:
    @pytest.mark.parametrize("surface", optimizers.SURFACES.values())
    def test_surfaces(self, surface):
        left, right, bottom, top = surface.box
        assert surface.function(*surface.minimum) == 0
        for x, y in (surface.start, surface.minimum):
            assert left < x < right
            assert bottom < y < top
        for name in OPTIMIZERS:
            path = optimizers.descend(tinynn, surface, name, "float64", "cpu")
            assert path.shape == (surface.steps + 1, 2)
            height = optimizers.heights(surface, path)
            assert height[-1] < height[0] / 50
            assert (path >= [left, bottom]).all()
            assert (path <= [right, top]).all()

    def test_paths_by_hand(self):
        """On the ravine the gradient is (x, 25 y)."""
        surface = optimizers.SURFACES["ravine"]
        steepness = np.array([1, 25])

        def path(name):
            return optimizers.descend(tinynn, surface, name, "float64", "cpu")

        lr, start = surface.rates["sgd"], np.array(surface.start)
        steps = np.arange(surface.steps + 1)[:, None]
        np.testing.assert_allclose(path("sgd"), start * (1 - lr * steepness) ** steps, rtol=1e-9, atol=1e-15)

        lr, place, velocity, expected = surface.rates["momentum"], start, 0, [start]
        for _ in range(surface.steps):
            velocity = 0.9 * velocity + steepness * place
            place = place - lr * velocity
            expected.append(place)
        np.testing.assert_allclose(path("momentum"), expected, rtol=1e-9, atol=1e-14)

        lr = surface.rates["adam"]
        np.testing.assert_allclose(path("adam")[1], start - lr * np.sign(start), rtol=1e-6)
        np.testing.assert_allclose(path("adamw")[1], start * (1 - 0.01 * lr) - lr * np.sign(start), rtol=1e-6)

    def test_all_start_with_the_same_weights(self):
        given = optimizers.build_parser().parse_args(["--samples", "50"])
        configs = [optimizers.configure(given, name, seed=7) for name in OPTIMIZERS]
        models = [
            Contender(tinynn, circles, config, circles.data(config)).model
            for circles in [optimizers.Circles()]
            for config in configs
        ]
        for model in models[1:]:
            for ours, theirs in zip(models[0].parameters(), model.parameters(), strict=True):
                np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())

    def test_epochs_until_good(self):
        def trained(*scores):
            history = [EpochMetrics(epoch, 0.0, 0.0, 0.0, score) for epoch, score in enumerate(scores)]
            return argparse.Namespace(history=history)

        assert optimizers.epochs_until_good([trained(50.0, 94.9)]) == "- (0 of 1)"
        team = [trained(95.0, 50.0), trained(50.0, 60.0, 99.0), trained(50.0)]
        assert optimizers.epochs_until_good(team) == "2 (2 of 3)"

    def test_different_paths_fail(self, tmp_path, capsys):
        one = study.Study([tinynn, tinynn], RunFolder(tmp_path), Console(quiet=False), None)
        found = {name: dict.fromkeys(OPTIMIZERS, np.zeros((3, 2))) for name in optimizers.SURFACES}
        assert optimizers.compare_paths(one, {"one": found, "other": found}, "float64")
        wrong = found | {"bend": found["bend"] | {"adam": np.full((3, 2), 1e-9)}}
        assert not optimizers.compare_paths(one, {"one": found, "other": wrong}, "float64")
        assert "Paths of both: different, at most 1e-9 apart" in capsys.readouterr().out


class TestTabular:
    @pytest.mark.parametrize("name", tabular.DATASETS)
    def test_every_row_is_the_test_once(self, name):
        configs = [tabular.Tables().configure(name, folds=4, fold=fold) for fold in range(4)]
        _, y = tabular.load(name)
        tested = np.concatenate([tabular.rows_of(config)[1] for config in configs])
        assert sorted(tested) == list(range(len(y)))
        for config in configs:
            train, test = tabular.rows_of(config)
            assert not set(train) & set(test)

    @pytest.mark.parametrize("name", tabular.DATASETS)
    def test_the_test_rows_do_not_decide_how_to_standardise(self, name):
        config = tabular.Tables().configure(name, fold=0)
        split, unit = tabular.standardised(config)
        np.testing.assert_allclose(split.X_train.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(split.X_train.std(axis=0), 1)
        assert not np.allclose(split.X_test.mean(axis=0), 0, atol=1e-3)
        X, y = tabular.load(name)
        train, test = tabular.rows_of(config)
        again = (X[test] - X[train].mean(axis=0)) / X[train].std(axis=0)
        np.testing.assert_allclose(split.X_test, again, rtol=1e-6, atol=1e-9)
        if name == "diabetes":
            np.testing.assert_allclose(split.y_test * unit + y[train].mean(), y[test])
        else:
            assert unit == 1
            np.testing.assert_array_equal(split.y_test, y[test])

    def test_classes_have_the_same_shares_in_every_fold(self):
        _, y = tabular.load("wine")
        for fold in range(5):
            _, test = tabular.rows_of(tabular.Tables().configure("wine", fold=fold))
            np.testing.assert_allclose(np.bincount(y[test]) / len(test), np.bincount(y) / len(y), atol=0.03)

    @pytest.mark.parametrize(
        ("name", "estimator", "folds", "scoring", "sign"),
        [
            ("wine", LogisticRegression(), StratifiedKFold, "accuracy", 100),
            ("breast-cancer", LogisticRegression(), StratifiedKFold, "accuracy", 100),
            ("diabetes", LinearRegression(), KFold, "neg_root_mean_squared_error", -1),
        ],
    )
    def test_the_linear_model_by_scikit_learn(self, name, estimator, folds, scoring, sign):
        pipeline = make_pipeline(StandardScaler(), estimator)
        cut = folds(5, shuffle=True, random_state=42)
        expected = sign * cross_val_score(pipeline, *tabular.load(name), cv=cut, scoring=scoring)
        configs = [tabular.Tables().configure(name, fold=fold, epochs=1) for fold in range(5)]
        got = [tabular.reference_scores(config)["linear model"] for config in configs]
        np.testing.assert_allclose(got, expected)

    def test_errors_are_in_the_unit_of_the_data(self):
        config = tabular.Tables().configure("diabetes", fold=1, epochs=2)
        contender = fit(tabular.Tables(), tinynn, config)
        _, y = tabular.load("diabetes")
        train, test = tabular.rows_of(config)
        split, _ = tabular.standardised(config)
        answers = contender.interpret(split.X_test) * y[train].std() + y[train].mean()
        assert tabular.score(contender) == pytest.approx(root_mean_squared_error(y[test], answers), rel=1e-5)

    def test_both_networks_learn(self, tmp_path):
        options = ["--dataset", "breast-cancer", "--folds", "2", "--epochs", "10"]
        assert tabular.main([*options, "--out", str(tmp_path)]) == 0
        ours, theirs = (final(tmp_path, name)["breast-cancer_acc"] for name in ("tinynn", "scikit-learn MLP"))
        guess = final(tmp_path, "guessing")["breast-cancer_acc"]
        assert guess == pytest.approx(62.74, abs=0.1)
        assert min(ours, theirs) > 94
        assert abs(ours - theirs) < 2
