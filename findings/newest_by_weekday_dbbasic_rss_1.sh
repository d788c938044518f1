#!/usr/bin/env bash
# dbbasic-rss 1.0.0 finds the newest post by its weekday, and writes local times as GMT.
#
# One would guess: newest() and oldest() compare moments; a date with an offset, or an aware datetime, is written as
# the moment that it is; link is the site and the self link is another address.
#
# What happens: dates are made RFC 822 texts at once, and those are compared: Wed is newer than Mon, Mon than Fri. The
# offset is dropped and "GMT" written: 23:08 in New York, which is 03:08 GMT on the next day, is 23:08 GMT. The
# atom:link with rel="self" is the site's page.
#
# Why it matters to feeds: newest() is what one takes for Last-Modified or lastBuildDate; it stays at last week's
# Wednesday, and who asks with If-Modified-Since hears 304 from Thursday on. Posts come out of order by the hours
# of the offset. Who writes feeds with it converts dates to UTC before, and keeps the newest date apart.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q dbbasic-rss==1.0.0
cat >"$scratch/probe.py" <<'PYTHON'
import re
import warnings
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

from dbbasic_rss import Feed

warnings.simplefilter("ignore", DeprecationWarning)
feed = Feed(title="Labs", link="https://example.com/", description="News")
for day in ("2024-05-01", "2024-05-03", "2024-05-06"):  # Wednesday, Friday, Monday
    feed.add_post(day, f"https://example.com/{day}", pub_date=f"{day}T12:00:00Z")
late = Feed(title="Labs", link="https://example.com/", description="News")
late.add_post("text", "https://example.com/1", pub_date="2024-05-06T23:08:09-04:00")
late.add_post("datetime", "https://example.com/2", pub_date=datetime(2024, 5, 6, 23, 8, 9, tzinfo=timezone(timedelta(hours=-4))))
xml = late.to_xml()
print("dbbasic-rss", version("dbbasic-rss"))
changed = False
for what, got, expected in (
    ("newest", feed.newest(), "Wed, 01 May 2024 12:00:00 GMT"),
    ("oldest", feed.oldest(), "Fri, 03 May 2024 12:00:00 GMT"),
    ("23:08:09 -0400", re.findall("<pubDate>(.*)</pubDate>", xml), ["Mon, 06 May 2024 23:08:09 GMT"] * 2),
    ("self", re.search('<atom:link href="([^"]*)" rel="self"', xml)[1], "https://example.com/"),
):
    print(f"    {what:14} {got} (expected {expected})")
    changed |= got != expected
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
