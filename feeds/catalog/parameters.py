"""The parameters that narrow a feed: parsed, checked, and in one canonical form.

Pure functions. A bad value of a parameter raises BadParameter, which says what is
accepted, and so does a name that is nearly one that is known; others are ignored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from feeds import slugs, urls
from feeds.model import FeedsError
from feeds.selection import DAYS, SORTS, Filters
from feeds.store import search_query

MAX_VALUES: Final = 20  # of one parameter that may be repeated
MAX_NUMBER: Final = 1_000_000
MAX_PER_PROVIDER: Final = 200
_MAXDAYS: Final = 3_650
_MAX_NAME: Final = 40  # characters of a name that may be a misspelled one
_ALIKE: Final = 0.8  # how much of two names is the same, of which one is the other misspelled
_MAX_SEGMENT: Final = 255
_COLOUR = re.compile(r"#?([0-9a-fA-F]{6})\Z")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")

Parameters = Mapping[str, Sequence[str]]


class BadParameter(FeedsError):
    """A parameter with a wrong name or value; says what is accepted."""


def refuse_misspelled(names: Iterable[str], known: Collection[str]) -> None:
    """Raises BadParameter for a name that is nearly a known one, which it names."""
    for name in names:
        if name not in known and not urls.is_tracking(name):
            near = _nearest(name, tuple(known)) if len(name) <= _MAX_NAME else None
            if near:
                raise BadParameter(f"{name} is no parameter; did you mean {near}?")


@lru_cache(maxsize=1024)
def _nearest(name: str, known: Sequence[str]) -> str | None:
    ended = [one for one in known if one.endswith(f"_{name.lower()}")]  # quality of min_quality
    near = ended or get_close_matches(name.lower(), known, 1, _ALIKE)
    return near[0] if near else None


def parse(parameters: Parameters) -> Filters:
    """The filters among `parameters`. Raises BadParameter."""
    found = Filters(
        topic=_keys(parameters, "topic", topic_key),
        provider=_keys(parameters, "provider", provider_key),
        type=_keys(parameters, "type", type_key),
        exclude_topic=_keys(parameters, "exclude_topic", topic_key),
        exclude_provider=_keys(parameters, "exclude_provider", provider_key),
        exclude_type=_keys(parameters, "exclude_type", type_key),
        min_quality=number(parameters, "min_quality", 0, MAX_NUMBER, least=0),
        min_heat=number(parameters, "min_heat", 0, MAX_NUMBER, least=0),
        since=_since(_one(parameters, "since")),
        until=_day("until", _one(parameters, "until")),
        q=_words(_one(parameters, "q")),
        per_provider=number(parameters, "per_provider", 0, MAX_PER_PROVIDER, least=0),
        sort=one_of(parameters, "sort", SORTS),
    )
    if found.sort == "relevance" and not found.q:
        raise BadParameter("sort=relevance needs q, the words to look for")
    return found


def topic_key(segment: str) -> str:
    """The slug of a topic, from any spelling of it."""
    spelled = not _SLUG.match(segment) or slugs.reserved(segment)
    return slugs.slug(segment) if spelled else segment


def type_key(segment: str) -> str:
    """The slug of a type, from any spelling of it."""
    return segment if _SLUG.match(segment) and segment.endswith("s") else slugs.type_slug(segment)


def provider_key(segment: str) -> str:
    """The key of a provider, from its domain or any spelling of its name."""
    try:
        return slugs.provider_key("", segment)
    except ValueError:
        return topic_key(segment)


def number(parameters: Parameters, name: str, default: int, most: int, *, least: int = 1) -> int:
    """A whole number. Raises BadParameter."""
    value = _one(parameters, name)
    if not value and name not in parameters:
        return default
    if not value and least == 0:  # a field of a form that was left empty
        return default
    if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
        raise BadParameter(f"{name} accepts a whole number from {least} to {most:,}")
    return int(value)


def one_of(parameters: Parameters, name: str, accepted: Sequence[str]) -> str:
    """One of the accepted words; the first where there is none. Raises BadParameter."""
    value = _one(parameters, name) or accepted[0]
    if value not in accepted:
        raise BadParameter(f"{name} accepts {', '.join(accepted[:-1])} or {accepted[-1]}")
    return value


def _one(parameters: Parameters, name: str) -> str:
    values = parameters.get(name, ())
    if len(values) > 1:
        raise BadParameter(f"{name} is given {len(values)} times; give it once")
    return values[0] if values else ""


def _keys(parameters: Parameters, name: str, key: Callable[[str], str]) -> tuple[str, ...]:
    values = [value.strip() for value in parameters.get(name, ()) if value.strip()]
    if len(values) > MAX_VALUES:
        raise BadParameter(
            f"{name} is given {len(values)} times; at most {MAX_VALUES} are accepted"
        )
    if any(len(value) > _MAX_SEGMENT for value in values):
        raise BadParameter(f"{name} accepts names of at most {_MAX_SEGMENT} characters")
    return tuple(sorted({key(value) for value in values}))


def _since(value: str) -> str:
    days = DAYS.match(value)
    if days and int(days[1]) <= _MAXDAYS:
        return value
    return _day("since", value, f", or days up to {_MAXDAYS}d, such as 7d")


def _day(name: str, value: str, otherwise: str = "") -> str:
    """A date; `otherwise` says what is accepted as well. Raises BadParameter."""
    try:
        if not value or re.fullmatch(r"(19[7-9]|2[01][0-9])[0-9]-[0-9]{2}-[0-9]{2}", value):
            return value and date.fromisoformat(value).isoformat()
    except ValueError:
        pass
    raise BadParameter(f"{name} accepts a date such as 2026-05-19{otherwise}")


def _words(value: str) -> str:
    """The text of a search in its canonical form."""
    text = " ".join(unicodedata.normalize("NFC", value).split())
    if not text:
        return ""
    try:
        search_query.parse(text)
    except ValueError as error:
        raise BadParameter(f"q {error}") from None
    return text


def accent(parameters: Parameters) -> str:
    """The colour of an embed's links as RRGGBB, empty for none. Raises BadParameter."""
    values = [value for value in parameters.get("accent", ()) if value]
    if not values:
        return ""
    colour = _COLOUR.match(values[0])
    if colour is None or len(values) > 1:
        raise BadParameter("accent accepts a colour as six hexadecimal digits, such as 0a6e5c")
    return colour[1].lower()
