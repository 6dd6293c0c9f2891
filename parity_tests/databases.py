"""What the examinations of torch's databases share: findings, their ledger, and samples in either library.

`op_db` and `module_db` hold samples made of torch's tensors. To run one on tinynn, its tensors are taken out
of it (`without_tensors`) and each library's own are put in their place (`with_tensors`).
"""

import contextlib
import dataclasses
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from parity_tests.differences import DIFFERENCES, MODULE_DIFFERENCES, Difference
from parity_tests.harness import Draw, Side, largest
from parity_tests.ulps import ulps

SEED = 42  # of the generator where an operation draws: the one that torch's own tests use
VALUES, GRADIENTS, SECOND, METHOD, IN_PLACE, ERRORS = (
    "values",
    "gradients",
    "second derivatives",
    "method",
    "in place",
    "errors",
)
AGREES, EXPLAINED, DIFFERS = "agrees", "explained", "differs"


# --- findings and their ledger


class Finding(NamedTuple):
    """One aspect of one sample: `problem` says what differs; it is "" where the libraries agree."""

    name: str
    aspect: str
    dtype: str
    sample: Any
    problem: str
    same_words: bool = True  # of an error: the first line of its message agrees
    within_rounding: bool = False  # the problem is no larger than what rounding the inputs does to torch
    ulps: float = 0.0  # the worst distance between values, see `ulps_of_values` and `ulps_of_gradients`

    @property
    def verdict(self) -> str:
        return AGREES if not self.problem else EXPLAINED if self.explained else DIFFERS

    @property
    def explained(self) -> bool:
        return any(explains(difference, self) for difference in (*DIFFERENCES, *MODULE_DIFFERENCES))


def explains(difference: Difference, finding: Finding) -> bool:
    """Whether the difference is about this finding."""
    return (
        finding.name in difference.names
        and finding.aspect in difference.aspects
        and finding.dtype in difference.dtypes
        and (finding.within_rounding or not difference.rounding)
        and difference.samples(finding.sample)
    )


class Tally(NamedTuple):
    """What the findings of an entry come to.

    `counts[aspect, dtype, verdict]` samples agree, differ for a reason that is listed, or differ;
    `ulps[aspect, dtype]` is the worst distance among those that agree.
    """

    counts: Counter
    ulps: dict[tuple[str, str], float]
    same_words: int

    def number(self, verdict: str = "", aspect: str = "", dtypes: tuple[str, ...] = ()) -> int:
        """How many samples: of this verdict, in this aspect, in these dtypes, where these are given."""
        return sum(
            n
            for (of, dtype, came_to), n in self.counts.items()
            if verdict in ("", came_to) and aspect in ("", of) and (not dtypes or dtype in dtypes)
        )

    @property
    def passes(self) -> bool:
        return self.number(AGREES) == self.number()


def tallied(findings: Iterable[Finding]) -> Tally:
    counts: Counter = Counter()
    ulps: dict[tuple[str, str], float] = {}
    same_words = 0
    for finding in findings:
        counts[finding.aspect, finding.dtype, finding.verdict] += 1
        same_words += finding.aspect == ERRORS and finding.same_words
        if not finding.problem:
            where = finding.aspect, finding.dtype
            ulps[where] = max(ulps.get(where, 0.0), finding.ulps)
    return Tally(counts, ulps, same_words)


def print_ledger(chosen: Mapping[str, Any], tally: Callable[[Any], Tally], all_entries: int) -> None:
    """Print a line for each of the chosen entries, and the totals."""
    passing = 0
    for name, entry in chosen.items():
        result = tally(entry)
        passing += result.passes
        aspects = dict.fromkeys(aspect for aspect, _, _ in result.counts)
        counts = "  ".join(
            f"{aspect} {result.number(AGREES, aspect)}/{result.number(aspect=aspect)}" for aspect in aspects
        )
        print(f"{'ok  ' if result.passes else 'FAIL'}  {name:45} {counts}", flush=True)
    print(f"{len(chosen)} entries of {all_entries} are present, {passing} agree on every sample")


# --- samples


class Slot(NamedTuple):
    """The place of the i-th tensor in the arguments of a sample."""

    index: int


def without_tensors(value: Any, tensors: list) -> Any:
    """`value` with each tensor in it replaced by a Slot, and appended to `tensors`."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return Slot(len(tensors) - 1)
    if isinstance(value, dict):
        return {key: without_tensors(item, tensors) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return _sequence(type(value), [without_tensors(item, tensors) for item in value])
    return value


def with_tensors(value: Any, library: Any, tensors: tuple) -> Any:
    """The reverse, with the library's own tensors, dtypes, packed sequences, options and distances."""
    if isinstance(value, Slot):
        return tensors[value.index]
    if isinstance(value, dict):
        return {key: with_tensors(item, library, tensors) for key, item in value.items()}
    if isinstance(value, tuple | list):
        packed = isinstance(value, torch.nn.utils.rnn.PackedSequence)
        cls = library.nn.utils.rnn.PackedSequence if packed else type(value)
        return _sequence(cls, [with_tensors(item, library, tensors) for item in value])
    if isinstance(value, torch.dtype):
        return getattr(library, str(value).removeprefix("torch."))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return getattr(library.nn, type(value).__name__)(**dataclasses.asdict(value))
    if isinstance(value, torch.nn.PairwiseDistance):
        return library.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return _encoder_layer(value, library)
    if callable(value) and hasattr(torch.nn.functional, getattr(value, "__name__", "")):
        return getattr(library.nn.functional, value.__name__)
    return value


def _sequence(cls: type, items: list) -> Any:
    if hasattr(cls, "_fields"):
        return cls(*items)
    return tuple(items) if issubclass(cls, tuple) else items


def _encoder_layer(layer: torch.nn.TransformerEncoderLayer, library: Any) -> Any:
    """The same layer, made by the library and loaded."""
    attention, norm = layer.self_attn, layer.norm1
    own = library.nn.TransformerEncoderLayer(
        attention.embed_dim,
        attention.num_heads,
        layer.linear1.out_features,
        layer.dropout.p,
        with_tensors(layer.activation, library, ()),
        norm.eps,
        attention.batch_first,
        layer.norm_first,
        attention.in_proj_bias is not None,
        dtype=with_tensors(norm.weight.dtype, library, ()),
    )
    own.load_state_dict({k: library.from_numpy(v.numpy().copy()) for k, v in layer.state_dict().items()})
    return own


def as_draw(tensor: torch.Tensor) -> Draw:
    """An input with this tensor's value."""
    return Draw(lambda _: tensor.numpy(force=True), differentiable=tensor.requires_grad)


def seed_everything() -> None:
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)


def differentiable_twice(wanted: bool) -> contextlib.AbstractContextManager:
    """torch's fused attention has no second derivative; computed step by step it has."""
    return sdpa_kernel(SDPBackend.MATH) if wanted else contextlib.nullcontext()


# --- comparing the two sides of a sample


def unexplained(findings: Iterable[Finding]) -> list[str]:
    """What differs, and is not in the list of differences."""
    return [
        f"{finding.aspect} {finding.dtype}: {finding.problem}\n{finding.sample}"
        for finding in findings
        if finding.problem and not finding.explained
    ]


def problem_of(check: Callable, ours: Any, theirs: Any) -> str:
    """What `check` finds wrong; "" if nothing."""
    try:
        check(ours, theirs)
    except AssertionError as error:
        return str(error) or "not equal"
    return ""


def ulps_of_values(ours: Side, theirs: Side) -> float:
    """Worst distance of the results: in ulps of each value; of sums, of the largest number in or out."""
    scale = largest([*theirs.inputs, *theirs.outputs]) if theirs.case.scaled else 0.0
    return worst_ulps(ours.outputs, theirs.outputs, scale)


def ulps_of_gradients(ours: Side, theirs: Side) -> float:
    """Worst distance of the gradients, which are sums: of upstream gradients of size 1 or less, and more."""
    return worst_ulps(ours.gradients, theirs.gradients, 1.0 + largest(theirs.gradients))


def worst_ulps(ours: list, theirs: list, scale: float) -> float:
    """The worst distance between float tensors in ulps: of `scale`, or of each value if it is 0."""
    worst = 0.0
    for own, other in zip(ours, theirs, strict=True):
        if other is None or not other.is_floating_point():
            continue
        a, b = own.numpy(force=True), other.numpy(force=True)
        if scale:
            finite = np.isfinite(b)
            apart = np.abs(a[finite].astype(np.float64) - b[finite])
            worst = max(worst, float(apart.max(initial=0)) / float(np.spacing(b.dtype.type(scale))))
        else:
            worst = max(worst, ulps(a, b))
    return worst


def refusal(name: str, sample: Any, ours: Side, theirs: Side) -> Finding:
    """Whether what must be refused is refused with the same exception."""
    kinds = [side.error.partition(":")[0] for side in (ours, theirs)]
    problem = (
        "" if kinds[0] == kinds[1] else f"tinynn: {ours.error or ours.result!r:.200}\ntorch: {theirs.error}"
    )
    return Finding(name, ERRORS, "", sample, problem, ours.error == theirs.error)
