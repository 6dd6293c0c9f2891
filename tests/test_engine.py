"""The laws of the engine: whose memory a gradient is, what a graph keeps and how long, which thread records.

They hold whatever the rows compute; the last part holds every row against finite differences. No torch here.
"""

import contextlib
import gc
import inspect
import itertools
import sys
import threading
import weakref

import numpy as np
import pytest

import tinynn
from tests.row_cases import CASES, cases_of, rows_with_a_derivative
from tinynn import ops
from tinynn.autograd import Function, gradcheck, gradgradcheck
from tinynn.autograd.node import Node
from tinynn.autograd.op import Op, VariadicOp
from tinynn.autograd.variable import Variable

ROWS = rows_with_a_derivative()
USED_TWICE = "Trying to backward through the graph a second time"


def leaf(*shape):
    """A leaf of ones, 2s, ..."""
    count = 1 + np.arange(np.prod(shape, dtype=int), dtype=np.float64)
    return tinynn.tensor(count.reshape(shape), requires_grad=True)


def listed(outputs):
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def each_case():
    return [pytest.param(case, id=f"{name}-{i}") for name in ROWS for i, case in enumerate(cases_of(name))]


# --- no two things share memory unless one is a view of the other


def overlapping(arrays):
    """The names of those that share memory."""
    return [
        names
        for names in itertools.combinations(arrays, 2)
        if np.shares_memory(arrays[names[0]], arrays[names[1]])
    ]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("case", each_case())
def test_leaf_gradients_share_no_memory(case, create_graph):
    arguments = case.fresh()
    leaves = [arguments[i] for i in case.differentiable if isinstance(arguments[i], Variable)]
    outputs = listed(case.function(*arguments))
    given = [tinynn.ones_like(output) for output in outputs]
    tinynn.autograd.backward(outputs, given, retain_graph=True, create_graph=create_graph)
    arrays = {f"gradient {i}": x.grad._array for i, x in enumerate(leaves)}
    arrays |= {f"given {i}": g._array for i, g in enumerate(given)}
    others = {f"output {i}": y._array for i, y in enumerate(outputs)}
    others |= {f"leaf {i}": x._array for i, x in enumerate(leaves)}
    others |= {f"saved {i}": value for i, value in enumerate(saved_arrays(outputs[0].grad_fn))}
    assert overlapping(arrays) == []
    assert [(a, b) for a in arrays for b in others if np.shares_memory(arrays[a], others[b])] == []


@pytest.mark.parametrize("case", each_case())
def test_only_views_share_memory_with_their_operand(case):
    arguments = case.fresh()
    outputs = listed(case.function(*arguments))
    operands = [x._array for x in arguments if isinstance(x, Variable)]
    shared = [np.shares_memory(y._array, x) for y in outputs for x in operands]
    is_view = isinstance(case.function, Op) and case.function.view
    if case.function is ops.unsafe_view:  # it is only given what nobody else has
        return
    assert all(shared) if is_view else not any(shared)
    assert all((y._counter is arguments[0]._counter) == is_view for y in outputs if is_view)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("only_inputs", [False, True])
@pytest.mark.parametrize(
    "function", [lambda x: x, lambda x: x + 1, lambda x: x.view(3, 1), lambda x: x + x, lambda x: x.clone()]
)
def test_given_gradient_is_neither_kept_nor_written_to(function, only_inputs, create_graph):
    x = leaf(3)
    y = function(x)
    given = tinynn.full_like(y, 5.0)
    for _ in range(3):
        y.backward(given, retain_graph=True, create_graph=create_graph, inputs=[x] if only_inputs else None)
        assert not np.shares_memory(x.grad._array, given._array)
    assert (given == 5).all()


def test_gradient_that_two_leaves_get_is_two_arrays():
    x, y = leaf(3), leaf(3)
    (x + y).backward(tinynn.ones(3, dtype=tinynn.float64))
    x.grad.zero_()
    assert (y.grad == 1).all()


def test_later_backward_adds_in_place_to_the_same_gradient():
    x = leaf(3)
    x.sum().backward()
    first = x.grad
    x.sum().backward()
    assert x.grad is first
    assert (first == 2).all()


def test_gradient_a_leaf_hook_kept_does_not_change():
    x, seen = leaf(3), []
    x.register_hook(seen.append)
    for _ in range(2):
        (x * 2).sum().backward()
    assert all((gradient == 2).all() for gradient in seen)
    assert (x.grad == 4).all()


def test_hooks_compute_with_tensors_and_backward():
    x = leaf(3)
    y = x * 2

    def hook(gradient):
        probe = tinynn.ones(3, requires_grad=True)
        with tinynn.enable_grad():
            (probe / 0).log().sum().backward()
        return gradient * probe.detach()

    y.register_hook(hook)
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_gradient_an_inner_hook_kept_does_not_change():
    x, seen = leaf(3), []
    y = x * 2
    y.register_hook(seen.append)
    z = y + 1
    z.register_hook(seen.append)
    for _ in range(2):
        z.backward(tinynn.ones(3, dtype=tinynn.float64), retain_graph=True)
    assert all((gradient == 1).all() for gradient in seen)
    assert (x.grad == 4).all()


def test_gradient_a_hook_returns_is_not_written_to():
    x, y = leaf(3), leaf(3)
    replacement = tinynn.full_like(x, 7)
    for tensor in (x, y):
        tensor.register_hook(lambda gradient: replacement)
    for _ in range(2):
        (x * y).sum().backward()
    assert (replacement == 7).all()
    assert (x.grad == 14).all()
    assert not np.shares_memory(x.grad._array, y.grad._array)


def test_retained_gradient_is_a_copy():
    x = leaf(3)
    y = x + 1
    y.retain_grad()
    given = tinynn.ones_like(y)
    y.backward(given)
    assert overlapping({"x.grad": x.grad._array, "y.grad": y.grad._array, "given": given._array}) == []


def test_function_may_return_one_gradient_for_two_operands():
    class Both(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return g, g

    x, y = leaf(3), leaf(3)
    given = tinynn.ones_like(x)
    Both.apply(x, y).backward(given)
    assert overlapping({"x.grad": x.grad._array, "y.grad": y.grad._array, "given": given._array}) == []


@pytest.mark.parametrize("create_graph", [False, True])
def test_function_may_return_a_gradient_that_it_keeps(create_graph):
    kept = tinynn.full((3,), 5.0, dtype=tinynn.float64)

    class Constant(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 5

        @staticmethod
        def backward(ctx, g):
            return kept

    x = leaf(3)
    for _ in range(2):
        Constant.apply(x).sum().backward(create_graph=create_graph)
        assert not np.shares_memory(x.grad._array, kept._array)
    assert (kept == 5).all()


# --- a graph goes when its last reference goes; the garbage collector has nothing to do


@pytest.fixture
def collector_off():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def nodes_behind(*tensors):
    """Every node that backward() from the tensors could reach."""
    found, stack = set(), [tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += [edge[0] for edge in node.edges if edge and isinstance(edge[0], Node)]
    return found


def saved_arrays(node):
    return [value for value in getattr(node, "saved", None) or () if isinstance(value, np.ndarray)]


def parts(*tensors):
    """Weak references to the tensors, their arrays, the nodes behind them, and what those have saved."""
    nodes = nodes_behind(*tensors)
    arrays = [tensor._array for tensor in tensors] + [a for node in nodes for a in saved_arrays(node)]
    return [weakref.ref(part) for part in (*tensors, *arrays, *nodes)]


def dropped(x):
    hidden = (x.exp() * x).tanh()
    return parts(hidden, hidden.sum())


def run_backward(x):
    hidden = (x.exp() * x).tanh()
    loss = hidden.sum()
    found = parts(hidden, loss)
    loss.backward()
    return found + parts(hidden, loss)


def retained_graph(x):
    loss = (x.exp() * x).tanh().sum()
    found = parts(loss)
    loss.backward(retain_graph=True)
    loss.backward()
    return found


def created_graph(x):
    loss = (x.exp() * x.tanh() / x.sigmoid()).softmax(0).pow(3).sum()
    found = parts(loss)
    (first,) = tinynn.autograd.grad(loss, x, create_graph=True)
    found += parts(first)
    (second,) = tinynn.autograd.grad(first.sum(), x, create_graph=True)
    second.sum().backward()
    return found + parts(first, second)


def created_graph_dropped(x):
    loss = (x.exp() * x.tanh()).sum()
    (first,) = tinynn.autograd.grad(loss, x, create_graph=True)
    return parts(loss, first)


def hooked(x):
    seen = []
    hidden = x.exp()
    hidden.register_hook(seen.append)
    hidden.register_hook(lambda gradient: gradient * 2)
    handle = x.register_hook(seen.append)
    hidden.retain_grad()
    loss = (hidden * x).sum()
    found = parts(hidden, loss)
    loss.backward()
    handle.remove()
    return found + parts(*seen)


def many_outputs(x):
    first, second = x.exp().split(1)
    loss = (tinynn.cat([first, second, first]) * tinynn.stack([first, first, second])).sum()
    found = parts(first, second, loss)
    loss.backward()
    return found


def written_to(x):
    y = x * 1
    view = y.view(-1)
    view[1:] *= 3
    y.tanh_()
    found = parts(y, view)
    view.sum().backward()
    return found + parts(y, view)


def user_function(x):
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    hidden = x.exp()
    loss = Square.apply(hidden).sum()
    found = parts(hidden, loss)
    loss.backward()
    return found


def failed_backward(x):
    hidden = x.exp()
    loss = hidden.sum()
    found = parts(hidden, loss)
    hidden.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    return found


def trained_model(x):
    model = tinynn.nn.Sequential(tinynn.nn.Linear(3, 4), tinynn.nn.ReLU(), tinynn.nn.Linear(4, 1)).double()
    optimizer = tinynn.optim.Adam(model.parameters())
    found = []
    for _ in range(3):
        logits = model(x).squeeze(1)
        loss = tinynn.nn.BCEWithLogitsLoss()(logits, tinynn.ones_like(logits))
        optimizer.zero_grad()
        found += parts(logits, loss)
        loss.backward()
        optimizer.step()
    return found


SCENARIOS = [
    dropped,
    run_backward,
    retained_graph,
    created_graph,
    created_graph_dropped,
    hooked,
    many_outputs,
    written_to,
    user_function,
    failed_backward,
    trained_model,
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_graph_is_freed_by_reference_count(scenario, collector_off):
    x = leaf(2, 3)
    found = [part for part in scenario(x) if part() is not x and part() is not x._array]
    assert found
    assert [part() for part in found if part() is not None] == []


def test_leaf_is_freed_with_its_gradient(collector_off):
    x = leaf(3)
    x.exp().sum().backward()
    found = parts(x, x.grad)
    del x
    assert [part() for part in found if part() is not None] == []


def test_graph_outlives_the_tensors_in_the_middle(collector_off):
    x = leaf(3)
    hidden = x.exp()
    loss = (hidden * 2).sum()
    tensor, node = weakref.ref(hidden), weakref.ref(hidden.grad_fn)
    del hidden
    assert tensor() is None
    assert node() is not None
    loss.backward()
    assert x.grad.allclose(2 * x.detach().exp())


def test_detached_tensor_keeps_no_graph(collector_off):
    hidden = leaf(3).exp()
    found = weakref.ref(hidden.grad_fn)
    hidden = hidden.detach()
    assert found() is None


# --- size: neither the recursion limit nor the number of paths matters


def test_chain_of_a_million_operations(collector_off):
    x = leaf(1)
    y = -x
    first = weakref.ref(y.grad_fn)
    for _ in range(999_999):
        y = -y
    y.backward()
    assert x.grad.item() == 1
    assert first() is not None
    del y
    assert first() is None


def counting(counts):
    """a + b, written so that every use of a derivative is counted."""

    def passed_on(g):
        counts.append(1)
        return g

    return Op(np.add, lambda g: passed_on(g), lambda g: passed_on(g), name="CountedBackward0")


def ladder(add, x, steps):
    """x + x, and the sum of that with itself, ...: 2 ** steps paths lead back to x."""
    for _ in range(steps):
        x = add(x, x)
    return x


@pytest.mark.parametrize("create_graph", [False, True])
def test_diamond_ladder_is_linear(create_graph):
    counts = []
    x = leaf()
    y = ladder(counting(counts), x, 60)
    assert tinynn.autograd.grad(y, x, create_graph=create_graph)[0].item() == 2.0**60
    assert len(counts) == 2 * 60


def test_diamond_ladder_towards_an_inner_tensor_stops_there():
    counts = []
    add = counting(counts)
    middle = ladder(add, leaf(), 60)
    y = ladder(add, middle, 60)
    assert tinynn.autograd.grad(y, middle)[0].item() == 2.0**60
    assert len(counts) == 2 * 60


def test_nodes_on_unequal_paths_run_once_each():
    """A skip connection past a long path: its gradient waits for the other."""
    counts = []
    add = counting(counts)
    x = leaf()
    hidden = add(x, x)
    y = add(ladder(add, hidden, 10), hidden)
    y.backward()
    assert x.grad.item() == 2 * (2.0**10 + 1)
    assert len(counts) == 2 * 12


# --- grad mode

MODES = {
    "no_grad": (tinynn.no_grad, False),
    "enable_grad": (tinynn.enable_grad, True),
    "set_grad_enabled(False)": (lambda: tinynn.set_grad_enabled(False), False),
    "set_grad_enabled(True)": (lambda: tinynn.set_grad_enabled(True), True),
    "inference_mode": (tinynn.inference_mode, False),
    "inference_mode(False)": (lambda: tinynn.inference_mode(False), True),
}


@pytest.fixture(autouse=True)
def mode_is_restored():
    yield
    assert tinynn.is_grad_enabled()
    assert not tinynn.is_inference_mode_enabled()


def mode():
    return tinynn.is_grad_enabled(), tinynn.is_inference_mode_enabled()


@pytest.mark.parametrize("outer", MODES)
@pytest.mark.parametrize("inner", MODES)
def test_modes_nest_and_exceptions_restore_them(outer, inner):
    with MODES[outer][0]():
        before = mode()
        assert before[0] == MODES[outer][1]
        with contextlib.suppress(ZeroDivisionError), MODES[inner][0]():
            assert mode()[0] == MODES[inner][1]
            assert leaf(2).exp().requires_grad == (MODES[inner][1] and not mode()[1])
            raise ZeroDivisionError
        assert mode() == before


@pytest.mark.parametrize("name", MODES)
def test_decorated_function_may_call_itself_and_raise(name):
    make, enabled = MODES[name]

    @make()
    def count_down(n):
        assert tinynn.is_grad_enabled() == enabled
        if n == 0:
            raise ZeroDivisionError
        try:
            count_down(n - 1)
        finally:
            assert tinynn.is_grad_enabled() == enabled

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            count_down(3)
        assert mode() == (True, False)


def test_generator_under_no_grad_keeps_its_mode_to_itself():
    @tinynn.no_grad()
    def double():
        received = None
        while received != "stop":
            received = yield received, tinynn.is_grad_enabled()
        return "stopped"

    generator = double()
    assert next(generator) == (None, False)
    assert tinynn.is_grad_enabled()
    assert generator.send(5) == (5, False)
    with tinynn.no_grad():
        assert generator.send(6) == (6, False)
    with pytest.raises(StopIteration) as stop:
        generator.send("stop")
    assert stop.value.value == "stopped"


def test_generator_under_no_grad_receives_exceptions():
    @tinynn.no_grad()
    def stubborn():
        answer = None
        while True:
            try:
                yield answer, tinynn.is_grad_enabled()
            except ZeroDivisionError:
                answer = "caught"

    generator = stubborn()
    next(generator)
    assert generator.throw(ZeroDivisionError()) == ("caught", False)
    with pytest.raises(KeyError):
        generator.throw(KeyError())


def test_generator_under_no_grad_closes_in_its_mode():
    seen = []

    @tinynn.no_grad()
    def tidy():
        try:
            yield
        finally:
            seen.append(tinynn.is_grad_enabled())

    generator = tidy()
    next(generator)
    generator.close()
    assert seen == [False]


def broken_row():
    def explode(g):
        raise ZeroDivisionError

    return Op(np.negative, lambda g: explode(g), name="BrokenBackward0")


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", MODES)
def test_backward_that_fails_restores_the_mode(name, create_graph):
    x = leaf()
    y = broken_row()(x)
    with MODES[name][0]():
        before = mode()
        with pytest.raises(ZeroDivisionError):
            y.backward(create_graph=create_graph, retain_graph=True)
        assert mode() == before


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_run_in_the_mode_of_backward(create_graph):
    seen = []
    x = leaf()
    hidden = x * 2
    for tensor in (x, hidden):
        tensor.register_hook(lambda gradient: seen.append(tinynn.is_grad_enabled()))
    tinynn.autograd.grad(hidden * hidden, x, create_graph=create_graph)
    (x * x).backward(create_graph=create_graph)
    assert seen == [create_graph] * 3
    x.grad = None


def test_backward_works_without_recording():
    x = leaf(3)
    y = (x * x).sum()
    with tinynn.no_grad():
        y.backward()
    assert (x.grad == 2 * x.detach()).all()


# --- threads


def in_threads(jobs):
    """Run the jobs at the same time, switching between them as often as Python can; raise what they raise."""
    failures, together = [], threading.Barrier(len(jobs))

    def run(job):
        try:
            together.wait()
            job()
        except BaseException as failure:
            failures.append(failure)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    for failure in failures:
        raise failure


def test_each_thread_has_its_own_mode_and_right_gradients():
    shared = leaf(4)

    def differentiate():
        for i in range(1, 100):
            x = leaf(4)
            (i * x * x + shared * x).sum().backward()
            assert (x.grad == (2 * i + 1) * shared.detach()).all()

    def differentiate_twice():
        for _ in range(30):
            x = leaf(4)
            (first,) = tinynn.autograd.grad((x**3).sum(), x, create_graph=True)
            (second,) = tinynn.autograd.grad(first.sum(), x)
            assert second.allclose(6 * x.detach())

    def stay_in(make, expected):
        def job():
            for _ in range(100):
                with make():
                    assert mode() == expected
                    assert not (shared * 2 + 1).requires_grad
                assert mode() == (True, False)
                assert (shared * 2).requires_grad

        return job

    jobs = [differentiate, differentiate_twice]
    jobs += [stay_in(tinynn.no_grad, (False, False)), stay_in(tinynn.inference_mode, (False, True))]
    in_threads(jobs * 2)


def test_graph_made_in_one_thread_runs_backward_in_others():
    x = leaf(4)
    y = (x * x).tanh().sum()
    expected = tinynn.autograd.grad(y, x, retain_graph=True)[0]

    def job():
        for _ in range(50):
            assert (tinynn.autograd.grad(y, x, retain_graph=True)[0] == expected).all()

    in_threads([job] * 4)


def test_new_thread_records_whatever_its_maker_does():
    seen = []
    with tinynn.inference_mode():
        in_threads([lambda: seen.append(mode())])
    assert seen == [(True, False)]


def test_arithmetic_is_silent_in_every_thread():
    """Warnings are errors in these tests."""

    def job():
        x = tinynn.zeros(2, requires_grad=True)
        (1 / x).sum().backward()
        assert tinynn.isinf(x.grad).all()

    in_threads([job] * 2)


# --- what a row's names say is what is kept


def names_of(function):
    if isinstance(function, np.ufunc):
        return ["x"] if function.nin == 1 else ["a", "b"]
    return list(inspect.signature(function).parameters)


def weak_arrays(row, operands, out):
    """Weak references to the arrays of float operands, by parameter name, and of the output, as `y`.

    0-d outputs are left out: NumPy's scalar is saved, not the array that is made of it.
    """
    named = dict(zip(row.parameters, operands, strict=False))
    if isinstance(out, Variable) and out.ndim:
        named["y"] = out
    return {
        name: weakref.ref(x._array)
        for name, x in named.items()
        if isinstance(x, Variable) and x.is_floating_point()
    }


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if not isinstance(row, VariadicOp)])
def test_row_keeps_what_its_derivatives_name_and_nothing_else(name, collector_off):
    row = ROWS[name]
    for case in cases_of(name):
        if case.function is not row:
            continue
        operands = [x * 1 if isinstance(x, Variable) and x.requires_grad else x for x in case.fresh()]
        running = [row.vjps[i] for i in case.differentiable if isinstance(operands[i], Variable)]
        wanted = {parameter for vjp in running for parameter in names_of(vjp)[1:]}
        out = row(*operands)
        node = listed(out)[0].grad_fn
        arrays = weak_arrays(row, operands, out)
        del operands, out
        kept = {parameter for parameter, array in arrays.items() if array() is not None}
        assert kept == wanted & arrays.keys()
        assert node.saved is not None


def test_operand_is_not_kept_for_a_derivative_that_nobody_needs(collector_off):
    """d(a b)/db needs a; if b does not require grad, a is not kept."""
    a, b = leaf(3) * 1, tinynn.ones(3, dtype=tinynn.float64)
    product = a * b
    first, second = weakref.ref(a._array), weakref.ref(b._array)
    del a, b
    assert product.requires_grad
    assert first() is None
    assert second() is not None


def test_cat_keeps_only_shapes(collector_off):
    a, b = leaf(3) * 1, leaf(2) * 1
    joined = tinynn.cat([a, b])
    found = [weakref.ref(a._array), weakref.ref(b._array)]
    del a, b
    assert joined.requires_grad
    assert [part() for part in found] == [None, None]


def test_backward_frees_what_was_saved(collector_off):
    x = leaf(3)
    hidden = x.exp()
    loss = hidden.sum()
    found = weakref.ref(hidden._array)
    del hidden
    assert found() is not None
    loss.backward()
    assert found() is None
    assert loss.grad_fn is not None


def test_second_backward_needs_what_the_first_freed():
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert (x.grad == 4 * x.detach()).all()
    with pytest.raises(RuntimeError, match=USED_TWICE):
        y.backward()
    with pytest.raises(RuntimeError, match=USED_TWICE):
        tinynn.autograd.grad(y, x)
    assert (x.grad == 4 * x.detach()).all()


def test_second_backward_meets_a_part_that_the_first_freed():
    x = leaf(3)
    shared = x.exp()
    shared.sum().backward()
    with pytest.raises(RuntimeError, match=USED_TWICE):
        (shared * 2).sum().backward()


def test_second_backward_works_where_nothing_was_saved():
    x = leaf(3)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    assert (x.grad == 2).all()


def test_function_used_twice():
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    y = Square.apply(leaf(3)).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=USED_TWICE):
        y.backward()


# fmt: off
MISSPELT = [
    ("z",         lambda: Op(np.exp, lambda g, z: g * z)),
    ("b",         lambda: Op(np.exp, lambda g, b: g * b)),
    ("x",         lambda: Op(np.multiply, lambda g, x: g * x, lambda g, a: g * a)),
    ("c",         lambda: Op(np.multiply, lambda g, b: g * b, lambda g, c: g * c)),
    ("x_shap",    lambda: Op(lambda x, axis: x.sum(axis), lambda g, x_shap: g)),
    ("z_shape",   lambda: Op(lambda x, axis: x.sum(axis), lambda g, z_shape: g)),
    ("_shape",    lambda: Op(lambda x, axis: x.sum(axis), lambda g, _shape: g)),
    ("dim",       lambda: Op(lambda x, axis: x.sum(axis), lambda g, dim: g)),
    ("x_shapes",  lambda: VariadicOp(lambda axis, *xs: np.stack(xs, axis), lambda g, x_shapes: [g])),
]
# fmt: on


@pytest.mark.parametrize(("name", "make"), MISSPELT)
def test_misspelt_name_fails_when_the_row_is_made(name, make):
    with pytest.raises(TypeError, match=f"a VJP asks for '{name}'"):
        make()


# --- every row against finite differences


def test_every_row_with_a_derivative_has_a_case():
    assert [name for name in ROWS if not cases_of(name)] == []
    assert [name for name in CASES if name not in ops.TABLE] == []


@pytest.mark.parametrize("case", each_case())
def test_first_derivative(case):
    assert gradcheck(case.function, case.fresh())


@pytest.mark.parametrize("case", each_case())
def test_second_derivative(case):
    assert gradgradcheck(case.function, case.fresh())


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gradient_of_a_determinant_that_is_0(order, sign):
    """It is the matrix of cofactors, by way of singular vectors, which may be reflected."""
    matrix = tinynn.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0.5, 1.5, -4.0]], dtype=tinynn.float64)
    x = (matrix[order] * sign).requires_grad_()
    assert tinynn.linalg.det(x).item() == 0
    assert gradcheck(tinynn.linalg.det, [x])


def test_every_operand_with_a_derivative_is_differentiated():
    """A case with a number in an operand's place does not count for that operand."""
    missing = [
        (name, position)
        for name, row in ROWS.items()
        for position, vjp in enumerate(row.vjps)
        if vjp and not any(case_covers(case, position) for case in cases_of(name))
    ]
    assert missing == []


def case_covers(case, position):
    return position in case.differentiable and isinstance(case.arguments[position], np.ndarray)


def test_wrong_derivative_is_noticed():
    wrong = Op(np.sin, lambda g, x: g * ops.cos(x) * 1.01)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradcheck(wrong, [leaf(3)])


def test_wrong_second_derivative_is_noticed():
    def constant_cosine(x):
        return ops.cos(x.detach() if isinstance(x, Variable) else x)

    wrong = Op(np.sin, lambda g, x: g * constant_cosine(x))
    assert gradcheck(wrong, [leaf(3)])
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        gradgradcheck(wrong, [leaf(3)])


def test_row_without_a_derivative_has_no_graph():
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "isnan", "isinf", "isfinite", "signbit", "logical_not"):
        row = ops.TABLE[name]
        result = row(*[leaf(3) for _ in row.vjps])
        assert result.grad_fn is None
        assert not result.requires_grad


def test_derivative_that_does_not_exist_says_so():
    with pytest.raises(RuntimeError, match="derivative for aten::floor_divide is not implemented"):
        (leaf(3) // 2).sum().backward()
