"""Switch recording off and on: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

Each works as a context manager and as a decorator, and holds for the current thread only.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np


class _Thread(threading.local):
    """What one thread is doing: whether it records, and how it calls NumPy."""

    enabled = True
    inference = False
    recording = True  # enabled, and not in inference mode

    def switch(self, enabled: bool, inference: bool) -> None:
        """Change the mode of this thread."""
        self.enabled, self.inference = enabled, inference
        self.recording = enabled and not inference

    def __init__(self) -> None:
        # torch's arithmetic is silent: 1/0 is inf, without a warning. `np.errstate` would cost as much as
        # three operations; running a function in a context whose warnings are off costs almost nothing.
        context = contextvars.copy_context()
        context.run(np.seterr, all="ignore")
        # Where several inner runs fit into NumPy's buffer of 8192, it copies a broadcast operand; with 1024 a
        # training step of convolutions takes 8 % less.
        context.run(np.setbufsize, 1024)
        self.quietly: Callable = context.run

    def all_quietly(self, function: Callable, *args: Any) -> Any:
        """`quietly`, for a function that calls `quietly` in turn: nobody can enter a context twice."""
        quietly = self.quietly
        self.quietly = _call
        try:
            return quietly(function, *args)
        finally:
            self.quietly = quietly


def _call(function: Callable, *args: Any) -> Any:
    return function(*args)


thread = _Thread()


def is_grad_enabled() -> bool:
    """Whether operations are being recorded in this thread."""
    return thread.enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return thread.inference


class _Switch:
    """A grad mode as context manager and decorator: sets `enabled`, and `inference` where it is not None."""

    enabled: bool
    inference: bool | None = None

    def __enter__(self) -> None:
        self.before = thread.enabled, thread.inference
        thread.switch(self.enabled, thread.inference if self.inference is None else self.inference)

    def __exit__(self, *exception: object) -> None:
        thread.switch(*self.before)

    def __call__(self, function: Callable) -> Callable:
        if inspect.isgeneratorfunction(function):
            return self._decorate_generator(function)

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with self._fresh():
                return function(*args, **kwargs)

        return switched

    def _fresh(self) -> _Switch:
        """A switch of the same kind with its own `before`: a decorated function may call itself."""
        new = object.__new__(type(self))
        new.enabled, new.inference = self.enabled, self.inference
        return new

    def _decorate_generator(self, function: Callable) -> Callable:
        """The mode holds while the generator runs, not while its caller handles a yielded value."""

        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            generator = function(*args, **kwargs)
            resume, given = generator.send, None
            while True:
                try:
                    with self._fresh():
                        produced = resume(given)
                except StopIteration as stop:
                    return stop.value
                try:
                    resume, given = generator.send, (yield produced)
                except GeneratorExit:
                    with self._fresh():
                        generator.close()
                    raise
                except BaseException as error:
                    resume, given = generator.throw, error

        return switched


class no_grad(_Switch):  # noqa: N801 - torch's name
    """Do not record: results do not require grad, and leaves may be edited in place."""

    enabled = False

    def __new__(cls, function: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        return switch if function is None else switch(function)  # `@no_grad` without parentheses


class enable_grad(_Switch):  # noqa: N801 - torch's name
    """Record again, inside `no_grad`."""

    enabled = True

    def __new__(cls, function: Callable | None = None) -> Any:
        switch = super().__new__(cls)
        return switch if function is None else switch(function)


class set_grad_enabled(_Switch):  # noqa: N801 - torch's name
    """Record or not, from here on; as a context manager, until its end."""

    def __init__(self, mode: bool):
        self.before = thread.enabled, thread.inference
        self.enabled = bool(mode)
        thread.switch(self.enabled, thread.inference)

    def __enter__(self) -> None:
        thread.switch(self.enabled, thread.inference)

    def __call__(self, function: Callable) -> Callable:
        thread.switch(*self.before)  # as a decorator it changes nothing outside the function
        return super().__call__(function)

    def _fresh(self) -> _Switch:
        return set_grad_enabled(self.enabled)


class inference_mode(_Switch):  # noqa: N801 - torch's name
    """`no_grad`, and what is made inside can never take part in autograd: nothing is tracked for it."""

    def __new__(cls, mode: Any = True) -> Any:
        switch = super().__new__(cls)
        switch.enabled, switch.inference = not mode, bool(mode)
        return switch(mode) if callable(mode) else switch
