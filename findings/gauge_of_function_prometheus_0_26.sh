#!/usr/bin/env bash
# prometheus-client 0.26.0 shows 0 for every gauge that a function computes, when it counts over several processes.
#
# One would guess: Gauge.set_function(f) gives what f returns whenever somebody asks, in one process or in several;
# or, as for labels that are removed, warns that it "has not been implemented in multi-process mode yet".
#
# What happens: with PROMETHEUS_MULTIPROC_DIR set, /metrics is read from files that hold the values of inc() and set().
# The function is kept and never called there: the gauge is 0.0 for each process, without a warning, and absent in the
# modes "mostrecent" and "livemostrecent". generate_latest() of the process's own registry still has the right value, so
# a test of one process passes.
#
# Why it matters to feeds: the age of the newest entry, the size of the cache, entries in the store are such gauges,
# and 0 is the best age of all: the alarm "no news for an hour" never rings once there is a second worker. Values that
# many workers report are set at the time of asking, or computed for a registry of one's own at /metrics.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q prometheus-client==0.26.0
cat >"$scratch/probe.py" <<'PYTHON'
import sys
import warnings
from importlib.metadata import version

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MODES = ("all", "max", "livesum", "livemostrecent")
several = sys.argv[1] == "several"
warnings.simplefilter("error", UserWarning)
for mode in MODES:
    Gauge(f"age_{mode}", "Age of the newest entry", multiprocess_mode=mode).set_function(lambda: 4000)
    Gauge(f"plain_{mode}", "The same, as a value", multiprocess_mode=mode).set(4000)
shared = CollectorRegistry()
if several:
    MultiProcessCollector(shared)

def read(registry, name):
    lines = [line for line in generate_latest(registry).decode().splitlines() if line.startswith(name)]
    return float(lines[0].rpartition(" ")[2]) if lines else None

print("prometheus-client", version("prometheus-client"), sys.argv[1])
changed = False
for mode in MODES:
    registries = [REGISTRY, shared] if several else [REGISTRY]
    got = [[read(registry, f"{kind}_{mode}") for kind in ("age", "plain")] for registry in registries]
    of_function = None if mode.endswith("mostrecent") else 0.0
    expected = [[4000.0, 4000.0], [of_function, 4000.0]][: len(registries)]
    print(f"    {mode:14} by function, by set(); own registry, of all processes: {got} (expected {expected})")
    changed |= got != expected
sys.exit(changed)
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py" one || { echo CHANGED && exit 1; }
mkdir "$scratch/shared"
PROMETHEUS_MULTIPROC_DIR=$scratch/shared "$scratch/venv/bin/python" "$scratch/probe.py" several || { echo CHANGED && exit 1; }
echo AS DESCRIBED
