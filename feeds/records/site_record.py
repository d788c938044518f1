"""A file of another tool's site -> a record: its page there, and fields by their usual names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feeds import sanitize, slugs, urls
from feeds.model import Hidden, Image, Problem, Provider, Record
from feeds.records import front_formats, frontmatter, near_front, suggestions, template_tags
from feeds.records.dates import parse_date
from feeds.records.fields import MAX_EXCERPT, MAX_TITLE
from feeds.records.frontmatter import FrontMatterError, Mapping, Scalar
from feeds.records.headings import first_heading, heading_text
from feeds.records.hiding import HELD
from feeds.records.profiles.page import Page, Site
from feeds.records.record_fields import MAX_BODY, MAX_TOPICS, NOWHERE, RecordFields

_EXCERPTS: Final = ("excerpt", "description", "summary", "deck", "subtitle")
_PROVIDERS: Final = ("provider", "feed_name", "source", "publisher")
_AUTHORS: Final = ("authors", "author")
_PICTURES: Final = ("images", "image", "cover", "thumbnail")
_OTHER_PAGES: Final = ("canonical_url", "external_url", "source_url", "link")
_LINKS: Final = (*_OTHER_PAGES, "url")
NAMES: Final = frozenset(
    {"title", "type", "length", *_LINKS, *_EXCERPTS, *_PROVIDERS, *_AUTHORS, *_PICTURES}
)
_IN_PICTURE: Final = ("url", "path", "src", "image")
# What only records of our own form have, whatever folder they lie in.
_OWN_FORM: Final = re.compile(
    rb"^(?:webUrl|originalUrl)[ \t]*:|^provider[ \t]*:[ \t]*\r?\n[ \t]+\S", re.M
)
_LINKED: Final = re.compile(
    rb"^(?:link|url|external_url|source_url|canonical_url|permalink)[ \t]*[:=]", re.MULTILINE
)
_END: Final = re.compile(rb"\n(?:---|\.\.\.|\+\+\+)[ \t]*(?:\r?\n|\Z)")  # of front matter
_TEMPLATE_TAGS: Final = ("{{", "{%", "{#")  # begin a template, and no JSON
_LONGEST_TAG: Final = 60
_BEGINNING: Final = 65_536  # bytes in which a file says of what form it is
_FENCE: Final = re.compile(r"---[ \t]*(?:\n|\Z)")
# As gray-matter, Eleventy's parser, lets the first line name what follows.
_LANGUAGE: Final = re.compile(r"---[ \t]*(json|toml|ya?ml|js|javascript)[ \t]*\n", re.IGNORECASE)
_CLOSING: Final = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)
_HEADING: Final = re.compile(r"\s*<h1[^>]*>(.*?)</h1>\s*", re.DOTALL)
_PARAGRAPH: Final = re.compile(r"<p>(.*?)</p>", re.DOTALL)


def is_page_of(site: Site, data: bytes) -> bool:
    """Whether a file is one of the site's, rather than of our own form.

    That has `webUrl`, `originalUrl` or a mapping `provider`. In a folder of no tool
    all others are of our own form too, but those that have a link.
    """
    for field in (b"\nwebUrl: ", b"\noriginalUrl: "):  # of nearly all, told in a microsecond
        at = data.find(field, 0, _BEGINNING)
        if at >= 0 and data.find(b"\n---", 3, at) < 0:
            return False
    beginning = data[:_BEGINNING]
    if end := _END.search(beginning, 3):
        beginning = beginning[: end.start() + 1]
    if _OWN_FORM.search(beginning):
        return False
    return not site.is_links or _LINKED.search(beginning) is not None


class SiteRecord(NamedTuple):
    """The record of a file of a site, notes, and when it is another by itself."""

    record: Record | Hidden
    notes: list[Problem]
    until: datetime | None


def parse_page(path: str, text: str, site: Site, now: datetime, *, hold: bool) -> SiteRecord:
    """The record of the file at `path` of a site at `now`.

    `text` has lines ended by LF. With `hold`, what is dated later than `now` is
    hidden. Raises RecordError for one without title or address, PassedOver and
    FrontMatterError.
    """
    front, body = split(path, text)
    page = site.page(path, front, body, now)
    if page.hidden == HELD and page.until and not hold:
        page = site.page(path, front, body, page.until)
    front = site.fields(path, front)
    notes: list[Problem] = []
    fields = _PageFields(path, front, notes)
    zone = ZoneInfo(getattr(site, "zone_of_dates", "UTC"))
    for name, message in page.notes:
        fields.note_of_page(name, message, zone)
    other = fields.other_page()
    if page.hidden:
        url = other or page.url
        key = urls.entry_id(urls.identity(url)) if url else ""
        hidden = Hidden(path, page.hidden, key, page=urls.page_key(url, key))
        return SiteRecord(hidden, notes, page.until)
    if body:
        fields.note_stray(body, text.count("\n") - body.count("\n"))
    if page.excerpt:
        excerpt = _without_tags(page.excerpt[:MAX_EXCERPT], path, site, page, [])
        page = page._replace(excerpt=excerpt)
    if len(body) <= MAX_BODY:  # longer ones aren't shown
        lost: list[str] = []
        shown = _without_tags(body, path, site, page, lost)
        if lost:
            tag = " ".join(lost[0][:_LONGEST_TAG].split())
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            line = text.count("\n") - body[body.find(lost[0]) :].count("\n") + 1
            fields.note("body", f"has {tag}{more}, which only the site can fill in; left out", line)
        body = shown
    record = fields.page_record(page, site, body, other)
    return SiteRecord(record, notes, page.until)


def split(path: str, text: str) -> tuple[Mapping, str]:
    """Front matter and body; an empty mapping where there is none. Raises FrontMatterError."""
    if path.endswith(".org"):
        return front_formats.split_org(text)
    if text.startswith("+++"):
        source, body = front_formats.split_toml(text)
        return front_formats.parse_toml(source), body
    if text.startswith("{") and not text.startswith(_TEMPLATE_TAGS):
        return front_formats.split_json(text)
    if language := _LANGUAGE.match(text):
        return _split_other(text, language[1].lower(), language.end())
    if not _FENCE.match(text):
        _refuse_near_front(text, 0)
        return Mapping(), text
    front, content = frontmatter.split(text.encode())
    mapping = frontmatter.parse(front.decode()) if front.strip() else Mapping()
    body = content.decode()
    if not mapping:
        _refuse_near_front(body, text.count("\n") - body.count("\n"))
    return mapping, body


def _refuse_near_front(text: str, lines_above: int) -> None:
    """Raise FrontMatterError for what was meant as front matter, and would be shown as text."""
    if near := near_front.above(text):
        message = f"isn't read: {near.reason}; begin the file with a line that says ---"
        raise FrontMatterError(lines_above + near.line, message)


def _split_other(text: str, language: str, start: int) -> tuple[Mapping, str]:
    """Front matter whose first line names its language, as `---json`. Raises FrontMatterError."""
    end = _CLOSING.search(text, start)
    if end is None:
        raise FrontMatterError(1, "is never closed; end it with a line that says ---")
    source, body = text[start : end.start()], text[end.end() :]
    if language == "json":
        mapping, rest = front_formats.split_json("\n" + source)
        if rest.strip():
            raise FrontMatterError(2, "has more after its JSON object")
        return mapping, body
    if language == "toml":
        return front_formats.parse_toml(source), body
    if language in {"yaml", "yml"}:
        return frontmatter.parse(source) if source.strip() else Mapping(), body
    raise FrontMatterError(1, f"is a program ({language}), and those are not run; write YAML")


def _without_tags(body: str, path: str, site: Site, page: Page, lost: list[str]) -> str:
    if path.endswith(".mdx") or site.dialect == "mdx":
        return template_tags.without_jsx(body, lost)
    if site.dialect == "wiki":
        return template_tags.without_wiki(body)
    if site.dialect == "shortcodes":
        return template_tags.without_shortcodes(body, lost)
    if site.dialect == "liquid":
        path_of_site = urlsplit(site.base_url).path
        values = {
            "site.url": site.base_url.removesuffix(path_of_site),
            "site.baseurl": path_of_site,
            "site.title": site.title,
            "page.title": page.title,
            "page.url": page.url,
        }
        return template_tags.without_liquid(body, values, lost)
    return body


class _PageFields(RecordFields):
    """The fields of a page by the names that they usually have."""

    def other_page(self) -> str:
        """The page elsewhere that this one is about, where it names one."""
        for name in _OTHER_PAGES:
            written = self.raw(name)
            if written.startswith(("http://", "https://")):
                return self.url(name)
            if written and suggestions.web_address(written):
                self.url(name)  # which notes what is wrong
        return ""

    def note_of_page(self, name: str, message: str, zone: tzinfo) -> None:
        """Note what the tool, with dates in that zone, could not understand of a field."""
        if name == "url" and not self.fields.keys().isdisjoint(_LINKS) and name not in self.fields:
            return  # what is wrong with that link is noted
        node = self.fields.get(name)
        value = node.text if isinstance(node, Scalar) else ""
        try:
            parse_date(value, zone)
            right = ""
        except ValueError:
            right = suggestions.date(value, zone)
        if right:
            self.note_value(name, value, "is not a date", right)
        else:
            self.note(name, message, value=value)

    def page_record(self, page: Page, site: Site, body: str, other: str) -> Record:
        """The record of a page. Raises RecordError."""
        title = sanitize.plain(page.title) or self._heading(body)
        if not title:
            self.missing(("title",), "is missing; write one, or begin the text with a heading")
        address = other or page.url
        if not address:
            self._without_address(site)
            address = NOWHERE
        if len(body) > MAX_BODY:
            self.note("body", f"is longer than {MAX_BODY:,} characters; left out, shorten it", 1)
            body = ""
        key = urls.entry_id(urls.identity(address))
        html = sanitize.body(body, page.url or address, markdown=not self._is_html())
        heading = _HEADING.match(html)
        if heading and sanitize.text_of(heading[1]) == title:
            html = html[heading.end() :]
        record = Record(
            path=self.path,
            key=key,
            id=page.id or key,
            title=title[:MAX_TITLE],
            excerpt=self._excerpt(page, html),
            body=html,
            published=page.published,
            updated=page.updated,
            original=page.url if other else "",
            web=address,
            type=self.text("type"),
            provider=self._provider(site),
            authors=tuple(dict.fromkeys(self._authors())),
            topics=self._topics(page),
            images=tuple(self._pictures(page.url or address)),
            duration=self.duration("length"),
        )
        self.refuse_errors()
        return record

    def _is_html(self) -> bool:
        return self.path.lower().endswith((".html", ".htm"))

    def _heading(self, body: str) -> str:
        return heading_text(first_heading(body))

    def _without_address(self, site: Site) -> None:
        """Note as an error why the page has no address."""
        links = [name for name in _LINKS if name in self.fields]
        for name in links if site.is_links or not site.base_url else ():
            written = self.raw(name).strip()
            if not written.startswith("/"):
                self.url(name)
        if self.as_errors({*_LINKS, "permalink", "slug", "date"}):
            return
        if links and site.is_links and not any(self.raw(name).strip() for name in links):
            self.error(links[0], "is empty; https://... would be right", self.line(links[0]))
        elif not site.base_url:
            message = (
                "is missing: nothing names the address of the site; set FEEDS_SITE, or site in "
                "feeds.toml"
            )
            self.error("url", message, 1)
        else:
            self.error("url", "is missing: the site has no page for this file", 1)

    def _excerpt(self, page: Page, html: str) -> str:
        for name in _EXCERPTS:
            if text := self.text(name, MAX_EXCERPT):
                return text
        if page.excerpt:
            source = sanitize.body(page.excerpt, page.url, markdown=not self._is_html())
            return sanitize.text_of(source)[:MAX_EXCERPT]
        first = _PARAGRAPH.search(html)
        return sanitize.text_of(first[1])[:MAX_EXCERPT] if first else ""

    def _provider(self, site: Site) -> Provider | None:
        for name in _PROVIDERS:
            node = self.fields.get(name)
            if isinstance(node, Scalar) and (text := self.text(name)) and "://" not in text:
                return Provider(slugs.slug(text), slugs.slug(text), text)
        domain = urlsplit(site.base_url).hostname or ""
        name = site.title or domain
        if not name:
            return None
        try:
            return Provider(slugs.provider_key(name, domain), slugs.slug(name), name, domain)
        except ValueError:  # a site at an IP address
            return Provider(slugs.slug(name), slugs.slug(name), name)

    def _authors(self) -> Iterator[str]:
        for name in _AUTHORS:
            node = self.fields.get(name)
            if isinstance(node, Mapping):
                person = self.within(name, node).text("name")
                if person:
                    yield person
            else:
                yield from self.people(name)

    def _topics(self, page: Page) -> tuple[str, ...]:
        names: dict[str, str] = {}
        for name in (*page.categories, *page.tags):
            if text := sanitize.plain(name):
                names.setdefault(slugs.slug(text), text)
        return tuple(names.values())[:MAX_TOPICS]

    def _pictures(self, page: str) -> Iterator[Image]:
        for name in _PICTURES:
            for node in self.sequence(name):
                written = ""
                if isinstance(node, Scalar):
                    written = node.text
                elif isinstance(node, Mapping):
                    values = [node.get(key) for key in _IN_PICTURE]
                    written = next((v.text for v in values if isinstance(v, Scalar)), "")
                try:
                    if written.strip():
                        yield Image(urls.clean(sanitize.unescape_url(written.strip()), page))
                except ValueError as error:
                    right = suggestions.web_address(written)
                    self.note_value(name, written, str(error), right, node.line)
