"""Hugo's configuration: one file, or a folder `config/` of them.

https://gohugo.io/configuration/introduction/. Keys count in any case.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from feeds.records import front_formats
from feeds.records.frontmatter import FrontMatterError, Mapping, Node, Scalar, Sequence
from feeds.records.profiles.yaml_config import read_text, read_yaml
from feeds.records.scanner import FolderError

_ENDINGS: Final = (".toml", ".yaml", ".yml", ".json")
_NAMES: Final = tuple(name + ending for name in ("hugo", "config") for ending in _ENDINGS)
_ENVIRONMENTS: Final = ("_default", "production")
_MOST_FILES: Final = 200
# What could take long on a long path: a repeated group, or more than two repeats.
_SLOW: Final = re.compile(r"\)[*+{?]|\(\?|\\[0-9]|(?:[*+?{].*){3}", re.DOTALL)
_LONGEST: Final = 200


class Config(NamedTuple):
    """The merged settings, keys in lower case, and the file that each at the top stands in."""

    settings: Mapping
    files: dict[str, Path]

    def error(self, key: str, message: str) -> FolderError:
        return FolderError(
            f"{self.files.get(key, '')}: {self.settings.lines.get(key, 1)}: {key}: {message}"
        )


def read_config(root: Path) -> Config | None:
    """The configuration of the site in `root`; None where there is none. Raises FolderError."""
    config = Config(Mapping(), {})
    for name in _NAMES:
        if os.path.isfile(root / name):  # noqa: PTH113 - false, too, where it can't be looked at
            _merge(config, _lowered(_read(root / name)), root / name)
            break
    for environment in _ENVIRONMENTS:
        _read_folder(config, root / "config" / environment)
    return config if config.files else None


def _read_folder(config: Config, folder: Path) -> None:
    """Merge the files of a folder: `languages.fr.toml` holds what stands at languages.fr."""
    if not os.path.isdir(folder):  # noqa: PTH112 - as above
        return
    try:
        found = sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is needed
    except OSError as error:
        raise FolderError(f"{folder}: {error.strerror}; make it readable") from None
    files = [folder / name for name in found if name.endswith(_ENDINGS)][:_MOST_FILES]
    for file in sorted(files, key=lambda file: file.stem not in {"hugo", "config"}):
        values = _lowered(_read(file))
        name, _, language = file.stem.lower().partition(".")
        if name not in {"hugo", "config"}:
            values = _within(name, values)
            if language and name == "languages":
                values = _within("languages", _within(language, values["languages"]))
            elif language:
                values = _within("languages", _within(language, values))
        _merge(config, values, file)


def _within(name: str, node: Node) -> Mapping:
    mapping = Mapping()
    mapping[name] = node
    mapping.lines[name] = 1
    return mapping


def _read(file: Path) -> Mapping:
    """Raises FolderError."""
    if file.suffix in {".yaml", ".yml"}:
        return read_yaml(file)
    text = read_text(file)
    try:
        if file.suffix == ".toml":
            return front_formats.parse_toml(text, first_line=1)
        return front_formats.split_json(text.lstrip())[0]
    except FrontMatterError as error:
        raise FolderError(f"{file}: {error.line}: {error.message}") from None


def _lowered(mapping: Mapping) -> Mapping:
    lowered = Mapping()
    lowered.line = mapping.line
    for name, node in mapping.items():
        lowered[name.lower()] = _lowered(node) if isinstance(node, Mapping) else node
        lowered.lines[name.lower()] = mapping.lines.get(name, node.line)
    return lowered


def _merge(config: Config, values: Mapping, file: Path) -> None:
    for name in values:
        config.files[name] = file
    _merge_into(config.settings, values)


def _merge_into(target: Mapping, values: Mapping) -> None:
    for name, node in values.items():
        before = target.get(name)
        if isinstance(before, Mapping) and isinstance(node, Mapping):
            _merge_into(before, node)
        else:
            target[name] = node
        target.lines[name] = values.lines.get(name, 1)


def text(node: Node | None) -> str:
    """A setting as text; empty where it is absent or null."""
    if not isinstance(node, Scalar) or (node.plain and node.text in {"", "~", "null"}):
        return ""
    return node.text.strip()


def is_true(node: Node | None) -> bool:
    """Whether a setting is switched on; one that is absent isn't."""
    return text(node).lower() in {"true", "yes", "on"}


def texts(node: Node | None) -> tuple[str, ...]:
    """The texts of a list; one text is one."""
    items = node if isinstance(node, Sequence) else [node]
    return tuple(found for item in items if (found := text(item)))


def mapping(node: Node | None) -> Mapping:
    """A mapping; an empty one for anything else."""
    return node if isinstance(node, Mapping) else Mapping()


def patterns(config: Config) -> tuple[str, ...]:
    """The expressions of `ignoreFiles`. Raises FolderError for one that could take long."""
    found = texts(config.settings.get("ignorefiles"))
    for pattern in found:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError):
            understood = False
        else:
            understood = len(pattern) <= _LONGEST and _SLOW.search(pattern) is None
        if not understood:
            message = rf"{pattern[:60]!a} is no pattern that is read; '\.draft\.md$' would be right"
            raise config.error("ignorefiles", message)
    return found
