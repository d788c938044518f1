"""Files whose values are written as they would be accepted."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.records.fixing import fix, replace
from feeds.records.profile import Profile

THREE = b"---\ntitle: %b\nwebUrl: %b\npublishedDateTime: %b\n---\n"
MIXED = b"\xef\xbb\xbf---\r\ntitle:  'A'  # b\r\nwebUrl:  '%b'  # c\n---\rText\x00 "
URL = b"webUrl: https://a.example/b"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MIXED % b"www.a.example", MIXED % b"https://www.a.example"),
        (
            THREE % (b"a: b", b"www.a.example", b"19/05/2026"),
            THREE % (b'"a: b"', b"https://www.a.example", b"2026-05-19T00:00:00Z"),
        ),
        (
            b"---\n{name: A, webUrl: b.example, published: 19/05/2026}\n---\n",
            b"---\n{name: A, webUrl: https://b.example, published: 2026-05-19T00:00:00Z}\n---\n",
        ),
        # Keys are the author's, and so is what can't be told from something else in its line.
        (b"---\nTitle: A\n" + URL + b"\n---\n", None),
        (b"---\ntitle: A\nwebUrl: www.a.example # not www.a.example\n---\n", None),
        # What is hidden stays hidden, and as it is.
        (b"---\ntitle: A\npublished: \xe2\x80\x9ctrue\xe2\x80\x9d\n" + URL + b"\n---\n", None),
        (b"---\ntitle: A\ndraft: true\nwebUrl: www.a.example\n---\n", None),
        (b"---\ntitle: a: b\ndraft: 'true\n" + URL + b"\n---\n", None),
        (b"---\ntitle: A\n" + URL + b"\n---\n", None),
        (b"---\ntitle: a: b\npublished: false\n" + URL + b"\n---\n", None),
        (b"# Notes\n", None),
        (b"\xff\xfe", None),
    ],
    ids=range(12),
)
def test_the_bytes_of_a_value_alone_are_written(before: bytes, after: bytes | None) -> None:
    assert fix("a.md", before) == (before if after is None else after)


@pytest.mark.parametrize(
    ("configuration", "right"),
    [
        ("none", b"2026-05-13T07:00:00Z"),
        ("hugo.toml", b"2026-05-13T07:00:00Z"),
        ("eleventy.config.js", b"2026-05-13T09:00:00Z"),
    ],
)
def test_a_date_is_written_in_the_zone_of_the_tool(
    configuration: str, right: bytes, tmp_path: Path
) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / configuration).write_text("baseURL = 'https://example.org/'\n")
    profile = Profile("auto", "https://example.org", "Europe/Berlin")
    post = b"---\ntitle: A\nlink: https://a.example/b\ndate: %b\n---\n"
    options = profile.options(tmp_path, datetime(2026, 5, 19, tzinfo=UTC))
    assert fix("content/a.md", post % b"2026-13-05 9:00", options) == post % right


def test_a_file_that_is_read_only_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"a")
    file.chmod(0o444)
    with pytest.raises(PermissionError, match="is read-only"):
        replace(file, b"a", b"b")
    assert file.read_bytes() == b"a"


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"a")
    file.chmod(0o640)
    link = tmp_path / "b.md"
    link.symlink_to(file)
    inode = file.stat().st_ino
    assert replace(link, b"a", b"b")
    assert (file.read_bytes(), link.is_symlink()) == (b"b", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.stat().st_ino != inode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.md", "b.md"]


def test_a_file_that_changed_meanwhile_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"c")
    assert not replace(file, b"a", b"b")
    assert file.read_bytes() == b"c"
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
