"""Applying: all or nothing, once, in an order in which whatever is referred to is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import NewRecord, StalePlan, Store
from store.model.errors import GroupActive, NotFound
from tests.topology.conftest import EXAMPLE, source

HEAD = "version: 1\nname: shop\n"


def apply(store: Store, text: str, *, prune: bool = False) -> list[tuple[str, str]]:
    plan = store.apply([source(HEAD + text)], prune=prune)
    return [(step.action, step.name) for step in plan.steps]


def test_it_makes_what_the_file_says(store: Store) -> None:
    store.apply([source(EXAMPLE)])
    assert len(store.topic("orders").partitions) == 6
    emails = store.queue("emails").config
    assert (emails.lease, emails.max_deliveries, emails.dlq) == (45_000, 5, "emails.dlq")
    assert emails.retry_delays == (5_000, 60_000)
    assert store.queue("billing").config.fifo
    assert store.exchange("events").alternate == "unrouted"
    assert [binding.key for binding in store.bindings("events")] == [
        "order.*.created",
        "order.#",
        "#",
    ]
    assert store.bindings("audit")[0].headers == {"region": "eu", "attempts": 1}
    assert store.group("analytics").config.max_lag == 1000
    packers = store.share("packers")
    assert (packers.topic, packers.config.lease, packers.config.dlq) == (
        "orders", 60_000, "emails.dlq",
    )  # fmt: skip


def test_a_file_can_be_named_by_its_path(store: Store, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(HEAD + "queues: {emails: {}}")
    assert [step.name for step in store.apply([tmp_path / "shop.yaml"]).steps] == ["emails"]
    with pytest.raises(NotFound):
        store.plan(["none.yaml"])


def test_applying_twice_does_nothing(store: Store) -> None:
    store.apply([source(EXAMPLE)])
    assert store.apply([source(EXAMPLE)]).steps == ()


def test_queues_may_dead_letter_in_a_circle(store: Store) -> None:
    apply(store, "queues: {a: {dlq: b}, b: {dlq: c}, c: {dlq: a}}")
    assert [queue.config.dlq for queue in store.queues()] == ["b", "c", "a"]
    apply(store, "", prune=True)
    assert store.queues() == []


def test_what_a_queue_may_do_is_judged_by_what_all_queues_shall_be(store: Store) -> None:
    apply(store, "queues: {a: {drop_exhausted: true, max_deliveries: 3}, b: {redrive_allow: none}}")
    apply(store, "queues: {a: {dlq: b}, b: {redrive_allow: a}}")
    assert store.queue("a").config.dlq == "b"


def test_dead_letters_may_go_through_an_exchange(store: Store) -> None:
    text = "exchanges: {e: {type: direct}}\nqueues: {a: {dlq: 'exchange:e', dlq_key: k}, b: {}}"
    apply(store, f"{text}\nbindings: [{{from: e, to: b, key: k}}]")
    store.send("a", b"1")
    store.reject([message.receipt or "" for message in store.receive("a")])
    assert [message.value for message in store.messages("b")] == [b"1"]
    assert apply(store, f"{text}\nbindings: [{{from: e, to: b, key: k}}]") == []


def test_a_change_keeps_the_messages(store: Store) -> None:
    store.create_queue("emails")
    store.send("emails", b"1")
    apply(store, "queues: {emails: {lease: 1m, dlq: dead}, dead: {}}")
    assert store.queue("emails").config.dlq == "dead"
    assert [message.value for message in store.messages("emails")] == [b"1"]


def test_a_changed_delay_of_a_fifo_queue_holds_for_what_waits(store: Store) -> None:
    apply(store, "queues: {billing: {fifo: true, delay: 1h}}")
    store.send("billing", b"1", message_group="g")
    apply(store, "queues: {billing: {fifo: true}}")
    assert [message.value for message in store.receive("billing")] == [b"1"]


def test_all_of_it_is_done_or_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(store, "groups: {g: {topics: [t]}}\ntopics: {t: {}}")
    with store.consumer("g", ["t"]) as consumer:
        consumer.poll(1, timeout=0)
        with pytest.raises(GroupActive):
            apply(store, "topics: {t: {}}\nqueues: {emails: {}}", prune=True)
    assert store.queues() == []


def test_a_plan_that_is_out_of_date_is_refused(store: Store) -> None:
    files = [source(HEAD + "queues: {emails: {lease: 1m}}")]
    plan = store.plan(files)
    store.create_queue("emails")
    with pytest.raises(StalePlan):
        store.apply(files, expected=plan)
    assert store.queue("emails").config.lease == 30_000


def test_a_plan_stays_good_while_only_messages_come_and_go(store: Store) -> None:
    store.create_queue("emails")
    files = [source(HEAD + "queues: {emails: {lease: 1m}}")]
    plan = store.plan(files)
    store.send("emails", b"1")
    store.apply(files, expected=plan)
    assert store.queue("emails").config.lease == 60_000


def test_a_plan_that_would_lose_messages_by_now_is_refused(store: Store) -> None:
    store.create_queue("emails")
    files = [source(HEAD + "queues: {emails: {max_length: 1}}")]
    plan = store.plan(files)
    assert not plan.risky
    store.send("emails", b"1")
    store.send("emails", b"2")
    with pytest.raises(StalePlan):
        store.apply(files, expected=plan)


def test_a_group_that_gives_a_topic_up_keeps_its_offsets_there(store: Store) -> None:
    apply(store, "topics: {a: {}, b: {}}\ngroups: {g: {topics: [a, b]}}")
    store.produce_many("a", [NewRecord(b"1")] * 3)
    with store.consumer("g", ["a"]) as consumer:
        consumer.poll(2, timeout=0)
        consumer.commit()
    assert apply(store, "topics: {a: {}, b: {}}\ngroups: {g: {}}") == [("change", "g")]
    assert [(row.topic, row.committed) for row in store.lag("g")] == [("a", 2)]


def test_a_share_begins_where_its_file_says_and_only_then(store: Store) -> None:
    store.create_topic("t")
    store.produce_many("t", [NewRecord(b"%d" % n) for n in range(3)])
    apply(store, "topics: {t: {}}\nshares: {s: {topic: t, from: latest}}")
    store.produce("t", b"new")
    assert apply(store, "topics: {t: {}}\nshares: {s: {topic: t, lease: 1m}}") == [("change", "s")]
    assert [record.value for record in store.acquire("s", 10)] == [b"new"]


def test_a_pruned_topic_is_drained(store: Store) -> None:
    apply(store, "topics: {t: {}}")
    store.produce_many("t", [NewRecord(b"1")] * 10)
    apply(store, "", prune=True)
    assert (store.topics(), store.status().records) == ([], 0)


def test_everything_that_was_created_can_be_pruned(store: Store) -> None:
    files = [source(EXAMPLE)]
    store.apply(files)
    store.apply([source("version: 1\n")], prune=True)
    assert store.export() == "version: 1"
    assert store.verify() == []
