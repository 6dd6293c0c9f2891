"""What `import tinynn` loads: NumPy and the standard library, and of NumPy nothing that it does not need."""

import functools
import json
import subprocess
import sys

import pytest

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


def test_import_loads_everything_a_script_names():
    """`import tinynn as torch` must do what `import torch` does for torch.nn.functional and its like."""
    expected = {
        "tinynn.nn.functional",
        "tinynn.nn.init",
        "tinynn.nn.utils",
        "tinynn.optim",
        "tinynn.autograd",
    }
    assert expected <= loaded_by("tinynn")
