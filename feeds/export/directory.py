"""A site as files: every document at the path of its address, with the bytes that the server sends.

A file is written when it differs, beside its place and then moved there, so
that it is there whole or not at all. Only what an export wrote is ever
removed. Files aren't waited for until they are on the disk, the manifest is:
what a power cut takes, the next export finds missing.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import RawIOBase
from pathlib import Path
from typing import Final, NamedTuple

from feeds.export import manifest
from feeds.export.manifest import SUFFIXES, Coded, File, Manifest, ManifestError
from feeds.export.plan import WHOLE, Item, SiteSelection, walk
from feeds.model import FeedsError
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Document
from feeds.store.database import StoreError

CODINGS: Final = tuple(SUFFIXES)
_JOURNAL: Final = f"{manifest.FOLDER}/journal"  # paths of new files, until the manifest has them
_LOCK: Final = f"{manifest.FOLDER}/lock"
_NEW: Final = f"{manifest.FOLDER}/new"  # a file that isn't in its place yet
Progress = Callable[[int], None]


class ExportError(FeedsError):
    """A folder that can't be exported into; says what is in the way."""


class Outcome(NamedTuple):
    """How many documents a site has; how many files were written and removed."""

    documents: int
    written: int
    removed: int

    def __str__(self) -> str:
        return (
            f"{self.documents:,} documents: {self.written:,} files written, "
            f"{self.removed:,} removed"
        )


def export(
    documents: DocumentStore,
    folder: Path,
    asked: SiteSelection = WHOLE,
    codings: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> Outcome:
    """Bring a folder up to the site: what is asked for of it, and no more.

    Each file has `codings` of it beside it. `progress` is told the number of
    documents after each. Raises ExportError, ManifestError and StoreError;
    the files that are there then are whole, and old or new.
    """
    try:
        with _Folder(folder).opened() as target:
            items = of_one_state(documents, asked)
            return target.bring_up(items, documents.config.root, codings, progress)
    except OSError as error:
        place = error.filename2 or error.filename or folder
        raise ExportError(f"{place} can't be written: {error.strerror or error}") from error


def of_one_state(documents: DocumentStore, asked: SiteSelection) -> Iterator[Item]:
    """The walk of a site, all of it of one generation. Raises StoreError before the first load."""
    with documents.store.read() as reader:
        if not reader.state().generation:
            raise StoreError(f"the store {documents.store.name} holds no load yet")
        yield from walk(documents, reader, asked)


class _Folder:
    """A folder that holds a site."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._before = Manifest()
        self._ours: set[str] = set()  # paths that an export wrote, as far as is known
        self._journal: RawIOBase | None = None
        self._written = 0

    @contextmanager
    def opened(self) -> Iterator[_Folder]:
        """The folder, read, and locked against another export. Raises ExportError."""
        if self._is_foreign():
            raise ExportError(
                f"{self.root} holds files that no export wrote; name a new or empty folder"
            )
        (self.root / manifest.FOLDER).mkdir(parents=True, exist_ok=True)
        handle = os.open(self.root / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ExportError(f"another export writes into {self.root}") from None
            self._read()
            yield self
        finally:
            os.close(handle)
            if self._journal is not None:
                self._journal.close()

    def _is_foreign(self) -> bool:
        """Whether something is there, and nothing that shows that an export began there."""
        if any((self.root / own).is_file() for own in (_LOCK, manifest.NAME)):
            return False
        hidden = self.root / manifest.FOLDER
        there = set(self.root.iterdir()) if self.root.is_dir() else set()
        return bool(there - {hidden} or (hidden.is_dir() and any(hidden.iterdir())))

    def _read(self) -> None:
        place = self.root / manifest.NAME
        with suppress(FileNotFoundError):
            self._before = manifest.read(place.read_bytes(), str(place))
        self._ours = self._before.paths()
        with suppress(FileNotFoundError):
            text = (self.root / _JOURNAL).read_bytes()
            whole = text.rfind(b"\n") + 1  # after it is what a crash left of a line
            os.truncate(self.root / _JOURNAL, whole)
            for line in text[:whole].split(b"\n"):
                # A power cut may leave anything; what names no file can't be removed either.
                with suppress(UnicodeDecodeError, ManifestError):
                    self._ours.add(manifest.check(line.decode()))

    def bring_up(
        self, items: Iterable[Item], base_url: str, codings: Sequence[str], progress: Progress
    ) -> Outcome:
        """Write what differs, remove what is no more, then say so in the manifest."""
        now = Manifest(base_url=base_url, encoders=manifest.encoders(codings), files={})
        for item in items:
            path = manifest.path_of(item.address)
            now.files[path] = self._put(path, item, now)
            progress(len(now.files))
        gone = self._ours - now.paths()
        removed = sum(map(self._remove, sorted(gone)))
        self._finish(now)
        return Outcome(len(now.files), self._written, removed)

    def _put(self, path: str, item: Item, now: Manifest) -> File:
        document = item.document
        size = len(document.body)
        moment = self._settle(path, document.body, _modified(document))
        states = {(moment, size)}
        beside = {
            coding: self._put_coded(path, document, coding, now, moment, states)
            for coding in now.encoders
        }
        return File(
            document.media_type,
            f'"{document.etag}"',
            size,
            manifest.digest(document.body),
            cache_control(document),
            document.last_modified,
            location=item.location,
            beside=beside,
        )

    def _put_coded(
        self,
        path: str,
        document: Document,
        coding: str,
        now: Manifest,
        moment: int,
        states: set[tuple[int, int]],
    ) -> Coded:
        """A coding of a document beside it, made unless it is there.

        `states` are the times and sizes of its other codings, by which servers
        of files make ETags: each must have one of its own.
        """
        beside = path + SUFFIXES[coding]
        body, coded = self._kept(path, document, coding, now)
        if coded is None:
            variant = document.variant(coding)
            body = variant.body
            coded = Coded(variant.etag, len(body), manifest.digest(body))
        dated = self._settle(beside, body, moment)
        while (dated, coded.size) in states:
            dated = self._date(self.root / beside, dated, dated + 1)
        states.add((dated, coded.size))
        return coded

    def _kept(
        self, path: str, document: Document, coding: str, now: Manifest
    ) -> tuple[bytes, Coded | None]:
        """The bytes of a coding that is there from before and still right, and what they are."""
        before = self._before.files.get(path)
        if (
            before is not None
            and before.etag == f'"{document.etag}"'
            and self._before.encoders.get(coding) == now.encoders[coding]
            and (known := before.beside.get(coding)) is not None
            and (found := _bytes(self.root / (path + SUFFIXES[coding]), known.size)) is not None
            and manifest.digest(found) == known.sha256
        ):
            return found, known
        return b"", None

    def _settle(self, path: str, body: bytes, modified: int | None) -> int:
        """Have a file hold these bytes; the time that it is of, in seconds.

        That is when the document was last modified. But servers of files tell
        states of a file apart by its time and size, so other bytes get a later
        time; and a document that has none is of when it was written.
        """
        place = self.root / path
        found = _bytes(place, len(body))
        before = _time(place)
        if found == body and before is not None:
            return self._date(place, before, modified)
        moment = int(time.time()) if modified is None else modified
        if before is not None:
            moment = max(moment, before + 1)
        self._write(path, [body], moment)
        self._written += 1
        return moment

    def _write(
        self, path: str, chunks: Iterable[bytes], moment: int, *, sync: bool = False
    ) -> None:
        """A file in one step: under another name, then moved into its place."""
        if path not in self._ours and path != manifest.NAME:
            if self._journal is None:
                self._journal = (self.root / _JOURNAL).open("ab", buffering=0)
            self._journal.write(f"{path}\n".encode())
            self._ours.add(path)
        new, place = self.root / _NEW, self.root / path
        with new.open("wb") as file:
            file.writelines(chunks)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.utime(new, (moment, moment))
        try:
            new.replace(place)
        except FileNotFoundError:
            place.parent.mkdir(parents=True, exist_ok=True)
            new.replace(place)

    @staticmethod
    def _date(place: Path, before: int, modified: int | None) -> int:
        """The time of a file that stays as it is: later than before, if it changed meanwhile."""
        if modified is None or modified <= before:
            return before
        os.utime(place, (modified, modified))
        return modified

    def _remove(self, path: str) -> bool:
        """Whether a file was there to remove; folders that are left empty go with it."""
        place = self.root / path
        try:
            place.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        with suppress(OSError):
            for folder in place.relative_to(self.root).parents[:-1]:
                (self.root / folder).rmdir()
        return True

    def _finish(self, now: Manifest) -> None:
        if now != self._before or not (self.root / manifest.NAME).exists():
            self._write(manifest.NAME, manifest.written(now), int(time.time()), sync=True)
        for left in (_JOURNAL, _NEW):
            (self.root / left).unlink(missing_ok=True)


def cache_control(document: Document) -> str:
    """How long caches keep a document."""
    return dict(document.headers)["Cache-Control"]


def _modified(document: Document) -> int | None:
    return int(document.modified.timestamp()) if document.modified else None


def _bytes(place: Path, size: int) -> bytes | None:
    """What is in a file of that size; None where there is none."""
    try:
        return place.read_bytes() if place.lstat().st_size == size else None
    except (FileNotFoundError, NotADirectoryError):
        return None


def _time(place: Path) -> int | None:
    try:
        return int(place.lstat().st_mtime)
    except (FileNotFoundError, NotADirectoryError):
        return None
