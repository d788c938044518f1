"""The collections of `feeds.toml`: filters with names, in the words of addresses. Pure.

[collections.security]
title = "Security and privacy"
description = "What to mend this week"
topic = ["security", "privacy"]
min_quality = 50
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from feeds import slugs
from feeds.catalog.parameters import BadParameter, parse
from feeds.config import FILE, ConfigError
from feeds.messages import did_you_mean
from feeds.selection import NONE, Filters, SavedFilter
from feeds.setting_types import parse_text

# All by which an entry passes whatever the others are.
_FILTERS: Final = tuple(one for one in Filters._fields if one not in ("per_provider", "sort"))
_TEXTS: Final = ("title", "description")


def saved_filters(tables: Mapping[str, object]) -> dict[str, SavedFilter]:
    """The filters of these tables, by the name of each, which is its slug in addresses.

    Raises ConfigError, which names the key and what would be right.
    """
    return {name: _saved(name, table) for name, table in tables.items()}


def _saved(name: str, table: object) -> SavedFilter:
    called = f"collections.{name}"
    if (slug := slugs.slug(name)) != name:
        raise _error(called, f"can't be a name in addresses; collections.{slug} would be right")
    if not isinstance(table, Mapping):
        raise _error(called, f"is no table; write [{called}] above its keys")
    known = (*_TEXTS, *_FILTERS)
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known)
            raise _error(f"{called}.{key}", f"is no key of a collection; {hint}")
        if not all(isinstance(value, str | int | date) for value in _several(table[key])):
            raise _error(f"{called}.{key}", "accepts a text, a number or a list of these")
    try:
        filters = parse({k: list(map(str, _several(table[k]))) for k in _FILTERS if k in table})
    except BadParameter as error:
        raise _error(called, f"has a wrong filter: {error}") from None
    if filters == NONE:
        raise _error(called, f"lets everything pass; write one of {', '.join(_FILTERS)}")
    if filters.moves:
        raise _error(f"{called}.since", "accepts a date such as 2026-05-19 here, no days")
    title = _text(called, table, "title") or name.replace("-", " ").capitalize()
    return SavedFilter(title, _text(called, table, "description"), filters)


def _text(called: str, table: Mapping[str, object], key: str) -> str:
    try:
        return parse_text(table[key]) if key in table else ""
    except ValueError:
        raise _error(f"{called}.{key}", "accepts a line of text") from None


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _error(called: str, message: str) -> ConfigError:
    return ConfigError(f"{called} in {FILE} {message}")
