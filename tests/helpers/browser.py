"""Real Chromium for tests: windows that may say nothing and ask nobody else for anything."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    Request,
    Route,
    expect,
)

from tests.helpers.server import PATIENCE, program

ARGUMENTS: Final = (
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What every picture on another host is.
PICTURE: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="620" height="372">'
    b'<rect width="620" height="372" fill="#8fa3ad"/></svg>'
)


def launch(playwright: Playwright) -> Browser:
    """Debian's Chromium, headless."""
    path = program("chromium")
    expect.set_options(timeout=PATIENCE * 1000)
    return playwright.chromium.launch(
        executable_path=path, args=[*ARGUMENTS], timeout=PATIENCE * 1000
    )


@dataclass
class Window:
    """A browser profile of its own with one page, and what went wrong in it.

    `complaints` are console messages, script errors, requests that failed and
    requests to other hosts that are no pictures. Pictures on other hosts are
    stubs.
    """

    context: BrowserContext
    local: Collection[str]
    expected: str = ""  # a pattern of complaints that a test is about
    complaints: list[str] = field(default_factory=list)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE * 1000)
        # A pattern, not a function: the requests to others alone wait for this process.
        local = "|".join(map(re.escape, self.local))
        others = re.compile(rf"^https?://(?!(?:{local})(?::\d+)?(?:/|$))")
        self.context.route(others, self._elsewhere)
        self.context.on("console", lambda message: self._note(f"{message.type}: {message.text}"))
        self.context.on("weberror", lambda error: self._note(f"error: {error.error}"))
        self.context.on("requestfailed", self._failed)
        self.page = self.context.new_page()

    def _elsewhere(self, route: Route) -> None:
        request = route.request
        if request.resource_type == "image":
            route.fulfill(body=PICTURE, content_type="image/svg+xml")
            return
        self._note(f"{request.resource_type} on another host: {request.url}")
        route.abort()

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # it left the page
            self._note(f"failed: {request.url}: {request.failure}")

    def _note(self, complaint: str) -> None:
        if not (self.expected and re.search(self.expected, complaint)):
            self.complaints.append(complaint)

    def close(self) -> None:
        """Fails when anything went wrong in the window."""
        self.context.close()
        assert self.complaints == []


@dataclass
class Windows:
    """Opens windows; all of them are looked at and closed in the end."""

    browser: Browser
    opened: list[Window] = field(default_factory=list)

    def __call__(
        self,
        *,
        dark: bool = False,
        width: int = 1280,
        height: int = 900,
        scripts: bool = True,
        local: Collection[str] = ("127.0.0.1",),
        expected: str = "",
        **more: Any,
    ) -> Page:
        """A page in a new window. `local` are the hosts that aren't stubs; `more` is
        Playwright's `new_context`.
        """
        context = self.browser.new_context(
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            java_script_enabled=scripts,
            **more,
        )
        self.opened.append(Window(context, local, expected))
        return self.opened[-1].page

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


OpenWindow = Callable[..., Page]
