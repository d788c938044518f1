"""A tool's folder beside what the tool makes of it: `python -m bench.sites FOLDER DUMP.json`.

DUMP.json is a list of `{"path", "url", "date", "topics"}`, one of each public post: the path
in FOLDER, the address, the date (RFC 3339), tags and categories. The tool writes it on a
page without layout. Jekyll, of `site.posts` (Hugo has `.Site.RegularPages` in a template of
an output format, Eleventy `collections.all`):

    [{% for p in site.posts %}{"path": {{ p.path | jsonify }},
    "url": {{ p.url | absolute_url | jsonify }}, "date": {{ p.date | date_to_xmlschema | jsonify }},
    "topics": {{ p.tags | concat: p.categories | jsonify }}}
    {% unless forloop.last %},{% endunless %}{% endfor %}]
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from feeds.model import FeedsError, Hidden, Record
from feeds.records.parser import Options, parse_record
from feeds.records.profile import Profile
from feeds.slugs import slug

ENOUGH: Final = 0.95
_VALUES: Final = ("url", "date", "topics")


def ours(folder: Path, path: str, options: Options) -> dict[str, Any] | str:
    """What feeds has of a file, as the values of the dump; or why there is no entry."""
    try:
        record = parse_record(path, (folder / path).read_bytes(), options).record
    except (FeedsError, OSError) as error:
        return str(error)
    if not isinstance(record, Record):
        return record.reason if isinstance(record, Hidden) else "a collection"
    topics = {slug(topic) for topic in record.topics}
    return {"url": record.original or record.web, "date": record.published, "topics": topics}


def theirs(post: dict[str, Any]) -> dict[str, Any]:
    """The values of a post of the dump. Topics are the same when their slugs are."""
    date = datetime.fromisoformat(post["date"]).astimezone(UTC) if post["date"] else None
    return {
        "url": post["url"],
        "date": date and date.replace(microsecond=0),
        "topics": {slug(str(topic)) for topic in post["topics"] if str(topic).strip()},
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("dump", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", default="", help="As FEEDS_SITE.")
def main(folder: Path, dump: Path, site: str) -> None:
    """Print a line of the table in docs/profiles.md, and on stderr the posts that differ.

    The exit status is 1 if fewer than 95 of 100 agree in address, date and topics.
    """
    options = Profile("auto", site).options(folder, datetime.now(UTC))
    posts = json.loads(dump.read_text(encoding="utf-8"))
    agree: Counter[str] = Counter()
    for post in posts:
        mine, its = ours(folder, post["path"], options), theirs(post)
        if isinstance(mine, str):
            click.echo(f"{post['path']}: no entry: {mine}", err=True)
            continue
        same = [name for name in _VALUES if mine[name] == its[name]]
        agree.update(same, all=len(same) == len(_VALUES))
        for name in set(_VALUES).difference(same):
            click.echo(f"{post['path']}: {name}: {mine[name]} instead of {its[name]}", err=True)
    counts = " | ".join(str(agree[name]) for name in (*_VALUES, "all"))
    click.echo(f"| {folder.name} | {len(posts)} | {counts} |")
    if agree["all"] < ENOUGH * len(posts):
        sys.exit(1)


if __name__ == "__main__":
    main()
