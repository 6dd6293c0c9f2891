"""joblib's backend for dask, with one thing added: what goes wrong in the cluster ends with an error."""

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from joblib._dask import DaskDistributedBackend

from experiments.common.errors import WorkerLostError


class DaskBackend(DaskDistributedBackend):
    """Dask gives the call of a worker that died to another one, three times; then the call has failed.

    joblib only listens to calls that return, and would wait for this one for ever.
    """

    def submit(self, func: Any, callback: Callable[[Any], None]) -> Future[Any]:
        future = super().submit(func, callback)
        future.add_done_callback(lambda done: _tell_of_failure(done, callback))
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        if isinstance(out, WorkerLostError):
            raise out
        try:
            return super().retrieve_result_callback(out)
        except CancelledError as error:
            raise ConnectionError("the connection to the scheduler was lost; --resume goes on") from error


def _tell_of_failure(done: Future[Any], callback: Callable[[Any], None]) -> None:
    error = done.exception()
    if error is not None:
        callback(WorkerLostError(f"dask gave up a call: {error}"))
