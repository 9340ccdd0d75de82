"""`mq produce` and `consume` on a queue."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from store import NewMessage, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Run, RunMq, StartMq

PATIENCE = 60.0


def documents(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.text.splitlines()]


def values(store: Store, queue: str = "emails") -> list[bytes | None]:
    return [message.value for message in store.messages(queue)]


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process brings about."""
    deadline = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < deadline, "it did not happen"
        Event().wait(0.005)


class TestProduce:
    def test_each_value_is_a_message(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("produce", "emails", "a", "b", "-k", "k", "-H", "n:=1")
        assert (run.code, run.out, run.err) == (0, b"", "")
        found = post.messages("emails")
        assert [(m.value, m.key, m.headers) for m in found] == [
            (b"a", b"k", {"n": 1}),
            (b"b", b"k", {"n": 1}),
        ]

    def test_ndjson_tells_the_id_and_the_sequence(self, call_mq: RunMq, post: Store) -> None:
        first, second = documents(call_mq("produce", "emails", "a", "b", "-o", "ndjson"))
        assert list(first) == ["queue", "id", "sequence", "duplicate"]
        assert [first["sequence"], second["sequence"]] == [0, 1]
        assert [m.id for m in post.messages("emails")] == [first["id"], second["id"]]
        assert first["duplicate"] is False

    def test_a_name_is_an_address(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("produce", "emails", "a", "-o", "name").text == "emails@0\n"

    def test_lines_of_stdin_are_messages(self, run_mq: RunMq, post: Store, path: Path) -> None:
        run_mq("produce", "emails", stdin=b"a\nb\n", MQ_STORE=str(path))
        assert values(post) == [b"a", b"b"]

    def test_a_delay_holds_them_back(self, call_mq: RunMq, post: Store) -> None:
        call_mq("produce", "emails", "a", "--delay", "1h")
        assert post.queue("emails").delayed == 1

    def test_a_higher_priority_is_delivered_first(self, call_mq: RunMq, post: Store) -> None:
        call_mq("produce", "urgent", "a")
        call_mq("produce", "urgent", "b", "--priority", "2")
        assert [(m.value, m.priority) for m in post.receive("urgent", 9)] == [(b"b", 2), (b"a", 0)]

    @pytest.mark.parametrize("option", ["--message-group", "--group"])
    def test_a_fifo_queue_takes_a_message_group(
        self, call_mq: RunMq, post: Store, option: str
    ) -> None:
        assert call_mq("produce", "billing", "a", option, "g").code == 0
        assert post.messages("billing")[0].message_group == "g"

    def test_a_fifo_queue_needs_one(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("produce", "billing", "a")
        assert run.is_refused(2)
        assert "--message-group" in run.err

    def test_a_duplicate_is_answered_with_the_first(self, call_mq: RunMq, post: Store) -> None:
        words = ["billing", "a", "--group", "g", "--dedup-id", "1", "-o", "ndjson"]
        first, second = (call_mq("produce", *words) for _ in range(2))
        assert documents(second) == [documents(first)[0] | {"duplicate": True}]
        assert second.err == "mq: 1 duplicate of messages sent before; not stored again\n"
        assert values(post, "billing") == [b"a"]

    def test_an_envelope_brings_its_group_and_priority(
        self, run_mq: RunMq, post: Store, path: Path
    ) -> None:
        line = b'{"value":"a","message_group":"g","priority":2,"partition":7}\n'
        for queue in ("urgent", "billing"):
            words = ["produce", queue, "--framing", "ndjson"]
            assert run_mq(*words, stdin=line, MQ_STORE=str(path)).code == 0
        assert post.messages("urgent")[0].priority == 2
        assert post.messages("billing")[0].message_group == "g"

    def test_the_command_line_counts_more_than_the_envelope(
        self, run_mq: RunMq, post: Store, path: Path
    ) -> None:
        line = b'{"value":"a","message_group":"g","priority":2}\n'
        words = ["--group", "h", "--priority", "0", "--framing", "ndjson"]
        run_mq("produce", "urgent", *words, stdin=line, MQ_STORE=str(path))
        (message,) = post.messages("urgent")
        assert (message.message_group, message.priority) == ("h", 0)

    def test_what_one_queue_gives_another_takes_byte_by_byte(
        self, run_mq: RunMq, post: Store, path: Path
    ) -> None:
        given = [
            NewMessage(b"\xff\x00", key=b"\xfe", headers={"n": 1, "x": None}, timestamp=1700000000),
            NewMessage(None, message_group="g", timestamp=1700000001),
        ]
        post.alter_queue("emails", retention=3000 * 86_400)
        post.alter_queue("urgent", retention=3000 * 86_400)
        later = post.clock.wall()
        post.send_many("emails", [m.__class__(m.value, m.key, m.headers, later) for m in given])
        before = post.messages("emails")
        read = run_mq("consume", "emails", "-o", "ndjson", MQ_STORE=str(path))
        words = ["produce", "urgent", "--framing", "ndjson"]
        assert run_mq(*words, stdin=read.out, MQ_STORE=str(path)).code == 0
        kept = [(m.value, m.key, m.headers, m.timestamp) for m in post.messages("urgent")]
        assert kept == [(m.value, m.key, m.headers, m.timestamp) for m in before]

    def test_messages_past_the_retention_are_warned_of(self, call_mq: RunMq, post: Store) -> None:
        words = ["--framing", "ndjson", '{"value":"a","timestamp":"2020-01-01T00:00:00Z"}']
        run = call_mq("produce", "emails", *words)
        assert run.err == (
            "mq: warning: 1 message older than emails keeps messages (4d); they expire at once\n"
        )

    def test_an_error_tells_what_is_stored_all_the_same(
        self, run_mq: RunMq, post: Store, path: Path
    ) -> None:
        lines = b'{"value":"a"}\n{"value":"b","priority":-1}\n'
        words = ["produce", "urgent", "--framing", "ndjson", "--batch", "1"]
        run = run_mq(*words, stdin=lines, MQ_STORE=str(path))
        assert run.is_refused(2)
        assert "line 2" in run.err
        assert "1 message before it is stored" in run.err

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("emails a --delay soon", 2),
            ("emails a --priority -1", 2),
            ("emails a --priority high", 2),
            ("emails a --dedup-id 1", 2),
            ("emails a -P 0", 2),
            ("emails/0 a", 2),
            ("emails@0 a", 2),
            ("emails --tombstone -k k", 2),
            ("billing a --group g --delay 1s", 2),
            ("billing a --group g\u00e9", 2),
            ("emails --framing ndjson {}", 2),
            ('emails --framing ndjson {"value":"a","message_group":1}', 2),
            ('emails --framing ndjson {"value":"a","priority":true}', 2),
            ("nothing a --delay 1s", 3),
        ],
    )
    def test_what_cannot_be_sends_nothing(
        self, call_mq: RunMq, post: Store, words: str, code: int
    ) -> None:
        assert call_mq("produce", *words.split(" ")).is_refused(code)
        assert values(post) + values(post, "billing") == []

    @pytest.mark.parametrize(
        "words", ["--delay 1s", "--message-group g", "--dedup-id 1", "--priority 0"]
    )
    def test_what_is_for_a_queue_is_refused_for_a_topic(
        self, call_mq: RunMq, shop: Store, words: str
    ) -> None:
        assert call_mq("produce", "orders", "a", *words.split()).is_refused(2)


class TestConsume:
    def test_it_prints_and_acknowledges_what_is_ready(self, call_mq: RunMq, full: Store) -> None:
        run = call_mq("consume", "emails")
        assert (run.code, run.out, run.err) == (0, b"b\n", "")
        assert values(full) == [b"a", b"c"]
        assert full.queue("emails").acknowledged == 1

    def test_n_bounds_what_is_taken(self, call_mq: RunMq, post: Store) -> None:
        post.send_many("emails", [NewMessage(b"%d" % n) for n in range(250)])
        assert call_mq("consume", "emails", "-n", "120").text.split() == [
            str(n) for n in range(120)
        ]
        status = post.queue("emails")
        assert (status.ready, status.leased) == (130, 0)

    def test_a_format_knows_the_fields_of_messages(self, call_mq: RunMq, post: Store) -> None:
        post.send("emails", b"v", key=b"k", headers={"a": 1})
        run = call_mq("consume", "emails", "-F", r"%t %p %o %k %s %h %d\n")
        assert run.text == "emails - 0 k v a:=1 1\n"

    def test_ndjson_is_the_envelope(self, call_mq: RunMq, full: Store) -> None:
        (message,) = documents(call_mq("consume", "emails", "-o", "ndjson"))
        assert (message["queue"], message["sequence"], message["value"]) == ("emails", 1, "b")

    def test_the_order_within_message_groups_is_kept(self, call_mq: RunMq, post: Store) -> None:
        post.send_many(
            "billing", [NewMessage(b"%d" % n, message_group="ab"[n % 2]) for n in range(300)]
        )
        printed = [int(word) for word in call_mq("consume", "billing").text.split()]
        assert sorted(printed) == list(range(300))
        for half in (0, 1):
            assert [n for n in printed if n % 2 == half] == list(range(half, 300, 2))

    def test_fail_empty_tells_that_nothing_was_ready(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("consume", "emails").code == 0
        assert call_mq("consume", "emails", "--fail-empty").code == 10

    def test_what_was_not_written_is_ready_for_others(self, start_mq: StartMq, post: Store) -> None:
        post.send_many("emails", [NewMessage(b"x" * 60_000) for _ in range(50)])
        running = start_mq("consume", "emails")
        running.stdout.read(10)
        running.stdout.close()
        assert running.process.wait(PATIENCE) == 141
        status = post.queue("emails")
        assert status.leased == 0
        assert status.ready + (status.acknowledged or 0) == 50
        assert status.ready > 40

    def test_a_killed_reader_loses_its_leases_at_once(self, start_mq: StartMq, post: Store) -> None:
        post.send_many("emails", [NewMessage(b"x" * 60_000) for _ in range(20)])
        running = start_mq("consume", "emails")
        running.stdout.read(10)
        until(lambda: bool(post.queue("emails").leased))
        running.process.kill()
        running.process.wait(PATIENCE)
        assert len(post.receive("emails", 20)) + (post.queue("emails").acknowledged or 0) == 20

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
    def test_follow_goes_on_with_what_is_sent_until_it_is_told_to_end(
        self, start_mq: StartMq, post: Store, number: signal.Signals, code: int
    ) -> None:
        running = start_mq("consume", "emails", "-f")
        for value in (b"a", b"b"):
            post.send("emails", value)
            assert running.stdout.read(2) == value + b"\n"
        until(lambda: post.queue("emails").acknowledged == 2)
        running.interrupt(number)
        run = running.end()
        assert (run.code, run.err) == (code, "")

    def test_a_crash_between_printing_and_acknowledging_repeats_the_message(
        self, start_mq: StartMq, call_mq: RunMq, full: Store
    ) -> None:
        crashed = start_mq("consume", "emails", MQ_CRASH_AT="consume.printed").end()
        assert (crashed.code, crashed.out) == (-signal.SIGKILL, b"b\n")
        assert call_mq("consume", "emails").text == "b\n"

    def test_auto_ack_acknowledges_before_it_prints(
        self, call_mq: RunMq, full: Store, start_mq: StartMq
    ) -> None:
        crashed = start_mq("consume", "emails", "--auto-ack", MQ_CRASH_AT="consume.printed").end()
        assert crashed.code == -signal.SIGKILL
        assert (full.queue("emails").ready, call_mq("consume", "emails").text) == (0, "")

    def test_auto_ack_is_not_for_a_topic(self, call_mq: RunMq, full: Store) -> None:
        full.create_topic("events")
        assert call_mq("consume", "events", "--auto-ack").is_refused(2)

    @pytest.mark.parametrize(
        "words",
        [
            "emails -g group",
            "emails --from earliest",
            "emails --until end",
            "emails --where key=k",
            "emails --member me",
            "emails/0",
            "emails@0",
            "emails -n 0",
            "emails -F %x",
            "emails -o table",
        ],
    )
    def test_what_is_not_for_a_queue_is_refused(
        self, call_mq: RunMq, full: Store, words: str
    ) -> None:
        assert call_mq("consume", *words.split()).is_refused(2)
        assert full.queue("emails").ready == 1

    def test_why_a_condition_is_refused_is_told(self, call_mq: RunMq, full: Store) -> None:
        run = call_mq("consume", "emails", "--where", "key = k")
        assert "would lease it" in run.err
        assert "mq peek emails --where" in run.err
