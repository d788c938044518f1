"""What was written of a site: the file of each address, and what is known of it. As JSON.

It lies in a hidden folder beside the files, into which no address leads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from feeds.model import FeedsError
from feeds.rendering.assets import ASSETS
from feeds.serving import content_coding

FOLDER: Final = ".feeds"
NAME: Final = f"{FOLDER}/manifest.json"
INDEX: Final = "index.html"
# What servers of files look for beside a file, by content coding.
SUFFIXES: Final[Mapping[str, str]] = {"gzip": ".gz", "br": ".br"}
_VERSION: Final = 1
_LONGEST: Final = 255  # bytes of a segment, of file systems


class ManifestError(FeedsError):
    """A manifest that can't be read, or a path that no file of a site may have."""


class Coded(msgspec.Struct, frozen=True):
    """A file in a content coding beside one that has none."""

    etag: str
    size: int
    sha256: str


class File(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is in a file, as the server sends it; `etag` has its quotes.

    `size` and `sha256` are of the file, `coding` is its content coding.
    `beside` are the files of its other codings. `location` is the URL that the
    server redirects to instead.
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

    `encoders` has for each content coding what tells its encoder from another
    one, whose files would have other bytes.
    """

    version: int = _VERSION
    base_url: str = ""
    encoders: dict[str, str] = {}
    files: dict[str, File] = {}

    def paths(self) -> set[str]:
        """The path of every file, those beside others too."""
        beside = {
            path + SUFFIXES[coding] for path, file in self.files.items() for coding in file.beside
        }
        return beside | self.files.keys()


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Manifest).decode


def read(text: bytes, place: str) -> Manifest:
    """A manifest that was found at a `place`. Raises ManifestError, which names the place."""
    try:
        found = _of_this_version(_decode(text))
    except (msgspec.DecodeError, KeyError, ManifestError) as error:
        raise ManifestError(
            f"{place} is no manifest of this program's ({error}); begin again in an empty place"
        ) from None
    return found


def _of_this_version(found: Manifest) -> Manifest:
    """A manifest whose paths are those of a site. Raises ManifestError, KeyError for a coding."""
    if found.version != _VERSION:
        raise ManifestError(f"version {found.version} isn't {_VERSION}")
    for path in found.paths():
        check(path)
    return found


def written(manifest: Manifest) -> Iterator[bytes]:
    """The text of a manifest, in the order of the paths, a line for each file."""
    head = msgspec.structs.replace(manifest, files={})
    said = msgspec.to_builtins(head) | {"version": _VERSION}
    yield _encode(said).removesuffix(b"}") + b',"files":{'
    for number, path in enumerate(sorted(manifest.files)):
        yield (b",\n" if number else b"\n") + _encode(path) + b":" + _encode(manifest.files[path])
    yield b"\n}}\n"


def path_of(address: str) -> str:
    """The path of the file at an address below the root: a folder's is its index.html.

    Raises ManifestError for an address with parameters, and for one that would
    leave the folder or hide in it.
    """
    path = address.removeprefix("/")
    return check(path if path and not path.endswith("/") else path + INDEX)


def check(path: str) -> str:
    """A path that may be one of a file of a site. Raises ManifestError."""
    for segment in path.split("/"):
        ordinary = segment.isprintable() and not any(letter in segment for letter in '\\?#:*<>|"')
        if not segment or segment[0] == "." or not ordinary or len(segment.encode()) > _LONGEST:
            raise ManifestError(f"{path!r} can be no file of a site")
    return path


def digest(body: bytes) -> str:
    """What a manifest knows bytes by."""
    return hashlib.sha256(body).hexdigest()


def encoders(wanted: Iterable[str]) -> dict[str, str]:
    """What tells the encoder of each content coding: what it makes of one of our texts."""
    sample = b"".join(asset.body for asset in ASSETS.values())
    return {coding: digest(content_coding.ENCODERS[coding](sample))[:16] for coding in wanted}
