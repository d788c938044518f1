"""Figures of the processes, in the text format of Prometheus.

A scrape is answered by one worker for all: prometheus-client's multiprocess
mode, where each process keeps its numbers in files that it maps into memory,
in one private directory. A process is known there by a number that it holds a
lock on, not by its pid: so one that was killed has a successor that counts
on in its files, and they never grow in number. Labels come from closed lists
alone, never from a record or an address.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from feeds.delivery import Delivery

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - in a folder that is ours alone
_PREFIX: Final = "feeds-metrics-"
_STATES: Final = {
    "public": "public",
    "hidden": "hidden",
    "merged": "merged",
    "errors": "in error",
    "kept": "kept",
}
# Seconds. A prepared document takes some 50 microseconds, one that is made some milliseconds.
BOUNDS: Final = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_LOAD_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


# -- the directory of several processes -------------------------------------------


@contextmanager
def directory() -> Iterator[None]:
    """Have this process and those that it starts count together; in the end nothing is left."""
    creator, before = os.getpid(), os.environ.get(_VARIABLE)
    # Not on a disk, if that can be: a full one would end a process.
    parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _tidy(parent)
    made = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)  # for this user alone
    os.environ[_VARIABLE] = made
    try:
        yield
    finally:
        if os.getpid() == creator:  # a worker that ends comes by here too
            shutil.rmtree(made, ignore_errors=True)
            _end_sharing(before)


def _tidy(parent: Path) -> None:
    """Remove the directories of servers that were killed: all locks in them are free."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.lstat().st_uid != os.geteuid() or folder.is_symlink():
                continue
            handles = [_locked(file) for file in folder.glob("*.lock")]
            if handles and None not in handles:
                shutil.rmtree(folder, ignore_errors=True)
            for handle in handles:
                if handle is not None:
                    os.close(handle)


def _shared() -> Path | None:
    """The directory, where several processes count together."""
    named = os.environ.get(_VARIABLE)
    return Path(named) if named else None


class _Number:
    """The number that this process has in a directory; another one after a fork."""

    def __init__(self) -> None:
        self._held: tuple[int, Path, str, int] | None = None
        self._lock = Lock()

    def __call__(self) -> str:
        """The number, which no other process has while this one lives."""
        folder = _shared()
        assert folder is not None  # noqa: S101 - nothing else asks
        with self._lock:
            held = self._held
            if held is None or held[:2] != (os.getpid(), folder):
                self._held = held = (os.getpid(), folder, *self._take(folder))
            return held[2]

    @staticmethod
    def _take(folder: Path) -> tuple[str, int]:
        for number in map(str, count()):
            handle = _locked(folder / f"{number}.lock")
            if handle is not None:
                _forget(number, folder)  # the one before
                return number, handle
        raise AssertionError


def _locked(file: Path) -> int | None:
    """A handle that holds the lock of a file, until it is closed; None where another one does."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _forget(number: str, folder: Path) -> None:
    mark_process_dead(number, str(folder))  # type: ignore[no-untyped-call]


def _bury(folder: Path) -> None:
    """Remove what only the living have (gauges), of those who are not."""
    for file in folder.glob("*.lock"):
        handle = _locked(file)
        if handle is not None:
            _forget(file.stem, folder)
            os.close(handle)


_number: Final = _Number()
_choosing: Final = Lock()
_chosen: list[Path] = []


def _choose_values() -> None:
    """Have metrics that are made from now on count in files, where there is a directory."""
    folder = _shared()
    with _choosing:
        if folder is not None and not _chosen:
            _chosen.append(folder)
            values.ValueClass = values.MultiProcessValue(_number)  # type: ignore[no-untyped-call]


def _end_sharing(before: str | None) -> None:
    """Have this process count for itself again, or in the directory that there was before."""
    with _choosing:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before
        if _chosen:
            _chosen.clear()
            values.ValueClass = values.MutexValue


# -- what is counted ----------------------------------------------------------------


class Asked(NamedTuple):
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
            _choose_values()
            self._declare()
        except OSError:  # nothing can be written there: this process counts for itself
            _end_sharing(None)
            self._declare()

    def _declare(self) -> None:
        own = self._own = CollectorRegistry()
        self._requests = Counter("feeds_requests", "Requests answered", Asked._fields, registry=own)
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

    def answered(self, answers: Mapping[Asked, Answers]) -> None:
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
        folder = _shared()
        together = CollectorRegistry()
        if folder is None:
            together.register(_Of(self._own))
        else:
            with suppress(OSError):
                _bury(folder)
            MultiProcessCollector(together, str(folder))  # type: ignore[no-untyped-call]
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
    made = Metrics() if _shared() else None
    return made if _shared() else None


def host_of(url: str) -> str:
    """What a hub or a cache is called: its URL may hold what is nobody's business."""
    return urlsplit(url).hostname or ""


# -- what the store says --------------------------------------------------------------


class Standing(Collector):
    """What the store holds, as the worker that is asked knows it."""

    def __init__(self, delivery: Delivery, version: str, waiting: Mapping[str, int]) -> None:
        self._delivery = delivery
        self._version = version
        self._waiting = waiting

    def collect(self) -> Iterable[Metric]:
        state, health = self._delivery.generation(), self._delivery.health
        answers = self._delivery.answers
        yield _gauge("feeds_info", "The version that answers", {"version": self._version}, 1)
        yield _gauge("feeds_generation", "Which load is served", {}, state.generation)
        yield _gauge("feeds_store_up", "Whether the store answers", {}, int(answers))
        yield _gauge(
            "feeds_degraded", "Whether the last load failed", {}, int(bool(health.degraded))
        )
        yield _gauge("feeds_entries", "Entries in all", {}, health.counts.get("entries", 0))
        loaded = health.loaded or state.loaded
        yield _gauge("feeds_last_load_timestamp_seconds", "When it was loaded", {}, loaded)
        yield _gauge(
            "feeds_last_look_timestamp_seconds", "When a load was last tried", {}, health.checked
        )
        records = GaugeMetricFamily("feeds_records", "Record files by state", labels=["state"])
        for name, state_name in _STATES.items():
            records.add_metric([state_name], health.counts.get(name, 0))
        yield records
        waiting = GaugeMetricFamily(
            "feeds_hub_pings_waiting", "Pings that are still to be made", labels=["hub"]
        )
        by_host: dict[str, int] = {}
        for hub, number in self._waiting.items():
            by_host[host_of(hub)] = by_host.get(host_of(hub), 0) + number
        for host, number in by_host.items():
            waiting.add_metric([host], number)
        yield waiting


def _gauge(name: str, about: str, labels: Mapping[str, str], value: Any) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[*labels])
    family.add_metric([*labels.values()], value)
    return family
