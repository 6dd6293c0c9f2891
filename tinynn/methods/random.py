"""Fill a tensor with random values, in torch's streams: `x.uniform_()`, `x.normal_()`, ..."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinynn import ops
from tinynn.autograd.grad_mode import thread
from tinynn.autograd.inplace import check_writable, overwrite
from tinynn.autograd.overlap import check_not_expanded
from tinynn.autograd.variable import Variable
from tinynn.random import Generator, default_generator

if TYPE_CHECKING:
    from tinynn.tensor import Tensor


class Random(Variable):
    """Draws that overwrite the tensor, and draws that have it as weights.

    Each takes its numbers from `generator`, or from the default one.
    """

    def uniform_(self, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fill with draws from U(a, b)."""
        return self._draw(generator, "uniform", a, b)

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fill with draws from N(mean, std^2)."""
        return self._draw(generator, "normal", mean, std)

    def exponential_(self, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Fill with draws from the exponential distribution of rate lambd."""
        return self._draw(generator, "exponential", lambd)

    def cauchy_(
        self, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with draws from Cauchy's distribution."""
        return self._draw(generator, "cauchy", median, sigma)

    def geometric_(self, p: float, *, generator: Generator | None = None) -> Tensor:
        """Fill with numbers of trials to the first success, each with probability p."""
        return self._draw(generator, "geometric", p)

    def log_normal_(
        self, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Fill with e^x for draws x from N(mean, std^2)."""
        return self._draw(generator, "log_normal", mean, std)

    def random_(self, *bounds: int, generator: Generator | None = None) -> Tensor:
        """Fill with integers: of the dtype's whole range, below `to`, or from `from_` up to below `to`."""
        return self._draw(generator, "random", *((0, *bounds) if len(bounds) == 1 else bounds))

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
        """Fill with ones, with probability p (a number, or a tensor of them), and zeros."""
        check_writable(self)
        check_not_expanded(self)
        drawn = (generator or default_generator).bernoulli(
            self._array.shape, p._array if isinstance(p, Variable) else p, self._array.dtype
        )
        return overwrite(self, ops.copy(self, Variable.wrap(drawn)))

    def bernoulli(self, p: Any = None, *, generator: Generator | None = None) -> Tensor:
        """1 with the probability p, or without it the one that each element of the tensor is, else 0."""
        if p is not None:
            drawn: Any = Variable.wrap(np.empty(self._array.shape, self._array.dtype))
            return ops.copy(self, drawn.bernoulli_(p, generator=generator))
        draw = (generator or default_generator).bernoulli
        drawn = draw(self._array.shape, self._array, self._array.dtype)
        return ops.bernoulli(self, drawn)

    def multinomial(
        self, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
    ) -> Tensor:
        """Indices drawn with the probabilities (up to a factor) that each row gives."""
        draw = (generator or default_generator).multinomial
        out = Variable.wrap(draw(self._array, num_samples, replacement))
        out._inference = thread.inference
        return out

    def _draw(self, generator: Generator | None, distribution: str, *parameters: Any) -> Tensor:
        check_writable(self)
        check_not_expanded(self)
        draw = getattr(generator or default_generator, distribution)
        drawn = draw(self._array.shape, self._array.dtype, *parameters)
        return overwrite(self, ops.copy(self, Variable.wrap(drawn)))
