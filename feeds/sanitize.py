"""Text and HTML from strangers, made safe to show. Pure functions."""

from __future__ import annotations

import contextlib
import html
import re
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import nh3

from feeds import urls

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# XML 1.0 2.2: all but what a document may hold, less what it discourages (C1
# controls, non-characters), the bidirectional controls that reorder what follows
# them, and what stands for a lost character: references such as &#0; become that.
_FORBIDDEN = re.compile(
    "[^\t\n\r -~\x85\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufdcf\ufdf0-\ufffc"
    "\U00010000-\U0001fffd\U00020000-\U0002fffd\U00030000-\U0003fffd\U00040000-\U0004fffd"
    "\U000e0000-\U000efffd\U000f0000-\U000ffffd]"
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{0,31});")
_TAG = re.compile(r"<[^<>]*>")
_BLOCK_END = re.compile(
    r"</(?:p|div|li|dt|dd|h[1-6]|tr|t[dh]|blockquote|pre|figcaption)>|<[bh]r[^<>]*>"
)
_SPACE = re.compile(r"\s+")
_PRE = re.compile(r"<pre(?: [^<>]*)?>(?=\n)")

_TAGS = nh3.ALLOWED_TAGS - {"form", "input", "button"} | {"figure", "figcaption", "picture"}
_DROP_WITH_CONTENT = {
    "script", "style", "title", "template", "noscript", "iframe", "object", "svg", "math",
    "textarea", "select", "form", "button",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"title", "lang", "dir"},
    "a": {"href", "hreflang"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "ol": {"start"},
    "blockquote": {"cite"},
    "q": {"cite"},
    "time": {"datetime"},
}
# RFC 6068 2, of characters that RFC 3986 2 lets stand in a URI.
_MAILTO = re.compile(r"mailto:[!#-;=?-Z_a-z~%]+\Z", re.I)


@cache
def _markdown() -> MarkdownIt:
    # Few records have a body, and no process that reads only others waits for this.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def strip_forbidden(text: str) -> str:
    """`text` without characters that XML 1.0 forbids or that reorder text."""
    return _FORBIDDEN.sub("", text)


def unescape_url(url: str) -> str:
    """`url` with its entities unescaped once; `&reg=1` is a parameter, `&reg;` an entity."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), url)


def plain(text: str) -> str:
    """One line of plain text: entities unescaped once, whitespace folded."""
    if "&" not in text and "  " not in text and text.isprintable():
        return text.strip()  # nothing of all this is in it
    return _SPACE.sub(" ", strip_forbidden(html.unescape(text))).strip()


def body(source: str, base: str, *, markdown: bool) -> str:
    """A record's body as sanitised HTML, its relative URLs joined to `base`.

    A body that begins with a tag is HTML; other text is Markdown
    (CommonMark) where `markdown` says so, HTML where not.
    """
    source = strip_forbidden(source).strip()
    if not source:
        return ""
    if markdown and not source.startswith("<"):
        source = _markdown().render(source)
    return sanitise(source, base)


def sanitise(source: str, base: str) -> str:
    """HTML that can neither run, load, frame nor submit anything but pictures."""

    def attribute(_tag: str, name: str, value: str) -> str | None:
        if name in ("href", "src", "cite"):
            try:
                return urls.clean(value, base)
            except ValueError:
                return value if name == "href" and _MAILTO.match(value) else None
        return value

    safe = nh3.clean(
        source,
        tags=_TAGS,
        clean_content_tags=_DROP_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto"},
        url_relative=lambda url: urljoin(base, url),
    )
    # Of a <pre>, parsers drop a line feed behind the tag (HTML, 13.2.6.4.7), and nh3 0.3 writes
    # none in its place. Entities such as &#1; become characters in the sanitiser.
    return strip_forbidden(_PRE.sub(r"\g<0>\n", safe)).strip()


def text_of(source: str) -> str:
    """Sanitised HTML as one line of plain text."""
    return plain(_TAG.sub("", _BLOCK_END.sub(" ", source)))


class _FrameFinder(HTMLParser):
    src = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "iframe" and not self.src:
            self.src = dict(attrs).get("src") or ""


def frame_source(source: str) -> str:
    """The `src` of the first iframe in `source`, or the empty string."""
    if "<" not in source:
        return ""
    finder = _FrameFinder()
    with contextlib.suppress(AssertionError):  # so the parser gives up on "<![x["
        finder.feed(source)
    return finder.src
