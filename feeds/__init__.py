"""feeds: a folder of news records, syndicated as feeds per topic and per provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from feeds.config import Config

__all__ = ["create_app"]
__version__ = "0.1.0"


def create_app(config: Config | Mapping[str, object] | None = None) -> Flask:
    """The WSGI application, its folder of records loaded: see `feeds.serving.app`."""
    from feeds.serving.app import create_app as create  # which a command may not need

    return create(config)
