"""What a test needs, as marks: pytest runs those that need nothing but Python, unless asked.

`browser`, `servers` and `slow` are described in pyproject.toml, where the default selection is
too: `pytest -m ""` runs all. It is a plugin of pytest's, which tests/conftest.py names.
"""

import os
import sys
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

TIERS: Final = ("browser", "servers", "slow")
# Fixtures that need something, for whoever asks for them.
_FIXTURES: Final = {"browser": "browser", "postgresql": "servers"}
_left_out: Counter[str] = Counter()  # tests by the first of their marks


def _is_default(config: pytest.Config) -> bool:
    return config.option.markexpr in config.getini("addopts")


def pytest_configure(config: pytest.Config) -> None:
    """Let no test without a mark find a program: it would pass on this machine alone."""
    if _is_default(config):
        os.environ["PATH"] = str(Path(sys.executable).parent)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark tests for the fixtures that they ask for, be it through others."""
    for name in _FIXTURES.keys() & set(getattr(item, "fixturenames", ())):
        item.add_marker(_FIXTURES[name])


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count what the marks leave out."""
    marks = (next(filter(item.get_closest_marker, TIERS), None) for item in items)
    _left_out.update(mark for mark in marks if mark)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that is skipped has failed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped, in CI: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Have a worker of xdist's tell what it left out: who starts it collects nothing."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["left_out"] = dict(_left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker left out: they all leave out the same."""
    output: dict[str, Any] = getattr(node, "workeroutput", {})
    _left_out.update(Counter(output.get("left_out", {})) - _left_out)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: Any, config: pytest.Config
) -> Generator[None, None, None]:
    """Say in a line, the last but one, what was left out, and how to run it."""
    yield
    if _left_out and _is_default(config):
        counts = ", ".join(f"{_left_out[mark]} {mark}" for mark in TIERS if _left_out[mark])
        terminalreporter.write_line(
            f"left out: {counts}; all: .venv/bin/pytest -m '' (.ci/run installs the programs first)"
        )
