"""Short programs as people write them, and what their first lines and loops lean on, on both libraries."""

# ruff: noqa: E501 - a line for each case

import math
import warnings

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.harness import neutral
from parity_tests.layers import LIBRARIES, check_refused, evaluated

DTYPES = ["float32", "float64"]


@pytest.fixture(autouse=True)
def _defaults():
    yield
    for library in LIBRARIES:
        library.set_default_dtype(library.float32)
        library.use_deterministic_algorithms(False)


# --- programs: each gives the numbers that it would print


def char_lstm(torch):
    """An LSTM learns a text, then writes one."""
    nn, F = torch.nn, torch.nn.functional
    text = "the quick brown fox jumps over the lazy dog. " * 6
    chars = sorted(set(text))
    data = torch.LongTensor([chars.index(c) for c in text])
    embed, lstm, head = (
        nn.Embedding(len(chars), 8),
        nn.LSTM(8, 12, 2, dropout=0.1, batch_first=True),
        nn.Linear(12, len(chars)),
    )
    model = nn.ModuleList([embed, lstm, head])
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    weight = next(model.parameters()).data
    state = weight.new(2, 4, 12).zero_(), weight.new_zeros(2, 4, 12)
    inputs, targets = data[:240].view(4, -1), torch.roll(data, -1)[:240].view(4, -1)
    printed = []
    for i in range(0, 60, 12):
        optimizer.zero_grad()
        out, state = lstm(embed(inputs[:, i : i + 12]), tuple(s.detach() for s in state))
        loss = F.cross_entropy(head(out).reshape(-1, len(chars)), targets[:, i : i + 12].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        printed.append(loss.item())
    model.eval()
    index, state = torch.tensor([[3]]), None
    with torch.no_grad():
        for _ in range(20):
            out, state = lstm(embed(index), state)
            index = torch.multinomial(F.softmax(head(out)[:, -1] / 0.8, dim=-1), num_samples=1)
            printed.append(index.item())
    return printed


def small_gpt(torch):
    """A transformer with a causal mask and tied weights, its learning rate warmed up, and samples of it."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(12), nn.LayerNorm(12)
            self.attend, self.project = nn.Linear(12, 36), nn.Linear(12, 12)
            self.mlp = nn.Sequential(
                nn.Linear(12, 48), nn.GELU(approximate="tanh"), nn.Linear(48, 12), nn.Dropout(0.1)
            )
            self.register_buffer("past", torch.tril(torch.ones(8, 8)).view(1, 1, 8, 8), persistent=False)

        def forward(self, x):
            batch, steps, width = x.size()
            q, k, v = (
                t.view(batch, steps, 3, 4).transpose(1, 2)
                for t in self.attend(self.norm1(x)).split(width, dim=2)
            )
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(self.past[:, :, :steps, :steps] == 0, -torch.inf)
            y = F.dropout(F.softmax(scores, dim=-1), 0.1, self.training) @ v
            x = x + self.project(y.transpose(1, 2).contiguous().view(batch, steps, width))
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places, self.blocks = (
                nn.Embedding(11, 12),
                nn.Embedding(8, 12),
                nn.Sequential(Block(), Block()),
            )
            self.head = nn.Linear(12, 11, bias=False)
            self.words.weight = self.head.weight

        def forward(self, index):
            return self.head(self.blocks(self.words(index) + self.places(torch.arange(index.size(1)))))

    model, data = GPT(), torch.arange(200) ** 2 % 11
    decay = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=1e-2
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 4))
    printed = []
    for _ in range(6):
        starts = torch.randint(len(data) - 8, (3,))
        x, y = (torch.stack([data[i + ahead : i + ahead + 8] for i in starts]) for ahead in (0, 1))
        loss = F.cross_entropy(model(x).view(-1, 11), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        printed.append(loss.item())
    model.eval()
    index = torch.zeros((2, 1), dtype=torch.long)
    with torch.no_grad():
        for _ in range(10):
            logits = model(index[:, -8:])[:, -1, :]
            logits[logits < torch.topk(logits, 4)[0][:, [-1]]] = -float("inf")
            index = torch.cat((index, torch.multinomial(F.softmax(logits, dim=-1), 1)), dim=1)
    return printed + index.flatten().tolist()


def gradient_penalty(torch):
    """A critic whose gradient is penalised, and the generator it teaches."""
    nn = torch.nn
    generator = nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 8), nn.ELU(), nn.Linear(8, 1))
    optimizers = [torch.optim.Adam(net.parameters(), 1e-3, (0.0, 0.9)) for net in (generator, critic)]
    printed = []
    for _ in range(5):
        real = torch.randn(16, 2) + torch.FloatTensor([2.0, -1.0]).to(torch.get_default_dtype())
        fake = generator(torch.randn(16, 3)).detach()
        alpha = torch.rand(real.size(0), 1).expand_as(real)
        between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
        score = critic(between)
        (slope,) = torch.autograd.grad(
            outputs=score, inputs=between, grad_outputs=torch.ones_like(score),
            create_graph=True, retain_graph=True, only_inputs=True,
        )  # fmt: skip
        loss = critic(fake).mean() - critic(real).mean() + 10 * ((slope.norm(2, dim=1) - 1) ** 2).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        lost = -critic(generator(torch.randn(16, 3))).mean()
        optimizers[0].zero_grad()
        lost.backward()
        optimizers[0].step()
        printed += [loss.item(), lost.item()]
    return printed


def mixed_precision(torch):
    """The first lines that make a run reproducible, and a loop that would use a GPU if there were one."""
    nn = torch.nn
    torch.cuda.manual_seed_all(0)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    scaler = torch.amp.GradScaler(device, enabled=device != "cpu")
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.rand(20, 3).to(device, non_blocking=True)
    y = (x.sum(1, keepdim=True) > torch.pi / 2).to(x.dtype)
    printed = [torch.finfo(x.dtype).eps, torch.are_deterministic_algorithms_enabled(), scaler.state_dict()]
    for _ in range(3):
        with torch.autocast(device_type=device, enabled=False):
            loss = nn.BCEWithLogitsLoss(pos_weight=torch.Tensor([1.2]).to(x))(net(x), y)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        printed.append(loss.item())
    return printed


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "program", [char_lstm, small_gpt, gradient_penalty, mixed_precision], ids=lambda f: f.__name__
)
def test_a_program_prints_the_same(program, dtype):
    theirs, ours = (_printed(library, program, dtype) for library in LIBRARIES)
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        if isinstance(other, float):
            assert math.isclose(own, other, rel_tol=1e-5 if dtype == "float32" else 1e-9)
        else:
            assert own == other


def _printed(library, program, dtype):
    library.set_default_dtype(getattr(library, dtype))
    library.manual_seed(0)
    return program(library)


# --- types, limits and constants

# fmt: off
SHOWN = [
    "torch.pi, torch.e, torch.inf, -torch.nan != torch.nan, torch.newaxis, torch.ones(2)[:, torch.newaxis].shape",
    "torch.finfo()", "torch.finfo(torch.float16)", "torch.finfo(torch.float64)", "torch.finfo(torch.float32).bits",
    "torch.finfo(torch.float64).smallest_normal, torch.finfo(torch.float64).max, torch.finfo(torch.float64).dtype",
    "torch.iinfo(torch.int32)", "torch.iinfo(torch.uint8)", "torch.iinfo(torch.int64).min, torch.iinfo(torch.int8).bits",
    "torch.iinfo(torch.int8) == torch.iinfo(torch.int8), torch.iinfo(torch.int8) == torch.iinfo(torch.int16)",
    "torch.FloatTensor(2, 3).shape, torch.FloatTensor((1, 2)), torch.FloatTensor(torch.Size([2, 3])).shape, torch.FloatTensor()",
    "torch.Tensor(torch.Size([2, 3])).shape, torch.Tensor(range(3)), torch.Tensor([True]), torch.Tensor(5).shape",
    "torch.LongTensor([[1.7, 2]]), torch.BoolTensor([0, 2]), torch.FloatTensor([torch.tensor(1), torch.tensor(2)])",
    "torch.DoubleTensor([1]), torch.HalfTensor([1]), torch.IntTensor([1]), torch.ShortTensor([1]), torch.CharTensor([1]), torch.ByteTensor([1])",
    "isinstance(o(2), torch.FloatTensor), isinstance(o(2), torch.LongTensor), isinstance(nn.Parameter(o(2)), torch.FloatTensor), isinstance(3, torch.IntTensor)",
    "torch.FloatTensor, torch.LongTensor.dtype, torch.LongTensor.__name__, o(2).type(torch.LongTensor)",
    "o(2).new(2, 3).shape, o(2).long().new([1, 2]), o(2).new(o(3).size()).shape, o(2).double().new().dtype",
    "o(2).new_tensor([torch.tensor(1), torch.tensor(2.5)]), o(2).long().new_tensor([1.7])",
    "o(2).to(float).dtype, o(2).to(int).dtype, o(2).to(bool).dtype, o(2).to('cpu', torch.float64, True, True).dtype",
    "torch.slogdet(torch.eye(2)), torch.linalg.slogdet(torch.eye(2))",
    "torch.conv1d(o(1, 1, 3), o(1, 1, 2)), torch.max_pool1d(o(1, 1, 3), 2), torch.layer_norm(o(2), (2,)), torch.pixel_shuffle(o(1, 4, 1, 1), 2)",
    "torch.autograd.Variable(o(2).requires_grad_() * 2), torch.autograd.Variable(o(2), requires_grad=True).is_leaf, isinstance(o(2), torch.autograd.Variable)",
    "torch.autograd.grad((p := o(2).requires_grad_()).sum(), {'p': p})",
    "torch.backends.cudnn.is_available(), torch.backends.cudnn.version(), torch.backends.mps.is_built(), torch.cuda.memory_allocated(), torch.cuda.empty_cache()",
    "torch.get_default_device(), torch.set_default_device('cpu'), torch.get_float32_matmul_precision()",
    "F.huber_loss(o(3), z(3).double()), F.huber_loss(o(3).double(), z(3)), F.huber_loss(o(3).half(), z(3), reduction='sum'), F.huber_loss(o(3), z(3).double(), weight=o(3).double())",
    "F.cosine_similarity(o(3), o(3).long(), 0), F.cosine_similarity(o(3).bool(), o(3).double(), 0)",
]
REFUSED = [
    "torch.finfo(torch.int32)", "torch.finfo(3)", "torch.iinfo(torch.float32)", "torch.iinfo(torch.bool)", "torch.iinfo('a')",
    "torch.FloatTensor(3.5)", "torch.FloatTensor('a')", "torch.FloatTensor(-1)", "torch.FloatTensor([[1, 2], [3]])",
    "torch.Tensor(True)", "torch.Tensor(5.0)", "torch.Tensor([[1, 2], [3]])", "torch.autograd.grad(o(1).requires_grad_().sum(), [])",
    "torch.set_num_threads(0)", "torch.set_num_threads('a')", "torch.use_deterministic_algorithms(1)",
    "nn.LSTMCell(3, 4)(z(2, 3), z(2, 4))", "nn.LSTMCell(3, 4)(z(2, 3), (z(2, 4),))", "nn.Sigmoid()([1.0])", "nn.Tanh()(1.0)",
    "F.gelu(o(2), approximate=1)", "F.embedding_bag(z(2).long(), o(5, 3), z(0).long(), include_last_offset=True)",
    "F.binary_cross_entropy(o(2).long(), o(2).long())", "F.binary_cross_entropy(o(2).bool(), o(2).bool())",
    "F.kl_div(o(2), o(2).long(), reduction='sum')", "F.kl_div(o(2).long(), o(2), reduction='sum')", "F.kl_div(o(2), 1.0, reduction='sum')",
    "F.cross_entropy(o(2, 3), None)", "F.cross_entropy(None, o(2))", "F.nll_loss(o(2, 3), 1)", "F.nll_loss(None, o(2))",
    "F.huber_loss(o(2).long(), o(2))", "F.scaled_dot_product_attention(o(3, 4), o(5, 4), o(5, 4), dropout_p=2.0)",
    "nn.utils.rnn.pack_padded_sequence(z(3, 2, 3), [0, 2])", "nn.utils.rnn.pack_padded_sequence(z(3, 2, 3), [2, 0])",
    "nn.utils.parametrizations.orthogonal(nn.Linear(2, 2), 'x')", "nn.utils.parametrizations.orthogonal(nn.Linear(2, 2), 'bias')",
    "nn.utils.parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map='x')",
]
# fmt: on


@pytest.mark.parametrize("source", SHOWN)
def test_shown(source):
    theirs, ours = (neutral(repr(evaluated(library, source))) for library in LIBRARIES)
    assert ours == theirs


@pytest.mark.parametrize("source", REFUSED)
def test_refused(source):
    check_refused(source)


def test_to_takes_no_numpy_dtype():
    for library in LIBRARIES:
        with pytest.raises(
            TypeError, match=r"to\(\) received an invalid combination of arguments - got \(type"
        ):
            library.ones(2).to(np.float64)


def test_default_tensor_type():
    for library in LIBRARIES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            library.set_default_tensor_type(library.DoubleTensor)
            assert library.ones(2).dtype is library.float64
            for wrong in (library.LongTensor, library.float32):
                with pytest.raises(
                    TypeError, match="only floating-point types are supported as the default type"
                ):
                    library.set_default_tensor_type(wrong)


def test_flags_of_a_gpu_can_be_set():
    """Of tinynn only: PyTorch's test databases, once imported, freeze PyTorch's."""
    for flag in ("deterministic", "benchmark"):
        assert getattr(torch.backends.cudnn, flag) is getattr(tinynn.backends.cudnn, flag) is False
        setattr(tinynn.backends.cudnn, flag, True)
        assert getattr(tinynn.backends.cudnn, flag)
        setattr(tinynn.backends.cudnn, flag, False)


def test_without_a_gpu_mixed_precision_says_so():
    for library in LIBRARIES:
        with pytest.warns(UserWarning, match="CUDA is not available"):
            library.amp.GradScaler()
        with pytest.warns(UserWarning, match=r"CUDA is not available.*Disabling autocast"):

            @library.autocast("cuda")
            def double(x):
                return x + x

        assert double(library.ones(2)).dtype is library.float32


# --- the order of results in memory, which views and drawn masks follow

ORDERS = {
    "transposed": lambda torch, x: x.transpose(1, 2),
    "turned": lambda torch, x: x.permute(2, 1, 0),
    "strided": lambda torch, x: x[:, :, ::2],
}
LAYERS = {
    "softmax": lambda torch, x: x.softmax(-1),
    "softmax first": lambda torch, x: x.softmax(0),
    "log_softmax": lambda torch, x: torch.log_softmax(x, 1),
    "layer_norm": lambda torch, x: torch.nn.functional.layer_norm(x, x.shape[-1:]),
    "cumsum": lambda torch, x: x.cumsum(-1),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "gelu tanh": lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
    "erf": lambda torch, x: x.erf(),
    "erfc": lambda torch, x: x.erfc(),
    "attention": lambda torch, x: torch.nn.functional.scaled_dot_product_attention(x, x, x),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("layer", LAYERS)
def test_results_lie_in_the_same_order(layer, order, dtype):
    data = np.random.default_rng(0).standard_normal((2, 4, 6)).astype(dtype)
    sides = []
    for library in LIBRARIES:
        library.manual_seed(0)
        y = LAYERS[layer](library, ORDERS[order](library, library.from_numpy(data.copy()).requires_grad_()))
        sides.append((y.stride(), (library.nn.functional.dropout(y, 0.5) == 0).tolist()))
    assert sides[1] == sides[0]


# --- orthogonal parametrizations


@pytest.mark.parametrize("use_trivialization", [True, False])
@pytest.mark.parametrize("orthogonal_map", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_orthogonal(shape, orthogonal_map, use_trivialization):
    theirs, ours = (_orthogonal(library, shape, orthogonal_map, use_trivialization) for library in LIBRARIES)
    assert ours[0] == theirs[0]
    for own, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(own, other, atol=1e-10)


def _orthogonal(library, shape, orthogonal_map, use_trivialization):
    library.set_default_dtype(library.float64)
    library.manual_seed(0)
    layer = library.nn.utils.parametrizations.orthogonal(
        library.nn.Linear(*shape[::-1]), "weight", orthogonal_map, use_trivialization=use_trivialization
    )
    optimizer = library.optim.SGD(layer.parameters(), lr=0.003)
    weights = [layer.weight.tolist()]
    for _ in range(3):
        optimizer.zero_grad()
        (layer(library.ones(2, shape[1])) ** 3).sum().backward()
        optimizer.step()
        weights.append(layer.weight.tolist())
    assigned = library.linalg.qr(library.randn(max(shape), min(shape))).Q
    try:
        layer.weight = assigned if shape[0] >= shape[1] else assigned.T
        weights.append(layer.weight.tolist())
        told = None
    except NotImplementedError as error:
        told = str(error)
    return (list(layer.state_dict()), told), weights
