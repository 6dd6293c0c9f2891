"""Checkpoints: the whole state of a run, written now and then, so that it can go on after any end.

A run that goes on from a checkpoint computes, bit for bit, what it would have without the interruption: the
model, the optimizer, the scheduler, the random numbers and the metrics so far are all in there. A file
appears whole or not at all, and the one before is kept until it has: there is a readable one at any moment.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any, NamedTuple

from experiments.common.backends import versions
from experiments.common.cli import Console
from experiments.common.contender import Contender
from experiments.common.errors import DamagedFileError, UserError
from experiments.common.experiment import Config, Experiment
from experiments.common.lockstep import Lockstep
from experiments.common.options import EVERY_FEW_SECONDS, Every, option_name
from experiments.common.run_folder import RunFolder

FORMAT = 1  # of the content; another one is not read
KEPT = 2  # the newest, and the one before, should the newest turn out damaged
NAME = re.compile(r"checkpoint-(\d+)-(\w+)\.pth")


class Checkpoint(NamedTuple):
    """What was read: after how many epochs and seconds it was written, by which versions, and the states."""

    epochs: int
    seconds: float
    versions: dict[str, str]
    contenders: list[dict[str, Any]]
    lockstep: Any


class Checkpoints:
    """The checkpoints of one run in its folder, a file for each contender."""

    def __init__(
        self,
        folder: RunFolder,
        contenders: Sequence[Contender],
        lockstep: Lockstep | None,
        every: Every = EVERY_FEW_SECONDS,
    ) -> None:
        self.folder = folder
        self.contenders = contenders
        self.lockstep = lockstep
        self.every = every
        backends = [contender.backend for contender in contenders]
        self.identity = identity(contenders[0].experiment, backends, contenders[0].config)
        self.versions = versions(*backends)
        self._written_at = time.monotonic()

    def epoch_done(self, epochs: int, seconds: float) -> None:
        """Write a checkpoint if it is time; `seconds` is how long training took so far."""
        if self.every.due(epochs, time.monotonic() - self._written_at):
            self.write(epochs, seconds)

    def write(self, epochs: int, seconds: float) -> None:
        """Write a checkpoint, and forget those that are older than the one before."""
        for contender in self.contenders:
            content = {
                "format": FORMAT,
                "run": self.identity,
                "versions": self.versions,
                "seconds": seconds,
                "contender": contender.state_dict(),
                "lockstep": None if self.lockstep is None else self.lockstep.state_dict(),
            }
            self.folder.write_state(self._name(epochs, contender), contender.backend, content)
        for old in self.epochs()[KEPT:]:
            self._remove(old)
        self._written_at = time.monotonic()

    def newest(self, console: Console) -> Checkpoint | None:
        """The newest readable checkpoint; UserError if it is one of a run with other options."""
        for epochs in self.epochs():
            try:
                contents = [self._read(epochs, contender) for contender in self.contenders]
            except DamagedFileError as error:
                console.conclude(f"{error}\nGoing back to the checkpoint before.")
                continue
            first = contents[0]
            check_identity(first["run"], self.identity, f"The run in {self.folder.path}")
            states = [content["contender"] for content in contents]
            return Checkpoint(epochs, first["seconds"], first["versions"], states, first["lockstep"])
        return None

    def restore(self, checkpoint: Checkpoint) -> None:
        """Bring the contenders to where they were when it was written."""
        for contender, state in zip(self.contenders, checkpoint.contenders, strict=True):
            contender.load_state_dict(state)
        if self.lockstep is not None:
            self.lockstep.load_state_dict(checkpoint.lockstep)

    def clear(self) -> None:
        """Remove all checkpoints."""
        for epochs in self.epochs():
            self._remove(epochs)

    def _name(self, epochs: int, contender: Contender) -> str:
        return f"checkpoint-{epochs:08}-{contender.name}.pth"

    def epochs(self) -> list[int]:
        """After how many epochs there are checkpoints, the latest first."""
        names = map(NAME.fullmatch, (path.name for path in self.folder.path.iterdir()))
        return sorted({int(name[1]) for name in names if name}, reverse=True)

    def _remove(self, epochs: int) -> None:
        for path in self.folder.path.glob(f"checkpoint-{epochs:08}-*.pth"):
            path.unlink()

    def _read(self, epochs: int, contender: Contender) -> dict[str, Any]:
        name = self._name(epochs, contender)
        content = self.folder.read_state(name, contender.backend)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise DamagedFileError(f"{self.folder.path / name} is not a checkpoint")
        return content


def identity(experiment: Experiment, backends: Sequence[ModuleType], config: Config) -> dict[str, Any]:
    """What two runs must share to be the same run."""
    names = [backend.__name__ for backend in backends]
    facts = {"program": experiment.program, "backend": names, **asdict(config)}
    return json.loads(json.dumps(facts))  # as a file gives it back: with lists for tuples


def check_identity(theirs: dict[str, Any], ours: dict[str, Any], whose: str) -> None:
    """UserError naming what differs, unless both are the same run."""
    names = [*theirs, *(name for name in ours if name not in theirs)]
    differing = [name for name in names if theirs.get(name) != ours.get(name)]
    if differing:
        described = (
            f"{option_name(n)} was {_said(theirs.get(n))}, not {_said(ours.get(n))}" for n in differing
        )
        raise UserError(
            f"{whose} has other options: {'; '.join(described)}\n"
            "--resume goes on with the options a run was started with; to start anew, leave it away."
        )


def _said(value: Any) -> str:
    """A value as the command line has it."""
    if isinstance(value, list):
        return "both" if len(value) == 2 else str(value[0])
    return "not given" if value is None else str(value)
