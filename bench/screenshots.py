"""The pictures in docs/, made anew: `python -m bench.screenshots [FOLDER]`.

`feeds serve` in a fresh clone, as it comes, looked at by Debian's Chromium on a desktop and
a phone, in light and dark.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import sync_playwright

from bench.servers import HOST, PROJECT, free_port, python, running
from tests.helpers.browser import Window, launch
from tests.helpers.other_site import Elsewhere

DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
# Name, path, window, colour scheme.
SHOTS: Final = (
    ("home", "/", DESKTOP, "light"),
    ("home-dark", "/", DESKTOP, "dark"),
    ("home-phone", "/", PHONE, "light"),
    ("topic", "/topics/computer-vision/", DESKTOP, "dark"),
    ("topic-phone", "/topics/computer-vision/", PHONE, "light"),
    ("topic-phone-dark", "/topics/computer-vision/", PHONE, "dark"),
)
_SITE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Another site</title>
<meta name="viewport" content="width=device-width">
<style>body{{font:17px/1.5 Georgia,serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
main{{display:flex;gap:3rem}}aside{{flex:none}}feed-headlines{{--feeds-accent:#8a2d3b}}</style>
<h1>The harbour at a glance</h1><main><aside>
<iframe src="{feeds}/embed/?pictures=on" title="News" width="400" height="529"
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
        clone = Path(home) / "clone"
        command = [shutil.which("git") or "git", "clone", "-q", str(PROJECT), str(clone)]
        subprocess.run(command, check=True)
        variables = {"FEEDS_BIND": f"{HOST}:{port}", "PYTHONPATH": str(clone)}
        with running(python("feeds", "serve"), port, clone, variables):
            _take(f"http://{HOST}:{port}", folder)


def _take(root: str, folder: Path) -> None:
    site = Elsewhere()
    site.put("/", _SITE.format(feeds=root))
    shots = [*SHOTS, ("embed", "", {"width": 1100, "height": 720}, "light")]
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for name, address, viewport, scheme in shots:
                context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
                window = Window(context, (HOST,))
                window.page.goto(root + address if address else f"{site.url}/")
                window.page.wait_for_load_state("networkidle")
                path = folder / f"{name}.png"
                window.page.screenshot(path=path)
                with Image.open(path) as picture:  # with a palette, a third of the bytes
                    picture.convert("RGB").quantize(96).save(path, optimize=True)
                print(path)  # noqa: T201 - what was made
                context.close()
            browser.close()
    finally:
        site.close()


if __name__ == "__main__":
    main()
