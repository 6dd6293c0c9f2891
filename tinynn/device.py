"""`device`: where a tensor lives. tinynn computes on the CPU; scripts that ask for it run unchanged."""

from __future__ import annotations

from typing import Any


class device:  # noqa: N801 - torch's name
    """A device by type and index, compared by value. Only "cpu" can hold tensors."""

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: Any, index: int | None = None):
        if isinstance(type, device):
            type, index = type.type, type.index
        name, _, number = str(type).partition(":")
        if name not in ("cpu", "cuda", "mps", "xpu", "meta"):
            raise RuntimeError(
                f"Expected one of cpu, cuda, mps, xpu, meta device type at start of device string: {name}"
            )
        self.type = name
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")


cpu = device("cpu")


def check_device(wanted: Any) -> None:
    """Raise unless `wanted` is None or the CPU."""
    if wanted is not None and device(wanted).type != "cpu":
        raise AssertionError(
            f"Torch not compiled with {device(wanted).type.upper()} enabled\ntinynn computes on the CPU only."
        )
