"""What the tests of the experiments share, with PyTorch and without."""

import pytest


@pytest.fixture
def unpainted(monkeypatch):
    """Figures are made but not painted, which takes most of the time of a short run."""
    from experiments.common.run_folder import RunFolder  # the other tests need none of it

    monkeypatch.setattr(RunFolder, "write_figure", lambda folder, name, figure: folder.files.append(name))


@pytest.fixture
def undrawn(monkeypatch):
    """Runs make no figures at all."""
    from experiments.common.comparison import Comparison
    from experiments.common.plane import PlaneExperiment
    from experiments.common.run import Run

    for owner, name in (
        (PlaneExperiment, "draw_before"),
        (PlaneExperiment, "draw_after"),
        (Run, "draw_histories"),
        (Comparison, "draw"),
    ):
        monkeypatch.setattr(owner, name, lambda *arguments: None)
