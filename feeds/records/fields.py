"""A mapping of front matter read field by field, each against its type.

A wrong value costs its field alone: it is left out, or what can be understood
of it is taken, and a note says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Final, Self

from feeds import sanitize, urls
from feeds.messages import printable
from feeds.model import Problem
from feeds.records import suggestions
from feeds.records.dates import EARLIEST, LATEST, AmbiguousDateError, parse_date
from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence
from feeds.records.hiding import WORDS, word_of

MAX_NAME: Final = 500  # characters of a name or other short text
MAX_TITLE: Final = 1_000
MAX_EXCERPT: Final = 20_000
_LARGEST: Final = 2**31
_DATE_IS_RIGHT: Final = "write it as 2023-09-02T16:03:00Z"
NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})  # YAML 1.1, null
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", re.ASCII)
_NUMBER: Final = re.compile(r"([-+]?\d+(?:_\d+)*(?:\.\d+)?)(?: ?px)?\Z", re.ASCII)


class Fields:
    """The fields of one mapping in the record at `path`.

    Notes about wrong values are added to `notes`. `prefix` leads to the
    mapping: `images[2].`. `zone` is that of dates without an offset.
    """

    def __init__(
        self,
        path: str,
        fields: Mapping,
        notes: list[Problem],
        prefix: str = "",
        zone: tzinfo = UTC,
    ) -> None:
        self.path = path
        self.fields = fields
        self.notes = notes
        self.prefix = prefix
        self.zone = zone

    def error(self, name: str, message: str, line: int) -> None:
        """Note what keeps the record out."""
        self.notes.append(Problem(self.path, line, self.prefix + name, message))

    def note(
        self, name: str, message: str, line: int | None = None, value: str = "", right: str = ""
    ) -> None:
        """Note what is wrong with a field that the record can do without.

        `value` is what is written, `right` the same as it would be accepted.
        """
        where = line if line is not None else self.line(name)
        self.notes.append(
            Problem(self.path, where, self.prefix + name, message, "note", value, right)
        )

    def note_value(
        self, name: str, value: str, message: str, right: str, line: int | None = None
    ) -> None:
        """Note that a value is wrong: `message` has what it is and, after a semicolon, a remedy."""
        reason, _, remedy = message.partition("; ")
        if value[:1] in suggestions.TYPOGRAPHIC:
            reason = "begins with a typographic quote, which quotes nothing"
        remedy = f"; {right} would be right" if right else f"; {remedy}" if remedy else ""
        self.note(name, f"{value[:80]!r} {reason}{remedy}; left out", line, value, right)

    def line(self, name: str) -> int:
        """The line of a value, or that of the mapping where there is none."""
        node = self.fields.get(name.partition("[")[0])
        if node is None:
            return self.fields.line
        return node.line if isinstance(node, Scalar) else self.fields.lines.get(name, node.line)

    def raw(self, name: str) -> str:
        """The text of a field as written; empty when it is absent or null."""
        node = self.fields.get(name)
        return "" if node is None else self._raw(name, node)

    def _raw(self, name: str, node: Node) -> str:
        if isinstance(node, Scalar):
            return "" if is_null(node) else node.text
        kind = "a list" if isinstance(node, Sequence) else "a mapping"
        self.note(name, f"is {kind}, not text; write one line of text; left out", node.line)
        return ""

    def text(self, name: str, most: int = MAX_NAME) -> str:
        """A field as one line of plain text, of at most `most` characters."""
        node = self.fields.get(name)
        return "" if node is None else self.text_of(name, node, most)

    def text_of(self, name: str, node: Node, most: int = MAX_NAME) -> str:
        """A node as one line of plain text, of at most `most` characters."""
        text = sanitize.plain(self._raw(name, node))
        if len(text) > most:
            message = f"is {len(text):,} characters long; cut to the {most:,} that are accepted"
            self.note(name, message, node.line)
            text = text[: most - 1].rstrip() + "…"
        return text

    def url(self, name: str) -> str:
        """A field as a clean absolute URL, empty when it is absent or none."""
        written = self.raw(name).strip()
        if not written:
            return ""
        try:
            return urls.clean(written)
        except ValueError as error:
            self.note_value(name, written, str(error), suggestions.web_address(written))
            return ""

    def number(self, name: str) -> int:
        """A field as a whole number, 0 when it is absent or none."""
        node = self.fields.get(name)
        if node is None or is_null(node):
            return 0
        value: object = None
        if isinstance(node, Scalar):
            try:
                value = node.value()
            except ValueError:
                value = node.text
            if isinstance(value, str) and (match := _NUMBER.match(value.strip())):
                value = float(match[1])
        if isinstance(value, bool) or not isinstance(value, int | float):
            written = node.text if isinstance(node, Scalar) else ""
            self.note(name, "is not a number; write a number such as 57; left out", value=written)
            return 0
        if not math.isfinite(value) or abs(value) > _LARGEST:
            self.note(name, f"is out of range; at most {_LARGEST:,} is accepted; left out")
            return 0
        return round(value)

    def moment(self, name: str) -> datetime | None:
        """A field as an aware UTC time of whole seconds; None when it is absent or no date."""
        node = self.fields.get(name)
        if node is None or is_null(node):
            return None
        if not isinstance(node, Scalar):
            self.note(name, f"is not a date; {_DATE_IS_RIGHT}; left out")
            return None
        try:
            moment = self._moment(node.text)
        except AmbiguousDateError as error:
            self.note_value(name, node.text, str(error), "")
            return None
        except ValueError:
            right = suggestions.date(node.text, self.zone)
            self.note_value(name, node.text, f"is not a date; {_DATE_IS_RIGHT}", right)
            return None
        if not EARLIEST <= moment < LATEST:
            message = f"is not between 1970 and 2199; {_DATE_IS_RIGHT}"
            self.note_value(name, node.text, message, suggestions.date(node.text, self.zone))
            return None
        return moment

    def _moment(self, text: str) -> datetime:
        if _RFC_3339.match(text):  # nearly all are
            try:
                return datetime.fromisoformat(text)
            except ValueError:  # such as a leap second
                pass
        return parse_date(text, self.zone)

    def sequence(self, name: str) -> Sequence:
        """A field as a list; a single value is a list of one."""
        node = self.fields.get(name)
        if isinstance(node, Sequence):
            return node
        items = Sequence()
        if node is not None and not is_null(node):
            items.append(node)
            items.line = node.line
        return items

    def mapping(self, name: str) -> Self | None:
        """The fields of a mapping in this one; None when there is none."""
        node = self.fields.get(name)
        if isinstance(node, Mapping):
            return self.within(name, node)
        if node is not None and not is_null(node):
            message = "is not a mapping; write 'name:' and 'domain:' below it, indented; left out"
            self.note(name, message)
        return None

    def mappings(self, name: str) -> Iterator[Self]:
        """The fields of the mappings in a list."""
        for index, node in enumerate(self.sequence(name)):
            where = f"{name}[{index}]"
            if isinstance(node, Mapping):
                yield self.within(where, node)
            else:
                message = "is not a mapping; write 'key: value' lines; left out"
                self.note(where, message, node.line)

    def within(self, where: str, mapping: Mapping) -> Self:
        """The fields of a mapping inside this one, without those that stand in it twice."""
        fields = type(self)(self.path, mapping, self.notes, f"{self.prefix}{where}.", self.zone)
        for name, _, line in mapping.repeated:
            if word_of(name) not in WORDS:
                message = f"stands twice (first in line {mapping.lines[name]}); left out"
                fields.note(printable(name[:40]), message, line)
                mapping.pop(name, None)
        return fields


def is_null(node: Node) -> bool:
    """Whether a value is one that says nothing."""
    return isinstance(node, Scalar) and node.plain and node.text in NULL
