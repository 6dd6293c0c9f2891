"""A trial of a sweep: from its parameters alone to its numbers. This is what a worker process runs."""

import importlib
import math
import threading
from typing import Any, NamedTuple

from experiments.common.backends import load_backend
from experiments.common.contender import Contender
from experiments.common.experiment import Experiment

EXPERIMENTS = {"circles": "Circles", "blobs": "Blobs", "regression": "Line"}  # modules, their classes

OK, DIVERGED, FAILED = "ok", "diverged", "failed"

# Trials in threads of one process, as dask's workers may have them, would draw from one stream of random
# numbers: they take turns.
_turn = threading.Lock()


class Outcome(NamedTuple):
    """What came of a trial: OK with its `result`, or DIVERGED or FAILED with the reason."""

    status: str
    result: dict[str, float]
    reason: str = ""


class DivergedError(Exception):
    """The loss is no number any more."""


def load_experiment(name: str) -> Experiment:
    """The experiment called `name` in EXPERIMENTS."""
    return getattr(importlib.import_module(f"experiments.{name}"), EXPERIMENTS[name])()


def run_trial(experiment: str, backend: str, parameters: dict[str, Any]) -> Outcome:
    """Train once, as the fields of the experiment's Config in `parameters` say; never raises an Exception.

    The same numbers come out in any process: matrix products are computed by one thread, since how many there
    are decides the order of their sums.
    """
    with _turn:
        try:
            from threadpoolctl import threadpool_limits  # comes with scikit-learn

            module = load_backend(backend)
            with threadpool_limits(1):
                return Outcome(OK, train(load_experiment(experiment), module, parameters))
        except DivergedError as error:
            return Outcome(DIVERGED, {}, str(error))
        except Exception as error:  # whatever it is, it must not take the other trials along
            return Outcome(FAILED, {}, described(error))


def train(experiment: Experiment, backend: Any, parameters: dict[str, Any]) -> dict[str, float]:
    """What the trained model is quoted by; DivergedError as soon as the loss is infinite or nan."""
    config = experiment.config_type(**parameters)
    contender = Contender(backend, experiment, config, experiment.data(config))
    for _ in range(config.epochs):
        metrics = contender.trainer.run_epoch()
        if not math.isfinite(metrics.loss):
            raise DivergedError(f"the loss is {metrics.loss} in epoch {metrics.epoch}")
    result = contender.result()
    if not all(map(math.isfinite, result.values())):
        raise DivergedError("the loss is no number after the last step")
    return result


def described(error: Exception) -> str:
    """`ValueError: and the first line of its message`."""
    first, *_ = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {first}".removesuffix(": ")
