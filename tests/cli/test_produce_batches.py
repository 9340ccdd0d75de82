"""`mq produce` in batches: what is stored when something goes wrong on the way."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import OutcomeUnknown, Store, crash

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq


@pytest.fixture
def orders(path: Path) -> Store:
    """A store with an empty topic `orders` of one partition; the handle is closed."""
    with Store.open(path, create=True, durability="normal") as opened:
        opened.create_topic("orders")
    return opened


def stored(path: Path) -> list[bytes | None]:
    with Store.open(path) as opened:
        return [record.value for record in opened.read("orders", limit=100_000)]


class TestBatches:
    def test_a_bad_line_is_named_and_nothing_of_its_batch_is_stored(
        self, run_mq: RunMq, orders: Store, path: Path
    ) -> None:
        lines = b"".join(b'{"value":"%d"}\n' % n for n in range(16)) + b"{nonsense\n"

        run = run_mq("produce", "orders", "--framing", "ndjson", stdin=lines, MQ_STORE=str(path))

        assert run.is_refused(2)
        assert run.err.startswith("mq: error: line 17: not JSON")
        assert "stored" not in run.err
        assert stored(path) == []

    def test_the_batches_before_a_bad_line_are_stored_and_counted(
        self, call_mq: RunMq, orders: Store, path: Path, tmp_path: Path
    ) -> None:
        lines = b"".join(b'{"value":"%d"}\n' % n for n in range(3005)) + b"{nonsense\n"
        (tmp_path / "lines").write_bytes(lines)

        run = call_mq("produce", "orders", "--framing", "ndjson", "-f", "lines")

        assert run.is_refused(2)
        assert "line 3006: not JSON" in run.err
        assert "; 3,000 records before it are stored\n" in run.err
        assert len(stored(path)) == 3000

    def test_empty_lines_between_envelopes_count_as_lines(
        self, call_mq: RunMq, orders: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "lines").write_bytes(b'\n{"value":"a"}\n\n{"value":"b","key":1}\n')

        run = call_mq("produce", "orders", "--framing", "ndjson", "-f", "lines")

        assert "line 4: the key is neither text nor null" in run.err

    def test_a_record_that_the_topic_refuses_is_named_by_its_line(
        self, call_mq: RunMq, path: Path, tmp_path: Path
    ) -> None:
        with Store.open(path, create=True) as opened:
            opened.create_topic("small", max_message=10)
        (tmp_path / "lines").write_bytes(b"a\nb\nmuch too long a line\n")

        run = call_mq("produce", "small", "-f", "lines", "--batch", "2")

        assert run.is_refused(2)
        assert "line 3: the record has 20 bytes" in run.err
        assert "; 2 records before it are stored" in run.err

    @pytest.mark.parametrize(
        ("words", "name"),
        [
            (["ok", "much too long"], "value 2: the record has 13"),
            (["much too long"], "error: the record has 13"),
            (["-f", "nul", "--framing", "nul"], "record 2: the record has 13"),
            (["-f", "nul", "--framing", "whole"], "error: the record has 16"),
        ],
    )
    def test_a_refused_record_is_named_after_where_it_stood(
        self, call_mq: RunMq, path: Path, tmp_path: Path, words: list[str], name: str
    ) -> None:
        with Store.open(path, create=True) as opened:
            opened.create_topic("small", max_message=10)
        (tmp_path / "nul").write_bytes(b"ok\0much too long")

        assert name in call_mq("produce", "small", *words).err

    def test_a_commit_that_leaves_open_whether_it_is_stored_is_exit_code_6(
        self, call_mq: RunMq, orders: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "lines").write_bytes(b"a\n" * 6)
        crossed = iter(range(2))

        def fail_at_the_third_commit(point: str) -> None:
            if point == "commit.after" and next(crossed, None) is None:
                raise OutcomeUnknown("the commit failed, and may or may not be stored")

        monkeypatch.setattr(crash, "ARMED", True)
        monkeypatch.setattr(crash, "crash_point", fail_at_the_third_commit)
        run = call_mq("produce", "orders", "-f", "lines", "--batch", "2", "-o", "name")

        assert run.code == 6
        assert run.text.count("\n") == 4
        assert "may or may not be stored; 4 records before it are stored" in run.err

    def test_a_batch_holds_no_more_than_8_mib(
        self, call_mq: RunMq, path: Path, tmp_path: Path
    ) -> None:
        with Store.open(path, create=True, durability="normal") as opened:
            opened.create_topic("large", max_message=4 << 20)
        megabyte = b"x" * (3 << 20)
        (tmp_path / "lines").write_bytes(b"\n".join([megabyte] * 3 + [b"y" * (5 << 20)]))

        run = call_mq("produce", "large", "-f", "lines")

        assert "line 4: " in run.err
        assert "; 2 records before it are stored" in run.err

    def test_what_a_slow_writer_wrote_is_stored_while_it_pauses(
        self, start_mq: StartMq, orders: Store
    ) -> None:
        producer = start_mq("produce", "orders", "-o", "name")

        producer.stdin.write(b"first\n")
        assert producer.stdout.readline() == b"orders/0@0\n"
        producer.stdin.write(b"second\nthird\n")
        assert producer.stdout.readline() == b"orders/0@1\n"

        assert producer.end().code == 0


class TestNamedProducer:
    def test_running_again_on_the_same_input_stores_nothing_twice(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        call_mq("produce", "orders", "a", "b", "--producer", "load")

        run = call_mq("produce", "orders", "a", "b", "c", "--producer", "load", "-o", "name")

        assert run.text == "orders/0@2\n"
        assert run.err == "mq: skipped 2 records that load stored before\n"
        assert stored(path) == [b"a", b"b", b"c"]

    @pytest.mark.parametrize("point", ["commit.before:4", "commit.after:4"])
    def test_a_killed_load_is_resumed_where_it_stopped(
        self, start_mq: StartMq, call_mq: RunMq, orders: Store, path: Path, point: str
    ) -> None:
        lines = [b"%d" % n for n in range(1000)]
        path.with_name("lines").write_bytes(b"\n".join(lines))
        words = ["produce", "orders", "-f", "lines", "--batch", "100", "--producer", "load"]

        assert start_mq(*words, MQ_CRASH_AT=point).end().code == -signal.SIGKILL
        assert 0 < len(stored(path)) < 1000

        assert call_mq(*words).code == 0
        assert stored(path) == lines

    @pytest.mark.parametrize("point", ["commit.before:4", "commit.after:4"])
    def test_a_killed_load_into_a_queue_is_resumed_where_it_stopped(
        self, start_mq: StartMq, call_mq: RunMq, path: Path, point: str
    ) -> None:
        with Store.open(path, create=True) as opened:
            opened.create_queue("emails")
        lines = [b"%d" % n for n in range(1000)]
        path.with_name("lines").write_bytes(b"\n".join(lines))
        words = ["produce", "emails", "-f", "lines", "--batch", "100", "--producer", "load"]

        assert start_mq(*words, MQ_CRASH_AT=point).end().code == -signal.SIGKILL
        run = call_mq(*words)

        assert run.err.startswith("mq: skipped ")
        with Store.open(path) as opened:
            found = opened.receive("emails", max_messages=2000, wait=0)
        assert [message.value for message in found] == lines

    def test_a_load_counts_each_queue_by_itself(self, call_mq: RunMq, path: Path) -> None:
        with Store.open(path, create=True) as opened:
            opened.create_queue("emails")
            opened.create_queue("letters")
        call_mq("produce", "emails", "a", "b", "--producer", "load")

        run = call_mq("produce", "letters", "a", "--producer", "load", "-o", "name")

        assert run.text == "letters@0\n"
        assert run.err == ""

    def test_a_bad_line_in_a_resumed_load_is_named_by_its_place_in_the_input(
        self, call_mq: RunMq, path: Path, tmp_path: Path
    ) -> None:
        with Store.open(path, create=True) as opened:
            opened.create_topic("small", max_message=10)
        (tmp_path / "lines").write_bytes(b"a\nb\nc\nmuch too long\n")
        call_mq("produce", "small", "-f", "lines", "--producer", "load", "--batch", "2")

        run = call_mq("produce", "small", "-f", "lines", "--producer", "load", "--batch", "2")

        assert "line 4: the record has 13 bytes" in run.err


class TestRetention:
    OLD = '{"value":"v","timestamp":"2020-01-02T03:04:05Z"}'

    def test_records_older_than_the_retention_are_warned_of_once_with_their_number(
        self, call_mq: RunMq, orders: Store, path: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "lines").write_text(f"{self.OLD}\n" * 3 + '{"value":"new"}\n')

        run = call_mq("produce", "orders", "--framing", "ndjson", "-f", "lines", "--batch", "2")

        assert run.code == 0
        assert run.err == (
            "mq: warning: 3 records older than orders keeps records (7d);"
            " cleaning will remove them\n"
        )

    def test_a_topic_that_keeps_records_for_ever_warns_of_none(
        self, call_mq: RunMq, path: Path
    ) -> None:
        with Store.open(path, create=True) as opened:
            opened.create_topic("archive", retention=None)

        assert call_mq("produce", "archive", "--framing", "ndjson", self.OLD).err == ""
