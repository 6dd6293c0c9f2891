"""Activations, losses and distances as modules, and what they and their functions refuse, against PyTorch."""

import numpy as np
import pytest

from parity_tests.harness import assert_same
from parity_tests.layers import (
    LIBRARIES,
    build,
    check_looks,
    check_random_start,
    check_refused,
    check_training,
)

# ruff: noqa: E501 - a refused call is a string
# fmt: off
ACTIVATIONS = {  # (layer, shape of its input)
    "CELU":             (lambda nn: nn.CELU(0.7), (5, 3)),
    "GLU":              (lambda nn: nn.GLU(), (5, 4)),
    "GLU dim":          (lambda nn: nn.GLU(dim=0), (4, 3)),
    "Hardshrink":       (lambda nn: nn.Hardshrink(0.3), (5, 3)),
    "Hardsigmoid":      (lambda nn: nn.Hardsigmoid(), (5, 3)),
    "Hardswish":        (lambda nn: nn.Hardswish(), (5, 3)),
    "Mish":             (lambda nn: nn.Mish(), (5, 3)),
    "PReLU":            (lambda nn: nn.PReLU(), (5, 3)),
    "PReLU channels":   (lambda nn: nn.PReLU(3, 0.5), (5, 3, 2)),
    "RReLU":            (lambda nn: nn.RReLU(), (5, 3)),
    "RReLU eval":       (lambda nn: nn.RReLU(0.1, 0.5).eval(), (5, 3)),
    "SELU":             (lambda nn: nn.SELU(), (5, 3)),
    "Softmax2d":        (lambda nn: nn.Softmax2d(), (2, 3, 4, 5)),
    "Softmin":          (lambda nn: nn.Softmin(dim=1), (5, 3)),
    "Softshrink":       (lambda nn: nn.Softshrink(0.3), (4, 4)),
    "Softsign":         (lambda nn: nn.Softsign(), (5, 3)),
    "Tanhshrink":       (lambda nn: nn.Tanhshrink(), (5, 3)),
    "Threshold":        (lambda nn: nn.Threshold(0.1, 20), (5, 3)),
}
IN_PLACE = {
    "CELU":             lambda nn: nn.CELU(inplace=True),
    "Hardsigmoid":      lambda nn: nn.Hardsigmoid(inplace=True),
    "Hardswish":        lambda nn: nn.Hardswish(True),
    "Mish":             lambda nn: nn.Mish(True),
    "RReLU":            lambda nn: nn.RReLU(0.2, 0.4, True),
    "SELU":             lambda nn: nn.SELU(True),
    "Threshold":        lambda nn: nn.Threshold(0.1, 20, True),
}
LOSSES = {
    "CosineEmbeddingLoss":          lambda nn: nn.CosineEmbeddingLoss(margin=0.2),
    "GaussianNLLLoss":              lambda nn: nn.GaussianNLLLoss(full=True),
    "HingeEmbeddingLoss":           lambda nn: nn.HingeEmbeddingLoss(0.5),
    "MarginRankingLoss":            lambda nn: nn.MarginRankingLoss(reduction="sum"),
    "MultiLabelMarginLoss":         lambda nn: nn.MultiLabelMarginLoss(),
    "MultiLabelSoftMarginLoss":     lambda nn: nn.MultiLabelSoftMarginLoss(nn.Parameter.__base__([1.0, 2.0])),
    "MultiMarginLoss":              lambda nn: nn.MultiMarginLoss(2, weight=nn.Parameter.__base__([1.0, 2.0])),
    "LinearCrossEntropyLoss":       lambda nn: nn.LinearCrossEntropyLoss(
                                        3, 4, out_features=(2,), bias=True, options=nn.LinearCrossEntropyOptions()),
    "AdaptiveLogSoftmaxWithLoss":   lambda nn: nn.AdaptiveLogSoftmaxWithLoss(16, 10, [2, 5], head_bias=True),
    "NLLLoss2d":                    lambda nn: nn.NLLLoss2d(),
    "PoissonNLLLoss":               lambda nn: nn.PoissonNLLLoss(full=True),
    "SoftMarginLoss":               lambda nn: nn.SoftMarginLoss(),
    "TripletMarginLoss":            lambda nn: nn.TripletMarginLoss(0.5, swap=True),
    "TripletMarginWithDistanceLoss": lambda nn: nn.TripletMarginWithDistanceLoss(),
    "CosineSimilarity":             lambda nn: nn.CosineSimilarity(),
    "PairwiseDistance":             lambda nn: nn.PairwiseDistance(1.0),
}
REFUSED = [  # F, z and o are nn.functional, zeros and ones
    "F.celu(3.0)", "F.celu(o(2), 0)", "F.celu(o(2, dtype=torch.int64))", "F.selu([1.0])", "F.mish(o(2).bool())",
    "F.glu(o(2, 3))", "F.glu(o(()))", "F.glu(o(2, 4), 5)", "F.glu(o(2, 4).long())", "F.hardshrink(o(2).long())",
    "F.hardswish(o(2).long())", "F.hardsigmoid(o(2).long())", "F.softshrink(o(2), -1)", "F.softshrink(o(2).double(), -0.5)",
    "F.softshrink(o(2).long())", "F.threshold(3.0, 1, 2)", "F.hardtanh(o(2).bool())", "F.hardtanh(o(2).byte())",
    "F.prelu(o(2), 3.0)", "F.prelu(o(2), o(1).double())", "F.prelu(o(2), o(1, 1))", "F.prelu(o(2, 3), o(2))", "F.prelu(o(()), o(2))",
    "F.prelu(o(3), o(3))", "o(2).prelu(3.0)", "F.rrelu(o(2), 0.5, 0.1)", "F.rrelu(o(2), 0.5, float('inf'))",
    "F.rrelu(o(2), float('nan'), 1.0)", "F.rrelu(o(2).half(), training=True)", "F.rrelu(o(2).long())",
    "F.gumbel_softmax(o(2, 3), dim=2)", "F.gumbel_softmax(o(2, 3).long())", "F.elu_(3.0)", "F.threshold_([1.0], 1, 2)",
    "F.normalize(o(3))", "F.normalize(o(2, 3).long())", "F.relu_(o(2).bool())",
    "F.cosine_similarity(o(2, 3), 1.0)", "F.cosine_similarity(o(2, 3).long(), o(2, 3).long())", "F.cosine_similarity(o(2, 3), o(2, 2))",
    "F.cosine_similarity(o(2, 3), o(2, 3), dim=2)", "F.pairwise_distance([1.0], o(2))", "F.pairwise_distance(o(2), o(3))",
    "F.pdist(o(2))", "F.pdist(o(2, 2, 2))", "F.pdist(o(2, 2), -1)", "F.pdist(o(2, 2).long())", "F.pdist([1.0])",
    "F.margin_ranking_loss(o(2, 3), o(2, 3), o(2))", "F.margin_ranking_loss(o(2), o(2), o(3))", "F.margin_ranking_loss(o(2), o(2), o(2), reduction='x')",
    "F.hinge_embedding_loss([1.0], o(2))", "F.hinge_embedding_loss(o(2), [1.0])", "F.hinge_embedding_loss(o(2).long(), o(2))",
    "F.cosine_embedding_loss(o(2, 3), o(2, 3), o(2, 3))", "F.cosine_embedding_loss(o(3), o(2, 3), o(2))", "F.cosine_embedding_loss(o(2, 3), o(2, 3), o(()))",
    "F.cosine_embedding_loss(o(2, 3), o(2, 3), 1)", "F.soft_margin_loss(o(2, 3), [1.0])", "F.soft_margin_loss(o(2).long(), o(2))",
    "F.soft_margin_loss(o(2), o(3))", "F.soft_margin_loss(o(2), o(2).requires_grad_())", "F.soft_margin_loss(o(2), o(2), reduction='x')",
    "F.multi_margin_loss(o(2, 3), z(2).long() + 3)", "F.multi_margin_loss(o(2, 3), z(2).long(), p=3)", "F.multi_margin_loss(o(2, 3), z(2).long(), weight=o(2))",
    "F.multi_margin_loss(o(2, 3), z(2).long(), weight=o(3, 1))", "F.multi_margin_loss(o(2, 3), z(2).long(), weight=o(3).double())",
    "F.multi_margin_loss(o(2, 3), z(2).int())", "F.multi_margin_loss(o(2, 3), z(3).long())", "F.multi_margin_loss(o(2, 2, 3), z(2).long())",
    "F.multi_margin_loss(o(2, 3).half(), z(2).long())", "F.multi_margin_loss(o(2, 0), z(2).long())", "F.multi_margin_loss(o(2, 3), [1])",
    "F.multi_margin_loss(o(2, 3), z(2).long(), weight=o(3).requires_grad_())",
    "F.multilabel_margin_loss(o(2, 3), z(2, 3).long() + 3)", "F.multilabel_margin_loss(o(2, 3), z(2, 3).long() - 2)", "F.multilabel_margin_loss(o(2, 3), z(2).long())",
    "F.multilabel_margin_loss(o(2, 3), z(2, 3))", "F.multilabel_margin_loss(o(2, 3).long(), z(2, 3).long())", "F.multilabel_margin_loss(o(1, 2, 3), z(1, 2, 3).long())",
    "F.multilabel_margin_loss([1.0], z(2).long())", "F.multilabel_soft_margin_loss(o(2, 3), z(2, 3), reduction='x')", "F.multilabel_soft_margin_loss(o(()), z(()))",
    "F.triplet_margin_loss(o(2, 3), o(2, 3), o(3))", "F.triplet_margin_loss(o(2, 3), o(2, 3), o(2, 3), margin=0)", "F.triplet_margin_loss(o(2), o(2), o(2), reduction='x')",
    "F.triplet_margin_with_distance_loss(o(2, 3), o(2, 3), o(3))", "F.triplet_margin_with_distance_loss(o(2), o(2), o(2), margin=-1)",
    "F.poisson_nll_loss(o(2), o(2), reduction='x')", "F.poisson_nll_loss([1.0], o(2))", "F.poisson_nll_loss(o(2), 1)",
    "F.gaussian_nll_loss(o(2, 3), o(2, 3), -1.0)", "F.gaussian_nll_loss(o(2, 3), o(2, 3), -o(2, 3))", "F.gaussian_nll_loss(o(2, 3), o(2, 3), o(2, 2))",
    "F.gaussian_nll_loss(o(2, 3), o(2, 3), o(1, 1))", "F.gaussian_nll_loss(o(2, 3), o(2, 3), o(2, 3), reduction='x')",
    "F.linear_cross_entropy(o(()), o(4, 3), z(()).long())", "F.linear_cross_entropy(o(2, 3), o(4), z(2).long())", "F.linear_cross_entropy(o(2, 3), o(4, 2), z(2).long())",
    "F.linear_cross_entropy(o(2, 3), o(4, 3), z(2).long(), linear_bias=o(3))", "F.linear_cross_entropy(o(3), o(4, 2, 3), z(2).long())",
    "F.linear_cross_entropy(o(2, 3), o(4, 3), z(2, 4), ignore_index=1)",
    "F.linear_cross_entropy(o(2, 3), o(4, 3), z(2).long() + 4, options=nn.LinearCrossEntropyOptions())",
    "F.linear_cross_entropy(o(2, 3), o(4, 3), z(2).long(), options=nn.LinearCrossEntropyOptions(batch_chunk_size=2, chunking_method='aspect_ratio:1'))",
    "F.linear_cross_entropy(o(2, 3), o(4, 3), z(2).long(), options=nn.LinearCrossEntropyOptions(acc_dtype=torch.float64))",
    "nn.LinearCrossEntropyOptions(acc_policy='x')", "nn.LinearCrossEntropyOptions(chunking_method='x')",
    "nn.LinearCrossEntropyOptions(chunking_method='aspect_ratio:0')", "nn.LinearCrossEntropyOptions(batch_chunk_size=0)",
    "nn.LinearCrossEntropyOptions(acc_dtype=torch.int32)", "nn.LinearCrossEntropyLoss(3, 4, weight=o(3))",
    "nn.LinearCrossEntropyLoss(3, 4, label_smoothing=2)",
    "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [])", "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 2])", "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 10])",
    "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [0, 2])", "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2.5])",
    "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(o(3, 8), z(2).long())", "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(o(8), z(8).long())",
    "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(o(3, 8), z(()).long())", "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(o(3, 8), z(3, 1).long())",
    "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(o(3, 8), z(3).long() + 10)", "nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2])(o(3, 8), z(3).long() - 1)",
    "nn.Softmax2d()(o(2, 3))", "nn.MultiMarginLoss(p=3)", "nn.MultiMarginLoss(weight=o(2, 2))", "nn.TripletMarginLoss(margin=0)",
    "nn.TripletMarginWithDistanceLoss(margin=-1)", "nn.GaussianNLLLoss(True)",
]
# fmt: on


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, dtype):
    check_training(*ACTIVATIONS[name], dtype)


@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
@pytest.mark.filterwarnings("ignore:`NLLLoss2d` has been deprecated:FutureWarning")
def test_looks(name):
    check_looks(ACTIVATIONS[name][0] if name in ACTIVATIONS else LOSSES[name])


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_looks(name):
    check_looks(IN_PLACE[name])


@pytest.mark.parametrize("source", REFUSED)
def test_refused(source):
    check_refused(source)


# --- losses with parameters


def run_loss(library, make, shape, target, dtype):
    """The loss, its gradients, and what else the module offers."""
    loss = build(library, make, dtype)
    x = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    x = library.from_numpy(x).requires_grad_()
    out = loss(x, library.tensor(target))
    (out if isinstance(out, library.Tensor) else out[1]).backward()
    found = [tuple(out) if isinstance(out, tuple) else out, x.grad, *(p.grad for p in loss.parameters())]
    return [
        *found,
        *(getattr(loss, name)(x) for name in ("log_prob", "predict") if hasattr(loss, name) and x.ndim > 1),
    ]


def adaptive(nn):
    return nn.AdaptiveLogSoftmaxWithLoss(16, 10, [2, 5], div_value=2.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("make", "shape", "target"),
    [
        (lambda nn: nn.LinearCrossEntropyLoss(3, 4, bias=True), (5, 3), [0, 3, 1, 2, 1]),
        (lambda nn: nn.LinearCrossEntropyLoss(3, 4, out_features=(2,)), (2, 3), [[0, 3], [1, 2]]),
        (adaptive, (6, 16), [0, 9, 3, 1, 6, 4]),
        (adaptive, (2, 16), [1, 0]),
        (adaptive, (1, 16), [7]),
        (adaptive, (16,), 3),
    ],
)
def test_loss_with_parameters(make, shape, target, dtype):
    theirs, ours = (run_loss(library, make, shape, target, dtype) for library in LIBRARIES)
    assert_same(ours, theirs, "result", scale=10.0)


@pytest.mark.parametrize("make", [lambda nn: nn.LinearCrossEntropyLoss(3, 4, bias=True), adaptive])
def test_random_start(make):
    check_random_start(make)
