"""What every command makes of a damaged record: it is named, never given out, and got past."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from store import Store
from tests.support.damage import WRONG, damage

if TYPE_CHECKING:
    from tests.cli.conftest import Run, RunMq, StartMq


def documents(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out.splitlines()]


def error(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.err.splitlines()[-1])["error"]
    return found


@pytest.fixture
def hurt(timed: Store, path: Path) -> Path:
    """A topic of ten records, 0 to 9, of which 4 is damaged; closed."""
    damage(path, "4")
    return path


@pytest.fixture
def jobs(path: Path) -> Path:
    """Queues with three messages each, `plain`, and FIFO ones in one group; their first is damaged.

    `sent` and `sent.fifo` have a DLQ.
    """
    with Store.open(path, create=True, durability="normal") as store:
        for name in ("plain", "sent", "line", "sent.fifo"):
            fifo = name in {"line", "sent.fifo"}
            dlq = f"{name}.dlq" if name.startswith("sent") else None
            if dlq is not None:
                store.create_queue(dlq, fifo=fifo)
            store.create_queue(name, fifo=fifo, dlq=dlq)
            for n in range(3):
                store.send(name, f"{name}{n}", message_group="g" if fifo else None)
        store.create_topic("out")
    for name in ("plain", "sent", "line", "sent.fifo"):
        damage(path, f"{name}0")
    return path


def read_up_to(stream: IO[bytes], end: bytes) -> bytes:
    """Read until these bytes came, or the process ended."""
    read = b""
    while not read.endswith(end) and (byte := stream.read(1)):
        read += byte
    return read


class TestPeek:
    @pytest.mark.parametrize("address", ["orders", "orders/0", "orders/0@4"])
    def test_a_damaged_record_is_marked_and_the_others_are_shown(
        self, call_mq: RunMq, hurt: Path, address: str
    ) -> None:
        run = call_mq("peek", address, "-o", "json")
        shown = {one["offset"]: one for one in documents(run)}

        assert run.code == 7
        assert (shown[4]["value"], shown[4]["key"], shown[4]["damaged"]) == (None, None, True)
        assert WRONG.decode() not in run.text
        assert error(run)["code"] == "damaged"
        assert len(shown) == (1 if "@" in address else 10)
        assert "damaged" not in shown.get(5, {})

    def test_in_a_table_and_as_tsv_the_mark_stands_in_place_of_the_value(
        self, call_mq: RunMq, hurt: Path
    ) -> None:
        for form in ("tsv", "table"):
            run = call_mq("peek", "orders/0@4", "-o", form)
            assert (run.code, "(damaged)" in run.text) == (7, True)
            assert WRONG.decode() not in run.text

    def test_messages_and_dead_letters_are_marked_too(self, call_mq: RunMq, jobs: Path) -> None:
        call_mq("work", "sent", "--once", "--", "true")
        for words in (["peek", "plain"], ["peek", "plain@0"], ["dlq", "peek", "sent"]):
            run = call_mq(*words, "-o", "ndjson")
            first, *others = documents(run)
            assert run.code == 7
            assert (first["value"], first["damaged"]) == (None, True)
            assert not any("damaged" in one for one in others)

    def test_what_is_found_in_its_place_can_be_had(self, call_mq: RunMq, hurt: Path) -> None:
        (shown,) = documents(call_mq("peek", "orders/0@4", "-o", "json"))

        assert shown["found"]["value_base64"] == "bm90IHdoYXQgd2FzIHN0b3JlZA=="

    def test_a_record_that_is_not_damaged_is_no_error(self, call_mq: RunMq, hurt: Path) -> None:
        assert call_mq("peek", "orders/0@5").code == 0


class TestGroup:
    def test_the_hint_of_the_error_gets_the_group_past_it(self, call_mq: RunMq, hurt: Path) -> None:
        run = call_mq("consume", "orders", "-g", "g", "-o", "ndjson")
        assert run.code == 7
        assert error(run)["addresses"] == ["orders/0@4"]
        words = shlex.split(error(run)["hint"])
        assert call_mq(*words[1:]).code == 0

        assert call_mq("consume", "orders", "-g", "g").text.split() == list("56789")

    def test_the_skip_says_that_it_was_damaged(self, call_mq: RunMq, hurt: Path) -> None:
        call_mq("consume", "orders", "-g", "g")
        (skipped,) = json.loads(call_mq("group", "skip", "g", "orders/0@4", "-o", "json").out)

        assert (skipped["value"], skipped["damaged"]) == (None, True)

    def test_the_stall_has_commands_that_work(self, call_mq: RunMq, hurt: Path) -> None:
        call_mq("queue", "create", "orders.dlq")
        call_mq("consume", "orders", "-g", "g")
        (stall,) = json.loads(call_mq("stalls", "--over", "0s", "-o", "json").out)
        assert (stall["cause"], stall["blocker"]) == ("damaged", "orders/0@4")
        for command in stall["do"]:
            shutil.copy(hurt, "copy.db")
            words = shlex.split(command)[1:]
            assert call_mq("-s", "copy.db", *words).code == 0
            if "skip" in words:
                left = call_mq("-s", "copy.db", "stalls", "--over", "0s", "-o", "json")
                assert [one for one in json.loads(left.out) if one["cause"] == "damaged"] == []

    def test_a_reader_without_a_group_is_told_where_to_go_on(
        self, call_mq: RunMq, hurt: Path
    ) -> None:
        run = call_mq("consume", "orders")
        assert (run.code, run.text.split()) == (7, list("0123"))
        assert "mq consume orders/0 --from 5" in run.err
        assert call_mq("consume", "orders/0", "--from", "5").text.split() == list("56789")


class TestWorkOnATopic:
    @pytest.mark.parametrize(
        ("on_failure", "code", "committed"), [("retry", 1, 4), ("skip", 1, 10), ("stop", 7, 4)]
    )
    def test_it_steps_over_damage_as_over_a_failure(
        self, call_mq: RunMq, hurt: Path, on_failure: str, code: int, committed: int
    ) -> None:
        run = call_mq(
            "work", "orders", "-g", "g", "--once", "--on-failure", on_failure, "--", "cat"
        )
        assert run.code == code
        assert "orders/0@4" in run.err
        assert run.text == "012356789"[:committed]
        with Store.open(hurt) as store:
            assert store.group("g").offsets[0].committed == committed

    def test_dead_letter_copies_it_damaged_and_goes_on(self, call_mq: RunMq, hurt: Path) -> None:
        call_mq("queue", "create", "graves")
        call_mq("group", "create", "g", "--topic", "orders", "--dlq", "graves")
        run = call_mq(
            "work", "orders", "-g", "g", "--once", "--on-failure", "dead-letter", "--", "cat"
        )
        (letter,) = documents(call_mq("dlq", "peek", "graves", "-o", "json"))

        assert (run.code, run.text) == (1, "012356789")
        assert (letter["dead"]["source"], letter["damaged"]) == ("orders/0@4", True)

    def test_at_the_limit_of_deliveries_it_is_a_dead_letter(
        self, call_mq: RunMq, hurt: Path
    ) -> None:
        call_mq("queue", "create", "graves")
        call_mq("group", "create", "g", "--topic", "orders", "--dlq", "graves",
                "--max-deliveries", "2")  # fmt: skip
        for _ in range(3):
            call_mq("work", "orders", "-g", "g", "--once", "--", "true")

        with Store.open(hurt) as store:
            assert store.group("g").offsets[0].committed == 10
            assert len(store.dead_letters("graves")) == 1

    def test_a_worker_that_follows_lives_on_and_takes_what_another_command_lets_through(
        self, start_mq: StartMq, call_mq: RunMq, hurt: Path
    ) -> None:
        working = start_mq("work", "orders", "-g", "g", "--retry-delay", "10ms", "--", "cat")
        read = read_up_to(working.stdout, b"3")
        for _ in range(3):
            assert b"damaged" in working.stderr.readline()
        assert call_mq("group", "skip", "g", "orders/0@4").code == 0
        read += read_up_to(working.stdout, b"9")
        working.interrupt(signal.SIGTERM)

        assert working.end().code == 0
        assert read == b"012356789"


class TestQueues:
    def test_receive_gives_the_others(self, call_mq: RunMq, jobs: Path) -> None:
        run = call_mq("receive", "plain", "-n", "5")

        assert [one["value"] for one in documents(run)] == ["plain1", "plain2"]
        assert run.code == 0

    @pytest.mark.parametrize("queue", ["sent", "sent.fifo"])
    def test_a_dlq_takes_it(self, call_mq: RunMq, jobs: Path, queue: str) -> None:
        values = [one["value"] for _ in range(3) for one in documents(call_mq("receive", queue))]
        letters = documents(call_mq("dlq", "peek", queue, "-o", "json"))

        expected = [f"{queue}1", f"{queue}2"]
        assert values == (expected if queue == "sent" else expected[:1])
        assert [(one["damaged"], one["dead"]["source"]) for one in letters] == [
            (True, f"{queue}@0")
        ]

    def test_a_fifo_receive_tells_it_once_with_a_way_out_that_works(
        self, call_mq: RunMq, jobs: Path
    ) -> None:
        run = call_mq("receive", "line")
        assert run.is_refused(7)
        assert call_mq("receive", "line").code == 0
        hint = run.err.splitlines()[-1].removeprefix("hint: mq ")
        assert call_mq(*hint.split()).code == 0

        assert [one["value"] for one in documents(call_mq("receive", "line"))] == ["line1"]

    def test_the_stall_of_a_fifo_group_ends_by_its_first_way_out(
        self, call_mq: RunMq, jobs: Path
    ) -> None:
        call_mq("receive", "line")
        (stall,) = json.loads(call_mq("stalls", "--over", "0s", "-o", "json").out)
        assert (stall["kind"], stall["cause"], stall["blocker"]) == ("fifo", "damaged", "line@0")
        assert call_mq(*shlex.split(stall["do"][0])[1:]).code == 0

        assert json.loads(call_mq("stalls", "--over", "0s", "-o", "json").out) == []

    def test_consume_prints_the_others_and_ends_with_7(self, call_mq: RunMq, jobs: Path) -> None:
        run = call_mq("consume", "plain")

        assert (run.code, run.text.split()) == (7, ["plain1", "plain2"])
        assert "plain@0" in run.err

    @pytest.mark.parametrize("queue", ["plain", "sent", "sent.fifo"])
    def test_work_does_the_others_and_counts_it_as_failed(
        self, call_mq: RunMq, jobs: Path, queue: str
    ) -> None:
        run = call_mq("work", queue, "--once", "--", "cat")

        assert (run.code, run.text) == (1, f"{queue}1{queue}2")
        assert f"{queue}@0" in run.err

    def test_work_that_skips_takes_it_out_of_a_fifo_queue(self, call_mq: RunMq, jobs: Path) -> None:
        run = call_mq("work", "line", "--once", "--on-failure", "skip", "--", "cat")

        assert (run.code, run.text) == (1, "line1line2")

    def test_work_that_stops_ends_with_7(self, call_mq: RunMq, jobs: Path) -> None:
        run = call_mq("work", "plain", "--once", "--on-failure", "stop", "--", "cat")

        assert run.code == 7
        assert "plain@0" in run.err

    def test_a_worker_that_follows_lives_on(
        self, start_mq: StartMq, call_mq: RunMq, jobs: Path
    ) -> None:
        working = start_mq("work", "line", "--", "cat")
        assert b"line@0 is damaged" in working.stderr.readline()
        assert call_mq("queue", "purge", "line@0", "--yes").code == 0
        read = read_up_to(working.stdout, b"line2")
        working.interrupt(signal.SIGTERM)

        assert (working.end().code, read) == (0, b"line1line2")

    def test_pipe_passes_the_others_on_and_ends_with_7(self, call_mq: RunMq, jobs: Path) -> None:
        run = call_mq("pipe", "plain", "out", "--once", "--", "cat")

        assert run.code == 7
        assert call_mq("consume", "out").text.split() == ["plain1", "plain2"]

    def test_an_export_leaves_it_out_and_says_so(self, call_mq: RunMq, jobs: Path) -> None:
        call_mq("work", "sent", "--once", "--", "false")
        call_mq("work", "sent", "--once", "--", "true")
        run = call_mq("dlq", "export", "sent")

        assert (run.code, run.out) == (7, b"")
        assert "sent.dlq@0" in run.err


class TestPurge:
    def test_one_message_is_purged_by_its_address(self, call_mq: RunMq, jobs: Path) -> None:
        assert call_mq("queue", "purge", "plain@1").is_refused(2)
        assert json.loads(call_mq("queue", "purge", "plain@1", "--dry-run", "-o", "json").out) == [
            {"name": "plain@1", "removed": 1}
        ]
        assert call_mq("queue", "purge", "plain@0", "plain@1", "--yes").code == 0
        assert [one["value"] for one in documents(call_mq("peek", "plain", "-o", "json"))] == [
            "plain2"
        ]

    @pytest.mark.parametrize(("address", "code"), [("plain@9", 3), ("plain/0@1", 2), ("no@1", 3)])
    def test_what_is_not_there_is_refused(
        self, call_mq: RunMq, jobs: Path, address: str, code: int
    ) -> None:
        assert call_mq("queue", "purge", address, "--yes").is_refused(code)

    def test_one_that_is_leased_can_be_left(self, call_mq: RunMq, jobs: Path) -> None:
        call_mq("receive", "plain")
        assert call_mq("queue", "purge", "plain@1", "--keep-leased", "--yes").code == 0

        assert len(documents(call_mq("peek", "plain@1", "-o", "json"))) == 1


class TestShare:
    @pytest.fixture
    def packers(self, call_mq: RunMq, hurt: Path) -> None:
        """A share of the ten records with room for three in flight."""
        call_mq("share", "create", "packers", "orders", "--max-in-flight", "3")

    def test_work_does_the_others_until_its_window_is_full_and_a_skip_gets_past_it(
        self, call_mq: RunMq, packers: None
    ) -> None:
        run = call_mq("work", "packers", "--once", "--", "cat")
        assert (run.code, run.text) == (1, "012356")
        (stall,) = json.loads(call_mq("stalls", "--over", "0s", "-o", "json").out)
        assert (stall["cause"], stall["blocker"]) == ("damaged", "orders/0@4")
        assert call_mq(*shlex.split(stall["do"][0])[1:]).code == 0

        assert call_mq("work", "packers", "--once", "--", "cat").text == "789"

    def test_work_that_skips_does_all_the_others(self, call_mq: RunMq, packers: None) -> None:
        run = call_mq("work", "packers", "--once", "--on-failure", "skip", "--", "cat")

        assert (run.code, run.text) == (1, "012356789")

    def test_the_skip_says_what_it_did(self, call_mq: RunMq, packers: None) -> None:
        call_mq("queue", "create", "graves")
        call_mq("receive", "packers")
        words = ["share", "skip", "packers", "orders/0@0", "--to-dlq", "graves", "-o", "json"]
        row = {"address": "orders/0@0", "share": "packers", "to_dlq": "graves"}

        assert json.loads(call_mq(*words, "--dry-run").out) == [row]
        assert json.loads(call_mq(*words).out) == [row]
        assert error(call_mq(*words))["code"] == "not_found"


def test_project_names_the_way_past_it_and_goes_on(call_mq: RunMq, path: Path) -> None:
    with Store.open(path, create=True) as store:
        store.create_topic("parts")
        store.produce_many("parts", [b'{"id":1}', b'{"id":2}', b'{"id":3}'])
    damage(path, '{"id":2}')
    run = call_mq("project", "parts", "stock", "--pk", "id")
    assert run.code == 7
    hint = run.err.splitlines()[-1].removeprefix("hint: mq ")

    assert call_mq(*shlex.split(hint)).code == 0
    with Store.open(path) as store, store.transaction() as tx:
        assert tx.execute("select id from stock order by 1") == [(1,), (3,)]
