"""What a log gives: records with places, readers with bookmarks, and a past to go back to."""

from __future__ import annotations

from collections import Counter, defaultdict

from ..stage import Stage
from .facts import Day, Facts, Flight, gather, parse_flights

PARTITIONS = 3


def store_it(stage: Stage) -> Facts:
    """Scene 1: produce the file into a topic and look where the records went."""
    stage.title("1. Store it")
    stage.say(
        f"""One flight is one line of JSON. A topic keeps them as records, in {PARTITIONS}
        partitions: the key (the airport a flight goes to) chooses the partition, and the scheduled
        departure becomes the record's time."""
    )
    stage.run(f"mq topic create flights --partitions {PARTITIONS} --retention forever")
    stage.run(
        "mq produce flights -f flights.ndjson --key-from value.dest --timestamp-from value.time"
    )
    stage.run("mq topic show flights", table=True, last=PARTITIONS + 1)
    stage.run("mq consume flights -o ndjson > all.ndjson")
    flights = parse_flights(stage.read_lines("all.ndjson"))
    _check_complete(stage, flights)
    _tell_where_they_went(stage, flights)
    facts = gather(flights)
    _tell_the_days(stage, facts)
    return facts


def _check_complete(stage: Stage, flights: list[Flight]) -> None:
    given = len(stage.read_lines("flights.ndjson"))
    with stage.open_store() as store:
        stored = sum(partition.records for partition in store.topic("flights").partitions)
    stage.check(
        given == stored == len(flights),
        f"{given} lines were given, {stored} are stored, {len(flights)} were read",
    )


def _tell_where_they_went(stage: Stage, flights: list[Flight]) -> None:
    homes: dict[str, set[int]] = defaultdict(set)
    for flight in flights:
        homes[flight.key].add(flight.partition)
    stage.check(
        all(len(places) == 1 for places in homes.values()), "one key is in several partitions"
    )
    key, most = Counter(flight.key for flight in flights).most_common(1)[0]
    records = Counter(flight.partition for flight in flights)
    keys = Counter(place for places in homes.values() for place in places)
    shares = ", ".join(
        f"{records[number]:,} records of {keys[number]} keys in partition {number}"
        for number in range(PARTITIONS)
    )
    stage.say(
        f"""{len(flights):,} records, {len(homes)} keys, and each key is in one partition only, so
        flights to one airport stay in order. The partitions are as uneven as the keys: {shares};
        {key} alone has {most:,}. Every record has a place that never changes:"""
    )
    stage.run(f"mq consume flights --where 'key = {key}' -n 3 -F '%t/%p@%o  %k\\n'")


def _tell_the_days(stage: Stage, facts: Facts) -> None:
    stage.say("Counted from all.ndjson, by the day in New York:")
    header = f"{'day':<12}{'flights':>9}{'never left':>13}"
    rows = [f"{day.day!s:<12}{day.flights:>9,}{day.never_left:>13,}" for day in facts.days]
    stage.show("\n".join([header, *rows]))
    worst = facts.worst
    stage.say(
        f"""The worst day is {worst.name}: {worst.never_left:,} of {worst.flights:,} flights never
        left. We will come back to it. Reading without a group stored nothing: the topic does not
        know that anybody looked."""
    )


def two_groups(stage: Stage, facts: Facts) -> None:
    """Scene 2: two groups read the same records, each as far as it likes."""
    stage.title("2. Two readers, one log")
    stage.say(
        """A consumer group has a bookmark in each partition: the offset of the next record to
        read. A departure board stops at the end of the worst day; an audit reads everything."""
    )
    board = stage.run(f"mq consume flights -g board --until {facts.worst.end} | wc -l")
    stage.run("mq consume flights -g audit -o ndjson > first.ndjson")
    stage.run("mq lag", table=True)
    until_then = facts.before(facts.worst.day) + facts.worst.flights
    total = len(facts.flights)
    stage.check(int(board) == until_then, f"board read {board.strip()}, not {until_then}")
    behind, audit_behind = (_lag(stage, group) for group in ("board", "audit"))
    stage.check(
        (behind, audit_behind) == (total - until_then, 0),
        f"board is {behind} behind and audit {audit_behind}",
    )
    stage.say(
        f"""The board read {until_then:,} and is {behind:,} behind; the audit read all {total:,}.
        Neither took anything from the other, for reading removes nothing. (Lag in time is the age
        of the oldest unread record, by its own time, and that is in {facts.worst.day.year}.)"""
    )


def replay_a_day(stage: Stage, facts: Facts) -> None:
    """Scene 3: set one group's bookmarks back to a day and read that day again."""
    worst = facts.worst
    stage.title("3. Read a day again")
    stage.say(
        f"""The audit wants {worst.name} once more. Only its bookmarks have to move. A reset shows
        what it would do, and does it with --apply; that also writes a file that takes it back."""
    )
    before = _committed(stage, "board")
    reset = f"mq group reset audit --topic flights --to {worst.begin}"
    stage.run(reset, table=True)
    stage.run(f"{reset} --apply", table=True)
    stage.run(f"mq consume flights -g audit --until {worst.end} -o ndjson > again.ndjson")
    same = stage.run("sort first.ndjson again.ndjson | uniq -d | wc -l")
    _check_replay(stage, worst, int(same))
    unmoved = _committed(stage, "board")
    stage.check(before == unmoved, f"board moved from {before} to {unmoved}")
    stage.say(
        f"""{worst.flights:,} records came again, and {int(same):,} of their lines stand in the
        first run's file too, letter for letter: address, key, time and value. The board's bookmarks
        are where they were ({_places(unmoved)})."""
    )


def _check_replay(stage: Stage, day: Day, same: int) -> None:
    first = set(stage.read_lines("first.ndjson"))
    again = stage.read_lines("again.ndjson")
    days = {flight.day for flight in parse_flights(again)}
    stage.check(
        len(again) == len(set(again)) == same == day.flights,
        f"{len(again)} records were replayed and {same} were alike, not {day.flights}",
    )
    stage.check(first.issuperset(again), "a replayed record differs from the first reading")
    stage.check(days == {day.day}, f"the replay holds other days than {day.day}")


def _lag(stage: Stage, group: str) -> int:
    with stage.open_store() as store:
        return sum(row.lag for row in store.lag(group))


def _committed(stage: Stage, group: str) -> list[int]:
    with stage.open_store() as store:
        return [row.committed or 0 for row in store.lag(group)]


def _places(offsets: list[int]) -> str:
    return ", ".join(f"flights/{number}@{offset}" for number, offset in enumerate(offsets))
