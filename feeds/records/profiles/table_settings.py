"""Profiles that users write in `feeds.toml`, under `[records]`. Pure.

[records]
site = "https://example.org"
url = "/{year}/{month}/{slug}/"
timezone = "Europe/Berlin"
ids = "own"
fields = { title = ["headline"], date = ["released"] }
skip = ["drafts/*"]
public_if = "publish"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from feeds import urls
from feeds.messages import did_you_mean
from feeds.records.profiles.table import LINKS, FieldNames, TableSite
from feeds.records.profiles.table_address import check_pattern
from feeds.records.scanner import FolderError

KEYS: Final = (
    "profile", "site", "url", "fields", "timezone", "ids", "title", "skip", "public_if"
)  # fmt: skip
# Fields by our names, and the name by which site records know those without a rule.
_OTHERS: Final = {
    "excerpt": "excerpt", "author": "authors", "image": "images", "provider": "provider",
    "link": "canonical_url", "type": "type", "length": "length",
}  # fmt: skip
_OWN: Final = ("title", "date", "updated", "tags", "categories", "url", "slug", "id")


class ProfileError(FolderError):
    """A profile in `feeds.toml` that can't be used; names the key and what would be right."""


def from_table(values: Mapping[str, object]) -> TableSite:
    """The profile that `[records]` describes; what it doesn't name is as in a folder of links.

    Names of fields take the place of the usual ones. Raises ProfileError.
    """
    for key in values:
        if key not in KEYS:
            raise _error(key, "is no setting", did_you_mean(key, KEYS))
    ids = _text(values, "ids", "site")
    if ids not in {"site", "own"}:
        raise _error("ids", f"is {ids[:40]!r}", '"site" or "own" would be right')
    return TableSite(
        "table",
        base_url=_checked(values, "site", _site, "https://example.org would be right"),
        title=_text(values, "title"),
        timezone=_checked(values, "timezone", _zone, "Europe/Berlin would be right") or "UTC",
        names=_names(values, with_ids=ids == "site"),
        pattern=_checked(values, "url", _pattern, ""),
        passed_over=_texts("skip", values.get("skip", [])),
        needs_front_matter=True,
        public_word=_text(values, "public_if"),
    )


def _names(values: Mapping[str, object], *, with_ids: bool) -> FieldNames:
    fields = values.get("fields", {})
    if not isinstance(fields, Mapping):
        raise _error("fields", "is no table", 'fields = { title = ["headline"] } would be right')
    known = (*_OWN, *_OTHERS)
    named: dict[str, tuple[str, ...]] = {}
    for name, value in fields.items():
        if name not in known:
            raise _error(f"fields.{name}", "is no field", did_you_mean(name, known))
        named[name] = _texts(f"fields.{name}", value)
    if not with_ids:
        named.pop("id", None)
    others = tuple((_OTHERS[name], named[name]) for name in named if name in _OTHERS)
    own = {name: names for name, names in named.items() if name in _OWN}
    return msgspec.structs.replace(LINKS.names, **own, others=others)


def _checked(values: Mapping[str, object], key: str, read: Callable[[str], str], right: str) -> str:
    """A text that `read` accepts; it raises ValueError for others."""
    text = _text(values, key)
    try:
        return read(text) if text else ""
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        message = str(error) if isinstance(error, ValueError) else "is no time zone that is known"
        raise _error(key, message, right) from None


def _site(text: str) -> str:
    if "?" in text or "#" in text:
        raise ValueError("has a query or a fragment")
    return urls.clean(text).rstrip("/")


def _zone(text: str) -> str:
    return ZoneInfo(text).key


def _pattern(text: str) -> str:
    check_pattern(text)
    return text


def _text(values: Mapping[str, object], key: str, default: str = "") -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise _error(key, "is no text", f'{key} = "..." would be right')
    return value.strip()


def _texts(key: str, value: object) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(
        isinstance(text, str) and text.strip() for text in listed
    ):
        raise _error(key, "is no list of texts", f'{key.rpartition(".")[2]} = ["..."] is right')
    return tuple(listed)


def _error(key: str, message: str, right: str) -> ProfileError:
    return ProfileError(f"feeds.toml: [records] {key}: {message}" + (f"; {right}" if right else ""))
