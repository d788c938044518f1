"""A site in a folder: every document at the path of its address, with the bytes the server sends.

The manifest isn't trusted: files are compared with the documents themselves, so
that what was damaged is mended; those whose documents can't be others, by their sizes and
times alone. A file is written under another name and then
moved into its place. Files aren't waited for until they are on the disk, the manifest
is: what a power cut takes, the next export finds missing.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from feeds.export import manifest
from feeds.export.manifest import SUFFIXES, Coded, File, ManifestError
from feeds.export.plan import SiteItem
from feeds.export.writer import JOURNAL, ExportError, Put
from feeds.serving import content_coding
from feeds.store import locks

CODINGS: Final = tuple(SUFFIXES)
_LOCK: Final = f"{manifest.FOLDER}/lock"
_NEW: Final = f"{manifest.FOLDER}/new"  # a file before it is moved into its place


class Folder:
    """A folder as the target of a writer; `codings` are those beside each file."""

    workers = 0  # the disk is faster than handing work to a thread
    batch = 1
    coding = content_coding.IDENTITY
    trusts_manifest = False

    def __init__(self, root: Path, codings: Sequence[str] = ()) -> None:
        self.name = str(root)
        self.encoders = manifest.encoders(codings)
        self._root = root
        self._journal = root / JOURNAL
        self._folders: set[str] = set()  # that were looked at, and are no links
        self._noted = 0  # when the manifest was written, in nanoseconds
        self._latest = 0  # time of a file, in seconds: a little ahead where bytes changed at once

    @contextmanager
    def opened(self) -> Iterator[bytes | None]:
        """The manifest, while the folder is locked. Raises ExportError."""
        try:
            with self._locked():
                place = self._root / manifest.NAME
                text = place.read_bytes() if place.exists() else None
                self._noted = 0 if text is None else place.stat().st_mtime_ns
                yield text
                (self._root / _NEW).unlink(missing_ok=True)
        except OSError as error:
            path = error.filename2 or error.filename or self._root
            raise ExportError(f"{path} can't be written: {error.strerror or error}") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._is_foreign():
            raise ExportError(
                f"{self._root} holds files that no export wrote; name a new or empty folder"
            )
        for own in (_LOCK, _NEW, JOURNAL):
            self._refuse_link(own)
        (self._root / manifest.FOLDER).mkdir(parents=True, exist_ok=True)
        try:
            handle = locks.lock(self._root / _LOCK, wait=False)
        except BlockingIOError:
            raise ExportError(f"another export writes into {self._root}") from None
        try:
            yield
        finally:
            os.close(handle)

    def _is_foreign(self) -> bool:
        """Whether something is there, and nothing that shows that an export began there."""
        if any((self._root / own).is_file() for own in (_LOCK, manifest.NAME)):
            return False
        hidden = self._root / manifest.FOLDER
        there = set(self._root.iterdir()) if self._root.is_dir() else set()
        return bool(there - {hidden} or (hidden.is_dir() and any(hidden.iterdir())))

    def _place(self, path: str) -> Path:
        """Where a file of the site is. Raises ExportError where a link leads out of the folder."""
        self._refuse_link(path.rpartition("/")[0])
        return self._root / path

    def _refuse_link(self, path: str) -> None:
        while path and path not in self._folders:
            if (self._root / path).is_symlink():
                raise ExportError(
                    f"{self._root / path} is a link; an export writes into no other folder than "
                    "its own, so remove the link, or name the folder that it leads to"
                )
            self._folders.add(path)
            path = path.rpartition("/")[0]

    def journals(self) -> Iterator[tuple[str, list[str]]]:
        """The journal there, without lines that a power cut damaged: they name no file."""
        with suppress(FileNotFoundError):
            text = self._journal.read_bytes()
            whole = text.rfind(b"\n") + 1  # after it is what a crash left of a line
            os.truncate(self._journal, whole)
            paths = []
            for line in text[:whole].split(b"\n"):
                with suppress(UnicodeDecodeError, ManifestError):
                    paths.append(manifest.check(line.decode()))
            yield JOURNAL, paths

    def journal(self, paths: Iterable[str]) -> str:
        with self._journal.open("ab", buffering=0) as file:
            file.write("".join(f"{path}\n" for path in paths).encode())
        return JOURNAL

    def has(self, path: str, known: File) -> bool:
        beside = ((path + SUFFIXES[coding], one.size) for coding, one in known.beside.items())
        for name, size in ((path, known.size), *beside):
            try:
                status = self._place(name).lstat()
            except (FileNotFoundError, NotADirectoryError):
                return False
            is_later = status.st_mtime_ns > self._noted
            if not stat.S_ISREG(status.st_mode) or is_later or status.st_size != size:
                return False
        return True

    def compare(self, path: str, item: SiteItem, known: File | None) -> tuple[File, list[Put]]:
        """Compares the files there with the document, and dates those that stay."""
        body, file = manifest.describe(item)
        modified = item.modified or item.document.modified
        stored = self._stored(path)
        moment = file_time(stored, body, int(modified.timestamp()) if modified else None)
        planned = [(Put(path, body, file, moment), stored)]
        taken, beside = {(moment, file.size)}, dict[str, Coded]()
        for coding in self.encoders:
            name = path + SUFFIXES[coding]
            stored = self._stored(name)
            coded = known.beside.get(coding) if known and known.etag == file.etag else None
            if coded and stored.body is not None and manifest.digest(stored.body) == coded.sha256:
                body = stored.body
            else:
                body, coded = manifest.describe_coded(item.document, coding)
            beside[coding] = coded
            dated = file_time(stored, body, moment)
            while (dated, len(body)) in taken:  # servers of files make ETags of these
                dated += 1
            taken.add((dated, len(body)))
            planned.append((Put(name, body, file, dated), stored))
        for put, stored in planned:
            if stored.body == put.body and stored.time != put.modified is not None:
                os.utime(self._root / put.path, (put.modified, put.modified))
        puts = [put for put, stored in planned if stored.body != put.body]
        return msgspec.structs.replace(file, beside=beside), puts

    def _stored(self, path: str) -> _Stored:
        place = self._place(path)
        try:
            status = place.lstat()
            body = place.read_bytes() if stat.S_ISREG(status.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            return _Stored(None, None)
        return _Stored(body, int(status.st_mtime))

    def put(self, put: Put) -> None:
        new, place = self._root / _NEW, self._place(put.path)
        with new.open("wb") as file:
            file.write(put.body)
            if put.path == manifest.NAME:
                file.flush()
                os.fsync(file.fileno())
        moment = put.modified
        if put.path == manifest.NAME and self._latest > time.time():
            moment = self._latest  # whatever is later was damaged
        if moment is not None:
            os.utime(new, (moment, moment))
            self._latest = max(self._latest, moment)
        try:
            new.replace(place)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            new.replace(place)

    def remove(self, path: str) -> bool:
        """Remove a file, and the folders that are left empty."""
        place = self._place(path)
        try:
            place.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        with suppress(OSError):
            for folder in place.relative_to(self._root).parents[:-1]:
                (self._root / folder).rmdir()
        return True


class _Stored(NamedTuple):
    """A file's bytes, None where it isn't an ordinary one; and its time, None where nothing is."""

    body: bytes | None
    time: int | None


def file_time(stored: _Stored, body: bytes, modified: int | None) -> int:
    """The time of a file that is to hold `body`, in seconds since the epoch.

    That is when its document was last modified, or now if that isn't known.
    But servers of files tell states of a file apart by its time and size: it
    never goes back, and other bytes get a later one.
    """
    if stored.time is None:
        return int(time.time()) if modified is None else modified
    if stored.body == body:
        return stored.time if modified is None else max(stored.time, modified)
    return max(int(time.time()) if modified is None else modified, stored.time + 1)
