import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click import Context

from feeds import config
from feeds.cli.main import COMMANDS, main
from tests.helpers.server import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = {
    str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8")
    for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
}
ROWS = dict(re.findall(r"^\| `(FEEDS_\w+)` \|(.*?)\|", README, re.M))
TOP = re.findall(r"^    (python3 -m venv .*)$", README, re.M)


def test_every_setting_is_in_the_table_in_its_order() -> None:
    assert list(ROWS) == [config.variable(name) for name in config.settings()]


@pytest.mark.parametrize("name", config.settings())
def test_the_table_gives_the_default_of_each_setting(name: str) -> None:
    value = getattr(config.Config(), name)
    in_words = {
        "database_url": "a SQLite file in a checkout's `instance/`, else in `~/.local/state/feeds`",
        "base_url": "the address served on",
        "workers": "one per core",
        "hubs": "",
        "purge": "",
    }
    said = ROWS[config.variable(name)].strip()
    assert said == in_words.get(name, f"`{value}`")


def test_every_command_is_in_the_readme() -> None:
    named = re.findall(r"^\| `feeds (\w+)[^`]*` \|", README, re.M)
    assert sorted(named) == sorted(COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_every_other_setting_and_command_that_is_named_exists(page: str) -> None:
    known = {config.variable(name) for name in config.settings()}
    text = PAGES[page]
    assert set(re.findall(r"FEEDS_[A-Z_]+[A-Z]\b", text)) - {"FEEDS_STALE"} <= known
    assert set(re.findall(r"(?:^ {4}|`|&& )feeds (\w+)", text, re.M)) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_what_the_pages_lead_to_is_there(page: str) -> None:
    folder = (PROJECT / page).parent
    for path, fragment in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGES[page]):
        found = (folder / path).resolve() if path else PROJECT / page
        assert found.exists(), path
        if fragment:
            titles = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.M)
            assert fragment in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def test_every_page_of_the_documentation_is_led_to() -> None:
    assert {f"docs/{name}" for name in re.findall(r"\(docs/(\w+\.md)", README)} == PAGES.keys() - {
        "README.md"
    }


def test_every_option_of_the_commands_for_files_is_in_their_page() -> None:
    page = PAGES["docs/export.md"]
    for name in ("export", "publish"):
        command = main.get_command(Context(main), name)
        assert command is not None
        for parameter in command.params:
            option = parameter.opts[0]
            if option.startswith("--") and option[2:].replace("-", "_") not in config.settings():
                assert f"`{option}" in page or f" {option}" in page, option


def test_the_commands_at_the_top_serve_and_test() -> None:
    assert [command.rpartition("&& ")[2] for command in TOP] == [
        ".venv/bin/feeds serve",
        ".venv/bin/pytest",
    ]
    assert README.index(TOP[1]) < 600


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
