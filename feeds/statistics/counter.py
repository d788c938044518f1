"""Counts the requests that a worker answers: noted as they come, added up once a second.

To note one is to append to a deque, which is all that a request waits for.
A thread adds them up for Prometheus (`feeds.telemetry.metrics`), and every few seconds
for who polls what (`feeds.statistics.poll_store`). Nothing here ever fails a request.
"""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable
from functools import lru_cache, partial
from threading import Event, Lock, Thread
from typing import Final
from urllib.parse import parse_qs

from sqlalchemy.exc import SQLAlchemyError

from feeds.catalog.addresses import Addresses, FeedQuery
from feeds.messages import first_line
from feeds.model import FeedsError
from feeds.selection import NONE
from feeds.statistics import user_agents
from feeds.statistics.poll_store import PollStore
from feeds.statistics.polls import HOUR, Hours, Key, Polls, over_time
from feeds.telemetry.log import DELTA, NOT_MODIFIED, RequestRecord
from feeds.telemetry.metrics import Answers, Metrics, RequestLabels

_EVERY: Final = 1.0  # seconds between two times that all is added up
_WRITE_EVERY: Final = 5.0  # seconds between two writes into the store
_MANY: Final = 4096  # requests that are added up at once, by the one that made them so many
_KEYS: Final = 10_000  # of an hour, in one worker; what is beyond is counted under other names
_NAMES: Final = 100  # of readers that aren't known
_POLLED: Final = (200, 226, 304)
_FORMATS: Final = {"rss.xml": "rss", "atom.xml": "atom", "feed.json": "json"}
_LISTS: Final = ("feeds.json", "sitemap.xml", "robots.txt")

Warn = Callable[[str], None]


@lru_cache(maxsize=4096)
def kind_of(address: str) -> str:
    """The kind of the document at a canonical address: one of a closed list."""
    path = address.partition("?")[0]
    name = path.rpartition("/")[2]
    if name in _FORMATS:
        return _FORMATS[name]
    if path.startswith("/static/"):
        return "asset"
    if path.startswith("/embed/"):
        return "embed"
    if name.endswith(".opml"):
        return "opml"
    if name in _LISTS:
        return "list"
    return "page" if path.endswith("/") and address else "other"


KINDS: Final = (*_FORMATS.values(), "page", "opml", "list", "embed", "asset", "other")


def feed_of(addresses: Addresses, address: str) -> str:
    """The path of the feed at an address that people subscribe to; empty for other addresses.

    All feeds that filters narrow are one, whose path ends with `?`: searches
    are nobody's business, and there is no end to them.
    """
    path, _, parameters = address.partition("?")
    try:
        query = addresses.parse(path, parse_qs(parameters))
    except FeedsError:
        return ""
    if not isinstance(query, FeedQuery) or not query.file:
        return ""
    if query.month is not None or query.period is not None or query.page > 1:
        return ""
    whole = query._replace(filters=NONE, limit=addresses.limit, content="")
    return addresses.path(whole) + ("" if query.filters == NONE else "?")


class RequestCounter:
    """Counts for one application. Safe to share between threads, and across a fork.

    `holds` tells how many documents there are ready, and their bytes. `clock`
    gives seconds since 1970.
    """

    def __init__(
        self,
        metrics: Metrics,
        poll_store: PollStore | None,
        addresses: Addresses,
        holds: Callable[[], tuple[int, int]],
        warn: Warn,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.metrics = metrics
        self.poll_store = poll_store
        self._feed_of = lru_cache(maxsize=4096)(partial(feed_of, addresses))
        self._holds = holds
        self._warn = warn
        self._clock = clock
        self._answers: deque[RequestRecord] = deque()
        self._folding = Lock()
        self._writing = Lock()
        self._polls: dict[Key, Polls] = {}  # not written yet
        self._known: set[Key] = set()  # of the present hour
        self._names: set[str] = set()
        self._hour = 0
        self._next_write = 0.0
        self._complained = False
        self._thread: Thread | None = None
        method = weakref.WeakMethod(self._after_fork)
        os.register_at_fork(after_in_child=lambda: (after_fork := method()) and after_fork())

    def note(self, answer: RequestRecord) -> None:
        """Count a request."""
        self._answers.append(answer)
        if self._thread is None:
            self.start()
        if len(self._answers) >= _MANY:
            self.fold()

    # -- adding up -----------------------------------------------------------------

    def fold(self) -> None:
        """Add up what was noted; nothing, while another thread does."""
        if not self._folding.acquire(blocking=False):
            return
        try:
            self._fold()
        except OSError as error:  # the directory of the metrics is gone
            self._complain(error)
        finally:
            self._folding.release()

    def _fold(self) -> None:
        groups: defaultdict[tuple[str, int, str, str, str], list[RequestRecord]] = defaultdict(list)
        for _ in range(len(self._answers)):
            one = self._answers.popleft()
            groups[one.address, one.status, one.coding, one.outcome, one.agent].append(one)
        hour = int(self._clock()) // HOUR
        answers: defaultdict[RequestLabels, Answers] = defaultdict(Answers)
        for (address, status, coding, outcome, agent), some in groups.items():
            number, sent = len(some), sum(one.sent for one in some)
            is_same, is_delta = outcome == NOT_MODIFIED, outcome == DELTA
            # A delta may be longer than the feed: it has all that came since, of any age.
            saved = max(sum(one.whole for one in some) - sent, 0) if is_same or is_delta else 0
            labels = RequestLabels(kind_of(address), status, coding, outcome)
            answers[labels].add(sent, saved, (one.seconds for one in some))
            if self.poll_store and status in _POLLED and (feed := self._feed_of(address)):
                polls = Polls(number, number * is_same, number * is_delta, sent, saved)
                self._poll(hour, feed, user_agents.read(agent), polls)
        self.metrics.answered(answers)
        self.metrics.holds(*self._holds())

    def _poll(self, hour: int, feed: str, agent: user_agents.Agent, polls: Polls) -> None:
        if hour != self._hour:
            self._hour = hour
            self._names.clear()
            with self._writing:
                self._known = set(self._polls)  # those that can't be written take up room
        name = agent.name
        if not agent.known and name not in self._names:
            if len(self._names) < _NAMES:
                self._names.add(name)
            else:
                name = user_agents.OTHER
        key = Key(hour, feed, name, agent.source, agent.is_personal)
        if key in self._known or len(self._known) < _KEYS:
            self._known.add(key)
            self._add({key: polls._replace(subscribers=agent.subscribers)})
        else:  # somebody makes them up
            self._add({Key(hour, user_agents.OTHER, user_agents.OTHER): polls})

    def _add(self, batch: Hours) -> None:
        with self._writing:
            for key, polls in batch.items():
                self._polls[key] = over_time([self._polls.get(key, Polls()), polls])

    def write(self) -> None:
        """Write what was added up into the store. It is kept until that is done."""
        with self._writing:
            batch, self._polls = self._polls, {}
        if self.poll_store is None or not batch:
            return
        try:
            self.poll_store.write(batch, self._clock())
            self._complained = False
        except (SQLAlchemyError, ImportError, OSError) as error:
            self._add(batch)
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            cause = first_line(getattr(error, "orig", None) or error)
            self._warn(f"who polls can't be noted just now: {cause}")

    # -- the thread ----------------------------------------------------------------

    def start(self) -> None:
        """Add up now and then, until nobody has this any more."""
        with self._writing:
            if self._thread is not None:
                return
            stop = Event()
            weakref.finalize(self, stop.set).atexit = False
            reference = weakref.ref(self)
            self._thread = Thread(target=_run, args=(reference, stop), name="counter", daemon=True)
            self._thread.start()
        atexit.register(_at_exit, reference, os.getpid())
        self.fold()

    def _after_fork(self) -> None:
        self._thread = None
        self._folding, self._writing = Lock(), Lock()
        self._answers.clear()
        self._polls = {}

    def tick(self, *, at_once: bool = False) -> None:
        """Add up, and write when it is time to, or at once."""
        self.fold()
        now = time.monotonic()
        if at_once or now >= self._next_write:
            self.write()
            self._next_write = now + _WRITE_EVERY


def _run(reference: weakref.ref[RequestCounter], stop: Event) -> None:
    while not stop.wait(_EVERY):
        counter = reference()
        if counter is None:
            return
        counter.tick()
        del counter


def _at_exit(reference: weakref.ref[RequestCounter], pid: int) -> None:
    counter = reference()
    if counter is not None and os.getpid() == pid:
        counter.tick(at_once=True)
