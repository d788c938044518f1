#!/usr/bin/env bash
# @astrojs/rss 4.0.19 puts a slash behind the query or fragment of a link, and merges slashes inside it.
#
# One would guess: trailingSlash, true unless one says otherwise, is about paths: "post" becomes "post/".
# A query and a fragment stay, as the item's link is "resolved against the site".
#
# What happens: a link is text until the end. "post?id=7" becomes "post?id=7/", "post#notes" "post#notes/" and
# "go?to=https://example.net/a" "go?to=https:/example.net/a/". With trailingSlash: false, slashes are merged all
# the same. Only links that are absolute already are left alone. The guid, a permalink, is the link: it leads
# nowhere in the same way.
#
# Why it matters to feeds: links with campaign parameters, anchors in a changelog and redirecting links are
# what people put into feeds; the parameter's value is another one then, and no element has that anchor. Who
# changes such a link later changes its guid, too: readers show it again. Pass absolute addresses.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || exit 77
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund @astrojs/rss@4.0.19
cat >probe.mjs <<'JS'
import rss from "@astrojs/rss";
const site = "https://example.com/";
let changed = false;
for (const [link, expected, withoutSlash] of [
  ["post", "post/", "post"],
  ["post?id=7", "post?id=7/", "post?id=7"],
  ["post#notes", "post#notes/", "post#notes"],
  ["go?to=https://example.net/a", "go?to=https:/example.net/a/", "go?to=https:/example.net/a"],
  [`${site}post?id=7`, "post?id=7", "post?id=7"],
]) {
  for (const [trailingSlash, wanted] of [[undefined, expected], [false, withoutSlash]]) {
    const item = { title: "One", link, pubDate: new Date("2024-05-06T07:08:09Z") };
    const text = await (await rss({ title: "Labs", description: "News", site, trailingSlash, items: [item] })).text();
    const [url, guid] = [/<item>.*<link>([^<]*)/, /<guid isPermaLink="true">([^<]*)/].map((part) => text.match(part)[1]);
    console.log(`    ${link.padEnd(29)} trailingSlash ${String(trailingSlash).padEnd(9)} ${url} (expected ${site}${wanted})`);
    changed ||= url !== site + wanted || guid !== url;
  }
}
console.log(changed ? "CHANGED" : "AS DESCRIBED");
process.exit(changed ? 1 : 0);
JS
npm ls --depth=0
node probe.mjs
