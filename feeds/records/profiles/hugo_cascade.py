"""Values that a section's page, or the configuration, sets for all pages below.

https://gohugo.io/content-management/front-matter/#cascade
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

import msgspec

from feeds.records.front_formats import split_json
from feeds.records.frontmatter import FrontMatterError, Mapping, Node, Scalar, Sequence

_GLOB: Final = re.compile(r"\*\*|\*|\?|\[[^\[\]]+\]|[^*?]", re.DOTALL)
_ALTERNATIVES: Final = re.compile(r"\{([^{}]*)\}")
_BRACES: Final = re.compile(r"[{},]")
_MOST_STARS: Final = 4  # each run of them may take all that is left: more would take very long
_LONGEST: Final = 200


class Cascade(msgspec.Struct, frozen=True):
    """Values for the pages below `folder` (of the content; empty, or with a slash at its end).

    `values` is JSON, its keys in lower case; `path` a regular expression for
    the page's path, empty for all; `language` empty for all.
    """

    folder: str
    values: str
    path: str = ""
    language: str = ""


def read_cascades(node: Node | None, folder: str, language: str = "") -> tuple[Cascade, ...]:
    """The cascades of one page. Raises FrontMatterError for a pattern that isn't understood."""
    cascades = []
    for item in node if isinstance(node, Sequence) else [node]:
        if not isinstance(item, Mapping):
            continue
        values = {name.lower(): _json(value) for name, value in item.items()}
        values.pop("_target", None), values.pop("target", None)
        lowered = {name.lower(): value for name, value in item.items()}
        target = lowered.get("_target", lowered.get("target"))
        limits = {}
        if isinstance(target, Mapping):
            limits = {
                name.lower(): value.text
                for name, value in target.items()
                if isinstance(value, Scalar)
            }
        if _is_for_pages(limits):
            path = limits.get("path", "")
            cascades.append(
                Cascade(
                    folder,
                    json.dumps(values, ensure_ascii=False),
                    _expression(path.lower(), item.line) if path else "",
                    limits.get("lang", language),
                )
            )
    return tuple(cascades)


def _is_for_pages(limits: dict[str, str]) -> bool:
    kinds = _BRACES.split(limits.get("kind", "page"))
    environment = limits.get("environment", "production")
    return not {"page", "*", "**"}.isdisjoint(kinds) and environment in {"production", "*", "**"}


def _json(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {name.lower(): _json(value) for name, value in node.items()}
    if isinstance(node, Sequence):
        return [_json(value) for value in node]
    try:
        value = node.value()
    except ValueError:
        return node.text
    return value if value is None or isinstance(value, bool | int | float) else node.text


def _expression(glob: str, line: int) -> str:
    """A glob as a regular expression. Raises FrontMatterError."""
    globs = _alternatives(glob)
    if len(glob) > _LONGEST or any(one.count("*") > _MOST_STARS for one in globs):
        message = f"has a path that is too long, or has more than {_MOST_STARS} stars"
        raise FrontMatterError(line, message, "cascade")
    written = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    expressions = []
    for one in globs:
        expression = ""
        for part in _GLOB.findall(one):
            if part[0] == "[" and len(part) > 1:
                inner = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
                expression += f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]"
            else:
                expression += written.get(part) or re.escape(part)
        expressions.append(expression)
    try:
        return re.compile("|".join(expressions)).pattern
    except re.error:
        raise FrontMatterError(line, "has a path that isn't understood", "cascade") from None


def _alternatives(glob: str) -> list[str]:
    """`/{a,b}/*` as `/a/*` and `/b/*`, for one pair of braces; others are signs."""
    match = _ALTERNATIVES.search(glob)
    if match is None:
        return [glob]
    before, after = glob[: match.start()], glob[match.end() :]
    return [before + one + after for one in match[1].split(",")]


def with_cascades(
    cascades: Iterable[Cascade], path: str, language: str, fields: Mapping
) -> Mapping:
    """`fields` (keys in lower case) and what is set for the page at `path` of the content.

    The page's own values stand first, then those of the nearest folder.
    `cascades` has the nearest first.
    """
    merged = fields
    for cascade in cascades:
        if not path.startswith(cascade.folder) or cascade.language not in {"", "*", language}:
            continue
        if cascade.path and not _matches(cascade.path, "/" + path.lower()):
            continue
        if merged is fields:
            merged = Mapping()
            merged.line = fields.line
            merged.update(fields)
            merged.lines = fields.lines
        for name, value in _values(cascade.values).items():
            merged.setdefault(name, value)
    return merged


@lru_cache(maxsize=1024)
def _values(source: str) -> Mapping:
    return split_json(source)[0]


def _matches(expression: str, path: str) -> bool:
    """With the file's ending, as Hugo 0.111 has it, or without, as later ones do."""
    stem = path.rpartition(".")[0]
    return any(re.fullmatch(expression, name, re.DOTALL) for name in (path, stem))
