"""Configurations in YAML, as their tools read them: with anchors and merge keys.

Unlike front matter from strangers, which `feeds.records.frontmatter` reads
strictly, a key that stands twice has its last value. Nothing is constructed:
all scalars stay text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from feeds.records.frontmatter import MAX_DEPTH, Mapping, Node, Scalar, Sequence
from feeds.records.scanner import FolderError, read_file

MAX_BYTES: Final = 1024 * 1024
_MAX_NODES: Final = 50_000  # aliases are counted as often as they stand
_TAG: Final = "tag:yaml.org,2002:"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_text(file: Path) -> str:
    """The content of a configuration. Raises FolderError."""
    try:
        data = read_file(file.parent, file.name, MAX_BYTES + 1)
    except OSError as error:
        raise FolderError(f"{file}: {error.strerror or error}; make it readable") from None
    if len(data) > MAX_BYTES:
        raise FolderError(f"{file}: is longer than {MAX_BYTES:,} bytes; shorten it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        raise FolderError(f"{file}: {line}: is not UTF-8; save it as UTF-8") from None


def read_yaml(file: Path) -> Mapping:
    """The mapping that a YAML file holds; an empty file is an empty one. Raises FolderError."""
    try:
        source = read_text(file)
        _refuse_deep(file, source)
        loader = _Loader(source)
        root = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        advice = "quote the text, or mend the indentation"
        raise FolderError(f"{file}: {line}: is not YAML: {error.problem}; {advice}") from None
    except yaml.YAMLError as error:
        raise FolderError(f"{file}: is not YAML: {error}; remove the character") from None
    if root is None:
        return Mapping()
    config = _Converter(file).node(root, 0)
    if not isinstance(config, Mapping):
        raise FolderError(f"{file}: 1: is not a mapping; write 'key: value' lines")
    return config


def _refuse_deep(file: Path, source: str) -> None:
    """Raise FolderError before nodes are made, which takes the stack of the process."""
    events = _Loader(source)
    depth = 0
    while events.check_event():
        event = events.get_event()
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1
            raise FolderError(f"{file}: {line}: is nested too deeply, or too long; shorten it")


class _Converter:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._left = _MAX_NODES

    def node(self, node: Any, depth: int) -> Node:
        line = node.start_mark.line + 1
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise FolderError(
                f"{self._file}: {line}: is nested too deeply, or too long; shorten it"
            )
        if isinstance(node, yaml.ScalarNode):
            # An explicit tag makes a text of what would be a number or a date.
            plain = not node.style and node.tag.startswith(_TAG) and node.tag != _TAG + "str"
            return Scalar(node.value, plain, line)
        if isinstance(node, yaml.SequenceNode):
            items = Sequence(self.node(item, depth + 1) for item in node.value)
            items.line = line
            return items
        return self._mapping(node, line, depth)

    def _mapping(self, node: Any, line: int, depth: int) -> Mapping:
        mapping = Mapping()
        mapping.line = line
        own = Mapping()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.tag != _TAG + "merge":
                own[key.value] = self.node(value, depth + 1)
                own.lines[key.value] = key.start_mark.line + 1
                continue
            merged = self.node(value, depth + 1)
            sources = merged if isinstance(merged, Sequence) else [merged]
            for source in reversed([item for item in sources if isinstance(item, Mapping)]):
                mapping.update(source)
                mapping.lines.update(source.lines)
        mapping.update(own)
        mapping.lines.update(own.lines)
        return mapping
