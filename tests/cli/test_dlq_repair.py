"""`mq dlq redrive --rate/--canary`, `edit`, `export`, `import`, and `mq peek --history`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mq.work.redrive_pacing import Pace, parse_rate
from store import BadInput, NewMessage, Store

if TYPE_CHECKING:
    from tests.cli.conftest import Run, RunMq, StartMq


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store whose DLQ graves holds twenty rejected messages of emails, all sorts of bytes."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves", max_deliveries=2)
        values = [b"a", b"\xff\x00", None, b"", "\u00fc\u2028".encode(), b'{"a": 1}', b"line\n"]
        headers = [{}, {"n": 1, "f": 1.0, "t": True, "z": None, "s": "1"}]
        store.send_many(
            "emails",
            [
                NewMessage(values[n % 7], key=b"\xfe" if n % 3 else None, headers=headers[n % 2])
                for n in range(20)
            ],
        )
        kill(store)
        yield store


def kill(store: Store, most: int = 50) -> None:
    for message in store.receive("emails", most):
        store.reject([message.receipt or ""], error="no \u00fc")


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.text.splitlines()]


class TestPace:
    def test_in_no_second_more_go_than_the_rate_allows(self) -> None:
        pace, times = Pace(100.0), [n / 1000 for n in range(0, 5000, 7)]
        taken = [(now, pace.take(now)) for now in times]
        for start in range(4):
            assert sum(n for now, n in taken if start <= now < start + 1) <= 106
        assert sum(n for _, n in taken) >= 490

    @pytest.mark.parametrize(
        ("text", "rate"), [("50/s", 50), ("30/m", 0.5), ("36/h", 0.01), ("2", 2)]
    )
    def test_a_rate_is_so_many_a_second(self, text: str, rate: float) -> None:
        assert parse_rate(text) == pytest.approx(rate)

    @pytest.mark.parametrize("text", ["0/s", "x", "-1/s", "5/d", "9" * 400])
    def test_another_is_refused(self, text: str) -> None:
        with pytest.raises(BadInput):
            parse_rate(text)


class TestPacedRedrive:
    def test_all_of_it_is_one_batch(self, call_mq: RunMq, post: Store) -> None:
        done = json.loads(call_mq("dlq", "redrive", "graves", "--rate", "200/s", "--json").out)
        assert (done["batch"], len(done["moved"])) == (1, 20)
        assert len(json.loads(call_mq("dlq", "undo", "1", "--json").out)["moved"]) == 20

    def test_interrupted_it_leaves_a_journal_and_says_how_to_go_on(
        self, start_mq: StartMq, post: Store
    ) -> None:
        since = post.changed()
        running = start_mq("dlq", "redrive", "graves", "--rate", "2/s", "-o", "json")
        assert post.wait(since, 30)
        running.interrupt()
        run = running.end()
        moved = len(json.loads(run.out)["moved"])
        assert (run.code, 0 < moved < 20) == (130, True)
        assert f"{moved} of 20 dead letters moved" in run.err
        assert "mq dlq undo 1" in run.err
        assert len(post.undo_redrive().moved) == moved


class TestCanary:
    def test_the_others_follow_when_the_canaries_are_done_with(
        self, start_mq: StartMq, post: Store
    ) -> None:
        running = start_mq("dlq", "redrive", "graves", "--canary", "2", "-o", "json")
        canaries = post.receive("emails", 2, wait=30)
        canaries += post.receive("emails", 2 - len(canaries), wait=30) if len(canaries) < 2 else []
        assert len(post.dead_letters("graves")) == 18
        post.ack([one.receipt or "" for one in canaries])
        run = running.end()
        assert (run.code, len(json.loads(run.out)["moved"])) == (0, 20)

    def test_one_that_comes_back_ends_it(self, start_mq: StartMq, post: Store) -> None:
        running = start_mq("dlq", "redrive", "graves", "--canary", "1")
        (canary,) = post.receive("emails", wait=30)
        post.reject([canary.receipt or ""], error="still bad")
        run = running.end()
        assert run.code == 1
        assert canary.id in run.err
        assert "graves@20" in run.err
        assert "still bad" in run.err
        assert len(post.dead_letters("graves")) == 20

    def test_one_that_nobody_takes_times_out(self, call_mq: RunMq, post: Store) -> None:
        words = ["--canary", "1", "--canary-timeout", "10ms"]
        run = call_mq("dlq", "redrive", "graves", *words)
        assert run.code == 5
        assert "1 of 20 dead letters moved" in run.err
        assert "mq dlq undo 1" in run.err


class TestEdit:
    def test_a_script_gives_the_value(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("dlq", "edit", "graves@0", "--value", "better", "--json")
        assert (run.code, json.loads(run.out)["batch"]) == (0, 1)
        assert post.message("graves", 0).value == b"better"
        call_mq("dlq", "undo")
        assert post.message("graves", 0).value == b"a"

    def test_an_editor_changes_it_and_its_last_newline_is_not_stored(
        self, call_mq: RunMq, post: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        editor = tmp_path / "editor.py"
        editor.write_text("import sys; open(sys.argv[1], 'w').write('better\\n')")
        monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
        assert call_mq("dlq", "edit", "graves@0").code == 0
        assert post.message("graves", 0).value == b"better"

    @pytest.mark.parametrize("sequence", [0, 2, 3])
    def test_what_an_editor_leaves_alone_is_no_edit(
        self, call_mq: RunMq, post: Store, monkeypatch: pytest.MonkeyPatch, sequence: int
    ) -> None:
        monkeypatch.setenv("VISUAL", "true")
        before = post.message("graves", sequence)
        run = call_mq("dlq", "edit", f"graves@{sequence}")
        assert (run.code, "nothing was changed" in run.err) == (0, True)
        assert post.message("graves", sequence) == before
        assert call_mq("dlq", "undo").is_refused(3)

    def test_what_was_written_is_kept_when_it_can_not_be_stored(
        self, call_mq: RunMq, post: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        editor = tmp_path / "editor.py"
        editor.write_text(
            "import sys, os; from store import Store\n"
            "with Store.open(os.environ['MQ_STORE']) as store: store.receive('graves')\n"
            "open(sys.argv[1], 'w').write('better')\n"
        )
        monkeypatch.setenv("EDITOR", f"{sys.executable} {editor}")
        monkeypatch.delenv("VISUAL", raising=False)
        run = call_mq("dlq", "edit", "graves@0")
        assert run.is_refused(4)
        kept = run.err.rsplit("--file ", 1)[1].strip()
        assert Path(kept).read_text() == "better"

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["graves@99", "--value", "x"], 3),
            (["graves", "--value", "x"], 2),
            (["graves@0", "--value", "x", "--file", "y"], 2),
            (["graves@1"], 2),
        ],
    )
    def test_what_cannot_be_is_refused(
        self,
        call_mq: RunMq,
        post: Store,
        monkeypatch: pytest.MonkeyPatch,
        words: list[str],
        code: int,
    ) -> None:
        monkeypatch.setenv("EDITOR", "true")
        monkeypatch.delenv("VISUAL", raising=False)
        assert call_mq("dlq", "edit", *words).is_refused(code)


class TestExportAndImport:
    def test_a_round_trip_gives_the_same_bytes(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        before = post.dead_letters("graves")
        exported = call_mq("dlq", "export", "emails").out
        (tmp_path / "letters").write_bytes(exported)
        post.purge_queue("graves")
        run = call_mq("dlq", "import", "graves", "letters", "--json")
        assert json.loads(run.out) == {"queue": "graves", "imported": 20, "present": 0}
        after = post.dead_letters("graves")
        facts = [
            [(m.id, m.timestamp, m.key, m.value, m.headers, m.dead) for m in side]
            for side in (before, after)
        ]
        assert facts[0] == facts[1]
        assert [str(m.headers) for m in before] == [str(m.headers) for m in after]

    def test_the_time_that_ended_a_letter_comes_back(
        self, call_mq: RunMq, path: Path, tmp_path: Path
    ) -> None:
        with Store.open(path, create=True, durability="normal") as store:
            store.create_queue("graves")
            store.create_queue("notices", dlq="graves", ttl=0.001, lease=0.001)
            store.send("notices", b"x")
            before = store.dead_letters("graves")
            while not before:
                store.receive("notices")
                before = store.dead_letters("graves")
            (tmp_path / "letters").write_bytes(call_mq("dlq", "export", "graves").out)
            store.purge_queue("graves")
            assert call_mq("dlq", "import", "graves", "letters").code == 0
            assert [one.dead for one in store.dead_letters("graves")] == [before[0].dead]
            assert before[0].dead is not None
            assert before[0].dead.hops[0].ttl == 1

    def test_the_same_letters_again_are_noticed(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        (tmp_path / "letters").write_bytes(call_mq("dlq", "export", "graves").out)
        run = call_mq("dlq", "import", "graves", "letters", "--json")
        assert json.loads(run.out) == {"queue": "graves", "imported": 0, "present": 20}
        assert "20 dead letters passed over" in run.err

    def test_every_bad_line_is_named_and_nothing_is_imported(
        self, call_mq: RunMq, post: Store, tmp_path: Path
    ) -> None:
        good = call_mq("dlq", "export", "graves").out.splitlines()
        post.purge_queue("graves")
        (tmp_path / "letters").write_bytes(
            b"\n".join([good[0], b"{", b"", b'{"value":"x"}', *good])
        )
        run = call_mq("dlq", "import", "graves", "letters")
        assert run.is_refused(2)
        assert "line 2: " in run.err
        assert "line 4: " in run.err
        assert post.dead_letters("graves") == []

    def test_conditions_choose_what_is_exported(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq(
            "dlq", "export", "graves", "--where", "headers.n = 1", "--where", "value.a = 1"
        )
        assert {line["value"] for line in lines(run)} == {'{"a": 1}'}


class TestHistory:
    def test_a_message_tells_its_failed_deliveries(self, call_mq: RunMq, post: Store) -> None:
        events = json.loads(call_mq("peek", "graves@0", "--history", "--json").out)
        assert [event["event"] for event in events] == ["sent", "rejected", "dead-lettered"]
        assert (events[1]["delivery"], events[1]["error"]) == (1, "no \u00fc")
        assert (events[2]["reason"], events[2]["target"]) == ("rejected", "graves@0")

    def test_a_record_tells_whose_attempts_failed(self, call_mq: RunMq, post: Store) -> None:
        post.create_topic("orders")
        post.produce("orders", b"x")
        with post.consumer("billing", ["orders"], member="w1") as consumer:
            consumer.fail(consumer.poll(1)[0], "bad")
        (event,) = json.loads(call_mq("peek", "orders/0@0", "--history", "--json").out)
        assert (event["event"], event["reader"], event["error"]) == ("failed", "billing", "bad")

    def test_what_nobody_told_is_unknown(self, run_mq: RunMq, post: Store, path: Path) -> None:
        for message in post.receive("graves"):
            post.nack([message.receipt or ""])
        run = run_mq("peek", "graves@0", "--history", "-o", "table", "-s", str(path), COLUMNS="300")
        assert "unknown" in run.text

    @pytest.mark.parametrize(
        ("address", "code"), [("graves", 2), ("graves@99", 3), ("nothing@1", 3)]
    )
    def test_what_cannot_be_is_refused(
        self, call_mq: RunMq, post: Store, address: str, code: int
    ) -> None:
        assert call_mq("peek", address, "--history").is_refused(code)
