"""Products with a weight: linear, bilinear."""

from __future__ import annotations

import math

from tinynn import ops
from tinynn.functions import einsum
from tinynn.nn.functional.checks import need_tensor
from tinynn.size import c_name, listed, type_name
from tinynn.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b: (..., in) to (..., out), for W of shape (out, in) or (in,), and b of shape (out,).

    Raises RuntimeError where shapes or dtypes do not fit.
    """
    need_tensor("linear", input)
    try:
        return ops.linear_no_bias(input, weight, None) if bias is None else ops.linear(input, weight, bias)
    except ValueError:  # not matrices of one dtype that fit
        return _any_linear(input, weight, bias)


def _any_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`linear` for other than matrices, or with a bias that must be expanded, or with torch's error.

    Row-major: the result is a view of more dimensions, for which a feature-major one would be reordered (a
    seventh of a step of a small GPT).
    """
    if input.ndim == 0 or weight.ndim == 0:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    check_linear_dtypes(input, weight, bias)
    if weight.ndim == 1:
        if bias is not None:
            raise RuntimeError("mat2 must be a matrix, got 1-D tensor\nGive `weight` the shape (out, in).")
        return input.matmul(weight)
    rows = math.prod(input.shape[:-1])
    if input.shape[-1] != weight.shape[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1]} and "
            f"{listed(weight.shape[::-1])})\n"
            f"The input has {input.shape[-1]} features; the layer expects {weight.shape[1]}."
        )
    matrix = input if input.ndim == 2 else ops.reshape(input.contiguous(), (rows, input.shape[-1]))
    if bias is None:
        matrix = ops.mm(matrix, weight.t())
    else:
        bias = bias if bias.shape == weight.shape[:1] else bias.expand(rows, weight.shape[0])
        matrix = ops.addmm(bias, matrix, weight.t())
    if input.ndim == 2:
        return matrix
    return (ops.unsafe_view if bias is None else ops.reshape)(matrix, (*input.shape[:-1], weight.shape[0]))


def check_linear_dtypes(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    x, w = input._array.dtype, weight._array.dtype
    advice = "\nConvert the input, or the layer: layer.to(input.dtype)."
    if x != w and bias is None:
        raise RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(x)} != {c_name(w)}{advice}"
        )
    if x != w:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {type_name(x)} and {type_name(w)}{advice}"
        )
    if bias is not None and bias._array.dtype != w:
        b = type_name(bias._array.dtype)
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {b} and {type_name(w)}")


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x1^T W_k x2 + b_k: (..., in1) and (..., in2) to (..., out), for W of shape (out, in1, in2)."""
    if input1.shape[:-1] != input2.shape[:-1]:
        dim, n, m = next(
            (i, n, m) for i, (n, m) in enumerate(zip(input1.shape, input2.shape, strict=False)) if n != m
        )
        raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {dim}: got {n} and {m}")
    for i, x in enumerate((input1, input2), 1):
        if x.shape[-1] != weight.shape[i]:
            raise RuntimeError(
                f"bilinear(): input{i} size does not match weight size: got {x.shape[-1]} but expected "
                f"{weight.shape[i]}"
            )
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias
