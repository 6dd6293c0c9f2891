"""Random programs: graphs of operations that hypothesis writes, with broadcasting, reuse, indexing, views and
writes.

A program is a list of steps; each step applies an operation to values that are already there. Both libraries
run it, and every value and every gradient must agree.
"""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tinynn
from parity_tests.harness import assert_same

SHAPES = [(), (3,), (1,), (2, 3), (2, 1), (4, 2, 3), (1, 3)]

# Operations that keep values moderate, so that a long program stays comparable. Each takes (library, x, y,
# k): two values of the program and a small integer.
# ruff: noqa: E501 - a step is a line
# fmt: off
STEPS = {
    "add":        lambda lib, x, y, k: x + y,
    "sub":        lambda lib, x, y, k: x - y,
    "mul":        lambda lib, x, y, k: x * y.tanh(),
    "div":        lambda lib, x, y, k: x / (y * y + 1),
    "number":     lambda lib, x, y, k: (k - x) * 0.5,
    "tanh":       lambda lib, x, y, k: x.tanh(),
    "sigmoid":    lambda lib, x, y, k: lib.sigmoid(x),
    "exp":        lambda lib, x, y, k: (-x * x).exp(),
    "log":        lambda lib, x, y, k: (x * x + 1).log(),
    "sin":        lambda lib, x, y, k: lib.sin(x),
    "relu":       lambda lib, x, y, k: x.relu(),
    "abs":        lambda lib, x, y, k: x.abs(),
    "clamp":      lambda lib, x, y, k: x.clamp(-1.0, k / 2),
    "maximum":    lambda lib, x, y, k: lib.maximum(x, y),
    "where":      lambda lib, x, y, k: lib.where(x > y, x, -y),
    "power":      lambda lib, x, y, k: x.tanh() ** (k + 1),
    "sum":        lambda lib, x, y, k: x.sum(k % max(x.dim(), 1), keepdim=k % 2 == 0) / 3,
    "mean":       lambda lib, x, y, k: x.mean(),
    "var":        lambda lib, x, y, k: x.var(unbiased=False),
    "amax":       lambda lib, x, y, k: x.amax(k % max(x.dim(), 1)),
    "min":        lambda lib, x, y, k: x.min(-1).values,
    "norm":       lambda lib, x, y, k: (x + 1).norm(dim=-1, keepdim=True),
    "logsumexp":  lambda lib, x, y, k: x.logsumexp(-1),
    "softmax":    lambda lib, x, y, k: x.softmax(-1),
    "log_softmax": lambda lib, x, y, k: lib.log_softmax(x, k % max(x.dim(), 1)) / 4,
    "cumsum":     lambda lib, x, y, k: x.cumsum(-1) / 3,
    "sort":       lambda lib, x, y, k: x.sort(-1).values,
    "matmul":     lambda lib, x, y, k: x.reshape(-1, 1) @ y.reshape(1, -1)[:, : k + 1],
    "mm":         lambda lib, x, y, k: (x.reshape(-1)[:2] @ y.reshape(1, -1).expand(2, -1)[: x.reshape(-1)[:2].numel()]).tanh(),
    "t":          lambda lib, x, y, k: x.transpose(0, -1) if x.dim() > 1 else x,
    "reshape":    lambda lib, x, y, k: x.reshape(-1),
    "unsqueeze":  lambda lib, x, y, k: x.unsqueeze(k % (x.dim() + 1)) if x.dim() < 3 else x,
    "squeeze":    lambda lib, x, y, k: x.squeeze(),
    "expand":     lambda lib, x, y, k: x.expand(2, *x.shape) if x.dim() < 3 else x,
    "flip":       lambda lib, x, y, k: x.flip(-1) if x.dim() else x,
    "roll":       lambda lib, x, y, k: x.roll(k),
    "cat":        lambda lib, x, y, k: lib.cat([x.reshape(-1), y.reshape(-1)[:k], x.reshape(-1)[:1]]),
    "stack":      lambda lib, x, y, k: lib.stack([x, x * 0.5], -1) if x.dim() < 3 else x,
    "index":      lambda lib, x, y, k: x.reshape(-1)[lib.tensor([0, -1, 0, k % x.numel()])],
    "int":        lambda lib, x, y, k: x[k % x.shape[0]] if x.dim() else x,
    "slice":      lambda lib, x, y, k: x[..., ::2] if x.dim() else x,
    "mask":       lambda lib, x, y, k: x[x > x.mean()].sum(),
    "gather":     lambda lib, x, y, k: x.reshape(-1).gather(0, lib.tensor([k % x.numel(), 0, 0])),
    "masked_fill": lambda lib, x, y, k: x.masked_fill(x > 0.5, 0.25 * k),
    "split":      lambda lib, x, y, k: x.reshape(-1).split(2)[0] * x.reshape(-1).split(2)[-1][:1],
    "tril":       lambda lib, x, y, k: x.tril(k - 1) if x.dim() > 1 else x,
    "einsum":     lambda lib, x, y, k: lib.einsum("i,j->ij", x.reshape(-1)[:3], y.reshape(-1)[:2]),
    "write":      lambda lib, x, y, k: _written(x, lambda z: z.mul_(y.mean()).add_(k)),
    "write part": lambda lib, x, y, k: _written(x.reshape(-1), lambda z: z[: k + 1].copy_(y.mean() + z[: k + 1])),
    "set":        lambda lib, x, y, k: _written(x.reshape(-1), lambda z: z.__setitem__(k % z.numel(), y.mean())),
    "detach":     lambda lib, x, y, k: x.detach() * y.mean(),
    "clone":      lambda lib, x, y, k: x.clone(),
    "round trip": lambda lib, x, y, k: x.float().double().to(y.dtype),
}
# fmt: on


def broadcast(x, y):
    """Whether the shapes of x and y broadcast to no more than three dimensions."""
    return all(m == n or 1 in (m, n) for m, n in zip(x.shape[::-1], y.shape[::-1], strict=False))


def _written(x, write):
    out = x * 1
    write(out)
    return out


steps = st.lists(
    st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 30), st.integers(0, 30), st.integers(0, 3)),
    min_size=1,
    max_size=12,
)
leaves = st.lists(st.sampled_from(SHAPES), min_size=1, max_size=3)


class Run:
    """A program run in one library: its values in order, and the gradients of its leaves."""

    def __init__(self, library, arrays, program, retained):
        self.leaves = [library.from_numpy(array.copy()).requires_grad_() for array in arrays]
        self.values = list(self.leaves)
        for name, i, j, k in program:
            x, y = self.values[i % len(self.values)], self.values[j % len(self.values)]
            result = STEPS[name](library, x, y if broadcast(x, y) else y.mean(), k)
            self.values.append(result if result.numel() <= 64 else result.mean())
        self.kept = [value for value in self.values if value.requires_grad and not value.is_leaf][:retained]
        for value in self.kept:
            value.retain_grad()
        total = sum((value * value).mean() for value in self.values[-3:])
        total.backward()
        self.gradients = [leaf.grad for leaf in self.leaves] + [value.grad for value in self.kept]


# one rounding for every step: each may round differently, and what it feeds inherits that
STEPS_ROUNDED = 40.0


@given(leaves, steps, st.integers(0, 3), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1))
@settings(max_examples=400, derandomize=True, deadline=None)
def test_random_programs(shapes, program, retained, dtype, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    ours, theirs = Run(tinynn, arrays, program, retained), Run(torch, arrays, program, retained)
    for i, (own, other) in enumerate(zip(ours.values, theirs.values, strict=True)):
        assert_same(own, other, f"result {i}", STEPS_ROUNDED)
    for i, (own, other) in enumerate(zip(ours.gradients, theirs.gradients, strict=True)):
        scale = 1.0 if other is None or not other.numel() else float(other.abs().max())
        assert_same(own, other, f"gradient {i}", STEPS_ROUNDED * max(1.0, scale))
