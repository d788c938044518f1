"""A small export of WordPress, written by us in the form of its own."""

from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

_HEAD: Final = """<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel>
<title>Harbour &amp; Sea</title>
<link>https://blog.example.com</link>
<wp:wxr_version>1.2</wp:wxr_version>
<wp:author><wp:author_id>1</wp:author_id><wp:author_login><![CDATA[ada@example.com]]></wp:author_login>
<wp:author_email><![CDATA[ada@example.com]]></wp:author_email>
<wp:author_display_name><![CDATA[Ada Example]]></wp:author_display_name></wp:author>
<wp:author><wp:author_id>2</wp:author_id><wp:author_login><![CDATA[bo@example.com]]></wp:author_login>
<wp:author_email><![CDATA[bo@example.com]]></wp:author_email>
<wp:author_display_name><![CDATA[bo@example.com]]></wp:author_display_name></wp:author>
"""
_FIELDS: Final[dict[str, str]] = {
    "title": "Ferries go electric",
    "link": "https://blog.example.com/2024/01/ferries/",
    "pubDate": "Tue, 02 Jan 2024 03:04:05 +0000",
    "dc:creator": "ada@example.com",
    "guid": "https://blog.example.com/?p=7",
    "content:encoded": "<!-- wp:paragraph -->\n<p>Two of nine.</p>\n<!-- /wp:paragraph -->",
    "excerpt:encoded": "",
    "wp:post_id": "7",
    "wp:post_date": "2024-01-02 04:04:05",
    "wp:post_date_gmt": "2024-01-02 03:04:05",
    "wp:post_modified_gmt": "2024-02-03 04:05:06",
    "wp:post_name": "ferries",
    "wp:status": "publish",
    "wp:post_type": "post",
    "wp:post_password": "",
}


def item(*, meta: dict[str, str] | None = None, more: str = "", **fields: str) -> str:
    """An item: a published post, but for `fields`, whose prefixes end in `__`."""
    named: dict[str, Any] = _FIELDS | {k.replace("__", ":"): v for k, v in fields.items()}
    lines = [f"<{name}>{escape(text)}</{name}>" for name, text in named.items() if text is not None]
    for key, value in (meta or {}).items():
        lines.append(
            f"<wp:postmeta><wp:meta_key>{key}</wp:meta_key>"
            f"<wp:meta_value><![CDATA[{value}]]></wp:meta_value></wp:postmeta>"
        )
    return "\n".join(["<item>", *lines, more + "</item>\n"])


def category(name: str, domain: str = "category") -> str:
    """A category of an item, or with the domain `post_tag` a tag."""
    return f'<category domain="{domain}" nicename="x"><![CDATA[{name}]]></category>\n'


def export(path: Path, *items: str) -> Path:
    """An export of these items, as a file."""
    path.write_text(_HEAD + "".join(items) + "</channel>\n</rss>\n", encoding="utf-8")
    return path
