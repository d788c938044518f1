"""Other forms that our documents could have, to measure what clients make of them.

Each changes a document of ours in place. What has that form already is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from html import escape, unescape
from pathlib import Path
from typing import Any, Final, NamedTuple

from lxml import etree

_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_MEDIA: Final = "{http://search.yahoo.com/mrss/}"
_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_ITEMS: Final = (f"{_ATOM}entry", "item")
_TEXTS: Final = re.compile(rb"<(title|category)[ >][^<]*</")


class Form(NamedTuple):
    """A form by what it does; `document` is the one that has it."""

    name: str
    document: str
    apply: Callable[[Any], None]


def _set_text(root: Any, *, html: re.Pattern[str]) -> None:
    for element in root.iter(f"{_ATOM}title", f"{_ATOM}subtitle", f"{_ATOM}summary"):
        text = unescape(element.text) if element.get("type") == "html" else element.text
        element.attrib.pop("type", None)
        element.text = text
        if html.search(text):
            element.set("type", "html")
            element.text = escape(text, quote=False)


def _order_head(root: Any, first: str) -> None:
    links = root.findall(f"{_ATOM}link")
    links[0].addprevious(next(link for link in links if link.get("rel") == first))


def _order_media(root: Any, *, url: bool) -> None:
    for item in root.iter(*_ITEMS):
        media = item.findall(f"{_MEDIA}content")
        for element in [one for one in media if ("url" in one.attrib) == url]:
            media[0].addprevious(element)


def _player_of_item(root: Any) -> None:
    for player in list(root.iter(f"{_MEDIA}player")):
        content = player.getparent()
        content.getparent().replace(content, player)


def _set_terms(root: Any, term: Callable[[Any], str]) -> None:
    for category in root.iter(f"{_ATOM}category"):
        category.set("term", term(category))


def _slug(category: Any) -> str:
    return re.sub(r"\W+", "-", category.get("label").lower().replace("+", " plus")).strip("-")


def _join_creators(root: Any) -> None:
    for item in root.iter("item"):
        first, *others = item.findall(f"{_DC}creator")
        first.text = ", ".join([first.text, *(other.text for other in others)])
        for other in others:
            item.remove(other)


def _join_authors(root: Any) -> None:
    for item in root.iter(f"{_ATOM}entry"):
        first, *others = item.findall(f"{_ATOM}author")
        name = first.find(f"{_ATOM}name")
        name.text = ", ".join([name.text, *(other.findtext(f"{_ATOM}name") for other in others)])
        for other in others:
            item.remove(other)


def _split_creators(root: Any) -> None:
    for creator in list(root.iter(f"{_DC}creator")):
        for name in creator.text.split(", "):
            one = etree.Element(f"{_DC}creator")
            one.text = name
            creator.addprevious(one)
        creator.getparent().remove(creator)


def _order_dates(root: Any, first: str) -> None:
    for entry in root.iter(f"{_ATOM}entry"):
        one, other = (entry.find(f"{_ATOM}{name}") for name in ("published", "updated"))
        if first == "updated":
            one, other = other, one
        other.addprevious(one)


def _drop_updated(root: Any) -> None:
    for element in list(root.iter(f"{_ATOM}updated")):
        element.getparent().remove(element)


def _add_updated(root: Any) -> None:
    for item in root.iter("item"):
        if item.find(f"{_ATOM}updated") is None and item.findtext("title") == "Updated later":
            etree.SubElement(item, f"{_ATOM}updated").text = "2024-05-06T07:08:09Z"


def write(form: Form, document: Path, path: Path) -> bool:
    """Write a document in another form; False where it has that form already."""
    tree = etree.parse(document)
    before = etree.tostring(tree)
    form.apply(tree.getroot())
    body = etree.tostring(tree)
    if body == before and form.apply is not _keep:
        return False
    if document.name == "rss.xml" and form.apply is not _keep:
        body = _TEXTS.sub(_as_hex, body)
    path.parent.mkdir(parents=True)
    path.write_bytes(body)
    return True


def _as_hex(element: re.Match[bytes]) -> bytes:
    """Plain text of RSS as ours has it: lxml forgets how a character was written."""
    return element[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


def _keep(root: Any) -> None:
    """What lxml writes by itself."""


FORMS: Final = (
    *(
        Form(f"titles and summaries {form}", "atom.xml", partial(_set_text, html=re.compile(html)))
        for form, html in (
            ("as plain text", r"(?!)"),
            ("with `&` or `<` as HTML", "[&<]"),
            ("with a tag or a reference as HTML", r"<\w|&#?\w+;"),
        )
    ),
    Form("link to the page first", "atom.xml", lambda r: _order_head(r, "alternate")),
    Form("link to the feed first", "atom.xml", lambda r: _order_head(r, "self")),
    *(
        form
        for document in ("rss.xml", "atom.xml")
        for form in (
            Form("media with a URL first", document, lambda r: _order_media(r, url=True)),
            Form("media without a URL first", document, lambda r: _order_media(r, url=False)),
            Form("the player as a child of the entry", document, _player_of_item),
        )
    ),
    Form("`published` before `updated`", "atom.xml", lambda r: _order_dates(r, "published")),
    Form("`updated` before `published`", "atom.xml", lambda r: _order_dates(r, "updated")),
    Form("names as category terms", "atom.xml", lambda r: _set_terms(r, lambda c: c.get("label"))),
    Form("slugs as category terms", "atom.xml", lambda r: _set_terms(r, _slug)),
    Form("`&` in titles as `&amp;`", "rss.xml", _keep),
    Form("authors in one `dc:creator`", "rss.xml", _join_creators),
    Form("a `dc:creator` for each author", "rss.xml", _split_creators),
    Form("authors in one `author`", "atom.xml", _join_authors),
    Form("items with `atom:updated`", "rss.xml", _add_updated),
    Form("items without `atom:updated`", "rss.xml", _drop_updated),
)
