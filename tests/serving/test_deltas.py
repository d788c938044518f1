import re
from pathlib import Path

import pytest
from flask import Flask

from tests.helpers.prepared import break_store, titles
from tests.helpers.server import get, load
from tests.helpers.support import write


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
@pytest.mark.usefixtures("either")
def test_a_delta_has_the_changed_entries_and_the_validators_of_the_whole(
    app: Flask, folder: Path, file: str, coding: str
) -> None:
    first = get(app, f"/{file}", accept_encoding=coding)
    tag = str(first.get("ETag"))
    write(folder, "001.md", title="Story 1, corrected", publishedDateTime="2024-01-02T00:00:00Z")
    write(folder, "new.md", title="New", publishedDateTime="2024-02-01T00:00:00Z")
    load(app, folder)
    whole = get(app, f"/{file}", accept_encoding=coding)
    delta = get(app, f"/{file}", accept_encoding=coding, if_none_match=tag, a_im="feed")
    assert delta.status == "226 IM USED"
    assert titles(delta) == ["New", "Story 1, corrected"]
    changed = {
        "Content-Length": str(len(delta.body)),
        "Cache-Control": "no-store",
        "Vary": "Accept-Encoding, A-IM, If-None-Match",
    }
    expected = dict(whole.headers) | changed | {"IM": "feed", "Delta-Base": tag}
    for keys in ("Surrogate-Key", "xkey"):  # no cache keeps it
        del expected[keys]
    assert dict(delta.headers) == expected
    tag = str(delta.get("ETag"))
    assert get(app, f"/{file}", accept_encoding=coding, if_none_match=tag, a_im="feed").code == 304


def test_a_delta_is_for_a_known_state_and_whoever_asks_for_it(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    other = str(get(app, "/atom.xml").get("ETag"))
    write(folder, "new.md", title="New")
    load(app, folder)
    known: dict[str, str] = {"if_none_match": tag}
    assert get(app, "/rss.xml", **known).code == 200
    assert get(app, "/rss.xml", **known, a_im="vcdiff, gzip").code == 200
    assert get(app, "/rss.xml", **known, a_im="feed;q=0").code == 200
    assert get(app, "/rss.xml", a_im="feed").code == 200
    assert get(app, "/rss.xml", a_im="feed", if_none_match='"unknown"').code == 200
    assert get(app, "/rss.xml", a_im="feed", if_none_match=other).code == 200
    assert get(app, "/rss.xml", **known, a_im="vcdiff, feed;q=0.5").code == 226
    for agent, token in (
        ("B", "feed"),
        ("D", "FEED"),
    ):  # case makes no difference (RFC 3229 10.5.1)
        assert get(app, "/rss.xml", **known, a_im=token, user_agent=agent).code == 226
    again: dict[str, str] = {"a_im": "feed", "user_agent": "C"}
    assert get(app, "/rss.xml", if_none_match=f'"x", W/{tag}', **again).code == 226


def test_who_asks_again_for_a_delta_it_was_given_gets_the_whole_feed(
    app: Flask, folder: Path
) -> None:
    known = {"a_im": "feed", "if_none_match": str(get(app, "/rss.xml").get("ETag"))}
    write(folder, "new.md", title="New")
    load(app, folder)
    assert get(app, "/rss.xml", **known).code == 226
    assert get(app, "/rss.xml", **known).code == 200
    assert get(app, "/rss.xml", **known, x_forwarded_for="192.0.2.7").code == 226


def test_a_state_two_generations_ago_is_still_known(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    for name in ("New", "Newer"):
        write(folder, f"{name}.md", title=name, publishedDateTime="2024-02-01T00:00:00Z")
        load(app, folder)
        get(app, "/rss.xml")
    answer = get(app, "/rss.xml", if_none_match=tag, a_im="feed")
    assert answer.code == 226
    assert sorted(titles(answer)) == ["New", "Newer"]


def test_a_page_for_people_has_no_delta(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/").get("ETag"))
    write(folder, "new.md")
    load(app, folder)
    assert get(app, "/", if_none_match=tag, a_im="feed").code == 200


def test_a_delta_is_no_larger_than_what_changed(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    write(folder, "new.md", title="New")
    load(app, folder)
    delta = get(app, "/rss.xml", if_none_match=tag, a_im="feed").body
    assert re.findall(rb"<item><title>([^<]*)</title>", delta) == [b"New"]


@pytest.mark.usefixtures("either")
def test_without_the_store_a_delta_becomes_the_whole_feed(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    write(folder, "new.md")
    load(app, folder)
    second = get(app, "/rss.xml")
    break_store(app, monkeypatch)
    assert get(app, "/rss.xml", if_none_match=tag, a_im="feed") == second
