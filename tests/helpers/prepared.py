"""What tests of prepared documents share."""

import gzip
from typing import Any

import feedparser
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from feeds.serving.documents import Document
from tests.helpers.server import Answer, documents


def cached(app: Flask, address: str) -> Document:
    """The document that was rendered last for an address."""
    rendering = documents(app).cache.last(address)
    assert rendering is not None
    return rendering.document


def titles(answer: Answer) -> list[str]:
    """The titles of the entries of a feed, in order."""
    body = answer.body
    if answer.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return [entry.title for entry in feedparser.parse(body).entries]


def break_store(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every read of the store fail."""

    def fail() -> Any:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(documents(app).store, "read", fail)
    documents(app).watch.look_again()
