"""What the system tells of changes in a folder and its subfolders: Linux's inotify(7)."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Final

from inotify_simple import INotify, flags

from feeds.model import FeedsError
from feeds.records.scanner import ignored

_QUIET: Final = 0.2  # seconds without a write that end a burst of them
_BURST: Final = 1.0  # seconds that a burst is waited for at most
_MOST: Final = 2_000  # paths that are told one by one
_CAME: Final = flags.CREATE | flags.MOVED_TO | flags.ATTRIB
_MASK: Final = _CAME | flags.MODIFY | flags.MOVED_FROM | flags.DELETE
_HOW: Final = flags.ONLYDIR | flags.EXCL_UNLINK
_GONE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_LIMITS: Final = {
    errno.ENOSPC: "the system's watches are used up; raise fs.inotify.max_user_watches",
    errno.EMFILE: "the system's instances of inotify, or this process's open files, are used up; "
    "raise fs.inotify.max_user_instances",
}


class WatchError(FeedsError):
    """The system can't watch all of a folder."""


class FolderWatch:
    """Watches a folder, and the subfolders that records are looked for in.

    Raises WatchError, also where a limit of the system doesn't let it watch a subfolder.
    """

    def __init__(self, folder: Path) -> None:
        self._root = os.path.realpath(folder)
        self._prefixes: dict[int, str] = {}  # paths of folders, with a slash, by watch
        try:
            self._system = INotify()
        except (OSError, AttributeError) as error:  # which isn't Linux
            raise _problem(error) from error
        try:
            self._add("")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._system.close()

    def read(self, timeout: float) -> set[str] | None:
        """The paths of what changed, of a folder with all that is in it; None for unknown.

        Paths are relative to the folder, as the system spells them. Waits for a change for
        `timeout` seconds, and for the end of a burst of them. Raises WatchError.
        """
        paths, is_lost = set[str](), False
        end = time.monotonic() + _BURST
        while timeout > 0 and (events := self._system.read(timeout * 1000)):
            for event in events:
                is_lost = is_lost or bool(event.mask & flags.Q_OVERFLOW)
                if path := self._note(event.wd, event.mask, event.name):
                    paths.add(path)
            timeout = min(_QUIET, end - time.monotonic())
        return None if is_lost or len(paths) > _MOST else paths

    def _note(self, watch: int, mask: int, name: str) -> str:
        """The path of an event, empty where it concerns no record."""
        if mask & flags.IGNORED:  # a folder that is gone
            self._prefixes.pop(watch, None)
        prefix = self._prefixes.get(watch)
        # What a volume of Kubernetes links to turns with a hidden link: `..data`.
        if prefix is None or not name or (ignored(name) and not name.startswith("..")):
            return ""
        path = prefix + name
        if mask & flags.ISDIR and not ignored(name):
            if mask & flags.MOVED_FROM:
                self._remove(path + "/")
            elif mask & _CAME:
                self._add(path + "/")
        return path

    def _add(self, prefix: str) -> None:
        """Watch a folder, and those in it: first itself, so that nothing that comes is missed."""
        pending = [prefix]
        while pending:
            prefix = pending.pop()
            try:
                # A link to a folder isn't followed, but to that of all records.
                how = _MASK | _HOW | (flags.DONT_FOLLOW if prefix else 0)
                watch = self._system.add_watch(f"{self._root}/{prefix}", how)
                self._prefixes[watch] = prefix
                with os.scandir(f"{self._root}/{prefix}") as listing:
                    pending += [
                        f"{prefix}{item.name}/"
                        for item in listing
                        if item.is_dir(follow_symlinks=False) and not ignored(item.name)
                    ]
            except OSError as error:
                # Nor is one looked at that can't be read; a change of its rights is told.
                if error.errno not in (*_GONE, errno.EACCES) or not prefix:
                    raise _problem(error) from error

    def _remove(self, prefix: str) -> None:
        """Watch a folder no more that went elsewhere, where it has another path."""
        for watch, one in list(self._prefixes.items()):
            if one.startswith(prefix):
                del self._prefixes[watch]
                try:
                    self._system.rm_watch(watch)
                except OSError:  # it is gone
                    continue


def _problem(error: Exception) -> WatchError:
    return WatchError(_LIMITS.get(getattr(error, "errno", 0), str(error)))
