"""Commands for groups, dead letters and shares on Kafka: exit codes, and what is unknown."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from mq.command_line import run
from store import open_place
from store.engine.broker import Broker
from tests.support import kafka_server

pytestmark = pytest.mark.xdist_group("kafka")


class Run(NamedTuple):
    """The outcome of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


Call = Callable[[str], Run]


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, Broker]]:
    """A topic with four records, its dead letters, a share, and a group at its second record."""
    with kafka_server.emptied() as url, open_place(url) as broker:
        for topic in ("orders", "orders.dlq"):
            broker.create_topic(topic)
        broker.produce_many("orders", [b"0", b"1", b"2", b"3"])
        broker.create_share("packers", "orders")
        broker.reset_group("billing", {("orders", 0): 1})
        yield url, broker


@pytest.fixture
def call(cluster: tuple[str, Broker], capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs a command on the cluster, in this process."""

    def called(line: str) -> Run:
        code = run(["-s", cluster[0], *shlex.split(line)])
        return Run(code, *capfd.readouterr())

    return called


def test_lag_says_that_it_is_a_bound_and_what_is_unknown(call: Call) -> None:
    (row,) = call("lag billing -o json").json
    assert (row["committed"], row["end"], row["lag"], row["lag_exact"]) == (1, 4, 3, False)
    assert row["lag_seconds"] > 0
    assert (row["lag_bytes"], row["trend"], row["member"]) == (None, None, None)


def test_a_group_has_no_generation_and_its_members_no_pid(
    call: Call, cluster: tuple[str, Broker]
) -> None:
    with cluster[1].consumer("shown", ["orders"], timeout=20.0):
        group = call("group show shown -o json").json
    assert (group["state"], group["generation"]) == ("stable", None)
    (member,) = group["members"]
    assert (member["partitions"], member["pid"], member["joined"]) == (["orders/0"], None, None)


def test_a_live_group_is_not_reset(call: Call, cluster: tuple[str, Broker]) -> None:
    with cluster[1].consumer("live", ["orders"], timeout=20.0) as member:
        member.commit({("orders", 0): 2})
        done = call("group reset live --topic orders --to earliest --apply")
    assert (done.code, done.out) == (4, "")
    assert "has live members" in done.err


def test_force_is_no_way_around(call: Call) -> None:
    done = call("group reset billing --topic orders --to earliest --apply --force")
    assert done.code == 2
    assert "kafka-streams-application-reset.sh" in done.err


def test_a_group_consumes_each_record_once(call: Call) -> None:
    assert [call("consume orders -g readers").out for _ in range(2)] == ["0\n1\n2\n3\n", ""]


def test_work_dead_letters_what_fails_and_a_redrive_sends_it_back_once(call: Call) -> None:
    done = call("work orders -g workers --once --on-failure dead-letter -- sh -c '! grep -q 2'")
    assert done.code == 1
    (letter,) = map(json.loads, call("dlq peek orders -o ndjson").out.splitlines())
    assert (letter["value"], letter["dead"]["source"]) == ("2", "orders/0@2")
    assert call("lag workers -o json").json[0]["lag_seconds"] == 0
    moved = [call("dlq redrive orders -o json").json["moved"] for _ in range(2)]
    assert [len(one) for one in moved] == [1, 0]


@pytest.mark.parametrize(
    ("line", "feature"),
    [
        ("dlq edit orders.dlq@0 --value x", "dlq edit"),
        ("dlq undo", "dlq undo"),
        ("dlq purge orders.dlq --id x --yes", "dlq by choice"),
        ("dlq redrive orders --where 'value = 1'", "dlq by choice"),
        ("group create g --topic orders --max-lag 5", "group settings"),
        ("receive packers", "receipts"),
        ("share reset packers --to earliest", "shares"),
        ("lease list", "lease list"),
    ],
)
def test_what_kafka_has_not_is_refused_by_name(call: Call, line: str, feature: str) -> None:
    done = call(f"{line} -o json")
    assert (done.code, done.out) == (2, "")
    error = json.loads(done.err)["error"]
    assert (error["code"], error["feature"]) == ("unsupported", feature)
    assert error["hint"]


def test_what_a_share_does_not_tell_is_null(call: Call) -> None:
    share = call("share show packers -o json").json
    assert (share["topic"], share["lag"], share["leased"], share["partitions"]) == (
        "orders", None, None, [],
    )  # fmt: skip
    assert "in_flight" not in share


def test_stalls_name_what_nothing_reads(call: Call) -> None:
    stalls = {one["reader"]: one for one in call("stalls --idle-after 0s -o json").json}
    assert (stalls["billing"]["cause"], stalls["billing"]["blocker"]) == (
        "unassigned",
        "orders/0@1",
    )
