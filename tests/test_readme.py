import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click import Context

from feeds import config
from feeds.catalog.addresses import PARAMETERS
from feeds.cli.main import COMMANDS, main
from feeds.selection import Filters
from tests.helpers.server import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = {
    str(path.relative_to(PROJECT)): path.read_text(encoding="utf-8")
    for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
}
ROWS = dict(re.findall(r"^\| `(FEEDS_\w+)` \|(.*?)\|", PAGES["docs/settings.md"], re.M))
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
        "icon": "",
        "site": "",
        "purge": "",
        "proxies": "",
    }
    said = ROWS[config.variable(name)].strip()
    assert said == in_words.get(name, f"`{value}`")


def test_every_command_is_in_the_table() -> None:
    named = re.findall(r"^\| `feeds (\w+)[^`]*` \|", PAGES["docs/commands.md"], re.M)
    assert sorted(named) == sorted(COMMANDS)


def test_every_parameter_is_in_the_pages_those_that_narrow_in_their_order() -> None:
    rows = " ".join(re.findall(r"^\| (`\w+=.*?) \|", PAGES["docs/addresses.md"], re.M))
    assert list(dict.fromkeys(re.findall(r"`(\w+)=", rows))) == list(Filters._fields)
    named = re.findall(r"[`?](\w+)=", PAGES["docs/addresses.md"] + PAGES["docs/embedding.md"])
    assert set(named) >= PARAMETERS


@pytest.mark.parametrize("page", PAGES)
def test_every_other_setting_and_command_that_is_named_exists(page: str) -> None:
    known = {config.variable(name) for name in config.settings()}
    text = PAGES[page]
    assert (
        set(re.findall(r"FEEDS_[A-Z_]+[A-Z]\b", text))
        - {"FEEDS_STALE", "FEEDS_PORT", "FEEDS_SERVICE", "FEEDS_COMPLETE"}
        <= known
    )
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


def test_no_line_has_pip_look_for_feeds_on_an_index() -> None:
    """There it is nobody's, or somebody else's."""
    code = [*(PROJECT / "feeds").rglob("*.py"), *(PROJECT / "deploy").iterdir()]
    texts = PAGES | {str(path): path.read_text(encoding="utf-8") for path in code}
    wrong = re.compile(
        r"pip install (?:[^\n`#]* )?['\"]?feeds(?:\[[\w,]*\])?['\"]?(?:[\s`]|$)", re.M
    )
    assert wrong.search("`pip install 'feeds[s3]'`")
    assert {
        name: found.group() for name, text in texts.items() if (found := wrong.search(text))
    } == {}


def test_every_page_of_the_documentation_is_led_to() -> None:
    assert {
        f"docs/{name}" for name in re.findall(r"\(docs/([\w-]+\.md)", README)
    } == PAGES.keys() - {"README.md"}


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
    assert README.index(TOP[1]) < 700


# What .ci/run is given for the programs that it calls: each notes how, and does nothing else.
FAKE = """#!/bin/sh
echo "${0##*/} $*" >> "$CALLS"
case "${0##*/} $*" in
    "id -u") echo "$USER_ID" ;;
    "python3 -c"*) echo 3.11.7 ;;
    "python3.12 -c"*) echo 3.12.1 ;;
    *" -m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/pip" && cp "$0" "$3/bin/pytest" ;;
    "pytest "*) echo "== 3 $OUTCOME in 1.00s ==" && [ "$OUTCOME" = passed ] ;;
esac
"""
PROGRAMS = ("cat", "cp", "grep", "mkdir", "mktemp", "nproc", "rm", "sh", "tee", "timeout")


@pytest.fixture
def ci(tmp_path: Path) -> Callable[..., tuple[int, str, list[str]]]:
    """Runs .ci/run in a copy where nothing else is real: exit code, output, calls of programs."""
    programs = tmp_path / "programs"
    for folder in (programs, tmp_path / ".ci", tmp_path / ".venv" / "bin"):
        folder.mkdir(parents=True)
    shutil.copy(PROJECT / ".ci" / "run", tmp_path / ".ci")
    for name in (*PROGRAMS, "bash"):
        (programs / name).symlink_to(str(shutil.which(name, path=os.defpath)))
    fakes = [programs / name for name in ("apt-get", "id", "python3", "python3.12")]
    for fake in (*fakes, tmp_path / ".venv" / "bin" / "pytest"):
        fake.write_text(FAKE)
        fake.chmod(0o755)
    (tmp_path / "README.md").write_text("# x\n\n    true && .venv/bin/pytest\n")

    def run(user: int, outcome: str = "passed") -> tuple[int, str, list[str]]:
        calls = tmp_path / "calls"
        calls.write_text("")
        done = subprocess.run(
            [programs / "bash", tmp_path / ".ci" / "run"],
            env={"PATH": str(programs), "HOME": str(tmp_path), "CALLS": str(calls),
                 "USER_ID": str(user), "OUTCOME": outcome},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr, calls.read_text().splitlines()

    return run


def test_ci_runs_the_readmes_command_then_the_rest_then_other_pythons(
    ci: Callable[..., tuple[int, str, list[str]]],
) -> None:
    code, said, calls = ci(0)
    assert code == 0, said
    twice = 2 * len(os.sched_getaffinity(0))
    assert [call for call in calls if call.startswith("pytest")] == [
        "pytest ",
        f"pytest -n {twice} -m browser or servers or slow",
        f"pytest -n {twice} --ignore tests/test_code.py -p no:cacheprovider",
    ]
    assert "pip install -qqc constraints.txt -e .[test]" in calls
    assert said.splitlines()[-1].startswith("=========== 9 passed in ")


def test_ci_fails_where_a_test_fails(ci: Callable[..., tuple[int, str, list[str]]]) -> None:
    code, said, _ = ci(0, "failed")
    assert (code, said.splitlines()[-1]) == (1, "failed: 3.12.1")


def test_ci_tells_who_may_not_install_programs_what_is_missing(
    ci: Callable[..., tuple[int, str, list[str]]],
) -> None:
    code, said, calls = ci(1000)
    assert code == 1
    assert said.startswith("missing packages: newsboat rss2email chromium ")
    assert calls == ["id -u"]
