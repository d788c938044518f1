#!/usr/bin/env bash
# Before Python 3.13 an interrupted Thread.join() takes a running thread for one that has ended.
#
# One would guess: join() waits until a thread ends. If Ctrl-C, or any exception of a signal
# handler, ends the waiting, the thread still runs, is_alive() says so, and a second join()
# waits again; the interpreter waits at its end for threads that aren't daemons.
#
# What happens up to 3.12: join() acquires a lock that the thread holds while it runs. When an
# exception comes out of that, it finds the lock taken, believes that it took it itself a moment
# ago, releases it and marks the thread as ended. From then on is_alive() is False, every join()
# returns at once, and the interpreter doesn't wait for the thread. python/cpython #90882
# has it; 3.13 keeps the state of threads in another way.
#
# Why it matters to a feed program: readers of many files, exporters and pollers use
# ThreadPoolExecutor and ProcessPoolExecutor, whose shutdown() is a join of threads. Who presses
# Ctrl-C twice, or is told to stop by two signals, leaves the block while its thread still works:
# files are written after "it has stopped", and what that thread holds when the interpreter ends
# is never released. We saw a load with a ProcessPoolExecutor not end after a second Ctrl-C, in
# some two of ten tries. Waiting for futures instead is no cure: an exception in the middle of
# concurrent.futures.wait() may leave the lock of a future taken. The cure is a handler that notes
# the signal and raises nothing, and a look at the note between short waits.
#
# What it does: interrupts a join on each Python from 3.11 up that it finds, or that PYTHONS
# names. Exits 0 if all is as described, 1 if not, 77 if there aren't both kinds of Python.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cat >"$scratch/probe.py" <<'PYTHON'
import signal
import sys
import threading
import time

end = threading.Event()
ended = []
thread = threading.Thread(target=lambda: (end.wait(30), ended.append(True)))
thread.start()


def interrupt(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    thread.join()
except KeyboardInterrupt:
    pass
alive = thread.is_alive()
start = time.monotonic()
thread.join(0.5)
waited = time.monotonic() - start > 0.4
assert not ended, "the thread runs"
end.set()
print(f"    the thread runs; is_alive() is {alive}, a second join waits: {waited}")
early = sys.version_info < (3, 13)
sys.exit((20 if early else 10) if (alive, waited) == (not early, not early) else 1)
PYTHON

before=0 after=0 changed=0
declare -A seen=()
for python in ${PYTHONS:-$(type -aP python3 python3.1{1..9} || true) \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-9].*/bin/python3}; do
    version=$("$python" -ISc 'import sys; print(sys.version.split()[0]); sys.exit(sys.version_info < (3, 11))' 2>/dev/null) || continue
    [ -z "${seen[$version]:-}" ] || continue
    seen[$version]=1 status=0
    echo "Python $version"
    "$python" -IS "$scratch/probe.py" || status=$?
    case $status in
        20) before=$((before + 1)) ;;
        10) after=$((after + 1)) ;;
        *) changed=$((changed + 1)) ;;
    esac
done
if [ "$changed" -gt 0 ]; then
    echo "CHANGED: $changed of these Pythons behave in another way than described"
    exit 1
fi
if [ "$before" = 0 ] || [ "$after" = 0 ]; then
    echo "NOT HERE: needs a Python before 3.13 ($before found) and a later one ($after found)"
    exit 77
fi
echo "AS DESCRIBED: $before before 3.13, $after later"
