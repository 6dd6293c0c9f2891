"""A convolution or Linear, and the BatchNorm after it, as one layer: for evaluation, where both are affine.

s (W x + b - mean) + beta = (s W) x + s (b - mean) + beta,    s = gamma / sqrt(var + eps)
"""

from __future__ import annotations

import copy
from typing import TypeVar

from tinynn.creation import ones_like, zeros_like
from tinynn.nn.conv import _ConvNd
from tinynn.nn.linear import Linear
from tinynn.nn.normalization import _BatchNorm
from tinynn.nn.parameter import Parameter
from tinynn.tensor import Tensor

C = TypeVar("C", bound=_ConvNd)
L = TypeVar("L", bound=Linear)


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    gamma: Tensor | None,
    beta: Tensor | None,
    shape: list[int],
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the one layer; `shape`: that of s, to multiply the weight."""
    b = zeros_like(mean) if bias is None else bias
    scale = (ones_like(mean) if gamma is None else gamma) * (var + eps).rsqrt()
    shift = zeros_like(mean) if beta is None else beta
    return (
        Parameter((weight * scale.reshape(shape)).to(weight.dtype).detach(), weight.requires_grad),
        Parameter(((b - mean) * scale + shift).to(b.dtype).detach(), b.requires_grad),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution that normalises, too. transpose: of a transposed convolution."""
    shape = [1] * conv_w.dim()
    shape[int(transpose)] = -1
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor,
    bn_b: Tensor,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a Linear that normalises, too."""
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _running(layer: Linear | _ConvNd, bn: _BatchNorm) -> tuple[Tensor, Tensor]:
    """The running statistics. Raises AssertionError if there are none, or in training."""
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return bn.running_mean, bn.running_var


def fuse_conv_bn_eval(conv: C, bn: _BatchNorm, transpose: bool = False) -> C:
    """A copy of `conv` that computes bn(conv(x)). Both must be in evaluation: else AssertionError."""
    mean, var = _running(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_eval(linear: L, bn: _BatchNorm) -> L:
    """A copy of `linear` that computes bn(linear(x)). Both must be in evaluation: else AssertionError."""
    if not (linear.training or bn.training) and bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    mean, var = _running(linear, bn)
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, mean, var, bn.eps, bn.weight, bn.bias
    )
    return fused
