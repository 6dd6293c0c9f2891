"""Cases for tinynn.nn.functional: activations, losses and layers as functions; test_nn.py runs them."""

import warnings

from parity_tests.harness import FLOATS, Case, Draw, integers, normal, positive, values

KINKS = values([[-1.0, -0.5, 0.0, -0.0, 0.5, 1.0], [6.0, 7.0, -7.0, 2.0, -2.0, 3.0]])
SPECIAL = values([0.0, -0.0, 1.0, -30.0, 30.0, -200.0, 200.0, float("inf"), float("-inf"), float("nan")])
FINITE = values(
    [0.0, -0.0, 1.0, -30.0, 30.0, -200.0, 200.0]
)  # torch's gelu(inf) is nan in float32, inf in float64
MIXED = {"matrix": normal(5, 3), "0-d": normal(), "empty": normal(0, 3), "kinks": KINKS, "special": SPECIAL}


def zero_or_one(*shape):
    return Draw(lambda rng: rng.integers(0, 2, shape).astype(float))


# fmt: off
ACTIVATIONS = {
    "relu":          lambda f, x: f.relu(x),
    "relu6":         lambda f, x: f.relu6(x),
    "hardtanh":      lambda f, x: f.hardtanh(x, -0.5, 2.0),
    "leaky_relu":    lambda f, x: f.leaky_relu(x),
    "leaky_relu 0":  lambda f, x: f.leaky_relu(x, 0.0),
    "leaky_relu 2":  lambda f, x: f.leaky_relu(x, 2.0),
    "leaky_relu -1": lambda f, x: f.leaky_relu(x, -1.0),
    "elu":           lambda f, x: f.elu(x),
    "elu 1.5":       lambda f, x: f.elu(x, 1.5),
    "silu":          lambda f, x: f.silu(x),
    "sigmoid":       lambda f, x: f.sigmoid(x),
    "tanh":          lambda f, x: f.tanh(x),
}
CANCELLING = {  # for negative x, 1 + erf(x) and 1 + tanh(x) lose the digits that 1 has no room for
    "gelu":          lambda f, x: f.gelu(x),
    "gelu tanh":     lambda f, x: f.gelu(x, approximate="tanh"),
}
ONE_DIM = {
    "softmax":       lambda f, x: f.softmax(x, dim=-1),
    "softmin":       lambda f, x: f.softmin(x, dim=0),
    "log_softmax":   lambda f, x: f.log_softmax(x, dim=-1),
}
IN_PLACE = {
    "relu_":         lambda f, x: f.relu(x * 1, inplace=True),
    "relu6_":        lambda f, x: f.relu6(x * 1, inplace=True),
    "leaky_relu_":   lambda f, x: f.leaky_relu(x * 1, 0.1, inplace=True),
    "elu_":          lambda f, x: f.elu(x * 1, inplace=True),
    "silu_":         lambda f, x: f.silu(x * 1, inplace=True),
    "relu_ of leaf": lambda f, x: f.relu(x, inplace=True),
    "elu_ of leaf":  lambda f, x: f.elu(x, inplace=True),
}

UNIT = Draw(lambda rng: rng.uniform(0.05, 0.95, (5, 3)))
EDGES = values([0.0, 1.0, 0.0, 1.0, 0.5])
WEIGHT = positive(5, 3).constant

LOSSES = {  # (function of nn.functional, inputs and reduction, inputs)
    "bce_with_logits":      (lambda f, x, t, r: f.binary_cross_entropy_with_logits(x, t, reduction=r),
                            normal(5, 3), UNIT),
    "bce_with_logits 1":    (lambda f, x, t, r: f.binary_cross_entropy_with_logits(x, t, reduction=r),
                            normal(7, 1), zero_or_one(7, 1).constant),
    "bce_with_logits 0-d":  (lambda f, x, t, r: f.binary_cross_entropy_with_logits(x, t, reduction=r),
                            normal(), positive()),
    "bce_with_logits w":    (lambda f, x, t, w, r:
                            f.binary_cross_entropy_with_logits(x, t, weight=w, reduction=r),
                            normal(5, 3), UNIT, positive(3).constant),
    "bce_with_logits p":    (lambda f, x, t, p, r:
                            f.binary_cross_entropy_with_logits(x, t, pos_weight=p, reduction=r),
                            normal(5, 3), UNIT, positive(3).constant),
    "bce_with_logits wp":   (lambda f, x, t, w, p, r:
                            f.binary_cross_entropy_with_logits(x, t, w, pos_weight=p, reduction=r),
                            normal(5, 3), UNIT, WEIGHT, positive(5, 1).constant),
    "bce_with_logits empty": (lambda f, x, t, r: f.binary_cross_entropy_with_logits(x, t, reduction=r),
                            normal(0, 3), normal(0, 3)),
    "mse":                  (lambda f, x, t, r: f.mse_loss(x, t, reduction=r), normal(5, 3), normal(5, 3)),
    "mse w":                (lambda f, x, t, w, r: f.mse_loss(x, t, reduction=r, weight=w),
                            normal(5, 3), normal(5, 3), WEIGHT),
    "mse empty":            (lambda f, x, t, r: f.mse_loss(x, t, reduction=r), normal(0), normal(0)),
    "l1":                   (lambda f, x, t, r: f.l1_loss(x, t, reduction=r), normal(5, 3), normal(5, 3)),
    "l1 w":                 (lambda f, x, t, w, r: f.l1_loss(x, t, reduction=r, weight=w),
                            normal(5, 3), normal(5, 3), WEIGHT),
    "smooth_l1":            (lambda f, x, t, r: f.smooth_l1_loss(x, t, reduction=r),
                            normal(5, 3), normal(5, 3)),
    "smooth_l1 kinks":      (lambda f, x, t, r: f.smooth_l1_loss(x, t, reduction=r, beta=2.0),
                            KINKS, values([[1.0] * 6] * 2)),
    "smooth_l1 0":          (lambda f, x, t, r: f.smooth_l1_loss(x, t, reduction=r, beta=0.0),
                            normal(5, 3), normal(5, 3)),
    "huber":                (lambda f, x, t, r: f.huber_loss(x, t, reduction=r), normal(5, 3), normal(5, 3)),
    "huber kinks":          (lambda f, x, t, r: f.huber_loss(x, t, reduction=r, delta=2.0),
                            KINKS, values([[1.0] * 6] * 2)),
    "huber w":              (lambda f, x, t, w, r: f.huber_loss(x, t, reduction=r, weight=w),
                            normal(5, 3), normal(5, 3), WEIGHT),
    "kl_div":               (lambda f, x, t, r: _silent(f.kl_div, x, t, reduction=r), normal(5, 3), UNIT),
    "kl_div log":           (lambda f, x, t, r: _silent(f.kl_div, x, t, reduction=r, log_target=True),
                            normal(5, 3), normal(5, 3)),
    "nll":                  (lambda f, x, t, r: f.nll_loss(x, t, reduction=r), normal(5, 4), integers(4, 5)),
    "nll 1-d":              (lambda f, x, t, r: f.nll_loss(x, t, reduction=r), normal(4), integers(4)),
    "nll 1-d 1":            (lambda f, x, t, r: f.nll_loss(x, t, reduction=r),
                            normal(4).constant, integers(4, 1)),  # torch fails in backward
    "nll w":                (lambda f, x, t, w, r: f.nll_loss(x, t, weight=w, reduction=r),
                            normal(5, 4), integers(4, 5), positive(4).constant),
    "nll ignore":           (lambda f, x, t, r: f.nll_loss(x, t, reduction=r, ignore_index=2),
                            normal(9, 4), integers(4, 9)),
    "nll none left":        (lambda f, x, t, r: f.nll_loss(x, t * 0 - 100, reduction=r),
                            normal(5, 4), integers(4, 5)),
    "nll 3-d":              (lambda f, x, t, r: f.nll_loss(x, t, reduction=r),
                            normal(2, 4, 3), integers(4, 2, 3)),
    "nll 4-d":              (lambda f, x, t, w, r: f.nll_loss(x, t, w, reduction=r, ignore_index=1),
                            normal(2, 4, 3, 5), integers(4, 2, 3, 5), positive(4).constant),
    "nll 5-d":              (lambda f, x, t, r: f.nll_loss(x, t, reduction=r),
                            normal(2, 4, 3, 1, 2), integers(4, 2, 3, 1, 2)),
    "nll empty":            (lambda f, x, t, r: f.nll_loss(x, t, reduction=r), normal(0, 4), integers(4, 0)),
    "cross_entropy":        (lambda f, x, t, r: f.cross_entropy(x, t, reduction=r),
                            normal(5, 4), integers(4, 5)),
    "cross_entropy 1-d":    (lambda f, x, t, r: f.cross_entropy(x, t, reduction=r), normal(4), integers(4)),
    "cross_entropy 3-d":    (lambda f, x, t, w, r: f.cross_entropy(x, t, w, reduction=r),
                            normal(2, 4, 3), integers(4, 2, 3), positive(4).constant),
    "cross_entropy smooth": (lambda f, x, t, r: f.cross_entropy(x, t, reduction=r, label_smoothing=0.1),
                            normal(5, 4), integers(4, 5)),
    "cross_entropy all":    (lambda f, x, t, w, r:
                            f.cross_entropy(x, t, w, reduction=r, label_smoothing=0.3, ignore_index=1),
                            normal(9, 4), integers(4, 9), positive(4).constant),
    "cross_entropy all 3-d": (lambda f, x, t, w, r:
                            f.cross_entropy(x, t, w, reduction=r, label_smoothing=0.3, ignore_index=1),
                            normal(2, 4, 3), integers(4, 2, 3), positive(4).constant),
    "cross_entropy smooth 1-d": (lambda f, x, t, r: f.cross_entropy(x, t, reduction=r, label_smoothing=0.3),
                            normal(4), integers(4)),
}
# torch differentiates binary_cross_entropy twice by another formula, with 1e-12 added to x and to 1 - x.
BCE = {
    "bce edges":            (lambda f, x, t, r: f.binary_cross_entropy(x, t, reduction=r),
                            EDGES, values([0.0, 0.0, 1.0, 1.0, 0.5]).constant),
    "bce":                  (lambda f, x, t, r: f.binary_cross_entropy(x, t, reduction=r),
                            UNIT, Draw(UNIT.make)),
    "bce w":                (lambda f, x, t, w, r: f.binary_cross_entropy(x, t, weight=w, reduction=r),
                            UNIT, zero_or_one(5, 3), positive(3).constant),
}
# The mean divides by a size, for which torch has a second division, DivBackward1.
PROBABILITIES = {
    "cross_entropy p":      (lambda f, x, t, r: f.cross_entropy(x, t, reduction=r), normal(5, 3), UNIT),
    "cross_entropy p all":  (lambda f, x, t, w, r: f.cross_entropy(x, t, w, reduction=r, label_smoothing=0.2),
                            normal(5, 3), UNIT, positive(3).constant),
    "cross_entropy p 3-d":  (lambda f, x, t, w, r: f.cross_entropy(x, t, w, reduction=r),
                            normal(2, 3, 4), positive(2, 3, 4), positive(3).constant),
    "cross_entropy p 1-d":  (lambda f, x, t, r: f.cross_entropy(x, t, reduction=r), normal(3), positive(3)),
}
ONE_REDUCTION = {
    "bce_with_logits large": (lambda f, x, t: f.binary_cross_entropy_with_logits(x, t, reduction="none"),
                            values([1e4, -1e4, 90.0, -90.0]), values([0.0, 1.0, 0.0, 0.0])),
    "kl_div batchmean":      (lambda f, x, t: f.kl_div(x, t, reduction="batchmean"), normal(5, 3), UNIT),
    "kl_div 0 log 0":        (lambda f, x, t: f.kl_div(x, t, reduction="none"),
                            normal(2), values([1.0, 0.0]).constant),
    "mse broadcast":         (lambda f, x, t: _silent(f.mse_loss, x, t), normal(3, 1), normal(4)),
}
LAYERS = {
    "linear":           (lambda f, x, w, b: f.linear(x, w, b), normal(5, 3), normal(4, 3), normal(4)),
    "linear no bias":   (lambda f, x, w: f.linear(x, w), normal(5, 3), normal(4, 3)),
    "linear 3-d":       (lambda f, x, w, b: f.linear(x, w, b), normal(2, 5, 3), normal(4, 3), normal(4)),
    "linear 3-d no bias": (lambda f, x, w: f.linear(x, w), normal(2, 5, 3), normal(4, 3)),
    "linear 1-d":       (lambda f, x, w, b: f.linear(x, w, b), normal(3), normal(4, 3), normal(4)),
    "linear to number": (lambda f, x, w: f.linear(x, w), normal(5, 3), normal(3)),
    "linear bias 1":    (lambda f, x, w, b: f.linear(x, w, b), normal(5, 3), normal(4, 3), normal(1)),
    "batch_norm":       (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, training=True),
                            normal(6, 3), normal(3), normal(3)),
    "batch_norm plain": (lambda f, x: f.batch_norm(x, None, None, training=True), normal(6, 3)),
    "batch_norm w":     (lambda f, x, w: f.batch_norm(x, None, None, w, training=True),
                            normal(6, 3), normal(3)),
    "batch_norm 3-d":   (lambda f, x, w, b: f.batch_norm(x, None, None, w, b, training=True, eps=0.1),
                            normal(6, 3, 2), normal(3), normal(3)),
    "batch_norm eval":  (lambda f, x, m, v, w, b: f.batch_norm(x, m, v, w, b),
                            normal(6, 3), normal(3).constant, positive(3).constant, normal(3), normal(3)),
    "batch_norm eval 3-d": (lambda f, x, m, v, w, b: f.batch_norm(x, m, v, w, b),
                            normal(6, 3, 2), normal(3).constant, positive(3).constant, normal(3), normal(3)),
    "batch_norm eval plain": (lambda f, x, m, v: f.batch_norm(x, m, v),
                            normal(6, 3), normal(3).constant, positive(3).constant),
    "batch_norm running": (lambda f, x, m, v: (f.batch_norm(x, m, v, training=True, momentum=0.3), m, v),
                            normal(6, 3), normal(3).constant, positive(3).constant),
    "layer_norm":       (lambda f, x, w, b: f.layer_norm(x, (4,), w, b), normal(3, 4), normal(4), normal(4)),
    "layer_norm plain": (lambda f, x: f.layer_norm(x, (4,), eps=0.1), normal(3, 4)),
    "layer_norm 2":     (lambda f, x, w, b: f.layer_norm(x, [3, 4], w, b),
                            normal(2, 3, 4), normal(3, 4), normal(3, 4)),
    "layer_norm w":     (lambda f, x, w: f.layer_norm(x, (4,), w), normal(3, 4), normal(4)),
    "dropout eval":     (lambda f, x: f.dropout(x, 0.5, training=False), normal(5, 3)),
    "dropout 1":        (lambda f, x: f.dropout(x, 1.0), normal(5, 3)),
}
BILINEAR = {
    "bilinear":         (lambda f, x, y, w, b: f.bilinear(x, y, w, b),
                            normal(5, 3), normal(5, 2), normal(4, 3, 2), normal(4)),
}
# fmt: on


DTYPES = ("float16", *FLOATS)


def _silent(function, *args, **options):
    """The result of a function that warns in both libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)


def _single(table, **options):
    """The cases of a table whose entries are (function of nn.functional and the inputs, *inputs)."""
    return (
        Case(
            name, lambda torch, *inputs, f=f: f(torch.nn.functional, *inputs), *inputs, scaled=True, **options
        )
        for name, (f, *inputs) in table.items()
    )


def _each_input(table, inputs, **options):
    return (
        Case(f"{name} {which}", lambda torch, x, f=f: f(torch.nn.functional, x), x, dtypes=DTYPES, **options)
        for name, f in table.items()
        for which, x in inputs.items()
    )


def _each_reduction(table, **options):
    return (
        Case(
            f"{name} {reduction}",
            lambda torch, *inputs, f=f, r=reduction: f(torch.nn.functional, *inputs, r),
            *inputs,
            dtypes=DTYPES,
            scaled=True,
            **options,
        )
        for name, (f, *inputs) in table.items()
        for reduction in ("mean", "sum", "none")
    )


CASES: list[Case] = [
    *_each_input(ACTIVATIONS, MIXED),
    *_each_input(CANCELLING, MIXED | {"special": FINITE}, scaled=True),
    *_each_input(ONE_DIM, {"matrix": normal(4, 3)}, scaled=True),
    *_each_input(IN_PLACE, {"matrix": normal(4, 3)}, names=False),
    *_each_reduction(LOSSES),
    *_each_reduction(BCE, second=False),
    *_each_reduction(PROBABILITIES, names=False),
    *_single(ONE_REDUCTION),
    *_single(LAYERS),
    *_single(BILINEAR, names=False),
]
