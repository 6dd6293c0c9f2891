"""Pools with random windows as layers, and what they, grids and reading at their points refuse."""

import pytest

from parity_tests.layers import check_looks, check_refused, check_training

# ruff: noqa: E501 - a refused call is a string
# fmt: off
LAYERS = {  # (layer, shape of its input)
    "FractionalMaxPool2d":  (lambda nn: nn.FractionalMaxPool2d(2, output_ratio=0.5), (2, 3, 7, 8)),
    "FractionalMaxPool3d":  (lambda nn: nn.FractionalMaxPool3d((2, 1, 2), output_size=(2, 3, 4)), (2, 3, 5, 6, 7)),
}
REFUSED = [  # F, z and o are nn.functional, zeros and ones
    "F.grid_sample(o(2, 3, 4, 5), o(2, 6, 7, 2), 'x')", "F.grid_sample(o(2, 3, 4, 5), o(2, 6, 7, 2), padding_mode='x')",
    "F.grid_sample(o(2, 3, 4), o(2, 6, 7, 2))", "F.grid_sample(o(2, 3, 4, 5), o(1, 6, 7, 2))", "F.grid_sample(o(2, 3, 4, 5), o(2, 6, 7, 3))",
    "F.grid_sample(o(2, 3, 4, 5), o(2, 6, 7, 2).double())", "F.grid_sample(o(2, 3, 4, 5).long(), o(2, 6, 7, 2).long())",
    "F.grid_sample(o(2, 3, 0, 5), o(2, 6, 7, 2))", "F.grid_sample(o(2, 3, 4, 5, 6), o(2, 6, 7, 8, 3), 'bicubic')", "F.grid_sample([1.0], o(2, 6, 7, 2))",
    "F.affine_grid(o(2, 2, 3), (2, 3, 4))", "F.affine_grid(o(2, 3, 3), (2, 3, 4, 5))", "F.affine_grid(o(2, 2, 3), [2, 3, 4, 5, 6])",
    "F.affine_grid(o(2, 2, 3).long(), (2, 3, 4, 5))", "F.affine_grid(o(2, 2, 3), (2, 3, 0, 5))", "F.affine_grid(o(2, 2, 3), (3, 3, 4, 5))",
    "F.fractional_max_pool2d(o(2, 3, 7, 8), 2)", "F.fractional_max_pool2d(o(2, 3, 7, 8), 2, output_ratio=0.5)", "F.fractional_max_pool2d(o(2, 3, 7, 8), 2, 7)",
    "F.fractional_max_pool2d(o(7, 8), 2, 3)", "F.fractional_max_pool2d(o(1, 2, 3, 7, 8), 2, 3)", "F.fractional_max_pool2d(o(2, 3, 7, 8), 2, (3,))",
    "F.fractional_max_pool2d(o(2, 3, 7, 8), (2,), 3)", "F.fractional_max_pool2d(o(2, 0, 7, 8), 2, 3)", "F.fractional_max_pool2d(o(2, 3, 7, 8), 2, output_ratio=(0.5, 0.5, 0.5))",
    *(f"F.fractional_max_pool2d(o(2, 3, 7, 8), 2, 3, _random_samples={samples})" for samples in ("o(2, 3, 3)", "o(2, 2, 2)", "o(1, 3, 2)", "o(3, 2)", "o(2, 3, 2).double()")),
    "F.fractional_max_pool3d(o(2, 3, 5, 6, 7), 2, 5)", "F.fractional_max_pool3d(o(2, 3, 5, 6, 7), 2, (2, 2, 7))", "F.fractional_max_pool3d(o(2, 3, 5, 6, 7), (2,), 2)",
    "F.fractional_max_pool3d(o(2, 3, 5, 6, 7), 2, -1)", "F.fractional_max_pool3d(o(2, 3, 5, 6, 7), 2, 2.5)",
    "nn.FractionalMaxPool2d(2)", "nn.FractionalMaxPool2d(2, 3, 0.5)", "nn.FractionalMaxPool2d(2, output_ratio=(0.5, 1.5))", "nn.FractionalMaxPool3d(0, 3)", "nn.FractionalMaxPool3d(2, output_ratio=1.2)",
]
# fmt: on


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    make, shape = LAYERS[name]
    check_looks(make)
    for dtype in ("float32", "float64"):
        check_training(make, shape, dtype)


@pytest.mark.parametrize("source", REFUSED)
def test_refused(source):
    check_refused(source)
