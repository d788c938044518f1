"""Jekyll's front matter defaults: which sets apply to a path, and what they give.

https://jekyllrb.com/docs/configuration/front-matter-defaults/
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Items
from functools import lru_cache
from typing import Any, Final

import msgspec

from feeds.records.frontmatter import Mapping, Node, Scalar, Sequence
from feeds.records.profiles.jekyll_values import is_null

_TYPES: Final = {"page": "pages", "post": "posts", "draft": "drafts"}
_GLOB: Final = re.compile(r"(?:\*\*/)+|\*+|\?")
_MOST_REPEATS: Final = 4  # each may take all that is left: more would take very long


class Default(msgspec.Struct, frozen=True, cache_hash=True):
    """A set of values for a path and a type ("" is any); `values` is a mapping as JSON."""

    path: str
    type: str | None
    values: str


def read_defaults(node: Node | None) -> tuple[Default, ...]:
    """The sets of the configuration's `defaults`; what is no set is left out, as Jekyll does."""
    found = []
    for item in node if isinstance(node, Sequence) else ():
        values = item.get("values") if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or not isinstance(values, Mapping):
            continue
        scope = item.get("scope")
        fields = scope if isinstance(scope, Mapping) else Mapping()
        path, kind = fields.get("path"), fields.get("type")
        name = kind.text if isinstance(kind, Scalar) else None
        found.append(
            Default(
                path.text.removeprefix("/") if isinstance(path, Scalar) and path.text else "",
                _TYPES.get(name, name) if name is not None else None,
                msgspec.json.encode(_plain(values)).decode(),
            )
        )
    return tuple(found)


def defaults_of(
    defaults: Items[Default], path: str, kind: str, collections_dir: str = ""
) -> Mapping:
    """The values that apply to the file at `path` of a site. Not to be changed."""
    if collections_dir:
        path = path.removeprefix(f"{collections_dir}/")
    ordered: list[str] = []
    last: Default | None = None
    for default in defaults:
        if default.type not in {None, kind} or not _applies(default.path, path, collections_dir):
            continue
        if last is None or _precedes(default, last):
            ordered.append(default.values)
            last = default
        else:
            ordered.insert(0, default.values)
    return _merged(tuple(ordered))


def with_defaults(defaults: Mapping, front: Mapping) -> Mapping:
    """`front` over `defaults`; an empty field leaves the default as it is."""
    if not defaults:
        return front
    merged = Mapping()
    merged.line, merged.repeated = front.line, front.repeated
    merged.update(defaults)
    merged.update(
        (name, node) for name, node in front.items() if not (name in defaults and is_null(node))
    )
    merged.lines = dict.fromkeys(defaults, front.line) | front.lines
    merged.repeated = front.repeated
    return merged


def _applies(scope: str, path: str, collections_dir: str) -> bool:
    if collections_dir:
        scope = scope.removeprefix(f"{collections_dir}/")
    if "*" not in scope:
        return path.startswith(scope)
    return _glob(scope).match(path) is not None


@lru_cache(maxsize=1024)
def _glob(scope: str) -> re.Pattern[str]:
    """A pattern for the file itself, or for a folder above it."""
    signs = {"/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    if sum(sign[0] != "?" for sign in _GLOB.finditer(scope)) > _MOST_REPEATS:
        return re.compile("")  # in doubt it is for all
    pattern, at = "", 0
    for sign in _GLOB.finditer(scope):
        pattern += re.escape(scope[at : sign.start()]) + signs[sign[0][-1]]
        at = sign.end()
    return re.compile(pattern + re.escape(scope[at:].rstrip("/")) + r"(?:/|\Z)")


def _precedes(new: Default, old: Default) -> bool:
    if len(new.path) != len(old.path):
        return len(new.path) > len(old.path)
    return new.type is not None or old.type is None


@lru_cache(maxsize=1024)
def _merged(sets: tuple[str, ...]) -> Mapping:
    merged = Mapping()
    for values in sets:
        node = _node(msgspec.json.decode(values))
        if isinstance(node, Mapping):
            merged = with_defaults(merged, node) if merged else node
    return merged


def _plain(node: Node) -> Any:
    """A node as JSON: a list is `["list", ...]`, a scalar its text and whether it is plain."""
    if isinstance(node, Scalar):
        return [node.text, node.plain]
    if isinstance(node, Sequence):
        return ["list", *map(_plain, node)]
    return {name: _plain(value) for name, value in node.items()}


def _node(value: Any) -> Node:
    if isinstance(value, dict):
        mapping = Mapping()
        mapping.line = 1
        mapping.update((name, _node(item)) for name, item in value.items())
        mapping.lines = dict.fromkeys(value, 1)
        return mapping
    if len(value) == 2 and isinstance(value[1], bool):  # noqa: PLR2004
        return Scalar(value[0], value[1], 1)
    items = Sequence(map(_node, value[1:]))
    items.line = 1
    return items
