"""How the server is: whether it answers with feeds, and how sure it is of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from feeds.serving.document_store import DocumentStore
from feeds.store import recovery

# The follower looks at the folder every half minute; a load of a million
# records takes some minutes.
_SILENCE: Final = 600
_NUMBERS: Final = ("public", "hidden", "merged", "errors", "kept")


def readiness(delivery: DocumentStore, now: datetime) -> dict[str, Any]:
    """What `/readyz` says; generation 0 is not ready."""
    state = delivery.generation()
    found = delivery.health
    why = []
    if delivery.anew:
        why.append(f"the store {delivery.store.name} is being made anew; what it held is served")
    elif not delivery.answers:
        why.append(f"the store {delivery.store.name} doesn't answer; what is prepared is served")
    if recovery.is_stand_in(delivery.store, delivery.config.database):
        why.append(f"the database can't be written; {delivery.store.file} stands in for it")
    if found.degraded:
        why.append(found.degraded)
    if not state.generation:
        why.append("nothing has been loaded yet")
    silent = int(now.timestamp()) - found.checked
    if delivery.followed and found.checked and silent > _SILENCE:
        why.append(f"the folder was last looked at {silent:,} seconds ago")
    loaded = found.loaded or state.loaded
    return {
        "generation": state.generation,
        "loaded": _iso(loaded) if state.generation else None,
        "records": {name: found.counts.get(name, 0) for name in _NUMBERS},
        "entries": found.counts.get("entries", 0),
        "degraded": bool(why),
        "why": "; ".join(why),
    }


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
