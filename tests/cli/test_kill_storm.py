"""kill -9 of every kind of command at once: nothing is lost, and nothing is there twice.

`MQ_KILL_SEED` repeats the choices of a run, `MQ_STORM_SECONDS` makes it longer or shorter.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from time import monotonic

import pytest

from store import Record, Store
from tests.support.invariants import check_all
from tests.support.kill_actors import POISON, RECEIPT_SECONDS, Works, numbers, pipe, read, work
from tests.support.kill_storm import KillStorm, run_mq
from tests.support.queue_invariants import check_queue_invariants
from tests.support.share_invariants import check_share_invariants

pytestmark = pytest.mark.xdist_group("kill_storm")

SECONDS = float(os.environ.get("MQ_STORM_SECONDS", "3"))
NIGHTLY_SECONDS = float(os.environ.get("MQ_STORM_SECONDS", "600"))
LENGTHS = [
    pytest.param(SECONDS, id="short"),
    pytest.param(NIGHTLY_SECONDS, id="long", marks=pytest.mark.nightly),
]


@pytest.fixture(scope="module", params=LENGTHS)
def after(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[KillStorm, Works]:
    """The store after the storm, and after all that was begun has been brought to its end."""
    seed = int(os.environ.get("MQ_KILL_SEED") or random.randrange(1 << 32))
    print(f"repeat with MQ_KILL_SEED={seed}")
    path = tmp_path_factory.mktemp("commands") / "store.db"
    works, storm = Works(path), KillStorm(path, seed)
    works.prepare()
    storm.rage(works.actors(), request.param)
    points = sorted({point for _, point in storm.kills})
    print(
        f"{storm.killed()} of {storm.runs} killed:", {at: storm.killed(point=at) for at in points}
    )
    print(f"the longest wait of a writer beside them: {storm.longest_wait:.3f} s")
    heal(works)
    return storm, works


def heal(works: Works) -> None:
    """Run every command once more, and undisturbed."""
    path = works.path
    for load in works.loads.values():
        assert run_mq(path, *load.command()).code == 0
    works.note_printed(run_mq(path, *read()))
    assert run_mq(path, *pipe("in", "out", "-g", "copier")).code == 0
    assert run_mq(path, *pipe("feed", "fed")).code == 0
    assert run_mq(path, *work("packers", "share.book", "--once")).code == 0
    wait_for_receipts(works)
    while run_mq(path, *work("jobs", "jobs.book", "--once", fails=True)).code:
        # Poison fails until it is a dead letter.
        pass
    assert run_mq(path, "topic", "compact", "table").code == 0
    assert run_mq(path, "backup", "backup.last.db").code == 0


def wait_for_receipts(works: Works) -> None:
    """Let the leases of `mq receive` run out, whose receipts went with the commands.

    Those outlive the command that received, as its caller may: no worker gets such a job before.
    """
    deadline = monotonic() + 2 * RECEIPT_SECONDS
    with Store.open(works.path) as store:
        while leases := store.leases("jobs"):
            assert monotonic() < deadline, leases
            store.wait(store.changed(), min(lease.seconds_left for lease in leases))


@pytest.fixture
def storm(after: tuple[KillStorm, Works]) -> KillStorm:
    """How often which commands were killed."""
    return after[0]


@pytest.fixture
def works(after: tuple[KillStorm, Works]) -> Works:
    """What they were to do, and what they said."""
    return after[1]


@pytest.fixture
def present(works: Works) -> dict[tuple[int, int], str]:
    """The values of the topic that is loaded, read and copied, by place."""
    return {(r.partition, r.offset): text(r) for r in everything(works, "in", 2)}


def everything(works: Works, topic: str, partitions: int = 1) -> list[Record]:
    """Every record of a topic, partition by partition."""
    with Store.open(works.path) as store:
        found = [store.read(topic, number, limit=10_000_000) for number in range(partitions)]
    return [record for records in found for record in records]


def text(record: Record) -> str:
    return (record.value or b"").decode()


def test_every_named_point_was_hit(storm: KillStorm, works: Works) -> None:
    points = {point for actor in works.actors() for point in actor.points}

    assert {point for point in points if not storm.killed(point=point)} == set()


def test_every_confirmed_record_is_where_it_was_confirmed(
    works: Works, present: dict[tuple[int, int], str]
) -> None:
    assert works.confirmed
    assert works.confirmed.items() <= present.items()


def test_no_record_is_there_twice(present: dict[tuple[int, int], str]) -> None:
    assert [value for value, times in Counter(present.values()).items() if times > 1] == []


@pytest.mark.parametrize(
    ("topic", "name"), [("in", "load"), ("log", "event"), ("parcels", "parcel")]
)
def test_a_load_that_is_run_again_after_each_kill_is_stored_once_and_in_order(
    works: Works, topic: str, name: str
) -> None:
    values = [text(record) for record in everything(works, topic, 2 if topic == "in" else 1)]

    assert numbers(values, name) == list(range(len(works.loads[name].lines)))


def test_a_reader_printed_every_record_and_repeated_at_most_a_batch_for_each_kill(
    storm: KillStorm, works: Works, present: dict[tuple[int, int], str]
) -> None:
    assert works.printed == present
    assert works.repeated <= 500 * storm.killed(actor="reader")


def test_a_pipe_stored_its_output_exactly_once(
    works: Works, present: dict[tuple[int, int], str]
) -> None:
    outputs = sorted(text(record) for record in everything(works, "out"))

    assert outputs == sorted(f"done {value}" for value in present.values())


def test_a_publish_reached_both_of_its_destinations(works: Works) -> None:
    fed = sorted(text(record) for record in everything(works, "fed"))

    assert fed == sorted(f"done {line}" for line in works.loads["event"].lines)


def test_every_job_was_done_before_it_was_acknowledged_or_is_a_dead_letter(works: Works) -> None:
    with Store.open(works.path) as store:
        dead = [(m.value or b"").decode() for m in store.messages("jobs.dead", limit=1_000_000)]
        jobs, letters = store.queue("jobs"), store.queue("jobs.dead")
    gone = {*works.loads["job"].lines} - {*dead}

    assert gone <= {*works.book("jobs.book")} | works.acking
    assert not {*dead} & works.acked
    assert {
        line for line in works.loads["job"].lines if line.endswith(POISON)
    } & gone <= works.acking
    assert (jobs.messages, jobs.dropped, letters.dropped, letters.acknowledged) == (0, 0, 0, 0)
    assert jobs.acknowledged == len(gone), "each is acknowledged once"
    assert len(dead) == len({*dead})


def test_every_record_of_the_share_was_worked_and_few_were_worked_again(
    storm: KillStorm, works: Works
) -> None:
    worked = Counter(works.book("share.book"))
    with Store.open(works.path) as store:
        assert [row.lag for row in store.lag("packers")] == [0]

    assert worked.keys() == {*works.loads["parcel"].lines}
    # Two jobs run at once, and two that have ended may not be settled yet.
    assert worked.total() - len(worked) <= 4 * storm.killed(actor="packer")


def test_compaction_kept_the_newest_value_of_each_key(works: Works) -> None:
    newest = dict(line.split(":") for line in works.loads["table"].lines)

    kept = {(r.key or b"").decode(): text(r) for r in everything(works, "table")}
    assert kept == newest


def test_whatever_has_the_name_of_a_backup_is_whole_and_a_beginning_of_the_store(
    works: Works, present: dict[tuple[int, int], str]
) -> None:
    assert len(works.copies()) > 1
    for copy in works.copies():
        with Store.open(copy) as store:
            assert store.verify() == []
            ends = {p.partition: p.end for p in store.topic("in").partitions}
            held = {
                (r.partition, r.offset): text(r)
                for number in ends
                for r in store.read("in", number, limit=10_000_000)
            }
        assert held == {at: value for at, value in present.items() if at[1] < ends[at[0]]}


def test_no_draft_of_a_killed_backup_is_left(works: Works) -> None:
    assert [*works.folder.glob("backup.last.db.*")] == []


def test_the_file_is_sound_after_the_storm(works: Works) -> None:
    done = run_mq(works.path, "verify")
    assert (done.code, done.lines) == (0, ["address\tproblem"])
    with Store.open(works.path) as store:
        check_all(store)
    check_queue_invariants(works.path)
    check_share_invariants(works.path)
