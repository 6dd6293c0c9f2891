"""The table of cases: every operation, on inputs chosen to hurt. test_ops.py runs them; test_checker.py
breaks them.

Each entry is one function of `(torch, *inputs)`. Shapes are distinct and non-square, so that a swapped axis
shows.
"""

from collections.abc import Callable, Iterable

from parity_tests.harness import FLOATS, INTEGERS, Case, Draw, integers, mask, normal, positive, values

NUMBERS = ("float16", *FLOATS, *(name for name in INTEGERS if name != "bool"))
ALL = ("float16", *FLOATS, *INTEGERS)
INF, NAN = float("inf"), float("nan")

KINKS = values([-2.5, -2.0, -1.5, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
SPECIAL = values([NAN, INF, -INF, 0.0, -0.0, 1e-30, -1e-30, 1e30, -1e30, 88.0, -88.0, 1e4])

PLAIN: dict[str, Draw] = {
    "matrix": normal(3, 4),
    "0-d": normal(),
    "empty": normal(0, 3),
    "kinks": KINKS,
    "special": SPECIAL,
}


def each(
    functions: dict[str, Callable], inputs: dict[str, Draw | tuple[Draw, ...]], **options
) -> Iterable[Case]:
    """Every function on every input, or tuple of inputs."""
    for name, function in functions.items():
        for label, draws in inputs.items():
            yield Case(f"{name} {label}", function, *(draws if type(draws) is tuple else (draws,)), **options)


def written(**functions: Callable | tuple) -> dict:
    return functions


# ruff: noqa: E501 - a case is a line
# fmt: off

# --- elementwise, one operand

UNARY = {
    "exp":        lambda torch, x: torch.exp(x),
    "expm1":      lambda torch, x: torch.expm1(x),
    "log":        lambda torch, x: torch.log(x),
    "log1p":      lambda torch, x: torch.log1p(x),
    "sqrt":       lambda torch, x: torch.sqrt(x),
    "rsqrt":      lambda torch, x: torch.rsqrt(x),
    "square":     lambda torch, x: torch.square(x),
    "reciprocal": lambda torch, x: torch.reciprocal(x),
    "neg":        lambda torch, x: -x,
    "pos":        lambda torch, x: +x,
    "abs":        lambda torch, x: abs(x),
    "sign":       lambda torch, x: torch.sign(x),
    "tanh":       lambda torch, x: torch.tanh(x),
    "erf":        lambda torch, x: torch.erf(x),
    "sigmoid":    lambda torch, x: torch.sigmoid(x),
    "relu":       lambda torch, x: torch.relu(x),
    "floor":      lambda torch, x: torch.floor(x),
    "ceil":       lambda torch, x: torch.ceil(x),
    "trunc":      lambda torch, x: torch.trunc(x),
    "round":      lambda torch, x: torch.round(x),
    "isnan":      lambda torch, x: torch.isnan(x),
    "isinf":      lambda torch, x: torch.isinf(x),
    "isfinite":   lambda torch, x: torch.isfinite(x),
    "signbit":    lambda torch, x: torch.signbit(x),
    "logical_not": lambda torch, x: torch.logical_not(x),
    "x ** 0":     lambda torch, x: x ** 0,
    "x ** 1":     lambda torch, x: x ** 1,
    "x ** 2":     lambda torch, x: x ** 2,
    "x ** 3":     lambda torch, x: x ** 3,
    "x ** 0.5":   lambda torch, x: x ** 0.5,
    "x ** -0.5":  lambda torch, x: x ** -0.5,
    "x ** -1.0":  lambda torch, x: x ** -1.0,
    "x ** -2.0":  lambda torch, x: x ** -2.0,
    "x ** 2.5":   lambda torch, x: x ** 2.5,
    "2 ** x":     lambda torch, x: 2 ** x,
    "0 ** x":     lambda torch, x: 0.0 ** x,
    "2 - x":      lambda torch, x: 2 - x,
    "1 / x":      lambda torch, x: 1 / x,
    "x + 2":      lambda torch, x: x + 2,
    "x * 2.5":    lambda torch, x: x * 2.5,
    "x / 3":      lambda torch, x: x / 3,
    "x % 2":      lambda torch, x: x % 2,
    "x // 2":     lambda torch, x: x.detach() // 2,
    "5 // (x*x+1)": lambda torch, x: 5 // (x.detach() * x.detach() + 1),
    "5 % (x*x+1)": lambda torch, x: 5 % (x.detach() * x.detach() + 1),
    "x > 1":      lambda torch, x: x > 1,
    "1 >= x":     lambda torch, x: x <= 1,
    "x == 0.5":   lambda torch, x: x == 0.5,
    "x != 1":     lambda torch, x: x != 1,
    "x < 1":      lambda torch, x: x < 1,
    "x <= 1":     lambda torch, x: x <= 1,
    "clamp":      lambda torch, x: x.clamp(-1, 1.5),
    "clamp min":  lambda torch, x: x.clamp(min=1),
    "clamp max":  lambda torch, x: torch.clamp(x, max=1),
    "clamp crossed": lambda torch, x: x.clamp(1, -1),
    "softplus":   lambda torch, x: torch.nn.functional.softplus(x),
    "softplus beta": lambda torch, x: torch.nn.functional.softplus(x, beta=3.0, threshold=2.0),
    "logsigmoid": lambda torch, x: torch.nn.functional.logsigmoid(x),
    "masked_fill": lambda torch, x: x.masked_fill(x > 0.5, 7),
    "where x 0":  lambda torch, x: torch.where(x > 0, x, 0),
    "clone":      lambda torch, x: x.clone(),
    "x // 2, differentiated": lambda torch, x: x // 2,
    "7 // x, differentiated": lambda torch, x: 7 // (x * x + 1),
    "div floor":  lambda torch, x: torch.div(x, 2, rounding_mode="floor"),
    "div trunc":  lambda torch, x: torch.div(x, 2, rounding_mode="trunc"),
    "fmod":       lambda torch, x: torch.fmod(x, 2),
    "x * True":   lambda torch, x: x * True,
    "to float64": lambda torch, x: x.to(torch.float64),
    "to float32": lambda torch, x: x.float(),
    "to half":    lambda torch, x: x.clamp(-100, 100).half(),
    "to bool":    lambda torch, x: x.bool(),
    "add alpha":  lambda torch, x: torch.add(x, 2, alpha=3),
    "sub alpha":  lambda torch, x: x.sub(2, alpha=3),
    "zeros_like": lambda torch, x: torch.zeros_like(x),
    "item":       lambda torch, x: x.sum().item() if x.is_floating_point() and x.numel() == 1 else x.ndim,
}
# sin and cos of huge float32 values: torch's vector code and its scalar code differ in the last bits there
TRIGONOMETRY = {
    "sin":        lambda torch, x: torch.sin(x),
    "cos":        lambda torch, x: torch.cos(x),
}

# --- elementwise, two operands

BINARY = {
    "add":        lambda torch, a, b: a + b,
    "sub":        lambda torch, a, b: a - b,
    "mul":        lambda torch, a, b: a * b,
    "div":        lambda torch, a, b: a / b,
    "floordiv":   lambda torch, a, b: a.detach() // b.detach(),
    "remainder":  lambda torch, a, b: a % b,
    "pow":        lambda torch, a, b: a ** b,
    "fmod of two": lambda torch, a, b: torch.fmod(a, b),
    "div floor of two": lambda torch, a, b: torch.div(a, b, rounding_mode="floor"),
    "div trunc of two": lambda torch, a, b: torch.div(a, b, rounding_mode="trunc"),
    "eq":         lambda torch, a, b: a == b,
    "ne":         lambda torch, a, b: a != b,
    "lt":         lambda torch, a, b: a < b,
    "le":         lambda torch, a, b: a <= b,
    "gt":         lambda torch, a, b: a > b,
    "ge":         lambda torch, a, b: a >= b,
    "logical_and": lambda torch, a, b: torch.logical_and(a, b),
    "logical_or": lambda torch, a, b: torch.logical_or(a, b),
    "logical_xor": lambda torch, a, b: torch.logical_xor(a, b),
    "where":      lambda torch, a, b: torch.where(a > b, a, b),
    "isclose":    lambda torch, a, b: torch.isclose(a, b),
    "allclose":   lambda torch, a, b: torch.allclose(a, b),
    "equal":      lambda torch, a, b: torch.equal(a, b),
    "add scaled": lambda torch, a, b: torch.add(a, b, alpha=2),
}
# of equal zeros with different signs torch takes either, depending on the length: their sign is not compared
EXTREMES = {
    "maximum":    lambda torch, a, b: torch.maximum(a, b),
    "minimum":    lambda torch, a, b: torch.minimum(a, b),
    "clamp tensor": lambda torch, a, b: a.clamp(min=b),
    "clamp tensors": lambda torch, a, b: a.clamp(b, b + b),
    "max of two": lambda torch, a, b: torch.max(a, b),
}
BITWISE = {
    "and":        lambda torch, a, b: a & b,
    "or":         lambda torch, a, b: a | b,
    "xor":        lambda torch, a, b: a ^ b,
}
LOGICAL = {
    "~x":         lambda torch, x: ~x,
    "x & 3":      lambda torch, x: x & 3,
    "x | 3":      lambda torch, x: x | 3,
    "x ^ True":   lambda torch, x: x ^ True,
    "-x":         lambda torch, x: -x,
    "+x":         lambda torch, x: +x,
    "x - 1":      lambda torch, x: x - 1,
    "x - True":   lambda torch, x: x - True,
    "x - x":      lambda torch, x: x - x,
    "x + x":      lambda torch, x: x + x,
    "x * x":      lambda torch, x: x * x,
    "x / x":      lambda torch, x: x / (x + 1),
    "x + 1":      lambda torch, x: x + 1,
    "x * 1.5":    lambda torch, x: x * 1.5,
    "square":     lambda torch, x: torch.square(x),
    "sign":       lambda torch, x: torch.sign(x),
    "exp":        lambda torch, x: torch.exp(x),
    "isnan":      lambda torch, x: torch.isnan(x),
    "logical_not": lambda torch, x: torch.logical_not(x),
    "x > 0":      lambda torch, x: x > 0,
    "sum":        lambda torch, x: x.sum(),
}
PAIRS = {
    "same shape": (normal(3, 4), normal(3, 4)),
    "left broadcast": (normal(4), normal(3, 4)),
    "right broadcast": (normal(2, 3, 4), normal(3, 1)),
    "both broadcast": (normal(3, 1), normal(1, 4)),
    "0-d left": (normal(), normal(2, 3)),
    "0-d right": (normal(2, 3), normal()),
    "0-d both": (normal(), normal()),
    "empty": (normal(0, 3), normal(1, 3)),
    "ties": (values([1.0, -1.0, 2.0, 0.0, -0.0]), values([1.0, -1.0, 3.0, -0.0, 0.0])),
    "positive": (positive(3, 4), positive(4)),
    "whole": (values([7.0, -7.0, 7.0, -7.0, 6.0]), values([3.0, 3.0, -3.0, -3.0, -3.0])),
    "zeros": (values([[0.0], [-0.0], [2.0], [-2.0]]), values([0.0, 1.0, -1.0, 2.0, 0.5])),
    "special": (values([[NAN], [INF], [-INF], [1e30], [0.0]]), values([NAN, INF, -INF, 2.0, -3.0, 0.0])),
    "mismatch": (normal(3, 4), normal(3)),
}

# --- elementwise, the less common functions

SPECIAL_UNARY = {
    "tan":        lambda torch, x: torch.tan(x),
    "asin":       lambda torch, x: torch.asin(x / 3),
    "acos":       lambda torch, x: torch.acos(x / 3),
    "atan":       lambda torch, x: torch.atan(x),
    "asinh":      lambda torch, x: torch.asinh(x),
    "acosh":      lambda torch, x: torch.acosh(x),
    "acosh above 1": lambda torch, x: torch.acosh(x * x + 1.5),
    "atanh":      lambda torch, x: torch.atanh(x / 3),
    "sinc":       lambda torch, x: torch.sinc(x + torch.sign(x)),  # its derivatives cancel near 0
    "deg2rad":    lambda torch, x: torch.deg2rad(x),
    "rad2deg":    lambda torch, x: torch.rad2deg(x),
    "angle":      lambda torch, x: torch.angle(x),
    "log10":      lambda torch, x: torch.log10(x),
    "erfc":       lambda torch, x: torch.erfc(x),
    "erfinv":     lambda torch, x: torch.erfinv(x / 4),
    "logit":      lambda torch, x: torch.logit(abs(x) / 4),
    "logit eps":  lambda torch, x: torch.logit(abs(x) / 4, 0.25),
    "frac":       lambda torch, x: torch.frac(x),
    "sgn":        lambda torch, x: torch.sgn(x),
    "isposinf":   lambda torch, x: torch.isposinf(x),
    "isneginf":   lambda torch, x: torch.isneginf(x),
    "nan_to_num": lambda torch, x: torch.nan_to_num(x),
    "nan_to_num given": lambda torch, x: x.nan_to_num(2.5, 1e3, -1e3),
    "positive":   lambda torch, x: torch.positive(x) * 2,
    "rsub":       lambda torch, x: torch.rsub(x, 3, alpha=2),
    "float_power": lambda torch, x: torch.float_power(x, 3),
    "clamp_min":  lambda torch, x: torch.clamp_min(x, 0.75),
    "clamp_max":  lambda torch, x: x.clamp_max(-0.25),
    "copysign number": lambda torch, x: torch.copysign(x, -2.0),
}
SPECIAL_BINARY = {
    "atan2":      lambda torch, a, b: torch.atan2(a, b),
    "hypot":      lambda torch, a, b: torch.hypot(a, b),
    "logaddexp":  lambda torch, a, b: torch.logaddexp(a, b),
    "logaddexp2": lambda torch, a, b: torch.logaddexp2(a, b),
    "fmax":       lambda torch, a, b: torch.fmax(a, b),
    "fmin":       lambda torch, a, b: torch.fmin(a, b),
    "copysign":   lambda torch, a, b: torch.copysign(a, b),
    "xlogy":      lambda torch, a, b: torch.xlogy(a, b),
    "nextafter":  lambda torch, a, b: torch.nextafter(a, b),
    "heaviside":  lambda torch, a, b: torch.heaviside(a.detach(), b.detach()),
    "ldexp":      lambda torch, a, b: torch.ldexp(a, b),
    "clamp_min of two": lambda torch, a, b: torch.clamp_min(a, b),
    "clamp_max of two": lambda torch, a, b: torch.clamp_max(a, b),
    "rsub of two": lambda torch, a, b: torch.rsub(a, b),
    "lerp number": lambda torch, a, b: torch.lerp(a, b, 0.25),
    "lerp far":   lambda torch, a, b: a.lerp(b, 2.5),
}
OF_INTEGERS = {
    "gcd":        lambda torch, a, b: torch.gcd(a, b),
    "lcm":        lambda torch, a, b: torch.lcm(a, b),
    "shift left": lambda torch, a, b: torch.bitwise_left_shift(a, b),
    "shift right": lambda torch, a, b: torch.bitwise_right_shift(a, b),
}
OF_THREE = {
    "lerp":       lambda torch, a, b, c: torch.lerp(a, b, c),
    "addcmul":    lambda torch, a, b, c: torch.addcmul(a, b, c, value=2.5),
    "addcdiv":    lambda torch, a, b, c: torch.addcdiv(a, b, c * c + 1, value=2.5),
}
TRIPLES = {
    "same shape": (normal(3, 4), normal(3, 4), normal(3, 4)),
    "broadcast":  (normal(3, 1), normal(4), normal(2, 1, 1)),
    "0-d":        (normal(), normal(2, 3), normal()),
    "empty":      (normal(0, 3), normal(1, 3), normal(3)),
    "mismatch":   (normal(3, 4), normal(3), normal()),
}
RANDOM = {
    "normal of two": lambda torch, a, b: (torch.manual_seed(1), torch.normal(a, b * b + 1))[1],
    "bernoulli":  lambda torch, a, b: (torch.manual_seed(1), torch.bernoulli((a * a).clamp(max=1)))[1],
}

# --- reductions

REDUCTIONS = {
    "sum":        lambda torch, x, **dim: torch.sum(x, **dim),
    "mean":       lambda torch, x, **dim: torch.mean(x, **dim),
    "amax":       lambda torch, x, **dim: torch.amax(x, **dim),
    "amin":       lambda torch, x, **dim: torch.amin(x, **dim),
    "var":        lambda torch, x, **dim: torch.var(x, **dim),
    "std":        lambda torch, x, **dim: torch.std(x, **dim),
    "var biased": lambda torch, x, **dim: x.var(unbiased=False, **dim),
    "std correction": lambda torch, x, **dim: x.std(correction=2, **dim),
    "norm":       lambda torch, x, **dim: torch.norm(x, **dim),
    "norm 1":     lambda torch, x, **dim: x.norm(1, **dim),
    "norm 3":     lambda torch, x, **dim: x.norm(p=3, **dim),
    "norm 1.5":   lambda torch, x, **dim: x.norm(1.5, **dim),
    "norm 0.5":   lambda torch, x, **dim: x.norm(0.5, **dim),
    "norm inf":   lambda torch, x, **dim: x.norm(float("inf"), **dim),
    "norm -inf":  lambda torch, x, **dim: x.norm(-float("inf"), **dim),
    "norm 0":     lambda torch, x, **dim: x.norm(0, **dim),
    "all":        lambda torch, x, **dim: torch.all(x, **dim),
    "any":        lambda torch, x, **dim: torch.any(x, **dim),
}
ONE_REDUCTION = {
    "max":        lambda torch, x, **dim: torch.max(x, **dim),
    "min":        lambda torch, x, **dim: torch.min(x, **dim),
    "argmax":     lambda torch, x, **dim: torch.argmax(x, **dim),
    "argmin":     lambda torch, x, **dim: torch.argmin(x, **dim),
}
PROD = {
    "prod":       lambda torch, x, **dim: torch.prod(x, **dim),
}
ALONG = {
    "logsumexp":  lambda torch, x, **dim: torch.logsumexp(x, **dim),
    "cumsum":     lambda torch, x, **dim: torch.cumsum(x, **dim),
    "sort":       lambda torch, x, **dim: torch.sort(x, stable=True, **dim),
    "sort descending": lambda torch, x, **dim: x.sort(descending=True, stable=True, **dim),
    "argsort":    lambda torch, x, **dim: torch.argsort(x, stable=True, **dim),
    "count_nonzero": lambda torch, x, **dim: torch.count_nonzero(x, **dim),
}
TOPK = {  # torch returns ties in no particular order
    "topk 2":     lambda torch, x, **dim: torch.topk(x, 2, **dim),
    "topk smallest": lambda torch, x, **dim: x.topk(1, largest=False, **dim),
}
SOFTMAX = {
    "softmax":    lambda torch, x, **dim: torch.softmax(x, **dim),
    "log_softmax": lambda torch, x, **dim: x.log_softmax(**dim),
}
OTHER_REDUCTIONS = {
    "sort":       lambda torch, x: x.sort(),
    "softmax name": lambda torch, x: x.double().softmax(1),
    "log_softmax name": lambda torch, x: x.double().log_softmax(1),
    "logsumexp name": lambda torch, x: x.double().logsumexp(1),
    "cumsum name": lambda torch, x: x.cumsum(1),
    "logsumexp dims": lambda torch, x: torch.logsumexp(x, (0, 2), keepdim=True),
    "softmax dtype": lambda torch, x: torch.softmax(x, 1, dtype=torch.float64),
    "sum dtype":  lambda torch, x: x.sum(1, dtype=torch.float64),
    "mean dtype": lambda torch, x: x.mean(dtype=torch.float64),
    "prod dtype": lambda torch, x: x.prod(dtype=torch.float64),
    "cumsum dtype": lambda torch, x: x.detach().cumsum(0, dtype=torch.float64),
    "sum ()":     lambda torch, x: x.sum(()),
    "mean ()":    lambda torch, x: x.mean(dim=()),
    "amax ()":    lambda torch, x: x.amax(()),
    "any ()":     lambda torch, x: x.any(()),
    "var False":  lambda torch, x: x.var(False),
    "std dim False": lambda torch, x: x.std(1, False),
    "norm fro":   lambda torch, x: x.norm("fro", dim=(0, 1)),
    "count_nonzero": lambda torch, x: x.count_nonzero(),
    "sum twice":  lambda torch, x: x.sum((1, -2)),
    "sum matrix": lambda torch, x: x.flatten(1).sum(0) * x.flatten(1).sum(0, keepdim=True),
    "mean matrix": lambda torch, x: x.flatten(1).mean(0) * x.flatten(0, 1).mean(1),
}
RANKED = {
    "median":     lambda torch, x, **dim: torch.median(x, **dim),
    "nanmedian":  lambda torch, x, **dim: torch.nanmedian(x, **dim),
    "nansum":     lambda torch, x, **dim: torch.nansum(x, **dim),
    "nanmean":    lambda torch, x, **dim: torch.nanmean(x, **dim),
    "var_mean":   lambda torch, x, **dim: torch.var_mean(x, **dim),
    "std_mean":   lambda torch, x, **dim: torch.std_mean(x, **dim),
    "aminmax":    lambda torch, x, **dim: torch.aminmax(x, **dim),
    "quantile":   lambda torch, x, **dim: torch.quantile(x, 0.3, **dim),
    "quantiles":  lambda torch, x, **dim: x.quantile(torch.tensor([0.0, 0.45, 1.0], dtype=x.dtype), **dim),
    "quantile nearest": lambda torch, x, **dim: x.quantile(0.3, interpolation="nearest", **dim),
    "nanquantile": lambda torch, x, **dim: x.nanquantile(0.6, interpolation="midpoint", **dim),
}
MOMENTS = ("var_mean", "std_mean")  # the mean of infinities is nan there, if they are met in a certain order
SCANS = {
    "cumprod":    lambda torch, x, **dim: torch.cumprod(x, **dim),
    "cummax":     lambda torch, x, **dim: torch.cummax(x, **dim),
    "cummin":     lambda torch, x, **dim: x.cummin(**dim),
    "logcumsumexp": lambda torch, x, **dim: torch.logcumsumexp(x, **dim),
    "diff":       lambda torch, x, **dim: torch.diff(x, **dim),
}
MODE = {
    "mode":       lambda torch, x, **dim: torch.mode(x, **dim),
}
COUNTS = {
    "kthvalue":   lambda torch, x: torch.kthvalue(x, 2, 1),
    "kthvalue far": lambda torch, x: x.kthvalue(5),
    "msort":      lambda torch, x: torch.msort(x),
    "diff 2":     lambda torch, x: torch.diff(x, 2, 1, prepend=x[:, :1], append=x * 2),
    "histc":      lambda torch, x: torch.histc(x.detach(), 5, -1, 1),
    "histc all":  lambda torch, x: x.detach().histc(4),
    "bincount":   lambda torch, x: torch.bincount((x[0] * x[0]).long()),
    "bincount weights": lambda torch, x: torch.bincount(torch.tensor([0, 2, 2, 1]), x[0].detach(), minlength=6),
    "bincount bad": lambda torch, x: torch.bincount(torch.tensor([0, -2])),
    "unique_consecutive": lambda torch, x: torch.unique_consecutive(torch.tensor([3, 3, 1, 1, 1, 3]), return_inverse=True, return_counts=True),
    "argwhere":   lambda torch, x: torch.argwhere(x > 0),
    "isin":       lambda torch, x: torch.isin(torch.tensor([[1, 2], [3, 4]]), torch.tensor([4, 1])),
    "searchsorted": lambda torch, x: torch.searchsorted(x.detach().sort().values, x.detach() / 2),
    "bucketize":  lambda torch, x: torch.bucketize(x.detach(), torch.tensor([-1.0, 0.0, 1.0], dtype=x.dtype), right=True),
    "trapezoid":  lambda torch, x: torch.trapezoid(x, dx=0.5),
    "cumulative_trapezoid": lambda torch, x: torch.cumulative_trapezoid(x, x * x, dim=0),
}
DIMS = {
    "": {},
    "0": {"dim": 0},
    "-1": {"dim": -1},
    "1 keepdim": {"dim": 1, "keepdim": True},
    "-2 keepdim": {"dim": -2, "keepdim": True},
    "out of range": {"dim": 3},
}
SEVERAL = {
    "(0, 2)": {"dim": (0, 2)},
    "(-1, 0) keepdim": {"dim": (-1, 0), "keepdim": True},
}
ONE_DIM = {"0": {"dim": 0}, "1": {"dim": 1}, "-1": {"dim": -1}, "out of range": {"dim": 3}}
REDUCED = {
    "3-d": normal(3, 4, 5),
    "3-d ties": values([[[1.0, 2.0, 2.0], [0.0, 0.0, -1.0]], [[3.0, 3.0, 3.0], [-0.0, 0.0, 0.0]]]),
    "0-d": normal(),
    "empty": normal(2, 0, 3),
    "one": normal(1, 1, 1),
    "special": values([[[NAN, 1.0, 2.0, 0.0]], [[INF, 1.0, -INF, 0.0]], [[INF, INF, -1.0, 0.0]], [[-INF, -INF, -INF, -INF]]]),
}
DISTINCT = {name: REDUCED[name] for name in ("3-d", "0-d", "empty", "one")}
FACTORS = {  # not where nan or infinities meet zeros: torch's derivatives are 0 or nan there, by no rule
    "3-d": positive(3, 4, 5),
    "zeros": values([[[2.0, 1.0, 2.0, 3.0]], [[5.0, 1.0, 4.0, 0.0]], [[1.0, 2.0, 0.0, 0.0]]]),
    "nan": values([[[NAN, 1.0, 2.0, 3.0]], [[5.0, 1.0, 4.0, 2.0]]]),
    **{name: REDUCED[name] for name in ("0-d", "empty", "one")},
}


def with_options(functions: dict[str, Callable], options: dict[str, dict]) -> dict[str, Callable]:
    """Each function with each set of keyword arguments."""
    return {
        f"{name} {label}".strip(): lambda torch, *inputs, function=function, chosen=chosen: function(torch, *inputs, **chosen)
        for name, function in functions.items()
        for label, chosen in options.items()
    }


# --- shapes

SHAPES = {
    "reshape":    lambda torch, x: x.reshape(4, 6),
    "reshape -1": lambda torch, x: torch.reshape(x, (-1, 3)),
    "reshape 0":  lambda torch, x: x.reshape(0, -1),
    "reshape bad": lambda torch, x: x.reshape(5, -1),
    "reshape worse": lambda torch, x: x.reshape(-1, -1),
    "view":       lambda torch, x: x.view(2, 12),
    "view of t":  lambda torch, x: x.transpose(0, 1).view(-1),
    "view bad":   lambda torch, x: x.view(7),
    "view kept":  lambda torch, x: x.transpose(0, 1).view(3, 2, 2, 2),
    "flatten":    lambda torch, x: torch.flatten(x),
    "flatten 1":  lambda torch, x: x.flatten(1),
    "flatten 0 1": lambda torch, x: x.flatten(0, -2),
    "flatten crossed": lambda torch, x: x.flatten(2, 1),
    "ravel":      lambda torch, x: x.ravel(),
    "unflatten":  lambda torch, x: x.unflatten(2, (2, -1)),
    "squeeze":    lambda torch, x: x.unsqueeze(1).squeeze(),
    "squeeze dim": lambda torch, x: x.unsqueeze(-1).squeeze(-1),
    "squeeze no-op": lambda torch, x: torch.squeeze(x, 1),
    "squeeze dims": lambda torch, x: x[:, None, None].squeeze((1, 2)),
    "squeeze out": lambda torch, x: x.squeeze(3),
    "unsqueeze":  lambda torch, x: torch.unsqueeze(x, -2),
    "unsqueeze out": lambda torch, x: x.unsqueeze(5),
    "transpose":  lambda torch, x: torch.transpose(x, 0, -1),
    "transpose same": lambda torch, x: x.transpose(1, 1),
    "transpose out": lambda torch, x: x.transpose(0, 3),
    "mT":         lambda torch, x: x.mT,
    "t":          lambda torch, x: x[0].t(),
    "t of 3-d":   lambda torch, x: x.t(),
    "t of 1-d":   lambda torch, x: x[0, 0].t(),
    "T":          lambda torch, x: x[0].T,
    "permute":    lambda torch, x: x.permute(2, 0, 1),
    "permute list": lambda torch, x: torch.permute(x, (1, -1, 0)),
    "permute twice": lambda torch, x: x.permute(0, 0, 1),
    "permute short": lambda torch, x: x.permute(0, 1),
    "movedim":    lambda torch, x: torch.movedim(x, 0, -1),
    "movedim several": lambda torch, x: x.movedim((0, 1), (2, 0)),
    "swapaxes":   lambda torch, x: x.swapaxes(0, 1),
    "expand":     lambda torch, x: x[:, :1].expand(5, 2, 3, 4),
    "expand -1":  lambda torch, x: x[:, :1].expand(-1, 3, -1),
    "expand bad": lambda torch, x: x.expand(2, 5, 4),
    "expand few": lambda torch, x: x.expand(3, 4),
    "expand_as":  lambda torch, x: x[:1].expand_as(x),
    "broadcast_to": lambda torch, x: torch.broadcast_to(x[:, :, :1], (2, 3, 5)),
    "cat":        lambda torch, x: torch.cat([x, x * 2, x[:, :1]], dim=1),
    "cat -1":     lambda torch, x: torch.cat((x, x), -1),
    "cat empty":  lambda torch, x: torch.cat([x.new_zeros(0), x]),
    "cat promoted": lambda torch, x: torch.cat([x, torch.ones(2, 3, 1, dtype=torch.float64)], 2),
    "cat sizes":  lambda torch, x: torch.cat([x, x[:, :2]], 2),
    "cat ndims":  lambda torch, x: torch.cat([x, x[0]], 0),
    "cat 0-d":    lambda torch, x: torch.cat([x.sum(), x.sum()]),
    "cat nothing": lambda torch, x: torch.cat([]),
    "stack":      lambda torch, x: torch.stack([x, -x, x * x], 1),
    "stack -1":   lambda torch, x: torch.stack((x, -x), dim=-1),
    "stack sizes": lambda torch, x: torch.stack([x, x[:1]]),
    "stack nothing": lambda torch, x: torch.stack([]),
    "split":      lambda torch, x: x.split(3, -1),
    "split sizes": lambda torch, x: torch.split(x, [1, 2], dim=1),
    "split bad":  lambda torch, x: x.split([1, 1], 1),
    "split 0":    lambda torch, x: x.split(0, 1),
    "split negative": lambda torch, x: x.split(-1, 1),
    "chunk":      lambda torch, x: torch.chunk(x, 3, 2),
    "chunk 0":    lambda torch, x: x.chunk(0),
    "unbind":     lambda torch, x: x.unbind(1),
    "unbind -1":  lambda torch, x: torch.unbind(x, -1)[2],
    "iter":       lambda torch, x: list(x),
    "unpack":     lambda torch, x: (lambda a, b: a * b)(*x),
    "flip":       lambda torch, x: x.flip(0, -1),
    "flip list":  lambda torch, x: torch.flip(x, [1]),
    "flip twice": lambda torch, x: x.flip(0, 0),
    "roll":       lambda torch, x: x.roll(2),
    "roll dims":  lambda torch, x: torch.roll(x, (1, -2), (0, 2)),
    "roll out":   lambda torch, x: x.roll(1, 3),
    "repeat":     lambda torch, x: x.repeat(2, 1, 3),
    "repeat more": lambda torch, x: x.repeat(2, 1, 1, 2),
    "repeat 0":   lambda torch, x: x.repeat(1, 0, 1),
    "repeat few": lambda torch, x: x.repeat(2, 2),
    "tril":       lambda torch, x: x.tril(),
    "tril 1":     lambda torch, x: torch.tril(x, 1),
    "triu -1":    lambda torch, x: torch.triu(x, diagonal=-1),
    "tril 1-d":   lambda torch, x: x[0, 0].tril(),
    "diagonal":   lambda torch, x: x.diagonal(),
    "diagonal 1": lambda torch, x: torch.diagonal(x, 1, -1, 0),
    "diagonal same": lambda torch, x: x.diagonal(0, 1, 1),
    "diag 1":     lambda torch, x: x[0, 0].diag(1),
    "narrow":     lambda torch, x: x.narrow(2, 1, 2),
    "narrow -1":  lambda torch, x: torch.narrow(x, -1, -3, 2),
    "narrow far": lambda torch, x: x.narrow(2, 2, 3),
    "select":     lambda torch, x: x.select(1, -1),
    "select out": lambda torch, x: x.select(1, 3),
    "unique":     lambda torch, x: torch.unique(x.detach() > 0),
    "unique all": lambda torch, x: torch.unique(x.detach().round() + 0, return_inverse=True, return_counts=True),
    "contiguous": lambda torch, x: x.transpose(0, 1).contiguous(),
    "broadcast_tensors": lambda torch, x: torch.broadcast_tensors(x, x[:, :1], x[0, 0, 0]),
    "stride":     lambda torch, x: (x.stride(), x.mT.stride(), x.permute(2, 0, 1).stride(1), x.mT.is_contiguous()),
    "shape":      lambda torch, x: (list(x.shape), x.size(-1), x.numel(), len(x), x.dim(), x.shape.numel()),
    "tolist":     lambda torch, x: x.detach().round().tolist(),
    "view_as":    lambda torch, x: x.view_as(x.new_zeros(6, 4)),
    "view dtype": lambda torch, x: x.detach().view(torch.uint8) if x.element_size() == 1 else x.ndim,
    "nonzero":    lambda torch, x: (x > 0).nonzero(),
    "nonzero tuple": lambda torch, x: torch.where(x > 0),
    "new":        lambda torch, x: (x.new_zeros(2, 3), x.new_ones((2,)), x.new_full((2, 1), 3), x.new_tensor([1, 2])),
}

# the names of the operations that torch composes these of are not compared
COMPOSED_SHAPES = {
    "reshape of t": lambda torch, x: x.transpose(0, 2).reshape(-1),
    "diag":       lambda torch, x: torch.diag(x[0]),
    "diag -1":    lambda torch, x: x[1].diag(-1),
    "dots alone": lambda torch, x: x[...],
    "empty tuple": lambda torch, x: x[()],
}

REARRANGED = {
    "tile":       lambda torch, x: torch.tile(x, (2, 1)),
    "repeat_interleave": lambda torch, x: torch.repeat_interleave(x, 2),
    "repeat_interleave counts": lambda torch, x: x.repeat_interleave(torch.tensor([1, 0, 2]), dim=1),
    "unfold":     lambda torch, x: x.unfold(2, 2, 1),
    "unfold step": lambda torch, x: x.unfold(-2, 2, 2) * 2,
    "unfold far": lambda torch, x: x.unfold(1, 5, 1),
    "tensor_split": lambda torch, x: torch.tensor_split(x, 3, 2),
    "tensor_split places": lambda torch, x: x.tensor_split((1, 3), -1),
    "hsplit":     lambda torch, x: torch.hsplit(x, 3),
    "vsplit":     lambda torch, x: torch.vsplit(x, [1]),
    "dsplit bad": lambda torch, x: torch.dsplit(x, 3),
    "diag_embed": lambda torch, x: torch.diag_embed(x, 1, 0, -1),
    "diagflat":   lambda torch, x: torch.diagflat(x[0, 0], -1),
    "trace":      lambda torch, x: torch.trace(x[0]),
    "rot90":      lambda torch, x: torch.rot90(x, 1, (1, 2)),
    "rot90 -1":   lambda torch, x: x.rot90(-1, (0, 2)),
    "fliplr":     lambda torch, x: torch.fliplr(x),
    "flipud":     lambda torch, x: torch.flipud(x),
    "select_scatter": lambda torch, x: torch.select_scatter(x, x[0] * 2, 0, 1),
    "slice_scatter": lambda torch, x: torch.slice_scatter(x, x[:, :, :2] * 2, 2, 1, None, 2),
    "diagonal_scatter": lambda torch, x: torch.diagonal_scatter(x, x[:, 0, :3] * 2, 0, 1, 2),
    "sum_to_size": lambda torch, x: x.sum_to_size(3, 1),
    "atleast_3d": lambda torch, x: torch.atleast_3d(x[0], x[0, 0], x[0, 0, 0]),
    "hstack":     lambda torch, x: torch.hstack([x, x * 2]),
    "vstack":     lambda torch, x: torch.vstack([x[0], x[0, 0]]),
    "dstack":     lambda torch, x: torch.dstack([x[0], x[1]]),
    "column_stack": lambda torch, x: torch.column_stack([x[0], x[0, :, 0]]),
    "block_diag": lambda torch, x: torch.block_diag(x[0], x[0, 0], x[0, 0, 0]),
    "meshgrid":   lambda torch, x: torch.meshgrid(x[0, 0], x[0, :, 0], indexing="xy"),
    "cartesian_prod": lambda torch, x: torch.cartesian_prod(x[0, 0], x[0, :, 0]),
    "combinations": lambda torch, x: torch.combinations(x[0, 0], 3),
    "tril_indices": lambda torch, x: torch.tril_indices(3, 4, 1),
    "triu_indices": lambda torch, x: torch.triu_indices(3, 4, -1),
    "broadcast_shapes": lambda torch, x: tuple(torch.broadcast_shapes((3, 1), x.shape)),
}
PLACED = {
    "take":       lambda torch, x: torch.take(x, torch.tensor([[0, -1], [5, 5]])),
    "take_along_dim": lambda torch, x: torch.take_along_dim(x, torch.tensor([[1], [0], [3]]), 1),
    "put":        lambda torch, x: torch.put(x, torch.tensor([1, -1]), x[0, :2] * 2),
    "put accumulate": lambda torch, x: x.put(torch.tensor([1, 1]), x[0, :2] * 2, accumulate=True),
    "index_add":  lambda torch, x: torch.index_add(x, 0, torch.tensor([1, 1]), x[:2], alpha=2),
    "index_copy": lambda torch, x: torch.index_copy(x, 1, torch.tensor([3, 0]), x[:, :2] * 2),
    "index_fill": lambda torch, x: torch.index_fill(x, 1, torch.tensor([3, 3, 0]), x[0, 0]),
    "scatter":    lambda torch, x: torch.scatter(x, 1, torch.tensor([[3, 0], [1, 2]]), x[:2, :2] * 2),
    "scatter number": lambda torch, x: x.scatter(0, torch.tensor([[2, 0]]), 7),
    "scatter multiply": lambda torch, x: x.detach().scatter(0, torch.tensor([[2, 2]]), 3, reduce="multiply"),
    "masked_scatter": lambda torch, x: torch.masked_scatter(x, x > 0, x * 2),
    **{
        f"scatter_reduce {how} {own}": lambda torch, x, how=how, own=own: torch.scatter_reduce(x, 0, torch.tensor([[0, 1, 0, 2], [0, 1, 2, 2]]), x[1:] * 2, how, include_self=own)
        for how in ("sum", "prod", "mean", "amax", "amin")
        for own in (True, False)
    },
    "scatter_reduce ties": lambda torch, x: torch.scatter_reduce(x, 0, torch.tensor([[0, 1, 0, 2], [0, 1, 0, 2]]), x[0].expand(2, 4), "amax"),
}
PLACED_ONCE = {  # torch has no second derivatives where a product has two zeros
    "scatter_reduce zero": lambda torch, x: torch.scatter_reduce(x, 0, torch.tensor([[0, 0, 0, 2], [0, 1, 0, 2]]), x[1:] * torch.tensor([0, 1, 1, 1]), "prod"),
}

# --- products of matrices

PRODUCTS = {
    "mm":         (lambda torch, a, b: torch.mm(a, b), normal(3, 4), normal(4, 5)),
    "mm inner 1": (lambda torch, a, b: a.mm(b), normal(3, 1), normal(1, 5)),
    "mm empty":   (lambda torch, a, b: a @ b, normal(3, 0), normal(0, 5)),
    "mm bad":     (lambda torch, a, b: a @ b, normal(3, 4), normal(3, 4)),
    "mm 1-d":     (lambda torch, a, b: torch.mm(a, b), normal(3, 4), normal(4)),
    "mm self":    (lambda torch, a: a @ a.T, normal(3, 4)),
    "matmul 1 1": (lambda torch, a, b: a @ b, normal(4), normal(4)),
    "matmul 2 1": (lambda torch, a, b: a @ b, normal(3, 4), normal(4)),
    "matmul 0-d": (lambda torch, a, b: a @ b, normal(), normal(3)),
    "matmul bad 1": (lambda torch, a, b: a @ b, normal(3), normal(4)),
    "matmul bad 2": (lambda torch, a, b: a @ b, normal(2, 3), normal(4)),
    "matmul bad 3": (lambda torch, a, b: a @ b, normal(2, 3, 4), normal(2, 3, 4)),
    "matmul bad 4": (lambda torch, a, b: a @ b, normal(2, 3, 4), normal(3, 4, 2)),
    "matmul bad 5": (lambda torch, a, b: a @ b, normal(2, 3, 4), normal(3, 2)),
    "matmul bad 7": (lambda torch, a, b: a @ b, normal(4), normal(3, 4)),
    "matmul number": (lambda torch, a: a @ 2, normal(3, 4)),
    "bmm":        (lambda torch, a, b: torch.bmm(a, b), normal(2, 3, 4), normal(2, 4, 5)),
    "bmm bad":    (lambda torch, a, b: torch.bmm(a, b), normal(2, 3, 4), normal(3, 4, 5)),
    "bmm 2-d":    (lambda torch, a, b: torch.bmm(a, b), normal(3, 4), normal(4, 5)),
    "dot":        (lambda torch, a, b: torch.dot(a, b), normal(5), normal(5)),
    "dot 2-d":    (lambda torch, a, b: a.dot(b), normal(5, 1), normal(5)),
    "dot bad":    (lambda torch, a, b: a.dot(b), normal(5), normal(4)),
    "mv":         (lambda torch, a, b: torch.mv(a, b), normal(3, 4), normal(4)),
    "mv bad":     (lambda torch, a, b: torch.mv(a, b), normal(3, 4), normal(3)),
    "mv 1-d":     (lambda torch, a, b: torch.mv(a, b), normal(4), normal(4)),
    "addmm":      (lambda torch, c, a, b: torch.addmm(c, a, b), normal(5), normal(3, 4), normal(4, 5)),
    "addmm full": (lambda torch, c, a, b: torch.addmm(c, a, b, beta=2, alpha=3), normal(3, 1), normal(3, 4), normal(4, 5)),
    "addmm bad":  (lambda torch, c, a, b: torch.addmm(c, a, b), normal(5), normal(3, 4), normal(3, 5)),
    "addmm shape": (lambda torch, c, a, b: torch.addmm(c, a, b), normal(4), normal(3, 4), normal(4, 5)),
    "linear":     (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), normal(5, 4), normal(3, 4), normal(3)),
    "linear no bias": (lambda torch, x, w: torch.nn.functional.linear(x, w), normal(5, 4), normal(3, 4)),
    "linear 1 feature": (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), normal(5, 1), normal(3, 1), normal(3)),
    "linear 1-d": (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), normal(4), normal(3, 4), normal(3)),
    "linear 3-d": (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), normal(2, 5, 4), normal(3, 4), normal(3)),
    "linear empty": (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), normal(0, 4), normal(3, 4), normal(3)),
    "linear twice": (lambda torch, x, w, v: torch.nn.functional.linear(torch.nn.functional.linear(x, w).relu(), v).exp(), normal(5, 2), normal(3, 2), normal(4, 3)),
    "linear then layout": (lambda torch, x, w: (lambda y: (y.view(-1), y.stride(), y[1:].T, y.is_contiguous()))(torch.nn.functional.linear(x, w)), normal(5, 4), normal(3, 4)),
    "linear bad": (lambda torch, x, w: torch.nn.functional.linear(x, w), normal(5, 4), normal(3, 5)),
    "linear bad bias": (lambda torch, x, w, b: torch.nn.functional.linear(x, w, b), normal(5, 4), normal(3, 4), normal(4)),
}

COMPOSED_PRODUCTS = {
    "matmul 1 2": (lambda torch, a, b: a @ b, normal(4), normal(4, 3)),
    "matmul 3 3": (lambda torch, a, b: torch.matmul(a, b), normal(2, 3, 4), normal(2, 4, 5)),
    "matmul 3 2": (lambda torch, a, b: a @ b, normal(2, 3, 4), normal(4, 5)),
    "matmul 2 3": (lambda torch, a, b: a @ b, normal(3, 4), normal(2, 4, 5)),
    "matmul 1 3": (lambda torch, a, b: a @ b, normal(4), normal(2, 4, 5)),
    "matmul 3 1": (lambda torch, a, b: a @ b, normal(2, 3, 4), normal(4)),
    "matmul broadcast": (lambda torch, a, b: a @ b, normal(2, 1, 3, 4), normal(5, 4, 2)),
    "matmul empty": (lambda torch, a, b: a @ b, normal(2, 3, 0), normal(2, 0, 4)),
    "einsum mm":  (lambda torch, a, b: torch.einsum("ij,jk->ik", a, b), normal(3, 4), normal(4, 5)),
    "einsum implicit": (lambda torch, a, b: torch.einsum("ij,jk", a, b), normal(3, 4), normal(4, 5)),
    "einsum sum": (lambda torch, a: torch.einsum("ij->j", a), normal(3, 4)),
    "einsum all": (lambda torch, a: torch.einsum("ij->", a), normal(3, 4)),
    "einsum t":   (lambda torch, a: torch.einsum("ij->ji", a), normal(3, 4)),
    "einsum trace": (lambda torch, a: torch.einsum("ii->", a), normal(3, 3)),
    "einsum diagonal": (lambda torch, a: torch.einsum("iji->ij", a), normal(3, 4, 3)),
    "einsum outer": (lambda torch, a, b: torch.einsum("i,j->ij", a, b), normal(3), normal(4)),
    "einsum batch": (lambda torch, a, b: torch.einsum("bij,bjk->bik", a, b), normal(2, 3, 4), normal(2, 4, 5)),
    "einsum dots": (lambda torch, a, b: torch.einsum("...ij,...jk->...ik", a, b), normal(2, 3, 4), normal(4, 5)),
    "einsum three": (lambda torch, a, b, c: torch.einsum("ij,jk,kl->il", a, b, c), normal(2, 3), normal(3, 4), normal(4, 5)),
    "einsum summed": (lambda torch, a, b: torch.einsum("ij,k->i", a, b), normal(3, 4), normal(5)),
    "einsum list": (lambda torch, a, b: torch.einsum("ij,ij->i", [a, b]), normal(3, 4), normal(3, 4)),
    "einsum ones": (lambda torch, a, b: torch.einsum("ij,ij->ij", a, b), normal(3, 1), normal(3, 4)),
    "einsum few": (lambda torch, a: torch.einsum("ij,jk->ik", a), normal(3, 4)),
    "einsum many": (lambda torch, a, b: torch.einsum("ij->i", a, b), normal(3, 4), normal(3, 4)),
    "einsum ndim": (lambda torch, a, b: torch.einsum("ij,jk->ik", a, b), normal(3), normal(3)),
    "einsum sizes": (lambda torch, a, b: torch.einsum("ij,jk->ik", a, b), normal(3, 4), normal(3, 4)),
    "einsum output": (lambda torch, a: torch.einsum("ij->ik", a), normal(3, 4)),
}

def _symmetric(x):
    return x @ x.mT + 2 * x.new_ones(x.shape[-1]).diag()


def _spread(torch, x):
    """With singular values far from 0 and from each other, which derivatives divide by."""
    return x * 0.3 + torch.tensor([2.0, 5.0, 9.0], dtype=x.dtype).diag()


LINEAR_ALGEBRA = {
    "addmv":      lambda torch, x: torch.addmv(x[0], x, x[1], beta=2, alpha=3),
    "addr":       lambda torch, x: torch.addr(x, x[0], x[1], beta=0.5),
    "baddbmm":    lambda torch, x: torch.baddbmm(x, x.expand(2, 3, 3), x.expand(2, 3, 3), alpha=2),
    "addbmm":     lambda torch, x: torch.addbmm(x, x.expand(2, 3, 3), x.expand(2, 3, 3), beta=0),
    "outer":      lambda torch, x: torch.outer(x[0], x[1]),
    "outer bad":  lambda torch, x: torch.outer(x, x[1]),
    "inner":      lambda torch, x: torch.inner(x, x[1]),
    "kron":       lambda torch, x: torch.kron(x, x[:2]),
    "cross":      lambda torch, x: torch.linalg.cross(x, x[1].expand(3, 3)),
    "dist":       lambda torch, x: torch.dist(x, x[0], 3),
    "cov":        lambda torch, x: torch.cov(x),
    "cov weights": lambda torch, x: torch.cov(x, fweights=torch.tensor([1, 2, 3]), aweights=torch.tensor([0.5, 1.0, 2.0], dtype=x.dtype)),
    "corrcoef":   lambda torch, x: torch.corrcoef(x),
    "renorm":     lambda torch, x: torch.renorm(x, 2, 0, 0.5),
    "tensordot":  lambda torch, x: torch.tensordot(x, x.expand(2, 3, 3), ([0, 1], [2, 1])),
    "multi_dot":  lambda torch, x: torch.linalg.multi_dot([x[0], x, x[:, :2], x[:2, 0]]),
    "linalg.vander": lambda torch, x: torch.linalg.vander(x, N=3),
    "vecdot":     lambda torch, x: torch.linalg.vecdot(x, x[0], dim=0),
    "inv":        lambda torch, x: torch.linalg.inv(_symmetric(x)),
    "inv bad":    lambda torch, x: torch.linalg.inv(x[:2]),
    "solve":      lambda torch, x: torch.linalg.solve(_symmetric(x), x[:, :2]),
    "solve vector": lambda torch, x: torch.linalg.solve(_symmetric(x), x[0]),
    "solve right": lambda torch, x: torch.linalg.solve(_symmetric(x), x[:2], left=False),
    "det":        lambda torch, x: torch.linalg.det(x),
    "slogdet":    lambda torch, x: tuple(torch.linalg.slogdet(x)),
    "logdet":     lambda torch, x: torch.logdet(_symmetric(x)),
    "cholesky":   lambda torch, x: torch.linalg.cholesky(_symmetric(x)),
    "matrix_power": lambda torch, x: torch.linalg.matrix_power(x, 5),
    "matrix_power -2": lambda torch, x: torch.linalg.matrix_power(_symmetric(x), -2),
    "eigh":       lambda torch, x: torch.linalg.eigh(_spread(torch, x) + _spread(torch, x).mT).eigenvectors.abs(),
    "eigvalsh":   lambda torch, x: torch.linalg.eigvalsh(_spread(torch, x)),
    "svd":        lambda torch, x: [part.abs() for part in torch.linalg.svd(_spread(torch, x)[:2], full_matrices=False)],
    "svd high":   lambda torch, x: [part.abs() for part in torch.linalg.svd(_spread(torch, x)[:, :2], full_matrices=False)],
    "svdvals":    lambda torch, x: torch.linalg.svdvals(x),
    "qr":         lambda torch, x: tuple(torch.linalg.qr(_spread(torch, x))),
    "qr wide":    lambda torch, x: tuple(torch.linalg.qr(_spread(torch, x)[:2])),
    "pinv":       lambda torch, x: torch.linalg.pinv(x[:2]),
    "pinv high":  lambda torch, x: torch.linalg.pinv(x[:, :2]),
    "matrix_rank": lambda torch, x: torch.linalg.matrix_rank(torch.outer(x[0], x[1])),
    **{
        f"matrix_norm {ord}": lambda torch, x, ord=ord: torch.linalg.matrix_norm(x, ord)
        for ord in ("fro", "nuc", INF, -INF, 1, -1, 2, -2)
    },
    "norm nuc":   lambda torch, x: x.norm("nuc"),
    "linalg.norm": lambda torch, x: torch.linalg.norm(x, 1),
    "vector_norm": lambda torch, x: torch.linalg.vector_norm(x, 3, dim=0),
    "vector_norm of 0": lambda torch, x: torch.linalg.vector_norm(x * 0),
}
ONCE = {  # torch has no second derivatives of these, or of a perturbed matrix
    "cdist":      lambda torch, x: torch.cdist(x, x[:2] * 2),
    "vander":     lambda torch, x: torch.vander(x[0].detach(), 4),  # backward fails in torch: it overwrites what it saved
    "det singular": lambda torch, x: torch.linalg.det(x.diag().diag()[[0, 1, 1]] * 1),
}

# --- reading and writing chosen places

PLACES = {
    "int":        (lambda torch, x: x[1], normal(3, 4)),
    "-1":         (lambda torch, x: x[-1], normal(3, 4)),
    "two ints":   (lambda torch, x: x[1, -2], normal(3, 4)),
    "slice":      (lambda torch, x: x[1:], normal(3, 4)),
    "slices":     (lambda torch, x: x[::2, 1:-1], normal(3, 4)),
    "none":       (lambda torch, x: x[None], normal(3, 4)),
    "none inside": (lambda torch, x: x[:, None, 1:], normal(3, 4)),
    "dots":       (lambda torch, x: x[..., 1], normal(2, 3, 4)),
    "whole":      (lambda torch, x: x[:], normal(3, 4)),
    "empty slice": (lambda torch, x: x[3:], normal(3, 4)),
    "list":       (lambda torch, x: x[[0, 2]], normal(3, 4)),
    "empty list": (lambda torch, x: x[[]], normal(3, 4)),
    "tensor":     (lambda torch, x, i: x[i], normal(3, 4), integers(3, 5)),
    "matrix of places": (lambda torch, x, i: x[i], normal(3, 4), integers(3, 2, 5)),
    "two tensors": (lambda torch, x, i, j: x[i, j], normal(3, 4), integers(3, 5), integers(4, 5)),
    "tensors broadcast": (lambda torch, x, i, j: x[i, j], normal(3, 4), integers(3, 5, 1), integers(4, 2)),
    "tensors apart": (lambda torch, x, i, j: x[i, :, j], normal(3, 4, 5), integers(3, 6), integers(5, 6)),
    "int and tensor": (lambda torch, x, i: x[0, :, i], normal(3, 4, 5), integers(5, 6)),
    "none and tensor": (lambda torch, x, i: x[None, :, i], normal(3, 4, 5), integers(4, 6)),
    "slice and tensor": (lambda torch, x, i: x[1:, i], normal(3, 4), integers(4, 6)),
    "negative places": (lambda torch, x, i: x[i - 3], normal(3, 4), integers(3, 6)),
    "mask":       (lambda torch, x, m: x[m], normal(3, 4), mask(3, 4)),
    "mask of rows": (lambda torch, x, m: x[m], normal(3, 4), mask(3)),
    "mask and int": (lambda torch, x, m: x[m, 1], normal(3, 4), mask(3)),
    "mask inside": (lambda torch, x, m: x[:, m], normal(3, 4), mask(4)),
    "x > 0":      (lambda torch, x: x[x > 0], normal(3, 4)),
    "True":       (lambda torch, x: x[True], normal(3, 4)),
    "False":      (lambda torch, x: x[False], normal(3, 4)),
    "0-d tensor": (lambda torch, x: x[torch.tensor(1)], normal(3, 4)),
    "0-d":        (lambda torch, x: x[None, ...], normal()),
    "mask bad":   (lambda torch, x, m: x[m], normal(3, 4), mask(4)),
    "int far":    (lambda torch, x: x[0, 4], normal(3, 4)),
    "tensor far": (lambda torch, x: x[:, torch.tensor([0, 4])], normal(3, 4)),
    "many":       (lambda torch, x: x[0, 0, 0], normal(3, 4)),
    "float":      (lambda torch, x: x[1.0], normal(3, 4)),
    "text":       (lambda torch, x: x["a"], normal(3, 4)),
    "negative step": (lambda torch, x: x[::-1], normal(3, 4)),
    "places of 0-d": (lambda torch, x: x[0], normal()),
    "places mismatch": (lambda torch, x, i, j: x[i, j], normal(3, 4), integers(3, 5), integers(4, 2)),
    "gather":     (lambda torch, x, i: torch.gather(x, 1, i), normal(3, 4), integers(4, 3, 6)),
    "gather 0":   (lambda torch, x, i: x.gather(0, i), normal(3, 4), integers(3, 5, 2)),
    "gather -1":  (lambda torch, x, i: x.gather(-1, i), normal(2, 3, 4), integers(4, 2, 1, 3)),
    "gather far": (lambda torch, x: x.gather(0, torch.tensor([[5]])), normal(3, 4)),
    "gather ndim": (lambda torch, x: x.gather(0, torch.tensor([0])), normal(3, 4)),
    "gather size": (lambda torch, x, i: x.gather(0, i), normal(3, 4), integers(3, 2, 5)),
    "gather 0-d": (lambda torch, x: x.gather(0, torch.tensor(0)), normal()),
    "scatter_add": (lambda torch, x, i, s: torch.scatter_add(x, 0, i, s), normal(3, 4), integers(3, 5, 4), normal(5, 4)),
    "scatter_add 1": (lambda torch, x, i, s: x.scatter_add(1, i, s), normal(3, 4), integers(4, 2, 3), normal(2, 3)),
    "scatter_add far": (lambda torch, x, s: x.scatter_add(0, torch.tensor([[7]]), s), normal(3, 4), normal(3, 4)),
    "index_select": (lambda torch, x, i: torch.index_select(x, 0, i), normal(3, 4), integers(3, 5)),
    "index_select -1": (lambda torch, x, i: x.index_select(-1, i), normal(3, 4), integers(4, 5)),
    "index_select far": (lambda torch, x: x.index_select(0, torch.tensor([3])), normal(3, 4)),
    "masked_select": (lambda torch, x, m: torch.masked_select(x, m), normal(3, 4), mask(3, 4)),
    "masked_select 0-d": (lambda torch, x, m: torch.masked_select(x, m), normal(), mask()),
    "masked_select broadcast": (lambda torch, x, m: x.masked_select(m), normal(3, 4), mask(4)),
    "masked_fill": (lambda torch, x, m: x.masked_fill(m, -1.5), normal(3, 4), mask(4)),
    "masked_fill tensor": (lambda torch, x, m, v: x.masked_fill(m, v), normal(3, 4), mask(3, 4), normal()),
    "masked_fill up": (lambda torch, x, m: x.masked_fill(m, 2), normal(4), mask(3, 4)),
    "masked_fill int mask": (lambda torch, x, i: x.masked_fill(i, 0.0), normal(3, 4), integers(2, 3, 4)),
    "masked_fill vector": (lambda torch, x, m, v: x.masked_fill(m, v), normal(3, 4), mask(3, 4), normal(4)),
    "index_put":  (lambda torch, x, i, v: x.index_put((i,), v), normal(4, 3), values([0, 2]), normal(2, 3)),
    "index_put accumulate": (lambda torch, x, i, v: x.index_put((i,), v, accumulate=True), normal(4, 3), integers(4, 6), normal(3)),
    "where":      (lambda torch, m, a, b: torch.where(m, a, b), mask(3, 1), normal(4), normal(3, 4)),
    "where numbers": (lambda torch, m: torch.where(m, 1.0, 2.0), mask(3, 4)),
    "where left number": (lambda torch, m, b: torch.where(m, 1.0, b), mask(3, 4), normal(4)),
    "where infinite": (lambda torch, m, a: torch.where(m, a, float("-inf")), mask(3, 4), normal(4)),
    "where float condition": (lambda torch, a: torch.where(a, a, a), normal(4)),
    "set int":    (lambda torch, x, v: _set(x, 1, v), normal(3, 4), normal(4)),
    "set number": (lambda torch, x: _set(x, (slice(1, None), 0), 7), normal(3, 4)),
    "set slice":  (lambda torch, x, v: _set(x, (slice(None), slice(1, 3)), v), normal(3, 4), normal(3, 1)),
    "set mask":   (lambda torch, x, m: _set(x, m, 0.0), normal(3, 4), mask(3, 4)),
    "set mask values": (lambda torch, x, v: _set(x, torch.tensor([True, False, True]), v), normal(3, 4), normal(2, 4)),
    "set places": (lambda torch, x, v: _set(x, torch.tensor([2, 0]), v), normal(3, 4), normal(2, 4)),
    "set two":    (lambda torch, x, v: _set(x, (torch.tensor([2, 0]), torch.tensor([1, 3])), v), normal(3, 4), normal(2)),
    "set below int": (lambda torch, x, v: _set(x, (1, torch.tensor([3, 0])), v), normal(3, 4), normal(2)),
    "set everything": (lambda torch, x, v: _set(x, ..., v), normal(3, 4), normal(4)),
    "set extra ones": (lambda torch, x, v: _set(x, 0, v), normal(3, 4), normal(1, 1, 4)),
    "set bad":    (lambda torch, x, v: _set(x, slice(None), v), normal(3, 4), normal(3)),
    "set bad places": (lambda torch, x, v: _set(x, torch.tensor([0, 1]), v), normal(3, 4), normal(3)),
}


def _set(x, index, value):
    out = x * 2
    out[index] = value
    return out


# --- in place, on a copy and on a view of it

WRITES = {
    "add_":       lambda torch, x: x.clone().add_(2),
    "add_ alpha": lambda torch, x: x.clone().add_(x, alpha=2),
    "sub_":       lambda torch, x: x.clone().sub_(x * x),
    "mul_":       lambda torch, x: x.clone().mul_(x),
    "div_":       lambda torch, x: x.clone().div_(x * x + 1),
    "pow_":       lambda torch, x: x.clone().pow_(2),
    "iadd":       lambda torch, x: _operate(x, "__iadd__", 2),
    "isub":       lambda torch, x: _operate(x, "__isub__", x.detach()),
    "imul":       lambda torch, x: _operate(x, "__imul__", x[0]),
    "itruediv":   lambda torch, x: _operate(x, "__itruediv__", 3),
    "ifloordiv":  lambda torch, x: _operate(x.detach(), "__ifloordiv__", 2),
    "imod":       lambda torch, x: _operate(x.detach(), "__imod__", 2),
    "ipow":       lambda torch, x: _operate(x, "__ipow__", 3),
    "exp_":       lambda torch, x: (x * 1).exp_(),
    "tanh_":      lambda torch, x: (x * 1).tanh_() * 3,
    "erf_":       lambda torch, x: (x * 1).erf_() * 3,
    "sigmoid_":   lambda torch, x: (x * 1).sigmoid_().add_(1),
    "relu_":      lambda torch, x: (x * 1).relu_(),
    "sqrt_":      lambda torch, x: (x * x).sqrt_(),
    "abs_":       lambda torch, x: (x * 1).abs_(),
    "neg_":       lambda torch, x: (x * 1).neg_(),
    "clamp_":     lambda torch, x: (x * 1).clamp_(-1, 1),
    "zero_":      lambda torch, x: (x * 1).zero_() + x,
    "fill_":      lambda torch, x: (x * 1).fill_(3),
    "fill_ tensor": lambda torch, x: (x * 1).fill_(x.sum()),
    "copy_":      lambda torch, x: torch.zeros(2, *x.shape, dtype=x.dtype).copy_(x),
    "copy_ cast": lambda torch, x: torch.zeros(x.shape, dtype=torch.float64).copy_(x),
    "masked_fill_": lambda torch, x: (x * 1).masked_fill_(x > 0, 9),
    "scatter_add_": lambda torch, x: (x * 1).scatter_add_(0, torch.tensor([[0, 1, 0, 2]]), x[:1] * 1),
    "index_put_": lambda torch, x: (x * 1).index_put_((torch.tensor([0, 0]),), x[1:], accumulate=True),
    "tril_":      lambda torch, x: (x * 1).tril_(),
    "view of it": lambda torch, x: _through(x * 1, lambda y: y[1:].mul_(x[0])),
    "view of view": lambda torch, x: _through(x * 1, lambda y: y[1:][:, 1].exp_()),
    "transposed": lambda torch, x: _through(x * 1, lambda y: y.t().add_(x.t() * 2)),
    "diagonal":   lambda torch, x: _through(x * 1, lambda y: y.diagonal().mul_(5)),
    "slice +=":   lambda torch, x: _through(x * 1, lambda y: y.__setitem__(0, y[0] + x[1])),
    "after":      lambda torch, x: (lambda y: (lambda v: (y.mul_(2), v * x[0])[1])(y[0]))(x * 1),
    "before and after": lambda torch, x: (lambda y: (lambda v: (v.mul_(x[1]), y.sum() + (v * v).sum())[1])(y[0]))(x * 1),
    "no history": lambda torch, x: _through(torch.zeros(x.shape, dtype=x.dtype), lambda y: y[0].copy_(x[1])),
    "unbind":     lambda torch, x: _through(x * 1, lambda y: y.unbind()[0].mul_(2)),
    "expanded":   lambda torch, x: x.expand(2, *x.shape).add_(1),
    "leaf":       lambda torch, x: x.add_(1),
    "view of leaf": lambda torch, x: x[0].add_(1),
    "result kept": lambda torch, x: (lambda y: (y.exp(), y.add_(1)))(x * 1)[0],
    "saved overwritten": lambda torch, x: (lambda y, z: (z.add_(1), y)[1])(*(lambda z: (z * z, z))(x * 1)),
    "grows":      lambda torch, x: x[0].clone().add_(x),
}


def _operate(x, method, other):
    return getattr(x.clone(), method)(other)


def _through(y, write):
    write(y)
    return y
# fmt: on


def listed(table: dict[str, tuple], **options) -> Iterable[Case]:
    """The cases of a table whose entries are (function, *inputs)."""
    return (Case(name, function, *inputs, **options) for name, (function, *inputs) in table.items())


CASES: list[Case] = [
    *each(UNARY, PLAIN, dtypes=NUMBERS),
    *each(TRIGONOMETRY, {k: v for k, v in PLAIN.items() if k != "special"}, dtypes=NUMBERS),
    *each(BINARY, PAIRS, dtypes=ALL),
    *each(EXTREMES, PAIRS, dtypes=ALL, scaled=True),
    *each(SPECIAL_UNARY, {k: v for k, v in PLAIN.items() if k != "special"}, dtypes=FLOATS),
    *each(SPECIAL_UNARY, {"special": SPECIAL}, dtypes=FLOATS, second=False, scaled=True, names=False),
    *each(SPECIAL_BINARY, PAIRS, dtypes=FLOATS, scaled=True, names=False),
    *each(
        OF_INTEGERS,
        {k: v for k, v in PAIRS.items() if k not in ("special", "mismatch")},
        dtypes=("float32", "int64", "int16", "uint8"),
    ),
    *each(OF_THREE, TRIPLES, dtypes=(*FLOATS, "int64"), scaled=True),
    *each(RANDOM, {"": (normal(3, 4), normal(4))}),
    *each(BITWISE, {k: v for k, v in PAIRS.items() if k != "mismatch"}, dtypes=ALL),
    *each(LOGICAL, {"of bools": normal(3, 4), "of a bool": normal()}, dtypes=INTEGERS),
    *each(with_options(REDUCTIONS, DIMS | SEVERAL), REDUCED, dtypes=ALL, scaled=True),
    *each(with_options(ONE_REDUCTION, DIMS), REDUCED, dtypes=ALL, scaled=True),
    *each(with_options(PROD, DIMS), FACTORS, dtypes=ALL, scaled=True),
    *each(with_options(SOFTMAX, ONE_DIM), REDUCED, scaled=True, names=False),
    *each(OTHER_REDUCTIONS, {"3-d": normal(3, 4, 5)}, dtypes=ALL, scaled=True),
    *each(with_options(ALONG, ONE_DIM), REDUCED, dtypes=ALL, scaled=True, names=False),
    *each(with_options(TOPK, ONE_DIM), DISTINCT),
    *each(
        with_options({name: f for name, f in RANKED.items() if name not in MOMENTS}, DIMS),
        {name: draw for name, draw in REDUCED.items() if name != "3-d ties"},
        scaled=True,
        names=False,
    ),
    *each(
        with_options({"median": RANKED["median"], "nanmedian": RANKED["nanmedian"]}, {"name": {}}),
        {"3-d": normal(3, 4, 5)},
    ),
    *each(
        with_options({name: RANKED[name] for name in MOMENTS}, DIMS),
        {name: REDUCED[name] for name in ("3-d", "one", "0-d")},
        scaled=True,
        names=False,
    ),
    *each(
        with_options(SCANS, ONE_DIM),
        {name: FACTORS[name] for name in ("3-d", "zeros", "nan", "one")},
        scaled=True,
    ),
    *each(with_options(SCANS, ONE_DIM), {"0-d": normal()}, names=False),
    *each(with_options(MODE, ONE_DIM), {name: FACTORS[name] for name in ("3-d", "zeros", "one")}),
    *each(COUNTS, {"": normal(3, 4)}, scaled=True, names=False),
    *each(SHAPES, {"3-d": normal(2, 3, 4)}, dtypes=ALL),
    *each(COMPOSED_SHAPES, {"3-d": normal(2, 3, 4)}, dtypes=ALL, names=False),
    *each(REARRANGED, {"3-d": normal(2, 3, 4)}, dtypes=(*FLOATS, "int64", "bool"), names=False),
    *each(PLACED, {"": normal(3, 4)}, scaled=True, names=False),
    *each(PLACED_ONCE, {"": normal(3, 4)}, second=False, names=False),
    *listed(PRODUCTS, dtypes=(*FLOATS, "int64"), scaled=True),
    *listed(COMPOSED_PRODUCTS, dtypes=(*FLOATS, "int64"), scaled=True, names=False),
    *each(LINEAR_ALGEBRA, {"": normal(3, 3)}, scaled=True, names=False),
    *each(ONCE, {"": positive(3, 3)}, scaled=True, names=False, second=False),
    *listed(PLACES, dtypes=("float16", *FLOATS, "int64", "bool")),
    *each(WRITES, {"": normal(3, 4)}, dtypes=ALL),
]
