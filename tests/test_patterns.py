"""Regular expressions that match the same on every Python from 3.11 up."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import feeds
from feeds.records import related_block

PARSER: Any = importlib.import_module("re._parser")
ONE_CHARACTER = ("LITERAL", "NOT_LITERAL", "IN", "ANY")


def compiled(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from compiled(each)


def patterns() -> Iterator[re.Pattern[Any]]:
    """Those of all modules."""
    for module in pkgutil.walk_packages(feeds.__path__, "feeds."):
        if not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                yield from compiled(value)
    for quoted in (related_block._QUOTED, related_block._TO_LAST_QUOTE):
        yield related_block._shape(quoted)


def parts(value: Any) -> Iterator[Any]:
    """The patterns directly within what the parser made of one."""
    if isinstance(value, PARSER.SubPattern):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from parts(each)


def repeated(pattern: Any) -> Iterator[tuple[str, ...]]:
    """Of all that is repeated possessively, what it consists of."""
    for operation, argument in pattern.data:
        for part in parts(argument):
            if str(operation) == "POSSESSIVE_REPEAT":
                yield tuple(str(each) for each, _ in part.data)
            yield from repeated(part)


def faults(pattern: re.Pattern[Any]) -> list[tuple[str, ...]]:
    right = {(name,) for name in (*ONE_CHARACTER, "ATOMIC_GROUP")}
    tree = PARSER.parse(pattern.pattern, pattern.flags)
    return [found for found in repeated(tree) if found not in right]


def test_only_characters_and_atomic_groups_are_repeated_possessively() -> None:
    """Before Python 3.11.5, `(?:ab?c)*+` matches "a": python/cpython#106052."""
    assert faults(re.compile(r"[ab]*+(?>ab?c)++(?>a|b)?+(?:ab)*")) == []
    assert faults(re.compile(r"x(?:y(?:ab)?+)")) == [("LITERAL", "LITERAL")]
    every = list(patterns())
    assert len(every) > 50
    assert {each.pattern: faults(each) for each in every if faults(each)} == {}
