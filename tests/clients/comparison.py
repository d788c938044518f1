"""Compares what a client reads of our documents with what the records say.

A cell is one question to one client about one document: the title that holds
`&`, the feed's page. It is right or wrong; a client that has no word for a
field has no cell.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from typing import Any, Final, NamedTuple

from lxml import html

from tests.clients import samples


class Cell(NamedTuple):
    """A question: the field of the sample that shows it; "" stands for every entry."""

    name: str
    sample: str
    field: str


CELLS: Final = (
    Cell("title", "plain", "title"),
    *(Cell(name, name, "title") for name in samples.SAMPLES if name.endswith("in title")),
    Cell("link", "", "link"),
    Cell("id", "", "id"),
    Cell("published", "", "published"),
    Cell("updated", "updated later", "updated"),
    Cell("author", "plain", "authors"),
    Cell("two authors", "two authors", "authors"),
    Cell("categories", "topics", "categories"),
    Cell("content", "body", "content"),
    Cell("summary", "excerpt", "summary"),
    Cell("picture", "picture", "picture"),
    Cell("picture of a video", "video", "picture"),
    Cell("video", "video", "video"),
    Cell("related", "related", "related"),
    Cell("no false file", "", "no false file"),
)
Answer = Mapping[str, Any] | str


def cells(answer: Answer, document: str) -> dict[str, bool]:
    """By name whether each cell is right, of a client's answer for one document."""
    if isinstance(answer, str):  # the client failed
        return {"reads it": False}
    if "listed" in answer:
        return _of_list(answer)
    head = {
        field: answer[field] == value for field, value in samples.FEED.items() if field in answer
    }
    entries, expected = answer["entries"], samples.entries()
    right = {"reads it": len(entries) == len(expected)} | head
    if not right["reads it"]:
        return right
    by_link = {str(entry.get("link")): entry for entry in entries}
    links = [entry["link"] for entry in expected]
    if by_link.keys() == set(links):  # those that sort have an order of their own
        entries = [by_link[link] for link in links]
    names = list(samples.SAMPLES)
    for cell in CELLS:
        shown = range(len(names)) if not cell.sample else [names.index(cell.sample)]
        if all(cell.field in entries[number] for number in shown):
            right[cell.name] = all(
                _same(cell.field, entries[number][cell.field], expected[number], document)
                for number in shown
            )
    return right


def _of_list(answer: Mapping[str, Any]) -> dict[str, bool]:
    right = {"list title": answer["list title"] == samples.FEED["feed title"]}
    for field in ("title", "url", "page", "group"):
        if field in answer["listed"][0]:
            listed = [feed[field] for feed in answer["listed"]]
            right[f"listed {field}s"] = listed == [feed[field] for feed in samples.LISTED]
    return right


def _same(field: str, value: Any, expected: Mapping[str, Any], document: str) -> bool:
    compare = _COMPARED.get(field, _is_equal)
    try:
        return bool(compare(value, expected[field], document))
    except (TypeError, ValueError, AttributeError):  # not of the kind at all
        return False


def _is_equal(value: Any, wanted: Any, _: str) -> bool:
    return bool(value == wanted)


def _moment(value: Any) -> datetime:
    """A date in any of the forms that clients hand on."""
    if isinstance(value, list):
        return datetime.fromtimestamp(timegm(tuple(value)), UTC)
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return parsedate_to_datetime(value).astimezone(UTC)


def _is_moment(value: Any, wanted: str, _: str) -> bool:
    return _moment(value) == _moment(wanted)


def _are_names(value: list[str] | str, wanted: list[str], _: str) -> bool:
    """Each in its place where the client has a list, all of them where it has a text."""
    return (value.split(", ") if isinstance(value, str) else value) == wanted


def _are_categories(value: list[str], wanted: list[str], _: str) -> bool:
    """JSON Feed's tags are topics alone."""
    return set(wanted) - {"article"} <= set(value) <= set(wanted)


def _is_html(value: str, wanted: tuple[str, str], _: str) -> bool:
    text, picture = wanted
    shown: Any = html.fromstring(f"<div>{value}</div>")
    pictures = [image.get("src") for image in shown.iter("img")]
    return " ".join(shown.text_content().split()) == text and pictures == [picture]


def _is_summary(value: str, wanted: str, document: str) -> bool:
    """A description in RSS is HTML."""
    return wanted in {value.strip(), unescape(value).strip() if document == "rss.xml" else value}


_COMPARED: Final[dict[str, Callable[[Any, Any, str], bool]]] = {
    "published": _is_moment,
    "updated": _is_moment,
    "authors": _are_names,
    "categories": _are_categories,
    "content": _is_html,
    "summary": _is_summary,
}
