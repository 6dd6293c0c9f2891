"""The layer that attends in several heads at once: MultiheadAttention. Vaswani et al., 2017, section 3.2.2.

And, for scripts that choose one of torch's kernels, `SDPBackend` and `sdpa_kernel`: here there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from tinynn.creation import empty
from tinynn.nn import functional as F
from tinynn.nn import init
from tinynn.nn.linear import Linear
from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter
from tinynn.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that torch prints for the last layer of MultiheadAttention."""


class MultiheadAttention(Module):
    """Concat(head_1, ..., head_h) W^O, with head_i = softmax(Q W_i^Q (K W_i^K)^T / sqrt(d)) V W_i^V.

    Queries have embed_dim features, keys kdim and values vdim (embed_dim unless given). They are shaped
    (L, N, features), or (N, L, features) if batch_first, or (L, features) for one sample. `dropout` is the
    probability with which a weight of the attention is dropped in training. For the other settings see
    `nn.functional.multi_head_attention_forward`.
    """

    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        options = {"device": device, "dtype": dtype}

        def parameter(*shape: int) -> Parameter:
            return Parameter(empty(shape, **options))

        separate = not self._qkv_same_embed_dim
        self.register_parameter("in_proj_weight", None if separate else parameter(3 * embed_dim, embed_dim))
        self.register_parameter("q_proj_weight", parameter(embed_dim, embed_dim) if separate else None)
        self.register_parameter("k_proj_weight", parameter(embed_dim, self.kdim) if separate else None)
        self.register_parameter("v_proj_weight", parameter(embed_dim, self.vdim) if separate else None)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **options)
        self.bias_k = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections' weights, and the added key and value, by Glorot; set biases to 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            for bias in (self.in_proj_bias, self.out_proj.bias):
                init.zeros_(bias)  # type: ignore[arg-type]  # out_proj has one if the projections have
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """What the queries get; and, if need_weights, how much each looked at each key (None if not)."""
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = _swapped(query, key, value)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return output.transpose(0, 1) if swap else output, weights


def _swapped(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The first two dimensions exchanged; what was one tensor stays one."""
    q = query.transpose(0, 1)
    k = q if key is query else key.transpose(0, 1)
    v = q if value is query else k if value is key else value.transpose(0, 1)
    return q, k, v


class SDPBackend(Enum):
    """torch's ways to compute scaled_dot_product_attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator[dict]:
    """Accepted, without effect: attention is computed in one way, which gives what each of torch's does."""
    if not isinstance(backends, SDPBackend | list):
        kind = type(backends).__name__
        raise AssertionError(
            f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {kind}"
        )
    yield {}
