"""What `/readyz` and `/metrics` say of loading, and that they name no place."""

import errno
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from inotify_simple import INotify

from feeds.config import Config
from feeds.follower.follower import FolderFollower
from feeds.follower.ping_queue import queue
from feeds.loading.loader import Loader
from feeds.serving.document_store import DocumentStore
from feeds.serving.readiness import readiness, troubles
from feeds.store import changes, schema
from feeds.store.changes import Mark
from feeds.store.database import Store, note_health
from feeds.store.schema import pings
from tests.helpers.databases import databases
from tests.helpers.server import news
from tests.helpers.support import CONFIG, loaded, settled, write

pytestmark = pytest.mark.usefixtures("either")
THEN = 1_000_000


def noted(folder: Path, notes: Mapping[str, Any], **settings: Any) -> DocumentStore:
    """The documents of a store into which somebody loaded at THEN, who noted that."""
    config = replace(CONFIG, database_url=databases.at(folder / "noted.db"), **settings)
    store = Store(config.database)
    with store.write() as connection:
        note_health(connection, counts=notes, now=THEN)
    return DocumentStore(store, config, followed=True)


def silent(documents: DocumentStore, after: int) -> bool:
    """Whether the folder counts as not looked at, so many seconds after the last time."""
    return bool(troubles(documents, THEN + after)["silence"])


@pytest.mark.parametrize(
    ("notes", "settings", "seconds"),
    [
        ({"every": 60}, {"load": "off"}, 60),  # a follower elsewhere
        ({}, {"load": "on"}, 60),  # our own, which has not loaded yet
        ({}, {"load": "off"}, 600),  # feeds load, by a timer
    ],
)
def test_a_folder_that_nobody_looks_at_is_told_after_a_time(
    notes: dict[str, int], settings: dict[str, Any], seconds: int, tmp_path: Path
) -> None:
    documents = noted(tmp_path, notes, **settings)
    assert not silent(documents, seconds)
    assert silent(documents, seconds + 1)
    assert readiness(documents, datetime.fromtimestamp(THEN + 700, UTC))["degraded"]


@pytest.mark.parametrize(
    ("notes", "settings"), [({"every": 0}, {"load": "off"}), ({}, {"watch": "off"})]
)
def test_a_folder_that_is_only_looked_at_when_asked_is_never_silent(
    notes: dict[str, int], settings: dict[str, Any], tmp_path: Path
) -> None:
    assert not silent(noted(tmp_path, notes, **settings), 10**6)


def test_a_follower_notes_how_often_it_looks_and_that_it_has_to_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(INotify, "add_watch", refuse)
    folder = news(tmp_path / "news", 1)
    config = Config(seeds=folder, database_url=databases.at(tmp_path / "feeds.db"))
    follower = FolderFollower(config, lambda _: None)
    documents = DocumentStore(Store(config.database), config, followed=True)
    follower.load()
    assert documents.watch.health.counts == {}
    documents.watch.look_again()
    now = int(datetime.now(UTC).timestamp())
    assert not any(troubles(documents, now).values())
    assert documents.watch.health.counts["every"] == 60
    list(follower._changes.ticks())
    follower.load()
    documents.watch.look_again()
    why = "the system doesn't watch the folder any more; it is looked at every second"
    found = troubles(documents, now)
    assert {kind: text for kind, text in found.items() if text} == {"watching": why}


def test_two_loaders_of_different_folders_are_told(tmp_path: Path) -> None:
    one, two = news(tmp_path / "one", 4), news(tmp_path / "two", 4)
    write(two, "more.md")
    url = databases.at(tmp_path / "feeds.db")
    loaders = [Loader(Store(url), folder) for folder in (one, two)]
    lines: list[str] = []
    follower = FolderFollower(Config(seeds=one, database_url=url), lines.append)
    settled(one)
    settled(two)
    follower.load()
    loaders[1].load()
    follower.load()
    loaders[1].load()
    follower.load()
    documents = DocumentStore(Store(url), Config(database_url=url), followed=True)
    now = int(datetime.now(UTC).timestamp())
    why = "another server loads other records into the same store"
    assert troubles(documents, now)["contest"] == why
    assert troubles(documents, now + 200)["contest"] == ""
    assert sum("(FEEDS_DATABASE_URL)" in line for line in lines) == 1


def test_two_loaders_of_equal_folders_are_none_of_that(tmp_path: Path) -> None:
    url = databases.at(tmp_path / "feeds.db")
    loaders = [Loader(Store(url), news(tmp_path / name, 4)) for name in ("one", "two")]
    for _ in range(3):
        for loader in loaders:
            loader.load()
    for name in ("one", "two"):
        write(tmp_path / name, "more.md")
    for loader in loaders:
        loader.load()
    assert [loader.notes for loader in loaders] == [{}, {}]


def test_a_store_that_refuses_writes_is_told(tmp_path: Path) -> None:
    store = loaded(news(tmp_path / "news", 1))
    if store.url.get_backend_name() == "sqlite":  # which is replaced by a database in memory
        why = "the store can't be written; one in memory stands in for it"
        assert troubles(DocumentStore(store, CONFIG), 0)["writing"] == why
        return
    url = store.url.update_query_dict({"options": "-cdefault_transaction_read_only=on"})
    text = url.render_as_string(hide_password=False)
    config = replace(CONFIG, database_url=text)
    refusing = DocumentStore(Store(text), config)
    assert troubles(refusing, 0)["writing"] == "the store can't be written: it is read-only"
    store_only = DocumentStore(refusing.store, replace(config, load="off"))
    assert troubles(store_only, 0)["writing"] == ""


def test_hubs_and_caches_that_fail_for_long_are_told(tmp_path: Path) -> None:
    hub, cache = "https://hub.example.net/", "http://cache.example.net/"
    store = loaded(news(tmp_path / "news", 1))
    documents = DocumentStore(store, replace(CONFIG, hubs=(hub,), purge=(cache,)))
    moment = documents.watch.generation().loaded
    with store.write() as connection:
        queue(connection, [hub], {"https://feeds.example.org/rss.xml": 0}, 0.0, 0.0)
        connection.execute(pings.update().values(attempts=4))
    found = troubles(documents, moment + 600)
    assert (found["hubs"], found["caches"]) == ("", "")
    with store.write() as connection:
        connection.execute(pings.update().values(attempts=5))
    found = troubles(documents, moment + 601)
    assert found["hubs"] == "hubs that have not been told for minutes: 1"
    assert found["caches"] == "caches that have not been purged for minutes: 1"
    assert "example.net" not in str(found)
    with store.write() as connection:
        connection.execute(schema.pings.delete())
        changes.set_mark(connection, cache, Mark(moment))
    found = troubles(documents, moment + 10**6)
    assert (found["hubs"], found["caches"]) == ("", "")
