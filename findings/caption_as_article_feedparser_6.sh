#!/usr/bin/env bash
# feedparser 6.0.14 takes the caption of a picture (media:description) for the summary or the content of the entry.
#
# One would guess: what stands inside media:content is of that file (Media RSS, "optional elements"): its title,
# description, credit. It would be in entry.media_content, as in fastfeedparser 0.6.5.
#
# What happens: a media:description is a description like any other. Before <description> it takes its place, and
# the real one becomes entry.content[0], of type text/plain, also before the article; behind it, the caption becomes
# entry.content[0], unless an article stands between them: then it is lost. Without a <description> the caption is
# the summary. media_content has no caption. The media:title is passed over.
#
# Why it matters to feeds: programs show content where there is any, else summary, so the caption "Photo: a harbour"
# stands for the article. In a feed of pictures the order of two elements, which neither RSS nor Media RSS fixes,
# says what people read. A server does well to write description, content:encoded and then the pictures, and captions
# into the HTML.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q feedparser==6.0.14 fastfeedparser==0.6.5
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

import fastfeedparser
import feedparser

RSS = """<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>Labs</title><link>https://example.com/</link><description>Labs</description><item><title>One</title>
<link>https://example.com/1</link><guid isPermaLink="false">1</guid>{}</item></channel></rss>"""
MEDIA = """<media:content url="https://example.com/1.png" medium="image"><media:title>A picture</media:title>
<media:description>Caption</media:description></media:content>"""
SUMMARY = "<description>Summary</description>"
ARTICLE = "<content:encoded>Article</content:encoded>"
print(*(f"{name} {version(name)}" for name in ("feedparser", "fastfeedparser")), sep=", ")
changed = False
for name, elements, summary, contents in (
    ("picture, summary", MEDIA + SUMMARY, "Caption", ["Summary"]),
    ("summary, picture", SUMMARY + MEDIA, "Summary", ["Caption"]),
    ("picture alone", MEDIA, "Caption", []),
    ("picture, summary, article", MEDIA + SUMMARY + ARTICLE, "Caption", ["Summary", "Article"]),
    ("summary, article, picture", SUMMARY + ARTICLE + MEDIA, "Summary", ["Article"]),
):
    entry = feedparser.parse(RSS.format(elements)).entries[0]
    got = entry.get("summary"), [content.value for content in entry.get("content", [])]
    print(f"    {name:25} {got} (expected {(summary, contents)})")
    (picture,) = fastfeedparser.parse(RSS.format(elements)).entries[0]["media_content"]
    changed |= got != (summary, contents) or entry.title != "One" or "description" in entry.media_content[0]
    changed |= (picture["title"], picture["description"]) != ("A picture", "Caption")
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
