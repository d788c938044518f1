"""Whether there are feeds, of when, and what is wrong: for `/readyz` and `/metrics`.

Strangers may read it: it names no path, hub or address of a database. The log does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from feeds.config import Config
from feeds.serving.document_store import DocumentStore
from feeds.store import changes, recovery
from feeds.store.loading_notes import CONTESTED, EVERY, LOOKS, POLLS

_TIMER: Final = 600  # seconds within which others than followers should load: `feeds load`
_CONTESTED: Final = 120  # seconds since two loaders undid what the other one did
_LONG: Final = 600  # seconds that a cache may fail; hubs as in `Reader.failing_hubs`
_NUMBERS: Final = ("public", "hidden", "merged", "errors", "kept")


def readiness(documents: DocumentStore, now: datetime) -> dict[str, Any]:
    """The content of `/readyz`, for JSON; generation 0 is not ready."""
    state, health = documents.watch.generation(), documents.watch.health
    why = [text for text in troubles(documents, int(now.timestamp())).values() if text]
    loaded = health.loaded or state.loaded
    return {
        "generation": state.generation,
        "loaded": _iso(loaded) if state.generation else None,
        "records": {name: health.counts.get(name, 0) for name in _NUMBERS},
        "entries": health.counts.get("entries", 0),
        "history": health.counts.get("history", "none"),
        "degraded": bool(why),
        "why": "; ".join(why),
    }


def troubles(documents: DocumentStore, now: int) -> dict[str, str]:
    """What is wrong, by kind; of a kind that is fine an empty text. `now` in seconds since 1970."""
    watch, config = documents.watch, documents.config
    generation = watch.generation().generation  # which looks
    checked, notes = watch.health.checked, watch.health.counts
    every = notes.get(EVERY, _expected(documents))
    silent = now - checked if checked and every else 0
    hubs, caches = _unheard(documents, config, now)
    lost = "the store doesn't answer; what is prepared is served"
    if watch.is_rebuilding:
        lost = "the store is being made anew; what it held is served"
    refused = ""
    if recovery.is_fallback(documents.store, config.database):
        refused = "the store can't be written; one in memory stands in for it"
    elif watch.was_demoted or (watch.is_read_only and config.load == "on"):
        refused = "the store can't be written: it is read-only"
    return {
        "store": lost if watch.is_rebuilding or not watch.store_is_up else "",
        "writing": refused,
        "load": watch.health.degraded,
        "empty": "" if generation else "nothing has been loaded yet",
        "silence": ""
        if silent <= every
        else f"the folder was last looked at {silent:,} seconds ago: what follows it has stopped, "
        "waits for another load, or can't write the store",
        "watching": "the system doesn't watch the folder any more; it is looked at every second"
        if notes.get(POLLS)
        else "",
        "contest": "another server loads other records into the same store"
        if now - notes.get(CONTESTED, 0) < _CONTESTED
        else "",
        "hubs": f"hubs that have not been told for minutes: {hubs}" if hubs else "",
        "caches": f"caches that have not been purged for minutes: {caches}" if caches else "",
    }


def _expected(documents: DocumentStore) -> int:
    """Within how many seconds the folder is to be looked at, where no follower said so yet."""
    if not documents.followed or documents.config.load == "off":
        return _TIMER if documents.followed else 0
    return 0 if documents.config.watch == "off" else LOOKS


def _unheard(documents: DocumentStore, config: Config, now: int) -> tuple[int, int]:
    """How many hubs, and caches, have not heard for long what changed."""
    if not (config.hubs or config.purge):
        return 0, 0
    try:
        with documents.store.read() as reader:
            since = [changes.untold_since(reader.connection, cache) for cache in config.purge]
            hubs = reader.failing_hubs(config.hubs)
    except SQLAlchemyError:
        return 0, 0
    return hubs, sum(0 < at < now - _LONG for at in since)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
