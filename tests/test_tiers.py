"""What tests/helpers/tiers.py has pytest do, in a suite of its own with this one's settings."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.server import PROJECT

SUITE = """\
import shutil
import pytest

@pytest.fixture
def postgresql(): ...

@pytest.mark.browser
@pytest.mark.slow
def test_browser(): ...

@pytest.mark.parametrize("n", range(2))
def test_servers(postgresql, n): ...

@pytest.mark.slow
def test_slow(): ...

def test_finds_a_program(): assert shutil.which("sh")

def test_skips(): pytest.skip("no file system of that kind")
"""


def run(folder: Path, *arguments: str, **variables: str) -> list[str]:
    """The last lines that pytest writes, without the seconds."""
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.helpers.tiers", "-n1", "-p",
         "no:cacheprovider", *arguments, "test_suite.py"],
        env={k: v for k, v in os.environ.items() if k != "CI"}
        | {"PATH": os.defpath, "PYTHONPATH": f"{PROJECT}", **variables},
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [line.strip("= ").partition(" in ")[0] for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_by_default_no_test_needs_more_than_python_and_the_rest_is_told(tmp_path: Path) -> None:
    *_, told, result = run(tmp_path)
    assert told == (
        "left out: 1 browser, 2 servers, 1 slow; "
        "all: .venv/bin/pytest -m '' (.ci/run installs the programs first)"
    )
    assert result == "1 failed, 1 skipped"  # it finds no program


@pytest.mark.slow
def test_all_run_where_they_are_asked_for(tmp_path: Path) -> None:
    *_, result = run(tmp_path, "-m", "")
    assert result == "5 passed, 1 skipped"


@pytest.mark.slow
def test_in_ci_a_test_that_is_skipped_has_failed(tmp_path: Path) -> None:
    *_, result = run(tmp_path, "-m", "", CI="1")
    assert result == "1 failed, 5 passed"
