"""Front matter whose every line is of the plainest forms, read without a YAML parser.

Nearly all records are `key: value` lines, `- item` lines and mappings of them,
indented in step, their values on one line. Of those it is known what libyaml
makes, in a tenth of its time. Whatever else a line has, or may have (another
quote or escape, a comment, a value that goes on in the next line, indentation
out of step, a key twice), is left to `frontmatter.parse`.
"""

from __future__ import annotations

import re
from typing import Final

from feeds.frontmatter import MAX_ITEMS, Mapping, Node, Scalar, Sequence

# What YAML forbids, what ends a line for it alone, tabs, and byte order marks.
_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
_QUOTED: Final = rf'"([^"\\{_CONTROL}]*+(?:\\["\\/nt][^"\\{_CONTROL}]*+)*+)"'
_BARE: Final = (
    rf"([A-Za-z0-9/\u00c0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    rf"(?:[^ :#{_CONTROL}]++|:(?![ \n])| ++(?![#\n])|#)*+)"
)
# Blank lines before it, indentation, dash, key, its value; or the item that is no mapping.
_LINE: Final = re.compile(
    rf"(\n*+)( *+)(- )?+(?:([A-Za-z]{{1,99}}+):(?: (?:{_QUOTED}|{_BARE}))?+"
    rf"|(?<=- )(?:{_QUOTED}|{_BARE}))\n"
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t"}
_DEEPEST: Final = 24  # columns, far from what is nested too deep

_Line = tuple[int, int, bool, str, Scalar | None]  # line, column, dash, key, value


class _Unusual(Exception):
    """Something that a YAML parser has to judge."""


def parse(source: str, first_line: int = 2) -> Mapping | None:
    """What `frontmatter.parse` gives; None where a line isn't of the plainest forms."""
    try:
        lines = _lines(source, first_line)
        mapping, end = _mapping(lines, 0, 0)
    except _Unusual:
        return None
    return mapping if end == len(lines) - 1 else None


def _lines(source: str, number: int) -> list[_Line]:
    """The lines that aren't blank, and one that ends them all. Raises _Unusual."""
    found: list[_Line] = []
    end = 0
    for match in _LINE.finditer(source):
        if match.start() != end:
            raise _Unusual
        end = match.end()
        blank, indent, dash, key, quoted, bare, quoted_item, bare_item = match.groups()
        number += len(blank)
        value = None
        if bare is not None or bare_item is not None:
            value = Scalar(bare or bare_item, True, number)
        elif quoted is not None or quoted_item is not None:
            text = quoted if quoted is not None else quoted_item
            value = Scalar(unescaped(text), False, number)
        found.append((number, len(indent), dash is not None, key or "", value))
        number += 1
    if source[end:].strip("\n"):
        raise _Unusual
    found.append((number, -1, False, "", None))
    return found


def unescaped(text: str) -> str:
    r"""What stands between double quotes, its only escapes `\"`, `\\`, `\/`, `\n` and `\t`."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), text)


def _mapping(lines: list[_Line], at: int, column: int) -> tuple[Mapping, int]:
    """The mapping that begins in line `at`, maybe after a dash, and the line after it."""
    mapping = Mapping()
    mapping.line = lines[at][0]
    numbers = mapping.lines
    while True:
        number, _, _, key, value = lines[at]
        if not key or key in numbers or column > _DEEPEST:
            raise _Unusual
        numbers[key] = number
        at += 1
        _, next_column, next_dash, _, _ = lines[at]
        if value is not None:
            mapping[key] = value
        elif next_dash and next_column >= column:
            mapping[key], at = _sequence(lines, at)
        elif next_column > column:
            mapping[key], at = _mapping(lines, at, next_column)
        else:
            mapping[key] = Scalar("", True, number)
        _, next_column, next_dash, _, _ = lines[at]
        if next_column < column:
            return mapping, at
        if next_column > column or len(numbers) == MAX_ITEMS:
            raise _Unusual
        if next_dash:
            return mapping, at


def _sequence(lines: list[_Line], at: int) -> tuple[Sequence, int]:
    """The list that begins in line `at`, and the line after it."""
    items = Sequence()
    items.line, column = lines[at][:2]
    while True:
        number, _, _, key, value = lines[at]
        item: Node
        if key:
            # Its further keys stand below its first, after the dash.
            item, at = _item(lines, at, column + 2)
        elif value is None:
            raise _Unusual
        else:
            item, at = value, at + 1
        items.append(item)
        _, next_column, next_dash, _, _ = lines[at]
        if next_column > column or len(items) == MAX_ITEMS:
            raise _Unusual
        if next_column < column or not next_dash:
            return items, at
