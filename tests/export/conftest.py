"""Fixtures of the room: the application over a collection with each kind of feed."""

from pathlib import Path

import pytest
from flask import Flask

from tests.helpers import collection


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return collection.make(tmp_path / "records")


@pytest.fixture
def app(records: Path) -> Flask:
    return collection.site(records)
