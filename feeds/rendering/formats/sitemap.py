"""Sitemaps (sitemaps.org 0.9): which pages there are, for search engines."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from lxml import etree

NAMESPACE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST: Final = 50_000  # pages in one sitemap, by the protocol


class Page(NamedTuple):
    """A page, and when it last changed; None where that is unknown."""

    url: str
    modified: datetime | None = None


def document(pages: Iterable[Page]) -> bytes:
    """The sitemap of the first `MOST` pages."""
    namespaces: Any = {None: NAMESPACE}
    root = etree.Element(f"{{{NAMESPACE}}}urlset", nsmap=namespaces)
    for page in islice(pages, MOST):
        url = etree.SubElement(root, f"{{{NAMESPACE}}}url")
        etree.SubElement(url, f"{{{NAMESPACE}}}loc").text = page.url
        if page.modified is not None:
            moment = page.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
            etree.SubElement(url, f"{{{NAMESPACE}}}lastmod").text = moment
    written: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written
