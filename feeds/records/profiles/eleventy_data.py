"""What stands in Eleventy's files beside the pages: data files in JSON, and words of programs.

Programs (the configuration, `*.11tydata.js`) are never run: of their text, a
few settings count where they are written as literals. Data files:
https://www.11ty.dev/docs/data-template-dir/
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from feeds.records.front_formats import split_json
from feeds.records.frontmatter import FrontMatterError, Mapping, Node, Scalar, Sequence
from feeds.records.hiding import HIDING_STATUS
from feeds.records.profiles.eleventy_values import text
from feeds.records.profiles.tool_sites import literal
from feeds.records.profiles.yaml_config import read_text
from feeds.records.scanner import FolderError

TEMPLATES: Final = (".md", ".html", ".liquid", ".njk")
# In the order in which they count, the last most.
_DATA: Final = (
    ".json", ".11tydata.json", ".11tydata.mjs", ".11tydata.cjs", ".11tydata.js",
)  # fmt: skip
_DATA_NAME: Final = re.compile(r"(?:\.11tydata)?\.(?:json|[mc]?js)\Z")
_MOST_DATA: Final = 16 * 1024 * 1024  # bytes of all data files
_CHOICE: Final = re.compile(r"\{([^{}/]*)\}")
_MOST_PATTERNS: Final = 1_000
_LONGEST_PATTERN: Final = 1_000

_TEXT: Final = r"(?P<quote>[\"'`])(?P<text>[^\"'`$\\\n]*)(?P=quote)"
# What is never closed goes on to the end, so that none of it is looked at twice.
_COMMENT: Final = re.compile(
    r"(\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?)"
    r"|//[^\n]*|/\*(?:.*?\*/|.*)",
    re.DOTALL,
)
_DIR: Final = re.compile(r"\bdir[\"']?\s*:\s*\{(?P<settings>[^{}]*)\}")
_SETTING: Final = re.compile(
    rf"(?<![\w.])[\"']?(?P<name>input|includes|layouts|data|output)[\"']?\s*:\s*{_TEXT}"
)
_CALL: Final = re.compile(
    rf"\.set(?P<name>Input|Includes|Layouts|Data|Output)Directory\(\s*{_TEXT}\s*\)"
)
_PREFIX: Final = re.compile(rf"(?<![\w.])[\"']?pathPrefix[\"']?\s*:\s*{_TEXT}")
_IGNORED: Final = re.compile(rf"\.ignores\.add\(\s*{_TEXT}\s*\)")
_NO_GITIGNORE: Final = re.compile(r"\.setUseGitIgnore\(\s*false\s*\)")
_PARSING: Final = re.compile(r"\.setFrontMatterParsingOptions\(\s*\{(?P<settings>[^{}]*)\}")
_EXCERPT: Final = re.compile(r"\bexcerpt[\"']?\s*:\s*true\b")
_SEPARATOR: Final = re.compile(rf"\bexcerpt_separator[\"']?\s*:\s*{_TEXT}")
_COMPUTES_INPUT: Final = re.compile(r"\binput\b|\bdir\s*[,}]|InputDirectory")
_PERMALINK: Final = re.compile(
    rf"(?<![\w.])[\"']?permalink[\"']?\s*:\s*(?:{_TEXT}|(?P<no>false)\b)"
)
_LITERAL: Final = re.compile(_TEXT)
_TAGS: Final = re.compile(
    rf"(?<![\w.])[\"']?tags[\"']?\s*:\s*(?:{_TEXT}|\[(?P<listed>[^\[\]]*)\])"
    r"\s*(?:[,}]|\Z)"
)
_HIDES: Final = re.compile(
    r"(?<![\w.])[\"']?(?:(draft|hidden|unlisted|private|unpublished|removed|deleted"
    r"|eleventyExcludeFromCollections)[\"']?\s*:\s*[\"']?(?:true\b|!0|1\b|yes\b|on\b)"
    r"|(published?)[\"']?\s*:\s*[\"']?(?:false\b|!1|0\b|no\b|off\b)"
    r"|(status)[\"']?\s*:\s*[\"'](?:" + "|".join(sorted(HIDING_STATUS)) + r")[\"'])",
    re.IGNORECASE,
)
_OVERRIDE: Final = "override:"
# Files of global data that name the site, and their keys that do.
_GLOBALS: Final = ("metadata", "site", "meta")
_GLOBAL_ENDS: Final = (".json", ".js", ".mjs", ".cjs")
_NAMED: Final = ("title", "name", "description", "language", "lang", "url")
_MOST_CODE: Final = 100_000  # characters of a program that are looked at


class Configuration(msgspec.Struct, frozen=True):
    """The literals of a configuration. Folders are as written; `input` is None if computed."""

    input: str | None = "."
    includes: str = "_includes"
    layouts: str = ""
    data: str = "_data"
    output: str = "_site"
    path_prefix: str = ""
    excerpt_separator: str = ""  # empty where pages have no excerpt
    ignores: tuple[str, ...] = ()
    uses_gitignore: bool = True


def read_configuration(file: Path) -> Configuration:
    """Raises FolderError where the file can't be read."""
    code = _without_comments(read_text(file))
    folders: dict[str, set[str]] = {}
    settings = "\n".join(match["settings"] for match in _DIR.finditer(code))
    for match in (*_SETTING.finditer(settings), *_CALL.finditer(code)):
        folders.setdefault(match["name"].lower(), set()).add(match["text"])
    # One that stands twice with two values hangs on what the program does.
    known: dict[str, str] = {name: min(texts) for name, texts in folders.items() if len(texts) == 1}
    inputs: str | None = known.pop("input", None)
    if inputs is None and not _COMPUTES_INPUT.search(code):
        inputs = "."
    prefixes = {match["text"] for match in _PREFIX.finditer(code)}
    separator = ""
    if (parsing := _PARSING.search(code)) and _EXCERPT.search(parsing["settings"]):
        written = _SEPARATOR.search(parsing["settings"])
        separator = written["text"] if written else "---"
    return Configuration(
        input=inputs,
        path_prefix=min(prefixes) if len(prefixes) == 1 else "",
        excerpt_separator=separator,
        ignores=tuple(match["text"] for match in _IGNORED.finditer(code)),
        uses_gitignore=_NO_GITIGNORE.search(code) is None,
        **known,
    )


def _without_comments(code: str) -> str:
    return _COMMENT.sub(lambda match: match[1] or " ", code)


def ignored_patterns(config: Configuration, root: Path, source: str) -> Iterator[str]:
    """The patterns of paths that are ignored, from the configuration's folder on."""
    for pattern in config.ignores:
        yield posixpath.normpath(pattern.lstrip("/"))
    files = [(".eleventyignore", ""), (f"{source}.eleventyignore", source)]
    if config.uses_gitignore:
        files.append((".gitignore", ""))
    for name, folder in dict(files).items():
        if (root / name).is_file():
            for line in read_text(root / name).splitlines():
                pattern = line.strip()
                if pattern and pattern[0] not in "#!" and len(pattern) <= _LONGEST_PATTERN:
                    yield posixpath.normpath(folder + pattern.lstrip("/"))


def ignores(patterns: tuple[str, ...], path: str) -> bool:
    """Whether a pattern is for the file at `path`, or for a folder above it."""
    segments = path.split("/")
    return any(_matches(pattern, segments) for pattern in _alternatives(patterns))


@lru_cache(maxsize=16)
def _alternatives(patterns: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Patterns as their segments, one for each choice that braces leave."""
    left = list(patterns)
    whole: list[tuple[str, ...]] = []
    while left and len(whole) + len(left) < _MOST_PATTERNS:
        pattern = left.pop()
        if choice := _CHOICE.search(pattern):
            left += [
                pattern[: choice.start()] + one + pattern[choice.end() :]
                for one in choice[1].split(",")
            ]
        else:
            whole.append(tuple(pattern.split("/")))
    return (*whole, *(tuple(pattern.split("/")) for pattern in left))


def _matches(pattern: tuple[str, ...], segments: list[str]) -> bool:
    """Whether `pattern` is for the beginning of a path; `**` is any number of segments."""
    states = {0}
    for segment in segments:
        reached: set[int] = set()
        for state in states:
            # `**` may end here, too: what follows it is tried on the same segment.
            at = state
            while pattern[at] == "**" and at + 1 < len(pattern):
                reached.add(at)
                at += 1
            if pattern[at] == "**" or fnmatchcase(segment, pattern[at]):
                reached.add(at + 1)
        if len(pattern) in reached:
            return True
        if not reached:
            return False
        states = reached
    return False


class DataFiles(NamedTuple):
    """Data files by their path below the input folder without what follows the name.

    Each is a JSON object; the last of a path counts most. `programs` are names
    of those that are not run, by the path of the first page they are for, from
    the folder that the user named.
    """

    data: dict[str, tuple[str, ...]]
    programs: dict[str, str]


def find_data(root: Path, prefix: str, source: str, excluded: tuple[str, ...]) -> DataFiles:
    """The data files below both the user's folder and the input folder. Raises FolderError."""
    start = root / (prefix if prefix.startswith(source) else source)
    found: dict[str, list[tuple[int, Path]]] = {}
    pages: list[str] = []
    for place, folders, names in os.walk(start):
        above = Path(place).relative_to(root).as_posix()
        base = "" if above == "." else f"{above}/"
        folders[:] = [name for name in folders if _has_data(f"{base}{name}/", name, excluded)]
        below = base.removeprefix(source)
        templates = [name for name in names if name.endswith(TEMPLATES)]
        pages += [_spelled(below + name) for name in templates]
        stems = {stem_of(name) for name in templates} | ({Path(place).name} if base else set())
        for name in names:
            stem = _DATA_NAME.sub("", name)
            if stem in stems and name[len(stem) :] in _DATA and _is_within(root, place, name):
                rank = _DATA.index(name[len(stem) :])
                found.setdefault(_spelled(below + stem), []).append((rank, Path(place, name)))
    return _read(found, sorted(pages), lambda page: (source + page).removeprefix(prefix))


def _has_data(path: str, name: str, excluded: tuple[str, ...]) -> bool:
    return not name.startswith(".") and name != "node_modules" and path not in excluded


def _is_within(root: Path, place: str, name: str) -> bool:
    """Whether a file is no link that leaves the folder."""
    path = Path(place, name)
    return not path.is_symlink() or path.resolve().is_relative_to(root)


def _spelled(path: str) -> str:
    """A path as the scanner spells it."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "backslashreplace")


def _read(
    found: dict[str, list[tuple[int, Path]]], pages: list[str], shown: Callable[[str], str]
) -> DataFiles:
    files = DataFiles({}, {})
    size = 0
    for key in sorted(found):
        paths = [path for _, path in sorted(found[key])]
        files.data[key] = tuple(_data(path) for path in paths)
        size += sum(map(len, files.data[key]))
        if size > _MOST_DATA:
            raise FolderError(f"{paths[0]}: data files have more than {_MOST_DATA:,} bytes in all")
        program = paths[-1].name
        if not program.endswith(".json") and (page := _first_page(key, pages)):
            files.programs[shown(page)] = program
    return files


def _data(file: Path) -> str:
    return read_data(file) if file.suffix == ".json" else program_data(read_text(file))


def _first_page(key: str, pages: list[str]) -> str:
    """The first page that a data file is for; empty without any. `pages` are in order."""
    for page in pages[bisect_left(pages, key) :]:
        if stem_of(page) == key:
            return page
        if not page.startswith(key):
            break
    folder = key.rpartition("/")[0]
    beginning = f"{folder}/" if folder else ""
    at = bisect_left(pages, beginning)
    return pages[at] if at < len(pages) and pages[at].startswith(beginning) else ""


@lru_cache(maxsize=4096)
def folder_keys(source: str, folder: str) -> tuple[str, ...]:
    """The keys of data files for all files of a folder below `source`, the nearest last."""
    keys = [source.rstrip("/").rpartition("/")[2]] if source else []
    parts = folder.split("/") if folder else []
    keys += [f"{'/'.join(parts[: end + 1])}/{part}" for end, part in enumerate(parts)]
    return tuple(keys)


def stem_of(path: str) -> str:
    """The path of a template without its extension."""
    for extension in TEMPLATES:
        if path.endswith(extension):
            return path.removesuffix(extension)
    return path


def read_data(file: Path) -> str:
    """The JSON object of a data file; `{}` for what is none. Raises FolderError."""
    text = read_text(file)
    if not text.lstrip().startswith("{"):
        return "{}"
    advice = "mend it, as Eleventy stops at it, too"
    try:
        rest = split_json(text)[1]
    except FrontMatterError as error:
        raise FolderError(f"{file}: {error.line}: {error.message}; {advice}") from None
    if rest.strip():
        line = text.count("\n", 0, len(text) - len(rest)) + 1
        raise FolderError(f"{file}: {line}: has more after its object; {advice}")
    return text.strip()


def program_data(text: str) -> str:
    """A JSON object of what a data file that is a program sets by literals.

    A permalink that the program makes is a list, which is none.
    """
    code = _without_comments(text)
    values: dict[str, object] = {}
    for match in _HIDES.finditer(code):
        values |= {match[1]: True} if match[1] else {"hidden": True}
    if "permalink" in code:
        literals = list(_PERMALINK.finditer(code))
        only = literals[0] if len(literals) == code.count("permalink") == 1 else None
        values["permalink"] = [] if only is None else only["text"] if only["quote"] else False
    tags = [*_TAGS.finditer(code)]
    if len(tags) == 1:
        written = tags[0]["listed"] or tags[0][0]
        if not _LITERAL.sub("", tags[0]["listed"] or "").strip(", \t\r\n"):
            values["tags"] = [literal["text"] for literal in _LITERAL.finditer(written)]
    return json.dumps(values)


def global_names(folder: Path) -> tuple[str, str, str, str]:
    """Title, description, language and address where global data names them, as starters do.

    Of a program its literals count. Raises FolderError.
    """
    for file in (folder / f"{name}{end}" for name in _GLOBALS for end in _GLOBAL_ENDS):
        if not file.is_file():
            continue
        if file.suffix == ".json":
            values = merged_data((read_data(file),))
            named = {key: text(values.get(key)) for key in _NAMED}
        else:
            code = read_text(file)[:_MOST_CODE]
            named = {key: literal(code, key) or "" for key in _NAMED}
        if title := named["title"] or named["name"]:
            address = named["url"] if named["url"].startswith(("https://", "http://")) else ""
            language = named["language"] or named["lang"]
            return title, named["description"], language, address.rstrip("/")
    return "", "", "", ""


@lru_cache(maxsize=4096)
def merged_data(sources: tuple[str, ...]) -> Mapping:
    """Objects in JSON, each over those before it. Not to be changed."""
    whole = Mapping()
    for source in sources:
        whole = merge(whole, split_json(source)[0])
    return whole


def merge(data: Mapping, front: Mapping) -> Mapping:
    """`front` over `data`: lists are joined, mappings merged; a name after `override:` replaces."""
    if not data and not any(name.startswith(_OVERRIDE) or name == "tags" for name in front):
        return front
    merged = Mapping()
    merged.line = front.line
    merged.update(data)
    merged.lines = dict.fromkeys(data, front.line) | front.lines
    merged.repeated = front.repeated
    for name, node in front.items():
        if name.startswith(_OVERRIDE):
            own = name.removeprefix(_OVERRIDE)
            merged[own] = node
            merged.lines[own] = front.lines.get(name, front.line)
        else:
            value = tag_list(node) if name == "tags" else node
            merged[name] = _joined(data.get(name), value)
    return merged


def _joined(under: Node | None, over: Node) -> Node:
    if isinstance(under, Sequence) and isinstance(over, Sequence):
        items = Sequence((*under, *over))
        items.line = over.line
        return items
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return merge(under, over)
    return over


def tag_list(node: Node) -> Sequence:
    """Tags as a list: a text is split at commas, and one that stands twice stands once."""
    items = Sequence()
    items.line = node.line
    if isinstance(node, Scalar):
        items += [Scalar(part, False, node.line) for part in text(node).split(",")]
    elif isinstance(node, Sequence):
        items += {text(item): item for item in node}.values()
    return items
