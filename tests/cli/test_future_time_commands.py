"""Times in the future at the command line: who stores one is warned, and nothing is silent."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import NewRecord, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

FUTURE = "2999-01-01T00:00:00.000Z"
LINE = b'{"value":"ahead","timestamp":"%s"}\n' % FUTURE.encode()
WARNING = (
    f" with a time in the future, up to {FUTURE}; later ones in the same place bear it"
    " too (mq doctor)\n"
)


@pytest.fixture
def places(path: Path) -> Path:
    """A store with a topic, a queue that has a DLQ, and an exchange that leads to both."""
    with Store.open(path, create=True) as store:
        store.create_topic("orders")
        store.create_queue("graves")
        store.create_queue("jobs", dlq="graves", max_deliveries=1)
        store.create_exchange("events", "fanout")
        store.bind("events", "orders")
        store.bind("events", "jobs")
    return path


@pytest.fixture
def ahead(places: Path) -> Path:
    """The same, with a record and a message from the future, and another one each behind them."""
    moment = NewRecord("ahead", timestamp=32_472_144_000_000)
    with Store.open(places) as store:
        store.produce_many("orders", [moment, NewRecord("then")])
        store.send("jobs", "ahead", timestamp=32_472_144_000_000)
        store.send("jobs", "then")
    return places


class TestStoring:
    @pytest.mark.parametrize(
        ("words", "noun"),
        [
            ("produce orders --framing ndjson", "record"),
            ("produce jobs --framing ndjson", "message"),
            ("publish events -k a --framing ndjson", "message"),
        ],
    )
    def test_a_time_in_the_future_is_warned_of(
        self, run_mq: RunMq, places: Path, words: str, noun: str
    ) -> None:
        run = run_mq("-s", str(places), *words.split(), stdin=LINE)

        assert (run.code, run.err) == (0, f"mq: warning: 1 {noun}{WARNING}")

    def test_so_is_one_that_is_taken_from_the_value(self, run_mq: RunMq, places: Path) -> None:
        value = json.dumps({"at": FUTURE})
        run = run_mq(
            "-s", str(places), "produce", "orders", value, value, "--timestamp-from", "value.at"
        )

        assert run.err == f"mq: warning: 2 records{WARNING}"

    def test_a_time_a_little_ahead_is_not(self, run_mq: RunMq, places: Path) -> None:
        with Store.open(places) as store:
            soon = store.clock.wall() + 30_000
        line = b'{"value":"soon","timestamp":%d}\n' % soon

        run = run_mq("-s", str(places), "produce", "orders", "--framing", "ndjson", stdin=line)
        assert run.err == ""

    def test_dead_letters_that_are_brought_back_are_warned_of(
        self, run_mq: RunMq, places: Path
    ) -> None:
        run_mq("-s", str(places), "produce", "jobs", "--framing", "ndjson", stdin=LINE)
        with Store.open(places) as store:
            store.reject([message.receipt or "" for message in store.receive("jobs")])
        letters = run_mq("-s", str(places), "dlq", "export", "graves").out
        run_mq("-s", str(places), "dlq", "purge", "graves", "--yes")
        run = run_mq("-s", str(places), "dlq", "import", "graves", stdin=letters)

        assert run.code == 0
        assert run.err == (
            "mq: warning: 1 dead letter with a time in the future; they age from now on\n"
        )


class TestReading:
    def test_reading_until_now_includes_what_came_before(self, call_mq: RunMq, ahead: Path) -> None:
        assert call_mq("consume", "orders", "--until", "0s").text.split() == ["ahead", "then"]

    def test_a_group_reads_until_now_too(self, call_mq: RunMq, ahead: Path) -> None:
        run = call_mq("consume", "orders", "-g", "billing", "--until", "0s")

        assert run.text.split() == ["ahead", "then"]

    def test_reading_until_before_it_came_does_not(self, call_mq: RunMq, ahead: Path) -> None:
        assert call_mq("consume", "orders", "--until", "1h").text == ""

    @pytest.mark.parametrize("place", ["orders", "jobs"])
    def test_its_age_is_what_it_is(self, call_mq: RunMq, ahead: Path, place: str) -> None:
        assert call_mq("peek", place, "--where", "age < 0s", "-o", "ndjson").text == ""
        young = call_mq("peek", place, "--where", "age < 10m", "-o", "ndjson").text.splitlines()
        assert [json.loads(line)["value"] for line in young] == ["ahead", "then"]

    @pytest.mark.parametrize("place", ["orders", "jobs"])
    def test_what_came_lately_is_found_by_that(
        self, call_mq: RunMq, ahead: Path, place: str
    ) -> None:
        lately = call_mq("peek", place, "--from", "10m", "-o", "ndjson").text.splitlines()
        assert len(lately) == 2

    def test_a_trim_by_time_removes_it(self, call_mq: RunMq, ahead: Path) -> None:
        run = call_mq("topic", "trim", "orders", "--before", "0s", "--dry-run", "-o", "json")

        assert json.loads(run.out)[0]["removed"] == 2

    def test_a_group_goes_back_by_a_length_of_time(self, call_mq: RunMq, ahead: Path) -> None:
        call_mq("consume", "orders", "-g", "billing")
        run = call_mq("group", "reset", "billing", "--topic", "orders", "--by", "1h", "-o", "json")

        assert json.loads(run.out)["changes"][0]["new"] == 0


class TestTheDoctor:
    @pytest.mark.parametrize("place", ["orders/0", "jobs"])
    def test_its_commands_end_it(self, call_mq: RunMq, ahead: Path, place: str) -> None:
        def found() -> list[list[str]]:
            diagnoses = json.loads(call_mq("doctor", "-o", "json").out)
            return [
                one["do"]
                for one in diagnoses
                if (one["code"], one["address"]) == ("future_times", place)
            ]

        (commands,) = found()
        for command in commands:
            assert call_mq(*shlex.split(command)[1:]).code == 0

        assert found() == []
