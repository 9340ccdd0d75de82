"""Words that a newcomer types, from other tools or by a slip, and the answer to each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import RunMq


@pytest.fixture
def shop_with_all_kinds(path: Path) -> None:
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.produce("orders", "a book")
        store.create_queue("mails.dlq")
        store.create_queue("mails", dlq="mails.dlq")
        store.create_group("billing", topics=["orders"])
        store.create_share("packers", "orders")
        store.create_exchange("events", "topic")


# Other words for commands of ours: what is typed, and a part of what comes.
UNDERSTOOD = {
    "help": "Start with:",
    "help topic create": "Usage: mq topic create",
    "version": "mq 0.",
    "ls": "orders\ttopic",
    "list": "packers\tshare",
    "list topics": "orders",
    "ls queues": "mails.dlq",
    "topics": "orders",
    "queues": "mails",
    "groups": "billing",
    "shares": "packers",
    "exchanges": "events",
    "consumers": "billing",
    "get topics": "orders",
    "get queue mails": "standard",
    "describe orders": "orders\t0\t0\t1",
    "describe queue mails": "standard",
    "describe billing": "billing\torders",
    "show events": "events\ttopic",
    "topic describe orders": "orders\t0\t0\t1",
    "topic info orders": "orders\t0\t0\t1",
    "queue stats mails": "standard",
    "topic ls": "orders",
    "create topic carts -o name": "carts",
    "create queue jobs -o name": "jobs",
    "topic add baskets -o name": "baskets",
    "queue new tasks -o name": "tasks",
    "delete queue mails.dlq --dry-run -o name": "mails.dlq",
    "rm queue mails --yes -o name": "mails",
    "topic remove orders --dry-run": "orders",
    "purge mails --dry-run": "mails",
    "stats": "durability",
    "info": "durability",
    "send mails hello -o name": "mails@0",
    "send orders hello -o name": "orders/0@1",
    "tail mails --help": "Usage: mq consume",
}

# Words that have no one meaning here: what is typed, and the hint.
NAMED = {
    "create orders": "mq topic create orders, or mq queue create orders",
    "pop mails": "mq receive mails leases one message",
    "get orders": "mq consume orders reads a topic",
    "read orders": "mq consume orders prints records; mq peek orders only looks",
    "cat orders": "mq consume orders prints records",
    "subscribe orders": "mq consume orders prints records",
    "push mails hello": "mq produce mails VALUE",
    "enqueue mails hello": "mq produce mails VALUE",
    "put mails hello": "mq produce mails VALUE",
    "watch": "mq dashboard, or mq status --watch 2s",
    "ui": "mq dashboard",
    "top": "mq dashboard",
    "server": "mq has no server to start",
    "start": "mq has no server to start",
    "replay billing": "mq group reset GROUP --to 2h",
    "retry mails": "mq dlq redrive mails",
    "offsets": "mq lag, or mq group show GROUP",
    "completion": "mq --install-completion",
    "config": "mq store show",
    "topic purge orders": "mq topic trim orders --before latest",
    "topic tail orders": "mq consume orders --from -10 --follow",
    "queue send mails hello": "mq produce mails VALUE",
    "exchange bind events": "mq bind events DEST -k KEY",
    "consume orders --from-beginning": "--from earliest",
    "consume orders --max-messages 5": "-n N",
    "produce orders -m hello": "the value is named without an option",
    "produce --topic orders hello": "it is named without an option",
    "queue create jobs --visibility-timeout 30": "--lease 30s",
    "topic create carts --replicas 3": "a store is one file on one machine",
}

# Left out: what is typed, and the example in the hint.
LEFT_OUT = {
    "topic create": "mq topic create orders -p 6 --retention 30d",
    "exchange create events": "mq exchange create events -t topic",
    "consume": "mq consume orders --from -10 --follow",
    "bind events": "mq bind events mails -k 'order.*.created'",
}

# Slips: what is typed, and what was meant.
MEANT = {
    "prodcue orders hello": "produce",
    "stalled": "stalls",
    "topic sohw orders": "show",
    "consume order": "orders",
    "peek mail": "mails",
    "dlq peek mial": "mails",
    "lag biling": "billing",
    "lag --topic ordres": "orders",
    "group show biling": "billing",
    "group create audit --topic ordres": "orders",
    "share show packer": "packers",
    "share create sorters ordres": "orders",
    "publish event -k a hello": "events",
    "bind event mails": "events",
    "queue create jobs --dlq mail.dlq": "mails.dlq",
    "describe packer": "packers",
    "store set durabilty full": "durability",
    "peek orders --where ofset=0": "offset",
    "topic alter orders --retension 5d": "--retention",
    "demo flight": "flights",
}


@pytest.mark.parametrize("words", UNDERSTOOD)
def test_a_word_of_other_tools_is_understood(
    call_mq: RunMq, shop_with_all_kinds: None, words: str
) -> None:
    run = call_mq(*words.split())

    assert UNDERSTOOD[words] in run.text
    assert run.code == 0


@pytest.mark.parametrize("words", NAMED)
def test_a_word_without_a_counterpart_names_the_right_command(
    call_mq: RunMq, shop_with_all_kinds: None, words: str
) -> None:
    run = call_mq(*words.split())

    assert run.is_refused(2)
    assert f"hint: {NAMED[words]}" in run.err


@pytest.mark.parametrize("words", MEANT)
def test_a_slip_is_answered_with_the_nearest_name(
    call_mq: RunMq, shop_with_all_kinds: None, words: str
) -> None:
    run = call_mq(*words.split())

    assert run.code in {2, 3}
    assert re.search(rf"hint: did you mean {MEANT[words]}\b", run.err)


@pytest.mark.parametrize("words", ["tail -n 2 orders", "tail -f orders -n 2"])
def test_tail_goes_on_from_the_last_records(
    call_mq: RunMq, shop_with_all_kinds: None, words: str
) -> None:
    call_mq("produce", "orders", "a pen", "a lamp")

    assert call_mq(*words.split(), "--until", "3").text == "a pen\na lamp\n"


@pytest.mark.parametrize("words", LEFT_OUT)
def test_what_is_left_out_is_shown_by_an_example(
    call_mq: RunMq, shop_with_all_kinds: None, words: str
) -> None:
    run = call_mq(*words.split())

    assert run.is_refused(2)
    assert f"hint: as in {LEFT_OUT[words]}\n" in run.err


def test_tail_takes_nothing_from_a_queue(call_mq: RunMq, shop_with_all_kinds: None) -> None:
    run = call_mq("tail", "mails")

    assert run.is_refused(2)
    assert "each message goes to one reader" in run.err


def test_a_thing_of_two_kinds_is_asked_about(
    call_mq: RunMq, shop_with_all_kinds: None, path: Path
) -> None:
    with Store.open(path) as store:
        store.create_group("orders")

    run = call_mq("show", "orders")

    assert run.is_refused(2)
    assert "hint: mq topic show orders or mq group show orders" in run.err


def test_an_unknown_thing_is_told_where_all_names_are(
    call_mq: RunMq, shop_with_all_kinds: None
) -> None:
    assert "hint: mq list names everything" in call_mq("show", "zzz").err
