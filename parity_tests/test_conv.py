"""Convolutions, pools, padding, normalisation of channels, resizing: functions and layers against PyTorch."""

import warnings

import numpy as np
import pytest
import torch

import tinynn
from parity_tests.conv_cases import CASES
from parity_tests.harness import FLOATS, assert_same, check, neutral, outcome
from parity_tests.layers import (
    LIBRARIES,
    SEEDS,
    build,
    check_looks,
    check_random_start,
    check_refused,
    check_training,
)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_function(case):
    for dtype in case.dtypes:
        check(case, dtype)


# ruff: noqa: E501 - a layer is a line
# fmt: off
LAYERS = {  # (layer, shape of its input)
    "Conv1d":             (lambda nn: nn.Conv1d(3, 4, 3), (2, 3, 7)),
    "Conv1d settings":    (lambda nn: nn.Conv1d(4, 6, (3,), stride=2, padding=1, dilation=2, groups=2, bias=False), (2, 4, 9)),
    "Conv2d":             (lambda nn: nn.Conv2d(3, 4, 3), (2, 3, 5, 6)),
    "Conv2d settings":    (lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2), (2, 4, 5, 6)),
    "Conv2d same":        (lambda nn: nn.Conv2d(3, 4, (3, 2), padding="same"), (2, 3, 5, 6)),
    "Conv2d valid":       (lambda nn: nn.Conv2d(3, 4, 2, padding="valid"), (3, 5, 6)),
    "Conv2d reflect":     (lambda nn: nn.Conv2d(3, 4, 3, padding=(1, 2), padding_mode="reflect"), (2, 3, 5, 6)),
    "Conv2d replicate":   (lambda nn: nn.Conv2d(3, 4, 4, padding="same", padding_mode="replicate"), (2, 3, 5, 6)),
    "Conv2d circular":    (lambda nn: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (2, 3, 5, 6)),
    "Conv3d":             (lambda nn: nn.Conv3d(2, 3, 2, padding=1, stride=(1, 2, 1)), (2, 2, 3, 4, 3)),
    "ConvTranspose1d":    (lambda nn: nn.ConvTranspose1d(3, 4, 3, 2, 1, 1), (2, 3, 4)),
    "ConvTranspose2d":    (lambda nn: nn.ConvTranspose2d(4, 6, (3, 2), 2, (1, 0), (1, 0), 2, False, (1, 2)), (2, 4, 3, 4)),
    "ConvTranspose3d":    (lambda nn: nn.ConvTranspose3d(2, 3, 2, stride=2), (2, 2, 2, 3, 2)),
    "MaxPool1d":          (lambda nn: nn.MaxPool1d(2), (2, 3, 7)),
    "MaxPool2d":          (lambda nn: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 3, 6, 7)),
    "MaxPool3d":          (lambda nn: nn.MaxPool3d((1, 2, 2), dilation=(1, 2, 1)), (2, 3, 4, 4, 3)),
    "AvgPool1d":          (lambda nn: nn.AvgPool1d(2, padding=1), (2, 3, 7)),
    "AvgPool2d":          (lambda nn: nn.AvgPool2d(3, (2, 1), 1, count_include_pad=False), (2, 3, 6, 7)),
    "AvgPool3d":          (lambda nn: nn.AvgPool3d(2, divisor_override=3), (2, 3, 4, 4, 3)),
    "LPPool1d":           (lambda nn: nn.LPPool1d(2, 3), (2, 3, 7)),
    "LPPool2d":           (lambda nn: nn.LPPool2d(4, (2, 3), 2, ceil_mode=True), (2, 3, 6, 7)),
    "LPPool3d":           (lambda nn: nn.LPPool3d(2, 2), (2, 3, 4, 4, 3)),
    "AdaptiveMaxPool1d":  (lambda nn: nn.AdaptiveMaxPool1d(3), (2, 3, 7)),
    "AdaptiveMaxPool2d":  (lambda nn: nn.AdaptiveMaxPool2d((None, 3)), (2, 3, 6, 7)),
    "AdaptiveMaxPool3d":  (lambda nn: nn.AdaptiveMaxPool3d(2), (2, 3, 4, 4, 3)),
    "AdaptiveAvgPool1d":  (lambda nn: nn.AdaptiveAvgPool1d(3), (2, 3, 7)),
    "AdaptiveAvgPool2d":  (lambda nn: nn.AdaptiveAvgPool2d((2, 3)), (2, 3, 6, 7)),
    "AdaptiveAvgPool3d":  (lambda nn: nn.AdaptiveAvgPool3d(1), (2, 3, 4, 4, 3)),
    "BatchNorm2d":        (lambda nn: nn.BatchNorm2d(3), (4, 3, 2, 3)),
    "BatchNorm2d mean":   (lambda nn: nn.BatchNorm2d(3, eps=0.1, momentum=None, bias=False), (4, 3, 2, 3)),
    "BatchNorm2d bare":   (lambda nn: nn.BatchNorm2d(3, affine=False, track_running_stats=False).eval(), (4, 3, 2, 3)),
    "BatchNorm2d eval":   (lambda nn: nn.BatchNorm2d(3).eval(), (4, 3, 2, 3)),
    "BatchNorm3d":        (lambda nn: nn.BatchNorm3d(3, momentum=0.3), (4, 3, 2, 3, 2)),
    "GroupNorm":          (lambda nn: nn.GroupNorm(3, 6), (4, 6, 2, 3)),
    "GroupNorm bare":     (lambda nn: nn.GroupNorm(2, 6, 0.1, affine=False), (4, 6)),
    "GroupNorm no bias":  (lambda nn: nn.GroupNorm(2, 6, bias=False), (4, 6, 3)),
    "InstanceNorm1d":     (lambda nn: nn.InstanceNorm1d(3), (4, 3, 5)),
    "InstanceNorm1d one": (lambda nn: nn.InstanceNorm1d(3, affine=True), (3, 5)),
    "InstanceNorm2d":     (lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (4, 3, 2, 3)),
    "InstanceNorm2d eval": (lambda nn: nn.InstanceNorm2d(3, track_running_stats=True).eval(), (4, 3, 2, 3)),
    "InstanceNorm3d":     (lambda nn: nn.InstanceNorm3d(3, 0.1, None), (2, 3, 2, 3, 2)),
    "RMSNorm":            (lambda nn: nn.RMSNorm(5), (4, 5)),
    "RMSNorm 2":          (lambda nn: nn.RMSNorm((2, 5), 0.1, elementwise_affine=False), (4, 2, 5)),
    "LocalResponseNorm":  (lambda nn: nn.LocalResponseNorm(3, 0.5), (2, 4, 3)),
    "Dropout1d":          (lambda nn: nn.Dropout1d(0.3), (4, 6, 3)),
    "Dropout2d":          (lambda nn: nn.Dropout2d(0.3), (4, 6, 3, 2)),
    "Dropout3d":          (lambda nn: nn.Dropout3d(0.3), (6, 3, 2, 2)),
    "Dropout2d eval":     (lambda nn: nn.Dropout2d(0.3).eval(), (4, 6, 3, 2)),
    "AlphaDropout":       (lambda nn: nn.AlphaDropout(0.3), (4, 6)),
    "FeatureAlphaDropout": (lambda nn: nn.FeatureAlphaDropout(0.3), (4, 6, 3)),
    "ZeroPad1d":          (lambda nn: nn.ZeroPad1d(2), (2, 3, 4)),
    "ZeroPad2d":          (lambda nn: nn.ZeroPad2d((1, 2, -1, 0)), (2, 3, 4, 5)),
    "ZeroPad3d":          (lambda nn: nn.ZeroPad3d(1), (2, 3, 2, 2, 2)),
    "ConstantPad1d":      (lambda nn: nn.ConstantPad1d((1, 2), 3.5), (2, 3)),
    "ConstantPad2d":      (lambda nn: nn.ConstantPad2d(1, -1), (2, 3, 4)),
    "ConstantPad3d":      (lambda nn: nn.ConstantPad3d((1, 0, 0, 2, 1, 1), 0.5), (2, 3, 2, 2, 2)),
    "ReflectionPad1d":    (lambda nn: nn.ReflectionPad1d(2), (2, 3, 4)),
    "ReflectionPad2d":    (lambda nn: nn.ReflectionPad2d((1, 2, 0, 3)), (2, 3, 4, 5)),
    "ReflectionPad3d":    (lambda nn: nn.ReflectionPad3d(1), (2, 3, 2, 2, 2)),
    "ReplicationPad1d":   (lambda nn: nn.ReplicationPad1d(2), (2, 3, 4)),
    "ReplicationPad2d":   (lambda nn: nn.ReplicationPad2d((1, 2, 0, 3)), (3, 4, 5)),
    "ReplicationPad3d":   (lambda nn: nn.ReplicationPad3d(1), (2, 3, 2, 2, 2)),
    "CircularPad1d":      (lambda nn: nn.CircularPad1d(2), (2, 3, 4)),
    "CircularPad2d":      (lambda nn: nn.CircularPad2d((1, 2, 0, 3)), (2, 3, 4, 5)),
    "CircularPad3d":      (lambda nn: nn.CircularPad3d(1), (2, 3, 2, 2, 2)),
    "Upsample":           (lambda nn: nn.Upsample(scale_factor=2), (2, 3, 4)),
    "Upsample size":      (lambda nn: nn.Upsample((5, 3), mode="bilinear", align_corners=True), (2, 3, 4, 4)),
    "Upsample factors":   (lambda nn: nn.Upsample(scale_factor=(1, 1.5), mode="bicubic"), (2, 3, 4, 4)),
    "UpsamplingNearest2d": (lambda nn: nn.UpsamplingNearest2d(scale_factor=2), (2, 3, 4, 4)),
    "UpsamplingBilinear2d": (lambda nn: nn.UpsamplingBilinear2d(7), (2, 3, 4, 4)),
    "PixelShuffle":       (lambda nn: nn.PixelShuffle(2), (2, 8, 3, 2)),
    "PixelUnshuffle":     (lambda nn: nn.PixelUnshuffle(2), (2, 2, 6, 4)),
    "ChannelShuffle":     (lambda nn: nn.ChannelShuffle(3), (2, 6, 3, 2)),
    "Unfold":             (lambda nn: nn.Unfold((2, 3), padding=1), (2, 3, 4, 5)),
    "Fold":               (lambda nn: nn.Fold((4, 3), 2, stride=(2, 1)), (2, 8, 4)),
    "network":            (lambda nn: nn.Sequential(
                              nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                              nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2),
                              nn.Flatten(), nn.Dropout(0.25), nn.Linear(24, 3)), (5, 1, 8, 8)),
    "generator":          (lambda nn: nn.Sequential(
                              nn.ConvTranspose2d(3, 4, 2, 2), nn.GroupNorm(2, 4), nn.Tanh(), nn.Upsample(scale_factor=2),
                              nn.Conv2d(4, 2, 3, padding="same")), (2, 3, 2, 2)),
}
# fmt: on


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, dtype):
    check_training(*LAYERS[name], dtype)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_looks_the_same(name):
    check_looks(LAYERS[name][0])


@pytest.mark.parametrize("name", [name for name in LAYERS if "Conv" in name or name == "network"])
def test_random_start_bit_for_bit(name):
    check_random_start(LAYERS[name][0])


# fmt: off
DROPOUTS = {
    "dropout1d":             lambda f, x: f.dropout1d(x[0], 0.4),
    "dropout1d one sample":  lambda f, x: f.dropout1d(x[0, 0], 0.4),
    "dropout2d":             lambda f, x: f.dropout2d(x, 0.4),
    "dropout2d inplace":     lambda f, x: f.dropout2d(x, 0.4, inplace=True),
    "dropout3d one sample":  lambda f, x: f.dropout3d(x, 0.4),
    "dropout3d inplace":     lambda f, x: f.dropout3d(x, 0.4, inplace=True),
    "dropout2d all":         lambda f, x: f.dropout2d(x, 1.0),
    "alpha":                 lambda f, x: f.alpha_dropout(x, 0.4, True),
    "alpha inplace":         lambda f, x: f.alpha_dropout(x, 0.4, True, True),
    "alpha all":             lambda f, x: f.alpha_dropout(x, 1.0, True),
    "feature_alpha":         lambda f, x: f.feature_alpha_dropout(x, 0.4, True),
    "feature_alpha inplace": lambda f, x: f.feature_alpha_dropout(x, 0.4, True, True),
}
# fmt: on


@pytest.mark.parametrize("dtype", ["float16", *FLOATS])
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_masks_bit_for_bit(name, dtype):
    for seed in SEEDS[:10]:
        dropped = []
        for library in LIBRARIES:
            library.manual_seed(seed)
            x = library.ones(3, 5, 4, 2, dtype=getattr(library, dtype))
            dropped.append(DROPOUTS[name](library.nn.functional, x).numpy())
        assert np.array_equal(*dropped)


def test_a_network_learns_in_lockstep():
    """Losses of 15 steps with Adam, in float64: closer than a wrong derivative could be."""
    rng = np.random.default_rng(0)
    images, classes = rng.random((15, 16, 1, 8, 8)), rng.integers(0, 3, (15, 16))
    losses = []
    for library in LIBRARIES:
        model = build(library, LAYERS["network"][0], seed=3)
        optimizer = library.optim.Adam(model.parameters(), lr=0.01)
        losses.append([])
        for x, y in zip(images, classes, strict=True):
            loss = library.nn.CrossEntropyLoss()(model(library.from_numpy(x)), library.from_numpy(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)


@pytest.mark.parametrize("size", [None, (8, 9), (8, 10), (2, 4, 8, 9), (2, 4, 8, 10)])
def test_transposed_convolution_to_a_size(size):
    def run(library):
        layer = build(library, lambda nn: nn.ConvTranspose2d(3, 4, 3, 2, 1))
        x = library.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 4, 5)))
        return layer(x, output_size=size)

    assert_same(outcome(run, tinynn), outcome(run, torch), "result", scale=10.0)


def test_unpooling_undoes_pooling():
    def run(library):
        x = library.from_numpy(np.random.default_rng(0).permutation(2.0 * np.arange(90)).reshape(1, 2, 5, 9))
        pooled, indices = library.nn.MaxPool2d(2, return_indices=True)(x)
        unpool = library.nn.MaxUnpool2d(2)
        return unpool(pooled, indices, output_size=x.shape), unpool(pooled, indices * 0 + 3), repr(unpool)

    assert_same(run(tinynn), run(torch), "result")


def test_memory_order_is_torchs():
    """What convolutions leave is batch-last inside; nobody can see it."""

    def run(library):
        x = library.from_numpy(np.random.default_rng(0).standard_normal((5, 3, 6, 6))).requires_grad_()
        layer = build(
            library, lambda nn: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2))
        )
        y = layer(x)
        strides = y.stride(), y.relu().stride(), y.is_contiguous(), y.numpy(force=True).strides
        y.sum().backward()
        return strides, x.grad.stride(), [p.grad.is_contiguous() for p in layer.parameters()], y.view(-1)

    assert_same(run(tinynn), run(torch), "result", scale=10.0)


@pytest.mark.parametrize(
    "run",
    [
        lambda t: t.nn.functional.dropout2d(t.zeros(2, 3, 4)),
        lambda t: t.nn.functional.dropout2d(t.zeros(2, 3)),
        lambda t: t.nn.functional.dropout3d(t.zeros(2, 3, 4)),
        lambda t: t.nn.functional.upsample(t.zeros(2, 3, 4), 2),
        lambda t: t.nn.functional.upsample_nearest(t.zeros(2, 3, 4), 2),
        lambda t: t.nn.functional.upsample_bilinear(t.zeros(2, 3, 4, 4), 2),
        lambda t: t.nn.InstanceNorm1d(3)(t.ones(2, 4, 5)),
    ],
)
def test_same_warnings(run):
    messages = []
    for library in LIBRARIES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            run(library)
        messages.append([(warning.category, neutral(str(warning.message))) for warning in caught])
    assert messages[0] == messages[1]


# fmt: off
REFUSED = [line.strip() for line in """
    F.conv2d(z(2, 3, 5, 5), z(4, 2, 3, 3))
    F.conv2d(z(2, 4, 5, 5), z(4, 3, 3, 3), groups=2)
    F.conv2d(z(2, 4, 5, 5), z(3, 2, 3, 3), groups=2)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), z(3))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), z(4, 1))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 6, 6))
    F.conv2d(z(2, 3, 0, 5), z(4, 3, 3, 3), padding=1)
    F.conv2d(z(2, 3, 5), z(4, 3, 3))
    F.conv2d(z(2, 3), z(4, 3, 3, 3))
    F.conv2d(z(2, 3, 5, 5, 5), z(4, 3, 3, 3))
    F.conv1d(z(2, 3, 5, 5), z(4, 3, 3))
    F.conv3d(z(2, 3, 5, 5), z(4, 3, 3, 3))
    F.conv2d(z(2, 3, 5, 5), z(4, 3))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), stride=0)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), stride=-1)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), stride=(1, 2, 3))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), stride=())
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), stride=1.5)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), stride=(1.0, 2))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), padding=-1)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), padding=(1, 2, 3))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), padding="foo")
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), padding="same", stride=2)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), dilation=0)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), dilation=(1, 1, 1))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), groups=0)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), groups=5)
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3), groups=1.0)
    F.conv2d(z(2, 3, 5, 5).double(), z(4, 3, 3, 3))
    F.conv2d(z(2, 3, 5, 5), z(4, 3, 3, 3).double())
    F.conv2d(z(2, 3, 5, 5).double(), z(4, 3, 3, 3), z(4))
    F.conv2d(z(2, 3, 5, 5).long(), z(4, 3, 3, 3))
    F.conv2d([1.0], z(4, 3, 3, 3))
    F.conv2d(z(2, 3, 5, 5), [1.0])
    F.conv_transpose2d(z(2, 3, 5, 5), z(3, 4, 3, 3), output_padding=1)
    F.conv_transpose1d(z(2, 3, 5).double(), z(3, 4, 3).double(), output_padding=-1, stride=2)
    F.conv_transpose3d(z(2, 3, 2, 2, 2), z(3, 4, 3, 3, 3), output_padding=2, stride=2, padding=1)
    F.conv_transpose2d(z(2, 3, 5, 5), z(4, 4, 3, 3))
    F.conv_transpose2d(z(2, 4, 5, 5), z(4, 4, 3, 3), groups=3)
    F.conv_transpose2d(z(2, 4, 5, 5), z(4, 2, 3, 3), z(3), groups=2)
    F.conv_transpose2d(z(2, 3, 1, 1).double(), z(3, 4, 3, 3).double(), padding=3)
    F.conv_transpose2d(z(2, 3, 5, 5), z(3, 4, 3, 3), padding="same")
    F.conv_transpose2d(z(2, 3), z(3, 4, 3, 3))
    F.conv_transpose2d(z(2, 3, 5, 5).double(), z(3, 4, 3, 3))
    F.conv_transpose2d(z(2, 3, 5, 5), z(3, 4, 3, 3), stride=0)
    F.max_pool2d(z(6, 6), 2)
    F.max_pool2d(z(2, 3, 6, 6), 7)
    F.max_pool2d(z(2, 3, 6, 6), 0)
    F.max_pool2d(z(2, 3, 6, 6), -1)
    F.max_pool2d(z(2, 3, 6, 6), 2, 0)
    F.max_pool2d(z(2, 3, 6, 6), 2, -1)
    F.max_pool2d(z(2, 3, 6, 6), 2, padding=2)
    F.max_pool2d(z(2, 3, 6, 6), 2, padding=-1)
    F.max_pool2d(z(2, 3, 6, 6), 2, dilation=0)
    F.max_pool2d(z(2, 3, 6, 6), (2, 2, 2))
    F.max_pool2d(z(2, 3, 6, 6), 2, (1, 1, 1))
    F.max_pool2d(z(2, 3, 6, 6), 2, padding=(1, 1, 1))
    F.max_pool2d(z(2, 3, 6, 6), 2, dilation=(1, 1, 1))
    F.max_pool2d(z(2, 3, 6, 6), 2.0)
    F.max_pool2d(z(2, 3, 6, 6), (2.0, 2))
    F.max_pool2d(z(2, 3, 6, 6), 2, 2.0)
    F.max_pool2d(z(2, 3, 6, 6), True)
    F.max_pool2d([1.0], 2)
    F.max_pool2d(z(2, 0, 6, 6), 2)
    F.max_pool2d(z(2, 3, 6, 6).bool(), 2)
    F.max_pool1d(z(3, 6), 0)
    F.max_pool1d(z(3, 6), 2, 0)
    F.max_pool1d(z(3, 6), 2, padding=2)
    F.max_pool1d(z(3, 6), 2, padding=-1)
    F.max_pool1d(z(3, 6), 2, dilation=0)
    F.max_pool1d(z(3, 6), 7)
    F.max_pool1d(z(3, 6), (2, 2))
    F.max_pool1d(z(3, 6), 2, (2, 2))
    F.max_pool1d(z(3, 6), 2, 2, (1, 1))
    F.max_pool1d(z(3, 0), 2)
    F.max_pool1d(z(1, 2, 3, 6), 2)
    F.max_pool3d(z(2, 3, 6, 6), 7)
    F.max_pool3d(z(2, 3, 6, 6), (2, 2))
    F.max_pool3d(z(3, 6, 6), 2)
    F.avg_pool2d(z(2, 3, 6, 6), 7)
    F.avg_pool2d(z(2, 3, 6, 6), 0)
    F.avg_pool2d(z(2, 3, 6, 6), 2, padding=2)
    F.avg_pool2d(z(2, 3, 6, 6), 2, divisor_override=0)
    F.avg_pool2d(z(2, 3, 6, 6), 2, divisor_override=2.5)
    F.avg_pool2d(z(2, 3, 6, 6), (2, 2, 2))
    F.avg_pool2d(z(2, 3, 6, 6), 2, (1, 1, 1))
    F.avg_pool2d(z(1, 2, 3, 6, 6), 2)
    F.avg_pool1d(z(1, 2, 3, 6), 2)
    F.avg_pool1d(z(3, 6), (2, 2))
    F.avg_pool3d(z(3, 6, 6), 2)
    F.avg_pool3d(z(3, 6, 6, 6), (2, 2))
    F.avg_pool3d(z(3, 6, 6, 6), 2, (2, 2))
    F.avg_pool3d(z(3, 6, 6, 6), 2, 0)
    F.max_pool3d(z(3, 6, 6, 6), 2, 2, (1, 1))
    F.max_pool3d(z(3, 6, 6, 6), 2, 2, 0, (1, 1))
    F.rms_norm(z(2, 5), (3, 4))
    F.adaptive_avg_pool2d(z(2, 3, 6, 6), -1)
    F.adaptive_avg_pool2d(z(2, 3, 6, 6), (1, 2, 3))
    F.adaptive_avg_pool2d(z(2, 3, 6, 6), None)
    F.adaptive_avg_pool2d(z(6, 6), 2)
    F.adaptive_avg_pool2d(z(2, 3, 6, 6).long(), 2)
    F.adaptive_avg_pool2d(z(2, 3, 0, 4), 2)
    F.adaptive_avg_pool1d(z(2, 3, 6, 6), 2)
    F.adaptive_max_pool2d(z(2, 3, 6, 6).long(), 2)
    F.adaptive_max_pool2d(z(2, 3, 0, 4), 2)
    F.adaptive_max_pool1d(z(3, 6), (1, 1))
    F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 2).long() + 99, 2)
    F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 2), 2)
    F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 3).long(), 2)
    F.max_unpool2d(z(2, 2), z(2, 2).long(), 2)
    F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 2).long(), 2, output_size=(6, 6))
    F.max_unpool2d(z(1, 1, 2, 2), z(1, 1, 2, 2).long(), 2, output_size=(5,))
    F.pad(z(2, 3, 4, 5), (1, 2, 3))
    F.pad(z(2, 3, 4, 5), (1, 2) * 5)
    F.pad(z(2, 3, 4, 5), (-6, 0))
    F.pad(z(2, 3, 4, 5), (1, 1), "foo")
    F.pad(z(2, 3, 4, 5), (1, 1), "reflect")
    F.pad(z(2, 3, 4, 5), (5, 1, 1, 1), "reflect")
    F.pad(z(2, 3, 4, 5), (4, 1, 4, 1), "reflect")
    F.pad(z(2, 3, 4, 5), (1, 1, 1, 1), "reflect", 2.0)
    F.pad(z(2, 3, 4, 5), (6, 1, 1, 1), "circular")
    F.pad(z(2, 3, 4, 5), (-6, 0, 1, 1), "circular")
    F.pad(z(2, 3, 4, 5), (1.0, 1))
    F.pad(z(2, 3, 4, 5), 1)
    F.pad(z(2, 0, 4, 4), (1, 1, 1, 1), "reflect")
    F.pad(z(()), (1, 1))
    F.pad([1], (1, 1))
    F.unfold(z(3, 4), 2)
    F.unfold(z(2, 3, 4, 5), 7)
    F.unfold(z(2, 3, 4, 5), 0)
    F.unfold(z(2, 3, 4, 5), 2, stride=0)
    F.unfold(z(2, 3, 4, 5), 2, padding=-1)
    F.unfold(z(2, 3, 4, 5), (2, 2, 2))
    F.unfold(z(2, 0, 4, 4), 2)
    F.fold(z(2, 12, 5), (3, 3), 2)
    F.fold(z(2, 13, 4), (3, 3), 2)
    F.fold(z(4), (3, 3), 2)
    F.fold(z(2, 12, 4), (3, 3, 3), 2)
    F.pixel_shuffle(z(2, 7, 3, 4), 2)
    F.pixel_shuffle(z(3, 4), 2)
    F.pixel_shuffle(z(2, 8, 3, 4), 0)
    F.pixel_shuffle(z(2, 8, 3, 4), 2.0)
    F.pixel_unshuffle(z(2, 2, 3, 6), 2)
    F.pixel_unshuffle(z(2, 2, 4, 5), 2)
    F.channel_shuffle(z(2, 6), 2)
    F.channel_shuffle(z(2, 6, 3), 0)
    F.channel_shuffle(z(2, 6, 3), 4)
    F.interpolate(z(2, 3, 4, 5))
    F.interpolate(z(2, 3, 4, 5), 8, 2)
    F.interpolate(z(2, 3, 4, 5), (8,))
    F.interpolate(z(2, 3, 4, 5), (8, 2.0))
    F.interpolate(z(2, 3, 4, 5), 8.0)
    F.interpolate(z(2, 3, 4, 5), scale_factor=(1,))
    F.interpolate(z(2, 3, 4, 5), 0)
    F.interpolate(z(2, 3, 4, 5), scale_factor=0.1)
    F.interpolate(z(2, 3, 4, 5), scale_factor="a")
    F.interpolate(z(2, 3, 4, 5), 8, align_corners=True)
    F.interpolate(z(2, 3, 4, 5), 8, recompute_scale_factor=True)
    F.interpolate(z(2, 3, 4, 5), 8, mode="foo")
    F.interpolate(z(2, 3, 4, 5), 8, mode="linear")
    F.interpolate(z(2, 3, 4, 5), 8, mode="lanczos")
    F.interpolate(z(2, 3, 4, 5), 8, antialias=True)
    F.interpolate(z(2, 0, 4, 4), 8)
    F.interpolate(z(2, 3, 0, 4), 8, mode="bilinear")
    F.interpolate(z(3, 4), 8)
    F.interpolate([1], 8)
    F.group_norm(z(2, 6, 4), 4)
    F.group_norm(z(2, 6, 4), 0)
    F.group_norm(z(2, 6, 4), 3, o(5))
    F.group_norm(z(2, 6, 4), 3, o(6), o(5))
    F.group_norm(z(2, 6, 4), 3, o(6).double())
    F.group_norm(z(2, 6, 4).long(), 3)
    F.group_norm(z(6), 3)
    F.group_norm(z(1, 3), 3)
    F.instance_norm(z(2, 6, 4), use_input_stats=False)
    F.instance_norm(z(2, 6, 4), weight=o(5))
    F.instance_norm(z(2, 6, 4), z(5), o(6))
    F.instance_norm(z(2, 3, 1))
    F.instance_norm(z(2, 6, 4).double(), weight=o(6))
    F.rms_norm(z(2, 5), (4,))
    F.rms_norm(z(2, 5), (5,), o(4))
    F.rms_norm(z(2, 5), ())
    F.rms_norm(z(2, 5), 5)
    F.local_response_norm(z(4, 5), 3)
    F.dropout1d(z(2, 3, 4, 5))
    F.dropout2d(z(5), 0.5)
    F.dropout2d(z(2, 3, 4, 5), 1.5)
    F.alpha_dropout(z(2, 3), 2.0, True)
    F.alpha_dropout(z(2, 3).long(), 0.5, True)
    nn.Conv2d(3, 4, 3, groups=0)
    nn.Conv2d(3, 4, 3, groups=2)
    nn.Conv2d(2, 3, 3, groups=2)
    nn.Conv2d(2, 2, 3, stride=2, padding="same")
    nn.Conv2d(3, 4, 3)(z(2, 2, 5, 5))
    nn.Conv2d(3, 4, 3)(z(2, 3, 5, 5).double())
    nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect")
    nn.ConvTranspose2d(3, 4, 3)(z(2, 3, 5, 5), output_size=(7,))
    nn.ConvTranspose2d(3, 4, 3)(z(2, 3, 5, 5), output_size=(9, 9))
    nn.BatchNorm2d(3)(z(2, 3))
    nn.BatchNorm3d(3)(z(2, 3, 4, 4))
    nn.BatchNorm2d(3)(z(2, 4, 3, 3))
    nn.GroupNorm(2, 5)
    nn.InstanceNorm2d(3)(z(3, 4))
    nn.InstanceNorm2d(3, affine=True)(z(2, 4, 3, 3))
    nn.Dropout2d(1.5)
    nn.CircularPad2d(1)(z(3, 4))
    nn.ReflectionPad1d(1)(z(4))
""".strip().splitlines()]
# fmt: on


@pytest.mark.parametrize("source", REFUSED)
def test_refused_alike(source):
    check_refused(source)
