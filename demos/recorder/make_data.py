"""Print ten days of deposits and withdrawals, oldest first: `python make_data.py`.

The last day is yesterday, so that there is always a last Tuesday. A day's events lie on the hours.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random

ACCOUNTS = 12
DAYS = 10
EVENTS_A_DAY = 24


def main() -> None:
    """Print every event."""
    chance = Random(3)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for hours in range(DAYS * EVENTS_A_DAY, 0, -1):
        event = {
            "time": (today - timedelta(hours=hours)).isoformat(),
            "account": f"account-{chance.randint(1, ACCOUNTS)}",
            "kind": chance.choice(["deposit", "deposit", "withdrawal"]),
            "cents": chance.randint(1, 500) * 100,
        }
        print(json.dumps(event))


if __name__ == "__main__":
    main()
