import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from tests.cli.test_commands import run
from tests.helpers.server import news
from tests.helpers.support import write

OPEN = "---\ntitle: A\nwebUrl: www.a.example\n---\n"
MENDED = OPEN.replace("www", "https://www")
DIFFERENCE = """\
--- seeds/a.md
+++ seeds/a.md
@@ -3 +3 @@
-webUrl: www.a.example
+webUrl: https://www.a.example
"""


@pytest.fixture
def wrong() -> Path:
    Path("seeds").mkdir()
    file = Path("seeds/a.md")
    file.write_text(OPEN)
    return file


def test_check_lists_every_problem_and_fails() -> None:
    news(Path("seeds"), 2)
    assert run("check").exit_code == 0
    write(Path("seeds"), "bad.md", title=None, heat="hot")
    result = run("check")
    assert result.exit_code == 1
    assert result.stdout == (
        "seeds/bad.md:1: title: is missing; every record needs a title\n"
        "seeds/bad.md:5: heat: is not a number; write a number such as 57; left out (note)\n"
        "2 public (0 merged), 0 hidden, 1 left out, 0 not records\n"
    )
    assert not Path("feeds.db").exists()


def test_check_names_what_is_hidden_and_passed_over_by_reason() -> None:
    write(Path("seeds"), "a.md", draft=True)
    write(Path("seeds"), "b/c.md", draft=True)
    write(Path("seeds"), "_drafts/d.md")
    Path("seeds/e.md").write_text("\n---\ntitle: A\n---\n")
    Path("seeds/f.png").write_bytes(b"\x89PNG")
    result = run("check")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "hidden, draft: a.md, b/c.md",
        "hidden, in _drafts: _drafts/d.md",
        "passed over, a blank stands before its ---: e.md",
        "passed over, doesn't begin with a line that says ---: f.png",
        "0 public (0 merged), 3 hidden (2 draft, 1 in _drafts), 0 left out, 2 not records",
    ]


def test_check_takes_a_folder() -> None:
    news(Path("elsewhere"), 1)
    result = run("check", "elsewhere")
    assert (result.exit_code, result.stdout[:8]) == (0, "1 public")


@pytest.mark.parametrize("path", ["nowhere", "nowhere/a.md"])
def test_check_names_the_path_that_is_not_there(path: str) -> None:
    result = run("check", path)
    assert (result.exit_code, result.stderr) == (2, f"feeds: {path}: No such file or directory\n")


@pytest.mark.parametrize("folder", ["seeds/_drafts", "blog/_drafts", "blog/_drafts/2024"])
def test_check_knows_a_draft_by_its_folder(folder: str) -> None:
    file = write(Path(folder), "a.md")
    result = run("check", str(file))
    assert (result.exit_code, result.stdout.partition("\n")[0]) == (
        0,
        f"hidden, in _drafts: {file.relative_to(Path(folder).parts[0])}",
    )
    assert "is hidden because: in _drafts" in run("preview", str(file)).stdout


def test_strict_fails_on_notes() -> None:
    write(Path("seeds"), "a.md", heat="hot")
    assert run("check").exit_code == 0
    assert run("check", "--strict").exit_code == 1
    write(Path("seeds"), "a.md")
    assert run("check", "--strict").exit_code == 0


def test_check_prints_a_report_for_programs(wrong: Path) -> None:
    news(Path("seeds"), 2)
    write(Path("seeds"), "hidden.md", draft=True)
    Path("seeds/notes.md").write_text("# Notes\n")
    result = run("check", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report.pop("counts")["errors"]) == (1, 1)
    assert report == {
        "folder": "seeds",
        "profile": "",
        "problems": [
            {
                "path": wrong.name,
                "line": 3,
                "field": "webUrl",
                "message": "'www.a.example' is not a web address; "
                "https://www.a.example would be right",
                "severity": "error",
                "value": "www.a.example",
                "suggestion": "https://www.a.example",
            }
        ],
        "hidden": [{"path": "hidden.md", "reason": "draft"}],
        "passed_over": [{"path": "notes.md", "reason": "doesn't begin with a line that says ---"}],
    }


def test_on_a_terminal_check_has_colours_and_names_ten_files_of_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(12):
        write(Path("seeds"), f"{number:02}.md", draft=True)
    write(Path("seeds"), "bad.md", title=["no", "text"])
    plain = run("check").stdout
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, highlight=False, soft_wrap=True)
    monkeypatch.setattr("feeds.cli.checking.Console", lambda **_: console)
    run("check")
    assert "\x1b[31mtitle: " in shown.getvalue()
    without = re.sub(r"\x1b\[[0-9;]*m", "", shown.getvalue())
    assert without == plain.replace(", 10.md, 11.md", " and 2 more")


def test_fix_shows_what_it_would_write_and_asks_for_a_yes(wrong: Path) -> None:
    result = run("check", "--fix")
    assert (result.exit_code, result.stdout[: len(DIFFERENCE)]) == (1, DIFFERENCE)
    assert result.stderr == "feeds: nothing is written without --yes; it writes this file\n"
    assert wrong.read_text() == OPEN


def test_fix_shows_and_writes_a_file_with_a_link_to_it_once(wrong: Path) -> None:
    link = wrong.with_name("b.md")
    link.symlink_to(wrong.name)
    result = run("check", "--fix", "--yes")
    assert (result.stdout[: len(DIFFERENCE)], result.stderr) == (DIFFERENCE, "")
    assert (wrong.read_text(), link.is_symlink()) == (MENDED, True)


def test_fix_writes_and_checks_again(wrong: Path) -> None:
    result = run("check", "--fix", "--yes")
    conclusion = "1 public (0 merged), 0 hidden, 0 left out, 0 not records\n"
    assert (result.exit_code, result.stdout) == (0, DIFFERENCE + conclusion)
    assert wrong.read_text() == MENDED
    assert run("check", "--fix", "--yes").stdout == conclusion


@pytest.mark.parametrize(("answer", "text"), [("y\n", MENDED), ("n\n", OPEN), ("", OPEN)])
def test_fix_asks_on_a_terminal(
    answer: str, text: str, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.cli.checking._is_asked", lambda: True)
    run("check", "--fix", typed=answer)
    assert wrong.read_text() == text


def test_fix_leaves_a_file_that_changed_meanwhile(
    wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(number: int, *, yes: bool) -> bool:
        wrong.write_text(OPEN + "More\n")
        return number == 1 and not yes

    monkeypatch.setattr("feeds.cli.checking._may_write", answer)
    result = run("check", "--fix")
    assert "seeds/a.md: changed since it was read; not written\n" in result.stderr
    assert wrong.read_text() == OPEN + "More\n"


def test_records_that_share_an_id_are_noted_by_check_and_load() -> None:
    for name in ("a.md", "b.md"):
        write(Path("seeds"), name, id="urn:example:1")
    write(Path("seeds"), "c.md", id="urn:example:2")
    note = (
        "b.md:1: id: urn:example:1 is that of a.md, which came first; this record has one made "
        "from its URL: write another"
    )
    assert run("check").stdout.startswith(f"seeds/{note} (note)\n")
    assert run("load").stderr == f"seeds/{note}\n"
    assert run("load").stderr == f"seeds/{note}\n"  # nothing changed
    write(Path("seeds"), "b.md", id="urn:example:3")
    assert run("load").stderr == ""
