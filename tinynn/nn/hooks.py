"""Calling a module that has hooks: before and after its forward, and when gradients pass through it.

Backward hooks need to see two moments of the backward pass: gradients arriving at the module's outputs, and
gradients leaving at its inputs. Two identity functions mark the places: the outputs go through one, the
inputs through the other.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tinynn.autograd.function import Function
from tinynn.autograd.hooks import RemovableHandle
from tinynn.tensor import Tensor

if TYPE_CHECKING:
    from tinynn.nn.module import Module


class Hook(NamedTuple):
    """A function to call, and how."""

    function: Callable
    with_kwargs: bool = False
    always_call: bool = False


def register(hooks: dict, hook: Hook, prepend: bool = False) -> RemovableHandle:
    """Add `hook` after those there are, or before them."""
    others = list(hooks.items())
    handle = RemovableHandle(hooks, hook)  # type: ignore[arg-type]
    if prepend:
        for key, other in others:
            del hooks[key]
            hooks[key] = other
    return handle


def call_with_hooks(module: Module, args: tuple, kwargs: dict) -> Any:
    """module.forward(*args, **kwargs), with every hook that is registered on the module."""
    called: list[Hook] = []
    result = None
    try:
        args, kwargs = _run_pre_hooks(module, args, kwargs)
        passage = None
        if module._backward_hooks or module._backward_pre_hooks:
            passage = _Passage(module)
            args = passage.mark_inputs(args)
        result = module.forward(*args, **kwargs)
        for hook in list(module._forward_hooks.values()):
            called.append(hook)
            answer = _call_forward_hook(hook, module, args, kwargs, result)
            result = result if answer is None else answer
        return result if passage is None else passage.mark_outputs(result)
    except Exception:
        _run_remaining(module, args, kwargs, result, called)
        raise


def _run_pre_hooks(module: Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    for hook in list(module._forward_pre_hooks.values()):
        if hook.with_kwargs:
            answer = hook.function(module, args, kwargs)
            if answer is None:
                continue
            if not (isinstance(answer, tuple) and len(answer) == 2):
                raise RuntimeError(
                    "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{answer}."
                )
            args, kwargs = answer
        else:
            answer = hook.function(module, args)
            if answer is not None:
                args = answer if isinstance(answer, tuple) else (answer,)
    return args, kwargs


def _call_forward_hook(hook: Hook, module: Module, args: tuple, kwargs: dict, result: Any) -> Any:
    if hook.with_kwargs:
        return hook.function(module, args, kwargs, result)
    return hook.function(module, args, result)


def _run_remaining(module: Module, args: tuple, kwargs: dict, result: Any, called: list[Hook]) -> None:
    """After an error: the hooks that asked to be called always."""
    for hook in list(module._forward_hooks.values()):
        if hook.always_call and hook not in called:
            try:
                answer = _call_forward_hook(hook, module, args, kwargs, result)
                result = result if answer is None else answer
            except Exception as error:
                warnings.warn(
                    "module forward hook with ``always_call=True`` raised an exception that was silenced as "
                    f"another error was raised in forward: {error}",
                    stacklevel=4,
                )


class _Passage:
    """One call of a module with backward hooks: what its outputs received, and how many inputs it has."""

    def __init__(self, module: Module):
        self.module = module
        self.hooks = [hook.function for hook in module._backward_hooks.values()]
        self.pre_hooks = [hook.function for hook in module._backward_pre_hooks.values()]
        self.grad_outputs: tuple | None = None
        self.inputs_count = 0
        self.input_places: list[int] | None = None  # the inputs that are marked; None if none requires grad

    def mark_inputs(self, args: tuple) -> tuple:
        places = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        self.inputs_count = len(args)
        if not any(args[i].requires_grad for i in places):
            return args
        self.input_places = places
        return _replaced(args, places, _InputsPassed.apply(self, *(args[i] for i in places)))

    def mark_outputs(self, result: Any) -> Any:
        if not isinstance(result, Tensor | tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors "
                f"but received {type(result)}",
                stacklevel=4,
            )
            return result
        outputs = (result,) if isinstance(result, Tensor) else result
        places = [i for i, out in enumerate(outputs) if isinstance(out, Tensor)]
        if not any(outputs[i].requires_grad for i in places):
            return result
        marked = _OutputsPassed.apply(self, places, len(outputs), *(outputs[i] for i in places))
        outputs = _replaced(outputs, places, marked)
        return outputs[0] if isinstance(result, Tensor) else outputs

    def arrived(self, grad_outputs: tuple) -> tuple:
        """Gradients of all outputs are there: run the pre-hooks; without marked inputs, the hooks too."""
        for hook in self.pre_hooks:
            grad_outputs = _answer("Backward pre hook", hook(self.module, grad_outputs), grad_outputs)
        self.grad_outputs = grad_outputs
        if self.input_places is None:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs "
                "since no inputs require gradients.",
                stacklevel=3,
            )
            for hook in self.hooks:
                answer = hook(self.module, (None,) * self.inputs_count, grad_outputs)
                if answer is not None and not (isinstance(answer, tuple) and all(a is None for a in answer)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return "
                        "None or None for all gradients."
                    )
        return grad_outputs

    def left(self, gradients: tuple) -> tuple:
        """Gradients of all inputs are there: run the hooks."""
        assert self.input_places is not None
        if self.grad_outputs is None:
            raise RuntimeError(
                "Module backward hook for grad_input is called before the grad_output one. This happens "
                "because the gradient in your nn.Module flows to the Module's input without passing through "
                "the Module's output. Make sure that the output depends on the input and that the loss is "
                "computed based on the output."
            )
        grad_inputs = _replaced((None,) * self.inputs_count, self.input_places, gradients)
        for hook in self.hooks:
            grad_inputs = _answer(
                "Backward hook", hook(self.module, grad_inputs, self.grad_outputs), grad_inputs
            )
        self.grad_outputs = None
        return tuple(grad_inputs[i] for i in self.input_places)


def _answer(kind: str, answer: Any, gradients: tuple) -> tuple:
    """What a hook returned, as the new gradients."""
    if answer is None:
        return gradients
    answers = answer if isinstance(answer, tuple) else (answer,)
    if len(answers) != len(gradients):
        raise RuntimeError(
            f"{kind} returned an invalid number of grad_input, got {len(answers)}, but expected "
            f"{len(gradients)}"
        )
    return answers


def _replaced(values: tuple, places: Sequence[int], new: Any) -> tuple:
    out = list(values)
    for place, value in zip(places, new if isinstance(new, tuple) else (new,), strict=True):
        out[place] = value
    return tuple(out)


class _InputsPassed(Function):
    """The identity, at a module's inputs."""

    @staticmethod
    def forward(ctx: Any, passage: _Passage, *inputs: Tensor) -> tuple:
        ctx.passage = passage
        ctx.mark_non_differentiable(*(x for x in inputs if not x.requires_grad))
        return tuple(x.detach() if x.requires_grad else x for x in inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple:
        return None, *ctx.passage.left(gradients)


class _OutputsPassed(Function):
    """The identity, at a module's outputs."""

    @staticmethod
    def forward(ctx: Any, passage: _Passage, places: list[int], count: int, *outputs: Tensor) -> tuple:
        ctx.passage, ctx.places, ctx.count = passage, places, count
        ctx.mark_non_differentiable(*(x for x in outputs if not x.requires_grad))
        return tuple(x.detach() if x.requires_grad else x for x in outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple:
        arrived = ctx.passage.arrived(_replaced((None,) * ctx.count, ctx.places, gradients))
        return None, None, None, *(arrived[i] for i in ctx.places)


# The name that grad_fn shows, as torch's.
_InputsPassed.__name__ = _OutputsPassed.__name__ = "BackwardHookFunction"
