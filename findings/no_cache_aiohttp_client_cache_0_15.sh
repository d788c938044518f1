#!/usr/bin/env bash
# aiohttp-client-cache 0.15.0, told to follow Cache-Control, never asks again for what is marked "no-cache".
#
# One would guess: with cache_control=True "no-cache" of a response means what it does in HTTP (RFC 9111 5.2.2.4):
# it may be stored, and isn't used before the server confirmed it; "Vary: Accept" keeps answers to different Accept
# fields apart. requests-cache 1.3.3, of which this is the port to aiohttp, does both.
#
# What happens: of responses only max-age, Expires and no-store count. One with "no-cache" has no age, so it never
# expires: it is asked for once. There are no conditional requests: what expired is fetched whole, though its ETag
# is stored. Vary isn't read, so who asks for Atom gets the RSS that was asked for first.
#
# Why it matters to feeds: "no-cache" with an ETag is the careful header for a feed, which costs a 304 for each
# poll; here it is the one that stops the feed. A server that means "always new" is on the safe side with
# max-age=0, or better a short age; whoever reads with this cache passes expire_after.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q aiohttp-client-cache==0.15.0 aiohttp==3.14.5 requests-cache==1.3.3
cat >"$scratch/probe.py" <<'PYTHON'
import asyncio
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from aiohttp_client_cache import CacheBackend, CachedSession as AsyncSession
from requests_cache import CachedSession

ACCEPT = [{"Accept": "application/rss+xml"}, {"Accept": "application/atom+xml"}]
asked = []

class Feed(BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.headers.get("If-None-Match"))
        known = asked[-1] == '"one"'
        body = b"" if known else self.headers["Accept"].encode()
        self.send_response(304 if known else 200)
        age = {"/no-cache": "no-cache", "/no-store": "no-store", "/zero": "max-age=0", "/vary": "max-age=60"}[self.path]
        for name, value in {"ETag": '"one"', "Cache-Control": age, "Vary": "Accept", "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    log_message = lambda *_: None

server = HTTPServer(("127.0.0.1", 0), Feed)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"http://127.0.0.1:{server.server_port}"

async def with_aiohttp(urls, fields):
    async with AsyncSession(cache=CacheBackend(cache_control=True)) as session:
        for url, field in zip(urls, fields):
            async with session.get(url, headers=field) as response:
                text = await response.text()
    return text

def with_requests(urls, fields):
    session = CachedSession(backend="memory", cache_control=True)
    return [session.get(url, headers=field) for url, field in zip(urls, fields)][-1].text

print(*(f"{name} {version(name)}" for name in ("aiohttp-client-cache", "requests-cache")), sep=", ")
changed = False
RSS, ATOM = (fields["Accept"] for fields in ACCEPT)
for path, fields, requests, aiohttp in (  # what is asked of the server (If-None-Match), and the second body
    ("/no-cache", ACCEPT[:1] * 2, ([None, '"one"'], RSS), ([None], RSS)),
    ("/zero", ACCEPT[:1] * 2, ([None, '"one"'], RSS), ([None, None], RSS)),
    ("/no-store", ACCEPT[:1] * 2, ([None, None], RSS), ([None, None], RSS)),
    ("/vary", ACCEPT, ([None, None], ATOM), ([None], RSS)),
):
    for name, client, expected in (
        ("requests-cache", with_requests, requests),
        ("aiohttp-client-cache", lambda *args: asyncio.run(with_aiohttp(*args)), aiohttp),
    ):
        asked.clear()
        text = client([host + path] * 2, fields)
        got = (list(asked), text)
        print(f"    {path:9} {name:20} {got} (expected {expected})")
        changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
