"""Groups with several members, as the command line shows and uses them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from store import Store
from store.model.positions import Position

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

PATIENCE = 60.0
# Without the kernel saying so, the dead reader would keep its partition for 45 s.
TAKEN_OVER_WITHIN = 30.0


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait for something that another process brings about."""
    deadline = monotonic() + patience
    while not condition():
        assert monotonic() < deadline, "it did not happen"
        Event().wait(0.01)


def test_a_session_has_to_last(call_mq: RunMq, shop: Store) -> None:
    assert call_mq("consume", "orders", "-g", "g", "--session-timeout", "0s").is_refused(2)
    assert shop.groups() == []


def test_the_partitions_are_shared_by_two_readers(start_mq: StartMq, shop: Store) -> None:
    readers = [start_mq("consume", "orders", "-g", "g", "-f") for _ in range(2)]
    until(lambda: shares(shop) == [1, 2])
    for reader in readers:
        reader.interrupt(signal.SIGTERM)
    printed = [reader.end().text.split() for reader in readers]

    assert sorted(printed[0] + printed[1]) == sorted(3 * list("0123456789"))


def test_a_partition_has_one_reader_and_another_takes_over_when_it_is_killed(
    start_mq: StartMq, path: Path
) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("jobs")
        store.produce("jobs", "1")
        words = ["consume", "jobs", "-g", "g", "-f"]
        active = start_mq(*words, "--member", "a")
        assert active.stdout.readline() == b"1\n"
        until(lambda: store.lag("g")[0].committed == 1)
        standby = start_mq(*words, "--member", "b")
        until(lambda: shares(store) == [0, 1])

        active.process.kill()
        store.produce("jobs", "2")
        begin = monotonic()
        assert standby.stdout.readline() == b"2\n"
        assert monotonic() - begin < TAKEN_OVER_WITHIN
        standby.interrupt(signal.SIGTERM)
        assert standby.end().code == 0


def test_a_member_without_partitions_is_shown_as_idle(call_mq: RunMq, shop: Store) -> None:
    shop.create_topic("jobs")
    with ExitStack() as members:
        for name in ("first", "second"):
            members.enter_context(shop.consumer("g", ["jobs"], member=name))
        found = json.loads(call_mq("group", "members", "g", "-o", "json").out)
        table = call_mq("group", "show", "g", "-o", "table").text

    assert [(one["member"], one["state"], one["partitions"]) for one in found] == [
        ("first", "active", ["jobs/0"]),
        ("second", "idle", []),
    ]
    assert "idle" in table


def test_members_with_a_name_of_their_own_are_shown_as_static(call_mq: RunMq, shop: Store) -> None:
    with (
        shop.consumer("g", ["orders"], member="own"),
        shop.consumer("g", ["orders"], session_timeout=10),
    ):
        found = json.loads(call_mq("group", "show", "g", "-o", "json").out)["members"]

    static = {one["member"] == "own": (one["static"], one["session_timeout"]) for one in found}
    assert static == {True: (True, 45.0), False: (False, 10.0)}


def test_records_that_were_removed_unread_are_told_once(call_mq: RunMq, shop: Store) -> None:
    shop.create_group("g", topics=["orders"])
    with shop.transaction() as tx:
        tx.commit("g", {("orders", 2): 3})
    shop.trim("orders", Position("offset", 8), 2)
    first = call_mq("consume", "orders", "-g", "g")
    second = call_mq("consume", "orders", "-g", "g")

    assert first.err == (
        "mq: warning: orders/2: 5 records (3 to 7) were removed before group g read them;"
        " went on at 8\n"
    )
    assert (first.code, second.code, second.err) == (0, 0, "")


def shares(store: Store) -> list[int]:
    """How many partitions each member owns, the fewest first, once nothing has to move."""
    group = next((group for group in store.groups() if group.name == "g"), None)
    if group is None or group.state != "stable":
        return []
    return sorted(len(member.partitions) for member in group.members)
