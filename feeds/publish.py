"""A site in an object store, or wherever fsspec writes: the same documents as an export.

What was uploaded before is known by the manifest there, so that only what
changed is sent; what is new is there before the manifest says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from feeds import codings, manifest
from feeds.delivery import Delivery
from feeds.export import Outcome, Progress, cache_control, of_one_state
from feeds.manifest import File, Manifest
from feeds.model import FeedsError
from feeds.walk import WHOLE, Asked, Item

CODINGS: Final = (codings.IDENTITY, "gzip", "br")
# What `pip install 'feeds[...]'` brings for the protocols of URLs.
EXTRAS: Final[Mapping[str, str]] = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "sftp": "sftp",
    "ssh": "sftp",
}
_AT_ONCE: Final = 16  # requests; each waits for the network far longer than for us
_HELD: Final = 32  # requests with their documents, those under way included
_NEW: Final = f"{manifest.FOLDER}/new"
_OF_MANIFEST: Final = File("application/json", "", 0, "", "no-cache")


class PublishError(FeedsError):
    """A place that can't be published to; says which, and what would be right."""


def _s3(file: File) -> dict[str, Any]:
    said = {"ContentType": file.media_type, "CacheControl": file.cache_control}
    return said | ({"ContentEncoding": file.coding} if file.coding else {})


def _gcs(file: File) -> dict[str, Any]:
    fixed = {"cache_control": file.cache_control}
    fixed |= {"content_encoding": file.coding} if file.coding else {}
    return {"content_type": file.media_type, "fixed_key_metadata": fixed}


def _azure(file: File) -> dict[str, Any]:
    from azure.storage.blob import ContentSettings

    return {
        "content_settings": ContentSettings(
            content_type=file.media_type,
            cache_control=file.cache_control,
            content_encoding=file.coding or None,
        )
    }


# How the headers of an object are said, by extra; elsewhere there are none.
_HEADERS: Final[Mapping[str, Callable[[File], dict[str, Any]]]] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
}


def publish(
    delivery: Delivery,
    url: str,
    asked: Asked = WHOLE,
    coding: str = codings.IDENTITY,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Bring what is at an fsspec URL up to the site: what is asked for of it, and no more.

    Each object is in `coding`. Raises PublishError, ManifestError and
    StoreError; the manifest then has what was uploaded until then.
    """
    place = _Place(url)
    if coding != codings.IDENTITY and not place.has_headers:
        raise PublishError(
            f"{url}: files there have no Content-Encoding, so they can't be {coding}; "
            "publish identity, or feeds export --precompress for a server of files"
        )
    return place.bring_up(of_one_state(delivery, asked), delivery.config.root, coding, progress)


class _Place:
    """What is at an fsspec URL."""

    def __init__(self, url: str) -> None:
        protocol = url.partition("://")[0] if "://" in url else "file"
        self._headers = _HEADERS.get(EXTRAS.get(protocol, ""))
        self._name = _without_password(url)
        self._files, root = _file_system(url, protocol, self._name)
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
        there, named = dict(before.files), dict[str, File]()
        written: list[str] = []

        def changed() -> Iterator[tuple[str, Callable[[], None]]]:
            for item in items:
                path = manifest.path_of(item.address)
                body, named[path] = _object(item, coding)
                if there.get(path) != named[path]:
                    yield path, partial(self._write, path, body, named[path])
                progress(len(named))

        def note(path: str) -> None:
            there[path] = named[path]
            written.append(path)

        try:
            self._all(changed(), note)
            gone = sorted(there.keys() - named.keys())
            self._all(((path, partial(self._remove, path)) for path in gone), there.__delitem__)
        finally:
            now = Manifest(base_url=base_url, files=there)
            if now != before:
                self._write(manifest.NAME, b"".join(manifest.written(now)), _OF_MANIFEST)
        return Outcome(len(named), len(written), len(gone))

    def _all(
        self, jobs: Iterable[tuple[str, Callable[[], None]]], done: Callable[[str], Any]
    ) -> None:
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
        coding="" if coding == codings.IDENTITY else coding,
        location=item.location,
    )


def _file_system(url: str, protocol: str, name: str) -> tuple[Any, str]:
    """The file system of a URL, and the path there. Raises PublishError."""
    extra = EXTRAS.get(protocol)
    try:
        from fsspec.core import url_to_fs

        found, path = url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        missing = f"pip install 'feeds[{extra}]'" if extra else str(error)
        raise PublishError(f"{name}: what writes to {protocol}:// is missing; {missing}") from error
    except ValueError as error:
        known = ", ".join(f"{one}://" for one in EXTRAS)
        raise PublishError(f"{name}: {error}; there are {known} and what fsspec has") from error
    except Exception as error:  # of a server that it connects to at once
        raise PublishError(f"{name} can't be reached: {error}") from error
    return found, str(path)


def _without_password(url: str) -> str:
    """A URL as it may be told."""
    password = urlsplit(url).password
    return url.rstrip("/").replace(f":{password}@", ":***@") if password else url.rstrip("/")
