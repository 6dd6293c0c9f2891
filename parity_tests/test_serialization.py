"""Files between the libraries: what either writes the other reads, and both write the same bytes.

PyTorch reads with `weights_only=True` throughout.
"""

import contextlib
import io
import warnings
from collections import Counter, OrderedDict

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynn
from parity_tests.optim_runs import LITTLE, build, train
from parity_tests.test_lr_scheduler import SCHEDULERS, runs, two_groups
from parity_tests.test_optim import ONE_OF_EACH

LIBRARIES = (tinynn, torch)
DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
LEGACY = {"_use_new_zipfile_serialization": False}
both_formats = pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])


def saved(lib, value, **options):
    file = io.BytesIO()
    lib.save(value, file, **options)
    return file.getvalue()


def loaded(lib, data, **options):
    return lib.load(io.BytesIO(data), **{"weights_only": True, **options})


def same(ours, theirs):
    """Whether a value of tinynn's is what a value of torch's is, all through."""
    if isinstance(theirs, torch.Tensor):
        return type(ours).__name__ == type(theirs).__name__ and seen(ours) == seen(theirs)
    if isinstance(theirs, torch.Size | torch.dtype | torch.device):
        return str(ours).replace("tinynn", "torch") == str(theirs)
    if type(ours) is not type(theirs):
        return False
    if isinstance(theirs, dict):
        return same(list(ours.items()), list(theirs.items())) and same(attributes(ours), attributes(theirs))
    if isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, set):
        return set(map(repr, ours)) == set(map(repr, theirs))
    return repr(ours) == repr(theirs)  # nan is nan, -0.0 is not 0.0, and True is not 1


def seen(tensor):
    """What there is to see of a tensor. NumPy does not keep the strides of less than two elements."""
    array = tensor.detach().numpy()
    stride = tensor.stride() if tensor.numel() > 1 else None
    return str(array.dtype), array.tobytes(), tuple(tensor.shape), stride, tensor.requires_grad


def attributes(mapping):
    return vars(mapping) if type(mapping) is OrderedDict else None


def check_both_ways(make, **options):
    """`make(lib)` of either library, saved and loaded by the other, is that of the other."""
    ours, theirs = make(tinynn), make(torch)
    assert same(ours, theirs)
    assert same(loaded(tinynn, saved(torch, theirs, **options)), theirs)
    assert same(ours, loaded(torch, saved(tinynn, ours, **options)))


def check_same_bytes(ours, theirs):
    """Both libraries write the same file, but for the fingerprint near its end."""
    own, other = saved(tinynn, ours), saved(torch, theirs)
    end = other.index(b".data/serialization_idFB")
    assert own[:end] == other[:end]
    assert len(own) == len(other)


# --- tensors


def views(lib):
    x = lib.arange(24.0).reshape(2, 3, 4)
    return {
        "itself": x,
        "transposed": x.transpose(0, 2),
        "a slice": x[:, 1:, ::2],
        "one element": x[1, 2, 3],
        "none of it": x[2:],
        "expanded": x[:1].expand(5, 3, 4),
        "detached": x[1].detach(),
        "again": x,
        "another": lib.ones(3),
        "0-d": lib.tensor(2.5),
        "empty": lib.zeros(2, 0, 3),
        "requires grad": lib.ones(2, requires_grad=True),
        "computed": lib.ones(2, requires_grad=True) * 2,
        "parameter": lib.nn.Parameter(x[0, 0]),
        "frozen": lib.nn.Parameter(lib.arange(3), requires_grad=False),
        "buffer": lib.nn.Buffer(lib.ones(2)).data,
    }


@both_formats
def test_views(options):
    check_both_ways(views, **options)


@both_formats
@pytest.mark.parametrize("source", LIBRARIES)
@pytest.mark.parametrize("destination", LIBRARIES)
def test_what_shared_memory_shares_it(source, destination, options):
    back = loaded(destination, saved(source, views(source), **options))
    assert back["again"] is back["itself"]
    back["itself"][0, 0, 2] = 100
    back["itself"][1, 2, 3] = 200
    for name in ("transposed", "parameter", "expanded"):
        assert (back[name] == 100).any(), name
    for name in ("transposed", "detached", "one element"):
        assert (back[name] == 200).any(), name
    assert not (back["another"] >= 100).any()


def test_offsets_survive_a_stay_in_tinynn():
    there = loaded(torch, saved(tinynn, loaded(tinynn, saved(torch, views(torch)))))
    for name, x in views(torch).items():
        assert there[name].storage_offset() == x.storage_offset(), name
        assert there[name].untyped_storage().nbytes() == x.untyped_storage().nbytes(), name


@pytest.mark.parametrize("dtype", DTYPES)
@both_formats
def test_every_dtype(dtype, options):
    def make(lib):
        values = [0, 1, 100, -1 % 256] if dtype == "uint8" else [0, 1, -100, 7]
        x = lib.tensor(values, dtype=getattr(lib, dtype))
        return [x, x[1:3], x[:0], x[2], getattr(lib, dtype)]

    check_both_ways(make, **options)


def test_special_floats():
    check_both_ways(lambda lib: lib.tensor([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-45]))


def test_attributes():
    def make(lib):
        x, p = lib.ones(2), lib.nn.Parameter(lib.ones(2))
        x.note, p.group = "a", {"lr": 0.1}
        return [x, p]

    for x, p in (
        loaded(torch, saved(tinynn, make(tinynn))),
        loaded(tinynn, saved(torch, make(torch))),
    ):
        assert (x.note, p.group) == ("a", {"lr": 0.1})
    check_same_bytes(make(tinynn), make(torch))


def test_buffers():
    theirs = loaded(torch, saved(tinynn, tinynn.nn.Buffer(tinynn.ones(2), persistent=False)))
    assert isinstance(theirs, torch.nn.Buffer)
    assert not theirs.persistent
    ours = loaded(tinynn, saved(torch, torch.nn.Buffer(torch.ones(2), persistent=False)))
    assert isinstance(ours, tinynn.nn.Buffer)
    assert not ours.persistent


@pytest.mark.parametrize(
    "dtype", ["bfloat16", "complex64", "uint16", "uint32", "float8_e4m3fn", "complex128", "complex32"]
)
def test_dtypes_that_tinynn_has_not(dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # complex32 is experimental
        data = saved(torch, {"x": torch.zeros(2, dtype=getattr(torch, dtype))})
    with pytest.raises(tinynn.serialization.LoadError, match="Unsupported dtype: the file holds") as caught:
        loaded(tinynn, data)
    names = {"bfloat16": "BFloat16", "complex64": "ComplexFloat", "complex128": "ComplexDouble"}
    assert f"torch.{names.get(dtype, dtype)}" in str(caught.value)


def test_what_else_torch_has():
    sparse = torch.eye(2).to_sparse()
    for value in (sparse, torch.strided, torch.nn.Linear(1, 1), torch.Generator()):
        with pytest.raises(tinynn.serialization.LoadError, match="Unsupported global: GLOBAL torch"):
            loaded(tinynn, saved(torch, value))


# --- bytes


def everything(lib):
    x = lib.arange(6.0).reshape(2, 3)
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3))
    return {
        "state": model.state_dict(),
        "weight": model[0].weight,
        "views": [x, x.t(), x, lib.empty(0), lib.tensor(3.0), lib.ones(1).expand(5)],
        "dtypes": [lib.ones(3, dtype=getattr(lib, name)) for name in DTYPES],
        "torch": [x.size(), lib.float64, lib.nn.Buffer(x)],
        "numbers": [0, -1, 255, 256, 65535, 65536, 2**31, -(2**31) - 1, 2**70, -(2**70), 1.5, 2 - 1j],
        "texts": ["ü", b"abc", bytearray(b"xx"), bytearray(), None, True, False],
        "containers": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, {1: 2}, {1, 2}, Counter("aab")],
        "ordered": OrderedDict(a=1, b=OrderedDict(c=2)),
        "many": list(range(1500)),
    }


def test_the_bytes_are_torchs():
    check_same_bytes(everything(tinynn), everything(torch))


def test_no_bytes_at_all():
    """torch writes a call that its own weights_only reader refuses; that one is read, and not written."""
    assert loaded(tinynn, saved(torch, b"")) == b""
    assert loaded(torch, saved(tinynn, b"")) == b""


# --- modules

MODULES = [
    name
    for name, cls in vars(tinynn.nn).items()
    if isinstance(cls, type) and issubclass(cls, tinynn.nn.Module) and hasattr(torch.nn, name)
    if not name.startswith("Lazy")  # their states have values after the first batch only: see test_lazy.py
]
_LAYER = 4, 2, 8, 0.1, "relu", 1e-5, True  # batch_first
ARGUMENTS = {  # where none of the usual ones will do
    "Unflatten": (1, (2, 2)),
    "RNNBase": ("GRU", 2, 4),
    "RNNCellBase": (2, 4, True, 3),
    "MultiheadAttention": (4, 2),
    "AdaptiveLogSoftmaxWithLoss": (16, 8, [2, 5]),
    "TransformerEncoderLayer": _LAYER,
    "TransformerDecoderLayer": _LAYER,
    "Transformer": (4, 2, 1, 1, *_LAYER[2:5], None, None, *_LAYER[5:]),
    "TransformerEncoder": lambda nn: (nn.TransformerEncoderLayer(*_LAYER), 2),
    "TransformerDecoder": lambda nn: (nn.TransformerDecoderLayer(*_LAYER), 2),
}
USUAL = ((), (2,), (2, 4), (2, 4, 2))


def arguments_of(name, nn):
    """Some arguments that the class of this name in `nn` takes."""
    if callable(ARGUMENTS.get(name)):
        return ARGUMENTS[name](nn)
    for arguments in (ARGUMENTS[name],) if name in ARGUMENTS else USUAL:
        with contextlib.suppress(TypeError, ValueError, AssertionError):
            getattr(torch.nn, name)(*arguments)
            return arguments
    raise AssertionError(f"Give {name} some in ARGUMENTS.")


def test_the_modules_were_found():
    assert {"Linear", "Bilinear", "BatchNorm1d", "LayerNorm", "ParameterList", "ParameterDict"} <= {*MODULES}


@pytest.mark.filterwarnings("ignore:`NLLLoss2d` has been deprecated:FutureWarning")
@pytest.mark.parametrize("name", MODULES)
def test_state_dicts_of_every_module(name):
    models = []
    for lib in LIBRARIES:
        lib.manual_seed(0)
        layer = getattr(lib.nn, name)(*arguments_of(name, lib.nn))
        if name.startswith("Parameter"):
            layer.update({"a": lib.ones(2)}) if name.endswith("Dict") else layer.append(lib.ones(2))
        models.append(lib.nn.Sequential(layer, lib.nn.Linear(2, 2)))
    ours, theirs = models
    data = saved(tinynn, ours.state_dict())
    assert theirs.load_state_dict(loaded(torch, data)).missing_keys == []
    assert same(ours.state_dict(), theirs.state_dict())
    check_same_bytes(ours.state_dict(), theirs.state_dict())
    for p in theirs.parameters():
        p.data += 1
    ours.load_state_dict(loaded(tinynn, saved(torch, theirs.state_dict())))
    assert same(ours.state_dict(), theirs.state_dict())


# --- optimizers and schedulers


@pytest.mark.parametrize(("name", "options"), ONE_OF_EACH)
@pytest.mark.parametrize("source", LIBRARIES)
def test_training_goes_on_as_if_it_had_not_been_saved(source, name, options):
    """Saved midway, loaded and saved again by the other library, loaded: the same bits in the end."""
    other = tinynn if source is torch else torch
    params, optimizer = build(source, name, "float32", LITTLE, **options)
    train(source, optimizer, params, range(5))
    data = saved(source, {"params": [p.detach() for p in params], "optimizer": optimizer.state_dict()})
    train(source, optimizer, params, range(5, 10))

    state = loaded(source, saved(other, loaded(other, data)))
    restored, continued = build(source, name, "float32", LITTLE, **options)
    for p, value in zip(restored, state["params"], strict=True):
        p.data.copy_(value)
    continued.load_state_dict(state["optimizer"])
    train(source, continued, restored, range(5, 10))
    assert [seen(p) for p in restored] == [seen(p) for p in params]
    assert same_state(continued.state_dict(), optimizer.state_dict())


def same_state(a, b):
    """`same` for two states of one library."""
    if isinstance(a, tinynn.Tensor | torch.Tensor):
        return seen(a) == seen(b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same_state(a[key], b[key]) for key in a)
    return a == b


def test_the_optimizers_private_layout_stays_private():
    """What tinynn keeps end to end in memory has storages of its own in the file, each parameter one."""
    files = []
    for lib in LIBRARIES:
        params, optimizer = build(lib, "Adam", "float32", LITTLE)
        train(lib, optimizer, params, range(3))
        files.append(saved(lib, [params, optimizer.state_dict()]))
    sizes = []
    for data in files:
        params, state = loaded(torch, data)
        tensors = params + [x for held in state["state"].values() for x in held.values()]
        sizes.append([(x.untyped_storage().nbytes(), x.storage_offset()) for x in tensors])
    assert sizes[0] == sizes[1]
    assert len(files[0]) == len(files[1])


@pytest.mark.parametrize("make", SCHEDULERS.values(), ids=SCHEDULERS.keys())
def test_states_of_schedulers(make):
    def state(lib):
        _, optimizer = two_groups(lib)
        scheduler = make(lib.optim.lr_scheduler, optimizer)
        runs(optimizer, scheduler, 6)
        return scheduler.state_dict()

    check_both_ways(state)


def test_states_of_random_generators():
    def state(lib):
        lib.manual_seed(3)
        lib.randn(5)
        return lib.get_rng_state()

    check_both_ways(state)
    tinynn.set_rng_state(loaded(tinynn, saved(torch, state(torch))))
    assert tinynn.rand(3).tolist() == torch.rand(3).tolist()


# --- random structures


class Made:
    """How to make a value that both libraries have; what it is written as when a test fails."""

    def __init__(self, text, make):
        self.text, self.make = text, make

    def __repr__(self):
        return self.text


def tensors():
    shapes = st.lists(st.integers(0, 3), max_size=3)

    def make(dtype, shape, seed, flip, grad):
        def tensor(lib):
            array = (
                np.random.default_rng(seed).integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)
            )
            x = lib.tensor(array)
            x = x.transpose(0, -1) if flip and shape else x
            return x.requires_grad_(grad and dtype.startswith("float"))

        return Made(f"tensor({dtype}, {shape}, flip={flip}, grad={grad})", tensor)

    return st.builds(make, st.sampled_from(DTYPES), shapes, st.integers(0, 9), st.booleans(), st.booleans())


TEXTS = st.text(max_size=5)
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), TEXTS, st.binary(max_size=5),
    st.complex_numbers(allow_nan=False), st.binary(max_size=3).map(bytearray),
)  # fmt: skip
KEYS = st.one_of(
    TEXTS, st.integers(), st.booleans(), st.none(), st.tuples(st.integers(), TEXTS), st.binary(min_size=1)
)
TORCHS = st.one_of(
    st.sampled_from(DTYPES).map(lambda name: Made(name, lambda lib: getattr(lib, name))),
    st.lists(st.integers(0, 9), max_size=3).map(
        lambda shape: Made(f"Size({shape})", lambda lib: lib.Size(shape))
    ),
)
STRUCTURES = st.recursive(
    st.one_of(PLAIN, tensors(), TORCHS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
        st.dictionaries(TEXTS, inner, max_size=4).map(OrderedDict),
        st.dictionaries(TEXTS, st.integers(0, 300), max_size=4).map(Counter),
        st.sets(KEYS, max_size=4),
    ),
    max_leaves=10,
)


def made(value, lib):
    """The structure with everything in it made by the library."""
    if isinstance(value, Made):
        return value.make(lib)
    if type(value) in (list, tuple):
        return type(value)(made(item, lib) for item in value)
    if type(value) in (dict, OrderedDict):
        return type(value)((key, made(item, lib)) for key, item in value.items())
    return value


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(STRUCTURES)
def test_random_structures(structure):
    check_both_ways(lambda lib: made(structure, lib))


@settings(max_examples=40, derandomize=True, deadline=None, database=None)
@given(STRUCTURES)
def test_random_structures_in_the_legacy_format(structure):
    check_both_ways(lambda lib: made(structure, lib), **LEGACY)


# --- arguments and errors


def outcome(function):
    """The kind of exception, and how its message begins: what comes after a full stop is advice."""
    try:
        function()
    except Exception as error:
        return type(error), str(error).strip().split(". ")[0].split("\n")[0]
    return None


@pytest.mark.parametrize(
    "map_location",
    [None, "cpu", "cuda", "cuda:0", "nowhere", {"cpu": "cuda"}, {"cpu": "nowhere"}, {"cuda": "cpu"},
     lambda storage, location: None, lambda storage, location: storage],
)  # fmt: skip
def test_map_location(map_location):
    data = saved(torch, torch.ones(2))
    own, other = (outcome(lambda lib=lib: loaded(lib, data, map_location=map_location)) for lib in LIBRARIES)
    assert (own is None) == (other is None)
    if other is not None:
        assert issubclass(own[0], other[0])
        assert own[1] == other[1]


@pytest.mark.parametrize(
    "run",
    [
        lambda lib, path: lib.load(path / "missing.pth"),
        lambda lib, path: lib.load(path),
        lambda lib, path: lib.load(5),
        lambda lib, path: lib.load(io.StringIO("text")),
        lambda lib, path: lib.load(io.BytesIO(), pickle_module=io, weights_only=True),
        lambda lib, path: lib.load(io.BytesIO(saved(lib, 1)), mmap=True),
        lambda lib, path: lib.save(1, 5),
        lambda lib, path: lib.save(1, path / "nowhere" / "x.pth"),
    ],
)
def test_wrong_arguments(run, tmp_path):
    own, other = (outcome(lambda lib=lib: run(lib, tmp_path)) for lib in LIBRARIES)
    assert own == other


@pytest.mark.parametrize("size", [-30, 4])
def test_archives_cut_short(size):
    data = saved(torch, torch.ones(100))[:size]
    own, other = (outcome(lambda lib=lib: loaded(lib, data)) for lib in LIBRARIES)
    assert issubclass(own[0], other[0])
    assert own[1].startswith("PytorchStreamReader failed reading zip archive: ")
    assert other[1].startswith("PytorchStreamReader failed reading zip archive: ")


def test_torch_maps_what_tinynn_writes(tmp_path):
    """It wants the storages at multiples of 64 bytes, and computes from their sizes where they are."""
    value = {
        "a": tinynn.arange(5),
        "b": tinynn.ones(300),
        "none": tinynn.zeros(0),
        "c": tinynn.zeros(3).bool(),
    }
    tinynn.save(value, tmp_path / "x.pth")
    with torch.utils.serialization.config.patch("load.calculate_storage_offsets", True):
        mapped = torch.load(tmp_path / "x.pth", mmap=True, weights_only=True)
    assert same(value, mapped)
    torch.save(mapped, tmp_path / "y.pth")
    assert same(tinynn.load(tmp_path / "y.pth", mmap=True), mapped)


def test_safetensors(tmp_path):
    theirs = {
        "a": torch.arange(5),
        "b": torch.ones(2, 3),
        "c": torch.tensor([True]),
        "0-d": torch.tensor(2.5),
    }
    ours = {name: tinynn.from_numpy(x.numpy()) for name, x in theirs.items()}
    tinynn.save(ours, tmp_path / "ours.safetensors")
    safetensors.torch.save_file(theirs, tmp_path / "theirs.safetensors")
    for path in tmp_path.iterdir():
        own, other = tinynn.load(path), torch.load(path)
        assert {*own} == {*other} == {*theirs}
        assert all(same(own[name], x) and same(ours[name], other[name]) for name, x in theirs.items())
    assert (tmp_path / "ours.safetensors").read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()
    safetensors.torch.save_file({"x": torch.ones(2).bfloat16()}, tmp_path / "x.safetensors")
    with pytest.raises(tinynn.serialization.LoadError, match="Unsupported dtype: the tensor 'x' is BF16"):
        tinynn.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "make",
    [
        lambda lib: [lib.ones(1)],
        lambda lib: {"a": 1},
        lambda lib: {"a": lib.ones(2, 3).t()},
        lambda lib: (lambda x: {"a": x, "b": x[1:]})(lib.ones(3)),
    ],
)
def test_what_safetensors_refuses(make, tmp_path):
    own = outcome(lambda: tinynn.save(make(tinynn), tmp_path / "x.safetensors"))
    other = outcome(lambda: safetensors.torch.save_file(make(torch), tmp_path / "y.safetensors"))
    assert own[0] is other[0]
    assert own[1].split(":")[0].split("`")[0] == other[1].split(":")[0].split("`")[0]
