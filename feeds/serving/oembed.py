"""oEmbed 1.0 (https://oembed.com): how to frame the page at a URL of this site.

The one address that takes another as a parameter, so no document: its
response takes one small query and no rendering, and isn't kept.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from flask import Response
from lxml import etree
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotImplemented as Unsupported

from feeds.catalog import cache_keys, stories, titles
from feeds.catalog.addresses import Addresses, FeedQuery, NotFound, RedirectTo
from feeds.catalog.parameters import BadParameter, Parameters, number, refuse_misspelled
from feeds.config import Config
from feeds.model import decode_record
from feeds.rendering import embed
from feeds.serving.document_store import DocumentStore
from feeds.serving.renderer import freshness
from feeds.store import recovery
from feeds.store.database import StoreError
from feeds.store.reader import Reader

PATH: Final = "oembed"
MEDIA_TYPES: Final = {
    "json": "application/json; charset=utf-8",
    "xml": "text/xml; charset=utf-8",
}
_PARAMETERS: Final = ("url", "maxwidth", "maxheight", "format")
_MAX_URL: Final = 4_096
_MAX_FIELDS: Final = 200
_MAX_SIDE: Final = 10_000
_FRAME: Final = Markup(
    '<iframe src="{src}" title="{title}" width="{width}" height="{height}"'
    ' loading="lazy" style="border:0;max-width:100%"></iframe>'
)


def media_type(parameters: Parameters) -> str:
    """The wanted format, json or xml. Raises Unsupported (oEmbed 1.0, 2.2.1 and 2.3.5)."""
    names = parameters.get("format") or ["json"]
    if len(names) != 1 or names[0] not in MEDIA_TYPES:
        raise Unsupported(f"format accepts {' or '.join(MEDIA_TYPES)}")
    return names[0]


def framed_query(parameters: Parameters, addresses: Addresses) -> FeedQuery:
    """The framed page of the page or feed whose URL is in `parameters`.

    Raises BadParameter, and NotFound for URLs of anything else.
    """
    refuse_misspelled(parameters, _PARAMETERS)
    urls = [url for url in parameters.get("url", ()) if url]
    if len(urls) != 1:
        raise BadParameter(f"url accepts one URL, that of a page here: {addresses.root}/")
    if len(urls[0]) > _MAX_URL:
        raise NotFound("no page has an address as long as that")
    here = urlsplit(addresses.root)
    try:
        there = urlsplit(urls[0])
        is_here = there.scheme in ("http", "https") and there.netloc.lower() == here.netloc
        known = parse_qs(there.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        is_here = False
    if not is_here or not f"{there.path}/".startswith(f"{here.path}/"):
        raise NotFound("the URL is none of this site")
    path = unquote(there.path.removeprefix(here.path) or "/")
    try:
        return embed.framed(addresses.feed(path, known), addresses)
    except BadParameter as error:
        raise NotFound(f"the URL has no page: {error}") from None


def answer(parameters: Parameters, reader: Reader, addresses: Addresses, config: Config) -> bytes:
    """The response for a page, as JSON or XML. Raises Unsupported, BadParameter and NotFound."""
    kind, config = media_type(parameters), titles.named(reader, config)
    width = number(parameters, "maxwidth", embed.WIDTH, _MAX_SIDE)
    query = framed_query(parameters, addresses)
    height = number(parameters, "maxheight", embed.height(query), _MAX_SIDE)
    try:
        query, title = _titled(reader, query, config)
    except RedirectTo as moved:
        query, title = _titled(reader, moved.query, config)
    width, height = min(width, embed.WIDTH), min(height, embed.height(query))
    frame = _FRAME.format(src=addresses.url(query), title=title, width=width, height=height)
    fields: dict[str, Any] = {
        "version": "1.0",
        "type": "rich",
        "title": title,
        "provider_name": config.title,
        "provider_url": f"{addresses.root}/",
        "cache_age": config.max_age,
        "html": str(frame),
        "width": width,
        "height": height,
    }
    if kind == "json":
        return json.dumps(fields, ensure_ascii=False).encode()
    root = etree.Element("oembed")
    for name, value in fields.items():
        etree.SubElement(root, name).text = str(value)
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8", standalone=True)
    return written


def respond(documents: DocumentStore, parameters: Parameters) -> Response:
    """The answer over HTTP, open to scripts of other sites. Raises StoreError as well."""
    kind = media_type(parameters)
    try:
        with documents.store.read() as reader:
            if not reader.state().generation:
                raise StoreError(f"the store {documents.store.name} holds no load yet")
            body = answer(parameters, reader, documents.addresses, documents.config)
    except SQLAlchemyError as error:
        recovery.flag_corruption(documents.store, error)
        raise StoreError(f"the store {documents.store.name} doesn't answer") from error
    keys = cache_keys.headers(documents.config, [cache_keys.ANY])
    headers = freshness(documents.config) + keys
    response = Response(body, headers=headers, content_type=MEDIA_TYPES[kind])
    del response.headers["Vary"]  # it has one content coding
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _titled(reader: Reader, query: FeedQuery, config: Config) -> tuple[FeedQuery, str]:
    """The query as its page would answer it, and the title of that."""
    if not query.story:
        heading = titles.heading(reader, query, config).title
        return query, titles.of_feed(heading, query, config)
    story = stories.find(reader, query.story)
    if story is None:
        raise NotFound("no public record leads or shares that story")
    row = story.rows[0].row
    lead = decode_record(reader.data_of([row])[row]).title
    heading = f"{lead} – {config.title}"
    return query._replace(story=story.id), titles.of_feed(heading, query, config)
