"""Content codings (RFC 9110 8.4): which one a request gets, and making it."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import brotli
import zstandard
from werkzeug.datastructures import Accept

from feeds.serving import request_headers

IDENTITY: Final = "identity"

# In the order of preference where a request has none. The levels are where
# more effort stops paying for documents of this size, since the first request
# after a change waits for it: a feed of 225 kB takes gzip 2.5 ms for 26.8 kB at
# level 5, 4 ms for 25.6 kB at 6; br 2.6 ms for 24.6 kB at 5, 11 ms for 23.8 kB
# at 7; zstd 2.1 ms for 24.8 kB at 6, 3.6 ms for 24.7 kB at 9.
ENCODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "br": lambda body: brotli.compress(body, mode=brotli.MODE_TEXT, quality=5),
    "zstd": lambda body: zstandard.ZstdCompressor(level=6).compress(body),
    "gzip": lambda body: gzip.compress(body, compresslevel=5, mtime=0),
}


@lru_cache(maxsize=1024)
def choose(header: str | None) -> str | None:
    """The coding for an Accept-Encoding header (RFC 9110 12.5.3).

    The acceptable one of the highest quality, ours by preference among
    equals; identity when none of them fits; None when identity is refused
    too. Without a header, identity.
    """
    if header is None:
        return IDENTITY
    accepted = request_headers.accept(header)
    qualities = {coding: _quality(accepted, coding) for coding in ENCODERS}
    best = max(qualities, key=lambda coding: qualities[coding])
    identity = _identity_quality(accepted)
    if qualities[best] > 0 and qualities[best] >= (identity or 0):
        return best
    return IDENTITY if identity != 0 else None


def _quality(accepted: Accept, coding: str) -> float:
    return float(accepted.quality(coding))


def _identity_quality(accepted: Accept) -> float | None:
    """The quality that the header gives identity; None when it says nothing, which accepts it."""
    for value, quality in accepted:
        if value.lower() == IDENTITY:
            return float(quality)
    for value, quality in accepted:
        if value == "*" and not quality:
            return 0.0
    return None
