"""Another site for tests: pages of its own at another origin on this machine."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Final

from tests.helpers.server import PATIENCE

OPEN: Final = {"Access-Control-Allow-Origin": "*"}


class Elsewhere:
    """Answers with what `put` gave it, 404 else; `close` it in the end."""

    def __init__(self) -> None:
        self._pages: dict[str, tuple[str, bytes, dict[str, str], Event | None]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.put("/favicon.ico", "", "image/x-icon")  # browsers ask for it

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(
        self,
        path: str,
        body: str,
        media_type: str = "text/html; charset=utf-8",
        headers: dict[str, str] | None = None,
        until: Event | None = None,
    ) -> str:
        """What is at a path, `until` the event not before; its URL."""
        self._pages[path] = (media_type, body.encode(), headers or {}, until)
        return self.url + path

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        found = self._pages.get(request.path)
        media_type, body, headers, until = found or ("text/plain", b"no\n", OPEN, None)
        if until is not None:
            until.wait(PATIENCE)
        try:
            request.send_response(200 if found else 404)
            for name, value in {"Content-Type": media_type, **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(body)
        except ConnectionError:
            pass  # the browser has left

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
