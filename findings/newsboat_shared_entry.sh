#!/usr/bin/env bash
# newsboat shows an entry that two feeds share in one of them alone.
#
# One would guess: the id of an entry is the same in every feed (RFC 4287 4.2.6; a
# guid of RSS is unique in the world), so that a reader may show it once, or in both.
#
# What happens: newsboat 2.21 keeps one row for a guid. The feed that is read last
# gets it, and it is gone from the other: who follows everything and one topic finds
# half of the topic missing, without a word.
#
# Why it matters to a feed program: feeds of everything, topics and providers share
# their entries. Ids of their own for each feed would show an entry twice in every
# other reader, and anew after a change of feeds. So ids stay, and the docs say it.
#
# What it does: has newsboat read two local files. Exits 0 if all is as described,
# 1 if not, 77 if there is no newsboat.
set -euo pipefail

command -v newsboat >/dev/null || { echo "NOT HERE: needs newsboat"; exit 77; }
newsboat -v | head -n 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

item() {
    echo "<item><title>$1</title><link>https://news.example/$1</link><guid>https://news.example/$1</guid></item>"
}
feed() {
    echo "<rss version=\"2.0\"><channel><title>$1</title><link>https://news.example/</link><description/>$2</channel></rss>"
}
feed everything "$(item shared)$(item other)" >everything.xml
feed topic "$(item shared)" >topic.xml
printf 'file://%s\n' "$scratch/topic.xml" "$scratch/everything.xml" >urls
touch config
HOME=$scratch newsboat -u urls -C config -c cache.db -x reload
shown=$(HOME=$scratch newsboat -u urls -C config -c cache.db -x print-unread)
echo "expected: 3 unread articles (or 2, each of which is in both feeds that have it)"
rows=$(python3 -c 'import sqlite3
rows = sqlite3.connect("cache.db").execute("select feedurl, title from rss_item order by title")
print(*(f"{url.rpartition(chr(47))[2]}: {title}" for url, title in rows), sep="\n")')
printf 'seen: %s\n%s\n' "$shown" "$rows"
[ "$rows" = "$(printf 'everything.xml: other\neverything.xml: shared')" ] || { echo "CHANGED"; exit 1; }
echo "AS DESCRIBED"
