"""A note in an exported site, by which a repeated export sees that nothing changed since.

Looking at sizes and times takes less than the program takes to start, so nothing of it is imported
here. The note has what the export would print again, and two digests: of its sources, and of the
site. In doubt no note is written, and the next export does all its work.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Final
from urllib.parse import quote

_NOTE: Final = ".feeds/untouched"
_LOCK: Final = ".feeds/lock"
_VARIABLES: Final = ("FEEDS_", "HUGO_", "GIT_", "XDG_", "HOME", "TZ")
_CONFIGURATION: Final = re.compile(r"^[._]|^config$|\.(toml|ya?ml|json|[cm]?[jt]s)$")
_DAY: Final = 86_400
_SETTLED: Final = 2  # seconds, after which another change of a file has another time


class UnclearError(Exception):
    """Sizes and times can't tell whether something changed."""


def repeat(arguments: Sequence[str]) -> bool:
    """Print what the last export with these arguments printed; False where something changed."""
    for target in arguments:
        with suppress(OSError, ValueError, KeyError, TypeError, UnclearError):
            note = json.loads((Path(target) / _NOTE).read_bytes())
            if time.time() >= note["until"]:
                continue
            sources = sources_digest(arguments, note["folder"])
            if [sources, _site_digest(note["database"], target)] == note["digests"]:
                for line, is_problem in note["lines"]:
                    print(line, file=sys.stderr if is_problem else sys.stdout)
                return True
    return False


def sources_digest(arguments: Sequence[str], folder: str) -> str:
    """A digest of arguments, settings, program and records. Raises UnclearError, OSError."""
    program = Path(__file__).parents[1]
    records = Path(folder).resolve()
    packages = [path for path in sys.path if path.endswith("-packages")]
    parts = [*arguments, sys.version, str(program), *map(_stamp, ["feeds.toml", *packages])]
    parts += [f"{k}={v}" for k, v in sorted(os.environ.items()) if k.startswith(_VARIABLES)]
    # A site's configuration may come to lie beside the folder.
    parts += [
        str(Path.cwd()),
        str(records),
        *_configuration_beside(records),
        *_checkout(records),
    ]
    parts += [line for line, *_ in _tree(program) if "__pycache__" not in line]
    for line, mode, changed in _tree(records):
        if S_ISLNK(mode) or changed > time.time_ns() - _SETTLED * 10**9:
            raise UnclearError(line)
        parts.append(line)
    return _digest(parts)


def write(
    target: Path,
    sources: str,
    folder: Path,
    database: Path,
    due: int | None,
    lines: Sequence[tuple[str, bool]],
) -> None:
    """Keep what an export of `sources` parts, each line with whether it is of a problem.

    `due` is when the records change by themselves, in seconds; at midnight, lists may.
    """
    midnight = (int(time.time()) // _DAY + 1) * _DAY
    with suppress(OSError, UnclearError):
        kept = {
            "until": min(midnight, due or midnight),
            "folder": str(folder),
            "database": str(database.absolute()),
            "digests": [sources, _site_digest(str(database), str(target))],
            "lines": lines,
        }
        (target / _NOTE).write_text(json.dumps(kept), encoding="utf-8")


def _site_digest(database: str, target: str) -> str:
    """A digest of the state of the store, and of the files that were written from it."""
    try:
        place = f"file:{quote(os.path.abspath(database))}?mode=rw"  # noqa: PTH100 - not its links
        with closing(sqlite3.connect(place, uri=True)) as connection:
            state = repr(connection.execute("SELECT * FROM state").fetchall())
    except sqlite3.Error as error:
        raise UnclearError(database) from error
    root = Path(target).absolute()
    own = tuple(f"{root / name}\0" for name in (_NOTE, _LOCK))
    files = (line for line, *_ in _tree(root, hidden=True))
    return _digest([state, *(line for line in files if not line.startswith(own))])


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _tree(root: Path, *, hidden: bool = False) -> Iterator[tuple[str, int, int]]:
    """What is below a folder: a line with path, size and times, the mode, the last change (ns)."""
    pending = [str(root)]
    for folder in pending:
        with os.scandir(folder) as listing:
            for item in sorted(listing, key=lambda one: one.name):
                status = item.stat(follow_symlinks=False)
                if S_ISDIR(status.st_mode):  # which isn't looked into where it is hidden
                    pending += [item.path] if hidden or item.name[0] != "." else []
                    yield f"{item.path}\0", status.st_mode, 0
                    continue
                if not (S_ISREG(status.st_mode) or S_ISLNK(status.st_mode)):
                    raise UnclearError(item.path)
                times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
                line = f"{item.path}\0{status.st_mode}\0{status.st_size}\0{times}"
                yield line, status.st_mode, status.st_ctime_ns


def _stamp(path: str | Path) -> str:
    try:
        status = os.stat(path)  # noqa: PTH116 - of many
    except OSError:
        return f"{path}\0"
    return f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}"


def _configuration_beside(folder: Path) -> Iterator[str]:
    """What is beside a folder and may make it, or may come to make it, one of another tool."""
    for name in sorted(filter(_CONFIGURATION.search, os.listdir(folder.parent))):  # noqa: PTH208
        path = folder.parent / name
        yield _stamp(path) if path.is_file() else name
        if name == "config" and path.is_dir():
            yield from (line for line, *_ in _tree(path))


def _checkout(folder: Path) -> list[str]:
    """When what is checked out of a repository around the folder last became another."""
    repository = next(
        (p / ".git" for p in (folder, *folder.parents) if (p / ".git").exists()), None
    )
    if repository is None:
        return []
    log = repository / "logs" / "HEAD"
    if "GIT_DIR" in os.environ or not log.is_file():
        raise UnclearError(str(repository))
    return [_stamp(log), _stamp(repository / "shallow")]
