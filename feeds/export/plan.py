"""The documents of a site, or of a selected part of it, in the order to write them.

The order is that of link policies, then formats, then scopes, since an entry
is serialised once for all feeds of one policy and format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple

from feeds.catalog import archives, builder, stories, titles
from feeds.catalog.addresses import (
    DIGESTS,
    Addresses,
    EmbedStyle,
    FeedQuery,
    NotFound,
    Query,
    RedirectTo,
    SiteQuery,
    kind_of,
)
from feeds.catalog.entries import of_rows
from feeds.config import Config
from feeds.model import FeedsError
from feeds.rendering import site_documents
from feeds.rendering.assets import ICONS
from feeds.rendering.formats import FORMATS
from feeds.selection import Period, Scope
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Document
from feeds.store.reader import Reader
from feeds.urls import POLICIES

PAGE: Final = "page"
EMBED: Final = "embed"
_FILES: Final[Mapping[str, str]] = {kind_of(file): file for file in FORMATS}
FORMS: Final = (PAGE, *_FILES, EMBED)
STORIES: Final = "stories"
MONTHS: Final = "months"
ARCHIVES: Final = "archives"
IN_DIGESTS: Final = "digests"
SITE: Final = "site"
SCOPES: Final = (
    "everything", "topics", "providers", "both", "types", "collections", STORIES, MONTHS,
    ARCHIVES, IN_DIGESTS, SITE,
)  # fmt: skip
ALL: Final = "all"  # the words of an option
_ROWS: Final = 200  # entries read at a time, in search of stories


class SelectionError(FeedsError):
    """A part of a site that there isn't; says what is accepted."""


class SiteSelection(NamedTuple):
    """The part of a site to write, each by the words of an option, in their order.

    `formats` are of `FORMS`, `links` are link policies, `scopes` are of
    `SCOPES`: months, archives and stories are told apart from the feeds that lead to
    them, and `site` is all that is about the feeds.
    """

    formats: Sequence[str] = FORMS
    links: Sequence[str] = POLICIES
    scopes: Sequence[str] = SCOPES


WHOLE: Final = SiteSelection()


class Planned(NamedTuple):
    """A document to write: its address below the root, and the query that it answers.

    `location` is where the server redirects to instead, "" where it doesn't; with no query,
    the document is a page that leads there. Of a story, `near` are the keys of its entries and
    of those that they list.
    """

    address: str
    query: Query | None
    location: str = ""
    near: AbstractSet[str] = frozenset()


class SiteItem(NamedTuple):
    """A document of the site, and its canonical address below the root.

    `location` is where the server redirects to instead, "" where it doesn't. `modified` is
    when the file at the address last changed, None for the document's own moment.
    """

    address: str
    document: Document
    location: str = ""
    modified: datetime | None = None


def parse_words(option: str, text: str | None, accepted: Sequence[str]) -> Sequence[str]:
    """The words of an option, separated by commas; all without one. Raises SelectionError."""
    words = {word.strip() for word in (ALL if text is None else text).split(",")} - {""}
    if words == {ALL}:
        return accepted
    if not words or words - set(accepted):
        raise SelectionError(
            f"{option} is {text!r}; it accepts some of {','.join(accepted)}, or {ALL}"
        )
    return [word for word in accepted if word in words]


def documents_of(
    documents: DocumentStore, reader: Reader, selection: SiteSelection
) -> Iterator[Planned]:
    """The selected documents that the server sends while the store is as `reader` has it."""
    addresses = documents.addresses
    redirects, leads = _stories(reader) if STORIES in selection.scopes else ({}, {})
    scopes = [listed.scope for listed in builder.scopes(reader)]
    empty = titles.former_scopes(reader, documents.config)
    scopes = [scope for scope in scopes + empty if _scope_word(scope) in selection.scopes]
    for query in _queries(documents, reader, selection, scopes, leads):
        near = leads[query.story] if isinstance(query, FeedQuery) and query.story else frozenset()
        yield Planned(addresses.path(query), query, near=near)
    yield from _moved(documents, reader, selection, scopes)
    if PAGE in selection.formats:
        for policy in selection.links:
            for story, lead in redirects.items():
                query = FeedQuery(policy=policy, limit=addresses.limit, story=story)
                location = addresses.url(query._replace(story=lead))
                yield Planned(addresses.path(query), None, location)


def render(documents: DocumentStore, reader: Reader, planned: Planned) -> SiteItem | None:
    """A planned document; None of what has another address, and isn't there either."""
    address, query, location, _ = planned
    renderer = documents.renderer
    if query is None:
        return SiteItem(address, renderer.moved(location), location)
    if not location:
        return SiteItem(address, renderer.render(query, reader).document)
    with suppress(NotFound, RedirectTo):
        document = renderer.render(query, reader).document
        is_file = not address.endswith("/")
        return SiteItem(address, document if is_file else renderer.moved(location), location)
    return None


def _moved(
    documents: DocumentStore, reader: Reader, selection: SiteSelection, scopes: Sequence[Scope]
) -> Iterator[Planned]:
    """What was at other addresses: a feed as it is at its new one, and pages that lead there."""
    addresses = documents.addresses
    moved: list[tuple[str, FeedQuery]] = []
    for policy in selection.links:
        for form in selection.formats:
            query = _query_of_all(addresses, policy, form)
            for old, new in _under_former_names(reader, scopes, documents.config):
                there = query._replace(scope=new)
                moved.append((addresses.path(query._replace(scope=old)), there))
    if SITE in selection.scopes:
        moved += documents.former.files()
    for address, query in moved:
        yield Planned(address, query, addresses.url(query))


def _under_former_names(
    reader: Reader, scopes: Iterable[Scope], config: Config
) -> Iterator[tuple[Scope, Scope]]:
    """Scopes as they were called, where nothing is called so any more, with the scopes."""
    for kind, names in (("topic", config.topics), ("provider", config.providers)):
        for old, new in names.aliases.items():
            label = reader.label(kind, old)
            if label is None or not label.entries:
                of_it = (scope for scope in scopes if getattr(scope, kind) == new)
                yield from ((scope._replace(**{kind: old}), scope) for scope in of_it)


def _queries(
    documents: DocumentStore,
    reader: Reader,
    selection: SiteSelection,
    scopes: Sequence[Scope],
    leads: Iterable[str],
) -> Iterator[Query]:
    addresses, config = documents.addresses, documents.config
    chains: dict[Scope, list[Period]] = {}
    if ARCHIVES in selection.scopes and not {PAGE, EMBED} >= {*selection.formats}:
        chains = {scope: archives.chain(reader, scope, config) for scope in scopes}
    for policy in selection.links:
        for form in selection.formats:
            query = _query_of_all(addresses, policy, form)
            for scope in scopes:
                yield query._replace(scope=scope)
                has_digests = policy == addresses.policy and scope == Scope(topic=scope.topic)
                if IN_DIGESTS in selection.scopes and query.file and has_digests:
                    for digest in DIGESTS:
                        yield query._replace(scope=scope, digest=digest)
                if MONTHS in selection.scopes and form != EMBED:
                    for month, _ in reader.months(scope):
                        limit = addresses.default_limit(month)
                        yield query._replace(scope=scope, month=month, limit=limit)
                if query.file:
                    for period in chains.get(scope, ()):
                        yield query._replace(scope=scope, period=period)
            for lead in leads:
                yield query._replace(story=lead)
    if SITE in selection.scopes:
        for name, document in site_documents.SITE.items():
            if config.icon and name in ICONS:  # no file of ours leads to another host
                continue
            for policy in selection.links if document.takes.policy else [addresses.policy]:
                yield SiteQuery(name, policy)


def _query_of_all(addresses: Addresses, policy: str, form: str) -> FeedQuery:
    """The query of everything in one form under one link policy."""
    style = EmbedStyle() if form == EMBED else None
    limit = addresses.default_limit(None, style)
    return FeedQuery(policy=policy, file=_FILES.get(form, ""), limit=limit, style=style)


def _scope_word(scope: Scope) -> str:
    """The word of `SCOPES` that a scope is one of."""
    if scope.topic and scope.provider:
        return "both"
    if scope.topic:
        return "topics"
    if scope.collection:
        return "collections"
    return "providers" if scope.provider else "types" if scope.type else "everything"


def _stories(reader: Reader) -> tuple[dict[str, str], dict[str, AbstractSet[str]]]:
    """The ids of the stories that pages lead to: leads by the records they lead, and all leads.

    Each of these with the keys of the records near it. A record that isn't the lead of its story
    has an address that redirects to it.
    """
    redirects: dict[str, str] = {}
    leads: dict[str, AbstractSet[str]] = {}
    for start in range(0, reader.count(Scope()), _ROWS):
        rows = reader.page(Scope(), _ROWS, start)
        entries = zip(rows, of_rows(reader, rows), strict=True)
        covered = [row for row, entry in entries if stories.has_coverage(entry)]
        for row, story in zip(covered, stories.find_each(reader, covered), strict=True):
            leads[story.id] = story.near
            own = stories.story_id(row.key)
            if story.id != own:
                redirects[own] = story.id
    return redirects, leads
