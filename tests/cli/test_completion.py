"""TAB completes the names in the store, and nothing where there is no store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunMq

Complete = Callable[[str, str], list[str]]

EXPECTED = {
    "consume ": ["orders", "mails", "packers"],
    "consume o": ["orders"],
    "topic show ": ["orders"],
    "topic describe ": ["orders"],
    "topic create ": [],
    "queue alter ": ["mails"],
    "queue create jobs --dlq ": ["mails", "exchange:events"],
    "group show ": ["billing"],
    "consume orders -g ": ["billing"],
    "lag ": ["billing", "packers"],
    "lag --topic ": ["orders"],
    "bind ": ["events"],
    "dlq redrive mails --to ": ["mails"],
    "bind events ": ["orders", "mails", "exchange:events"],
    "receive ": ["mails", "packers"],
    "share create sorters ": ["orders"],
    "show m": ["mails"],
    "send ": ["orders", "mails", "exchange:events"],
    "store set ": ["durability", "max_bytes", "read_only", "clock"],
}


@pytest.fixture
def complete(run_mq: RunMq) -> Complete:
    def ask(line: str, store: str) -> list[str]:
        words = ["mq", *line.split(" ")]
        run = run_mq(
            MQ_STORE=store, _MQ_COMPLETE="complete_bash",
            COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1),
        )  # fmt: skip
        assert (run.code, run.err) == (0, "")
        return run.text.split()

    return ask


@pytest.fixture(scope="module")
def store_with_names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("names") / "store.db"
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.create_queue("mails")
        store.create_group("billing")
        store.create_share("packers", "orders")
        store.create_exchange("events", "topic")
    return path


@pytest.mark.parametrize("line", EXPECTED)
def test_it_completes_names_of_the_kind_that_goes_there(
    complete: Complete, store_with_names: Path, line: str
) -> None:
    assert complete(line, str(store_with_names)) == EXPECTED[line]


def test_without_a_store_it_completes_nothing(complete: Complete, path: Path) -> None:
    assert complete("consume ", str(path)) == []
