"""tinynn on torch's own database of modules: every entry that tinynn has, sample by sample.

By default one sample of each dtype and mode, drawn once for all; the slow tests run them all.
"""

import pytest

import tinynn
from parity_tests.databases import ERRORS, GRADIENTS, IN_PLACE, SECOND, VALUES, explains, unexplained
from parity_tests.differences import MODULE_DIFFERENCES
from parity_tests.module_db import FACTORY, PRESENT, START, STATE, Examination

DRAWN = 1  # samples of each dtype and mode that are examined by default


@pytest.mark.parametrize("name", PRESENT)
def test_drawn_samples(name):
    assert unexplained(Examination(PRESENT[name], DRAWN).findings()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESENT)
def test_all_samples(name):
    assert unexplained(Examination(PRESENT[name]).findings()) == []


@pytest.mark.parametrize(
    "difference", MODULE_DIFFERENCES, ids=lambda difference: " ".join(difference.names)[:40]
)
def test_difference_is_there(difference):
    """Of every module that a difference names, some sample needs it."""

    def concerned(sample):
        return sample.dtype in difference.dtypes and difference.samples(sample)

    for name in difference.names:
        findings = Examination(PRESENT[name]).findings(concerned)
        assert any(finding.problem and explains(difference, finding) for finding in findings), name


# --- the examination itself: what is wrong is found


def ignoring_dtype(self, in_features, out_features, bias=True, device=None, dtype=None):
    MADE(self, in_features, out_features, bias)


MADE = tinynn.nn.Linear.__init__
# fmt: off
WRONG = [  # (aspect in which it shows, class, attribute, what is put in its place)
    (START,     "Linear",      "reset_parameters",    lambda self: tinynn.nn.init.ones_(self.weight)),
    (START,     "Linear",      "extra_repr",          lambda self: "a layer"),
    (START,     "BatchNorm1d", "_version",            1),
    (FACTORY,   "Linear",      "__init__",            ignoring_dtype),
    (VALUES,    "Softplus",    "forward",             lambda self, x: x.relu()),
    (VALUES,    "BatchNorm1d", "train",               lambda self, mode=True: self),
    (GRADIENTS, "Tanh",        "forward",             lambda self, x: x.detach().tanh() + 0 * x),
    (SECOND,    "Tanh",        "forward",             lambda self, x: First.apply(x)),
    (IN_PLACE,  "ReLU",        "forward",             lambda self, x: x.relu()),
    (STATE,     "Linear",      "zero_grad",           lambda self, set_to_none=True: None),
    (STATE,     "Linear",      "requires_grad_",      lambda self, requires_grad=True: self),
    (STATE,     "BatchNorm1d", "load_state_dict",     lambda self, state: "<All keys matched successfully>"),
    (ERRORS,    "MaxPool2d",   "forward",             lambda self, x: x),
]
# fmt: on


class First(tinynn.autograd.Function):
    """tanh, whose derivative is right but has none itself."""

    @staticmethod
    def forward(ctx, x):
        ctx.y = x.detach().tanh()
        return ctx.y.clone()

    @staticmethod
    def backward(ctx, g):
        return g * (1 - ctx.y * ctx.y)


@pytest.mark.parametrize(("aspect", "name", "attribute", "wrong"), WRONG)
def test_what_is_wrong_is_found(aspect, name, attribute, wrong, monkeypatch):
    monkeypatch.setattr(getattr(tinynn.nn, name), attribute, wrong)
    findings = Examination(PRESENT[f"nn.{name}"]).findings()
    assert any(finding.problem and finding.aspect == aspect for finding in findings)
