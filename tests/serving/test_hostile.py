"""Records from people who mean harm, each dropped into a folder beside a good one."""

import json
import os
import re
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree

from feeds.catalog import builder
from feeds.catalog.addresses import FeedQuery
from feeds.loading.checking import check
from feeds.loading.loader import load
from feeds.records import parser
from feeds.records.record_fields import MAX_BODY
from feeds.rendering.formats import FORMATS
from feeds.selection import Scope
from feeds.store.database import Store
from feeds.urls import POLICIES
from tests.helpers.support import LOADED, addresses, dump, record, rendered, write

GOOD: Final = {
    "title": "Ferries run on time",
    "webUrl": "https://good.example/ferries",
    "topics": ["Ferries"],
    "provider": {"name": "Good News", "domain": "good.example"},
    "type": "report",
}
# Feeds that only the good record is in.
ITS_OWN: Final = ("/topics/ferries/", "/providers/good.example/", "/types/reports/")
HEAD: Final = b"---\ntitle: A\nwebUrl: https://bad.example/a\n"
# What XML forbids or discourages, and what reorders text.
UNFIT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def documents(store: Store) -> dict[str, bytes]:
    """Every feed in every format, the whole under each link policy; each is well-formed."""
    with store.read() as reader:
        scopes = [listed.scope for listed in builder.scopes(reader)]
    found = {}
    for scope in scopes:
        for policy in POLICIES if scope == Scope() else POLICIES[:1]:
            for name in FORMATS:
                address = addresses().path(FeedQuery(scope, policy, name))
                found[address] = rendered(store, address)
                parsed = json.loads if name == "feed.json" else etree.fromstring
                parsed(found[address])
    return found


def xml(documents: dict[str, bytes]) -> list[bytes]:
    """Those that are XML."""
    return [body for address, body in documents.items() if address.endswith(".xml")]


def beside_a_good_one(
    folder: Path, make: Callable[[Path], object]
) -> tuple[list[str], dict[str, bytes], dict[str, bytes], Store]:
    """The lines of the report, and the documents before and after the file was made."""
    write(folder, "good.md", **GOOD)
    store = Store("sqlite://")
    load(store, folder, now=LOADED)
    before = documents(store)
    make(folder)
    lines = [str(problem) for problem in load(store, folder, now=LOADED).problems]
    for problem, line in zip(check(folder).problems, lines, strict=True):
        assert line.partition("; ")[0] == str(problem).partition("; ")[0]
    assert all(line.isprintable() for line in lines)
    return lines, before, documents(store), store


def file(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


# -- refused -------------------------------------------------------------------

LAUGHS: Final = b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10)
)
REFUSED: Final[dict[str, tuple[bytes, str]]] = {
    "alias bomb": (HEAD + b"a0: &a0 lol\n" + LAUGHS + b"---\n", "5: front matter: has an alias"),
    "alias of itself": (HEAD + b"x: &x [*x]\n---\n", "4: front matter: has an alias"),
    "Python object": (
        HEAD + b"x: !!python/object/apply:os.system [id]\n---\n",
        "4: front matter: has a tag",
    ),
    "merge key": (HEAD + b"x: {<<: {a: b}}\n---\n", "4: front matter: has a merge key"),
    "key twice, quoted": (HEAD + b'"title": B\n---\n', "4: title: stands twice"),
    "key that is a list": (HEAD + b"? [a]\n: b\n---\n", "4: front matter: has a key that isn't"),
    "list in lists": (HEAD + b"x: " + b"[" * 100_000 + b"\n---\n", "4: front matter: is nested"),
    "list without end": (
        HEAD + b"x: [" + b"a," * 3_000 + b"]\n---\n",
        "4: front matter: has a lis",
    ),
    "second document": (HEAD + b"--- x\nb: c\n---\n", "4: front matter: holds a second YAML"),
    "NUL": (HEAD + b"excerpt: a\x00b\n---\n", "4: front matter: holds the character U+0000"),
    "escape": (
        HEAD + b"excerpt: \x1b[31mred\n---\n",
        "4: front matter: holds the character U+001B",
    ),
    "lone surrogate": (HEAD + b"excerpt: \xed\xa0\x80\n---\n", "4: encoding: has the byte 0xED"),
    "overlong slash": (HEAD + b"excerpt: \xc0\xaf\n---\n", "4: encoding: has the byte 0xC0"),
    "escaped surrogate": (HEAD + b'excerpt: "\\ud800"\n---\n', "4: front matter: is not YAML"),
    "long title only of nothing": (
        b'---\ntitle: "' + b"\\a" * 5_000 + b'"\nwebUrl: https://bad.example/\n---\n',
        "2: title: is empty",
    ),
    "secured that is broken": (HEAD + b'secured: "a"\n  b\n---\n', "5: front matter: is not YAML"),
    "key of a secret": (HEAD + b"secured: a: b\n---\n", "4: front matter: is not YAML"),
    "file without end": (HEAD + b"#" * parser.MAX_BYTES, "1: file: is longer than"),
    "half a file": (HEAD + b"related:\n  - tit", "1: front matter: is never closed"),
    "empty file": (b"", "1: file: is empty"),
    "other encoding": (HEAD.decode().encode("utf-16"), "1: encoding: is UTF-16"),
}
# What is wrong costs its field alone.
NOTED: Final[dict[str, tuple[bytes, str]]] = {
    "body without end": (HEAD + b"---\n" + b"[" * 100_001, "5: body: is longer than"),
    "path as a domain": (HEAD + b"provider: {domain: ../etc}\n---\n", "4: provider.domain: '"),
    "no domain": (HEAD + b"provider: {domain: localhost}\n---\n", "4: provider.domain: 'lo"),
    "huge number": (HEAD + b"quality: 1" + b"0" * 60 + b"\n---\n", "4: quality: is out of range"),
    "number of digits": (
        HEAD + b"quality: 1" + b"0" * 9_999 + b"\n---\n",
        "4: quality: is out of",
    ),
    "infinite": (HEAD + b"heat: -.inf\n---\n", "4: heat: is out of range"),
    "no number": (HEAD + b"heat: .nan\n---\n", "4: heat: is out of range"),
}
URLS: Final = (
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "vbscript:x",
    "//bad.example/a",
    "/a",
    "https:bad.example",
    "https://user:secret@bad.example/",
    "https://bad.example/a\\b",
    "https://bad.example/\\u0001",
    "https://bad.example/\\r\\nSet-Cookie: a=b",
    "https://",
    "https://[::1",
    "https://a..b/",
    "https://bad.example:99999/",
    "https://-bad-.example/",
    "ftp://bad.example/",
)
DATES: Final = (
    "9999-12-31T23:59:59Z",
    "0000-00-00",
    "0001-01-01",
    "10000-01-01",
    "2023-02-30",
    "2024-01-01T25:61:61Z",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "99999999999999999999",
    "yesterday",
    "[2024]",
    "{a: b}",
    "true",
)
FIELDS: Final = {
    "title": ("[a]", "{a: b}", "2021", "true", "2024-01-01"),
    "excerpt": ("[a]", "{a: b}", "1.5", "no"),
    "type": ("[a]", "{a: b}", "0x1f"),
    "quality": ("[1]", "{a: 1}", "high", "true", "'1'", "2024-01-01"),
    "heat": ("[1]", "{a: 1}", "high", "off"),
    "provider": ("a", "[a]", "true", "2024-02-30"),
    "topics": ("a", "{a: b}", "5"),
    "authors": ("a", "{name: b}"),
    "images": ("a", "{url: b}"),
    "related": ("a", "{title: b}"),
    "actions": ("a", "{url: b}"),
    "webUrl": ("[https://bad.example/]", "{a: b}", "5"),
    "length": ("[PT1S]", "{a: b}", "90"),
    "featuredContent": ("[a]", "{a: b}"),
    "id": ("[a]", "5"),
}


KEEPS_OUT: Final = {"title [a]", "title {a: b}", *(f"webUrl {one}" for one in FIELDS["webUrl"])}


def _refused() -> dict[str, tuple[bytes, str]]:
    found = dict(REFUSED)
    for url in URLS:
        front = f'---\ntitle: A\nwebUrl: "{url}"\n---\n'.encode()
        found[f"page {url}"] = (front, "3: webUrl: ")
    return found | {name: case for name, case in _fields().items() if name in KEEPS_OUT}


def _noted() -> dict[str, tuple[bytes, str]]:
    found = dict(NOTED)
    for date in DATES:
        for name in ("publishedDateTime", "updatedDateTime"):
            found[f"{name} {date}"] = (HEAD + f"{name}: {date}\n---\n".encode(), f"4: {name}: ")
    return found | {name: case for name, case in _fields().items() if name not in KEEPS_OUT}


def _fields() -> dict[str, tuple[bytes, str]]:
    found = {}
    for name, values in FIELDS.items():
        for value in values:
            fields = {"title": "A", "webUrl": "https://bad.example/a"} | {name: value}
            line = list(fields).index(name) + 2
            text = "".join(f"{key}: {written}\n" for key, written in fields.items())
            found[f"{name} {value}"] = (f"---\n{text}---\n".encode(), f"{line}: {name}")
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("data", "message"), _refused().values(), ids=_refused())
def test_a_hostile_record_is_one_line_and_changes_nothing(
    tmp_path: Path, data: bytes, message: str
) -> None:
    lines, before, after, _ = beside_a_good_one(tmp_path, file("bad.md", data))
    assert len(lines) == 1
    assert lines[0].startswith(f"bad.md:{message}")
    assert after == before


@pytest.mark.slow
@pytest.mark.parametrize(("data", "message"), _noted().values(), ids=_noted())
def test_a_hostile_value_is_one_line_at_most_and_costs_its_field_alone(
    tmp_path: Path, data: bytes, message: str
) -> None:
    lines, before, after, store = beside_a_good_one(tmp_path, file("bad.md", data))
    assert len(lines) <= 1
    assert all(line.startswith(f"bad.md:{message}") for line in lines)
    report = load(store, tmp_path, now=LOADED)
    assert report.errors == []
    assert report.public + report.counts()["held"] == 2
    for document in xml({address: after[address] for address in before}):
        assert GOOD["title"] in {e.text for e in etree.fromstring(document).iter("{*}title")}


def test_a_word_that_hides_and_stands_twice_changes_nothing(tmp_path: Path) -> None:
    data = HEAD + b"published: false\npublished: true\n---\n"
    lines, before, after, _ = beside_a_good_one(tmp_path, file("bad.md", data))
    assert (lines, after) == ([], before)


def test_what_cannot_be_read_is_not_even_half_read(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "bad.md").write_bytes(HEAD)
        os.truncate(folder / "bad.md", 1 << 40)  # a terabyte of NULs, on no disk

    lines, before, after, _ = beside_a_good_one(tmp_path, make)
    assert lines == ["bad.md:1: file: is longer than 2,097,152 bytes; shorten it"]
    assert after == before


@pytest.mark.parametrize(
    "name", ["a\nb.md", "a\x1b[31m.md", "\u202egpj.md", "a:1: title: is fine.md", "\ufeff.md"]
)
def test_a_name_of_a_file_cannot_forge_a_line_of_the_report(tmp_path: Path, name: str) -> None:
    lines, before, after, _ = beside_a_good_one(tmp_path, file(name, b""))
    assert len(lines) == 1
    assert lines[0].endswith(":1: file: is empty; a record begins with a line that says ---")
    assert after == before


# -- passed over ---------------------------------------------------------------


def _odd_files(folder: Path) -> None:
    """What is in folders and is no record, each with a record's content where it has any."""
    data = record(webUrl="https://bad.example/odd").encode()
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.md").write_bytes(data)
    (folder / "out.md").symlink_to("../outside/secret.md")
    (folder / "absolute.md").symlink_to(outside / "secret.md")
    (folder / "outside").symlink_to(outside)
    (folder / "loop.md").symlink_to("loop.md")
    (folder / "itself").symlink_to(".")
    (folder / ".#good.md").symlink_to("somebody@example.org.1234")
    for name in (".git/HEAD.md", ".git/objects/a.md", ".hidden.md", "#good.md#", "good.md~"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    for name in (".good.md.swp", "good.md.swp", "good.md.tmp", "good.md.bak", "good.md.orig"):
        (folder / name).write_bytes(data)
    (folder / "picture.md").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    (folder / "README.md").write_bytes(b"# Nothing\n" + data)
    (folder / "folder.md").mkdir()
    os.mkfifo(folder / "fifo.md")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.md"))
    (folder / "device.md").symlink_to("/dev/zero")
    with suppress(PermissionError):  # only root may
        os.mknod(folder / "zero.md", stat.S_IFCHR | 0o666, os.makedev(1, 5))


def test_what_is_no_record_is_passed_over_without_a_word(tmp_path: Path) -> None:
    lines, before, after, _ = beside_a_good_one(tmp_path / "records", _odd_files)
    assert lines == []
    assert after == before


# -- read, and made harmless ---------------------------------------------------

NAMES: Final = (
    ".", "..", "/", "//", "\\", "../../etc/passwd", "%2e%2e%2f", "feed.xml", "rss.xml", "feed.json",
    "index.html", "all", "topics", "providers", "types", "amp", "amp-cache", "original", "2024",
    "12", "page", "static", "healthz", "readyz", "opml.xml", "😀", "\u200b", "\u202e", "\u0000",
    "a\u0000b", "a\nb", "con", "?limit=1", "#", "a/b", "<b>", "'\"", "C:\\", "x" * 400, "日本語",
    "-", "--", "~root", "$HOME", "`id`", "{{ 7*7 }}", "%s",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_becomes_a_path_stays_in_its_segment(tmp_path: Path, name: str) -> None:
    named = {
        "topics": [name],
        "type": name,
        "provider": {"name": name},
        "authors": [name],
    }
    lines, before, after, store = beside_a_good_one(
        tmp_path, lambda folder: write(folder, "bad.md", **named)
    )
    assert lines == []
    with store.read() as reader:
        scopes = {listed.scope for listed in builder.scopes(reader)}
    segments = {
        s for scope in scopes for s in (scope.topic, scope.provider, scope.name, scope.type)
    }
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|", segment) for segment in segments)
    for scope in scopes:
        query = FeedQuery(scope, POLICIES[0], "rss.xml")
        assert addresses().feed(addresses().path(query), {}).scope == scope
    kept = {a: body for a, body in before.items() if any(own in a for own in ITS_OWN)}
    assert kept
    assert {address: after[address] for address in kept} == kept


TEXTS: Final = (
    "]]>",
    "<![CDATA[ x ]]>",
    "</title></item><item><title>x",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&amp;lt;script&amp;gt;",
    "<!-- ",
    "<?xml version='1.0'?>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>",
    "&a;",
    "&#0;&#1;&#8;&#x1b;&#x7f;",
    "&#xD800;&#xFFFE;&#xFFFF;&#x110000;&#99999999;",
    "&#x202e;&#8238;&#x2066;",
    "a\u202eb\u2066c\u2069",
    "a\u0000b\u0007c\u001bd",
    "\ufffe\uffff",
    "😀\u200d\u0301" * 50,
    "\u2028\u2029\u0085",
    "{{ 7*7 }}{% x %}",
    "' onmouseover='alert(1)",
    '" onmouseover="alert(1)',
    "%00%0d%0a",
    "a" * 400,
)


@pytest.mark.slow
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:30]))
def test_no_text_breaks_out_of_a_document(tmp_path: Path, text: str) -> None:
    fields: dict[str, Any] = {
        "title": f"T{text}",
        "excerpt": text,
        "topics": [f"T{text[:500]}"],
        "type": f"T{text[:500]}",
        "provider": {"name": f"T{text}", "domain": "bad.example"},
        "authors": [text],
        "images": [
            {"url": f"https://bad.example/{text[:500].partition('%')[0] or 'a'}".split()[0]}
        ],
        "related": [{"title": f"T{text}", "webUrl": "https://bad.example/b", "excerpt": text}],
        "featuredContent": text,
        "actions": [{"type": "download", "title": text, "url": "https://bad.example/c"}],
    }
    body = text[: MAX_BODY - 10]
    data = record(body=f"{body}\n", webUrl="https://bad.example/a", **fields)
    lines, before, after, _ = beside_a_good_one(tmp_path, file("bad.md", data.encode()))
    assert {re.sub(r"\d", "", line.split(": ")[1]) for line in lines} <= {"images[].url"}  # notes
    for document in after.values():
        assert not UNFIT.search(document.decode())
    for document in xml(after):
        root = etree.fromstring(document)
        assert not list(root.iter("{*}script", "{*}img"))
        for content in root.iter("{*}content", "{*}encoded"):
            assert not re.search(r"<script|<img[^>]*onerror", content.text or "", re.I)
        titles = [title.text or "" for title in root.iter("{*}title")]
        assert len([t for t in titles if t == "Ferries run on time"]) <= 1
    kept = {a: before[a] for a in before if any(own in a for own in ITS_OWN)}
    assert {address: after[address] for address in kept} == kept


HARMLESS: Final = (
    ("related:\n  - title: B\n    webUrl: {}\n", "related[0].webUrl"),
    ("images:\n  - url: {}\n", "images[0].url"),
    ("featuredContent: '<iframe src=\"{}\"></iframe>'\n", "featuredContent"),
    ("actions:\n  - type: download\n    url: {}\n", "actions[0].url"),
    ("length: {}\n", "length"),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "https://a:b@c.example/"]
)
@pytest.mark.parametrize(("front", "field"), HARMLESS, ids=[field for _, field in HARMLESS])
def test_what_only_adds_to_a_record_is_left_out_of_it_with_one_note(
    tmp_path: Path, front: str, field: str, url: str
) -> None:
    data = HEAD + front.format(url).encode() + b"---\n[a](" + url.encode() + b")\n"
    lines, _, after, _ = beside_a_good_one(tmp_path, file("bad.md", data))
    assert len(lines) == 1
    assert re.match(rf"bad\.md:[4-6]: {re.escape(field)}: .*left out\Z", lines[0])
    for document in after.values():
        assert b'href=\\"' + url.encode() not in document
        assert json.dumps(url).encode() not in document
    for document in xml(after):
        root = etree.fromstring(document)
        found = [value for element in root.iter() for value in element.attrib.values()]
        found += [element.text or "" for element in root.iter("{*}link", "{*}guid", "{*}id")]
        assert not [value for value in found if url.partition(":")[2] in value]
        assert b"href=&quot;" + url.encode() not in document


def test_all_of_them_at_once_leave_the_good_one_alone(tmp_path: Path) -> None:
    hostile = _refused().values()

    def make(folder: Path) -> None:
        for number, (data, _) in enumerate(hostile):
            (folder / f"{number}.md").write_bytes(data)
        _odd_files(folder)

    lines, before, after, store = beside_a_good_one(tmp_path / "records", make)
    assert len(lines) == len(hostile)
    assert after == before
    fresh = Store("sqlite://")
    load(fresh, tmp_path / "records", now=LOADED)
    assert dump(fresh) == dump(store)
