"""`mq plan`, `mq apply`, `mq export`: what they print, their JSON, and every exit code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store
from store.topology.reading import TopologyFile

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq

HEAD = "version: 1\nname: shop\n"
SHOP = HEAD + "queues:\n  emails: {lease: 45s, dlq: dead}\n  dead: {}\ntopics: {orders: {}}\n"
GROWN = SHOP.replace("orders: {}", "orders: {partitions: 4}")

WriteFile = Callable[[str], str]


@pytest.fixture
def write_file(tmp_path: Path) -> WriteFile:
    """Write the topology file of the test; its name."""

    def write(text: str) -> str:
        (tmp_path / "shop.yaml").write_text(text)
        return "shop.yaml"

    return write


@pytest.fixture
def applied(call_mq: RunMq, write_file: WriteFile) -> str:
    """The name of a file that has been applied."""
    file = write_file(SHOP)
    assert call_mq("apply", file).code == 0
    return file


class TestPlan:
    def test_it_prints_a_line_for_each_step(
        self, call_mq: RunMq, applied: str, write_file: WriteFile
    ) -> None:
        write_file(GROWN.replace("45s", "1m").replace("  dead: {}\n", "  dead: {}\n  new: {}\n"))
        run = call_mq("plan", applied)
        assert run.code == 0
        assert run.text.splitlines() == [
            "+ create queue new",
            "~ change topic orders: partitions 1 → 4 (records 0, readers 0) ! 75 % of the keys go"
            " to other partitions, and lose their order there",
            "~ change queue emails: lease 45s → 1m (messages 0, bytes 0, in flight 0)",
        ]

    def test_pruning_shows_what_would_be_deleted(
        self, call_mq: RunMq, applied: str, write_file: WriteFile
    ) -> None:
        write_file(HEAD + "topics: {orders: {}}\n")
        assert call_mq("plan", applied).out == b""
        assert call_mq("plan", applied, "--prune").text.splitlines() == [
            "- delete queue emails (messages 0, bytes 0, in flight 0) ! it is empty; messages sent"
            " to it meanwhile are refused",
            "- delete queue dead (messages 0, bytes 0, in flight 0) ! it is empty; messages sent"
            " to it meanwhile are refused",
        ]

    def test_json_has_every_field_of_a_step(
        self, call_mq: RunMq, applied: str, write_file: WriteFile
    ) -> None:
        write_file(SHOP.replace("45s", "1m"))
        assert json.loads(call_mq("plan", applied, "--json").out) == [
            {
                "name": "emails",
                "action": "change",
                "kind": "queue",
                "changes": [{"setting": "lease", "old": "45s", "new": "1m"}],
                "irreversible": False,
                "risks": [],
                "facts": {"messages": 0, "bytes": 0, "in_flight": 0},
            }
        ]

    def test_no_changes_are_an_empty_list(self, call_mq: RunMq, applied: str) -> None:
        assert call_mq("plan", applied, "--json").out == b"[]\n"

    def test_the_exit_code_can_tell_of_changes(
        self, call_mq: RunMq, applied: str, write_file: WriteFile
    ) -> None:
        assert call_mq("plan", applied, "--exit-code").code == 0
        write_file(GROWN)
        assert call_mq("plan", applied, "--exit-code").code == 10
        assert call_mq("plan", applied).code == 0

    def test_it_makes_no_store(self, call_mq: RunMq, write_file: WriteFile, path: Path) -> None:
        assert call_mq("plan", write_file(SHOP)).is_refused(3)
        assert not path.exists()

    def test_what_is_wrong_is_told_by_place_and_as_json(
        self, call_mq: RunMq, applied: str, write_file: WriteFile
    ) -> None:
        write_file(SHOP.replace("dead: {}", "dead: {fifo: true}"))
        run = call_mq("plan", applied)
        assert (run.code, run.out) == (2, b"")
        assert [line.partition(": ")[0] for line in run.err.splitlines()] == [
            "shop.yaml:4:29",
            "shop.yaml:5:16",
            "mq",
        ]
        error = json.loads(call_mq("plan", applied, "--json").err)["error"]
        assert (error["code"], len(error["problems"])) == ("invalid_topology", 2)


class TestApply:
    def test_it_creates_the_store(self, call_mq: RunMq, write_file: WriteFile, path: Path) -> None:
        run = call_mq("apply", write_file(SHOP))
        assert (run.code, run.out, run.err) == (0, b"", "")
        with Store.open(path) as store:
            assert [queue.name for queue in store.queues()] == ["dead", "emails"]

    def test_a_file_that_is_wrong_makes_no_store(
        self, call_mq: RunMq, write_file: WriteFile, path: Path
    ) -> None:
        assert call_mq("apply", write_file(SHOP.replace("dead: {}", "daed: {}"))).code == 2
        assert not path.exists()

    def test_json_says_what_was_done_and_the_second_time_nothing(
        self, call_mq: RunMq, write_file: WriteFile
    ) -> None:
        file = write_file(SHOP)
        done = json.loads(call_mq("apply", file, "--json").out)
        assert [(step["action"], step["name"]) for step in done] == [
            ("create", "orders"),
            ("create", "emails"),
            ("create", "dead"),
        ]
        assert call_mq("apply", file, "--json").out == b"[]\n"

    def test_a_dry_run_is_a_plan(self, call_mq: RunMq, applied: str, write_file: WriteFile) -> None:
        write_file(SHOP.replace("45s", "1m"))
        run = call_mq("apply", applied, "--dry-run")
        assert run.text.startswith("~ change queue emails: lease 45s → 1m")
        assert call_mq("plan", applied, "--exit-code").code == 10

    def test_what_can_not_be_undone_needs_yes(
        self, call_mq: RunMq, applied: str, write_file: WriteFile
    ) -> None:
        write_file(GROWN)
        assert call_mq("apply", applied).is_refused(2)
        assert call_mq("plan", applied, "--exit-code").code == 10
        assert call_mq("apply", applied, "--yes").code == 0
        assert call_mq("plan", applied, "--exit-code").code == 0

    def test_pruning_needs_yes(
        self, call_mq: RunMq, applied: str, write_file: WriteFile, path: Path
    ) -> None:
        write_file(HEAD)
        assert call_mq("apply", applied, "--prune").is_refused(2)
        assert call_mq("apply", applied, "--prune", "--yes").code == 0
        with Store.open(path) as store:
            assert (store.queues(), store.topics()) == ([], [])

    def test_on_a_terminal_the_plan_is_shown_and_asked_about(
        self, run_mq_on_terminal: RunMq, call_mq: RunMq, applied: str, write_file: WriteFile,
        path: Path,
    ) -> None:  # fmt: skip
        write_file(GROWN)
        refused = run_mq_on_terminal("apply", applied, typed="n\n", MQ_STORE=str(path))
        assert refused.code == 1
        assert "~ change topic orders: partitions 1 → 4" in refused.text
        assert run_mq_on_terminal("apply", applied, typed="y\n", MQ_STORE=str(path)).code == 0
        assert call_mq("plan", applied, "--exit-code").code == 0

    def test_deleting_messages_takes_the_name_of_the_topology(
        self, run_mq_on_terminal: RunMq, call_mq: RunMq, applied: str, write_file: WriteFile,
        path: Path,
    ) -> None:  # fmt: skip
        call_mq("produce", "emails", "hello")
        write_file(HEAD)
        words = ("apply", applied, "--prune")
        refused = run_mq_on_terminal(*words, typed="y\n", MQ_STORE=str(path))
        assert refused.code == 1
        assert "3 steps can't be undone. Type shop to go on:" in refused.text
        assert run_mq_on_terminal(*words, typed="shop\n", MQ_STORE=str(path)).code == 0
        assert call_mq("queue", "list", "-o", "name").out == b""

    def test_a_kill_before_the_commit_leaves_nothing_of_it(
        self, run_mq: RunMq, call_mq: RunMq, write_file: WriteFile, path: Path
    ) -> None:
        file = write_file(SHOP)
        killed = run_mq("apply", file, MQ_STORE=str(path), MQ_CRASH_AT="commit.before:1")
        assert killed.code == -9
        assert call_mq("export").text == "version: 1\n"
        assert call_mq("apply", file).code == 0

    def test_a_store_that_changed_while_a_person_thought_is_left_alone(
        self, applied: str, write_file: WriteFile, path: Path, tmp_path: Path,
        environment: dict[str, str],
    ) -> None:  # fmt: skip
        write_file(GROWN)
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "mq", "-s", str(path), "apply", applied],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment,
        ) as process:  # fmt: skip
            shown = b""
            while b"Go on?" not in shown:
                shown += os.read(ours, 4096)
            with Store.open(path) as store:
                store.alter_queue("emails", lease=90)
            os.write(ours, b"y\n")
            assert process.wait(60) == 4
        os.close(theirs)
        os.close(ours)
        with Store.open(path) as store:
            assert len(store.topic("orders").partitions) == 1

    def test_several_files_are_applied_together(
        self, call_mq: RunMq, write_file: WriteFile, tmp_path: Path
    ) -> None:
        (tmp_path / "dead.yaml").write_text("version: 1\nqueues: {dead: {}}\n")
        file = write_file(HEAD + "queues: {emails: {dlq: dead}}\n")
        assert call_mq("apply", file).code == 2
        assert call_mq("apply", file, "dead.yaml").code == 0

    def test_what_passes_from_one_topology_to_another_is_told(
        self, call_mq: RunMq, applied: str, tmp_path: Path
    ) -> None:
        (tmp_path / "mail.yaml").write_text("version: 1\nqueues: {dead: {}}\n")
        run = call_mq("apply", "mail.yaml")
        assert run.err == "mq: 1 thing of other topologies will belong to mail\n"


@pytest.fixture
def many(path: Path) -> Path:
    """A store with 12,000 exchanges, whose export is larger than 1 MiB."""
    names = (f"exchange-{number:05}-{'x' * 70}" for number in range(12_000))
    lines = "".join(f"  {name}: {{type: topic}}\n" for name in names)
    topology = f"version: 1\nexchanges:\n{lines}".encode()
    with Store.open(path, create=True, durability="normal") as store:
        store.apply([TopologyFile("many.yaml", topology)])
    return path


class TestExport:
    def test_planning_an_export_shows_no_changes(
        self, call_mq: RunMq, run_mq: RunMq, applied: str, path: Path
    ) -> None:
        exported = call_mq("export")
        assert (exported.code, exported.err) == (0, "")
        plan = run_mq("plan", "--exit-code", "-", stdin=exported.out, MQ_STORE=str(path))
        assert (plan.code, plan.out) == (0, b"")

    def test_it_can_be_json_which_is_a_topology_too(
        self, call_mq: RunMq, applied: str, tmp_path: Path
    ) -> None:
        exported = call_mq("export", "--json")
        assert json.loads(exported.out)["queues"]["emails"] == {
            "lease": "45s",
            "max_deliveries": 5,
            "dlq": "dead",
        }
        (tmp_path / "again.json").write_bytes(exported.out)
        assert call_mq("plan", "again.json", "--exit-code").code == 0

    @pytest.mark.parametrize("form", ["table", "json"])
    def test_an_export_of_many_things_is_read_again(
        self, call_mq: RunMq, run_mq: RunMq, many: Path, form: str
    ) -> None:
        exported = call_mq("export", "-o", form)
        assert len(exported.out) > 1 << 20
        plan = run_mq("plan", "--exit-code", "-", stdin=exported.out, MQ_STORE=str(many))

        assert (plan.code, plan.out, plan.err) == (0, b"", "")

    def test_without_a_store_there_is_nothing_to_export(self, call_mq: RunMq) -> None:
        assert call_mq("export").is_refused(3)
