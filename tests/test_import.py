"""What `import tinynn` loads: NumPy and the standard library, and of NumPy nothing that it does not need."""

import functools
import json
import subprocess
import sys

import pytest

import tinynn

REPORT = (
    "import json, sys; before = {*sys.modules}; import %s; print(json.dumps(sorted({*sys.modules} - before)))"
)


@functools.cache
def loaded_by(module):
    """The names of all modules that importing `module` in a new interpreter loads."""
    run = subprocess.run([sys.executable, "-c", REPORT % module], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_import_loads_only_numpy_and_the_standard_library():
    packages = {name.partition(".")[0] for name in loaded_by("tinynn")}
    assert packages - sys.stdlib_module_names == {"numpy", "tinynn"}


@pytest.mark.parametrize("part", ["random", "fft", "polynomial", "ma", "testing", "ctypeslib"])
def test_import_leaves_the_large_parts_of_numpy_alone(part):
    """Each would cost a good part of NumPy's own import time; some versions of NumPy load them themselves."""
    assert f"numpy.{part}" not in loaded_by("tinynn") - loaded_by("numpy")


def test_everything_a_script_names_is_there():
    """`import tinynn as torch` must do what `import torch` does for torch.nn.functional and its like."""
    names = ["nn.functional.relu", "nn.init", "nn.utils", "optim.Adam", "optim.lr_scheduler.StepLR"]
    names += ["autograd.grad", "autograd.functional.jacobian", "utils.data.DataLoader", "save", "load"]
    program = "import tinynn; " + "; ".join(f"tinynn.{name}" for name in names)
    subprocess.run([sys.executable, "-c", program], check=True)
    assert {name.partition(".")[0] for name in names} <= {*dir(tinynn)}


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'tinynn' has no attribute 'jit'"):
        tinynn.jit  # noqa: B018
