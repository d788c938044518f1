"""The tables of the store. It is a derived index: everything in it can be made again.

All but when an undated record was first seen and when an entry last changed.
Times are stored as whole seconds since 1970, UTC. `position` orders entries,
see `feeds.scope`.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)
from sqlalchemy.schema import CreateTable

from feeds import search

metadata = MetaData()

state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("schema", String, nullable=False),
    Column("reading", String, nullable=False),  # how the records were read
    Column("writes", Integer, nullable=False),  # how often rows of files were written
    Column("generation", Integer, nullable=False),
    Column("loaded", BigInteger, nullable=False),
)

# One row for every file that was looked at, whatever came of it.
files = Table(
    "files",
    metadata,
    Column("path", String, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime", BigInteger, nullable=False),  # nanoseconds
    Column("digest", LargeBinary, nullable=False),
    Column("outcome", String, nullable=False),  # public, hidden, error, other
    Column("reason", String, nullable=False),  # why it is hidden
    Column("problems", String, nullable=False),  # JSON list of Problem, empty for none
    Index("files_outcome", "outcome", "reason"),
    Index("files_problems", "path", sqlite_where=text("problems != ''")),
)

# What the readable ones say, public or hidden.
records = Table(
    "records",
    metadata,
    Column("path", String, primary_key=True),
    Column("entry_id", String, nullable=False),
    Column("public", Integer, nullable=False),
    Column("removed", Integer, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("undated", Integer, nullable=False),
    Column("published", BigInteger, nullable=False),
    Column("shown", LargeBinary, nullable=False),  # digest of what a feed may show
    Column("version", LargeBinary, nullable=False),  # of that and the date
    Column("data", LargeBinary, nullable=False),  # JSON of Record
    Index("records_entry_id", "entry_id"),
    Index("records_public", "public", "undated", "published"),
)

# The public ones, merged.
entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("entry_id", String, nullable=False, unique=True),  # the key of its copies
    Column("shown_id", String, nullable=False),  # that, or the id of its own
    Column("path", String, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("month", Integer, nullable=False),  # of publication: year * 12 + month - 1
    Column("published", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("version", LargeBinary, nullable=False),
    Column("gone", String, nullable=False),  # ids of related coverage that was removed
    Column("type", String, nullable=False),
    Column("type_name", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("provider_name", String, nullable=False),
    Column("provider_slug", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("heat", Integer, nullable=False),
    # What most filters look at is in the index.
    Index("entries_position", "position", "quality", "heat", "type", "provider"),
    Index("entries_heat", "heat", "position"),
    Index("entries_type", "type", "position"),
    Index("entries_provider", "provider", "position"),
    Index("entries_provider_slug", "provider", "provider_slug", "position"),
)

entry_topics = Table(
    "entry_topics",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("topic", String, primary_key=True),
    Column("rank", Integer, nullable=False),  # the order in the record
    Column("name", String, nullable=False),  # the spelling of the record
    Column("position", BigInteger, nullable=False),
    Column("month", Integer, nullable=False),
    Column("provider", String, nullable=False),
    Column("provider_slug", String, nullable=False),
    Index("entry_topics_topic", "topic", "position"),
    Index("entry_topics_provider", "topic", "provider", "position"),
)

# Which entries list which others as coverage of their story.
coverage = Table(
    "coverage",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("target", String, primary_key=True),  # an entry id
    Index("coverage_target", "target"),
)

# How entries spell the names of topics, providers and types, and how often:
# labels are made of these, without counting the entries again.
spellings = Table(
    "spellings",
    metadata,
    Column("kind", String, primary_key=True),  # of labels, or icon:kind
    Column("slug", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("entries", Integer, nullable=False),
)

# The names shown: of each topic, provider, provider of several on a domain, type.
labels = Table(
    "labels",
    metadata,
    Column("kind", String, primary_key=True),  # topic, provider, name, type
    Column("slug", String, primary_key=True),  # for kind name: key/slug
    Column("name", String, nullable=False),
    Column("icon", String, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
)

# Where entries were before they left a scope or moved within it: without
# these, a feed that lost an entry would look unchanged to If-Modified-Since.
departures = Table(
    "departures",
    metadata,
    Column("scope", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("departed", BigInteger, nullable=False),
)

# One row: what came of the last load that was tried, and of the last that succeeded.
health = Table(
    "health",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("checked", BigInteger, nullable=False),
    Column("loaded", BigInteger, nullable=False),
    Column("degraded", String, nullable=False),  # what is wrong; empty when nothing is
    Column("counts", String, nullable=False),  # JSON of a report's numbers, by name
)


_index_of_words: Final = search.declare(metadata)


def _digest_of_tables() -> str:
    tables = metadata.sorted_tables
    made = [str(CreateTable(table)) for table in tables] + [_index_of_words]
    made += sorted(f"{i.name} {i.columns.keys()}" for t in tables for i in t.indexes)
    return hashlib.sha256("".join(made).encode()).hexdigest()[:16]


# A store with other tables, from an older or newer version, is made anew.
SCHEMA: Final = _digest_of_tables()
