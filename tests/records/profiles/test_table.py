"""Folders whose profile is a table, compared with the records that they give."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from feeds import urls
from feeds.model import Hidden, Provider, Record, RecordError
from feeds.records import frontmatter
from feeds.records.frontmatter import Mapping
from feeds.records.parser import NotARecord, Options, parse_record
from feeds.records.profiles import tool_sites
from feeds.records.profiles.page import Page, Site
from feeds.records.profiles.table import LINKS, TableSite
from feeds.records.profiles.table_settings import ProfileError, from_table

NOW = datetime(2026, 1, 1, tzinfo=UTC)

NOT_WEB = "is not a web address"


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def outcome(site: Site, path: str, text: str) -> object:
    """The record, why it is hidden, "passed over: ..." or the error; with the notes, if any."""
    options = Options(now=int(NOW.timestamp()), site=site)
    try:
        parsed = parse_record(path, text.encode(), options)
    except NotARecord as reason:
        return f"passed over: {reason}"
    except RecordError as error:
        return str(error)
    shown = parsed.record.reason if isinstance(parsed.record, Hidden) else parsed.record
    return (shown, [str(note) for note in parsed.notes]) if parsed.notes else shown


def record(path: str, web: str, **fields: object) -> Record:
    key = urls.entry_id(urls.identity(web))
    return msgspec.structs.replace(Record(path=path, key=key, id=key, title="", web=web), **fields)


def page(site: TableSite, path: str, front: str = "", body: str = "") -> Page:
    return site.page(path, frontmatter.parse(front) if front else Mapping(), body, NOW)


def address(site: TableSite, path: str, front: str = "") -> str:
    return page(site, path, front).url.removeprefix("https://x.example")


# --- Obsidian


def vault(folder: Path, url: str = "https://x.example") -> TableSite:
    (folder / ".obsidian").mkdir(exist_ok=True)
    site = tool_sites.find_obsidian(folder, "Europe/Berlin", url)
    assert site is not None
    return site


def test_a_published_note_is_a_record(tmp_path: Path) -> None:
    text = (
        "---\npublish: true\ncreated: 2025-03-01 10:00\nmodified: 2025-03-02\n"
        'tags: "#boats, sea wall"\nauthor: "[[People/Ada|Ada]]"\n---\n'
        "# Slow [[Boats]]\n\nSee [[Tides and moon|the tides]].%%ask #Ada%% ![[map.png]]"
        " #boats/slow\n"
    )
    assert outcome(vault(tmp_path), "Log book/Slow boats & co.md", text) == record(
        "Log book/Slow boats & co.md",
        "https://x.example/Log+book/Slow+boats+%26+co",
        title="Slow Boats",
        excerpt="See the tides. #boats/slow",
        body="<p>See the tides.  #boats/slow</p>",
        published=moment("2025-03-01T09:00:00Z"),
        updated=moment("2025-03-01T23:00:00Z"),
        provider=Provider("x.example", "x-example", "x.example", "x.example"),
        authors=("Ada",),
        topics=("boats", "sea wall", "boats/slow"),
    )


@pytest.mark.parametrize(
    "front",
    [
        "",
        "---\ntitle: x\n---\n",
        "---\npublish: false\n---\n",
        "---\npublish: yes\n---\n",
        "---\npublish: 2024-01-01\n---\n",
        "---\npublish:\n---\n",
        "---\npublish: [true]\n---\n",
        "---\npublish: true\npublish: false\n---\n",
        "---\nPublish: true\n---\n",
    ],
)
def test_a_vault_shows_only_what_says_publish_true(tmp_path: Path, front: str) -> None:
    assert outcome(vault(tmp_path), "a.md", front + "Private.") == "publish is not true"


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("publish: true\ndraft: true\n", "draft"),
        ("publish: true\nDraft: 'no'\ndraft: true\n", "draft"),
        ("publish: true\ndate: 2026-02-01\n", "dated in the future"),
        ("publish: true\ndate: 01/02/2026\n", "dated in the future"),
        ("publish: true\nexpiryDate: 2025-12-31\n", "expired"),
        ("publish: true\ndate: 2999-01-01\n", "dated in the future"),
    ],
)
def test_other_words_hide_a_published_note(tmp_path: Path, front: str, expected: str) -> None:
    shown = outcome(vault(tmp_path), "a.md", f"---\n{front}---\nText.")
    assert (shown[0] if isinstance(shown, tuple) else shown) == expected


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("", "/Log+book/C%2B%2B+%C3%BCber+alles%3F"),
        ("permalink: boats\n", "/boats"),
        ("permalink: /b/ö\n", "/b/%C3%B6"),
        ("url: https://other.example/a\n", "https://other.example/a"),
    ],
)
def test_addresses_of_notes(tmp_path: Path, front: str, expected: str) -> None:
    front = f"publish: true\n{front}"
    assert address(vault(tmp_path), "Log book/C++ über alles?.md", front) == expected


@pytest.mark.parametrize(
    ("front", "body", "title"),
    [
        ("title: Own", "# Other", "Own"),
        ("a: b", "Text.\n\n```sh\n# no heading\n```\n\nHead\n====\n", "Head"),
        ("title: ''", "Text.", "2024-01-02 Walk"),
    ],
)
def test_titles_of_notes(tmp_path: Path, front: str, body: str, title: str) -> None:
    assert page(vault(tmp_path), "a/2024-01-02 Walk.md", front, body).title == title


def test_a_vault_passes_over_templates_drawings_and_attachments(tmp_path: Path) -> None:
    site = vault(tmp_path)
    assert [site.passes_over(path) for path in ("a.md", "a.png", "b/c.excalidraw.md", "md")] == [
        "",
        "no text in .md",
        "its path matches *.excalidraw.md",
        "no text in .md",
    ]
    (tmp_path / ".obsidian" / "templates.json").write_text('{"folder": "Own/[T]"}')
    inner = tmp_path / "Own"
    inner.mkdir()
    for other in (vault(tmp_path), vault(tmp_path, "")):
        assert other.passes_over("Own/[T]/Day.md") == "its path matches Own/[[]T]/*"
    below = tool_sites.find_obsidian(inner, url="https://x.example")
    assert below is not None
    assert below.passes_over("[T]/Day.md") == "its path matches Own/[[]T]/*"
    assert address(below, "Day.md", "publish: true") == "/Own/Day"


def test_a_note_of_a_site_without_address_says_what_to_set(tmp_path: Path) -> None:
    assert outcome(vault(tmp_path, ""), "a.md", "---\npublish: true\n---\nText.") == (
        "a.md:1: url: is missing: nothing names the address of the site; set FEEDS_SITE, "
        "or site in feeds.toml"
    )


# --- Astro


def astro(folder: Path, config: str = "export default {}\n", url: str = "") -> TableSite:
    (folder / "src" / "content").mkdir(parents=True, exist_ok=True)
    (folder / "astro.config.mjs").write_text(config)
    site = tool_sites.find_astro(folder, url=url)
    assert site is not None
    return site


def test_an_entry_of_a_collection_is_a_record(tmp_path: Path) -> None:
    site = astro(tmp_path, "export default defineConfig({\n  site: 'https://x.example',\n});\n")
    text = (
        "---\ntitle: 2024\npubDate: Jul 08 2022\nupdatedDate: '2022-07-09'\n"
        "heroImage: a.png\ndescription: On fog.\ncategories: [Weather]\ntags: [Fog, fog, 7]\n"
        "draft: false\n---\nimport Card from './Card.astro';\n\n<Card>Fog</Card> is {props.thick}."
        "\n\nIt lifts.\n"
    )
    path = "src/content/blog/Über Fog/index.mdx"
    note = f"{path}:13: body: has {{props.thick}}, which only the site can fill in; left out"
    expected = record(
        path,
        "https://x.example/blog/%C3%BCber-fog/",
        id="https://x.example/blog/%C3%BCber-fog/",
        title="2024",
        excerpt="On fog.",
        body="<p>It lifts.</p>",
        published=moment("2022-07-08T00:00:00Z"),
        updated=moment("2022-07-09T00:00:00Z"),
        provider=Provider("x.example", "x-example", "x.example", "x.example"),
        topics=("Weather", "Fog", "7"),
    )
    assert outcome(site, path, text) == (expected, [note])


@pytest.mark.parametrize(
    ("path", "front", "expected"),
    [
        ("blog/First Post, part 1.md", "", "/blog/first-post-part-1/"),
        ("blog/a_b/C.md", "", "/blog/a_b/c/"),
        ("docs/x.md", "slug: en/Über", "/docs/en/%C3%9Cber/"),
        ("docs/x.md", "permalink: /own/", "/own/"),
    ],
)
def test_addresses_of_astro(tmp_path: Path, path: str, front: str, expected: str) -> None:
    site = astro(tmp_path, url="https://x.example/")
    assert address(site, f"src/content/{path}", front) == expected


@pytest.mark.parametrize(
    ("config", "base", "url"),
    [
        ('site: "https://a.example/",\n  base: "/b",\n', "https://a.example/b", "/c/x/"),
        ("site: 'https://a.example', // ours\n trailingSlash: 'never'\n", "", "/c/x"),
        ("// site: 'https://a.example',\n", None, ""),
        ("/* old\nsite: 'https://b.example',\n*/\n site: `https://a.example`,\n", "", "/c/x/"),
        ("site: 'https://' + host,\n", None, ""),
        ("site: process.env.SITE ?? 'https://a.example',\n", None, ""),
        ("site: 'https://${host}',\n", None, ""),
        ("site: `https://${host}`,\n", None, ""),
        ("site: 'https://a.example',\n base: prefix,\n", None, ""),
        (" site: 'https://a.example',\n site: 'https://b.example',\n", None, ""),
        ("site: 'https://a.example',\n  nested: {\n    site: 'https://b.example' }\n", "", "/c/x/"),
        ("site: 'ftp://a.example'\n", None, ""),
    ],
)
def test_only_literals_of_a_program_are_read(
    tmp_path: Path, config: str, base: str | None, url: str
) -> None:
    site = astro(tmp_path, "export default {\n" + config + "}\n")
    expected = "" if base is None else base or "https://a.example"
    assert (site.base_url, page(site, "src/content/c/x.md").url) == (
        expected,
        expected + url if url else "",
    )


@pytest.mark.parametrize("part", ["site:", "/*\n", "{site:''", "docs:{", "\n", "site: 'a"])
def test_a_hostile_program_takes_no_square_time(tmp_path: Path, part: str) -> None:
    """A mebibyte each: with square time, minutes."""
    config = part * (1024 * 1024 // len(part))
    assert astro(tmp_path, config).base_url == ""
    (tmp_path / "blog").mkdir()
    (tmp_path / "docusaurus.config.js").write_text(config)
    assert tool_sites.find_docusaurus(tmp_path) is not None


def test_astro_passes_over_what_is_in_no_collection(tmp_path: Path) -> None:
    site = astro(tmp_path)
    paths = ("src/content/a/b.md", "src/content/b.md", "src/pages/b.md", "src/content/a/_b.md")
    assert [site.passes_over(path) for path in (*paths, "src/content/_a/b.md", "a.json")] == [
        "",
        "in no collection",
        "not in src/content/",
        "its name, or a folder's, begins with _",
        "its name, or a folder's, begins with _",
        "no text in .md or .mdx or .markdown",
    ]


# --- Docusaurus

DOCUSAURUS = """\
const config = {
  title: 'Tide tables',
  url: 'https://x.example',
  baseUrl: '/handbook/',
  themeConfig: {
    navbar: { title: 'Other' },
  },
};
"""


def docusaurus(folder: Path, config: str = DOCUSAURUS) -> TableSite:
    (folder / "docusaurus.config.ts").write_text(config)
    (folder / "blog").mkdir(exist_ok=True)
    site = tool_sites.find_docusaurus(folder)
    assert site is not None
    return site


def test_a_blog_post_is_a_record(tmp_path: Path) -> None:
    text = (
        "---\nauthors:\n  - name: Ada\n  - Bea\ntags: [{label: Moon, permalink: /m}, sea]\n"
        "last_update:\n  date: 2024-05-30\n---\n# Spring tide {#spring}\n\nimport X from './x';\n\n"
        "High <X/> water.\n\n<!-- truncate -->\n\n:::tip[Mind]\n\nThe gap.\n\n:::\n"
    )
    assert outcome(docusaurus(tmp_path), "blog/2024-05-28-Spring.md", text) == record(
        "blog/2024-05-28-Spring.md",
        "https://x.example/handbook/blog/2024/05/28/Spring",
        id="https://x.example/handbook/blog/2024/05/28/Spring",
        title="Spring tide",
        excerpt="High water.",
        body="<p>High  water.</p>\n\n<p><strong>Mind</strong></p>\n<p>The gap.</p>",
        published=moment("2024-05-28T00:00:00Z"),
        updated=moment("2024-05-30T00:00:00Z"),
        provider=Provider("x.example", "tide-tables", "Tide tables", "x.example"),
        authors=("Ada", "Bea"),
        topics=("Moon", "sea"),
    )


@pytest.mark.parametrize(
    ("path", "front", "expected"),
    [
        ("blog/2024-5-8-a b/index.mdx", "", "/blog/2024/5/8/a%20b"),
        ("blog/2024/05/28/x.md", "", "/blog/2024/05/28/x"),
        ("blog/sea/2024-05-28-x.md", "", "/blog/2024/05/28/sea/x"),
        ("blog/x.md", "date: 2024-05-28", "/blog/x"),
        ("blog/2024-05-28-x.md", "slug: /own", "/blog/own"),
        ("docs/intro.md", "", "/docs/intro"),
        ("docs/01-first/02 - Second/003_x.md", "", "/docs/first/Second/x"),
        ("docs/7.0-x/2024-11-y.md", "", "/docs/7.0-x/2024-11-y"),
        ("docs/01-a/b.md", "id: c", "/docs/a/c"),
        ("docs/01-a/b.md", "slug: d", "/docs/a/d"),
        ("docs/01-a/b.md", "slug: ../e", "/docs/e"),
        ("docs/01-a/b.md", "slug: /", "/docs/"),
        ("docs/01-a/README.md", "", "/docs/a/"),
        ("docs/Guide/guide.md", "", "/docs/Guide/"),
        ("docs/index.md", "", "/docs/"),
    ],
)
def test_addresses_of_docusaurus(tmp_path: Path, path: str, front: str, expected: str) -> None:
    assert address(docusaurus(tmp_path), path, front) == "/handbook" + expected


def test_routes_and_slashes_of_docusaurus(tmp_path: Path) -> None:
    config = (
        "export default {\n  url: 'https://x.example',\n  baseUrl: '/',\n  trailingSlash: true,\n"
        "  presets: [['classic', { docs: { routeBasePath: '/' },\n"
        "    blog: { path: 'b',\n routeBasePath: 'news/log' } }]],\n};\n"
    )
    site = docusaurus(tmp_path, config)
    assert (address(site, "docs/a/b.md"), address(site, "blog/2024-05-28-x.md")) == (
        "/a/b/",
        "/news/log/2024/05/28/x/",
    )


def test_docusaurus_hides_and_passes_over(tmp_path: Path) -> None:
    site = docusaurus(tmp_path)
    assert [
        page(site, "docs/a.md", front).hidden for front in ("draft: true", "unlisted: true")
    ] == [
        "draft",
        "unlisted",
    ]
    paths = ("docs/_part.mdx", "blog/_x/a.md", "versioned_docs/v/a.md", "docs/a.html", "docs/a.MD")
    assert [site.passes_over(path) for path in paths] == [
        "its name, or a folder's, begins with _",
        "its name, or a folder's, begins with _",
        "not in blog/ or docs/",
        "no text in .md or .mdx",
        "",
    ]


# --- Links, and profiles of one's own


def test_a_link_is_a_record() -> None:
    text = (
        "---\ntitle: On weirs\nlink: https://weir.example/a?utm_source=x\ndate: 2024-01-02 03:04\n"
        "keywords: water, weirs\nsource: Weir weekly\n---\nGood.\n"
    )
    assert outcome(LINKS, "weirs.md", text) == record(
        "weirs.md",
        "https://weir.example/a?utm_source=x",
        title="On weirs",
        excerpt="Good.",
        body="<p>Good.</p>",
        published=moment("2024-01-02T03:04:00Z"),
        provider=Provider("weir-weekly", "weir-weekly", "Weir weekly"),
        topics=("water", "weirs"),
    )


@pytest.mark.parametrize("name", ["link", "url", "external_url", "source_url", "canonical_url"])
def test_links_by_their_names(name: str) -> None:
    text = f"---\ntitle: x\n{name}: https://a.example/b\n---\n"
    expected = record("x.md", "https://a.example/b", title="x")
    assert outcome(LINKS, "x.md", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Read me\n", "passed over: doesn't begin with a line that says ---"),
        ("---\ntitle: x\n---\n", "x.md:1: webUrl: is missing; every record needs a webUrl"),
        ("---\nlink: https://a.example/b\n---\n", "x.md:1: title: is missing; write one, or"),
        ("---\ntitle: x\nurl: 'https://'\n---\n", "x.md:3: url: "),
        ("---\ntitle: x\ndraft: yes\n---\n", "draft"),
        (
            "---\ntitle: x\nlink: www.a.example/b\n---\n",
            f"x.md:3: link: 'www.a.example/b' {NOT_WEB}; https://www.a.example/b would be right",
        ),
        (
            "---\ntitle: x\nurl: a.example\n---\n",
            f"x.md:3: url: 'a.example' {NOT_WEB}; https://a.example would be right",
        ),
        ("---\ntitle: x\nlink:\n---\n", "x.md:3: link: is empty; https://... would be right"),
        (
            "+++\ntitle = 'x'\nlink = 'https://a.example/b'\n+++\nsecured = 'y'\n+++\n",
            "x.md:5: front matter: secured stands below a line that ends the front matter",
        ),
        (
            "---\ntitle: x\nlink: https://a.example/b\n---\ndraft: true\n---\n",
            "x.md:5: front matter: draft stands below a line that ends the front matter",
        ),
    ],
)
def test_what_is_no_link(text: str, expected: str) -> None:
    assert str(outcome(LINKS, "x.md", text)).startswith(expected)


def test_an_ambiguous_date_leaves_a_link_undated() -> None:
    text = "---\ntitle: x\nlink: https://a.example/b\ndate: 05/06/2024\n---\n"
    assert outcome(LINKS, "x.md", text) == (
        record("x.md", "https://a.example/b", title="x"),
        ["x.md:4: date: is 2024-06-05 or 2024-05-06; write the one that is meant; left out"],
    )


def test_a_profile_of_ones_own() -> None:
    site = from_table(
        {
            "site": "https://x.example/",
            "url": "/{section}/{year}/{month}/{day}/{slug}/",
            "timezone": "Asia/Tokyo",
            "title": "Harbour",
            "skip": ["*/drafts/*"],
            "public_if": "live",
            "fields": {
                "title": ["headline"],
                "date": "released",
                "excerpt": ["standfirst"],
                "author": ["byline"],
                "tags": ["subjects"],
                "id": ["guid"],
            },
        }
    )
    text = (
        "---\nheadline: Fog\nreleased: 2024-12-31 20:00 UTC\ndate: 1999-01-01\nstandfirst: Thick.\n"
        "byline: Ada\nsubjects: sea, air\nguid: tag:x.example,2024:7\nlive: true\n---\nText.\n"
    )
    assert outcome(site, "news/2024-12-31-Thick fog.md", text) == record(
        "news/2024-12-31-Thick fog.md",
        "https://x.example/news/2025/01/01/thick-fog/",
        id="tag:x.example,2024:7",
        title="Fog",
        excerpt="Thick.",
        body="<p>Text.</p>",
        published=moment("2024-12-31T20:00:00Z"),
        provider=Provider("x.example", "harbour", "Harbour", "x.example"),
        authors=("Ada",),
        topics=("sea", "air"),
    )
    assert outcome(site, "a.md", "---\nheadline: x\n---\n") == "live is not true"
    assert site.passes_over("a/drafts/b.md") == "its path matches */drafts/*"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(site), type=TableSite) == site


@pytest.mark.parametrize(
    ("pattern", "front", "expected"),
    [
        ("https://x.example/{name}.html", "", "/2024-12-31-Fog.html"),
        ("https://x.example/{slug}", "slug: /a/b/", "/a/b"),
        ("https://x.example/{section}/{title}", "title: 'Ä & b?'", "/%C3%A4-b"),
        ("https://x.example/{year}/{slug}", "date: 2024-02-03", "/2024/fog"),
        ("https://x.example/{year}/{slug}", "", "date: is missing, and the page's address has"),
        ("https://x.example/{year}/{slug}", "date: 01/02/2024", "date: is 2024-02-01 or 2024-01-"),
        ("https://x.example/{title}", "", "title: is missing, and the page's address has {title}"),
        ("https://x.example/{slug}", "permalink: https://y.example/z", "https://y.example/z"),
        ("/{slug}", "", ""),  # FEEDS_SITE isn't set
    ],
)
def test_patterns(pattern: str, front: str, expected: str) -> None:
    site = from_table({"url": pattern, "fields": {"url": ["permalink"]}})
    shown = page(site, "2024-12-31-Fog.md", front or "a: b")
    notes = [f"{name}: {message}" for name, message in shown.notes]
    assert (shown.url.removeprefix("https://x.example") or "".join(notes)).startswith(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sit": "x"}, "sit: is no setting; did you mean site?"),
        ({"site": "x"}, "site: is not a web address; it must begin with https:// or http://"),
        ({"site": "https://x.example/?a"}, "site: has a query or a fragment; https://example.org"),
        ({"site": 3}, 'site: is no text; site = "..." would be right'),
        ({"url": "https://x.example/{yaer}/{slug}"}, "url: knows no {yaer}; there are {year}, "),
        ({"url": "https://x.example/{slug|lower}"}, "url: knows no {slug|lower}; there are"),
        ({"url": "https://x.example/{slug"}, "url: has a brace without its other; https://"),
        ({"url": "https://x.example/{year}/"}, "url: gives many records one address; it needs"),
        ({"url": "{slug}"}, "url: begins with no address; https://example.org/{year}/{slug}/ is"),
        ({"timezone": "Berlin"}, "timezone: is no time zone that is known; Europe/Berlin would"),
        ({"ids": "mine"}, 'ids: is \'mine\'; "site" or "own" would be right'),
        ({"fields": ["title"]}, "fields: is no table; fields = { title ="),
        ({"fields": {"titel": ["a"]}}, "fields.titel: is no field; did you mean title?"),
        ({"fields": {"date": [1]}}, 'fields.date: is no list of texts; date = ["..."] is right'),
        ({"skip": [""]}, 'skip: is no list of texts; skip = ["..."] is right'),
    ],
)
def test_a_profile_that_cannot_be_used_says_why(values: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError, match=re.escape(f"feeds.toml: [records] {message}")):
        from_table(values)


@pytest.mark.parametrize(
    ("front", "body", "shown"),
    [
        ("", "# Fog & *sea*\n\nText.", "<p>Text.</p>"),
        ("title: Fog & sea\n", "Fog & sea\n===\nText.", "<p>Text.</p>"),
        ("title: Fog\n", "# Fog at sea\n\nText.", "<h1>Fog at sea</h1>\n<p>Text.</p>"),
        ("title: Fog\n", "Text.\n\n# Fog", "<p>Text.</p>\n<h1>Fog</h1>"),
    ],
)
def test_a_body_does_not_begin_with_its_title(front: str, body: str, shown: str) -> None:
    site = from_table({"url": "https://x.example/{slug}"})
    entry = outcome(site, "a.md", f"---\nx: y\n{front}---\n{body}")
    assert isinstance(entry, Record)
    assert entry.body == shown
