"""`mq init`: a new store, or the one that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.mark.parametrize(
    ("words", "code"),
    [("", 4), ("--if-not-exists", 0), ("--if-not-exists --durability normal", 4)],
)
def test_a_store_that_exists_is_a_conflict_unless_asked_for_as_it_is(
    call_mq: RunMq, words: str, code: int
) -> None:
    assert call_mq("init").code == 0
    run = call_mq("init", *words.split())
    assert (run.code, run.out) == (code, b"")


def test_the_home_folder_of_nobody_is_refused(call_mq: RunMq) -> None:
    run = call_mq("-s", "~nobody-of-that-name/store.db", "init")
    assert (run.code, run.out) == (2, b"")
    assert "not a usable path" in run.err


def test_an_error_document_is_compact_as_all_json(call_mq: RunMq) -> None:
    run = call_mq("topic", "list", "--json")
    assert run.err.startswith('{"error":{"code":"not_found","message":"')


@pytest.mark.parametrize("noun", ["topic", "queue"])
def test_what_was_created_is_shown_in_a_table_as_show_does(call_mq: RunMq, noun: str) -> None:
    created = call_mq(noun, "create", "orders", "-o", "table").text
    assert created == call_mq(noun, "show", "orders", "-o", "table").text
