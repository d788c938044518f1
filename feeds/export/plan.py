"""Which documents a site has, for those who write all of them: an export, a publication.

The order is that of link policies, then formats, then scopes, since an entry
is serialised once for all feeds of one policy and format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from feeds.catalog import builder, stories
from feeds.catalog.addresses import Addresses, EmbedStyle, FeedQuery, Query, SiteQuery, kind_of
from feeds.model import FeedsError
from feeds.rendering import site_documents
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Document
from feeds.store.reader import Reader
from feeds.urls import POLICIES

PAGE: Final = "page"
EMBED: Final = "embed"
_FILES: Final[Mapping[str, str]] = {kind_of(file): file for file in FORMATS}
FORMS: Final = (PAGE, *_FILES, EMBED)
STORIES: Final = "stories"
ARCHIVES: Final = "archives"
SITE: Final = "site"
SCOPES: Final = ("everything", "topics", "providers", "both", "types", STORIES, ARCHIVES, SITE)
_ROWS: Final = 200  # of entries that are looked at for stories at a time


class WalkError(FeedsError):
    """A wish that no walk can meet; says what is accepted."""


class SiteSelection(NamedTuple):
    """Which documents are asked for, each by the words of an option, in their order.

    `formats` are of `FORMS`, `links` are link policies, `scopes` are of
    `SCOPES`: archives and stories are told apart from the feeds that lead to
    them, and `site` is all that is about the feeds.
    """

    formats: Sequence[str] = FORMS
    links: Sequence[str] = POLICIES
    scopes: Sequence[str] = SCOPES


WHOLE: Final = SiteSelection()


class Item(NamedTuple):
    """A document and its canonical address below the root.

    `location` is where the server leads instead, whose documents are elsewhere.
    """

    address: str
    document: Document
    location: str = ""


def chosen(option: str, said: str | None, accepted: Sequence[str]) -> Sequence[str]:
    """The words of an option, separated by commas; all without one. Raises WalkError."""
    if said is None:
        return accepted
    words = {word.strip() for word in said.split(",")} - {""}
    if not words or words - set(accepted):
        raise WalkError(f"{option} is {said!r}; it accepts some of {','.join(accepted)}")
    return [word for word in accepted if word in words]


def walk(documents: DocumentStore, reader: Reader, asked: SiteSelection) -> Iterator[Item]:
    """Every document that is asked for, made when it is its turn.

    Each is what the server sends for the address while the store is as
    `reader` has it.
    """
    addresses = documents.addresses
    led, leads = _stories(reader) if STORIES in asked.scopes else ({}, [])
    for query in _queries(reader, addresses, asked, leads):
        yield Item(addresses.path(query), documents.renderer.render(query, reader).document)
    if PAGE in asked.formats:
        for policy in asked.links:
            for story, lead in led.items():
                query = FeedQuery(policy=policy, limit=addresses.limit, story=story)
                location = addresses.url(query._replace(story=lead))
                yield Item(addresses.path(query), documents.renderer.moved(location), location)


def _queries(
    reader: Reader, addresses: Addresses, asked: SiteSelection, leads: Iterable[str]
) -> Iterator[Query]:
    scopes = [one.scope for one in builder.scopes(reader) if _kind(one.scope) in asked.scopes]
    for policy in asked.links:
        for form in asked.formats:
            plain = _plain(addresses, policy, form)
            for scope in scopes:
                yield plain._replace(scope=scope)
                if ARCHIVES in asked.scopes and form != EMBED:
                    for month, _ in reader.months(scope):
                        limit = addresses.default_limit(month)
                        yield plain._replace(scope=scope, month=month, limit=limit)
            for lead in leads:
                yield plain._replace(story=lead)
    if SITE in asked.scopes:
        for name, document in site_documents.SITE.items():
            for policy in asked.links if document.takes.policy else [addresses.policy]:
                yield SiteQuery(name, policy)


def _plain(addresses: Addresses, policy: str, form: str) -> FeedQuery:
    """The query of everything in one form under one link policy."""
    style = EmbedStyle() if form == EMBED else None
    limit = addresses.default_limit(None, style)
    return FeedQuery(policy=policy, file=_FILES.get(form, ""), limit=limit, style=style)


def _kind(scope: Scope) -> str:
    """The word of `SCOPES` that a scope is one of."""
    if scope.topic and scope.provider:
        return "both"
    if scope.topic:
        return "topics"
    return "providers" if scope.provider else "types" if scope.type else "everything"


def _stories(reader: Reader) -> tuple[dict[str, str], list[str]]:
    """The stories that pages lead to: of those that another record leads, its; then all leads.

    Both by the ids in their addresses.
    """
    led: dict[str, str] = {}
    leads: dict[str, None] = {}
    for start in range(0, reader.count(Scope()), _ROWS):
        rows = reader.page(Scope(), _ROWS, start)
        for row, entry in zip(rows, builder.entries(reader, rows), strict=True):
            if not stories.has_coverage(entry):
                continue
            own = stories.story_id(row.entry_id)
            found = stories.find(reader, own)
            if found is not None:
                leads[found.id] = None
                if found.id != own:
                    led[own] = found.id
    return led, list(leads)
