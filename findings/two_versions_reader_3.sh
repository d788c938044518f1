#!/usr/bin/env bash
# reader 3.26 swaps an entry for its older version and back at every update, if a feed has both versions.
#
# One would guess: entries with the same id are one entry (RFC 4287 4.1.1, which allows several versions in
# one document and expects readers to show the latest), so reader keeps the one with the latest "updated",
# and a feed that doesn't change has no modified entries.
#
# What happens: the first update says "2 new" and keeps the version that stands first, old or new. From then
# on each update, of the same bytes, finds that one of the two differs from what is stored, and stores it:
# "1 modified" for ever, and the entry is the old one and the new one in turn.
#
# Why it matters to feeds: who sends mail or posts on modified entries does so at each poll, and half of the
# time people read what was corrected since. Histories of edits in Atom (wikis, issue trackers) are of that
# form. A server does well to have each id once in a document; a planet that merges feeds must see to it.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q reader==3.26 sgmllib3k==1.0.0
cat >"$scratch/probe.py" <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

from reader import make_reader

HEAD = """<feed xmlns="http://www.w3.org/2005/Atom"><title>Labs</title><id>tag:example.com,2024:f</id>
<updated>2024-05-07T07:08:09Z</updated><author><name>Labs</name></author>"""
ENTRY = """<entry><id>tag:example.com,2024:1</id><title>{}</title><updated>2024-05-{}T07:08:09Z</updated>
<link href="https://example.com/1"/></entry>"""
OLD, NEW = ENTRY.format("old", "06"), ENTRY.format("new", "07")
FEEDS = {"/old-first": HEAD + OLD + NEW + "</feed>", "/new-first": HEAD + NEW + OLD + "</feed>", "/one": HEAD + NEW + "</feed>"}
EXPECTED = {
    "/old-first": [("old", 2, 0), ("new", 0, 1), ("old", 0, 1), ("new", 0, 1)],
    "/new-first": [("new", 2, 0), ("old", 0, 1), ("new", 0, 1), ("old", 0, 1)],
    "/one": [("new", 1, 0), ("new", 0, 0), ("new", 0, 0), ("new", 0, 0)],
}

class Site(BaseHTTPRequestHandler):
    def do_GET(self):
        body = FEEDS[self.path].encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/atom+xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    log_message = lambda *_: None

server = HTTPServer(("127.0.0.1", 0), Site)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("reader", version("reader"))
reader = make_reader(":memory:")
changed = False
for path, expected in EXPECTED.items():
    url = f"http://127.0.0.1:{server.server_port}{path}"
    reader.add_feed(url)
    got = []
    for _ in expected:
        update = reader.update_feed(url)
        (entry,) = reader.get_entries(feed=url)
        got.append((entry.title, update.new if update else 0, update.modified if update else 0))
    print(f"    {path[1:]:9} title, new, modified: {got} (expected {expected})")
    changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
