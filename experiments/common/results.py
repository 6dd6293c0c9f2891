"""The table of a sweep, a row for each trial, kept so that it can go on later; what it says of a setting."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from experiments.common.errors import DamagedFileError
from experiments.common.run_folder import RunFolder
from experiments.common.tasks import Metric
from experiments.common.trials import DIVERGED, FAILED, OK, Outcome

FILE = "results.csv"
NOT_RUN = "not run"

Row = dict[str, str]  # column -> what the file says there


def as_text(values: Mapping[str, Any]) -> Row:
    """As they are written: floats read back exactly, None is empty."""
    return {name: "" if value is None else str(value) for name, value in values.items()}


class Results:
    """The rows of results.csv: written whenever one joins, in the sweep's order whatever order they come in.

    `trials` are the parameters of all trials of the sweep. The file may have rows of an earlier one's, too.
    """

    def __init__(self, folder: RunFolder, metric: Metric, trials: Sequence[Row]) -> None:
        self.folder = folder
        self.trials = trials
        score = metric.name
        self.numbers = ["train_loss", f"train_{score}", "test_loss", f"test_{score}"]
        self.parameters = list(trials[0])
        self.header = [*self.parameters, "status", *self.numbers, "reason"]
        self.places = {self.key(trial): place for place, trial in enumerate(trials)}
        self._rows: dict[tuple[str, ...], Row] = {}

    def key(self, row: Row) -> tuple[str, ...]:
        """What tells trials apart: all of their parameters."""
        return tuple(row[name] for name in self.parameters)

    def exist(self) -> bool:
        """Whether there is a file, of this sweep or of another one."""
        return (self.folder.path / FILE).exists()

    def load(self) -> None:
        """Take over what is there from before; raises DamagedFileError."""
        path = self.folder.path / FILE
        try:
            with open(path, newline="", encoding="utf-8") as file:
                header, *rows = csv.reader(file, strict=True)
        except (ValueError, csv.Error) as error:
            raise DamagedFileError(f"{path} cannot be read: {error}") from error
        if header != self.header or any(len(row) != len(header) for row in rows):
            raise DamagedFileError(f"{path} is not of such a sweep: its columns are others")
        for values in rows:
            row = dict(zip(header, values, strict=True))
            self._rows[self.key(row)] = row

    def rows(self) -> list[Row | None]:
        """For each trial its row; None: it has not been run."""
        return [self._rows.get(key) for key in self.places]

    def unfinished(self) -> list[int]:
        """The numbers of the trials to run. One that raised is run again: what it lacked may be there now."""
        return [number for number, row in enumerate(self.rows()) if row is None or row["status"] == FAILED]

    def add(self, number: int, outcome: Outcome) -> Row:
        """Take in what came of a trial, and write the file; returns the row."""
        trial = self.trials[number]
        numbers = {name: outcome.result.get(name) for name in self.numbers}
        row = trial | as_text({"status": outcome.status, **numbers, "reason": outcome.reason})
        self._rows[self.key(trial)] = row
        ordered = sorted(self._rows, key=lambda key: self.places.get(key, len(self.places)))
        self.folder.write_csv(FILE, self.header, (self._rows[key].values() for key in ordered))
        return row


@dataclass(frozen=True)
class Setting:
    """A combination of model, optimizer and learning rate, and what came of it with each seed."""

    model: str
    optimizer: str
    lr: float
    metric: Metric
    rows: Sequence[Row | None]

    def values(self, column: str) -> list[float]:
        """A column's numbers, of the trials that gave a result."""
        return [float(row[column]) for row in self.rows if row and row["status"] == OK]

    @property
    def scores(self) -> list[float]:
        """The metric on the test points."""
        return self.values(f"test_{self.metric.name}")

    @property
    def incomplete(self) -> bool:
        """Whether some trials, or all, gave no result."""
        return len(self.scores) < len(self.rows)

    def rank(self) -> tuple[float, ...]:
        """Smaller is better: complete first, then by mean score, and among equal ones by mean test loss."""
        score, loss = fmean(self.scores), fmean(self.values("test_loss"))
        return len(self.rows) - len(self.scores), -score if self.metric.is_percentage else score, loss

    def lacking(self) -> str:
        """`1 of 3 diverged`: how many trials gave no result, and why."""
        ends = [row["status"] if row else NOT_RUN for row in self.rows]
        counts = {end: ends.count(end) for end in (DIVERGED, FAILED, NOT_RUN)}
        return ", ".join(f"{count} of {len(ends)} {end}" for end, count in counts.items() if count)

    def summary(self) -> list[float | str]:
        """The mean score and its standard deviation over the seeds, and the mean loss, on the test points."""
        if not self.scores:
            return ["", "", ""]
        return [fmean(self.scores), pstdev(self.scores), fmean(self.values("test_loss"))]
