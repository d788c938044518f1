"""Values of front matter as the text that Hugo writes of them. Pure functions."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from feeds.records.frontmatter import Node, Scalar, Sequence

_LONGEST_TYPED: Final = 64  # longer than any number


def written(node: Node | None) -> str:
    """A scalar as Hugo writes what YAML takes it for: 1.50 is 1.5, yes is true."""
    if not isinstance(node, Scalar):
        return ""
    if not node.plain or len(node.text) > _LONGEST_TYPED:
        return node.text
    return _typed(node.text)


def text(node: Node | None) -> str:
    """The same without blanks around it."""
    return written(node).strip()


@lru_cache(maxsize=4096)
def _typed(text: str) -> str:
    if ":" in text:
        return text  # 12:30 is a time to people
    try:
        value = Scalar(text, True, 0).value()
    except ValueError:
        return text
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        number = Decimal(repr(value))
        return f"{number.normalize():f}" if number.is_finite() else text
    return str(value) if isinstance(value, int) else text


def texts(node: Node | None) -> list[str]:
    """The texts of a list; one text is one."""
    items = node if isinstance(node, Sequence) else [node]
    return [found for item in items if (found := text(item))]
