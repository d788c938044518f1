"""Front matter: YAML 1.1 from strangers, read strictly.

Parsed with libyaml's events, so that aliases, tags, duplicate and merge keys
are refused where they stand, nesting is bounded before it can hurt, and every
value knows its line. Scalars keep their text; it is interpreted when a
field is read, so that a field nobody reads can't spoil a record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.resolver import Resolver

from feeds.model import FeedsError

MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 2_000
_MAX_INTERPRETED: Final = 64  # longer than any number or date; they take square time to read

Value = str | bool | int | float | datetime | date | None


class FrontMatterError(FeedsError):
    """Front matter that can't be read; `line` counts from 1 in the whole file."""

    def __init__(self, line: int, message: str, field: str = "front matter") -> None:
        super().__init__(f"{line}: {field}: {message}")
        self.line = line
        self.field = field
        self.message = message


@dataclass(slots=True)
class Scalar:
    """A scalar as written; `plain` when unquoted, and so open to interpretation."""

    text: str
    plain: bool
    line: int

    def value(self) -> Value:
        """The value of the scalar by YAML 1.1. Raises ValueError for an impossible date."""
        if not self.plain or len(self.text) > _MAX_INTERPRETED:
            return self.text
        if _PLAIN_NUMBER.match(self.text):
            return int(self.text)
        if _PLAIN_TIME.match(self.text):
            return datetime.fromisoformat(self.text)
        for tag, pattern in _RESOLVERS.get(self.text[:1], ()):
            if pattern.match(self.text):
                construct = _CONSTRUCTORS.get(tag)
                if construct is None:
                    return self.text
                node = yaml.ScalarNode(tag, self.text)
                return construct(_constructor, node)  # type: ignore[no-any-return]
        return self.text


class Sequence(list["Node"]):
    """A list and the line it begins at."""

    line = 0


class Mapping(dict[str, "Node"]):
    """A mapping, the line it begins at, and the line of each key.

    `repeated` has what stands under a key that was there before: key, node, line.
    """

    line = 0
    repeated: tuple[tuple[str, Node, int], ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}


Node = Scalar | Sequence | Mapping

# Only its events are used; PyYAML built without libyaml has the slow one alone.
_Parser = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_constructor = SafeConstructor()
_RESOLVERS = Resolver.yaml_implicit_resolvers
_CONSTRUCTORS = {
    f"tag:yaml.org,2002:{name}": getattr(SafeConstructor, f"construct_yaml_{name}")
    for name in ("null", "bool", "int", "float", "timestamp")
}

# Most of the numbers and dates by far; YAML's own rules for them take longer.
_PLAIN_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)\Z")
_PLAIN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")

# They end a line in YAML 1.1, though not in editors, where people look for a line.
_OTHER_BREAKS = "\x85\u2028\u2029"

# As Jekyll reads it: closed by `---` or `...`, blanks after either allowed.
_FENCE = re.compile(rb"\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)")


def split(source: bytes) -> tuple[bytes, bytes]:
    """The front matter, from line 2 on, and the body.

    `source` begins with a `---` line, its lines end in LF. Raises
    FrontMatterError when no line closes the front matter.
    """
    start = source.find(b"\n")
    end = _FENCE.search(source, max(start, 0))
    if end is None:
        raise FrontMatterError(1, "is never closed; end it with a line that says ---")
    return source[start + 1 : end.start() + 1], source[end.end() :]


def is_closed(source: bytes, at: int) -> bool:
    """Whether the front matter of `source` ends before the line break at `at`."""
    return _FENCE.search(source, 0, at) is not None


def parse(source: str, first_line: int = 2) -> Mapping:
    """The mapping that `source` holds. Raises FrontMatterError."""
    for character in _OTHER_BREAKS:
        source = source.replace(character, " ")
    try:
        return _Builder(source, first_line).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        if error.context and "quoted scalar" in error.context:  # which may end far below
            mark = error.context_mark
        line = first_line + (mark.line if mark else 0)
        context = f" ({error.context})" if error.context else ""
        raise FrontMatterError(
            line, f"is not YAML: {error.problem}{context}; quote the text, or mend the indentation"
        ) from None
    except yaml.YAMLError as error:
        if isinstance(error, yaml.reader.ReaderError):
            # Its position counts bytes or characters, as the parser does.
            code = ord_of(error.character)
            line = first_line + source.count("\n", 0, max(source.find(chr(code)), 0))
            raise FrontMatterError(
                line, f"holds the character U+{code:04X}, which YAML forbids; remove it"
            ) from None
        raise FrontMatterError(first_line, f"is not YAML: {error}") from None


def ord_of(character: str | bytes | int) -> int:
    """The code point of the character in an error of PyYAML's reader."""
    return character if isinstance(character, int) else ord(character)


class _Builder:
    def __init__(self, source: str, first_line: int) -> None:
        self._events = _Parser(source)
        self._first_line = first_line

    def document(self) -> Mapping:
        get = self._events.get_event
        get()  # the stream
        if self._events.check_event(yaml.StreamEndEvent):
            raise FrontMatterError(self._first_line, "is empty; it needs a title and a URL")
        get()  # the document
        root = self._node(get(), 0)
        if not isinstance(root, Mapping):
            raise FrontMatterError(self._first_line, "is not a mapping; write 'key: value' lines")
        get()  # the end of the document
        event = get()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._error(event, "holds a second YAML document; keep one")
        return root

    def _error(self, event: Any, message: str, field: str = "front matter") -> FrontMatterError:
        return FrontMatterError(self._first_line + event.start_mark.line, message, field)

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is AliasEvent:
            raise self._error(event, "has an alias (*name); write the value out")
        line = self._first_line + event.start_mark.line
        if event.tag is not None:
            if kind is ScalarEvent and event.tag == "!":  # YAML 1.1 3.3.2: text, whatever it is
                return Scalar(event.value, False, line)
            raise self._error(event, "has a tag (!...); leave it out")
        if kind is ScalarEvent:
            return Scalar(event.value, event.implicit[0], line)
        if depth >= MAX_DEPTH:
            raise self._error(event, f"is nested deeper than {MAX_DEPTH} levels")
        if kind is SequenceStartEvent:
            return self._sequence(line, depth + 1)
        return self._mapping(line, depth + 1)

    def _sequence(self, line: int, depth: int) -> Sequence:
        items = Sequence()
        items.line = line
        get = self._events.get_event
        while type(event := get()) is not SequenceEndEvent:
            if len(items) == MAX_ITEMS:
                raise self._error(event, f"has a list of more than {MAX_ITEMS} items")
            items.append(self._node(event, depth))
        return items

    def _mapping(self, line: int, depth: int) -> Mapping:
        mapping = Mapping()
        mapping.line = line
        lines = mapping.lines
        get: Callable[[], Any] = self._events.get_event
        node = self._node
        while (kind := type(event := get())) is not MappingEndEvent:
            if kind is not ScalarEvent or event.tag is not None:
                key = node(event, depth)  # refuses what may stand nowhere
                raise FrontMatterError(key.line, "has a key that isn't plain text")
            name = event.value
            if name == "<<" and event.implicit[0]:
                raise self._error(event, "has a merge key (<<); write the values out")
            if len(lines) + len(mapping.repeated) == MAX_ITEMS:
                raise self._error(event, f"has a mapping of more than {MAX_ITEMS} keys")
            if name in lines:
                at = self._first_line + event.start_mark.line
                mapping.repeated = (*mapping.repeated, (name, node(get(), depth), at))
                continue
            lines[name] = self._first_line + event.start_mark.line
            mapping[name] = node(get(), depth)
        return mapping
