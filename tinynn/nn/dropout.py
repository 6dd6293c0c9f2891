"""Dropout: a layer that, in training, silences random inputs. Srivastava et al., 2014."""

from __future__ import annotations

from tinynn.nn import functional as F
from tinynn.nn.module import Module
from tinynn.tensor import Tensor


class Dropout(Module):
    """In training, set elements to 0 with probability p and divide the others by 1 - p; else do nothing."""

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
