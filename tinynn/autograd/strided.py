"""Where the elements of an array lie in memory, and what is cut out of another one's memory: `as_strided`.

The gradient of a view goes back to its source through memory laid out as theirs: each element of the gradient
is written to its place as the view has it, and read from there as the source has it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinynn.autograd.op import Op


class Place(NamedTuple):
    """Where a view and its source lie; counted in elements, from the first one of the source."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    source_shape: tuple[int, ...]
    source_strides: tuple[int, ...]


def place_in(source: np.ndarray, view: np.ndarray) -> Place:
    """Where `view` lies in `source`, whose memory it shares."""
    strides = tuple(stride // view.itemsize for stride in view.strides)
    offset = (address(view) - address(source)) // view.itemsize if view.size else 0
    return place_of(source, view.shape, strides, offset)


def place_of(source: np.ndarray, shape: tuple, strides: tuple, offset: int) -> Place:
    own = tuple(stride // source.itemsize for stride in source.strides)
    return Place(shape, strides, offset, source.shape, own)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def overlapping(shape: tuple, strides: tuple) -> bool:
    """Whether two elements may share a place in memory."""
    reach = 0
    for stride, n in sorted(zip(strides, shape, strict=True)):
        if n > 1 and stride <= reach:
            return True
        reach += stride * (n - 1)
    return False


class _Memory:
    """What NumPy makes an array around, that keeps the array alive whose memory it is."""

    def __init__(self, interface: dict, owner: np.ndarray):
        self.__array_interface__, self.owner = interface, owner


def cut_out(x: np.ndarray, shape: tuple, strides: tuple, offset: int) -> np.ndarray:
    """A view of x's memory, `offset` elements after its first one."""
    layout = {
        "shape": shape,
        "strides": tuple(stride * x.itemsize for stride in strides),
        "data": (address(x) + offset * x.itemsize, False),
    }
    return np.asarray(_Memory({**x.__array_interface__, **layout}, x))


def _view(x: np.ndarray, place: Place) -> np.ndarray:
    return cut_out(x, place.shape, place.strides, place.offset)


def reach(shape: tuple, strides: tuple) -> int:
    """How many elements lie between the first and the last one in memory, the last one included."""
    return 1 + sum(stride * (n - 1) for stride, n in zip(strides, shape, strict=True)) if all(shape) else 0


def laid_out(place: Place, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """New memory of zeros, as the source and as the view."""
    before = max(0, -place.offset)
    end = max(
        reach(place.source_shape, place.source_strides), place.offset + reach(place.shape, place.strides)
    )
    memory = np.zeros(before + end, dtype)
    source = cut_out(memory, place.source_shape, place.source_strides, before)
    return source, cut_out(memory, place.shape, place.strides, before + place.offset)


def _strided(x: np.ndarray, place: Place) -> np.ndarray:
    if overlapping(place.source_shape, place.source_strides):
        return _through_memory(x, place, back=False)
    source, view = laid_out(place, x.dtype)
    source[...] = x
    return view.copy()


def _strided_back(g: np.ndarray, place: Place) -> np.ndarray:
    if overlapping(place.source_shape, place.source_strides) or overlapping(place.shape, place.strides):
        return _through_memory(g, place, back=True)
    source, view = laid_out(place, g.dtype)
    view[...] = g
    return source


def _outside(g: np.ndarray, place: Place) -> np.ndarray:
    """g for the source, with zeros where the view lies."""
    source, view = laid_out(place, np.dtype(bool))
    view[...] = True
    return np.where(source, g.dtype.type(0), g)


def _through_memory(x: np.ndarray, place: Place, back: bool) -> np.ndarray:
    """Add x up in memory as the source (back: the view) lies there; read it as the other one does.

    Where elements of the source share a place, each has its part of the value there.
    """
    source, view = _elements(*place[3:]), _elements(*place[:3])
    if not view.size or not source.size:
        return np.zeros(place.source_shape if back else place.shape, x.dtype)
    lowest = min(source.min(), view.min())
    source, view = source - lowest, view - lowest
    memory = np.zeros(max(source.max(), view.max()) + 1, x.dtype)
    np.add.at(memory, view if back else source, x)
    if overlapping(*place[3:]):
        np.divide(memory, np.maximum(np.bincount(source.ravel(), minlength=memory.size), 1), out=memory)
    return memory[source if back else view]


def _elements(shape: tuple, strides: tuple, offset: int = 0) -> np.ndarray:
    """For each element its place in memory."""
    places = np.array(offset)
    for n, stride in zip(shape, strides, strict=True):
        places = places[..., None] + np.arange(n) * stride
    return places


AS_STRIDED = "AsStridedBackward0"
# fmt: off
as_strided: Op   = Op(_view,         lambda g, place: strided_back(g, place), view=True, name=AS_STRIDED)
strided: Op      = Op(_strided,      lambda g, place: strided_back(g, place), name=AS_STRIDED)
strided_back: Op = Op(_strided_back, lambda g, place: strided(g, place), name="AsStridedBackwardBackward0")
outside: Op      = Op(_outside,      lambda g, place: outside(g, place),      name="WhereBackward0")
# fmt: on
