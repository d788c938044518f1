"""Small Hugo sites, and what is made of their pages."""

from datetime import UTC, datetime
from pathlib import Path

from feeds.records import front_formats
from feeds.records.front_formats import split_org
from feeds.records.profiles.hugo import HugoSite, find
from feeds.records.profiles.hugo_files import front_of
from feeds.records.profiles.page import Page

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PLAIN = 'baseURL = "https://harbour.example/"\n'


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def site(folder: Path, files: dict[str, str], config: str = PLAIN, name: str = "hugo.toml") -> Path:
    """A site of one configuration and files of content."""
    (folder / "content").mkdir(parents=True, exist_ok=True)
    return write(folder, {name: config} | {f"content/{path}": text for path, text in files.items()})


def post(*lines: str) -> str:
    return "\n".join(("---", *lines, "---", "The tide was low.", ""))


def pages(folder: Path, now: datetime = NOW) -> dict[str, Page | str]:
    """What becomes of each file of content: its page, or why it is passed over."""
    found = found_at(folder)
    made: dict[str, Page | str] = {}
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if file.is_file() and path.startswith("content/"):
            made[path.removeprefix("content/")] = page_of(found, file, path, now)
    return made


def page_of(found: HugoSite, file: Path, path: str, now: datetime = NOW) -> Page | str:
    if reason := found.passes_over(path):
        return reason
    source = file.read_text()
    if path.endswith(".org"):
        return found.page(path, *split_org(source), now)
    if source.startswith("+++"):
        body = front_formats.split_toml(source)[1]
    elif source.startswith("{"):
        body = front_formats.split_json(source)[1]
    else:
        body = source.split("---\n", 2)[-1]
    return found.page(path, front_of(source), body, now)


def found_at(folder: Path) -> HugoSite:
    found = find(folder)
    assert found is not None
    return found


def paths(folder: Path) -> dict[str, str]:
    """The addresses of all pages, without that of the site."""
    return {
        name: page.url.removeprefix("https://harbour.example")
        for name, page in pages(folder).items()
        if isinstance(page, Page)
    }


def hidden(folder: Path) -> dict[str, str]:
    """Why pages are hidden; empty for those that aren't."""
    return {
        name: page.hidden if isinstance(page, Page) else f"passed over: {page}"
        for name, page in pages(folder).items()
    }
