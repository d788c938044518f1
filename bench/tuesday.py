"""What operators meet on a plain day: `python -m bench.tuesday [NAME ...]`.

Each mishap happens to a server of its own, or keeps one from starting. The line that the log
must have is looked for, which must come once; and what `/readyz` must say meanwhile, and that
it is well again once the mishap is mended. Some need root, Linux, or PostgreSQL (apt install
postgresql): where these aren't there, the table says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from bench import records
from bench.scale import table
from bench.servers import HOST, PROJECT, BenchError, Server, free_port, running, workers
from feeds.store.locks import locked
from tests.helpers.databases import PostgreSQL
from tests.helpers.proxy import proxied

_RECORDS: Final = 40
_PATIENCE: Final = 100.0  # seconds: a folder that nobody looks at is told after 60
_SETTLE: Final = 1.5  # seconds in which a line could come twice
_AT_ONCE: Final = 6
_FEEDS: Final = [sys.executable, "-m", "feeds"]
_BASE_URL: Final = "https://feeds.example.org"
_NOBODY: Final = 65534
_SOCKET: Final = ".s.PGSQL.5432"
_SHOWN: Final = 110  # characters of a line in the table


class AbsentError(Exception):
    """What a mishap needs isn't here."""


@dataclass
class Place:
    """A folder of records, a database and a server's settings, for one mishap."""

    root: Path
    stack: ExitStack
    variables: dict[str, str] = field(default_factory=dict)
    started: Server | None = None
    mend: Callable[[], object] | None = None  # undoes the mishap

    def __post_init__(self) -> None:
        self.port = free_port()
        self.seeds.mkdir()
        self.paths = records.write(self.seeds, _RECORDS)
        self.variables = {
            "FEEDS_SEEDS": str(self.seeds),
            "FEEDS_DATABASE_URL": f"sqlite:///{self.database}",
            "FEEDS_BASE_URL": _BASE_URL,
            "FEEDS_BIND": f"{HOST}:{self.port}",
            "FEEDS_WORKERS": "2",
        }

    @property
    def seeds(self) -> Path:
        return self.root / "records"

    @property
    def database(self) -> Path:
        return self.root / "feeds.db"

    @property
    def server(self) -> Server:
        if self.started is None:
            raise BenchError("no server was started")
        return self.started

    @property
    def log(self) -> str:
        file = self.root / f"{self.port}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def serve(self) -> Server:
        command = [*_FEEDS, "serve"]
        self.started = self.stack.enter_context(
            running(command, self.port, self.root, self.variables)
        )
        self.until(lambda: self.ready().get("generation"))
        return self.server

    def feeds(self, *arguments: str, user: int | None = None) -> str:
        """What a command prints, whatever its exit status is."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FEEDS_")}
        inherited["PYTHONPATH"] = str(PROJECT)
        done = subprocess.run(
            [*_FEEDS, *arguments],
            cwd=self.root,
            env=inherited | self.variables,
            user=user,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def ready(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.server.get("/readyz").body)
        except (OSError, ValueError):
            return {}
        return found

    def follower(self) -> int:
        command, found = "/proc/{}/cmdline", list[int]()
        while not found:  # it starts a moment after the workers
            for pid in workers(self.server):
                if b"follow" in Path(command.format(pid)).read_bytes():
                    found.append(pid)
        return found[0]

    @staticmethod
    def until(what: Callable[[], Any]) -> bool:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            if what():
                return True
            time.sleep(0.1)
        return False


class Mishap(NamedTuple):
    """Something that goes wrong.

    `happen` makes it go wrong; for those that keep a server from starting, or are told by a
    command, it returns what was printed. `line` is what must be in the log, as a pattern, `why`
    what `/readyz` must give as its reason meanwhile, empty where the server is well.
    """

    name: str
    happen: Callable[[Place], str | None]
    line: str
    why: str = ""


class Outcome(NamedTuple):
    """What was seen: the line, the reason of /readyz, and what is wrong with them."""

    line: str
    why: str
    faults: list[str]


# -- mishaps that keep a server from starting, or that a command tells --------------------------


def _starts_with(**variables: str) -> Callable[[Place], str]:
    def happen(place: Place) -> str:
        place.variables |= variables
        return place.feeds("serve")

    return happen


def _port_in_use(place: Place) -> str:
    with socket.socket() as held:
        held.bind((HOST, place.port))
        held.listen()
        return place.feeds("serve")


def _socket_in_use(place: Place) -> str:
    at = place.root / "feeds.sock"
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(at))
        held.listen()
        return _starts_with(FEEDS_BIND=f"unix:{at}")(place)


def _port_of_root(place: Place) -> str:
    if os.geteuid() != 0:
        return _starts_with(FEEDS_BIND=f"{HOST}:80")(place)
    place.root.chmod(0o777)
    try:
        subprocess.run([*_FEEDS, "--version"], user=_NOBODY, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise AbsentError("another user can't run this Python") from error
    place.variables |= {"FEEDS_BIND": f"{HOST}:80", "HOME": str(place.root)}
    return place.feeds("serve", user=_NOBODY)


def _no_records(place: Place) -> str:
    shutil.rmtree(place.seeds)
    return place.feeds("serve")


def _database_of_others(place: Place) -> str:
    with closing(sqlite3.connect(place.database)) as other, other:
        other.execute("CREATE TABLE notes (text TEXT)")
    return place.feeds("serve")


def _settings_file(place: Place) -> str:
    (place.root / "feeds.toml").write_text('[collections.chips]\ntopik = "hardware"\n')
    return place.feeds("serve")


def _half_lost(place: Place) -> str:
    for path in place.paths[: _RECORDS * 3 // 4]:
        path.unlink()
    return place.feeds("load")


def _to_the_world(place: Place) -> None:
    del place.variables["FEEDS_BASE_URL"]
    place.variables["FEEDS_BIND"] = f"0.0.0.0:{place.port}"
    place.serve()


def _behind_a_path(place: Place) -> str:
    place.variables["FEEDS_BASE_URL"] = f"http://{HOST}:{place.port}/news"
    place.serve()
    return place.feeds("doctor")


# -- mishaps of a server that runs ----------------------------------------------------------------


def _running(hit: Callable[[Place], object], **variables: str) -> Callable[[Place], None]:
    """Start a server, and then let something happen."""

    def happen(place: Place) -> None:
        place.variables |= variables
        place.serve()
        hit(place)

    return happen


def _break_record(place: Place) -> None:
    place.paths[-1].write_text("---\ntitle: [unclosed\n---\n")


def _remove_most(place: Place) -> None:
    away = place.root / "away"
    away.mkdir()
    for path in place.paths[: _RECORDS * 3 // 4]:
        path.rename(away / path.name)

    def mend() -> None:
        for path in away.iterdir():
            path.rename(place.seeds / path.name)

    place.mend = mend


def _move_folder(place: Place) -> None:
    away = place.seeds.rename(place.root / "away")
    place.mend = lambda: away.rename(place.seeds)


def _change(place: Place) -> None:
    newest = next(p for p in place.paths if "\npublished: true\n" in p.read_text("utf-8"))
    records.edit(newest, 1)


def _remove_database(place: Place) -> None:
    follower = Path(f"/proc/{place.follower()}/fd")
    place.until(lambda: any(fd.resolve() == place.database for fd in follower.iterdir()))
    for part in place.root.glob("feeds.db*"):
        part.unlink()


def _damage_database(place: Place) -> None:
    with place.database.open("r+b") as file:
        file.write(b"no database " * 4096)


def _kill(of: Callable[[Place], int], how: int) -> Callable[[Place], None]:
    return lambda place: os.kill(of(place), how)


def _stop_follower(place: Place) -> None:
    pid = place.follower()
    os.kill(pid, signal.SIGSTOP)
    place.mend = partial(os.kill, pid, signal.SIGCONT)


def _worker(place: Place) -> int:
    return next(pid for pid in workers(place.server) if pid != place.follower())


def _hang_up(place: Place) -> None:
    os.kill(place.server.pid, signal.SIGHUP)


def _hold_lock(place: Place) -> None:
    held = place.stack.enter_context(ExitStack())
    held.enter_context(locked(next(place.root.glob("feeds.db*.lock"))))
    place.mend = held.close


def _second_loader(place: Place) -> None:
    """Another server with another folder, and the same database."""
    other = place.root / "others"
    other.mkdir()
    records.write(other, _RECORDS * 2)
    changed = place.variables | {"FEEDS_SEEDS": str(other), "FEEDS_LOAD": "on"}
    stop = threading.Event()

    def load() -> None:
        while not stop.wait(1):
            subprocess.run(
                [*_FEEDS, "load", "--accept-removals"],
                env={**os.environ, **changed, "PYTHONPATH": str(PROJECT)},
                capture_output=True,
                check=False,
            )
            with suppress(OSError):
                _hang_up(place)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    place.stack.callback(thread.join)
    place.stack.callback(stop.set)


@contextmanager
def _small_disk(place: Place) -> Iterator[Path]:
    at = place.root / "disk"
    at.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(at)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise AbsentError("no file system can be mounted")
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=False)  # noqa: S607


def _full_disk(place: Place) -> None:
    at = place.stack.enter_context(_small_disk(place))
    place.variables["FEEDS_DATABASE_URL"] = f"sqlite:///{at / 'feeds.db'}"
    place.serve()
    with suppress(OSError), (at / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))
    for path in place.paths:
        records.edit(path, 2)
    place.mend = (at / "filler").unlink


def _immutable(place: Place) -> None:
    files = [str(place.root / f"feeds.db{part}") for part in ("", "-wal")]
    protect = ["chattr", "+i", *files]
    if subprocess.run(protect, capture_output=True, check=False).returncode:
        raise AbsentError("no file can be made immutable")
    place.mend = partial(subprocess.run, ["chattr", "-i", *files], check=False)
    place.stack.callback(place.mend)
    _change(place)


def _other_schema(number: str) -> Callable[[Place], None]:
    """The store of another version of the program, and then this one."""

    def happen(place: Place) -> None:
        place.feeds("load")
        with closing(sqlite3.connect(place.database)) as store, store:
            store.execute(f"UPDATE state SET schema = {number}")  # noqa: S608 - of the table below
        place.serve()

    return happen


def _lost_table(place: Place) -> None:
    place.feeds("load")
    with closing(sqlite3.connect(place.database)) as store, store:
        store.execute("DROP TABLE entry_topics")
    place.serve()


class _Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_error(503)

    do_PURGE = do_POST  # noqa: N815 - as the base class has it

    def log_message(self, *_: object) -> None:
        pass


def _refused(variable: str, path: str = "") -> Callable[[Place], None]:
    """A hub or a cache that answers 503."""

    def happen(place: Place) -> None:
        other = ThreadingHTTPServer((HOST, 0), _Refusing)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        place.stack.callback(other.shutdown)
        place.variables[variable] = f"http://{HOST}:{other.server_port}{path}"
        place.serve()
        _change(place)

    return happen


def _clock_set_back(place: Place) -> None:
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise AbsentError("libfaketime isn't installed")
    place.feeds("load")
    place.variables |= {"LD_PRELOAD": str(library), "FAKETIME": "-2d"}
    place.serve()
    _change(place)


def _few_files(place: Place) -> None:
    place.variables["FEEDS_WORKERS"] = "1"
    command = f"ulimit -n 64; exec {' '.join(_FEEDS)} serve"
    place.started = place.stack.enter_context(
        running(["sh", "-c", command], place.port, place.root, place.variables)
    )
    place.until(lambda: place.ready().get("generation"))
    for _ in range(200):
        place.stack.enter_context(socket.create_connection((HOST, place.port)))


def _no_watches(place: Place) -> None:
    """In a user namespace of its own, which may watch four things."""
    limits = "/proc/sys/user/max_inotify_watches"
    command = f"echo 4 > {limits} && exec {' '.join(_FEEDS)} serve"
    probe = ["unshare", "-Ur", "sh", "-c", f"echo 4 > {limits}"]
    if not shutil.which("unshare") or subprocess.run(probe, check=False).returncode:
        raise AbsentError("no user namespace can be made")
    for number in range(9):
        (place.seeds / f"folder{number}").mkdir()
    place.started = place.stack.enter_context(
        running(["unshare", "-Ur", "sh", "-c", command], place.port, place.root, place.variables)
    )
    place.until(lambda: place.ready().get("generation"))


# -- PostgreSQL -----------------------------------------------------------------------------------


def _cluster(place: Place) -> PostgreSQL:
    if not shutil.which("psql"):
        raise AbsentError("PostgreSQL isn't installed")
    cluster = PostgreSQL()
    place.stack.callback(cluster.remove)
    cluster.start()
    place.variables["FEEDS_DATABASE_URL"] = cluster.database(empty=True)
    return cluster


def _served(place: Place) -> None:
    """Serve, until each worker holds a feed."""
    server = place.serve()
    for _ in range(20):
        server.get("/rss.xml")


def _stop_postgresql(place: Place) -> None:
    cluster = _cluster(place)
    _served(place)
    cluster.stop()
    place.mend = cluster.start


def _rotate_password(place: Place) -> None:
    cluster = _cluster(place)
    at = cluster.folder / "data" / "pg_hba.conf"
    at.write_text("local all feeds trust\nlocal all all scram-sha-256\n")
    passwords = place.root / "pgpass"
    passwords.write_text("*:*:*:loads:secret-1\n")
    passwords.chmod(0o600)
    for statement in (
        "CREATE ROLE loads LOGIN PASSWORD 'secret-1'",
        "GRANT CREATE ON DATABASE postgres TO loads",
        "SELECT pg_reload_conf()",
    ):
        cluster.execute(statement)
    where = f"host={cluster.folder}&passfile={passwords}"
    place.variables["FEEDS_DATABASE_URL"] = f"postgresql://loads@/postgres?{where}"
    _served(place)
    cluster.execute("ALTER ROLE loads PASSWORD 'secret-2'")
    cluster.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loads'"
    )
    place.mend = lambda: passwords.write_text("*:*:*:loads:secret-2\n")


def _fail_over(place: Place) -> None:
    primary = _cluster(place)
    standby = PostgreSQL(standby_of=primary)
    place.stack.callback(standby.remove)
    standby.start()
    address = place.stack.enter_context(proxied(primary.folder / _SOCKET))
    url = f"postgresql://feeds:secret@{HOST}:{address.port}/postgres"
    place.variables["FEEDS_DATABASE_URL"] = url
    _served(place)
    primary.stop()
    standby.promote()
    primary.demote()
    _change(place)

    def mend() -> None:
        address.target = standby.folder / _SOCKET

    place.mend = mend


MISHAPS: Final[Sequence[Mishap]] = (
    Mishap(
        "a variable is misspelled", _starts_with(FEEDS_LIMITS="20"), r"FEEDS_LIMITS.*FEEDS_LIMIT\b"
    ),
    Mishap("a setting has no number", _starts_with(FEEDS_LIMIT="many"), r"FEEDS_LIMIT is 'many'"),
    Mishap(
        "a base URL without a scheme",
        _starts_with(FEEDS_BASE_URL="feeds.example.org"),
        r"FEEDS_BASE_URL is 'feeds.example.org'.*https",
    ),
    Mishap("a port is in use", _port_in_use, r"FEEDS_BIND.*in use"),
    Mishap("a socket is busy", _socket_in_use, r"feeds\.sock"),
    Mishap("a port is root's", _port_of_root, r"80.*8080"),
    Mishap("no folder of records", _no_records, r"records.*feeds init|FEEDS_SEEDS"),
    Mishap(
        "a database in a folder that isn't there",
        _starts_with(FEEDS_DATABASE_URL="sqlite:////nowhere/feeds.db"),
        r"/nowhere",
    ),
    Mishap("a database of something else", _database_of_others, r"feeds\.db"),
    Mishap("a mistake in feeds.toml", _settings_file, r"feeds\.toml.*(topic|chips)"),
    Mishap(
        "most records are gone at a load",
        lambda p: p.feeds("load") and _half_lost(p),
        r"lost \d+ of \d+ records.*--accept-removals",
    ),
    Mishap("a proxy with a path that isn't the base URL's", _behind_a_path, r"/news"),
    Mishap("localhost in links for the world", _to_the_world, r"FEEDS_BASE_URL"),
    Mishap(
        "an unknown variable",
        _running(lambda _: None, FEEDS_COLOUR_OF_BARN="red"),
        r"FEEDS_COLOUR_OF_BARN",
    ),
    Mishap("a record turns bad", _running(_break_record), r"\.md:\d+: .*is served on"),
    Mishap("most records vanish", _running(_remove_most), r"lost \d+ of \d+ records", "lost"),
    Mishap("the folder is moved", _running(_move_folder), r"warning follower.*records", "folder"),
    Mishap("a hang-up with nothing changed", _running(_hang_up), r"records: .*in \d"),
    Mishap("the database is removed", _running(_remove_database), r"feeds\.db.*gone"),
    Mishap(
        "the database is damaged", _running(_damage_database), r"feeds\.db.*(damaged|malformed)"
    ),
    Mishap("the disk is full", _full_disk, r"full", "can't be written"),
    Mishap(
        "the database is read-only",
        _running(_immutable),
        r"(readonly|read-only|not permitted)",
        "can't be written",
    ),
    Mishap(
        "a worker is killed",
        _running(_kill(_worker, signal.SIGKILL)),
        r"[Ww]orker.*(SIGKILL|sent|killed)",
    ),
    Mishap("the follower is killed", _running(_kill(Place.follower, signal.SIGKILL)), r"follow"),
    Mishap("the follower is stopped", _running(_stop_follower), r"", "last looked at"),
    Mishap("another load never ends", _running(_hold_lock), r"", "last looked at"),
    Mishap(
        "two servers load into one store",
        _running(_second_loader),
        r"another server loads",
        "another server",
    ),
    Mishap("an upgrade", _other_schema("schema - 1"), r"version"),
    Mishap("a downgrade", _other_schema("schema + 1"), r"version"),
    Mishap("a table is lost", _lost_table, r"feeds\.db"),
    Mishap("a hub refuses", _refused("FEEDS_HUBS", "/hub"), r"hub .*503"),
    Mishap("a cache refuses", _refused("FEEDS_PURGE"), r"cache .*503"),
    Mishap("the clock is set back", _clock_set_back, r""),
    Mishap("few files may be open", _few_files, ""),
    Mishap("watches are used up", _no_watches, r"max_user_watches", "watch"),
    Mishap(
        "PostgreSQL is stopped", _stop_postgresql, r"store.* can't be used", "store doesn't answer"
    ),
    Mishap(
        "PostgreSQL's password is rotated",
        _rotate_password,
        r"can't be used.*password",
        "store doesn't answer",
    ),
    Mishap("PostgreSQL fails over", _fail_over, r"can't be used.*read-only", "read-only"),
)


def meet(mishap: Mishap, root: Path) -> Outcome:
    """Let a mishap happen in a folder of its own. Raises AbsentError where it can't."""
    faults = []
    line = why = ""
    with ExitStack() as stack:
        place = Place(root, stack)
        printed = mishap.happen(place)
        if printed is not None:
            found = _matching(mishap.line, printed)
            line = found[0] if found else ""
            if "Traceback" in printed:
                faults.append("a traceback")
            if len(found) != 1:
                faults.append(f"{len(found)} lines instead of one:\n{printed}")
            return Outcome(line, why, faults)
        if not place.until(lambda: not mishap.line or _matching(mishap.line, place.log)):
            faults.append(f"no such line in\n{place.log}")
        seen: dict[str, Any] = {}

        def fits() -> bool:
            seen.update(place.ready())
            return _fits(mishap.why, seen)

        if not place.until(fits):
            faults.append("another state of /readyz")
        why = seen.get("why", "")
        if place.server.get("/rss.xml").status != 200:
            faults.append("feeds aren't served")
        time.sleep(_SETTLE)
        found = _matching(mishap.line, place.log) if mishap.line else [""]
        line = found[0] if found else ""
        if len(found) > 1:
            faults.append(f"{len(found)} lines instead of one:\n" + "\n".join(found))
        if "Traceback" in place.log:
            faults.append(f"a traceback in\n{place.log}")
        if place.mend:
            place.mend()
            if not place.until(lambda: _fits("", place.ready())):
                faults.append(f"not well again: {place.ready()}\n{place.log}")
    return Outcome(line, why, faults)


def _matching(pattern: str, text: str) -> list[str]:
    return [line for line in text.splitlines() if re.search(pattern, line)]


def _fits(why: str, ready: dict[str, Any]) -> bool:
    """Whether `/readyz` gives that reason; without one, whether all is well."""
    return why in ready.get("why", "") if why else ready.get("degraded") is False


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Let mishaps happen, or those whose names have one of the given words."""
    chosen = [m for m in MISHAPS if not names or any(name in m.name for name in names)]

    def one(mishap: Mishap) -> Outcome | str:
        with tempfile.TemporaryDirectory(prefix="feeds-tuesday-") as root:
            try:
                return meet(mishap, Path(root))
            except AbsentError as error:
                return str(error)
            except (AssertionError, OSError, BenchError, subprocess.SubprocessError) as error:
                return Outcome("", "", [f"{type(error).__name__}: {error}"])
            finally:
                click.echo(f"{time.strftime('%H:%M:%S')} {mishap.name}", err=True)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = list(pool.map(one, chosen))
    rows = [["mishap", "what the log says", "/readyz", ""]]
    failed = 0
    for mishap, outcome in zip(chosen, outcomes, strict=True):
        if isinstance(outcome, str):
            rows.append([mishap.name, f"not run: {outcome}", "", ""])
            continue
        failed += bool(outcome.faults)
        verdict = "FAILED" if outcome.faults else "ok"
        line = re.sub(r"^\S+Z (\w+) (\w+)\[\d+\]", r"\1 \2", outcome.line)
        line = re.sub(r"/tmp/feeds-tuesday-\w+/", "", line)  # noqa: S108 - of this bench
        rows.append([mishap.name, textwrap.shorten(line, _SHOWN), outcome.why or "well", verdict])
        for fault in outcome.faults:
            click.echo(f"{mishap.name}: {fault}", err=True)
    table(rows)
    click.echo(f"{len(chosen)} mishaps, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
