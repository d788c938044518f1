"""Front matter without what is long and seldom needed.

`related` and `secured` are over nine tenths of a collection's bytes, and
parsing them would be nearly all of a load's time: without them it is 7.5 times
as fast. Of a hidden record, what
comes after the line that hides it needn't be parsed. Of a public one, `related`
is taken out of the text when it is of the shape that the collections' own
program gives it: then its end and the values of its items are known without
a parser. Where there is any doubt the text is left whole.

All of this works on bytes, which are searched several times as fast as text.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache, lru_cache
from typing import Final, NamedTuple

from feeds import sanitize, urls
from feeds.records.fields import MAX_NAME, NULL
from feeds.records.frontmatter import is_closed
from feeds.records.simple_yaml import has_odd_characters, unescaped

_MAX_ITEMS: Final = 1_000  # fewer than the parser accepts
_KEY: Final = b"\nrelated:\n"
_SECURED: Final = b'\nsecured: "'
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=;"

# Any text to the last quote of the line, which is searched many times as fast.
# It is exact where that quote is the second one: what is left of lines without
# letters and the like, and with a sign of its own for each escape, tells.
_TO_LAST_QUOTE: Final = rb'".*"'
_UNSIGNED: Final = bytes(range(0x20, 0x7F)).translate(None, b'"\\')
_ESCAPE: Final = re.compile(rb"\\[\"\\/nrt]")
# All groups that are repeated possessively are atomic too, here and in `_shape`:
# with (?:...)*+ Python before 3.11.5 keeps what a round read before it failed.
_LINES: Final = re.compile(rb'(?>(?:"[^"\\\n]*+"|[^"\\\n]*+)\n)*+\Z')
_QUOTED: Final = rb'"[^"\\\n]*+(?>\\["\\/nrt][^"\\\n]*+)*+"'
_BARE: Final = (
    rb"[A-Za-z0-9/\xc3-\xf4][^\n :#\"]*+"
    rb"(?>(?::(?![ \n])| ++(?![#\n])|#)[^\n :#\"]*+)*+"
)
_DATE: Final = (
    rb"(?:197[1-9]|19[89]\d|2[01]\d\d)-"
    rb"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])"
    rb"|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    rb"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
)

# Of a hidden record: the line that hides it, and what may matter after it.
_HIDING: Final = b"\npublished: false\n"
_EARLY: Final = 4_096  # bytes; records say it before their longest blocks
_DECIDING: Final = re.compile(
    rb"\n(?![ \n])(?:(?P<end>(?:---|\.\.\.)[ \t]*+(?:\n|\Z))|[^ \n#a-zA-Z-]"
    rb"|(?i:removed|deleted)[^\na-zA-Z]"
    rb"|(?:published|id|webUrl|originalUrl|ampWebUrl|cdnAmpWebUrl)[ :])"
)


@cache
def _shape(quoted: bytes) -> re.Pattern[bytes]:
    """An item of `related`, each key once and in the one order."""
    value = rb"(?:" + quoted + rb"|" + _BARE + rb")"

    def field(name: bytes, indent: int = 4, within: bytes = b"") -> bytes:
        line = b" " * indent + name + rb": (?P<" + within + name + rb">" + value + rb")\n"
        return rb"(?>" + line + rb")?+"

    def unread(name: bytes, indent: int) -> bytes:
        return rb"(?>" + b" " * indent + name + rb": " + value + rb"\n)?+"

    return re.compile(
        rb"  - title: (?P<title>" + value + rb")\n"
        + field(b"excerpt")
        + rb"(?>    publishedDateTime: (?P<publishedDateTime>" + _DATE + rb")\n)?+"
        + field(b"originalUrl")
        + field(b"webUrl")
        + unread(b"ampWebUrl", 4)
        + unread(b"cdnAmpWebUrl", 4)
        + field(b"type")
        + rb"(?>    provider:\n(?=      [nd])"
        + field(b"name", 6, b"provider_")
        + field(b"domain", 6, b"provider_")
        + rb")?+(?>    quality: (?P<quality>0|[1-9]\d{0,8})\n)?+"
        + rb"(?>    images:\n(?>      - url: " + value + rb"\n"
        + unread(b"width", 8)
        + unread(b"height", 8)
        + unread(b"isCached", 8)
        + rb")++)?+\n*+"
    )  # fmt: skip


class Unusual(Exception):
    """A value of an item that the parser has to judge, and to report."""


class BlockItem:
    """An item of `related` as the pattern of `_shape` found it: a `related.Item`.

    Raises Unusual for values that are wrong.
    """

    __slots__ = ("_match",)

    def __init__(self, match: re.Match[bytes]) -> None:
        self._match = match

    def text(self, name: str, most: int = MAX_NAME) -> str:
        try:
            written = self._match[name]
        except IndexError:  # no item of this shape has it
            return ""
        if written is None:
            return ""
        return _name(written) if most == MAX_NAME else _text(written, most)

    def url(self, name: str) -> str:
        """A clean URL, empty where there is none. Raises Unusual for a wrong one."""
        written = self._match[name]
        if written is None:
            return ""
        value = _value(written).strip()
        try:
            return urls.clean(value) if value else ""
        except ValueError:
            raise Unusual from None

    def moment(self, name: str) -> datetime | None:
        written = self._match[name]
        return datetime.fromisoformat(written.decode()) if written else None

    def number(self, name: str) -> int:
        return int(self._match[name] or 0)

    def provider_name(self) -> str:
        return self.text("provider_name") or self.text("provider_domain")

    def rank(self) -> tuple[int, bytes]:
        return int(self._match["quality"] or 0), self._match["publishedDateTime"] or b""

    def hidden(self) -> None:
        """No item of this shape says that it is hidden."""


def _value(written: bytes) -> str:
    text = written.decode()
    if text[0] == '"':
        return unescaped(text[1:-1])
    return "" if text in NULL else text


def _text(written: bytes, most: int) -> str:
    text = sanitize.plain(_value(written))
    if len(text) > most:
        raise Unusual
    return text


@lru_cache(maxsize=4096)
def _name(written: bytes) -> str:
    """The text of a name, domain or type, of which a collection has few."""
    return _text(written, MAX_NAME)


class RecordParts(NamedTuple):
    """The bytes of a record without its `related`, and the items of that."""

    without_related: bytes
    items: list[BlockItem]


def extract_related(source: bytes) -> RecordParts | None:
    """Take the `related` block out of the front matter; None where that has another shape.

    Blank lines take its place, so that lines keep their numbers. It is exact if
    no other value goes on in a next line, which `simple_yaml.parse` of the rest tells.
    """
    start = source.find(_KEY)
    if start < 0 or is_closed(source, start):
        return RecordParts(source, [])
    begin = start + len(_KEY)
    items, end = _items(_shape(_TO_LAST_QUOTE), source, begin)
    signs = escaped = source[begin:end].translate(None, _UNSIGNED)
    if b"\\" in signs:
        escaped = _ESCAPE.sub(b"\x01", source[begin:end]).translate(None, _UNSIGNED)
    if not _LINES.match(escaped):
        items, end = _items(_shape(_QUOTED), source, begin)
        signs = source[begin:end].translate(None, _UNSIGNED)
    if not 0 < len(items) <= _MAX_ITEMS or source[end : end + 1] in (b" ", b"-"):
        return None
    if has_odd_characters(signs):
        return None
    blank = b"\n" * (signs.count(b"\n") + 1)
    return RecordParts(source[: start + 1] + blank + source[end:], items)


def unsecured(front: bytes) -> bytes:
    """`front` with nothing in `secured`, where that is quoted and of letters and digits."""
    start = front.find(_SECURED)
    begin = start + len(_SECURED)
    end = front.find(b'"', begin)
    if start < 0 or end < 0 or front[begin:end].translate(None, _BASE64):
        return front
    return front[:begin] + front[end:]


def _items(shape: re.Pattern[bytes], source: bytes, at: int) -> tuple[list[BlockItem], int]:
    """The items that follow each other from `at` on, and where they end."""
    items: list[BlockItem] = []
    match = shape.match
    while item := match(source, at):
        items.append(BlockItem(item))
        at = item.end()
    return items, at


def up_to_hiding(source: bytes) -> bytes | None:
    """The lines of the front matter of `source` up to the one that says `published: false`.

    If all of them are over at their end they are enough to know a hidden
    record by. None where something that matters may come after them.
    """
    start = source.find(_HIDING, 0, _EARLY)
    if start < 0:
        return None
    end = start + len(_HIDING)
    later = _DECIDING.search(source, end - 1)
    if later is None or later["end"] is None:
        return None
    return source[source.find(b"\n") + 1 : end]
