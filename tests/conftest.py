"""Fixtures that tests share, and the flags of our own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright

from feeds.statistics import counter
from feeds.store.database import Store
from tests.helpers.browser import Windows, launch
from tests.helpers.databases import PostgreSQL, databases
from tests.helpers.hubs import Scripted
from tests.helpers.other_site import Elsewhere
from tests.helpers.server import Served
from tests.helpers.support import SEEDS, loaded

pytest_plugins = ["tests.helpers.tiers"]

# The same examples every time, and no failure because a machine is slow.
settings.register_profile(
    "feeds", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("feeds")

GOLDEN = Path(__file__).parent / "golden"


def pytest_configure() -> None:
    if Path("feeds.toml").exists():
        raise pytest.UsageError("feeds.toml here changes what the tests see; move it away")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the golden feeds in tests/golden/ are now, instead of comparing",
    )
    parser.addoption(
        "--seeds", type=int, default=1, help="how many random histories each test of them tries"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """Compares a document with the golden one of that name, a line to each tag."""

    def compare(name: str, document: bytes) -> None:
        assert document.count(b">\n<") <= 1, "only the XML declaration has a line of its own"
        found = document.decode().replace("><", ">\n<") + "\n"
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(found, encoding="utf-8")
        assert found == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="session")
def seeds() -> Store:
    """A store that holds the project's own records. Read it, don't write it."""
    return loaded(SEEDS)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL of the tests, running; whoever stops it starts it again."""
    cluster = PostgreSQL()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
)
def either(request: pytest.FixtureRequest) -> Iterator[None]:
    """Has the stores of a module's tests in SQLite, then all again in PostgreSQL."""
    if request.param == "sqlite":
        yield
        return
    cluster = request.getfixturevalue("postgresql")
    with pytest.MonkeyPatch.context() as patch, databases.on(cluster, patch):
        yield


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of an application adds up who polls: it would write into another test's store."""
    monkeypatch.setattr(counter, "_EVERY", 3600.0)


@pytest.fixture(autouse=True)
def _tidied() -> Iterator[None]:
    """Drops the databases of each test."""
    with databases.tidied():
        yield


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts `feeds serve` over a folder, in a home of its own; all are stopped in the end."""
    started: list[Served] = []

    def start(folder: Path, home: str = "home", **more: Any) -> Served:
        started.append(Served(folder, tmp_path / home, **more))
        return started[-1].start()

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`feeds serve` with two workers over the project's own records. Read it, don't write it."""
    home = tmp_path_factory.mktemp("served")
    server = Served(SEEDS, home, {"FEEDS_WORKERS": "2"})
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, once for all tests; `window` gives each a profile of its own."""
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Windows]:
    """Opens pages in Chromium: `window(dark=True, width=360)`; nothing may go wrong in any."""
    windows = Windows(browser)
    yield windows
    windows.close()


@pytest.fixture
def elsewhere(window: Windows) -> Iterator[Elsewhere]:
    """Another site, to which tests give pages. It is there for as long as windows may ask it."""
    site = Elsewhere()
    yield site
    try:
        window.close()
    finally:
        site.close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    """A WebSub hub that does what tests tell it to."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Scripted().start()
    yield made
    made.stop()
