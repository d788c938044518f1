#!/usr/bin/env bash
# rss-parser 3.13.0 (npm) puts the words of XHTML in Atom into another order; two others turn "&lt;" into "<".
#
# One would guess: content type="xhtml" is the safest form that Atom has, for it is part of the XML: what a library
# hands on is what stands between the tags of the div, as with type="html". feedsmith 3.0.1 does so.
#
# What happens: rss-parser makes objects of the XML, which keep no order between text and elements, and writes
# them out again: text first, then elements. "Do <em>not</em> press" becomes "Do  press<em>not</em>", in "content"
# and "contentSnippet", and the div is still around it. feedparser 2.6.0 (npm) keeps the order, but hands on "&lt;"
# as "<": "List&lt;Int&gt;" is a List and an element that browsers don't know. @rowanmanning/feed-parser 2.1.5 does so
# with HTML, too, of any format, escaped or in CDATA.
#
# Why it matters to feeds: sentences say something else, or nothing, and code loses its types, without an error. A
# server does well to write type="html", which three of the four read right, though it is escaped twice.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || exit 77
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund rss-parser@3.13.0 @rowanmanning/feed-parser@2.1.5 feedparser@2.6.0 feedsmith@3.0.1
cat >probe.mjs <<'JS'
import { Readable } from "stream";
import FeedParser from "feedparser";
import RSSParser from "rss-parser";
import { parseFeed as parseRowanmanning } from "@rowanmanning/feed-parser";
import { parseFeed as parseFeedsmith } from "feedsmith";

const atom = (content) => `<feed xmlns="http://www.w3.org/2005/Atom"><title>Labs</title><id>tag:example.com,2024:f</id>
<updated>2024-05-06T07:08:09Z</updated><author><name>Labs</name></author><entry><title>One</title>
<id>tag:example.com,2024:1</id><updated>2024-05-06T07:08:09Z</updated><link href="https://example.com/1"/>${content}</entry></feed>`;
const xhtml = (body) => atom(`<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">${body}</div></content>`);
const html = (body) => atom(`<content type="html"><![CDATA[${body}]]></content>`);
const clients = {
  "rss-parser": async (feed) => (await new RSSParser().parseString(feed)).items[0].content,
  rowanmanning: async (feed) => parseRowanmanning(feed).items[0].content,
  feedparser: (feed) =>
    new Promise((end) =>
      Readable.from([feed]).pipe(new FeedParser()).on("readable", function () {
        for (let item; (item = this.read()); ) end(item.description);
      }),
    ),
  feedsmith: async (feed) => parseFeedsmith(feed).feed.entries[0].content.value,
};
const inside = (text) => text.replace(/^(<div [^>]*>)+/, "").replace(/(<\/div>)+$/, "").trim();
const press = "Do <em>not</em> press";
const code = "<code>List&lt;Int&gt;</code>";
let changed = false;
for (const [form, feed, body, wrong] of [
  ["html", html, press, {}],
  ["html", html, code, { rowanmanning: "<code>List<Int></code>" }],
  ["xhtml", xhtml, press, { "rss-parser": "Do  press<em>not</em>" }],
  ["xhtml", xhtml, code, { rowanmanning: "<code>List<Int></code>", feedparser: "<code>List<Int></code>" }],
]) {
  for (const [name, read] of Object.entries(clients)) {
    const got = inside(await read(feed(body)));
    const expected = wrong[name] ?? body;
    console.log(`    ${form.padEnd(5)} ${name.padEnd(12)} ${got} (expected ${expected})`);
    changed ||= got !== expected;
  }
}
console.log(changed ? "CHANGED" : "AS DESCRIBED");
process.exit(changed ? 1 : 0);
JS
npm ls --depth=0
node probe.mjs
