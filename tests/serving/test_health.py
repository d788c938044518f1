import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from feeds import create_app
from feeds.loading import loader
from feeds.loading.arrivals import HistoryReader
from feeds.serving.document_store import DocumentStore
from feeds.serving.readiness import readiness
from feeds.serving.views import EXTENSION
from feeds.store import fulltext
from feeds.store.database import Store, note_health
from feeds.store.schema import metadata, state
from tests.helpers.databases import databases
from tests.helpers.repository import Repository
from tests.helpers.server import application, call, documents, get, load, news
from tests.helpers.support import CONFIG, record, write

pytestmark = pytest.mark.usefixtures("either")

NONE = {"public": 0, "hidden": 0, "merged": 0, "errors": 0, "kept": 0}


def ready(app: Flask) -> tuple[int, dict[str, Any]]:
    documents(app).watch.look_again()
    answer = get(app, "/readyz")
    return answer.code, json.loads(answer.body)


def made(folder: Path) -> DocumentStore:
    """The documents of a store that nothing was loaded into."""
    config = replace(CONFIG, database_url=databases.at(folder / "empty.db"))
    return DocumentStore(Store(config.database), config, followed=True)


def test_healthz_says_ok_and_asks_nothing(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"))
    app.extensions[EXTENSION].store = None
    answer = get(app, "/healthz")
    assert (answer.code, answer.body) == (200, b"ok")
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert answer.get("Cache-Control") == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_head_is_get_without_the_body(path: str, tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"))
    answers = [call(app.wsgi_app, path, method=method) for method in ("GET", "HEAD")]
    assert answers[0][:2] == answers[1][:2]
    assert answers[1].body == b""


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/", "/amp/healthz", "/healthz/rss.xml"])
def test_they_are_no_feeds(path: str, tmp_path: Path) -> None:
    assert get(application(news(tmp_path / "news")), path).code == 404


def test_they_are_never_prepared(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"))
    for path in ("/healthz", "/readyz"):
        get(app, path)
        assert documents(app).cache.prepared(path) is None


def test_readyz_counts_what_was_loaded(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 3)
    write(folder, "copy.md", webUrl="https://news.example.com/000")
    write(folder, "hidden.md", published=False)
    write(folder, "bad.md", title=["no", "text"])
    code, said = ready(application(folder))
    loaded = datetime.fromisoformat(said.pop("loaded"))
    assert abs(datetime.now(UTC) - loaded) < timedelta(minutes=5)
    assert (code, said) == (
        200,
        {
            "generation": 1,
            "records": {"public": 4, "hidden": 1, "merged": 1, "errors": 1, "kept": 0},
            "entries": 3,
            "history": "none",
            "degraded": False,
            "why": "",
        },
    )


def test_readyz_says_whether_history_tells_when_records_came(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "site")
    commit = repository.commit(1_700_000_000, {"a.md": record()})
    told = []
    for shallow in (False, True):
        if shallow:
            (repository.folder / ".git/shallow").write_text(commit + "\n")
        made_anew = Store(databases.fresh())
        reader = HistoryReader(repository.folder)
        loader.load(made_anew, repository.folder, history=reader)
        told.append(readiness(DocumentStore(made_anew, CONFIG), datetime.now(UTC))["history"])
        made_anew.release()
    assert told[0] == "git"
    assert told[1].endswith("is a shallow clone; `git fetch --unshallow` brings its history")


def test_readyz_counts_what_is_served_as_it_was(tmp_path: Path) -> None:
    folder = news(tmp_path / "news", 3)
    app = application(folder)
    (folder / "000.md").write_text("---\ntitle: [\n---\n")
    load(app, folder)
    _, said = ready(app)
    assert said["records"] == NONE | {"public": 2, "errors": 1, "kept": 1}
    assert (said["entries"], said["degraded"]) == (3, False)


def test_readyz_is_not_cached(tmp_path: Path) -> None:
    answer = get(application(news(tmp_path / "news")), "/readyz")
    assert answer.get("Cache-Control") == "no-store"
    assert answer.get("Content-Type") == "application/json"
    assert answer.get("ETag") is None


def test_before_the_first_load_nothing_is_ready(tmp_path: Path) -> None:
    app = application(news(tmp_path / "news"))
    app.extensions[EXTENSION] = made(tmp_path)
    code, said = ready(app)
    assert (code, said["generation"], said["loaded"]) == (503, 0, None)
    assert (said["records"], said["why"]) == (NONE, "nothing has been loaded yet")


def test_a_load_that_failed_is_told_until_one_succeeds(tmp_path: Path) -> None:
    folder = news(tmp_path / "news")
    app = application(folder)
    before = ready(app)[1]
    with documents(app).store.write() as connection:
        note_health(connection, "the folder is gone")
    code, said = ready(app)
    assert (code, said) == (200, before | {"degraded": True, "why": "the folder is gone"})
    load(app, folder)
    assert ready(app)[1]["degraded"] is False


def test_an_application_over_a_lost_folder_starts_degraded(tmp_path: Path) -> None:
    folder = news(tmp_path / "news")
    application(folder)
    folder.rename(tmp_path / "away")
    app = application(folder)
    code, said = ready(app)
    assert (code, said["degraded"], said["entries"]) == (200, True, 5)
    assert said["why"] == "the folder, or what configures it, can't be read; the log says more"
    assert get(app, "/rss.xml").code == 200


def test_a_store_that_does_not_answer_is_told_and_what_is_prepared_is_served(
    tmp_path: Path,
) -> None:
    app = application(news(tmp_path / "news"))
    feed = get(app, "/rss.xml")
    assert ready(app)[1]["degraded"] is False
    store = documents(app).store
    with store.write() as connection:
        connection.exec_driver_sql("DROP TABLE state")
    code, said = ready(app)
    assert (code, said["generation"], said["entries"], said["degraded"]) == (200, 1, 5, True)
    assert said["why"] == "the store doesn't answer; what is prepared is served"
    assert get(app, "/rss.xml") == feed


def test_a_store_that_is_being_made_anew_is_told_and_what_it_held_is_served(
    tmp_path: Path,
) -> None:
    folder = news(tmp_path / "news")
    app = application(folder)
    before = ready(app)[1]
    feed = get(app, "/rss.xml")
    store = documents(app).store
    if store.file is None:  # PostgreSQL has no file that could be another one
        with store.write() as connection:
            for table in set(metadata.sorted_tables) - {state}:
                connection.execute(table.delete())
            connection.execute(fulltext.INDEX.delete())
            connection.execute(state.update().values(generation=0))
    else:
        for part in ("", "-wal", "-shm"):
            Path(f"{store.file}{part}").unlink(missing_ok=True)
    code, said = ready(app)
    anew = "the store is being made anew; what it held is served"
    assert (code, said) == (200, before | {"degraded": True, "why": anew})
    if store.file is not None:
        Store(store.url.render_as_string())
        assert ready(app) == (code, said)
    assert get(app, "/rss.xml") == feed
    loader.load(Store(store.url.render_as_string(hide_password=False)), folder)
    assert ready(app)[1]["degraded"] is False


def test_a_stand_in_is_told(tmp_path: Path) -> None:
    (tmp_path / "feeds.db").mkdir()
    app = create_app(
        {
            "seeds": str(news(tmp_path / "news")),
            "database_url": f"sqlite:///{tmp_path}/feeds.db",
        }
    )
    file = documents(app).store.file
    assert file is not None
    try:
        code, said = ready(app)
        assert (code, said["entries"], said["degraded"]) == (200, 5, True)
        assert said["why"] == "the store can't be written; one in memory stands in for it"
    finally:
        for path in file.parent.iterdir():
            path.unlink()
        file.parent.rmdir()
