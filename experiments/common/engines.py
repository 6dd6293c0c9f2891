"""Where the trials of a sweep run: processes on this machine, or the workers of a dask or a ray cluster.

All of it is joblib's: an engine here is a context in which `joblib.Parallel` hands its calls to that engine.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from experiments.common.backends import require
from experiments.common.errors import UserError, WorkerLostError

# joblib (it comes with scikit-learn), dask and ray are slow to import: that is done where they are used.

ENGINES = ("local", "dask", "ray")
ROOT = str(Path(__file__).resolve().parents[2])
CONNECT_SECONDS = 10
ROUND = 4  # calls a worker at a time, where results come only all together


def engine(name: str, jobs: int | None, address: str | None) -> AbstractContextManager[bool]:
    """The engine called `name` in ENGINES: `jobs` at a time, or all it can; on the cluster at `address`.

    Entering it tells whether results can be had one by one; UserError if it is not installed or not there.
    """
    if name == "local":
        return local(jobs)
    return dask(str(address)) if name == "dask" else ray(jobs, address)


@contextmanager
def local(jobs: int | None) -> Iterator[bool]:
    """Processes of this machine, as many as processors unless told otherwise; a single job needs none."""
    from joblib import parallel_config

    with parallel_config("loky", n_jobs=jobs or -1):
        yield True


@contextmanager
def dask(address: str) -> Iterator[bool]:
    """The workers of the dask scheduler at `address`, also those that come later."""
    require(("distributed", "'dask[distributed]'"))
    from distributed import Client
    from distributed.comm import get_address_host_port
    from joblib import parallel_config

    from experiments.common.dask_backend import DaskBackend

    try:
        get_address_host_port(address)  # a client that is made with a bad one hardly ends
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler {address}: no dask scheduler answers there: {error}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError as error:
            raise UserError(
                f"--scheduler {address}: it has no workers; start some with:\n    dask worker {address}"
            ) from error
        with parallel_config(DaskBackend(client=client)):
            yield True


@contextmanager
def ray(jobs: int | None, address: str | None) -> Iterator[bool]:
    """The workers of the ray cluster at `address`, or of one started on this machine."""
    require(("ray", "ray"))
    import ray as ray_package
    from joblib import parallel_config
    from ray.util.joblib import register_ray

    size = {} if address else {"num_cpus": jobs, "include_dashboard": False}
    try:
        reach(address)
        ray_package.init(address or "local", log_to_driver=False, logging_level="ERROR", **size)
    except (OSError, ValueError) as error:
        raise UserError(f"--scheduler {address}: no ray cluster answers there: {error}") from error
    try:
        register_ray()
        with parallel_config("ray", n_jobs=jobs or -1):
            yield False
    finally:
        ray_package.shutdown()


def reach(address: str | None) -> None:
    """OSError if nobody listens at `host:port`: ray would try for a long time."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def results(function: str, calls: Sequence[tuple[Any, ...]], one_by_one: bool) -> Iterator[tuple[int, Any]]:
    """Call `module:function` with each of `calls`, in the engine; yields, as they end, numbers and results.

    Raises WorkerLostError if a call's worker died and the engine does not give the call to another.
    """
    from joblib import Parallel, delayed, effective_n_jobs

    call = delayed(portable(function))
    tasks = [call(number, arguments) for number, arguments in enumerate(calls)]
    try:
        if one_by_one:
            yield from Parallel(batch_size=1, return_as="generator_unordered")(tasks)
            return
        size = ROUND * effective_n_jobs()
        with Parallel(batch_size=1) as parallel:
            for start in range(0, len(tasks), size):
                yield from parallel(tasks[start : start + size])
    except BrokenProcessPool as error:
        raise WorkerLostError("a worker process was killed, perhaps for want of memory") from error
    except ModuleNotFoundError as error:
        raise UserError(
            f"a worker cannot import {error.name}: it needs the packages that are here, "
            "and this repository on its PYTHONPATH"
        ) from error


def portable(function: str) -> Callable[..., Any]:
    """What calls `module:function` in a worker, wherever that is.

    A function within a function is sent as code, not by name: so the worker alone, and not its scheduler too,
    has to find the module, in the same folder as here or by its own PYTHONPATH.
    """
    module, _, name = function.partition(":")
    root = ROOT

    def call(number: int, arguments: tuple[Any, ...]) -> tuple[int, Any]:
        import importlib
        import sys

        if root not in sys.path:
            sys.path.append(root)
        return number, getattr(importlib.import_module(module), name)(*arguments)

    return call
