"""Draw the activation functions and their derivatives; the derivatives are what `backward()` computes.

python experiments/activations.py                   on tinynn
python experiments/activations.py --backend both    are tinynn's and PyTorch's the same, point by point?
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so it runs from anywhere, installed or not

from experiments.common import cli
from experiments.common.backends import DTYPES, load_backends, require, versions
from experiments.common.lockstep import brief, largest_difference
from experiments.common.options import add_backend_options, add_output_options
from experiments.common.run_folder import RunFolder

PROGRAM = "activations.py"
REACH = 5.0  # x goes from -REACH to REACH
POINTS = 1001  # 0, where ReLU has its kink, among them

FUNCTIONS = {"ReLU": "ReLU", "sigmoid": "Sigmoid", "tanh": "Tanh", "GELU": "GELU"}  # classes of nn
MEANINGS = {
    "ReLU": "max(0, x): its slope is 0 or 1, at the kink by agreement 0",
    "sigmoid": "1 / (1 + exp(-x)): its slope is at most 1/4, so that gradients shrink layer by layer",
    "tanh": "2 sigmoid(2 x) - 1: centred, its slope at most 1",
    "GELU": "x P(Z <= x), Z standard normal: ReLU with a rounded kink",
}

# NumPy's and PyTorch's exp, tanh and erf are different code, each within some units in the last place of the
# true value: four such units at the largest value, REACH, are allowed for.
BOUNDS = {dtype: 4 * float(np.spacing(getattr(np, dtype)(REACH))) for dtype in DTYPES}


class Curve(NamedTuple):
    """A function's values and slopes at the points, as arrays."""

    values: np.ndarray
    slopes: np.ndarray


def points() -> np.ndarray:
    """Evenly spaced, with an exact 0 in the middle."""
    return np.linspace(-REACH, REACH, POINTS)


def curves(backend: ModuleType, dtype: str, device: str) -> dict[str, Curve]:
    """Every activation function at `points()`; the sum's gradient is the slope at each of them."""
    result = {}
    for name, layer in FUNCTIONS.items():
        x = backend.from_numpy(points()).type(getattr(backend, dtype)).to(device).requires_grad_()
        y = getattr(backend.nn, layer)()(x)
        y.sum().backward()
        result[name] = Curve(y.detach().cpu().numpy(), x.grad.cpu().numpy())
    return result


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Draw ReLU, sigmoid, tanh and GELU, and their derivatives by backward()."
    )
    add_backend_options(parser)
    add_output_options(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment with command line `arguments`; returns the exit code."""
    options = build_parser().parse_args(arguments)
    return cli.run(PROGRAM, lambda: run(options))


def run(options: argparse.Namespace) -> int:
    """Compute the curves on each backend, draw and write them; with two backends, compare."""
    require(("sklearn", "scikit-learn"), ("matplotlib", "matplotlib"))
    backends = load_backends(options.backend, options.device, options.dtype)
    folder = RunFolder(options.out or Path("runs", f"activations-{options.backend}-{options.dtype}"))
    console = cli.Console(options.quiet)
    used = ", ".join(f"{name} {version}" for name, version in versions(*backends).items())
    names = " and ".join(backend.__name__ for backend in backends)
    console.say(f"Backend   {names} on {options.device}, {options.dtype}\nVersions  {used}\n")
    for name, meaning in MEANINGS.items():
        console.say(f"{name:<8}  {meaning}")
    console.say()

    from experiments.common import plots  # matplotlib takes a second to load

    computed = {backend.__name__: curves(backend, options.dtype, options.device) for backend in backends}
    with plots.screen(options.show, console.conclude):
        for backend, curves_there in computed.items():
            title = f"Activation functions and their derivatives, by {backend}"
            suffix = f"-{backend}" if len(computed) == 2 else ""
            folder.write_figure(
                f"activations{suffix}.png", plots.plot_functions(points(), curves_there, title)
            )
            write_table(folder, f"activations{suffix}.csv", curves_there)
    console.conclude(f"In {folder.path}: {', '.join(folder.files)}")
    if len(computed) == 2:
        return compare(computed, BOUNDS[options.dtype], console)
    return cli.EXIT_OK


def write_table(folder: RunFolder, name: str, curves_there: dict[str, Curve]) -> None:
    """A column for each function and for each derivative."""
    header = ["x", *(f"{function}{what}" for function in curves_there for what in ("", "_derivative"))]
    columns = [points(), *(column for curve in curves_there.values() for column in curve)]
    folder.write_csv(name, header, zip(*(column.tolist() for column in columns), strict=True))


def compare(computed: dict[str, dict[str, Curve]], bound: float, console: cli.Console) -> int:
    """Print how far the two are apart; returns the exit code."""
    first, second = computed.values()
    largest = 0.0
    for name in FUNCTIONS:
        for what, a, b in zip(("values", "derivatives"), first[name], second[name], strict=True):
            difference = largest_difference(a, b)
            largest = max(largest, difference)
            console.say(f"{name:<8}  {what:<12} differ by at most {brief(difference)}")
    holds = largest <= bound
    verdict = f"parity {'holds' if holds else 'fails'}: largest difference {brief(largest)}"
    console.conclude(f"Verdict: {verdict} (bound {brief(bound)})")
    return cli.EXIT_OK if holds else cli.EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
