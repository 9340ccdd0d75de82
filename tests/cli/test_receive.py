"""`mq receive`, `ack`, `nack` and `extend`: leasing messages, and what becomes of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store import NewMessage, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Run, RunMq, StartMq

FIELDS = [
    "queue", "id", "sequence", "timestamp", "message_group", "priority", "headers", "key", "value",
    "deliveries", "redelivered", "state", "receipt", "lease_expires", "holder",
]  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store with three messages a, b, c in emails, whose DLQ is graves; and FIFO billing."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves", max_deliveries=3)
        store.create_queue("billing", fifo=True)
        store.send_many("emails", [NewMessage(value, key=b"k") for value in (b"a", b"b", b"c")])
        yield store


def messages(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.text.splitlines()]


def receipts(store: Store, number: int = 1, lease: float | None = None) -> list[str]:
    received = store.receive("emails", number, lease=lease)
    return [message.receipt for message in received if message.receipt]


def superseded(store: Store) -> str:
    """The receipt of a message that somebody else has leased since."""
    (receipt,) = receipts(store, lease=0)
    assert receipts(store)
    return receipt


def counts(store: Store, queue: str = "emails") -> tuple[int, int | None, int | None]:
    status = store.queue(queue)
    return status.ready, status.leased, status.delayed


class TestReceive:
    def test_a_message_has_the_fields_of_the_contract_in_their_order(
        self, call_mq: RunMq, post: Store
    ) -> None:
        (message,) = messages(call_mq("receive", "emails"))
        assert list(message) == FIELDS
        assert UUID.fullmatch(message["id"])
        assert message["receipt"][0].isalnum()
        assert message["lease_expires"].endswith("Z")
        expected = {
            "queue": "emails", "sequence": 0, "message_group": None, "priority": 0, "headers": {},
            "key": "k", "value": "a", "deliveries": 1, "redelivered": False, "state": "leased",
        }  # fmt: skip
        assert {name: message[name] for name in expected} == expected

    def test_it_takes_one_unless_told_otherwise(self, call_mq: RunMq, post: Store) -> None:
        assert [m["value"] for m in messages(call_mq("receive", "emails"))] == ["a"]
        assert [m["value"] for m in messages(call_mq("receive", "emails", "-n", "9"))] == ["b", "c"]

    def test_bytes_that_are_not_text_stand_in_base64(self, call_mq: RunMq, post: Store) -> None:
        post.purge_queue("emails")
        post.send("emails", b"\xff")
        (message,) = messages(call_mq("receive", "emails"))
        assert message["value_base64"] == "/w=="
        assert "value" not in message

    def test_the_lease_may_be_another_than_the_queues(self, call_mq: RunMq, post: Store) -> None:
        call_mq("receive", "emails", "--lease", "10m")
        assert 590 < post.leases("emails")[0].seconds_left <= 600

    def test_the_lease_outlives_the_process(self, run_mq: RunMq, post: Store, path: Path) -> None:
        run_mq("receive", "emails", MQ_STORE=str(path))
        assert counts(post) == (2, 1, 0)

    def test_a_name_is_a_receipt(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("receive", "emails", "-n", "2", "-o", "name")
        post.ack(run.text.split())
        assert counts(post) == (1, 0, 0)

    def test_a_dead_letter_tells_why_it_died(self, call_mq: RunMq, post: Store) -> None:
        post.reject(receipts(post), error="no such user")
        (letter,) = messages(call_mq("receive", "graves"))
        assert list(letter) == [*FIELDS, "dead"]
        assert letter["deliveries"] == 2
        dead = letter["dead"]
        assert list(dead) == ["source", "reason", "at", "deliveries", "error", "hops"]
        assert (dead["source"], dead["reason"]) == ("emails@0", "rejected")
        assert (dead["deliveries"], dead["error"]) == (1, "no such user")
        assert list(dead["hops"][0]) == ["source", "reason", "count", "at", "ttl"]

    def test_nothing_is_no_failure_unless_asked_for(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("receive", "graves").code == 0
        run = call_mq("receive", "graves", "--fail-empty")
        assert (run.code, run.out, run.err) == (10, b"", "")

    def test_it_waits_for_a_message(self, start_mq: StartMq, post: Store) -> None:
        running = start_mq("receive", "graves", "--wait", "30s")
        post.send("graves", b"late")
        run = running.end()
        assert run.code == 0
        assert messages(run)[0]["value"] == "late"

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("", 2),
            ("emails -n 0", 2),
            ("emails -n 10001", 2),
            ("emails --wait never", 2),
            ("emails --lease -5s", 2),
            ("emails@0", 2),
            ("emails -o xml", 2),
            ("nothing", 3),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, call_mq: RunMq, post: Store, words: str, code: int
    ) -> None:
        assert call_mq("receive", *words.split()).is_refused(code)
        assert counts(post) == (3, 0, 0)


class TestAck:
    def test_it_deletes_the_message(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("ack", *receipts(post, 2))
        assert (run.code, run.out, run.err) == (0, b"", "")
        assert counts(post) == (1, 0, 0)

    def test_repeating_it_is_no_mistake(self, call_mq: RunMq, post: Store) -> None:
        given = receipts(post)
        assert [call_mq("ack", *given).code for _ in range(2)] == [0, 0]

    def test_it_reads_what_receive_prints(self, run_mq: RunMq, post: Store, path: Path) -> None:
        received = run_mq("receive", "emails", "-n", "2", MQ_STORE=str(path))
        assert run_mq("ack", "-", stdin=received.out, MQ_STORE=str(path)).code == 0
        assert counts(post) == (1, 0, 0)

    def test_it_reads_bare_receipts(self, run_mq: RunMq, post: Store, path: Path) -> None:
        lines = "\n".join(receipts(post, 2)).encode()
        assert run_mq("ack", "-", stdin=lines, MQ_STORE=str(path)).code == 0
        assert counts(post) == (1, 0, 0)

    def test_nothing_on_stdin_is_nothing_to_do(
        self, run_mq: RunMq, post: Store, path: Path
    ) -> None:
        assert run_mq("ack", "-", MQ_STORE=str(path)).code == 0

    @pytest.mark.parametrize("line", [b"{", b"{}", b'{"receipt":1}', b"[]"])
    def test_a_line_without_a_receipt_is_refused(
        self, run_mq: RunMq, post: Store, path: Path, line: bytes
    ) -> None:
        run = run_mq("ack", "-", stdin=line, MQ_STORE=str(path))
        assert run.is_refused(2)

    def test_a_message_that_somebody_else_has_leased_is_a_conflict(
        self, call_mq: RunMq, post: Store
    ) -> None:
        assert call_mq("ack", superseded(post)).is_refused(4)
        assert counts(post) == (2, 1, 0)

    def test_the_good_ones_of_several_are_settled(self, call_mq: RunMq, post: Store) -> None:
        given = [superseded(post), *receipts(post)]
        run = call_mq("ack", *given)
        assert run.is_refused(4)
        assert "1 of 2 receipts were refused" in run.err
        assert counts(post) == (1, 1, 0)

    def test_in_json_each_refused_receipt_is_told(self, call_mq: RunMq, post: Store) -> None:
        lost = superseded(post)
        run = call_mq("ack", *receipts(post), lost, "r1.2.3", "-o", "json")
        error = json.loads(run.err)["error"]
        assert (run.code, error["code"]) == (4, "lease_lost")
        assert [(f["receipt"], f["code"]) for f in error["failures"]] == [
            (lost, "lease_lost"),
            ("r1.2.3", "bad_input"),
        ]

    def test_the_first_refusal_decides_the_exit_code(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("ack", "r1.2.3", superseded(post)).is_refused(2)

    def test_the_receipt_of_another_store_is_bad_input(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        with Store.open(tmp_path / "other.db", create=True) as other:
            other.create_queue("emails")
            other.send("emails", b"x")
            assert call_mq("ack", *receipts(other)).is_refused(2)

    @pytest.mark.parametrize("words", [[], ["-", "-"], ["\udcff"], ["r\udcff.0"]])
    def test_what_is_no_receipt_is_refused(
        self, call_mq: RunMq, post: Store, words: list[str]
    ) -> None:
        assert call_mq("ack", *words).is_refused(2)

    def test_on_a_terminal_it_says_how_many(
        self, run_mq_on_terminal: RunMq, post: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("ack", *receipts(post, 2), MQ_STORE=str(path))
        assert run.text == "2 messages acknowledged\n"


class TestNack:
    def test_the_message_is_ready_again(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("nack", *receipts(post)).code == 0
        assert counts(post) == (3, 0, 0)

    def test_a_delay_holds_it_back(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("nack", *receipts(post), "--delay", "1h").code == 0
        assert counts(post) == (2, 0, 1)

    def test_a_rejected_message_goes_to_the_dlq_with_its_error(
        self, call_mq: RunMq, post: Store
    ) -> None:
        words = ["--reject", "--error", "no such user"]
        assert call_mq("nack", *receipts(post), *words).code == 0
        (letter,) = post.dead_letters("graves")
        assert letter.dead
        assert (letter.dead.reason, letter.dead.error) == ("rejected", "no such user")

    def test_the_last_delivery_leads_to_the_dlq(self, call_mq: RunMq, post: Store) -> None:
        for _ in range(3):
            call_mq("nack", *receipts(post), "--error", "again")
        (letter,) = post.dead_letters("graves")
        assert letter.dead
        assert (letter.dead.reason, letter.dead.deliveries) == ("max_deliveries", 3)

    def test_an_error_may_have_any_bytes(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("nack", *receipts(post), "--reject", "--error", "\udcff").code == 0
        (letter,) = post.dead_letters("graves")
        assert letter.dead
        assert letter.dead.error == "\\xff"

    def test_a_message_that_somebody_else_has_leased_is_a_conflict(
        self, call_mq: RunMq, post: Store
    ) -> None:
        assert call_mq("nack", superseded(post)).is_refused(4)

    @pytest.mark.parametrize("words", [["--delay", "x"], ["--delay", "1s", "--reject"]])
    def test_what_cannot_be_is_refused(self, call_mq: RunMq, post: Store, words: list[str]) -> None:
        assert call_mq("nack", *receipts(post), *words).is_refused(2)
        assert counts(post) == (2, 1, 0)


class TestExtend:
    def test_the_lease_lasts_from_now_on(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("extend", *receipts(post), "--for", "2h").code == 0
        assert 7190 < post.leases("emails")[0].seconds_left <= 7200

    def test_nothing_gives_the_message_back(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("extend", *receipts(post), "--for", "0s").code == 0
        assert counts(post) == (3, 0, 0)

    def test_a_message_that_somebody_else_has_leased_is_a_conflict(
        self, call_mq: RunMq, post: Store
    ) -> None:
        assert call_mq("extend", superseded(post), "--for", "1m").is_refused(4)

    def test_a_lapsed_lease_is_refused_on_a_fifo_queue(self, call_mq: RunMq, post: Store) -> None:
        post.send("billing", b"x", message_group="g")
        (message,) = post.receive("billing", lease=0)
        assert message.receipt
        assert call_mq("extend", message.receipt, "--for", "1m").is_refused(4)

    @pytest.mark.parametrize("words", [[], ["--for", "soon"]])
    def test_a_duration_is_needed(self, call_mq: RunMq, post: Store, words: list[str]) -> None:
        assert call_mq("extend", *receipts(post), *words).is_refused(2)


def test_auto_ack_acknowledges_at_once(post: Store, call_mq: RunMq) -> None:
    (message,) = messages(call_mq("receive", "emails", "--auto-ack"))

    assert message["value"] == "a"
    assert message["state"] == "acknowledged"
    assert (message["receipt"], message["lease_expires"], message["holder"]) == (None, None, None)
    assert list(message) == FIELDS
    assert (post.queue("emails").ready, post.queue("emails").leased) == (2, 0)


def test_auto_ack_prints_addresses_for_receipts(post: Store, call_mq: RunMq) -> None:
    assert call_mq("receive", "emails", "-n", "2", "--auto-ack", "-o", "name").text == (
        "emails@0\nemails@1\n"
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("emails", "--lease", "5s"), "there is no lease"),
        (("readers",), "readers is a share"),
    ],
)
def test_auto_ack_is_refused_where_it_has_no_meaning(
    post: Store, call_mq: RunMq, words: tuple[str, ...], why: str
) -> None:
    post.create_topic("events")
    post.create_share("readers", "events")

    run = call_mq("receive", *words, "--auto-ack")

    assert run.is_refused(2)
    assert why in run.err
    assert post.queue("emails").ready == 3
