"""The HTML of an entry: picture, excerpt or body, downloads, related coverage."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

from feeds import links
from feeds.model import Entry


@cache
def _template() -> Template:
    folder = Path(__file__).parent.parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("entry.html")


def content(entry: Entry, policy: str) -> str:
    """The entry's content as safe HTML with absolute URLs; never empty."""
    record = entry.record
    link = links.select(record, policy)
    return _template().render(entry=entry, record=record, link=link).strip()
