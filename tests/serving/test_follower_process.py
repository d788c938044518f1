import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, cast

import pytest

from feeds.config import Config, read
from feeds.serving.follower_process import FollowerProcess


class Process:
    """Stands in for subprocess.Popen, and notes what it is sent."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.sent: list[Any] = []

    def poll(self) -> int | None:
        return self.code

    def send_signal(self, number: int) -> None:
        self.sent.append(number)

    def terminate(self) -> None:
        self.sent.append("terminate")

    def kill(self) -> None:
        self.sent.append("kill")

    def wait(self, timeout: float | None = None) -> int:
        if timeout is not None and "kill" not in self.sent:
            raise subprocess.TimeoutExpired("feeds", timeout)
        return 0


class Host:
    """A machine on which processes are started at known times."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.commands: list[list[str]] = []
        self.processes: list[Process] = []
        self.follower = FollowerProcess(read({"seeds": "news"}), self.spawn, lambda: self.now)

    def spawn(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        assert environment["FEEDS_SEEDS"] == "news"
        self.commands.append(command)
        self.processes.append(Process())
        return cast("subprocess.Popen[bytes]", self.processes[-1])

    def seconds_until_restart(self, lived: float) -> float:
        """Has the process end after a time, and waits for the next one."""
        begun, number = self.now, len(self.processes)
        self.now += lived
        self.processes[-1].code = 1
        for _ in range(1000):
            self.follower.tend()
            if len(self.processes) > number:
                break
            self.now += 0.25
        return self.now - begun


def test_it_is_started_once_and_asked_to_end_with_its_server() -> None:
    host = Host()
    host.follower.tend()
    host.follower.tend()
    assert host.commands == [
        [sys.executable, "-m", "feeds", "follow", "--parent", str(os.getpid())]
    ]


def test_one_that_dies_at_once_is_started_again_less_and_less_often() -> None:
    host = Host()
    host.follower.tend()
    assert [host.seconds_until_restart(0) for _ in range(6)] == [0.5, 1, 5, 30, 30, 30]


def test_one_that_ran_for_long_is_started_again_at_once() -> None:
    host = Host()
    host.follower.tend()
    host.seconds_until_restart(0)
    host.seconds_until_restart(0)
    assert host.seconds_until_restart(61) == 61
    assert host.seconds_until_restart(0) == 1


def test_one_that_dies_is_told_once_in_a_row(caplog: pytest.LogCaptureFixture) -> None:
    host = Host()
    host.follower.tend()
    host.now += 61
    host.processes[-1].code = -signal.SIGKILL
    host.follower.tend()
    for _ in range(3):
        host.seconds_until_restart(0)
    host.seconds_until_restart(61)
    line = "what follows the folder has ended by itself; it is started again"
    assert caplog.messages == [line, line]


def test_one_that_cannot_be_started_is_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host, refusals = Host(), [BlockingIOError("no more processes")] * 3

    def spawn(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        if refusals:
            raise refusals.pop()
        return host.spawn(command, environment)

    host.follower = FollowerProcess(read({"seeds": "news"}), spawn, lambda: host.now)
    waited = 0.0
    while not host.processes:
        host.follower.tend()
        host.now, waited = host.now + 0.25, waited + 0.25
    assert 6.5 <= waited < 8
    assert caplog.messages == [
        "what follows the folder can't be started (no more processes); it is tried again"
    ]


def test_it_loads_on_a_signal_and_is_killed_when_it_does_not_end() -> None:
    host = Host()
    for step in (host.follower.load, host.follower.end, host.follower.wait):
        step()  # none runs yet
    host.follower.tend()
    for step in (host.follower.load, host.follower.end, host.follower.wait):
        step()
    assert host.processes[0].sent == [signal.SIGHUP, "terminate", "kill"]


def test_none_runs_where_nothing_is_to_be_loaded() -> None:
    assert FollowerProcess.of(Config(load="off")) is None
    assert isinstance(FollowerProcess.of(Config(load="on")), FollowerProcess)
