"""What the operator sees: /metrics for Prometheus, /stats/ for people.

On the feeds' own address, or at one of its own where that is set. Neither is
in the sitemap, indexed or cached.
"""

from __future__ import annotations

import time
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import Blueprint, Flask, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from feeds.config import Config
from feeds.follower import ping_queue
from feeds.rendering import plots
from feeds.rendering.assets import ASSETS
from feeds.rendering.plots import Plot
from feeds.serving.document_store import DocumentStore
from feeds.telemetry import metrics, poll_report
from feeds.telemetry.counter import RequestCounter
from feeds.telemetry.metrics import Metrics
from feeds.telemetry.poll_report import Row, share, size, unit_of
from feeds.telemetry.poll_store import DAY, HOUR, Polls, PollStore

if TYPE_CHECKING:
    pass

EXTENSION: Final = "feeds.serving.operator"
_FEEDS: Final = 200  # that the page lists
_READERS: Final = 40
_KEPT: Final = 5.0  # seconds that the page is shown again, however often it is asked for
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_ANSWERS: Final = (
    ("whole", "in full (200)"),
    ("delta", "changes alone (226)"),
    ("same", "not modified (304)"),
)

blueprint: Final = Blueprint("operate", __name__)


class OperatorPages:
    """All that the operator's addresses need of one application."""

    def __init__(
        self,
        delivery: DocumentStore,
        figures: Metrics,
        audience: PollStore | None,
        tally: RequestCounter | None,
        version: str,
    ) -> None:
        self.delivery = delivery
        self.metrics = figures
        self.audience = audience
        self.tally = tally
        self.version = version
        self._page: tuple[float, bytes] | None = None
        self._lock = Lock()

    def figures(self) -> bytes:
        """What /metrics says."""
        if self.tally is not None:
            self.tally.fold()
        standing = metrics.StoreCollector(self.delivery, self.version, self._waiting())
        return self.metrics.render(standing)

    def _waiting(self) -> dict[str, int]:
        hubs = dict.fromkeys(self.delivery.config.hubs, 0)
        if hubs:
            try:
                with self.delivery.store.read() as reader:
                    hubs |= ping_queue.waiting(reader.connection, self.delivery.config.hubs)
            except SQLAlchemyError:
                return {}
        return hubs

    def page(self, now: float) -> bytes:
        """What /stats/ says. `now` in seconds since 1970."""
        with self._lock:
            held = self._page
            if held is None or time.monotonic() - held[0] > _KEPT:
                if self.tally is not None:
                    self.tally.tick(at_once=True)
                body = page(self.delivery, self.audience, now)
                self._page = held = (time.monotonic(), body)
            return held[1]


class Sparked(NamedTuple):
    """A feed as the page lists it; `spark` is its subscribers by day, as a path."""

    row: Row
    url: str
    path: str
    narrowed: bool
    spark: str


def page(delivery: DocumentStore, audience: PollStore | None, now: float) -> bytes:
    """The page of who polls what."""
    hour, today = int(now) // HOUR, int(now) // DAY
    problem = ""
    hours, days = {}, {}
    try:
        if audience is not None:
            hours = audience.hours(hour - poll_report.HOURS_SHOWN + 1)
            days = audience.days(today - poll_report.DAYS_SHOWN + 1)
    except (SQLAlchemyError, ImportError, OSError):
        problem = "Who polled can’t be read right now."
    found = poll_report.lately(hours, now)
    courses: dict[str, dict[int, int]] = {}
    for (day, feed, _), one in days.items():
        course = courses.setdefault(feed, {})
        course[day] = course.get(day, 0) + one.subscribers
    root = delivery.addresses.root
    return delivery.pages.render(
        "stats.html",
        root=root,
        static=lambda name: f"../static/{name}?v={ASSETS[f'static/{name}'].version}",
        problem=problem,
        found=found,
        whole=found.all,
        feeds=[_sparked(row, root, courses.get(row.name, {})) for row in found.feeds[:_FEEDS]],
        left_out=max(len(found.feeds) - _FEEDS, 0),
        readers=found.readers[:_READERS],
        plots=_plots(poll_report.by_hour(hours, now), poll_report.by_day(days, now)),
        size=size,
        share=share,
    )


def _sparked(row: Row, root: str, course: dict[int, int]) -> Sparked:
    path = row.name.removesuffix("?")
    numbers = [course.get(day, 0) for day in range(min(course), max(course) + 1)] if course else []
    is_feed = path.startswith("/")
    url = root + path if is_feed else ""
    return Sparked(row, url, path, row.name.endswith("?"), plots.spark(numbers[-30:]))


class Shown(NamedTuple):
    """A plot, and the same as a table: a heading for each column, and its rows."""

    plot: Plot
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _plots(hours: list[tuple[datetime, Polls]], days: list[Any]) -> list[Shown]:
    """How many subscribed, what polls got, and what they didn't need to be sent."""
    numbers = [day.subscribers for _, day in days]
    subscribers = plots.steps(
        "Subscribers",
        f"At least {numbers[-1]:,} today, {max(numbers):,} at most in {_of(len(numbers), 'day')}.",
        ("people", "subscribers"),
        numbers,
        _day_marks([day for day, _ in days], 9),
    )
    answers = [_parts(polls) for _, polls in hours]
    asked = plots.bars(
        "Polls by hour",
        f"{_of(sum(map(sum, answers)), 'poll')} in {_of(len(hours), 'hour')} (UTC).",
        _ANSWERS,
        answers,
        _hour_marks([hour for hour, _ in hours]),
    )
    bytes_ = [(day.polls.sent, day.polls.saved) for _, day in days]
    unit, name = unit_of(max(map(sum, bytes_)))
    traffic = plots.bars(
        f"Traffic by day, in {name}",
        f"{size(sum(sent for sent, _ in bytes_))} sent, "
        f"{size(sum(saved for _, saved in bytes_))} saved by 304 and 226.",
        (("whole", "sent"), ("same", "saved")),
        bytes_,
        _day_marks([day for day, _ in days], 5),
        unit,
    )
    return [
        Shown(
            subscribers,
            ("Day", "Subscribers, at least"),
            [(f"{day:%Y-%m-%d}", f"{one.subscribers:,}") for day, one in reversed(days)],
        ),
        Shown(
            asked,
            ("Hour, UTC", *(label for _, label in _ANSWERS)),
            [
                (f"{hour:%Y-%m-%d %H:%M}", *(f"{number:,}" for number in _parts(polls)))
                for hour, polls in reversed(hours)
            ],
        ),
        Shown(
            traffic,
            ("Day", "sent", "saved"),
            [
                (f"{day:%Y-%m-%d}", size(one.polls.sent), size(one.polls.saved))
                for day, one in reversed(days)
            ],
        ),
    ]


def _of(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _parts(polls: Polls) -> tuple[int, int, int]:
    return polls.polls - polls.unmodified - polls.deltas, polls.deltas, polls.unmodified


def _hour_marks(hours: list[datetime]) -> list[tuple[int, str]]:
    return [
        (at, f"{hour.day} {hour:%b}" if hour.hour == 0 else f"{hour:%H:%M}")
        for at, hour in enumerate(hours)
        if hour.hour % 12 == 0
    ]


def _day_marks(days: list[datetime], number: int) -> list[tuple[int, str]]:
    """Some days by name, counted back from the last."""
    every = max(len(days) // number, 1)
    names = [(at, f"{day.day} {day:%b}") for at, day in enumerate(days)]
    return names[::-1][every // 2 :: every][::-1] if every > 1 else names


# -- over HTTP ----------------------------------------------------------------------


def desk() -> OperatorPages:
    """The desk of the application that answers."""
    found: OperatorPages = current_app.extensions[EXTENSION]
    return found


@blueprint.before_request
def only_here() -> None:
    """Until somebody says otherwise, this machine alone is answered."""
    config: Config = desk().delivery.config
    if config.metrics == "auto" and not _is_here(request.remote_addr or ""):
        abort(404)


def _is_here(client: str) -> bool:
    return client.startswith("127.") or client.strip("[]") in ("::1", "::ffff:127.0.0.1")


@blueprint.get("/metrics")
def figures() -> Response:
    """The figures of all processes."""
    return _private(Response(desk().figures(), content_type=metrics.CONTENT_TYPE))


@blueprint.get("/stats/")
def stats() -> Response:
    """The page of who polls what."""
    response = Response(desk().page(time.time()), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return _private(response)


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def register(app: Flask, found: OperatorPages) -> None:
    """Have an application that serves feeds answer the operator too, where it should."""
    app.extensions[EXTENSION] = found
    config = found.delivery.config
    if config.metrics == "on" or (config.metrics == "auto" and config.is_local):
        app.register_blueprint(blueprint)
