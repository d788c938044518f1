"""What Hugo makes of a file, in small sites."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from feeds.records.front_formats import split_org
from feeds.records.profiles.hugo import HugoSite, find
from feeds.records.profiles.page import Page
from feeds.records.scanner import FolderError
from tests.records.profiles.hugo_sites import (
    PLAIN,
    found_at,
    hidden,
    pages,
    paths,
    post,
    site,
    write,
)

LOG = """\
baseURL = "https://pier.example.org/log/"
title = "Pier log"
[permalinks]
posts = "/:year/:month/:slug/"
"""


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_a_site_gives_its_pages_as_it_shows_them(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "_index.md": post("title: Home"),
            "about.md": post("title: About", "slug: who"),
            "posts/_index.md": post("title: All posts"),
            "posts/bell.md": post(
                "title: 'Bell buoy: C++ & C#'", "date: 2024-03-05", "tags: [Sea Wall, C#, 2024]",
                "categories: Pier log",
            ),
            "posts/horn.md": post(
                "title: Horn", "date: 2024-03-31T23:30:00-07:00", "lastmod: 2024-05-01",
                "slug: Fog Horn!", "tags: sea, fog",
            ),
            "posts/keeper/index.md": post(
                "title: Keeper's log", "publishDate: 2023-08-14T05:00:00Z"
            ),
            "posts/keeper/aside.md": post("title: Aside"),
            "posts/undated.md": post("title: Undated"),
            "posts/lamp.md": (
                '+++\ntitle = "Лампа"\ndate = 2024-05-06T07:08:09+03:00\ntags = ["Light"]\n+++\n'
                "One **lamp**.\n\n<!--more-->\n\nTwo.\n"
            ),
            "posts/map.md": (
                '{"title": "Map", "date": "2024-05-07T01:02:03Z", "url": "/Old/Map/"}\nx\n'
            ),
            "docs/rope.org": "#+TITLE: Rope\n#+DATE: <2024-06-07 Fri>\n#+TAGS: a b\n\nKnots.\n",
            "docs/chart.png": "",
        },
        LOG,
    )  # fmt: skip
    base = "https://pier.example.org/log"

    def shown(path: str, **values: object) -> Page:
        url = base + path
        return Page(url, url)._replace(**values)  # type: ignore[arg-type]

    assert pages(folder) == {
        "_index.md": "the page of a section",
        "about.md": shown("/who/", title="About"),
        "posts/_index.md": "the page of a section",
        "posts/bell.md": shown(
            "/2024/03/bell-buoy-c-c/", title="Bell buoy: C++ & C#", published=at(2024, 3, 5),
            updated=at(2024, 3, 5), tags=("Sea Wall", "C#", "2024"), categories=("Pier log",),
        ),
        "posts/horn.md": shown(
            "/2024/03/fog-horn/", title="Horn", published=at(2024, 4, 1, 6, 30),
            updated=at(2024, 5, 1), tags=("sea, fog",),
        ),
        "posts/keeper/index.md": shown(
            "/2023/08/keepers-log/", title="Keeper's log", published=at(2023, 8, 14, 5),
            updated=at(2023, 8, 14, 5),
        ),
        "posts/keeper/aside.md": "part of the page posts/keeper/",
        "posts/undated.md": Page(
            title="Undated",
            notes=((
                "permalinks",
                "has :year, and the record no date; give it a date; the record has no URL",
            ),),
        ),
        "posts/lamp.md": shown(
            "/2024/05/%D0%BB%D0%B0%D0%BC%D0%BF%D0%B0/", title="Лампа",
            published=at(2024, 5, 6, 4, 8, 9), updated=at(2024, 5, 6, 4, 8, 9), tags=("Light",),
            excerpt="One **lamp**.",
        ),
        "posts/map.md": shown(
            "/Old/Map/", title="Map", published=at(2024, 5, 7, 1, 2, 3),
            updated=at(2024, 5, 7, 1, 2, 3),
        ),
        "docs/rope.org": shown(
            "/docs/rope/", title="Rope", published=at(2024, 6, 7), updated=at(2024, 6, 7),
            tags=("a", "b"),
        ),
        "docs/chart.png": "no page: its name doesn't end in .md, .html or .org",
    }  # fmt: skip
    assert (found_at(folder).base_url, found_at(folder).title) == (base, "Pier log")


def test_the_content_folder_gives_the_same_pages_as_the_site(tmp_path: Path) -> None:
    folder = site(tmp_path, {"posts/x.md": post("title: X", "date: 2024-01-02")}, LOG)
    named, content = found_at(folder), found_at(folder / "content")
    front = split_org("#+TITLE: X\n#+DATE: 2024-01-02\n")[0]
    now = at(2026, 6, 1)
    assert content.page("posts/x.md", front, "", now) == named.page(
        "content/posts/x.md", front, "", now
    )
    assert content.page("posts/x.md", front, "", now).url == (
        "https://pier.example.org/log/2024/01/x/"
    )
    assert named.passes_over("themes/x.md") == "outside of the site's content"
    assert find(folder / "content" / "posts") is None


def test_a_site_goes_to_other_processes_as_it_is(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {"a/_index.md": post("cascade: {draft: true, tags: [x], when: 2024-01-01}")},
        LOG + "[languages.en]\n[languages.fr]\n",
    )
    found = found_at(folder)
    assert msgspec.json.decode(msgspec.json.encode(found), type=HugoSite) == found
    assert msgspec.json.encode(found_at(folder)) == msgspec.json.encode(found)


HIDDEN = {
    "draft: true": "draft",
    "draft: 'true'": "draft",
    "Draft: yes": "draft",
    "draft: 'yes'": "draft",
    "draft: false": "",
    "draft: 0": "",
    "draft: false\nDraft: true": "draft",
    "published: false": "published is not true",
    "published: 'False'": "published is not true",
    "published: false\ndraft: false": "published is not true",
    "published: 2020-01-01": "",
    "published: true": "",
    "publishDate: 2098-01-01": "dated in the future",
    "pubdate: 2098-01-01": "dated in the future",
    "published: 2098-01-01": "dated in the future",
    "date: 2098-01-01": "dated in the future",
    "date: 2098-01-01\npublishDate: 2020-01-01": "",
    "publishDate: 2098-01-01 09:00": "dated in the future",
    "publishDate: 05/06/2098": "dated in the future",
    "publishDate: soon": "has a publishdate that can't be read",
    "date: soon": "",
    "expiryDate: 2020-06-30": "expired",
    "unpublishdate: 2020-06-30": "expired",
    "expiryDate: 2098-06-30": "",
    "expiryDate: soon": "expiry can't be read",
    "headless: true": "headless",
    "headless: false": "",
    "_build: {list: never}": "not listed",
    "build: {list: local}": "not listed",
    "_build: {list: false}": "not listed",
    "_build: {list: always}": "",
}


@pytest.mark.parametrize(("lines", "reason"), HIDDEN.items())
def test_what_hides_a_page_is_named(tmp_path: Path, lines: str, reason: str) -> None:
    assert hidden(site(tmp_path, {"a.md": post("title: A", lines)})) == {"a.md": reason}


def test_a_page_appears_and_goes_at_its_times(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "a.md": post(
                "title: A", "publishDate: 2026-07-01T10:00:00+02:00", "expiryDate: 2026-08-01"
            )
        },
    )
    appears, goes = at(2026, 7, 1, 8), at(2026, 8, 1)
    states = []
    for now in (at(2026, 6, 1), appears, goes):
        page = pages(folder, now)["a.md"]
        assert isinstance(page, Page)
        states.append((page.hidden, page.until))
    assert states == [("dated in the future", appears), ("", goes), ("expired", None)]


def test_an_expiry_under_another_name_counts(tmp_path: Path) -> None:
    config = PLAIN + '[frontmatter]\nexpiryDate = ["endsOn", ":default"]\n'
    folder = site(tmp_path, {"a.md": post("title: A", "endsOn: 2020-01-01")}, config)
    assert hidden(folder) == {"a.md": "expired"}


def test_a_section_hides_the_pages_below_it(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "secret/_index.md": post("cascade: {draft: true}"),
            "secret/a.md": post("title: A"),
            "secret/deep/b.md": post("title: B"),
            "secret/shown.md": post("title: C", "draft: false"),
            "other/_index.md": (
                '+++\n[[cascade]]\nDraft = true\n[cascade._target]\npath = "/other/x*"\n+++\n'
            ),
            "other/x1.md": post("title: X1"),
            "other/y1.md": post("title: Y1"),
        },
    )  # fmt: skip
    assert hidden(folder) == {
        "secret/_index.md": "passed over: the page of a section",
        "secret/a.md": "draft",
        "secret/deep/b.md": "draft",
        "secret/shown.md": "",
        "other/_index.md": "passed over: the page of a section",
        "other/x1.md": "draft",
        "other/y1.md": "",
    }


def test_a_broken_cascade_is_an_error_as_it_may_be_what_hides(tmp_path: Path) -> None:
    folder = site(tmp_path, {"secret/_index.md": "---\ntitle: S\ncascade: {draft: true\n---\n"})
    with pytest.raises(FolderError) as caught:
        find(folder)
    assert str(caught.value) == (
        f"{folder}/content/secret/_index.md: 4: front matter: is not YAML: did not find expected "
        "',' or '}' (while parsing a flow mapping); quote the text, or mend the indentation"
    )


def test_a_link_that_leaves_the_folder_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path, {"outside.md": post("cascade: {draft: true}")})
    folder = site(tmp_path / "site", {"a/x.md": post("title: X")})
    (folder / "content/a/_index.md").symlink_to(tmp_path / "outside.md")
    assert found_at(folder).layout.cascades == ()


def test_times_without_an_offset_are_of_the_zone_of_the_site(tmp_path: Path) -> None:
    config = (
        "baseURL: https://harbour.example\ntimeZone: America/Halifax\nuglyURLs: true\n"
        "permalinks:\n  posts: /:year/:monthname/:day/:filename\n"
    )
    folder = site(
        tmp_path,
        {
            "posts/a.md": post("title: A", "date: 2024-05-06"),
            "posts/b.md": post("title: B", "date: 2024-05-07T01:30:00Z"),
            "posts/c.md": '+++\ntitle = "C"\ndate = 2024-05-09T22:00:00\n+++\nx\n',
            "docs/leaf/index.md": post("title: Leaf"),
            "docs/own.md": post("title: Own", "url: /own/place/"),
        },
        config,
        "config.yaml",
    )
    assert {
        name: (page.url, page.published)
        for name, page in pages(folder).items()
        if isinstance(page, Page)
    } == {
        "posts/a.md": ("https://harbour.example/2024/may/06/a.html", at(2024, 5, 6, 3)),
        "posts/b.md": ("https://harbour.example/2024/may/07/b.html", at(2024, 5, 7, 1, 30)),
        "posts/c.md": ("https://harbour.example/2024/may/09/c.html", at(2024, 5, 10, 1)),
        "docs/leaf/index.md": ("https://harbour.example/docs/leaf.html", None),
        "docs/own.md": ("https://harbour.example/own/place/", None),
    }


def test_a_date_may_stand_in_the_name_of_the_file(tmp_path: Path) -> None:
    config = (
        "baseURL: https://harbour.example\ndisablePathToLower: true\nremovePathAccents: true\n"
        'frontmatter:\n  date: [":filename", ":default"]\n  lastmod: [lastmod, ":default"]\n'
        "taxonomies: {topic: topics, tag: tags, author: authors}\n"
        "permalinks:\n  posts: /:sections/:slugorfilename/\n"
    )
    folder = site(
        tmp_path,
        {
            "posts/2024-02-03-Tide.md": post(
                "title: Tide", "date: 2024-03-04", "topic: [Moon]", "topics: [Big Moon, Sea]",
                "categories: [Gone]", "authors: [Jane]",
            ),
            "posts/Café Noir.md": post("title: Cafe", "date: 2024-03-05"),
            "posts/2024-02-06-own.md": post("title: Own", "slug: Own-Slug"),
            "posts/2098-02-08-held.md": post("title: Held"),
        },
        config,
        "hugo.yaml",
    )  # fmt: skip

    def shown(path: str, title: str, **values: object) -> Page:
        url = "https://harbour.example" + path
        return Page(url, url, title)._replace(**values)  # type: ignore[arg-type]

    assert pages(folder) == {
        "posts/2024-02-03-Tide.md": shown(
            "/posts/Tide/", "Tide", published=at(2024, 2, 3), updated=at(2024, 3, 4),
            tags=("Big Moon", "Sea"),
        ),
        "posts/Café Noir.md": shown(
            "/posts/Cafe-Noir/", "Cafe", published=at(2024, 3, 5), updated=at(2024, 3, 5)
        ),
        "posts/2024-02-06-own.md": shown("/posts/Own-Slug/", "Own", published=at(2024, 2, 6)),
        "posts/2098-02-08-held.md": shown("/posts/held/", "Held", published=at(2098, 2, 8)),
    }  # fmt: skip


def test_a_date_that_cannot_be_understood_is_noted(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "two.md": post("title: Two", "date: 05/06/2026", "lastmod: 2026-01-01"),
            "none.md": post("title: None", "date: some day", "publishDate: 2024-01-01"),
            "zero.md": post("title: Zero", "date: 0001-01-01T00:00:00Z", "lastmod: 2024-01-01"),
        },
    )
    assert {
        name: (page.published, page.updated, page.hidden, page.until, page.notes)
        for name, page in pages(folder).items()
        if isinstance(page, Page)
    } == {
        # It may be the 5th of June, or the 6th of May.
        "two.md": (None, at(2026, 1, 1), "dated in the future", at(2026, 6, 5), (
            ("date", "is 2026-06-05 or 2026-05-06; write the one that is meant"),
        )),
        "none.md": (None, None, "", None, (("date", "is not a date"),)),
        "zero.md": (at(2024, 1, 1), at(2024, 1, 1), "", None, ()),
    }  # fmt: skip


TITLES = {
    "2021": "2021", "yes": "true", "1.50": "1.5", "2.0": "2", "0x1F": "31", "~": "",
    "12:30": "12:30",
    "2024-01-02": "2024-01-02", "'1.50'": "1.50", "1e3": "1e3", "2024-13-45": "2024-13-45",
    "[a]": "",
}  # fmt: skip


@pytest.mark.parametrize(("written", "title"), TITLES.items())
def test_a_title_is_the_text_that_hugo_writes_of_it(
    tmp_path: Path, written: str, title: str
) -> None:
    page = pages(site(tmp_path, {"a.md": post(f"title: {written}")}))["a.md"]
    assert isinstance(page, Page)
    assert page.title == title


def test_a_summary_stands_in_where_nothing_ends_the_beginning(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "a.md": post("title: A", "summary: Own *summary*"),
            "b.md": post("title: B", "summary: Own") + "<!--more-->\nMore.\n",
            "c.md": post("title: C") + "# more\n",
            "d.org": "#+TITLE: D\n\nBeginning.\n# more\nRest.\n",
        },
    )
    made = [page for page in pages(folder).values() if isinstance(page, Page)]
    assert {page.title: page.excerpt for page in made} == {
        "A": "Own *summary*",
        "B": "The tide was low.",
        "C": "",
        "D": "Beginning.",
    }


def test_languages_have_their_addresses(tmp_path: Path) -> None:
    config = PLAIN + (
        'defaultContentLanguage = "en"\ndisableLanguages = ["ja"]\n'
        '[languages.en]\ntitle = "English"\n[languages.fr]\n[languages.ja]\n'
    )
    folder = site(
        tmp_path,
        {
            "posts/boat.md": post("title: Boat"),
            "posts/boat.fr.md": post("title: Bateau"),
            "posts/mast.fr.md": post("title: Mât", "url: /mat/"),
            "posts/oar.fr.md": post("title: Rame", "url: rame/"),
            "posts/rope.en.md": post("title: Rope"),
            "posts/knot.de.md": post("title: Knoten"),
            "posts/sail.ja.md": post("title: Sail"),
        },
        config,
    )
    assert paths(folder) == {
        "posts/boat.md": "/posts/boat/",
        "posts/boat.fr.md": "/fr/posts/boat/",
        "posts/mast.fr.md": "/mat/",
        "posts/oar.fr.md": "/fr/rame/",
        "posts/rope.en.md": "/posts/rope/",
        "posts/knot.de.md": "/posts/knot.de/",
        "posts/sail.ja.md": "/ja/posts/sail/",
    }
    assert hidden(folder)["posts/sail.ja.md"] == "in a language that is disabled"
    assert found_at(folder).title == "English"


def test_languages_may_have_folders_and_sites_of_their_own(tmp_path: Path) -> None:
    config = PLAIN + (
        '[languages.en]\ncontentDir = "content/english"\nbaseURL = "https://en.example"\n'
        '[languages.fr]\ncontentDir = "content/french"\nbaseURL = "https://fr.example/f/"\n'
    )
    files = {"english/posts/x.md": post("title: X"), "french/y.md": post("title: Y"), "z.md": "z"}
    made = pages(site(tmp_path, files, config))
    assert made == {
        "english/posts/x.md": Page(
            "https://en.example/posts/x/", "https://en.example/posts/x/", "X"
        ),
        "french/y.md": Page("https://fr.example/f/y/", "https://fr.example/f/y/", "Y"),
        "z.md": "outside of the site's content",
    }


def test_folders_may_be_mounted_as_content(tmp_path: Path) -> None:
    config = PLAIN + (
        '[[module.mounts]]\nsource = "content/en"\ntarget = "content"\n'
        '[[module.mounts]]\nsource = "docs"\ntarget = "content/manual"\n'
    )
    folder = site(tmp_path, {"en/posts/x.md": post("title: X"), "stray.md": "x"}, config)
    write(folder, {"docs/a.md": post("title: A")})
    found = found_at(folder)
    front = split_org("#+TITLE: A\n")[0]
    assert [
        found.page(path, front, "", at(2026, 6, 1)).url for path in ("content/en/x.md", "docs/a.md")
    ] == ["https://harbour.example/x/", "https://harbour.example/manual/a/"]
    assert found.passes_over("content/stray.md") == "outside of the site's content"


def test_a_bundle_takes_what_is_below_it(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "posts/b/index.md": post("title: B"),
            "posts/b/sub/index.md": post("title: Sub"),
            "posts/b/more.html": "x",
            "posts/plain/index.md": post("title: Plain"),
            "posts/plain/photo.jpg": "",
            "posts/_under.md": post("title: Under"),
        },
    )
    assert hidden(folder) == {
        "posts/b/index.md": "",
        "posts/b/sub/index.md": "passed over: part of the page posts/b/",
        "posts/b/more.html": "passed over: part of the page posts/b/",
        "posts/plain/index.md": "",
        "posts/plain/photo.jpg": (
            "passed over: no page: its name doesn't end in .md, .html or .org"
        ),
        "posts/_under.md": "",
    }
    # Another bundle without other pages in it changes nothing for all others.
    before = found_at(folder)
    write(folder, {"content/posts/new/index.md": post("title: New")})
    assert found_at(folder) == before


def test_files_that_the_configuration_ignores_are_passed_over(tmp_path: Path) -> None:
    config = PLAIN + r'ignoreFiles = ["\\.draft\\.md$", "posts/x"]' + "\n"
    folder = site(tmp_path, dict.fromkeys(("a.draft.md", "posts/x.md", "posts/y.md"), "x"), config)
    assert hidden(folder) == {
        "a.draft.md": "passed over: named by ignoreFiles",
        "posts/x.md": "passed over: named by ignoreFiles",
        "posts/y.md": "",
    }


def test_a_page_that_the_site_does_not_write_has_no_address(tmp_path: Path) -> None:
    folder = site(
        tmp_path,
        {
            "never.md": post("title: A", "_build: {render: never}"),
            "link.md": post("title: B", "build: {render: link}"),
            "away.md": post("title: C", "url: https://elsewhere.example/c/"),
        },
    )
    note = "says that the site has no page of it"
    message = "is an address; Hugo takes a path such as /about/; the record has no URL"
    assert pages(folder) == {
        "never.md": Page(title="A", notes=(("build", note),)),
        "link.md": Page(title="B", notes=(("build", note),)),
        "away.md": Page(title="C", notes=(("url", message),)),
    }


def test_a_site_that_names_no_host_has_the_one_that_is_passed_in(tmp_path: Path) -> None:
    folder = site(tmp_path, {"a.md": post("title: A")}, 'baseURL = "/"\n')
    assert pages(folder) == {"a.md": Page(title="A")}
    found = find(folder, url="https://other.example/")
    assert found is not None
    assert found.page("content/a.md", split_org("")[0], "", at(2026, 6, 1)).url == (
        "https://other.example/a/"
    )
