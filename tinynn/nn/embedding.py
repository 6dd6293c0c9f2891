"""Layers that look rows up in a table: Embedding, and EmbeddingBag for their sums, means and maxima."""

from __future__ import annotations

from typing import Any, Self

from tinynn.autograd.grad_mode import no_grad
from tinynn.creation import empty
from tinynn.nn import functional as F
from tinynn.nn import init
from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter
from tinynn.tensor import Tensor


class _Table(Module):
    """The table of an embedding."""

    padding_error: str  # what torch says of a padding_idx outside of the table

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None):
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx and not -num_embeddings <= padding_idx < num_embeddings:
            raise AssertionError(self.padding_error)
        self.padding_idx = padding_idx + num_embeddings if padding_idx and padding_idx < 0 else padding_idx

    def _make_weight(self, given: Tensor | None, trained: bool, **options: Any) -> None:
        shape = self.num_embeddings, self.embedding_dim
        if given is not None and given.shape != shape:
            raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
        self.weight = Parameter(empty(shape, **options) if given is None else given, requires_grad=trained)
        if given is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table from N(0, 1); the row of the padding gets zeros."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    @no_grad()
    def _fill_padding_idx_with_zero(self) -> None:
        if self.padding_idx is not None:
            self.weight[self.padding_idx].fill_(0)

    def _told(self, settings: list[str]) -> str:
        """The sizes, and those settings that are not the usual ones."""
        usual = {"norm_type": 2, "scale_grad_by_freq": False, "sparse": False}  # of the others: None
        sizes = f"{self.num_embeddings}, {self.embedding_dim}"
        values = {name: getattr(self, name) for name in settings}
        return sizes + "".join(f", {k}={v!r}" for k, v in values.items() if v != usual.get(k))


def _shape_of_table(embeddings: Tensor) -> tuple[int, int]:
    if embeddings.dim() != 2:
        raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
    return embeddings.shape


class Embedding(_Table):
    """The rows of a table (num_embeddings, embedding_dim) that indices (*) name: (*, embedding_dim).

    For the settings see `nn.functional.embedding`. The table starts as draws from N(0, 1), and with zeros in
    row padding_idx, which is not trained.
    """

    padding_error = "Padding_idx must be within num_embeddings"

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make_weight(_weight, not _freeze, device=device, dtype=dtype)
        self.sparse = sparse

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """A layer around this table, which shares its memory and is not trained unless freeze=False."""
        rows, columns = _shape_of_table(embeddings)
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        return self._told(["padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"])


class EmbeddingBag(_Table):
    """The sum, mean or maximum of the rows of a table that each bag of indices names: (bags, embedding_dim).

    For bags and settings see `nn.functional.embedding_bag`, for the table `Embedding`.
    """

    padding_error = "padding_idx must be within num_embeddings"

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(num_embeddings, embedding_dim, padding_idx)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make_weight(_weight, True, device=device, dtype=dtype)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """A layer around this table, which shares its memory and is not trained unless freeze=False."""
        rows, columns = _shape_of_table(embeddings)
        layer = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        return self._told(["max_norm", "norm_type", "scale_grad_by_freq", "mode", "padding_idx"])
