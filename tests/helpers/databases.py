"""The databases that stores of tests are in: SQLite, or a private PostgreSQL."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import Engine, delete

from feeds.store import fulltext, postgres
from feeds.store.database import Store
from feeds.store.schema import SCHEMA, metadata

DEBIAN: Final = Path("/usr/lib/postgresql")
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
}
_COLUMNS: Final = """
    SELECT nspname, relname, attname, atttypid::regtype::text FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname !~ '^(pg_|information_schema)' AND attnum > 0 AND NOT attisdropped
    ORDER BY 1, 2, attnum
"""
_OTHERS_LEAVE: Final = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# What a store is before its first load.
_EMPTIED: Final = "; ".join(
    [
        f"SET search_path = {postgres.NAMESPACE}",
        *(str(delete(table)) for table in [*metadata.sorted_tables, fulltext.INDEX]),
        f"INSERT INTO state VALUES (1, {SCHEMA}, '', 0, 0, 0, 0, '', 0, 0)",  # noqa: S608 - names of ours
    ]
)
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own there
_ENOUGH: Final = 1 << 30  # bytes


def _place() -> str | None:
    """Where a cluster is quick, which makes and removes many files; None for anywhere."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
        return str(_MEMORY)
    return None


def program(name: str) -> str:
    """A program of PostgreSQL's server; where there is none, the test is skipped."""
    installed = sorted(DEBIAN.glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = shutil.which(
        name, path=os.pathsep.join([*map(str, installed[-1:]), os.environ["PATH"]])
    )
    if found is None:
        pytest.skip("PostgreSQL isn't installed")
    return found


def _unprivileged() -> str | None:
    """Whom PostgreSQL runs as, since it refuses to as root; None where that isn't asked."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PostgreSQL:
    """A PostgreSQL of our own, in a folder of its own, reached through a socket there.

    Quick, and loses all when the machine does, unless it is `durable` as it comes. A standby
    follows another one by streaming replication, once it is started.
    """

    def __init__(self, *, durable: bool = False, standby_of: "PostgreSQL | None" = None) -> None:
        program("postgres")  # else there is nothing to do
        self._settings = {"listen_addresses": ""} if durable else _SETTINGS
        # Its user can't enter pytest's.
        place = None if durable else _place()
        self.folder = Path(tempfile.mkdtemp(prefix="feeds-pg-", dir=place))
        self._user = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._spare: list[str] = []  # names of databases that are as they were made
        self._tables: list[tuple[str, ...]] = []  # of those
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        if standby_of is not None:
            whose = ["-h", str(standby_of.folder), "-U", "feeds"]
            self._run("pg_basebackup", "-D", "data", "-R", "-X", "stream", "-c", "fast", *whose)
            return
        # Texts are ordered as people do, unless a column says otherwise.
        order = ["--locale=C", "--locale-provider=icu", "--icu-locale=en", "--encoding=UTF8"]
        self._run("initdb", "-D", "data", "-U", "feeds", "-A", "trust", "-N", *order)

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run(
            [program(name), *arguments],
            cwd=self.folder,
            user=self._user,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = self._settings | {"unix_socket_directories": str(self.folder)}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("postgres"), "-D", "data", *(f"-c{k}={v}" for k, v in settings.items())],
                cwd=self.folder,
                user=self._user,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop it at once, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def promote(self) -> None:
        """Have a standby become a primary."""
        self._run("pg_ctl", "promote", "-D", "data", "-w")

    def demote(self) -> None:
        """Have a primary become a standby, which all connections to it end for."""
        self.stop()
        (self.folder / "data" / "standby.signal").touch()
        self.start()

    def remove(self) -> None:
        """Stop it, and remove all that it has."""
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://feeds@/{name}?host={self.folder}"

    def _connect(self, name: str = "postgres") -> Any:
        where = f"host={self.folder} user=feeds dbname={name} connect_timeout=10"
        return psycopg.connect(where, autocommit=True)

    def execute(self, statement: str) -> None:
        """Run a statement in no database of ours."""
        with self._connect() as connection:
            connection.execute(statement)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query in no database of ours."""
        with self._connect() as connection:
            found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found

    def database(self, *, empty: bool = False) -> str:
        """The URL of a new database, which has the tables unless it is to be `empty`."""
        if not empty and self._spare:
            return self.url(self._spare.pop())
        self._made += 1
        name = f"test_{self._made}"
        self.execute(f"CREATE DATABASE {name}")
        if not empty:
            store = Store(self.url(name))
            store.release()
            with self._connect(name) as connection:
                self._tables = _tables(connection)
        return self.url(name)

    def drop(self, url: str) -> None:
        """Take a database back: emptied, which is quick, unless it has other tables by now."""
        name = url.partition("?")[0].rpartition("/")[2]
        with self._connect(name) as connection:
            connection.execute(_OTHERS_LEAVE)
            is_as_made = bool(self._tables) and _tables(connection) == self._tables
            if is_as_made:
                connection.execute(_EMPTIED)
        if is_as_made:
            self._spare.append(name)
        else:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _tables(connection: Any) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = connection.execute(_COLUMNS).fetchall()
    return found


class Databases:
    """Where the stores of tests are: SQLite, unless PostgreSQL is put in force."""

    def __init__(self) -> None:
        self._cluster: PostgreSQL | None = None
        self._made: dict[object, str] = {}
        self._engines: list[Engine] = []

    @property
    def kind(self) -> str:
        return "sqlite" if self._cluster is None else "postgresql"

    def at(self, path: Path) -> str:
        """The URL of a database; it is another one for each path."""
        if self._cluster is None:
            return f"sqlite:///{path}"
        if path not in self._made:
            self._made[path] = self._cluster.database()
        return self._made[path]

    def fresh(self) -> str:
        """The URL of a database that nobody else has."""
        if self._cluster is None:
            return "sqlite://"
        url = self._made[object()] = self._cluster.database()
        return url

    @contextmanager
    def on(self, cluster: PostgreSQL, patch: pytest.MonkeyPatch) -> Iterator[None]:
        """Have all be in `cluster`; in the end they are dropped."""
        made = postgres.engine

        def engine(*arguments: Any) -> Engine:
            self._engines.append(made(*arguments))
            return self._engines[-1]

        patch.setattr(postgres, "engine", engine)
        self._cluster = cluster
        try:
            with self.tidied():
                yield
        finally:
            self._cluster = None

    @contextmanager
    def tidied(self) -> Iterator[None]:
        """Drop what is made meanwhile, and close the connections to it."""
        known, number = set(self._made), len(self._engines)
        yield
        for engine in self._engines[number:]:
            engine.dispose()
        del self._engines[number:]
        for key in [key for key in self._made if key not in known]:
            url = self._made.pop(key)
            if self._cluster is not None:
                self._cluster.drop(url)


databases: Final = Databases()
