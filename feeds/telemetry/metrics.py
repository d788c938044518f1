"""Figures of the processes, in the text format of Prometheus.

A scrape is answered by one worker for all (`feeds.telemetry.multiprocess`). Labels come
from closed lists alone, never from a record or an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from feeds.telemetry import multiprocess

if TYPE_CHECKING:
    pass

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
# Seconds. A prepared document takes some 50 microseconds, one that is made some milliseconds.
BOUNDS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_LOAD_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class RequestLabels(NamedTuple):
    """What requests have in common: labels, each from a closed list."""

    kind: str
    status: int
    coding: str
    outcome: str


class Answers(NamedTuple):
    """Requests of one kind: their number, bytes sent and saved, and times by bound in seconds."""

    number: int
    sent: int
    saved: int
    times: Sequence[int]
    seconds: float


class _Batched(Histogram):
    """A histogram to which many observations are added at once."""

    def add(self, times: Sequence[int], seconds: float) -> None:
        for value, number in zip(self._buckets, times, strict=True):
            if number:
                value.inc(number)
        self._sum.inc(seconds)


class Metrics:
    """The figures of this process, and how those of all are told."""

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
        self._times = _Batched(
            "feeds_request_duration_seconds",
            "Time to answer, without that of sending",
            ("outcome",),
            buckets=BOUNDS,
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
        """Count requests."""
        for asked, some in answers.items():
            self._requests.labels(*map(str, asked)).inc(some.number)
            self._sent.labels(asked.kind, asked.coding).inc(some.sent)
            if some.saved:
                self._saved.labels(asked.outcome).inc(some.saved)
            self._times.labels(asked.outcome).add(some.times, some.seconds)

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
        """Count what came of a ping: done, again or dropped."""
        with suppress(OSError):
            self._pings.labels(host_of(hub), outcome).inc()

    def purged(self, cache: str, outcome: str) -> None:
        """Count what came of a purge: done or again."""
        with suppress(OSError):
            self._purges.labels(host_of(cache), outcome).inc()

    def render(self, more: Collector | None = None) -> bytes:
        """The figures of all processes, and `more`."""
        shared = multiprocess.folder()
        together = CollectorRegistry()
        if shared is None:
            together.register(_Of(self._own))
        else:
            with suppress(OSError):
                multiprocess.reap_dead_workers(shared)
            MultiProcessCollector(together, str(shared))  # type: ignore[no-untyped-call]
        if more is not None:
            together.register(more)
        return generate_latest(together)


class _Of(Collector):
    """A registry as part of another one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()


def shared() -> Metrics | None:
    """The figures of a process beside those that answer; None where no one would see them."""
    made = Metrics() if multiprocess.folder() else None
    return made if multiprocess.folder() else None


def host_of(url: str) -> str:
    """What a hub or a cache is called: its URL may hold what is nobody's business."""
    return urlsplit(url).hostname or ""


# -- what the store says --------------------------------------------------------------
