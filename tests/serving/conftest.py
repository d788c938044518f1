"""Fixtures of the room: the application over a small folder of records."""

from pathlib import Path

import pytest
from flask import Flask

from tests.helpers.server import application, news


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return news(tmp_path / "records")


@pytest.fixture
def app(folder: Path) -> Flask:
    return application(folder)
