import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from feeds import config
from feeds.cli import main
from tests.serving import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(FEEDS_\w+)` \|(.*?)\|", README, re.M))
COMMANDS = re.findall(r"^    (python3 -m venv .*)$", README, re.M)


def test_every_setting_is_in_the_table_in_its_order() -> None:
    assert list(ROWS) == [config.variable(name) for name in config.settings()]


@pytest.mark.parametrize("name", config.settings())
def test_the_table_gives_the_default_of_each_setting(name: str) -> None:
    value = getattr(config.Config(), name)
    in_words = {
        "database_url": "a SQLite file in Flask's instance folder",
        "base_url": "the address served on",
        "workers": "one per core",
        "hubs": "",
        "purge": "",
    }
    said = ROWS[config.variable(name)].strip()
    assert said == in_words.get(name, f"`{value}`")


def test_every_command_is_in_the_readme() -> None:
    named = re.findall(r"^\| `feeds (\w+)[^`]*` \|", README, re.M)
    assert sorted(named) == sorted(main.commands)


def test_every_other_setting_and_command_that_is_named_exists() -> None:
    known = {config.variable(name) for name in config.settings()}
    assert set(re.findall(r"FEEDS_[A-Z_]+\b", README)) - {"FEEDS_"} <= known
    assert set(re.findall(r"`feeds (\w+)", README)) <= set(main.commands)


def test_the_commands_at_the_top_serve_and_test() -> None:
    assert [command.rpartition("&& ")[2] for command in COMMANDS] == [
        ".venv/bin/feeds serve",
        ".venv/bin/pytest",
    ]
    assert README.index(COMMANDS[1]) < 600


def test_ci_runs_the_test_command_of_the_readme_and_takes_no_skipped_test(tmp_path: Path) -> None:
    """In a copy whose README's command is one that says how it was called."""
    script = PROJECT / ".ci" / "run"
    if not script.exists():
        pytest.fail(".ci/run is missing")
    (tmp_path / ".ci").mkdir()
    shutil.copy(script, tmp_path / ".ci" / "run")
    fake = tmp_path / "pytest"

    def run(says: str) -> tuple[int, str]:
        fake.write_text(f'#!/bin/sh\necho "CI=$CI {says}"\n')
        fake.chmod(0o755)
        (tmp_path / "README.md").write_text(f"# x\n\n    true && {tmp_path}/pytest\n")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [tmp_path / ".ci" / "run"],
            env={**os.environ, "PATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    assert run("3 passed in 1.00s") == (0, "CI=1 3 passed in 1.00s\n")
    code, _ = run("3 passed, 1 skipped in 1.00s")
    assert code != 0
