"""What a plan says would be done, what it marks, and what it refuses."""

from __future__ import annotations

import pytest

from store import NewMessage, NewRecord, Store
from store.topology.problems import InvalidTopology
from store.topology.steps import Step
from tests.topology.conftest import source

HEAD = "version: 1\nname: shop\n"


def steps(store: Store, text: str, *, prune: bool = False) -> list[Step]:
    return list(store.plan([source(HEAD + text)], prune=prune).steps)


def apply(store: Store, text: str, *, prune: bool = False) -> list[Step]:
    return list(store.apply([source(HEAD + text)], prune=prune).steps)


def changes(step: Step) -> dict[str, tuple[str | None, str]]:
    return {change.setting: (change.old, change.new) for change in step.changes}


def refusal(store: Store, text: str, *, prune: bool = False) -> str:
    with pytest.raises(InvalidTopology) as caught:
        steps(store, text, prune=prune)
    (problem,) = caught.value.problems
    return str(problem)


def test_what_is_not_there_is_created_with_what_differs_from_the_defaults(store: Store) -> None:
    (step,) = steps(store, "queues: {emails: {lease: 45s, delay: 0s}}")
    assert (step.action, step.kind, step.name) == ("create", "queue", "emails")
    assert changes(step) == {"lease": (None, "45s")}
    assert not step.risks


def test_planning_changes_nothing(store: Store) -> None:
    steps(store, "queues: {emails: {}}")
    assert store.queues() == []


def test_a_change_says_from_what_to_what_and_how_much_is_there(store: Store) -> None:
    store.create_queue("emails")
    store.send_many("emails", [NewMessage(b"%d" % n) for n in range(3)])
    store.receive("emails")
    (step,) = steps(store, "queues: {emails: {lease: 1m}}")
    assert changes(step) == {"lease": ("30s", "1m")}
    assert step.facts == {"messages": 3, "bytes": 3, "in_flight": 1}
    assert not step.risks


def test_what_a_file_leaves_out_of_a_thing_means_its_default(store: Store) -> None:
    store.create_queue("emails", lease=60)
    (step,) = steps(store, "queues: {emails: {}}")
    assert changes(step) == {"lease": ("1m", "30s")}


def test_the_same_written_otherwise_is_no_change(store: Store) -> None:
    store.create_topic("orders", retention=7 * 86_400)
    assert steps(store, "topics: {orders: {retention: PT168H, partitions: '1'}}") == []


def test_what_the_files_leave_out_altogether_stays(store: Store) -> None:
    store.create_queue("other")
    assert steps(store, "queues: {}") == []


class TestRisks:
    @pytest.mark.parametrize(("new", "share"), [(4, 50), (3, 67), (8, 75)])
    def test_growing_partitions_says_which_share_of_keys_moves(
        self, store: Store, new: int, share: int
    ) -> None:
        store.create_topic("orders", partitions=2)
        keys = [f"k{n}" for n in range(2_000)]
        before = [store.partition_for("orders", key) for key in keys]
        (step,) = steps(store, f"topics: {{orders: {{partitions: {new}}}}}")
        assert step.risks[0].startswith(f"{share} % of the keys")
        apply(store, f"topics: {{orders: {{partitions: {new}}}}}")
        moved = sum(
            store.partition_for("orders", k) != b for k, b in zip(keys, before, strict=True)
        )
        assert round(100 * moved / len(keys)) == pytest.approx(share, abs=4)

    @pytest.mark.parametrize(
        "setting", ["retention: 1d", "retention_bytes: 1MiB", "cleanup: compact"]
    )
    def test_keeping_less_of_a_topic_is_marked(self, store: Store, setting: str) -> None:
        store.create_topic("orders")
        store.produce("orders", b"1")
        (step,) = steps(store, f"topics: {{orders: {{{setting}}}}}")
        assert step.risks
        assert step.facts == {"records": 1, "readers": 0}

    @pytest.mark.parametrize("setting", ["retention: 30d", "max_message: 2MiB"])
    def test_keeping_more_of_a_topic_is_not(self, store: Store, setting: str) -> None:
        store.create_topic("orders")
        (step,) = steps(store, f"topics: {{orders: {{{setting}}}}}")
        assert not step.risks

    @pytest.mark.parametrize("setting", ["retention: 1h", "max_bytes: 10B", "max_length: 1"])
    def test_keeping_less_of_a_queue_is_marked(self, store: Store, setting: str) -> None:
        store.create_queue("emails")
        store.send_many("emails", [NewMessage(b"a message")] * 2)
        (step,) = steps(store, f"queues: {{emails: {{{setting}}}}}")
        assert step.risks

    @pytest.mark.parametrize(
        "settings",
        ["ttl: 1h", "max_length: 1, overflow: reject", "max_length: 2", "retention: 30d"],
    )
    def test_what_takes_no_message_away_is_not(self, store: Store, settings: str) -> None:
        store.create_queue("emails")
        store.send_many("emails", [NewMessage(b"a message")] * 2)
        (step,) = steps(store, f"queues: {{emails: {{{settings}}}}}")
        assert not step.risks

    def test_a_group_that_is_changed_shows_its_members_and_lag(self, store: Store) -> None:
        store.create_topic("orders")
        store.produce_many("orders", [NewRecord(b"1")] * 5)
        with store.consumer("analytics", ["orders"]) as consumer:
            consumer.poll(2, timeout=0)
            consumer.commit()
            (step,) = steps(store, "groups: {analytics: {topics: [orders], max_lag: 10}}")
            assert step.facts == {"members": 1, "lag": 3}

    def test_a_share_that_is_changed_shows_what_is_in_flight_and_its_lag(
        self, store: Store
    ) -> None:
        store.create_topic("orders")
        store.create_share("packers", "orders")
        store.produce_many("orders", [NewRecord(b"1")] * 5)
        store.acquire("packers", 2)
        (step,) = steps(
            store, "topics: {orders: {}}\nshares: {packers: {topic: orders, lease: 1m}}"
        )
        assert step.facts == {"in_flight": 2, "lag": 5}


class TestImpossible:
    def test_fifo_is_decided_at_the_creation(self, store: Store) -> None:
        store.create_queue("billing")
        assert refusal(store, "queues:\n  billing: {fifo: true}") == (
            "shop.yaml:4:19: error: billing can't be turned into a FIFO queue: create another queue"
            " and move the messages"
        )

    def test_partitions_only_grow(self, store: Store) -> None:
        store.create_topic("orders", partitions=3)
        assert "they only grow: for fewer" in refusal(store, "topics: {orders: {partitions: 2}}")

    def test_priorities_only_grow(self, store: Store) -> None:
        store.create_queue("emails", priorities=3)
        assert "they only grow" in refusal(store, "queues: {emails: {priorities: 2}}")

    def test_a_queue_with_messages_does_not_become_fair(self, store: Store) -> None:
        store.create_queue("emails")
        assert steps(store, "queues: {emails: {fair: true}}")
        store.send("emails", b"1")
        assert "holds 1 messages" in refusal(store, "queues: {emails: {fair: true}}")

    def test_the_type_of_an_exchange_stays(self, store: Store) -> None:
        store.create_exchange("events", "topic")
        text = "exchanges: {events: {type: direct}}"
        assert "declare another exchange" in refusal(store, text)

    def test_a_share_reads_one_topic(self, store: Store) -> None:
        store.create_topic("a")
        store.create_topic("b")
        store.create_share("s", "a")
        assert "declare another share" in refusal(store, "shares: {s: {topic: b}}")

    def test_a_name_that_is_something_else_in_the_store_is_refused(self, store: Store) -> None:
        store.create_topic("orders")
        assert "orders is a topic already (in the store)" in refusal(store, "queues: {orders: {}}")


class TestReferences:
    def test_what_is_in_the_store_may_be_referred_to(self, store: Store) -> None:
        store.create_queue("dead")
        assert [step.name for step in steps(store, "queues: {emails: {dlq: dead}}")] == ["emails"]

    def test_who_has_a_dlq_that_takes_nobody_new_keeps_it(self, store: Store) -> None:
        store.create_queue("dead")
        store.create_queue("emails", dlq="dead")
        store.alter_queue("dead", redrive_allow="none")
        assert store.plan([source(store.export())]).steps == ()

    def test_what_is_nowhere_may_not(self, store: Store) -> None:
        text = "queues: {emails: {dlq: dead}}"
        assert "there is no queue dead" in refusal(store, text)


def test_a_topic_that_a_group_reads_is_not_pruned(store: Store) -> None:
    apply(store, "topics: {t: {}}")
    store.create_group("g", topics=["t"])
    assert "topic t can't be deleted: it is one of the topics of group g" in refusal(
        store, "", prune=True
    )


def test_a_topic_that_a_share_reads_is_not_pruned(store: Store) -> None:
    apply(store, "topics: {t: {}}")
    store.create_share("s", "t")
    assert "topic t can't be deleted: it is the topic of share s" in refusal(store, "", prune=True)


class TestPrune:
    def test_only_what_the_same_topology_created_is_deleted(self, store: Store) -> None:
        store.create_queue("by-hand")
        store.apply([source("version: 1\nqueues: {theirs: {}}", "other.yaml")])
        apply(store, "queues: {a: {}, b: {}}")
        assert [(s.action, s.name) for s in steps(store, "queues: {a: {}}", prune=True)] == [
            ("delete", "b")
        ]

    def test_without_it_nothing_is_deleted(self, store: Store) -> None:
        apply(store, "queues: {a: {}, b: {}}")
        assert steps(store, "queues: {a: {}}") == []

    def test_what_was_there_before_its_file_is_not_owned_by_it(self, store: Store) -> None:
        store.create_queue("a")
        apply(store, "queues: {a: {}}")
        assert steps(store, "", prune=True) == []

    def test_a_thing_that_moved_to_another_file_is_owned_by_that(self, store: Store) -> None:
        apply(store, "queues: {a: {}}")
        taken = store.apply([source("version: 1\nqueues: {a: {}}", "mail.yaml")])
        assert (taken.steps, [thing.name for thing in taken.taken_over]) == ((), ["a"])
        assert steps(store, "", prune=True) == []
        assert store.plan([source("version: 1\n", "mail.yaml")], prune=True).steps

    def test_a_deletion_says_what_goes_with_it(self, store: Store) -> None:
        apply(store, "queues: {a: {}}")
        store.send("a", b"1")
        (step,) = steps(store, "", prune=True)
        assert step.risks == ("1 message lost",)
        assert step.facts == {"messages": 1, "bytes": 1, "in_flight": 0}

    def test_what_something_else_needs_is_not_deleted(self, store: Store) -> None:
        apply(store, "queues: {dead: {}}")
        store.create_queue("emails", dlq="dead")
        assert "queue dead can't be deleted: it is the dlq of queue emails" in refusal(
            store, "", prune=True
        )

    def test_what_a_file_still_refers_to_is_not_deleted(self, store: Store) -> None:
        apply(store, "queues: {dead: {}, emails: {dlq: dead}}")
        assert "there is no queue dead" in refusal(
            store, "queues: {emails: {dlq: dead}}", prune=True
        )

    def test_what_has_the_name_of_another_kind_of_thing_is_in_its_way(self, store: Store) -> None:
        apply(store, "queues: {orders: {}}")
        assert refusal(store, "topics: {orders: {}}", prune=True).endswith(
            "orders is a queue already (in the store): topics, queues and shares have one name"
            " space; mq queue delete orders first"
        )


def test_the_order_in_which_a_group_names_its_topics_is_no_change(store: Store) -> None:
    text = "topics: {a: {}, b: {}}\ngroups: {readers: {topics: [b, a]}}"
    apply(store, text)
    assert steps(store, text) == []


def test_planning_reads_each_kind_with_a_fixed_number_of_queries(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def text(size: int) -> str:
        lines = ["queues:"]
        lines += [f"  q{n}: {{lease: 1m, dlq: dead}}" for n in range(size)]
        lines += ["  dead: {}", "exchanges: {e: {type: topic}}", "bindings:"]
        lines += [f"  - {{from: e, to: q{n}, key: k.{n}}}" for n in range(size)]
        return "\n".join([*lines, "topics: {t: {}}", "groups: {g: {topics: [t]}}"])

    def statements(size: int) -> int:
        apply(store, text(size))
        counted: list[str] = []
        store._database.read_only().set_trace_callback(counted.append)
        changed = text(size).replace("lease: 1m", "retention: 1h")
        assert len(steps(store, changed)) == size
        store._database.read_only().set_trace_callback(None)
        return len(counted)

    assert statements(2) == statements(40)
