"""The pictures in docs/, made anew: `python -m bench.screenshots [FOLDER]`.

`feeds serve` over seeds/, looked at by Debian's Chromium on a desktop and a
phone, in light and dark. Pictures of other hosts are drawn stand-ins.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from bench.servers import HOST, PROJECT, free_port, python, running
from tests.helpers.browser import Window, launch
from tests.helpers.other_site import Elsewhere

DESKTOP: Final = {"width": 1120, "height": 740}
PHONE: Final = {"width": 390, "height": 740}
# Name, path, window, colour scheme.
SHOTS: Final = (
    ("home", "/", DESKTOP, "light"),
    ("home-phone", "/", PHONE, "light"),
    ("topic", "/topics/ai/", DESKTOP, "dark"),
    ("topic-phone", "/topics/ai/", PHONE, "dark"),
)
_SITE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Another site</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:17px/1.5 Georgia,serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
main{{display:flex;gap:3rem}}aside{{flex:none}}feed-headlines{{--feeds-accent:#8a2d3b}}</style>
<h1>The harbour at a glance</h1><main><aside>
<iframe src="{feeds}/embed/" title="News" width="400" height="440"
  style="border:0;max-width:100%"></iframe></aside>
<div><h2>Read elsewhere</h2><script src="{feeds}/static/headlines.js" defer></script>
<feed-headlines src="{feeds}/topics/ai/feed.json" count="5"></feed-headlines></div></main>"""


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.screenshots")
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "docs")
    folder: Path = parser.parse_args().folder
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        variables = {
            "FEEDS_SEEDS": str(PROJECT / "seeds"),
            "FEEDS_DATABASE_URL": f"sqlite:///{home}/feeds.db",
            "FEEDS_BIND": f"{HOST}:{port}",
            "FEEDS_BASE_URL": "https://feeds.example.org",
        }
        with running(python("feeds", "serve"), port, Path(home), variables):
            _take(f"http://{HOST}:{port}", folder)


def _take(root: str, folder: Path) -> None:
    site = Elsewhere()
    site.put("/", _SITE.format(feeds=root))
    shots = [*SHOTS, ("embed", "", {"width": 1100, "height": 630}, "light")]
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for name, path, viewport, scheme in shots:
                context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
                window = Window(context, (HOST,))
                window.page.goto(root + path if path else f"{site.url}/")
                window.page.wait_for_load_state("networkidle")
                window.page.screenshot(path=folder / f"{name}.png")
                print(folder / f"{name}.png")  # noqa: T201 - what was made
                context.close()
            browser.close()
    finally:
        site.close()


if __name__ == "__main__":
    main()
