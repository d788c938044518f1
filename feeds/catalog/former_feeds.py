"""Addresses of a site's former feeds -> the feeds that take their place. Pure.

Those that common tools give their feeds are known; `[redirects]` in feeds.toml has others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs

from feeds.catalog.addresses import Addresses, FeedQuery, NotFound
from feeds.catalog.parameters import BadParameter
from feeds.config import FILE, Config, ConfigError

# Of Jekyll, Eleventy, Hugo, WordPress and Docusaurus.
_KNOWN: Final = (
    (re.compile(r"/feed\.xml|/feed/atom/?"), "/atom.xml"),
    (re.compile(r"/(?:index|(?:posts?|blog)/index)\.xml|/(?:feed|rss)/?"), "/rss.xml"),
    (re.compile(r"/(?:posts?|blog)/((?:rss|atom)\.xml|feed\.json)"), "/{}"),
    (re.compile(r"/feed/(?:by_tag/)?([^/]+)\.xml"), "/topics/{}/atom.xml"),
    (re.compile(r"/(?:tags|categories)/([^/]+)/index\.xml"), "/topics/{}/rss.xml"),
    (re.compile(r"/(?:tag|category)/(?:.+/)?([^/]+)/feed/?"), "/topics/{}/rss.xml"),
)
# Those of them that can be files of an export; the others need a server.
_FILES: Final = ("/feed.xml", "/index.xml", "/feed/")


class FormerFeeds:
    """The former feeds of a site, by path.

    Raises ConfigError for a path of `[redirects]` that is of our own grammar, and for one that
    leads to no feed.
    """

    def __init__(self, config: Config, addresses: Addresses) -> None:
        self._addresses = addresses
        self._written = {
            _folder(old): self._checked(old, new, addresses)
            for old, new in config.redirects.items()
        }

    @staticmethod
    def _checked(old: str, new: str, addresses: Addresses) -> FeedQuery:
        called = f'redirects."{old}" in {FILE}'
        path, _, parameters = new.partition("?")
        try:
            query = addresses.feed(path, parse_qs(parameters))
        except (NotFound, BadParameter) as error:
            raise ConfigError(
                f"{called} leads to {new} ({error}); an address such as /topics/ai/rss.xml "
                "would be right"
            ) from None
        try:
            addresses.parse(old, {})
        except NotFound:
            return query
        raise ConfigError(
            f"{called} is an address of feeds' own; [topics] and [providers] have aliases"
        )

    def query(self, path: str) -> FeedQuery | None:
        """The feed in the place of that at a decoded path; None for any other path."""
        if written := self._written.get(_folder(path)):
            return written
        for pattern, new in _KNOWN:
            if match := pattern.fullmatch(path):
                return self._addresses.feed(new.format(*match.groups()), {})
        return None

    def files(self) -> Iterator[tuple[str, FeedQuery]]:
        """The paths that can be files, with the feeds in their place; folders end with a slash."""
        for path in (*_FILES, *self._written):
            if query := self.query(path):
                yield path, query


def _folder(path: str) -> str:
    """A path whose last segment has no ending, as that of a folder."""
    return path if "." in path.rpartition("/")[2] else path.rstrip("/") + "/"
