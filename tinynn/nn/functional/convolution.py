"""Convolutions and transposed convolutions of 1, 2 and 3 dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinynn import ops
from tinynn.nn.functional.checks import Ints, in_dimensions, whole_numbers, wrong_arguments
from tinynn.nn.functional.padding import pad
from tinynn.ops.conv import Steps
from tinynn.size import c_name, type_name
from tinynn.tensor import Tensor


def _conv(n: int) -> Callable:
    def conv(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
    ) -> Tensor:
        """y[b, o, p] = bias[o] + sum over c, k of weight[o, c, k] x[b, c, stride p + dilation k - padding].

        x (B, C, *size) or (C, *size), weight (O, C / groups, *kernel), y (B, O, *places). Outside of x are
        zeros. padding is how many of them there are to each side, or "valid": none, or "same": as many as
        make y as large as x. Output channels see the input channels of their group only.
        """
        function = f"conv{n}d"
        batch = _batch(function, n, input, weight, bias, groups)
        steps = _steps(
            function, n, weight, stride, 0 if isinstance(padding, str) else padding, dilation, groups
        )
        if isinstance(padding, str):
            batch, steps = _padded_by_name(padding, batch, weight, steps)
        _check(batch, weight, bias, steps, transposed=False)
        _check_kernel(batch, weight, steps)
        sizes = zip(batch.shape[2:], weight.shape[2:], *steps[:3], strict=True)
        places = tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in sizes)
        out = ops.convolution(batch, weight, bias, places, steps)
        return out if batch.ndim == input.ndim else out.squeeze(0)

    return conv


def _conv_transpose(n: int) -> Callable:
    def conv_transpose(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        dilation: Ints = 1,
    ) -> Tensor:
        """y[b, c, stride p + dilation k - padding] sums weight[o, c, k] x[b, o, p], plus bias[c].

        The transpose of a convolution: x (B, O, *places) or (O, *places), weight (O, C / groups, *kernel),
        y (B, C, *size). With a stride several sizes have the same places: y has the least of them, plus
        output_padding.
        """
        function = f"conv_transpose{n}d"
        batch = _batch(function, n, input, weight, bias, groups)
        if isinstance(padding, str):
            raise TypeError(f"{function}(): argument 'padding' must be tuple of ints, not str")
        steps = _steps(function, n, weight, stride, padding, dilation, groups)
        extra = _for_each("output_padding", whole_numbers(function, output_padding, n), weight)
        if min(extra) < 0:
            raise RuntimeError("negative output_padding is not supported")
        _check(batch, weight, bias, steps, transposed=True)
        sizes = zip(batch.shape[2:], weight.shape[2:], *steps[:3], extra, strict=True)
        size = tuple((m - 1) * s - 2 * p + d * (k - 1) + e + 1 for m, k, s, p, d, e in sizes)
        _check_transposed(batch, size, steps, extra)
        out = ops.conv_transpose(batch, weight, bias, size, steps)
        return out if batch.ndim == input.ndim else out.squeeze(0)

    return conv_transpose


conv1d, conv2d, conv3d = in_dimensions(_conv)
conv_transpose1d, conv_transpose2d, conv_transpose3d = in_dimensions(_conv_transpose)


# --- torch's errors


def _batch(function: str, n: int, input: Any, weight: Any, bias: Any, groups: Any) -> Tensor:
    """The input as a batch: a single sample becomes a batch of one."""
    tensors = isinstance(input, Tensor) and isinstance(weight, Tensor)
    if not tensors or not isinstance(bias, Tensor | None) or not hasattr(groups, "__index__"):
        raise wrong_arguments(function, input=input, weight=weight, bias=bias, groups=groups)
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {function}, but got input of "
            f"size: {list(input.shape)}"
        )
    if bias is not None and bias.dtype is not input.dtype:
        raise RuntimeError(
            f"Input type ({c_name(input._array.dtype)}) and bias type ({c_name(bias._array.dtype)}) should "
            "be the same"
        )
    return input if input.ndim == n + 2 else input.unsqueeze(0)


def _steps(
    function: str, n: int, weight: Tensor, stride: Any, padding: Any, dilation: Any, groups: int
) -> Steps:
    given = {"stride": stride, "padding": padding, "dilation": dilation}
    if weight.ndim < 3:
        raise RuntimeError("weight should have at least three dimensions")
    for name, value in given.items():
        given[name] = _for_each(name, whole_numbers(function, value, n), weight)
    if min(given["padding"]) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(given["stride"]) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(given["dilation"]) <= 0:
        raise RuntimeError("non-positive dilation is not supported")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    return Steps(**given, groups=int(groups))


def _for_each(name: str, values: tuple[int, ...], weight: Tensor) -> tuple[int, ...]:
    """The values, one for each dimension of the kernel."""
    n = weight.ndim - 2
    if len(values) not in (1, n):
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to match the convolution "
            f"dimensions, but got {name}={list(values)}"
        )
    return values * n if len(values) == 1 else values


def _padded_by_name(name: str, batch: Tensor, weight: Tensor, steps: Steps) -> tuple[Tensor, Steps]:
    """The input and the steps for padding="valid" or "same"; an odd zero goes to the end."""
    if name == "valid":
        return batch, steps
    if name != "same":
        raise RuntimeError(f"Invalid padding string: '{name}'")
    if max(steps.stride) > 1:
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    totals = [d * (k - 1) for d, k in zip(steps.dilation, weight.shape[2:], strict=True)]
    if any(total % 2 for total in totals):
        batch = pad(batch, [side for total in reversed(totals) for side in (0, total % 2)])
    return batch, steps._replace(padding=tuple(total // 2 for total in totals))


def _check(batch: Tensor, weight: Tensor, bias: Tensor | None, steps: Steps, transposed: bool) -> None:
    """Do channels and dtypes fit?"""
    size, groups = list(weight.shape), steps.groups
    given = f"Given transposed=1, weight of size {size}" if transposed else f"Given weight of size {size}"
    if weight.ndim != batch.ndim:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {size}, but got "
            f"{batch.ndim}-dimensional input of size {list(batch.shape)} instead"
        )
    if size[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight "
            f"of size {size} instead"
        )
    if size[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got "
            f"weight of size [{size}] instead"
        )
    inputs, outputs = (size[0], size[1] * groups) if transposed else (size[1] * groups, size[0])
    if batch.shape[1] != inputs:
        start = given if transposed else f"Given groups={groups}, weight of size {size}"
        raise RuntimeError(
            f"{start}, expected input{list(batch.shape)} to have {inputs} channels, but got {batch.shape[1]} "
            "channels instead"
        )
    if bias is not None and bias.shape != (outputs,):
        raise RuntimeError(
            f"{given}, expected bias to be 1-dimensional with {outputs} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )
    if weight.dtype is not batch.dtype:
        _raise_for_dtypes(batch, weight)


def _raise_for_dtypes(batch: Tensor, weight: Tensor) -> None:
    x, w = type_name(batch._array.dtype), type_name(weight._array.dtype)
    advice = "\nConvert the input, or the layer: layer.to(input.dtype)."
    if x == "Float":
        raise RuntimeError(
            f"Input type (tinynn.{x}Tensor) and weight type (tinynn.{w}Tensor) should be the same or input "
            f"should be a MKLDNN tensor and weight is a dense tensor{advice}"
        )
    raise RuntimeError(f"expected scalar type {x} but found {w}{advice}")


def _check_kernel(batch: Tensor, weight: Tensor, steps: Steps) -> None:
    """Does the kernel fit into the padded input?"""
    padded = [n + 2 * p for n, p in zip(batch.shape[2:], steps.padding, strict=True)]
    kernel = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], steps.dilation, strict=True)]
    if any(n < k for n, k in zip(padded, kernel, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({_times(padded)}). Kernel size: ({_times(kernel)}). "
            "Kernel size can't be greater than actual input size"
        )


def _check_transposed(batch: Tensor, size: tuple, steps: Steps, extra: tuple) -> None:
    """Is there an output, and is output_padding less than a step?"""
    names = ("depth", "height", "width")[-len(size) :]
    if any(e >= max(s, d) for e, s, d in zip(extra, steps.stride, steps.dilation, strict=True)):
        settings = {"output_padding": extra, "stride": steps.stride, "dilation": steps.dilation}
        got = " ".join(
            f"{setting}_{name}: {value}"
            for setting, values in settings.items()
            for name, value in zip(names, values, strict=True)
        )
        raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {got}")
    if min(size) < 1:
        raise RuntimeError(
            f"Given input size per channel: ({_times(batch.shape[2:])}). Calculated output size per channel: "
            f"({_times(size)}). Output size is too small"
        )


def _times(sizes: Iterable[int]) -> str:
    return " x ".join(str(n) for n in sizes)
