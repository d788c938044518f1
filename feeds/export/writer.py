"""Brings a target, a folder or an object store, up to a site; at any moment it may be killed.

The manifest of the last run, and the journals that killed runs left, say what
is there. Only documents that differ are written, and only what a run wrote is
removed. Paths are journaled before they are written or removed, and the
manifest comes last: what a journal names, the next run takes for lost, and
writes again or removes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, Protocol

from feeds.export import manifest, plan
from feeds.export.manifest import File, Manifest
from feeds.export.plan import WHOLE, SiteItem, SiteSelection
from feeds.export.rendering import Choice, render_each
from feeds.export.staleness import NOTHING, basis, icons, is_stale, stale_since
from feeds.messages import counted
from feeds.model import FeedsError
from feeds.serving.document_store import DocumentStore
from feeds.store.database import StoreError
from feeds.store.memory import Memory, recall

JOURNAL: Final = f"{manifest.FOLDER}/journal"  # how the paths of journals begin
_MANIFEST: Final = File("application/json", "", 0, "", "no-cache")
_UNCERTAIN: Final = File("", "", 0, "", "")  # in a manifest: may be there, with any bytes


class ExportError(FeedsError):
    """A target that can't be written to; names it, and what is in the way."""


class Outcome(NamedTuple):
    """How many documents a site has; how many files were written and removed."""

    documents: int
    written: int
    removed: int

    def __str__(self) -> str:
        return (
            f"{counted(self.documents, 'document')}: {counted(self.written, 'file')} written, "
            f"{self.removed:,} removed"
        )


class Put(NamedTuple):
    """A file to write; `modified` is its time in seconds since the epoch, None for now."""

    path: str
    body: bytes
    headers: File
    modified: int | None = None


Items = Iterable[tuple[str, SiteItem | None]]


class Target(Protocol):
    """Where a site is written. Methods raise ExportError where the place can't be read or written.

    `name` is for messages. `workers` is how many threads write, 0 for none
    beside the caller's. `batch` is how many documents share a journal, and how
    many are held until they are written. `encoders` are those of the manifest.
    `trusts_manifest` is whether the manifest alone says what is there: a run
    that fails leaves one. `coding` is the content coding of the files at the paths themselves.
    """

    name: str
    workers: int
    batch: int
    encoders: dict[str, str]
    trusts_manifest: bool
    coding: str

    def opened(self) -> AbstractContextManager[bytes | None]:
        """Claims the place for a run; the text of the manifest there, None if there is none.

        Raises ExportError for a place that holds files of others.
        """

    def journals(self) -> Iterable[tuple[str, list[str]]]:
        """The path of each journal there, and the paths in it. Raises ManifestError."""

    def journal(self, paths: Iterable[str]) -> str:
        """Write paths into a journal; returns the path of the journal."""

    def has(self, path: str, known: File, /) -> bool:
        """Whether a file, with those beside it, is there as its entry in the manifest says.

        That is as far as the target can tell without reading it.
        """

    def compare(self, path: str, item: SiteItem, known: File | None) -> tuple[File, list[Put]]:
        """A document's entry in the manifest, and those of its files that have to be written.

        `known` is its entry until now, None where that isn't certain.
        """

    def put(self, put: Put) -> None:
        """Write a file, which readers see whole or not at all."""

    def remove(self, path: str) -> bool:
        """Remove a file; whether it was there, as far as the target can tell."""


def write(
    target: Target,
    documents: DocumentStore,
    selection: SiteSelection = WHOLE,
    progress: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Bring a target up to the selected part of a site; other files of the site are removed.

    `progress` is given the number of documents after each. Raises ExportError,
    ManifestError and StoreError; then each file is whole, old or new.
    """
    with target.opened() as text, documents.store.read() as reader:
        if not reader.state().generation:
            raise StoreError(f"the store {documents.store.name} holds no load yet")
        before = _read(target, text)
        now = Manifest(
            base_url=documents.config.root,
            encoders=target.encoders,
            memory=recall(reader.connection),
            basis=basis(documents.config, reader, selection, target.coding),
            closed=reader.state().closed,
            icons=icons(reader),
        )
        stale = stale_since(reader, documents.config, before, now)
        run = _Run(target, before, now)
        if stale is NOTHING and run.is_done():
            return Outcome(len(before.files), 0, 0)

        def choices() -> Iterator[Choice]:
            """Each document, without a plan where its file can stay as it is."""
            for planned in plan.documents_of(documents, reader, selection):
                path = manifest.path_of(planned.address)
                file = run.known(path)
                is_same = file and not is_stale(planned, file, stale, documents, before.closed)
                yield Choice(path, None if is_same else planned, file.etag if file else "")

        codings = (target.coding, *target.encoders)
        with closing(render_each(documents, reader, choices(), codings)) as items:
            return run.write(items, progress)


def memory_of(target: Target) -> Memory | None:
    """What the store remembered of which a target was last written; None where nobody knows.

    Raises ExportError and ManifestError.
    """
    with target.opened() as text:
        return _read(target, text).memory


def _read(target: Target, text: bytes | None) -> Manifest:
    return Manifest() if text is None else manifest.read(text, f"{target.name}/{manifest.NAME}")


def manifest_file(content: Manifest) -> Put:
    """A manifest as the file to write."""
    return Put(manifest.NAME, manifest.encode(content), _MANIFEST)


class _Run:
    """One run of the writer; `now` is the manifest to be."""

    def __init__(self, target: Target, before: Manifest, now: Manifest) -> None:
        self._target, self._before, self._now = target, before, now
        # The entries that are certain; other encoders make other bytes.
        self._known = dict(before.files) if before.encoders == now.encoders else {}
        self._ours = before.paths()  # files that may be there, of this run or an earlier one
        self._written: list[str] = []
        self._removed: list[str] = []
        self._journals: set[str] = set()
        for name, paths in target.journals():
            self._journals.add(name)
            self._doubt(paths)

    def known(self, path: str) -> File | None:
        """The entry of a file that is there, as far as the target can tell."""
        file = self._known.get(path)
        return file if file and file.etag and self._target.has(path, file) else None

    def is_done(self) -> bool:
        """Whether the site is there, if it has to be as it was."""
        files = self._before.files
        return not self._journals and len(self._known) == len(files) and all(map(self.known, files))

    def write(self, items: Items, progress: Callable[[int], None]) -> Outcome:
        try:
            self._each(self._changes(items, progress))
            gone = sorted(self._ours - self._now.paths())
            if gone:
                self._journal(gone)
            self._each(partial(self._remove, path) for path in gone)
        except BaseException:
            if self._target.trusts_manifest:
                before, now = self._before, self._now
                now.files, now.memory, now.closed = self._known, before.memory, before.closed
                now.basis = ""  # files are of both
                self._known |= dict.fromkeys(self._ours - self._now.paths(), _UNCERTAIN)
                with suppress(ExportError):  # the first error says more
                    self._commit()
            raise
        self._commit()
        return Outcome(len(self._now.files), len(self._written), len(self._removed))

    def _changes(
        self, items: Items, progress: Callable[[int], None]
    ) -> Iterator[Callable[[], None]]:
        """Jobs that write the documents that differ, each journaled."""

        def changes() -> Iterator[tuple[str, list[Put]]]:
            files = self._now.files
            for path, document in items:
                if document is None:
                    files[path] = self._known[path]
                else:
                    item = manifest.dated(document, self._before.files.get(path))
                    files[path], puts = self._target.compare(path, item, self._known.get(path))
                    if puts:
                        yield path, puts
                progress(len(files))

        ahead = changes()
        while batch := list(islice(ahead, self._target.batch)):
            self._journal([put.path for _, puts in batch for put in puts])
            yield from (partial(self._put, path, puts) for path, puts in batch)

    def _journal(self, paths: list[str]) -> None:
        """Write-ahead: journal the paths before uploading or removing."""
        self._doubt(paths)
        self._journals.add(self._target.journal(paths))

    def _doubt(self, paths: Iterable[str]) -> None:
        """Files at these paths are ours from now on, but may be old, new or missing."""
        for path in paths:
            self._ours.add(path)
            self._known.pop(path, None)

    def _put(self, path: str, puts: list[Put]) -> None:
        for put in puts:
            self._target.put(put)
            self._written.append(put.path)
        self._known[path] = self._now.files[path]

    def _remove(self, path: str) -> None:
        if self._target.remove(path):
            self._removed.append(path)
        self._ours.discard(path)

    def _commit(self) -> None:
        """Write the manifest if it differs, or its time tells of the files; remove the journals."""
        if self._now != self._before or not self._target.trusts_manifest:
            self._target.put(manifest_file(self._now))
        self._each(partial(self._target.remove, name) for name in sorted(self._journals))

    def _each(self, jobs: Iterable[Callable[[], object]]) -> None:
        """Do jobs, several at once where the target allows; those under way end before an error."""
        if not self._target.workers:
            for job in jobs:
                job()
            return
        pool = ThreadPoolExecutor(self._target.workers)
        ahead = deque[Future[object]]()
        try:
            for job in jobs:
                if len(ahead) == self._target.batch:
                    ahead.popleft().result()
                ahead.append(pool.submit(job))
            for future in ahead:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
