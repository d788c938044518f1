#!/usr/bin/env bash
# CacheControl 0.14.4 never asks with If-Modified-Since, unless the response has an ETag as well.
#
# One would guess: a cache for requests that implements "the caching algorithms in httplib2" stores a response with
# Last-Modified and asks with it later, as the RFC has it (RFC 9111 4.3.1); at the least if it has an age, too, for
# then it stores it anyway. requests-cache 1.3.3 does so in all cases.
#
# What happens: a response with Last-Modified alone isn't stored. One with max-age is, and is used that long; but
# what has become stale is thrown away, and fetched whole. With an ETag beside it, the same Last-Modified is sent.
#
# Why it matters to feeds: plain file servers (python -m http.server, and others that are told to drop ETags because
# several machines make them up) say Last-Modified alone. Each poll of a feed costs its whole body there, with a cache that
# was put in to prevent it. A server does well to send both.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q CacheControl==0.14.4 requests-cache==1.3.3
cat >"$scratch/probe.py" <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

import requests
from cachecontrol import CacheControl
from requests_cache import CachedSession

CHANGED_AT = "Mon, 06 May 2024 07:08:09 GMT"
LONG_AGO = {"Date": "Mon, 06 May 2024 08:00:00 GMT"}  # so what has an age is stale at once
FIELDS = {
    "/alone": {},
    "/revalidate": {"Cache-Control": "no-cache"},
    "/expired": LONG_AGO | {"Expires": "Mon, 06 May 2024 08:00:01 GMT"},
    "/fresh": {"Cache-Control": "max-age=60"},
    "/etag": {"Cache-Control": "no-cache", "ETag": '"one"'},
}
statuses = []

class Feed(BaseHTTPRequestHandler):
    def do_GET(self):
        statuses.append(304 if self.headers.get("If-Modified-Since") == CHANGED_AT else 200)
        body = b"feed" if statuses[-1] == 200 else b""
        self.send_response_only(statuses[-1])
        fields = {"Date": self.date_time_string(), "Last-Modified": CHANGED_AT, "Content-Length": str(len(body))}
        for name, value in (fields | FIELDS[self.path]).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    log_message = lambda *_: None

server = HTTPServer(("127.0.0.1", 0), Feed)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(*(f"{name} {version(name)}" for name in ("CacheControl", "requests-cache")), sep=", ")
changed = False
for path, expected, other in (  # what the server answered to three polls
    ("/alone", [200, 200, 200], [200]),
    ("/revalidate", [200, 200, 200], [200, 304, 304]),
    ("/expired", [200, 200, 200], [200, 304, 304]),
    ("/fresh", [200], [200]),
    ("/etag", [200, 304, 304], [200, 304, 304]),
):
    for name, session, wanted in (
        ("CacheControl", CacheControl(requests.Session()), expected),
        ("requests-cache", CachedSession(backend="memory", cache_control=True), other),
    ):
        statuses.clear()
        for _ in range(3):
            assert session.get(f"http://127.0.0.1:{server.server_port}{path}").text == "feed"
        print(f"    {path:11} {name:14} {statuses} (expected {wanted})")
        changed |= statuses != wanted
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
