"""The pictures of the experiments: what they show, that nothing depends on colour alone, odd inputs."""

import io

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import same_color, to_rgb

import tinynn
from experiments import activations, circles
from experiments.common import data, plots
from experiments.common.contender import Contender
from experiments.common.lockstep import BOUNDS, Lockstep
from experiments.common.plots import plane
from experiments.common.run_folder import RunFolder
from experiments.common.tasks import Classification, Regression
from experiments.common.training import EpochMetrics


@pytest.fixture(autouse=True)
def _files_only():
    with plots.screen(wanted=False) as windows:
        assert not windows
        yield


@pytest.fixture
def split():
    return data.circles(samples=100, noise=0.03, split_seed=42)


def disc(points):
    """A perfect classifier of the circles: P(class 1) falls from 1 at the centre, is 1/2 at radius 0.9."""
    return 1 / (1 + np.exp(40 * (np.hypot(points[:, 0], points[:, 1]) - 0.9)))


def panel(split, probability, title="Test points"):
    predicted = np.round(probability(split.X_test))
    shading = plots.plane_map(probability, split)
    return plots.BoundaryPanel(title, shading, split.X_test, split.y_test, predicted)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def drawn_points(ax):
    return sum(len(each.get_offsets()) for each in ax.collections if isinstance(each, PathCollection))


def history(losses):
    return [
        EpochMetrics(epoch, loss, 50 + epoch, loss + 0.01, 49 + epoch) for epoch, loss in enumerate(losses)
    ]


def saves(figure):
    """Render the whole figure, as saving does; returns the number of bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.tell()


class TestPlaneMap:
    def test_covers_all_points_with_a_margin(self, split):
        far = data.Split(split.X_train + [5, 0], split.y_train, split.X_test + [5, 0], split.y_test)
        shading = plots.plane_map(disc, far)
        points = np.concatenate([far.X_train, far.X_test])
        lowest, highest = points.min(axis=0), points.max(axis=0)
        assert ([shading.left, shading.bottom] < lowest).all()
        assert ([shading.left + shading.side, shading.bottom + shading.side] > highest).all()
        assert shading.side == pytest.approx(1.1 * (highest - lowest).max())
        assert shading.values.shape == (plane.GRID_SIDE, plane.GRID_SIDE)

    def test_rows_are_x2_and_columns_x1(self, split):
        shading = plots.plane_map(lambda points: points[:, 0] + 10 * points[:, 1], split)
        left, bottom, side = shading.left, shading.bottom, shading.side
        assert shading.values[-1, 0] == pytest.approx(left + 10 * (bottom + side))
        assert shading.values[0, -1] == pytest.approx(left + side + 10 * bottom)


class TestData:
    def test_train_and_test_side_by_side(self, split):
        figure = plots.plot_data(split, "Two circles")
        train, test = figure.axes
        assert (train.get_title(), test.get_title()) == ("80 training points", "20 test points")
        assert (drawn_points(train), drawn_points(test)) == (80, 20)
        assert figure.get_suptitle() == "Two circles"
        assert legend(figure) == ["class 0", "class 1"]
        assert (train.get_xlabel(), train.get_ylabel()) == ("$x_1$", "$x_2$")
        assert saves(figure) > 10_000

    def test_classes_differ_by_marker_and_by_lightness(self, split):
        def lightness(color):
            return np.dot(to_rgb(color), [0.299, 0.587, 0.114])

        zero, one = (plots.plot_data(split, "")).axes[0].collections
        assert len(zero.get_paths()[0].vertices) != len(one.get_paths()[0].vertices)
        assert abs(lightness(plane.CLASS_COLORS[0]) - lightness(plane.CLASS_COLORS[1])) > 0.05
        assert not same_color(*plane.CLASS_COLORS[:2])


class TestBoundary:
    def test_shading_line_points_and_scale(self, split):
        figure = plots.plot_boundary([panel(split, disc), panel(split, disc)], "After training")
        left, right, bar = figure.axes
        for ax in (left, right):
            assert ax.get_title() == "Test points"
            (image,) = ax.images
            assert image.get_clim() == (0, 1)
            assert image.origin == "lower"
            assert drawn_points(ax) == 20
        assert bar.get_ylabel() == "P(class 1), here from 0.00 to 1.00"
        assert legend(figure) == ["class 0", "class 1", "boundary, P = 1/2"]
        assert saves(figure) > 20_000

    def test_the_line_is_where_the_probability_is_one_half(self, split):
        ax = plots.plot_boundary([panel(split, disc)], "").axes[0]
        (line,) = [each for each in ax.collections if not isinstance(each, PathCollection)]
        vertices = np.concatenate([path.vertices for path in line.get_paths()])
        np.testing.assert_allclose(np.hypot(*vertices.T), 0.9, atol=0.001)

    def test_wrong_points_are_hollow(self, split):
        inverted = panel(split, lambda points: 1 - disc(points))
        figure = plots.plot_boundary([panel(split, disc), inverted], "")
        assert legend(figure) == [
            "class 0",
            "class 1",
            "boundary, P = 1/2",
            "class 0, wrong",
            "class 1, wrong",
        ]
        hollow = [each for each in figure.axes[1].collections if "wrong" in each.get_label()]
        assert sum(len(each.get_offsets()) for each in hollow) == 20
        assert all(same_color(each.get_facecolor()[0], "white") for each in hollow)

    @pytest.mark.parametrize("value", [0.2, 0.5, 0.9, np.nan])
    def test_without_any_boundary(self, split, value):
        figure = plots.plot_boundary([panel(split, lambda points: np.full(len(points), value))], "")
        assert all(isinstance(each, PathCollection) for each in figure.axes[0].collections)
        assert saves(figure) > 10_000


class TestCurves:
    def test_loss_and_accuracy_of_both_sets(self):
        figure = plots.plot_curves(history([0.7, 0.5, 0.25]), Classification.metric, "Model v2")
        loss, acc = figure.axes
        np.testing.assert_array_equal(loss.lines[0].get_ydata(), [0.7, 0.5, 0.25])
        np.testing.assert_array_equal(acc.lines[1].get_ydata(), [49, 50, 51])
        assert [text.get_text() for text in loss.get_legend().get_texts()] == [
            "train, at the end 0.25000",
            "test, at the end 0.26000",
        ]
        assert loss.lines[0].get_linestyle() != loss.lines[1].get_linestyle(), "not by colour alone"
        assert (loss.get_xlabel(), loss.get_ylabel(), acc.get_ylabel()) == ("Epoch", "Loss", "Accuracy (%)")
        assert loss.get_ylim()[0] == 0
        assert loss.get_ylim()[1] > 0.71, "room for every value"
        assert saves(figure) > 10_000

    @pytest.mark.parametrize("losses", [[0.7], [0.7, np.nan, np.inf], [np.nan], [1e38, 0.1]])
    def test_short_and_diverged_runs(self, losses):
        assert saves(plots.plot_curves(history(losses), Classification.metric, "", guessing=50)) > 5_000

    def test_errors_on_a_log_axis(self):
        figure = plots.plot_curves(history([0.7, 0.05, 0.0]), Regression.metric, "A line")
        assert [ax.get_yscale() for ax in figure.axes] == ["log", "log"]
        assert figure.axes[1].get_ylabel() == "Root mean squared error"
        assert saves(figure) > 10_000

    def test_errors_that_are_all_zero(self):
        exact = [EpochMetrics(0, 0.0, 0.0, 0.0, 0.0)]
        figure = plots.plot_curves(exact, Regression.metric, "A line")
        assert figure.axes[0].get_yscale() == "linear"
        assert saves(figure) > 5_000


class TestManyClasses:
    @staticmethod
    def corners(points):
        """P of four classes, one in each quarter of the plane."""
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
        scores = np.exp(5 * points @ signs.T)
        return scores / scores.sum(axis=1, keepdims=True)

    @pytest.fixture
    def quarters(self):
        X = np.random.default_rng(0).uniform(-1, 1, (100, 2))
        y = self.corners(X).argmax(axis=1)
        return data.Split(X[:80], y[:80], X[80:], y[80:])

    def test_lines_where_the_likeliest_class_changes(self, quarters):
        shading = plots.plane_map(self.corners, quarters)
        wrong = np.zeros_like(quarters.y_test)
        figure = plots.plot_boundary(
            [plots.BoundaryPanel("Test", shading, quarters.X_test, quarters.y_test, wrong)], "Quarters"
        )
        (ax,) = figure.axes
        lines = [each for each in ax.collections if not isinstance(each, PathCollection)]
        vertices = np.concatenate([path.vertices for line in lines for path in line.get_paths()])
        assert np.abs(vertices).min(axis=1).max() < 0.01, "on the axes x1 = 0 and x2 = 0"
        assert drawn_points(ax) == 20
        labels = legend(figure)
        assert [f"class {label}" for label in range(4)] == labels[:4]
        assert "where the most likely class changes" in labels
        assert "class 3, wrong" in labels
        assert "class 0, wrong" not in labels
        assert saves(figure) > 20_000

    def test_regions_have_the_colour_of_their_class(self, quarters):
        shading = plots.plane_map(self.corners, quarters)
        panel = plots.BoundaryPanel("", shading, quarters.X_test, quarters.y_test, quarters.y_test)
        (image,) = plots.plot_boundary([panel], "").axes[0].images
        pixels = np.asarray(image.get_array())
        for label, (row, column) in enumerate([(-1, -1), (0, -1), (-1, 0), (0, 0)]):
            color = np.array(to_rgb(plane.CLASS_COLORS[label]))
            tint = pixels[row, column, :3]
            assert np.argmax(tint) == np.argmax(color)
            assert np.argmin(tint) == np.argmin(color)


class TestComparison:
    def test_boundaries_above_and_curves_below(self, split):
        histories = {"v0": history([0.7, 0.69]), "v2": history([0.7, 0.5, 0.1])}
        panels = [panel(split, disc, title) for title in histories]
        figure = plots.plot_comparison(histories, Classification.metric, "Circles", panels, guessing=50)
        left, right, loss, score = figure.axes
        assert [left.get_title(), right.get_title()] == ["v0", "v2"]
        assert [line.get_label() for line in loss.lines] == ["v0", "v2"]
        assert loss.lines[0].get_linestyle() != loss.lines[1].get_linestyle(), "not by colour alone"
        np.testing.assert_array_equal(loss.lines[1].get_ydata(), [0.7, 0.5, 0.1])
        np.testing.assert_array_equal(score.lines[0].get_ydata(), [49, 50], "the test points'")
        assert (loss.get_ylabel(), score.get_ylabel()) == ("Training loss", "Accuracy (%), test points")
        assert saves(figure) > 20_000

    def test_without_boundaries(self):
        histories = {str(number): history([0.5 / number]) for number in range(1, 9)}
        figure = plots.plot_comparison(histories, Regression.metric, "Lines")
        assert len(figure.axes) == 2
        looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
        assert len(looks) >= 7
        assert saves(figure) > 10_000


class TestLine:
    def test_points_and_predictions_of_each_model(self):
        line = data.straight_line(0.7, 0.3, 0.01)
        models = {"tinynn": lambda x: x[:, 0], "torch": lambda x: 1 - x[:, 0]}
        figure = plots.plot_line(line, models, "A line")
        for ax, name, first in zip(figure.axes, models, (0, 1), strict=True):
            train, test, predicted = ax.lines
            assert (len(train.get_xdata()), len(test.get_xdata()), len(predicted.get_xdata())) == (
                80,
                20,
                100,
            )
            assert predicted.get_ydata()[0] == first
            assert ax.get_legend().get_texts()[-1].get_text() == f"predicted by {name}"
        assert saves(figure) > 10_000


class TestFunctions:
    def test_values_and_slopes(self):
        x = activations.points()
        curves = activations.curves(tinynn, "float64", "cpu")
        figure = plots.plot_functions(x, curves, "Activation functions")
        assert [ax.get_title() for ax in figure.axes] == ["ReLU", "sigmoid", "tanh", "GELU"]
        for ax, curve in zip(figure.axes, curves.values(), strict=True):
            values, slopes = ax.lines[2:]
            np.testing.assert_array_equal(values.get_ydata(), curve.values)
            np.testing.assert_array_equal(slopes.get_ydata(), curve.slopes)
            assert values.get_linestyle() != slopes.get_linestyle()
        assert saves(figure) > 10_000


class TestLockstep:
    @staticmethod
    def compared(change, epochs=3):
        experiment = circles.Circles()
        config = experiment.configure("v2", samples=60)
        split = experiment.data(config)
        first, second = (Contender(tinynn, experiment, config, split).trainer for _ in range(2))
        second.optimizer.param_groups[0]["lr"] *= change
        lockstep = Lockstep(first, second)
        for _ in range(epochs):
            lockstep.run_epoch()
        return lockstep

    def test_losses_over_each_other_and_differences_on_a_log_axis(self):
        lockstep = self.compared(change=1.001)
        figure = plots.plot_lockstep(lockstep, ["one", "other"], BOUNDS["float32"], "In lockstep")
        losses, differences = figure.axes
        assert [text.get_text() for text in losses.get_legend().get_texts()] == ["one", "other"]
        assert losses.lines[0].get_linewidth() > 2 * losses.lines[1].get_linewidth(), "both must be seen"
        assert differences.get_yscale() == "log"
        assert differences.get_title() == "First difference: epoch 0, layer_1.weight"
        parameters = [difference.parameters for difference in lockstep.history]
        np.testing.assert_array_equal(differences.lines[3].get_ydata(), parameters)
        assert np.isnan(differences.lines[2].get_ydata()[0]), "gradients of the first epoch do not differ"
        assert saves(figure) > 10_000

    def test_no_difference_at_all(self):
        figure = plots.plot_lockstep(self.compared(change=1), ["one", "other"], BOUNDS["float32"], "")
        assert figure.axes[1].get_title() == "Every bit agrees"
        assert saves(figure) > 10_000


def test_figures_are_written_at_print_resolution(tmp_path, split):
    folder = RunFolder(tmp_path)
    figure = plots.plot_data(split, "Two circles")
    folder.write_figure("data.png", figure)
    header = (tmp_path / "data.png").read_bytes()[16:24]
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:])
    assert (width, height) == tuple(np.round(figure.get_size_inches() * 150).astype(int))
