"""Layers that shift and scale what flows through them to mean 0 and variance 1.

BatchNorm and InstanceNorm (1d, 2d, 3d), GroupNorm, LayerNorm; RMSNorm and LocalResponseNorm only scale.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tinynn.creation import empty, ones, tensor, zeros
from tinynn.dtypes import int64
from tinynn.nn import functional as F
from tinynn.nn import init
from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter
from tinynn.tensor import Tensor


def _reset(layer: Module) -> None:
    if layer.weight is not None:
        init.ones_(layer.weight)
    if layer.bias is not None:
        init.zeros_(layer.bias)


class _Norm(Module):
    """The settings, parameters and running statistics of BatchNorm and InstanceNorm."""

    dimensions: tuple[int, ...]  # how many dimensions the input may have

    _version = 2
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        options = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_features, **options)) if affine else None)
        self.register_parameter(
            "bias", Parameter(empty(num_features, **options)) if affine and bias else None
        )
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **options) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **options) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen."""
        for buffer, start in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                buffer.fill_(start)

    def reset_parameters(self) -> None:
        """Forget the batches seen; weights 1, biases 0."""
        self.reset_running_stats()
        _reset(self)

    def _check_dimensions(self, input: Tensor) -> None:
        if input.dim() not in self.dimensions:
            expected = " or ".join(f"{n}D" for n in self.dimensions)
            raise ValueError(f"expected {expected} input (got {input.dim()}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict, *rest: Any) -> None:
        if local_metadata.get("version", 1) < 2 and self.num_batches_tracked is not None:
            state_dict.setdefault(prefix + "num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_Norm):
    """(x - mean) / sqrt(var + eps) * weight + bias, for each of the features, dimension 1 of x.

    In training, mean and var are the batch's, and move the running ones by `momentum` (None: all batches
    count the same); in evaluation they are the running ones, if these are tracked. Ioffe and Szegedy, 2015.
    """

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        use_running = not self.training or self.track_running_stats
        running = (self.running_mean, self.running_var) if use_running else (None, None)
        use_batch = self.training or self.running_mean is None
        return F.batch_norm(input, *running, self.weight, self.bias, use_batch, factor, self.eps)


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of x (N, C) or (N, C, L)."""

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of x (N, C, H, W)."""

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of x (N, C, D, H, W)."""

    dimensions = (5,)


class _InstanceNorm(_Norm):
    """BatchNorm of each sample by itself. Ulyanov, Vedaldi and Lempitsky, 2016.

    In evaluation too, unless running statistics are tracked.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        self._check_features(input)
        batched = input.dim() == self.dimensions[-1]
        out = F.instance_norm(
            input if batched else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out if batched else out.squeeze(0)

    def _check_features(self, input: Tensor) -> None:
        dim = input.dim() - self.dimensions[0]
        found = input.shape[dim]
        if found == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: "
                f"{found}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. You can silence this warning by not "
            "passing in num_features, which is not used because affine=False",
            stacklevel=4,
        )


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of x (N, C, L) or (C, L)."""

    dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of x (N, C, H, W) or (C, H, W)."""

    dimensions = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of x (N, C, D, H, W) or (C, D, H, W)."""

    dimensions = (4, 5)


class GroupNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var over a group of channels of each sample.

    x (N, num_channels, ...). Wu and He, 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        options = {"device": device, "dtype": dtype}
        self.register_parameter("weight", Parameter(empty(num_channels, **options)) if affine else None)
        self.register_parameter(
            "bias", Parameter(empty(num_channels, **options)) if affine and bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights 1, biases 0."""
        _reset(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) * weight + bias, mean and var over the last dimensions, normalized_shape.

    Ba, Kiros and Hinton, 2016.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        options = {"device": device, "dtype": dtype}
        affine = elementwise_affine
        self.register_parameter(
            "weight", Parameter(empty(self.normalized_shape, **options)) if affine else None
        )
        self.register_parameter(
            "bias", Parameter(empty(self.normalized_shape, **options)) if affine and bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights 1, biases 0."""
        _reset(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) * weight, the mean over the last dimensions, normalized_shape.

    eps is that of the dtype if None. Zhang and Sennrich, 2019.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", weight if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """x / (k + alpha * mean(x^2))^beta, the mean over `size` neighbouring channels of x (N, C, ...).

    Krizhevsky, Sutskever and Hinton, 2012.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
