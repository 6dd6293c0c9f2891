"""Answers of torch, recorded: what a machine without torch compares tinynn with.

`golden/` has a file for each kind of record, as `operations.jsonl`, and a record in each line: what was
called with what, and what torch answered. A tensor stands there as `float32[2, 3]@17`: the six numbers from
place 17 on of the vector `float32` in `arrays.npz`. `header.json` tells which torch, on what processor.

    python -m parity_tests.golden add nn.Linear

prints what is recorded of these, with the numbers. `python -m parity_tests.record` records anew; nothing here
imports torch.
"""

import functools
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tinynn
from experiments.common.data import Split
from experiments.common.models import circle_models
from experiments.common.tasks import BinaryClassification
from experiments.common.training import Trainer
from parity_tests.harness import Case, Draw, Side, is_tensor, tensors_in

FOLDER = Path(__file__).parent / "golden"
OPERATIONS, MODULES, OPTIMIZERS, STREAMS, TRAINING = KINDS = (
    "operations",
    "modules",
    "optimizers",
    "streams",
    "training",
)
SEED = 42
Record = dict[str, Any]


# --- values as JSON


class NotRecordableError(TypeError):
    """A value that has no form in a record: a function, a generator, ..."""


def encoded(value: Any) -> Any:
    """`value` as JSON knows it, but for arrays, which stand for tensors: of either library."""
    if is_tensor(value):
        return node_of(value.numpy(force=True).copy(), value.requires_grad)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else {"float": repr(value)}
    if isinstance(value, tuple) and type(value).__name__ != "PackedSequence":
        return {"tuple": [encoded(item) for item in value]}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encoded(key), encoded(item)] for key, item in value.items()]}
    if isinstance(value, slice):
        return {"slice": [encoded(part) for part in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": "..."}
    if type(value).__name__ in ("dtype", "device"):
        return {type(value).__name__: str(value).removeprefix("torch.")}
    raise NotRecordableError(type(value).__name__)


def node_of(array: np.ndarray, grad: bool = False) -> Record:
    return {"tensor": array} | ({"grad": True} if grad else {})


def decoded(value: Any, library: Any, tensor: Callable[[Record], Any]) -> Any:
    """The reverse; `tensor` makes the library's tensor of a node, see `node_of`."""
    if isinstance(value, list):
        return [decoded(item, library, tensor) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensor(value)
    ((form, content),) = value.items()
    if form == "dict":
        return {decoded(k, library, tensor): decoded(v, library, tensor) for k, v in content}
    if form == "dtype":
        return getattr(library, content)
    makers = {"tuple": tuple, "slice": lambda parts: slice(*parts), "float": float, "device": library.device}
    return Ellipsis if form == "ellipsis" else makers[form](decoded(content, library, tensor))


def as_answer(value: Any) -> Any:
    """An answer of torch's, decoded: its tensors are made tensors of tinynn."""
    return decoded(value, tinynn, lambda node: from_node(tinynn, node))


def from_node(library: Any, node: Record) -> Any:
    return library.from_numpy(np.array(node["tensor"])).requires_grad_("grad" in node)


def nodes_in(value: Any) -> Iterator[Record]:
    """The nodes that stand for tensors, in the order in which `decoded` meets them."""
    if isinstance(value, dict) and "tensor" in value:
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from nodes_in(item)


# --- files


class Arrays:
    """All recorded numbers: for each dtype a vector, in which arrays stand one after the other, each once."""

    def __init__(self) -> None:
        self.vectors: dict[str, list[np.ndarray]] = {}
        self.places: dict[tuple[str, bytes], int] = {}
        self.lengths: Counter = Counter()

    def put(self, array: np.ndarray) -> str:
        """`float32[2, 3]@17`."""
        dtype, key = array.dtype.name, (array.dtype.name, array.tobytes())
        if key not in self.places:
            self.vectors.setdefault(dtype, []).append(array.ravel())
            self.places[key] = self.lengths[dtype]
            self.lengths[dtype] += array.size
        return f"{dtype}{list(array.shape)}@{self.places[key]}"

    def save(self, path: Path) -> None:
        """The same bytes for the same arrays: NumPy's files have no dates."""
        np.savez_compressed(
            path, **{dtype: np.concatenate(parts) for dtype, parts in sorted(self.vectors.items())}
        )


def taken(vectors: dict[str, np.ndarray], place: str) -> np.ndarray:
    """The array that `put` gave this place."""
    dtype, shape, start = re.fullmatch(r"(\w+)\[(.*)\]@(\d+)", place).groups()  # type: ignore[union-attr]
    sizes = [int(size) for size in shape.split(",") if size]
    vector = vectors.get(dtype, np.empty(0, dtype))
    return vector[int(start) :][: int(np.prod(sizes))].reshape(sizes)


def save(header: Record, records: dict[str, list[Record]], folder: Path = FOLDER) -> None:
    folder.mkdir(exist_ok=True)
    arrays = Arrays()
    for kind, of_kind in records.items():
        lines = [json.dumps(record, default=arrays.put) + "\n" for record in of_kind]
        (folder / f"{kind}.jsonl").write_text("".join(lines))
    arrays.save(folder / "arrays.npz")
    (folder / "header.json").write_text(json.dumps(header, indent=1) + "\n")


@functools.cache
def load(folder: Path = FOLDER) -> dict[str, list[Record]]:
    """The records of each kind."""
    with np.load(folder / "arrays.npz") as file:
        vectors = dict(file)

    def filled(node: Record) -> Record:
        return node | {"tensor": taken(vectors, node["tensor"])} if "tensor" in node else node

    return {
        kind: [
            json.loads(line, object_hook=filled)
            for line in (folder / f"{kind}.jsonl").read_text().splitlines()
        ]
        for kind in KINDS
    }


def header(folder: Path = FOLDER) -> Record:
    return json.loads((folder / "header.json").read_text())


def bits(record: Any) -> str:
    """A text that is the same for the same record, bit for bit."""
    return json.dumps(
        record, default=lambda array: f"{array.dtype}{list(array.shape)} {array.tobytes().hex()}"
    )


# --- a record, run again


class GoldenSide(Side):
    """A library's run. Upstream gradients come from the generator whose stream NumPy promises for good."""

    generator = staticmethod(np.random.RandomState)


class Recorded(Side):
    """torch's side, from a record: it has its answers already."""

    def __init__(self, case: Case, inputs: list, answer: Record):
        self.library, self.case, self.inputs = tinynn, case, inputs
        self.error = answer.get("error", "")
        self.result = as_answer(answer.get("result"))
        self.outputs = list(tensors_in(self.result))
        self.gradients, self.second = [], []
        self.answer = answer

    def differentiate(self, second: bool) -> None:
        self.error = self.answer.get("backward error", "")
        self.gradients = as_answer(self.answer.get("gradients", []))
        self.second = as_answer(self.answer.get("second derivatives", []))


def case_of(record: Record, run: Callable, second: bool) -> Case:
    """`run(library, *arguments)` on the tensors of the record's arguments."""

    def call(library: Any, *own: Any) -> Any:
        tensors = iter(own)
        arguments = decoded(record["arguments"], library, lambda node: next(tensors))
        library.manual_seed(SEED)
        with warnings.catch_warnings():  # torch warned too
            warnings.simplefilter("ignore", UserWarning)
            return run(library, *arguments)

    draws = [
        Draw(lambda _, node=node: node["tensor"], differentiable="grad" in node)
        for node in nodes_in(record["arguments"])
    ]
    return Case(record["name"], call, *draws, scaled=record["scaled"], second=second, names=False)


def arrays_of(case: Case) -> list[np.ndarray]:
    return [draw.make(None) for draw in case.inputs]  # type: ignore[arg-type]


def named(library: Any, path: str) -> Any:
    """`nn.functional.relu` or `Tensor.relu_` of a library."""
    return functools.reduce(getattr, path.split("."), library)


def operation(path: str) -> Callable:
    """What calls the function or method of this name; in place on a copy."""

    def run(library: Any, given: Any, args: tuple, kwargs: dict) -> Any:
        in_place = path.startswith("Tensor.") and path.endswith("_") and not path.endswith("__")
        return named(library, path)(given.clone() if in_place else given, *args, **kwargs)

    return run


class ModuleRun(GoldenSide):
    """A module made from the seed: its first state, its output, its buffers; gradients by parameters too."""

    def __init__(self, library: Any, record: Record, second: bool):
        self.parameters: list = []

        def run(library: Any, made_of: tuple, called_with: tuple) -> Any:
            (args, kwargs), (inputs, options) = made_of, called_with
            module = named(library, record["name"])(*args, **kwargs)
            module = module.to(getattr(library, record["dtype"])).train(record["training"])
            state = {key: value.clone() for key, value in module.state_dict().items()}
            library.manual_seed(SEED)
            output = module(*inputs, **options)
            self.parameters = list(module.parameters())
            return [state, output, [buffer.clone() for buffer in module.buffers()]]

        case = case_of(record, run, second)
        super().__init__(library, case, arrays_of(case))
        self.wanted += self.parameters


def optimized(library: Any, record: Record, inputs: Record) -> list:
    """The parameters after a step with each of the gradients, in turn.

    An optimizer that wants a closure minimises sum((p - g)^2 + p^4) instead, with the first gradients as g.
    """
    options = decoded(record["options"], library, lambda node: from_node(library, node))
    dtype = getattr(library, record["dtype"])
    start, *gradients = (
        [library.tensor(node["tensor"]).to(dtype) for node in nodes]
        for nodes in (inputs["start"], *inputs["gradients"])
    )
    params = [p.requires_grad_() for p in start]
    optimizer = getattr(library.optim, record["name"])(params, **options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(((p - g) ** 2 + p**4).sum() for p, g in zip(params, gradients[0], strict=True))
        loss.backward()
        return loss

    for step in gradients:
        if record["closure"]:
            optimizer.step(closure)
            continue
        for p, g in zip(params, step, strict=True):
            p.grad = g.clone()
        optimizer.step()
    return [p.detach() for p in params]


# What is drawn from a stream after `manual_seed`; some draw twice, since what is left over counts.
# fmt: off
DRAWS: dict[str, Callable] = {
    "rand":               lambda torch: [torch.rand(3), torch.rand(2, 2)],
    "rand float64":       lambda torch: torch.rand(4, dtype=torch.float64),
    "randn":              lambda torch: [torch.randn(3), torch.randn(20)],
    "randn float64":      lambda torch: [torch.randn(n, dtype=torch.float64) for n in (3, 17)],
    "randint":            lambda torch: [torch.randint(10, (5,)), torch.randint(-3, 2**40, (3,))],
    "randperm":           lambda torch: [torch.randperm(9), torch.randperm(4)],
    "bernoulli":          lambda torch: torch.bernoulli(torch.full((9,), 0.3)),
    "multinomial":        lambda torch: torch.multinomial(torch.arange(5.0), 6, replacement=True),
    "normal":             lambda torch: torch.normal(2.0, 3.0, (5,)),
    "uniform_":           lambda torch: torch.empty(5).uniform_(-2, 3),
    "exponential_":       lambda torch: torch.empty(5).exponential_(2.0),
    "dropout":            lambda torch: torch.nn.functional.dropout(torch.ones(12), 0.4),
    "kaiming_uniform_":   lambda torch: torch.nn.init.kaiming_uniform_(torch.empty(3, 4)),
    "xavier_normal_":     lambda torch: torch.nn.init.xavier_normal_(torch.empty(3, 4)),
    "trunc_normal_":      lambda torch: torch.nn.init.trunc_normal_(torch.empty(3, 4)),
    "Linear":             lambda torch: list(torch.nn.Linear(3, 4).state_dict().values()),
    "DataLoader":         lambda torch: [
        batch for (batch,) in torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(torch.arange(7)), batch_size=3, shuffle=True
        )
    ],
}
# fmt: on


def drawn(library: Any, record: Record) -> Any:
    library.manual_seed(record["seed"])
    return DRAWS[record["name"]](library)


def losses(library: Any, record: Record) -> list[float]:
    """The training loss of every epoch of a circles model, with SGD or Adam."""
    dtype = getattr(library, record["dtype"])
    data = Split(*(library.tensor(node["tensor"]).to(dtype) for node in record["data"]))
    library.manual_seed(record["seed"])
    model = circle_models(library)[record["name"]]().to(dtype)
    optimizer = getattr(library.optim, record["optimizer"])(model.parameters(), lr=record["lr"])
    trainer = Trainer(BinaryClassification(library), model, optimizer, data, record["batch size"])
    return [trainer.run_epoch().loss for _ in range(record["epochs"])]


# --- what is recorded, for people


def main(names: list[str]) -> None:
    """Print the records of these names."""
    for kind, records in load().items():
        for record in records:
            if record["name"] in names:
                print(f"{kind}:")
                for key, value in record.items():
                    print(f"  {key}: {json.dumps(value, default=lambda a: f'{a.dtype} {a.tolist()}')}")


if __name__ == "__main__":
    main(sys.argv[1:])
