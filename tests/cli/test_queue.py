"""`mq queue`: create, list, show, alter, purge, delete."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store import NewMessage, Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import RunMq

DEFAULTS = {
    "fifo": False,
    "lease": "30s",
    "delay": "0s",
    "retention": "4d",
    "max_deliveries": None,
    "dlq": None,
    "dlq_key": None,
    "drop_exhausted": False,
    "retry_delays": [],
    "dedup": None,
    "content_dedup": False,
    "dedup_scope": "queue",
    "priorities": 1,
    "ttl": None,
    "max_length": None,
    "max_bytes": None,
    "overflow": "drop-head",
    "single_active": False,
    "fair": False,
    "redrive_allow": "all",
    "chaos": None,
    "wait": "0s",
    "max_message": "1MiB",
}


@pytest.fixture
def post(path: Path) -> Iterator[Store]:
    """A store with the queue emails, ten messages in it, two of them leased; its DLQ is empty."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_queue("emails.dlq")
        store.create_queue("emails", dlq="emails.dlq")
        store.send_many("emails", [NewMessage(b"%d" % n) for n in range(10)])
        store.receive("emails", 2)
        yield store


def config(call_mq: RunMq, name: str = "emails") -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(call_mq("queue", "show", name, "--json").out)["config"]
    return shown


class TestCreate:
    def test_it_creates_the_store_for_its_owner_only(self, call_mq: RunMq, path: Path) -> None:
        assert call_mq("queue", "create", "emails").code == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_it_is_silent_in_a_pipe(self, call_mq: RunMq) -> None:
        run = call_mq("queue", "create", "emails")
        assert (run.out, run.err) == (b"", "")

    def test_on_a_terminal_it_says_what_there_is_now(self, run_mq_on_terminal: RunMq) -> None:
        run_mq_on_terminal("queue", "create", "emails.dlq")
        run = run_mq_on_terminal("queue", "create", "emails", "--dlq", "emails.dlq")
        assert run.text == (
            "queue emails: standard, lease 30s, kept 4d, max deliveries 5, then to emails.dlq\n"
        )

    def test_with_o_json_it_prints_the_queue_as_show_does(self, call_mq: RunMq) -> None:
        created = json.loads(call_mq("queue", "create", "emails", "-o", "json").out)
        shown = json.loads(call_mq("queue", "show", "emails", "-o", "json").out)
        assert created == shown

    @pytest.mark.parametrize(
        ("words", "changed"),
        [
            ("--fifo", {"fifo": True}),
            ("--lease 5m", {"lease": "5m"}),
            ("--lease PT90S", {"lease": "90s"}),
            ("--delay 250ms", {"delay": "250ms"}),
            ("--retention 12h", {"retention": "12h"}),
            (
                "--max-deliveries 3 --drop-exhausted",
                {"max_deliveries": 3, "drop_exhausted": True},
            ),
            ("--dlq graves", {"dlq": "graves", "max_deliveries": 5}),
            ("--dlq graves --max-deliveries 2", {"dlq": "graves", "max_deliveries": 2}),
            ("--dlq graves --max-deliveries none", {"dlq": "graves"}),
            ("--retry-delays 5s,1m,10m", {"retry_delays": ["5s", "1m", "10m"]}),
            ("--retry-delays none", {}),
            ("--fifo --dedup 10m", {"fifo": True, "dedup": "10m"}),
            ("--fifo --content-dedup", {"fifo": True, "content_dedup": True}),
            ("--fifo --dedup-scope group", {"fifo": True, "dedup_scope": "group"}),
            ("--priorities 10", {"priorities": 10}),
        ],
    )
    def test_a_setting_is_shown_in_the_notation_of_files(
        self, call_mq: RunMq, words: str, changed: dict[str, Any]
    ) -> None:
        call_mq("queue", "create", "graves")
        assert call_mq("queue", "create", "emails", *words.split()).code == 0
        assert config(call_mq) == DEFAULTS | changed

    def test_what_exists_is_a_conflict(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "create", "emails").is_refused(4)

    def test_the_name_of_a_topic_is_taken(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("queue", "create", "orders")
        assert run.is_refused(4)
        assert "topic orders" in run.err

    def test_if_not_exists_accepts_the_same_settings(self, call_mq: RunMq, post: Store) -> None:
        words = ["queue", "create", "emails", "--if-not-exists", "--dlq", "emails.dlq"]
        assert call_mq(*words).code == 0

    def test_if_not_exists_names_what_differs_as_it_is_written(
        self, call_mq: RunMq, post: Store
    ) -> None:
        words = ["--if-not-exists", "--dlq", "emails.dlq", "--lease", "1m"]
        run = call_mq("queue", "create", "emails", *words)
        assert run.is_refused(4)
        assert "another lease: 30s, not 1m" in run.err

    def test_what_can_not_be_altered_is_not_said_to_be(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "create", "emails", "--if-not-exists", "--fifo", "--dlq", "f")
        assert "another fifo: false, not true" in run.err
        assert "alter" not in run.err

    @pytest.mark.parametrize(
        "words",
        [
            "",
            "emails more",
            "emails/0",
            "-- -emails",
            "emails --lease soon",
            "emails --retention 0s",
            "emails --retention forever",
            "emails --max-deliveries 3",
            "emails --max-deliveries 0 --drop-exhausted",
            "emails --max-deliveries many --drop-exhausted",
            "emails --dlq emails",
            "emails --retry-delays 5s,,1m",
            "emails --retry-delays 5",
            "emails --dedup 0s",
            "emails --fifo --dedup-scope store",
            "emails --priorities 0",
            "emails --priorities none",
            "emails --priorities 257",
            "emails --fifo --priorities 3",
            "emails --partitions 3",
        ],
    )
    def test_bad_input_creates_nothing(self, call_mq: RunMq, words: str) -> None:
        assert call_mq("queue", "create", *words.split()).is_refused(2)
        assert "emails" not in call_mq("queue", "list", "-o", "name").text

    def test_a_dlq_must_exist(self, call_mq: RunMq) -> None:
        assert call_mq("queue", "create", "emails", "--dlq", "graves").is_refused(3)

    def test_a_dlq_must_be_of_the_same_type(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "create", "billing", "--fifo", "--dlq", "emails.dlq")
        assert run.is_refused(2)


class TestLooking:
    def test_list_counts_the_messages_by_state(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "list", "--json")
        rows = {row["name"]: row for row in json.loads(run.out)}
        assert list(rows) == ["emails", "emails.dlq"]
        emails = rows["emails"]
        assert [emails[state] for state in ("ready", "leased", "delayed", "blocked")] == [
            8, 2, 0, 0,
        ]  # fmt: skip
        assert (emails["type"], emails["dlq"]) == ("standard", "emails.dlq")

    def test_ls_is_list(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "ls", "-o", "name").text == "emails\nemails.dlq\n"

    def test_show_begins_with_the_fields_of_the_contract(self, call_mq: RunMq, post: Store) -> None:
        shown = json.loads(call_mq("queue", "show", "emails", "--json").out)
        assert list(shown)[:8] == [
            "name", "kind", "ready", "leased", "delayed", "blocked", "oldest_seconds", "config",
        ]  # fmt: skip
        assert (shown["kind"], shown["ready"], shown["leased"]) == ("queue", 8, 2)
        assert shown["oldest_seconds"] >= 0

    def test_an_empty_queue_has_no_oldest_message(self, call_mq: RunMq, post: Store) -> None:
        shown = json.loads(call_mq("queue", "show", "emails.dlq", "--json").out)
        assert shown["oldest_seconds"] is None

    def test_show_of_several_is_an_array(self, call_mq: RunMq, post: Store) -> None:
        shown = json.loads(call_mq("queue", "show", "emails", "emails.dlq", "--json").out)
        assert [queue["name"] for queue in shown] == ["emails", "emails.dlq"]

    def test_show_on_a_terminal_has_a_line_per_setting(
        self, run_mq_on_terminal: RunMq, post: Store, path: Path
    ) -> None:
        shown = run_mq_on_terminal("queue", "show", "emails", MQ_STORE=str(path), NO_COLOR="1").text
        fields = dict(line.split("  ", 1) for line in shown.splitlines() if "  " in line)
        assert fields["lease"].strip() == "30s"
        assert fields["messages"].strip().startswith("10, ")

    def test_what_is_missing_is_not_found(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "show", "emails", "nothing").is_refused(3)

    def test_a_topic_is_not_a_queue(self, call_mq: RunMq, shop: Store) -> None:
        run = call_mq("queue", "show", "orders")
        assert run.is_refused(3)
        assert "orders is a topic" in run.err

    def test_a_missing_store_is_not_found(self, call_mq: RunMq) -> None:
        assert call_mq("queue", "list").is_refused(3)


class TestAlter:
    def test_it_prints_what_changed_from_what_to_what(self, call_mq: RunMq, post: Store) -> None:
        words = ["--lease", "1m", "--retry-delays", "5s,1m", "--delay", "0s"]
        run = call_mq("queue", "alter", "emails", *words, "-o", "tsv", "--no-header")
        assert run.text == "lease\t30s\t1m\t\nretry_delays\tnone\t5s,1m\t\n"

    def test_what_is_not_given_stays(self, call_mq: RunMq, post: Store) -> None:
        before = config(call_mq)
        call_mq("queue", "alter", "emails", "--lease", "1m")
        assert config(call_mq) == before | {"lease": "1m"}

    def test_a_dry_run_changes_nothing(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "alter", "emails", "--lease", "1m", "--dry-run", "--json")
        assert json.loads(run.out) == [
            {"setting": "lease", "old": "30s", "new": "1m", "risk": None}
        ]
        assert config(call_mq)["lease"] == "30s"

    def test_a_dlq_is_taken_away_together_with_the_limit(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "alter", "emails", "--dlq", "none").is_refused(2)
        words = ["--dlq", "none", "--max-deliveries", "none"]
        assert call_mq("queue", "alter", "emails", *words).code == 0
        assert config(call_mq) == DEFAULTS

    def test_keeping_less_needs_a_yes_off_a_terminal(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "alter", "emails", "--retention", "1h").is_refused(2)
        assert config(call_mq)["retention"] == "4d"
        assert call_mq("queue", "alter", "emails", "--retention", "1h", "--yes").code == 0
        assert config(call_mq)["retention"] == "1h"

    def test_keeping_more_needs_none(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "alter", "emails", "--retention", "5d").code == 0

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("emails", 2),
            ("emails --fifo", 2),
            ("emails --lease x", 2),
            ("emails --dlq nothing", 3),
            ("emails --dlq emails", 2),
            ("nothing --lease 1m", 3),
        ],
    )
    def test_what_cannot_be_is_refused(
        self, call_mq: RunMq, post: Store, words: str, code: int
    ) -> None:
        assert call_mq("queue", "alter", *words.split()).is_refused(code)


class TestPurge:
    def test_it_takes_leased_messages_too(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "purge", "emails", "--yes", "--json")
        assert json.loads(run.out) == [{"name": "emails", "removed": 10}]
        assert post.queue("emails").leased == 0

    def test_keep_leased_leaves_them(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "purge", "emails", "--keep-leased", "--yes", "--json")
        assert json.loads(run.out) == [{"name": "emails", "removed": 8}]
        assert (post.queue("emails").ready, post.queue("emails").leased) == (0, 2)

    def test_a_dry_run_counts_and_changes_nothing(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "purge", "emails", "--keep-leased", "--dry-run", "--json")
        assert json.loads(run.out) == [{"name": "emails", "removed": 8}]
        assert post.queue("emails").ready == 8

    def test_off_a_terminal_it_needs_a_yes(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "purge", "emails")
        assert run.is_refused(2)
        assert "10 messages of emails" in run.err
        assert post.queue("emails").ready == 8

    def test_a_missing_queue_is_not_found(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "purge", "emails", "nothing", "--yes").is_refused(3)
        assert post.queue("emails").ready == 8


class TestDelete:
    def test_it_deletes_queue_and_messages(self, call_mq: RunMq, post: Store) -> None:
        assert call_mq("queue", "delete", "emails", "emails.dlq", "--yes").code == 0
        assert post.queues() == []

    def test_on_a_terminal_the_name_is_typed(
        self, run_mq_on_terminal: RunMq, post: Store, path: Path
    ) -> None:
        run = run_mq_on_terminal("queue", "rm", "emails", typed="yes\n", MQ_STORE=str(path))
        assert run.code == 1
        assert "10 messages, 2 of them leased" in run.text
        run = run_mq_on_terminal("queue", "rm", "emails", typed="emails\n", MQ_STORE=str(path))
        assert run.code == 0
        assert [queue.name for queue in post.queues()] == ["emails.dlq"]

    def test_a_dry_run_counts_and_deletes_nothing(self, call_mq: RunMq, post: Store) -> None:
        run = call_mq("queue", "delete", "emails", "--dry-run", "--json")
        assert json.loads(run.out)[0] == {
            "name": "emails", "messages": 10, "ready": 8, "leased": 2, "delayed": 0, "blocked": 0,
            "bytes": 10,
        }  # fmt: skip
        assert len(post.queues()) == 2

    @pytest.mark.parametrize(
        ("words", "code"),
        [("emails", 2), ("emails nothing --yes", 3), ("emails.dlq --yes", 4), ("", 2)],
    )
    def test_what_may_not_go_stays(
        self, call_mq: RunMq, post: Store, words: str, code: int
    ) -> None:
        assert call_mq("queue", "delete", *words.split()).is_refused(code)
        assert len(post.queues()) == 2
