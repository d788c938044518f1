"""What a tool's configuration calls its site, from the load to every document."""

import json
from pathlib import Path

import pytest
from flask import Flask

from feeds.follower import changed_keys, changed_urls
from feeds.loading import loader
from feeds.records.profile import Profile
from tests.helpers.server import ROOT, application, documents, get

PROFILE = Profile("auto")


@pytest.fixture
def blog(tmp_path: Path) -> Path:
    (tmp_path / "_posts").mkdir()
    (tmp_path / "_posts" / "2024-01-02-ferries.md").write_text(
        "---\ntags: [Sea]\nsource: Times\n---\nText\n"
    )
    name(tmp_path, "Mill diary")
    return tmp_path


def name(blog: Path, title: str) -> None:
    (blog / "_config.yml").write_text(
        f"url: https://mill.example.com\ntitle: {title}\ndescription: Of a mill\nlang: da\n"
    )


def names(app: Flask) -> list[tuple[str, str, str]]:
    """Title, description and language in documents of all kinds."""
    feed = json.loads(get(app, "/feed.json").body)
    catalogue = json.loads(get(app, "/feeds.json").body)
    return [(one["title"], one["description"], one["language"]) for one in (feed, catalogue)]


def load(app: Flask, blog: Path) -> None:
    store = documents(app)
    loader.load(store.store, blog, profile=PROFILE)
    store.watch.look_again()


def test_feeds_and_pages_are_called_as_the_site_is(blog: Path) -> None:
    app = application(blog)
    assert names(app) == [("Mill diary", "Of a mill", "da")] * 2
    oembed = f"/oembed?url={ROOT}/topics/sea/"
    assert json.loads(get(app, "/topics/sea/feed.json").body)["title"] == "Sea – Mill diary"
    assert json.loads(get(app, oembed).body)["provider_name"] == "Mill diary"
    for address in ("/", "/topics/sea/", "/about/", "/nowhere/", "/feeds.opml", "/stats/"):
        assert "Mill diary" in get(app, address, Accept="text/html").body.decode(), address


@pytest.mark.usefixtures("either")
def test_a_site_that_is_called_something_else_changes_every_document(blog: Path) -> None:
    app = application(blog)
    before = get(app, "/topics/sea/rss.xml")
    home = get(app, "/")
    store = documents(app).store
    with store.read() as reader:
        since = reader.state().loaded
    load(app, blog)
    assert get(app, "/topics/sea/rss.xml").headers == before.headers
    name(blog, "Tide diary")
    load(app, blog)
    after = get(app, "/topics/sea/rss.xml")
    assert "<title>Sea – Tide diary</title>" in after.body.decode()
    assert after.get("Last-Modified") != before.get("Last-Modified")
    assert get(app, "/").get("ETag") != home.get("ETag")
    assert "Mill" not in get(app, "/about/").body.decode()
    config = documents(app).config
    with store.read() as reader:
        assert changed_keys.changed(reader, since, config) == {"all"}
        urls = changed_urls.changed(reader, since, documents(app).addresses, config)
    assert f"{ROOT}/topics/sea/atom.xml" in urls
    (blog / "_config.yml").write_text("url: https://mill.example.com\n")
    load(app, blog)
    assert names(app) == [("mill.example.com", "What is new on mill.example.com", "en")] * 2


def test_settings_go_over_what_the_site_says(blog: Path) -> None:
    app = application(blog, title="Ours", language="en")
    assert names(app) == [("Ours", "Of a mill", "en")] * 2
    with documents(app).store.read() as reader:
        since = reader.state().loaded
    name(blog, "Tide diary")
    load(app, blog)
    with documents(app).store.read() as reader:
        urls = changed_urls.changed(reader, since, documents(app).addresses, documents(app).config)
    assert f"{ROOT}/topics/sea/atom.xml" not in urls


def test_a_server_without_the_folder_calls_them_so_too(blog: Path) -> None:
    loader = application(blog)
    url = documents(loader).config.database_url
    app = application(blog / "nowhere", database_url=url, load="off")
    assert names(app) == [("Mill diary", "Of a mill", "da")] * 2
