import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in a folder of their own, under no settings but those given."""
    for name in [name for name in os.environ if name.startswith("FEEDS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FEEDS_DATABASE_URL", f"sqlite:///{tmp_path / 'feeds.db'}")
    monkeypatch.setattr(
        "feeds.cli.common.INTERVAL", float("inf")
    )  # no progress, however slow it is
    monkeypatch.chdir(tmp_path)
    return tmp_path
