"""A site in an object store: moto's S3 server, over HTTP; and where fsspec writes files."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final, NamedTuple

import brotli
import pytest
from flask import Flask

from feeds.export import manifest
from feeds.export.manifest import File, Manifest, ManifestError
from feeds.export.object_store import HEADERS, ObjectStore
from feeds.export.plan import SiteSelection
from feeds.export.writer import ExportError, Outcome, write
from tests.helpers import collection
from tests.helpers.server import (
    PATIENCE,
    PROJECT,
    ROOT,
    Answer,
    call,
    clean_environment,
    documents,
    feeds,
    free_port,
    load,
    until,
)
from tests.helpers.support import write as record
from tests.helpers.targets import Killed, Wrapped

pytestmark = pytest.mark.slow  # moto's server takes long to start
RSS: Final = SiteSelection(("page", "rss"), ("canonical",), ("everything", "topics", "site"))
FEEDS: Final = SiteSelection(("rss",), ("canonical",), ("everything", "topics"))


class S3(NamedTuple):
    """An S3 server."""

    port: int
    log: Path

    def ask(self, method: str, path: str, body: bytes = b"") -> Answer:
        """One request; the server takes any signature."""
        signed = {"Authorization": "AWS testing:testing"}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, signed)
            response = connection.getresponse()
            status = f"{response.status} {response.reason}"
            return Answer(status, sorted(response.getheaders()), response.read())
        finally:
            connection.close()

    def requests(self, method: str, bucket: str) -> list[str]:
        """The keys that were asked for by a method so far."""
        said = self.log.read_text()
        return re.findall(rf'"{method} /{bucket}/(\S+) HTTP', said)

    def put(self, bucket: str) -> list[str]:
        """The keys that were put so far, but for what publications know each other by."""
        hidden = f"{manifest.FOLDER}/"
        return sorted(key for key in self.requests("PUT", bucket) if not key.startswith(hidden))

    def journals(self, bucket: str) -> int:
        """How many journals are there."""
        listed = self.ask("GET", f"/{bucket}?list-type=2&prefix={manifest.FOLDER}/journal-")
        return listed.body.count(b"<Key>")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    home = tmp_path_factory.mktemp("s3")
    server = S3(free_port(), home / "log")
    with server.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(server.port)],
            env=clean_environment(home) | {"PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def answers() -> bool:
        assert process.poll() is None, server.log.read_text()
        try:
            return server.ask("GET", "/moto-api/").code == 200
        except ConnectionError:
            return False

    try:
        until(answers)
        yield server
    finally:
        process.terminate()
        process.wait(PATIENCE)


def credentials(server: S3) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A bucket of its own."""
    for name, value in credentials(s3).items():
        monkeypatch.setenv(name, value)
    name = "b-" + re.sub(r"[^a-z]+", "-", request.node.name.lower())[:50].strip("-")
    assert s3.ask("PUT", f"/{name}").code == 200
    return name


def noted(s3: S3, bucket: str, prefix: str = "") -> Manifest:
    return manifest.read(s3.ask("GET", f"/{bucket}/{prefix}{manifest.NAME}").body, "")


@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
def test_an_object_is_what_the_server_sends(s3: S3, bucket: str, app: Flask, coding: str) -> None:
    outcome = collection.publish(app, f"s3://{bucket}/news", RSS, coding)
    found = noted(s3, bucket, "news/")
    assert outcome == Outcome(len(found.files), len(found.files), 0)
    for path, file in found.files.items():
        asked = {} if coding == "identity" else {"Accept-Encoding": coding}
        sent = call(app.wsgi_app, "/" + path.removesuffix(manifest.INDEX), asked)
        there = s3.ask("GET", f"/{bucket}/news/{path}")
        if file.location:  # where the server redirects to
            assert (there.code, sent.get("Location")) == (200, file.location)
            continue
        assert (there.code, there.body) == (200, sent.body)
        for header in ("Content-Type", "Content-Encoding", "Cache-Control"):
            assert there.get(header) == sent.get(header), (path, header)
        assert file.etag == sent.get("ETag")
    body = s3.ask("GET", f"/{bucket}/news/rss.xml").body
    decode: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "br": brotli.decompress}
    assert decode.get(coding, bytes)(body).startswith(b"<?xml")
    assert s3.requests("PUT", bucket)[-1] == f"news/{manifest.NAME}"
    about = s3.ask("HEAD", f"/{bucket}/news/{manifest.NAME}")
    assert (about.get("Content-Type"), about.get("Cache-Control")) == (
        "application/json",
        "no-cache",
    )


def test_only_what_changed_is_uploaded_and_what_is_gone_removed(
    s3: S3, bucket: str, app: Flask, records: Path
) -> None:
    asked = RSS._replace(formats=("rss",), scopes=("everything", "topics"))
    url = f"s3://{bucket}"
    assert collection.publish(app, url, asked) == Outcome(4, 4, 0)
    first, before = s3.put(bucket), noted(s3, bucket)
    puts = len(s3.requests("PUT", bucket))
    assert collection.publish(app, url, asked) == Outcome(4, 0, 0)
    assert len(s3.requests("PUT", bucket)) == puts  # not even the manifest
    assert s3.ask("PUT", f"/{bucket}/mine.txt", b"mine").code == 200
    record(
        records, "c.md", title="Another", topics=["AI"], publishedDateTime="2024-03-09T00:00:00Z"
    )
    (records / "a.md").unlink()  # of which alone C++ is a topic
    load(app, records)
    assert collection.publish(app, url, asked) == Outcome(4, 3, 0)
    empty = "topics/c-plus-plus/rss.xml"
    assert s3.put(bucket) == sorted([*first, "mine.txt", "rss.xml", "topics/ai/rss.xml", empty])
    assert b"<item>" not in s3.ask("GET", f"/{bucket}/{empty}").body
    record(records, "e.md", removed=True, topics=["Ünïcode"])  # of which alone it is a topic
    load(app, records)
    assert collection.publish(app, url, asked).removed == 1
    after = noted(s3, bucket)
    assert before.files.keys() - after.files.keys() == {"topics/unicode/rss.xml"}
    assert s3.ask("GET", f"/{bucket}/topics/unicode/rss.xml").code == 404
    assert s3.ask("GET", f"/{bucket}/mine.txt").body == b"mine"
    assert collection.publish(app, url, asked, "gzip") == Outcome(3, 3, 0)
    assert s3.ask("GET", f"/{bucket}/rss.xml").get("Content-Encoding") == "gzip"


def test_what_was_uploaded_before_it_failed_is_not_uploaded_again(
    s3: S3, bucket: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, left = documents(app).renderer.render, [8]

    def fails(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return made(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "batch", 2)
        patched.setattr(documents(app).renderer, "render", fails)
        with pytest.raises(KeyboardInterrupt):
            collection.publish(app, f"s3://{bucket}", RSS)
    kept = {path for path, file in noted(s3, bucket).files.items() if file.etag}
    assert len(kept) >= 4
    assert sorted(kept) == s3.put(bucket)
    assert s3.journals(bucket) == 0
    outcome = collection.publish(app, f"s3://{bucket}", RSS)
    assert outcome.written == outcome.documents - len(kept)
    assert len(s3.put(bucket)) == outcome.documents


def test_objects_of_a_publication_that_was_killed_do_not_stay(
    s3: S3, bucket: str, app: Flask, records: Path
) -> None:
    """Although the manifest says that what is wanted again is there."""
    url = f"s3://{bucket}"
    collection.publish(app, url, FEEDS)

    def objects() -> dict[str, bytes]:
        return {path: s3.ask("GET", f"/{bucket}/{path}").body for path in before.files}

    before = noted(s3, bucket)
    right = objects()
    target: Any = Wrapped(ObjectStore(url), 3)  # a journal and two of the objects in it
    with pytest.raises(Killed):
        write(target, documents(collection.site(records, title="Another")), FEEDS)
    assert sum(body != right[path] for path, body in objects().items()) >= 2
    assert s3.journals(bucket) == 1
    assert collection.publish(app, url, FEEDS) == Outcome(4, 4, 0)
    assert objects() == right
    assert s3.journals(bucket) == 0
    assert collection.publish(app, url, FEEDS) == Outcome(4, 0, 0)


@pytest.mark.parametrize("text", [b"../x\n", b"topics/\xff/rss.xml\n"])
def test_a_strange_journal_stops_it(s3: S3, bucket: str, app: Flask, text: bytes) -> None:
    collection.publish(app, f"s3://{bucket}", FEEDS)
    s3.ask("PUT", f"/{bucket}/.feeds/journal-x", text)
    with pytest.raises(ManifestError, match=f"s3://{bucket}/.feeds/journal-x is no journal"):
        collection.publish(app, f"s3://{bucket}", FEEDS)


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_no_password_of_a_url_is_told(records: Path, tmp_path: Path, coding: str) -> None:
    settings = {"FEEDS_SEEDS": str(records), "FEEDS_BASE_URL": ROOT, "FEEDS_PARAMETERS": "off"}
    url = "memory://user:secret@host/x"
    done = feeds("publish", url, "--coding", coding, cwd=tmp_path, **settings)
    assert done.returncode == (0 if coding == "identity" else 2)
    assert "memory://user:***@host/x: " in done.stdout + done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_the_command_publishes(s3: S3, bucket: str, records: Path, tmp_path: Path) -> None:
    settings = {"FEEDS_SEEDS": str(records), "FEEDS_BASE_URL": ROOT, "FEEDS_PARAMETERS": "off"}
    wanted = ("--formats", "rss", "--scopes", "everything", "--coding", "gzip", "--links", "all")
    url = f"s3://{bucket}/x"
    done = feeds("publish", url, *wanted, cwd=tmp_path, **settings, **credentials(s3))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"{url}: 4 documents: 4 files written, 0 removed"
    assert gzip.decompress(s3.ask("GET", f"/{bucket}/x/amp/rss.xml").body).startswith(b"<?xml")


# -- what goes wrong --------------------------------------------------------------


def test_a_bucket_that_is_not_there_is_named(bucket: str, app: Flask) -> None:
    assert bucket  # there is a server
    with pytest.raises(ExportError, match=r"s3://no-such-bucket can't be written .*not exist"):
        collection.publish(app, "s3://no-such-bucket", RSS)


def test_a_server_that_is_away_is_named(
    bucket: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ExportError, match=rf"s3://{bucket} can't be read: "):
        collection.publish(app, f"s3://{bucket}", RSS)


def test_who_may_not_write_is_told(
    bucket: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    async def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(s3fs.S3FileSystem, "_pipe_file", refuse)
    with pytest.raises(ExportError, match=r"\.json\): Access Denied; who is asking may not$"):
        collection.publish(app, f"s3://{bucket}", RSS)


def test_an_unknown_protocol_says_which_there_are(app: Flask) -> None:
    with pytest.raises(ExportError, match=r"Protocol not known: ssss; there are s3://, .*gs://"):
        collection.publish(app, "ssss://x", RSS)


@pytest.mark.parametrize(
    ("url", "packages", "module"),
    [
        ("s3://x", "s3fs", "s3fs"),
        ("gs://x", "gcsfs", "gcsfs"),
        ("az://x", "adlfs", "adlfs"),
        ("sftp://u:secret@h/x", "'fsspec>=2026.9' paramiko", "paramiko"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, records: Path, url: str, packages: str, module: str
) -> None:
    """In a process in which the module can't be imported."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    done = feeds(
        "publish",
        url,
        cwd=tmp_path,
        FEEDS_SEEDS=str(records),
        FEEDS_BASE_URL=ROOT,
        FEEDS_PARAMETERS="off",
        PYTHONPATH=f"{tmp_path}:{PROJECT}",
    )
    assert done.returncode == 2
    assert done.stderr.endswith(f"is missing; pip install {packages}\n")
    assert "secret" not in done.stderr + done.stdout


# -- elsewhere --------------------------------------------------------------------


def test_a_file_url_names_a_folder_of_this_machine(tmp_path: Path) -> None:
    for url in ("file://localhost/site", "file://site", "local://site"):
        with pytest.raises(ExportError, match=rf"^{url} names a host; file:///site is a folder"):
            ObjectStore(url)
    assert ObjectStore(f"file://{tmp_path}")._root == str(tmp_path)


def test_where_fsspec_writes_files_each_is_there_at_once(app: Flask, tmp_path: Path) -> None:
    outcome = collection.publish(app, f"file://{tmp_path}/published", RSS)
    collection.export(app, tmp_path / "exported", RSS)

    def files(folder: Path) -> dict[str, bytes]:
        found = {str(p.relative_to(folder)): p for p in folder.rglob("*.*") if p.is_file()}
        return {name: p.read_bytes() for name, p in found.items() if not name.startswith(".")}

    assert files(tmp_path / "published") == files(tmp_path / "exported")
    assert len(list((tmp_path / "published" / ".feeds").iterdir())) == 1
    assert collection.publish(app, f"file://{tmp_path}/published", RSS).written == 0
    assert outcome.written == outcome.documents


def test_files_without_headers_have_no_coding(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="files there have no Content-Encoding, so they can't"):
        collection.publish(app, f"file://{tmp_path}/published", RSS, "gzip")
    assert not (tmp_path / "published").exists()


def test_google_is_told_the_headers_in_its_way() -> None:
    file = File("text/css", '"x"', 1, "", "no-cache", coding="gzip")
    fixed = {"cache_control": "no-cache", "content_encoding": "gzip"}
    assert HEADERS["gcs"](file) == {"content_type": "text/css", "fixed_key_metadata": fixed}
    assert json.dumps(HEADERS["s3"](file)) == (
        '{"ContentType": "text/css", "CacheControl": "no-cache", "ContentEncoding": "gzip"}'
    )
