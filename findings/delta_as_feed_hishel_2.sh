#!/usr/bin/env bash
# hishel 2.0.0 gives what changed (226) to who asks for the whole feed, though it asks the server first.
#
# One would guess: a 226 with an age and "Vary: A-IM, If-None-Match" may be stored, and serves only
# requests for the same delta; a plain GET goes to the server and gets 200, as with requests-cache 1.3.3.
#
# What happens: hishel, with rfc=True, stores it. For the plain GET, Vary rules it out, but its ETag may
# still be asked about (RFC 9111 4.3.1). The ETag of a 226 is by RFC 3229 that of the whole feed as it is
# now: the server says 304, and the stored delta is handed on as what the plain GET asked for. RFC 3229
# relied on caches not storing what they don't understand (RFC 2616 6.1.1), which RFC 9111 gave up.
# Without rfc=True, new in 2.0.0, not even "Vary" or "no-store" counts: the first body is kept.
#
# Why it matters to feeds: who subscribes behind such a cache gets a feed of the one entry that changed
# last, and no age or Vary of the server prevents it. The cure is "no-store" with every 226.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q hishel==2.0.0 httpx==0.28.1 requests-cache==1.3.3
cd "$scratch"
cat >probe.py <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from hishel import SqliteStorage
from hishel.httpx import CacheClient
from requests_cache import CachedSession

class Feed(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers.get("If-None-Match", "")
        delta = self.headers.get("A-IM") == "feed" and known == '"old"'
        status = 226 if delta else 304 if known == '"new"' else 200
        body = {226: b"delta", 304: b"", 200: b"whole feed"}[status]
        age = "no-store" if delta and "no-store" in self.path else "max-age=60"
        self.send_response(status)
        fields = {"ETag": '"new"', "Vary": "A-IM, If-None-Match", "Cache-Control": age, "Content-Length": len(body)}
        for name, value in (fields | ({"IM": "feed"} if delta else {})).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    log_message = lambda *_: None

server = HTTPServer(("127.0.0.1", 0), Feed)
threading.Thread(target=server.serve_forever, daemon=True).start()
CLIENTS = [  # a client; what a plain GET gets after a 226 with an age, and after one with no-store
    ("hishel, rfc=True", CacheClient(rfc=True, storage=SqliteStorage(database_path="rfc.db")), "delta", "whole feed"),
    ("hishel", CacheClient(storage=SqliteStorage(database_path="plain.db")), "delta", "delta"),
    ("requests-cache", CachedSession(backend="memory", cache_control=True), "whole feed", "whole feed"),
]
print(*(f"{name} {version(name)}" for name in ("hishel", "requests-cache")), sep=", ")
changed = False
for name, client, *expected in CLIENTS:
    for path, body in zip(("max-age", "no-store"), expected):
        url = f"http://127.0.0.1:{server.server_port}/{path}"
        assert client.get(url, headers={"A-IM": "feed", "If-None-Match": '"old"'}).status_code == 226
        got = client.get(url)
        print(f"    {name:17} 226 with {path}, then a plain GET: {got.status_code} {got.text!r} (expected {body!r})")
        changed |= got.text != body
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" probe.py
