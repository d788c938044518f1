"""A mapping of front matter read field by field, each against its type."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Final, Self

from feeds import sanitize, urls
from feeds.model import Problem, RecordError
from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
MAX_NAME: Final = 500  # characters of a name or other short text
MAX_TITLE: Final = 1_000
MAX_EXCERPT: Final = 20_000
_LARGEST: Final = 2**31
_DATE_IS_RIGHT: Final = "2023-09-02T16:03:00Z would be right"
_KINDS = {
    int: "a number",
    float: "a number",
    datetime: "a date",
    date: "a date",
}


class Fields:
    """The fields of one mapping in the record at `path`.

    A wrong value raises RecordError, which names file, line and field; an odd one
    is reported in `notes`. Absent and null ones are empty: "", 0, None, no items.
    `prefix` leads to the mapping: `images[2].`.
    """

    def __init__(self, path: str, fields: Mapping, notes: list[Problem], prefix: str = "") -> None:
        self.path = path
        self.fields = fields
        self.notes = notes
        self.prefix = prefix

    def error(self, name: str, message: str, line: int | None = None) -> RecordError:
        where = line if line is not None else self.line(name)
        return RecordError(Problem(self.path, where, self.prefix + name, message))

    def note(self, name: str, message: str) -> None:
        problem = Problem(self.path, self.line(name), self.prefix + name, message, "note")
        self.notes.append(problem)

    def line(self, name: str) -> int:
        node = self.fields.get(name.partition("[")[0])
        if node is None:
            return self.fields.line
        return self.fields.lines.get(name, node.line)

    def raw(self, name: str) -> str:
        """The text of a field as written; empty when it is absent or null."""
        node = self.fields.get(name)
        return "" if node is None else self._raw(name, node)

    def _raw(self, name: str, node: Node) -> str:
        if not isinstance(node, Scalar):
            kind = "a list" if isinstance(node, Sequence) else "a mapping"
            raise self._wrong(name, node.line, f"is {kind}, not text; write one line of text")
        try:
            value = node.value()
        except ValueError:
            value = node.text
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        is_boolean = isinstance(value, bool)
        kind = f"the boolean {str(value).lower()}" if is_boolean else _KINDS[type(value)]
        message = f'{node.text} is read as {kind} by YAML; write "{node.text}" for text'
        raise self._wrong(name, node.line, message)

    def _wrong(self, name: str, line: int, message: str) -> RecordError:
        return RecordError(Problem(self.path, line, self.prefix + name, message))

    def text(self, name: str, most: int = MAX_NAME) -> str:
        """Text in one line, its entities unescaped, of at most `most` characters."""
        node = self.fields.get(name)
        return "" if node is None else self.text_of(name, node, most)

    def text_of(self, name: str, node: Node, most: int = MAX_NAME) -> str:
        text = sanitize.plain(self._raw(name, node))
        if len(text) > most:
            message = f"is {len(text):,} characters long; at most {most:,} are accepted"
            raise self._wrong(name, node.line, message)
        return text

    def url(self, name: str) -> str:
        """An absolute http or https URL, cleaned."""
        written = self.raw(name).strip()
        if not written:
            return ""
        try:
            return urls.clean(written)
        except ValueError as error:
            raise self.error(name, f"{written[:80]!r} {error}") from None

    def number(self, name: str) -> int:
        """A number, rounded, of at most 2**31 either way."""
        node = self.fields.get(name)
        if node is None:
            return 0
        value: object = None
        if isinstance(node, Scalar):
            try:
                value = node.value()
            except ValueError:
                value = node.text
            if value is None:
                return 0
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(name, "is not a number; 57 would be right")
        if not math.isfinite(value) or abs(value) > _LARGEST:
            raise self.error(name, f"is out of range; at most {_LARGEST:,} is accepted")
        return round(value)

    def moment(self, name: str) -> datetime | None:
        """An aware time in UTC, of whole seconds; one without a zone is taken for UTC."""
        node = self.fields.get(name)
        if node is None:
            return None
        if not isinstance(node, Scalar):
            raise self.error(name, f"is not a date; {_DATE_IS_RIGHT}")
        try:
            value = node.value()
            if isinstance(value, str):
                if not value.strip():
                    return None
                value = datetime.fromisoformat(value.strip())
        except (ValueError, OverflowError):
            raise self.error(name, f"{node.text[:40]!r} is not a date; {_DATE_IS_RIGHT}") from None
        if value is None:
            return None
        if not isinstance(value, date):
            raise self.error(name, f"{node.text[:40]!r} is not a date; {_DATE_IS_RIGHT}")
        if not isinstance(value, datetime):
            value = datetime.combine(value, time(), UTC)
        try:
            value = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        except OverflowError:
            value = LATEST
        if not EARLIEST <= value < LATEST:
            message = f"{node.text[:40]!r} is not between 1970 and 2199; {_DATE_IS_RIGHT}"
            raise self.error(name, message)
        return value.replace(microsecond=0)

    def sequence(self, name: str) -> Sequence:
        node = self.fields.get(name)
        if isinstance(node, Sequence):
            return node
        if node is None or _is_null(node):
            return Sequence()
        raise self.error(name, "is not a list; write one '- item' to a line")

    def mapping(self, name: str) -> Self | None:
        node = self.fields.get(name)
        if isinstance(node, Mapping):
            return self.within(name, node)
        if node is None or _is_null(node):
            return None
        raise self.error(name, "is not a mapping; write 'name:' and 'domain:' below it, indented")

    def mappings(self, name: str) -> Iterator[Self]:
        """The fields of each item of a list of mappings."""
        for index, node in enumerate(self.sequence(name)):
            where = f"{name}[{index}]"
            if not isinstance(node, Mapping):
                raise self._wrong(where, node.line, "is not a mapping; write 'key: value' lines")
            yield self.within(where, node)

    def within(self, where: str, mapping: Mapping) -> Self:
        """The fields of a mapping inside this one."""
        return type(self)(self.path, mapping, self.notes, f"{self.prefix}{where}.")


def _is_null(node: Node) -> bool:
    try:
        return isinstance(node, Scalar) and node.value() is None
    except ValueError:  # an impossible date
        return False
