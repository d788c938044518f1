#!/usr/bin/env bash
# jsonfeed-util 1.2.0 loses external_url on the way through, and makes sizes of attachments lists.
#
# One would guess: a package "for parsing and generating JSON feeds" that knows a field, as
# Item.external_url, writes what it read; a field that isn't there stays away.
#
# What happens: "external_url": null is written for every item that has one, while the parsed item has
# the address. "size_in_bytes" is written as a list, [10]; as [null] where the feed has none. JSON Feed
# allows neither. The language of the feed goes, too.
#
# Why it matters to feeds: external_url is what makes an item a link to somebody else's page. Planets and
# filters that read feeds and write one out of them turn every link post into a post that leads nowhere.
# A feed whose items carry the article's address in "url" comes through.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q jsonfeed-util==1.2.0
cat >"$scratch/probe.py" <<'PYTHON'
import json
from importlib.metadata import version

import jsonfeed

LINK, SOUND = "https://example.net/article", {"url": "https://example.com/1.mp3", "mime_type": "audio/mpeg"}
ITEMS = [
    {"id": "1", "url": "https://example.com/1", "content_text": "One"},
    {"id": "2", "external_url": LINK, "content_text": "Two", "attachments": [SOUND | {"size_in_bytes": 10}, SOUND]},
]
print("jsonfeed-util", version("jsonfeed-util"))
feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Labs", "language": "en", "items": ITEMS}
parsed = jsonfeed.Feed.parse(feed)
assert parsed.items[1].external_url == LINK
written = json.loads(parsed.to_json())
own, other = written["items"]
sizes = [attachment["size_in_bytes"] for attachment in other["attachments"]]
got = [own["url"], other["external_url"], sizes, written.get("language")]
expected = ["https://example.com/1", None, [[10], [None]], None]
print(f"    url, external_url, sizes, language: {got} (expected {expected})")
raise SystemExit("CHANGED" if got != expected else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
