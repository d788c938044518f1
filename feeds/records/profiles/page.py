"""What a site generator makes of a file: the words of its modules as values."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol

from feeds.model import FeedsError
from feeds.records.frontmatter import Mapping


class PassedOver(FeedsError):
    """A file that is no record, which only its content tells; the message says why."""


class Page(NamedTuple):
    """A file as the tool's own site shows it.

    `url` is absolute and percent-encoded, empty for what has no page. `id` is
    the entry id in the site's own feed, empty where that gives none.
    `published` and `updated` are aware and in UTC. `excerpt` is source text
    (Markdown or HTML) that the tool takes for the beginning, empty where it
    takes none. `hidden` says why it isn't public, empty when it is; `until` is
    when that changes by itself: a date to come, or an expiry. `notes` are
    (field, message) pairs of what could not be understood.
    """

    url: str = ""
    id: str = ""
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    excerpt: str = ""
    hidden: str = ""
    until: datetime | None = None
    notes: tuple[tuple[str, str], ...] = ()


class Site(Protocol):
    """What a tool's configuration, and other files of the folder, say for every file.

    A frozen msgspec Struct: it goes to other processes, and its digest tells
    whether all files have to be read anew.
    """

    @property
    def base_url(self) -> str:
        """The address of the site without a slash at its end; empty where nothing names it."""
        ...

    @property
    def title(self) -> str:
        """The name of the site, for records without a provider; may be empty."""
        ...

    @property
    def description(self) -> str:
        """What the site is about, as written; empty where nothing says."""
        ...

    @property
    def language(self) -> str:
        """The language of the site, as written; empty where nothing says."""
        ...

    @property
    def dialect(self) -> str:
        """The tags that bodies may hold: liquid, shortcodes, mdx, wiki, or the empty string."""
        ...

    @property
    def url_rule(self) -> str:
        """The rule for addresses of pages whose files name none, in a few words."""
        ...

    @property
    def is_links(self) -> bool:
        """Whether the folder is of no tool, and records with a link of their own are pages."""
        ...

    def passes_over(self, path: str) -> str:
        """Why the tool makes no entry of the file at `path`; empty where it may make one."""
        ...

    def fields(self, path: str, front: Mapping) -> Mapping:
        """`front` over what the site has for all files at such a path (author, picture, ...)."""
        ...

    def page(self, path: str, front: Mapping, body: str, now: datetime) -> Page:
        """What the tool makes of the file at `path` (relative, forward slashes) at `now`.

        Raises PassedOver.
        """
        ...
