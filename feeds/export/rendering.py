"""Rendering the documents of a site: by several processes when there are many.

Each of them reads the store as of the same load, and compresses. What they can't render, this
process does.
"""

from __future__ import annotations

import gc
import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain, islice
from multiprocessing import parent_process
from typing import Final, NamedTuple

from feeds.config import Config
from feeds.export import plan
from feeds.export.plan import Planned, SiteItem
from feeds.processes import in_order
from feeds.serving.document_store import DocumentStore
from feeds.store.database import Store, StoreError
from feeds.store.engines import is_in_memory
from feeds.store.reader import Reader, State

# Fewer documents than this are rendered before other processes, which import everything, are up.
_WORTH_PROCESSES: Final = 1_000
_BATCH: Final = 16  # documents


class Choice(NamedTuple):
    """A document of the site by its path; without a plan, its file stays as it is.

    `known` is the ETag of the file there, "" for none.
    """

    path: str
    planned: Planned | None
    known: str = ""


class _Site(NamedTuple):
    """What another process needs to render documents of a site as this one does."""

    url: str
    config: Config
    policies: Sequence[str]
    state: State
    codings: Sequence[str]


def render_each(
    documents: DocumentStore, reader: Reader, choices: Iterator[Choice], codings: Iterable[str]
) -> Generator[tuple[str, SiteItem | None], None, None]:
    """The documents by their paths, None for one whose file stays; in no certain order.

    Other processes also compress them in `codings`. Close the generator to end these processes
    before its end.
    """
    waiting: list[Choice] = []
    for choice in choices:
        if choice.planned is None:
            yield choice.path, None
        else:
            waiting.append(choice)
        if len(waiting) == _WORTH_PROCESSES and not is_in_memory(documents.store.url):
            yield from _by_processes(documents, reader, chain(waiting, choices), codings)
            return
    for choice in waiting:
        yield from _render_here(documents, reader, choice)


def _render_here(
    documents: DocumentStore, reader: Reader, choice: Choice
) -> Iterator[tuple[str, SiteItem | None]]:
    item = plan.render(documents, reader, choice.planned) if choice.planned else None
    if item or not choice.planned:
        yield choice.path, item


def _by_processes(
    documents: DocumentStore, reader: Reader, choices: Iterator[Choice], codings: Iterable[str]
) -> Iterator[tuple[str, SiteItem | None]]:
    url = documents.store.url.render_as_string(hide_password=False)
    policies = documents.addresses.policies
    site = _Site(url, documents.config, policies, reader.state(), tuple(codings))
    sent: deque[list[Choice]] = deque()

    def batches() -> Iterator[list[Choice]]:
        while batch := list(islice(choices, _BATCH)):
            sent.append(batch)
            yield batch

    work = partial(_render, site)
    with closing(in_order(work, batches(), os.cpu_count() or 1, anew=True)) as results:
        for items in results:
            batch = sent.popleft()
            if items is None:
                for choice in batch:
                    yield from _render_here(documents, reader, choice)
                continue
            for choice, item in zip(batch, items, strict=True):
                if item or not choice.planned:
                    yield choice.path, item


# Of a process that renders for another, as long as it runs.
_views: Final = ExitStack()
_opened: Final[list[tuple[DocumentStore, Reader]]] = []


def _render(site: _Site, batch: Sequence[Choice]) -> list[SiteItem | None] | None:
    """The documents of a batch; None where the process that asked has to render them."""
    if parent_process() is None:
        return None
    try:
        documents, reader = _opened[0] if _opened else _open(site)
        return [
            choice.planned
            and _compressed(plan.render(documents, reader, choice.planned), choice, site)
            for choice in batch
        ]
    except Exception:  # noqa: BLE001 - the other process meets it, or has its own view of the store
        return None


def _open(site: _Site) -> tuple[DocumentStore, Reader]:
    gc.freeze()  # what is imported
    gc.enable()
    store = Store(site.url, prepare=False)
    reader = _views.enter_context(store.read())
    if reader.state() != site.state:
        raise StoreError(f"the store {store.name} was loaded again")
    _opened.append((DocumentStore(store, site.config, policies=site.policies), reader))
    return _opened[0]


def _compressed(item: SiteItem | None, choice: Choice, site: _Site) -> SiteItem | None:
    if item and choice.known.strip('"') != item.document.etag:
        for coding in site.codings:
            item.document.variant(coding)
    return item
