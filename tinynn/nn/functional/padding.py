"""Padding: tensors made longer at their ends."""

from __future__ import annotations

from collections.abc import Sequence

from tinynn import ops
from tinynn.nn.functional.checks import need_tensor, whole_numbers
from tinynn.tensor import Tensor


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """x made longer (or, by negative widths, shorter) at the ends of its last dimensions.

    `pad` holds (before, after) of the last dimension, then of the one before it, and so on. What is added is
    `value` (0 if None), or, in the other modes, x itself: "reflect" mirrors it in its last value, "replicate"
    repeats that value, "circular" starts again at the other end.
    """
    need_tensor("pad", input)
    if not isinstance(pad, tuple | list):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    widths = whole_numbers("pad", pad, 1, "pad", 2)
    if len(widths) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(widths) > 2 * input.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(widths)} and input of dimension {input.ndim}"
        )
    pairs = tuple(zip(widths[-2::-2], widths[::-2], strict=True))  # by dimension, in the order of the shape
    if mode == "constant":
        _check_lengths(input, pairs)
        return ops.constant_pad(input, pairs, value or 0)
    if value:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    _check_border(input, pairs, mode)
    if mode == "circular":
        return _circular(input, pairs)
    _check_lengths(input, pairs)
    kind = "reflection" if mode == "reflect" else "replication"
    return getattr(ops, f"{kind}_pad{len(pairs)}d")(input, pairs, mode)


def _circular(input: Tensor, pairs: tuple) -> Tensor:
    """What negative widths take away does not come back at the other end."""
    cuts = tuple((min(before, 0), min(after, 0)) for before, after in pairs)
    if any(before or after for before, after in cuts):
        input = ops.constant_pad(input, cuts, 0)
    widths = tuple((max(before, 0), max(after, 0)) for before, after in pairs)
    return ops.border_pad(input, widths, "circular")


# --- torch's errors


def _check_lengths(input: Tensor, pairs: tuple) -> None:
    for n, (before, after) in zip(input.shape[input.ndim - len(pairs) :], pairs, strict=True):
        if n + before + after < 0:
            raise RuntimeError(
                "narrow(): length must be non-negative.\n"
                f"A dimension of size {n} cannot lose {-before - after} values."
            )


def _check_border(input: Tensor, pairs: tuple, mode: str) -> None:
    """Can x be continued by its own values?"""
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    n = len(pairs)
    if not n or input.ndim not in (n + 1, n + 2):
        raise NotImplementedError(f"Padding size {2 * n} is not supported for {input.ndim}D input tensor.")
    size = input.shape[input.ndim - n :]
    if mode == "circular":
        for length, (before, after) in zip(size, pairs, strict=True):
            if max(before, after) > length:
                raise RuntimeError("Padding value causes wrapping around more than once.")
            if length + before + after < 0:
                raise RuntimeError("Negative padding value is resulting in an empty dimension")
        return
    if 0 in input.shape[input.ndim - n - 1 :]:
        raise RuntimeError(
            f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with possibly 0 batch size and other "
            f"non-zero dimensions for input, but got: {list(input.shape)}"
        )
    for back, (length, (before, after)) in enumerate(zip(reversed(size), reversed(pairs), strict=True), 1):
        if mode == "reflect" and max(before, after) >= length:
            raise RuntimeError(
                f"Argument #{2 * back + 2}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({before}, {after}) at dimension {input.ndim - back} of input "
                f"{list(input.shape)}"
            )
