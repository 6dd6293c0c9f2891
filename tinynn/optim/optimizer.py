"""Optimizer: parameter groups with options, per-parameter state, state_dict, hooks.

Subclass it to write an optimizer as you would in PyTorch: call `super().__init__(params, defaults)` and
define `step`. The algorithms of this package go by way of `Elementwise` (elementwise.py), which defines it.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from tinynn import dtypes
from tinynn.autograd.hooks import RemovableHandle
from tinynn.tensor import Tensor

Group = dict[str, Any]
StateDict = dict[str, Any]

_global_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_post_hooks: OrderedDict[int, Callable] = OrderedDict()
_HOOKS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class _Required:
    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()  # as a default: every parameter group has to give this option itself


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before every step of every optimizer."""
    return RemovableHandle(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after every step of every optimizer."""
    return RemovableHandle(_global_post_hooks, hook)


def _with_hooks(step: Callable) -> Callable:
    """`step`, with the hooks before and after it. As in torch, `args` begins with the optimizer."""

    @functools.wraps(step)
    def hooked(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        if self._opt_called is False:
            self._opt_called = True
        for hook in (*_global_pre_hooks.values(), *self._optimizer_step_pre_hooks.values()):
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}."
                )
            args, kwargs = result
        out = step(*args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_global_post_hooks.values()):
            hook(self, args, kwargs)
        return out

    return hooked


class Optimizer:
    """Base class of all optimizers.

    `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts. A dict is a group: "params" are
    its tensors, the other entries options of this group alone. `defaults` are the options of all others.

    `state[p]` is the dict of what the algorithm remembers about p; `param_groups` is the list of groups.
    Raises TypeError for a Tensor or a set as `params`; ValueError for none, a non-leaf, one in two groups.
    """

    state: defaultdict[Any, Any]
    param_groups: list[Group]
    _opt_called: bool | None = (
        None  # whether step() ran since a learning rate scheduler came; None: none came
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __init__(self, params: Iterable, defaults: dict[str, Any]):
        self.defaults = defaults
        for hooks in _HOOKS:
            setattr(self, hooks, OrderedDict())
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{_type_name(params)}\nPut the tensor into a list: [tensor]."
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError(
                "optimizer got an empty parameter list\n"
                "Parameters are tensors with requires_grad; did the module assign its layers to self?"
            )
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for hooks in _HOOKS:
            self.__dict__.setdefault(hooks, OrderedDict())
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            options = "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
            text += f"\nParameter Group {i}\n{options}"
        return text + ")"

    # --- the loop of training

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters: set them to None, or to zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters by their gradients; a closure computes these first, and returns the loss."""
        raise NotImplementedError

    # --- groups

    def add_param_group(self, param_group: Group) -> None:
        """Optimize further tensors: {"params": tensors, option: value, ...}; the rest gets the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _separate_names(param_group)
        params = param_group["params"]
        for p in params:
            self._check_param(p)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}"
                )
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will "
                "cause an error; see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        self._check_against_other_groups(param_group)
        self.param_groups.append(param_group)

    def _check_param(self, p: Any) -> None:
        if not isinstance(p, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_type_name(p)}")
        if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):
            raise ValueError(
                "can't optimize a non-leaf Tensor\n"
                "It is computed from other tensors: optimize those, or use x.detach().requires_grad_()."
            )

    def _check_against_other_groups(self, new: Group) -> None:
        for group in self.param_groups:
            if ("param_names" in new) != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{'with' if 'param_names' in new else 'without'} names to the optimizer"
                )
        taken = {p for group in self.param_groups for p in group["params"]}
        if not taken.isdisjoint(new["params"]):
            raise ValueError("some parameters appear in more than one parameter group")

    # --- saving and loading

    def state_dict(self) -> StateDict:
        """{"state": {0: {...}, 1: {...}}, "param_groups": [{..., "params": [0, 1]}]}: parameters by number.

        The state's tensors are the optimizer's own, not copies.
        """
        for hook in self._hooks("state_dict_pre"):
            hook(self)
        numbers: dict[int, int] = {}
        packed_groups: list[Group] = []
        for group in self.param_groups:
            first = sum(len(packed["params"]) for packed in packed_groups)
            numbers.update({id(p): i for i, p in enumerate(group["params"], first) if id(p) not in numbers})
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            packed_groups.append(packed)
        state = {numbers[id(key)] if isinstance(key, Tensor) else key: s for key, s in self.state.items()}
        result: StateDict = {"state": state, "param_groups": packed_groups}
        for hook in self._hooks("state_dict_post"):
            replaced = hook(self, result)
            result = result if replaced is None else replaced
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over the state and the options in `state_dict`; its n-th parameter is this optimizer's n-th.

        Tensors are cast to their parameter's dtype ("step" keeps its own). Raises ValueError if the groups
        differ in number or size.
        """
        state_dict = state_dict.copy()
        for hook in self._hooks("load_state_dict_pre"):
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        saved_groups = deepcopy(state_dict["param_groups"])
        self._check_same_sizes(saved_groups)
        groups = [
            _renewed(group, saved) for group, saved in zip(self.param_groups, saved_groups, strict=True)
        ]
        owners = {
            number: (p, group)
            for group, saved in zip(groups, state_dict["param_groups"], strict=True)
            for p, number in zip(group["params"], saved["params"], strict=True)
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in owners:
                p, group = owners[key]
                state[p] = _fitted(value, p, group)
            else:
                state[key] = value
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._hooks("load_state_dict_post"):
            hook(self)

    def _check_same_sizes(self, saved_groups: list[Group]) -> None:
        if len(saved_groups) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups\n"
                f"It has {len(saved_groups)}, the optimizer {len(self.param_groups)}."
            )
        for i, (group, saved) in enumerate(zip(self.param_groups, saved_groups, strict=True)):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    "optimizer's group\n"
                    f"Group {i} has {len(saved['params'])} parameters there and {len(group['params'])} here."
                )

    # --- hooks

    def _hooks(self, kind: str) -> list[Callable]:
        return list(getattr(self, f"_optimizer_{kind}_hooks").values())

    def _register(self, kind: str, hook: Callable, prepend: bool = False) -> RemovableHandle:
        hooks = getattr(self, f"_optimizer_{kind}_hooks")
        handle = RemovableHandle(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs)."""
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return self._register("step_post", hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict()`."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on what `state_dict()` returns; it may return another one."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; it may return another state dict."""
        return self._register("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return self._register("load_state_dict_post", hook, prepend)


def _type_name(value: Any) -> str:
    """What torch.typename says."""
    if isinstance(value, Tensor):
        return value.type()
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _separate_names(group: Group) -> None:
    """Make group["params"] a list of tensors, and the names given with them group["param_names"]."""
    params = group["params"]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors "
            "in sets will change between runs. Please use a list instead."
        )
    params = [params] if isinstance(params, Tensor) else list(params)
    names = [p[0] for p in params if isinstance(p, tuple)]
    if names and len(names) != len(params):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    group["params"] = [p[1] for p in params] if names else params
    if names:
        group["param_names"] = names


def _renewed(group: Group, saved: Group) -> Group:
    """The saved options, with this optimizer's tensors (and names, if none were saved)."""
    saved["params"] = group["params"]
    if "param_names" in group:
        saved.setdefault("param_names", group["param_names"])
    return saved


def _fitted(value: Any, p: Tensor, group: Group, key: Any = None) -> Any:
    """`value`, a piece of saved state, with its tensors in the dtype they need for parameter p."""
    if isinstance(value, Tensor):
        if key == "step":
            return value.to(dtypes.float32) if group.get("capturable") or group.get("fused") else value
        return value.to(p.dtype) if p.is_floating_point() else value
    if isinstance(value, dict):
        return {k: _fitted(v, p, group, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | np.ndarray):
        return type(value)(_fitted(v, p, group) for v in value)  # type: ignore[call-arg]
    return value
