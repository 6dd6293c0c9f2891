"""What scripts reach for in `torch._C`: the switch behind the grad modes."""

# ruff: noqa: N999 - torch's name

from tinynn.autograd.grad_mode import set_grad_enabled


def _set_grad_enabled(mode: bool) -> None:
    """Record operations from now on, or do not."""
    set_grad_enabled(mode)
