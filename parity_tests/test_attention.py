"""Embeddings, attention and transformers against PyTorch: functions, layers, a small language model."""

import copy
import warnings

import numpy as np
import pytest

import tinynn
from parity_tests.attention_cases import CASES
from parity_tests.harness import FLOATS, assert_close, assert_same, check, neutral, outcome
from parity_tests.layers import LIBRARIES, build, check_looks, check_refused


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_function(case):
    for dtype in case.dtypes:
        check(case, dtype)


# --- layers: (layer, what it is called with); arrays become tensors, floats among them in the dtype tested


def floats(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape)


WORDS = np.array([[1, 2, 4, 0], [4, 3, 1, 4]])
CAUSAL = ~np.tri(3, dtype=bool)
LATER = np.where(CAUSAL, -np.inf, 0.0)  # the same, to be added
DISTANT = -np.abs(np.arange(3.0)[:, None] - np.arange(3))
PADDED = np.array([[False, False, True], [False, True, True]])
X, MEMORY = floats(3, 2, 8), floats(5, 2, 8)
FIRST = {"batch_first": True}
NESTED = {"enable_nested_tensor": True}


def small(nn, **options):
    return nn.TransformerEncoderLayer(8, 2, 8, **options)


def quiet(make):
    """A layer that warns of how fast torch would be."""

    def run(nn):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return make(nn)

    return run


# ruff: noqa: E501 - a layer is a line
# fmt: off
LAYERS = {
    "Embedding":            (lambda nn: nn.Embedding(5, 3), [WORDS], {}),
    "Embedding padding":    (lambda nn: nn.Embedding(5, 3, padding_idx=-1), [WORDS], {}),
    "Embedding frequency":  (lambda nn: nn.Embedding(5, 3, scale_grad_by_freq=True), [WORDS], {}),
    "Embedding max_norm":   (lambda nn: nn.Embedding(5, 3, max_norm=1.0, norm_type=1.0), [WORDS], {}),
    "EmbeddingBag":         (lambda nn: nn.EmbeddingBag(5, 3), [WORDS], {}),
    "EmbeddingBag sum":     (lambda nn: nn.EmbeddingBag(5, 3, mode="sum", padding_idx=1), [WORDS], {"per_sample_weights": floats(2, 4)}),
    "EmbeddingBag max":     (lambda nn: nn.EmbeddingBag(5, 3, 1.0, mode="max"), [WORDS], {}),
    "EmbeddingBag ends":    (lambda nn: nn.EmbeddingBag(5, 3, include_last_offset=True), [WORDS.ravel(), np.array([0, 3, 8])], {}),
    "attention":            (lambda nn: nn.MultiheadAttention(8, 2), [X, MEMORY, MEMORY], {}),
    "attention to itself":  (lambda nn: nn.MultiheadAttention(8, 2), [X], {"attn_mask": CAUSAL}),
    "attention batch first": (lambda nn: nn.MultiheadAttention(8, 2, **FIRST), [X.swapaxes(0, 1)], {"key_padding_mask": PADDED}),
    "attention dropout":    (lambda nn: nn.MultiheadAttention(8, 2, 0.4, **FIRST), [X.swapaxes(0, 1)], {"need_weights": False}),
    "attention dropped weights": (lambda nn: nn.MultiheadAttention(8, 4, 0.4), [X, MEMORY, MEMORY], {"average_attn_weights": False}),
    "attention no bias":    (lambda nn: nn.MultiheadAttention(8, 1, bias=False), [X, MEMORY, MEMORY], {}),
    "attention other features": (lambda nn: nn.MultiheadAttention(8, 2, kdim=3, vdim=5), [X, floats(5, 2, 3), floats(5, 2, 5)], {}),
    "attention extra keys": (lambda nn: nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True), [X], {"attn_mask": LATER, "key_padding_mask": np.where(PADDED, -1.0, 0.0)}),
    "attention extra causal": (lambda nn: nn.MultiheadAttention(8, 2, add_bias_kv=True), [X], {"attn_mask": CAUSAL, "is_causal": True, "need_weights": False}),
    "attention one sample": (lambda nn: nn.MultiheadAttention(8, 2, **FIRST), [floats(3, 8)], {"attn_mask": np.stack([DISTANT, LATER])}),
    "attention one padded": (lambda nn: nn.MultiheadAttention(8, 2), [floats(3, 8), floats(5, 8), floats(5, 8)], {"key_padding_mask": np.arange(5) > 2}),
    "attention each its mask": (lambda nn: nn.MultiheadAttention(8, 2), [X], {"attn_mask": np.stack([CAUSAL] * 4), "need_weights": False}),
    "attention causal hint": (lambda nn: nn.MultiheadAttention(8, 2), [X], {"attn_mask": CAUSAL, "is_causal": True}),
    "encoder layer":        (lambda nn: small(nn), [X], {}),
    "encoder layer gelu":   (lambda nn: small(nn, activation="gelu", norm_first=True, **FIRST), [X.swapaxes(0, 1)], {"src_key_padding_mask": PADDED}),
    "encoder layer module": (lambda nn: small(nn, activation=nn.GELU(), bias=False), [X], {"src_mask": LATER, "is_causal": True}),
    "encoder layer function": (lambda nn: small(nn, activation=nn.functional.silu, layer_norm_eps=0.1), [floats(3, 8)], {"src_mask": CAUSAL}),
    "decoder layer":        (lambda nn: nn.TransformerDecoderLayer(8, 2, 8), [X, MEMORY], {"tgt_mask": CAUSAL, "memory_key_padding_mask": np.arange(10).reshape(2, 5) > 7}),
    "decoder layer norm first": (lambda nn: nn.TransformerDecoderLayer(8, 2, 8, 0.3, "gelu", norm_first=True, **FIRST), [X.swapaxes(0, 1), MEMORY.swapaxes(0, 1)], {"tgt_key_padding_mask": PADDED, "memory_mask": floats(3, 5)}),
    "encoder":              (quiet(lambda nn: nn.TransformerEncoder(small(nn), 2)), [X], {"mask": LATER}),
    "encoder nested":       (lambda nn: nn.TransformerEncoder(small(nn, **FIRST), 2, nn.LayerNorm(8)), [X.swapaxes(0, 1)], {"src_key_padding_mask": PADDED}),
    "encoder nested -inf":  (lambda nn: nn.TransformerEncoder(small(nn, **FIRST), 1), [X.swapaxes(0, 1)], {"src_key_padding_mask": np.where(PADDED, -np.inf, 0)}),
    "encoder not nested":   (lambda nn: nn.TransformerEncoder(small(nn, **FIRST), 2, None, False), [X.swapaxes(0, 1)], {"src_key_padding_mask": PADDED}),
    "encoder padded before": (lambda nn: nn.TransformerEncoder(small(nn, **FIRST), 2), [X.swapaxes(0, 1)], {"src_key_padding_mask": PADDED[:, ::-1].copy()}),
    "encoder unchecked":    (lambda nn: nn.TransformerEncoder(small(nn, **FIRST), 2, mask_check=False), [X.swapaxes(0, 1)], {"src_key_padding_mask": PADDED}),
    "encoder both masks":   (lambda nn: nn.TransformerEncoder(small(nn, **FIRST), 2), [X.swapaxes(0, 1)], {"mask": CAUSAL, "src_key_padding_mask": PADDED}),
    "decoder":              (lambda nn: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 8), 2, nn.LayerNorm(8)), [X, MEMORY], {"tgt_mask": LATER, "tgt_is_causal": True}),
    "transformer":          (quiet(lambda nn: nn.Transformer(8, 2, 1, 2, 8)), [MEMORY, X], {"tgt_mask": LATER, "src_mask": floats(5, 5)}),
    "transformer batch first": (quiet(lambda nn: nn.Transformer(8, 2, 2, 1, 8, activation="gelu", norm_first=True, bias=False, **FIRST)), [MEMORY.swapaxes(0, 1), X.swapaxes(0, 1)], {"tgt_key_padding_mask": PADDED}),
    "transformer custom":   (quiet(lambda nn: nn.Transformer(8, 2, custom_encoder=nn.TransformerEncoder(small(nn), 1), num_decoder_layers=1, dim_feedforward=8)), [floats(5, 8), floats(3, 8)], {}),
}
# fmt: on


def run(library, name, dtype):
    """Everything the layer shows: in training twice, in evaluation with gradients and without."""
    make, args, options = LAYERS[name]
    layer = build(library, make, dtype)

    def tensor(array):
        if not isinstance(array, np.ndarray):
            return array
        return library.from_numpy(np.array(array, dtype if array.dtype.kind == "f" else None))

    options = {key: tensor(value) for key, value in options.items()}
    shown = []
    library.manual_seed(5)
    for training, grad in ((True, True), (True, True), (False, True), (False, False)):
        inputs = [tensor(array) for array in args]
        if "attention" in name and len(inputs) == 1:
            inputs *= 3
        leaves = [x.requires_grad_() for x in dict.fromkeys(inputs) if grad and x.is_floating_point()]
        with library.set_grad_enabled(grad):
            output = layer.train(training)(*inputs, **options)
        shown.append(output)
        if grad:
            first = output[0] if isinstance(output, tuple) else output
            noise = np.random.default_rng(8).standard_normal(tuple(first.shape)).astype(dtype)
            (first * library.from_numpy(noise)).sum().backward()
            shown += [x.grad for x in leaves] + [p.grad.clone() for p in layer.parameters()]
    return shown, list(layer.state_dict().values()), library.rand(3)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore:Support for mismatched")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, dtype):
    theirs, ours = (run(library, name, dtype) for library in LIBRARIES)
    assert_same(ours, theirs, "result", scale=10.0)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_looks_the_same(name):
    check_looks(LAYERS[name][0])


@pytest.mark.parametrize("name", LAYERS)
def test_random_start(name):
    """Bit for bit, but for normal draws, whose last bit depends on the processor in torch."""
    for seed in range(5):
        theirs, ours = (build(library, LAYERS[name][0], "float32", seed) for library in LIBRARIES)
        for (key, own), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            own, other = own.detach().numpy(), other.detach().numpy()
            if "Embedding" in name or "bias_" in key:
                assert_close(own, other, key, scale=3.0)
            else:
                assert np.array_equal(own, other)


VIEWS = {
    "transposed": lambda x: x.transpose(0, 1),
    "permuted": lambda x: x.permute(2, 0, 1),
    "every second": lambda x: x[..., ::2].transpose(0, 2),
    "a part": lambda x: x[:, 1:3].transpose(1, 2),
    "repeated": lambda x: x[:, :1].expand(3, 5, 4).permute(2, 1, 0),
    "a layer's output": lambda x: (x @ x.mT).flatten(1).t(),
}


@pytest.mark.parametrize("function", ["dropout", "alpha_dropout", "feature_alpha_dropout"])
@pytest.mark.parametrize("view", VIEWS)
def test_dropout_draws_in_the_order_of_memory(view, function):
    """Not in that of the indices: what attention returns for batch_first=True is transposed."""
    masks = []
    for library in LIBRARIES:
        library.manual_seed(0)
        x = VIEWS[view](library.arange(60.0).reshape(3, 5, 4) + 1)
        masks.append((getattr(library.nn.functional, function)(x, 0.5, True) > x).numpy())
    assert np.array_equal(*masks)


@pytest.mark.parametrize("cls", ["Embedding", "EmbeddingBag"])
@pytest.mark.parametrize("freeze", [True, False])
def test_from_pretrained(cls, freeze):
    for library in LIBRARIES:
        table = library.arange(6.0).reshape(3, 2)
        layer = getattr(library.nn, cls).from_pretrained(table, freeze, padding_idx=-1)
        assert layer.weight.requires_grad != freeze
        assert layer.padding_idx == 2
        table[0, 0] = 7.0
        assert layer.weight[0, 0].item() == 7.0
        assert layer(library.tensor([[0, 1]])).shape == ((1, 2, 2) if cls == "Embedding" else (1, 2))


SHOWN = [
    "nn.Embedding(5, 3)",
    "nn.Embedding(5, 3, 0, 2.0, 3.0, True, True)",
    "nn.EmbeddingBag(5, 3)",
    "nn.EmbeddingBag(5, 3, 1.5, 3.0, True, 'sum', padding_idx=-1)",
    "nn.MultiheadAttention(4, 2, bias=False)",
]


@pytest.mark.parametrize("source", SHOWN)
def test_repr(source):
    theirs, ours = (repr(eval(source, {"nn": library.nn})) for library in LIBRARIES)
    assert ours == theirs


def test_square_subsequent_mask():
    for dtype in ("float32", "float64", "bool"):
        masks = [
            library.nn.Transformer.generate_square_subsequent_mask(4, dtype=getattr(library, dtype))
            for library in LIBRARIES
        ]
        assert_same(masks[1], masks[0], "result")


def test_a_layer_is_copied_with_its_function():
    layer = tinynn.nn.TransformerEncoderLayer(4, 2, 8, activation="gelu")
    assert copy.deepcopy(layer).activation is tinynn.nn.functional.gelu


def test_files_in_both_directions(tmp_path):
    """A transformer's state, saved by one library and loaded by the other."""
    make = LAYERS["transformer"][0]
    for saves, loads in (LIBRARIES, LIBRARIES[::-1]):
        model, other = build(saves, make, "float32", 1), build(loads, make, "float32", 2)
        saves.save(model.state_dict(), tmp_path / "model.pth")
        other.load_state_dict(loads.load(tmp_path / "model.pth", weights_only=True))
        x, y = MEMORY.astype(np.float32), X.astype(np.float32)
        results = [
            net.eval()(library.from_numpy(x), library.from_numpy(y)).detach().numpy()
            for library, net in ((saves, model), (loads, other))
        ]
        assert_close(*results, "result", scale=10.0)


# --- what is refused, and what is warned of

REFUSED = [
    "F.one_hot([0])",
    "F.one_hot(torch.tensor([0]), 2.5)",
    "F.embedding(torch.tensor([5]), o(5, 3))",
    "F.embedding(torch.tensor([-1]), o(5, 3))",
    "F.embedding(torch.tensor([0.0]), o(5, 3))",
    "F.embedding(torch.tensor([True]), o(5, 3))",
    "F.embedding(torch.tensor([0]).short(), o(5, 3))",
    "F.embedding(torch.tensor([0]), o(5))",
    "F.embedding([0], o(5, 3))",
    "F.embedding(torch.tensor([0]), [1.0])",
    "F.embedding(torch.tensor([0]), o(5, 3), 5)",
    "F.embedding(torch.tensor([0]), o(5, 3), -6)",
    "F.embedding(torch.tensor([0]), o(5, 3), 1.5)",
    "F.embedding(torch.tensor([0.0]), o(5, 3), max_norm=1.0)",
    "F.embedding(torch.tensor([0]), o(5), max_norm=1.0)",
    "F.embedding(torch.tensor([0]), o(5, 3), max_norm='1')",
    "F.embedding_bag(torch.tensor([0]), o(5, 3))",
    "F.embedding_bag(torch.tensor([0]), o(5, 3), torch.tensor([[0]]))",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), torch.tensor([0]))",
    "F.embedding_bag(torch.tensor([[[0]]]), o(5, 3))",
    "F.embedding_bag(torch.tensor([[0]]), o(5))",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), mode='min')",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), mode='max', scale_grad_by_freq=True)",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), mode='max', sparse=True)",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), per_sample_weights=o(1, 1))",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), mode='sum', per_sample_weights=o(1, 2))",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), mode='sum', per_sample_weights=o(1, 1).double())",
    "F.embedding_bag(torch.tensor([0, 1]), o(5, 3), torch.tensor([1]))",
    "F.embedding_bag(torch.tensor([0, 1]), o(5, 3), torch.tensor([0, 3]))",
    "F.embedding_bag(torch.tensor([[0, 5]]), o(5, 3).double())",
    "F.embedding_bag(torch.tensor([[0, -1]]), o(5, 3), mode='max')",
    "F.embedding_bag(torch.tensor([[0.0]]), o(5, 3))",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3).int())",
    "F.embedding_bag(torch.tensor([[0]]), o(5, 3), padding_idx=5)",
    "F.embedding_bag(z(2, 0).long(), o(5, 3))",
    "nn.Embedding(3, 2, padding_idx=3)",
    "nn.Embedding(3, 2, padding_idx=-4)",
    "nn.Embedding(3, 2, _weight=o(2, 2))",
    "nn.Embedding(-1, 2)",
    "nn.Embedding.from_pretrained(o(3))",
    "nn.EmbeddingBag(3, 2, padding_idx=3)",
    "F.scaled_dot_product_attention(o(3), o(2, 3), o(2, 3))",
    "F.scaled_dot_product_attention([1], o(2, 3), o(2, 3))",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), [1])",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), o(2, 3), [1])",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3).double(), o(2, 3))",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), o(2, 3), o(2, 2).double())",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), o(2, 3), o(2, 2).long())",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), o(2, 3), o(2, 2), is_causal=True)",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), o(2, 3), dropout_p=1.5)",
    "F.scaled_dot_product_attention(o(4, 2, 3), o(3, 2, 3), o(3, 2, 3), enable_gqa=True)",
    "F.scaled_dot_product_attention(o(2, 3), o(2, 3), o(2, 3), enable_gqa=True)",
    "F.scaled_dot_product_attention(o(3, 2, 3), o(2, 2, 3), o(2, 2, 3))",
    "nn.MultiheadAttention(4, 3)",
    "nn.MultiheadAttention(0, 3)",
    "nn.MultiheadAttention(4, 2)(o(4), o(4), o(4))",
    "nn.MultiheadAttention(4, 2)(o(3, 1, 4), o(3, 4), o(3, 4))",
    "nn.MultiheadAttention(4, 2)(o(3, 4), o(3, 1, 4), o(3, 1, 4))",
    "nn.MultiheadAttention(4, 2)(o(3, 1, 3), o(3, 1, 3), o(3, 1, 3))",
    "nn.MultiheadAttention(4, 2)(o(3, 1, 4), o(3, 1, 4), o(2, 1, 4))",
    "nn.MultiheadAttention(4, 2, kdim=3)(o(3, 1, 4), o(3, 1, 3), o(2, 1, 4))",
    "nn.MultiheadAttention(4, 2, kdim=3)(o(3, 1, 4), o(3, 1, 4), o(3, 1, 4))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, attn_mask=o(3))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, attn_mask=o(3, 2))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, attn_mask=o(3, 3, 3))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, attn_mask=o(3, 3).long())",
    "nn.MultiheadAttention(4, 2)(*[o(3, 4)] * 3, attn_mask=o(3, 3, 3))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 4)] * 3, attn_mask=o(3))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, key_padding_mask=o(3))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 4)] * 3, key_padding_mask=o(3, 1))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, key_padding_mask=o(2, 3))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, key_padding_mask=o(1, 2))",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, is_causal=True)",
    "F.multi_head_attention_forward(*[o(3, 1, 4)] * 3, 4, 3, o(12, 4), None, None, None, False, 0.0, o(4, 4), None)",
    "F.multi_head_attention_forward(*[o(3, 1, 4)] * 3, 4, 2, None, None, None, None, False, 0.0, o(4, 4), None)",
    "F.multi_head_attention_forward(*[o(3, 1, 4)] * 3, 4, 2, o(12, 4), None, o(1, 1, 4), None, False, 0.0, o(4, 4), None)",
    "F.multi_head_attention_forward(*[o(3, 1, 4)] * 3, 4, 2, o(12, 4), None, None, None, False, 0.0, o(4, 4), None, static_k=o(1, 3, 2))",
    "F.multi_head_attention_forward(*[o(3, 1, 4)] * 3, 4, 2, o(12, 4), None, None, None, False, 0.0, o(4, 4), None, static_v=o(2, 3, 3))",
    "F.multi_head_attention_forward(*[o(3, 1, 4)] * 3, 4, 2, o(12, 4), None, None, None, False, 0.0, o(4, 4), None, use_separate_proj_weight=True)",
    "nn.TransformerEncoderLayer(4, 2, activation='tanh')",
    "nn.TransformerEncoderLayer(4, 2, batch_first=True)(o(1, 3, 4), is_causal=True)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True), 1).eval()(o(1, 3, 4), src_key_padding_mask=o(1, 2) > 2)",
    "nn.Transformer(4, 2, 1, 1, 8)(o(3, 2, 4), o(3, 1, 4))",
    "nn.Transformer(4, 2, 1, 1, 8, batch_first=True)(o(2, 3, 4), o(1, 3, 4))",
    "nn.Transformer(4, 2, 1, 1, 8)(o(3, 2, 5), o(3, 2, 5))",
]


@pytest.mark.parametrize("source", REFUSED)
def test_refused(source):
    check_refused(source)


@pytest.mark.parametrize("layer", ["Embedding", "EmbeddingBag"])
def test_sparse_gradients_are_refused(layer):
    table = getattr(tinynn.nn, layer)(5, 3, sparse=True)
    with pytest.raises(NotImplementedError, match="there are no sparse tensors"):
        table(tinynn.tensor([[1, 2]]))


def test_offsets_must_not_decrease():
    with pytest.raises(RuntimeError, match="must not decrease"):
        tinynn.nn.functional.embedding_bag(
            tinynn.tensor([0, 1, 2]), tinynn.ones(5, 3), tinynn.tensor([0, 2, 1])
        )


WARNED = [
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, norm_first=True), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True, bias=False), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, batch_first=True, activation=F.silu), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(3, 1, batch_first=True, activation=nn.ReLU()), 1)",
    "nn.TransformerEncoder(nn.Linear(4, 4), 1)",
    "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1, enable_nested_tensor=False)",
    "nn.MultiheadAttention(4, 2)(*[o(3, 1, 4)] * 3, key_padding_mask=o(1, 3) > 2, attn_mask=z(3, 3))",
    "nn.TransformerEncoderLayer(4, 2)(o(3, 1, 4), src_key_padding_mask=o(1, 3) > 2, src_mask=z(3, 3))",
    "F.embedding_bag(o(5, 3), torch.tensor([[0, 1]]))",
]


@pytest.mark.parametrize("source", WARNED)
def test_same_warnings(source):
    told = []
    for library in LIBRARIES:
        names = {"nn": library.nn, "F": library.nn.functional, "o": library.ones, "z": library.zeros}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            eval(source, names | {"torch": library})
        told.append([(warning.category, neutral(str(warning.message))) for warning in caught])
    assert told[0] == told[1]


def test_kernels_can_be_named():
    for library in LIBRARIES:
        attention = library.nn.attention
        with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION]):
            assert library.nn.functional.scaled_dot_product_attention(*[library.ones(2, 3)] * 3).sum() == 6
    theirs, ours = (
        outcome(lambda library: library.nn.attention.sdpa_kernel("math").__enter__(), library)
        for library in LIBRARIES
    )
    assert ours == theirs


# --- a small language model


def language_model(library):
    """Characters and places embedded, two causal layers, and scores for the next character."""
    nn = library.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.characters, self.places = nn.Embedding(11, 8), nn.Embedding(6, 8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1, "gelu", norm_first=True, **FIRST)
            self.layers = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False)
            self.scores = nn.Linear(8, 11, bias=False)
            self.scores.weight = self.characters.weight

        def forward(self, text):
            x = self.characters(text) + self.places(library.arange(text.shape[1]))
            mask = nn.Transformer.generate_square_subsequent_mask(text.shape[1], dtype=x.dtype)
            return self.scores(self.layers(x, mask, is_causal=True))

    return Model()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_language_model_learns_the_same(dtype):
    """The same losses and weights, step by step, with dropout, weights that are shared, and AdamW."""
    text = np.random.default_rng(0).integers(0, 11, (20, 4, 7))
    traces = []
    for library in LIBRARIES:
        model = build(library, lambda nn, library=library: language_model(library), dtype)
        optimizer = library.optim.AdamW(model.parameters(), lr=1e-2)
        losses = []
        for batch in text:
            batch = library.from_numpy(batch)
            loss = library.nn.functional.cross_entropy(
                model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        traces.append(np.array(losses))
    # Rounding; of small gradients Adam makes steps of full size, and so it grows from step to step.
    assert np.abs(traces[0] - traces[1]).max() < {"float32": 1e-4, "float64": 1e-9}[dtype]
