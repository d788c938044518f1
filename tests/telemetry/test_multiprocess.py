"""The directory in which processes count together, and what becomes of the dead."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from feeds.telemetry import multiprocess

DEAD = 4_194_305  # no process: more than any kernel gives (proc(5), pid_max)


def run(code: str, folder: Path) -> list[str]:
    """Lines that a program of its own prints."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


SUCCESSORS = """
import os
from feeds.telemetry import metrics, multiprocess
from feeds.telemetry.metrics import Answers, RequestLabels
labels = RequestLabels("rss", 200, "gzip", "prepared")
with multiprocess.directory():
    first = metrics.Metrics()
    first.loaded("changed", 1)
    for _ in range(5):
        if os.fork() == 0:
            worker = metrics.Metrics()
            worker.holds(3, 700)
            worker.answered({labels: Answers(900, 100, [0.0002, 0.3])})
            os._exit(0)  # as if killed
        os.wait()
    shown = ("requests_total", "sent_bytes_total", "saved_bytes_total", "workers", "loads_total",
             "duration_seconds_sum", "duration_seconds_count", 'le="0.25"')
    for line in first.render().decode().splitlines():
        if not line.startswith("#") and any(one in line for one in shown):
            print(line)
    names = os.listdir(multiprocess.folder())
    print(sorted(name.partition("_")[0] for name in names if name.endswith(".db")))
"""


def test_a_worker_counts_on_where_the_one_before_it_died(tmp_path: Path) -> None:
    assert sorted(run(SUCCESSORS, tmp_path)) == sorted([
        'feeds_load_duration_seconds_bucket{le="0.25",outcome="changed"} 0.0',
        'feeds_load_duration_seconds_count{outcome="changed"} 1.0',
        'feeds_load_duration_seconds_sum{outcome="changed"} 1.0',
        'feeds_loads_total{outcome="changed"} 1.0',
        'feeds_request_duration_seconds_bucket{le="0.25",outcome="prepared"} 5.0',
        'feeds_request_duration_seconds_count{outcome="prepared"} 10.0',
        'feeds_request_duration_seconds_sum{outcome="prepared"} 1.501',
        'feeds_requests_total{coding="gzip",kind="rss",outcome="prepared",status="200"} 10.0',
        'feeds_saved_bytes_total{outcome="prepared"} 500.0',
        'feeds_sent_bytes_total{coding="gzip",kind="rss"} 4500.0',
        "feeds_workers 0.0",
        "['counter', 'counter', 'gauge', 'histogram', 'histogram']",
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["counter_{dead}"], ["counter_{own}"]),
        (["counter_{dead}", "histogram_{dead}"], ["counter_{own}", "histogram_{own}"]),
        (["counter_{dead}", "counter_{own}"], ["counter_{dead}", "counter_{own}"]),
        (["counter_{parent}"], ["counter_{parent}"]),
        (["gauge_livesum_{dead}", "gauge_livesum_{parent}"], ["gauge_livesum_{parent}"]),
    ],
)
def test_files_of_the_dead_alone_are_taken_over_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[str], after: list[str]
) -> None:
    pids = {"dead": DEAD, "own": os.getpid(), "parent": os.getppid()}
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    for name in before:
        (tmp_path / f"{name.format(**pids)}.db").touch()
    multiprocess.enable_multiprocess()
    multiprocess.reap_dead_workers(tmp_path)
    multiprocess.disable_multiprocess()
    assert {path.stem for path in tmp_path.glob("*.db")} == {one.format(**pids) for one in after}


def test_nothing_is_left_when_the_server_ends(tmp_path: Path) -> None:
    code = (
        "import os\nfrom feeds.telemetry import metrics, multiprocess\n"
        "with multiprocess.directory():\n"
        "    metrics.shared().loaded('changed', 1)\n"
        "    made = os.environ['PROMETHEUS_MULTIPROC_DIR']\n"
        "    assert os.listdir(made)\n"
        "    if os.fork() == 0:\n"
        "        raise SystemExit\n"  # a worker that ends removes nothing
        "    os.wait()\n"
        "    assert os.path.isdir(made)\n"
        "assert not os.path.exists(made)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert done.returncode == 0


def test_what_a_killed_server_left_goes_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiprocess, "_MEMORY", tmp_path)
    left, used, fresh = (tmp_path / f"feeds-metrics-{name}" for name in ("left", "used", "fresh"))
    for folder in (left, used, fresh):
        folder.mkdir()
    (left / "server.lock").touch()
    with (used / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with multiprocess.directory():
            assert not left.exists()
            assert used.exists()
            assert fresh.exists()
