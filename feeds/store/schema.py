"""The tables of the store, and their version. It is derived: everything in it can be made again.

All but when a record came, where no git history tells, what was withdrawn, and when an entry
last changed.
Times are stored as whole seconds since 1970, UTC. `position` orders entries,
see `feeds.selection`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Final
from unicodedata import unidata_version

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

from feeds.store import fulltext

# Raise it with any change of the tables, of the index of words, or of the JSON in
# `data` and `problems` that what was written before can't be decoded by. A store with
# another number is made anew: what it knew of undated records and changes is lost.
SCHEMA: Final = 15
# Raise it when the same file gives other rows: another rule for a field, a slug, the name
# of a label or the words of a search. All files are then read anew, and nothing is lost.
# tests/store/test_schema.py fails when either was forgotten.
READING: Final = 10
_DECIDING: Final = ("idna", "markdown-it-py", "nh3", "python-slugify")

metadata = MetaData()
# Texts are ordered by their bytes, as SQLite does, whatever the language of the database.
Text: Final = String().with_variant(String(collation="C"), "postgresql")


def _partial(name: str, *columns: str, where: str) -> Index:
    """An index of the rows for which a condition holds."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schema", Integer, nullable=False),
    Column("reading", Text, nullable=False),  # `reading_version` of the last load
    Column("writes", Integer, nullable=False),  # how often rows of files were written
    Column("generation", Integer, nullable=False),
    Column("loaded", BigInteger, nullable=False),
    Column("born", BigInteger, nullable=False),  # since when all that happens is known
    Column("head", Text, nullable=False),  # the last commit that `history` knows
    Column("until", BigInteger, nullable=False),  # and its moment
    Column("closed", BigInteger, nullable=False),  # a midnight, before which no entry comes now
)

# What the folder's git history tells of records, by their pages, see
# `feeds.records.history.Fact`.
history = Table(
    "history",
    metadata,
    Column("key", Text, primary_key=True),
    Column("came", BigInteger, nullable=False),
    Column("initial", Integer, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("withdrawn", BigInteger, nullable=False),
    Column("first", Text, nullable=False),
    Column("dated", BigInteger, nullable=False),
    Column("moved", BigInteger, nullable=False),
    Column("topics", Text, nullable=False),  # JSON, empty for none
)

# One row for every file that was looked at, whatever came of it.
files = Table(
    "files",
    metadata,
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime", BigInteger, nullable=False),  # nanoseconds
    Column("ctime", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("outcome", Text, nullable=False),  # public, collection, hidden, error, other
    Column("reason", Text, nullable=False),  # why it is hidden or passed over
    Column("problems", Text, nullable=False),  # JSON list of Problem, empty for none
    Column("due", BigInteger, nullable=False),  # when it is another by itself, 0 for never
    _partial("files_due", "due", where="due != 0"),
    Index("files_outcome", "outcome", "reason"),
    _partial("files_problems", "path", where="problems != ''"),
)

# What the readable ones say, public or hidden, and collections.
records = Table(
    "records",
    metadata,
    Column("path", Text, primary_key=True),
    Column("entry_id", Text, nullable=False),  # the page, or that of which it is the AMP page
    Column("page", Text, nullable=False),  # as `feeds.model.Record`
    Column("key", Text, nullable=False),
    Column("amp_page", Text, nullable=False),  # of a public one, or one that is removed
    Column("own_id", Text, nullable=False),  # the id of a public one, where that isn't the key
    Column("public", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("quality", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),  # when first public, -1 for never, 0 for unknown
    Column("undated", Integer, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),  # as below, without quality and heat
    Column("render_digest", LargeBinary, nullable=False),  # of what a feed may show
    Column("version", LargeBinary, nullable=False),  # digest of that and the date
    Column("data", LargeBinary, nullable=False),  # JSON of Record or Collection
    Index("records_entry_id", "entry_id"),
    _partial("records_amp_page", "amp_page", "page", where="amp_page != ''"),
    _partial("records_page", "page", where="page != entry_id"),
    _partial("records_key", "key", where="key != entry_id"),
    Index("records_public", "public", "undated", "published"),
)

# The public ones, merged.
entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entry_id", Text, nullable=False, unique=True),  # of its copies
    Column("shown_id", Text, nullable=False),  # stays while it is public, see `loading.identity`
    Column("own_id", Text, nullable=False),  # of the record, whether it has it or not
    Column("path", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("month", Integer, nullable=False),  # of publication: year * 12 + month - 1
    Column("published", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("content_changed", BigInteger, nullable=False),  # anything but quality and heat
    Column("placed", BigInteger, nullable=False),  # when it came to its position or a scope
    Column("arrived", BigInteger, nullable=False),  # when it became public here, or at its date
    Column("version", LargeBinary, nullable=False),
    Column("content_digest", LargeBinary, nullable=False),
    Column("gone", Text, nullable=False),  # ids of related coverage that was removed
    Column("type", Text, nullable=False),
    Column("type_name", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_name", Text, nullable=False),
    Column("provider_slug", Text, nullable=False),
    Column("icon", Text, nullable=False),
    Column("quality", BigInteger, nullable=False),
    Column("heat", BigInteger, nullable=False),
    # What most filters look at is in the index.
    Index("entries_position", "position", "id", "quality", "heat", "type", "provider"),
    Index("entries_heat", "heat", "position", "id"),
    Index("entries_changed", "changed"),
    _partial("entries_shown_id", "shown_id", where="shown_id != entry_id"),
    _partial("entries_own_id", "own_id", where="own_id != '' AND own_id != shown_id"),
    Index("entries_arrived", "arrived", "provider", "provider_slug", "type"),
    Index("entries_type_arrived", "type", "arrived"),
    Index("entries_provider_arrived", "provider", "arrived", "provider_slug"),
    Index("entries_type", "type", "position", "id"),
    Index("entries_provider", "provider", "position", "id"),
    Index("entries_provider_slug", "provider", "provider_slug", "position", "id"),
)

entry_topics = Table(
    "entry_topics",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("rank", Integer, nullable=False),  # the order in the record
    Column("name", Text, nullable=False),  # the spelling of the record
    Column("position", BigInteger, nullable=False),
    Column("month", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("provider_slug", Text, nullable=False),
    Column("arrived", BigInteger, nullable=False),  # when the entry came to the topic
    Index("entry_topics_arrived", "topic", "arrived", "provider", "provider_slug"),
    Index("entry_topics_topic", "topic", "position", "entry"),
    Index("entry_topics_provider", "topic", "provider", "position", "entry"),
    sqlite_with_rowid=False,
)

# Which entries list which others as coverage of their story.
coverage = Table(
    "coverage",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("target", Text, primary_key=True),  # a page
    Index("coverage_target", "target"),
    sqlite_with_rowid=False,
)

# How entries spell the names of topics, providers and types, and how often:
# labels are made of these, without counting the entries again. A spelling that no entry
# has any more stays while a record that had it isn't withdrawn.
spellings = Table(
    "spellings",
    metadata,
    Column("kind", Text, nullable=False),  # of labels, or icon:kind
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),  # of an icon, its URL: too long for an index
    Column("entries", Integer, nullable=False),
    Column("former", Text, nullable=False),  # the key of a record that had it, else empty
    Index("spellings_slug", "kind", "slug"),
)

SITE: Final = "site"  # the kind of labels that say what the site is called

# The names shown: of each topic, provider, provider of several on a domain, type. Those that
# no entry has any more stay, with 0 entries; without a name where withdrawn records alone know it.
labels = Table(
    "labels",
    metadata,
    Column("kind", Text, primary_key=True),  # topic, provider, name, type, collection, site
    Column("slug", Text, primary_key=True),  # for kind name: key/slug; for site: the setting
    Column("name", Text, nullable=False),
    Column("icon", Text, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

# Named lists of entries: of files, and filters of feeds.toml. Their names are labels.
collections = Table(
    "collections",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("path", Text, nullable=False),  # of the file, empty for a filter
    Column("description", Text, nullable=False),
    Column("filters", Text, nullable=False),  # as parameters of an address
    Column("problems", Text, nullable=False),  # JSON list of Problem, empty for none
)

# The entries of each collection, highest position first: those of filters where they are
# among all entries, those of lists at -1, -2, ... by the order of the list.
members = Table(
    "members",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("placed", BigInteger, nullable=False),  # when it came there, 0 for by the first load
    Index("members_position", "collection", "position", "entry"),
    Index("members_entry", "entry"),
    Index("members_placed", "placed"),
    sqlite_with_rowid=False,
)

# Where entries were before they left a scope or moved within it: without
# these, a feed that lost an entry would look unchanged to If-Modified-Since.
departures = Table(
    "departures",
    metadata,
    Column("scope", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("placed", BigInteger, nullable=False),  # when it had come there, as in entries
    Column("arrived", BigInteger, nullable=False),  # likewise
    Column("departed", BigInteger, nullable=False),
    Index("departures_scope", "scope", "position", "departed"),
    Index("departures_departed", "departed"),
)

# Entries that scopes showed, and that are gone: feeds announce them for a while.
withdrawals = Table(
    "withdrawals",
    metadata,
    Column("scope", Text, nullable=False),
    Column("shown_id", Text, nullable=False),
    Column("withdrawn", BigInteger, nullable=False),
    # Of one whose file is just gone: how many entries stood above it, and how long before the
    # newest it had arrived, in seconds. 0 where the record says that it is hidden.
    Column("rank", Integer, nullable=False),
    Column("behind", BigInteger, nullable=False),
    Index("withdrawals_scope", "scope", "withdrawn"),
    Index("withdrawals_withdrawn", "withdrawn"),
    Index("withdrawals_shown_id", "shown_id"),
)

# One row: the outcome of the last load that was tried, and of the last that succeeded.
health = Table(
    "health",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("checked", BigInteger, nullable=False),
    Column("loaded", BigInteger, nullable=False),
    Column("degraded", Text, nullable=False),  # what is wrong; empty when nothing is
    Column("counts", Text, nullable=False),  # JSON of a report's numbers, by name
)

# The moments as of which feeds were made, the newest of them, see `feeds.store.changes.note_load`.
loads = Table(
    "loads",
    metadata,
    Column("moment", BigInteger, primary_key=True, autoincrement=False),
    Column("closed", BigInteger, nullable=False),  # as in state after that load, 0 for a change
    sqlite_with_rowid=False,
)

# Which hubs are still to be told of which URLs, see `feeds.follower.ping_queue`.
# Times have fractions.
pings = Table(
    "pings",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("url", Text, primary_key=True),
    Column("rank", Integer, nullable=False),  # the main feeds first
    Column("attempts", Integer, nullable=False),
    Column("since", Double, nullable=False),
    Column("due", Double, nullable=False),
    Column("mark", Integer, nullable=False),
    Index("pings_rank", "hub", "rank", "url"),
    Index("pings_due", "hub", "due"),
)

# Up to which load the hubs, and each cache, were told what changed, see `feeds.store.changes`.
marks = Table(
    "marks",
    metadata,
    Column("consumer", Text, primary_key=True),  # hubs, or the URL of a cache
    Column("loaded", BigInteger, nullable=False),  # of the generation
    Column("settings", Text, nullable=False),  # a digest of what else documents are made from
)


fulltext.declare(metadata)


@cache  # looking the libraries up takes 5 ms
def reading_version() -> str:
    """READING with the versions of what decides, besides our code, which rows a file gives."""
    libraries = " ".join(f"{name}-{version(name)}" for name in _DECIDING)
    return f"{READING} {libraries} unicode-{unidata_version}"
