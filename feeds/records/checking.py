"""What a check says of a file beyond what a load has to know. Pure functions.

Keys that may be misspelled, typographic quotes, dates that are read though others
like them can't be, and what else is wrong with front matter that is no YAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from feeds.messages import printable
from feeds.model import Problem, RecordError
from feeds.records import parser, simple_yaml, suggestions
from feeds.records.dates import has_year_last
from feeds.records.frontmatter import FrontMatterError, Mapping, Node, Scalar, Sequence
from feeds.records.frontmatter import split as split_front
from feeds.records.hiding import RELEASE, WORDS, word_of
from feeds.records.outcome import FileReading, interpret
from feeds.records.parser import PLAIN, NotARecord, Options
from feeds.records.profiles.hugo import HugoSite
from feeds.records.profiles.table import FieldNames, TableSite
from feeds.records.record_fields import READ
from feeds.records.related_block import extract_related, unsecured
from feeds.records.site_record import NAMES, is_page_of, split

_MOST: Final = 20  # faults of YAML in one file
_CLOSE: Final = 0.8  # of 1, as difflib measures it
_LENGTHS: Final = range(4, 41)  # of a key that may be a misspelled one
# Texts for readers, in which a typographic quote may well come first.
_TEXTS: Final = frozenset(
    {"title", "name", "excerpt", "description", "summary", "deck", "subtitle", "featuredContent"}
)
_KEYS_WITHIN: Final = {
    "provider": frozenset({"name", "domain", "authors", "images"}),
    "images": frozenset({"url", "width", "height"}),
}
# Keys of other tools that are close to known ones, and mean what they say.
_ORDINARY: Final = frozenset(
    {
        "action", "author", "authorurl", "categories", "category", "cover", "created",
        "data", "date", "dated", "draft", "duration", "head", "header", "heading", "image",
        "index", "keyword", "keywords", "label", "labels", "lang", "language", "layout",
        "level", "link", "links", "list", "names", "note", "notes", "order", "page",
        "pages", "permalink", "place", "private", "providers", "publisher", "rating",
        "section", "sections", "series", "slug", "source", "state", "states", "style",
        "styles", "summary", "tag", "tags", "time", "titles", "toc", "topical", "types",
        "update", "updates", "version", "video", "videos",
    }
)  # fmt: skip
_FOR_LACK: Final = ("is missing", "is empty; it needs a title")  # of what is mended
_DATES: Final = ("publishedDateTime", "updatedDateTime", "published")
_LETTERS: Final = re.compile(r"[\W_]+")
_KEY: Final = re.compile(r"(\s*(?:- +)?[\"'“”]?)([\w -]+)(?=[\"'“”]?\s*[:=])")
_TOP: Final = re.compile(r"[^\s#-]")


def examine(path: str, data: bytes, digest: bytes = b"", options: Options = PLAIN) -> FileReading:
    """The reading of the file at `path` with all problems that can be told, by line."""
    reading = interpret(path, data, digest, options)
    if reading.outcome == "other":
        return reading
    is_page = options.site is not None and is_page_of(options.site, data)
    try:
        text = parser.clean(path, data, is_record=is_page)[0].decode()
    except (RecordError, NotARecord):
        return reading
    lines = text.split("\n")
    problems = [*_mend(path, lines)] if reading.outcome == "error" else []
    front = _front_matter(path, "\n".join(lines))
    seen = _places((*reading.problems, *problems))
    if reading.outcome == "hidden":
        words = {name: node for name, node in front.items() if word_of(name) in WORDS}
        problems += (p for p in _typographic(path, words) if not _places([p]) & seen)
        return _with(reading, problems)
    known = _known(options, is_page=is_page, in_error=reading.outcome == "error")
    keys = [*_misspelled(path, front, known)]
    if isinstance(options.site, HugoSite):  # reads keys in any case
        keys = [key for key in keys if key.field.lower() != key.suggestion.lower()]
    for key in keys:
        lines[key.line - 1] = _KEY.sub(rf"\g<1>{key.suggestion}", lines[key.line - 1], count=1)
    if problems or keys:
        mended = interpret(path, "\n".join(lines).encode(), b"", options)
        problems += (p for p in mended.problems if not p.message.startswith(_FOR_LACK))
    problems += keys
    seen |= _places(problems)
    read = {name: node for name, node in front.items() if name in known - _TEXTS}
    dates = _year_last(path, front, *_dates(options, is_page=is_page))
    for oddity in (*_typographic(path, read), *dates):
        if not {(oddity.line, "front matter"), *_places([oddity])} & seen:
            problems.append(oddity)
    return _with(reading, problems)


def _places(problems: Iterable[Problem]) -> set[tuple[int, str]]:
    """The lines of problems, each with the field at the top that it is of."""
    return {(one.line, re.split(r"[.\[]", one.field, maxsplit=1)[0]) for one in problems}


def _with(reading: FileReading, problems: list[Problem]) -> FileReading:
    """The reading with more problems, one of each place, those of the mended text rather."""
    told = {(problem.line, problem.field): problem for problem in reading.problems}
    told |= {(problem.line, problem.field): problem for problem in problems}
    return reading._replace(problems=tuple(sorted(told.values(), key=lambda p: p.line)))


def _mend(path: str, lines: list[str]) -> Iterator[Problem]:
    """What isn't YAML, each mended in `lines`: quoted, or blank where that doesn't do."""
    quoted: dict[int, str] = {}
    problem: Problem | None = None
    fault: FrontMatterError | None = None
    for _ in range(_MOST):
        try:
            split(path, "\n".join(lines))
        except FrontMatterError as error:
            at = error.line - 1
            if problem and problem.line != error.line:
                yield problem
            is_fence = 0 < at < len(lines) and lines[at].startswith(("---", "..."))
            if "is not YAML" not in error.message or not 0 < at < len(lines):
                return
            unfit = at in quoted or is_fence or _is_secret(lines, at)
            value, right = ("", "") if unfit else suggestions.quoted(lines[at])
            if right:
                quoted[at] = lines[at]
                lines[at] = lines[at].rstrip(" \t").removesuffix(value) + right
            else:
                lines[at] = quoted.get(at, lines[at])
                _blank(lines, at)
            if fault is None or fault.line != error.line:  # else its mending brought this one
                fault = error
            problem = _no_yaml(path, fault, value, right)
        else:
            break
    if problem:
        yield problem


def _no_yaml(path: str, error: FrontMatterError, value: str, right: str) -> Problem:
    reason, _, remedy = error.message.partition("; ")
    if value[:1] in suggestions.TYPOGRAPHIC and value:
        reason += " (typographic quotes quote nothing)"
    message = f"{reason}; {f'{right} would be right' if right else remedy}"
    return Problem(path, error.line, error.field, message, "error", value, right)


def _first(lines: list[str], at: int) -> int:
    """Where the field begins that line `at` is in."""
    while at > 1 and not _TOP.match(lines[at]):
        at -= 1
    return at


def _is_secret(lines: list[str], at: int) -> bool:
    """Whether line `at` may belong to `secured`, of which nothing is ever shown."""
    return any("secured" in line.lower() for line in lines[_first(lines, at) : at + 1])


def _blank(lines: list[str], at: int) -> None:
    """Make the field that line `at` is in blank, but for the fences."""
    first = _first(lines, at)
    lines[first] = ""
    for number in range(first + 1, len(lines)):
        if lines[number].startswith("---") or _TOP.match(lines[number]):
            break
        lines[number] = ""


def _front_matter(path: str, text: str) -> Mapping:
    """The fields, without those of `related` where that is long; empty where they can't be read."""
    try:
        if text.startswith("---") and (parts := extract_related(text.encode())):
            front = unsecured(split_front(parts.without_related)[0])
            if mapping := simple_yaml.parse(front):
                return mapping
        return split(path, text)[0]
    except FrontMatterError:
        return Mapping()


def _known(options: Options, *, is_page: bool, in_error: bool) -> frozenset[str]:
    """The keys that are read; in a folder of links a record in error may be of either form."""
    site = options.site
    names = _page_names(site.names if isinstance(site, TableSite) else FieldNames())
    if in_error and site is not None and site.is_links:
        return names | READ
    return names if is_page else READ | WORDS


def _dates(options: Options, *, is_page: bool) -> tuple[tuple[str, ...], tzinfo]:
    """The fields that may hold dates of any form, and their zone; none of tools with own rules."""
    if not is_page:
        return _DATES, options.zone
    if not isinstance(options.site, TableSite):
        return (), UTC
    names = options.site.names
    return names.date + names.updated, ZoneInfo(options.site.timezone)


@cache
def _page_names(names: FieldNames) -> frozenset[str]:
    own = [name for field in msgspec.structs.astuple(names) for name in field]
    return NAMES | WORDS | {str(name).partition(".")[0] for name in own if isinstance(name, str)}


def _misspelled(path: str, front: Mapping, known: frozenset[str]) -> Iterator[Problem]:
    """Keys that nobody reads and that are close to one that isn't there."""
    for where, mapping, names in _mappings(front, known):
        for key, line in mapping.lines.items():
            near = nearest(key, names)
            if near and near not in mapping:
                message = f"isn't read; did you mean {near}?"
                yield Problem(path, line, where + printable(key[:40]), message, "note", "", near)


def _mappings(
    front: Mapping, known: frozenset[str]
) -> Iterator[tuple[str, Mapping, frozenset[str]]]:
    yield "", front, known
    for name, names in _KEYS_WITHIN.items():
        node = front.get(name)
        nodes = node if isinstance(node, Sequence) else [node]
        for index, one in enumerate(nodes):
            if name in known and isinstance(one, Mapping):
                where = f"{name}[{index}]." if isinstance(node, Sequence) else f"{name}."
                yield where, one, names


@lru_cache(maxsize=4096)
def nearest(key: str, known: frozenset[str]) -> str:
    """The known key that may be meant by another one; empty where none is, or it is known."""
    if key in known or word_of(key) in WORDS | RELEASE:
        return ""
    plain = _LETTERS.sub("", key.lower())
    table = {_LETTERS.sub("", name.lower()): name for name in sorted(known)}
    if plain in table:
        return table[plain]
    if len(plain) not in _LENGTHS or plain in _ORDINARY:
        return ""
    return next((table[name] for name in get_close_matches(plain, table, 1, _CLOSE)), "")


def _typographic(path: str, fields: dict[str, Node]) -> Iterator[Problem]:
    """Values that begin with a quote that isn't YAML's."""
    for name, node in fields.items():
        for one in node if isinstance(node, Sequence) else [node]:
            if isinstance(one, Scalar) and one.plain and one.text[:1] in suggestions.TYPOGRAPHIC:
                right = suggestions.plain(suggestions.unquoted(one.text))
                message = (
                    f"{one.text[:80]!r} begins with a typographic quote, which quotes nothing; "
                    f"{right} would be right"
                )
                if right and right.isprintable():
                    yield Problem(path, one.line, name, message, "note", one.text, right)


def _year_last(path: str, front: Mapping, names: Iterable[str], zone: tzinfo) -> Iterator[Problem]:
    """Dates whose year comes last: of others like them nobody can tell day and month."""
    for name in names:
        node = front.get(name)
        if not isinstance(node, Scalar) or not has_year_last(node.text):
            continue
        if right := suggestions.date(node.text, zone):
            message = f"{node.text[:40]!r} is read as {right}, which would be clearer"
            yield Problem(path, node.line, name, message, "note", node.text, right)
