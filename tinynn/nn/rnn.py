"""Recurrent layers RNN, GRU and LSTM, and their cells, which take a single step.

    lstm = LSTM(input_size=3, hidden_size=8, num_layers=2)
    output, (h, c) = lstm(x)        # x (T, N, 3): output (T, N, 8), h and c (2, N, 8)

The equations are in tinynn/ops/recurrent.py.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from tinynn.creation import empty, zeros
from tinynn.nn import init
from tinynn.nn.functional import recurrent
from tinynn.nn.module import Module
from tinynn.nn.parameter import Parameter
from tinynn.nn.utils.rnn import PackedSequence
from tinynn.tensor import Tensor


def _reset_parameters(self: RNNBase | RNNCellBase) -> None:
    """Draw all parameters from U(-k, k) with k = 1 / sqrt(hidden_size)."""
    k = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
    for weight in self.parameters():
        init.uniform_(weight, -k, k)


class RNNBase(Module):
    """What RNN, GRU and LSTM share. `mode` is RNN_TANH, RNN_RELU, GRU or LSTM.

    With T steps, N sequences, D directions and L layers, and P = proj_size or else hidden_size:

    input     (T, N, input_size); (N, T, input_size) with batch_first; (T, input_size); or a PackedSequence
    h, c      (D L, N, P) and (D L, N, hidden_size), for LSTM a tuple of both: where to begin, 0 if not given
    output    like the input, with D P features: h of the last layer after each step
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_arguments(dropout)
        self._all_weights: list[list[str]] = []  # their names, for each layer and direction
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[: self._directions]:
                shapes = {f"{name}_l{layer}{suffix}": shape for name, shape in self._shapes(layer).items()}
                for name, shape in shapes.items():
                    setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._all_weights.append([*shapes])
        self.reset_parameters()

    reset_parameters = _reset_parameters

    def _shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """Of the parameters of a layer, in torch's order."""
        gates = recurrent.GATES[self.mode.lower()] * self.hidden_size
        state = self.proj_size or self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, self.input_size if layer == 0 else state * self._directions),
            "weight_hh": (gates, state),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size:
            shapes |= {"weight_hr": (self.proj_size, self.hidden_size)}
        return shapes

    def _check_arguments(self, dropout: Any) -> None:
        if not isinstance(dropout, numbers.Number) or isinstance(dropout, bool) or not 0 <= self.dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being "
                "zeroed"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("bias", bool), ("batch_first", bool), ("input_size", int), ("hidden_size", int)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
            if kind is int and value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in map(str.upper, recurrent.GATES):
            raise ValueError("Unrecognized RNN mode: " + self.mode)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Does nothing: there is no GPU whose memory this would arrange."""

    def extra_repr(self) -> str:
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0}
        usual["bidirectional"] = False
        told = [f", {name}={getattr(self, name)}" for name in usual if getattr(self, name) != usual[name]]
        return f"{self.input_size}, {self.hidden_size}" + "".join(told)

    # --- forward

    def _run(
        self, input: Tensor | PackedSequence, states: list[Tensor] | None, features: tuple[int, ...]
    ) -> tuple[Any, list[Tensor]]:
        """The output and the last states, from the first ones, which have these numbers of features."""
        if isinstance(input, PackedSequence):
            sizes = tuple(input.batch_sizes.tolist())
            self._check_input(input.data, 2)
            states = self._first_states(states, features, sizes[0], input.data)
            data, last = self._layers(input.data, sizes, _reordered(states, input.sorted_indices))
            return PackedSequence(data, *input[1:]), _reordered(last, input.unsorted_indices)
        batched = self._is_batched(input, states)
        if not batched:
            input = input.unsqueeze(1)
            states = None if states is None else [state.unsqueeze(1) for state in states]
        self._check_input(input, 3)
        swapped = batched and self.batch_first
        x = input.transpose(0, 1) if swapped else input
        steps, n, size = x.shape
        states = self._first_states(states, features, n, x)
        if not steps:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        data, last = self._layers(x.reshape(steps * n, size), (n,) * steps, states)
        output = data.reshape(steps, n, data.shape[1])
        if not batched:
            return output.squeeze(1), [state.squeeze(1) for state in last]
        return output.transpose(0, 1) if swapped else output, last

    def _layers(
        self, data: Tensor, batch_sizes: tuple[int, ...], states: list[Tensor]
    ) -> tuple[Tensor, list[Tensor]]:
        weights = []
        for own in self.all_weights:
            without_bias = [] if self.bias else [None, None]
            weights.append(recurrent.Weights(*own[:2], *without_bias, *own[2:]))
        return recurrent.all_layers(
            self.mode.lower(),
            data,
            batch_sizes,
            states,
            weights,
            bidirectional=bool(self.bidirectional),
            dropout=self.dropout if self.training else 0.0,
        )

    def _first_states(
        self, states: list[Tensor] | None, features: tuple[int, ...], n: int, input: Tensor
    ) -> list[Tensor]:
        """The states given, if they have the right shapes, or zeros."""
        shapes = [(self.num_layers * self._directions, n, size) for size in features]
        if states is None:
            return [zeros(shape, dtype=input.dtype) for shape in shapes]
        for i, (state, shape) in enumerate(zip(states, shapes, strict=True)):
            if state.shape != shape:
                which = f"[{i}]" if len(states) > 1 else ""
                raise RuntimeError(f"Expected hidden{which} size {shape}, got {list(state.shape)}")
        return states

    def _is_batched(self, input: Tensor, states: list[Tensor] | None) -> bool:
        dims, kind = input.dim(), self.mode.partition("_")[0]
        if dims not in (2, 3):
            found = f"{dims}D tensor" if kind == "RNN" else f"{dims}D"
            raise ValueError(f"{kind}: Expected input to be 2D or 3D, got {found} instead")
        others = [state.dim() for state in states or ()]
        if any(other != dims for other in others):
            which = "batched" if dims == 3 else "unbatched"
            names, found = ("hx", f"{others[0]}-D tensor")
            if len(others) > 1:
                names, found = "hx and cx", f"({others[0]}-D, {others[1]}-D) tensors"
            raise RuntimeError(f"For {which} {dims}-D input, {names} should also be {dims}-D but got {found}")
        return dims == 3

    def _check_input(self, input: Tensor, dims: int) -> None:
        wanted = getattr(self, self._all_weights[0][0]).dtype
        if input.dtype != wanted:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({wanted}). Convert input: "
                f"input.to({wanted}), or convert model: model.to({input.dtype})"
            )
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.size(-1)}"
            )


def _reordered(states: list[Tensor], order: Tensor | None) -> list[Tensor]:
    return states if order is None else [state.index_select(1, order) for state in states]


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh) in each step, or relu; RNNBase has the shapes. Elman, 1990."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ):
        _refuse_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (h,) = self._run(input, None if hx is None else [hx], (self.hidden_size,))
        return output, h


class GRU(RNNBase):
    """Gates choose what of h to keep; RNNBase has the shapes. Cho et al., 2014."""

    def __init__(self, *args: Any, **kwargs: Any):
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (h,) = self._run(input, None if hx is None else [hx], (self.hidden_size,))
        return output, h


class LSTM(RNNBase):
    """Gates choose what to write to a memory c, and what to show of it; RNNBase has the shapes.

    Hochreiter and Schmidhuber, 1997; with proj_size, h is a projection of what is shown (Sak et al., 2014).
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__("LSTM", *args, **kwargs)

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        states = None if hx is None else [hx[0], hx[1]]
        if hx is not None:
            recurrent.need_two_states("lstm", hx)
        features = self.proj_size or self.hidden_size, self.hidden_size
        output, (h, c) = self._run(input, states, features)
        return output, (h, c)


def _refuse_projection(options: dict) -> None:
    if "proj_size" in options:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


# --- single steps


class RNNCellBase(Module):
    """The parameters of a cell, with `num_chunks` gates, and what its forward has to do with dimensions.

    x (N, input_size) or (input_size,); h, and c of an LSTM, (N, hidden_size) or (hidden_size,); else 0.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        size, options = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty(size, input_size, **options))
        self.weight_hh = Parameter(empty(size, hidden_size, **options))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(size, **options)) if bias else None)
        self.reset_parameters()

    reset_parameters = _reset_parameters

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        return text

    def _batch(
        self, cell: str, input: Tensor, states: Sequence[Tensor] | None, number: int = 1
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """The input and its states with a batch dimension; if no states are given, `number` of zeros."""
        if input.dim() not in (1, 2):
            raise ValueError(f"{cell}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, state in enumerate(() if states is None else states):
            if state.dim() not in (1, 2):
                which = "hidden" if number == 1 else f"hx[{i}]"
                raise ValueError(f"{cell}: Expected {which} to be 1D or 2D, got {state.dim()}D instead")
        single = input.dim() == 1
        if single:
            input = input.unsqueeze(0)
        if states is None:
            return input, [zeros(len(input), self.hidden_size, dtype=input.dtype)] * number
        return input, [state.unsqueeze(0) for state in states] if single else states

    @property
    def _weights(self) -> tuple:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu; RNNCellBase has the shapes. Elman, 1990."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        told = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + told

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._batch("RNNCell", input, None if hx is None else [hx])
        cells = {"tanh": recurrent.rnn_tanh_cell, "relu": recurrent.rnn_relu_cell}
        if self.nonlinearity not in cells:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}\nThere are 'tanh' and 'relu'.")
        h = cells[self.nonlinearity](x, h, *self._weights)
        return h if input.dim() == 2 else h.squeeze(0)


class GRUCell(RNNCellBase):
    """One step of a GRU; RNNCellBase has the shapes."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._batch("GRUCell", input, None if hx is None else [hx])
        h = recurrent.gru_cell(x, h, *self._weights)
        return h if input.dim() == 2 else h.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of an LSTM, from hx = (h, c) to (h', c'); RNNCellBase has the shapes."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        x, states = self._batch("LSTMCell", input, hx, 2)
        h, c = recurrent.lstm_cell(x, states, *self._weights)
        return (h, c) if input.dim() == 2 else (h.squeeze(0), c.squeeze(0))
