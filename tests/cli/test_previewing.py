from pathlib import Path
from typing import Any

import pytest

from feeds.config import Config
from feeds.rendering.formats import FORMATS
from tests.cli.test_commands import run
from tests.helpers.server import application, documents
from tests.helpers.support import write

FULL: dict[str, Any] = {
    "topics": ["C++", "AI & Sea"],
    "provider": {"name": "Times", "domain": "times.example.com"},
    "images": [{"url": "https://news.example.com/a.jpg"}],
    "type": "article",
    "body": "Some *text*.",
}


def test_a_preview_is_what_stands_in_the_feeds() -> None:
    file = write(Path("seeds/news"), "a.md", **FULL)
    result = run("preview", str(file))
    assert (result.exit_code, result.stderr) == (0, "")
    app = application(Path("seeds"), base_url=Config().root)
    printed = []
    for kind in FORMATS.values():
        store = documents(app)
        body = store.document(store.addresses.feed(f"/{kind.file}", {})).body.decode()
        one = run("preview", str(file), "--format", kind.name).stdout
        assert one.removesuffix("\n") in body
        assert one.startswith(("<item>", "<entry>", '{"id":'))
        printed.append(f"{kind.label}:\n{one}")
    assert result.stdout == "".join(printed)


def test_a_file_elsewhere_is_previewed_as_one_of_the_tools_folder_it_is_in() -> None:
    posts = Path("blog/_posts")
    posts.mkdir(parents=True)
    Path("blog/_config.yml").write_text("url: https://blog.example.com\n")
    (posts / "2024-05-06-a-post.md").write_text("---\ntitle: A post\n---\nText\n")
    (posts / "2024-05-07-other.md").write_text("---\ntitle: Not this\n---\nText\n")
    result = run("preview", "blog/_posts/2024-05-06-a-post.md", "--format", "rss")
    assert "<link>https://blog.example.com/2024/05/06/a-post.html</link>" in result.stdout
    assert "Not this" not in result.stdout


@pytest.mark.parametrize(
    ("name", "text", "output"),
    [
        ("a.md", "---\ntitle: A\ndraft: true\n---\n", "a.md is hidden because: draft\n"),
        (
            "a.md",
            "---\ntitle: A\nwebUrl: https://example.com/\npublishedDateTime: 2100-01-01\n---\n",
            "a.md is hidden because: dated in the future, until 2100-01-01T00:00:00Z\n",
        ),
        ("a.md", "text\n", "a.md is no record and passed over\n"),
        (".a.md", "---\ntitle: A\n---\n", ".a.md is no record and passed over\n"),
        (
            "a.md",
            "---\ntitle: A\n---\n",
            "is missing; every record needs a webUrl or an originalUrl (https://...)\n",
        ),
    ],
)
def test_a_file_without_an_entry_says_why(name: str, text: str, output: str) -> None:
    Path(name).write_text(text)
    result = run("preview", name)
    assert result.exit_code == 1
    assert result.output.endswith(output)


def test_notes_stand_beside_the_entry() -> None:
    file = write(Path("seeds"), "a.md", heat="hot")
    result = run("preview", str(file), "--format", "json")
    assert result.exit_code == 0
    assert "a.md:6: heat: is not a number" in result.stderr
    assert result.stdout.startswith("{")
