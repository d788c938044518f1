"""Pages for people: HTML by Jinja, from the same feeds that readers get.

Links are paths on this site, so that pages work behind any proxy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from feeds import catalog, links, stories, titles
from feeds.config import Config
from feeds.filters import NONE
from feeds.formats import FORMATS
from feeds.model import Feed, Record
from feeds.query import Addresses, FeedQuery, Query
from feeds.store import Reader, Scope

TEMPLATES: Final = Path(__file__).parent / "templates"


class Pages:
    """Renders the pages of one configuration. Pure: equal feeds give equal bytes."""

    def __init__(self, addresses: Addresses, config: Config) -> None:
        self.addresses = addresses
        self.config = config
        self._prefix = urlsplit(addresses.root).path
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        self._environment.filters["link"] = _link
        self._environment.globals |= {
            "address": self.address,
            "formats": FORMATS.values(),
            "site": config,
            "stories": stories,
            "titles": titles,
        }

    def feed(self, query: FeedQuery, feed: Feed, reader: Reader) -> bytes:
        """The page of a feed's folder."""
        index: dict[str, Any] = {}
        is_subscription = query.month is None and query.page == 1 and query.filters == NONE
        if query.scope == Scope() and is_subscription and not query.story:
            index = {
                "topics": reader.labels("topic"),
                "providers": reader.labels("provider"),
                "names": catalog.names_by_provider(reader),
                "types": reader.labels("type"),
            }
        return self.render(
            "page.html",
            feed=feed,
            query=query,
            subscription=query._replace(month=None, page=1, limit=self.addresses.limit),
            index=index,
            months=[] if query.story or query.filters != NONE else reader.months(query.scope),
            month_address=self._month_address,
        )

    def problem(self, title: str, message: str) -> bytes:
        """The page that says what is wrong with a request."""
        return self.render("error.html", title=title, message=message, home=self._prefix + "/")

    def render(self, template: str, **values: Any) -> bytes:
        """A template with values."""
        return self._environment.get_template(template).render(**values).encode()

    def address(self, query: Query, file: str | None = None, **scope: str) -> str:
        """An address on this site: of a query, or of it with another file or scope."""
        if isinstance(query, FeedQuery):
            if scope:
                query = query._replace(
                    scope=query.scope._replace(**scope), page=1, month=None, story="", filters=NONE
                )
            if file is not None:
                query = query._replace(file=file)
        return self._prefix + self.addresses.path(query)

    def _month_address(self, query: FeedQuery, month: int) -> str:
        limit = self.addresses.default_limit(month)
        return self.address(query._replace(month=month, page=1, limit=limit, file=""))


def _link(record: Record, policy: str) -> str:
    return links.select(record, policy)
