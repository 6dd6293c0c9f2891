"""The folder a run writes into: every file appears whole or not at all, and states can be read back."""

import csv
import io
import json
import math
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from experiments.common.errors import DamagedFileError, UserError

TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")


class RunFolder:
    """A folder of results. `files` lists the names of the results written so far, in order."""

    def __init__(self, path: Path) -> None:
        """Create the folder; UserError unless files can be written there."""
        self.path = path
        self.files: list[str] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
        except OSError as error:
            raise UserError(f"cannot write results into {path}: {error.strerror}") from error
        self._remove_leftovers()

    def write(self, name: str, fill: Callable[[BinaryIO], Any], result: bool = True) -> None:
        """Let `fill` write a temporary file, then move it to `name` in one step: none sees half a file.

        `fsync` makes that true of a power failure too. What is no `result` does not join `files`.
        """
        temporary = self.path / f".{name}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path / name)
        finally:
            temporary.unlink(missing_ok=True)
        if result and name not in self.files:
            self.files.append(name)

    def write_text(self, name: str, text: str) -> None:
        """A text file, UTF-8."""
        self.write(name, lambda file: file.write(text.encode()))

    def write_figure(self, name: str, figure: Any) -> None:
        """Save a matplotlib figure as PNG."""
        self.write(name, lambda file: figure.savefig(file, format="png", dpi=150))

    def write_csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table with one header line; floats are written so that they read back exactly."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        self.write_text(name, text.getvalue())

    def write_json(self, name: str, content: Any) -> None:
        """Strict JSON: nan and infinity, which it has no words for, become null."""
        self.write_text(name, json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")

    def read_json(self, name: str) -> Any:
        """What `write_json` wrote; None if there is no such file. Raises DamagedFileError."""
        try:
            return json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DamagedFileError(f"{self.path / name} is not JSON: {error}") from error

    def write_model(self, name: str, backend: ModuleType, model: Any) -> None:
        """The model's state_dict, as `torch.save` writes it: tinynn and torch read each other's."""
        self.write(name, lambda file: backend.save(model.state_dict(), file))

    def load_model(self, name: str, backend: ModuleType, model: Any) -> None:
        """Read what `write_model` wrote into `model`, which must have the same parameters."""
        model.load_state_dict(self.read_state(name, backend))

    def write_state(self, name: str, backend: ModuleType, state: Any) -> None:
        """Nested containers of numbers, strings and tensors, which are no result of the run."""
        self.write(name, lambda file: backend.save(state, file), result=False)

    def read_state(self, name: str, backend: ModuleType) -> Any:
        """What `write_state` or `write_model` wrote, on the CPU, without running code of the file.

        Raises DamagedFileError.
        """
        path = self.path / name
        try:
            check_sums(path)
            return backend.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # a damaged file ends PyTorch's reader in a dozen ways
            raise DamagedFileError(f"{path} cannot be read: {error or type(error).__name__}") from error

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def _remove_leftovers(self) -> None:
        """Remove the temporary files of programs that were killed while they wrote."""
        for path in self.path.iterdir():
            name = TEMPORARY.fullmatch(path.name)
            if name and not _is_running(int(name[1])):
                path.unlink(missing_ok=True)


def check_sums(path: Path) -> None:
    """Raise BadZipFile unless every part of an archive has its checksum: PyTorch's reader does not look."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} was changed after it was written")


def _is_running(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is not a question
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _finite(value: Any) -> Any:
    """`value` with every float that JSON cannot hold replaced by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
