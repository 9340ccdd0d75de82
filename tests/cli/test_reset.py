"""`mq group reset`: a plan first, then the same plan applied, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Fenced, Position, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def billing(shop: Store) -> Store:
    """A store with the group billing: committed 4 in orders/0, 8 in orders/1, none in orders/2."""
    shop.create_group("billing", topics=["orders"])
    with shop.transaction() as tx:
        tx.commit("billing", {("orders", 0): 4, ("orders", 1): 8})
    return shop


def committed(store: Store) -> list[int | None]:
    return [row.committed for row in store.lag("billing")]


class TestPreview:
    def test_it_shows_every_row_and_changes_nothing(self, call_mq: RunMq, billing: Store) -> None:
        run = call_mq("group", "reset", "billing", "--topic", "orders", "--to", "6")
        assert run.text == (
            "topic\tpartition\tcurrent\tnew\tchange\teffect\n"
            "orders\t0\t4\t6\t2\tskips 2\n"
            "orders\t1\t8\t6\t-2\trepeats 2\n"
            "orders\t2\t\t6\t6\tskips 6\n"
        )
        assert run.err == "mq: nothing was changed; --apply does it\n"
        assert committed(billing) == [4, 8, None]

    def test_its_json_is_one_object(self, call_mq: RunMq, billing: Store) -> None:
        run = call_mq("group", "reset", "billing", "--topic", "orders/0", "--to", "4", "--json")
        assert json.loads(run.out) == {
            "group": "billing",
            "applied": False,
            "undo_file": None,
            "changes": [
                {
                    "topic": "orders",
                    "partition": 0,
                    "current": 4,
                    "new": 4,
                    "change": 0,
                    "effect": "none",
                }
            ],
        }

    @pytest.mark.parametrize(
        ("words", "new"),
        [
            ("--to earliest", [0, 0, 0]),
            ("--to first", [0, 0, 0]),
            ("--to latest", [10, 10, 10]),
            ("--to last", [9, 9, 9]),
            ("--to committed", [4, 8, 10]),
            ("--to -3", [7, 7, 7]),
            ("--to 5", [5, 5, 5]),
            ("--to 1h", [0, 0, 0]),
            ("--to 2100-01-01", [10, 10, 10]),
            ("--by 2h", [0, 0, 0]),
            ("--by PT0S", [10, 10, 10]),
        ],
    )
    def test_every_form_of_target_is_understood(
        self, call_mq: RunMq, billing: Store, words: str, new: list[int]
    ) -> None:
        run = call_mq("group", "reset", "billing", "--all-topics", *words.split(), "-o", "json")
        assert [change["new"] for change in json.loads(run.out)["changes"]] == new

    @pytest.mark.parametrize(
        ("shift", "new"), [("-3", [1, 5]), ("+2", [6, 10]), ("-50", [0, 0]), ("50", [10, 10])]
    )
    def test_a_shift_goes_on_or_back(
        self, call_mq: RunMq, billing: Store, shift: str, new: list[int]
    ) -> None:
        words = ("--topic", "orders/0,1", "--shift", shift, "-o", "json")
        changes = json.loads(call_mq("group", "reset", "billing", *words).out)["changes"]
        assert [change["new"] for change in changes] == new

    def test_what_is_clamped_is_warned_of(self, call_mq: RunMq, billing: Store) -> None:
        run = call_mq("group", "reset", "billing", "--topic", "orders/0,1", "--to", "99")
        assert "mq: warning: outside the log" in run.err
        assert "orders/0 at 10, orders/1 at 10" in run.err

    def test_what_was_removed_is_neither_repeated_nor_skipped(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        billing.trim("orders", Position("offset", 7), partition=0)
        run = call_mq("group", "reset", "billing", "--topic", "orders/0", "--to", "8")
        assert run.text.endswith("orders\t0\t4\t8\t4\tskips 1\n")

    def test_topics_may_be_given_more_than_once(self, call_mq: RunMq, billing: Store) -> None:
        billing.create_topic("prices")
        words = ("--topic", "orders/2,0", "--topic", "prices", "--to", "earliest", "-o", "json")
        changes = json.loads(call_mq("group", "reset", "billing", *words).out)["changes"]
        places = [(change["topic"], change["partition"]) for change in changes]
        assert places == [("orders", 0), ("orders", 2), ("prices", 0)]

    def test_an_unknown_group_has_no_topics_to_reset(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("group", "reset", "nobody", "--all-topics", "--to", "earliest", "--json")
        assert json.loads(run.out)["changes"] == []
        assert (run.code, shop.groups()) == (0, [])


class TestExport:
    def test_it_prints_the_new_offsets_without_a_header(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        run = call_mq("group", "reset", "billing", "--all-topics", "--to", "2", "--export")
        assert run.text == "orders,0,2\norders,1,2\norders,2,2\n"
        assert committed(billing) == [4, 8, None]

    def test_what_is_exported_is_imported(self, call_mq: RunMq, billing: Store) -> None:
        words = ("group", "reset", "billing")
        exported = call_mq(*words, "--all-topics", "--to", "2", "--export")
        Path("plan.csv").write_bytes(exported.out)
        assert call_mq(*words, "--from-file", "plan.csv", "--export").out == exported.out

    def test_offsets_are_read_from_standard_input(
        self, run_mq: RunMq, path: Path, billing: Store
    ) -> None:
        words = ("group", "reset", "billing", "--from-file", "-", "--export")
        run = run_mq(*words, stdin=b"orders,1,3\n", MQ_STORE=str(path))
        assert run.text == "orders,1,3\n"

    def test_a_file_of_several_groups_is_read_for_the_one(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        Path("plan.csv").write_text("audit,orders,0,1\nbilling,orders,0,2\n\nbilling,orders,1,3\n")
        run = call_mq("group", "reset", "billing", "--from-file", "plan.csv", "--export")
        assert run.text == "orders,0,2\norders,1,3\n"


class TestApply:
    def test_it_moves_the_offsets_and_names_the_way_back(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        run = call_mq("group", "reset", "billing", "--all-topics", "--to", "6", "--apply", "--json")
        result = json.loads(run.out)
        assert (run.code, committed(billing)) == (0, [6, 6, 6])
        assert result["applied"] is True
        assert Path(result["undo_file"]).read_text() == "orders,0,4\norders,1,8\norders,2,-\n"
        assert result["undo_file"] in run.err

    def test_the_file_takes_it_back_to_no_commit_at_all(
        self, call_mq: RunMq, billing: Store
    ) -> None:
        words = ("group", "reset", "billing")
        call_mq(*words, "--all-topics", "--to", "6", "--apply", "--undo-file", "undo.csv")
        run = call_mq(*words, "--from-file", "undo.csv", "--apply")
        assert "orders\t2\t6\t\t\tforgets\n" in run.text
        assert committed(billing) == [4, 8, None]

    def test_after_that_a_reader_begins_where_it_says(self, call_mq: RunMq, billing: Store) -> None:
        Path("forget.csv").write_text("orders,0,-\n")
        call_mq("group", "reset", "billing", "--from-file", "forget.csv", "--apply")
        with billing.consumer("billing", ["orders"], start="latest") as consumer:
            assert consumer.position["orders", 0] == 10
            assert consumer.position["orders", 1] == 8

    def test_two_resets_leave_two_files(
        self, call_mq: RunMq, billing: Store, tmp_path: Path
    ) -> None:
        for offset in ("6", "7"):
            call_mq("group", "reset", "billing", "--all-topics", "--to", offset, "--apply")
        assert len(list(tmp_path.glob("billing.reset-*T*.csv"))) == 2

    @pytest.mark.parametrize(("place", "code"), [("there.csv", 4), ("missing/undo.csv", 1)])
    def test_without_the_file_nothing_is_applied(
        self, call_mq: RunMq, billing: Store, place: str, code: int
    ) -> None:
        Path("there.csv").write_text("mine\n")
        words = ("--all-topics", "--to", "6", "--apply", "--undo-file", place)
        assert call_mq("group", "reset", "billing", *words).is_refused(code)
        assert committed(billing) == [4, 8, None]
        assert Path("there.csv").read_text() == "mine\n"

    def test_a_group_that_did_not_exist_begins_with_it(self, call_mq: RunMq, shop: Store) -> None:
        call_mq("group", "reset", "billing", "--topic", "orders", "--to", "5", "--apply")
        assert committed(shop) == [5, 5, 5]

    def test_a_plan_without_rows_writes_no_file(
        self, call_mq: RunMq, shop: Store, tmp_path: Path
    ) -> None:
        words = ("--all-topics", "--to", "earliest", "--apply", "-o", "json")
        run = call_mq("group", "reset", "billing", *words)
        assert json.loads(run.out)["undo_file"] is None
        assert list(tmp_path.glob("*.csv")) == []

    def test_live_members_are_in_the_way(
        self, call_mq: RunMq, billing: Store, tmp_path: Path
    ) -> None:
        with billing.consumer("billing", ["orders"], member="worker-1"):
            run = call_mq("group", "reset", "billing", "--all-topics", "--to", "0", "--apply")
        assert run.is_refused(4)
        assert committed(billing) == [4, 8, None]
        assert list(tmp_path.glob("*.csv")) == []

    def test_force_fences_them(self, call_mq: RunMq, billing: Store) -> None:
        words = ("--all-topics", "--to", "2", "--apply", "--force")
        with billing.consumer("billing", ["orders"], member="worker-1") as consumer:
            consumer.poll()
            assert call_mq("group", "reset", "billing", *words).code == 0
            with pytest.raises(Fenced):
                consumer.commit()
        assert committed(billing) == [2, 2, 2]


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("", 2),
            ("billing", 2),
            ("billing --to earliest", 2),
            ("billing --topic orders", 2),
            ("billing --topic orders --all-topics --to earliest", 2),
            ("billing --topic orders --to earliest --shift 1", 2),
            ("billing --topic orders --to earliest --by 1h --from-file plan.csv", 2),
            ("billing --topic orders --from-file plan.csv", 2),
            ("billing --topic orders --to middle", 2),
            ("billing --topic orders --shift far", 2),
            ("billing --topic orders --shift 1", 2),
            ("billing --topic orders --by soon", 2),
            ("billing --topic orders/ --to 1", 2),
            ("billing --topic orders/0,,1 --to 1", 2),
            ("billing --topic orders@3 --to 1", 2),
            ("billing --topic orders --to 1 --export", 2),
            ("a/b --topic orders --to 1", 2),
            ("billing --topic orders/0,3 --to 1", 3),
            ("billing --topic prices --to 1", 3),
            ("billing --from-file missing.csv", 3),
        ],
    )
    def test_it_resets_nothing(
        self, call_mq: RunMq, billing: Store, tmp_path: Path, words: str, code: int
    ) -> None:
        assert call_mq("group", "reset", *words.split(), "--apply").is_refused(code)
        assert committed(billing) == [4, 8, None]
        assert list(tmp_path.glob("*.csv")) == []

    @pytest.mark.parametrize(
        ("text", "code", "said"),
        [
            ("", 2, "no offsets of group billing"),
            ("audit,orders,0,1\n", 2, "no offsets of group billing"),
            ("topic,partition,offset\n", 2, "plan.csv:1:"),
            ("orders,0,1\norders,1\n", 2, "plan.csv:2: a line has topic,partition,offset"),
            ("orders,0,1\norders,x,1\n", 2, "plan.csv:2: not an address"),
            ("orders,0,one\n", 2, "plan.csv:1: 'one' is not an offset"),
            ("orders,0,1\norders,0,2\n", 2, "plan.csv:2: orders/0 stands there a second time"),
            ("orders,0,1\norders,7,1\n", 3, "orders/7"),
            ("prices,0,1\n", 3, "prices"),
        ],
    )
    def test_a_bad_file_is_refused_as_a_whole(
        self, call_mq: RunMq, billing: Store, text: str, code: int, said: str
    ) -> None:
        Path("plan.csv").write_text(text)
        run = call_mq("group", "reset", "billing", "--from-file", "plan.csv", "--apply")
        assert run.is_refused(code)
        assert said in run.err
        assert committed(billing) == [4, 8, None]

    def test_a_file_that_is_no_text_is_refused(self, call_mq: RunMq, billing: Store) -> None:
        Path("plan.csv").write_bytes(b"orders,0,\xff\n")
        assert call_mq("group", "reset", "billing", "--from-file", "plan.csv").is_refused(2)

    def test_a_folder_is_no_file(self, call_mq: RunMq, billing: Store) -> None:
        assert call_mq("group", "reset", "billing", "--from-file", ".").is_refused(2)
