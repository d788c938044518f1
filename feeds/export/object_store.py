"""A site in an object store, or wherever fsspec writes: the same documents as an export.

What is there is known by the manifest there alone, so that an unchanged object
costs no request; each takes the network far longer than us, so several are
under way at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

from feeds.export import manifest
from feeds.export.manifest import File, Manifest, ManifestError
from feeds.export.plan import SiteItem
from feeds.export.writer import JOURNAL, ExportError, Put, manifest_file
from feeds.messages import first_line, without_passwords
from feeds.serving import content_coding

CODINGS: Final = (content_coding.IDENTITY, "gzip", "br")
# The extras that bring what writes to the protocols of URLs.
EXTRAS: Final[Mapping[str, str]] = {
    "s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "sftp": "sftp", "ssh": "sftp",
    "az": "azure", "abfs": "azure", "abfss": "azure",
}  # fmt: skip
_PACKAGES: Final = {  # of the extras: no package index has feeds
    "s3": "s3fs",
    "gcs": "gcsfs",
    "azure": "adlfs",
    "sftp": "'fsspec>=2026.9' paramiko",
}
_FOLDERS: Final = ("file", "local")  # protocols of folders of this machine
_SFTP: Final = "fsspec.implementations.sftp.SFTPFileSystem"
_NEW: Final = f"{manifest.FOLDER}/new"
_JOURNAL: Final = File("text/plain", "", 0, "", "no-cache")


class ObjectStore:
    """The place at an fsspec URL as the target of a writer. Raises ExportError for a wrong URL."""

    batch = 32
    trusts_manifest = True

    def __init__(self, url: str, coding: str = content_coding.IDENTITY) -> None:
        protocol = url.partition("://")[0] if "://" in url else "file"
        self.name = without_passwords(url.rstrip("/"), one_url=True)
        self.coding = coding
        self._headers = HEADERS.get(EXTRAS.get(protocol, ""))
        if self._headers is None and coding != content_coding.IDENTITY:
            raise ExportError(
                f"{self.name}: files there have no Content-Encoding, so they can't be {coding}; "
                "publish identity, or feeds export --precompress for a server of files"
            )
        self.workers = 16 if self._headers else 1  # files are moved into place one by one
        self.encoders: dict[str, str] = {}
        self._moving = Lock()  # a journal is written while the worker writes a document
        self._files, root = _file_system(url, protocol, self.name)
        self._root = root.rstrip("/")
        # Of this machine, which is written as an export: it follows no link.
        self.folder = Path(root) if protocol in _FOLDERS else None

    @contextmanager
    def opened(self) -> Iterator[bytes | None]:
        """The manifest; an empty place is given an empty one first. Raises ExportError."""
        text = self._read(manifest.NAME)
        if text is None:
            if self._list(""):
                raise ExportError(
                    f"{self.name} holds files that feeds publish didn't write; "
                    "name a new or empty place"
                )
            self.put(manifest_file(Manifest()))
        yield text

    def journals(self) -> Iterator[tuple[str, list[str]]]:
        """Names of journals, and the paths in each. Raises ManifestError."""
        for name in self._list(manifest.FOLDER):
            if name.startswith(JOURNAL):
                text = self._read(name) or b""
                try:
                    yield name, [manifest.check(line) for line in text.decode().splitlines()]
                except (UnicodeDecodeError, ManifestError) as error:
                    raise ManifestError(
                        f"{self.name}/{name} is no journal of this program's ({error}); "
                        "begin again in an empty place"
                    ) from None

    def journal(self, paths: Iterable[str]) -> str:
        name = f"{JOURNAL}-{secrets.token_hex(8)}"
        self.put(Put(name, "".join(f"{path}\n" for path in paths).encode(), _JOURNAL))
        return name

    def has(self, _path: str, _known: File) -> bool:
        return True

    def compare(self, path: str, item: SiteItem, known: File | None) -> tuple[File, list[Put]]:
        body, file = manifest.describe(item, self.coding)
        return file, [] if file == known else [Put(path, body, file)]

    def put(self, put: Put) -> None:
        place = f"{self._root}/{put.path}"
        with self._errors(f"can't be written ({put.path})"):
            if self._headers is not None:
                self._files.pipe_file(place, put.body, **self._headers(put.headers))
                return
            new = f"{self._root}/{_NEW}"  # a file is moved into its place
            with self._moving:
                for file in (place, new):
                    self._files.makedirs(file.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(new, put.body)
                self._files.mv(new, place)

    def remove(self, path: str) -> bool:
        with self._errors(f"can't be removed from ({path})"), suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{path}")
        return True  # object stores don't say

    def _read(self, path: str) -> bytes | None:
        with self._errors("can't be read"), suppress(FileNotFoundError):
            return bytes(self._files.cat_file(f"{self._root}/{path}"))
        return None

    def _list(self, folder: str) -> list[str]:
        """The paths of what is in a folder."""
        with self._errors("can't be read"), suppress(FileNotFoundError):
            places = self._files.ls(f"{self._root}/{folder}".rstrip("/"), detail=False)
            return [f"{folder}/{str(place).rpartition('/')[2]}".lstrip("/") for place in places]
        return []

    @contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        """Any error of a file system as an ExportError that names the place."""
        try:
            yield
        except Exception as error:  # each file system has errors of its own
            hint = "; who is asking may not" if isinstance(error, PermissionError) else ""
            reason = first_line(error) or type(error).__name__
            raise ExportError(f"{self.name} {what}: {reason}{hint}") from error


def _s3(file: File) -> dict[str, Any]:
    headers = {"ContentType": file.media_type, "CacheControl": file.cache_control}
    return headers | ({"ContentEncoding": file.coding} if file.coding else {})


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


# The arguments that give an object its headers, by extra; elsewhere there are none.
HEADERS: Final[Mapping[str, Callable[[File], dict[str, Any]]]] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
}


def _file_system(url: str, protocol: str, name: str) -> tuple[Any, str]:
    """The file system of a URL, and the path there. Raises ExportError, with `name` for the URL."""
    extra = EXTRAS.get(protocol)
    host, _, path = url.removeprefix(f"{protocol}://").partition("/")
    if protocol in _FOLDERS and "://" in url and host:
        raise ExportError(
            f"{name} names a host; file:///{path or host} is a folder of this machine"
        )
    try:
        from fsspec import register_implementation
        from fsspec.core import url_to_fs

        # Object stores remember listings; others take that for an option of their connection.
        options: dict[str, Any] = {"use_listings_cache": False} if extra in HEADERS else {}
        if extra == "sftp":
            # sshfs, where it is installed, takes the protocol, and not the policy.
            register_implementation(protocol, _SFTP, clobber=True)
            options["host_key_policy"] = _known_hosts()
        files, path = url_to_fs(url, skip_instance_cache=True, **options)
    except ImportError as error:
        missing = f"pip install {_PACKAGES[extra]}" if extra else str(error)
        raise ExportError(f"{name}: what writes to {protocol}:// is missing; {missing}") from error
    except ValueError as error:
        known = ", ".join(f"{one}://" for one in EXTRAS)
        raise ExportError(f"{name}: {error}; there are {known} and what fsspec has") from error
    except Exception as error:  # of a server that it connects to at once
        raise ExportError(f"{name} can't be reached: {error}") from error
    return files, str(path)


def _known_hosts() -> Any:
    """A policy of host keys for paramiko that accepts those that SSH knows.

    fsspec's own accepts any, and so gives any server the password and the site.
    """
    import paramiko

    class KnownHosts(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002 - paramiko's signature
            place = Path("~/.ssh/known_hosts").expanduser()
            known = paramiko.HostKeys(str(place) if place.exists() else None)
            if not known.check(hostname, key):
                raise paramiko.SSHException(
                    f"{place} doesn't have its {key.get_name()} key; "
                    "connect with ssh once, or add what ssh-keyscan says"
                )

    return KnownHosts()
