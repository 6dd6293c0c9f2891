"""Attention: a query is compared with all keys, and gets their values, weighted by how well the keys fit.

    Attention(Q, K, V) = softmax(Q K^T / sqrt(d_k)) V
    MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W^O,   head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V)

A. Vaswani et al., "Attention is all you need", 2017, equation 1 and section 3.2.2. Shapes: L queries, S keys
and values, N samples, H heads, E features.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from tinynn import ops
from tinynn.autograd.op import Op
from tinynn.autograd.variable import Variable
from tinynn.creation import zeros
from tinynn.dtypes import dtype as Dtype
from tinynn.functions import cat
from tinynn.nn.functional.affine import linear
from tinynn.nn.functional.checks import need_tensor
from tinynn.nn.functional.dropouts import dropout
from tinynn.nn.functional.padding import pad
from tinynn.size import c_name
from tinynn.tensor import Tensor


def _attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout_p: float, scale: float, softmax: Op
) -> tuple[Tensor, Tensor]:
    """softmax(q k^T scale + mask) v, and the weights that multiply v. q (..., L, E), k and v (..., S, E)."""
    scores = (q * scale) @ k.transpose(-2, -1)  # (..., L, S)
    if mask is not None:
        scores = scores + mask
    weights = softmax(scores, scores.ndim - 1)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return weights @ v, weights


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(Q K^T scale + mask) V, for Q (..., L, E), K (..., S, E) and V (..., S, Ev): (..., L, Ev).

    attn_mask, broadcastable to (..., L, S), is added; or, if it is bool, True means "may look at". is_causal:
    query i may look at keys 0 to i. A query that may look at nothing gets zeros. scale is 1 / sqrt(E) unless
    given. dropout_p > 0 drops weights, in evaluation too. enable_gqa: a head of K and V serves several of Q.
    """
    _check_operands(query, key, value, attn_mask, dropout_p)
    if enable_gqa:
        key, value = _shared_heads(query, key, value)
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
        )
    if is_causal:
        attn_mask = _causal_mask(query.shape[-2], key.shape[-2], query.dtype)
    elif attn_mask is not None and attn_mask._array.dtype.kind == "b":
        attn_mask = _minus_infinity(~attn_mask._array, query.dtype)
    scale = _default_scale(query) if scale is None else scale
    return _attention(query, key, value, attn_mask, dropout_p, scale, ops.safe_softmax)[0]


def _default_scale(query: Tensor) -> float:
    """1 / sqrt(d_k): the dot product of d_k random numbers grows with sqrt(d_k)."""
    return 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else math.inf


def _minus_infinity(hidden: np.ndarray, dtype: Dtype) -> Tensor:
    """-inf, which has the weight 0, where nothing may look; else 0."""
    return Variable.wrap(np.where(hidden, -math.inf, 0).astype(dtype.numpy))


def _causal_mask(queries: int, keys: int, dtype: Dtype) -> Tensor:
    """Key j is hidden from query i if it comes later: j > i."""
    return _minus_infinity(~np.tri(queries, keys, dtype=bool), dtype)


def _shared_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Repeat the heads of key and value, so that there are as many as of query. Ainslie et al., 2023."""
    if query.ndim < 3:
        raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got -3)")
    heads = query.shape[-3]
    if heads % key.shape[-3] or heads % value.shape[-3]:
        raise RuntimeError(
            "Number of heads in key and value must divide the number of heads in \n"
            f"query: {key.shape[-3]} and {value.shape[-3]}, and {heads}."
        )
    return tuple(x.repeat_interleave(heads // x.shape[-3], -3) for x in (key, value))  # type: ignore[return-value]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in H heads side by side: (L, N, E) and, if need_weights, the weights: (N, L, S), their mean
    over the heads, or (N, H, L, S).

    query (L, N, E), key and value (S, N, ...); all without N for one sample. The weights of the projections
    W^Q, W^K, W^V lie one below the other in in_proj_weight (3E, E), or use_separate_proj_weight. attn_mask
    (L, S) or (N * H, L, S) and key_padding_mask (N, S) are added to the scores; True means "may not look at".
    is_causal says that attn_mask is causal. bias_k and bias_v are one more key and value, add_zero_attn
    appends one of zeros. static_k and static_v (N * H, S, E / H) stand in for the projected ones.
    """
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, samples, _ = query.shape
    padding = additive_mask("key_padding_mask", key_padding_mask, query.dtype, "attn_mask", attn_mask)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    causal = is_causal and padding is None and not need_weights  # then torch does not look at the mask
    mask = None if causal else additive_mask("attn_mask", attn_mask, query.dtype)
    _check_features(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _projected_separately(query, key, value, weights, in_proj_bias)
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    _check_mask(mask, (length, key.shape[0]), samples * num_heads)
    k, v = _with_biases(k, v, bias_k, bias_v, static_k, static_v)
    q = _heads(q, num_heads)  # (N, H, L, E / H)
    k, v = _static("k", static_k, k, q), _static("v", static_v, v, q)
    if add_zero_attn:
        k, v = (cat([x, zeros(*x.shape[:2], 1, x.shape[3], dtype=x.dtype)], 2) for x in (k, v))
    if causal:
        mask = _causal_mask(length, k.shape[2], q.dtype)
    else:
        mask = _merged(mask, padding, int(bias_k is not None) + int(add_zero_attn), k)
    # Where nothing may be looked at, torch gives nan if it returns the weights, else 0.
    softmax = ops.softmax if need_weights else ops.safe_softmax
    heads, looks = _attention(q, k, v, mask, dropout_p if training else 0.0, _default_scale(q), softmax)
    output = linear(_joined(heads), out_proj_weight, out_proj_bias)
    if need_weights and average_attn_weights:
        looks = looks.mean(1)
    if not batched:
        output, looks = output.squeeze(1), looks.squeeze(0)
    return output, looks if need_weights else None


def _heads(x: Tensor, num_heads: int) -> Tensor:
    """(L, N, E) to (N, H, L, E / H)."""
    return x.view(*x.shape[:2], num_heads, x.shape[2] // num_heads).permute(1, 2, 0, 3)


def _joined(heads: Tensor) -> Tensor:
    """(N, H, L, E / H) to (L, N, E)."""
    return heads.permute(2, 0, 1, 3).flatten(2)


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Q W^Q, K W^K, V W^V, with the weights in one matrix: in self-attention, one product."""
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return tuple(map(linear, (query, key, value), weight.chunk(3), biases))  # type: ignore[return-value]


def _projected_separately(
    query: Tensor, key: Tensor, value: Tensor, weights: tuple, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Q W^Q, K W^K, V W^V, with a matrix for each; keys and values may have other features."""
    biases = (None, None, None) if bias is None else bias.chunk(3)
    features = query.shape[-1]
    for name, weight in zip("qkv", weights, strict=True):
        if weight is None:
            raise AssertionError(f"use_separate_proj_weight is True but {name}_proj_weight is None")
    names = ("query", "key", "value")
    for name, x, weight in zip(names, (query, key, value), weights, strict=True):
        expected = (features, x.shape[-1])
        if weight.shape != expected:
            raise AssertionError(f"expecting {name} weights shape of {expected}, but got {weight.shape}")
    for name, b in zip(names, biases, strict=True):
        if b is not None and b.shape != (features,):
            raise AssertionError(f"expecting {name} bias shape of {(features,)}, but got {b.shape}")
    return tuple(map(linear, (query, key, value), weights, biases))  # type: ignore[return-value]


def _with_biases(
    k: Tensor,
    v: Tensor,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    static_k: Tensor | None,
    static_v: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """One more key and value, the same for all samples."""
    if bias_k is None and bias_v is None:
        return k, v
    if bias_v is None:
        raise AssertionError("bias_k is set but bias_v is None")
    if bias_k is None:
        raise AssertionError("bias_v is set but bias_k is None")
    if static_k is not None:
        raise AssertionError("bias cannot be added to static key.")
    if static_v is not None:
        raise AssertionError("bias cannot be added to static value.")
    samples = k.shape[1]
    return cat([k, bias_k.repeat(1, samples, 1)]), cat([v, bias_v.repeat(1, samples, 1)])


def _static(name: str, given: Tensor | None, projected: Tensor, q: Tensor) -> Tensor:
    """The heads of keys or values: those given, else of the projected ones."""
    samples, heads, _, features = q.shape
    if given is None:
        return _heads(projected, heads)
    if given.shape[0] != samples * heads:
        raise AssertionError(
            f"expecting static_{name}.size(0) of {samples * heads}, but got {given.shape[0]}"
        )
    if given.shape[2] != features:
        raise AssertionError(f"expecting static_{name}.size(2) of {features}, but got {given.shape[2]}")
    return given.reshape(samples, heads, -1, features)


# --- masks: added to scores; -inf hides a key


def additive_mask(
    name: str, mask: Tensor | None, dtype: Dtype, other_name: str = "", other: Tensor | None = None
) -> Tensor | None:
    """The mask in floats: a bool one is -inf where it is True. Warns if `other` has another dtype."""
    if mask is None:
        return None
    kind = mask._array.dtype.kind
    if kind not in "bf":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    return mask if kind == "f" else _minus_infinity(mask._array, dtype)


def _merged(mask: Tensor | None, padding: Tensor | None, added: int, k: Tensor) -> Tensor | None:
    """The sum of mask (L, S) or (N * H, L, S) and padding (N, S); nothing hides the `added` keys."""
    samples, heads, keys, _ = k.shape
    if mask is not None:
        mask = pad(mask, (0, added)) if added else mask
        mask = mask.reshape(samples, heads, *mask.shape[1:]) if mask.ndim == 3 else mask
    if padding is None:
        return mask
    padding = pad(padding, (0, added)) if added else padding
    for dim, expected in enumerate((samples, keys)):
        if padding.shape[dim] != expected:
            raise AssertionError(
                f"Expected key_padded_mask.shape[{dim}] to be {expected}, but got {padding.shape[dim]}"
            )
    padding = padding.reshape(samples, 1, 1, keys)
    return padding if mask is None else mask + padding


# --- torch's errors


def _check_operands(query: Any, key: Any, value: Any, attn_mask: Any, dropout_p: float) -> None:
    function = "scaled_dot_product_attention"
    for position, (name, x) in enumerate({"query": query, "key": key, "value": value}.items(), 1):
        need_tensor(function, x, name, position)
    if attn_mask is not None:
        need_tensor(function, attn_mask, "attn_mask", 4)
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.ndim} key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    dtypes = [x._array.dtype for x in (query, key, value)]
    if len({*dtypes}) > 1:
        q, k, v = map(c_name, dtypes)
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{q} key.dtype: {k} and value.dtype: {v} instead."
        )
    if attn_mask is not None and attn_mask._array.dtype not in (bool, np.float32, dtypes[0]):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{c_name(attn_mask._array.dtype)} and  query.dtype: {c_name(dtypes[0])} instead."
        )
    if dropout_p > 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p:g}")


def _is_batched(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether there is a dimension of samples; what does not go with that is refused."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    n = query.dim()
    what = f"For {'batched' if n == 3 else 'unbatched'} ({n}-D) `query`, expected"
    if key.dim() != n or value.dim() != n:
        raise AssertionError(
            f"{what} `key` and `value` to be {n}-D but found {key.dim()}-D and {value.dim()}-D tensors "
            "respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != n - 1:
        raise AssertionError(
            f"{what} `key_padding_mask` to be `None` or {n - 1}-D but found {key_padding_mask.dim()}-D "
            "tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"{what} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None and n == 2 and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if attn_mask.shape != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return n == 3


def _check_features(
    query: Tensor, key: Tensor, value: Tensor, expected: int, num_heads: int, separately: bool
) -> None:
    features = query.shape[2]
    if features != expected:
        raise AssertionError(f"was expecting embedding dimension of {expected}, but got {features}")
    if features % num_heads:
        raise AssertionError(f"embed_dim {features} not divisible by num_heads {num_heads}")
    if separately and key.shape[:2] != value.shape[:2]:
        raise AssertionError(
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
        )
    if not separately and key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def _check_mask(mask: Tensor | None, shape: tuple[int, int], copies: int) -> None:
    if mask is None:
        return
    expected = shape if mask.dim() == 2 else (copies, *shape)
    if mask.shape != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )
