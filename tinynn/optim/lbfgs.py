"""L-BFGS: Newton's method for all parameters at once, with the curvature seen in the last few steps.

    s = x - x_before,  y = g - g_before                 "old_stps", "old_dirs": the last history_size of them
    d = -H g                                            H: what takes every y to its s, otherwise like H_diag
    x = x + t * d                                       t: lr, or as far as the line search finds right

H is not formed. With ro = 1 / (y . s) of each pair, and H_diag = (y . s) / (y . y) of the newest:

    q = -g;          from the newest pair to the oldest:   al = ro * (s . q);  q = q - al * y
    d = H_diag * q;  from the oldest pair to the newest:   be = ro * (y . d);  d = d + (al - be) * s

Nocedal and Wright, Numerical Optimization, algorithms 7.4 (the two loops), 3.5 and 3.6 (the line search). As
in torch, the line search's details are those of minFunc, https://www.cs.ubc.ca/~schmidtm/Software/minFunc.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinynn.autograd.grad_mode import enable_grad, no_grad
from tinynn.functions import cat
from tinynn.optim.optimizer import Group, Optimizer
from tinynn.tensor import Tensor

Scalar = Any  # a number or a 0-d Tensor
MEMORY = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """L-BFGS, with torch's arguments: one `step(closure)` makes up to `max_iter` iterations.

    The closure clears the gradients, computes the loss, calls backward() and returns the loss; `step` returns
    the first loss. All parameters form one group; the state is kept under the first of them.
    `line_search_fn` is None or "strong_wolfe" (else RuntimeError). Raises ValueError for a negative lr.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ):
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        return self.param_groups[0]["params"]

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Minimize the loss that `closure` computes; return the loss before the first move."""
        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        with no_grad():
            return self._minimize(enable_grad()(closure), self.param_groups[0])

    def _minimize(self, closure: Callable[[], Any], group: Group) -> Any:
        lr = group["lr"].squeeze() if isinstance(group["lr"], Tensor) else group["lr"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        memory = {name: state.get(name) for name in MEMORY}

        first_loss = closure()
        loss, g = float(first_loss), self._gradient()
        state["func_evals"] += 1
        evaluations_left = group["max_eval"] - 1
        if g.abs().max() <= group["tolerance_grad"]:
            return first_loss

        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, t = g.neg(), min(1.0, 1.0 / g.abs().sum()) * lr
                memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                _remember_step(memory, g, group["history_size"])
                al = state.setdefault("al", [None] * group["history_size"])
                d, t = _direction(memory, g, al), lr
            memory.update(d=d, t=t, prev_flat_grad=g, prev_loss=loss)
            slope = g.dot(d)
            if slope > -group["tolerance_change"]:
                break

            if group["line_search_fn"] is None:
                self._move(t, d)
                evaluations = int(iteration < group["max_iter"])  # nobody looks at the loss after the last
                if evaluations:
                    loss, g = float(closure()), self._gradient()
            else:
                here = _Point(0, loss, g, slope)
                found, evaluations = self._search(closure, here, t, d, group, evaluations_left)
                t, loss, g = found.t, found.f, found.g
                memory["t"] = t
                self._move(t, d)
            state["func_evals"] += evaluations
            evaluations_left -= evaluations

            if (
                evaluations_left <= 0
                or g.abs().max() <= group["tolerance_grad"]
                or d.mul(t).abs().max() <= group["tolerance_change"]
                or abs(loss - memory["prev_loss"]) < group["tolerance_change"]
            ):
                break
        state.update(memory)
        return first_loss

    # --- all parameters as one vector

    def _gradient(self) -> Tensor:
        """The gradients of all parameters, end to end."""
        return cat([p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params])

    def _move(self, t: Scalar, d: Tensor) -> None:
        """x += t * d."""
        for p, part in zip(self._params, d.split([p.numel() for p in self._params]), strict=True):
            p.add_(part.view_as(p), alpha=t)

    def _search(
        self, closure: Callable, start: _Point, t: Scalar, d: Tensor, group: Group, limit: int
    ) -> tuple[_Point, int]:
        """A good point on the line from here along d, t being the first to try; and how many were tried."""
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        x = [p.clone() for p in self._params]
        tried = []

        def evaluate(t: Scalar) -> _Point:
            self._move(t, d)
            f, g = float(closure()), self._gradient()
            for p, value in zip(self._params, x, strict=True):
                p.copy_(value)
            tried.append(t)
            return _Point(t, f, g, g.dot(d))

        found = _strong_wolfe(evaluate, start, t, d.abs().max(), limit)
        return found, len(tried)


def _remember_step(memory: dict[str, Any], g: Tensor, history_size: int) -> None:
    """Keep the pair of the last step, unless the gradient did not grow along it."""
    y, s = g.sub(memory["prev_flat_grad"]), memory["d"].mul(memory["t"])
    ys = y.dot(s)
    if not ys > 1e-10:
        return
    kept = memory["old_dirs"], memory["old_stps"], memory["ro"]
    for values, new in zip(kept, (y, s, 1.0 / ys), strict=True):
        if len(values) == history_size:
            values.pop(0)
        values.append(new)
    memory["H_diag"] = ys / y.dot(y)


def _direction(memory: dict[str, Any], g: Tensor, al: list) -> Tensor:
    """-H g, by two loops over the pairs; `al` is written."""
    pairs = list(zip(memory["old_dirs"], memory["old_stps"], memory["ro"], strict=True))
    q = g.neg()
    for i, (y, s, ro) in reversed(list(enumerate(pairs))):
        al[i] = s.dot(q) * ro
        q.add_(y, alpha=-al[i])
    d = q.mul(memory["H_diag"])
    for i, (y, s, ro) in enumerate(pairs):
        be = y.dot(d) * ro
        d.add_(s, alpha=al[i] - be)
    return d


# --- the line search


class _Point:
    """A point of the line: how far along d; the loss there, its gradient, and its slope along d."""

    def __init__(self, t: Scalar, f: float, g: Tensor, slope: Tensor):
        self.t, self.f, self.g, self.slope = t, f, g, slope


class _Wolfe:
    """The strong Wolfe conditions for a search that began at `start`."""

    def __init__(self, start: _Point):
        self.start = start

    def too_high(self, point: _Point) -> bool:
        """Whether the loss fell by less than a ten-thousandth of what the slope promised."""
        return point.f > self.start.f + 1e-4 * point.t * self.start.slope

    def flat(self, point: _Point) -> bool:
        """Whether the slope is small enough, beside that at the start."""
        return abs(point.slope) <= -0.9 * self.start.slope


def _strong_wolfe(
    evaluate: Callable[[Scalar], _Point], start: _Point, t: Scalar, d_norm: Tensor, limit: int
) -> _Point:
    """A point not too high and flat, if there is one within `limit` evaluations; t is the first to try."""
    wolfe = _Wolfe(start)
    bracket, tries = _bracket(evaluate, wolfe, t, limit)
    return _zoom(evaluate, wolfe, bracket, d_norm, limit - tries)


def _bracket(
    evaluate: Callable[[Scalar], _Point], wolfe: _Wolfe, t: Scalar, limit: int
) -> tuple[list[_Point], int]:
    """Two points with a good one between them, or a good one alone; and how far the search went on from t."""
    before, here = wolfe.start, evaluate(t)
    for tries in range(limit):
        if wolfe.too_high(here) or (tries > 1 and here.f >= before.f):
            return [before, here], tries
        if wolfe.flat(here):
            return [here], tries
        if here.slope >= 0:
            return [before, here], tries
        nearest, farthest = here.t + 0.01 * (here.t - before.t), here.t * 10
        t = _lowest_of_cubic(before, here, nearest, farthest)
        before, here = here, evaluate(t)
    return [wolfe.start, here], limit


def _zoom(
    evaluate: Callable[[Scalar], _Point], wolfe: _Wolfe, bracket: list[_Point], d_norm: Tensor, limit: int
) -> _Point:
    """Make the bracket smaller until its lower end is good, or it has become too small."""
    low, high = _low_and_high(bracket)
    stuck = False  # whether the last point came close to an end of the bracket
    for _ in range(limit if len(bracket) > 1 else 0):
        one, other = bracket
        if abs(other.t - one.t) * d_norm < 1e-9:
            break
        left, right = sorted((one.t, other.t))
        t, stuck = _away_from_ends(_lowest_of_cubic(one, other, left, right), left, right, stuck)
        point = evaluate(t)
        if wolfe.too_high(point) or point.f >= bracket[low].f:
            bracket[high] = point
            low, high = _low_and_high(bracket)
            continue
        good = wolfe.flat(point)
        if not good and point.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if good:
            break
    return bracket[low]


def _low_and_high(bracket: list[_Point]) -> tuple[int, int]:
    """Which of the two points is the lower one, and which the higher."""
    return (0, 1) if bracket[0].f <= bracket[-1].f else (1, 0)


def _away_from_ends(t: Scalar, left: Scalar, right: Scalar, stuck: bool) -> tuple[Scalar, bool]:
    """t, and whether it came close to an end; if it did so twice in a row, moved away by a tenth."""
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if not stuck and left < t < right:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


def _lowest_of_cubic(a: _Point, b: _Point, left: Scalar, right: Scalar) -> Scalar:
    """Where the cubic with the values and slopes of two points is lowest (3.59), between left and right."""
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    d2_squared = d1**2 - a.slope * b.slope
    if not d2_squared >= 0:
        return (left + right) / 2.0
    d2 = d2_squared.sqrt()
    if a.t > b.t:
        a, b = b, a
    t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(t, left), right)
