"""CSV in and out, and values as JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store
from store.model.topics import Headers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run, RunMq

PEOPLE = 'id,name\n1,"Lovelace, Ada"\n2,"Grace ""Amazing""\nHopper"\n'


@pytest.fixture
def two(path: Path) -> Store:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.create_topic("copies")
        store.create_queue("mails")
    return store


def produced(run_mq: RunMq, path: Path, text: str, *options: str) -> Run:
    words = ("-s", str(path), "produce", "orders", "--framing", "csv", *options)
    return run_mq(*words, stdin=text.encode())


def values(path: Path, topic: str = "orders") -> list[bytes | None]:
    with Store.open(path) as store:
        return [record.value for record in store.read(topic, partition=0, offset=0)]


class TestIn:
    def test_each_row_is_an_object_with_a_text_for_each_column(
        self, run_mq: RunMq, two: Store, path: Path
    ) -> None:
        assert produced(run_mq, path, PEOPLE).code == 0
        assert [json.loads(value or b"") for value in values(path)] == [
            {"id": "1", "name": "Lovelace, Ada"},
            {"id": "2", "name": 'Grace "Amazing"\nHopper'},
        ]

    def test_a_column_can_be_the_key(self, run_mq: RunMq, two: Store, path: Path) -> None:
        produced(run_mq, path, PEOPLE, "--key-from", "value.id")
        with Store.open(path) as store:
            assert [r.key for r in store.read("orders", partition=0, offset=0)] == [b"1", b"2"]

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("id,name\n1\n", "line 2: 1 columns, and the header has 2"),
            ("id,id\n1,2\n", "line 1: the header needs a name for each column, each once"),
            ('id\n"1\n', "not CSV"),
        ],
    )
    def test_a_row_that_is_none_ends_it(
        self, run_mq: RunMq, two: Store, path: Path, text: str, problem: str
    ) -> None:
        run = produced(run_mq, path, text)
        assert run.is_refused(2)
        assert problem in run.err

    def test_a_delimiter_of_keys_does_not_go_with_it(
        self, run_mq: RunMq, two: Store, path: Path
    ) -> None:
        assert produced(run_mq, path, PEOPLE, "-K", ":").is_refused(2)


class TestOut:
    def test_cells_are_quoted_where_they_need_it(self, call_mq: RunMq, two: Store) -> None:
        call_mq("produce", "orders", 'a "book",\nused', "-k", "k1")
        text = call_mq("consume", "orders", "-o", "csv").text
        header, row = csv.reader(io.StringIO(text), strict=True)
        assert header == ["address", "timestamp", "key", "headers", "value"]
        assert (row[0], row[2], row[4]) == ("orders/0@0", "k1", 'a "book",\nused')

    def test_listings_and_single_things_have_it_too(self, call_mq: RunMq, two: Store) -> None:
        assert call_mq("topic", "list", "-o", "csv").text.startswith("name,partitions,records,")
        assert call_mq("status", "-o", "csv").text.startswith("field,value\npath,")

    def test_it_is_read_back(self, run_mq: RunMq, two: Store, path: Path) -> None:
        with Store.open(path) as store:
            headers: Headers = {"region": "eu", "attempts": 1}
            store.produce_many(
                "orders", [NewRecord('1,"x"\n', key="k", headers=headers), NewRecord("{}")]
            )
        out = run_mq("-s", str(path), "consume", "orders", "-o", "csv").out
        run_mq("-s", str(path), "produce", "copies", "--framing", "csv", stdin=out)
        with Store.open(path) as store:
            old, new = (
                [(r.key, r.headers, r.value, r.timestamp) for r in store.read(topic, 0, 0)]
                for topic in ("orders", "copies")
            )
        assert new == old

    def test_a_queue_keeps_group_and_priority(
        self, call_mq: RunMq, run_mq: RunMq, path: Path
    ) -> None:
        with Store.open(path, create=True) as store:
            store.create_queue("jobs", fifo=True)
            store.create_queue("others", fifo=True)
            store.send("jobs", "a", message_group="g")
        out = call_mq("peek", "jobs", "-o", "csv").out
        run_mq("-s", str(path), "produce", "others", "--framing", "csv", stdin=out)
        with Store.open(path) as store:
            assert [m.message_group for m in store.messages("others", -1, 10)] == ["g"]


@pytest.mark.parametrize("command", ["consume orders -o ndjson", "peek orders -o ndjson"])
def test_with_json_value_objects_and_arrays_are_json(
    call_mq: RunMq, two: Store, command: str
) -> None:
    call_mq("produce", "orders", '{"a": [1]}', "[2]", "{no", '"text"', "5")

    lines = call_mq(*command.split(), "--json-value").text.splitlines()

    assert [json.loads(line)["value"] for line in lines] == [
        {"a": [1]}, [2], "{no", '"text"', "5",
    ]  # fmt: skip


def test_a_received_message_may_have_its_value_as_json(call_mq: RunMq, two: Store) -> None:
    call_mq("produce", "mails", '{"a": 1}')

    assert json.loads(call_mq("receive", "mails", "--json-value").text)["value"] == {"a": 1}


def test_peek_ends_before_until(call_mq: RunMq, two: Store) -> None:
    call_mq("produce", "orders", "a", "b", "c")

    run = call_mq("peek", "orders", "--until", "2", "-o", "name")

    assert run.text == "orders/0@0\norders/0@1\n"


def test_conditions_know_the_headers_of_columns(call_mq: RunMq, two: Store, path: Path) -> None:
    with Store.open(path) as store:
        store.create_queue("letters")
        store.alter_queue("mails", dlq="letters")
        store.send_many("mails", ["a", "b"])
        first, second = (str(message.receipt) for message in store.receive("mails", 2))
        store.reject([first], error="timed out")
        store.reject([second], error="refused")

    run = call_mq("dlq", "peek", "mails", "--where", "error ~ timed", "-o", "name")

    assert run.text == "letters@0\n"
