"""Files without PyTorch: what is saved comes back, and nothing in a file, however hostile, does any harm.

Hostile pickles are put together by hand here, from pickle's instructions: see Python's pickletools.py.
"""

import contextlib
import io
import os
import pickle
import random
import signal
import stat
import struct
import subprocess
import sys
import time
import zipfile
from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

import tinynn
from tinynn import nn, optim
from tinynn.serialization import LoadError, archive


def saved(value, **options):
    """The bytes that `save` writes."""
    file = io.BytesIO()
    tinynn.save(value, file, **options)
    return file.getvalue()


def loaded(data, **options):
    return tinynn.load(io.BytesIO(data), **options)


@contextlib.contextmanager
def raises(error, beginning):
    with pytest.raises(error) as caught:
        yield caught
    assert str(caught.value).startswith(beginning)


LEGACY = {"_use_new_zipfile_serialization": False}
both_formats = pytest.mark.parametrize("options", [{}, LEGACY], ids=["zip", "legacy"])


def checkpoint():
    """One of everything that a file may hold."""
    tinynn.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    optimizer = optim.Adam(model.parameters())
    scheduler = optim.lr_scheduler.MultiStepLR(optimizer, [2, 2, 5])
    for _ in range(3):
        model(tinynn.ones(4, 2)).sum().backward()
        optimizer.step()
        scheduler.step()
    x = tinynn.arange(6.0).reshape(2, 3)
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "generator": tinynn.get_rng_state(),
        "views": [x, x.t(), x[1:, ::2], x[0, 2], tinynn.zeros(2, 0), tinynn.ones(1).expand(4)],
        "dtypes": [tinynn.ones(3).to(dtype) for dtype in tinynn.dtypes.ALL],
        "kinds": [model[0].weight, nn.Buffer(x, persistent=False), tinynn.ones(2, requires_grad=True)],
        "torch": [x.shape, tinynn.float64, tinynn.device("cuda:1")],
        "numbers": (0, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**2000, 0.5, float("-inf"), 2 - 1j),
        "texts": ["", "ü\udc80\U0001f600", b"", b"\x00\xff", bytearray(b"a"), bytearray(), None, True, False],
        "containers": [(), (1,), {1: {}}, {(1, ("a",)), 2.5, None}, Counter("aab"), OrderedDict(a=[]), set()],
        **{str(i): i for i in range(2500)},  # more than are written at a time
    }


def same(a, b):
    """Whether two loaded values are of one type and equal, all through."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tinynn.Tensor):
        equal = np.array_equal(a.detach().numpy(), b.detach().numpy(), equal_nan=a.is_floating_point())
        alike = (a.dtype, a.shape, a.stride(), a.requires_grad) == (
            b.dtype,
            b.shape,
            b.stride(),
            b.requires_grad,
        )
        return equal and alike
    if isinstance(a, dict):
        pairs = zip(a.items(), b.items(), strict=False)
        return len(a) == len(b) and all(same(x, y) for x, y in pairs) and same_attributes(a, b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def same_attributes(a, b):
    return type(a) is not OrderedDict or same(vars(a), vars(b))


# --- there and back


@both_formats
def test_everything_comes_back(options):
    assert same(loaded(saved(checkpoint(), **options)), checkpoint())


@both_formats
def test_tensors_go_on_sharing_memory(options):
    x = tinynn.arange(6.0)
    weight = nn.Parameter(x)
    first, row, again, parameter = loaded(saved([x, x.reshape(2, 3)[1], x, weight], **options))
    first[4] = 40
    assert row.tolist() == [3, 40, 5]
    assert again is first
    assert parameter[4].item() == 40


def test_tied_weights_stay_tied():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    state = loaded(saved(model.state_dict()))
    state["0.weight"].zero_()
    assert not state["1.weight"].any()


def test_a_state_dict_keeps_its_metadata():
    state = nn.BatchNorm1d(3).state_dict()
    assert loaded(saved(state))._metadata == state._metadata == {"": {"version": 2}}


def test_attributes_of_tensors_are_kept():
    tensor, parameter = tinynn.ones(2), nn.Parameter(tinynn.ones(2))
    tensor.note, parameter.group = "a", {"lr": 0.5}
    tensor, parameter, buffer = loaded(saved([tensor, parameter, nn.Buffer(tensor, persistent=False)]))
    assert (tensor.note, parameter.group, buffer.persistent) == ("a", {"lr": 0.5}, False)


def test_a_value_may_hold_itself():
    cycle = [1]
    cycle.append({"cycle": cycle})
    back = loaded(saved(cycle))
    assert back[1]["cycle"] is back


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10.0)[::-1],
        np.zeros(3, [("skipped", "i1"), ("used", "f4")])["used"],
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
        np.broadcast_to(np.float32(7), (3, 2)),
        np.frombuffer(bytes(range(16)), np.int32)[1:3],
    ],
    ids=["backwards", "odd steps", "axes permuted", "read-only", "borrowed"],
)
def test_arrays_of_every_layout_can_be_saved(array):
    back = loaded(saved(tinynn.autograd.variable.Variable.wrap(array)))
    assert np.array_equal(back.numpy(), array)


def test_a_float_seen_as_an_int_is_refused():
    x = np.ones(2, np.float32)
    with raises(RuntimeError, "Cannot save multiple tensors or storages that view the same data"):
        saved([tinynn.from_numpy(x), tinynn.from_numpy(x.view(np.int32))])


def test_paths_and_files(tmp_path):
    path = tmp_path / "größe.pth"
    for place in (path, str(path), os.fsencode(path).decode(errors="surrogateescape")):
        tinynn.save({"place": str(place)}, place)
        assert tinynn.load(place) == {"place": str(place)}
    with open(path, "wb") as file:
        file.write(b"before")
        tinynn.save([1], file)
    with open(path, "rb", buffering=0) as file:
        file.seek(6)
        assert tinynn.load(file) == [1]


def test_legacy_files_can_follow_each_other():
    file = io.BytesIO(saved([tinynn.ones(2), 1], **LEGACY) + saved("two", **LEGACY))
    assert tinynn.load(file)[1] == 1
    assert tinynn.load(file) == "two"


def test_mapped_into_memory(tmp_path):
    path = tmp_path / "x.pth"
    tinynn.save({"x": tinynn.arange(5), "none": tinynn.zeros(0), "bool": tinynn.tensor([True])}, path)
    before = path.read_bytes()
    values = tinynn.load(path, mmap=True)
    values["x"] += 1
    assert values["x"].tolist() == [1, 2, 3, 4, 5]
    assert values["bool"].tolist() == [True]
    assert path.read_bytes() == before
    assert len(saved(values["x"])) < len(before)  # its storage is a piece of the file
    tinynn.save(1, path, **LEGACY)
    with raises(RuntimeError, "mmap can only be used with files saved with"):
        tinynn.load(path, mmap=True)
    with raises(ValueError, "f must be a file path in order to use the mmap argument"):
        loaded(before, mmap=True)
    path.write_bytes(b"")
    with pytest.raises(LoadError):
        tinynn.load(path, mmap=True)


def test_the_other_byte_order():
    big = rewritten(saved(tinynn.zeros(5).int()), changed("data/0", np.arange(5, dtype=">i4").tobytes()))
    assert loaded(rewritten(big, changed("byteorder", b"big"))).tolist() == [0, 1, 2, 3, 4]


def test_truth_is_0_or_1():
    data = saved(tinynn.tensor([True, False]))
    back = loaded(rewritten(data, changed("data/0", b"\x07\x00")))
    assert back.numpy().view(np.uint8).tolist() == [1, 0]


# --- what cannot be saved

Point = namedtuple("Point", "x y")


class OwnTensor(tinynn.Tensor):
    pass


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (nn.Linear(1, 1), "Save its state_dict()."),
        (optim.SGD([tinynn.ones(1)], lr=1.0), "Save its state_dict()."),
        (np.float64(1), "Save number.item()."),
        (np.ones(2), "Save tinynn.from_numpy(array)."),
        (Point(1, 2), "Save tuple(value)."),
        (defaultdict(int), "Save dict(value)."),
        (signal.SIGINT, "Save int(value)."),
        (frozenset(), "Loading runs no code"),
        (lambda: 0, "Loading runs no code"),
        (int, "Loading runs no code"),
        (OwnTensor([1.0]), "Loading runs no code"),
    ],
    ids=lambda case: type(case).__name__,
)
@both_formats
def test_what_could_not_be_loaded_is_not_saved(value, advice, options):
    with raises(pickle.PicklingError, "Can't pickle <") as caught:
        saved({"a": [value]}, **options)
    assert advice in str(caught.value).splitlines()[1]
    assert type(value).__name__ in str(caught.value)


def test_ints_that_torch_would_not_read():
    assert loaded(saved(2**2039 - 1)) == 2**2039 - 1
    with pytest.raises(pickle.PicklingError, match="an int of more than 255 bytes"):
        saved(2**2039)


def test_no_file():
    with raises(AttributeError, "expected 'f' to be string, path, or a file-like object"):
        tinynn.save(1, 5)
    with raises(AttributeError, "'int' object has no attribute 'seek'. You can only torch.load"):
        tinynn.load(5)
    with raises(AssertionError, "Expected bytes, got str"):
        tinynn.load(io.StringIO("text"))
    with pytest.raises(FileNotFoundError):
        tinynn.load("no such file")
    with raises(RuntimeError, "Can not safely load weights when explicit pickle_module"):
        loaded(saved(1), pickle_module=pickle, weights_only=True)


# --- map_location


class TestMapLocation:
    @staticmethod
    def from_gpu(location):
        data = saved(tinynn.ones(2))
        text = b"X\3\0\0\0cpu"
        longer = b"X" + struct.pack("<I", len(location)) + location.encode()
        return rewritten(data, lambda name, data: data.replace(text, longer) if name == "data.pkl" else data)

    @pytest.mark.parametrize(
        "map_location",
        [
            "cpu",
            tinynn.device("cpu"),
            {"cuda:1": "cpu"},
            {"cuda:1": tinynn.device("cpu")},
            lambda storage, location: storage if location == "cuda:1" else None,
        ],
    )
    def test_from_gpu_to_cpu(self, map_location):
        assert loaded(self.from_gpu("cuda:1"), map_location=map_location).tolist() == [1, 1]

    @pytest.mark.parametrize("map_location", [None, "cuda", {"cpu": "cpu"}, lambda storage, location: None])
    def test_there_is_no_gpu(self, map_location):
        with raises(LoadError, "Attempting to deserialize object on a CUDA device but torch.cuda"):
            loaded(self.from_gpu("cuda:1"), map_location=map_location)

    def test_nor_anything_else(self):
        with raises(
            LoadError,
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged with mps",
        ):
            loaded(self.from_gpu("mps"))
        with raises(
            LoadError,
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged with meta",
        ):
            loaded(saved(tinynn.ones(1)), map_location="meta")

    def test_wrong_arguments(self):
        with raises(TypeError, "'int' object is not callable"):
            loaded(saved(1), map_location=5)
        with raises(TypeError, "map_location must return the storage it was given"):
            loaded(saved(tinynn.ones(1)), map_location=lambda storage, location: 5)

    def test_an_exception_of_the_function_is_its_own(self):
        def fails(storage, location):
            raise KeyError(location)

        with pytest.raises(KeyError, match="cpu"):
            loaded(saved(tinynn.ones(1)), map_location=fails)


# --- damaged files


def damage(data, rng):
    """`data` after accidents: a bit flipped, bytes replaced, cut out, put in, exchanged, the rest cut off."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        at, other, n = rng.randrange(len(data)), rng.randrange(len(data)), rng.randrange(1, 40)
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at] = rng.choice([0, 0xFF, rng.randrange(256)])
        elif kind == 2:
            del data[at : at + n]
        elif kind == 3:
            data[at:at] = rng.randbytes(n)
        elif kind == 4:
            data[at : at + n], data[other : other + n] = data[other : other + n], data[at : at + n]
        else:
            del data[max(at, 1) :]
    return bytes(data)


ran = []  # what Python reports of code that runs, while `watching`
watching = False
CODE = {"exec", "compile", "import", "marshal.loads", "open", "os.exec", "os.posix_spawn", "os.system"}
CODE |= {"pickle.find_class", "subprocess.Popen", "socket.connect", "os.remove", "os.rename", "ctypes.dlopen"}
sys.addaudithook(lambda event, args: ran.append((event, args)) if watching and event in CODE else None)


@pytest.fixture
def no_code():
    """Fails the test if any code runs, or a file is opened."""
    global watching
    ran.clear()
    watching = True
    yield
    watching = False
    assert not ran


def small_checkpoint():
    x = tinynn.arange(6.0).reshape(2, 3)
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": x[:1, :2], "bias": x[0, :1]})
    return {"model": model.state_dict(), "views": (x, x.t()), 3: {b"bytes", 1.5}, "own": nn.Parameter(x)}


def test_a_thousand_damaged_archives(no_code):
    """Each gives a LoadError, or what was saved: an accident in the padding hurts nobody."""
    data, rng = saved(small_checkpoint()), random.Random(0)
    outcomes = Counter()
    for _ in range(1000):
        try:
            value = loaded(damage(data, rng))
        except LoadError:
            outcomes["refused"] += 1
        else:
            outcomes["loaded"] += 1
            assert same(value, small_checkpoint())
    assert outcomes["loaded"] < outcomes["refused"]


def test_a_thousand_damaged_legacy_files(no_code):
    """They have no checksums: a LoadError, or other values, but nothing else."""
    data, rng = saved(small_checkpoint(), **LEGACY), random.Random(0)
    refused = 0
    for _ in range(1000):
        try:
            loaded(damage(data, rng))
        except LoadError:
            refused += 1
    assert 500 < refused < 1000


def test_a_thousand_damaged_pickles(no_code):
    """The checksums fit: what the archive says about the pickle in it does not help against this one."""
    data, rng = saved(small_checkpoint()), random.Random(0)
    refused = 0
    for _ in range(1000):
        try:
            loaded(rewritten(data, lambda name, data: damage(data, rng) if name == "data.pkl" else data))
        except LoadError:
            refused += 1
    assert 500 < refused < 1000


@both_formats
def test_cut_off_anywhere(options, no_code):
    data = saved({"x": tinynn.ones(3)}, **options)
    for n in range(len(data)):
        with pytest.raises(LoadError):
            loaded(data[:n])


def test_the_error_is_both_of_torchs():
    assert issubclass(LoadError, pickle.UnpicklingError)
    assert issubclass(LoadError, RuntimeError)


# --- hostile pickles


def text(string):
    data = string.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def code(value):
    """Instructions that put `value` on the stack; bytes are instructions already."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool) or value is None:
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        data = pickle.encode_long(value)
        return b"\x8a" + bytes([len(data)]) + data
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, tuple):
        return b"(" + b"".join(map(code, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(code, value)) + b"e"
    assert isinstance(value, dict)
    return b"}(" + b"".join(code(item) for pair in value.items() for item in pair) + b"u"


def named(path):
    module, _, name = path.rpartition(".")
    return f"c{module}\n{name}\n".encode()


def call(path, *arguments):
    return named(path) + code(arguments) + b"R"


def pickled(*values):
    return b"\x80\x02" + b"".join(map(code, values)) + b"."


def zipped(data_pkl, storage=bytes(16)):
    contents = {"data.pkl": data_pkl, "data/0": storage}
    return rewritten(saved(tinynn.zeros(4)), lambda name, data: contents.get(name, data))


def legacy(data_pkl, keys=("0",), numel=4, storage=bytes(16)):
    start = pickled(0x1950A86A20F9469CFC6C) + pickled(1001) + pickled({})
    return start + data_pkl + pickled(list(keys)) + struct.pack("<q", numel) + storage


def storage(kind="torch.FloatStorage", key="0", location="cpu", numel=4, *more):
    return code(("storage", named(kind), key, location, numel, *more)) + b"Q"


HOOKS = call("collections.OrderedDict")


def tensor(kept=None, offset=0, size=(4,), stride=(1,), requires_grad=False, *more):
    kept = storage() if kept is None else kept
    return call("torch._utils._rebuild_tensor_v2", kept, offset, size, stride, requires_grad, HOOKS, *more)


LEGACY_TENSOR = tensor(storage("torch.FloatStorage", "0", "cpu", 4, None))


def test_the_hand_made_pickles_are_good_ones():
    """So that what refuses the others is not some slip in these helpers."""
    assert loaded(zipped(pickled({"x": [tensor()]})))["x"][0].tolist() == [0, 0, 0, 0]
    assert loaded(legacy(pickled(LEGACY_TENSOR))).sum() == 0
    from_gpu = zipped(pickled(tensor(storage("torch.cuda.FloatStorage", location="cuda:0"))))
    assert loaded(from_gpu, map_location="cpu").tolist() == [0, 0, 0, 0]


SYSTEM = "os.system"
HOSTILE = {
    "GLOBAL": (named(SYSTEM), "os.system"),
    "REDUCE": (call(SYSTEM, "exit"), "os.system"),
    "posix": (call("posix.system", "exit"), "posix.system"),
    "eval": (call("builtins.eval", "exit()"), "GLOBAL eval"),
    "Python 2's eval": (call("__builtin__.eval", "exit()"), "GLOBAL eval"),
    "exec": (call("builtins.exec", "exit()"), "GLOBAL exec"),
    "getattr": (call("builtins.getattr", named("collections.OrderedDict"), "__init__"), "GLOBAL getattr"),
    "__import__": (call("builtins.__import__", "os"), "GLOBAL __import__"),
    "copyreg": (
        call("copyreg._reconstructor", named("torch.Tensor"), named("builtins.object"), None),
        "copyreg",
    ),
    "copy_reg": (call("copy_reg._reconstructor", named("torch.Tensor"), None, None), "copy_reg"),
    "a dotted name": (named("collections.OrderedDict.__init__.__globals__"), "__globals__"),
    "a name with a path": (named("tinynn.serialization.archive.zlib"), "zlib"),
    "a module of ours": (named("tinynn.Tensor"), "tinynn.Tensor"),
    "functools": (call("functools.partial", named("os.system"), "exit"), "functools.partial"),
    "operator": (named("operator.attrgetter"), "operator.attrgetter"),
    "terminal codes": (named("\x1b[2J.x"), r"'\x1b[2J.x'"),
    "a class of torch": (call("torch.nn.modules.linear.Linear", 1, 1), "torch.nn.modules.linear.Linear"),
    "a numpy scalar": (call("numpy._core.multiarray.scalar"), "numpy._core.multiarray.scalar"),
    "INST": (b"(ios\nsystem\n", "Unsupported operand 105"),
    "OBJ": (b"(" + named("collections.OrderedDict") + b"o", "Unsupported operand 111"),
    "NEWOBJ": (named("collections.OrderedDict") + b")\x81", "Unsupported operand 129"),
    "NEWOBJ_EX": (named("collections.OrderedDict") + b")}\x92", "Unsupported operand 146"),
    "STACK_GLOBAL": (text("os") + text("system") + b"\x93", "Unsupported operand 147"),
    "EXT1": (b"\x82\x01", "Unsupported operand 130"),
    "EXT2": (b"\x83\x01\x00", "Unsupported operand 131"),
    "EXT4": (b"\x84\x01\x00\x00\x00", "Unsupported operand 132"),
    "PERSID": (b"P0\n", "Unsupported operand 80"),
    "INT": (b"I1\n", "Unsupported operand 73"),
    "LONG4": (b"\x8b\xff\xff\xff\x7f", "Unsupported operand 139"),
    "POP": (b"0", "Unsupported operand 48"),
    "DUP": (b"2", "Unsupported operand 50"),
    "NEXT_BUFFER": (b"\x97", "Unsupported operand 151"),
    "calling a value": (code(5) + code(()) + b"R", "unrecognized function int"),
    "calling a list": (code([]) + code(()) + b"R", "unrecognized function list"),
    "calling a dtype": (call("torch.float32"), "unrecognized function dtype"),
    "calling a storage type": (call("torch.FloatStorage", 10**12), "unrecognized function StorageType"),
    "calling Tensor": (call("torch.Tensor", 10**12), "unrecognized function type"),
    "calling Parameter": (call("torch.nn.parameter.Parameter"), "unrecognized function type"),
    "calling with a list": (named("collections.OrderedDict") + b"]R", "unrecognized function type"),
    "BUILD on a dict": (code({}) + code({"a": 1}) + b"b", "Can only add to OrderedDict"),
    "BUILD on a list": (code([]) + code({}) + b"b", "Can only add to OrderedDict"),
    "BUILD on a class": (
        named("collections.OrderedDict") + code({"x": 1}) + b"b",
        "Can only add to OrderedDict",
    ),
    "BUILD on a tensor": (tensor() + code({"_array": 1}) + b"b", "Can only add to OrderedDict"),
    "BUILD over a method": (HOOKS + code({"items": 1}) + b"b", "attributes of new names"),
    "BUILD of dunders": (HOOKS + code({"__class__": 1}) + b"b", "attributes of new names"),
    "BUILD of a number": (HOOKS + code({1: 1}) + b"b", "attributes of new names"),
    "BUILD with slots": (HOOKS + code(({}, {"a": 1})) + b"b", "attributes of new names"),
    "APPEND to a dict": (code({}) + code(1) + b"a", "Can only add to list"),
    "APPEND to a tensor": (tensor() + code(1) + b"a", "Can only add to list"),
    "APPENDS to a tuple": (code(()) + b"(K\x01e", "Can only add to list"),
    "SETITEM of a list": (code([1]) + code(0) + code(1) + b"s", "Can only add to dict"),
    "SETITEM of a tensor": (tensor() + code(0) + code(1) + b"s", "Can only add to dict"),
    "SETITEM of a class": (named("builtins.set") + code(0) + code(1) + b"s", "Can only add to dict"),
    "a list for a key": (code({}) + code([]) + code(1) + b"s", "cannot be hashed: there is a list"),
    "a list in a key": (code({}) + code(((), ([],))) + code(1) + b"s", "cannot be hashed: there is a list"),
    "a list in a set": (call("builtins.set", [[]]), "cannot be hashed: there is a list"),
    "a storage for a key": (code({}) + storage() + code(1) + b"s", "cannot be hashed: there is a ndarray"),
    "a key without a value": (code({}) + b"(K\x01u", "a key has no value"),
    "an empty stack": (b"\x85", "empty stack"),
    "no list to append to": (b"K\x01a", "empty stack"),
    "no mark": (b"t", "a mark that it never made"),
    "an unknown reference": (b"h\x07", "value 7, which it did not store"),
    "not utf-8": (b"X\1\0\0\0\xff", "a text is not utf-8"),
    "a text of 4 GB": (b"X\xff\xff\xff\xff", "unexpected EOF"),
    "a name without an end": (b"c" + b"a" * 5000, "a line in it has no end"),
    "a huge bytearray": (call("builtins.bytearray", 10**12), "made of bytes, not of int"),
    "huge bytes": (call("builtins.bytes", 10**12), "arguments of bytes are wrong"),
    "a codec": (call("_codecs.encode", "x", "rot13"), "latin1"),
    "no latin1": (call("_codecs.encode", "\u2020", "latin1"), "wrong"),
    "complex of texts": (call("builtins.complex", "1", "2"), "two float parts"),
    "a set of a tensor": (call("builtins.set", tensor()), "should be a list, not a Tensor"),
    "a Counter of a list": (call("collections.Counter", [1]), "arguments of Counter are wrong"),
    "an OrderedDict of triples": (call("collections.OrderedDict", [(1, 2, 3)]), "arguments of OrderedDict"),
    "a Size of floats": (call("torch.Size", (1.5,)), "tuple of ints"),
    "no device": (call("torch.device", "nowhere"), "arguments of device are wrong"),
    "bfloat16": (storage("torch.BFloat16Storage"), "the file holds torch.BFloat16Storage"),
    "a dtype": (named("torch.complex64"), "the file holds torch.complex64"),
    # persistent ids
    "an id of the wrong type": (code(5) + b"Q", "Only persistent_load of storage"),
    "an id that begins with a tensor": (code((tensor(), 1, 2, 3, 4)) + b"Q", "something else for a name"),
    "an id without parts": (code(()) + b"Q", "Only persistent_load of storage"),
    "an id of a module": (
        code(("module", named("torch.Tensor"), "f", "s", 1)) + b"Q",
        "Only persistent_load",
    ),
    "a storage of a dtype": (storage("torch.float32"), "without a type and a size"),
    "a negative storage": (storage(numel=-1), "without a type and a size"),
    "a storage of floats": (storage(numel=4.0), "without a type and a size"),
    "a storage without key": (storage(key=0), "something else for a name"),
    "a storage of nowhere": (storage(location=0), "something else for a name"),
    "two sizes": (code([storage(), storage(numel=3)]), "two types or sizes"),
    "two dtypes": (code([storage(), storage("torch.IntStorage")]), "two types or sizes"),
    # tensors
    "no storage": (tensor(4), "made of a storage"),
    "too large a size": (
        tensor(size=(5,)),
        "setStorage: sizes [5], strides [1], storage offset 0, and itemsize 4",
    ),
    "too large a stride": (tensor(size=(2,), stride=(4,)), "setStorage: sizes [2], strides [4]"),
    "too large an offset": (tensor(offset=1), "setStorage: sizes [4], strides [1], storage offset 1"),
    "sizes that overflow": (tensor(size=(2**62, 2**62), stride=(0, 0)), "_rebuild_tensor_v2 are wrong"),
    "strides that overflow": (tensor(size=(1, 4), stride=(2**62, 1)), "_rebuild_tensor_v2 are wrong"),
    "a stride beyond 64 bits": (tensor(size=(2,), stride=(2**64,)), "numbers from 0 on"),
    "a negative size": (tensor(size=(-1,)), "numbers from 0 on"),
    "a negative stride": (tensor(offset=3, size=(2,), stride=(-1,)), "numbers from 0 on"),
    "a negative offset": (tensor(offset=-1), "numbers from 0 on"),
    "a size of bools": (tensor(size=(True,)), "numbers from 0 on"),
    "a size of floats": (tensor(size=(1.0,)), "numbers from 0 on"),
    "a size that is a list": (tensor(size=[4]), "made of a storage"),
    "sizes without strides": (tensor(stride=()), "as many"),
    "65 dimensions": (tensor(size=(1,) * 65, stride=(1,) * 65), "as many"),
    "requires_grad of a number": (tensor(None, 0, (4,), (1,), 1), "should be True or False"),
    "an int that requires grad": (
        tensor(storage("torch.IntStorage"), 0, (4,), (1,), True),
        "_rebuild_tensor_v2 are wrong",
    ),
    "a negated view": (tensor(None, 0, (4,), (1,), False, {"neg": True}), "no negated views"),
    "arguments missing": (call("torch._utils._rebuild_tensor_v2", storage()), "_rebuild_tensor_v2 are wrong"),
    "arguments too many": (tensor(None, 0, (4,), (1,), False, None, 1), "_rebuild_tensor_v2 are wrong"),
    "a Parameter of a list": (call("torch._utils._rebuild_parameter", [], True, HOOKS), "not of a list"),
    "attributes that exist": (
        call("torch._utils._rebuild_parameter_with_state", tensor(), True, HOOKS, {"_array": 1}),
        "attributes of new names",
    ),
    "attributes by slots": (
        call("torch._utils._rebuild_parameter_with_state", tensor(), True, HOOKS, ({}, {"a": 1})),
        "attributes are a dict",
    ),
    "a rebuild that is a tensor": (
        call("torch._tensor._rebuild_from_type_v2", tensor(), named("torch.Tensor"), (), {}),
        "Only a Tensor can be given attributes",
    ),
    "a rebuild of its own": (
        call(
            "torch._tensor._rebuild_from_type_v2",
            named("collections.OrderedDict"),
            named("torch.Tensor"),
            (),
            {},
        ),
        "Only a Tensor can be given attributes",
    ),
    "a sparse tensor": (call("torch._utils._rebuild_sparse_tensor"), "torch._utils._rebuild_sparse_tensor"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name, no_code):
    instructions, reason = HOSTILE[name]
    for weights_only in (True, False):
        with pytest.raises(LoadError) as caught:
            loaded(zipped(pickled(instructions)), weights_only=weights_only)
        assert reason in str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_in_legacy_files(name, no_code):
    instructions, _ = HOSTILE[name]
    with pytest.raises(LoadError):
        loaded(legacy(pickled(instructions)))
    with pytest.raises(LoadError):
        loaded(pickled(instructions))  # where the magic number should be


def test_an_ordinary_pickle(no_code):
    """What people try to load most: not a file of torch.save, and the class is named if one is met."""
    with raises(LoadError, "Invalid magic number; corrupt file?"):
        loaded(pickle.dumps({"a": 1}, 0))
    with pytest.raises(LoadError, match="GLOBAL decimal\\.Decimal was not an allowed global"):
        loaded(b"\x80\x02cdecimal\nDecimal\n.")


LEGACY_HOSTILE = {
    "no key": (legacy(pickled(LEGACY_TENSOR), ()), "not in it"),
    "another key": (legacy(pickled(1)), "a storage that no tensor needs"),
    "keys that are no texts": (legacy(pickled(1), [([],)]), "something else for a name"),
    "another size": (
        legacy(pickled(LEGACY_TENSOR), ("0",), 3),
        "storage has wrong size: expected 4 got 3",
    ),
    "a petabyte": (legacy(pickled(storage("torch.FloatStorage", "0", "cpu", 2**50, None))), "unexpected EOF"),
    "many storages, together too large": (
        legacy(pickled([storage("torch.ByteStorage", str(i), "cpu", 100, None) for i in range(1000)])),
        "unexpected EOF",
    ),
    "a view outside": (
        legacy(pickled(storage("torch.FloatStorage", "0", "cpu", 4, ("1", 2, 3)))),
        "beyond its end",
    ),
    "a view of nothing": (
        legacy(pickled(storage("torch.FloatStorage", "0", "cpu", 4, 7))),
        "no offset and size",
    ),
    "another version": (pickled(0x1950A86A20F9469CFC6C) + pickled(7), "Invalid protocol version: 7"),
    "another magic number": (pickled(7), "Invalid magic number; corrupt file?"),
    "a tensor for a magic number": (
        pickled(LEGACY_TENSOR) + bytes(24),
        "Invalid magic number; corrupt file?",
    ),
}


@pytest.mark.parametrize("name", LEGACY_HOSTILE)
def test_hostile_legacy_files(name, no_code):
    data, reason = LEGACY_HOSTILE[name]
    with pytest.raises(LoadError) as caught:
        loaded(data)
    assert reason in str(caught.value)


def test_a_view_in_a_legacy_file():
    """Files from before 0.4 say which part of a storage a tensor's storage is."""
    values = np.arange(4, dtype=np.float32).tobytes()
    part = tensor(storage("torch.FloatStorage", "0", "cpu", 4, ("1", 1, 2)), 0, (2,))
    assert loaded(legacy(pickled(part), storage=values)).tolist() == [1, 2]


def test_strings_of_python_2():
    data = zipped(pickled(b"U\2\xc3\xbc"))
    assert loaded(data) == "ü"
    assert loaded(data, encoding="latin1") == "Ã¼"
    assert loaded(data, encoding="bytes") == b"\xc3\xbc"
    with pytest.raises(LoadError, match="a text is not ascii"):
        loaded(data, encoding="ascii")
    with pytest.raises(LookupError, match="unknown encoding"):
        loaded(data, encoding="klingon")


def bombs():
    """Instructions that take little room in a file, and could take all the memory or time there is."""
    many, store, fetch = 50_000, b"q\0", b"h\0"
    yield "a tuple of itself, again and again", b"})" + (store + fetch + b"\x86") * 60 + b"Ns"
    yield "a tuple of a tuple of a tuple", b"})" + b"\x85" * 100_000 + b"Ns"
    yield "a key of many parts", code((1,) * 10_000) + store + b"}(" + (fetch + b"N") * many + b"u"
    yield "a long key", text("x" * 1_000_000) + store + b"}(" + (fetch + b"N") * many + b"u"
    yield "keys of one hash", b"}(" + b"".join(code(i * (2**61 - 1)) + b"N" for i in range(many)) + b"u"
    encode = named("_codecs.encode") + fetch + text("latin1") + b"\x86R"
    yield "copies of bytes", text("x" * 1_000_000) + store + b"(" + encode * many + b"t"
    yield "copies of a list", code(list(range(5000))) + store + call("builtins.set", fetch) * many
    attributes = code({f"x{i}": i for i in range(5000)})
    yield "copies of attributes", attributes + store + b"(" + (HOOKS + fetch + b"b") * many + b"t"
    long_id = code((call("_codecs.encode", "x" * 1_000_000, "latin1"), 1, 2, 3, 4))
    yield "a long name of a storage", long_id + store + (fetch + b"Q") * many
    yield (
        "copies of a dict",
        code({i: i for i in range(5000)}) + store + call("collections.Counter", fetch) * many,
    )


def try_bombs():
    """Prints the names of those that are not refused."""
    for name, instructions in bombs():
        for data in (zipped(pickled(instructions)), legacy(pickled(instructions))):
            try:
                loaded(data)
                print(name)
            except LoadError:
                pass
    for nested in (b"]" * 100_000 + b"a" * 99_999, b"(" * 100_000 + b"t" * 100_000):
        loaded(zipped(pickled(nested)))  # deep, but harmless
    print("done")


def test_bombs():
    """In a process of its own, which gets 2 GB and 60 seconds."""
    limits = "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))"
    limits += "; resource.setrlimit(resource.RLIMIT_CPU, (60, 60))"
    script = f"import resource; {limits}; from tests.test_serialization import try_bombs; try_bombs()"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("done\n", "")


# --- hostile archives


def archive_of(*records):
    file = io.BytesIO()
    writer = archive.ArchiveWriter(file)
    for name, data in records:
        writer.write(name, data)
    writer.close()
    return file.getvalue()


def rewritten(data, change):
    """An archive with records changed by `change(name, data)`, and checksums that fit."""
    with zipfile.ZipFile(io.BytesIO(data)) as records:
        names = [name.removeprefix("archive/") for name in records.namelist()[:-2]]  # `close` adds the others
        return archive_of(*((name, change(name, records.read(f"archive/{name}"))) for name in names))


def changed(wanted, contents):
    return lambda name, data: contents if name == wanted else data


def patched(data, at, layout, *numbers):
    return data[:at] + struct.pack("<" + layout, *numbers) + data[at + struct.calcsize("<" + layout) :]


def packed_by_zipfile(*names, **options):
    """The records of an archive, packed by Python's zipfile: as many as there are names, or all."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(ARANGE)) as old, zipfile.ZipFile(file, "w", **options) as new:
        for old_name, name in zip(old.namelist(), names or old.namelist(), strict=False):
            new.writestr(name, old.read(old_name))
    return file.getvalue()


ARANGE = saved({"x": tinynn.arange(4)})
DIRECTORY = ARANGE.index(b"PK\1\2")
LINE = ARANGE.index(b"archive/data/0", DIRECTORY) - 46  # of the storage, in the central directory
SIZES, POSITION = LINE + 20, LINE + 42
LAST_LINE = ARANGE.rindex(b"PK\1\2")
END_64, END = ARANGE.rindex(b"PK\6\6"), ARANGE.rindex(b"PK\5\6")
PICKLE = ("data.pkl", pickled(1))
# fmt: off
HOSTILE_ARCHIVES = {
    "no end":                     (ARANGE[:END], "failed finding central directory"),
    "an end without the rest":    (ARANGE[: END + 10], "failed finding central directory"),
    "a directory elsewhere":      (patched(ARANGE, END_64 + 48, "Q", DIRECTORY + 1), "invalid header"),
    "a directory beyond the end": (patched(ARANGE, END_64 + 48, "Q", 2**63), "invalid header"),
    "an endless directory":       (patched(ARANGE, END_64 + 40, "Q", 2**63), "invalid header"),
    "endless records":            (patched(ARANGE, END_64 + 32, "Q", 2**64 - 1), "invalid header"),
    "no records":                 (patched(ARANGE, END_64 + 24, "3Q", 0, 0, 0), "data.pkl: file not found"),
    "no large end":               (patched(ARANGE, END_64, "4s", b"PK\6\0"), "invalid header"),
    "a large end elsewhere":      (patched(ARANGE, END - 12, "Q", 2**60), "points to byte"),
    "a long name":                (patched(ARANGE, LAST_LINE + 28, "H", 60000), "invalid header"),
    "a name that is no text":     (ARANGE.replace(b"e/version", b"e/\xffersion"), "invalid header"),
    "two names of a record":      (patched(ARANGE, LINE + 46, "7s", b"zrchive"), "invalid header"),
    "a header beyond the end":    (patched(ARANGE, POSITION, "L", 2**32 - 2), "points to byte"),
    "another's header":           (patched(ARANGE, POSITION, "L", 0), "invalid header"),
    "no header":                  (patched(ARANGE, 0, "4s", b"PK\3\5"), "Invalid magic number"),
    "compressed":                 (patched(ARANGE, LINE + 10, "H", 8), "compressed or encrypted"),
    "encrypted":                  (patched(ARANGE, LINE + 8, "H", 1), "compressed or encrypted"),
    "stored smaller than it is":  (patched(ARANGE, SIZES, "L", 4), "compressed or encrypted"),
    "another's bytes":            (patched(ARANGE, SIZES, "2L", 200, 200), "overlaps"),
    "4 GB":                       (patched(ARANGE, SIZES, "2L", 2**32 - 2, 2**32 - 2), "overlaps"),
    "18 EB":                      (patched(ARANGE, SIZES, "2L", 2**32 - 1, 2**32 - 1), "overlaps"),
    "one byte more":              (patched(ARANGE, SIZES, "2L", 33, 33), "crc32 check failed"),
    "another checksum":           (patched(ARANGE, LINE + 16, "L", 1), "crc32 check failed"),
    "a bomb":                     (packed_by_zipfile(compression=zipfile.ZIP_DEFLATED), "compressed"),
    "records in no folder":       (packed_by_zipfile("data.pkl", "byteorder"), "subdirectory: 'data.pkl'"),
    "a record outside":           (packed_by_zipfile("a/data.pkl", "/etc/x"), "subdirectory: '/etc/x'"),
    "a record above":             (packed_by_zipfile("a/data.pkl", "../b"), "subdirectory: '../b'"),
    "two of a name":              (archive_of(PICKLE, PICKLE), "there are two of this name"),
    "a program":                  (archive_of(PICKLE, ("constants.pkl", b"")), "TorchScript archives"),
    "another byte order":         (archive_of(PICKLE, ("byteorder", b"middle")), "Unknown endianness type"),
    "an empty pickle":            (archive_of(("data.pkl", b"")), "unexpected EOF"),
    "no storage":                 (archive_of(("data.pkl", pickled(tensor()))), "data/0: file not found"),
    "a storage too small":        (rewritten(ARANGE, changed("data/0", bytes(24))), "expected 32 got 24"),
    "a storage too large":        (rewritten(ARANGE, changed("data/0", bytes(40))), "expected 32 got 40"),
}
# fmt: on


@pytest.mark.parametrize("name", HOSTILE_ARCHIVES)
def test_hostile_archives(name, no_code):
    data, reason = HOSTILE_ARCHIVES[name]
    with pytest.raises(LoadError) as caught:
        loaded(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", HOSTILE_ARCHIVES)
def test_hostile_archives_mapped_into_memory(name, tmp_path):
    (tmp_path / "x.pth").write_bytes(HOSTILE_ARCHIVES[name][0])
    with pytest.raises(RuntimeError):
        tinynn.load(tmp_path / "x.pth", mmap=True)


def test_archives_of_other_programs():
    appended = ARANGE + b"something after the end"
    commented = patched(ARANGE, END + 20, "H", 9) + b"a comment"
    for data in (packed_by_zipfile(), appended, commented):
        assert loaded(data)["x"].tolist() == [0, 1, 2, 3]
    with zipfile.ZipFile(io.BytesIO(ARANGE)) as records:
        assert records.testzip() is None


def test_an_archive_without_checksums():
    """torch.serialization.set_crc32_options(False) leaves them 0."""
    data = ARANGE
    with zipfile.ZipFile(io.BytesIO(ARANGE)) as records:
        for info in records.infolist():
            data = data.replace(struct.pack("<L", info.CRC), bytes(4))
    assert loaded(data)["x"].tolist() == [0, 1, 2, 3]


def with_long_numbers(size, position):
    """ARANGE with size and position of its storage in 64 bits, as in archives of more than 4 GB."""
    extra = struct.pack("<2H3Q", 1, 24, size, size, position)
    data = patched(patched(ARANGE, SIZES, "2L", 2**32 - 1, 2**32 - 1), POSITION, "L", 2**32 - 1)
    data = patched(data, LINE + 30, "H", len(extra))
    name_end = POSITION + 4 + len("archive/data/0")
    data = data[:name_end] + extra + data[name_end:]
    end_64 = END_64 + len(extra)
    data = patched(data, end_64 + 40, "Q", end_64 - DIRECTORY)
    return patched(data, end_64 + 56 + 8, "Q", end_64)


def test_the_numbers_of_large_archives():
    size, position = 32, *struct.unpack("<L", ARANGE[POSITION : POSITION + 4])
    assert loaded(with_long_numbers(size, position))["x"].tolist() == [0, 1, 2, 3]
    for hostile in ((2**63, position), (size, 2**63), (size, position + 1), (2**64 - 1, 2**64 - 1)):
        with pytest.raises(LoadError):
            loaded(with_long_numbers(*hostile))


# --- replacing a file


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [OSError("No space left on device"), Interrupted()])
def test_a_failure_leaves_the_old_file(error, tmp_path, monkeypatch):
    path = tmp_path / "x.pth"
    tinynn.save("old", path)
    put = archive.ArchiveWriter._put

    def fail(self, data):
        if self._position > 2000:
            raise error
        put(self, data)

    monkeypatch.setattr(archive.ArchiveWriter, "_put", fail)
    for target in (path, tmp_path / "new.pth"):
        with pytest.raises(type(error)):
            tinynn.save(tinynn.ones(1000), target)
    assert os.listdir(tmp_path) == ["x.pth"]
    assert tinynn.load(path) == "old"


def test_what_cannot_be_saved_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.pth"
    tinynn.save("old", path)
    with pytest.raises(pickle.PicklingError):
        tinynn.save([tinynn.ones(1000), object()], path)
    assert os.listdir(tmp_path) == ["x.pth"]
    assert tinynn.load(path) == "old"


WRITER = """
import itertools, sys, tinynn
for i in itertools.count():
    value = {"i": i, "x": tinynn.full((40_000,), i)}
    tinynn.save(value, sys.argv[1], _use_new_zipfile_serialization=i % 2 == 0)
"""


def test_killed_in_the_middle(tmp_path):
    """Whenever a process that saves is killed, the file is one of those it meant to write, whole."""
    path = tmp_path / "x.pth"
    rng = random.Random(0)
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", WRITER, path]) as writer:
            for _ in range(200):
                if path.exists() or writer.poll() is not None:
                    break
                time.sleep(0.05)
            time.sleep(rng.random() / 10)
            writer.kill()
        found = tinynn.load(path)
        assert (found["x"] == found["i"]).all()
        assert all(name == "x.pth" or name.endswith(".tmp") for name in os.listdir(tmp_path))
        path.unlink()


def test_what_is_kept_of_the_old_file(tmp_path):
    path, link = tmp_path / "x.pth", tmp_path / "link.pth"
    tinynn.save(1, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask()
    path.chmod(0o640)
    link.symlink_to(path)
    tinynn.save(2, link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert tinynn.load(path) == 2


def umask():
    old = os.umask(0)
    os.umask(old)
    return old


def test_what_is_no_ordinary_file(tmp_path):
    tinynn.save(tinynn.ones(2), os.devnull)
    assert not os.path.isfile(os.devnull)
    with pytest.raises(IsADirectoryError):
        tinynn.save(1, tmp_path)
    with raises(RuntimeError, f"Parent directory {tmp_path}/nowhere does not exist."):
        tinynn.save(1, tmp_path / "nowhere" / "x.pth")
    with raises(RuntimeError, f"Parent directory {tmp_path}/x.pth does not exist."):
        tinynn.save(1, tmp_path / "x.pth" / "y.pth")


# --- safetensors


def test_safetensors(tmp_path):
    path = tmp_path / "x.safetensors"
    tensors = {str(dtype): tinynn.ones(2, 3).to(dtype) for dtype in tinynn.dtypes.ALL}
    tensors |= {"0-d": tinynn.tensor(1.5), "empty": tinynn.zeros(0, 2), "p": nn.Parameter(tinynn.ones(2))}
    tinynn.save(tensors, path)
    back = tinynn.load(path, map_location="cpu")
    tensors["p"] = tinynn.ones(2)  # there is no word for Parameter in such a file
    assert set(back) == set(tensors)
    assert all(same(back[name], tensors[name]) for name in tensors)
    back["p"] += 1
    assert same(tinynn.load(str(path))["p"], tinynn.ones(2))


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (
            [tinynn.ones(1)],
            ValueError,
            "Expected a dict of [str, torch.Tensor] but received <class 'list'>",
        ),
        ({"a": {"b": tinynn.ones(1)}}, ValueError, "Key `a` is invalid, expected torch.Tensor but received"),
        ({1: tinynn.ones(1)}, ValueError, "Key `1` is invalid"),
        ({"a": tinynn.ones(2, 3).t()}, ValueError, "You are trying to save a non contiguous tensor: `a`"),
        ((lambda x: {"a": x, "b": x[1:]})(tinynn.ones(3)), RuntimeError, "Some tensors share memory"),
    ],
)
def test_what_safetensors_cannot_hold(value, error, message, tmp_path):
    with raises(error, f"{message}"):
        tinynn.save(value, tmp_path / "x.safetensors")
    assert os.listdir(tmp_path) == []


def test_parts_of_one_storage_can_be_safetensors(tmp_path):
    x = tinynn.arange(4)
    tinynn.save({"a": x[:2], "b": x[2:], "c": x[:0]}, tmp_path / "x.safetensors")
    assert tinynn.load(tmp_path / "x.safetensors")["b"].tolist() == [2, 3]


def test_damaged_safetensors(tmp_path):
    path, rng = tmp_path / "x.safetensors", random.Random(0)
    tinynn.save({"a": tinynn.ones(3), "b": tinynn.zeros(2, 2)}, path)
    data = path.read_bytes()
    for _ in range(300):
        path.write_bytes(damage(data, rng))
        with contextlib.suppress(LoadError):
            assert all(type(value) is tinynn.Tensor for value in tinynn.load(path).values())
    path.write_bytes(data.replace(b'"F32"', b'"C64"').replace(b"12]", b"24]"))
    with pytest.raises(LoadError):
        tinynn.load(path)


def test_safetensors_arguments(tmp_path):
    path = tmp_path / "x.safetensors"
    tinynn.save({"a": tinynn.ones(3)}, path)
    with raises(LoadError, "Attempting to deserialize object on a CUDA device"):
        tinynn.load(path, map_location="cuda")
    for kind, map_location in (("dict", {"cuda": "cpu"}), ("callable", lambda storage, location: storage)):
        with raises(RuntimeError, f"Loading safetensors file with {kind} map_location is not"):
            tinynn.load(path, map_location=map_location)
    with pytest.raises(FileNotFoundError):
        tinynn.load(tmp_path / "y.safetensors")


def test_safetensors_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda path: tinynn.save({}, path), tinynn.load):
        with pytest.raises(RuntimeError, match="Please install safetensors with: pip install safetensors"):
            call(tmp_path / "x.safetensors")


# --- pickle and copy


def test_pickle_and_copy_do_not_need_any_of_this():
    script = "import copy, pickle, sys, tinynn; x = copy.deepcopy(pickle.loads(pickle.dumps(tinynn.ones(2))))"
    script += "; assert x.sum() == 2 and 'tinynn.serialization' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
