import re
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import urls
from feeds.model import Download, Hidden, Image, Provider, Record, RecordError, RelatedLink
from feeds.records import parser
from feeds.records import related as related_links
from feeds.records.outcome import interpret
from feeds.records.record_fields import MAX_BODY
from tests.helpers.support import SEEDS, record

URL = "https://news.example.com/story"


def read(path: str = "news/a.md", *, body: str = "", **fields: Any) -> Record:
    return _public(_reading(path, body=body, **fields))


def hidden(**fields: Any) -> Hidden:
    outcome = _reading("a.md", **fields).record
    assert isinstance(outcome, Hidden)
    return outcome


def notes(**fields: Any) -> list[str]:
    return [str(note) for note in _reading("a.md", **fields).notes]


def error(data: bytes | str) -> str:
    """The report line of a record that can't be read."""
    with pytest.raises(RecordError) as caught:
        parser.parse_record("a.md", data.encode() if isinstance(data, str) else data)
    assert str(caught.value) in map(str, caught.value.problems)
    return str(caught.value)


def id_of(url: str) -> str:
    return urls.entry_id(urls.identity(urls.clean(url)))


def _reading(path: str, *, body: str = "", **fields: Any) -> parser.ParsedRecord:
    return parser.parse_record(path, record(body=body, **fields).encode())


def _public(reading: parser.ParsedRecord) -> Record:
    assert isinstance(reading.record, Record)
    return reading.record


FULL = """\
---
category: news
title: "Ferries &amp; forms"
excerpt: "It&#8217;s  &lt;short&gt;"
publishedDateTime: 2024-01-02T03:04:05+01:00
updatedDateTime: 2024-01-03
originalUrl: "https://example.org/story?ref=a"
webUrl: "https://news.example.com/story?ref=a&id=1"
ampWebUrl: "https://amp.example.com/story"
cdnAmpWebUrl: "https://cache.example.net/story"
type: video
quality: 57
heat: 10.6
published: true
length: PT1H2M3S
featuredContent: '<iframe src="//player.example.net/1?a=1&amp;b=2"></iframe>'
provider:
  name: The Example
  domain: www.example.com
  authors: [Reporter A]
  images:
    - url: /icon.png
    - url: "https://example.com/icon.png"
      width: 50
      height: 50
authors:
  - name: Desk
  - Reporter A
topics: [C++, AI, ai]
images:
  - url: "/a b.jpg?x=1&#038;region=2"
    width: 620
    height: 372
related:
  - title: "Other &amp; more"
    webUrl: "https://example.net/other?gbraid=a"
    publishedDateTime: 2024-01-02T00:00:00Z
    provider: {name: The Other}
    type: article
    quality: 5
    excerpt: Short
actions:
  - {type: download, title: The file, url: /file.zip}
  - {type: link, title: Not a file, url: /page}
secured: "c2VjcmV0"
---
A *body*.
"""


def test_a_record_is_read_whole() -> None:
    reading = parser.parse_record("news/2024-01-01-story.md", FULL.encode())
    assert reading.notes == []
    assert reading.record == Record(
        path="news/2024-01-01-story.md",
        key=urls.entry_id("https://news.example.com/story?id=1"),
        id=urls.entry_id("https://news.example.com/story?id=1"),
        title="Ferries & forms",
        excerpt="It’s <short>",
        body="<p>A <em>body</em>.</p>",
        published=datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC),
        updated=datetime(2024, 1, 3, tzinfo=UTC),
        dated=datetime(2024, 1, 1, tzinfo=UTC),
        original="https://example.org/story?ref=a",
        web="https://news.example.com/story?ref=a&id=1",
        amp="https://amp.example.com/story",
        amp_cache="https://cache.example.net/story",
        type="video",
        quality=57,
        heat=11,
        provider=Provider(
            key="example.com",
            slug="the-example",
            name="The Example",
            domain="example.com",
            icon=Image("https://example.com/icon.png", 50, 50),
        ),
        authors=("Desk", "Reporter A"),
        topics=("C++", "AI"),
        images=(Image("https://news.example.com/a%20b.jpg?x=1&region=2", 620, 372),),
        related=(
            RelatedLink(
                key=id_of("https://example.net/other?gbraid=a"),
                url="https://example.net/other",
                title="Other & more",
                excerpt="Short",
                published=datetime(2024, 1, 2, tzinfo=UTC),
                provider="The Other",
                type="article",
                quality=5,
            ),
        ),
        duration=3723,
        player="https://player.example.net/1?a=1&b=2",
        downloads=(Download("https://news.example.com/file.zip", "The file"),),
    )


def test_every_seed_of_ours_is_read_without_a_note() -> None:
    for path in sorted(SEEDS.rglob("*.md")):
        assert parser.parse_record(path.name, path.read_bytes()).notes == [], path


TITLE_AND_URL = f"title: A\nwebUrl: {URL}\n"
NOT_WEB = "is not a web address; it must begin with https:// or http://"
CONTROLS = "has control characters or backslashes; percent-encode them"
LOST = "published: false\n---\nText\n"  # below the front matter
NOT_A_DATE = "is not a date; write it as 2023-09-02T16:03:00Z"
NO_ID = "is not a urn:, tag:, http: or https: URI; urn:uuid:... or https://... would be right"
OUT_OF_TIME = "is not between 1970 and 2199; write it as 2023-09-02T16:03:00Z"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "1: file: is empty; a record begins with a line that says ---"),
        (b" \n\t\n", "1: file: is empty; a record begins with a line that says ---"),
        (b"---", "1: front matter: is never closed; end it with a line that says ---"),
        (b"---\n---\n", "2: front matter: is empty; it needs a title and a URL"),
        (b"---\na: [\n---\n", "3: front matter: is not YAML: "),
        (
            b"---\ntitle: caf\xc3\xa9\n\nexcerpt: caf\xe9\n---\n",
            "4: encoding: has the byte 0xE9, which is not UTF-8; save it as UTF-8",
        ),
        ("---\ntitle: A\n---\n".encode("utf-16"), "1: encoding: is UTF-16; save the file as UTF-8"),
        (
            b"\xfe\xff" + "---\ntitle: A\n---\n".encode("utf-16-be"),
            "1: encoding: is UTF-16; save the file as UTF-8",
        ),
        (
            b"---\n" + b"#" * parser.MAX_BYTES,
            "1: file: is longer than 2,097,152 bytes; shorten it",
        ),
        (
            b"---\ntitle: A\nexcerpt: a\x00b\n---\n",
            "3: front matter: holds the character U+0000, which YAML forbids; remove it",
        ),
    ],
    ids=range(10),
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, message: str) -> None:
    assert error(data).startswith(f"a.md:{message}")


@pytest.mark.parametrize(
    ("front", "message"),
    [
        (f"webUrl: {URL}\n", "1: title: is missing; every record needs a title"),
        (f"title: ' &nbsp; '\nwebUrl: {URL}\n", "2: title: is empty; every record needs a title"),
        (
            "title: A\n",
            "1: webUrl: is missing; every record needs a webUrl or an originalUrl (https://...)",
        ),
        (
            "title: A\nwebUrl: /story\n",
            f"3: webUrl: '/story' {NOT_WEB}",
        ),
        (
            'title: A\noriginalUrl: "javascript:alert(1)"\n',
            f"3: originalUrl: 'javascript:alert(1)' {NOT_WEB}",
        ),
        (
            'title: A\nwebUrl: "https://example.com/\\n/a"\n',
            f"3: webUrl: 'https://example.com/\\n/a' {CONTROLS}",
        ),
        (f"title: [A]\nwebUrl: {URL}\n", "2: title: is a list, not text; write one line of text"),
        (
            f"title: {{a: b}}\nwebUrl: {URL}\n",
            "2: title: is a mapping, not text; write one line of text",
        ),
        (
            TITLE_AND_URL + "secured: &a b\nc: *a\n",
            "5: front matter: has an alias (*name); write the value out",
        ),
        (TITLE_AND_URL + "title: B\n", "4: title: stands twice (first in line 2); keep one"),
        (
            "title: A\nampWebUrl: n/a\noriginalUrl: 5\n",
            f"3: ampWebUrl: 'n/a' {NOT_WEB}",
        ),
    ],
    ids=range(11),
)
def test_what_keeps_a_record_out_is_named_with_its_line_and_what_would_be_right(
    front: str, message: str
) -> None:
    assert error(f"---\n{front}---\n") == f"a.md:{message}"


def test_a_body_that_is_too_long_is_left_out() -> None:
    front = f"---\n{TITLE_AND_URL}---\n"
    reading = parser.parse_record("a.md", f"{front}{'[' * (MAX_BODY + 1)}".encode())
    assert _public(reading).body == ""
    assert [str(note) for note in reading.notes] == [
        "a.md:5: body: is longer than 100,000 characters; left out, shorten it"
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"# Notes\n", ""),
        (b"----\n", ""),
        (b"--- a\n", ""),
        (b"\xef\xbb\xbf", ""),
        (b"\xff\xfea", ""),
        (b"\x89PNG" + bytes(parser.MAX_BYTES), ""),
        (b"\n---\ntitle: A\n---\n", "a blank stands before its ---"),
        (b" ---\r\ntitle: A\r\n---\r\n", "a blank stands before its ---"),
        (b"<!-- x -->\n---\ntitle: A\n---\n", ""),
        (b"<!--\n---\ntitle: A\n---\n-->", "a comment stands before its ---"),
        (b"----\ntitle: A\n---\n", "it begins with ---- instead of ---"),
        ("—\ntitle: A\n—\n".encode(), "it begins with — instead of ---"),
        (b"--- yaml\ntitle: A\n---\n", "it begins with --- yaml instead of ---"),
        (
            b"+++\ntitle = 'A'\n+++\n",
            "it begins with +++, which is read in folders of other tools alone",
        ),
        (b"title: A\npublished: false\n", "its fields stand below no line that says ---"),
    ],
    ids=range(15),
)
def test_a_file_without_front_matter_is_no_record(data: bytes, reason: str) -> None:
    with pytest.raises(parser.NotARecord) as caught:
        parser.parse_record("a.md", data)
    assert str(caught.value) == (reason or "doesn't begin with a line that says ---")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("published: false\n---\nText\n", 5),
        ("excerpt: B\nsecured: 'x'\n---\nText\n", 6),
        ("topics:\n- a\n\nPublished: true\n--- \nText\n", 8),
        ("---\npublished: false\n---\nText\n", 6),
        ("published: false\n...\nText\n", 5),
        ("secured: x\n\nText\n", 5),
        ("'secured': x", 5),
        ("the rest of an excerpt\nthat was cut\npublished: false\n---\nText\n", 7),
        ("the rest of an excerpt\nsecured: x\nText\n", 6),
        ("Text\nstatus: good\n---\nText\n", 0),
        ("Text\n\npublished: false\n---\nText\n", 0),
        ("published: false\nText\n---\nText\n", 0),
        ("published: false\n", 0),
        ("excerpt: B\n---\nText\n", 0),
        ("Text\n\n---\nsecured: x\n---\n", 0),
    ],
)
def test_fields_that_a_stray_fence_made_text_keep_the_record_out(body: str, line: int) -> None:
    data = f"---\n{TITLE_AND_URL}---\n{body}"
    if not line:
        assert _public(parser.parse_record("a.md", data.encode())).body
        return
    reading = interpret("a.md", data.encode())
    assert [(reading.outcome, p.severity, p.line) for p in reading.problems] == [
        ("error", "error", line)
    ]
    assert "stands below a line that ends the front matter" in error(data)


def test_every_problem_of_a_record_in_error_is_told_by_line() -> None:
    front = (
        "title: ''\ntopics: a\nheat: hot\nwebUrl:\n  www.example.com\noriginalUrl: n/a\n"
        "provider: {domain: 'https://example.com/'}\ntopics: b\n"
    )
    reading = interpret("a.md", f"\ufeff---\n{front}---\n{LOST}".encode())
    assert [(p.line, p.field, p.severity, p.suggestion) for p in reading.problems] == [
        (1, "encoding", "note", ""),
        (2, "title", "error", ""),
        (4, "heat", "note", ""),
        (6, "webUrl", "error", "https://www.example.com"),
        (7, "originalUrl", "error", ""),
        (8, "provider.domain", "note", "example.com"),
        (9, "topics", "error", ""),
        (11, "front matter", "error", ""),
    ]


CRLF_NOTE = "a.md:1: line endings: are CRLF or CR; read all the same, LF would be right"
BOM_NOTE = (
    "a.md:1: encoding: begins with a byte order mark; read all the same, save it as UTF-8 without"
)


@pytest.mark.parametrize(
    ("prefix", "line_end", "expected"),
    [
        (b"", b"\n", []),
        (b"", b"\r\n", [CRLF_NOTE]),
        (b"", b"\r", [CRLF_NOTE]),
        (b"\xef\xbb\xbf", b"\n", [BOM_NOTE]),
        (b"\xef\xbb\xbf", b"\r\n", [BOM_NOTE, CRLF_NOTE]),
    ],
)
def test_a_byte_order_mark_and_crlf_are_noted_and_read_all_the_same(
    prefix: bytes, line_end: bytes, expected: list[str]
) -> None:
    data = FULL.encode()
    reading = parser.parse_record("a.md", prefix + data.replace(b"\n", line_end))
    assert reading.record == parser.parse_record("a.md", data).record
    assert [str(note) for note in reading.notes] == expected
    assert {note.severity for note in reading.notes} <= {"note"}


def test_a_hidden_record_may_be_wrong_in_every_other_way() -> None:
    wrong = {"title": ["a"], "topics": "a", "provider": "text", "publishedDateTime": "never"}
    assert hidden(published=False, **wrong).key == id_of(URL)
    assert hidden(published=False, webUrl="javascript:a").key == ""
    assert hidden(published=False, webUrl="javascript:a", originalUrl=URL).key == id_of(URL)
    assert hidden(published=False, webUrl=None).key == ""
    assert hidden(published=False, id=12).key == id_of(URL)


@pytest.mark.parametrize(
    "secured",
    [
        "secured: !SECRET a",
        "secured: !<tag:SECRET> a",
        "secured:\n  password: !SECRET",
        "secured: {SECRET, SECRET}",
        "secured:\n  SECRET: 1\n  SECRET: 2",
        "secured: [&SECRET a, *SECRET]",
        "secured: {<<: SECRET}",
        'secured: "SECRET',
        "secured: 'SECRET' SECRET",
        "secured: [SECRET",
        "secured: {[SECRET]: 1}",
        "secured: %SECRET",
        "secured: @SECRET",
        'secured: "\\SECRET"',
        "secured: |SECRET",
        "secured: SECRET: SECRET",
        "secured: SECRET\x01",
    ],
)
def test_what_is_wrong_with_secured_says_nothing_of_it(secured: str) -> None:
    data = f"---\ntitle: A\nwebUrl: {URL}\n{secured}\n---\n"
    message = ""
    try:
        message = str(parser.parse_record("a.md", data.encode()).notes)
    except RecordError as refused:
        message = str(refused)
    assert "SECRET" not in message


def test_coverage_that_says_it_is_hidden_is_not_listed() -> None:
    listed = [
        related("https://example.com/a", published=False),
        related("https://example.com/b", removed=True),
        related("https://example.com/c", published=True, removed=False),
    ]
    assert [link.url for link in read(related=listed).related] == ["https://example.com/c"]


def test_nothing_of_secured_is_in_a_record() -> None:
    secret = "c2VjcmV0LXZhbHVl"
    shapes: list[Any] = [secret, [secret], {"a": {"b": secret}}]
    for secured in shapes:
        other = {"title": "B", "webUrl": "https://example.org/b", "secured": deepcopy(secured)}
        provider = {"name": "A", "secured": deepcopy(secured)}
        found = [
            read(secured=secured, provider=provider, related=[other]),
            hidden(secured=secured, provider=provider, related=[other], published=False),
        ]
        assert secret.encode() not in msgspec.json.encode(found)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, URL),
        ({"webUrl": URL + "?ref=a&utm_source=b"}, URL),
        ({"originalUrl": "https://example.org/other"}, URL),
        ({"webUrl": None, "originalUrl": "https://example.org/a"}, "https://example.org/a"),
        ({"webUrl": " ", "ampWebUrl": "https://example.org/amp"}, "https://example.org/amp"),
        ({"webUrl": None, "cdnAmpWebUrl": "https://example.net/a"}, "https://example.net/a"),
    ],
)
def test_the_id_is_made_from_the_canonical_url(fields: dict[str, Any], expected: str) -> None:
    assert read(**fields).id == id_of(expected)
    assert hidden(published=False, **fields).key == id_of(expected)


@pytest.mark.parametrize(
    "own",
    [
        "urn:uuid:6639460f-3425-5329-8097-a58f06127860",
        "URN:ISBN:0451450523",
        "tag:example.com,2024-05-01:/news/1",
        "http://example.com/1",
        "https://example.com/?a=1&reg=2",
    ],
)
def test_an_id_in_the_record_overrides_it(own: str) -> None:
    assert read(id=own).id == own


@pytest.mark.parametrize(
    "own",
    [
        "javascript:alert(1)", "JavaScript:alert(1)//https://example.com/", "data:text/html,x",
        "file:///etc/passwd", "mailto:a@example.com", "feed:https://example.com/", "vbscript:x",
        "urn:", "urn:uuid", "urn:uuid:", "urn:x:a b", "urn:x:<a>", "tag:example.com:1",
        "tag:a,24:1", "https:", "https://", "https:///a", "https:a", "//example.com/1", "/1", "1",
    ],
)  # fmt: skip
def test_an_id_that_could_do_something_or_names_nothing_is_left_out(own: str) -> None:
    assert read(id=own).id == id_of(URL)
    (note,) = notes(id=own)
    assert note.endswith(f": id: {NO_ID}; left out")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("2024-02-29-a.md", datetime(2024, 2, 29, tzinfo=UTC)),
        ("news/2024-02-29-a.md", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2024-02-29-folder/a.md", None),
        ("news/a-2024-02-29-a.md", None),
        ("2023-02-29-a.md", None),
        ("0000-01-01-a.md", None),
        ("1969-12-31-a.md", None),
    ],
)
def test_the_file_name_may_say_the_date(path: str, expected: datetime | None) -> None:
    assert read(path).dated == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None),
        ("", None),
        ("2024-01-02T03:04:05Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.678+02:00", datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02", datetime(2024, 1, 2, tzinfo=UTC)),
        (datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_a_date_is_read_as_utc(written: object, expected: datetime | None) -> None:
    assert read(publishedDateTime=written).published == expected


def test_a_name_stands_in_for_a_title() -> None:
    assert read(title=None, name="A meeting").title == "A meeting"
    assert read(title="A title", name="A meeting").title == "A title"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.md", "<p>A <em>b</em></p>"), ("a.html", "A *b*"), ("A.HTM", "A *b*")],
)
def test_a_body_is_markdown_or_html_by_the_file_name(path: str, expected: str) -> None:
    assert read(path, body="A *b*\n").body == expected


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (None, None),
        ({}, None),
        ({"name": "A B"}, Provider("a-b", "a-b", "A B")),
        ({"domain": "WWW.example.com"}, Provider("example.com", "www-example-com",
                                                 "WWW.example.com", "example.com")),
        ({"name": "A", "domain": "bücher.example"}, Provider("xn--bcher-kva.example", "a", "A",
                                                             "xn--bcher-kva.example")),
        ({"name": "A", "images": [{"url": "/icon.png"}]}, Provider("a", "a", "A")),
    ],
)  # fmt: skip
def test_a_provider_has_a_key_and_a_name(
    provider: dict[str, Any] | None, expected: Provider | None
) -> None:
    assert read(provider=provider).provider == expected


def test_authors_are_the_records_then_the_providers_each_once() -> None:
    provider = {"name": "A", "authors": ["Desk", {"name": "Column"}, ""]}
    authors = [{"name": "Desk &amp; co"}, "Desk", {"url": "https://example.com/"}, None]
    assert read(authors=authors, provider=provider).authors == ("Desk & co", "Desk", "Column")


def test_topics_are_the_same_when_their_slugs_are() -> None:
    topics = ["Management Tools", "management  tools", "C", "C++", "C#", "", None, "No"]
    assert read(topics=topics).topics == ("Management Tools", "C", "C++", "C#", "No")


def test_images_are_joined_to_the_page_and_bad_ones_noted() -> None:
    images: list[dict[str, Any]] = [
        {"url": "/a b.png", "width": 10, "height": 20},
        {"url": "https://example.org/a.png?a=1&#038;b=2&timestamp=3", "width": -5},
        {"url": "data:image/png;base64,AAAA"},
    ]
    assert read(images=images).images == (
        Image("https://news.example.com/a%20b.png", 10, 20),
        Image("https://example.org/a.png?a=1&b=2&timestamp=3"),
    )
    (note,) = notes(images=images)
    assert re.fullmatch(
        r"a\.md:\d+: images\[2\]\.url: 'data:image/png;base64,AAAA' is not a web address; "
        r"it must begin with https:// or http://; left out",
        note,
    )


def related(url: str, quality: int = 0, day: int = 1, **fields: Any) -> dict[str, Any]:
    published = f"2024-01-{day:02}T00:00:00Z"
    own = {"title": url, "webUrl": url, "quality": quality, "publishedDateTime": published}
    return own | fields


def test_related_coverage_is_kept_best_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(related_links, "KEPT", 5)
    found = read(
        related=[
            related("https://example.com/worst", 1),
            related("https://example.com/old", 5, day=1),
            related("https://example.com/new", 5, day=2),
            related("https://example.com/best", 9),
            related("https://example.com/b", 3),
            related("https://example.com/a", 3),
            related("https://example.com/undated", 3, publishedDateTime=None),
        ]
    ).related
    assert [link.url.rpartition("/")[2] for link in found] == ["best", "new", "old", "b", "a"]


def test_related_coverage_has_each_page_once_and_never_its_own() -> None:
    found = read(
        related=[
            related(URL + "?utm_source=a", 9),
            related("https://example.com/a?ref=b", 1, title="Worse"),
            related("https://example.com/a", 2, title="Better"),
            related("https://example.com/b", originalUrl="https://example.com/c"),
            related("https://example.com/d", webUrl=None, originalUrl="https://example.com/d"),
            related("https://example.com/e", title=None, name="An event"),
            related("https://example.com/f", title=None),
            related("https://example.com/g", webUrl=None),
        ]
    ).related
    assert [(link.url, link.title) for link in found] == [
        ("https://example.com/a", "Better"),
        ("https://example.com/b", "https://example.com/b"),
        ("https://example.com/d", "https://example.com/d"),
        ("https://example.com/e", "An event"),
    ]


def test_a_bad_related_url_is_noted_and_left_out() -> None:
    bad = [related("javascript:alert(1)"), related("https://example.com/a")]
    assert [link.url for link in read(related=bad).related] == ["https://example.com/a"]
    (note,) = notes(related=bad)
    assert re.fullmatch(
        r"a\.md:\d+: related\[0\]\.webUrl: 'javascript:alert\(1\)' is not a web address; "
        r"it must begin with https:// or http://; left out",
        note,
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, 0),
        ("", 0),
        ("PT14M50S", 890),
        ("PT90S", 90),
        ("PT1H", 3600),
        ("PT1.9S", 1),
        ("P1DT1H", 90_000),
        ("P1W", 604_800),
        ("P1M", 0),
        ("P1Y2MT5S", 0),
    ],
)
def test_a_duration_is_whole_seconds(written: str | None, expected: int) -> None:
    assert read(length=written).duration == expected
    assert notes(length=written) == []


@pytest.mark.parametrize(
    "written", ["P", "PT", "PT5", "14:60", "14.5", "T14M", "PT5H5D", "PT5M ago"]
)
def test_what_is_no_duration_is_noted(written: str) -> None:
    assert read(length=written).duration == 0
    (note,) = notes(length=written)
    assert note.endswith(f": length: {written!r} is not a duration; write it as PT14M50S; left out")


@pytest.mark.parametrize(
    ("content", "player", "noted"),
    [
        (None, "", []),
        ("<p>No frame</p>", "", []),
        ("<iframe src='https://player.example.net/a b'></iframe>",
         "https://player.example.net/a%20b", []),
        ("<iframe src=/v/1>", "https://news.example.com/v/1", []),
        ("<![a[<iframe src=/v/1>", "", []),
        ("<iframe src='javascript:alert(1)'>", "",
         [f"featuredContent: its iframe's src {NOT_WEB}; left out"]),
    ],
)  # fmt: skip
def test_the_player_is_the_frame_of_the_featured_content(
    content: str | None, player: str, noted: list[str]
) -> None:
    assert read(featuredContent=content).player == player
    found = notes(featuredContent=content)
    assert [re.sub(r"^a\.md:\d+: ", "", note) for note in found] == noted


def test_downloads_are_the_actions_of_that_type() -> None:
    actions = [
        {"type": "download", "url": "/a b.zip", "title": "A &amp; B"},
        {"type": "download", "url": "https://example.org/c.zip"},
        {"type": "download", "url": "ftp://example.org/d.zip"},
        {"type": "download"},
        {"type": "link", "url": "/e"},
    ]
    assert read(actions=actions).downloads == (
        Download("https://news.example.com/a%20b.zip", "A & B"),
        Download("https://example.org/c.zip", "Download"),
    )
    assert len(notes(actions=actions)) == 2


def test_texts_hold_no_control_characters_or_reordering() -> None:
    found = read(title="a\x07b\u202ec&#1;d", excerpt="a\nb\u2028c", topics=["a\x00b"])
    assert (found.title, found.excerpt, found.topics) == ("abcd", "a b c", ("ab",))


def test_texts_are_cut_to_what_is_accepted() -> None:
    assert notes(title="a" * 1_000, excerpt="a" * 20_000, topics=["a" * 500]) == []
    found = read(
        title="a" * 1_001,
        excerpt="b " * 20_000,
        topics=["c" * 501],
        provider={"name": "d" * 501},
    )
    assert found.title == "a" * 999 + "…"
    assert (len(found.excerpt), found.excerpt[-2:]) == (20_000, "b…")
    assert found.topics == ("c" * 499 + "…",)
    assert found.provider is not None
    assert found.provider.name == "d" * 499 + "…"
    (note,) = notes(title="a" * 1_001)
    assert note == ("a.md:2: title: is 1,001 characters long; cut to the 1,000 that are accepted")


def outcome(data: bytes) -> parser.ParsedRecord | None:
    """The reading of `data`, or None where it is refused as it should be."""
    message = ""
    reading = None
    try:
        reading = parser.parse_record("a.md", data)
    except (RecordError, parser.NotARecord) as refused:
        message = str(refused)
    assert "\n" not in message
    return reading


@given(st.binary(), st.sampled_from([b"", b"---\n", b"\xef\xbb\xbf---\r\n", b"---\ntitle: A\n"]))
def test_any_bytes_are_read_or_refused(data: bytes, prefix: bytes) -> None:
    outcome(prefix + data)
    outcome(prefix + data + b"\n---\n")


_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.datetimes(),
        st.text(), st.sampled_from(["https://example.org/", "//[", "<![a[", "PT1S", "&#0;", "/a"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["url", "webUrl", "title", "name", "domain", "type", "images", "width"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=6,
)  # fmt: skip
_FIELDS = st.dictionaries(
    st.sampled_from(
        ["title", "name", "excerpt", "webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl", "type",
         "publishedDateTime", "updatedDateTime", "quality", "heat", "provider", "authors", "topics",
         "images", "related", "length", "featuredContent", "actions", "id", "published", "removed"]
    ),
    _VALUES,
    max_size=4,
)  # fmt: skip


@given(_FIELDS, st.text())
def test_any_values_are_read_or_refused(fields: dict[str, Any], body: str) -> None:
    reading = outcome(record(body=body, **fields).encode())
    if reading is not None:
        msgspec.json.encode(reading.record)


@given(st.integers(0, len(FULL)), st.integers(0, 40), st.text(max_size=6))
def test_any_damage_to_a_record_is_read_or_refused(start: int, length: int, text: str) -> None:
    damaged = FULL[:start] + text + FULL[start + length :]
    reading = outcome(damaged.encode())
    if reading is not None:
        again = parser.parse_record("a.md", damaged.encode())
        assert (again.record, again.notes) == (reading.record, reading.notes)
