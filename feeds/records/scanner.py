"""The folder of records: its files, and the content of one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from feeds.model import FeedsError

_SPELLED_OUT = re.compile(rb"\\x([89a-f][0-9a-f])")
_EDITOR_FILE: Final = (".swp", ".swo", ".swx", ".tmp", ".bak", ".orig", "~")
# Nanoseconds that a file system may take for one moment: a tick of the kernel,
# and where it tells whole seconds alone, two (FAT).
_TICK: Final = 20_000_000
_SECONDS: Final = 2_000_000_000

# Bytes of a path. PostgreSQL's indexes hold 2,704, and one spelled out takes four of them.
_LONGEST: Final = 600


class FolderError(FeedsError):
    """A folder that can't be read, or that lost what it had; the last generation stays."""

    public = "the folder, or what configures it, can't be read; the log says more"


class LossError(FolderError):
    """A folder that lost more than half of its records at once."""

    public = "the folder lost more than half of its records at once; the log says what to do"


class FileState(NamedTuple):
    """Size and times of a file: bytes, and nanoseconds since 1970.

    `mtime` is the time of its last change, which programs may set, as those do
    that copy files with their times; `ctime` is that of the file system.
    """

    size: int
    mtime: int
    ctime: int

    def as_of(self, look: int) -> FileState:
        """The state of a file as scanned at `look` (ns); UNSETTLED when it may be written yet.

        A change in the same moment as the last one before the scan leaves the
        times as they are, and may leave the size. Its content tells ("racy" in
        git's index).
        """
        moment = _TICK if self.ctime % 1_000_000_000 else _SECONDS
        return self if self.ctime + moment < look else UNSETTLED


UNSETTLED: Final = FileState(-1, -1, -1)  # as no file is


def scan(
    folder: Path,
    unreadable: list[str] | None = None,
    *,
    paths: Iterable[str] | None = None,
    links: set[str] | None = None,
) -> dict[str, FileState]:
    r"""Every file that may be a record, by its path relative to `folder`.

    With `paths`, as the system spells them, only those files, and what is in those subfolders.
    Hidden and editor files, links that leave the folder, paths of more than
    600 bytes and anything but regular files are passed over. Bytes of a name that aren't UTF-8 are
    spelled out (`\xff`), as databases take only text. Subfolders that are
    there and can't be read are added to `unreadable`, with a slash at their
    end, and links to `links`. Raises FolderError when the folder can't be read.
    """
    root = os.path.realpath(folder)
    states: dict[str, FileState] = {}
    pending = [""] if paths is None else _named(folder, root, paths, states, unreadable, links)
    while pending:
        prefix = pending.pop()
        try:
            with os.scandir(f"{root}/{prefix}") as listing:
                for item in listing:
                    path = prefix + item.name
                    if _passed_over(path):
                        continue
                    if item.is_dir(follow_symlinks=False):
                        pending.append(path + "/")
                        continue
                    if links is not None and item.is_symlink():
                        links.add(path)
                    if (state := _stat(item, root)) is not None:
                        states[spelled(path)] = state
        except OSError as error:
            if prefix == "":
                raise _unreadable(folder, error) from None
            if unreadable is not None and not isinstance(error, FileNotFoundError):
                unreadable.append(prefix)
    return states


def _named(
    folder: Path,
    root: str,
    paths: Iterable[str],
    states: dict[str, FileState],
    unreadable: list[str] | None,
    links: set[str] | None,
) -> list[str]:
    """Add the files at `paths` to `states`; returns the folders, with a slash at their end."""
    try:
        os.scandir(root).close()
    except OSError as error:
        raise _unreadable(folder, error) from None
    folders = []
    for path in paths:
        target = Path(root, path)
        parent = str(target.parent)
        if any(map(_passed_over, prefixes(path))) or os.path.realpath(parent) != parent:
            continue
        try:
            is_link = target.is_symlink()
            is_folder = target.is_dir() and not is_link
        except OSError:  # as of a folder that can't be entered
            if unreadable is not None:
                unreadable.append(path.rpartition("/")[0] + "/")
            continue
        if is_link and links is not None:
            links.add(path)
        if is_folder:
            folders.append(path + "/")
        elif (state := _stat(target, root)) is not None:
            states[spelled(path)] = state
    return folders


def _unreadable(folder: Path, error: OSError) -> FolderError:
    return FolderError(
        f"{folder}: {error.strerror}; FEEDS_SEEDS names a folder of records, "
        "and feeds init FOLDER writes a feeds.toml for one"
    )


def prefixes(path: str) -> Iterator[str]:
    """A path, and those of the folders that it is in."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _passed_over(path: str) -> bool:
    """Whether what is at a path is never looked at, by its name or the length of the path."""
    length = len(path) if path.isascii() else len(os.fsencode(path))
    return length > _LONGEST or ignored(path[path.rfind("/") + 1 :])


def spelled(path: str) -> str:
    r"""A path of the system as the store has it: bytes that aren't UTF-8 spelled out (`\xff`)."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def ignored(name: str) -> bool:
    """Whether a file or folder of that name is never looked at: hidden, or of an editor."""
    return name.startswith((".", "#")) or name.endswith(_EDITOR_FILE)


def path_of(folder: Path, path: str) -> str:
    """A path of the store as the system spells it."""
    if "\\x" in path and not os.path.lexists(f"{folder}/{path}"):
        name = _SPELLED_OUT.sub(lambda byte: bytes.fromhex(byte[1].decode()), os.fsencode(path))
        return os.fsdecode(name)
    return path


def _stat(item: os.DirEntry[str] | Path, root: str) -> FileState | None:
    try:
        if item.is_symlink() and not os.path.realpath(item).startswith(root + os.sep):
            return None
        status = item.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileState(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_file(folder: Path, path: str, most: int) -> bytes:
    """The content of a regular file, or its first `most` bytes. Raises OSError."""
    name = f"{folder}/{path_of(folder, path)}"
    handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is not a regular file")
        # One byte more than it has, to be told of its end by the same call.
        size = min(status.st_size + 1, most)
        data = os.read(handle, size)
        if len(data) == size - 1:
            return data
        while len(data) < most and (more := os.read(handle, most - len(data))):
            data += more
        return data
    finally:
        os.close(handle)
