#!/usr/bin/env bash
# feed 6.0.0 (npm) calls a PDF "image/pdf" in Atom, and leaves enclosures and ids out of other formats.
#
# One would guess: an item with an enclosure {url, type, length} has it in each format as it was passed; one
# without an id takes its link, as it does in RSS and Atom, also in JSON Feed, where "id" is required.
#
# What happens: in Atom, the part before the slash is always "image", and the rest is the suffix of the file:
# a PDF is image/pdf, an audio file image/mp3, and /listen, which has no suffix, "image//listen", which is no type.
# RSS has the type that was passed, but only one enclosure: of "audio" and "enclosure" the latter is dropped.
# JSON Feed has no attachments at all, one author of two, and items without an id.
#
# Why it matters to feeds: among the generators of npm none is installed more often. Readers show what is image/*
# as a picture, and podcast clients pass it over; an item of JSON Feed without an id isn't valid, and readers may
# skip it. Who reads such feeds trusts the suffix more than the type, and takes url where id is missing.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v node >/dev/null && command -v npm >/dev/null || exit 77
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund feed@6.0.0
cat >probe.mjs <<'JS'
import { Feed } from "feed";
const make = (item) => {
  const feed = new Feed({ title: "Labs", id: "https://example.com/", link: "https://example.com/", copyright: "Labs" });
  feed.addItem({ title: "One", link: "https://example.com/1", date: new Date("2024-05-06T07:08:09Z"), ...item });
  return feed;
};
const pdf = { url: "https://example.com/1.pdf", type: "application/pdf", length: 5 };
const sound = { url: "https://example.com/1.mp3", type: "audio/mpeg", length: 5 };
const page = { url: "https://example.com/listen", type: "audio/mpeg", length: 5 };
const atomTypes = (item) => [...make(item).atom1().matchAll(/rel="enclosure"[^>]* type="([^"]*)"/g)].map((m) => m[1]);
const rssFiles = (item) => [...make(item).rss2().matchAll(/<enclosure .* type="([^"]*)" url=".*\/([^"]*)"/g)].map((m) => `${m[2]} ${m[1]}`);
const jsonItem = (item) => JSON.parse(make(item).json1()).items[0];
let changed = false;
for (const [what, got, expected] of [
  ["Atom, PDF", atomTypes({ enclosure: pdf }), ["image/pdf"]],
  ["Atom, MP3", atomTypes({ enclosure: sound }), ["image/mp3"]],
  ["Atom, no suffix", atomTypes({ enclosure: page }), ["image//listen"]],
  ["RSS, PDF", rssFiles({ enclosure: pdf }), ["1.pdf application/pdf"]],
  ["RSS, MP3 and PDF", rssFiles({ audio: sound, enclosure: pdf }), ["1.mp3 audio/mpeg"]],
  ["JSON, attachments", jsonItem({ enclosure: pdf }).attachments ?? null, null],
  ["JSON, authors", jsonItem({ author: [{ name: "A" }, { name: "B" }] }).author, { name: "A" }],
  ["JSON, id", jsonItem({}).id ?? null, null],
  ["Atom, id", make({}).atom1().match(/<entry>[^]*<id>([^<]*)/)[1], "https://example.com/1"],
]) {
  const [a, b] = [got, expected].map((value) => JSON.stringify(value));
  console.log(`    ${what.padEnd(17)} ${a} (expected ${b})`);
  changed ||= a !== b;
}
console.log(changed ? "CHANGED" : "AS DESCRIBED");
process.exit(changed ? 1 : 0);
JS
npm ls --depth=0
node probe.mjs
