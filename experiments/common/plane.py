"""Experiments that classify points in the plane: their pictures of the data and of the boundary."""

from dataclasses import replace
from typing import Any

from experiments.common.contender import Contender
from experiments.common.experiment import Experiment
from experiments.common.run import Run


class PlaneExperiment(Experiment):
    """Draws `data.png`, `boundary_before.png` and `boundary_after.png`."""

    def draw_before(self, run: Run) -> None:
        run.draw("data.png", run.plots.plot_data(run.split, capitalized(self.describe_data(run.config))))
        draw_boundary(run, "boundary_before.png", "before training")

    def draw_after(self, run: Run) -> None:
        draw_boundary(run, "boundary_after.png", f"after {len(run.contenders[0].history):,} epochs")

    def comparison_panels(self, run: Run, contender: Contender) -> list[Any]:
        _, test = boundary_panels(run, contender)
        title = f"{run.config.model}: {run.preset.layers}\n{run.preset.lesson}\n{test.title}"
        return [replace(test, title=title)]


def draw_boundary(run: Run, name: str, when: str) -> None:
    """Write the boundary as it is now: training beside test points, or one contender beside the other."""
    panels = []
    for contender in run.contenders:
        train, test = boundary_panels(run, contender)
        panels += [train, test] if run.lockstep is None else [test]
    title = f"Model {run.config.model} ({run.preset.layers}) on {run.backends()} {when}"
    run.draw(name, run.plots.plot_boundary(panels, title))


def boundary_panels(run: Run, contender: Contender) -> list[Any]:
    """A contender's training and test points over what it says everywhere."""
    split = run.split
    shading = run.plots.plane_map(contender.interpret, split)
    train, test = contender.evaluate()
    where = f" on {contender.name}" if run.lockstep else ""
    return [
        run.plots.BoundaryPanel(
            f"{kind} points{where}: {seen.score:.2f} % right", shading, X, y, contender.predict(seen)
        )
        for kind, seen, X, y in (
            ("Training", train, split.X_train, split.y_train),
            ("Test", test, split.X_test, split.y_test),
        )
    ]


def capitalized(text: str) -> str:
    """`1,000 points` as it is; `two circles` as `Two circles`."""
    return text[:1].upper() + text[1:]
