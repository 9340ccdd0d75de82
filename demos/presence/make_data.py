"""Print the updates of three trips, as they come in: `python make_data.py`.

Each line is an envelope for `mq publish --framing ndjson`: the routing key, the trip as the message
group, and the update. Trips advance by turns of chance; each tenth update of a trip is a stop.
"""

from __future__ import annotations

import json
from random import Random

TRIPS = (7, 8, 9)
UPDATES = 40
STOP_EVERY = 10


def main() -> None:
    """Print every update of every trip."""
    chance = Random(7)
    ahead = [trip for trip in TRIPS for _ in range(UPDATES)]
    chance.shuffle(ahead)
    sent = dict.fromkeys(TRIPS, 0)
    for trip in ahead:
        sent[trip] += 1
        number = sent[trip]
        kind = "stop" if number % STOP_EVERY == 0 else "position"
        update = {"trip": trip, "number": number, "km": round(number * 0.8, 1)}
        envelope = {"key": f"trip.{trip}.{kind}", "message_group": f"trip-{trip}", "value": update}
        print(json.dumps(envelope))


if __name__ == "__main__":
    main()
