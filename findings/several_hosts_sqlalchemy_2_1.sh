#!/usr/bin/env bash
# SQLAlchemy 2.1.9 forgets the first of several PostgreSQL servers, or tells of it late, by the form of the URL.
#
# One would guess: an address that libpq takes as it is ("postgresql://db1:5432,db2:5432/feeds") is one that
# SQLAlchemy takes; a server before the path and others in the query ("db1/feeds?host=db2") are all of them; and
# an address that can't be understood is refused when the engine is made.
#
# What happens: several hosts with ports before the path are a ValueError about int(), without ports they pass. A host
# before the path is dropped without a word when the query has one, as libpq does: the primary is never asked. An IPv6
# address in the query is cut at its first colon: "[" is the host, and the next server is the only one that there is.
# All servers as host=name:port in the query, and as lists in host and port, come through.
#
# Why it matters to feeds: a fleet names the primary and its standbys, with target_session_attrs=read-write. With a
# server that is never asked, the loads of the fleet fail, or only the day when the second one goes. Who takes the
# address from an operator hands it to psycopg itself (create_engine(..., creator=...)), or checks the list that
# create_connect_args() makes of it.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q sqlalchemy==2.1.9 "psycopg[binary]==3.3.9"
cat >"$scratch/probe.py" <<'PYTHON'
from importlib.metadata import version

import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

def servers(arguments):
    hosts = str(arguments["host"]).split(",")
    ports = str(arguments.get("port", "")).split(",")
    return [f"{host} {port}".strip() for host, port in zip(hosts, ports * len(hosts) if len(ports) == 1 else ports)]

def of_libpq(rest):
    return servers(conninfo_to_dict(f"postgresql://{rest}"))

def of_sqlalchemy(rest):
    try:
        engine = sqlalchemy.create_engine(f"postgresql+psycopg://{rest}")
    except ValueError as error:
        return str(error)
    return servers(engine.dialect.create_connect_args(engine.url)[1])

print(*(f"{name} {version(name)}" for name in ("sqlalchemy", "psycopg")), sep=", ")
BOTH = ["db1 5432", "db2 5433"]
changed = False
for rest, libpq, expected in (  # an address without its scheme, and the servers that are asked
    ("db1:5432,db2:5433/feeds", BOTH, "invalid literal for int() with base 10: '5432,db2:5433'"),
    ("db1,db2/feeds", ["db1", "db2"], ["db1", "db2"]),
    ("/feeds?host=db1,db2&port=5432,5433", BOTH, BOTH),
    ("/feeds?host=db1:5432&host=db2:5433", None, BOTH),
    ("db1:5432/feeds?host=db2:5433", None, ["db2 5433"]),
    ("db1:5432/feeds?host=db2&port=5433", ["db2 5433"], ["db2 5433"]),
    ("[::1]:5432/feeds", ["::1 5432"], ["::1 5432"]),
    ("/feeds?host=[::1]:5432&host=db2:5433", None, ["[", "db2 5433"]),
):
    got = of_sqlalchemy(rest)
    print(f"    {rest:37} {got} (expected {expected})")
    changed |= got != expected or (libpq is not None and of_libpq(rest) != libpq)
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
