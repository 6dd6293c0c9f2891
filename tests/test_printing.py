"""How arrays print: the layouts a user meets, as literal text. The parity tests compare thousands."""

import math

import numpy as np
import pytest

from tinynn._tensor_str import get_printoptions, printoptions, set_printoptions, tensor_str


@pytest.fixture(autouse=True)
def default_options():
    with printoptions(profile="default"):
        yield


def float32(values):
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (1.5, "tensor(1.5000)"),
        ([1, 2], "tensor([1., 2.])"),
        ([1, 2.5], "tensor([1.0000, 2.5000])"),
        ([-1, 0.25], "tensor([-1.0000,  0.2500])"),
        ([1, 1000], "tensor([   1., 1000.])"),
        ([1, 1001], "tensor([1.0000e+00, 1.0010e+03])"),
        ([1e-8, 1], "tensor([1.0000e-08, 1.0000e+00])"),
        ([1e-5], "tensor([1.0000e-05])"),
        ([1e8], "tensor([100000000.])"),
        ([0, 2e8], "tensor([0.0000e+00, 2.0000e+08])"),
        ([0, -0.0], "tensor([0., -0.])"),
        ([math.nan, 1], "tensor([nan, 1.])"),
        ([math.inf, 0.5, -math.inf], "tensor([   inf, 0.5000,   -inf])"),
        ([[1, 2], [3, 4]], "tensor([[1., 2.],\n        [3., 4.]])"),
        ([[[1], [2]], [[3], [4]]], "tensor([[[1.],\n         [2.]],\n\n        [[3.],\n         [4.]]])"),
        ([], "tensor([])"),
        ([[], []], "tensor([], size=(2, 0))"),
    ],
)
def test_floats(values, expected):
    assert tensor_str(float32(values)) == expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([1, -20]), "tensor([  1, -20])"),
        (np.array([True, False]), "tensor([ True, False])"),
        (np.array([1, 2], np.uint8), "tensor([1, 2], dtype=tinynn.uint8)"),
        (np.array(0.1), "tensor(0.1000, dtype=tinynn.float64)"),
        (np.array([0.1], np.float16), "tensor([0.1000], dtype=tinynn.float16)"),
        (np.array([], np.int64), "tensor([], dtype=tinynn.int64)"),
        (np.zeros((0, 3), bool), "tensor([], size=(0, 3), dtype=tinynn.bool)"),
    ],
)
def test_dtypes(array, expected):
    assert tensor_str(array) == expected


def test_the_default_dtype_and_its_name_are_the_callers():
    assert tensor_str(np.array([0.5]), default_dtype=np.float64) == "tensor([0.5000])"
    assert tensor_str(float32([0.5]), default_dtype=np.float64) == "tensor([0.5000], dtype=tinynn.float32)"
    assert tensor_str(np.array([0.5]), dtype_name="double") == "tensor([0.5000], dtype=double)"


def test_suffixes_and_prefix():
    assert tensor_str(float32([1]), suffixes=["requires_grad=True"]) == "tensor([1.], requires_grad=True)"
    assert tensor_str(np.array([[1.0], [2.0]]), suffixes=["grad_fn=<MulBackward0>"], prefix="Mine(") == (
        "Mine([[1.],\n"
        "      [2.]], dtype=tinynn.float64, grad_fn=<MulBackward0>)"
    )  # fmt: skip


def test_lines_wrap():
    assert tensor_str(np.linspace(0, 1, 18), suffixes=["requires_grad=True"]) == (
        "tensor([0.0000, 0.0588, 0.1176, 0.1765, 0.2353, 0.2941, 0.3529, 0.4118, 0.4706,\n"
        "        0.5294, 0.5882, 0.6471, 0.7059, 0.7647, 0.8235, 0.8824, 0.9412, 1.0000],\n"
        "       dtype=tinynn.float64, requires_grad=True)"
    )


@pytest.mark.parametrize(
    ("linewidth", "gap", "next_gap"),
    [
        (54, ", ", ", "),
        (53, ", ", ",\n       "),
        (33, ", ", ",\n       "),
        (32, ",\n       ", ",\n       "),
        (46, ", ", ",\n       "),
    ],
)
def test_suffixes_move_to_the_next_line_when_they_do_not_fit(linewidth, gap, next_gap):
    set_printoptions(linewidth=linewidth)
    text = tensor_str(float32([1]), suffixes=["requires_grad=True", "of_19_characters=19"])
    assert text == f"tensor([1.]{gap}requires_grad=True{next_gap}of_19_characters=19)"


def test_large_tensors_are_summarized():
    assert "..." not in tensor_str(np.arange(1000))
    assert tensor_str(np.arange(1200).reshape(6, 200)).count("...") == 6  # six rows have no middle
    assert tensor_str(np.arange(1001)) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert tensor_str(np.arange(10000.0).reshape(100, 100), default_dtype=np.float64) == (
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.7000e+01, 9.8000e+01,\n"
        "         9.9000e+01],\n"
        "        [1.0000e+02, 1.0100e+02, 1.0200e+02,  ..., 1.9700e+02, 1.9800e+02,\n"
        "         1.9900e+02],\n"
        "        [2.0000e+02, 2.0100e+02, 2.0200e+02,  ..., 2.9700e+02, 2.9800e+02,\n"
        "         2.9900e+02],\n"
        "        ...,\n"
        "        [9.7000e+03, 9.7010e+03, 9.7020e+03,  ..., 9.7970e+03, 9.7980e+03,\n"
        "         9.7990e+03],\n"
        "        [9.8000e+03, 9.8010e+03, 9.8020e+03,  ..., 9.8970e+03, 9.8980e+03,\n"
        "         9.8990e+03],\n"
        "        [9.9000e+03, 9.9010e+03, 9.9020e+03,  ..., 9.9970e+03, 9.9980e+03,\n"
        "         9.9990e+03]])"
    )


def test_only_what_is_shown_is_read():
    """A petabyte of ones (in 4 bytes): whoever touches more than the corners runs out of memory."""
    vast = np.broadcast_to(np.float32(1), (10**6, 10**6, 250))
    row = "[1., 1., 1.,  ..., 1., 1., 1.]"
    block = "[" + (",\n         ").join([row] * 3 + ["..."] + [row] * 3) + "]"
    assert tensor_str(vast) == "tensor([" + (",\n\n        ").join([block] * 3 + ["..."] + [block] * 3) + "])"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"precision": 2}, "tensor([0.50, 1.25, 2.00])"),
        ({"profile": "short"}, "tensor([0.50, 1.25, 2.00])"),
        ({"profile": "short", "precision": 1}, "tensor([0.5, 1.2, 2.0])"),
        ({"sci_mode": True}, "tensor([5.0000e-01, 1.2500e+00, 2.0000e+00])"),
        ({"profile": "short", "threshold": 2}, "tensor([0.50, 1.25, 2.00])"),
        ({"threshold": 2, "edgeitems": 1}, "tensor([0.5000,  ..., 2.0000])"),
        ({"threshold": 2, "edgeitems": 0}, "tensor([...], size=(3,))"),
        ({"linewidth": 20}, "tensor([0.5000,\n        1.2500,\n        2.0000])"),
    ],
)
def test_options(options, expected):
    set_printoptions(**options)
    assert tensor_str(float32([0.5, 1.25, 2])) == expected


def test_scientific_notation_can_be_refused():
    set_printoptions(sci_mode=False)
    assert tensor_str(float32([1e-8, 1])) == "tensor([0.0000, 1.0000])"


def test_the_full_profile_shows_everything():
    set_printoptions(profile="full")
    assert "..." not in tensor_str(np.arange(2000))


def test_options_last_until_the_next_call_except_sci_mode():
    set_printoptions(precision=2, sci_mode=True)
    set_printoptions(edgeitems=5)
    expected = {"precision": 2, "threshold": 1000, "edgeitems": 5, "linewidth": 80, "sci_mode": None}
    assert get_printoptions() == expected
    set_printoptions(profile="default")
    assert get_printoptions() == {**expected, "precision": 4, "edgeitems": 3}


def test_printoptions_restores_after_an_error():
    before = get_printoptions()
    with pytest.raises(KeyError), printoptions(precision=7, sci_mode=True):
        raise KeyError
    assert get_printoptions() == before
