"""`mq dlq`: dead letters, looked at, sent back, and taken back again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store import Message, NewMessage, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Run, RunMq


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store whose DLQ graves holds dead letters of emails: a and b timed out, c was wrong."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves")
        store.create_queue("other")
        store.send_many("emails", [NewMessage(value, key=b"k") for value in (b"a", b"b", b"c")])
        errors = ["timeout after 3s", "timeout after 12s", "no user 'ann'"]
        for message, error in zip(store.receive("emails", 9), errors, strict=True):
            store.reject([message.receipt or ""], error=error)
        yield store


def documents(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.text.splitlines()]


def values(store: Store, queue: str) -> list[bytes | None]:
    return [message.value for message in store.messages(queue)]


def leased(store: Store, queue: str) -> Message:
    (message,) = store.receive(queue)
    return message


class TestList:
    def test_it_shows_who_sends_dead_letters_there(self, call_mq: RunMq, post: Store) -> None:
        (row,) = json.loads(call_mq("dlq", "list", "--json").out)
        assert row.pop("oldest").endswith("Z")
        assert row == {"name": "graves", "dead_letters": 3, "sources": ["emails"]}

    def test_an_empty_dlq_is_listed_too(self, call_mq: RunMq, post: Store) -> None:
        post.purge_queue("graves")
        run = call_mq("dlq", "list", "-o", "tsv", "--no-header")
        assert run.text == 'graves\t0\t["emails"]\t\n'


class TestPeek:
    def test_a_dead_letter_tells_why_it_died(self, call_mq: RunMq, post: Store) -> None:
        first, *rest = documents(call_mq("dlq", "peek", "graves", "-o", "json"))
        assert len(rest) == 2
        assert (first["queue"], first["sequence"], first["value"]) == ("graves", 0, "a")
        assert first["dead"]["source"] == "emails@0"
        assert first["dead"]["error"] == "timeout after 3s"
        assert "receipt" not in first

    def test_it_leases_nothing(self, call_mq: RunMq, post: Store) -> None:
        call_mq("dlq", "peek", "graves")
        assert post.queue("graves").ready == 3

    def test_a_source_queue_stands_for_its_dlq(self, call_mq: RunMq, post: Store) -> None:
        shown = [call_mq("dlq", "peek", name, "-o", "name").text for name in ("emails", "graves")]
        assert shown == ["graves@0\ngraves@1\ngraves@2\n"] * 2

    def test_n_bounds_it(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("dlq", "peek", "graves", "-n", "1", "-o", "name")
        assert run.text == "graves@0\n"

    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            ("dead.reason = rejected", "abc"),
            ("dead.reason != rejected", ""),
            ("dead.error ~ ^timeout", "ab"),
            ("dead.source = emails", "abc"),
            ("dead.source = emails@2", "c"),
            ("dead.source = other", ""),
            ("dead.deliveries > 1", ""),
            ("dead.at > 1h", "abc"),
            ("deliveries = 1", "abc"),
            ("age < 1h", "abc"),
            ("state = ready", "abc"),
            ("sequence >= 1", "bc"),
            ("key = k", "abc"),
            ("message_group = null", "abc"),
            ("dead.deliveries == 1", "abc"),
            ("value == b", "b"),
            ("value = b", "b"),
        ],
    )
    def test_a_condition_chooses_among_them(
        self, call_mq: RunMq, post: Store, condition: str, found: str
    ) -> None:
        run = call_mq("dlq", "peek", "graves", "--where", condition, "--json")
        assert "".join(letter["value"] for letter in documents(run)) == found

    def test_errors_of_one_kind_are_one_group(self, call_mq: RunMq, post: Store) -> None:
        groups = json.loads(call_mq("dlq", "peek", "emails", "--group-by", "error", "--json").out)
        assert [list(group) for group in groups] == [["value", "count", "first", "last"]] * 2
        assert [(group["value"], group["count"]) for group in groups] == [
            ("timeout after …", 2),
            ("no user '…'", 1),
        ]
        assert groups[0]["first"] <= groups[0]["last"]

    @pytest.mark.parametrize(("by", "value"), [("reason", "rejected"), ("source", "emails")])
    def test_they_may_be_grouped_otherwise(
        self, call_mq: RunMq, post: Store, by: str, value: str
    ) -> None:
        words = ["--group-by", by, "--where", "value != c"]
        (group,) = json.loads(call_mq("dlq", "peek", "graves", *words, "--json").out)
        assert (group["value"], group["count"]) == (value, 2)

    def test_what_is_shown_on_a_terminal_is_made_harmless(
        self, run_mq_on_terminal: RunMq, post: Store, path: Path
    ) -> None:
        post.send("emails", b"\x1b[2J")
        post.reject([leased(post, "emails").receipt or ""], error="\x1b[31mred")
        environment = {"MQ_STORE": str(path), "COLUMNS": "200", "NO_COLOR": "1"}
        for words in (["peek", "graves"], ["peek", "graves", "--group-by", "error"]):
            shown = run_mq_on_terminal("dlq", *words, **environment)
            assert (shown.code, b"\x1b" in shown.out) == (0, False)
            assert b"\\x1b[" in shown.out

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("nothing", 3),
            ("graves -n 0", 2),
            ("graves --group-by value", 2),
            ("graves --where dead.cause=x", 2),
            ("graves --where dead.at=soon", 2),
            ("graves --where dead.reason=reject", 2),
            ("graves --where dead.deliveries=many", 2),
            ("graves --where state=leaesd", 2),
            ("graves --where key=~k", 2),
            ("", 2),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, call_mq: RunMq, post: Store, words: str, code: int
    ) -> None:
        assert call_mq("dlq", "peek", *words.split()).is_refused(code)


class TestRedrive:
    def test_dead_letters_go_back_to_where_they_came_from(
        self, call_mq: RunMq, post: Store
    ) -> None:
        ids = [letter.id for letter in post.dead_letters("graves")]
        done = json.loads(call_mq("dlq", "redrive", "emails", "-o", "json").out)
        assert done["batch"] == 1
        assert done["moved"] == [
            {"id": id, "source": f"graves@{n}", "target": f"emails@{n + 3}"}
            for n, id in enumerate(ids)
        ]
        assert (values(post, "emails"), values(post, "graves")) == ([b"a", b"b", b"c"], [])

    def test_they_are_the_same_messages_counted_anew(self, call_mq: RunMq, post: Store) -> None:
        before = post.dead_letters("graves")[0]
        call_mq("dlq", "redrive", "graves", "-n", "1")
        (after,) = post.messages("emails")
        assert (after.id, after.timestamp, after.key) == (before.id, before.timestamp, before.key)
        assert (after.deliveries, after.dead) == (0, None)

    def test_they_may_go_elsewhere(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("dlq", "redrive", "graves", "--to", "other").code == 0
        assert values(post, "other") == [b"a", b"b", b"c"]

    def test_ids_and_conditions_choose_among_them(self, call_mq: RunMq, post: Store) -> None:
        first, second, third = (letter.id for letter in post.dead_letters("graves"))
        call_mq("dlq", "redrive", "graves", "--id", first.upper(), "--id", third)
        assert values(post, "graves") == [b"b"]
        call_mq("dlq", "redrive", "graves", "--where", "dead.error ~ timeout")
        assert values(post, "emails") == [b"a", b"c", b"b"]
        assert call_mq("dlq", "redrive", "graves", "--id", second).is_refused(3)

    def test_one_unknown_id_keeps_all_of_them(self, call_mq: RunMq, post: Store) -> None:
        known = post.dead_letters("graves")[0].id
        for further in ([], ["--dry-run"]):
            words = ["--id", known, "--id", "unknown", *further]
            assert call_mq("dlq", "redrive", "graves", *words).is_refused(3)
        assert len(values(post, "graves")) == 3

    def test_a_dry_run_moves_nothing(self, call_mq: RunMq, post: Store) -> None:
        done = json.loads(call_mq("dlq", "redrive", "graves", "--dry-run", "--json").out)
        assert done["batch"] is None
        assert [moved["target"] for moved in done["moved"]] == ["emails"] * 3
        assert len(values(post, "graves")) == 3

    def test_what_somebody_works_on_stays(self, call_mq: RunMq, post: Store) -> None:
        letter = leased(post, "graves")
        call_mq("dlq", "redrive", "graves")
        assert values(post, "graves") == [letter.value]

    def test_a_target_that_is_not_there_is_told_though_nothing_would_move(
        self, call_mq: RunMq, post: Store
    ) -> None:
        assert call_mq("dlq", "redrive", "graves", "--where", "key = x", "--to", "no").is_refused(3)

    def test_nothing_to_move_is_no_batch(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("dlq", "redrive", "graves", "--where", "value = z", "--json")
        assert (run.code, json.loads(run.out)) == (0, {"batch": None, "moved": []})

    def test_on_a_terminal_it_says_how_to_undo_it(
        self, run_mq_on_terminal: RunMq, post: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("dlq", "redrive", "graves", MQ_STORE=str(path))
        assert run.text.endswith("3 dead letters moved\nundo with: mq dlq undo 1\n")

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("nothing", 3),
            ("graves --to nothing", 3),
            ("graves -n 0", 2),
            ("graves --where x", 2),
            ("graves --where key<>k", 2),
            ("graves --to graves/0", 2),
        ],
    )
    def test_what_cannot_be_moves_nothing(
        self, call_mq: RunMq, post: Store, words: str, code: int
    ) -> None:
        assert call_mq("dlq", "redrive", *words.split()).is_refused(code)
        assert len(values(post, "graves")) == 3

    def test_a_source_queue_that_is_gone_is_not_found(self, call_mq: RunMq, post: Store) -> None:
        post.delete_queue("emails")
        assert call_mq("dlq", "redrive", "graves").is_refused(3)

    def test_a_fifo_queue_and_a_standard_one_do_not_mix(self, call_mq: RunMq, post: Store) -> None:
        post.create_queue("line", fifo=True)
        assert call_mq("dlq", "redrive", "graves", "--to", "line").is_refused(2)


class TestUndo:
    def test_the_last_redrive_is_taken_back(self, call_mq: RunMq, post: Store) -> None:
        before = post.dead_letters("graves")
        call_mq("dlq", "redrive", "graves")
        done = json.loads(call_mq("dlq", "undo", "--json").out)
        assert (done["batch"], len(done["moved"])) == (1, 3)
        after = post.dead_letters("graves")
        assert [(one.id, one.dead) for one in after] == [(one.id, one.dead) for one in before]
        assert values(post, "emails") == []

    def test_an_earlier_one_is_named(self, call_mq: RunMq, post: Store) -> None:
        for value in (b"a", b"b"):
            call_mq("dlq", "redrive", "graves", "--where", f"value = {value.decode()}")
        call_mq("dlq", "undo", "1")
        assert values(post, "emails") == [b"b"]

    def test_what_is_done_with_stays_where_it_is(self, call_mq: RunMq, post: Store) -> None:
        call_mq("dlq", "redrive", "graves")
        post.ack([leased(post, "emails").receipt or ""])
        assert len(json.loads(call_mq("dlq", "undo", "--json").out)["moved"]) == 2

    def test_where_nothing_is_left_it_is_a_conflict(self, call_mq: RunMq, post: Store) -> None:
        call_mq("dlq", "redrive", "graves")
        post.receive("emails", 9)
        assert call_mq("dlq", "undo").is_refused(4)

    @pytest.mark.parametrize(("words", "code"), [([], 3), (["1"], 3), (["x"], 2), (["9" * 20], 2)])
    def test_nothing_to_undo_is_not_found(
        self, call_mq: RunMq, post: Store, words: list[str], code: int
    ) -> None:
        assert call_mq("dlq", "undo", *words).is_refused(code)

    def test_it_is_undone_once(self, call_mq: RunMq, post: Store) -> None:
        call_mq("dlq", "redrive", "graves")
        assert [call_mq("dlq", "undo", "1").code for _ in range(2)] == [0, 3]


class TestPurge:
    def test_it_empties_the_dlq(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("dlq", "purge", "graves", "--yes", "--json")
        assert json.loads(run.out) == [{"name": "graves", "removed": 3}]
        assert values(post, "graves") == []

    def test_off_a_terminal_it_needs_a_yes(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("dlq", "purge", "graves").is_refused(2)
        assert len(values(post, "graves")) == 3

    def test_a_dry_run_counts(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("dlq", "purge", "graves", "--dry-run", "--json")
        assert json.loads(run.out) == [{"name": "graves", "removed": 3}]
        assert len(values(post, "graves")) == 3

    def test_one_is_removed_by_its_id(self, call_mq: RunMq, post: Store) -> None:
        id = post.dead_letters("graves")[1].id
        run = call_mq("dlq", "purge", "graves", "--id", id.upper(), "--yes", "--json")
        assert json.loads(run.out) == [{"name": "graves", "removed": 1}]
        assert values(post, "graves") == [b"a", b"c"]
        assert post.queue("graves").dropped == 1

    def test_where_chooses(self, call_mq: RunMq, post: Store) -> None:
        timeouts = ("--where", "dead.error ~ timeout")
        assert call_mq("dlq", "purge", "graves", *timeouts, "--yes").code == 0
        assert values(post, "graves") == [b"c"]

    def test_what_is_chosen_is_counted_by_a_dry_run(self, call_mq: RunMq, post: Store) -> None:
        timeouts = ("--where", "dead.error ~ timeout")
        run = call_mq("dlq", "purge", "graves", *timeouts, "--dry-run", "--json")
        assert json.loads(run.out) == [{"name": "graves", "removed": 2}]
        assert len(values(post, "graves")) == 3

    def test_some_need_a_yes_too(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("dlq", "purge", "graves", "--where", "key = k").is_refused(2)
        assert len(values(post, "graves")) == 3

    def test_an_id_that_is_not_there_removes_nothing(self, call_mq: RunMq, post: Store) -> None:
        id = post.dead_letters("graves")[0].id
        words = ("dlq", "purge", "graves", "--id", id, "--id", "nobody", "--yes")
        assert call_mq(*words).is_refused(3)
        assert len(values(post, "graves")) == 3

    def test_what_somebody_holds_stays(self, call_mq: RunMq, post: Store) -> None:
        post.receive("graves")
        assert call_mq("dlq", "purge", "graves", "--where", "key = k", "--yes").code == 0
        assert values(post, "graves") == [b"a"]

    @pytest.mark.parametrize(("queue", "code"), [("emails", 2), ("other", 2), ("nothing", 3)])
    def test_a_source_queue_does_not_stand_for_its_dlq_here(
        self, call_mq: RunMq, post: Store, queue: str, code: int
    ) -> None:
        assert call_mq("dlq", "purge", queue, "--yes").is_refused(code)
        assert len(values(post, "graves")) == 3
