"""torch's CPU random numbers, bit for bit: after `manual_seed(0)` the same values come in the same order.

A `Generator` is an endless stream of 32-bit words, the Mersenne Twister MT19937 (Matsumoto and Nishimura,
1998). A draw takes the next words and makes numbers of them. Two programs stay in step only if each of their
draws takes equally many words:

    draw                    words per value
    uniform   (rand)        1; float64: 2
    random    (randint)     1; ranges of 2^28 and more, and all of int64 or float64: 2
    bernoulli (dropout)     2; with an array of float32 or float16 probabilities: 1
    normal    (randn)       under 16 values: 4 a pair, an odd one is kept; else as uniform, and 16 for a tail
    exponential             2
    randperm                1; the last value: 0
    multinomial             2 per sample with replacement; else 2 per category

Everything here works on ndarrays. Source of the rules: torch 2.13's kernels, on a CPU with AVX2.
"""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinynn import _random_checks as check
from tinynn._vector_math import fma, log, sincos
from tinynn.device import cpu
from tinynn.device import device as device_of

Array = np.ndarray
Shape = tuple[int, ...]

_DEFAULT_SEED = 67280421310721
_STATE_WORDS = 624
_FLOAT64 = np.dtype(np.float64)

# torch's generator state is the memory of a C struct of its first releases.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),  # draws from here to the one that renews the words
        ("seeded", "<i4"),
        ("next", "<u8"),  # index of the next word
        ("words", "<u8", _STATE_WORDS),
        ("unused", "<f8"),
        ("next_normal", "<f8"),
        ("unused_too", "<f8"),
        ("has_next_normal", "<i4"),
        ("padding", "V12"),
    ]
)


class Generator:
    """A stream of random words, and the draws that use it. Without `manual_seed`, torch's default seed."""

    def __init__(self, device: Any = "cpu"):
        if device_of(device or "cpu").type != "cpu":
            raise RuntimeError("Cannot access accelerator device when none is available.\nUse 'cpu'.")
        self.device = cpu
        self._initial_seed = _DEFAULT_SEED
        # Built by the first draw: it loads numpy.random, a sixth of what `import numpy` costs.
        self._twister: np.random.RandomState | None = None
        self._next_normal: float | None = None

    # --- the stream

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream of `seed`, in [-2^63, 2^64), of which the low 32 bits matter."""
        check.seed(seed)
        self._initial_seed = seed % 2**64
        self._next_normal = None
        if self._twister is not None:
            self._twister.seed(self._initial_seed % 2**32)
        return self

    def seed(self) -> int:
        """Start a stream nobody can predict; returns its seed."""
        return self.manual_seed(int.from_bytes(os.urandom(8), "little")).initial_seed()

    def initial_seed(self) -> int:
        """The seed this stream was started with."""
        return self._initial_seed

    def _stream(self) -> "np.random.RandomState":
        if self._twister is None:
            self._twister = np.random.RandomState(self._initial_seed % 2**32)
        return self._twister

    def random_raw(self, n: int) -> Array:
        """The next n words, uint32."""
        return self._stream().randint(0, 2**32, n, np.uint32)

    def _random_raw64(self, n: int) -> Array:
        """The next 2 n words as n uint64, the high half first."""
        return self._stream().randint(0, 2**64, n, np.uint64)

    def get_state(self) -> Array:
        """The 5056 bytes that torch's generator would return here, uint8."""
        twister = self._stream().get_state(legacy=False)["state"]
        words, index = twister["key"], twister["pos"]
        # Before its first draw torch counts from 0, after each 624th from 624; NumPy says 624 both times.
        # Words that start with the seed have not been renewed yet.
        unused = index == _STATE_WORDS and words[0] == self._initial_seed % 2**32
        state = np.zeros(1, _STATE)
        state["seed"], state["seeded"], state["words"] = self._initial_seed, 1, words
        state["next"] = 0 if unused else index
        state["left"] = _STATE_WORDS + 1 - index
        state["has_next_normal"] = self._next_normal is not None
        state["next_normal"] = self._next_normal or 0.0
        return state.view(np.uint8)

    def set_state(self, new_state: Any) -> None:
        """Continue from `new_state`: 5056 bytes, as an array of uint8, from `get_state` or from torch."""
        check.state_bytes(new_state, _STATE.itemsize)
        state = np.ascontiguousarray(new_state).reshape(-1).view(_STATE)[0]
        left, index = int(state["left"]), int(state["next"])
        if not (state["seeded"] and 0 < left <= _STATE_WORDS and index <= _STATE_WORDS):
            raise RuntimeError("Invalid mt19937 state\nPass a get_state().")
        words = state["words"].astype(np.uint32)
        index = index if left > 1 else _STATE_WORDS
        self._stream().set_state({"bit_generator": "MT19937", "state": {"key": words, "pos": index}})
        self._initial_seed = int(state["seed"])
        self._next_normal = float(state["next_normal"]) if state["has_next_normal"] else None

    def clone_state(self) -> "Generator":
        """Another generator that continues as this one does."""
        clone = Generator(self.device)
        clone.set_state(self.get_state())
        return clone

    # --- the draws

    def _unit(self, n: int, dtype: np.dtype) -> Array:
        """n values u in [0, 1). float64: the low 53 bits of two words / 2^53; else 24 of one / 2^24."""
        if dtype == _FLOAT64:
            return (self._random_raw64(n) & (2**53 - 1)) * 2.0**-53
        return (self.random_raw(n) & (2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)

    def uniform(self, shape: Shape, dtype: Any = np.float32, low: float = 0.0, high: float = 1.0) -> Array:
        """u (high - low) + low, rounded once; float16 through float32."""
        dtype = np.dtype(dtype)
        check.uniform(dtype, low, high)
        u = self._unit(math.prod(shape), dtype)
        first, last = u.dtype.type(low), u.dtype.type(high)
        values = fma(u, last - first, first).astype(dtype, copy=False)
        values[values == last.astype(dtype)] = first  # `high` is excluded, but rounding can reach it
        return values.reshape(shape)

    def random(
        self, shape: Shape, dtype: Any = np.int64, low: int | None = None, high: int | None = None
    ) -> Array:
        """Integers: word % (high - low) + low, with a word of 64 bits for ranges of 2^28 and more.

        Without `high` the range ends with the last integer up to which the dtype holds them all. Without
        `low` either, it starts at 0, and 64 bits are for int64 and float64 only.
        """
        dtype, n = np.dtype(dtype), math.prod(shape)
        if low is None:
            words = self._random_raw64(n) if dtype in (np.int64, np.float64) else self.random_raw(n)
            return (words % (check.LARGEST_INTEGER[dtype] + 1)).astype(dtype).reshape(shape)
        if low == check.INT64_MIN and high is None:
            check.whole_range(dtype)
            return self._random_raw64(n).view(np.int64).astype(dtype).reshape(shape)
        low, high = check.integer_range(dtype, low, high)
        if high - low < 2**28:
            values = (self.random_raw(n) % (high - low)).astype(np.int64)
        else:
            values = (self._random_raw64(n) % (high - low)).view(np.int64)
        values += low  # `values` may have wrapped around; this wraps back
        return values.astype(dtype, copy=False).reshape(shape)

    def randint(self, low: int, high: int, shape: Shape, dtype: Any = np.int64) -> Array:
        """Integers in [low, high)."""
        return self.random(shape, dtype, low, high)

    def bernoulli(self, shape: Shape, p: float | Array, dtype: Any = np.float32) -> Array:
        """1 where u < p, else 0. u has 53 bits if p is a number or a float64 array, whatever `dtype` is.

        Dropout keeps `bernoulli(x.shape, 1 - p)`; it draws nothing when p is 0 or 1.
        """
        if isinstance(p, Array):
            check.probabilities(p)
        else:
            check.probability(p)
        u = self._unit(math.prod(shape), p.dtype if isinstance(p, Array) else _FLOAT64)
        return np.asarray(u.reshape(shape) < p, dtype)

    def normal(self, shape: Shape, dtype: Any = np.float32, mean: float = 0.0, std: float = 1.0) -> Array:
        """z std + mean, rounded once; z is standard normal by the transform of Box and Muller (1958)."""
        dtype, n = np.dtype(dtype), math.prod(shape)
        check.normal(dtype, n, std)
        z = self._many_normals(n, dtype) if n >= 16 else np.array(self._few_normals(n), _FLOAT64)
        with np.errstate(over="ignore", invalid="ignore"):
            values = fma(z, z.dtype.type(std), z.dtype.type(mean))
        return _narrow(values, dtype).reshape(shape)

    def _few_normals(self, n: int) -> list[float]:
        """Pairs r cos(2 pi u1), r sin(2 pi u1) with r = sqrt(-2 log(1 - u2)), in float64 whatever the dtype.

        A second one that is left over is the first of the next call, unless that wants none, or 16 and more.
        """
        values: list[float] = []
        if self._next_normal is not None:
            values, self._next_normal = [self._next_normal], None
        pairs = (n - len(values) + 1) // 2
        for u1, u2 in self._unit(2 * pairs, _FLOAT64).reshape(pairs, 2).tolist():
            r, theta = math.sqrt(-2.0 * math.log1p(-u2)), 2.0 * math.pi * u1
            values += [r * math.cos(theta), r * math.sin(theta)]
        if len(values) > n:
            self._next_normal = values.pop()
        return values

    def _many_normals(self, n: int, dtype: np.dtype) -> Array:
        """Blocks of 16 from 16 uniforms each; if n is no multiple of 16, the last 16 values are drawn anew.

        The uniforms of the unfinished block are drawn and not used; for float16 they are not even drawn.
        """
        whole = n - n % 16
        u = self._unit(whole if dtype == np.float16 else n, dtype)[:whole]
        if whole == n:
            return _box_muller(u)
        z = _box_muller(np.concatenate([u, self._unit(16, dtype)]))
        return np.concatenate([z[: n - 16], z[whole:]])

    def exponential(self, shape: Shape, dtype: Any = np.float32, lambd: float = 1.0) -> Array:
        """-1 / lambd * log(1 - u), in float64 whatever the dtype."""
        dtype, n = np.dtype(dtype), math.prod(shape)
        check.exponential(dtype, n, lambd)
        u = self._unit(n, _FLOAT64)
        return _narrow(-1.0 / lambd * _by_libm(math.log1p, -u), dtype).reshape(shape)

    def cauchy(self, shape: Shape, dtype: Any = np.float32, median: float = 0.0, sigma: float = 1.0) -> Array:
        """median + sigma tan(pi (u - 1/2)), in float64 whatever the dtype."""
        dtype, n = np.dtype(dtype), math.prod(shape)
        check.cauchy(dtype, sigma)
        u = self._unit(n, _FLOAT64)
        return _narrow(median + sigma * _by_libm(math.tan, math.pi * (u - 0.5)), dtype).reshape(shape)

    def geometric(self, shape: Shape, dtype: Any = np.float32, p: float = 0.5) -> Array:
        """The trials to a first success, each with probability p: log u / log(1 - p), rounded up."""
        dtype, n = np.dtype(dtype), math.prod(shape)
        check.geometric(dtype, p)
        trials = np.ceil(_by_libm(math.log, self._unit(n, _FLOAT64)) / math.log1p(-p))
        return _narrow(trials if dtype.kind == "f" else trials.astype(np.int64), dtype).reshape(shape)

    def log_normal(self, shape: Shape, dtype: Any = np.float32, mean: float = 1.0, std: float = 2.0) -> Array:
        """e^(z std + mean), where z is drawn as few normals are, however many there are."""
        dtype, n = np.dtype(dtype), math.prod(shape)
        check.log_normal(dtype, std)
        z = np.array(self._few_normals(n), _FLOAT64)
        return _narrow(_by_libm(math.exp, fma(z, _FLOAT64.type(std), _FLOAT64.type(mean))), dtype).reshape(
            shape
        )

    def randperm(self, n: int, dtype: Any = np.int64) -> Array:
        """0 .. n-1 shuffled as Fisher and Yates do: for i < n-1, swap places i and i + word % (n - i)."""
        dtype = np.dtype(dtype)
        check.randperm(dtype, n)
        places = np.arange(max(n - 1, 0))
        partners = places + self.random_raw(len(places)) % (n - places)
        order = list(range(n))
        for i, j in enumerate(partners.tolist()):
            order[i], order[j] = order[j], order[i]
        return np.array(order, dtype)

    def multinomial(self, p: Array, num_samples: int, replacement: bool = False) -> Array:
        """Weights p (rows, categories) to indices (rows, num_samples), or one row to one row.

        With replacement: the first category where the cumulative weight reaches u. Without, or for one
        sample: the categories with the largest p / q, q exponential. (torch orders equal ones otherwise.)
        """
        check.multinomial(p, num_samples, replacement)
        if not replacement or num_samples == 1:
            with np.errstate(all="ignore"):
                race = p / self.exponential(p.shape, p.dtype)
            return np.argsort(-race, axis=-1, kind="stable")[..., :num_samples]
        weights = p.reshape(-1, p.shape[-1])
        reach = weights.cumsum(axis=1, dtype=np.promote_types(p.dtype, np.float32))
        reach /= reach[:, -1:]
        u = self._unit(len(weights) * num_samples, _FLOAT64).reshape(-1, num_samples)
        chosen = [np.searchsorted(row, sought) for row, sought in zip(reach, u, strict=True)]
        return np.array(chosen, np.int64).reshape(*p.shape[:-1], num_samples)


def _box_muller(u: Array) -> Array:
    """Each 16 uniforms: 8 of 1 - u1, 8 of u2, to 8 r cos(2 pi u2), 8 r sin(2 pi u2), r = sqrt(-2 log u1)."""
    u1, u2 = 1 - u.reshape(-1, 2, 8)[:, 0], u.reshape(-1, 2, 8)[:, 1]
    if u.dtype == _FLOAT64:
        r, theta = np.sqrt(-2.0 * _by_libm(math.log, u1)), 2.0 * math.pi * u2
        sine, cosine = _by_libm(math.sin, theta), _by_libm(math.cos, theta)
    else:
        r, theta = np.sqrt(np.float32(-2.0) * log(u1)), np.float32(2.0 * math.pi) * u2
        sine, cosine = sincos(theta)
    return np.stack([r * cosine, r * sine], axis=1).ravel()


def _by_libm(function: Callable[[float], float], x: Array) -> Array:
    """A function of `math` at each value: torch, too, calls the C library; NumPy's last bit may differ."""
    return np.fromiter(map(function, x.ravel().tolist()), _FLOAT64, x.size).reshape(x.shape)


def _narrow(values: Array, dtype: np.dtype) -> Array:
    """To `dtype`, and to float16 through float32, as torch converts."""
    through = np.float32 if dtype == np.float16 else dtype
    with np.errstate(over="ignore"):
        return values.astype(through, copy=False).astype(dtype, copy=False)


# --- the generator of every draw that is given none

default_generator = Generator()
default_generator.seed()


def manual_seed(seed: Any) -> Generator:
    """Start the default generator's stream of int(seed); returns that generator."""
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Start a stream nobody can predict in the default generator; returns its seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default generator's stream was started with."""
    return default_generator.initial_seed()


def get_rng_state() -> Array:
    """The default generator's `get_state`."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """The default generator's `set_state`."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """`with fork_rng():` draw freely; the default generator then continues as if nothing had been drawn."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
