"""Read handwritten digits, 8 x 8 pixels each, by a small convolutional network.

    python experiments/digits.py                   20 epochs in seconds, over 98 % of the tests right
    python experiments/digits.py --dropout 0       one of its parts turned off
    python experiments/digits.py --backend both    tinynn and PyTorch, epoch by epoch

The pictures: digits of each class, the learned filters and what they see, which digits it takes for which,
and those that it gets wrong or is least sure of.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import program
from experiments.common.cli import number
from experiments.common.contender import Contender
from experiments.common.data import Split, split_at_random
from experiments.common.experiment import Config, Experiment, Preset
from experiments.common.lockstep import BOUNDS, Bound
from experiments.common.reports import class_report
from experiments.common.run import Run
from experiments.common.tasks import MultiClassification

NAMES = [str(digit) for digit in range(10)]
SIDE = 8  # pixels of an image, each way
INK = 16  # a pixel's largest value
SPLIT_SEED = 42


@dataclass(frozen=True)
class DigitsConfig(Config):
    """A run on the digits."""

    dropout: float


# fmt: off
PRESETS = {
    "cnn": Preset("two convolutions, a max pool, an average pool", "it learns where to look and what for",
                  optimizer="adam", lr=0.01, epochs=20, batch_size=32, dropout=0.25),
}
# fmt: on

FLOAT32_BOUND = Bound(
    0.4,
    "in 20 epochs PyTorch against itself, adding in another order, differs by up to 0.21: what rounds to the"
    " other side of 0 in a ReLU, or to the other place in a max pool, sends a gradient elsewhere, and 900"
    " steps of Adam magnify that; with other random numbers it differs by 0.79 or more",
)


def digit_model(backend: ModuleType, dropout: float) -> Any:
    """Images (n, 1, 8, 8) to logits (n, 10)."""
    nn: Any = backend.nn

    def block(channels: int, filters: int, pool: Any) -> Any:
        """Halves the size. A bias would be lost: the batch norm subtracts the mean, and has a bias itself."""
        convolution = nn.Conv2d(channels, filters, kernel_size=3, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(filters), nn.ReLU(), pool)

    class DigitModel(nn.Module):
        """Strokes, then shapes made of strokes, then which digit has such shapes in such places."""

        def __init__(self) -> None:
            super().__init__()
            self.strokes = block(1, 16, nn.MaxPool2d(kernel_size=2))  # 8 x 8 to 4 x 4
            self.shapes = block(16, 32, nn.AvgPool2d(kernel_size=2))  # 4 x 4 to 2 x 2
            self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(32 * 2 * 2, 10))

        def forward(self, x: Any) -> Any:
            return self.classifier(self.shapes(self.strokes(x)))

    return DigitModel()


class Digits(Experiment):
    """Ten classes of small images; minibatches shuffled by a DataLoader; a learning rate that falls to 0."""

    program = "digits.py"
    title = "Digits"
    description = "Read handwritten digits by a convolutional network: on tinynn, PyTorch, or both."
    presets = PRESETS
    default_model = "cnn"
    config_type = DigitsConfig
    guessing = 100 / len(NAMES)
    bounds = BOUNDS | {"float32": FLOAT32_BOUND}

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        about_dropout = "how much of what the last layer sees is left out while training (default: 0.25)"
        parser.add_argument("--dropout", type=number(0, 1), metavar="P", help=about_dropout)

    def data(self, config: DigitsConfig) -> Split:
        from sklearn.datasets import load_digits  # slow to load

        images, labels = load_digits(return_X_y=True)
        return split_at_random(images.reshape(-1, 1, SIDE, SIDE) / INK, labels, SPLIT_SEED)

    def describe_data(self, config: DigitsConfig) -> str:
        return f"images of {SIDE} x {SIDE} pixels"

    def task(self, backend: ModuleType, config: DigitsConfig) -> MultiClassification:
        return MultiClassification(backend)

    def model(self, backend: ModuleType, config: DigitsConfig) -> Any:
        return digit_model(backend, config.dropout)

    def batches(self, backend: ModuleType, data: Split, config: DigitsConfig) -> Iterable[tuple[Any, Any]]:
        """All training images in a new order each time, `batch_size` at a time."""
        loading = backend.utils.data
        dataset = loading.TensorDataset(data.X_train, data.y_train)
        return loading.DataLoader(dataset, batch_size=config.batch_size, shuffle=True)

    def scheduler(self, backend: ModuleType, optimizer: Any, config: DigitsConfig) -> Any:
        """Half a wave of a cosine from `lr` to 0: the last steps settle."""
        return backend.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=config.epochs)

    def draw_before(self, run: Run) -> None:
        X, y = run.split.X_train[:, 0], run.split.y_train
        run.draw("digits.png", run.plots.plot_examples(X, y, NAMES, "Digits to learn from, a class a row"))
        for contender in run.contenders:
            draw_filters(run, contender, "filters_before.png", "before training")

    def draw_after(self, run: Run) -> None:
        for contender in run.contenders:
            draw_filters(run, contender, "filters_after.png", f"after {len(contender.history):,} epochs")
            draw_answers(run, contender)

    def report(self, contender: Contender) -> str:
        return class_report(contender, NAMES)


def draw_filters(run: Run, contender: Contender, name: str, when: str) -> None:
    """Write the filters of the first convolution, and how they, batch norm and ReLU answer a test image."""
    convolution, norm, relu, _ = contender.model.eval().strokes
    image = contender.data.X_test[:1]
    with contender.backend.inference_mode():
        responses = relu(norm(convolution(image)))
    arrays = [x.detach().cpu().numpy() for x in (image[0, 0], convolution.weight[:, 0], responses[0])]
    title = f"What {contender.name}'s filters look for, and below each where it is found: {when}"
    run.draw(run.file_name(name, contender), run.plots.plot_filters(*arrays, title))


def draw_answers(run: Run, contender: Contender) -> None:
    """Write which digits are taken for which, and the hardest of them."""
    from sklearn.metrics import confusion_matrix

    X, y = run.split.X_test, run.split.y_test
    probabilities = contender.interpret(X)
    said = probabilities.argmax(axis=1)
    wrong = f"{contender.name} takes {(said != y).sum()} of {len(y)} test digits for others"
    matrix = confusion_matrix(y, said, labels=range(len(NAMES)))
    run.draw(run.file_name("confusion.png", contender), run.plots.plot_confusion(matrix, NAMES, wrong))
    title = f"The test digits that are hardest for {contender.name}; what it gets wrong is framed"
    hardest = run.plots.plot_hardest(X[:, 0], y, probabilities, NAMES, title)
    run.draw(run.file_name("hardest.png", contender), hardest)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    return program.main(Digits(), arguments)


if __name__ == "__main__":
    sys.exit(main())
