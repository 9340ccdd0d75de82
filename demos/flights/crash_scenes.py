"""What a killed reader leaves behind: at least once, and exactly once with one transaction."""

from __future__ import annotations

import re
from math import ceil
from subprocess import Popen

from ..stage import Stage
from . import tally
from .facts import Facts, Flight, by_carrier, parse_flights


def lose_a_process(stage: Stage, facts: Facts) -> None:
    """Scene 4, first half: kill a reader in the middle and start it again."""
    stage.title("4. Lose a process")
    stage.say(
        """A third group sends notices. We read its output line by line, and kill it (kill -9) in
        the middle: it can't tidy up."""
    )
    killed = _read_and_kill(stage, facts)
    stage.run("mq group show notify", table=True, last=4)
    committed = _committed(stage, "notify")
    stage.say(
        f"It had printed {len(killed):,} records and committed {committed:,}. Start it again:"
    )
    stage.run("mq consume flights -g notify -o ndjson > rest.ndjson")
    again = stage.run("sort killed.ndjson rest.ndjson | uniq -d | wc -l")
    rest = parse_flights(stage.read_lines("rest.ndjson"))
    _check_at_least_once(stage, facts, killed, rest, committed)
    _tell_at_least_once(stage, len(killed), committed, int(again))


def _read_and_kill(stage: Stage, facts: Facts) -> list[Flight]:
    wanted = ceil(len(facts.flights) / 6)
    command = "consume flights -g notify -o ndjson"
    stage.show_command(f"mq {command} > killed.ndjson &")
    stage.show_command("kill -9 $!", note=f"after {wanted:,} lines")
    with stage.start("-m", "mq", *command.split()) as process:
        output = _first_lines(process, wanted)
        process.kill()
        assert process.stdout is not None
        output += process.stdout.read()
    # The last line may have been cut in half; that half is of no use.
    whole = output[: output.rfind(b"\n") + 1]
    stage.write_file("killed.ndjson", whole)
    killed = parse_flights(whole.splitlines())
    stage.check(len(killed) >= wanted, f"the reader ended by itself after {len(killed)} records")
    return killed


def _first_lines(process: Popen[bytes], count: int) -> bytes:
    assert process.stdout is not None
    return b"".join(process.stdout.readline() for _ in range(count))


def _check_at_least_once(
    stage: Stage, facts: Facts, killed: list[Flight], rest: list[Flight], committed: int
) -> None:
    everything = {flight.place for flight in facts.flights}
    printed = {flight.place for flight in killed}
    afterwards = {flight.place for flight in rest}
    missing = everything - printed - afterwards
    repeated = len(printed & afterwards)
    stage.check(not missing, f"{len(missing)} records were printed by neither run")
    stage.check(
        repeated == len(printed) - committed,
        f"{repeated} records came twice, not {len(printed)} - {committed}",
    )
    stage.check(len(rest) == len(everything) - committed, f"the second run read {len(rest)}")


def _tell_at_least_once(stage: Stage, printed: int, committed: int, repeated: int) -> None:
    stage.say(
        f"""{repeated:,} records came twice: those printed and not yet committed
        ({printed:,} - {committed:,}). The {committed:,} committed ones did not come again, and
        none is missing. A bookmark moves after the work, so a crash in between repeats work and
        never skips it. That is "at least once"."""
    )


def count_exactly_once(stage: Stage, facts: Facts) -> None:
    """Scene 4, second half: keep the result and the bookmark in one transaction."""
    stage.say(
        """The cure is to store the result and the bookmark together. tally.py counts flights by
        airline in an SQL table of its own, in the store's file, and commits counts and offsets in
        one transaction. We let it die inside one, just before its commit:"""
    )
    batches = ceil(len(facts.flights) / tally.BATCH)
    fatal = tally.COMMITS_BEFORE_BATCHES + ceil(batches / 2)
    stage.run_to_its_death("python tally.py", {"MQ_CRASH_AT": f"commit.before:{fatal}"})
    counted, _ = _show_table(stage, last=1)
    committed = _committed(stage, tally.GROUP)
    stage.check(counted == committed, f"the table says {counted}, the offsets {committed}")
    stage.say(
        f"""The table holds {counted:,} flights, and the group's offsets add up to {committed:,}:
        the batch it died in left no trace in either. Start it again:"""
    )
    stage.run("python tally.py")
    totals = _show_table(stage)
    _check_tally(stage, facts, totals)
    stage.say(
        f"""{totals[0]:,} flights and {totals[1]:,} that never left, airline by airline what the
        topic holds: nothing lost, nothing counted twice. This holds for what is in the same file. A
        letter that was sent can't be taken back; there, expect repeats."""
    )


def _show_table(stage: Stage, last: int = 0) -> tuple[int, int]:
    output = stage.run("python tally.py --show", last=last)
    sums = re.search(r"^all +(\d+) +(\d+)$", output, re.MULTILINE)
    stage.check(sums is not None, "tally.py --show printed no sums")
    assert sums is not None
    return int(sums[1]), int(sums[2])


def _check_tally(stage: Stage, facts: Facts, totals: tuple[int, int]) -> None:
    expected = by_carrier(facts.flights)
    with stage.open_store() as store, store.transaction() as tx:
        counted = {carrier: (flights, never) for carrier, flights, never in tx.execute(tally.SHOW)}
    stage.check(counted == expected, f"the table says {counted}, the topic {expected}")
    never_left = sum(not flight.left for flight in facts.flights)
    stage.check(totals == (len(facts.flights), never_left), f"the sums are {totals}")


def _committed(stage: Stage, group: str) -> int:
    with stage.open_store() as store:
        return sum(row.committed or 0 for row in store.lag(group))
