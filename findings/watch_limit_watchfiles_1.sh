#!/usr/bin/env bash
# watchfiles 1.3.0, told to ignore denied permissions, watches a part of the folders when inotify has no more watches.
#
# One would guess: ignore_permission_denied=True is about folders that may not be read. When the system's watches are
# used up (fs.inotify.max_user_watches), watch() raises "OS file watch limit reached", as without it.
#
# What happens: the switch passes over every error of a folder below the watched one, the limit too, and even that of
# the folder itself. watch() begins as ever, without an error or a warning in the log, and tells of changes in those
# folders that got a watch, in no order that one could rely on: of none at all, if there was no watch left.
#
# Why it matters to feeds: after an editor or a sync client has used the watches up, new posts of some folders never come
# into the feed, and those of others do. Without the switch one sees it at the start. Who needs the switch compares the
# folder itself from time to time, or counts its folders against the limit.
#
# What it does: it lowers the limit in a user namespace of its own. Ends with 77 where there are none.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
limited() { # the number of watches, and a command
    unshare --user --map-root-user sh -c 'echo "$0" >/proc/sys/user/max_inotify_watches && exec "$@"' "$@"
}
limited 5 true 2>/dev/null || exit 77
"$scratch/venv/bin/pip" install -q watchfiles==1.3.0
cat >"$scratch/probe.py" <<'PYTHON'
import sys
import tempfile
import threading
from importlib.metadata import version
from pathlib import Path

from watchfiles import watch

limit, expected = int(sys.argv[1]), sys.argv[2:]
FOLDERS = 8  # and the one that they are in

def look(ignore):
    with tempfile.TemporaryDirectory() as root:
        files = [Path(root, f"{number}", "post.md") for number in range(FOLDERS)] + [Path(root, "post.md")]
        for file in files:
            file.parent.mkdir(exist_ok=True)
        stop = threading.Event()
        seen = set()

        def write():
            for file in files:
                file.write_text("One")

        timer = threading.Timer(1, write)
        timer.start()
        end = threading.Timer(4, stop.set)
        end.start()
        try:
            for changes in watch(root, stop_event=stop, ignore_permission_denied=ignore, rust_timeout=500):
                seen |= {path for _, path in changes if path.endswith(".md")}
                if len(seen) == len(files):
                    break
            return f"{len(seen)} of {len(files)}"
        except OSError as error:
            return str(error).partition(".")[0]
        finally:
            timer.join()
            end.cancel()

print(f"watchfiles {version('watchfiles')}, {limit} watches")
changed = False
for ignore, wanted in zip((False, True), expected):
    got = look(ignore)
    print(f"    ignore_permission_denied={ignore!s:5} {got} (expected {wanted})")
    changed |= got != wanted
sys.exit(changed)
PYTHON
probe() { limited "$1" "$scratch/venv/bin/python" "$scratch/probe.py" "$@" || { echo CHANGED && exit 1; }; }
probe 100 "9 of 9" "9 of 9"
probe 4 "OS file watch limit reached" "4 of 9"
probe 0 "OS file watch limit reached" "0 of 9"
echo AS DESCRIBED
