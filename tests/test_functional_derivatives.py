"""Jacobians and Hessians against finite differences, and against each other. No torch here."""

import numpy as np
import pytest

import tinynn
from tinynn.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp

draw = np.random.default_rng(0)
WEIGHT, X, V, U = (tinynn.tensor(draw.standard_normal(shape)) for shape in ((4, 3), (3,), (3,), (4,)))


def vector(x):
    return tinynn.tanh(WEIGHT @ x) * x.sum()


def number(x):
    return (vector(x) ** 2).sum()


def by_differences(f, x, eps=1e-5):
    """df/dx, the column of each element of x from two values of f."""
    steps = tinynn.eye(len(x), dtype=x.dtype) * eps
    return tinynn.stack([(f(x + step) - f(x - step)) / (2 * eps) for step in steps], dim=-1)


def equal(a, b):
    return a.shape == b.shape and np.allclose(a.numpy(force=True), b.numpy(force=True), rtol=1e-7, atol=1e-8)


def test_jacobian():
    assert equal(jacobian(vector, X), by_differences(vector, X))


def test_hessian():
    gradient = lambda x: jacobian(number, x)
    assert equal(hessian(number, X), by_differences(gradient, X))
    assert equal(hessian(number, X), jacobian(lambda x: jacobian(number, x, create_graph=True), X))


def test_products():
    j, h = jacobian(vector, X), hessian(number, X)
    assert equal(vjp(vector, X, U)[1], U @ j)
    assert equal(jvp(vector, X, V)[1], j @ V)
    assert equal(vhp(number, X, V)[1], V @ h)
    assert equal(hvp(number, X, V)[1], h @ V)


@pytest.mark.parametrize(
    ("product", "f", "v"), [(vjp, vector, U), (jvp, vector, V), (vhp, number, V), (hvp, number, V)]
)
def test_products_come_with_the_value(product, f, v):
    assert equal(product(f, X, v)[0], f(X))


def test_products_in_a_graph():
    """d(J v)/dx and d(v H)/dx, by backward and by differences."""
    for product, f in ((jvp, vector), (vhp, number), (hvp, number)):
        computed = lambda x, product=product, f=f: product(f, x, V, create_graph=True)[1]
        assert equal(jacobian(computed, X), by_differences(computed, X))
