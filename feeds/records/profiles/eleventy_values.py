"""Values of front matter as JavaScript takes them: YAML 1.2, and numbers as it writes them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from feeds.records.frontmatter import Node, Scalar

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER: Final = re.compile(r"[-+]?[0-9_]*[0-9]\Z", re.ASCII)
_BASED: Final = re.compile(r"[-+]?0(?:x[0-9a-fA-F_]+|o[0-7_]+|b[01_]+)\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9_]+|[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")
_MOST_DIGITS: Final = 15  # JavaScript's numbers are exact so far


def is_null(node: Node | None) -> bool:
    """Whether a field is absent, or empty."""
    return node is None or (isinstance(node, Scalar) and node.plain and node.text in _NULLS)


def text(node: Node | None) -> str:
    """A scalar as JavaScript writes what YAML 1.2 takes it for: 1.0 is 1, 0x1F is 31, no is no."""
    if not isinstance(node, Scalar):
        return ""
    written = node.text.strip()
    return _typed(written) if node.plain else written


@lru_cache(maxsize=4096)
def _typed(written: str) -> str:
    if written in _NULLS:
        return ""
    if written in {"True", "TRUE", "False", "FALSE"}:
        return written.lower()
    if len(written) > _MOST_DIGITS or written.endswith("_"):
        return written
    digits = written.replace("_", "")
    if _INTEGER.match(written):
        return str(int(digits))
    if _BASED.match(written):
        return str(int(digits, 0))
    if _FLOAT.match(written):
        number = float(digits)
        return str(int(number)) if number.is_integer() else repr(number)
    return written
