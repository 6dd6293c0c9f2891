"""What an operation keeps for backward, against the `_saved_*` attributes of torch's grad_fn.

Memory is what limits training: `exp` should keep its result and not its operand, `a * b` should keep `a` only if
`b` requires grad. For every choice of inputs that require grad, what is kept is compared by identity: whether it
is an input, the output, or another array. Arrays of one element count for nothing.
"""

import functools
import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import tinynn
from parity_tests import conv_cases, nn_cases
from parity_tests.cases import CASES
from parity_tests.harness import Case, altered, integers, normal, tensors_in, values
from parity_tests.op_db import PRESENT, Examination, case_of
from tinynn import ops
from tinynn.autograd.op import Record

# ruff: noqa: E501 - a case is a line
# fmt: off
SQUARE = values([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
SINGLE = [  # calls of one operation, of rows that the other cases and the database only call with others
    Case("t",           lambda torch, x: x.t(), SQUARE),
    Case("squeeze",     lambda torch, x: x.squeeze(), normal(1, 3)),
    Case("squeeze dims", lambda torch, x: x.squeeze((0, 1)), normal(1, 3)),
    Case("unpool",      lambda torch, x, i: torch.nn.functional.max_unpool2d(x, i, 2), normal(1, 1, 2, 2), values([[[[0, 3], [9, 14]]]])),
    Case("bilinear",    lambda torch, x: torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear"), normal(1, 1, 2, 2)),
    Case("nearest",     lambda torch, x: torch.nn.functional.interpolate(x, scale_factor=2), normal(1, 1, 2, 2)),
    Case("scatter max", lambda torch, x, i, s: torch.scatter_reduce(x, 1, i, s, "amax"), SQUARE, integers(3, 2, 2), normal(2, 2)),
    Case("scatter prod", lambda torch, x, i, s: torch.scatter_reduce(x, 1, i, s, "prod"), SQUARE, integers(3, 2, 2), normal(2, 2)),
    Case("inv",         lambda torch, x: torch.linalg.inv(x), SQUARE),
    Case("cholesky",    lambda torch, x: torch.linalg.cholesky(x), SQUARE),
    Case("pinv",        lambda torch, x: torch.linalg.pinv(x), SQUARE),
]


class Difference(NamedTuple):
    """In some calls of these rows torch keeps `less` that tinynn does not, and tinynn keeps `more`."""

    rows: str
    less: set[str]
    more: set[str]
    reason: str


DIFFERENCES = [
    Difference("div_floor div_trunc angle sgn rrelu", {"input", "output"}, set(), "the derivative is 0, or needs nothing of what torch keeps"),
    Difference("nll_loss nll_loss_2d index_add_at index_copy gather embedding_bag embedding_bag_max avg_pool2d avg_pool3d adaptive_avg_pool2d adaptive_avg_pool3d "
               "reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d "
               "adaptive_max_pool2d adaptive_max_pool3d", {"input"}, set(), "the shape of the input is enough"),
    Difference("pow_tensor lerp_tensor addcdiv copysign binary_cross_entropy binary_cross_entropy_with_logits batch_norm convolution conv_transpose "
               "cholesky_solve grid_sampler_2d grid_sampler_3d",
               {"input", "output", "other"}, set(), "torch keeps what any of the derivatives names, even if another is wanted"),
    Difference("layer_norm group_norm", {"input", "other"}, set(), "the moments are computed again; and torch keeps what any of the derivatives names"),
    Difference("logsigmoid rrelu_evaluated multilabel_margin_loss", {"other"}, set(), "exp(-|x|), slopes, which classes are right: computed again"),
    Difference("det", {"other"}, set(), "the LU decomposition: the derivative takes the inverse"),
    Difference("erfinv", {"input"}, {"output"}, "of 1 / erf'(y), the result is what the formula names"),
    Difference("max_pool2d max_pool3d", {"output", "other"}, {"output"}, "the maxima instead of their places, which take twice the memory"),
    Difference("max_dim min_dim median_dim nanmedian_dim mode_dim kthvalue_dim sort topk cummax cummin gather scatter scatter_add scatter_extreme "
               "scatter_prod adaptive_max_pool2d adaptive_max_pool3d fractional_max_pool2d fractional_max_pool3d max_unpool2d max_unpool3d", {"input", "output"}, {"other"},
               "to go along one axis NumPy needs a short array for each of the others; torch's indices into images count from the first pixel"),
    Difference("index", {"input"}, {"other"}, "a mask is turned into the places where it is true, once"),
    Difference("addmm", {"input"}, {"other"}, "alpha times a product is the product with alpha times a matrix, which is kept"),
    Difference("avg_pool2d avg_pool3d", set(), {"other"}, "how many values each window holds where padding does not count"),
    Difference("affine_grid", set(), {"other"}, "the places in the unit square, which torch computes again"),
    Difference("lu", {"output"}, {"other"}, "the permutation as indices instead of the matrix"),
    Difference("scatter_prod", {"output"}, set(), "the product of the others is computed anew: dividing by x fails where it is 0"),
]

NOT_COMPARED = {
    "is not what a call records: it is part of another derivative":
        "zero_where threshold_backward sum_to unnarrow undiagonal zeros_put zeros_add_at nll_loss_back binary_cross_entropy_back conv_weight max_pool_back "
        "max_pool_pick avg_pool_back adaptive_avg_pool_back border_pad_back resample_back add_windows",
    "is in place, which takes a second operation to come before it":
        "fill fill_tensor zero elu_in_place celu_in_place leaky_relu_in_place threshold_in_place rrelu_in_place rrelu_evaluated_in_place "
        "asinh_in_place acosh_in_place atanh_in_place",
    "is several operations, or another one, in one of the libraries":
        "masked_select take einsum unsafe_view max_pool1d avg_pool1d adaptive_avg_pool1d adaptive_max_pool1d max_unpool1d solve logabsdet eigh svd qr "
        "pairwise_norm polygamma zeta safe_softmax rnn_tanh rnn_relu gru lstm packed reshape_alias permute_rows linear_cross_entropy",
    "is recorded under the names of its kinds, which are compared": "border_pad resample",
    "has no derivative, but the error": "floor_divide",
}
# fmt: on

NAMES = {row: name for name, row in reversed(ops.TABLE.items()) if any(row.vjps)}  # some rows have two names
DERIVATIVES = sorted(NAMES.values())


class Compared(NamedTuple):
    """In one call of a row: what torch keeps and tinynn does not, and the other way round."""

    call: str
    less: set[str]
    more: set[str]


@functools.cache
def compared() -> dict[str, list[Compared]]:
    """Every call that leaves a single node, the same in both libraries, by the name of its row."""
    found: dict[str, list[Compared]] = {}
    for case in (*CASES, *nn_cases.CASES, *conv_cases.CASES, *SINGLE):
        for row, call in comparisons(case):
            found.setdefault(NAMES[row], []).append(call)
    for case in cases_of_database({*DERIVATIVES} - {*found}):
        for row, call in comparisons(case):
            found.setdefault(NAMES[row], []).append(call)
    return found


def cases_of_database(rows: set[str]) -> Iterator[Case]:
    """A few samples of the entries of torch's database that are called like these rows."""
    for name, entry in PRESENT.items():
        if name.rpartition(".")[2] in rows and torch.float32 in entry.supported_dtypes("cpu"):
            examination = Examination(entry, limit=3)
            for sample in examination.samples("float32"):
                yield case_of(entry, sample, examination.function(sample))


def comparisons(case: Case) -> Iterator[tuple[Any, Compared]]:
    """The row and what is compared, for every choice of inputs that require grad."""
    arrays = case.arrays("float32") if "float32" in case.dtypes else []
    floats = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and case.inputs[i].differentiable]
    for needed in subsets(floats):
        theirs, ours = (run(library, case, arrays, needed) for library in (torch, tinynn))
        if theirs and ours and isinstance(ours[0], Record) and theirs[0].name() == ours[0].name():
            by_torch, by_tinynn = {*names_of_torchs(*theirs)}, {*names_of_ours(*ours)}
            yield ours[0].op, Compared(f"{case.name} {needed}", by_torch - by_tinynn, by_tinynn - by_torch)


def subsets(places: list[int]) -> Iterable[tuple[int, ...]]:
    """Every non-empty choice; of many inputs, only all and each alone."""
    sizes = range(1, len(places) + 1) if len(places) <= 3 else (1, len(places))
    return itertools.chain.from_iterable(itertools.combinations(places, size) for size in sizes)


def run(library: Any, case: Case, arrays: list, needed: tuple[int, ...]) -> tuple | None:
    """(grad_fn, inputs, outputs), if the call is a single operation that can be differentiated."""
    inputs = [library.from_numpy(np.array(array)) for array in arrays]
    for i in needed:
        inputs[i].requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            outputs = [*tensors_in(case.run(library, *inputs))]
        except Exception:  # the case is about the error
            return None
    nodes = [output.grad_fn for output in outputs if output.grad_fn is not None]
    if not nodes or any("AccumulateGrad" not in node.name() for node, _ in nodes[0].next_functions if node):
        return None
    return nodes[0], inputs, outputs


def names_of_torchs(node: Any, inputs: list, outputs: list) -> Iterator[str]:
    def memory(tensor: torch.Tensor) -> int:
        return tensor.untyped_storage().data_ptr()

    attributes = [getattr(node, name) for name in dir(node) if name.startswith("_saved_")]
    for kept in tensors_in(attributes):
        if kept.numel() > 1:
            yield name_of(
                [memory(kept) == memory(x) for x in inputs], [memory(kept) == memory(y) for y in outputs]
            )


def names_of_ours(node: Any, inputs: list, outputs: list) -> Iterator[str]:
    for kept in arrays_in(node.saved):
        if kept.size > 1:
            shared = [[np.may_share_memory(kept, x._array) for x in tensors] for tensors in (inputs, outputs)]
            yield name_of(*shared)


def arrays_in(saved: Any) -> Iterator[np.ndarray]:
    if isinstance(saved, np.ndarray):
        yield saved
    elif isinstance(saved, tuple | list):
        for one in saved:
            yield from arrays_in(one)


def name_of(is_input: list[bool], is_output: list[bool]) -> str:
    if any(is_input):
        return f"input {is_input.index(True)}"
    return f"output {is_output.index(True)}" if any(is_output) else "other"


# --- the tests


def kinds(names: Iterable[str]) -> set[str]:
    """ "input 0" and "input 1" are both of the kind "input"."""
    return {name.partition(" ")[0] for name in names}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_row_keeps_what_torch_keeps(name):
    differences = [difference for difference in DIFFERENCES if name in difference.rows.split()]
    less, more = (
        set().union(*(getattr(difference, side) for difference in differences)) for side in ("less", "more")
    )
    for call in compared().get(name, []):
        assert kinds(call.less) <= less, f"{call.call} does not keep {call.less}, as torch does"
        assert kinds(call.more) <= more, f"{call.call} keeps {call.more}, unlike torch"


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.rows.split()[0])
def test_differences_are_needed(difference):
    for name in difference.rows.split():
        calls = compared()[name]
        assert any(
            kinds(call.less) & difference.less or kinds(call.more) & difference.more for call in calls
        ), name
    calls = [call for name in difference.rows.split() for call in compared()[name]]
    assert difference.less <= kinds(itertools.chain.from_iterable(call.less for call in calls))
    assert difference.more <= kinds(itertools.chain.from_iterable(call.more for call in calls))


def test_every_row_is_compared_or_has_a_reason():
    listed = " ".join(NOT_COMPARED.values()).split()
    assert sorted({*DERIVATIVES} - {*compared()}) == sorted(listed)


def test_what_is_kept_is_seen():
    """The comparison itself: a row that kept its operand instead of its result would show."""
    case = Case("exp", lambda torch, x: torch.exp(x), normal(2, 3))
    assert [call for _, call in comparisons(case)] == [Compared("exp (0,)", set(), set())]
    with altered(ops.exp, vjps={0: lambda g, x: g * ops.exp(x)}):
        assert [call for _, call in comparisons(case)] == [Compared("exp (0,)", {"output 0"}, {"input 0"})]
