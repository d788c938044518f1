import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from feeds.catalog.addresses import FeedQuery
from feeds.rendering.formats import FORMATS
from feeds.serving.documents import Document
from feeds.store.reader import Reader
from tests.helpers.prepared import break_store, titles
from tests.helpers.server import ROOT, application, documents, get, load
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


def test_a_delta_is_had_again_by_who_asks_again_and_is_made_once(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"a_im": "FEED", "if_none_match": str(get(app, "/rss.xml").get("ETag"))}
    write(folder, "new.md", title="New")
    load(app, folder)
    renderer, made = documents(app).renderer, []
    changes = renderer.changes

    def counted(
        query: FeedQuery, reader: Reader, since: int, until: int, *, is_whole: bool
    ) -> Document | None:
        made.append(since)
        return changes(query, reader, since, until, is_whole=is_whole)

    monkeypatch.setattr(renderer, "changes", counted)
    first = get(app, "/rss.xml", **known)
    assert (first.code, titles(first)) == (226, ["New"])
    assert get(app, "/rss.xml", **known) == first
    assert len(made) == 1
    (folder / "new.md").unlink()
    load(app, folder)
    assert titles(get(app, "/rss.xml", **known)) == []
    assert len(made) == 2


R2E = "rss2email/3.14 (https://example.org)"
FEEDPARSER = "feedparser/6.0.12 +https://example.org"


@pytest.mark.parametrize(("agent", "before"), [(R2E, []), (R2E.upper(), []), (FEEDPARSER, [226])])
def test_who_may_take_226_for_an_error_gets_all_that_came_with_the_whole_feed(
    folder: Path, agent: str, before: list[int]
) -> None:
    app = application(folder)
    address = "/rss.xml?limit=3"
    known = {"a_im": "feed", "if_none_match": str(get(app, address).get("ETag"))}
    write(folder, "new.md", title="New", publishedDateTime="2024-02-01T00:00:00Z")
    load(app, folder)
    codes = [get(app, address, **known, user_agent=agent).code for _ in before]
    assert codes == before
    assert get(app, address, **known, user_agent=agent) == get(app, address)
    added = written(folder, 2)
    load(app, folder)
    whole = get(app, address)
    answer = get(app, address, **known, user_agent=agent)
    new, four, three, *late = titles(answer)
    assert (answer.code, new, four, three) == (200, "New", "Story 4", "Story 3")
    assert set(late) == added
    assert answer.get("ETag") == whole.get("ETag")
    assert (answer.get("Cache-Control"), answer.get("IM")) == ("no-store", None)
    assert get(app, address, **known).code == 226


@pytest.mark.parametrize(
    ("proxies", "peer", "codes"),
    [
        ((), "127.0.0.1", [226, 200, 200]),
        (("127.0.0.1",), "127.0.0.1", [226, 226, 200]),
        (("unix",), "127.0.0.1", [226, 200, 200]),
        (("unix",), "", [226, 226, 200]),
        (("10.0.0.0/8", "2001:db8::/32"), "10.1.2.3", [226, 226, 200]),
        (("10.0.0.0/8", "2001:db8::/32"), "192.0.2.1", [226, 200, 200]),
    ],
)
def test_what_a_client_is_forwarded_for_is_believed_of_the_proxies_that_a_setting_names(
    folder: Path, proxies: tuple[str, ...], peer: str, codes: list[int]
) -> None:
    """A reader that asks for the same again didn't take 226; two behind one proxy are two."""
    app = application(folder, proxies=proxies)
    client = app.test_client()
    tag = client.get("/rss.xml").headers["ETag"]
    write(folder, "new.md", title="New", publishedDateTime="2024-02-01T00:00:00Z")
    load(app, folder)
    headers = {"A-IM": "feed", "If-None-Match": tag, "User-Agent": FEEDPARSER}
    for forwarded_for, code in zip(("192.0.2.7", "192.0.2.8", "192.0.2.7"), codes, strict=True):
        answer = client.get(
            "/rss.xml",
            headers=headers | {"X-Forwarded-For": forwarded_for},
            environ_base={"REMOTE_ADDR": peer},
        )
        assert answer.status_code == code


def written(folder: Path, number: int, **fields: Any) -> set[str]:
    """Records of 2024-01-01, older than all others of the folder but one, by their titles."""
    for name in (added := {f"late {number}" for number in range(number)}):
        write(folder, f"{name}.md", title=name, publishedDateTime="2024-01-01T12:00:00Z", **fields)
    return added


@pytest.mark.usefixtures("either")
def test_all_that_came_is_in_a_delta_whatever_its_date_and_the_length_of_the_feed(
    folder: Path,
) -> None:
    app = application(folder, limit=2)
    address = "/topics/ai/atom.xml?limit=3"
    tag = str(get(app, address).get("ETag"))
    added = written(folder, 80, topics=["AI"])
    write(
        folder, "000.md", title="Story 0, corrected", topics=["AI"], publishedDateTime="2024-01-01"
    )
    write(folder, "other.md", title="Other", topics=["C++"])
    load(app, folder)
    longer = get(app, address, a_im="feed", if_none_match=tag)
    assert (longer.code, titles(longer)) == (
        200,
        ["Story 4", "Story 3", "Story 2"],
    )  # of more pages
    tag = str(longer.get("ETag"))
    write(folder, "new.md", title="New", topics=["AI"], publishedDateTime="2024-02-01T00:00:00Z")
    load(app, folder)
    delta = get(app, address, a_im="feed", if_none_match=tag)
    assert (delta.code, len(titles(get(app, address)))) == (226, 3)
    first, *middle, last = titles(delta)
    assert (first, set(middle), last) == ("New", added, "Story 0, corrected")


@pytest.mark.usefixtures("either")
def test_a_delta_survives_a_restart_and_a_new_version_of_the_program(folder: Path) -> None:
    tag = str(get(application(folder), "/rss.xml").get("ETag"))
    # What the first load dated changes again.
    write(folder, "004.md", title="Story 4, corrected", publishedDateTime="2024-01-05T00:00:00Z")
    write(folder, "new.md", title="New", publishedDateTime="2024-01-03T12:00:00Z")
    app = application(folder)
    load(app, folder)
    known = {"a_im": "feed", "if_none_match": re.sub("[0-9a-f]{24}", "0" * 24, tag)}
    expected = ["Story 4, corrected", "New"]
    for later in (app, application(folder)):
        answer = get(later, "/rss.xml", **known)
        assert (answer.code, titles(answer)) == (226, expected)
        assert answer.get("ETag") == get(app, "/rss.xml").get("ETag")


@pytest.mark.parametrize("change", [-1, 1, 10**9, 10**11])
def test_a_moment_that_no_feed_was_made_at_gets_the_whole_feed(
    app: Flask, folder: Path, change: int
) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    write(folder, "new.md", title="New")
    load(app, folder)
    other = re.sub("-([0-9]+)", lambda found: f"-{int(found[1]) + change}", tag)
    whole = get(app, "/rss.xml")
    assert get(app, "/rss.xml", a_im="feed", if_none_match=other) == whole
    assert get(app, "/rss.xml", a_im="feed", if_none_match=tag).code == 226


@pytest.mark.usefixtures("either")
def test_a_narrowed_feed_keeps_its_etag_and_has_deltas(folder: Path) -> None:
    app = application(folder)
    address = "/rss.xml?min_quality=50"
    write(folder, "good.md", title="Good", quality=60)
    write(folder, "better.md", title="Better", quality=40, publishedDateTime="2023-01-01")
    load(app, folder)
    known = {"a_im": "feed", "if_none_match": str(get(app, address).get("ETag"))}
    write(folder, "bad.md", title="Bad", quality=10)
    load(app, folder)
    assert get(application(folder), address, **known).code == 304
    write(folder, "better.md", title="Better", quality=70, publishedDateTime="2023-01-01")
    load(app, folder)
    delta = get(app, address, **known)
    assert (delta.code, titles(delta)) == (226, ["Better"])


def test_of_more_than_a_delta_has_room_for_the_last_are_in_it_and_archives_have_all(
    app: Flask, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.catalog.window._MOST", 3)
    tag = str(get(app, "/rss.xml").get("ETag"))
    write(folder, "new.md", title="New", publishedDateTime="2024-03-01T00:00:00Z")
    load(app, folder)
    added = written(folder, 3)
    load(app, folder)
    delta = get(app, "/rss.xml", a_im="feed", if_none_match=tag)
    assert (delta.code, set(titles(delta))) == (226, added)
    archive = re.search('<([^>]*)>; rel="prev-archive"', str(delta.get("Link")))
    assert archive
    assert f'href="{archive[1]}"'.encode() in delta.body
    assert titles(get(app, archive[1].removeprefix(ROOT))).count("New") == 1


@pytest.mark.slow
@pytest.mark.parametrize("file", ["rss.xml", "atom.xml", "feed.json"])
def test_of_twenty_entries_and_more_a_delta_is_a_tenth_longer_at_most(
    app: Flask, folder: Path, file: str
) -> None:
    known = {"a_im": "feed", "if_none_match": str(get(app, f"/{file}").get("ETag"))}
    written(folder, 20, excerpt="A story. " * 20, topics=["AI"])
    load(app, folder)
    fragments = documents(app).renderer._parts
    answer = get(app, f"/{file}", **known)
    kind = FORMATS[file].name
    kept = [fragments.get(key) for key in [*fragments._items] if kind in str(key)]
    parts = [part for part, _ in filter(None, kept)]
    missing = [part for part in parts if b"/late" in part]
    assert (answer.code, len(missing)) == (226, 20)
    assert len(answer.body) <= 1.1 * sum(map(len, missing))


def test_a_state_two_generations_ago_is_still_known(app: Flask, folder: Path) -> None:
    tag = str(get(app, "/rss.xml").get("ETag"))
    for name in ("New", "Newer"):
        write(folder, f"{name}.md", title=name, publishedDateTime="2024-02-01T00:00:00Z")
        load(app, folder)
        get(app, "/rss.xml")
    answer = get(app, "/rss.xml", if_none_match=tag, a_im="feed")
    assert answer.code == 226
    assert sorted(titles(answer)) == ["New", "Newer"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "address", ["/", "/rss.xml?limit=2&page=2", "/2024/01/rss.xml", "/rss.xml?sort=heat"]
)
def test_pages_for_people_further_pages_and_archives_have_no_deltas(
    app: Flask, folder: Path, address: str
) -> None:
    tag = str(get(app, address).get("ETag"))
    assert re.fullmatch('"[0-9a-f]{24}"', tag)
    write(folder, "new.md", publishedDateTime="2024-01-09T00:00:00Z")
    load(app, folder)
    assert get(app, address, if_none_match=tag, a_im="feed").code == 200


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


def test_a_delta_has_what_was_withdrawn(app: Flask, folder: Path) -> None:
    tags = {file: str(get(app, f"/{file}").get("ETag")) for file in FORMATS}
    write(folder, "001.md", title="Story 1", publishedDateTime="2024-01-02T00:00:00Z", removed=True)
    load(app, folder)
    atom, json = (
        get(app, f"/{file}", if_none_match=tags[file], a_im="feed")
        for file in ("atom.xml", "feed.json")
    )
    assert (atom.code, json.code, titles(atom)) == (226, 226, [])
    assert re.search(rb'<at:deleted-entry ref="urn:uuid:[^"]*" when="[^"]*Z"/>', atom.body)
    assert re.search(rb'"withdrawn":\[{"id":"urn:uuid:[^"]*","when":"[^"]*Z"}\]', json.body)


_ENTRY = re.compile(rb"<(entry|item)>.*?</\1>", re.DOTALL)


@pytest.mark.parametrize("file", ["rss.xml", "atom.xml"])
@pytest.mark.parametrize("number", [1, 5, 19, 20, 300])
def test_a_delta_is_the_head_of_the_feed_and_what_is_missing_and_no_more(
    folder: Path, file: str, number: int
) -> None:
    said = {"topics": ["AI"], "excerpt": "What happened and why it matters. " * 8}
    app = application(folder)
    tag = str(get(app, f"/{file}").get("ETag"))
    for n in range(number):
        date = f"2023-0{1 + n % 9}-01"  # late, and more than a feed is long
        write(folder, f"late-{n}.md", title=f"Late {n}", publishedDateTime=date, **said)
    load(app, folder)
    delta, whole = get(app, f"/{file}", a_im="feed", if_none_match=tag), get(app, f"/{file}")
    assert delta.code == 226
    assert sorted(titles(delta)) == sorted(f"Late {n}" for n in range(number))
    missing = sum(len(found[0]) for found in _ENTRY.finditer(delta.body))
    assert len(delta.body) - missing <= len(_ENTRY.sub(b"", whole.body))
    assert number < 20 or len(delta.body) <= 1.1 * missing
