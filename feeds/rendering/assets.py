"""Files that pages load from this site: stylesheet, script, icons. Read once, at import."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "static"
# In seconds. A page names the version it was made with, so it never meets
# another; but a proxy that drops parameters shouldn't keep an old one for long.
MAX_AGE: Final = 604_800
# Other sites, readers and browsers load these, by a name without a version.
_PASTED: Final = ("badge.svg", "favicon.ico", "headlines.js", "icon.png")
_PASTED_MAX_AGE: Final = 86_400
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A static file; `version` is a digest of its bytes, `max_age` in seconds."""

    body: bytes
    media_type: str
    version: str
    max_age: int


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    version = hashlib.blake2b(body, digest_size=5).hexdigest()
    max_age = _PASTED_MAX_AGE if path.name in _PASTED else MAX_AGE
    return Asset(body, _MEDIA_TYPES[path.suffix], version, max_age)


# Which of them the setting of an icon stands for.
ICONS: Final = ("favicon.ico", "apple-touch-icon.png")
# By the path below the root. Browsers and phones look for two icons there by themselves.
ASSETS: Final = {
    f"{'' if path.suffix == '.ico' else 'static/'}{path.name}": _read(path)
    for path in sorted(FOLDER.iterdir())
    if path.suffix in _MEDIA_TYPES
} | {"apple-touch-icon.png": _read(FOLDER / "icon.png")}
