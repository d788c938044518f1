"""Values written as they would be accepted. Decided purely; `replace` writes a file.

Only the bytes of a value are changed, and only where that takes its problem away
and makes no other; a hidden record is never changed.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from feeds.model import Problem
from feeds.records.checking import examine
from feeds.records.outcome import FileReading
from feeds.records.parser import PLAIN, Options

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def fix(path: str, data: bytes, options: Options = PLAIN) -> bytes:
    """The content of the file at `path` with all values that it is safe to write."""
    reading = examine(path, data, b"", options)
    if reading.hides or reading.outcome == "hidden":
        return data
    for problem in reading.problems:
        fixed = with_suggestion(data, problem) if problem.value else data
        if fixed != data:
            after = examine(path, fixed, b"", options)
            if _is_better(after, reading, problem):
                data, reading = fixed, after
    return data


def with_suggestion(data: bytes, problem: Problem) -> bytes:
    """`data` with the suggestion in place of the value; the same where that isn't found."""
    lines = data.splitlines(keepends=True)
    line, value = lines[problem.line - 1], problem.value.encode()
    if problem.suggestion and line.count(value) == 1:
        lines[problem.line - 1] = line.replace(value, problem.suggestion.encode())
    return b"".join(lines)


def _is_better(after: FileReading, before: FileReading, problem: Problem) -> bool:
    """Whether a problem is gone, with no new one, and nothing is hidden for it."""
    left, were = ({(p.line, p.field) for p in one.problems} for one in (after, before))
    if (problem.line, problem.field) in left or not left <= were:
        return False
    return after.outcome in ("public", "error")


def replace(file: Path, before: bytes, after: bytes) -> bool:
    """Replace the content of a file whole, unless it isn't `before` any more; keeps its mode.

    Raises OSError, for a file that is read-only too.
    """
    target = Path(os.path.realpath(file))
    status = target.stat()
    if not status.st_mode & _WRITABLE:  # which its folder would allow
        raise PermissionError(errno.EACCES, "is read-only")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(after)
            new.flush()
            with suppress(PermissionError):  # the file of another user
                os.fchown(handle, status.st_uid, status.st_gid)
            os.fchmod(handle, stat.S_IMODE(status.st_mode))
            os.fsync(handle)
        if target.read_bytes() != before:
            return False
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    return True
