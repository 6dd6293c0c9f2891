"""The .safetensors format, by way of the package of that name: a dict from names to tensors, no more."""

from __future__ import annotations

import itertools
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinynn.autograd.variable import Variable
from tinynn.serialization.locations import check_location
from tinynn.serialization.source import LoadError
from tinynn.tensor import Tensor

_DTYPES = {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"}


def save_safetensors(tensors: Any, file: Any) -> None:
    """Write a dict of tensors. Raises what safetensors.torch raises (ValueError, RuntimeError) for others."""
    package = _package("save")
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or not isinstance(name, str):
            raise ValueError(
                f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}\n"
                "What is more than names and tensors can be saved as a .pth file."
            )
        if not tensor.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either "
                "means you are trying to save tensors which are reference of each other in which case it's "
                "recommended to save only the full tensors, and reslice at load time, or simply call "
                "`.contiguous()` on your tensor to pack it before saving."
            )
    arrays = {name: tensor.row_major() for name, tensor in tensors.items()}
    _refuse_shared(arrays)
    file.write(package.numpy.save(arrays))


def _refuse_shared(arrays: dict[str, np.ndarray]) -> None:
    in_memory = sorted((*byte_bounds(array), name) for name, array in arrays.items() if array.size)
    for (_, end, name), (start, _, other) in itertools.pairwise(in_memory):
        if start < end:
            raise RuntimeError(
                "Some tensors share memory, this will lead to duplicate memory on disk and potential "
                f"differences when loading them again: {[name, other]}.\n"
                "Save clone() of one of them, or a .pth file, which keeps what they share."
            )


def load_safetensors(path: str, map_location: Any) -> dict[str, Tensor]:
    """The dict of tensors in a file. Raises LoadError if it is damaged or has a dtype that tinynn has not."""
    package = _package("load")
    if isinstance(map_location, dict) or callable(map_location):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(
            f"Loading safetensors file with {kind} map_location is not supported. "
            "Use a device string or torch.device instead."
        )
    check_location("cpu" if map_location is None else str(map_location))
    try:
        with package.safe_open(path, framework="np") as file:
            return {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except package.SafetensorError as error:
        raise LoadError(f"{error}\nThe file is damaged, or no safetensors file.") from error


def _tensor(file: Any, name: str) -> Tensor:
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _DTYPES:
        raise LoadError(
            f"Unsupported dtype: the tensor {name!r} is {dtype}, which tinynn does not have.\n"
            "In PyTorch, convert the tensors before they are saved: "
            "{name: x.float() for name, x in state_dict.items()}."
        )
    return Variable.wrap(file.get_tensor(name))


def _package(verb: str) -> ModuleType:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise RuntimeError(
            f"Attempting to {verb} a safetensors file but safetensors is not installed. "
            "Please install safetensors with: pip install safetensors"
        ) from error
    return safetensors
