"""`mq migrate`: a preview, losses by name, and a copy in which each record says where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store
from store.migration.topics import OFFSET_HEADER

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def small(path: Path) -> Path:
    """A store with three records in a topic, and a message in a queue."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce_many("orders", [b"a", b"b", b"c"])
        store.create_queue("emails")
        store.send("emails", b"d")
    return path


@pytest.mark.usefixtures("small")
class TestPreview:
    def test_it_says_what_is_to_copy_and_changes_nothing(
        self, call_mq: RunMq, tmp_path: Path
    ) -> None:
        run = call_mq("migrate", str(tmp_path / "new.db"), "-o", "json")
        document = json.loads(run.out)
        assert (document["records"], document["messages"]) == (3, 1)
        assert [step["name"] for step in document["steps"]] == ["orders", "emails"]
        assert not document["applied"]
        assert not (tmp_path / "new.db").exists()

    def test_names_select_what_is_copied(self, call_mq: RunMq, tmp_path: Path) -> None:
        run = call_mq("migrate", str(tmp_path / "new.db"), "--queue", "emails", "-o", "json")
        assert [part["name"] for part in json.loads(run.out)["parts"]] == ["emails"]

    def test_a_name_that_is_not_there_is_refused(self, call_mq: RunMq, tmp_path: Path) -> None:
        run = call_mq("migrate", str(tmp_path / "new.db"), "--topic", "order")
        assert run.is_refused(2)
        assert "order" in run.err

    def test_a_loss_is_a_line_and_its_name_allows_it(
        self, call_mq: RunMq, small: Path, tmp_path: Path
    ) -> None:
        with Store.open(small) as store:
            store.nack([store.receive("emails")[0].receipt or ""])
        target = str(tmp_path / "new.db")
        assert "loss deliveries: queue emails (1 message)" in call_mq("migrate", target).err
        refused = call_mq("migrate", target, "--apply")
        assert refused.is_refused(2)
        assert "--allow-loss deliveries" in refused.err
        assert call_mq("migrate", target, "--apply", "--allow-loss", "deliveries").code == 0


@pytest.mark.usefixtures("small")
def test_after_the_switch_to_read_only_the_last_run_copies_the_rest(
    call_mq: RunMq, small: Path, tmp_path: Path
) -> None:
    target = tmp_path / "new.db"
    call_mq("migrate", str(target), "--apply")
    call_mq("produce", "orders", "late")
    call_mq("store", "set", "read-only", "yes")
    run = call_mq("migrate", str(target), "--apply", "-o", "json")
    assert [part["copied"] for part in json.loads(run.out)["parts"]] == [1, 0]
    with Store.open(target) as store:
        assert [record.value for record in store.read("orders")] == [b"a", b"b", b"c", b"late"]


@pytest.mark.usefixtures("small")
def test_a_target_that_was_removed_gets_everything_again(call_mq: RunMq, tmp_path: Path) -> None:
    for target in ("new.db", "moved.db"):
        run = call_mq("migrate", str(tmp_path / "new.db"), "--apply", "-o", "json")
        assert [part["copied"] for part in json.loads(run.out)["parts"]] == [3, 1]
        (tmp_path / "new.db").rename(tmp_path / f"old-{target}")


def test_each_copy_names_its_offset_at_the_source(
    call_mq: RunMq, small: Path, tmp_path: Path
) -> None:
    call_mq("migrate", str(tmp_path / "new.db"), "--apply")
    with Store.open(tmp_path / "new.db") as store:
        offsets = [record.headers[OFFSET_HEADER] for record in store.read("orders")]
    assert offsets == ["0", "1", "2"]
