"""The store: tables, and the queries that feeds are made from.

SQLAlchemy Core over SQLite by default. It is a derived index: everything in
it can be made again from the seeds, but for when an undated record was first
seen and when an entry last changed.

Times are stored as whole seconds since 1970, UTC. `position` orders entries:
the time of publication in the upper bits and 20 bits of the id below, so that
one integer sorts, pages and compares.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    bindparam,
    create_engine,
    event,
    exists,
    func,
    inspect,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateTable

from feeds import search
from feeds.filters import NONE, Filters, narrowing
from feeds.model import FeedsError, Label

_metadata = MetaData()

state = Table(
    "state",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("schema", String, nullable=False),
    Column("reading", String, nullable=False),  # how the records were read
    Column("writes", Integer, nullable=False),  # how often rows of files were written
    Column("generation", Integer, nullable=False),
    Column("loaded", BigInteger, nullable=False),
)

# One row for every file that was looked at, whatever came of it.
files = Table(
    "files",
    _metadata,
    Column("path", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime", BigInteger, nullable=False),  # nanoseconds
    Column("digest", LargeBinary, nullable=False),
    Column("outcome", String, nullable=False),  # public, hidden, error, other
    Column("reason", String, nullable=False),  # why it is hidden
    Column("problems", String, nullable=False),  # JSON list of Problem, empty for none
    Index("files_outcome", "outcome", "reason"),
    Index("files_problems", "path", sqlite_where=text("problems != ''")),
)

# What the readable ones say, public or hidden.
records = Table(
    "records",
    _metadata,
    Column("path", String, primary_key=True),
    Column("entry_id", String, nullable=False),
    Column("public", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("undated", Integer, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("shown", LargeBinary, nullable=False),  # digest of what a feed may show
    Column("version", LargeBinary, nullable=False),  # of that and the date
    Column("data", LargeBinary, nullable=False),  # JSON of Record
    Index("records_entry_id", "entry_id"),
    Index("records_public", "public", "undated", "published"),
)

# The public ones, merged.
entries = Table(
    "entries",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("entry_id", String, nullable=False, unique=True),  # the key of its copies
    Column("shown_id", String, nullable=False),  # that, or the id of its own
    Column("path", String, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("month", Integer, nullable=False),  # of publication: year * 12 + month - 1
    Column("published", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("version", LargeBinary, nullable=False),
    Column("gone", String, nullable=False),  # ids of related coverage that was removed
    Column("type", String, nullable=False),
    Column("type_name", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("provider_name", String, nullable=False),
    Column("provider_slug", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("heat", Integer, nullable=False),
    # What most filters look at is in the index.
    Index("entries_position", "position", "quality", "heat", "type", "provider"),
    Index("entries_heat", "heat", "position"),
    Index("entries_type", "type", "position"),
    Index("entries_provider", "provider", "position"),
    Index("entries_provider_slug", "provider", "provider_slug", "position"),
)

entry_topics = Table(
    "entry_topics",
    _metadata,
    Column("entry", Integer, primary_key=True),
    Column("topic", String, primary_key=True),
    Column("rank", Integer, nullable=False),  # the order in the record
    Column("name", String, nullable=False),  # the spelling of the record
    Column("position", BigInteger, nullable=False),
    Column("month", Integer, nullable=False),
    Column("provider", String, nullable=False),
    Column("provider_slug", String, nullable=False),
    Index("entry_topics_topic", "topic", "position"),
    Index("entry_topics_provider", "topic", "provider", "position"),
)

# Which entries list which others as coverage of their story.
coverage = Table(
    "coverage",
    _metadata,
    Column("entry", Integer, primary_key=True),
    Column("target", String, primary_key=True),  # an entry id
    Index("coverage_target", "target"),
)

# How entries spell the names of topics, providers and types, and how often:
# labels are made of these, without counting the entries again.
spellings = Table(
    "spellings",
    _metadata,
    Column("kind", String, primary_key=True),  # of labels, or icon:kind
    Column("slug", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("entries", Integer, nullable=False),
)

# The names shown: of each topic, provider, provider of several on a domain, type.
labels = Table(
    "labels",
    _metadata,
    Column("kind", String, primary_key=True),  # topic, provider, name, type
    Column("slug", String, primary_key=True),  # for kind name: key/slug
    Column("name", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

# Where entries were before they left a scope or moved within it: without
# these, a feed that lost an entry would look unchanged to If-Modified-Since.
departures = Table(
    "departures",
    _metadata,
    Column("scope", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("departed", BigInteger, nullable=False),
)

# One row: what came of the last load that was tried, and of the last that succeeded.
health = Table(
    "health",
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("checked", BigInteger, nullable=False),
    Column("loaded", BigInteger, nullable=False),
    Column("degraded", String, nullable=False),  # what is wrong; empty when nothing is
    Column("counts", String, nullable=False),  # JSON of a report's numbers, by name
)


_index_of_words: Final = search.declare(_metadata)


def _digest_of_tables() -> str:
    tables = _metadata.sorted_tables
    made = [str(CreateTable(table)) for table in tables] + [_index_of_words]
    made += sorted(f"{i.name} {i.columns.keys()}" for t in tables for i in t.indexes)
    return hashlib.sha256("".join(made).encode()).hexdigest()[:16]


# A store with other tables, from an older or newer version, is made anew.
SCHEMA: Final = _digest_of_tables()


_WAL_ATTEMPTS: Final = 600
_WAL_PAUSE: Final = 0.1  # seconds


class StoreError(FeedsError):
    """The store can't be opened, read or written."""


class Scope(NamedTuple):
    """Which entries a feed draws on; empty strings don't narrow.

    `provider` is a provider's key, `name` the slug of one of several names on
    that domain.
    """

    topic: str = ""
    provider: str = ""
    name: str = ""
    type: str = ""

    def key(self) -> str:
        """The scope as a key of `departures`."""
        return "\t".join(self)


class State(NamedTuple):
    """Generation of the store, and when it was loaded (seconds); generation 0 is empty."""

    generation: int
    loaded: int


class Health(NamedTuple):
    """How loading goes: seconds of the last load tried, of the last good one and its numbers."""

    checked: int
    loaded: int
    degraded: str
    counts: Mapping[str, Any]


class Row(NamedTuple):
    """One entry as the store has it."""

    row: int
    entry_id: str
    shown_id: str
    position: int
    published: int
    updated: int
    changed: int
    version: bytes
    gone: str
    type: str
    quality: int
    data: bytes


class Tally(NamedTuple):
    """A topic, provider, name or type with what is known of it."""

    slug: str
    name: str
    icon: str
    entries: int
    latest: int
    changed: int = 0


class Window(NamedTuple):
    """Positions from `first` on and before `end`; None is no bound."""

    first: int | None = None
    end: int | None = None


EVERYTHING: Final = Window()


def month_of(published: int) -> int:
    """The month of a time in seconds, as `entries.month` counts it."""
    date = datetime.fromtimestamp(published, UTC)
    return date.year * 12 + date.month - 1


def month_window(month: int) -> Window:
    """The positions of what was published in a month."""
    first, end = (
        int(datetime(m // 12, m % 12 + 1, 1, tzinfo=UTC).timestamp()) << 20
        for m in (month, month + 1)
    )
    return Window(first, end)


def position_at(seconds: int) -> int:
    """The least position of anything published at `seconds`."""
    return seconds << 20


def position(published: int, entry_id: str) -> int:
    """The sort key of an entry: newest last, ties in the order of a hash of the id."""
    return (published << 20) | (uuid.uuid5(uuid.NAMESPACE_URL, entry_id).int & 0xFFFFF)


class Store:
    """One database. Safe to share between threads, not across a fork.

    `turns` counts how often `refresh` turned to another database.
    """

    def __init__(self, url: str, locate: Callable[[], str] | None = None) -> None:
        """Connect to `url` and make the tables when they aren't there.

        `locate` tells `refresh` at which URL the database is now. Raises
        StoreError with a message that names the database.
        """
        self.url = make_url(url)
        self.name = self.described(url)
        self.turns = 0
        self._locate = locate or (lambda: url)
        self._place = _Place(self.file)
        with self._errors(OSError, ImportError):  # its folder, its driver
            self.engine = _engine(url, self._place)
            self._prepare()
            self._place.mark = _mark(self.file)

    def refresh(self) -> bool:
        """Turn to the database that is in the place of this one, if there is another by now.

        Only to one that holds a load: until then, the connections that are
        open still reach the file that was removed. Never makes one. True
        when it turned.
        """
        url = self._locate()
        parsed = make_url(url)
        mark = _mark(sqlite_file(parsed))
        if mark is None or (mark == self._place.mark and parsed == self.url):
            return False
        place = _Place(sqlite_file(parsed), mark)
        engine = _engine(url, place)
        try:
            with engine.connect() as connection, connection.begin():
                reader = Reader(connection)
                ready = self._is_ready(connection) and reader.state().generation > 0
        except (SQLAlchemyError, StoreError):
            ready = False
        if not ready:
            engine.dispose()
            return False
        before, self.engine = self.engine, engine
        self.url, self.name, self._place = parsed, self.described(url), place
        self.turns += 1
        before.dispose()
        return True

    @property
    def replaced(self) -> bool:
        """Whether the database file is gone, or another one is in its place."""
        return self.file is not None and _mark(self.file) != self._place.mark

    @staticmethod
    def described(url: str) -> str:
        """The URL without its password."""
        return make_url(url).render_as_string(hide_password=True)

    @contextmanager
    def _errors(self, *more: type[Exception]) -> Iterator[None]:
        """What the database complains of as a StoreError that names it."""
        caught: tuple[type[Exception], ...] = (SQLAlchemyError, *more)
        try:
            yield
        except caught as error:
            raise StoreError(f"the store {self.name} can't be used: {_cause(error)}") from error

    def _prepare(self) -> None:
        with self.read() as reader:
            if self._is_ready(reader.connection):
                return
        # Of several processes that start at once, the first makes the tables.
        with self.write() as connection:
            if not self._is_ready(connection):
                _metadata.drop_all(connection)
                _metadata.create_all(connection)
                connection.execute(
                    state.insert().values(
                        id=1, schema=SCHEMA, reading="", writes=0, generation=0, loaded=0
                    )
                )

    def _is_ready(self, connection: Connection) -> bool:
        found = set(inspect(connection).get_table_names())
        if found and "state" not in found:
            raise StoreError(
                f"the store {self.name} holds something else: {', '.join(sorted(found))}; "
                "give FEEDS_DATABASE_URL a database of its own"
            )
        return bool(found) and connection.execute(select(state.c.schema)).scalar() == SCHEMA

    @property
    def file(self) -> Path | None:
        """The database file, where the store is one."""
        return sqlite_file(self.url)

    def release(self) -> None:
        """Close the idle connections: none of them may be carried across a fork."""
        if not _in_memory(self.url):
            self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A consistent view: all queries of one `with` block see one generation."""
        with self.engine.connect() as connection, connection.begin():
            yield Reader(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that excludes other writers from its first statement on.

        Raises StoreError.
        """
        with self._errors(), self.engine.connect() as connection:
            connection.execution_options(feeds_write=True)
            with connection.begin():
                yield connection


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def is_in_memory(url: str) -> bool:
    """Whether an SQLAlchemy URL names a database that one process has for itself."""
    return _in_memory(make_url(url))


def _in_memory(url: URL) -> bool:
    return _is_sqlite(url) and url.database in {None, "", ":memory:"}


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database that is one."""
    return Path(str(url.database)) if _is_sqlite(url) and not _in_memory(url) else None


def _mark(file: Path | None) -> tuple[int, int] | None:
    """What tells a file from another one of its name."""
    try:
        status = file.stat() if file else None
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status else None


@dataclass
class _Place:
    """A database file: once it has a mark, it may be neither made nor another one."""

    file: Path | None
    mark: tuple[int, int] | None = None

    def check(self) -> None:
        if self.mark is not None and _mark(self.file) != self.mark:
            raise sqlite3.OperationalError("the database file was removed or replaced")


# Queries take a millisecond or two, and few run at a time (documents.making):
# a thread that has to wait for a connection gets one soon. Each connection
# that is kept holds up to 2 MB of pages.
_POOL: Final = {"pool_size": 4, "max_overflow": 8, "pool_timeout": 30}


def _use_wal(cursor: Any) -> None:
    """Turn to write-ahead logging, so that a load keeps no reader waiting.

    SQLite doesn't wait for this one, as for other locks, when several
    processes open a new database at once.
    """
    for attempt in range(_WAL_ATTEMPTS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt + 1 == _WAL_ATTEMPTS:
                raise
            time.sleep(_WAL_PAUSE)
        else:
            return


def _engine(url: str, place: _Place) -> Engine:
    parsed = make_url(url)
    if not _is_sqlite(parsed):
        return create_engine(url, pool_pre_ping=True, **_POOL)
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} | _POOL
    if _in_memory(parsed):
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif place.file and place.mark is None:
        place.file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, **options)

    @event.listens_for(engine, "do_connect")
    def open_only(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> None:
        if place.mark is not None:
            place.check()
            # Without this, SQLite would make a file that is missing.
            arguments[0] = f"file:{quote(str(place.file))}?mode=rw"
            options["uri"] = True

    @event.listens_for(engine, "connect")
    def connect(connection: DBAPIConnection, _: object) -> None:
        # sqlite3 begins no transaction before a SELECT; SQLAlchemy's BEGIN
        # below makes several of them see one state.
        connection.isolation_level = None
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.close()
        place.check()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("feeds_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def note_health(
    connection: Connection,
    degraded: str = "",
    counts: Mapping[str, Any] | None = None,
    now: int | None = None,
) -> None:
    """Note what came of a load: its `counts` when it was good, or what is wrong."""
    moment = int(time.time()) if now is None else now
    values: dict[str, Any] = {"checked": moment, "degraded": degraded}
    if counts is not None:
        values |= {"loaded": moment, "counts": msgspec.json.encode(counts).decode()}
    if not connection.execute(health.update().values(values)).rowcount:
        row = {"id": 1, "loaded": 0, "counts": "{}"} | values
        connection.execute(health.insert().values(row))


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


class Reader:
    """The queries of one consistent view."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def state(self) -> State:
        return State._make(self.connection.execute(_STATE).one())

    def health(self) -> Health:
        """How loading goes; times of 0 before the first load."""
        row = self.connection.execute(_HEALTH).first()
        if row is None:
            return Health(0, 0, "", {})
        return Health(row.checked, row.loaded, row.degraded, msgspec.json.decode(row.counts))

    def label(self, kind: str, slug: str) -> Tally | None:
        """What is known of one topic, provider, name (key/slug) or type."""
        found = self.connection.execute(_LABEL, {"kind": kind, "slug": slug}).first()
        return Tally._make(found) if found else None

    def labels(self, kind: str) -> list[Tally]:
        """All topics, providers, names or types, by name."""
        rows = self.connection.execute(_LABELS, {"kind": kind}).all()
        return sorted((Tally._make(row) for row in rows), key=lambda t: (t.name.casefold(), t.slug))

    def count(self, scope: Scope, window: Window = EVERYTHING, filters: Filters = NONE) -> int:
        """How many entries a scope has in a window; of a search, `search.COUNTED` at most."""
        given = _given(scope, window, filters)
        return int(self.connection.execute(_count(frozenset(given)), given).scalar_one())

    def pairs(self) -> list[tuple[str, str, str, int]]:
        """Every topic and provider that have entries together.

        Topic, provider key, slug of the provider's name, number of entries.
        """
        columns = (entry_topics.c.topic, entry_topics.c.provider, entry_topics.c.provider_slug)
        query = select(*columns, func.count()).where(entry_topics.c.provider != "")
        rows = self.connection.execute(query.group_by(*columns).order_by(*columns))
        return [(topic, key, slug, number) for topic, key, slug, number in rows]

    def page(
        self,
        scope: Scope,
        limit: int,
        offset: int = 0,
        window: Window = EVERYTHING,
        filters: Filters = NONE,
    ) -> list[Row]:
        """`limit` entries of a scope and window, in their order, after the first `offset`."""
        given = _given(scope, window, filters)
        chosen = _chosen_rows(frozenset(given), filters.sort)
        given |= {"limit": limit, "offset": offset}
        if filters.sort == "newest" and not filters.q:
            query = _page(chosen)
            return [Row._make(row) for row in self.connection.execute(query, given).all()]
        ids = list(self.connection.execute(chosen, given).scalars())
        rows = self.connection.execute(_ROWS, {"rows": ids}).all()
        found = {row.id: Row._make(row) for row in rows}
        return [found[row] for row in ids]

    def rows_of(self, ids: Sequence[str]) -> list[Row]:
        """The entries that have these keys, newest first."""
        rows = self.connection.execute(_ROWS_BY_KEY, {"ids": list(ids)}).all()
        return [Row._make(row) for row in rows]

    def listed_by(self, rows: Sequence[int]) -> list[tuple[int, str]]:
        """Which keys the entries in these rows list as coverage of their story: row, key."""
        found = self.connection.execute(_LISTED, {"rows": list(rows)})
        return [(row, key) for row, key in found]

    def months(self, scope: Scope) -> list[tuple[int, int]]:
        """The months that a scope has entries in, newest first, with their numbers."""
        given = _given(scope, EVERYTHING)
        rows = self.connection.execute(_months(frozenset(given)), given).all()
        return [(month, number) for month, number in rows]

    def neighbours(
        self, scope: Scope, month: int, window: Window = EVERYTHING, filters: Filters = NONE
    ) -> tuple[int | None, int | None]:
        """The nearest months before and after `month` that a scope has entries in."""
        first, end = month_window(month)
        before = _given(scope, window._replace(end=first), filters)
        after = _given(scope, window._replace(first=end), filters)
        older = self.connection.execute(_extreme(frozenset(before), newest=True), before).scalar()
        newer = self.connection.execute(_extreme(frozenset(after), newest=False), after).scalar()
        return _month_at(older), _month_at(newer)

    def topics_of(self, rows: Sequence[int]) -> dict[int, list[Label]]:
        """The topics of the entries in these rows, in the order of their records."""
        pairs = self.connection.execute(_TOPICS, {"rows": rows}).all()
        # Few topics for many entries: cheaper than a join.
        wanted = {"kind": "topic", "slugs": list({slug for _, slug in pairs})}
        topics = {slug: Label(slug, name) for slug, name in self.connection.execute(_NAMES, wanted)}
        found: dict[int, list[Label]] = {}
        for entry, slug in pairs:
            found.setdefault(entry, []).append(topics[slug])
        return found

    def modified(self, scope: Scope, window: Window) -> int:
        """When what a scope has in a window last changed, in seconds.

        That is the latest change of an entry in it, or departure of one that
        was in it.
        """
        given = _given(scope, window)
        query = _modified(frozenset(given))
        changed, departed = self.connection.execute(query, given | {"scope": scope.key()}).one()
        return max(changed or 0, departed or 0)


def _month_at(position: int | None) -> int | None:
    return None if position is None else month_of(position >> 20)


# -- statements ----------------------------------------------------------------
# Building one takes longer than running it, so each is built once: for every
# set of names that a scope and a window give, out of the few that there are.

_STATE = select(state.c.generation, state.c.loaded)
_HEALTH = select(health)
_LABELS = select(
    labels.c.slug,
    labels.c.name,
    labels.c.icon,
    labels.c.entries,
    labels.c.latest,
    labels.c.changed,
).where(labels.c.kind == bindparam("kind"))
_LABEL = _LABELS.where(labels.c.slug == bindparam("slug"))
_TOPICS = (
    select(entry_topics.c.entry, entry_topics.c.topic)
    .where(entry_topics.c.entry.in_(bindparam("rows", expanding=True)))
    .order_by(entry_topics.c.entry, entry_topics.c.rank)
)
_NAMES = select(labels.c.slug, labels.c.name).where(
    labels.c.kind == bindparam("kind"), labels.c.slug.in_(bindparam("slugs", expanding=True))
)
_ROW = select(
    entries.c.id,
    entries.c.entry_id,
    entries.c.shown_id,
    entries.c.position,
    entries.c.published,
    entries.c.updated,
    entries.c.changed,
    entries.c.version,
    entries.c.gone,
    entries.c.type,
    entries.c.quality,
    records.c.data,
).join(records, records.c.path == entries.c.path)

_Names = frozenset[str]


def _given(scope: Scope, window: Window, filters: Filters = NONE) -> dict[str, Any]:
    """What narrows a query, by the names of the parameters in `_conditions`."""
    if scope.topic and scope.type:
        raise ValueError("a scope has a topic or a type, not both")
    given: dict[str, Any] = {name: slug for name, slug in scope._asdict().items() if slug}
    given |= {name: at for name, at in window._asdict().items() if at is not None}
    for name, value in narrowing(filters).items():
        if name == "q":
            given["q"] = search.expression(value)
        else:
            given[_FILTER + name] = list(value) if isinstance(value, tuple) else value
    return given


_FILTER: Final = "filter_"


def _is_filtered(names: _Names) -> bool:
    return any(name.startswith(_FILTER) for name in names)


def _table(names: _Names) -> Table:
    """Where an entry's scope and position are looked up."""
    return entry_topics if "topic" in names and "q" not in names else entries


def _source(names: _Names, *, whole: bool = False) -> FromClause:
    """What is selected from; `whole` when columns of `entries` are needed."""
    table = _table(names)
    if "q" in names:
        found = search.matches(entries.c.position, entries.c.id)
        return found.table.join(entries, found.joined)
    if table is entry_topics and (whole or _is_filtered(names)):
        return entry_topics.join(entries, entries.c.id == entry_topics.c.entry)
    return table


def _conditions(names: _Names) -> list[ColumnElement[bool]]:
    table = _table(names)
    columns = {
        "provider": table.c.provider,
        "name": table.c.provider_slug,
        "type": entries.c.type,
    }
    found = [column == bindparam(name) for name, column in columns.items() if name in names]
    if "topic" in names:
        wanted: Any = bindparam("topic")
        walked = table is entry_topics
        found.append(table.c.topic == wanted if walked else _with_topic(_other.c.topic == wanted))
    if "q" in names:
        found.append(search.matches(entries.c.position, entries.c.id).matching)
    made = (make(_FILTER + name) for name, make in _FILTERS.items() if _FILTER + name in names)
    return [*found, *made, *_bounds(table.c.position, names)]


def _any(name: str) -> Any:
    return bindparam(name, expanding=True)


_other = entry_topics.alias("other")
_FILTERS: Final[Mapping[str, Callable[[str], ColumnElement[bool]]]] = {
    "topic": lambda name: _with_topic(_other.c.topic.in_(_any(name))),
    "provider": lambda name: entries.c.provider.in_(_any(name)),
    "type": lambda name: entries.c.type.in_(_any(name)),
    "exclude_topic": lambda name: ~_with_topic(_other.c.topic.in_(_any(name))),
    "exclude_provider": lambda name: entries.c.provider.not_in(_any(name)),
    "min_quality": lambda name: entries.c.quality >= bindparam(name),
    "min_heat": lambda name: entries.c.heat >= bindparam(name),
}


def _with_topic(is_topic: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether an entry has a topic that `is_topic` is true of."""
    return exists().where(_other.c.entry == entries.c.id, is_topic)


def _bounds(place: Column[int], names: _Names) -> list[ColumnElement[bool]]:
    bounds = {"first": place >= bindparam("first"), "end": place < bindparam("end")}
    return [bound for name, bound in bounds.items() if name in names]


def _chosen(names: _Names, *columns: ColumnElement[Any], whole: bool = False) -> Select[Any]:
    return select(*columns).select_from(_source(names, whole=whole)).where(*_conditions(names))


@cache
def _count(names: _Names) -> Select[Any]:
    if "q" not in names:
        return _chosen(names, func.count())
    some = _chosen(names, literal_column("1")).limit(search.COUNTED)
    return select(func.count()).select_from(some.subquery())


@cache
def _chosen_rows(names: _Names, sort: str) -> Select[Any]:
    """The numbers of the rows of a page, in their order."""
    table = _table(names)
    row = entry_topics.c.entry if table is entry_topics else entries.c.id
    matches = search.matches(entries.c.position, entries.c.id)
    if sort == "heat":
        chosen = _chosen(names, row, whole=True)
        chosen = chosen.order_by(entries.c.heat.desc(), table.c.position.desc())
    elif sort == "relevance":
        some = _chosen(names, row, matches.score.label("score"), entries.c.position)
        newest = some.order_by(matches.order).limit(search.RANKED).subquery()
        chosen = select(newest.c.id).order_by(newest.c.score, newest.c.position.desc())
    else:
        newest_first = matches.order if "q" in names else table.c.position.desc()
        chosen = _chosen(names, row).order_by(newest_first)
    return chosen.limit(bindparam("limit")).offset(bindparam("offset"))


@cache
def _page(chosen: Select[Any]) -> Select[Any]:
    query = _ROW.where(entries.c.id.in_(chosen.scalar_subquery()))
    return query.order_by(entries.c.position.desc(), entries.c.entry_id)


_ROWS = _ROW.where(entries.c.id.in_(bindparam("rows", expanding=True)))
_ROWS_BY_KEY = _ROW.where(entries.c.entry_id.in_(bindparam("ids", expanding=True))).order_by(
    entries.c.position.desc(), entries.c.entry_id
)
_LISTED = select(coverage.c.entry, coverage.c.target).where(
    coverage.c.entry.in_(bindparam("rows", expanding=True))
)


@cache
def _months(names: _Names) -> Select[Any]:
    month = _table(names).c.month
    return _chosen(names, month, func.count()).group_by(month).order_by(month.desc())


@cache
def _extreme(names: _Names, *, newest: bool) -> Select[Any]:
    place = _table(names).c.position
    return _chosen(names, func.max(place) if newest else func.min(place))


@cache
def _modified(names: _Names) -> Select[Any]:
    changed = _chosen(names, func.max(entries.c.changed))
    if "topic" in names:
        changed = changed.join(entries, entries.c.id == entry_topics.c.entry)
    departed = select(func.max(departures.c.departed)).where(
        departures.c.scope == bindparam("scope"), *_bounds(departures.c.position, names)
    )
    return select(changed.scalar_subquery(), departed.scalar_subquery())
