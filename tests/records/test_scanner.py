import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from feeds.records.scanner import UNSETTLED, FileState, FolderError, read_file, scan
from tests.helpers.support import settled


def test_every_file_is_found_with_its_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"12345")
    (tmp_path / "LICENSE").write_bytes(b"")
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "deep/er/b.html").write_bytes(b"1")
    for path in ("a.md", "LICENSE", "deep/er/b.html"):
        os.utime(tmp_path / path, ns=(1, 1_700_000_000_123_456_789))
    found = scan(tmp_path)
    assert {path: (state.size, state.mtime) for path, state in found.items()} == {
        "a.md": (5, 1_700_000_000_123_456_789),
        "LICENSE": (0, 1_700_000_000_123_456_789),
        "deep/er/b.html": (1, 1_700_000_000_123_456_789),
    }
    assert all(abs(time.time_ns() - state.ctime) < 300e9 for state in found.values())


def test_a_file_put_in_the_place_of_another_with_its_size_and_time_is_another(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.md").write_bytes(b"one")
    before = scan(tmp_path)
    settled(tmp_path)
    status = (tmp_path / "a.md").stat()
    (tmp_path / "a.md").write_bytes(b"two")
    os.utime(tmp_path / "a.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    after = scan(tmp_path)
    assert [state[:2] for state in after.values()] == [state[:2] for state in before.values()]
    assert after != before


SECOND: Final = 1_000_000_000


@pytest.mark.parametrize(
    ("ctime", "look", "is_settled"),
    [
        (100 * SECOND + 1, 100 * SECOND + 1, False),
        (100 * SECOND + 1, 100 * SECOND + 20_000_001, False),
        (100 * SECOND + 1, 100 * SECOND + 20_000_002, True),
        (100 * SECOND, 102 * SECOND, False),
        (100 * SECOND, 102 * SECOND + 1, True),
        (200 * SECOND + 1, 100 * SECOND, False),
    ],
    ids=[
        "same moment", "within a tick", "after it", "no fractions", "after two seconds",
        "a server's clock is ahead",
    ],
)  # fmt: skip
def test_a_file_looked_at_in_the_moment_it_was_written_is_not_settled(
    ctime: int, look: int, is_settled: bool
) -> None:
    state = FileState(5, 7, ctime)
    assert state.as_of(look) == (state if is_settled else UNSETTLED)


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.md",
        ".git/config.md",
        "deep/.hidden.md",
        "#a.md#",
        ".#a.md",
        "a.md~",
        "~backup~/a.md",
        ".a.md.swp",
        "a.md.swo",
        "a.md.swx",
        "a.md.tmp",
        "a.md.bak",
        "a.md.orig",
    ],
)
def test_hidden_and_editor_files_are_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / "seen.md").touch()
    assert list(scan(tmp_path)) == ["seen.md"]


def test_paths_of_more_than_600_bytes_are_passed_over(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 199] * 2, "é" * 97)
    deep.mkdir(parents=True)
    for name in ("a.md", "à.md", "àb.md"):
        (deep / name).touch()
    assert sorted(len(path.encode()) for path in scan(tmp_path)) == [599, 600]


def _listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, _listen, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()],
    ids=["FIFO", "socket", "device", "empty folder"],
)
def test_only_regular_files_are_found(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "seen.md").touch()
    make(tmp_path / "odd.md")
    assert list(scan(tmp_path)) == ["seen.md"]


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("real.md", True),
        ("sub/real.md", True),
        ("../outside.md", False),
        ("../records-too/outside.md", False),
        ("../records/real.md", True),
        ("sub", False),
        ("..", False),
        ("nowhere.md", False),
        ("link.md", False),
    ],
)
def test_links_are_followed_to_files_of_the_folder(
    tmp_path: Path, target: str, followed: bool
) -> None:
    folder = tmp_path / "records"
    for path in ("records/real.md", "records/sub/real.md", "records-too/outside.md", "outside.md"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    (folder / "link.md").symlink_to(target)
    expected = {"real.md", "sub/real.md"} | ({"link.md"} if followed else set())
    assert set(scan(folder)) == expected


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.md").touch()
    (tmp_path / "real/b.md").symlink_to("a.md")
    (tmp_path / "link").symlink_to("real")
    assert set(scan(tmp_path / "link")) == {"a.md", "b.md"}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda path: path.touch(), "Not a directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
    ids=["missing", "a file", "a loop"],
)
def test_a_folder_that_is_none_is_an_error(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    folder = tmp_path / "records"
    make(folder)
    with pytest.raises(FolderError) as error:
        scan(folder)
    next_step = "and feeds init FOLDER writes a feeds.toml for one"
    assert str(error.value) == (
        f"{folder}: {reason}; FEEDS_SEEDS names a folder of records, {next_step}"
    )


@pytest.mark.parametrize("refused", ["", "/private"])
def test_a_folder_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    # Permission bits don't stop root, who may be running this.
    listed = os.scandir

    def scandir(path: str) -> object:
        if path.rstrip("/") == f"{tmp_path}{refused}":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    (tmp_path / "private").mkdir()
    (tmp_path / "private/a.md").touch()
    (tmp_path / "b.md").touch()
    monkeypatch.setattr(os, "scandir", scandir)
    if refused:
        assert list(scan(tmp_path)) == ["b.md"]
    else:
        with pytest.raises(FolderError, match="Permission denied; FEEDS_SEEDS names a folder"):
            scan(tmp_path)


def test_bytes_of_a_name_that_are_not_utf_8_are_spelled_out(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_text("Latin 1")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    (tmp_path / "café.md").write_text("UTF-8")
    (tmp_path / r"\xe9.md").write_text("backslash")
    found = {path: read_file(tmp_path, path, 100) for path in scan(tmp_path)}
    assert found == {r"caf\xe9.md": b"Latin 1", "café.md": b"UTF-8", r"\xe9.md": b"backslash"}


def test_a_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"0123456789")
    assert read_file(tmp_path, "a.md", 4) == b"0123"
    assert read_file(tmp_path, "a.md", 100) == b"0123456789"


@pytest.mark.parametrize(
    "make", [os.mkfifo, _listen, lambda path: path.mkdir()], ids=["FIFO", "socket", "folder"]
)
def test_what_took_the_place_of_a_file_is_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "a.md")
    with pytest.raises(OSError, match=r"regular file|No such device|Is a directory"):
        read_file(tmp_path, "a.md", 100)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], set()),
        (["a.md", "gone.md"], {"a.md"}),
        (["sub"], {"sub/b.md", "sub/deep/c.md"}),
        (["sub/deep", "sub/b.md"], {"sub/b.md", "sub/deep/c.md"}),
        ([".hidden", ".hidden/d.md", "sub/.hidden/d.md", "a.md~"], set()),
        (["link.md"], {"link.md"}),
        (["folder", "folder/b.md"], set()),
        (["\udcff.md"], {"\\xff.md"}),
    ],
)
def test_some_paths_are_looked_at_as_they_are_among_all(
    tmp_path: Path, paths: list[str], expected: set[str]
) -> None:
    places = ("a.md", "sub/b.md", "sub/deep/c.md", ".hidden/d.md", "sub/.hidden/d.md", "\udcff.md")
    for path in places:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(repr(path))
    (tmp_path / "link.md").symlink_to("a.md")
    (tmp_path / "folder").symlink_to("sub")
    links: set[str] = set()
    found = scan(tmp_path, links=links)
    assert links == {"link.md", "folder"}
    assert scan(tmp_path, paths=paths) == {path: found[path] for path in expected}


def test_of_a_folder_that_is_gone_no_path_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="No such file or directory"):
        scan(tmp_path / "gone", paths=[])
