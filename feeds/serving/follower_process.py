"""The process beside a server that follows the folder: `feeds follow`, kept running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from feeds.config import Config, environment
from feeds.telemetry import log

_RESTARTS: Final = (0.5, 1.0, 5.0, 30.0)  # seconds until one that died is started again
_STEADY: Final = 60.0  # seconds after which one that dies didn't fail to start
_GRACE: Final = 5.0  # seconds that it is given to end


class FollowerProcess:
    """One such process of a server; none runs until `tend` is called.

    `spawn` starts a program with an environment; `clock` gives monotonic seconds.
    """

    @classmethod
    def of(cls, config: Config) -> FollowerProcess | None:
        """The one that the settings ask for."""
        return cls(config) if config.load == "on" else None

    def __init__(
        self,
        config: Config,
        spawn: Callable[[list[str], Mapping[str, str]], subprocess.Popen[bytes]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environment = os.environ | environment(config)
        self._spawn = spawn or _spawn
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")
        self._deaths = 0
        self._fails = False  # to start

    def tend(self) -> None:
        """Start it, if it doesn't run and it is time to."""
        if self._process is not None and self._process.poll() is None:
            return
        lived = self._clock() - self._started
        if self._process is not None:  # it died
            self._process = None
            self._deaths = 1 if lived > _STEADY else self._deaths + 1
            if self._deaths == 1:  # of several in a row, `silence` in /readyz tells
                log.warn("what follows the folder has ended by itself; it is started again")
        if self._deaths and lived < _RESTARTS[min(self._deaths, len(_RESTARTS)) - 1]:
            return
        self._started = self._clock()
        command = [sys.executable, "-m", "feeds", "follow", "--parent", str(os.getpid())]
        try:
            self._process = self._spawn(command, self._environment)
        except OSError as error:  # no more processes, or no memory
            self._deaths += 1
            if not self._fails:
                log.warn(f"what follows the folder can't be started ({error}); it is tried again")
            self._fails = True
        else:
            self._fails = False

    def load(self) -> None:
        """Have it load at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def end(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended; a load that takes long is broken off, which loses nothing."""
        if self._process is None:
            return
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _spawn(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # A SIGHUP that comes before it can take one waits, and doesn't end it: `feeds follow`
    # takes the mask away.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        return subprocess.Popen(command, env=environment)  # noqa: S603 - our own command
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
