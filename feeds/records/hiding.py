"""Words that hide a record. In doubt it is hidden; a word that stands twice hides if either does.

Keys and values count in any case, quoted or not, whatever signs stand around a key.
What is dated later than now is held until then, and what expires is hidden from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple

from feeds.records.dates import readings
from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence

HELD: Final = "dated in the future"
EXPIRED: Final = "expired"
EXPIRES_IN_DOUBT: Final = "expiry can't be read"
IN_DRAFTS: Final = "in _drafts"

TRUE: Final = frozenset({"true", "yes", "on"})
_FALSE: Final = frozenset({"false", "no", "off"})
PUBLIC_IF_TRUE: Final = frozenset({"published", "publish"})
HIDDEN_UNLESS_FALSE: Final = frozenset({"draft", "hidden", "unlisted", "private", "unpublished"})
REMOVED_UNLESS_FALSE: Final = frozenset({"removed", "deleted"})
HIDING_STATUS: Final = frozenset(
    {
        "draft", "auto-draft", "private", "pending", "future", "scheduled", "hidden", "unlisted",
        "unpublished", "trash", "removed", "deleted", "wip",
    }
)  # fmt: skip
EXPIRY: Final = frozenset({"expirydate", "expiry_date", "unpublishdate", "unpublish_date"})
NEVER: Final = frozenset({"", "~", "null", "never"})
WORDS: Final = frozenset(
    {*PUBLIC_IF_TRUE, *HIDDEN_UNLESS_FALSE, *REMOVED_UNLESS_FALSE, *EXPIRY, "status"}
)
RELEASE: Final = frozenset({"publishdate", "pubdate"})  # dates before which nothing is shown

_LONGEST: Final = 40  # characters of a key that may be a word
_AROUND: Final = re.compile(r"\A[\W_]+|[\W_]+\Z")
_STATE: Final = re.compile(r"\w+(?:-\w+)*")
_SIGNS: Final = rb"[^\s\w:=#,{}\[\]-]{0,9}"  # quotes of any kind, blanks that don't show
_WORD: Final = (
    _SIGNS + rb"(" + "|".join(WORDS | RELEASE).encode() + rb")" + _SIGNS + rb"[ \t]*[:=][ \t]*"
)
# A line of YAML with one of the words, at column 0, or a blank beside it: nothing else is
# sure in broken text.
_LINE: Final = re.compile(rb"(?:^|[\r\n])[ \t]?" + _WORD + rb"([^\r\n]*)", re.IGNORECASE)
# Where columns say nothing: TOML, JSON, Org, mappings in braces or indented as a whole.
_FREE: Final = re.compile(
    rb"[\s\xef\xbb\xbf]*(?:\+\+\+|\{|#\+|---[ \t]*(?:json|toml)|---[ \t]*[\r\n]+(?:[ \t]|\{))",
    re.IGNORECASE,
)
_ANYWHERE: Final = re.compile(
    rb"(?:^|[\r\n{,]|#\+)[ \t]*" + _WORD + rb"([^\r\n,}]*)", re.IGNORECASE
)
_PUBLIC: Final = rb"(?:^|[\r\n{,])[ \t\"']*%b[\"']?[ \t]*[:=][ \t\"']*[Tt](?i:rue)\b"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_VALUE: Final = re.compile(r"""(?P<quote>["'])(.*?)(?P=quote)|((?:(?!\s#).)*)""")

Words = list[tuple[str, Node]]  # in lower case, with their values


class Hiding(NamedTuple):
    """Why a record is hidden; `removed` hides its copies too."""

    reason: str
    removed: bool = False


@lru_cache(maxsize=4096)
def _word(name: str) -> str:
    return _AROUND.sub("", name).lower()


def word_of(name: str) -> str:
    """A key as words are compared: `“Draft”` is `draft`. Empty for one that is too long."""
    return _word(name) if len(name) <= _LONGEST else ""


def words_of(fields: Mapping) -> Words:
    """The words of a mapping that may hide it, in any case and as often as they stand there."""
    nodes = chain(fields.items(), ((name, node) for name, node, _ in fields.repeated))
    known = WORDS | RELEASE
    return [(word, node) for name, node in nodes if (word := word_of(name)) in known]


def hidden_by_word(words: Words, zone: tzinfo = UTC) -> Hiding | None:
    """The reason why words hide a record; None where none does."""
    hiding = None
    for word, node in words:
        if word in REMOVED_UNLESS_FALSE and _text(node) not in _FALSE:
            return Hiding(word, removed=True)
        if hiding is not None:
            continue
        if word in PUBLIC_IF_TRUE:
            if _text(node) not in TRUE and not _moments(node, zone):
                hiding = Hiding(f"{word} is not true")
        elif word in HIDDEN_UNLESS_FALSE:
            if _text(node) not in _FALSE:
                hiding = Hiding(word)
        elif word == "status":
            hiding = next((Hiding(f"status is {s}") for s in states(node)), None)
    return hiding


def says_public(fields: Mapping, name: str) -> bool:
    """Whether the field `name`, as often as it stands there, is true."""
    nodes = [fields.get(name), *(node for key, node, _ in fields.repeated if key == name)]
    return all(isinstance(node, Scalar) and _text(node) == "true" for node in nodes)


def expiry(words: Words, zone: tzinfo, now: datetime) -> tuple[str, datetime | None]:
    """Why a record is hidden for its expiry at `now`, and when it will be.

    Of several times, or readings of one, the earliest counts. Empty and None
    for a record that never expires.
    """
    ends: list[datetime] = []
    for word, node in words:
        if word in EXPIRY and not (isinstance(node, Scalar) and _text(node) in NEVER):
            moments = _moments(node, zone)
            if not moments:
                return EXPIRES_IN_DOUBT, None
            ends += moments
    end = min(ends, default=None)
    return (EXPIRED, None) if end is not None and end <= now else ("", end)


def release_dates(words: Words, zone: tzinfo) -> Iterator[datetime]:
    """All moments that words such as `published` name, where they hold dates."""
    for word, node in words:
        if word in PUBLIC_IF_TRUE | RELEASE and _text(node) not in TRUE:
            yield from _moments(node, zone)


def hidden_by_line(
    data: bytes,
    zone: tzinfo = UTC,
    now: datetime | None = None,
    *,
    hold: bool = True,
    public_word: str = "",
) -> bool:
    """Whether `data`, which can't be read, still has a line that hides the record.

    At `now`, that may be one that expired or, with `hold`, one with a date to come. Where
    there is a `public_word`, the record is hidden unless a line says that it is true.
    """
    if data[:2] in _UTF_16:
        data = data.decode("utf-16", "replace").encode(errors="replace")
    words: Words = []
    for word, written in (_ANYWHERE if _FREE.match(data) else _LINE).findall(data):
        value = _VALUE.match(written.decode(errors="replace"))
        text = (value[2] or value[3] or "").strip() if value else ""
        words.append((word.decode().lower(), Scalar(text, True, 0)))
    if hidden_by_word(words, zone):
        return True
    if public_word and not re.search(_PUBLIC % re.escape(public_word).encode(), data):
        return True
    if now is None:
        return False
    held = hold and any(day > now for day in release_dates(words, zone))
    return held or expiry(words, zone, now)[0] != ""


def in_drafts(path: str) -> bool:
    """Whether a file lies in a folder for drafts."""
    lower = path.lower()
    return lower.startswith("_drafts/") or "/_drafts/" in lower


def _text(node: Node) -> str:
    return node.text.strip().lower() if isinstance(node, Scalar) else ""


def states(node: Node) -> Iterator[str]:
    """The states that hide a record, of those that `status` names."""
    nodes = node if isinstance(node, Sequence) else [node]
    return (word for one in nodes for word in _STATE.findall(_text(one)) if word in HIDING_STATUS)


def _moments(node: Node, zone: tzinfo) -> tuple[datetime, ...]:
    """The moments that a value may name; none for what is no date."""
    try:
        return readings(_text(node), zone)
    except ValueError:
        return ()
