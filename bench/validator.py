"""Every kind of feed through the W3C feed validator: `python -m bench.validator CHECKOUT`.

CHECKOUT is that of https://github.com/w3c/feedvalidator, whose modules need
lxml, html5lib and rdflib. Serves a folder of records and asks for its feeds in
both formats: of everything, each topic, provider and type (`--sample`: of some)
under each link policy, months, archives, stories, digests, pages and every filter, at their
canonical addresses. What the validator says is printed, but for warnings that are no
defects: entries that share a date, link relations that are in use (`amphtml`,
`canonical`) and not in the registry that it knows, and text that holds a tag
(`Use <video> tag`), which more clients read as text than as HTML; the namespace of
tombstones (RFC 6721); and that the oldest archive leads to no other (RFC 5005 4).
"""

from __future__ import annotations

import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from bench.servers import HOST, PROJECT, Server, free_port, running
from feeds.catalog.addresses import DIGESTS
from feeds.urls import POLICIES

_FILES: Final = ("rss.xml", "atom.xml")
_NO_DEFECTS: Final = {
    "DuplicateUpdated", "ContainsUndeclaredHTML", "amphtml", "canonical", "UnknownNamespace",
    "ArchiveIncomplete",
}  # fmt: skip
_FILTERS: Final = (
    "type={type}", "min_quality=50", "min_heat=10", "since=2020-01-01", "since=3650d",
    "since=2100-01-01", "exclude_topic={topic}", "exclude_provider={provider}",
    "topic={topic}&topic={other_topic}", "provider={provider}&provider={other_provider}",
    "exclude_topic={topic}&exclude_topic={other_topic}&exclude_provider={provider}",
    "topic={topic}&provider={provider}&exclude_topic={other_topic}&min_quality=10",
    "sort=heat", "exclude_type={type}", "until=2025-12-31", "per_provider=2",
    "content=title", "content=excerpt&limit=7",
    "q=the", "q=the&sort=relevance", "q=the+new&sort=heat", "q=%22%3Cb%3E%26+a%22",
    "q=caf%C3%A9+%F0%9F%98%80", "q=zzzz", "limit=3", "limit=3&page=2", "limit=200",
    "limit=2&page=2&sort=heat", "type={type}&min_quality=10&q=a&limit=5",
)  # fmt: skip
_WITHIN: Final = ("", "topics/{topic}/", "providers/{provider}/", "types/{type}/")


def addresses(server: Server, sample: int) -> Iterator[str]:
    """Paths of feeds, of which some are spelled otherwise than canonically."""
    chance = random.Random(sample)  # noqa: S311 - the same feeds every time
    listed = json.loads(server.get("/feeds.json").body)["feeds"]
    paths = [feed["path"] for feed in listed if feed["path"]]
    chosen = ["", *(chance.sample(paths, min(sample, len(paths))) if sample else paths)]
    for policy in POLICIES:
        yield from (f"/{policy}/{path}{file}" for path in chosen for file in _FILES)
    for digest in DIGESTS:
        yield from (f"/{path}digest/{digest}/{file}" for path in chosen for file in _FILES)
        yield from (f"/amp/digest/{digest}/{file}?content=title" for file in _FILES)
    known: dict[str, list[str]] = {}
    for feed in sorted(listed, key=lambda feed: -int(feed["entries"])):
        kinds = [kind for kind in ("topic", "provider", "type") if feed.get(kind)]
        if len(kinds) == 1:
            known.setdefault(kinds[0], []).append(feed[kinds[0]])
    names = {f"other_{kind}": slugs[1] for kind, slugs in known.items() if len(slugs) > 1}
    names |= {kind: slugs[0] for kind, slugs in known.items()}
    for policy in ("canonical", "amp"):
        for within in _WITHIN:
            for said in _FILTERS:
                with suppress(KeyError):  # there is no other
                    path, parameters = within.format(**names), said.format(**names)
                    yield from (f"/{policy}/{path}{file}?{parameters}" for file in _FILES)
    page = server.get("/").body.decode()
    months = sorted(set(re.findall(r'href="/(\d{4}/\d\d/)"', page)))
    for month in chance.sample(months, min(sample or len(months), len(months))):
        yield from (f"/{policy}/{month}{file}" for policy in POLICIES for file in _FILES)
        yield from (f"/{month}{file}?min_quality=10" for file in _FILES)
    for file in _FILES:
        archive = f"/{file}"
        while archive := _before(server, archive):
            yield archive
    for story in sorted(set(re.findall(r'href="/(stories/[0-9a-f-]+/)"', page))):
        yield from (f"/{policy}/{story}{file}" for policy in POLICIES for file in _FILES)
        yield from (f"/{story}{file}?limit=2" for file in _FILES)


def _before(server: Server, address: str) -> str:
    """The path of the archive that a feed or another archive leads to; empty for none."""
    found = re.search(r'<([^>]*)>; rel="prev-archive"', server.get(address).header("Link"))
    return found[1].removeprefix(_root(server)) if found else ""


def canonical(server: Server, address: str) -> str | None:
    """The URL that a feed calls itself by; None where there is none."""
    answer = server.get(address)
    if answer.status in (307, 308):
        return canonical(server, answer.header("Location").removeprefix(_root(server)))
    if answer.status != 200:
        return None
    found = re.search(r'<[^>]*rel="self"[^>]*>', answer.body.decode())
    href = re.search(r'href="([^"]+)"', found[0]) if found else None
    return unescape(href[1]) if href else None


def _root(server: Server) -> str:
    return f"http://{HOST}:{server.port}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seeds", default=PROJECT / "seeds", type=click.Path(exists=True, path_type=Path))
@click.option("--sample", default=0, help="So many feeds and months, instead of all.")
def main(checkout: Path, seeds: Path, sample: int) -> None:
    """Validate the feeds of a folder; exit status 1 when there is a defect."""
    sys.path.insert(0, str(checkout / "src"))
    import_module("urllib.request")  # it takes that for imported
    validator: Any = import_module("feedvalidator")
    compatibility: Any = import_module("feedvalidator.compatibility")
    said: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="feeds-validator-") as work:
        port = free_port()
        variables = {
            "FEEDS_SEEDS": str(seeds.absolute()),
            "FEEDS_BIND": f"{HOST}:{port}",
            "FEEDS_DATABASE_URL": f"sqlite:///{work}/feeds.db",
            "FEEDS_WORKERS": "1",
        }
        command = [sys.executable, "-m", "feeds", "serve"]
        with running(command, port, Path(work), variables) as server:
            urls = dict.fromkeys(canonical(server, at) for at in addresses(server, sample))
            for url in filter(None, urls):
                try:
                    events = validator.validateURL(url)["loggedEvents"]
                except validator.logging.ValidationFailure as failure:
                    events = [failure.event]
                for event in compatibility.AA(events):
                    kind = type(event).__name__
                    if kind == "UnregisteredAtomLinkRel":
                        kind = event.params["value"]
                    said[kind] += 1
                    if kind not in _NO_DEFECTS:
                        click.echo(f"{url}: {kind}: {event.params}")
    told = ", ".join(f"{kind} {number:,} times" for kind, number in said.most_common())
    click.echo(f"{len(urls) - (None in urls):,} feeds validated; said: {told or 'nothing'}")
    sys.exit(1 if said.keys() - _NO_DEFECTS else 0)


if __name__ == "__main__":
    main()
