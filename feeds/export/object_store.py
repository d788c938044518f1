"""A site in an object store, or wherever fsspec writes: the same documents as an export.

What was uploaded before is known by the manifest there, so that only what
changed is sent; what is new is there before the manifest says so. Journals
beside it name what was begun since: of a publication that was killed, the next
one trusts nothing of that, but uploads it again or removes it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from feeds.export import manifest, remote
from feeds.export.directory import Outcome, Progress, cache_control, of_one_state
from feeds.export.manifest import File, Manifest, ManifestError
from feeds.export.plan import WHOLE, Item, SiteSelection
from feeds.export.remote import PublishError
from feeds.model import FeedsError
from feeds.serving import content_coding
from feeds.serving.document_store import DocumentStore

CODINGS: Final = (content_coding.IDENTITY, "gzip", "br")
_AT_ONCE: Final = 16  # requests; each waits for the network far longer than for us
_HELD: Final = 32  # requests with their documents, those under way included; paths of a journal
_NEW: Final = f"{manifest.FOLDER}/new"
_JOURNAL: Final = f"{manifest.FOLDER}/journal-"  # and a name that no other has; a path a line
_OF_MANIFEST: Final = File("application/json", "", 0, "", "no-cache")
_OF_JOURNAL: Final = File("text/plain", "", 0, "", "no-cache")
_BEGUN: Final = File("", "", 0, "", "")  # what isn't known of an object that was begun

Job = tuple[str, Callable[[], None]]  # with the path that it is about


def publish(
    documents: DocumentStore,
    url: str,
    asked: SiteSelection = WHOLE,
    coding: str = content_coding.IDENTITY,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Bring what is at an fsspec URL up to the site: what is asked for of it, and no more.

    Each object is in `coding`. Raises PublishError, ManifestError and
    StoreError; the manifest then has what was uploaded until then.
    """
    place = ObjectStore(url)
    if coding != content_coding.IDENTITY and not place.has_headers:
        raise PublishError(
            f"{remote.shown(url)}: files there have no Content-Encoding, "
            f"so they can't be {coding}; "
            "publish identity, or feeds export --precompress for a server of files"
        )
    return place.bring_up(of_one_state(documents, asked), documents.config.root, coding, progress)


class ObjectStore:
    """What is at an fsspec URL."""

    def __init__(self, url: str) -> None:
        protocol = url.partition("://")[0] if "://" in url else "file"
        self._headers = remote.HEADERS.get(remote.EXTRAS.get(protocol, ""))
        self._name = remote.shown(url)
        self._journals: list[str] = []  # whose paths no manifest tells of
        self._files, root = remote.file_system(url, protocol, self._name)
        self._root = root.rstrip("/")

    @property
    def has_headers(self) -> bool:
        """Whether an object there has a media type and a content coding."""
        return self._headers is not None

    def bring_up(
        self, items: Iterable[Item], base_url: str, coding: str, progress: Progress
    ) -> Outcome:
        """Upload what differs, remove what is no more, then say so in the manifest."""
        before = self._begun()
        there, named = before.files | dict.fromkeys(self._interrupted(), _BEGUN), dict[str, File]()
        written: list[str] = []

        def begun(jobs: Sequence[Job]) -> Sequence[Job]:
            """Jobs that may be half done from now on, which is noted."""
            if jobs:
                paths = [path for path, _ in jobs]
                self._note(paths)
                there.update(dict.fromkeys(paths, _BEGUN))
            return jobs

        def changed() -> Iterator[Job]:
            ready: list[Job] = []
            for item in items:
                path = manifest.path_of(item.address)
                body, named[path] = _object(item, coding)
                if there.get(path) != named[path]:
                    ready.append((path, partial(self._write, path, body, named[path])))
                progress(len(named))
                if len(ready) == _HELD:
                    yield from begun(ready)
                    ready = []
            yield from begun(ready)

        def note(path: str) -> None:
            there[path] = named[path]
            written.append(path)

        try:
            self._all(changed(), note)
            gone = sorted(there.keys() - named.keys())
            removals = begun([(path, partial(self._remove, path)) for path in gone])
            self._all(removals, there.__delitem__)
        finally:
            now = Manifest(base_url=base_url, files=there)
            if now != before:
                self._write(manifest.NAME, b"".join(manifest.written(now)), _OF_MANIFEST)
            self._all(((name, partial(self._remove, name)) for name in self._journals), bool)
        return Outcome(len(named), len(written), len(gone))

    def _all(self, jobs: Iterable[Job], done: Callable[[str], Any]) -> None:
        """Do named jobs, several at once where that is possible; `done` is told each that is."""
        pool = ThreadPoolExecutor(_AT_ONCE if self.has_headers else 1)
        waiting: dict[Future[None], str] = {}
        try:
            for name, job in jobs:
                if len(waiting) == _HELD:
                    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                        future.result()
                        done(waiting.pop(future))
                waiting[pool.submit(job)] = name
            for future in list(waiting):
                future.result()
                done(waiting.pop(future))
        finally:
            pool.shutdown(cancel_futures=True)
            for future, name in waiting.items():
                if not future.cancelled() and future.exception() is None:
                    done(name)

    def _begun(self) -> Manifest:
        """The manifest that is there; one of nothing, put into a place that has nothing.

        Raises PublishError for a place that has something else.
        """
        with self._errors("can't be read"):
            try:
                text = self._files.cat_file(f"{self._root}/{manifest.NAME}")
            except FileNotFoundError:
                with suppress(FileNotFoundError):
                    if self._files.ls(self._root, detail=False):
                        raise PublishError(
                            f"{self._name} holds files that feeds publish didn't write; "
                            "name a new or empty place"
                        ) from None
            else:
                return manifest.read(text, f"{self._name}/{manifest.NAME}")
        begun = Manifest()
        self._write(manifest.NAME, b"".join(manifest.written(begun)), _OF_MANIFEST)
        return begun

    def _interrupted(self) -> set[str]:
        """The paths of what was begun by publications that no manifest tells the end of."""
        folder = f"{self._root}/{manifest.FOLDER}"
        found = set[str]()
        with self._errors("can't be read"):
            for place in self._files.ls(folder, detail=False):
                name = f"{manifest.FOLDER}/{str(place).rpartition('/')[2]}"
                if name.startswith(_JOURNAL):
                    self._journals.append(name)
                    lines = self._files.cat_file(f"{self._root}/{name}").decode().splitlines()
                    try:
                        found.update(map(manifest.check, lines))
                    except ManifestError as error:
                        told = f"{self._name}/{name} is no journal of this program's ({error})"
                        raise ManifestError(f"{told}; begin again in an empty place") from None
        return found

    def _note(self, paths: Iterable[str]) -> None:
        """Have it be known what is begun, before it is."""
        name = _JOURNAL + secrets.token_hex(8)
        self._journals.append(name)
        self._write(name, "".join(f"{path}\n" for path in paths).encode(), _OF_JOURNAL)

    def _write(self, path: str, body: bytes, file: File) -> None:
        """One object, there whole or not at all."""
        place = f"{self._root}/{path}"
        with self._errors(f"can't be written ({path})"):
            if self._headers is not None:
                self._files.pipe_file(place, body, **self._headers(file))
                return
            new = f"{self._root}/{_NEW}"
            for folder in (place, new):
                self._files.makedirs(folder.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(new, body)
            self._files.mv(new, place)

    def _remove(self, path: str) -> None:
        with self._errors(f"can't be removed from ({path})"), suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{path}")

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Whatever a file system complains of as a PublishError that names the place."""
        try:
            yield
        except FeedsError:
            raise
        except Exception as error:  # each file system has errors of its own
            hint = "; who is asking may not" if isinstance(error, PermissionError) else ""
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise PublishError(f"{self._name} {what}: {reason}{hint}") from error


def _object(item: Item, coding: str) -> tuple[bytes, File]:
    """The bytes of an item in a coding, and what a manifest says of them."""
    document = item.document
    variant = document.variant(coding)
    return variant.body, File(
        document.media_type,
        variant.etag,
        len(variant.body),
        manifest.digest(variant.body),
        cache_control(document),
        document.last_modified,
        coding="" if coding == content_coding.IDENTITY else coding,
        location=item.location,
    )
