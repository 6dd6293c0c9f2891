"""torch.nn.functional: layers, activations and losses as functions of tensors.

Those that are one operation are rows of the derivative table (tinynn/ops); here they get torch's arguments
and errors. The others are written with tensor operations.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.variable import Variable
from tinynn.dtypes import dtype as Dtype
from tinynn.functions import broadcast_tensors, einsum
from tinynn.ops.nn import channel_moments
from tinynn.random import default_generator
from tinynn.size import c_name, listed, type_name
from tinynn.tensor import Tensor

# --- what several functions check


def _need_tensor(function: str, input: Any) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(
            f"{function}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}"
        )


def _need_constant(function: str, **arguments: Tensor | None) -> None:
    """Raise torch's error for an argument that requires grad and that the loss has no derivative for."""
    for name, tensor in arguments.items():
        if tensor is not None and tensor.requires_grad and thread.recording:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. This "
                "input cannot have requires_grad True."
            )


def _need_tensors(input: Any, target: Any) -> None:
    for name, value in {"input": input, "target": target}.items():
        if not isinstance(value, Tensor):
            raise AttributeError(
                f"'{type(value).__name__}' object has no attribute 'size'\n"
                f"The {name} must be a Tensor: make one with tinynn.tensor(...)."
            )


def _need_float(kernel: str, x: Tensor) -> None:
    if x._array.dtype.kind != "f":
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{type_name(x._array.dtype)}'\n"
            "Convert it first, with .float()."
        )


def _need_size(a: Tensor, b: Tensor, output: Tensor) -> None:
    """Raise torch's error unless a and b broadcast, to no more than the shape of `output`."""
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        for back in range(1, min(a.ndim, b.ndim) + 1):
            n, m = a.shape[-back], b.shape[-back]
            if n != m and 1 not in (n, m):
                dim = max(a.ndim, b.ndim) - back
                raise RuntimeError(
                    f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton "
                    f"dimension {dim}"
                ) from None
        raise
    if np.broadcast_shapes(shape, output.shape) != tuple(output.shape):
        raise RuntimeError(
            f"output with shape {list(output.shape)} doesn't match the broadcast shape "
            f"{list(np.broadcast_shapes(shape, output.shape))}"
        )


# --- layers


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b: (..., in) to (..., out), for W of shape (out, in) or (in,), and b of shape (out,).

    Raises RuntimeError where shapes or dtypes do not fit.
    """
    _need_tensor("linear", input)
    try:
        return ops.linear_no_bias(input, weight, None) if bias is None else ops.linear(input, weight, bias)
    except ValueError:  # not matrices of one dtype that fit
        return _any_linear(input, weight, bias)


def _any_linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`linear` for other than matrices, or with a bias that must be expanded, or with torch's error."""
    if input.ndim == 0 or weight.ndim == 0:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {input.ndim}D and {weight.ndim}D"
        )
    _check_linear_dtypes(input, weight, bias)
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
    if input.ndim == 2:
        assert bias is not None
        return ops.addmm(bias.expand(rows, weight.shape[0]), input, weight.t())
    matrix = linear(ops.reshape(input.contiguous(), (rows, input.shape[-1])), weight, bias)
    shape = (*input.shape[:-1], weight.shape[0])
    return (ops.unsafe_view if bias is None else ops.reshape)(matrix, shape)


def _check_linear_dtypes(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
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


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, set each element to 0 with probability p, and multiply the others by 1 / (1 - p)."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    _need_tensor("dropout", input)
    if not training or p == 0 or input.numel() == 0:
        return input
    if input._array.dtype.kind != "f":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {type_name(input._array.dtype)}"
        )
    kept = default_generator.bernoulli(input._array.shape, 1 - p, input._array.dtype) if p < 1 else None
    noise = Variable.wrap(np.zeros_like(input._array) if kept is None else kept / (1 - p))
    return input.mul_(noise) if inplace else input * noise


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, for each channel of an input of shape (N, C, ...).

    In training, mean and var are those of the batch, and the running ones move towards them by `momentum`
    (the running variance towards the unbiased one); otherwise they are the running ones.
    """
    x = input._array
    if training and math.prod(x.shape[:1] + x.shape[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {input.shape}"
        )
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    _check_batch_norm(input, running_mean, running_var, weight, bias, training)
    if not training:
        return ops.batch_norm(input, weight, bias, running_mean, running_var, False, eps)
    mean, variance = thread.quietly(channel_moments, x)
    if running_mean is not None and running_var is not None:
        n = x.size // x.shape[1]
        _move(running_mean, mean, momentum)
        _move(running_var, variance * (n / (n - 1)), momentum)
    return ops.batch_norm(input, weight, bias, mean, variance, True, eps)


def _move(running: Tensor, value: np.ndarray, momentum: float) -> None:
    running._array *= 1 - momentum
    running._array += momentum * value
    running.bump()


def _check_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
) -> None:
    channels = input.shape[1] if input.ndim > 1 else 0
    named = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, tensor in named.items():
        if tensor is None:
            if name.startswith("running") and not training:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        elif tensor.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {tensor.numel()}")
    _need_float("batch_norm", input)
    if any(tensor is not None and tensor.dtype is not input.dtype for tensor in named.values()):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var over the last (normalized) dimensions."""
    if not isinstance(normalized_shape, Sequence):
        kind = type(normalized_shape).__name__
        raise TypeError(
            f"layer_norm(): argument 'normalized_shape' (position 2) must be tuple of ints, not {kind}"
        )
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = []"
        )
    for name, tensor in {"weight": weight, "bias": bias}.items():
        if tensor is not None and tensor.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(tensor.shape)} and normalized_shape = {list(shape)}"
            )
    if input.shape[-len(shape) :] != shape:
        wanted = ", ".join(["*", *(str(n) for n in shape)])
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [{wanted}], but got input of "
            f"size{list(input.shape)}"
        )
    _need_float("LayerNormKernelImpl", input)
    if any(tensor is not None and tensor.dtype is not input.dtype for tensor in (weight, bias)):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    return ops.layer_norm(input, weight, bias, tuple(range(input.ndim - len(shape), input.ndim)), eps)


# --- activations


def _activate(row: Callable, input: Tensor, *settings: Any, inplace: bool = False) -> Tensor:
    """row(input); in place, of a copy, because its derivative needs the values that are overwritten."""
    return input._overwrite(row(input.clone(), *settings)) if inplace else row(input, *settings)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0). Its gradient at 0 is 0."""
    _need_tensor("relu", input)
    return input.relu_() if inplace else ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]. Its gradient on the limits is 0."""
    _need_tensor("hardtanh", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if input._array.dtype.kind != "f":
        min_val, max_val = int(min_val), int(max_val)
    return _activate(ops.hardtanh, input, min_val, max_val, inplace=inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope * x."""
    _need_tensor("leaky_relu", input)
    _need_float("leaky_relu_cpu", input)
    return _activate(ops.leaky_relu, input, negative_slope, inplace=inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha * (exp(x) - 1)."""
    _need_tensor("elu", input)
    _need_float("elu_cpu", input)
    return _activate(ops.elu, input, alpha, inplace=inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x * sigmoid(x)."""
    _need_tensor("silu", input)
    _need_float("silu_cpu", input)
    return _activate(ops.silu, input, inplace=inplace)


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x times the normal distribution function of x, or ("tanh") an approximation of that."""
    _need_tensor("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    _need_float("GeluKernelImpl", input)
    return ops.gelu(input) if approximate == "none" else ops.gelu_tanh(input)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


def tanh(input: Tensor) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return input.tanh()


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    _need_tensor("softplus", input)
    _need_float("softplus_cpu", input)
    return ops.softplus(input, beta, threshold)


def logsigmoid(input: Tensor) -> Tensor:
    """log(1 / (1 + exp(-x))), without overflow."""
    _need_tensor("log_sigmoid", input)
    _need_float("log_sigmoid_cpu", input)
    return ops.logsigmoid(input)


def _softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None
) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`."""
    return input.softmax(_softmax_dim("softmax", input.ndim, _stacklevel) if dim is None else dim, dtype)


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None
) -> Tensor:
    """softmax(-x) along `dim`."""
    return (-input).softmax(_softmax_dim("softmin", input.ndim, _stacklevel) if dim is None else dim, dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Dtype | None = None
) -> Tensor:
    """log(softmax(x)) along `dim`."""
    return input.log_softmax(
        _softmax_dim("log_softmax", input.ndim, _stacklevel) if dim is None else dim, dtype
    )


# --- losses


def legacy_reduction(size_average: bool | None, reduce: bool | None, stacklevel: int = 4) -> str:
    """The reduction that torch's old arguments ask for."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction\nChoose 'mean', 'sum' or 'none'.")
    return reduction


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """-w (p t log s(x) + (1 - t) log(1 - s(x))) with the sigmoid s, for logits x and targets t of one shape.

    `weight` w and `pos_weight` p broadcast to that shape; the mean divides by the number of elements.
    """
    reduction = _reduction(size_average, reduce, reduction)
    _need_tensors(input, target)
    x, t = input._array, target._array
    if x.shape != t.shape:
        raise ValueError(
            f"Target size ({target.shape}) must be the same as input size ({input.shape})\n"
            "Use input.squeeze(dim=1) or target.unsqueeze(dim=1) to give them one shape."
        )
    if x.dtype.kind != "f" or t.dtype.kind != "f":
        _raise_for_logits_dtype(input, target)
    if weight is not None or pos_weight is not None:
        if pos_weight is not None:
            _need_size(pos_weight, target, output=target)
        if weight is not None:
            _need_size(target, weight, output=target)
        _need_constant("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    return ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def _raise_for_logits_dtype(input: Tensor, target: Tensor) -> None:
    if target._array.dtype.kind == "b":
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
            "`logical_xor()` operator instead.\n"
            "Convert the target: target.float()."
        )
    _need_float("log_sigmoid_cpu", input)
    raise RuntimeError(
        f"result type {type_name(input._array.dtype)} can't be cast to the desired output type "
        f"{type_name(target._array.dtype)}\n"
        "Convert the target: target.float()."
    )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w (t log x + (1 - t) log(1 - x)) for probabilities x and t; each log counts as at least -100."""
    reduction = _reduction(size_average, reduce, reduction)
    _need_tensors(input, target)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        weight = _expanded_weight(weight, target)
    for tensor in (target, weight):
        if tensor is not None and tensor.dtype is not input.dtype:
            raise RuntimeError(
                f"Found dtype {type_name(tensor._array.dtype)} but expected {type_name(input._array.dtype)}"
            )
    for name, tensor in {"input": input, "target": target}.items():
        if not ((tensor._array >= 0) & (tensor._array <= 1)).all():
            raise RuntimeError(
                f"all elements of {name} should be between 0 and 1\n"
                "For logits, use binary_cross_entropy_with_logits."
            )
    _need_constant("binary_cross_entropy", weight=weight)
    return ops.binary_cross_entropy(input, target, weight, reduction)


def _expanded_weight(weight: Tensor, target: Tensor) -> Tensor:
    for back, (n, m) in enumerate(zip(reversed(weight.shape), reversed(target.shape), strict=False), 1):
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {n} at -{back}! Mismatching argument at "
                f"index 1 had {weight.shape}; but expected shape should be broadcastable to "
                f"{list(target.shape)}"
            )
    return weight.expand(np.broadcast_shapes(weight.shape, target.shape))


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-w[t] x[n, t], log-probabilities x of shape (C,), (N, C) or (N, C, d1, ...), classes t without the C.

    Targets equal to ignore_index count nothing; the mean divides by the sum of the weights w[t].
    """
    reduction = _reduction(size_average, reduce, reduction)
    _check_nll(input, target, weight)
    _check_classes(target, input._array.shape[min(1, input.ndim - 1)], ignore_index)
    if input.ndim <= 2:
        target = target if input.ndim == 2 else target.reshape(())
        return ops.nll_loss(input, target, weight, ignore_index, reduction)
    if input.ndim == 4:
        return ops.nll_loss_2d(input, target, weight, ignore_index, reduction)
    n, classes = input.shape[:2]
    flat = input.reshape(n, classes, 1, -1), target.reshape(n, 1, -1)
    out = ops.nll_loss_2d(*flat, weight, ignore_index, reduction)
    return out.view(target.shape) if reduction == "none" else out


_CLASS_DTYPES = (np.dtype("int64"), np.dtype("uint8"))


def _check_nll(input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    x, t = input._array, target._array
    if x.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {x.ndim})")
    if x.ndim == 1 and t.ndim == 1 and len(t) != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {len(t)}")
    if x.ndim != 1 and (t.ndim == 0 or len(x) != len(t)):
        n = len(t) if t.ndim else 1
        raise ValueError(f"Expected input batch_size ({len(x)}) to match target batch_size ({n}).")
    if x.ndim <= 2 and t.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    expected = [*x.shape[:1], *x.shape[2:]]
    if x.ndim > 2 and list(t.shape) != expected:
        if x.ndim == 4 and t.ndim == 3:
            raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}")
        raise RuntimeError(f"Expected target size {expected}, got {list(t.shape)}")
    if t.dtype not in _CLASS_DTYPES:
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {type_name(t.dtype)}\n"
            "Convert classes with target.long(); class probabilities have the shape of the input."
        )
    _check_class_weight(input, weight)
    _need_constant("nll_loss_forward", weight=weight)
    _need_float("nll_loss_out_frame", input)
    if weight is not None and weight._array.dtype != x.dtype:
        raise RuntimeError(
            f"expected scalar type {type_name(x.dtype)} but found {type_name(weight._array.dtype)}"
        )


def _check_class_weight(input: Tensor, weight: Tensor | None, prefix: str = "") -> None:
    if weight is None:
        return
    classes = input.shape[min(1, input.ndim - 1)]
    if weight.shape != (classes,):
        raise RuntimeError(
            f"{prefix}weight tensor should be defined either for all {classes} classes or no classes but got "
            f"weight tensor of shape: {list(weight.shape)}"
        )


def _check_classes(target: Tensor, classes: int, ignore_index: int) -> None:
    t = target._array
    if t.size and np.minimum.reduce(t, axis=None) >= 0 and np.maximum.reduce(t, axis=None) < classes:
        return
    outside = t[((t < 0) | (t >= classes)) & (t != ignore_index)]
    if outside.size:
        raise IndexError(f"Target {outside[0]} is out of bounds.\nThere are {classes} classes, from 0 on.")


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-w[t] log(softmax(x))[t] for logits x of shape (C,), (N, C) or (N, C, d1, ...).

    The target holds classes (no dimension C), or class probabilities (the shape of x). label_smoothing moves
    that much of the probability evenly to all classes.
    """
    reduction = _reduction(size_average, reduce, reduction)
    if input.ndim == 0 or input._array.shape == target._array.shape:
        return _cross_entropy_of_probabilities(
            input, target, weight, ignore_index, reduction, label_smoothing
        )
    if label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    class_dim = min(1, input.ndim - 1)
    log_p = input.log_softmax(class_dim)
    loss = nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing <= 0:
        return loss
    even = _smooth_loss(log_p, target, weight, ignore_index, reduction, class_dim)
    return (1 - label_smoothing) * loss + even * (label_smoothing / input.shape[class_dim])


def _smooth_loss(
    log_p: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, class_dim: int
) -> Tensor:
    """The cross entropy with all classes at once, reduced as nll_loss is."""
    weighted = log_p if weight is None else log_p * _along_classes(weight, log_p)
    ignored = target == ignore_index
    losses = (-weighted.sum(class_dim)).masked_fill(ignored, 0.0)
    if reduction != "mean":
        return _reduced(losses, reduction)
    counted = ~ignored if weight is None else weight[target.masked_fill(ignored, 0)] * ~ignored
    return losses.sum() / counted.sum()


def _along_classes(weight: Tensor, x: Tensor) -> Tensor:
    return weight if x.ndim == 1 else weight.view((1, -1) + (1,) * (x.ndim - 2))


def _cross_entropy_of_probabilities(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    if target._array.dtype.kind != "f":
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            f"{type_name(target._array.dtype)}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _check_class_weight(input, weight, "cross_entropy: ")
    class_dim = min(1, input.ndim - 1)
    classes = input.shape[class_dim] if input.ndim else 1
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = input.log_softmax(class_dim) * target
    if weight is not None:
        terms = terms * _along_classes(weight, input)
    if reduction == "none":
        return -terms.sum(class_dim)
    return (
        -terms.sum()
        if reduction == "sum"
        else -terms.sum() / (input.numel() / classes if input.numel() else math.nan)
    )


def _paired(input: Tensor, target: Tensor, stacklevel: int = 3) -> tuple[Tensor, Tensor]:
    """Input and target in their common shape; torch warns where they differ."""
    _need_tensors(input, target)
    if input._array.shape == target._array.shape:
        return input, target
    warnings.warn(
        f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This "
        "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=stacklevel,
    )
    try:
        pair = broadcast_tensors(input, target)
    except ValueError:
        _need_size(input, target, output=input)
        raise
    return pair[0], pair[1]


def _need_same_size(weight: Tensor, input: Tensor) -> None:
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")


def _weighted_mean(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    weighted = losses * weight
    return weighted.sum() / weight.sum() if reduction == "mean" else _reduced(weighted, reduction)


def _need_float_pair(kernel: str, input: Tensor, target: Tensor) -> None:
    if input._array.dtype.kind != "f" and target._array.dtype.kind != "f":
        _need_float(kernel, input)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(x - t)^2; a weighted mean divides by the sum of the weights."""
    reduction = _reduction(size_average, reduce, reduction)
    x, t = _paired(input, target)
    if weight is not None:
        _need_same_size(weight, input)
        return _weighted_mean((x - t).pow(2), weight, reduction)
    _need_float_pair("mse_cpu", x, t)
    return ops.mse_loss(x, t, reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|x - t|; a weighted mean divides by the sum of the weights."""
    reduction = _reduction(size_average, reduce, reduction)
    x, t = _paired(input, target)
    losses = (x - t).abs()
    if weight is None:
        return _reduced(losses, reduction)
    _need_same_size(weight, input)
    return _weighted_mean(losses, weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, with d = x - t."""
    reduction = _reduction(size_average, reduce, reduction)
    x, t = _paired(input, target)
    if beta == 0.0:
        return _reduced((x - t).abs(), reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    _need_float_pair("smooth_l1_cpu", x, t)
    return ops.smooth_l1_loss(x, t, reduction, beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2), d = x - t; a weighted mean divides by n."""
    reduction = _reduction(None, None, reduction)
    x, t = _paired(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    _need_float_pair("huber_cpu", x, t)
    if weight is None:
        return ops.huber_loss(x, t, reduction, delta)
    _need_same_size(weight, input)
    return _reduced(ops.huber_loss(x, t, "none", delta) * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t (log t - x) for log-probabilities x and probabilities t (log_target: their logs).

    "batchmean" divides the sum by the first size: the Kullback-Leibler divergence; "mean" divides by all.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce, stacklevel=3)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    batchmean = reduction == "batchmean"
    reduction = "sum" if batchmean else _reduction(None, None, reduction)
    terms = target.exp() * (target - input) if log_target else ops.xlogy(target, target) - target * input
    out = _reduced(terms, reduction)
    return out / input.shape[0] if batchmean and input.ndim else out
