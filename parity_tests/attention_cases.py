"""Cases for embeddings and attention as functions of tinynn.nn.functional; test_attention.py runs them."""

from functools import partial

import numpy as np

from parity_tests.harness import INTEGERS, Case, Draw, integers, mask, normal, positive, values

TABLE = normal(7, 3)
PLACES = integers(7, 4, 5)
MANY = integers(7, 90)
BAGS = integers(7, 9)
STARTS = Draw(lambda rng: np.array([0, 2, 2, 6]), False)  # one of the bags is empty
ENDED = Draw(lambda rng: np.array([0, 2, 2, 6, 9]), False)
FREQUENT = {"scale_grad_by_freq": True}
Q, K, V = normal(2, 4, 3, 6), normal(2, 4, 5, 6), normal(2, 4, 5, 6)  # (N, H, L, E), (N, H, S, E)
WIDE = normal(2, 4, 5, 2)


def small(*shape):
    """As the weights of a layer: what goes through it keeps its size."""
    return Draw(lambda rng: 0.4 * rng.standard_normal(shape))


def hides_all(shape, row):
    """A mask of bools with one row of False: that query may look at nothing."""

    def make(rng):
        allowed = rng.random(shape) < 0.7
        allowed[..., row, :] = False
        return allowed

    return Draw(make, False)


def infinite(shape, row):
    """The same in floats to be added; they are what they are in any dtype."""
    allowed = hides_all(shape, row).make
    return Draw(lambda rng: np.where(allowed(rng), 0.0, -np.inf), False)


# ruff: noqa: E501 - a case is a line
# fmt: off
ONE_HOT = {
    "one_hot":                 (lambda f, x: f.one_hot(x), integers(4, 5)),
    "one_hot 6":               (lambda f, x: f.one_hot(x, 6), integers(4, 2, 3)),
    "one_hot 0-d":             (lambda f, x: f.one_hot(x, num_classes=6), integers(4)),
    "one_hot empty":           (lambda f, x: f.one_hot(x, 3), integers(3, 0, 2)),
    "one_hot too large":       (lambda f, x: f.one_hot(x + 3, 3), integers(3, 2)),
    "one_hot negative":        (lambda f, x: f.one_hot(x - 3), integers(3, 2)),
    "one_hot unknown":         (lambda f, x: f.one_hot(x), integers(3, 0)),
    "one_hot of int32":        (lambda f, x: f.one_hot(x.int()), integers(3, 2)),
}
EMBEDDING = {
    "embedding":               (lambda f, i, w: f.embedding(i, w), PLACES, TABLE),
    "embedding int32":         (lambda f, i, w: f.embedding(i.int(), w), PLACES, TABLE),
    "embedding 0-d":           (lambda f, i, w: f.embedding(i, w), integers(7), TABLE),
    "embedding nothing":       (lambda f, i, w: f.embedding(i, w), integers(7, 0, 2), TABLE),
    "embedding many":          (lambda f, i, w: f.embedding(i, w), MANY, TABLE),
    "embedding padding":       (lambda f, i, w: f.embedding(i, w, 2), PLACES, TABLE),
    "embedding padding -1":    (lambda f, i, w: f.embedding(i, w, padding_idx=-1), MANY, TABLE),
    "index many":              (lambda f, i, w: w[i - 7], MANY, TABLE),
    "index many matrices":     (lambda f, i, w: w[i], MANY, normal(7, 3, 2)),
    "embedding of an expression": (lambda f, i, w: f.embedding(i, w * w, 0), PLACES, TABLE),
}
FREQUENCIES = {  # torch's second derivative forgets to divide by the frequency
    "embedding freq":          (lambda f, i, w: f.embedding(i, w, **FREQUENT), PLACES, TABLE),
    "embedding freq padding":  (lambda f, i, w: f.embedding(i, w, 3, **FREQUENT), MANY, TABLE),
}
SHORTENED = {  # in place: a leaf keeps its own
    f"{name} max_norm {norm}": (lambda f, i, w, run=run, norm=norm: (run(f, i, w, max_norm=1.5, norm_type=norm), w), i, TABLE)
    for norm in (1.0, 2.0, 3.0, float("inf"))
    for name, run, i in (
        ("embedding", lambda f, i, w, **k: f.embedding(i, w, **k), PLACES),
        ("embedding_bag", lambda f, i, w, **k: f.embedding_bag(i, w, **k), PLACES),
    )
}
BAGGED = {
    f"embedding_bag {mode} {how}": (lambda f, i, w, *o, mode=mode, options=options: f.embedding_bag(i, w, *o, mode=mode, **options), i, TABLE, *offsets)
    for mode in ("sum", "mean", "max")
    for how, options, i, *offsets in (
        ("rows",         {},                            PLACES),
        ("int32",        {},                            Draw(lambda rng: rng.integers(0, 7, (4, 5)).astype(np.int32), False)),
        ("starts",       {},                            BAGS, STARTS),
        ("ends",         {"include_last_offset": True}, BAGS, ENDED),
        ("padding",      {"padding_idx": 2},            MANY, STARTS),
        ("padding rows", {"padding_idx": -1},           PLACES),
        ("no bags",      {},                            integers(7, 0), integers(7, 0)),
        ("empty",        {},                            integers(7, 0), integers(1, 3)),
    )
}
WEIGHTED = {
    "embedding_bag weights":   (lambda f, i, w, p: f.embedding_bag(i, w, mode="sum", per_sample_weights=p), PLACES, TABLE, positive(4, 5)),
    "embedding_bag weights starts": (lambda f, i, w, o, p: f.embedding_bag(i, w, o, mode="sum", per_sample_weights=p), BAGS, TABLE, STARTS, normal(9)),
    "embedding_bag weights padding": (lambda f, i, w, o, p: f.embedding_bag(i, w, o, mode="sum", per_sample_weights=p, padding_idx=1), BAGS, TABLE, STARTS, normal(9)),
    "embedding_bag freq":      (lambda f, i, w: f.embedding_bag(i, w, **FREQUENT), values([[3, 3, 3, 3]]), TABLE),  # torch reads the frequency of another row, if there is one
}
ATTENTION = {
    "attention":               (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), Q, K, V),
    "attention 3-d":           (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), normal(2, 3, 6), normal(2, 5, 6), normal(2, 5, 4)),
    "attention 2-d":           (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), normal(3, 6), normal(5, 6), normal(5, 4)),
    "attention 5-d":           (lambda f, q, k, v: f.scaled_dot_product_attention(q[None], k[None], v[None]), Q, K, V),
    "attention broadcast":     (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), normal(4, 3, 6), K, normal(2, 1, 5, 6)),
    "attention causal":        (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, is_causal=True), Q, K, V),
    "attention causal wide":   (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, is_causal=True), K, Q, Q),
    "attention scale":         (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, scale=0.7), Q, K, V),
    "attention mask":          (lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, m), Q, K, V, normal(3, 5)),
    "attention mask per head": (lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, m), Q, K, V, normal(4, 3, 5)),
    "attention bools":         (lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, m), Q, K, V, mask(2, 1, 3, 5)),
    "attention of nothing":    (lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, m), Q, K, V, hides_all((3, 5), 1)),
    "attention of nothing -inf": (lambda f, q, k, v, m: f.scaled_dot_product_attention(q, k, v, m), Q, K, V, infinite((3, 5), 1)),
    "attention other values":  (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), Q, K, WIDE),
    "attention groups":        (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, enable_gqa=True), Q, normal(2, 2, 5, 6), normal(2, 1, 5, 6)),
    "attention no queries":    (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), normal(2, 0, 6), normal(2, 5, 6), normal(2, 5, 6)),
    "attention no keys":       (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), normal(2, 3, 6), normal(2, 0, 6), normal(2, 0, 6)),
}
DROPPED = {
    "attention dropout":       (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, None, 0.4), Q, K, V),
    "attention dropout causal": (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, dropout_p=0.9, is_causal=True), Q, K, V),
    "attention dropout all":   (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v, dropout_p=1.0), Q, K, V),
}
# fmt: on


def heads(f, q, k, v, w, b, o, **options):
    """multi_head_attention_forward in 2 heads, with one matrix for the projections."""
    return f.multi_head_attention_forward(
        q, k, v, 6, 2, w, b, None, None, options.pop("zero", False), 0.0, o, None, **options
    )


MANY_HEADS = {
    "heads": ({}, ()),
    "heads without weights": ({"need_weights": False}, ()),
    "heads each": ({"average_attn_weights": False}, ()),
    "heads zero": ({"zero": True}, ()),
    "heads mask": ({}, ("attn_mask", normal(3, 5))),
    "heads mask without weights": ({"need_weights": False}, ("attn_mask", normal(3, 5))),
    "heads masks": ({"zero": True}, ("attn_mask", normal(4, 3, 5))),
    "heads bools": ({}, ("attn_mask", Draw(lambda rng: np.eye(3, 5) > 0, False))),
    "heads padding": ({"need_weights": False}, ("key_padding_mask", normal(2, 5))),
    "heads static": ({}, ("static_k", normal(4, 5, 3), "static_v", normal(4, 5, 3))),
}
OPERANDS = normal(3, 2, 6), normal(5, 2, 6), normal(5, 2, 6), small(18, 6), small(18), small(6, 6)


def _in_heads(f, *inputs, options, names):
    given = dict(zip(names, inputs[6:], strict=True))
    return heads(f, *inputs[:6], **options, **given)


HEADS = {
    name: (partial(_in_heads, options=options, names=given[::2]), *OPERANDS, *given[1::2])
    for name, (options, given) in MANY_HEADS.items()
}


def _cases(table: dict, **options) -> list[Case]:
    def run(torch, *inputs, f):
        torch.manual_seed(3)
        return f(torch.nn.functional, *inputs)

    return [Case(name, partial(run, f=f), *inputs, **options) for name, (f, *inputs) in table.items()]


def _step_by_step(table: dict, **options) -> list[Case]:
    """Computed by the kernel of torch that has a second derivative."""

    def run(torch, *inputs, f):
        torch.manual_seed(3)
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return f(torch.nn.functional, *inputs)

    return [
        Case(f"{name} step by step", partial(run, f=f), *inputs, **options)
        for name, (f, *inputs) in table.items()
    ]


CASES: list[Case] = [
    *_cases(ONE_HOT, dtypes=INTEGERS[:1]),
    *_cases(EMBEDDING),
    *_cases(FREQUENCIES, second=False),
    *_cases(SHORTENED, scaled=True, second=False),
    *_cases(BAGGED | WEIGHTED, scaled=True, second=False),
    *_cases(ATTENTION | DROPPED | HEADS, scaled=True, names=False, second=False),
    *_step_by_step(ATTENTION | DROPPED | HEADS, scaled=True, names=False),
]
