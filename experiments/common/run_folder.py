"""The folder a run writes into: every file appears whole or not at all, and models can be read back."""

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np

from experiments.common.errors import UserError


class RunFolder:
    """A folder of results. `files` lists the names written so far, in order."""

    def __init__(self, path: Path) -> None:
        """Create the folder; UserError unless files can be written there."""
        self.path = path
        self.files: list[str] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        except OSError as error:
            raise UserError(f"cannot write results into {path}: {error.strerror}") from error

    def write(self, name: str, fill: Callable[[BinaryIO], Any]) -> None:
        """Let `fill` write a temporary file, then move it to `name` in one step: none sees half a file."""
        temporary = self.path / f".{name}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                fill(file)
            os.replace(temporary, self.path / name)
        finally:
            temporary.unlink(missing_ok=True)
        self.files.append(name)

    def write_figure(self, name: str, figure: Any) -> None:
        """Save a matplotlib figure as PNG."""
        self.write(name, lambda file: figure.savefig(file, format="png", dpi=150))

    def write_csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table with one header line; floats are written so that they read back exactly."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        self.write(name, lambda file: file.write(text.getvalue().encode()))

    def write_json(self, name: str, content: Any) -> None:
        """Strict JSON: nan and infinity, which it has no words for, become null."""
        text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
        self.write(name, lambda file: file.write(text.encode()))

    def write_model(self, name: str, model: Any) -> None:
        """The model's state_dict as a NumPy archive: one array a parameter, under its name."""
        arrays = {key: value.detach().cpu().numpy() for key, value in model.state_dict().items()}
        self.write(name, lambda file: np.savez(file, **arrays))

    def load_model(self, name: str, backend: ModuleType, model: Any) -> None:
        """Read what `write_model` wrote into `model`, which must have the same parameters."""
        with np.load(self.path / name) as arrays:
            model.load_state_dict({key: backend.from_numpy(arrays[key]) for key in arrays.files})


def _finite(value: Any) -> Any:
    """`value` with every float that JSON cannot hold replaced by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
