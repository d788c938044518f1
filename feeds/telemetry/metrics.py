"""Figures of the processes, in the text format of Prometheus.

A scrape is answered by one worker for all (`feeds.telemetry.multiprocess`). Labels come
from closed lists alone, never from a record or an address.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from feeds.telemetry import multiprocess

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
# Seconds. A prepared document takes some 50 microseconds, one that is made some milliseconds.
_BOUNDS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_LOAD_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class RequestLabels(NamedTuple):
    """The labels by which requests are counted, each from a closed list."""

    kind: str
    status: int
    coding: str
    outcome: str


@dataclass(slots=True)
class Answers:
    """Requests that have labels in common: bytes sent and saved, and the seconds each took."""

    sent: int = 0
    saved: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, sent: int, saved: int, seconds: Iterable[float]) -> None:
        """Count more of them."""
        self.sent += sent
        self.saved += saved
        self.seconds.extend(seconds)


class Metrics:
    """The figures of this process, and the text of those of all."""

    def __init__(self) -> None:
        try:
            multiprocess.enable_multiprocess()
            self._declare()
        except OSError:  # nothing can be written there: this process counts for itself
            multiprocess.disable_multiprocess()
            self._declare()

    def _declare(self) -> None:
        own = self._own = CollectorRegistry()
        self._requests = Counter(
            "feeds_requests", "Requests answered", RequestLabels._fields, registry=own
        )
        self._times = Histogram(
            "feeds_request_duration_seconds",
            "Time to answer, without that of sending",
            ("outcome",),
            buckets=_BOUNDS,
            registry=own,
        )
        self._sent = Counter(
            "feeds_sent_bytes", "Bytes of bodies sent", ("kind", "coding"), registry=own
        )
        self._saved = Counter(
            "feeds_saved_bytes",
            "Bytes of bodies that 304 and 226 left out",
            ("outcome",),
            registry=own,
        )
        self._loads = Counter("feeds_loads", "Loads of the folder", ("outcome",), registry=own)
        self._load_times = Histogram(
            "feeds_load_duration_seconds",
            "Time that loads took",
            ("outcome",),
            buckets=_LOAD_BOUNDS,
            registry=own,
        )
        self._pings = Counter(
            "feeds_hub_pings", "Times that a hub was told of a feed", ("hub", "outcome"),
            registry=own,
        )  # fmt: skip
        self._purges = Counter(
            "feeds_cache_purges",
            "Times that a cache was told what to forget",
            ("cache", "outcome"),
            registry=own,
        )
        self._workers = Gauge(
            "feeds_workers", "Processes that answer", registry=own, multiprocess_mode="livesum"
        )
        self._held = Gauge(
            "feeds_prepared_documents",
            "Documents that workers hold ready",
            registry=own,
            multiprocess_mode="livesum",
        )
        self._held_bytes = Gauge(
            "feeds_prepared_bytes",
            "Memory that they take",
            registry=own,
            multiprocess_mode="livesum",
        )

    def answered(self, answers: Mapping[RequestLabels, Answers]) -> None:
        """Count requests. Raises OSError when the directory is gone."""
        for labels, some in answers.items():
            self._requests.labels(*map(str, labels)).inc(len(some.seconds))
            self._sent.labels(labels.kind, labels.coding).inc(some.sent)
            if some.saved:
                self._saved.labels(labels.outcome).inc(some.saved)
            _observe(self._times.labels(labels.outcome), some.seconds)

    def holds(self, documents: int, size: int) -> None:
        """Say that this process answers, and what it holds ready, in bytes."""
        self._workers.set(1)
        self._held.set(documents)
        self._held_bytes.set(size)

    def loaded(self, outcome: str, seconds: float) -> None:
        """Count a load: changed, unchanged or failed."""
        with suppress(OSError):  # who removed the directory counts for nothing
            self._loads.labels(outcome).inc()
            self._load_times.labels(outcome).observe(seconds)

    def pinged(self, hub: str, outcome: str) -> None:
        """Count a ping to a hub by its outcome: done, again or dropped."""
        with suppress(OSError):
            self._pings.labels(host_of(hub), outcome).inc()

    def purged(self, cache: str, outcome: str) -> None:
        """Count a purge of a cache by its outcome: done or again."""
        with suppress(OSError):
            self._purges.labels(host_of(cache), outcome).inc()

    def render(self, more: Collector | None = None) -> bytes:
        """The figures of all processes, and those of `more`, in the text format of Prometheus."""
        registry, shared = CollectorRegistry(), multiprocess.folder()
        if more is not None:
            registry.register(more)
        if shared is None:
            registry.register(self._own)
            return generate_latest(registry)
        MultiProcessCollector(registry, str(shared))  # type: ignore[no-untyped-call]
        with multiprocess.undisturbed(shared):
            multiprocess.reap_dead_workers(shared)
            return generate_latest(registry)


def _observe(times: Histogram, seconds: Sequence[float]) -> None:
    """Observe many at once, which the client has no word for: one by one, each takes 1.7 us."""
    times._sum.inc(sum(seconds))  # noqa: SLF001
    for bucket, number in Tally(bisect_left(_BOUNDS, one) for one in seconds).items():
        times._buckets[bucket].inc(number)  # noqa: SLF001


def shared() -> Metrics | None:
    """The figures of a process beside those that answer; None where no one would see them."""
    metrics = Metrics() if multiprocess.folder() else None
    return metrics if multiprocess.folder() else None  # it may have left the directory


def host_of(url: str) -> str:
    """The host of a hub or a cache, its name in figures: the rest of its URL may hold secrets."""
    return urlsplit(url).hostname or ""
