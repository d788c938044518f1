"""What hostile or mistaken folders of other tools may not do: show, crash, or take long."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from feeds.records.hiding import hidden_by_line
from feeds.records.outcome import FileReading, interpret
from feeds.records.parser import Options
from feeds.records.profiles.detect import find_site
from feeds.records.scanner import FolderError

_NOW = 1_764_200_000
_PATHS = {"jekyll": "_posts/2024-01-02-a.md", "hugo": "content/a.md", "eleventy": "posts/a.md"}


def _read(folder: Path, tool: str, text: str) -> FileReading:
    """The outcome of a file of a small site of `tool`."""
    (folder / "content").mkdir(exist_ok=True)
    (folder / "posts").mkdir(exist_ok=True)
    (folder / "posts" / "a.md").touch()
    name = {"jekyll": "_config.yml", "hugo": "hugo.yaml", "eleventy": "eleventy.config.js"}[tool]
    if not (folder / name).exists():
        text_of = {"jekyll": "url: https://example.org", "hugo": "baseURL: https://example.org"}
        (folder / name).write_text(text_of.get(tool, ""))
    site = find_site(folder, tool, "https://example.org")
    return interpret(_PATHS[tool], text.encode(), b"", Options(now=_NOW, site=site))


@pytest.mark.parametrize("tool", _PATHS)
@pytest.mark.parametrize(
    "words",
    ["status: [draft]", "draft: false\ndraft: true", "published: true\npublished: 'False '"],
)
def test_a_list_of_states_and_the_second_of_two_words_hide(
    tmp_path: Path, tool: str, words: str
) -> None:
    text = f"---\ntitle: A\ndate: 2024-01-02\n{words}\n---\nb"
    assert _read(tmp_path, tool, text).outcome == "hidden"


@pytest.mark.parametrize("tool", _PATHS)
@pytest.mark.parametrize(
    "text",
    [
        "\n---\ntitle: A\ndraft: true\n---\n# B",
        " ---\ntitle: A\ndraft: true\n---\n# B",
        "----\ntitle: A\ndraft: true\n----\n# B",
        "\ufeff\ufeff---\ntitle: A\ndraft: true\n---\n# B",
        "\n+++\ntitle = 'A'\ndraft = true\n+++\n# B",
        '\n{"title": "A", "draft": true}\n# B',
        "\u2014\ntitle: A\ndraft: true\n\u2014\n# B",
        "title: A\ndraft: true\n---\n# B",
        "---\n---\n---\ntitle: A\ndraft: true\n---\n# B",
    ],
)
def test_front_matter_in_the_wrong_place_is_no_body(tmp_path: Path, tool: str, text: str) -> None:
    reading = _read(tmp_path, tool, text)
    assert (reading.outcome, reading.hides) == ("error", True)


@pytest.mark.parametrize("tool", _PATHS)
def test_a_rule_above_a_text_is_no_front_matter(tmp_path: Path, tool: str) -> None:
    text = "---\ntitle: A\ndate: 2024-01-02\n---\n---\nA text: of two words.\n"
    assert _read(tmp_path, tool, text).outcome == "public"


@pytest.mark.parametrize(
    ("data", "hides"),
    [
        (b'{\n  "draft": true,\n x}\n', True),
        (b'{"title": "A", "draft": true, x}', True),
        (b'{"title": "A", "draft": false, x}', False),
        (b"+++\n  draft = true\nx = [\n+++\n", True),
        (b"---\n{title: A, draft: true, x\n---\n", True),
        (b"---\n  title: A\n  draft: true\n x: [\n---\n", True),
        (b"---\ntitle: A\n draft: true\n---\n", True),
        (b"---\ntitle: [\nimage:\n  hidden: true\n---\n", False),
        ("\ufeff---\ndraft: true\n---\n".encode("utf-16-le"), True),
    ],
)
def test_a_line_that_hides_counts_in_what_cant_be_read(data: bytes, hides: bool) -> None:
    assert hidden_by_line(data) is hides


@pytest.mark.parametrize(
    "text",
    [
        '{"title": "A", "a": ' + "1" * 5000 + "}",
        "+++\na = " + "1" * 5000 + "\n+++\n",
        "+++\na = 0x" + "f" * 5000 + "\n+++\n",
    ],
)
def test_a_number_of_too_many_digits_is_an_error(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, "hugo", text).outcome == "error"


def test_half_a_character_is_none(tmp_path: Path) -> None:
    text = '{"title": "A\\ud800", "date": "2024-01-02", "slug": "\\udc00", "\\ud800": 1}'
    assert _read(tmp_path, "jekyll", text).outcome == "public"


def test_a_configuration_that_is_nested_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_config.yml").write_text("a: " + "[" * 100_000)
    with pytest.raises(FolderError, match="1: is nested too deeply"):
        find_site(tmp_path)


@pytest.mark.parametrize(
    "program", ["draft: !0", "'draft': 'yes'", "published: false", "status: 'draft'"]
)
def test_words_that_hide_in_a_data_program_count(tmp_path: Path, program: str) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "posts" / "posts.11tydata.js").write_text(f"export default {{ {program} }}")
    text = "---\ntitle: A\ndate: 2024-01-02\n---\nb"
    assert _read(tmp_path, "eleventy", text).outcome == "hidden"


@pytest.mark.parametrize(
    ("tool", "body"),
    [
        ("jekyll", "{% if x %}" + "{% if " * 16_000),
        ("jekyll", "<a " + "{{x}}" * 19_000),
        ("hugo", "{{<" + " " * 99_000),
        ("hugo", "{{< a" + " " * 90_000),
    ],
)
def test_tags_that_are_never_closed_take_no_square_time(
    tmp_path: Path, tool: str, body: str
) -> None:
    start = time.process_time()
    reading = _read(tmp_path, tool, f"---\ntitle: A\ndate: 2024-01-02\n---\n{body}")
    assert reading.outcome == "public"
    assert time.process_time() - start < 8  # it was minutes


def test_a_scope_of_many_stars_takes_no_long_time(tmp_path: Path) -> None:
    scope = "**/" * 25 + "*a*a*a*a*a*a*x"
    (tmp_path / "_config.yml").write_text(
        "url: https://example.org\ndefaults:\n"
        f"- {{scope: {{path: '{scope}'}}, values: {{draft: true}}}}\n"
    )
    text = "---\ntitle: A\n---\nb"
    assert _read(tmp_path, "jekyll", text).outcome == "hidden"
