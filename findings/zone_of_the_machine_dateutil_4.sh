#!/usr/bin/env bash
# python-dateutil 4.0.0 reads the zone of a feed's date by the machine's own zone, and EST as summer time.
#
# One would guess: "Mon, 06 May 2024 07:08:09 EST" is 12:08:09 UTC on every machine (RFC 822 5.1 lists EST, EDT, CST, ...
# with their offsets, and email.utils knows them); a parser that doesn't know them would leave the time without a zone.
#
# What happens: it does leave it without one, unless the letters are a name of the machine's zone; then the time is
# local. In New York EST is taken for "here", and here it is summer in May: 11:08:09 UTC, an hour early. In Shanghai
# CST is China's: 23:08:09 of the day before, 14 hours early. In London BST is read, elsewhere not.
# With ignoretz or tzinfos= one decides oneself; the default warns of unknown names, not of these.
#
# Why it matters to feeds: RSS has such names to this day. The same feed has other dates on a laptop than on the
# server and in CI, which run in UTC; entries come out of order, and "published in the last hour" is wrong by the
# zone. Dates of RSS are for email.utils.parsedate_to_datetime; a server writes +0000.
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && python3 -m venv "$scratch/venv" || exit 77
"$scratch/venv/bin/pip" install -q python-dateutil==4.0.0
cat >"$scratch/probe.py" <<'PYTHON'
import os
import time
import warnings
from datetime import timezone
from email.utils import parsedate_to_datetime
from importlib.metadata import version

from dateutil import parser

warnings.simplefilter("ignore")
UTC, NEW_YORK, SHANGHAI, LONDON = "UTC0", "EST5EDT,M3.2.0,M11.1.0", "CST-8", "GMT0BST,M3.5.0/1,M10.5.0"

def moment(parse, text):
    value = parse(text)
    return f"{value.astimezone(timezone.utc):%d %H:%M}" if value.tzinfo else "no zone"

print("python-dateutil", version("python-dateutil"))
changed = False
for zone_name, machine, expected, of_email in (
    ("EST", UTC, "no zone", "06 12:08"),
    ("EST", NEW_YORK, "06 11:08", "06 12:08"),
    ("EDT", NEW_YORK, "06 11:08", "06 11:08"),
    ("CST", NEW_YORK, "no zone", "06 13:08"),
    ("CST", SHANGHAI, "05 23:08", "06 13:08"),
    ("BST", LONDON, "06 06:08", "no zone"),
    ("BST", UTC, "no zone", "no zone"),
    ("+0100", LONDON, "06 06:08", "06 06:08"),
):
    os.environ["TZ"] = machine
    time.tzset()
    text = f"Mon, 06 May 2024 07:08:09 {zone_name}"
    got, other = moment(parser.parse, text), moment(parsedate_to_datetime, text)
    print(f"    {zone_name:5} with TZ={machine[:7]:7} {got}, email.utils {other} (expected {expected}, {of_email})")
    changed |= (got, other) != (expected, of_email)
raise SystemExit("CHANGED" if changed else print("AS DESCRIBED"))
PYTHON
"$scratch/venv/bin/python" "$scratch/probe.py"
