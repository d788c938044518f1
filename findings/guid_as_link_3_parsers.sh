#!/usr/bin/env bash
# fastfeedparser 0.6.5 and feedparser 2.6.0 (npm) link a guid that is no link; @rowanmanning/feed-parser 2.1.5 not one that is.
#
# One would guess: an item of RSS needs no <link>. If its guid is a permalink (isPermaLink="true", or without the
# attribute), that is the page; with isPermaLink="false" it is an id, whatever it looks like, and there is no page.
# feedparser 6.0.14 (PyPI) keeps to that.
#
# What happens: fastfeedparser and the feedparser of npm take a guid that looks like an address for the link, though
# the feed says that it is none. @rowanmanning/feed-parser has no url for an item with a permalink alone.
#
# Why it matters to feeds: isPermaLink="false" is for ids in the form of addresses that nobody answers, such as ?p=123
# of a blog that moved: people click on 404s. And notes, which have a permalink alone, can't be opened. A server that
# writes a link with every item has none of it.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || exit 77
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q feedparser==6.0.14 fastfeedparser==0.6.5
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund feedparser@2.6.0 @rowanmanning/feed-parser@2.1.5
for guid in ' isPermaLink="true"' '' ' isPermaLink="false"'; do
    echo "<rss version=\"2.0\"><channel><title>Labs</title><link>https://example.com/</link><description>Labs</description>
<item><title>One</title><guid$guid>https://example.com/1</guid></item></channel></rss>"
done | csplit -s -f feed - '/<rss/' '{*}'
rm feed00
cat >probe.py <<'PYTHON'
from pathlib import Path

import fastfeedparser
import feedparser

for path in sorted(Path().glob("feed0?")):
    for parser in (feedparser, fastfeedparser):
        print(f"{parser.__name__} {path} {parser.parse(path.read_text()).entries[0].get('link')}")
PYTHON
cat >probe.mjs <<'JS'
import { readFileSync, readdirSync } from "fs";
import { Readable } from "stream";
import FeedParser from "feedparser";
import { parseFeed } from "@rowanmanning/feed-parser";
for (const path of readdirSync(".").filter((name) => name.startsWith("feed0")).sort()) {
  const feed = readFileSync(path, "utf8");
  const link = await new Promise((end) =>
    Readable.from([feed]).pipe(new FeedParser()).on("readable", function () {
      for (let item; (item = this.read()); ) end(item.link);
    }),
  );
  console.log(`feedparser(npm) ${path} ${link ?? "None"}`);
  console.log(`rowanmanning ${path} ${parseFeed(feed).items[0].url ?? "None"}`);
}
JS
cat >expected <<'TEXT'
fastfeedparser feed01 https://example.com/1
fastfeedparser feed02 https://example.com/1
fastfeedparser feed03 https://example.com/1
feedparser feed01 https://example.com/1
feedparser feed02 https://example.com/1
feedparser feed03 None
feedparser(npm) feed01 https://example.com/1
feedparser(npm) feed02 https://example.com/1
feedparser(npm) feed03 https://example.com/1
rowanmanning feed01 None
rowanmanning feed02 None
rowanmanning feed03 None
TEXT
venv/bin/pip list 2>/dev/null | grep feedparser
npm ls --depth=0
echo 'feed01 has isPermaLink="true", feed02 no attribute, feed03 isPermaLink="false"; got on the left, expected on the right:'
{ venv/bin/python probe.py && node probe.mjs; } | LC_ALL=C sort | diff -y -W 110 - expected || { echo CHANGED && exit 1; }
echo AS DESCRIBED
