"""The digits on tinynn: what the run reaches, its DataLoader, `--resume`, and what its pictures show."""

import json

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from sklearn.metrics import classification_report

import tinynn
from experiments import digits
from experiments.common import plots
from experiments.common.contender import Contender, fit
from experiments.common.plots.style import BLUE, VERMILLION
from experiments.common.training import Trainer

EXPERIMENT = digits.Digits()


@pytest.fixture(autouse=True)
def _files_only():
    with plots.screen(wanted=False):
        yield


@pytest.fixture
def undrawn(undrawn, monkeypatch):
    """No pictures of the digits either."""
    monkeypatch.setattr(digits.Digits, "draw_before", lambda *arguments: None)
    monkeypatch.setattr(digits.Digits, "draw_after", lambda *arguments: None)


def contender(**given):
    config = EXPERIMENT.configure(**given)
    return Contender(tinynn, EXPERIMENT, config, EXPERIMENT.data(config))


class TestRun:
    def test_the_studied_run(self):
        trained = fit(EXPERIMENT, tinynn, EXPERIMENT.configure())
        assert trained.result()["test_acc"] >= 98
        _, test = trained.evaluate()
        names = [str(digit) for digit in range(10)]
        table = classification_report(
            trained.data.y_test.numpy(), trained.predict(test), target_names=names, digits=4
        )
        assert EXPERIMENT.report(trained).endswith(table)

    @pytest.mark.usefixtures("unpainted")
    def test_what_is_printed_and_written(self, tmp_path, capsys):
        assert digits.main(["--epochs", "1", "--dropout", "0", "--out", str(tmp_path)]) == 0
        output = capsys.readouterr().out
        assert "Data      images of 8 x 8 pixels: 1,437 to train, 360 to test" in output
        assert "6,138 parameters" in output
        assert (tmp_path / "report.txt").read_text() in output
        pictures = "digits, filters_before, filters_after, confusion, hardest, curves"
        assert f"In {tmp_path}: {pictures.replace(',', '.png,')}.png, metrics.csv, model.pth" in output
        assert json.loads((tmp_path / "metrics.json").read_text())["config"]["dropout"] == 0

    def test_the_images(self):
        split = EXPERIMENT.data(EXPERIMENT.configure())
        assert split.X_train.shape == (1437, 1, 8, 8)
        assert split.X_test.shape == (360, 1, 8, 8)
        assert (split.X_train.min(), split.X_train.max()) == (0, 1)
        assert {*split.y_train} == {*split.y_test} == {*range(10)}

    def test_the_layers(self):
        nn, model = tinynn.nn, digits.digit_model(tinynn, dropout=0.5)
        kinds = [type(layer) for layer in model.modules()]
        for kind in (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.Dropout):
            assert kind in kinds
        assert model.classifier[1].p == 0.5
        images = tinynn.rand(3, 1, 8, 8)
        assert model.strokes(images).shape == (3, 16, 4, 4)
        assert model.shapes(model.strokes(images)).shape == (3, 32, 2, 2)
        assert model(images).shape == (3, 10)

    def test_an_epoch_sees_every_image_once_in_a_new_order(self):
        batches = contender(batch_size=100).trainer.batches
        first, second = ([*batches] for _ in range(2))
        assert [len(y) for _, y in first] == [100] * 14 + [37]
        orders = [[image.numpy().tobytes() for X, _ in epoch for image in X] for epoch in (first, second)]
        assert orders[0] != orders[1]
        images = EXPERIMENT.data(EXPERIMENT.configure()).X_train.astype(np.float32)
        for order in orders:
            assert sorted(order) == sorted(image.tobytes() for image in images)

    def test_the_learning_rate_falls_to_0(self):
        trainer = contender(epochs=4).trainer
        rates = []
        for _ in range(4):
            rates.append(trainer.optimizer.param_groups[0]["lr"])
            trainer.optimizer.step()
            trainer.scheduler.step()
        np.testing.assert_allclose(rates, 0.005 * (1 + np.cos(np.pi * np.arange(4) / 4)))
        assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


@pytest.mark.usefixtures("undrawn")
class TestResume:
    """The state is that of the DataLoader's and Dropout's generator, of BatchNorm, Adam and the scheduler."""

    OPTIONS = ["--epochs", "3", "--batch-size", "200", "--checkpoint-every", "1"]

    @pytest.mark.parametrize("epochs", [1, 2])
    def test_bit_for_bit(self, tmp_path, monkeypatch, epochs):
        run_epoch, whole, cut = Trainer.run_epoch, tmp_path / "whole", tmp_path / "cut"

        def stop_after_some(trainer):
            if len(trainer.history) == epochs:
                raise KeyboardInterrupt
            return run_epoch(trainer)

        digits.main([*self.OPTIONS, "--out", str(whole)])
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "run_epoch", stop_after_some)
            assert digits.main([*self.OPTIONS, "--out", str(cut)]) == 130
        assert digits.main([*self.OPTIONS, "--resume", "--out", str(cut)]) == 0
        assert (whole / "metrics.csv").read_text() == (cut / "metrics.csv").read_text()
        assert (whole / "report.txt").read_text() == (cut / "report.txt").read_text()
        ours, theirs = (tinynn.load(folder / "model.pth") for folder in (whole, cut))
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert ours[name].numpy().tobytes() == theirs[name].numpy().tobytes(), name


NAMES = ["zero", "one", "two"]
IMAGES = np.linspace(0, 1, 30).reshape(30, 1, 1) * np.ones((8, 8))  # number i is all of shade i / 29


class TestPictures:
    def test_examples_have_a_row_for_each_class(self):
        figure = plots.plot_examples(IMAGES, np.arange(30) % 3, NAMES, "title")
        (ax,) = figure.axes
        assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
        page = np.ma.getdata(ax.images[0].get_array())
        assert page.shape == (3 * 9 + 1, plots.images.EXAMPLES * 9 + 1)
        np.testing.assert_array_equal(page[1:9, 1:9], IMAGES[0])
        np.testing.assert_array_equal(page[10:18, 19:27], IMAGES[7], "the third of class one")
        assert np.isnan(page[:, ::9]).all()
        assert np.isnan(page[:, 10 * 9 + 1 :]).all(), "there are ten of each"

    def test_confusion_says_every_number_and_colours_right_and_wrong(self):
        matrix = np.array([[9, 1, 0], [0, 10, 0], [2, 0, 0]])
        (ax,) = plots.plot_confusion(matrix, NAMES, "title").axes
        written = {text.get_position(): text.get_text() for text in ax.texts}
        assert written == {(0, 0): "9", (1, 0): "1", (1, 1): "10", (0, 2): "2"}
        assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
        colors = np.asarray(ax.images[0].get_array())
        assert (colors[0, 2] == 1).all()
        darkest = plots.images.DARKEST
        np.testing.assert_allclose(1 - colors[1, 1], darkest * (1 - np.array(to_rgb(BLUE))))
        np.testing.assert_allclose(1 - colors[2, 0], darkest * (1 - np.array(to_rgb(VERMILLION))))
        assert (1 - colors[0, 0]).sum() < (1 - colors[1, 1]).sum()

    def test_confusion_of_a_model_without_mistakes(self):
        (ax,) = plots.plot_confusion(np.diag([3, 4]), NAMES[:2], "title").axes
        assert len(ax.texts) == 2

    def test_the_hardest_are_the_wrong_ones_and_then_the_least_sure(self):
        labels = np.arange(30) % 3
        probabilities = np.full((30, 3), 0.1)
        probabilities[np.arange(30), labels] = np.linspace(0.9, 0.6, 30)  # right, and less and less sure
        probabilities[4] = [0.7, 0.2, 0.1]
        probabilities[8] = [0.1, 0.5, 0.4]
        axes = plots.plot_hardest(IMAGES, labels, probabilities, NAMES, "title").axes
        shown = [round(29 * float(ax.images[0].get_array()[0, 0])) for ax in axes]
        assert shown == [4, 8, *range(29, 8, -1), 7]
        titles = [ax.get_title() for ax in axes]
        assert titles[:2] == ["a one, taken for zero\nP(one) = 0.20", "a two, taken for one\nP(two) = 0.40"]
        assert titles[2] == "a two: right\nP(two) = 0.60"
        widths = [ax.spines["left"].get_linewidth() for ax in axes]
        assert min(widths[:2]) > max(widths[2:])

    def test_each_filter_stands_over_its_response(self):
        filters = np.arange(12)[:, None, None] - np.full((3, 3), 6.0)
        responses = np.arange(12)[:, None, None] * np.ones((8, 8))
        figure = plots.plot_filters(IMAGES[3], filters, responses, "title")
        named = {ax.get_title(): ax for ax in figure.axes}
        np.testing.assert_array_equal(named["what it is shown"].images[0].get_array(), IMAGES[3])
        for k in range(12):
            (image,) = named[f"filter {k}"].images
            assert image.get_clim() == (-6, 6), "0 is white"
            assert image.get_array()[0, 0] == k - 6
        shades = {ax.images[0].get_array()[0, 0] for ax in figure.axes if ax.images and not ax.get_title()}
        assert shades == set(range(12))

    def test_filters_of_the_model(self, monkeypatch):
        """The responses are what the max pool gets."""
        shown = {}
        monkeypatch.setattr(plots, "plot_filters", lambda *arrays: shown.update(arrays=arrays))
        model = contender()
        run = type("Run", (), {"plots": plots, "draw": lambda *_: None, "file_name": lambda *_: "x.png"})()
        digits.draw_filters(run, model, "x.png", "now")
        image, filters, responses, title = shown["arrays"]
        np.testing.assert_array_equal(image, model.data.X_test[0, 0].numpy())
        np.testing.assert_array_equal(filters, model.model.strokes[0].weight[:, 0].detach().numpy())
        pooled = model.model.strokes(model.data.X_test[:1]).detach().numpy()[0]
        np.testing.assert_array_equal(responses.reshape(16, 4, 2, 4, 2).max(axis=(2, 4)), pooled)
        assert title == "What tinynn's filters look for, and below each where it is found: now"

    def test_a_model_that_diverged(self):
        plots.plot_hardest(IMAGES, np.arange(30) % 3, np.full((30, 3), np.nan), NAMES, "title")
        figure = plots.plot_filters(
            IMAGES[0], np.full((2, 3, 3), np.nan), np.full((2, 8, 8), np.nan), "title"
        )
        figure.canvas.draw()
