"""Eleventy's folders: small sites, each compared with what Eleventy 3.1 makes of them."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from feeds.model import Record
from feeds.records import frontmatter
from feeds.records.frontmatter import FrontMatterError, Mapping
from feeds.records.profiles import eleventy
from feeds.records.profiles.eleventy import EleventySite
from feeds.records.profiles.eleventy_permalink import PermalinkError, slug, slugify
from feeds.records.profiles.page import Page
from feeds.records.scanner import FolderError
from feeds.records.site_record import parse_page

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KILN = """\
// dir: { input: "old" }
export default function (config) {
  config.setFrontMatterParsingOptions({ excerpt: true, excerpt_separator: "<!--more-->" });
  config.ignores.add("content/lost/**");
  config.addPassthroughCopy("content/**/*.jpg"); /* pathPrefix: "/other/" */
  return { dir: { input: "content", includes: "../parts" }, pathPrefix: "/log/" };
}
"""


def site(
    folder: Path, config: str = KILN, url: str = "https://kiln.example.org", timezone: str = "UTC"
) -> EleventySite:
    (folder / "content").mkdir(exist_ok=True)
    (folder / "eleventy.config.js").write_text(config, encoding="utf-8")
    found = eleventy.find(folder, timezone, url)
    assert found is not None
    return found


def write(folder: Path, name: str, content: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")


def page(of: EleventySite, path: str, front: str = "", body: str = "Glaze.\n") -> Page:
    return of.page(path, frontmatter.parse(front) if front else Mapping(), body, NOW)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_page_is_the_entry_that_its_own_site_shows(tmp_path: Path) -> None:
    front = (
        "title: Blue ash\ndate: 2024-03-01 23:30:00 -05:00\ntags: [Sea Wall, C#]\n"
        "updated: 2024-04-01\n"
    )
    shown = page(site(tmp_path), "content/posts/ash.md", front, "Short.\n<!--more-->\nLong.\n")
    assert shown == Page(
        url="https://kiln.example.org/log/posts/ash/",
        id="https://kiln.example.org/log/posts/ash/",
        title="Blue ash",
        published=moment("2024-03-02T04:30:00Z"),
        updated=moment("2024-04-01T00:00:00Z"),
        tags=("Sea Wall", "C#"),
        excerpt="Short.",
    )


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("posts/2024-02-03-tide.md", "/posts/2024-02-03-tide/"),
        ("posts/index.md", "/posts/"),
        ("index.njk", "/"),
        ("posts/boat/boat.html", "/posts/boat/"),
        ("posts/v1.2.md", "/posts/v1.2/"),
        ("posts/Two Words.md", "/posts/Two%20Words/"),
        ("posts/salt&pepper.md", "/posts/salt&pepper/"),
        ("posts/привет.md", "/posts/%D0%BF%D1%80%D0%B8%D0%B2%D0%B5%D1%82/"),
        ("posts/c#.md", "/posts/c%23/"),
    ],
)
def test_addresses_without_permalink(tmp_path: Path, path: str, address: str) -> None:
    assert page(site(tmp_path), f"content/{path}").url == f"https://kiln.example.org/log{address}"


def test_the_id_of_a_page_is_the_address_that_the_plugin_writes(tmp_path: Path) -> None:
    assert page(site(tmp_path), "content/c#.md").id == "https://kiln.example.org/log/c#/"


@pytest.mark.parametrize(
    ("permalink", "address"),
    [
        ("/harbour/map/", "/harbour/map/"),
        ("harbour/file.html", "/harbour/file.html"),
        ("harbour/idx/index.html", "/harbour/idx/"),
        ("/a//b/../c/", "/a/c/"),
        ("", "/posts/2024-05-12-x/"),
        ("'/s/{{ page.fileSlug }}/'", "/s/x/"),
        ("'{{ page.filePathStem }}.html'", "/posts/x.html"),
        ("\"/{{ page.date | date: '%Y/%-m/%d' }}/{{ title | slugify }}/\"", "/2024/5/11/c-and-c/"),
        ('\'/{{ title | slug | replace("+", "p") }}/\'', "/cpp-and-c/"),
        ("'/{{ series.name | default: \"none\" | upcase }}/'", "/NONE/"),
        ("{build: /built/}", "/built/"),
    ],
)
def test_permalinks_are_filled_in(tmp_path: Path, permalink: str, address: str) -> None:
    """Liquid shows dates in the zone of the machine that builds."""
    of = site(tmp_path, timezone="America/Halifax")
    shown = page(of, "content/posts/2024-05-12-x.md", f"title: C++ & C#\npermalink: {permalink}\n")
    assert (shown.url, shown.notes) == (f"https://kiln.example.org/log{address}", ())


@pytest.mark.parametrize(
    ("permalink", "message"),
    [
        ("'/{{ page.date | date: \"%Y\" }}/'", "needs a date, and there is none"),
        ("'/{{ page.date | date: \"yyyy\" }}/'", "needs a date, and there is none"),
        ("'/{{ series }}/'", "needs series, and there is none"),
        ("'/{{ title | mine }}/'", "has a filter that is not known here: mine"),
        ("'/{{ a or b }}/'", "has an expression that is not known here: a or b"),
        ("'{% if a %}/a/'", "has a template tag ({% %}), and those are not run"),
        ("true", "is no text, or made by a program"),
        ("'/{{ \"ბ\" | slugify }}/'", "makes a slug of a script that is not known here: ბ"),
    ],
)  # fmt: skip
def test_permalinks_that_hang_on_what_is_not_known_give_no_url(
    tmp_path: Path, permalink: str, message: str
) -> None:
    shown = page(site(tmp_path), "content/x.md", f"title: X\npermalink: {permalink}\n")
    note = ("permalink", f"{message}; the record has no URL")
    assert (shown.url, shown.id, shown.notes) == ("", "", (note,))


def test_a_permalink_without_extension_is_noted(tmp_path: Path) -> None:
    shown = page(site(tmp_path), "content/x.md", "permalink: /bare\n")
    message = "has no extension; end it with a slash"
    assert (shown.url, shown.notes) == (
        "https://kiln.example.org/log/bare",
        (("permalink", message),),
    )


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("C++ & C#: tips", "c++-and-c:-tips", "c-and-c-tips"),
        ("R&D v2.0 Été", "randd-v2.0-ete", "r-and-d-v2-0-ete"),
        ("Straße, größer", "strasse-grosser", "strasse-groesser"),
        ("Ann’s  day – it's", "ann's-day-it's", "ann-s-day-its"),
        ("Щука і Ёж", "shuka-i-yozh", "schuka-i-yozh"),
        ("Ήλιος ٣ 東", "hlios-3", "ilios-3"),
    ],
)
def test_both_slug_filters(text: str, old: str, new: str) -> None:
    assert (slug(text), slugify(text)) == (old, new)


def test_a_slug_of_a_script_with_its_own_letters_is_refused() -> None:
    for function in (slug, slugify):
        with pytest.raises(PermalinkError):
            function("سلام")


@pytest.mark.parametrize(
    ("front", "path", "published", "notes"),
    [
        ("date: 2024-05-06", "x.md", "2024-05-06T00:00:00Z", ()),
        ("date: '2024-05-07T22:08:09'", "x.md", "2024-05-07T22:08:09Z", ()),
        ("date: 2024-05", "x.md", "2024-05-01T00:00:00Z", ()),
        ("date: 2024-05-06 07:08:09 -0500", "x.md", "2024-05-06T12:08:09Z", ()),
        ("date:", "2024-02-03-x.md", "2024-02-03T00:00:00Z", ()),
        ("title: a", "2023-01-01-camp/2023-02-02-day.md", "2023-01-01T00:00:00Z", ()),
        ("title: a", "report-2024-02-06.md", "2024-02-06T00:00:00Z", ()),
        ("title: a", "x.md", "", ()),
        ("title: a", "2024-13-45-x.md", "", (("file name", "has a date that no calendar has"),)),
        ("date: [a]", "x.md", "", (("date", "is no date"),)),
        ("date: soon", "x.md", "", (("date", "is not a date"),)),
        (
            "date: 05/06/2024",
            "x.md",
            "",
            (("date", "is 2024-06-05 or 2024-05-06; write the one that is meant"),),
        ),
        (
            "date: Last Modified",
            "x.md",
            "",
            (("date", "is 'Last Modified', a time of a machine's file; write a date"),),
        ),
    ],
)
def test_dates(
    tmp_path: Path, front: str, path: str, published: str, notes: tuple[tuple[str, str], ...]
) -> None:
    shown = page(site(tmp_path, timezone="Asia/Tokyo"), f"content/{path}", front + "\n")
    assert (shown.published, shown.notes) == (moment(published) if published else None, notes)


@pytest.mark.parametrize(
    ("front", "hidden"),
    [
        ("draft: false", ""),
        ("draft: 0", ""),
        ("draft: true", "draft"),
        ("draft: no", "draft"),  # YAML 1.2: a text, which JavaScript takes for true
        ("draft: 'false'", "draft"),
        ("Draft:", "draft"),
        ("draft: false\ndraft: true", "draft"),
        ("published: false", "published is not true"),
        ("published: yes", ""),
        ("eleventyExcludeFromCollections: true", "in no collection"),
        ("eleventyExcludeFromCollections: [posts]", "in no collection"),
        ("eleventyExcludeFromCollections: false", ""),
        ("permalink: false", "has no page"),
        ("permalink: 'false'", "has no page"),
        ("permalink: /feed.xml", "is no page in HTML"),
        ("pagination: {data: collections.posts}", "makes many pages"),
        ("eleventyComputed: {draft: '{{ nothing }}'}", "draft"),
        ("date: 05/06/2097", "dated in the future"),
    ],
)
def test_words_that_hide(tmp_path: Path, front: str, hidden: str) -> None:
    assert page(site(tmp_path), "content/x.md", front + "\n").hidden == hidden


def test_a_page_of_the_future_is_held_until_its_date(tmp_path: Path) -> None:
    shown = page(site(tmp_path), "content/x.md", "date: 2097-01-01\n")
    assert (shown.url, shown.hidden, shown.until) == (
        "https://kiln.example.org/log/x/",
        "dated in the future",
        moment("2097-01-01T00:00:00Z"),
    )


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("yes", "yes"), ("no", "no"), ("2021", "2021"), ("1.0", "1"), ("1.50", "1.5"),
        ("0x1F", "31"), ("010", "10"), ("True", "true"), ("~", ""), ("'010'", "010"),
        ("12:30", "12:30"), ("2024-05-06", "2024-05-06"), ("[a]", ""),
    ],
)  # fmt: skip
def test_titles_are_what_yaml_1_2_says(tmp_path: Path, written: str, title: str) -> None:
    assert page(site(tmp_path), "content/x.md", f"title: {written}\n").title == title


def test_data_files_count_for_the_pages_beside_them(tmp_path: Path) -> None:
    write(tmp_path, "content/content.json", '{"author": "Ann", "links": {"a": 1}}')
    write(tmp_path, "content/blog/blog.json", '{"tags": "blog,clay", "permalink": "/b/{{ n }}/"}')
    write(tmp_path, "content/blog/blog.11tydata.json", '{"n": 1, "date": "2021-01-02"}')
    write(tmp_path, "content/blog/deep/a.11tydata.json", '{"n": 2}')
    write(tmp_path, "content/blog/deep/a.json", '{"n": 3, "title": "From its data file"}')
    write(tmp_path, "content/blog/deep/a.md", "")
    write(tmp_path, "content/blog/deep/other.json", "not read")
    of = site(tmp_path)
    shown = page(of, "content/blog/deep/a.md", "tags: [sea, clay]\nlinks: {b: 2}\n")
    assert (shown.url, shown.title, shown.tags, shown.published) == (
        "https://kiln.example.org/log/b/2/",
        "From its data file",
        ("blog", "clay", "sea", "clay"),
        moment("2021-01-02T00:00:00Z"),
    )
    other = page(of, "content/blog/2024-05-06-b.md", "override:tags: [only]\npermalink: /own/\n")
    assert (other.url, other.tags) == ("https://kiln.example.org/log/own/", ("only",))
    fields = of.fields("content/x.md", frontmatter.parse("title: X\nlinks: {b: 2}\n"))
    assert sorted(fields) == ["author", "links", "title"]
    links = fields["links"]
    assert isinstance(links, Mapping)
    assert list(links) == ["a", "b"]


def test_computed_data_comes_over_front_matter(tmp_path: Path) -> None:
    front = (
        "title: Plain\ntags: [a]\neleventyComputed:\n  title: Made {{ none }}{{ page.fileSlug }}\n"
        "  permalink: '/c/{{ page.fileSlug }}/'\n  tags: [b]\n"
    )
    shown = page(site(tmp_path), "content/x.md", front)
    assert (shown.url, shown.title, shown.tags) == (
        "https://kiln.example.org/log/c/x/",
        "Made x",
        ("b",),
    )


def test_data_files_that_are_programs_count_by_their_literals(tmp_path: Path) -> None:
    made = "export default { permalink: (data) => `/${data.slug}/` };"
    write(tmp_path, "content/made/made.11tydata.js", made)
    write(tmp_path, "content/made/a.md", "")
    write(tmp_path, "content/made/b.md", "")
    literal = (
        "module.exports = { draft: true, // permalink: '/x/'\n permalink: '/l/{{ title }}/',\n"
        "  tags: ['sea', \"tide\",], }"
    )
    write(tmp_path, "content/literal/literal.11tydata.cjs", literal)
    write(tmp_path, "content/literal/a.md", "")
    of = site(tmp_path)
    unknown = ("permalink", "is no text, or made by a program; the record has no URL")
    noted = "made.11tydata.js is a program and not run; of what it sets, only literals count"
    assert page(of, "content/made/a.md").notes == (unknown, ("data", noted))
    assert page(of, "content/made/b.md").notes == (unknown,)
    assert page(of, "content/made/b.md", "permalink: /own/\n").url.endswith("/log/own/")
    shown = page(of, "content/literal/b.md", "title: b\n")
    assert (shown.url, shown.hidden, shown.tags) == (
        "https://kiln.example.org/log/l/b/",
        "draft",
        ("sea", "tide"),
    )


@pytest.mark.parametrize(
    ("program", "tags"),
    [
        ("{ tags: 'sea' }", ("sea",)),
        ("{ tags: [`sea`, own] }", ()),  # what `own` is, only the program knows
        ("{ tags: other ? ['sea'] : ['sand'] }", ()),
        ("{ tags: ['sea'], other: { tags: ['sand'] } }", ()),
        ("{ tags: ['sea'].concat(own) }", ()),
        ("{ tags: [] }", ()),
    ],
)
def test_tags_of_a_program_count_where_they_are_literals(
    tmp_path: Path, program: str, tags: tuple[str, ...]
) -> None:
    write(tmp_path, "content/posts/posts.11tydata.js", f"export default {program};")
    write(tmp_path, "content/posts/a.md", "")
    assert page(site(tmp_path), "content/posts/a.md").tags == tags


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("content/a.md", ""),
        ("content/_drafts/a.md", ""),  # read, and counted as a draft
        ("content/a.liquid", ""),
        ("content/a.markdown", "no template of Eleventy"),
        ("content/posts.json", "no template of Eleventy"),
        ("content/a.11ty.js", "a program, and those are not run"),
        ("README.md", "outside the input folder"),
        ("parts/a.md", "outside the input folder"),
        ("content/_data/a.md", "in content/_data/, which has no pages"),
        ("content/node_modules/x/a.md", "in node_modules"),
        ("content/lost/deep/a.md", "ignored by the site"),
        ("content/old/a.md", "ignored by the site"),
        ("content/notes-1.md", "ignored by the site"),
        ("content/deep/notes-1.md", ""),
        ("content/deep/er/wip.md", "ignored by the site"),
        ("content/deep/er/wip/a.md", ""),
    ],
)
def test_files_are_passed_over_by_name(tmp_path: Path, path: str, reason: str) -> None:
    write(tmp_path, "content/.eleventyignore", "# a comment\n\nnotes-?.md\n**/{wip,later}.md\n")
    write(tmp_path, ".gitignore", "/content/old/\n!content/old/a.md\n")
    assert site(tmp_path).passes_over(path) == reason


def test_only_literals_of_the_configuration_count(tmp_path: Path) -> None:
    of = site(tmp_path, "const input = 'content'; export default { dir: { input } };")
    assert (of.source, of.base_url) == ("", "https://kiln.example.org")
    of = site(tmp_path, "export default (c) => { c.setInputDirectory('content'); };")
    assert (of.source, of.excluded) == (
        "content/",
        ("content/_includes/", "content/_data/", "_site/"),
    )
    of = site(tmp_path, "module.exports = { dir: { output: 'public' } };")
    assert (of.source, of.excluded) == ("", ("_includes/", "_data/", "public/"))
    two = "export default { dir: { input: test ? 'a' : 'b' }, pathPrefix: test ? '/' : '/log/' };"
    of = site(tmp_path, two)
    assert (of.source, of.base_url) == ("", "https://kiln.example.org")


def test_what_is_never_closed_is_read_in_linear_time(tmp_path: Path) -> None:
    for start in ("/*", "`\\`", '"\\"', "dir: {", "pathPrefix: '"):
        assert site(tmp_path, start * 50_000).source in {"", "content/"}
    stars = "*a" * 40 + "b"
    write(tmp_path, ".eleventyignore", f"content/{stars}\n{'**/' * 40}b\n")
    assert site(tmp_path).passes_over("content/" + "a" * 200 + ".md") == ""
    assert site(tmp_path).passes_over("content/" + "a/" * 200 + "c.md") == ""
    long = page(site(tmp_path), "content/x.md", f"permalink: '{'{{' * 2000}'\n")
    assert (long.url, len(long.notes)) == ("", 1)


def test_a_data_file_that_leaves_the_folder_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/secret.json", '{"author": "Ann"}')
    (tmp_path / "site/content/blog").mkdir(parents=True)
    (tmp_path / "site/content/blog/blog.json").symlink_to(tmp_path / "elsewhere/secret.json")
    assert site(tmp_path / "site").data == {}


def test_the_prefix_of_paths_stands_once(tmp_path: Path) -> None:
    assert site(tmp_path, url="https://x.example/log/").base_url == "https://x.example/log"
    assert site(tmp_path, url="https://x.example").base_url == "https://x.example/log"
    nowhere = page(site(tmp_path, url=""), "content/x.md")
    assert (nowhere.url, nowhere.id, nowhere.notes) == ("", "", ())


def test_the_folder_of_the_user_may_be_below_the_configuration(tmp_path: Path) -> None:
    site(tmp_path)
    write(tmp_path, "content/content.json", '{"author": "Ann"}')
    content = eleventy.find(tmp_path / "content", url="https://x.example")
    assert content is not None
    assert page(content, "posts/a.md").url == "https://x.example/log/posts/a/"
    assert "author" in content.fields("posts/a.md", Mapping())
    write(tmp_path, "posts/posts.json", '{"permalink": "/p/{{ page.fileSlug }}/"}')
    assert eleventy.find(tmp_path / "posts") is None  # outside the input folder
    site(tmp_path, "module.exports = {};")
    posts = eleventy.find(tmp_path / "posts", url="https://x.example")
    assert posts is not None
    assert page(posts, "a.md").url == "https://x.example/p/a/"
    assert page(posts, "a.md", "permalink: ''\n").url == "https://x.example/posts/a/"
    write(tmp_path, "posts/deep/a.md", "")
    assert eleventy.find(tmp_path / "posts/deep") is None  # two floors down
    assert eleventy.find(tmp_path / "posts/deep/none") is None


def test_a_site_goes_to_other_processes_as_plain_data(tmp_path: Path) -> None:
    write(tmp_path, "content/blog/blog.json", '{"tags": ["blog"], "author": {"name": "Ann"}}')
    write(tmp_path, "content/_data/metadata.json", '{"title": "Kiln log"}')
    one = site(tmp_path)
    other = msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=EleventySite)
    assert (other, other.title, other.dialect) == (one, "Kiln log", "liquid")
    assert page(other, "content/blog/a.md") == page(one, "content/blog/a.md")


@pytest.mark.parametrize(
    ("name", "data", "address"),
    [
        ("metadata.json", '{"title": "Kiln", "url": "https://k.example/"}', "https://k.example"),
        (
            "metadata.js",
            'export default {\n title: "Kiln",\n url: "https://k.example/l/",\n me: {\n  url: ""}}',
            "https://k.example/l",
        ),
        ("site.js", 'module.exports = {\n  name: "Kiln",\n  url: process.env.URL,\n};', ""),
        ("site.js", 'module.exports = {\n  name: "Kiln",\n  url: "/log/",\n};', ""),
    ],
)
def test_global_data_names_the_site(tmp_path: Path, name: str, data: str, address: str) -> None:
    write(tmp_path, f"content/_data/{name}", data)
    write(tmp_path, "eleventy.config.js", 'export default { dir: { input: "content" } };')
    found = eleventy.find(tmp_path)
    assert found is not None
    assert (found.title, found.base_url) == ("Kiln", address)
    set_by_user = eleventy.find(tmp_path, url="https://other.example")
    assert set_by_user is not None
    assert set_by_user.base_url == "https://other.example"


def test_a_data_file_that_cannot_be_read_says_where_and_why(tmp_path: Path) -> None:
    write(tmp_path, "content/blog/blog.json", '{\n"tags": [}')
    with pytest.raises(FolderError) as error:
        site(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}/content/blog/blog.json: 2: is not JSON: Expecting value; "
        "mend it, as Eleventy stops at it, too"
    )
    write(tmp_path, "content/blog/blog.json", '{"tags": []}\nx')
    with pytest.raises(FolderError, match=r"blog.json: 2: has more after its object"):
        site(tmp_path)


@pytest.mark.parametrize(
    "front",
    ['---json\n{"title": "J"}\n---\n', "---toml\ntitle = 'J'\n---\n", "--- yaml\ntitle: J\n---\n"],
)
def test_the_first_line_may_name_the_language(tmp_path: Path, front: str) -> None:
    record = parse_page("content/j.md", front + "Glaze.\n", site(tmp_path), NOW, hold=True).record
    assert (record.title, record.body) == ("J", "<p>Glaze.</p>")  # type: ignore[union-attr]


@pytest.mark.parametrize("tag", ["{% set x = 1 %}", "{{ x }}", "{# x #}"])
def test_a_template_that_begins_with_a_tag_has_no_front_matter(tmp_path: Path, tag: str) -> None:
    text = f"{tag}\n\n# J\n\nGlaze.\n"
    record = parse_page("content/j.md", text, site(tmp_path), NOW, hold=True).record
    assert isinstance(record, Record)
    assert (record.title, record.excerpt) == ("J", "Glaze.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "---js\n{ draft: true }\n---\n",
            "1: is a program (js), and those are not run; write YAML",
        ),
        ('---json\n{"draft": true\n---\n', "3: is not JSON: Expecting ',' delimiter"),
        ("---json\n{}\n", "1: is never closed; end it with a line that says ---"),
    ],
)
def test_other_front_matter_that_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FrontMatterError) as error:
        parse_page("content/j.md", text, site(tmp_path), NOW, hold=True)
    assert f"{error.value.line}: {error.value.message}" == message
