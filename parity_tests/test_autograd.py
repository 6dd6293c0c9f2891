"""What the engine does, fact by fact, against PyTorch: each fact is one function of the library, and what it
returns.

Tensors in an answer are compared as results of operations are (dtype, shape, values); exceptions by type and
first line.
"""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.harness import assert_same, outcome


def leaf(lib, *data, dtype=None):
    return lib.tensor(list(data), dtype=dtype or lib.float64, requires_grad=True)


def described_graph(lib, fn, depth=6):
    """grad_fn and all behind it: (name, [(graph, index), ...])."""
    if fn is None or depth == 0:
        return None
    name = fn.name().removeprefix("torch::autograd::")
    return name, [(described_graph(lib, behind, depth - 1), index) for behind, index in fn.next_functions]


def cube(lib):
    class Cube(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor=1.0):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return factor * x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * ctx.factor * x * x * g, None

    return Cube


def with_context(lib):
    class Product(lib.autograd.Function):
        @staticmethod
        def forward(a, b):
            return a * b, a + b

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g, h):
            a, b = ctx.saved_tensors
            return g * b + h, g * a + h

    return Product


def function_returning(lib, *gradients):
    class Odd(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return tuple(gradient(g) for gradient in gradients)

    return Odd


def seen_by(run):
    """What `run(record)` records, in order."""
    seen = []
    run(seen.append)
    return seen


def modes(lib):
    return [lib.is_grad_enabled(), lib.is_inference_mode_enabled()]


def inferred(lib):
    with lib.inference_mode():
        return lib.ones(2, dtype=lib.float64)


FACTS = {}


def fact(function):
    FACTS[function.__name__.replace("_", " ")] = function
    return function


# --- backward and .grad


@fact
def gradients_accumulate(lib):
    x = leaf(lib, 1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * x).sum().backward()
    return x.grad, first, first is x.grad


@fact
def accumulation_with_a_graph_makes_a_new_tensor(lib):
    x = leaf(lib, 1.0, 2.0)
    (x * x).sum().backward(create_graph=True)
    first = x.grad
    (x * x * x).sum().backward(create_graph=True)
    return first, x.grad, first is x.grad, x.grad.requires_grad


@fact
def leaves_do_not_share_a_gradient(lib):
    a, b = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)
    (a + b).sum().backward()
    a.grad.mul_(5)
    return a.grad, b.grad


@fact
def given_gradient_is_not_shared(lib):
    x, g = leaf(lib, 1.0, 2.0), lib.ones(2, dtype=lib.float64)
    x.clone().backward(g)
    x.view(2).backward(g)
    g.mul_(9)
    return x.grad


@fact
def backward_of_a_leaf(lib):
    x = lib.tensor(2.0, requires_grad=True)
    x.backward()
    x.backward(lib.tensor(3.0))
    return x.grad


@fact
def one_element_of_any_shape(lib):
    x = lib.tensor([[[2.0]]], requires_grad=True)
    (x * 3).backward()
    return x.grad


@fact
def unused_leaf_has_no_grad(lib):
    x, y = leaf(lib, 1.0), leaf(lib, 2.0)
    (x * 2).sum().backward()
    return y.grad


@fact
def non_leaf_keeps_no_grad(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.sum().backward()
    return x.grad, y.is_leaf


@fact
def retain_grad(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    (y * y).sum().backward(retain_graph=True)
    first = y.grad.clone()
    (y * y).sum().backward()
    return first, y.grad, y.retains_grad, x.retains_grad


@fact
def retain_grad_of_one_of_many_outputs(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    a, b = x.split([1, 2])
    b.retain_grad()
    (a.sum() * b.sum()).backward()
    return b.grad, x.grad


@fact
def retain_grad_needs_grad(lib):
    return lib.ones(2).retain_grad()


@fact
def several_roots(lib):
    x, y = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    lib.autograd.backward([(x * y).sum(), x * x], [None, lib.ones(2, dtype=lib.float64)])
    return x.grad, y.grad


@fact
def backward_for_some_inputs(lib):
    x, y = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    (x * y).sum().backward(inputs=[x])
    (x * y).sum().backward(inputs=y)
    return x.grad, y.grad


@fact
def backward_for_a_non_leaf(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 3
    (y * y).sum().backward(inputs=[y])
    return x.grad


@fact
def backward_for_nothing(lib):
    return (leaf(lib, 1.0) * 2).sum().backward(inputs=[])


@fact
def grad_dtype_follows_the_leaf(lib):
    x, h = leaf(lib, 1.0, dtype=lib.float32), leaf(lib, 1.0, dtype=lib.float16)
    (x.double() * h * 2).sum().backward()
    return x.grad, h.grad


@fact
def gradient_of_a_wider_dtype(lib):
    x = leaf(lib, 1.0, 2.0, dtype=lib.float32)
    (x * 2).backward(lib.tensor([1.0, 2.0], dtype=lib.float64))
    return x.grad


@fact
def needs_a_scalar(lib):
    return (leaf(lib, 1.0, 2.0) * 2).backward()


@fact
def needs_a_graph(lib):
    return lib.tensor(1.0).backward()


@fact
def shape_of_the_gradient(lib):
    return (leaf(lib, 1.0, 2.0) * 2).backward(lib.ones(3))


@fact
def number_of_gradients(lib):
    return lib.autograd.backward([leaf(lib, 1.0), leaf(lib, 2.0)], [lib.ones(1)])


@fact
def diamond(lib):
    x = leaf(lib, 1.5)
    y = x
    for _ in range(20):
        y = y + y * 0.5
    y.sum().backward()
    return x.grad


@fact
def a_deep_chain(lib):
    x = leaf(lib, 1.0)
    y = x
    for _ in range(20_000):
        y = y + 1e-6
    y.sum().backward()
    return x.grad


@fact
def assigning_grad(lib):
    x = leaf(lib, 1.0, 2.0)
    x.grad = lib.ones(2, dtype=lib.float64)
    (x * 2).sum().backward()
    kept = x.grad
    x.grad = None
    return kept, x.grad


@fact
def assigning_grad_of_another_shape(lib):
    leaf(lib, 1.0, 2.0).grad = lib.ones(3, dtype=lib.float64)


@fact
def assigning_grad_of_another_dtype(lib):
    leaf(lib, 1.0, 2.0).grad = lib.ones(2)


@fact
def assigning_grad_of_another_type(lib):
    leaf(lib, 1.0, 2.0).grad = 1.0


# --- freeing


@fact
def second_backward(lib):
    y = (leaf(lib, 2.0) ** 2).sum()
    y.backward()
    y.backward()


@fact
def second_backward_where_nothing_was_saved(lib):
    x = leaf(lib, 2.0)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return x.grad


@fact
def retain_graph(lib):
    x = leaf(lib, 2.0)
    y = (x**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@fact
def grad_frees_too(lib):
    x = leaf(lib, 2.0)
    y = (x.exp() * x).sum()
    lib.autograd.grad(y, x)
    lib.autograd.grad(y, x)


@fact
def unused_graph_is_freed_at_once(lib):
    gc.disable()
    try:
        x = leaf(lib, 2.0)
        y = x.exp().sin()
        reference = weakref.ref(y)
        del y
        return reference() is None
    finally:
        gc.enable()


# --- autograd.grad


@fact
def grad_leaves_grad_alone(lib):
    x = leaf(lib, 1.0, 2.0)
    return lib.autograd.grad((x * x).sum(), x), x.grad


@fact
def grad_of_several(lib):
    x, y = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    return lib.autograd.grad([(x * y).sum(), x * 2], [y, x], [None, lib.ones(2, dtype=lib.float64)])


@fact
def grad_of_an_inner_tensor(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x.exp()
    z = y * y * x
    return lib.autograd.grad(z.sum(), [y, x])


@fact
def grad_of_the_output_itself(lib):
    y = leaf(lib, 1.0, 2.0) * 2
    return lib.autograd.grad(y.sum(), y), lib.autograd.grad(y, y, lib.ones(2, dtype=lib.float64))


@fact
def unused_input(lib):
    return lib.autograd.grad(leaf(lib, 1.0).sum(), [leaf(lib, 1.0)])


@fact
def allow_unused(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 1.0)
    return lib.autograd.grad((x * 2).sum(), [x, z], allow_unused=True)


@fact
def materialize_grads(lib):
    x, z = leaf(lib, 1.0), leaf(lib, 1.0, 2.0)
    return lib.autograd.grad((x * 2).sum(), [x, z], materialize_grads=True)


@fact
def grad_of_what_needs_none(lib):
    x = leaf(lib, 1.0)
    return lib.autograd.grad((x * 2).sum(), [lib.ones(1)])


@fact
def third_derivative(lib):
    x = leaf(lib, 2.0, -1.0)
    y = (x**5).sum()
    for _ in range(3):
        (g,) = lib.autograd.grad(y, x, create_graph=True)
        y = g.sum()
    return g


@fact
def backward_through_a_gradient(lib):
    x, w = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)
    (g,) = lib.autograd.grad((x * w).sigmoid().sum(), x, create_graph=True)
    (g.norm() - 1).square().backward()
    return x.grad, w.grad


@fact
def gradient_without_a_graph(lib):
    x = leaf(lib, 2.0)
    return lib.autograd.grad((x**2).sum(), x)[0].requires_grad


@fact
def create_graph_of_a_constant_gradient(lib):
    x = leaf(lib, 2.0)
    return lib.autograd.grad((x * 3).sum(), x, create_graph=True)[0].requires_grad


# --- modes


@fact
def no_grad(lib):
    x = leaf(lib, 1.0)
    with lib.no_grad():
        y, inside = x * 2, modes(lib)
        with lib.enable_grad():
            z = x * 2
    return y.requires_grad, y.is_leaf, z.requires_grad, inside, modes(lib)


@fact
def no_grad_as_a_decorator(lib):
    @lib.no_grad()
    def quiet(x):
        return x * 2

    @lib.no_grad
    def quiet_too(x):
        return x * 2

    x = leaf(lib, 1.0)
    return quiet(x).requires_grad, quiet_too(x).requires_grad, quiet.__name__, modes(lib)


@fact
def no_grad_around_a_generator(lib):
    @lib.no_grad()
    def numbers():
        yield lib.is_grad_enabled()
        yield lib.is_grad_enabled()

    return [(inside, lib.is_grad_enabled()) for inside in numbers()]


@fact
def set_grad_enabled(lib):
    answers = []
    with lib.set_grad_enabled(False):
        answers += modes(lib)
    answers += modes(lib)
    lib.set_grad_enabled(False)
    answers += modes(lib)
    lib.set_grad_enabled(True)
    return answers + modes(lib)


@fact
def modes_end_with_an_exception(lib):
    try:
        with lib.no_grad():
            raise ValueError
    except ValueError:
        return modes(lib)


@fact
def factories_under_no_grad(lib):
    with lib.no_grad():
        x = lib.ones(2, requires_grad=True)
    return x.requires_grad, x.is_leaf


@fact
def inference_mode(lib):
    x = leaf(lib, 1.0)
    with lib.inference_mode():
        y, inside = x * 2, modes(lib)
        view = x.view(1)
    return y.is_inference(), y.requires_grad, inside, modes(lib), x.is_inference(), view.is_inference()


@fact
def inference_mode_off(lib):
    with lib.inference_mode(False):
        return (leaf(lib, 1.0) * 2).requires_grad, modes(lib)


@fact
def inference_tensor_saved(lib):
    return leaf(lib, 1.0, 2.0) * inferred(lib)


@fact
def inference_tensor_not_saved(lib):
    x = leaf(lib, 1.0, 2.0)
    (x + inferred(lib)).sum().backward()
    return x.grad


@fact
def inference_tensor_written(lib):
    inferred(lib).add_(1)


@fact
def inference_tensor_requires_grad(lib):
    inferred(lib).requires_grad_()


@fact
def inference_tensor_cloned(lib):
    return (leaf(lib, 1.0, 2.0) * inferred(lib).clone()).requires_grad


@fact
def inference_tensor_version(lib):
    return inferred(lib)._version


# --- leaves, detach, the graph


@fact
def leaves(lib):
    x = leaf(lib, 1.0)
    return (
        x.is_leaf,
        (x * 2).is_leaf,
        lib.ones(1).is_leaf,
        (lib.ones(1) * 2).is_leaf,
        x.detach().is_leaf,
        x.grad_fn,
    )


@fact
def requires_grad_of_results(lib):
    x = leaf(lib, 1.0, 2.0)
    results = [
        x + 1,
        x > 1,
        x.argmax(),
        x.detach() * 2,
        x.long(),
        x.sum(),
        x.max(0)[1],
        x.isnan(),
        x.round(),
        x[0],
        x.sign(),
    ]
    return [result.requires_grad for result in results]


@fact
def detach_shares_memory(lib):
    x = leaf(lib, 1.0, 2.0)
    d = x.detach()
    d.mul_(3)
    return x, d.requires_grad, x._version, d._version


@fact
def detach_in_place(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.detach_()
    return y.requires_grad, y.is_leaf, y.grad_fn


@fact
def requires_grad_set(lib):
    x = lib.ones(2)
    x.requires_grad = True
    first = x.requires_grad
    return first, x.requires_grad_(False).requires_grad, x.requires_grad_() is x


@fact
def requires_grad_of_an_integer(lib):
    return lib.tensor([1]).requires_grad_()


@fact
def requires_grad_of_an_integer_at_birth(lib):
    return lib.tensor([1], requires_grad=True)


@fact
def requires_grad_off_for_a_non_leaf(lib):
    return (leaf(lib, 1.0) * 2).requires_grad_(False)


@fact
def data_is_outside_of_the_graph(lib):
    x = leaf(lib, 3.0)
    y = x * x
    x.data.mul_(10)
    y.sum().backward()
    return x.grad, x, x._version


@fact
def setting_data(lib):
    x = leaf(lib, 3.0)
    x.data = lib.tensor([5.0, 6.0], dtype=lib.float64)
    return x, x.is_leaf


@fact
def graph_of_an_expression(lib):
    x, y = leaf(lib, 1.0, 2.0), leaf(lib, 3.0)
    return described_graph(lib, ((x * y + 1).exp().sum() / x[0]).grad_fn)


@fact
def graph_with_constants(lib):
    x = leaf(lib, 1.0, 2.0)
    return described_graph(lib, lib.cat([x * 2, lib.ones(2, dtype=lib.float64), x.detach()]).grad_fn)


@fact
def graph_of_a_layer(lib):
    x, w, b = (
        lib.ones(4, 2, dtype=lib.float64),
        leaf(lib, [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]),
        leaf(lib, 1.0, 2.0, 3.0),
    )
    return described_graph(lib, lib.nn.functional.linear(x, w, b).relu().grad_fn)[0]


@fact
def graph_index_of_an_output(lib):
    a, b = leaf(lib, 1.0, 2.0, 3.0).split([1, 2])
    return described_graph(lib, (b * a).grad_fn), a.output_nr, b.output_nr


@fact
def accumulate_grad_knows_its_variable(lib):
    x = leaf(lib, 1.0)
    node = (x * 2).grad_fn.next_functions[0][0]
    return node.variable is x, type(node).__name__


@fact
def deepcopy_of_a_leaf(lib):
    x = leaf(lib, 1.0, 2.0)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    y.grad.mul_(2)
    return y, y.grad, x.grad, y.is_leaf


@fact
def deepcopy_of_a_result(lib):
    return copy.deepcopy(leaf(lib, 1.0) * 2)


@fact
def pickled_leaf(lib):
    return pickle.loads(pickle.dumps(leaf(lib, 1.0, 2.0)))


@fact
def numpy_of_a_leaf(lib):
    return leaf(lib, 1.0).numpy()


# --- hooks


@fact
def hook_replaces_a_gradient(lib):
    x = leaf(lib, 1.0, 2.0)
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (x * 2).sum().backward()
    return x.grad


@fact
def hook_of_an_inner_tensor(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    handle = y.register_hook(lambda g: g * 3)
    (y * y).sum().backward()
    first = x.grad.clone()
    handle.remove()
    (x * 2).sum().backward()
    return first, x.grad


@fact
def removed_hook(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    handle = y.register_hook(lambda g: g * 3)
    handle.remove()
    handle.remove()
    y.sum().backward()
    return x.grad


@fact
def hook_is_called_once_with_the_whole_gradient(lib):
    def run(record):
        x = leaf(lib, 1.0, 2.0)
        x.register_hook(lambda g: record(g.clone()))
        (x * x + x).sum().backward()

    return seen_by(run)


@fact
def hooks_under_grad(lib):
    def run(record):
        x = leaf(lib, 2.0)
        x.register_hook(lambda g: g * 2)
        record(lib.autograd.grad((x * x).sum(), x)[0])

    return seen_by(run)


@fact
def hook_before_retained_grad(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    y.register_hook(lambda g: g * 5)
    y.retain_grad()
    y.sum().backward()
    return y.grad, x.grad


@fact
def hook_with_a_graph(lib):
    x = leaf(lib, 2.0)
    x.register_hook(lambda g: g * x)
    (g,) = lib.autograd.grad((x * x).sum(), x, create_graph=True)
    return g, lib.autograd.grad(g.sum(), x)


@fact
def hook_needs_grad(lib):
    return lib.ones(1).register_hook(lambda g: g)


# --- writing in place


@fact
def version_counts_writes(lib):
    x = lib.zeros(3)
    view = x[1:]
    before = x._version
    x.add_(1)
    view.mul_(2)
    x[0] = 5
    return before, x._version, view._version, x.clone()._version, x.detach()._version, x.data._version


@fact
def write_after_it_was_saved(lib):
    a = leaf(lib, 1.0, 2.0).exp()
    b = a * a
    a.add_(1)
    b.sum().backward()


@fact
def write_to_a_saved_result(lib):
    y = leaf(lib, 1.0).exp()
    y.mul_(2)
    y.sum().backward()


@fact
def write_to_what_was_not_saved(lib):
    x = leaf(lib, 1.0)
    y = x * 2
    z = y + 1
    y.mul_(5)
    z.sum().backward()
    return x.grad


@fact
def write_to_the_other_operand(lib):
    x, w = leaf(lib, 1.0, 2.0), lib.ones(2, dtype=lib.float64)
    y = x * w
    w.mul_(2)
    y.sum().backward()


@fact
def write_through_a_view_of_what_was_saved(lib):
    x = leaf(lib, 1.0, 2.0) * 1
    y = x * x
    x[:1].zero_()
    y.sum().backward()


@fact
def write_to_a_leaf(lib):
    leaf(lib, 1.0).add_(1)


@fact
def write_to_a_view_of_a_leaf(lib):
    leaf(lib, 1.0, 2.0)[0].mul_(2)


@fact
def assign_into_a_leaf(lib):
    leaf(lib, 1.0, 2.0)[0] = 1.0


@fact
def assign_the_whole_of_a_leaf(lib):
    leaf(lib, 1.0, 2.0)[:] = 1.0


@fact
def assign_places_of_a_leaf(lib):
    leaf(lib, 1.0, 2.0)[lib.tensor([0])] = 1.0


@fact
def write_to_a_leaf_under_no_grad(lib):
    x = leaf(lib, 1.0, 2.0)
    with lib.no_grad():
        x -= 0.5
        x[0] = 7.0
    return x, x.is_leaf, x._version


@fact
def view_made_under_no_grad(lib):
    x = leaf(lib, 1.0, 2.0)
    with lib.no_grad():
        x.view(2).mul_(3)
    return x, x.grad_fn


@fact
def base_after_a_write_to_its_view(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    base = x * 1
    view = base[1:]
    view.mul_(10)
    base.sum().backward()
    return x.grad, described_graph(lib, base.grad_fn, 1)


@fact
def view_after_a_write_to_its_base(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    base = x * 1
    view = base[1:]
    base.mul_(10)
    view.sum().backward()
    return x.grad


@fact
def sibling_view_after_a_write(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    base = x * 1
    a, b = base[:2], base[1:]
    a.mul_(10)
    (b * b).sum().backward()
    return x.grad


@fact
def write_of_a_gradient_into_a_constant(lib):
    x, buffer = leaf(lib, 1.0, 2.0), lib.zeros(3, dtype=lib.float64)
    buffer[1:] = x * x
    buffer.sum().backward()
    return x.grad, buffer.requires_grad, buffer.is_leaf


@fact
def view_of_a_view(lib):
    x = leaf(lib, [1.0, 2.0], [3.0, 4.0])
    base = x * 1
    base.t()[0].add_(base[1] * 2)
    base.prod().backward()
    return base, x.grad


@fact
def overlapping_memory(lib):
    lib.zeros(1, 3).expand(2, 3).add_(1)


@fact
def chain_of_writes(lib):
    x = leaf(lib, 0.5, 1.5)
    y = x * 1
    y.exp_().mul_(x).add_(1).sigmoid_()
    y.sum().backward()
    return y, x.grad


@fact
def write_of_itself(lib):
    y = leaf(lib, 2.0) * 1
    y.mul_(y)
    y.sum().backward()


@fact
def write_grows(lib):
    lib.zeros(3).add_(lib.zeros(2, 3))


@fact
def write_of_a_float_into_an_int(lib):
    lib.zeros(3, dtype=lib.int64).add_(1.5)


@fact
def unbind_and_write(lib):
    (leaf(lib, 1.0, 2.0) * 1).unbind()[0].mul_(2)


# --- functions of one's own


@fact
def own_function(lib):
    x = leaf(lib, 1.0, 2.0)
    y = cube(lib).apply(x, 2.0)
    y.sum().backward()
    return y, x.grad, y.grad_fn.name()


@fact
def own_function_twice_differentiated(lib):
    x = leaf(lib, 1.0, 2.0)
    (g,) = lib.autograd.grad(cube(lib).apply(x).sum(), x, create_graph=True)
    return g, lib.autograd.grad(g.sum(), x)


@fact
def own_function_with_setup_context(lib):
    a, b = leaf(lib, 1.0, 2.0), leaf(lib, 3.0, 4.0)
    product, total = with_context(lib).apply(a, b)
    product.sum().backward()
    return product, total, a.grad, b.grad


@fact
def own_function_without_gradients(lib):
    y = cube(lib).apply(lib.ones(2))
    return y, y.requires_grad


@fact
def own_function_of_a_constant(lib):
    a = leaf(lib, 1.0)
    odd = function_returning(lib, lambda g: g * 2, lambda g: g * 3)
    odd.apply(a, lib.ones(1, dtype=lib.float64)).sum().backward()
    return a.grad


@fact
def own_function_returns_too_few(lib):
    a = leaf(lib, 1.0)
    function_returning(lib, lambda g: g).apply(a, a).sum().backward()


@fact
def own_function_returns_too_many(lib):
    a = leaf(lib, 1.0)
    function_returning(lib, lambda g: g, lambda g: g, lambda g: g).apply(a, a).sum().backward()


@fact
def own_function_returns_another_shape(lib):
    a = leaf(lib, 1.0, 2.0)
    function_returning(lib, lambda g: g[:1].expand(3), lambda g: g).apply(a, a).sum().backward()


@fact
def own_function_frees_what_it_saved(lib):
    y = cube(lib).apply(leaf(lib, 1.0)).sum()
    y.backward()
    y.backward()


@fact
def own_function_without_backward(lib):
    class Half(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x / 2

    Half.apply(leaf(lib, 1.0)).sum().backward()


@fact
def own_function_marks_an_output(lib):
    class Both(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            place = x.argmax()
            ctx.mark_non_differentiable(place)
            return x * 2, place

        @staticmethod
        def backward(ctx, g, nothing):
            return g * 2

    value, place = Both.apply(leaf(lib, 1.0, 3.0))
    return value.requires_grad, place.requires_grad, place


@fact
def own_function_knows_who_needs_a_gradient(lib):
    seen = []

    class Noting(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            return a + b

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g, None, None

    Noting.apply(leaf(lib, 1.0), lib.ones(1, dtype=lib.float64), 3).sum().backward()
    return seen


@fact
def once_differentiable(lib):
    class Square(lib.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @lib.autograd.function.once_differentiable
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    x = leaf(lib, 3.0)
    Square.apply(x).sum().backward()
    return x.grad


# --- finite differences


@fact
def gradcheck_of_a_right_gradient(lib):
    x, y = leaf(lib, 0.5, 1.5), leaf(lib, 2.0, 3.0)
    return lib.autograd.gradcheck(lambda a, b: (a * b.exp(), a.sin()), (x, y))


@fact
def gradgradcheck_of_a_right_gradient(lib):
    return lib.autograd.gradgradcheck(lambda a: a.sigmoid() * a, (leaf(lib, 0.5, 1.5),))


@fact
def gradcheck_of_a_wrong_gradient(lib):
    odd = function_returning(lib, lambda g: g * 2, lambda g: g)
    inputs = (leaf(lib, 0.5), leaf(lib, 1.5))
    return lib.autograd.gradcheck(odd.apply, inputs, raise_exception=False)


@fact
def gradcheck_of_nothing(lib):
    return lib.autograd.gradcheck(lambda a: a * 2, (lib.ones(2, dtype=lib.float64),))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.filterwarnings("ignore:Using backward\\(\\) with create_graph:UserWarning")
@pytest.mark.parametrize("name", FACTS)
def test_fact(name):
    ours, theirs = outcome(FACTS[name], tinynn), outcome(FACTS[name], torch)
    assert_same(ours, theirs, f"result ({ours!r:.200})")


def test_numpy_shares_memory():
    """What is NumPy's own on both sides: an array and a tensor around the same memory."""
    for lib in (tinynn, torch):
        array = np.zeros(3)
        tensor = lib.from_numpy(array)
        tensor[1] = 5
        array[2] = 7
        assert tensor.tolist() == array.tolist() == [0, 5, 7]
        assert tensor.numpy().__array_interface__["data"] == array.__array_interface__["data"]


@pytest.mark.parametrize("join", ["torch.cat([x, x])", "torch.stack([x, x])", "torch.einsum('i,i->i', x, x)"])
def test_joining_what_was_written_in_place(join):
    answers = []
    for lib in (torch, tinynn):
        x = lib.ones(2)
        x.add_(1)
        answers.append(eval(join, {"torch": lib, "x": x}).tolist())
    assert answers[0] == answers[1]


def test_gradients_that_are_not_materialized():
    answers = []
    for lib in (torch, tinynn):
        seen: list = []

        class Two(lib.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.set_materialize_grads(False)
                return x * 2, x * 3

            @staticmethod
            def backward(ctx, g2, g3):
                seen.append(g3 is None)  # noqa: B023 - called in this round of the loop
                return g2 * 2

        x = lib.ones(2, requires_grad=True)
        Two.apply(x)[0].sum().backward()
        answers.append((seen, x.grad.tolist()))
    assert answers[0] == answers[1] == ([True], [2.0, 2.0])


def test_a_view_knows_that_its_base_was_rewritten():
    for lib in (torch, tinynn):
        base, weight = lib.ones(3), lib.ones(3, requires_grad=True)
        view = base[:2]
        base.mul_(weight)
        assert not view.is_leaf
        with pytest.raises(RuntimeError, match="Can't detach views in-place"):
            view.detach_()


@pytest.mark.parametrize(
    "expression",
    [
        "x * np.sqrt(2 / 3)",
        "np.float64(2) * x",
        "np.float64(2) / x",
        "x + np.float64(2)",
        "torch.tensor([np.float64(2), np.float64(3)])",
        "torch.where(x > 0, x, np.float32(2))",
    ],
)
def test_numpy_numbers_do_not_widen(expression):
    answers = []
    for lib in (torch, tinynn):
        answer = eval(expression, {"torch": lib, "np": np, "x": lib.ones(2)})
        answers.append((str(answer.dtype).partition(".")[2], answer.tolist()))
    assert answers[0] == answers[1]


def test_writing_with_grad_mode_on_to_a_view_made_without():
    messages = []
    for lib in (torch, tinynn):
        y = lib.ones(4, requires_grad=True) * 1
        with lib.no_grad():
            view = y[:2]
        with pytest.raises(RuntimeError, match="A view was created in no_grad mode") as caught:
            view.mul_(2)
        messages.append(str(caught.value).splitlines()[0])
    assert messages[0] == messages[1]
