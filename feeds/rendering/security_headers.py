"""Headers that keep what a record says from doing anything in a browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from feeds.config import Config

_EVERYWHERE = [
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
]


def of_page(config: Config) -> list[tuple[str, str]]:
    """The headers of a page: it loads pictures and what is ours, and nobody frames it."""
    return [
        ("Content-Security-Policy", _policy(config, "frame-ancestors 'none'")),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        *_EVERYWHERE,
    ]


def of_framed_page(style: str = "", *, pictures: bool = False) -> list[tuple[str, str]]:
    """The headers of a page that is made to be framed by any site.

    It has no scripts or forms; `style` is the CSP source of the one inline
    style that it may have, `pictures` says whether it shows those of records.
    """
    directives = [
        "default-src 'none'",
        f"style-src 'self' {style}".rstrip(),
        *(["img-src https: http:"] if pictures else []),
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors *",
    ]
    return [
        ("Content-Security-Policy", "; ".join(directives)),
        # For sites that load nothing which doesn't allow it (COEP, HTML 7.1.4).
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        *_EVERYWHERE,
    ]


def _policy(config: Config, framing: str) -> str:
    """CSP 3. A form may lead to the root: addresses redirect to it from other host names."""
    root = urlsplit(config.root)
    icon = urlsplit(config.icon)
    origin = f" {icon.scheme}://{icon.netloc}" if config.icon else ""
    pictures = " https: http:" if config.pictures == "on" else origin
    directives = [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        f"img-src 'self'{pictures}",
        f"form-action 'self' {root.scheme}://{root.netloc}",
        "base-uri 'none'",
        framing,
    ]
    return "; ".join(directives)
