"""Where a site is published: the file systems of fsspec URLs, and how each is told headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from feeds.export.manifest import File
from feeds.model import FeedsError

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
HEADERS: Final[Mapping[str, Callable[[File], dict[str, Any]]]] = {
    "s3": _s3,
    "gcs": _gcs,
    "azure": _azure,
}


def file_system(url: str, protocol: str, name: str) -> tuple[Any, str]:
    """The file system of a URL, and the path there; `name` is the URL as it may be told.

    Raises PublishError.
    """
    extra = EXTRAS.get(protocol)
    try:
        from fsspec.core import url_to_fs

        # Object stores remember listings; others take that for an option of their connection.
        options: dict[str, Any] = {"use_listings_cache": False} if extra in HEADERS else {}
        if extra == "sftp":
            options["host_key_policy"] = _known_hosts()
        found, path = url_to_fs(url, skip_instance_cache=True, **options)
    except ImportError as error:
        missing = f"pip install 'feeds[{extra}]'" if extra else str(error)
        raise PublishError(f"{name}: what writes to {protocol}:// is missing; {missing}") from error
    except ValueError as error:
        known = ", ".join(f"{one}://" for one in EXTRAS)
        raise PublishError(f"{name}: {error}; there are {known} and what fsspec has") from error
    except Exception as error:  # of a server that it connects to at once
        raise PublishError(f"{name} can't be reached: {error}") from error
    return found, str(path)


def _known_hosts() -> Any:
    """A policy that takes a server for the one it says it is only if SSH would.

    fsspec's own takes anybody for it, who then has the password and the site.
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


def shown(url: str) -> str:
    """A URL as it may be told: without its password."""
    password = urlsplit(url).password
    return url.rstrip("/").replace(f":{password}@", ":***@") if password else url.rstrip("/")
