"""What a program started by torchrun does: rank 0 leads, the other ranks follow, and only rank 0 is heard of.

    torchrun --nproc-per-node 2 experiments/circles.py --backend torch

Whichever process ends with an error, torchrun ends the others: none waits for ever.
"""

import argparse
import contextlib
import gc
import io
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

from experiments.common import cli
from experiments.common.backends import load_backend
from experiments.common.contender import Contender
from experiments.common.data_parallel import BUILD, EPOCH, LOAD, STOP, tell, told
from experiments.common.errors import UserError
from experiments.common.experiment import Experiment


def processes() -> int:
    """How many torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_follower() -> bool:
    """Whether this process is one of several, and not the first."""
    return processes() > 1 and int(os.environ.get("RANK", "0")) > 0


@contextmanager
def leading(backends: Sequence[ModuleType], device: str, console: cli.Console) -> Iterator[None]:
    """Around a run: among several processes, lead the others; else nothing.

    An exception leaves them waiting: this process then ends with an error, and torchrun ends them.
    """
    if processes() == 1:
        yield
        return
    if [backend.__name__ for backend in backends] != ["torch"]:
        raise UserError(
            "torchrun starts processes that share one training by PyTorch's DistributedDataParallel: add "
            "--backend torch, or start the program without torchrun"
        )
    if device != "cpu":
        raise UserError(f"--device {device}: under torchrun this program computes on the CPU only")
    (backend,) = backends
    backend.distributed.init_process_group("gloo")
    console.say(f"Processes {processes()}, started by torchrun: each takes its share of every step's points")
    yield
    tell(backend, STOP)
    leave(backend)


def follow(experiment: Experiment, parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Do what rank 0 does when it says so, without a word; returns the exit code."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            parser.parse_args(arguments)
    except SystemExit:  # for --help or a bad argument: rank 0 tells
        return cli.EXIT_OK
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 ends its epoch, and then says stop
    backend = load_backend("torch")
    backend.distributed.init_process_group("gloo")
    obey(experiment, backend)
    leave(backend)
    return cli.EXIT_OK


def leave(backend: ModuleType) -> None:
    """End the group, when all are done: what of it is left at the end of a process can abort that."""
    backend.distributed.barrier()
    gc.collect()  # the replicas, which hold on to the group
    backend.distributed.destroy_process_group()


def obey(experiment: Experiment, backend: ModuleType) -> None:
    """Build, load and train until told to stop."""
    command, content = told(backend)
    while command != STOP:
        if command == BUILD:
            contender = Contender(backend, experiment, content, experiment.data(content))
        elif command == LOAD:
            contender.trainer.load_state_dict(content)
        elif command == EPOCH:
            backend.set_rng_state(content)
            contender.trainer.run_epoch()
        command, content = told(backend)
