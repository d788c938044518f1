"""A wrong value as it would be accepted, where only one can be meant. Pure functions.

Each returns the empty string where that can't be told. What it returns is
accepted by the field that it is for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final

from feeds import urls
from feeds.records.dates import EARLIEST, LATEST, parse_date

TYPOGRAPHIC: Final = frozenset("“”„‟«»‘’‚‛‹›")  # quotes, none of them YAML's
_AROUND: Final = "".join(TYPOGRAPHIC) + "\"'<> \t"
_MARKDOWN_LINK: Final = re.compile(r"\[[^\]\n]{0,500}\]\((\S{1,2000})\)\Z")
_BROKEN_SCHEME: Final = re.compile(
    r"(?:h?t{1,3}p(s?)(?::/*|//+:?/*)|:?//)(?=[\w\[])", re.IGNORECASE
)
_HOST: Final = re.compile(
    r"(?:[a-z0-9-]{1,63}\.){1,8}(?P<top>[a-z]{2,24})(?=[/?#:]|\Z)", re.IGNORECASE
)
# What a file's name ends in, so that it isn't taken for a host.
_FILES: Final = re.compile(
    r"(?:html?|mdx?|markdown|txt|xml|json|php|jpe?g|png|gif|pdf|js|css)\Z", re.I
)
_MONTH_LAST: Final = re.compile(r"(\d{4})([-/.])(1[3-9]|2\d|3[01])\2(0?[1-9]|1[0-2])(?!\d)")
_FILLERS: Final = re.compile(r"\b(?:of|the|on)\b\s*", re.IGNORECASE)
_MILLISECONDS: Final = re.compile(r"(\d{9,10})\d{3}", re.ASCII)
_FIELD: Final = re.compile(r"[ \t]*(?:- +)?(?:[\w-]+[ \t]*:[ \t]+)?(?=[^ \t])")


def unquoted(text: str) -> str:
    """A value without the quotes, brackets and blanks around it."""
    return text.strip(_AROUND)


def plain(text: str) -> str:
    """A text as YAML reads it as one: quoted, unless it begins and goes on harmlessly."""
    if re.match(r"\w", text) and not re.search(r":(?:\s|\Z)| #|[{}\[\],]", text):
        return text
    return json.dumps(text, ensure_ascii=False) if text else ""


def web_address(text: str) -> str:
    """An address that lacks `https://`, or has it misspelled, or in brackets or quotes."""
    link = _MARKDOWN_LINK.match(text.strip())
    address = unquoted(link[1] if link else text)
    if not address.lower().startswith(("https://", "http://")):
        if scheme := _BROKEN_SCHEME.match(address):
            beginning = "http://" if scheme[1] == "" else "https://"
            address = beginning + address[scheme.end() :]
        elif (host := _HOST.match(address)) and not _FILES.match(host["top"]):
            address = f"https://{address}"
        else:
            return ""
    try:
        urls.clean(address)
    except ValueError:
        return ""
    return address if address.isprintable() and address != text else ""


def date(text: str, zone: tzinfo) -> str:
    """A date in RFC 3339."""
    for written in _dates(unquoted(text)):
        try:
            moment = parse_date(written, zone)
        except ValueError:
            continue
        if EARLIEST <= moment < LATEST:
            return rfc_3339(moment)
    return ""


def _dates(text: str) -> Iterator[str]:
    yield text
    yield _MONTH_LAST.sub(r"\1\2\4\2\3", text)
    yield _FILLERS.sub("", text)
    if milliseconds := _MILLISECONDS.fullmatch(text):
        yield milliseconds[1]


def rfc_3339(moment: datetime) -> str:
    """A moment as it is written best: `2026-05-19T06:30:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def domain(text: str) -> str:
    """The domain of an address that was written in its place."""
    match = _HOST.match(re.sub(r"\Ahttps?://", "", unquoted(text), flags=re.IGNORECASE))
    return match[0] if match and match[0] != text else ""


def quoted(line: str) -> tuple[str, str]:
    """The value in a line that is no YAML, and the same between quotes; empty with a comment."""
    match = _FIELD.match(line)
    value = line[match.end() :].rstrip(" \t") if match else ""
    if not value or " #" in value:
        return "", ""
    inner = value
    if value[0] in TYPOGRAPHIC:
        inner = unquoted(value)
    elif value[0] in "\"'" and value.count(value[0]) == 1:
        inner = value[1:]
    elif value[0] in "\"'" and value[0] == value[-1]:
        inner = value[1:-1]
    if not inner.strip() or not inner.isprintable():
        return "", ""
    return value, json.dumps(inner, ensure_ascii=False)
