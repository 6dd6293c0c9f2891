"""The documentation tells the truth: its programs print what it says, its files and names are there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/tour.md",
    "docs/performance.md",
    "docs/semantics.md",
    "docs/PARITY.md",
]
TOTALS = re.compile(r"<!-- parity totals -->\n(.*?)<!-- end of parity totals -->", re.DOTALL)
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """The (language, text) of every fenced block."""
    return FENCED.findall((ROOT / page).read_text())


def programs(page):
    """(The page's program, all that it must print): a plain block follows what prints it."""
    program, printed, following = "", "", False
    for language, text in blocks(page):
        if language == "python" and not re.match(r"\w+ +=  ?_", text):  # a row of the table is an excerpt
            program, following = program + text, True
        elif language == "" and following:
            printed, following = printed + text, False
    return program, printed


@pytest.mark.parametrize("page", ["README.md", "docs/tour.md"])
def test_programs_print_what_the_page_says(page, tmp_path):
    program, printed = programs(page)
    assert printed
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == printed


def test_excerpts_are_in_the_source():
    source = "".join(path.read_text() for path in (ROOT / "tinynn" / "ops").glob("*.py"))
    excerpts = [text for language, text in blocks("docs/tour.md") if re.match(r"\w+ +=  ?_", text)]
    assert excerpts
    assert all(text in source for text in excerpts)


@pytest.mark.parametrize("page", PAGES)
def test_files_are_there(page):
    text = FENCED.sub("", (ROOT / page).read_text())
    named = set(re.findall(r"`((?:tinynn|experiments|parity_tests|tests|docs)/[\w/.]*)`", text))
    targets = re.findall(r"\]\((?!https?:|#)([^)]+)\)", text)
    linked = {str((ROOT / page).parent / target) for target in targets}
    assert [name for name in sorted(named | linked) if not (ROOT / name).exists()] == []


def test_the_change_that_added_an_operation_is_in_the_source():
    """Each line it adds or stands beside is there, in the file it names."""
    (change,) = (text for language, text in blocks("CONTRIBUTING.md") if language == "diff")
    for part in re.split(r"(?m)^--- a/.*\n\+\+\+ b/", change)[1:]:
        path, *lines = part.splitlines()
        source = (ROOT / path).read_text().splitlines()
        assert [line for line in lines if line[:1] in "+ " and line[1:] not in source] == []
    assert len(re.findall(r"(?m)^[-+](?!--|\+\+)", change)) < 10


def test_totals_are_those_of_the_ledger():
    """`python -m parity_tests.report` writes both."""
    in_readme, in_ledger = (
        TOTALS.findall((ROOT / page).read_text()) for page in ("README.md", "docs/PARITY.md")
    )
    assert len(in_readme) == 1
    assert in_readme == in_ledger
