import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import feedparser
import html5lib
import pytest
import yaml
from lxml import etree

from feeds import urls
from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.loading import loader
from feeds.model import UNKNOWN_TIME, Feed, Record
from feeds.rendering.formats import FORMATS
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.support import CONFIG, SEEDS, TODAY, addresses, feed, loaded, rendered, write

XML = [file for file in FORMATS if file.endswith(".xml")]  # tests/test_jsonfeed.py has the other
GOLDEN_RECORDS = Path(__file__).parent.parent / "golden" / "records"
ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}"
DC = "{http://purl.org/dc/elements/1.1/}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
NAMESPACES = {
    "rss.xml": {
        "atom": ATOM[1:-1],
        "content": CONTENT[1:-1],
        "dc": DC[1:-1],
        "media": MEDIA[1:-1],
    },
    "atom.xml": {"": ATOM[1:-1], "dc": DC[1:-1], "media": MEDIA[1:-1]},
}


class Made(NamedTuple):
    """A document, what it was made of, and how two parsers read it."""

    feed: Feed
    body: bytes
    root: Any
    parsed: Any

    @property
    def rss(self) -> bool:
        return bool(self.root.tag == "rss")

    @property
    def elements(self) -> list[Any]:
        return list(self.root.iter("item", f"{ATOM}entry"))

    def contents(self) -> Iterator[str]:
        for entry in self.parsed.entries:
            yield from (part.value for part in entry.get("content", ()))
            if self.rss:
                yield entry.summary


def made(feed: Feed, file: str) -> Made:
    body = FORMATS[file].render(feed)
    return Made(feed, body, etree.fromstring(body), feedparser.parse(body))


def front_matter(path: str) -> dict[str, Any]:
    text = (SEEDS / path).read_text(encoding="utf-8")
    front: dict[str, Any] = yaml.safe_load(text.split("\n---", 1)[0].removeprefix("---"))
    return front


FRONT = {
    path: front_matter(path)
    for path in (str(p.relative_to(SEEDS)) for p in sorted(SEEDS.rglob("*.*")) if p.is_file())
    if not path.startswith("learning/collections/")  # which are no records of their own
}


def all_feeds(
    seeds: Store, policy: str, file: str, limit: int = 200
) -> Iterator[tuple[FeedQuery, Feed]]:
    with seeds.read() as reader:
        for listed in builder.scopes(reader):
            query = FeedQuery(scope=listed.scope, policy=policy, file=file, limit=limit)
            yield query, builder.feed(reader, query, addresses(), CONFIG, TODAY)


@pytest.fixture(scope="module", params=list(product(POLICIES, XML)), ids="-".join)
def documents(seeds: Store, request: pytest.FixtureRequest) -> list[Made]:
    """Every feed of the seeds in one format and under one policy, the one of everything first."""
    policy, file = request.param
    return [made(feed, file) for _, feed in all_feeds(seeds, policy, file)]


def expected_link(path: str, policy: str) -> str:
    """The table of link policies in DESIGN, from what the file says."""
    said = FRONT[path]
    fields = ("webUrl", "originalUrl", "ampWebUrl", "cdnAmpWebUrl")
    web, original, amp, amp_cache = (urls.clean(said[f]) if f in said else "" for f in fields)
    canonical = urls.untracked(web or original)
    return {
        "canonical": canonical,
        "original": original or web,
        "amp": amp or canonical,
        "amp-cache": amp_cache or amp or canonical,
    }[policy]


def test_every_entry_has_its_id_and_the_link_of_the_policy(documents: list[Made]) -> None:
    for document in documents:
        parsed = [(entry.id, entry.link) for entry in document.parsed.entries]
        assert parsed == [
            (entry.id, expected_link(entry.record.path, document.feed.policy))
            for entry in document.feed.entries
        ]
        assert parsed


WEB = {"webUrl": "https://news.example.com/web?a=1&utm_source=x"}
ORIGINAL = {"webUrl": None, "originalUrl": "https://news.example.com/original?ref=x"}
AMP = {"ampWebUrl": "https://amp.example.com/amp"}
CACHE = {"cdnAmpWebUrl": "https://cdn.example.net/cache"}
BOTH = {**ORIGINAL, **WEB}


@pytest.mark.parametrize("file", XML)
@pytest.mark.parametrize(
    ("urls", "chosen"),
    [
        (WEB, ("web?a=1", "web?a=1&utm_source=x", "web?a=1", "web?a=1")),
        (ORIGINAL, ("original", "original?ref=x", "original", "original")),
        (BOTH, ("web?a=1", "original?ref=x", "web?a=1", "web?a=1")),
        ({**BOTH, **AMP}, ("web?a=1", "original?ref=x", "amp", "amp")),
        ({**BOTH, **CACHE}, ("web?a=1", "original?ref=x", "web?a=1", "cache")),
        ({**BOTH, **AMP, **CACHE}, ("web?a=1", "original?ref=x", "amp", "cache")),
    ],
)
def test_each_policy_links_the_url_of_its_choice_or_the_next_best(
    tmp_path: Path, urls: dict[str, str | None], chosen: tuple[str, ...], file: str
) -> None:
    write(tmp_path, "only.md", **urls)
    store = loaded(tmp_path)
    found = [made(feed(store, f"/{policy}/{file}"), file).parsed for policy in POLICIES]
    assert tuple(parsed.entries[0].link.rpartition("/")[2] for parsed in found) == chosen
    assert len({parsed.entries[0].id for parsed in found}) == 1


def test_every_format_and_policy_has_the_same_ids_in_the_same_order(
    seeds: Store, documents: list[Made]
) -> None:
    queries = list(all_feeds(seeds, "canonical", "rss.xml"))
    assert len(queries) == len(documents)
    for (_, canonical), document in zip(queries, documents, strict=True):
        ids = [entry.id for entry in document.parsed.entries]
        assert ids == [entry.id for entry in canonical.entries]
        assert len(set(ids)) == len(ids)


def test_every_public_record_is_in_the_feed_of_everything(documents: list[Made]) -> None:
    public = {path for path, said in FRONT.items() if is_public(said)}
    shown = {entry.record.path for entry in documents[0].feed.entries}
    copies = public - shown
    own = {expected_link(path, "canonical") for path in shown}
    gone = {expected_link(path, "canonical") for path in FRONT if FRONT[path].get("removed")}
    assert shown <= public
    assert {expected_link(path, "canonical") for path in copies} <= own | gone


def is_public(said: dict[str, Any]) -> bool:
    return said.get("published", True) is True and not said.get("removed") and "deleted" not in said


def test_feedparser_finds_every_document_well_formed(documents: list[Made]) -> None:
    for document in documents:
        assert document.parsed.bozo == 0, document.feed.id
        assert document.parsed.version == ("rss20" if document.rss else "atom10")
        assert document.parsed.feed.title == document.feed.title
        assert document.parsed.feed.link == document.feed.page


def test_every_document_says_its_own_address(documents: list[Made]) -> None:
    for document in documents:
        linked = document.root.xpath("/*/a:link | /*/channel/a:link", namespaces={"a": ATOM[1:-1]})
        own = [link.get("href") for link in linked if link.get("rel") == "self"]
        assert own == [document.feed.id]
        if not document.rss:
            assert document.root.findtext(f"{ATOM}id") == document.feed.id


def test_namespaces_are_declared_once_on_the_root(documents: list[Made]) -> None:
    for document in documents:
        parser = etree.iterparse(io.BytesIO(document.body), events=("start-ns",))
        declared = [namespace for _, namespace in parser]
        expected = NAMESPACES["rss.xml" if document.rss else "atom.xml"]
        assert sorted(declared) == sorted(expected.items())
        assert document.root.nsmap == {prefix or None: uri for prefix, uri in expected.items()}


def test_every_entry_in_a_document_is_the_entry_rendered_alone(documents: list[Made]) -> None:
    for document in documents:
        kind = FORMATS["rss.xml" if document.rss else "atom.xml"]
        shell = etree.fromstring(kind.join(kind.head(document.feed), []))
        names = "".join(f' xmlns{":" + p if p else ""}="{u}"' for p, u in shell.nsmap.items())
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            alone = kind.entry(entry, document.feed.policy, document.feed.root)
            assert alone in document.body
            envelope = etree.fromstring(
                b"<x%s>%s</x>" % (names.replace("None", "").encode(), alone)
            )
            assert canonical(element) == canonical(envelope[0])


def canonical(element: Any) -> bytes:
    written: bytes = etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
    return written


def test_rendering_again_gives_equal_bytes(seeds: Store, documents: list[Made]) -> None:
    policy = documents[0].feed.policy
    file = "rss.xml" if documents[0].rss else "atom.xml"
    for (_, again), document in zip(all_feeds(seeds, policy, file), documents, strict=True):
        assert FORMATS[file].render(again) == document.body


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def rfc822(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    assert re.fullmatch(r"(\w{3}), \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", text)
    assert text[:3] == DAYS[moment.weekday()]
    return moment


def rfc3339(text: str) -> datetime:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    return datetime.fromisoformat(text)


def test_dates_have_the_form_of_the_format_and_are_the_record_s(documents: list[Made]) -> None:
    for document in documents:
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            if document.rss:
                dates = [rfc822(date.text) for date in element.findall("pubDate")]
            else:
                dates = [rfc3339(date.text) for date in element.findall(f"{ATOM}published")]
            updated = [rfc3339(date.text) for date in element.findall(f"{ATOM}updated")]
            assert dates == ([entry.published] if entry.published else [])
            is_needed = not document.rss or entry.updated != UNKNOWN_TIME
            assert updated == ([entry.updated] if is_needed else [])
        if document.rss:
            built = rfc822(document.root.findtext("channel/lastBuildDate"))
        else:
            built = rfc3339(document.root.findtext(f"{ATOM}updated"))
        assert built == max(entry.updated for entry in document.feed.entries)


def test_categories_are_topics_and_the_type_each_with_its_scheme(documents: list[Made]) -> None:
    for document in documents:
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            type_ = [("types", entry.type)] if entry.type else []
            labels = [("topics", topic) for topic in entry.topics] + type_
            if document.rss:
                found = [(c.get("domain"), c.text) for c in element.findall("category")]
                expected = [(f"{CONFIG.base_url}/{kind}/", label.name) for kind, label in labels]
                assert found == expected
            else:
                assert [dict(c.attrib) for c in element.findall(f"{ATOM}category")] == [
                    {
                        "term": label.name,
                        "label": label.name,
                        "scheme": f"{CONFIG.base_url}/{kind}/",
                    }
                    for kind, label in labels
                ]


def creators(record: Record) -> list[str]:
    names = [record.provider.name] if record.provider else []
    return list(dict.fromkeys([*names, *record.authors]))


def test_authors_are_the_provider_and_those_of_the_record(documents: list[Made]) -> None:
    for document in documents:
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            names = creators(entry.record)
            path = f"{DC}creator" if document.rss else f"{ATOM}author/{ATOM}name"
            expected = [", ".join(names)] if document.rss and names else names
            assert [name.text for name in element.findall(path)] == expected
            assert element.find("author") is None


def test_an_item_of_rss_leads_to_the_feed_of_its_provider(documents: list[Made]) -> None:
    for document in filter(lambda one: one.rss, documents):
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            provider = entry.record.provider
            url = provider and f"{CONFIG.base_url}/providers/{provider.key}/rss.xml"
            assert [(source.get("url"), source.text) for source in element.findall("source")] == (
                [(url, provider.name)] if provider else []
            )


def test_pictures_are_media_and_the_first_is_the_thumbnail(documents: list[Made]) -> None:
    for document in documents:
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            images = [
                {"url": image.url, "width": str(image.width), "height": str(image.height)}
                for image in entry.record.images
            ]
            shown = element.findall(f"{MEDIA}content[@medium='image']")
            assert [dict(c.attrib) for c in shown] == [{**i, "medium": "image"} for i in images]
            thumbnails = element.findall(f"{MEDIA}thumbnail")
            assert [dict(thumbnail.attrib) for thumbnail in thumbnails] == images[:1]


def test_a_video_has_a_player_and_its_duration(documents: list[Made]) -> None:
    videos = 0
    for entry, element in zip(documents[0].feed.entries, documents[0].elements, strict=True):
        video = element.find(f"{MEDIA}content[@medium='video']")
        if not entry.record.player:
            assert video is None
            continue
        videos += 1
        assert video is not None
        assert FRONT[entry.record.path]["featuredContent"].count(entry.record.player) == 1
        assert video.find(f"{MEDIA}player").get("url") == entry.record.player
        assert video.get("duration") == (str(entry.record.duration or "") or None)
    assert videos > 3


def related_links(element: Any) -> list[dict[str, str]]:
    found = [*element.findall(f"{ATOM}link")]
    return [
        {"href": link.get("href"), "title": link.get("title")}
        for link in found
        if link.get("rel") == "related"
    ]


def test_related_coverage_is_titled_and_at_most_five(documents: list[Made]) -> None:
    most = 0
    for document in documents:
        contents = [entry.get("content", [{}])[-1] for entry in document.parsed.entries]
        for element, content in zip(document.elements, contents, strict=True):
            found = related_links(element)
            most = max(most, len(found))
            assert len(found) <= 5
            for link in found:
                assert link["title"]
                assert link["href"].replace("&", "&amp;") in content["value"]
    assert most == 5


def test_other_links_are_amp_and_canonical_where_the_entry_links_something_else(
    documents: list[Made],
) -> None:
    for document in documents:
        for entry, element in zip(document.feed.entries, document.elements, strict=True):
            rels = {link.get("rel"): link.get("href") for link in element.findall(f"{ATOM}link")}
            linked = expected_link(entry.record.path, document.feed.policy)
            page = expected_link(entry.record.path, "canonical")
            assert rels.get("amphtml", "") == entry.record.amp
            assert rels.get("canonical", linked) == page
            assert rels.get("alternate") == (None if document.rss else linked)


LOADS = ("src", "href", "cite", "poster", "srcset", "action", "data")
FORBIDDEN = {"script", "iframe", "style", "object", "embed", "form", "link", "meta", "base", "svg"}


def test_content_neither_runs_nor_frames_nor_links_relatively(documents: list[Made]) -> None:
    seen = set()
    for content in {content for document in documents for content in document.contents()}:
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        for element in parser.parseFragment(content).iter():
            seen.add(element.tag)
            for name, value in element.attrib.items():
                assert not name.startswith("on")
                assert name != "style"
                assert name not in LOADS or re.match(r"https?://|mailto:", value), value
    assert not seen & FORBIDDEN
    assert {"img", "a", "p", "ul", "li"} <= seen


def test_nothing_secured_or_hidden_is_in_any_document(documents: list[Made]) -> None:
    secured = [said["secured"] for said in FRONT.values() if "secured" in said]
    pieces = {piece for value in secured for piece in re.findall(r"[^;=]{24}", value)}
    hidden = [path for path, said in FRONT.items() if not is_public(said)]
    pages = {expected_link(path, policy) for path in hidden for policy in POLICIES}
    ids = {urls.entry_id(urls.identity(urls.clean(page))) for page in pages}
    assert pieces
    assert ids
    for document in documents:
        assert not any(piece.encode() in document.body for piece in pieces)
        for entry in document.parsed.entries:
            assert entry.id not in ids
            assert entry.link not in pages


NOT_XML = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffc\U00010000-\U0010fffd]"
)


def test_no_document_has_a_character_that_xml_forbids(documents: list[Made]) -> None:
    for document in documents:
        assert not NOT_XML.search(document.body.decode("utf-8"))
        assert not NOT_XML.search("".join(document.root.itertext()))
        assert document.body.startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<")


@pytest.mark.parametrize(
    "address",
    ["rss.xml", "atom.xml", "amp/topics/open-data/rss.xml", "amp/topics/open-data/atom.xml"],
)
def test_golden_feeds_are_what_they_were(
    address: str, golden: Callable[[str, bytes], None]
) -> None:
    golden(f"feeds/{address}", rendered(loaded(GOLDEN_RECORDS), f"/{address}"))


def one(folder: Path, file: str, **fields: Any) -> Any:
    """The only entry of a feed with one record in it."""
    write(folder, "only.md", **fields)
    (element,) = made(feed(loaded(folder), f"/{file}"), file).elements
    return element


@pytest.mark.parametrize(
    ("title", "raw"),
    [
        ("Q & A", b"<title>Q &#x26; A</title>"),
        ("Vec<T>", b"<title>Vec&#x3C;T&gt;</title>"),
        ("&amp;amp; & <", b"<title>&#x26;amp; &#x26; &#x3C;</title>"),
        ("“It's” ]]> fine", "<title>“It's” ]]&gt; fine</title>".encode()),
    ],
)
def test_rss_titles_escape_markup_in_hexadecimal(tmp_path: Path, title: str, raw: bytes) -> None:
    write(tmp_path, "only.md", title=title)
    assert raw in rendered(loaded(tmp_path), "/rss.xml")


def test_rss_names_escape_markup_in_hexadecimal(tmp_path: Path) -> None:
    write(tmp_path, "only.md", topics=["Vec<T> & co"])
    body = rendered(loaded(tmp_path), "/topics/vec-t-co/rss.xml")
    assert b"<title>Vec&#x3C;T&gt; &#x26; co \xe2\x80\x93 Example News</title>" in body
    assert b"<description>Vec&#x3C;T&gt; &#x26; co \xe2\x80\x93 Example News: " in body
    assert b'/topics/">Vec&#x3C;T&gt; &#x26; co</category>' in body


@pytest.mark.parametrize("title", ["“text”", "Vec<T>", "Q & A", "Use <video> tag", "a &amp; b"])
def test_titles_and_summaries_of_atom_are_plain_text(tmp_path: Path, title: str) -> None:
    said = title.replace("&", "&amp;")
    element = one(tmp_path, "atom.xml", title=said, excerpt=said)
    for name in ("title", "summary"):
        assert element.find(f"{ATOM}{name}").get("type") in {None, "text"}
        assert element.findtext(f"{ATOM}{name}") == title


@pytest.mark.parametrize("icon", ["", "https://static.example.com/i.png?a=1&b=2"])
def test_a_feed_has_an_icon_of_the_setting_or_ours(tmp_path: Path, icon: str) -> None:
    settings = replace(CONFIG, icon=icon, title="A & B")
    store, shown = loaded(tmp_path), icon or "https://feeds.example.org/static/icon.png"
    atom = etree.fromstring(rendered(store, "/atom.xml", settings))
    assert [atom.findtext(f"{ATOM}{name}") for name in ("icon", "logo")] == [shown, shown]
    rss = etree.fromstring(rendered(store, "/rss.xml", settings))
    assert [(child.tag, child.text) for child in rss.iterfind("channel/image/*")] == [
        ("url", shown), ("title", "A & B"), ("link", "https://feeds.example.org/"),
    ]  # fmt: skip
    feed = json.loads(rendered(store, "/feed.json", settings))
    assert (feed["icon"], feed["favicon"]) == (shown, shown)


def test_the_first_link_of_an_atom_feed_is_its_page(documents: list[Made]) -> None:
    for document in filter(lambda one: not one.rss, documents):
        link = document.root.find(f"{ATOM}link")
        assert (link.get("rel"), link.get("href")) == ("alternate", document.feed.page)


@pytest.mark.parametrize("file", XML)
def test_every_parser_reads_the_title_that_was_written(tmp_path: Path, file: str) -> None:
    titles = {"Vec<T> & <b>bold</b>", "AT&T", "a &lt; b", "5 < 6 > 4", "'quotes' \"too\""}
    for number, title in enumerate(sorted(titles)):
        write(tmp_path, f"{number}.md", title=title.replace("&", "&amp;"))
    document = made(feed(loaded(tmp_path), f"/{file}"), file)
    found = set()
    for element in document.elements:
        title = element.find("title" if document.rss else f"{ATOM}title")
        found.add("".join(title.itertext()))
    assert found == titles


@pytest.mark.parametrize("file", XML)
def test_what_xml_forbids_does_not_reach_a_document(tmp_path: Path, file: str) -> None:
    bad = "a\x00\x08\x0b\x1f\ufffe\uffff\u202eb &#1; &#xFFFE; &#0; &#xD800; c"
    element = one(
        tmp_path, file, title=bad, excerpt=bad, topics=[bad], authors=[bad], body=f"# {bad[9:]}",
        provider={"name": bad}, related=[{"title": bad, "webUrl": "https://news.example.com/x"}],
        actions=[{"type": "download", "title": bad, "url": "https://news.example.com/y"}],
    )  # fmt: skip
    text = etree.tostring(element, encoding="unicode")
    assert not NOT_XML.search(text)
    assert "\u202e" not in text


@pytest.mark.parametrize("file", XML)
@pytest.mark.parametrize(
    "body",
    [
        "<p>x<script>alert(1)</script></p>",
        "<p onclick='alert(1)' style='x'>x</p>",
        "<p>x</p><iframe src='https://video.example.net/'></iframe>",
        "<p>x</p><style>p { color: red }</style>",
        "x\n\n<script>alert(1)</script>\n",
    ],
)
def test_a_body_loses_what_runs_and_keeps_what_it_says(
    tmp_path: Path, file: str, body: str
) -> None:
    element = one(tmp_path, file, body=body)
    (content,) = [c for c in element if c.tag in (f"{ATOM}content", "description")]
    assert content.text.strip() == "<p>x</p>"


@pytest.mark.parametrize("file", XML)
def test_text_is_never_markup_in_content(tmp_path: Path, file: str) -> None:
    element = one(
        tmp_path, file, title="<script>1</script>", excerpt="<script>2</script>",
        related=[{
            "title": "<script>3</script>", "webUrl": 'https://news.example.com/x?"><script>',
            "provider": {"name": "<script>4</script>"},
        }],
    )  # fmt: skip
    for content in element.iter("description", f"{CONTENT}encoded", f"{ATOM}content"):
        assert "<script" not in content.text


@pytest.mark.parametrize("file", XML)
def test_only_the_five_best_related_are_kept_best_first(tmp_path: Path, file: str) -> None:
    listed = [
        {"title": f"No {n}", "webUrl": f"https://news.example.com/{n}?utm_x=y", "quality": n}
        for n in range(8)
    ]
    listed.append({"title": "", "webUrl": "https://news.example.com/untitled", "quality": 9})
    element = one(tmp_path, file, related=listed)
    assert related_links(element) == [
        {"title": f"No {n}", "href": f"https://news.example.com/{n}"} for n in (7, 6, 5, 4, 3)
    ]


@pytest.mark.parametrize("file", XML)
def test_an_unknown_size_or_duration_is_not_said(tmp_path: Path, file: str) -> None:
    element = one(
        tmp_path, file, type="video", images=[{"url": "https://images.example.net/a.png"}],
        featuredContent="<iframe src='https://video.example.net/e'></iframe>",
    )  # fmt: skip
    found = [dict(c.attrib) for c in element.iter(f"{MEDIA}content", f"{MEDIA}thumbnail")]
    image = {"url": "https://images.example.net/a.png"}
    # Clients take the first for the picture: the player, which has no URL, is last.
    assert found == [{**image, "medium": "image"}, image, {"medium": "video"}]


@pytest.mark.parametrize("file", XML)
def test_a_feed_without_entries_is_a_feed(tmp_path: Path, file: str) -> None:
    document = made(feed(loaded(tmp_path), f"/{file}"), file)
    assert (document.parsed.bozo, document.elements) == (0, [])
    assert document.parsed.feed.updated_parsed[:3] == (2000, 1, 1)


@pytest.mark.parametrize("file", XML)
def test_the_language_is_declared(tmp_path: Path, file: str) -> None:
    root = etree.fromstring(rendered(loaded(tmp_path), f"/{file}"))
    lang = root.get("{http://www.w3.org/XML/1998/namespace}lang") or root.findtext(
        "channel/language"
    )
    assert lang == "en"


def test_a_format_is_called_by_its_file_and_says_its_charset() -> None:
    assert {file: kind.content_type for file, kind in FORMATS.items()} == {
        "rss.xml": "application/rss+xml; charset=utf-8",
        "atom.xml": "application/atom+xml; charset=utf-8",
        "feed.json": "application/feed+json; charset=utf-8",
    }


# -- withdrawals -------------------------------------------------------------------------


def test_withdrawals_are_announced_by_id_and_time_alone(tmp_path: Path) -> None:
    write(tmp_path, "a.md", title="Kept", publishedDateTime="2024-01-01")
    write(tmp_path, "b.md", title="Secret", publishedDateTime="2024-01-02")
    store = loaded(tmp_path)
    entry_id = feed(store).entries[0].id
    write(tmp_path, "b.md", title="Secret", publishedDateTime="2024-01-02", removed=True)
    loader.load(store, tmp_path, now=datetime(2026, 12, 2, 3, 4, 5, tzinfo=UTC))
    root: Any = etree.fromstring(rendered(store, "/atom.xml"))
    tombstones = root.findall("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    assert [(dict(one.attrib), len(one), one.text) for one in tombstones] == [
        ({"ref": entry_id, "when": "2026-12-02T03:04:05Z"}, 0, None)
    ]
    found = json.loads(rendered(store, "/feed.json"))["_feeds"]
    assert found["withdrawn"] == [{"id": entry_id, "when": "2026-12-02T03:04:05Z"}]
    assert entry_id.encode() not in rendered(store, "/rss.xml")
    assert not any(b"Secret" in rendered(store, f"/{file}") for file in FORMATS)
