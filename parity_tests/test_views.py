"""Views and writes in place, fact by fact, against PyTorch: who shares memory, whose history is rewritten,
and what is refused with which message; what `detect_anomaly` finds.

A fact is one function of the library, as in test_autograd.py.
"""

import warnings

import pytest
import torch

import tinynn
from parity_tests.harness import assert_same, outcome
from parity_tests.test_autograd import described_graph, leaf

FACTS = {}


def fact(function):
    FACTS[function.__name__.replace("_", " ")] = function
    return function


def attempt(run, *args):
    """What `run` returns, or its exception: type and whole first line."""
    try:
        return run(*args)
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


def grid(lib, *shape, dtype=None):
    """A result (no leaf) with the values 1, 2, 3, ... and the leaf behind it."""
    n = 1
    for size in shape:
        n *= size
    x = (lib.arange(n, dtype=dtype or lib.float64) + 1).reshape(shape).requires_grad_()
    return x, x * 1


def graph(lib, x, depth=4):
    return described_graph(lib, x.grad_fn, depth)


def history(lib, *tensors):
    return [
        (t.grad_fn.name() if t.grad_fn else None, t.requires_grad, t.is_leaf, t.output_nr, t._version)
        for t in tensors
    ]


VIEWS = {
    "slice": lambda lib, x: x[1:],
    "int": lambda lib, x: x[0],
    "ints": lambda lib, x: x[0, 1],
    "step": lambda lib, x: x[:, ::2],
    "dots": lambda lib, x: x[..., 0],
    "none": lambda lib, x: x[None],
    "slice and int": lambda lib, x: x[1:, 0],
    "int and slice": lambda lib, x: x[0, 1:],
    "select": lambda lib, x: x.select(1, 0),
    "narrow": lambda lib, x: x.narrow(1, 0, 2),
    "view": lambda lib, x: x.view(-1),
    "view again": lambda lib, x: x.view(-1).view(3, 2),
    "reshape": lambda lib, x: x.reshape(3, 2),
    "flatten": lambda lib, x: x.flatten(),
    "unflatten": lambda lib, x: x.unflatten(1, (3, 1)),
    "ravel": lambda lib, x: x.ravel(),
    "t": lambda lib, x: x.t(),
    "T": lambda lib, x: x.T,
    "mT": lambda lib, x: x.mT,
    "transpose": lambda lib, x: x.transpose(0, 1),
    "permute": lambda lib, x: x.permute(1, 0),
    "movedim": lambda lib, x: x.movedim(0, 1),
    "squeeze": lambda lib, x: x[:1].squeeze(),
    "squeeze dim": lambda lib, x: x[:1].squeeze(0),
    "unsqueeze": lambda lib, x: x.unsqueeze(1),
    "diagonal": lambda lib, x: x.diagonal(),
    "expand": lambda lib, x: x.unsqueeze(0).expand(1, 2, 3),
    "view_as": lambda lib, x: x.view_as(x),
    "unfold": lambda lib, x: x.unfold(1, 2, 2),
    "as_strided": lambda lib, x: x.as_strided((2, 2), (1, 2), 1),
    "split": lambda lib, x: x.split(1)[1],
    "split sizes": lambda lib, x: x.split([1, 1])[0],
    "chunk": lambda lib, x: x.chunk(2, 1)[0],
    "unbind": lambda lib, x: x.unbind()[1],
    "iteration": lambda lib, x: next(iter(x)),
    "tensor_split": lambda lib, x: x.tensor_split(2)[0],
    "swapaxes": lambda lib, x: x.swapaxes(0, 1),
    "detach": lambda lib, x: x.detach(),
    "alias": lambda lib, x: x[:],
    "transpose and slice": lambda lib, x: x.t()[1:],
    "slice and view": lambda lib, x: x[1:].view(-1),
    "slice twice": lambda lib, x: x[1:][:, 1:],
    "hsplit": lambda lib, x: x.hsplit(3)[1],
    "adjoint": lambda lib, x: x.adjoint(),
    "real": lambda lib, x: x.real,
}


def see(lib, x, view):
    return (
        view._is_view(),
        view._base is x,
        view.storage_offset(),
        view.stride(),
        view.data_ptr() - x.data_ptr(),
        view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr(),
        view.grad_fn.name() if view.grad_fn else None,
        view.output_nr,
        view.is_contiguous(),
    )


def write_to_view(lib, make, write):
    x, base = grid(lib, 2, 3)
    view = make(lib, base)
    before = see(lib, base, view)
    write(view)
    answer = [before, history(lib, base, view), graph(lib, base), base, view]
    ((base * base).sum() + (view * 3).sum()).backward()
    return [*answer, x.grad]


def write_to_base(lib, make, write):
    x, base = grid(lib, 2, 3)
    view = make(lib, base)
    sibling = base[:1]
    write(base)
    answer = [history(lib, base, view, sibling), graph(lib, view), view]
    ((view * view).sum() + (base * 3).sum()).backward()
    return [*answer, x.grad]


def write_to_plain_view(lib, make, write):
    base = grid(lib, 2, 3)[1].detach().clone()
    view = make(lib, base)
    before = see(lib, base, view)
    write(view)
    return before, history(lib, base, view), base, view


WRITES = {
    "mul_": lambda x: x.mul_(2),
    "zero_": lambda x: x.zero_(),
    "exp_": lambda x: x.exp_(),
    "add_ itself": lambda x: x.add_(x),
}


@pytest.mark.parametrize("where", [write_to_view, write_to_base, write_to_plain_view])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("view", VIEWS)
def test_writing(view, write, where):
    run = lambda lib: attempt(where, lib, VIEWS[view], WRITES[write])
    ours, theirs = run(tinynn), run(torch)
    assert_same(ours, theirs, f"result ({ours!r:.300})")


# --- what refuses a write


@fact
def view_made_under_no_grad(lib):
    _, base = grid(lib, 6)
    with lib.no_grad():
        view = base[1:]
    return (
        view.requires_grad,
        view.is_leaf,
        attempt(view.add_, 1),
        attempt(view[1:].add_, 1),
        view[1:].requires_grad,
    )


@fact
def view_of_a_leaf_made_under_no_grad_is_a_leaf(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    with lib.no_grad():
        view = x[1:]
    (view * 2).sum().backward()
    return view.requires_grad, view.is_leaf, x.grad


@fact
def view_of_a_constant_made_under_no_grad(lib):
    x, _ = grid(lib, 6)
    constant = lib.zeros(6, dtype=lib.float64)
    with lib.no_grad():
        view = constant[1:]
    first = attempt(view.add_, 1)
    return first, attempt(view.add_, x[1:])


@fact
def base_of_a_view_made_under_no_grad(lib):
    _, base = grid(lib, 6)
    with lib.no_grad():
        view = base[1:]
    base.mul_(2)
    return (
        attempt(lambda: view.grad_fn),
        attempt(lambda: view * 1),
        view.requires_grad,
        repr(view),
        view.detach(),
    )


@fact
def write_under_no_grad_to_a_view_made_under_no_grad(lib):
    _, base = grid(lib, 6)
    with lib.no_grad():
        view = base[1:]
        view.mul_(2)
    return base, base.grad_fn.name(), attempt(lambda: view.grad_fn)


@fact
def write_under_no_grad_to_a_leaf_with_a_view(lib):
    x = leaf(lib, 1.0, 2.0, 3.0)
    view = x[1:]
    with lib.no_grad():
        x.mul_(2)
    view.sum().backward()
    return x.grad, graph(lib, view)


@fact
def write_of_a_graph_to_a_base_with_an_untracked_view(lib):
    x, _ = grid(lib, 6)
    constant = lib.zeros(6, dtype=lib.float64)
    with lib.no_grad():
        view = constant[1:]
    constant.add_(x)
    return view.requires_grad, attempt(lambda: view.is_leaf)


@fact
def parts_of_a_constant(lib):
    x, _ = grid(lib, 2)
    parts = lib.zeros(6, dtype=lib.float64).split(2)
    first = attempt(parts[0].add_, 1)
    return first, attempt(parts[0].add_, x)


@fact
def parts_after_a_write_to_the_base(lib):
    _, base = grid(lib, 6)
    part = base.split(2)[0]
    base.add_(1)
    return part.requires_grad, attempt(lambda: part.grad_fn), attempt(lambda: part * 1), part.detach()


@fact
def view_of_a_part(lib):
    _, base = grid(lib, 6)
    return attempt(base.split(2)[0][1:].add_, 1), attempt(base.chunk(2)[1].view(3, 1).add_, 1)


@fact
def parts_made_under_no_grad(lib):
    _, base = grid(lib, 6)
    with lib.no_grad():
        part = base.unbind()[1]
    message = attempt(part.add_, 1)
    with lib.no_grad():
        base.unbind()[2].add_(1)
    return message, base


@fact
def view_of_a_leaf(lib):
    x = leaf(lib, 1.0, 2.0)
    return (
        attempt(x[1:].add_, 1),
        attempt(x.t().zero_),
        attempt(x.expand(2, 2).mul_, 1),
        attempt(x.__setitem__, 0, 1.0),
    )


@fact
def constant_leaf_written_with_a_graph(lib):
    x, _ = grid(lib, 2)
    return attempt(leaf(lib, 1.0, 2.0).add_, x), lib.zeros(2, dtype=lib.float64).add_(x).requires_grad


@fact
def inference(lib):
    with lib.inference_mode():
        made = lib.zeros(3)
        modes = [
            made.is_inference(),
            made[1:].is_inference(),
            lib.tensor([1.0]).is_inference(),
            attempt(made.add_, 1),
        ]
    one = lib.ones(3)
    return (
        modes,
        [
            attempt(write, *args)
            for write, *args in [(made.add_, 1), (made[1:].add_, 1), (made.zero_,), (made.copy_, one)]
        ],
        [attempt(made.__setitem__, 0, 1.0), attempt(made.fill_, 1.0), attempt(lambda: made._version)],
        [attempt(made.requires_grad_), attempt(lambda: setattr(made, "requires_grad", True))],
        [
            (made * 2).is_inference(),
            made.clone().is_inference(),
            made.detach().is_inference(),
            made.data.is_inference(),
        ],
        one.add_(made),
    )


@fact
def view_made_in_inference_mode(lib):
    _, base = grid(lib, 6)
    with lib.inference_mode():
        view = base[1:]
    first = view.is_inference(), attempt(view.add_, 1)
    base.add_(1)
    return first, attempt(lambda: view.grad_fn), attempt(view.add_, 1)


@fact
def modes_inside_each_other(lib):
    x = leaf(lib, 1.0, 2.0)
    seen = []

    def look():
        y = x * 2
        seen.append(
            (lib.is_grad_enabled(), lib.is_inference_mode_enabled(), y.requires_grad, y.is_inference())
        )

    with lib.inference_mode():
        look()
        with lib.enable_grad():
            look()
        with lib.inference_mode(False):
            look()
            with lib.no_grad():
                look()
        with lib.no_grad(), lib.enable_grad():
            look()
        x.add_(1)
    with lib.no_grad():
        with lib.inference_mode():
            look()
        look()
        with lib.inference_mode(False):
            look()
    look()
    return seen, x, x._version


# --- memory that is shared


SHIFTED = {
    "add_": lambda a, b: a.add_(b),
    "+=": lambda a, b: a.__iadd__(b),
    "copy_": lambda a, b: a.copy_(b),
    "set": lambda a, b: a.__setitem__(slice(None), b),
    "pow_": lambda a, b: a.pow_(b),
    "lerp_": lambda a, b: a.lerp_(b, 0.5),
    "addcmul_": lambda a, b: a.addcmul_(b, b),
    "exp_": lambda a, b: a.exp_(),
    "clamp_": lambda a, b: a.clamp_(0, 1),
    "masked_fill_": lambda a, b: a.masked_fill_(a > 1, 1.0),
    "masked_scatter_": lambda a, b: a.masked_scatter_(a > 1, b).mul_(0),
    "fill_": lambda a, b: a.fill_(1.0),
    "fill_ with a tensor": lambda a, b: a.fill_(b.reshape(-1)[0]),
    "zero_": lambda a, b: a.zero_(),
    "set an item": lambda a, b: a.__setitem__(0, 5.0),
    "relu_": lambda a, b: a.relu_(),
    "tril_": lambda a, b: a.tril_(),
    "cumsum_": lambda a, b: a.cumsum_(0),
    "normal_": lambda a, b: a.normal_().mul(0),
    "uniform_": lambda a, b: a.uniform_().mul(0),
}
PLACED = {
    "index_put_": lambda lib, a, b, i: a.index_put_((i.reshape(-1)[:1],), b[:1]),
    "index_add_": lambda lib, a, b, i: a.index_add_(0, lib.arange(a.shape[0]), b),
    "index_copy_": lambda lib, a, b, i: a.index_copy_(0, lib.arange(a.shape[0]), b),
    "index_fill_": lambda lib, a, b, i: a.index_fill_(0, lib.tensor([0]), 2.0),
    "scatter_": lambda lib, a, b, i: a.scatter_(0, i, b),
    "scatter_ a number": lambda lib, a, b, i: a.scatter_(0, i, 1.0),
    "scatter_add_": lambda lib, a, b, i: a.scatter_add_(0, i, b),
    "put_": lambda lib, a, b, i: a.put_(lib.tensor([0]), b.reshape(-1)[:1]),
    "set places": lambda lib, a, b, i: a.__setitem__(lib.tensor([0]), 5.0),
    "set masked": lambda lib, a, b, i: a.__setitem__(a > 2, 5.0),
}
PAIRS = {
    "shifted": lambda lib: (lambda x: (x[1:], x[:-1]))(lib.arange(6.0)),
    "the same": lambda lib: (lambda x: (x, x))(lib.arange(6.0)),
    "two views": lambda lib: (lambda x: (x[1:], x[1:]))(lib.arange(6.0)),
    "transposed": lambda lib: (lambda x: (x, x.t()))(lib.arange(4.0).reshape(2, 2)),
    "expanded": lambda lib: (lib.arange(3.0).expand(2, 3), lib.ones(2, 3)),
    "halves": lambda lib: (lambda x: (x[:3], x[3:]))(lib.arange(6.0)),
}


def write_to(write, lib, a, b):
    if write in SHIFTED:
        SHIFTED[write](a, b)
    else:
        PLACED[write](lib, a, b, lib.zeros(a.shape, dtype=lib.int64))


@pytest.mark.filterwarnings("ignore:Use of .* on expanded tensors is deprecated:UserWarning")
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("write", [*SHIFTED, *PLACED])
def test_shared_memory(write, pair):
    def run(lib):
        a, b = PAIRS[pair](lib)
        write_to(write, lib, a, b)
        return a if write not in ("normal_", "uniform_") else a.shape

    ours, theirs = attempt(run, tinynn), attempt(run, torch)
    assert_same(ours, theirs, f"result ({ours!r:.300})")


@pytest.mark.parametrize("write", ["masked_fill_", "index_fill_", "index_put_"])
def test_an_expanded_tensor_may_be_written_to_with_a_warning(write):
    messages = []
    for lib in (tinynn, torch):
        x = lib.zeros(3).expand(2, 3)
        with pytest.warns(UserWarning, match="deprecated") as caught:
            write_to(write, lib, x, lib.ones(2, 3))
        messages.append(str(caught[0].message).partition(" (Triggered")[0])
    assert messages[0] == messages[1]


@fact
def what_cannot_be_written(lib):
    i, x = lib.arange(4), lib.zeros(3)
    return [
        attempt(write, *args)
        for write, *args in [
            (i.add_, 1.5),
            (i.mul_, lib.ones(4)),
            (i.div_, 2),
            (i.exp_,),
            (i.pow_, 0.5),
            (lib.zeros(2, dtype=lib.bool).add_, 1),
            (lib.zeros(2, dtype=lib.uint8).add_, 1),
            (lib.zeros(2).add_, lib.zeros(2, dtype=lib.float64)),
            (i.copy_, lib.tensor([1.7] * 4)),
            (i.fill_, 1.7),
            (i.__setitem__, 0, 2.7),
            (i.__setitem__, lib.tensor([0]), lib.tensor(2.7)),
            (x.copy_, lib.zeros(2, 3)),
            (x.copy_, lib.zeros(4)),
            (x.copy_, 3.0),
            (lib.zeros(1, 3).add_, lib.zeros(2, 3)),
            (x.mul_, lib.zeros(4)),
            (x.fill_, lib.zeros(2)),
            (lib.zeros(2, 3).copy_, lib.zeros(3)),
            (lib.zeros(2, 3, dtype=lib.float16).copy_, lib.zeros(3)),
            (x.requires_grad_(False).fill_, True),
        ]
    ]


# --- storages


@fact
def detached(lib):
    _, base = grid(lib, 6)
    d, data = base[2:].detach(), base[2:].data
    base.add_(1)
    return (
        [
            (t._is_view(), t._base is None, t.storage_offset(), t._version, t.is_leaf)
            for t in (d, data, d[1:], data[1:])
        ],
        d[1:]._base is d,
        d[1:].storage_offset(),
        d.data_ptr() == base[2:].data_ptr(),
        d.untyped_storage().data_ptr() == base.data_ptr(),
        d.is_set_to(base[2:]),
        d.is_set_to(base[1:]),
        len(d.untyped_storage()),
        d.untyped_storage().nbytes(),
        attempt(lambda: base[2:].detach_()),
        attempt(lambda: leaf(lib, 1.0).detach_().requires_grad),
    )


@fact
def strides(lib):
    x = lib.zeros(2, 3)
    tensors = [
        x,
        x.t(),
        x[:, None],
        x[..., None],
        x[None],
        x.t()[None],
        lib.tensor(1.0).expand(2, 3),
        x[0].expand(1, 3),
    ]
    tensors += [
        x[:1].expand(2, 3),
        x[:0],
        x[:, :0],
        x[::2][:1],
        lib.zeros(3)[None].squeeze(0),
        x.sum(0, keepdim=True),
    ]
    tensors += [lib.zeros(2, 0), lib.zeros(0, 3), lib.zeros(1, 1), x[1:, 0], lib.zeros(0), lib.tensor(1.0)]
    return [(t.stride(), t.storage_offset() if t.numel() else None, t.is_contiguous()) for t in tensors]


@fact
def assigning_data(lib):
    _, base = grid(lib, 2)
    base.data = lib.tensor([4.0, 5.0], dtype=lib.float64)
    p = leaf(lib, 1.0)
    return (
        base,
        base._version,
        base.grad_fn.name(),
        attempt(setattr, p, "data", 3),
        attempt(setattr, p, "data", lib.tensor([1])),
        attempt(setattr, p, "data", lib.ones(2, 3)),
        p,
        p.requires_grad,
    )


@fact
def set_(lib):
    q, r = lib.ones(2), lib.arange(3.0)
    q.set_(r)
    q.add_(1)
    part = lib.ones(2).set_(r, 1, (2,), (1,))
    return (
        q,
        q._version,
        r,
        r._version,
        q.data_ptr() == r.data_ptr(),
        q.is_set_to(r),
        part,
        part.storage_offset(),
        lib.ones(2).set_(),
        attempt(q.set_, lib.arange(3)),
        attempt(leaf(lib, 1.0).set_, lib.ones(1, dtype=lib.float64)),
    )


@fact
def as_strided(lib):
    a = lib.arange(6.0)
    return [
        attempt(make, *args)
        for make, *args in [
            (a.as_strided, (3, 3), (1, 1)),
            (a.as_strided, (3, 3), (3, 1)),
            (a.as_strided, (3,), (-1,)),
            (a.as_strided, (3,), (1, 1)),
            (a.as_strided, (3,), (1,), -1),
            (a[2:].as_strided, (2,), (1,)),
            (a[2:].as_strided, (2,), (1,), 0),
            (a.as_strided, (), ()),
            (a.as_strided, (), (), 3),
            (a.as_strided, (0,), (1,)),
            (a.as_strided, (2, 0), (1, 1), 100),
            (a.as_strided, (2,), (0,), 5),
            (lib.as_strided, a, (2, 2), (1, 2)),
            (lib.as_strided_copy, a, (2, 2), (1, 2)),
            (lib.as_strided_scatter, a, lib.ones(2, 2) * 9, (2, 2), (1, 2), 1),
            (lib.as_strided_scatter, a, lib.ones(3), (2,), (1,)),
            (lib.empty_strided((2, 3), (1, 2)).stride,),
            (lib.empty_strided, (2,), (1, 1)),
            (lib.empty_strided, (2,), (-1,)),
            (lib.empty_strided, (-2,), (1,)),
            (a.new_empty_strided((2, 2), (4, 1)).untyped_storage().nbytes,),
            (a.clone().as_strided_((2,), (2,), 1).storage_offset,),
            (leaf(lib, 1.0, 2.0).as_strided_, (1,), (1,)),
        ]
    ]


@fact
def gradient_of_as_strided(lib):
    answers = []
    for shape, stride, start in [
        ((3, 2), (1, 1), 0),
        ((2, 2), (0, 1), 1),
        ((2,), (3,), 1),
        ((), (), 4),
        ((4, 3), (1, 1), 0),
    ]:
        x = (lib.arange(6, dtype=lib.float64) + 1).requires_grad_()
        y = (x * 1).as_strided(shape, stride, start)
        (g,) = lib.autograd.grad((y * y * y).sum(), x, create_graph=True)
        answers += [y, g, *lib.autograd.grad((g * g).sum(), x)]
    return answers


@fact
def gradient_of_as_strided_of_a_view(lib):
    x, base = grid(lib, 3, 4)
    y = base.t()[1:].as_strided((2, 3), (1, 4), 0)
    e = base[0, :1].expand(3).as_strided((2,), (0,))
    (y.pow(2).sum() + e.prod()).backward()
    return x.grad, y, e, graph(lib, y)


@fact
def gradient_of_writing_to_strides(lib):
    x, base = grid(lib, 6)
    base.as_strided((2, 2), (1, 2), 1).mul_(base[:2])
    z, other = grid(lib, 6)
    other.as_strided_((2, 2), (1, 2), 1)
    s, third = grid(lib, 2)
    scattered = lib.as_strided_scatter(base, third * 2, (2,), (3,), 1)
    copied = lib.as_strided_copy(base, (2, 2), (1, 1))
    ((base**2).sum() + (other**2).sum() + (scattered**2).sum() + (copied**3).sum()).backward()
    return x.grad, z.grad, s.grad, history(lib, base, other, scattered), graph(lib, base), copied


@fact
def resize_(lib):
    c = lib.arange(6.0)
    same = c.resize_(2, 3) is c
    grown = lib.arange(4.0).resize_(3, 3)
    s = lib.arange(6.0)
    t = s[2:]
    t.resize_(2)
    u = lib.arange(6.0)
    u.resize_(2)
    return (
        same,
        c,
        c._version,
        grown.shape,
        grown.reshape(-1)[:4],
        grown.untyped_storage().nbytes(),
        t,
        t.storage_offset(),
        t._is_view(),
        u,
        u.untyped_storage().nbytes(),
        u.resize_(6),
        lib.arange(6.0).resize_as_(c).shape,
        attempt(leaf(lib, 1.0).resize_, 1),
        attempt((leaf(lib, 1.0) * 1).resize_, 1),
    )


@fact
def bits_as_another_type(lib):
    a = lib.arange(6.0)
    z = a.view(lib.int32)
    z.add_(0)
    x = leaf(lib, 1.0, 2.0)
    return (
        z,
        z._is_view(),
        z._version,
        a._version,
        a.view(lib.float64).shape,
        a.view(lib.float16).shape,
        attempt(a[:3].view, lib.float64),
        attempt(lib.tensor(1.0).view, lib.float16),
        x.view(lib.float64).grad_fn.name(),
        x.view(lib.int64).requires_grad,
    )


@fact
def hashes_are_never_used_again(lib):
    x = lib.ones(1)
    return hash(lib.tensor(1)) == hash(lib.tensor(1)), hash(x) == hash(x), {x: 1}[x], len({x, x, lib.ones(1)})


# --- histories


@fact
def indexing_takes_a_step_for_each_index(lib):
    _, x = grid(lib, 2, 3, 4)
    return [
        graph(lib, y, 4)
        for y in (x[0, 1], x[1:, 0], x[:, None, 0], x[...], x[:], x[:, :], x[None], x[0, :, 1:, None])
    ]


@fact
def reshape_of_what_is_not_contiguous(lib):
    _, x = grid(lib, 2, 3)
    results = [x.t().reshape(-1), x.t().flatten(), x.t().ravel(), x.t().contiguous().view(-1), x.reshape(-1)]
    return [(graph(lib, y), y._is_view(), y._version) for y in results], attempt(results[0].mul_, 2)


@fact
def assignments(lib):
    answers = []
    for index, value in [
        (0, 5.0),
        (slice(None), 5.0),
        (..., 5.0),
        (lib.tensor([0]), 5.0),
        ((0, lib.tensor([0, 1])), 5.0),
    ]:
        x, y = grid(lib, 2, 3)
        y[index] = value
        answers += [graph(lib, y), y]
        y[index] = x[0, 0]
        y.sum().backward()
        answers += [graph(lib, y, 2), x.grad]
    return answers


@fact
def assignment_by_a_mask(lib):
    x, y = grid(lib, 2, 3)
    y[y > 2] = 5.0
    first = graph(lib, y)
    y[y > 4] += x[0, 0]
    y[0] += 2
    y.masked_fill_(y > 6, 1.0)
    y.pow(2).sum().backward()
    return first, graph(lib, y, 2), x.grad, y


@fact
def retained_gradient_after_a_write(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.register_hook(lambda g: g * 10)
    (y * y).sum().backward()
    return y.grad, x.grad, y.retains_grad


@fact
def hook_before_a_write(lib):
    seen = []
    x = leaf(lib, 1.0, 2.0)
    y = x * 2
    y.register_hook(lambda g: seen.append(g.clone()))
    y.mul_(3)
    (y * y).sum().backward()
    return seen, x.grad


@fact
def retained_gradient_of_a_base_and_of_its_view(lib):
    x, base = grid(lib, 4)
    view = base[1:]
    base.retain_grad()
    view.retain_grad()
    view.mul_(3)
    (base * base).sum().backward()
    return base.grad, view.grad, x.grad


@fact
def writes_of_many_views(lib):
    x, base = grid(lib, 3, 4)
    a, b, c = base[1:], base.t(), base.view(-1)[2:8]
    a.add_(b[:, 1:].t() * 2)
    b[0].add_(c[:3].clone())
    c.neg_()
    base.diagonal().zero_()
    a[0].copy_(base[2] * 2)
    (base.sin().sum() + (a * a).sum() + c.tanh().sum()).backward()
    return base, x.grad, history(lib, base, a, b, c)


@fact
def buffer_filled_row_by_row(lib):
    x = leaf(lib, 1.0, 2.0)
    buffer = lib.zeros(4, 2, dtype=lib.float64)
    state = x
    for t in range(4):
        state = (state * 1.5).sin()
        buffer[t] = state
    (buffer * buffer).sum().backward()
    return x.grad, buffer, buffer._version


@fact
def second_derivative_through_a_written_view(lib):
    x, base = grid(lib, 4)
    base[1:3].mul_(base[2:].clone())
    (g,) = lib.autograd.grad((base**3).sum(), x, create_graph=True)
    return g, lib.autograd.grad((g * g).sum(), x)


@fact
def nothing_in_it(lib):
    x = lib.zeros(0, 3, dtype=lib.float64, requires_grad=True)
    y = x * 1
    y[:].mul_(2)
    y.t()[1:].add_(1)
    (y.exp().sum() + y.as_strided((0,), (1,)).sum()).backward()
    return x.grad, y, history(lib, y)


@fact
def flags_of_leaves(lib):
    i = lib.tensor([1])
    x = leaf(lib, 1.0)
    return (
        attempt(i.requires_grad_),
        attempt(lambda: setattr(i, "requires_grad", True)),
        x[0].output_nr,
        (x * 1).requires_grad_().is_leaf,
    )


# --- custom functions


def custom(lib, result, gradient=lambda g: g):
    class Own(lib.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return result(ctx, a)

        @staticmethod
        def backward(ctx, *g):
            return gradient(*g)

    return Own.apply


def tripled(ctx, a):
    ctx.mark_dirty(a)
    return a.mul_(3)


@fact
def own_function_returns_a_view(lib):
    _, base = grid(lib, 3)
    cut = custom(lib, lambda ctx, a: a[1:])
    view = cut(base)
    messages = [attempt(view.add_, 1), attempt(view[1:].add_, 1)]
    base.add_(1)
    constant = lib.zeros(3, dtype=lib.float64)
    other = cut(constant)
    return (
        view._is_view(),
        view._base is base,
        messages,
        attempt(lambda: view.grad_fn),
        attempt(other.add_, 1),
        attempt(other.add_, base[1:]),
    )


@fact
def own_function_returns_its_input(lib):
    x, base = grid(lib, 3)
    same = custom(lib, lambda ctx, a: a, lambda g: g * 3)
    y = same(base)
    y.sum().backward()
    with lib.no_grad():
        quiet = same(x)
    return (
        y is base,
        y._is_view(),
        x.grad,
        attempt(y.add_, 1),
        quiet._is_view(),
        quiet.requires_grad,
        quiet is x,
    )


@fact
def own_function_returns_several_views(lib):
    _, base = grid(lib, 3)
    a, b = custom(lib, lambda ctx, a: (a[1:], a[:1]), lambda g, h: g)(base)
    return attempt(a.add_, 1), a.grad_fn.name(), b.output_nr


@fact
def own_function_writes(lib):
    x, y = grid(lib, 3)
    out = custom(lib, tripled, lambda g: g * 3)(y)
    out.sum().backward()
    return (
        out is y,
        y._version,
        x.grad,
        attempt(custom(lib, tripled), x),
        attempt(custom(lib, tripled), x[1:]),
    )


@fact
def own_function_writes_to_a_view(lib):
    x, base = grid(lib, 3)
    view = base[1:]
    out = custom(lib, tripled, lambda g: g * 3)(view)
    answer = out is view, history(lib, base)
    base.sum().backward()
    return answer, x.grad, attempt(custom(lib, tripled), (x * 1).split(1)[0])


@fact
def own_function_forgets_what_it_wrote_to(lib):
    _, y = grid(lib, 3)

    def forgetful(ctx, a):
        ctx.mark_dirty(a)
        return a.mul_(2).clone()

    return attempt(custom(lib, forgetful), y)


# --- values that are stale


@fact
def stale_values(lib):
    def message(run):
        x, y = grid(lib, 2, 3)
        return attempt(lambda: run(x, y).sum().backward())

    def saved_then(write):
        def run(x, y):
            z = y * y
            write(y)
            return z

        return run

    def quietly(y):
        with lib.no_grad():
            y.add_(1)

    def view_then_base(x, y):
        v = y[1:]
        z = v * v
        y.add_(1)
        return z

    def view_then_view(x, y):
        v = y[1:]
        z = v.exp()
        v.mul_(2)
        return z

    def constant(x, y):
        w = lib.ones(2, 3, dtype=lib.float64)
        z = y * w
        w.add_(1)
        return z

    def constant_written_with_a_graph(x, y):
        w = lib.ones(2, 3, dtype=lib.float64)
        z = y * w
        w.add_(x)
        return z

    def result(x, y):
        z = y.exp()
        z.add_(1)
        return z

    def own_function(x, y):
        class Square(lib.autograd.Function):
            @staticmethod
            def forward(ctx, a):
                ctx.save_for_backward(a)
                return a * a

            @staticmethod
            def backward(ctx, g):
                return 2 * g * ctx.saved_tensors[0]

        z = Square.apply(y)
        y.add_(1)
        return z

    def leaf_written(x, y):
        z = x * x
        with lib.no_grad():
            x.sub_(1)
        return z

    runs = [saved_then(lambda y: y.add_(1)), saved_then(lambda y: y[0].zero_()), saved_then(quietly)]
    runs += [
        saved_then(lambda y: y.detach().zero_()),
        saved_then(lambda y: y.copy_(y * 2)),
        saved_then(lambda y: y.data.add_(1)),
    ]
    runs += [
        view_then_base,
        view_then_view,
        constant,
        constant_written_with_a_graph,
        result,
        own_function,
        leaf_written,
    ]
    return [message(run) for run in runs]


def test_a_stale_value_names_the_lines():
    x = tinynn.ones(2, requires_grad=True)
    with tinynn.autograd.set_detect_anomaly(True):
        y = x.exp()
        z = y * y  # the line that saves
        y.add_(1)  # the line that overwrites
        with (
            pytest.warns(UserWarning, match="Error detected in MulBackward0"),
            pytest.raises(RuntimeError) as caught,
        ):
            z.sum().backward()
    saved, overwritten = (line_of(mark) for mark in ("the line that saves", "the line that overwrites"))
    assert f"saved at {__file__}:{saved}" in str(caught.value)
    assert f"overwritten at {__file__}:{overwritten}." in str(caught.value)


def test_the_line_that_overwrites_is_known_without_anomaly_detection():
    x = tinynn.ones(2, requires_grad=True)
    y = x * 1
    z = y * y
    tinynn.nn.functional.relu(y, inplace=True)  # overwrites quietly
    with pytest.raises(RuntimeError, match=f"overwritten at .*:{line_of('overwrites quietly')}\\."):
        z.sum().backward()


def line_of(mark):
    """The number of the line of this file that ends with this comment."""
    with open(__file__) as file:
        return next(i for i, line in enumerate(file, 1) if line.rstrip().endswith(f"# {mark}"))


# --- anomaly detection


def warned(lib, run):
    """The result of `run`, and the warnings, without the lines of files."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = attempt(run, lib)
    texts = [str(warning.message).partition(" (Triggered")[0] for warning in caught]
    return answer, [
        "\n".join(
            line for line in text.splitlines() if "/python3" not in line and not line.startswith("    ")
        )
        for text in texts
    ]


ANOMALIES = {}


def anomaly(function):
    ANOMALIES[function.__name__.replace("_", " ")] = function
    return function


@anomaly
def nan_in_backward(lib):
    with lib.autograd.detect_anomaly():
        z = lib.zeros(2, requires_grad=True)
        (lib.sqrt(z) * 0).sum().backward()


@anomaly
def nan_of_the_second_operand(lib):
    with lib.autograd.set_detect_anomaly(True):
        z = lib.zeros(2, requires_grad=True)
        (lib.ones(2) * 0 / z).sum().backward()


@anomaly
def nan_not_looked_for(lib):
    with lib.autograd.detect_anomaly(check_nan=False):
        z = lib.zeros(2, requires_grad=True)
        (lib.sqrt(z) * 0).sum().backward()
        return z.grad.isnan(), lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()


@anomaly
def forward_pass_without_it(lib):
    z = lib.zeros(2, requires_grad=True)
    y = (lib.sqrt(z) * 0).sum()
    with lib.autograd.detect_anomaly():
        y.backward()


@anomaly
def stale_value(lib):
    with lib.autograd.detect_anomaly():
        y = lib.ones(2, requires_grad=True).exp()
        z = y * y
        y.add_(1)
        z.sum().backward()


@anomaly
def error_in_an_own_backward(lib):
    def fail(g):
        raise ValueError("no")

    with lib.autograd.detect_anomaly():
        custom(lib, lambda ctx, a: a * 2, fail)(lib.ones(2, requires_grad=True)).sum().backward()


@anomaly
def nan_in_a_second_derivative(lib):
    with lib.autograd.detect_anomaly():
        z = lib.zeros(2, requires_grad=True)
        (g,) = lib.autograd.grad((z**2).sum(), z, create_graph=True)
        lib.autograd.grad((g**0.5 * 0).sum(), z)


@anomaly
def nan_in_the_graph_of_a_gradient(lib):
    with lib.autograd.detect_anomaly():
        z = lib.zeros(2, requires_grad=True)
        (g,) = lib.autograd.grad(z.exp().sum(), z, create_graph=True)
        lib.autograd.grad((z * z).sqrt().detach().sum() + (g * z.sqrt() * 0).sum(), z)


@anomaly
def switching_it_on_and_off(lib):
    answers = [lib.is_anomaly_enabled()]
    lib.autograd.set_detect_anomaly(True, check_nan=False)
    answers += [lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()]
    with lib.autograd.detect_anomaly():
        answers += [lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()]
    answers += [lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()]
    lib.autograd.set_detect_anomaly(False)
    return [*answers, lib.is_anomaly_enabled(), lib.is_anomaly_check_nan_enabled()]


@pytest.mark.parametrize("name", ANOMALIES)
def test_anomaly(name):
    ours, theirs = warned(tinynn, ANOMALIES[name]), warned(torch, ANOMALIES[name])
    assert_same(ours, theirs, f"result ({ours!r:.500})")


@pytest.mark.parametrize("name", FACTS)
def test_fact(name):
    ours, theirs = outcome(FACTS[name], tinynn), outcome(FACTS[name], torch)
    assert_same(ours, theirs, f"result ({ours!r:.500})")
