"""Cases for what fewer scripts call: special functions, factors of matrices, the less common placing and
counting. test_ops.py runs them; cases.py has the rest.
"""

import numpy as np

from parity_tests.cases import INF, KINKS, NAN, PAIRS, PLAIN, SPECIAL, each, listed
from parity_tests.harness import FLOATS, Case, normal, positive, values

SMOOTH = {name: draw for name, draw in PLAIN.items() if name not in ("special", "kinks")}
# where torch's values are exact: not at the zeros of lgamma, nor at the poles below 0
ABOVE_0 = {
    "matrix": positive(3, 4),
    "0-d": positive(),
    "empty": normal(0, 3),
    "small and large": values([1e-20, 1e-3, 0.5, 1.0, 1.25, 2.0, 2.5, 3.5, 9.5, 10.0, 12.0, 100.0, 1e10]),
    "poles": values([0.0, -0.0, -1.0, -3.0, INF, NAN]),
}
PARTS = {  # of 1
    "": values([[0.5, 0.25, 0.7], [0.1, 0.9, 1e-10]]),
    "ends": values([0.0, 1.0, -0.5, 1.5, NAN, 1e-3]),
}

# ruff: noqa: E501 - a case is a line
# fmt: off

ELEMENTWISE = {
    "sinh":       lambda torch, x: torch.sinh(x),
    "cosh":       lambda torch, x: torch.cosh(x),
    "exp2":       lambda torch, x: torch.exp2(x),
    "log2":       lambda torch, x: torch.log2(x),
    "frexp":      lambda torch, x: torch.frexp(x),
    "i0":         lambda torch, x: torch.i0(x),
    "i0e":        lambda torch, x: torch.special.i0e(x * 3),
    "i1":         lambda torch, x: torch.special.i1(x),
    "i1e":        lambda torch, x: torch.special.i1e(x * 3),
    "erfcx":      lambda torch, x: torch.special.erfcx(x),
    "log_ndtr":   lambda torch, x: torch.special.log_ndtr(x),
    "ndtr":       lambda torch, x: torch.special.ndtr(x),
    "real":       lambda torch, x: torch.real(x) * x.conj() + torch.resolve_neg(x.resolve_conj()).conj_physical(),
    "isreal":     lambda torch, x: (torch.isreal(x), x.is_conj(), x.is_neg(), x.is_complex(), x.is_signed()),
    "imag":       lambda torch, x: torch.imag(x),
}
GAMMA = {
    "lgamma":     lambda torch, x: torch.lgamma(x),
    "digamma":    lambda torch, x: torch.special.psi(x),
    "polygamma 0": lambda torch, x: torch.polygamma(0, x),
    "polygamma 1": lambda torch, x: torch.polygamma(1, x),
    "polygamma 3": lambda torch, x: x.polygamma(3),
    "polygamma -1": lambda torch, x: torch.polygamma(-1, x),
    "mvlgamma":   lambda torch, x: torch.special.multigammaln(x + 2, 3),
    "mvlgamma 0": lambda torch, x: torch.mvlgamma(x, 0),
}
OF_PARTS = {
    "ndtri":      lambda torch, x: torch.special.ndtri(x),
    "entr":       lambda torch, x: torch.special.entr(x),
}
TWO = {
    "xlog1py":    lambda torch, a, b: torch.special.xlog1py(a, b),
    "zeta":       lambda torch, a, b: torch.special.zeta((a * a + 1.5).detach(), b * b + 0.25),
    "zeta of a graph": lambda torch, a, b: torch.special.zeta(a * a + 1.5, b.detach() ** 2 + 0.25),
}
IN_PLACE = {
    **{
        name: lambda torch, x, name=name: getattr(x.clone(), name)()
        for name in (
            "sinh_", "cosh_", "log2_", "lgamma_", "digamma_", "i0_", "asinh_", "acosh_", "atanh_",
            "exp2_",
            "absolute_", "negative_", "logical_not_", "conj_physical_",
        )
    },
    "polygamma_": lambda torch, x: x.clone().polygamma_(1),
    "torch.exp_": lambda torch, x: torch.exp_(x.clone()),
    "gt_":        lambda torch, x: x.clone().gt_(0.5),
    "less_equal_": lambda torch, x: x.clone().less_equal_(x * 2),
    "logical_and_": lambda torch, x: x.clone().logical_and_(x > 0.5),
    "divide_":    lambda torch, x: x.clone().divide_(3).multiply_(2).subtract_(1),
}
CONJUGATES = {
    "H":          lambda torch, x: x.H * 2,
    "mH":         lambda torch, x: x.expand(2, 3, 4).mH * 2,
    "adjoint":    lambda torch, x: torch.adjoint(x) * 2,
    "H bad":      lambda torch, x: x.expand(2, 3, 4).H,
    "H of a vector": lambda torch, x: x[0].H,
    "mH bad":     lambda torch, x: x[0].mH,
    "adjoint bad": lambda torch, x: x[0].adjoint(),
}
OF_INTEGERS = {
    "<<":         lambda torch, a, b: a << b,
    ">>":         lambda torch, a, b: a >> 1,
    "2 <<":       lambda torch, a, b: 2 << b,
    "100 >>":     lambda torch, a, b: 100 >> b,
    "<<=":        lambda torch, a, b: a.clone().__ilshift__(2),
    ">>=":        lambda torch, a, b: a.clone().__irshift__(1),
    "bool <<":    lambda torch, a, b: (a > 0) << 2,
    "bool >>":    lambda torch, a, b: (a > 0) >> 1,
}

# --- copies of views, and what is placed and counted

COPIES = {
    "alias_copy": lambda torch, x: torch.alias_copy(x),
    "detach_copy": lambda torch, x: torch.detach_copy(x.detach()),
    "diagonal_copy": lambda torch, x: torch.diagonal_copy(x, 1),
    "expand_copy": lambda torch, x: torch.expand_copy(x, (2, 3, 4)),
    "permute_copy": lambda torch, x: (lambda y: (y, y.stride()))(torch.permute_copy(x, (1, 0))),
    "select_copy": lambda torch, x: torch.select_copy(x, 0, 1),
    "slice_copy": lambda torch, x: torch.slice_copy(x, 1, 1, None, 2),
    "split_copy": lambda torch, x: torch.split_copy(x, 2),
    "split_with_sizes_copy": lambda torch, x: torch.split_with_sizes_copy(x, (1, 3), 1),
    "squeeze_copy": lambda torch, x: torch.squeeze_copy(x[:1]),
    "t_copy":     lambda torch, x: torch.t_copy(x),
    "transpose_copy": lambda torch, x: torch.transpose_copy(x, 0, 1),
    "unbind_copy": lambda torch, x: torch.unbind_copy(x, 1),
    "unfold_copy": lambda torch, x: torch.unfold_copy(x, 1, 2, 1),
    "unsqueeze_copy": lambda torch, x: torch.unsqueeze_copy(x, 1),
    "view_copy":  lambda torch, x: torch.view_copy(x, (2, 6)),
}
PLACED = {
    **{
        f"index_reduce {how} {own}": lambda torch, x, how=how, own=own: torch.index_reduce(x, 0, torch.tensor([2, 0, 2]), x * 2, how, include_self=own)
        for how in ("prod", "mean", "amax", "amin")
        for own in (True, False)
    },
    "index_reduce sum": lambda torch, x: x.index_reduce(0, torch.tensor([0]), x[:1], "sum"),
    "index_reduce matrix": lambda torch, x: x.index_reduce(0, torch.tensor([[0]]), x[:1], "prod"),
    "index_reduce floats": lambda torch, x: x.index_reduce(0, torch.tensor([0.0]), x[:1], "prod"),
    "index_reduce sizes": lambda torch, x: x.index_reduce(0, torch.tensor([0, 1, 1, 0]), x, "prod"),
    "index_reduce shape": lambda torch, x: x.index_reduce(0, torch.tensor([0]), x[:1, :2], "prod"),
    "index_reduce outside": lambda torch, x: x.index_reduce(0, torch.tensor([7]), x[:1], "prod"),
    "fill_diagonal_": lambda torch, x: x.clone().fill_diagonal_(7),
    "fill_diagonal_ wrap": lambda torch, x: x.t().repeat(3, 1).fill_diagonal_(7, wrap=True),
    "fill_diagonal_ cube": lambda torch, x: x[:, :3].expand(3, 3, 3).clone().fill_diagonal_(7),
    "fill_diagonal_ vector": lambda torch, x: x[0].clone().fill_diagonal_(7),
    "fill_diagonal_ unequal": lambda torch, x: x.expand(2, 3, 4).clone().fill_diagonal_(7),
    "apply_":     lambda torch, x: x.detach().clone().apply_(lambda value: value * 2),
    "map_":       lambda torch, x: x.detach().clone().map_(x.detach() + 1, lambda a, b: a * b),
    "apply_ to a graph": lambda torch, x: (x * 1).apply_(abs),
    "nonzero_static": lambda torch, x: torch.nonzero_static(x > 0.5, size=4),
    "nonzero_static more": lambda torch, x: (x > 0.5).nonzero_static(size=20, fill_value=-7),
    "nonzero_static bad": lambda torch, x: x.nonzero_static(size=-1),
    "unravel_index": lambda torch, x: torch.unravel_index(torch.tensor([[3, 10], [0, 23]]), (2, 3, 4)),
    "unravel_index floats": lambda torch, x: torch.unravel_index(x.float(), (2, 3)),
    "gradient":   lambda torch, x: torch.gradient(x),
    "gradient spacing": lambda torch, x: torch.gradient(x, spacing=0.5, dim=1, edge_order=2),
    "gradient coordinates": lambda torch, x: torch.gradient(x, spacing=[torch.tensor([0.0, 1.0, 3.0], dtype=x.dtype)], dim=0),
    "gradient few": lambda torch, x: torch.gradient(x[:2], edge_order=2),
    "gradient edge_order": lambda torch, x: torch.gradient(x, edge_order=3),
    "histogram":  lambda torch, x: torch.histogram(x.detach(), 4),
    "histogram range": lambda torch, x: x.detach().histogram(3, range=(-1.0, 1.0), weight=x.detach(), density=True),
    "histogram edges": lambda torch, x: x.detach().histogram(torch.tensor([-1.0, 0.25, 2.0], dtype=x.dtype)),
    "histogram bad": lambda torch, x: x.detach().histogram(0),
    "histogram crossed": lambda torch, x: x.detach().histogram(3, range=(1.0, 0.0)),
    "bernoulli p": lambda torch, x: (torch.manual_seed(1), torch.bernoulli(x.detach(), 0.3), x.detach().bernoulli(0.5))[1:],
    "cauchy_":    lambda torch, x: (torch.manual_seed(1), torch.empty(40, dtype=x.dtype).cauchy_(1, 2), torch.rand(2))[1:],
    "geometric_": lambda torch, x: (torch.manual_seed(1), torch.empty(40, dtype=x.dtype).geometric_(0.3), torch.rand(2))[1:],
    "log_normal_": lambda torch, x: (torch.manual_seed(1), torch.empty(40, dtype=x.dtype).log_normal_(0.5, 2), torch.rand(2))[1:],
    "cauchy_ bad": lambda torch, x: x.detach().cauchy_(0, -1),
    "geometric_ bad": lambda torch, x: x.detach().geometric_(1.0),
    "log_normal_ bad": lambda torch, x: x.detach().log_normal_(0, 0),
    "geometric_ of bools": lambda torch, x: (x > 0).geometric_(0.5),
    "geometric_ of integers": lambda torch, x: (torch.manual_seed(1), x.long().geometric_(0.5))[1],
    "logspace":   lambda torch, x: torch.logspace(-1, 2, 7, base=3.0, dtype=x.dtype),
    "scalar_tensor": lambda torch, x: (torch.scalar_tensor(3), torch.scalar_tensor(True, dtype=x.dtype)),
    "range":      lambda torch, x: torch.range(1, 3, 0.5),
    "counts":     lambda torch, x: (x.nelement(), x.ndimension(), x.is_same_size(x[0]), torch.is_nonzero(x[0, 0])),
    "is_nonzero bad": lambda torch, x: x.is_nonzero(),
    "char":       lambda torch, x: x.char(),
    "swapdims":   lambda torch, x: torch.swapdims(x, 0, 1),
    "xlogy of a number": lambda torch, x: torch.xlogy(2, x * x + 1),
    "rmatmul":    lambda torch, x: x.__rmatmul__(x.t()),
    "rdiv":       lambda torch, x: (x * x + 1).__rdiv__(x),
    "times a 0-d array": lambda torch, x: x.detach() * np.array(2.0) - np.array(1.0),
    "cumprod of zeros": lambda torch, x: (x * torch.tensor([1, 0, 1, 0])).cumprod(1),
}

# Ties: in which order torch leaves equal elements, which depends on how many there are.

def _tied(torch, n):
    return torch.arange(n) * 7919 % 1013 % 5


TIES = {
    f"{name} {n}": lambda torch, x, n=n, run=run: run(torch, _tied(torch, n))
    for n in (12, 40, 700)
    for name, run in {
        "sort":     lambda torch, x: torch.sort(x),
        "sort falling": lambda torch, x: torch.sort(x.reshape(-1, 4), dim=0, descending=True),
        "sort nan": lambda torch, x: torch.where(x == 3, NAN, x.double()).sort(),
        "sort stable": lambda torch, x: torch.sort(x, stable=True),
        "argsort":  lambda torch, x: torch.argsort(x),
        "topk few": lambda torch, x: x.topk(max(len(x) // 70, 1)),
        "topk many": lambda torch, x: x.reshape(4, -1).topk(3, largest=False),
        "topk half": lambda torch, x: torch.where(x == 3, NAN, x.double()).topk(len(x) // 2),
        "kthvalue": lambda torch, x: x.kthvalue(len(x) // 3),
        "median":   lambda torch, x: x.median(0),
        "mode":     lambda torch, x: x.mode(),
    }.items()
}

# --- factors of matrices


def _positive(x):
    return x @ x.mT + 2 * x.new_ones(x.shape[-1]).diag()


def _spread(x):
    return x + 3 * x.new_ones(x.shape[-1]).diag()


FACTORED = {
    "lu":         lambda torch, x: tuple(torch.linalg.lu(x)),
    "lu wide":    lambda torch, x: tuple(torch.linalg.lu(x[:2])),
    "lu high":    lambda torch, x: tuple(torch.linalg.lu(x[:, :2])),
    "lu batch":   lambda torch, x: tuple(torch.linalg.lu(torch.stack([x, x.mT]))),
    "lu_factor":  lambda torch, x: tuple(torch.linalg.lu_factor(x)),
    "lu_factor singular": lambda torch, x: torch.linalg.lu_factor(x * 0),
    "lu_factor_ex": lambda torch, x: tuple(torch.linalg.lu_factor_ex(x.detach() * torch.tensor([1, 0, 1]))),
    "lu_factor vector": lambda torch, x: torch.linalg.lu_factor(x[0]),
    "lu_factor no pivot": lambda torch, x: torch.linalg.lu_factor(x, pivot=False),
    "lu_factor of integers": lambda torch, x: torch.linalg.lu_factor(x.long()),
    "torch.lu":   lambda torch, x: tuple(torch.lu(x, get_infos=True)),
    "lu_unpack":  lambda torch, x: tuple(torch.lu_unpack(*torch.linalg.lu_factor(x.detach()), unpack_data=False)),
    "lu_solve":   lambda torch, x: torch.linalg.lu_solve(*torch.linalg.lu_factor(_spread(x)), x[:, :2]),
    "lu_solve adjoint": lambda torch, x: torch.linalg.lu_solve(*torch.linalg.lu_factor(_spread(x)), x[:, :2], adjoint=True),
    "lu_solve right": lambda torch, x: torch.linalg.lu_solve(*torch.linalg.lu_factor(_spread(x)), x[:2], left=False),
    "lu_solve bad": lambda torch, x: torch.linalg.lu_solve(*torch.linalg.lu_factor(_spread(x)), x[:2]),
    "torch.lu_solve": lambda torch, x: torch.lu_solve(x[:, :2], *torch.linalg.lu_factor(_spread(x))),
    **{
        f"solve_triangular {upper} {unit} {left}": lambda torch, x, upper=upper, unit=unit, left=left: torch.linalg.solve_triangular(_spread(x), x[:, :2] if left else x[:2], upper=upper, left=left, unitriangular=unit)
        for upper in (True, False)
        for unit in (True, False)
        for left in (True, False)
    },
    "solve_triangular batch": lambda torch, x: torch.linalg.solve_triangular(_spread(x), torch.stack([x, x * 2]), upper=True),
    "solve_triangular bad": lambda torch, x: torch.linalg.solve_triangular(x, x[:2], upper=True),
    "solve_triangular vector": lambda torch, x: torch.linalg.solve_triangular(x, x[0], upper=True),
    "triangular_solve": lambda torch, x: tuple(torch.triangular_solve(x[:, :2], _spread(x), transpose=True)),
    "cholesky_solve": lambda torch, x: torch.cholesky_solve(x[:, :2], _spread(x)),
    "cholesky_solve upper": lambda torch, x: x[:, :2].cholesky_solve(_spread(x), upper=True),
    "cholesky_solve bad": lambda torch, x: torch.cholesky_solve(x[:2], x),
    "cholesky_solve vector": lambda torch, x: torch.cholesky_solve(x[0], x),
    "cholesky_inverse": lambda torch, x: torch.cholesky_inverse(_spread(x)),
    "cholesky_inverse upper": lambda torch, x: _spread(x).cholesky_inverse(upper=True),
    "cholesky_ex": lambda torch, x: tuple(torch.linalg.cholesky_ex(_positive(x), upper=True)),
    "cholesky_ex bad": lambda torch, x: torch.linalg.cholesky_ex(x - 9 * x.mT, check_errors=True),
    "cholesky not definite": lambda torch, x: torch.linalg.cholesky(torch.stack([_positive(x), -_positive(x)])),
    "inv_ex":     lambda torch, x: tuple(torch.linalg.inv_ex(_spread(x))),
    "inv_ex bad": lambda torch, x: torch.linalg.inv_ex(x * 0, check_errors=True),
    "inv_ex info": lambda torch, x: torch.linalg.inv_ex(torch.stack([x, x * 0])).info,
    "inv singular": lambda torch, x: torch.linalg.inv(torch.stack([_spread(x), x * 0])),
    "solve_ex":   lambda torch, x: tuple(torch.linalg.solve_ex(_spread(x), x)),
    "solve_ex bad": lambda torch, x: torch.linalg.solve_ex(x * 0, x, check_errors=True),
    **{f"cond {p}": lambda torch, x, p=p: torch.linalg.cond(_spread(x), p) for p in (None, "nuc", 2, -2)},
    **{f"cond {p}": lambda torch, x, p=p: torch.linalg.cond(_spread(x.detach()), p) for p in ("fro", 1, -1, INF)},  # backward fails in torch: it overwrites what it saved
    "cond singular": lambda torch, x: torch.linalg.cond(x.detach() * 0, 1),
    "cond bad":   lambda torch, x: torch.linalg.cond(x, 3),
    "cond wide":  lambda torch, x: torch.linalg.cond(x[:2], 1),
    "tensorinv":  lambda torch, x: torch.linalg.tensorinv(_spread(x).reshape(3, 1, 3), ind=1),
    "tensorinv bad": lambda torch, x: torch.linalg.tensorinv(x.reshape(3, 1, 3), ind=0),
    "tensorinv unequal": lambda torch, x: torch.linalg.tensorinv(x[:2], ind=1),
    "tensorsolve": lambda torch, x: torch.linalg.tensorsolve(_spread(x).reshape(3, 3, 1), x[:, :1].reshape(3)),
    "matrix_exp": lambda torch, x: torch.linalg.matrix_exp(x),
    "matrix_exp batch": lambda torch, x: torch.matrix_exp(torch.stack([x * 0.1, x])),
    "matrix_exp bad": lambda torch, x: torch.matrix_exp(x[:2]),
    "geqrf":      lambda torch, x: tuple(torch.geqrf(x.detach()[:, :2])),
    "householder_product": lambda torch, x: torch.linalg.householder_product(x[:, :2], x[0, :2]),
    "householder_product bad": lambda torch, x: torch.linalg.householder_product(x[:2], x[0]),
    "orgqr":      lambda torch, x: torch.orgqr(x, x[0]),
    "ormqr":      lambda torch, x: torch.ormqr(x, x[0], x[:, :2] * 2),
    "ormqr right": lambda torch, x: torch.ormqr(x, x[0], x[:2] * 2, left=False, transpose=True),
    "lstsq":      lambda torch, x: torch.linalg.lstsq(_spread(x)[:, :2], x, driver="gelsd")[:3],
    "lstsq wide": lambda torch, x: tuple(torch.linalg.lstsq(_spread(x)[:2], x[:2])),
    "lstsq vector": lambda torch, x: torch.linalg.lstsq(_spread(x), x[0])[0],
    "lstsq gels": lambda torch, x: tuple(torch.linalg.lstsq(_spread(x), x, driver="gels")),
    "lstsq bad":  lambda torch, x: torch.linalg.lstsq(x, x[:2]),
    "lstsq driver": lambda torch, x: torch.linalg.lstsq(x, x, driver="best"),
    "torch.qr":   lambda torch, x: tuple(torch.qr(_spread(x)[:, :2])),
    "torch.qr complete": lambda torch, x: tuple(torch.qr(_spread(x.detach())[:, :2], some=False)),
    "torch.svd":  lambda torch, x: [part.abs() for part in torch.svd(_spread(x)[:2])],
    "torch.svd values": lambda torch, x: tuple(torch.svd(_spread(x.detach())[:2], compute_uv=False)),
    "pinverse":   lambda torch, x: torch.pinverse(_spread(x)[:2]),
}
# fmt: on

CASES: list[Case] = [
    *each(ELEMENTWISE, {**SMOOTH, "kinks": KINKS}, dtypes=FLOATS, scaled=True, names=False),
    *each(ELEMENTWISE, {"special": SPECIAL}, dtypes=FLOATS, second=False, scaled=True, names=False),
    *each(GAMMA, ABOVE_0, dtypes=FLOATS, scaled=True, names=False),
    *each(OF_PARTS, PARTS, dtypes=FLOATS, scaled=True, names=False),
    *each(TWO, {k: PAIRS[k] for k in ("same shape", "both broadcast", "empty")}, scaled=True, names=False),
    *each(
        TWO,
        {"zero": (values([0.0, 0.0, 1.0, NAN]), values([-1.0, 1.0, -2.0, 0.0]))},
        second=False,
        names=False,
    ),
    *each(IN_PLACE, {"": positive(3, 4)}, names=False),
    *each(CONJUGATES, {"": normal(3, 4)}, dtypes=(*FLOATS, "int64")),
    *each(OF_INTEGERS, {"": (normal(3, 4), normal(4))}, dtypes=("int64", "uint8")),
    *each(OF_INTEGERS, {"of floats": (normal(3, 4), normal(4))}),
    *each(COPIES, {"": normal(3, 4)}, dtypes=(*FLOATS, "int64"), names=False),
    *each(PLACED, {"": normal(3, 4)}, scaled=True, names=False),
    *each(TIES, {"": normal()}, dtypes=("float32",), names=False),
    *each(FACTORED, {"": normal(3, 3)}, scaled=True, names=False),
    *listed(
        {"linalg names": (lambda torch, x: torch.linalg.solve_triangular(x, x, upper=False), positive(3, 3))},
        scaled=True,
    ),
]
