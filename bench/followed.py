"""Whether a store made anew says what one says that followed each commit.

`python -m bench.followed REPOSITORY [--commits 500]`: a clone of the git repository of a
collection is taken through its last commits, and loaded after each by a store that is kept. Then
one made anew loads the same once. Compared are the bytes and ETags of all feeds of everything,
topics and providers. Besides, some feeds are polled after the commits of each day: counted is
what came since and was in none of these polls.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import click
import pygit2
from pygit2.enums import ResetMode, SortMode

from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.config import read
from feeds.loading.arrivals import HistoryReader
from feeds.loading.loader import Loader
from feeds.rendering.formats import MEDIA_TYPES
from feeds.selection import Scope
from feeds.serving.app import assemble
from feeds.serving.document_store import DocumentStore
from feeds.serving.documents import Document
from feeds.serving.views import EXTENSION
from feeds.store.reader import Reader

_LATE: Final = 30  # seconds after a commit that it is loaded
_DAY: Final = 86_400
_POLLED: Final = 3  # topics, and providers


class Followed(NamedTuple):
    """A store, and the documents that are made of it."""

    loader: Loader
    documents: DocumentStore

    def load(self, moment: int) -> None:
        """Load the folder, at a moment in seconds."""
        self.loader.load(now=datetime.fromtimestamp(moment, UTC), accept_removals=True)
        self.documents.watch.look_again()

    def feed(self, scope: Scope, file: str) -> Document:
        """A feed as it is now."""
        query = FeedQuery(scope, file=file, limit=self.documents.addresses.limit)
        with self.documents.store.read() as reader:
            return self.documents.renderer.render(query, reader).document


def follow(folder: Path, database: Path) -> Followed:
    """An empty store for a folder."""
    url = f"sqlite:///{database}"
    settings = {"seeds": str(folder), "database_url": url, "load": "off"}
    settings["base_url"] = "https://feeds.example.org"
    documents = assemble(read(settings)).extensions[EXTENSION]
    return Followed(Loader(documents.store, folder, history=HistoryReader(folder)), documents)


def line(repository: pygit2.Repository, number: int) -> Iterator[tuple[str, int]]:
    """The last commits on the line of first parents, the oldest first, and their moments."""
    walk = repository.walk(repository.head.target, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    walk.simplify_first_parent()
    moment = 0
    commits = list(walk)
    for place, commit in enumerate(commits):
        moment = max(moment, commit.commit_time)
        if place >= len(commits) - number:
            yield str(commit.id), moment


def polled_scopes(store: DocumentStore) -> list[Scope]:
    """Everything, and the topics and providers that have the most entries."""
    with store.store.read() as reader:
        topics = sorted(reader.labels("topic"), key=lambda label: -label.entries)
        providers = sorted(reader.labels("provider"), key=lambda label: -label.entries)
    return [
        Scope(),
        *(Scope(topic=label.slug) for label in topics[:_POLLED]),
        *(Scope(provider=label.slug) for label in providers[:_POLLED]),
    ]


def ids_of(document: Document) -> set[str]:
    """The ids of the entries in an Atom feed."""
    return set(re.findall(r"<entry>.*?<id>([^<]*)</id>", document.body.decode(), re.S))


@click.command(help=__doc__)
@click.argument("repository", type=click.Path(path_type=Path, exists=True))
@click.option("--commits", default=500, show_default=True)
def main(repository: Path, commits: int) -> None:
    """Print what differs and what was missed; end with 1 if anything is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "site"
        clone = pygit2.clone_repository(str(repository.resolve()), str(folder))
        steps = list(line(clone, commits))
        kept = follow(folder, Path(place) / "kept.db")
        seen: dict[Scope, set[str]] = {}
        for (commit, moment), (_, following) in pairwise([*steps, ("", sys.maxsize)]):
            clone.reset(pygit2.Oid(hex=commit), ResetMode.HARD)
            kept.load(moment + _LATE)
            if moment // _DAY != following // _DAY:
                for scope in seen or polled_scopes(kept.documents):
                    seen.setdefault(scope, set()).update(ids_of(kept.feed(scope, "atom.xml")))
        anew = follow(folder, Path(place) / "anew.db")
        anew.load(steps[-1][1] + _LATE)
        with anew.documents.store.read() as reader:
            scopes = [listed.scope for listed in builder.scopes(reader)]
            since = steps[0][1] + _DAY
            missed = [_missed(reader, scope, ids, since) for scope, ids in seen.items()]
        feeds = [(scope, file) for scope in scopes for file in MEDIA_TYPES]
        differ = [feed for feed in feeds if _said(kept.feed(*feed)) != _said(anew.feed(*feed))]
    click.echo(f"{len(feeds):,} feeds after {len(steps):,} commits: {len(differ):,} differ")
    sys.exit(bool(sum(missed) + len(differ)))


def _missed(reader: Reader, scope: Scope, seen: set[str], since: int) -> int:
    """How many of the entries that came to a scope after a moment weren't seen."""
    rows = reader.page(scope, sys.maxsize)
    came = {escape(row.shown_id) for row in rows if row.arrived > since}
    name = "".join(filter(None, scope)) or "everything"
    click.echo(f"{name}: {len(came):,} came, {len(came - seen):,} missed")
    return len(came - seen)


def _said(document: Document) -> tuple[bytes, str]:
    return document.body, document.etag


if __name__ == "__main__":
    main()
