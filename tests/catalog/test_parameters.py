"""Without parameters: each address is one that a file can answer."""

from pathlib import Path

import pytest
from flask import Flask
from lxml import etree

from feeds.catalog.addresses import PARAMETERS
from tests.helpers import collection
from tests.helpers.server import ROOT, application, call, get, news

MARCH = "/2024/03/atom.xml"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return collection.site(collection.make(tmp_path / "records"))


def rels(app: Flask, address: str) -> list[str]:
    links = etree.fromstring(get(app, address).body).findall("{*}link")
    return [str(link.get("rel")) for link in links]


def count(app: Flask, address: str) -> int:
    return get(app, address).body.count(b"<entry>")


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_an_address_with_one_leads_nowhere(app: Flask, name: str) -> None:
    for address in ("/rss.xml", "/", "/feeds.opml", "/embed/", "/static/style.css"):
        answer = get(app, f"{address}?{name}=2")
        assert answer.code == 404
        assert f"addresses take no parameters here, such as {name}".encode() in answer.body


def test_names_that_nothing_knows_are_ignored_as_ever(app: Flask) -> None:
    assert get(app, "/rss.xml?utm_source=x&v=1").code == 200


def test_a_month_is_whole(tmp_path: Path) -> None:
    folder = news(tmp_path / "records", 28)
    app = application(folder, parameters="off", limit=2)
    assert count(app, "/2024/01/atom.xml") == 28
    assert rels(app, "/2024/01/atom.xml") == ["alternate", "self", "current"]
    assert count(app, "/atom.xml") == 2
    assert rels(app, "/atom.xml") == ["alternate", "self", "prev-archive"]


def test_a_month_may_have_more_than_a_page_ever_has(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    for number in range(201):
        news(folder / str(number), 1)
        (folder / str(number) / "000.md").write_text(
            (folder / str(number) / "000.md").read_text().replace("com/000", f"com/{number}")
        )
    assert count(application(folder, parameters="off"), "/2024/01/atom.xml") == 201


def test_months_lead_from_one_to_the_next(app: Flask) -> None:
    assert rels(app, MARCH) == ["alternate", "self", "next", "current"]
    older = etree.fromstring(get(app, MARCH).body).xpath("//*[@rel='next']/@href")
    assert older == [f"{ROOT}/2024/01/atom.xml"]
    newer = etree.fromstring(get(app, "/2024/01/atom.xml").body)
    assert newer.xpath("//*[@rel='previous']/@href") == [f"{ROOT}{MARCH}"]


def test_a_story_has_all_of_its_coverage(tmp_path: Path) -> None:
    folder = collection.make(tmp_path / "records")
    with_pages = collection.site(folder, parameters="on", limit=1)
    without = collection.site(folder, limit=1)
    page = get(without, "/stories/").code
    assert page == 404
    story = next(
        part for part in get(without, "/2024/03/").body.decode().split('"') if "/stories/" in part
    )
    answer = call(without.wsgi_app, story)
    lead = (answer.get("Location") or f"{ROOT}{story}").removeprefix(ROOT)
    assert count(without, f"{lead}atom.xml") == 2
    assert count(with_pages, f"{lead}atom.xml") == 1


def test_pages_offer_nothing_that_needs_them(app: Flask) -> None:
    for address in ("/", "/topics/ai/", "/2024/03/", "/about/", "/amp/types/articles/"):
        body = get(app, address).body.decode()
        assert "<form" not in body
        assert "oembed" not in body
        assert "Narrow this feed" not in body
    assert 'rel="next"' in get(app, "/").body.decode()  # older entries are in their month
    about = get(app, "/about/").body
    assert b"prev-archive" in about
    assert b"A-IM" not in about
