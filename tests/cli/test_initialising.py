import re
import tomllib
from pathlib import Path

import pytest

import feeds.config
from feeds.config import Config
from tests.cli.test_commands import run
from tests.helpers.support import write


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEEDS_DATABASE_URL")


def jekyll(folder: Path) -> Path:
    (folder / "_posts").mkdir(parents=True)
    (folder / "_config.yml").write_text(
        'url: https://mill.example.com\ntitle: The "Mill"\ndescription: Of a mill\n'
    )
    posts = {
        "2024-01-02-ferries.md": "title: Ferries\ntags: [Sea, C++]",
        "2024-01-01-boats.md": "title: Boats",
        "2023-01-01-old.md": "title: Old",
        "2022-01-01-older.md": "title: Older",
        "2024-01-03-draft.md": "title: D\ndraft: true",
        "2100-01-03-late.md": "title: Late",
        "2024-01-04-bad.md": "title: [",
    }
    for name, front in posts.items():
        (folder / "_posts" / name).write_text(f"---\n{front}\n---\nText\n")
    return folder


JEKYLL = """\
# Written by feeds init. feeds config prints the settings in force.
# The folder is of Jekyll, as {folder}/_config.yml shows:
# 4 public (0 merged), 2 hidden (1 dated in the future, 1 draft), 1 left out, 1 not a record
# feeds check says which files are hidden or left out, and why.

seeds = "blog"

# The public address of the feeds, once they have one:
# base_url = "https://feeds.example.org"

# The title of the feeds, what they are about, their language:
# title = "The \\"Mill\\""  # as Jekyll's configuration says
# description = "Of a mill"  # as Jekyll's configuration says
# language = "en"

[records]
profile = "jekyll"
# The site is https://mill.example.com, as Jekyll's configuration says.
# Addresses of pages whose files name none: /:categories/:year/:month/:day/:title:output_ext
# timezone = "UTC"
# ids = "site"
# future = "hold"

# The newest entries, as they will look:
#
# Ferries
#   link: https://mill.example.com/2024/01/02/ferries.html
#   date: 2024-01-02T00:00:00Z
#   id: https://mill.example.com/2024/01/02/ferries
#   topics: Sea, C++
#
# Boats
#   link: https://mill.example.com/2024/01/01/boats.html
#   date: 2024-01-01T00:00:00Z
#   id: https://mill.example.com/2024/01/01/boats
#   topics: none
#
# Old
#   link: https://mill.example.com/2023/01/01/old.html
#   date: 2023-01-01T00:00:00Z
#   id: https://mill.example.com/2023/01/01/old
#   topics: none
"""


def uncommented(text: str) -> str:
    """A file with all settings that it has as comments."""
    return re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)


def test_a_folder_gets_a_file_that_serves_it() -> None:
    folder = jekyll(Path("blog"))
    shown = run("init", "blog", "--print")
    assert shown.stdout == JEKYLL.format(folder=folder.absolute())
    assert not Path("feeds.toml").exists()
    assert run("init", "blog").stdout == (
        "blog (Jekyll, https://mill.example.com, UTC): 4 public (0 merged), 2 hidden (1 dated in "
        "the future, 1 draft), 1 left out, 1 not a record\n"
        "feeds.toml is written; feeds serve serves the folder\n"
    )
    assert Path("feeds.toml").read_text() == shown.stdout
    config = feeds.config.read()
    assert (config.seeds, config.profile, config.records) == (folder, "jekyll", {})
    assert config.left_to_site == {"title", "description", "language"}
    counts = "blog (Jekyll, https://mill.example.com, UTC): 4 public (0 merged), 2 hidden"
    assert counts in run("check").stdout
    Path("feeds.toml").write_text(uncommented(shown.stdout))
    config = feeds.config.read()
    assert (config.title, config.base_url) == ('The "Mill"', "https://feeds.example.org")


def test_a_file_that_is_there_is_replaced_by_force_alone() -> None:
    write(Path("seeds"), "a.md")
    Path("feeds.toml").write_text("no TOML")
    result = run("init")
    assert result.exit_code == 2
    assert result.stderr == (
        "feeds: feeds.toml is there already; --force replaces it, --print shows another\n"
    )
    assert Path("feeds.toml").read_text() == "no TOML"
    assert run("init", "--force").exit_code == 0
    assert feeds.config.read() == Config(
        records={}, profile="auto", sources={"seeds": "feeds.toml", "profile": "feeds.toml"}
    )


def test_what_it_cannot_know_is_a_line_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("blog").mkdir()
    Path("blog/eleventy.config.js").touch()
    Path("blog/a.md").write_text("---\ntitle: A\ntags: post\ndate: 2024-01-01\n---\n")
    text = run("init", "blog", "--print").stdout
    assert "0 public (0 merged), 0 hidden, 1 left out" in text
    assert (
        "# Remove the # and write the address of the site: pages have none without it.\n"
        '# site = "https://example.org"\n'
    ) in text
    assert text.endswith("\n# There are no entries.\n")
    assert run("init", "blog").stdout.splitlines()[1] == (
        "feeds.toml is written; write the address of your site into it (site), then feeds serve"
    )
    Path("feeds.toml").write_text(uncommented(text))
    assert "1 public" in run("check").stdout
    monkeypatch.setenv("FEEDS_SITE", "https://mill.example.com")
    monkeypatch.setenv("FEEDS_TITLE", "Ours")
    text = run("init", "blog", "--print").stdout
    assert tomllib.loads(text) == {
        "seeds": "blog",
        "title": "Ours",
        "records": {"profile": "eleventy", "site": "https://mill.example.com"},
    }
    assert "#   link: https://mill.example.com/a/\n" in text


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        (
            {"hugo.toml": "baseURL='https://a.example'\n[permalinks]\npost='/:year/:slug/'\n",
             "content/post/a.md": "---\ntitle: A\n---\n"},
            ["The folder is of Hugo, as {folder}/hugo.toml shows:",
             ("Addresses of pages whose files name none: "
             "post: /:year/:slug/, /:sections/:slugorcontentbasename/")],
        ),
        (
            {".obsidian/app.json": "{}", "a.md": "---\npublish: true\n---\nText\n"},
            ["The folder is of Obsidian, as {folder}/.obsidian shows:",
             "Addresses of pages whose files name none: /PATH"],
        ),
        (
            {"a.md": "---\ntitle: A\nlink: https://a.example/\n---\n"},
            ["The folder is of our own form, or links:",
             ("Addresses of pages whose files name none: "
             "webUrl, originalUrl, link or url of each record"),
             "  date: none"],
        ),
    ],
)  # fmt: skip
def test_it_says_whose_folder_it_is(files: dict[str, str], lines: list[str]) -> None:
    for name, text in files.items():
        (Path("blog") / name).parent.mkdir(parents=True, exist_ok=True)
        (Path("blog") / name).write_text(text)
    text = run("init", "blog", "--print").stdout
    for line in lines:
        assert f"# {line.format(folder=Path('blog').absolute())}\n" in text


@pytest.mark.parametrize("name", ['a "b" \\ c', "a\x7fb", "é", "a\nb", "a  b", "~nobody"])
def test_every_name_of_a_folder_is_written_so_that_it_is_read_again_or_refused(name: str) -> None:
    write(Path(name), "a.md")
    result = run("init", f"./{name}")
    if result.exit_code:
        assert "rename the folder" in result.stderr
        assert not Path("feeds.toml").exists()
    else:
        assert feeds.config.read().seeds.samefile(name)


def test_nothing_a_record_says_is_more_than_a_comment() -> None:
    write(Path("seeds"), "a.md", title="a\nseeds = 1", topics=["b\u2028c = 1", "\x00"])
    assert run("init").exit_code == 0
    assert tomllib.loads(Path("feeds.toml").read_text()) == {
        "seeds": "seeds",
        "records": {"profile": "auto"},
    }
