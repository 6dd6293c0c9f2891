"""torch.autograd.functional: whole Jacobians and Hessians, and their products with vectors.

Where a result is part of a graph, the checker differentiates it twice more.
"""

import itertools

import pytest

import tinynn
from parity_tests.harness import FLOATS, Case, check, normal

X, Y = normal(2, 3), normal(3)

# ruff: noqa: E501 - a function is a line
# fmt: off
FUNCTIONS = {  # of x; some in place, some constant in part or in all, some of another dtype
    "elementwise":  lambda torch, x: torch.exp(x) * x,
    "reduced":      lambda torch, x: (x**3).sum(dim=1),
    "linear":       lambda torch, x: x * 3,
    "itself":       lambda torch, x: x,
    "written to":   lambda torch, x: (x * 1).mul_(x),
    "constant":     lambda torch, x: torch.ones(2, dtype=x.dtype),
    "integers":     lambda torch, x: (x * 10).long(),
    "float64":      lambda torch, x: (x * x).to(torch.float64),
    "two":          lambda torch, x: (x[0] * x[1], x.sum()),
    "half constant": lambda torch, x: (torch.ones(2, dtype=x.dtype), x.sin()),
    "in a tuple":   lambda torch, x: (x.exp(),),
}
FUNCTIONS_OF_TWO = {
    "product":      lambda torch, x, y: x * y,
    "both":         lambda torch, x, y: (x + y.exp(), (x * y).sum()),
    "apart":        lambda torch, x, y: (x.exp(), y.exp()),
    "only x":       lambda torch, x, y: x**2,
}
NUMBERS = {  # of x
    "cubic":        lambda torch, x: (x**3).sum() * x[0, 0],
    "of a part":    lambda torch, x: (x[0] ** 3).sum(),
    "quadratic":    lambda torch, x: (x**2).sum(),
    "linear":       lambda torch, x: x.sum(),
    "matrix":       lambda torch, x: (x**3).sum().reshape(1, 1),
    "constant":     lambda torch, x: torch.ones((), dtype=x.dtype),
}
NUMBERS_OF_TWO = {
    "mixed":        lambda torch, x, y: (x**2 * y**3).sum(),
    "apart":        lambda torch, x, y: (x**3).sum() + (y**3).sum(),
    "only x":       lambda torch, x, y: (x**3).sum(),
}
# fmt: on
OPTIONS = [
    {"create_graph": graph, "strict": strict} for graph, strict in itertools.product([False, True], repeat=2)
]


def vector(torch, tensors):
    """0.5, 1.5, ... in the shape of a tensor, or of each in a tuple."""
    if isinstance(tensors, tuple):
        return tuple(vector(torch, tensor) for tensor in tensors)
    count = torch.arange(tensors.numel(), dtype=torch.float64)
    return (count + 0.5).reshape(tensors.shape).to(tensors.dtype)


def at(xs):
    """Inputs as a user gives them: one tensor, or a tuple of several."""
    return xs if len(xs) > 1 else xs[0]


def matrix(name, f, options):
    """The Jacobian or the Hessian of f."""
    return lambda torch, *xs: getattr(torch.autograd.functional, name)(
        lambda *xs: f(torch, *xs), at(xs), **options
    )


def product(name, f, options):
    """... or one of their products with a vector."""

    def run(torch, *xs):
        v = vector(torch, f(torch, *xs) if name == "vjp" else at(xs))
        return getattr(torch.autograd.functional, name)(lambda *xs: f(torch, *xs), at(xs), v, **options)

    return run


def cases():
    groups = [
        (("jacobian", "vjp", "jvp"), FUNCTIONS, (X,)),
        (("jacobian", "vjp", "jvp"), FUNCTIONS_OF_TWO, (X, Y)),
        (("hessian", "vhp", "hvp"), NUMBERS, (X,)),
        (("hessian", "vhp", "hvp"), NUMBERS_OF_TWO, (X, Y)),
    ]
    for names, functions, inputs in groups:
        for name, (label, f), options in itertools.product(names, functions.items(), OPTIONS):
            run = (matrix if name in ("jacobian", "hessian") else product)(name, f, options)
            given = "".join(f" {option}" for option, value in options.items() if value)
            yield Case(f"{name} {label} of {len(inputs)}{given}", run, *inputs, scaled=True, names=False)


@pytest.mark.parametrize("case", [*cases()], ids=repr)
def test_case(case):
    for dtype in FLOATS:
        check(case, dtype)


# fmt: off
OTHERS = {
    "vjp of a number":       lambda F, torch, x: F.vjp(lambda x: x.exp().sum(), x),
    "jvp by a number":       lambda F, torch, x: F.jvp(lambda x: torch.stack([x, x * x]), x[0, 0]),
    "vhp by a number":       lambda F, torch, x: F.vhp(lambda x: x**3, x[0, 0]),
    "hvp by a number":       lambda F, torch, x: F.hvp(lambda x: x**3, x[0, :1]),
    "jacobian of a number by a number": lambda F, torch, x: F.jacobian(torch.exp, x[0, 0]),
    "hessian by a number":   lambda F, torch, x: F.hessian(lambda x: x**3, x[0, 0]),
    "float64 v":             lambda F, torch, x: F.vjp(torch.exp, x, x.double()),
    "float64 v, jvp":        lambda F, torch, x: F.jvp(torch.exp, x, x.double()),
    "x known from elsewhere": lambda F, torch, x: F.jacobian(lambda inner: inner * x.detach(), x),
    "elsewhere, in a graph": lambda F, torch, x: F.jacobian(lambda inner: inner**2 * x, x, create_graph=True),
    "of an empty x":         lambda F, torch, x: F.jacobian(lambda x: x.sum(), x[:0]),
    "of a y of several sizes": lambda F, torch, x: F.jacobian(lambda x: (x.sum(0), x[:1, :2], x.sum()), x),
    "within no_grad":        lambda F, torch, x: torch.no_grad()(F.jacobian)(torch.exp, x, create_graph=True),
    "of a derivative":       lambda F, torch, x: F.jacobian(lambda x: F.jacobian(torch.exp, x, create_graph=True), x[0]),
    "penalty":               lambda F, torch, x: F.jacobian(lambda x: torch.tanh(x).sum(1), x, create_graph=True).pow(2).sum(),
    "v in the graph":        lambda F, torch, x: F.jvp(torch.exp, x.detach(), x, create_graph=True)[1],
    # vectorize and strategy change what shows, not the numbers
    "vectorize":             lambda F, torch, x: F.jacobian(lambda x: (x.exp(), x[0]), x, vectorize=True),
    "vectorize, two":        lambda F, torch, x: F.jacobian(lambda x, y: x * y, (x, x), vectorize=True, create_graph=True),
    "vectorize, unused":     lambda F, torch, x: F.jacobian(lambda x, y: x * 2, (x, x), vectorize=True),
    "vectorize, Hessian":    lambda F, torch, x: F.hessian(lambda x: x.pow(3).sum(), x, vectorize=True),
    "forward":               lambda F, torch, x: F.jacobian(torch.exp, x.detach(), vectorize=True, strategy="forward-mode"),
    "forward, dtype":        lambda F, torch, x: F.jacobian(lambda x: (x * x).double(), x.detach(), vectorize=True, strategy="forward-mode"),
    "forward, integers":     lambda F, torch, x: F.jacobian(lambda x: (x, x.long()), x.detach(), vectorize=True, strategy="forward-mode"),
    "forward, two of two":   lambda F, torch, x: F.jacobian(lambda x, y: (x, x * y), (x.detach(), x.detach()), vectorize=True, strategy="forward-mode"),
    "forward, one of two":   lambda F, torch, x: F.jacobian(lambda x, y: x * y, (x.detach(), x.detach()), vectorize=True, strategy="forward-mode"),
    # errors
    "no v":                  lambda F, torch, x: F.vjp(torch.exp, x),
    "no v, several y":       lambda F, torch, x: F.vjp(lambda x: (x.sum(), x.sum()), x),
    "no v, jvp":             lambda F, torch, x: F.jvp(torch.exp, x),
    "no v, vhp":             lambda F, torch, x: F.vhp(torch.sum, x),
    "no v, hvp":             lambda F, torch, x: F.hvp(torch.sum, x),
    "shape of v":            lambda F, torch, x: F.vjp(torch.exp, x, x[0]),
    "shape of v, in a tuple": lambda F, torch, x: F.jvp(lambda x, y: x, (x, x), (x, x[0])),
    "number of vs":          lambda F, torch, x: F.vhp(torch.sum, x, (x, x)),
    "number of vs in a tuple": lambda F, torch, x: F.hvp(lambda x, y: x.sum(), (x, x), (x,)),
    "v is a list":           lambda F, torch, x: F.vjp(torch.exp, x, [x]),
    "v has a number":        lambda F, torch, x: F.vjp(torch.exp, x, (x, 1.0)),
    "x is a list":           lambda F, torch, x: F.jacobian(torch.exp, [x]),
    "x has a list":          lambda F, torch, x: F.hessian(torch.exp, (x, [x])),
    "y is a list":           lambda F, torch, x: F.jacobian(lambda x: [x], x),
    "y has a number":        lambda F, torch, x: F.jvp(lambda x: (x, 1), x, x),
    "y is a number of Python": lambda F, torch, x: F.hessian(lambda x: 1, x),
    "y is several":          lambda F, torch, x: F.hessian(lambda x: (x.sum(),), x),
    "y is a vector":         lambda F, torch, x: F.hessian(torch.exp, x),
    "y is several, vhp":     lambda F, torch, x: F.vhp(lambda x: (x.sum(),), x, x),
    "y is a vector, hvp":    lambda F, torch, x: F.hvp(torch.exp, x, x),
    "x is of integers":      lambda F, torch, x: F.jacobian(torch.exp, x.long()),
    "y is empty":            lambda F, torch, x: F.jacobian(lambda x: x[:0], x),
    "strict, in a tuple":    lambda F, torch, x: F.jacobian(lambda x: (x.exp(), x.detach()), x, strict=True),
    "strict, vectorize":     lambda F, torch, x: F.jacobian(torch.exp, x, strict=True, vectorize=True),
    "strict, forward":       lambda F, torch, x: F.jacobian(torch.exp, x, strict=True, strategy="forward-mode"),
    "graph, forward":        lambda F, torch, x: F.jacobian(torch.exp, x, create_graph=True, strategy="forward-mode"),
    "one by one, forward":   lambda F, torch, x: F.jacobian(torch.exp, x, strategy="forward-mode"),
    "one by one, Hessian":   lambda F, torch, x: F.hessian(torch.sum, x, outer_jacobian_strategy="forward-mode"),
    "strategy":              lambda F, torch, x: F.jacobian(torch.exp, x, strategy="sideways"),
    "strategy of a Hessian": lambda F, torch, x: F.hessian(torch.sum, x, outer_jacobian_strategy="sideways"),
}
# fmt: on


@pytest.mark.parametrize("name", OTHERS)
def test_other_calls(name):
    def run(torch, x):
        return OTHERS[name](torch.autograd.functional, torch, x)

    for dtype in FLOATS:
        check(Case(name, run, X, scaled=True, names=False), dtype)


def test_inputs_are_left_alone():
    x, v = tinynn.ones(3), tinynn.ones(3, requires_grad=True)
    tinynn.autograd.functional.jvp(tinynn.exp, x, v, create_graph=True)
    assert (x.requires_grad, x.grad, v.grad) == (False, None, None)
