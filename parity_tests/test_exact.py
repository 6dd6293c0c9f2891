"""What the tolerances of the other tests cannot show: signs of zeros among gradients, the ends of branches."""

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.harness import outcome

HALVES = [-2.0, -1.5, -0.5, 0.5, 1.0, 2.5]

# ruff: noqa: E501 - a function is a line
# fmt: off
FLAT = {  # with derivatives that are 0, and not -0
    "floor":     lambda torch, x: torch.floor(x),
    "ceil":      lambda torch, x: torch.ceil(x),
    "trunc":     lambda torch, x: torch.trunc(x),
    "round":     lambda torch, x: torch.round(x),
    "sign":      lambda torch, x: torch.sign(x),
    "sgn":       lambda torch, x: torch.sgn(x),
    "x ** 0":    lambda torch, x: x**0,
    "copysign":  lambda torch, x: torch.copysign(torch.ones_like(x), x),
    "div trunc": lambda torch, x: torch.div(x, 2, rounding_mode="trunc"),
    "div floor": lambda torch, x: torch.div(x, 2, rounding_mode="floor"),
    "clamp":     lambda torch, x: torch.clamp(x, 5.0, 6.0),
    "relu":      lambda torch, x: torch.relu(-abs(x)),
    "hardtanh":  lambda torch, x: torch.nn.functional.hardtanh(x * 10),
    "hardsigmoid": lambda torch, x: torch.nn.functional.hardsigmoid(x * 10),
    "angle":     lambda torch, x: torch.angle(x),
    "masked":    lambda torch, x: x.masked_fill(x < 9, 0.0),
}
AT_THE_END = {  # of a branch: which one it is shows in the sign of a zero, or in the last bit
    "elu -1":    lambda torch, x: torch.nn.functional.elu(x, -1.0),
    "elu 1":     lambda torch, x: torch.nn.functional.elu(x),
    "lerp half": lambda torch, x: torch.lerp(x, x * 3 + 0.1, 0.5),
    "smooth_l1": lambda torch, x: torch.nn.functional.smooth_l1_loss(x, x * 0, reduction="none", beta=0.3),
    "huber":     lambda torch, x: torch.nn.functional.huber_loss(x, x * 0, reduction="none", delta=0.3),
    "threshold": lambda torch, x: torch.nn.functional.threshold(x, 0.0, -0.0),
    "hardshrink": lambda torch, x: torch.nn.functional.hardshrink(x, 0.3),
    "leaky_relu": lambda torch, x: torch.nn.functional.leaky_relu(x, -1.0),
}
# fmt: on


def gradient(library, function, values):
    x = library.tensor(values, requires_grad=True)
    y = function(library, x)
    y.backward(library.tensor([1.0, -1.0] * (len(values) // 2)))
    return x.grad


@pytest.mark.parametrize("name", FLAT)
def test_sign_of_a_gradient_of_zero(name):
    ours, theirs = (gradient(library, FLAT[name], HALVES).numpy(force=True) for library in (tinynn, torch))
    assert ours.tolist() == theirs.tolist()
    assert np.signbit(ours).tolist() == np.signbit(theirs).tolist()


@pytest.mark.parametrize("name", AT_THE_END)
def test_branch(name):
    values = np.array([0.0, -0.0, 0.3, -0.3, 1.0, -1.0], np.float32)
    ours, theirs = (
        AT_THE_END[name](library, library.from_numpy(values)).numpy() for library in (tinynn, torch)
    )
    assert ours.tolist() == theirs.tolist()
    assert np.signbit(ours).tolist() == np.signbit(theirs).tolist()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("shift", ["bitwise_left_shift", "bitwise_right_shift"])
def test_shift_by_as_many_bits_as_there_are(shift, dtype):
    bits = np.dtype(dtype).itemsize * 8

    def run(library):
        a = library.tensor([[1], [3], [100], [-1], [-100]]).to(getattr(library, dtype))
        by = library.tensor([-1, 0, 1, bits - 2, bits - 1, bits, bits + 1, 100]).to(getattr(library, dtype))
        return getattr(library, shift)(a, by).tolist()

    assert outcome(run, tinynn) == outcome(run, torch)


def test_lbfgs_forgets_a_step_of_no_curvature():
    """A step s along which the gradient changes by y is remembered if y s > 1e-10; here it is 1e-10."""
    first = 2.0**-17
    gradients = [first, first - 1e-10 / first, -first, first]
    assert (gradients[1] - gradients[0]) * -first == 1e-10

    def run(library):
        x, given = library.zeros(1, dtype=library.float64, requires_grad=True), iter(gradients)

        def closure():
            x.grad = library.tensor([next(given)], dtype=library.float64)
            return x.detach().sum()

        optimizer = library.optim.LBFGS([x], max_iter=3, tolerance_grad=0, tolerance_change=0)
        optimizer.step(closure)
        return x.tolist(), len(optimizer.state[x]["old_dirs"])

    assert run(tinynn) == run(torch)
