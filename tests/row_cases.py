"""Inputs for every row of the derivative table: small, float64, and where the row is smooth.

`CASES[name]` is a list of argument tuples for `ops.name`; a tuple that begins with a function is for that
function instead. Rows that share forward and derivatives share their cases (`cases_of`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinynn import ops
from tinynn.autograd.op import Op, VariadicOp
from tinynn.autograd.variable import Variable
from tinynn.ops.conv import Steps
from tinynn.ops.grids import Side
from tinynn.ops.normalization import channel_moments
from tinynn.ops.recurrent import steps_of
from tinynn.ops.resampling import Taps
from tinynn.ops.sliding import Windows

_draw = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return np.asarray(_draw.standard_normal(shape))


def positive(*shape: int) -> np.ndarray:
    return np.abs(normal(*shape)) + 0.5


def symmetric(n: int) -> np.ndarray:
    """A symmetric matrix that is far from singular."""
    x = normal(n, n)
    return x @ x.T + 2 * np.eye(n)


def between_0_and_1(*shape: int) -> np.ndarray:
    return _draw.uniform(0.1, 0.9, shape)


def distinct(*shape: int) -> np.ndarray:
    """Values at least 0.3 apart, none nearer than 0.1 to an integer's half, so that nothing ties or jumps."""
    n = int(np.prod(shape))
    return (_draw.permutation(n).reshape(shape) - n // 2) * 1.0 + 0.3


def batch_norm_in_training(x: Any, weight: Any, bias: Any) -> Any:
    """The row is given the batch's moments, which move with x."""
    return ops.batch_norm(x, weight, bias, *channel_moments(x._array), True, 1e-5)


REAL = (positive(2, 3), 2 * distinct(2, 3))  # the second goes from -5.4 to 4.6
MASK = np.array([[True, False, True], [False, False, True]])
PLACES = (np.array([0, 2, 2]), np.array([1, 3, 3]))  # one of them twice
ONCE = (np.array([0, 2]), np.array([1, 3]))
PERMUTED = np.array([2, 0, 1])
CLASSES = np.array([2, 0, -100])  # the last is ignored
LABELS = np.array([[0, 2, -1, 3], [3, 3, 1, -1], [-1, 0, 0, 0]])  # those before -1 count
STEPS = Steps(stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2)
APART = Windows(kernel=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1), places=(2, 2))
OVERLAPPING = Windows(kernel=(2, 3), stride=(1, 2), padding=(1, 1), dilation=(2, 1), places=(4, 3))
image = distinct(2, 4, 5)
top = ops.max_pool2d(image, OVERLAPPING)
TAPS = (
    Taps(3, np.array([[0, 0, 1, 2, 2]]), np.array([[1.0, 0.5, 2.0, 1.0, 1.5]])),
    Taps(4, np.array([[0, 1, 2], [0, 3, 3]]), np.array([[0.2, 1.0, 0.5], [0.8, 0.3, 0.5]])),
)
NEAREST = (Taps(3, np.array([[0, 0, 1, 2, 2]]), None), Taps(4, np.array([[1, 1, 3]]), None))
WEIGHTS = np.array([0.5, 1.0, 2.0, 1.5])
GRID = _draw.uniform(-1.5, 1.5, (1, 1, 3, 2))


FORWARDS, BACKWARDS = steps_of((2, 2, 1)), steps_of((2, 1), reverse=True)


# ruff: noqa: E501 - a row's cases are a line
# fmt: off
CASES: dict[str, list[tuple]] = {
    # arithmetic
    "add":        [(normal(2, 3), normal(3)), (normal(2, 1), normal(1, 3)), (normal(), normal(2)), (normal(2, 3), 2.5)],
    "sub":        [(normal(2, 3), normal(3)), (normal(2, 1), normal(1, 3)), (normal(2, 3), 2.5)],
    "mul":        [(normal(2, 3), normal(3)), (normal(2, 1), normal(1, 3)), (normal(2, 3), 2.5)],
    "div":        [(normal(2, 3), positive(3)), (normal(2, 1), positive(1, 3)), (normal(2, 3), 2.5)],
    "neg":        [(normal(2, 3),)],
    "pow":        [(positive(2, 3), normal(3)), (normal(2, 3), 3), (positive(2, 3), 2.5), (normal(2, 3), 0), (normal(3), 1), (positive(3), 0.5)],
    "div_trunc":  [(distinct(2, 3), 2 + positive(3))],
    "div_floor":  [(distinct(2, 3), 2 + positive(3))],
    "remainder":  [(distinct(2, 3), 2 + positive(3)), (distinct(2, 3), 2.5)],
    "fmod":       [(distinct(2, 3), 2 + positive(3)), (distinct(2, 3), 2.5)],
    # powers and exponentials
    "square":     [(normal(2, 3),)],
    "sqrt":       [(positive(2, 3),)],
    "rsqrt":      [(positive(2, 3),)],
    "reciprocal": [(positive(2, 3),)],
    "exp":        [(normal(2, 3),), (normal(),)],
    "expm1":      [(normal(2, 3),)],
    "log":        [(positive(2, 3),)],
    "log1p":      [(positive(2, 3),)],
    # trigonometry and the sigmoids
    "sin":        [(normal(2, 3),)],
    "cos":        [(normal(2, 3),)],
    "tanh":       [(normal(2, 3),)],
    "sigmoid":    [(normal(2, 3),)],
    "logsigmoid": [(normal(2, 3),)],
    "softplus":   [(normal(2, 3), 1.0, 20.0), (distinct(2, 3), 2.0, 1.5)],
    "erf":        [(normal(2, 3),)],
    "acosh":      [(positive(2, 3) + 1,)],
    "asin":       [(between_0_and_1(2, 3),)],
    "acos":       [(between_0_and_1(2, 3),)],
    "atanh":      [(between_0_and_1(2, 3),)],
    "erfinv":     [(between_0_and_1(2, 3),)],
    "frexp":      [(positive(2, 3), np.array([-1, 0, 2]))],
    "ndtri":      [(between_0_and_1(2, 3),)],
    "polygamma":  [(positive(2, 3), n) for n in (0, 2, 3)],
    "xlog1py":    [(positive(2, 3), positive(3))],
    "logit":      [(between_0_and_1(2, 3), None), (between_0_and_1(2, 3), 0.05)],
    # two or three operands, less common
    "atan2":      [(normal(2, 3), positive(3))],
    "hypot":      [(normal(2, 3), positive(3))],
    "logaddexp":  [(normal(2, 3), normal(3))],
    "logaddexp2": [(normal(2, 3), normal(3))],
    "fmax":       [(distinct(2, 3), normal(3))],
    "fmin":       [(distinct(2, 3), normal(3))],
    "copysign":   [(distinct(2, 3), distinct(2, 3))],
    "lerp":       [(normal(2, 3), normal(3), normal(2, 1)), (normal(2, 3), normal(3), 0.3)],
    "addcmul":    [(normal(2, 3), normal(3), normal(2, 1), 2.5)],
    "addcdiv":    [(normal(2, 3), normal(3), positive(2, 1), 2.5)],
    "nan_to_num": [(normal(2, 3), None, None, None)],
    "nextafter":  [(normal(2, 3), normal(3))],
    "bernoulli":  [(between_0_and_1(2, 3), normal(2, 3))],
    "drawn_normal": [(normal(2, 3), positive(3), normal(2, 3))],
    "angle":      [(distinct(2, 3),)],
    "frac":       [(distinct(2, 3),)],
    # kinks and ties
    "abs":        [(distinct(2, 3),)],
    "sign":       [(distinct(2, 3),)],
    "relu":       [(distinct(2, 3),)],
    "clamp":      [(distinct(2, 3), -1.0, 1.0), (distinct(2, 3), None, 1.0), (distinct(2, 3), 0.0, None)],
    "clamp_tensors": [(distinct(2, 3), normal(3) - 2, normal(3) + 2), (distinct(2, 3), None, normal(3)), (distinct(2, 3), normal(3), None)],
    "maximum":    [(distinct(2, 3), normal(3))],
    "minimum":    [(distinct(2, 3), normal(3))],
    "floor":      [(distinct(2, 3),)],
    "ceil":       [(distinct(2, 3),)],
    "trunc":      [(distinct(2, 3),)],
    "round":      [(distinct(2, 3),)],
    # choosing
    "where":      [(MASK, normal(2, 3), normal(3)), (MASK, normal(2, 3), 0.5)],
    "zero_where": [(normal(2, 3), MASK)],
    "threshold_backward": [(normal(2, 3), distinct(2, 3))],
    # shapes
    "cast":       [(normal(2, 3), np.dtype("float64"))],
    "clone":      [(normal(2, 3), "C")],
    "expand":     [(normal(2, 1), (4, 2, 3))],
    "sum_to":     [(normal(4, 2, 3), (2, 1)), (normal(4, 3), (3,)), (normal(4, 2, 3), ())],
    "reshape":    [(normal(2, 3), (3, 2))],
    "unsafe_view": [(normal(2, 3), (3, 2))],
    "squeeze":    [(normal(2, 1, 3), 1)],
    "unsqueeze":  [(normal(2, 3), 1)],
    "permute":    [(normal(2, 3, 4), (2, 0, 1))],
    "transpose":  [(normal(2, 3, 4), 0, 2)],
    "t":          [(normal(2, 3),)],
    "narrow":     [(normal(2, 5), 1, 1, 3)],
    "unnarrow":   [(normal(2, 3), 1, 1, 3, 5)],
    "split":      [(normal(2, 5), 1, (2, 3))],
    "unbind":     [(normal(2, 3), 1)],
    "diagonal":   [(normal(3, 4), 1, 0, 1)],
    "undiagonal": [(normal(3), 1, 0, 1, (3, 4))],
    "flip":       [(normal(2, 3), (0, 1))],
    "roll":       [(normal(2, 3), (1, 2), (0, 1))],
    "repeat":     [(normal(2, 3), (2, 1, 2)), (normal(2, 3), (1, 1))],
    "tril":       [(normal(3, 4), 1)],
    "triu":       [(normal(3, 4), 1)],
    "cat":        [(1, normal(2, 3), normal(2, 1)), (0, normal(2, 3))],
    "stack":      [(1, normal(2, 3), normal(2, 3))],
    # reductions
    "sum":        [(normal(2, 3), None, False), (normal(2, 3), 0, False), (normal(2, 3), (0, 1), True)],
    "nansum":     [(normal(2, 3), None, False), (normal(2, 3), 1, True)],
    "mean":       [(normal(2, 3), None, False), (normal(2, 3), 1, True)],
    "prod":       [(normal(2, 3), None, False), (normal(2, 3), 1, True), (np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0]]), 1, False)],
    "amax":       [(distinct(2, 3), None, False), (distinct(2, 3), 1, True)],
    "amin":       [(distinct(2, 3), None, False), (distinct(2, 3), 1, True)],
    "max":        [(distinct(2, 3),)],
    "min":        [(distinct(2, 3),)],
    "var":        [(normal(2, 3), None, 1, False), (normal(2, 3), 1, 0, True)],
    "std":        [(normal(2, 3), None, 1, False), (normal(2, 3), 1, 0, True)],
    "norm":       [(distinct(2, 3), p, axis, False) for p in (2.0, 1.0, 3.0, 1.5, 0.5, np.inf, -np.inf) for axis in (None, 1)],
    "logsumexp":  [(normal(2, 3), 1, False), (normal(2, 3), (0, 1), True)],
    "softmax":    [(normal(2, 3), 1)],
    "log_softmax": [(normal(2, 3), 0)],
    "safe_softmax": [(normal(2, 3), 1)],
    "cumsum":     [(normal(2, 3), 1)],
    "median":     [(distinct(2, 3),)],
    "nanmedian":  [(distinct(2, 3),)],
    "cumprod":    [(positive(2, 3), 1), (np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0]]), 0)],
    "logcumsumexp": [(normal(2, 3), 1), (normal(2, 3), 0)],
    # indexing
    "select":     [(normal(3, 4), (slice(1, 3), None, 2)), (normal(3, 4), (1, 2))],
    "index":      [(normal(3, 4), PLACES)],
    "index_put":  [(normal(3, 4), normal(2), ONCE)],
    "index_add_at": [(normal(3, 4), normal(3), PLACES)],
    "zeros_put":  [(normal(2), (3, 4), ONCE)],
    "zeros_add_at": [(normal(3), (3, 4), PLACES)],
    "masked_fill": [(normal(2, 3), MASK, 0.5)],
    "masked_fill_tensor": [(normal(2, 3), MASK, normal())],
    "copy":       [(normal(2, 3), normal(3))],
    "fill":       [(normal(2, 3), 0.5)],
    "windows":    [(normal(3, 5), 1, 2, 2), (normal(4, 2), 0, 3, 1)],
    "add_windows": [(normal(3, 2, 2), (3, 5), 1, 2, 2)],
    "scatter_extreme": [(distinct(3, 4), normal(3), PLACES, np.maximum), (distinct(3, 4), normal(3), PLACES, np.minimum)],
    "scatter_prod": [(normal(3, 4), positive(3), PLACES), (normal(3, 4), np.array([0.0, 2.0, 3.0]), PLACES)],
    # products of matrices
    "mm":         [(normal(2, 3), normal(3, 4))],
    "matmul":     [(normal(2, 2, 3), normal(3, 4)), (normal(2, 3), normal(2, 3, 4))],
    "mv":         [(normal(2, 3), normal(3))],
    "dot":        [(normal(3), normal(3))],
    "addmm":      [(normal(4), normal(2, 3), normal(3, 4))],
    "linear":     [(normal(2, 3), normal(4, 3), normal(4)), (normal(2, 3), normal(4, 3), None), (normal(2, 1), normal(4, 1), normal(4))],
    "einsum":     [("ij,jk->ik", normal(2, 3), normal(3, 4)), ("ij->j", normal(2, 3)), ("ii->i", normal(3, 3)), ("ij->ji", normal(2, 3))],
    # inverses and decompositions
    "inv":        [(symmetric(3),), (np.stack([symmetric(2), symmetric(2)]),)],
    "solve":      [(symmetric(3), normal(3, 2))],
    "det":        [(symmetric(3),)],
    "logabsdet":  [(symmetric(3),)],
    "cholesky":   [(lambda x: ops.cholesky(ops.matmul(x, ops.transpose(x, 0, 1))), normal(3, 3))],
    "eigh":       [(lambda x: ops.eigh(ops.add(x, ops.transpose(x, 0, 1)), "L"), normal(3, 3))],
    "svd":        [(normal(3, 3),), (normal(2, 3),), (normal(3, 2),)],
    "qr":         [(normal(3, 3),), (normal(2, 3),), (normal(3, 2),)],
    "pinv":       [(normal(2, 3), np.zeros(()), np.zeros(()), False), (normal(3, 2), np.zeros(()), np.zeros(()), False)],
    "lu":         [(normal(3, 3), PERMUTED), (normal(3, 4), PERMUTED), (normal(3, 2), PERMUTED)],
    "permute_rows": [(normal(3, 4), PERMUTED)],
    "solve_triangular": [(symmetric(3), normal(3, 2), upper, unit) for upper in (True, False) for unit in (True, False)],
    "cholesky_solve": [(lambda b, x: ops.cholesky_solve(b, ops.cholesky(ops.matmul(x, ops.transpose(x, 0, 1)))), normal(3, 2), symmetric(3))],
    "cholesky_inverse": [(lambda x: ops.cholesky_inverse(ops.cholesky(ops.matmul(x, ops.transpose(x, 0, 1)))), symmetric(3))],
    "matrix_exp": [(normal(3, 3),), (normal(2, 2, 2) / 2,)],
    # activations
    "hardtanh":   [(distinct(2, 3), -1.0, 1.0)],
    "leaky_relu": [(distinct(2, 3), 0.1), (distinct(2, 3), 2.0)],
    "elu":        [(distinct(2, 3), 1.0), (distinct(2, 3), 1.5, 2.0, 0.5)],
    "prelu":      [(distinct(2, 3), normal(3))],
    "rrelu":      [(distinct(2, 3), positive(2, 3))],
    "threshold":  [(distinct(2, 3), -1.0, 2.0)],
    "hardshrink": [(distinct(2, 3), 1.0)],
    "softshrink": [(distinct(2, 3), 1.0)],
    "hardsigmoid": [(distinct(3, 4),)],
    "hardswish":  [(distinct(3, 4),)],
    "celu":       [(distinct(2, 3), 1.5)],
    "glu":        [(normal(2, 4), 1), (normal(4, 3), 0)],
    "mish":       [(normal(2, 3),)],
    "elu_in_place": [(distinct(2, 3), 1.5)],
    "celu_in_place": [(distinct(2, 3), 1.5)],
    "leaky_relu_in_place": [(distinct(2, 3), 0.1)],
    "gelu":       [(normal(2, 3),)],
    "gelu_tanh":  [(normal(2, 3),)],
    "silu":       [(normal(2, 3),)],
    # losses
    "mse_loss":   [(normal(2, 3), normal(2, 3), reduction) for reduction in ("none", "mean", "sum")],
    "huber_loss": [(distinct(2, 3), normal(2, 3), "mean", 1.0)],
    "smooth_l1_loss": [(distinct(2, 3), normal(2, 3), "mean", 1.0)],
    "binary_cross_entropy": [(between_0_and_1(2, 3), between_0_and_1(2, 3), positive(3), "mean"), (between_0_and_1(3), between_0_and_1(3), None, "none")],
    "binary_cross_entropy_back": [(normal(), between_0_and_1(2, 3), between_0_and_1(2, 3), positive(3), "mean"), (normal(3), between_0_and_1(3), between_0_and_1(3), None, "none")],
    "binary_cross_entropy_with_logits": [(normal(2, 3), between_0_and_1(2, 3), positive(3), positive(3), "mean"), (normal(3), between_0_and_1(3), None, None, "sum")],
    "soft_margin_loss": [(normal(2, 3), normal(2, 3), reduction) for reduction in ("none", "mean", "sum")],
    "multi_margin_loss": [(normal(3, 4), np.array([2, 0, 3]), WEIGHTS, 2, 1.0, reduction) for reduction in ("none", "mean", "sum")] + [(normal(4), np.array(2), None, 1, 0.5, "none")],
    "multilabel_margin_loss": [(normal(3, 4), LABELS, reduction) for reduction in ("none", "mean", "sum")],
    "linear_cross_entropy": [(np.array([2, 0, 3, 1, 1]), WEIGHTS[[2, 0, 3, 1, 1]], "mean", 2, normal(5, 3), normal(4, 3), normal(4)), (np.array([2, 0]), positive(2), "none", 1, normal(2, 3), normal(4, 3))],
    "pdist":      [(normal(4, 3), p) for p in (2.0, 1.0, 3.0, 1.5, np.inf)],
    "xlogy":      [(positive(2, 3), positive(3))],
    "nll_loss":   [(normal(3, 4), CLASSES, WEIGHTS, -100, reduction) for reduction in ("none", "mean", "sum")],
    "nll_loss_back": [(normal(), CLASSES, WEIGHTS, (3, 4), -100, "mean"), (normal(3), CLASSES, None, (3, 4), -100, "none")],
    # layers
    "batch_norm": [(batch_norm_in_training, normal(4, 3), normal(3), normal(3)), (normal(4, 3), normal(3), normal(3), normal(3), positive(3), False, 1e-5)],
    "group_norm": [(normal(2, 4, 3), normal(4), normal(4), 2, 1e-5), (normal(2, 4), None, None, 2, 1e-5)],
    "layer_norm": [(normal(4, 3), normal(3), normal(3), (1,), 1e-5), (normal(4, 3), None, None, (1,), 1e-5)],
    # sequences: what the steps add to the gates, the first states, the weights
    "rnn_tanh":   [(FORWARDS, normal(5, 3), normal(2, 3), normal(3, 3)), (BACKWARDS, normal(3, 3), normal(2, 3), normal(3, 3))],
    "rnn_relu":   [(FORWARDS, distinct(5, 3), normal(2, 3), 0.1 * normal(3, 3))],
    "gru":        [(FORWARDS, normal(5, 6), normal(2, 2), normal(6, 2), normal(6)), (BACKWARDS, normal(3, 6), normal(2, 2), normal(6, 2))],
    "lstm":       [(FORWARDS, normal(5, 8), normal(2, 2), normal(2, 2), normal(8, 2)), (BACKWARDS, normal(3, 8), normal(2, 1), normal(2, 2), normal(8, 1), normal(1, 2))],
    "packed":     [(normal(3, 4), ONCE)],
    # lookups and attention
    "embedding":  [(normal(5, 3), np.array([[1, 0, 1], [4, 4, 2]])), (normal(5, 3), ONCE[0], 3, True)],
    "embedding_bag": [(normal(5, 3), positive(4), np.array([1, 0, 1, 4]), np.array([0, 0, 2, 2]), 3), (normal(5, 3), None, ONCE[0], ONCE[1], 4, True)],
    "embedding_bag_max": [(normal(5, 3), np.array([[1, 0, 1], [4, 4, 2]]), np.array([0, 2]), 3)],
    # windows
    "convolution": [(normal(2, 2, 4, 5), normal(4, 1, 2, 3), normal(4), (2, 3), STEPS), (normal(2, 2, 3), normal(3, 2, 2), None, (2,), Steps((1,), (0,), (1,)))],
    "conv_transpose": [(normal(2, 4, 2, 3), normal(4, 1, 2, 3), normal(2), (4, 5), STEPS)],
    "conv_weight": [(normal(2, 2, 4, 5), normal(2, 4, 2, 3), (2, 3), STEPS)],
    "max_pool2d": [(distinct(2, 4, 5), APART), (distinct(2, 4, 5), OVERLAPPING)],
    "max_pool_back": [(normal(*top.shape), image, top, OVERLAPPING)],
    "max_pool_pick": [(normal(2, 4, 5), image, top, OVERLAPPING)],
    "avg_pool2d": [(normal(2, 4, 5), APART, 4), (normal(2, 4, 5), OVERLAPPING, positive(4, 3))],
    "avg_pool_back": [(normal(2, 4, 3), (4, 5), OVERLAPPING, 6)],
    "adaptive_avg_pool2d": [(normal(2, 4, 5), (3, 7))],
    "adaptive_avg_pool_back": [(normal(2, 3, 7), (4, 5))],
    "constant_pad": [(normal(2, 3, 4), ((1, 0), (-1, 2)), 0.5)],
    "border_pad": [(normal(2, 3, 4), ((1, 2), (-1, 2)), "reflect"), (normal(2, 3), ((4, 2),), "replicate"), (normal(2, 3), ((1, 3),), "circular")],
    "border_pad_back": [(normal(2, 6, 5), ((1, 2), (-1, 2)), "reflect")],
    "unfold":     [(normal(2, 3, 4, 5), OVERLAPPING)],
    "fold":       [(normal(2, 18, 12), (4, 5), OVERLAPPING)],
    "pixel_shuffle": [(normal(2, 8, 2, 3), 2)],
    "channel_shuffle": [(normal(2, 6, 3), 2)],
    "pixel_unshuffle": [(normal(2, 4, 6), 2)],
    "resample":   [(normal(2, 3, 4), TAPS), (normal(2, 3, 4), NEAREST)],
    "grid_sampler_2d": [
        (distinct(1, 2, 3, 4), GRID, [Side(GRID[..., 1], 3, mode, padding, align), Side(GRID[..., 0], 4, mode, padding, align)])
        for mode, padding, align in (("bilinear", "zeros", True), ("bilinear", "reflection", False), ("nearest", "border", True), ("bicubic", "zeros", True))
    ],
    "affine_grid": [(normal(2, 2, 3), normal(4, 3), (2, 2, 2, 2))],
    "resample_back": [(normal(2, 5, 3), TAPS), (normal(2, 5, 3), NEAREST)],
}
# fmt: on

# their derivatives raise, as PyTorch's do
UNDIFFERENTIABLE = {"floor_divide", "asinh_in_place", "acosh_in_place", "atanh_in_place", "zeta"}


class Case(NamedTuple):
    """One call of a row: arrays become tensors where the row takes tensors; some of them require grad."""

    function: Callable
    arguments: tuple
    operands: range  # the positions of tensors
    differentiable: range | list[int]  # those of them that have a derivative

    def fresh(self) -> list:
        """The arguments, with new leaves for the operands."""
        return [self._leaf(i, a) if i in self.operands else a for i, a in enumerate(self.arguments)]

    def _leaf(self, position: int, argument: Any) -> Any:
        if not isinstance(argument, np.ndarray):
            return argument
        tensor = Variable.wrap(argument.copy())
        return tensor.requires_grad_() if position in self.differentiable else tensor


def rows_with_a_derivative() -> dict[str, Op]:
    return {name: row for name, row in ops.TABLE.items() if any(row.vjps) and name not in UNDIFFERENTIABLE}


def cases_of(name: str) -> list[Case]:
    """The row's own cases, or those of the row whose forward and derivatives it shares under another name.

    A function of one real number needs none of its own: it is taken at REAL, or at those that it takes.
    """
    row = ops.TABLE[name]
    for other, cases in CASES.items():
        twin = ops.TABLE[other]
        if (twin.forward, twin.vjps) == (row.forward, row.vjps):
            return [_case(row, arguments) for arguments in cases]
    return [_case(row, (x,)) for x in REAL if taken(row, x)] if row.parameters == ("x",) else []


def taken(row: Op, x: np.ndarray) -> bool:
    """Whether the row is finite there."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(row.forward(x)).all())


def _case(row: Op, arguments: tuple) -> Case:
    if callable(arguments[0]):
        everything = range(len(arguments) - 1)
        return Case(arguments[0], arguments[1:], everything, everything)
    if isinstance(row, VariadicOp):
        operands = range(row.first, len(arguments))
        return Case(row, arguments, operands, operands)
    return Case(row, arguments, range(len(row.vjps)), [i for i, vjp in enumerate(row.vjps) if vjp])
