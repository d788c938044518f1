"""Whole files from nowhere good, for minutes: `python -m bench.fuzz`.

What a record file may hold is drawn by hypothesis from tests/records/test_related_block.py and
tests/records/test_parser.py, and made by mutating the bytes of files of the real shape;
with `--engine atheris` (pip install atheris), by libFuzzer, which is guided by
coverage. Each file must be read or refused as it should be, in bounded time,
whole and cut alike, and what is public must be shown as well-formed XML. What
is found is written to a folder, for a case in tests/.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import hypothesis
from hypothesis import HealthCheck, Phase, given
from lxml import etree

from bench import records
from feeds import slugs, urls
from feeds.model import (
    Entry,
    Feed,
    Hidden,
    Label,
    Link,
    Problem,
    Record,
    RecordError,
    decode_record,
)
from feeds.records import parser
from feeds.records.outcome import encode_record, interpret
from feeds.rendering.formats import FORMATS
from feeds.rendering.formats.content import content
from tests.helpers.support import SEEDS, record
from tests.records import test_parser, test_related_block

SLOW: Final = 2.0  # seconds that no file may take
_MOMENT: Final = datetime(2026, 1, 1, tzinfo=UTC)
_IN_SLUGS: Final = set("abcdefghijklmnopqrstuvwxyz0123456789-._")
_EXAMPLES: Final = 60  # drawn at a time, then time is looked at
_MUTATING: Final = 5.0  # seconds
_PIECES: Final = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"\r",
    b"\r\n", b"\t", b"\n", b"\n\n", b"---\n", b"...\n", b"\n---\n", b"&a ", b"*a", b"!!str ",
    b"<<: ", b"? ", b"- ", b": ", b"[", b"]", b"{", b"}", b"|\n", b">-\n", b"'", b'"', b'\\"',
    b"#", b" #", b"%", b"]]>", b"<![CDATA[", b"&#0;", b"&#x202e;", b"&#xD800;", b"&lt;",
    b"<script>", b"</p>", b"javascript:x", b"//x", b"http://[", b"https://a@b/",
    b"https://x.example/%zz", b"null", b"~", b"true", b"no", b"2024-02-30",
    b"9999-12-31T23:59:59-23:59", b"1:60", b".inf", b"0x1f", b"1e999", b"99999999999999999999",
    b"related:\n", b"secured: ", b"published: false\n", b"removed: true\n",
    b"\nrelated:\n  - title: x\n", b"\nquality: 5\n", b"PT1S", b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
)  # fmt: skip


class Found(Exception):
    """A file that isn't treated as it should be."""


def check(data: bytes) -> str:
    """What comes of a file; raises Found, or whatever the program shouldn't raise."""
    started = time.perf_counter()
    try:
        reading = parser.parse_record("a.md", data)
    except parser.NotARecord:
        kind = "not a record"
    except RecordError as error:
        for problem in error.problems:
            _one_line(problem)
        kind = "error"
    else:
        for note in reading.notes:
            _one_line(note)
        kind = "hidden"
        if isinstance(reading.record, Record):
            kind = "public"
            _shown(reading.record)
        elif not isinstance(reading.record, Hidden):
            raise Found(f"a {type(reading.record)}")
    interpret("a.md", data)
    if time.perf_counter() - started > SLOW:
        raise Found(f"takes {time.perf_counter() - started:.1f} s")
    try:
        test_related_block.assert_same(data)
    except AssertionError as error:
        raise Found("read whole, it is something else") from error
    return kind


def _one_line(problem: Problem) -> None:
    text = str(problem)
    if not text.isprintable() or len(text) > 1000:
        raise Found(f"a problem that isn't one printable line: {text[:300]!a}")
    if problem.line < 1:
        raise Found(f"a problem in line {problem.line}")


def _shown(found: Record) -> None:
    if decode_record(encode_record(found)) != found:
        raise Found("the record isn't what it was after a round trip as JSON")
    for policy in {"canonical", urls.POLICIES[len(found.title) % 4]}:
        document = _feed(found, policy)
        for kind in FORMATS.values():
            if kind.file == "feed.json":
                json.loads(kind.render(document))
                continue
            try:
                root = etree.fromstring(kind.render(document))
            except etree.XMLSyntaxError as error:
                raise Found(f"{kind.name} is not well-formed: {error}") from error
            for link in root.iter("{*}link"):
                address = link.get("href") or link.text or ""
                if not address.startswith(("https://", "http://")):
                    raise Found(f"a link to {address!a} in {kind.name}")
    if "<script" in content(document.entries[0], "canonical").lower():
        raise Found("a script in the content")


def _feed(found: Record, policy: str) -> Feed:
    """A feed that shows one record."""
    root = "https://feeds.example.org"
    provider = found.provider
    labels = {slugs.slug(topic): topic for topic in found.topics}
    entry = Entry(
        id=found.id,
        version=b"1",
        source=lambda: encode_record(found),
        published=found.published or _MOMENT,
        updated=found.updated or found.published or _MOMENT,
        topics=tuple(Label(slug, name) for slug, name in labels.items()),
        kind=slugs.type_slug(found.type) if found.type else "",
    )
    for slug in (*labels, entry.kind, *((provider.key, provider.slug) if provider else ())):
        if not set(slug) <= _IN_SLUGS or slug in (".", ".."):
            raise Found(f"the segment {slug!a}")
    return Feed(
        id=f"{root}/rss.xml",
        title=found.title,
        name=found.title,
        description=found.title,
        page=f"{root}/",
        language="en",
        site="Example",
        icon=f"{root}/icon.png",
        root=root,
        policy=policy,
        links=(Link("self", f"{root}/rss.xml"),),
        alternates=(),
        entries=(entry,),
        updated=_MOMENT,
        modified=_MOMENT,
        ttl=300,
        total=1,
    )


# -- files -------------------------------------------------------------------


def originals() -> list[bytes]:
    """Files of the real shape to mutate: invented ones, our own, and one with every field."""
    chance = random.Random(1)  # noqa: S311 - no secret
    made = [records.text(chance, n, _MOMENT).encode() for n in range(20)]
    ours = [path.read_bytes() for path in sorted(SEEDS.rglob("*.md"))]
    full = test_parser.FULL.encode()
    return [*made, *ours, full, full.replace(b"\n", b"\r\n"), record(body="A *b*").encode()]


def mutated(chance: random.Random, sources: list[bytes]) -> bytes:
    """One of the sources with some of its bytes changed."""
    data = bytearray(chance.choice(sources))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        if chance.random() < 0.5:  # most bytes are of related coverage; the rest matters as much
            at = min(at, chance.randrange(900))
        match chance.randrange(6):
            case 0:
                data[at:at] = chance.choice(_PIECES)
            case 1:
                piece = chance.choice(_PIECES)
                data[at : at + len(piece)] = piece
            case 2:
                del data[at : at + chance.choice((1, 1, 2, 10, 200))]
            case 3:
                end = at + chance.randrange(200)
                data[at:at] = data[at:end]
            case 4:
                data[at:at] = chance.randbytes(chance.choice((1, 2, 4)))
            case _:  # a line of its own, taken from anywhere
                lines = chance.choice(sources).split(b"\n")
                there = data.find(b"\n", at) + 1
                data[there:there] = chance.choice(lines) + b"\n"
    return bytes(data)


class Fuzzing:
    """Counts what came of files, and keeps those that shouldn't have."""

    def __init__(self, keep: Path) -> None:
        self.keep = keep
        self.kinds: Counter[str] = Counter()
        self.found: dict[str, Path] = {}
        self.slowest = 0.0

    def try_(self, data: bytes) -> None:
        started = time.perf_counter()
        try:
            self.kinds[check(data)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it shouldn't be
            self._keep(data, error)
        self.slowest = max(self.slowest, time.perf_counter() - started)

    def _keep(self, data: bytes, error: Exception) -> None:
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
        what = f"{type(error).__name__} at {where}: {str(error)[:80]}"
        known = self.found.get(what)
        if known is not None and known.stat().st_size <= len(data):
            return
        path = self.keep / f"{hashlib.sha256(what.encode()).hexdigest()[:12]}.md"
        path.write_bytes(data)
        if known is None:
            click.echo(f"{what}\n    {path}", err=True)
        self.found[what] = path


def by_hypothesis(fuzzing: Fuzzing, seconds: float) -> None:
    """Strategies of the tests and mutations, in turns."""
    until = time.monotonic() + seconds
    sources = originals()
    turn = 0
    settings = hypothesis.settings(
        max_examples=_EXAMPLES,
        deadline=None,
        database=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    strategies: list[Any] = [
        test_related_block.files(),
        hypothesis.strategies.builds(
            lambda fields, body: record(body=body, **fields).encode("utf-8", "surrogatepass"),
            test_parser._FIELDS,  # noqa: SLF001 - they are ours
            hypothesis.strategies.text(),
        ),
    ]
    while time.monotonic() < until:
        strategy = strategies[turn % len(strategies)]
        _draw(settings, strategy, fuzzing, time.time_ns())
        chance = random.Random(time.time_ns())  # noqa: S311 - no secret
        end = time.monotonic() + _MUTATING
        while time.monotonic() < min(end, until):
            fuzzing.try_(mutated(chance, sources))
        turn += 1


def _draw(settings: Any, strategy: Any, fuzzing: Fuzzing, seed: int) -> None:
    def drawn(data: bytes) -> None:
        fuzzing.try_(data)

    decorate: Any = (hypothesis.seed, given)  # mypy sees no types in what they return
    with_seed, drawing = decorate
    settings(with_seed(seed)(drawing(strategy)(drawn)))()


def by_atheris(fuzzing: Fuzzing, seconds: float) -> None:
    """libFuzzer, from the same sources; ends the process."""
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        raise click.ClickException("atheris isn't installed; pip install atheris") from None
    for module in ("seeds", "cut", "frontmatter", "fields", "text", "links", "names"):
        _instrument(atheris, sys.modules[f"feeds.{module}"])
    corpus = fuzzing.keep / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(originals()):
        (corpus / f"{number}.md").write_bytes(data[:20_000])
    until = time.monotonic() + seconds

    def one(data: bytes) -> None:
        if time.monotonic() > until:  # libFuzzer ends without a word
            show(fuzzing)
            sys.stdout.flush()
            os._exit(bool(fuzzing.found))
        fuzzing.try_(data)

    options = ["-max_len=20000", "-timeout=10", "-verbosity=0"]
    atheris.Setup([sys.argv[0], str(corpus), *options], one, internal_libfuzzer=True)
    atheris.Fuzz()


def _instrument(atheris: Any, module: Any) -> None:
    for value in vars(module).values():
        if getattr(value, "__module__", "") != module.__name__:
            continue
        if isinstance(value, type):
            for name, member in list(vars(value).items()):
                if callable(member) and hasattr(member, "__code__"):
                    setattr(value, name, atheris.instrument_func(member))
        elif hasattr(value, "__code__"):
            atheris.instrument_func(value)


def show(fuzzing: Fuzzing) -> None:
    """What came of it all."""
    total = sum(fuzzing.kinds.values()) + len(fuzzing.found)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in fuzzing.kinds.most_common())
    click.echo(f"{total:,} files: {kinds}; the slowest took {fuzzing.slowest:.2f} s")
    for what, path in fuzzing.found.items():
        click.echo(f"{what}\n    {path}")
    click.echo(f"{len(fuzzing.found)} found" if fuzzing.found else "Nothing found")


ENGINES: Final[dict[str, Callable[[Fuzzing, float], None]]] = {
    "hypothesis": by_hypothesis,
    "atheris": by_atheris,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--minutes", default=5.0, show_default=True)
@click.option("--engine", type=click.Choice(list(ENGINES)), default="hypothesis", show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="Where what is found is kept.")
def main(minutes: float, engine: str, keep: Path | None) -> None:
    """Feed the reader of records whole files that nobody meant well."""
    where = keep or Path(tempfile.mkdtemp(prefix="feeds-fuzz-"))
    where.mkdir(parents=True, exist_ok=True)
    fuzzing = Fuzzing(where)
    ENGINES[engine](fuzzing, minutes * 60)
    show(fuzzing)
    sys.exit(1 if fuzzing.found else 0)


if __name__ == "__main__":
    main()
