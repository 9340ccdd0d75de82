"""`mq produce`: from arguments, files and stdin, in batches that are stored whole."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq, StartMq

DAY_MS = 86_400_000


@pytest.fixture
def orders(path: Path) -> Store:
    """A store with an empty topic `orders` of one partition; the handle is closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
    return store


@pytest.fixture
def three(path: Path) -> Path:
    """A store with an empty topic `orders` of three partitions."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders", partitions=3)
    return path


def stored(path: Path, topic: str = "orders", partition: int = 0) -> list[bytes | None]:
    with Store.open(path) as store:
        return [record.value for record in store.read(topic, partition, limit=100_000)]


class TestArguments:
    def test_each_value_is_a_record_of_its_own(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        run = call_mq("produce", "orders", "a", "", "two\nlines")

        assert (run.code, run.out, run.err) == (0, b"", "")
        assert stored(path) == [b"a", b"", b"two\nlines"]

    def test_a_value_may_have_any_bytes_that_a_command_line_can_carry(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        call_mq("produce", "orders", os.fsdecode(b"\xff\x01"))

        assert stored(path) == [b"\xff\x01"]

    def test_a_value_that_begins_with_a_dash_follows_two_dashes(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        assert call_mq("produce", "orders", "--", "-5").code == 0
        assert stored(path) == [b"-5"]

    def test_key_and_headers_hold_for_every_record(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        call_mq("produce", "orders", "a", "b", "-k", "k", "-H", "x=1", "-H", "n:=2", "-H", "absent")

        with Store.open(path) as store:
            records = store.read("orders")
        assert [(r.key, r.headers) for r in records] == [
            (b"k", {"x": "1", "n": 2, "absent": None})
        ] * 2

    def test_a_tombstone_is_one_record_without_a_value(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        assert call_mq("produce", "orders", "--tombstone", "-k", "k").code == 0
        assert stored(path) == [None]

    @pytest.mark.parametrize("words", [["orders", "-P", "2"], ["orders/2"], ["orders/2", "-P2"]])
    def test_the_partition_can_be_chosen(
        self, call_mq: RunMq, three: Path, words: list[str]
    ) -> None:
        assert call_mq("produce", *words, "a").code == 0
        assert stored(three, partition=2) == [b"a"]

    def test_a_key_chooses_the_partition_as_in_kafka(self, call_mq: RunMq, three: Path) -> None:
        call_mq("produce", "orders", "a", "-k", "k")

        with Store.open(three) as store:
            assert store.read("orders", store.partition_for("orders", "k"))[0].key == b"k"

    def test_ndjson_output_is_a_line_per_record(self, call_mq: RunMq, orders: Store) -> None:
        run = call_mq("produce", "orders", "a", "b", "-o", "ndjson")

        assert run.text == (
            '{"topic":"orders","partition":0,"offset":0}\n'
            '{"topic":"orders","partition":0,"offset":1}\n'
        )

    def test_json_output_of_a_stream_is_ndjson(self, call_mq: RunMq, orders: Store) -> None:
        assert call_mq("produce", "orders", "a", "b", "--json").text.count("\n") == 2

    def test_name_output_is_an_address_per_record(self, call_mq: RunMq, orders: Store) -> None:
        run = call_mq("produce", "orders", "a", "b", "-o", "name")

        assert run.text == "orders/0@0\norders/0@1\n"


class TestFraming:
    @pytest.mark.parametrize(
        ("framing", "given", "values"),
        [
            ("lines", b"a\n\nb\n", [b"a", b"", b"b"]),
            ("lines", b"a\nno end", [b"a", b"no end"]),
            ("lines", b"", []),
            ("nul", b"a\nb\0c\0", [b"a\nb", b"c"]),
            ("whole", b"a\nb\n", [b"a\nb\n"]),
            ("ndjson", b'{"value":"a"}\n\n{"value":null}\n', [b"a", None]),
            ("ndjson", b'{"value":{"n": 1.0}}\n', [b'{"n":1.0}']),
        ],
    )
    def test_input_is_cut_as_the_framing_says(
        self,
        run_mq: RunMq,
        orders: Store,
        path: Path,
        framing: str,
        given: bytes,
        values: list[bytes | None],
    ) -> None:
        run = run_mq("produce", "orders", "--framing", framing, stdin=given, MQ_STORE=str(path))

        assert (run.code, run.err) == (0, "")
        assert stored(path) == values

    def test_a_file_is_read_instead_of_stdin(
        self, call_mq: RunMq, orders: Store, path: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "lines").write_bytes(b"a\nb\n")

        assert call_mq("produce", "orders", "-f", "lines").code == 0
        assert stored(path) == [b"a", b"b"]

    def test_a_dash_as_file_is_stdin(self, run_mq: RunMq, orders: Store, path: Path) -> None:
        run_mq("produce", "orders", "-f", "-", stdin=b"a\n", MQ_STORE=str(path))

        assert stored(path) == [b"a"]

    def test_the_first_delimiter_splits_key_from_value(
        self, run_mq: RunMq, orders: Store, path: Path
    ) -> None:
        run_mq("produce", "orders", "-K", r"\t", stdin=b"k\tv\tw\nbare\n\tx\n", MQ_STORE=str(path))

        with Store.open(path) as store:
            found = [(record.key, record.value) for record in store.read("orders")]
        assert found == [(b"k", b"v\tw"), (None, b"bare"), (b"", b"x")]

    def test_key_and_time_can_come_from_fields_of_the_value(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        value = '{"user": {"id": 7}, "at": "2026-01-02T03:04:05.678Z"}'

        call_mq("produce", "orders", value, "--key-from", "value.user.id",
                "--timestamp-from", "value.at")  # fmt: skip

        with Store.open(path) as store:
            (record,) = store.read("orders")
        assert (record.key, record.timestamp) == (b"7", 1_767_323_045_678)

    def test_an_envelope_brings_key_headers_time_and_partition(
        self, call_mq: RunMq, three: Path
    ) -> None:
        envelope = {
            "topic": "elsewhere", "partition": 1, "offset": 99,
            "timestamp": "2026-01-02T03:04:05.678Z",
            "key_base64": base64.b64encode(b"\xff").decode(), "headers": {"n": 1}, "value": "v",
        }  # fmt: skip

        call_mq("produce", "orders", json.dumps(envelope), "--framing", "ndjson")

        with Store.open(three) as store:
            (record,) = store.read("orders", 1)
        assert (record.key, record.headers, record.value) == (b"\xff", {"n": 1}, b"v")
        assert (record.timestamp, record.offset) == (1_767_323_045_678, 0)

    def test_what_the_command_line_says_counts_more_than_the_envelope(
        self, call_mq: RunMq, three: Path
    ) -> None:
        envelope = '{"value":"v","key":"theirs","headers":{"a":1,"b":2},"partition":1}'

        call_mq("produce", "orders", envelope, "--framing", "ndjson",
                "-k", "ours", "-H", "a=x", "-P", "2")  # fmt: skip

        with Store.open(three) as store:
            (record,) = store.read("orders", 2)
        assert (record.key, record.headers) == (b"ours", {"a": "x", "b": 2})

    def test_envelopes_from_a_topic_with_more_partitions_are_placed_by_key(
        self, call_mq: RunMq, orders: Store, path: Path
    ) -> None:
        run = call_mq("produce", "orders", '{"value":"v","partition":5}', "--framing", "ndjson")

        assert run.code == 0
        assert run.err == (
            "mq: warning: 1 record came from partitions that orders does not have; placed by key\n"
        )
        assert stored(path) == [b"v"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["nosuch", "x"], 3),
            (["orders/1", "x"], 3),
            (["orders", "-P", "1", "x"], 3),
            (["orders/0", "-P", "1", "x"], 2),
            (["orders@5", "x"], 2),
            (["orders/x", "x"], 2),
            (["or ders", "x"], 2),
            ([], 2),
            (["orders", "-P", "many", "x"], 2),
            (["orders", "x", "-f", "lines"], 2),
            (["orders", "-f", "missing"], 2),
            (["orders", "-f", "."], 2),
            (["orders", "x", "-k", "a", "-K", ":"], 2),
            (["orders", "x", "-k", "a", "--key-from", "value.a"], 2),
            (["orders", "x", "-K", ""], 2),
            (["orders", "x", "-K", r"\q"], 2),
            (["orders", "x", "--key-from", "a"], 2),
            (["orders", "x", "--key-from", "value.a"], 2),
            (["orders", '{"a":1}', "--timestamp-from", "value.a"], 2),
            (["orders", '{"value":1}', "--framing", "ndjson", "-K", ":"], 2),
            (["orders", "x", "--framing", "csv"], 2),
            (["orders", "x", "--batch", "0"], 2),
            (["orders", "x", "-H", "=x"], 2),
            (["orders", "x", "-H", "a:=[1]"], 2),
            (["orders", "x", "--producer", "not ok"], 2),
            (["orders", "--tombstone"], 2),
            (["orders", "--tombstone", "-k", "k", "x"], 2),
            (["orders", "--tombstone", "-k", "k", "-f", "lines"], 2),
            (["orders", "x", "-o", "table"], 2),
            (["orders", "x", "-o", "tsv"], 2),
            (["orders", "x", "--nosuch"], 2),
        ],
    )
    def test_what_cannot_be_stored_is_refused_with_one_line_and_nothing_stored(
        self, call_mq: RunMq, orders: Store, path: Path, words: list[str], code: int
    ) -> None:
        run = call_mq("produce", *words)

        assert run.is_refused(code)
        assert stored(path) == []

    def test_a_missing_destination_comes_with_the_commands_that_create_it(
        self, call_mq: RunMq, orders: Store
    ) -> None:
        run = call_mq("produce", "nosuch", "x")

        assert run.err == (
            "mq: error: there is no topic or queue nosuch\n"
            "hint: mq topic create nosuch or mq queue create nosuch\n"
        )

    def test_a_missing_store_is_not_created(self, call_mq: RunMq, path: Path) -> None:
        assert call_mq("produce", "orders", "x").is_refused(3)
        assert not path.exists()

    def test_an_error_is_one_json_object_when_json_was_asked_for(
        self, call_mq: RunMq, orders: Store
    ) -> None:
        run = call_mq("produce", "nosuch", "x", "-o", "ndjson")

        assert json.loads(run.err)["error"]["code"] == "not_found"

    def test_a_closed_reader_of_the_addresses_ends_the_command_quietly(
        self, start_mq: StartMq, orders: Store
    ) -> None:
        producer = start_mq("produce", "orders", "-o", "ndjson")
        producer.stdout.close()
        producer.stdin.write(b"x\n")

        run = producer.end()

        assert (run.code, run.err) == (141, "")
