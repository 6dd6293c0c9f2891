"""One backend's share of a run: its model, its tensors, its trainer, and the state to go on from later."""

from types import ModuleType
from typing import Any

import numpy as np

from experiments.common.data import Split, to_tensors
from experiments.common.data_parallel import new_trainer
from experiments.common.experiment import Config, Experiment
from experiments.common.training import Evaluation, evaluate


class Contender:
    """An experiment's model on a backend, built right after `manual_seed`, and all that trains it."""

    def __init__(self, backend: ModuleType, experiment: Experiment, config: Config, split: Split) -> None:
        self.backend = backend
        self.name = backend.__name__
        self.experiment = experiment
        self.config = config
        self.dtype = getattr(backend, config.dtype)
        self.task = experiment.task(backend, config)
        backend.manual_seed(config.seed)
        self.model = self.new_model()
        self.data = to_tensors(backend, split, config.dtype, config.device, self.task.target_dtype)
        optimizer = experiment.optimizer(backend, self.model.parameters(), config)
        self.trainer = new_trainer(
            backend,
            config,
            self.task,
            self.model,
            optimizer,
            self.data,
            config.batch_size,
            batches=experiment.batches(backend, self.data, config),
            scheduler=experiment.scheduler(backend, optimizer, config),
        )

    def new_model(self) -> Any:
        """The model with fresh weights, of the run's dtype and on its device."""
        model = self.experiment.model(self.backend, self.config)
        return model.to(device=self.config.device, dtype=self.dtype)

    @property
    def history(self) -> list[Any]:
        """The EpochMetrics of every epoch so far."""
        return self.trainer.history

    def evaluate(self) -> tuple[Evaluation, Evaluation]:
        """The model as it is now, on the training and on the test points."""
        data = self.data
        train = evaluate(self.task, self.model, data.X_train, data.y_train)
        return train, evaluate(self.task, self.model, data.X_test, data.y_test)

    def interpret(self, points: np.ndarray) -> np.ndarray:
        """What the model, as it is now, says at points (n, ...): probabilities or values."""
        X = self.backend.from_numpy(points).type(self.dtype).to(self.config.device)
        self.model.eval()
        with self.backend.inference_mode():
            return self.task.interpret(self.task.outputs(self.model, X)).cpu().numpy()

    def predict(self, evaluation: Evaluation) -> np.ndarray:
        """The answers the model gave, (n,)."""
        return self.task.predict(evaluation.outputs).cpu().numpy()

    def result(self) -> dict[str, float]:
        """What a run is quoted by: the loss of its last training step, and how good the trained model is."""
        train, test = self.evaluate()
        score = self.task.metric.name
        return {
            "loss": self.history[-1].loss,
            "train_loss": train.loss,
            f"train_{score}": train.score,
            "test_loss": test.loss,
            f"test_{score}": test.score,
        }

    def answers_like(self, other: Any) -> bool:
        """Whether another model gives the same outputs on the test points, bit for bit."""
        ours, theirs = (
            evaluate(self.task, model, self.data.X_test, self.data.y_test).outputs.cpu().numpy()
            for model in (self.model, other)
        )
        return np.array_equal(ours, theirs, equal_nan=True)

    def state_dict(self) -> dict[str, Any]:
        """All that decides how training goes on."""
        return {"trainer": self.trainer.state_dict(), "random": self._random_states()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict` of the same run."""
        self.trainer.load_state_dict(state["trainer"])
        for device, random_state in state["random"].items():
            self._generator(device).set_rng_state(random_state)

    def _random_states(self) -> dict[str, Any]:
        """The state of each generator that shuffling and dropout draw from."""
        devices = {"cpu", self.config.device}
        return {device: self._generator(device).get_rng_state() for device in sorted(devices)}

    def _generator(self, device: str) -> Any:
        """What has `get_rng_state` and `set_rng_state` of a device's generator: torch, torch.cuda, ..."""
        return self.backend if device == "cpu" else self.backend.get_device_module(device)


def fit(experiment: Experiment, backend: ModuleType, config: Config, split: Split | None = None) -> Contender:
    """Train without printing and without files; returns the trained contender."""
    contender = Contender(backend, experiment, config, split or experiment.data(config))
    for _ in range(config.epochs):
        contender.trainer.run_epoch()
    return contender
