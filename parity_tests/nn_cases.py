"""Cases for tinynn.nn.functional: activations, losses and layers as functions; test_nn.py runs them.

With them those of sampling_cases.py.
"""

import warnings

import numpy as np
import torch

import tinynn
from parity_tests import sampling_cases
from parity_tests.harness import FLOATS, Case, Draw, integers, normal, positive, values

KINKS = values([[-1.0, -0.5, 0.0, -0.0, 0.5, 1.0], [6.0, 7.0, -7.0, 2.0, -2.0, 3.0]])
SPECIAL = values([0.0, -0.0, 1.0, -30.0, 30.0, -200.0, 200.0, float("inf"), float("-inf"), float("nan")])
FINITE = values(
    [0.0, -0.0, 1.0, -30.0, 30.0, -200.0, 200.0]
)  # torch's gelu(inf) is nan in float32, inf in float64
SMALLER = values(
    [0.0, -0.0, 1.0, -30.0, 30.0, -80.0, 80.0]
)  # torch's second derivative of mish(200) is nan in float32
MIXED = {"matrix": normal(5, 3), "0-d": normal(), "empty": normal(0, 3), "kinks": KINKS, "special": SPECIAL}


def zero_or_one(*shape):
    return Draw(lambda rng: rng.integers(0, 2, shape).astype(float))


def signs(*shape):
    return Draw(lambda rng: rng.choice([-1.0, 1.0], shape), False)


def pieces(f, size=None):
    return (torch if f is torch.nn.functional else tinynn).nn.LinearCrossEntropyOptions(True, size)


LABELS = Draw(lambda rng: np.array([[0, 2, -1, 3], [3, 3, 1, -1], [-1, 0, 0, 0]]), False)


# ruff: noqa: E501 - a case is a line
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
    "celu":          lambda f, x: f.celu(x),
    "celu 1.3":      lambda f, x: f.celu(x, 1.3),
    "selu":          lambda f, x: f.selu(x),
    "hardshrink":    lambda f, x: f.hardshrink(x),
    "hardshrink 2":  lambda f, x: f.hardshrink(x, 2),
    "hardswish":     lambda f, x: f.hardswish(x),
    "threshold":     lambda f, x: f.threshold(x, 0.5, 7.0),
    "softsign":      lambda f, x: f.softsign(x),
    "rrelu":         lambda f, x: f.rrelu(x),
}
CANCELLING = {  # for negative x, 1 + erf(x) and 1 + tanh(x) lose the digits that 1 has no room for
    "gelu":          lambda f, x: f.gelu(x),
    "gelu tanh":     lambda f, x: f.gelu(x, approximate="tanh"),
    "tanhshrink":    lambda f, x: f.tanhshrink(x),
}
MISH = {"mish": lambda f, x: f.mish(x)}
NO_SECOND = {
    "hardsigmoid":   lambda f, x: f.hardsigmoid(x),
}
OF_EVEN_SIZE = {
    "softshrink":    lambda f, x: f.softshrink(x),  # -0 for the last elements, which fill no vector
    "softshrink 2":  lambda f, x: f.softshrink(x, 2.0),
    "glu":           lambda f, x: f.glu(x),
    "glu 0":         lambda f, x: f.glu(x, 0),
}
EVEN = {
    "matrix": normal(4, 4),
    "special": values([[0.0, -0.0, 1.0, -30.0], [30.0, -200.0, 200.0, 4.0]] * 2),
    "kinks": values([[-1.0, -0.5, 0.0, -0.0, 0.5, 1.0, 2.0, 3.0], [6.0, 7.0, -7.0, 2.0, -2.0, -3.0, 4.0, 5.0]]),
}
ONE_DIM = {
    "softmax":       lambda f, x: f.softmax(x, dim=-1),
    "softmin":       lambda f, x: f.softmin(x, dim=0),
    "normalize":     lambda f, x: f.normalize(x),
    "normalize 1":   lambda f, x: f.normalize(x, p=1.0, dim=0, eps=2.0),
    "log_softmax":   lambda f, x: f.log_softmax(x, dim=-1),
}
IN_PLACE = {
    "relu_":         lambda f, x: f.relu(x * 1, inplace=True),
    "relu6_":        lambda f, x: f.relu6(x * 1, inplace=True),
    "leaky_relu_":   lambda f, x: f.leaky_relu(x * 1, 0.1, inplace=True),
    "elu_":          lambda f, x: f.elu(x * 1, inplace=True),
    "celu_":         lambda f, x: f.celu(x * 1, 1.3, inplace=True),
    "selu_":         lambda f, x: f.selu(x * 1, inplace=True),
    "rrelu_":        lambda f, x: f.rrelu(x * 1, inplace=True),
    "silu_":         lambda f, x: f.silu(x * 1, inplace=True),
    "mish_":         lambda f, x: f.mish(x * 1, inplace=True),
    "hardswish_":    lambda f, x: f.hardswish(x * 1, inplace=True),
    "threshold_":    lambda f, x: f.threshold(x * 1, 0.1, 2.0, inplace=True),
    "named relu_":   lambda f, x: f.relu_(x * 1),
    "named elu_":    lambda f, x: f.elu_(x * 1, 0.7),
    "named celu_":   lambda f, x: f.celu_(x * 1, 0.7),
    "named selu_":   lambda f, x: f.selu_(x * 1),
    "named rrelu_":  lambda f, x: f.rrelu_(x * 1, 0.1, 0.4),
    "named hardtanh_": lambda f, x: f.hardtanh_(x * 1, -0.5, 0.7),
    "named leaky_relu_": lambda f, x: f.leaky_relu_(x * 1, 0.3),
    "named threshold_": lambda f, x: f.threshold_(x * 1, 0.1, 2.0),
    "elu_ of a part": lambda f, x: (y := x * 1, f.elu(y[1:], inplace=True), y)[2],
    "mish_ of a part": lambda f, x: (y := x * 1, f.mish(y[:, 1], inplace=True), y)[2],
    "elu_ overwritten": lambda f, x: f.elu(x * 1, inplace=True).add_(1),
    "relu_ of leaf": lambda f, x: f.relu(x, inplace=True),
    "elu_ of leaf":  lambda f, x: f.elu(x, inplace=True),
    "elu_ falling":  lambda f, x: f.elu(x * 1, -1.0, inplace=True),
    "leaky_relu_ falling": lambda f, x: f.leaky_relu(x * 1, -1.0, inplace=True),
    "rrelu_ falling": lambda f, x: f.rrelu(x * 1, -1.0, -0.5, inplace=True),
}
OF_TORCH = {  # (function of torch, inputs)
    "torch.celu":       (lambda torch, x: torch.celu(x, 0.7), normal(4, 3)),
    "torch.celu_":      (lambda torch, x: torch.celu_(x * 1, 0.7), normal(4, 3)),
    "torch.selu":       (lambda torch, x: torch.selu(x), normal(4, 3)),
    "torch.selu_":      (lambda torch, x: torch.selu_(x * 1), normal(4, 3)),
    "torch.relu_":      (lambda torch, x: torch.relu_(x * 1), normal(4, 3)),
    "torch.threshold":  (lambda torch, x: torch.threshold(x, 0.1, 2.0), normal(4, 3)),
    "torch.threshold_": (lambda torch, x: torch.threshold_(x * 1, 0.1, 2.0), normal(4, 3)),
    "torch.hardshrink": (lambda torch, x: torch.hardshrink(x), normal(4, 3)),
    "Tensor.hardshrink": (lambda torch, x: x.hardshrink(0.3), normal(4, 3)),
    "torch.prelu":      (lambda torch, x, w: torch.prelu(x, w), normal(4, 3), normal(3)),
    "Tensor.prelu":     (lambda torch, x, w: x.prelu(w), normal(2, 3, 4), normal(3)),
    "prelu of one":     (lambda torch, x, w: torch.prelu(x, w), normal(), normal(1)),
    "prelu 0-d":        (lambda torch, x, w: torch.prelu(x, w), normal(4, 3), normal()),
    "rrelu drawn":      (lambda torch, x: (torch.manual_seed(3), torch.rrelu(x, 0.2, 0.9, True), torch.rand(2))[1:],
                         normal(4, 3)),
    "rrelu drawn kinks": (lambda torch, x: (torch.manual_seed(3), torch.rrelu(x, training=True))[1], KINKS),
    "rrelu_ drawn":     (lambda torch, x: (torch.manual_seed(3), torch.rrelu_(x * 1, 0.2, 0.9, True))[1],
                         normal(4, 3)),
    "gumbel_softmax":   (lambda torch, x: (torch.manual_seed(3), torch.nn.functional.gumbel_softmax(x, 0.7))[1],
                         normal(4, 3)),
    "gumbel hard":      (lambda torch, x:
                         (torch.manual_seed(3), torch.nn.functional.gumbel_softmax(x, hard=True, dim=0))[1],
                         normal(4, 3)),
    "torch.cosine_similarity": (lambda torch, x, y: torch.cosine_similarity(x, y, dim=0), normal(4, 3), normal(4, 1)),
    "cosine of short":  (lambda torch, x, y: torch.cosine_similarity(x * 1e-9, y), normal(4, 3), normal(4, 3)),
    "torch.pairwise_distance": (lambda torch, x, y: torch.pairwise_distance(x, y, keepdim=True),
                         normal(4, 3), normal(3)),
    "pairwise_distance 3": (lambda torch, x, y: torch.pairwise_distance(x, y, 3.0, eps=0.1),
                         normal(4, 3), normal(4, 3)),
    "pairwise_distance 0-d": (lambda torch, x, y: torch.pairwise_distance(x, y), normal(), normal()),
}
OF_TORCH_ONCE = {  # torch has no second derivative; prelu's at 0 is not that of its first
    "hardsigmoid_":     (lambda torch, x: torch.nn.functional.hardsigmoid(x * 1, inplace=True), normal(4, 3)),
    "prelu kinks":      (lambda torch, x, w: torch.prelu(x, w), values([-1.0, 0.0, -0.0, 2.0]), normal(1)),
    "pdist":            (lambda torch, x: torch.pdist(x, 1.5), normal(5, 3)),
    "pdist 0":          (lambda torch, x: torch.nn.functional.pdist(x, 0), normal(4, 3)),
    "pdist 0.5":        (lambda torch, x: torch.pdist(x, 0.5), normal(4, 3)),
    "pdist 1":          (lambda torch, x: torch.pdist(x, 1), KINKS),
    "pdist 2 of equals": (lambda torch, x: torch.pdist(x), values([[1.0, 2.0], [1.0, 2.0], [0.0, 1.0]])),
    "pdist inf":        (lambda torch, x: torch.pdist(x, float("inf")), values([[0.0, 1.0], [1.0, 2.0], [3.0, 1.0]])),
    "pdist of nothing": (lambda torch, x: torch.pdist(x), normal(3, 0)),
    "pdist of one":     (lambda torch, x: torch.pdist(x), normal(1, 3)),
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
    "bce edges":            (lambda f, x, t, r: f.binary_cross_entropy(x, t, reduction=r),
                            EDGES, values([0.0, 0.0, 1.0, 1.0, 0.5]).constant),
    "bce":                  (lambda f, x, t, r: f.binary_cross_entropy(x, t, reduction=r),
                            UNIT, Draw(UNIT.make)),
    "bce w":                (lambda f, x, t, w, r: f.binary_cross_entropy(x, t, weight=w, reduction=r),
                            UNIT, zero_or_one(5, 3), positive(3).constant),
    "linear_cross_entropy": (lambda f, x, w, t, b, r: f.linear_cross_entropy(x, w, t, linear_bias=b, reduction=r),
                            normal(5, 3), normal(4, 3), integers(4, 5), normal(4)),
    "linear_cross_entropy 2": (lambda f, x, w, t, r:
                            f.linear_cross_entropy(x, w, t, reduction=r, ignore_index=1, label_smoothing=0.1),
                            normal(5, 3), normal(4, 2, 3), integers(4, 5, 2)),
    "poisson_nll":          (lambda f, x, t, r: f.poisson_nll_loss(x, t, reduction=r),
                            normal(5, 3), integers(9, 5, 3)),
    "poisson_nll full":     (lambda f, x, t, r: f.poisson_nll_loss(x, t, full=True, reduction=r),
                            normal(5, 3), values([0.0, 1.0, 5.0])),
    "poisson_nll rate":     (lambda f, x, t, r: f.poisson_nll_loss(x, t, log_input=False, eps=0.1, reduction=r),
                            positive(5, 3), positive(5, 3)),
    "gaussian_nll":         (lambda f, x, t, v, r: f.gaussian_nll_loss(x, t, v, reduction=r),
                            normal(5, 3), normal(5, 3), positive(5, 3)),
    "gaussian_nll full":    (lambda f, x, t, v, r: f.gaussian_nll_loss(x, t, v, full=True, eps=1.0, reduction=r),
                            normal(5, 3), normal(5, 3), positive(5)),
    "gaussian_nll 1":       (lambda f, x, t, r: f.gaussian_nll_loss(x, t, 2.0, reduction=r),
                            normal(5, 3), normal(5, 3)),
    "margin_ranking":       (lambda f, x, y, t, r: f.margin_ranking_loss(x, y, t, margin=0.5, reduction=r),
                            normal(5, 3), normal(5, 3), signs(5, 3)),
    "hinge_embedding":      (lambda f, x, t, r: f.hinge_embedding_loss(x, t, reduction=r),
                            normal(5, 3), signs(5, 3)),
    "hinge_embedding kinks": (lambda f, x, t, r: f.hinge_embedding_loss(x, t, margin=2, reduction=r),
                            KINKS, signs(2, 6)),
    "cosine_embedding":     (lambda f, x, y, t, r: f.cosine_embedding_loss(x, y, t, 0.1, reduction=r),
                            normal(5, 3), normal(5, 3), signs(5)),
    "cosine_embedding 1-d": (lambda f, x, y, t, r: f.cosine_embedding_loss(x, y, t, reduction=r),
                            normal(3), normal(3), signs()),
    "soft_margin":          (lambda f, x, t, r: f.soft_margin_loss(x, t, reduction=r), normal(5, 3), signs(5, 3)),
    "soft_margin large":    (lambda f, x, t, r: f.soft_margin_loss(x, t, reduction=r),
                            values([0.0, 60.0, -60.0]), signs(3)),
    "multilabel_soft_margin": (lambda f, x, t, r: f.multilabel_soft_margin_loss(x, t, reduction=r),
                            normal(5, 3), zero_or_one(5, 3)),
    "multilabel_soft_margin w": (lambda f, x, t, w, r: f.multilabel_soft_margin_loss(x, t, w, reduction=r),
                            normal(5, 3), UNIT, positive(3)),
    "triplet_margin":       (lambda f, a, p, n, r: f.triplet_margin_loss(a, p, n, reduction=r),
                            normal(5, 3), normal(5, 3), normal(5, 3)),
    "triplet_margin swap":  (lambda f, a, p, n, r:
                            f.triplet_margin_loss(a, p, n, 2.0, p=3, swap=True, reduction=r),
                            normal(5, 3), normal(5, 3), normal(5, 3)),
    "triplet_margin 1-d":   (lambda f, a, p, n, r: f.triplet_margin_loss(a, p, n, reduction=r),
                            normal(3), normal(3), normal(3)),
    "triplet_margin_with_distance": (lambda f, a, p, n, r: f.triplet_margin_with_distance_loss(
                            a, p, n, distance_function=lambda x, y: (x - y).abs().sum(-1), swap=True, reduction=r),
                            normal(5, 3), normal(5, 3), normal(5, 3)),
}
MARGINS = {  # torch has no second derivatives of these
    "multi_margin":         (lambda f, x, t, r: f.multi_margin_loss(x, t, reduction=r), normal(5, 4), integers(4, 5)),
    "multi_margin 2":       (lambda f, x, t, w, r: f.multi_margin_loss(x, t, 2, 0.7, w, reduction=r),
                            normal(5, 4), integers(4, 5), positive(4).constant),
    "multi_margin 1-d":     (lambda f, x, t, r: f.multi_margin_loss(x, t, reduction=r), normal(4), integers(4)),
    "multi_margin 1-d 1":   (lambda f, x, t, r: f.multi_margin_loss(x, t, reduction=r), normal(4), integers(4, 1)),
    "multi_margin 0-d":     (lambda f, x, t, r: f.multi_margin_loss(x, t, reduction=r), normal(), integers(1)),
    "multi_margin nan":     (lambda f, x, t, r: f.multi_margin_loss(x, t, reduction=r),
                            values([[float("nan"), 1.0, 2.0]]), integers(3, 1)),
    "multilabel_margin":    (lambda f, x, t, r: f.multilabel_margin_loss(x, t, reduction=r),
                            normal(3, 4), LABELS),
    "multilabel_margin 1-d": (lambda f, x, t, r: f.multilabel_margin_loss(x, t[1], reduction=r), normal(4), LABELS),
    "multilabel_margin 0-d": (lambda f, x, t, r: f.multilabel_margin_loss(x, t[1, 0] * 0, reduction=r),
                            normal(), LABELS),
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
IN_PIECES = {  # torch has no second derivatives of these, and gives grad_fn the names of its own functions
    "linear_cross_entropy in pieces": (lambda f, x, w, t, b, c, r:
                            f.linear_cross_entropy(x, w, t, linear_bias=b, weight=c, reduction=r, options=pieces(f, 2)),
                            normal(5, 3), normal(4, 3), integers(4, 5), normal(4), positive(4).constant),
    "linear_cross_entropy of few": (lambda f, x, w, t, r:
                            f.linear_cross_entropy(x, w, t, reduction=r, ignore_index=1, options=pieces(f)),
                            normal(9, 3), normal(4, 3), integers(4, 9)),
    "linear_cross_entropy of one": (lambda f, x, w, t, r:
                            f.linear_cross_entropy(x, w, t, reduction=r, options=pieces(f)),
                            normal(3), normal(4, 3), integers(4)),
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
    *_each_input(MISH, MIXED | {"special": SMALLER}, scaled=True),
    *_each_input(NO_SECOND, MIXED, second=False),
    *_each_input(OF_EVEN_SIZE, EVEN),
    *_each_input(IN_PLACE, {"matrix": normal(4, 3)}),
    *(Case(name, f, *inputs, scaled=True) for name, (f, *inputs) in OF_TORCH.items()),
    *(Case(name, f, *inputs, scaled=True, second=False) for name, (f, *inputs) in OF_TORCH_ONCE.items()),
    *_each_reduction(LOSSES),
    *_each_reduction(MARGINS, second=False),
    *_each_reduction(IN_PIECES, second=False, names=False),
    *_each_reduction(PROBABILITIES, names=False),
    *_single(ONE_REDUCTION),
    *_single(LAYERS),
    *_single(BILINEAR, names=False),
    *sampling_cases.CASES,
]
