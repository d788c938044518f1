"""Jekyll's folders: small sites, each compared with what Jekyll 4.3 makes of them."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from feeds.model import Record
from feeds.records import frontmatter
from feeds.records.frontmatter import Mapping, Scalar
from feeds.records.parser import Options, parse_record
from feeds.records.profiles import jekyll
from feeds.records.profiles.jekyll import JekyllSite
from feeds.records.profiles.page import Page
from feeds.records.scanner import FolderError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MILL = """\
title: Mill diary
url: https://mill.example.org
baseurl: /diary
timezone: America/Halifax
permalink: date
"""


def site(folder: Path, config: str = MILL) -> JekyllSite:
    (folder / "_config.yml").write_text(config, encoding="utf-8")
    found = jekyll.find(folder)
    assert found is not None
    return found


def page(of: JekyllSite, path: str, front: str = "", body: str = "The tide was low.\n") -> Page:
    return of.page(path, frontmatter.parse(front) if front else Mapping(), body, NOW)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_post_is_the_entry_that_its_own_site_shows(tmp_path: Path) -> None:
    front = (
        "title: Slow boats\ndate: 2023-03-08 01:30:00\ncategories: Boats repairs\n"
        "category: Sea Wall\ntags: winter ice,\nlast_modified_at: 2023-04-01\n"
    )
    body = "\nThe [tide][1] was low.\n\nIt rose.\n\n[1]: https://tide.example\n"
    assert page(site(tmp_path), "_posts/2023-03-07-slow-boats.md", front, body) == Page(
        url="https://mill.example.org/diary/boats/repairs/sea%20wall/2023/03/07/slow-boats.html",
        id="https://mill.example.org/diary/boats/repairs/sea%20wall/2023/03/07/slow-boats",
        title="Slow boats",
        published=moment("2023-03-08T01:30:00Z"),
        updated=moment("2023-04-01T03:00:00Z"),
        tags=("winter", "ice,"),
        categories=("Boats", "repairs", "Sea Wall"),
        excerpt="The [tide][1] was low.\n\n[1]: https://tide.example",
    )


def test_a_site_of_another_folder_reads_its_parents_configuration(tmp_path: Path) -> None:
    site(tmp_path)
    posts = tmp_path / "_posts"
    posts.mkdir()
    found = jekyll.find(posts)
    assert found is not None
    shown = page(found, "sub/22-5-6-short.md")
    assert (shown.url, shown.title, shown.published) == (
        "https://mill.example.org/diary/2022/05/06/short.html",
        "Short",
        moment("2022-05-06T03:00:00Z"),
    )
    for name in ("pictures", "_posts/deeper"):  # not read by the site; two floors down
        (tmp_path / name).mkdir()
    assert jekyll.find(tmp_path / "pictures") is None
    assert jekyll.find(posts / "deeper") is None


def test_a_word_that_stands_twice_hides_if_either_does(tmp_path: Path) -> None:
    for config in (MILL, MILL + "defaults: [{scope: {path: ''}, values: {tags: [a]}}]\n"):
        shown = page(
            site(tmp_path, config), "_posts/2022-05-06-x.md", "published: true\npublished: no\n"
        )
        assert shown.hidden == "published is not true"


def test_a_site_goes_to_other_processes_as_plain_data(tmp_path: Path) -> None:
    config = MILL + "collections: [notes]\ndefaults: [{scope: {path: ''}, values: {tags: [a]}}]\n"
    one = site(tmp_path, config)
    other = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=JekyllSite)
    assert other == one
    assert other.base_url == "https://mill.example.org/diary"
    assert page(other, "_posts/2022-05-06-x.md") == page(one, "_posts/2022-05-06-x.md")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("_posts/2022-05-06-a.md", ""),
        ("Harbour/local/_posts/2022-05-06-a.txt", ""),
        ("_drafts/a.md", ""),  # read, and counted as a draft
        ("_posts/undated.md", "no date in the file name"),
        ("_posts/_2022-05-06-a.md", "its name begins with _"),
        ("_posts/2022-05-06-a.md~", "a backup"),
        ("_old/_posts/2022-05-06-a.md", "its folder begins with _"),
        ("_posts/_old/2022-05-06-a.md", "its folder begins with _"),
        ("vendor/bundle/x/_posts/2022-05-06-a.md", "excluded by the configuration"),
        ("archive/_posts/2022-05-06-a.md", "excluded by the configuration"),
        ("a/old/_posts/2022-05-06-a.md", "excluded by the configuration"),
        ("about.md", "a page, no post"),
        ("_pages/about.md", "a page, no post"),
        ("_notes/a.md", ""),
        ("_notes/_a.md", "its name begins with _"),
        ("_people/ada.md", "collection without output"),
        ("_logs/a.md", "its collection is not in the site's feed"),
    ],
)
def test_files_are_passed_over_by_name(tmp_path: Path, path: str, reason: str) -> None:
    config = (
        "exclude: [/archive, '*/old']\ninclude: [_pages]\n"
        "collections:\n  notes: {output: true}\n  people: {output: false}\n"
        "  logs: {output: true}\nfeed: {collections: [notes]}\n"
    )
    assert site(tmp_path, config).passes_over(path) == reason


def test_a_collection_that_is_named_is_read_in_or_out_of_the_feed(tmp_path: Path) -> None:
    site(tmp_path, "url: https://x.example\ncollections: {logs: {output: true}}\n")
    (tmp_path / "_logs").mkdir()
    found = jekyll.find(tmp_path / "_logs")
    assert found is not None
    assert found.passes_over("deep/Swell.md") == ""
    shown = page(found, "deep/2023-02-04-Swell.md")
    assert (shown.url, shown.id) == ("https://x.example/logs/deep/2023-02-04-Swell.html", "")


@pytest.mark.parametrize(
    ("style", "url"),
    [
        ("", "/deep/blue/2021/01/01/New-Year.html"),
        ("permalink: date", "/deep/blue/2021/01/01/New-Year.html"),
        ("permalink: pretty", "/deep/blue/2021/01/01/New-Year/"),
        ("permalink: ordinal", "/deep/blue/2021/001/New-Year.html"),
        ("permalink: weekdate", "/deep/blue/2021/W53/Fri/New-Year.html"),
        ("permalink: none", "/deep/blue/New-Year.html"),
        ("permalink: /:year_:i_month/:slug", "/2021_1/new-year"),
        (
            "permalink: /:collection/:name/:w_year/:short_month/:long_day/:hour/",
            "/posts/2021-01-01-new-year/2020/Jan/Friday/00/",
        ),
        ("collections: {posts: {permalink: /p/:title/}}\npermalink: none", "/p/New-Year/"),
    ],
)
def test_permalinks_of_the_site(tmp_path: Path, style: str, url: str) -> None:
    found = site(tmp_path, f"url: https://x.example\n{style}\n")
    shown = page(found, "_posts/2021-01-01-New-Year.md", "categories: [Deep, blue, deep]\n")
    assert shown.url == "https://x.example" + url


@pytest.mark.parametrize(
    ("front", "url", "identifier"),
    [
        ("permalink: wharf-notes.html", "/wharf-notes.html", "/wharf"),
        ("permalink: /jetty", "/jetty", "/wharf"),
        ("permalink: /fixed/place/", "/fixed/place/", "/fixed/wharf"),
        ("permalink: /quay/:year/:title/", "/quay/2022/wharf/", "/quay/2022/wharf"),
        ("permalink: pretty", "/pretty", "/wharf"),
        ("permalink: ''", "/", "/wharf"),
        ("permalink:", "/2022/12/08/wharf.html", "/2022/12/08/wharf"),
        ("permalink: /j/index.html", "/j/index.html", "/j/wharf"),
        ("permalink: /../a//b/", "/a/b/", "/a/wharf"),
        ("slug: Own Slug!", "/2022/12/08/Own-Slug!.html", "/2022/12/08/Own%20Slug!"),
        ("categories: [A&B, C++]", "/a&b/c++/2022/12/08/wharf.html", "/a&b/c++/2022/12/08/wharf"),
        ("category: 'C#?'", "/c%23%3F/2022/12/08/wharf.html", "/c%23%3F/2022/12/08/wharf"),
    ],
)
def test_addresses_and_ids(tmp_path: Path, front: str, url: str, identifier: str) -> None:
    shown = page(site(tmp_path, "url: https://x.example\n"), "_posts/2022-12-08-wharf.md", front)
    assert (shown.url, shown.id) == ("https://x.example" + url, "https://x.example" + identifier)


@pytest.mark.parametrize(
    ("name", "url", "title"),
    [
        ("C++-Tips.md", "C++-Tips.html", "C++ Tips"),
        ("v1.2-out.MD", "v1.2-out.html", "V1.2 Out"),
        ("salt&pepper.html", "salt&pepper.html", "Salt&pepper"),
        ("two words_here.md", "two-words_here.html", "Two words_here"),
        ("knot.textile", "knot.textile", "Knot"),
        ("café-noir.md", "caf%C3%A9-noir.html", "Café Noir"),
        ("cafe\u0301.md", "caf%C3%A9.html", "Cafe\u0301"),
        ("½-№-x.md", "x.html", "½ № X"),
        ("мир.md", "%D0%BC%D0%B8%D1%80.html", "Мир"),
    ],
)
def test_slugs_of_file_names(tmp_path: Path, name: str, url: str, title: str) -> None:
    shown = page(site(tmp_path), f"_posts/2022-12-01-{name}")
    assert (shown.url, shown.title) == (
        f"https://mill.example.org/diary/2022/12/01/{url}",
        title,
    )


@pytest.mark.parametrize(
    ("written", "published", "day"),
    [
        ("2023-03-08 01:30:00", "2023-03-08T01:30:00Z", "2023/03/07"),
        ('"2023-03-09 22:30:00"', "2023-03-10T02:30:00Z", "2023/03/09"),
        ("2023-03-10 23:30:00 +0900", "2023-03-10T14:30:00Z", "2023/03/10"),
        ("2023-04-01", "2023-04-01T03:00:00Z", "2023/04/01"),
        ("6 May 2022 10:00", "2022-05-06T13:00:00Z", "2022/05/06"),
        ("2024/08/15 9:05 pm", "2024-08-16T00:05:00Z", "2024/08/15"),
        ("2023-03-08 9:30", "2023-03-08T13:30:00Z", "2023/03/08"),
    ],
)
def test_dates(tmp_path: Path, written: str, published: str, day: str) -> None:
    shown = page(site(tmp_path), "_posts/2096-01-01-x.md", f"date: {written}\n")
    assert (shown.published, shown.hidden) == (moment(published), "")
    assert shown.url == f"https://mill.example.org/diary/{day}/x.html"


@pytest.mark.parametrize(
    ("path", "front", "notes"),
    [
        (
            "_posts/2022-13-01-x.md",
            "",
            (
                ("file name", "begins with a date that no calendar has"),
                ("permalink", "needs a date, and there is none; the record has no URL"),
            ),
        ),
        (
            "_posts/2022-01-01-x.md",
            "date: 05/06/2022",
            (
                ("date", "is 2022-06-05 or 2022-05-06; write the one that is meant"),
                ("permalink", "needs a date, and there is none; the record has no URL"),
            ),
        ),
        (
            "_posts/2022-01-01-x.md",
            "date: soon\npermalink: /:nowhere/",
            (
                ("date", "is not a date"),
                ("permalink", "has the unknown word :nowhere; the record has no URL"),
            ),
        ),
    ],
)
def test_a_date_that_cannot_be_read_is_none(
    tmp_path: Path, path: str, front: str, notes: tuple[tuple[str, str], ...]
) -> None:
    assert page(site(tmp_path), path, front) == Page(
        title="X", excerpt="The tide was low.", notes=notes
    )


def test_an_empty_date_leaves_that_of_the_file_name(tmp_path: Path) -> None:
    shown = page(site(tmp_path), "_posts/2022-05-06-x.md", "date:\n")
    assert shown.published == moment("2022-05-06T03:00:00Z")
    assert shown.notes == (("date", "is empty; the date of the file's name counts"),)


LATER = moment("2097-01-01T04:00:00Z")


@pytest.mark.parametrize(
    ("path", "front", "hidden", "until"),
    [
        ("_posts/2022-05-06-x.md", "published: true", "", None),
        ("_posts/2022-05-06-x.md", "published: 'Yes'", "", None),
        ("_posts/2022-05-06-x.md", "published: false", "published is not true", None),
        ("_posts/2022-05-06-x.md", "published: no", "published is not true", None),
        ("_posts/2022-05-06-x.md", "published:", "published is not true", None),
        ("_posts/2022-05-06-x.md", "published: 'false'", "published is not true", None),
        ("_posts/2022-05-06-x.md", "published: 0", "published is not true", None),
        ("_posts/2022-05-06-x.md", "Published: [true]", "published is not true", None),
        ("_posts/2022-05-06-x.md", "published: 2022-05-07", "", None),
        ("_posts/2022-05-06-x.md", "published: 2097-01-01", "dated in the future", LATER),
        ("_posts/2022-05-06-x.md", "draft: true", "draft", None),
        ("_posts/2022-05-06-x.md", "Draft: 'yes'", "draft", None),
        ("_posts/2022-05-06-x.md", "draft: false", "", None),
        ("_posts/2022-05-06-x.md", "status: Draft", "status is draft", None),
        ("_posts/2022-05-06-x.md", "status: publish", "", None),
        ("_posts/2022-05-06-x.md", "unlisted: on", "unlisted", None),
        ("_posts/2022-05-06-x.md", "publishDate: 2097-01-01\npubDate: 2096-01-01",
         "dated in the future", LATER),
        ("_posts/2097-01-01-x.md", "published: 2096-01-01", "dated in the future", LATER),
        ("_posts/2022-05-06-x.md", "expiryDate: 2025-12-31", "expired", None),
        ("_posts/2022-05-06-x.md", "expiryDate: 2097-01-01", "", LATER),
        (
            "_posts/2022-05-06-x.md",
            "expiryDate: soon",
            "expiry can't be read",
            None,
        ),
        ("_posts/2097-01-01-x.md", "", "dated in the future", LATER),
        ("_posts/2097-01-01-x.md", "draft: true", "draft", None),
        ("_posts/2022-05-06-x.md", "date: 2097-01-01", "dated in the future", LATER),
        ("_posts/2022-05-06-x.md", "date: 02/01/2097", "dated in the future",
         moment("2097-02-01T04:00:00Z")),
        ("_drafts/x.md", "published: true", "draft", None),
    ],
)  # fmt: skip
def test_hidden_is_hidden(
    tmp_path: Path, path: str, front: str, hidden: str, until: datetime | None
) -> None:
    shown = page(site(tmp_path, MILL + "show_drafts: true\nunpublished: true\n"), path, front)
    assert (shown.hidden, shown.until) == (hidden, until)


def test_a_post_appears_at_its_moment(tmp_path: Path) -> None:
    found = site(tmp_path)
    for now, hidden in ((LATER.replace(hour=3), "dated in the future"), (LATER, "")):
        assert found.page("_posts/2097-01-01-x.md", Mapping(), "", now).hidden == hidden
    ahead = site(tmp_path, MILL + "future: true\n")
    assert page(ahead, "_posts/2097-01-01-x.md").hidden == ""


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("~", "A B"), ("off", "A B"), ("''", "A B"), ("yes", "true"), ("'no'", "no"),
        ("1.50", "1.5"), ("1_000", "1000"), ("010", "8"), ("2024-01-02", "2024-01-02"),
        ("12:30", "12:30"), ("2021", "2021"), ("'It''s late'", "It's late"),
    ],
)  # fmt: skip
def test_titles(tmp_path: Path, title: str, expected: str) -> None:
    shown = page(site(tmp_path), "_posts/2022-01-01-a-b.md", f"title: {title}\n")
    assert shown.title == expected


@pytest.mark.parametrize(
    ("front", "tags", "categories"),
    [
        ("tags: a b\ncategories: c d", ("a", "b"), ("Harbour", "c", "d")),
        ("tags: [2021, yes, C#]\ncategories: [Sea, Harbour]", ("2021", "true", "C#"),
         ("Harbour", "Sea")),
        ("tag: cold snap\ntags: [b]\ncategory: Big Boats", ("cold snap",),
         ("Harbour", "Big Boats")),
        ("Tags: [a]\ntags:", (), ("Harbour",)),
    ],
)  # fmt: skip
def test_tags_and_categories(
    tmp_path: Path, front: str, tags: tuple[str, ...], categories: tuple[str, ...]
) -> None:
    shown = page(site(tmp_path), "Harbour/_posts/sub/2022-05-09-buoy.md", front)
    assert (shown.tags, shown.categories) == (tags, categories)


DEFAULTS = """\
url: https://x.example
permalink: /n/:short_year/:i_month/:i_day/:slug
excerpt_separator: <!--cut-->
collections: {notes: {output: true, permalink: '/notes/:name/'}, logs: {output: true}}
feed: {collections: {notes: {}, logs: {}}}
defaults:
  - scope: {path: '', type: posts}
    values: {categories: [Diary], tags: [own], author: Ada}
  - scope: {path: _posts/quiet}
    values: {published: false}
  - scope: {path: _posts/set, type: post}
    values: {permalink: '/set/:categories/:title:output_ext'}
  - scope: {path: '_posts/*/deep', type: posts}
    values: {tags: [deep]}
  - values: {tags: [any]}
"""


@pytest.mark.parametrize(
    ("path", "front", "expected"),
    [
        ("_posts/2023-06-10-C++-and.Dots.md", "categories: [Sea]\ntags: [kelp]",
         ("/n/23/6/10/c-and-dots", ("kelp",), ("Diary", "Sea"), "")),
        ("_posts/2023-06-12-blank.md", "tags:\ncategories:",
         ("/n/23/6/12/blank", ("own",), ("Diary",), "")),
        ("_posts/set/2023-06-15-Placed.md", "",
         ("/set/diary/Placed.html", ("own",), ("Diary",), "")),
        ("_posts/quiet/2023-06-13-hush.md", "",
         ("/n/23/6/13/hush", ("own",), ("Diary",), "published is not true")),
        ("_posts/quiet/2023-06-14-said.md", "published: true",
         ("/n/23/6/14/said", ("own",), ("Diary",), "")),
        ("_posts/a/deep/2023-06-14-b.md", "",
         ("/n/23/6/14/b", ("deep",), ("Diary",), "")),
        ("_notes/Reef Walk.md", "", ("/notes/reef-walk/", ("any",), (), "")),
        ("_logs/deep/2023-02-04-Swell.md", "",
         ("/logs/deep/2023-02-04-Swell", ("any",), (), "")),
    ],
)  # fmt: skip
def test_defaults_and_collections(
    tmp_path: Path, path: str, front: str, expected: tuple[object, ...]
) -> None:
    shown = page(site(tmp_path, DEFAULTS), path, front)
    assert (
        shown.url.removeprefix("https://x.example"),
        shown.tags,
        shown.categories,
        shown.hidden,
    ) == expected


def test_other_fields_have_their_defaults_too(tmp_path: Path) -> None:
    found = site(tmp_path, DEFAULTS)
    front = frontmatter.parse("title: Tide\n")
    fields = found.fields("_posts/2023-06-12-a.md", front)
    assert fields["author"] == Scalar("Ada", False, 1)
    assert fields["title"] == Scalar("Tide", True, 2)
    assert list(front) == ["title"]


@pytest.mark.parametrize(
    ("front", "excerpt"),
    [
        ("title: x", "First.\n\nSecond."),
        ("excerpt: Own *words*", "Own *words*"),
        ("excerpt_separator: ond", "First.\n\nSec"),
        ("excerpt_separator: ''", ""),
    ],
)
def test_excerpts(tmp_path: Path, front: str, excerpt: str) -> None:
    body = "\n\nFirst.\n\nSecond.\n<!--cut-->\nThird.\n"
    shown = page(site(tmp_path, DEFAULTS), "_posts/2023-06-12-a.md", front, body)
    assert shown.excerpt == excerpt


@pytest.mark.parametrize(
    ("config", "base", "url"),
    [
        ("url: https://Mill.example/\nbaseurl: b/", "https://mill.example/b",
         "https://mill.example//b/2022/05/06/x.html"),
        ("url: https://bücher.example\nbaseurl: /", "https://xn--bcher-kva.example",
         "https://xn--bcher-kva.example/2022/05/06/x.html"),
        ("url: ''\nbaseurl: /b", "", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_the_address_of_a_site(tmp_path: Path, config: str, base: str, url: str) -> None:
    found = site(tmp_path, config)
    assert found.base_url == base
    assert page(found, "_posts/2022-05-06-x.md").url == url


def test_a_site_without_an_address_and_a_zone_takes_those_of_the_settings(tmp_path: Path) -> None:
    site(tmp_path, "baseurl: /b\n")
    found = jekyll.find(tmp_path, timezone="Asia/Tokyo", url="https://x.example/news")
    assert found is not None
    shown = page(found, "_posts/2022-05-06-x.md")
    assert shown.url == "https://x.example/news/2022/05/06/x.html"
    assert shown.published == moment("2022-05-05T15:00:00Z")


def test_a_folder_of_posts_needs_no_configuration_where_its_address_is_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "_posts").mkdir()
    assert jekyll.find(tmp_path) is None
    found = jekyll.find(tmp_path, "Europe/Berlin", "https://mill.example.org")
    assert found is not None
    shown = page(found, "_posts/2023-03-07-tide.md")
    assert (shown.url, shown.published) == (
        "https://mill.example.org/2023/03/07/tide.html",
        moment("2023-03-06T23:00:00Z"),
    )


def test_posts_of_a_folder_of_collections_and_of_a_source(tmp_path: Path) -> None:
    found = site(tmp_path, "url: https://x.example\nsource: ./src\ncollections_dir: all\n")
    shown = page(found, "src/all/_posts/2022-05-06-x.md")
    assert (shown.url, shown.categories) == ("https://x.example/2022/05/06/x.html", ())
    assert found.passes_over("src/all/_posts/2022-05-06-x.md") == ""
    assert found.passes_over("src/_posts/2022-05-06-x.md") == "outside the folder of collections"
    assert found.passes_over("_posts/2022-05-06-x.md") == "outside the site's source"


def test_a_configuration_is_read_as_its_tool_does(tmp_path: Path) -> None:
    found = site(
        tmp_path,
        "\ufeff---\none: &one {baseurl: /b}\nother: &other {baseurl: /c, title: One, name: N}\n"
        "<<: [*one, *other]\ntitle: Two\n"
        "url: https://x.example\nexclude: [!ruby/regexp /x/]\nurl: https://y.example\n---\nmore\n",
    )
    assert (found.base_url, found.title) == ("https://y.example/b", "Two")


def test_a_configuration_in_toml(tmp_path: Path) -> None:
    (tmp_path / "_config.toml").write_text('url = "https://x.example"\ntitle = "T"\n')
    found = jekyll.find(tmp_path)
    assert found is not None
    assert (found.base_url, found.title) == ("https://x.example", "T")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (b"title: a: b\n", "1: is not YAML: mapping values are not allowed in this context; quote"),
        (b"title: x\n- a\n", "2: is not YAML"),
        (b"- a\n", "1: is not a mapping; write 'key: value' lines"),
        (b"a: 1\nb: \xff\n", "2: is not UTF-8; save it as UTF-8"),
        (b"a: 1\nurl: mill.example\n", "2: url: "),
        (b"timezone: Mars/Base\n", "1: timezone: 'Mars/Base' is no time zone that is known"),
        (b"a: " + b"[" * 50 + b"]" * 50, "1: is nested too deeply, or too long; shorten it"),
        (b"a: &a [*a]\n", "1: is nested too deeply, or too long; shorten it"),
        (b"#" * (1024 * 1024 + 1), "is longer than 1,048,576 bytes; shorten it"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_read_says_where(
    tmp_path: Path, config: bytes, message: str
) -> None:
    (tmp_path / "_config.yml").write_bytes(config)
    with pytest.raises(FolderError) as raised:
        jekyll.find(tmp_path)
    assert f"_config.yml: {message}" in str(raised.value)


def test_aliases_do_not_multiply_a_configuration(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "_config.yml").write_text("\n".join(lines))
    with pytest.raises(FolderError, match="too long"):
        jekyll.find(tmp_path)


@pytest.mark.parametrize(
    ("author", "front", "name"),
    [
        ("author: Ada\n", "title: T", "Ada"),
        ("author: {name: Ada, email: ada@example.com}\n", "title: T", "Ada"),
        ("author: {email: ada@example.com}\n", "title: T", None),
        ("author: Ada\n", "author: Bo", "Bo"),
        ("author: Ada\n", "author:", "Ada"),
        ("author: Ada\n", "authors: [Bo]", None),
        ("", "title: T", None),
    ],
)
def test_who_wrote_the_site_wrote_what_names_nobody(
    tmp_path: Path, author: str, front: str, name: str | None
) -> None:
    fields = site(tmp_path, MILL + author).fields(
        "_posts/2024-01-02-a.md", frontmatter.parse(front)
    )
    node = fields.get("author")
    assert (node.text if isinstance(node, Scalar) else None) == name


def test_a_body_links_within_the_site_and_what_only_jekyll_can_fill_in_is_noted(
    tmp_path: Path,
) -> None:
    of = site(tmp_path, "url: https://mill.example.org\nbaseurl: /log\n")
    body = (
        "![Boat]({{ '/boat.png' | relative_url }}) at [the quay]({{ site.baseurl }}/quay/), "
        "[home]({{ site.url }}{{ site.baseurl }}/).\n\n{% include tide.html\n  at='noon' %}\n\n"
        "Seen [before]({% post_url 2023-01-01-boats %}).\n"
    )
    data = f"---\ntitle: Boats\n---\n{body}".encode()
    parsed = parse_record("_posts/2023-03-07-boats.md", data, Options(site=of))
    assert isinstance(parsed.record, Record)
    base = "https://mill.example.org/log"
    assert parsed.record.body == (
        f'<p><img src="{base}/boat.png" alt="Boat"> at '
        f'<a href="{base}/quay/" rel="noopener noreferrer">the quay</a>, '
        f'<a href="{base}/" rel="noopener noreferrer">home</a>.</p>\n<p>Seen before.</p>'
    )
    (note,) = parsed.notes
    assert str(note) == (
        "_posts/2023-03-07-boats.md:6: body: has {% include tide.html at='noon' %} and 1 more, "
        "which only the site can fill in; left out"
    )
