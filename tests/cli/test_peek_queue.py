"""`mq peek` on a queue: every state is seen, and nothing is taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from store import NewMessage, Store

if TYPE_CHECKING:
    from tests.cli.conftest import Run, RunMq


def documents(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.text.splitlines()]


def test_it_shows_every_state_and_takes_nothing(call_mq: RunMq, full: Store) -> None:
    found = documents(call_mq("peek", "emails", "-o", "json"))
    assert [(m["value"], m["state"]) for m in found] == [
        ("a", "leased"),
        ("b", "ready"),
        ("c", "delayed"),
    ]
    assert not any("receipt" in message for message in found)
    assert full.queue("emails").ready == 1


def test_a_message_behind_one_in_flight_is_blocked(call_mq: RunMq, post: Store) -> None:
    post.send_many("billing", [NewMessage(b"%d" % n, message_group="g") for n in range(2)])
    post.receive("billing")
    found = documents(call_mq("peek", "billing", "--json"))
    assert [m["state"] for m in found] == ["leased", "blocked"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--state ready", "b"),
        ("--state leased,delayed", "ac"),
        ("--state leased --state delayed", "ac"),
        ("--state blocked", ""),
        ("-n 2", "ab"),
        ("--where deliveries>0", "a"),
        ("--where state!=ready", "ac"),
        ("--where key=k", "a"),
        ("--where sequence>0 --where state=delayed", "c"),
        ("--where redelivered=false", "abc"),
    ],
)
def test_what_is_shown_can_be_chosen(call_mq: RunMq, full: Store, words: str, found: str) -> None:
    shown = documents(call_mq("peek", "emails", "--json", *words.split()))
    assert "".join(message["value"] for message in shown) == found


def test_an_address_is_one_message(call_mq: RunMq, full: Store) -> None:
    assert call_mq("peek", "emails@1", "-o", "name").text == "emails@1\n"


@pytest.mark.parametrize(
    ("start", "shown"),
    [("1", "bc"), ("0", "abc"), ("earliest", "abc"), ("9", ""), ("1h", "abc"), ("0s", "")],
)
def test_from_is_where_to_begin(call_mq: RunMq, full: Store, start: str, shown: str) -> None:
    run = call_mq("peek", "emails", "--from", start, "--json")
    assert "".join(message["value"] for message in documents(run)) == shown


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("emails@9", 3),
        ("emails@9 --history", 3),
        ("emails@1 --from 1", 2),
        ("emails --from last", 2),
        ("emails --from -2", 2),
        ("emails --from committed", 2),
    ],
)
def test_what_is_not_there_or_has_no_place_is_refused(
    call_mq: RunMq, full: Store, words: str, code: int
) -> None:
    for form in ([], ["-o", "tsv"], ["-o", "name"]):
        assert call_mq("peek", *words.split(), *form).is_refused(code)


def test_many_messages_are_seen_to_the_end(call_mq: RunMq, post: Store) -> None:
    post.send_many("urgent", [NewMessage(b"%d" % n, priority=n % 3) for n in range(1200)])
    shown = documents(call_mq("peek", "urgent", "-n", "2000", "--json"))
    assert [message["value"] for message in shown] == [str(n) for n in range(1200)]


def test_in_a_pipe_it_is_tsv(call_mq: RunMq, full: Store) -> None:
    header, first, *_ = call_mq("peek", "emails").text.splitlines()
    assert header.split("\t")[0] == "address"
    assert first.split("\t")[0] == "emails@0"


def test_a_table_fits_the_terminal(run_mq_on_terminal: RunMq, post: Store, path: Path) -> None:
    post.send("emails", b"x" * 500, key=b"\x1b")
    run = run_mq_on_terminal("peek", "emails", MQ_STORE=str(path), COLUMNS="100", NO_COLOR="1")
    assert max(map(len, run.text.splitlines())) <= 100
    assert "\\x1b" in run.text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("emails --state gone", 2),
        ("emails --from latest", 2),
        ("emails/0", 2),
        ("emails --where offset=1", 2),
        ("emails -n 0", 2),
        ("emails@99", 3),
        ("nothing", 3),
    ],
)
def test_what_cannot_be_is_refused(call_mq: RunMq, full: Store, words: str, code: int) -> None:
    assert call_mq("peek", *words.split()).is_refused(code)


def test_a_state_is_refused_for_a_topic(call_mq: RunMq, shop: Store) -> None:
    assert call_mq("peek", "orders", "--state", "ready").is_refused(2)
