"""What `mq queue` does with the settings of the queue end: limits, times, readers, sources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

GIVEN = [
    "--ttl", "1m", "--max-length", "100", "--max-bytes", "1MiB", "--overflow", "reject",
    "--single-active", "--redrive-allow", "a,b", "--wait", "5s",
    "--max-message", "64KiB",
]  # fmt: skip
STORED = {
    "ttl": "1m", "max_length": 100, "max_bytes": "1MiB", "overflow": "reject",
    "single_active": True, "redrive_allow": "a,b", "wait": "5s",
    "max_message": "64KiB",
}  # fmt: skip


def config(call_mq: RunMq, name: str = "q") -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(call_mq("queue", "show", name, "--json").out)["config"]
    return shown


def test_settings_are_shown_as_they_were_given(call_mq: RunMq) -> None:
    assert call_mq("queue", "create", "q", *GIVEN).code == 0

    assert STORED.items() <= config(call_mq).items()


def test_they_can_be_changed_in_place(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q")
    assert call_mq("queue", "alter", "q", *GIVEN).code == 0

    assert STORED.items() <= config(call_mq).items()


def test_a_message_larger_than_the_limit_is_refused(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q", "--max-message", "10B")
    assert call_mq("produce", "q", "12345678901").is_refused(2)
    call_mq("queue", "alter", "q", "--max-message", "11B")
    assert call_mq("produce", "q", "12345678901").code == 0

    assert config(call_mq)["max_message"] == "11B"
    assert "max_message: 11B" in call_mq("export").text


def test_a_limit_can_be_taken_away(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q", *GIVEN)
    call_mq("queue", "alter", "q", "--ttl", "none", "--max-length", "none", "--max-bytes", "none")

    found = config(call_mq)
    assert (found["ttl"], found["max_length"], found["max_bytes"]) == (None, None, None)


@pytest.mark.parametrize(
    "options",
    [
        ["--overflow", "explode"],
        ["--ttl", "soon"],
        ["--max-message", "0B"],
        ["--max-message", "65MiB"],
        ["--max-message", "none"],
        ["--max-length", "-1"],
        ["--fair", "--fifo"],
        ["--fair", "--priorities", "3"],
        ["--redrive-allow", "a,,b"],
        ["--redrive-allow", ",".join(f"q{n}" for n in range(11))],
    ],
)
def test_what_can_not_work_is_refused(call_mq: RunMq, options: list[str]) -> None:
    assert call_mq("queue", "create", "q", *options).code == 2


@pytest.mark.parametrize(
    "chaos",
    [
        "duplicate=5",
        "reorder=11",
        "delay=soon",
        "throttle=0/s",
        "louder=1",
        "seed",
        "seed=1,seed=2",
    ],
)
def test_chaos_that_nobody_understands_is_refused(call_mq: RunMq, chaos: str) -> None:
    call_mq("queue", "create", "q")

    assert call_mq("queue", "alter", "q", "--chaos", chaos).code == 2


def test_a_dlq_that_admits_nobody_is_refused_with_the_way_out(call_mq: RunMq) -> None:
    call_mq("queue", "create", "dead", "--redrive-allow", "none")
    run = call_mq("queue", "create", "q", "--dlq", "dead")

    assert run.code == 4
    assert "mq queue alter dead --redrive-allow q" in run.err


def test_a_dlq_admits_the_sources_that_it_names(call_mq: RunMq) -> None:
    call_mq("queue", "create", "dead", "--redrive-allow", "q,other")

    assert call_mq("queue", "create", "q", "--dlq", "dead").code == 0


def test_who_uses_a_dlq_already_can_still_be_altered(call_mq: RunMq) -> None:
    call_mq("queue", "create", "dead")
    call_mq("queue", "create", "q", "--dlq", "dead")
    call_mq("queue", "alter", "dead", "--redrive-allow", "none")

    assert call_mq("queue", "alter", "q", "--lease", "1m").code == 0


def test_fair_changes_only_while_the_queue_is_empty(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q")
    call_mq("produce", "q", "hello")
    run = call_mq("queue", "alter", "q", "--fair")

    assert run.code == 2
    assert "empty" in run.err


class TestChaos:
    @pytest.fixture(autouse=True)
    def under_chaos(self, call_mq: RunMq) -> None:
        call_mq("queue", "create", "q")
        call_mq("queue", "alter", "q", "--chaos", "duplicate=5%,throttle=3/s,seed=1")

    def test_every_listing_shows_it(self, call_mq: RunMq) -> None:
        for arguments in (["list"], ["show", "q"]):
            for form in ([], ["--json"], ["-o", "table"]):
                assert "duplicate=5%" in call_mq("queue", *arguments, *form).text

    def test_who_receives_is_warned(self, call_mq: RunMq) -> None:
        call_mq("produce", "q", "m")

        assert "under chaos" in call_mq("receive", "q").err

    def test_a_refused_call_ends_with_5(self, call_mq: RunMq) -> None:
        codes = {call_mq("produce", "q", "m").code for _ in range(10)}

        assert codes == {0, 5}

    def test_it_ends_on_request(self, call_mq: RunMq) -> None:
        call_mq("queue", "alter", "q", "--chaos", "none")

        assert config(call_mq)["chaos"] is None
        assert call_mq("receive", "q").err == ""


def test_a_full_queue_refuses_with_5(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q", "--max-length", "1", "--overflow", "reject")
    assert call_mq("produce", "q", "a").code == 0
    assert call_mq("produce", "q", "b").code == 5


def test_a_message_may_have_a_time_to_live(call_mq: RunMq) -> None:
    call_mq("queue", "create", "dead")
    call_mq("queue", "create", "q", "--dlq", "dead")
    call_mq("produce", "q", "m", "--ttl", "0s")

    (line,) = call_mq("receive", "dead").out.splitlines()
    assert json.loads(line)["dead"]["reason"] == "expired"


def test_a_limit_that_drops_messages_needs_yes(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q")
    call_mq("produce", "q", "1", "2")
    assert call_mq("queue", "alter", "q", "--max-length", "2").code == 0
    assert call_mq("queue", "alter", "q", "--max-length", "1").is_refused(2)
    assert call_mq("queue", "alter", "q", "--max-length", "1", "--yes").code == 0


def test_a_limit_that_drops_what_was_delivered_needs_yes(call_mq: RunMq) -> None:
    call_mq("queue", "create", "q")
    call_mq("produce", "q", "1")
    alter = ("queue", "alter", "q", "--drop-exhausted", "--max-deliveries", "1")
    refused = call_mq(*alter)
    assert refused.is_refused(2)
    assert "those delivered as often may go at once" in refused.err
    assert call_mq(*alter, "--yes").code == 0
    assert call_mq("queue", "alter", "q", "--max-deliveries", "2").code == 0


def test_a_dry_run_settles_nothing(call_mq: RunMq) -> None:
    call_mq("queue", "create", "dead")
    call_mq("queue", "create", "q")
    call_mq("produce", "q", "1")
    (line,) = call_mq("receive", "q").out.splitlines()
    call_mq("nack", "--delay", "1h", json.loads(line)["receipt"])
    alter = ("queue", "alter", "q", "--max-deliveries", "1", "--dlq", "dead")
    assert b"max_deliveries" in call_mq(*alter, "--dry-run").out
    assert b"dead@0" not in call_mq("peek", "dead").out
    assert call_mq(*alter).code == 0
    assert b"dead@0" in call_mq("peek", "dead").out
