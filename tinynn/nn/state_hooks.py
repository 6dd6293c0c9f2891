"""Functions that a module calls when its state is saved or loaded: a mixin of Module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinynn.autograd.hooks import RemovableHandle

BEFORE_SAVING, AFTER_SAVING, BEFORE_LOADING, AFTER_LOADING = "pre", "post", "load pre", "load post"


class StateHooks:
    """What state_dict and load_state_dict call, of each module in the order of registration."""

    _state_hooks: ClassVar[dict[str, dict[int, Callable]]] = {}  # a module with hooks has a dict of its own

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the module's state is put into a state_dict."""
        return self._register_state_hook(BEFORE_SAVING, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` afterwards; it may change the dict."""
        return self._register_state_hook(AFTER_SAVING, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook` before the module loads its part of a state_dict.

        It is called as `hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`, and may change the state_dict and the three lists.
        """
        return self._register_state_hook(BEFORE_LOADING, hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` afterwards; it may change the two lists of keys."""
        return self._register_state_hook(AFTER_LOADING, hook)

    def _register_state_hook(self, moment: str, hook: Callable) -> RemovableHandle:
        own = self.__dict__.setdefault("_state_hooks", {})
        return RemovableHandle(own.setdefault(moment, {}), hook)

    def _call_state_hooks(self, moment: str, *args: Any) -> None:
        for hook in list(self._state_hooks.get(moment, {}).values()):
            answer = hook(self, *args)
            if answer is not None and moment == AFTER_SAVING:
                raise RuntimeError("state_dict post-hook must return None")
            if answer is not None and moment == AFTER_LOADING:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                    "new values, if incompatible_keys need to be modified, it should be done inplace."
                )
