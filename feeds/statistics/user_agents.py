"""User-Agent -> who polls: the reader's name, and how many people it serves.

Pure functions of what strangers send, so all of it is bounded. Fetchers that
serve many say how many: there is no standard for it, but a custom that began
with Bloglines, `...; 16 subscribers; ...`, which every reader on the web has
its own spelling of. A program that people run themselves is one subscriber.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final, NamedTuple

from feeds.telemetry.log import LONGEST_AGENT

MOST: Final = 10_000_000  # subscribers; whoever says more isn't believed at all
_NAME: Final = 32  # characters of a name
OTHER: Final = "Other"
UNNAMED: Final = "Unnamed"

_NUMBER: Final = r"(?<![\w.,-])([0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,10})(?![0-9])"
_COUNTS: Final = (
    re.compile(_NUMBER + r"\s{0,3}(?:active )?(?:subscriber|reader|user)s?\b", re.I),
    re.compile(r"\b(?:subscriber|reader|user)s?(?: count)?\s{0,3}[:=]\s{0,3}" + _NUMBER, re.I),
)
_FEED_ID: Final = re.compile(
    r"\bfeed[-_ ]?id\s?[:=]\s?([A-Za-z0-9]{1,40})\b|\bnewsblur\.com/site/([0-9]{1,20})\b", re.I
)
# Products come before a slash, a bracket, a semicolon or a dash (RFC 9110 10.1.5).
_PRODUCT: Final = re.compile(r"\s*([A-Za-z][^/;()\[\],]*?)(?=\s*(?:[/;()\[\],]|$|\s-\s|\sfeed-id))")
_COMPATIBLE: Final = re.compile(r"\(compatible;\s*([^/;()\[\],]+)", re.I)
_UNFIT: Final = re.compile(r"[^A-Za-z0-9 ._+!-]+")
_VERSION: Final = re.compile(r"[ v]*[0-9][0-9.]*$")

# What is looked for in an agent, and the name that is shown. The first that is there counts.
_SERVICES: Final = {name.lower(): name for name in (
    "Feedly", "Feedbin", "Inoreader", "NewsBlur", "Bloglovin",
    "BazQux", "FeedHQ", "Feed Wrangler", "Feedspot", "Netvibes", "NewsGator", "livedoor",
)} | {"theoldreader": "The Old Reader", "feedfetcher-google": "Google Feedfetcher"}  # fmt: skip
_PROGRAMS: Final = {name.lower(): name for name in (
    "Newsboat", "Newsbeuter", "NetNewsWire", "Thunderbird", "rss2email", "FreshRSS", "Miniflux",
    "Tiny Tiny RSS", "CommaFeed", "selfoss", "Liferea", "Akregator", "NewsFlash", "RSS Guard",
    "QuiteRSS", "RSSOwl", "Fluent Reader", "Reeder", "ReadKit", "Vienna", "Elfeed", "sfeed",
    "Snownews", "Read You", "AntennaPod",
)} | {
    "nextcloud-news": "Nextcloud News",
    "rssguard": "RSS Guard",
    "windows-rss-platform": "Windows RSS Platform",
}  # fmt: skip
# rss2email asks for deltas, as feedparser does for it, and takes the status 226 for an error;
# up to 3.13 it has the agent of feedparser itself, as many have that take 226.
_REFUSING: Final = re.compile(r"\brss2email/", re.I)
_ANYBODY: Final = re.compile(r"\bfeedparser/", re.I)
# Nobody reads there, or nobody knows who: no subscriber, whatever they poll.
_GROUPS: Final = {
    "Crawlers": re.compile(r"bot\b|crawl|spider|slurp|monitor|preview|archiver|scanner", re.I),
    "Scripts": re.compile(
        r"^(?:curl|wget|python|aiohttp|go-http|java|okhttp|ruby|perl|libwww|node|axios|feedparser|"
        r"universalfeedparser|guzzle|php|httpie|apache-httpclient|wrk)",
        re.I,
    ),
    "Browsers": re.compile(r"\b(?:Chrome|Firefox|Safari|Edg|OPR|MSIE|Trident)\b"),
}


class Agent(NamedTuple):
    """Who polls.

    `subscribers` is how many people it says to serve, for the feed of the number
    that `source` is, where it says one. `is_personal` says that it is a program of
    one person; then `source` is a digest of the agent, which tells two of the same
    name apart. `known` says that the name is one of ours.
    """

    name: str
    source: str = ""
    subscribers: int = 0
    is_personal: bool = False
    known: bool = True


@lru_cache(maxsize=4096)
def read(agent: str) -> Agent:
    """Who polls, by the value of a User-Agent header (RFC 9110 10.1.5)."""
    agent = agent[:LONGEST_AGENT]
    reported = _reported_subscribers(agent)
    lower = agent.lower()
    if reported is not None:
        name = _known(lower, _SERVICES) or _known(lower, _PROGRAMS)
        return Agent(name or _derived(agent), _feed_id(agent), reported, known=bool(name))
    if name := _known(lower, _PROGRAMS):
        digest = hashlib.blake2b(agent.encode(errors="replace"), digest_size=4)
        return Agent(name, digest.hexdigest(), 1, is_personal=True)
    if name := _known(lower, _SERVICES):
        return Agent(name, _feed_id(agent))
    group = next((name for name, pattern in _GROUPS.items() if pattern.search(agent)), "")
    return Agent(group or _derived(agent), known=bool(group))


def takes_deltas(agent: str) -> bool | None:
    """Whether who asks for a delta takes the status 226 (RFC 3229); None when it can't be told."""
    if _REFUSING.search(agent):
        return False
    return None if _ANYBODY.search(agent) else True


def _known(lower: str, names: dict[str, str]) -> str:
    return next((name for part, name in names.items() if part in lower), "")


def _reported_subscribers(agent: str) -> int | None:
    """How many people are served; None where nothing is said, or nothing that can be believed."""
    for pattern in _COUNTS:
        match = pattern.search(agent)
        if match:
            number = int(match[1].replace(",", ""))
            return number if number <= MOST else None
    return None


def _feed_id(agent: str) -> str:
    match = _FEED_ID.search(agent)
    return (match[1] or match[2]).lower() if match else ""


def _derived(agent: str) -> str:
    """A name for who has none of the known ones: the product, without its version."""
    match = _COMPATIBLE.search(agent) or _PRODUCT.match(agent)
    name = _UNFIT.sub("", match[1]) if match else ""
    return _VERSION.sub("", name)[:_NAME].strip(" .-") or UNNAMED
