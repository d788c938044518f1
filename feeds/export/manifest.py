"""The manifest of a site: the file of each address with its headers, size and digest. As JSON.

It lies in a hidden folder beside the files, into which no address leads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

import msgspec
from werkzeug.http import http_date, parse_date

from feeds.export.plan import SiteItem
from feeds.model import FeedsError
from feeds.rendering.assets import ASSETS
from feeds.serving import content_coding
from feeds.serving.documents import Document
from feeds.store.memory import Memory

FOLDER: Final = ".feeds"
NAME: Final = f"{FOLDER}/manifest.json"
INDEX: Final = "index.html"
# What servers of files look for beside a file, by content coding.
SUFFIXES: Final[Mapping[str, str]] = {"gzip": ".gz", "br": ".br"}
_VERSION: Final = 1
_DIGEST: Final = 24  # letters of an ETag that are a digest of the bytes
_LONGEST: Final = 255  # bytes of a segment, of file systems
_PLAIN: Final = re.compile(r"(?!\.)[\w.-]{1,255}(?:/(?!\.)[\w.-]{1,255})*", re.ASCII)  # nearly all


class ManifestError(FeedsError):
    """A manifest that can't be read, or a path that no file of a site may have."""


class Coded(msgspec.Struct, frozen=True):
    """A file that is another one in a content coding, and lies beside it."""

    etag: str
    size: int
    sha256: str


class File(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file with the headers that the server sends; `etag` has its quotes.

    `size` (in bytes) and `sha256` are of the file, `coding` is its content
    coding, "" for none. `beside` has the files of its other codings, by coding.
    `location` is the URL that the server redirects to instead.
    """

    media_type: str
    etag: str
    size: int
    sha256: str
    cache_control: str
    last_modified: str = ""
    coding: str = ""
    location: str = ""
    beside: dict[str, Coded] = {}


class Manifest(msgspec.Struct, omit_defaults=True):
    """The files of a site by their paths.

    `encoders` has a fingerprint of the encoder of each content coding: another
    one would make other bytes. The site was written from what the store remembers (`memory`), with
    archives closed up to the moment `closed` (in seconds), `icons` of providers by their keys,
    and by what `basis` is a digest of.
    """

    version: int = _VERSION
    base_url: str = ""
    encoders: dict[str, str] = {}
    files: dict[str, File] = {}
    memory: Memory | None = None
    basis: str = ""
    closed: int = 0
    icons: dict[str, str] = {}

    def paths(self) -> set[str]:
        """The path of every file, those beside others too."""
        beside = {
            path + SUFFIXES[coding] for path, file in self.files.items() for coding in file.beside
        }
        return beside | self.files.keys()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Manifest).decode


def read(text: bytes, place: str) -> Manifest:
    """The manifest in `text`. Raises ManifestError, which names the `place` it was read from."""
    try:
        return _checked(_decode(text))
    except (msgspec.DecodeError, KeyError, ManifestError) as error:
        raise ManifestError(
            f"{place} is no manifest of this program's ({error}); begin again in an empty place"
        ) from None


def _checked(manifest: Manifest) -> Manifest:
    """A manifest whose paths are those of a site. Raises ManifestError, KeyError for a coding."""
    if manifest.version != _VERSION:
        raise ManifestError(f"version {manifest.version} isn't {_VERSION}")
    for path in manifest.paths():
        check(path)
    return manifest


def encode(manifest: Manifest) -> bytes:
    """The text of a manifest, in the order of the paths, a line for each file."""
    head = msgspec.to_builtins(msgspec.structs.replace(manifest, files={})) | {"version": _VERSION}
    files = manifest.files
    lines = (b"\n" + _encode(path) + b":" + _encode(files[path]) for path in sorted(files))
    return _encode(head).removesuffix(b"}") + b',"files":{' + b",".join(lines) + b"\n}}\n"


def path_of(address: str) -> str:
    """The path of the file at an address below the root: a folder's is its index.html.

    Raises ManifestError for an address with parameters, and for one that would
    leave the folder or hide in it.
    """
    path = address.removeprefix("/")
    return check(path if path and not path.endswith("/") else path + INDEX)


def check(path: str) -> str:
    """`path`, which a file of a site may have. Raises ManifestError for any other."""
    if _PLAIN.fullmatch(path):
        return path
    for segment in path.split("/"):
        ordinary = segment.isprintable() and not any(letter in segment for letter in '\\?#:*<>|"')
        if not segment or segment[0] == "." or not ordinary or len(segment.encode()) > _LONGEST:
            raise ManifestError(f"{path!r} can be no file of a site")
    return path


def describe(item: SiteItem, coding: str = content_coding.IDENTITY) -> tuple[bytes, File]:
    """The bytes of a document in a content coding, and its entry in a manifest."""
    document = item.document
    body, coded = describe_coded(document, coding)
    return body, File(
        document.media_type,
        coded.etag,
        coded.size,
        coded.sha256,
        dict(document.headers)["Cache-Control"],
        http_date(item.modified) if item.modified else document.last_modified,
        coding="" if coding == content_coding.IDENTITY else coding,
        location=item.location,
    )


def dated(item: SiteItem, former: File | None) -> SiteItem:
    """A document, modified when the `former` file at its address was that has the same bytes.

    Others are modified later than that, whatever the clocks of their loads said.
    """
    modified = item.document.modified
    before = parse_date(former.last_modified) if former else None
    if former is None or before is None or modified is None:
        return item
    if former.etag.strip('"')[:_DIGEST] == item.document.etag[:_DIGEST]:
        return item._replace(modified=before)
    return item._replace(modified=max(modified, before + timedelta(seconds=1)))


def describe_coded(document: Document, coding: str) -> tuple[bytes, Coded]:
    """The bytes of a document in a content coding, and the entry of a file beside another."""
    variant = document.variant(coding)
    return variant.body, Coded(variant.etag, len(variant.body), digest(variant.body))


def digest(body: bytes) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(body).hexdigest()


def encoders(codings: Iterable[str]) -> dict[str, str]:
    """A fingerprint of the encoder of each content coding: of its output for a text of ours."""
    sample = b"".join(asset.body for asset in ASSETS.values())
    return {coding: digest(content_coding.ENCODERS[coding](sample))[:16] for coding in codings}
