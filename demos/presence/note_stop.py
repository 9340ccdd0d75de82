"""Note one stop in its trip's file; run by `mq work dispatch --jobs 4 -- python note_stop.py`."""

from __future__ import annotations

import json
import sys

update = json.load(sys.stdin)
with open(f"stops-{update['trip']}.txt", "a") as file:
    print(update["number"], file=file)
