"""The WebSub publisher: pings hubs with the URLs of changed feeds, outside the requests.

Threads beside the loads (`feeds.follower.workers`), one for each hub, turn what changed
since the hubs' mark (`feeds.follower.changed_urls`) into pings (`feeds.follower.ping_queue`)
and deliver them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from math import inf
from threading import Lock, Thread
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from werkzeug.http import parse_date

from feeds import sanitize
from feeds.catalog.addresses import Addresses
from feeds.config import Config
from feeds.follower import changed_urls, ping_queue
from feeds.follower.ping_queue import Fate, HubResponse, Ping
from feeds.follower.workers import AFTER_CACHES, LOOK, SETTLING, HostWorkers, Step, reading
from feeds.messages import root_cause
from feeds.rendering.formats import MEDIA_TYPES
from feeds.store import changes, recovery
from feeds.store.changes import Mark
from feeds.store.database import Store
from feeds.telemetry import log
from feeds.telemetry.metrics import Metrics

Log = Callable[[str], None]

_TOGETHER: Final = 4  # pings under way at one hub
_PLANNING: Final = Lock()  # so that one of the threads works out what changed
_AGENT: Final = f"feeds/{version('feeds')} (WebSub publisher)"
_TIMEOUT: Final = urllib3.Timeout(connect=5.0, read=10.0)
_CLAIM: Final = 20.0  # seconds; longer than a ping takes
_READ: Final = 64 * 1024  # bytes of an answer that are read, so that the connection can be kept
_LONGEST: Final = 200  # characters of a problem in the log


def retry_after(value: str | None, now: float) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110 10.2.3); 0 for none, or a bad one."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        date = parse_date(value)
    except OverflowError:  # of the year 99999999999999999999
        return 0.0
    return max(date.timestamp() - now, 0.0) if date else 0.0


class Publisher:
    """Turns what changed into pings, and delivers them to the hubs of the settings.

    Safe to use from one thread for each hub, and from several processes.
    `log` is given a line for the first ping that a hub doesn't take, of several alike, until
    it takes one at a later try; `tell` for each that it takes, by default `log` too. `clock`
    gives seconds since 1970; `metrics` counts pings by outcome.
    """

    def __init__(
        self,
        store: Store,
        config: Config,
        log: Log,
        clock: Callable[[], float] = time.time,
        metrics: Metrics | None = None,
        tell: Log | None = None,
    ) -> None:
        self.store = store
        self.config = config
        self._log = log
        self._tell = tell or log
        self._clock = clock
        self._metrics = metrics
        self._addresses = Addresses(config.root, config.links, config.limit, MEDIA_TYPES)
        self._clients = {hub: client(hub) for hub in config.hubs}
        self._said: set[tuple[str, int, str, Fate]] = set()  # of hubs that fail: how

    def plan(self) -> bool:
        """Queue pings for the feeds that changed since the hubs' mark; whether there are any.

        Raises StoreError.
        """
        with _PLANNING:
            with reading(self.store) as reader:
                loaded = reader.state().loaded
                mark = changes.mark_of(reader.connection, changes.HUBS)
                if mark is None or mark.loaded == loaded:
                    return False
                urls = changed_urls.changed(reader, mark.loaded, self._addresses, self.config)
            now = self._clock()
            # A hub fetches through the cache, which forgets the old one first.
            settled = now + SETTLING + (AFTER_CACHES if self.config.purge else 0)
            with self.store.write() as connection:
                if changes.mark_of(connection, changes.HUBS) != mark:
                    return False  # another process queued them
                changes.set_mark(connection, changes.HUBS, Mark(loaded))
                ping_queue.queue(connection, self.config.hubs, urls, now, settled)
        return bool(urls)

    def deliver(self, hub: str) -> bool:
        """Send a hub the pings that are due, a few at once; whether there was one.

        Raises StoreError.
        """
        if self.due_in(hub) > 0:
            return False
        now = self._clock()
        with self.store.write() as connection:
            claimed = ping_queue.claim(connection, hub, _TOGETHER, now, now + _CLAIM)
        answers: dict[Ping, HubResponse] = {}

        def ask(ping: Ping) -> None:
            answers[ping] = self._ask(ping)

        under_way = [Thread(target=ask, args=(ping,), daemon=True) for ping in claimed]
        for thread in under_way:
            thread.start()
        for thread in under_way:
            thread.join()
        now = self._clock()
        outcomes = {
            ping: ping_queue.decide(answer, ping.attempts + 1, now - ping.since)
            for ping, answer in answers.items()
        }
        try:
            with self.store.write() as connection:
                for ping, outcome in outcomes.items():
                    ping_queue.settle(connection, ping, outcome, now)
        finally:  # the hub was asked, whatever became of the store
            for ping, outcome in outcomes.items():
                answer, fate = answers[ping], outcome.fate.name.lower()
                fields = {"hub": ping.hub, "url": ping.url, "status": answer.status}
                with log.bound(**fields, attempt=ping.attempts + 1, outcome=fate):
                    self._say(ping, answer, outcome)
                if self._metrics is not None:
                    self._metrics.pinged(ping.hub, fate)
        return bool(claimed)

    def _say(self, ping: Ping, answer: HubResponse, outcome: ping_queue.Outcome) -> None:
        line = _log_line(ping, answer, outcome)
        if outcome.fate is Fate.DONE:
            if ping.attempts:
                self._said -= {kind for kind in self._said if kind[0] == ping.hub}
            self._tell(line)
        elif (kind := (ping.hub, answer.status, answer.problem, outcome.fate)) not in self._said:
            self._said.add(kind)
            self._log(line)

    def step(self, hub: str) -> float:
        """Queue and send pings; returns the seconds until the next may be due.

        Raises StoreError.
        """
        self.plan()
        return 0.0 if self.deliver(hub) else min(self.due_in(hub), LOOK)

    def due_in(self, hub: str) -> float:
        """Seconds until a ping of a hub is due; 0 when one is. Raises StoreError."""
        with reading(self.store) as reader:
            due = ping_queue.next_due(reader.connection, hub)
        return inf if due is None else max(due - self._clock(), 0.0)

    def waiting(self) -> dict[str, int]:
        """How many pings wait, by hub. Raises StoreError."""
        with reading(self.store) as reader:
            return reader.pings_waiting(self.config.hubs)

    def _ask(self, ping: Ping) -> HubResponse:
        """Ask a hub to fetch a URL.

        WebSub leaves to hubs how that is done. What hubs take is the form of
        PubSubHubbub (0.4, 7.1), where some call the URL hub.topic.
        """
        form = {"hub.mode": "publish", "hub.url": ping.url, "hub.topic": ping.url}
        try:
            response = self._clients[ping.hub].request(
                "POST",
                ping.hub,
                fields=form,
                encode_multipart=False,
                headers={"User-Agent": _AGENT},
                timeout=_TIMEOUT,
                retries=False,
                preload_content=False,
            )
            with suppress(urllib3.exceptions.HTTPError):
                response.read1(_READ)
            response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return HubResponse(0, _problem(error))
        wait = retry_after(response.headers.get("Retry-After"), self._clock())
        return HubResponse(response.status, retry_after=wait)


def client(url: str) -> urllib3.PoolManager:
    """The HTTP client for one host, through the proxy that the environment names."""
    address = urlsplit(url)
    proxy = getproxies().get(address.scheme)
    if proxy and not proxy_bypass(address.hostname or ""):
        return urllib3.ProxyManager(proxy, maxsize=_TOGETHER)
    return urllib3.PoolManager(maxsize=_TOGETHER)


def _problem(error: BaseException) -> str:
    """An error in a line of the log: printable and short, since it may be a hub's words."""
    return sanitize.plain(root_cause(error))[:_LONGEST]


def _log_line(ping: Ping, answer: HubResponse, outcome: ping_queue.Outcome) -> str:
    """One ping in a line of the log."""
    status = str(answer.status) if answer.status else answer.problem
    attempt = f"{status}, attempt {ping.attempts + 1}"
    if outcome.fate is Fate.DONE:
        return f"hub {ping.hub} was told of {ping.url} ({attempt})"
    then = f"again in {outcome.wait:,.0f} s" if outcome.fate is Fate.AGAIN else "given up"
    return f"hub {ping.hub} could not be told of {ping.url} ({attempt}); {then}"


def background_publisher(
    config: Config, log: Log, metrics: Metrics | None, tell: Log
) -> HostWorkers:
    """Publishes beside a follower."""

    def step(store: Store, hub: str) -> Step:
        return partial(Publisher(store, config, log, metrics=metrics, tell=tell).step, hub)

    return HostWorkers(config.database, config.hubs, step)


def once(config: Config, log: Log) -> dict[str, int]:
    """Queue and deliver all that is due now; how many pings wait after that, by hub.

    Raises StoreError.
    """
    store = recovery.open_for_reading(config.database, log)
    publisher = Publisher(store, config, log)
    planned = False
    while publisher.plan():
        planned = True
    if planned:
        time.sleep(SETTLING + (AFTER_CACHES if config.purge else 0))
    for hub in config.hubs:
        while publisher.deliver(hub):
            pass
    waiting = publisher.waiting()
    store.release()
    return waiting
