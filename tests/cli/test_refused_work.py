"""Work whose outcome can't count any more: how it is told, and leases that rule it out."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import BadInput, NewMessage, NewRecord, Store
from store.model.addresses import parse_address
from tests.cli.test_work import wait_for_lines

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

TAKE_IT = "read n; echo $n >> begun; while [ ! -e go ]; do sleep 0.02; done"


@pytest.fixture(params=["standard", "fifo", "share"])
def jobs(path: Path, request: pytest.FixtureRequest) -> Path:
    """Two things to be done, of a queue or share `jobs`."""
    with Store.open(path, create=True, durability="normal") as store:
        if request.param == "share":
            store.create_topic("t")
            store.create_share("jobs", "t")
            store.produce_many("t", [NewRecord("0"), NewRecord("1")])
        else:
            store.create_queue("jobs", fifo=request.param == "fifo")
            messages = [NewMessage(f"{n}", message_group="g") for n in range(2)]
            store.send_many("jobs", messages)
    return path


def take_away(path: Path) -> None:
    """Take from its holder what is being worked on, and hand it to another one."""
    with Store.open(path) as store:
        (lease, *_) = store.leases("jobs")
        store.nack([lease.receipt], delay=0)
        take = store.acquire if store.kind("jobs") == "share" else store.receive
        assert len(take("jobs")) == 1


def test_work_once_ends_with_4_when_an_acknowledgement_was_refused(
    start_mq: StartMq, jobs: Path
) -> None:
    running = start_mq("work", "jobs", "--once", "--", "sh", "-c", TAKE_IT)
    wait_for_lines(jobs.with_name("begun"))
    take_away(jobs)
    jobs.with_name("go").touch()
    run = running.end()

    assert run.code == 4
    assert "mq: error: the lease on " in run.err


def test_a_follower_warns_and_goes_on(start_mq: StartMq, jobs: Path) -> None:
    running = start_mq("work", "jobs", "--", "sh", "-c", TAKE_IT)
    wait_for_lines(jobs.with_name("begun"))
    take_away(jobs)
    running.interrupt(signal.SIGTERM)
    jobs.with_name("go").touch()
    run = running.end()

    assert run.code == 0
    assert "mq: warning: " in run.err


def test_work_that_a_stopped_process_did_too_late_is_refused(start_mq: StartMq, path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("jobs", fifo=True, lease=1)
        store.send("jobs", "0", message_group="g")
    running = start_mq("work", "jobs", "--once", "--", "sh", "-c", TAKE_IT)
    wait_for_lines(path.with_name("begun"))
    os.kill(running.process.pid, signal.SIGSTOP)
    path.with_name("go").touch()
    with Store.open(path) as store:
        store.wait(store.changed(), 1.1)
    os.kill(running.process.pid, signal.SIGCONT)

    assert running.end().code == 4


def test_a_group_that_was_reset_meanwhile_refuses_the_commit(start_mq: StartMq, path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("t")
        store.produce_many("t", [NewRecord("0"), NewRecord("1")])
        running = start_mq("work", "t", "-g", "g", "--once", "--", "sh", "-c", TAKE_IT)
        wait_for_lines(path.with_name("begun"))
        store.skip("g", parse_address("t/0@0"))
    path.with_name("go").touch()

    assert running.end().code == 4


# Leases that end as they begin.


@pytest.fixture
def no_lease(path: Path) -> Path:
    """A FIFO queue whose leases end at once, a standard one alike, and a queue for results."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("done")
        store.create_queue("bills", fifo=True, lease=0)
        store.create_queue("mails", lease=0)
        store.send("bills", "a", message_group="g")
        store.send("mails", "a")
    return path


@pytest.mark.parametrize(
    "words", ["work bills --once -- true", "consume bills", "pipe bills done --once -- cat"]
)
def test_what_could_settle_nothing_is_refused_before_anything_is_leased(
    call_mq: RunMq, no_lease: Path, words: str
) -> None:
    run = call_mq(*words.split())

    assert run.is_refused(2)
    assert "hint: mq queue alter bills --lease 30s" in run.err
    with Store.open(no_lease) as store:
        assert store.message("bills", 0).deliveries == 0


def test_a_standard_queue_takes_the_late_word(call_mq: RunMq, no_lease: Path) -> None:
    assert call_mq("work", "mails", "--once", "--", "true").code == 0
    with Store.open(no_lease) as store:
        assert store.queue("mails").acknowledged == 1


def test_receive_from_a_fifo_queue_may_lock_nothing_as_in_sqs(
    call_mq: RunMq, no_lease: Path
) -> None:
    assert call_mq("receive", "bills").code == 0
    assert call_mq("receive", "bills").code == 0


def test_a_share_has_no_lease_of_zero(call_mq: RunMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("t")
        store.create_share("s", "t")
        store.produce("t", "a")
        for call in (
            lambda: store.create_share("other", "t", lease=0),
            lambda: store.alter_share("s", lease=0),
            lambda: store.acquire("s", lease=0),
        ):
            with pytest.raises(BadInput, match=r"lease is out of range|longer than 0"):
                call()
    for words in (
        ["share", "create", "other", "t", "--lease", "0s"],
        ["share", "alter", "s", "--lease", "0s"],
        ["receive", "s", "--lease", "0s"],
    ):
        assert call_mq(*words).is_refused(2)


def test_a_topology_file_gives_no_share_a_lease_of_zero(call_mq: RunMq, path: Path) -> None:
    file = path.with_name("t.yaml")
    file.write_text("version: 1\ntopics: {t: {}}\nshares:\n  s: {topic: t, lease: 0s}\n")

    run = call_mq("validate", str(file))
    assert run.code == 2
    assert "lease is out of range: from 1ms" in run.err
