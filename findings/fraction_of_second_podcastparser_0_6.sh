#!/usr/bin/env bash
# podcastparser 0.6.11 reads a time with a fraction of a second as a time of the reader's own zone.
#
# One would guess: 07:08:09.000Z and 07:08:09Z are one moment, wherever the program runs; a time that isn't
# understood would give 0, as podcastparser says.
#
# What happens: behind the seconds only "Z" or an offset is expected. With a fraction between them the rest is
# dropped, zone and all, and what is left is taken for local time: on a machine in New York 07:08:09.000Z is
# 11:08:09 UTC, and 07:08:09.000+02:00 too. On a machine that runs in UTC, as most servers and all of CI do,
# the one is right by chance and the other isn't.
#
# Why it matters to feeds: JavaScript's toISOString() always writes ".000Z", and so do most feeds that it makes:
# feed 6.0.0 (npm), with which this probe makes its own. gPodder, which reads with podcastparser, sorts
# episodes by these times. A server does well to write Atom without fractions.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q podcastparser==0.6.11
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund feed@6.0.0
cat >make.mjs <<'JS'
import { Feed } from "feed";
const feed = new Feed({ title: "Labs", id: "https://example.com/", link: "https://example.com/", copyright: "Labs" });
const date = new Date("2024-05-06T07:08:09Z");
feed.addItem({ title: "One", id: "tag:example.com,2024:1", link: "https://example.com/1", date, published: date });
console.log(feed.atom1());
JS
node make.mjs >atom.xml
cat >probe.py <<'PYTHON'
import io
import os
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import podcastparser

ATOM = Path("atom.xml").read_text()
MILLISECONDS = "2024-05-06T07:08:09.000"
assert ATOM.count(f"<published>{MILLISECONDS}Z<") == 1
print("podcastparser", version("podcastparser"))
changed = False
for written, in_utc, in_new_york in (
    ("2024-05-06T07:08:09Z", "07:08:09", "07:08:09"),
    ("2024-05-06T07:08:09+02:00", "05:08:09", "05:08:09"),
    (f"{MILLISECONDS}Z", "07:08:09", "11:08:09"),
    (f"{MILLISECONDS}+02:00", "07:08:09", "11:08:09"),
):
    for zone, expected in (("UTC0", in_utc), ("EST5EDT,M3.2.0,M11.1.0", in_new_york)):
        os.environ["TZ"] = zone
        time.tzset()
        feed = ATOM.replace(f"{MILLISECONDS}Z", written)
        (episode,) = podcastparser.parse("https://example.com/atom.xml", io.BytesIO(feed.encode()))["episodes"]
        got = f"{datetime.fromtimestamp(episode['published'], timezone.utc):%H:%M:%S}"
        print(f"    {written:29} with TZ={zone[:7]:7} {got} UTC (expected {expected})")
        changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" probe.py
