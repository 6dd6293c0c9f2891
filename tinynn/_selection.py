"""Which of equal elements are chosen, and in which order: as the algorithms do that torch's CPU code uses.

torch promises no order of ties, but has one: that of C++'s nth_element, partial_sort and sort (as in the GNU
library, after D. Musser, "Introspective sorting and selection algorithms", 1997), and of a quickselect of its
own. Elements are known by their places; `keys` has what they are compared by. Only rows with ties come here:
for all others every algorithm gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LARGEST = 1 << 13  # elements of an array whose ties are worth the time
Keys = list[int]
Places = list[int]


def kth(keys: Keys, k: int) -> int:
    """The place of the k-th smallest, from 0, by Hoare's quickselect with the median of three (kthvalue)."""
    a, low, high = [*range(len(keys))], 0, len(keys) - 1
    while high > low + 1:
        middle = low + (high - low) // 2
        a[middle], a[low + 1] = a[low + 1], a[middle]
        for i, j in ((low + 1, high), (low, high), (low + 1, low)):
            if keys[a[i]] > keys[a[j]]:
                a[i], a[j] = a[j], a[i]
        i, j, pivot = low + 1, high, keys[a[low]]
        while True:
            i, j = i + 1, j - 1
            while keys[a[i]] < pivot:
                i += 1
            while keys[a[j]] > pivot:
                j -= 1
            if j < i:
                break
            a[i], a[j] = a[j], a[i]
        a[low], a[j] = a[j], a[low]
        low, high = i if j <= k else low, j - 1 if j >= k else high
    if high == low + 1 and keys[a[low]] > keys[a[high]]:
        a[low], a[high] = a[high], a[low]
    return a[k]


def smallest(keys: Keys, k: int) -> Places:
    """The places of the k smallest, in order (topk): by a heap if they are few, or nth_element and sort."""
    a = [*range(len(keys))]
    if k * 64 <= len(a):
        _heap_select(a, keys, k, 0, len(a))
        _sort_heap(a, keys, k)
        return a[:k]
    _nth_element(a, keys, k - 1)
    return _sorted(a[: k - 1], keys) + a[k - 1 : k]


def in_order(keys: Keys) -> Places:
    """The places of all, in order (sort and mode)."""
    return _sorted([*range(len(keys))], keys)


def _sorted(a: Places, keys: Keys) -> Places:
    """`sort`: quicksort down to parts of 16, then an insertion sort, which keeps the order of equals."""
    parts = [(0, len(a), _depth(len(a)))]
    while parts:
        first, last, depth = parts.pop()
        while last - first > 16:
            if not depth:
                part = a[first:last]
                _heap_select(part, keys, len(part), 0, len(part))
                _sort_heap(part, keys, len(part))
                a[first:last] = part
                break
            depth -= 1
            cut = _partition(a, keys, first, last)
            parts.append((cut, last, depth))
            last = cut
    return sorted(a, key=keys.__getitem__)


def _nth_element(a: Places, keys: Keys, nth: int) -> None:
    """What belongs at nth goes there, what is smaller before it."""
    first, last, depth = 0, len(a), _depth(len(a))
    while last - first > 3:
        if not depth:
            _heap_select(a, keys, nth + 1 - first, first, last)
            a[first], a[nth] = a[nth], a[first]
            return
        depth -= 1
        cut = _partition(a, keys, first, last)
        first, last = (cut, last) if cut <= nth else (first, cut)
    a[first:last] = sorted(a[first:last], key=keys.__getitem__)


def _depth(n: int) -> int:
    return 2 * (n.bit_length() - 1)


def _partition(a: Places, keys: Keys, first: int, last: int) -> int:
    """What is before the returned position is at most the median of three, what is behind at least that."""
    middle = first + (last - first) // 2
    median = _median(a, keys, first + 1, middle, last - 1)
    a[first], a[median] = a[median], a[first]
    pivot, i, j = keys[a[first]], first + 1, last
    while True:
        while keys[a[i]] < pivot:
            i += 1
        j -= 1
        while pivot < keys[a[j]]:
            j -= 1
        if i >= j:
            return i
        a[i], a[j] = a[j], a[i]
        i += 1


def _median(a: Places, keys: Keys, i: int, j: int, k: int) -> int:
    """Of three positions that of the median."""
    x, y, z = keys[a[i]], keys[a[j]], keys[a[k]]
    if x < y:
        return j if y < z else k if x < z else i
    return i if x < z else k if y < z else j


# --- a heap: each parent is at least as large as its children


def _heap_select(a: Places, keys: Keys, k: int, first: int, last: int) -> None:
    """The k smallest of a[first:last] become a heap at its beginning."""
    heap = a[first : first + k]
    for parent in range((k - 2) // 2, -1, -1):
        _sift(heap, keys, parent, k, heap[parent])
    for i in range(first + k, last):
        if keys[a[i]] < keys[heap[0]]:
            place, a[i] = a[i], heap[0]
            _sift(heap, keys, 0, k, place)
    a[first : first + k] = heap


def _sort_heap(heap: Places, keys: Keys, k: int) -> None:
    """The heap heap[:k] in rising order."""
    for end in range(k - 1, 0, -1):
        place, heap[end] = heap[end], heap[0]
        _sift(heap, keys, 0, end, place)


def _sift(heap: Places, keys: Keys, hole: int, size: int, place: int) -> None:
    """The hole goes down to a leaf, the larger child going up each time; then `place` goes up from there."""
    top = child = hole
    while child < (size - 1) // 2:
        child = 2 * (child + 1)
        if keys[heap[child]] < keys[heap[child - 1]]:
            child -= 1
        heap[hole], hole = heap[child], child
    if size % 2 == 0 and child == (size - 2) // 2:
        child = 2 * child + 1
        heap[hole], hole = heap[child], child
    while hole > top and keys[heap[(hole - 1) // 2]] < keys[place]:
        heap[hole], hole = heap[(hole - 1) // 2], (hole - 1) // 2
    heap[hole] = place


# --- arrays, along one axis


def settled(
    x: np.ndarray, order: np.ndarray, axis: int, choose: Callable[[Keys], Any], rank: slice
) -> np.ndarray:
    """order[rank] along the axis, where `order` sorts x; in rows with ties there, what `choose` says.

    `choose` is given the keys of a row, which rise as `order` does, and returns what belongs at `rank`. It
    takes some microseconds an element: in an array of more than LARGEST elements the first stay first.
    """
    if x.size > LARGEST:
        return order[(slice(None),) * axis + (rank,)]
    rows, places = (np.moveaxis(array, axis, -1) for array in (x, order))
    values = np.take_along_axis(rows, places, -1)
    before, after = values[..., :-1], values[..., 1:]
    new = (before != after) & ((before == before) | (after == after))  # nan equals nan here
    chosen = np.array(places[..., rank])
    tied = ~new[..., max(rank.start - 1, 0) : rank.stop]
    for row in map(tuple, np.argwhere(tied.any(-1))):
        keys = np.empty(rows.shape[-1], np.int64)
        keys[places[row]] = np.append(0, np.cumsum(new[row]))
        chosen[row] = choose(keys.tolist())
    return np.moveaxis(chosen, -1, axis)
