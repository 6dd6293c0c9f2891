"""Layers that read the number of input features off their first input: LazyLinear, LazyConv2d and others.

    layer = LazyLinear(10)
    layer(x)  # draws the parameters, (10, x.shape[-1]); from now on the layer is a Linear

Until then its parameters are UninitializedParameters: they have a dtype, but no shape. A state_dict of either
kind of layer can be loaded into a lazy one.
"""

from __future__ import annotations

from typing import Any

from tinynn.creation import tensor
from tinynn.dtypes import int64
from tinynn.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _Conv,
    _ConvNd,
    _ConvTranspose,
)
from tinynn.nn.functional.checks import Ints
from tinynn.nn.linear import Linear
from tinynn.nn.module import BUFFER, PARAMETER, Module
from tinynn.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    _Norm,
)
from tinynn.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from tinynn.tensor import Tensor


class LazyModuleMixin(Module):
    """Calls `initialize_parameters(*inputs)` before the first forward; then it becomes `cls_to_become`.

    `class LazyLinear(LazyModuleMixin, Linear)`: it comes first among the bases. Raises RuntimeError if
    parameters are left uninitialized.
    """

    cls_to_become: type[Module] | None = None
    _inferred = False

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize the parameters, by what forward is about to receive; every subclass defines its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or a buffer of the module itself has no shape yet."""
        return any(is_lazy(value) for _, value in self._members(PARAMETER) + self._members(BUFFER))

    def reset_parameters(self) -> None:
        """Draw new parameters, as soon as there are any."""
        if not self.has_uninitialized_params() and self._features():
            super().reset_parameters()  # type: ignore[misc]

    def _features(self) -> int:
        """How many features the inputs have; 0 if that is not known yet."""
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._inferred:
            return super().__call__(*args, **kwargs)
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        if self.cls_to_become is None:
            self._inferred = True
        else:
            self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def _save_to_state_dict(self, destination: dict, prefix: str, keep_vars: bool) -> None:
        for name, value in self._own_state():
            destination[prefix + name] = value if keep_vars or is_lazy(value) else value.detach()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *rest: Any) -> None:
        for name, value in self._own_state():
            given = state_dict.get(prefix + name)
            if is_lazy(value) and isinstance(given, Tensor) and not is_lazy(given):
                value.materialize(given.shape)  # type: ignore[attr-defined]
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _load_one(self, name: str, key: str, value: Tensor, given: Any, assign: bool) -> str | None:
        if is_lazy(value) and is_lazy(given):
            return None  # there is nothing to copy
        return super()._load_one(name, key, value, given, assign)


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear whose in_features is x.shape[-1] of its first input."""

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None):
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def _features(self) -> int:
        return self.in_features

    def initialize_parameters(self, input: Tensor) -> None:  # type: ignore[override]
        """Draw the parameters for the features of `input`; loaded ones are kept if they fit it."""
        features = input.shape[-1]
        if self.has_uninitialized_params():
            self.in_features = features
            _materialize(self, (self.out_features, features), self.out_features)
        if self.in_features == 0:
            if features != self.weight.shape[-1]:
                raise AssertionError(
                    f"The in_features inferred from input: {features} is not equal to in_features from "
                    f"self.weight: {self.weight.shape[-1]}"
                )
            self.in_features = features


def _materialize(layer: Any, shape: tuple[int, ...], bias_size: int) -> None:
    layer.weight.materialize(shape)
    if layer.bias is not None:
        layer.bias.materialize((bias_size,))
    layer.reset_parameters()


class _LazyConvNd(LazyModuleMixin, _ConvNd):
    """What lazy convolutions share: in_channels is that of the first input."""

    def _await(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def _features(self) -> int:
        return self.in_channels

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Draw the parameters for the channels of `input`, unless they have been loaded."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._channels_of(input)
        if self.in_channels % self.groups:
            raise ValueError("in_channels must be divisible by groups")
        _materialize(self, self._weight_shape(), self.out_channels)

    def _channels_of(self, input: Tensor) -> int:
        n = self.dimensions
        if input.dim() not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, but "
                f"got input of size: {input.shape}"
            )
        return input.shape[-n - 1]


class _LazyConv(_LazyConvNd, _Conv):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints | str = 0,
        dilation: Ints = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self._await(out_channels, bias, device, dtype)


class _LazyConvTranspose(_LazyConvNd, _ConvTranspose):
    def __init__(
        self,
        out_channels: int,
        kernel_size: Ints,
        stride: Ints = 1,
        padding: Ints = 0,
        output_padding: Ints = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Ints = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode
        )
        self._await(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d that finds in_channels in its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d that finds in_channels in its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d that finds in_channels in its first input."""

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d that finds in_channels in its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d that finds in_channels in its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d that finds in_channels in its first input."""

    cls_to_become = ConvTranspose3d


class _LazyNorm(LazyModuleMixin, _Norm):
    """What lazy normalisations share: num_features is x.shape[1] of the first input."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(0, eps, momentum, False, False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=int64)

    def _features(self) -> int:
        return self.num_features

    def initialize_parameters(self, input: Tensor) -> None:  # type: ignore[override]
        """Start with weights 1, biases 0 and no batches seen, unless they have been loaded."""
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for _, value in self._members(PARAMETER) + self._members(BUFFER):
                if is_lazy(value):
                    value.materialize((self.num_features,))
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A BatchNorm1d that finds num_features in its first input."""

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A BatchNorm2d that finds num_features in its first input."""

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A BatchNorm3d that finds num_features in its first input."""

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An InstanceNorm1d that finds num_features in its first input."""

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An InstanceNorm2d that finds num_features in its first input."""

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An InstanceNorm3d that finds num_features in its first input."""

    cls_to_become = InstanceNorm3d
