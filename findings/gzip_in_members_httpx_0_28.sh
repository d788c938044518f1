#!/usr/bin/env bash
# httpx 0.28.1 reads the first part of a gzip body that has several, and drops the rest without an error.
#
# One would guess: gzip is a series of members (RFC 1952 2.2), which "cat a.gz b.gz" makes, and the content coding
# is that format (RFC 9110 8.4.1.3). requests, aiohttp and Node's fetch read them all. What remains unread, with a
# Content-Length that doesn't fit, would at least be an error. And zstd, whose frames are such a series, too, is right
# in httpx.
#
# What happens: the decoder stops at the end of the first member, and the others are ignored: status 200, no error,
# half a feed. The same in streams (iter_bytes, iter_lines).
#
# Why it matters to feeds: servers of large archives join compressed parts, for an entry needn't be compressed
# again for each feed that has it. XML that ends in the middle is at least refused; JSON Lines, CSV and text aren't,
# and a first part that is a whole document is taken for all of it. A server has to compress its bodies as one
# member.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q httpx==0.28.1 zstandard==0.25.0 requests==2.34.2 aiohttp==3.14.5
cat >"$scratch/probe.py" <<'PYTHON'
import asyncio
import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

import aiohttp
import httpx
import requests
import zstandard

PARTS = [f'{{"id": "{number}"}}\n'.encode() * 50 for number in (1, 2, 3)]
BODIES = {
    "one member": ("gzip", gzip.compress(b"".join(PARTS))),
    "members": ("gzip", b"".join(map(gzip.compress, PARTS))),
    "frames": ("zstd", b"".join(map(zstandard.compress, PARTS))),
}

class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        coding, body = BODIES[self.path[1:].replace("%20", " ")]
        self.send_response(200)
        self.send_header("Content-Encoding", coding)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    log_message = lambda *_: None

server = HTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=server.serve_forever, daemon=True).start()

def stream(url):
    with httpx.stream("GET", url) as response:
        return b"".join(response.iter_bytes())

async def read(url):
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()

print(*(f"{name} {version(name)}" for name in ("httpx", "requests", "aiohttp", "zstandard")), sep=", ")
changed = False
for name, get, body, expected in (
    ("httpx", lambda url: httpx.get(url).raise_for_status().content, "one member", 3),
    ("httpx", lambda url: httpx.get(url).raise_for_status().content, "members", 1),
    ("httpx.stream", stream, "members", 1),
    ("httpx", lambda url: httpx.get(url).raise_for_status().content, "frames", 3),
    ("requests", lambda url: requests.get(url).content, "members", 3),
    ("aiohttp", lambda url: asyncio.run(read(url)), "members", 3),
):
    text = get(f"http://127.0.0.1:{server.server_port}/{body}")
    got = len(text) // len(PARTS[0])
    print(f"    {name:12} {body:10} {got} of 3 parts (expected {expected})")
    changed |= got != expected or text != b"".join(PARTS[:got])
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
