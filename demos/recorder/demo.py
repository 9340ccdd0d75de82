"""The story of `mq demo recorder`: the record of events is the truth, the rest is worked out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..stage import Stage, Writer

ABOUT = "events as the truth: projections, compaction, last Tuesday"
HERE = Path(__file__).parent
FILES = ("topology.yaml", "make_data.py", "balances.py")
TUESDAY = 1


def tell(writer: Writer, folder: Path, store: Path | None) -> None:
    """Tell the story in an empty folder; with `store`, in that store, which is kept.

    Raises StoryFailed when a command fails or something is not as the story says.
    """
    stage = Stage(writer, folder, store)
    stage.title("Recorder: what happened is the truth, and everything else is worked out from it")
    stage.say(
        """Deposits and withdrawals of ten days. No balance is stored anywhere at first: a balance
        is a sum, and sums can be made again. So nothing may be deleted by reading it, and an
        account's events must keep their order. That is the log's end of the axis."""
    )
    stage.set_up(HERE, FILES)
    stage.run("mq apply topology.yaml")
    events = _record(stage)
    balances = _project(stage, events)
    _compact(stage, events, balances)
    _rebuild(stage, balances)
    _replay(stage, events)


def _record(stage: Stage) -> list[dict[str, str | int]]:
    stage.run("python make_data.py > events.ndjson")
    stage.run(
        "mq produce events -f events.ndjson --key-from value.account --timestamp-from value.time"
    )
    stage.run("mq topic show events", table=True)
    stage.say(
        """The key is the account, so one partition has all of an account's events, in order. Three
        partitions: at most three readers of a group at work. That number can grow, but then keys
        move to other partitions and their order breaks, so it is the choice to think about."""
    )
    return [json.loads(line) for line in stage.read_lines("events.ndjson")]


def _project(stage: Stage, events: list[dict[str, str | int]]) -> dict[str, int]:
    stage.title("Two projections of one record")
    stage.say(
        """balances.py adds the events up in a table. The table, a copy in the topic `balances` and
        the place in the log are stored in one transaction, so that each event counts once, whatever
        is killed. Run again it finds nothing new."""
    )
    stage.run("python balances.py")
    stage.run("python balances.py")
    expected: dict[str, int] = {}
    for event in events:
        cents = int(event["cents"]) * (1 if event["kind"] == "deposit" else -1)
        expected[str(event["account"])] = expected.get(str(event["account"]), 0) + cents
    shown = stage.run("python balances.py --show").strip()
    total = f"{sum(expected.values()) / 100:,.2f}"
    stage.check(shown == f"{len(expected)} accounts hold {total}", f"the table says {shown}")
    stage.say("Another reader of the same record wants each account's last event. No code needed:")
    stage.run("mq project events last_events --pk account")
    with stage.open_store() as store, store.transaction() as tx:
        ((rows,),) = tx.execute("select count(*) from last_events")
    stage.check(rows == len(expected), f"last_events has {rows} rows")
    return expected


def _compact(stage: Stage, events: list[dict[str, str | int]], balances: dict[str, int]) -> None:
    stage.title("Compaction: the newest value of each key")
    stage.say(
        f"""The topic `balances` has a record for each change, {len(events)} in all. Its readers
        want to know how things stand, not how they came about, so it is compacted: bit by bit as it
        is written to, or now."""
    )
    stage.run("mq topic compact balances")
    stage.run("mq topic list", table=True)
    stage.run("mq topic latest balances -F '%k %s\\n'", last=3)
    with stage.open_store() as store:
        latest = {
            (record.key or b"").decode(): json.loads(record.value or b"null")["cents"]
            for record in store.latest("balances")
        }
    stage.check(latest == balances, "the compacted topic says something else")


def _rebuild(stage: Stage, balances: dict[str, int]) -> None:
    stage.title("A projection can be thrown away")
    stage.say(
        """Say balances.py had a bug. Drop the table, set the group back to the beginning, and run
        the better program: the record is still there. (For `mq project` that is `--rebuild`.)"""
    )
    before = stage.run_unseen("python balances.py --show")
    stage.run("python balances.py --drop")
    stage.run("mq group reset balances --topic events --to earliest --apply", table=True)
    stage.run("python balances.py")
    after = stage.run("python balances.py --show")
    stage.check(before == after, "the table made again differs")
    stage.run("mq project events last_events --pk account --rebuild")
    stage.say(f"The same {len(balances)} balances, worked out again from every event.")


def _replay(stage: Stage, events: list[dict[str, str | int]]) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tuesday = today - timedelta(days=(today.weekday() - TUESDAY - 1) % 7 + 1)
    first, end = (f"{day:%Y-%m-%d}T00:00Z" for day in (tuesday, tuesday + timedelta(days=1)))
    stage.title("Last Tuesday again")
    stage.say(
        f"""An auditor asks for Tuesday, {tuesday:%d %B}. Reading by time takes nothing away and
        moves no bookmark:"""
    )
    shown = stage.run(f"mq consume events --from {first} --until {end} -F '%s\\n'", last=3)
    expected = sum(
        tuesday <= datetime.fromisoformat(str(event["time"])) < tuesday + timedelta(days=1)
        for event in events
    )
    stage.check(len(shown.splitlines()) == expected, f"Tuesday has {len(shown.splitlines())}")
    stage.run("mq lag balances", table=True)
    stage.say(
        f"""{expected} events of that day, of {len(events)} that were kept, and the group that
        balances.py reads with is where it was. Its state is one number for each partition, however
        many events there are. What the log asks for in return: space for ever, a number of
        partitions chosen beforehand, and an event that can't be processed holds its partition up
        (see `mq demo stalls`)."""
    )
