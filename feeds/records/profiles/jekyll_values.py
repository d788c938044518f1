"""Values of YAML as the text that Ruby writes of them, and lists as Jekyll splits them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BASE_60: Final = re.compile(r"[-+]?[\d_]+:[\d_:.]+\Z", re.ASCII)


def is_null(node: Node | None) -> bool:
    """Whether a field is absent, or empty."""
    return node is None or (isinstance(node, Scalar) and node.plain and node.text in _NULLS)


@lru_cache(maxsize=4096)
def _typed(text: str) -> str:
    """A plain scalar as Ruby writes what YAML takes it for: 1.50 is 1.5, yes is true."""
    if _BASE_60.match(text):
        return text  # 12:30 is a time to people
    try:
        value = Scalar(text, True, 0).value()
    except ValueError:
        return text
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else text


def text(node: Node | None) -> str:
    """A scalar as text; empty for anything else."""
    if not isinstance(node, Scalar):
        return ""
    return (_typed(node.text) if node.plain else node.text).strip()


def title(node: Node | None) -> str:
    """A title; `no` and `off` are false in YAML, and so none."""
    found = text(node)
    return "" if found == "false" and isinstance(node, Scalar) and node.plain else found


def texts(node: Node | None) -> list[str]:
    """The texts of a list, also of lists in it; one text is one."""
    if isinstance(node, Sequence):
        return [found for item in node for found in texts(item)]
    found = text(node)
    return [found] if found else []


def words(node: Node | None) -> list[str]:
    """The texts of a list; one text is split at blanks."""
    return texts(node) if isinstance(node, Sequence) else text(node).split()


def listed(node: Node | None) -> list[str]:
    """A list of the configuration; one text is split at commas."""
    if isinstance(node, Sequence):
        return texts(node)
    return [part.strip() for part in text(node).split(",") if part.strip()]


def mapping(node: Node | None) -> Mapping:
    """A mapping; an empty one for anything else."""
    return node if isinstance(node, Mapping) else Mapping()
