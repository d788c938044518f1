"""The chores run what they say, as far as that can be seen without their work."""

import os
import subprocess
import sysconfig

import pytest

from tests.helpers.server import PROJECT

pytestmark = pytest.mark.servers  # bash and sed


def chore(*arguments: str) -> str:
    """What a chore writes, with the programs beside the Python that runs the tests."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["./chore", *arguments],
        cwd=PROJECT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def collected(*arguments: str) -> set[str]:
    """The files of the tests that a chore would run."""
    lines = chore(*arguments, "--collect-only", "-q", "-n0", "-p", "no:cacheprovider").splitlines()
    return {line.partition(":")[0] for line in lines if line.startswith("tests/")}


def test_without_a_name_all_chores_are_listed() -> None:
    names = {line.split()[0] for line in chore().splitlines()}
    assert names == {
        "test", "all", "lint", "types", "rooms", "golden", "serve", "bench", "screenshots"
    }  # fmt: skip


def test_all_runs_what_the_tests_by_default_leave_out() -> None:
    slow, fast = "tests/system/test_readers.py", "tests/test_slugs.py"
    assert collected("all", slow, fast) == {slow, fast}
    assert collected("test", slow, fast) == {fast}


def test_golden_writes_every_golden_file_anew() -> None:
    users = {
        str(path.relative_to(PROJECT))
        for path in PROJECT.glob("tests/*/test_*.py")
        if "golden" in path.read_text(encoding="utf-8").casefold()
    }
    assert collected("golden") == users
