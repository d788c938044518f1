"""Names and permalink patterns as Hugo makes addresses of them."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.records.profiles.hugo_address import (
    Names,
    PermalinkError,
    as_linked,
    encoded,
    expand,
    sanitized,
)
from tests.records.profiles.hugo_sites import PLAIN, paths, post, site

# Between letters, and what is left of them.
SIGNS = (
    dict.fromkeys(",;:!?'\"&%=()[]{}*$^|`<>’–…½№×€", "")
    | {sign: sign for sign in "_-.#@~/\\+éßøя東٣ﬁ"}
    | {" ": "-", "  ": "-", " - ": "-", "--": "--", "'s ": "s-", ". ": ".-", "İ": "i", "\t": "-"}
    | {"e\u0301": "e\u0301", "%41": "%41"}
)
NAMES = Names(
    "Tide Table",
    "",
    "tide_1",
    ("notes", "sea", "deep"),
    "notes",
    datetime(2024, 2, 9, 23),  # noqa: DTZ001 - on its own clock
)


@pytest.mark.parametrize(("sign", "left"), SIGNS.items())
def test_a_sign_stays_or_vanishes(sign: str, left: str) -> None:
    assert sanitized(f"x{sign}Y") == f"x{left}y"


@given(st.text(max_size=40))
def test_what_is_clean_stays_so(text: str) -> None:
    once = sanitized(text)
    assert sanitized(once) == once


def test_capitals_and_accents_follow_the_settings() -> None:
    assert sanitized("Café Noir", lower=False) == "Café-Noir"
    assert sanitized("Café Noir", accents=False) == "cafe-noir"
    assert sanitized(" -- a - ") == "--a-"


PATTERNS = {
    "/:year/:month/:day/:slug/": "/2024/02/09/tide-table/",
    "/:section/:yearday/:weekday/:title": "/notes/40/5/tide-table",
    "/:monthname/:weekdayname/:filename": "/February/Friday/tide_1",
    "/:sections/:slugorfilename/": "/notes/sea/deep/tide_1/",
    "/:sections[1:]/:contentbasename": "/sea/deep/tide_1",
    "/:sections[last]/:slugorcontentbasename": "/deep/tide_1",
    "/:sections[0]-:sections[:last]": "/notes-notes/sea",
}


@pytest.mark.parametrize(("pattern", "path"), PATTERNS.items())
def test_a_pattern_is_expanded(pattern: str, path: str) -> None:
    assert expand(pattern, NAMES, sanitized) == path


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/:author/", "has :author, which is no variable that is known"),
        ("/:sections[x]/", "has :sections[x]; [1], [last] and [1:last] are known"),
        ("/:day/", "has :day, and the record no date; give it a date"),
    ],
)
def test_a_pattern_that_gives_no_address_says_why(pattern: str, message: str) -> None:
    with pytest.raises(PermalinkError) as caught:
        expand(pattern, NAMES._replace(local=None), sanitized)
    assert str(caught.value) == message


def test_a_plus_is_a_blank_in_a_pattern_alone(tmp_path: Path) -> None:
    files = {
        "docs/C++.md": post("title: A"),
        "docs/b.md": post("title: B", "slug: -C++--"),
        "docs/at-index.md": post("title: B", "slug: index"),
        "posts/c.md": post("title: C++"),
        "posts/d.md": post("title: C++ & C#"),
        "posts/e.md": post("title: AM/FM"),
        "posts/f.md": post("title: '!!!'"),
        "posts/index-of.md": post("title: x#"),
    }
    config = PLAIN + '[permalinks]\nposts = "/p/:slug/"\n'
    assert paths(site(tmp_path, files, config)) == {
        "docs/C++.md": "/docs/c++/",
        "docs/b.md": "/docs/c++/",
        "docs/at-index.md": "/docs/",
        "posts/c.md": "/p/c-/",
        "posts/d.md": "/p/c-c/",
        "posts/e.md": "/p/am/fm/",
        "posts/f.md": "/p/",
        "posts/index-of.md": "/p/x/",
    }


def test_the_first_folder_picks_the_pattern(tmp_path: Path) -> None:
    files = {
        "top.md": post("title: Top"),
        "about/index.md": post("title: About"),
        "posts/d/e/_index.md": "x",
        "posts/d/e/f.md": post("title: F"),
        "posts/g/h.md": post("title: H"),
        "Posts/up.md": post("title: Up"),
    }
    config = PLAIN + (
        '[permalinks]\n"/" = "/top/:slug/"\nabout = "/no/"\n'
        '[permalinks.page]\nposts = "/:sections/:slug/"\n'
    )
    assert paths(site(tmp_path, files, config)) == {
        "top.md": "/top/top/",
        "about/index.md": "/top/about/",
        "posts/d/e/f.md": "/posts/d/e/f/",
        "posts/g/h.md": "/posts/h/",
        "Posts/up.md": "/posts/up/",
    }


OWN = {
    "/bare": "/bare/", "harbour/rel.html": "/harbour/rel.html", "/Harbour/Map/": "/Harbour/Map/",
    "/v1.2": "/v1.2", "/a/../b//c/": "/b/c/", "/../x/": "/x/", "/it's/(x)!/": "/it's/(x)!/",
    "/it's é/(x)!": "/it%27s%20%C3%A9/%28x%29%21/", "/p%20q/": "/p%20q/", "/x?y#z": "/x%3Fy%23z/",
}  # fmt: skip


@pytest.mark.parametrize(("written", "path"), OWN.items())
def test_a_page_may_name_its_own_address(tmp_path: Path, written: str, path: str) -> None:
    folder = site(tmp_path, {"a.md": post("title: A", f'url: "{written}"')})
    assert paths(folder) == {"a.md": path}


def test_the_first_format_of_a_page_has_its_address(tmp_path: Path) -> None:
    files = {
        "a.md": post("title: A"),
        "b.md": post("title: B", "outputs: [HTML, json]"),
        "c.md": post("title: C", "outputs: [rss]", "url: /c"),
        "d.md": post("title: D", "outputs: amp"),
    }
    assert paths(site(tmp_path, files, PLAIN + '[outputs]\npage = ["json", "html"]\n')) == {
        "a.md": "/a/index.json",
        "b.md": "/b/",
        "c.md": "/c/index.xml",
        "d.md": "/amp/d/",
    }


def test_sections_alone_may_be_ugly(tmp_path: Path) -> None:
    files = {"posts/a.md": post("title: A"), "docs/b.md": post("title: B")}
    assert paths(site(tmp_path, files, PLAIN + "[uglyURLs]\nposts = true\n")) == {
        "posts/a.md": "/posts/a.html",
        "docs/b.md": "/docs/b/",
    }


def test_a_number_sign_stays_in_links_as_hugo_writes_them() -> None:
    assert encoded("/docs/c#/") == "/docs/c%23/"
    assert as_linked("/docs/c#/") == "/docs/c#/"
    assert as_linked("/é?ä=1#ö#") == "/%C3%A9?%C3%A4=1#%C3%B6%23"
