"""PostgreSQL as the store: how it is reached, locked and laid out.

The tables of each version are in a schema of their own, which is named after
its number: while a new version loads, servers of the old one go on reading
theirs. Two versions are kept, the present one and the one before.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from feeds.store.schema import SCHEMA, metadata

NAMESPACE: Final = f"feeds_v{SCHEMA}"
EXTRA: Final = "psycopg isn't installed; pip install 'psycopg[binary]'"
_NAMESPACES: Final = "^feeds_(v[0-9]+|[0-9a-f]{16})$"  # once they were named after a digest
_ENCODING: Final = "UTF8"

# What libpq is told, unless the URL says otherwise: a server that is gone
# without a word is noticed within some ten seconds.
_CONNECTING: Final = {
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,  # milliseconds
    "application_name": "feeds",
}
# What PostgreSQL is told: so does it notice a loader that is gone, whose
# locks keep others waiting.
_SESSION: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_MISSING: Final = {"42P01", "42703", "3F000"}  # undefined table, column, schema
# What a server tells of itself without being asked, from PostgreSQL 14 on.
_READ_ONLY: Final = ("in_hot_standby", "default_transaction_read_only")
_STANDBY: Final = 3.0  # seconds that a connection to a server that refuses writes is used


def is_postgresql(url: URL) -> bool:
    """Whether a URL names a database of this kind."""
    return url.get_backend_name() == "postgresql"


def engine(url: URL, pool: Mapping[str, Any], namespace: str = NAMESPACE) -> Engine:
    """Connections to the database at `url`, to the tables of a schema.

    Raises ImportError without the driver.
    """
    try:
        import psycopg  # noqa: F401 - an extra
    except ImportError:
        raise ImportError(EXTRA) from None
    session = {"search_path": namespace} | _SESSION
    options = [f"-c{name}={value}" for name, value in session.items()]
    given = url.query.get("options", ())
    options += [given] if isinstance(given, str) else given
    made = create_engine(
        url.set(drivername="postgresql+psycopg"),
        # All statements of a transaction see what its first one saw.
        isolation_level="REPEATABLE READ",
        pool_pre_ping=True,  # a server that was restarted is no error
        connect_args={k: v for k, v in _CONNECTING.items() if k not in url.query}
        | {"options": " ".join(options)},
        **pool,
    )
    event.listen(made, "checkout", _leave_standby)
    return made


def _leave_standby(connection: Any, entry: ConnectionPoolEntry, _: object) -> None:
    """Have a connection to a server that refuses writes be another one soon.

    After a fail-over it goes on, while the address leads to the new primary.
    """
    since = entry.info.setdefault("since", time.monotonic())
    if _refuses_writes(connection) and time.monotonic() > since + _STANDBY:
        raise DisconnectionError


def _refuses_writes(connection: Any) -> bool:
    return "on" in map(connection.info.parameter_status, _READ_ONLY)


def is_read_only(connection: Connection) -> bool:
    """Whether the server refuses all writes, as a standby does; False for another database."""
    raw = connection.connection.dbapi_connection
    return connection.dialect.name == "postgresql" and _refuses_writes(raw)


def check_writable(connection: Connection) -> None:
    """Raise SQLAlchemyError where the server refuses all writes."""
    if is_read_only(connection):
        raise SQLAlchemyError("it is read-only, as a standby is")


def exists(connection: Connection) -> bool:
    """Whether the tables of this version are there; the schema and they are made at once."""
    query = text("SELECT to_regclass(:state) IS NOT NULL")
    return bool(connection.execute(query, {"state": f"{NAMESPACE}.state"}).scalar_one())


def make(connection: Connection) -> None:
    """Make the schema that this version's tables go into. Raises ValueError."""
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != _ENCODING:
        raise ValueError(f"its encoding is {encoding}; {_ENCODING} would be right")
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {NAMESPACE}"))


def tidy(bind: Engine) -> None:
    """Drop the schemas of earlier versions, but for the last of them, unless they are in use."""
    query = text(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ :ours "
        "AND nspname <> :present ORDER BY oid DESC OFFSET 1"
    )
    names = {"ours": _NAMESPACES, "present": NAMESPACE}
    with suppress(SQLAlchemyError), bind.connect() as connection, connection.begin():
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        for name in connection.execute(query, names).scalars().all():
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))


# -- locks ----------------------------------------------------------------------


def _key(what: str) -> int:
    """The number of a lock: each version has its own."""
    digest = hashlib.sha256(f"{NAMESPACE} {what}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def lock_writes(connection: Connection) -> None:
    """Wait until no other transaction writes; until this one ends, none does.

    Raises SQLAlchemyError as `check_writable` does.
    """
    check_writable(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _key("write")})


@contextmanager
def alone(bind: Engine) -> Iterator[None]:
    """Hold the lock of the loaders: the second one waits.

    Without a transaction, which would keep PostgreSQL from tidying up. The
    lock ends with the connection.
    """
    with bind.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        check_writable(connection)
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _key("load")})
        try:
            yield
        finally:
            try:
                unlock = text("SELECT pg_advisory_unlock(:key)")
                connection.execute(unlock, {"key": _key("load")})
            except SQLAlchemyError:
                connection.invalidate()  # no other use of it may hold the lock


# -- tables ---------------------------------------------------------------------


def analyze(connection: Connection) -> None:
    """Have the planner know what the tables hold by now."""
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    connection.execute(text(f"ANALYZE {names}, search"))


def is_missing(error: BaseException | None) -> bool:
    """Whether the tables aren't there (any more)."""
    return getattr(error, "sqlstate", None) in _MISSING
