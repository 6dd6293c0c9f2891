"""What is refused, and in which words: the type of each exception, and the first line of its message."""

import pytest
import torch

import tinynn
from parity_tests.harness import outcome


def x(lib):
    return lib.tensor([1.0, 2.0])


def m(lib, *shape):
    return lib.zeros(*(shape or (2, 3)))


# fmt: off
REFUSED = {
    # operators
    "shapes":           lambda lib: m(lib) + m(lib, 3, 2),
    "shapes of eq":     lambda lib: lib.tensor([1, 2]) == lib.tensor([1, 2, 3]),
    "list":             lambda lib: x(lib) * [1, 2],
    "None":             lambda lib: x(lib) + None,
    "text":             lambda lib: x(lib) - "a",
    "None on the left": lambda lib: None / x(lib),
    "bool - bool":      lambda lib: lib.tensor([True]) - lib.tensor([True]),
    "-bool":            lambda lib: -lib.tensor([True]),
    "x - True":         lambda lib: x(lib) - True,
    "True - bool":      lambda lib: True - lib.tensor([True]),
    "~float":           lambda lib: ~x(lib),
    "int // 0":         lambda lib: lib.tensor(1) // 0,
    "int ** -1":        lambda lib: lib.tensor(2) ** -1,
    "x < None":         lambda lib: x(lib) < None,
    "alpha":            lambda lib: lib.tensor([1]).add(lib.tensor([1]), alpha=1.5),
    # functions of no tensor
    "exp of a list":    lambda lib: lib.exp([1, 2]),
    "exp of a number":  lambda lib: lib.exp(1.0),
    "sum of a list":    lambda lib: lib.sum([1, 2]),
    "relu of a number": lambda lib: lib.relu(1.0),
    # in place
    "float into int":   lambda lib: lib.tensor([1]).add_(1.5),
    "int /= ":          lambda lib: lib.tensor([1]).div_(2),
    "grows":            lambda lib: m(lib, 3).add_(m(lib)),
    "grows by mul_":    lambda lib: m(lib, 3, 1).mul_(m(lib, 3, 2)),
    "expanded":         lambda lib: m(lib, 1, 3).expand(2, 3).add_(1),
    "copy_":            lambda lib: m(lib).copy_(m(lib, 4)),
    "set":              lambda lib: x(lib).__setitem__(slice(None), m(lib, 3)),
    "set places":       lambda lib: x(lib).__setitem__(lib.tensor([0, 1]), m(lib, 3)),
    "set too many":     lambda lib: x(lib).__setitem__((0, 0), 1.0),
    # indexing
    "float index":      lambda lib: x(lib)[1.0],
    "far":              lambda lib: x(lib)[5],
    "far below":        lambda lib: x(lib)[-3],
    "many":             lambda lib: x(lib)[0, 0],
    "far tensor":       lambda lib: x(lib)[lib.tensor([5])],
    "float tensor":     lambda lib: x(lib)[lib.tensor([1.0])],
    "short mask":       lambda lib: x(lib)[lib.tensor([True])],
    "backwards":        lambda lib: x(lib)[::-1],
    "0-d":              lambda lib: lib.tensor(1.0)[0],
    "len of 0-d":       lambda lib: len(lib.tensor(1.0)),
    "iter of 0-d":      lambda lib: iter(lib.tensor(1.0)),
    "gather":           lambda lib: lib.gather(x(lib), 0, lib.tensor([3])),
    "gather dims":      lambda lib: lib.gather(x(lib), 0, lib.tensor([[0]])),
    "index_select":     lambda lib: x(lib).index_select(0, lib.tensor([5])),
    "masked_fill":      lambda lib: x(lib).masked_fill(lib.tensor([1, 0]), 0.0),
    "masked_fill value": lambda lib: x(lib).masked_fill(lib.tensor([True, False]), x(lib)),
    "masked_select":    lambda lib: x(lib).masked_select(lib.tensor([1, 0])),
    "masked_select shapes": lambda lib: x(lib).masked_select(lib.tensor([True, False, True])),
    # sizes
    "negative size":    lambda lib: lib.empty(2, -1),
    "negative zeros":   lambda lib: lib.zeros(-1),
    "negative full":    lambda lib: lib.full((-1,), 1.0),
    "negative new":     lambda lib: x(lib).new_zeros(2, -1),
    "float size":       lambda lib: lib.empty(2.5),
    "float second":     lambda lib: lib.ones(2, 2.5),
    "float in a tuple": lambda lib: lib.rand((2, 2.5)),
    "bool size":        lambda lib: lib.zeros(True),
    "list in a list":   lambda lib: lib.empty([[1]]),
    "no size":          lambda lib: lib.zeros(),
    "size of full":     lambda lib: lib.full(2, 1.0),
    "size of randint":  lambda lib: lib.randint(5, (2, 2.5)),
    "unknown option":   lambda lib: lib.zeros(2, colour=1),
    "reshape to floats": lambda lib: x(lib).reshape(1, 2.0),
    "permute floats":   lambda lib: x(lib).permute((0.5,)),
    # leaves of integers
    "int leaf":         lambda lib: lib.tensor([1], requires_grad=True),
    "int leaf later":   lambda lib: lib.tensor([1]).requires_grad_(),
    "int leaf set":     lambda lib: setattr(lib.tensor([1]), "requires_grad", True),
    "int Parameter":    lambda lib: lib.nn.Parameter(lib.tensor([1])),
    "where":            lambda lib: lib.where(x(lib), x(lib), x(lib)),
    "select":           lambda lib: m(lib).select(1, 5),
    "narrow":           lambda lib: m(lib).narrow(1, 2, 5),
    "take a dim":       lambda lib: m(lib).index_select(2, lib.tensor([0])),
    # dims
    "sum":              lambda lib: x(lib).sum(3),
    "sum below":        lambda lib: m(lib).sum(-3),
    "sum twice":        lambda lib: m(lib).sum((0, 0)),
    "sum twice below":  lambda lib: m(lib).sum((0, -2)),
    "max":              lambda lib: m(lib).max(2),
    "argmax":           lambda lib: m(lib).argmax(2),
    "softmax":          lambda lib: x(lib).softmax(2),
    "softmax of ints":  lambda lib: lib.tensor([1, 2]).softmax(0),
    "softmax of int columns": lambda lib: lib.tensor([[1, 2]]).softmax(0),
    "log_softmax of ints": lambda lib: lib.tensor([1, 2]).log_softmax(0),
    "log_softmax":      lambda lib: x(lib).log_softmax(3),
    "cumsum":           lambda lib: x(lib).cumsum(3),
    "sort":             lambda lib: x(lib).sort(2),
    "topk":             lambda lib: x(lib).topk(3),
    "size":             lambda lib: x(lib).size(3),
    "squeeze":          lambda lib: x(lib).squeeze(4),
    "unsqueeze":        lambda lib: x(lib).unsqueeze(4),
    "transpose":        lambda lib: x(lib).transpose(0, 1),
    "flip":             lambda lib: x(lib).flip(0, 0),
    "flip out":         lambda lib: x(lib).flip(1),
    "roll":             lambda lib: x(lib).roll(1, 2),
    "stack":            lambda lib: lib.stack([x(lib)], 3),
    "unbind":           lambda lib: x(lib).unbind(1),
    "flatten":          lambda lib: m(lib).flatten(0, 5),
    "permute":          lambda lib: x(lib).permute(0, 0),
    "permute twice":    lambda lib: m(lib).permute(0, 0),
    "movedim":          lambda lib: m(lib).movedim(0, 5),
    "logsumexp":        lambda lib: m(lib).logsumexp(3),
    "all":              lambda lib: m(lib).all(3),
    # empty and integer reductions
    "max of nothing":   lambda lib: lib.tensor([]).max(),
    "argmax of nothing": lambda lib: lib.tensor([]).argmax(),
    "max along nothing": lambda lib: m(lib, 2, 0).max(1),
    "amin along nothing": lambda lib: m(lib, 2, 0).amin(1),
    "mean of ints":     lambda lib: lib.tensor([1, 2]).mean(),
    "mean of bools":    lambda lib: lib.tensor([True]).mean(0),
    "std of ints":      lambda lib: lib.tensor([1, 2]).std(),
    "norm of ints":     lambda lib: lib.tensor([1, 2]).norm(),
    # shapes
    "view":             lambda lib: x(lib).view(3),
    "view of t":        lambda lib: m(lib).t().view(6),
    "view two unknown": lambda lib: x(lib).view(-1, -1),
    "view -1":          lambda lib: m(lib).view(-1, 4),
    "view -2":          lambda lib: m(lib).view(-2, 3),
    "reshape":          lambda lib: x(lib).reshape(3),
    "reshape nothing":  lambda lib: m(lib, 0).reshape(0, -1),
    "expand":           lambda lib: x(lib).expand(3),
    "expand few":       lambda lib: m(lib).expand(3),
    "expand unknown":   lambda lib: x(lib).expand(-1, 2),
    "repeat":           lambda lib: x(lib).repeat(()),
    "cat":              lambda lib: lib.cat([m(lib), m(lib, 3, 2)]),
    "cat dims":         lambda lib: lib.cat([x(lib), m(lib, 2, 2)]),
    "cat nothing":      lambda lib: lib.cat([]),
    "cat 0-d":          lambda lib: lib.cat([lib.tensor(1.0), lib.tensor(2.0)]),
    "stack shapes":     lambda lib: lib.stack([x(lib), m(lib, 3)]),
    "stack nothing":    lambda lib: lib.stack([]),
    "stack a tensor":   lambda lib: lib.stack(m(lib)),
    "stack a number":   lambda lib: lib.stack([x(lib), 1]),
    "cat a tensor":     lambda lib: lib.cat(m(lib)),
    "cat a list":       lambda lib: lib.cat([[1.0], x(lib)]),
    "size of 0-d":      lambda lib: lib.tensor(1.0).size(0),
    "last size of 0-d": lambda lib: lib.tensor(1.0).size(-1),
    "split 0":          lambda lib: x(lib).split(0),
    "split sizes":      lambda lib: x(lib).split([1, 2]),
    "chunk":            lambda lib: x(lib).chunk(0),
    "t of 3-d":         lambda lib: m(lib, 2, 3, 4).t(),
    "mT of 1-d":        lambda lib: x(lib).mT,
    "tril of 1-d":      lambda lib: x(lib).tril(),
    "diagonal":         lambda lib: m(lib).diagonal(0, 0, 0),
    "diagonal of 1-d":  lambda lib: x(lib).diagonal(),
    # products
    "mm":               lambda lib: lib.mm(m(lib), m(lib)),
    "mm of vectors":    lambda lib: lib.mm(x(lib), x(lib)),
    "matmul":           lambda lib: m(lib) @ m(lib),
    "matmul 1-d":       lambda lib: m(lib, 3) @ m(lib, 2),
    "matmul 2-d 1-d":   lambda lib: m(lib) @ m(lib, 2),
    "matmul 0-d":       lambda lib: lib.tensor(1.0) @ lib.tensor(1.0),
    "matmul batches":   lambda lib: m(lib, 2, 3, 4) @ m(lib, 3, 4, 2),
    "matmul dtypes":    lambda lib: lib.ones(2, 2) @ lib.ones(2, 2, dtype=lib.float64),
    "matmul int":       lambda lib: lib.ones(2, 2) @ lib.ones(2, 2, dtype=lib.int64),
    "dot":              lambda lib: lib.dot(x(lib), m(lib, 3)),
    "dot 2-d":          lambda lib: lib.dot(m(lib), m(lib)),
    "mv":               lambda lib: lib.mv(x(lib), x(lib)),
    "mv sizes":         lambda lib: lib.mv(m(lib), x(lib)),
    "bmm":              lambda lib: lib.bmm(x(lib), x(lib)),
    "addmm":            lambda lib: lib.addmm(x(lib), m(lib), m(lib)),
    "einsum":           lambda lib: lib.einsum("ij,jk->ik", x(lib), x(lib)),
    "linear":           lambda lib: lib.nn.functional.linear(m(lib), m(lib, 4, 5)),
    "linear bias":      lambda lib: lib.nn.functional.linear(m(lib), m(lib, 4, 3), m(lib, 5)),
    "linear dtype":     lambda lib: lib.nn.functional.linear(m(lib).double(), m(lib, 4, 3)),
    # values out, dtypes
    "item":             lambda lib: x(lib).item(),
    "item of nothing":  lambda lib: lib.tensor([]).item(),
    "bool":             lambda lib: bool(x(lib)),
    "bool of nothing":  lambda lib: bool(lib.tensor([])),
    "float":            lambda lib: float(x(lib)),
    "int":              lambda lib: int(x(lib)),
    "index":            lambda lib: [1, 2][lib.tensor(1.0)],
    "format":           lambda lib: f"{x(lib):.2f}",
    "numpy":            lambda lib: x(lib).requires_grad_().numpy(),
    "array":            lambda lib: __import__("numpy").asarray(x(lib).requires_grad_()),
    "allclose dtypes":  lambda lib: lib.allclose(x(lib), x(lib).double()),
    "clamp":            lambda lib: x(lib).clamp(),
    "round":            lambda lib: lib.div(x(lib), 2, rounding_mode="up"),
    "type":             lambda lib: x(lib).type("nothing"),
    "default dtype":    lambda lib: lib.set_default_dtype(lib.int64),
    "generator":        lambda lib: x(lib).normal_(0, -1),
    "uniform_":         lambda lib: x(lib).uniform_(2, 1),
}
# fmt: on


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    ours, theirs = outcome(REFUSED[name], tinynn), outcome(REFUSED[name], torch)
    assert isinstance(theirs, str), f"torch does not refuse it: {theirs}"
    assert ours == theirs


def test_help_follows_on_a_further_line():
    with pytest.raises(RuntimeError) as caught:
        tinynn.zeros(2, 3) @ tinynn.zeros(2, 3)
    assert len(str(caught.value).splitlines()) > 1


# torch takes these, with a warning or by an old habit, and so it says nothing to compare with
@pytest.mark.parametrize(
    "run",
    [
        lambda lib: lib.tensor([1.0]) @ 2,
        lambda lib: lib.tensor([1.0]).foo,
        lambda lib: lib.tensor([1.0]).sum(dim=0, keepdims_=True),
    ],
)
def test_refused_by_type(run):
    ours, theirs = (outcome(run, lib).partition(":")[0] for lib in (tinynn, torch))
    assert ours == theirs
