"""`mq group skip`: passing over the one record that a group can't process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Fenced, Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def billing(shop: Store) -> Store:
    """A store with the group billing: committed 4 in orders/0, nothing in the others."""
    shop.create_group("billing", topics=["orders"])
    with shop.transaction() as tx:
        tx.commit("billing", {("orders", 0): 4})
    return shop


def committed(store: Store) -> list[int | None]:
    return [row.committed for row in store.lag("billing")]


def test_the_group_goes_on_behind_the_record(call_mq: RunMq, billing: Store) -> None:
    run = call_mq("group", "skip", "billing", "orders/0@4")

    assert (run.code, run.out, run.err) == (0, b"", "")
    assert committed(billing) == [5, None, None]


def test_it_says_what_was_skipped(call_mq: RunMq, billing: Store) -> None:
    run = call_mq("group", "skip", "billing", "orders/0@4", "-o", "json")

    assert json.loads(run.out) == [
        {"address": "orders/0@4", "group": "billing", "key": "k4", "value": "4", "to_dlq": None}
    ]


def test_people_are_told(run_mq_on_terminal: RunMq, billing: Store, path: Path) -> None:
    run = run_mq_on_terminal("-s", str(path), "group", "skip", "billing", "orders/0@4")

    assert run.text == "group billing skipped orders/0@4: 4\n"


def test_a_dry_run_shows_the_record_and_changes_nothing(call_mq: RunMq, billing: Store) -> None:
    billing.create_queue("dead")
    words = ["group", "skip", "billing", "orders/0@4", "--to-dlq", "dead", "-o", "json"]
    (shown,) = json.loads(call_mq(*words, "--dry-run").out)

    assert (shown["value"], shown["to_dlq"]) == ("4", "dead")
    assert committed(billing) == [4, None, None]
    assert billing.messages("dead") == []


def test_the_record_can_be_kept_in_a_queue(call_mq: RunMq, billing: Store) -> None:
    billing.create_queue("dead")
    call_mq("group", "skip", "billing", "orders/0@4", "--to-dlq", "dead")
    (letter,) = billing.messages("dead")

    assert letter.value == b"4"
    assert letter.dead is not None
    assert letter.dead.source == "orders/0@4"


def test_whoever_holds_the_partition_is_fenced(call_mq: RunMq, billing: Store) -> None:
    with billing.consumer("billing", ["orders"]) as consumer:
        consumer.poll()
        assert call_mq("group", "skip", "billing", "orders/0@4").code == 0
        with pytest.raises(Fenced):
            consumer.commit({("orders", 0): 6})

    assert committed(billing)[0] == 5


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("billing orders/0@3", 2),
        ("billing orders/0@5", 2),
        ("billing orders/0", 2),
        ("billing orders", 2),
        ("billing orders/0@4 --to-dlq nowhere", 3),
        ("billing prices/0@4", 3),
        ("nobody orders/0@4", 3),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["real", "dry"])
def test_anything_but_the_next_record_is_refused(
    call_mq: RunMq, billing: Store, words: str, code: int, dry: list[str]
) -> None:
    assert call_mq("group", "skip", *words.split(), *dry).is_refused(code)
    assert committed(billing) == [4, None, None]
