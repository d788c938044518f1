from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import sanitize, slugs
from feeds.model import Image, Provider, Record
from feeds.records import wxr
from feeds.records.parser import parse_record
from feeds.records.wxr import ExportError, LeftOut, Post
from tests.helpers.wordpress import category, export, item


def posts(path: Path, *items: str) -> list[Post | LeftOut]:
    return list(wxr.read([export(path / "export.xml", *items)]))


def test_a_post_has_what_its_item_says(tmp_path: Path) -> None:
    attachment = item(
        wp__post_type="attachment", wp__post_id="9", wp__status="inherit",
        wp__attachment_url="https://blog.example.com/ferry one.jpg",
    )  # fmt: skip
    post = item(
        title="Ferries &amp; <em>boats</em>",
        excerpt__encoded="A &#8220;short&#8221; <b>text</b>",
        meta={"_edit_last": "1", "_thumbnail_id": "9"},
        more=category("C++") + category("Sea &amp; Sky", "post_tag") + category("x", "post_format"),
    )
    expected = Post(
        title="Ferries & boats",
        link="https://blog.example.com/2024/01/ferries/",
        id="https://blog.example.com/?p=7",
        slug="ferries",
        published=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
        updated=datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC),
        excerpt="A “short” text",
        body="<!-- wp:paragraph -->\n<p>Two of nine.</p>\n<!-- /wp:paragraph -->",
        author="Ada Example",
        topics=("C++", "Sea & Sky"),
        image="https://blog.example.com/ferry%20one.jpg",
        provider="Harbour & Sea",
        domain="blog.example.com",
    )
    # The picture stands behind the post, as it may.
    assert posts(tmp_path, post, attachment) == [
        expected,
        LeftOut("Ferries go electric", "of type attachment"),
    ]
    assert expected.file_name == "2024-01-02-ferries.md"
    record = parse_record("a.md", expected.record())
    assert record.notes == []
    assert isinstance(record.record, Record)
    assert record.record.provider == Provider(
        "blog.example.com", "harbour-sea", "Harbour & Sea", "blog.example.com"
    )
    assert record.record.body == "<p>Two of nine.</p>"
    assert record.record.images == (Image("https://blog.example.com/ferry%20one.jpg"),)


@pytest.mark.parametrize(
    ("fields", "left_out"),
    [
        ({"wp__post_type": "page"}, LeftOut("Ferries go electric", "of type page")),
        ({"wp__status": "draft"}, LeftOut("Ferries go electric", "with status draft")),
        ({"wp__status": ""}, LeftOut("Ferries go electric", "with status unknown")),
        ({"wp__status": "private"}, LeftOut("Ferries go electric", "with status private")),
        (
            {"more": "<wp:status>draft</wp:status>"},
            LeftOut("Ferries go electric", "with status draft"),
        ),
        ({"wp__post_password": "harbour"}, LeftOut("Ferries go electric", "with a password")),
        (
            {"title": " <b></b>"},
            LeftOut("https://blog.example.com/2024/01/ferries/", "without title", True),
        ),
        ({"link": "/x", "guid": "7"}, LeftOut("Ferries go electric", "without address", True)),
    ],
)
def test_what_is_no_published_post_is_left_out_with_its_reason(
    tmp_path: Path, fields: dict[str, Any], left_out: LeftOut
) -> None:
    assert posts(tmp_path, item(**fields)) == [left_out]


def test_no_address_of_an_author_is_taken_over(tmp_path: Path) -> None:
    found = posts(
        tmp_path,
        item(dc__creator="bo@example.com"),
        item(dc__creator="cy@example.com"),
        item(dc__creator="dee", guid="tag:dee@example.com,2024:7"),
        *(
            f"<wp:author><wp:author_login>{login}</wp:author_login><wp:author_display_name>"
            f"{escape(name)}</wp:author_display_name></wp:author>" + item(dc__creator=login)
            for login, name in (("e", "e@a.example"), ("f", "f&#64;a.example"), ("g", "g\uff20a"))
        ),
    )
    ours = "https://blog.example.com/?p=7"
    assert [(post.author, post.id) for post in found if isinstance(post, Post)] == [
        ("", ours), ("", ours), ("dee", ""), ("", ours), ("", ours), ("", ours)
    ]  # fmt: skip
    assert not any(b"@" in post.record() for post in found if isinstance(post, Post))


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("one *x*\ntwo\n\n# three", "<p>one *x*<br>\ntwo</p>\n<p># three</p>"),
        ("<h2>one</h2>\n\n    two &amp; &nbsp;", "<h2>one</h2>\n<p>two &amp; &nbsp;</p>"),
        (
            "[caption id='a' width=1]<b>x</b>[/caption] [1] [see] [gallery]",
            "<p><b>x</b> [1] [see]</p>",
        ),
        ("<!-- wp:x -->\n<pre>a\n\n---\n\nb</pre>", "<pre>a\n\n---\n\nb</pre>"),
        ("x" * 100_001, ""),
    ],
)
def test_a_body_is_html(tmp_path: Path, content: str, body: str) -> None:
    (post,) = posts(tmp_path, item(content__encoded=content))
    assert isinstance(post, Post)
    record = parse_record("a.md", post.record()).record
    assert isinstance(record, Record)
    assert record.body == sanitize.body(body, post.link, markdown=False)


def test_a_date_that_is_none_leaves_the_post_undated(tmp_path: Path) -> None:
    zero = "0000-00-00 00:00:00"
    by_feed, undated = posts(
        tmp_path,
        item(wp__post_date_gmt=zero),
        item(wp__post_date_gmt=zero, pubDate="Mon, 30 Nov -0001 00:00:00 +0000"),
    )
    assert isinstance(by_feed, Post)
    assert isinstance(undated, Post)
    assert by_feed.published == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (undated.published, undated.file_name) == (None, "ferries.md")


@pytest.mark.parametrize(
    "namespace", ["http://wordpress.org/export/1.0/", "https://wordpress.org/export/1.2/"]
)
def test_exports_of_every_version_are_read(tmp_path: Path, namespace: str) -> None:
    (expected,) = posts(tmp_path, item(excerpt__encoded="Short"))
    file = tmp_path / "export.xml"
    file.write_text(file.read_text().replace("http://wordpress.org/export/1.2/", namespace))
    assert list(wxr.read([file])) == [expected]


@pytest.mark.parametrize(
    "slug", ["../../etc/passwd", "..", "/etc", "%2e%2e%2fx", ".hidden", "é" * 300]
)
def test_a_file_lies_in_its_folder(slug: str) -> None:
    name = Post("A title", "https://example.com/", slug=slug).file_name
    assert name.isascii()
    assert name[0].isalnum()
    assert "/" not in name
    assert len(name) < 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<rss>\n<channel>\n<b></channel></rss>", "x.xml:3: is not XML: Opening and ending tag"),
        ("", "x.xml:1: is not XML: "),
        ("<rss>\n&nbsp;</rss>", "x.xml:2: is not XML: Entity 'nbsp' not defined"),
        ("<rss><channel><title>x</title></channel></rss>", "x.xml: is no WordPress export"),
        ('<!DOCTYPE rss [<!ENTITY a "b">]>\n<rss/>', "x.xml:1: has a DOCTYPE"),
    ],
)
def test_a_file_that_is_no_export_is_an_error(
    tmp_path: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.xml").write_text(text)
    with pytest.raises(ExportError) as error:
        list(wxr.read([Path("x.xml")]))
    assert str(error.value).startswith(message)


def test_an_item_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wxr, "_MAX_ITEM", 200_000)
    assert len(posts(tmp_path, *[item(content__encoded="x" * 50_000)] * 9)) == 9
    with pytest.raises(ExportError, match=r"has an item of more than 200,000 bytes"):
        posts(tmp_path, item(content__encoded="x" * 300_000))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [
        "'a': \"b\"",
        "a\n---\nb: c",
        "- x",
        "yes",
        "2024-01-01",
        "&amp;lt;",
        "a\x00\x07\x85\u2028b",
        "#",
        "!x",
        "*a",
    ]
)


_LINES = ("---", "...", "<p>x</p>", "", "title: x", "\x01y", "draft: true", "    code", "* a")


@given(
    _TEXT,
    _TEXT,
    _TEXT,
    st.lists(_TEXT, max_size=3),
    st.lists(st.sampled_from(_LINES), max_size=6),
)
def test_a_record_gives_back_what_was_written(
    title: str, excerpt: str, author: str, topics: list[str], lines: list[str]
) -> None:
    plain = [sanitize.plain(text) for text in (title, excerpt, author, *topics)]
    topics_by_slug = {slugs.slug(name): name for name in reversed(plain[3:]) if name}
    post = Post(
        title="T" + plain[0],
        link="https://blog.example.com/a/?b=1&lt;=2",
        id="urn:example:1",
        published=datetime(2024, 1, 2, tzinfo=UTC),
        excerpt=plain[1],
        body=wxr._body("\n".join(lines)),
        author=plain[2],
        topics=tuple(dict.fromkeys(topics_by_slug.values())),
        image="https://blog.example.com/a.png?b=1&lt;=2",
    )
    parsed = parse_record("a.md", post.record())
    record = parsed.record
    assert isinstance(record, Record)
    assert parsed.notes == []
    assert (
        Post(
            title=record.title,
            link=record.web,
            id=record.id,
            published=record.published,
            excerpt=record.excerpt,
            body=post.body,
            author="".join(record.authors),
            topics=record.topics,
            image=record.images[0].url,
        )
        == post
    )
    assert record.body == sanitize.body(post.body, post.link, markdown=False)
