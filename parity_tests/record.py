"""Records torch's answers for `pytest parity_tests --golden`: `python -m parity_tests.record` writes golden/.

Of every entry of torch's databases that tinynn has, a few samples are drawn, small ones, the same each time;
the answers are torch's alone. What differs on purpose (differences.py) is not recorded. On one machine two
recordings are the same, byte for byte.
"""

import contextlib
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.testing._internal.opinfo.core import OpInfo, SampleInput, UnaryUfuncInfo

import tinynn
from experiments.common import data
from parity_tests import golden, module_db, op_db, optim_db
from parity_tests.databases import (
    ERRORS,
    GRADIENTS,
    IN_PLACE,
    METHOD,
    SECOND,
    VALUES,
    Finding,
    differentiable_twice,
    seed_everything,
)
from parity_tests.differences import NOT_COMPARED
from parity_tests.golden import GoldenSide, ModuleRun, NotRecordableError, Record, encoded
from parity_tests.harness import FLOATS, INTEGERS, Case, Side

SMALL, LARGEST = 40, 400  # how many numbers the inputs of a sample have, if possible; and its answer, at most
MADE_IN_ANY_ORDER = {"meshgrid"}  # its samples are drawn in the order of a set of strings
TRIES = 30  # samples that are looked at before an entry is left out


def recording() -> tuple[Record, dict[str, list[Record]]]:
    """The header, and the records of each kind."""
    torch.set_num_threads(1)
    records = {
        golden.OPERATIONS: [record for name in op_db.PRESENT for record in of_operation(name)],
        golden.MODULES: [record for name in module_db.PRESENT for record in of_module(name)],
        golden.OPTIMIZERS: [*optimizer_inputs(), *of_optimizers()],
        golden.STREAMS: list(of_streams()),
        golden.TRAINING: list(of_training()),
    }
    header = made_with() | {
        "records": {kind: len(of_kind) for kind, of_kind in records.items()},
        "left out": {
            kind: sorted({*present} - {record["name"] for record in records[kind]})
            for kind, present in ((golden.OPERATIONS, op_db.PRESENT), (golden.MODULES, module_db.PRESENT))
        },
    }
    return header, records


def made_with() -> Record:
    """What the last bits of the answers depend on."""
    return {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability()}


def in_some_order(samples: list, about: str, size: Callable[[Any], int]) -> list:
    """The first samples of a shuffled deck, the small ones first; those without numbers last."""
    order = np.random.RandomState(zlib.crc32(about.encode())).permutation(len(samples))
    shuffled = [samples[i] for i in order]
    return sorted(shuffled, key=lambda sample: (not 0 < size(sample) <= SMALL, size(sample) > SMALL))[:TRIES]


def numbers_in(value: Any) -> int:
    return sum(node["tensor"].size for node in golden.nodes_in(value))


def differs(name: str, aspect: str, dtype: str, sample: Any) -> bool:
    """Whether a listed difference is, or may be, about this aspect of the sample."""
    return Finding(name, aspect, dtype, sample, "may differ", within_rounding=True).explained


def answer_of(side: Side, gradients: bool = True, second: bool = False) -> Record:
    """What the library answered."""
    if side.error:
        return {"error": side.error}
    answer = {"result": encoded(side.result)}
    if gradients and any(output.requires_grad for output in side.outputs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            side.differentiate(second and all(x.numel() for x in side.inputs))
        if side.error:
            return answer | {"backward error": side.error}
        answer["gradients"] = encoded(side.gradients)
        if side.second:
            answer["second derivatives"] = encoded(side.second)
    return answer


# --- operations


def of_operation(name: str) -> Iterator[Record]:
    """A record for each of float32, float64 and one integer dtype, and one of what must be refused."""
    examination = op_db.Examination(op_db.PRESENT[name])
    integers = [dtype for dtype in INTEGERS if dtype in examination.dtypes]
    some = integers[zlib.crc32(name.encode()) % len(integers) :][:1] if integers else []
    for dtype in [dtype for dtype in (*FLOATS, *some) if dtype in examination.dtypes]:
        samples = [shortened(examination.op, sample) for sample in examination.samples(dtype)]
        samples = in_some_order(samples, f"{name} {dtype}", numbers_in_sample)
        yield from first_recorded(examination, samples, dtype)
    yield from first_recorded(examination, in_some_order(refused(examination), name, numbers_in_sample), "")


def shortened(op: OpInfo, sample: SampleInput) -> SampleInput:
    """Of a function of each number by itself, a part of the numbers is enough."""
    given = sample.input
    if not isinstance(op, UnaryUfuncInfo) or given.numel() <= SMALL:
        return sample
    part = given.detach().flatten()[: SMALL // 2].clone().requires_grad_(given.requires_grad)
    return SampleInput(part, args=sample.args, kwargs=sample.kwargs)


def numbers_in_sample(sample: Any) -> int:
    """How many numbers go in."""
    tensors: list[torch.Tensor] = []
    op_db.without_tensors((sample.input, sample.args, sample.kwargs), tensors)
    return sum(x.numel() for x in tensors)


def refused(examination: op_db.Examination) -> list:
    if examination.op.error_inputs_func is None:
        return []
    seed_everything()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        errors = [error.sample_input for error in examination.op.error_inputs_func(examination.op, "cpu")]
    return [sample for sample in errors if not NOT_COMPARED.sample(sample)]


def first_recorded(examination: op_db.Examination, samples: list, dtype: str) -> Iterator[Record]:
    """The record of the first of the samples that can be recorded."""
    for sample in samples:
        with contextlib.suppress(NotRecordableError):
            yield SampleRecord(examination, sample, dtype).made()
            return


class SampleRecord:
    """The record of a sample of an operation, being made. NotRecordableError says why there can be none."""

    def __init__(self, examination: op_db.Examination, sample: SampleInput, dtype: str):
        self.op, self.sample, self.dtype = examination.op, sample, dtype
        self.unlike = {aspect: differs(examination.name, aspect, dtype, sample) for aspect in op_db.ASPECTS}
        self.gradients = dtype in FLOATS and not self.unlike[GRADIENTS]
        self.second = dtype == "float64" and self.op.supports_gradgrad and not self.unlike[SECOND]
        self.case = op_db.case_of(self.op, sample, examination.function(sample))
        self.record = {
            "name": examination.name,
            "dtype": dtype,
            "scaled": self.case.scaled,
            "arguments": encoded((sample.input, sample.args, sample.kwargs)),
        }

    def made(self) -> Record:
        answers: list[Record] = []
        for path in self.paths():
            found = self.by_name(path)
            same = [known["of"] for known in answers if golden.bits(known["answer"]) == golden.bits(found)]
            if same:
                same[0].append(path)
            else:
                answers.append({"of": [path], "answer": found})
        return self.record | {"answers": answers}

    def paths(self) -> list[str]:
        """What is to be run: the function, the method, and in place."""
        paths = [self.function()]
        if self.dtype and isinstance(self.sample.input, torch.Tensor):
            for aspect, torchs, path in (
                (METHOD, self.op.method_variant, f"Tensor.{self.op.name}"),
                (IN_PLACE, self.op.inplace_variant, f"Tensor.{self.op.name}_"),
            ):
                if torchs and in_both(path) and path not in paths and not self.unlike[aspect]:
                    paths.append(path)
        return paths

    def function(self) -> str:
        """The name by which both libraries know what the database calls, if it is a call and no more."""
        if self.op.name in op_db.MADE_OF_NOTHING | MADE_IN_ANY_ORDER:
            raise NotRecordableError("another answer, or another sample, each time")
        if self.unlike[VALUES if self.dtype else ERRORS]:
            raise NotRecordableError("differs on purpose")
        answer = self.answer(self.case)
        refused = answer.get("error", "")
        if bool(refused) == bool(self.dtype) or "not implemented for" in refused:
            raise NotRecordableError("refused, or not, against expectation")
        if max(map(numbers_in, (self.record["arguments"], answer))) > LARGEST:
            raise NotRecordableError("too large")
        name = self.op.name
        for path in (name, f"Tensor.{name}", f"Tensor.{name}_"):
            if in_both(path) and golden.bits(self.by_name(path)) == golden.bits(answer):
                return path
        raise NotRecordableError("more than a call by name")

    def by_name(self, path: str) -> Record:
        return self.answer(golden.case_of(self.record, golden.operation(path), self.second))

    def answer(self, case: Case) -> Record:
        with differentiable_twice(self.second):
            side = GoldenSide(torch, case, golden.arrays_of(case))
            return answer_of(side, self.gradients, self.second)


def in_both(path: str) -> bool:
    """Whether both libraries have something of this name."""
    try:
        return all(callable(golden.named(library, path)) for library in (tinynn, torch))
    except AttributeError:
        return False


# --- modules


def of_module(name: str) -> Iterator[Record]:
    """A record for each dtype, the second in evaluation mode where that is another."""
    examination = module_db.Examination(module_db.PRESENT[name])
    for dtype, training in (("float64", examination.modes[0]), ("float32", examination.modes[-1])):
        samples = examination.samples(dtype, training)
        samples = in_some_order(samples, f"{name} {dtype}", lambda sample: 1)
        found = (recorded_module(examination, sample) for sample in samples)
        yield from [record for record in found if record is not None][:1]


def recorded_module(examination: module_db.Examination, sample: module_db.Sample) -> Record | None:
    """The record of a sample; None if it is too large, cannot be written down, or differs on purpose."""
    unlike = [
        aspect
        for aspect in (VALUES, GRADIENTS, SECOND, module_db.START)
        if differs(examination.name, aspect, sample.dtype, sample)
    ]
    if unlike not in ([], [SECOND]):
        return None
    try:
        record = {
            "name": f"nn.{examination.info.module_cls.__name__}",
            "dtype": sample.dtype,
            "training": sample.training,
            "scaled": True,
            "arguments": encoded((sample.made_of, sample.called_with)),
        }
        answer = module_answer(record, second=sample.dtype == "float64" and not unlike)
    except NotRecordableError:
        return None
    if "error" in answer or numbers_in(record["arguments"]) + numbers_in(answer) > 2 * LARGEST:
        return None
    return record | {"answer": answer}


def module_answer(record: Record, second: bool) -> Record:
    """torch's answer, with second derivatives if they are wanted and torch has them."""
    with differentiable_twice(second):
        answer = answer_of(ModuleRun(torch, record, second), True, second)
    return module_answer(record, False) if second and "backward error" in answer else answer


# --- optimizers, streams, training


SHAPES, STEPS = [(3, 2), (4, 3)], 20  # Muon takes matrices


def optimizer_inputs() -> Iterator[Record]:
    """The parameters to start from, and their gradients at each step."""
    rng = np.random.RandomState(1)
    start, *gradients = (
        [golden.node_of(rng.standard_normal(shape)) for shape in SHAPES] for _ in range(1 + STEPS)
    )
    yield {"name": "inputs", "start": start, "gradients": gradients}


def of_optimizers() -> Iterator[Record]:
    """Every configuration of the database: the parameters after 20 steps."""
    (inputs,) = optimizer_inputs()
    for name, info in optim_db.PRESENT.items():
        for config in info.optim_inputs_func(device="cpu"):
            for dtype in FLOATS:
                record = {
                    "name": name,
                    "dtype": dtype,
                    "closure": info.step_requires_closure,
                    "options": encoded(dict(config.kwargs)),
                }
                optimizer_of = getattr(torch.optim, name)
                lr = optimizer_of([torch.zeros(1, 1, requires_grad=True)], **config.kwargs).defaults["lr"]
                answer = encoded(golden.optimized(torch, record, inputs))
                yield record | {"lr": float(lr), "answer": answer}


def of_streams() -> Iterator[Record]:
    for name in golden.DRAWS:
        for seed in (0, 42, 2**40 + 1):
            record = {"name": name, "seed": seed}
            yield record | {"answer": encoded(golden.drawn(torch, record))}


def of_training() -> Iterator[Record]:
    """The circles: full batches and small ones, SGD and Adam."""
    split = data.circles(120, 0.03, data.DATA_SEED)
    arrays = (split.X_train, split.y_train, split.X_test, split.y_test)
    for name, optimizer, lr, batch_size in (
        ("v0", "SGD", 0.1, None),
        ("v2", "Adam", 0.01, 16),
        ("v2", "SGD", 0.1, 32),
    ):
        for dtype in FLOATS:
            record = {
                "name": name,
                "dtype": dtype,
                "optimizer": optimizer,
                "lr": lr,
                "batch size": batch_size,
                "epochs": 40,
                "seed": 42,
                "data": list(map(golden.node_of, arrays)),
            }
            yield record | {"losses": golden.losses(torch, record)}


def main() -> None:
    """Record, and say how much."""
    header, records = recording()
    golden.save(header, records)
    size = sum(path.stat().st_size for path in golden.FOLDER.iterdir())
    counts = Counter({kind: len(of_kind) for kind, of_kind in records.items()})
    print(f"{counts.total()} records, {size // 1024} KiB: {dict(counts)}")
    print(f"left out: {header['left out']}")


if __name__ == "__main__":
    main()
