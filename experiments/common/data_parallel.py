"""One training shared by several processes: PyTorch's DistributedDataParallel, fed with shares of each batch.

Rank 0 leads: it runs the program as ever, and tells the others before each thing that is done together. They
only follow (`torchrun.follow`). Every process has all points and the same weights, and takes the same
batches; of each it computes its own share of the outputs and of the gradient.
"""

from itertools import pairwise
from types import ModuleType
from typing import Any

from experiments.common.errors import UserError
from experiments.common.experiment import Config
from experiments.common.training import EpochMetrics, Trainer

BUILD, LOAD, EPOCH, STOP = "build", "load", "epoch", "stop"


def is_shared(backend: ModuleType) -> bool:
    """Whether this process is one of several that train together."""
    distributed = getattr(backend, "distributed", None)
    return distributed is not None and distributed.is_available() and distributed.is_initialized()


def tell(backend: ModuleType, command: str, content: Any = None) -> None:
    """As rank 0, tell the others what is done next; as one of them, do nothing."""
    if backend.distributed.get_rank() == 0:
        backend.distributed.broadcast_object_list([(command, content)], src=0)


def told(backend: ModuleType) -> tuple[str, Any]:
    """As one of the others, wait for what rank 0 tells."""
    message: list[Any] = [None]
    backend.distributed.broadcast_object_list(message, src=0)
    return message[0]


def new_trainer(backend: ModuleType, config: Config, *arguments: Any, **options: Any) -> Trainer:
    """A Trainer; among several processes one that shares its steps, which rank 0 has the others build."""
    if not is_shared(backend):
        return Trainer(*arguments, **options)
    trainer = SharedTrainer(*arguments, **options)
    tell(backend, BUILD, config)
    trainer.join()
    return trainer


class SharedTrainer(Trainer):
    """A Trainer that does its steps together with those of the other processes.

    DistributedDataParallel makes each gradient the mean of those of all R processes. So that it becomes that
    of the mean loss of n points, a process with m of them contributes R m/n times the mean loss of its own.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.backend = self.task.backend
        self.distributed = self.backend.distributed
        refuse_what_sees_the_batch(self.backend, self.model)

    def join(self) -> None:
        """Wrap the model, when all processes do: it starts from the weights of rank 0."""
        self.replica = self.backend.nn.parallel.DistributedDataParallel(self.model)

    def run_epoch(self) -> EpochMetrics:
        """One epoch, in the same order of points everywhere."""
        tell(self.backend, EPOCH, self.backend.get_rng_state())
        return super().run_epoch()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        tell(self.backend, LOAD, state)
        super().load_state_dict(state)

    def step(self, X: Any, y: Any) -> tuple[float, Any]:
        """One step on the batch, which is the same everywhere; returns the whole batch's loss and outputs."""
        shares = share_out(len(y), self.distributed.get_world_size())
        mine = shares[self.distributed.get_rank()]
        outputs = self.task.outputs(self.replica, X[mine])
        loss = self.part_of_loss(outputs, y[mine], len(y))
        self.optimizer.zero_grad()
        (loss * len(shares)).backward()
        self.optimizer.step()
        total = loss.detach()
        self.distributed.all_reduce(total)
        return total.item(), self.gather(outputs.detach(), shares)

    def part_of_loss(self, outputs: Any, y: Any, points: int) -> Any:
        """What these points contribute to the mean loss of so many."""
        if len(y) == 0:  # fewer points than processes; the mean of none is nan
            return outputs.sum()
        return self.task.loss_fn(outputs, y) * (len(y) / points)

    def gather(self, outputs: Any, shares: list[slice]) -> Any:
        """The outputs of all processes, in the order of the points."""
        sizes = [share.stop - share.start for share in shares]
        sent = outputs.new_zeros(max(sizes), *outputs.shape[1:])  # all must be of one size
        sent[: len(outputs)] = outputs
        received = [self.backend.empty_like(sent) for _ in shares]
        self.distributed.all_gather(received, sent)
        return self.backend.cat([part[:size] for part, size in zip(received, sizes, strict=True)])


def share_out(points: int, ranks: int) -> list[slice]:
    """The points of a batch that each rank takes: in order, and as many as the others take, or one more."""
    bounds = [points * rank // ranks for rank in range(ranks + 1)]
    return [slice(first, last) for first, last in pairwise(bounds)]


def refuse_what_sees_the_batch(backend: ModuleType, model: Any) -> None:
    """UserError if the model has layers that a share of the batch does not train as the whole does."""
    modules = backend.nn.modules
    for layer in model.modules():
        if isinstance(layer, modules.batchnorm._BatchNorm | modules.dropout._DropoutNd):
            name = type(layer).__name__
            raise UserError(
                f"this model has {name}, which would not do to shares of a batch what it does to the whole: "
                "start it without torchrun"
            )
