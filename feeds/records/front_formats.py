"""Front matter in TOML, JSON and Org, as the same nodes that YAML gives.

Hugo closes TOML with a second `+++` line; JSON begins with `{` and ends where
that is closed. Texts are quoted scalars, all else is what YAML would read.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from datetime import date, datetime, time
from typing import Any, Final

from feeds.records.frontmatter import (
    MAX_DEPTH,
    MAX_ITEMS,
    FrontMatterError,
    Mapping,
    Node,
    Scalar,
    Sequence,
)

_TOML_FENCE: Final = re.compile(r"^\+\+\+[ \t]*$", re.MULTILINE)
_TOML_LINE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)\Z")

_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # half a character, which no UTF-8 has
_MOST_BITS: Final = 1024


def split_toml(source: str) -> tuple[str, str]:
    """The TOML between two `+++` lines, from line 2 on, and the body. Raises FrontMatterError."""
    start = source.index("\n") + 1 if "\n" in source else len(source)
    end = _TOML_FENCE.search(source, start)
    if end is None:
        raise FrontMatterError(1, "is never closed; end it with a line that says +++")
    return source[start : end.start()], source[end.end() + 1 :]


def parse_toml(source: str, first_line: int = 2) -> Mapping:
    """The mapping that TOML 1.0 `source` holds. Raises FrontMatterError."""
    try:
        values = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # also for numbers of too many digits
        message = str(error)
        found = _TOML_LINE.search(message)
        line = first_line + int(found[1]) - 1 if found and found[1] else first_line
        message = _TOML_LINE.sub("", message)
        raise FrontMatterError(line, f"is not TOML: {message}; quote the text") from None
    _refuse_too_many(values, first_line)
    return _mapping(values, _toml_lines(source, values, first_line), first_line, 0)


def split_json(source: str) -> tuple[Mapping, str]:
    """The mapping of the JSON object that `source` begins with, and the body after it.

    White space before the object is skipped. Raises FrontMatterError.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            times = Counter(name for name, _ in pairs)
            twice = next(name for name, number in times.items() if number > 1)
            raise FrontMatterError(1, f"has the key {ascii(twice)[:40]} twice")
        return values

    start = len(source) - len(source.lstrip())
    try:
        values, end = json.JSONDecoder(object_pairs_hook=unique).raw_decode(source, start)
    except json.JSONDecodeError as error:
        raise FrontMatterError(error.lineno, f"is not JSON: {error.msg}") from None
    except RecursionError:
        raise FrontMatterError(1, f"is nested deeper than {MAX_DEPTH} levels") from None
    except ValueError:
        raise FrontMatterError(1, "has a number of too many digits") from None
    _refuse_too_many(values, 1)
    lines = {name: _line_of(source, json.dumps(name, ensure_ascii=False), 1) for name in values}
    return _mapping(values, lines, 1, 0), source[end:].lstrip("\n")


def _toml_lines(source: str, values: dict[str, Any], first_line: int) -> dict[str, int]:
    """The line of each key at the top; that of a table is its heading's."""
    lines = {}
    for name in values:
        key = rf"^[ \t]*(?:\[+[ \t]*)?[\"']?{re.escape(name)}[\"']?[ \t]*[=.\]]"
        match = re.search(key, source, re.MULTILINE)
        lines[name] = first_line + source.count("\n", 0, match.start()) if match else first_line
    return lines


def _line_of(source: str, text: str, first_line: int) -> int:
    at = source.find(text)
    return first_line + source.count("\n", 0, max(at, 0))


def _refuse_too_many(values: dict[str, Any], line: int) -> None:
    """Raises FrontMatterError."""
    if len(values) > MAX_ITEMS:
        raise FrontMatterError(line, f"has a mapping of more than {MAX_ITEMS} keys")


def _mapping(values: dict[str, Any], lines: dict[str, int], line: int, depth: int) -> Mapping:
    if depth >= MAX_DEPTH:
        raise FrontMatterError(line, f"is nested deeper than {MAX_DEPTH} levels")
    _refuse_too_many(values, line)
    mapping = Mapping()
    mapping.line = line
    for key, value in values.items():
        name = _SURROGATE.sub("\ufffd", key)
        at = mapping.lines[name] = lines.get(key, line)
        mapping[name] = _node(value, at, depth + 1)
    return mapping


def _node(value: Any, line: int, depth: int) -> Node:
    if isinstance(value, dict):
        return _mapping(value, {}, line, depth)
    if isinstance(value, list):
        if depth >= MAX_DEPTH:
            raise FrontMatterError(line, f"is nested deeper than {MAX_DEPTH} levels")
        if len(value) > MAX_ITEMS:
            raise FrontMatterError(line, f"has a list of more than {MAX_ITEMS} items")
        items = Sequence(_node(item, line, depth + 1) for item in value)
        items.line = line
        return items
    if isinstance(value, str):
        return Scalar(_SURROGATE.sub("\ufffd", value), False, line)
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise FrontMatterError(line, "has a number of too many digits")
    return Scalar(_plain(value), True, line)


def _plain(value: bool | float | datetime | date | time | None) -> str:
    """A value as YAML writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return repr(value)


def split_org(source: str) -> tuple[Mapping, str]:
    """The keywords (`#+TITLE: ...`) that an Org file begins with, and the body after them.

    `tags`, `categories`, `aliases` and names in `[]` are lists, parted by blanks.
    """
    front = Mapping()
    front.line = 1
    lines = source.split("\n")
    for number, line in enumerate(lines, 1):
        if not line.startswith("#+") or ":" not in line:
            return front, "\n".join(lines[number - 1 :]).lstrip("\n")
        name, _, value = line[2:].partition(":")
        name, value = name.strip().lower(), value.strip()
        if name.endswith("[]") or name in {"tags", "categories", "aliases"}:
            items = Sequence(Scalar(word, False, number) for word in value.split())
            items.line = number
            name = name.removesuffix("[]")
            front[name] = items
        elif name == "date":
            front[name] = Scalar(_org_date(value), False, number)
        else:
            front[name] = Scalar(value, False, number)
        front.lines[name] = number
    return front, ""


def _org_date(value: str) -> str:
    """The day of an Org timestamp: `<2024-06-07 Fri>`."""
    return value[1:11] if value[:1] in {"<", "["} else value
