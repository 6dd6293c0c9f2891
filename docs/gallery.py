"""Make the README's pictures: those of a run of everything, small.

    python experiments/run_all.py --out runs/gallery
    python docs/gallery.py runs/gallery

`make gallery` does both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

IMAGES = Path(__file__).parent / "images"
WIDTH = 800  # pixels; twice the width of a table cell on the page
COLORS = 96  # enough for lines, dots and shading, at a fifth of the size

PICTURES = {
    "circles-v2/boundary_after.png": "circles-v2.png",
    "circles-compare/comparison.png": "circles-compare.png",
    "blobs/boundary_after.png": "blobs.png",
    "regularization/boundaries.png": "regularization.png",
    "optimizers/paths.png": "optimizers.png",
    "digits/filters_after.png": "digits.png",
    "activations/activations.png": "activations.png",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Shrink each picture into docs/images."""
    parser = argparse.ArgumentParser(description="Make the README's pictures from a run of everything.")
    parser.add_argument("folder", type=Path, help="what run_all.py was given as --out")
    folder = parser.parse_args(arguments).folder
    for source, name in PICTURES.items():
        with Image.open(folder / source) as picture:
            height = round(picture.height * WIDTH / picture.width)
            small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        small.quantize(COLORS).save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
