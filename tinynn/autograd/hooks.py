"""RemovableHandle: what registering a hook gives you back, to take the hook away again."""

from __future__ import annotations

import itertools
from collections.abc import Callable

_next_id = itertools.count().__next__


class RemovableHandle:
    """Removes its hook by `remove()`, or at the end of a `with` block."""

    def __init__(self, hooks: dict, hook: Callable):
        self.id = _next_id()
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()
