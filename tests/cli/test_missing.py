"""A name that nothing has: the nearest one comes first, and only then how to make it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from store import Store

if TYPE_CHECKING:
    from tests.cli.conftest import RunMq


@pytest.fixture
def shop(path: Path) -> Store:
    """A store with one thing of each kind, and a queue with a DLQ; closed."""
    with Store.open(path, create=True, durability="normal") as store:
        store.create_topic("orders")
        store.create_queue("graves")
        store.create_queue("emails", dlq="graves")
        store.create_share("packers", "orders")
        store.create_group("billing", topics=["orders"])
        store.create_exchange("events", "topic")
    return store


TOPIC = "topic", "order", "orders"
QUEUE = "queue", "emial", "emails"
SHARE = "share", "packer", "packers"
GROUP = "group", "biling", "billing"
EXCHANGE = "exchange", "event", "events"


@pytest.mark.parametrize(
    ("words", "thing"),
    [
        *((words, TOPIC) for words in (
            "consume {}", "consume {}/0", "consume {} -g g", "produce {} v", "produce {}/0 v",
            "pipe {} emails -g g --once -- cat", "pipe emails {} --once -- cat",
            "work {} -g g --once -- true", "peek {}", "peek {}/0@1", "peek {}/0@1 --history",
            "project {} table --pk id", "lag --topic {}", "stalls --explain {}/0@1",
            "lease release {}/0@1", "topic show {}", "topic alter {} --retention 1d",
            "topic delete {} --yes", "topic trim {} --before 0 --yes", "topic compact {}",
            "topic latest {}", "bind events {} -k a", "unbind events {} -k a",
            "share create s {}", "group create g --topic {}", "group alter billing --topic {}",
            "group reset billing --topic {} --to earliest", "group skip billing {}/0@0",
        )),
        *((words, QUEUE) for words in (
            "consume {}", "produce {} v", "receive {}", "work {} --once -- true",
            "pipe {} orders --once -- cat", "pipe orders {} -g g --once -- cat", "peek {}",
            "peek {}@1", "peek {}@1 --history", "stalls --explain {}@1", "lease list {}",
            "lease release {}@1", "queue show {}", "queue alter {} --lease 1s",
            "queue delete {} --yes", "queue purge {} --yes", "queue create q --dlq {}",
            "queue alter graves --dlq {}", "bind events {} -k a", "dlq peek {}",
            "dlq redrive {}", "dlq redrive graves --to {}", "dlq export {}", "dlq import {}",
            "dlq purge {} --yes", "dlq edit {}@1", "share create s orders --dlq {}",
            "group create g --dlq {}", "group alter billing --max-deliveries 2 --dlq {}",
        )),
        *((words, SHARE) for words in (
            "receive {}", "work {} --once -- true", "lag {}", "lease list {}", "share show {}",
            "share alter {} --lease 1s", "share delete {} --yes", "share reset {} --to earliest",
            "dlq peek {}",
        )),
        *((words, GROUP) for words in (
            "lag {}", "group show {}", "group members {}", "group alter {} --retention 1d",
            "group delete {} --yes", "group skip {} orders/0@0",
        )),
        *((words, EXCHANGE) for words in (
            "publish {} v -k a", "route {} -k a", "bind {} emails -k a", "unbind {} emails -k a",
            "bind events exchange:{} -k a", "binding list {}", "exchange show {}",
            "exchange alter {} --alternate none", "exchange delete {} --yes",
            "queue create q --dlq exchange:{}",
        )),
    ],
)  # fmt: skip
def test_the_nearest_name_is_the_first_hint(
    call_mq: RunMq, shop: Store, words: str, thing: tuple[str, str, str]
) -> None:
    kind, slip, meant = thing

    run = call_mq(*words.format(slip).split())

    assert run.is_refused(3)
    assert kind in run.err.splitlines()[0]
    assert f"hint: did you mean {meant}?" in run.err


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("consume zzz", "there is no topic or queue zzz",
         "mq topic create zzz or mq queue create zzz"),
        ("consume zzz -g g", "topic zzz does not exist", "mq topic create zzz"),
        ("produce zzz v", "there is no topic or queue zzz",
         "mq topic create zzz or mq queue create zzz"),
        ("receive zzz", "there is no queue or share zzz",
         "mq queue create zzz or mq share create zzz TOPIC"),
        ("work zzz -- true", "there is no queue or share zzz",
         "mq queue create zzz or mq share create zzz TOPIC"),
        ("topic show zzz", "topic zzz does not exist", "mq topic create zzz"),
        ("group show zzz", "group zzz does not exist", "mq group create zzz"),
        ("exchange show zzz", "exchange zzz does not exist", "mq exchange create zzz -t topic"),
        ("lag zzz", "there is no group or share zzz",
         "mq group create zzz or mq share create zzz TOPIC"),
    ],
)  # fmt: skip
def test_where_none_is_near_it_is_how_to_make_one(
    call_mq: RunMq, shop: Store, words: str, said: str, hint: str
) -> None:
    run = call_mq(*words.split())

    assert run.err == f"mq: error: {said}\nhint: {hint}\n"


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("topic show emial", "the queue emails"),
        ("receive order", "the topic orders"),
        ("group show packer", "the share packers"),
        ("produce event v", "exchange:events"),
        ("bind events event", "exchange:events"),
    ],
)
def test_a_near_name_of_another_kind_comes_with_its_kind(
    call_mq: RunMq, shop: Store, words: str, near: str
) -> None:
    assert f"hint: did you mean {near}? if not: mq " in call_mq(*words.split()).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("receive orders", "orders is a topic, not a queue"),
        ("topic show emails", "emails is a queue, not a topic"),
        ("group show orders", "orders is a topic, not a group"),
        ("share show billing", "billing is a group, not a share"),
        ("exchange show orders", "orders is a topic, not an exchange"),
        ("queue show events", "events is an exchange, which stores nothing itself"),
    ],
)
def test_a_name_of_another_kind_is_told_apart(
    call_mq: RunMq, shop: Store, words: str, said: str
) -> None:
    run = call_mq(*words.split())

    assert run.is_refused(3)
    assert run.err.startswith(f"mq: error: {said}\n")


@pytest.mark.parametrize(
    ("words", "near", "code"),
    [
        ("topic craete t", "create", 2),
        ("topic create t --partitons 2", "--partitions", 2),
        ("status --jsn", "--json", 2),
        ("store set durabilty full", "durability", 2),
        ("demo singleactive", "single-active", 3),
    ],
)
def test_other_unknown_words_are_answered_alike(
    call_mq: RunMq, shop: Store, words: str, near: str, code: int
) -> None:
    run = call_mq(*words.split())

    assert run.is_refused(code)
    assert f"hint: did you mean {near}?" in run.err


def test_a_reset_that_would_make_a_group_says_which_may_have_been_meant(
    call_mq: RunMq, shop: Store
) -> None:
    words = ["--topic", "orders", "--to", "latest"]

    run = call_mq("group", "reset", "biling", *words)

    assert run.code == 0
    assert "mq: group biling does not exist; did you mean billing?" in run.err
    assert "does not exist" not in call_mq("group", "reset", "billing", *words).err
