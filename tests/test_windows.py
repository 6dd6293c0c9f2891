"""Convolutions without PyTorch at hand: their definition, and that blocks change nothing."""

import itertools

import numpy as np
import pytest

import tinynn
from tinynn import ops
from tinynn.nn import functional as F
from tinynn.ops import conv
from tinynn.ops.conv import Steps

rng = np.random.default_rng(0)
X, WEIGHT, BIAS = rng.standard_normal((3, 4, 7, 6)), rng.standard_normal((6, 2, 3, 2)), rng.standard_normal(6)
STEPS = Steps(stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)


def by_definition(x, weight, bias, steps):
    """The sum over channels and offsets, place by place."""
    (sy, sx), (py, px), (dy, dx), groups = steps
    padded = np.pad(x, [(0, 0), (0, 0), (py, py), (px, px)])
    outputs, channels, ky, kx = weight.shape
    height = (padded.shape[2] - dy * (ky - 1) - 1) // sy + 1
    width = (padded.shape[3] - dx * (kx - 1) - 1) // sx + 1
    y = np.empty((len(x), outputs, height, width))
    for o, i, j in itertools.product(range(outputs), range(height), range(width)):
        first = o // (outputs // groups) * channels
        seen = padded[
            :, first : first + channels, i * sy : i * sy + dy * ky : dy, j * sx : j * sx + dx * kx : dx
        ]
        y[:, o, i, j] = (seen * weight[o]).sum((1, 2, 3)) + bias[o]
    return y


def test_convolution_is_its_definition():
    y = F.conv2d(*(tinynn.from_numpy(array) for array in (X, WEIGHT, BIAS)), *STEPS[:3], groups=STEPS.groups)
    np.testing.assert_allclose(y.numpy(), by_definition(X, WEIGHT, BIAS, STEPS), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("block", [1, 500])
def test_convolutions_in_blocks(block, monkeypatch):
    z = rng.standard_normal(ops.convolution(X, WEIGHT, BIAS, (4, 8), STEPS).shape)

    def everything():
        return (
            ops.convolution(X, WEIGHT, BIAS, (4, 8), STEPS),
            ops.conv_transpose(z, WEIGHT, None, (7, 6), STEPS),
            ops.conv_weight(X, z, (3, 2), STEPS),
        )

    whole = everything()
    monkeypatch.setattr(conv, "_BLOCK", block)
    for one, other in zip(everything(), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_transposed_convolution_is_the_transpose():
    """<conv(x), z> = <x, conv_transpose(z)> = <weight, conv_weight(x, z)>."""
    y = ops.convolution(X, WEIGHT, None, (4, 8), STEPS)
    z = rng.standard_normal(y.shape)
    products = (y * z).sum(), (X * ops.conv_transpose(z, WEIGHT, None, (7, 6), STEPS)).sum()
    assert products[0] == pytest.approx(products[1])
    assert products[0] == pytest.approx((WEIGHT * ops.conv_weight(X, z, (3, 2), STEPS)).sum())


def test_windows_stay_inside():
    with pytest.raises(
        ValueError, match="9 windows, of 2 values 2 apart, 1 from each to the next, in 10 values"
    ):
        ops.convolution(X, WEIGHT, None, (4, 9), STEPS)


def test_a_small_convolutional_network_learns():
    """To tell horizontal stripes from vertical ones."""
    tinynn.manual_seed(0)
    rows = np.random.default_rng(1).integers(0, 2, (64, 1, 8, 1)).repeat(8, 3).astype(np.float32)
    x = tinynn.from_numpy(np.where(np.arange(64).reshape(-1, 1, 1, 1) % 2, rows, rows.swapaxes(2, 3)))
    y = tinynn.arange(64) % 2
    model = tinynn.nn.Sequential(
        tinynn.nn.Conv2d(1, 4, 3),
        tinynn.nn.BatchNorm2d(4),
        tinynn.nn.ReLU(),
        tinynn.nn.AdaptiveMaxPool2d(1),
        tinynn.nn.Flatten(),
        tinynn.nn.Linear(4, 2),
    )
    optimizer = tinynn.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
