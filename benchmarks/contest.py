"""Lets contenders take turns at the same job: each in a process of its own, one at a time, for many rounds.

A process of its own, because the threads and the memory allocator of one library slow the other down. Turns,
because a machine is faster at one moment than at another: within a round all meet the same conditions, and
the ratio of two times of one round is what is compared.
"""

import contextlib
import importlib
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from experiments.common.backends import require

PAUSE = 0.05  # seconds between turns; worker threads of BLAS and OpenMP go on spinning for up to 0.03
WARM_UP = 0.25  # of a turn's seconds, before its clock starts
BATCHES = 10  # how often a turn looks at the clock


class Contender(NamedTuple):
    """A backend, and the number of threads it may use."""

    backend: str
    threads: int


CONTENDERS = tuple(Contender(backend, threads) for backend in ("tinynn", "torch") for threads in (1, 2))


class Turn(NamedTuple):
    """What a contender is asked to do: time the function that `make(backend, *arguments)` returns."""

    make: Callable
    arguments: tuple
    seconds: float


class Worker:
    """A contender's process. It lives until `close`, and is idle unless it is its turn."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, contender), daemon=True)
        with _environment(contender.threads):
            self.process.start()
        theirs.close()
        self.version: str = self.connection.recv()

    def seconds_per_call(self, turn: Turn) -> float:
        """Let the contender have its turn. Raises EOFError if its process dies (having said why)."""
        self.connection.send(turn)
        return self.connection.recv()

    def close(self) -> None:
        self.connection.close()
        self.process.join()


@contextlib.contextmanager
def workers(contenders: Sequence[Contender] = CONTENDERS) -> Iterator[list[Worker]]:
    """A process for each contender, for the length of a `with` block. UserError if one is not installed."""
    require(*((contender.backend, contender.backend) for contender in contenders))
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Worker(contender))) for contender in contenders]


def compete(team: Sequence[Worker], turn: Turn, rounds: int) -> dict[Contender, list[float]]:
    """The seconds a call took each contender, round by round. Every round starts with another contender."""
    times: dict[Contender, list[float]] = {worker.contender: [] for worker in team}
    for number in range(rounds):
        first = number % len(team)
        for worker in (*team[first:], *team[:first]):
            time.sleep(PAUSE)
            times[worker.contender].append(worker.seconds_per_call(turn))
    return times


@contextlib.contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Tells a process started in here how many threads to use, before it loads any library."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Any, contender: Contender) -> None:
    """What a worker's process does: answer every Turn with the seconds a call took."""
    backend = importlib.import_module(contender.backend)
    if contender.backend == "torch":
        backend.set_num_threads(contender.threads)
    connection.send(backend.__version__)
    with contextlib.suppress(EOFError):
        while True:
            turn = connection.recv()
            connection.send(_seconds_per_call(turn.make(backend, *turn.arguments), turn.seconds))


def _seconds_per_call(function: Callable[[], Any], seconds: float) -> float:
    """The mean over as many calls as fit into `seconds`, after a warm-up."""
    calls = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < WARM_UP * seconds or calls < 2:
        function()
        calls += 1
    batch = max(1, round(seconds / BATCHES / (spent / calls)))
    calls = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        for _ in range(batch):
            function()
        calls += batch
    return spent / calls
