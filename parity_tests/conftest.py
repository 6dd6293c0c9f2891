"""`--golden`: compare with recorded answers of torch, and do without torch."""

import sys
from pathlib import Path

import pytest

GOLDEN = "test_golden.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden", action="store_true", help="compare with recorded answers of torch only: needs no torch"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--golden"):
        sys.modules["torch"] = None  # type: ignore[assignment]  # who imports it all the same, fails


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The other test files import torch."""
    others = collection_path.suffix == ".py" and collection_path.name != GOLDEN
    return True if others and config.getoption("--golden") else None
