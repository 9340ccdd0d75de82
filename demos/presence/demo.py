"""The story of `mq demo presence`: a hub fans out where vehicles are, and forgets it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from ..stage import Stage, Writer

ABOUT = "a hub that fans out: exchanges, order in a trip, no replay"
HERE = Path(__file__).parent
FILES = ("topology.yaml", "make_data.py", "phone.py", "note_stop.py")
KEPT = 20
JOBS = 3


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises StoryFailed when a command fails or something is not as the story says.
    """
    stage = Stage(writer, folder, store)
    stage.title("Presence: the position of a vehicle is worth nothing once there is a newer one")
    stage.say(
        """A hub sends where each vehicle is to the phones that follow it. Yesterday's position
        interests no phone, so there is no log to keep: each phone has a queue, which deletes what
        was read. Who gets what is a matter of bindings."""
    )
    stage.set_up(HERE, FILES)
    stage.run("mq apply topology.yaml")
    _route(stage)
    updates = _publish(stage)
    _listen(stage, updates)
    _keep_order(stage, updates)
    _join_late(stage)
    _compare(stage)


def _route(stage: Stage) -> None:
    stage.title("One exchange, and a binding for each interest")
    stage.say("Where would a stop of trip 7 go? (`--explain` also tells why it goes nowhere else.)")
    stage.run("mq route trips -k trip.7.stop", table=True)


def _publish(stage: Stage) -> list[dict[str, int]]:
    stage.run("python make_data.py > updates.ndjson")
    updates = [json.loads(line)["value"] for line in stage.read_lines("updates.ndjson")]
    stage.run("mq publish trips --framing ndjson -f updates.ndjson")
    stage.say(
        f"""The hub said {len(updates)} things and knew of no phone. Each update was copied to
        every queue that it reaches, all in one transaction."""
    )
    return updates


def _listen(stage: Stage, updates: list[dict[str, int]]) -> None:
    stage.title("A phone that slept keeps the newest")
    stage.run("mq queue list", table=True)
    of_trip_7 = sum(update["trip"] == 7 for update in updates)
    stage.check(of_trip_7 > KEPT, "trip 7 has too few updates to fill a queue")
    stage.say(
        f"""Ada follows trip 7, which had {of_trip_7} updates. Her phone was off, and its queue
        keeps {KEPT}: with `max_length`, the oldest makes way for the newest. Neither the hub nor
        Bob waited for her."""
    )
    ada = stage.run("python phone.py ada")
    stage.check(f"{KEPT} of them, in order" in ada, "Ada's phone shows something else")
    bob = stage.run("python phone.py bob")
    stage.check(bob.count("in order") == 2, "Bob's phone shows something else")


def _keep_order(stage: Stage, updates: list[dict[str, int]]) -> None:
    stage.title("Order within a trip, and trips side by side")
    stage.say(
        f"""Dispatch notes each stop, with {JOBS} workers at once. The message group is the trip:
        while one stop of a trip is being noted, its next one waits, and other trips go on."""
    )
    stage.run(f"mq work dispatch --once --jobs {JOBS} -- python note_stop.py")
    stops = Counter(update["trip"] for update in updates if update["number"] % 10 == 0)
    for trip, count in sorted(stops.items()):
        noted = [int(line) for line in stage.read_lines(f"stops-{trip}.txt")]
        stage.check(noted == sorted(noted), f"the stops of trip {trip} are out of order")
        stage.check(len(noted) == count, f"trip {trip} has {len(noted)} stops, not {count}")
    stage.say(f"{sum(stops.values())} stops of {len(stops)} trips, each trip's in its order.")


def _join_late(stage: Stage) -> None:
    stage.title("There is no replay")
    stage.say("Carla begins to follow trip 7 now. What was said before is not told again:")
    stage.run("mq queue create carla --fifo --ttl 1m --max-length 20")
    stage.run("mq bind trips carla -k 'trip.7.#'")
    nothing = stage.run("python phone.py carla")
    stage.check(nothing.strip() == "nothing yet", "Carla's phone shows what was before")
    stage.run(
        "mq publish trips -k trip.7.position --message-group trip-7"
        """ '{"trip": 7, "number": 41, "km": 32.8}'"""
    )
    stage.check("1 of them" in stage.run("python phone.py carla"), "Carla's phone shows nothing")
    stage.say("And an update that no phone follows is dropped, or returned if the hub asks:")
    stage.run_refused("mq publish trips -k trip.5.position --mandatory --message-group trip-5 '{}'")


def _compare(stage: Stage) -> None:
    stage.title("Why a queue each, and not a log")
    stage.run("mq queue list", table=True)
    stage.say(
        """What was read is gone, so the store holds what is under way and nothing else. A phone
        that is off costs its twenty newest updates, however long it is off. A log would keep every
        position for every phone to step over, and would ask how many partitions there are: the
        number of trips side by side, chosen once. Here it is the number of message groups, and
        nothing was chosen."""
    )
