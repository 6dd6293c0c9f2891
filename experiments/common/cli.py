"""What a command line program needs: option types, printing beside a progress bar, Ctrl-C, exit codes."""

import argparse
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from experiments.common.errors import UserError

EXIT_OK = 0
EXIT_FAILED = 1  # what the program set out to show does not hold
EXIT_USAGE = 2  # bad arguments or a missing package, as argparse
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report Ctrl-C


def integer(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """An argparse type: a whole number from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, not {value}")
        if maximum is not None and value > maximum:
            raise argparse.ArgumentTypeError(f"must be at most {maximum}, not {value}")
        return value

    return parse


def number(minimum: float, maximum: float, exclusive: bool = False) -> Callable[[str], float]:
    """An argparse type: a number from `minimum` (not `minimum` itself if `exclusive`) to `maximum`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
        if math.isnan(value) or value < minimum or (exclusive and value == minimum):
            wanted = f"greater than {minimum:g}" if exclusive else f"at least {minimum:g}"
            raise argparse.ArgumentTypeError(f"must be {wanted}, not {text}")
        if value > maximum:
            raise argparse.ArgumentTypeError(f"must be at most {maximum:g}, not {text}")
        return value

    return parse


class Console:
    """Prints, and on a terminal shows a progress bar that the printed lines do not disturb.

    `say` is for what a quiet run leaves out, `conclude` for what every run prints.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self._bar: Any = None

    def say(self, text: str = "") -> None:
        """Print unless quiet."""
        if not self.quiet:
            self.conclude(text)

    def conclude(self, text: str = "") -> None:
        """Print, at once even into a pipe."""
        if self._bar is None:
            print(text, flush=True)
        else:
            self._bar.write(text)

    def epochs(self, count: int, start: int = 0) -> Iterator[int]:
        """The numbers `range(start, count)`, with a progress bar when a person is watching."""
        if self.quiet or not (sys.stdout.isatty() and sys.stderr.isatty()):
            yield from range(start, count)
            return
        from tqdm import tqdm  # only a terminal needs it

        self._bar = bar = tqdm(total=count, initial=start, unit="epoch", leave=False, dynamic_ncols=True)
        try:
            for epoch in range(start, count):
                yield epoch
                bar.update()
        finally:
            self._bar = None
            bar.close()


class Interrupt:
    """Inside `with Interrupt() as interrupt:` the first Ctrl-C only sets `interrupt.requested`.

    A loop can so finish its epoch, and metrics and model stay in step. A second one raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "Interrupt":
        self._previous = signal.getsignal(signal.SIGINT)
        if self._previous is signal.default_int_handler:  # else whoever set it (nohup, a test runner) decides
            signal.signal(signal.SIGINT, self._request)
        return self

    def _request(self, signum: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *exc_info: object) -> None:
        if self._previous is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def folder(text: str) -> Path:
    """An argparse type: a folder's path; an empty one is most likely an unset shell variable."""
    if not text:
        raise argparse.ArgumentTypeError("must name a folder, not ''")
    return Path(text)


def run(program: str, main: Callable[[], int]) -> int:
    """Call `main` and turn the ways it can end into messages and exit codes."""
    try:
        return main()
    except UserError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return EXIT_USAGE
    except MemoryError:
        print(f"{program}: error: not enough memory", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print(f"\n{program}: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe left, as `head` does; keep Python from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except OSError as error:  # a full disk, a folder that went away
        print(f"{program}: error: {error}", file=sys.stderr)
        return EXIT_FAILED
