#!/usr/bin/env bash
# feedparser 6.0.14 takes the link of a withdrawn entry for the page of the whole feed.
#
# One would guess: at:deleted-entry (RFC 6721) is an extension, so a parser that doesn't know it skips it
# with all that is in it, such as the link that RFC 6721 lets a server put there. So do feedsmith 3.0.1
# and rss-parser 3.13.0, which know nothing of tombstones either.
#
# What happens: feedparser has no nesting for what it doesn't know. The link is an Atom link, so it joins
# the links of the feed, and as it is the last "alternate", it becomes feed.link. It is no matter whether
# the tombstone stands before or after the entries.
#
# Why it matters to feeds: a reader shows the address of what was withdrawn as the feed's home page, and
# tools that tell feeds apart by that page take them for two. A server that writes tombstones with ref and
# when alone loses nothing: who knows them finds the entry by its id.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v npm node >/dev/null && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q feedparser==6.0.14
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund feedsmith@3.0.1 rss-parser@3.13.0
for place in before after; do
    gone='<at:deleted-entry ref="tag:example.com,2024:9" when="2024-05-01T00:00:00Z">
<link rel="alternate" href="https://example.com/gone"/></at:deleted-entry>'
    entry='<entry><id>tag:example.com,2024:1</id><title>One</title>
<link href="https://example.com/1"/><updated>2024-05-06T07:08:09Z</updated></entry>'
    [ $place = before ] && both=$gone$entry || both=$entry$gone
    echo "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:at=\"http://purl.org/atompub/tombstones/1.0\">
<id>tag:example.com,2024:f</id><title>Labs</title><updated>2024-05-06T07:08:09Z</updated>
<author><name>Labs</name></author><link rel=\"self\" href=\"https://example.com/atom.xml\"/>
<link rel=\"alternate\" href=\"https://example.com/\"/>$both</feed>" >$place.xml
done
cat >probe.mjs <<'JS'
import fs from "node:fs";
import { parseFeed } from "feedsmith";
import RssParser from "rss-parser";
for (const place of ["before", "after"]) {
  const text = fs.readFileSync(`${place}.xml`, "utf8");
  const links = parseFeed(text).feed.links.filter((link) => link.rel === "alternate");
  console.log(`feedsmith ${place} ${links.map((link) => link.href)}`);
  console.log(`rss-parser ${place} ${(await new RssParser().parseString(text)).link}`);
}
JS
npm ls --depth=0
{
    "$scratch/venv/bin/python" -c '
import feedparser
print("feedparser", feedparser.__version__)
for place in ("before", "after"):
    print("feedparser", place, feedparser.parse(f"{place}.xml").feed.link)'
    node probe.mjs
} | tee seen
for client in feedparser feedsmith rss-parser; do
    for place in before after; do
        [ $client = feedparser ] && page=https://example.com/gone || page=https://example.com/
        echo "    $client, tombstone $place the entry: expected $page"
        grep -qx "$client $place $page" seen || { echo "CHANGED: $client, tombstone $place"; exit 1; }
    done
done
echo "AS DESCRIBED"
